"""What language models cost."""

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from reflekt_core.model.insights import Usage

__all__ = ["PRICES", "Price"]

_MILLION = 1_000_000
_SMALLEST = Decimal("0.000001")
_READ_ON = date(2026, 11, 1)


@attrs.frozen
class Price:
    """
    US dollars per million tokens, as read on a day from the vendor's list.

    `cached` is for input that the vendor had seen before; None if it costs as much as the rest. The
    price holds up to `up_to_tokens` of input.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    read_on: date | None = None
    up_to_tokens: int | None = None

    def cost(self, usage: "Usage") -> Decimal:
        """Return what the tokens of *usage* cost, rounded up to a millionth of a dollar."""
        cached = self.input if self.cached is None else self.cached
        total = (
            (usage.input_tokens - usage.cached_tokens) * self.input
            + usage.cached_tokens * cached
            + usage.output_tokens * self.output
        )
        return (total / _MILLION).quantize(_SMALLEST, ROUND_UP)


PRICES: Final[Mapping[str, Price]] = {
    "gpt-6-luna": Price(Decimal("0.10"), Decimal("0.50"), read_on=_READ_ON),
    "claude-haiku-5-5": Price(
        Decimal("0.10"), Decimal("0.50"), read_on=_READ_ON, up_to_tokens=100_000
    ),
}
"""The price of each model that is known. A model that is not here is not guessed at."""
