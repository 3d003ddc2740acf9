"""
Events. On DynamoDB the stream of a table is the outbox.

The item that a write stores carries the write's event in `ev`, so that a change and its event are
one. Whoever reads the stream, the publisher on AWS, makes events of the images of items.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reflekt_core.model.events import Delivery, Event, EventKind, Retry
from reflekt_core.model.paging import Page, Position
from reflekt_core.ports import Outbox
from reflekt_core.stores.dynamodb.tables import Item, instant, microseconds, string

__all__ = ["StreamOutbox", "events_from_images", "told"]


class StreamOutbox(Outbox):
    """
    The outbox of a process that does not read the streams: to it, nothing is ever pending.

    The publisher function tells the events, and what fails too often waits in its queues.
    """

    def pending(self, now: datetime, *, limit: int = 100) -> tuple[Delivery, ...]:  # noqa: ARG002 - as the port
        """Return nothing."""
        return ()

    def settle(self, delivery: Delivery, retries: Sequence[Retry] = ()) -> None:
        """Do nothing."""

    def parked(self, *, after: Position | None = None, limit: int = 20) -> Page[Delivery]:  # noqa: ARG002 - as the port
        """Return nothing."""
        return Page(())

    def redrive(self) -> int:
        """Return 0."""
        return 0

    def backlog(self) -> int:
        """Return 0."""
        return 0


def told(event: Event) -> Item:
    """Return the attribute that makes the write of an item tell of *event*."""
    return {
        "ev": string(
            json.dumps(
                [event.kind.value, event.subject_id, event.version, microseconds(event.occurred_at)]
            )
        )
    }


def events_from_images(
    old: Mapping[str, Mapping[str, Any]] | None, new: Mapping[str, Mapping[str, Any]] | None
) -> tuple[Event, ...]:
    """
    Return the events of one record of a stream.

    Args:
        old: The item before the write, as DynamoDB's JSON; None if there was none.
        new: The item after it; None if it was deleted, of which nobody is told: an entry that is
            deleted for good leaves a tombstone, and an erasure has an event of its own.
    """
    said = (new or {}).get("ev")
    before = old or {}
    if new is None or said is None or (said, new["v"]) == (before.get("ev"), before.get("v")):
        return ()
    kind, subject_id, version, at = json.loads(said["S"])
    return (Event(EventKind(kind), new["u"]["S"], subject_id, version, instant(at)),)
