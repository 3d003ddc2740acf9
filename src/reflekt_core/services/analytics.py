"""Trends of a journal, and keeping the aggregates that they are computed from."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from itertools import islice
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.analytics import Contribution, DayAggregate, entry_facts
from reflekt_core.model.entries import local_date
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.observations import (
    MOST_A_DAY,
    Observation,
    ObservationKind,
    observe,
    rests_on,
)
from reflekt_core.model.paging import Position
from reflekt_core.model.trends import (
    Bucket,
    Frequency,
    MoodTrend,
    SentimentTrend,
    Span,
    TopicTrends,
    Trends,
    TrendsQuery,
    frequency,
    mood_trend,
    sentiment_trend,
    span,
    streaks,
    topic_trends,
    trends,
)
from reflekt_core.ports import Store
from reflekt_core.services.context import Context

__all__ = ["Analytics", "count_entry", "observed", "rebuild_some"]


@attrs.frozen
class Analytics:
    """
    What the journal of one user adds up to.

    Every method takes the first and the last day, both included (the last 30 days up to today, if
    left out), and what series are cut into. It raises `InvalidInput` if the period ends before it
    begins or is longer than 3,660 days. The cost grows with the days asked for alone.
    """

    context: Context

    def trends(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> Trends:
        """Return everything at once, with observations."""
        user_id, asked, today = self._begin(from_, to, bucket)
        first, last = asked.before[0], asked.last
        both, current, longest = self.context.store.aggregates.period(user_id, first, last, today)
        before, days = _parted(both, asked)
        seen = self._grounded(user_id, asked, observe(days, before, current, longest))
        return trends(asked, days, before, streaks(current, longest), seen)

    def mood(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> MoodTrend:
        """Return the moods alone."""
        user_id, asked, _ = self._begin(from_, to, bucket)
        return mood_trend(asked, self._days(user_id, asked))

    def frequency(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> Frequency:
        """Return how often and when entries were written, alone."""
        user_id, asked, today = self._begin(from_, to, bucket)
        aggregates = self.context.store.aggregates
        days, current, longest = aggregates.period(user_id, asked.first, asked.last, today)
        return frequency(asked, days, streaks(current, longest))

    def topics(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> TopicTrends:
        """Return the topics alone, beside those of the period before; *bucket* has no effect."""
        user_id, asked, _ = self._begin(from_, to, bucket)
        both = self.context.store.aggregates.days(user_id, asked.before[0], asked.last)
        before, days = _parted(both, asked)
        return topic_trends(asked, days, before)

    def sentiment(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> SentimentTrend:
        """Return the sentiment alone."""
        user_id, asked, _ = self._begin(from_, to, bucket)
        return sentiment_trend(asked, self._days(user_id, asked))

    def _begin(self, from_: date | None, to: date | None, bucket: Bucket) -> tuple[str, Span, date]:
        account = self.context.authorise(Permission.ANALYTICS_READ)
        query = TrendsQuery(from_, to, bucket)
        preferences = self.context.settings().preferences
        today = local_date(self.context.clock(), preferences.time_zone, preferences.day_start_hour)
        asked = span(query, today, preferences.week_start)
        self.context.settle()
        return account.user_id, asked, today

    def _days(self, user_id: str, asked: Span) -> tuple[DayAggregate, ...]:
        return self.context.store.aggregates.days(user_id, asked.first, asked.last)

    def _grounded(
        self, user_id: str, asked: Span, observations: tuple[Observation, ...]
    ) -> tuple[Observation, ...]:
        """
        Return *observations* with the ids of the entries that they rest on.

        Of a run, those of the period asked for: it may have begun long ago.
        """
        named = {
            day
            for one in observations
            for day in one.days
            if day >= asked.first or one.kind is not ObservationKind.LONGEST_STREAK
        }
        if not named:
            return observations
        found = self.context.store.aggregates.contributions(user_id, named)
        of_day: dict[date, list[Contribution]] = {day: [] for day in named}
        for contribution in sorted(found, key=_when):
            if contribution.entry:
                of_day[contribution.entry.local_date].append(contribution)
        return tuple(
            attrs.evolve(
                one,
                entry_ids=tuple(
                    contribution.entry_id
                    for day in one.days
                    if day in of_day
                    for contribution in islice(_bearing(one, of_day[day]), MOST_A_DAY)
                ),
            )
            for one in observations
        )


def _parted(
    both: tuple[DayAggregate, ...], asked: Span
) -> tuple[tuple[DayAggregate, ...], tuple[DayAggregate, ...]]:
    """Return the days before the period and those in it."""
    before = sum(day.date < asked.first for day in both)
    return both[:before], both[before:]


def _bearing(
    observation: Observation, contributions: Iterable[Contribution]
) -> Iterator[Contribution]:
    return (
        one for one in contributions if one.entry and rests_on(observation, one.entry, one.insight)
    )


def _when(contribution: Contribution) -> tuple[int, int, UUID]:
    """Return what sorts the contributions of a day by time, to the hour. A day may end after midnight."""
    entry = contribution.entry
    late = (entry.weekday - entry.local_date.weekday()) % 7 if entry else 0
    return late, entry.hour if entry else 0, contribution.entry_id


def observed(context: Context, account: Account, first: date, last: date) -> tuple[str, ...]:
    """Return what the figures of the days from *first* to *last* bear out, as sentences."""
    context.settle()
    aggregates = context.store.aggregates
    length = last - first + timedelta(days=1)
    days = aggregates.days(account.user_id, first, last)
    before = aggregates.days(account.user_id, first - length, first - timedelta(days=1))
    return tuple(one.text for one in observe(days, before, None, None))


def count_entry(store: Store, event: Event) -> None:
    """
    Follow from *event*: count the entry as it is now, or no longer.

    Doing it again, or late, changes nothing. An account that was erased meanwhile is left alone.
    """
    if event.kind is EventKind.JOB_REQUESTED:
        return
    # The account first: whoever erases it in between refuses what was read after it.
    account = store.accounts.get(event.user_id)
    entry_id = UUID(event.subject_id)
    entry = store.entries.get(event.user_id, entry_id)
    if entry is None:
        return  # deleted for good, it would be a tombstone: the account was erased
    with suppress(AccountErased):
        store.aggregates.apply(account, entry_id, entry.version, entry_facts(entry))


def rebuild_some(
    store: Store, account: Account, after: Position | None, limit: int
) -> Position | None:
    """
    Count up to *limit* entries anew; return where to go on, or None at the end.

    It follows the sequence of changes: an entry that is written meanwhile comes again, and what is
    in the trash or gone is remembered as not counted, so that no late event brings it back.
    """
    since = int(after[0] or 0) if after else 0
    page = store.entries.changes(account.user_id, since=since, limit=limit)
    for change in page:
        entry = change.entry
        store.aggregates.apply(account, entry.id, entry.version, entry_facts(entry))
    return page.next
