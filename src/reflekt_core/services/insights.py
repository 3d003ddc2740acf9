"""Understanding entries, continuing drafts, summing up periods."""

from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased, AssistantError, BeingAsked, InvalidInput
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.assistance import Answer, Purpose
from reflekt_core.model.entries import Entry, EntryFilter, Order
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
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
    Safety,
    SuggestionsView,
    SuggestWays,
    Summarise,
    SummaryView,
)
from reflekt_core.model.paging import through
from reflekt_core.model.prose import prose
from reflekt_core.model.safety import screen, speaks_of_crisis
from reflekt_core.model.settings import region_of
from reflekt_core.model.usage import CachedAnswer, Receipt
from reflekt_core.ports import Clock, Records, Store
from reflekt_core.services.analytics import observed
from reflekt_core.services.assistance import Gate, still_allowed
from reflekt_core.services.context import Context, insist
from reflekt_core.services.entries import live_entry
from reflekt_core.services.receipts import once

__all__ = [
    "SuggestionService",
    "SummaryService",
    "analyse",
    "provenance",
    "read_insight",
    "understand",
    "understand_here",
]

MOST_PASSAGES = 200
"""How many entries a summary may rest on; more are left out from the middle of time, evenly."""

LONGEST_PERIOD = timedelta(days=366)

SWITCHED_OFF = "switched_off"
"""Why there is no insight of what was written while analysis was off: none is on its way."""

SUMMARIES = "summaries.create"

View = InsightView | InsightFailure | InsightState


def read_insight(context: Context, id: UUID) -> View:
    """Return what was understood of the entry, or why there is nothing; see `Entries.insights`."""
    account = context.authorise(Permission.INSIGHTS_READ)
    entry = live_entry(context, account, id)
    if context.settles() and not _is_understood(context.store, account, entry):
        _settle(context, account, entry)
    return _view(context, account, id)


def analyse(context: Context, id: UUID, idempotency_key: str | None) -> View:
    """Understand the entry now, and return the insight; see `Entries.analyse`."""
    account = context.authorise(Permission.INSIGHTS_WRITE)
    entry = live_entry(context, account, id)

    def run() -> InsightState:
        _understand(context.gate, account, entry)
        return InsightState(InsightStatus.READY)

    try:
        # Only that it was done is remembered; what is shown is the insight as it is now.
        once(context, account, "entries.analyse", idempotency_key, id, run, InsightState)
    except BeingAsked:
        pass  # an insight is on its way
    except AssistantError as error:
        return InsightFailure(error.code)
    return _view(context, account, id)


def understand(gate: Gate, event: Event) -> None:
    """
    Follow from *event*: understand the entry's present text, or forget it with the entry.

    Does nothing if this was done before, or if the user has switched analysis off.

    Raises:
        AssistantError: There was no usable answer, and a later try may get one.
    """
    if event.kind is EventKind.JOB_REQUESTED:
        return
    store = gate.store
    account = store.accounts.get(event.user_id)
    entry_id = UUID(event.subject_id)
    entry = store.entries.get(event.user_id, entry_id)
    try:
        if not isinstance(entry, Entry):
            _forget(gate, account, entry_id)
            _forget_summaries(gate, account)
            return
        if entry.trashed_at is None and not _is_understood(store, account, entry):
            _catch_up(gate, account, entry)
    except AccountErased:
        return
    except AssistantError as error:
        if error.retryable:
            raise


def understand_here(gate: Gate, account: Account, entry_id: UUID) -> None:
    """Replace what was understood of the entry, on this machine; nothing is left of what was."""
    entry = gate.store.entries.get(account.user_id, entry_id)
    _forget(gate, account, entry_id)
    if not isinstance(entry, Entry) or entry.trashed_at is not None:
        return
    if gate.settings(account).ai.enabled:
        _keep(gate, account, entry, gate.ask_here(_task(gate, account, entry)))
    else:
        _note_failure(gate, account, entry, SWITCHED_OFF)


def _catch_up(gate: Gate, account: Account, entry: Entry) -> None:
    """Understand the entry's text, unless the user has switched analysis off."""
    if gate.settings(account).ai.enabled:
        _understand(gate, account, entry)
    else:
        _note_failure(gate, account, entry, SWITCHED_OFF)


def _settle(context: Context, account: Account, entry: Entry) -> None:
    """Understand *entry*; if that has failed, try again what is due."""
    if (failure := _failure(context.store, account, entry)) is None:
        # It alone, as its event may stand behind those of a whole journal. That will find it done.
        with suppress(AssistantError):
            _catch_up(context.gate, account, entry)
    elif failure.code != SWITCHED_OFF:
        context.settle()


def _failure(store: Store, account: Account, entry: Entry) -> Failure | None:
    """Return why there is no insight of the entry's present text."""
    failure = store.records(Failure).get(account.user_id, str(entry.id))
    return failure if failure and failure.content_version == entry.content_version else None


def _is_understood(store: Store, account: Account, entry: Entry) -> bool:
    insight = store.insights.get(account.user_id, entry.id)
    return insight is not None and insight.content_version == entry.content_version


def _understand(gate: Gate, account: Account, entry: Entry) -> None:
    """Understand the entry's text and keep the insight, or note why there is none."""
    task = _task(gate, account, entry)
    try:
        # Nobody else need be asked about a photo that has no words beside it.
        has_words = f"{task.title}{task.content}".strip()
        answer = gate.ask(account, task) if has_words else gate.ask_here(task)
    except BeingAsked:
        raise
    except AssistantError as error:
        _note_failure(gate, account, entry, error.code)
        raise
    _keep(gate, account, entry, answer)


def _task(gate: Gate, account: Account, entry: Entry) -> AnalyseEntry:
    preferences = gate.settings(account).preferences
    title, content = prose(entry.title), prose(entry.content)
    return AnalyseEntry(title, content, preferences.language, preferences.tone)


def _keep(gate: Gate, account: Account, entry: Entry, answer: Answer[Analysis]) -> None:
    store, id = gate.store, entry.id
    before = store.insights.get(account.user_id, id)
    insight = Insight(
        id,
        entry.version,
        entry.content_version,
        answer.result,
        provenance(answer, gate.clock),
        _cached(before, answer),
        answer.vendor,
    )
    store.insights.put(account, insight)
    store.records(Failure).delete(account, str(id))
    _drop_unknown(gate, account, id, answer.kept_as)
    # Meanwhile the entry may have been deleted for good, or consent withdrawn, and whoever followed
    # from that found no insight yet.
    if not isinstance(store.entries.get(account.user_id, id), Entry):
        _forget(gate, account, id)
    elif not still_allowed(gate.settings(account), answer.vendor):
        understand_here(gate, account, id)


def _cached(before: Insight | None, answer: Answer[Any]) -> tuple[str, ...]:
    """Return the keys of all kept answers to the entry's texts."""
    keys = dict.fromkeys(before.cached if before else ())
    return tuple(keys | dict.fromkeys([answer.kept_as] if answer.kept_as else []))


def _drop_unknown(gate: Gate, account: Account, entry_id: UUID, key: str) -> None:
    """Forget the answer kept under *key* if no insight knows of it: a newer one stands already."""
    insight = gate.store.insights.get(account.user_id, entry_id)
    if key and (insight is None or key not in insight.cached):
        gate.store.records(CachedAnswer).delete(account, key)


def _forget(gate: Gate, account: Account, entry_id: UUID) -> None:
    insight = gate.store.insights.get(account.user_id, entry_id)
    for key in insight.cached if insight else ():
        gate.store.records(CachedAnswer).delete(account, key)
    gate.store.insights.delete(account, entry_id)
    gate.store.records(Failure).delete(account, str(entry_id))


def _forget_summaries(gate: Gate, account: Account) -> None:
    """Forget all kept summaries: which of them rest on an entry that is gone, nobody knows."""
    _forget_those(gate.store.records(CachedAnswer), account, f"{Purpose.SUMMARISE}-")
    _forget_those(gate.store.records(Receipt), account, f"{SUMMARIES}-")


def _forget_those(records: Records[Any], account: Account, prefix: str) -> None:
    while found := [
        kept.key
        for kept in records.list(account.user_id, after=(prefix,), limit=100)
        if kept.key.startswith(prefix)
    ]:
        for key in found:
            records.delete(account, key)


def _note_failure(gate: Gate, account: Account, entry: Entry, code: str) -> None:
    failures = gate.store.records(Failure)

    def note() -> None:
        before = failures.get(account.user_id, str(entry.id))
        version = before.version + 1 if before else 1
        failure = Failure(entry.content_version, code, gate.clock(), version)
        replaces = before.version if before else None
        failures.put(account, str(entry.id), failure, replaces=replaces)

    insist(note, None)


def _view(context: Context, account: Account, id: UUID) -> View:
    entry = live_entry(context, account, id)
    insight = context.store.insights.get(account.user_id, id)
    if insight is not None:
        return _shown(context, insight, entry)
    if failure := _failure(context.store, account, entry):
        if failure.code == SWITCHED_OFF:
            return InsightState(InsightStatus.OFF)
        return InsightFailure(failure.code)
    enabled = context.settings().ai.enabled
    return InsightState(InsightStatus.PENDING if enabled else InsightStatus.OFF)


def _shown(context: Context, insight: Insight, entry: Entry) -> InsightView:
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
        safety=_safety(context, f"{entry.title}\n{entry.content}"),
        provenance=insight.provenance,
    )


def _safety(context: Context, text: str) -> Safety:
    # Both as it stands and as it is read: neither may hide what the other says.
    said = next(filter(speaks_of_crisis, (text, prose(text))), None)
    if said is None:
        return Safety()  # without asking the store for the settings
    region = region_of(context.settings())
    return screen(said, resources=context.crisis_resources, region=region)


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
            task = SuggestWays(prose(draft.content), preferences.language, preferences.tone)
            answer = self.context.gate.ask(account, task)
            return SuggestionsView(answer.result.items, provenance(answer, self.context.clock))

        view = once(
            self.context,
            account,
            "suggestions.create",
            idempotency_key,
            draft,
            suggest,
            SuggestionsView,
        )
        # Not part of what is remembered under the key: that a text speaks of a crisis is not stored.
        return attrs.evolve(view, safety=_safety(self.context, draft.content))


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
        summed: set[UUID] = set()

        def sum_up() -> SummaryView:
            preferences = self.context.settings().preferences
            entries = self._entries(account, period)
            summed.update(entry.id for entry in entries)
            step = max(1, -(-len(entries) // MOST_PASSAGES))
            task = Summarise(
                tuple(map(_passage, entries[::step])),
                preferences.language,
                preferences.tone,
                observed(self.context, account, period.from_, period.to),
            )
            answer = self.context.gate.ask(account, task)
            return SummaryView(
                period.from_,
                period.to,
                answer.result.text,
                answer.result.entry_ids,
                provenance(answer, self.context.clock),
                answer.result.observations,
            )

        view = once(
            self.context,
            account,
            SUMMARIES,
            idempotency_key,
            period,
            sum_up,
            SummaryView,
        )
        # Meanwhile one of them may have been deleted for good, and whoever followed from that found
        # no summary yet.
        if summed and not summed <= {entry.id for entry in self._entries(account, period)}:
            _forget_summaries(self.context.gate, account)
        return view

    def _entries(self, account: Account, period: Period) -> list[Entry]:
        wanted = EntryFilter(period.from_, period.to)
        return list(
            through(
                lambda after: self.context.store.entries.list(
                    account.user_id, wanted, order=Order.ASC, after=after, limit=100
                )
            )
        )


def _passage(entry: Entry) -> Passage:
    return Passage(entry.id, entry.local_date, prose(entry.title), prose(entry.content))


def provenance(answer: Answer[Any], clock: Clock) -> Provenance:
    """Return where *answer*, given just now, comes from."""
    return Provenance(
        answer.provider,
        answer.model,
        answer.prompt_version,
        clock(),
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.usage.cost_usd,
        answer.passed_over,
        answer.input_cut,
    )
