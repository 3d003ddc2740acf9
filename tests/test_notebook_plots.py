"""Plots of a journal: what they draw, what they say, and that everything can be read."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from reflekt_core import Reflekt
from reflekt_core.errors import ConfigurationError
from reflekt_core.model.entries import Entry
from reflekt_core.model.trends import Bucket, Trends
from reflekt_core.notebook import hours_frame, look, plots, shown, to_dataframe
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock
from reflekt_core.testing.fakes import an_entry

mpl.use("agg")

YEAR = {"from_": date(2026, 1, 1), "to": date(2026, 12, 31)}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLOTS: dict[str, Callable[..., Axes]] = {
    "mood": plots.mood,
    "calendar": plots.calendar,
    "sentiment_and_mood": plots.sentiment_and_mood,
    "topics": plots.topics,
    "hours": plots.hours,
}
every_plot = pytest.mark.parametrize("name", PLOTS)


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Close every figure, and see that settings are as they were."""
    before = dict(mpl.rcParams)
    yield
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture
def journal(clock: FakeClock) -> Iterator[Reflekt]:
    """A journal in memory, whose assistant is on this machine."""
    with Reflekt.on(open_store("memory://"), clock=clock, assistant="local") as opened:
        yield opened


def written(journal: Reflekt, entries: int, apart: timedelta = timedelta(days=1)) -> Trends:
    """Write so many entries from New Year's Day on, and return the trends of the year."""
    for number in range(entries):
        text = "A wonderful day with my family." if number % 3 else "A terrible day at work."
        at = NOON + number * apart
        journal.entries.create(text, mood=1 + 2 * (number % 3), occurred_at=at)
    return journal.analytics.trends(**YEAR)


def moody(*days: tuple[int, int]) -> list[Entry]:
    """Return entries of days of 2026, each with its mood."""
    return [an_entry("x", mood=mood, occurred_at=NOON + timedelta(days=day)) for day, mood in days]


def words(ax: Axes) -> str:
    """Return everything that is written in the figure of *ax*, drawn."""
    ax.figure.canvas.draw()
    texts = [text.get_text() for text in ax.figure.findobj(Text) if text.get_visible()]
    return " ".join(" ".join(texts).split())


def dots(ax: Axes) -> int:
    """Return how many dots there are."""
    return sum(len(collection.get_offsets()) for collection in ax.collections)


def squares(ax: Axes) -> list[tuple[float, ...]]:
    """Return the colour of each square."""
    return [tuple(colour) for colour in ax.collections[0].get_facecolor()]


def boxes(labels: list[Text]) -> list[Any]:
    """Return where *labels* stand, in pixels."""
    return [text.get_window_extent() for text in labels if text.get_text() and text.get_visible()]


def ticks(ax: Axes, side: str) -> list[Text]:
    """Return the labels of the ticks that are drawn: those between the limits."""
    low, high = sorted(getattr(ax, f"get_{side}lim")())
    places = getattr(ax, f"get_{side}ticks")()
    labels: list[Text] = getattr(ax, f"get_{side}ticklabels")()
    return [one for at, one in zip(places, labels, strict=True) if low <= at <= high]


def readable(ax: Axes) -> None:
    """Check that no label lies over another one, and none outside the figure."""
    figure = ax.figure
    figure.canvas.draw()
    whole = figure.bbox.padded(2)
    groups = [ticks(ax, "x"), ticks(ax, "y"), list(ax.texts)]
    for one in groups:
        for first, second in combinations(boxes(one), 2):
            assert not first.padded(-1).overlaps(second.padded(-1))
    titles = boxes([ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label])
    for first in titles:
        for second in boxes(groups[0] + groups[1]):
            assert not first.padded(-1).overlaps(second.padded(-1))
    for box in [*boxes(groups[0] + groups[1] + groups[2]), *titles]:
        assert whole.x0 <= box.x0
        assert box.x1 <= whole.x1
        assert whole.y0 <= box.y0
        assert box.y1 <= whole.y1


# What all have in common.


@every_plot
@pytest.mark.parametrize("entries", [0, 1, 2, 40, 360])
def test_any_number_of_entries_can_be_read(journal: Reflekt, name: str, entries: int) -> None:
    """From no entry to a year of them there is no warning, and no label lies over another."""
    ax = PLOTS[name](written(journal, entries))
    readable(ax)
    assert bool(ax.collections or ax.patches) == bool(entries)


@every_plot
@pytest.mark.parametrize("size", [(3.2, 2.8), (5, 3), (14, 6)])
def test_axes_of_any_size_can_be_read(
    journal: Reflekt, name: str, size: tuple[float, float]
) -> None:
    """Labels give way where there is little room."""
    _, ax = plt.subplots(figsize=size, layout="constrained")
    assert PLOTS[name](written(journal, 90), ax=ax) is ax
    readable(ax)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("mood", "No entries with a mood"),
        ("calendar", "No entries"),
        ("sentiment_and_mood", "No entries with a mood and a sentiment"),
        ("topics", "No topic rises or falls"),
        ("hours", "No entries"),
    ],
)
def test_an_empty_journal_gives_a_plot_that_says_so(
    journal: Reflekt, name: str, reason: str
) -> None:
    """Without entries the plot says why it is empty."""
    ax = PLOTS[name](journal.analytics.trends())
    assert [text.get_text() for text in ax.texts if text.get_text()] == [reason]
    assert not ax.collections


@every_plot
def test_axes_say_what_they_show_in_which_unit(journal: Reflekt, name: str) -> None:
    """Each plot has a title, and where there are figures, what they count."""
    said = words(PLOTS[name](written(journal, 30)))
    wanted = {
        "mood": ["Mood, 1 to 5", "5 very good", "1 very low", "Date"],
        "calendar": ["2026", "30 entries on 30 of 365 days", "no entry", "4 or more", "Jan", "Mon"],
        "sentiment_and_mood": ["Mood, 1 (very low) to 5", "Sentiment, −1 to +1"],
        "topics": ["Entries more or fewer", "period before", "family", "work"],
        "hours": ["Hour of the day", "Entries", "Mon", "Sun", "12:00", "30 entries"],
    }
    for one in wanted[name]:
        assert one in said


@every_plot
@pytest.mark.parametrize("background", ["#ffffff", "#111111"])
def test_words_and_marks_stand_out_on_light_and_dark(
    journal: Reflekt, name: str, background: str
) -> None:
    """New figures show what is behind them; words have a contrast of 4.3 to 1 on either."""
    ax = PLOTS[name](written(journal, 30))
    figure = ax.figure
    assert to_rgba(figure.get_facecolor())[3] == 0
    assert to_rgba(ax.get_facecolor())[3] == 0
    said = [text for text in figure.findobj(Text) if text.get_text() and text.get_visible()]
    assert said
    assert min(contrast(text.get_color(), background) for text in said) > 4.3
    assert min(contrast(colour, background) for colour in (look.MORE, look.LESS)) > 3.8


def contrast(colour: Any, background: str) -> float:
    """Return the contrast ratio of WCAG 2."""
    low, high = sorted(map(_luminance, (colour, background)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Any) -> float:
    parts = np.array(to_rgba(colour)[:3])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def test_less_and_more_are_told_apart_without_red_or_green() -> None:
    """The two colours differ in blue, which those who confuse red and green see."""
    assert abs(to_rgba(look.MORE)[2] - to_rgba(look.LESS)[2]) > 0.6


@pytest.mark.parametrize(("style", "least"), [("dark_background", 12), ("default", 4.3)])
def test_a_style_is_followed(journal: Reflekt, style: str, least: float) -> None:
    """With a style of the user's, words are as light or dark as its background needs."""
    value = written(journal, 9)
    with plt.style.context(style):
        ax = plots.mood(value)
    ground = ax.figure.get_facecolor()
    behind = "#ffffff" if to_rgba(ground)[3] == 0 else ground
    assert contrast(ax.xaxis.label.get_color(), behind) > least


def test_own_axes_are_written_on_in_dark_or_light(journal: Reflekt) -> None:
    """On a white or black figure of the user's words are nearly black or white."""
    value = written(journal, 9)
    for ground in ("white", "black"):
        figure, ax = plt.subplots(facecolor=ground)
        plots.mood(value, ax=ax)
        assert contrast(ax.xaxis.label.get_color(), ground) > 12
        assert to_rgba(figure.get_facecolor()) == to_rgba(ground)


@every_plot
def test_plots_can_share_a_figure(journal: Reflekt, name: str) -> None:
    """Axes of a part of a figure will do."""
    figure = plt.figure(layout="constrained", figsize=(9, 3))
    PLOTS[name](written(journal, 9), ax=figure.subfigures(1, 2)[0].subplots())
    figure.canvas.draw()


# Mood.


def test_each_day_has_a_dot_of_its_mean() -> None:
    """Two entries of a day are one dot between them; entries without mood are none."""
    value = [*moody((0, 1), (0, 4), (3, 5)), an_entry("x", mood=None)]
    found = shown.moods(value)
    assert found.moods.tolist() == [2.5, 5.0]
    assert [str(day) for day in found.days] == ["2026-01-01", "2026-01-04"]
    assert dots(plots.mood(value)) == 2
    assert dots(plots.mood(to_dataframe(value))) == 2


@pytest.mark.parametrize(
    ("bucket", "number"), [(Bucket.DAY, 60), (Bucket.WEEK, 9), (Bucket.MONTH, 3)]
)
def test_buckets_have_a_dot_each(journal: Reflekt, bucket: Bucket, number: int) -> None:
    """Trends by week or month have a dot for each one with a mood, and say what it is."""
    written(journal, 60)
    for way in (journal.analytics.trends, journal.analytics.mood):
        found = way(**YEAR, bucket=bucket)
        ax = plots.mood(found)
        assert dots(ax) == number
        assert f"Dots are {bucket.value}s." in words(ax)
        assert dots(plots.mood(found.to_dataframe())) == number


def test_the_line_is_broken_where_nothing_is_known() -> None:
    """A gap of 15 days breaks a line of σ 7, one of 14 does not; no side counts for the other."""
    low, high = [(day, 1) for day in range(6)], [(day, 5) for day in range(20, 26)]
    line = shown.smoothed(shown.moods(moody(*low, *high)), 7)
    assert np.isnan(line.moods).sum() == 2
    assert line.moods[~np.isnan(line.moods)] == pytest.approx([1] * 6 + [5] * 6)
    assert len(line.days) == 6 + 1 + 6 + 1
    nearer = [(day - 1, mood) for day, mood in high]
    whole = shown.smoothed(shown.moods(moody(*low, *nearer)), 7)
    assert np.isnan(whole.moods).sum() == 1
    assert len(whole.days) == 25 + 1


def test_fewer_than_five_dots_have_no_line() -> None:
    """A line through next to nothing is not drawn, nor spoken of."""
    few = plots.mood(moody((0, 1), (1, 2), (2, 3), (3, 4)))
    assert "line" not in words(few)
    assert len(few.lines[0].get_xdata()) == 0
    enough = plots.mood(moody((0, 1), (1, 2), (2, 3), (3, 4), (4, 5)))
    assert "weighted mean (σ 7 days), broken at gaps over 14 days" in words(enough)
    assert len(enough.lines[0].get_xdata()) == 6


@settings(max_examples=50)
@given(
    st.dictionaries(st.integers(0, 90), st.integers(1, 5), min_size=5),
    st.sampled_from([1, 3.5, 7, 30]),
)
def test_the_line_is_a_weighted_mean(moods: dict[int, int], sigma: float) -> None:
    """Each day of a stretch is the Gaussian mean of its days, and never beyond their range."""
    found = shown.moods(moody(*sorted(moods.items())))
    line = shown.smoothed(found, sigma)
    place = (found.days - found.days[0]).astype(int)
    for day, value in zip(line.days, line.moods, strict=True):
        if np.isnan(value):
            continue
        at = int((day - found.days[0]).astype(int))
        near = _stretch(place, at, 2 * sigma)
        off = np.abs(place[near] - at)
        weight = np.exp(-0.5 * (off / sigma) ** 2) * (off <= np.ceil(3 * sigma))
        assert value == pytest.approx((weight * found.moods[near]).sum() / weight.sum())
        assert found.moods[near].min() - 1e-9 <= value <= found.moods[near].max() + 1e-9


def _stretch(place: Any, at: int, longest: float) -> Any:
    """Return which of the days hang together with day *at*."""
    group = np.concatenate([[0], np.cumsum(np.diff(place) > longest)])
    return group == group[np.flatnonzero(place <= at)[-1]]


def test_smoothing_is_as_wide_as_asked() -> None:
    """A wider line is calmer; none at all is refused."""
    value = moody(*((day, 1 + 4 * (day % 2)) for day in range(30)))
    calm, rough = (
        np.nanstd(plots.mood(value, smooth_days=days).lines[0].get_ydata()) for days in (7, 1)
    )
    assert calm < rough / 2
    with pytest.raises(ConfigurationError, match="smooth_days"):
        plots.mood(value, smooth_days=0)


@pytest.mark.parametrize("years", [(1000,), (9000,), (1000, 9000), (1969, 1970)])
def test_far_years_are_drawn(years: tuple[int, ...]) -> None:
    """Years from 1000 to 9000 are drawn, alone or together, without a warning."""
    value = [an_entry("x", mood=3, occurred_at=datetime(year, 5, 4, tzinfo=UTC)) for year in years]
    readable(plots.mood(value))
    readable(plots.calendar(value))
    assert dots(plots.mood(value)) == len(years)


@pytest.mark.parametrize("days", [1, 12, 45, 61, 200, 500, 720, 740, 3650, 20_000])
@pytest.mark.parametrize("width", [3.2, 9])
def test_dates_never_lie_over_each_other(days: int, width: float) -> None:
    """However long a journal is, its dates have room; there are at least two of them."""
    _, ax = plt.subplots(figsize=(width, 3), layout="constrained")
    readable(plots.mood(moody((0, 2), (days, 4)), ax=ax))
    assert len([one for one in ticks(ax, "x") if one.get_text()]) >= 2


def test_a_long_journal_is_drawn_in_the_room_it_takes() -> None:
    """Thirty years of days are smoothed day by day, without a table of all pairs."""
    days = np.arange("1996-01-01", "2026-01-01", dtype="datetime64[D]").astype("datetime64[us]")
    frame = pd.DataFrame({"mean_mood": 3.0, "entries": 1}, index=pd.DatetimeIndex(days))
    assert dots(plots.mood(frame)) == len(days)


@pytest.mark.parametrize("name", ["mood", "calendar"])
def test_months_stand_on_one_line(journal: Reflekt, name: str) -> None:
    """Letters that reach below the line do not push their word up."""
    labels = PLOTS[name](written(journal, 90)).get_xticklabels()
    assert {label.get_verticalalignment() for label in labels} == {"baseline"}


# Calendar.


def test_a_year_has_a_square_for_each_day_and_the_last_one_is_shown(journal: Reflekt) -> None:
    """Entries give whole years; the last one, or the one asked for."""
    for year in (2023, 2024, 2024):
        journal.entries.create(
            "x", occurred_at=datetime(year, 2, 29 if year == 2024 else 1, tzinfo=UTC)
        )
    frame = journal.entries.to_dataframe()
    last, first = squares(plots.calendar(frame)), squares(plots.calendar(frame, year=2023))
    assert (len(last), len(first)) == (366, 365)
    shades = look.shades(4)
    assert [day for day, colour in enumerate(last) if colour != look.NONE] == [31 + 28]
    assert last[31 + 28] == shades[1]
    assert first[31] == shades[0]
    assert "2 entries on 1 of 366 days" in words(plots.calendar(frame))
    assert "0 entries on 0 of 365 days" in words(plots.calendar(frame, year=2025))


def test_days_lie_in_their_week_and_row() -> None:
    """Columns are weeks from Monday on; 4 January 2026, a Sunday, is the last row of the first."""
    ax = plots.calendar(moody((3, 1), (4, 1)))
    paths = ax.collections[0].get_paths()
    assert paths[3].get_extents().y1 == pytest.approx(6.45)
    assert paths[3].get_extents().x1 == pytest.approx(0.45)
    assert paths[4].get_extents().y1 == pytest.approx(0.45)
    assert paths[4].get_extents().x1 == pytest.approx(1.45)


@given(st.integers(1000, 9000))
@settings(max_examples=20)
def test_every_year_has_room(year: int) -> None:
    """All squares of any year lie inside the axes."""
    ax = plots.calendar([an_entry("x", occurred_at=datetime(year, 6, 1, tzinfo=UTC))])
    ends = [path.get_extents() for path in ax.collections[0].get_paths()]
    assert min(end.x0 for end in ends) > ax.get_xlim()[0]
    assert max(end.x1 for end in ends) < ax.get_xlim()[1]
    plt.close("all")


def test_days_outside_the_period_are_left_out(journal: Reflekt) -> None:
    """Trends know of their own days alone."""
    journal.entries.create("x", occurred_at=NOON)
    span = {"from_": date(2025, 12, 1), "to": date(2026, 1, 10)}
    assert len(squares(plots.calendar(journal.analytics.trends(**span)))) == 10
    assert len(squares(plots.calendar(journal.analytics.frequency(**span), year=2025))) == 31
    assert "Nothing is known" in words(plots.calendar(journal.analytics.trends(**span), year=2020))


@pytest.mark.parametrize("bucket", [Bucket.WEEK, Bucket.MONTH])
def test_a_calendar_needs_days(journal: Reflekt, bucket: Bucket) -> None:
    """Weeks and months are refused, with what to ask for instead."""
    with pytest.raises(ConfigurationError, match="bucket='day'"):
        plots.calendar(journal.analytics.trends(**YEAR, bucket=bucket))


# Sentiment and mood.


def test_each_entry_with_both_has_a_dot(journal: Reflekt) -> None:
    """Entries without a mood or a sentiment are left out; dots are nudged, always alike."""
    written(journal, 8)
    journal.entries.create("A wonderful day.")
    frame = journal.entries.to_dataframe(insights=True)
    ax = plots.sentiment_and_mood(frame)
    assert dots(ax) == 8
    found = shown.pairs(frame)
    assert np.abs(found.nudged - found.moods).max() < 0.2
    assert len(set(found.nudged)) == 8
    assert found.nudged.tolist() == shown.pairs(frame).nudged.tolist()
    assert "one entry, nudged sideways" in words(ax)


def test_days_are_not_nudged(journal: Reflekt) -> None:
    """Means of days have a place of their own."""
    found = shown.pairs(written(journal, 8))
    assert found.nudged.tolist() == found.moods.tolist()
    assert found.each == "day"


def test_a_line_needs_twenty_dots_and_three_moods() -> None:
    """With less there is no line, and the plot says so; with enough it is that of least squares."""

    def frame(moods: list[int], scores: list[float]) -> pd.DataFrame:
        return pd.DataFrame({"mood": moods, "sentiment_score": scores}, dtype="Float64")

    moods = [1, 3, 5, 3] * 5
    scores = [mood / 5 - 0.5 for mood in moods]
    enough = plots.sentiment_and_mood(frame(moods, scores))
    assert "n = 20, r = 1.00" in words(enough)
    assert enough.lines[0].get_ydata() == pytest.approx([-0.3, 0.5])
    for few in (
        frame(moods[:19], scores[:19]),
        frame([2, 3] * 20, [0.1, 0.2] * 20),
        frame(moods, [0.5] * 20),
    ):
        ax = plots.sentiment_and_mood(few)
        assert not ax.lines
        assert "No line: there is too little to go by." in words(ax)


# Topics.


def topics_of(*rows: tuple[str, int, int]) -> pd.DataFrame:
    """Return a DataFrame of topics, now and before."""
    frame = pd.DataFrame(rows, columns=["topic", "count", "before"]).set_index("topic")
    return frame.assign(change=frame["count"] - frame["before"])


def test_topics_that_rise_come_first_and_those_that_stay_not_at_all() -> None:
    """Bars go right for more and left for fewer; those that changed most are shown."""
    frame = topics_of(("same", 9, 9), ("up", 5, 1), ("down", 0, 6), ("little", 2, 1))
    ax = plots.topics(frame, most=2)
    assert [bar.get_width() for bar in ax.patches] == [4, -6]
    assert [bar.get_facecolor() for bar in ax.patches] == [to_rgba(look.MORE), to_rgba(look.LESS)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["up", "down"]
    said = words(ax)
    assert "(5, 1)" in said
    assert "(0, 6)" in said
    assert "same" not in said
    readable(ax)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("$x^2$ \\frac{", "$x^2$ \\frac{"),
        ("$\\frac{$", "$\\frac{$"),
        ("a\nb\tc", "a b c"),
        ("\u202eabc\u0007", "abc"),
        ("word " * 40, "word word word word word…"),
        ("\U000f0000", "\ufffd"),
    ],
)
def test_names_of_topics_are_drawn_as_they_stand(name: str, label: str) -> None:
    """Formulas are none, names have one line of at most 26 letters, and nothing is undrawable."""
    ax = plots.topics(topics_of((name, 3, 1)))
    readable(ax)
    assert [one.get_text() for one in ax.get_yticklabels()] == [label]


@pytest.mark.parametrize(
    "name", ["日本の海", "मेरा परिवार", "مرحبا", "🌊 surf", "ไทย", "e\u0301te\u0301"]
)
def test_other_scripts_are_drawn_if_there_is_a_font(name: str) -> None:
    """Letters that no font here has are signs that something was there, and no warning."""
    ax = plots.topics(topics_of((name, 3, 1)))
    readable(ax)
    label = ax.get_yticklabels()[0].get_text()
    assert len(label) == len(name)
    assert all(drawn in (letter, "\ufffd") for drawn, letter in zip(label, name, strict=True))


def test_what_trends_say_of_topics_is_drawn(journal: Reflekt) -> None:
    """Trends, topics and their DataFrame give the same bars."""
    found = written(journal, 6)
    asked = journal.analytics.topics(**YEAR)
    wide = [
        [bar.get_width() for bar in plots.topics(one).patches]
        for one in (found, asked, asked.to_dataframe())
    ]
    assert wide[0] == wide[1] == wide[2] != []


# Hours.


def test_entries_lie_at_their_weekday_and_hour() -> None:
    """Thursday noon is the square of row 3, column 12, whatever gives it."""
    value = moody((0, 3), (0, 3), (1, 3))  # Thursday twice, Friday
    counts = shown.hours(value)
    assert (counts[3, 12], counts[4, 12], counts.sum()) == (2, 1, 3)
    found = squares(plots.hours(value))
    assert len(found) == 7 * 24
    assert found[3 * 24 + 12] == look.shades(2)[1]
    assert found[4 * 24 + 12] == look.shades(2)[0]
    assert found.count(look.NONE) == 7 * 24 - 2


def test_hours_of_trends_are_those_of_their_entries(journal: Reflekt) -> None:
    """Trends, frequency, their table and the entries themselves agree."""
    found = written(journal, 50, timedelta(hours=31))
    frames = [
        found,
        journal.analytics.frequency(**YEAR),
        hours_frame(found),
        journal.entries.to_dataframe(),
    ]
    tables = [shown.hours(frame).tolist() for frame in frames]
    assert all(table == tables[0] for table in tables)
    assert shown.hours(found).sum() == 50


@pytest.mark.parametrize("most", [1, 2, 3, 7, 1000])
def test_the_scale_counts_whole_entries(most: int) -> None:
    """The colour bar is in whole entries, and goes up to the most."""
    frame = hours_frame_of(most)
    ax = plots.hours(frame)
    ax.figure.canvas.draw()
    (bar,) = [one for one in ax.figure.axes if one is not ax]
    ticks = [label.get_text() for label in bar.get_yticklabels() if label.get_text()]
    assert to_rgba(bar.get_facecolor())[3] == 0
    assert ticks[0] == "1"
    assert ticks[-1] == str(most)
    assert all(tick.isdigit() for tick in ticks)


def hours_frame_of(most: int) -> pd.DataFrame:
    """Return a table of hours with one entry on Monday at 0, and the most on Sunday at 23."""
    table = np.zeros((7, 24), dtype=int)
    table[0, 0], table[6, 23] = 1, most
    return pd.DataFrame(table, index=pd.Index(list("MTWTFSS"), name="weekday"))


# What cannot be drawn.


@every_plot
def test_what_is_not_there_is_named(name: str) -> None:
    """A DataFrame of something else is refused, with what it lacks."""
    with pytest.raises(ConfigurationError, match=r"column|'sentiment_score'|'mean_mood'"):
        PLOTS[name](pd.DataFrame({"colour": ["red"]}))
    assert not plt.get_fignums()


def test_sentiment_has_to_be_asked_for(journal: Reflekt) -> None:
    """Entries alone have no sentiment; the error says how to get it."""
    written(journal, 2)
    with pytest.raises(ConfigurationError, match="insights=True"):
        plots.sentiment_and_mood(journal.entries.to_dataframe())


def test_days_have_to_be_days(journal: Reflekt) -> None:
    """A DataFrame whose index was reset is refused, and not drawn around 1970."""
    found = written(journal, 3).to_dataframe().reset_index()
    for plot in (plots.mood, plots.calendar):
        with pytest.raises(ConfigurationError, match="days as its index"):
            plot(found)


@pytest.mark.parametrize("missing", ["matplotlib", "pandas"])
def test_without_the_extra_one_line_says_how_to_get_it(missing: str) -> None:
    """The error names the package, and the extra that brings it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from reflekt_core import ReflektError, notebook\n"
        "try: notebook.plots\n"
        "except ReflektError as error: print(type(error).__name__, error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"ConfigurationError {missing} is not installed; "
        "get it with: pip install 'reflekt-journal[notebook]'\n"
    )
