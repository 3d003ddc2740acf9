"""
Plots of a journal, with matplotlib.

Each function takes entries, trends, or their DataFrames, and draws on *ax*, or on new axes. Without
a style, new figures are transparent, in colours that can be told on white and on black; with one,
such as ``plt.style.use("dark_background")``, words are as dark or light as its background needs.
Colours can be told apart by colour-blind readers, too. Settings of matplotlib are never changed.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, Literal

from reflekt_core.errors import ConfigurationError
from reflekt_core.model.entries import Entry
from reflekt_core.model.trends import Frequency, MoodTrend, TopicTrends, Trends
from reflekt_core.notebook import look, shown
from reflekt_core.notebook.extra import needing_extra
from reflekt_core.notebook.frames import WEEKDAYS

with needing_extra():
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.patches import Patch, Rectangle
    from matplotlib.ticker import MaxNLocator
    from matplotlib.transforms import ScaledTranslation

__all__ = ["calendar", "hours", "mood", "sentiment_and_mood", "topics"]

Entries = pd.DataFrame | Iterable[Entry]

FEWEST_FOR_A_LINE: Final = 20
"""How many dots a line through sentiment and mood needs."""

_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
_BELOW_MONTHS: Final = 0.3  # inches
_MOST_A_DAY: Final = 4
_MOST_SHADES: Final = 64
_FEWEST_DAYS: Final = np.timedelta64(28, "D")
_MOODS: Final = (1, 2, 3, 4, 5)
_MOOD_NAMES: Final = ("1 very low", "2", "3", "4", "5 very good")
_TOPICS: Final = "Entries more or fewer than in the period before. In brackets: now, and before."
_LABEL: Final = 0.6  # inches that a bar's figures take
_ABBREVIATED: Final = 6.0  # inches; narrower axes have room for the first letter of a month alone


def mood(
    value: Entries | Trends | MoodTrend, *, smooth_days: float = 7, ax: Axes | None = None
) -> Axes:
    """
    Draw mood over time: a dot for each day (week, month), and a smoothed line.

    The line is a weighted mean: a day that lies *smooth_days* off weighs 0.6 as much, one that lies
    twice as far 0.1; it is at least as wide as a week or month of the trends. Where two dots lie
    more than twice as far apart, it is broken: nothing is said of the time between, and neither side
    counts for the other. Fewer than five dots get no line.

    Raises:
        ConfigurationError: There is no mood in *value*, or *smooth_days* is not above 0.
    """
    found = shown.moods(value)
    if smooth_days <= 0:
        raise ConfigurationError("smooth_days must be more than 0")
    ax = look.axes(ax, 9, 3.4)
    if not len(found.days):
        return look.empty(ax, "Mood", "No entries with a mood")
    sigma = max(smooth_days, found.step)
    line = shown.smoothed(found, sigma)
    said = [f"Dots are {found.each}s."]
    if len(line.days):
        gap = shown.GAP * sigma
        said += [
            f"The line is a weighted mean (σ {sigma:g} days), broken at gaps over {gap:g} days."
        ]
    ax.set_ylim(0.7, 5.3)
    ax.set_yticks(_MOODS, _MOOD_NAMES)
    ax.set_ylabel("Mood, 1 to 5")
    ax.set_xlabel("Date")
    look.titled(ax, "Mood", " ".join(said))
    opacity = 0.5 + 0.5 / (1 + len(found.days) / 100)
    ax.scatter(found.days, found.moods, s=20, color=look.MORE, alpha=opacity, linewidths=0)
    ax.plot(line.days, line.moods, color=look.LESS, linewidth=2)
    _dates(ax, found.days)
    _grid(ax, "y")
    return ax


def calendar(
    value: Entries | Trends | Frequency, *, year: int | None = None, ax: Axes | None = None
) -> Axes:
    """
    Draw how many entries each day of a year has, a column for each week.

    Args:
        value: Entries; or trends by day, then days outside their period are left out.
        year: Which; the last one that has entries, if left out.
        ax: Where to draw.

    Raises:
        ConfigurationError: *value* is by week or month, or counts no entries.
    """
    wanted, counts = shown.counts(value, year)
    ax = look.axes(ax, 10, 2.4)
    if wanted is None:
        return look.empty(ax, "Calendar", "No entries")
    if not len(counts):
        return look.empty(ax, f"{wanted}", "Nothing is known of this year")
    offset = date(wanted, 1, 1).weekday()
    places = pd.DatetimeIndex(counts.index).day_of_year.to_numpy() - 1 + offset
    colours = [look.NONE, *look.shades(_MOST_A_DAY)]
    _cells(ax, places // 7, places % 7, [colours[min(int(count), _MOST_A_DAY)] for count in counts])
    ax.set(xlim=(-0.6, 53.6), ylim=(6.6, -0.6), aspect="equal")
    apart = 2 if look.wide(ax) >= _ABBREVIATED else 6
    ax.set_yticks(range(0, 7, apart), WEEKDAYS[::apart])
    names = _MONTHS if look.wide(ax) >= _ABBREVIATED else [name[0] for name in _MONTHS]
    middles = [
        (date(wanted, month, 15).timetuple().tm_yday + offset) // 7 for month in range(1, 13)
    ]
    ax.set_xticks(middles, names)
    said = f"{_counted(counts.sum())} on {(counts > 0).sum():,} of {len(counts):,} days"
    look.titled(ax, f"{wanted}", said)
    look.baseline(ax)
    _legend(ax, colours)
    return ax


def sentiment_and_mood(value: Entries | Trends, *, ax: Axes | None = None) -> Axes:
    """
    Draw the sentiment of texts against the mood that was given, a dot for each entry (day, month).

    There is a straight line, of least squares, from 20 dots with three different moods on.

    Args:
        value: Trends, or a DataFrame of entries with *insights*.
        ax: Where to draw.

    Raises:
        ConfigurationError: There is no sentiment in *value*.
    """
    found = shown.pairs(value)
    ax = look.axes(ax, 6, 4.4)
    if not len(found.moods):
        return look.empty(ax, "Sentiment and mood", "No entries with a mood and a sentiment")
    ax.set(xlim=(0.6, 5.4), ylim=(-1.08, 1.08))
    ax.set(xlabel="Mood, 1 (very low) to 5", ylabel="Sentiment, −1 to +1")
    ax.set_xticks(_MOODS)
    ax.set_yticks((-1, -0.5, 0, 0.5, 1), ("−1", "−0.5", "0", "+0.5", "+1"))
    line = found.line(FEWEST_FOR_A_LINE)
    look.titled(ax, "Sentiment and mood", _said(found, line))
    opacity = 0.5 + 0.5 / (1 + len(found.moods) / 200)
    ax.scatter(found.nudged, found.sentiments, s=22, color=look.MORE, alpha=opacity, linewidths=0)
    if line:
        ax.plot(*line[:2], color=look.LESS, linewidth=2)
    _grid(ax, "both")
    return ax


def topics(
    value: pd.DataFrame | Trends | TopicTrends, *, most: int = 12, ax: Axes | None = None
) -> Axes:
    """
    Draw which topics are in more entries than in the period before, and which in fewer.

    Args:
        value: Trends, topics, or the DataFrame of topics.
        most: How many topics to show at most: those that changed most.
        ax: Where to draw.

    Raises:
        ConfigurationError: There are no topics in *value*.
    """
    found = shown.changes(value, most)
    ax = look.axes(ax, 7, 1.5 + 0.3 * max(4, len(found)))
    if found.empty:
        return look.empty(ax, "Topics", "No topic rises or falls")
    changes = found["change"].to_numpy()
    half = look.wide(ax) / 2
    furthest = abs(changes).max() * half / max(half - _LABEL, _LABEL)
    ax.set(xlim=(-furthest, furthest), ylim=(len(found) - 0.4, -0.6))
    ax.set_xlabel("Entries more or fewer")
    ax.xaxis.set_major_locator(
        MaxNLocator(max(2, min(6, int(2 * half))), integer=True, symmetric=True)
    )
    ax.xaxis.set_major_formatter(lambda at, _: f"{at:+.0f}".replace("-", "−") if at else "0")
    look.rows(ax, map(str, found.index))
    look.titled(ax, "Topics", _TOPICS)
    colours = [look.MORE if change > 0 else look.LESS for change in changes]
    bars = ax.barh(range(len(found)), changes, height=0.7, color=colours)
    said = [
        f"({now}, {before})" for now, before in zip(found["count"], found["before"], strict=True)
    ]
    ax.bar_label(bars, said, padding=4, color=look.ink(ax), fontsize=8)
    ax.axvline(0, color=look.ink(ax), linewidth=0.8)
    _grid(ax, "x")
    return ax


def hours(value: Entries | Trends | Frequency, *, ax: Axes | None = None) -> Axes:
    """
    Draw when entries are written: weekday by hour of the writer's wall clock.

    Raises:
        ConfigurationError: There are no hours in *value*.
    """
    counts = shown.hours(value)
    ax = look.axes(ax, 9, 3.2)
    most = int(counts.max())
    if not most:
        return look.empty(ax, "When you write", "No entries")
    colours = look.shades(min(most, _MOST_SHADES))
    scale = ScalarMappable(Normalize(0.5, most + 0.5), ListedColormap(colours))
    _cells(
        ax,
        np.tile(np.arange(24), 7),
        np.repeat(np.arange(7), 24),
        [
            colours[(count - 1) * len(colours) // most] if count else look.NONE
            for count in counts.ravel().tolist()
        ],
    )
    ax.set(xlim=(-0.6, 23.6), ylim=(6.6, -0.6), xlabel="Hour of the day, on the writer's clock")
    ax.set_yticks(range(7), WEEKDAYS)
    apart = 3 if look.wide(ax) >= _ABBREVIATED / 2 else 6
    ax.set_xticks(range(0, 24, apart), [f"{hour}:00" for hour in range(0, 24, apart)])
    look.titled(ax, "When you write", f"{_counted(counts.sum())}, up to {most:,} an hour")
    _colour_bar(ax, scale, most)
    return ax


def _said(found: shown.Pairs, line: tuple[object, object, float] | None) -> str:
    nudged = ", nudged sideways" if found.each == "entry" else ""
    dots = f"Each dot is one {found.each}{nudged}."
    if line is None:
        return f"{dots} No line: there is too little to go by."
    return (
        f"{dots} The line is that of least squares (n = {len(found.moods):,}, r = {line[2]:.2f})."
    )


def _counted(entries: int) -> str:
    return f"{entries:,} {'entry' if entries == 1 else 'entries'}"


def _cells(
    ax: Axes, columns: Iterable[int], rows: Iterable[int], colours: Sequence[look.Colour]
) -> None:
    squares = [
        Rectangle((column - 0.45, row - 0.45), 0.9, 0.9)
        for column, row in zip(columns, rows, strict=True)
    ]
    ax.add_collection(PatchCollection(squares, facecolors=colours, linewidths=0))


def _legend(ax: Axes, colours: Sequence[look.Colour]) -> None:
    names = ("no entry", "1", "2", "3", "4 or more")
    handles = [
        Patch(facecolor=colour, linewidth=0, label=name)
        for colour, name in zip(colours, names, strict=True)
    ]
    lower = ScaledTranslation(0, -_BELOW_MONTHS, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="upper right",
        bbox_to_anchor=(1, 0),
        bbox_transform=ax.transAxes + lower,
        ncols=len(names),
        frameon=False,
        fontsize=8,
        labelcolor=look.ink(ax),
        handlelength=1,
        handleheight=1,
        columnspacing=1,
        borderaxespad=0,
    )


def _colour_bar(ax: Axes, scale: ScalarMappable, most: int) -> None:
    bar = ax.figure.colorbar(scale, ax=ax, pad=0.02, aspect=12, drawedges=False)
    bar.set_label("Entries", color=look.ink(ax), fontsize=9)
    bar.ax.tick_params(colors=look.ink(ax), length=0, labelsize=9)
    bar.set_ticks(np.unique(np.linspace(1, most, 4).round()).astype(int).tolist())
    bar.ax.set_facecolor("none")
    bar.outline.set_visible(False)


def _dates(ax: Axes, days: "np.ndarray[tuple[int], np.dtype[np.datetime64]]") -> None:
    span = days[-1] - days[0]
    beside = max(span // 30, (_FEWEST_DAYS - span) // 2)
    ax.set_xlim(days[0] - beside, days[-1] + beside)
    locator = AutoDateLocator(minticks=2, maxticks=max(5, int(1.1 * look.wide(ax))))  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    look.baseline(ax)


def _grid(ax: Axes, which: Literal["both", "x", "y"]) -> None:
    ax.grid(axis=which, color=look.ink(ax), alpha=0.25, linewidth=0.6)
