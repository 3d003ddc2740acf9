"""Text as search sees it: folded tokens, the same for what is written and what is looked for."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

__all__ = ["Token", "border_after", "fold", "tokens"]


class Token(NamedTuple):
    """A folded token, and where in the original text it stands."""

    text: str
    start: int
    end: int


def fold(text: str) -> list[str]:
    """
    Return the tokens of *text*, folded: without case, diacritics and compatibility forms.

    A token is a run of letters, digits and their marks. In scripts written without spaces every
    character is a token, and everywhere an emoji or other symbol. Vowel signs and tone marks of
    the scripts of India and South-East Asia and the voicing marks of kana are no diacritics: they
    stay. A token has no ASCII character but ``a-z0-9``, so that any simple tokenizer leaves it
    whole.

    An apostrophe parts a word, so that "Anna" finds "Anna's" and "amour" finds "l'amour"; except
    in "n't", so that both "dont" and "don't" find "don't".
    """
    folded = _folded(text)
    if folded.isascii():  # as far as possible by the fastest means: this runs in every write
        if "n't" in folded:
            folded = _ASCII_NEGATION.sub("nt", folded)
        return folded.translate(_ASCII_SEPARATORS).split()
    found: list[str] = _pattern(_WORD).findall(folded)
    return [token.replace("'", "") for token in found] if "n't" in folded else found


def tokens(text: str) -> list[Token]:
    """Return the tokens that `fold` finds, with their places in *text*."""
    if text.isascii():
        return [
            Token(m[0].replace("'", ""), m.start(), m.end())
            for m in _pattern(_ASCII_WORD).finditer(text.lower())
        ]
    folded, starts, ends = _traced(text)
    return [
        Token(m[0].replace("'", ""), starts[m.start()], ends[m.end() - 1])
        for m in _pattern(_WORD).finditer(folded)
    ]


def border_after(text: str, at: int) -> int:
    """Return the next place from *at* where a cut changes no token or grapheme, or the end."""
    found = _pattern(_CUT).search(text, at)
    return found.start() if found else len(text)


# Scripts written without spaces, and the marks that belong to their characters: Thai, Lao, Myanmar,
# Khmer, kana, Bopomofo, Han. Digits are left out: numbers stay whole. So is the vowel am of Thai and
# Lao, which folds to a mark of the character before and a character of its own.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e"
    "\ua9e0-\ua9e4\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76\uaa7a\uaa7e\uaa7f"
    "\u1780-\u17b3\u17d7\u17dc"
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\U0001aff0-\U0001b16f"
    "\u3105-\u312f\u31a0-\u31bf"
    "\u3005\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00016fe3\U00020000-\U0003ffff"
)
_UNSPACED_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"
    "\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d"
    "\u108f\u109a-\u109d\ua9e5\uaa7b-\uaa7d\u17b4-\u17d3\u17dd\u3099\u309a\U00016ff0\U00016ff1"
)
_FLAG_LETTERS = "\U0001f1e6-\U0001f1ff"
# In folded text: whatever is not ASCII belongs to a token.
_NO_WORD = rf"\x00-/:-`{{-\x7f{_UNSPACED}{_FLAG_LETTERS}"
_WORD = (
    rf"[{_UNSPACED}][{_UNSPACED_MARKS}]*|[{_FLAG_LETTERS}]{{1,2}}"
    rf"|[^{_NO_WORD}]+(?:'t(?<=n't)(?![^{_NO_WORD}]))?"
)
# Before these a text can be cut without changing the tokens and graphemes on either side: white
# space, ASCII punctuation but the apostrophe, characters that are tokens, emoji. Not after what binds
# them to the character before: a joiner, and the stackers of Myanmar and Khmer.
_CUT = rf"(?<![\u200d\u1039\u17d2])[\s!-&(-/:-@\[-`{{-~{_UNSPACED}\U0001f300-\U0001f3fa\U0001f400-\U0001faff]"
_ASCII_WORD = r"[0-9a-z]+(?:'t(?<=n't)(?![0-9a-z]))?"
_ASCII_NEGATION = re.compile(r"n't(?![0-9a-z])")
_ASCII_SEPARATORS = str.maketrans({c: " " for c in map(chr, range(128)) if not c.isalnum()})
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_RUN = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")
_FLAGS = {*map(chr, range(0x1F1E6, 0x1F200))}


@cache
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)  # takes milliseconds, so not before it is needed


def _folded(text: str) -> str:
    """Return *text* with every character folded and, other than in ASCII, separators as spaces."""
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(_folded_run, text).casefold()


def _folded_run(found: re.Match[str]) -> str:
    return _folded_characters(found[0])


def _folded_characters(text: str) -> str:
    # Composed again, since Hangul would triple in length and kana are not the same without marks.
    return unicodedata.normalize("NFC", text.translate(_FOLDS))


def _traced(text: str) -> tuple[str, list[int], list[int]]:
    """Return *text* folded, and for each character of that where its original starts and ends."""
    parts: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for run in _RUN.finditer(text):
        at, end = run.span()
        if run[0].isascii():
            parts.append(run[0].lower())
            starts += range(at, end)
            ends += range(at + 1, end + 1)
            continue
        if ends and _continues(text[at]):
            ends[-1] = next((i for i in range(at, end) if not _continues(text[i])), end)
        for start, stop in _segments(text, at, end):
            part = _folded_characters(text[start:stop])
            parts.append(part)
            starts += [start] * len(part)
            ends += [stop] * len(part)
    return "".join(parts), starts, ends


def _segments(text: str, at: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a part of *text* where folding each piece alone comes to the same."""
    start = at
    for i in range(at + 1, end):
        if not _continues(text[i]):
            yield start, i
            start = i
    yield start, end


@lru_cache(maxsize=4096)
def _continues(character: str) -> bool:
    """Tell whether *character* may melt into the one before: a mark, a jamo, or nothing at all."""
    first = unicodedata.normalize("NFKD", character)[0]
    return (
        unicodedata.category(first)[0] == "M"
        or "\u1160" <= first <= "\u11ff"
        or not _FOLDS[ord(character)]
    )


class _Folds(dict[int, str]):
    """What characters fold to, by code point; filled as characters are met, up to a bound."""

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", _SPECIAL.get(chr(code), chr(code)))
        folded = "".join(map(_shaped, "".join(map(_plain, parts))))
        if len(self) >= _MOST_FOLDS:
            self.clear()
        self[code] = folded = unicodedata.normalize("NFC", folded)
        return folded


_MOST_FOLDS = 20_000
_FOLDS = _Folds()

_APOSTROPHES = "\u2018\u2019\u02bb\u02bc"
_SPECIAL = {
    **dict.fromkeys(_APOSTROPHES, "'"),
    # Letters that people type without their strokes, and Unicode does not decompose.
    **dict(zip("\u0131\u00f8\u0142\u0111\u0127\u0167", "ioldht", strict=True)),
    "\u00e6": "ae",
    "\u0153": "oe",
    # Would become letters and digits that stick to the word before, or a token of no use: the
    # signs for trade and service mark, fraction slash, minus.
    **dict.fromkeys("\u2122\u2120\u2044\u2212", " "),
    # Format characters that part words: zero-width space, and what turns the direction of text.
    **dict.fromkeys("\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", " "),
    "\u0640": "",  # tatweel, which only stretches a word
}
_INVISIBLE_MARKS = {*map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))} | set(
    "\u034f\u180b\u180c\u180d\u180f\u17b4\u17b5"
)


def _plain(character: str) -> str:
    """Return a decomposed character without case, or nothing for a diacritic."""
    if unicodedata.category(character)[0] == "M":
        return "" if _is_diacritic(character) else character
    lower = character.casefold()
    return _SPECIAL.get(lower, lower)


def _is_diacritic(mark: str) -> bool:
    # Combining classes (UAX 44): 1 is struck through, 10 to 36 are the points of Hebrew, Arabic and
    # Syriac, from 200 on attached above and below. The others belong to a script's spelling.
    position = unicodedata.combining(mark)
    return (
        position == 1
        or 10 <= position <= 36  # noqa: PLR2004
        or position >= 200  # noqa: PLR2004
        or unicodedata.category(mark) == "Me"
        or mark in _INVISIBLE_MARKS
    )


def _shaped(character: str) -> str:
    """Return what is left of a folded character: itself, alone if a symbol, a space or nothing."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category[0] in "LNM" or character in _FLAGS or character == "'":
        return character
    if category == "Cf":
        return ""
    # What this version of Unicode does not know yet is most likely an emoji.
    return f" {character} " if category in {"So", "Sm", "Sc", "Co", "Cn"} else " "
