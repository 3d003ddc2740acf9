"""Options that several commands share, and what they lead to: a journal, moments, durations."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import click

from reflekt_core.app import Reflekt
from reflekt_core.cli.folder import DEFAULT_FOLDER, journal_url, made
from reflekt_core.config import Config
from reflekt_core.errors import NotFound
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry
from reflekt_core.model.paging import Page, through
from reflekt_core.serialization import read, wire
from reflekt_core.stores import open_store

if TYPE_CHECKING:
    from reflekt_core.cli.journals import Journal
    from reflekt_core.model.safety import CrisisResources
    from reflekt_core.providers import AnyAssistant

__all__ = [
    "Command",
    "assistants_of",
    "categories",
    "category_named",
    "day",
    "duration",
    "emit",
    "entry_named",
    "file_of",
    "filters",
    "first",
    "helplines_of",
    "moment",
    "on_journal",
    "one_of",
    "opened",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

_SQLITE: Final = "sqlite:///"
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Command(click.Command):
    """A command whose help ends with *examples*."""

    def __init__(self, *args: Any, examples: tuple[str, ...] = (), **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, one per line."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{' ' * formatter.current_indent}{example}\n")


def _all(*options: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


on_journal: Final = _all(
    click.option(
        "--store",
        envvar="REFLEKT_STORE",
        metavar="URL",
        help=f"Where the journal is.  [default: {journal_url(DEFAULT_FOLDER)}]",
        show_envvar=True,
    ),
    click.option("--user", default="me", metavar="ID", help="Whose journal.", show_default=True),
    click.option("--json", "as_json", is_flag=True, help="Print JSON, as the API has it."),
)
"""Adds the options that say which journal is meant, and how to print."""


@contextmanager
def opened(store: str | None, user: str, *, new: bool = False) -> Iterator[Reflekt]:
    """
    Lend the journal of *user* in *store*; one that does not exist is made only if *new*.

    What follows from writes is left to whoever asks for it: insights and trends do.
    """
    config = Config.from_env(os.environ)
    url = store or journal_url(DEFAULT_FOLDER)
    if new and not store:
        made(DEFAULT_FOLDER)
    file = file_of(url)
    if file and not new and not file.exists():
        raise click.ClickException(
            f"there is no journal at {file} yet: begin with 'reflekt write', or name another "
            "with --store"
        )
    reflekt = Reflekt.on(
        open_store(url),
        user=user,
        assistant=assistants_of(config),
        trash_days=config.trash_for.days,
        crisis_resources=helplines_of(config),
    )
    try:
        yield reflekt
    finally:
        # Not `reflekt.close`, which would first understand what was written: that can wait.
        reflekt.store.close()


def assistants_of(config: Config) -> "Callable[[], Sequence[AnyAssistant]]":
    """Return what opens the AI providers that *config* names."""

    def opened() -> "Sequence[AnyAssistant]":
        from reflekt_core.providers import open_assistants  # noqa: PLC0415 - not for every command

        return open_assistants(config.ai_providers, config.ai_access, config.ai_prices)

    return opened


def helplines_of(config: Config) -> "CrisisResources | None":
    """Return where help is, with what *config* adds; None if it adds nothing."""
    if not config.crisis_resources:
        return None
    from reflekt_core.model.safety import crisis_resources  # noqa: PLC0415 - only if some are added

    return crisis_resources().extended(config.crisis_resources)


def file_of(url: str) -> Path | None:
    """Return the file of a journal in SQLite; None for other stores."""
    if not url.startswith(_SQLITE):
        return None
    return Path(url.removeprefix(_SQLITE).partition("?")[0])


def emit(value: Any) -> None:
    """Print *value* as JSON, in ASCII, so that no text can confuse a terminal."""
    click.echo(json.dumps(value if isinstance(value, dict) else wire(value)))


def moment(text: str) -> date:
    """Return a date, or a time with offset."""
    try:
        found = date.fromisoformat(text) if len(text) <= len("2026-11-22") else None
        found = found or datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or (isinstance(found, datetime) and found.tzinfo is None):
        raise click.BadParameter(
            "must be a date such as 2026-11-22, or a time with offset such as "
            "2026-11-22T21:40+03:00"
        )
    return found


def day(text: str) -> date:
    """Return a date."""
    found = moment(text)
    if isinstance(found, datetime):
        raise click.BadParameter("must be a date such as 2026-11-22")
    return found


def duration(text: str) -> timedelta:
    """Return how long ``90s``, ``30m``, ``12h``, ``7d`` or ``2w`` is."""
    match = re.fullmatch(r"([1-9][0-9]{0,7})([smhdw])", text)
    if not match:
        raise click.BadParameter("must be a number and one of s, m, h, d, w, such as 1h or 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


filters: Final = _all(
    click.option(
        "--from", "from_", type=moment, metavar="WHEN", help="This day or time, or later."
    ),
    click.option("--to", type=moment, metavar="WHEN", help="This day or time, or earlier."),
    click.option("--tag", multiple=True, help="With this tag; may be repeated: with all of them."),
    click.option("--category", metavar="NAME", help="In the category of this name or id."),
    click.option("--mood-min", type=click.IntRange(1, 5), help="With at least this mood."),
    click.option("--mood-max", type=click.IntRange(1, 5), help="With at most this mood."),
    click.option("--starred/--not-starred", default=None, help="With a star, or without."),
    click.option("--trashed", is_flag=True, help="In the trash, and nowhere else."),
    click.option(
        "--limit", type=click.IntRange(1), default=20, help="How many at most.", show_default=True
    ),
)
"""Adds the options that say which entries are meant."""


def one_of(words: type[StrEnum]) -> "click.Choice[str]":
    """Return the type of an option that takes one of *words*."""
    return click.Choice([word.value for word in words])


def categories(journal: "Journal") -> Iterator[Category]:
    """Return every category."""
    return through(lambda after: journal.categories.list(after=after, limit=100))


def category_named(journal: "Journal", name: str) -> Category:
    """
    Return the category of that name, without regard to case, or of that id.

    Raises:
        click.BadParameter: There is none, or several.
    """
    known = list(categories(journal))
    found = [c for c in known if name.casefold() in (c.name.casefold(), str(c.id))]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(str(c.id) for c in found)
        raise click.BadParameter(f"several categories have this name; take an id: {ids}")
    names = ", ".join(sorted(c.name for c in known)) or "none yet"
    raise click.BadParameter(f"there is no such category; known: {names}")


def entry_named(journal: "Journal", name: str) -> Entry:
    """
    Return the entry of that id, or the only one whose id begins so.

    Raises:
        NotFound: There is none.
        click.BadParameter: There are several, or this is no id.
    """
    wanted = name.lower()
    if not re.fullmatch("[0-9a-f-]{4,36}", wanted):
        raise click.BadParameter("an entry's id is wanted, or at least its first 4 characters")
    if len(wanted) == len(str(UUID(int=0))):
        return journal.entries.get(read(wanted, UUID))
    entries = through(lambda after: journal.entries.list(after=after, limit=100))
    found = list(islice((e for e in entries if str(e.id).startswith(wanted)), 2))
    if not found:
        raise NotFound(f"there is no entry whose id begins with {wanted}")
    if len(found) > 1:
        raise click.BadParameter(f"several ids begin with {wanted}; give more of it")
    return found[0]


def first(read: Callable[..., Page[T]], limit: int) -> tuple[list[T], bool]:
    """Return the first *limit* items that *read* returns page by page, and whether there are more."""
    items: list[T] = []
    page = read(after=None, limit=min(limit, 100))
    items += page
    while page.next is not None and len(items) < limit:
        page = read(after=page.next, limit=min(limit - len(items), 100))
        items += page
    return items, page.next is not None
