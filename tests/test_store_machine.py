"""Writers, retries, consumers and crashes in any order: no lost update, no duplicate, no event lost."""

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from reflekt_core.errors import ReflektError, VersionConflict
from reflekt_core.model.accounts import Counts
from reflekt_core.model.analytics import Contribution, aggregate, entry_facts, insight_facts
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, restored, trashed
from reflekt_core.model.events import Event
from reflekt_core.model.paging import through
from reflekt_core.model.search import parse
from reflekt_core.ports import Store
from reflekt_core.services.analytics import count_entry
from reflekt_core.services.events import Publisher
from reflekt_core.stores import open_store
from reflekt_core.testing import NOW, FakeClock, an_entry, an_insight

from .dynamodb_emulator import Emulator

if TYPE_CHECKING:
    from reflekt_core.model.insights import Insight
    from reflekt_core.stores.sqlite import SQLiteStore

Write = tuple[Entry | Tombstone, int | None]


class Crash(BaseException):
    """The process dies here."""


class Failure(Exception):
    """A consumer fails, and wants to be told again."""


FEW = 4
"""Entries that a machine writes: so few that much happens to each."""

_BEHIND = st.integers(0, 2)
_STEPS = st.integers(0, 12) | st.just(1000)
_FAILURES = st.sampled_from([Crash, Failure])


def dies(
    store: Store, act: Callable[[], None], instruction: int, image: Callable[[], None]
) -> bool:
    """Let all die when SQLite comes to this *instruction* of *act*; tell whether it ever did."""
    ran = 0

    def die() -> int:
        nonlocal ran
        ran += 1
        if ran == instruction:
            image()
        return int(ran >= instruction)

    database = cast("SQLiteStore", store)._database
    with database.reading() as connection:
        connection.set_progress_handler(die, 1)
    with suppress(ReflektError):
        act()
    with database.reading() as connection:
        connection.set_progress_handler(None, 0)
    return ran >= instruction


def copy_journal(folder: Path, old: int, new: int) -> None:
    """Copy a file and its log as they are this moment, as a dying machine leaves them."""
    for suffix in ("", "-wal"):
        source, target = (folder / f"{number}.db{suffix}" for number in (old, new))
        target.unlink(missing_ok=True)
        if source.exists():
            shutil.copy(source, target)


class StoreMachine(RuleBasedStateMachine):
    """A store, and beside it a dictionary that says what must be in it."""

    scheme = "memory"
    emulator: Emulator | None = None
    seen = Bundle("seen")
    """What some writer last saw, which may be long out of date."""
    sent = Bundle("sent")
    """Writes that were sent, and may be sent again."""

    @initialize(target=seen)
    def open(self) -> UUID:
        """Start with an empty store, and write the first entry, so that the rest has a subject."""
        self.folder = Path(tempfile.mkdtemp())
        self.images = 0
        self.model: dict[UUID, Entry | Tombstone] = {}
        self.history: dict[UUID, list[Entry | Tombstone]] = defaultdict(list)
        self.order: list[UUID] = []
        self.insights: dict[UUID, Insight] = {}
        self.written: set[tuple[str, int]] = set()
        """What an event must tell of: id and version of each write that won."""
        self.handled: set[tuple[str, int]] = set()
        self.clock = FakeClock()
        self.store: Store = self._opened()
        return self._created(mood=3, hour=0)

    def _opened(self) -> Store:
        if self.scheme == "memory":
            return open_store("memory://")
        if self.emulator is not None:
            return self.emulator.store()
        return open_store(f"sqlite:///{self.folder}/{self.images}.db")

    @precondition(lambda self: len(self.model) < FEW)
    @rule(target=seen, mood=st.integers(1, 5), hour=st.integers(-40, 40))
    def create(self, mood: int, hour: int) -> UUID:
        """Somebody writes an entry."""
        return self._created(mood, hour)

    def _created(self, mood: int, hour: int) -> UUID:
        at = NOW.replace(day=20 + hour % 5, hour=hour % 24)
        entry = an_entry(
            f"word{mood} day", id=uuid4(), mood=mood, tags=(f"t{mood}",), occurred_at=at
        )
        self._write(entry, None)
        return entry.id

    @rule(
        target=sent,
        id=seen,
        mood=st.integers(1, 5),
        behind=st.sampled_from([0, 0, 0, 0, 1, 2]),
        kind=st.integers(0, 5),
    )
    def change(self, id: UUID, mood: int, behind: int, kind: int) -> Write:
        """Somebody who may have seen an older version edits, trashes, restores or deletes."""
        now = self.model[id]
        saw = now.version - behind
        new = self._changed(now, mood, kind, saw + 1)
        self._write(new, saw)
        return new, saw

    def _changed(
        self, now: Entry | Tombstone, mood: int, kind: int, version: int
    ) -> Entry | Tombstone:
        if kind == 0:
            return Tombstone(now.id, version, NOW)
        base = now if isinstance(now, Entry) else an_entry("word again", id=now.id)
        edit = {
            1: partial(trashed, now=NOW),
            2: partial(restored, now=NOW),
            3: partial(attrs.evolve, content=f"word{mood} other", content_version=version),
            4: partial(attrs.evolve, tags=(f"t{mood}", "x")),
        }.get(kind, partial(attrs.evolve, mood=mood, local_date=NOW.date().replace(day=mood)))
        edited: Entry = edit(base)
        return attrs.evolve(edited, version=version)

    @rule(write=sent)
    def retry(self, write: Write) -> None:
        """An answer was lost, so the same write is sent again."""
        self._write(*write)

    def _write(self, new: Entry | Tombstone, replaces: int | None) -> None:
        now = self.model.get(new.id)
        wins = (now.version if now else None) == replaces
        try:
            self.store.entries.put(self.store.accounts.get("me"), new, replaces=replaces)
        except VersionConflict:
            assert not wins
        else:
            assert wins
            self._remember(new)

    def _remember(self, new: Entry | Tombstone) -> None:
        self.model[new.id] = new
        self.history[new.id].append(new)
        self.written.add((str(new.id), new.version))
        self.order = [id for id in self.order if id != new.id] + [new.id]

    def _read(self, id: UUID, behind: int) -> Entry | Tombstone:
        """Return the entry as somebody read it some time ago."""
        versions = self.history[id]
        return versions[max(0, len(versions) - 1 - behind)]

    @rule(id=seen, behind=_BEHIND, steps=_STEPS)
    def count_late(self, id: UUID, behind: int, steps: int) -> None:
        """A slow worker counts what it read, which others may long have counted as it is now."""
        entry = self._read(id, behind)
        self.follow(steps)
        account = self.store.accounts.get("me")
        self.store.aggregates.apply(account, entry.id, entry.version, entry_facts(entry))

    @rule(place=st.integers(0, 5), settles=st.booleans())
    def deliver(self, place: int, settles: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """A worker takes any event out of order; another is told the same if it is not settled."""
        for delivery in self.store.outbox.pending(self.clock())[place : place + 1]:
            if delivery.consumer is None:
                count_entry(self.store, delivery.event)
                self.handled.add((delivery.event.subject_id, delivery.event.version))
                if settles:
                    self.store.outbox.settle(delivery)

    @rule(id=seen, behind=_BEHIND, score=st.sampled_from([-0.5, 0.25]))
    def understand(self, id: UUID, behind: int, score: float) -> None:
        """An insight comes, into a text that may have changed since."""
        entry = self._read(id, behind)
        if isinstance(entry, Entry):
            insight = an_insight(entry, score=score)
            self.store.insights.put(self.store.accounts.get("me"), insight)
            known = self.insights.get(id)
            if known is None or known.content_version <= insight.content_version:
                self.insights[id] = insight

    @rule(id=seen)
    def forget(self, id: UUID) -> None:
        """An insight is deleted."""
        self.store.insights.delete(self.store.accounts.get("me"), id)
        self.insights.pop(id, None)

    @rule(steps=_STEPS, failure=_FAILURES)
    def follow(self, steps: int, failure: type[BaseException] = Crash) -> None:
        """A worker handles events; after so many steps it dies, or its consumers fail."""
        self.clock.advance(minutes=1)
        left = iter(range(steps, -1, -1))

        def step() -> None:
            if next(left, 0) == 0:
                raise failure

        def counting(event: Event) -> None:
            step()
            count_entry(self.store, event)
            step()

        def noting(event: Event) -> None:
            self.handled.add((event.subject_id, event.version))
            step()

        with suppress(Crash):
            Publisher(self.store, {"count": counting, "note": noting}, self.clock).drain()

    @precondition(lambda self: self.scheme == "sqlite")
    @rule()
    def crash(self) -> None:
        """The process dies between two writes; another opens what is on the disk."""
        self._image()
        self._take_over()

    @precondition(lambda self: self.scheme == "sqlite")
    @rule(mood=st.integers(1, 5), instructions=st.integers(1, 500))
    def crash_within_a_write(self, mood: int, instructions: int) -> None:
        """The process dies somewhere inside a write: nobody was told, and it is there or it is not."""
        entry = an_entry(f"word{mood} lost", id=uuid4(), mood=mood, tags=(f"t{mood}",))
        account = self.store.accounts.get("me")
        told = self._survives(
            lambda: self.store.entries.put(account, entry, replaces=None), instructions
        )
        if told or self.store.entries.get("me", entry.id):
            self._remember(entry)

    @precondition(lambda self: self.scheme == "sqlite")
    @rule(
        instructions=st.integers(1, 150) | st.integers(1, 1000),
        steps=st.integers(0, 3),
        failure=_FAILURES,
    )
    def crash_within_following(
        self, instructions: int, steps: int, failure: type[BaseException]
    ) -> None:
        """A worker dies inside one of its transactions; another handles the event again."""
        self._survives(lambda: self.follow(steps, failure), instructions)

    def _survives(self, act: Callable[[], None], instructions: int) -> bool:
        """Tell whether *act* was done before SQLite came to the instruction at which all dies."""
        if not dies(self.store, act, instructions, self._image):
            return True
        self._take_over()
        return False

    def _image(self) -> None:
        copy_journal(self.folder, self.images, self.images + 1)

    def _take_over(self) -> None:
        self.store.close()
        self.images += 1
        self.store = self._opened()

    @invariant()
    def holds_what_was_written(self) -> None:
        """Every entry is at the version of the last write that won."""
        for id, expected in getattr(self, "model", {}).items():
            assert self.store.entries.get("me", id) == expected

    @invariant()
    def tells_changes_in_order(self) -> None:
        """The sequence of changes is that of the writes, each entry once."""
        if hasattr(self, "store"):
            changes = through(
                lambda after: self.store.entries.changes(
                    "me", since=int(after[0] or 0) if after else 0, limit=3
                )
            )
            assert [change.entry.id for change in changes] == self.order

    @invariant()
    def adds_up_when_all_is_told(self) -> None:
        """Once no event waits, the sums are those computed from scratch, whoever still counts late."""
        if not hasattr(self, "store") or self.store.outbox.backlog() or self.store.outbox.parked():
            return
        expected = aggregate(
            Contribution(id, e.version, entry_facts(e), insight_facts(self.insights.get(id)))
            for id, e in self.model.items()
        )
        first, last = NOW.date().replace(day=1), NOW.date().replace(day=30)
        assert self.store.aggregates.days("me", first, last) == tuple(expected.values())

    def teardown(self) -> None:
        """Let the worker finish: everything that follows from writes is as from scratch."""
        if hasattr(self, "store"):
            try:
                self._finish()
            finally:
                self.store.close()
                shutil.rmtree(self.folder)

    def _finish(self) -> None:
        self.store.outbox.redrive()
        self.follow(10**6)
        assert self.store.outbox.backlog() == 0
        assert self.store.outbox.parked().items == ()
        assert self.handled == self.written
        self.adds_up_when_all_is_told()
        present = [e for e in self.model.values() if isinstance(e, Entry)]
        live = [e for e in present if e.trashed_at is None]
        found = self.store.search.search("me", parse("word*"), EntryFilter(), limit=100)
        assert {match.entry.id for match in found} == {e.id for e in live}
        assert self.store.entries.counts("me") == Counts(len(live), len(present) - len(live))
        tags = Counter(tag for e in live for tag in e.tags)
        assert {tag.name: tag.count for tag in self.store.entries.tags("me", limit=100)} == tags


@pytest.mark.parametrize("scheme", ["memory", "sqlite", "dynamodb"])
def test_writers_retries_and_crashes_lose_and_double_nothing(
    scheme: str, request: pytest.FixtureRequest
) -> None:
    """In whatever order writers, retries, workers and crashes come, the store equals the model."""

    class Machine(StoreMachine):
        """The machine over one store."""

    Machine.scheme = scheme
    if scheme == "dynamodb":
        Machine.emulator = request.getfixturevalue("dynamodb")
    # Over HTTP, each step takes many times as long.
    examples = 15 if scheme == "dynamodb" else 60
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None)
    )


def deaths(folder: Path, act: Callable[[Store], None]) -> Iterator[Store]:
    """Give the store as a crash leaves it, at each instruction of *act* in turn."""
    with closing(open_store(f"sqlite:///{folder}/0.db")) as store:
        store.entries.put(store.accounts.get("me"), an_entry("word", tags=("t",)), replaces=None)
    for instruction in count(1):
        copy_journal(folder, 0, 1)
        with closing(open_store(f"sqlite:///{folder}/1.db")) as store:
            image = partial(copy_journal, folder, 1, 2)
            if not dies(store, partial(act, store), instruction, image):
                return
        with closing(open_store(f"sqlite:///{folder}/2.db")) as store:
            yield store


def test_a_write_is_whole_at_whatever_instruction_the_process_dies(tmp_path: Path) -> None:
    """The entry is there with its change, tags, count and event, or there is nothing of it."""
    entry = an_entry("word lost", tags=("t", "x"))

    def write(store: Store) -> None:
        store.entries.put(store.accounts.get("me"), entry, replaces=None)

    seen = set()
    for store in deaths(tmp_path, write):
        there = store.entries.get("me", entry.id) is not None
        seen.add(there)
        tags = {tag.name: tag.count for tag in store.entries.tags("me")}
        assert tags == ({"t": 2, "x": 1} if there else {"t": 1})
        found = store.search.search("me", parse("word"), EntryFilter())
        numbers = (len(store.entries.changes("me")), len(found), store.outbox.backlog())
        assert numbers == ((2, 2, 2) if there else (1, 1, 1))
        assert store.entries.counts("me") == Counts(1 + there)
    assert seen == {False, True}  # after the last instruction it is there, though nobody was told


def test_an_event_stays_at_whatever_instruction_the_worker_dies(tmp_path: Path) -> None:
    """While a failed event is put off, there is always one delivery, the old or the new."""

    def fail(event: Event) -> None:
        raise Failure

    seen = set()
    for store in deaths(tmp_path, lambda store: follow_with(store, fail)):
        assert store.outbox.backlog() == 1
        (delivery,) = store.outbox.pending(NOW.replace(year=NOW.year + 1))
        seen.add((delivery.consumer, delivery.attempts))
    assert seen == {(None, 0), ("only", 1)}


def follow_with(store: Store, consumer: Callable[[Event], None]) -> None:
    """Tell one consumer of all that is due."""
    Publisher(store, {"only": consumer}, FakeClock()).drain()
