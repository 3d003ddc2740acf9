"""
What a query means: which entries match it, how well, and which part of the text to show.

Text and query are cut into the same folded tokens, so that case, diacritics and compatibility
forms make no difference. Every store is held to this definition.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import attrs

from reflekt_core.errors import InvalidInput
from reflekt_core.model.entries import Entry
from reflekt_core.model.folding import Token, border_after, fold, tokens

__all__ = ["MAX_TERMS", "Match", "Query", "Term", "Token", "fold", "parse", "snippet", "tokens"]

MAX_TERMS = 32
"""How many terms a query may have."""


@attrs.frozen
class Term:
    """Tokens that stand next to each other; with `prefix` the last one may go on."""

    tokens: tuple[str, ...]
    prefix: bool = False
    excluded: bool = False


@attrs.frozen
class Query:
    """
    What to look for.

    A term is found in the title or in the content, never across both. All terms that are not
    excluded must be found, and no excluded one.
    """

    terms: tuple[Term, ...]

    def matches(self, entry: Entry) -> bool:
        """Tell whether *entry* is meant. This is the definition that every store must keep to."""
        return self._found_in(_spread(entry.title), _spread(entry.content))

    def score(self, entry: Entry) -> float:
        """
        Return how well *entry* matches; more than 0 if it does, else 0.

        Rests on this entry alone: a hit in the title weighs more, and each further hit of a term
        counts less.
        """
        title, content = _spread(entry.title), _spread(entry.content)
        if not self._found_in(title, content):
            return 0.0
        return sum(
            _TITLE_WEIGHT * _saturated(title.count(needle)) + _saturated(content.count(needle))
            for needle in (_needle(term) for term in self.terms if not term.excluded)
        )

    def _found_in(self, title: str, content: str) -> bool:
        return all(
            (_needle(term) in content or _needle(term) in title) is not term.excluded
            for term in self.terms
        )


@attrs.frozen
class Match:
    """An entry that a query matches, and how well."""

    entry: Entry
    score: float


_TITLE_WEIGHT = 3.0


def _saturated(hits: int) -> float:
    return hits / (hits + 1)


def _spread(text: str) -> str:
    # Two spaces between tokens, so that hits side by side do not share one and all are counted.
    return f" {'  '.join(fold(text))} "


def _needle(term: Term) -> str:
    return f" {'  '.join(term.tokens)}{'' if term.prefix else ' '}"


# Queries.

_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02", '"'))
_WIDE_OPERATORS = str.maketrans({"\uff0d": "-", "\uff0a": "*"})
_TERM = re.compile(
    # Not `?+` around the minus: early releases of Python 3.11 lose their place after such a group.
    r"""(?:(?P<without>(?<!\S)-)|(?!(?<!\S)-))(?:"(?P<phrase>[^"]*)(?:"|$)|(?P<word>[^\s"]+))""",
)


def parse(q: str) -> Query:
    """
    Return what *q* asks for: words, "phrases", prefix* and -without.

    A word that folds to several tokens ("well-known", or any in Chinese) is a phrase. A quote that
    is not closed ends with the query. Signs that are no operators only part words.

    Raises:
        InvalidInput: There is nothing to look for, or too much.
    """
    found = _TERM.finditer(q.translate(_QUOTES).translate(_WIDE_OPERATORS))
    terms = tuple(dict.fromkeys(term for m in found if (term := _term(m)).tokens))
    if all(term.excluded for term in terms):
        raise InvalidInput.field("q", _NOTHING_BUT_EXCLUSIONS if terms else _NOTHING)
    if len(terms) > MAX_TERMS:
        raise InvalidInput.field(
            "q", f"must have at most {MAX_TERMS} words and phrases; this has {len(terms)}"
        )
    return Query(terms)


_NOTHING = "must have at least one word to look for"
_NOTHING_BUT_EXCLUSIONS = f"{_NOTHING}, not only what to leave out"


def _term(found: re.Match[str]) -> Term:
    word, phrase = found["word"], found["phrase"]
    return Term(
        tokens=tuple(fold(phrase if word is None else word)),
        prefix=word is not None and word.endswith("*"),
        excluded=found["without"] is not None,
    )


# Snippets.


class _Hit(NamedTuple):
    start: int
    end: int
    term: Term


def snippet(query: Query, entry: Entry, width: int = 160) -> str:
    """
    Return the part of *entry* with the most hits of *query*, as HTML of about *width* characters.

    Escaped, with the hits in ``<mark>`` and ``…`` where text is left out; of the title if only that
    has hits. White space and control characters become single spaces. No cut and no mark goes
    through what a reader sees as one character.
    """
    wanted = tuple(term for term in query.terms if not term.excluded)
    longest = max(len(_needle(term)) for term in wanted)
    size = max(_REGION, 3 * width, 6 * longest)  # letters may fold to fewer, or to more
    for text in (entry.content, entry.title):
        if region := _best_region(text, wanted, size):
            return _excerpt(text, region, wanted, width)
    return _excerpt(entry.content, next(_regions(entry.content, size)), wanted, width)


_REGION = 480
"""Characters that are looked at closely; more if what is looked for is long."""


def _best_region(text: str, terms: tuple[Term, ...], size: int) -> range | None:
    """Return the first stretch of a long *text* with the most terms; None if there are none."""
    needles = [_needle(term) for term in terms]
    most, best = 0, None
    for region in _regions(text, size):
        spread = _spread(text[region.start : region.stop])
        found = sum(needle in spread for needle in needles)
        if found > most:
            most, best = found, region
        if most == len(needles):
            break
    return best


def _regions(text: str, size: int) -> Iterator[range]:
    """Cut *text* into overlapping stretches, so that what is torn in one is whole in the next."""
    borders = [0]
    while (border := border_after(text, borders[-1] + size // 2)) < len(text):
        borders.append(border)
    borders.append(len(text))
    yield from map(range, borders, borders[2:] or borders[1:])


def _excerpt(text: str, region: range, terms: tuple[Term, ...], width: int) -> str:
    part = text[region.start : region.stop]
    words, breaks = tokens(part), _graphemes(part)
    hits = [_widened(hit, breaks) for hit in _hits(words, terms)]
    start, end = _window(words, breaks, _cluster(hits, width), width)
    cut_before = _VISIBLE.search(text, 0, region.start + start)
    cut_after = _VISIBLE.search(text, region.start + end)
    shown = "".join(_marked(part, start, end, hits)).strip()
    return f"{'…' if cut_before else ''}{shown}{'…' if cut_after else ''}"


def _graphemes(text: str) -> Sequence[int]:
    """Return where *text* may be cut, its ends included."""
    if text.isascii():
        return range(len(text) + 1)
    # It takes 7 ms to import, and only this needs it; it comes without types.
    import regex  # type: ignore[import-untyped]  # noqa: PLC0415

    return [0, *(m.end() for m in regex.finditer(r"\X", text))]


def _hits(words: list[Token], terms: tuple[Term, ...]) -> list[_Hit]:
    """Return where *terms* are found, in order."""
    texts = [word.text for word in words]
    hits = [
        _Hit(words[end - len(term.tokens) + 1].start, words[end].end, term)
        for term in terms
        for end in _ends(texts, term)
    ]
    return sorted(hits, key=itemgetter(0))


def _ends(texts: list[str], term: Term) -> Iterator[int]:
    """Yield at which of *texts* the last token of *term* stands, with the others before it."""
    *first, last = term.tokens
    for end, text in enumerate(texts):
        if text.startswith(last) and (term.prefix or text == last):
            start = end - len(first)
            if start >= 0 and texts[start:end] == first:
                yield end


def _widened(hit: _Hit, breaks: Sequence[int]) -> _Hit:
    start = breaks[bisect_right(breaks, hit.start) - 1]
    return hit._replace(start=start, end=breaks[bisect_left(breaks, hit.end)])


def _cluster(hits: list[_Hit], width: int) -> tuple[int, int]:
    """Return where the first stretch within *width* is that has the most terms, then the most hits."""
    best, start, end, first = (0, 0), 0, 0, 0
    for i, hit in enumerate(hits):
        while first < i and hit.end - hits[first].start > width:
            first += 1
        within = hits[first : i + 1]
        rank = (len({other.term for other in within}), len(within))
        if rank > best:
            best, start, end = rank, within[0].start, hit.end
    return start, end


def _window(
    words: list[Token], breaks: Sequence[int], core: tuple[int, int], width: int
) -> tuple[int, int]:
    """Return where to cut so that *core* stands about in the middle: between words if possible."""
    first, length = core[0], breaks[-1]
    furthest = max(_break_before(breaks, first + width), _break_after(breaks, first))
    last = min(core[1], furthest)
    start = max(0, min(first - (width - last + first) // 2, length - width)) if last > width else 0
    end = start + width
    if start:
        start = next(
            (w.start for w in words if start <= w.start <= first and w.start in breaks), first
        )
    if end >= length:
        return start, length
    ends = (w.end for w in reversed(words) if last <= w.end <= end and w.end in breaks)
    return start, next(ends, 0) or last or furthest


def _break_before(breaks: Sequence[int], at: int) -> int:
    return breaks[bisect_right(breaks, at) - 1]


def _break_after(breaks: Sequence[int], at: int) -> int:
    return breaks[min(bisect_right(breaks, at), len(breaks) - 1)]


def _marked(text: str, start: int, end: int, hits: list[_Hit]) -> Iterator[str]:
    at = start
    for first, last in _united(hits):
        if (opened := max(first, start)) < (closed := min(last, end)):
            yield _escaped(text[at:opened])
            yield f"<mark>{_escaped(text[opened:closed])}</mark>"
            at = closed
    yield _escaped(text[at:end])


def _united(hits: list[_Hit]) -> list[tuple[int, int]]:
    """Return the places of *hits*, those that overlap as one."""
    places: list[tuple[int, int]] = []
    for hit in hits:
        if places and hit.start < places[-1][1]:
            start, end = places.pop()
            places.append((start, max(end, hit.end)))
        else:
            places.append((hit.start, hit.end))
    return places


# White space, control characters, and those that turn the direction of whatever comes after.
_BLANKS = r"\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_BLANK = re.compile(f"[{_BLANKS}]+")
_VISIBLE = re.compile(f"[^{_BLANKS}]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def _escaped(text: str) -> str:
    return _BLANK.sub(" ", text).translate(_ESCAPES)
