"""
Documents in one table, in transactions: all that the store knows of its database.

To move the store to another database, write these four classes again. What it has to promise: a
transaction happens whole or not at all, whoever writes is alone, and what was kept is on disk.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import attrs

from reflekt_core.errors import StoreError, Unavailable
from reflekt_core.ports import Cipher
from reflekt_core.serialization import dump, load

__all__ = ["Document", "Documents", "Transaction"]

T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    user_id TEXT NOT NULL,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    due REAL,
    body BLOB NOT NULL,
    UNIQUE (kind, user_id, key)
)
"""
SELECT = "SELECT id, user_id, key, number, due, body FROM documents WHERE "
KEEP = """
INSERT INTO documents (kind, user_id, key, number, due, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (kind, user_id, key)
DO UPDATE SET number = excluded.number, due = excluded.due, body = excluded.body
"""
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


@attrs.frozen
class Document(Generic[T]):
    """
    A value, and where it is kept.

    `id` is greater than that of every document before. `number` is for the store to use, and `due`
    is when it may be forgotten or tried again, in seconds since 1970.
    """

    id: int
    user_id: str
    key: str
    number: int
    due: float | None
    value: T


class Transaction:
    """What can be done with documents: find, keep, drop."""

    def __init__(self, connection: sqlite3.Connection, cipher: Cipher) -> None:
        self._connection = connection
        self._cipher = cipher

    def get(self, kind: type[T], user_id: str, key: str) -> Document[T] | None:
        """Return the user's document under *key*."""
        where = "kind = ? AND user_id = ? AND key = ?"
        return next(iter(self._found(kind, where, user_id, key)), None)

    def of_user(self, kind: type[T], user_id: str) -> list[Document[T]]:
        """Return the user's documents of a kind, the oldest first."""
        return self._found(kind, "kind = ? AND user_id = ? ORDER BY id", user_id)

    def of_all(self, kind: type[T]) -> list[Document[T]]:
        """Return everybody's documents of a kind, the oldest first."""
        return self._found(kind, "kind = ? ORDER BY id")

    def _found(self, kind: type[T], where: str, *values: str) -> list[Document[T]]:
        rows = self._connection.execute(SELECT + where, (kind.__name__, *values))
        return [
            Document(id, user_id, key, number, due, self._opened(kind, user_id, key, body))
            for id, user_id, key, number, due, body in rows
        ]

    def _opened(self, kind: type[T], user_id: str, key: str, body: bytes) -> T:
        # `load` also reads what an older Reflekt wrote.
        return load(self._cipher.open(user_id, f"{kind.__name__}/{key}", body), kind)

    def keep(
        self, user_id: str, key: str, value: Any, *, number: int = 0, due: datetime | None = None
    ) -> None:
        """Keep *value*, in the place of what is under its kind, user and key."""
        kind = type(value).__name__
        body = self._cipher.seal(user_id, f"{kind}/{key}", dump(value))
        at = due and due.timestamp()
        self._connection.execute(KEEP, (kind, user_id, key, number, at, body))

    def drop(self, kind: type, user_id: str, key: str) -> int:
        """Forget the document, if there is one, and return how many that were."""
        where = "DELETE FROM documents WHERE kind = ? AND user_id = ? AND key = ?"
        return self._connection.execute(where, (kind.__name__, user_id, key)).rowcount

    def drop_some(self, user_id: str, spared: list[tuple[str, str]], limit: int) -> int:
        """Forget up to *limit* documents of the user, of every kind and key but the *spared*."""
        rows = self._connection.execute(
            "SELECT id, kind, key FROM documents WHERE user_id = ?", (user_id,)
        ).fetchall()
        doomed = [(id,) for id, kind, key in rows if (kind, key) not in spared][:limit]
        self._connection.executemany("DELETE FROM documents WHERE id = ?", doomed)
        return len(doomed)

    def drop_due(self, now: datetime, but: type, limit: int) -> int:
        """Forget up to *limit* documents that are due, of every kind *but* one."""
        which = "SELECT id FROM documents WHERE due <= ? AND kind <> ? LIMIT ?"
        values = (now.timestamp(), but.__name__, limit)
        return self._connection.execute(
            f"DELETE FROM documents WHERE id IN ({which})",  # noqa: S608 - it stands above
            values,
        ).rowcount


class Documents:
    """
    A file of documents.

    Raises:
        StoreError: It cannot be used.
    """

    def __init__(self, path: str, cipher: Cipher) -> None:
        self._path = path
        self._cipher = cipher
        self._lock = threading.Lock()
        with self._errors():
            Path(path).touch(0o600)  # for its owner alone
            self._connection = sqlite3.connect(
                Path(path).absolute(), timeout=5, isolation_level=None, check_same_thread=False
            )
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.execute("PRAGMA synchronous = FULL")  # on disk when acknowledged
                self._connection.execute(SCHEMA)
            except sqlite3.Error:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give a transaction, kept if the block ends well and undone if it does not."""
        with self._lock, self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Transaction(self._connection, self._cipher)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def backup(self, path: str) -> None:
        """Write a copy to the new file *path*."""
        with self._lock, self._errors(path):
            Path(path).touch(0o600, exist_ok=False)
            with closing(sqlite3.connect(Path(path).absolute())) as copy:
                self._connection.backup(copy)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _errors(self, path: str | None = None) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            # Without its cause, which may quote what is kept.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in BUSY:
                raise Unavailable("the journal is busy; try again") from None
            name = getattr(error, "sqlite_errorname", "it is closed")
            reason = error.strerror if isinstance(error, OSError) else name
            raise StoreError(f"{path or self._path} cannot be used: {reason}") from None
