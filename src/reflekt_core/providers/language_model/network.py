"""Connections on which everything together keeps to one deadline, not each read for itself."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from time import monotonic
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from reflekt_core.providers.language_model.access import is_loopback

__all__ = ["Wire", "ends_at", "time_left"]

ends_at: ContextVar[float] = ContextVar("ends_at")
"""When, by the monotonic clock, the request that this thread is busy with must have ended."""

_SLICE_BYTES: Final = 65_536


def time_left() -> float:
    """
    Return how many seconds the present request still has.

    Raises:
        httpx2.ReadTimeout: None.
    """
    left = ends_at.get() - monotonic()
    if left <= 0:
        raise httpx2.ReadTimeout("the time for the request is over")
    return left


def _within(timeout: float | None) -> float:
    return time_left() if timeout is None else min(timeout, time_left())


class Wire:
    """
    Connections to the server at *base_url*, each kept for the next request.

    To be used by any thread, within the time that `ends_at` sets.
    """

    def __init__(self, base_url: str) -> None:
        self._pool = _pool(httpx2.URL(base_url))

    def send(self, request: httpx2.Request) -> httpx2.Response:
        """Return the answer to *request*, with its content still to be read."""
        url = request.url
        plain = httpcore2.Request(
            request.method,
            httpcore2.URL(
                scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
            ),
            headers=request.headers.raw,
            content=request.read(),
            extensions=request.extensions,
        )
        with _as_httpx2():
            answer = self._pool.handle_request(plain)
        return httpx2.Response(answer.status, headers=answer.headers, stream=_Content(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _Content(httpx2.SyncByteStream):
    """The bytes of an answer as they come."""

    def __init__(self, answer: httpcore2.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx2():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()


@contextmanager
def _as_httpx2() -> Iterator[None]:
    """Turn the errors of httpcore2 into those of httpx2, which have the same names."""
    try:
        yield
    except httpx2.HTTPError:
        raise
    except Exception as error:
        kind = getattr(httpx2, type(error).__name__, None)
        if kind is None or not issubclass(kind, httpx2.TransportError):
            raise
        raise kind(str(error)) from None


def _pool(url: httpx2.URL) -> httpcore2.ConnectionPool:
    settings: dict[str, Any] = {
        "ssl_context": httpx2.create_ssl_context() if url.scheme == "https" else None,
        "max_connections": 100,
        "max_keepalive_connections": 10,
        "keepalive_expiry": 30.0,
        "network_backend": _Backend(),
    }
    proxy = _proxy(url.host)
    if proxy is None:
        return httpcore2.ConnectionPool(**settings)
    return httpcore2.HTTPProxy(
        str(proxy.url), proxy_auth=proxy.raw_auth, proxy_headers=proxy.headers.raw, **settings
    )


def _proxy(host: str) -> httpx2.Proxy | None:
    """Return the proxy that the environment names for HTTPS; HTTP is for this machine alone."""
    proxies = getproxies()
    named = proxies.get("https") or proxies.get("all")
    if not named or is_loopback(host) or proxy_bypass(host):
        return None
    return httpx2.Proxy(named if "://" in named else f"http://{named}")


class _Backend(httpcore2.NetworkBackend):
    """Connects within the time that is left, whatever the timeouts of single steps."""

    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Return a connection to *host*: each of its addresses gets its share of the time."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from None
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for number, address in enumerate(addresses):
            share = _within(timeout) / (len(addresses) - number)
            try:
                stream = self._inner.connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if number == len(addresses) - 1:
                    raise
            else:
                return _InTime(stream)
        raise httpcore2.ConnectError("the host has no address")


class _InTime(httpcore2.NetworkStream):
    """A connection on which each step has the time that is left for all."""

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _within(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _SLICE_BYTES):
            self._inner.write(buffer[start : start + _SLICE_BYTES], _within(timeout))

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        return _InTime(self._inner.start_tls(ssl_context, server_hostname, _within(timeout)))

    def close(self) -> None:
        self._inner.close()

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
