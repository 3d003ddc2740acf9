"""
Cursors: positions of a list, signed, as opaque text.

A cursor holds for one user, one operation and one query only. It can be read by who decodes it,
and holds nothing its user has not seen: ids, times and counts of their own things.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from reflekt_core.errors import MalformedInput
from reflekt_core.model.paging import Position

__all__ = ["Cursors"]

_MAC_BYTES: Final = 16


class Cursors:
    """Signs and reads cursors with a *secret* of at least 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 32:  # noqa: PLR2004 - said above
            raise ValueError("the secret of cursors must have at least 32 bytes")
        # Derived, so that no other use of the same secret can make a cursor.
        self._key = hmac.digest(secret, b"reflekt cursors 1", "sha256")

    def write(self, position: Position, *scope: Any) -> str:
        """Return the cursor of *position* within *scope*: user, operation and query."""
        payload = _plain(position)
        return _encode(self._mac(payload, scope) + payload)

    def read(self, cursor: str, *scope: Any) -> Position:
        """
        Return the position that `write` was given.

        Raises:
            MalformedInput: It was changed, or made for another user, operation or query.
        """
        sealed = _decode(cursor)
        mac, payload = sealed[:_MAC_BYTES], sealed[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(payload, scope)):
            raise _refused()
        return tuple(json.loads(payload))

    def _mac(self, payload: bytes, scope: tuple[Any, ...]) -> bytes:
        # The scope comes hashed, in a fixed length: no part of it can pass for the payload.
        said = hashlib.sha256(_plain(scope)).digest() + payload
        return hmac.digest(self._key, said, "sha256")[:_MAC_BYTES]


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _encode(sealed: bytes) -> str:
    return urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _decode(cursor: str) -> bytes:
    try:
        sealed = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except ValueError:
        raise _refused() from None
    # The decoder passes over foreign characters and spare bits: a cursor has one spelling.
    if _encode(sealed) != cursor:
        raise _refused()
    return sealed


def _refused() -> MalformedInput:
    return MalformedInput("the cursor is not one of this list: begin again without it")
