"""What a text is about: areas of life, and the words of its own that stand out."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from reflekt_core.model.insights import Topic
from reflekt_core.providers.local.lexicon import AREAS, feeling_groups, word_list
from reflekt_core.providers.local.linear import area_shares
from reflekt_core.providers.local.text import words

__all__ = ["areas", "keyphrases", "topics"]

MOST = 8
_MOST_AREAS = 4
_LEADING = AREAS[:11]
_SHARE_OF_A_TOPIC, _SHARE_OF_THE_BEST = 0.15, 0.0
_SHORTEST, _LONGEST = 3, 30
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")


def topics(title: str, content: str, phrases: Sequence[Topic]) -> tuple[Topic, ...]:
    """Return at most eight topics, the strongest first: life areas, and *phrases* of the text."""
    named = areas(words(f"{title}\n{content}"))[:_MOST_AREAS]
    taken = {topic.name for topic in named}
    free = [topic for topic in phrases if topic.name not in taken]
    both = [*named, *free[: MOST - len(named)]]
    return tuple(sorted(both, key=lambda topic: (-topic.score, topic.name)))


def areas(found: Sequence[str]) -> list[Topic]:
    """
    Return the life areas that the words *found* speak of, the strongest first.

    Of the eleven areas that every journal knows, the likeliest is named even if it is a guess.
    """
    if not found:
        return []
    shares = area_shares(found)
    best = max(_LEADING, key=lambda area: shares[area])
    named = [
        Topic(area, round(shares[area], 3))
        for area in AREAS
        if shares[area] >= (_SHARE_OF_THE_BEST if area == best else _SHARE_OF_A_TOPIC)
    ]
    return sorted(named, key=lambda topic: (-topic.score, topic.name))


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
