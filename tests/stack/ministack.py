"""
A small AWS on this machine: ministack, started in a virtual environment of its own, and stopped.

It pins versions of its own, and so never shares an environment with Reflekt. Its functions run in its
Python, as processes of this machine: that must be Python 3.13, as on Lambda.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

REGION = "eu-west-1"
ACCOUNT = "000000000000"
ROOT = {"AWS_ACCESS_KEY_ID": ACCOUNT, "AWS_SECRET_ACCESS_KEY": "test"}
"""What the emulator takes for the account's owner."""

START_SECONDS = 60.0
# Names of variables that would send an AWS client elsewhere than to the emulator.
_STRAY = ("AWS_", "REFLEKT_", "JWT_", "AI_", "OPENAI_", "ANTHROPIC_", "PYTHON")


@attrs.frozen
class Ministack:
    """A running emulator: its address, its process and what it wrote."""

    url: str
    pid: int
    log: Path
    account: str = ACCOUNT

    def environment(self) -> dict[str, str]:
        """Return the variables with which an AWS client talks to it, and to nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STRAY)}
        return kept | {
            **ROOT,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def listens_on(self) -> set[str]:
        """Return the addresses on which it, or a process that it started, takes connections."""
        inodes = {
            str(entry.readlink())
            for pid in self._processes()
            for entry in _entries(Path(f"/proc/{pid}/fd"))
        }
        return {
            address
            for table in ("/proc/net/tcp", "/proc/net/tcp6")
            for address, inode in _listening(Path(table))
            if f"socket:[{inode}]" in inodes
        }

    def resident_mb(self) -> float:
        """Return how much memory it and the functions' processes take."""
        total = 0
        for pid in self._processes():
            status = Path(f"/proc/{pid}/status").read_text("utf-8", "replace")
            total += sum(
                int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
            )
        return total / 1024

    def _processes(self) -> list[int]:
        found = [self.pid]
        for pid in found:
            for task in _entries(Path(f"/proc/{pid}/task")):
                try:
                    found += map(int, (task / "children").read_text().split())
                except OSError:
                    continue
        return found


@contextmanager
def running(python: str, folder: Path, *, auth: bool = True) -> Iterator[Ministack]:
    """
    Run the emulator on a free port of the loopback interface, with its state below *folder*.

    Args:
        python: The Python of the environment in which it is installed.
        folder: Where it writes.
        auth: Whether it holds callers to their IAM policies.
    """
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "ministack.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [python, "-m", "ministack"],
            env=_environment(port, folder, auth=auth),
            cwd=folder,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url, process, log)
            yield Ministack(url, process.pid, log)
        finally:
            _stop(process)


def _environment(port: int, folder: Path, *, auth: bool) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "AUTH": str(auth).lower(),
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "STATE_DIR": str(folder / "state"),
        # Botocore would otherwise look for credentials where this machine keeps its owner's.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            # Its address is ours, on the loopback interface.
            with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2) as answer:  # noqa: S310
                health: Any = json.load(answer)
        except (OSError, ValueError):
            time.sleep(0.1)
            continue
        if "services" in health:
            return
    said = log.read_text("utf-8", "replace").strip().splitlines()[-3:]
    raise RuntimeError(f"ministack did not start: {' / '.join(said)}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End it, and with it its group: the functions' processes."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _listening(table: Path) -> Iterator[tuple[str, str]]:
    """Yield the addresses, in the kernel's spelling, and inodes of sockets that listen."""
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A":
            yield fields[1].split(":")[0], fields[9]
