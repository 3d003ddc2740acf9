"""Requests to a service over HTTP, for tests of it as a whole."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode, urlsplit

import attrs

from reflekt_chalice.deployment.failures import DeploymentError, Unreachable

__all__ = ["Connection", "Reply", "wait_until_healthy"]

_TIMEOUT_SECONDS: Final = 35.0
"""A little longer than API Gateway takes to give up."""

_HEALTH_PAUSE_SECONDS: Final = 2.0
_OK: Final = 200


@attrs.frozen
class Reply:
    """What was answered, with names of headers in lower case, and how long it took."""

    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)
    seconds: float


class Connection:
    """
    A service at an address. May be used by several threads.

    Args:
        url: Such as ``https://….amazonaws.com/dev``.
        connections: How many requests may be under way at once.

    Raises:
        DeploymentError: The URL is not one of HTTP.
    """

    def __init__(self, url: str, *, connections: int = 4) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise DeploymentError("the URL must begin with https:// or http://, and name a host")
        import httpx2  # noqa: PLC0415 - for who sends requests

        # It logs URLs, which may hold what is searched for.
        for name in ("httpx2", "httpcore2"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self.url = url.rstrip("/")
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._failure = httpx2.HTTPError
        self._client = httpx2.Client(timeout=_TIMEOUT_SECONDS, limits=limits)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """
        Send one request and return the answer.

        Raises:
            Unreachable: There was none.
        """
        url = self.url + path + (f"?{urlencode(query)}" if query else "")
        begun = time.monotonic()
        try:
            got: Any = self._client.request(method, url, headers=dict(headers or {}), content=body)
        except self._failure as error:
            raise Unreachable(
                f"{self.url} does not answer ({type(error).__name__}): is it deployed, and the "
                "address right?"
            ) from None
        return Reply(
            got.status_code,
            {name.lower(): value for name, value in got.headers.items()},
            got.content,
            time.monotonic() - begun,
        )


def wait_until_healthy(
    url: str, *, patience_seconds: float, pause: Callable[[float], None] = time.sleep
) -> float:
    """
    Return after how many seconds the service at *url* said that it is up.

    Raises:
        DeploymentError: It did not in time.
    """
    begun = time.monotonic()
    with Connection(url) as connection:
        while True:
            try:
                status = connection.send("GET", "/health").status
                problem = f"{connection.url}/health answers {status}"
            except Unreachable as error:
                status, problem = 0, error.message
            waited = time.monotonic() - begun
            if status == _OK:
                return waited
            if waited >= patience_seconds:
                raise DeploymentError(
                    f"{problem}; it is deployed, but not up after {waited:.0f} s: see the log of "
                    "the function 'settings'"
                )
            pause(_HEALTH_PAUSE_SECONDS)
