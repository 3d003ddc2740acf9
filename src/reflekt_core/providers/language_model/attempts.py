"""How often, how long and how soon again a language model is asked: deadline, backoff, breaker."""

import time
from collections.abc import Callable
from random import SystemRandom
from threading import Lock
from typing import Final, TypeVar

import attrs

from reflekt_core.errors import (
    AnswerTimeout,
    AssistantError,
    ConsentMissing,
    InvalidOutput,
    ProviderMisconfigured,
    ProviderUnavailable,
    Truncated,
)

__all__ = ["Breaker", "Policy", "Timing", "persist"]

T = TypeVar("T")

_SHORTEST_ATTEMPT_SECONDS: Final = 1.0
"""With less time than this no model answers, and its failure would say nothing about the vendor."""

_PROBE_SECONDS: Final = 1.0
"""When to ask again while somebody else finds out whether the vendor is back."""

_DOWN = (ProviderUnavailable, AnswerTimeout)
_NEVER_SENT = (ProviderMisconfigured, ConsentMissing)


class _LeftAlone(ProviderUnavailable):
    """Nothing was sent, because the vendor is down. For this answer there is no point in waiting."""


@attrs.frozen
class Policy:
    """How much trying is allowed for one answer."""

    deadline_seconds: float = 20.0
    """For everything together: all calls and the waits between them."""
    max_calls: int = 3
    """Calls in all, that for repairing an answer of the wrong form included."""
    first_wait_seconds: float = 0.5
    """The most to wait before the second call; twice as long before the third."""
    longest_wait_seconds: float = 8.0
    breaker_failures: int = 5
    """After so many failures of the vendor in a row it is left alone."""
    breaker_seconds: float = 30.0
    """For how long it is left alone, until one call tries whether it is back."""
    max_output_tokens: int = 4000
    """The most that the model may write in one call, its thinking included."""


@attrs.frozen
class Timing:
    """The clock (in seconds, only ever forwards), sleep, and chance from 0 to 1."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = SystemRandom().random


def persist(
    attempt: Callable[[float, AssistantError | None], T], policy: Policy, timing: Timing
) -> T:
    """
    Return what *attempt* returns, trying again where that may help.

    It is called with the seconds that are left, and with the `InvalidOutput` or `Truncated` of an
    attempt before, which it is to do better; that chance is given once.

    Raises:
        AssistantError: That of the last attempt. If the vendor's Retry-After reaches beyond the
            deadline, the error comes at once and tells it.
    """
    ends = timing.clock() + policy.deadline_seconds
    wrong: AssistantError | None = None
    for call in range(1, policy.max_calls):
        try:
            return attempt(ends - timing.clock(), wrong)
        except (InvalidOutput, Truncated) as error:
            if wrong is not None or _too_late(timing, ends):
                raise
            wrong = error
        except _LeftAlone:
            raise
        except AssistantError as error:
            wait = _wait(call, error, policy, timing)
            if not error.retryable or _too_late(timing, ends - wait):
                raise
            timing.sleep(wait)
            if _too_late(timing, ends):  # the sleep took longer than it was to
                raise
    return attempt(ends - timing.clock(), wrong)


def _too_late(timing: Timing, ends: float) -> bool:
    return timing.clock() + _SHORTEST_ATTEMPT_SECONDS > ends


def _wait(call: int, error: AssistantError, policy: Policy, timing: Timing) -> float:
    """
    Return the seconds to wait after the failure of the attempt numbered *call*.

    "Full jitter": anything up to a bound that doubles each time, so that many who failed at the
    same moment do not come back at the same moment. The vendor's own wish is the least.
    """
    most = min(policy.longest_wait_seconds, policy.first_wait_seconds * 2.0 ** (call - 1))
    return max(timing.random() * most, error.retry_after_seconds or 0.0)


class Breaker:
    """
    Keeps calls from a vendor that is down, for the sake of both; any thread may use it.

    Closed, it lets everything through. Enough failures in a row open it; after some time a single
    call, the probe, is let through: it decides whether the breaker closes, or stays open as long
    again.
    """

    def __init__(self, policy: Policy, clock: Callable[[], float], provider: str) -> None:
        self._policy = policy
        self._clock = clock
        self._provider = provider
        self._lock = Lock()
        self._failures = 0
        self._open_until: float | None = None
        self._probing = False
        self._era = 0

    def call(self, attempt: Callable[[], T]) -> T:
        """
        Return what *attempt* returns.

        Raises:
            ProviderUnavailable: The vendor is being left alone; *attempt* was not called.
        """
        era = self._admit()
        is_up: bool | None = None
        try:
            result = attempt()
            is_up = True
        except _DOWN:
            is_up = False
            raise
        except AssistantError as error:
            is_up = None if isinstance(error, _NEVER_SENT) else True
            raise
        finally:
            self._learn(era, is_up=is_up)
        return result

    def _admit(self) -> int:
        """Return the era that the call belongs to: what it finds counts in no other."""
        with self._lock:
            if self._open_until is None:
                return self._era
            left = self._open_until - self._clock()
            if left > 0 or self._probing:
                raise self._left_alone(max(left, _PROBE_SECONDS))
            self._probing = True
            self._era += 1
            return self._era

    def _learn(self, era: int, *, is_up: bool | None) -> None:
        """Take in whether the vendor was up, or None if the call did not show it."""
        with self._lock:
            if era != self._era:
                return  # begun before the breaker opened, or closed: yesterday's news
            if is_up:
                self._failures, self._open_until = 0, None
            elif is_up is False:
                self._failures += 1
                if self._failures >= self._policy.breaker_failures:
                    self._open_until = self._clock() + self._policy.breaker_seconds
                    self._era += 1
            self._probing = False

    def _left_alone(self, seconds: float) -> _LeftAlone:
        return _LeftAlone(
            f"{self._provider} failed several times in a row and is being left alone for a while",
            provider=self._provider,
            retry_after_seconds=seconds,
        )
