"""Taking a deployment away: the stack, and only if told so, the data."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from reflekt_chalice.deployment import stored_secrets
from reflekt_chalice.deployment.account import Account, answered, code_of
from reflekt_chalice.deployment.stack import Say, Stack
from reflekt_chalice.deployment.target import Target
from reflekt_core.stores.dynamodb.tables import TABLES

__all__ = ["Left", "delete_data", "left_behind"]

_TABLE: Final = "AWS::DynamoDB::Table"
_BUCKET: Final = "AWS::S3::Bucket"
_GONE: Final = frozenset({"404", "NoSuchBucket", "ResourceNotFoundException"})
_STACK_TAG: Final = "aws:cloudformation:stack-name"
_PER_REQUEST: Final = 1000
_MOST_POLLS: Final = 300


@attrs.frozen(kw_only=True)
class Left:
    """What is there although a stack is not, or would be: the data."""

    tables: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether there is anything."""
        return bool(self.tables or self.buckets or self.secrets)


def left_behind(account: Account, target: Target, stack: Stack) -> Left:
    """
    Return what deleting *stack* leaves; if it is deleted already, what it left.

    The bucket for code is among it only if no other stage is deployed.
    """
    prefix = stack.name
    named = {f"{prefix}-{table}" for table in TABLES} | set(stack.resources(_TABLE))
    found = set(stack.resources(_BUCKET)) | set(_tagged(account, {prefix}))
    others = (attrs.evolve(stack, name=name) for name in target.siblings)
    if all(other.status is None for other in others):
        artifacts = attrs.evolve(stack, name=target.artifacts_stack)
        found |= {*artifacts.resources(_BUCKET), *_tagged(account, {artifacts.name})}
    secrets = (target.jwt_parameter, target.cursor_parameter)
    return Left(
        tables=tuple(name for name in sorted(named) if _has_table(account, name)),
        buckets=tuple(sorted(found)),
        secrets=tuple(name for name in secrets if stored_secrets.exists(account, name)),
    )


def _has_table(account: Account, name: str) -> bool:
    with answered(f"looking at the table {name}"):
        try:
            account.client("dynamodb").describe_table(TableName=name)
        except Exception as error:
            if code_of(error) in _GONE:
                return False
            raise
    return True


def _tagged(account: Account, stacks: Iterable[str]) -> Iterator[str]:
    """Yield the buckets that CloudFormation made for *stacks*."""
    client = account.client("s3")
    with answered("looking at buckets"):
        # Such names begin with the stack's; the tag says whether it is so.
        prefixes = tuple(f"{name.lower()[:20]}" for name in stacks)
        names = [b["Name"] for b in client.list_buckets().get("Buckets", ())]
        for name in (name for name in names if name.startswith(prefixes)):
            try:
                tags = client.get_bucket_tagging(Bucket=name)["TagSet"]
            except Exception as error:
                if code_of(error) in _GONE | {"NoSuchTagSet", "AccessDenied"}:
                    continue
                raise
            if any(tag["Key"] == _STACK_TAG and tag["Value"] in stacks for tag in tags):
                yield name


def delete_data(
    account: Account,
    target: Target,
    left: Left,
    say: Say,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """
    Delete everything that is in *left*, for good.

    Raises:
        DeploymentError: Something could not be deleted; doing it again goes on there.
    """
    # The stack before its bucket: it must never name one that is gone.
    artifacts = Stack(account, target.artifacts_stack, say, pause)
    if artifacts.status is not None and set(artifacts.resources(_BUCKET)) <= set(left.buckets):
        artifacts.delete()
    for table in left.tables:
        say(f"deleting the table {table}")
        _delete_table(account, table, pause)
    for bucket in left.buckets:
        say(f"emptying and deleting the bucket {bucket}")
        _delete_bucket(account, bucket)
    for parameter in left.secrets:
        if stored_secrets.forget(account, parameter):
            say(f"deleted the secret {parameter}")


def _delete_table(account: Account, table: str, pause: Callable[[float], None]) -> None:
    client = account.client("dynamodb")
    with answered(f"deleting the table {table}"):
        try:
            if client.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
                client.update_table(TableName=table, DeletionProtectionEnabled=False)
                _wait_for_table(client, table, pause)
            client.delete_table(TableName=table)
        except Exception as error:
            if code_of(error) not in _GONE:
                raise


def _wait_for_table(client: Any, table: str, pause: Callable[[float], None]) -> None:
    for _ in range(_MOST_POLLS):
        if client.describe_table(TableName=table)["Table"]["TableStatus"] == "ACTIVE":
            return
        pause(1)


def _delete_bucket(account: Account, bucket: str) -> None:
    client = account.client("s3")
    with answered(f"deleting the bucket {bucket}"):
        try:
            for page in client.get_paginator("list_object_versions").paginate(
                Bucket=bucket, PaginationConfig={"PageSize": _PER_REQUEST}
            ):
                rows = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
                if rows:
                    doomed = [{"Key": r["Key"], "VersionId": r["VersionId"]} for r in rows]
                    client.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})
            client.delete_bucket(Bucket=bucket)
        except Exception as error:
            if code_of(error) not in _GONE:
                raise
