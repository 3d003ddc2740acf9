"""What the parts of a memory store share: users, the outbox, and one lock."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from reflekt_core.errors import AccountErased, VersionConflict
from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Change, Entry, Order
from reflekt_core.model.events import Delivery, Event
from reflekt_core.model.paging import Page, Position

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from reflekt_core.model.analytics import Contribution, DayAggregate
    from reflekt_core.model.insights import Insight

__all__ = ["Kept", "Memory", "User", "Waiting", "check_version", "page", "place"]

T = TypeVar("T")

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


@attrs.define
class Kept:
    """A record and when it may be forgotten."""

    value: Any
    expires_at: datetime | None


@attrs.define
class Waiting:
    """A delivery and when it is due."""

    delivery: Delivery
    due_at: datetime | None = None


class User:
    """All that is kept of one user."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.sequence = 0
        self.stored: dict[UUID, Change] = {}
        self.spellings: dict[str, str] = {}
        self.insights: dict[UUID, Insight] = {}
        self.contributions: dict[UUID, Contribution] = {}
        self.days: dict[date, DayAggregate] = {}
        self.records: dict[type, dict[str, Kept]] = defaultdict(dict)

    def entries(self) -> list[Entry]:
        """Return the entries, in and outside the trash."""
        return [c.entry for c in self.stored.values() if isinstance(c.entry, Entry)]


class Memory:
    """The whole store: users and the outbox, under one lock."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.outbox: dict[int, Waiting] = {}
        self.last_delivery = 0

    @contextmanager
    def reading(self, user_id: str) -> Iterator[User]:
        """Give access to a user's things, which must not be changed."""
        with self.lock:
            yield self.users.get(user_id) or User(Account(user_id))

    @contextmanager
    def writing(self, account: Account) -> Iterator[User]:
        """Give access to the things of the user whose *account* is up to date."""
        with self.lock:
            user = self.users.get(account.user_id) or User(Account(account.user_id))
            if user.account.epoch != account.epoch or user.account.erasing:
                raise AccountErased("the account was erased or is being erased")
            yield user
            self.users[account.user_id] = user

    def announce(self, event: Event) -> None:
        """Put *event* in the outbox."""
        self.post(Waiting(Delivery(0, event)))

    def post(self, waiting: Waiting) -> None:
        """Put a delivery in the outbox, under the next number."""
        self.last_delivery += 1
        waiting.delivery = attrs.evolve(waiting.delivery, id=self.last_delivery)
        self.outbox[self.last_delivery] = waiting


def check_version(stored: int | None, replaces: int | None) -> None:
    """Let pass a write that names the *stored* version."""
    if stored != replaces:
        raise VersionConflict("somebody else wrote first")


def place(entry: Entry) -> Position:
    """Return where *entry* stands in a list by time."""
    return ((entry.occurred_at - EPOCH) // timedelta(microseconds=1), str(entry.id))


def page(
    found: Iterable[T],
    place_of: Callable[[T], Position],
    order: Order,
    after: Position | None,
    limit: int,
) -> Page[T]:
    """Return the part of *found* that comes after a position, in order of *place_of*."""
    ordered = sorted(found, key=place_of, reverse=order is Order.DESC)
    if after is not None:
        if order is Order.DESC:
            ordered = [one for one in ordered if place_of(one) < after]
        else:
            ordered = [one for one in ordered if place_of(one) > after]
    items = tuple(ordered[:limit])
    return Page(items, place_of(items[-1]) if len(ordered) > limit else None)
