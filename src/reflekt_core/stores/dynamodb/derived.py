"""
What follows from entries: insights, sums by day, and runs of days in a row.

The user's head in this table carries a number that every write here raises. A write rests on the
number it saw before it read anything, and is repeated if that has moved on: so what it read is what
it replaces.
"""

from collections.abc import Callable, Collection
from datetime import date, timedelta
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.analytics import (
    Contribution,
    DayAggregate,
    EntryFacts,
    Run,
    counted,
    insight_facts,
    plus,
)
from reflekt_core.model.insights import Insight
from reflekt_core.model.paging import Page, Position, filled
from reflekt_core.ports import Aggregates, Insights
from reflekt_core.stores.dynamodb.database import (
    Database,
    Write,
    changed,
    checked,
    fence_parts,
    refused,
)
from reflekt_core.stores.dynamodb.heads import Heads
from reflekt_core.stores.dynamodb.tables import (
    HEAD,
    Codec,
    Item,
    binary,
    day_key,
    number,
    string,
)
from reflekt_core.stores.dynamodb.transport import Cancelled

__all__ = ["DynamoDBAggregates", "DynamoDBInsights", "Sums"]

T = TypeVar("T")

TABLE: Final = "analytics"
_CLEARED: Final = 15
"""Contributions that one call forgets: with days and runs they must fit into a transaction."""
_LEFTOVERS: Final = 50
_DAY: Final = timedelta(days=1)


class Sums:
    """
    What one write reads and changes of a user's sums, all in memory until it is committed.

    Items that were not read yet are read when they are asked for.
    """

    def __init__(self, database: Database, codec: Codec, user_id: str) -> None:
        self._database = database
        self._codec = codec
        self._user_id = user_id
        self._seen: dict[str, Item | None] = {}
        self._changed: dict[str, None] = {}
        self._runs: set[tuple[date, date]] = set()
        self._runs_seen: set[date] = set()

    def fetch(self, *keys: str) -> None:
        """Read the items *keys* in one go."""
        found = self._database.get_many(TABLE, self._user_id, keys)
        self._seen |= {key: found.get(key) for key in keys}

    def insight(self, entry_id: UUID) -> Insight | None:
        """Return the stored insight."""
        return self._value(f"i#{entry_id}", f"insight/{entry_id}", Insight)

    def keep_insight(self, insight: Insight) -> None:
        """Store the insight."""
        id = insight.entry_id
        self._keep(f"i#{id}", f"insight/{id}", insight)

    def drop_insight(self, entry_id: UUID) -> None:
        """Delete the insight."""
        self._set(f"i#{entry_id}", None)

    def contribution(self, entry_id: UUID) -> Contribution:
        """Return what is counted for the entry; with its insight, if nothing was counted yet."""
        name = f"contribution/{entry_id}"
        return self._value(f"c#{entry_id}", name, Contribution) or Contribution(
            entry_id, insight=insight_facts(self.insight(entry_id))
        )

    def count(self, before: Contribution, after: Contribution) -> None:
        """Count the entry as *after* says, instead of as *before* says."""
        id = after.entry_id
        at = {"t": string(after.entry.local_date.isoformat())} if after.entry else {}
        self._keep(f"c#{id}", f"contribution/{id}", after, at)
        self._move(before, after)

    def forget(self, entry_id: UUID) -> None:
        """Count the entry no more, and forget that it ever was."""
        self._move(self.contribution(entry_id), Contribution(entry_id))
        self._set(f"c#{entry_id}", None)

    def drop(self, key: str) -> None:
        """Delete the item *key*."""
        self._set(key, None)

    def writes(self) -> list[Write]:
        """Return the writes that bring about all changes."""
        made: list[Write] = []
        for key in self._changed:
            item = self._seen[key]
            if item is None:
                made.append(self._database.delete(TABLE, self._user_id, key))
            else:
                made.append(self._database.put(TABLE, item, "insight"))
        return made

    def _move(self, before: Contribution, after: Contribution) -> None:
        old, new = counted(before), counted(after)
        if old == new:
            return
        days: dict[date, tuple[DayAggregate, bool]] = {}
        for part, sign in ((old, -1), (new, 1)):
            if part:
                day, existed = days.get(part.date) or self._day(part.date)
                days[part.date] = plus(day, part, sign), existed
        for day, existed in days.values():
            self._keep_day(day, existed=existed)

    def _day(self, day: date) -> tuple[DayAggregate, bool]:
        """Return the sums of a day, and whether it has any."""
        stored = self._value(day_key(day), f"day/{day}", DayAggregate)
        return stored or DayAggregate(day), stored is not None

    def _keep_day(self, day: DayAggregate, *, existed: bool) -> None:
        key = day_key(day.date)
        if day.entries:
            self._keep(key, f"day/{day.date}", day)
            if not existed:
                self._join(day.date)
        elif existed:
            self._set(key, None)
            self._split(day.date)

    def _join(self, day: date) -> None:
        """Put *day* in a run, together with those that end before it and begin after it."""
        first = last = day
        for run in self._runs_near(day):
            if run[1] == day - _DAY:
                first = run[0]
            elif run[0] == day + _DAY:
                last = run[1]
            else:
                continue
            self._drop_run(run)
        self._keep_run(first, last)

    def _split(self, day: date) -> None:
        """Take *day* out of its run."""
        for first, last in self._runs_near(day):
            if first <= day <= last:
                self._drop_run((first, last))
                self._keep_run(first, day - _DAY)
                self._keep_run(day + _DAY, last)

    def _runs_near(self, day: date) -> list[tuple[date, date]]:
        """Return the runs that may touch *day*, and others that were read before."""
        if day not in self._runs_seen:
            self._runs_seen.add(day)
            for item in runs_until(self._database, self._user_id, day + _DAY, 2):
                key = item["k"]["S"]
                if key not in self._seen:
                    self._seen[key] = item
                    self._runs.add(_run_of(item))
        return sorted(self._runs)

    def _keep_run(self, first: date, last: date) -> None:
        if first <= last:
            self._runs.add((first, last))
            key = f"r#{first.isoformat()}"
            length = f"{(last - first).days + 1:07}#{last.isoformat()}"
            self._set(key, {"u": string(self._user_id), "k": string(key), "l": string(length)})

    def _drop_run(self, run: tuple[date, date]) -> None:
        self._runs.discard(run)
        self._set(f"r#{run[0].isoformat()}", None)

    def _value(self, key: str, name: str, cls: type[T]) -> T | None:
        if key not in self._seen:
            self._seen[key] = self._database.get(TABLE, self._user_id, key)
        item = self._seen[key]
        return self._codec.unpack(self._user_id, name, item["b"]["B"], cls) if item else None

    def _keep(self, key: str, name: str, value: object, more: Item | None = None) -> None:
        body = self._codec.pack(self._user_id, name, value)
        item = {"u": string(self._user_id), "k": string(key), "b": binary(body)}
        self._set(key, item | (more or {}))

    def _set(self, key: str, item: Item | None) -> None:
        self._seen[key] = item
        self._changed[key] = None


@attrs.frozen
class _Derived:
    """How insights and sums are written: whole, and on top of what was read."""

    database: Database
    codec: Codec
    heads: Heads

    def change(self, account: Account, do: Callable[[Sums], None]) -> None:
        """
        Let *do* read and change the user's sums, and store what it changed.

        Raises:
            AccountErased: *account* is not up to date, or is being erased.
        """
        self.database.repeated(lambda: self._attempt(account, do), TABLE)

    def _attempt(self, account: Account, do: Callable[[Sums], None]) -> bool:
        user_id = account.user_id
        seen = self.heads.get(user_id)
        if seen is None:
            head = self.database.get(TABLE, user_id, HEAD)
            checked(account, head)
            seen = self.heads.remember(user_id, head)
        sums = Sums(self.database, self.codec, user_id)
        do(sums)
        writes = sums.writes()
        try:
            self.database.transact([self._head(account, seen, changes=bool(writes)), *writes])
        except Cancelled as cancelled:
            refused(account, cancelled)
            _, item = cancelled.failed[0]
            self.heads.remember(user_id, item)
            return False
        if writes:
            self.heads.set(user_id, seen + 1)
        return True

    def _head(self, account: Account, seen: int, *, changes: bool) -> Write:
        condition, values = fence_parts(account)
        if not changes:  # only to see whether the account may be written to
            return self.database.fenced(TABLE, account)
        if seen:
            condition, values = f"{condition} AND #n = :seen", values | {":seen": number(seen)}
        else:
            condition = f"{condition} AND attribute_not_exists(#n)"
        change = changed("SET #n = :next", condition, values | {":next": number(seen + 1)})
        return self.database.update(TABLE, account.user_id, HEAD, **change)


@attrs.frozen
class DynamoDBInsights(Insights):
    """Insights in the table `analytics`."""

    _database: Database
    _codec: Codec
    _heads: Heads

    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """See `Insights`."""
        return Sums(self._database, self._codec, user_id).insight(entry_id)

    def put(self, account: Account, insight: Insight) -> None:
        """See `Insights`."""
        id = insight.entry_id

        def keep(sums: Sums) -> None:
            sums.fetch(f"i#{id}", f"c#{id}")
            stored, before = sums.insight(id), sums.contribution(id)
            if stored is None or stored.content_version <= insight.content_version:
                sums.keep_insight(insight)
                sums.count(before, attrs.evolve(before, insight=insight_facts(insight)))

        self._derived.change(account, keep)

    def delete(self, account: Account, entry_id: UUID) -> None:
        """See `Insights`."""

        def drop(sums: Sums) -> None:
            sums.fetch(f"i#{entry_id}", f"c#{entry_id}")
            before = sums.contribution(entry_id)
            if sums.insight(entry_id) is not None:
                sums.drop_insight(entry_id)
                sums.count(before, attrs.evolve(before, insight=None))

        self._derived.change(account, drop)

    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """See `Insights`."""
        start = f"i#{after[0]}\0" if after else "i#"
        items = self._database.query(
            TABLE,
            "#u = :u AND #k BETWEEN :first AND :last",
            {":u": string(user_id), ":first": string(start), ":last": string("i$")},
            limit=limit + 1,
        )
        found = ((item["k"]["S"][2:], item["b"]["B"]) for item in items)
        return filled(
            (
                ((id,), len(body), self._codec.unpack(user_id, f"insight/{id}", body, Insight))
                for id, body in found
            ),
            limit,
        )

    @property
    def _derived(self) -> _Derived:
        return _Derived(self._database, self._codec, self._heads)


@attrs.frozen
class DynamoDBAggregates(Aggregates):
    """Contributions, days and runs in the table `analytics`; read eventually consistently."""

    _database: Database
    _codec: Codec
    _heads: Heads

    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """See `Aggregates`."""

        def count(sums: Sums) -> None:
            keys = [f"c#{entry_id}", f"i#{entry_id}"]
            sums.fetch(*keys, *([day_key(facts.local_date)] if facts else []))
            before = sums.contribution(entry_id)
            if before.version < version:
                sums.count(before, attrs.evolve(before, version=version, entry=facts))

        self._derived.change(account, count)

    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """See `Aggregates`."""
        if last < first:
            return ()
        items = self._database.query(
            TABLE,
            "#u = :u AND #k BETWEEN :first AND :last",
            {
                ":u": string(user_id),
                ":first": string(day_key(first)),
                ":last": string(day_key(last)),
            },
            consistent=False,
        )
        return tuple(
            self._codec.unpack(user_id, f"day/{item['k']['S'][2:]}", item["b"]["B"], DayAggregate)
            for item in items
        )

    def period(
        self, user_id: str, first: date, last: date, today: date
    ) -> tuple[tuple[DayAggregate, ...], Run | None, Run | None]:
        """See `Aggregates`."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for trends alone

        with ThreadPoolExecutor(2) as others:
            current = others.submit(self._current_run, user_id, today)
            longest = others.submit(self.longest_run, user_id)
            days = self.days(user_id, first, last)
            return days, current.result(), longest.result()

    def _current_run(self, user_id: str, today: date) -> Run | None:
        for item in runs_until(self._database, user_id, today, 1, consistent=False):
            first, last = _run_of(item)
            return Run(first, last) if today - _DAY <= last else None
        return None

    def contributions(self, user_id: str, days: Collection[date]) -> tuple[Contribution, ...]:
        """See `Aggregates`. Reads all from the first of *days* to the last, in one request."""
        items = self._database.query(
            TABLE,
            "#u = :u AND #t BETWEEN :first AND :last",
            {
                ":u": string(user_id),
                ":first": string(min(days).isoformat()),
                ":last": string(max(days).isoformat()),
            },
            index="date",
            consistent=False,
        )
        wanted = {day.isoformat() for day in days}
        return tuple(
            self._codec.unpack(
                user_id, f"contribution/{item['k']['S'][2:]}", item["b"]["B"], Contribution
            )
            for item in items
            if item["t"]["S"] in wanted
        )

    def run_at(self, user_id: str, day: date) -> Run | None:
        """See `Aggregates`."""
        for item in runs_until(self._database, user_id, day, 1, consistent=False):
            first, last = _run_of(item)
            return Run(first, last) if day <= last else None
        return None

    def longest_run(self, user_id: str) -> Run | None:
        """See `Aggregates`."""
        items = self._database.query(
            TABLE,
            "#u = :u",
            {":u": string(user_id)},
            index="length",
            backward=True,
            consistent=False,
            limit=1,
        )
        found = next(items, None)
        return Run(*_run_of(found)) if found else None

    def clear_some(self, account: Account, limit: int) -> int:
        """See `Aggregates`."""
        cleared = 0

        def clear(sums: Sums) -> None:
            nonlocal cleared
            keys = self._some("c#", min(limit, _CLEARED), account.user_id)
            sums.fetch(*keys)
            for key in keys:
                sums.forget(UUID(key[2:]))
            if not keys:
                # Without contributions there are no sums; what is left all the same was wrong.
                keys = [
                    key
                    for kind in ("y#", "r#")
                    for key in self._some(kind, min(limit, _LEFTOVERS) // 2 + 1, account.user_id)
                ]
                for key in keys:
                    sums.drop(key)
            cleared = len(keys)

        self._derived.change(account, clear)
        return cleared

    def _some(self, kind: str, limit: int, user_id: str) -> list[str]:
        if not limit:
            return []
        found = self._database.query(
            TABLE,
            "#u = :u AND begins_with(#k, :k)",
            {":u": string(user_id), ":k": string(kind)},
            limit=limit,
            only_keys=True,
        )
        return [item["k"]["S"] for item in islice(found, limit)]

    @property
    def _derived(self) -> _Derived:
        return _Derived(self._database, self._codec, self._heads)


def runs_until(
    database: Database, user_id: str, day: date, limit: int, *, consistent: bool = True
) -> list[Item]:
    """Return the last *limit* runs that begin on *day* or before, the latest first."""
    found = database.query(
        TABLE,
        "#u = :u AND #k BETWEEN :first AND :last",
        {
            ":u": string(user_id),
            ":first": string("r#"),
            ":last": string(f"r#{day.isoformat()}"),
        },
        backward=True,
        consistent=consistent,
        limit=limit,
    )
    return list(islice(found, limit))


def _run_of(item: Item) -> tuple[date, date]:
    last = item["l"]["S"].partition("#")[2]
    return date.fromisoformat(item["k"]["S"][2:]), date.fromisoformat(last)
