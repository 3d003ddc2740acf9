"""Measuring two ways of doing a thing in turn, and telling their ratio."""

import statistics
import time
from collections.abc import Callable

__all__ = ["compare", "verdict"]


def compare(
    ours: Callable[[], object], floor: Callable[[], object], *, rounds: int = 15, calls: int = 100
) -> tuple[float, float, float]:
    """
    Return microseconds a call of *ours* and of *floor*, and the median of their ratios.

    They run in turn, *calls* at a time, so that both meet the same noise.
    """
    for warm in (ours, floor):
        for _ in range(min(calls, 20)):
            warm()
    pairs = [(_timed(ours, calls), _timed(floor, calls)) for _ in range(rounds)]
    mine, bare = (statistics.median(side) for side in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return mine * 1e6, bare * 1e6, ratio


def _timed(call: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - begin) / calls


def verdict(name: str, ratio: float, limit: float, detail: str = "") -> bool:
    """Print a line with *ratio* and whether it keeps to *limit*, and return that."""
    kept = ratio <= limit
    print(f"{'ok  ' if kept else 'OVER'} {name}: {ratio:.2f} x (at most {limit:g} x) {detail}")
    return kept
