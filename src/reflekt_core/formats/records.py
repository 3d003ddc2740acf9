"""What formats share: keys of records that have none, and the entries of an export."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import ExportKind, ExportRecord
from reflekt_core.serialization import read_whole

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["Keys", "entries_in"]


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
