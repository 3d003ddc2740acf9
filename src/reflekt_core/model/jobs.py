"""Jobs: work that may take longer than a request, done in bounded steps that can be resumed."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import attrs

from reflekt_core.model.entries import PRIVATE
from reflekt_core.model.paging import Position

__all__ = ["Job", "JobKind", "JobState"]


class JobKind(StrEnum):
    """What a job does."""

    RENAME_TAG = "rename_tag"
    DELETE_CATEGORY = "delete_category"
    ERASE_ACCOUNT = "erase_account"
    REBUILD_INDEX = "rebuild_index"
    REBUILD_ANALYTICS = "rebuild_analytics"
    WITHDRAW_CONSENT = "withdraw_consent"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@attrs.frozen
class Job:
    """
    A piece of work. `done` counts finished items; `total` is known once the work is, else None.

    `parameters` are what the kind needs; `position` is where the next step begins.
    """

    id: UUID
    kind: JobKind
    state: JobState
    done: int
    total: int | None
    created_at: datetime
    updated_at: datetime
    error: str | None = None
    """A code, if it failed."""
    version: int = attrs.field(default=1, metadata=PRIVATE)
    parameters: dict[str, str] = attrs.field(factory=dict, metadata=PRIVATE)
    position: Position | None = attrs.field(default=None, metadata=PRIVATE)
