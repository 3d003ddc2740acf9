"""A server that answers as Amazon's services do, and what asks it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from reflekt_core.amazon import JSONService, access_from

ENVIRON = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-is-none",
}


def service(endpoint: str | None = None, **more: Any) -> JSONService:
    """Return a service as the environment describes it."""
    access = access_from(ENVIRON, "dynamodb", endpoint=endpoint)
    assert access is not None
    return JSONService("dynamodb", "DynamoDB_20120810", "1.0", access, **more)


class Server(ThreadingHTTPServer):
    """Answers each request with the next of *answers*, and keeps what was sent."""

    daemon_threads = True

    def __init__(self, *answers: Callable[["Handler"], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.sent: list[tuple[dict[str, str], Any]] = []
        self.connections: set[tuple[str, int]] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: some answers break off."""


class Handler(BaseHTTPRequestHandler):
    """Takes requests."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """Answer."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.sent.append((headers, json.loads(body)))
        self.server.connections.add(self.client_address)
        self.server.answers.pop(0)(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def says(
    body: bytes,
    status: int = 200,
    *,
    length: int = 0,
    checksum: int | None = None,
    close: bool = False,
) -> Callable[[Handler], None]:
    """Return an answer of *body*."""

    def answer(handler: Handler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(length or len(body)))
        if checksum is not None:
            handler.send_header("x-amz-crc32", str(checksum))
        if close:
            handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = close or length > len(body)

    return answer


def drops(handler: Handler) -> None:
    """End the connection after an answer that did not say so."""
    says(b"{}")(handler)
    handler.close_connection = True


@contextmanager
def answering(*answers: Callable[[Handler], None]) -> Iterator[tuple[Server, JSONService]]:
    """Run a server, and give it with what asks it."""
    with Server(*answers) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        asking = service(f"http://127.0.0.1:{server.server_port}", read_seconds=5)
        try:
            yield server, asking
        finally:
            asking.close()
            server.shutdown()
            thread.join()
