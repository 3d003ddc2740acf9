"""What API Gateway answers by itself, in the words of our API: problem documents (RFC 9457)."""

import json
from collections.abc import Mapping
from typing import Any, Final

from reflekt_chalice.deployment.template.intrinsics import NOTHING, Plain, choice
from reflekt_core.errors import (
    Forbidden,
    InvalidInput,
    MalformedInput,
    NotFound,
    RateLimited,
    ReflektError,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from reflekt_core.rest.cors import Cors
from reflekt_core.rest.problems import InternalError, UnsupportedMediaType, problem

__all__ = ["gateway_responses"]

_RETRY_SECONDS: Final = 5

_DENIED: Final = Forbidden("this token may not call the API")
_MALFORMED: Final = MalformedInput("the request cannot be read")
_BROKEN: Final = InternalError("Reflekt failed; the request id finds it in the log")
_BUSY: Final = Unavailable("Reflekt is busy or away", retry_after_seconds=_RETRY_SECONDS)
_NO_AUTHORIZER: Final = Unavailable(
    "it cannot be said at the moment who asks", retry_after_seconds=_RETRY_SECONDS
)
_TOO_SLOW: Final = Unavailable(
    "this took too long; a write may have been done all the same: read before repeating it",
    retry_after_seconds=_RETRY_SECONDS,
)
_TOO_MANY: Final = RateLimited("too many requests", retry_after_seconds=_RETRY_SECONDS)

_TOLD: Final[Mapping[str, ReflektError]] = {
    "ACCESS_DENIED": _DENIED,
    "API_CONFIGURATION_ERROR": _BROKEN,
    "AUTHORIZER_CONFIGURATION_ERROR": _NO_AUTHORIZER,
    "AUTHORIZER_FAILURE": _NO_AUTHORIZER,
    # It covers what is no JSON, too: API Gateway does not tell the two apart.
    "BAD_REQUEST_BODY": InvalidInput((), "the body is not what this operation takes"),
    # It names parameters, and none of their values.
    "BAD_REQUEST_PARAMETERS": MalformedInput("$context.error.message"),
    "DEFAULT_4XX": _MALFORMED,
    "DEFAULT_5XX": _BROKEN,
    "EXPIRED_TOKEN": Unauthenticated("the token has expired"),
    "INTEGRATION_FAILURE": _BUSY,
    "INTEGRATION_TIMEOUT": _TOO_SLOW,
    "INVALID_API_KEY": _DENIED,
    "INVALID_SIGNATURE": Unauthenticated("the token is not accepted"),
    # What API Gateway says where there is no such path or method.
    "MISSING_AUTHENTICATION_TOKEN": NotFound("there is no such thing here"),
    "QUOTA_EXCEEDED": _TOO_MANY,
    "REQUEST_TOO_LARGE": TooLarge("a body may have at most 256 KiB"),
    "RESOURCE_NOT_FOUND": NotFound("there is no such thing here"),
    "THROTTLED": _TOO_MANY,
    "UNAUTHORIZED": Unauthenticated("a bearer token is needed that is accepted"),
    "UNSUPPORTED_MEDIA_TYPE": UnsupportedMediaType("the body is of a kind that is not read here"),
    "WAF_FILTERED": _DENIED,
}

_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def gateway_responses() -> Plain:
    """Return all answers, by the name that API Gateway has for the occasion."""
    return {occasion: _answer(error) for occasion, error in _TOLD.items()}


def _answer(error: ReflektError) -> Plain:
    told = problem(error, "$context.requestId")
    document = json.loads(told.body)
    document.pop("errors", None)  # it would be empty: which field is wrong is not known here
    headers: dict[str, Any] = {
        name: _quoted(value) for name, value in ({**_ALWAYS, **told.headers}).items()
    }
    # Any page that may call at all may read these: nothing in them belongs to anybody.
    for name, value in Cors(("*",)).headers({}).items():
        headers[name] = choice("HasCors", _quoted(value), NOTHING)
    return {
        "statusCode": str(int(told.status)),
        "responseParameters": {f"gatewayresponse.header.{n}": v for n, v in headers.items()},
        "responseTemplates": {"application/json": json.dumps(document, separators=(",", ":"))},
    }


def _quoted(value: str) -> str:
    """Return *value* as API Gateway takes a text that is meant as it stands."""
    return f"'{value}'"
