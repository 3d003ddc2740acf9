"""
The first answer of a function, from the start of its interpreter, against what one would write by hand.

All sides make the same calls to the same DynamoDB (an emulator on this machine), find their code as
bytecode in a folder that cannot be written to, and take turns.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aws_sides import (
    AUTHORIZER,
    BARE,
    BARE_WITH_TOKEN,
    ENTRIES,
    Run,
    Stage,
    missing,
    peers,
    stage,
)
from measuring import verdict

OURS, BOTH = "entries alone", "authorizer and entries"
BY_HAND, BY_HAND_WITH_TOKEN = "by hand, no token", "by hand, with PyJWT"


class Took(NamedTuple):
    """Milliseconds of one cold start, and MiB at its end."""

    wall: float
    cpu: float
    mib: float


def took(*runs: Run) -> Took:
    """Return what *runs* took, one after the other."""
    wall, cpu = (sum(getattr(run, name) for run in runs) * 1e3 for name in ("wall", "cpu"))
    return Took(wall, cpu, max(run.peak_kib for run in runs) / 1024)


def measured(ready: Stage, method: str, rounds: int) -> dict[str, list[Took]]:
    """Return what the first request took on each side, in each round."""
    sides = {OURS: ENTRIES, BY_HAND: BARE, BY_HAND_WITH_TOKEN: BARE_WITH_TOKEN} | peers()
    events: dict[str, list[Mapping[str, Any]]] = {}
    for name, side in sides.items():
        events[name] = [ready.reading(side) if method == "GET" else ready.creating()]
    found: dict[str, list[Took]] = {name: [] for name in (*events, BOTH)}
    for _ in range(rounds):
        for name, asked in events.items():
            run = ready.run(sides[name], asked)
            found[name].append(took(run))
            if name == OURS:
                found[BOTH].append(took(ready.run(AUTHORIZER, [ready.authorizing()]), run))
    return found


def told(found: Mapping[str, Sequence[Took]], method: str) -> list[bool]:
    """Print medians and ratios, and return whether the limits are kept."""
    print(f"{method}: medians of {len(found[OURS])} cold starts")
    for name, runs in found.items():
        wall, cpu, mib = (statistics.median(one) for one in zip(*runs, strict=True))
        share = ratio(runs, found[BY_HAND_WITH_TOKEN], "wall")
        print(f"     {wall:5.0f} ms wall {cpu:5.0f} ms CPU {mib:4.0f} MiB  {share:.2f} x  {name}")
    kept = []
    for name, floor, limit in ((OURS, BY_HAND, 0.85), (BOTH, BY_HAND_WITH_TOKEN, 1.0)):
        for clock in ("wall", "cpu"):
            share = ratio(found[name], found[floor], clock)
            kept.append(verdict(f"{method}, {name} against {floor}, {clock}", share, limit))
    return kept


def ratio(ours: Sequence[Took], theirs: Sequence[Took], clock: str) -> float:
    """Return the median of the ratios of each round."""
    pairs = zip(ours, theirs, strict=True)
    return statistics.median(getattr(one, clock) / getattr(other, clock) for one, other in pairs)


def main() -> bool:
    """Measure, and tell whether the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="cold starts of each side")
    options = parser.parse_args()
    if lacking := missing():
        print(f"skipped: {lacking}")
        return True
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as ready:
        kept = [told(measured(ready, method, options.rounds), method) for method in ("GET", "POST")]
    return all(map(all, kept))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
