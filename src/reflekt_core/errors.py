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

Messages say what happened and what to do next. They never hold journal text, tokens or secrets.
"""

from collections.abc import Iterable
from typing import ClassVar

import attrs

__all__ = [
    "AccountErased",
    "AssistantError",
    "ConfigurationError",
    "Conflict",
    "Forbidden",
    "InProgress",
    "InvalidInput",
    "MalformedInput",
    "NotFound",
    "Problem",
    "RateLimited",
    "ReflektError",
    "StoreError",
    "TooLarge",
    "Unauthenticated",
    "Unavailable",
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
    """An AI provider gave no usable answer."""

    code = "assistant_error"

    def __init__(self, message: str, *, provider: str, retryable: bool = False) -> None:
        """Name the *provider*, and whether a later try may succeed."""
        super().__init__(message)
        self.provider = provider
        self.retryable = retryable
