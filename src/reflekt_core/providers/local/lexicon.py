"""What is known of single words: feelings they name, how good or bad they are, areas of life."""

from functools import cache
from importlib.resources import files

__all__ = [
    "AREAS",
    "HEAVY",
    "LIGHT",
    "feeling_groups",
    "graded_words",
    "hints",
    "lines",
    "word_list",
]

AREAS = (
    "work",
    "family",
    "friends",
    "love",
    "health",
    "sleep",
    "food",
    "exercise",
    "recreation",
    "school",
    "spirituality",
    "money",
    "home",
    "travel",
    "nature",
    "self",
)
"""The areas of life; `graded.txt` names them by letters, from a to p."""

HEAVY = frozenset(["sadness", "shame", "tired", "anger", "fear", "disgust", "bad"])
LIGHT = frozenset(["joy", "calm", "love", "gratitude", "hope"])

_FULL = 50.0
_STEM = 3


def lines(name: str) -> list[str]:
    """Return the lines of this package's data file *name*, without comments and empty ones."""
    text = files(__package__).joinpath(name).read_text("utf-8")
    return [line for line in text.split("\n") if line and not line.startswith("#")]


@cache
def feeling_groups() -> dict[str, tuple[str, ...]]:
    """Return the words of `lexicon.txt`, each with its groups ("joy", "sadness", …)."""
    return _read("lexicon.txt")


@cache
def graded_words() -> dict[str, tuple[float, tuple[tuple[str, int], ...]]]:
    """
    Return the words of `graded.txt`: how good (1) or bad (-1) each is, and its areas of life.

    The best and the worst go a little beyond 1. An area comes with how sure it is, from 1 to 3.
    """
    found = {}
    for line in lines("graded.txt"):
        word, value, *codes = line.split(" ")
        areas = tuple((AREAS[ord(code[0]) - ord("a")], int(code[1])) for code in codes)
        found[word] = (int(value) / _FULL, areas)
    return found


def hints(word: str) -> frozenset[str]:
    """Return the areas that *word*, or a pair with "_", speaks of: ``%work``, or ``?work`` if unsure."""
    return _hints().get(word) or ("_" not in word and _by_stem(word)) or frozenset()


def _by_stem(word: str) -> frozenset[str]:
    for stem, meant in _stems().get(word[:_STEM], ()):
        if word.startswith(stem):
            return meant
    return frozenset()


@cache
def _hints() -> dict[str, frozenset[str]]:
    table: dict[str, frozenset[str]] = {}
    for line in lines("areas.txt"):
        name, _, listed = line.partition(":")
        hint = f"?{name.rstrip('?')}" if "?" in name else f"%{name}"
        for word in listed.split():
            table[word] = table.get(word, frozenset()) | {hint}
    return table


@cache
def _stems() -> dict[str, list[tuple[str, frozenset[str]]]]:
    """Return the words that end in a star, by their first three letters."""
    table: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for word, meant in _hints().items():
        if word.endswith("*"):
            table.setdefault(word[:_STEM], []).append((word.rstrip("*"), meant))
    return table


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
