"""
What is called by AWS instead of by people: by streams, by the bus, and by the clock.

Each handler takes an event and Lambda's context. What fails is logged as a line of JSON without
text and raised as `EventFailed`, so that Lambda tries again, and at last sets it aside in a queue.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from reflekt_chalice.bus import Bus, checked, event_in
from reflekt_chalice.service import Background
from reflekt_core.errors import ReflektError, Unavailable
from reflekt_core.model.events import Event
from reflekt_core.rest.logs import log_failure

__all__ = [
    "EventFailed",
    "Handler",
    "consumer",
    "is_scheduled",
    "job_worker",
    "publisher",
    "stream_events",
]

Message = Mapping[str, Any]
Handler = Callable[..., Any]
"""Takes an event and, from Lambda, a context; raises `EventFailed`."""

STOP_SECONDS: Final = 30.0
"""With less time than this, a job does not begin another step."""

_RESERVE_SECONDS: Final = 3.0
"""What stays for one last request, and for answering."""

_WITHOUT_CONTEXT_SECONDS: Final = 60.0


class EventFailed(Exception):
    """An event was not followed to its end; `code` says why, and the log where. It holds no text."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def publisher(bus: Callable[[], Bus]) -> Handler:
    """
    Return what puts the events of a table's stream on the bus.

    It answers with the numbers of the records whose events are not there. Every other record of the
    batch is told all the same, also those after a failed one: events come in no order, and may come
    again, and so one bad record keeps no other from being told, however Lambda goes on.
    """

    def publish(batch: Message, context: Any) -> dict[str, Any]:
        told, failed = stream_events(batch["Records"])
        for number, error in failed.items():
            _log("publisher", number, error)
        places = _put(bus, [event for _, event in told], _seconds_left(context))
        missing = {told[place][0] for place in places} | set(failed)
        return {
            "batchItemFailures": [{"itemIdentifier": number} for number in sorted(missing, key=int)]
        }

    return _reporting("publisher", publish)


def _put(bus: Callable[[], Bus], events: list[Event], seconds: float) -> Iterable[int]:
    """Put *events* on the bus; if some are not taken, log why, and return their places."""
    try:
        places = bus().put(events, seconds)
    except ReflektError as error:
        _log("publisher", None, error)
        return range(len(events))
    if places:
        _log("publisher", None, Unavailable("the bus did not take every event in time"))
    return places


def stream_events(
    records: Iterable[Mapping[str, Any]],
) -> tuple[list[tuple[str, Event]], dict[str, Exception]]:
    """Return events with their records' sequence numbers, and what is wrong with other records."""
    # Loaded for who reads streams.
    from reflekt_core.stores.dynamodb import events_from_images  # noqa: PLC0415

    told: list[tuple[str, Event]] = []
    failed: dict[str, Exception] = {}
    for record in records:
        images = record["dynamodb"]
        number = str(images["SequenceNumber"])  # as it is: Lambda looks for the very same
        try:
            events = events_from_images(images.get("OldImage"), images.get("NewImage"))
            told += [(number, checked(event)) for event in events]
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others go on
            failed[number] = error
    return told, failed


def consumer(function: str, follow: Callable[[Event], object]) -> Handler:
    """Return what calls *follow* with each event from the bus."""

    def consume(message: Message, _: Any) -> None:
        follow(event_in(message))

    return _reporting(function, consume)


def job_worker(background: Background, bus: Callable[[], Bus]) -> Handler:
    """
    Return what does jobs, and once an hour deletes what is due.

    Shortly before Lambda ends the call, it stops between two steps and asks the bus for another.
    """
    # Loaded for who does jobs.
    from reflekt_core.services.events import purge  # noqa: PLC0415
    from reflekt_core.services.jobs import run_job  # noqa: PLC0415

    def work(message: Message, context: Any) -> None:
        def stopping() -> bool:
            return _seconds_left(context) < STOP_SECONDS

        if is_scheduled(message):
            purge(background.store(), background.clock, background.trash_days(), stopping)
            return
        event = event_in(message)
        if not run_job(background.gate(), event, stopping):
            _ask_again(bus(), event, context)

    return _reporting("jobs", work)


def is_scheduled(message: Any) -> bool:
    """Whether *message* is the clock's."""
    return isinstance(message, Mapping) and message.get("source") == "aws.events"


def _ask_again(bus: Bus, event: Event, context: Any) -> None:
    if bus.put([event], _seconds_left(context)):
        raise Unavailable("the bus did not take the event that goes on with a job")


def _reporting(function: str, handle: Callable[[Message, Any], Any]) -> Handler:
    def reported(message: Any, context: Any = None) -> Any:
        try:
            return handle(message, context)
        except Exception as error:  # noqa: BLE001 - what Lambda would log of it may hold text
            code = _log(function, _id(message), error)
        # Outside, so that it does not carry the other along.
        raise EventFailed(code)

    return reported


def _log(function: str, event_id: str | None, error: Exception) -> str:
    code = str(getattr(error, "code", "") or type(error).__name__)
    fields = {"code": code, "function": function, "event_id": event_id}
    log_failure(error, **fields)
    return code


def _id(message: Any) -> str | None:
    found = message.get("id") if isinstance(message, Mapping) else None
    return found if isinstance(found, str) else None


def _seconds_left(context: Any) -> float:
    """Return how long the call may go on, but for the reserve."""
    if context is None:
        return _WITHOUT_CONTEXT_SECONDS
    return float(context.get_remaining_time_in_millis()) / 1000 - _RESERVE_SECONDS
