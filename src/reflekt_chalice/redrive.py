"""Dead letters on AWS: sending again what was set aside, once its cause is put right."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import attrs

from reflekt_chalice.bus import Bus, MalformedEvent, event_in, service_code
from reflekt_chalice.functions import FUNCTIONS, checked
from reflekt_chalice.triggers import is_scheduled, stream_events
from reflekt_core.errors import ConfigurationError, ReflektError, StoreError, Unavailable

__all__ = ["MOST", "Clients", "Redriven", "queue_output", "queued_functions", "redrive"]

MOST: Final = 10_000
"""How many messages one call looks at."""

_AT_ONCE: Final = 10
_HIDDEN_SECONDS: Final = 300
_BUS_SECONDS: Final = 20.0
_EMPTY_PAGES: Final = 30
_FUNCTION: Final = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?")


@attrs.frozen
class Clients:
    """Clients of botocore's or boto3's: of SQS, Lambda, EventBridge and DynamoDB Streams."""

    queues: Any
    functions: Any
    events: Any
    streams: Any

    @classmethod
    def of(cls, session: Any) -> "Clients":
        """
        Return those of *session*, a session of botocore's.

        Raises:
            ConfigurationError: It knows no region.
        """
        try:
            names = ("sqs", "lambda", "events", "dynamodbstreams")
            return cls(*(session.create_client(name) for name in names))
        except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
            raise ConfigurationError(
                f"AWS cannot be reached as configured ({type(error).__name__}): set AWS_REGION"
            ) from None


@attrs.frozen
class Redriven:
    """How many messages were sent again; and how many were kept, by the code of the reason."""

    sent: int
    kept: Mapping[str, int]


def queued_functions() -> tuple[str, ...]:
    """Return the names of the functions that have a queue for dead letters."""
    return tuple(name for name, f in FUNCTIONS.items() if f.events or f.streams)


def queue_output(function: str) -> str:
    """Return the name of the stack's output that holds the URL of a function's queue."""
    return "".join(part.capitalize() for part in function.split("_")) + "DeadLettersUrl"


def redrive(
    clients: Clients,
    outputs: Mapping[str, str],
    function: str,
    *,
    dry_run: bool = False,
    most: int = MOST,
) -> Redriven:
    """
    Send again what waits among the dead letters of *function*; return how many there were.

    An event goes to the function that failed on it, and to no other. Of a stream's records that
    were set aside, the events go on the bus again. A message is deleted only after that: what is
    sent twice changes nothing. One that is not understood, or cannot be sent, stays.

    Args:
        clients: Of AWS, with the credentials of whoever runs this.
        outputs: The stack's: the URL of the queue as `queue_output` says, and ``EventBusName``.
        function: One of `queued_functions`.
        dry_run: Only count; ``sent`` is then what would be sent.
        most: How many messages to look at.

    Raises:
        ConfigurationError: There is no such function, or the stack has no queue for it.
        Unavailable: The queue cannot be reached.
        StoreError: It does not exist, or may not be read.
    """
    url = _output(outputs, queue_output(*checked([function])))
    bus = Bus(_output(outputs, "EventBusName"), lambda: clients.events)
    told: Counter[str] = Counter()
    hidden: list[str] = []
    for message in _messages(clients.queues, url, most):
        reason = _reason_to_keep(clients, bus, message, dry_run=dry_run)
        told[reason] += 1
        if reason or dry_run:
            hidden.append(message["ReceiptHandle"])
        else:
            _ask(clients.queues.delete_message, url, ReceiptHandle=message["ReceiptHandle"])
    for receipt in hidden:
        with suppress(ReflektError):  # in a while it is seen again by itself, or is so already
            _ask(
                clients.queues.change_message_visibility,
                url,
                ReceiptHandle=receipt,
                VisibilityTimeout=0,
            )
    return Redriven(told.pop("", 0), dict(told))


def _output(outputs: Mapping[str, str], name: str) -> str:
    if name not in outputs:
        raise ConfigurationError(f"the stack has no output {name}: deploy this version first")
    return outputs[name]


def _messages(queues: Any, url: str, most: int) -> Iterator[dict[str, Any]]:
    """Yield up to *most* messages of the queue, each once, hidden from others meanwhile."""
    seen: set[str] = set()
    while len(seen) < most:
        answer = _ask(
            queues.receive_message,
            url,
            MaxNumberOfMessages=min(_AT_ONCE, most - len(seen)),
            VisibilityTimeout=_HIDDEN_SECONDS,
            WaitTimeSeconds=1,  # only then all of the queue's servers are asked
            MessageAttributeNames=["All"],
        )
        fresh = [one for one in answer.get("Messages", ()) if one["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(one["MessageId"] for one in fresh)
        yield from fresh


def _ask(operation: Any, url: str, **parameters: Any) -> dict[str, Any]:
    try:
        return dict(operation(QueueUrl=url, **parameters))
    except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
        if code := service_code(error):
            raise StoreError(f"the queue of dead letters cannot be used: {code}") from None
        raise Unavailable("the queue of dead letters cannot be reached") from None


def _reason_to_keep(
    clients: Clients, bus: Bus, message: Mapping[str, Any], *, dry_run: bool
) -> str:
    """Send the message again, and return nothing, or the code of why it could not be sent."""
    try:
        body = json.loads(message["Body"])
        if "DDBStreamBatchInfo" in body:
            return _tell_again(clients, bus, body["DDBStreamBatchInfo"], dry_run=dry_run)
        target, event = _target_and_event(message, body)
    except (LookupError, TypeError, ValueError, RecursionError):
        return "not_understood"
    except MalformedEvent as error:
        return error.code
    return "" if dry_run else _invoke(clients.functions, target, event)


def _target_and_event(message: Mapping[str, Any], body: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the function that failed, and the event on which it did."""
    if "requestPayload" in body:  # from Lambda, after its own tries
        target, event = body["requestContext"]["functionArn"], body["requestPayload"]
    else:  # from EventBridge, which could not hand it over
        target, event = message["MessageAttributes"]["TARGET_ARN"]["StringValue"], body
    if not _FUNCTION.fullmatch(target):
        raise ValueError(target)
    if not is_scheduled(event):
        event_in(event)
    return target, event


def _invoke(functions: Any, target: str, event: Mapping[str, Any]) -> str:
    payload = json.dumps(event).encode()
    try:
        functions.invoke(FunctionName=target, InvocationType="Event", Payload=payload)
    except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
        return _why(error)
    return ""


def _tell_again(clients: Clients, bus: Bus, info: Mapping[str, Any], *, dry_run: bool) -> str:
    """Put the events of the records on the bus that were set aside together."""
    first, last = str(info["startSequenceNumber"]), int(info["endSequenceNumber"])
    try:
        records, whole = _records(clients.streams, info["streamArn"], info["shardId"], first, last)
    except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
        return _why(error)
    told, failed = stream_events(records)
    if not dry_run:
        try:
            missing = bus.put([event for _, event in told], _BUS_SECONDS)
        except ReflektError as error:
            return error.code
        if missing:
            return "unavailable"
    if failed:
        return "malformed_record"
    return "" if whole else "incomplete"


def _records(
    streams: Any, stream: str, shard: str, first: str, last: int
) -> tuple[list[Mapping[str, Any]], bool]:
    """Return the records from *first* to *last*, and whether the stream still has all of them."""
    found: list[Mapping[str, Any]] = []
    position = streams.get_shard_iterator(
        StreamArn=stream,
        ShardId=shard,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=first,
    ).get("ShardIterator")
    empty = 0
    while position and empty < _EMPTY_PAGES:
        page = streams.get_records(ShardIterator=position)
        for record in page["Records"]:
            number = int(record["dynamodb"]["SequenceNumber"])
            if number <= last:
                found.append(record)
            if number >= last:
                return found, True
        empty = 0 if page["Records"] else empty + 1
        position = page.get("NextShardIterator")
    return found, False


def _why(error: Exception) -> str:
    if type(error).__name__ == "ParamValidationError":  # botocore's, before anything is sent
        return "not_understood"
    return service_code(error) or "unavailable"
