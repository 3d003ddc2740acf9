"""One document over HTTPS, from an address that the configuration names, and from nowhere else."""

from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from reflekt_core.errors import ConfigurationError

__all__ = ["Fetch", "checked_url", "fetch"]

_MOST_BYTES: Final = 256 * 1024
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Fetch(Protocol):
    """Gets a document."""

    def __call__(self, url: str, *, timeout_seconds: float) -> bytes:
        """
        Return the document at *url*.

        Raises:
            OSError: It could not be had in time, or is not what it should be.
        """


def checked_url(url: str, variable: str) -> str:
    """
    Return *url* if a key set may be fetched there; *variable* says where it comes from.

    Raises:
        ConfigurationError: It is not https, nor http on this machine, or carries a password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if (
        not host
        or not url.isascii()
        or not url.isprintable()
        or " " in url
        or "@" in parts.netloc
        or parts.fragment
        or not (parts.scheme == "https" or (parts.scheme == "http" and host in _THIS_MACHINE))
    ):
        raise ConfigurationError(
            f"{variable} must be an https URL without user and fragment; http only on localhost"
        )
    return url


def fetch(url: str, *, timeout_seconds: float) -> bytes:
    """
    Return the document at *url*, at most 256 KiB.

    The time limit holds for each step (to connect, to answer) and for the body as a whole.

    Raises:
        OSError: It could not be had in time, is too large, or lies elsewhere: redirects are
            refused, because only the configured address is trusted.
    """
    # Imported here: half of this package's import time, for the few programs that need it.
    from http.client import HTTPException  # noqa: PLC0415
    from urllib.error import HTTPError  # noqa: PLC0415
    from urllib.request import Request  # noqa: PLC0415

    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - see checked_url
    try:
        with _opener(url).open(request, timeout=timeout_seconds) as response:
            return _read(response, timeout_seconds)
    except HTTPError as error:
        error.close()
        raise OSError(f"HTTP status {error.code}") from None
    except HTTPException as error:
        raise OSError(f"no HTTP answer: {type(error).__name__}") from None


def _opener(url: str) -> Any:
    from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener  # noqa: PLC0415

    class NoRedirects(HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    # A proxy of the environment serves the outside; this machine is reached directly.
    local = urlsplit(url).hostname in _THIS_MACHINE
    return build_opener(NoRedirects, *([ProxyHandler({})] if local else []))


def _read(response: Any, timeout_seconds: float) -> bytes:
    from time import monotonic  # noqa: PLC0415

    deadline = monotonic() + timeout_seconds
    body = bytearray()
    while chunk := response.read1(_MOST_BYTES):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise OSError("the answer is too large")
        if monotonic() > deadline:
            raise TimeoutError("the answer is too slow")
    return bytes(body)
