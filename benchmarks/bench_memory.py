"""
Memory of `reflekt serve` under load: after 100,000 requests at most 1.2 times that after 1,000.

The load is reads, searches and updates of a journal that does not grow, over keep-alive connections.
"""

import argparse
import http.client
import itertools
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

from measuring import verdict

THREADS = 4


def resident_kib(pid: int) -> int:
    """Return the resident memory of a process (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def started(folder: str) -> tuple[subprocess.Popen[str], str, str]:
    """Start a server; return it, its address and a token."""
    command = [sys.executable, "-m", "reflekt_core"]
    server = subprocess.Popen(  # noqa: S603 - our own program
        [*command, "serve", "--port", "0", "--data", folder, "--demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout
    line = next(line for line in server.stdout if "http://127.0.0.1:" in line)
    address = "http://127.0.0.1:" + line.split("http://127.0.0.1:")[1].split()[0].rstrip("/")
    token = subprocess.run(  # noqa: S603 - our own program
        [*command, "token", "--data", folder, "--expires", "12h"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    threading.Thread(target=server.stdout.read, daemon=True).start()
    return server, urlsplit(address).netloc, token


def load(netloc: str, token: str, requests: int) -> None:
    """Send *requests* from several threads, and check that every answer is good."""
    bad: list[int] = []

    def client(share: int) -> None:
        connection = http.client.HTTPConnection(netloc, timeout=30)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("GET", "/entries?limit=20", headers=headers)
        ids = [item["id"] for item in json.load(connection.getresponse())["items"]]
        for number in range(share):
            id = ids[number % len(ids)]
            match number % 10:
                case 0:
                    body = json.dumps(
                        {"content": f"Changed for the {number}th time.", "mood": number % 5 + 1}
                    )
                    connection.request("PATCH", f"/entries/{id}", body, headers)
                case 1 | 2:
                    connection.request("GET", "/entries/search?q=the", headers=headers)
                case 3:
                    connection.request("GET", "/analytics/trends", headers=headers)
                case 4 | 5:
                    connection.request("GET", "/entries", headers=headers)
                case _:
                    connection.request("GET", f"/entries/{id}", headers=headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                bad.append(answer.status)

    threads = [threading.Thread(target=client, args=(requests // THREADS,)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad, bad[:5]


def main() -> bool:
    """Load a server twice, and compare its memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server, netloc, token = started(folder)
        try:
            load(netloc, token, 1000)
            early = resident_kib(server.pid)
            steps = itertools.repeat(10_000, (options.requests - 1000) // 10_000)
            for number in steps:
                load(netloc, token, number)
                print(f"  {resident_kib(server.pid) / 1024:.1f} MiB", file=sys.stderr)
            late = resident_kib(server.pid)
        finally:
            server.terminate()
            server.wait()
    detail = f"{late / 1024:.1f} MiB against {early / 1024:.1f} MiB"
    return verdict(f"memory after {options.requests} requests", late / early, 1.2, detail)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
