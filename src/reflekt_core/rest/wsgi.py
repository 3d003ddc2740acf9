"""The API as a WSGI application (PEP 3333), alone or mounted under a prefix."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import InputStream, StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["application"]

_CHUNK: Final = 64 * 1024
_WITHOUT_LENGTH: Final = (204, 304)


def application(dispatch: Callable[[Request], Response]) -> "WSGIApplication":
    """Return the WSGI application that answers with *dispatch*."""

    def serve(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        response = dispatch(_request(environ))
        headers = {"Content-Length": str(len(response.body)), **response.headers}
        if response.status in _WITHOUT_LENGTH:
            del headers["Content-Length"]
        start_response(f"{int(response.status)} {response.reason}", list(headers.items()))
        return [response.body] if response.body else []

    return serve


def _request(environ: "WSGIEnvironment") -> Request:
    return Request(
        method=environ["REQUEST_METHOD"],
        path=_text(environ.get("PATH_INFO", "")),
        query=_text(environ.get("QUERY_STRING", "")),
        headers=_headers(environ),
        body=_body(environ),
        base=quote(_text(environ.get("SCRIPT_NAME", "")), errors="replace").rstrip("/"),
    )


def _text(value: str) -> str:
    # PEP 3333 hands bytes over as Latin-1.
    return value.encode("latin-1", "replace").decode("utf-8", "surrogateescape")


def _headers(environ: "WSGIEnvironment") -> dict[str, str]:
    found = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if content_type := environ.get("CONTENT_TYPE"):
        found["content-type"] = content_type
    return found


def _body(environ: "WSGIEnvironment") -> bytes | None:
    """Return the body; None if it is too long, of which as little as possible was read."""
    length = environ.get("CONTENT_LENGTH", "")
    if length.isascii() and length.isdigit():
        # Not int() at once: thousands of digits are an error there.
        too_long = len(length.lstrip("0")) > len(str(MAX_BODY_BYTES))
        if too_long or int(length) > MAX_BODY_BYTES:
            return None
        return _read(environ["wsgi.input"], int(length))
    if environ.get("wsgi.input_terminated"):
        body = _read(environ["wsgi.input"], MAX_BODY_BYTES + 1)
        return body if len(body) <= MAX_BODY_BYTES else None
    return b""


def _read(stream: "InputStream", most: int) -> bytes:
    parts = []
    try:
        while most > 0 and (part := stream.read(min(most, _CHUNK))):
            parts.append(part)
            most -= len(part)
    except OSError:
        # The client went away, and with it whoever would hear of a half body.
        return b""
    return b"".join(parts)
