"""The programs in `examples`, run as a reader runs them."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import attrs

__all__ = ["EXAMPLES", "Answer", "Program", "imported", "ran", "running"]

EXAMPLES: Final = Path(__file__).parent.parent / "examples"
_OURS: Final = re.compile("REFLEKT_|JWT_|AI_|OPENAI_|ANTHROPIC_|LOG_LEVEL|DEBUG|STAGE|PYTHONWARN")
_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")
_PATIENCE_SECONDS: Final = 60
_PYTHON: Final = (sys.executable, "-W", "error")


@attrs.frozen
class Answer:
    """What a program answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@attrs.frozen
class Program:
    """A program that listens on a port; `lines` are what it has printed so far."""

    process: subprocess.Popen[str]
    lines: list[str]
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request: bytes as they are, anything else as JSON."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE_SECONDS)) as http:
            http.request(method, path, body, sent)
            answer = http.getresponse()
            return Answer(answer.status, dict(answer.headers), answer.read())

    def end(self) -> tuple[int, str]:
        """Ask it to end, and return the exit code and all that it printed."""
        self.process.terminate()
        code = self.process.wait(_PATIENCE_SECONDS)
        return code, "\n".join(self.lines)


@contextmanager
def imported(path: Path) -> Iterator[Any]:
    """Lend the module in the file *path*, imported as a program beside it does."""
    before = set(sys.modules)
    sys.path.insert(0, str(path.parent))
    try:
        yield import_module(path.stem)
    finally:
        sys.path.remove(str(path.parent))
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == path.parent:
                del sys.modules[name]


def ran(*args: object, cwd: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with *args* to the end, with warnings as errors and *settings* as variables."""
    return subprocess.run(
        [*_PYTHON, *map(str, args)],
        cwd=cwd,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * _PATIENCE_SECONDS,
    )


@contextmanager
def running(*args: object, cwd: Path, **settings: str) -> Iterator[Program]:
    """Run Python with *args* while the block lasts, once it has printed where it listens."""
    process = subprocess.Popen(
        [*_PYTHON, *map(str, args)],
        cwd=cwd,
        env=_environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines: list[str] = []
    ports: queue.Queue[int] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines, ports))
    reader.start()
    try:
        port = ports.get(timeout=_PATIENCE_SECONDS)
        assert port, "\n".join(lines)
        yield Program(process, lines, port)
    finally:
        process.kill()
        process.wait()
        reader.join()


def _read(process: "subprocess.Popen[str]", lines: list[str], ports: "queue.Queue[int]") -> None:
    assert process.stdout
    with process.stdout as output:
        for line in output:
            lines.append(line.rstrip())
            if address := _ADDRESS.search(line):
                ports.put(int(address[1]))
    ports.put(0)


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    return {**kept, "PYTHONUNBUFFERED": "1", **settings}
