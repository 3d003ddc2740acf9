"""
Importing Day One's JSON into SQLite: at most 3 x a bare `executemany` of the same rows.

Those have the same indexes and FTS5. At least 2,000 entries a second; 100,000 entries within 200 MB.
"""

import argparse
import json
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from measuring import verdict

WORDS = 120
VOCABULARY = 20_000
MEGABYTE = 1024


def journal(path: Path, entries: int) -> None:
    """Write Day One's export of so many entries of 120 words, as words are spread in a language."""
    chance = random.Random(7)  # noqa: S311 - an example
    words = [f"w{number:x}" for number in range(VOCABULARY)]
    weights = [1 / (rank + 10) for rank in range(VOCABULARY)]
    begin = datetime(2000, 1, 1, tzinfo=UTC)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"metadata": {"version": "1.0"}, "entries": [')
        for number in range(entries):
            entry = {
                "uuid": f"{number:032X}",
                "creationDate": f"{begin + timedelta(hours=2 * number):%Y-%m-%dT%H:%M:%SZ}",
                "timeZone": "Europe/Berlin",
                "text": " ".join(chance.choices(words, weights, k=WORDS)),
                "tags": chance.sample(["sea", "work", "home", "run"], 2),
                "starred": number % 10 == 0,
                "location": {"placeName": "Berlin", "latitude": 52.5, "longitude": 13.4},
            }
            file.write(f"{',' if number else ''}{json.dumps(entry)}")
        file.write("]}")


def imported(source: Path, target: Path) -> tuple[float, int]:
    """Import in a process of its own; return its seconds, and its memory in KiB."""
    program = (
        "import sys, time, resource\n"
        "from reflekt_core import Reflekt\n"
        "reflekt = Reflekt.open(f'sqlite:///{sys.argv[2]}')\n"
        "begin = time.perf_counter()\n"
        "report = reflekt.import_file(sys.argv[1])\n"
        "seconds = time.perf_counter() - begin\n"
        "reflekt.store.close()\n"
        "assert not report.broken, report\n"
        "print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    said = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(source), str(target)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    return float(said[0]), int(said[1])


def bare(source: Path, target: Path) -> float:
    """Insert the rows that lie in *source* into an empty journal; return the seconds."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        made = one.execute(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'text_%' "
            "AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        other.execute("PRAGMA journal_mode = WAL")
        for _, sql in made:
            other.execute(sql)
        names = ("head", "entry", "entry_tag", "tag", "outbox")
        rows = {name: one.execute(f"SELECT * FROM {name}").fetchall() for name in names}  # noqa: S608 - our own names
        rows["text"] = one.execute("SELECT rowid, title, content FROM text").fetchall()
        begin = time.perf_counter()
        with other:
            for name, found in rows.items():
                columns = "(rowid, title, content)" if name == "text" else ""
                marks = ", ".join("?" * len(found[0]))
                other.executemany(f"INSERT INTO {name} {columns} VALUES ({marks})", found)  # noqa: S608 - the same
        return time.perf_counter() - begin


def main() -> int:
    """Measure, and return how many limits were not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--memory", type=int, default=100_000, help="entries for the memory")
    options = parser.parse_args()
    over = 0
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        journal(there / "journal.json", options.entries)
        pairs = []
        for turn in range(options.rounds):
            seconds, _ = imported(there / "journal.json", there / f"ours{turn}.db")
            pairs.append((seconds, bare(there / f"ours{turn}.db", there / f"bare{turn}.db")))
        rate, floor = (
            options.entries / statistics.median(side) for side in zip(*pairs, strict=True)
        )
        print(f"{options.entries:,} entries: {rate:,.0f} a second; bare {floor:,.0f}")
        ratios = sorted(ours / theirs for ours, theirs in pairs)
        spread = f"{ratios[0]:.2f} to {ratios[-1]:.2f}"
        median = statistics.median(ratios)
        over += not verdict("import, against a bare executemany", median, 3, spread)
        over += not verdict("2,000 entries a second", 2000 / rate, 1)
        journal(there / "long.json", options.memory)
        seconds, memory = imported(there / "long.json", there / "long.db")
        size = (there / "long.json").stat().st_size // 2**20
        print(f"{options.memory:,} entries ({size} MB) in {seconds:.0f} s, {memory // MEGABYTE} MB")
        over += not verdict("memory of 100,000 entries, against 200 MB", memory / MEGABYTE / 200, 1)
    return over


if __name__ == "__main__":
    sys.exit(main())
