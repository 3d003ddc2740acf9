"""
The state of accounts, and their erasure in bounded steps.

Each table has a copy of the state in the user's head: the fence, which writes to that table check
in their own transaction. All copies change in one transaction, so any of them tells the state.
"""

from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.events import Event
from reflekt_core.ports import Accounts
from reflekt_core.stores.dynamodb.database import (
    Database,
    Write,
    changed,
    erased,
    fence_parts,
    guarded,
)
from reflekt_core.stores.dynamodb.heads import Heads
from reflekt_core.stores.dynamodb.outbox import told
from reflekt_core.stores.dynamodb.records import record_item
from reflekt_core.stores.dynamodb.tables import (
    HEAD,
    TABLES,
    Codec,
    Item,
    instant,
    microseconds,
    number,
    whole,
)
from reflekt_core.stores.dynamodb.transport import Cancelled

if TYPE_CHECKING:
    from reflekt_core.model.jobs import Job

__all__ = ["DynamoDBAccounts"]

_STEP: Final = 99
"""How many items one transaction deletes, beside the head that it checks."""

_ERASING: Final = "#epoch = :epoch AND attribute_exists(#erasing)"


@attrs.frozen
class DynamoDBAccounts(Accounts):
    """Accounts in the head of each table; read from that of *home*."""

    _database: Database
    _codec: Codec
    _heads: Heads
    _home: str = "entries"

    def get(self, user_id: str) -> Account:
        """See `Accounts`."""
        return account_of(user_id, self._head(user_id))

    def begin_erasure(self, account: Account, job: "Job", event: Event, at: datetime) -> Account:
        """See `Accounts`."""
        epoch = account.epoch + 1
        condition, values = fence_parts(account)
        change = changed(
            "SET #epoch = :next, #erasing = :true, #erased = :at",
            condition,
            {
                **values,
                ":next": number(epoch),
                ":true": {"BOOL": True},
                ":at": number(microseconds(at)),
            },
        )
        user_id = account.user_id
        writes = [self._database.update(table, user_id, HEAD, **change) for table in TABLES]
        item = record_item(self._codec, user_id, str(job.id), job) | told(event)
        try:
            self._database.transact([*writes, self._database.put("jobs", item, "job")])
        except Cancelled:
            raise erased() from None
        return Account(user_id, epoch, erased_at=at, erasing=True)

    def erase_some(self, account: Account, limit: int, keep: UUID) -> int:
        """See `Accounts`. One call deletes from one table, at most 99 items."""
        stays = {HEAD, f"job#{keep}"}
        for table in TABLES:
            wanted = min(limit, _STEP) + len(stays)
            keys = self._database.page_of_keys(table, account.user_id, wanted)
            doomed = [key for key in keys if key not in stays][: min(limit, _STEP)]
            if doomed:
                return self._erase(account, table, doomed)
        return 0

    def end_erasure(self, account: Account) -> None:
        """See `Accounts`."""
        # Its head tells of the search index, too, as `b`.
        change = changed("REMOVE #erasing, #b", _ERASING, {":epoch": number(account.epoch)})
        try:
            self._database.transact(
                [self._database.update(table, account.user_id, HEAD, **change) for table in TABLES]
            )
        except Cancelled:
            return

    def _erase(self, account: Account, table: str, keys: list[str]) -> int:
        """Delete these items, unless the erasure has ended; then nothing is left of it to do."""
        user_id = account.user_id
        writes = [self._emptied(table, account)]
        writes += [self._database.delete(table, user_id, key) for key in keys]
        try:
            self._database.transact(writes)
        except Cancelled:
            return 0
        return len(keys)

    def _emptied(self, table: str, account: Account) -> Write:
        """Return what lets deletions in *table* pass, and counts nothing any more."""
        values = {":epoch": number(account.epoch)}
        if table != "entries":
            return self._database.check(table, account.user_id, HEAD, **guarded(_ERASING, values))
        values[":none"] = number(0)
        change = changed("SET #entries = :none, #trashed = :none", _ERASING, values)
        return self._database.update(table, account.user_id, HEAD, **change)

    def _head(self, user_id: str) -> Item | None:
        head = self._database.get(self._home, user_id, HEAD)
        if self._home == "entries":
            self._heads.remember(user_id, head)
        return head


def account_of(user_id: str, head: Item | None) -> Account:
    """Return the state that a head tells."""
    if not head or "epoch" not in head:
        return Account(user_id)
    return Account(
        user_id,
        whole(head, "epoch"),
        erased_at=instant(whole(head, "erased")),
        erasing="erasing" in head,
    )
