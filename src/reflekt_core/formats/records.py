"""
What formats share.

Keys of records that have none, dates written as somebody says, and the entries of an export.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reflekt_core.errors import InvalidInput
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import ExportKind, ExportRecord
from reflekt_core.serialization import read_whole

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["Dated", "Keys", "dated", "dated_as", "entries_in"]

Dated = Callable[[str], datetime | None]
"""Reads a date as the clock showed it; None if it is written otherwise."""


class Keys:
    """
    Makes keys of what records say, for those that have no id.

    Of records that say the same each has its own, in their order.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def __call__(self, *parts: Any) -> str:
        """Return the key of the next record that says *parts*."""
        key = sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]
        self._seen[key] += 1
        return key if self._seen[key] == 1 else f"{key}-{self._seen[key]}"


def dated(*forms: str) -> Dated:
    """Return what reads dates in one of *forms*, which are as `datetime.strptime` has them."""

    def read(text: str) -> datetime | None:
        for form in forms:
            try:
                return datetime.strptime(text.strip(), form)  # noqa: DTZ007 - the clock on the wall
            except ValueError:
                continue
        return None

    return read


def dated_as(form: str) -> Dated:
    """
    Return what reads dates in the *form* that somebody says.

    Raises:
        InvalidInput: It does not say day, month and year.
    """
    tried = datetime(2001, 2, 3, tzinfo=UTC)
    try:
        # Of a year with the same weekdays. Reading a day without a year will be an error in Python.
        says_the_year = tried.strftime(form) != tried.replace(year=2007).strftime(form)
        found = dated(form)(tried.strftime(form)) if says_the_year else None
    except ValueError:
        found = None
    if found is None or found.date() != tried.date():
        raise InvalidInput.field("date_format", "must be as in %d.%m.%Y %H:%M")
    return dated(form)


def entries_in(records: Iterable[ExportRecord]) -> Iterator[tuple[Entry, str | None]]:
    """Yield the entries of an export outside the trash, each with the name of its category."""
    names: dict[UUID | None, str] = {}
    for record in records:
        if record.kind is ExportKind.CATEGORY:
            category = read_whole(record.value, Category)
            names[category.id] = category.name
        elif record.kind is ExportKind.ENTRY and record.value["trashed_at"] is None:
            entry = read_whole(record.value, Entry)
            yield entry, names.get(entry.category_id)
