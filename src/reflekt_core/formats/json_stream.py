"""Long JSON documents, value by value, in bounded memory."""

import codecs
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Final

from reflekt_core.errors import MalformedInput
from reflekt_core.ports import SourceFile

__all__ = ["MOST_CHARACTERS", "elements", "member", "outline"]

MOST_CHARACTERS: Final = 16_000_000
"""How long one value may be."""

_CHUNK: Final = 64 * 1024
_MOST_KEYS: Final = 20
_SPACE: Final = " \t\n\r"
_DIGITS: Final = "-0123456789"
_decode = json.JSONDecoder().raw_decode


def elements(file: SourceFile, name: str | None = None) -> Iterator[Any]:
    """
    Yield the elements of the array called *name* in the JSON object in *file*.

    Without a name: those of the array that the document is. What stands beside it is passed over.

    Raises:
        MalformedInput: It is no JSON in UTF-8, has no such array, or one value has more than 16
            million characters.
    """
    found = name is None
    with _reading(file) as text:
        if name is None:
            yield from text.array()
        else:
            for key in text.members():
                if key == name and text.peek() == "[":
                    found = True
                    yield from text.array()
                else:
                    text.skip()
        text.end()
    if not found:
        raise MalformedInput(f"{file.name} has no list called {name}")


def member(file: SourceFile, name: str) -> Any:
    """Return what the JSON object in *file* has under *name*; None if it has nothing."""
    with _reading(file) as text:
        for key in text.members():
            if key == name:
                return text.value()
            text.skip()
    return None


def outline(file: SourceFile, name: str) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """
    Return the first keys of the JSON object in *file*, and one of those in the array called *name*.

    Nothing is read beyond that one, so it shows what a document is, whatever the order of its keys.
    There are no keys if it is no object, and the one is empty if there is none.
    """
    found: list[str] = []
    with suppress(MalformedInput), _reading(file) as text:
        for key in text.members() if text.peek() == "{" else ():
            found.append(key)
            if key != name or text.peek() != "[":
                text.skip()
            elif inner := next((e for e in text.array() if isinstance(e, dict) and e), None):
                return tuple(found), inner
            if len(found) >= _MOST_KEYS:
                break
    return tuple(found), {}


@contextmanager
def _reading(file: SourceFile) -> Iterator["_Text"]:
    with file.open() as raw:
        try:
            yield _Text(raw)
        except (ValueError, RecursionError):
            raise MalformedInput(f"{file.name} is not JSON in UTF-8, or ends too early") from None
        except _TooLong:
            raise MalformedInput(
                f"{file.name} holds a value of more than {MOST_CHARACTERS:,} characters"
            ) from None


class _TooLong(Exception):
    """A value has no end within what is read."""


class _Text:
    """The text of a document, as far as it was read."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._ended = False

    def peek(self) -> str:
        """Return the next sign, without taking it; nothing at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in _SPACE:
                    return self._text[self._at]
                self._at += 1
            if self._ended:
                return ""
            self._more(_CHUNK)

    def value(self) -> Any:
        """Take the next value, and return it."""
        begins = self.peek()
        size = _CHUNK
        while True:
            try:
                found, end = _decode(self._text, self._at)
            except ValueError:
                if self._ended:
                    raise
            else:
                # If no more than "1e+" was read of a number, the "1" seems to be all of it.
                if begins not in _DIGITS or self._ended or len(self._text) - end > len("e+"):
                    self._at = end
                    return found
            if len(self._text) - self._at > MOST_CHARACTERS:
                raise _TooLong
            self._more(size)
            size *= 2

    def array(self) -> Iterator[Any]:
        """Take an array, element by element."""
        self._take("[")
        if self.peek() != "]":
            yield self.value()
            while self.peek() == ",":
                self._take(",")
                yield self.value()
        self._take("]")

    def skip(self) -> None:
        """Take the next value, without keeping an array."""
        if self.peek() == "[":
            for _ in self.array():
                pass
        else:
            self.value()

    def members(self) -> Iterator[str]:
        """Take an object, key by key; whoever asks takes the value before asking for the next."""
        self._take("{")
        while self.peek() != "}":
            key = self.value()
            if not isinstance(key, str):
                raise ValueError  # noqa: TRY004 - as all that is no JSON
            self._take(":")
            yield key
            if self.peek() != "}":
                self._take(",")
        self._take("}")

    def end(self) -> None:
        """Check that nothing follows."""
        if self.peek():
            raise ValueError

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            raise ValueError
        self._at += 1

    def _more(self, size: int) -> None:
        """Read on, and forget what was taken."""
        data = self._raw.read(size)
        self._ended = not data
        self._text = self._text[self._at :] + self._decoder.decode(data, final=self._ended)
        self._at = 0
