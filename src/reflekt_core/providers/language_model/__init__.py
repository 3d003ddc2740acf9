"""
The assistant that asks a language model, whichever it is.

What the model is told lies in ``instructions``, one versioned file a task; `answers` says what it
is to answer and what of it is fit to be shown; `attempts` how often it is asked.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from reflekt_core.errors import (
    AssistantError,
    ConsentMissing,
    InvalidInput,
    InvalidOutput,
    Truncated,
)
from reflekt_core.model.assistance import Answer, Consented, Purpose, Reply, Task, WorstCase
from reflekt_core.model.insights import Summarise, Summary, Usage
from reflekt_core.model.prices import PRICES, Price
from reflekt_core.ports import Completion, ExternalAssistant
from reflekt_core.providers.language_model.answers import listed, parsed
from reflekt_core.providers.language_model.asking import (
    CORRECTION_BYTES,
    Inquiry,
    inquiry,
    version,
)
from reflekt_core.providers.language_model.attempts import Breaker, Policy, Timing, persist

__all__ = ["LanguageModelAssistant", "Policy", "Timing"]

_ANY_PROBLEM: Final = "it was not of the form asked for."


class _Unusable(InvalidOutput):
    """The answer is not of the form asked for; `wrong` says in what, in our words alone."""

    wrong: str = _ANY_PROBLEM


class LanguageModelAssistant(ExternalAssistant):
    """
    Asks the language model *completion*, and lets out only what is fit to be shown.

    Threads may share one: they share what is known of the vendor's being down.

    Args:
        completion: The model.
        prices: What models cost, by name; for one that is not there the cost counts as zero, and
            `worst_case` does not tell it.
        policy: How often and how long to try.
        timing: Clock, sleep and chance.
    """

    def __init__(
        self,
        completion: Completion,
        *,
        prices: Mapping[str, Price] = PRICES,
        policy: Policy = Policy(),  # noqa: B008 - frozen
        timing: Timing = Timing(),  # noqa: B008 - frozen
    ) -> None:
        self.provider = completion.provider
        self.vendor = completion.vendor
        self.model = completion.model
        self._completion = completion
        self._price = prices.get(completion.model)
        self._policy = policy
        self._timing = timing
        self._breaker = Breaker(policy, timing.clock, completion.provider)

    def prompt_version(self, task: Task) -> str:
        """Return the version of what the model is told, such as ``analyse-1``."""
        return version(task)

    def worst_case(self, task: Task) -> WorstCase:
        """
        Return the most that answering *task* can come to: every attempt, every byte a token.

        Raises:
            InputTooLong: It cannot be answered at all.
        """
        if _is_empty(task):
            return WorstCase(0, Decimal(0))
        usage = self._worst_attempt(inquiry(task, self._completion))
        calls = self._policy.max_calls
        tokens = calls * (usage.input_tokens + usage.output_tokens)
        if self.vendor is None:
            return WorstCase(tokens, Decimal(0))
        price = self._price
        if price is None or usage.input_tokens > (price.up_to_tokens or usage.input_tokens):
            return WorstCase(tokens, None)
        return WorstCase(tokens, calls * usage.cost_usd)

    def answer(self, request: Consented[Any]) -> Answer[Any]:
        """
        Return the answer to the request's task.

        Raises:
            TypeError: What is asked is not `Consented`.
            AssistantError: There is no usable answer.
        """
        task = self._admitted(request)
        if _is_empty(task):
            return self._answered(Summary("", (), task.observations), task, [])
        asked = inquiry(task, self._completion)
        spent: list[Usage] = []

        def charge(usage: Usage) -> None:
            spent.append(usage)
            request.charge(usage)

        def attempt(seconds: float, wrong: AssistantError | None) -> Any:
            def call() -> Reply:
                request.confirm()
                return self._call(asked, seconds, wrong, charge)

            return self._understood(asked, self._breaker.call(call))

        result = persist(attempt, self._policy, self._timing)
        return self._answered(result, task, spent, input_cut=asked.was_cut)

    def _answered(
        self, result: Any, task: Task, spent: list[Usage], *, input_cut: bool = False
    ) -> Answer[Any]:
        return Answer(
            result,
            self.provider,
            self.model,
            version(task),
            sum(spent, Usage()),
            input_cut=input_cut,
        )

    def _admitted(self, request: Consented[Any]) -> Any:
        """Return the task of *request*, if its user lets it go to this very vendor, for this."""
        if not isinstance(request, Consented):
            raise TypeError("a language model takes only what is Consented")
        if request.vendor is not self.vendor or request.purpose is not Purpose.of(request.task):
            raise ConsentMissing(
                f"the user's consent is not for {self.provider} and this purpose",
                provider=self.provider,
                model=self.model,
            )
        return request.task

    def _call(
        self,
        asked: Inquiry,
        seconds: float,
        wrong: AssistantError | None,
        charge: Callable[[Usage], None],
    ) -> Reply:
        """Return the model's reply to one attempt, and charge what it cost, or may have cost."""
        cost = self._worst_attempt(asked)
        try:
            reply = self._completion.complete(
                asked.instructions + _correction(wrong),
                asked.text,
                asked.schema,
                max_output_tokens=self._most_output,
                timeout_seconds=seconds,
            )
            cost = self._priced(reply.usage)
        except AssistantError as error:
            if error.surely_unbilled:
                cost = Usage()
            elif isinstance(error.usage, Usage):
                cost = self._priced(error.usage)
            raise
        finally:
            charge(cost)
        return reply

    def _understood(self, asked: Inquiry, reply: Reply) -> Any:
        try:
            return asked.read(parsed(reply.text))
        except InvalidInput as problems:
            error = _Unusable(
                f"{self.model} gave an answer that is not of the form asked for",
                provider=self.provider,
                model=self.model,
                request_id=reply.request_id,
            )
            error.wrong = listed(problems, asked.form)[: CORRECTION_BYTES - 200]
        raise error

    @property
    def _most_output(self) -> int:
        return min(self._policy.max_output_tokens, self._completion.capabilities.max_output_tokens)

    def _worst_attempt(self, asked: Inquiry) -> Usage:
        return self._priced(Usage(asked.most_input_tokens, self._most_output))

    def _priced(self, usage: Usage) -> Usage:
        if self.vendor is None or self._price is None:
            return attrs.evolve(usage, cost_usd=Usage().cost_usd)
        return attrs.evolve(usage, cost_usd=self._price.cost(usage))


def _is_empty(task: Task) -> bool:
    """Whether there is nothing to sum up, so that nobody need be asked."""
    return isinstance(task, Summarise) and not task.passages


def _correction(wrong: AssistantError | None) -> str:
    """Return what is added to the instructions after an answer that was *wrong*."""
    if wrong is None:
        return ""
    if isinstance(wrong, Truncated):
        said = "it was too long and was cut off. Be much shorter, in every field."
    else:
        said = wrong.wrong if isinstance(wrong, _Unusable) else _ANY_PROBLEM
    return f"\n\nYour last answer could not be used: {said}\nAnswer once more, the whole task."
