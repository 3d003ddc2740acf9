"""
Every error Reflekt raises on purpose, in one tree.

    ReflektError
    ├── InvalidInput            well-formed, but not allowed; names every bad field
    ├── MalformedInput          not readable at all: broken JSON, a bad cursor
    ├── Unauthenticated         no token, or one that is not accepted
    ├── Forbidden               a good token that lacks the permission
    ├── NotFound                missing, or somebody else's: the two look alike
    ├── Conflict                the thing is in a state that rules this out
    │   ├── VersionConflict     somebody else wrote first
    │   ├── InProgress          the same request is being worked on
    │   └── AccountErased       the account was erased; what was seen of it no longer counts
    ├── TooLarge                more than one request may carry
    ├── RateLimited             too many requests; try later
    ├── Unavailable             try later; nothing was changed
    ├── StoreError              the store cannot do this; earlier data are intact
    ├── ConfigurationError      a setting that stops the start
    └── AssistantError          an AI provider gave no usable answer
        ├── ProviderMisconfigured   the provider cannot be used as it is set up
        ├── KeyRefused              the vendor does not accept the key
        ├── ModelUnavailable        the vendor does not know the model
        ├── TooManyCalls            the vendor asks to slow down
        ├── QuotaExhausted          the account with the vendor is out of money
        ├── AnswerTimeout           no answer came in time
        ├── ProviderUnavailable     the vendor is away or broken
        ├── Refused                 the model declined to answer
        ├── Truncated               the answer was longer than allowed
        ├── InvalidOutput           the answer is not of the form asked for
        ├── InputTooLong            the text is longer than the model takes
        ├── BudgetExceeded          the user's budget for the day does not allow the call
        │   └── PriceUnknown        nobody knows what the call would cost
        ├── BeingAsked              the same is being asked right now
        ├── ConsentMissing          the user has not agreed to sending text there
        └── UnsupportedCapability   the model or server cannot do what is needed

Messages say what happened and what to do next. They never hold journal text, tokens or secrets.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

__all__ = [
    "AccountErased",
    "AnswerTimeout",
    "AssistantError",
    "BeingAsked",
    "BudgetExceeded",
    "ConfigurationError",
    "Conflict",
    "ConsentMissing",
    "Forbidden",
    "InProgress",
    "InputTooLong",
    "InvalidInput",
    "InvalidOutput",
    "KeyRefused",
    "MalformedInput",
    "ModelUnavailable",
    "NotFound",
    "PriceUnknown",
    "Problem",
    "ProviderMisconfigured",
    "ProviderUnavailable",
    "QuotaExhausted",
    "RateLimited",
    "ReflektError",
    "Refused",
    "StoreError",
    "TooLarge",
    "TooManyCalls",
    "Truncated",
    "Unauthenticated",
    "Unavailable",
    "UnsupportedCapability",
    "VersionConflict",
]


@attrs.frozen
class Problem:
    """One thing wrong with an input: where, and what is allowed there."""

    path: str
    message: str


class ReflektError(Exception):
    """Anything Reflekt raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str) -> None:
        """Say what happened in *message*, for a person."""
        super().__init__(message)
        self.message = message


class InvalidInput(ReflektError):
    """The input was understood but is not allowed; `problems` names every bad field."""

    code = "invalid_input"

    def __init__(self, problems: Iterable[Problem], message: str | None = None) -> None:
        """Collect *problems*; the message lists them unless one is given."""
        self.problems = tuple(problems)
        listing = "; ".join(f"{p.path or 'input'}: {p.message}" for p in self.problems)
        super().__init__(message or listing)

    @classmethod
    def field(cls, path: str, message: str) -> "InvalidInput":
        """Return the error for the single field at *path*."""
        return cls([Problem(path, message)])


class MalformedInput(ReflektError):
    """The input cannot be read: broken JSON, an unknown parameter, a tampered cursor."""

    code = "malformed_input"


class Unauthenticated(ReflektError):
    """There is no token, or it is not accepted."""

    code = "unauthenticated"


class Forbidden(ReflektError):
    """The token is good but lacks the permission this needs."""

    code = "forbidden"


class NotFound(ReflektError):
    """There is no such thing for this user."""

    code = "not_found"


class Conflict(ReflektError):
    """The present state of the thing rules the request out."""

    code = "conflict"


class VersionConflict(Conflict):
    """Somebody else wrote first. Read the thing again and repeat the change."""

    code = "version_conflict"


class InProgress(Conflict):
    """The same request is being worked on right now. Try again in a moment."""

    code = "in_progress"


class AccountErased(Conflict):
    """The account was erased, or is being erased; the write was refused."""

    code = "account_erased"


class TooLarge(ReflektError):
    """More than one request may carry."""

    code = "too_large"


class _RetryLater(ReflektError):
    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class RateLimited(_RetryLater):
    """Too many requests. Try again after `retry_after_seconds`."""

    code = "rate_limited"


class Unavailable(_RetryLater):
    """Something Reflekt needs is busy or away. Nothing was changed; try again."""

    code = "unavailable"


class StoreError(ReflektError):
    """The store cannot do this: full, read-only, damaged, or newer than this program."""

    code = "store_error"


class ConfigurationError(ReflektError):
    """A setting is missing or wrong; the message names it and what it may be."""

    code = "configuration_error"


class AssistantError(ReflektError):
    """
    An AI provider gave no usable answer.

    Neither the message nor anything else here holds words of the vendor or of the text.
    `retryable`: a later try may succeed. `usage`: what the vendor says the failed call cost, as a
    `reflekt_core.model.insights.Usage`; None if it does not say. `surely_unbilled`: the vendor charged nothing for the
    call that failed; whoever raises one may know better than its kind.
    """

    code = "assistant_error"
    may_be_retried: ClassVar[bool] = False
    surely_unbilled: bool = False
    usage: object = None

    def __init__(  # noqa: PLR0913 - all but the message and the provider are rare
        self,
        message: str,
        *,
        provider: str,
        model: str = "",
        request_id: str = "",
        retryable: bool | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        """Say which *provider* and *model* failed, and the vendor's id of the request."""
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.request_id = request_id
        self.retryable = self.may_be_retried if retryable is None else retryable
        self.retry_after_seconds = retry_after_seconds


class ProviderMisconfigured(AssistantError):
    """The provider cannot be used as it is set up: no key, no package, a bad address."""

    code = "ai_misconfigured"
    surely_unbilled = True


class KeyRefused(AssistantError):
    """The vendor does not accept the key, or the key may not do this."""

    code = "ai_key_refused"
    surely_unbilled = True


class ModelUnavailable(AssistantError):
    """The vendor does not know the model. The message names a current one."""

    code = "ai_model_unavailable"
    surely_unbilled = True


class TooManyCalls(AssistantError):
    """The vendor asks to slow down."""

    code = "ai_rate_limited"
    may_be_retried = True
    surely_unbilled = True


class QuotaExhausted(AssistantError):
    """The account with the vendor is out of money or quota; trying again does not help."""

    code = "ai_quota_exhausted"
    surely_unbilled = True


class AnswerTimeout(AssistantError):
    """No answer came in time."""

    code = "ai_timeout"
    may_be_retried = True


class ProviderUnavailable(AssistantError):
    """The vendor is away, or answers with an error of its own."""

    code = "ai_unavailable"
    may_be_retried = True


class Refused(AssistantError):
    """The model declined to answer."""

    code = "ai_refused"


class Truncated(AssistantError):
    """The answer was longer than allowed and was cut off."""

    code = "ai_truncated"


class InvalidOutput(AssistantError):
    """The answer is not of the form asked for."""

    code = "ai_invalid_output"


class InputTooLong(AssistantError):
    """The text is longer than the model takes."""

    code = "ai_input_too_long"
    surely_unbilled = True


class BudgetExceeded(AssistantError):
    """The user's budget for the day does not allow the call."""

    code = "ai_budget_exceeded"
    surely_unbilled = True


class PriceUnknown(BudgetExceeded):
    """The user has a budget in money, and what the model costs is not known."""

    code = "ai_price_unknown"


class BeingAsked(AssistantError):
    """The same is being asked right now, and need not be paid for twice. Try again in a moment."""

    code = "ai_being_asked"
    may_be_retried = True
    surely_unbilled = True


class ConsentMissing(AssistantError):
    """The user has not agreed to sending text to this vendor, or does so no longer."""

    code = "ai_consent_missing"
    surely_unbilled = True


class UnsupportedCapability(AssistantError):
    """The model or the server cannot do what is needed, such as answering by a schema."""

    code = "ai_unsupported"
    surely_unbilled = True
