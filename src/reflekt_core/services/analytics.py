"""Trends of a journal, and keeping the aggregates that they are computed from."""

from contextlib import suppress
from datetime import date, timedelta
from itertools import islice
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.analytics import (
    DayAggregate,
    Run,
    entry_facts,
    insight_facts,
)
from reflekt_core.model.entries import Entry, EntryFilter, Order, local_date
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

ENTRIES_A_DAY = 10
"""How many entries of a day are looked at to name those that an observation rests on."""


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
        days, before = self._days(user_id, asked), self._days_before(user_id, asked)
        current, longest = self._current_run(user_id, today), self._longest_run(user_id)
        seen = self._grounded(user_id, observe(days, before, current, longest))
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
        runs = streaks(self._current_run(user_id, today), self._longest_run(user_id))
        return frequency(asked, self._days(user_id, asked), runs)

    def topics(
        self, from_: date | None = None, to: date | None = None, bucket: Bucket = Bucket.DAY
    ) -> TopicTrends:
        """Return the topics alone, beside those of the period before; *bucket* has no effect."""
        user_id, asked, _ = self._begin(from_, to, bucket)
        days, before = self._days(user_id, asked), self._days_before(user_id, asked)
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

    def _days_before(self, user_id: str, asked: Span) -> tuple[DayAggregate, ...]:
        return self.context.store.aggregates.days(user_id, *asked.before)

    def _current_run(self, user_id: str, today: date) -> Run | None:
        aggregates = self.context.store.aggregates
        yesterday = today - timedelta(days=1)
        return aggregates.run_at(user_id, today) or aggregates.run_at(user_id, yesterday)

    def _longest_run(self, user_id: str) -> Run | None:
        return self.context.store.aggregates.longest_run(user_id)

    def _grounded(
        self, user_id: str, observations: tuple[Observation, ...]
    ) -> tuple[Observation, ...]:
        """Return *observations* with the ids of the entries that they rest on."""
        entries = {
            day: self._entries_of(user_id, day)
            for day in sorted({day for one in observations for day in one.days})
        }
        return tuple(
            attrs.evolve(
                one,
                entry_ids=tuple(
                    id for day in one.days for id in self._named(user_id, one, entries[day])
                ),
            )
            for one in observations
        )

    def _entries_of(self, user_id: str, day: date) -> tuple[Entry, ...]:
        wanted = EntryFilter(from_=day, to=day)
        page = self.context.store.entries.list(
            user_id, wanted, order=Order.ASC, limit=ENTRIES_A_DAY
        )
        return page.items

    def _named(
        self, user_id: str, observation: Observation, entries: tuple[Entry, ...]
    ) -> tuple[UUID, ...]:
        fitting = (entry.id for entry in entries if self._bears(user_id, observation, entry))
        return tuple(islice(fitting, MOST_A_DAY))

    def _bears(self, user_id: str, observation: Observation, entry: Entry) -> bool:
        facts = entry_facts(entry)
        if facts is None:
            return False
        about_topics = observation.kind is ObservationKind.TOPIC_CHANGE
        insight = self.context.store.insights.get(user_id, entry.id) if about_topics else None
        return rests_on(observation, facts, insight_facts(insight))


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
    version = event.version if entry is None else entry.version
    with suppress(AccountErased):
        store.aggregates.apply(account, entry_id, version, entry_facts(entry))


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
