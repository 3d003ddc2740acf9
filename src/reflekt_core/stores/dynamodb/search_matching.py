"""
Which entries of a segment a query may mean, and how well.

A word cut short, a phrase, or more words than are looked up: such may mean more entries than they
do in truth. They never mean fewer.
"""

from collections.abc import Callable, Collection, Mapping
from functools import reduce
from typing import Final

from reflekt_core.model.search import Query, Term
from reflekt_core.stores.dynamodb.postings import (
    CUT,
    GROUP,
    beginning,
    code,
    listed,
    part_of,
    times,
)

__all__ = ["Words", "is_exact", "looked_up", "scores"]

MOST_WORDS: Final = 8
"""How many words are looked up in the index; of more, the entries themselves tell."""

_TITLE_WEIGHT: Final = 3.0

_Hits = Mapping[int, int] | None
"""Entries that may be meant, by number, with codes; None if any may be."""


class Words:
    """
    Looks up words in a segment.

    Args:
        bits: The segment has 2 ** *bits* parts.
        part: Returns the words in a part, each with its list as bytes.
    """

    def __init__(self, bits: int, part: Callable[[int], Mapping[str, bytes]]) -> None:
        self._bits = bits
        self._read = part
        self._parts: dict[int, Mapping[str, bytes]] = {}

    def of(self, word: str) -> _Hits:
        """Return the entries with *word*."""
        packed = self._part(word).get(word[:CUT])
        return {} if packed is None else listed(packed)

    def beginning_with(self, letters: str) -> _Hits:
        """Return the entries with any word that begins with these *letters*."""
        letters = letters[:CUT]
        part = self._part(letters)
        if self._bits and len(letters) < GROUP:
            begun = part.get(beginning(letters))
            return self.of(letters) if begun is None else listed(begun)
        found: dict[int, int] = {}
        for word, packed in part.items():
            if word.startswith(letters) and word[-1] != "*":
                for number, more in (listed(packed) or {}).items():
                    found[number] = _plus(found.get(number, 0), more)
        return found

    def _part(self, word: str) -> Mapping[str, bytes]:
        place = part_of(word, self._bits)
        if place not in self._parts:
            self._parts[place] = self._read(place)
        return self._parts[place]


def looked_up(query: Query) -> frozenset[str]:
    """Return the words of *query* that are looked up: the longest, which are rare most often."""
    found = {word for term in query.terms if _counts(term) for word in term.tokens}
    return frozenset(sorted(found, key=lambda word: (-len(word), word))[:MOST_WORDS])


def is_exact(query: Query) -> bool:
    """Tell whether all that the index says *query* may mean is meant."""
    known = looked_up(query)
    return all(
        len(term.tokens) == 1
        and term.tokens[0] in known
        and (GROUP if term.prefix else 0) <= len(term.tokens[0]) < CUT
        for term in query.terms
    )


def _counts(term: Term) -> bool:
    """Tell whether the index can say who is meant by *term*, or left out."""
    return not term.excluded or (len(term.tokens) == 1 and len(term.tokens[0]) < CUT)


def scores(query: Query, words: Words, alive: Collection[int]) -> dict[int, float]:
    """Return which of the entries *alive* may be meant, with their scores."""
    known = looked_up(query)
    left = set(alive)
    found: dict[int, float] = {}
    weights: list[dict[int, float] | None] = []
    for term in query.terms:
        hits = _hits(term, words, known) if _counts(term) else None
        if term.excluded:
            left -= (hits or {}).keys()
        elif hits is None:
            weights.append(None)
        else:
            weighed = {number: _weight(code) for number, code in hits.items()}
            left &= weighed.keys()
            weights.append(weighed)
    for number in left:
        found[number] = sum(_ANY if one is None else one[number] for one in weights)
    return found


def _hits(term: Term, words: Words, known: frozenset[str]) -> _Hits:
    *first, last = term.tokens
    every = [words.of(word) for word in first if word in known]
    if last in known:
        every.append(words.beginning_with(last) if term.prefix else words.of(last))
    told = [hits for hits in every if hits is not None]
    return reduce(_both, told) if told else None


def _both(one: Mapping[int, int], other: Mapping[int, int]) -> Mapping[int, int]:
    """Return the entries in both, where both may stand side by side."""
    fewer, more = sorted((one, other), key=len)
    found = {n: _least(code, more[n]) for n, code in fewer.items() if n in more}
    return {n: code for n, code in found.items() if code}


def _least(one: int, other: int) -> int:
    (title, content), (other_title, other_content) = times(one), times(other)
    return code(min(title, other_title), min(content, other_content))


def _plus(one: int, other: int) -> int:
    (title, content), (other_title, other_content) = times(one), times(other)
    return code(title + other_title, content + other_content)


def _weight(code: int) -> float:
    title, content = times(code)
    return _TITLE_WEIGHT * title / (title + 1) + content / (content + 1)


_ANY: Final = _weight(1)
