"""Output where few letters are known: in ASCII, or in a code page of old."""

import codecs
import sys
from io import TextIOWrapper
from typing import Final

__all__ = ["show_what_can_be_shown"]

_NAME: Final = "reflekt.plain"
_ALIKE: Final = {
    "#": "█▇▉▊▋▌●",
    "+": "▓",
    "=": "▅▆▒",
    "-": "▃▄▍▎▏–—─",
    "_": "▁▂",
    ":": "░",
    "o": "○◆",
    "*": "★",
    ".": "·…•",
    "x": "×",
    "|": "┼",
    '"': "“”",
    "'": "‘’",
}
_PLAIN: Final = {ord(sign): plain for plain, signs in _ALIKE.items() for sign in signs}


def show_what_can_be_shown() -> None:
    """Have stdout and stderr put something alike in the place of what they cannot encode."""
    codecs.register_error(_NAME, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and not stream.encoding.lower().startswith("utf"):
            stream.reconfigure(errors=_NAME)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(sign if sign.isascii() else "?" for sign in text), error.end
