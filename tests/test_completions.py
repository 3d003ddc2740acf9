"""How vendors' models are reached and fail, and the models that stand in for them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.errors import (
    AssistantError,
    InputTooLong,
    ProviderMisconfigured,
    TooManyCalls,
    UnsupportedCapability,
)
from reflekt_core.model.assistance import Access, Reply
from reflekt_core.model.insights import Usage
from reflekt_core.model.settings import Vendor
from reflekt_core.providers.anthropic import AnthropicCompletion
from reflekt_core.providers.language_model.faults import (
    complaint,
    kind_of,
    request_id,
    retry_after,
)
from reflekt_core.providers.language_model.vendors import VendorCompletion
from reflekt_core.providers.openai import OpenAICompletion
from reflekt_core.testing import FunctionCompletion, ScriptedCompletion, forbid_real_calls
from reflekt_core.testing.completions import INSTRUCTIONS, SCHEMA, TEXT, ask

VENDORS: list[type[VendorCompletion]] = [OpenAICompletion, AnthropicCompletion]


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REFLEKT_FORBID_AI_CALLS", raising=False)
    for vendor in ("OPENAI", "ANTHROPIC"):
        for name in ("API_KEY", "MODEL", "BASE_URL"):
            monkeypatch.delenv(f"{vendor}_{name}", raising=False)


# Stand-ins


def test_a_script_is_given_in_order() -> None:
    """Objects come as JSON, texts as they are, replies whole; errors are raised."""
    error = TooManyCalls("slow down", provider="scripted")
    reply = Reply("{}", Usage(1, 2), "req_1")
    completion = ScriptedCompletion([{"mood": "“ü”"}, "no JSON", reply, error])
    assert ask(completion).text == '{"mood": "“ü”"}'
    assert ask(completion).text == "no JSON"
    assert ask(completion) is reply
    with pytest.raises(TooManyCalls) as caught:
        ask(completion)
    assert caught.value is error


def test_a_script_keeps_what_it_was_asked() -> None:
    """Tests can look at every request, those that ended in an error too."""
    completion = ScriptedCompletion([{}, InputTooLong("too long", provider="scripted")])
    ask(completion)
    with pytest.raises(InputTooLong):
        ask(completion, text="more")
    first, second = completion.requests
    assert (first.instructions, first.text, first.schema) == (INSTRUCTIONS, TEXT, SCHEMA)
    assert second.text == "more"
    assert first.max_output_tokens > 0
    assert first.timeout_seconds > 0


def test_a_script_that_is_over_says_so() -> None:
    """One question too many is a failure of the test, not of the model."""
    completion = ScriptedCompletion([{}])
    ask(completion)
    with pytest.raises(AssertionError, match="asked 2 times, but no reply is left"):
        ask(completion)


def test_stand_ins_have_the_names_they_are_given() -> None:
    """A script can pass for a vendor's model; of its own it is on this machine."""
    scripted = ScriptedCompletion([], vendor=Vendor.OPENAI, provider="openai", model="gpt-6-luna")
    assert (scripted.vendor, scripted.provider) == (Vendor.OPENAI, "openai")
    assert scripted.model == "gpt-6-luna"
    assert ScriptedCompletion([]).vendor is None
    assert FunctionCompletion(lambda asked: asked.text).vendor is None


def test_a_function_answers_what_it_is_asked() -> None:
    """What the function returns depends on the question."""
    completion = FunctionCompletion(lambda asked: {"length": len(asked.text)})
    assert ask(completion, text="four").text == '{"length": 4}'
    assert ask(completion, text="seven!!").text == '{"length": 7}'
    assert [asked.text for asked in completion.requests] == ["four", "seven!!"]


def test_stand_ins_count_tokens() -> None:
    """Budgets see something: every byte in and out is a token."""
    completion = ScriptedCompletion(["ü", "\ud83c"])
    assert ask(completion, text="ü").usage == Usage(len(INSTRUCTIONS) + 2, 2)
    assert ask(completion, text="\ud83c").usage == Usage(len(INSTRUCTIONS) + 1, 1)


def test_threads_share_a_script() -> None:
    """Each reply is given once, whoever asks."""
    completion = ScriptedCompletion([str(number) for number in range(100)])
    given: list[str] = []
    threads = [
        Thread(target=lambda: given.extend(ask(completion).text for _ in range(25)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, given)) == list(range(100))


# Names, addresses and keys


@pytest.mark.parametrize("kind", VENDORS)
def test_the_environment_says_what_access_does_not(
    kind: type[VendorCompletion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Model and address come from the environment unless they are given; blank is not set."""
    prefix = kind.service.name.upper()
    monkeypatch.setenv(f"{prefix}_MODEL", " gemma-4 ")
    monkeypatch.setenv(f"{prefix}_BASE_URL", "http://localhost:11434/v1")
    assert (kind().model, kind().vendor) == ("gemma-4", None)
    given = kind(Access(model="other", base_url="https://llm.example.org"))
    assert (given.model, given.vendor) == ("other", kind.service.vendor)
    monkeypatch.setenv(f"{prefix}_MODEL", " ")
    monkeypatch.setenv(f"{prefix}_BASE_URL", " ")
    assert (kind().model, kind().vendor) == (kind.service.default_model, kind.service.vendor)


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:11434/v1",
        "http://127.9.8.7",
        "http://[::1]:8080/v1/",
        "HTTP://LOCALHOST/v1",
        "https://localhost:8443",
    ],
)
def test_this_machine_is_no_vendor(kind: type[VendorCompletion], address: str) -> None:
    """What goes to this machine leaves nothing, so it needs no consent."""
    assert kind(Access(base_url=address)).vendor is None


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize(
    "address",
    [
        "http://api.openai.com/v1",
        "http://192.168.0.7:11434/v1",
        "http://0.0.0.0:11434",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://127.1",
        "http://2130706433",
        "http://[::2]",
        "http://example.org#@127.0.0.1",
        "http://127.0.0.1@example.org",
        "https://me:secret@example.org",
        "https://example.org\\@127.0.0.1",
        "https://example.org/v1?key=1",
        "https://example.org/v1#part",
        "https://exa mple.org",
        "https://example.org:port",
        "https://[::1",
        "ftp://example.org",
        "localhost:11434",
        "https://",
        "https://-",
        "x",
    ],
)
def test_an_address_must_be_safe(kind: type[VendorCompletion], address: str) -> None:
    """Text does not travel in the clear, nor to an address that can be read in two ways."""
    with pytest.raises(ProviderMisconfigured, match=kind.service.variable("BASE_URL")) as caught:
        kind(Access(base_url=address))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "used"),
    [
        (" https://LLM.example.org:8443/v1/ ", "https://llm.example.org:8443/v1"),
        ("HTTP://LocalHost", "http://localhost"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("https://exa\nmple.org\t/v1", "https://example.org/v1"),
    ],
)
def test_an_address_is_read_once(given: str, used: str) -> None:
    """What goes to the SDK is what was judged, put together anew."""
    assert OpenAICompletion(Access(base_url=given)).address.base_url == used


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize("key", ["sk-gehe\nim", "sk-geheim-ü", "sk-geheim\x00", "sk geheim"])
def test_a_key_that_cannot_be_one_is_not_shown(kind: type[VendorCompletion], key: str) -> None:
    """The message names the variable, and nothing of the key."""
    with pytest.raises(ProviderMisconfigured, match=kind.service.variable("API_KEY")) as caught:
        ask(kind(Access(key)))
    assert "gehe" not in f"{caught.value!r} {caught.value.__context__!r}"
    assert "gehe" not in repr(Access(key))


@pytest.mark.parametrize("kind", VENDORS)
def test_a_missing_key_is_named(kind: type[VendorCompletion]) -> None:
    """Who has none is told which variable to set; trying again does not help."""
    with pytest.raises(ProviderMisconfigured, match=kind.service.variable("API_KEY")) as caught:
        ask(kind(Access("  ")))
    assert not caught.value.retryable
    assert caught.value.surely_unbilled


def test_a_key_that_cannot_be_fetched_is_a_setting() -> None:
    """What the function that fetches the key says, when it fails, is not passed on."""

    def fail() -> str:
        raise OSError("vault://secret-place")

    for fetch in (fail, lambda: None):
        with pytest.raises(ProviderMisconfigured) as caught:
            ask(OpenAICompletion(Access(fetch)))  # type: ignore[arg-type]
        assert "secret-place" not in f"{caught.value} {caught.value.__context__!r}"


@pytest.mark.parametrize("kind", VENDORS)
def test_the_package_is_named_if_it_is_missing(
    kind: type[VendorCompletion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who installed Reflekt without the vendor's extra is told which one it is."""
    monkeypatch.setitem(sys.modules, kind.service.name, None)
    with pytest.raises(ProviderMisconfigured, match="reflekt-journal") as caught:
        ask(kind(Access("sk-made-up")))
    assert f"reflekt-journal[{kind.service.name}]" in str(caught.value)


@pytest.mark.parametrize("kind", ["openai:OpenAICompletion", "anthropic:AnthropicCompletion"])
def test_making_one_is_cheap(kind: str) -> None:
    """No SDK is imported before the first call."""
    module, _, name = kind.partition(":")
    program = (
        f"import sys; from reflekt_core.providers.{module} import {name}; {name}().model;"
        "print({'openai', 'anthropic', 'httpx2', 'pydantic'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()"


# Forbidding real calls


@pytest.mark.parametrize("kind", VENDORS)
@pytest.mark.parametrize("address", [None, "http://127.0.0.1:9/v1"])
def test_real_calls_can_be_forbidden(kind: type[VendorCompletion], address: str | None) -> None:
    """Within, no call goes out, not even to this machine or from another thread."""
    completion = kind(Access("sk-made-up", base_url=address))
    errors: list[AssistantError] = []

    def call() -> None:
        with pytest.raises(AssistantError) as caught:
            ask(completion)
        errors.append(caught.value)

    with forbid_real_calls(), forbid_real_calls():
        call()
        thread = Thread(target=call)
        thread.start()
        thread.join()
    assert [type(error) for error in errors] == [ProviderMisconfigured] * 2
    assert "forbid_real_calls" in str(errors[0])


def test_the_ban_ends_with_the_last_who_wants_it() -> None:
    """Each ban ends for itself."""
    completion = OpenAICompletion()
    with forbid_real_calls():
        with forbid_real_calls():
            pass
        with pytest.raises(ProviderMisconfigured, match="forbid_real_calls"):
            ask(completion)
    with pytest.raises(ProviderMisconfigured, match="OPENAI_API_KEY"):
        ask(completion)


@pytest.mark.parametrize(
    ("value", "forbidden"), [("1", True), ("yes", True), ("0", False), ("No", False), ("", False)]
)
def test_the_environment_forbids_for_a_whole_process(
    monkeypatch: pytest.MonkeyPatch, value: str, *, forbidden: bool
) -> None:
    """Anything but a no is a yes."""
    monkeypatch.setenv("REFLEKT_FORBID_AI_CALLS", value)
    expected = "REFLEKT_FORBID_AI_CALLS" if forbidden else "OPENAI_API_KEY"
    with pytest.raises(ProviderMisconfigured, match=expected):
        ask(OpenAICompletion())


# What vendors' refusals mean


@given(st.integers(0, 599), st.recursive(st.none() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["error", "message", "type", "code", "param", "details", "error_code"]), inner), max_leaves=10))  # fmt: skip
def test_every_refusal_means_something(status: int, body: Any) -> None:
    """Whatever comes with whatever status is one of the errors."""
    assert issubclass(kind_of(complaint(status, body)), AssistantError)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"type": "exceed_context_size_error", "code": 400}},
        {"object": "error", "message": "maximum context length is 4096", "code": 400},
        {"error": {"message": "the request exceeds the available context size"}},
        {"error": {"code": "string_above_max_length"}},
    ],
)
def test_servers_say_in_many_ways_that_a_text_is_too_long(body: Any) -> None:
    """OpenAI, vLLM and llama.cpp, old and new, each have their own words."""
    assert kind_of(complaint(400, body)) is InputTooLong


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Invalid parameter", "param": "response_format"},
        {"message": "This model does not support structured outputs"},
        {"message": "output_config: Extra inputs are not permitted"},
    ],
)
def test_a_server_may_not_know_schemas(error: Any) -> None:
    """Old servers and models name the parameter, or the thing itself."""
    assert kind_of(complaint(400, {"error": error})) is UnsupportedCapability


def test_a_date_to_come_back_at() -> None:
    """Retry-After may be an instant, which is told as seconds from now."""
    now = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
    then = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": then}, now) == 90
    assert retry_after({"retry-after": then.replace("GMT", "-0000")}, now) == 90


@given(st.text(max_size=20))
def test_no_time_to_wait_is_unbounded(value: str) -> None:
    """Whatever is sent, the wait is none or from nothing to a day."""
    for name in ("retry-after", "retry-after-ms"):
        seconds = retry_after({name: value})
        assert seconds is None or 0 <= seconds <= 86_400


@given(st.text(max_size=120))
def test_ids_of_requests_are_plain_words(value: str) -> None:
    """Nothing but letters, digits, dashes and underscores gets into an error."""
    named = request_id({"x-request-id": value})
    assert named in {"", value}
    assert all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in named)
