"""
The processor's time of a request, when everything is loaded, against what one would write by hand.

All sides make the same calls to the same DynamoDB and remember accounts for ten seconds; the token was
checked before, as API Gateway keeps what an authorizer said.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from aws_sides import BARE, ENTRIES, missing, peers, stage
from measuring import verdict

OURS, BY_HAND = "entries", "by hand, no token"


def main() -> bool:
    """Measure, and tell whether the limits are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interpreters of each side")
    parser.add_argument("--requests", type=int, default=200, help="requests in each of them")
    options = parser.parse_args()
    if lacking := missing():
        print(f"skipped: {lacking}")
        return True
    sides = {OURS: ENTRIES, BY_HAND: BARE} | peers()
    kept = []
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as ready:
        reading = {name: ready.reading(side) for name, side in sides.items()}
        for method in ("GET", "POST"):
            took: dict[str, list[float]] = {name: [] for name in sides}
            for _ in range(options.rounds):
                for name, side in sides.items():
                    event = reading[name] if method == "GET" else ready.creating()
                    ((_, cpu),) = ready.run(side, [event], repeat=options.requests).warm
                    took[name].append(cpu / options.requests * 1e6)
            ratios = {name: _ratio(took[name], took[BY_HAND]) for name in sides}
            for name, ratio in ratios.items():
                print(f"     {statistics.median(took[name]):6.0f} us CPU  {ratio:.2f} x  {name}")
            kept.append(verdict(f"{method}, {OURS} against {BY_HAND}, cpu", ratios[OURS], 1.15))
    return all(kept)


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
