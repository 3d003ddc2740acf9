"""Errors as problem documents (RFC 9457), and the one table of their HTTP statuses."""

import json
import math
from http import HTTPStatus
from typing import Any, Final

from reflekt_core.errors import (
    AssistantError,
    ConfigurationError,
    Conflict,
    Forbidden,
    InvalidInput,
    MalformedInput,
    NotFound,
    Problem,
    RateLimited,
    ReflektError,
    StoreError,
    TooLarge,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from reflekt_core.rest.messages import Response

__all__ = [
    "MEDIA_TYPE",
    "STATUS",
    "BadParameters",
    "InternalError",
    "MethodNotAllowed",
    "PreconditionFailed",
    "UnsupportedMediaType",
    "problem",
    "status_of",
    "status_of_class",
]

MEDIA_TYPE: Final = "application/problem+json"

_MOST_PROBLEMS: Final = 100
_MOST_PATH: Final = 100
_MOST_DETAIL: Final = 1000


class BadParameters(MalformedInput):
    """Parameters of the path or the query are wrong; `problems` names each."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{p.path}: {p.message}" for p in problems))
        self.problems = problems


class MethodNotAllowed(ReflektError):
    """The path exists, but not with this method; `allow` lists those it has."""

    code = "method_not_allowed"

    def __init__(self, allow: str) -> None:
        super().__init__(f"this path takes {allow}")
        self.allow = allow


class PreconditionFailed(VersionConflict):
    """A write named in If-Match a version that is not the present one."""


class UnsupportedMediaType(ReflektError):
    """The body is of a kind that this operation does not read."""

    code = "unsupported_media_type"


class InternalError(ReflektError):
    """Reflekt failed. The request id finds the log line that says where."""

    code = "internal_error"


STATUS: Final[dict[type[ReflektError], HTTPStatus]] = {
    MalformedInput: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    MethodNotAllowed: HTTPStatus.METHOD_NOT_ALLOWED,
    Conflict: HTTPStatus.CONFLICT,
    PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    ReflektError: HTTPStatus.INTERNAL_SERVER_ERROR,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    AssistantError: HTTPStatus.SERVICE_UNAVAILABLE,
    ConfigurationError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""What each error is in HTTP. An error that is not named is what its parent is."""

_CHALLENGE: Final = 'Bearer realm="reflekt"'
_RETRY_SECONDS: Final = {StoreError: 30, AssistantError: 5, ConfigurationError: 60}


def status_of(error: ReflektError) -> HTTPStatus:
    """Return the status of *error*."""
    return status_of_class(type(error))


def status_of_class(cls: type[ReflektError]) -> HTTPStatus:
    """Return the status of errors of *cls*."""
    return next(STATUS[parent] for parent in cls.__mro__ if parent in STATUS)


def problem(error: ReflektError, request_id: str) -> Response:
    """Return the answer that tells *error* to the client."""
    status = status_of(error)
    document: dict[str, Any] = {
        "type": f"urn:reflekt:problem:{error.code.replace('_', '-')}",
        "title": status.phrase,
        "status": int(status),
        "detail": error.message[:_MOST_DETAIL],
        "code": error.code,
        "request_id": request_id,
    }
    if isinstance(error, InvalidInput | BadParameters):
        # What is wrong may be thousands of made-up names: the answer stays shorter than that.
        document["errors"] = [
            {"path": p.path[:_MOST_PATH], "message": p.message[:_MOST_DETAIL]}
            for p in error.problems[:_MOST_PROBLEMS]
        ]
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(status, {"Content-Type": MEDIA_TYPE, **_headers(error, status)}, body)


def _headers(error: ReflektError, status: HTTPStatus) -> dict[str, str]:
    if isinstance(error, Unauthenticated):
        return {"WWW-Authenticate": _CHALLENGE}
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.allow}
    if isinstance(error, RateLimited | Unavailable):
        return {"Retry-After": str(max(1, error.retry_after_seconds))}
    if isinstance(error, AssistantError) and error.retry_after_seconds:
        return {"Retry-After": str(max(1, math.ceil(error.retry_after_seconds)))}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        return {"Retry-After": str(_RETRY_SECONDS[_known(error)])}
    return {}


def _known(error: ReflektError) -> type[ReflektError]:
    return next(cls for cls in type(error).__mro__ if cls in _RETRY_SECONDS)
