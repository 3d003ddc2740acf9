"""What plots show of entries, trends and their DataFrames, as arrays of numpy and pandas."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import attrs

from reflekt_core.errors import ConfigurationError
from reflekt_core.model.trends import Frequency, TopicTrends, Trends
from reflekt_core.notebook.extra import needing_extra
from reflekt_core.notebook.frames import hours_frame, moods_frame, to_dataframe, topics_frame

with needing_extra():
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

__all__ = [
    "GAP",
    "Line",
    "Moods",
    "Pairs",
    "changes",
    "counts",
    "hours",
    "moods",
    "pairs",
    "smoothed",
]

Numbers = NDArray[np.float64]
Days = NDArray[np.datetime64]

FEWEST_FOR_A_CURVE: Final = 5
"""How many dots near each other a smoothed line needs."""

GAP: Final = 2
"""How many sigmas may lie between two dots for a smoothed line to go on."""

_REACH: Final = 3  # in sigmas; what lies farther off would weigh 0.01 at most
_DISTINCT: Final = 3
_WEEK: Final = 7
_DAY: Final = np.timedelta64(1, "D")


@attrs.frozen(eq=False)
class Line:
    """A smoothed line: a mood for each day, with NaN where it is broken."""

    days: Days
    moods: Numbers


@attrs.frozen(eq=False)
class Moods:
    """The mean mood of each day, week or month that has one, in order."""

    days: Days
    moods: Numbers
    step: int
    """How many days it is from one to the next at least."""

    @property
    def each(self) -> str:
        """What a mood is the mean of."""
        return _called(self.step)


def moods(value: Any) -> Moods:
    """
    Return the moods of entries or trends.

    Raises:
        ConfigurationError: There are none in *value*.
    """
    frame = moods_frame(value) if isinstance(value, Trends) else _frame(value)
    if "mood" in frame:
        found = frame["mood"].groupby(_column(frame, "local_date")).mean().dropna().sort_index()
        return Moods(_days(found.index), _numbers(found), step=1)
    found = _column(frame, "mean_mood").sort_index()
    step = _step(found.index)
    found = found.dropna()
    return Moods(_days(found.index), _numbers(found), step)


def smoothed(found: Moods, sigma: float) -> Line:
    """
    Return a weighted mean of moods for each day: Gaussian, so a day *sigma* off weighs 0.6.

    It is worked out for each stretch alone, that is, between gaps of more than 2 *sigma*.
    """
    days: list[Days] = [np.empty(0, "datetime64[D]")]
    values: list[Numbers] = [np.empty(0)]
    for stretch in _stretches(found.days, GAP * sigma):
        if stretch.stop - stretch.start < FEWEST_FOR_A_CURVE:
            continue
        first, last = found.days[stretch][[0, -1]]
        days += [np.arange(first, last + 2 * _DAY)]
        values += [_weighted(found.days[stretch], found.moods[stretch], sigma), np.array([np.nan])]
    return Line(np.concatenate(days), np.concatenate(values))


def _stretches(days: Days, longest_gap: float) -> Iterator[slice]:
    breaks = np.flatnonzero(np.diff(days) / _DAY > longest_gap) + 1
    edges = [0, *breaks.tolist(), len(days)]
    return (slice(*pair) for pair in pairwise(edges))


def _weighted(days: Days, values: Numbers, sigma: float) -> Numbers:
    """Return the weighted mean for each day from the first to the last."""
    place = ((days - days[0]) / _DAY).astype(int)
    weight, total = np.zeros(place[-1] + 1), np.zeros(place[-1] + 1)
    weight[place], total[place] = 1, values
    reach = int(np.ceil(_REACH * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    near = slice(reach, reach + len(weight))
    mean: Numbers = np.convolve(total, kernel)[near] / np.convolve(weight, kernel)[near]
    return mean


def counts(value: Any, year: int | None) -> "tuple[int | None, pd.Series[int]]":
    """
    Return a year, by default the last one with entries, and how many entries its days have.

    Of trends, these are the days of their period; of entries, all days.

    Raises:
        ConfigurationError: *value* is by week or month, or no entries are counted in it.
    """
    frame = _frame(value)
    entries = "local_date" in frame
    found = frame.groupby("local_date").size() if entries else _by_day(frame)
    days = _days(found.index)
    years = days.astype("datetime64[Y]").astype(int) + 1970
    written = years[found.to_numpy() > 0]
    wanted = year if year is not None or not len(written) else int(written.max())
    if wanted is None:
        return None, found
    found = found[years == wanted].sort_index()
    return wanted, found.reindex(_days_of(wanted), fill_value=0) if entries else found


def _by_day(frame: pd.DataFrame) -> "pd.Series[int]":
    if (_column(frame, "days") > 1).any():
        raise ConfigurationError("a calendar needs trends by day: ask for bucket='day'")
    return _column(frame, "entries")


def _days_of(year: int) -> pd.DatetimeIndex:
    days = np.arange(f"{year:04}-01-01", f"{year + 1:04}-01-01", dtype="datetime64[D]")
    return pd.DatetimeIndex(days.astype("datetime64[us]"))


@attrs.frozen(eq=False)
class Pairs:
    """Moods and sentiments that belong together."""

    moods: Numbers
    sentiments: Numbers
    each: str
    """What has such a pair."""

    @property
    def nudged(self) -> Numbers:
        """Moods of entries, each a little off, so that dots lie beside each other; always alike."""
        if self.each != "entry":
            return self.moods
        apart = np.random.default_rng(0).uniform(-0.18, 0.18, len(self.moods))
        return self.moods + apart

    def line(self, fewest: int) -> tuple[Numbers, Numbers, float] | None:
        """Return the line of least squares and its correlation; None for fewer than *fewest*."""
        enough = len(self.moods) >= fewest and len(np.unique(self.moods)) >= _DISTINCT
        if not enough or np.ptp(self.sentiments) == 0:
            return None
        slope, start = np.polyfit(self.moods, self.sentiments, 1)
        ends = np.array([self.moods.min(), self.moods.max()])
        return ends, slope * ends + start, float(np.corrcoef(self.moods, self.sentiments)[0, 1])


def pairs(value: Any) -> Pairs:
    """
    Return what has both a mood and a sentiment, in entries or trends.

    Raises:
        ConfigurationError: There is no sentiment in *value*.
    """
    frame = _frame(value)
    entries = "mood" in frame
    names = ["mood", "sentiment_score"] if entries else ["mean_mood", "mean_sentiment"]
    if missing := [name for name in names if name not in frame]:
        raise ConfigurationError(
            f"there is no {missing[0]!r}: use entries.to_dataframe(insights=True), or trends"
        )
    found = frame[names].dropna()
    each = "entry" if entries else _called(_step(frame.index))
    return Pairs(_numbers(found[names[0]]), _numbers(found[names[1]]), each)


def changes(value: Any, most: int) -> pd.DataFrame:
    """
    Return the *most* topics that changed most, those that rise first.

    Raises:
        ConfigurationError: There are no topics in *value*.
    """
    frame = topics_frame(value) if isinstance(value, Trends | TopicTrends) else _frame(value)
    change = _column(frame, "change")
    strongest = frame[change != 0].sort_values("change", key=abs, ascending=False, kind="stable")
    return strongest.head(most).sort_values("change", ascending=False, kind="stable")


def hours(value: Any) -> NDArray[np.int64]:
    """
    Return how many entries there are, 7 weekdays by 24 hours.

    Raises:
        ConfigurationError: There are no hours in *value*.
    """
    frame = hours_frame(value) if isinstance(value, Trends | Frequency) else _frame(value)
    if frame.index.name == "weekday" and frame.shape == (7, 24):
        return frame.to_numpy(dtype="int64")
    at = _column(frame, "local_time").dt
    table = np.zeros((7, 24), dtype="int64")
    np.add.at(table, (at.day_of_week.to_numpy(), at.hour.to_numpy()), 1)
    return table


def _frame(value: Any) -> pd.DataFrame:
    return value if isinstance(value, pd.DataFrame) else to_dataframe(value)


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in frame:
        raise ConfigurationError(f"this DataFrame has no column {name!r} to plot")
    return frame[name]


def _step(index: "pd.Index[Any]") -> int:
    """Return how many days lie between the first days of what follows each other."""
    starts = _days(index)
    return int(np.diff(np.sort(starts)).min() / _DAY) if len(starts) > 1 else 1


def _called(step: int) -> str:
    return "month" if step > _WEEK else "week" if step > 1 else "day"


def _numbers(found: "pd.Series[Any]") -> Numbers:
    return found.to_numpy(dtype="float64")


def _days(index: "pd.Index[Any]") -> Days:
    if not isinstance(index, pd.DatetimeIndex):
        raise ConfigurationError("this DataFrame has no days as its index")
    return np.asarray(index, dtype="datetime64[D]")
