"""Daylio: its CSV export. Its moods have names of the user's own; its notes are HTML."""

import csv
import html
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import BinaryIO, Final

from reflekt_core.errors import InvalidInput, Problem
from reflekt_core.formats.csv_rows import NO_DATE, NOT_CSV, OF_DAYLIO, header_of, rows
from reflekt_core.formats.records import Dated, Keys, dated, dated_as, entries_in
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import MOOD_NEEDED, Arrival, Broken, ExportRecord, ReadOptions
from reflekt_core.ports import Format, Source

__all__ = ["DaylioFormat"]

_MOODS: Final = {"rad": 5, "good": 4, "meh": 3, "bad": 2, "awful": 1}
_NAMES: Final = {mood: name for name, mood in _MOODS.items()}
_VALUES: Final = frozenset(map(str, _NAMES))
_COLUMNS: Final = (
    "full_date",
    "date",
    "weekday",
    "time",
    "mood",
    "activities",
    "note_title",
    "note",
    "mood_value",  # ours: what a mood's name means, so that nobody need be asked on the way back
)
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
        return set(header_of(source)) >= OF_DAYLIO

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:
        """See `Format`."""
        read = dated_as(options.date_format) if options.date_format else dated("%Y-%m-%d")
        moods = {**_MOODS, **{name.casefold(): mood for name, mood in options.moods.items()}}
        for file in source.files:
            unsaid = (row for _, row in rows(file, OF_DAYLIO) if row and not _value(row))
            used = dict.fromkeys(map(_mood, unsaid))
            if unknown := [name for name in used if name and name.casefold() not in moods]:
                raise InvalidInput([Problem(f"moods.{name}", MOOD_NEEDED) for name in unknown])
            made = Keys()  # anew for each file: exports may overlap
            for line, row in rows(file, OF_DAYLIO):
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


def _value(row: Mapping[str, str]) -> str:
    return row.get("mood_value", "").strip()


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
    mood, value = _mood(row), _value(row)
    if value and value not in _VALUES:
        return Broken(place, "mood_value must be a number from 1 to 5")
    meant = int(value) if value else moods.get(mood.casefold())
    activities = tuple(filter(None, map(str.strip, row.get("activities", "").split(" | "))))
    note = _plain(row.get("note", ""))
    kept = {name: value for name, value in row.items() if name not in _COLUMNS and value}
    return Arrival(
        place=place,
        key=made(at, mood, activities, row.get("note_title"), row.get("note")),
        # An entry may consist of a mood and activities alone.
        content=note or ", ".join(activities) or mood,
        title=_plain(row.get("note_title", "")),
        mood=meant,
        tags=activities,
        occurred_at=at,
        extra={**kept, **_named(mood, meant)},
    )


def _named(mood: str, meant: int | None) -> Mapping[str, object]:
    """Return what is kept of a mood's name: also what it meant, if that is the user's own."""
    if not mood or mood.casefold() in _MOODS:
        return {"mood": mood} if mood else {}
    return {"mood": mood, "mood_value": meant}


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
    at = entry.occurred_at
    return [
        f"{at:%Y-%m-%d}",
        f"{at:%B} {at.day}",
        f"{at:%A}",
        f"{at:%H:%M}",
        _name(entry),
        " | ".join(entry.tags),
        html.escape(entry.title, quote=False),
        html.escape(entry.content, quote=False).replace("\n", "<br>"),
        str(entry.mood or ""),
    ]


def _name(entry: Entry) -> str:
    """Return the name of the mood: the one that came along, unless the mood was changed since."""
    kept = entry.extra.get("daylio", {})
    name = str(kept.get("mood") or "")
    meant = kept.get("mood_value", _MOODS.get(name.casefold(), entry.mood))
    return name if name and meant == entry.mood else _NAMES.get(entry.mood or 0, "")
