"""
How a journal moves over a period: what is shown of it, computed from day aggregates alone.

Every function here costs what the days handed to it cost, whatever else the journal holds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final

import attrs

from reflekt_core.errors import InvalidInput
from reflekt_core.model.analytics import DayAggregate, Run
from reflekt_core.model.entries import Day
from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.fields import Items, Range, Text, check
from reflekt_core.model.observations import Observation
from reflekt_core.model.settings import Weekday
from reflekt_core.views import as_dataframe, as_html

__all__ = [
    "DEFAULT_DAYS",
    "LONGEST_DAYS",
    "Bucket",
    "Frequency",
    "HeatMap",
    "MoodCount",
    "MoodPoint",
    "MoodTrend",
    "Moods",
    "SentimentCount",
    "SentimentPoint",
    "SentimentTrend",
    "Sentiments",
    "Span",
    "Streak",
    "Streaks",
    "TopicTrend",
    "TopicTrends",
    "Totals",
    "TrendBucket",
    "Trends",
    "TrendsQuery",
    "frequency",
    "heat_map",
    "mood_trend",
    "moods",
    "sentiment_trend",
    "sentiments",
    "span",
    "streaks",
    "topic_trends",
    "topics",
    "totals",
    "trend_buckets",
    "trends",
]

DEFAULT_DAYS: Final = 30
"""How many days are looked at where no period is asked for."""

LONGEST_DAYS: Final = 3_660
"""How many days can be asked for: ten years."""

MOST_TOPICS: Final = 100


@attrs.frozen
class Within:
    """A number from *low* to *high*, both included."""

    low: float
    high: float
    example: float

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"must be a number from {self.low} to {self.high}"
        return None if self.low <= value <= self.high else f"must be {self.low} to {self.high}"

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        return {"minimum": self.low, "maximum": self.high, "examples": [self.example]}


Count = Annotated[int, Range(0, 2**53)]
MeanMood = Annotated[float, Within(1, 5, 3.5)]
MeanScore = Annotated[float, Within(-1, 1, 0.25)]
Share = Annotated[float, Within(0, 2**53, 1.5)]
HeatMap = Annotated[tuple[Annotated[tuple[Count, ...], Items(24)], ...], Items(7)]
"""Seven rows of 24 counts."""


class Bucket(StrEnum):
    """What the days of a period are put together to."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@attrs.frozen
class TrendsQuery:
    """The days from `from_` to `to`, both included, at most 3,660; the last 30, if left out."""

    from_: Day | None = None
    """First day; 29 days before `to`, if left out."""
    to: Day | None = None
    """Last day; the user's present day, if left out."""
    bucket: Bucket = Bucket.DAY
    """What series are cut into: days, weeks (from the day of the settings on) or months."""

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Span:
    """The days from `first` to `last`, both included, and how they fall into buckets."""

    first: date
    last: date
    bucket: Bucket = Bucket.DAY
    week_start: Weekday = Weekday.MONDAY

    @property
    def days(self) -> int:
        """How many days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> tuple[date, date]:
        """First and last day of the period before, of equal length."""
        return self.first - timedelta(days=self.days), self.first - timedelta(days=1)

    def start_of(self, day: date) -> date:
        """Return the first day of the day, week or month that *day* lies in."""
        match self.bucket:
            case Bucket.DAY:
                return day
            case Bucket.WEEK:
                return day - timedelta(days=(day.weekday() - _FIRST[self.week_start]) % 7)
            case Bucket.MONTH:
                return day.replace(day=1)

    @cached_property
    def starts(self) -> Mapping[date, int]:
        """The first day of each bucket, in order, with how many of the period's days it holds."""
        days = (self.first + timedelta(days=n) for n in range(self.days))
        return Counter(self.start_of(day) for day in days)

    def cut(self, days: Iterable[DayAggregate]) -> dict[date, list[DayAggregate]]:
        """Return *days* by the first day of their bucket; empty buckets are there, too."""
        groups: dict[date, list[DayAggregate]] = {start: [] for start in self.starts}
        for day in days:
            groups[self.start_of(day.date)].append(day)
        return groups


_FIRST: Final = {Weekday.MONDAY: 0, Weekday.SATURDAY: 5, Weekday.SUNDAY: 6}


def span(query: TrendsQuery, today: date, week_start: Weekday = Weekday.MONDAY) -> Span:
    """
    Return the days that *query* asks for on the day *today*.

    Raises:
        InvalidInput: The period ends before it begins, or is longer than 3,660 days.
    """
    last = query.to or today
    first = query.from_ or last - timedelta(days=DEFAULT_DAYS - 1)
    if query.to is None and first > last:
        raise InvalidInput.field("from", "must not lie after today, unless 'to' is given")
    if last < first:
        raise InvalidInput.field("to", "must not lie before 'from'")
    if (last - first).days >= LONGEST_DAYS:
        raise InvalidInput.field("from", f"must lie less than {LONGEST_DAYS} days before 'to'")
    return Span(first, last, query.bucket, week_start)


# What is shown.


@attrs.frozen
class Totals:
    """What the period adds up to."""

    days: Annotated[int, Range(1, LONGEST_DAYS)]
    """Days of the period, with or without entries."""
    entries: Count
    """Entries outside the trash."""
    words: Count
    """Words of their content."""
    days_with_entries: Annotated[int, Range(0, LONGEST_DAYS)]
    """Days of the period with at least one entry."""
    mean_words: Share | None
    """Words per entry; null without entries."""
    mean_entries: Share
    """Entries per day of the period."""


@attrs.frozen
class TrendBucket:
    """A day, week or month of the period."""

    start: date
    """First day of the day, week or month; that of the first bucket may lie before `from`."""
    days: Annotated[int, Range(1, 31)]
    """How many of its days lie in the period; only these are counted."""
    entries: Count
    """Entries outside the trash."""
    words: Count
    """Words of their content."""
    mean_mood: MeanMood | None
    """Mean mood of the entries that have one, 1 to 5; null without."""
    mean_sentiment: MeanScore | None
    """Mean sentiment score of the entries that were analysed, -1 to 1; null without."""


@attrs.frozen
class Streak:
    """Days in a row with at least one entry each."""

    days: Count
    """How many days; 0 if there is no such run."""
    first: date | None
    """First day; null if there is no such run."""
    last: date | None
    """Last day; null if there is no such run."""


@attrs.frozen
class Streaks:
    """Runs of days in a row; whatever the period asked for."""

    current: Streak
    """The run that today belongs to, else that of yesterday, else none."""
    longest: Streak
    """The longest run of all time; of equal ones the latest."""


@attrs.frozen
class MoodCount:
    """How many entries have a mood."""

    mood: Annotated[int, Range(1, 5)]
    """1 (very low) to 5 (very good)."""
    entries: Count
    """Entries of this mood."""


@attrs.frozen
class MoodPoint:
    """Mood in one bucket."""

    start: date
    """First day of the day, week or month."""
    entries: Count
    """Entries that have a mood."""
    mean: MeanMood | None
    """Their mean mood, 1 to 5; null without."""


@attrs.frozen
class Moods:
    """Moods in the period."""

    entries: Count
    """Entries that have a mood."""
    mean: MeanMood | None
    """Their mean mood, 1 to 5; null without."""
    distribution: Annotated[tuple[MoodCount, ...], Items(5)]
    """All five moods, from 1 to 5."""
    series: Annotated[tuple[MoodPoint, ...], Items(LONGEST_DAYS)]
    """One point for each bucket, in order, also for empty ones."""


@attrs.frozen
class SentimentCount:
    """How many entries have a sentiment."""

    label: SentimentLabel
    """The overall feeling of the text."""
    entries: Count
    """Entries of this sentiment."""


@attrs.frozen
class SentimentPoint:
    """Sentiment in one bucket."""

    start: date
    """First day of the day, week or month."""
    entries: Count
    """Entries whose present text was analysed."""
    mean: MeanScore | None
    """Their mean score, -1 to 1; null without."""


@attrs.frozen
class Sentiments:
    """Sentiments in the period."""

    entries: Count
    """Entries whose present text was analysed."""
    mean: MeanScore | None
    """Their mean score, -1 to 1; null without."""
    distribution: Annotated[tuple[SentimentCount, ...], Items(len(SentimentLabel))]
    """Every label once."""
    series: Annotated[tuple[SentimentPoint, ...], Items(LONGEST_DAYS)]
    """One point for each bucket, in order, also for empty ones."""


@attrs.frozen
class TopicTrend:
    """A topic, in the period and in the one before of equal length."""

    name: Annotated[str, Text(1000, example="sea")]
    """In lower case."""
    count: Count
    """Entries about it in the period."""
    before: Count
    """Entries about it in the period before."""
    change: Annotated[int, Range(-(2**53), 2**53)]
    """`count` less `before`."""


TopTopics = Annotated[tuple[TopicTrend, ...], Items(MOST_TOPICS)]


@attrs.frozen
class Trends:
    """How writing, mood, sentiment and topics moved from `from_` to `to`, both included."""

    from_: date
    """First day of the period."""
    to: date
    """Last day of the period."""
    bucket: Bucket
    """What the series are cut into."""
    totals: Totals
    """Sums over the period."""
    buckets: Annotated[tuple[TrendBucket, ...], Items(LONGEST_DAYS)]
    """Every bucket of the period, in order, also empty ones."""
    streaks: Streaks
    """Days in a row; of all time."""
    moods: Moods
    """Moods that were given to entries."""
    sentiment: Sentiments
    """Sentiment of the texts that were analysed."""
    topics: TopTopics
    """Topics of this period or the one before, most frequent first; at most 100."""
    heat_map: HeatMap
    """Entries by weekday and hour of the wall clock: 7 rows, Monday first, of 24 hours, 0 first."""
    observations: tuple[Observation, ...]
    """What the figures bear out, strongest first; empty while there is too little to go by."""

    to_dataframe = as_dataframe
    _repr_html_ = as_html


@attrs.frozen
class MoodTrend:
    """Moods from `from_` to `to`, both included."""

    from_: date
    """First day of the period."""
    to: date
    """Last day of the period."""
    bucket: Bucket
    """What the series is cut into."""
    moods: Moods
    """Moods that were given to entries."""

    to_dataframe = as_dataframe
    _repr_html_ = as_html


@attrs.frozen
class Frequency:
    """How often and when entries were written from `from_` to `to`, both included."""

    from_: date
    """First day of the period."""
    to: date
    """Last day of the period."""
    bucket: Bucket
    """What the series is cut into."""
    totals: Totals
    """Sums over the period."""
    buckets: Annotated[tuple[TrendBucket, ...], Items(LONGEST_DAYS)]
    """Every bucket of the period, in order, also empty ones."""
    streaks: Streaks
    """Days in a row; of all time."""
    heat_map: HeatMap
    """Entries by weekday and hour of the wall clock: 7 rows, Monday first, of 24 hours, 0 first."""

    to_dataframe = as_dataframe
    _repr_html_ = as_html


@attrs.frozen
class TopicTrends:
    """Topics from `from_` to `to`, both included, and in the period before of equal length."""

    from_: date
    """First day of the period."""
    to: date
    """Last day of the period."""
    before_from: date
    """First day of the period before."""
    before_to: date
    """Last day of the period before."""
    topics: TopTopics
    """Topics of either period, most frequent first; at most 100."""

    to_dataframe = as_dataframe
    _repr_html_ = as_html


@attrs.frozen
class SentimentTrend:
    """Sentiment from `from_` to `to`, both included."""

    from_: date
    """First day of the period."""
    to: date
    """Last day of the period."""
    bucket: Bucket
    """What the series is cut into."""
    sentiment: Sentiments
    """Sentiment of the texts that were analysed."""

    to_dataframe = as_dataframe
    _repr_html_ = as_html


# How it is computed. *days* are always those of the span that have entries, in order.

Days = Sequence[DayAggregate]


def trends(
    asked: Span, days: Days, before: Days, runs: Streaks, observations: tuple[Observation, ...]
) -> Trends:
    """Return everything at once."""
    return Trends(
        from_=asked.first,
        to=asked.last,
        bucket=asked.bucket,
        totals=totals(asked, days),
        buckets=trend_buckets(asked, days),
        streaks=runs,
        moods=moods(asked, days),
        sentiment=sentiments(asked, days),
        topics=topics(days, before),
        heat_map=heat_map(days),
        observations=observations,
    )


def mood_trend(asked: Span, days: Days) -> MoodTrend:
    """Return the moods alone."""
    return MoodTrend(asked.first, asked.last, asked.bucket, moods(asked, days))


def frequency(asked: Span, days: Days, runs: Streaks) -> Frequency:
    """Return how often and when entries were written, alone."""
    return Frequency(
        asked.first,
        asked.last,
        asked.bucket,
        totals(asked, days),
        trend_buckets(asked, days),
        runs,
        heat_map(days),
    )


def topic_trends(asked: Span, days: Days, before: Days) -> TopicTrends:
    """Return the topics alone; *before* are the days of the period before."""
    return TopicTrends(asked.first, asked.last, *asked.before, topics(days, before))


def sentiment_trend(asked: Span, days: Days) -> SentimentTrend:
    """Return the sentiment alone."""
    return SentimentTrend(asked.first, asked.last, asked.bucket, sentiments(asked, days))


def totals(asked: Span, days: Days) -> Totals:
    """Return what *days* add up to."""
    entries = sum(day.entries for day in days)
    words = sum(day.words for day in days)
    return Totals(
        days=asked.days,
        entries=entries,
        words=words,
        days_with_entries=len(days),
        mean_words=_rounded(words / entries) if entries else None,
        mean_entries=_rounded(entries / asked.days),
    )


def trend_buckets(asked: Span, days: Days) -> tuple[TrendBucket, ...]:
    """Return every bucket of the span, in order, also empty ones."""
    return tuple(
        TrendBucket(
            start=start,
            days=asked.starts[start],
            entries=sum(day.entries for day in group),
            words=sum(day.words for day in group),
            mean_mood=_mean_mood(group),
            mean_sentiment=_mean_score(group),
        )
        for start, group in asked.cut(days).items()
    )


def streaks(current: Run | None, longest: Run | None) -> Streaks:
    """Return the runs of days as they are shown."""
    return Streaks(_streak(current), _streak(longest))


def _streak(run: Run | None) -> Streak:
    return Streak(run.days, run.first, run.last) if run else Streak(0, None, None)


def moods(asked: Span, days: Days) -> Moods:
    """Return the moods of *days*, as a whole and by bucket."""
    counts: Counter[int] = Counter()
    for day in days:
        counts.update(day.moods)
    return Moods(
        entries=counts.total(),
        mean=_mean_mood(days),
        distribution=tuple(MoodCount(mood, counts[mood]) for mood in range(1, 6)),
        series=tuple(
            MoodPoint(start, sum(sum(day.moods.values()) for day in group), _mean_mood(group))
            for start, group in asked.cut(days).items()
        ),
    )


def sentiments(asked: Span, days: Days) -> Sentiments:
    """Return the sentiments of *days*, as a whole and by bucket."""
    counts: Counter[SentimentLabel] = Counter()
    for day in days:
        counts.update(day.sentiments)
    return Sentiments(
        entries=counts.total(),
        mean=_mean_score(days),
        distribution=tuple(SentimentCount(label, counts[label]) for label in SentimentLabel),
        series=tuple(
            SentimentPoint(start, _analysed(group), _mean_score(group))
            for start, group in asked.cut(days).items()
        ),
    )


def topics(days: Days, before: Days) -> tuple[TopicTrend, ...]:
    """Return the topics of either period, most frequent first, then by name; at most 100."""
    now, then = _topic_counts(days), _topic_counts(before)
    ranked = sorted(now.keys() | then.keys(), key=lambda name: (-now[name], -then[name], name))
    return tuple(
        TopicTrend(name, now[name], then[name], now[name] - then[name])
        for name in ranked[:MOST_TOPICS]
    )


def _topic_counts(days: Days) -> Counter[str]:
    counts: Counter[str] = Counter()
    for day in days:
        counts.update(day.topics)
    return counts


def heat_map(days: Days) -> tuple[tuple[int, ...], ...]:
    """Return the entries by weekday (7 rows, Monday first) and hour (24 columns)."""
    counts: Counter[str] = Counter()
    for day in days:
        counts.update(day.hours)
    return tuple(tuple(counts[f"{weekday}-{hour}"] for hour in range(24)) for weekday in range(7))


def _analysed(days: Days) -> int:
    return sum(sum(day.sentiments.values()) for day in days)


def _mean_mood(days: Days) -> float | None:
    count = sum(sum(day.moods.values()) for day in days)
    total = sum(mood * n for day in days for mood, n in day.moods.items())
    return _rounded(total / count) if count else None


def _mean_score(days: Days) -> float | None:
    count = _analysed(days)
    total = sum(day.score_milli for day in days)
    return _rounded(total / 1000 / count) if count else None


def _rounded(value: float) -> float:
    return round(value, 4) + 0.0  # adding 0.0 turns -0.0 into 0.0
