"""What a language model wrote, made plain: no links, no markup, no hidden signs, no false quotes."""

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

__all__ = ["borrows", "plain", "quotes", "quotes_only", "shorten"]

_MOST_LAYERS: Final = 20
_KEPT_FORMAT_SIGNS: Final = "\u200c\u200d"
"""Joiner and non-joiner: emoji, Persian and the scripts of India need them."""

_REST: Final = r"[^\s\"“”«»<>)\]]*[^\s\"“”«»<>)\].,;:!?]"
"""The rest of a link; a mark after it belongs to the sentence."""

_LINKS: Final = (
    (re.compile(r"!?\[([^\[\]]*)\]\([^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s[^()]*)?\)"), r"\1"),
    (re.compile(r"\[([^\[\]]*)\]\[[a-z0-9 ]*\]"), r"\1"),  # [NAME_1] stands for a name
    (re.compile(rf"(?i)\b[a-z][a-z0-9+.-]{{1,20}}:/{_REST}"), " "),
    (re.compile(rf"(?i)\b(?:mailto|javascript|data|tel|sms|vbscript):{_REST}"), " "),
    (re.compile(rf"(?i)\bwww\.{_REST}"), " "),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), " "),
    # A name alone is taken for a link where it goes on with a path, or ends like most of them.
    (re.compile(rf"(?i)\b(?:[a-z0-9-]{{1,63}}\.){{1,9}}[a-z]{{2,24}}(?::\d+)?/(?:{_REST})?"), " "),
    (
        re.compile(
            r"(?i)\b(?:[a-z0-9-]{1,63}\.){1,9}(?:com|net|org|info|biz|io|ai|app|dev|xyz|top|site|online"
            r"|shop|club|link|click|ru|cn|uk|de|fr|eu|co)\b(?!\.\w)"
        ),
        " ",
    ),
)
_TAG: Final = (
    re.compile(r"<!--.*?-->|</?[a-zA-Z!?][^<>]*>|<(?=[a-zA-Z/!?])", re.DOTALL),
    "",
)
_MARKUP: Final = (
    (re.compile(r"(?m)^[^\S\n]*(?:(?:#{1,6}|>+|[-+*•]|\d{1,2}\))\s+)+"), ""),
    (re.compile(r"(?m)^[^\S\n]*(?:```\w*|~~~\w*|[-*_=]{3,})[^\S\n]*$"), ""),
    (re.compile(r"[`*|]|~~"), ""),
    (re.compile(r"(?<!\w)_+(?=\w)|(?<=[^\W_])_+(?!\w)"), ""),
)
_END: Final = re.compile(r"[.!?…][\"”’»)]*(?=\s|$)|[。！？][」』”）]*")

_MARKS: Final = {
    "“": "”“",
    "„": "“”‟",
    "‟": "”",
    "”": "”",
    '"': '"”“',
    "＂": "＂",
    "«": "»",
    "»": "«»",
    "‹": "›",
    "›": "‹›",
    "「": "」",
    "『": "』",
    "〝": "〞〟",
    "❝": "❞",
}
_SINGLE_MARKS: Final = {"‘": "’‘", "‚": "‘’", "'": "'’"}
_NO_WORDS: Final = frozenset("".join([*_MARKS, *_MARKS.values(), *_SINGLE_MARKS]) + "’´`*_|~#")
"""What makes no difference to whether a text quotes another: its marks, and Markdown's."""
_WORD: Final = re.compile(r"[^\W_]+")
_LEFT_OUT: Final = re.compile(r"\[?(?:…|\.\.\.)\]?")


def plain(text: str) -> str:
    """
    Return *text* on one line, without links, HTML, Markdown, and control or bidirectional signs.

    Of a link in Markdown its words stay. What is wound up too often is not unwound but left out.
    """
    for _ in range(_MOST_LAYERS):
        before, text = text, _peeled(text)
        if text == before:
            text = _on_one_line(text)  # which may bring together what was apart
        if text == before:
            return text
    return ""


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+([.,;:!?](?:\s|$))", r"\1", " ".join(text.split()))


def _peeled(text: str) -> str:
    """Return *text* without its outermost links and markup, which may have hidden others."""
    text = _visible(html.unescape(text))
    for pattern, instead in (_TAG, *_LINKS, *_MARKUP):
        text = pattern.sub(instead, text)
    return text


def _visible(text: str) -> str:
    """Return *text* without what nobody can see, but for spaces and ends of lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(c) for c in text)


def _shown(char: str) -> str:
    category = unicodedata.category(char)
    if category == "Cc" or category in {"Zl", "Zp"}:
        return "\n" if char in "\n\r\u2028\u2029" else " "
    hidden = category in {"Cf", "Cs", "Co", "Cn"} or "\U000e0100" <= char <= "\U000e01ef"
    return "" if hidden and char not in _KEPT_FORMAT_SIGNS else char


def shorten(text: str, most: int) -> str:
    """Return *text*, if it has more than *most* characters only its first whole sentences."""
    if len(text) <= most:
        return text
    ends = [match.end() for match in _END.finditer(text) if match.end() <= most]
    return text[: ends[-1]] if ends else ""


def quotes(text: str) -> Iterator[str]:
    """
    Yield what *text* puts in quotation marks, of whatever language.

    Single marks count around two words or more: they are apostrophes, too. A quotation that is
    never closed goes to the end.
    """
    at = 0
    while at < len(text):
        end = _end_of_quote(text, at)
        if end is None:
            at += 1
        else:
            yield text[at + 1 : end]
            at = end + 1


def _end_of_quote(text: str, at: int) -> int | None:
    """Return where the quotation that begins at *at* ends; None if none begins there."""
    if closing := _MARKS.get(text[at]):
        return next((i for i in range(at + 1, len(text)) if text[i] in closing), len(text))
    closing = _SINGLE_MARKS.get(text[at])
    if not closing or text[at - 1 : at].isalnum():
        return None
    ends = (i for i in range(at + 1, len(text)) if text[i] in closing)
    end = next((i for i in ends if not text[i + 1 : i + 2].isalnum()), at)
    return end if len(text[at + 1 : end].split()) > 1 else None


def quotes_only(text: str, source: str) -> bool:
    """
    Whether all that *text* quotes occurs in *source*.

    Case, spaces, quotation marks, and punctuation at the edges of a quotation make no difference;
    where it leaves words out, each of its parts is looked for.
    """
    parts = [part for quote in quotes(text) for part in _LEFT_OUT.split(quote)]
    wanted = [folded for part in parts if (folded := _folded(part).strip(" .,;:!?-–—()"))]
    if not wanted:
        return True
    whole = _folded(source)
    return all(_occurs(part, whole) for part in wanted)


def _occurs(part: str, whole: str) -> bool:
    """Whether *part* stands in *whole* as words, and not within them, as "art" does in "heart"."""
    before = r"(?<![a-z0-9])" if _is_ascii_word(part[0]) else ""
    after = r"(?![a-z0-9])" if _is_ascii_word(part[-1]) else ""
    return re.search(before + re.escape(part) + after, whole) is not None


def _is_ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _folded(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(c for c in folded if c not in _NO_WORDS).split())


def borrows(text: str, instructions: str, run: int = 8) -> bool:
    """Whether *text* repeats a run of *run* words of the *instructions*."""
    runs = set(_runs(instructions, run))
    return any(words in runs for words in _runs(text, run))


def _runs(text: str, run: int) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    return zip(*(words[start:] for start in range(run)), strict=False)
