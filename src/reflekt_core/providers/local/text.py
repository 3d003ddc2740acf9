"""Texts cut into sentences, clauses and words, and whether they are English."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

__all__ = ["STOP_WORDS", "english_share", "sentences", "squeeze", "words"]

STOP_WORDS = frozenset(
    """
    a about above actually after again against ago ain't all almost alone along already also
    although always am an and another any anybody anyone anything anyway are aren't around as at
    away back be became because become been before behind being below best better between big bit
    both but by call came can can't cannot come comes coming could couldn't day days did didn't do
    does doesn't doing don't done down each either else end enough especially even evening ever
    every everybody everyone everything far feel feeling feels felt few first for from full get
    gets getting give given go goes going gone gonna good got gotta great had hadn't half hard has
    hasn't have haven't having he he'd he'll he's hear heard her here here's hers herself him
    himself his home honestly hour hours how i i'd i'll i'm i've if in instead into is isn't it
    it'll it's its itself just keep keeps kept kind knew know knows last late later least left less
    let let's like little long look looked looking looks lot lots lovely made make makes making many
    may maybe me mean means might mine minute minutes moment month months more morning most much
    must my myself near need needed needs never new next nice night no nobody none nor not nothing
    now o'clock of off often oh ok okay old on once one ones only onto or other others our ours
    ourselves out over own part past perhaps place point pretty probably put quite rather real
    really right said same sat saw say saying says see seeing seem seemed seems seen several shall
    she she'd she'll she's should shouldn't since small so some somebody someone something
    sometimes somewhere soon sort start started stay stayed still stop stuff such sure take taken
    takes taking talk talked tell than thanks that that's the their theirs them themselves then
    there there's these they they'd they'll they're they've thing things think thinking this those
    though thought three through till time times to today together told tomorrow tonight too took
    totally toward towards tried try trying turn turned two under until up upon us use used usual
    usually very want wanted wants was wasn't way we we'd we'll we're we've week weeks well went
    were weren't what what's whatever when whenever where wherever whether which while who who's
    whole whom whose why will with within without won't wonder wondering work works would wouldn't
    wow wrong yeah year years yes yesterday yet you you'd you'll you're you've your yours yourself
    """.split()
)
"""Words too common to be what a text is about."""

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

# Short everyday words: about half of running English consists of them. Those that other languages
# also use often ("a", "in", "me", "no", "was") are left out.
_ENGLISH = frozenset(
    """
    the and of to it is that i'm i my you with for this have had not be are we they she his her
    him at on but so about today just when what all been from were would could there then out up
    very feel felt day don't didn't it's can't think after because again how more some really went
    got like know than much still never every too good bad did do as if or by our your them
    """.split()
)


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
    found = []
    start = 0
    for end in _ends(text):
        sentence = squeeze(text[start:end])
        if any(c.isalnum() for c in sentence):
            found.append(sentence)
        elif sentence and found:
            found[-1] = f"{found[-1]} {sentence}"
        start = end
    return found


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
    share = sum(word in _ENGLISH for word in found) / max(len(found), 1)
    if len(found) <= _FEW_WORDS and sample.isascii():
        return max(share * 4, 0.5)  # too short to tell: "Slept badly."
    return min(1.0, share * 4)
