"""
What entries, insights and trends look like in a notebook.

Colours are the reader's own: text inherits them, and the one accent can be told on white and on
black. There are no scripts, and nothing is loaded from anywhere.
"""

import html
import re
from collections.abc import Iterable, Sequence
from datetime import date
from functools import singledispatch
from typing import Any, Final

from reflekt_core.model.entries import Entry
from reflekt_core.model.insights import (
    InsightFailure,
    InsightState,
    InsightStatus,
    InsightView,
)
from reflekt_core.model.listing import Hit
from reflekt_core.model.paging import Page
from reflekt_core.model.trends import (
    Frequency,
    MoodTrend,
    SentimentTrend,
    TopicTrend,
    TopicTrends,
    Totals,
    Trends,
)

__all__ = ["to_html"]

_ACCENT: Final = "#2b87c8"
_MOST_TOPICS: Final = 12
_MOST_OBSERVATIONS: Final = 8
_EXCERPT: Final = 160
_HEIGHT: Final = 20
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NO_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_ANALYSED: Final = {
    InsightStatus.PENDING: "It is being worked out.",
    InsightStatus.OFF: "Analysis is switched off in the settings.",
}


@singledispatch
def to_html(value: Any) -> str | None:
    """Return *value* as HTML with everything escaped; None if it has no look of its own."""
    del value
    return None


@to_html.register
def _(value: Entry) -> str:
    title = [_own("strong", value.title, style="font-size: 1.15em")] if value.title else []
    look = "white-space: pre-wrap; margin: .5em 0; max-height: 40em; overflow: auto"
    text = _own("div", value.content, style=look)
    return _card(*title, _faint(" · ".join(_facts(value))), text, _tags(value.tags))


@to_html.register
def _(value: Hit) -> str:
    return _card(_faint(_day(value.entry.local_date)), _marked(value.snippet))


@to_html.register
def _(value: Page) -> str | None:  # type: ignore[type-arg]  # of what, is seen below
    if not value.items:
        return _card(_faint("Nothing here."))
    if not all(isinstance(item, Entry | Hit) for item in value):
        return None
    more = [] if value.next is None else [_faint("… and more: ask on with after=page.next")]
    return _card(_table(_row(item) for item in value), *more)


@to_html.register
def _(value: InsightView) -> str:
    feeling = value.sentiment
    said = f"{feeling.score:+.2f}, confidence {feeling.confidence:.0%}"
    made = f"{value.provenance.provider} {value.provenance.model}"
    stale = "; the entry has changed since" if value.stale else ""
    emotions = sorted(value.emotions, key=lambda emotion: -emotion.score)
    return _card(
        _list("", value.safety.resources),
        _el("div", _el("strong", feeling.label.value), " ", _faint(said, "span")),
        _bars((emotion.name.value, emotion.score, f"{emotion.score:.0%}") for emotion in emotions),
        _tags(topic.name for topic in value.topics),
        _own("p", value.summary),
        _list("Observations", value.observations),
        _list("To think about", value.questions),
        _faint(f"{made}, {_day(value.provenance.created_at)}{stale}"),
    )


@to_html.register
def _(value: InsightFailure) -> str:
    return _card(f"It could not be understood ({value.code}).")


@to_html.register
def _(value: InsightState) -> str:
    return _card(_NOT_ANALYSED.get(value.status, value.status.value))


@to_html.register
def _(value: Trends) -> str:
    return _card(
        _period(value.from_, value.to),
        _totals(value.totals),
        _moods(value),
        _heading("Topics", "entries, and how many more or less than in the period before"),
        _topics(value.topics),
        *_hours(value),
        _list("What stands out", (one.text for one in value.observations[:_MOST_OBSERVATIONS])),
    )


@to_html.register
def _(value: MoodTrend) -> str:
    return _card(_period(value.from_, value.to), _moods(value))


@to_html.register
def _(value: Frequency) -> str:
    return _card(_period(value.from_, value.to), _totals(value.totals), *_hours(value))


@to_html.register
def _(value: TopicTrends) -> str:
    before = f"compared with {_day(value.before_from)} to {_day(value.before_to)}"
    return _card(_period(value.from_, value.to), _faint(before), _topics(value.topics))


@to_html.register
def _(value: SentimentTrend) -> str:
    found = value.sentiment
    mean = "" if found.mean is None else f"{found.mean:+.2f} on average, from -1 to +1"
    most = max(1, *(one.entries for one in found.distribution))
    counts = ((one.label.value, one.entries / most, str(one.entries)) for one in found.distribution)
    return _card(_period(value.from_, value.to), _heading("Tone of the texts", mean), _bars(counts))


class _Html(str):
    """HTML as it stands. Every other string is text, and is escaped where it is put in."""

    __slots__ = ()


def _el(name: str, *children: str, **attributes: str) -> _Html:
    """Return an element; what is not HTML yet is escaped, in it and in its attributes."""
    said = "".join(f' {key}="{_text(value)}"' for key, value in attributes.items())
    inner = "".join(map(_inner, children))
    return _Html(f"<{name}{said}>{inner}</{name}>")


def _own(name: str, *children: str, **attributes: str) -> _Html:
    """Return an element with what somebody wrote, which does not turn what stands around it."""
    return _el(name, *children, dir="auto", **attributes)


def _inner(child: str) -> str:
    return child if isinstance(child, _Html) else _text(child)


def _text(text: str) -> str:
    return html.escape(_NO_TEXT.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n")))


def _card(*children: str) -> str:
    # Cut loose from the page, so that no text can lie over it.
    style = "max-width: 46em; line-height: 1.45; contain: content"
    return str(_el("div", *children, style=style, dir="auto"))


def _faint(text: str, name: str = "div") -> _Html:
    return _own(name, text, style="opacity: .7")


def _heading(title: str, detail: str) -> _Html:
    return _el("div", _el("strong", title), " ", _faint(detail, "span"), style="margin-top: .8em")


def _period(first: date, last: date) -> _Html:
    return _el("strong", f"{_day(first)} to {_day(last)}")


def _day(at: date) -> str:
    return f"{at:%a} {at.day} {at:%b} {at.year}"


def _facts(entry: Entry) -> Iterable[str]:
    yield f"{_day(entry.occurred_at)} {entry.occurred_at:%H:%M} ({entry.time_zone})"
    if entry.occurred_at.date() != entry.local_date:
        yield f"counts for {_day(entry.local_date)}"
    if entry.mood is not None:
        yield f"mood {entry.mood} of 5"
    if entry.starred:
        yield "★"


def _tags(names: Iterable[str]) -> _Html:
    style = "border: 1px solid; border-radius: 1em; padding: 0 .6em; margin-right: .4em"
    labels = [_own("span", name, style=f"{style}; opacity: .8") for name in names]
    return _el("div", *labels) if labels else _Html()


def _marked(snippet: str) -> _Html:
    """Return a snippet, whoever made it: its marks stay marks, everything else is text."""
    parts = re.split("<mark>(.*?)</mark>", snippet, flags=re.DOTALL)
    texts = [html.unescape(part) for part in parts]
    marks = (_el("strong", text) if number % 2 else text for number, text in enumerate(texts))
    return _own("span", *marks)


def _table(rows: Iterable[_Html]) -> _Html:
    # Not every page lets tables have its colour and its font.
    style = "border-collapse: collapse; text-align: start; color: inherit; font: inherit"
    return _el("table", _el("tbody", *rows), style=style)


def _cell(*children: str, style: str = "") -> _Html:
    return _el("td", *children, style=f"text-align: start; padding: .15em .8em .15em 0; {style}")


def _row(item: Entry | Hit) -> _Html:
    entry = item.entry if isinstance(item, Hit) else item
    beginning = " ".join(entry.content[: 2 * _EXCERPT].split())
    if len(beginning) > _EXCERPT:
        beginning = beginning[: _EXCERPT - 1].rstrip() + "…"
    shown = _marked(item.snippet) if isinstance(item, Hit) else _own("span", beginning)
    title = [_own("strong", entry.title), " · "] if entry.title else []
    return _el(
        "tr",
        _cell(_day(entry.local_date), style="white-space: nowrap; vertical-align: top"),
        _cell("" if entry.mood is None else f"{entry.mood}/5", style="vertical-align: top"),
        _cell("★" if entry.starred else "", style="vertical-align: top"),
        _cell(*title, shown, _tags(entry.tags)),
    )


def _list(title: str, texts: Iterable[str]) -> _Html:
    items = [_own("li", text) for text in texts]
    heading = [_heading(title, "")] if title else []
    return _el("div", *heading, _el("ul", *items, style="margin: 0")) if items else _Html()


def _bars(rows: Iterable[tuple[str, float, str]]) -> _Html:
    """Return a table of names with a bar as long as the share (0 to 1), and a figure."""
    return _table(
        _el(
            "tr",
            _cell(_own("span", name)),
            _cell(figure, style="text-align: end"),
            _cell(_bar(share)),
        )
        for name, share, figure in rows
    )


def _bar(share: float) -> _Html:
    look = f"background: {_ACCENT}; border-radius: 2px; height: .7em"
    return _el("div", style=f"{look}; width: {12 * min(max(share, 0), 1):.2f}em")


def _totals(found: Totals) -> _Html:
    return _el(
        "div",
        f"{found.entries:,} {'entry' if found.entries == 1 else 'entries'} "
        f"on {found.days_with_entries:,} of {found.days:,} days, "
        f"{found.words:,} words",
    )


def _moods(found: Trends | MoodTrend) -> _Html:
    mean = found.moods.mean
    if mean is None:
        return _faint("No entry has a mood.")
    said = f"{mean:.1f} of 5 on average, by {found.bucket.value}"
    columns = [
        (number, point.mean / 5, f"{_day(point.start)}: {point.mean}")
        for number, point in enumerate(found.moods.series)
        if point.mean is not None
    ]
    picture = _picture(
        f"Mood: {said}",
        f"0 0 {len(found.moods.series)} {_HEIGHT}",
        [_rect(x, _HEIGHT * (1 - high), _HEIGHT * high, 1, title) for x, high, title in columns],
        "height: 4em; border-bottom: 1px solid",
        preserveAspectRatio="none",
    )
    return _el("div", _heading("Mood", said), picture)


def _topics(found: Sequence[TopicTrend]) -> _Html:
    topics = [topic for topic in found if topic.count][:_MOST_TOPICS]
    if not topics:
        return _faint("None yet.")
    return _bars(
        (one.name, one.count / topics[0].count, f"{one.count} ({one.change:+})") for one in topics
    )


def _hours(found: Trends | Frequency) -> Sequence[_Html]:
    most = max(max(row) for row in found.heat_map)
    if not most:
        return ()
    cells = [
        _rect(hour, weekday + 0.05, 0.9, count / most, f"{_WEEKDAYS[weekday]} {hour}:00: {count}")
        for weekday, row in enumerate(found.heat_map)
        for hour, count in enumerate(row)
        if count
    ]
    weekdays = [_label(-0.3, row + 0.75, "end", name) for row, name in enumerate(_WEEKDAYS)]
    hours = [_label(hour + 0.5, 7.8, "middle", f"{hour}:00") for hour in range(0, 24, 3)]
    said = f"entries by weekday and hour, up to {most}"
    picture = _picture(f"When you write: {said}", "-2 0 26 8", [*cells, *weekdays, *hours])
    return _heading("When you write", said), picture


def _picture(label: str, box: str, parts: Iterable[_Html], style: str = "", **more: str) -> _Html:
    return _el(
        "svg",
        *parts,
        role="img",
        **{"aria-label": label},
        viewBox=box,
        style=f"display: block; width: 100%; margin: .3em 0; box-sizing: border-box; {style}",
        **more,
    )


def _label(x: float, y: float, anchor: str, text: str) -> _Html:
    place = {"x": f"{x}", "y": f"{y}", "text-anchor": anchor, "font-size": "0.65"}
    return _el("text", text, **place, fill="currentColor", opacity="0.8")


def _rect(x: int, y: float, height: float, opacity: float, title: str) -> _Html:
    return _el(
        "rect",
        _el("title", title),
        x=f"{x + 0.05}",
        y=f"{y:.3f}",
        width="0.9",
        height=f"{height:.3f}",
        fill=_ACCENT,
        opacity=f"{0.35 + 0.65 * opacity:.2f}",
    )
