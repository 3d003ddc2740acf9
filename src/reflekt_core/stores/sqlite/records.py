"""Versioned values of one kind, by user and key."""

from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.categories import Category
from reflekt_core.model.events import Event
from reflekt_core.model.insights import Failure
from reflekt_core.model.jobs import Job
from reflekt_core.model.paging import Page, Position, filled
from reflekt_core.model.prompts import DailyPrompt
from reflekt_core.model.settings import Settings
from reflekt_core.model.usage import CachedAnswer, DayUsage, Receipt
from reflekt_core.ports import Records
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.outbox import announce
from reflekt_core.stores.sqlite.rows import Codec, conflict, microseconds, writer

__all__ = ["KINDS", "SQLiteRecords", "purge_expired"]

T = TypeVar("T")

KINDS: Final[Mapping[type, str]] = MappingProxyType(
    {
        Settings: "settings",
        Category: "category",
        Job: "job",
        DailyPrompt: "daily_prompt",
        Failure: "failure",
        Receipt: "receipt",
        DayUsage: "day_usage",
        CachedAnswer: "cached_answer",
    }
)
"""The name under which each kind is stored. Names stay for ever."""

_GET: Final = """
    SELECT body FROM record
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND kind = ? AND key = ?
"""
_LIST: Final = """
    SELECT key, body FROM record
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND kind = ? AND key > ? ORDER BY key
"""
_VERSION: Final = "SELECT version FROM record WHERE user = ? AND kind = ? AND key = ?"
_KEEP: Final = """
    INSERT OR REPLACE INTO record (user, kind, key, version, expires, body)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_DELETE: Final = "DELETE FROM record WHERE user = ? AND kind = ? AND key = ?"
_PURGE: Final = """
    DELETE FROM record WHERE (user, kind, key) IN (
        SELECT user, kind, key FROM record WHERE expires <= ? ORDER BY expires LIMIT ?
    )
"""


@attrs.frozen
class SQLiteRecords(Records[T]):
    """Values of the class *kind* in the table `record`."""

    _database: Database
    _codec: Codec
    _kind: type[T]

    def get(self, user_id: str, key: str) -> T | None:
        """See `Records`."""
        row = self._database.first(_GET, (user_id, self._name, key))
        return self._read(user_id, key, row[0]) if row else None

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
        body = self._codec.pack(account.user_id, f"{self._name}/{key}", value)
        expires = microseconds(expires_at) if expires_at else None
        with self._database.writing() as connection:
            place = (writer(connection, account), self._name, key)
            (version,) = connection.execute(_VERSION, place).fetchone() or (None,)
            if version != replaces:
                raise conflict()
            connection.execute(_KEEP, (*place, _version(value), expires, body))
            if event:
                announce(connection, place[0], [event])

    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """See `Records`."""
        with self._database.writing() as connection:
            place = (writer(connection, account), self._name, key)
            (version,) = connection.execute(_VERSION, place).fetchone() or (None,)
            if replaces is not None and version != replaces:
                raise conflict()
            connection.execute(_DELETE, place)

    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """See `Records`."""
        start = after[0] if after else ""
        with (
            self._database.reading() as connection,
            closing(connection.execute(_LIST, (user_id, self._name, start))) as rows,
        ):
            found = (((key,), len(body), self._read(user_id, key, body)) for key, body in rows)
            return filled(found, limit)

    @property
    def _name(self) -> str:
        return KINDS[self._kind]

    def _read(self, user_id: str, key: str, body: bytes) -> T:
        return self._codec.unpack(user_id, f"{self._name}/{key}", body, self._kind)


def purge_expired(database: Database, now: datetime, limit: int) -> int:
    """Delete up to *limit* values that expired by *now*; return how many."""
    with database.writing() as connection:
        return connection.execute(_PURGE, (microseconds(now), limit)).rowcount


def _version(value: Any) -> int:
    return int(value.version)
