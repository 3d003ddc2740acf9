"""What was answered, as the value that the same method returns in the same program."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from reflekt_core.client.failures import Reply, ServiceFailed
from reflekt_core.errors import InvalidInput
from reflekt_core.model.entries import Change, Entry, Tombstone
from reflekt_core.model.paging import Page, Position
from reflekt_core.operations import Operation, Shape
from reflekt_core.serialization import read_shown

__all__ = ["result"]

_NOT_FOUND_OUT: Final = 0


def result(operation: Operation, reply: Reply) -> Any:
    """
    Return the value that *reply*, a success, carries.

    Raises:
        ServiceFailed: It is not what this operation answers.
    """
    try:
        return _READERS[operation.shape](operation, reply)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidInput):
        # Without its cause, which may quote the journal.
        raise ServiceFailed(
            f"the answer to {operation.id} is none that this client understands: check that the"
            " url is Reflekt's, and that the client is not older than the service",
            status=reply.status,
        ) from None


def _one(operation: Operation, reply: Reply) -> Any:
    return read_shown(json.loads(reply.body), operation.result)


def _page(operation: Operation, reply: Reply) -> Page[Any]:
    found = json.loads(reply.body)
    items = read_shown(found["items"], _many(operation.result))
    return Page(items, _next(found["next_cursor"]))


def _lines(operation: Operation, reply: Reply) -> Page[Any]:
    # Lines end with a line feed alone: texts may hold other separators.
    found = [json.loads(line) for line in reply.body.split(b"\n") if line]
    return Page(read_shown(found, _many(operation.result)), _next(_linked(reply.headers)))


def _linked(headers: Mapping[str, str]) -> str | None:
    """Return the cursor of the one link that there is (RFC 8288)."""
    link = headers.get("link")
    if link is None:
        return None
    address = link[link.index("<") + 1 : link.index(">")]
    return parse_qs(urlsplit(address).query)["cursor"][0]


def _changes(operation: Operation, reply: Reply) -> Any:
    found = json.loads(reply.body)
    return operation.result(
        tuple(map(_change, found["items"])), (found["cursor"],), has_more=bool(found["has_more"])
    )


def _change(shown: Mapping[str, Any]) -> Change:
    of: Any = (
        read_shown(shown["entry"], Entry) if "entry" in shown else read_shown(shown, Tombstone)
    )
    return Change(_NOT_FOUND_OUT, of)


def _nothing(operation: Operation, reply: Reply) -> None:
    if reply.body:
        raise ValueError(operation.id)


def _next(cursor: str | None) -> Position | None:
    return None if cursor is None else (cursor,)


@cache
def _many(kind: Any) -> Any:
    return tuple[kind, ...]


_READERS: Final[dict[Shape, Callable[[Operation, Reply], Any]]] = {
    Shape.ONE: _one,
    Shape.PAGE: _page,
    Shape.LIST: _page,
    Shape.LINES: _lines,
    Shape.CHANGES: _changes,
    Shape.NOTHING: _nothing,
}
