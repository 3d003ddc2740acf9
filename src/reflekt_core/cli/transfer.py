"""`reflekt import` and `export`: bringing a journal along, and taking it with you."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Final

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from reflekt_core.cli import display
from reflekt_core.cli.folder import DEFAULT_FOLDER, journal_url
from reflekt_core.cli.options import Command, emit, file_of, on_journal, opened
from reflekt_core.errors import InvalidInput
from reflekt_core.formats import FORMATS, open_format
from reflekt_core.model.transfer import (
    MOOD_NEEDED,
    Broken,
    ImportReport,
    MediaReport,
    ReadOptions,
)
from reflekt_core.serialization import wire

__all__ = ["export", "import_"]

_MOODS: Final = "moods."
_BY_END: Final = {".ndjson": "ndjson", ".json": "json", ".csv": "csv", ".jrnl": "jrnl"}
"""The ends of names that say which format is meant."""
_MEANT: Final = {".zip": "dayone or --format markdown", ".txt": "jrnl"}
"""What others may mean."""

FORMAT = click.Choice(["auto", *sorted(FORMATS)])


@click.command(
    "import",
    cls=Command,
    examples=(
        "reflekt import Journal.zip --media media",
        "reflekt import --dry-run my.jrnl",
        "reflekt import --mood rad=5 --mood meh=3 daylio.csv",
    ),
)
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format",
    "format_",
    type=FORMAT,
    default="auto",
    show_default=True,
    help="Which program wrote it; found by the content.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option(
    "--strict",
    is_flag=True,
    help="Stop at the first record that cannot be taken over; take nothing over if files are left.",
)
@click.option(
    "--mood",
    "moods",
    metavar="NAME=1..5",
    multiple=True,
    callback=lambda _, __, values: dict(map(_mood, values)),
    help="What a mood of the other program means; may be repeated.",
)
@click.option(
    "--date-format",
    metavar="FORMAT",
    help="How dates are written there, such as %d.%m.%Y %H:%M.",
)
@click.option(
    "--media",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Keep photos, videos, recordings and PDF files there.",
)
@on_journal
def import_(  # noqa: PLR0913, PLR0917 - the options
    path: Path,
    format_: str,
    moods: dict[str, int],
    date_format: str | None,
    media: Path | None,
    store: str | None,
    user: str,
    *,
    dry_run: bool,
    strict: bool,
    as_json: bool,
) -> None:
    """
    Take over the journal at PATH: a file, a folder or an archive.

    Importing the same again changes nothing, so an import that was cut short can be repeated.
    """
    # A dry run makes no journal: where there is none, everything would be new.
    there = not dry_run or not _missing(store)
    with opened(store if there else "memory://", user, new=True) as reflekt:

        def take(known: dict[str, int]) -> ImportReport:
            with _bar(f"reading {path.name}") as move:
                return reflekt.import_file(
                    path,
                    format=format_,
                    dry_run=dry_run,
                    strict=strict,
                    options=ReadOptions(moods=known, date_format=date_format),
                    media=media,
                    told=lambda _, fraction: move(fraction),
                )

        report = None
        while report is None:  # of several files, each may have names of its own
            try:
                report = take(moods)
            except InvalidInput as error:
                moods = moods | _asked(error)
    if as_json:
        emit(report)
    else:
        _tell(report)
    if report.broken or (report.media and report.media.refused):
        raise click.exceptions.Exit(1)


@click.command(
    cls=Command, examples=("reflekt export journal.ndjson", "reflekt export --format json me.json")
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(sorted(FORMATS)),
    default=None,
    help="By the end of FILE's name, if left out: .ndjson, .json, .csv or .jrnl.",
)
@click.option(
    "--media",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take photos, videos, recordings and PDF files along from there.",
)
@on_journal
def export(  # noqa: PLR0913 - the options
    file: Path,
    format_: str | None,
    media: Path | None,
    store: str | None,
    user: str,
    *,
    as_json: bool,
) -> None:
    """Write everything the user has to the new FILE."""
    if str(file) == "-":
        raise click.BadParameter(
            "must be a file: an export is whole, or not there", param_hint="FILE"
        )
    name = format_ or _format_of(file)
    with opened(store, user) as reflekt:
        beside: list[MediaReport] = []
        first = "; what is new is understood first" if open_format(name).holds_all else ""
        with display.waiting(f"Writing{first}") as told:
            count = reflekt.export_file(
                file, format=name, media=media, told=told, told_of_media=beside.append
            )
    if as_json:
        shown = {"media": wire(beside[0])} if beside else {}
        emit({"file": str(file), "format": name, "records": count, **shown})
    else:
        what = "records" if open_format(name).holds_all else "entries"
        click.echo(f"{count} {what} in {file} ({name}), readable for you alone")
        for found in beside:
            click.echo(f"media: {found.kept} taken along, {found.missing} missing in {media}")


def _format_of(file: Path) -> str:
    """Return the format that the end of *file*'s name says; without one, that which holds all."""
    end = file.suffix.lower()
    if not end:
        return "ndjson"
    if end not in _BY_END:
        raise click.BadParameter(
            f"a name that ends in {end!r} does not say which format to write: add --format "
            f"{_MEANT.get(end, 'ndjson')}, or let the name end in {', '.join(_BY_END)}",
            param_hint="FILE",
        )
    return _BY_END[end]


def _asked(error: InvalidInput) -> dict[str, int]:
    """Return what the moods mean that *error* names, as whoever sits at the terminal says."""
    if {problem.message for problem in error.problems} != {MOOD_NEEDED}:
        raise error
    names = [problem.path.removeprefix(_MOODS) for problem in error.problems]
    if not sys.stdin.isatty():
        raise InvalidInput(
            [
                attrs.evolve(one, message=f"{one.message}, with --mood {quote(f'{name}=3')}")
                for one, name in zip(error.problems, names, strict=True)
            ]
        )
    between = click.IntRange(1, 5)
    return {
        name: click.prompt(
            f"How good is {display.clean(name)!r}, from 1 to 5?", type=between, err=True
        )
        for name in names
    }


def _missing(store: str | None) -> bool:
    file = file_of(store or journal_url(DEFAULT_FOLDER))
    return file is not None and not file.exists()


def _mood(text: str) -> tuple[str, int]:
    name, separator, value = text.rpartition("=")
    if not separator or not name.strip() or value.strip() not in {"1", "2", "3", "4", "5"}:
        raise click.BadParameter("must be a name and a number from 1 to 5, such as rad=5")
    return name.strip(), int(value)


def _tell(report: ImportReport) -> None:
    would = "would be " if report.dry_run else ""
    click.echo(
        f"{report.format}: {report.added} {would}added, {report.present} there already, "
        f"{report.broken} broken"
    )
    for note, count in report.notes.items():
        click.echo(f"  {count} × {note}")
    _tell_problems(report.problems, report.broken)
    if report.left:
        click.echo(f"left: {report.left} beside")
        _tell_problems(report.left_files, report.left)
    if media := report.media:
        click.echo(
            f"media: {media.kept} {would}kept, {media.present} there already, "
            f"{media.missing} missing, {media.refused} refused"
        )
        _tell_problems(media.problems, media.refused)


def _tell_problems(problems: Sequence[Broken], count: int) -> None:
    for problem in problems:
        click.echo(
            f"  {display.in_line(problem.place)}: {display.in_line(problem.message)}", err=True
        )
    if count > len(problems):
        click.echo(f"  and {count - len(problems)} more", err=True)


@contextmanager
def _bar(what: str) -> Iterator[Callable[[float], None]]:
    """Show how far it is on stderr, if that is a terminal; lend what moves the bar."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda fraction: bar.update(task, completed=fraction)
