"""Whatever goes wrong at a vendor, through the whole service: nothing is lost, nothing is told on."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import attrs
import httpx2
import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import AssistantError
from reflekt_core.model.assistance import Access
from reflekt_core.model.insights import InsightFailure, InsightView
from reflekt_core.model.settings import Vendor
from reflekt_core.model.settings_patch import AISettingsPatch
from reflekt_core.model.usage import DayUsage
from reflekt_core.ports import Completion
from reflekt_core.providers import local_assistant
from reflekt_core.providers.anthropic import AnthropicCompletion
from reflekt_core.providers.language_model import LanguageModelAssistant
from reflekt_core.providers.language_model.attempts import Timing
from reflekt_core.providers.openai import OpenAICompletion
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock
from reflekt_core.testing.vendor_server import Behaviour, FakeVendor, answering, vanishing
from reflekt_core.testing.wires import AnthropicWire, ChatWire, ResponsesWire, Wire

CANARY = "Canary by the sea"
TEXT = f"{CANARY}: we walked until the sun set. I keep putting off the call with Mum."
CLOSED = "http://127.0.0.1:9"  # nobody listens on the discard port

WIRES: dict[str, tuple[Wire, Callable[[FakeVendor], Completion]]] = {
    "openai": (
        ResponsesWire(),
        lambda server: OpenAICompletion(Access("sk-key"), http_client=server.client()),
    ),
    "compatible": (
        ChatWire(),
        lambda server: OpenAICompletion(Access("sk-key", "gemma-4", f"{server.url}/v1")),
    ),
    "anthropic": (
        AnthropicWire(),
        lambda server: AnthropicCompletion(Access("sk-key"), http_client=server.client()),
    ),
}


@attrs.frozen
class Fault:
    """What happens, the code that comes of it, and how many requests are made."""

    happens: Callable[[Wire], Behaviour]
    code: str
    requests: int


NULLS = {"sentiment": None, "suggestions": None, "summary": None, "prompts": None}
FAULTS = {
    "dropped": Fault(lambda _: vanishing, "ai_unavailable", 3),
    "broken off": Fault(
        lambda wire: answering(200, wire.body("{}"), declared_bytes=100_000), "ai_unavailable", 3
    ),
    "500": Fault(lambda wire: wire.fails(500, "server_error"), "ai_unavailable", 3),
    "503": Fault(lambda wire: wire.fails(503, "overloaded_error"), "ai_unavailable", 3),
    "429": Fault(lambda wire: wire.fails(429, "rate_limit_error"), "ai_rate_limited", 3),
    "429, in an hour": Fault(
        lambda wire: wire.fails(429, "rate_limit_error", retry_after="3600"), "ai_rate_limited", 1
    ),
    "no money": Fault(lambda wire: wire.is_out_of_money(), "ai_quota_exhausted", 1),
    "bad key": Fault(lambda wire: wire.fails(401, "authentication_error"), "ai_key_refused", 1),
    "no such model": Fault(
        lambda wire: wire.fails(404, "not_found_error"), "ai_model_unavailable", 1
    ),
    "too long": Fault(lambda wire: wire.gets_too_much(), "ai_input_too_long", 1),
    "HTML": Fault(
        lambda _: answering(200, b"<html>Welcome to the hotel</html>"), "ai_unavailable", 3
    ),
    "huge": Fault(lambda wire: wire.writes("x" * 3_000_000), "ai_unavailable", 3),
    "redirect": Fault(
        lambda _: answering(307, b"", {"location": f"{CLOSED}/elsewhere"}), "ai_misconfigured", 1
    ),
    "prose": Fault(lambda wire: wire.writes(f"Certainly! {CANARY}"), "ai_invalid_output", 2),
    "nulls": Fault(lambda wire: wire.writes(json.dumps(NULLS)), "ai_invalid_output", 2),
    "empty": Fault(lambda wire: wire.writes(""), "ai_invalid_output", 2),
    "refused": Fault(lambda wire: wire.refuses(), "ai_refused", 1),
    "cut off": Fault(lambda wire: wire.is_cut_off(), "ai_truncated", 2),
}

QUESTIONS = ["What held you back?", "What did the sea look like?", "Who walked with you?"]
GOOD = {
    "analyse": {
        "sentiment": {"label": "mixed", "score": 0.1, "confidence": 0.7},
        "emotions": [{"name": "joy", "score": 0.6}],
        "topics": [{"name": "sea", "score": 0.9}],
        "summary": "You walked by the sea.",
        "questions": QUESTIONS[:2],
        "observations": [],
    },
    "suggest": {"suggestions": QUESTIONS},
    "summarise": {"summary": "You walked by the sea.", "entries": [1], "observations": []},
    "prompts": {
        "prompts": [{"text": QUESTIONS[0], "category": "memory", "themes": ["the sea"]}],
    },
}


class Harness:
    """A journal whose texts are read by a vendor that fails."""

    def __init__(self, server: FakeVendor, kind: str, *, local: bool) -> None:
        self.server = server
        self.wire, make = WIRES[kind]
        self.seconds = 0.0
        self.messages: list[str] = []
        timing = Timing(lambda: self.seconds, self.sleep, lambda: 0.5)
        self.assistant = LanguageModelAssistant(make(server), timing=timing)
        chain = [self.assistant, local_assistant()] if local else [self.assistant]
        self.journal = Reflekt.on(open_store("memory://"), assistant=chain, clock=FakeClock())
        self.journal.settings.update(
            ai=AISettingsPatch(consent=(Vendor.OPENAI, Vendor.ANTHROPIC), daily_token_budget=None)
        )

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.seconds += seconds

    def ask(self, task: str, *behaviours: Behaviour) -> str:
        """Return who answered *task* while the vendor behaved so, or the code of the failure."""
        journal = self.journal
        entry = journal.entries.create(TEXT)
        if task == "summarise":  # which first brings up to date what is known of each entry
            self.server.will(self.wire.writes(json.dumps(GOOD["analyse"])))
            journal.drain()
            self.server.received.clear()
        self.server.will(*behaviours)
        try:
            match task:
                case "analyse":
                    view = journal.entries.analyse(entry.id)
                    assert isinstance(view, InsightView | InsightFailure)
                    told = view.code if isinstance(view, InsightFailure) else ""
                    provenance = getattr(view, "provenance", None)
                case "suggest":
                    told, provenance = "", journal.suggestions.create(TEXT).provenance
                case "summarise":
                    made = journal.summaries.create(date(2026, 1, 1), date(2026, 12, 31))
                    told, provenance = "", made.provenance
                case _:
                    prompts = journal.prompts.generate(themes=[CANARY], count=1)
                    told, provenance = "", prompts.provenance
        except AssistantError as error:
            told, provenance = error.code, None
            self.messages.append(str(error))
        assert journal.entries.get(entry.id) == entry
        return told or f"{provenance.provider} {[p.reason for p in provenance.passed_over]}"  # type: ignore[union-attr] - one of them is there


@pytest.fixture
def server() -> Iterator[FakeVendor]:
    """A vendor on this machine."""
    with FakeVendor() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text
    assert "sk-key" not in caplog.text


@pytest.mark.parametrize("task", GOOD)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", WIRES)
def test_a_fault_is_told_and_nothing_is_lost(
    server: FakeVendor, kind: str, fault: str, task: str
) -> None:
    """The entry is there, the code names the fault, and no more is sent than may help."""
    harness, expected = Harness(server, kind, local=False), FAULTS[fault]
    assert harness.ask(task, expected.happens(harness.wire)) == expected.code
    assert len(server.received) == expected.requests
    assert CANARY not in "".join(harness.messages)
    assert all(not usage.holds for usage in harness.journal.store.records(DayUsage).list("me"))


@pytest.mark.parametrize("task", GOOD)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", WIRES)
def test_this_machine_steps_in(server: FakeVendor, kind: str, fault: str, task: str) -> None:
    """With `local` at the end of the chain there is an answer, which says what went wrong before."""
    harness, expected = Harness(server, kind, local=True), FAULTS[fault]
    provider = "anthropic" if kind == "anthropic" else "openai"
    assert provider == harness.assistant.provider
    told = harness.ask(task, expected.happens(harness.wire))
    assert told == f"local ['{expected.code}']"


@pytest.mark.parametrize("task", GOOD)
@pytest.mark.parametrize("fault", [name for name, fault in FAULTS.items() if fault.requests > 1])
@pytest.mark.parametrize("kind", WIRES)
def test_what_passes_is_got_over(server: FakeVendor, kind: str, fault: str, task: str) -> None:
    """After one such fault a good answer counts."""
    harness = Harness(server, kind, local=False)
    good = harness.wire.writes(json.dumps(GOOD[task]))
    told = harness.ask(task, FAULTS[fault].happens(harness.wire), good)
    assert told == f"{harness.assistant.provider} []"


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("fault", "tokens"), [("refused", 150), ("cut off", 300), ("503", 0), ("bad key", 0)]
)
def test_a_fault_costs_what_the_vendor_says(
    server: FakeVendor, kind: str, fault: str, tokens: int
) -> None:
    """The user's budget is spent by what was used, not by what might have been."""
    harness = Harness(server, kind, local=False)
    harness.ask("suggest", FAULTS[fault].happens(harness.wire))
    (usage,) = harness.journal.store.records(DayUsage).list("me")
    assert usage.tokens_gone == tokens


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_vendor_that_hangs_is_given_up(kind: str) -> None:
    """Each attempt ends, and the last one's failure is told."""

    def hang(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("no answer", request=request)

    client = httpx2.Client(transport=httpx2.MockTransport(hang))
    made: dict[str, Any] = {"openai": OpenAICompletion, "anthropic": AnthropicCompletion}
    timing = Timing(lambda: 0.0, lambda _: None, lambda: 0.5)
    assistant = LanguageModelAssistant(
        made[kind](Access("sk-key"), http_client=client), timing=timing
    )
    journal = Reflekt.on(open_store("memory://"), assistant=assistant)
    journal.settings.update(ai=AISettingsPatch(consent=(Vendor(kind),)))
    entry = journal.entries.create(TEXT)
    assert journal.entries.analyse(entry.id) == InsightFailure("ai_timeout")
    (usage,) = journal.store.records(DayUsage).list("me").items
    assert usage.calls == 3
    assert usage.cost_usd > 0  # nobody knows whether the vendor read it
