"""Entries of invented words that are as common as those of a language: a few everywhere, most nowhere else."""

import random
from datetime import timedelta
from functools import cache
from itertools import accumulate
from typing import Any
from uuid import UUID

from reflekt_core.model.entries import Entry
from reflekt_core.testing import NOW, an_entry

VOCABULARY = 30_000


@cache
def words() -> tuple[str, ...]:
    """Return the words, the most common first; these are shorter."""
    chosen = random.Random(1)  # noqa: S311 - the same in every run
    found: dict[str, float] = {}
    while len(found) < VOCABULARY:
        syllables = chosen.choice([1, 1, 2, 2, 2, 3, 3, 4])
        word = "".join(
            chosen.choice("bcdfghklmnprstvwz")
            + chosen.choice("aeiou")
            + (chosen.choice("nrst") if chosen.random() < 0.4 else "")
            for _ in range(syllables)
        )
        found.setdefault(word, len(word) + 4 * chosen.random())
    return tuple(sorted(found, key=found.__getitem__))


@cache
def weights() -> tuple[float, ...]:
    """Return how common each word is, and all before it together."""
    return tuple(accumulate(1 / (rank + 2) ** 1.15 for rank in range(VOCABULARY)))


def prose(number: int, count: int = 150) -> str:
    """Return so many words, others for each number."""
    chosen = random.Random(number)  # noqa: S311 - the same in every run
    return " ".join(chosen.choices(words(), cum_weights=weights(), k=count))


def zipf_entry(number: int, **fields: Any) -> Entry:
    """Return an entry of 150 words; each is of an hour after the one before."""
    id = UUID(int=0x0193E1A2_7C5B_7000_8000_000000000000 + number)
    at = NOW + timedelta(hours=number - 100_000)
    return an_entry(prose(number), id=id, occurred_at=at, **fields)
