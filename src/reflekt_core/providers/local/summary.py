"""Summaries made of a text's own sentences, in their order, never cut in the middle."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from itertools import pairwise

import attrs

from reflekt_core.model.insights import Passage, Summarise, Summary, Topic
from reflekt_core.providers.local.lexicon import feeling_groups, word_list
from reflekt_core.providers.local.people import speaks_of_loss
from reflekt_core.providers.local.text import sentences, squeeze, words
from reflekt_core.providers.local.topics import areas, keyphrases

__all__ = ["summarise", "telling"]

_SHORT_ENOUGH = 240
_MOST_CHARS = 420
_LONG_SENTENCE = 400
_MOST_MOMENTS, _LEAST_MOMENTS = 6, 3
_MOST_WEIGHED = 500
_IDEAL_WORDS = (3, 32)
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_CLAUSE = re.compile(
    r"(?<=[,;:，；、])\s*|\s+[-–—]\s+|\s+(?=(?:and|but|so|then|because)\s+(?:i|we|he|she|it|they)\b)",
    re.IGNORECASE,
)


_BULLET = re.compile(r"^[-*•–—]\s+(?=\S)")
_ASIDE = re.compile(
    r"\b(?:writ(?:e|ing) (?:this|it|that) (?:all )?down|get (?:this|it) (?:all )?(?:down|out)|dear diary)\b",
    re.IGNORECASE,
)
_CLOSING = frozenset(".!?…,;:，；、")


@attrs.frozen
class _Weighed:
    position: int
    text: str
    weight: float


def telling(found: Sequence[str], phrases: Sequence[Topic], most: int | None = None) -> str:
    """
    Return the most telling of the sentences *found*, in their order; all of a short text.

    What counts is how much they say of the text's *phrases* and of feelings.

    A sentence that goes on and on is taken apart at its commas and conjunctions first. Only what
    has none of these, and still is longer than any sentence, is cut at a word and ends in "…".
    """
    pieces = [piece for sentence in found for piece in _pieces(sentence)]
    if not pieces:
        return ""
    whole = _joined(pieces)
    if most is None and len(whole) <= _SHORT_ENOUGH:
        return whole
    count = most or min(3, 1 + len(pieces) // 4)
    best = sorted(_weigh(pieces, phrases), key=lambda w: (-w.weight, w.position))
    chosen: list[_Weighed] = []
    for candidate in best:
        room = _MOST_CHARS - sum(len(c.text) + 1 for c in chosen)
        if len(chosen) < count and (not chosen or len(candidate.text) <= room):
            chosen.append(candidate)
    return _joined([c.text for c in sorted(chosen, key=lambda c: c.position)])


def _joined(pieces: Sequence[str]) -> str:
    """Return *pieces* as one text. One without a mark at its end is set off, not run together."""
    parts = [_BULLET.sub("", piece) for piece in pieces[:1]]
    for before, piece in pairwise(pieces):
        item = _BULLET.sub("", piece)
        parts += [" · " if item != piece else _gap(before, piece), item]
    return "".join(parts)


def _gap(before: str, after: str) -> str:
    if before[-1] in "。！？」』":
        return "" if after[0].isalnum() else " "  # a mark would seem to belong to what is before
    return " " if before.rstrip("\"'”’»)]")[-1:] in _CLOSING else " · "


def _pieces(sentence: str) -> list[str]:
    if len(sentence) <= _LONG_SENTENCE:
        return [sentence]
    parts = [part.strip() for part in _CLAUSE.split(sentence)]
    return [_cut(part) for part in parts if part]


def _cut(part: str) -> str:
    if len(part) <= _LONG_SENTENCE:
        return part
    start = part[: _LONG_SENTENCE // 2]
    return f"{start.rpartition(' ')[0] or start}…"


def _weigh(pieces: Sequence[str], phrases: Sequence[Topic]) -> Iterable[_Weighed]:
    key = {phrase.name: phrase.score for phrase in phrases}
    feelings = feeling_groups()
    last = len(pieces) - 1
    mourns = speaks_of_loss("\n".join(pieces))
    for position, text in enumerate(pieces):
        if _MOST_WEIGHED <= position < last - _MOST_WEIGHED:
            continue  # the middle of an endless text is not worth the time
        found = words(text)
        weight = sum(key.get(word, 0.0) for word in dict.fromkeys(found))
        weight += 0.5 * sum(word in feelings for word in dict.fromkeys(found))
        weight += 0.3 * any(word in {"i", "i'm", "i've", "my", "me"} for word in found)
        weight /= max(4.0, sum(word not in word_list("stop") for word in found)) ** 0.5
        weight += 0.3 * (position == 0) + 0.25 * (position == last)
        weight += 0.8 * (mourns and speaks_of_loss(text)) - 0.4 * bool(_ASIDE.search(text))
        weight -= 0.6 * text.endswith("?") + 0.5 * (
            not _IDEAL_WORDS[0] <= len(found) <= _IDEAL_WORDS[1]
        )
        yield _Weighed(position, text, weight)


def summarise(task: Summarise) -> Summary:
    """
    Return the summary of a period: the most telling sentence of up to six of its entries.

    The entries are spread over the period. `entry_ids` names those, in their order; nothing in the
    text rests on others.
    """
    chosen = _spread([passage for passage in task.passages if _says_anything(passage)])
    if not chosen:
        return Summary("", ())
    ids = tuple(passage.entry_id for passage in chosen)
    english = task.language.startswith("en")
    parts = _in_english(chosen) if english else [f"{p.local_date}: {_moment(p)}" for p in chosen]
    return Summary("\n".join(parts), ids)


def _moment(passage: Passage) -> str:
    phrases = keyphrases(passage.title, passage.content)
    return telling(sentences(passage.content), phrases, most=1) or squeeze(passage.title)


def _says_anything(passage: Passage) -> bool:
    return any(c.isalnum() for c in f"{passage.content} {passage.title}")


def _spread(passages: Sequence[Passage]) -> list[Passage]:
    """
    Return up to six passages from all of the period, in their order.

    The days are cut into six equal parts, and each that has any gives the passage that tells most.
    What is left goes to days not heard of yet. Only a period of fewer than three days may give
    several passages of one.
    """
    if not passages:
        return []
    first, last = passages[0].local_date, passages[-1].local_date
    length = (last - first).days + 1
    groups = (
        lambda p: (p.local_date - first).days * _MOST_MOMENTS // length,
        lambda p: p.local_date.toordinal(),
    )
    chosen: list[int] = []
    for group in groups:
        chosen += _best_of_each(passages, group, chosen)
    if len(chosen) < _LEAST_MOMENTS:
        others = [i for i in range(len(passages)) if i not in chosen]
        chosen += sorted(others, key=lambda i: _tells(passages[i]), reverse=True)
        chosen = chosen[:_LEAST_MOMENTS]
    return [passages[i] for i in sorted(chosen)]


def _best_of_each(
    passages: Sequence[Passage], group: Callable[[Passage], int], chosen: Sequence[int]
) -> list[int]:
    """Return where the best passage of each group stands that none of the *chosen* is from."""
    heard = {group(passages[i]) for i in chosen}
    best: dict[int, int] = {}
    for i, passage in enumerate(passages):
        key = group(passage)
        if key not in heard and (key not in best or _tells(passage) > _tells(passages[best[key]])):
            best[key] = i
    ranked = sorted(best.values(), key=lambda i: (*map(int.__neg__, _tells(passages[i])), i))
    return ranked[: _MOST_MOMENTS - len(chosen)]


def _tells(passage: Passage) -> tuple[int, int]:
    feelings = feeling_groups()
    found = set(words(passage.content))
    return sum(word in feelings for word in found), len(found)


def _in_english(passages: Sequence[Passage]) -> list[str]:
    days = [passage.local_date for passage in passages]
    about = _subjects(passages)
    opening = _days(days[0], days[-1]) + (f", mostly about {about}." if about else ".")
    told: list[str] = []
    for before, passage in zip([None, *days], passages, strict=False):
        again = passage.local_date == before
        when = "The same day" if again else f"On {_day(passage.local_date)}"
        told.append(f"{when}: {_ended(_moment(passage))}")
    return [opening, *told]


def _ended(sentence: str) -> str:
    return sentence if not sentence[-1].isalnum() else f"{sentence}."


def _subjects(passages: Sequence[Passage]) -> str:
    found = [word for p in passages for word in words(f"{p.title}\n{p.content}")]
    return " and ".join(topic.name for topic in areas(found)[:2])


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _days(first: date, last: date) -> str:
    if first == last:
        return f"{_day(first)} {first.year}"
    start = f"{_day(first)} {first.year}" if first.year != last.year else _day(first)
    if (first.year, first.month) == (last.year, last.month):
        start = str(first.day)
    return f"{start} to {_day(last)} {last.year}"
