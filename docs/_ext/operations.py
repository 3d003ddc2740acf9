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

_Plain = dict[str, Any]

_WORDS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "maxItems": "at most {} items",
    "default": "`{}` if left out",
}


def operations(told: _Plain) -> str:
    """Return the operations of an OpenAPI document, and the values they take and give, in Markdown."""
    return "\n".join([*_nouns(told), "## Values", "", *_values(told["components"]["schemas"])])


def _nouns(told: _Plain) -> Iterator[str]:
    for tag in told["tags"]:
        yield f"## {tag['name'].capitalize()}\n\n{tag['description']}.\n"
        for path, methods in told["paths"].items():
            for method, one in methods.items():
                if tag["name"] in one["tags"]:
                    yield from _operation(f"{method.upper()} {path}", one)


def _operation(request: str, one: _Plain) -> Iterator[str]:
    yield f"({one['operationId']})=\n### {request}\n"
    yield f"`{one['operationId']}`: {one['summary']}. {_needs(one)}\n"
    if parameters := one.get("parameters"):
        yield from _table(("parameter", "in", "what"), map(_parameter, parameters))
    if body := one.get("requestBody"):
        yield from _bodies("Body", body["content"])
    for status, answer in one["responses"].items():
        if "$ref" not in answer:
            yield from _bodies(f"Answer {status}", answer.get("content", {}))
    failures = [_failure(*each) for each in one["responses"].items() if "$ref" in each[1]]
    yield f"[Errors](errors.md): {', '.join(failures)}.\n" if failures else ""


def _needs(one: _Plain) -> str:
    if permission := one.get("x-permission"):
        return f"Needs the permission `{permission}`."
    return "Needs no token." if one.get("security") == [] else "Needs a token."


def _parameter(one: _Plain) -> tuple[str, str, str]:
    name = f"`{one['name']}`{' (needed)' if one['required'] else ''}"
    told = [f"{one['description'].rstrip('.')}."] if "description" in one else []
    return name, one["in"], ". ".join([_type(one["schema"]), *told])


def _bodies(title: str, content: _Plain) -> Iterator[str]:
    for kind, one in content.items():
        yield f"**{title}**, `{kind}`: {_type(one.get('schema', {}))}\n"
        for example in list(one.get("examples", {}).values())[:1]:
            if isinstance(example["value"], dict | list):
                shown = json.dumps(example["value"], indent=2, ensure_ascii=False)
                yield f"```json\n{shown}\n```\n"


def _failure(status: str, answer: _Plain) -> str:
    return f"{status} {answer['$ref'].rpartition('/')[2]}"


def _values(schemas: _Plain) -> Iterator[str]:
    for name, schema in schemas.items():
        yield f"(value-{name.lower()})=\n### {name}\n"
        yield schema.get("description", "") + "\n"
        if "enum" in schema:
            yield f"One of {_choices(schema)}.\n"
        if fields := schema.get("properties"):
            needed = schema.get("required", [])
            told = len(needed) < len(fields)  # what is always there needs no mark
            yield from _table(
                ("field", "what"),
                (
                    (f"`{field}`{' (needed)' if told and field in needed else ''}", _type(of))
                    for field, of in fields.items()
                ),
            )


def _type(schema: _Plain) -> str:
    """Return what *schema* allows, in words; values of our own are links."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
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
        return f"{named} of {_type(schema.get('items', {}))}"
    if "object" in kinds and schema.get("properties"):
        inner = (f"`{name}`: {_type(of)}" for name, of in schema["properties"].items())
        return f"{named} with {'; '.join(inner)}"
    return f"{named} ({schema['format']})" if "format" in schema else named


def _limits(schema: _Plain) -> Iterator[str]:
    for key, words in _WORDS.items():
        if key in schema and schema[key] not in (None, [], ""):
            yield words.format(json.dumps(schema[key], ensure_ascii=False).strip('"'))


def _choices(schema: _Plain) -> str:
    return ", ".join(f"`{value}`" for value in schema["enum"])


def _table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(titles)
    cells = ([cell.replace("|", r"\|") for cell in row] for row in rows)
    lines = [head, ["---"] * len(head), *cells]
    yield "".join(f"| {' | '.join(line)} |\n" for line in lines)


def setup(app: "Sphinx") -> dict[str, bool]:
    """Fill the mark in every page that has it."""
    # Made now: autodoc loads modules a second time, and then rules are not told by their class.
    made = operations(document())

    def fill(app: "Sphinx", name: str, source: list[str]) -> None:
        del app, name
        source[0] = source[0].replace(MARK, made)

    app.connect("source-read", fill)
    return {"parallel_read_safe": True}
