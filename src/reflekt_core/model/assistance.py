"""Every task that an assistant may be given, what comes with its answers, and consent to ask."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Generic, TypeVar

import attrs

from reflekt_core.model.insights import AnalyseEntry, PassedOver, SuggestWays, Summarise, Usage
from reflekt_core.model.prompts import WritePrompts
from reflekt_core.model.settings import Vendor

__all__ = [
    "Access",
    "Answer",
    "Capabilities",
    "Consented",
    "Purpose",
    "Reply",
    "Schema",
    "Task",
    "WorstCase",
    "map_texts",
    "map_words",
]

T = TypeVar("T")

Task = AnalyseEntry | SuggestWays | Summarise | WritePrompts
"""What an assistant may be asked."""


class Purpose(StrEnum):
    """What a text is sent to a vendor for."""

    ANALYSE = "analyse"
    SUGGEST = "suggest"
    SUMMARISE = "summarise"
    PROMPTS = "prompts"

    @classmethod
    def of(cls, task: Task) -> "Purpose":
        """Return what *task* is for."""
        match task:
            case AnalyseEntry():
                return cls.ANALYSE
            case SuggestWays():
                return cls.SUGGEST
            case Summarise():
                return cls.SUMMARISE
            case WritePrompts():
                return cls.PROMPTS


@attrs.frozen
class Consented(Generic[T]):
    """
    A task that may be sent to `vendor` for `purpose`: nothing else may leave the machine.

    Only `reflekt_core.services.assistance` makes one, from the user's settings. `confirm` asks
    again, right before each attempt, and raises `ConsentMissing` if the user has changed their
    mind. `charge` is told after each attempt what it cost, or may have cost at worst. A `vendor`
    of None is a server on this machine, which needs no consent.
    """

    task: T = attrs.field(repr=False)
    purpose: Purpose
    vendor: Vendor | None
    stamped_at: datetime
    confirm: Callable[[], None] = attrs.field(eq=False, repr=False)
    charge: Callable[[Usage], None] = attrs.field(eq=False, repr=False)


@attrs.frozen
class Answer(Generic[T]):
    """
    The result of a task, who gave it, and what it cost.

    `passed_over` names who was to answer before and did not, and why. `input_cut`: the text was
    longer than the model takes, and was cut at the end of a sentence. `kept_as` is the key under
    which the service keeps the answer, so as not to pay for it again.
    """

    result: T
    provider: str
    model: str
    prompt_version: str
    usage: Usage = attrs.field(factory=Usage)
    passed_over: tuple[PassedOver, ...] = ()
    input_cut: bool = False
    kept_as: str = ""
    vendor: Vendor | None = None


@attrs.frozen
class WorstCase:
    """The most that answering a task can come to; `cost_usd` is None if the price is not known."""

    tokens: int
    cost_usd: Decimal | None


def map_words(task: Any, change: Callable[[str], str]) -> Any:
    """Return *task* with *change* applied to all words of the user in it, and to nothing else."""
    marked = [field.name for field in attrs.fields(type(task)) if field.metadata.get("words")]
    return attrs.evolve(task, **{name: _mapped(getattr(task, name), change) for name in marked})


def map_texts(result: Any, change: Callable[[str], str]) -> Any:
    """Return *result* with *change* applied to every text in it."""
    return _mapped(result, change)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str) and not isinstance(value, StrEnum):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_mapped(item, change) for item in value)
    if attrs.has(type(value)):
        fields = attrs.fields(type(value))
        return attrs.evolve(
            value, **{f.name: _mapped(getattr(value, f.name), change) for f in fields}
        )
    return value


# How a language model is reached, and what passes between an assistant and the model below it.


@attrs.frozen
class Access:
    """
    How a vendor's model is reached; what is None comes from the environment, or is the default.

    `api_key` may be a function that fetches the key when it is first needed.
    """

    api_key: str | Callable[[], str] | None = attrs.field(default=None, repr=False)
    model: str | None = None
    base_url: str | None = None


@attrs.frozen
class Capabilities:
    """What a language model, or the server in front of it, can do."""

    structured_output: bool = True
    """Answers by a JSON schema."""
    max_input_tokens: int = 100_000
    max_output_tokens: int = 8_000


@attrs.frozen
class Reply:
    """
    What a language model wrote, which should be JSON.

    `usage` has the tokens as the vendor counted them, without their cost.
    """

    text: str = attrs.field(repr=False)
    usage: Usage
    request_id: str = ""


Schema = Mapping[str, Any]
"""A JSON schema: an object whose properties are all required, and no others allowed."""
