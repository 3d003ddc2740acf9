"""
The way out for a vendor's SDK, which keeps to the time and the size, and puts on the key.

Loaded with the first call: it needs httpx2, which takes a while to import.
"""

from collections.abc import Callable
from time import monotonic
from typing import Final

import httpx2

from reflekt_core.providers.language_model.network import Wire, ends_at, time_left

__all__ = ["MOST_BYTES", "open_client"]

MOST_BYTES: Final = 2_000_000
"""The most of an answer that is read; the longest useful ones have some ten thousand."""

# What of the SDK's headers is sent on: those about the machine and Python, and those that the
# environment adds for other uses of the SDK, are not.
_KEPT: Final = ("accept", "anthropic-version", "content-type", "user-agent")


def open_client(base_url: str, key: str | None, http_client: httpx2.Client | None) -> httpx2.Client:
    """
    Return the HTTP client for the SDK to use: its requests go out through *http_client* if given.

    A request must end, with the last byte of its answer, before its read timeout is over, however
    slowly the bytes come. (Two things are beyond reach: looking up a host's name, and the headers
    of an answer when *http_client* is given.) An answer may have `MOST_BYTES`. Redirects are not
    followed. *key* is put on here, so that the SDK, which logs and raises much, never has it.

    Without *http_client*, HTTPS goes through the proxy of the environment (``HTTPS_PROXY``,
    ``NO_PROXY``), which cannot read it, and trusts ``SSL_CERT_FILE``. What is for this machine
    goes through no proxy.
    """
    if http_client is not None:
        return httpx2.Client(transport=_Bounded(_through(http_client), key), trust_env=False)
    wire = Wire(base_url)
    return httpx2.Client(transport=_Bounded(wire.send, key, wire.close), trust_env=False)


def _through(client: httpx2.Client) -> Callable[[httpx2.Request], httpx2.Response]:
    return lambda request: client.send(request, stream=True, follow_redirects=False)


class _Bounded(httpx2.BaseTransport):
    """Sends requests by *send*, with *key*, and reads their answers whole: in time, up to a size."""

    def __init__(
        self,
        send: Callable[[httpx2.Request], httpx2.Response],
        key: str | None,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._send = send
        self._key = key
        self._close = close

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer to *request*, with nothing left to read."""
        token = ends_at.set(monotonic() + request.extensions["timeout"]["read"])
        try:
            response = self._send(self._plain(request))
            try:
                content = _read(response)
            finally:
                response.close()
        finally:
            ends_at.reset(token)
        return httpx2.Response(response.status_code, headers=response.headers, content=content)

    def close(self) -> None:
        """Close the connections, unless they are those of a client that was passed in."""
        self._close()

    def _plain(self, request: httpx2.Request) -> httpx2.Request:
        headers = {name: request.headers[name] for name in _KEPT if name in request.headers}
        headers["accept-encoding"] = "identity"  # a compressed answer may be of any size
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        return httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=request.read(),
            extensions=request.extensions,
        )


def _read(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise httpx2.RemoteProtocolError("the answer is compressed, which was not asked for")
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MOST_BYTES:
            raise httpx2.RemoteProtocolError("the answer is too large")
        time_left()
    return bytes(content)
