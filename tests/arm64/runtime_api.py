"""Lambda's Runtime API (2018-06-01) on this machine, and a function that runs on it, emulated."""

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import attrs

PATIENCE_SECONDS = 240
DEADLINE_SECONDS = 120
ACCOUNT = "123456789012"
REGION = "eu-west-1"


class FunctionFailed(Exception):
    """The function answered with an error, or did not start; says which."""


@attrs.frozen
class Machine:
    """What a function runs on: qemu, a root with Python 3.13 for ARM64, and Lambda's own runtime client."""

    qemu: str
    root: Path
    client: Path

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs the emulated Python with *arguments*."""
        # With this processor, and no newer one, the emulation is ten times as fast.
        emulator = [self.qemu, "-cpu", "neoverse-n1", "-L", str(self.root)]
        return [*emulator, str(self.root / "usr/bin/python3.13"), *arguments]


class Server(ThreadingHTTPServer):
    """A server whose clients may go at any moment."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: a function that is ended leaves its connections behind."""


class Runtime:
    """Hands events to one function, and takes what it answers."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self.answers: queue.Queue[tuple[str, str, bytes]] = queue.Queue()
        runtime = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                id, event = runtime.events.get()
                deadline = int((time.time() + DEADLINE_SECONDS) * 1000)
                self._send(
                    200,
                    event,
                    {
                        "Lambda-Runtime-Aws-Request-Id": id,
                        "Lambda-Runtime-Deadline-Ms": str(deadline),
                        "Lambda-Runtime-Invoked-Function-Arn": (
                            f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:proof"
                        ),
                        "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
                    },
                )

            def do_POST(self) -> None:
                *_, id, kind = self.path.split("/")
                body = self._read()
                self._send(202, b'{"status": "OK"}', {})
                runtime.answers.put((id, kind, body))

            def _read(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = []
                while size := int(self.rfile.readline().strip() or b"0", 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


@attrs.define
class Function:
    """A function that runs. `seconds` are those of its answers so far, the first from its start on."""

    runtime: Runtime
    process: "subprocess.Popen[bytes]"
    seconds: list[float]
    started: float

    def __call__(self, event: Mapping[str, Any]) -> Any:
        """
        Return what the function answers to *event*.

        Raises:
            FunctionFailed: It answered with an error, ended, or did not answer.
        """
        id = str(uuid4())
        begun = time.monotonic() if self.seconds else self.started
        self.runtime.events.put((id, json.dumps(event).encode()))
        about, kind, body = self._answer()
        self.seconds.append(time.monotonic() - begun)
        if (about, kind) != (id, "response"):
            error = json.loads(body)
            raise FunctionFailed(f"{error.get('errorType')}: {error.get('errorMessage')}")
        return json.loads(body)

    def _answer(self) -> tuple[str, str, bytes]:
        end = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None and time.monotonic() < end:
            try:
                return self.runtime.answers.get(timeout=0.2)
            except queue.Empty:
                continue
        try:  # what it said last, before it ended
            return self.runtime.answers.get(timeout=0.5)
        except queue.Empty:
            raise FunctionFailed(f"no answer; it ended with {self.process.poll()}") from None

    @property
    def megabytes(self) -> int:
        """What it keeps in memory, with the emulator's own."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) // 1024


@contextmanager
def running(
    machine: Machine, task: Path, name: str, environ: Mapping[str, str], log: Path
) -> Iterator[Function]:
    """Run the handler of the function called *name*, with the code in the folder *task*."""
    runtime = Runtime()
    environment = {
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "proof",
        "AWS_LAMBDA_RUNTIME_API": runtime.address,
        "AWS_REGION": REGION,
        "HOME": os.devnull,
        "LAMBDA_TASK_ROOT": str(task),
        "LANG": "en_US.UTF-8",
        "PYTHONPATH": f"{task}{os.pathsep}{machine.client}",
        "TZ": ":UTC",
        **environ,
    }
    command = machine.command("-m", "awslambdaric", f"reflekt_chalice.handlers.{name}")
    with log.open("ab") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            command, env=environment, cwd=task, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield Function(runtime, process, [], started)
        finally:
            process.kill()
            process.wait()
            runtime.close()
