"""The one way to an assistant: consent, crisis, cache, budget, redaction, and who steps in."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from logging import INFO, getLogger
from typing import Any, Final, TypeVar, overload

import attrs

from reflekt_core.errors import (
    AccountErased,
    AssistantError,
    BeingAsked,
    BudgetExceeded,
    ConsentMissing,
    PriceUnknown,
    StoreError,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.accounts import Account
from reflekt_core.model.assistance import (
    Answer,
    Consented,
    Purpose,
    Task,
    WorstCase,
    map_texts,
    map_words,
)
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    PassedOver,
    Suggestions,
    SuggestWays,
    Summarise,
    Summary,
    Usage,
)
from reflekt_core.model.prompts import Prompt, WritePrompts
from reflekt_core.model.redaction import Redaction
from reflekt_core.model.safety import speaks_of_crisis
from reflekt_core.model.settings import Provider, Settings, Vendor
from reflekt_core.model.usage import CachedAnswer, DayUsage, Hold
from reflekt_core.ports import Assistant, Clock, ExternalAssistant, Store
from reflekt_core.serialization import dump, load
from reflekt_core.services.context import SETTINGS_KEY, insist

__all__ = ["Gate", "cache_key", "stamped_by_hand", "still_allowed"]

T = TypeVar("T")

KEEP_ANSWERS_FOR: Final = timedelta(days=30)

UNDER_WAY_FOR: Final = timedelta(seconds=60)
"""For how long a call that has not been settled is taken to be under way."""

_CACHED: Final[dict[type, type]] = {
    AnalyseEntry: Analysis,
    SuggestWays: Suggestions,
    Summarise: Summary,
}
"""The tasks whose answers are kept, and what these are. Prompts are to be new each time."""

_NOT_ALLOWED = (ConsentMissing, BudgetExceeded)
_LOG: Final = getLogger("reflekt.assistants")
_SPENDING: Final = getLogger("reflekt.spending")
# An alarm may add these lines up, so they are written whatever the level elsewhere.
_SPENDING.setLevel(INFO)


@attrs.frozen
class Gate:
    """
    Asks those of `chain` who may answer, in order, until one does.

    What leaves this machine leaves here: stamped from the user's settings, within their budget,
    redacted. `own` answers where nobody else may: without consent or budget, and in a crisis.
    """

    store: Store
    clock: Clock
    chain: Callable[[], Sequence[Assistant | ExternalAssistant]]
    own: Callable[[], Assistant]

    @overload
    def ask(self, account: Account, task: AnalyseEntry) -> Answer[Analysis]: ...
    @overload
    def ask(self, account: Account, task: SuggestWays) -> Answer[Suggestions]: ...
    @overload
    def ask(self, account: Account, task: Summarise) -> Answer[Summary]: ...
    @overload
    def ask(self, account: Account, task: WritePrompts) -> Answer[tuple[Prompt, ...]]: ...
    def ask(self, account: Account, task: Any) -> Answer[Any]:
        """
        Return the answer to *task*, with what it cost and who was passed over.

        Raises:
            AssistantError: Somebody was allowed to answer, and nobody could.
        """
        settings = self.settings(account)
        if any(map(speaks_of_crisis, _texts(task))):
            return self.ask_here(task)
        passed: list[PassedOver] = []
        failure: AssistantError | None = None
        for assistant in _chosen(self.chain(), settings):
            try:
                if isinstance(assistant, ExternalAssistant):
                    answer = self._ask_outside(assistant, account, settings, task)
                else:
                    answer = _answered(assistant, task)
            except BeingAsked:
                raise  # the answer is on its way: nobody steps in
            except AssistantError as error:
                passed.append(PassedOver(_name(assistant), error.code))
                _tell_operator(_name(assistant), error)
                if not isinstance(error, _NOT_ALLOWED):
                    failure = failure if failure and failure.retryable else error
            else:
                return attrs.evolve(answer, passed_over=tuple(passed))
        if failure is not None:
            raise failure
        return attrs.evolve(self.ask_here(task), passed_over=tuple(passed))

    def ask_here(self, task: Task) -> Answer[Any]:
        """Return the answer of this machine to *task*."""
        return _answered(self.own(), task)

    def settings(self, account: Account) -> Settings:
        """Return the user's settings, or the defaults."""
        kept = self.store.records(Settings).get(account.user_id, SETTINGS_KEY)
        return kept or Settings()

    def _ask_outside(
        self, assistant: ExternalAssistant, account: Account, settings: Settings, task: Task
    ) -> Answer[Any]:
        if assistant.vendor is not None:
            _check_consent(settings, assistant.vendor)
        key = cache_key(assistant, task)
        return self._from_cache(assistant, account, task, key) or self._pay(
            assistant, account, settings, task, key
        )

    def _from_cache(
        self, assistant: ExternalAssistant, account: Account, task: Task, key: str
    ) -> Answer[Any] | None:
        kind = _CACHED.get(type(task))
        kept = self.store.records(CachedAnswer).get(account.user_id, key) if kind else None
        if kept is None or kind is None:
            return None
        try:
            result: Any = load(kept.answer.encode(), kind)
        except StoreError:  # another release kept it: one that is paid for again takes its place
            self.store.records(CachedAnswer).delete(account, key)
            return None
        return Answer(
            result,
            assistant.provider,
            assistant.model,
            assistant.prompt_version(task),
            input_cut=kept.input_cut,
            kept_as=key,
            vendor=assistant.vendor,
        )

    def _pay(
        self,
        assistant: ExternalAssistant,
        account: Account,
        settings: Settings,
        task: Task,
        key: str,
    ) -> Answer[Any]:
        """Return the assistant's answer to *task* within the budget, and keep it."""
        spent: list[Usage] = []
        day, hold = self._hold(assistant, account, settings, task, key)
        try:
            answer = self._send(assistant, account, settings, task, spent.append)
            return self._keep(account, key, task, answer)
        finally:
            self._settle(account, day, hold, spent)

    def _send(
        self,
        assistant: ExternalAssistant,
        account: Account,
        settings: Settings,
        task: Task,
        charge: Callable[[Usage], None],
    ) -> Answer[Any]:
        """Return the answer to *task*, which leaves this machine only in its redacted form."""
        vendor = assistant.vendor

        def confirm() -> None:
            if self.store.accounts.get(account.user_id) != account:
                raise AccountErased("the account was erased meanwhile")
            if vendor is not None:
                _check_consent(self.settings(account), vendor)

        redacts = vendor is not None and settings.ai.redact
        redaction = Redaction(settings.ai.private_names) if redacts else None
        sent = map_words(task, redaction.redact) if redaction else task
        request = Consented(sent, Purpose.of(task), vendor, self.clock(), confirm, charge)
        answer = _guarded(lambda: assistant.answer(request), assistant.provider)
        confirm()  # an answer to a text that was not to be sent any more is not wanted either
        result = _restored(answer.result, redaction) if redaction else answer.result
        return attrs.evolve(answer, result=result, vendor=vendor)

    def _keep(self, account: Account, key: str, task: Task, answer: Answer[Any]) -> Answer[Any]:
        if type(task) not in _CACHED:
            return answer
        result = dump(answer.result).decode()
        kept = CachedAnswer(key, answer.vendor, result, answer.input_cut)
        expires_at = self.clock() + KEEP_ANSWERS_FOR
        records = self.store.records(CachedAnswer)
        with suppress(VersionConflict, Unavailable):  # it is kept already, or is paid for again
            records.put(account, key, kept, replaces=None, expires_at=expires_at)
        if not still_allowed(self.settings(account), answer.vendor):  # withdrawn this very moment
            records.delete(account, key)
        return attrs.evolve(answer, kept_as=key)

    def _hold(
        self,
        assistant: ExternalAssistant,
        account: Account,
        settings: Settings,
        task: Task,
        key: str,
    ) -> tuple[date, Hold]:
        """Set the worst case aside, and return the day it is set aside on."""
        worst = WorstCase(0, Decimal(0))
        if assistant.vendor is not None:
            worst = _guarded(lambda: assistant.worst_case(task), assistant.provider)
        now = self.clock().astimezone(UTC)
        records = self.store.records(DayUsage)

        def hold() -> Hold:
            before = records.get(account.user_id, now.date().isoformat())
            sums = before or DayUsage(now.date(), version=0)
            _check_not_asked(sums, key, now, assistant)
            cost = _affordable(sums, settings, worst, assistant)
            made = Hold(key, now, worst.tokens, cost)
            after = attrs.evolve(sums, holds=(*sums.holds, made), version=sums.version + 1)
            replaces = before.version if before else None
            records.put(account, now.date().isoformat(), after, replaces=replaces)
            return made

        return now.date(), insist(hold, None)

    def _settle(self, account: Account, day: date, hold: Hold, spent: Sequence[Usage]) -> None:
        """Replace *hold* by what was spent. Where that cannot be noted, it stays spent whole."""
        total = sum(spent, Usage())
        if spent:
            _tell_cost(len(spent), total)
        records = self.store.records(DayUsage)

        def settle() -> None:
            before = records.get(account.user_id, day.isoformat())
            if before is None or hold not in before.holds:
                return
            holds = list(before.holds)
            holds.remove(hold)
            after = attrs.evolve(
                before,
                calls=before.calls + len(spent),
                input_tokens=before.input_tokens + total.input_tokens,
                output_tokens=before.output_tokens + total.output_tokens,
                cost_usd=before.cost_usd + total.cost_usd,
                holds=tuple(holds),
                version=before.version + 1,
            )
            records.put(account, day.isoformat(), after, replaces=before.version)

        with suppress(Unavailable, AccountErased):
            insist(settle, None)


def stamped_by_hand(
    task: Task, vendor: Vendor | None, at: datetime, charge: Callable[[Usage], None]
) -> Consented[Any]:
    """
    Return *task*, cleared by whoever runs a command on texts of their own.

    For tools at a terminal, which asked that very person; never for what users of a service write.
    """
    return Consented(task, Purpose.of(task), vendor, at, lambda: None, charge)


def still_allowed(settings: Settings, vendor: Vendor | None) -> bool:
    """Whether an answer of *vendor* may be kept: only with consent, unless it is of this machine."""
    return vendor is None or vendor in settings.ai.consent


def cache_key(assistant: ExternalAssistant, task: Task) -> str:
    """
    Return what tells answers to *task* apart: its content, who is asked, version of the prompt.

    It begins with the purpose, so that the answers of one kind stand together.
    """
    who = (str(assistant.vendor), assistant.provider, assistant.model)
    asked = (*who, assistant.prompt_version(task), repr(task))
    digest = sha256("\0".join(asked).encode(errors="surrogatepass")).hexdigest()
    return f"{Purpose.of(task).value}-{digest}"


def _chosen(
    chain: Sequence[Assistant | ExternalAssistant], settings: Settings
) -> Iterator[Assistant | ExternalAssistant]:
    """Yield those of *chain* whom the user lets answer: all, one provider, or none outside."""
    wanted = settings.ai.provider
    for assistant in chain:
        if not isinstance(assistant, ExternalAssistant) or assistant.vendor is None:
            yield assistant  # it stays on this machine
        elif wanted is Provider.AUTO or assistant.provider == wanted.value:
            yield assistant


def _check_consent(settings: Settings, vendor: Vendor) -> None:
    chosen = settings.ai.provider in {Provider.AUTO, Provider(vendor.value)}
    if not (settings.ai.enabled and chosen and vendor in settings.ai.consent):
        raise ConsentMissing(
            f"the user has not agreed to sending text to {vendor.value}", provider=vendor.value
        )


def _check_not_asked(sums: DayUsage, key: str, now: datetime, assistant: ExternalAssistant) -> None:
    ages = [abs(now - hold.since) for hold in sums.holds if hold.question == key]
    left = max((UNDER_WAY_FOR - age for age in ages), default=timedelta(0))
    if left > timedelta(0):
        raise BeingAsked(
            "the same is being asked right now",
            provider=assistant.provider,
            retry_after_seconds=left.total_seconds(),  # then whoever asked has ended, or died
        )


def _affordable(
    sums: DayUsage, settings: Settings, worst: WorstCase, assistant: ExternalAssistant
) -> Decimal:
    """Return what to set aside, if the day's budget allows it; this machine has none."""
    if assistant.vendor is None:
        return Decimal(0)
    tokens, money = settings.ai.daily_token_budget, settings.ai.daily_budget_usd
    if money is not None and worst.cost_usd is None:
        raise PriceUnknown(
            f"the price of {assistant.model} is not known, and there is a budget in money",
            provider=assistant.provider,
            model=assistant.model,
        )
    cost = worst.cost_usd or Decimal(0)
    if (tokens is not None and sums.tokens_gone + worst.tokens > tokens) or (
        money is not None and sums.cost_gone_usd + cost > money
    ):
        raise BudgetExceeded(
            "the day's budget does not allow this call", provider=assistant.provider
        )
    return cost


def _tell_operator(provider: str, error: AssistantError) -> None:
    """Log what is the operator's business: a code and the vendor's id of the request, no words."""
    if not isinstance(error, _NOT_ALLOWED):
        _LOG.warning("AI provider %s: %s (request %s)", provider, error.code, error.request_id)


def _tell_cost(calls: int, total: Usage) -> None:
    """Log what the calls for one answer cost, but not for whom."""
    fields = {
        "calls": calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": float(total.cost_usd),  # a number, for who adds them up
    }
    _SPENDING.info("AI spending", extra={"fields": fields})


def _restored(result: Any, redaction: Redaction) -> Any:
    """Return *result* with what was redacted back in its place."""
    restored = map_texts(result, redaction.restore)
    if not isinstance(restored, Analysis):
        return restored
    # A name that came back brought its capital along.
    topics = (attrs.evolve(topic, name=topic.name.lower()) for topic in restored.topics)
    return attrs.evolve(restored, topics=tuple(topics))


def _texts(task: Task) -> list[str]:
    """Return all words of the user in *task*; titles also together with what they stand above."""
    found: list[str] = []
    match task:
        case AnalyseEntry(title, content):
            found.append(f"{title}\n{content}")
        case Summarise(passages):
            found.extend(f"{passage.title}\n{passage.content}" for passage in passages)

    def note(text: str) -> str:
        found.append(text)
        return text

    map_words(task, note)
    return found


def _answered(assistant: Assistant, task: Task) -> Answer[Any]:
    return _guarded(lambda: assistant.answer(task), _name(assistant))


def _guarded(ask: Callable[[], T], provider: str) -> T:
    """Return what *ask* returns; whatever goes wrong on the way to it is an `AssistantError`."""
    try:
        return ask()
    except (AssistantError, AccountErased, Unavailable):
        raise
    except Exception:  # noqa: BLE001 - a provider's own errors may quote the text
        failure = AssistantError("the AI provider failed", provider=provider, retryable=True)
    raise failure  # out here, so that what was caught is not its context


def _name(assistant: Assistant | ExternalAssistant) -> str:
    if isinstance(assistant, ExternalAssistant):
        return assistant.provider
    return type(assistant).__name__
