"""What follows from entries: insights, sums by day, and runs of days in a row."""

import sqlite3
from collections.abc import Collection
from contextlib import closing
from datetime import date
from typing import Final
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
from reflekt_core.stores.sqlite.database import Database
from reflekt_core.stores.sqlite.rows import Codec, earliest, latest, number_of, writer

__all__ = ["SQLiteAggregates", "SQLiteInsights"]

_INSIGHT: Final = """
    SELECT body FROM insight
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND id = ?
"""
_INSIGHTS: Final = """
    SELECT id, body FROM insight
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND id > ? ORDER BY id
"""
_KEEP_INSIGHT: Final = """
    INSERT INTO insight (user, id, content_version, body) VALUES (?, ?, ?, ?)
    ON CONFLICT (user, id)
    DO UPDATE SET content_version = excluded.content_version, body = excluded.body
    WHERE excluded.content_version >= content_version
"""
_DAYS: Final = """
    SELECT day, body FROM day
    WHERE user = (SELECT number FROM head WHERE user_id = ?) AND day BETWEEN ? AND ? ORDER BY day
"""
_CONTRIBUTION: Final = "SELECT body FROM contribution WHERE user = ? AND id = ?"
_OF_DAY: Final = """
    SELECT c.id, c.body FROM entry e JOIN contribution c ON c.user = e.user AND c.id = e.id
    WHERE e.user = (SELECT number FROM head WHERE user_id = ?)
    AND substr(e.local_date, 6) = ? AND e.local_date = ? AND e.occurred BETWEEN ? AND ?
    AND e.occurred IS NOT NULL AND e.trashed IS NULL
"""
_KEEP_CONTRIBUTION: Final = "INSERT OR REPLACE INTO contribution (user, id, body) VALUES (?, ?, ?)"
_DAY: Final = "SELECT body FROM day WHERE user = ? AND day = ?"
_KEEP_DAY: Final = "INSERT OR REPLACE INTO day (user, day, body) VALUES (?, ?, ?)"
_RUN_AT: Final = """
    SELECT first, last FROM run WHERE user = ? AND first <= ? ORDER BY first DESC LIMIT 1
"""
_LONGEST_RUN: Final = """
    SELECT first, last FROM run WHERE user = (SELECT number FROM head WHERE user_id = ?)
    ORDER BY last - first DESC, last DESC LIMIT 1
"""
_DROP_DAYS: Final = """
    DELETE FROM day WHERE user = ? AND day IN (SELECT day FROM day WHERE user = ? LIMIT ?)
"""
_DROP_RUNS: Final = """
    DELETE FROM run WHERE user = ? AND first IN (SELECT first FROM run WHERE user = ? LIMIT ?)
"""


@attrs.frozen
class _Sums:
    """The sums of one user within one transaction."""

    connection: sqlite3.Connection
    codec: Codec
    user_id: str
    number: int

    def contribution(self, entry_id: UUID) -> Contribution:
        """Return what is counted for the entry; with its insight, if nothing was counted yet."""
        values = (self.number, entry_id.bytes)
        row = self.connection.execute(_CONTRIBUTION, values).fetchone()
        if row:
            name = f"contribution/{entry_id}"
            return self.codec.unpack(self.user_id, name, row[0], Contribution)
        row = self.connection.execute(_INSIGHT, (self.user_id, entry_id.bytes)).fetchone()
        insight = row and self.codec.unpack(self.user_id, f"insight/{entry_id}", row[0], Insight)
        return Contribution(entry_id, insight=insight_facts(insight))

    def count(self, before: Contribution, after: Contribution) -> None:
        """Count the entry as *after* says, instead of as *before* says."""
        name = f"contribution/{after.entry_id}"
        body = self.codec.pack(self.user_id, name, after)
        self.connection.execute(_KEEP_CONTRIBUTION, (self.number, after.entry_id.bytes, body))
        self._move(before, after)

    def forget(self, contribution: Contribution) -> None:
        """Count the entry no more, and forget that it ever was."""
        self._move(contribution, Contribution(contribution.entry_id))
        self.connection.execute(
            "DELETE FROM contribution WHERE user = ? AND id = ?",
            (self.number, contribution.entry_id.bytes),
        )

    def _move(self, before: Contribution, after: Contribution) -> None:
        old, new = counted(before), counted(after)
        if old == new:
            return
        days: dict[date, DayAggregate] = {}
        for part, sign in ((old, -1), (new, 1)):
            if part:
                day = days.get(part.date) or self._day(part.date)
                days[part.date] = plus(day, part, sign)
        for day in days.values():
            self._keep(day)

    def _day(self, day: date) -> DayAggregate:
        row = self.connection.execute(_DAY, (self.number, day.toordinal())).fetchone()
        if not row:
            return DayAggregate(day)
        return self.codec.unpack(self.user_id, f"day/{day}", row[0], DayAggregate)

    def _keep(self, day: DayAggregate) -> None:
        ordinal = day.date.toordinal()
        if day.entries:
            body = self.codec.pack(self.user_id, f"day/{day.date}", day)
            self.connection.execute(_KEEP_DAY, (self.number, ordinal, body))
            self._join(ordinal)
        else:
            where = (self.number, ordinal)
            self.connection.execute("DELETE FROM day WHERE user = ? AND day = ?", where)
            self._split(ordinal)

    def _join(self, day: int) -> None:
        """Put *day* in a run, together with those that end before it and begin after it."""
        at = _run_at(self.connection, self.number, day)
        if at:
            return
        left = _run_at(self.connection, self.number, day - 1)
        right = _run_at(self.connection, self.number, day + 1)
        for run in filter(None, (left, right)):
            self._drop_run(run)
        self._keep_run(left[0] if left else day, right[1] if right else day)

    def _split(self, day: int) -> None:
        """Take *day* out of its run."""
        run = _run_at(self.connection, self.number, day)
        if run:
            self._drop_run(run)
            self._keep_run(run[0], day - 1)
            self._keep_run(day + 1, run[1])

    def _keep_run(self, first: int, last: int) -> None:
        if first <= last:
            values = (self.number, first, last)
            self.connection.execute("INSERT INTO run (user, first, last) VALUES (?, ?, ?)", values)

    def _drop_run(self, run: tuple[int, int]) -> None:
        values = (self.number, run[0])
        self.connection.execute("DELETE FROM run WHERE user = ? AND first = ?", values)


@attrs.frozen
class SQLiteInsights(Insights):
    """Insights in the table `insight`."""

    _database: Database
    _codec: Codec

    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """See `Insights`."""
        with self._database.reading() as connection:
            row = connection.execute(_INSIGHT, (user_id, entry_id.bytes)).fetchone()
        return row and self._codec.unpack(user_id, f"insight/{entry_id}", row[0], Insight)

    def put(self, account: Account, insight: Insight) -> None:
        """See `Insights`."""
        id = insight.entry_id
        body = self._codec.pack(account.user_id, f"insight/{id}", insight)
        with self._database.writing() as connection:
            number = writer(connection, account)
            sums = _Sums(connection, self._codec, account.user_id, number)
            before = sums.contribution(id)
            values = (number, id.bytes, insight.content_version, body)
            if connection.execute(_KEEP_INSIGHT, values).rowcount:
                sums.count(before, attrs.evolve(before, insight=insight_facts(insight)))

    def delete(self, account: Account, entry_id: UUID) -> None:
        """See `Insights`."""
        with self._database.writing() as connection:
            number = writer(connection, account)
            sums = _Sums(connection, self._codec, account.user_id, number)
            before = sums.contribution(entry_id)
            values = (number, entry_id.bytes)
            if connection.execute("DELETE FROM insight WHERE user = ? AND id = ?", values).rowcount:
                sums.count(before, attrs.evolve(before, insight=None))

    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """See `Insights`."""
        start = UUID(str(after[0])).bytes if after else b""
        with (
            self._database.reading() as connection,
            closing(connection.execute(_INSIGHTS, (user_id, start))) as rows,
        ):
            found = ((UUID(bytes=id), body) for id, body in rows)
            return filled(
                (
                    (
                        (str(id),),
                        len(body),
                        self._codec.unpack(user_id, f"insight/{id}", body, Insight),
                    )
                    for id, body in found
                ),
                limit,
            )


@attrs.frozen
class SQLiteAggregates(Aggregates):
    """
    Sums in the tables `contribution`, `day` and `run`.

    Every step moves one contribution and the days and runs it touches, in one transaction, so that
    they fit together at any time; also while they are being forgotten and built anew.
    """

    _database: Database
    _codec: Codec

    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """See `Aggregates`."""
        with self._database.writing() as connection:
            number = writer(connection, account)
            sums = _Sums(connection, self._codec, account.user_id, number)
            before = sums.contribution(entry_id)
            if before.version < version:
                sums.count(before, attrs.evolve(before, version=version, entry=facts))

    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """See `Aggregates`."""
        with self._database.reading() as connection:
            values = (user_id, first.toordinal(), last.toordinal())
            rows = connection.execute(_DAYS, values).fetchall()
        return tuple(
            self._codec.unpack(user_id, f"day/{date.fromordinal(day)}", body, DayAggregate)
            for day, body in rows
        )

    def run_at(self, user_id: str, day: date) -> Run | None:
        """See `Aggregates`."""
        with self._database.snapshot() as connection:
            number = number_of(connection, user_id)
            return _run(_run_at(connection, number or 0, day.toordinal()))

    def longest_run(self, user_id: str) -> Run | None:
        """See `Aggregates`."""
        with self._database.reading() as connection:
            return _run(connection.execute(_LONGEST_RUN, (user_id,)).fetchone())

    def contributions(self, user_id: str, days: Collection[date]) -> tuple[Contribution, ...]:
        """See `Aggregates`. Found by the entries' own days."""
        with self._database.reading() as connection:
            rows = [
                row
                for day in sorted(days)
                for row in connection.execute(
                    _OF_DAY,
                    (user_id, f"{day:%m-%d}", day.isoformat(), earliest(day), latest(day)),
                )
            ]
        found = (
            self._codec.unpack(user_id, f"contribution/{UUID(bytes=id)}", body, Contribution)
            for id, body in rows
        )
        return tuple(one for one in found if one.entry and one.entry.local_date in days)

    def clear_some(self, account: Account, limit: int) -> int:
        """See `Aggregates`."""
        with self._database.writing() as connection:
            number = writer(connection, account)
            sums = _Sums(connection, self._codec, account.user_id, number)
            rows = connection.execute(
                "SELECT id FROM contribution WHERE user = ? LIMIT ?", (number, limit)
            ).fetchall()
            for (id,) in rows:
                sums.forget(sums.contribution(UUID(bytes=id)))
            if rows:
                return len(rows)
            # Without contributions there are no sums; what is left all the same was wrong.
            left = connection.execute(_DROP_DAYS, (number, number, limit)).rowcount
            return left + connection.execute(_DROP_RUNS, (number, number, limit)).rowcount


def _run_at(connection: sqlite3.Connection, number: int, day: int) -> tuple[int, int] | None:
    row = connection.execute(_RUN_AT, (number, day)).fetchone()
    return row if row and row[1] >= day else None


def _run(found: tuple[int, int] | None) -> Run | None:
    return Run(date.fromordinal(found[0]), date.fromordinal(found[1])) if found else None
