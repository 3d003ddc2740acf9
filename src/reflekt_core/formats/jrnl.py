"""
jrnl: its text files, and its JSON export.

In a text file an entry begins with a line ``[2026-11-22 21:40] Title``; a star at the end of that line
stars it, and words such as ``@sea`` are tags. Times are those of the clock on the wall.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, BinaryIO, Final, TextIO
from uuid import UUID

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.json_stream import elements, outline
from reflekt_core.formats.records import Dated, Keys, dated, dated_as, entries_in
from reflekt_core.formats.sources import NOT_UTF_8, text_of
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, ReadOptions
from reflekt_core.ports import Format, Source, SourceFile

__all__ = ["JrnlFormat", "JrnlJSONFormat"]

_TAG: Final = re.compile(r"(?<!\S)@([-+*#/\w]+)")
_HEAD: Final = re.compile(r"\[([^\]\n]{4,100})\][ \t]*(.*)")
_SOME_DATE: Final = re.compile(r"\[[^\]\n]*\d[^\]\n]*\d[^\]\n]*\][ \t]+\S")
_OLD_HEAD: Final = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)[ \t]+(.*)")
_FORMATS: Final = (
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M",
    "%A, %B %d, %Y %H:%M",
    "%d %B %Y %H:%M",
    "%B %d, %Y %H:%M",
)
_LONGEST: Final = 1_000_000
"""How many characters of one entry are read; Reflekt takes fewer, and says so."""

_UNDERSTOOD: Final = frozenset({"title", "body", "date", "time", "tags", "starred", "uuid"})
_WRITTEN: Final = frozenset({"title", "body", "date", "time"})

_dated = dated(*_FORMATS)


class JrnlFormat(Format):
    """jrnl's text files."""

    name = "jrnl"
    suffix = ".txt"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        if len(source.files) != 1:
            return False
        try:
            with text_of(source.files[0]) as lines:
                first = next(
                    (line for line in iter(lambda: lines.readline(500), "") if line.strip()), ""
                )
        except UnicodeDecodeError:
            return False
        first = first.strip()
        return bool(_SOME_DATE.match(first)) or _begun(first, _dated) is not None

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:
        """See `Format`."""
        read = dated_as(options.date_format) if options.date_format else _dated
        for file in source.files:
            try:
                yield from _entries(file, read, Keys())
            except UnicodeDecodeError:
                raise MalformedInput(f"{file.name} {NOT_UTF_8}") from None

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        target.writelines(f"{_written(entry)}\n".encode() for entry, _ in entries_in(records))


class JrnlJSONFormat(Format):
    """jrnl's JSON export."""

    name = "jrnl-json"
    suffix = ".json"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        if len(source.files) != 1:
            return False
        names, entry = outline(source.files[0], "entries")
        return set(names) == {"tags", "entries"} or set(entry) >= _WRITTEN

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:  # noqa: ARG002 - its dates are always written the same way
        """See `Format`."""
        for file in source.files:
            made = Keys()  # anew: exports may overlap
            for number, value in enumerate(elements(file, "entries"), 1):
                yield _arrival(f"entry {number}", value, made)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        target.write(b'{"tags":{},"entries":[')
        for number, (entry, _) in enumerate(entries_in(records)):
            shown = json.dumps(_shown(entry), ensure_ascii=False)
            target.write(f"{',' if number else ''}\n{shown}".encode())
        target.write(b"\n]}\n")


# Text


def _begun(line: str, read: Dated) -> tuple[datetime, str] | None:
    """Return when an entry is from, and its first line, if it begins with *line*."""
    head = _HEAD.match(line) or _OLD_HEAD.match(line)
    at = read(head[1]) if head else None
    return (at, head[2].strip()) if head and at else None


def _entries(file: SourceFile, read: Dated, made: Keys) -> Iterator[Arrival | Broken]:
    begun: tuple[int, datetime, str] | None = None
    body: list[str] = []
    size = 0
    with text_of(file) as lines:
        for number, line in _lines(lines):
            head = _begun(line, read)
            if head is None:
                if begun is None and line.strip():
                    yield Broken(f"line {number}", _before_all(line))
                size += len(line) + 1
                body += [line] if size <= _LONGEST else []
                continue
            if begun:
                yield _finished(*begun, body, size, made)
            begun, body, size = (number, *head), [], 0
    if begun:
        yield _finished(*begun, body, size, made)


def _lines(text: TextIO) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; of one that has no end, what is too long as it is."""
    number, begins = 0, True
    while line := text.readline(_LONGEST + 1):
        if begins:
            number += 1
            yield number, line.rstrip("\r\n")
        begins = line.endswith(("\r", "\n"))


def _before_all(line: str) -> str:
    if _SOME_DATE.match(line):
        return "has no date that is known: say how they are written, such as %d.%m.%Y %H:%M"
    return "stands before the first entry's date"


def _finished(  # noqa: PLR0913, PLR0917 - what was gathered
    line: int, at: datetime, first: str, lines: Sequence[str], size: int, made: Keys
) -> Arrival | Broken:
    if size > _LONGEST:
        return Broken(f"line {line}", f"has more than {_LONGEST:,} characters")
    body = "\n".join(lines)
    starred = first.endswith("*")
    title = first.rstrip("* ") if starred else first
    content = body.strip("\n")
    title, content = (title, content) if content.strip() else ("", title)
    if not content:
        return Broken(f"line {line}", "has no text")
    return Arrival(
        place=f"line {line}",
        key=made(at, title, content),
        content=content,
        title=title,
        tags=_tags(f"{title}\n{content}"),
        starred=starred,
        occurred_at=at,
    )


def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_TAG.findall(text)))


def _written(entry: Entry) -> str:
    title, content = entry.title, entry.content
    if not title:
        title, _, content = content.partition("\n")
    marks = [f"@{tag}" for tag in entry.tags if re.fullmatch(r"[-+*#/\w]+", tag)]
    there = set(_tags(f"{title}\n{content}"))
    missing = [mark for mark in marks if mark[1:] not in there]
    # A line that looks like the beginning of an entry is moved in by a space.
    lines = [f" {line}" if _begun(line, _dated) else line for line in content.split("\n")]
    body = "\n".join([*lines, *([" ".join(missing)] if missing else [])]).strip("\n")
    star = " *" if entry.starred else ""
    return f"[{entry.occurred_at:%Y-%m-%d %H:%M}] {title}{star}\n{body}\n"


# JSON


def _arrival(place: str, value: Any, made: Keys) -> Arrival | Broken:
    if not isinstance(value, dict):
        return Broken(place, "must be an object")
    texts = value.get("title") or "", value.get("body") or ""
    if not all(isinstance(text, str) for text in texts):
        return Broken(place, "title and body must be strings")
    title, body = texts[0].strip(), texts[1].strip("\n")
    title, content = (title, body) if body.strip() else ("", title)
    if not content:
        return Broken(place, "has no text")
    at = _dated(f"{value.get('date')} {value.get('time') or '00:00'}")
    if at is None:
        return Broken(place, "date and time must be such as 2026-11-22 and 21:40")
    return Arrival(
        place=place,
        key=made(at, title, content),
        id=_id(value.get("uuid")),
        content=content,
        title=title,
        tags=tuple(
            tag.removeprefix("@") for tag in _listed(value.get("tags")) if isinstance(tag, str)
        ),
        starred=value.get("starred") is True,
        occurred_at=at,
        extra={name: held for name, held in value.items() if name not in _UNDERSTOOD},
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _id(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        **entry.extra.get("jrnl-json", {}),
        "title": entry.title,
        "body": entry.content,
        "date": f"{entry.occurred_at:%Y-%m-%d}",
        "time": f"{entry.occurred_at:%H:%M}",
        "tags": [f"@{tag}" for tag in entry.tags],
        "starred": entry.starred,
        "uuid": entry.id.hex,
    }
