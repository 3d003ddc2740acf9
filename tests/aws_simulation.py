"""
What AWS does between a table's stream and those who follow from events, on this machine.

`Wire` answers, over HTTP, the requests of botocore's clients of EventBridge, SQS, Lambda and
DynamoDB Streams. `Stream`, `StreamMapping` and `Asynchronous` do what Lambda does around a function,
as its documentation says. Nothing here knows our own code.
"""

import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import uuid4

import attrs

Handler = Callable[..., Any]
Message = dict[str, Any]

REGION = "eu-west-1"
ACCOUNT = "123456789012"
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t-entries/stream/2026-11-22T00:00:00.000"
SHARD = "shardId-00000001795372800000-f55eea83"
AT = "2026-11-22T18:40:00.000Z"


def function_arn(name: str) -> str:
    """Return the ARN of a function."""
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


class Context:
    """What Lambda hands to a function beside the event: how long it may go on."""

    def __init__(self, *seconds: float) -> None:
        self._seconds = list(seconds)

    def get_remaining_time_in_millis(self) -> int:
        """Return the next of the times, and the last one for ever."""
        seconds = self._seconds.pop(0) if len(self._seconds) > 1 else self._seconds[0]
        return int(seconds * 1000)


class Crashed(Exception):
    """The function ended with an error; Lambda knows of it what the runtime reports."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.payload = {"errorMessage": str(error), "errorType": type(error).__name__}


def run(handler: Handler, event: Message, context: Context) -> Any:
    """Return what the function answers to *event*, both as JSON on the way."""
    try:
        answer = handler(json.loads(json.dumps(event)), context)
    except Exception as error:  # noqa: BLE001 - as Lambda does
        raise Crashed(error) from None
    return json.loads(json.dumps(answer))


# Streams.


class Stream:
    """The records of a stream of one shard, as Lambda hands them over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.records: list[Message] = []

    def observe(self, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> None:
        """Take in the images of a write."""
        with self._lock:
            number = str(111_000_000_000_000_000_000_000 + 7 * len(self.records))
            images: Message = {
                "ApproximateCreationDateTime": 1795372800.0,
                "Keys": _json({name: (new or old or {})[name] for name in ("u", "k")}),
                "SequenceNumber": number,
                "SizeBytes": 1,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            }
            images |= {"OldImage": _json(old)} if old else {}
            images |= {"NewImage": _json(new)} if new else {}
            kind = "MODIFY" if old and new else "INSERT" if new else "REMOVE"
            self.records.append(
                {
                    "eventID": uuid4().hex,
                    "eventName": kind,
                    "eventVersion": "1.1",
                    "eventSource": "aws:dynamodb",
                    "awsRegion": REGION,
                    "dynamodb": images,
                    "eventSourceARN": STREAM,
                }
            )


def _json(item: Mapping[str, Any]) -> Message:
    """Return an item as Lambda's JSON has it: bytes in base64."""
    return {
        name: {
            kind: b64encode(held).decode() if isinstance(held, bytes) else held
            for kind, held in value.items()
        }
        for name, value in item.items()
    }


@attrs.define
class StreamMapping:
    """
    An event source mapping of a stream, with ReportBatchItemFailures.

    What is told as failed is tried again from its lowest number on. Where a batch makes no headway,
    it is split in two, if *bisects*, and else tried again, *retries* times. Then all of it is set
    aside, which the queue *dead_letters* is told, and the mapping goes on. Filters pass records
    whose new image has the attribute `ev`.
    """

    handler: Handler
    batch_size: int = 100
    retries: int = 3
    bisects: bool = True
    context: Context = attrs.field(factory=lambda: Context(30))
    dead_letters: list[Message] = attrs.field(factory=list)
    calls: int = 0
    _at: int = 0

    def poll(self, stream: Stream) -> None:
        """Hand over what is new in the stream."""
        with_event = [
            record
            for record in stream.records[self._at :]
            if "ev" in record["dynamodb"].get("NewImage", {})
        ]
        self._at = len(stream.records)
        for start in range(0, len(with_event), self.batch_size):
            self._hand_over(with_event[start : start + self.batch_size])

    def _hand_over(self, batch: list[Message]) -> None:
        tries = 0
        while batch:
            done = self._done(batch)
            if done == len(batch):
                return
            if done:
                batch, tries = batch[done:], 0
            elif self.bisects and len(batch) > 1:
                half = len(batch) // 2
                self._hand_over(batch[:half])
                batch, tries = batch[half:], 0
            elif tries == self.retries:
                self._set_aside(batch)
                return
            else:
                tries += 1

    def _done(self, batch: list[Message]) -> int:
        """Return how many records of the batch, from its start, are done."""
        self.calls += 1
        try:
            answer = run(self.handler, {"Records": batch}, self.context)
        except Crashed:
            return 0
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        failed = [one.get("itemIdentifier") for one in (answer or {}).get("batchItemFailures", ())]
        if any(number not in numbers for number in failed):
            return 0  # a wrong answer counts as a failure of all
        return min(map(numbers.index, failed), default=len(batch))

    def _set_aside(self, batch: list[Message]) -> None:
        numbers = [record["dynamodb"]["SequenceNumber"] for record in batch]
        self.dead_letters.append(
            {
                "requestContext": {
                    "requestId": str(uuid4()),
                    "functionArn": function_arn("publisher"),
                    "condition": "RetryAttemptsExhausted",
                    "approximateInvokeCount": self.retries + 1,
                },
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    "functionError": None,
                },
                "version": "1.0",
                "timestamp": AT,
                "DDBStreamBatchInfo": {
                    "shardId": SHARD,
                    "startSequenceNumber": numbers[0],
                    "endSequenceNumber": numbers[-1],
                    "approximateArrivalOfFirstRecord": AT,
                    "approximateArrivalOfLastRecord": AT,
                    "batchSize": len(batch),
                    "streamArn": STREAM,
                },
            }
        )


# Functions that are called with events.


@attrs.define
class Asynchronous:
    """
    A function that is called asynchronously: an event on which it fails is tried twice again.

    *between* is called before each retry: there, a minute or two pass. At last the event stands in
    *dead_letters*, as Lambda's destination for failures has it.
    """

    name: str
    handler: Handler
    retries: int = 2
    seconds: float = 60
    between: Callable[[], object] = lambda: None
    dead_letters: list[Message] = attrs.field(factory=list)

    def __call__(self, event: Message) -> None:
        """Call the function."""
        for attempt in range(self.retries + 1):
            if attempt:
                self.between()
            try:
                run(self.handler, event, Context(self.seconds))
            except Crashed as crashed:
                payload = crashed.payload
            else:
                return
        self.dead_letters.append(
            {
                "version": "1.0",
                "timestamp": AT,
                "requestContext": {
                    "requestId": str(uuid4()),
                    "functionArn": function_arn(self.name) + ":$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": self.retries + 1,
                },
                "requestPayload": event,
                "responseContext": {
                    "statusCode": 200,
                    "executedVersion": "$LATEST",
                    "functionError": "Unhandled",
                },
                "responsePayload": payload,
            }
        )


def scheduled() -> Message:
    """Return the event of a rule with a schedule."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": AT,
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/hourly"],
        "detail": {},
    }


def bus_event(entry: Mapping[str, Any]) -> Message:
    """Return the event that EventBridge makes of an entry put on a bus."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": ACCOUNT,
        "time": AT,
        "region": REGION,
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }


# The wire.


@attrs.define
class Queue:
    """
    A queue of SQS. What was received is hidden until somebody shows it again.

    Unless it *hides* nothing, as when the time for that has passed.
    """

    url: str
    messages: dict[str, Message] = attrs.field(factory=dict)
    hidden: set[str] = attrs.field(factory=set)
    hides: bool = True

    def send(self, body: Any, **attributes: str) -> None:
        """Put a message into the queue; *body* as JSON, unless it is text."""
        id = str(uuid4())
        self.messages[id] = {
            "MessageId": id,
            "ReceiptHandle": f"r-{id}",
            "Body": body if isinstance(body, str) else json.dumps(body),
            "MessageAttributes": {
                name: {"StringValue": value, "DataType": "String"}
                for name, value in attributes.items()
            },
        }

    def bodies(self) -> list[str]:
        """Return what waits and can be seen."""
        return [m["Body"] for id, m in self.messages.items() if id not in self.hidden]


class Wire:
    """
    The services, at `endpoint`.

    `fail_next` are the answers to the next requests to put events: ``"throttle"``, ``"reset"``,
    ``"lost"`` (taken, but the answer breaks off), ``"half"`` (every second entry is not taken) or
    ``"denied"``. `trimmed`: the stream has forgotten its records.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.lock = threading.Lock()
        self.taken: list[Message] = []
        self.requests: list[tuple[str, Message]] = []
        self.invoked: list[tuple[str, Message]] = []
        self.unknown_functions: set[str] = set()
        self.queues: dict[str, Queue] = {}
        self.stream = Stream()
        self.trimmed = False
        self.fail_next: list[str] = []

    def queue(self, name: str) -> Queue:
        """Return the queue called *name*, made if there is none."""
        url = f"{self.endpoint}/{ACCOUNT}/{name}"
        return self.queues.setdefault(url, Queue(url))

    def events(self) -> list[Message]:
        """Take what is on the bus from it, as events."""
        with self.lock:
            taken, self.taken = self.taken, []
        return [bus_event(entry) for entry in taken]

    def answer(self, target: str, asked: Message) -> tuple[int, Message]:
        """Return status and body of the answer to a request."""
        operation = target.rpartition(".")[2]
        with self.lock:
            self.requests.append((operation, asked))
            return getattr(self, f"_{operation}")(asked)  # type: ignore[no-any-return]

    def _PutEvents(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - as AWS names it
        entries = asked["Entries"]
        assert 1 <= len(entries) <= 10, "EventBridge takes up to 10 entries"
        fault = self.fail_next.pop(0) if self.fail_next else ""
        if fault == "throttle":
            return _error(400, "ThrottlingException")
        if fault == "denied":
            return _error(400, "AccessDeniedException")
        if fault == "reset":
            return 0, {}
        refused = {n for n in range(len(entries)) if fault == "half" and n % 2}
        self.taken += [entry for n, entry in enumerate(entries) if n not in refused]
        if fault == "lost":
            return 0, {}
        told = [
            {"ErrorCode": "InternalFailure", "ErrorMessage": "x"}
            if n in refused
            else {"EventId": str(uuid4())}
            for n in range(len(entries))
        ]
        return 200, {"FailedEntryCount": len(refused), "Entries": told}

    def _ReceiveMessage(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - the same
        queue = self.queues.get(asked["QueueUrl"])
        if queue is None:
            return _error(400, "com.amazonaws.sqs#QueueDoesNotExist")
        seen = [m for id, m in queue.messages.items() if id not in queue.hidden]
        found = seen[: asked["MaxNumberOfMessages"]]
        queue.hidden |= {m["MessageId"] for m in found if queue.hides}
        return 200, {"Messages": found} if found else {}

    def _DeleteMessage(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - the same
        del self.queues[asked["QueueUrl"]].messages[asked["ReceiptHandle"][2:]]
        return 200, {}

    def _ChangeMessageVisibility(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - same
        assert asked["VisibilityTimeout"] == 0
        self.queues[asked["QueueUrl"]].hidden.discard(asked["ReceiptHandle"][2:])
        return 200, {}

    def _Invoke(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - the same
        if asked["name"] in self.unknown_functions:
            return _error(404, "ResourceNotFoundException")
        assert asked["type"] == "Event"
        self.invoked.append((asked["name"], asked["payload"]))
        return 202, {}

    def _GetShardIterator(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - the same
        assert (asked["StreamArn"], asked["ShardId"]) == (STREAM, SHARD)
        assert asked["ShardIteratorType"] == "AT_SEQUENCE_NUMBER"
        if self.trimmed:
            return _error(400, "TrimmedDataAccessException")
        return 200, {"ShardIterator": asked["SequenceNumber"]}

    def _GetRecords(self, asked: Message) -> tuple[int, Message]:  # noqa: N802 - the same
        at = int(asked["ShardIterator"])
        left = [r for r in self.stream.records if int(r["dynamodb"]["SequenceNumber"]) >= at]
        # An open shard always has a next position; pages are cut somewhere, also before the first.
        following = left[3]["dynamodb"]["SequenceNumber"] if len(left) > 3 else str(10**25)
        return 200, {"Records": left[:3], "NextShardIterator": following}


def _error(status: int, code: str) -> tuple[int, Message]:
    return status, {"__type": code, "message": "x"}


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: its second would wait for the first to be acknowledged
    wire: ClassVar[Wire]

    def do_POST(self) -> None:
        """Answer a request of one of the services."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = json.loads(body or b"{}")
        if self.path.endswith("/invocations"):
            name = unquote(self.path.split("/")[-2])
            asked = {"name": name, "payload": sent, "type": self.headers["X-Amz-Invocation-Type"]}
            status, answer = self.wire.answer("Invoke", asked)
        else:
            status, answer = self.wire.answer(self.headers["X-Amz-Target"], sent)
        if not status:
            self.close_connection = True
            return
        told = json.dumps(answer).encode()
        self.send_response(status)
        if "__type" in answer:
            self.send_header("x-amzn-errortype", answer["__type"])
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def wired() -> Iterator[Wire]:
    """Run the services, and give them."""

    class Answering(_Answering):
        pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        Answering.wire = Wire(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Answering.wire
        finally:
            server.shutdown()
            thread.join()


ENVIRON = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What clients find in the environment, beside ``AWS_ENDPOINT_URL``."""


def at_least_once(events: Sequence[Message], random: Random) -> list[Message]:
    """Return each of *events* once or twice, in any order."""
    again = [event for event in events if random.random() < 0.3]
    delivered = [*events, *again]
    random.shuffle(delivered)
    return delivered
