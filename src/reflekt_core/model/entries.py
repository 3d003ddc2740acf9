"""Journal entries: what one is, how it changes, and which day it belongs to."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from reflekt_core.model.fields import Items, Range, Text, check
from reflekt_core.model.prose import prose
from reflekt_core.views import as_html

__all__ = [
    "PRIVATE",
    "Change",
    "Content",
    "Day",
    "Entry",
    "EntryDraft",
    "EntryFilter",
    "Instant",
    "Moment",
    "Mood",
    "Order",
    "Tag",
    "TagCount",
    "Tags",
    "Title",
    "Tombstone",
    "Years",
    "Zone",
    "ZoneName",
    "count_words",
    "fold_tag",
    "in_zone",
    "local_date",
    "new_entry",
    "restored",
    "trashed",
    "unique_tags",
]

PRIVATE: dict[Any, Any] = {"private": True}
"""Metadata of a field that is stored but never shown."""


@attrs.frozen
class Zone:
    """The name of an IANA time zone."""

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if isinstance(value, str) and len(value) <= _LONGEST_ZONE and _is_zone(value):
            return None
        return "must be an IANA time zone such as 'Africa/Nairobi'"

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        return {"maxLength": _LONGEST_ZONE, "examples": ["Africa/Nairobi"]}


_LONGEST_ZONE = 64


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    # Names in lower case (localtime, posixrules) mean something else on every machine.
    if not re.fullmatch(r"[A-Z][\w+-]*(/[\w+-]+)*", name, re.ASCII):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


@attrs.frozen
class Years:
    """A date or time from *low* to *high*, so that every zone can show it."""

    low: int = 1000
    high: int = 9000

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if isinstance(value, date) and not self.low <= value.year <= self.high:
            return f"must be in the years {self.low} to {self.high}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords (there is none for this)."""
        return {}


Title = Annotated[str, Text(200, example="A day by the sea")]
Content = Annotated[
    str, Text(100_000, min_length=1, max_bytes=200 * 1024, example="We swam until the sun set.")
]
Mood = Annotated[int, Range(1, 5)]
"""How the writer felt, from 1 (very low) to 5 (very good)."""
Tag = Annotated[
    str,
    Text(
        50,
        min_length=1,
        pattern=r"\S(?:.*\S)?",
        what="a word or a few in one line, without spaces at the ends",
        example="sea",
    ),
]
Tags = Annotated[tuple[Tag, ...], Items(50)]
ZoneName = Annotated[str, Zone()]
Instant = Annotated[datetime, Years()]
"""A point in time, with offset."""
Day = Annotated[date, Years()]
Moment = Day | Instant
"""A local date, or a point in time."""


class Order(StrEnum):
    """Direction of a list by time."""

    ASC = "asc"
    DESC = "desc"


@attrs.frozen
class EntryDraft:
    """
    What a person writes. Only `content` is required.

    Raises:
        InvalidInput: Names every bad field.
    """

    content: Content
    title: Title = ""
    mood: Mood | None = None
    category_id: UUID | None = None
    tags: Tags = ()
    starred: bool = False
    occurred_at: Instant | None = None
    """When it happened; now, if left out."""
    time_zone: ZoneName | None = None
    """Where it happened; the zone of the settings, if left out."""
    prompt_id: UUID | None = None

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Entry:
    """
    A journal entry as stored.

    `occurred_at` is given in `time_zone`; `local_date` is the day it belongs to. `version` counts
    every change, `content_version` those of title and content alone.
    """

    id: UUID
    title: str
    content: str
    mood: int | None
    category_id: UUID | None
    tags: tuple[str, ...]
    starred: bool
    occurred_at: datetime
    time_zone: str
    local_date: date
    prompt_id: UUID | None
    word_count: int
    version: int
    content_version: int
    created_at: datetime
    updated_at: datetime
    trashed_at: datetime | None = None
    extra: dict[str, Any] = attrs.field(factory=dict, metadata=PRIVATE)
    """What an import brought along and Reflekt does not understand; comes back on export."""
    fingerprint: str | None = attrs.field(default=None, metadata=PRIVATE)
    """Hash of the request that made it, to tell a retry from another request with its key."""

    _repr_html_ = as_html


@attrs.frozen
class Tombstone:
    """What is left of an entry that was deleted for good."""

    id: UUID
    version: int
    deleted_at: datetime


@attrs.frozen
class Change:
    """The latest change of one entry, at its place in the user's sequence of changes."""

    sequence: int
    entry: Entry | Tombstone


@attrs.frozen
class TagCount:
    """A tag and how many entries outside the trash carry it."""

    name: str
    count: int


def _several(tags: Iterable[str]) -> Any:
    """Return the tags that are asked for, of which one may be said without a list; check nothing."""
    if isinstance(tags, str):
        return (tags,)
    return tuple(tags) if isinstance(tags, Iterable) else tags


@attrs.frozen
class EntryFilter:
    """
    Which entries a list or a search is about. What is not set does not matter.

    `from_` and `to` are included. A date is compared with the entry's local date, a time with its
    instant. An entry must carry every tag named. The trash is a list of its own.
    """

    from_: Moment | None = None
    """This day or time, or later."""
    to: Moment | None = None
    """This day or time, or earlier."""
    category_id: UUID | None = None
    """In this category."""
    tag: Tags = attrs.field(default=(), converter=_several)
    """With this tag; if there are several, with all of them."""
    mood_min: Mood | None = None
    """With at least this mood."""
    mood_max: Mood | None = None
    """With at most this mood."""
    starred: bool | None = None
    """With a star, or without."""
    trashed: bool = False
    """In the trash, and nowhere else."""

    def __attrs_post_init__(self) -> None:
        check(self)

    def accepts(self, entry: Entry) -> bool:
        """Tell whether *entry* is meant. This is the definition that every store must keep to."""
        folded = {fold_tag(tag) for tag in entry.tags} if self.tag else frozenset()
        return (
            (entry.trashed_at is not None) == self.trashed
            and (self.from_ is None or _when(entry, self.from_) >= self.from_)
            and (self.to is None or _when(entry, self.to) <= self.to)
            and self.category_id in (None, entry.category_id)
            and all(fold_tag(tag) in folded for tag in self.tag)
            and (self.mood_min is None or (entry.mood or 0) >= self.mood_min)
            and (self.mood_max is None or (entry.mood or 9) <= self.mood_max)
            and self.starred in (None, entry.starred)
        )


def _when(entry: Entry, moment: date) -> date:
    return entry.occurred_at if isinstance(moment, datetime) else entry.local_date


# Scripts written without spaces: there, every character counts as a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+(?:['\u2019-][^\W{_UNSPACED}]+)*"

_ASCII_SIGNS = str.maketrans({c: " " for c in map(chr, range(128)) if not c.isalnum() and c != "_"})
_JOINER = r"(?a)['-](?<=\w.)(?=\w)"


def count_words(text: str) -> int:
    """Count the words of *text*, without addresses; in scripts without spaces, the characters."""
    text = prose(text)
    if text.isascii():  # the same by faster means: this runs in every write
        return len(text.translate(_ASCII_SIGNS).split()) - len(re.findall(_JOINER, text))
    return len(re.findall(_WORD, text))


def fold_tag(tag: str) -> str:
    """Return the form in which tags are compared: without case, composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", tag).casefold())


def unique_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return *tags* in order, each once; the first spelling stays."""
    spellings: dict[str, str] = {}
    for tag in tags:
        spellings.setdefault(fold_tag(tag), tag)
    return tuple(spellings.values())


def in_zone(at: datetime, zone: str) -> datetime:
    """
    Return the instant *at* as the wall clock of *zone* shows it, with a fixed offset.

    Fixed, because Python compares times of one zone by the wall clock and so takes the two halves
    of a doubled hour for the same. In whole minutes, as RFC 3339 wants offsets; some before 1930
    were not.
    """
    offset = at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return at.astimezone(_fixed(round(offset.total_seconds() / 60)))


@lru_cache(maxsize=1024)
def _fixed(minutes: int) -> timezone:
    return timezone(timedelta(minutes=minutes))


def local_date(occurred_at: datetime, zone: str, day_start_hour: int = 0) -> date:
    """
    Return the day that *occurred_at* belongs to, by the wall clock of *zone*.

    Before *day_start_hour* (0 to 23) it is still the day before. Only the clock on the wall
    counts: days of 23 or 25 hours and days without midnight need no care.
    """
    return _day_of(in_zone(occurred_at, zone), day_start_hour)


def _day_of(wall: datetime, day_start_hour: int) -> date:
    day = wall.date()
    return day - timedelta(days=1) if wall.hour < day_start_hour else day


def new_entry(  # noqa: PLR0913 - each is a fact from elsewhere, named at the call
    draft: EntryDraft,
    *,
    id: UUID,
    time_zone: str,
    day_start_hour: int,
    now: datetime,
    replaces: Entry | Tombstone | None = None,
    created_at: datetime | None = None,
    extra: dict[str, Any] | None = None,
    fingerprint: str | None = None,
) -> Entry:
    """
    Return the entry that *draft* describes, as the version after *replaces*.

    *time_zone* and *day_start_hour* come from the writer's settings; the draft's own zone wins. An
    entry that is replaced keeps its time and zone where the draft leaves them out, so that sending
    the same draft again changes nothing. *created_at* and *extra* are what an import knows.
    """
    before = replaces if isinstance(replaces, Entry) else None
    zone = draft.time_zone or (before.time_zone if before else time_zone)
    at = in_zone(draft.occurred_at or (before.occurred_at if before else now), zone)
    same_text = before and (before.title, before.content) == (draft.title, draft.content)
    version = replaces.version + 1 if replaces else 1
    same_time = before and (before.occurred_at, before.time_zone) == (at, zone)
    return Entry(
        id=id,
        title=draft.title,
        content=draft.content,
        mood=draft.mood,
        category_id=draft.category_id,
        tags=unique_tags(tuple(draft.tags)),
        starred=draft.starred,
        occurred_at=at,
        time_zone=zone,
        local_date=before.local_date if before and same_time else _day_of(at, day_start_hour),
        prompt_id=draft.prompt_id,
        word_count=count_words(draft.content),
        version=version,
        # After a tombstone the count goes on from the version, so that it never repeats a number.
        content_version=before.content_version + (not same_text) if before else version,
        created_at=before.created_at if before else (created_at or now).astimezone(UTC),
        updated_at=now.astimezone(UTC),
        extra=before.extra if before else extra or {},
        fingerprint=fingerprint or (before.fingerprint if before else None),
    )


def trashed(entry: Entry, now: datetime) -> Entry:
    """Return *entry* as moved to the trash, as its next version."""
    at = now.astimezone(UTC)
    return attrs.evolve(entry, trashed_at=at, version=entry.version + 1, updated_at=at)


def restored(entry: Entry, now: datetime) -> Entry:
    """Return *entry* as taken out of the trash, as its next version."""
    return attrs.evolve(
        entry, trashed_at=None, version=entry.version + 1, updated_at=now.astimezone(UTC)
    )
