"""What goes wrong between a client and the service: a proxy that does as it is told."""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = (
    "cut before",
    "cut after",
    "cut within",
    "late",
    "throttled",
    "unavailable",
    "no gateway",
    "gateway gave up",
)
"""All but the first, and those that refuse, were done all the same: nobody was told."""

_PROBLEMS = {
    "throttled": (429, {"Retry-After": "7"}, b'{"code": "rate_limited", "detail": "slow down"}'),
    "unavailable": (503, {"Retry-After": "3"}, b'{"code": "unavailable", "detail": "be back"}'),
    "no gateway": (503, {}, b"<html>Service Unavailable</html>"),
}


class FaultyProxy(ThreadingHTTPServer):
    """
    A server before the service, that lets each request pass or does it a harm.

    *draw* names the harm, one of `FAULTS`, or nothing.
    """

    daemon_threads = True

    def __init__(self, port: int, draw: Callable[[], str | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = port
        self.draw = draw
        self.released = threading.Event()
        self.happened: Counter[str | None] = Counter()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.draw()
        self.server.happened[fault] += 1
        if fault == "cut before":
            self._reset()
        elif fault in {"throttled", "unavailable"}:
            self._answer(*_PROBLEMS[fault])
        else:
            self._harmed(fault, *self._forward(body))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - the library's names

    def _harmed(self, fault: str | None, status: int, headers: dict[str, str], body: bytes) -> None:
        if fault == "cut after":
            self._reset()
        elif fault == "no gateway":
            self._answer(*_PROBLEMS[fault])
        elif fault == "gateway gave up":
            self._answer(504, {}, b'{"message": "Endpoint request timed out"}')
        else:
            if fault == "late":
                self.server.released.wait(5)
            self._answer(status, headers, body, cut=fault == "cut within")

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with closing(HTTPConnection("127.0.0.1", self.server.upstream)) as connection:
            connection.request(self.command, self.path, body or None, dict(self.headers))
            response = connection.getresponse()
            kept = {
                name: value
                for name, value in response.getheaders()
                if name.lower() in {"content-type", "retry-after", "link", "etag"}
            }
            return response.status, kept, response.read()

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, *, cut: bool = False
    ) -> None:
        with suppress(OSError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def _reset(self) -> None:
        # With no time to linger, closing sends a reset.
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


@contextmanager
def proxied(port: int, draw: Callable[[], str | None]) -> Iterator[FaultyProxy]:
    """Run a proxy before the service on *port*."""
    with FaultyProxy(port, draw) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.released.set()
            proxy.shutdown()
            thread.join()
