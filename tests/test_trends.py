"""Trends as they are computed from day aggregates: periods, buckets, sums, and what is shown."""

import json
from datetime import date, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.errors import InvalidInput
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    EntryFacts,
    InsightFacts,
    Run,
    aggregate,
)
from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.observations import Figure, Observation, ObservationKind
from reflekt_core.model.settings import Weekday
from reflekt_core.model.trends import (
    Bucket,
    Frequency,
    MoodTrend,
    SentimentTrend,
    Span,
    Streak,
    TopicTrend,
    TopicTrends,
    Trends,
    TrendsQuery,
    frequency,
    heat_map,
    mood_trend,
    moods,
    sentiment_trend,
    span,
    streaks,
    topic_trends,
    topics,
    totals,
    trend_buckets,
    trends,
)
from reflekt_core.serialization import read, wire

TODAY = date(2026, 11, 22)
DAYS = st.dates(date(2023, 12, 1), date(2024, 4, 1))


def _contribution(number: int, facts: EntryFacts, insight: InsightFacts | None) -> Contribution:
    return Contribution(UUID(int=number), 1, facts, insight)


FACTS = st.builds(
    EntryFacts,
    local_date=DAYS,
    weekday=st.integers(0, 6),
    hour=st.integers(0, 23),
    words=st.integers(0, 1000),
    mood=st.none() | st.integers(1, 5),
    content_version=st.just(1),
)
INSIGHTS = st.builds(
    InsightFacts,
    content_version=st.integers(1, 2),
    sentiment=st.sampled_from(SentimentLabel),
    score_milli=st.integers(-1000, 1000),
    topics=st.lists(st.sampled_from(["sea", "work", "home"]), unique=True).map(tuple),
)
JOURNALS = st.lists(st.tuples(FACTS, st.none() | INSIGHTS), max_size=30).map(
    lambda pairs: [_contribution(number, *pair) for number, pair in enumerate(pairs)]
)
SPANS = st.builds(
    lambda first, days, bucket, week_start: Span(
        first, first + timedelta(days=days), bucket, week_start
    ),
    DAYS,
    st.integers(0, 90),
    st.sampled_from(Bucket),
    st.sampled_from(Weekday),
)


def _days(journal: list[Contribution], first: date, last: date) -> tuple[DayAggregate, ...]:
    return tuple(d for d in aggregate(journal).values() if first <= d.date <= last)


def test_the_last_thirty_days_are_looked_at() -> None:
    """Without dates the period ends today; with an end alone it is 30 days, too."""
    assert span(TrendsQuery(), TODAY) == Span(date(2026, 10, 24), TODAY)
    assert span(TrendsQuery(to=date(2024, 3, 1)), TODAY).first == date(2024, 2, 1)
    assert span(TrendsQuery(from_=TODAY), TODAY).days == 1


@pytest.mark.parametrize(
    ("from_", "to", "path"),
    [
        (date(2026, 1, 2), date(2026, 1, 1), "to"),
        (date(2000, 1, 1), date(2026, 1, 1), "from"),
        (TODAY - timedelta(days=3660), TODAY, "from"),
        (TODAY - timedelta(days=3660), None, "from"),
        (TODAY + timedelta(days=1), None, "from"),
        (date(1, 1, 1), None, "from"),
        (None, date(9999, 1, 1), "to"),
    ],
)
def test_a_bad_period_is_refused(from_: date | None, to: date | None, path: str) -> None:
    """The problem names the field that is to be changed."""
    with pytest.raises(InvalidInput) as refused:
        span(TrendsQuery(from_, to), TODAY)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_ten_years_may_be_asked_for() -> None:
    """3,660 days are allowed, also at the first date there is."""
    first = TODAY - timedelta(days=3659)
    assert span(TrendsQuery(first), TODAY).days == 3660
    earliest = span(TrendsQuery(date(1000, 1, 1), date(1000, 1, 1) + timedelta(days=3659)), TODAY)
    assert earliest.before[0].year == 989


def test_the_period_before_is_as_long_and_ends_the_day_before() -> None:
    """A leap day counts as a day."""
    assert Span(date(2024, 3, 1), date(2024, 3, 30)).before == (
        date(2024, 1, 31),
        date(2024, 2, 29),
    )


@pytest.mark.parametrize(
    ("week_start", "starts"),
    [
        (Weekday.MONDAY, {date(2026, 11, 16): 2, date(2026, 11, 23): 2}),
        (Weekday.SATURDAY, {date(2026, 11, 21): 4}),
        (Weekday.SUNDAY, {date(2026, 11, 15): 1, date(2026, 11, 22): 3}),
    ],
)
def test_weeks_begin_where_the_user_says(week_start: Weekday, starts: dict[date, int]) -> None:
    """A week that is cut says how many of its days are counted."""
    asked = Span(date(2026, 11, 21), date(2026, 11, 24), Bucket.WEEK, week_start)
    assert asked.starts == starts


def test_months_are_those_of_the_calendar() -> None:
    """February has its leap day, and the ends are cut."""
    asked = Span(date(2024, 1, 31), date(2024, 3, 1), Bucket.MONTH)
    assert asked.starts == {date(2024, 1, 1): 1, date(2024, 2, 1): 29, date(2024, 3, 1): 1}


@given(SPANS)
def test_buckets_hold_every_day_once(asked: Span) -> None:
    """Buckets are in order, none overlap, none is missing."""
    assert sum(asked.starts.values()) == asked.days
    assert list(asked.starts) == sorted(asked.starts)
    for start, held in asked.starts.items():
        assert asked.start_of(start) == start
        assert 1 <= held <= {Bucket.DAY: 1, Bucket.WEEK: 7, Bucket.MONTH: 31}[asked.bucket]


@given(JOURNALS, SPANS)
def test_sums_are_those_of_the_entries(journal: list[Contribution], asked: Span) -> None:
    """Totals, buckets, moods and sentiments say what counting entry by entry says."""
    days = _days(journal, asked.first, asked.last)
    facts = [
        (c.entry, c.insight if c.insight and c.insight.content_version == 1 else None)
        for c in journal
        if c.entry and asked.first <= c.entry.local_date <= asked.last
    ]
    whole = totals(asked, days)
    assert whole.entries == len(facts)
    assert whole.words == sum(e.words for e, _ in facts)
    assert whole.days_with_entries == len({e.local_date for e, _ in facts})
    given_moods = moods(asked, days)
    assert [m.entries for m in given_moods.distribution] == [
        sum(e.mood == mood for e, _ in facts) for mood in range(1, 6)
    ]
    found = sentiment_trend(asked, days).sentiment
    assert {s.label: s.entries for s in found.distribution} == {
        label: sum(i is not None and i.sentiment is label for _, i in facts)
        for label in SentimentLabel
    }
    for bucket, mood, feeling in zip(
        trend_buckets(asked, days), given_moods.series, found.series, strict=True
    ):
        inside = [(e, i) for e, i in facts if asked.start_of(e.local_date) == bucket.start]
        rated = [e.mood for e, _ in inside if e.mood]
        scored = [i.score_milli for _, i in inside if i]
        mean_mood = sum(rated) / len(rated) if rated else None
        mean_score = sum(scored) / len(scored) / 1000 if scored else None
        assert (bucket.entries, bucket.words) == (len(inside), sum(e.words for e, _ in inside))
        assert (mood.start, mood.entries) == (bucket.start, len(rated))
        assert (feeling.start, feeling.entries) == (bucket.start, len(scored))
        assert bucket.mean_mood == mood.mean == pytest.approx(mean_mood, abs=6e-5)
        assert bucket.mean_sentiment == feeling.mean == pytest.approx(mean_score, abs=6e-5)
    cells = heat_map(days)
    assert [len(row) for row in cells] == [24] * 7
    for weekday in range(7):
        for hour in range(24):
            expected = sum((e.weekday, e.hour) == (weekday, hour) for e, _ in facts)
            assert cells[weekday][hour] == expected


def test_topics_change_against_the_period_before() -> None:
    """Most frequent first, those that vanished as well; equal ones by name."""
    now = [DayAggregate(TODAY, 3, topics={"sea": 2, "work": 1, "home": 1})]
    then = [DayAggregate(TODAY - timedelta(days=30), 5, topics={"work": 4, "cat": 1})]
    assert topics(now, then) == (
        TopicTrend("sea", 2, 0, 2),
        TopicTrend("work", 1, 4, -3),
        TopicTrend("home", 1, 0, 1),
        TopicTrend("cat", 0, 1, -1),
    )


def test_at_most_a_hundred_topics_are_shown() -> None:
    """The rarest are left out."""
    day = DayAggregate(TODAY, 9, topics={f"t{n:03}": 200 - n for n in range(150)})
    assert [topic.count for topic in topics([day], ())] == list(range(200, 100, -1))


def test_an_empty_journal_has_shape_and_no_figures() -> None:
    """Every bucket is there; means are None, counts zero."""
    asked = Span(date(2026, 11, 1), date(2026, 11, 30))
    empty = trends(asked, (), (), streaks(None, None), ())
    assert (empty.totals.entries, empty.totals.mean_words, empty.totals.mean_entries) == (
        0,
        None,
        0,
    )
    assert len(empty.buckets) == len(empty.moods.series) == len(empty.sentiment.series) == 30
    assert {(b.entries, b.words, b.mean_mood, b.mean_sentiment) for b in empty.buckets} == {
        (0, 0, None, None)
    }
    assert empty.streaks.current == empty.streaks.longest == Streak(0, None, None)
    assert (empty.moods.mean, empty.sentiment.mean, empty.topics) == (None, None, ())
    assert empty.heat_map == ((0,) * 24,) * 7


def test_means_are_rounded_and_never_minus_zero() -> None:
    """Four decimals, and zero is zero."""
    scored = DayAggregate(TODAY, 3, sentiments={SentimentLabel.NEUTRAL: 3}, moods={1: 1, 2: 2})
    asked = Span(TODAY, TODAY)
    assert moods(asked, [scored]).mean == 1.6667
    barely = attrs.evolve(scored, sentiments={SentimentLabel.NEUTRAL: 100_000}, score_milli=-1)
    assert str(sentiment_trend(asked, [barely]).sentiment.mean) == "0.0"


@given(JOURNALS, SPANS)
def test_the_parts_are_those_of_the_whole(journal: list[Contribution], asked: Span) -> None:
    """Mood, frequency, topics and sentiment alone say what trends say of them."""
    days, before = _days(journal, asked.first, asked.last), _days(journal, *asked.before)
    runs = streaks(Run(asked.first, asked.first), None)
    whole = trends(asked, days, before, runs, ())
    period = (whole.from_, whole.to, whole.bucket)
    assert mood_trend(asked, days) == MoodTrend(*period, whole.moods)
    assert sentiment_trend(asked, days) == SentimentTrend(*period, whole.sentiment)
    assert topic_trends(asked, days, before) == TopicTrends(
        whole.from_, whole.to, *asked.before, whole.topics
    )
    assert frequency(asked, days, runs) == Frequency(
        *period, whole.totals, whole.buckets, runs, whole.heat_map
    )


@given(JOURNALS, SPANS)
def test_trends_travel_as_json(journal: list[Contribution], asked: Span) -> None:
    """What is sent keeps to its own types and ranges, and reads back as the same."""
    days, before = _days(journal, asked.first, asked.last), _days(journal, *asked.before)
    seen = Observation(
        ObservationKind.MOOD_TOPIC,
        "sea",
        "Your mood was higher.",
        (Figure("difference", 0.5),),
        (asked.first,),
        (UUID(int=1),),
    )
    whole = trends(asked, days, before, streaks(None, Run(asked.first, asked.last)), (seen,))
    sent = json.loads(json.dumps(wire(whole)))
    assert {"from", "to"} < sent.keys()
    assert read(sent, Trends) == whole


@pytest.mark.parametrize("wrong", [0.9, 5.1, True, "3"])
def test_a_mean_mood_is_a_number_from_one_to_five(wrong: object) -> None:
    """Whoever reads trends is told of a mean that cannot be."""
    asked = Span(TODAY, TODAY)
    sent = wire(mood_trend(asked, [DayAggregate(TODAY, 1, moods={3: 1})]))
    sent["moods"]["mean"] = wrong
    with pytest.raises(InvalidInput, match="mean"):
        read(sent, MoodTrend)
