"""The outbox and those who follow from events: nothing is lost, nothing counts twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import AssistantError, Unavailable
from reflekt_core.model.assistance import Task
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.usage import Receipt
from reflekt_core.ports import Assistant
from reflekt_core.providers import open_assistant
from reflekt_core.services.analytics import count_entry
from reflekt_core.services.events import MAX_ATTEMPTS, Consumer, Publisher, purge
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock


class Crash(BaseException):
    """The process dies here."""


def test_events_carry_no_text(reflekt: Reflekt) -> None:
    """What waits in the outbox names ids and versions alone."""
    reflekt.entries.create("canary", title="canary", tags=["canary"])
    (delivery,) = reflekt.store.outbox.pending(reflekt.clock())
    assert "canary" not in repr(delivery)


def test_one_poisoned_event_stops_nobody(reflekt: Reflekt, clock: FakeClock) -> None:
    """A consumer that keeps failing on one event has it set aside; the other consumers go on."""
    poisoned = str(reflekt.entries.create("poison").id)
    good = [str(reflekt.entries.create(f"{n}").id) for n in range(5)]
    seen: dict[str, list[str]] = {"picky": [], "easy": []}

    def picky(event: Event) -> None:
        if event.subject_id == poisoned:
            raise ValueError("text of an entry")
        seen["picky"].append(event.subject_id)

    publisher = Publisher(
        reflekt.store, {"picky": picky, "easy": lambda e: seen["easy"].append(e.subject_id)}, clock
    )
    for _ in range(MAX_ATTEMPTS):
        publisher.drain()
        clock.advance(minutes=1)
    assert seen == {"picky": good, "easy": [poisoned, *good]}
    (parked,) = reflekt.store.outbox.parked().items
    assert (parked.consumer, parked.attempts, parked.error) == ("picky", 5, "ValueError")
    assert reflekt.store.outbox.backlog() == 0
    publisher.drain()
    assert len(reflekt.store.outbox.parked()) == 1
    assert reflekt.store.outbox.redrive() == 1
    Publisher(reflekt.store, {"picky": lambda e: seen["picky"].append(e.subject_id)}, clock).drain()
    assert seen["picky"][-1] == poisoned
    assert len(reflekt.store.outbox.parked()) == 0


def test_a_failed_consumer_waits_before_the_next_try(reflekt: Reflekt, clock: FakeClock) -> None:
    """A try that is not due yet is not made."""
    reflekt.entries.create("x")
    tries = []

    def failing(event: Event) -> None:
        tries.append(event)
        raise RuntimeError

    publisher = Publisher(reflekt.store, {"failing": failing}, clock)
    publisher.drain()
    publisher.drain()
    assert len(tries) == 1
    clock.advance(seconds=2)
    publisher.drain()
    assert len(tries) == 2


def test_an_unavailable_store_parks_nothing(reflekt: Reflekt, clock: FakeClock) -> None:
    """When the store is away, events wait without counting as failures."""

    def away(event: Event) -> None:
        raise Unavailable("busy")

    reflekt.entries.create("x")
    publisher = Publisher(reflekt.store, {"away": away}, clock)
    for _ in range(MAX_ATTEMPTS + 1):
        with pytest.raises(Unavailable):
            publisher.drain()
    (delivery,) = reflekt.store.outbox.pending(clock())
    assert delivery.attempts == 0


@given(
    crashes=st.lists(st.integers(0, 8), max_size=6),
    edits=st.lists(st.integers(0, 3), min_size=1, max_size=8),
)
def test_a_crash_anywhere_neither_loses_nor_doubles(crashes: list[int], edits: list[int]) -> None:
    """However often the worker dies between two steps, the sums end as if it never had."""
    with Reflekt.on(open_store("memory://"), clock=FakeClock()) as reflekt:
        ids = [reflekt.entries.create(f"a fine day {n}", mood=3).id for n in range(3)]
        for number in edits:
            if number == 3:
                reflekt.entries.delete(ids[0])
                reflekt.entries.restore(ids[0])
            else:
                reflekt.entries.update(ids[number], mood=number + 1, content=f"worse {number}")
        for after in crashes:
            _drain_and_die(reflekt, after)
        reflekt.drain()
        trends = reflekt.analytics.trends()
        assert trends.totals.entries == 3
        moods = sorted(e.mood or 0 for e in reflekt.entries.list())
        assert trends.moods.mean == pytest.approx(sum(moods) / 3, abs=1e-3)
        assert reflekt.store.outbox.backlog() == 0
        assert all(reflekt.entries.insights(id).status == "ready" for id in ids)


def _drain_and_die(reflekt: Reflekt, after: int) -> None:
    """Drain, and crash before the step number *after*: a consumer's, or settling."""
    countdown = iter(range(after, -1, -1))

    def step() -> None:
        if next(countdown, 0) == 0:
            raise Crash

    parts = reflekt._parts

    def dying(consume: Consumer) -> Consumer:
        def consumer(event: Event) -> None:
            step()
            consume(event)
            step()

        return consumer

    consumers = {name: dying(c) for name, c in parts._subscriptions().items()}
    publisher = Publisher(reflekt.store, consumers, reflekt.clock)
    try:
        publisher.drain()
    except Crash:
        return


def test_an_ai_outage_never_touches_writing(clock: FakeClock) -> None:
    """The entry is stored; the insight says failed, and arrives when the provider is back."""

    class Flaky(Assistant):
        down = True

        def answer(self, task: Task) -> Any:
            if self.down:
                raise AssistantError("no answer", provider="flaky", retryable=True)
            return open_assistant("local").answer(task)

    flaky = Flaky()
    with Reflekt.on(open_store("memory://"), clock=clock, assistant=flaky) as reflekt:
        entry = reflekt.entries.create("Stored anyway.")
        failed = reflekt.entries.insights(entry.id)
        assert (failed.status, failed.code) == ("failed", "assistant_error")
        assert reflekt.entries.analyse(entry.id).status == "failed"
        assert reflekt.analytics.trends().totals.entries == 1
        flaky.down = False
        clock.advance(seconds=10)
        assert reflekt.entries.insights(entry.id).status == "ready"


def test_a_provider_that_breaks_its_contract_fails_like_an_outage(clock: FakeClock) -> None:
    """Whatever it raises, the insight says failed, and no word of it is passed on."""

    class Broken(Assistant):
        def answer(self, task: Task) -> Any:
            raise KeyError(task)

    with Reflekt.on(open_store("memory://"), clock=clock, assistant=Broken()) as reflekt:
        entry = reflekt.entries.create("canary")
        assert reflekt.entries.insights(entry.id).status == "failed"
        assert reflekt.entries.analyse(entry.id).status == "failed"
        for _ in range(MAX_ATTEMPTS):
            clock.advance(minutes=20)
            reflekt.drain()
        (parked,) = reflekt.store.outbox.parked().items
        assert parked.error == "assistant_error"


def test_a_worker_that_is_stopped_leaves_the_rest_for_later(reflekt: Reflekt) -> None:
    """It ends after the event at hand, however many wait; none of them is lost."""
    for number in range(20):
        reflekt.entries.create(f"{number}")
    told: list[Event] = []
    publisher = Publisher(reflekt.store, {"noting": told.append}, reflekt.clock)
    assert publisher.drain(lambda: len(told) == 3) == 3
    assert (len(told), reflekt.store.outbox.backlog()) == (3, 17)
    assert publisher.drain() == 17


def test_purging_stops_when_told_to(reflekt: Reflekt, clock: FakeClock) -> None:
    """What is left of the trash, and what expired, is there for the next time."""
    for number in range(3):
        reflekt.entries.delete(reflekt.entries.create(f"{number}").id)
    reflekt.store.records(Receipt).put(
        reflekt.store.accounts.get("me"),
        "r",
        Receipt("f", clock()),
        replaces=None,
        expires_at=clock(),
    )
    clock.advance(days=31)
    told = iter([False, False, True])
    assert purge(reflekt.store, clock, 30, lambda: next(told)) == 2
    assert purge(reflekt.store, clock, 30, lambda: True) == 0
    told = iter([False, True])
    assert purge(reflekt.store, clock, 30, lambda: next(told)) == 1
    assert reflekt.store.records(Receipt).get("me", "r") is not None
    assert purge(reflekt.store, clock, 30) == 1
    assert reflekt.store.records(Receipt).get("me", "r") is None


def test_a_late_event_leaves_nothing_after_an_erasure(reflekt: Reflekt, clock: FakeClock) -> None:
    """It is of an entry that nobody knows any more, and nothing is noted about it."""
    entry = reflekt.entries.create("Gone.")
    event = Event(EventKind.ENTRY_CREATED, "me", str(entry.id), 1, clock())
    reflekt.account.delete(confirm="me")
    aggregates = reflekt.store.aggregates
    count_entry(reflekt.store, event)
    assert aggregates.clear_some(reflekt.store.accounts.get("me"), 100) == 0
