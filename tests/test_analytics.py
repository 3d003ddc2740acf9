"""Analytics as a program uses them: kept up with every write, right across zones, and cheap."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import Forbidden, InvalidInput
from reflekt_core.model.accounts import Actor, Permission
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    aggregate,
    entry_facts,
    insight_facts,
    runs,
)
from reflekt_core.model.assistance import Answer, Task
from reflekt_core.model.entries import Entry, EntryFilter
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.feelings import Sentiment, SentimentLabel
from reflekt_core.model.insights import AnalyseEntry, Analysis, Topic
from reflekt_core.model.jobs import JobKind
from reflekt_core.model.observations import ObservationKind
from reflekt_core.model.paging import through
from reflekt_core.model.settings import Weekday
from reflekt_core.model.settings_patch import AISettingsPatch, PreferencesPatch
from reflekt_core.model.trends import Bucket, Trends, TrendsQuery, span, streaks, trends
from reflekt_core.ports import Aggregates, Assistant, Entries
from reflekt_core.services.analytics import count_entry
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock, FakeIds

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)  # a Sunday
TODAY = NOW.date()
BERLIN, AUCKLAND, HONOLULU = "Europe/Berlin", "Pacific/Auckland", "Pacific/Honolulu"


class Reader(Assistant):
    """Takes words after # for topics, and counts + and -."""

    def answer(self, task: Task) -> Answer[Any]:
        """Return what the marks in the text say."""
        assert isinstance(task, AnalyseEntry)
        words = task.content.split()
        balance = (task.content.count("+") - task.content.count("-")) / 10
        score = max(-1.0, min(1.0, balance))
        label = SentimentLabel.POSITIVE if score > 0 else SentimentLabel.NEUTRAL
        topics = tuple(Topic(word[1:], 0.5) for word in words if word.startswith("#"))
        analysis = Analysis(Sentiment(label, score, 0.9), (), topics, "", (), ())
        return Answer(analysis, "reader", "reader-1", "1")


def _opened(clock: FakeClock) -> Reflekt:
    store = open_store("memory://")
    return Reflekt.on(store, assistant=Reader(), clock=clock, ids=FakeIds())


@pytest.fixture
def journal(clock: FakeClock) -> Reflekt:
    """A journal in memory whose entries say themselves what they are about."""
    return _opened(clock)


def _write(
    journal: Reflekt, day: date, content: str = "A day.", hour: int = 12, **rest: Any
) -> Entry:
    at = datetime(day.year, day.month, day.day, hour, tzinfo=UTC)
    return journal.entries.create(content, occurred_at=at, **rest)


def _current(journal: Reflekt) -> int:
    return journal.analytics.trends().streaks.current.days


# Equal to a recomputation from scratch, whatever was done.

MOMENTS = st.integers(0, 34 * 24 * 4).map(
    lambda quarters: datetime(2026, 10, 21, tzinfo=UTC) + timedelta(minutes=15 * quarters)
) | st.sampled_from(
    [
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),  # 2:30 in Berlin, for the first time
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # 2:30 in Berlin, for the second time
        datetime(2026, 11, 1, 4, 30, tzinfo=UTC),  # 0:30 in Havana, for the first time
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),  # 0:30 in Havana, for the second time
    ]
)
ZONES = st.sampled_from(["UTC", BERLIN, AUCKLAND, HONOLULU, "America/Havana", "Asia/Kathmandu"])
CONTENTS = st.sampled_from(["#sea +", "#work --", "#sea #work", "-", "A day."])
MOODS = st.none() | st.integers(1, 5)
WHICH = st.integers(0, 7)
STEPS = st.one_of(
    st.tuples(st.just("write"), MOMENTS, ZONES, CONTENTS, MOODS),
    st.tuples(st.just("move"), WHICH, MOMENTS),
    st.tuples(st.just("travel"), WHICH, ZONES),
    st.tuples(st.just("edit"), WHICH, CONTENTS, MOODS),
    st.tuples(st.just("trash"), WHICH),
    st.tuples(st.just("restore"), WHICH),
    st.tuples(st.just("delete"), WHICH),
    st.tuples(st.just("start days at"), st.integers(0, 23)),
    st.tuples(st.just("live in"), ZONES),
    st.tuples(st.just("analyse"), st.booleans()),
    st.tuples(st.just("rebuild")),
    st.tuples(st.just("drain")),
)


def _do(journal: Reflekt, made: list[UUID], step: tuple[Any, ...]) -> None:
    entries, preferences = journal.entries, PreferencesPatch
    match step:
        case ("write", at, zone, content, mood):
            made.append(entries.create(content, occurred_at=at, time_zone=zone, mood=mood).id)
        case ("start days at", hour):
            journal.settings.update(preferences=preferences(day_start_hour=hour))
        case ("live in", zone):
            journal.settings.update(preferences=preferences(time_zone=zone))
        case ("analyse", enabled):
            journal.settings.update(ai=AISettingsPatch(enabled=enabled))
        case ("rebuild",):
            journal.rebuild(JobKind.REBUILD_ANALYTICS)
        case ("drain",):
            journal.drain()
        case (verb, which, *rest) if made:
            _change(journal, made[which % len(made)], verb, rest)


def _change(journal: Reflekt, id: UUID, verb: str, rest: list[Any]) -> None:
    entry = journal.store.entries.get("me", id)
    if not isinstance(entry, Entry):
        return
    if entry.trashed_at is not None:
        if verb == "restore":
            journal.entries.restore(id)
        return
    match verb, rest:
        case "move", [at]:
            journal.entries.update(id, occurred_at=at)
        case "travel", [zone]:
            journal.entries.update(id, time_zone=zone)
        case "edit", [content, mood]:
            journal.entries.update(id, content=content, mood=mood)
        case "trash" | "delete", []:
            journal.entries.delete(id, permanent=verb == "delete")


def _from_scratch(journal: Reflekt, query: TrendsQuery) -> Trends:
    """Return the trends that the entries and insights themselves add up to."""
    store = journal.store
    entries = through(lambda after: store.entries.list("me", EntryFilter(), after=after))
    days = aggregate(
        Contribution(
            entry.id, 1, entry_facts(entry), insight_facts(store.insights.get("me", entry.id))
        )
        for entry in entries
    )
    preferences = journal.settings.get().preferences
    today = journal._context.today()
    asked = span(query, today, preferences.week_start)
    rows = runs(days)
    at = {
        day: run
        for run in rows
        for day in (today, today - timedelta(days=1))
        if run.first <= day <= run.last
    }
    current = at.get(today) or at.get(today - timedelta(days=1))
    longest = max(rows, key=lambda run: (run.days, run.last), default=None)

    def between(first: date, last: date) -> list[DayAggregate]:
        return [day for key, day in days.items() if first <= key <= last]

    return trends(
        asked,
        between(asked.first, asked.last),
        between(*asked.before),
        streaks(current, longest),
        (),
    )


@settings(max_examples=60)
@given(
    st.lists(STEPS, max_size=14),
    st.sampled_from(Bucket),
    st.sampled_from([None, date(2026, 11, 1)]),
)
def test_trends_equal_a_recomputation(
    steps: list[tuple[Any, ...]], bucket: Bucket, first: date | None
) -> None:
    """Whatever is written, moved, edited, deleted, restored, rebuilt, and in whichever zone."""
    journal = _opened(FakeClock(NOW))
    made: list[UUID] = []
    for step in steps:
        _do(journal, made, step)
    found = journal.analytics.trends(from_=first, bucket=bucket)
    expected = _from_scratch(journal, TrendsQuery(first, None, bucket))
    assert attrs.evolve(found, observations=()) == expected
    again = journal.analytics
    assert again.mood(from_=first, bucket=bucket).moods == expected.moods
    assert again.topics(from_=first, bucket=bucket).topics == expected.topics
    assert again.sentiment(from_=first, bucket=bucket).sentiment == expected.sentiment
    frequency = again.frequency(from_=first, bucket=bucket)
    assert (frequency.totals, frequency.buckets, frequency.streaks, frequency.heat_map) == (
        expected.totals,
        expected.buckets,
        expected.streaks,
        expected.heat_map,
    )


# Days, clocks and zones.


def test_both_halves_of_a_doubled_hour_count(journal: Reflekt) -> None:
    """When clocks go back, 2:30 comes twice: one day, one cell, two entries."""
    for hour in (0, 1):
        at = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        journal.entries.create("Half past two.", occurred_at=at, time_zone=BERLIN)
    found = journal.analytics.frequency(date(2026, 10, 25), date(2026, 10, 25))
    assert (found.totals.entries, found.totals.days_with_entries) == (2, 1)
    assert found.heat_map[6][2] == 2


def test_a_day_without_midnight_is_a_day(journal: Reflekt) -> None:
    """On 4 November 2018 the clocks of São Paulo went from midnight to one; the run goes on."""
    zone = "America/Sao_Paulo"
    for day in (3, 4, 5):
        at = datetime(2018, 11, day, 3, 10, tzinfo=UTC)  # 0:10, then 1:10 twice
        journal.entries.create("Up late.", occurred_at=at, time_zone=zone)
    found = journal.analytics.frequency(date(2018, 11, 3), date(2018, 11, 5))
    assert [bucket.entries for bucket in found.buckets] == [1, 1, 1]
    assert found.streaks.longest.days == 3
    assert (found.heat_map[5][0], found.heat_map[6][1], found.heat_map[0][1]) == (1, 1, 1)


def test_a_doubled_midnight_belongs_to_the_day_on_the_clock(journal: Reflekt) -> None:
    """On 17 February 2018 the last hour of São Paulo came twice; both are of the 17th."""
    for hour in (1, 2):
        at = datetime(2018, 2, 18, hour, 30, tzinfo=UTC)
        journal.entries.create("Half past eleven.", occurred_at=at, time_zone="America/Sao_Paulo")
    found = journal.analytics.frequency(date(2018, 2, 17), date(2018, 2, 18))
    assert [bucket.entries for bucket in found.buckets] == [2, 0]


def test_a_run_goes_over_a_leap_day(journal: Reflekt) -> None:
    """28 and 29 February and 1 March are three days in a row."""
    for day in (date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)):
        _write(journal, day)
    found = journal.analytics.frequency(date(2024, 2, 1), date(2024, 3, 31), Bucket.MONTH)
    assert found.streaks.longest.days == 3
    assert [(b.start, b.days, b.entries) for b in found.buckets] == [
        (date(2024, 2, 1), 29, 2),
        (date(2024, 3, 1), 31, 1),
    ]


def test_a_traveller_writes_on_the_days_of_the_place(journal: Reflekt) -> None:
    """Eastwards over the date line a day is skipped, westwards one comes twice."""
    auckland = datetime(2026, 11, 10, 9, tzinfo=UTC)  # 10 November, 10 p.m.
    honolulu = auckland + timedelta(hours=6)  # 10 November again, 5 a.m.
    journal.entries.create("Leaving.", occurred_at=auckland, time_zone=AUCKLAND)
    journal.entries.create("There.", occurred_at=honolulu, time_zone=HONOLULU)
    found = journal.analytics.frequency(date(2026, 11, 9), date(2026, 11, 11))
    assert [bucket.entries for bucket in found.buckets] == [0, 2, 0]
    assert (found.heat_map[1][22], found.heat_map[1][5]) == (1, 1)


def test_today_is_the_users(journal: Reflekt, clock: FakeClock) -> None:
    """Where it is tomorrow already, the period ends tomorrow."""
    assert journal.analytics.mood().to == TODAY
    journal.settings.update(preferences=PreferencesPatch(time_zone=AUCKLAND))
    assert journal.analytics.mood().to == TODAY + timedelta(days=1)
    journal.settings.update(preferences=PreferencesPatch(day_start_hour=8))  # 7:40 a.m. there
    assert journal.analytics.mood().to == TODAY
    clock.advance(minutes=20)
    assert journal.analytics.mood().to == TODAY + timedelta(days=1)


def test_before_the_day_begins_it_is_still_yesterday(journal: Reflekt, clock: FakeClock) -> None:
    """An entry at two in the morning belongs to the evening before, and keeps the run."""
    journal.settings.update(preferences=PreferencesPatch(day_start_hour=4))
    for _ in range(3):
        journal.entries.create("Evening.")
        clock.advance(days=1)
    clock.now = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    assert journal.entries.create("Night.").local_date == date(2026, 11, 24)
    found = journal.analytics.frequency()
    assert (found.to, found.streaks.current.days) == (date(2026, 11, 24), 3)
    assert found.heat_map[2][2] == 1  # the clock on the wall said Wednesday


# Streaks.


def test_a_streak_lasts_until_a_day_has_passed_without_an_entry(
    journal: Reflekt, clock: FakeClock
) -> None:
    """It counts today or up to yesterday; on the day after it is gone, but not forgotten."""
    assert _current(journal) == 0
    for offset in (3, 2, 1):
        _write(journal, TODAY - timedelta(days=offset))
    assert _current(journal) == 3
    _write(journal, TODAY)
    assert _current(journal) == 4
    clock.advance(days=1)
    assert _current(journal) == 4
    clock.advance(days=1)
    streaks = journal.analytics.trends(from_=TODAY + timedelta(days=2)).streaks
    assert (streaks.current.days, streaks.current.first) == (0, None)
    assert (streaks.longest.days, streaks.longest.first, streaks.longest.last) == (
        4,
        TODAY - timedelta(days=3),
        TODAY,
    )


def test_a_gap_closed_later_joins_two_runs(journal: Reflekt) -> None:
    """And opens again when the entry that closed it goes to the trash."""
    for offset in (0, 1, 3, 4, 5):
        _write(journal, TODAY - timedelta(days=offset))
    streaks = journal.analytics.trends().streaks
    assert (streaks.current.days, streaks.longest.days) == (2, 3)
    closing = _write(journal, TODAY - timedelta(days=2))
    assert _current(journal) == 6
    journal.entries.delete(closing.id)
    assert _current(journal) == 2


# Periods.


def test_weeks_begin_on_the_users_day(journal: Reflekt) -> None:
    """The setting moves the cuts, not the entries."""
    _write(journal, date(2026, 11, 21))
    _write(journal, date(2026, 11, 22))
    period = (date(2026, 11, 16), date(2026, 11, 22), Bucket.WEEK)
    cuts = {}
    for week_start in Weekday:
        journal.settings.update(preferences=PreferencesPatch(week_start=week_start))
        buckets = journal.analytics.frequency(*period).buckets
        cuts[week_start] = [(bucket.start.day, bucket.entries) for bucket in buckets]
    assert cuts == {
        Weekday.MONDAY: [(16, 2)],
        Weekday.SATURDAY: [(14, 0), (21, 2)],
        Weekday.SUNDAY: [(15, 1), (22, 1)],
    }


def test_topics_are_compared_with_the_period_before(journal: Reflekt) -> None:
    """Of equal length, ending the day before."""
    _write(journal, date(2026, 11, 10), "#sea")
    _write(journal, date(2026, 11, 9), "#sea #work")
    _write(journal, date(2026, 10, 30), "#work")
    _write(journal, date(2026, 10, 29), "#work")
    found = journal.analytics.topics(date(2026, 11, 6), date(2026, 11, 12))
    assert (found.before_from, found.before_to) == (date(2026, 10, 30), date(2026, 11, 5))
    assert [(topic.name, topic.count, topic.before) for topic in found.topics] == [
        ("sea", 2, 0),
        ("work", 1, 1),
    ]


def test_a_bad_period_names_its_field(journal: Reflekt) -> None:
    """Every method refuses it."""
    analytics = journal.analytics
    late = TODAY + timedelta(days=1)
    for method in (
        analytics.trends,
        analytics.mood,
        analytics.frequency,
        analytics.topics,
        analytics.sentiment,
    ):
        with pytest.raises(InvalidInput, match=r"^to: "):
            method(from_=TODAY, to=TODAY - timedelta(days=1))
        with pytest.raises(InvalidInput, match=r"^from: .* 3660 days"):
            method(from_=date(2000, 1, 1))
        with pytest.raises(InvalidInput, match=r"^from: .* today"):
            method(from_=late)
        assert method(from_=late, to=late).from_ == late


def test_analytics_need_their_permission(journal: Reflekt) -> None:
    """Reading entries is not enough; and nobody sees another's."""
    _write(journal, TODAY)
    other = journal.acting_as(Actor("me", frozenset({Permission.ENTRIES_READ})))
    for name in ("trends", "mood", "frequency", "topics", "sentiment"):
        with pytest.raises(Forbidden):
            getattr(other.analytics, name)()
    assert journal.acting_as(Actor("ana")).analytics.trends().totals.entries == 0


# Observations, with the entries that they rest on.


def _weekend_journal(journal: Reflekt, weeks: int) -> None:
    for offset in range(weeks * 7):
        day = TODAY - timedelta(days=offset)
        mood = 5 if day.weekday() >= 5 else 2 + day.day % 2
        _write(journal, day, mood=mood, hour=20)
        _write(journal, day, "No mood.", hour=21)


def test_an_observation_names_its_entries(journal: Reflekt) -> None:
    """They are of the days named, have a mood, and are the user's own."""
    _weekend_journal(journal, 9)
    found = journal.analytics.trends(from_=TODAY - timedelta(days=62)).observations
    assert [one.kind for one in found] == [
        ObservationKind.MOOD_WEEKEND,
        ObservationKind.WRITING_TIME,
        ObservationKind.LONGEST_STREAK,
    ]
    weekend, evening, _ = found
    entries = [journal.entries.get(id) for id in weekend.entry_ids]
    assert [entry.local_date for entry in entries] == list(weekend.days)
    assert {entry.mood for entry in entries} == {5}
    assert len(evening.entry_ids) == 2 * len(evening.days)
    times = [journal.entries.get(id).occurred_at for id in evening.entry_ids]
    assert times == sorted(times)


def test_a_change_of_topic_names_entries_about_it(journal: Reflekt) -> None:
    """Other entries of the same days are not named, nor those whose text has changed since."""
    for offset in range(60):
        day = TODAY - timedelta(days=offset)
        _write(journal, day, "#cello" if offset < 30 and offset % 3 else "Nothing.", hour=9)
        _write(journal, day, "Something else.", hour=10)
    change = next(
        one
        for one in journal.analytics.trends().observations
        if one.kind is ObservationKind.TOPIC_CHANGE
    )
    assert change.subject == "cello"
    assert {journal.entries.get(id).content for id in change.entry_ids} == {"#cello"}
    assert len(change.entry_ids) == len(change.days) == 8


def test_a_day_of_many_entries_does_not_crowd_out_the_others(journal: Reflekt) -> None:
    """At most three of a day are named."""
    for offset in range(8):
        for _ in range(5):
            _write(journal, TODAY - timedelta(days=offset))
    (streak,) = journal.analytics.trends().observations
    assert len(streak.entry_ids) == 24
    days = [journal.entries.get(id).local_date for id in streak.entry_ids]
    assert {day: days.count(day) for day in days} == dict.fromkeys(streak.days, 3)


def test_a_young_journal_is_not_interpreted(journal: Reflekt) -> None:
    """A few days say nothing, whatever they look like."""
    for offset in range(6):
        _write(journal, TODAY - timedelta(days=offset), "#sea +++", mood=1 + offset % 5)
    assert journal.analytics.trends().observations == ()


# Cost.


class Counted:
    """Hands calls on to a part of a store, and notes them."""

    def __init__(self, part: Aggregates | Entries) -> None:
        self.part = part
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Any:
        """Return the method of that name, which notes its calls."""
        return partial(self._call, name)

    def _call(self, name: str, *args: Any, **rest: Any) -> Any:
        self.calls.append((name, args))
        return getattr(self.part, name)(*args, **rest)


def test_trends_read_the_days_asked_for_and_no_others(journal: Reflekt) -> None:
    """The days of the period and of the one before, two runs, and what entries of some days add."""
    _weekend_journal(journal, 12)
    journal.drain()
    sums, entries = Counted(journal.store.aggregates), Counted(journal.store.entries)
    journal.store.aggregates, journal.store.entries = sums, entries  # type: ignore[assignment]
    first = TODAY - timedelta(days=62)
    observed = journal.analytics.trends(from_=first).observations
    streak = observed[-1]
    assert streak.kind is ObservationKind.LONGEST_STREAK
    assert min(streak.days) < first
    named = {day for one in observed for day in one.days if day >= first}
    assert sums.calls == [
        ("period", ("me", first - timedelta(days=63), TODAY, TODAY)),
        ("contributions", ("me", named)),
    ]
    assert entries.calls == []
    days = {journal.store.entries.part.get("me", id).local_date for id in streak.entry_ids}
    assert days == {day for day in streak.days if day >= first}


# The consumer of events.


def _event(entry: Entry, kind: EventKind = EventKind.ENTRY_UPDATED, version: int = 1) -> Event:
    return Event(kind, "me", str(entry.id), version, NOW)


def test_events_may_come_twice_late_and_in_any_order(reflekt: Reflekt) -> None:
    """What counts is the entry as it is."""
    entry = reflekt.entries.create("One.", mood=1)
    reflekt.entries.update(entry.id, mood=5)
    gone = reflekt.entries.create("Gone.", mood=3)
    reflekt.entries.delete(gone.id, permanent=True)
    for version in (2, 1, 2):
        count_entry(reflekt.store, _event(entry, version=version))
        count_entry(reflekt.store, _event(gone, version=version))
    assert reflekt.analytics.mood().moods.mean == 5
    assert reflekt.analytics.frequency().totals.entries == 1


def test_an_event_about_nothing_counts_nothing(reflekt: Reflekt) -> None:
    """An entry that never was changes no sum."""
    entry = _write(reflekt, TODAY)
    reflekt.drain()
    nowhere = attrs.evolve(entry, id=UUID(int=7))
    count_entry(reflekt.store, _event(nowhere, EventKind.ENTRY_DELETED, 3))
    assert reflekt.analytics.frequency().totals.entries == 1


def test_a_job_is_no_entry(reflekt: Reflekt) -> None:
    """An event that asks for one leaves nothing behind."""
    count_entry(reflekt.store, Event(EventKind.JOB_REQUESTED, "me", str(UUID(int=7)), 1, NOW))
    assert reflekt.store.aggregates.clear_some(reflekt.store.accounts.get("me"), 10) == 0


def test_what_is_counted_is_of_the_version_that_was_read(reflekt: Reflekt) -> None:
    """After an old event, somebody slow with an older state of the entry comes too late."""
    entry = reflekt.entries.create("One.", mood=1)
    reflekt.entries.update(entry.id, mood=4)
    reflekt.entries.update(entry.id, mood=5)
    count_entry(reflekt.store, _event(entry, version=1))
    account = reflekt.store.accounts.get("me")
    reflekt.store.aggregates.apply(account, entry.id, 2, None)
    (day,) = reflekt.store.aggregates.days("me", TODAY, TODAY)
    assert day.moods == {5: 1}


def test_an_event_of_an_erased_account_is_let_go(reflekt: Reflekt) -> None:
    """Also while the erasure is under way."""
    entry = reflekt.entries.create("Gone.")
    worker = reflekt.start_worker()
    worker.stop()  # nothing is done in the request, for there is a worker; but it has ended
    reflekt.account.delete(confirm="me")
    count_entry(reflekt.store, _event(entry))
    reflekt.drain()
    count_entry(reflekt.store, _event(entry))
    assert reflekt.analytics.frequency().totals.entries == 0


def test_rebuilding_takes_pages(reflekt: Reflekt) -> None:
    """Sums that were lost are there again, insights included; what is in the trash stays out."""
    for number in range(240):
        _write(reflekt, TODAY - timedelta(days=number % 40), f"I love day {number}.", mood=4)
    reflekt.entries.delete(_write(reflekt, TODAY, "Trash.").id)
    reflekt.entries.delete(_write(reflekt, TODAY, "Gone.").id, permanent=True)
    period = (TODAY - timedelta(days=50), TODAY)
    before = reflekt.analytics.trends(*period)
    account = reflekt.store.accounts.get("me")
    while reflekt.store.aggregates.clear_some(account, 50):
        pass
    assert reflekt.analytics.trends(*period).totals.entries == 0
    reflekt.rebuild(JobKind.REBUILD_ANALYTICS)
    assert reflekt.analytics.trends(*period) == before
    assert before.totals.entries == before.sentiment.entries == 240
