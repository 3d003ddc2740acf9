"""What a text is about: areas of life, and the words of its own that stand out."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

from reflekt_core.model.insights import Topic
from reflekt_core.providers.local.lexicon import feeling_groups, lines
from reflekt_core.providers.local.text import STOP_WORDS, words

__all__ = ["areas", "keyphrases", "topics"]

MOST = 8
_MOST_AREAS = 4
_SURE, _MAYBE = 1.0, 0.35
_HALF = 2.0  # this much weight gives an area half the full score
_ENOUGH = 0.7
_LONGEST = 30
_STEM_LENGTHS = range(3, 13)
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")

_BEFORE_NOUN = frozenset(
    """
    a an the my our your his her their its this that these those some another every each no two
    three of in at on with from into for about near old new little first last next favourite
    favorite
    """.split()
)
_BEFORE_VERB = frozenset(
    """
    i we you he she they it to not don't didn't can can't could couldn't will won't would wouldn't
    should must may might i'll we'll he'll she'll they'll let's never always just who and
    """.split()
)
_NO_NOUNS = frozenset(
    """
    ran came ate wrote read slept drove fell bought brought caught found gave held led met paid sang
    sent spoke spent stood swam taught threw woke wore began broke chose drank flew forgot grew hid
    hit hung laid lay lit rang rose shook shut slid sold stole stuck swore tore understood built cut
    dug fed fought froze understood walk walks sit sits eat eats run runs buy buys call calls ask
    asks write writes move moves wait waits hope hopes love loves hate hates care change bring
    short long slow slowly quick different important whole main only same own certain able free full
    empty early nice open busy ready clear true close dark loud quiet warm cold hot wet dry soft
    hundred thousand four five six seven eight nine ten eleven twelve monday tuesday wednesday
    thursday friday saturday sunday january february march april june july august september october
    november december lol haha hmm ugh omg cannot also etc
    """.split()
)


def topics(title: str, content: str) -> tuple[Topic, ...]:
    """Return at most eight topics, the strongest first: life areas, and words of the text."""
    named = areas(words(f"{title}\n{content}"))[:_MOST_AREAS]
    taken = {topic.name for topic in named}
    free = [topic for topic in keyphrases(title, content) if topic.name not in taken]
    both = [*named, *free[: MOST - len(named)]]
    return tuple(sorted(both, key=lambda topic: (-topic.score, topic.name)))


def areas(found: Sequence[str]) -> list[Topic]:
    """Return the life areas that the words *found* speak of, the strongest first."""
    counts = Counter(found)
    counts.update(f"{first}_{second}" for first, second in pairwise(found))
    weights: dict[str, float] = {}
    for word, times in counts.items():
        for area, weight in _meanings(word).items():
            weights[area] = weights.get(area, 0.0) + weight * min(times, 3) ** 0.5
    scored = [
        Topic(area, round(weight / (weight + _HALF), 2))
        for area, weight in weights.items()
        if weight >= _ENOUGH
    ]
    return sorted(scored, key=lambda topic: (-topic.score, topic.name))


def _meanings(word: str) -> dict[str, float]:
    table = _areas()
    found = table.get(word)
    if found is None:
        stems = (f"{word[:length]}*" for length in _STEM_LENGTHS if length <= len(word))
        found = next((table[stem] for stem in stems if stem in table), {})
    return found


@cache
def _areas() -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for line in lines("areas.txt"):
        name, _, listed = line.partition(":")
        area = name.rstrip("?")
        for word in listed.split():
            table.setdefault(word, {}).setdefault(area, _MAYBE if "?" in name else _SURE)
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
    before, pending = "", ""
    for token, after in pairwise((*tokens, ".")):
        word = token.lower().replace("’", "'").removesuffix("'s")
        if _is_content(word):
            cue = _cue(before, token, word)
            if cue > 0:
                yield word, cue
            if pending and cue >= 0 and not _is_content(after.lower()):
                yield f"{pending} {word}", 1.1
            opens = before in _BEFORE_NOUN and not word.endswith("ly") and not token.endswith("s")
            pending = word if opens and "'" not in token and "’" not in token else ""
        else:
            pending = ""
        before = token.lower()


def _cue(before: str, token: str, word: str) -> float:
    """Return how much speaks for *word* naming something; less than 0 if it looks like a verb."""
    if word.endswith(("ed", "ly")) or (word.endswith("ing") and before not in _BEFORE_NOUN):
        return -0.5
    if before in _BEFORE_VERB:
        return -0.5
    if before in _BEFORE_NOUN:
        return 1.0
    if token[0].isupper() and before.isalpha():
        return 1.0
    return 0.5


@cache
def _is_content(word: str) -> bool:
    return (
        2 < len(word) <= _LONGEST
        and word.isalpha()
        and word not in STOP_WORDS
        and word not in _NO_NOUNS
        and word not in feeling_groups()
    )
