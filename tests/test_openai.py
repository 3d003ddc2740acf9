"""OpenAI's models, and those of servers with its chat completions."""

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.errors import (
    AssistantError,
    ProviderMisconfigured,
    ProviderUnavailable,
    Refused,
    TooManyCalls,
    Truncated,
)
from reflekt_core.model.assistance import Access
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Completion
from reflekt_core.providers import openai as module
from reflekt_core.providers.openai import OpenAICompletion
from reflekt_core.testing import CompletionContract
from reflekt_core.testing.completions import ANSWER, KEY, ask, failure
from reflekt_core.testing.vendor_server import FakeVendor
from reflekt_core.testing.wires import ChatWire, ResponsesWire, Wire


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_MODEL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


class TestResponses(CompletionContract):
    """OpenAI itself."""

    @pytest.fixture
    def wire(self) -> Wire:
        """Give the Responses API."""
        return ResponsesWire()

    @pytest.fixture
    def completion(self, server: FakeVendor) -> Completion:
        """Give a model of OpenAI whose requests end on this machine."""
        return OpenAICompletion(Access(KEY), http_client=server.client())


class TestChat(CompletionContract):
    """A compatible server on this machine, over real connections."""

    @pytest.fixture
    def wire(self) -> Wire:
        """Give chat completions."""
        return ChatWire()

    @pytest.fixture
    def completion(self, server: FakeVendor) -> Completion:
        """Give a model of a server on this machine."""
        return OpenAICompletion(Access(KEY, "gemma-4", f"{server.url}/v1"))


@pytest.fixture
def server() -> Any:
    """A vendor on this machine."""
    with FakeVendor() as server:
        yield server


def test_openai_keeps_nothing(server: FakeVendor) -> None:
    """The schema is strict, and OpenAI is told not to store what it is asked."""
    server.will(ResponsesWire().writes(ANSWER))
    ask(OpenAICompletion(Access(KEY), http_client=server.client()))
    (received,) = server.received
    assert received.line == "POST /v1/responses HTTP/1.1"
    assert received.json["store"] is False
    form = received.json["text"]["format"]
    assert (form["type"], form["name"], form["strict"]) == ("json_schema", "feeling", True)


def test_a_compatible_server_is_asked_in_its_own_way(server: FakeVendor) -> None:
    """Chat completions take a schema, too, and the path of the address is kept."""
    server.will(ChatWire().writes(ANSWER))
    ask(OpenAICompletion(Access(KEY, "gemma-4", f"{server.url}/some/v1/")))
    (received,) = server.received
    assert received.line == "POST /some/v1/chat/completions HTTP/1.1"
    form = received.json["response_format"]["json_schema"]
    assert (form["name"], form["strict"]) == ("feeling", True)


def test_a_server_of_ones_own_needs_no_key(server: FakeVendor) -> None:
    """Without a key none is sent, not even a made-up one."""
    server.will(ChatWire().writes(ANSWER))
    completion = OpenAICompletion(Access(model="gemma-4", base_url=f"{server.url}/v1"))
    assert ask(completion).text == ANSWER
    assert "authorization" not in server.received[0].headers


def test_the_sdk_takes_nothing_else_from_the_environment(
    server: FakeVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither organisation, project nor headers of other programs, nor facts of the machine, go out."""
    monkeypatch.setenv("OPENAI_ORG_ID", "örg-of-others")  # which could not even be sent
    monkeypatch.setenv("OPENAI_PROJECT_ID", "pröject-of-others")
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "admin-key-of-others")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: of others\nX-Others: of others")
    server.will(ResponsesWire().writes(ANSWER))
    ask(OpenAICompletion(Access(KEY), http_client=server.client()))
    headers = server.received[0].headers
    assert headers.keys() <= {
        *("host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"),
        *("authorization", "connection"),
    }
    assert "others" not in str(headers)
    assert headers["accept-encoding"] == "identity"


def test_a_default_that_openai_has() -> None:
    """Without a word about it the model is a current, cheap one; any other name is passed on."""
    assert OpenAICompletion(Access(KEY)).model == "gpt-6-luna"
    assert OpenAICompletion(Access(KEY, "gpt-7-umbra")).model == "gpt-7-umbra"


def test_an_unknown_regional_host_of_openai_is_openai() -> None:
    """Regional addresses of OpenAI have the Responses API."""
    completion = OpenAICompletion(Access(KEY, base_url="https://eu.api.openai.com/v1"))
    assert completion.address.is_own
    assert completion.vendor is Vendor.OPENAI


def test_somebody_elses_server_is_no_less_a_vendor() -> None:
    """A compatible server elsewhere needs the same consent as OpenAI, and may need no key."""
    completion = OpenAICompletion(Access(base_url="https://llm.example.org/v1"))
    assert not completion.address.is_own
    assert completion.vendor is Vendor.OPENAI


@pytest.mark.parametrize(
    ("model", "vendor"),
    [
        ("gemma3:4b", None),
        ("gpt-oss:120b-cloud", Vendor.OPENAI),
        ("kimi-k3:Cloud", Vendor.OPENAI),
    ],
)
def test_a_model_of_ollamas_cloud_is_a_vendors(model: str, vendor: Vendor | None) -> None:
    """A server on this machine that hands text on needs consent as one elsewhere does."""
    access = Access(model=model, base_url="http://127.0.0.1:11434/v1")
    assert OpenAICompletion(access).vendor is vendor


@pytest.mark.parametrize("host", ["evilapi.openai.com.example.org", "myapi.openai.com"])
def test_a_host_that_looks_like_openai_is_not(host: str) -> None:
    """Only the host itself and those below it are the vendor's own."""
    assert not OpenAICompletion(Access(KEY, base_url=f"https://{host}/v1")).address.is_own


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, Refused),
        ({"status": "incomplete", "incomplete_details": None}, ProviderUnavailable),
        ({"status": "failed", "error": {"code": "server_error"}}, ProviderUnavailable),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, TooManyCalls),
        ({"status": "queued"}, ProviderUnavailable),
        ({"status": None}, ProviderUnavailable),
    ],
)
def test_an_answer_that_is_not_finished(
    server: FakeVendor, changes: dict[str, Any], kind: type[AssistantError]
) -> None:
    """Only what is completed counts, whatever text has come; it may have cost something."""
    server.will(ResponsesWire().writes(ANSWER, **changes))
    error = failure(OpenAICompletion(Access(KEY), http_client=server.client()))
    assert type(error) is kind
    assert not error.surely_unbilled


@pytest.mark.parametrize(("reason", "kind"), [("content_filter", Refused), ("length", Truncated)])
def test_a_chat_that_ended_badly(
    server: FakeVendor, reason: str, kind: type[AssistantError]
) -> None:
    """Text that a filter or a limit has cut is no answer."""
    body = ChatWire().body(ANSWER)
    body["choices"][0]["finish_reason"] = reason
    server.will(ChatWire().answers(body))
    completion = OpenAICompletion(Access(KEY, "gemma-4", f"{server.url}/v1"))
    assert type(failure(completion)) is kind


def test_a_schema_without_a_usable_name_gets_one(server: FakeVendor) -> None:
    """Names are cut to what OpenAI allows."""
    server.will(ResponsesWire().writes(ANSWER))
    completion = OpenAICompletion(Access(KEY), http_client=server.client())
    for title in ("a b/ü" + "x" * 99, "", 7):
        completion.complete("", "", {"title": title}, max_output_tokens=9, timeout_seconds=5)
    names = [received.json["text"]["format"]["name"] for received in server.received]
    assert names == ["a_b__" + "x" * 59, "answer", "answer"]


@pytest.mark.parametrize(
    ("cached", "thought", "counted"),
    [(120, 30, (120, 30)), (121, 31, (0, 0)), (-1, -1, (0, 0)), ("9", True, (0, 0))],
)
def test_a_part_is_not_more_than_the_whole(
    server: FakeVendor, cached: Any, thought: Any, counted: tuple[int, int]
) -> None:
    """What cannot be true of cached or thought tokens is not believed: it would lower the price."""
    usage = ResponsesWire().body(ANSWER)["usage"]
    usage["input_tokens_details"]["cached_tokens"] = cached
    usage["output_tokens_details"]["reasoning_tokens"] = thought
    server.will(ResponsesWire().writes(ANSWER, usage=usage))
    told = ask(OpenAICompletion(Access(KEY), http_client=server.client())).usage
    assert (told.cached_tokens, told.reasoning_tokens) == counted
    assert (told.input_tokens, told.output_tokens) == (120, 30)


def test_only_messages_are_the_answer(server: FakeVendor) -> None:
    """What else a model puts out, such as its thoughts, is not taken for what it writes."""
    body = ResponsesWire().body(ANSWER)
    thoughts = [{"type": "output_text", "text": "Hm."}, {"type": "reasoning_text", "text": "Hm."}]
    body["output"][:0] = [{"type": "reasoning", "content": thoughts}]
    body["output"][-1]["content"].append({"type": "reasoning_text", "text": "Hm."})
    server.will(ResponsesWire().answers(body))
    assert ask(OpenAICompletion(Access(KEY), http_client=server.client())).text == ANSWER


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("status", "output", "type", "content", "text", "usage", "input_tokens"),
                    *("choices", "message", "finish_reason", "refusal", "prompt_tokens"),
                    *("incomplete_details", "reason", "error", "code", "output_tokens"),
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["status", "output", "choices", "usage"]), JSON), JSON)
def test_no_nonsense_is_too_much(body: dict[str, Any], inner: Any) -> None:
    """Whatever JSON comes, it is read as a text or as an error, with counts that are counts."""
    message = {"type": "message", "content": inner}
    bodies = [
        body,
        {**body, "status": "completed", "output": [message, inner]},
        {**body, "choices": [{"message": inner}, inner]},
    ]
    for dialect in (module._RESPONSES, module._CHAT):
        for each in bodies:
            said = dialect.read(each)
            assert isinstance(said.text, str)
            assert said.usage is None or min(said.usage.input_tokens, said.usage.output_tokens) >= 0


def test_without_a_key_it_says_which_variable() -> None:
    """Who has no key is told where it belongs, at the first call."""
    completion = OpenAICompletion(http_client=httpx2.Client())
    with pytest.raises(ProviderMisconfigured, match="OPENAI_API_KEY"):
        ask(completion)
