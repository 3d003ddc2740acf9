"""What an assistant is asked about texts, and what it answers."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import attrs

from reflekt_core.errors import InvalidInput
from reflekt_core.model.entries import PRIVATE, Content, Day
from reflekt_core.model.feelings import Emotion, Sentiment
from reflekt_core.model.fields import WORDS, check
from reflekt_core.model.settings import Vendor
from reflekt_core.views import as_html

__all__ = [
    "AnalyseEntry",
    "Analysis",
    "AnyInsight",
    "Draft",
    "Failure",
    "Insight",
    "InsightFailure",
    "InsightState",
    "InsightStatus",
    "InsightView",
    "Passage",
    "PassedOver",
    "Period",
    "Provenance",
    "Safety",
    "SafetyLevel",
    "SuggestWays",
    "Suggestions",
    "SuggestionsView",
    "Summarise",
    "Summary",
    "SummaryView",
    "Topic",
    "Usage",
]


@attrs.frozen
class Topic:
    """Something the text is about, in lower case; `score` from 0 to 1."""

    name: str
    score: float


# What is asked: tasks. Each holds all that its answer depends on, and nothing about who asks.


@attrs.frozen
class AnalyseEntry:
    """Understand one entry."""

    title: str = attrs.field(metadata=WORDS)
    content: str = attrs.field(metadata=WORDS)
    language: str = "en"
    tone: str = "gentle"


@attrs.frozen
class Passage:
    """An entry of a period, as far as a summary needs it."""

    entry_id: UUID
    local_date: date
    title: str = attrs.field(metadata=WORDS)
    content: str = attrs.field(metadata=WORDS)


@attrs.frozen
class Summarise:
    """
    Sum up a period, from its entries in order of time.

    `observations` are what the figures of the period bear out, as sentences in English.
    """

    passages: tuple[Passage, ...] = attrs.field(metadata=WORDS)
    language: str = "en"
    tone: str = "gentle"
    observations: tuple[str, ...] = attrs.field(default=(), metadata=WORDS)


@attrs.frozen
class SuggestWays:
    """Suggest ways to continue a draft."""

    content: str = attrs.field(metadata=WORDS)
    language: str = "en"
    tone: str = "gentle"


# What is answered.


@attrs.frozen
class Usage:
    """
    What an answer cost: tokens, and US dollars.

    `cached_tokens` are those of `input_tokens` that the vendor had seen before, `reasoning_tokens`
    those of `output_tokens` that are not part of the answer.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal("0.000000")
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage(
            *(a + b for a, b in zip(attrs.astuple(self), attrs.astuple(other), strict=True))
        )


@attrs.frozen
class PassedOver:
    """A provider that was to answer and did not; `reason` is a code such as ``ai_timeout``."""

    provider: str
    reason: str


@attrs.frozen
class Provenance:
    """Where an answer comes from."""

    provider: str
    model: str
    prompt_version: str
    created_at: datetime
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal("0.000000")
    passed_over: tuple[PassedOver, ...] = ()
    """Who was to answer before, and why they did not."""
    input_cut: bool = False
    """The text was longer than the model takes, and was cut at the end of a sentence."""


@attrs.frozen
class Analysis:
    """What was understood of an entry. `observations` say only what the text bears out."""

    sentiment: Sentiment
    emotions: tuple[Emotion, ...]
    topics: tuple[Topic, ...]
    summary: str
    questions: tuple[str, ...]
    observations: tuple[str, ...]


@attrs.frozen
class Suggestions:
    """Ways to continue a draft."""

    items: tuple[str, ...]


@attrs.frozen
class Summary:
    """
    The summary of a period, and the entries that it rests on.

    `observations` say again what the task's say, in the user's language, and nothing more.
    """

    text: str
    entry_ids: tuple[UUID, ...]
    observations: tuple[str, ...] = ()


# What is kept and shown.


class SafetyLevel(StrEnum):
    """Whether the text speaks of a crisis."""

    NONE = "none"
    CONCERN = "concern"


@attrs.frozen
class Safety:
    """A calm pointer to help where a text speaks of a crisis. Computed when read, never stored."""

    level: SafetyLevel = SafetyLevel.NONE
    resources: tuple[str, ...] = ()


class InsightStatus(StrEnum):
    """Whether an entry has been understood yet."""

    READY = "ready"
    PENDING = "pending"
    FAILED = "failed"
    OFF = "off"


@attrs.frozen
class Insight:
    """What was understood of an entry, as stored. It is stale once the entry's text has changed."""

    entry_id: UUID
    entry_version: int
    content_version: int = attrs.field(metadata=PRIVATE)
    analysis: Analysis
    provenance: Provenance
    cached: tuple[str, ...] = attrs.field(default=(), metadata=PRIVATE)
    """Keys of answers, to this entry's texts, that are kept so as not to be paid for again."""
    vendor: Vendor | None = attrs.field(default=None, metadata=PRIVATE)
    """Whose server read the text; None if it never left this machine."""


@attrs.frozen
class Failure:
    """That an entry's analysis failed, with a code and when."""

    content_version: int
    code: str
    at: datetime
    version: int = attrs.field(default=1, metadata=PRIVATE)


@attrs.frozen
class InsightView:
    """An insight as shown: `stale` if the entry's text has changed since."""

    entry_id: UUID
    entry_version: int
    stale: bool
    sentiment: Sentiment
    emotions: tuple[Emotion, ...]
    topics: tuple[Topic, ...]
    summary: str
    questions: tuple[str, ...]
    observations: tuple[str, ...]
    safety: Safety
    provenance: Provenance
    status: InsightStatus = InsightStatus.READY

    _repr_html_ = as_html


@attrs.frozen
class InsightFailure:
    """The analysis failed; `code` says why. It can be asked for again."""

    code: str
    status: InsightStatus = InsightStatus.FAILED

    _repr_html_ = as_html


@attrs.frozen
class InsightState:
    """There is no insight: `pending` if one is on its way, `off` if analysis is switched off."""

    status: InsightStatus

    _repr_html_ = as_html


AnyInsight = InsightView | InsightFailure | InsightState
"""What was understood of an entry, or why there is nothing."""


@attrs.frozen
class SuggestionsView:
    """Ways to continue a draft, and where they come from."""

    items: tuple[str, ...]
    provenance: Provenance
    safety: Safety = Safety()


@attrs.frozen
class SummaryView:
    """The summary of the days from `from_` to `to`, and the entries that it rests on."""

    from_: date
    to: date
    summary: str
    entry_ids: tuple[UUID, ...]
    provenance: Provenance
    observations: tuple[str, ...] = ()


@attrs.frozen
class Draft:
    """An unfinished text."""

    content: Content

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Period:
    """Days from `from_` to `to`, both included."""

    from_: Day
    to: Day

    def __attrs_post_init__(self) -> None:
        check(self)
        if self.to < self.from_:
            raise InvalidInput.field("to", "must not lie before 'from'")
