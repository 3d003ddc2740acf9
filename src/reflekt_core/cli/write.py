"""`reflekt write`."""

import re
import sys
from datetime import datetime, time, timedelta
from typing import Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import click

from reflekt_core.app import utc_now
from reflekt_core.cli.journals import Journal, Place, of_journal
from reflekt_core.cli.options import Command, categories, emit
from reflekt_core.model.entries import Entry, EntryDraft

__all__ = ["write"]

_CATEGORIES: Final = UUID("a4bd7a11-6f0c-5d7a-8c58-3f9f6f0b7c21")
_MOST_BYTES: Final = 1024 * 1024  # more than an entry may have; it says how many
_NOON: Final = time(12)


@click.command(
    cls=Command,
    examples=(
        "reflekt write Slow Sunday. Bread and rain. --mood 4 --tag bread",
        "reflekt write --title 'A day by the sea' --category Travel",
        "reflekt write --at 2026-11-21T21:40 --zone Africa/Nairobi 'Late.'",
        "pandoc -t plain letter.docx | reflekt write -",
    ),
)
@click.argument("text", nargs=-1)
@click.option("--title", default="", help="A title.")
@click.option("--mood", type=click.IntRange(1, 5), help="From 1, very low, to 5, very good.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be repeated.")
@click.option("--category", metavar="NAME", help="The category; it is made if there is none.")
@click.option(
    "--at", metavar="WHEN", help="When it was: a time such as 21:40, a date, or both; else now."
)
@click.option(
    "--zone", metavar="ZONE", help="Where: a time zone; that of your settings, if left out."
)
@click.option("--starred", is_flag=True, help="Give it a star.")
@of_journal
def write(  # noqa: PLR0913 - the fields of an entry
    *,
    text: tuple[str, ...],
    title: str,
    mood: int | None,
    tags: tuple[str, ...],
    category: str | None,
    at: str | None,
    zone: str | None,
    place: Place,
    starred: bool,
    as_json: bool,
) -> None:
    """
    Write an entry: TEXT, or what stdin holds (-), or what you write in your editor.

    What is understood of it is worked out when you ask for it, with insights or trends.
    """
    content = _content(text)
    # Checked first: nothing is made for an entry that cannot be written.
    draft = EntryDraft(content, title, mood, tags=tags, starred=starred, time_zone=zone)
    with place.opened(new=True) as journal:
        occurred_at = _moment(journal, at, zone) if at else None
        entry = journal.entries.create(
            draft.content,
            title=draft.title,
            mood=draft.mood,
            category_id=_category(journal, category) if category else None,
            tags=draft.tags,
            starred=draft.starred,
            occurred_at=occurred_at,
            time_zone=draft.time_zone,
        )
    if as_json:
        emit(entry)
    else:
        click.echo(_receipt(entry))


def _receipt(entry: Entry) -> str:
    words = "1 word" if entry.word_count == 1 else f"{entry.word_count} words"
    return f"{entry.id}  {entry.local_date}  {words}"


def _content(text: tuple[str, ...]) -> str:
    if text and text != ("-",):
        return " ".join(text)
    if text or not sys.stdin.isatty():
        return _piped()
    written = click.edit("", extension=".md")
    if written is None or not written.strip():
        raise click.ClickException("nothing was saved, so nothing was written")
    return written.rstrip("\n")


def _piped() -> str:
    try:
        return sys.stdin.buffer.read(_MOST_BYTES).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.ClickException("the text on stdin must be UTF-8") from None


def _moment(journal: Journal, text: str, zone: str | None) -> datetime:
    """Return the moment that *text* is in *zone*; of a time alone, the latest."""
    place = ZoneInfo(zone or journal.settings.get().preferences.time_zone)
    try:
        if re.fullmatch(r"\d\d?:\d\d", text):
            now = utc_now().astimezone(place)
            today = datetime.combine(now.date(), time.fromisoformat(text.zfill(5)), place)
            return today if today <= now else today - timedelta(days=1)
        if len(text) <= len("2026-11-22"):
            return datetime.combine(datetime.fromisoformat(text).date(), _NOON, place)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            "must be a time such as 21:40, a date such as 2026-11-22, or both such as "
            "2026-11-22T21:40",
            param_hint="'--at'",
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=place)


def _category(journal: Journal, name: str) -> UUID:
    """Return the id of the category of that name or id, which is made if there is none."""
    for category in categories(journal):
        if name.casefold() in (category.name.casefold(), str(category.id)):
            return category.id
    # An id made of the name: two who write at once make one category.
    id = uuid5(_CATEGORIES, name.casefold())
    return journal.categories.put(id, name).id
