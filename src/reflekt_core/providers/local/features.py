"""What the linear model sees of a sentence: words, pairs of words, negation and feeling words."""

import re
from collections.abc import Iterator

from reflekt_core.providers.local.lexicon import feeling_groups, word_list

__all__ = ["features", "tokens"]

_TOKEN = re.compile(
    r"[a-z]+(?:'[a-z]+)?|[:;]-?[()dp]|<3|[!?]+|\.\.+|…|[.,;:]|[\u2600-\u27bf\U0001f300-\U0001faff]"
)
_CLAUSE_ENDS = frozenset([".", ",", ";", ":", "but", "!", "?", "…", "because", "though"])
_REACH = 4


def features(sentence: str) -> set[str]:
    """Return the features of *sentence*: ``word``, ``~negated``, ``two words``, ``#group``."""
    groups = feeling_groups()
    found = set()
    previous = "^"
    for token, negated in tokens(sentence):
        found.add(f"~{token}" if negated else token)
        found.add(f"{previous} {token}")
        for group in groups.get(token, ()):
            found.add(f"#~{group}" if negated else f"#{group}")
        previous = token
    return found


def tokens(sentence: str) -> Iterator[tuple[str, bool]]:
    """Yield the words and marks of *sentence* in lower case, and whether each is negated."""
    reach = 0
    negations = word_list("negation")
    for raw in _TOKEN.findall(sentence.lower().replace("’", "'")):
        token = raw[:2] if raw[0] in "!?." else raw
        if token in _CLAUSE_ENDS:
            reach = 0
        yield token, reach > 0
        reach = _REACH if token in negations or token.endswith("n't") else reach - 1
