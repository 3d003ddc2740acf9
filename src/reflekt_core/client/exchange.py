"""
One call of an operation, from its request to its result: what is sent, when again, and when not.

It is a generator of steps. Whoever runs it takes each step, waiting or awaiting as they do, and
sends in what came of it; so that it is written once for both clients.
"""

from collections.abc import Callable, Generator
from http import HTTPStatus
from typing import Any, Final

import attrs

from reflekt_core.client.asking import Asked
from reflekt_core.client.failures import Lost, NoAnswer, Reply, failure, retry_after
from reflekt_core.client.replies import result
from reflekt_core.errors import (
    BeingAsked,
    ConfigurationError,
    InProgress,
    NotFound,
    RateLimited,
    ReflektError,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from reflekt_core.operations import Shape

__all__ = ["Patience", "Rest", "Send", "Show", "Step", "exchange"]

_FIRST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 8.0


@attrs.frozen
class Patience:
    """How long to try; see `reflekt_core.Client` for what each means."""

    timeout: float
    deadline: float
    tries: int
    clock: Callable[[], float]
    random: Callable[[], float]

    def __attrs_post_init__(self) -> None:
        for name in ("timeout", "deadline", "tries"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) and value > 0):
                raise ConfigurationError(f"{name} must be a number above 0")


@attrs.frozen
class Show:
    """Get the token, and not the one that was *refused*. Comes back: the token."""

    refused: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Send:
    """Send the request. Comes back: a `Reply`, or `Lost`."""

    asked: Asked
    token: str | None = attrs.field(repr=False)
    timeout: float
    ends_at: float
    """When, by the clock, the last of the answer must be there."""


@attrs.frozen
class Rest:
    """Do nothing for a while. Comes back: nothing."""

    seconds: float


Step = Show | Send | Rest


def exchange(asked: Asked, patience: Patience) -> Generator[Step, Any, Any]:
    """
    Return the steps of one call, which end with its result.

    Raises:
        ReflektError: What the service says, or that it says nothing.
    """
    ends_at = patience.clock() + patience.deadline
    token = None if asked.operation.public else (yield Show())
    tries, lost, renewed = 0, False, False
    while True:
        left = max(ends_at - patience.clock(), 0)
        answer = yield Send(asked, token, min(patience.timeout, left), ends_at)
        if isinstance(answer, Reply) and answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return result(asked.operation, answer)
        error = failure(answer)
        if isinstance(error, Unauthenticated) and not renewed:
            renewed, refused = True, token
            token = yield Show(refused)
            if token != refused:
                continue
        if lost and _is_own(error, asked):
            return _found_done(error, asked)
        lost = lost or (isinstance(error, NoAnswer) and error.sent)
        tries += 1
        if not _again(error, asked) or (tries >= patience.tries and not _is_under_way(error)):
            raise error
        seconds = _pause(answer, tries, patience.random)
        if patience.clock() + seconds >= ends_at:
            raise error
        yield Rest(seconds)


def _again(error: ReflektError, asked: Asked) -> bool:
    """Tell whether another attempt is safe: nothing was done, or doing it again does no more."""
    if isinstance(error, NoAnswer):
        return asked.repeatable or not error.sent
    return isinstance(error, RateLimited | Unavailable) or _is_under_way(error)


def _is_under_way(error: ReflektError) -> bool:
    return isinstance(error, InProgress | BeingAsked)


def _pause(answer: Reply | Lost, tries: int, random: Callable[[], float]) -> float:
    """Return how long to wait: what the service asks for, and up to twice as long each time."""
    wanted = retry_after(answer) if isinstance(answer, Reply) else None
    return (wanted or 0.0) + random() * min(_FIRST_SECONDS * 2.0 ** (tries - 1), _LONGEST_SECONDS)


def _is_own(error: ReflektError, asked: Asked) -> bool:
    """Tell whether *error* may come of an earlier attempt, whose answer was lost."""
    if isinstance(error, NotFound):
        return asked.operation.method == "DELETE"
    return isinstance(error, VersionConflict) and "If-Match" in asked.headers


def _found_done(error: ReflektError, asked: Asked) -> None:
    if isinstance(error, NotFound) and asked.operation.shape is Shape.NOTHING:
        return
    raise NoAnswer(
        "the answer was lost, and it was probably done: the service now says that"
        f" {error.message}; read it again",
        sent=True,
    ) from error
