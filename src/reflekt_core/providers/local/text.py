"""Texts cut into sentences, clauses and words, and whether they are English."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from reflekt_core.providers.local.lexicon import word_list

__all__ = ["english_share", "sentences", "squeeze", "words"]


_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_END = re.compile(r"([.!?…]+)([\"'”’»)\]]*)(?=\s|$)|[。！？｡]+[」』”’）]*|\n[ \t]*\n\s*|\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:mr|mrs|ms|dr|prof|st|mt|vs|etc|approx|dept|fig|jr|sr|no|feat|inc|ltd|e\.g|i\.e|cf"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)|\b[a-z])$",
    re.IGNORECASE,
)
_MAY_END = re.compile(r"(?:\b(?:etc|no|inc|ltd|jr|sr|p\.m|a\.m|i|a)|\d\s?[ap]\.m)$", re.IGNORECASE)
_WRAPPED_LINE = 40
_FEW_WORDS = 3
_LATIN_SHARE = 0.6


def words(text: str) -> list[str]:
    """Return the words of *text* in lower case, without digits and marks."""
    return _WORD.findall(text.lower().replace("’", "'"))


def squeeze(text: str) -> str:
    """Return *text* on one line, without control characters and doubled spaces."""
    if not text.isprintable():
        text = "".join(c if unicodedata.category(c) != "Cc" else " " for c in text)
    return " ".join(text.split())


def sentences(text: str) -> list[str]:
    """
    Return the sentences of *text*, in order, as they stand there but each on one line.

    A full stop after an abbreviation or initial, dots in a number, and marks inside a quotation
    that goes on do not end a sentence; the end of a paragraph or of a list's line does.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for end in _ends(text):
        if any(c.isalnum() for c in text[start:end]):
            spans.append((start, end))
        elif spans:
            spans[-1] = (spans[-1][0], end)  # marks alone belong to what stands before them
        start = end
    return [squeeze(text[a:b]) for a, b in spans]


def _ends(text: str) -> Iterator[int]:
    line = 0
    for match in _END.finditer(text):
        mark = match[0]
        if mark[0] == "\n":
            if "\n" in mark[1:] or not _wrapped(text, line, match.start(), match.end()):
                yield match.end()
            line = match.end()
        elif match[1] is None or _closes(text, match):
            yield match.end()
    yield len(text)


def _wrapped(text: str, line: int, end: int, following: int) -> bool:
    """Whether the line break is only a wrapped line's: the sentence goes on after it."""
    return end - line >= _WRAPPED_LINE and text[following : following + 1].islower()


def _closes(text: str, match: re.Match[str]) -> bool:
    marks, quotes = match[1], match[2]
    after = text[match.end() : match.end() + 3].lstrip()[:1]
    if after.islower() and (quotes or marks[0] == "…" or marks.startswith("..")):
        return False
    if marks != "." or quotes:
        return True
    before = text[max(0, match.start() - 12) : match.start()]
    if _MAY_END.search(before):
        return not after.islower()
    return not _ABBREVIATION.search(before)


@cache
def _is_latin(char: str) -> bool:
    return unicodedata.name(char, "").startswith("LATIN")


def english_share(text: str) -> float:
    """
    Return how English *text* looks, from 0 to 1.

    Counts everyday English words among the first thousand or so; a text in another script has none.
    """
    sample = text[:6000]
    letters = [c for c in sample if c.isalpha()]
    if not letters:
        return 0.0
    if sum(map(_is_latin, letters)) < _LATIN_SHARE * len(letters):
        return 0.0
    found = words(sample)
    english = word_list("english")
    share = sum(word in english for word in found) / max(len(found), 1)
    if len(found) <= _FEW_WORDS and sample.isascii():
        return max(share * 4, 0.5)  # too short to tell: "Slept badly."
    return min(1.0, share * 4)
