"""The composition root: `Reflekt` puts the parts together, and says who follows from events."""

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property, partial
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import UUID

from reflekt_core.errors import ConfigurationError, ReflektError
from reflekt_core.model.accounts import Actor
from reflekt_core.ports import Assistant, Cipher, Clock, ExternalAssistant, Ids, Store
from reflekt_core.services.context import Context
from reflekt_core.stores import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from reflekt_core.model.jobs import Job, JobKind
    from reflekt_core.model.safety import CrisisResources
    from reflekt_core.model.transfer import ImportReport, MediaReport, ReadOptions
    from reflekt_core.providers import AnyAssistant
    from reflekt_core.services.analytics import Analytics
    from reflekt_core.services.assistance import Gate
    from reflekt_core.services.categories import Categories, Tags
    from reflekt_core.services.entries import Entries
    from reflekt_core.services.events import Consumer, Publisher
    from reflekt_core.services.health import HealthService
    from reflekt_core.services.insights import SuggestionService, SummaryService
    from reflekt_core.services.jobs import Jobs
    from reflekt_core.services.prompts import PromptService
    from reflekt_core.services.settings import SettingsService
    from reflekt_core.services.transfer import AccountService, AdminService

    AssistantChoice = (
        str | AnyAssistant | Sequence[AnyAssistant] | Callable[[], Sequence[AnyAssistant]]
    )

__all__ = ["Reflekt", "TimeOrderedIds", "Worker", "utc_now"]

PURGE_EVERY = timedelta(hours=1)


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


class TimeOrderedIds:
    """Makes UUIDs of version 7 (RFC 9562, section 5.7), each greater than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> UUID:
        """Return the next id."""
        milliseconds = time.time_ns() // 1_000_000
        fresh = milliseconds << 74 | int.from_bytes(os.urandom(10), "big") >> 6
        with self._lock:
            # In the same millisecond, or if the clock went back, count on.
            self._last = max(fresh, self._last + 1)
            number = self._last
        high, low = number >> 62, number & (1 << 62) - 1
        return UUID(int=(high >> 12) << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0b10 << 62 | low)


class _Parts:
    """What all views of one journal share."""

    def __init__(  # noqa: PLR0913, PLR0917 - what `Reflekt.on` was given
        self,
        store: Store,
        assistants: "Callable[[], Sequence[AnyAssistant]]",
        clock: Clock,
        ids: Ids,
        trash_days: int,
        crisis_resources: "CrisisResources | None",
        *,
        settles: bool,
    ) -> None:
        self.store = store
        self._settles = settles
        self.crisis_resources = crisis_resources
        self.clock = clock
        self.ids = ids
        self.trash_days = trash_days
        self.worker: Worker | None = None
        self.purged_at: datetime | None = None
        self.closed = False
        self._open_assistants = assistants

    @cached_property
    def gate(self) -> "Gate":
        """The way to the assistants, who are opened at the first use."""
        from reflekt_core.providers import local_assistant
        from reflekt_core.services.assistance import Gate

        return Gate(self.store, self.clock, cache(self._open_assistants), cache(local_assistant))

    def settles(self) -> bool:
        """Whether neither a worker nor another program handles what is pending."""
        return self._settles and not self.worker

    def settle(self) -> int:
        """Handle what is pending, unless a worker or another program does so."""
        return self.drain() if self.settles() else 0

    def wake(self) -> None:
        """Tell the worker, if there is one, that there is something to do."""
        if self.worker:
            self.worker.wake()

    def drain(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """
        Handle every pending event, and purge what is due; return the number of events.

        Once *stopping* says so, the rest is left for later.
        """
        handled = self._publisher().drain(stopping)
        now = self.clock()
        if self.purged_at is None or now - self.purged_at >= PURGE_EVERY:
            from reflekt_core.services.events import purge

            self.purged_at = now
            if purge(self.store, self.clock, self.trash_days):
                handled += self._publisher().drain()
        return handled

    def _publisher(self) -> "Publisher":
        from reflekt_core.services.events import Publisher

        return Publisher(self.store, self._subscriptions(), self.clock, slow={"insights"})

    def _subscriptions(self) -> "Mapping[str, Consumer]":
        """Return who is told of events, by name. The search index lives in the store's own writes."""
        from reflekt_core.services.analytics import count_entry
        from reflekt_core.services.insights import understand
        from reflekt_core.services.jobs import run_job

        return {
            "analytics": partial(count_entry, self.store),
            "insights": partial(understand, self.gate),
            "jobs": partial(run_job, self.gate),
        }


class Reflekt:
    """
    A journal, as one user sees it.

        >>> from reflekt_core import Reflekt
        >>> reflekt = Reflekt.open("memory://")
        >>> entry = reflekt.entries.create("We swam until the sun set.", mood=5, tags=["sea"])
        >>> [hit.entry.id == entry.id for hit in reflekt.entries.search("swam")]
        [True]

    Each noun of the API is an attribute, each verb a method of it. What follows from writing
    (insights, analytics) is brought up to date when it is asked for, at `drain`, and at `close`.
    """

    def __init__(self, parts: _Parts, actor: Actor) -> None:
        """Use `open` or `on` instead."""
        self._parts = parts
        self.actor = actor
        self._context = Context(
            actor,
            parts.store,
            parts.clock,
            parts.ids,
            lambda: parts.gate,
            parts.settles,
            parts.settle,
            parts.wake,
            parts.crisis_resources,
        )

    @classmethod
    def open(
        cls,
        url: str = "sqlite:///journal.db",
        *,
        user: str = "me",
        assistant: "AssistantChoice" = "local",
        cipher: Cipher | None = None,
    ) -> Self:
        """
        Return the journal of *user* in the store at *url*, which is made if it does not exist.

        Args:
            url: ``memory://`` or ``sqlite:///path``.
            user: Whose journal; any id.
            assistant: The name of an AI provider, or several with commas between, in the order in
                which they are asked; or one or more of your own, or what returns them.
            cipher: Seals what the store keeps; by default nothing is encrypted.

        Raises:
            ConfigurationError: The URL or the provider's name is not known.
            StoreError: The store cannot be opened.
        """
        return cls.on(open_store(url, cipher), user=user, assistant=assistant)

    @classmethod
    def on(  # noqa: PLR0913 - the ports, each with its default
        cls,
        store: Store,
        *,
        user: str = "me",
        assistant: "AssistantChoice" = "local",
        clock: Clock = utc_now,
        ids: Ids | None = None,
        trash_days: int = 30,
        crisis_resources: "CrisisResources | None" = None,
        settles: bool = True,
    ) -> Self:
        """
        Return the journal of *user* in *store*.

        Entries leave the trash after *trash_days*. *crisis_resources* say where help is, by region;
        by default those that come with Reflekt do. What follows from writes is left to other
        programs, which hear of them from the store, if *settles* is false.
        """
        if not user:
            raise ConfigurationError("user must not be empty")
        parts = _Parts(
            store,
            _opener(assistant),
            clock,
            ids or TimeOrderedIds(),
            trash_days,
            crisis_resources,
            settles=settles,
        )
        return cls(parts, Actor(user))

    def acting_as(self, actor: Actor) -> "Reflekt":
        """Return the same journal as *actor* sees it."""
        return Reflekt(self._parts, actor)

    @property
    def entries(self) -> "Entries":
        """Writing, reading, finding and deleting entries."""
        from reflekt_core.services.entries import Entries

        return Entries(self._context)

    @property
    def tags(self) -> "Tags":
        """Tags with counts, and renaming them."""
        from reflekt_core.services.categories import Tags

        return Tags(self._context)

    @property
    def categories(self) -> "Categories":
        """Categories."""
        from reflekt_core.services.categories import Categories

        return Categories(self._context)

    @property
    def prompts(self) -> "PromptService":
        """Prompts to write from."""
        from reflekt_core.services.prompts import PromptService

        return PromptService(self._context)

    @property
    def suggestions(self) -> "SuggestionService":
        """Ways to continue a draft."""
        from reflekt_core.services.insights import SuggestionService

        return SuggestionService(self._context)

    @property
    def summaries(self) -> "SummaryService":
        """Summaries of periods."""
        from reflekt_core.services.insights import SummaryService

        return SummaryService(self._context)

    @property
    def analytics(self) -> "Analytics":
        """Trends, mood, frequency, topics and sentiment."""
        from reflekt_core.services.analytics import Analytics

        return Analytics(self._context)

    @property
    def settings(self) -> "SettingsService":
        """The user's settings."""
        from reflekt_core.services.settings import SettingsService

        return SettingsService(self._context)

    @property
    def jobs(self) -> "Jobs":
        """Work that takes longer."""
        from reflekt_core.services.jobs import Jobs

        return Jobs(self._context)

    @property
    def account(self) -> "AccountService":
        """Export and erasure."""
        from reflekt_core.services.transfer import AccountService

        return AccountService(self._context)

    @property
    def admin(self) -> "AdminService":
        """What an administrator may know."""
        from reflekt_core.services.transfer import AdminService

        return AdminService(self._context)

    @property
    def health(self) -> "HealthService":
        """Whether Reflekt is up."""
        from reflekt_core.services.health import HealthService

        return HealthService()

    @property
    def store(self) -> Store:
        """The store below, for tools: backup, the outbox."""
        return self._parts.store

    @property
    def clock(self) -> Clock:
        """The clock in use."""
        return self._parts.clock

    def rebuild(self, what: "JobKind") -> "Job":
        """
        Return the job that builds the user's search index or aggregates anew.

        Args:
            what: `JobKind.REBUILD_INDEX` or `JobKind.REBUILD_ANALYTICS`.
        """
        from reflekt_core.services.jobs import start_job

        account = self._context.authorise(None)
        return start_job(self._context, account, what, {})

    def import_file(  # noqa: PLR0913 - what can be asked for; all have defaults
        self,
        path: "str | Path",
        *,
        format: str = "auto",  # noqa: A002 - the word for it
        dry_run: bool = False,
        strict: bool = False,
        options: "ReadOptions | None" = None,
        media: "str | Path | None" = None,
        told: "Callable[[ImportReport, float], object]" = lambda _, __: None,
    ) -> "ImportReport":
        """
        Take over the journal in the file, folder or archive at *path*, and return what came of it.

        Importing the same again changes nothing.

        Args:
            path: Where it is.
            format: One of `reflekt_core.formats.FORMATS`; found by the content, if left out.
            dry_run: Only look.
            strict: Stop at the first record that cannot be taken over.
            options: What the format cannot know of itself.
            media: The folder in which to keep the files that entries name, such as photos; they are
                not kept, if left out.
            told: Hears the report so far, now and then, and how much was read, from 0 to 1.

        Raises:
            MalformedInput: It cannot be read.
            InvalidInput: There is no such format, it has no media, an option is lacking, or *strict*
                stopped it.
            StoreError: The folder for media cannot be written.
        """
        from pathlib import Path

        import attrs

        from reflekt_core.formats.parts import parts_of
        from reflekt_core.formats.sources import opened
        from reflekt_core.model.transfer import ImportReport, ReadOptions
        from reflekt_core.services.importing import ImportService

        with opened(Path(path)) as source:
            parts = parts_of(source, format)
            found = parts.format
            source.read = 0
            records = parts.read(options or ReadOptions(), strict=strict)
            so_far = ImportReport(format=found.name, dry_run=dry_run)

            def tell(report: "ImportReport | None" = None) -> None:
                nonlocal so_far
                so_far = report or so_far
                told(so_far, source.fraction)

            beside = None
            if media is not None:
                from reflekt_core.formats.media import MediaFolder

                beside = MediaFolder(Path(media), found, dry_run=dry_run)
                records = beside.kept(source, records, tell)
            report = ImportService(self._context).add(
                records,
                format=found.name,
                dry_run=dry_run,
                strict=strict,
                told=tell,
            )
        report = parts.told(report)
        return attrs.evolve(report, media=beside.report) if beside else report

    def export_file(
        self,
        path: "str | Path",
        *,
        format: str = "ndjson",  # noqa: A002 - the word for it
        media: "str | Path | None" = None,
        told: "Callable[[int], object]" = lambda _: None,
        told_of_media: "Callable[[MediaReport], object]" = lambda _: None,
    ) -> int:
        """
        Write everything the user has to the new file *path*, and return how many records that are.

        The file is readable for its owner only. `ndjson` and `json` hold everything; what others
        have no place for is left out. *told* hears, now and then, how many records there are so far.
        The files that entries name, such as photos, are taken along from the folder *media*, if one
        is named; *told_of_media* hears what came of them.

        Raises:
            InvalidInput: There is no such format, it can only be read, or it has no media.
            MalformedInput: A file in the folder for media cannot be read.
            StoreError: The file exists, or cannot be written.
        """
        from pathlib import Path

        import attrs

        from reflekt_core.formats import open_format
        from reflekt_core.formats.targets import written
        from reflekt_core.model.paging import through
        from reflekt_core.model.transfer import ExportKind
        from reflekt_core.services.transfer import AccountService

        found = open_format(format)
        # Where there is no place for insights, none need be made first.
        context = (
            self._context if found.holds_all else attrs.evolve(self._context, settle=lambda: None)
        )
        account = AccountService(context)
        records = through(lambda after: account.export(after=after, limit=100))
        if not found.holds_all:
            records = takewhile(lambda record: record.kind is not ExportKind.INSIGHT, records)
        if media is None:
            return written(Path(path), found, records, told)
        from reflekt_core.formats.media import MediaFolder

        beside = MediaFolder(Path(media), found)
        count = written(Path(path), found, beside.noted(records), told, beside.pack)
        told_of_media(beside.report)
        return count

    def drain(self) -> int:
        """Do at once what follows from writes, and return how many events were handled."""
        return self._parts.drain()

    def start_worker(self) -> "Worker":
        """Return a thread that does in the background what follows from writes, until `close`."""
        if self._parts.worker is None:
            self._parts.worker = Worker(self._parts.drain)
            self._parts.worker.start()
        return self._parts.worker

    def close(self) -> None:
        """Finish what follows from writes and let go of the store. Closing twice is fine."""
        if self._parts.worker is not None:
            self._parts.worker.stop()
            self._parts.worker = None
        elif not self._parts.closed:
            with suppress(ReflektError):  # what is left is taken up at the next opening
                self._parts.settle()
        self._parts.closed = True
        self._parts.store.close()

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the journal."""
        self.close()


def _opener(assistant: "AssistantChoice") -> "Callable[[], Sequence[AnyAssistant]]":
    if isinstance(assistant, Assistant | ExternalAssistant):
        return lambda: (assistant,)
    if not isinstance(assistant, str):
        return assistant if callable(assistant) else lambda: assistant
    names = [name.strip() for name in assistant.split(",")]
    from reflekt_core.providers import check_names, open_assistants

    check_names(names)
    return partial(open_assistants, names)


class Worker(threading.Thread):
    """Does what follows from writes, soon after each and at least every *every_seconds*."""

    def __init__(
        self, drain: Callable[[Callable[[], bool]], int], every_seconds: float = 1.0
    ) -> None:
        """Call *drain* whenever there may be something to do."""
        super().__init__(name="reflekt-worker", daemon=True)
        self._drain = drain
        self._every_seconds = every_seconds
        self._due = threading.Event()
        self._ended = False

    def wake(self) -> None:
        """Look for something to do now."""
        self._due.set()

    def stop(self) -> None:
        """Finish the event at hand, leave the rest in the outbox, and end."""
        self._ended = True
        self._due.set()
        self.join()

    def run(self) -> None:
        """Work until stopped."""
        import logging

        log = logging.getLogger("reflekt.worker")
        while not self._ended:
            self._due.wait(self._every_seconds)
            self._due.clear()
            try:
                self._drain(lambda: self._ended)
            except ReflektError as error:
                log.warning("draining failed: %s", error.code)
            except Exception as error:  # noqa: BLE001 - the worker outlives whatever goes wrong
                log.error("draining failed: %s", type(error).__name__)  # noqa: TRY400 - a traceback may carry text
