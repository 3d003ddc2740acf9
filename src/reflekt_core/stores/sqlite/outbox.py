"""Events that were committed with their writes and wait to be handled."""

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Final

import attrs

from reflekt_core.model.events import Delivery, Event, EventKind, Retry
from reflekt_core.model.paging import Page, Position, filled
from reflekt_core.ports import Outbox
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.rows import instant, microseconds

__all__ = ["SQLiteOutbox", "announce"]

_ANNOUNCE: Final = """
    INSERT INTO outbox (user, kind, subject, version, occurred) VALUES (?, ?, ?, ?, ?)
"""
_SELECT: Final = """
    SELECT o.id, h.user_id, o.kind, o.subject, o.version, o.occurred,
           o.consumer, o.attempts, o.parked, o.error
    FROM outbox o CROSS JOIN head h ON h.number = o.user
"""
_NEW: Final = f"{_SELECT} WHERE o.parked = 0 AND o.due IS NULL ORDER BY o.id LIMIT ?"
_DUE: Final = f"{_SELECT} WHERE o.parked = 0 AND o.due <= ? ORDER BY o.due, o.id LIMIT ?"
_PARKED: Final = f"{_SELECT} WHERE o.parked = 1 AND o.id > ? ORDER BY o.id"
_TAKE: Final = "DELETE FROM outbox WHERE id = ? RETURNING user, kind, subject, version, occurred"
_RETRY: Final = """
    INSERT INTO outbox
        (user, kind, subject, version, occurred, consumer, attempts, due, parked, error)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REDRIVE: Final = """
    UPDATE outbox SET parked = 0, due = NULL, attempts = 0, error = NULL WHERE parked = 1
"""


@attrs.frozen
class SQLiteOutbox(Outbox):
    """Deliveries in the table `outbox`."""

    _database: Database

    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """See `Outbox`."""
        with self._database.snapshot() as connection:
            rows = connection.execute(_NEW, (limit,)).fetchall()
            rows += connection.execute(_DUE, (microseconds(now), limit)).fetchall()
        return tuple(_delivery(row) for row in sorted(rows)[:limit])

    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """See `Outbox`."""
        with self._database.writing() as connection:
            taken = connection.execute(_TAKE, (delivery.id,)).fetchall()
            values = [(*event, *_state(retry)) for event in taken for retry in retries]
            connection.executemany(_RETRY, values)

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """See `Outbox`."""
        with (
            self._database.reading() as connection,
            closing(connection.execute(_PARKED, after or (0,))) as rows,
        ):
            return filled((((row[0],), 0, _delivery(row)) for row in rows), limit)

    def redrive(self) -> int:
        """See `Outbox`."""
        with self._database.writing() as connection:
            return connection.execute(_REDRIVE).rowcount

    def backlog(self) -> int:
        """See `Outbox`."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT count(*) FROM outbox WHERE parked = 0").fetchone()
        return int(row[0])


def announce(connection: sqlite3.Connection, number: int, events: Iterable[Event]) -> None:
    """Put *events* of the user *number* in the outbox."""
    values = [
        (number, event.kind.value, event.subject_id, event.version, microseconds(event.occurred_at))
        for event in events
    ]
    connection.executemany(_ANNOUNCE, values)


def _state(retry: Retry) -> tuple[Any, ...]:
    due = microseconds(retry.due_at) if retry.due_at else None
    return (retry.consumer, retry.attempts, due, retry.due_at is None, retry.error)


def _delivery(row: tuple[Any, ...]) -> Delivery:
    id, user_id, kind, subject, version, occurred, consumer, attempts, parked, error = row
    event = Event(EventKind(kind), user_id, subject, version, instant(occurred))
    return Delivery(id, event, consumer, attempts, bool(parked), error)
