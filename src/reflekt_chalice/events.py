"""Events of API Gateway (REST, version 1) as requests, and responses as Chalice sends them."""

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from chalice.app import Response as ChaliceResponse

from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response

__all__ = ["ANY_TYPE", "Event", "chalice_response", "request_id_of", "request_of"]

Event = Mapping[str, Any]
"""What API Gateway hands to a function."""

ANY_TYPE: Final = "*/*"

_PARAMETER: Final = re.compile(r"\{(\w+)\+?\}")


def request_of(event: Event, path: str) -> Request:
    """
    Return the request that *event* carries.

    *path* is the route as the API knows it, such as ``/entries/{id}``. What stands before it in the
    address (the stage, the base path of a domain, the prefix of a Blueprint) is the request's base.

    Raises:
        ValueError: The body is not what the event says it is.
    """
    base, asked = _place(event, path)
    return Request(
        method=event["requestContext"]["httpMethod"],
        path=asked,
        query=tuple(_pairs(event.get("multiValueQueryStringParameters"))),
        headers=_headers(event),
        body=_body(event),
        base=base,
    )


def chalice_response(response: Response, binary_types: Sequence[str]) -> ChaliceResponse:
    """Return *response* for an app that sends bodies of *binary_types* in base64."""
    headers: dict[str, str | list[str]] = {**response.headers}
    body: str | bytes = response.body
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not {ANY_TYPE, kind} & set(binary_types):
        body = response.body.decode()  # never None, which would be sent as "null"
    return ChaliceResponse(body, headers, int(response.status))


def request_id_of(event: Event) -> str:
    """Return the id that API Gateway gave the request."""
    return str(event["requestContext"].get("requestId", ""))


def _place(event: Event, path: str) -> tuple[str, str]:
    """Return the base, escaped as it was sent, and the path below it, decoded."""
    # `chalice local` takes the plus for a part of the name.
    values = {n.rstrip("+"): value for n, value in (event.get("pathParameters") or {}).items()}
    sent = _PARAMETER.sub(lambda found: values.get(found[1], ""), path)
    base, found, rest = str(event["requestContext"].get("path", "")).rpartition(sent)
    if not found or rest not in {"", "/"}:
        base = rest = ""
    return base, unquote(sent + rest, errors="surrogateescape")


def _pairs(values: Mapping[str, Iterable[str]] | None) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, several in (values or {}).items() for value in several)


def _headers(event: Event) -> list[tuple[str, str]]:
    several = event.get("multiValueHeaders")
    single: Mapping[str, str] = event.get("headers") or {}
    headers = list(_pairs(several) if several else single.items())
    if not any(name.lower() == "x-request-id" for name, _ in headers):
        headers.append(("X-Request-Id", request_id_of(event)))
    return headers


def _body(event: Event) -> bytes | None:
    """Return the body; None if it is too long."""
    body = event.get("body") or ""
    if isinstance(body, bytes):  # from `chalice local`
        decoded = body
    elif event.get("isBase64Encoded"):
        decoded = b64decode(body, validate=True)
    else:
        decoded = body.encode("utf-8", "surrogatepass")
    return decoded if len(decoded) <= MAX_BODY_BYTES else None
