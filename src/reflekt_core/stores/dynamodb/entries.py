"""Entries with their tags and the sequence of their changes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final
from uuid import UUID

import attrs

from reflekt_core.errors import ReflektError, StoreError
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
from reflekt_core.model.paging import MOST_EXAMINED, Page, Position, filled
from reflekt_core.ports import Entries
from reflekt_core.stores.dynamodb.database import (
    MAX_WRITES,
    Database,
    Write,
    changed,
    checked,
    conflict,
    fence_parts,
    guarded,
    refused,
)
from reflekt_core.stores.dynamodb.heads import Heads
from reflekt_core.stores.dynamodb.outbox import told
from reflekt_core.stores.dynamodb.tables import (
    HEAD,
    SHARDS,
    Codec,
    Item,
    binary,
    due,
    entry_key,
    microseconds,
    number,
    string,
    time_key,
    whole,
)
from reflekt_core.stores.dynamodb.tags import (
    counted_tags,
    places,
    sweep,
    tag_counts,
    tag_range,
    tags_of,
)
from reflekt_core.stores.dynamodb.transport import Cancelled

__all__ = ["DynamoDBEntries"]

TABLE: Final = "entries"
LIVE: Final = "L"
TRASH: Final = "T"

# A local index counts towards the 400 KB of an item: what is longer stands beside it.
_LONGEST_INSIDE: Final = 150 * 1024
_FILTERED_AT_ONCE: Final = 200
# How far the instant of an entry may lie from its local date, at 0 h UTC: the zone may be 15 h
# away, the day may begin 23 h late, and has 24 h itself.
_MARGIN: Final = timedelta(days=3)

_Entry = Entry | Tombstone
_Writes = list[Write]
_Numbers = list[int]


@attrs.frozen
class DynamoDBEntries(Entries):
    """Entries in the table `entries`; each write is one transaction."""

    _database: Database
    _codec: Codec
    _heads: Heads

    def get(self, user_id: str, entry_id: UUID) -> _Entry | None:
        """See `Entries`."""
        item = self._database.get(TABLE, user_id, entry_key(entry_id))
        return self._read(user_id, item) if item else None

    def many(self, user_id: str, entry_ids: Iterable[UUID]) -> dict[UUID, tuple[_Entry, int]]:
        """Return the entries and tombstones that exist, with the sizes of their bodies, by id."""
        items = self._database.get_many(TABLE, user_id, map(entry_key, entry_ids))
        read = ((self._read(user_id, item), item) for item in items.values())
        return {
            entry.id: (entry, len(item.get("b", {}).get("B", b""))) for entry, item in read if entry
        }

    def numbered(
        self, user_id: str, since: int, limit: int, *, latest: bool = False
    ) -> list[tuple[int, UUID]]:
        """Return up to *limit* changes after *since*: their numbers, and which entries changed."""
        found = self._database.query(
            TABLE,
            "#u = :u AND #q > :q",
            {":u": string(user_id), ":q": number(since)},
            index="sequence",
            backward=latest,
            limit=limit,
        )
        return [(whole(item, "q"), _id(item["k"]["S"])) for item in islice(found, limit)]

    def put(self, account: Account, entry: _Entry, *, replaces: int | None) -> None:
        """See `Entries`."""
        user_id = account.user_id
        body = self._codec.pack(user_id, f"entry/{entry.id}", entry)
        replaced = self._replaced(account, entry.id, replaces)
        before = self._read(user_id, replaced) if replaced else None
        if replaced and (before is None or before.version != replaces):
            raise conflict()
        item = self._item(user_id, entry, body) | told(event_of(user_id, before, entry))
        writes = [*self._beside(user_id, replaced, entry, body)]
        writes += counted_tags(self._database, user_id, before, entry)
        gone, come = places(self._database, user_id, before, entry)
        writes += come
        # A place that is there for too long is passed over by whoever reads it.
        late = gone if len(writes) + len(gone) > MAX_WRITES - 2 else []
        writes += [] if late else gone
        self._database.repeated(
            lambda: self._attempt(account, (before, entry), item, replaces, writes), TABLE
        )
        lost = set(tags_of(before)) - set(tags_of(entry))
        if lost or late:
            # The entry is stored by now: what is left to tidy must not look like a failure.
            with suppress(ReflektError):
                self._delete_late(user_id, entry, late)
                sweep(self._database, user_id, lost)

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
        if wanted.tag and not wanted.trashed:
            found = self._tagged(user_id, wanted, order, after, limit)
        else:
            found = self._timeline(user_id, wanted, order, after, limit)
        return filled(found, limit)

    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """See `Entries`."""
        found = self._database.query(
            TABLE,
            "#u = :u AND #q > :q",
            {":u": string(user_id), ":q": number(since)},
            index="sequence",
            limit=limit + 1,
        )
        moved: _Numbers = []
        page = filled(self._changes(user_id, found, limit + 1, moved), limit)
        if moved and page.next is None:
            # It stands at a later number by now: this is not the end.
            last = max(moved + [change.sequence for change in page])
            return Page(page.items, (last,))
        return page

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
        found = self._database.query(
            TABLE,
            "#u = :u AND #m BETWEEN :first AND :last",
            {
                ":u": string(user_id),
                ":first": string(f"{month:02}-{day:02}#"),
                ":last": string(_last_on_day(month, day, before)),
            },
            index="day",
            backward=True,
            limit=limit,
        )
        entries: list[Entry] = []
        for chunk in chunks((item["k"]["S"] for item in found), limit):
            entries += [
                entry
                for entry in self._live(user_id, chunk)
                if (entry.local_date.month, entry.local_date.day) == (month, day)
            ]
            if len(entries) >= limit:
                break
        return tuple(entries[:limit])

    def tags(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[TagCount]:
        """See `Entries`."""
        start = str(after[0]) if after else ""
        counts = sorted(tag_counts(self._database, user_id).items())
        return filled((((folded,), 0, count) for folded, count in counts if folded > start), limit)

    def counts(self, user_id: str) -> Counts:
        """See `Entries`."""
        head = self._database.get(TABLE, user_id, HEAD)
        return Counts(whole(head, "entries"), whole(head, "trashed"))

    def trashed_before(self, at: datetime, *, limit: int = 100) -> tuple[tuple[str, UUID], ...]:
        """See `Entries`."""
        found: list[tuple[str, UUID]] = []
        for shard in range(SHARDS):
            items = self._database.query(
                TABLE,
                "#d = :d AND #a < :a",
                {":d": string(str(shard)), ":a": number(microseconds(at))},
                index="due",
                consistent=False,
                limit=limit,
            )
            for item in items:
                if len(found) >= limit:
                    return tuple(found)
                found.append((item["u"]["S"], _id(item["k"]["S"])))
        return tuple(found)

    # Writing.

    def _replaced(self, account: Account, id: UUID, replaces: int | None) -> Item | None:
        """Return the item of the version *replaces*, having looked at the fence, too."""
        user_id = account.user_id
        if replaces is None:
            if self._heads.get(user_id) is None:
                self._heads.remember(user_id, self._database.get(TABLE, user_id, HEAD))
            return None
        key = entry_key(id)
        found = self._database.get_many(TABLE, user_id, (HEAD, key))
        checked(account, found.get(HEAD))
        self._heads.remember(user_id, found.get(HEAD))
        if key not in found or whole(found[key], "v") != replaces:
            raise conflict()
        return found[key]

    def _attempt(
        self,
        account: Account,
        versions: tuple[_Entry | None, _Entry],
        item: Item,
        replaces: int | None,
        writes: _Writes,
    ) -> bool:
        """Store *item* under the next number; return False if that was taken meanwhile."""
        user_id = account.user_id
        sequence = self._heads.get(user_id) or 0
        condition = _stored(replaces)
        numbered = item | {"q": number(sequence + 1)}
        first = self._head(account, sequence, *versions)
        second = self._database.put(TABLE, numbered, "entry", **condition)
        try:
            self._database.transact([first, second, *writes])
        except Cancelled as cancelled:
            refused(account, cancelled)
            _, head = cancelled.failed[0]
            self._heads.remember(user_id, head)
            return False
        self._heads.set(user_id, sequence + 1)
        return True

    def _head(self, account: Account, sequence: int, before: _Entry | None, after: _Entry) -> Write:
        condition, values = fence_parts(account)
        if sequence:
            condition += " AND #n = :seen"
            values = values | {":seen": number(sequence)}
        else:
            condition += " AND attribute_not_exists(#n)"
        live, trash = _states(after)
        was_live, was_trash = _states(before)
        return self._database.update(
            TABLE,
            account.user_id,
            HEAD,
            **changed(
                "SET #n = :next, #entries = if_not_exists(#entries, :none) + :live, "
                "#trashed = if_not_exists(#trashed, :none) + :trash",
                condition,
                {
                    **values,
                    ":next": number(sequence + 1),
                    ":none": number(0),
                    ":live": number(live - was_live),
                    ":trash": number(trash - was_trash),
                },
            ),
        )

    def _item(self, user_id: str, entry: _Entry, body: bytes) -> Item:
        item: Item = {
            "u": string(user_id),
            "k": string(entry_key(entry.id)),
            "v": number(entry.version),
        }
        if len(body) <= _LONGEST_INSIDE:
            item["b"] = binary(body)
        if isinstance(entry, Tombstone):
            return item | {"gone": {"BOOL": True}}
        when = _when(entry)
        if entry.trashed_at:
            return item | {"w": string(f"{TRASH}#{when}")} | due(user_id, entry.trashed_at)
        day = f"{entry.local_date:%m-%d}#{entry.local_date.year:04}#{when}"
        return item | {"w": string(f"{LIVE}#{when}"), "m": string(day)}

    def _beside(
        self, user_id: str, replaced: Item | None, entry: _Entry, body: bytes
    ) -> Iterator[Write]:
        """Yield what is written for a body that is too long for the entry's own item."""
        key = f"x#{entry.id}"
        if len(body) > _LONGEST_INSIDE:
            item = {
                "u": string(user_id),
                "k": string(key),
                "v": number(entry.version),
                "b": binary(body),
            }
            yield self._database.put(TABLE, item, "entry")
        elif replaced and "b" not in replaced:
            yield self._database.delete(TABLE, user_id, key)

    def _delete_late(self, user_id: str, entry: _Entry, writes: _Writes) -> None:
        """Delete places that the entry has left, unless it was written again: it may be back."""
        unchanged = self._database.check(
            TABLE, user_id, entry_key(entry.id), **_stored(entry.version)
        )
        if writes:
            with suppress(Cancelled):
                self._database.transact([unchanged, *writes])

    # Reading.

    def _timeline(
        self,
        user_id: str,
        wanted: EntryFilter,
        order: Order,
        after: Position | None,
        limit: int,
    ) -> Iterator[tuple[Position, int, Entry | None]]:
        low, high = _range(wanted, order, after)
        mark = TRASH if wanted.trashed else LIVE
        if low > high:
            return iter(())
        items = self._database.query(
            TABLE,
            "#u = :u AND #w BETWEEN :low AND :high",
            {
                ":u": string(user_id),
                ":low": string(f"{mark}#{low}"),
                ":high": string(f"{mark}#{high}"),
            },
            index="time",
            backward=order is Order.DESC,
            limit=limit + 1 if _is_exact(wanted) else max(limit + 1, _FILTERED_AT_ONCE),
        )
        return self._examined(user_id, wanted, items)

    def _examined(
        self, user_id: str, wanted: EntryFilter, items: Iterable[Item]
    ) -> Iterator[tuple[Position, int, Entry | None]]:
        for item in items:
            entry = self._read(user_id, item)
            position = _position(item["w"]["S"].partition("#")[2])
            accepted = entry if isinstance(entry, Entry) and wanted.accepts(entry) else None
            yield position, len(item.get("b", {}).get("B", b"")), accepted

    def _tagged(
        self,
        user_id: str,
        wanted: EntryFilter,
        order: Order,
        after: Position | None,
        limit: int,
    ) -> Iterator[tuple[Position, int, Entry | None]]:
        low, high = _range(wanted, order, after)
        if low > high:
            return
        many = limit + 1 if _is_exact(wanted) else MOST_EXAMINED
        condition, values, start = tag_range(user_id, fold_tag(wanted.tag[0]), low, high)
        items = self._database.query(
            TABLE, condition, values, backward=order is Order.DESC, limit=many
        )
        for chunk in chunks((item["k"]["S"][start:] for item in items), min(many, 100)):
            keys = {place: entry_key(UUID(place[17:])) for place in chunk}
            found = self._database.get_many(TABLE, user_id, keys.values())
            for place, key in keys.items():
                entry = self._read(user_id, found[key]) if key in found else None
                there = isinstance(entry, Entry) and _when(entry) == place
                accepted = (
                    entry if there and isinstance(entry, Entry) and wanted.accepts(entry) else None
                )
                yield _position(place), len(found.get(key, {}).get("b", {}).get("B", b"")), accepted

    def _changes(
        self, user_id: str, found: Iterable[Item], at_once: int, moved: _Numbers
    ) -> Iterator[tuple[Position, int, Change | None]]:
        for chunk in chunks(found, min(at_once, 100)):
            items = self._database.get_many(TABLE, user_id, (item["k"]["S"] for item in chunk))
            for told_ in chunk:
                item = items.get(told_["k"]["S"])
                sequence = whole(told_, "q")
                change = None
                if item and whole(item, "q") == sequence:
                    entry = self._read(user_id, item)
                    change = Change(sequence, entry) if entry else None
                elif item:  # changed again meanwhile
                    moved.append(sequence)
                yield (sequence,), len((item or {}).get("b", {}).get("B", b"")), change

    def _live(self, user_id: str, keys: Iterable[str]) -> Iterator[Entry]:
        """Yield those of the entries that are outside the trash, in the order of *keys*."""
        wanted = list(keys)
        items = self._database.get_many(TABLE, user_id, wanted)
        for key in wanted:
            entry = self._read(user_id, items[key]) if key in items else None
            if isinstance(entry, Entry) and entry.trashed_at is None:
                yield entry

    def _read(self, user_id: str, item: Item) -> _Entry | None:
        """Return the entry in *item*; None if it was erased while it was read."""
        id = _id(item["k"]["S"])
        body = item["b"]["B"] if "b" in item else self._long(user_id, id, item)
        if body is None:
            return self._again(user_id, id, item)
        if "gone" in item:
            return self._codec.unpack(user_id, f"entry/{id}", body, Tombstone)
        return self._codec.unpack(user_id, f"entry/{id}", body, Entry)

    def _long(self, user_id: str, id: UUID, item: Item) -> bytes | None:
        """Return a body that stands beside its item; None if it is that of another version."""
        beside = self._database.get(TABLE, user_id, f"x#{id}")
        return bytes(beside["b"]["B"]) if beside and beside["v"] == item["v"] else None

    def _again(self, user_id: str, id: UUID, item: Item) -> _Entry | None:
        """Return the entry as it is now, since it was written while *item* was read."""
        now = self._database.get(TABLE, user_id, entry_key(id))
        if now and now["v"] == item["v"] and self._long(user_id, id, now) is None:
            raise StoreError("a stored Entry is damaged")
        return self._read(user_id, now) if now else None


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield *items* in lists of up to *size*."""
    some: list[Any] = []
    for item in items:
        some.append(item)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some


def _stored(version: int | None) -> dict[str, Any]:
    if version is None:
        return guarded("attribute_not_exists(#k)")
    return guarded("#v = :v", {":v": number(version)})


def _states(entry: _Entry | None) -> tuple[int, int]:
    """Return 1 for what *entry* is: outside the trash, in the trash."""
    is_entry = isinstance(entry, Entry)
    in_trash = isinstance(entry, Entry) and entry.trashed_at is not None
    return int(is_entry and not in_trash), int(in_trash)


def _id(key: str) -> UUID:
    return UUID(key.partition("#")[2])


def _when(entry: Entry) -> str:
    """Return where a list by time has *entry*."""
    return f"{time_key(microseconds(entry.occurred_at))}#{entry.id}"


def _position(when: str) -> Position:
    time_, _, id = when.partition("#")
    return int(time_, 16) - int(time_key(0), 16), id


def _is_exact(wanted: EntryFilter) -> bool:
    """Tell whether a range of an index holds what is wanted, and little else."""
    return (wanted.mood_min, wanted.mood_max, wanted.category_id, wanted.starred) == (
        None,
    ) * 4 and len(wanted.tag) <= (0 if wanted.trashed else 1)


def _range(wanted: EntryFilter, order: Order, after: Position | None) -> tuple[str, str]:
    """Return the first and the last place that may be wanted, the earlier first."""
    low, high = f"{_earliest(wanted.from_)}#", f"{_latest(wanted.to)}$"
    if after:
        place = f"{time_key(int(after[0] or 0))}#{after[1]}"
        if order is Order.ASC:
            low = max(low, f"{place}\0")
        else:
            # Ids have a fixed length: what is just before one is one of a smaller last sign.
            high = min(high, place[:-1] + chr(ord(place[-1]) - 1) + "~")
    return low, high


def _earliest(moment: Moment | None) -> str:
    if moment is None:
        return ""
    return time_key(
        microseconds(moment if isinstance(moment, datetime) else _midnight(moment) - _MARGIN)
    )


def _latest(moment: Moment | None) -> str:
    if moment is None:
        return "~"
    return time_key(
        microseconds(moment if isinstance(moment, datetime) else _midnight(moment) + _MARGIN)
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _last_on_day(month: int, day: int, before: date | None) -> str:
    """Return the end of the keys of a month and day before a date."""
    start = f"{month:02}-{day:02}#"
    if before is None:
        return f"{start}~"
    # A local date lies before another if its year does, or in that year its month and day.
    year = before.year if (month, day) < (before.month, before.day) else before.year - 1
    return f"{start}{year:04}$"
