"""What a text offers to be taken up: wishes, feelings, people, places, and words to quote."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

import attrs

from reflekt_core.providers.local import people
from reflekt_core.providers.local.lexicon import HEAVY, LIGHT, feeling_groups, word_list
from reflekt_core.providers.local.sayings import (
    CLAUSE_END,
    DEED,
    FEELING,
    FEELING_KINDS,
    NO_LINE,
    OPENS_CLAUSE,
    REPORTED,
    SERIES,
    SHORT_DEED,
    VERB,
    Kind,
    mentioned,
    said,
)
from reflekt_core.providers.local.text import words
from reflekt_core.providers.local.wording import addressed

__all__ = ["Find", "feelings_named", "finds"]


@attrs.frozen
class Find:
    """
    Something to take up.

    `words` occur in the text; of people and places they are as said to the writer ("your sister").
    `you` is the same in the second person and `rest` what stands in it after the verb; both are
    empty where that would come out wrong. `at` is the number of the sentence.
    """

    kind: Kind
    words: str
    you: str = ""
    rest: str = ""
    at: int = 0


_MOST_WORDS = 13
_LEAST_WORDS = 3
_MOST_SPACES = 14
_MOST_SENTENCES = 300
_LONGEST = 600

_WRITER = re.compile(r"\b(?:[Ii]|[Ww]e|WE)\b")
_QUOTATION = frozenset("\"“”'")
_SPEECH = re.compile(r"[\"“][^\"“”]*[\"”]|(?<![\w])'[^']{2,80}'(?!\w)")
_LINE_WORDS = 9
_LOOK_BACK = 40
_OWN = frozenset(["i", "my", "we", "me", "is"])
_FEW_SPACES = 2
_SHOUTED = re.compile(r"\b[A-Z]{2,} [A-Z]{2,}\b")
_LOOKS = (
    (Kind.LOST, people.lost),
    (Kind.COMPANION, people.companions),
    (Kind.PERSON, people.people),
    (Kind.CHILD, people.children),
    (Kind.ANIMAL, people.animals),
    (Kind.PLACE, people.places),
)
_WEAK_END = frozenset(["even", "also", "only", "either", "maybe", "ever", "next"])


def finds(sentences: Sequence[str], *, mourns: bool = False) -> list[Find]:
    """
    Return what *sentences* offer, in their order, nothing twice.

    Who died and who stood by is looked for only if the text *mourns*.
    """
    found: dict[tuple[Kind, str], Find] = {}
    for at, sentence in enumerate(sentences[:_MOST_SENTENCES]):
        cut = sentence[:_LONGEST]
        plain = _own_words(cut)
        speaks = [match.start() for match in _WRITER.finditer(plain)]
        for find in (
            *_said(cut, plain, speaks),
            *(_felt(cut, plain) if speaks else ()),
            *_moments(cut, plain, speaks),
            *_lines(sentence),
            *_asked(sentence),
            *_happened(plain),
            *_who(plain, mourns=mourns),
        ):
            key = find.kind, find.words.lower()
            if key not in found:
                found[key] = attrs.evolve(find, at=at)
    for line, times in Counter(sentences[:_MOST_SENTENCES]).items():
        if times > 1:
            for find in _lines(line):
                again = attrs.evolve(find, kind=Kind.REPEATED, at=sentences.index(line))
                found[again.kind, again.words] = again
    gone = {find.words for find in found.values() if find.kind is Kind.LOST}
    return [f for f in found.values() if f.kind is Kind.LOST or f.words not in gone]


def feelings_named(sentences: Sequence[str]) -> list[str]:
    """Return the feelings that the writer says to have, each once, in order."""
    named: dict[str, None] = {}
    for sentence in sentences[:_MOST_SENTENCES]:
        for match in FEELING.finditer(_own_words(sentence[:_LONGEST])):
            for word in _own_feelings(match["rest"]):
                named.setdefault(word)
    return list(named)


def _own_words(sentence: str) -> str:
    """Return *sentence* with straight apostrophes and, in place of other people's speech, dots."""
    plain = sentence.replace("’", "'")
    if not _QUOTATION & set(plain):
        return plain
    return _SPEECH.sub(lambda match: "." * len(match[0]), plain)


def _said(sentence: str, plain: str, starts: Sequence[int]) -> Iterator[Find]:
    pattern, kinds = said()
    end = 0
    for start in starts:
        match = pattern.match(plain, start) if start >= end else None
        if not match or not _begins_clause(plain, start):
            continue
        end = match.end()
        kind = kinds[(match.lastindex or 1) - 1]
        quote = _quote(sentence, plain, match.start(), match.end())
        after = max(0, match.end() - match.start())
        yield from _find(kind, quote, after)


def _find(kind: Kind, quote: str, after: int) -> Iterator[Find]:
    if quote:
        rest = addressed(quote[after:].strip()) if quote[after:].strip() else ""
        if _SHOUTED.search(quote):
            yield Find(kind, quote)  # "you GOT THE JOB" would sound odd
        else:
            yield Find(kind, quote, addressed(quote), rest)


def _felt(sentence: str, plain: str) -> Iterator[Find]:
    for match in FEELING.finditer(plain):
        own = _own_feelings(match["rest"])
        if not own:
            continue
        end = match.start("rest") + match["rest"].find(own[0]) + len(own[0])
        quote = _quote(sentence, plain, match.start(), end)
        kinds = [FEELING_KINDS[g] for g in feeling_groups()[own[0]] if g in FEELING_KINDS]
        yield from _find(kinds[0], quote, len(quote))


def _own_feelings(rest: str) -> list[str]:
    """Return the feeling words right at the beginning of what follows "I feel"."""
    named = []
    for word in rest.split():
        if word in {"not", "never", "no", "n't"}:
            return []
        if word in word_list("filler"):
            continue
        groups = set(feeling_groups().get(word, ()))
        if not groups & (HEAVY | LIGHT) or word in word_list("no_feeling") or word.endswith("ly"):
            break
        named.append(word)
    return named


def _quote(sentence: str, plain: str, start: int, end: int) -> str:
    """Return the clause from *start* to after *end*; "" if it does not end well."""
    series = SERIES.match(plain, end)
    stop = CLAUSE_END.search(plain, series.end() if series else end)
    clause = plain[start : stop.start() if stop else len(plain)].split()
    needs_more = plain[end - 1] == " "  # "I want to" says nothing yet, "I feel tired" does
    least = max(_LEAST_WORDS - (not needs_more), len(plain[start:end].split()) + needs_more)
    while len(clause) > least and clause[-1].lower() in _WEAK_END:
        clause.pop()
    if len(clause) > _MOST_WORDS:
        cuts = [
            i for i in range(least, _MOST_WORDS + 1) if clause[i].lower() in word_list("cut_before")
        ]
        if not cuts:
            return ""
        clause = clause[: cuts[-1]]
    if len(clause) < least or _ends_badly(clause[-1].lower()) or not clause[-1][-1].isalnum():
        return ""
    return sentence[start : start + len(" ".join(clause))]


def _ends_badly(word: str) -> bool:
    return word in word_list("stop") and word not in word_list("good_ending")


def _asked(sentence: str) -> Iterator[Find]:
    if (
        sentence.endswith("?")
        and not sentence.endswith("??")
        and _FEW_SPACES <= sentence.count(" ") <= _MOST_SPACES
        and not re.search(r"[\"“”«»()…]", sentence)
    ):
        found = set(words(sentence))
        if _OWN & found and not {"you", "your", "he", "she"} & found:
            yield Find(Kind.QUESTION, sentence)


def _moments(sentence: str, plain: str, starts: Sequence[int]) -> Iterator[Find]:
    for start in starts:
        match = DEED.match(plain, start)
        if match and _begins_clause(plain, start):
            quote = _quote(sentence, plain, start, match.end())
            yield from _find(_deed(quote), quote, 0)
            break
    short = SHORT_DEED.match(plain)
    if short and short["verb"].lower() not in feeling_groups():
        quote = _quote(sentence, plain, short.start("verb"), short.end("verb"))
        turned = addressed(quote)
        if turned:
            yield Find(_deed(quote), quote, f"you {turned[0].lower()}{turned[1:]}")


def _begins_clause(plain: str, start: int) -> bool:
    """Whether "I" stands there as the writer's own statement, not as part of "the day I left"."""
    before = plain[max(0, start - _LOOK_BACK) : start]
    return not REPORTED.search(before) and bool(OPENS_CLAUSE.search(before))


def _deed(quote: str) -> Kind:
    return Kind.ACHIEVED if "for the first time" in quote else Kind.MOMENT


def _lines(sentence: str) -> Iterator[Find]:
    line = sentence.rstrip(".! ").lstrip("-*•0123456789.) ")
    fits = _LEAST_WORDS <= len(words(line)) <= _LINE_WORDS and line.isascii()
    if fits and VERB.search(line) and not NO_LINE.search(line) and not line.isupper():
        yield Find(Kind.LINE, line)


def _happened(plain: str) -> Iterator[Find]:
    low = plain.lower()
    for kind, (pattern, cues) in mentioned().items():
        match = pattern.search(plain) if any(cue in low for cue in cues) else None
        if match:
            yield Find(kind, match[0].strip())


def _who(plain: str, *, mourns: bool) -> Iterator[Find]:
    for kind, look in _LOOKS:
        if mourns or kind not in {Kind.LOST, Kind.COMPANION}:
            for name in look(plain):
                yield Find(kind, name)
