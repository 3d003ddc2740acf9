"""What requests and AI calls leave behind besides their results."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import attrs

from reflekt_core.model.fields import Text, check
from reflekt_core.model.settings import Vendor

__all__ = [
    "AIUsage",
    "CachedAnswer",
    "DayUsage",
    "Health",
    "Hold",
    "Receipt",
    "UsageQuery",
    "UserUsage",
]


@attrs.frozen
class Hold:
    """
    The worst that a call to an AI provider may cost, set aside before it is made.

    `question` tells apart what is asked. A call that was never settled may have been paid for, so
    its hold stays.
    """

    question: str
    since: datetime
    tokens: int
    cost_usd: Decimal


@attrs.frozen
class DayUsage:
    """AI calls of a user on a UTC day, what they cost, and what is set aside for those under way."""

    date: date
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal("0.000000")
    holds: tuple[Hold, ...] = ()
    version: int = 1

    @property
    def tokens_gone(self) -> int:
        """Return the tokens spent or set aside."""
        return self.input_tokens + self.output_tokens + sum(hold.tokens for hold in self.holds)

    @property
    def cost_gone_usd(self) -> Decimal:
        """Return the money spent or set aside."""
        return sum((hold.cost_usd for hold in self.holds), self.cost_usd)


@attrs.frozen
class CachedAnswer:
    """What a vendor's model answered, so that the same is never paid for twice; `answer` is JSON."""

    key: str
    vendor: Vendor | None
    answer: str
    input_cut: bool
    version: int = 1


@attrs.frozen
class Receipt:
    """
    That a request with an idempotency key was begun, and its answer once there is one.

    `answer` is JSON. Until then the request belongs to whoever began it, up to `leased_until`.
    """

    fingerprint: str
    leased_until: datetime
    answer: str | None = None
    version: int = 1
    key: str = ""
    """The key under which it is stored."""


@attrs.frozen
class AIUsage:
    """What the AI calls of the days from `from_` to `to` (UTC) came to."""

    from_: date
    to: date

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal("0.000000")


@attrs.frozen
class UserUsage:
    """What one user keeps and spends. Counts and cost, never content."""

    user_id: str
    entries: int
    trashed: int
    categories: int
    ai: AIUsage


@attrs.frozen
class UsageQuery:
    """Whose usage to show."""

    user_id: Annotated[str, Text(255, min_length=1, example="me")]

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Health:
    """That the service is up, and which version of Reflekt it is."""

    status: str
    version: str
