"""`reflekt trends`: a journal's figures as charts of text, for 80 columns."""

from datetime import date
from typing import Final

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from reflekt_core.cli.display import bar, clean, console, paragraph
from reflekt_core.cli.display import day as shown
from reflekt_core.cli.journals import Journal, Place, of_journal
from reflekt_core.cli.options import Command, day, emit, one_of
from reflekt_core.model.trends import Bucket, Streak, Trends

__all__ = ["trends"]

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_SHADES: Final = "░▒▓█"
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDTH: Final = 72
_MOST_TOPICS: Final = 8


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
    with place.opened() as journal:
        found = journal.analytics.trends(from_, to, Bucket(bucket or Bucket.DAY))
        if not (bucket or as_json):
            found = _fitting(journal, found)
    if as_json:
        emit(found)
    else:
        _show(found)


def _fitting(journal: Journal, found: Trends) -> Trends:
    """Return *found* in buckets so large that each gets a column."""
    for bucket in (Bucket.WEEK, Bucket.MONTH):
        if len(found.buckets) > _WIDTH:
            found = journal.analytics.trends(found.from_, found.to, bucket)
    return found


def _show(found: Trends) -> None:
    out = console()
    _head(out, found)
    if found.totals.entries:
        for chart in (_mood, _sentiment, _hours, _topics, _observations):
            chart(out, found)


def _head(out: Console, found: Trends) -> None:
    totals = found.totals
    out.print(Text(f"{shown(found.from_)} to {shown(found.to)}", style="bold"))
    out.print(
        f"{_many(totals.entries, 'entry', 'entries')} on "
        f"{totals.days_with_entries} of {_many(totals.days, 'day')}, "
        f"{_many(totals.words, 'word')}"
    )
    streaks = found.streaks
    out.print(f"{_run(streaks.current)} in a row now, {_run(streaks.longest)} at the longest")


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def _run(streak: Streak) -> str:
    return _many(streak.days, "day")


def _heading(out: Console, title: str, detail: str = "") -> None:
    out.print()
    out.print(Text.assemble((title, "bold"), f"  {detail}" if detail else ""))


def _mood(out: Console, found: Trends) -> None:
    if found.moods.mean is None:
        return
    points = found.moods.series[-_WIDTH:]
    each = max(1, min(4, _WIDTH // len(points)))
    _heading(out, "Mood", f"{found.moods.mean:.1f} of 5 on average, by {found.bucket}")
    for row in range(5, 0, -1):
        cells = "".join(_cell(point.mean, row, each) for point in points)
        out.print(Text.assemble((f"{row} ", "dim"), (cells.rstrip(), "cyan")))
    first, last = shown(points[0].start), shown(points[-1].start)
    # One point has one date; two dates that do not fit stand side by side.
    dates = f"{first:<{max(len(points) * each - len(last), len(first) + 2)}}{last}"
    out.print(Text("  " + (dates if len(points) > 1 else first), style="dim"))


def _cell(mean: float | None, row: int, width: int) -> str:
    """Return the part of a column that lies in *row*; a column without entries is a dot."""
    if mean is None:
        return ("·" if row == 1 else " ").ljust(width)
    block = _BLOCKS[round(min(max(mean - (row - 1), 0), 1) * 8)]
    return (block * max(1, width - 1)).ljust(width)


def _sentiment(out: Console, found: Trends) -> None:
    if found.sentiment.mean is None:
        return
    _heading(out, "Tone of the texts", f"{found.sentiment.mean:+.2f} on average, from -1 to +1")
    for one in found.sentiment.distribution:
        length = bar(one.entries / found.sentiment.entries, 40)
        out.print(Text.assemble(f"  {one.label.value:<9}{one.entries:>4}  ", (length, "cyan")))


def _hours(out: Console, found: Trends) -> None:
    most = max(max(row) for row in found.heat_map)
    _heading(out, "When you write", f"up to {_many(most, 'entry', 'entries')} in an hour")
    out.print(Text("    " + "".join(f"{hour:<12}" for hour in range(0, 24, 6)), style="dim"))
    for name, row in zip(_WEEKDAYS, found.heat_map, strict=True):
        cells = "".join(_shade(count, most) for count in row)
        out.print(Text.assemble((f"{name} ", "dim"), (cells.rstrip(), "green")))


def _shade(count: int, most: int) -> str:
    return "· " if count == 0 else _SHADES[-(-count * len(_SHADES) // most) - 1] * 2


def _topics(out: Console, found: Trends) -> None:
    topics = [topic for topic in found.topics if topic.count][:_MOST_TOPICS]
    if not topics:
        return
    _heading(out, "Topics", "entries, and how many more or less than in the period before")
    widest = max(cell_len(clean(topic.name)) for topic in topics)
    for topic in topics:
        name = set_cell_size(clean(topic.name), min(widest, 24))
        length = bar(topic.count / topics[0].count, 24)
        change = f"{topic.change:+}" if topic.change else "="
        out.print(Text.assemble(f"  {name}{topic.count:>4} {change:>4}  ", (length, "cyan")))


def _observations(out: Console, found: Trends) -> None:
    if not found.observations:
        return
    _heading(out, "What stands out")
    for one in found.observations:
        paragraph(out, one.text)
