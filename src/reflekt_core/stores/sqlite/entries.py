"""Entries with their tags and the sequence of their changes."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, datetime
from itertools import compress
from typing import Any, Final
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.entries import (
    Change,
    Entry,
    EntryFilter,
    Order,
    TagCount,
    Tombstone,
    fold_tag,
)
from reflekt_core.model.events import event_of
from reflekt_core.model.paging import Page, Position, filled
from reflekt_core.ports import Entries
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.outbox import announce
from reflekt_core.stores.sqlite.rows import (
    Codec,
    conflict,
    earliest,
    latest,
    microseconds,
    number_of,
    writer,
)
from reflekt_core.stores.sqlite.search import index, mark_untidy, unindex

__all__ = ["SQLiteEntries"]

_GET: Final = """
    SELECT occurred IS NOT NULL, body FROM entry
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND id = ?
"""
_BEFORE: Final = """
    SELECT key, occurred IS NOT NULL, version, body FROM entry WHERE user = ? AND id = ?
"""
_IS_STORED: Final = "SELECT 1 FROM entry WHERE user = ? AND id = ?"
_COUNT: Final = """
    UPDATE head SET sequence = sequence + ?, entries = entries + ?, trashed = trashed + ?
    WHERE number = ? RETURNING sequence
"""
_INSERT: Final = """
    INSERT INTO entry (key, user, id, sequence, version, occurred, local_date, trashed, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
    UPDATE entry SET sequence = ?, version = ?, occurred = ?, local_date = ?, trashed = ?, body = ?
    WHERE key = ?
"""
_BY_TIME: Final = """
    SELECT e.occurred, e.id, e.body FROM entry e
    WHERE e.user = ? AND e.occurred IS NOT NULL AND e.trashed IS NULL
"""
_IN_TRASH: Final = """
    SELECT e.occurred, e.id, e.body FROM entry e
    WHERE e.user = ? AND e.trashed IS NOT NULL
"""
_BY_TAG: Final = """
    SELECT t.occurred, t.id, e.body FROM entry_tag t CROSS JOIN entry e ON e.key = t.key
    WHERE t.user = ? AND t.tag = ?
"""
_CHANGES: Final = """
    SELECT e.sequence, e.id, e.occurred IS NOT NULL, e.body FROM entry e
    WHERE e.user = (SELECT number FROM head WHERE user_id = ?) AND e.sequence > ?
    ORDER BY e.sequence
"""
_ON_DAY: Final = """
    SELECT id, body FROM entry
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND substr(local_date, 6) = ?
    AND occurred IS NOT NULL AND trashed IS NULL AND occurred <= ? AND local_date < ?
    ORDER BY occurred DESC, id DESC LIMIT ?
"""
_TAGS: Final = """
    SELECT tag, name, count FROM tag
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND tag > ? ORDER BY tag
"""
_TRASHED_BEFORE: Final = """
    SELECT h.user_id, e.id FROM entry e CROSS JOIN head h ON h.number = e.user
    WHERE e.trashed < ? ORDER BY e.trashed, e.key LIMIT ?
"""
_LEAVE: Final = "DELETE FROM entry_tag WHERE user = ? AND tag = ? AND occurred = ? AND id = ?"
_ENTER: Final = "INSERT INTO entry_tag (user, tag, occurred, id, key) VALUES (?, ?, ?, ?, ?)"
_GAIN_TAG: Final = """
    INSERT INTO tag (user, tag, name, count) VALUES (?, ?, ?, ?)
    ON CONFLICT (user, tag) DO UPDATE SET name = excluded.name, count = count + excluded.count
"""
_LOSE_TAG: Final = "UPDATE tag SET count = count - 1 WHERE user = ? AND tag = ?"
_DROP_TAG: Final = "DELETE FROM tag WHERE user = ? AND tag = ? AND count = 0"
_SPELL_TAG: Final = "UPDATE tag SET name = ? WHERE user = ? AND tag = ? AND name <> ?"

_Entry = Entry | Tombstone
_Stored = tuple[int, _Entry]
"""The key of a row, and what it holds."""


@attrs.frozen
class SQLiteEntries(Entries):
    """Entries in the table `entry`; each write is one transaction."""

    _database: Database
    _codec: Codec

    def get(self, user_id: str, entry_id: UUID) -> _Entry | None:
        """See `Entries`."""
        row = self._database.first(_GET, (user_id, entry_id.bytes))
        return None if row is None else self._read(user_id, entry_id, *row)

    def put(self, account: Account, entry: _Entry, *, replaces: int | None) -> None:
        """See `Entries`."""
        body = self._body(account, entry)
        with self._database.writing() as connection:
            number = writer(connection, account)
            stored = self._stored(connection, account, number, entry.id, replaces)
            if stored is None:
                _insert(connection, number, [(entry, body)])
            else:
                _replace(connection, number, stored, entry, body)
            event = event_of(account.user_id, stored and stored[1], entry)
            announce(connection, number, [event])

    def add(self, account: Account, entries: Sequence[Entry]) -> tuple[bool, ...]:
        """See `Entries`. All are stored in one transaction."""
        bodies = [self._body(account, entry) for entry in entries]
        with self._database.writing() as connection:
            number = writer(connection, account)
            new = _new(connection, number, entries)
            added = list(compress(zip(entries, bodies, strict=True), new))
            _insert(connection, number, added)
            events = [event_of(account.user_id, None, entry) for entry, _ in added]
            announce(connection, number, events)
        return new

    def list(
        self,
        user_id: str,
        wanted: EntryFilter,
        *,
        order: Order = Order.DESC,
        after: Position | None = None,
        limit: int = 20,
    ) -> Page[Entry]:
        """See `Entries`."""
        with self._database.snapshot() as connection:
            number = number_of(connection, user_id)
            tags = () if wanted.trashed else tuple(map(fold_tag, wanted.tag))
            rarest = _rarest(connection, number, tags) if tags else None
            if number is None or (tags and rarest is None):
                return Page(())
            select, values = _selection(number, rarest, wanted, order, after)
            with closing(connection.execute(select, values)) as rows:
                return filled(self._examined(user_id, wanted, rows), limit)

    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """See `Entries`."""
        with (
            self._database.reading() as connection,
            closing(connection.execute(_CHANGES, (user_id, since))) as rows,
        ):
            found = (
                ((n,), len(body), Change(n, self._read(user_id, UUID(bytes=id), is_entry, body)))
                for n, id, is_entry, body in rows
            )
            return filled(found, limit)

    def on_day(
        self,
        user_id: str,
        month: int,
        day: int,
        *,
        before: date | None = None,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """See `Entries`."""
        with self._database.reading() as connection:
            end = before or date(9999, 1, 1)
            values = (user_id, f"{month:02}-{day:02}", latest(end), end.isoformat(), limit)
            rows = connection.execute(_ON_DAY, values).fetchall()
        return tuple(self._entry(user_id, UUID(bytes=id), body) for id, body in rows)

    def tags(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[TagCount]:
        """See `Entries`."""
        start = after[0] if after else ""
        with (
            self._database.reading() as connection,
            closing(connection.execute(_TAGS, (user_id, start))) as rows,
        ):
            return filled((((tag,), 0, TagCount(name, count)) for tag, name, count in rows), limit)

    def counts(self, user_id: str) -> Counts:
        """See `Entries`."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT entries, trashed FROM head WHERE user_id = ?", (user_id,)
            ).fetchone()
        return Counts(*row) if row else Counts()

    def trashed_before(self, at: datetime, *, limit: int = 100) -> tuple[tuple[str, UUID], ...]:
        """See `Entries`."""
        with self._database.reading() as connection:
            rows = connection.execute(_TRASHED_BEFORE, (microseconds(at), limit)).fetchall()
        return tuple((user_id, UUID(bytes=id)) for user_id, id in rows)

    def _body(self, account: Account, entry: _Entry) -> bytes:
        return self._codec.pack(account.user_id, f"entry/{entry.id}", entry)

    def _stored(
        self,
        connection: sqlite3.Connection,
        account: Account,
        number: int,
        id: UUID,
        replaces: int | None,
    ) -> _Stored | None:
        """Return what a write of the entry *id* replaces, unless it must not."""
        row = connection.execute(_BEFORE, (number, id.bytes)).fetchone()
        if (row[2] if row else None) != replaces:
            raise conflict()
        if row is None:
            return None
        key, is_entry, _, body = row
        return key, self._read(account.user_id, id, is_entry, body)

    def _examined(
        self, user_id: str, wanted: EntryFilter, rows: Iterable[tuple[int, bytes, bytes]]
    ) -> Iterator[tuple[Position, int, Entry | None]]:
        for occurred, id, body in rows:
            entry_id = UUID(bytes=id)
            entry = self._entry(user_id, entry_id, body)
            accepted = entry if wanted.accepts(entry) else None
            yield (occurred, str(entry_id)), len(body), accepted

    def _read(self, user_id: str, id: UUID, is_entry: object, body: bytes) -> _Entry:
        if is_entry:
            return self._entry(user_id, id, body)
        return self._codec.unpack(user_id, f"entry/{id}", body, Tombstone)

    def _entry(self, user_id: str, id: UUID, body: bytes) -> Entry:
        return self._codec.unpack(user_id, f"entry/{id}", body, Entry)


# What a write changes.


def _live(entry: _Entry) -> Entry | None:
    """Return *entry* if it is one and outside the trash: such are counted, tagged and found."""
    return entry if isinstance(entry, Entry) and entry.trashed_at is None else None


def _new(connection: sqlite3.Connection, number: int, entries: Sequence[Entry]) -> tuple[bool, ...]:
    """Tell for each of *entries* whether it is new: neither stored, nor given before."""
    seen: set[bytes] = set()
    new = []
    for entry in entries:
        id = entry.id.bytes
        stored = connection.execute(_IS_STORED, (number, id)).fetchone()
        new.append(stored is None and id not in seen)
        seen.add(id)
    return tuple(new)


def _insert(
    connection: sqlite3.Connection, number: int, new: Sequence[tuple[_Entry, bytes]]
) -> None:
    """Write entries that were not there, with one statement for each table."""
    (last,) = connection.execute("SELECT coalesce(max(key), 0) FROM entry").fetchone()
    live = [(key, one) for key, (entry, _) in enumerate(new, last + 1) if (one := _live(entry))]
    trashed = sum(isinstance(entry, Entry) for entry, _ in new) - len(live)
    before = _count(connection, number, len(new), len(live), trashed) - len(new)
    rows = [
        (last + nth, number, entry.id.bytes, before + nth, *_columns(entry), body)
        for nth, (entry, body) in enumerate(new, 1)
    ]
    connection.executemany(_INSERT, rows)
    index(connection, number, live)
    _tag(connection, number, live)


def _tag(connection: sqlite3.Connection, number: int, new: Sequence[tuple[int, Entry]]) -> None:
    tagged = [(key, entry, _tags(entry)) for key, entry in new if entry.tags]
    names = {tag: name for _, _, tags in tagged for tag, name in tags.items()}
    counts = Counter(tag for _, _, tags in tagged for tag in tags)
    for statement, values in (
        (_ENTER, [(number, t, *_place(entry), key) for key, entry, tags in tagged for t in tags]),
        (_GAIN_TAG, [(number, tag, name, counts[tag]) for tag, name in names.items()]),
    ):
        if values:
            connection.executemany(statement, values)


def _replace(
    connection: sqlite3.Connection, number: int, stored: _Stored, entry: _Entry, body: bytes
) -> None:
    """Write a new version in the place of what is *stored*."""
    key, before = stored
    was, now = _live(before) is not None, _live(entry) is not None
    was_trashed = isinstance(before, Entry) and not was
    is_trashed = isinstance(entry, Entry) and not now
    sequence = _count(connection, number, 1, now - was, is_trashed - was_trashed)
    connection.execute(_UPDATE, (sequence, *_columns(entry), body, key))
    _reindex(connection, number, key, before, entry)
    _retag(connection, number, key, before, entry)


def _reindex(
    connection: sqlite3.Connection, number: int, key: int, before: _Entry, after: _Entry
) -> None:
    old, new = _live(before), _live(after)
    if old and new and (old.title, old.content) == (new.title, new.content):
        return
    if old:
        unindex(connection, key)
    if new:
        index(connection, number, [(key, new)])
    if isinstance(after, Tombstone) and isinstance(before, Entry):
        mark_untidy(connection)


def _retag(
    connection: sqlite3.Connection, number: int, key: int, before: _Entry, after: _Entry
) -> None:
    old, new = _tags(_live(before)), _tags(_live(after))
    if not old and not new:
        return
    moved = _place(before) != _place(after)
    lost = [(number, tag) for tag in old if tag not in new]
    for statement, values in (
        (_LEAVE, [(number, tag, *_place(before)) for tag in old if moved or tag not in new]),
        (_ENTER, [(number, tag, *_place(after), key) for tag in new if moved or tag not in old]),
        (_LOSE_TAG, lost),
        (_DROP_TAG, lost),
        (_GAIN_TAG, [(number, tag, name, 1) for tag, name in new.items() if tag not in old]),
        (_SPELL_TAG, [(name, number, tag, name) for tag, name in new.items() if tag in old]),
    ):
        if values:
            connection.executemany(statement, values)


def _count(
    connection: sqlite3.Connection, number: int, changes: int, entries: int, trashed: int
) -> int:
    """Add to the user's counts, and return the number of the last change."""
    row = connection.execute(_COUNT, (changes, entries, trashed, number)).fetchone()
    return int(row[0])


def _columns(entry: _Entry) -> tuple[Any, ...]:
    """Return what stands in columns of its own: version, time, local date, time of trashing."""
    if isinstance(entry, Tombstone):
        return entry.version, None, None, None
    trashed = microseconds(entry.trashed_at) if entry.trashed_at else None
    occurred, local_date = microseconds(entry.occurred_at), entry.local_date.isoformat()
    return entry.version, occurred, local_date, trashed


def _tags(entry: Entry | None) -> dict[str, str]:
    return {fold_tag(tag): tag for tag in entry.tags} if entry else {}


def _place(entry: _Entry) -> tuple[int, bytes] | tuple[()]:
    """Return where a list has *entry*; nowhere, if it is a tombstone."""
    return (microseconds(entry.occurred_at), entry.id.bytes) if isinstance(entry, Entry) else ()


# What a list reads.


def _rarest(
    connection: sqlite3.Connection, number: int | None, tags: tuple[str, ...]
) -> str | None:
    """Return the tag among *tags* that the fewest entries carry; None if one is on no entry."""
    found: list[tuple[int, str]] = []
    for tag in tags:
        row = connection.execute(
            "SELECT count FROM tag WHERE user = ? AND tag = ?", (number, tag)
        ).fetchone()
        if row is None:
            return None
        found.append((row[0], tag))
    return min(found)[1]


def _selection(
    number: int,
    tag: str | None,
    wanted: EntryFilter,
    order: Order,
    after: Position | None,
) -> tuple[str, list[Any]]:
    """Return the select of rows that may be wanted, in order, as a range of an index."""
    t = "t" if tag is not None else "e"
    select = _BY_TAG if tag is not None else _IN_TRASH if wanted.trashed else _BY_TIME
    values: list[Any] = [number] if tag is None else [number, tag]
    low, high = earliest(wanted.from_), latest(wanted.to)
    if after:
        bound = ">" if order is Order.ASC else "<"
        select += f" AND ({t}.occurred, {t}.id) {bound} (?, ?)"
        values += [after[0], UUID(str(after[1])).bytes]
    # On the side of the position, only that bounds the range: it lies within the other bound.
    if low is not None and not (after and order is Order.ASC):
        select += f" AND {t}.occurred >= ?"
        values.append(low)
    if high is not None and not (after and order is Order.DESC):
        select += f" AND {t}.occurred <= ?"
        values.append(high)
    # Dates are compared with the local date. Here, too, so that what lies beside is not opened.
    for moment, bound in ((wanted.from_, ">="), (wanted.to, "<=")):
        if moment is not None and not isinstance(moment, datetime):
            select += f" AND e.local_date {bound} ?"
            values.append(moment.isoformat())
    direction = order.value.upper()
    return f"{select} ORDER BY {t}.occurred {direction}, {t}.id {direction}", values
