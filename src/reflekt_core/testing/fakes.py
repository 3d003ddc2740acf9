"""A clock and ids that tests hold in their hands, and values to start from."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import attrs

from reflekt_core.model.entries import Entry, EntryDraft, new_entry
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.insights import Analysis, Insight, Provenance, Topic

__all__ = ["NOW", "FakeClock", "FakeIds", "an_entry", "an_insight"]

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
"""An evening in November, at which `FakeClock` starts."""


class FakeClock:
    """A clock that stands until it is told to go on."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time it stands at."""
        return self.now

    def advance(self, **by: float) -> None:
        """Go on: ``advance(hours=1)``; the words are those of `datetime.timedelta`."""
        self.now += timedelta(**by)


class FakeIds:
    """Ids that are the same in every run, each greater than the one before."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> UUID:
        """Return the next id."""
        self.number += 1
        return UUID(int=0x0193E1A2_7C5B_7000_8000_000000000000 + self.number)


_ids = FakeIds()


def an_entry(content: str = "A day.", *, id: UUID | None = None, **fields: Any) -> Entry:
    """
    Return a first version of an entry; *fields* are those of `EntryDraft` or `Entry`.

    Without *id* it has one of its own.
    """
    drafted = {a.name for a in attrs.fields(EntryDraft)}
    draft = EntryDraft(content, **{n: v for n, v in fields.items() if n in drafted})
    entry = new_entry(draft, id=id or _ids(), time_zone="UTC", day_start_hour=0, now=NOW)
    return attrs.evolve(entry, **{n: v for n, v in fields.items() if n not in drafted})


def an_insight(
    entry: Entry, *, score: float = 0.5, topics: tuple[str, ...] = ("sea",), summary: str = "A day."
) -> Insight:
    """Return an insight into the present text of *entry*."""
    label = SentimentLabel.POSITIVE if score > 0 else SentimentLabel.NEGATIVE
    analysis = Analysis(
        Sentiment(label, score, 0.9),
        (Emotion(EmotionName.JOY, 0.7),),
        tuple(Topic(name, 0.8) for name in topics),
        summary,
        ("And then?",),
        (),
    )
    provenance = Provenance("fake", "fake-1", "1", NOW)
    return Insight(entry.id, entry.version, entry.content_version, analysis, provenance)
