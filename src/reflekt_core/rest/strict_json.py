"""JSON as RFC 8259 has it and nothing more: what two parsers could read differently is refused."""

import json
import math
import re
from typing import Any, Final, NoReturn

from reflekt_core.errors import MalformedInput

__all__ = ["MAX_DEPTH", "parse"]

MAX_DEPTH: Final = 32
"""How deep arrays and objects may nest."""

_MAX_NUMBER: Final = 64
# The closing quote is optional: a string without end is then still read once, not once per quote.
_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """
    Return the value that *body* holds.

    Raises:
        MalformedInput: It is empty, not UTF-8 or not JSON; begins with a byte order mark; names a
            key twice; holds NaN, Infinity, a lone surrogate or an enormous number; or nests deeper
            than `MAX_DEPTH`. The message says where, if known, and never repeats the body.
    """
    if not body:
        raise MalformedInput("the body is empty; it must be JSON")
    _check_depth(body)
    value = _decode(_text(body))
    if _SURROGATE.search(body):
        _check_surrogates(value)
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise MalformedInput(f"the body is not UTF-8: see byte {error.start}") from None


def _decode(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # What follows a colon in these messages is a piece of the body.
        said = error.msg.partition(": ")[0].lower()
        where = f"line {error.lineno}, column {error.colno}"
        raise MalformedInput(f"the body is not JSON: {said} ({where})") from None


def _check_depth(body: bytes) -> None:
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise MalformedInput(
                    f"the body nests deeper than {MAX_DEPTH} levels: see byte {token.start()}"
                )
        elif first in b"]}":
            depth -= 1


def _check_surrogates(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise MalformedInput("the body holds a lone surrogate, which is no character") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedInput("an object in the body names a key twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise MalformedInput("the body holds NaN or Infinity, which are not JSON")


def _int(digits: str) -> int:
    if len(digits) > _MAX_NUMBER:
        raise MalformedInput(f"the body holds a number of more than {_MAX_NUMBER} characters")
    return int(digits)


def _float(digits: str) -> float:
    found = float(digits)
    if len(digits) > _MAX_NUMBER or not math.isfinite(found):
        raise MalformedInput("the body holds a number that is too large or too long")
    return found


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_int=_int,
    parse_float=_float,
)
