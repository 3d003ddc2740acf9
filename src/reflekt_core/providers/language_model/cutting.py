"""Texts cut to what a model takes: at the ends of sentences, and fairly among several."""

import json
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["as_json", "end_of", "shares", "size", "start_of"]

# A full stop after a title, an initial or "e.g." ends no sentence.
_END: Final = re.compile(
    r"(?<!\b[A-Z])(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bSt)(?<!\bMrs)(?<!\be\.g)(?<!\bi\.e)"
    r"(?<!\b[ap]\.m)"
    r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”’）]*|\n+"
)
_SPACE: Final = re.compile(r"\s+")
_ANYWHERE: Final = re.compile(r"(?=[^\u0300-\u036f\u200d\ufe0f])", re.DOTALL)


def as_json(value: object) -> str:
    """Return *value* as JSON that is short, and can be sent even if it holds lone surrogates."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="replace").decode()


def size(text: str) -> int:
    """Return how many bytes *text* takes within JSON."""
    return len(as_json(text).encode()) - 2


def start_of(text: str, most: int) -> str:
    """Return as many whole sentences from the start of *text* as fit into *most* bytes of JSON."""
    if size(text) <= most:
        return text
    for places in (_END, _SPACE, _ANYWHERE):
        ends = [match.end() for match in places.finditer(text)]
        kept = text[: _last_fitting(text, ends, most)].rstrip()
        if kept:
            return kept
    return ""


def end_of(text: str, most: int) -> str:
    """Return as many whole sentences from the end of *text* as fit into *most* bytes of JSON."""
    if size(text) <= most:
        return text
    for places in (_END, _SPACE, _ANYWHERE):
        starts = [match.end() for match in places.finditer(text)]
        kept = text[_first_fitting(text, starts, most) :].lstrip()
        if kept:
            return kept
    return ""


def _last_fitting(text: str, ends: Sequence[int], most: int) -> int:
    """Return the last of *ends* up to which *text* fits; 0 if it fits up to none."""
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if size(text[: ends[middle]]) <= most else (low, middle)
    return ends[low - 1] if low else 0


def _first_fitting(text: str, starts: Sequence[int], most: int) -> int:
    """Return the first of *starts* from which *text* fits; its end if it fits from none."""
    low, high = 0, len(starts)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if size(text[starts[middle] :]) <= most else (middle + 1, high)
    return starts[low] if low < len(starts) else len(text)


def shares(sizes: Sequence[int], total: int) -> tuple[int, ...]:
    """
    Return how much of *total* each gets that wants one of *sizes*.

    Who wants little gets it all; the others share the rest alike.
    """
    given = [0] * len(sizes)
    left = total
    order = sorted(range(len(sizes)), key=lambda i: sizes[i])
    for position, index in enumerate(order):
        given[index] = min(sizes[index], left // (len(sizes) - position))
        left -= given[index]
    return tuple(given)
