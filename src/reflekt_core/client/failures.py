"""What goes wrong between here and the service, and its errors as exceptions again."""

import json
import math
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import attrs

from reflekt_core import errors
from reflekt_core.errors import (
    AssistantError,
    Conflict,
    Forbidden,
    InvalidInput,
    MalformedInput,
    NotFound,
    Problem,
    RateLimited,
    ReflektError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)

__all__ = ["Lost", "NoAnswer", "Reply", "ServiceFailed", "failure", "retry_after"]

_BY_CODE: Final[dict[str, type[ReflektError]]] = {
    cls.code: cls
    for cls in map(vars(errors).get, errors.__all__)
    if isinstance(cls, type) and issubclass(cls, ReflektError)
}
_BY_STATUS: Final[dict[int, type[ReflektError]]] = {
    HTTPStatus.BAD_REQUEST: MalformedInput,
    HTTPStatus.UNAUTHORIZED: Unauthenticated,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: VersionConflict,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLarge,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInput,
    HTTPStatus.TOO_MANY_REQUESTS: RateLimited,
}
"""What a status means where nothing says more: in the answers of gateways and proxies."""

_NOT_FROM_THERE: Final = frozenset(
    {
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_MOST_DETAIL: Final = 1000
_MOST_DIGITS: Final = 9


class NoAnswer(ReflektError):
    """
    The service cannot be reached, or its answer was lost.

    If `sent` is true, what was asked for may have been done all the same.
    """

    code = "no_answer"

    def __init__(self, message: str, *, sent: bool) -> None:
        """Say whether the request may have reached the service."""
        super().__init__(message)
        self.sent = sent


class ServiceFailed(ReflektError):
    """The service failed, or answered what this client does not understand; see `status`."""

    code = "service_failed"

    def __init__(self, message: str, *, status: int) -> None:
        """Say which HTTP *status* the answer had."""
        super().__init__(message)
        self.status = status


@attrs.frozen
class Reply:
    """What was answered. Names of `headers` count without case."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Lost:
    """That no answer came; `sent` if the request may have reached the service."""

    why: str
    sent: bool


def failure(answer: Reply | Lost) -> ReflektError:
    """Return the error that *answer*, which is not a success, stands for."""
    if isinstance(answer, Lost):
        done = "; it may have been done all the same" if answer.sent else ""
        return NoAnswer(f"{answer.why}{done}", sent=answer.sent)
    document = _document(answer)
    cls = _BY_CODE.get(str(document.get("code")))
    if cls is None and answer.status in _NOT_FROM_THERE:
        said = f"what stands before the service answered with status {answer.status}"
        return NoAnswer(f"{said}; it may have been done all the same", sent=True)
    error = _made(cls or _BY_STATUS.get(answer.status), answer, document)
    if request_id := _line(document.get("request_id")):
        error.add_note(f"the service calls this request {request_id}")
    return error


def _document(reply: Reply) -> dict[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _made(
    cls: type[ReflektError] | None, reply: Reply, document: Mapping[str, Any]
) -> ReflektError:
    said = _line(document.get("detail")) or f"the service answered with status {reply.status}"
    seconds = retry_after(reply)
    if cls is None:
        return ServiceFailed(said, status=reply.status)
    if issubclass(cls, InvalidInput):
        return cls(_problems(document.get("errors")), said)
    if issubclass(cls, AssistantError):
        return cls(said, provider="", retry_after_seconds=seconds)
    if issubclass(cls, RateLimited | Unavailable):
        return cls(said, retry_after_seconds=math.ceil(seconds or 1))
    return cls(said)


def _problems(found: Any) -> Iterable[Problem]:
    rows = found if isinstance(found, list) else []
    return [
        Problem(_line(row.get("path")), _line(row.get("message")))
        for row in rows
        if isinstance(row, dict)
    ]


def _line(text: Any) -> str:
    """Return *text* in one line, without what would move a terminal's cursor."""
    if not isinstance(text, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in text[:_MOST_DETAIL])


def retry_after(reply: Reply) -> float | None:
    """Return after how many seconds to try again (RFC 9110, section 10.2.3), if it says so."""
    said = reply.headers.get("retry-after", "").strip()
    if said.isdecimal() and said.isascii():
        return float(said) if len(said) <= _MOST_DIGITS else None
    try:
        # By the service's own clock, for this machine's may be wrong.
        then, now = (parsedate_to_datetime(text) for text in (said, reply.headers.get("date", "")))
        return max((then - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None
