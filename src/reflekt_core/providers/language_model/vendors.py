"""What the models of all vendors have in common: one call of an SDK, and what may go wrong in it."""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar, Final
from weakref import finalize

import attrs

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
from reflekt_core.model.assistance import Access, Capabilities, Reply, Schema
from reflekt_core.model.insights import Usage
from reflekt_core.ports import Completion
from reflekt_core.providers.language_model.access import (
    Service,
    address_of,
    check_calls_allowed,
    is_passed_on,
    key_of,
    model_of,
)
from reflekt_core.providers.language_model.faults import (
    complaint,
    kind_of,
    request_id,
    retry_after,
)
from reflekt_core.silence import silence

if TYPE_CHECKING:
    import httpx2

__all__ = ["NO_KEY", "Dialect", "Question", "Said", "VendorCompletion", "tokens"]

NO_KEY: Final = "put-on-by-the-transport"
"""What an SDK is given for a key."""

_MOST_TOKENS: Final = 10**9

_MESSAGES: Final[Mapping[type[AssistantError], str]] = {
    AnswerTimeout: "{model} did not answer in time",
    InputTooLong: "the text is longer than {model} takes",
    InvalidOutput: "{model} gave an empty answer",
    KeyRefused: "{provider} does not accept the key, or not for {model}; check {key_variable}",
    ModelUnavailable: "{provider} has no model {model}; set {model_variable} to a current one,"
    " such as {default_model}",
    ProviderMisconfigured: "{provider} does not understand what is sent to it; check"
    " {url_variable} and {model_variable}",
    ProviderUnavailable: "{provider} is away or broken; try again later",
    QuotaExhausted: "the account with {provider} is out of money or quota",
    Refused: "{model} declined to answer",
    TooManyCalls: "{provider} asks to slow down; try again later",
    Truncated: "the answer of {model} was longer than allowed and was cut off",
    UnsupportedCapability: "{model} cannot answer by a JSON schema; set {model_variable} to one"
    " that can, such as {default_model}",
}


_TURNED_AWAY: Final = frozenset({503, 529})
"""Statuses of a vendor that is overloaded and did not begin."""


@attrs.frozen
class Question:
    """What a model is asked."""

    model: str
    instructions: str
    text: str = attrs.field(repr=False)
    schema: dict[str, Any] = attrs.field(repr=False)
    max_output_tokens: int

    @property
    def size(self) -> int:
        """Return its bytes, which no tokens can outnumber."""
        parts = (self.instructions, self.text, json.dumps(self.schema))
        return sum(len(part.encode()) for part in parts)


@attrs.frozen
class Said:
    """
    What a vendor's answer says: text, or what is wrong with it.

    `usage` is None if the vendor does not tell it, or tells nonsense.
    """

    text: str = attrs.field(default="", repr=False)
    usage: Usage | None = None
    wrong: type[AssistantError] | None = None


@attrs.frozen
class Dialect:
    """
    How a model is asked through an SDK, and its answers are read.

    Args:
        ask: Called with the SDK's client, the question, and the seconds it may take; returns
            the SDK's raw response.
        read: Called with the JSON object that came.
    """

    ask: Callable[[Any, Question, float], Any]
    read: Callable[[Mapping[str, Any]], Said]


class VendorCompletion(Completion):
    """
    A vendor's model, asked through the vendor's SDK, once a call.

    Threads may share one. The SDK is imported, and the key looked up, with the first call.

    Args:
        access: Model, key and address.
        http_client: Sends the requests in place of one with its own connections.
    """

    service: ClassVar[Service]

    def __init__(
        self,
        access: Access = Access(),  # noqa: B008 - frozen
        *,
        http_client: "httpx2.Client | None" = None,
    ) -> None:
        self.address = address_of(self.service, access)
        self.provider = self.service.name
        self.model = model_of(self.service, access)
        stays = self.address.is_loopback and not is_passed_on(self.model)
        self.vendor = None if stays else self.service.vendor
        self.capabilities = Capabilities()
        self._access = access
        self._http_client = http_client
        self._lock = Lock()
        self._sdk: Any = None
        self._client: Any = None

    @property
    @abstractmethod
    def dialect(self) -> Dialect:
        """Return how the server at `address` is talked to."""

    @abstractmethod
    def open_sdk(self, http_client: "httpx2.Client") -> tuple[Any, Any]:
        """Return the SDK, which is imported here, and its client on top of *http_client*."""

    def complete(
        self,
        instructions: str,
        text: str,
        schema: Schema,
        *,
        max_output_tokens: int,
        timeout_seconds: float,
    ) -> Reply:
        """Return what the model writes, as `Completion.complete` says."""
        ends = monotonic() + timeout_seconds
        if self._http_client is None:
            check_calls_allowed(self.service)
        client = self._opened()
        question = Question(
            self.model, _sendable(instructions), _sendable(text), dict(schema), max_output_tokens
        )
        return self._reply(self._ask(client, question, ends - monotonic()), question)

    def _opened(self) -> Any:
        """Return the SDK's client, made with the first call."""
        with self._lock:
            if self._client is None:
                key = key_of(self.service, self._access, self.address)
                try:
                    self._sdk, self._client = self._connected(key)
                except ModuleNotFoundError:
                    problem = (
                        "needs packages that are not installed; install"
                        f" reflekt-journal[{self.provider}]"
                    )
                except Exception:  # noqa: BLE001 - proxies and certificates of all kinds
                    problem = "cannot be reached with the proxy or certificates that are set"
            if self._client is None:
                raise self.service.misconfigured(f"{self.provider} {problem}")
            return self._client

    def _connected(self, key: str | None) -> tuple[Any, Any]:
        """Return the SDK and its client."""
        # Needs httpx2, which not everybody has, and nobody before the first call.
        from reflekt_core.providers.language_model.transport import open_client  # noqa: PLC0415

        http_client = open_client(self.address.base_url, key, self._http_client)
        finalize(self, http_client.close)
        return self.open_sdk(http_client)

    def _ask(self, client: Any, question: Question, seconds: float) -> "httpx2.Response":
        """Return what comes back, if its status says that it is an answer."""
        if seconds <= 0:
            raise self._error(AnswerTimeout, unbilled=True)
        try:
            with silence():
                return self.dialect.ask(client, question, seconds).http_response  # type: ignore[no-any-return]
        except Exception as caught:  # noqa: BLE001 - whatever an SDK raises may quote the text
            error = self._translated(caught)
        raise error  # out here, so that what was caught is not its context

    def _translated(self, caught: Exception) -> AssistantError:
        import httpx2  # noqa: PLC0415 - as in `_connected`

        if isinstance(caught, self._sdk.APIStatusError):
            return self._complaint(caught.response)
        cause = caught if isinstance(caught, httpx2.TransportError) else caught.__cause__
        if isinstance(cause, httpx2.TimeoutException):
            unsent = isinstance(cause, httpx2.ConnectTimeout | httpx2.PoolTimeout)
            return self._error(AnswerTimeout, unbilled=unsent)
        if isinstance(cause, httpx2.TransportError):
            unsent = isinstance(cause, httpx2.ConnectError | httpx2.ProxyError)
            return self._error(ProviderUnavailable, unbilled=unsent)
        return self._error(ProviderUnavailable, retryable=False)

    def _complaint(self, response: "httpx2.Response") -> AssistantError:
        said = complaint(response.status_code, _json_of(response.content))
        return self._error(
            kind_of(said),
            unbilled=True if said.status in _TURNED_AWAY else None,
            request_id=request_id(response.headers),
            retry_after_seconds=retry_after(response.headers),
        )

    def _reply(self, response: "httpx2.Response", question: Question) -> Reply:
        body = _json_of(response.content)
        said = (
            self.dialect.read(body) if isinstance(body, dict) else Said(wrong=ProviderUnavailable)
        )
        wrong = said.wrong or (None if said.text.strip() else InvalidOutput)
        named = request_id(response.headers)
        if wrong is not None:
            error = self._error(wrong, request_id=named, unbilled=False)
            error.usage = said.usage
            raise error
        # An answer that does not say what it cost is taken to have cost the most it can have.
        usage = said.usage or Usage(question.size, question.max_output_tokens)
        return Reply(said.text, usage, named)

    def _error(
        self, kind: type[AssistantError], *, unbilled: bool | None = None, **more: Any
    ) -> AssistantError:
        message = _MESSAGES[kind].format(
            provider=self.provider,
            model=self.model,
            default_model=self.service.default_model,
            key_variable=self.service.variable("API_KEY"),
            model_variable=self.service.variable("MODEL"),
            url_variable=self.service.variable("BASE_URL"),
        )
        error = kind(message, provider=self.provider, model=self.model, **more)
        if unbilled is not None:
            error.surely_unbilled = unbilled
        return error


def tokens(*values: Any) -> int | None:
    """Return the sum of counts of tokens, or None if one is no count; one that is None is 0."""
    counts = [0 if value is None else value for value in values]
    if any(type(count) is not int or not 0 <= count <= _MOST_TOKENS for count in counts):
        return None
    return sum(counts)


def _json_of(content: bytes) -> Any:
    """Return the JSON that *content* is, or None if it is none."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _sendable(text: str) -> str:
    """Return *text* without lone surrogates, which cannot be sent."""
    return text.encode(errors="replace").decode()
