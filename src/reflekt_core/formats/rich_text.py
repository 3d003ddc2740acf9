"""
Day One's rich text as Markdown.

It is a list of runs of text, each with the looks of its signs and of the line that it belongs to, and
of what stands between them, such as photos.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

import attrs

__all__ = ["markdown_of"]

_MOST_LEVELS: Final = 6
_LINKS: Final = {
    "photo": "dayone-moment://",
    "video": "dayone-moment:/video/",
    "audio": "dayone-moment:/audio/",
    "pdfAttachment": "dayone-moment:/pdfAttachment/",
}
"""How its plain text refers to what."""
_MARKS: Final = {"bold": "**", "italic": "*", "strikethrough": "~~"}
_FENCE: Final = "```"
_NO_TEXT: Final = "\ufffc"  # stands for an object in the text
_GAP: Final = re.compile(r"\n{3,}")


@attrs.frozen
class _Line:
    """A line of Markdown. What is a block of its own has empty lines around it."""

    text: str
    is_block: bool = False
    is_code: bool = False


def markdown_of(rich: Any) -> str:
    """
    Return the Markdown of *rich*, the JSON of a rich text; nothing if it has no text.

    Raises:
        ValueError: It is something else.
    """
    try:
        contents = json.loads(rich)["contents"]
        lines = list(_lines(contents))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise ValueError("richText is not as Day One writes") from None
    shown: list[str] = []
    for is_code, group in groupby(lines, key=lambda line: line.is_code):
        texts = [_spaced(line) for line in group]
        shown += [_FENCE, *texts, _FENCE] if is_code else texts
    return _GAP.sub("\n\n", "\n".join(shown)).strip("\n")


def _lines(contents: Iterable[Mapping[str, Any]]) -> Iterator[_Line]:
    text, look = "", dict[str, Any]()
    for node in contents:
        style = _object(node.get("attributes"))
        line = _object(style.get("line"))
        embedded = node.get("embeddedObjects")
        # A heading may lack the end of its line.
        if text and (embedded or (look.get("header") and not line.get("header"))):
            yield _line(text, look)
            text, look = "", {}
        *whole, rest = (node.get("text") or "").replace(_NO_TEXT, "").split("\n")
        for part in whole:
            yield _line(text + _marked(part, style), look | line)
            text, look = "", {}
        if rest:
            text, look = text + _marked(rest, style), look | line
        yield from filter(None, map(_embedded, embedded or ()))
    if text:
        yield _line(text, look)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _marked(text: str, style: Mapping[str, Any]) -> str:
    """Return *text* with the marks of its look, which stand at no space."""
    said, line = text.strip(), _object(style.get("line"))
    if not said or line.get("header") or line.get("codeBlock"):
        return text
    marked = f"`{said}`" if style.get("inlineCode") else said
    for name, mark in _MARKS.items():
        if style.get(name):
            marked = f"{mark}{marked}{mark}"
    url = style.get("linkURL")
    if isinstance(url, str) and url != said:
        marked = f"[{marked}]({url})"
    before, _, after = text.partition(said)
    return f"{before}{marked}{after}"


def _line(text: str, look: Mapping[str, Any]) -> _Line:
    if look.get("codeBlock"):
        return _Line(text, is_code=True)
    if not text.strip():
        return _Line("")
    if header := _level(look.get("header")):
        return _Line(f"{'#' * header} {text.strip()}", is_block=True)
    return _Line(f"{_begin(look)}{text}")


def _begin(look: Mapping[str, Any]) -> str:
    """Return what stands before the text of a line."""
    indent = "  " * (_level(look.get("indentLevel")) - 1)
    if look.get("listStyle") == "checkbox" or "checked" in look:
        return f"{indent}- [{'x' if look.get('checked') else ' '}] "
    if look.get("listStyle") == "numbered":
        index = look.get("listIndex")
        return f"{indent}{index if isinstance(index, int) else 1}. "
    if look.get("listStyle") == "bulleted":
        return f"{indent}- "
    return "> " if look.get("quote") else ""


def _level(value: Any) -> int:
    is_one = isinstance(value, int | float) and value >= 1
    return int(min(value, _MOST_LEVELS)) if is_one else 0


def _embedded(value: Mapping[str, Any]) -> _Line | None:
    """Return what stands for something in the text; nothing for what the plain text has no sign for."""
    kind, url = value.get("type"), value.get("url")
    if kind in _LINKS and isinstance(id := value.get("identifier"), str):
        return _Line(f"![]({_LINKS[kind]}{id})", is_block=True)
    if kind == "horizontalRuleLine":
        return _Line("---", is_block=True)
    if kind == "renderableCodeBlock" and isinstance(code := value.get("contents"), str):
        return _Line(code.strip("\n"), is_code=True)
    return _Line(url, is_block=True) if isinstance(url, str) else None


def _spaced(line: _Line) -> str:
    return f"\n{line.text}\n" if line.is_block else line.text
