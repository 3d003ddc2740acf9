"""A store that keeps everything in memory: for tests, and for trying things out."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased, StoreError, VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    EntryFacts,
    Run,
    counted,
    insight_facts,
    plus,
    runs,
)
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
from reflekt_core.model.insights import Insight
from reflekt_core.model.jobs import Job
from reflekt_core.model.paging import Page, Position
from reflekt_core.model.search import Match, Query
from reflekt_core.ports import (
    Accounts,
    Aggregates,
    Cipher,
    Entries,
    Insights,
    Outbox,
    Records,
    Search,
    Store,
)

__all__ = ["MemoryStore"]

T = TypeVar("T")
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@attrs.define
class _Kept:
    """A record and when it may be forgotten."""

    value: Any
    expires_at: datetime | None


@attrs.define
class _Waiting:
    """A delivery and when it is due."""

    delivery: Delivery
    due_at: datetime | None = None


@attrs.define
class _User:
    """All that is kept of one user. `changes` holds the sequence numbers in order."""

    account: Account
    sequence: int = 0
    stored: dict[UUID, Change] = attrs.field(factory=dict)
    spellings: dict[str, str] = attrs.field(factory=dict)
    insights: dict[UUID, Insight] = attrs.field(factory=dict)
    contributions: dict[UUID, Contribution] = attrs.field(factory=dict)
    days: dict[date, DayAggregate] = attrs.field(factory=dict)
    records: dict[type, dict[str, _Kept]] = attrs.field(factory=lambda: defaultdict(dict))

    def entries(self) -> list[Entry]:
        """Return the entries, in and outside the trash."""
        return [c.entry for c in self.stored.values() if isinstance(c.entry, Entry)]


@attrs.define
class _Memory:
    """The whole store: users and the outbox, under one lock."""

    lock: threading.RLock = attrs.field(factory=threading.RLock)
    users: dict[str, _User] = attrs.field(factory=dict)
    outbox: dict[int, _Waiting] = attrs.field(factory=dict)
    last_delivery: int = 0

    @contextmanager
    def reading(self, user_id: str) -> Iterator[_User]:
        """Give access to a user's things, which must not be changed."""
        with self.lock:
            yield self.users.get(user_id) or _User(Account(user_id))

    @contextmanager
    def writing(self, account: Account) -> Iterator[_User]:
        """Give access to the things of the user whose *account* is up to date."""
        with self.lock:
            user = self.users.get(account.user_id) or _User(Account(account.user_id))
            if user.account.epoch != account.epoch or user.account.erasing:
                raise AccountErased("the account was erased or is being erased")
            yield user
            self.users[account.user_id] = user

    def announce(self, event: Event) -> None:
        """Put *event* in the outbox."""
        self.post(_Waiting(Delivery(0, event)))

    def post(self, waiting: _Waiting) -> None:
        """Put a delivery in the outbox, under the next number."""
        self.last_delivery += 1
        waiting.delivery = attrs.evolve(waiting.delivery, id=self.last_delivery)
        self.outbox[self.last_delivery] = waiting


class MemoryStore(Store):
    """
    A store that forgets everything when it is closed.

    Args:
        url: ``memory://``.
        cipher: Not needed, since nothing is written down.
    """

    def __init__(self, url: str, cipher: Cipher) -> None:  # noqa: ARG002 - as every store is made
        self._memory = _Memory()
        self.accounts = _MemoryAccounts(self._memory)
        self.entries = _MemoryEntries(self._memory)
        self.search = _MemorySearch(self._memory)
        self.insights = _MemoryInsights(self._memory)
        self.aggregates = _MemoryAggregates(self._memory)
        self.outbox = _MemoryOutbox(self._memory)

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


@attrs.frozen
class _MemoryAccounts(Accounts):
    _memory: _Memory

    def get(self, user_id: str) -> Account:
        """See `Accounts`."""
        with self._memory.reading(user_id) as user:
            return user.account

    def begin_erasure(self, account: Account, job: Job, event: Event, at: datetime) -> Account:
        """See `Accounts`."""
        with self._memory.writing(account) as user:
            user.account = attrs.evolve(
                account, epoch=account.epoch + 1, erasing=True, erased_at=at
            )
            user.records[Job][str(job.id)] = _Kept(job, None)
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

    def _doomed(self, user: _User, keep: str) -> list[tuple[dict[Any, Any], Any]]:
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
            if (kind, key) != (Job, keep)
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


@attrs.frozen
class _MemoryEntries(Entries):
    _memory: _Memory

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
            _check_version(before.version if before else None, replaces)
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
        return _page(found, _place, order, after, limit)

    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """See `Entries`."""
        with self._memory.reading(user_id) as user:
            found = [change for change in user.stored.values() if change.sequence > since]
        return _page(found, lambda change: (change.sequence,), Order.ASC, None, limit)

    def on_day(self, user_id: str, month: int, day: int, *, limit: int = 100) -> tuple[Entry, ...]:
        """See `Entries`."""
        with self._memory.reading(user_id) as user:
            found = [
                entry
                for entry in user.entries()
                if (entry.local_date.month, entry.local_date.day) == (month, day)
                and entry.trashed_at is None
            ]
        return _page(found, _place, Order.DESC, None, limit).items

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
        return _page(found, lambda tag: (fold_tag(tag.name),), Order.ASC, after, limit)

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


@attrs.frozen
class _MemorySearch(Search):
    """Looks at every entry and asks `reflekt_core.model.search` about it."""

    _memory: _Memory

    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """See `Search`."""
        with self._memory.reading(user_id) as user:
            entries = user.entries()
        found = [
            Match(entry, query.score(entry))
            for entry in sorted(entries, key=_place, reverse=True)
            if entry.trashed_at is None and wanted.accepts(entry) and query.matches(entry)
        ]
        found.sort(key=lambda match: match.score, reverse=True)
        end = offset + limit
        return Page(tuple(found[offset:end]), (end,) if len(found) > end else None)

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> None:  # noqa: ARG002 - there is no index
        """See `Search`."""
        with self._memory.writing(account):
            return


@attrs.frozen
class _MemoryInsights(Insights):
    _memory: _Memory

    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """See `Insights`."""
        with self._memory.reading(user_id) as user:
            return user.insights.get(entry_id)

    def put(self, account: Account, insight: Insight) -> None:
        """See `Insights`."""
        with self._memory.writing(account) as user:
            before = user.insights.get(insight.entry_id)
            if before is None or before.content_version <= insight.content_version:
                user.insights[insight.entry_id] = insight
                _recount(user, insight.entry_id)

    def delete(self, account: Account, entry_id: UUID) -> None:
        """See `Insights`."""
        with self._memory.writing(account) as user:
            if user.insights.pop(entry_id, None) is not None:
                _recount(user, entry_id)

    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """See `Insights`."""
        with self._memory.reading(user_id) as user:
            found = list(user.insights.values())
        return _page(found, lambda one: (str(one.entry_id),), Order.ASC, after, limit)


@attrs.frozen
class _MemoryAggregates(Aggregates):
    _memory: _Memory

    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """See `Aggregates`."""
        with self._memory.writing(account) as user:
            before = user.contributions.get(entry_id)
            if before is None or before.version < version:
                _recount(user, entry_id, Contribution(entry_id, version, facts))

    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """See `Aggregates`."""
        with self._memory.reading(user_id) as user:
            return tuple(user.days[day] for day in sorted(user.days) if first <= day <= last)

    def run_at(self, user_id: str, day: date) -> Run | None:
        """See `Aggregates`."""
        return next((run for run in self._runs(user_id) if run.first <= day <= run.last), None)

    def longest_run(self, user_id: str) -> Run | None:
        """See `Aggregates`."""
        return max(self._runs(user_id), key=lambda run: (run.days, run.last), default=None)

    def _runs(self, user_id: str) -> tuple[Run, ...]:
        with self._memory.reading(user_id) as user:
            return runs(user.days)

    def clear_some(self, account: Account, limit: int) -> int:
        """See `Aggregates`."""
        with self._memory.writing(account) as user:
            doomed: list[tuple[dict[Any, Any], Any]] = [(user.days, day) for day in user.days]
            doomed += [(user.contributions, id) for id in user.contributions]
            for things, key in doomed[:limit]:
                del things[key]
        return len(doomed[:limit])


@attrs.frozen
class _MemoryRecords(Records[T]):
    _memory: _Memory
    _kind: type[T]

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
            _check_version(before.value.version if before else None, replaces)
            records[key] = _Kept(value, expires_at)
            if event is not None:
                self._memory.announce(event)

    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """See `Records`."""
        with self._memory.writing(account) as user:
            records = user.records[self._kind]
            before = records.get(key)
            if replaces is not None:
                _check_version(before.value.version if before else None, replaces)
            records.pop(key, None)

    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """See `Records`."""
        with self._memory.reading(user_id) as user:
            found = [(key, kept.value) for key, kept in user.records[self._kind].items()]
        page = _page(found, lambda pair: (pair[0],), Order.ASC, after, limit)
        return Page(tuple(value for _, value in page), page.next)


@attrs.frozen
class _MemoryOutbox(Outbox):
    _memory: _Memory

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
                self._memory.post(_Waiting(again, retry.due_at))

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """See `Outbox`."""
        with self._memory.lock:
            found = [w.delivery for w in self._memory.outbox.values() if w.delivery.parked]
        return _page(found, lambda delivery: (delivery.id,), Order.ASC, after, limit)

    def redrive(self) -> int:
        """See `Outbox`."""
        with self._memory.lock:
            parked = [w for w in self._memory.outbox.values() if w.delivery.parked]
            for waiting in parked:
                waiting.due_at = None
                waiting.delivery = attrs.evolve(
                    waiting.delivery, parked=False, attempts=0, error=None
                )
        return len(parked)

    def backlog(self) -> int:
        """See `Outbox`."""
        with self._memory.lock:
            return sum(not waiting.delivery.parked for waiting in self._memory.outbox.values())


def _check_version(stored: int | None, replaces: int | None) -> None:
    if stored != replaces:
        raise VersionConflict("somebody else wrote first")


def _recount(user: _User, entry_id: UUID, contribution: Contribution | None = None) -> None:
    """Count the entry anew: as *contribution*, or as before, with the insight as it is now."""
    before = user.contributions.get(entry_id)
    after = contribution or before
    if after is None:
        return
    after = attrs.evolve(after, insight=insight_facts(user.insights.get(entry_id)))
    for one, sign in ((before, -1), (after, 1)):
        change = one and counted(one)
        if change:
            day = user.days.get(change.date, DayAggregate(change.date))
            user.days[change.date] = plus(day, change, sign)
            if not user.days[change.date].entries:
                del user.days[change.date]
    user.contributions[entry_id] = after


def _place(entry: Entry) -> Position:
    return ((entry.occurred_at - EPOCH) // timedelta(microseconds=1), str(entry.id))


def _page(
    found: Iterable[T],
    place: Callable[[T], Position],
    order: Order,
    after: Position | None,
    limit: int,
) -> Page[T]:
    """Return the part of *found* that comes after a position, in order of *place*."""
    ordered = sorted(found, key=place, reverse=order is Order.DESC)
    if after is not None:
        if order is Order.DESC:
            ordered = [one for one in ordered if place(one) < after]
        else:
            ordered = [one for one in ordered if place(one) > after]
    items = tuple(ordered[:limit])
    return Page(items, place(items[-1]) if len(ordered) > limit else None)
