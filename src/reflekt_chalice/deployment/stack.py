"""One stack of CloudFormation: what it is, what would change, changing it and watching that."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.account import Account, answered, code_of
from reflekt_chalice.deployment.changes import Change, ChangeSet, Event, failures
from reflekt_chalice.deployment.failures import DeploymentError

__all__ = ["Say", "Stack"]

Say = Callable[[str], None]

_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
_POLL_SECONDS: Final = 2.0
_MOST_POLLS: Final = 1800
_QUIET_POLLS: Final = 5
_SHOWN_FAILURES: Final = 5
_NEVER_MADE: Final = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"})
_REVIEW: Final = "REVIEW_IN_PROGRESS"
_NOT_UNDONE: Final = "UPDATE_ROLLBACK_FAILED"
_NOT_DELETED: Final = "DELETE_FAILED"
_DELETED: Final = "DELETE_COMPLETE"
_GOOD: Final = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", _DELETED})
_NOTHING_TO_DO: Final = ("didn't contain changes", "no updates are to be performed", "no changes")


@attrs.frozen
class Stack:
    """
    A stack, by its *name*; it need not exist.

    *say* is told, in a line each, what happens. *pause* waits for some seconds.
    """

    account: Account
    name: str
    say: Say
    pause: Callable[[float], None] = time.sleep

    @property
    def _client(self) -> Any:
        return self.account.client("cloudformation")

    def described(self) -> dict[str, Any] | None:
        """Return what CloudFormation says of it; None if it does not exist."""
        with answered(f"reading the stack {self.name}"):
            try:
                return dict(self._client.describe_stacks(StackName=self.name)["Stacks"][0])
            except Exception as error:
                if code_of(error) == "ValidationError" and "does not exist" in str(error):
                    return None
                raise

    @property
    def status(self) -> str | None:
        """Its status; None if it does not exist."""
        found = self.described()
        return None if found is None or found["StackStatus"] == _DELETED else found["StackStatus"]

    def outputs(self) -> dict[str, str]:
        """
        Return its outputs.

        Raises:
            DeploymentError: It does not exist, or was never made completely.
        """
        found = self.described()
        if found is None or not found.get("Outputs"):
            raise DeploymentError(
                f"there is no stack {self.name} in {self.account.region} that is deployed: run "
                "'reflekt aws deploy', or see --stack-name, --stage and --region"
            )
        return {row["OutputKey"]: row["OutputValue"] for row in found["Outputs"]}

    def parameters(self) -> dict[str, str]:
        """Return the parameters that it was deployed with; none, if it does not exist."""
        found = self.described() or {}
        rows = found.get("Parameters", ())
        return {row["ParameterKey"]: row["ParameterValue"] for row in rows}

    def resources(self, kind: str) -> tuple[str, ...]:
        """Return the names of its resources of one *kind*; none, if it does not exist."""
        if self.status is None:
            return ()
        with answered(f"reading the stack {self.name}"):
            pages = self._client.get_paginator("list_stack_resources").paginate(StackName=self.name)
            rows = [row for page in pages for row in page["StackResourceSummaries"]]
        return tuple(
            row["PhysicalResourceId"]
            for row in rows
            if row["ResourceType"] == kind and row.get("PhysicalResourceId")
        )

    def settle(self, *, repair: bool = True) -> None:
        """
        Wait for what is under way, and put right what a deployment that failed left behind.

        Args:
            repair: If not, only say what would have to be put right.

        Raises:
            DeploymentError: It cannot be put right from here.
        """
        status = self.status
        if status in (None, _REVIEW):
            return
        if status.endswith("_IN_PROGRESS"):
            self.say(f"{self.name} is changing already ({status}); waiting for it")
            self._follow(self._latest())
            self.settle(repair=repair)
        elif status == _NOT_DELETED:
            raise DeploymentError(
                f"{self.name} was to be deleted, which failed: finish that with 'reflekt aws delete'"
            )
        elif status in _NEVER_MADE or status == _NOT_UNDONE:
            if not repair:
                raise DeploymentError(
                    f"{self.name} is in the state {status}: 'reflekt aws deploy' puts that right"
                )
            self._repair(status)

    def _repair(self, status: str) -> None:
        if status in _NEVER_MADE:
            self.say(f"{self.name} was never made completely ({status}); removing what is left")
            self.delete()
            return
        self.say(f"the last update of {self.name} could not be undone; trying again to undo it")
        before = self._latest()
        with answered(f"undoing the last update of {self.name}"):
            self._client.continue_update_rollback(StackName=self.name)
        if self._follow(before) == _NOT_UNDONE:
            raise self._failed(
                before,
                f"{self.name} is stuck in {_NOT_UNDONE}: put right what is named above, or skip it "
                "with 'aws cloudformation continue-update-rollback --resources-to-skip'; then "
                "deploy again",
            )

    def propose(
        self, template: Mapping[str, str], parameters: Mapping[str, str]
    ) -> ChangeSet | None:
        """
        Return the change set that leads to *template* with *parameters*; None if nothing changes.

        *template* is ``TemplateURL`` or ``TemplateBody``. The change set must be executed or discarded.

        Raises:
            DeploymentError: CloudFormation does not accept it.
        """
        client = self._client
        new = self.status in (None, _REVIEW)
        with answered(f"asking what would change in {self.name}"):
            made = client.create_change_set(
                StackName=self.name,
                ChangeSetName=f"reflekt-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}",
                ChangeSetType="CREATE" if new else "UPDATE",
                Capabilities=list(_CAPABILITIES),
                Parameters=[
                    {"ParameterKey": name, "ParameterValue": value}
                    for name, value in sorted(parameters.items())
                ],
                **template,
            )
            arn = made["Id"]
            found = self._computed(arn)
        if found["Status"] == "FAILED":
            self._discarded(arn)
            reason = found.get("StatusReason", "")
            if any(words in reason.lower() for words in _NOTHING_TO_DO):
                return None
            raise DeploymentError(f"CloudFormation does not accept the change: {reason}")
        # There may be none, and still something to do: outputs are no resources.
        changes = tuple(Change.of(row) for row in self._changes(arn))
        return ChangeSet(arn, changes)

    def _computed(self, arn: str) -> dict[str, Any]:
        client = self._client
        found: dict[str, Any] = client.describe_change_set(ChangeSetName=arn, StackName=self.name)
        while found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            self.pause(_POLL_SECONDS)
            found = client.describe_change_set(ChangeSetName=arn, StackName=self.name)
        return found

    def _changes(self, arn: str) -> Iterator[Mapping[str, Any]]:
        asked = {"ChangeSetName": arn, "StackName": self.name}
        with answered(f"asking what would change in {self.name}"):
            page = self._client.describe_change_set(**asked)
            yield from page.get("Changes", ())
            while token := page.get("NextToken"):
                page = self._client.describe_change_set(**asked, NextToken=token)
                yield from page.get("Changes", ())

    def discard(self, proposed: ChangeSet) -> None:
        """Forget a change set, and with it a stack that exists for its sake alone."""
        self._discarded(proposed.arn)

    def _discarded(self, arn: str) -> None:
        with answered(f"discarding a change set of {self.name}"):
            self._client.delete_change_set(ChangeSetName=arn, StackName=self.name)
            if self.status == _REVIEW:
                self._client.delete_stack(StackName=self.name)

    def execute(self, proposed: ChangeSet) -> None:
        """
        Carry out a change set, and wait until that is done.

        Raises:
            DeploymentError: It failed, and was undone by CloudFormation.
        """
        new = self.status == _REVIEW
        before = self._latest()
        with answered(f"changing {self.name}"):
            self._client.execute_change_set(ChangeSetName=proposed.arn, StackName=self.name)
        try:
            status = self._follow(before)
        except KeyboardInterrupt:
            self.say("CloudFormation goes on without you; run this again to see what became of it")
            raise
        if status in _GOOD:
            return
        undone = "nothing of it is left" if new else "the version before is in place again"
        way_out = f"put right what is named above, then deploy again; {undone}"
        if status.endswith("_FAILED"):
            way_out = "put right what is named above, then deploy again, which first cleans up"
        raise self._failed(before, f"{self.name} was not deployed ({status}): {way_out}")

    def delete(self) -> None:
        """
        Delete it, and wait until that is done. What its template says is kept, stays.

        Raises:
            DeploymentError: Something could not be deleted.
        """
        found = self.described()
        if found is None:
            return
        before = self._latest()
        with answered(f"deleting {self.name}"):
            self._client.delete_stack(StackName=self.name)
        status = self._follow(before, arn=found["StackId"])
        if status not in _GOOD:
            way_out = "put right what is named above, then run this again"
            raise self._failed(before, f"{self.name} was not deleted ({status}): {way_out}")

    def _failed(self, before: str | None, message: str) -> DeploymentError:
        causes = failures(self._events(before))
        if causes:
            self.say("")
            self.say("What failed first:")
        for event in causes[:_SHOWN_FAILURES]:
            self.say(f"  {event.resource} ({event.type})")
            self.say(f"    {event.reason or event.status}")
        return DeploymentError(message)

    def _latest(self) -> str | None:
        """Return the id of its latest event; None if it does not exist."""
        events = self._events(None)
        return events[-1].id if events else None

    def _events(self, after: str | None, arn: str | None = None) -> list[Event]:
        """Return its events after the one with the id *after*, or all; the oldest first."""
        found: list[Event] = []
        with answered(f"reading what happens to {self.name}"):
            try:
                pages = self._client.get_paginator("describe_stack_events").paginate(
                    StackName=arn or self.name
                )
                for row in (row for page in pages for row in page["StackEvents"]):
                    if row["EventId"] == after:
                        break
                    found.append(Event.of(row))
            except Exception as error:
                if "does not exist" not in str(error):
                    raise
        return found[::-1]

    def _follow(self, after: str | None, *, arn: str | None = None) -> str:
        """Tell of what comes after an event until the stack rests, and return its status then."""
        told = after
        quiet = 0
        stack = self if arn is None else attrs.evolve(self, name=arn)
        for _ in range(_MOST_POLLS):
            new = self._events(told, arn)
            for event in new:
                told = event.id
                self.say(event.line)
            ended = any(e.is_stack and not e.status.endswith("_IN_PROGRESS") for e in new)
            # Right after a change was asked for, the status may still be the one before.
            quiet = 0 if new else quiet + 1
            status = stack.status
            if status is None:
                return _DELETED
            if not status.endswith("_IN_PROGRESS") and (ended or quiet >= _QUIET_POLLS):
                return status
            self.pause(_POLL_SECONDS)
        raise DeploymentError(
            f"{self.name} is still changing after an hour: run this again to go on waiting"
        )
