"""The hand-written words: which feelings a word names or shows, and which are good or bad news."""

from functools import cache
from importlib.resources import files

__all__ = ["HEAVY", "LIGHT", "feeling_groups", "lines", "valences", "word_list"]

HEAVY = frozenset(["sadness", "shame", "tired", "anger", "fear", "disgust", "bad"])
LIGHT = frozenset(["joy", "calm", "love", "gratitude", "hope"])

_NEWS = 0.5


def lines(name: str) -> list[str]:
    """Return the lines of this package's data file *name*, without comments and empty ones."""
    text = files(__package__).joinpath(name).read_text("utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


@cache
def feeling_groups() -> dict[str, tuple[str, ...]]:
    """Return the words of `lexicon.txt`, each with its groups ("joy", "sadness", …)."""
    return _read("lexicon.txt")


@cache
def valences() -> dict[str, float]:
    """Return how good (1) or bad (-1) a word is by itself; news count half as much as feelings."""
    found = {}
    for word, (first, *_) in _read("news.txt").items():
        found[word] = _NEWS if first == "goods" else -_NEWS
    for word, groups in feeling_groups().items():
        sides = {1.0 for group in groups if group in LIGHT} | {
            -1.0 for group in groups if group in HEAVY
        }
        if len(sides) == 1:
            found[word] = sides.pop()
    return found


@cache
def word_list(name: str) -> frozenset[str]:
    """Return the list of that name in `words.txt`; it says there what each is for."""
    return frozenset(word for word, groups in _read("words.txt").items() if name in groups)


@cache
def _read(name: str) -> dict[str, tuple[str, ...]]:
    table: dict[str, tuple[str, ...]] = {}
    for line in lines(name):
        group, _, listed = line.partition(":")
        for word in listed.split():
            table[word] = (*table.get(word, ()), group)
    return table
