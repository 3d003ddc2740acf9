"""From a table's stream over the bus to those who follow: nothing lost, nothing counted twice."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_chalice import handlers
from reflekt_chalice.bus import Bus, MalformedEvent, bus_from, entry_of, event_in
from reflekt_chalice.functions import FUNCTIONS
from reflekt_chalice.service import Background
from reflekt_chalice.triggers import EventFailed, consumer, job_worker, publisher
from reflekt_core import Reflekt
from reflekt_core.errors import (
    AnswerTimeout,
    AssistantError,
    ConfigurationError,
    NotFound,
    StoreError,
    TooManyCalls,
)
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    aggregate,
    entry_facts,
    insight_facts,
)
from reflekt_core.model.assistance import Answer, Consented, Task, WorstCase
from reflekt_core.model.entries import Entry, EntryFilter
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.insights import InsightFailure, InsightState, InsightStatus, InsightView
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.paging import through
from reflekt_core.model.settings import Vendor
from reflekt_core.model.settings_patch import AISettingsPatch
from reflekt_core.ports import ExternalAssistant, PlainText, Store
from reflekt_core.providers import local_assistant
from reflekt_core.services.analytics import count_entry
from reflekt_core.services.assistance import Gate
from reflekt_core.services.insights import understand
from reflekt_core.services.search import index_entry
from reflekt_core.stores import open_store
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.testing import FakeClock, an_entry

from .aws_simulation import (
    ENVIRON,
    Asynchronous,
    Context,
    Message,
    Stream,
    StreamMapping,
    Wire,
    at_least_once,
    bus_event,
    scheduled,
    wired,
)
from .dynamodb_emulator import Emulator, Observing, patient

CANARY = "canary-of-the-text"
NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
EVENT = Event(EventKind.ENTRY_CREATED, "me", str(UUID(int=7)), 1, NOW)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Give the services, as the environment's clients find them."""
    with wired() as services:
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", services.endpoint)
        yield services


@pytest.fixture
def bus(wire: Wire) -> Bus:
    """Give the bus, for whose pauses nobody waits."""
    return attrs.evolve(bus_from({"REFLEKT_EVENT_BUS": "journal"}), sleep=lambda _: None)


def failures(captured: pytest.LogCaptureFixture) -> list[Mapping[str, Any]]:
    """Return what was logged as failures."""
    return [
        getattr(record, "fields", {})
        for record in captured.records
        if record.name == "reflekt.failures"
    ]


# An event on the bus.


@given(
    st.builds(
        Event,
        st.sampled_from(EventKind),
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        st.uuids().map(str),
        st.integers(1, 2**53),
        st.datetimes(timezones=st.just(UTC)),
    )
)
def test_an_event_arrives_as_it_was(event: Event) -> None:
    """What the bus hands over tells of the same event; and nothing else stands in it."""
    message = bus_event(entry_of("journal", event))
    assert event_in(message) == event
    assert set(message["detail"]) == {"user_id", "subject_id", "version", "occurred_at"}


@pytest.mark.parametrize(
    "change",
    [
        {"source": "aws.s3"},
        {"detail-type": "EntryRead"},
        {"detail": None},
        {"detail": []},
        {"detail": {"version": True}},
        {"detail": {"version": "1"}},
        {"detail": {"version": 1.0}},
        {"detail": {"user_id": ""}},
        {"detail": {"user_id": None}},
        {"detail": {"user_id": 7}},
        {"detail": {"subject_id": "7"}},
        {"detail": {"subject_id": None}},
        {"detail": {"subject_id": "{00000000-0000-0000-0000-000000000007}"}},
        {"detail": {"occurred_at": "2026-11-22T18:40:00"}},
        {"detail": {"occurred_at": "yesterday"}},
        {"detail": {"occurred_at": None}},
    ],
    ids=str,
)
def test_what_is_no_event_of_ours_is_refused(change: dict[str, Any]) -> None:
    """Whatever is missing from it or wrong."""
    message = bus_event(entry_of("journal", EVENT))
    for name, value in change.items():
        message[name] = {**message[name], **value} if isinstance(value, dict) else value
    with pytest.raises(MalformedEvent):
        event_in(message)


@pytest.mark.parametrize("message", [None, 7, "x", [], {}, {"source": "reflekt"}], ids=str)
def test_what_is_no_event_at_all_is_refused(message: object) -> None:
    """Also what has none of the parts."""
    with pytest.raises(MalformedEvent):
        event_in(message)


def test_a_refused_event_is_told_by_a_code(caplog: pytest.LogCaptureFixture) -> None:
    """One line with code, function and the event's id; no text in it or in what is raised."""
    follow = consumer("analytics_consumer", lambda _: None)
    message = {**bus_event(entry_of("journal", EVENT)), "id": "e1", "detail": CANARY}
    with pytest.raises(EventFailed, match=r"^malformed_event$"):
        follow(message, Context(30))
    (line,) = failures(caplog)
    assert (line["code"], line["function"], line["event_id"]) == (
        "malformed_event",
        "analytics_consumer",
        "e1",
    )
    assert CANARY not in repr(line)


def test_no_error_carries_text_out_of_a_function(caplog: pytest.LogCaptureFixture) -> None:
    """Neither what Lambda logs and sets aside of it, nor what we log, quotes anything."""

    def failing(_: Event) -> None:
        raise ValueError(CANARY)

    with pytest.raises(EventFailed) as told:
        consumer("search_consumer", failing)(bus_event(entry_of("journal", EVENT)))
    assert (str(told.value), told.value.code) == ("ValueError", "ValueError")
    assert told.value.__context__ is None
    assert CANARY not in caplog.text + repr(failures(caplog))


# Putting events on the bus.


def some_events(number: int) -> list[Event]:
    """Return *number* events."""
    return [attrs.evolve(EVENT, version=n + 1) for n in range(number)]


def versions(wire: Wire) -> list[int]:
    """Take what is on the bus, and return the versions of which it tells."""
    return [event_in(message).version for message in wire.events()]


def test_events_go_on_the_bus_by_tens(wire: Wire, bus: Bus) -> None:
    """As many as EventBridge takes with one request."""
    assert bus.put(some_events(25), 5) == ()
    assert [len(asked["Entries"]) for _, asked in wire.requests] == [10, 10, 5]
    assert {entry["EventBusName"] for _, asked in wire.requests for entry in asked["Entries"]} == {
        "journal"
    }
    assert versions(wire) == [*range(1, 26)]


def test_nothing_is_asked_for_no_events(wire: Wire, bus: Bus) -> None:
    """An empty batch costs no request."""
    assert bus.put([], 5) == ()
    assert wire.requests == []


@pytest.mark.parametrize("fault", ["throttle", "half", "reset", "lost"])
def test_what_the_bus_does_not_take_is_sent_again(wire: Wire, bus: Bus, fault: str) -> None:
    """Throttled, broken off, or taken in part: every event arrives, and only a lost answer doubles."""
    wire.fail_next = [fault, "", fault, fault]
    assert bus.put(some_events(25), 5) == ()
    arrived = versions(wire)
    assert set(arrived) == {*range(1, 26)}
    assert (len(arrived) > 25) == (fault == "lost")


def test_pauses_grow_and_differ(wire: Wire, bus: Bus) -> None:
    """Between tries, a random part of 50, 100, 200 … milliseconds, at most a second."""
    slept: list[float] = []
    wire.fail_next = ["throttle"] * 8
    assert attrs.evolve(bus, random=lambda: 0.5, sleep=slept.append).put([EVENT], 60) == ()
    assert slept == [0.025, 0.05, 0.1, 0.2, 0.4, 0.5, 0.5, 0.5]


def test_what_cannot_be_sent_in_time_is_told(wire: Wire, bus: Bus) -> None:
    """The places of events that are not on the bus; a later request is not begun without time."""
    ticks = iter(range(1000))
    hurried = attrs.evolve(bus, monotonic=lambda: float(next(ticks)))
    assert hurried.put(some_events(25), 3) == (*range(20, 25),)
    wire.fail_next = ["half"]
    ticks = iter(range(1000))
    assert hurried.put(some_events(4), 2) == (1, 3)


def test_a_bus_that_may_not_be_used_is_not_asked_again(wire: Wire, bus: Bus) -> None:
    """What does not pass is told at once, with the service's code."""
    wire.fail_next = ["denied"]
    with pytest.raises(StoreError, match="AccessDeniedException"):
        bus.put([EVENT], 5)
    assert len(wire.requests) == 1


def test_the_bus_has_a_name() -> None:
    """The message names the variable."""
    with pytest.raises(ConfigurationError, match="REFLEKT_EVENT_BUS"):
        bus_from({"REFLEKT_EVENT_BUS": " "})


# The publisher.


def record(number: int, said: object) -> Message:
    """Return a record of a stream whose item says *said* of its event."""
    image = {"u": {"S": "me"}, "v": {"N": "1"}, "b": {"B": "AAEC"}, "ev": {"S": json.dumps(said)}}
    return {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(number), "NewImage": image}}


def good(number: int) -> Message:
    """Return a record that tells of an entry's version *number*."""
    return record(number, ["EntryCreated", str(UUID(int=number)), number, 1795372800000000])


def failed(answer: Any) -> list[str]:
    """Return the numbers of the records that are told as failed."""
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "EntryCreated",
        ["EntryRead", str(UUID(int=1)), 1, 0],
        ["EntryCreated", "1", 1, 0],
        ["EntryCreated", str(UUID(int=1)), "1", 0],
        ["EntryCreated", str(UUID(int=1)), 1, 10**30],
        ["EntryCreated", str(UUID(int=1)), 1, "now"],
    ],
    ids=str,
)
def test_a_poisoned_record_keeps_none_from_being_told(
    wire: Wire, bus: Bus, caplog: pytest.LogCaptureFixture, said: object
) -> None:
    """Those before it and after it are on the bus; it alone is told as failed, and logged."""
    batch = {"Records": [good(98), record(99, said), good(100)]}
    assert failed(publisher(lambda: bus)(batch, Context(30))) == ["99"]
    assert versions(wire) == [98, 100]
    (line,) = failures(caplog)
    assert (line["function"], line["event_id"]) == ("publisher", "99")


def test_records_that_were_not_told_are_failed_in_order(wire: Wire, bus: Bus) -> None:
    """By number, not as text, so that Lambda goes on from the first; nothing is sent too late."""
    answer = publisher(lambda: bus)({"Records": [good(n) for n in (9, 10, 11)]}, Context(0.5))
    assert failed(answer) == ["9", "10", "11"]
    assert wire.requests == []


def test_a_record_is_told_as_failed_by_the_very_number_that_it_has(wire: Wire, bus: Bus) -> None:
    """Zeros in front included: of any other number, Lambda would send the whole batch again."""
    batch = {"Records": [good(1), record(2, None)]}
    for one in batch["Records"]:
        one["dynamodb"]["SequenceNumber"] = one["dynamodb"]["SequenceNumber"].zfill(21)
    assert failed(publisher(lambda: bus)(batch, Context(30))) == ["2".zfill(21)]
    assert versions(wire) == [1]


def test_a_publisher_without_a_bus_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the variable, and the records wait in the stream."""

    def missing() -> Bus:
        return bus_from({})

    assert failed(publisher(missing)({"Records": [good(1)]}, Context(30))) == ["1"]
    (line,) = failures(caplog)
    assert line["code"] == "configuration_error"
    assert "REFLEKT_EVENT_BUS" in line["reason"]


def test_what_is_no_batch_fails_as_a_whole() -> None:
    """A wrong answer would let records get lost."""
    with pytest.raises(EventFailed, match="KeyError"):
        publisher(lambda: Bus("x", lambda: None))({}, Context(30))


def test_records_without_an_event_tell_nothing(wire: Wire, bus: Bus) -> None:
    """Deletions, heads, and what the same write stored once more."""
    removed = {"dynamodb": {"SequenceNumber": "1", "OldImage": good(1)["dynamodb"]["NewImage"]}}
    head = {"dynamodb": {"SequenceNumber": "2", "NewImage": {"u": {"S": "me"}, "v": {"N": "1"}}}}
    assert failed(publisher(lambda: bus)({"Records": [removed, head]}, Context(30))) == []
    assert wire.requests == []


# The whole way.


class Deployed:
    """The functions that follow from events, each with a store of its own on the same tables."""

    def __init__(
        self, dynamodb: Emulator, wire: Wire, bus: Bus, clock: Callable[[], datetime]
    ) -> None:
        self.url = dynamodb.url()
        self.emulator = dynamodb
        self.wire = wire
        self.clock = clock
        self.assistants: list[Any] = []
        self.stream = Stream()
        self.random = Random(7)  # noqa: S311 - an order, no secret
        self.seconds = 900.0
        self.journal = Reflekt.on(self.store("entries"), clock=clock, settles=False)
        counting, asking = self.store("analytics"), self.gate("analytics")
        indexing = self.store("search")
        self.mapping = StreamMapping(publisher(lambda: bus))
        self.functions: dict[str, Asynchronous] = {
            "analytics_consumer": Asynchronous(
                "analytics_consumer",
                consumer("analytics_consumer", lambda event: count_entry(counting, event)),
            ),
            "search_consumer": Asynchronous(
                "search_consumer",
                consumer("search_consumer", lambda event: index_entry(indexing, event)),
            ),
            "ai": Asynchronous("ai", consumer("ai", lambda event: understand(asking, event))),
            "jobs": Asynchronous("jobs", job_worker(self.background(), lambda: bus), seconds=900),
        }

    def store(self, home: str) -> DynamoDBStore:
        """Return a store whose writes the stream tells of."""
        observed = Observing(self.emulator.transport)
        observed.images = self.stream.observe
        return DynamoDBStore(f"{self.url}&account={home}", PlainText(), caller=patient(observed))

    def gate(self, home: str) -> Gate:
        """Return the way to the assistants."""
        return Gate(self.store(home), self.clock, lambda: self.assistants, local_assistant)

    def background(self) -> Background:
        """Return what the function `jobs` works with."""
        gate = self.gate("jobs")
        return Background(lambda: gate.store, lambda: gate, lambda: 30, self.clock)

    def deliver(self) -> int:
        """Let everything happen that follows from writes; return how many events were handed over."""
        delivered = 0
        while True:
            self.mapping.poll(self.stream)
            events = at_least_once(self.wire.events(), self.random)
            if not events:
                return delivered
            for event in events:
                delivered += self.hand_over(event)

    def hand_over(self, event: Message) -> int:
        """Call every function whose rule lets *event* pass."""
        wanting = [
            function
            for name, function in self.functions.items()
            if event["detail-type"] in FUNCTIONS[name].events
        ]
        for function in self.random.sample(wanting, len(wanting)):
            function(event)
        return len(wanting)

    def dead_letters(self) -> list[Message]:
        """Return what was set aside, whoever failed."""
        return [
            *self.mapping.dead_letters,
            *(letter for f in self.functions.values() for letter in f.dead_letters),
        ]


@pytest.fixture
def deployed(dynamodb: Emulator, wire: Wire, bus: Bus, clock: FakeClock) -> Deployed:
    """Give the functions, on tables of their own."""
    return Deployed(dynamodb, wire, bus, clock)


STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("write"), st.sampled_from(["A fine day.", "Sad work."]), st.integers(1, 5)
        ),
        st.tuples(st.just("edit"), st.integers(0, 5), st.sampled_from(["Hooray!", "Oh no."])),
        st.tuples(st.just("star"), st.integers(0, 5)),
        st.tuples(st.just("trash"), st.integers(0, 5)),
        st.tuples(st.just("restore"), st.integers(0, 5)),
        st.tuples(st.just("delete"), st.integers(0, 5)),
        st.tuples(st.just("rename"), st.sampled_from(["sea", "ocean"])),
        st.tuples(st.just("rebuild")),
        st.tuples(st.just("deliver")),
    ),
    max_size=10,
)


def do(deployed: Deployed, made: list[UUID], step: tuple[Any, ...]) -> None:
    """Do one step, if it can be done."""
    journal = deployed.journal
    match step:
        case ("write", content, mood):
            made.append(journal.entries.create(content, mood=mood, tags=["sea"]).id)
        case ("rename", name):
            journal.tags.rename("sea", name)
        case ("rebuild",):
            journal.rebuild(JobKind.REBUILD_ANALYTICS)
        case ("deliver",):
            deployed.deliver()
        case (verb, which, *rest) if made:
            try:
                change(journal, made[which % len(made)], verb, rest)
            except NotFound:
                return


def change(journal: Reflekt, id: UUID, verb: str, rest: list[Any]) -> None:
    """Change an entry."""
    match verb, rest:
        case "edit", [content]:
            journal.entries.update(id, content=content)
        case "star", []:
            journal.entries.update(id, starred=True)
        case "restore", []:
            journal.entries.restore(id)
        case "trash" | "delete", []:
            journal.entries.delete(id, permanent=verb == "delete")


def from_scratch(store: Store, user: str) -> tuple[dict[Any, DayAggregate], dict[UUID, int]]:
    """Return what the days add up to, and which text of each entry is to be understood."""
    entries = list(through(lambda after: store.entries.list(user, EntryFilter(), after=after)))
    days = aggregate(
        Contribution(
            entry.id, 1, entry_facts(entry), insight_facts(store.insights.get(user, entry.id))
        )
        for entry in entries
    )
    return dict(days), {entry.id: entry.content_version for entry in entries}


@settings(max_examples=12)
@given(steps=STEPS, random=st.randoms(use_true_random=False))
def test_what_follows_equals_a_recomputation(  # noqa: PLR0913, PLR0917 - fixtures and what is drawn
    dynamodb: Emulator,
    wire: Wire,
    bus: Bus,
    clock: FakeClock,
    steps: list[tuple[Any, ...]],
    random: Random,
) -> None:
    """Whatever is written, and however often and in which order events arrive."""
    deployed = Deployed(dynamodb, wire, bus, clock)
    deployed.random = random
    made: list[UUID] = []
    for step in steps:
        do(deployed, made, step)
    deployed.deliver()
    store = deployed.journal.store
    days, texts = from_scratch(store, "me")
    first, last = NOW.date() - timedelta(days=3), NOW.date() + timedelta(days=3)
    kept = {day.date: day for day in store.aggregates.days("me", first, last)}
    assert kept == days
    assert {
        id: insight.content_version
        for id in made
        if (insight := store.insights.get("me", id)) and id in texts
    } == texts
    entries = {id: store.entries.get("me", id) for id in texts}
    for word in ("fine", "sad", "hooray", "oh"):
        found = {hit.entry.id for hit in deployed.journal.entries.search(word)}
        assert found == {
            id for id, e in entries.items() if isinstance(e, Entry) and word in e.content.lower()
        }
    assert deployed.dead_letters() == []


class Taking:
    """Takes every write, and tells the stream of the items; a thousand would take an emulator long."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        for write in payload.get("TransactItems", ()):
            if "Put" in write:
                self.stream.observe(None, write["Put"]["Item"])
        return {}


def test_one_poisoned_record_among_a_thousand_is_set_aside_alone(wire: Wire, bus: Bus) -> None:
    """The other 999 count, also where Lambda sets aside the rest of the batch along with it."""
    stream, counting = Stream(), open_store("memory://")
    url = "dynamodb://t?region=eu-west-1"
    store = DynamoDBStore(url, PlainText(), caller=patient(Taking(stream)))
    me = counting.accounts.get("me")
    for number in range(1000):
        entry = an_entry(f"{number}", id=UUID(int=number))
        store.entries.put(me, entry, replaces=None)
        counting.entries.put(me, entry, replaces=None)
    told = [one for one in stream.records if "ev" in one["dynamodb"]["NewImage"]]
    assert len(told) == 1000
    told[499]["dynamodb"]["NewImage"]["ev"] = {"S": "["}
    begins = told[499]["dynamodb"]["SequenceNumber"]
    for bisects, size in ((False, 501), (True, 1)):
        mapping = StreamMapping(publisher(lambda: bus), batch_size=1000, bisects=bisects)
        mapping.poll(stream)
        arrived = {event["detail"]["subject_id"]: event for event in wire.events()}
        assert len(arrived) == 999
        (letter,) = mapping.dead_letters
        about = letter["DDBStreamBatchInfo"]
        assert (about["startSequenceNumber"], about["batchSize"]) == (begins, size)
    follow = consumer("analytics_consumer", lambda event: count_entry(counting, event))
    for event in arrived.values():
        follow(event)
    days = counting.aggregates.days("me", date.min, date.max)
    assert sum(day.entries for day in days) == 999


def test_a_poisoned_event_is_tried_three_times_and_set_aside(deployed: Deployed) -> None:
    """The others count meanwhile; what is set aside holds ids, a code, and no text."""
    counting = deployed.functions["analytics_consumer"]
    poisoned = deployed.journal.entries.create(CANARY)
    deployed.journal.entries.create("fine")
    tries: list[str] = []
    store = deployed.store("analytics")

    def follow(event: Event) -> None:
        tries.append(event.subject_id)
        if event.subject_id == str(poisoned.id):
            raise ValueError(CANARY)
        count_entry(store, event)

    counting.handler = consumer("analytics_consumer", follow)
    deployed.random = Random(1)  # noqa: S311 - the same
    deployed.deliver()
    days = store.aggregates.days("me", NOW.date(), NOW.date())
    assert [day.entries for day in days] == [1]
    letters = counting.dead_letters
    assert tries.count(str(poisoned.id)) == 3 * len(letters) > 0
    assert {letter["requestPayload"]["detail"]["subject_id"] for letter in letters} == {
        str(poisoned.id)
    }
    assert {letter["responsePayload"]["errorMessage"] for letter in letters} == {"ValueError"}
    assert CANARY not in json.dumps(deployed.dead_letters())


# Insights that cannot be had.


class Vague(ExternalAssistant):
    """A vendor's assistant that does what the test wants."""

    provider, vendor, model = "openai", Vendor.OPENAI, "model-1"

    def __init__(self, does: Callable[[], object]) -> None:
        self.does = does
        self.asked = 0

    def prompt_version(self, task: Task) -> str:
        """Return one for all."""
        return "1"

    def worst_case(self, task: Task) -> WorstCase:
        """Return a little."""
        return WorstCase(1, Decimal(0))

    def answer(self, request: Consented[Any]) -> Answer[Any]:
        """Answer as the offline assistant does, once *does* has been called."""
        self.asked += 1
        self.does()
        return Answer(local_assistant().answer(request.task).result, "openai", "model-1", "1")


def failing(error: AssistantError | BaseException) -> Callable[[], object]:
    """Return what raises *error*."""

    def fail() -> object:
        raise error

    return fail


def asking(deployed: Deployed, vague: Vague) -> Reflekt:
    """Let the journal's user agree to the assistant, and return the journal."""
    deployed.assistants.append(vague)
    deployed.journal.settings.update(ai=AISettingsPatch(consent=(Vendor.OPENAI,)))
    return deployed.journal


def entry_event(deployed: Deployed) -> Message:
    """Return the one event that waits."""
    deployed.mapping.poll(deployed.stream)
    (event,) = deployed.wire.events()
    return event


@pytest.mark.parametrize(
    "error",
    [
        TooManyCalls("slow down", provider="openai", retry_after_seconds=1200),
        AnswerTimeout("late", provider="openai"),
    ],
    ids=["rate limit", "timeout"],
)
def test_an_insight_that_cannot_be_had_is_marked_so(
    deployed: Deployed, clock: FakeClock, error: AssistantError
) -> None:
    """The vendor is asked three times, minutes apart; then the event waits, and readers know why."""
    vague = Vague(failing(error))
    journal = asking(deployed, vague)
    entry = journal.entries.create(CANARY)
    ai = deployed.functions["ai"]
    ai.between = lambda: clock.advance(minutes=2)
    event = entry_event(deployed)
    ai(event)
    assert vague.asked == 3
    assert journal.entries.insights(entry.id) == InsightFailure(error.code)
    (letter,) = ai.dead_letters
    assert letter["responsePayload"]["errorMessage"] == error.code
    assert CANARY not in json.dumps(letter)
    vague.does = lambda: None
    ai(letter["requestPayload"])
    assert isinstance(journal.entries.insights(entry.id), InsightView)


def test_what_no_later_try_can_better_is_not_tried_again(deployed: Deployed) -> None:
    """A refusal is final: it is noted, and nothing is set aside."""
    error = AssistantError("no", provider="openai")
    vague = Vague(failing(error))
    journal = asking(deployed, vague)
    entry = journal.entries.create("Hm.")
    deployed.functions["ai"](entry_event(deployed))
    assert (vague.asked, deployed.dead_letters()) == (1, [])
    assert journal.entries.insights(entry.id) == InsightFailure(error.code)


def test_an_event_that_comes_twice_at_once_is_paid_for_once(
    deployed: Deployed, clock: FakeClock
) -> None:
    """The second waits its minute, then finds the insight; meanwhile it is on its way."""
    journal = asking(deployed, vague := Vague(lambda: None))
    entry = journal.entries.create("Twice.")
    event, ai = entry_event(deployed), deployed.functions["ai"]
    second = attrs.evolve(ai, between=lambda: clock.advance(minutes=1), dead_letters=[])
    states: list[object] = []

    def meanwhile() -> None:
        with pytest.raises(EventFailed, match="ai_being_asked"):
            second.handler(event, Context(29))
        states.append(journal.entries.insights(entry.id))

    vague.does = meanwhile
    ai(event)
    second(event)
    assert states == [InsightState(InsightStatus.PENDING)]
    assert (vague.asked, ai.dead_letters, second.dead_letters) == (1, [], [])


class Killed(BaseException):
    """Lambda ended the call: its time was up."""


def test_a_call_that_was_cut_off_is_made_again_after_a_minute(
    deployed: Deployed, clock: FakeClock
) -> None:
    """What it had set aside of the budget bars the same question for no longer than that."""
    vague = Vague(failing(Killed()))
    journal = asking(deployed, vague)
    entry = journal.entries.create("Cut off.")
    ai, event = deployed.functions["ai"], entry_event(deployed)
    with pytest.raises(Killed):
        ai(event)
    vague.does = lambda: None
    clock.advance(minutes=1)
    ai(event)
    assert vague.asked == 2
    assert isinstance(journal.entries.insights(entry.id), InsightView)


# Jobs.


def test_a_job_goes_on_in_a_new_call(deployed: Deployed) -> None:
    """Shortly before its time is up it stops after a step, and the bus calls it again, to the end."""
    journal = deployed.journal
    for number in range(102):
        journal.entries.create(f"{number}", tags=["sea"])
    deployed.functions = {"jobs": deployed.functions["jobs"]}
    deployed.random = Random(3)  # noqa: S311 - the same
    deployed.deliver()
    job = journal.tags.rename("sea", "ocean")
    deployed.functions["jobs"].seconds = 30
    deployed.mapping.poll(deployed.stream)
    (event,) = [e for e in deployed.wire.events() if e["detail-type"] == "JobRequested"]
    dones = []
    while event:
        deployed.functions["jobs"](event)
        dones.append(journal.jobs.get(job.id).done)
        (event,) = deployed.wire.events() or [None]
    assert (dones[0], dones[-1]) == (100, 102)
    assert len(dones) == 5  # two pages and the trash, then both once more: nothing is left
    assert journal.jobs.get(job.id).state is JobState.DONE
    assert {tag.name: tag.count for tag in journal.tags.list()} == {"ocean": 102}


def test_a_job_whose_next_call_cannot_be_asked_for_fails(deployed: Deployed) -> None:
    """So that Lambda calls again itself; what was done stays done."""
    for number in range(101):
        deployed.journal.entries.create(f"{number}", tags=["sea"])
    deployed.mapping.poll(deployed.stream)
    deployed.wire.events()
    job = deployed.journal.tags.rename("sea", "ocean")
    event = entry_event(deployed)
    deployed.wire.fail_next = ["throttle"] * 100
    with pytest.raises(EventFailed, match="unavailable"):
        deployed.functions["jobs"].handler(event, Context(4))
    assert deployed.journal.jobs.get(job.id).done == 100


def test_an_account_is_erased_by_the_same_way(deployed: Deployed) -> None:
    """Over several calls; late events change nothing, and nothing is left but heads and the job."""
    journal = deployed.journal
    for number in range(120):
        journal.entries.create(f"{number}", tags=["sea"])
    deployed.mapping.poll(deployed.stream)
    late = deployed.wire.events()
    job = journal.account.delete(confirm="me")
    assert job.state is JobState.RUNNING
    deployed.functions["jobs"].seconds = 20
    assert deployed.deliver() > 2
    for event in late[:10]:
        deployed.hand_over(event)
    assert journal.jobs.get(job.id).state is JobState.DONE
    database = deployed.journal.store._database  # type: ignore[attr-defined]
    left = {
        (table, key)
        for table in ("entries", "settings", "categories", "analytics", "search", "jobs")
        for key in database.page_of_keys(table, "me", 100)
    }
    assert {key for _, key in left} == {"head", f"job#{job.id}"}
    assert deployed.dead_letters() == []


def test_the_clock_has_what_is_due_deleted(deployed: Deployed, clock: FakeClock) -> None:
    """Once an hour; without the time for it, it is left for the next hour."""
    journal = deployed.journal
    for number in range(3):
        journal.entries.delete(journal.entries.create(f"{number}").id)
    clock.advance(days=31)
    work = deployed.functions["jobs"].handler
    work(scheduled(), Context(20))
    assert len(journal.entries.list(trashed=True)) == 3
    work(scheduled(), Context(900, 20))
    assert len(journal.entries.list(trashed=True)) == 2
    work(scheduled(), Context(900))
    assert len(journal.entries.list(trashed=True)) == 0


# The handlers as Lambda finds them.


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Give what makes a handler anew, with the environment as it is; leave the log as it was."""
    made: list[str] = []
    log = logging.getLogger("reflekt")
    before = (log.handlers[:], log.level, log.propagate)

    def make(name: str) -> Any:
        vars(handlers).pop(name, None)
        made.append(name)
        return getattr(handlers, name)

    yield make
    log.handlers[:], log.level, log.propagate = before
    for name in made:
        vars(handlers).pop(name, None)


def test_every_function_has_a_handler(
    fresh: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made without a store, a secret or a bus at hand, and once; no other name has one."""
    monkeypatch.delenv("REFLEKT_STORE", raising=False)
    for name in FUNCTIONS:
        assert callable(fresh(name))
        assert getattr(handlers, name) is getattr(handlers, name)
    assert set(FUNCTIONS) <= set(dir(handlers))
    with pytest.raises(AttributeError, match="no attribute 'entry'"):
        getattr(handlers, "entry")  # noqa: B009 - as Lambda does it


def test_the_functions_work_together_as_they_are_deployed(
    dynamodb: Emulator,
    wire: Wire,
    fresh: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Set up by environment variables alone; those who only follow events ask for no secret."""
    url = dynamodb.url()
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint)
    monkeypatch.setenv("REFLEKT_STORE", url)
    monkeypatch.setenv("REFLEKT_EVENT_BUS", "journal")
    observed, stream = Observing(dynamodb.transport), Stream()
    observed.images = stream.observe
    journal = Reflekt.on(DynamoDBStore(url, PlainText(), caller=patient(observed)), settles=False)
    entry = journal.entries.create("A fine day.", mood=5, tags=["sea"])
    job = journal.tags.rename("sea", "ocean")
    mapping = StreamMapping(fresh("publisher"))
    mapping.poll(stream)
    first, second = wire.events()
    for name in ("analytics_consumer", "search_consumer", "jobs"):
        with monkeypatch.context() as patch:
            # A parameter that cannot be read would fail every call.
            patch.setenv("JWT_SECRET_PARAMETER", "/not/to/be/read")
            patch.setenv("JWT_AUDIENCE", "journal")
            handler = fresh(name)
            for event in (first, second):
                handler(event, Context(900))
    fresh("ai")(first, Context(29))
    assert isinstance(journal.entries.insights(entry.id), InsightView)
    assert journal.analytics.trends().totals.entries == 1
    assert journal.store.records(Job).get("me", str(job.id)) is not None
    assert journal.jobs.get(job.id).state is JobState.DONE
    fresh("jobs")(scheduled(), Context(900))
    assert mapping.dead_letters == []


@pytest.mark.parametrize(
    "name", ["ai", "analytics_consumer", "jobs", "publisher", "search_consumer"]
)
def test_a_function_tells_its_log_in_json_and_without_text(
    fresh: Callable[[str], Any], capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """One line for each failure, from the first event on."""
    handler = fresh(name)
    with pytest.raises(EventFailed):
        handler({"id": "e1", "source": CANARY, "Records": CANARY}, Context(30))
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert (told["function"], told["event_id"], told["logger"]) == (name, "e1", "reflekt.failures")
    assert told["code"] == ("TypeError" if name == "publisher" else "malformed_event")
    assert CANARY not in line


def test_a_function_that_is_set_up_wrongly_says_how(
    fresh: Callable[[str], Any],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log names the variable and what it may be."""
    monkeypatch.setenv("REFLEKT_STORE", "a place")
    with pytest.raises(EventFailed, match="configuration_error"):
        fresh("analytics_consumer")(bus_event(entry_of("journal", EVENT)), Context(30))
    told = json.loads(capsys.readouterr().out)
    assert "REFLEKT_STORE" in told["reason"]
