"""What is derived from entries, kept in memory: search, insights, sums by day."""

from collections.abc import Collection
from datetime import date
from typing import Any
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
    runs,
)
from reflekt_core.model.entries import EntryFilter, Order
from reflekt_core.model.insights import Insight
from reflekt_core.model.paging import Page, Position
from reflekt_core.model.search import Match, Query
from reflekt_core.ports import Aggregates, Insights, Search
from reflekt_core.stores.memory.shared import Memory, User, page, place

__all__ = ["MemoryAggregates", "MemoryInsights", "MemorySearch"]


class MemorySearch(Search):
    """Looks at every entry and asks `reflekt_core.model.search` about it."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """See `Search`."""
        with self._memory.reading(user_id) as user:
            entries = user.entries()
        found = [
            Match(entry, query.score(entry))
            for entry in sorted(entries, key=place, reverse=True)
            if entry.trashed_at is None and wanted.accepts(entry) and query.matches(entry)
        ]
        found.sort(key=lambda match: match.score, reverse=True)
        end = offset + limit
        return Page(tuple(found[offset:end]), (end,) if len(found) > end else None)

    def update(self, account: Account, entry_id: UUID) -> None:
        """Do nothing: there is no index."""

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> None:  # noqa: ARG002 - there is no index
        """See `Search`."""
        with self._memory.writing(account):
            return


class MemoryInsights(Insights):
    """Insights, each counted with its entry when it comes or goes."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def get(self, user_id: str, entry_id: UUID) -> Insight | None:
        """See `Insights`."""
        with self._memory.reading(user_id) as user:
            return user.insights.get(entry_id)

    def put(self, account: Account, insight: Insight) -> None:
        """See `Insights`."""
        with self._memory.writing(account) as user:
            before = user.insights.get(insight.entry_id)
            if before is None or before.content_version <= insight.content_version:
                user.insights[insight.entry_id] = insight
                _recount(user, insight.entry_id)

    def delete(self, account: Account, entry_id: UUID) -> None:
        """See `Insights`."""
        with self._memory.writing(account) as user:
            if user.insights.pop(entry_id, None) is not None:
                _recount(user, entry_id)

    def list(
        self, user_id: str, *, after: Position | None = None, limit: int = 20
    ) -> Page[Insight]:
        """See `Insights`."""
        with self._memory.reading(user_id) as user:
            found = list(user.insights.values())
        return page(found, lambda one: (str(one.entry_id),), Order.ASC, after, limit)


class MemoryAggregates(Aggregates):
    """Sums by day; runs are worked out when asked for."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def apply(
        self, account: Account, entry_id: UUID, version: int, facts: EntryFacts | None
    ) -> None:
        """See `Aggregates`."""
        with self._memory.writing(account) as user:
            before = user.contributions.get(entry_id)
            if before is None or before.version < version:
                _recount(user, entry_id, Contribution(entry_id, version, facts))

    def days(self, user_id: str, first: date, last: date) -> tuple[DayAggregate, ...]:
        """See `Aggregates`."""
        with self._memory.reading(user_id) as user:
            return tuple(user.days[day] for day in sorted(user.days) if first <= day <= last)

    def run_at(self, user_id: str, day: date) -> Run | None:
        """See `Aggregates`."""
        return next((run for run in self._runs(user_id) if run.first <= day <= run.last), None)

    def longest_run(self, user_id: str) -> Run | None:
        """See `Aggregates`."""
        return max(self._runs(user_id), key=lambda run: (run.days, run.last), default=None)

    def _runs(self, user_id: str) -> tuple[Run, ...]:
        with self._memory.reading(user_id) as user:
            return runs(user.days)

    def contributions(self, user_id: str, days: Collection[date]) -> tuple[Contribution, ...]:
        """See `Aggregates`."""
        with self._memory.reading(user_id) as user:
            found = list(user.contributions.values())
        return tuple(one for one in found if one.entry and one.entry.local_date in days)

    def clear_some(self, account: Account, limit: int) -> int:
        """See `Aggregates`."""
        with self._memory.writing(account) as user:
            doomed: list[tuple[dict[Any, Any], Any]] = [(user.days, day) for day in user.days]
            doomed += [(user.contributions, id) for id in user.contributions]
            for things, key in doomed[:limit]:
                del things[key]
        return len(doomed[:limit])


def _recount(user: User, entry_id: UUID, contribution: Contribution | None = None) -> None:
    """Count the entry anew: as *contribution*, or as before, with the insight as it is now."""
    before = user.contributions.get(entry_id)
    after = contribution or before
    if after is None:
        return
    after = attrs.evolve(after, insight=insight_facts(user.insights.get(entry_id)))
    for one, sign in ((before, -1), (after, 1)):
        change = one and counted(one)
        if change:
            day = user.days.get(change.date, DayAggregate(change.date))
            user.days[change.date] = plus(day, change, sign)
            if not user.days[change.date].entries:
                del user.days[change.date]
    user.contributions[entry_id] = after
