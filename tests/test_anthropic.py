"""Anthropic's models."""

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.errors import (
    AssistantError,
    InputTooLong,
    ProviderMisconfigured,
    ProviderUnavailable,
    QuotaExhausted,
    TooManyCalls,
)
from reflekt_core.model.assistance import Access
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Completion
from reflekt_core.providers import anthropic as module
from reflekt_core.providers.anthropic import AnthropicCompletion
from reflekt_core.testing import CompletionContract
from reflekt_core.testing.completions import ANSWER, KEY, ask, failure
from reflekt_core.testing.vendor_server import FakeVendor
from reflekt_core.testing.wires import AnthropicWire, Wire


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_MODEL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


class TestMessages(CompletionContract):
    """Anthropic itself."""

    @pytest.fixture
    def wire(self) -> Wire:
        """Give the Messages API."""
        return AnthropicWire()

    @pytest.fixture
    def completion(self, server: FakeVendor) -> Completion:
        """Give a model of Anthropic whose requests end on this machine."""
        return AnthropicCompletion(Access(KEY), http_client=server.client())


@pytest.fixture
def server() -> Any:
    """A vendor on this machine."""
    with FakeVendor() as server:
        yield server


@pytest.fixture
def completion(server: FakeVendor) -> AnthropicCompletion:
    """A model of Anthropic whose requests end on this machine."""
    return AnthropicCompletion(Access(KEY), http_client=server.client())


def test_messages_with_a_schema(server: FakeVendor, completion: Completion) -> None:
    """The schema goes where Anthropic wants it, without a name, which it does not know."""
    server.will(AnthropicWire().writes(ANSWER))
    ask(completion)
    (received,) = server.received
    assert received.line == "POST /v1/messages HTTP/1.1"
    assert received.json["output_config"]["format"]["type"] == "json_schema"
    assert "title" not in received.json["output_config"]["format"]["schema"]
    assert received.headers["anthropic-version"]


def test_the_sdk_takes_nothing_else_from_the_environment(
    server: FakeVendor, completion: Completion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither tokens, profiles nor headers of other programs, nor facts of the machine, go out."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-others")
    monkeypatch.setenv("ANTHROPIC_PROFILE", "profile-of-others")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "Authorization: of others\nX-Others: of others")
    server.will(AnthropicWire().writes(ANSWER))
    ask(completion)
    headers = server.received[0].headers
    assert headers.keys() <= {
        *("host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"),
        *("authorization", "connection", "anthropic-version"),
    }
    assert "others" not in str(headers)
    assert headers["accept-encoding"] == "identity"


def test_nothing_is_traced(
    server: FakeVendor, completion: Completion, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK can put whole texts into traces; it is not to trace at all."""
    asked_for: list[Any] = []
    monkeypatch.setattr("opentelemetry.trace.get_tracer", lambda *_, **__: asked_for.append(1))
    server.will(AnthropicWire().writes(ANSWER))
    ask(completion)
    assert asked_for == []


def test_a_default_that_anthropic_has() -> None:
    """Without a word about it the model is a current, cheap one; any other name is passed on."""
    assert AnthropicCompletion(Access(KEY)).model == "claude-haiku-5-5"
    assert AnthropicCompletion(Access(KEY, "claude-7")).model == "claude-7"


def test_a_server_of_ones_own(server: FakeVendor) -> None:
    """A server on this machine with the same API needs neither key nor consent."""
    server.will(AnthropicWire().writes(ANSWER))
    completion = AnthropicCompletion(Access(model="gemma-4", base_url=server.url))
    assert completion.vendor is None
    assert ask(completion).text == ANSWER
    assert "authorization" not in server.received[0].headers


def test_elsewhere_it_is_a_vendor() -> None:
    """A server that is not on this machine needs consent."""
    completion = AnthropicCompletion(Access(base_url="https://llm.example.org"))
    assert completion.vendor is Vendor.ANTHROPIC


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("model_context_window_exceeded", InputTooLong),
        ("tool_use", ProviderUnavailable),
        ("pause_turn", ProviderUnavailable),
        (None, ProviderUnavailable),
        (["end_turn"], ProviderUnavailable),
    ],
)
def test_an_answer_that_ended_badly(
    server: FakeVendor, completion: Completion, reason: Any, kind: type[AssistantError]
) -> None:
    """Only what the model ended by itself counts; the rest was paid for all the same."""
    server.will(AnthropicWire().writes(ANSWER, stop_reason=reason))
    error = failure(completion)
    assert type(error) is kind
    assert not error.surely_unbilled


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "enforced_spend_limit_reached", QuotaExhausted),
        (403, "contract_spend_limit_reached", QuotaExhausted),
        (429, "linked_organization_spend_limit_reached", QuotaExhausted),
        (429, "ramp_limit_exceeded", TooManyCalls),
    ],
)
def test_a_limit_of_money_is_no_limit_of_speed(
    server: FakeVendor, completion: Completion, status: int, code: str, kind: type[AssistantError]
) -> None:
    """The code in the details decides, whatever the status."""
    error = {"type": "rate_limit_error", "message": "", "details": {"error_code": code}}
    server.will(AnthropicWire().answers({"type": "error", "error": error}, status))
    assert type(failure(completion)) is kind


@pytest.mark.parametrize(
    "words", ["Your credit balance is too low", "You have reached your specified API usage limits"]
)
def test_an_empty_account_may_be_told_in_words_alone(
    server: FakeVendor, completion: Completion, words: str
) -> None:
    """Anthropic has sent 400 without a code for it."""
    server.will(AnthropicWire().fails(400, "invalid_request_error", words))
    assert type(failure(completion)) is QuotaExhausted


@pytest.mark.parametrize("thought", [31, -1, "9", True, None])
def test_nobody_thinks_more_than_they_write(
    server: FakeVendor, completion: Completion, thought: Any
) -> None:
    """What cannot be true of thought tokens is not believed, and the rest still is."""
    usage = AnthropicWire().body(ANSWER)["usage"]
    usage["output_tokens_details"]["thinking_tokens"] = thought
    server.will(AnthropicWire().writes(ANSWER, usage=usage))
    told = ask(completion).usage
    assert (told.output_tokens, told.reasoning_tokens) == (30, 0)


def test_only_text_is_the_answer(server: FakeVendor, completion: Completion) -> None:
    """Blocks of any other type are not taken for what the model writes."""
    body = AnthropicWire().body(ANSWER)
    body["content"][:0] = [{"type": "thinking", "text": "Hm."}]
    server.will(AnthropicWire().answers(body))
    assert ask(completion).text == ANSWER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "input_tokens", "output_tokens_details"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON, JSON, JSON)
def test_no_nonsense_is_too_much(reason: Any, content: Any, usage: Any) -> None:
    """Whatever JSON comes, it is read as a text or as an error, with counts that are counts."""
    for ended in (reason, "end_turn"):
        for blocks in (content, [content, {"type": "text", "text": content}]):
            said = module._read({"stop_reason": ended, "content": blocks, "usage": usage})
            assert isinstance(said.text, str)
            assert said.usage is None or min(said.usage.input_tokens, said.usage.output_tokens) >= 0


def test_without_a_key_it_says_which_variable() -> None:
    """Who has no key is told where it belongs, at the first call."""
    completion = AnthropicCompletion(http_client=httpx2.Client())
    with pytest.raises(ProviderMisconfigured, match="ANTHROPIC_API_KEY"):
        ask(completion)
