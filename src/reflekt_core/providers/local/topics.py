"""What a text is about: areas of life, and the words of its own that stand out."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from reflekt_core.model.insights import Topic
from reflekt_core.providers.local.lexicon import feeling_groups, lines, word_list
from reflekt_core.providers.local.text import words

__all__ = ["areas", "keyphrases", "topics"]

MOST = 8
_MOST_AREAS = 4
_SURE, _MAYBE = 1.0, 0.35
_HALF = 2.0  # this much weight gives an area half the full score
_ENOUGH = 0.7
_SHORTEST, _LONGEST = 3, 30
_STEM = 3
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")


def topics(title: str, content: str, phrases: Sequence[Topic]) -> tuple[Topic, ...]:
    """Return at most eight topics, the strongest first: life areas, and *phrases* of the text."""
    named = areas(words(f"{title}\n{content}"))[:_MOST_AREAS]
    taken = {topic.name for topic in named}
    free = [topic for topic in phrases if topic.name not in taken]
    both = [*named, *free[: MOST - len(named)]]
    return tuple(sorted(both, key=lambda topic: (-topic.score, topic.name)))


def areas(found: Sequence[str]) -> list[Topic]:
    """Return the life areas that the words *found* speak of, the strongest first."""
    weights: dict[str, float] = {}
    pairs = Counter(f"{first}_{second}" for first, second in pairwise(found))
    table = _areas()
    for word, times in (*Counter(found).items(), *pairs.items()):
        meanings = table.get(word) or ({} if "_" in word else _by_stem(word))
        for area, weight in meanings.items():
            weights[area] = weights.get(area, 0.0) + weight * math.sqrt(min(times, 3))
    scored = [
        Topic(area, round(weight / (weight + _HALF), 2))
        for area, weight in weights.items()
        if weight >= _ENOUGH
    ]
    return sorted(scored, key=lambda topic: (-topic.score, topic.name))


def _by_stem(word: str) -> dict[str, float]:
    for stem, meanings in _stems().get(word[:_STEM], ()):
        if word.startswith(stem):
            return meanings
    return {}


@cache
def _areas() -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for line in lines("areas.txt"):
        name, _, listed = line.partition(":")
        area = name.rstrip("?")
        for word in listed.split():
            table.setdefault(word, {}).setdefault(area, _MAYBE if "?" in name else _SURE)
    return table


@cache
def _stems() -> dict[str, list[tuple[str, dict[str, float]]]]:
    """Return the words that end in a star, by their first three letters."""
    table: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for word, meanings in _areas().items():
        if word.endswith("*"):
            table.setdefault(word[:_STEM], []).append((word.rstrip("*"), meanings))
    return table


def keyphrases(title: str, content: str) -> list[Topic]:
    """
    Return words and pairs of words of the text that stand out, in lower case, the best first.

    What follows an article, a possessive or a preposition counts as a name of something; what
    follows a pronoun or "to" as a verb, which does not.
    """
    weights: dict[str, float] = {}
    for text, worth in ((title, 1.5), (content, 1.0)):
        for phrase, weight in _candidates([m[0] for m in _TOKEN.finditer(text)]):
            weights[phrase] = weights.get(phrase, 0.0) + weight * worth
    kept = {p: w for p, w in weights.items() if w >= 1.0}
    for pair in [p for p in kept if " " in p]:
        for part in pair.split():
            if part in kept and kept[part] <= 2 * kept[pair]:
                del kept[part]  # "piano lesson" says it better than "piano" and "lesson"
    scored = [Topic(p, round(min(1.0, w / (w + 2.5)), 2)) for p, w in kept.items()]
    return sorted(scored, key=lambda topic: (-topic.score, topic.name))[:MOST]


def _candidates(tokens: Sequence[str]) -> Iterator[tuple[str, float]]:
    before, pending, pending_token = "", "", ""
    for token, after in pairwise((*tokens, ".")):
        word = token.lower().replace("’", "'").removesuffix("'s")
        if _is_content(word):
            cue = _cue(before, token, word)
            if cue > 0:
                yield word, cue
            both = pending and pending_token[0].isupper() == token[0].isupper()
            if both and cue >= 0 and not _is_content(after.lower()):
                yield f"{pending} {word}", 1.1
            opens = (
                before in word_list("before_noun")
                and not word.endswith("ly")
                and not token.endswith("s")
            )
            pending_token = token
            pending = word if opens and "'" not in token and "’" not in token else ""
        else:
            pending = ""
        before = token.lower()


def _cue(before: str, token: str, word: str) -> float:
    """Return how much speaks for *word* naming something; less than 0 if it looks like a verb."""
    if word.endswith(("ed", "ly")) or (
        word.endswith("ing") and before not in word_list("before_noun")
    ):
        return -0.5
    if before in word_list("before_verb"):
        return -0.5
    if before in word_list("before_noun"):
        return 1.0
    if token[0].isupper() and before.isalpha():
        return 1.0
    return 0.5


@cache
def _is_content(word: str) -> bool:
    return (
        _SHORTEST <= len(word) <= _LONGEST
        and word.isalpha()
        and word not in word_list("stop")
        and word not in word_list("no_noun")
        and word not in feeling_groups()
    )
