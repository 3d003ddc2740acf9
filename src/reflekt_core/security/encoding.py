"""
What tokens and key sets are written in, read strictly: base64url without padding, and JSON.

RFC 7515, section 2, for base64url; RFC 8259 and RFC 7493 (I-JSON) for JSON.
"""

import base64
import json
from typing import NoReturn

__all__ = ["decode_base64url", "encode_base64url", "parse_object"]

_MOST_BRACKETS = 400  # of any depth; far more than a token or key set has, far less than the stack


def encode_base64url(data: bytes) -> bytes:
    """Return *data* in base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def decode_base64url(text: bytes) -> bytes:
    """
    Return what *text* encodes.

    Raises:
        ValueError: It is not the one canonical spelling: padded, of another alphabet, with spaces,
            or with bits set that mean nothing.
    """
    data = base64.urlsafe_b64decode(text + b"==")
    if encode_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data


def parse_object(data: bytes) -> dict[str, object]:
    """
    Return the JSON object in *data*.

    Raises:
        ValueError: It is no JSON object in UTF-8, names a member twice, holds NaN or Infinity, or
            has more brackets than a parser should be trusted with.
    """
    if data.count(b"[") + data.count(b"{") > _MOST_BRACKETS:
        raise ValueError("too many brackets")
    value = _DECODER.decode(data.decode())
    if not isinstance(value, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - what every other fault raises
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member twice")
    return members


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)
