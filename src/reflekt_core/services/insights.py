"""Understanding entries, continuing drafts, summing up periods."""

from collections.abc import Callable
from datetime import UTC, date, timedelta
from typing import Any, overload
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased, AssistantError, InvalidInput
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.assistance import Answer
from reflekt_core.model.entries import Entry, EntryFilter, Order
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.insights import (
    AnalyseEntry,
    Draft,
    Failure,
    Insight,
    InsightFailure,
    InsightState,
    InsightStatus,
    InsightView,
    Passage,
    Period,
    Provenance,
    Suggestions,
    SuggestionsView,
    SuggestWays,
    Summarise,
    Summary,
    SummaryView,
)
from reflekt_core.model.paging import through
from reflekt_core.model.prompts import Prompt, WritePrompts
from reflekt_core.model.safety import screen
from reflekt_core.model.settings import Settings
from reflekt_core.model.usage import DayUsage
from reflekt_core.ports import Assistant, Clock, Store
from reflekt_core.services.context import SETTINGS_KEY, Context, insist
from reflekt_core.services.entries import live_entry
from reflekt_core.services.receipts import once

__all__ = [
    "SuggestionService",
    "SummaryService",
    "analyse",
    "ask",
    "read_insight",
    "understand",
]

MOST_PASSAGES = 200
"""How many entries a summary may rest on; more are left out from the middle of time, evenly."""

LONGEST_PERIOD = timedelta(days=366)

SWITCHED_OFF = "switched_off"
"""Why there is no insight of what was written while analysis was off: none is on its way."""

View = InsightView | InsightFailure | InsightState


def read_insight(context: Context, id: UUID) -> View:
    """Return what was understood of the entry, or why there is nothing; see `Entries.insights`."""
    account = context.authorise(Permission.INSIGHTS_READ)
    live_entry(context, account, id)
    context.settle()
    return _view(context, account, id)


def analyse(context: Context, id: UUID, idempotency_key: str | None) -> View:
    """Understand the entry now, and return the insight; see `Entries.analyse`."""
    account = context.authorise(Permission.INSIGHTS_WRITE)
    entry = live_entry(context, account, id)

    def run() -> InsightState:
        _understand(
            context.store, context.clock, context.assistant(), account, entry, context.settings()
        )
        return InsightState(InsightStatus.READY)

    try:
        # Only that it was done is remembered; what is shown is the insight as it is now.
        once(context, account, "entries.analyse", idempotency_key, id, run, InsightState)
    except AssistantError as error:
        return InsightFailure(error.code)
    return _view(context, account, id)


def understand(
    store: Store, clock: Clock, assistant: Callable[[], Assistant], event: Event
) -> None:
    """
    Follow from *event*: understand the entry's present text, or forget it with the entry.

    Does nothing if this was done before, or if the user has switched analysis off.

    Raises:
        AssistantError: There was no usable answer, and a later try may get one.
    """
    if event.kind is EventKind.JOB_REQUESTED:
        return
    account = store.accounts.get(event.user_id)
    entry_id = UUID(event.subject_id)
    entry = store.entries.get(event.user_id, entry_id)
    try:
        if not isinstance(entry, Entry):
            _forget(store, account, entry_id)
            return
        settings = store.records(Settings).get(event.user_id, SETTINGS_KEY) or Settings()
        insight = store.insights.get(event.user_id, entry_id)
        known = insight is not None and insight.content_version == entry.content_version
        if known or entry.trashed_at is not None:
            return
        if not settings.ai.enabled:
            _note_failure(store, clock, account, entry, SWITCHED_OFF)
            return
        _understand(store, clock, assistant(), account, entry, settings)
    except AccountErased:
        return
    except AssistantError as error:
        if error.retryable:
            raise


def _understand(  # noqa: PLR0913, PLR0917 - the ports it needs, and the entry
    store: Store,
    clock: Clock,
    assistant: Assistant,
    account: Account,
    entry: Entry,
    settings: Settings,
) -> None:
    failures = store.records(Failure)
    preferences = settings.preferences
    task = AnalyseEntry(entry.title, entry.content, preferences.language, preferences.tone)
    try:
        answer = assistant.answer(task)
    except AssistantError as error:
        _note_failure(store, clock, account, entry, error.code)
        raise
    except Exception:  # noqa: BLE001 - whatever a provider does wrong, the entry's state is told
        _note_failure(store, clock, account, entry, AssistantError.code)
        # Without its cause: a provider's own words may quote the entry.
        raise AssistantError("the AI provider failed", provider="", retryable=True) from None
    _note_usage(store, clock, account, answer)
    insight = Insight(
        entry.id,
        entry.version,
        entry.content_version,
        answer.result,
        _provenance(answer, clock),
    )
    store.insights.put(account, insight)
    failures.delete(account, str(entry.id))
    if not isinstance(store.entries.get(account.user_id, entry.id), Entry):
        # It was deleted for good meanwhile, and whoever followed from that found no insight yet.
        _forget(store, account, entry.id)


def _forget(store: Store, account: Account, entry_id: UUID) -> None:
    store.insights.delete(account, entry_id)
    store.records(Failure).delete(account, str(entry_id))


def _note_failure(store: Store, clock: Clock, account: Account, entry: Entry, code: str) -> None:
    failures = store.records(Failure)

    def note() -> None:
        before = failures.get(account.user_id, str(entry.id))
        version = before.version + 1 if before else 1
        failure = Failure(entry.content_version, code, clock(), version)
        replaces = before.version if before else None
        failures.put(account, str(entry.id), failure, replaces=replaces)

    insist(note, None)


def _view(context: Context, account: Account, id: UUID) -> View:
    entry = live_entry(context, account, id)
    insight = context.store.insights.get(account.user_id, id)
    if insight is not None:
        return _shown(insight, entry)
    failure = context.store.records(Failure).get(account.user_id, str(id))
    if failure is not None and failure.content_version == entry.content_version:
        if failure.code == SWITCHED_OFF:
            return InsightState(InsightStatus.OFF)
        return InsightFailure(failure.code)
    enabled = context.settings().ai.enabled
    return InsightState(InsightStatus.PENDING if enabled else InsightStatus.OFF)


def _shown(insight: Insight, entry: Entry) -> InsightView:
    analysis = insight.analysis
    return InsightView(
        entry_id=insight.entry_id,
        entry_version=insight.entry_version,
        stale=insight.content_version != entry.content_version,
        sentiment=analysis.sentiment,
        emotions=analysis.emotions,
        topics=analysis.topics,
        summary=analysis.summary,
        questions=analysis.questions,
        observations=analysis.observations,
        safety=screen(f"{entry.title}\n{entry.content}"),
        provenance=insight.provenance,
    )


@attrs.frozen
class SuggestionService:
    """Ways to continue a draft."""

    context: Context

    def create(self, content: str, *, idempotency_key: str | None = None) -> SuggestionsView:
        """
        Return ways to continue the draft *content*, which is not kept.

        Raises:
            InvalidInput: The draft is empty or too long.
            AssistantError: There is no usable answer.
        """
        account = self.context.authorise(Permission.INSIGHTS_WRITE)
        draft = Draft(content)

        def suggest() -> SuggestionsView:
            preferences = self.context.settings().preferences
            task = SuggestWays(draft.content, preferences.language, preferences.tone)
            answer = ask(self.context, account, task)
            return SuggestionsView(answer.result.items, _provenance(answer, self.context.clock))

        return once(
            self.context,
            account,
            "suggestions.create",
            idempotency_key,
            draft,
            suggest,
            SuggestionsView,
        )


@attrs.frozen
class SummaryService:
    """Summaries of periods."""

    context: Context

    def create(self, from_: date, to: date, *, idempotency_key: str | None = None) -> SummaryView:
        """
        Return a summary of the entries whose local date lies from *from_* to *to*.

        Raises:
            InvalidInput: The period is not one, or longer than a year.
            AssistantError: There is no usable answer.
        """
        account = self.context.authorise(Permission.INSIGHTS_WRITE)
        period = Period(from_, to)
        if period.to - period.from_ > LONGEST_PERIOD:
            raise InvalidInput.field("to", f"must be at most {LONGEST_PERIOD.days} days later")

        def sum_up() -> SummaryView:
            task = Summarise(
                self._passages(account, period), self.context.settings().preferences.language
            )
            answer = ask(self.context, account, task)
            return SummaryView(
                period.from_,
                period.to,
                answer.result.text,
                answer.result.entry_ids,
                _provenance(answer, self.context.clock),
            )

        return once(
            self.context,
            account,
            "summaries.create",
            idempotency_key,
            period,
            sum_up,
            SummaryView,
        )

    def _passages(self, account: Account, period: Period) -> tuple[Passage, ...]:
        wanted = EntryFilter(period.from_, period.to)
        entries = list(
            through(
                lambda after: self.context.store.entries.list(
                    account.user_id, wanted, order=Order.ASC, after=after, limit=100
                )
            )
        )
        step = max(1, -(-len(entries) // MOST_PASSAGES))
        return tuple(Passage(e.id, e.local_date, e.title, e.content) for e in entries[::step])


@overload
def ask(context: Context, account: Account, task: SuggestWays) -> Answer[Suggestions]: ...
@overload
def ask(context: Context, account: Account, task: Summarise) -> Answer[Summary]: ...
@overload
def ask(context: Context, account: Account, task: WritePrompts) -> Answer[tuple[Prompt, ...]]: ...
def ask(context: Context, account: Account, task: Any) -> Answer[Any]:
    """Return the assistant's answer to *task*, and note what it cost."""
    answer: Answer[Any] = context.assistant().answer(task)
    _note_usage(context.store, context.clock, account, answer)
    return answer


def _provenance(answer: Answer[Any], clock: Clock) -> Provenance:
    return Provenance(
        answer.provider,
        answer.model,
        answer.prompt_version,
        clock(),
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.usage.cost_usd,
    )


def _note_usage(store: Store, clock: Clock, account: Account, answer: Answer[Any]) -> None:
    usage = answer.usage
    if not (usage.input_tokens or usage.output_tokens or usage.cost_usd):
        return  # what runs on this machine costs nothing and is not counted
    day = clock().astimezone(UTC).date()
    records = store.records(DayUsage)

    def add() -> None:
        before = records.get(account.user_id, day.isoformat())
        sums = before or DayUsage(day, version=0)
        after = attrs.evolve(
            sums,
            calls=sums.calls + 1,
            input_tokens=sums.input_tokens + usage.input_tokens,
            output_tokens=sums.output_tokens + usage.output_tokens,
            cost_usd=sums.cost_usd + usage.cost_usd,
            version=sums.version + 1,
        )
        replaces = before.version if before else None
        records.put(account, day.isoformat(), after, replaces=replaces)

    insist(add, None)
