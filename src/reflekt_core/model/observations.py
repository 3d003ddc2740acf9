"""
What the figures of a period bear out, in words.

An observation is made only if there are enough days on both sides, if the difference is large
enough to matter, and if chance alone would hardly show it. The limits below say how much that is.
All that could be observed is counted as tested, so that looking in many places finds no more by
chance than looking in one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import attrs

from reflekt_core.model.analytics import DayAggregate, EntryFacts, InsightFacts, Run
from reflekt_core.model.fields import Items, Text
from reflekt_core.model.statistics import compare, compare_shares, holm, lower_share, slope

__all__ = [
    "MOST_A_DAY",
    "MOST_DAYS",
    "MOST_ENTRIES",
    "Figure",
    "Observation",
    "ObservationKind",
    "observe",
    "rests_on",
]

MOST_DAYS: Final = 8
"""How many days an observation names."""

MOST_ENTRIES: Final = 24
"""How many entries an observation names."""

MOST_A_DAY: Final = MOST_ENTRIES // MOST_DAYS
"""How many entries of one day an observation names."""

CHANCE: Final = 0.01
"""How likely noise alone may lead to any observation about mood or topics."""

FEWEST_DAYS: Final = 6
"""Days that each side of a comparison of moods has at least."""

FEWEST_ANALYSED: Final = 10
"""Days with analysed entries that each of two periods has at least, to compare their topics."""

FEWEST_FOR_TREND: Final = 14
"""Days with a mood that a rise or fall over a period rests on at least."""

FEWEST_WRITTEN: Final = 14
"""Days with entries that a habit rests on at least."""

LEAST_MOOD: Final = 0.5
"""Difference of mean moods, in points of 1 to 5, that is worth a word."""

LEAST_SHARE: Final = 0.15
"""Difference of shares of days that is worth a word."""

LEAST_STREAK: Final = 7
"""Days in a row that are worth a word."""

MOST_TOPICS: Final = 20
"""Topics that are looked at: those of the most days."""

MOST_TESTED: Final = 4
"""Observations about mood and topics that are made."""

PARTS: Final = {
    "night": ("at night (midnight to 5 a.m.)", range(5)),
    "morning": ("in the morning (5 a.m. to noon)", range(5, 12)),
    "afternoon": ("in the afternoon (noon to 5 p.m.)", range(12, 17)),
    "evening": ("in the evening (5 p.m. to midnight)", range(17, 24)),
}
"""Parts of the day: how they are called, and their hours."""


class ObservationKind(StrEnum):
    """What an observation is about."""

    MOOD_TREND = "mood_trend"
    MOOD_WEEKEND = "mood_weekend"
    MOOD_TOPIC = "mood_topic"
    TOPIC_CHANGE = "topic_change"
    WRITING_TIME = "writing_time"
    LONGEST_STREAK = "longest_streak"


@attrs.frozen
class Figure:
    """A number that an observation rests on."""

    name: Annotated[str, Text(50, example="mean_on_weekends")]
    """What it is; its unit stands in the name."""
    value: float
    """The number, to 4 decimals."""


@attrs.frozen
class Observation:
    """
    Something the figures bear out. It says what goes together, never what causes what.

    Days are compared as a whole: a day's mood is the mean of its entries' moods, and a topic is of
    a day if it is of one of its entries.
    """

    kind: ObservationKind
    """What it is about."""
    subject: Annotated[str, Text(1000, example="sea")] | None
    """The topic, or the part of the day, that it is about; null if neither."""
    text: Annotated[str, Text(2000, example="Your mood was higher on weekends.")]
    """A sentence in English."""
    figures: Annotated[tuple[Figure, ...], Items(8)]
    """The numbers it rests on."""
    days: Annotated[tuple[date, ...], Items(MOST_DAYS)]
    """Days it rests on, in order; if there are more than 8, spread evenly over them."""
    entry_ids: Annotated[tuple[UUID, ...], Items(MOST_ENTRIES)] = ()
    """
    Entries of `days` that it rests on, in order of time; at most 3 of each day.

    Of days in a row, those of the period asked for.
    """


@attrs.frozen
class _Candidate:
    """An observation that holds if its *p* is small enough, and is worth a word if `matters`."""

    observation: Observation
    p: float
    matters: bool


Days = Sequence[DayAggregate]


def observe(
    days: Days, before: Days, current: Run | None, longest: Run | None
) -> tuple[Observation, ...]:
    """
    Return what can be said of *days*, strongest first, without the ids of entries.

    Args:
        days: The days of the period that have entries, in order.
        before: Those of the period before, of equal length.
        current: The run of days in a row that goes on today.
        longest: The longest run of all.
    """
    tested = [
        *_mood_trend(days),
        *_mood_weekend(days),
        *_mood_topics(days),
        *_topic_changes(days, before),
    ]
    held = holm([candidate.p for candidate in tested], CHANCE)
    found = [c for c, holds in zip(tested, held, strict=True) if holds and c.matters]
    found.sort(key=lambda candidate: candidate.p)
    plain = (*_writing_time(days), *_longest_streak(current, longest))
    return (*(c.observation for c in found[:MOST_TESTED]), *plain)


def rests_on(observation: Observation, facts: EntryFacts, insight: InsightFacts | None) -> bool:
    """Return whether an entry of one of the observation's days is among what it rests on."""
    match observation.kind:
        case ObservationKind.MOOD_TREND | ObservationKind.MOOD_WEEKEND | ObservationKind.MOOD_TOPIC:
            return facts.mood is not None
        case ObservationKind.TOPIC_CHANGE:
            if insight is None or insight.content_version != facts.content_version:
                return False
            return observation.subject in insight.topics
        case ObservationKind.WRITING_TIME:
            return facts.hour in PARTS[observation.subject or ""][1]
        case ObservationKind.LONGEST_STREAK:
            return True


def _mood_trend(days: Days) -> Iterator[_Candidate]:
    rated = [day for day in days if day.moods]
    if len(rated) < FEWEST_FOR_TREND:
        return
    ordinals = [day.date.toordinal() for day in rated]
    length = ordinals[-1] - ordinals[0]
    line = slope(ordinals, [_mood(day) for day in rated])
    change, error = line.rise * length, line.error * length
    text = (
        f"Your mood {'rose' if change > 0 else 'fell'} by about {abs(change):.1f} points of 5 between "
        f"{rated[0].date} and {rated[-1].date} (standard error {error:.1f}; {len(rated)} days)."
    )
    figures = _figures(change=change, standard_error=error, days=len(rated), p=line.p)
    named = _spread(rated)
    found = Observation(ObservationKind.MOOD_TREND, None, text, figures, named)
    yield _Candidate(found, line.p, abs(change) >= LEAST_MOOD)


def _mood_weekend(days: Days) -> Iterator[_Candidate]:
    rated = [day for day in days if day.moods]
    free = [day.date.weekday() >= _SATURDAY for day in rated]
    if min(sum(free), len(free) - sum(free)) < FEWEST_DAYS:
        return
    found = compare([_mood(day) for day in rated], free)
    text = (
        f"Your mood was {_higher(found.difference)} on weekends: {found.mean_inside:.1f} of 5 on "
        f"{found.inside} days, {found.mean_outside:.1f} on {found.outside} weekdays."
    )
    figures = _figures(
        mean_on_weekends=found.mean_inside,
        mean_on_weekdays=found.mean_outside,
        difference=found.difference,
        weekend_days=found.inside,
        weekdays=found.outside,
        p=found.p,
    )
    named = _spread([day for day, i in zip(rated, free, strict=True) if i])
    observation = Observation(ObservationKind.MOOD_WEEKEND, None, text, figures, named)
    yield _Candidate(observation, found.p, abs(found.difference) >= LEAST_MOOD)


def _mood_topics(days: Days) -> Iterator[_Candidate]:
    known = [day for day in days if day.moods and day.sentiments]
    values = [_mood(day) for day in known]
    for topic, count in _most_frequent(known):
        if min(count, len(known) - count) < FEWEST_DAYS:
            continue
        found = compare(values, [topic in day.topics for day in known])
        text = (
            f"Your mood was {_higher(found.difference)} on days with “{topic}”: "
            f"{found.mean_inside:.1f} of 5 on {found.inside} days, {found.mean_outside:.1f} on "
            f"{found.outside} days without."
        )
        figures = _figures(
            mean_with=found.mean_inside,
            mean_without=found.mean_outside,
            difference=found.difference,
            days_with=found.inside,
            days_without=found.outside,
            p=found.p,
        )
        named = _spread([day for day in known if topic in day.topics])
        observation = Observation(ObservationKind.MOOD_TOPIC, topic, text, figures, named)
        yield _Candidate(observation, found.p, abs(found.difference) >= LEAST_MOOD)


def _topic_changes(days: Days, before: Days) -> Iterator[_Candidate]:
    now, then = ([day for day in period if day.sentiments] for period in (days, before))
    if min(len(now), len(then)) < FEWEST_ANALYSED:
        return
    for topic, count in _most_frequent([*then, *now]):
        if count < FEWEST_DAYS:
            continue
        found = compare_shares([topic in d.topics for d in then], [topic in d.topics for d in now])
        with_now, with_then = (sum(topic in d.topics for d in period) for period in (now, then))
        text = (
            f"You wrote about “{topic}” {'more' if found.difference > 0 else 'less'} often than in "
            f"the period before: on {with_now} of {len(now)} days, after {with_then} of {len(then)}."
        )
        figures = _figures(
            days_with=with_now,
            days=len(now),
            days_with_before=with_then,
            days_before=len(then),
            p=found.p,
        )
        named = _spread([day for day in (now if with_now else then) if topic in day.topics])
        observation = Observation(ObservationKind.TOPIC_CHANGE, topic, text, figures, named)
        yield _Candidate(observation, found.p, abs(found.difference) >= LEAST_SHARE)


def _writing_time(days: Days) -> Iterator[Observation]:
    """More than half of the entries fall in one part of the day, not only in this sample."""
    entries = sum(day.entries for day in days)
    if len(days) < FEWEST_WRITTEN:
        return
    for part, (words, hours) in PARTS.items():
        # Entries of one day are not independent of each other: days count.
        inside = sum(_within(day, hours) for day in days)
        if lower_share(inside, entries, len(days)) <= 1 / 2:
            continue
        text = f"You write mostly {words}: {inside} of {entries} entries, on {len(days)} days."
        figures = _figures(entries_inside=inside, entries=entries, days=len(days))
        named = _spread([day for day in days if _within(day, hours)])
        yield Observation(ObservationKind.WRITING_TIME, part, text, figures, named)


def _within(day: DayAggregate, hours: range) -> int:
    return sum(n for key, n in day.hours.items() if int(key.partition("-")[2]) in hours)


def _longest_streak(current: Run | None, longest: Run | None) -> Iterator[Observation]:
    if current is None or current != longest or current.days < LEAST_STREAK:
        return
    text = f"You have written on {current.days} days in a row, your longest run so far."
    days = [
        date.fromordinal(n) for n in range(current.first.toordinal(), current.last.toordinal() + 1)
    ]
    figures = _figures(days=current.days)
    yield Observation(ObservationKind.LONGEST_STREAK, None, text, figures, _thinned(days))


_SATURDAY = 5


def _mood(day: DayAggregate) -> float:
    return sum(mood * n for mood, n in day.moods.items()) / sum(day.moods.values())


def _higher(difference: float) -> str:
    return "higher" if difference > 0 else "lower"


def _most_frequent(days: Days) -> list[tuple[str, int]]:
    counts = Counter(topic for day in days for topic in day.topics)
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_TOPICS]


def _figures(**numbers: float) -> tuple[Figure, ...]:
    return tuple(Figure(name, round(value, 4) + 0.0) for name, value in numbers.items())


def _spread(days: Days) -> tuple[date, ...]:
    return _thinned([day.date for day in days])


def _thinned(days: Sequence[date]) -> tuple[date, ...]:
    """Return at most `MOST_DAYS` of *days*, evenly spread, with the first and the last."""
    if len(days) <= MOST_DAYS:
        return tuple(days)
    step = (len(days) - 1) / (MOST_DAYS - 1)
    return tuple(days[round(n * step)] for n in range(MOST_DAYS))
