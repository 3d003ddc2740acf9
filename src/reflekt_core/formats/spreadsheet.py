"""CSV: a row an entry, for spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time
from typing import BinaryIO, Final
from uuid import UUID

from reflekt_core.formats.csv_rows import NO_DATE, NOT_CSV, OF_TABLES, header_of, rows
from reflekt_core.formats.records import Dated, Keys, dated_as, entries_in
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, ReadOptions
from reflekt_core.ports import Format, Source

__all__ = ["CSVFormat"]

_COLUMNS: Final = (
    "id",
    "date",
    "time_zone",
    "title",
    "content",
    "mood",
    "category",
    "tags",
    "starred",
    "created_at",
    "updated_at",
)
_BETWEEN: Final = " | "
_BETWEEN_READ: Final = re.compile(r"(?<!\\)\|")
_NOON: Final = time(12)
_TRUE: Final = frozenset({"true", "yes", "1"})
_FALSE: Final = frozenset({"", "false", "no", "0"})


class CSVFormat(Format):
    """A row an entry; the columns `date` and `content` must be there."""

    name = "csv"
    suffix = ".csv"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        return set(header_of(source)) >= OF_TABLES

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:
        """See `Format`."""
        read = _said(options.date_format) if options.date_format else _iso
        for file in source.files:
            made = Keys()  # anew: exports may overlap
            for line, row in rows(file, OF_TABLES):
                yield _arrival(f"line {line}", row, read, made)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        writer.writerows(_row(entry, category) for entry, category in entries_in(records))
        text.detach()


def _arrival(
    place: str, row: Mapping[str, str] | None, read: Dated, made: Keys
) -> Arrival | Broken:
    if row is None:
        return Broken(place, NOT_CSV)
    try:
        return Arrival(
            place=place,
            key=made(*(row.get(name) for name in _COLUMNS)),
            id=UUID(row["id"].strip()) if row.get("id", "").strip() else None,
            content=row.get("content", ""),
            title=row.get("title", ""),
            mood=_mood(row.get("mood", "").strip()),
            category=row.get("category", "").strip() or None,
            tags=_tags(row.get("tags", "")),
            starred=_starred(row.get("starred", "").strip().lower()),
            occurred_at=_date(row.get("date", "").strip(), read),
            time_zone=row.get("time_zone", "").strip() or None,
            created_at=_time("created_at", row),
            updated_at=_time("updated_at", row),
            extra={k: value for k, value in row.items() if k not in _COLUMNS and value},
        )
    except ValueError as error:
        message = str(error)
        return Broken(place, message if message.startswith(_COLUMNS) else "id must be a UUID")


def _tags(text: str) -> tuple[str, ...]:
    parts = (part.replace("\\|", "|").strip() for part in _BETWEEN_READ.split(text))
    return tuple(filter(None, parts))


def _mood(text: str) -> int | None:
    # A column with gaps is one of fractions to many a program.
    whole = text.removesuffix(".0")
    if text and not (whole.isascii() and whole.isdigit() and len(whole) == 1):
        raise ValueError("mood must be a number from 1 to 5")
    return int(whole) if text else None


def _starred(text: str) -> bool:
    if text not in _TRUE | _FALSE:
        raise ValueError("starred must be true or false")
    return text in _TRUE


def _said(form: str) -> Dated:
    """Return what reads dates in *form*; if that has no hours, they are at noon as all such are."""
    read, has_hours = dated_as(form), any(sign in form for sign in ("%H", "%I", "%X", "%c"))

    def at(text: str) -> datetime | None:
        found = read(text)
        return found if found is None or has_hours else datetime.combine(found, _NOON)

    return at


def _iso(text: str) -> datetime | None:
    try:
        if len(text) <= len("2026-11-22"):
            return datetime.combine(date.fromisoformat(text), _NOON)
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _date(text: str, read: Dated) -> datetime:
    if not text:
        raise ValueError("date is missing")
    if (at := read(text)) is None:
        raise ValueError(f"date {NO_DATE}")
    return at


def _time(name: str, row: Mapping[str, str]) -> datetime | None:
    text = row.get(name, "").strip()
    if text and (at := _iso(text)) is None:
        raise ValueError(f"{name} must be such as 2026-11-22 or 2026-11-22T21:40:00+03:00")
    return at if text else None


def _row(entry: Entry, category: str | None) -> list[object]:
    return [
        entry.id,
        entry.occurred_at.isoformat(),
        entry.time_zone,
        entry.title,
        entry.content,
        entry.mood,
        category,
        _BETWEEN.join(tag.replace("|", "\\|") for tag in entry.tags),
        str(entry.starred).lower(),
        entry.created_at.isoformat(),
        entry.updated_at.isoformat(),
    ]
