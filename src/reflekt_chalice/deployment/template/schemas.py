"""Our JSON schemas as models of API Gateway, which knows JSON Schema draft 4 inside Swagger 2.0."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.template.intrinsics import Plain
from reflekt_core.rest.openapi import document

__all__ = ["Requests", "requests"]

_ABOVE: Final = "#/components/schemas/"
_KEPT: Final = ("properties", "required", "additionalProperties", "enum", "minimum", "maximum")
_KEPT_OF_LISTS: Final = ("items", "minItems", "maxItems")


@attrs.frozen
class Requests:
    """
    What is known of requests, by path and method such as ``("/entries", "post")``.

    `bodies` are the model and the media types of each body; `parameters` the names of those that must
    stand in the query string; `models` all models by name.

    A model never refuses what the function would take. What draft 4 or API Gateway may read in another
    way is left to the function: patterns, formats, lengths of text, and null beside a type.
    """

    bodies: Mapping[tuple[str, str], tuple[str, tuple[str, ...]]]
    parameters: Mapping[tuple[str, str], tuple[str, ...]]
    models: Plain


def requests() -> Requests:
    """Return what is known of requests, from the OpenAPI document."""
    described = document()
    operations = {
        (path, method): operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    bodies = {
        key: _body(operation) for key, operation in operations.items() if "requestBody" in operation
    }
    asked = {key: tuple(_asked(operation)) for key, operation in operations.items()}
    parameters = {key: names for key, names in asked.items() if names}
    models = _models(described["components"]["schemas"], {model for model, _ in bodies.values()})
    return Requests(bodies, parameters, models)


def _body(operation: Plain) -> tuple[str, tuple[str, ...]]:
    content = operation["requestBody"]["content"]
    (model,) = {media["schema"]["$ref"].removeprefix(_ABOVE) for media in content.values()}
    return model, tuple(content)


def _asked(operation: Plain) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query" and parameter["required"]:
            yield parameter["name"]


def _models(schemas: Plain, names: set[str]) -> Plain:
    """Return the models of these names, and of those that they refer to."""
    found: Plain = {}
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _draft_4(schemas[name])
            waiting += _referred(found[name])
    return dict(sorted(found.items()))


def _draft_4(schema: Plain) -> Plain:
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace(_ABOVE, "#/definitions/")}
    kind = schema.get("type")
    if not isinstance(kind, str):  # null beside a type, or several schemas
        return {}
    kept = _KEPT + (_KEPT_OF_LISTS if kind == "array" else ())
    # A number without fraction is an integer to us, also as 4.0; not so to draft 4.
    found: Plain = {"type": "number" if kind == "integer" else kind}
    found |= {key: schema[key] for key in kept if key in schema}
    if "properties" in found:
        found["properties"] = {n: _draft_4(s) for n, s in found["properties"].items()}
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _draft_4(found[key])
    return found


def _referred(schema: Any) -> Iterator[str]:
    """Yield the names of the models that *schema* refers to."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix("#/definitions/")
        for value in schema.values():
            yield from _referred(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _referred(value)
