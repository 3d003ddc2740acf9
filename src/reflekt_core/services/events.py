"""Telling consumers what happened: at least once, in no promised order, and never stuck on one."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from uuid import UUID

import attrs

from reflekt_core.errors import (
    AccountErased,
    AssistantError,
    BeingAsked,
    ReflektError,
    StoreError,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.model.events import Delivery, Event, Retry
from reflekt_core.ports import Clock, Store

__all__ = ["MAX_ATTEMPTS", "Consumer", "Publisher", "purge"]

Consumer = Callable[[Event], object]
"""
Follows from an event; what it returns is not heeded. May be told the same event several times, and an older one after a newer.

Raises:
    Exception: It will be told again, up to `MAX_ATTEMPTS` times in all.
"""

MAX_ATTEMPTS = 5
LONGEST_WAIT_SECONDS = 3600.0
BATCH = 100


@attrs.frozen
class Publisher:
    """
    Takes events out of the outbox and tells every consumer.

    Those named in `slow`, who may wait for others, are told when the rest know of the whole batch.
    """

    store: Store
    consumers: Mapping[str, Consumer]
    clock: Clock
    slow: AbstractSet[str] = frozenset()

    def drain(self, stopping: Callable[[], bool] = lambda: False) -> int:
        """
        Tell of everything that is due, and return how many deliveries were settled.

        Once *stopping* says so, what is left stays in the outbox.

        A consumer that fails is told again after 2, 4, 8 and 16 seconds; if an AI provider failed,
        after 5 and 30 seconds, 3 and 18 minutes, or later if it says so (up to an hour). Then the
        event is set aside for it, and the others go on.

        Raises:
            Unavailable: The store is busy or away; what is left stays in the outbox.
        """
        settled = 0
        while batch := self.store.outbox.pending(self.clock(), limit=BATCH):
            waiting = []
            for delivery in batch:
                if stopping():
                    return settled
                quick, slow = self._names(delivery)
                retries = self._tell_all(quick, delivery)
                if slow:
                    waiting.append((delivery, retries, slow))
                else:
                    self.store.outbox.settle(delivery, retries)
                    settled += 1
            for delivery, retries, slow in waiting:
                if stopping():
                    return settled  # the quick ones are told again later, which changes nothing
                self.store.outbox.settle(delivery, retries + self._tell_all(slow, delivery))
                settled += 1
        return settled

    def _names(self, delivery: Delivery) -> tuple[list[str], list[str]]:
        """Return who is to be told of it: the quick consumers, and the slow ones."""
        names = [delivery.consumer] if delivery.consumer else list(self.consumers)
        slow = [name for name in names if name in self.slow]
        return [name for name in names if name not in self.slow], slow

    def _tell_all(self, names: list[str], delivery: Delivery) -> list[Retry]:
        return [retry for name in names if (retry := self._tell(name, delivery))]

    def _tell(self, name: str, delivery: Delivery) -> Retry | None:
        consumer = self.consumers.get(name)
        if consumer is None:
            return None  # it was told to a consumer that this version no longer has
        try:
            consumer(delivery.event)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - a consumer must never stop the others
            attempts = delivery.attempts + 1
            due_at = self.clock() + timedelta(seconds=_wait_seconds(error, attempts))
            return Retry(name, attempts, due_at if attempts < MAX_ATTEMPTS else None, _code(error))
        return None


def _wait_seconds(error: Exception, attempts: int) -> float:
    if not isinstance(error, AssistantError):
        return 2.0**attempts
    asked = error.retry_after_seconds or 0.0
    if isinstance(error, BeingAsked):
        return max(1.0, asked)
    # A vendor may be away for longer than a store.
    return min(max(5.0 * 6.0 ** (attempts - 1), asked), LONGEST_WAIT_SECONDS)


def _code(error: Exception) -> str:
    # Never the message: it may hold what an entry says.
    return error.code if isinstance(error, ReflektError) else type(error).__name__


def purge(
    store: Store, clock: Clock, trash_days: int, stopping: Callable[[], bool] = lambda: False
) -> int:
    """
    Delete for good what lay in the trash for *trash_days*, and what expired; return how many.

    Once *stopping* says so, the rest is left for the next time.
    """
    now = clock()
    old = now - timedelta(days=trash_days)
    purged = 0
    while batch := store.entries.trashed_before(old, limit=BATCH):
        gone = 0
        for user_id, entry_id in batch:
            if stopping():
                return purged + gone
            try:
                gone += _purge_entry(store, user_id, entry_id, old, now)
            except (VersionConflict, AccountErased):
                continue  # it was taken out of the trash just now, or goes with its account
            except StoreError:
                continue  # it is damaged; the others go all the same
        purged += gone
        if not gone:
            break
    while not stopping() and (expired := store.purge_expired(now, limit=BATCH)):
        purged += expired
    return purged


def _purge_entry(store: Store, user_id: str, entry_id: UUID, old: datetime, now: datetime) -> bool:
    account = store.accounts.get(user_id)
    entry = store.entries.get(user_id, entry_id)
    if not isinstance(entry, Entry) or entry.trashed_at is None or entry.trashed_at >= old:
        return False
    store.entries.put(account, Tombstone(entry_id, entry.version + 1, now), replaces=entry.version)
    return True
