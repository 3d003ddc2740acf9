"""What formats share: keys of records that have none, and the entries of an export."""

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import ExportKind, ExportRecord
from reflekt_core.serialization import read_whole

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["digest", "entries_in"]


def digest(*parts: Any) -> str:
    """Return a key made of what a record says, for one that has no id."""
    return sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


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
