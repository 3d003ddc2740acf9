"""Language models for tests, and what every `Completion` must do, as tests."""

import json
import logging
import traceback
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import Any, Final

import attrs
import pytest

from reflekt_core.errors import (
    AnswerTimeout,
    AssistantError,
    InputTooLong,
    InvalidOutput,
    KeyRefused,
    ModelUnavailable,
    ProviderMisconfigured,
    ProviderUnavailable,
    QuotaExhausted,
    Refused,
    TooManyCalls,
    Truncated,
    UnsupportedCapability,
)
from reflekt_core.model.assistance import Capabilities, Reply, Schema
from reflekt_core.model.insights import Usage
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Completion
from reflekt_core.testing.vendor_server import (
    Behaviour,
    FakeVendor,
    answering,
    dribbling,
    hanging,
    vanishing,
)
from reflekt_core.testing.wires import REQUEST_ID, Wire

__all__ = ["Asked", "CompletionContract", "FunctionCompletion", "Scripted", "ScriptedCompletion"]

Scripted = dict[str, Any] | str | Reply | AssistantError
"""What a model is made to give: an object, sent as JSON; text as it is; a reply; an error."""


@attrs.frozen
class Asked:
    """What a model was asked."""

    instructions: str
    text: str
    schema: Schema
    max_output_tokens: int
    timeout_seconds: float


class _Fake(Completion):
    """A model that needs no server. Threads may share one; `requests` is what it was asked."""

    def __init__(
        self,
        *,
        provider: str,
        model: str,
        vendor: Vendor | None = None,
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
    ) -> None:
        self.provider = provider
        self.model = model
        self.vendor = vendor
        self.capabilities = capabilities
        self.requests: list[Asked] = []
        self.lock = Lock()

    def complete(
        self,
        instructions: str,
        text: str,
        schema: Schema,
        *,
        max_output_tokens: int,
        timeout_seconds: float,
    ) -> Reply:
        """Return what it is made to give; its tokens are the bytes that went in and out."""
        asked = Asked(instructions, text, schema, max_output_tokens, timeout_seconds)
        with self.lock:
            self.requests.append(asked)
            given = self.given(asked)
        if isinstance(given, AssistantError):
            raise given
        if isinstance(given, Reply):
            return given
        written = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        read = len((instructions + text).encode(errors="replace"))
        return Reply(written, Usage(read, len(written.encode(errors="replace"))))

    @abstractmethod
    def given(self, asked: Asked) -> Scripted:
        """Return what to give."""


class ScriptedCompletion(_Fake):
    """
    Gives *replies* in their order, and raises those that are errors.

    Asked once more than that, it raises `AssertionError`.
    """

    def __init__(
        self,
        replies: Iterable[Scripted],
        *,
        vendor: Vendor | None = None,
        provider: str = "scripted",
        model: str = "scripted-1",
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(provider=provider, model=model, vendor=vendor, capabilities=capabilities)
        self._replies = deque(replies)

    def given(self, asked: Asked) -> Scripted:
        """Return the next reply."""
        if not self._replies:
            raise AssertionError(f"asked {len(self.requests)} times, but no reply is left")
        return self._replies.popleft()


class FunctionCompletion(_Fake):
    """Gives what *function* returns for what is asked."""

    def __init__(
        self,
        function: Callable[[Asked], Scripted],
        *,
        vendor: Vendor | None = None,
        provider: str = "function",
        model: str = "function-1",
        capabilities: Capabilities = Capabilities(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(provider=provider, model=model, vendor=vendor, capabilities=capabilities)
        self._function = function

    def given(self, asked: Asked) -> Scripted:
        """Return what the function says."""
        return self._function(asked)


# The contract

KEY: Final = "sk-canary-Quetzalcoatlus"
INSTRUCTIONS: Final = "Say how the writer feels."
TEXT: Final = "I saw a Pteranodon at the “lake”, and Tom’s naïve 鳥 flew off. 🌊"
ANSWER: Final = '{"mood": "Rhamphorhynchus, and “calm” 🌊"}'
SCHEMA: Final[Schema] = {
    "title": "feeling",
    "type": "object",
    "properties": {"mood": {"type": "string"}},
    "required": ["mood"],
    "additionalProperties": False,
}
MOST_TOKENS: Final = 700
AMPLE_SECONDS: Final = 60.0
"""The first call imports the SDK, which on a busy machine takes long."""
VENDORS_WORDS: Final = "Dimorphodon"
CANARIES: Final = ("Pteranodon", "Quetzalcoatlus", "Rhamphorhynchus", VENDORS_WORDS)
"""Words of the text, the key, the answer, and the vendor, none of which may show anywhere."""


@attrs.frozen
class Fault:
    """What a vendor does, and what is to come of it."""

    behaviour: Callable[[Wire], Behaviour]
    kind: type[AssistantError]
    retryable: bool = False
    unbilled: bool = True


def _status(status: int, kind: str = "", words: str = "") -> Callable[[Wire], Behaviour]:
    return lambda wire: wire.fails(status, kind, f"{words} {VENDORS_WORDS} {TEXT} {KEY}")


def _fixed(behaviour: Behaviour) -> Callable[[Wire], Behaviour]:
    return lambda _: behaviour


_PAGE: Final = f"<html><body>502 {VENDORS_WORDS} {TEXT}</body></html>".encode()
_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_AWAY: Final = (ProviderUnavailable, True, False)
_TURNED_AWAY: Final = (ProviderUnavailable, True, True)

FAULTS: Final[dict[str, Fault]] = {
    "400": Fault(_status(400, "invalid_request_error"), ProviderMisconfigured),
    "400 for the schema": Fault(
        _status(400, "invalid_request_error", "json_schema is not supported"),
        UnsupportedCapability,
    ),
    "401": Fault(_status(401, "authentication_error"), KeyRefused),
    "402": Fault(_status(402), QuotaExhausted),
    "403": Fault(_status(403, "permission_error"), KeyRefused),
    "403 for the model": Fault(_status(403, "model_not_found"), ModelUnavailable),
    "404": Fault(_status(404, "not_found_error"), ModelUnavailable),
    "408": Fault(_status(408), *_AWAY),
    "409": Fault(_status(409), *_AWAY),
    "413": Fault(_status(413, "request_too_large"), InputTooLong),
    "422": Fault(_status(422), ProviderMisconfigured),
    "429": Fault(_status(429, "rate_limit_error"), TooManyCalls, retryable=True),
    "500": Fault(_status(500, "api_error"), *_AWAY),
    "503": Fault(_status(503), *_TURNED_AWAY),
    "529": Fault(_status(529, "overloaded_error"), *_TURNED_AWAY),
    "out of money": Fault(lambda wire: wire.is_out_of_money(), QuotaExhausted),
    "too much text": Fault(lambda wire: wire.gets_too_much(), InputTooLong),
    "refusal": Fault(lambda wire: wire.refuses(), Refused, unbilled=False),
    "cut off": Fault(lambda wire: wire.is_cut_off(), Truncated, unbilled=False),
    "nothing written": Fault(lambda wire: wire.writes(" "), InvalidOutput, unbilled=False),
    "HTML": Fault(_fixed(answering(200, _PAGE)), *_AWAY),
    "HTML and 502": Fault(_fixed(answering(502, _PAGE)), *_AWAY),
    "HTML and 403": Fault(_fixed(answering(403, _PAGE)), KeyRefused),
    "no JSON": Fault(_fixed(answering(200, b'{"id": ')), *_AWAY),
    "no UTF-8": Fault(_fixed(answering(200, b'{"id": "\xff"}')), *_AWAY),
    "deep JSON": Fault(_fixed(answering(200, b"[" * 100_000)), *_AWAY),
    "an empty body": Fault(_fixed(answering(200)), *_AWAY),
    "an empty object": Fault(_fixed(answering(200, {})), *_AWAY),
    "a list": Fault(_fixed(answering(200, [TEXT])), *_AWAY),
    "compressed": Fault(_fixed(answering(200, _PAGE, {"content-encoding": "gzip"})), *_AWAY),
    "endless": Fault(_fixed(answering(200, b" " * 3_000_000)), *_AWAY),
    "no answer": Fault(_fixed(vanishing), *_AWAY),
    "half an answer": Fault(_fixed(answering(200, _PAGE, declared_bytes=9999)), *_AWAY),
    "no HTTP": Fault(_fixed(dribbling(b"SSH-2.0-" + _PAGE + b"\r\n\r\n")), *_AWAY),
}

SLOW: Final[dict[str, Behaviour]] = {
    "never": hanging,
    "letter by letter": dribbling(_HEAD + b"Content-Length: 9999\r\n\r\n"),
    "headers letter by letter": dribbling(_HEAD + b"X-Slow: "),
}

NONSENSE_USAGE: Final[list[Any]] = [
    None,
    {},
    [],
    "many",
    dict.fromkeys(("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"), -1),
    dict.fromkeys(("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"), True),
    dict.fromkeys(("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"), "9"),
    dict.fromkeys(("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"), 1.5),
    dict.fromkeys(("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens"), 10**99),
    {"input_tokens": 3, "prompt_tokens": 3},
]


class CompletionContract:
    """
    Tests of `Completion.complete`, over what really goes through the wire.

    A subclass provides the fixtures `wire`, the vendor's API, and `completion`, which calls
    `server` with `KEY` for its key.
    """

    @pytest.fixture
    def server(self) -> Iterator[FakeVendor]:
        """Give a vendor on this machine."""
        with FakeVendor() as server:
            yield server

    @pytest.fixture
    def wire(self) -> Wire:
        """Give the API that the completion speaks."""
        raise NotImplementedError("a subclass says which API")

    @pytest.fixture
    def completion(self, server: FakeVendor) -> Completion:
        """Give the completion under test."""
        raise NotImplementedError("a subclass says which completion")

    def test_a_good_answer_comes_back(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """The text comes back as it was written, with its tokens and the id of the request."""
        server.will(wire.writes(ANSWER))
        reply = ask(completion)
        usage = Usage(120, 30, cached_tokens=20, reasoning_tokens=10)
        assert reply == Reply(ANSWER, usage, REQUEST_ID)

    def test_everything_is_asked_and_nothing_else(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """Instructions, text, schema and limit arrive as they are, with the key and no tools."""
        server.will(wire.writes(ANSWER))
        ask(completion)
        (received,) = server.received
        instructions, text, schema, most = wire.sent(received.json)
        assert (instructions, text, most) == (INSTRUCTIONS, TEXT, MOST_TOKENS)
        assert {"title": SCHEMA["title"], **schema} == SCHEMA
        assert received.json["model"] == completion.model
        assert received.headers["authorization"] == f"Bearer {KEY}"
        assert not received.json.keys() & {"tools", "temperature", "metadata", "user"}

    def test_what_is_no_json_is_given_as_it_is(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """What the model writes is not judged here."""
        server.will(wire.writes("Sure! Here is the JSON: {"))
        assert ask(completion).text == "Sure! Here is the JSON: {"

    def test_what_is_not_known_does_no_harm(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """Fields that the vendor adds one day are ignored."""
        server.will(wire.writes(ANSWER, news=[{"type": "news"}], zeitgeist=None))
        assert ask(completion).text == ANSWER

    @pytest.mark.parametrize("usage", NONSENSE_USAGE, ids=str)
    def test_without_a_count_the_most_is_counted(
        self, server: FakeVendor, wire: Wire, completion: Completion, usage: Any
    ) -> None:
        """Where the vendor does not say what the answer cost, it cost the most that it can have."""
        server.will(wire.writes(ANSWER, usage=usage))
        counted = ask(completion).usage
        assert counted.input_tokens >= len((INSTRUCTIONS + TEXT + json.dumps(SCHEMA)).encode())
        assert counted.output_tokens == MOST_TOKENS
        assert (counted.cached_tokens, counted.reasoning_tokens) == (0, 0)

    @pytest.mark.parametrize("name", FAULTS)
    def test_each_fault_has_its_error(
        self, server: FakeVendor, wire: Wire, completion: Completion, name: str
    ) -> None:
        """Whatever goes wrong, one error says what, who, and whether it may help to try again."""
        fault = FAULTS[name]
        server.will(fault.behaviour(wire))
        error = failure(completion)
        assert type(error) is fault.kind
        assert (error.provider, error.model) == (completion.provider, completion.model)
        assert error.retryable is fault.retryable
        assert error.surely_unbilled is fault.unbilled
        assert len(server.received) == 1  # trying again is for others to decide

    def test_an_error_names_the_request(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """The vendor's support can find the request."""
        server.will(wire.fails(500))
        assert failure(completion).request_id == REQUEST_ID

    def test_a_request_id_is_not_trusted(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """What does not look like an id is none."""
        server.will(answering(500, {}, {wire.id_header: f"{VENDORS_WORDS} said: {TEXT[:16]}"}))
        assert failure(completion).request_id == ""

    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry_after": "7"}, 7),
            ({"retry_after": "7", "retry_after_ms": "1500"}, 1.5),
            ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
            ({"retry_after": "999999999"}, 86_400),
            ({"retry_after": "-5"}, None),
            ({"retry_after": "nan"}, None),
            ({"retry_after": "soon"}, None),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("status", [429, 503])
    def test_when_to_come_back(  # noqa: PLR0913, PLR0917 - fixtures and cases
        self,
        server: FakeVendor,
        wire: Wire,
        completion: Completion,
        headers: dict[str, str],
        seconds: float | None,
        status: int,
    ) -> None:
        """How long to wait comes with the error, if the vendor says it and it makes sense."""
        server.will(wire.fails(status, **headers))
        assert failure(completion).retry_after_seconds == seconds

    def test_a_model_that_is_gone_is_told_with_a_current_one(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """The message names the model that there is not, and one that there is."""
        server.will(wire.fails(404))
        message = str(failure(completion))
        assert completion.model in message
        assert "current" in message

    @pytest.mark.parametrize("how", SLOW)
    def test_time_is_up_when_it_is_up(
        self, server: FakeVendor, wire: Wire, completion: Completion, how: str
    ) -> None:
        """However slowly an answer comes, the attempt ends in time."""
        server.will(wire.writes(ANSWER), SLOW[how])
        ask(completion)  # what the first call has to import counts, too
        started = monotonic()
        error = failure(completion, timeout_seconds=0.2)
        assert monotonic() - started < 1.5  # 0.2 on an idle machine
        assert type(error) is AnswerTimeout
        assert error.retryable
        assert not error.surely_unbilled

    def test_without_time_nothing_is_sent(self, server: FakeVendor, completion: Completion) -> None:
        """An attempt that has no time left is none."""
        error = failure(completion, timeout_seconds=0)
        assert type(error) is AnswerTimeout
        assert error.surely_unbilled
        assert server.received == []

    def test_nobody_there_costs_nothing(self, server: FakeVendor, completion: Completion) -> None:
        """Where no connection comes about, surely nothing was charged."""
        server.__exit__(None, None, None)
        error = failure(completion)
        assert type(error) is ProviderUnavailable
        assert error.surely_unbilled
        assert error.retryable

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    def test_nothing_is_sent_elsewhere(
        self, server: FakeVendor, completion: Completion, status: int
    ) -> None:
        """A redirect is not followed: nobody agreed to sending the text there."""
        with FakeVendor() as other:
            server.will(answering(status, b"", {"location": f"{other.url}/v1"}))
            assert type(failure(completion)) is ProviderMisconfigured
            assert other.received == []

    def test_lone_surrogates_can_be_asked_about(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """A text that is not quite Unicode is sent with question marks."""
        server.will(wire.writes(ANSWER))
        ask(completion, text="half of it: \ud83c")
        assert wire.sent(server.received[0].json)[1] == "half of it: ?"

    @pytest.mark.parametrize("name", ["good", "slow", *FAULTS])
    def test_nothing_of_it_shows(
        self,
        server: FakeVendor,
        wire: Wire,
        completion: Completion,
        name: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """No log, error or traceback has a word of the text, the key, the answer or the vendor."""
        server.will(wire.writes(ANSWER), behaviour(wire, name))
        with everything_logged(), caplog.at_level(logging.DEBUG):
            ask(completion)
            error = outcome(completion, timeout_seconds=0.2 if name == "slow" else AMPLE_SECONDS)
        logged = [f"{record.msg} {record.args} {record.exc_text}" for record in caplog.records]
        shown = "".join([*logged, caplog.text, repr(completion), told(error)])
        assert not [word for word in CANARIES if word in shown]

    def test_threads_may_share_it(
        self, server: FakeVendor, wire: Wire, completion: Completion
    ) -> None:
        """Eight at once each get an answer."""
        server.will(wire.writes(ANSWER))
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: ask(completion), range(8)))
        assert {reply.text for reply in replies} == {ANSWER}
        assert len(server.received) == 8


def behaviour(wire: Wire, name: str) -> Behaviour:
    """Return what the case *name* lets the vendor do."""
    if name == "good":
        return wire.writes(ANSWER)
    return SLOW["letter by letter"] if name == "slow" else FAULTS[name].behaviour(wire)


@contextmanager
def everything_logged() -> Iterator[None]:
    """Let every logger that there is log everything."""
    levels = {
        logger: logger.level
        for logger in map(logging.getLogger, list(logging.root.manager.loggerDict))
    }
    try:
        for logger in levels:
            logger.setLevel(logging.DEBUG)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


def outcome(completion: Completion, timeout_seconds: float) -> AssistantError | None:
    """Return the error that asking ends in, if it does."""
    try:
        ask(completion, timeout_seconds=timeout_seconds)
    except AssistantError as error:
        return error
    return None


def told(error: AssistantError | None) -> str:
    """Return everything that can be learnt from *error*, and from what came before it."""
    if error is None:
        return ""
    assert error.__context__ is None
    assert error.__cause__ is None
    told = "".join(traceback.format_exception(error))
    return f"{told} {error!r} {error.args} {vars(error)}"


def ask(completion: Completion, text: str = TEXT, timeout_seconds: float = AMPLE_SECONDS) -> Reply:
    """Return the reply to one question."""
    return completion.complete(
        INSTRUCTIONS,
        text,
        SCHEMA,
        max_output_tokens=MOST_TOKENS,
        timeout_seconds=timeout_seconds,
    )


def failure(completion: Completion, timeout_seconds: float = AMPLE_SECONDS) -> AssistantError:
    """Return the error that asking ends in."""
    with pytest.raises(AssistantError) as caught:
        ask(completion, timeout_seconds=timeout_seconds)
    return caught.value
