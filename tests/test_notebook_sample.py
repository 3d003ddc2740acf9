"""The sample journal that notebooks start with."""

import sys
from collections import Counter
from datetime import date, timedelta
from importlib.resources import files
from itertools import pairwise
from types import FrameType
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.model.assistance import Answer
from reflekt_core.model.entries import Entry, Order
from reflekt_core.model.feelings import Sentiment, SentimentLabel
from reflekt_core.model.insights import Analysis, InsightView, SafetyLevel
from reflekt_core.model.paging import through
from reflekt_core.notebook import sample
from reflekt_core.ports import Assistant


def entries_of(reflekt: Reflekt) -> list[Entry]:
    """Return all entries, the oldest first."""
    return list(
        through(lambda after: reflekt.entries.list(order=Order.ASC, after=after, limit=100))
    )


@pytest.fixture(scope="module")
def journal() -> Reflekt:
    """The sample; who changes it makes one of their own."""
    return sample()


@pytest.fixture(scope="module")
def entries(journal: Reflekt) -> list[Entry]:
    """All entries of the sample, the oldest first."""
    return entries_of(journal)


def test_the_sample_is_the_same_each_time(entries: list[Entry]) -> None:
    """Ids, texts and times of two samples are equal, so that what was said about one stays true."""
    again = entries_of(sample())
    assert [one.id for one in again] == [one.id for one in entries]
    assert [one.content for one in again] == [one.content for one in entries]
    assert [one.occurred_at for one in again] == [one.occurred_at for one in entries]


def test_a_sample_belongs_to_whoever_asked_for_it() -> None:
    """What is written into one is not in another."""
    mine, other = sample(), sample()
    mine.entries.create("Mine.")
    assert len(entries_of(mine)) == len(entries_of(other)) + 1


def test_the_sample_is_a_year(entries: list[Entry]) -> None:
    """It goes from the first day of a year to the last; no two entries are of the same moment."""
    days = [one.local_date for one in entries]
    assert (days[0], days[-1]) == (date(2025, 1, 1), date(2025, 12, 31))
    assert len({one.occurred_at for one in entries}) == len(entries) > 200
    assert all(Counter(day.month for day in days)[month] >= 12 for month in range(1, 13))


def test_an_entry_is_told_as_it_stands_in_the_file(entries: list[Entry], journal: Reflekt) -> None:
    """Time and place are those of the writer; titles, tags and colours are taken over."""
    (lisbon,) = (one for one in entries if one.title == "Rua dos Fanqueiros")
    assert f"{lisbon.occurred_at:%Y-%m-%d %H:%M %z}" == "2025-07-28 22:15 +0100"
    assert (lisbon.time_zone, lisbon.mood, lisbon.starred) == ("Europe/Lisbon", 5, True)
    assert lisbon.tags == ("lisbon", "letters", "tavares")
    looks = {one.name: (one.color, one.icon) for one in journal.categories.list()}
    assert looks["Travel"] == ("#f0e442", "🧳")
    assert journal.settings.get().preferences.time_zone == "Europe/Berlin"


def test_its_clock_stands_at_the_last_evening(journal: Reflekt, entries: list[Entry]) -> None:
    """The last thirty days are those of its December, and nothing lies in its future."""
    trends = journal.analytics.trends()
    assert (trends.from_, trends.to) == (date(2025, 12, 2), date(2025, 12, 31))
    assert entries[-1].occurred_at < journal.clock() < entries[-1].occurred_at + timedelta(hours=9)


def test_a_new_entry_is_of_its_last_day() -> None:
    """What is written into the sample follows on what is there."""
    assert sample().entries.create("Bells.").local_date == date(2025, 12, 31)


def test_it_has_what_the_plots_need(journal: Reflekt, entries: list[Entry]) -> None:
    """Every mood and none, stars, tags that return, categories, zones, and a time without a word."""
    moods = Counter(one.mood for one in entries)
    assert all(moods[mood] >= 5 for mood in (None, 1, 2, 3, 4, 5))
    assert 5 <= sum(one.starred for one in entries) <= 30
    assert sum(count >= 10 for count in Counter(t for e in entries for t in e.tags).values()) >= 5
    used = Counter(one.category_id for one in entries)
    assert all(used[one.id] >= 10 for one in journal.categories.list())
    assert used[None] >= 3
    zones = Counter(one.time_zone for one in entries)
    assert zones.keys() == {"Europe/Berlin", "Europe/Lisbon", "Europe/London", "Asia/Tokyo"}
    assert len({(e.local_date.weekday(), e.occurred_at.hour) for e in entries}) >= 50
    gap = max(after.local_date - before.local_date for before, after in pairwise(entries))
    assert gap >= timedelta(days=12)


def test_its_texts_are_varied(entries: list[Entry]) -> None:
    """They are of one word and of two hundred, no two the same, and not all in one language."""
    counts = sorted(one.word_count for one in entries)
    assert counts[0] <= 2
    assert counts[-1] >= 150
    assert 15 <= counts[len(counts) // 2] <= 40
    assert len({one.content for one in entries}) == len(entries)
    languages = Counter(word for one in entries for word in one.content.lower().split())
    assert languages["the"] > languages["ich"] > 0 < languages["com"]


def test_nobody_in_it_is_in_danger(journal: Reflekt, entries: list[Entry]) -> None:
    """Every entry is understood, on this machine, and none speaks of a crisis."""
    for one in entries:
        insight = journal.entries.insights(one.id)
        assert isinstance(insight, InsightView)
        assert insight.safety.level is SafetyLevel.NONE, one.local_date
        assert insight.provenance.provider == "local"


def test_moods_go_with_the_tone_of_the_texts_but_not_always(
    journal: Reflekt, entries: list[Entry]
) -> None:
    """On good days the tone is better on average; on some it is the reverse, as in any journal."""
    good, bad = [], []
    for one in entries:
        found = journal.entries.insights(one.id)
        assert isinstance(found, InsightView)
        if one.mood is not None and one.mood != 3:
            (good if one.mood > 3 else bad).append(found.sentiment.score)
    assert sum(good) / len(good) > sum(bad) / len(bad) + 0.1
    assert any(score < 0 for score in good)
    assert any(score > 0 for score in bad)


class Terse(Assistant):
    """Finds everything good."""

    def answer(self, task: Any) -> Answer[Any]:
        """Return the same for each entry."""
        good = Sentiment(SentimentLabel.POSITIVE, 1.0, 1.0)
        return Answer(Analysis(good, (), (), "", (), ()), "terse", "", "1")


def test_another_assistant_can_be_asked() -> None:
    """The sample is understood by whom the caller says."""
    reflekt = sample(assistant=Terse())
    insight = reflekt.entries.insights(entries_of(reflekt)[0].id)
    assert isinstance(insight, InsightView)
    assert insight.provenance.provider == "terse"


def test_it_is_small_and_soon_there() -> None:
    """It is at most 80 KB, and takes at most a thousand calls of a function for each entry."""
    assert len(files("reflekt_core.notebook").joinpath("sample.toml").read_bytes()) < 80_000
    sample()  # what is loaded once is not counted
    calls = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        journal = sample()
    finally:
        sys.setprofile(before)
    per_entry = calls / len(entries_of(journal))
    assert 100 < per_entry < 1000, per_entry
