"""A DynamoDB on this machine, and events made of what it stores."""

import os
import random
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import attrs
import pytest

from reflekt_core.amazon import Access
from reflekt_core.model.events import Delivery, Event, EventKind, Retry
from reflekt_core.model.paging import Page, Position
from reflekt_core.ports import Outbox, PlainText
from reflekt_core.stores.dynamodb import DynamoDBStore, create_tables, events_from_images
from reflekt_core.stores.dynamodb.transport import (
    BotocoreTransport,
    Caller,
    SignedTransport,
    Transport,
)

FOLDER = Path(__file__).parent / "emulators"
PROGRAM = FOLDER / "node_modules" / "@dynoxide" / "linux-x64" / "dynoxide"
MISSING = "no DynamoDB emulator: run npm ci --prefix tests/emulators"

Images = Callable[[dict[str, Any] | None, dict[str, Any] | None], None]


@contextmanager
def running() -> Iterator[str]:
    """Run the emulator, and give its address."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [str(PROGRAM), "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
            threading.Event().wait(0.01)
    raise AssertionError("the emulator did not start")


class Emulator:
    """A running emulator. Every store has tables of its own."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.transport = SignedTransport(
            Access("eu-west-1", "nobody", "nothing", endpoint=endpoint), read_seconds=10
        )
        self.botocore = BotocoreTransport(region="eu-west-1", endpoint=endpoint, read_seconds=10)

    def url(self) -> str:
        """Return the URL of a new, empty store."""
        prefix = f"t{uuid4().hex}"
        create_tables(self.botocore._client(), prefix)
        return (
            f"dynamodb://{prefix}?{urlencode({'region': 'eu-west-1', 'endpoint': self.endpoint})}"
        )

    def store(self, wrap: Callable[[Transport], Transport] | None = None) -> DynamoDBStore:
        """Return a new, empty store; *wrap* may put something before the emulator."""
        return self.opened(self.url(), wrap)

    def opened(
        self, url: str, wrap: Callable[[Transport], Transport] | None = None
    ) -> DynamoDBStore:
        """Return the store at *url*, whose events are made of the images it leaves."""
        observed = Observing(self.transport)
        store = DynamoDBStore(
            url, PlainText(), caller=patient(wrap(observed) if wrap else observed)
        )
        outbox = ImageOutbox()
        observed.images = outbox.observe
        store.outbox = outbox
        return store


def patient(transport: Transport) -> Caller:
    """Return what tries again at once, and for a long time."""
    return Caller(
        transport,
        clock=time.monotonic,
        sleep=lambda _seconds: None,
        random=random.random,
        deadline_seconds=60,
    )


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[Emulator]:
    """Give a running emulator; without one, skip."""
    pytest.importorskip("botocore", reason="boto3 is not installed")
    if not PROGRAM.exists():
        pytest.skip(MISSING)
    with pytest.MonkeyPatch.context() as patch, running() as endpoint:
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        emulator = Emulator(endpoint)
        yield emulator
        emulator.transport.close()
        emulator.botocore.close()


class Observing:
    """
    Tells of the items that each transaction changes, before and after, as a stream does.

    Transactions go one by one, so that the images are those of their moment.
    """

    def __init__(self, below: Transport) -> None:
        self._below = below
        self._lock = threading.Lock()
        self._done: set[str] = set()
        self.images: Images = lambda _old, _new: None
        self.calls: list[tuple[str, Mapping[str, Any]]] = []

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        self.calls.append((operation, payload))
        if operation != "TransactWriteItems":
            return self._below.call(operation, payload)
        with self._lock:
            places = [_place(write) for write in payload["TransactItems"]]
            old = self._read(places)
            response = self._below.call(operation, payload)
            for before, after in zip(old, self._read(places), strict=True):
                if before != after:
                    self.images(before, after)
            return response

    def _read(self, places: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
        asked = [{"Get": place} for place in places]
        found = self._below.call("TransactGetItems", {"TransactItems": asked})["Responses"]
        return [one.get("Item") for one in found]


def _place(write: dict[str, Any]) -> dict[str, Any]:
    (part,) = write.values()
    key = part.get("Key") or {name: part["Item"][name] for name in ("u", "k")}
    return {"TableName": part["TableName"], "Key": key}


class ImageOutbox(Outbox):
    """An outbox in memory of the events that images of items tell of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[Delivery, datetime | None]] = {}
        self._last = 0

    def observe(self, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        """Take in the images of a write. What only an erasure deletes takes its events along."""
        with self._lock:
            for event in events_from_images(old, new):
                self._post(Delivery(0, event))
            if old and not new and "ev" in old:
                for event in events_from_images(None, old):
                    self._forget(event)

    def _forget(self, gone: Event) -> None:
        self._waiting = {
            id: (delivery, due)
            for id, (delivery, due) in self._waiting.items()
            if (delivery.event.user_id, delivery.event.subject_id)
            != (gone.user_id, gone.subject_id)
            or delivery.event.kind is EventKind.JOB_REQUESTED
        }

    def _post(self, delivery: Delivery, due: datetime | None = None) -> None:
        self._last += 1
        self._waiting[self._last] = (attrs.evolve(delivery, id=self._last), due)

    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:
        """See `Outbox`."""
        with self._lock:
            due = [
                delivery
                for delivery, at in self._waiting.values()
                if not delivery.parked and (at is None or at <= now)
            ]
        return tuple(due[:limit])

    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """See `Outbox`."""
        with self._lock:
            if self._waiting.pop(delivery.id, None):
                for retry in retries:
                    again = attrs.evolve(
                        delivery,
                        consumer=retry.consumer,
                        attempts=retry.attempts,
                        parked=retry.due_at is None,
                        error=retry.error,
                    )
                    self._post(again, retry.due_at)

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:
        """See `Outbox`."""
        start = int(after[0] or 0) if after else 0
        with self._lock:
            found = [d for d, _ in self._waiting.values() if d.parked and d.id > start]
        items = tuple(found[:limit])
        return Page(items, (items[-1].id,) if len(found) > limit else None)

    def redrive(self) -> int:
        """See `Outbox`."""
        with self._lock:
            parked = [d for d, _ in self._waiting.values() if d.parked]
            for delivery in parked:
                again = attrs.evolve(delivery, parked=False, attempts=0, error=None)
                self._waiting[delivery.id] = (again, None)
        return len(parked)

    def backlog(self) -> int:
        """See `Outbox`."""
        with self._lock:
            return sum(not delivery.parked for delivery, _ in self._waiting.values())
