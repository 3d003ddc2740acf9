"""Entries with their tags and the sequence of their changes."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import attrs

from reflekt_core.errors import VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.entries import (
    Change,
    Entry,
    EntryFilter,
    Moment,
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
    erased,
    microseconds,
    number_of,
)
from reflekt_core.stores.sqlite.search import index, mark_untidy, unindex

__all__ = ["SQLiteEntries"]

_GET: Final = """
    SELECT occurred IS NOT NULL, body FROM entry
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND id = ?
"""
_BEFORE: Final = """
    SELECT h.number, h.sequence, h.epoch, h.erasing, e.key, e.occurred IS NOT NULL, e.version, e.body
    FROM head h LEFT JOIN entry e ON e.user = h.number AND e.id = ? WHERE h.user_id = ?
"""
_NOTHING: Final = (None, 0, 0, 0, None, None, None, None)
_COUNT: Final = """
    UPDATE head SET sequence = ?, entries = entries + ?, trashed = trashed + ? WHERE number = ?
"""
_INSERT: Final = """
    INSERT INTO entry (key, user, id, version, sequence, occurred, local_date, trashed, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE: Final = """
    UPDATE entry SET version = ?, sequence = ?, occurred = ?, local_date = ?, trashed = ?, body = ?
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
    INSERT INTO tag (user, tag, name, count) VALUES (?, ?, ?, 1)
    ON CONFLICT (user, tag) DO UPDATE SET name = excluded.name, count = count + 1
"""
_LOSE_TAG: Final = "UPDATE tag SET count = count - 1 WHERE user = ? AND tag = ?"
_DROP_TAG: Final = "DELETE FROM tag WHERE user = ? AND tag = ? AND count = 0"
_SPELL_TAG: Final = "UPDATE tag SET name = ? WHERE user = ? AND tag = ? AND name <> ?"

# How far the instant of an entry may lie from its local date, at 0 h UTC: the zone may be 15 h
# away, the day may begin 23 h late, and has 24 h itself.
_MARGIN: Final = timedelta(days=3)

_Entry = Entry | Tombstone


@attrs.frozen
class _Stored:
    """What a write finds: the user's head, and the row it would replace."""

    number: int
    sequence: int
    key: int | None = None
    entry: _Entry | None = None


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
            self._store(connection, account, entry, body, replaces)

    def add(self, account: Account, entries: Sequence[Entry]) -> tuple[bool, ...]:
        """See `Entries`. All are stored in one transaction."""
        bodies = [self._body(account, entry) for entry in entries]
        with self._database.writing() as connection:
            return tuple(
                self._is_stored(connection, account, entry, body)
                for entry, body in zip(entries, bodies, strict=True)
            )

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
            values = (user_id, f"{month:02}-{day:02}", _latest(end), end.isoformat(), limit)
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

    def _is_stored(
        self, connection: sqlite3.Connection, account: Account, entry: Entry, body: bytes
    ) -> bool:
        try:
            self._store(connection, account, entry, body, None)
        except VersionConflict:
            return False
        return True

    def _store(
        self,
        connection: sqlite3.Connection,
        account: Account,
        entry: _Entry,
        body: bytes,
        replaces: int | None,
    ) -> None:
        stored = self._stored(connection, account, entry.id, replaces)
        before, number = stored.entry, stored.number
        _count(connection, stored, entry)
        key = _write(connection, stored, entry, body)
        _index(connection, number, key, before, entry)
        _tag(connection, number, key, before, entry)
        announce(connection, number, event_of(account.user_id, before, entry))

    def _stored(
        self, connection: sqlite3.Connection, account: Account, id: UUID, replaces: int | None
    ) -> _Stored:
        """Return what the write of the entry *id* finds, unless it must not be."""
        user_id = account.user_id
        row = connection.execute(_BEFORE, (id.bytes, user_id)).fetchone()
        number, sequence, epoch, erasing, key, is_entry, version, body = row or _NOTHING
        if epoch != account.epoch or erasing:
            raise erased()
        if version != replaces:
            raise conflict()
        if number is None:
            made = connection.execute("INSERT INTO head (user_id) VALUES (?)", (user_id,))
            return _Stored(made.lastrowid or 0, 0)
        if body is None:
            return _Stored(number, sequence)
        return _Stored(number, sequence, key, self._read(user_id, id, is_entry, body))

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


def _live(entry: _Entry | None) -> Entry | None:
    """Return *entry* if it is one and outside the trash: such are counted, tagged and found."""
    return entry if isinstance(entry, Entry) and entry.trashed_at is None else None


def _count(connection: sqlite3.Connection, stored: _Stored, entry: _Entry) -> None:
    before = stored.entry
    was, now = _live(before) is not None, _live(entry) is not None
    was_trashed = isinstance(before, Entry) and not was
    is_trashed = isinstance(entry, Entry) and not now
    changes = (stored.sequence + 1, now - was, is_trashed - was_trashed, stored.number)
    connection.execute(_COUNT, changes)


def _write(connection: sqlite3.Connection, stored: _Stored, entry: _Entry, body: bytes) -> int:
    occurred = local_date = trashed = None
    if isinstance(entry, Entry):
        occurred, local_date = microseconds(entry.occurred_at), entry.local_date.isoformat()
        trashed = microseconds(entry.trashed_at) if entry.trashed_at else None
    facts = (entry.version, stored.sequence + 1, occurred, local_date, trashed, body)
    if stored.key is None:
        made = connection.execute(_INSERT, (None, stored.number, entry.id.bytes, *facts))
        return made.lastrowid or 0
    connection.execute(_UPDATE, (*facts, stored.key))
    return stored.key


def _index(
    connection: sqlite3.Connection, number: int, key: int, before: _Entry | None, after: _Entry
) -> None:
    old, new = _live(before), _live(after)
    if old and new and (old.title, old.content) == (new.title, new.content):
        return
    if old:
        unindex(connection, key)
    if new:
        index(connection, number, key, new)
    if isinstance(after, Tombstone) and isinstance(before, Entry):
        mark_untidy(connection)


def _tag(
    connection: sqlite3.Connection, number: int, key: int, before: _Entry | None, after: _Entry
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
        (_GAIN_TAG, [(number, tag, name) for tag, name in new.items() if tag not in old]),
        (_SPELL_TAG, [(name, number, tag, name) for tag, name in new.items() if tag in old]),
    ):
        if values:
            connection.executemany(statement, values)


def _tags(entry: Entry | None) -> dict[str, str]:
    return {fold_tag(tag): tag for tag in entry.tags} if entry else {}


def _place(entry: _Entry | None) -> tuple[int, bytes] | tuple[()]:
    """Return where a list has *entry*; nowhere, if it is none."""
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
    low, high = _earliest(wanted.from_), _latest(wanted.to)
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


def _earliest(moment: Moment | None) -> int | None:
    if moment is None:
        return None
    return microseconds(moment if isinstance(moment, datetime) else _midnight(moment) - _MARGIN)


def _latest(moment: Moment | None) -> int | None:
    if moment is None:
        return None
    return microseconds(moment if isinstance(moment, datetime) else _midnight(moment) + _MARGIN)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
