"""`reflekt list`, `show` and `search`."""

from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

import click

from reflekt_core.cli import display
from reflekt_core.cli.journals import Journal, Place, of_journal
from reflekt_core.cli.options import (
    Command,
    categories,
    category_named,
    emit,
    entry_named,
    filters,
    first,
)
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Order
from reflekt_core.serialization import wire

__all__ = ["list_", "search", "show"]


@click.command(
    "list",
    cls=Command,
    examples=(
        "reflekt list --limit 5",
        "reflekt list --from 2026-11-01 --tag sea --mood-min 4",
        "reflekt list --json | jq '.items[].title'",
    ),
)
@filters
@click.option("--oldest", is_flag=True, help="Oldest first.")
@of_journal
def list_(limit: int, place: Place, *, oldest: bool, as_json: bool, **wanted: Any) -> None:
    """List entries by time, newest first: id, day, mood, star, title or beginning, tags."""
    with place.opened() as journal:
        order = Order.ASC if oldest else Order.DESC
        read = partial(journal.entries.list, order=order, **_filter(journal, **wanted))
        entries, more = first(read, limit)
    if as_json:
        emit({"items": [wire(entry) for entry in entries], "has_more": more})
    else:
        display.entries(entries, more=more)


@click.command(
    cls=Command,
    examples=(
        "reflekt search swim",
        "reflekt search '\"by the sea\" swim* -rain'",
        "reflekt search bread --mood-min 4 --json",
    ),
)
@click.argument("query", nargs=-1, required=True)
@filters
@of_journal
def search(
    query: tuple[str, ...],
    limit: int,
    place: Place,
    *,
    as_json: bool,
    **wanted: Any,
) -> None:
    """
    Find the entries that match QUERY, best first.

    All words must be there. "Words in quotes" stand together, word* begins so, and what -begins
    with a hyphen must not be there (write -- before it if it comes first).
    """
    with place.opened() as journal:
        read = partial(journal.entries.search, " ".join(query), **_filter(journal, **wanted))
        hits, more = first(read, limit)
    if as_json:
        emit({"items": [wire(hit) for hit in hits], "has_more": more})
    else:
        display.hits(hits, more=more)


@click.command(cls=Command, examples=("reflekt show 0193e1a2", "reflekt show 0193e1a2 --json"))
@click.argument("id")
@of_journal
def show(id: str, place: Place, *, as_json: bool) -> None:
    """Show the entry whose ID this is, or begins so."""
    with place.opened() as journal:
        entry = entry_named(journal, id)
        category = _category(journal, entry.category_id)
    if as_json:
        emit(entry)
    else:
        display.entry(entry, category)


def _category(journal: Journal, id: UUID | None) -> Category | None:
    if id is None:
        return None
    return next((category for category in categories(journal) if category.id == id), None)


def _filter(
    journal: Journal,
    *,
    category: str | None,
    from_: date | None,
    to: date | None,
    **others: Any,
) -> dict[str, Any]:
    category_id = category_named(journal, category).id if category else None
    return {"category_id": category_id, "from_": from_, "to": to, **others}
