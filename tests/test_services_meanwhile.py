"""What others do in the middle of one's own work: nothing of either is lost."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import AssistantError, NotFound, StoreError, VersionConflict
from reflekt_core.model.accounts import Actor
from reflekt_core.model.assistance import Task
from reflekt_core.model.categories import Category
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.ports import Assistant, Cipher
from reflekt_core.providers import open_assistant
from reflekt_core.services.context import ANY_VERSION
from reflekt_core.services.jobs import run_job
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock

Meanwhile = Callable[[object, str, Callable[[], object]], None]


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Make something happen right before the next call of a method of a part of the store."""

    def arrange(part: object, name: str, happen: Callable[[], object]) -> None:
        method, left = getattr(type(part), name), [happen]

        def called(*args: Any, **named: Any) -> Any:
            while left:
                left.pop()()
            return method(*args, **named)

        monkeypatch.setattr(type(part), name, called)

    return arrange


class Waiting(Assistant):
    """The offline assistant, but while it answers for the first time something happens."""

    def __init__(self) -> None:
        self.happen: list[Callable[[], object]] = []
        self.error: AssistantError | None = None

    def answer(self, task: Task) -> Any:
        """Return what the offline assistant does."""
        if not self.happen:
            return open_assistant("local").answer(task)
        self.happen.pop()()
        if self.error:
            raise self.error
        return open_assistant("local").answer(task)


class Damaged(Cipher):
    """Cannot open the records it names."""

    def __init__(self) -> None:
        self.records: set[str] = set()

    def seal(self, user_id: str, record: str, plain: bytes) -> bytes:
        """Return *plain* as it is."""
        return plain

    def open(self, user_id: str, record: str, sealed: bytes) -> bytes:
        """Return *sealed* as it is, unless it is damaged."""
        if record in self.records:
            raise StoreError("damaged")
        return sealed


def _asked_for(reflekt: Reflekt, start: Callable[[], Job]) -> Event:
    """Return the event of a job that waits for a worker."""
    reflekt.drain()
    reflekt.start_worker().stop()  # there is a worker, so nothing is done in the request
    job = start()
    return Event(EventKind.JOB_REQUESTED, "me", str(job.id), job.version, job.created_at)


def test_a_job_goes_on_where_another_worker_died(reflekt: Reflekt) -> None:
    """Of two workers at one job, the one that is left sees it end."""
    for number in range(250):
        reflekt.entries.create(f"{number}", tags=["sea"])
    event = _asked_for(reflekt, lambda: reflekt.tags.rename("sea", "ocean"))
    ticks = iter(range(150))

    def dying() -> datetime:
        if next(ticks, None) is None:
            raise Crash
        return reflekt.clock()

    def other() -> None:
        with suppress(Crash):
            run_job(attrs.evolve(reflekt._context.gate, clock=dying), event)

    others = [other]

    def overtaken() -> datetime:
        while others:
            others.pop()()
        return reflekt.clock()

    run_job(attrs.evolve(reflekt._context.gate, clock=overtaken), event)
    job = reflekt.store.records(Job).get("me", event.subject_id)
    assert job is not None
    assert job.state is JobState.DONE
    assert {tag.name: tag.count for tag in reflekt.tags.list()} == {"ocean": 250}


def test_a_late_worker_undoes_no_rebuilding(reflekt: Reflekt, meanwhile: Meanwhile) -> None:
    """One that still forgets sums while another has counted them anew leaves them right."""
    for number in range(30):
        reflekt.entries.create(f"{number}", mood=3)
    event = _asked_for(reflekt, lambda: reflekt.rebuild(JobKind.REBUILD_ANALYTICS))
    aggregates = reflekt.store.aggregates
    meanwhile(aggregates, "clear_some", lambda: run_job(reflekt._context.gate, event))
    run_job(reflekt._context.gate, event)
    assert reflekt.analytics.trends().totals.entries == 30


def test_a_job_that_cannot_go_on_has_failed(tmp_path: Path, clock: FakeClock) -> None:
    """It ends with a code when an entry cannot be read, and is not tried for ever."""
    cipher = Damaged()
    with Reflekt.on(open_store(f"sqlite:///{tmp_path}/journal.db", cipher), clock=clock) as reflekt:
        entry = reflekt.entries.create("x", tags=["sea"])
        cipher.records.add(f"entry/{entry.id}")
        job = reflekt.tags.rename("sea", "ocean")
        assert (job.state, job.error) == (JobState.FAILED, "store_error")


def test_an_entry_that_cannot_be_purged_keeps_no_other(tmp_path: Path, clock: FakeClock) -> None:
    """The trash is emptied past an entry that is damaged, and past an account being erased."""
    cipher = Damaged()
    with Reflekt.on(open_store(f"sqlite:///{tmp_path}/journal.db", cipher), clock=clock) as reflekt:
        users = [reflekt.acting_as(Actor(name)) for name in ("broken", "leaving", "ana")]
        for user in users:
            entry = user.entries.create("x")
            user.entries.delete(entry.id)
            cipher.records |= set() if cipher.records else {f"entry/{entry.id}"}
        clock.advance(days=31)
        leaving = reflekt.store.accounts.get("leaving")
        job = Job(entry.id, JobKind.ERASE_ACCOUNT, JobState.RUNNING, 0, None, clock(), clock())
        event = Event(EventKind.ENTRY_UPDATED, "leaving", str(entry.id), 1, clock())
        reflekt.store.accounts.begin_erasure(leaving, job, event, clock())
        reflekt.drain()
        assert len(users[-1].entries.list(trashed=True)) == 0


def test_a_category_made_anew_stays(reflekt: Reflekt) -> None:
    """Putting a category back while it is still taken off its entries ends that."""
    work = reflekt.categories.create("Work")
    event = _asked_for(reflekt, lambda: reflekt.categories.delete(work.id))
    again = reflekt.categories.put(work.id, "Work")
    entry = reflekt.entries.create("x", category_id=work.id)
    run_job(reflekt._context.gate, event)
    assert reflekt.categories.list().items == (again,)
    assert reflekt.entries.get(entry.id).category_id == work.id


def test_a_category_that_was_changed_is_not_deleted(reflekt: Reflekt, meanwhile: Meanwhile) -> None:
    """Deleting the version one saw leaves a later one, and its entries, as they are."""
    work = reflekt.categories.create("Work")
    entry = reflekt.entries.create("x", category_id=work.id)
    categories = reflekt.store.records(Category)
    meanwhile(categories, "delete", lambda: reflekt.categories.put(work.id, "Job"))
    with pytest.raises(VersionConflict):
        reflekt.categories.delete(work.id, if_version=1)
    reflekt.drain()
    assert [category.name for category in reflekt.categories.list()] == ["Job"]
    assert reflekt.entries.get(entry.id).category_id == work.id


def test_any_version_means_the_latest(reflekt: Reflekt, meanwhile: Meanwhile) -> None:
    """A change for whichever version there is does not fail because another came first."""
    entry = reflekt.entries.create("x")
    meanwhile(reflekt.store.entries, "put", lambda: reflekt.entries.update(entry.id, starred=True))
    after = reflekt.entries.update(entry.id, mood=3, if_version=ANY_VERSION)
    assert (after.starred, after.mood, after.version) == (True, 3, 3)


def test_nothing_is_understood_of_an_entry_that_is_gone(clock: FakeClock) -> None:
    """An entry deleted for good while the assistant reads it leaves no insight behind."""
    assistant = Waiting()
    with Reflekt.on(open_store("memory://"), clock=clock, assistant=assistant) as reflekt:
        entry = reflekt.entries.create("A secret.")

        def delete() -> None:
            reflekt.entries.delete(entry.id, permanent=True)
            reflekt.drain()

        assistant.happen.append(delete)
        with pytest.raises(NotFound):
            reflekt.entries.analyse(entry.id)
        assert reflekt.store.insights.get("me", entry.id) is None


def test_an_error_is_told_also_when_another_began_anew(clock: FakeClock) -> None:
    """A request that failed after its lease says why, and leaves the answer of the other alone."""
    assistant = Waiting()
    with Reflekt.on(open_store("memory://"), clock=clock, assistant=assistant) as reflekt:
        answers = []

        def again() -> None:
            clock.advance(seconds=61)
            answers.append(reflekt.suggestions.create("I went", idempotency_key="k"))

        assistant.happen.append(again)
        assistant.error = AssistantError("no answer", provider="waiting")
        with pytest.raises(AssistantError):
            reflekt.suggestions.create("I went", idempotency_key="k")
        assert answers == [reflekt.suggestions.create("I went", idempotency_key="k")]
