"""
Full-text search in FTS5, and the index behind it.

All users share one index. Every token carries its user's number in front, such as ``12xsea``: what
a query finds, what it costs and how common a word is are the user's own. Two figures of bm25 are
those of the whole index, the number of texts and their mean length; nobody's words are in them.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from operator import itemgetter
from typing import Final
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter
from reflekt_core.model.paging import MOST_EXAMINED, Page, Position, filled
from reflekt_core.model.search import Match, Query, Term, fold
from reflekt_core.ports import Search
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.rows import Codec, number_of, writer

__all__ = ["SQLiteSearch", "index", "mark_untidy", "tidy", "tidy_index", "unindex"]

# The plus keeps FTS5 from sorting every hit itself, where SQLite keeps only the best in mind, and
# from taking `rank = ...` for the choice of a ranking function.
_BEST: Final = "SELECT rowid, rank FROM text WHERE text MATCH ? ORDER BY +rank LIMIT ?"
_EQUALS: Final = "SELECT rowid FROM text WHERE text MATCH ? AND +rank = ?"
_TIMES: Final = """
    SELECT key FROM entry WHERE key IN (SELECT value FROM json_each(?))
    ORDER BY occurred DESC, id DESC LIMIT ?
"""
_TIMELINE: Final = """
    SELECT key FROM entry WHERE user = ? AND occurred IS NOT NULL AND trashed IS NULL
    ORDER BY occurred DESC, id DESC
"""
_ENTRY: Final = "SELECT id, body FROM entry WHERE key = ?"
_NEXT: Final = """
    SELECT key, id, body, occurred IS NOT NULL AND trashed IS NULL FROM entry
    WHERE user = ? AND id > ? ORDER BY id LIMIT ?
"""
_LEAST_SCORE: Final = 1e-9
_MANY: Final = 1000
_SPARE: Final = 100
"""How many hits beyond the page are taken, to have all that are as good as its last one."""
_TIDIED_PAGES: Final = 500

_Ranked = tuple[int, float]


@attrs.frozen
class SQLiteSearch(Search):
    """Search in the index that `SQLiteEntries` keeps up to date in its own transactions."""

    _database: Database
    _codec: Codec

    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """See `Search`. Hits that *wanted* leaves out count in the offset, too."""
        if wanted.trashed:
            return Page(())
        reach = offset + (limit if wanted == EntryFilter() else MOST_EXAMINED)
        with self._database.snapshot() as connection:
            number = number_of(connection, user_id)
            if number is None:
                return Page(())
            found = _ranked(connection, number, _expression(number, query), offset, reach + 1)
            rows = self._examined(connection, user_id, wanted, enumerate(found, offset + 1))
            return filled(rows, limit)

    def update(self, account: Account, entry_id: UUID) -> None:
        """Do nothing: the entry's own write keeps the index."""

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> Position | None:
        """See `Search`."""
        with self._database.writing() as connection:
            number = writer(connection, account)
            start = UUID(str(after[0])).bytes if after else b""
            rows = connection.execute(_NEXT, (number, start, limit)).fetchall()
            for key, id, body, findable in rows:
                unindex(connection, key)
                if findable:
                    entry = self._codec.unpack(
                        account.user_id, f"entry/{UUID(bytes=id)}", body, Entry
                    )
                    index(connection, number, [(key, entry)])
        return (str(UUID(bytes=rows[-1][1])),) if len(rows) == limit else None

    def _examined(
        self,
        connection: sqlite3.Connection,
        user_id: str,
        wanted: EntryFilter,
        found: Iterator[tuple[int, _Ranked]],
    ) -> Iterator[tuple[Position, int, Match | None]]:
        for position, (key, rank) in found:
            id, body = connection.execute(_ENTRY, (key,)).fetchone()
            entry = self._codec.unpack(user_id, f"entry/{UUID(bytes=id)}", body, Entry)
            match = Match(entry, max(-rank, _LEAST_SCORE)) if wanted.accepts(entry) else None
            yield (position,), len(body), match


def index(
    connection: sqlite3.Connection, number: int, entries: Iterable[tuple[int, Entry]]
) -> None:
    """Make *entries*, each with its key, findable for the user *number*."""
    connection.executemany(
        "INSERT INTO text (rowid, title, content) VALUES (?, ?, ?)",
        [
            (key, _words(number, fold(entry.title)), _words(number, fold(entry.content)))
            for key, entry in entries
        ],
    )


def unindex(connection: sqlite3.Connection, key: int) -> None:
    """Take the entry with this *key* out of the index."""
    connection.execute("DELETE FROM text WHERE rowid = ?", (key,))


def mark_untidy(connection: sqlite3.Connection) -> None:
    """Remember that the index still holds words of what was deleted."""
    connection.execute("UPDATE tidying SET stage = 1 WHERE stage <> 1")


def tidy(connection: sqlite3.Connection) -> bool:
    """
    Do a bounded piece of clearing deleted words out of the index; tell whether more is left.

    FTS5 only notes that a row's words are gone, and drops them when it merges its segments. So all
    of them are merged, a few hundred pages at a time. (Its option ``secure-delete`` would make the
    file unreadable for SQLite before 3.42.)
    """
    (stage,) = connection.execute("SELECT stage FROM tidying").fetchone()
    if not stage:
        return False
    before = connection.total_changes
    # A negative number begins to merge all segments, a positive one goes on.
    pages = -_TIDIED_PAGES if stage == 1 else _TIDIED_PAGES
    connection.execute("INSERT INTO text (text, rank) VALUES ('merge', ?)", (pages,))
    # "If the difference is less than 2, the merge did nothing": https://www.sqlite.org/fts5.html
    more = connection.total_changes - before > 1
    connection.execute("UPDATE tidying SET stage = ?", (2 if more else 0,))
    return more


def tidy_index(database: Database) -> None:
    """Clear the words of deleted entries out of the index and the file, step by step."""
    with database.reading() as connection:
        (stage,) = connection.execute("SELECT stage FROM tidying").fetchone()
    while stage:
        with database.writing() as connection:
            stage = tidy(connection)
        if not stage:
            # What was deleted still stands in the log until others have written over it.
            database.checkpoint()


def _words(number: int, tokens: Sequence[str]) -> str:
    mark = f"{number}x"
    return mark + f" {mark}".join(tokens) if tokens else ""


def _expression(number: int, query: Query) -> str:
    """Return *query* in FTS5's own syntax."""
    found = [_phrase(number, term) for term in query.terms if not term.excluded]
    left_out = [_phrase(number, term) for term in query.terms if term.excluded]
    expression = " AND ".join(found)
    return f"({expression}) NOT ({' OR '.join(left_out)})" if left_out else expression


def _phrase(number: int, term: Term) -> str:
    quoted = _words(number, term.tokens).replace('"', '""')
    return f'"{quoted}"{" *" if term.prefix else ""}'


def _ranked(
    connection: sqlite3.Connection, number: int, expression: str, offset: int, end: int
) -> list[_Ranked]:
    """Return the hits from place *offset* up to *end*, best first, of equal ones the newest."""
    found = connection.execute(_BEST, (expression, end + _SPARE)).fetchall()
    ordered: list[_Ranked] = []
    for rank, group in groupby(found, key=itemgetter(1)):
        keys = [key for key, _ in group]
        at = len(ordered)
        if at >= end:
            break
        if at + len(keys) == end + _SPARE:  # there may be more of them
            keys = [key for (key,) in connection.execute(_EQUALS, (expression, rank))]
        if len(keys) > 1 and at + len(keys) > offset:
            keys = _newest(connection, number, keys, end - at)
        ordered += [(key, rank) for key in keys]
    return ordered[offset:end]


def _newest(connection: sqlite3.Connection, number: int, keys: list[int], limit: int) -> list[int]:
    """Return the *limit* newest of the entries *keys*, newest first."""
    if len(keys) < _MANY:
        rows = connection.execute(_TIMES, (json.dumps(keys), limit))
        return [key for (key,) in rows]
    # Of many hits some come soon when one goes back in time; looking each up would cost more.
    wanted = set(keys)
    with closing(connection.execute(_TIMELINE, (number,))) as timeline:
        return list(islice((key for (key,) in timeline if key in wanted), min(limit, len(keys))))
