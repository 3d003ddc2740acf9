"""Items read and written: the few ways in which the store's parts use DynamoDB."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from reflekt_core.errors import AccountErased, TooLarge, Unavailable, VersionConflict
from reflekt_core.model.accounts import Account
from reflekt_core.stores.dynamodb.tables import (
    HEAD,
    MAX_ITEM_BYTES,
    Item,
    Value,
    number,
    size,
    string,
    too_large,
    whole,
)
from reflekt_core.stores.dynamodb.transport import Caller, Cancelled

__all__ = [
    "MAX_WRITES",
    "Database",
    "Write",
    "changed",
    "checked",
    "conflict",
    "erased",
    "fence_parts",
    "guarded",
    "refused",
]

MAX_WRITES: Final = 100
"""How many items one transaction may hold."""

_MAX_TRANSACTION_BYTES: Final = 4 * 1024 * 1024
_MAX_GETS: Final = 100
_ROUNDS: Final = 200

Write = dict[str, dict[str, Any]]
"""One part of a transaction, as DynamoDB has it; `Database` adds the table's prefix."""


@attrs.frozen
class Database:
    """The tables of one prefix."""

    caller: Caller
    prefix: str
    token: Callable[[], str]
    """Makes the names by which DynamoDB tells a request sent twice from two requests."""

    def name(self, table: str) -> str:
        """Return the whole name of *table*."""
        return f"{self.prefix}-{table}"

    def get(self, table: str, user_id: str, key: str) -> Item | None:
        """Return the item as the last write left it."""
        request = {
            "TableName": self.name(table),
            "Key": {"u": string(user_id), "k": string(key)},
            "ConsistentRead": True,
        }
        return self.caller.call("GetItem", request).get("Item")

    def get_many(
        self, table: str, user_id: str, keys: Iterable[str], *, consistent: bool = True
    ) -> dict[str, Item]:
        """Return the items that exist, by key, each as its last write left it if *consistent*."""
        found: dict[str, Item] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), _MAX_GETS):
            asked = {
                "Keys": [
                    {"u": string(user_id), "k": string(key)}
                    for key in wanted[start : start + _MAX_GETS]
                ],
                "ConsistentRead": consistent,
            }
            self._get_batch(self.name(table), asked, found)
        return found

    def _get_batch(self, name: str, keys: dict[str, Any], found: dict[str, Item]) -> None:
        asked: Any = {name: keys}
        end = self.caller.clock() + self.caller.deadline_seconds
        attempt = 0
        while asked:
            request = {"RequestItems": asked}
            response = self.caller.call("BatchGetItem", request)
            for item in response.get("Responses", {}).get(name, ()):
                found[item["k"]["S"]] = item
            asked = response.get("UnprocessedKeys") or None
            if asked:
                attempt += 1
                self.caller.pause(attempt, end, "BatchGetItem", request)

    def query(  # noqa: PLR0913 - what a Query is made of; most have defaults
        self,
        table: str,
        condition: str,
        values: Mapping[str, Value],
        *,
        index: str | None = None,
        backward: bool = False,
        consistent: bool = True,
        limit: int | None = None,
        only_keys: bool = False,
    ) -> Iterator[Item]:
        """
        Yield the items of one partition, in order, across the pages that DynamoDB cuts.

        Args:
            table: Without the prefix.
            condition: Such as ``#u = :u AND #k >= :k``.
            values: What stands for the names with a colon.
            index: To read instead of the table.
            backward: From the last to the first.
            consistent: As the last write left it; impossible in the index `due`.
            limit: Items to ask for at a time, if not as many as fit into 1 MB.
            only_keys: Ask for no more than the keys.
        """
        request: dict[str, Any] = {
            "TableName": self.name(table),
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": _names(condition),
            "ExpressionAttributeValues": dict(values),
            "ScanIndexForward": not backward,
            "ConsistentRead": consistent,
        }
        if index:
            request["IndexName"] = index
        if limit:
            request["Limit"] = limit
        if only_keys:
            request["ProjectionExpression"] = "#u, #k"
            request["ExpressionAttributeNames"] = _names(f"{condition} #u #k")
        while True:
            response = self.caller.call("Query", request)
            yield from response.get("Items", ())
            last = response.get("LastEvaluatedKey")
            if not last:
                return
            request["ExclusiveStartKey"] = last

    def page_of_keys(self, table: str, user_id: str, limit: int) -> list[str]:
        """Return the first keys of the user's items, up to *limit* and those of 1 MB of items."""
        request = {
            "TableName": self.name(table),
            "KeyConditionExpression": "#u = :u",
            "ExpressionAttributeNames": {"#u": "u", "#k": "k"},
            "ExpressionAttributeValues": {":u": string(user_id)},
            "ProjectionExpression": "#k",
            "ConsistentRead": True,
            "Limit": limit,
        }
        return [item["k"]["S"] for item in self.caller.call("Query", request).get("Items", ())]

    def put(self, table: str, item: Item, what: str, **condition: Any) -> Write:
        """
        Return the write of *item*; *what* it is goes into the error if it is too large.

        Raises:
            TooLarge: It does not fit.
        """
        if size(item) > MAX_ITEM_BYTES:
            raise too_large(what)
        return {"Put": {"TableName": self.name(table), "Item": item, **condition}}

    def delete(self, table: str, user_id: str, key: str, **condition: Any) -> Write:
        """Return the deletion of an item."""
        return {"Delete": {**self._key(table, user_id, key), **condition}}

    def update(self, table: str, user_id: str, key: str, **expressions: Any) -> Write:
        """Return the update of an item."""
        return {"Update": {**self._key(table, user_id, key), **expressions}}

    def check(self, table: str, user_id: str, key: str, **condition: Any) -> Write:
        """Return the check of an item."""
        return {"ConditionCheck": {**self._key(table, user_id, key), **condition}}

    def fenced(self, table: str, account: Account) -> Write:
        """Return the check that lets the writes beside it pass only while *account* is up to date."""
        return self.check(table, account.user_id, HEAD, **guarded(*fence_parts(account)))

    def transact(self, writes: Sequence[Write]) -> None:
        """
        Do all *writes*, or nothing. Sent again, should the answer get lost, it is done once.

        Raises:
            Cancelled: A condition was not met; `failed` is in the order of *writes*.
            TooLarge: They are more than a transaction may hold.
        """
        if len(writes) > MAX_WRITES or sum(map(_bytes, writes)) > _MAX_TRANSACTION_BYTES:
            raise TooLarge("this is more than DynamoDB writes in one step; do it in parts")
        request = {"TransactItems": list(writes), "ClientRequestToken": self.token()}
        self.caller.call("TransactWriteItems", request)

    def repeated(self, attempt: Callable[[], bool], table: str) -> None:
        """
        Call *attempt* until it says that it is done, with pauses in between.

        Raises:
            Unavailable: Others were always faster.
        """
        end = self.caller.clock() + self.caller.deadline_seconds
        for round_ in range(_ROUNDS):
            if attempt():
                return
            self.caller.pause(min(round_ + 1, 4), end, "a write", {"TableName": self.name(table)})
        raise Unavailable(f"too many others write to the same journal ({self.name(table)})")

    def _key(self, table: str, user_id: str, key: str) -> dict[str, Any]:
        return {
            "TableName": self.name(table),
            "Key": {"u": string(user_id), "k": string(key)},
        }


def guarded(condition: str, values: Mapping[str, Value] | None = None) -> dict[str, Any]:
    """Return the parameters for a condition; it names attributes with ``#`` before them."""
    made: dict[str, Any] = {
        "ConditionExpression": condition,
        "ExpressionAttributeNames": _names(condition),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if values:
        made["ExpressionAttributeValues"] = dict(values)
    return made


def changed(change: str, condition: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the parameters for an update under a condition."""
    made = guarded(condition, values)
    return made | {
        "UpdateExpression": change,
        "ExpressionAttributeNames": _names(f"{change} {condition}"),
    }


def _names(expression: str) -> dict[str, str]:
    # With the sign before them, names may be any of DynamoDB's 573 reserved words.
    return {f"#{name}": name for name in re.findall(r"#(\w+)", expression)}


def fence_parts(account: Account) -> tuple[str, dict[str, Value]]:
    """Return the condition that a head fulfils while *account* is up to date, and its values."""
    if account.epoch:
        return (
            "#epoch = :epoch AND attribute_not_exists(#erasing)",
            {":epoch": number(account.epoch)},
        )
    return "attribute_not_exists(#epoch)", {}


def checked(account: Account, head: Item | None) -> None:
    """
    Let pass only while *account* is up to date.

    Raises:
        AccountErased: It is not, or is being erased.
    """
    if whole(head, "epoch") != account.epoch or "erasing" in (head or {}):
        raise erased()


def refused(account: Account, cancelled: Cancelled, head: int = 0) -> None:
    """
    Raise the error for a cancelled transaction with the user's head at place *head*.

    Returns if it was only the head's number that has moved on.

    Raises:
        AccountErased: The fence did not let it pass.
        VersionConflict: Another condition failed.
    """
    failed, item = cancelled.failed[head]
    if failed:
        checked(account, item)
    if any(other for place, (other, _) in enumerate(cancelled.failed) if place != head):
        raise conflict()


def erased() -> AccountErased:
    """Return the error for a write that rests on an account from before its erasure."""
    return AccountErased("the account was erased, or is being erased; nothing was written")


def conflict() -> VersionConflict:
    """Return the error for a write that does not rest on the latest version."""
    return VersionConflict("somebody else wrote first; read it again and repeat the change")


def _bytes(write: Write) -> int:
    (part,) = write.values()
    return size(part.get("Item", {}))
