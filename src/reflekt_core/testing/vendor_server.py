"""A server on this machine that answers as it is told to, whatever that is: for tests."""

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

if TYPE_CHECKING:
    import httpx2

__all__ = ["Behaviour", "FakeVendor", "Received", "answering", "dribbling", "hanging", "vanishing"]


@attrs.frozen
class Received:
    """A request as it came."""

    line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return what its body is as JSON."""
        return json.loads(self.body)


Behaviour = Callable[[socket.socket, Event], None]
"""Writes an answer to a connection, or not; the event is set when the server closes."""


class FakeVendor:
    """
    A server at `url` on this machine; a context manager, which closes it.

    It behaves in turn as `will` says, the last way for ever, and keeps what it `received`.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._behaviours: list[Behaviour] = [answering(500, {})]
        self._lock = Lock()
        self._closing = Event()
        self._threads: list[Thread] = []
        self._connections: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def client(self) -> "httpx2.Client":
        """Return an HTTP client whose every request ends here, whomever it is meant for."""
        # Needs httpx2, which not everybody has who tests a store.
        import httpx2  # noqa: PLC0415

        from reflekt_core.providers.language_model.network import Wire  # noqa: PLC0415

        wire, here = Wire(self.url), httpx2.URL(self.url)

        def send(request: httpx2.Request) -> httpx2.Response:
            request.url = request.url.copy_with(scheme="http", host=here.host, port=here.port)
            return wire.send(request)

        return httpx2.Client(transport=httpx2.MockTransport(send), trust_env=False)

    @property
    def connections(self) -> int:
        """Return how many connections there have been."""
        return len(self._connections)

    def will(self, *behaviours: Behaviour) -> None:
        """Let it behave like this from now on."""
        with self._lock:
            self._behaviours = list(behaviours)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        for waiting in (self._listening, *self._connections):  # wakes the threads that read
            with suppress(OSError):
                waiting.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with connection, suppress(OSError):
            while (request := _read(connection)).line:
                with self._lock:
                    self.received.append(request)
                    behave = self._behaviours[0]
                    del self._behaviours[: len(self._behaviours) > 1]
                behave(connection, self._closing)


def answering(
    status: int,
    body: Any = b"",
    headers: Mapping[str, str] | None = None,
    *,
    declared_bytes: int | None = None,
) -> Behaviour:
    """
    Answer with *status* and *body*: bytes as they are, anything else as JSON.

    With *declared_bytes* more are announced than come: the connection breaks off.
    """
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    length = len(content) if declared_bytes is None else declared_bytes
    fields = {"content-type": kind, "content-length": str(length), "connection": "close"}
    head = f"HTTP/1.1 {status} Fake\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in {**fields, **(headers or {})}.items()
    )

    def behave(connection: socket.socket, _: Event) -> None:
        connection.sendall(f"{head}\r\n".encode() + content)
        if length != len(content):
            connection.shutdown(socket.SHUT_RDWR)

    return behave


def vanishing(connection: socket.socket, _: Event) -> None:
    """Close the connection without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def hanging(_: socket.socket, closing: Event) -> None:
    """Never answer."""
    closing.wait(5)


def dribbling(start: bytes, every_seconds: float = 0.02) -> Behaviour:
    """Send *start* and then, for seconds, one letter at a time."""

    def behave(connection: socket.socket, closing: Event) -> None:
        connection.sendall(start)
        for _ in range(250):
            connection.sendall(b"x")
            if closing.wait(every_seconds):
                return

    return behave


def _read(connection: socket.socket) -> Received:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode().strip()
        headers = {}
        while field := stream.readline().decode().strip():
            name, _, value = field.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
    return Received(line, headers, body)
