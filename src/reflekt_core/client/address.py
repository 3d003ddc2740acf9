"""Where the service is, and what may travel there."""

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from reflekt_core.errors import ConfigurationError

__all__ = ["base_of", "checked"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_URL: Final = re.compile(r"[\x21-\x7e]+")


def base_of(url: str, *, allow_http: bool = False) -> str:
    """
    Return the address below which the operations are.

    Raises:
        ConfigurationError: It is no such address, or a token would travel there in the clear.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError):
        host = None
    if (
        not isinstance(url, str)
        or not host
        or parts.scheme not in {"http", "https"}
        or not _URL.fullmatch(url)
    ):
        raise ConfigurationError("url must be an address such as https://journal.example.org")
    if parts.username is not None or "?" in url or "#" in url:
        raise ConfigurationError("url must end with the path: without user, query or fragment")
    if parts.scheme == "http" and not allow_http and not _is_here(host):
        raise ConfigurationError(
            "url must begin with https://, or anybody on the way could read the token; http:// is"
            " for this machine alone. In a network that you trust, Python's allow_http=True lifts that"
        )
    return (parts.scheme + url[len(parts.scheme) :]).rstrip("/")


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def checked(token: str) -> str:
    """
    Return *token*, which is sent as it is.

    Raises:
        ConfigurationError: It cannot be one. The message does not show it.
    """
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise ConfigurationError(
            "the token is none: it must be one word of letters, digits and . _ ~ + / - ="
        )
    return token
