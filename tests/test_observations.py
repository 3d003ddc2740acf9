"""Observations: nothing is made of noise, what is there is found, and its figures are right."""

import math
import random
from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    EntryFacts,
    InsightFacts,
    Run,
    aggregate,
)
from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.observations import (
    MOST_DAYS,
    Observation,
    ObservationKind,
    observe,
    rests_on,
)
from reflekt_core.model.statistics import (
    compare,
    compare_shares,
    holm,
    lower_share,
    slope,
)

FIRST = date(2026, 1, 1)  # a Thursday
Days = tuple[DayAggregate, ...]
Topics = dict[str, float]
Mood = Callable[[date, tuple[str, ...]], float]
TESTED = {
    ObservationKind.MOOD_TREND,
    ObservationKind.MOOD_WEEKEND,
    ObservationKind.MOOD_TOPIC,
    ObservationKind.TOPIC_CHANGE,
}


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - journals are no secrets


def _entry(number: int, day: date, hour: int, mood: float, topics: tuple[str, ...]) -> Contribution:
    whole = max(1, min(5, round(mood)))
    facts = EntryFacts(day, day.weekday(), hour, 100, whole, 1)
    return Contribution(
        UUID(int=number), 1, facts, InsightFacts(1, SentimentLabel.NEUTRAL, 0, topics)
    )


def _journal(  # noqa: PLR0913 - what a journal is made of
    chance: random.Random,
    days: int,
    mood: Mood,
    topics: Callable[[date], Topics],
    *,
    writes: float = 0.8,
    hours: range = range(24),
) -> tuple[Days, Days]:
    """Return two periods of *days*, the later one first."""
    entries: list[Contribution] = []
    for number in range(2 * days):
        day = FIRST + timedelta(days=number)
        for _ in range(chance.choices([0, 1, 2], [1 - writes, writes * 0.8, writes * 0.2])[0]):
            named = tuple(name for name, share in topics(day).items() if chance.random() < share)
            hour = chance.choice(hours)
            entries.append(_entry(len(entries), day, hour, mood(day, named), named))
    cut = FIRST + timedelta(days=days)
    sums = aggregate(entries).values()
    return tuple(d for d in sums if d.date >= cut), tuple(d for d in sums if d.date < cut)


def _some_topics(chance: random.Random, count: int = 12) -> Topics:
    return {f"topic {number}": chance.uniform(0.05, 0.6) for number in range(count)}


def _fading(chance: random.Random, days: int, factor: float) -> list[float]:
    """Return noise in which each day resembles the one before."""
    values = [chance.gauss(0, 1)]
    while len(values) < days:
        values.append(factor * values[-1] + chance.gauss(0, math.sqrt(1 - factor**2)))
    return values


def _kinds(days: Days, before: Days) -> list[tuple[ObservationKind, str | None]]:
    return [(one.kind, one.subject) for one in observe(days, before, None, None)]


def _only(kind: ObservationKind, observations: tuple[Observation, ...]) -> Observation:
    (found,) = (one for one in observations if one.kind is kind)
    return found


def _plain(_: random.Random, __: int) -> Mood:
    return lambda _day, _topics: 3


def _gaussian(chance: random.Random, _: int) -> Mood:
    return lambda _day, _topics: chance.gauss(3.3, 1)


def _nearly_always_good(chance: random.Random, _: int) -> Mood:
    return lambda _day, _topics: 1 if chance.random() < 0.12 else 5


def _in_spells(chance: random.Random, days: int) -> Mood:
    level = _fading(chance, 2 * days, 0.6)
    return lambda day, _topics: 3.3 + level[(day - FIRST).days] + chance.gauss(0, 0.4)


@pytest.mark.parametrize("days", [30, 90])
@pytest.mark.parametrize("mood", [_plain, _gaussian, _nearly_always_good, _in_spells])
def test_noise_leads_to_next_to_nothing(
    days: int, mood: Callable[[random.Random, int], Mood]
) -> None:
    """Of journals made by chance alone at most one in twenty gives anything about mood or topics."""
    alarms = 0
    for seed in range(120):
        chance = _chance(seed)
        shares = _some_topics(chance)
        journal = _journal(chance, days, mood(chance, days), lambda _, s=shares: s)  # type: ignore[misc]
        alarms += any(kind in TESTED for kind, _ in _kinds(*journal))
    assert alarms <= 6


def test_spells_of_a_topic_and_of_mood_are_not_taken_for_a_connection() -> None:
    """Where topics and moods both come in spells, few of them meet by more than chance."""
    alarms = 0
    for seed in range(120):
        chance = _chance(seed)
        spells = {f"topic {n}": _fading(chance, 180, 0.6) for n in range(8)}

        def topics(day: date, spells: dict[str, list[float]] = spells) -> Topics:
            number = (day - FIRST).days
            return {name: 0.9 if level[number] > 0.7 else 0.02 for name, level in spells.items()}

        journal = _journal(chance, 90, _in_spells(chance, 90), topics)
        alarms += any(kind in TESTED for kind, _ in _kinds(*journal))
    assert alarms <= 6


def _weekends(chance: random.Random) -> tuple[Days, Days]:
    shares = _some_topics(chance)
    return _journal(
        chance,
        90,
        lambda day, _: chance.gauss(3 + 1.2 * (day.weekday() >= 5), 0.8),
        lambda _: shares,
    )


def _bad_topic(chance: random.Random) -> tuple[Days, Days]:
    shares = _some_topics(chance) | {"work": 0.35}
    return _journal(
        chance,
        90,
        lambda _, topics: chance.gauss(3.7 - 1.3 * ("work" in topics), 0.8),
        lambda _: shares,
    )


def _rise(chance: random.Random) -> tuple[Days, Days]:
    shares = _some_topics(chance)
    return _journal(
        chance,
        90,
        lambda day, _: chance.gauss(2.2 + 2 * max(0, (day - FIRST).days - 90) / 90, 0.8),
        lambda _: shares,
    )


def _new_topic(chance: random.Random) -> tuple[Days, Days]:
    shares = _some_topics(chance)
    return _journal(
        chance,
        90,
        lambda _day, _topics: chance.gauss(3, 0.8),
        lambda day: shares | {"cello": 0.5 if day >= FIRST + timedelta(days=90) else 0.1},
    )


@pytest.mark.parametrize(
    ("plant", "kind", "subject"),
    [
        (_weekends, ObservationKind.MOOD_WEEKEND, None),
        (_bad_topic, ObservationKind.MOOD_TOPIC, "work"),
        (_rise, ObservationKind.MOOD_TREND, None),
        (_new_topic, ObservationKind.TOPIC_CHANGE, "cello"),
    ],
)
def test_what_is_there_is_found(
    plant: Callable[[random.Random], tuple[Days, Days]], kind: ObservationKind, subject: str | None
) -> None:
    """A clear effect over 90 days is named in nine of ten journals, and first."""
    found = [_kinds(*plant(_chance(seed))) for seed in range(40)]
    assert sum((kind, subject) in kinds for kinds in found) >= 36
    assert sum(kinds[:1] == [(kind, subject)] for kinds in found) >= 34


def _alternating(days: int, mood: Callable[[date], int], topic: Callable[[date], bool]) -> Days:
    every = [FIRST + timedelta(days=n) for n in range(days)]
    return tuple(
        aggregate(
            _entry(n, day, 20, mood(day), ("sea",) if topic(day) else ())
            for n, day in enumerate(every)
        ).values()
    )


def test_a_weekend_is_saturday_and_sunday() -> None:
    """The figures are the means and numbers of the days, and the days named are weekend days."""
    days = _alternating(
        56, lambda day: 5 if day.weekday() >= 5 else 2 + day.day % 2, lambda _: False
    )
    one = _only(ObservationKind.MOOD_WEEKEND, observe(days, (), None, None))
    figures = {figure.name: figure.value for figure in one.figures}
    weekdays = [d for d in days if d.date.weekday() < 5]
    mean = sum(2 + d.date.day % 2 for d in weekdays) / 40
    assert figures == {
        "mean_on_weekends": 5,
        "mean_on_weekdays": round(mean, 4),
        "difference": round(5 - mean, 4),
        "weekend_days": 16,
        "weekdays": 40,
        "p": figures["p"],
    }
    assert 0 <= figures["p"] < 0.01
    assert one.text == (
        "Your mood was higher on weekends: 5.0 of 5 on 16 days, 2.5 on 40 weekdays."
    )
    assert len(one.days) == MOST_DAYS
    assert {day.weekday() for day in one.days} <= {5, 6}
    assert (one.days[0], one.days[-1]) == (date(2026, 1, 3), date(2026, 2, 22))


def test_too_few_days_say_nothing() -> None:
    """However clear it looks, five days on one side are not enough."""
    many = _alternating(
        40,
        lambda day: 5 if day.day in {2, 9, 16, 22, 27} else 1,
        lambda d: d.day in {2, 9, 16, 22, 27},
    )
    few = tuple(day for day in many if day.date.month == 1)
    assert ObservationKind.MOOD_TOPIC not in [kind for kind, _ in _kinds(few, ())]
    assert ObservationKind.MOOD_TOPIC in [kind for kind, _ in _kinds(many, ())]


def test_a_small_difference_is_not_worth_a_word() -> None:
    """However sure it is, less than half a point of mood is left out."""

    def days(high: int) -> Days:
        return _alternating(300, lambda d: high if d.weekday() >= 5 else 3, lambda _: False)

    assert (ObservationKind.MOOD_WEEKEND, None) in _kinds(days(4), ())
    weak = tuple(
        attrs.evolve(day, moods={3: 3, 4: 1}) if 4 in day.moods else day for day in days(4)
    )
    assert _kinds(weak, ()) == _kinds(days(3), ())


def test_a_rise_of_less_than_half_a_point_is_not_worth_a_word() -> None:
    """However sure it is."""

    def days(rise: float) -> Days:
        every = [FIRST + timedelta(days=n) for n in range(400)]
        return tuple(
            DayAggregate(
                day, 100, moods={3: 100 - round(n / 4 * rise), 4: round(n / 4 * rise) or 1}
            )
            for n, day in enumerate(every)
        )

    assert (ObservationKind.MOOD_TREND, None) in _kinds(days(0.8), ())
    assert (ObservationKind.MOOD_TREND, None) not in _kinds(days(0.3), ())


def test_a_trend_needs_a_fortnight_of_moods() -> None:
    """Thirteen days that rise steadily say nothing, fourteen do."""
    rising = _alternating(14, lambda day: 1 + day.day // 3, lambda _: False)
    assert (ObservationKind.MOOD_TREND, None) in _kinds(rising, ())
    assert _kinds(rising[:-1], ()) == []


def test_a_topic_needs_analysed_days_in_both_periods() -> None:
    """Where the period before was hardly analysed, nothing is said to have changed."""
    now = _alternating(30, lambda _: 3, lambda _: True)
    before = tuple(attrs.evolve(day, date=day.date - timedelta(days=30), topics={}) for day in now)
    assert (ObservationKind.TOPIC_CHANGE, "sea") in _kinds(now, before)
    assert (ObservationKind.TOPIC_CHANGE, "sea") not in _kinds(now, before[:9])
    unread = tuple(attrs.evolve(day, sentiments={}) for day in before)
    assert (ObservationKind.TOPIC_CHANGE, "sea") not in _kinds(now, unread)


def test_a_topic_that_vanished_rests_on_the_days_before() -> None:
    """There are no others with it."""
    before = _alternating(30, lambda _: 3, lambda _: True)
    now = tuple(attrs.evolve(day, date=day.date + timedelta(days=30), topics={}) for day in before)
    one = _only(ObservationKind.TOPIC_CHANGE, observe(now, before, None, None))
    assert one.days[0] == FIRST
    assert one.text == (
        "You wrote about “sea” less often than in the period before: on 0 of 30 days, after 30 of 30."
    )


def _days_with(first: date, days: int, has: Callable[[int], bool]) -> Days:
    return tuple(
        DayAggregate(
            first + timedelta(days=n),
            1,
            sentiments={SentimentLabel.NEUTRAL: 1},
            topics={"sea": 1} if has(n) else {},
        )
        for n in range(days)
    )


def test_a_small_change_of_a_topic_is_not_worth_a_word() -> None:
    """However sure it is, less than 15 of 100 days more or less are left out."""
    before = _days_with(FIRST, 400, lambda n: n % 20 == 0)
    later = FIRST + timedelta(days=400)
    some = _days_with(later, 400, lambda n: n % 20 in {0, 7, 14})
    many = _days_with(later, 400, lambda n: n % 20 in {0, 4, 8, 12, 16})
    assert _kinds(some, before) == []
    assert _kinds(many, before) == [(ObservationKind.TOPIC_CHANGE, "sea")]


def test_five_days_of_a_topic_are_no_change() -> None:
    """However rare it was before."""
    before = _days_with(FIRST, 300, lambda _: False)
    later = FIRST + timedelta(days=300)
    assert _kinds(_days_with(later, 12, lambda n: n in {0, 2, 4, 7, 9}), before) == []
    assert _kinds(_days_with(later, 12, lambda n: n in {0, 2, 4, 7, 9, 11}), before) != []


def test_days_that_were_not_analysed_are_not_days_without_a_topic() -> None:
    """Only days whose entries were understood are compared."""
    days = _alternating(40, lambda d: 5 if d.day % 2 else 1, lambda d: bool(d.day % 2))
    assert (ObservationKind.MOOD_TOPIC, "sea") in _kinds(days, ())
    unread = tuple(attrs.evolve(d, sentiments={}) if not d.topics else d for d in days)
    assert (ObservationKind.MOOD_TOPIC, "sea") not in _kinds(unread, ())


def test_writing_mostly_in_one_part_of_the_day() -> None:
    """It is said if more than half is sure, and rests on days, not on many entries of a few days."""
    chance = _chance(1)
    evenings, _ = _journal(chance, 40, _plain(chance, 40), lambda _: {}, hours=range(18, 23))
    one = _only(ObservationKind.WRITING_TIME, observe(evenings, (), None, None))
    entries = sum(day.entries for day in evenings)
    assert one.subject == "evening"
    assert one.text == (
        f"You write mostly in the evening (5 p.m. to midnight): {entries} of {entries} entries, "
        f"on {len(evenings)} days."
    )
    whenever, _ = _journal(chance, 40, _plain(chance, 40), lambda _: {})
    assert _kinds(whenever, ()) == []
    few = tuple(attrs.evolve(day, entries=50, hours={"0-20": 50}) for day in evenings[:13])
    assert _kinds(few, ()) == []
    barely = tuple(attrs.evolve(d, entries=100, hours={"0-20": 60, "0-9": 40}) for d in evenings)
    assert _kinds(barely, ()) == []


@pytest.mark.parametrize(
    ("hour", "part"),
    [
        (0, "night"),
        (4, "night"),
        (5, "morning"),
        (11, "morning"),
        (12, "afternoon"),
        (16, "afternoon"),
        (17, "evening"),
        (23, "evening"),
    ],
)
def test_parts_of_the_day(hour: int, part: str) -> None:
    """Every hour lies in one part."""
    every = [FIRST + timedelta(days=2 * n) for n in range(20)]
    days = tuple(DayAggregate(day, 1, hours={f"{day.weekday()}-{hour}": 1}) for day in every)
    assert _kinds(days, ()) == [(ObservationKind.WRITING_TIME, part)]


def test_the_longest_streak_is_told_while_it_lasts() -> None:
    """From a week on, and only if the run of today is the longest."""
    week, short = Run(FIRST, date(2026, 1, 7)), Run(FIRST, date(2026, 1, 6))
    longer = Run(date(2025, 1, 1), date(2025, 1, 20))
    (one,) = observe((), (), week, week)
    assert one.text == "You have written on 7 days in a row, your longest run so far."
    assert one.days == tuple(FIRST + timedelta(days=n) for n in range(7))
    assert observe((), (), short, short) == observe((), (), week, longer) == ()
    assert observe((), (), None, longer) == observe((), (), None, None) == ()


def test_a_long_streak_names_its_ends() -> None:
    """Its days are spread evenly from the first to the last."""
    year = Run(FIRST, date(2026, 12, 31))
    (one,) = observe((), (), year, year)
    assert (len(one.days), one.days[0], one.days[-1]) == (MOST_DAYS, FIRST, date(2026, 12, 31))


def test_few_observations_are_made() -> None:
    """Of many topics that go with a mood, the four strongest are named."""
    chance = _chance(3)
    names = [f"topic {n}" for n in range(9)]

    def mood(_: date, topics: tuple[str, ...]) -> float:
        return 5 if topics else 1

    days, before = _journal(
        chance, 120, mood, lambda day: dict.fromkeys(names, float(day.toordinal() % 3 == 0))
    )
    kinds = [kind for kind, _ in _kinds(days, before)]
    assert kinds == [ObservationKind.MOOD_TOPIC] * 4


def test_the_strongest_comes_first() -> None:
    """Not the most frequent."""
    effects = {"often": 0.8, "rarely": 1.8}
    days, before = _journal(
        _chance(4),
        200,
        lambda _, topics: 2 + sum(effects[topic] for topic in topics),
        lambda _: {"often": 0.5, "rarely": 0.3},
    )
    found = [one for one in observe(days, before, None, None) if one.subject in effects]
    assert [one.subject for one in found] == ["rarely", "often"]


def test_only_the_most_frequent_topics_are_looked_at() -> None:
    """Twenty; so that a wealth of rare ones does not drown what is there."""
    chance = _chance(6)
    days = _alternating(60, lambda d: 5 if d.day % 6 == 0 else 2, lambda d: d.day % 6 == 0)
    busy = tuple(
        attrs.evolve(
            day,
            topics=day.topics | {f"t{n}": 1 for n in range(20) if chance.random() < 0.5},
        )
        for day in days
    )
    assert (ObservationKind.MOOD_TOPIC, "sea") in _kinds(days, ())
    assert (ObservationKind.MOOD_TOPIC, "sea") not in _kinds(busy, ())


def test_observing_twice_says_the_same() -> None:
    """There is no chance in it."""
    journal = _weekends(_chance(5))
    assert observe(*journal, None, None) == observe(*journal, None, None) != ()


@given(
    st.lists(
        st.tuples(
            st.integers(0, 60),
            st.integers(0, 23),
            st.none() | st.integers(1, 5),
            st.none() | st.lists(st.sampled_from("abc"), unique=True).map(tuple),
        ),
        max_size=60,
    )
)
def test_any_journal_can_be_looked_at(
    entries: list[tuple[int, int, int | None, tuple[str, ...] | None]],
) -> None:
    """Constant moods, single days, gaps: there is always an answer, of finite figures."""
    contributions = []
    for number, (offset, hour, mood, topics) in enumerate(entries):
        day = FIRST + timedelta(days=offset)
        facts = EntryFacts(day, day.weekday(), hour, 1, mood, 1)
        insight = None if topics is None else InsightFacts(1, SentimentLabel.MIXED, 0, topics)
        contributions.append(Contribution(UUID(int=number), 1, facts, insight))
    sums = tuple(aggregate(contributions).values())
    days = tuple(d for d in sums if d.date >= FIRST + timedelta(days=30))
    before = tuple(d for d in sums if d.date < FIRST + timedelta(days=30))
    for one in observe(days, before, None, None):
        assert all(math.isfinite(figure.value) for figure in one.figures)
        assert set(one.days) <= {day.date for day in sums}
        assert list(one.days) == sorted(set(one.days))


def _observation(kind: ObservationKind, subject: str | None = None) -> Observation:
    return Observation(kind, subject, "", (), ())


def test_an_observation_rests_on_entries_that_bear_it_out() -> None:
    """Those with a mood, of the topic in its present text, of the hours; for a streak any."""
    facts = EntryFacts(FIRST, 3, 20, 1, None, 2)
    rated = attrs.evolve(facts, mood=3)
    insight = InsightFacts(2, SentimentLabel.MIXED, 0, ("sea",))
    for kind in (
        ObservationKind.MOOD_TREND,
        ObservationKind.MOOD_WEEKEND,
        ObservationKind.MOOD_TOPIC,
    ):
        assert not rests_on(_observation(kind), facts, None)
        assert rests_on(_observation(kind), rated, None)
    change = _observation(ObservationKind.TOPIC_CHANGE, "sea")
    assert rests_on(change, facts, insight)
    assert not rests_on(change, facts, None)
    assert not rests_on(change, facts, attrs.evolve(insight, content_version=1))
    assert not rests_on(_observation(ObservationKind.TOPIC_CHANGE, "work"), facts, insight)
    assert rests_on(_observation(ObservationKind.WRITING_TIME, "evening"), facts, None)
    assert not rests_on(_observation(ObservationKind.WRITING_TIME, "night"), facts, None)
    assert rests_on(_observation(ObservationKind.LONGEST_STREAK), facts, None)


# The tests that observations rest on, against values from elsewhere.


def _two_sided(t: float, freedom: float) -> float:
    """Return the chance of a t as large, by integrating the density of the t distribution."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))
    scale /= math.sqrt(freedom * math.pi)
    steps, top = 4_000, 80.0
    width = (top - abs(t)) / steps
    points = (abs(t) + (n + 0.5) * width for n in range(steps))
    power = -(freedom + 1) / 2
    return 2 * width * scale * math.fsum(math.pow(1 + x * x / freedom, power) for x in points)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=6, max_size=20))
def test_comparing_well_mixed_groups_is_welchs_test(pairs: list[tuple[int, int]]) -> None:
    """Where neighbours are of different groups, difference and chance are the textbook's."""
    groups = [[a for a, _ in pairs], [b for _, b in pairs]]
    values = [value for pair in pairs for value in pair]
    found = compare(values, [True, False] * len(pairs))
    means = [sum(group) / len(group) for group in groups]
    # A group of equal moods is taken to vary as much as rounding makes it.
    u, w = (
        max(1 / 12, sum((v - m) ** 2 for v in g) / (len(g) - 1)) / len(g)
        for g, m in zip(groups, means, strict=True)
    )
    freedom = (u + w) ** 2 / ((u**2 + w**2) / (len(pairs) - 1))
    t = (means[0] - means[1]) / math.sqrt(u + w)
    assert found.difference == pytest.approx(means[0] - means[1])
    assert found.p == pytest.approx(_two_sided(t, freedom), abs=0.002, rel=0.1)


def test_a_slope_is_that_of_least_squares() -> None:
    """Rise and standard error of Anscombe's first series: 0.5001 and 0.1179, p = 0.0022."""
    xs = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    ys = [4.26, 5.68, 7.24, 4.82, 6.95, 8.81, 8.04, 8.33, 10.84, 7.58, 9.96]
    line = slope(xs, ys)
    assert line.rise == pytest.approx(0.5001, abs=1e-4)
    assert line.error == pytest.approx(0.1179, abs=1e-4)
    assert line.p == pytest.approx(0.0022, abs=3e-4)


def test_fishers_test_is_exact() -> None:
    """Eight of ten against one of six: p = 0.0350."""
    after = [True, True, False, True, True, True, True, False, True, True]
    before = [False, False, True, False, False, False]
    found = compare_shares(before, after)
    assert found.p == pytest.approx(0.0350, abs=1e-4)
    assert found.mean_inside == pytest.approx(0.8)
    assert found.mean_outside == pytest.approx(1 / 6)


def test_neighbours_that_are_alike_count_for_less() -> None:
    """The same two groups of days differ less surely in blocks than day by day in turn."""
    chance = _chance(7)
    level = _fading(chance, 60, 0.8)
    blocks = [n % 20 < 10 for n in range(60)]
    values = [v + block for v, block in zip(level, blocks, strict=True)]
    inside = [v for v, block in zip(values, blocks, strict=True) if block]
    outside = [v for v, block in zip(values, blocks, strict=True) if not block]
    in_turn = [v for pair in zip(inside, outside, strict=True) for v in pair]
    in_blocks, mixed = compare(values, blocks), compare(in_turn, [True, False] * 30)
    assert in_blocks.difference == pytest.approx(mixed.difference)
    assert in_blocks.p > 3 * mixed.p


def test_a_small_group_without_variation_is_not_surer_than_all() -> None:
    """Where moods are mostly 5, six days of 5 prove nothing."""
    values = [5.0] * 6 + [1.0 if n % 8 == 0 else 5.0 for n in range(40)]
    assert compare(values, [True] * 6 + [False] * 40).p > 0.3


@pytest.mark.parametrize(
    ("days", "fading", "noise", "most"), [(90, 0.9, 1.0, 0.13), (30, 0.6, 0.0, 0.038)]
)
def test_a_level_that_wanders_is_seldom_taken_for_a_trend(
    days: int, fading: float, noise: float, most: float
) -> None:
    """Also if noise hides that days resemble their neighbours, and if the series is short."""
    alarms = 0
    for seed in range(400):
        chance = _chance(seed)
        values = [level + chance.gauss(0, noise) for level in _fading(chance, days, fading)]
        alarms += slope(range(days), values).p < 0.01
    assert alarms / 400 <= most


def test_one_slow_swing_is_no_trend() -> None:
    """Fourteen days that hang together so much are worth less than three."""
    swing = [3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 4.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 2.0]
    assert slope(range(14), swing).p == 1


def test_a_share_is_sure_only_from_enough_days() -> None:
    """Wilson's bound: 8 of 10 may be less than half, 80 of 100 may not."""
    assert lower_share(8, 10, 10) == pytest.approx(0.4008, abs=1e-4)
    assert lower_share(80, 100, 100) > 0.5
    assert lower_share(80, 100, 10) == lower_share(8, 10, 10)


def test_many_tests_together_are_held_to_one_level() -> None:
    """Holm: the smallest of three must be below a third, the next below a half of the level."""
    assert holm([0.004, 0.002, 0.02], 0.01) == [True, True, False]
    assert holm([0.004, 0.0034, 0.0001], 0.01) == [True, True, True]
    assert holm([0.004, 0.005, 0.02], 0.01) == [False, False, False]
    assert holm([], 0.01) == []
