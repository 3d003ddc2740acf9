"""Daylio: its CSV export. Its moods have names of the user's own; its notes are HTML."""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import BinaryIO, Final

from reflekt_core.errors import InvalidInput, Problem
from reflekt_core.formats.csv_rows import NO_DATE, NOT_CSV, header_of, rows
from reflekt_core.formats.records import Dated, Keys, dated, dated_as, entries_in
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, ReadOptions
from reflekt_core.ports import Format, Source

__all__ = ["DaylioFormat"]

_MOODS: Final = {"rad": 5, "good": 4, "meh": 3, "bad": 2, "awful": 1}
_NAMES: Final = {mood: name for name, mood in _MOODS.items()}
_COLUMNS: Final = (
    "full_date",
    "date",
    "weekday",
    "time",
    "mood",
    "activities",
    "note_title",
    "note",
)
_NEEDED: Final = frozenset({"full_date", "time", "mood", "activities", "note"})
_CLOCK: Final = re.compile(
    r"(上午|午前|오전|下午|午後|오후)?\s*(\d{1,2})[:.](\d\d)(?:[:.]\d\d)?\s*([AP]\.?\s?M\.?)?",
    re.IGNORECASE,
)
# As the telephone's language has it.
_BEFORE_NOON: Final = frozenset({"上午", "午前", "오전", "AM"})
_NO_BREAK: Final = re.compile(r"<br\s*/?>(?=\s*</(?:p|div|li|h[1-6])>)", re.IGNORECASE)
_BREAK: Final = re.compile(
    r"<br\s*/?>|</(?:p|div|li|h[1-6])>"
    r"|(?:(?<=[^>\s])|(?<=</[bius]>))<(?:p|div|ul|ol|h[1-6])\b[^<>]*>",
    re.IGNORECASE,
)
_ITEM: Final = re.compile(r"<li\b[^<>]*>", re.IGNORECASE)
_MARK: Final = re.compile(r"</?[a-zA-Z][^<>]*>")


class DaylioFormat(Format):
    """Daylio's CSV."""

    name = "daylio"
    suffix = ".csv"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        return set(header_of(source)) >= _NEEDED

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:
        """See `Format`."""
        made = Keys()
        read = dated_as(options.date_format) if options.date_format else dated("%Y-%m-%d")
        moods = {**_MOODS, **{name.casefold(): mood for name, mood in options.moods.items()}}
        for file in source.files:
            used = {_mood(row): None for _, row in rows(file, _NEEDED) if row}
            if unknown := [name for name in used if name and name.casefold() not in moods]:
                asked = "must be a number from 1 to 5: say which this mood means"
                raise InvalidInput([Problem(f"moods.{name}", asked) for name in unknown])
            for line, row in rows(file, _NEEDED):
                yield _arrival(f"line {line}", row, moods, read, made)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        writer.writerows(_row(entry) for entry, _ in entries_in(records))
        text.detach()


def _mood(row: Mapping[str, str]) -> str:
    return row.get("mood", "").strip()


def _arrival(
    place: str, row: Mapping[str, str] | None, moods: Mapping[str, int], read: Dated, made: Keys
) -> Arrival | Broken:
    if row is None:
        return Broken(place, NOT_CSV)
    clock = _clock(row.get("time", ""))
    if clock is None:
        return Broken(place, "time must be such as 21:40 or 9:40 PM")
    day = read(row.get("full_date", ""))
    if day is None:
        return Broken(place, f"full_date {NO_DATE}")
    at = datetime.combine(day, clock)
    mood = _mood(row)
    activities = tuple(filter(None, map(str.strip, row.get("activities", "").split(" | "))))
    note = _plain(row.get("note", ""))
    kept = {name: value for name, value in row.items() if name not in _COLUMNS and value}
    return Arrival(
        place=place,
        key=made(at, mood, activities, row.get("note_title"), row.get("note")),
        # An entry may consist of a mood and activities alone.
        content=note or ", ".join(activities) or mood,
        title=_plain(row.get("note_title", "")),
        mood=moods.get(mood.casefold()),
        tags=activities,
        occurred_at=at,
        extra={**kept, **({"mood": mood} if mood else {})},
    )


def _clock(text: str) -> time | None:
    clock = _CLOCK.fullmatch(text.strip())
    if not clock:
        return None
    before, hour, minute, after = clock.groups()
    half = "".join(c for c in (before or after or "").upper() if c.isalpha())
    if half and not 1 <= int(hour) <= 12:  # noqa: PLR2004 - hours of half a day
        return None
    past_noon = 12 * (half not in _BEFORE_NOON)
    try:
        return time(int(hour) % 12 + past_noon if half else int(hour), int(minute))
    except ValueError:
        return None


def _plain(note: str) -> str:
    """Return the text of *note*, without its marks."""
    text = _ITEM.sub("- ", _BREAK.sub("\n", _NO_BREAK.sub("", note)))
    return html.unescape(_MARK.sub("", text)).replace("\xa0", " ").strip()


def _row(entry: Entry) -> list[str]:
    at, kept = entry.occurred_at, entry.extra.get("daylio", {})
    return [
        f"{at:%Y-%m-%d}",
        f"{at:%B} {at.day}",
        f"{at:%A}",
        f"{at:%H:%M}",
        str(kept.get("mood") or _NAMES.get(entry.mood or 0, "")),
        " | ".join(entry.tags),
        html.escape(entry.title, quote=False),
        html.escape(entry.content, quote=False).replace("\n", "<br>"),
    ]
