"""
Journals and their trends as DataFrames of pandas.

Instants are in UTC. Beside each stands what the writer's wall clock showed, without offset, and the
day that the entry belongs to. What was not given is missing (`pandas.NA`), never 0 or "".
"""

from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import singledispatch
from typing import Any, Final, TypeVar
from uuid import UUID

from reflekt_core.errors import ConfigurationError, NotFound
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry, Order
from reflekt_core.model.feelings import EmotionName, SentimentLabel
from reflekt_core.model.insights import AnyInsight, InsightView
from reflekt_core.model.paging import Page, through
from reflekt_core.model.trends import Frequency, MoodTrend, SentimentTrend, TopicTrends, Trends
from reflekt_core.notebook.extra import needing_extra

with needing_extra():
    import numpy as np
    import pandas as pd

__all__ = [
    "WEEKDAYS",
    "hours_frame",
    "journal",
    "moods_frame",
    "to_dataframe",
    "topics_frame",
]

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

T = TypeVar("T")

InsightOf = Callable[[UUID], AnyInsight]


@singledispatch
def to_dataframe(
    value: Any,
    *,
    categories: Mapping[UUID, str] | None = None,
    insights: InsightOf | None = None,
) -> pd.DataFrame:
    """
    Return trends, moods, topics, sentiment or entries as a DataFrame.

    Series of days, weeks or months have a row each, by their first day; topics a row each, by name.

    Entries, such as ``client.each(client.entries.list)``, have a row each, by id, in their order:
    `occurred_at` (datetime64, UTC), `local_time` (what the clock showed, without zone), `time_zone`,
    `local_date`, `title`, `content`, `category`, `tags` (tuples), `mood` (Int64), `starred` (bool),
    `word_count`, `version`, `created_at` and `updated_at` (UTC).

    Args:
        value: `Trends`, `Frequency`, `MoodTrend`, `SentimentTrend`, `TopicTrends`, or entries.
        categories: Names of categories by id, for entries.
        insights: Returns the insight of an entry by its id, such as ``client.entries.insights``. Then
            there are `sentiment`, `sentiment_score` (-1 to 1), `emotion` (the strongest) and
            `topics`, too. What is not of the present text is left out.

    Raises:
        ConfigurationError: It is none of these.
    """
    if not isinstance(value, Iterable):
        raise ConfigurationError(f"{type(value).__name__} cannot be made a DataFrame")
    columns: dict[str, list[Any]] = {name: [] for name in _ENTRY}
    if insights:
        columns |= {name: [] for name in _INSIGHT}
    for entry in value:
        if not isinstance(entry, Entry):
            raise ConfigurationError(f"{type(entry).__name__} is not an entry")
        row = _entry(entry, categories or {})
        if insights:
            row |= _insight(insights, entry.id)
        for name, one in row.items():
            columns[name].append(one)
    return _typed(columns, _ENTRY | _INSIGHT, index="id")


def journal(
    entries: Callable[..., Page[Entry]],
    categories: Callable[..., Page[Category]],
    *,
    insights: InsightOf | None = None,
    **filters: Any,
) -> pd.DataFrame:
    """
    Return every entry of a journal that *filters* let through, oldest first.

    Args:
        entries: Returns a page of them, as `Entries.list` does.
        categories: Returns a page of categories, as `Categories.list` does.
        insights: Returns the insight of an entry, if that is asked for.
        filters: What *entries* takes besides a position, order and limit.

    Raises:
        ConfigurationError: The lists have to be awaited.
    """
    names = {one.id: one.name for one in _each(categories)}
    return to_dataframe(
        _each(entries, **filters, order=Order.ASC), categories=names, insights=insights
    )


def _each(read: Callable[..., Page[T]], **wanted: Any) -> Iterator[T]:
    return through(lambda after: _page(read(**wanted, after=after, limit=100)))


def _page(found: Page[T] | Coroutine[Any, Any, Page[T]]) -> Page[T]:
    if isinstance(found, Page):
        return found
    found.close()
    raise ConfigurationError(
        "an AsyncClient makes no DataFrame: collect its entries, and hand them to to_dataframe"
    )


@to_dataframe.register
def _(value: Trends | Frequency) -> pd.DataFrame:
    return _rows(value.buckets, _BUCKET)


@to_dataframe.register
def _(value: MoodTrend) -> pd.DataFrame:
    return moods_frame(value)


@to_dataframe.register
def _(value: SentimentTrend) -> pd.DataFrame:
    return _rows(value.sentiment.series, _POINT).rename(columns={"mean": "mean_sentiment"})


@to_dataframe.register
def _(value: TopicTrends) -> pd.DataFrame:
    return topics_frame(value)


def moods_frame(found: Trends | MoodTrend) -> pd.DataFrame:
    """Return how many entries have a mood, and their mean mood, by day, week or month."""
    return _rows(found.moods.series, _POINT).rename(columns={"mean": "mean_mood"})


def topics_frame(found: Trends | TopicTrends) -> pd.DataFrame:
    """Return how many entries each topic is in, and how many of the period before."""
    return _rows(found.topics, _TOPIC).rename_axis("topic")


def hours_frame(found: Trends | Frequency) -> pd.DataFrame:
    """Return how many entries were written by weekday (Mon to Sun) and hour of the wall clock."""
    weekday = pd.CategoricalIndex(WEEKDAYS, categories=WEEKDAYS, ordered=True, name="weekday")
    hour = pd.RangeIndex(24, name="hour")
    return pd.DataFrame(np.array(found.heat_map, dtype="int64"), index=weekday, columns=hour)


# What a column holds, as pandas calls it; or how its values become a column.


def _instants(values: Sequence[datetime]) -> Any:
    """Return *values* in UTC. In microseconds, as years from 1000 to 9000 have no nanoseconds."""
    naive = [at.astimezone(UTC).replace(tzinfo=None) for at in values]
    return pd.Series(_moments(naive)).dt.tz_localize("UTC")


def _moments(values: Sequence[date]) -> Any:
    return np.array(values, dtype="datetime64[us]")


def _objects(values: Sequence[Any]) -> Any:
    # Through an empty array, or tuples of equal length would become a table.
    held = np.empty(len(values), dtype=object)
    held[:] = values
    return held


def _one_of(names: Iterable[str]) -> Callable[[Sequence[Any]], Any]:
    known = [str(name) for name in names]
    return lambda values: pd.Categorical(values, categories=known)


_ENTRY: Final[dict[str, Any]] = {
    "id": "string",
    "occurred_at": _instants,
    "local_time": _moments,
    "time_zone": "category",
    "local_date": _moments,
    "title": "string",
    "content": "string",
    "category": "category",
    "tags": _objects,
    "mood": "Int64",
    "starred": "bool",
    "word_count": "int64",
    "version": "int64",
    "created_at": _instants,
    "updated_at": _instants,
}
_INSIGHT: Final[dict[str, Any]] = {
    "sentiment": _one_of(SentimentLabel),
    "sentiment_score": "Float64",
    "emotion": _one_of(EmotionName),
    "topics": _objects,
}
_BUCKET: Final[dict[str, Any]] = {
    "start": _moments,
    "days": "int64",
    "entries": "int64",
    "words": "int64",
    "mean_mood": "Float64",
    "mean_sentiment": "Float64",
}
_POINT: Final[dict[str, Any]] = {"start": _moments, "entries": "int64", "mean": "Float64"}
_TOPIC: Final[dict[str, Any]] = {
    "name": "string",
    "count": "int64",
    "before": "int64",
    "change": "int64",
}


def _rows(values: Iterable[Any], types: Mapping[str, Any]) -> pd.DataFrame:
    held = tuple(values)
    columns = {name: [getattr(one, name) for one in held] for name in types}
    return _typed(columns, types, index=next(iter(types)))


def _typed(
    columns: Mapping[str, list[Any]], types: Mapping[str, Any], *, index: str
) -> pd.DataFrame:
    made = {
        name: kind(values) if callable(kind := types[name]) else pd.Series(values, dtype=kind)
        for name, values in columns.items()
    }
    return pd.DataFrame(made).set_index(index)


def _entry(entry: Entry, categories: Mapping[UUID, str]) -> dict[str, Any]:
    category = entry.category_id
    return {
        "id": str(entry.id),
        "occurred_at": entry.occurred_at,
        "local_time": entry.occurred_at.replace(tzinfo=None),
        "time_zone": entry.time_zone,
        "local_date": entry.local_date,
        "title": entry.title,
        "content": entry.content,
        "category": None if category is None else categories.get(category, str(category)),
        "tags": entry.tags,
        "mood": entry.mood,
        "starred": entry.starred,
        "word_count": entry.word_count,
        "version": entry.version,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }


def _insight(insights: InsightOf, id: UUID) -> dict[str, Any]:
    found: AnyInsight | None = None
    with suppress(NotFound):  # in the trash, or deleted meanwhile
        found = insights(id)
    if not isinstance(found, InsightView) or found.stale:
        return dict.fromkeys(_INSIGHT) | {"topics": ()}
    emotions = sorted(found.emotions, key=lambda emotion: -emotion.score)
    return {
        "sentiment": found.sentiment.label.value,
        "sentiment_score": found.sentiment.score,
        "emotion": emotions[0].name.value if emotions else None,
        "topics": tuple(topic.name for topic in found.topics),
    }
