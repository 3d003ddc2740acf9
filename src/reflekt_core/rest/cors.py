"""Which pages of other origins may call the API (the Fetch standard, "CORS protocol")."""

from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["Cors"]

_EXPOSED: Final = "ETag, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id"
_ACCEPTED: Final = (
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-Id"
)
_REMEMBER_SECONDS: Final = 600


class Cors:
    """
    Lets pages of *origins* in: exact origins such as ``https://app.example.org``, or ``*``.

    Credentials in the sense of browsers (cookies) are never allowed: tokens travel in a header.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)
        self._any = "*" in self._origins

    def __bool__(self) -> bool:
        """Tell whether any origin is let in."""
        return bool(self._origins)

    def headers(self, request_headers: Mapping[str, str]) -> dict[str, str]:
        """Return what every answer carries."""
        if self._any:
            return {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
        origin = request_headers.get("origin")
        if origin not in self._origins:
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }

    def preflight(self, allow: str) -> dict[str, str]:
        """Return what the answer to OPTIONS carries for a path with the methods *allow*."""
        if not self._origins:
            return {}
        return {
            "Access-Control-Allow-Methods": allow,
            "Access-Control-Allow-Headers": _ACCEPTED,
            "Access-Control-Max-Age": str(_REMEMBER_SECONDS),
        }
