"""
The page of HTTP operations, made from the OpenAPI document that the service answers with.

A page says where they go by a line of its own: ``<!-- operations -->``.
"""

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from reflekt_core.rest.openapi import document

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["operations", "setup"]

MARK: Final = "<!-- operations -->"

_BEYOND: Final = 2**53  # limits of this size say what JSON can hold, not what Reflekt allows

_Plain = dict[str, Any]


def operations(told: _Plain) -> str:
    """Return the operations of an OpenAPI document, and the values they take and give, in Markdown."""
    schemas = told["components"]["schemas"]
    parts = [_all_of_them(told), *_nouns(told, schemas), "## Values\n", *_values(schemas)]
    return "\n".join(parts)


def _each(told: _Plain) -> Iterator[tuple[str, _Plain]]:
    for path, methods in told["paths"].items():
        for method, one in methods.items():
            yield f"{method.upper()} {path}", one


def _all_of_them(told: _Plain) -> str:
    rows = (
        (f"[{request}](#{one['operationId']})", f"`{one['operationId']}`", one["summary"])
        for request, one in _each(told)
    )
    return _table(("request", "name", "what it does"), rows)


def _nouns(told: _Plain, schemas: _Plain) -> Iterator[str]:
    for tag in told["tags"]:
        yield f"## {tag['name'].capitalize()}\n\n{tag['description']}.\n"
        for request, one in _each(told):
            if tag["name"] in one["tags"]:
                yield from _operation(request, one, schemas)


def _operation(request: str, one: _Plain, schemas: _Plain) -> Iterator[str]:
    yield f"({one['operationId']})=\n### {request}\n"
    yield f"`{one['operationId']}`: {one['summary']}. {_needs(one)}\n"
    if parameters := one.get("parameters"):
        yield _table(("parameter", "in", "what"), map(_parameter, parameters))
    if body := one.get("requestBody"):
        yield from _body(body["content"], schemas)
    for status, answer in one["responses"].items():
        if "$ref" not in answer:
            yield from _answer(status, answer.get("content", {}))
    failures = [_failure(*each) for each in one["responses"].items() if "$ref" in each[1]]
    yield f"[Errors](errors.md): {', '.join(failures)}.\n" if failures else ""


def _needs(one: _Plain) -> str:
    if permission := one.get("x-permission"):
        return f"Needs the permission `{permission}`."
    return "Needs no token." if one.get("security") == [] else "Needs a token."


def _parameter(one: _Plain) -> tuple[str, str, str]:
    name = f"`{one['name']}`{' (needed)' if one['required'] else ''}"
    return name, one["in"], _told(one["schema"] | {"description": one.get("description", "")})


def _told(schema: _Plain) -> str:
    """Return what *schema* allows, and what it says of itself."""
    said = " ".join(schema.get("description", "").split()).rstrip(".")
    return f"{_type(schema)}. {said}." if said else _type(schema)


def _body(content: _Plain, schemas: _Plain) -> Iterator[str]:
    """Yield the kinds of a body, which hold the same, its fields and an example."""
    one = next(iter(content.values()))
    yield f"**Body**, {' or '.join(f'`{kind}`' for kind in content)}: {_type(one['schema'])}\n"
    if "$ref" in one["schema"]:
        yield from _fields(schemas[_named(one["schema"])])
    yield from _example(one)


def _answer(status: str, content: _Plain) -> Iterator[str]:
    """Yield what comes back; its example is folded, as it is long."""
    for kind, one in content.items():
        yield f"**Answer {status}**, `{kind}`: {_type(one.get('schema', {}))}\n"
        if shown := list(_example(one)):
            yield "<details><summary>Example</summary>\n"
            yield from shown
            yield "</details>\n"


def _example(one: _Plain) -> Iterator[str]:
    for example in list(one.get("examples", {}).values())[:1]:
        if isinstance(example["value"], dict | list):
            shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
            yield f"```json\n{shown}\n```\n"


def _failure(status: str, answer: _Plain) -> str:
    return f"{status} {_named(answer)}"


def _values(schemas: _Plain) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"(value-{name.lower()})=\n### {name}\n"
        yield schema.get("description", "") + "\n"
        if "enum" in schema:
            yield f"One of {_choices(schema)}.\n"
        yield from _fields(schema)


def _fields(schema: _Plain) -> Iterator[str]:
    fields, needed = schema.get("properties", {}), schema.get("required", [])
    told = len(needed) < len(fields)  # what is always there needs no mark
    rows = [
        (f"`{field}`{' (needed)' if told and field in needed else ''}", _told(of))
        for field, of in fields.items()
    ]
    if rows:
        yield _table(("field", "what"), rows)


def _named(schema: _Plain) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _type(schema: _Plain) -> str:
    """Return what *schema* allows, in words; values of our own are links."""
    if "$ref" in schema:
        name = _named(schema)
        return ", ".join([f"[{name}](#value-{name.lower()})", *_limits(schema)])
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(map(_type, schema[key]))
    if "enum" in schema:
        return ", ".join([f"one of {_choices(schema)}", *_limits(schema)])
    return ", ".join([_kind(schema), *_limits(schema)])


def _kind(schema: _Plain) -> str:
    kinds = schema.get("type", "any value")
    named = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    if "array" in kinds:
        inner = _type(schema.get("items", {}))
        return f"{named} of {f'({inner})' if ',' in inner else inner}"
    if "object" in kinds and schema.get("properties"):
        parts = (f"`{name}`: {_type(of)}" for name, of in schema["properties"].items())
        return f"{named} with {'; '.join(parts)}"
    return f"{named} ({schema['format']})" if "format" in schema else named


def _limits(schema: _Plain) -> Iterator[str]:
    yield from _range(schema, "minimum", "maximum", "")
    yield from _range(schema, "minLength", "maxLength", " characters")
    yield from _range(schema, "minItems", "maxItems", " items")
    if "pattern" in schema and "examples" in schema:
        yield f"such as `{schema['examples'][0]}`"
    if schema.get("default") not in (None, [], ""):
        plain = json.dumps(schema["default"], ensure_ascii=False).strip('"')
        yield f"`{plain}` if left out"


def _range(schema: _Plain, low: str, high: str, unit: str) -> Iterator[str]:
    ends = (schema.get(key) for key in (low, high))
    least, most = (None if end is not None and abs(end) >= _BEYOND else end for end in ends)
    if least is not None and most is not None:
        yield f"{least}{unit}" if least == most else f"{least} to {most}{unit}"
    elif least is not None:
        yield f"at least {least}{unit}"
    elif most is not None:
        yield f"at most {most}{unit}"


def _choices(schema: _Plain) -> str:
    return ", ".join(f"`{value}`" for value in schema["enum"])


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(titles)
    cells = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Fill the mark in every page that has it."""
    # Made now: autodoc loads modules a second time, and then rules are not told by their class.
    made = operations(document())

    def fill(app: "Sphinx", name: str, source: list[str]) -> None:
        del app, name
        source[0] = source[0].replace(MARK, made)

    app.connect("source-read", fill)
    return {"parallel_read_safe": True}
