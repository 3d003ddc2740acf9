"""Requests and responses as values, so that any server or gateway can carry them."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import attrs

__all__ = ["MAX_BODY_BYTES", "Request", "Response"]

MAX_BODY_BYTES: Final = 256 * 1024
"""A longer body is refused before it is read."""


def _by_lower_name(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


@attrs.frozen
class Request:
    """
    What a client asks.

    `path` is percent-decoded and begins behind `base`, under which the API is mounted (such as
    ``/prod``). What was no UTF-8 in `path` or `query` stands there as lone surrogates. Names of
    `headers` count without case; a repeated header is joined with commas. `body` is None if it is
    longer than `MAX_BODY_BYTES` and was not read.
    """

    method: str
    path: str
    query: str | Sequence[tuple[str, str]] = ""
    """As sent, or the decoded pairs in order."""
    headers: Mapping[str, str] = attrs.field(factory=dict, converter=_by_lower_name)
    body: bytes | None = b""
    base: str = ""


@attrs.frozen
class Response:
    """What is answered. `body` of an answer to HEAD is empty; its length stands in the headers."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict)
    body: bytes = b""

    @property
    def reason(self) -> str:
        """The words that belong to the status, such as ``Not Found``."""
        return HTTPStatus(self.status).phrase
