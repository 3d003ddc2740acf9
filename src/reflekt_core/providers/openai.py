"""OpenAI's models, and those of servers that speak its chat completions: Ollama, vLLM, llama.cpp."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from reflekt_core.errors import (
    AssistantError,
    ProviderUnavailable,
    Refused,
    TooManyCalls,
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

__all__ = ["OpenAICompletion"]


class OpenAICompletion(VendorCompletion):
    """
    A model of OpenAI, or of a compatible server, which *access* or ``OPENAI_BASE_URL`` names.

    OpenAI itself is asked by its Responses API, and told not to keep what it is asked. Others are
    asked by chat completions; they need no key. One on this machine needs no consent either.
    """

    service: ClassVar[Service] = Service(
        "openai", Vendor.OPENAI, "https://api.openai.com/v1", "gpt-6-luna"
    )

    @property
    def dialect(self) -> Dialect:
        """Return the Responses API of OpenAI's own servers, chat completions of others."""
        return _RESPONSES if self.address.is_own else _CHAT

    def open_sdk(self, http_client: "httpx2.Client") -> tuple[Any, Any]:
        """Return the SDK and a client that takes nothing from the environment."""
        import openai  # noqa: PLC0415 - takes most of a second

        client = openai.OpenAI(
            api_key=NO_KEY,
            organization="",
            project="",
            base_url=self.address.base_url,
            max_retries=0,
            http_client=http_client,
        )
        return openai, client


def _ask_responses(client: Any, question: Question, seconds: float) -> Any:
    return client.responses.with_raw_response.create(
        model=question.model,
        instructions=question.instructions,
        input=question.text,
        text={"format": {"type": "json_schema", **_named(question)}},
        max_output_tokens=question.max_output_tokens,
        store=False,
        timeout=seconds,
    )


def _read_response(body: Mapping[str, Any]) -> Said:
    usage = _usage(body.get("usage"), "input_tokens", "output_tokens")
    if body.get("status") != "completed":
        return Said(usage=usage, wrong=_why_incomplete(body))
    parts = list(_parts(body.get("output")))
    if any(part.get("type") == "refusal" for part in parts):
        return Said(usage=usage, wrong=Refused)
    texts = [part.get("text") for part in parts if part.get("type") == "output_text"]
    return Said("".join(text for text in texts if isinstance(text, str)), usage)


def _why_incomplete(body: Mapping[str, Any]) -> type[AssistantError]:
    details, error = body.get("incomplete_details"), body.get("error")
    reason = details.get("reason") if isinstance(details, dict) else None
    if body.get("status") == "incomplete" and reason == "max_output_tokens":
        return Truncated
    if body.get("status") == "incomplete" and reason == "content_filter":
        return Refused
    if isinstance(error, dict) and error.get("code") == "rate_limit_exceeded":
        return TooManyCalls
    return ProviderUnavailable


def _parts(output: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parts of all messages in *output*; what the model thought is not among them."""
    for item in _mappings(output):
        if item.get("type") == "message":
            yield from _mappings(item.get("content"))


def _ask_chat(client: Any, question: Question, seconds: float) -> Any:
    return client.chat.completions.with_raw_response.create(
        model=question.model,
        messages=[
            {"role": "system", "content": question.instructions},
            {"role": "user", "content": question.text},
        ],
        response_format={"type": "json_schema", "json_schema": _named(question)},
        max_tokens=question.max_output_tokens,  # the newer name is not known to all servers
        timeout=seconds,
    )


def _read_chat(body: Mapping[str, Any]) -> Said:
    usage = _usage(body.get("usage"), "prompt_tokens", "completion_tokens")
    choice = next(_mappings(body.get("choices")), None)
    message = choice.get("message") if choice else None
    if choice is None or not isinstance(message, dict):
        return Said(usage=usage, wrong=ProviderUnavailable)
    ended = choice.get("finish_reason")
    if message.get("refusal") or ended == "content_filter":
        return Said(usage=usage, wrong=Refused)
    if ended == "length":
        return Said(usage=usage, wrong=Truncated)
    text = message.get("content")
    return Said(text if isinstance(text, str) else "", usage)


def _usage(found: Any, of_input: str, of_output: str) -> Usage | None:
    """Return what *found* counts under these names, or None if it counts nothing sensible."""
    if not isinstance(found, dict) or found.get(of_input) is None or found.get(of_output) is None:
        return None
    given, written = tokens(found[of_input]), tokens(found[of_output])
    if given is None or written is None:
        return None
    cached = tokens(_within(found, f"{of_input}_details", "cached_tokens")) or 0
    thought = tokens(_within(found, f"{of_output}_details", "reasoning_tokens")) or 0
    return Usage(
        given,
        written,
        cached_tokens=cached if cached <= given else 0,
        reasoning_tokens=thought if thought <= written else 0,
    )


def _within(found: Mapping[str, Any], outer: str, inner: str) -> Any:
    details = found.get(outer)
    return details.get(inner) if isinstance(details, dict) else None


def _mappings(found: Any) -> Iterator[Mapping[str, Any]]:
    return (
        (item for item in found if isinstance(item, dict)) if isinstance(found, list) else iter(())
    )


_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")


def _named(question: Question) -> dict[str, Any]:
    """Return the schema with a name that OpenAI allows."""
    title = question.schema.get("title")
    name = _NAME.sub("_", title)[:64] if isinstance(title, str) else ""
    return {"name": name or "answer", "schema": question.schema, "strict": True}


_RESPONSES: Final = Dialect(_ask_responses, _read_response)
_CHAT: Final = Dialect(_ask_chat, _read_chat)
