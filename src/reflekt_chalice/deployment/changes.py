"""What a change set would do, and what happens while a stack changes: plain values."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

__all__ = ["Change", "ChangeSet", "Event", "endangered", "failures"]

_KEEPS_DATA: Final = frozenset({"AWS::DynamoDB::Table", "AWS::S3::Bucket"})
_STACK: Final = "AWS::CloudFormation::Stack"


@attrs.frozen
class Change:
    """What becomes of one resource: Add, Modify or Remove; `replacement` is True, False or Conditional."""

    action: str
    id: str
    type: str
    replacement: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Change":
        """Return what CloudFormation says in *row*."""
        found = row["ResourceChange"]
        return cls(
            found["Action"],
            found["LogicalResourceId"],
            found["ResourceType"],
            found.get("Replacement", ""),
        )

    @property
    def keeps_data(self) -> bool:
        """Whether people's data are in it."""
        return self.type in _KEEPS_DATA

    @property
    def loses_data(self) -> bool:
        """Whether the service would no longer find the data in it."""
        return self.keeps_data and (self.action == "Remove" or self.replacement == "True")


@attrs.frozen
class ChangeSet:
    """A change set that can be executed, and its changes."""

    arn: str
    changes: tuple[Change, ...]


def endangered(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return those of *changes* that take data away from the service."""
    return tuple(change for change in changes if change.loses_data)


@attrs.frozen
class Event:
    """Something that happened to a resource."""

    id: str
    at: datetime
    resource: str
    type: str
    status: str
    reason: str
    is_stack: bool
    """It is about the stack itself."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Event":
        """Return what CloudFormation says in *row*."""
        return cls(
            row["EventId"],
            row["Timestamp"],
            row.get("LogicalResourceId", ""),
            row.get("ResourceType", ""),
            row.get("ResourceStatus", ""),
            " ".join(row.get("ResourceStatusReason", "").split()),
            row.get("ResourceType") == _STACK
            and row.get("PhysicalResourceId") in (row["StackId"], row["StackName"]),
        )

    @property
    def line(self) -> str:
        """The event in a line, for people."""
        told = f"{self.at:%H:%M:%S}  {self.status:<28}  {self.resource}"
        return f"{told}: {self.reason}" if self.reason and "FAILED" in self.status else told


def failures(events: Iterable[Event]) -> tuple[Event, ...]:
    """Return the events that say why something failed, the first ones first."""
    return tuple(
        event
        for event in events
        # What was cancelled, was so because of another failure.
        if event.status.endswith("_FAILED")
        and not event.is_stack
        and "cancelled" not in event.reason.lower()
    )
