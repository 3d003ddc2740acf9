"""What the linear models see of a text: words, pairs, negation, feeling words, and graded words."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from reflekt_core.providers.local.lexicon import feeling_groups, graded_words, hints, word_list

__all__ = ["Tokens", "area_features", "features", "graded", "known_share", "tokens"]

Tokens = Sequence[tuple[str, bool]]
"""The words and marks of a sentence in lower case, and whether each is negated."""

_TOKEN = re.compile(
    r"[a-z]+(?:'[a-z]+)?|[:;]-?[()dp]|<3|[!?]+|\.\.+|…|[.,;:]|[\u2600-\u27bf\U0001f300-\U0001faff]"
)
_CLAUSE_ENDS = frozenset([".", ",", ";", ":", "but", "!", "?", "…", "because", "though"])
_REACH = 4
_STEPS = (0.1, 0.3, 0.6, 1.0, 1.5, 2.2)
_BALANCE_STEPS = (0.05, 0.2, 0.4, 0.7, 1.0, 1.4)
_STRESS = frozenset(
    "very so really too extremely absolutely totally completely incredibly super such".split()  # noqa: SIM905 - not a page of them
)
_PLAIN = frozenset(
    "the a an and or of to in it is was be for on at that this with as so but i you he she they we me"  # noqa: SIM905 - the same
    " my your his her their our him them us had have has did do does not no am are were been just"
    " very too from by if then than there here all some any".split()
)
_TURNED, _STRESSED, _CONCEDED, _INSISTED = -0.6, 1.25, 0.6, 1.3


def features(found: Tokens) -> set[str]:
    """Return the features of a sentence's tokens: ``word``, ``~negated``, ``two words``, ``#group``."""
    groups = feeling_groups()
    named = set()
    previous = "^"
    for token, negated in found:
        named.add(f"~{token}" if negated else token)
        named.add(f"{previous} {token}")
        for group in groups.get(token, ()):
            named.add(f"#~{group}" if negated else f"#{group}")
        previous = token
    return named


def tokens(sentence: str) -> Tokens:
    """Return the words and marks of *sentence* in lower case, and whether each is negated."""
    return tuple(_tokens(sentence))


def _tokens(sentence: str) -> Iterator[tuple[str, bool]]:
    reach = 0
    negations = word_list("negation")
    for raw in _TOKEN.findall(sentence.lower().replace("’", "'")):
        token = raw[:2] if raw[0] in "!?." else raw
        if token in _CLAUSE_ENDS:
            reach = 0
        yield token, reach > 0
        reach = _REACH if token in negations or token.endswith("n't") else reach - 1


def graded(found: Tokens) -> set[str]:
    """
    Return how good and how bad a sentence's words are in all, as steps that are reached.

    A negation turns a word round, "very" strengthens it, and what follows "but" counts more than
    what stands before it.
    """
    values = list(_values(found))
    good = math.fsum(v for v in values if v > 0)
    bad = -math.fsum(v for v in values if v < 0)
    balance = (good - bad) / math.sqrt(1 + good + bad)
    steps = {f"=good{step}" for step in _STEPS if good >= step}
    steps |= {f"=bad{step}" for step in _STEPS if bad >= step}
    steps |= {f"=up{step}" for step in _BALANCE_STEPS if balance >= step}
    return steps | {f"=down{step}" for step in _BALANCE_STEPS if -balance >= step}


def _values(found: Tokens) -> Iterator[float]:
    table = graded_words()
    turn = max((i for i, (token, _) in enumerate(found) if token == "but"), default=-1)  # noqa: S105 - a word
    previous = ""
    for position, (token, negated) in enumerate(found):
        value = table[token][0] if token in table else 0.0
        if value:
            value *= _STRESSED if previous in _STRESS else 1.0
            value *= _TURNED if negated else 1.0
            value *= _CONCEDED if position < turn else _INSISTED if turn >= 0 else 1.0
            yield value
        previous = token


def area_features(found: Sequence[str]) -> set[str]:
    """Return what in the words *found* speaks of areas of life: the words, pairs, ``@area``."""
    table = graded_words()
    features = {word for word in found if word not in _PLAIN}
    for first, second in pairwise(("^", *found)):
        features.add(f"{first} {second}")
        features |= hints(f"{first}_{second}")
    for word in set(found):
        features |= hints(word)
        known = table.get(word.removesuffix("'s"))
        for area, sure in known[1] if known else ():
            features.update(f"@{area}{level}" for level in range(1, sure + 1))
    return features


def known_share(found: Sequence[str]) -> float:
    """Return how many of the words *found* are English words that are known here, from 0 to 1."""
    table = graded_words()
    return sum(word in table or word in _PLAIN for word in found) / max(len(found), 1)
