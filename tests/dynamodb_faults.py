"""What goes wrong between a store and DynamoDB: as a transport, and as a proxy on the network."""

import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from reflekt_core.stores.dynamodb.transport import CallFailed, Transport

KINDS = ("lost before", "lost after", "throttled", "broken", "broken after", "contended", "cut")


class Faulty:
    """
    A transport on which about every third request goes wrong, by one of `KINDS`.

    What is lost or broken *after* was done all the same: nobody was told.
    """

    def __init__(self, below: Transport, seed: int = 0) -> None:
        self._below = below
        self._random = random.Random(seed)  # noqa: S311 - the same in every run
        self._lock = threading.Lock()
        self.happened: Counter[str] = Counter()

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request, or fail before or after."""
        with self._lock:
            kind = self._random.choice(KINDS) if self._random.random() < 1 / 3 else ""
        if kind in {"lost before", "throttled", "broken"}:
            self._note(kind)
            raise _FAILURES[kind]
        if kind == "contended" and operation == "TransactWriteItems":
            self._note(kind)
            reasons = tuple(("TransactionConflict", None) for _ in payload["TransactItems"])
            raise CallFailed("TransactionCanceledException", status=400, reasons=reasons)
        if kind == "cut":
            return self._cut(operation, dict(payload))
        response = self._below.call(operation, payload)
        if kind in {"lost after", "broken after"}:
            self._note(kind)
            raise _FAILURES[kind]
        return response

    def _cut(self, operation: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Answer with a part: one item of a query, one of those asked for by key."""
        if operation == "Query":
            self._note("short page")
            return self._below.call(operation, payload | {"Limit": 1})
        if operation != "BatchGetItem":
            return self._below.call(operation, payload)
        self._note("unprocessed")
        ((table, asked),) = payload["RequestItems"].items()
        first, *rest = asked["Keys"]
        response = self._below.call(operation, {"RequestItems": {table: asked | {"Keys": [first]}}})
        if rest:
            response["UnprocessedKeys"] = {table: asked | {"Keys": rest}}
        return response

    def _note(self, kind: str) -> None:
        with self._lock:
            self.happened[kind] += 1


_FAILURES = {
    "lost before": CallFailed("ConnectionError"),
    "lost after": CallFailed("ConnectionError"),
    "throttled": CallFailed("ThrottlingException", status=400),
    "broken": CallFailed("InternalServerError", status=500),
    "broken after": CallFailed("Whatever", status=503),
}

WIRE_KINDS = ("reset before", "reset after", "late", "truncated", "throttled", "unavailable")


class FaultyProxy(ThreadingHTTPServer):
    """A server before DynamoDB that resets connections, is late, or answers by half."""

    daemon_threads = True

    def __init__(self, upstream: str, late_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = urlsplit(upstream)
        self.released = threading.Event()
        self.late_seconds = late_seconds
        self.happened: Counter[str] = Counter()
        self._random = random.Random(7)  # noqa: S311 - the same in every run
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def draw(self) -> str:
        """Say what goes wrong this time; mostly nothing."""
        with self._lock:
            kind = self._random.choice(WIRE_KINDS) if self._random.random() < 0.3 else ""
            self.happened[kind] += 1
            return kind

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def do_POST(self) -> None:
        """Pass the request on and the response back, unless something goes wrong."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.server.draw()
        if kind == "reset before":
            self._reset()
        elif kind in {"throttled", "unavailable"}:
            self._refuse(kind)
        else:
            status, kept, answer = self._forward(body)
            if kind == "reset after":
                self._reset()
                return
            if kind == "late":
                self.server.released.wait(self.server.late_seconds)
            self._answer(status, kept, answer, cut=kind == "truncated")

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = self.server.upstream
        with closing(HTTPConnection(upstream.hostname or "", upstream.port)) as connection:
            connection.request("POST", self.path, body, dict(self.headers))
            response = connection.getresponse()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() in {"content-type", "x-amz-crc32", "x-amzn-requestid"}
            }
            return response.status, kept, response.read()

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False
    ) -> None:
        with suppress(OSError, HTTPException):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = cut

    def _refuse(self, kind: str) -> None:
        status, code = (
            (400, "ThrottlingException") if kind == "throttled" else (503, "ServiceUnavailable")
        )
        body = f'{{"__type": "com.amazonaws.dynamodb.v20120810#{code}"}}'.encode()
        self._answer(status, {"Content-Type": "application/x-amz-json-1.0"}, body)

    def _reset(self) -> None:
        # With no time to linger, closing sends a reset.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def proxied(upstream: str, late_seconds: float) -> Iterator[FaultyProxy]:
    """Run a proxy before *upstream*."""
    with FaultyProxy(upstream, late_seconds) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.released.set()
            proxy.shutdown()
            thread.join()
