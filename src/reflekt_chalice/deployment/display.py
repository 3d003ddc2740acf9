"""Tables at a terminal; plain columns where the output is piped."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from reflekt_chalice.deployment import histogram
from reflekt_chalice.deployment.changes import Change, ChangeSet
from reflekt_chalice.deployment.load import Load, Result, Sample
from reflekt_chalice.deployment.smoke import Outcome

__all__ = ["changes", "named_values", "outcomes", "progress", "result"]

_GOOD, _BAD, _CAREFUL, _QUIET = "green", "bold red", "yellow", "dim"
_PERCENTILES: Final = (50, 90, 99, 100)
_HEADS: Final = ("p50", "p90", "p99", "max")

Row = tuple[Sequence[str], str]
"""Cells, and how they look."""


def _console() -> Console:
    return Console(markup=False, highlight=False, emoji=False)


def _print(heads: Sequence[str], rows: Iterable[Row]) -> None:
    out = _console()
    found = list(rows)
    if out.is_terminal:
        table = Table(*heads, box=None, pad_edge=False, header_style="bold")
        for cells, style in found:
            table.add_row(*map(Text, cells), style=style)
        out.print(table)
        return
    widths = [max(map(len, column)) for column in zip(heads, *(c for c, _ in found), strict=True)]
    for cells in (heads, *(cells for cells, _ in found)):
        padded = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def changes(proposed: ChangeSet) -> None:
    """Print what a change set would do; what endangers data stands out, and comes first."""
    ordered = sorted(proposed.changes, key=lambda one: (not one.loses_data, one.action, one.id))
    _print(("Action", "Resource", "Type", "Replaced", ""), (_change(one) for one in ordered))


def _change(one: Change) -> Row:
    replaced = {"True": "yes", "False": "no", "Conditional": "perhaps"}.get(one.replacement, "")
    note, style = "", ""
    if one.loses_data:
        note, style = "!! ITS DATA WOULD BE LOST TO THE SERVICE", _BAD
    elif one.action == "Remove" or one.replacement in ("True", "Conditional"):
        note, style = "!" if one.keeps_data else "", _CAREFUL
    elif one.action == "Add":
        style = _GOOD
    return (one.action, one.id, one.type, replaced, note), style


def named_values(values: Mapping[str, str]) -> None:
    """Print names and values."""
    _print(("Name", "Value"), (((name, value), "") for name, value in sorted(values.items())))


def outcomes(found: Sequence[Outcome]) -> None:
    """Print what came of each operation."""
    rows = (
        (
            (
                "ok" if one.ok else "FAILED",
                one.section,
                one.operation,
                " ".join(map(str, one.statuses)),
                histogram.seconds(one.slowest_seconds) if one.statuses else "",
                one.problem,
            ),
            "" if one.ok else _BAD,
        )
        for one in found
    )
    _print(("", "Part", "Operation", "Status", "Slowest", "Problem"), rows)


def result(found: Result) -> None:
    """Print figures, errors by status, and the histogram."""
    rows: list[Row] = [(_figures(found, kind), "") for kind in found.kinds()]
    _print(("Request", "Count", *_HEADS), [*rows, (_figures(found, None), "bold")])
    click.echo()
    click.echo(
        f"{len(found.samples)} requests, {found.concurrency} at once, in {found.seconds:.2f} s: "
        f"{found.throughput:.1f} good answers a second, as far as this machine can ask"
    )
    told = {status or "no answer": n for status, n in found.statuses.items()}
    click.echo("by status: " + ", ".join(f"{status} × {n}" for status, n in told.items()))
    click.echo()
    for line in histogram.text(found):
        click.echo(line)


def _figures(found: Result, kind: str | None) -> tuple[str, ...]:
    count = sum(kind in (None, sample.kind) for sample in found.samples)
    times = (found.percentile(percent, kind) for percent in _PERCENTILES)
    return (kind or "all", str(count), *map(histogram.seconds, times))


@contextmanager
def progress(plan: Load) -> Iterator[Callable[[Sample], None]]:
    """Lend what counts requests, shown as a bar on stderr at a terminal."""
    from rich.progress import Progress  # noqa: PLC0415 - for load tests

    out = Console(stderr=True)
    with Progress(console=out, disable=not out.is_terminal, transient=True) as bar:
        task = bar.add_task("requests", total=plan.requests)
        yield lambda _: bar.advance(task)
