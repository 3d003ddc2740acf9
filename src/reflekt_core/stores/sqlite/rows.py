"""What the tables have in common: sealed bodies, times as numbers, pages, and a user's head row."""

import sqlite3
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, TypeVar

import attrs

from reflekt_core.errors import AccountErased, VersionConflict
from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Moment
from reflekt_core.ports import Cipher
from reflekt_core.serialization import dump, load

__all__ = [
    "Codec",
    "conflict",
    "earliest",
    "erased",
    "instant",
    "latest",
    "microseconds",
    "number_of",
    "writer",
]

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# How far the instant of an entry may lie from its local date, at 0 h UTC: the zone may be 15 h
# away, the day may begin 23 h late, and has 24 h itself.
_MARGIN: Final = timedelta(days=3)


@attrs.frozen
class Codec:
    """Turns values into the sealed bodies of rows and back."""

    cipher: Cipher

    def pack(self, user_id: str, record: str, value: object) -> bytes:
        """Return the body of the row that *record* names."""
        return self.cipher.seal(user_id, record, dump(value))

    def unpack(self, user_id: str, record: str, body: bytes, cls: type[T]) -> T:
        """Return the value in a row's *body*."""
        return load(self.cipher.open(user_id, record, body), cls)


def microseconds(at: datetime) -> int:
    """Return the instant *at* as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def earliest(moment: Moment | None) -> int | None:
    """Return when an entry may begin that is at *moment* or later, if that is given."""
    if moment is None:
        return None
    return microseconds(moment if isinstance(moment, datetime) else _midnight(moment) - _MARGIN)


def latest(moment: Moment | None) -> int | None:
    """Return when an entry may begin that is at *moment* or earlier, if that is given."""
    if moment is None:
        return None
    return microseconds(moment if isinstance(moment, datetime) else _midnight(moment) + _MARGIN)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def instant(at: int) -> datetime:
    """Return the time in UTC that `microseconds` turned into *at*."""
    return _EPOCH + at * _MICROSECOND


def number_of(connection: sqlite3.Connection, user_id: str) -> int | None:
    """Return the number of a user; None for one who never stored anything."""
    row = connection.execute("SELECT number FROM head WHERE user_id = ?", (user_id,)).fetchone()
    return row and int(row[0])


def writer(connection: sqlite3.Connection, account: Account) -> int:
    """
    Return the number of the user who writes, given one at the first write.

    Raises:
        AccountErased: *account* is not up to date, or is being erased.
    """
    row = connection.execute(
        "SELECT number, epoch, erasing FROM head WHERE user_id = ?", (account.user_id,)
    ).fetchone()
    number, epoch, erasing = row or (None, 0, 0)
    if epoch != account.epoch or erasing:
        raise erased()
    if number is not None:
        return int(number)
    made = connection.execute("INSERT INTO head (user_id) VALUES (?)", (account.user_id,))
    return int(made.lastrowid or 0)


def erased() -> AccountErased:
    """Return the error for a write that rests on an account from before its erasure."""
    return AccountErased("the account was erased, or is being erased; nothing was written")


def conflict() -> VersionConflict:
    """Return the error for a write that does not rest on the latest version."""
    return VersionConflict("somebody else wrote first; read it again and repeat the change")
