"""`reflekt trends`: a journal's figures as charts of text, for 80 columns."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from reflekt_core.cli.display import bar, console, heading, in_line, paragraph, waiting
from reflekt_core.cli.display import day as day_of
from reflekt_core.cli.journals import Journal, Place, of_journal
from reflekt_core.cli.options import Command, day, emit, one_of
from reflekt_core.model.observations import FEWEST_WRITTEN
from reflekt_core.model.trends import Bucket, Streak, TopicTrend, Trends

__all__ = ["shown", "trends"]

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SHADES: Final = "░▒▓█"
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = 3
"""How many hours stand together."""

_WIDTH: Final = 78
"""How many columns a chart has at most, beside its scale."""

_WIDEST_COLUMN: Final = 4
_NARROW: Final = 64
_MOST_TOPICS: Final = 8
_WIDEST_TOPIC: Final = 24
_BAR: Final = 40


@click.command(
    cls=Command,
    examples=(
        "reflekt trends",
        "reflekt trends --from 2026-01-01 --bucket week",
        "reflekt trends --json | jq .moods.mean",
    ),
)
@click.option("--from", "from_", type=day, metavar="DATE", help="First day.")
@click.option("--to", type=day, metavar="DATE", help="Last day.")
@click.option(
    "--bucket",
    type=one_of(Bucket),
    help="What a column stands for.  [default: what fits the screen; day for JSON]",
)
@of_journal
def trends(
    from_: date | None,
    to: date | None,
    bucket: str | None,
    place: Place,
    *,
    as_json: bool,
) -> None:
    """See how writing, mood and topics moved: in the last 30 days, if no period is given."""
    with place.opened() as journal, waiting("Looking back; what is new is understood first"):
        found = journal.analytics.trends(from_, to, Bucket(bucket or Bucket.DAY))
        if not (bucket or as_json):
            found = _fitting(journal, found)
    if as_json:
        emit(found)
    else:
        shown(found)


def shown(found: Trends) -> None:
    """Print *found* as charts."""
    out = console()
    out.print(Text(f"{day_of(found.from_)} to {day_of(found.to)}", style="bold"))
    if not found.totals.entries:
        _nothing(out, found)
        return
    _totals(out, found)
    for chart in (_mood, _words, _sentiment, _hours, _topics, _observations):
        chart(out, found)


def _fitting(journal: Journal, found: Trends) -> Trends:
    """Return *found* in buckets so large that each gets a column."""
    for bucket in (Bucket.WEEK, Bucket.MONTH):
        if len(found.buckets) > _columns(console()):
            found = journal.analytics.trends(found.from_, found.to, bucket)
    return found


def _columns(out: Console) -> int:
    return min(_WIDTH, out.width - 2)


def _nothing(out: Console, found: Trends) -> None:
    known = found.streaks.longest
    if known.first:
        out.print(f"No entries in {_many(found.totals.days, 'day')}.")
        out.print(f"There are some of {known.last}: try --from {known.first}")
    else:
        out.print("There are no entries yet. Begin with: reflekt write")


def _totals(out: Console, found: Trends) -> None:
    totals, streaks = found.totals, found.streaks
    each = f", {totals.mean_words:.0f} an entry" if totals.mean_words else ""
    out.print(
        f"{_many(totals.entries, 'entry', 'entries')} on "
        f"{totals.days_with_entries} of {_many(totals.days, 'day')}, "
        f"{_many(totals.words, 'word')}{each}"
    )
    out.print(f"{_run(streaks.current)} in a row now, {_run(streaks.longest)} at the longest ever")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _run(streak: Streak) -> str:
    return _many(streak.days, "day")


# Charts over time


def _mood(out: Console, found: Trends) -> None:
    if found.moods.mean is None:
        return
    points = found.moods.series[-_columns(out) :]
    each = _column(out, len(points))
    mean = f"{found.moods.mean:.1f} of 5 on average, {_by(found, len(points))}"
    heading(out, "Mood", mean)
    for level in range(5, 0, -1):
        cells = (_block(point.mean, level - 1, each, last=level == 1) for point in points)
        out.print(Text.assemble((f"{level} ", "dim"), ("".join(cells).rstrip(), "cyan")))
    _dates(out, found, [point.start for point in points], each)


def _words(out: Console, found: Trends) -> None:
    points = found.buckets[-_columns(out) :]
    each = _column(out, len(points))
    most = max(1, *(point.words for point in points))
    heading(out, "Words", f"up to {most:,} a {found.bucket}")
    cells = (
        _block(point.words / most if point.entries else None, 0, each, last=True)
        for point in points
    )
    out.print(Text.assemble("  ", ("".join(cells).rstrip(), "green")))
    _dates(out, found, [point.start for point in points], each)


def _column(out: Console, count: int) -> int:
    """Return how wide each of *count* columns is, with the gap after it."""
    return max(1, min(_WIDEST_COLUMN, _columns(out) // count))


def _by(found: Trends, count: int) -> str:
    every = len(found.buckets)
    return f"by {found.bucket}" + (f", the last {count} of {every}" if count < every else "")


def _block(value: float | None, below: int, width: int, *, last: bool) -> str:
    """Return the part of a column that lies above *below*; one without entries is a dot."""
    if value is None:
        return ("·" if last else " ").ljust(width)
    part = min(max(value - below, 0), 1)
    eighths = max(round(part * 8), 1 if last else 0)
    return (_BLOCKS[eighths] * max(1, width - 1)).ljust(width)


def _dates(out: Console, found: Trends, starts: Sequence[date], each: int) -> None:
    """Print below the columns what they stand for, wherever there is room."""
    line = " "
    for column, name in _names(found.bucket, [max(start, found.from_) for start in starts]):
        at = 2 + column * each
        if len(line) < at <= out.width - len(name):
            line = line.ljust(at) + name
    out.print(Text(line, style="dim"))


def _names(bucket: Bucket, starts: Sequence[date]) -> Iterator[tuple[int, str]]:
    """Yield where a name may stand, and the name."""
    for column, start in enumerate(starts):
        new = column == 0 or start.month != starts[column - 1].month
        if bucket is Bucket.DAY:
            if column == 0 or start.weekday() == 0:
                yield column, f"{start.day} {start:%b}"
        elif new:
            yield column, f"{start:%Y}" if column and start.month == 1 else f"{start:%b}"


# The others


def _sentiment(out: Console, found: Trends) -> None:
    if found.sentiment.mean is None:
        return
    heading(out, "Tone of the texts", f"{found.sentiment.mean:+.2f} on average, from -1 to +1")
    width = min(_BAR, out.width - 25)
    for one in found.sentiment.distribution:
        share = one.entries / found.sentiment.entries
        said = f"  {one.label.value:<9}{one.entries:>5}{share:>5.0%}  "
        out.print(Text.assemble(said, (bar(share, width), "cyan")))


def _hours(out: Console, found: Trends) -> None:
    """Print how often entries fall on each weekday and part of the day."""
    hours = range(0, 24, _HOURS)
    rows = [[sum(row[hour : hour + _HOURS]) for hour in hours] for row in found.heat_map]
    most = max(map(max, rows))
    wide = out.width >= _NARROW
    heading(out, "When you write", "entries by weekday and hour")
    names = [f"{hour}-{hour + _HOURS}" if wide else f"{hour}" for hour in hours]
    width = 7 if wide else 4
    out.print(Text("    " + "".join(name.ljust(width) for name in names).rstrip(), style="dim"))
    for day_, counts in zip(_WEEKDAYS, rows, strict=True):
        line = Text.assemble((f"{day_} ", "dim"))
        for count in counts:
            line.append(_shade(count, most), "green" if count else "dim")
            line.append(f" {count or '':<4}" if wide else "  ")
        line.rstrip()
        out.print(line)


def _shade(count: int, most: int) -> str:
    return "· " if count == 0 else _SHADES[-(-count * len(_SHADES) // most) - 1] * 2


def _topics(out: Console, found: Trends) -> None:
    topics = _worth_showing(found.topics)
    if not topics:
        return
    compared = any(topic.before for topic in found.topics)
    more = f"; ▓ more, ░ fewer than on the {found.totals.days} days before" if compared else ""
    heading(out, "Topics", f"entries{more}")
    widest = min(max(cell_len(in_line(topic.name)) for topic in topics), _WIDEST_TOPIC)
    room = min(_BAR, out.width - widest - 15)
    most = max(max(topic.count, topic.before) for topic in topics)
    for topic in topics:
        name = set_cell_size(in_line(topic.name), widest)
        change = f"{f'{topic.change:+}' if topic.change else '=':>6}" if compared else ""
        line = Text(f"  {name}{topic.count:>5}{change}  ")
        out.print(line + _change(topic, room / most, compared=compared))


def _worth_showing(topics: Sequence[TopicTrend]) -> list[TopicTrend]:
    """Return the most frequent topics, and two of those that nothing is written about any more."""
    there = [topic for topic in topics if topic.count][:_MOST_TOPICS]
    gone = [topic for topic in topics if not topic.count]
    return there + sorted(gone, key=lambda topic: topic.change)[:2]


def _change(topic: TopicTrend, each: float, *, compared: bool) -> Text:
    """Return a bar: what there was already, what came, and what went."""
    before = topic.before if compared else topic.count
    kept, now, then = (round(n * each) for n in (min(topic.count, before), topic.count, before))
    return Text.assemble(
        ("█" * kept, "cyan"), ("▓" * (now - kept), "green"), ("░" * (then - max(now, kept)), "dim")
    )


def _observations(out: Console, found: Trends) -> None:
    heading(out, "What stands out")
    for one in found.observations:
        paragraph(out, one.text, "  • ")
    days = found.totals.days_with_entries
    if not found.observations:
        few = f"too little to go by: {_many(days, 'day')} with entries, of the {FEWEST_WRITTEN} it takes"
        paragraph(out, few if days < FEWEST_WRITTEN else "nothing that chance alone would not show")
