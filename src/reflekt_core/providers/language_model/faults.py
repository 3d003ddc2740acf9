"""What a vendor's refusal means, told from its status and codes; its words are never repeated."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import attrs

from reflekt_core.errors import (
    AssistantError,
    InputTooLong,
    KeyRefused,
    ModelUnavailable,
    ProviderMisconfigured,
    ProviderUnavailable,
    QuotaExhausted,
    TooManyCalls,
    UnsupportedCapability,
)

__all__ = ["Complaint", "complaint", "kind_of", "request_id", "retry_after"]

_LONGEST_WAIT_SECONDS: Final = 86_400.0
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_SECONDS: Final = re.compile(r"\d{1,12}(?:\.\d{1,9})?")

_BY_CODE: Final[Mapping[str, type[AssistantError]]] = {
    # OpenAI
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "model_not_found": ModelUnavailable,  # with 403, too: the project may not use it
    "context_length_exceeded": InputTooLong,
    "string_above_max_length": InputTooLong,
    # Anthropic
    "billing_error": QuotaExhausted,
    "contract_spend_limit_reached": QuotaExhausted,
    "enforced_spend_limit_reached": QuotaExhausted,
    "linked_organization_billing_unavailable": QuotaExhausted,
    "linked_organization_spend_limit_reached": QuotaExhausted,
    "user_profile_billing_not_authorized": QuotaExhausted,
    "user_profile_not_billable": QuotaExhausted,
    "request_too_large": InputTooLong,
    # llama.cpp
    "exceed_context_size_error": InputTooLong,
}
_BY_STATUS: Final[Mapping[int, type[AssistantError]]] = {
    HTTPStatus.UNAUTHORIZED: KeyRefused,
    HTTPStatus.PAYMENT_REQUIRED: QuotaExhausted,
    HTTPStatus.FORBIDDEN: KeyRefused,
    HTTPStatus.NOT_FOUND: ModelUnavailable,
    HTTPStatus.REQUEST_TIMEOUT: ProviderUnavailable,
    HTTPStatus.CONFLICT: ProviderUnavailable,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InputTooLong,
    HTTPStatus.TOO_MANY_REQUESTS: TooManyCalls,
}
# Some causes have no code of their own. The words are looked at, and never shown.
_NO_MONEY_WORDS: Final = re.compile("credit balance|api usage limits")
_TOO_LONG_WORDS: Final = re.compile(
    "prompt is too long|maximum context length|context window|available context size"
)
_NO_SCHEMA_WORDS: Final = re.compile(
    "response_format|json_schema|text\\.format|output_config|structured output"
)


@attrs.frozen
class Complaint:
    """A vendor's error: its codes, and its words for looking at only."""

    status: int
    codes: frozenset[str] = frozenset()
    words: str = attrs.field(default="", repr=False)


def complaint(status: int, body: Any) -> Complaint:
    """Return what *body*, any JSON, complains about."""
    found = body.get("error", body) if isinstance(body, Mapping) else None
    if not isinstance(found, Mapping):
        return Complaint(status)
    message = found.get("message")
    words = message[:2000].lower() if isinstance(message, str) else ""
    param = found.get("param")
    return Complaint(
        status,
        frozenset(value for value in _values(found) if isinstance(value, str)),
        f"{words} {param}" if isinstance(param, str) else words,
    )


def _values(error: Mapping[str, Any]) -> Iterator[Any]:
    yield from (error.get(name) for name in ("type", "code"))
    details = error.get("details")
    if isinstance(details, Mapping):
        yield details.get("error_code")


def kind_of(said: Complaint) -> type[AssistantError]:
    """Return which error *said* is: its codes say more than its status, and that than its words."""
    for code in sorted(said.codes & _BY_CODE.keys()):
        return _BY_CODE[code]
    if said.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ProviderUnavailable
    return _BY_STATUS.get(said.status) or _kind_of_bad_request(said.words)


def _kind_of_bad_request(words: str) -> type[AssistantError]:
    if _NO_MONEY_WORDS.search(words):
        return QuotaExhausted
    if _TOO_LONG_WORDS.search(words):
        return InputTooLong
    if _NO_SCHEMA_WORDS.search(words):
        return UnsupportedCapability
    return ProviderMisconfigured


def request_id(headers: Mapping[str, str]) -> str:
    """Return the vendor's id of the request, or nothing if it does not look like one."""
    for name in ("x-request-id", "request-id"):
        if _REQUEST_ID.fullmatch(headers.get(name, "")):
            return headers[name]
    return ""


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return how many seconds the vendor asks to wait, at most a day; None if it does not say."""
    seconds = next(_waits(headers, now or datetime.now(UTC)), None)
    return None if seconds is None else min(max(seconds, 0.0), _LONGEST_WAIT_SECONDS)


def _waits(headers: Mapping[str, str], now: datetime) -> Iterator[float]:
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        yield float(milliseconds) / 1000
    given = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        yield float(given)
    else:
        date = _date(given)
        if date is not None:
            yield (date - now).total_seconds()


def _date(value: str) -> datetime | None:
    """Return the instant that *value* names as HTTP does (RFC 9110, section 5.6.7), or None."""
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
