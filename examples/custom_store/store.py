"""
A store of your own: everything that `reflekt_core.ports.Store` asks for, on documents in a table.

Every answer is worked out from the user's documents with the functions of `reflekt_core.model`. So
it is short, and right, and slow for large journals: a list reads all of a user's entries. A store
for many thousand entries asks its database for the part that is wanted, as Reflekt's own do.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import attrs
from documents import Documents, Transaction

from reflekt_core.errors import AccountErased, ConfigurationError, VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    EntryFacts,
    Run,
    aggregate,
    insight_facts,
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

__all__ = ["DocumentStore"]

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@attrs.frozen
class Spelling:
    """How a tag was spelled last."""

    name: str


class DocumentStore(Store):
    """
    A store in one file: ``documents:///journal.db``.

    Args:
        url: The path is what follows the third slash.
        cipher: Seals each document. Ids, keys and times stay readable.

    Raises:
        ConfigurationError: The URL names no file.
        StoreError: The file cannot be used.
    """

    def __init__(self, url: str, cipher: Cipher) -> None:
        path = url.partition(":///")[2]
        if not path:
            raise ConfigurationError("a store of documents is named documents:///journal.db")
        self._documents = documents = Documents(path, cipher)
        self.accounts = DocumentAccounts(documents)
        self.entries = DocumentEntries(documents)
        self.search = DocumentSearch(documents)
        self.insights = DocumentInsights(documents)
        self.aggregates = DocumentAggregates(documents)
        self.outbox = DocumentOutbox(documents)

    def records(self, kind: type[T]) -> Records[T]:
        """See `Store`."""
        return DocumentRecords(self._documents, kind)

    def purge_expired(self, now: datetime, *, limit: int = 100) -> int:
        """See `Store`."""
        with self._documents.transaction() as transaction:
            return transaction.drop_due(now, but=Delivery, limit=limit)

    def backup(self, path: str) -> None:
        """See `Store`."""
        self._documents.backup(path)

    def close(self) -> None:
        """See `Store`."""
        self._documents.close()


class _Part:
    """What the parts of the store have in common."""

    def __init__(self, documents: Documents) -> None:
        self._reading = documents.transaction

    @contextmanager
    def _writing(self, account: Account) -> Iterator[Transaction]:
        """Give a transaction to who has seen the account as it is now."""
        with self._reading() as transaction:
            now = _account(transaction, account.user_id)
            if now.epoch != account.epoch or now.erasing:
                raise AccountErased("the account was erased or is being erased")
            yield transaction


class DocumentAccounts(_Part, Accounts):
    """The account, and in its `number` the last one of the user's changes."""

    def get(self, user_id: str) -> Account:
        """See `Accounts`."""
        with self._reading() as transaction:
            return _account(transaction, user_id)

    def begin_erasure(self, account: Account, job: Job, event: Event, at: datetime) -> Account:
        """See `Accounts`."""
        fenced = attrs.evolve(account, epoch=account.epoch + 1, erasing=True, erased_at=at)
        with self._writing(account) as transaction:
            _keep_account(transaction, fenced)
            transaction.keep(account.user_id, str(job.id), job)
            _announce(transaction, event)
        return fenced

    def erase_some(self, account: Account, limit: int, keep: UUID) -> int:
        """See `Accounts`."""
        with self._reading() as transaction:
            if not account.erasing or _account(transaction, account.user_id) != account:
                return 0
            asking = [
                ("Delivery", waiting.key)
                for waiting in transaction.of_user(Delivery, account.user_id)
                if waiting.value.event.subject_id == str(keep)
            ]
            spared = [("Account", ""), ("Job", str(keep)), *asking]
            return transaction.drop_some(account.user_id, spared, limit)

    def end_erasure(self, account: Account) -> None:
        """See `Accounts`."""
        with self._reading() as transaction:
            if _account(transaction, account.user_id) == account:
                _keep_account(transaction, attrs.evolve(account, erasing=False))


class DocumentEntries(_Part, Entries):
    """Entries and tombstones; the `number` of each is that of its latest change."""

    def get(self, user_id: str, entry_id: UUID) -> Entry | Tombstone | None:
        """See `Entries`."""
        with self._reading() as transaction:
            return _stored(transaction, user_id, entry_id)

    def put(self, account: Account, entry: Entry | Tombstone, *, replaces: int | None) -> None:
        """See `Entries`."""
        user_id, key = account.user_id, str(entry.id)
        with self._writing(account) as transaction:
            before = _stored(transaction, user_id, entry.id)
            _check_version(before, replaces)
            number = _keep_account(transaction, account, changes=1)
            for kind in (Entry, Tombstone):
                transaction.drop(kind, user_id, key)
            transaction.keep(user_id, key, entry, number=number)
            if isinstance(entry, Entry) and entry.trashed_at is None:
                for tag in entry.tags:
                    transaction.keep(user_id, fold_tag(tag), Spelling(tag))
            _announce(transaction, event_of(user_id, before, entry))

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
        found = filter(wanted.accepts, self._all(user_id))
        return _page(found, _place, after, limit, newest_first=order is Order.DESC)

    def _all(self, user_id: str) -> Iterable[Entry]:
        with self._reading() as transaction:
            return [document.value for document in transaction.of_user(Entry, user_id)]

    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """See `Entries`."""
        with self._reading() as transaction:
            found = [Change(one.number, one.value) for one in transaction.of_user(Entry, user_id)]
            tombstones = transaction.of_user(Tombstone, user_id)
            found += [Change(one.number, one.value) for one in tombstones]
        return _page(found, lambda change: (change.sequence,), (since,), limit)

    def on_day(
        self, user_id: str, month: int, day: int, *, before: date | None = None, limit: int = 100
    ) -> tuple[Entry, ...]:
        """See `Entries`."""
        found = [
            entry
            for entry in self._all(user_id)
            if (entry.local_date.month, entry.local_date.day) == (month, day)
            and (before is None or entry.local_date < before)
            and entry.trashed_at is None
        ]
        return _page(found, _place, None, limit, newest_first=True).items

    def tags(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[TagCount]:
        """See `Entries`."""
        with self._reading() as transaction:
            entries = transaction.of_user(Entry, user_id)
            spelled = {one.key: one.value.name for one in transaction.of_user(Spelling, user_id)}
        live = [one.value for one in entries if one.value.trashed_at is None]
        counts = Counter(fold_tag(tag) for entry in live for tag in entry.tags)
        found = [TagCount(spelled[folded], count) for folded, count in counts.items()]
        return _page(found, lambda tag: (fold_tag(tag.name),), after, limit)

    def counts(self, user_id: str) -> Counts:
        """See `Entries`."""
        trashed = [entry.trashed_at is not None for entry in self._all(user_id)]
        return Counts(trashed.count(False), trashed.count(True))

    def trashed_before(self, at: datetime, *, limit: int = 100) -> tuple[tuple[str, UUID], ...]:
        """See `Entries`."""
        with self._reading() as transaction:
            documents = transaction.of_all(Entry)
        found = [
            (one.user_id, one.value.id)
            for one in documents
            if one.value.trashed_at is not None and one.value.trashed_at < at
        ]
        return tuple(found[:limit])


class DocumentSearch(_Part, Search):
    """Reads every entry; there is no index."""

    def search(
        self, user_id: str, query: Query, wanted: EntryFilter, *, offset: int = 0, limit: int = 20
    ) -> Page[Match]:
        """See `Search`."""
        with self._reading() as transaction:
            entries = [document.value for document in transaction.of_user(Entry, user_id)]
        found = [
            Match(entry, query.score(entry))
            for entry in sorted(entries, key=_place, reverse=True)
            if entry.trashed_at is None and wanted.accepts(entry) and query.matches(entry)
        ]
        found.sort(key=lambda match: match.score, reverse=True)
        end = offset + limit
        return Page(tuple(found[offset:end]), (end,) if len(found) > end else None)

    def update(self, account: Account, entry_id: UUID) -> None:
        """See `Search`."""

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> None:  # noqa: ARG002 - there is no index
        """See `Search`."""
        with self._writing(account):
            return


class DocumentInsights(_Part, Insights):
    """Insights. The sums by day take them in when they are worked out."""

    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """See `Insights`."""
        with self._reading() as transaction:
            found = transaction.get(Insight, user_id, str(entry_id))
        return found.value if found else None

    def put(self, account: Account, insight: Insight) -> None:
        """See `Insights`."""
        with self._writing(account) as transaction:
            before = transaction.get(Insight, account.user_id, str(insight.entry_id))
            if before is None or before.value.content_version <= insight.content_version:
                transaction.keep(account.user_id, str(insight.entry_id), insight)

    def delete(self, account: Account, entry_id: UUID) -> None:
        """See `Insights`."""
        with self._writing(account) as transaction:
            transaction.drop(Insight, account.user_id, str(entry_id))

    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """See `Insights`."""
        with self._reading() as transaction:
            found = [document.value for document in transaction.of_user(Insight, user_id)]
        return _page(found, lambda insight: (str(insight.entry_id),), after, limit)


class DocumentAggregates(_Part, Aggregates):
    """What each entry contributes. Sums and runs are worked out when asked for."""

    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """See `Aggregates`."""
        with self._writing(account) as transaction:
            before = transaction.get(Contribution, account.user_id, str(entry_id))
            if before is None or before.value.version < version:
                counts = Contribution(entry_id, version, facts)
                transaction.keep(account.user_id, str(entry_id), counts)

    def _all(self, user_id: str) -> Iterator[Contribution]:
        with self._reading() as transaction:
            found = transaction.of_user(Contribution, user_id)
            insights = {one.key: one.value for one in transaction.of_user(Insight, user_id)}
        for one in found:
            yield attrs.evolve(one.value, insight=insight_facts(insights.get(one.key)))

    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """See `Aggregates`."""
        days = aggregate(self._all(user_id)).values()
        return tuple(day for day in days if first <= day.date <= last)

    def run_at(self, user_id: str, day: date) -> Run | None:
        """See `Aggregates`."""
        return next((run for run in self._runs(user_id) if run.first <= day <= run.last), None)

    def longest_run(self, user_id: str) -> Run | None:
        """See `Aggregates`."""
        return max(self._runs(user_id), key=lambda run: (run.days, run.last), default=None)

    def _runs(self, user_id: str) -> tuple[Run, ...]:
        return runs(one.entry.local_date for one in self._all(user_id) if one.entry)

    def contributions(self, user_id: str, days: Collection[date]) -> tuple[Contribution, ...]:
        """See `Aggregates`."""
        found = self._all(user_id)
        return tuple(one for one in found if one.entry and one.entry.local_date in days)

    def clear_some(self, account: Account, limit: int) -> int:
        """See `Aggregates`."""
        with self._writing(account) as transaction:
            doomed = transaction.of_user(Contribution, account.user_id)[:limit]
            for one in doomed:
                transaction.drop(Contribution, account.user_id, one.key)
        return len(doomed)


class DocumentRecords(_Part, Records[T]):
    """Values of one kind."""

    def __init__(self, documents: Documents, kind: type[T]) -> None:
        super().__init__(documents)
        self._kind = kind

    def get(self, user_id: str, key: str) -> T | None:
        """See `Records`."""
        with self._reading() as transaction:
            found = transaction.get(self._kind, user_id, key)
        return found.value if found else None

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
        with self._writing(account) as transaction:
            before = transaction.get(self._kind, account.user_id, key)
            _check_version(before and before.value, replaces)
            transaction.keep(account.user_id, key, value, due=expires_at)
            if event is not None:
                _announce(transaction, event)

    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """See `Records`."""
        with self._writing(account) as transaction:
            before = transaction.get(self._kind, account.user_id, key)
            if replaces is not None:
                _check_version(before and before.value, replaces)
            transaction.drop(self._kind, account.user_id, key)

    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """See `Records`."""
        with self._reading() as transaction:
            found = transaction.of_user(self._kind, user_id)
        page = _page(found, lambda document: (document.key,), after, limit)
        return Page(tuple(document.value for document in page), page.next)


class DocumentOutbox(_Part, Outbox):
    """Deliveries; the id of each is that of its document, and `due` says when to try again."""

    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """See `Outbox`."""
        found = self._all(lambda due: due is None or due <= now.timestamp())
        return tuple(delivery for delivery in found if not delivery.parked)[:limit]

    def _all(self, is_wanted: Callable[[float | None], bool] = lambda _: True) -> list[Delivery]:
        with self._reading() as transaction:
            found = transaction.of_all(Delivery)
        return [attrs.evolve(one.value, id=one.id) for one in found if is_wanted(one.due)]

    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """See `Outbox`."""
        user_id = delivery.event.user_id
        with self._reading() as transaction:
            keys = [d.key for d in transaction.of_user(Delivery, user_id) if d.id == delivery.id]
            for key in keys:
                transaction.drop(Delivery, user_id, key)
                for retry in retries:
                    _announce(transaction, delivery.event, retry)

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """See `Outbox`."""
        found = [delivery for delivery in self._all() if delivery.parked]
        return _page(found, lambda delivery: (delivery.id,), after, limit)

    def redrive(self) -> int:
        """See `Outbox`."""
        with self._reading() as transaction:
            parked = [one for one in transaction.of_all(Delivery) if one.value.parked]
            for one in parked:
                again = attrs.evolve(one.value, parked=False, attempts=0, error=None)
                transaction.keep(one.user_id, one.key, again)
        return len(parked)

    def backlog(self) -> int:
        """See `Outbox`."""
        return sum(not delivery.parked for delivery in self._all())


def _account(transaction: Transaction, user_id: str) -> Account:
    found = transaction.get(Account, user_id, "")
    return found.value if found else Account(user_id)


def _keep_account(transaction: Transaction, account: Account, changes: int = 0) -> int:
    """Keep *account*, and return the number of the last change, now that there are more."""
    before = transaction.get(Account, account.user_id, "")
    number = (before.number if before else 0) + changes
    transaction.keep(account.user_id, "", account, number=number)
    return number


def _stored(transaction: Transaction, user_id: str, entry_id: UUID) -> Entry | Tombstone | None:
    key = str(entry_id)
    entry = transaction.get(Entry, user_id, key)
    gone = transaction.get(Tombstone, user_id, key)
    return entry.value if entry else gone.value if gone else None


def _check_version(before: Any, replaces: int | None) -> None:
    if (before.version if before else None) != replaces:
        raise VersionConflict("somebody else wrote first")


def _announce(transaction: Transaction, event: Event, retry: Retry | None = None) -> None:
    """Put *event* in the outbox, for everybody or once more for who failed."""
    delivery, due = Delivery(0, event), None
    if retry:
        parked, due = retry.due_at is None, retry.due_at
        delivery = Delivery(0, event, retry.consumer, retry.attempts, parked, retry.error)
    transaction.keep(event.user_id, uuid4().hex, delivery, due=due)


def _place(entry: Entry) -> Position:
    """Return where *entry* stands in a list by time."""
    return (entry.occurred_at - EPOCH) // timedelta(microseconds=1), str(entry.id)


def _page(
    found: Iterable[T],
    place_of: Callable[[T], Position],
    after: Position | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> Page[T]:
    """Return up to *limit* of what is *found* behind the place *after*, in order."""
    ordered = sorted(found, key=place_of, reverse=newest_first)
    if after is not None:
        ordered = [one for one in ordered if (place_of(one) < after) is newest_first]
        ordered = [one for one in ordered if place_of(one) != after]
    items = tuple(ordered[:limit])
    return Page(items, place_of(items[-1]) if len(ordered) > limit else None)
