"""
Whether a text speaks of suicide or self-harm, by the wordings in `crisis_language.txt`.

A sentence is first put into plain words, so that one pattern covers many spellings. Some wordings
are enough by themselves; most are taken back by a denial before them ("I would never …"), and what
was done to oneself by what tells of an accident ("cut myself shaving").
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

__all__ = ["speaks_of_crisis"]

_ENDINGS = {
    "n't": " not",
    "'m": " am",
    "'ve": " have",
    "'ll": " will",
    "'re": " are",
    "'d": " would",
    "'s": " is",
}
_BETWEEN = r"[.!?;…。！？]+"
_WORD = r"[^\W_]+(?:'[^\W_]+)*|[,:]"
_LONG_WORDS = "myself suicide suicidal nobody killing cutting overdose"
_SPACED = r"\b(?:[a-z] ){2,9}[a-z]\b"
_STRETCHED = r"([a-z])\1{2,}"
_BORDERS = {
    "denial": (r"\b", ""),
    "no denial": (r"\b", ""),
    "over": (r"\b", ""),
    "idiom": ("", r"\b"),
    "accident": ("", r"\b"),
    "passed": ("", r"\b"),
    "wished": (r"\b", ""),
}
_ONESELF = r"\b(?:i|me|my|myself)\b"
_NEAR = 40
"""As many characters before and after a wording may take it back."""


def speaks_of_crisis(text: str) -> bool:
    """Return whether a sentence of *text* tells of the writer's crisis or of somebody in danger."""
    text = " ".join(text.lower().replace("’", "'").replace("‘", "'").split())
    return any(map(_in_english, _sentences_with(_cues("cues"), text))) or any(
        map(_pattern("elsewhere").search, _sentences_with(_cues("cues elsewhere"), text))
    )


def _sentences_with(cues: tuple[str, ...], text: str) -> Iterator[str]:
    # Most entries hold few cues: looking for all of them once is what costs least.
    found = [cue for cue in cues if cue in text]
    if found:
        for sentence in re.split(_BETWEEN, text):
            if any(cue in sentence for cue in found):
                yield sentence


def _in_english(sentence: str) -> bool:
    words = _pattern("figurative").sub(" ", _plain(sentence))
    return (
        not all(map(_is_told, _pattern("outright").finditer(words)))
        or any(map(_meant, _pattern("unless denied").finditer(words)))
        or any(map(_harmed, _pattern("done").finditer(words)))
    )


def _meant(match: re.Match[str]) -> bool:
    ahead, after = _around(match)
    if _is_told(match) or _taken_back(ahead) or _pattern("idiom").match(after):
        return False
    if _pattern("passed").match(after):
        return False
    wished = _pattern("wished").search(ahead + match[0])
    return bool(wished) or not match[0].endswith("self") or not _is_accident(match)


def _harmed(match: re.Match[str]) -> bool:
    ahead, after = _around(match)
    return not (_taken_back(ahead) or _pattern("idiom").match(after) or _is_accident(match))


def _is_told(match: re.Match[str]) -> bool:
    close = match.string[max(0, match.start() - 8) : match.end()]
    return bool(_pattern("told").search(match.string) and not re.search(_ONESELF, close))


def _taken_back(ahead: str) -> bool:
    denied = _pattern("denial").search(ahead) and not _pattern("no denial").search(ahead)
    return bool(denied or _pattern("over").search(ahead))


def _is_accident(match: re.Match[str]) -> bool:
    _, after = _around(match)
    return bool(_pattern("accident").match(after) or _pattern("mishap").search(match.string))


def _around(match: re.Match[str]) -> tuple[str, str]:
    words = match.string
    return words[max(0, match.start() - _NEAR) : match.start()], words[match.end() :][:_NEAR]


def _plain(sentence: str) -> str:
    sentence = re.sub(_SPACED, lambda match: match[0].replace(" ", ""), sentence)
    sentence = re.sub(_STRETCHED, r"\1", sentence)
    return " ".join(map(_spelt, re.findall(_WORD, sentence)))


def _spelt(word: str) -> str:
    known = _spellings().get(word)
    if known is not None or "'" not in word:
        return known or word
    for ending, meaning in _ENDINGS.items():
        if word.endswith(ending):
            return word.removesuffix(ending) + meaning
    return word


@cache
def _spellings() -> dict[str, str]:
    slips = {slip: word for word in _LONG_WORDS.split() for slip in _slips(word)}
    return slips | dict(_pair(line) for line in _sections()["spellings"])


def _slips(word: str) -> Iterator[str]:
    # A letter left out, or two of them swapped.
    for i in range(1, len(word)):
        yield word[:i] + word[i + 1 :]
        yield word[: i - 1] + word[i] + word[i - 1] + word[i + 1 :]


@cache
def _cues(section: str) -> tuple[str, ...]:
    return tuple(cue.strip().strip('"') for line in _sections()[section] for cue in line.split("|"))


@cache
def _pattern(section: str) -> re.Pattern[str]:
    names: dict[str, str] = {}
    for name, meaning in map(_pair, _sections()["names"]):
        names[name] = _with_names(meaning, names)
    choices = "|".join(_with_names(line, names) for line in _sections()[section])
    if section == "elsewhere":
        return re.compile(choices)  # which says itself where a word begins
    begin, end = _BORDERS.get(section, (r"\b", r"\b"))
    return re.compile(f"{begin}(?:{choices}){end}")


def _with_names(pattern: str, names: dict[str, str]) -> str:
    return re.sub(r"<([A-Z]+)>", lambda match: names[match[1]], pattern)


def _pair(line: str) -> tuple[str, str]:
    name, _, meaning = line.partition(" = ")
    return name, meaning


@cache
def _sections() -> dict[str, list[str]]:
    text = files(__package__).joinpath("crisis_language.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    for line in text.split("\n"):
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections
