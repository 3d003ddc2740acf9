"""The state of accounts, and their erasure in bounded steps."""

import sqlite3
from datetime import datetime
from typing import Final
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.events import Event
from reflekt_core.model.jobs import Job
from reflekt_core.ports import Accounts
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.outbox import announce
from reflekt_core.stores.sqlite.records import KINDS
from reflekt_core.stores.sqlite.rows import Codec, instant, microseconds, writer
from reflekt_core.stores.sqlite.search import mark_untidy, tidy, unindex

__all__ = ["SQLiteAccounts"]

_FENCE: Final = """
    UPDATE head SET epoch = epoch + 1, erasing = 1, erased = ? WHERE number = ?
"""
_KEEP_JOB: Final = """
    INSERT OR REPLACE INTO record (user, kind, key, version, body) VALUES (?, ?, ?, ?, ?)
"""
# The tables beside `entry` that hold something of a user, with their keys, and which rows must
# stay: the erasing job, and the event that brings it back to work after a crash.
_OWNED: Final = {
    "entry_tag": ("user, tag, occurred, id", "TRUE"),
    "tag": ("user, tag", "TRUE"),
    "insight": ("key", "TRUE"),
    "contribution": ("user, id", "TRUE"),
    "day": ("user, day", "TRUE"),
    "run": ("user, first", "TRUE"),
    "record": ("user, kind, key", f"NOT (kind = '{KINDS[Job]}' AND key = :keep)"),
    "outbox": ("id", "subject <> :keep"),
}
_ERASE: Final = tuple(
    f"""
    DELETE FROM {table} WHERE ({key}) IN (
        SELECT {key} FROM {table} WHERE user = :user AND {may_go} LIMIT :limit
    )
    """  # noqa: S608 - made of the constants above
    for table, (key, may_go) in _OWNED.items()
)


_STATE: Final = "SELECT epoch, erased, erasing FROM head WHERE user_id = ?"


@attrs.frozen
class SQLiteAccounts(Accounts):
    """Accounts in the table `head`."""

    _database: Database
    _codec: Codec

    def get(self, user_id: str) -> Account:
        """See `Accounts`."""
        row = self._database.first(_STATE, (user_id,))
        if row is None:
            return Account(user_id)
        epoch, at, erasing = row
        return Account(user_id, epoch, None if at is None else instant(at), bool(erasing))

    def begin_erasure(self, account: Account, job: Job, event: Event, at: datetime) -> Account:
        """See `Accounts`."""
        user_id = account.user_id
        body = self._codec.pack(user_id, f"{KINDS[Job]}/{job.id}", job)
        with self._database.writing() as connection:
            number = writer(connection, account)
            connection.execute(_FENCE, (microseconds(at), number))
            values = (number, KINDS[Job], str(job.id), job.version, body)
            connection.execute(_KEEP_JOB, values)
            announce(connection, number, [event])
        return Account(user_id, account.epoch + 1, erased_at=at, erasing=True)

    def erase_some(self, account: Account, limit: int, keep: UUID) -> int:
        """See `Accounts`."""
        with self._database.writing() as connection:
            number = _erasing(connection, account)
            if number is None:
                return 0
            deleted = _erase_entries(connection, number, limit)
            for statement in _ERASE:
                if deleted < limit:
                    values = {"user": number, "limit": limit - deleted, "keep": str(keep)}
                    deleted += connection.execute(statement, values).rowcount
            # Steps of clearing words out of the index count as items: they take as long.
            return deleted or tidy(connection)

    def end_erasure(self, account: Account) -> None:
        """See `Accounts`."""
        with self._database.writing() as connection:
            number = _erasing(connection, account)
            connection.execute("UPDATE head SET erasing = 0 WHERE number = ?", (number,))
        # What was erased still stands in the log until others have written over it.
        self._database.checkpoint()


def _erasing(connection: sqlite3.Connection, account: Account) -> int | None:
    """Return the number of the user, if it is this erasure that is going on."""
    row = connection.execute(
        "SELECT number FROM head WHERE user_id = ? AND epoch = ? AND erasing = 1",
        (account.user_id, account.epoch),
    ).fetchone()
    return row and int(row[0])


def _erase_entries(connection: sqlite3.Connection, number: int, limit: int) -> int:
    rows = connection.execute(
        "SELECT key FROM entry WHERE user = ? LIMIT ?", (number, limit)
    ).fetchall()
    for (key,) in rows:
        unindex(connection, key)
    connection.executemany("DELETE FROM entry WHERE key = ?", rows)
    if rows:
        connection.execute("UPDATE head SET entries = 0, trashed = 0 WHERE number = ?", (number,))
        mark_untidy(connection)
    return len(rows)
