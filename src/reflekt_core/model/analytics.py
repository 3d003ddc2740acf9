"""
What a journal adds up to, day by day.

An entry and its insight contribute to exactly one day. What a day holds is the exact sum of
contributions (whole numbers only), so that taking one out leaves what would be there without it.
"""

from datetime import date
from uuid import UUID

import attrs

from reflekt_core.model.insights import SentimentLabel

__all__ = ["Contribution", "DayAggregate", "EntryFacts", "InsightFacts", "Run"]


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
