"""Our bus on EventBridge: what an event looks like there, and how it is put on."""

import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from typing import Any, Final
from uuid import UUID

import attrs

from reflekt_core.errors import ConfigurationError, StoreError
from reflekt_core.model.events import Event, EventKind

__all__ = [
    "BATCH",
    "SOURCE",
    "Bus",
    "MalformedEvent",
    "bus_from",
    "checked",
    "entry_of",
    "event_in",
    "service_code",
]

SOURCE: Final = "reflekt"

BATCH: Final = 10
"""How many events one request to EventBridge may hold."""

_LONGEST_PAUSE_SECONDS: Final = 1.0
_REFUSED: Final = frozenset(
    {
        "AccessDeniedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "NoCredentialsError",
        "NoRegionError",
        "PartialCredentialsError",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ValidationException",
    }
)


class MalformedEvent(Exception):
    """What arrived is no event of ours. It does not get better by trying again."""

    code = "malformed_event"

    def __init__(self) -> None:
        super().__init__(self.code)


@attrs.frozen
class Bus:
    """
    The bus called *name*.

    Args:
        name: Its name.
        client: Returns botocore's client of EventBridge.
        monotonic: Tells seconds that never run back.
        sleep: Waits for so many seconds.
        random: A number from 0 to 1, for the length of pauses.
    """

    name: str
    client: Callable[[], Any]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def put(self, events: Sequence[Event], seconds: float) -> tuple[int, ...]:
        """
        Put *events* on the bus; return the places of those that it did not take in *seconds*.

        What it does not take is sent again after pauses of random length. An event may arrive twice.

        Raises:
            StoreError: The bus does not exist, or may not be used.
        """
        end = self.monotonic() + seconds
        left = list(range(len(events)))
        for attempt in count():
            left = [place for some in _batches(left) for place in self._put(events, some, end)]
            pause = self.random() * min(_LONGEST_PAUSE_SECONDS, 0.05 * 2.0 ** min(attempt, 10))
            if not left or self.monotonic() + pause >= end:
                break
            self.sleep(pause)
        return tuple(left)

    def _put(self, events: Sequence[Event], places: list[int], end: float) -> list[int]:
        """Send one request; return the places of those events that were not taken."""
        if self.monotonic() >= end:
            return places
        entries = [entry_of(self.name, events[place]) for place in places]
        try:
            answer = self.client().put_events(Entries=entries)
        except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
            if (code := service_code(error) or type(error).__name__) in _REFUSED:
                raise StoreError(f"EventBridge refused an event: {code}") from None
            return places
        told = zip(places, answer["Entries"], strict=True)
        return [place for place, one in told if "EventId" not in one]


def bus_from(environ: Mapping[str, str]) -> Bus:
    """
    Return the bus that ``REFLEKT_EVENT_BUS`` names.

    Raises:
        ConfigurationError: It names none.
    """
    name = environ.get("REFLEKT_EVENT_BUS", "").strip()
    if not name:
        raise ConfigurationError("REFLEKT_EVENT_BUS must be the name of the bus for events")
    opened: list[Any] = []

    def client() -> Any:
        if not opened:
            opened.append(_client())
        return opened[0]

    return Bus(name, client)


def entry_of(bus: str, event: Event) -> dict[str, str]:
    """Return *event* as EventBridge takes it: ids, a version and a time, never text."""
    detail = {
        "user_id": event.user_id,
        "subject_id": event.subject_id,
        "version": event.version,
        "occurred_at": event.occurred_at.isoformat(),
    }
    return {
        "EventBusName": bus,
        "Source": SOURCE,
        "DetailType": event.kind.value,
        "Detail": json.dumps(detail),
    }


def checked(event: Event) -> Event:
    """
    Let pass what a consumer will understand.

    Raises:
        MalformedEvent: It would not arrive as it is.
    """
    entry = entry_of("", event)
    arrived = {
        "source": entry["Source"],
        "detail-type": entry["DetailType"],
        "detail": json.loads(entry["Detail"]),
    }
    if event_in(arrived) != event:
        raise MalformedEvent
    return event


def event_in(message: Any) -> Event:
    """
    Return the event that a message from the bus tells of.

    Raises:
        MalformedEvent: It is none of ours.
    """
    try:
        return _event(message["source"], message["detail-type"], message["detail"])
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise MalformedEvent from None


def _event(source: object, kind: str, detail: Mapping[str, Any]) -> Event:
    user_id, subject_id, version = detail["user_id"], detail["subject_id"], detail["version"]
    occurred_at = datetime.fromisoformat(detail["occurred_at"])
    if (
        source != SOURCE
        or not (isinstance(user_id, str) and user_id)
        or str(UUID(subject_id)) != subject_id
        or type(version) is not int
        or occurred_at.tzinfo is None
    ):
        raise MalformedEvent
    return Event(EventKind(kind), user_id, subject_id, version, occurred_at)


def _batches(places: list[int]) -> Iterator[list[int]]:
    return (places[start : start + BATCH] for start in range(0, len(places), BATCH))


def service_code(error: Exception) -> str:
    """Return a service's own name for why it refused; nothing if it could not be reached."""
    # Where a connection failed, botocore's errors have a response, and it is None.
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _client() -> Any:
    # Loaded for who puts events on the bus.
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415
    from botocore.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415

    log = logging.getLogger("botocore")  # at DEBUG it writes whole requests
    log.setLevel(max(log.getEffectiveLevel(), logging.WARNING))
    limits = Config(
        connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 1, "mode": "standard"}
    )
    return Session().create_client("events", config=limits)
