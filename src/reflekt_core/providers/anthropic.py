"""Anthropic's models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from reflekt_core.errors import (
    AssistantError,
    InputTooLong,
    ProviderUnavailable,
    Refused,
    Truncated,
)
from reflekt_core.model.insights import Usage
from reflekt_core.model.settings import Vendor
from reflekt_core.providers.language_model.access import Service
from reflekt_core.providers.language_model.vendors import (
    NO_KEY,
    Dialect,
    Question,
    Said,
    VendorCompletion,
    tokens,
)

if TYPE_CHECKING:
    import httpx2

__all__ = ["AnthropicCompletion"]


class AnthropicCompletion(VendorCompletion):
    """
    A model of Anthropic, or of a server with its Messages API.

    *access* or ``ANTHROPIC_BASE_URL`` names the server. Others than Anthropic's own need no key;
    one on this machine needs no consent either.
    """

    service: ClassVar[Service] = Service(
        "anthropic", Vendor.ANTHROPIC, "https://api.anthropic.com", "claude-haiku-5-5"
    )

    @property
    def dialect(self) -> Dialect:
        """Return the Messages API."""
        return _MESSAGES

    def open_sdk(self, http_client: "httpx2.Client") -> tuple[Any, Any]:
        """Return the SDK and a client that takes nothing from the environment, and traces nothing."""
        import anthropic  # noqa: PLC0415 - takes more than a second

        client = anthropic.Anthropic(
            api_key=NO_KEY,  # no profile, token or credentials file is then looked for
            base_url=self.address.base_url,
            max_retries=0,
            open_telemetry=False,  # else it may put whole texts into traces
            http_client=http_client,
        )
        return anthropic, client


def _ask(client: Any, question: Question, seconds: float) -> Any:
    schema = {name: value for name, value in question.schema.items() if name != "title"}
    return client.messages.with_raw_response.create(
        model=question.model,
        system=question.instructions,
        messages=[{"role": "user", "content": question.text}],
        output_config={"format": {"type": "json_schema", "schema": schema}},
        max_tokens=question.max_output_tokens,
        timeout=seconds,
    )


_ENDED_WELL: Final = frozenset({"end_turn", "stop_sequence"})
_ENDED_BADLY: Final[Mapping[str, type[AssistantError]]] = {
    "refusal": Refused,
    "max_tokens": Truncated,
    "model_context_window_exceeded": InputTooLong,
}


def _read(body: Mapping[str, Any]) -> Said:
    usage = _usage(body.get("usage"))
    reason, blocks = str(body.get("stop_reason")), body.get("content")
    if reason not in _ENDED_WELL or not isinstance(blocks, list):
        return Said(usage=usage, wrong=_ENDED_BADLY.get(reason, ProviderUnavailable))
    texts = [
        block.get("text")
        for block in blocks  # what the model thought stands in blocks of another type
        if isinstance(block, dict) and block.get("type") == "text"
    ]
    return Said("".join(text for text in texts if isinstance(text, str)), usage)


def _usage(found: Any) -> Usage | None:
    """Return what *found* counts, or None if it counts nothing sensible."""
    if not isinstance(found, dict):
        return None
    if found.get("input_tokens") is None or found.get("output_tokens") is None:
        return None
    cached = found.get("cache_read_input_tokens")
    given = tokens(found["input_tokens"], found.get("cache_creation_input_tokens"), cached)
    written = tokens(found["output_tokens"])
    if given is None or written is None:
        return None
    details = found.get("output_tokens_details")
    thought = tokens(details.get("thinking_tokens")) if isinstance(details, dict) else None
    return Usage(
        given,
        written,
        cached_tokens=tokens(cached) or 0,
        reasoning_tokens=thought if thought and thought <= written else 0,
    )


_MESSAGES: Final = Dialect(_ask, _read)
