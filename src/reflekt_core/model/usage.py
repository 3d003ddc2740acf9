"""What requests and AI calls leave behind besides their results."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import attrs

from reflekt_core.model.fields import Text, check

__all__ = ["AIUsage", "DayUsage", "Health", "Receipt", "UsageQuery", "UserUsage"]


@attrs.frozen
class DayUsage:
    """AI calls of a user on a UTC day, and what they cost."""

    date: date
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal("0.000000")
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
