"""Importing the library and writing a first entry, against importing what it stands on."""

import statistics
import subprocess
import sys
import time

from measuring import verdict

FIRST_ENTRY = """
from reflekt_core import Reflekt
Reflekt.open("memory://").entries.create("We swam until the sun set.")
"""
FLOOR = "import attrs, cattrs, sqlite3"
HEAVY = ("openai", "anthropic", "boto3", "botocore", "cryptography", "jwt", "nltk", "spacy")


def wall(code: str) -> float:
    """Return the seconds a fresh interpreter needs for *code*."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
    return time.perf_counter() - begin


def main() -> bool:
    """Measure in turn, and print the ratio."""
    wall(FIRST_ENTRY), wall(FLOOR)
    pairs = [(wall(FIRST_ENTRY), wall(FLOOR)) for _ in range(15)]
    ratio = statistics.median(a / b for a, b in pairs)
    ours, floor = (statistics.median(side) * 1e3 for side in zip(*pairs, strict=True))
    check = f"{FIRST_ENTRY}\nimport sys\nprint(*[m for m in {HEAVY} if m in sys.modules])"
    loaded = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", check], check=True, capture_output=True, text=True
    ).stdout.strip()
    print(f"heavy modules loaded: {loaded or 'none'}")
    detail = f"{ours:.0f} ms against {floor:.0f} ms"
    return verdict("import, open memory://, first entry", ratio, 1.5, detail) and not loaded


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
