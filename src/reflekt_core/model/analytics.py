"""
What a journal adds up to, day by day.

An entry and its insight contribute to exactly one day. What a day holds is the exact sum of
contributions (whole numbers only), so that taking one out leaves what would be there without it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

import attrs

from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.model.feelings import SentimentLabel

if TYPE_CHECKING:
    from reflekt_core.model.insights import Insight

__all__ = [
    "Contribution",
    "DayAggregate",
    "EntryFacts",
    "InsightFacts",
    "Run",
    "aggregate",
    "counted",
    "entry_facts",
    "insight_facts",
    "plus",
    "runs",
]

K = TypeVar("K")


@attrs.frozen
class EntryFacts:
    """What an entry outside the trash adds to its day."""

    local_date: date
    weekday: int
    """Of the wall clock at the time of writing: 0 is Monday."""
    hour: int
    words: int
    mood: int | None
    content_version: int


@attrs.frozen
class InsightFacts:
    """What the insight of an entry adds to its day, if it is of the entry's present text."""

    content_version: int
    sentiment: SentimentLabel
    score_milli: int
    """Sentiment score in thousandths, -1000 to 1000; whole, so that sums are exact."""
    topics: tuple[str, ...]


@attrs.frozen
class Contribution:
    """
    What is counted for one entry at the moment, and from which version.

    `entry` is None while the entry is in the trash or gone; then nothing counts.
    """

    entry_id: UUID
    version: int = 0
    entry: EntryFacts | None = None
    insight: InsightFacts | None = None


@attrs.frozen
class DayAggregate:
    """The sum of a day. Counts of zero are left out of the mappings."""

    date: date
    entries: int = 0
    words: int = 0
    moods: dict[int, int] = attrs.field(factory=dict)
    """Mood (1 to 5): number of entries."""
    sentiments: dict[SentimentLabel, int] = attrs.field(factory=dict)
    score_milli: int = 0
    """Sum of the sentiment scores, in thousandths."""
    topics: dict[str, int] = attrs.field(factory=dict)
    hours: dict[str, int] = attrs.field(factory=dict)
    """``weekday-hour`` by the wall clock, such as ``0-23`` for Monday 11 p.m.: number of entries."""


@attrs.frozen
class Run:
    """Days in a row with at least one entry each, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1


def entry_facts(entry: Entry | Tombstone | None) -> EntryFacts | None:
    """Return what *entry* adds to its day: nothing if it is in the trash or gone."""
    if not isinstance(entry, Entry) or entry.trashed_at is not None:
        return None
    return EntryFacts(
        local_date=entry.local_date,
        weekday=entry.occurred_at.weekday(),
        hour=entry.occurred_at.hour,
        words=entry.word_count,
        mood=entry.mood,
        content_version=entry.content_version,
    )


def insight_facts(insight: "Insight | None") -> InsightFacts | None:
    """Return what *insight* adds to the day of its entry."""
    if insight is None:
        return None
    sentiment = insight.analysis.sentiment
    return InsightFacts(
        content_version=insight.content_version,
        sentiment=sentiment.label,
        score_milli=round(sentiment.score * 1000),
        topics=tuple(dict.fromkeys(topic.name for topic in insight.analysis.topics)),
    )


def counted(contribution: Contribution) -> DayAggregate | None:
    """Return what *contribution* adds to its day, as a day of its own; None if nothing."""
    entry, insight = contribution.entry, contribution.insight
    if entry is None:
        return None
    day = DayAggregate(
        date=entry.local_date,
        entries=1,
        words=entry.words,
        moods={entry.mood: 1} if entry.mood is not None else {},
        hours={f"{entry.weekday}-{entry.hour}": 1},
    )
    if insight is None or insight.content_version != entry.content_version:
        return day
    return attrs.evolve(
        day,
        sentiments={insight.sentiment: 1},
        score_milli=insight.score_milli,
        topics=dict.fromkeys(insight.topics, 1),
    )


def plus(day: DayAggregate, more: DayAggregate, sign: int = 1) -> DayAggregate:
    """Return *day* with *more* added; taken out again with *sign* -1."""
    return DayAggregate(
        date=day.date,
        entries=day.entries + sign * more.entries,
        words=day.words + sign * more.words,
        moods=_sum(day.moods, more.moods, sign),
        sentiments=_sum(day.sentiments, more.sentiments, sign),
        score_milli=day.score_milli + sign * more.score_milli,
        topics=_sum(day.topics, more.topics, sign),
        hours=_sum(day.hours, more.hours, sign),
    )


def _sum(counts: Mapping[K, int], more: Mapping[K, int], sign: int) -> dict[K, int]:
    summed = dict(counts)
    for key, count in more.items():
        summed[key] = summed.get(key, 0) + sign * count
    return {key: count for key, count in summed.items() if count}


def aggregate(contributions: Iterable[Contribution]) -> dict[date, DayAggregate]:
    """Return the days that *contributions* add up to, from scratch, by date."""
    days: dict[date, DayAggregate] = {}
    for one in filter(None, map(counted, contributions)):
        days[one.date] = plus(days.get(one.date, DayAggregate(one.date)), one)
    return dict(sorted(days.items()))


def runs(days: Iterable[date]) -> tuple[Run, ...]:
    """Return the runs of days in a row that *days* form, in order."""
    found: list[Run] = []
    for day in sorted(set(days)):
        if found and (day - found[-1].last).days == 1:
            found[-1] = Run(found[-1].first, day)
        else:
            found.append(Run(day, day))
    return tuple(found)
