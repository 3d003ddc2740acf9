"""Plain observations: what anyone can check in the text."""

import re
from collections import Counter
from collections.abc import Iterator

from reflekt_core.providers.local.finds import feelings_named
from reflekt_core.providers.local.lexicon import feeling_groups, word_list
from reflekt_core.providers.local.questions import Reader
from reflekt_core.providers.local.sayings import Kind
from reflekt_core.providers.local.text import words

__all__ = ["observations"]

_OFTEN = 4
_SEVERAL = 2
_MANY = 3
_SHORTEST = 3
_ABSOLUTE = ("always", "never", "nobody", "everything", "nothing", "sorry")
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def observations(reader: Reader) -> tuple[str, ...]:
    """Return up to three things that anyone can check in the text; often none."""
    if not reader.is_english or reader.is_crisis:
        return ()
    if reader.mourns:
        return tuple(_feelings(reader))
    found = (
        *_feelings(reader),
        *_repeated(reader),
        *_people(reader),
        *_asked(reader),
        *_absolute(reader),
        *_musts(reader),
    )
    return found[:3]


def _feelings(reader: Reader) -> Iterator[str]:
    named = feelings_named(reader.sentences)
    if len(named) > 1:
        yield f"You name more than one feeling: {_listed([_quoted(n, reader) for n in named[:4]])}."


def _quoted(word: str, reader: Reader) -> str:
    """Return *word* in quotation marks, as it stands where it first does: quotes must occur."""
    found = re.search(
        rf"(?<!\w){re.escape(word).replace(chr(39), '[’' + chr(39) + ']')}(?!\w)",
        reader.text,
        re.IGNORECASE,
    )
    return f"“{found[0] if found else word}”"


def _listed(items: list[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}"


def _times(count: int) -> str:
    return f"{_number(count)} times"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _repeated(reader: Reader) -> Iterator[str]:
    counts = Counter(
        word
        for word in words(reader.text)
        if len(word) >= _SHORTEST and word not in word_list("stop") and word not in feeling_groups()
    )
    word, count = max(counts.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if count >= _OFTEN:
        yield f"{_quoted(word, reader)} comes up {_times(count)}."


def _people(reader: Reader) -> Iterator[str]:
    kinds = {Kind.PERSON, Kind.CHILD, Kind.ANIMAL}
    named = [find.words for find in reader.found if find.kind in kinds]
    if len(named) >= _MANY:
        yield f"Several others appear here: {_listed(named[:5])}."


def _asked(reader: Reader) -> Iterator[str]:
    asked = sum(sentence.endswith("?") for sentence in reader.sentences)
    if asked >= _SEVERAL:
        yield f"There are {_number(asked)} questions in what you write."


def _absolute(reader: Reader) -> Iterator[str]:
    counts = Counter(words(reader.text))
    for word in _ABSOLUTE:
        if counts[word] >= _MANY:
            yield f"You write {_quoted(word, reader)} {_times(counts[word])}."


def _musts(reader: Reader) -> Iterator[str]:
    musts = len(re.findall(r"\b[Ii] (?:should|must|have to|ought to|need to)\b", reader.text))
    if musts >= _MANY:
        yield f"You write {_times(musts)} of what you should or have to do."
