"""
Tags: how many entries outside the trash carry each, and which.

The counts stand in 16 items of the user, each with those of the tags that fall to it. Which entries
carry a tag is told by an item per tag and entry, its place, which sorts by time. Whoever reads a
place looks at the entry as well: the entry decides.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final

from reflekt_core.model.entries import Entry, TagCount, Tombstone, fold_tag
from reflekt_core.stores.dynamodb.database import Database, Write
from reflekt_core.stores.dynamodb.tables import (
    Value,
    microseconds,
    number,
    string,
    time_key,
    whole,
)
from reflekt_core.stores.dynamodb.transport import Cancelled

__all__ = ["counted_tags", "places", "sweep", "tag_counts", "tag_range", "tags_of"]

TABLE: Final = "entries"
BUCKETS: Final = 16

_Entry = Entry | Tombstone | None


def tags_of(entry: _Entry) -> dict[str, str]:
    """Return the tags that *entry* counts for, folded, with their spelling."""
    if not isinstance(entry, Entry) or entry.trashed_at is not None:
        return {}
    return {fold_tag(tag): tag for tag in entry.tags}


def counted_tags(
    database: Database, user_id: str, before: _Entry, after: _Entry
) -> Iterator[Write]:
    """Yield the updates that count *after* instead of *before*, and spell its tags as it does."""
    old, new = tags_of(before), tags_of(after)
    for bucket, folded in _buckets({**old, **new}):
        update = _Update()
        for tag in folded:
            update.count(tag, (tag in new) - (tag in old))
            if tag in new:
                update.spell(tag, new[tag])
        yield database.update(TABLE, user_id, bucket, **update.parameters())


class _Update:
    """The update of one bucket: of each tag, ``n:tag`` counts and ``s:tag`` is the spelling."""

    def __init__(self) -> None:
        self._changes: list[str] = []
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def count(self, tag: str, more: int) -> None:
        """Add *more* to the count."""
        if more:
            name = self._named("n", tag)
            self._changes.append(
                f"{name} = if_not_exists({name}, :z) + :{'p' if more > 0 else 'm'}"
            )
            self._values |= {":z": number(0), f":{'p' if more > 0 else 'm'}": number(more)}

    def spell(self, tag: str, spelling: str) -> None:
        """Note the spelling."""
        name = self._named("s", tag)
        self._changes.append(f"{name} = :{name[1:]}")
        self._values[f":{name[1:]}"] = string(spelling)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the update."""
        return {
            "UpdateExpression": f"SET {', '.join(self._changes)}",
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }

    def _named(self, what: str, tag: str) -> str:
        name = f"#{what}{len(self._names)}"
        self._names[name] = f"{what}:{tag}"
        return name


def tag_counts(database: Database, user_id: str) -> dict[str, TagCount]:
    """Return the tags of a user, by their folded names."""
    items = database.query(
        TABLE,
        "#u = :u AND #k BETWEEN :first AND :last",
        {":u": string(user_id), ":first": string("g#"), ":last": string("g$")},
    )
    return {
        name[2:]: TagCount(item[f"s:{name[2:]}"]["S"], whole(item, name))
        for item in items
        for name in item
        if name.startswith("n:") and whole(item, name) > 0
    }


def sweep(database: Database, user_id: str, lost: Iterable[str]) -> None:
    """Forget those of the tags *lost* that no entry carries any more."""
    buckets = _buckets(lost)
    items = database.get_many(TABLE, user_id, (bucket for bucket, _ in buckets))
    for bucket, folded in buckets:
        item = items.get(bucket, {})
        for tag in folded:
            if f"n:{tag}" in item and whole(item, f"n:{tag}") == 0:
                _forget(database, user_id, bucket, tag)


def _forget(database: Database, user_id: str, bucket: str, tag: str) -> None:
    names = {"#n": f"n:{tag}", "#s": f"s:{tag}"}
    forgotten = database.update(
        TABLE,
        user_id,
        bucket,
        UpdateExpression="REMOVE #n, #s",
        ConditionExpression="#n = :zero",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":zero": number(0)},
    )
    try:
        database.transact([forgotten])
    except Cancelled:
        return


def places(
    database: Database, user_id: str, before: _Entry, after: _Entry
) -> tuple[list[Write], list[Write]]:
    """Return the places that go, and those that come, with the write of *after* over *before*."""
    old, new = _places(before), _places(after)
    gone = [database.delete(TABLE, user_id, key) for key in old if key not in new]
    come = [
        database.put(TABLE, {"u": string(user_id), "k": string(key)}, "tag")
        for key in new
        if key not in old
    ]
    return gone, come


def tag_range(user_id: str, tag: str, low: str, high: str) -> tuple[str, dict[str, Value], int]:
    """Return the condition for the places of *tag*, its values, and how much stands before each."""
    start = f"t#{_hash(tag)}#"
    values = {
        ":u": string(user_id),
        ":low": string(f"{start}{low}"),
        ":high": string(f"{start}{high}"),
    }
    return "#u = :u AND #k BETWEEN :low AND :high", values, len(start)


def _places(entry: _Entry) -> dict[str, None]:
    if not isinstance(entry, Entry):
        return {}
    when = f"{time_key(microseconds(entry.occurred_at))}#{entry.id}"
    return {f"t#{_hash(tag)}#{when}": None for tag in tags_of(entry)}


def _buckets(folded: Iterable[str]) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for tag in folded:
        found.setdefault(f"g#{int(_hash(tag)[:2], 16) % BUCKETS:02}", []).append(tag)
    return sorted(found.items())


def _hash(tag: str) -> str:
    return sha256(tag.encode()).hexdigest()[:32]
