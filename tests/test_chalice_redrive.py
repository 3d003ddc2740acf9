"""Dead letters are sent again: understood, once their cause is gone, and never lost on the way."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import attrs
import pytest
from botocore.session import Session

from reflekt_chalice.bus import entry_of
from reflekt_chalice.redrive import Clients, Redriven, queue_output, queued_functions, redrive
from reflekt_chalice.triggers import consumer, publisher
from reflekt_core.errors import ConfigurationError, StoreError, Unavailable
from reflekt_core.model.events import Event, EventKind

from .aws_simulation import (
    ENVIRON,
    REGION,
    Asynchronous,
    Message,
    Queue,
    StreamMapping,
    Wire,
    bus_event,
    function_arn,
    scheduled,
    wired,
)

CANARY = "canary-of-the-text"
EVENT = Event(
    EventKind.ENTRY_CREATED, "me", str(UUID(int=7)), 1, datetime(2026, 11, 22, tzinfo=UTC)
)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Give the services, as the environment's clients find them."""
    with wired() as services:
        for name, value in ENVIRON.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", services.endpoint)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        yield services


@pytest.fixture
def clients(wire: Wire) -> Clients:
    """Give clients of the services."""
    return Clients.of(Session())


def outputs(wire: Wire) -> dict[str, str]:
    """Return what a stack tells of itself."""
    queues = {queue_output(name): wire.queue(name).url for name in queued_functions()}
    return {**queues, "EventBusName": "journal"}


def an_event(version: int = 1) -> Message:
    """Return an event from the bus."""
    return bus_event(entry_of("journal", attrs.evolve(EVENT, version=version)))


def set_aside(event: Message, name: str = "ai") -> Message:
    """Return what Lambda sets aside when the function fails on *event*."""

    def failing(_: Event) -> None:
        raise ValueError(CANARY)

    function = Asynchronous(name, consumer(name, failing))
    function(event)
    (letter,) = function.dead_letters
    return letter


def undelivered(queue: Queue, event: Message, name: str = "ai") -> None:
    """Put into *queue* what EventBridge sets aside when it cannot call the function."""
    queue.send(
        event,
        RULE_ARN=f"arn:aws:events:{REGION}:123456789012:rule/journal/ai",
        TARGET_ARN=function_arn(name),
        ERROR_CODE="NO_PERMISSIONS",
        ERROR_MESSAGE="x",
        RETRY_ATTEMPTS="0",
    )


def test_every_function_that_follows_has_a_queue() -> None:
    """Those that only answer requests, or tokens, have none."""
    assert sorted(queued_functions()) == [
        "ai",
        "analytics_consumer",
        "jobs",
        "publisher",
        "search_consumer",
    ]
    assert queue_output("analytics_consumer") == "AnalyticsConsumerDeadLettersUrl"


def test_events_go_back_to_the_function_that_failed(wire: Wire, clients: Clients) -> None:
    """From Lambda and from EventBridge alike, as they were, to it alone; then they are deleted."""
    queue, first, second, clock = wire.queue("ai"), an_event(1), an_event(2), scheduled()
    queue.send(set_aside(first))
    undelivered(queue, second)
    undelivered(queue, clock, "jobs")
    assert redrive(clients, outputs(wire), "ai") == Redriven(3, {})
    assert sorted(wire.invoked, key=lambda one: one[0] + one[1]["id"]) == sorted(
        [
            (function_arn("ai") + ":$LATEST", first),
            (function_arn("ai"), second),
            (function_arn("jobs"), clock),
        ],
        key=lambda one: one[0] + one[1]["id"],
    )
    assert queue.messages == {}
    assert wire.taken == []
    assert redrive(clients, outputs(wire), "ai") == Redriven(0, {})


def test_a_dry_run_changes_nothing(wire: Wire, clients: Clients) -> None:
    """It counts, and the messages can be seen again at once."""
    queue = wire.queue("ai")
    queue.send(set_aside(an_event()))
    queue.send("{")
    assert redrive(clients, outputs(wire), "ai", dry_run=True) == Redriven(1, {"not_understood": 1})
    assert len(queue.bodies()) == 2
    assert wire.invoked == []


NOT_UNDERSTOOD: list[Any] = [
    "",
    "{",
    "[" * 100_000,
    [],
    7,
    None,
    {},
    {"requestPayload": {}},
    {"requestPayload": an_event(), "requestContext": {"functionArn": "arn:aws:s3:::bucket"}},
    {"requestPayload": an_event(), "requestContext": {"functionArn": 7}},
    {"DDBStreamBatchInfo": {}},
    {"DDBStreamBatchInfo": None},
    {
        "DDBStreamBatchInfo": {
            "streamArn": "x",
            "shardId": 7,
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
        }
    },
    an_event(),  # with nobody named who failed on it
]


@pytest.mark.parametrize("body", NOT_UNDERSTOOD, ids=map(str, range(len(NOT_UNDERSTOOD))))
def test_what_is_not_understood_is_kept(wire: Wire, clients: Clients, body: object) -> None:
    """And does not keep the others from being sent."""
    queue = wire.queue("ai")
    queue.send(body)
    queue.send(set_aside(an_event()))
    assert redrive(clients, outputs(wire), "ai") == Redriven(1, {"not_understood": 1})
    assert len(queue.bodies()) == 1


def test_an_event_that_nobody_understands_is_kept(wire: Wire, clients: Clients) -> None:
    """Sending it again would only bring it back."""
    queue = wire.queue("ai")
    queue.send(set_aside({**an_event(), "detail": {"user_id": CANARY}}))
    assert redrive(clients, outputs(wire), "ai") == Redriven(0, {"malformed_event": 1})
    assert len(queue.bodies()) == 1


def test_what_cannot_be_sent_is_kept(wire: Wire, clients: Clients) -> None:
    """Told by the service's code, as often as it comes; the rest is sent."""
    queue = wire.queue("ai")
    wire.unknown_functions.add(function_arn("gone"))
    for name in ("gone", "ai", "gone"):
        undelivered(queue, an_event(), name)
    assert redrive(clients, outputs(wire), "ai") == Redriven(1, {"ResourceNotFoundException": 2})
    assert len(queue.bodies()) == 2


def test_no_more_is_looked_at_than_asked_for(wire: Wire, clients: Clients) -> None:
    """The rest waits for the next call."""
    queue = wire.queue("ai")
    for number in range(25):
        queue.send(set_aside(an_event(number + 1)))
    assert redrive(clients, outputs(wire), "ai", most=12) == Redriven(12, {})
    assert len(queue.bodies()) == 13
    assert redrive(clients, outputs(wire), "ai") == Redriven(13, {})


def test_what_can_be_seen_again_is_looked_at_once(wire: Wire, clients: Clients) -> None:
    """Where looking at all takes longer than messages stay hidden, it ends all the same."""
    queue = wire.queue("ai")
    queue.hides = False
    for _ in range(3):
        queue.send("{")
    assert redrive(clients, outputs(wire), "ai") == Redriven(0, {"not_understood": 3})


def test_what_was_done_is_told_though_a_message_cannot_be_shown_again(
    wire: Wire, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five minutes SQS shows it by itself, and refuses to be asked."""
    refusal = 400, {"__type": "com.amazonaws.sqs#MessageNotInflight", "message": "x"}
    monkeypatch.setattr(wire, "_ChangeMessageVisibility", lambda _: refusal)
    queue = wire.queue("ai")
    queue.send("{")
    queue.send(set_aside(an_event()))
    assert redrive(clients, outputs(wire), "ai") == Redriven(1, {"not_understood": 1})


def test_a_stream_is_asked_by_the_very_number_in_the_letter(wire: Wire, clients: Clients) -> None:
    """Zeros in front included: it takes no fewer than 21 digits."""
    queue = one_letter(wire, 3, 1)
    ((id, letter),) = queue.messages.items()
    body = json.loads(letter["Body"])
    first = body["DDBStreamBatchInfo"]["startSequenceNumber"]
    body["DDBStreamBatchInfo"]["startSequenceNumber"] = first.zfill(30)
    queue.messages[id] = letter | {"Body": json.dumps(body)}
    assert redrive(clients, outputs(wire), "publisher") == Redriven(0, {"malformed_record": 1})
    asked = [request for operation, request in wire.requests if operation == "GetShardIterator"]
    assert [one["SequenceNumber"] for one in asked] == [first.zfill(30)]


@pytest.mark.parametrize("beyond", [0, 1], ids=["to the last", "beyond the last"])
def test_records_of_a_stream_are_told_again(wire: Wire, clients: Clients, beyond: int) -> None:
    """Those that were set aside are read from the stream anew, no others, over all of its pages."""
    for number in range(20):
        wire.stream.observe(None, image(number))
    mapping = StreamMapping(lambda *_: {"batchItemFailures": [{}]}, bisects=False)
    mapping.poll(wire.stream)
    (letter,) = mapping.dead_letters
    numbers = [one["dynamodb"]["SequenceNumber"] for one in wire.stream.records]
    letter["DDBStreamBatchInfo"] |= {
        "startSequenceNumber": numbers[4],
        "endSequenceNumber": str(int(numbers[12]) + beyond),
    }
    queue = wire.queue("publisher")
    queue.send(letter)
    assert redrive(clients, outputs(wire), "publisher") == Redriven(1, {})
    told = wire.events()
    assert [one["detail"]["version"] for one in told] == [*range(5, 14)]
    assert queue.messages == {}


def image(number: int) -> Message:
    """Return the item of an entry, as the stream shows it."""
    said = ["EntryCreated", str(UUID(int=number)), number + 1, 0]
    return {"u": {"S": "me"}, "k": {"S": f"e#{number}"}, "v": {"N": "1"}, "ev": said_(said)}


def said_(said: object) -> Message:
    """Return what an item says of its event."""
    return {"S": json.dumps(said)}


def one_letter(wire: Wire, records: int, poisoned: int) -> Queue:
    """Return the publisher's queue, with the letter of a batch of which one record is poisoned."""
    for number in range(records):
        wire.stream.observe(None, image(number))
    wire.stream.records[poisoned]["dynamodb"]["NewImage"]["ev"] = {"S": "["}
    handler = publisher(_no_bus)
    mapping = StreamMapping(handler, bisects=False)
    mapping.poll(wire.stream)
    (letter,) = mapping.dead_letters
    queue = wire.queue("publisher")
    queue.send(letter)
    return queue


def _no_bus() -> Any:
    raise Unavailable("away")


def test_a_poisoned_record_keeps_its_letter_and_lets_the_others_go(
    wire: Wire, clients: Clients
) -> None:
    """Every other record of the batch is told; doing it again changes nothing."""
    queue = one_letter(wire, 5, 2)
    for _ in range(2):
        found = redrive(clients, outputs(wire), "publisher")
        assert found == Redriven(0, {"malformed_record": 1})
        assert {one["detail"]["version"] for one in wire.events()} == {1, 2, 4, 5}
    assert len(queue.bodies()) == 1
    wire.stream.records[2]["dynamodb"]["NewImage"] = image(2)
    assert redrive(clients, outputs(wire), "publisher") == Redriven(1, {})
    assert queue.messages == {}


def test_a_dry_run_reads_a_stream_and_tells_nothing(wire: Wire, clients: Clients) -> None:
    """It finds out whether the records are still there, and good."""
    one_letter(wire, 3, 1)
    assert redrive(clients, outputs(wire), "publisher", dry_run=True) == Redriven(
        0, {"malformed_record": 1}
    )
    assert wire.taken == []


def test_records_that_the_stream_has_forgotten_are_told_as_lost(
    wire: Wire, clients: Clients
) -> None:
    """After a day the letter is all there is: it stays, with the reason."""
    queue = one_letter(wire, 3, 1)
    wire.trimmed = True
    found = redrive(clients, outputs(wire), "publisher")
    assert found == Redriven(0, {"TrimmedDataAccessException": 1})
    wire.trimmed = False
    del wire.stream.records[1:]
    assert redrive(clients, outputs(wire), "publisher") == Redriven(0, {"incomplete": 1})
    assert len(queue.bodies()) == 1


def test_a_letter_is_kept_until_the_bus_has_taken_its_events(
    wire: Wire, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the bus may not be used at all, or does not answer in time."""
    queue = one_letter(wire, 3, 1)
    wire.stream.records[1]["dynamodb"]["NewImage"] = image(1)
    wire.fail_next = ["denied"]
    assert redrive(clients, outputs(wire), "publisher") == Redriven(0, {"store_error": 1})
    assert len(queue.bodies()) == 1
    monkeypatch.setattr("reflekt_chalice.redrive._BUS_SECONDS", 0.0)
    assert redrive(clients, outputs(wire), "publisher") == Redriven(0, {"unavailable": 1})
    assert len(queue.bodies()) == 1


def test_what_is_not_deployed_is_told(wire: Wire, clients: Clients) -> None:
    """An unknown function, a stack without the queue, and a queue that is gone: one line each."""
    with pytest.raises(ConfigurationError, match="no function 'x'"):
        redrive(clients, outputs(wire), "x")
    with pytest.raises(ConfigurationError, match="no output EntriesDeadLettersUrl"):
        redrive(clients, outputs(wire), "entries")
    told = outputs(wire)
    wire.queues.clear()
    with pytest.raises(StoreError, match="QueueDoesNotExist"):
        redrive(clients, told, "ai")


def test_a_queue_that_cannot_be_reached_is_told(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is deleted, and the message names no address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match="cannot be reached"):
        redrive(Clients.of(Session()), outputs(wire), "ai")


def test_clients_need_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the variable."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        Clients.of(Session())


def test_what_is_reported_holds_no_text(
    wire: Wire, clients: Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the result nor anything printed quotes what is in a message."""
    queue = wire.queue("ai")
    queue.send({"requestPayload": {"detail": CANARY}, "requestContext": {"functionArn": CANARY}})
    queue.send(CANARY)
    found = redrive(clients, outputs(wire), "ai")
    captured = capsys.readouterr()
    assert CANARY not in repr(found) + captured.out + captured.err
