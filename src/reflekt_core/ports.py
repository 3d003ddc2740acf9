"""
Everything Reflekt needs from outside, as interfaces. A port's docstring is its contract.

`reflekt_core.testing` holds the tests that every implementation of a port must pass.

Rules for every method of every store:

- Each call is atomic: it happens whole or not at all, whatever crashes.
- A write names the `Account` it saw. It is refused with `AccountErased` if the account's epoch has
  moved on since, or while the account is being erased.
- A store that is locked or away raises `Unavailable`; one that is full, read-only or damaged raises
  `StoreError`. Earlier data are intact.
- Stores may be used from several threads at once, and persistent ones from several processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload

from reflekt_core.errors import VersionConflict
from reflekt_core.model.entries import Order

if TYPE_CHECKING:  # so that whoever needs one port does not load the values of all the others
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime
    from typing import BinaryIO
    from uuid import UUID

    from reflekt_core.model.accounts import Account, Counts
    from reflekt_core.model.analytics import Contribution, DayAggregate, EntryFacts, Run
    from reflekt_core.model.assistance import (
        Answer,
        Capabilities,
        Consented,
        Reply,
        Schema,
        Task,
        WorstCase,
    )
    from reflekt_core.model.entries import Change, Entry, EntryFilter, TagCount, Tombstone
    from reflekt_core.model.events import Delivery, Event, Retry
    from reflekt_core.model.insights import (
        AnalyseEntry,
        Analysis,
        Insight,
        Suggestions,
        SuggestWays,
        Summarise,
        Summary,
    )
    from reflekt_core.model.jobs import Job
    from reflekt_core.model.paging import Page, Position
    from reflekt_core.model.prompts import Prompt, WritePrompts
    from reflekt_core.model.search import Match, Query
    from reflekt_core.model.settings import Vendor
    from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, Medium, ReadOptions

__all__ = [
    "Accounts",
    "Aggregates",
    "Assistant",
    "Cipher",
    "Clock",
    "Completion",
    "Entries",
    "ExternalAssistant",
    "Format",
    "Ids",
    "Insights",
    "MediaFormat",
    "Outbox",
    "PlainText",
    "Records",
    "Search",
    "Source",
    "SourceFile",
    "Store",
]

T = TypeVar("T")


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Return the present time in UTC."""


class Ids(Protocol):
    """Makes ids."""

    def __call__(self) -> UUID:
        """Return an id nobody has seen before; later ids sort after earlier ones (UUIDv7)."""


class Cipher(ABC):
    """
    Seals what a store keeps.

    The seam for field encryption. Today there is only `PlainText`, which does not encrypt.
    """

    @abstractmethod
    def seal(self, user_id: str, record: str, plain: bytes) -> bytes:
        """Return *plain* as it may lie in the store, bound to the user and the *record*'s name."""

    @abstractmethod
    def open(self, user_id: str, record: str, sealed: bytes) -> bytes:
        """Return what was sealed for this user and *record*."""


class PlainText(Cipher):
    """Leaves everything readable."""

    def seal(self, user_id: str, record: str, plain: bytes) -> bytes:  # noqa: ARG002
        """Return *plain* as it is."""
        return plain

    def open(self, user_id: str, record: str, sealed: bytes) -> bytes:  # noqa: ARG002
        """Return *sealed* as it is."""
        return sealed


class Accounts(ABC):
    """The state of each user's account, and its erasure."""

    @abstractmethod
    def get(self, user_id: str) -> Account:
        """Return the account's state; a fresh `Account(user_id)` if nothing was ever stored."""

    @abstractmethod
    def begin_erasure(self, account: Account, job: Job, event: Event, at: datetime) -> Account:
        """
        Fence the account, keep *job* and put *event* in the outbox, all in one step.

        Returns:
            The account with the next epoch, `erasing` and `erased_at` set.
        """

    @abstractmethod
    def erase_some(self, account: Account, limit: int, keep: UUID) -> int:
        """
        Delete up to about *limit* stored items of an account that is being erased.

        Of every kind: entries, tombstones, index, insights, aggregates, records, events, parked
        deliveries. Only the account's own state, the job *keep* and the event that asks for this
        job (its `subject_id`) stay, so that an erasure cut short is taken up again.

        Returns:
            How many were deleted; 0 when nothing is left.
        """

    @abstractmethod
    def end_erasure(self, account: Account) -> None:
        """Let the account be used again, empty. Does nothing if *account* is not up to date."""


class Entries(ABC):
    """
    Entries of each user, with their tags, and the sequence of their changes.

    Every write takes the next number of the user's sequence in its own transaction, keeps tags,
    counts and (where it lives here) the search index right, and puts one event in the outbox, as
    `reflekt_core.model.events.event_of` says.
    """

    @abstractmethod
    def get(self, user_id: str, entry_id: UUID) -> Entry | Tombstone | None:
        """Return the entry (also from the trash), its tombstone, or None."""

    @abstractmethod
    def put(self, account: Account, entry: Entry | Tombstone, *, replaces: int | None) -> None:
        """
        Store *entry* if the stored version equals *replaces*.

        Args:
            account: The account as the caller saw it.
            entry: The new version; a tombstone deletes the entry for good.
            replaces: Version of the entry or tombstone the caller last saw; None if there must be
                neither.

        Raises:
            VersionConflict: Somebody else wrote first; nothing was stored.
            AccountErased: See above.
        """

    def add(self, account: Account, entries: Sequence[Entry]) -> tuple[bool, ...]:
        """
        Store those of *entries* whose ids are new, and tell of each whether it was.

        An id is not new if there is an entry under it, or a tombstone. For imports: a store that
        writes many at once faster than one by one does so. Each entry is stored whole or not at
        all, in the order given; what follows one that fails is not stored.

        Raises:
            AccountErased: See above.
        """
        return tuple(self._add(account, entry) for entry in entries)

    def _add(self, account: Account, entry: Entry) -> bool:
        try:
            self.put(account, entry, replaces=None)
        except VersionConflict:
            return False
        return True

    @abstractmethod
    def list(
        self,
        user_id: str,
        wanted: EntryFilter,
        *,
        order: Order = Order.DESC,
        after: Position | None = None,
        limit: int = 20,
    ) -> Page[Entry]:
        """
        Return entries that *wanted* accepts, by `occurred_at`, then by id.

        Reads no more rows than it returns plus a constant, unless mood, category, starred or a
        second tag is asked for; then at most 1,000, and the page may be short. What lies within
        three days of a date in *wanted* counts as constant.
        """

    @abstractmethod
    def changes(self, user_id: str, *, since: int = 0, limit: int = 20) -> Page[Change]:
        """
        Return the latest change of each entry after number *since*, in order of the sequence.

        An entry changed again moves to its new number, so that following the sequence to its end
        tells every entry and tombstone at least once. `next` is ``(number,)`` of the last change,
        None only if nothing is left.
        """

    @abstractmethod
    def on_day(
        self,
        user_id: str,
        month: int,
        day: int,
        *,
        before: date | None = None,
        limit: int = 100,
    ) -> tuple[Entry, ...]:
        """
        Return entries outside the trash whose local date has this month and day, newest first.

        Those on the day *before* and later ones are left out, and not read.
        """

    @abstractmethod
    def tags(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[TagCount]:
        """Return the tags of entries outside the trash, sorted by folded name, without reading entries.

        The spelling is that of the latest write that used the tag.
        """

    @abstractmethod
    def counts(self, user_id: str) -> Counts:
        """Return how many entries there are, without counting them."""

    @abstractmethod
    def trashed_before(self, at: datetime, *, limit: int = 100) -> tuple[tuple[str, UUID], ...]:
        """Return user and id of entries, of all users, that went to the trash before *at*."""


class Search(ABC):
    """Full-text search. `reflekt_core.model.search` says what a query means."""

    @abstractmethod
    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """
        Return the entries that match *query* and that *wanted* accepts, best first.

        `score` is greater than 0, and compares within one result only; of equal scores the newest
        comes first. Other users' words move no score; how many
        texts there are in all, and how long they are, may. Nothing in the trash is
        ever found. `next` is ``(offset,)``.

        The entry as it is stored decides, so that what is returned is meant. An entry that was
        written just now may be missed by a store that brings its index up to date by events, while
        more than a thousand of the user's changes wait to be told by it.
        """

    @abstractmethod
    def update(self, account: Account, entry_id: UUID) -> None:
        """
        Bring the index up to date with the entry as it is stored now.

        Doing so again, or late, changes nothing. Where an entry's own write keeps the index, this
        does nothing.
        """

    @abstractmethod
    def reindex(self, account: Account, *, after: Position | None, limit: int) -> Position | None:
        """Index up to *limit* entries anew; return where to go on, or None at the end."""


class Insights(ABC):
    """One insight an entry. Storing or deleting one moves the day aggregates in the same step."""

    @abstractmethod
    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """Return the entry's insight, stale or not."""

    @abstractmethod
    def put(self, account: Account, insight: Insight) -> None:
        """Store *insight*, unless one of a later `content_version` is there."""

    @abstractmethod
    def delete(self, account: Account, entry_id: UUID) -> None:
        """Delete the entry's insight, if there is one."""

    @abstractmethod
    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """Return the user's insights, by entry id."""


class Aggregates(ABC):
    """
    Sums by day, and runs of days in a row, kept up to date entry by entry.

    At all times they equal what `reflekt_core.model.analytics` computes from scratch from the
    facts last applied for each entry and the insights stored.
    """

    @abstractmethod
    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """
        Count the entry as it is in *version*; None takes it out.

        Does nothing if this or a later version was applied before. The entry's insight counts
        along if it is stored and of the same `content_version`.
        """

    @abstractmethod
    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """Return the days from *first* to *last* that have entries, in order."""

    @abstractmethod
    def run_at(self, user_id: str, day: date) -> Run | None:
        """Return the run of days in a row that *day* belongs to. Cost does not grow with its length."""

    @abstractmethod
    def longest_run(self, user_id: str) -> Run | None:
        """Return the longest run of days; of equal ones the latest."""

    def period(
        self, user_id: str, first: date, last: date, today: date
    ) -> tuple[tuple[DayAggregate, ...], Run | None, Run | None]:
        """
        Return `days`, the run that goes on *today* or yesterday, and the longest run.

        Stores that wait for answers ask for all three at once.
        """
        yesterday = today - timedelta(days=1)
        current = self.run_at(user_id, today) or self.run_at(user_id, yesterday)
        return self.days(user_id, first, last), current, self.longest_run(user_id)

    @abstractmethod
    def contributions(self, user_id: str, days: Collection[date]) -> tuple[Contribution, ...]:
        """Return what the entries of *days* contribute, in any order."""

    @abstractmethod
    def clear_some(self, account: Account, limit: int) -> int:
        """Forget up to about *limit* items, so that they can be built anew; return how many."""


class Records(ABC, Generic[T]):
    """
    Versioned values of one kind, such as categories, by user and key.

    A value carries its `version`: 1 when created, one more with each write.
    """

    @abstractmethod
    def get(self, user_id: str, key: str) -> T | None:
        """
        Return the value, if there is one.

        A store has no clock: what has expired is there until `Store.purge_expired`. Whoever cares
        compares the times in the value.
        """

    @abstractmethod
    def put(  # noqa: PLR0913 - the last two are rare and have defaults
        self,
        account: Account,
        key: str,
        value: T,
        *,
        replaces: int | None,
        expires_at: datetime | None = None,
        event: Event | None = None,
    ) -> None:
        """
        Store *value* if the stored version equals *replaces* (None: there must be none).

        *event* goes to the outbox in the same step.

        Raises:
            VersionConflict: Somebody else wrote first.
            AccountErased: See above.
        """

    @abstractmethod
    def delete(self, account: Account, key: str, *, replaces: int | None = None) -> None:
        """Delete the value if its version equals *replaces*; None deletes any, also none."""

    @abstractmethod
    def list(self, user_id: str, *, after: Position | None = None, limit: int = 20) -> Page[T]:
        """Return the user's values, by key."""


class Outbox(ABC):
    """Events that were committed with their writes and not yet handled by every consumer."""

    @abstractmethod
    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """Return deliveries that are due, oldest first, without taking them."""

    @abstractmethod
    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """Replace *delivery* by one delivery for each of *retries*. Does nothing if it is gone."""

    @abstractmethod
    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """Return the deliveries that were set aside, oldest first."""

    @abstractmethod
    def redrive(self) -> int:
        """Make every parked delivery due again, with no attempts counted; return how many."""

    @abstractmethod
    def backlog(self) -> int:
        """Count the deliveries that are neither settled nor parked."""


class Store(ABC):
    """
    Everything a journal keeps.

    An implementation is made with ``(url, cipher)`` and stands in the table of
    `reflekt_core.stores`. Its parts share one set of transactions.
    """

    accounts: Accounts
    entries: Entries
    search: Search
    insights: Insights
    aggregates: Aggregates
    outbox: Outbox

    @abstractmethod
    def records(self, kind: type[T]) -> Records[T]:
        """
        Return the records of *kind*.

        It is `Settings`, `Category`, `Job`, `DailyPrompt`, `Failure`, `Receipt`, `DayUsage` or
        `CachedAnswer`.
        """

    @abstractmethod
    def purge_expired(self, now: datetime, *, limit: int = 100) -> int:
        """
        Delete up to *limit* records of all users that expired by *now*; return how many.

        Also does what the store has left undone in deleting things for good.
        """

    @abstractmethod
    def backup(self, path: str) -> None:
        """
        Write a consistent copy to the new file *path*, while others go on writing.

        Raises:
            StoreError: This store keeps nothing, or the file exists or cannot be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections. Closing twice is fine."""


class Assistant(ABC):
    """
    Understands texts and helps to write, on this machine: no text leaves it.

    Raises:
        AssistantError: There is no usable answer. Its message holds no text of the task.
    """

    @overload
    def answer(self, task: AnalyseEntry) -> Answer[Analysis]: ...
    @overload
    def answer(self, task: SuggestWays) -> Answer[Suggestions]: ...
    @overload
    def answer(self, task: Summarise) -> Answer[Summary]: ...
    @overload
    def answer(self, task: WritePrompts) -> Answer[tuple[Prompt, ...]]: ...
    @abstractmethod
    def answer(self, task: Task) -> Answer[Any]:
        """Return the answer to *task*: an `Analysis`, `Suggestions`, a `Summary` or prompts."""


class ExternalAssistant(ABC):
    """
    Understands texts and helps to write by asking a language model on a server.

    It takes only what is `Consented`, for its own `vendor` (None: the server is on this machine).
    """

    provider: str
    vendor: Vendor | None
    model: str

    @abstractmethod
    def prompt_version(self, task: Task) -> str:
        """Return the version of what the model is told to do with *task*."""

    @abstractmethod
    def worst_case(self, task: Task) -> WorstCase:
        """Return the most that answering *task* can come to, all attempts together."""

    @abstractmethod
    def answer(self, request: Consented[Any]) -> Answer[Any]:
        """
        Return the answer to the request's task, as `Assistant.answer` does.

        Before each attempt `request.confirm` is called, after each `request.charge`.

        Raises:
            AssistantError: There is no usable answer. Its message holds no text of the task.
        """


class Completion(ABC):
    """A language model: writes JSON of a given form about a text."""

    provider: str
    vendor: Vendor | None
    """Whose server it is; None if it is on this machine."""
    model: str
    capabilities: Capabilities

    @abstractmethod
    def complete(
        self,
        instructions: str,
        text: str,
        schema: Schema,
        *,
        max_output_tokens: int,
        timeout_seconds: float,
    ) -> Reply:
        """
        Return what the model writes: one attempt, which ends after *timeout_seconds* at the latest.

        Args:
            instructions: What to do; from Reflekt alone.
            text: What to do it with: data, never instructions.
            schema: What the JSON must look like; its ``title`` names it.
            max_output_tokens: The most to write, thinking included.
            timeout_seconds: For the whole attempt, from the first byte sent to the last received.

        Raises:
            AssistantError: One of its kinds, with provider, model and request id; its message
                holds nothing of the vendor's words, nor of *text*.
        """


class SourceFile(Protocol):
    """A file of what is imported. It may be opened several times."""

    @property
    def name(self) -> str:
        """Its path below the source, with slashes; never one that leads out of it."""

    def open(self) -> BinaryIO:
        """Return its bytes. Raises `MalformedInput` where they cannot be read."""


class Source(Protocol):
    """What is imported: one file, the files of a folder, or those of an archive."""

    @property
    def name(self) -> str:
        """The name of the file, folder or archive, without its path."""

    @property
    def files(self) -> Sequence[SourceFile]:
        """Its files, by name."""


class Format(ABC):
    """
    Files in which a program keeps journals. Knows no store: bytes to values, values to bytes.

    An implementation stands in the table of `reflekt_core.formats`.
    """

    name: str
    suffix: str
    """How the names of its files end, such as ``.json``."""

    holds_all: bool = False
    """Whether it has a place for every record; the others have one for entries outside the trash."""

    @abstractmethod
    def recognises(self, source: Source) -> bool:
        """Tell by the content, not by the names, whether *source* is of this format."""

    def takes(self, source: Source) -> Sequence[SourceFile]:
        """Return the files of *source* that hold the journal, or belong to it; all, if not said."""
        return source.files

    @abstractmethod
    def read(
        self, source: Source, options: ReadOptions
    ) -> Iterator[Arrival | ExportRecord | Broken]:
        """
        Yield what *source* holds, record by record, in bounded memory.

        A record that cannot be understood is `Broken`, and the others follow.

        Raises:
            MalformedInput: The source as a whole cannot be read.
            InvalidInput: An option is lacking.
        """

    @abstractmethod
    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """
        Write *records*, an export in its order, to *target*: what the format has no place for is left out.

        Raises:
            InvalidInput: This format can only be read.
        """


class MediaFormat(Format):
    """A format whose entries name files beside them. What it writes is a zip archive."""

    @abstractmethod
    def media(self, extra: Mapping[str, Any]) -> Iterable[Medium]:
        """Return the files that an entry names in what it brought along, its *extra*."""
