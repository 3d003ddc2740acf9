"""How often, how long and how soon again a language model is asked."""

from collections.abc import Callable
from contextlib import suppress
from threading import Barrier, Thread
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.errors import (
    AnswerTimeout,
    AssistantError,
    ConsentMissing,
    InvalidOutput,
    KeyRefused,
    ProviderMisconfigured,
    ProviderUnavailable,
    QuotaExhausted,
    Refused,
    TooManyCalls,
    Truncated,
)
from reflekt_core.providers.language_model.attempts import Breaker, Policy, Timing, persist

POLICY = Policy()
KINDS = [
    AnswerTimeout,
    ConsentMissing,
    InvalidOutput,
    KeyRefused,
    ProviderUnavailable,
    QuotaExhausted,
    Refused,
    TooManyCalls,
    Truncated,
]


class Hours:
    """A clock that only sleeping and working move on."""

    def __init__(self, chance: float = 0.5) -> None:
        self.now = 1000.0
        self.waits: list[float] = []
        self.timing = Timing(lambda: self.now, self.sleep, lambda: chance)

    def sleep(self, seconds: float) -> None:
        """Note the wait, and let it pass."""
        self.waits.append(seconds)
        self.now += seconds


def error(kind: type[AssistantError] = ProviderUnavailable, **more: Any) -> AssistantError:
    """Return an error of *kind*, as a provider raises it."""
    return kind("no", provider="fake", **more)


def failing(
    hours: Hours, *failures: AssistantError | None, took: float = 0.0
) -> Callable[[float, AssistantError | None], str]:
    """Return attempts that end with *failures*, one after the other; None is a success."""
    left = iter(failures)

    def attempt(seconds: float, wrong: AssistantError | None) -> str:
        hours.now += min(took, seconds)
        if failure := next(left):
            raise failure
        return "answer" if wrong is None else f"answer after {wrong.code}"

    return attempt


@pytest.mark.parametrize("kind", [ProviderUnavailable, AnswerTimeout, TooManyCalls])
def test_what_may_pass_is_tried_again(kind: type[AssistantError]) -> None:
    """Two failures that may pass are waited out; the third attempt answers."""
    hours = Hours()
    assert persist(failing(hours, error(kind), error(kind), None), POLICY, hours.timing) == "answer"
    assert hours.waits == [0.25, 0.5]


@pytest.mark.parametrize("kind", [KeyRefused, QuotaExhausted, Refused, ConsentMissing])
def test_what_will_not_pass_is_not_tried_again(kind: type[AssistantError]) -> None:
    """A bad key, an empty account, a refusal and missing consent end it at once."""
    hours = Hours()
    with pytest.raises(kind):
        persist(failing(hours, error(kind)), POLICY, hours.timing)
    assert hours.waits == []


@pytest.mark.parametrize("kind", [InvalidOutput, Truncated])
def test_a_wrong_answer_may_be_repaired_once(kind: type[AssistantError]) -> None:
    """The next attempt is told what was wrong, at once; a second wrong answer is the end."""
    hours = Hours()
    done = persist(failing(hours, error(kind), None), POLICY, hours.timing)
    assert done == f"answer after {kind.code}"
    with pytest.raises(Truncated):
        persist(failing(hours, error(kind), error(Truncated)), POLICY, hours.timing)
    assert hours.waits == []


def test_a_repair_may_be_tried_again() -> None:
    """A repair that meets a busy vendor is repeated as a repair, within the calls allowed."""
    hours = Hours()
    failures = error(InvalidOutput), error(TooManyCalls), None
    done = persist(failing(hours, *failures), POLICY, hours.timing)
    assert done == "answer after ai_invalid_output"


def test_the_vendors_wish_to_wait_is_granted() -> None:
    """A Retry-After that fits in the deadline is waited for in full."""
    hours = Hours()
    busy = error(TooManyCalls, retry_after_seconds=7.0)
    assert persist(failing(hours, busy, None), POLICY, hours.timing) == "answer"
    assert hours.waits == [7.0]


def test_a_wish_that_does_not_fit_ends_it_at_once() -> None:
    """A Retry-After beyond the deadline is not waited for: the caller is told of it now."""
    hours = Hours()
    with pytest.raises(TooManyCalls) as caught:
        persist(failing(hours, error(TooManyCalls, retry_after_seconds=60.0)), POLICY, hours.timing)
    assert caught.value.retry_after_seconds == 60.0
    assert hours.waits == []


def test_no_attempt_begins_with_hardly_any_time_left() -> None:
    """With less than a second left nothing more is sent, for repairs either."""
    for failure in (error(InvalidOutput), error(TooManyCalls)):
        hours = Hours(chance=0.0)
        with pytest.raises(type(failure)):
            persist(failing(hours, failure, took=19.5), POLICY, hours.timing)


def test_a_sleep_that_overruns_ends_it() -> None:
    """When the machine sleeps far longer than it was to, no further attempt is made."""
    hours = Hours()

    def sleep(_: float) -> None:
        hours.now += 60

    with pytest.raises(TooManyCalls):
        persist(
            failing(hours, error(TooManyCalls)), POLICY, attrs.evolve(hours.timing, sleep=sleep)
        )


FAILURES = st.tuples(
    st.sampled_from([None, *KINDS]),
    st.none() | st.floats(0, 40),
    st.floats(0, 30),
)


@given(
    outcomes=st.lists(FAILURES, min_size=3, max_size=6),
    chance=st.floats(0, 1),
    policy=st.builds(
        Policy,
        deadline_seconds=st.floats(2, 30),
        max_calls=st.integers(1, 5),
        first_wait_seconds=st.floats(0, 4),
        longest_wait_seconds=st.floats(0, 8),
    ),
)
def test_neither_calls_nor_time_exceed_the_policy(
    outcomes: list[tuple[Any, float | None, float]], chance: float, policy: Policy
) -> None:
    """However attempts end, there are never too many, nor one past the deadline, nor long waits."""
    hours = Hours(chance)
    began = hours.now
    wrongs = []

    def attempt(seconds: float, wrong: AssistantError | None) -> None:
        kind, retry_after, took = outcomes[len(wrongs) % len(outcomes)]
        wrongs.append(wrong)
        wishes.append(retry_after or 0.0)
        assert 0 < seconds <= began + policy.deadline_seconds - hours.now + 1e-6
        hours.now += min(took, seconds)
        if kind is not None:
            raise error(kind, retry_after_seconds=retry_after)

    wishes: list[float] = []
    with suppress(AssistantError):
        persist(attempt, policy, hours.timing)
    assert 1 <= len(wrongs) <= policy.max_calls
    assert len({id(wrong) for wrong in wrongs if wrong}) <= 1
    assert hours.now <= began + policy.deadline_seconds + 1e-6
    most = min(policy.longest_wait_seconds, policy.first_wait_seconds * 2**policy.max_calls)
    assert all(wait <= max(most, *wishes) for wait in hours.waits)


@given(chance=st.floats(0, 1), call=st.integers(1, 2))
def test_waits_are_spread_over_the_whole_range(chance: float, call: int) -> None:
    """The wait is the drawn share of half a second, doubled with each attempt."""
    hours = Hours(chance)
    persist(failing(hours, *[error()] * call, None), POLICY, hours.timing)
    assert hours.waits[-1] == pytest.approx(chance * 0.5 * 2 ** (call - 1))


def test_a_late_wait_is_capped() -> None:
    """However often it failed, the drawn wait stays below eight seconds."""
    hours = Hours(chance=1.0)
    patient = Policy(deadline_seconds=1000, max_calls=9)
    persist(failing(hours, *[error()] * 8, None), patient, hours.timing)
    assert hours.waits == [0.5, 1, 2, 4, 8, 8, 8, 8]


class Vendor:
    """A vendor that is up or down, and counts who comes through to it."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.failure = failure
        self.calls = 0

    def __call__(self) -> str:
        """Answer, or fail."""
        self.calls += 1
        if self.failure:
            raise self.failure
        return "up"


def opened(hours: Hours, kind: type[AssistantError] = ProviderUnavailable) -> Breaker:
    """Return a breaker that has just seen five failures."""
    breaker = Breaker(POLICY, hours.timing.clock, "fake")
    for _ in range(5):
        with pytest.raises(kind):
            breaker.call(Vendor(error(kind)))
    return breaker


@pytest.mark.parametrize("kind", [ProviderUnavailable, AnswerTimeout])
def test_five_failures_in_a_row_open_the_breaker(kind: type[AssistantError]) -> None:
    """After five failures calls end at once, and say when to come back."""
    hours = Hours()
    breaker, vendor = opened(hours, kind), Vendor()
    hours.now += 10
    with pytest.raises(ProviderUnavailable) as caught:
        breaker.call(vendor)
    assert vendor.calls == 0
    assert caught.value.retryable
    assert caught.value.retry_after_seconds == pytest.approx(20)


@pytest.mark.parametrize("kind", [TooManyCalls, Refused, InvalidOutput, KeyRefused])
def test_a_vendor_that_says_no_is_not_down(kind: type[AssistantError]) -> None:
    """Any answer of the vendor's own ends the row of failures."""
    hours = Hours()
    breaker = Breaker(POLICY, hours.timing.clock, "fake")
    for failure in [*[error()] * 4, error(kind), *[error()] * 4]:
        with pytest.raises(type(failure)):
            breaker.call(Vendor(failure))
    assert breaker.call(Vendor()) == "up"


@pytest.mark.parametrize(
    "failure", [error(ConsentMissing), error(ProviderMisconfigured), ValueError()]
)
def test_what_was_never_sent_says_nothing_about_the_vendor(failure: Exception) -> None:
    """Failures on this side neither end the row nor lengthen it, nor use the probe up."""
    hours = Hours()
    breaker = Breaker(POLICY, hours.timing.clock, "fake")
    for each in [*[error()] * 4, failure, error()]:
        with pytest.raises(type(each)):
            breaker.call(Vendor(each))
    with pytest.raises(ProviderUnavailable, match="left alone"):
        breaker.call(Vendor())
    hours.now += 30
    with pytest.raises(type(failure)):
        breaker.call(Vendor(failure))
    assert breaker.call(Vendor()) == "up"


def test_a_probe_that_succeeds_closes_the_breaker() -> None:
    """Half a minute later one call finds the vendor back, and all may call again."""
    hours = Hours()
    breaker = opened(hours)
    hours.now += 30
    assert breaker.call(Vendor()) == "up"
    for _ in range(4):
        with pytest.raises(ProviderUnavailable, match="no"):
            breaker.call(Vendor(error()))
    assert breaker.call(Vendor()) == "up"


def test_a_probe_that_fails_opens_it_again() -> None:
    """One failed probe is enough for another half minute."""
    hours = Hours()
    breaker = opened(hours)
    hours.now += 30
    with pytest.raises(ProviderUnavailable, match="no"):
        breaker.call(Vendor(error()))
    hours.now += 29
    with pytest.raises(ProviderUnavailable, match="left alone"):
        breaker.call(Vendor())


def test_a_call_from_before_counts_no_more() -> None:
    """A call that was under way when the breaker opened neither closes it nor fails the probe."""
    hours = Hours()
    breaker = Breaker(POLICY, hours.timing.clock, "fake")

    def slow() -> str:
        for _ in range(5):
            with pytest.raises(ProviderUnavailable):
                breaker.call(Vendor(error()))
        return "at last"

    assert breaker.call(slow) == "at last"
    with pytest.raises(ProviderUnavailable, match="left alone"):
        breaker.call(Vendor())


@pytest.mark.parametrize("rounds", range(3))
def test_threads_get_a_single_probe_through(rounds: int) -> None:
    """Of many threads that come when the time is up, exactly one reaches the vendor."""
    hours = Hours()
    breaker = opened(hours)
    hours.now += 30
    start, refused_all = Barrier(16), Barrier(16)
    reached: list[str] = []
    refused: list[AssistantError] = []

    def probe() -> str:
        reached.append("probe")
        refused_all.wait(10)  # stay inside until all the others were turned away
        return "up"

    def come() -> None:
        start.wait(10)
        try:
            breaker.call(probe)
        except ProviderUnavailable as away:
            refused.append(away)
            refused_all.wait(10)

    threads = [Thread(target=come) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(reached) == 1
    assert len(refused) == 15
    assert {away.retry_after_seconds for away in refused} == {1.0}
    assert breaker.call(Vendor()) == "up"
