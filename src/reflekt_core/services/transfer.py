"""Taking everything out, erasing everything, and what an administrator may know."""

from collections.abc import Callable
from datetime import UTC, timedelta
from json import dumps
from typing import Any

import attrs

from reflekt_core.errors import InvalidInput
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import EntryFilter, Order
from reflekt_core.model.jobs import Job, JobKind
from reflekt_core.model.paging import Page, PageSize, Position, through
from reflekt_core.model.prompts import DailyPrompt
from reflekt_core.model.settings import Settings
from reflekt_core.model.transfer import Erasure, ExportKind, ExportRecord
from reflekt_core.model.usage import AIUsage, DayUsage, UsageQuery, UserUsage
from reflekt_core.serialization import whole
from reflekt_core.services.context import Context
from reflekt_core.services.jobs import job_event, new_job

__all__ = ["AccountService", "AdminService"]

MOST_BYTES = 4_000_000
"""How much a page of an export may hold, as JSON in UTF-8, unless it is a single record."""

Source = Callable[[Position | None, int], Page[Any]]


@attrs.frozen
class AccountService:
    """The account of one user."""

    context: Context

    def export(self, *, after: Position | None = None, limit: int = 20) -> Page[ExportRecord]:
        """
        Return a page of everything the user has, to the last field.

        Settings come first, then categories, entries by time, entries in the trash, insights and
        daily prompts.
        """
        account = self.context.authorise(Permission.ACCOUNT_READ)
        wanted = PageSize(limit).limit
        sources = self._sources(account)
        number, *inner = after or (0,)
        index = int(number or 0)
        records: list[ExportRecord] = []
        position = tuple(inner) or None
        while index < len(sources):
            kind, source = sources[index]
            if kind is ExportKind.INSIGHT and not position:
                self.context.settle()
            page = source(position, wanted - len(records))
            found = [ExportRecord(kind, whole(value)) for value in page]
            if records and _weight(records) + _weight(found) > MOST_BYTES:
                break  # they come first on the next page
            records += found
            index, position = (index, page.next) if page.next else (index + 1, None)
            if len(records) >= wanted:
                break
        ended = index >= len(sources)
        return Page(tuple(records), None if ended else (index, *(position or ())))

    def _sources(self, account: Account) -> tuple[tuple[ExportKind, Source], ...]:
        store, user_id = self.context.store, account.user_id

        def records(kind: type[Any]) -> Source:
            return lambda after, limit: store.records(kind).list(user_id, after=after, limit=limit)

        def entries(*, trashed: bool) -> Source:
            return lambda after, limit: store.entries.list(
                user_id, EntryFilter(trashed=trashed), order=Order.ASC, after=after, limit=limit
            )

        return (
            (ExportKind.SETTINGS, records(Settings)),
            (ExportKind.CATEGORY, records(Category)),
            (ExportKind.ENTRY, entries(trashed=False)),
            (ExportKind.ENTRY, entries(trashed=True)),
            (
                ExportKind.INSIGHT,
                lambda after, limit: store.insights.list(user_id, after=after, limit=limit),
            ),
            (ExportKind.DAILY_PROMPT, records(DailyPrompt)),
        )

    def delete(self, confirm: str) -> Job:
        """
        Erase the account, and return the job that clears what remains.

        From now on nobody can read or write anything of it, and tokens issued until now are
        refused. *confirm* is the user's own id.

        Raises:
            InvalidInput: *confirm* is something else.
        """
        account = self.context.authorise(Permission.ACCOUNT_WRITE)
        if Erasure(confirm).confirm != account.user_id:
            raise InvalidInput.field("confirm", "must be your own user id")
        job = new_job(self.context, JobKind.ERASE_ACCOUNT, {})
        self.context.store.accounts.begin_erasure(
            account, job, job_event(account, job), self.context.clock()
        )
        self.context.wake()
        self.context.settle()
        return self.context.store.records(Job).get(account.user_id, str(job.id)) or job


def _weight(records: list[ExportRecord]) -> int:
    return sum(len(dumps(record.value, ensure_ascii=False).encode()) for record in records)


@attrs.frozen
class AdminService:
    """What an administrator may know of users: counts and cost, never content."""

    context: Context

    def usage(self, user_id: str) -> UserUsage:
        """
        Return what a user keeps, and what AI calls of the last 30 days (UTC) cost.

        A user who never wrote anything has zeros.
        """
        self.context.authorise(Permission.ADMIN_READ)
        user_id = UsageQuery(user_id).user_id
        to = self.context.clock().astimezone(UTC).date()
        from_ = to - timedelta(days=29)
        before = (from_ - timedelta(days=1)).isoformat()
        store = self.context.store
        days = store.records(DayUsage).list(user_id, after=(before,), limit=100).items
        counts = store.entries.counts(user_id)
        return UserUsage(
            user_id,
            counts.entries,
            counts.trashed,
            self._count_categories(user_id),
            AIUsage(
                from_,
                to,
                sum(day.calls for day in days),
                sum(day.input_tokens for day in days),
                sum(day.output_tokens for day in days),
                sum((day.cost_usd for day in days), start=AIUsage(from_, to).cost_usd),
            ),
        )

    def _count_categories(self, user_id: str) -> int:
        records = self.context.store.records(Category)
        return sum(1 for _ in through(lambda after: records.list(user_id, after=after, limit=100)))
