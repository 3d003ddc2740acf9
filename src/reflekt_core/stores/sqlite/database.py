"""Connections to a SQLite file: how they are opened, shared, and what their errors mean."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from weakref import WeakSet

from reflekt_core.errors import ReflektError, StoreError, Unavailable
from reflekt_core.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS

__all__ = ["Database"]

_PRAGMAS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # on macOS, fsync alone leaves data in the drive's cache
    "PRAGMA secure_delete = ON",  # what was deleted is overwritten with zeros
    "PRAGMA temp_store = MEMORY",  # no text in temporary files
)
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_SAID: Final = {
    sqlite3.SQLITE_FULL: "the disk is full: make room and try again",
    sqlite3.SQLITE_READONLY: "the journal's file or folder is read-only",
    sqlite3.SQLITE_PERM: "the journal's file may not be used by this user",
    sqlite3.SQLITE_CANTOPEN: "the journal's file cannot be opened or created",
    sqlite3.SQLITE_CORRUPT: "the journal's file is damaged: restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not a Reflekt journal; it was left as it is",
    sqlite3.SQLITE_IOERR: "the journal's file cannot be read or written",
}
_ALONE: Final = threading.Lock()
_INHERITED: Final[list["_Pool"]] = []
_OPEN: Final["WeakSet[Database]"] = WeakSet()


class _Pool:
    """The idle connections of one process, and the lock its writers queue at."""

    def __init__(self) -> None:
        self.idle: list[sqlite3.Connection] = []
        # SQLite lets writers wait by polling with growing pauses; a lock hands over at once.
        self.writer = threading.Lock()


class Database:
    """
    A journal's file, from any thread and, with others, from several processes.

    Raises:
        StoreError: The file is not a journal, is newer than this program, or cannot be used.
        Unavailable: It is locked for longer than *timeout_seconds*.
    """

    def __init__(self, path: str, *, timeout_seconds: float = 5.0) -> None:
        self._path = path
        self._timeout = timeout_seconds
        self._closed = False
        self._pool = _Pool()
        _OPEN.add(self)
        _create(path)
        self._identity = _identity(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one select."""
        connection = self._take()
        try:
            yield connection
        except sqlite3.Error as error:
            # Without its cause: the message may quote what was searched for.
            raise _meaning(error) from None
        finally:
            self._give_back(connection)

    def first(self, select: str, values: tuple[object, ...]) -> tuple[Any, ...] | None:
        """Return the first row of a select, or None: `reading` for what runs in every request."""
        connection = self._take()
        try:
            return connection.execute(select, values).fetchone()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise _meaning(error) from None
        finally:
            self._give_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection whose selects all see the same moment."""
        with self.reading() as connection:
            connection.execute("BEGIN")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction, kept if the block ends well, else undone."""
        lock = self._pool.writer
        if not lock.acquire(timeout=self._timeout):
            raise Unavailable("the journal is busy with other writes; try again")
        try:
            with self.reading() as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                self._check_place()
                connection.execute("COMMIT")
        finally:
            lock.release()

    def checkpoint(self) -> None:
        """Move what is in the write-ahead log to the file and empty the log, unless it is in use."""
        with self.reading() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def backup(self, path: str) -> None:
        """
        Write a consistent copy to the new file *path*, readable by its owner alone.

        Raises:
            StoreError: The file exists or cannot be written.
        """
        if not _new_file(path):
            raise StoreError(f"{path} exists already: name a new file for the backup")
        try:
            with self.reading() as source:
                _copy(source, path)
        except BaseException:
            Path(path).unlink()
            raise

    def close(self) -> None:
        """Close every connection; those lent out follow when they come back."""
        self._closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._pool.idle:
            self._pool.idle.pop().close()

    def leave_to_parent(self) -> None:
        """
        Begin with connections of one's own, in a forked child.

        It must not use, nor even close, what its parent opened:
        https://www.sqlite.org/howtocorrupt.html, section 2.6.
        """
        _INHERITED.append(self._pool)
        self._pool = _Pool()

    def _take(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError("the store is closed")
        try:
            return self._pool.idle.pop()
        except IndexError:
            return self._open()

    def _check_place(self) -> None:
        # A file that was deleted or moved can still be written to, and what is written is lost.
        if _identity(self._path) != self._identity:
            raise StoreError(
                "the journal's file was deleted, moved or replaced: put it back, or start again; "
                "nothing was written"
            )

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        self._pool.idle.append(connection)
        if self._closed:
            self._close_idle()

    def _open(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                f"file:{quote(os.fsencode(self._path))}?mode=rw",  # never makes a file: see _create
                uri=True,
                timeout=self._timeout,
                isolation_level=None,  # transactions are begun and ended here, never implied
                check_same_thread=False,  # lent to one thread at a time
                cached_statements=256,
            )
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise _meaning(error) from None
        return connection

    def _prepare(self) -> None:
        # Switching to WAL does not wait for locks as other statements do: several processes may
        # be making the same new file.
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                with self.reading() as connection:
                    self._bring_up_to_date(connection)
            except Unavailable:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    def _bring_up_to_date(self, connection: sqlite3.Connection) -> None:
        version = self._version(connection)
        if _ask(connection, "PRAGMA journal_mode") != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        for number in range(version + 1, len(MIGRATIONS) + 1):
            connection.execute("BEGIN IMMEDIATE")
            if int(_ask(connection, "PRAGMA user_version")) < number:
                for statement in MIGRATIONS[number - 1]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")

    def _version(self, connection: sqlite3.Connection) -> int:
        """Return the version of the file's schema, 0 if it is new, or refuse the file."""
        connection.execute("BEGIN")
        version = int(_ask(connection, "PRAGMA user_version"))
        ours = _ask(connection, "PRAGMA application_id") == APPLICATION_ID
        empty = _ask(connection, "SELECT count(*) FROM sqlite_schema") == 0
        connection.execute("COMMIT")
        if not ours and (version or not empty):
            raise StoreError(f"{self._path} is not a Reflekt journal; it was left as it is")
        if version > len(MIGRATIONS):
            raise StoreError(
                f"{self._path} was written by a newer Reflekt (schema {version}, this one knows up "
                f"to {len(MIGRATIONS)}): use a newer Reflekt; the file was left as it is"
            )
        return version


def _forked() -> None:
    for database in list(_OPEN):
        database.leave_to_parent()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_forked)


def _ask(connection: sqlite3.Connection, question: str) -> int | str:
    (answer,) = connection.execute(question).fetchone()
    return answer  # type: ignore[no-any-return]  # of a pragma or a count


def _create(path: str) -> None:
    # SQLite would make the file readable for everybody. Under a lock, because closing any
    # descriptor of a file drops the locks that other connections of this process hold on it.
    with _ALONE:
        if not Path(path).exists():
            _new_file(path)


def _identity(path: str) -> tuple[int, int] | None:
    """Return which file is at *path*, whatever its name; None if there is none."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _new_file(path: str) -> bool:
    """Make an empty file for its owner alone; tell whether there was none yet."""
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise StoreError(f"the folder {folder} does not exist: make it first")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return False
    except OSError as error:
        raise StoreError(f"{path} cannot be created: {error.strerror}") from error
    return True


def _copy(source: sqlite3.Connection, path: str) -> None:
    target = sqlite3.connect(path, isolation_level=None)
    try:
        source.backup(target)
    finally:
        target.close()


def _meaning(error: sqlite3.Error) -> ReflektError:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code in _BUSY:
        return Unavailable("the journal is locked by another program; try again")
    name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
    return StoreError(_SAID.get(code, "SQLite refused what was asked of it") + f" ({name})")
