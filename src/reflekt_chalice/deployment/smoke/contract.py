"""Does an answer keep to the OpenAPI document of the service?"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

__all__ = ["Contract", "Route"]

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_LINES: Final = "application/x-ndjson"
_SHOWN: Final = 3


@attrs.frozen
class Route:
    """Where an operation is."""

    method: str
    path: str


@attrs.frozen
class _Row:
    route: Route
    said: Mapping[str, Any]


class Contract:
    """
    What a service promises in its OpenAPI *document*.

    What breaks it is told by the place and the rule: the values themselves are never repeated.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._rows = {
            said["operationId"]: _Row(Route(method.upper(), path), said)
            for path, methods in document.get("paths", {}).items()
            for method, said in methods.items()
            if method in _METHODS
        }

    @property
    def operations(self) -> frozenset[str]:
        """The ids of its operations."""
        return frozenset(self._rows)

    @property
    def version(self) -> str:
        """The version of the service."""
        return str(self._document.get("info", {}).get("version", "?"))

    def route(self, operation: str) -> Route | None:
        """Return where *operation* is; None if the service does not have it."""
        row = self._rows.get(operation)
        return None if row is None else row.route

    def request_problems(self, operation: str, body: Any) -> list[str]:
        """Return what is wrong with the *body* of a request."""
        content = self._rows[operation].said.get("requestBody", {}).get("content", {})
        if not content:
            return ["the request has a body, and should have none"]
        media = next(iter(content.values()))
        return [f"the request's {one}" for one in self._broken(body, media["schema"])]

    def problems(
        self, operation: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> list[str]:
        """Return what is wrong with an answer to *operation*."""
        responses = self._rows[operation].said["responses"]
        if str(status) not in responses:
            return [f"the status {status} is not among those that are documented"]
        content = self._resolved(responses[str(status)]).get("content", {})
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if not content:
            return ["the answer has a body, and should have none"] if body else []
        if kind not in content:
            return [f"the answer is of the type {kind or 'none'}, not {' or '.join(content)}"]
        return [f"the answer's {one}" for one in self._said(kind, body, content[kind]["schema"])]

    def _said(self, kind: str, body: bytes, schema: Mapping[str, Any]) -> list[str]:
        if not kind.endswith("json"):
            return [] if body else ["body is empty"]
        try:
            parts = body.splitlines() if kind == _LINES else [body]
            values = [json.loads(part) for part in parts]
        except ValueError:
            return ["body is not JSON"]
        return [problem for value in values for problem in self._broken(value, schema)][:_SHOWN]

    def _resolved(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        if "$ref" not in said:
            return said
        found: Any = self._document
        for part in said["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return self._resolved(found)

    def _broken(self, value: Any, schema: Mapping[str, Any]) -> list[str]:
        return list(self._breaks(value, schema))[:_SHOWN]

    def _breaks(self, value: Any, schema: Mapping[str, Any]) -> Iterator[str]:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

        # References lead into the document, so it stands around the schema.
        whole = {**schema, "components": self._document.get("components", {})}
        checker = Draft202012Validator.FORMAT_CHECKER
        for error in Draft202012Validator(whole, format_checker=checker).iter_errors(value):
            place = _place(error.absolute_path)
            yield f"{place or 'body'} breaks the schema ({error.validator})"


def _place(path: Any) -> str:
    return "/".join(str(part) for part in path)
