"""A store that keeps everything in memory: for tests, and for trying things out."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import attrs

from reflekt_core.errors import StoreError
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
from reflekt_core.model.events import Delivery, Event, Retry, event_of
from reflekt_core.model.paging import Page, Position
from reflekt_core.ports import Accounts, Cipher, Entries, Outbox, Records, Store
from reflekt_core.stores.memory.shared import (
    Kept,
    Memory,
    User,
    Waiting,
    check_version,
    page,
    place,
)

if TYPE_CHECKING:
    from reflekt_core.model.jobs import Job

__all__ = ["MemoryStore"]

T = TypeVar("T")


class MemoryStore(Store):
    """
    A store that forgets everything when it is closed.

    Args:
        url: ``memory://``.
        cipher: Not needed, since nothing is written down.
    """

    def __init__(self, url: str, cipher: Cipher) -> None:  # noqa: ARG002 - as every store is made
        self._memory = Memory()
        self.accounts = _MemoryAccounts(self._memory)
        self.entries = _MemoryEntries(self._memory)
        self.outbox = _MemoryOutbox(self._memory)

    def __getattr__(self, name: str) -> Any:
        # What is derived from entries comes in when it is first asked for: writing one is cheap.
        if name not in {"search", "insights", "aggregates"}:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        from reflekt_core.stores.memory import derived  # noqa: PLC0415 - see above

        self.search = derived.MemorySearch(self._memory)
        self.insights = derived.MemoryInsights(self._memory)
        self.aggregates = derived.MemoryAggregates(self._memory)
        return getattr(self, name)

    def records(self, kind: type[T]) -> Records[T]:
        """See `Store`."""
        return _MemoryRecords(self._memory, kind)

    def purge_expired(self, now: datetime, *, limit: int = 100) -> int:
        """See `Store`."""
        with self._memory.lock:
            expired = [
                (records, key)
                for user in self._memory.users.values()
                for records in user.records.values()
                for key, kept in records.items()
                if kept.expires_at is not None and kept.expires_at <= now
            ][:limit]
            for records, key in expired:
                del records[key]
        return len(expired)

    def backup(self, path: str) -> None:  # noqa: ARG002 - there is nothing to write
        """Refuse."""
        raise StoreError("a journal in memory cannot be backed up; use sqlite:///path")

    def close(self) -> None:
        """See `Store`."""


class _MemoryAccounts(Accounts):
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str) -> Account:
        """See `Accounts`."""
        with self._memory.reading(user_id) as user:
            return user.account

    def begin_erasure(self, account: Account, job: "Job", event: Event, at: datetime) -> Account:
        """See `Accounts`."""
        with self._memory.writing(account) as user:
            user.account = attrs.evolve(
                account, epoch=account.epoch + 1, erasing=True, erased_at=at
            )
            user.records[type(job)][str(job.id)] = Kept(job, None)
            self._memory.announce(event)
            return user.account

    def erase_some(self, account: Account, limit: int, keep: UUID) -> int:
        """See `Accounts`."""
        with self._memory.lock:
            user = self._memory.users.get(account.user_id)
            if user is None or user.account != account or not account.erasing:
                return 0
            doomed = self._doomed(user, str(keep))[:limit]
            for things, key in doomed:
                del things[key]
        return len(doomed)

    def _doomed(self, user: User, keep: str) -> list[tuple[dict[Any, Any], Any]]:
        outbox = self._memory.outbox
        mine = [
            (outbox, id)
            for id, waiting in outbox.items()
            if waiting.delivery.event.user_id == user.account.user_id
            and waiting.delivery.event.subject_id != keep
        ]
        records = [
            (things, key)
            for kind, things in user.records.items()
            for key in things
            if (kind.__name__, key) != ("Job", keep)
        ]
        parts: tuple[dict[Any, Any], ...] = (
            user.stored,
            user.spellings,
            user.insights,
            user.contributions,
            user.days,
        )
        return [(part, key) for part in parts for key in part] + records + mine

    def end_erasure(self, account: Account) -> None:
        """See `Accounts`."""
        with self._memory.lock:
            user = self._memory.users.get(account.user_id)
            if user is not None and user.account == account:
                user.account = attrs.evolve(account, erasing=False)


class _MemoryEntries(Entries):
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str, entry_id: UUID) -> Entry | Tombstone | None:
        """See `Entries`."""
        with self._memory.reading(user_id) as user:
            found = user.stored.get(entry_id)
            return found.entry if found else None

    def put(self, account: Account, entry: Entry | Tombstone, *, replaces: int | None) -> None:
        """See `Entries`."""
        with self._memory.writing(account) as user:
            stored = user.stored.get(entry.id)
            before = stored.entry if stored else None
            check_version(before.version if before else None, replaces)
            user.sequence += 1
            user.stored[entry.id] = Change(user.sequence, entry)
            if isinstance(entry, Entry) and entry.trashed_at is None:
                user.spellings |= {fold_tag(tag): tag for tag in entry.tags}
            self._memory.announce(event_of(account.user_id, before, entry))

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
        with self._memory.reading(user_id) as user:
            found = [entry for entry in user.entries() if wanted.accepts(entry)]
        return page(found, place, order, after, limit)

    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """See `Entries`."""
        with self._memory.reading(user_id) as user:
            found = [change for change in user.stored.values() if change.sequence > since]
        return page(found, lambda change: (change.sequence,), Order.ASC, None, limit)

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
        with self._memory.reading(user_id) as user:
            found = [
                entry
                for entry in user.entries()
                if (entry.local_date.month, entry.local_date.day) == (month, day)
                and (before is None or entry.local_date < before)
                and entry.trashed_at is None
            ]
        return page(found, place, Order.DESC, None, limit).items

    def tags(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[TagCount]:
        """See `Entries`."""
        counts: dict[str, int] = defaultdict(int)
        with self._memory.reading(user_id) as user:
            for entry in user.entries():
                if entry.trashed_at is None:
                    for tag in entry.tags:
                        counts[fold_tag(tag)] += 1
            found = [TagCount(user.spellings[folded], count) for folded, count in counts.items()]
        return page(found, lambda tag: (fold_tag(tag.name),), Order.ASC, after, limit)

    def counts(self, user_id: str) -> Counts:
        """See `Entries`."""
        with self._memory.reading(user_id) as user:
            entries = user.entries()
        trashed = sum(entry.trashed_at is not None for entry in entries)
        return Counts(len(entries) - trashed, trashed)

    def trashed_before(self, at: datetime, *, limit: int = 100) -> tuple[tuple[str, UUID], ...]:
        """See `Entries`."""
        with self._memory.lock:
            found = [
                (user_id, entry.id)
                for user_id, user in self._memory.users.items()
                for entry in user.entries()
                if entry.trashed_at is not None and entry.trashed_at < at
            ]
        return tuple(found[:limit])


class _MemoryRecords(Records[T]):
    def __init__(self, memory: Memory, kind: type[T]) -> None:
        self._memory = memory
        self._kind = kind

    def get(self, user_id: str, key: str) -> T | None:
        """See `Records`."""
        with self._memory.reading(user_id) as user:
            kept = user.records[self._kind].get(key)
            return kept.value if kept else None

    def put(  # noqa: PLR0913 - as the port
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
        with self._memory.writing(account) as user:
            records = user.records[self._kind]
            before = records.get(key)
            check_version(before.value.version if before else None, replaces)
            records[key] = Kept(value, expires_at)
            if event is not None:
                self._memory.announce(event)

    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """See `Records`."""
        with self._memory.writing(account) as user:
            records = user.records[self._kind]
            before = records.get(key)
            if replaces is not None:
                check_version(before.value.version if before else None, replaces)
            records.pop(key, None)

    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """See `Records`."""
        with self._memory.reading(user_id) as user:
            found = [(key, kept.value) for key, kept in user.records[self._kind].items()]
        pairs = page(found, lambda pair: (pair[0],), Order.ASC, after, limit)
        return Page(tuple(value for _, value in pairs), pairs.next)


class _MemoryOutbox(Outbox):
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """See `Outbox`."""
        with self._memory.lock:
            due = [
                waiting.delivery
                for waiting in self._memory.outbox.values()
                if not waiting.delivery.parked and (waiting.due_at is None or waiting.due_at <= now)
            ]
        return tuple(due[:limit])

    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """See `Outbox`."""
        with self._memory.lock:
            if self._memory.outbox.pop(delivery.id, None) is None:
                return
            for retry in retries:
                again = Delivery(
                    0,
                    delivery.event,
                    retry.consumer,
                    retry.attempts,
                    parked=retry.due_at is None,
                    error=retry.error,
                )
                self._memory.post(Waiting(again, retry.due_at))

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """See `Outbox`."""
        with self._memory.lock:
            found = [w.delivery for w in self._memory.outbox.values() if w.delivery.parked]
        return page(found, lambda delivery: (delivery.id,), Order.ASC, after, limit)

    def redrive(self) -> int:
        """See `Outbox`."""
        with self._memory.lock:
            parked = [w for w in self._memory.outbox.values() if w.delivery.parked]
            for waiting in parked:
                waiting.delivery = attrs.evolve(
                    waiting.delivery, parked=False, attempts=0, error=None
                )
        return len(parked)

    def backlog(self) -> int:
        """See `Outbox`."""
        with self._memory.lock:
            return sum(not waiting.delivery.parked for waiting in self._memory.outbox.values())
