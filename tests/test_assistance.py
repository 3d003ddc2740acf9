"""What may leave the machine: consent, crisis, cache, budget, redaction, and who steps in."""

import ast
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import (
    AccountErased,
    AnswerTimeout,
    AssistantError,
    BudgetExceeded,
    KeyRefused,
    ProviderMisconfigured,
    Unavailable,
)
from reflekt_core.model.accounts import Account
from reflekt_core.model.assistance import Access, Answer, Consented, Reply, Task, WorstCase
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.insights import (
    AnalyseEntry,
    InsightFailure,
    InsightState,
    InsightStatus,
    InsightView,
    PassedOver,
    SuggestWays,
    Usage,
)
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.prompts import DailyPrompt
from reflekt_core.model.settings import Provider, Settings, Tone, Vendor
from reflekt_core.model.settings_patch import AISettingsPatch, PreferencesPatch
from reflekt_core.model.usage import CachedAnswer, DayUsage, Receipt
from reflekt_core.ports import Assistant, Completion, ExternalAssistant, Store
from reflekt_core.providers import PROVIDERS, local_assistant, open_assistant, open_assistants
from reflekt_core.rest.logs import JSONFormatter
from reflekt_core.services.assistance import Gate
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock
from reflekt_core.testing.racing import at_once

CRISIS = "I want to kill myself tonight."
COST = Usage(100, 20, Decimal("0.000020"))


class Elsewhere(ExternalAssistant):
    """Answers as the offline assistant does, but from another machine, and notes what it was sent."""

    def __init__(
        self,
        vendor: Vendor | None = Vendor.OPENAI,
        provider: str = "openai",
        *,
        price: Decimal | None = Decimal("0.000100"),
    ) -> None:
        self.vendor = vendor
        self.provider = provider
        self.model = "model-1"
        self.version = "1"
        self.price = price
        self.sent: list[Task] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def prompt_version(self, task: Task) -> str:
        """Return the same for all."""
        return f"{type(task).__name__}-{self.version}"

    def worst_case(self, task: Task) -> WorstCase:
        """Return a thousand tokens."""
        return WorstCase(1000, self.price)

    def answer(self, request: Consented[Any]) -> Answer[Any]:
        """Return what the offline assistant says, or raise what was asked for."""
        request.confirm()
        self.sent.append(request.task)
        self.meanwhile()
        if self.error is not None:
            raise self.error
        request.charge(COST)
        result = local_assistant().answer(request.task).result
        version = self.prompt_version(request.task)
        return Answer(result, self.provider, self.model, version, COST)


class Crash(BaseException):
    """The process ends here."""


class AlarmClock(FakeClock):
    """A clock at whose next look something happens."""

    alarm: Callable[[], object] | None = None

    def __call__(self) -> datetime:
        """Return the time, once that has happened."""
        ring, self.alarm = self.alarm, None
        if ring:
            ring()
        return super().__call__()


@pytest.fixture
def elsewhere() -> Elsewhere:
    """An assistant on another machine."""
    return Elsewhere()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each kind of store."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/journal.db"}
    opened = open_store(urls[request.param])
    yield opened
    opened.close()


@pytest.fixture
def journal(store: Store, elsewhere: Elsewhere, clock: FakeClock) -> Reflekt:
    """A journal that asks elsewhere first, and whose user has not agreed to anything yet."""
    return Reflekt.on(store, assistant=[elsewhere], clock=clock)


def agree(journal: Reflekt, *vendors: Vendor, **changes: Any) -> None:
    """Let the user agree to *vendors*."""
    journal.settings.update(ai=AISettingsPatch(consent=vendors or (Vendor.OPENAI,), **changes))


def seen(journal: Reflekt, entry_id: UUID) -> InsightView:
    """Return the insight of the entry, which must be there."""
    view = journal.entries.insights(entry_id)
    assert isinstance(view, InsightView)
    return view


# Consent


def use_everything(journal: Reflekt) -> None:
    """Ask for everything that an assistant is asked for."""
    entry = journal.entries.create("We walked by the sea and I was glad.", title="Sea")
    journal.entries.analyse(entry.id)
    journal.entries.update(entry.id, content="We stayed at home and I was glad.")
    journal.drain()
    journal.suggestions.create("I keep putting off the call")
    journal.summaries.create(date(2026, 11, 1), date(2026, 11, 30))
    journal.prompts.generate(themes=["the sea"], count=2)
    journal.prompts.daily()
    journal.analytics.trends()
    list(journal.entries.search("sea"))
    list(journal.account.export())


def test_without_consent_nothing_is_sent(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Whatever is asked for, this machine answers, and says who was passed over and why."""
    use_everything(journal)
    assert elsewhere.sent == []
    made = journal.suggestions.create("I keep putting off the call").provenance
    assert made.provider == "local"
    assert made.passed_over == (PassedOver("openai", "ai_consent_missing"),)


@pytest.mark.parametrize(
    "ai",
    [
        AISettingsPatch(consent=(Vendor.ANTHROPIC,)),
        AISettingsPatch(consent=(Vendor.OPENAI,), provider=Provider.LOCAL),
        AISettingsPatch(consent=(Vendor.OPENAI,), provider=Provider.ANTHROPIC),
        AISettingsPatch(consent=(Vendor.OPENAI,), enabled=False),
    ],
    ids=["another vendor", "local alone", "another provider", "switched off"],
)
def test_consent_to_something_else_is_no_consent(
    journal: Reflekt, elsewhere: Elsewhere, ai: AISettingsPatch
) -> None:
    """Only the vendor that the user agreed to, and chose or left open, is sent anything."""
    journal.settings.update(ai=ai)
    use_everything(journal)
    assert elsewhere.sent == []


def test_with_consent_the_vendor_answers(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """All that is asked goes there, and what it cost is counted."""
    agree(journal)
    use_everything(journal)
    assert {type(task).__name__ for task in elsewhere.sent} == {
        "AnalyseEntry",
        "SuggestWays",
        "Summarise",
        "WritePrompts",
    }
    (usage,) = journal.store.records(DayUsage).list("me").items
    calls = len(elsewhere.sent)
    assert (usage.calls, usage.input_tokens, usage.output_tokens) == (
        calls,
        100 * calls,
        20 * calls,
    )
    assert usage.cost_usd == COST.cost_usd * calls
    assert usage.holds == ()


def test_addresses_are_not_sent(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """A vendor reads words alone, and is not asked about a photo that has none beside it."""
    agree(journal)
    photo = "![](dayone-moment://DEADBEEF)"
    alone = journal.entries.create(photo)
    assert journal.entries.analyse(alone.id)
    assert elsewhere.sent == []
    journal.entries.create(f"We swam. {photo}", title=f"{photo} The [sea](https://sea.example)")
    journal.drain()
    journal.suggestions.create(f"{photo} I keep putting off the call")
    journal.summaries.create(date(2026, 11, 1), date(2026, 11, 30))
    assert {type(task).__name__ for task in elsewhere.sent} == {
        "AnalyseEntry",
        "SuggestWays",
        "Summarise",
    }
    assert not re.search("DEADBEEF|example", repr(elsewhere.sent))
    assert all(words in repr(elsewhere.sent) for words in ("We swam.", "The sea", "the call"))


def test_prompts_say_where_they_come_from(journal: Reflekt) -> None:
    """As insights, suggestions and summaries do."""
    agree(journal)
    assert journal.prompts.generate().provenance.provider == "openai"


def test_consent_is_asked_for_again_right_before_sending(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """One who withdraws it while others are being asked is not sent on."""
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(journal.store, assistant=[elsewhere, second], clock=journal.clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    elsewhere.error = AnswerTimeout("late", provider="openai")
    elsewhere.meanwhile = lambda: journal.settings.update(ai=AISettingsPatch(consent=()))
    with pytest.raises(AnswerTimeout):
        journal.suggestions.create("I keep putting off the call")
    assert second.sent == []


def test_an_answer_that_comes_after_withdrawal_is_thrown_away(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """What it cost is counted all the same; this machine answers."""
    agree(journal)
    elsewhere.meanwhile = lambda: journal.settings.update(ai=AISettingsPatch(consent=()))
    entry = journal.entries.create("We walked by the sea.")
    assert seen(journal, entry.id).provenance.provider == "local"
    assert len(elsewhere.sent) == 1
    assert list(journal.store.records(CachedAnswer).list("me")) == []
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert (usage.calls, usage.holds) == (1, ())


@pytest.mark.parametrize(
    "change",
    [AISettingsPatch(consent=()), AISettingsPatch(provider=Provider.LOCAL)],
    ids=["withdrawn", "another provider"],
)
def test_a_change_of_mind_counts_while_the_vendor_answers(
    journal: Reflekt, elsewhere: Elsewhere, change: AISettingsPatch
) -> None:
    """What comes back is neither shown nor kept."""
    agree(journal)
    elsewhere.meanwhile = lambda: journal.settings.update(ai=change)
    assert journal.suggestions.create("I want to").provenance.provider == "local"
    assert list(journal.store.records(CachedAnswer).list("me")) == []


def test_an_insight_kept_just_before_withdrawal_goes_too(
    journal: Reflekt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever withdraws at the last moment, after the answer was looked at, finds nothing left."""
    agree(journal)
    kind = type(journal.store.insights)
    put = kind.put

    def late(*args: Any) -> None:
        monkeypatch.undo()
        journal.start_worker().stop()  # so that the withdrawal is not followed up at once
        journal.settings.update(ai=AISettingsPatch(consent=()))
        put(*args)

    monkeypatch.setattr(kind, "put", late)
    entry = journal.entries.create("By the sea.")
    journal.entries.analyse(entry.id)
    stored = journal.store.insights.get("me", entry.id)
    assert stored
    assert stored.provenance.provider == "local"


@pytest.mark.parametrize(
    "ask",
    [
        lambda journal: journal.suggestions.create("I want to"),
        lambda journal: journal.prompts.generate(idempotency_key="mine"),
        lambda journal: journal.prompts.daily(),
    ],
    ids=["answer", "receipt", "daily prompt"],
)
def test_nothing_is_kept_of_a_vendor_that_loses_consent_in_that_moment(
    store: Store, elsewhere: Elsewhere, ask: Callable[[Reflekt], object]
) -> None:
    """Who follows from the withdrawal before the answer is written finds nothing to delete."""
    clock = AlarmClock()
    journal = Reflekt.on(store, assistant=[elsewhere], clock=clock)
    agree(journal)

    def withdraw() -> None:
        journal.settings.update(ai=AISettingsPatch(consent=()))

    elsewhere.meanwhile = lambda: setattr(clock, "alarm", withdraw)
    ask(journal)
    assert journal.settings.get().ai.consent == ()
    assert len(elsewhere.sent) == 1
    for kind in (CachedAnswer, DailyPrompt, Receipt):
        assert list(store.records(kind).list("me")) == []


def test_who_withdraws_and_switches_off_is_not_understood_anew(journal: Reflekt) -> None:
    """Not even on this machine."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    journal.drain()
    journal.settings.update(ai=AISettingsPatch(enabled=False, consent=()))
    assert journal.entries.insights(entry.id) == InsightState(InsightStatus.OFF)
    assert journal.store.insights.get("me", entry.id) is None


def test_once_switched_off_not_even_a_kept_answer_is_shown(journal: Reflekt) -> None:
    """It was another machine's."""
    agree(journal)
    journal.suggestions.create("I want to")
    journal.settings.update(ai=AISettingsPatch(enabled=False))
    assert journal.suggestions.create("I want to").provenance.provider == "local"


def test_who_chose_this_machine_passes_nobody_over(journal: Reflekt) -> None:
    """Nobody else was to answer."""
    agree(journal, provider=Provider.LOCAL)
    assert journal.suggestions.create("I want to").provenance.passed_over == ()


def test_an_account_that_is_being_erased_is_not_sent_on(
    store: Store, elsewhere: Elsewhere, clock: FakeClock
) -> None:
    """Not even to the next provider in the chain."""
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(store, assistant=[elsewhere, second], clock=clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    account = store.accounts.get("me")
    job = Job(UUID(int=1), JobKind.ERASE_ACCOUNT, JobState.RUNNING, 0, None, clock(), clock())
    event = Event(EventKind.JOB_REQUESTED, "me", str(job.id), 1, clock())
    elsewhere.error = AnswerTimeout("late", provider="openai")
    elsewhere.meanwhile = lambda: store.accounts.begin_erasure(account, job, event, clock())
    with pytest.raises(AccountErased):
        journal.suggestions.create("I want to")
    assert second.sent == []


def test_a_store_that_is_away_is_no_failure_of_the_provider(
    journal: Reflekt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is told so; an event stays where it is, and costs no attempt."""
    agree(journal)
    gate, account = journal._context.gate, journal.store.accounts.get("me")

    def away(accounts: object, user_id: str) -> Account:
        raise Unavailable("the store is away")

    monkeypatch.setattr(type(journal.store.accounts), "get", away)
    with pytest.raises(Unavailable):
        gate.ask(account, SuggestWays("I want to"))


def test_an_answer_is_given_though_its_cost_cannot_be_noted(
    journal: Reflekt, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then what was set aside stays spent."""
    agree(journal)
    kind = type(journal.store.records(DayUsage))
    put = kind.put

    def away(records: Any, account: Any, key: str, value: object, **rest: Any) -> None:
        if isinstance(value, DayUsage):
            raise Unavailable("the store is away")
        put(records, account, key, value, **rest)

    elsewhere.meanwhile = lambda: monkeypatch.setattr(kind, "put", away)
    assert journal.suggestions.create("I want to").provenance.provider == "openai"
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert len(usage.holds) == 1


def test_withdrawing_waits_for_nobody(store: Store, elsewhere: Elsewhere, clock: FakeClock) -> None:
    """This machine understands anew: what is withdrawn from one vendor goes to no other."""
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(store, assistant=[elsewhere, second], clock=clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    entry = journal.entries.create("By the sea.")
    assert seen(journal, entry.id).provenance.provider == "openai"
    agree(journal, Vendor.ANTHROPIC)
    assert seen(journal, entry.id).provenance.provider == "local"
    assert second.sent == []


def test_what_lies_in_the_trash_is_not_sent_when_consent_goes(
    store: Store, elsewhere: Elsewhere, clock: FakeClock
) -> None:
    """Its insight goes, and another is made once it is taken out again."""
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(store, assistant=[elsewhere, second], clock=clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    entry = journal.entries.create("By the sea.")
    journal.drain()
    journal.entries.delete(entry.id)
    agree(journal, Vendor.ANTHROPIC)
    assert store.insights.get("me", entry.id) is None
    assert second.sent == []
    journal.entries.restore(entry.id)
    assert seen(journal, entry.id).provenance.provider == "anthropic"


def test_withdrawing_consent_deletes_what_the_vendor_made(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """Insights are made anew on this machine; kept answers, receipts and daily prompts go."""
    agree(journal)
    entries = [journal.entries.create(f"Day {n} by the sea.") for n in range(120)]
    assert seen(journal, entries[7].id).provenance.provider == "openai"
    journal.prompts.daily()
    journal.suggestions.create("I keep putting it off", idempotency_key="mine")
    journal.settings.update(ai=AISettingsPatch(consent=()))
    assert {seen(journal, entry.id).provenance.provider for entry in entries} == {"local"}
    for kind in (CachedAnswer, DailyPrompt, Receipt):
        assert list(journal.store.records(kind).list("me")) == []
    assert journal.entries.changes(limit=1).items[0].entry is not None
    sent = len(elsewhere.sent)
    journal.drain()
    assert len(elsewhere.sent) == sent


def test_withdrawing_from_one_vendor_leaves_the_other(store: Store, clock: FakeClock) -> None:
    """Only what was made by the one that is no longer agreed to goes."""
    one, other = Elsewhere(), Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(store, assistant=[one, other], clock=clock)
    agree(journal)
    first = journal.entries.create("By the sea.")
    journal.drain()
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC, provider=Provider.ANTHROPIC)
    second = journal.entries.create("In the hills.")
    journal.drain()
    journal.prompts.daily()
    journal.suggestions.create("I want to", idempotency_key="mine")
    agree(journal, Vendor.ANTHROPIC)
    assert seen(journal, second.id).provenance.provider == "anthropic"
    assert seen(journal, first.id).provenance.provider == "local"
    assert [task for task in other.sent if isinstance(task, AnalyseEntry)] == [
        AnalyseEntry("", "In the hills.")
    ]
    assert [len(store.records(kind).list("me").items) for kind in (DailyPrompt, Receipt)] == [1, 1]
    kept = [answer.vendor for answer in store.records(CachedAnswer).list("me")]
    assert kept == [Vendor.ANTHROPIC] * 2  # to an entry and a draft


def test_consent_given_back_before_the_withdrawal_is_done_keeps_things(
    journal: Reflekt, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job looks at what is agreed to when it runs."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    journal.drain()
    journal.start_worker().stop()  # from here on nobody follows from events by themselves
    journal.settings.update(ai=AISettingsPatch(consent=()))
    agree(journal)
    journal.drain()
    assert seen(journal, entry.id).provenance.provider == "openai"
    assert len(elsewhere.sent) == 1


def test_only_the_gate_stamps_and_only_the_language_model_sends() -> None:
    """In the whole package one module makes a `Consented`, and one calls `Completion.complete`."""
    spec = find_spec("reflekt_core")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    stamping, sending = set(), set()
    for file in folder.rglob("*.py"):
        name = file.relative_to(folder).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = node.func
                if isinstance(called, ast.Name) and called.id == "Consented":
                    stamping.add(name)
                if isinstance(called, ast.Attribute) and called.attr == "complete":
                    sending.add(name.split("/")[1] if "/" in name else name)
    assert stamping == {"services/assistance.py"}
    assert sending <= {"language_model", "completions.py"}


# Crisis


def test_a_text_in_crisis_is_not_sent(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """This machine answers quietly, and no record says why."""
    agree(journal)
    entry = journal.entries.create(CRISIS)
    view = seen(journal, entry.id)
    assert (view.safety.level, view.provenance.provider) == ("concern", "local")
    assert view.provenance.passed_over == ()
    suggested = journal.suggestions.create(CRISIS, idempotency_key="mine")
    assert suggested.safety.level == "concern"
    (receipt,) = journal.store.records(Receipt).list("me").items
    assert '"concern"' not in (receipt.answer or "")
    assert journal.suggestions.create(CRISIS, idempotency_key="mine") == suggested
    journal.summaries.create(date(2026, 11, 22), date(2026, 11, 22))
    journal.prompts.generate(themes=["why i want to die"])
    assert elsewhere.sent == []


def test_a_crisis_that_begins_in_the_title_is_not_sent(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """Title and text are read together, as where help is shown."""
    agree(journal)
    entry = journal.entries.create("myself tonight", title="I want to kill")
    assert seen(journal, entry.id).safety.level == "concern"
    journal.summaries.create(date(2026, 11, 22), date(2026, 11, 22))
    assert elsewhere.sent == []


# Who steps in


def test_a_provider_that_is_set_up_wrongly_is_passed_over(store: Store, clock: FakeClock) -> None:
    """It does not keep the next one from answering, nor those who never agreed to it."""
    access = {"openai": Access("sk-key", base_url="http://llm.example.org/v1")}
    journal = Reflekt.on(
        store, assistant=lambda: open_assistants(["openai", "local"], access), clock=clock
    )
    made = journal.suggestions.create("I want to").provenance
    assert made.passed_over == (PassedOver("openai", "ai_consent_missing"),)
    agree(journal)
    made = journal.suggestions.create("I want to").provenance
    assert (made.provider, made.passed_over) == (
        "local",
        (PassedOver("openai", "ai_misconfigured"),),
    )


def test_a_provider_that_is_set_up_wrongly_says_what_is_wrong(
    store: Store, clock: FakeClock
) -> None:
    """To who agreed to it, where nobody else is there to answer."""
    access = {"openai": Access("sk-key", base_url="http://llm.example.org/v1")}
    journal = Reflekt.on(store, assistant=lambda: open_assistants(["openai"], access), clock=clock)
    agree(journal)
    with pytest.raises(ProviderMisconfigured, match="OPENAI_BASE_URL"):
        journal.suggestions.create("I want to")


class Fileless(Completion):
    """A language model of one's own that cannot be used as it is."""

    def __init__(self, access: Access) -> None:
        raise ProviderMisconfigured("the model's file is missing", provider="mine")

    def complete(
        self,
        instructions: str,
        text: str,
        schema: Any,
        *,
        max_output_tokens: int,
        timeout_seconds: float,
    ) -> Reply:
        """Never be asked."""
        raise AssertionError


class Here(Elsewhere):
    """A server of one's own, on this machine."""

    def __init__(self) -> None:
        super().__init__(None, "mine")


def test_a_row_may_name_an_assistant_that_asks_a_server(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that speaks for itself, not by way of a completion."""
    monkeypatch.setitem(sys.modules, "models_under_test", sys.modules[__name__])
    monkeypatch.setitem(PROVIDERS, "mine", "models_under_test:Here")
    journal = Reflekt.on(store, assistant="mine", clock=clock)
    assert journal.suggestions.create("I want to").provenance.provider == "mine"


@pytest.mark.parametrize(
    "row",
    [
        *("", "models_under_test", "models_under_test:Mistyped", "models_under_test:agree"),
        *("models_under_test:Crash", "no_such_package.module:Model"),
    ],
)
def test_a_row_that_names_no_provider_is_shown(
    row: str, store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what must stand there."""
    monkeypatch.setitem(sys.modules, "models_under_test", sys.modules[__name__])
    monkeypatch.setitem(PROVIDERS, "mine", row)
    journal = Reflekt.on(store, assistant="mine", clock=clock)
    with pytest.raises(ProviderMisconfigured, match=f"'mine' is '{row}': it must be module:Class"):
        journal.suggestions.create("I want to")


def test_a_provider_of_ones_own_that_lacks_a_package_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is right, and is not taken for the fault."""
    (tmp_path / "models_with_needs.py").write_text("import no_such_package\n", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(PROVIDERS, "mine", "models_with_needs:Model")
    with pytest.raises(ProviderMisconfigured, match="'mine' needs no_such_package"):
        open_assistant("mine")


def test_a_provider_of_ones_own_that_is_set_up_wrongly_leaves_the_others_alone(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one answers, and says which one did not."""
    monkeypatch.setitem(sys.modules, "models_under_test", sys.modules[__name__])
    monkeypatch.setitem(PROVIDERS, "mine", "models_under_test:Fileless")
    journal = Reflekt.on(store, assistant="mine,local", clock=clock)
    made = journal.suggestions.create("I want to").provenance
    assert made.provider == "local"
    assert made.passed_over == (PassedOver("mine", "ai_misconfigured"),)


def test_the_next_one_answers_and_says_who_did_not(
    store: Store, clock: FakeClock, elsewhere: Elsewhere
) -> None:
    """A chain is asked in order, and the result tells what became of those before."""
    elsewhere.error = KeyRefused("the key is not accepted", provider="openai")
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    journal = Reflekt.on(store, assistant=[elsewhere, second, local_assistant()], clock=clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    made = journal.suggestions.create("I keep putting off the call").provenance
    assert made.provider == "anthropic"
    assert made.passed_over == (PassedOver("openai", "ai_key_refused"),)
    second.error = AnswerTimeout("late", provider="anthropic")
    made = journal.suggestions.create("I keep putting off the letter").provenance
    assert made.provider == "local"
    assert [one.reason for one in made.passed_over] == ["ai_key_refused", "ai_timeout"]


def test_a_failure_without_a_fallback_is_told(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """The entry is there, its state names the kind of failure, and a later try mends it."""
    agree(journal)
    elsewhere.error = AnswerTimeout("late", provider="openai")
    entry = journal.entries.create("We walked by the sea.")
    assert journal.entries.insights(entry.id) == InsightFailure("ai_timeout")
    assert journal.entries.get(entry.id) == entry
    elsewhere.error = None
    assert isinstance(journal.entries.analyse(entry.id), InsightView)


def test_an_entry_is_tried_again_when_the_vendor_says_so(
    journal: Reflekt, elsewhere: Elsewhere, clock: FakeClock
) -> None:
    """Not sooner, however often somebody looks."""
    agree(journal)
    elsewhere.error = AnswerTimeout("late", provider="openai", retry_after_seconds=600)
    entry = journal.entries.create("We walked by the sea.")
    journal.drain()
    elsewhere.error = None
    clock.advance(seconds=599)
    assert journal.entries.insights(entry.id) == InsightFailure("ai_timeout")
    clock.advance(seconds=2)
    assert seen(journal, entry.id).provenance.provider == "openai"


def test_the_operator_reads_of_a_failure_in_the_log(
    journal: Reflekt, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    """Which provider, which code, which request; that a user has not agreed is none of theirs."""
    journal.suggestions.create("I want to")
    assert caplog.text == ""
    agree(journal)
    elsewhere.error = KeyRefused("no", provider="openai", request_id="req_1")
    with pytest.raises(KeyRefused):
        journal.suggestions.create("I want to")
    assert [record.getMessage() for record in caplog.records] == [
        "AI provider openai: ai_key_refused (request req_1)"
    ]


def test_what_a_call_cost_is_logged(
    journal: Reflekt, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    """As a number, at any level, with neither words nor the user; once, and not for what is free."""
    caplog.set_level(logging.CRITICAL, logger="reflekt")
    caplog.handler.setLevel(logging.NOTSET)
    agree(journal)
    journal.suggestions.create("I want to swim")
    journal.suggestions.create("I want to swim")
    (record,) = caplog.records
    line = json.loads(JSONFormatter().format(record))
    del line["time"]
    assert line == {
        "level": "info",
        "logger": "reflekt.spending",
        "message": "AI spending",
        "calls": 1,
        "input_tokens": 100,
        "output_tokens": 20,
        "cost_usd": 0.00002,
    }


def test_nothing_else_waits_for_an_assistant(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """When the first text is read, the figures of all entries are there already."""
    agree(journal)
    counted: list[int] = []
    today = date(2026, 11, 22)

    def count() -> None:
        days = journal.store.aggregates.days("me", today, today)
        counted.append(sum(day.entries for day in days))

    elsewhere.meanwhile = count
    for number in range(3):
        journal.entries.create(f"Day {number} by the sea.")
    journal.drain()
    assert counted == [3, 3, 3]


def test_of_several_failures_one_that_may_pass_is_told(
    store: Store, clock: FakeClock, elsewhere: Elsewhere
) -> None:
    """So that the entry is tried again."""
    second = Elsewhere(Vendor.ANTHROPIC, "anthropic")
    elsewhere.error = AnswerTimeout("late", provider="openai")
    second.error = KeyRefused("the key is not accepted", provider="anthropic")
    journal = Reflekt.on(store, assistant=[elsewhere, second], clock=clock)
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    with pytest.raises(AnswerTimeout):
        journal.suggestions.create("I keep putting off the call")


def test_a_providers_own_error_never_shows_the_text(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Whatever it raises becomes an `AssistantError` without its words or its cause."""
    agree(journal)
    elsewhere.error = ValueError("cannot parse: my darkest secret")
    with pytest.raises(AssistantError) as caught:
        journal.suggestions.create("my darkest secret")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_provider_that_cannot_even_say_what_it_costs_is_passed_over(
    store: Store, clock: FakeClock
) -> None:
    """Whatever goes wrong in it, the next one answers."""

    class Broken(Elsewhere):
        def worst_case(self, task: Task) -> WorstCase:
            raise ValueError(repr(task))

    journal = Reflekt.on(store, assistant=[Broken(), local_assistant()], clock=clock)
    agree(journal)
    made = journal.suggestions.create("I want to").provenance
    assert made.passed_over == (PassedOver("openai", "assistant_error"),)


# A server on this machine


def test_a_server_on_this_machine_needs_no_consent(store: Store, clock: FakeClock) -> None:
    """No text leaves: it is asked without consent or budget, and sent the text as it is."""
    here = Elsewhere(None, "openai", price=None)
    journal = Reflekt.on(store, assistant=[here], clock=clock)
    journal.settings.update(
        ai=AISettingsPatch(provider=Provider.LOCAL, daily_budget_usd=Decimal(0))
    )
    entry = journal.entries.create("Write to ada@example.org.")
    assert seen(journal, entry.id).provenance.provider == "openai"
    assert here.sent == [AnalyseEntry("", "Write to ada@example.org.")]


def test_a_server_on_this_machine_answers_all_day(store: Store, clock: FakeClock) -> None:
    """However many tokens it has read: what it costs is nobody's budget."""
    here = Elsewhere(None, "openai")
    journal = Reflekt.on(store, assistant=[here], clock=clock)
    journal.settings.update(ai=AISettingsPatch(daily_token_budget=0))
    for draft in ("I want to", "I want more"):
        assert journal.suggestions.create(draft).provenance.provider == "openai"


# The cache


def test_the_same_text_is_paid_for_once(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Undone edits, tags, a second entry, asking again: only new text is sent."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    journal.drain()
    for content in ("In the hills.", "By the sea."):
        journal.entries.update(entry.id, content=content, tags=["t"])
        journal.drain()
    journal.entries.analyse(entry.id)
    second = journal.entries.create("By the sea.")
    assert seen(journal, second.id).provenance.cost_usd == 0
    assert [task.content for task in elsewhere.sent if isinstance(task, AnalyseEntry)] == [
        "By the sea.",
        "In the hills.",
    ]
    journal.suggestions.create("I want to")
    journal.suggestions.create("I want to")
    assert sum(isinstance(task, SuggestWays) for task in elsewhere.sent) == 1


def test_another_tone_model_or_provider_is_asked_anew(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """The kept answer is one to exactly what was asked, and whom."""
    agree(journal, Vendor.OPENAI, Vendor.ANTHROPIC)
    journal.suggestions.create("I want to")
    journal.settings.update(preferences=PreferencesPatch(tone=Tone.PLAYFUL))
    journal.suggestions.create("I want to")
    elsewhere.model = "model-2"
    journal.suggestions.create("I want to")
    elsewhere.version = "2"
    journal.suggestions.create("I want to")
    assert len(elsewhere.sent) == 4
    elsewhere.provider = "anthropic"
    elsewhere.vendor = Vendor.ANTHROPIC
    journal.suggestions.create("I want to")
    assert len(elsewhere.sent) == 5


def test_an_answer_that_can_no_longer_be_read_is_asked_for_anew(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """A release that knows another form of answers is not held up by those kept before."""
    agree(journal)
    journal.suggestions.create("I want to")
    records, account = journal.store.records(CachedAnswer), journal.store.accounts.get("me")
    (kept,) = records.list("me")
    other = attrs.evolve(kept, answer='{"ways":[]}', version=2)
    records.put(account, kept.key, other, replaces=1)
    assert journal.suggestions.create("I want to").provenance.cost_usd > 0
    assert journal.suggestions.create("I want to").provenance.cost_usd == 0
    assert len(elsewhere.sent) == 2


def test_the_cache_is_each_users_own(
    journal: Reflekt, elsewhere: Elsewhere, store: Store, clock: FakeClock
) -> None:
    """Nobody learns from the cost of an answer that somebody else wrote the same."""
    agree(journal)
    journal.suggestions.create("I want to")
    other = Reflekt.on(store, user="other", assistant=[elsewhere], clock=clock)
    agree(other)
    assert other.suggestions.create("I want to").provenance.cost_usd > 0


def test_an_entry_deleted_for_good_takes_kept_answers_along(
    journal: Reflekt, clock: FakeClock
) -> None:
    """Of every text it ever had."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    journal.drain()
    journal.entries.update(entry.id, content="In the hills.")
    journal.drain()
    assert len(journal.store.records(CachedAnswer).list("me").items) == 2
    journal.entries.delete(entry.id, permanent=True)
    journal.drain()
    assert list(journal.store.records(CachedAnswer).list("me")) == []


def test_an_entry_deleted_for_good_takes_summaries_along(journal: Reflekt) -> None:
    """Kept ones and those remembered under a key; answers to drafts stay."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    for month in (10, 11):
        key = f"of {month}"
        journal.summaries.create(date(2026, month, 1), date(2026, 11, 30), idempotency_key=key)
    journal.suggestions.create("I want to", idempotency_key="mine")
    assert len(journal.store.records(CachedAnswer).list("me").items) == 3
    journal.entries.delete(entry.id, permanent=True)
    journal.drain()
    (kept,) = journal.store.records(CachedAnswer).list("me").items
    (receipt,) = journal.store.records(Receipt).list("me").items
    assert kept.key.startswith("suggest-")
    assert receipt.key.startswith("suggestions.create-")


def test_a_summary_of_what_is_deleted_meanwhile_is_not_kept(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """Who follows from the deletion before the answer is there finds no summary to forget."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    journal.entries.create("In the hills.")
    journal.drain()

    def delete() -> None:
        elsewhere.meanwhile = lambda: None
        journal.entries.delete(entry.id, permanent=True)
        journal.drain()

    elsewhere.meanwhile = delete
    period = date(2026, 11, 1), date(2026, 11, 30)
    journal.summaries.create(*period, idempotency_key="mine")
    kept = journal.store.records(CachedAnswer).list("me")
    assert [one.key for one in kept if one.key.startswith("summarise-")] == []
    assert list(journal.store.records(Receipt).list("me")) == []
    journal.summaries.create(*period, idempotency_key="mine")
    assert len(journal.store.records(Receipt).list("me").items) == 1


def test_kept_answers_expire(journal: Reflekt, clock: FakeClock) -> None:
    """After a month nothing is left of a draft."""
    agree(journal)
    journal.suggestions.create("I want to")
    clock.advance(days=31)
    journal.drain()
    assert list(journal.store.records(CachedAnswer).list("me")) == []


def test_the_same_is_not_asked_twice_at_once(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Who asks while an answer is on its way is told to try again in a moment."""
    agree(journal)
    caught: list[AssistantError] = []

    def ask_again() -> None:
        elsewhere.meanwhile = lambda: None
        with pytest.raises(AssistantError) as error:
            journal.suggestions.create("I want to")
        caught.append(error.value)

    elsewhere.meanwhile = ask_again
    journal.suggestions.create("I want to")
    assert (caught[0].code, caught[0].retryable) == ("ai_being_asked", True)
    assert len(elsewhere.sent) == 1


def test_an_insight_on_its_way_is_not_made_by_somebody_else(
    store: Store, clock: FakeClock, elsewhere: Elsewhere
) -> None:
    """Who asks meanwhile is told that it is pending, even where this machine could step in."""
    journal = Reflekt.on(store, assistant=[elsewhere, local_assistant()], clock=clock)
    agree(journal)
    entry = journal.entries.create("By the sea.")
    meanwhile: list[Any] = []

    def ask_again() -> None:
        elsewhere.meanwhile = lambda: None
        meanwhile.append(journal.entries.analyse(entry.id))

    elsewhere.meanwhile = ask_again
    view = journal.entries.analyse(entry.id)
    assert meanwhile == [InsightState(InsightStatus.PENDING)]
    assert isinstance(view, InsightView)
    assert view.provenance.provider == "openai"
    assert len(elsewhere.sent) == 1


def test_an_insight_is_made_although_a_process_died_over_it(
    journal: Reflekt, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """Who finds that the same is being asked waits until nobody can be at it any more."""
    agree(journal)
    entry = journal.entries.create("By the sea.")
    elsewhere.error = Crash()  # type: ignore[assignment] - it is no Exception: that is the point
    monkeypatch.setattr(Gate, "_settle", lambda *_: None)
    with pytest.raises(Crash):
        journal.drain()
    monkeypatch.undo()
    elsewhere.error = None
    for _ in range(61):
        journal.drain()
        clock.advance(seconds=1)
    assert seen(journal, entry.id).provenance.provider == "openai"
    assert list(journal.store.outbox.parked()) == []


def test_a_clock_that_was_wrong_does_not_hold_up_answers(
    journal: Reflekt, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """A call that was begun in the future is not under way."""
    agree(journal)
    clock.advance(minutes=40)
    elsewhere.error = Crash()  # type: ignore[assignment] - it is no Exception: that is the point
    monkeypatch.setattr(Gate, "_settle", lambda *_: None)
    with pytest.raises(Crash):
        journal.suggestions.create("I want to")
    monkeypatch.undo()
    elsewhere.error = None
    clock.advance(minutes=-40)
    assert journal.suggestions.create("I want to").provenance.provider == "openai"


def test_an_answer_to_an_older_text_is_not_kept(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """The entry, when it is deleted, would not know of it."""
    agree(journal)
    entry = journal.entries.create("By the sea.")

    def edit() -> None:
        elsewhere.meanwhile = lambda: None
        journal.entries.update(entry.id, content="In the hills.")
        journal.entries.analyse(entry.id)

    elsewhere.meanwhile = edit
    journal.drain()
    assert seen(journal, entry.id).summary == "In the hills."
    journal.entries.delete(entry.id, permanent=True)
    journal.drain()
    assert list(journal.store.records(CachedAnswer).list("me")) == []


def test_a_vendors_answer_is_not_taken_for_one_of_this_machine(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """The same model on a server of this machine is asked itself."""
    agree(journal)
    journal.suggestions.create("I want to")
    elsewhere.vendor = None
    journal.suggestions.create("I want to")
    assert len(elsewhere.sent) == 2


# The budget


def test_a_spent_budget_leaves_this_machine(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """It answers until the next day of UTC begins."""
    agree(journal, daily_budget_usd=Decimal("0.000110"))
    first = journal.suggestions.create("I want to").provenance
    second = journal.suggestions.create("I want more").provenance
    assert (first.provider, second.provider) == ("openai", "local")
    assert second.passed_over == (PassedOver("openai", "ai_budget_exceeded"),)
    journal.clock.advance(days=1)  # type: ignore[attr-defined] - the clock of these tests is a fake
    assert journal.suggestions.create("I want all").provenance.provider == "openai"


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({"daily_token_budget": 999}, "local"),
        ({"daily_token_budget": 1000}, "openai"),
        ({"daily_budget_usd": Decimal("0.000099")}, "local"),
        ({"daily_budget_usd": Decimal("0.000100")}, "openai"),
        ({"daily_budget_usd": None, "daily_token_budget": None}, "openai"),
    ],
)
def test_the_worst_case_must_fit(journal: Reflekt, changes: dict[str, Any], answers: str) -> None:
    """In tokens and in money, to the last one; no budget is no limit."""
    agree(journal, **changes)
    assert journal.suggestions.create("I want to").provenance.provider == answers


def test_a_model_without_a_price_is_not_guessed_at(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """It is not asked as long as there is a budget in money."""
    elsewhere.price = None
    agree(journal)
    made = journal.suggestions.create("I want to").provenance
    assert made.passed_over == (PassedOver("openai", "ai_price_unknown"),)
    agree(journal, daily_budget_usd=None)
    assert journal.suggestions.create("I want to").provenance.provider == "openai"


def test_what_failed_attempts_cost_is_counted(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Also when there is no answer in the end; what surely cost nothing is given back."""
    agree(journal)
    elsewhere.error = KeyRefused("the key is not accepted", provider="openai")
    with pytest.raises(KeyRefused):
        journal.suggestions.create("I want to")
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert (usage.calls, usage.cost_usd, usage.holds) == (0, 0, ())


def test_what_was_never_settled_stays_spent(
    journal: Reflekt, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch, clock: FakeClock
) -> None:
    """After a crash nobody knows whether the vendor was paid."""
    agree(journal, daily_budget_usd=Decimal("0.000150"))
    elsewhere.error = Crash()  # type: ignore[assignment] - it is no Exception: that is the point
    monkeypatch.setattr(Gate, "_settle", lambda *_: None)
    with pytest.raises(Crash):
        journal.suggestions.create("I want to")
    monkeypatch.undo()
    elsewhere.error = None
    clock.advance(minutes=2)
    assert journal.suggestions.create("I want to").provenance.provider == "local"
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert usage.cost_gone_usd == Decimal("0.000100")


def test_many_threads_cannot_overspend_by_one_cent(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Of 64 at once exactly as many are asked as the worst case of each allows."""
    elsewhere.price = Decimal("0.010000")
    agree(journal, daily_budget_usd=Decimal("0.100000"), daily_token_budget=None)
    gate, account = journal._context.gate, journal.store.accounts.get("me")
    released: list[int] = []

    def hold(number: int) -> None:
        task = SuggestWays(f"I want {number}")
        settings = gate.settings(account)
        try:
            gate._hold(elsewhere, account, settings, task, str(number))
        except BudgetExceeded:
            return
        released.append(number)

    at_once([lambda n=n: hold(n) for n in range(64)])  # type: ignore[misc] - mypy knows no default
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert len(released) == len(usage.holds) == 10
    assert usage.cost_gone_usd == Decimal("0.100000")


def test_threads_that_ask_and_settle_count_every_call(
    journal: Reflekt, elsewhere: Elsewhere
) -> None:
    """No call and no token is lost between them."""
    agree(journal, daily_budget_usd=None, daily_token_budget=None)
    at_once(
        [lambda n=n: journal.suggestions.create(f"I want {n}") for n in range(16)]  # type: ignore[misc] - as above
    )
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert (usage.calls, usage.input_tokens, usage.holds) == (16, 1600, ())


def test_a_days_usage_is_that_of_the_day_it_began(
    journal: Reflekt, elsewhere: Elsewhere, clock: FakeClock
) -> None:
    """A call over midnight is settled where it was set aside."""
    agree(journal)
    clock.now = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
    elsewhere.meanwhile = lambda: clock.advance(seconds=5)
    journal.suggestions.create("I want to")
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert (usage.date, usage.calls, usage.holds) == (date(2026, 11, 22), 1, ())


# Redaction


def test_what_tells_who_is_who_is_not_sent(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Addresses, numbers and the names a user lists are replaced, and come back in the answer."""
    agree(journal, private_names=("Ada",))
    text = "Ada wrote to me from ada@example.org. I want to call Ada on +44 20 7946 0958."
    entry = journal.entries.create(text, title="About Ada")
    view = seen(journal, entry.id)
    (task,) = elsewhere.sent
    assert isinstance(task, AnalyseEntry)
    sent = f"{task.title} {task.content}"
    assert "Ada" not in sent
    assert "example.org" not in sent
    assert "7946" not in sent
    told = " ".join((view.summary, *view.questions, *view.observations))
    assert "[" not in told
    assert "Ada" in told


def test_redaction_can_be_switched_off(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Then the text is sent as it is."""
    agree(journal, redact=False)
    journal.suggestions.create("Write to ada@example.org")
    assert elsewhere.sent == [SuggestWays("Write to ada@example.org")]


def test_no_id_of_the_user_is_sent(store: Store, elsewhere: Elsewhere, clock: FakeClock) -> None:
    """Nothing in a task says whose it is."""
    journal = Reflekt.on(store, user="user-7c1f", assistant=[elsewhere], clock=clock)
    agree(journal)
    use_everything(journal)
    assert elsewhere.sent
    assert "user-7c1f" not in repr(elsewhere.sent)


# What requests leave out


def test_prompts_follow_the_settings(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Favourite themes, language and tone shape what is asked for."""
    agree(journal)
    journal.settings.update(
        preferences=PreferencesPatch(favourite_themes=("the sea",), language="de", tone=Tone.DIRECT)
    )
    journal.prompts.generate()
    (task,) = elsewhere.sent
    asked = attrs.asdict(task)
    assert (asked["themes"], asked["language"], asked["tone"]) == (("the sea",), "de", "direct")


def test_a_summary_brings_what_the_figures_bear_out(journal: Reflekt) -> None:
    """The observations of the period stand beside its text."""
    today = journal.clock()
    for day in range(28):
        at = today - timedelta(days=27 - day)
        mood = 5 if at.weekday() >= 5 else 2
        journal.entries.create("A day.", mood=mood, occurred_at=at)
    made = journal.summaries.create(date(2026, 10, 26), date(2026, 11, 22))
    assert any("weekend" in one for one in made.observations)


def test_settings_decide_anew_each_time(journal: Reflekt, elsewhere: Elsewhere) -> None:
    """Consent counts from the very next question."""
    journal.suggestions.create("I want to")
    agree(journal)
    journal.suggestions.create("I want to")
    assert len(elsewhere.sent) == 1
    assert Settings().ai.consent == ()


def test_an_assistant_of_ones_own_is_asked_in_its_place(store: Store, clock: FakeClock) -> None:
    """It runs in this process, so that it needs no consent."""

    class Mine(Assistant):
        def answer(self, task: Any) -> Any:
            return attrs.evolve(local_assistant().answer(task), provider="mine")

    journal = Reflekt.on(store, assistant=Mine(), clock=clock)
    assert journal.suggestions.create("I want to").provenance.provider == "mine"
