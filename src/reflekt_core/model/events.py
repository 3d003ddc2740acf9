"""What happened, told to those who follow from it. Events carry ids and versions, never text."""

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from reflekt_core.model.entries import Entry, Tombstone

__all__ = ["Delivery", "Event", "EventKind", "Retry", "event_of"]


class EventKind(StrEnum):
    """What can happen."""

    ENTRY_CREATED = "EntryCreated"
    ENTRY_UPDATED = "EntryUpdated"
    ENTRY_DELETED = "EntryDeleted"
    JOB_REQUESTED = "JobRequested"


@attrs.frozen
class Event:
    """
    Something happened to the entry or job `subject_id` of a user.

    Delivered at least once and in no order: who handles it reads the present state.
    """

    kind: EventKind
    user_id: str
    subject_id: str
    version: int
    occurred_at: datetime


@attrs.frozen
class Delivery:
    """
    An event on its way.

    `consumer` is None while it is still for everybody; one that failed is tried again for that
    consumer alone. `parked` ones were set aside after too many tries; `error` is a code.
    """

    id: int
    event: Event
    consumer: str | None = None
    attempts: int = 0
    parked: bool = False
    error: str | None = None


@attrs.frozen
class Retry:
    """That *consumer* failed on an event: try again at `due_at`, or set it aside if that is None."""

    consumer: str
    attempts: int
    due_at: datetime | None
    error: str


def event_of(user_id: str, before: "Entry | Tombstone | None", after: "Entry | Tombstone") -> Event:
    """Return the event that the write of *after* over *before* is. In the trash counts as gone."""
    from reflekt_core.model.entries import Entry, Tombstone  # noqa: PLC0415 - for who writes

    was = isinstance(before, Entry) and before.trashed_at is None
    match after:
        case Tombstone():
            kind, at = EventKind.ENTRY_DELETED, after.deleted_at
        case Entry(trashed_at=datetime()):
            kind, at = EventKind.ENTRY_DELETED, after.updated_at
        case _:
            kind = EventKind.ENTRY_UPDATED if was else EventKind.ENTRY_CREATED
            at = after.updated_at
    return Event(kind, user_id, str(after.id), after.version, at)
