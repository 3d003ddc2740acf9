"""
Calls of the client, against bare httpx2 calls of the same requests to the same server.

The server is `reflekt serve`, a process of its own, on this machine. A bare call reads the answer as JSON.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from measuring import compare, verdict

from reflekt_core import Client

LIMIT = 1.5
TEXT = "We swam until the sun set, and walked home along the harbour. " * 12


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Lend the address of a server with an empty journal in *folder*, and a token."""
    program = [sys.executable, "-m", "reflekt_core", "serve", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(  # noqa: S603 - our own program
        program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout
            said = ""
            while "curl" not in said:
                said += process.stdout.readline() or sys.exit("the server did not start")
            (token,) = re.findall('Bearer ([^"]+)', said)
            yield re.findall(r"http://[0-9.:]+", said)[0], token
        finally:
            process.terminate()


def pairs(
    client: Client, http: httpx2.Client
) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return calls by name: the client's, and the bare one."""
    for number in range(20):
        last = client.entries.create(f"{TEXT} {number}", mood=4, tags=["sea"])
    fields = {"content": TEXT, "mood": 4, "tags": ["sea"]}
    return {
        "health.check": (client.health.check, lambda: http.get("/health").json()),
        "entries.get": (
            lambda: client.entries.get(last.id),
            lambda: http.get(f"/entries/{last.id}").json(),
        ),
        "entries.list, 20 entries": (
            lambda: client.entries.list(tag=["sea"], limit=20),
            lambda: http.get("/entries", params={"tag": "sea", "limit": "20"}).json(),
        ),
        "entries.create": (
            lambda: client.entries.create(TEXT, mood=4, tags=["sea"]),
            lambda: http.post("/entries", json=fields).json(),
        ),
    }


def main() -> bool:
    """Measure each pair, and tell whether all kept to the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="how often each pair is measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as (url, token):
        headers = {"Authorization": f"Bearer {token}"}
        with Client(url, token) as client, httpx2.Client(base_url=url, headers=headers) as http:
            results = [
                _measured(name, *pair, options.rounds) for name, pair in pairs(client, http).items()
            ]
    return all(results)


def _measured(
    name: str, ours: Callable[[], object], bare: Callable[[], object], rounds: int
) -> bool:
    mine, floor, ratio = compare(ours, bare, rounds=rounds, calls=50)
    return verdict(name, ratio, LIMIT, f"{mine:.0f} us against {floor:.0f} us")


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
