"""
The tables: which there are, their keys and indexes, and how values stand in items.

Every item belongs to one user: `u` is the user's id and the partition, `k` what the item is, with
the kind in front. ``head`` is in each table: the fence of an erasure, and what counts per user.
"""

import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final, TypeVar
from uuid import UUID

import attrs

from reflekt_core.errors import TooLarge
from reflekt_core.ports import Cipher
from reflekt_core.serialization import dump, load

__all__ = [
    "HEAD",
    "INDEXES",
    "MAX_ITEM_BYTES",
    "SHARDS",
    "STREAMED",
    "TABLES",
    "Codec",
    "Item",
    "Value",
    "binary",
    "day_key",
    "due",
    "entry_key",
    "instant",
    "microseconds",
    "number",
    "schema",
    "size",
    "string",
    "time_key",
    "too_large",
    "whole",
]

T = TypeVar("T")

Value = dict[str, Any]
Item = dict[str, Value]

TABLES: Final = ("entries", "settings", "categories", "analytics", "search", "jobs")
"""Every table, without the prefix."""

HEAD: Final = "head"
SHARDS: Final = 4
"""Over how many partitions what is due at a time is spread, in the index `due`."""

INDEXES: Final[Mapping[str, Mapping[str, tuple[str, str, str]]]] = {
    "entries": {
        "sequence": ("q", "N", "KEYS_ONLY"),
        "time": ("w", "S", "ALL"),
        "day": ("m", "S", "KEYS_ONLY"),
    },
    "analytics": {"length": ("l", "S", "KEYS_ONLY"), "date": ("t", "S", "ALL")},
}
"""Of each table its local indexes: their sort key, its type, and what they hold."""

STREAMED: Final = frozenset({"entries", "jobs"})
"""The tables whose streams are the outbox."""

MAX_ITEM_BYTES: Final = 400 * 1024
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SHIFT: Final = 2**62
_COMPRESSED: Final = b"\x01"
_PLAIN: Final = b"\x00"
_WORTH_IT: Final = 256


def schema(prefix: str, table: str) -> dict[str, Any]:
    """Return the parameters of ``CreateTable`` for *table*."""
    locals_ = INDEXES.get(table, {})
    attributes = {"u": "S", "k": "S", "d": "S", "a": "N"}
    attributes |= {key: kind for key, kind, _ in locals_.values()}
    made: dict[str, Any] = {
        "TableName": f"{prefix}-{table}",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()
        ],
        "KeySchema": _keys("u", "k"),
        "GlobalSecondaryIndexes": [_index("due", ("d", "a"), "KEYS_ONLY")],
    }
    if locals_:
        made["LocalSecondaryIndexes"] = [
            _index(name, ("u", key), held) for name, (key, _, held) in locals_.items()
        ]
    if table in STREAMED:
        made["StreamSpecification"] = {
            "StreamEnabled": True,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
    return made


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]


def _index(name: str, keys: tuple[str, str], held: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _keys(*keys),
        "Projection": {"ProjectionType": held},
    }


@attrs.frozen
class Codec:
    """Turns values into the sealed bodies of items and back. What is long is compressed first."""

    cipher: Cipher

    def pack(self, user_id: str, record: str, value: object) -> bytes:
        """Return the body of the item that *record* names."""
        plain = dump(value)
        small = zlib.compress(plain, 6) if len(plain) >= _WORTH_IT else plain
        shorter = len(small) < len(plain)
        marked = _COMPRESSED + small if shorter else _PLAIN + plain
        return self.cipher.seal(user_id, record, marked)

    def unpack(self, user_id: str, record: str, body: bytes, cls: type[T]) -> T:
        """Return the value in an item's *body*."""
        marked = self.cipher.open(user_id, record, body)
        plain = marked[1:]
        return load(zlib.decompress(plain) if marked[:1] == _COMPRESSED else plain, cls)


# Values as DynamoDB has them. Numbers go as text, so that no digit is lost.


def string(value: str) -> Value:
    """Return a text."""
    return {"S": value}


def number(value: int) -> Value:
    """Return a whole number."""
    return {"N": str(value)}


def binary(value: bytes) -> Value:
    """Return bytes."""
    return {"B": value}


def whole(item: Mapping[str, Value] | None, name: str, default: int = 0) -> int:
    """Return the whole number *name* of an item."""
    return int(item[name]["N"]) if item and name in item else default


def size(item: Item) -> int:
    """Return about how many bytes DynamoDB counts for *item*."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(value: Value) -> int:
    ((kind, held),) = value.items()
    if kind == "N":  # "approximately (length of digits / 2) + 1 byte", says the documentation
        return len(held) // 2 + 2
    return len(held) if kind == "B" else len(str(held).encode())


def too_large(what: str) -> TooLarge:
    """Return the error for what does not fit into an item."""
    return TooLarge(f"the {what} is larger than the 400 KB that DynamoDB keeps of one; shorten it")


def microseconds(at: datetime) -> int:
    """Return the instant *at* as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """Return the time in UTC that `microseconds` turned into *at*."""
    return _EPOCH + at * _MICROSECOND


def time_key(at: int) -> str:
    """Return microseconds, also from before 1970, as text that sorts like the number."""
    return f"{at + _SHIFT:016x}"


def due(user_id: str, at: datetime) -> Item:
    """Return what puts an item into the index `due` from the time *at*."""
    shard = sha256(user_id.encode()).digest()[0] % SHARDS
    return {"d": string(str(shard)), "a": number(microseconds(at))}


def entry_key(id: UUID) -> str:
    """Return the key of an entry or its tombstone."""
    return f"e#{id}"


def day_key(day: date) -> str:
    """Return the key of a day's sums."""
    return f"y#{day.isoformat()}"
