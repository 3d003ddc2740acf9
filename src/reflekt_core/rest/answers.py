"""What an operation returns, as responses."""

import json
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import attrs

from reflekt_core.model.entries import Change, Entry, Tombstone
from reflekt_core.model.paging import Page, Position
from reflekt_core.operations import Operation, Shape
from reflekt_core.rest.messages import Request, Response
from reflekt_core.serialization import wire

if TYPE_CHECKING:
    from reflekt_core.model.listing import Changes

__all__ = ["JSON", "NDJSON", "Answers", "as_json", "matches", "versioned"]

JSON: Final = "application/json"
NDJSON: Final = "application/x-ndjson"

_RETRY_AFTER: Final = {"Retry-After": "1"}
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode

Sign = Callable[[Position], str]
"""Turns a position of the list at hand into its cursor."""

_Writer = Callable[[Any, Request, Sign, int | None], Response]


class Answers:
    """Writes the responses of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._versioned = versioned(operation)
        shapes: dict[Shape, _Writer] = {
            Shape.ONE: self._one,
            Shape.PAGE: self._page,
            Shape.LIST: self._list,
            Shape.LINES: self._lines,
            Shape.CHANGES: self._changes,
            Shape.NOTHING: self._nothing,
        }
        self._write = shapes[operation.shape]

    def write(self, value: Any, request: Request, sign: Sign, limit: int | None) -> Response:
        """Return the response that carries *value*, the result of the operation."""
        return self._write(value, request, sign, limit)

    def _one(self, value: Any, request: Request, _: Sign, __: int | None) -> Response:
        status, headers = self._status(value), {"Content-Type": JSON}
        if self._versioned:
            headers["ETag"] = tag = f'"{value.version}"'
            wanted = request.headers.get("if-none-match")
            if wanted is not None and matches(wanted, tag):
                return Response(304, {"ETag": tag})
        if status == 201:  # noqa: PLR2004 - Created
            headers["Location"] = f"{request.base}/{self._operation.tag}/{value.id}"
        if status == 202:  # noqa: PLR2004 - Accepted
            headers |= _RETRY_AFTER
            if self._operation.status == status:  # it is a job, and not an insight to come
                headers["Location"] = f"{request.base}/jobs/{value.id}"
        return Response(status, headers, as_json(wire(value)))

    def _status(self, value: Any) -> int:
        if self._operation.creates:
            return 201 if value.version == 1 else 200
        return 202 if self._pending(value) else self._operation.status

    def _pending(self, value: Any) -> bool:
        if not self._operation.waits:
            return False
        from reflekt_core.model.insights import (  # noqa: PLC0415 - for who asks for insights
            InsightState,
            InsightStatus,
        )

        return isinstance(value, InsightState) and value.status is InsightStatus.PENDING

    def _page(self, value: Page[Any], _: Request, sign: Sign, __: int | None) -> Response:
        return self._items(value, None if value.next is None else sign(value.next))

    def _list(self, value: Iterable[Any], _: Request, __: Sign, ___: int | None) -> Response:
        return self._items(value, None)

    def _items(self, items: Iterable[Any], cursor: str | None) -> Response:
        shown = {"items": [wire(item) for item in items], "next_cursor": cursor}
        return Response(self._operation.status, {"Content-Type": JSON}, as_json(shown))

    def _lines(self, value: Page[Any], request: Request, sign: Sign, limit: int | None) -> Response:
        headers = {"Content-Type": NDJSON}
        if value.next is not None:
            query = urlencode({"limit": limit, "cursor": sign(value.next)})
            headers["Link"] = f'<{request.base}{self._operation.path}?{query}>; rel="next"'
        body = b"".join(as_json(wire(item)) + b"\n" for item in value.items)
        return Response(self._operation.status, headers, body)

    def _changes(self, value: "Changes", _: Request, sign: Sign, __: int | None) -> Response:
        shown = {
            "items": [_shown(change) for change in value.items],
            "cursor": sign(value.cursor),
            "has_more": value.has_more,
        }
        return Response(self._operation.status, {"Content-Type": JSON}, as_json(shown))

    def _nothing(self, _: None, __: Request, ___: Sign, ____: int | None) -> Response:
        return Response(self._operation.status)


def as_json(plain: Any) -> bytes:
    """Return *plain* data as compact JSON in UTF-8."""
    return _encode(plain).encode()


def matches(if_none_match: str, tag: str) -> bool:
    """Tell whether an ``If-None-Match`` header names *tag*, by weak comparison (RFC 9110)."""
    return if_none_match.strip() == "*" or tag in re.findall(r'"[^"]*"', if_none_match)


def versioned(operation: Operation) -> bool:
    """Tell whether the result of *operation* is one thing that shows its version."""
    if operation.shape is not Shape.ONE or not attrs.has(operation.result):
        return False
    field: Any = attrs.fields_dict(operation.result).get("version")
    return field is not None and field.type is int and not field.metadata.get("private")


def _shown(change: Change) -> Any:
    entry = change.entry
    if isinstance(entry, Tombstone):
        return wire(entry)
    if entry.trashed_at is not None:
        return wire(_gone(entry))
    return {"entry": wire(entry)}


def _gone(entry: Entry) -> Tombstone:
    return Tombstone(entry.id, entry.version, entry.trashed_at or entry.updated_at)
