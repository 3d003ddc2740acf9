"""How vendors' answers look on the wire: what `FakeVendor` is to send, for each API."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from reflekt_core.testing.vendor_server import Behaviour, answering

__all__ = ["AnthropicWire", "ChatWire", "ResponsesWire", "Wire"]

REQUEST_ID = "req_0123456789abcdef"


class Wire(ABC):
    """An API of a vendor: what it sends in which case."""

    id_header = "x-request-id"

    def answers(self, body: Any, status: int = 200, **headers: str) -> Behaviour:
        """Return the behaviour of sending *body*, with the id of the request."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return answering(status, body, {self.id_header: REQUEST_ID, **named})

    def writes(self, text: str, **changes: Any) -> Behaviour:
        """Return the behaviour of a model that writes *text*; *changes* are made to the body."""
        return self.answers({**self.body(text), **changes})

    @abstractmethod
    def body(self, text: str) -> dict[str, Any]:
        """
        Return an answer that is *text*.

        Its usage is 120 tokens of input, 20 of them cached, and 30 of output, 10 of them thought.
        """

    @abstractmethod
    def sent(self, request: Any) -> tuple[str, str, Mapping[str, Any], int]:
        """Return the instructions, text, schema and most tokens of output in *request*, JSON."""

    @abstractmethod
    def refuses(self) -> Behaviour:
        """Return the behaviour of a model that declines."""

    @abstractmethod
    def is_cut_off(self) -> Behaviour:
        """Return the behaviour of a model that may not write more."""

    def fails(self, status: int, kind: str = "", message: str = "", **headers: str) -> Behaviour:
        """Return the behaviour of refusing a request, with the vendor's name for why."""
        return self.answers(self.error(kind, message), status, **headers)

    @abstractmethod
    def error(self, kind: str, message: str) -> dict[str, Any]:
        """Return the body of an error."""

    @abstractmethod
    def is_out_of_money(self) -> Behaviour:
        """Return what the vendor says when the account is empty."""

    @abstractmethod
    def gets_too_much(self) -> Behaviour:
        """Return what the vendor says of a text that is too long."""


class ResponsesWire(Wire):
    """OpenAI's Responses API."""

    def body(self, text: str) -> dict[str, Any]:
        """Return an answer that is *text*."""
        part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        return self._body([part])

    def _body(self, parts: list[dict[str, Any]]) -> dict[str, Any]:
        thought = {"id": "rs_1", "type": "reasoning", "summary": []}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": parts,
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1_795_000_000,
            "status": "completed",
            "error": None,
            "incomplete_details": None,
            "model": "gpt-6-luna-2026-10-01",
            "output": [thought, message],
            "usage": {
                "input_tokens": 120,
                "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 0},
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 10},
                "total_tokens": 150,
            },
        }

    def sent(self, request: Any) -> tuple[str, str, Mapping[str, Any], int]:
        """Return what *request* asks."""
        schema = request["text"]["format"]["schema"]
        return request["instructions"], request["input"], schema, request["max_output_tokens"]

    def refuses(self) -> Behaviour:
        """Return the behaviour of a model that declines."""
        return self.answers(self._body([{"type": "refusal", "refusal": "I cannot help."}]))

    def is_cut_off(self) -> Behaviour:
        """Return the behaviour of a model that may not write more."""
        reason = {"reason": "max_output_tokens"}
        return self.writes('{"mood": "go', status="incomplete", incomplete_details=reason)

    def error(self, kind: str, message: str) -> dict[str, Any]:
        """Return the body of an error."""
        return {"error": {"message": message, "type": kind, "param": None, "code": kind or None}}

    def is_out_of_money(self) -> Behaviour:
        """Return what OpenAI says when the account is empty."""
        return self.fails(429, "insufficient_quota", "You exceeded your current quota")

    def gets_too_much(self) -> Behaviour:
        """Return what OpenAI says of a text that is too long."""
        return self.fails(400, "context_length_exceeded", "Your input exceeds the context window")


class ChatWire(ResponsesWire):
    """Chat completions, as OpenAI once had them and Ollama, vLLM and llama.cpp have them."""

    def body(self, text: str) -> dict[str, Any]:
        """Return an answer that is *text*."""
        return self._chat({"role": "assistant", "content": text, "refusal": None}, "stop")

    def _chat(self, message: dict[str, Any], ended: str) -> dict[str, Any]:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_795_000_000,
            "model": "gemma-4",
            "choices": [{"index": 0, "message": message, "finish_reason": ended, "logprobs": None}],
            "usage": {
                "prompt_tokens": 120,
                "completion_tokens": 30,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 20},
                "completion_tokens_details": {"reasoning_tokens": 10},
            },
        }

    def sent(self, request: Any) -> tuple[str, str, Mapping[str, Any], int]:
        """Return what *request* asks."""
        system, user = (message["content"] for message in request["messages"])
        schema = request["response_format"]["json_schema"]["schema"]
        return system, user, schema, request["max_tokens"]

    def refuses(self) -> Behaviour:
        """Return the behaviour of a model that declines."""
        message = {"role": "assistant", "content": None, "refusal": "I cannot help."}
        return self.answers(self._chat(message, "stop"))

    def is_cut_off(self) -> Behaviour:
        """Return the behaviour of a model that may not write more."""
        message = {"role": "assistant", "content": '{"mood": "go'}
        return self.answers(self._chat(message, "length"))

    def gets_too_much(self) -> Behaviour:
        """Return what vLLM says of a text that is too long."""
        message = "This model's maximum context length is 4096 tokens."
        error = {"message": message, "type": "BadRequestError", "param": None, "code": 400}
        return self.answers({"error": error}, 400)


class AnthropicWire(Wire):
    """Anthropic's Messages API."""

    id_header = "request-id"

    def body(self, text: str) -> dict[str, Any]:
        """Return an answer that is *text*."""
        thought = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
        return self._body([thought, {"type": "text", "text": text, "citations": None}], "end_turn")

    def _body(self, content: list[dict[str, Any]], reason: str) -> dict[str, Any]:
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-haiku-5-5",
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": {
                "input_tokens": 90,
                "cache_creation_input_tokens": 10,
                "cache_read_input_tokens": 20,
                "output_tokens": 30,
                "output_tokens_details": {"thinking_tokens": 10},
            },
        }

    def sent(self, request: Any) -> tuple[str, str, Mapping[str, Any], int]:
        """Return what *request* asks."""
        (message,) = request["messages"]
        schema = request["output_config"]["format"]["schema"]
        return request["system"], message["content"], schema, request["max_tokens"]

    def refuses(self) -> Behaviour:
        """Return the behaviour of a model that declines."""
        return self.answers(self._body([{"type": "text", "text": "I cannot help."}], "refusal"))

    def is_cut_off(self) -> Behaviour:
        """Return the behaviour of a model that may not write more."""
        return self.answers(self._body([{"type": "text", "text": '{"mood": "go'}], "max_tokens"))

    def error(self, kind: str, message: str) -> dict[str, Any]:
        """Return the body of an error."""
        error = {"type": kind, "message": message}
        return {"type": "error", "error": error, "request_id": REQUEST_ID}

    def is_out_of_money(self) -> Behaviour:
        """Return what Anthropic says when the account is empty."""
        return self.fails(402, "billing_error", "There is an issue with your billing")

    def gets_too_much(self) -> Behaviour:
        """Return what Anthropic says of a text that is too long."""
        message = "prompt is too long: 200001 tokens > 200000 maximum"
        return self.fails(400, "invalid_request_error", message)
