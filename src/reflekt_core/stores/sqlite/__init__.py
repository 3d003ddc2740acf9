"""
The embedded store: a journal in one SQLite file.

The file is in WAL mode and every commit is flushed to the disk. It may be used from several threads
and processes at once.
"""

from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qs

from reflekt_core.errors import ConfigurationError
from reflekt_core.ports import Cipher, Records, Store
from reflekt_core.stores.sqlite.accounts import SQLiteAccounts
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.derived import SQLiteAggregates, SQLiteInsights
from reflekt_core.stores.sqlite.entries import SQLiteEntries
from reflekt_core.stores.sqlite.outbox import SQLiteOutbox
from reflekt_core.stores.sqlite.records import SQLiteRecords, purge_expired
from reflekt_core.stores.sqlite.rows import Codec
from reflekt_core.stores.sqlite.search import SQLiteSearch, tidy_index

__all__ = ["SQLiteStore"]

T = TypeVar("T")

_WRONG = (
    "a SQLite store is named sqlite:///journal.db, or sqlite:////folder/journal.db for an absolute "
    "path, optionally with ?timeout=5, the seconds to wait for a lock"
)


class SQLiteStore(Store):
    """
    The store at ``sqlite:///path``; a path that begins with another slash is absolute.

    Args:
        url: May end in ``?timeout=5``, the seconds to wait while somebody else writes.
        cipher: Seals the bodies of rows. Ids, times, tags and the search index stay readable.

    Raises:
        ConfigurationError: The URL is not as above.
        StoreError: The file is no journal, is newer than this program, or cannot be used.
        Unavailable: It is locked.
    """

    def __init__(self, url: str, cipher: Cipher) -> None:
        path, timeout_seconds = _parsed(url)
        self._database = Database(path, timeout_seconds=timeout_seconds)
        self._codec = codec = Codec(cipher)
        self.accounts = SQLiteAccounts(self._database, codec)
        self.entries = SQLiteEntries(self._database, codec)
        self.search = SQLiteSearch(self._database, codec)
        self.insights = SQLiteInsights(self._database, codec)
        self.aggregates = SQLiteAggregates(self._database, codec)
        self.outbox = SQLiteOutbox(self._database)

    def records(self, kind: type[T]) -> Records[T]:
        """See `Store`."""
        return SQLiteRecords(self._database, self._codec, kind)

    def purge_expired(self, now: datetime, *, limit: int = 100) -> int:
        """See `Store`. Also goes on clearing words of deleted entries out of the search index."""
        purged = purge_expired(self._database, now, limit)
        tidy_index(self._database)
        return purged

    def backup(self, path: str) -> None:
        """See `Store`."""
        self._database.backup(path)

    def close(self) -> None:
        """See `Store`."""
        self._database.close()


def _parsed(url: str) -> tuple[str, float]:
    """Return path and seconds to wait."""
    place, _, query = url.partition("?")
    scheme, slashes, path = place.partition(":///")
    try:
        options = parse_qs(query, strict_parsing=True) if query else {}
        (timeout,) = options.pop("timeout", ["5"])
        timeout_seconds = float(timeout)
    except ValueError:
        raise ConfigurationError(_WRONG) from None
    if (scheme, slashes) != ("sqlite", ":///") or not path or options:
        raise ConfigurationError(_WRONG)
    if not 0 <= timeout_seconds <= 3600:  # noqa: PLR2004 - an hour
        raise ConfigurationError(_WRONG)
    return path, timeout_seconds
