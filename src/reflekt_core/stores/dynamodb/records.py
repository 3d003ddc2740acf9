"""Versioned values of one kind, by user and key."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.events import Event
from reflekt_core.model.paging import Page, Position, filled
from reflekt_core.ports import Records
from reflekt_core.stores.dynamodb.database import Database, guarded, refused
from reflekt_core.stores.dynamodb.outbox import told
from reflekt_core.stores.dynamodb.tables import (
    SHARDS,
    Codec,
    Item,
    binary,
    due,
    microseconds,
    number,
    string,
)
from reflekt_core.stores.dynamodb.transport import Cancelled

__all__ = ["KINDS", "DynamoDBRecords", "purge_expired", "record_item"]

T = TypeVar("T")

KINDS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Settings": ("settings", "settings"),
        "Category": ("categories", "category"),
        "Job": ("jobs", "job"),
        "DailyPrompt": ("analytics", "daily_prompt"),
        "Failure": ("analytics", "failure"),
        "Receipt": ("jobs", "receipt"),
        "DayUsage": ("analytics", "day_usage"),
        "CachedAnswer": ("analytics", "cached_answer"),
    }
)
"""
By the name of its class, the table of each kind and the name under which it is stored.

The latter stay for ever. Classes are not named themselves, so that who needs one loads no other.
"""


@attrs.frozen
class DynamoDBRecords(Records[T]):
    """Values of the class *kind*, each an item of the kind's table."""

    _database: Database
    _codec: Codec
    _kind: type[T]

    def get(self, user_id: str, key: str) -> T | None:
        """See `Records`."""
        table, name = KINDS[self._kind.__name__]
        item = self._database.get(table, user_id, f"{name}#{key}")
        return self._read(user_id, item) if item else None

    def put(  # noqa: PLR0913 - as the port has it
        self,
        account: Account,
        key: str,
        value: T,
        *,
        replaces: int | None,
        expires_at: datetime | None = None,
        event: Event | None = None,
    ) -> None:
        """See `Records`."""
        item = record_item(self._codec, account.user_id, key, value)
        if expires_at:
            item |= due(account.user_id, expires_at)
        if event:
            item |= told(event)
        table, name = KINDS[self._kind.__name__]
        self._write(account, self._database.put(table, item, name, **_stored(replaces)))

    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """See `Records`."""
        table, name = KINDS[self._kind.__name__]
        condition = {} if replaces is None else _stored(replaces)
        key = f"{name}#{key}"
        self._write(account, self._database.delete(table, account.user_id, key, **condition))

    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """See `Records`."""
        table, name = KINDS[self._kind.__name__]
        start = f"{name}#{after[0]}\0" if after else f"{name}#"
        items = self._database.query(
            table,
            "#u = :u AND #k BETWEEN :first AND :last",
            # The sign after # ends the kind.
            {":u": string(user_id), ":first": string(start), ":last": string(f"{name}$")},
            limit=limit + 1,
        )
        found = (((_key(item),), len(item["b"]["B"]), self._read(user_id, item)) for item in items)
        return filled(found, limit)

    def _write(self, account: Account, write: dict[str, dict[str, Any]]) -> None:
        table, _ = KINDS[self._kind.__name__]
        try:
            self._database.transact([self._database.fenced(table, account), write])
        except Cancelled as cancelled:
            refused(account, cancelled)

    def _read(self, user_id: str, item: Item) -> T:
        _, name = KINDS[self._kind.__name__]
        return self._codec.unpack(user_id, f"{name}/{_key(item)}", item["b"]["B"], self._kind)


def record_item(codec: Codec, user_id: str, key: str, value: Any) -> Item:
    """Return the item of a value."""
    _, name = KINDS[type(value).__name__]
    return {
        "u": string(user_id),
        "k": string(f"{name}#{key}"),
        "v": number(int(value.version)),
        "b": binary(codec.pack(user_id, f"{name}/{key}", value)),
    }


def purge_expired(database: Database, now: datetime, limit: int) -> int:
    """Delete up to *limit* values that expired by *now*; return how many."""
    purged = 0
    until = number(microseconds(now))
    for table in dict.fromkeys(table for table, _ in KINDS.values()):
        for shard in range(SHARDS):
            found = database.query(
                table,
                "#d = :d AND #a <= :a",
                {":d": string(str(shard)), ":a": until},
                index="due",
                consistent=False,
                limit=limit - purged,
            )
            for item in found:
                purged += _purged(database, table, item, guarded("#a <= :a", {":a": until}))
                if purged >= limit:
                    return purged
    return purged


def _purged(database: Database, table: str, item: Item, still: dict[str, Any]) -> bool:
    """Delete the item, unless it was put off or is gone: the index may lag behind."""
    try:
        database.transact([database.delete(table, item["u"]["S"], item["k"]["S"], **still)])
    except Cancelled:
        return False
    return True


def _stored(version: int | None) -> dict[str, Any]:
    if version is None:
        return guarded("attribute_not_exists(#k)")
    return guarded("#v = :v", {":v": number(version)})


def _key(item: Item) -> str:
    return str(item["k"]["S"]).partition("#")[2]
