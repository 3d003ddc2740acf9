"""The API in a WSGI server."""

import http.client
import io
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import MAX_BODY_BYTES, Request, Response
from reflekt_core.rest.wsgi import application
from reflekt_core.stores import open_store

from .http_contract import API, NOW, HTTPContract, Listening, Send, assert_problem, token


def environment(request: Request) -> dict[str, Any]:
    """Return the environment in which a server hands *request* over."""
    assert isinstance(request.query, str)
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": request.base,
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body or b""),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if request.body:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def run(app: Any, environ: dict[str, Any]) -> Response:
    """Return what *app* answers."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
        started.append((int(status.split(" ", 1)[0]), dict(headers)))
        return lambda _: None

    answer = app(environ, start_response)
    try:
        body = b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()
    ((status, headers),) = started
    return Response(status, headers, body)


class TestWSGI(HTTPContract):
    """The contract on SQLite, through an application that a validator of PEP 3333 watches."""

    @pytest.fixture
    def reflekt(self, tmp_path: Path) -> Iterator[Reflekt]:
        """A journal with nothing in it, on disk."""
        store = open_store(f"sqlite:///{tmp_path}/journal.db")
        with Reflekt.on(store, clock=lambda: NOW + timedelta(seconds=1)) as opened:
            yield opened

    @pytest.fixture
    def send(self, dispatch: Dispatch) -> Send:
        """A request is an environment."""
        app = validator(application(dispatch))
        return lambda request: run(app, environment(request))


def echo(request: Request) -> Response:
    """Return what of a request arrived."""
    body = None if request.body is None else len(request.body)
    seen = {"path": request.path, "query": request.query, "body": body, "base": request.base}
    return Response(200, {"Content-Type": "application/json"}, json.dumps(seen).encode())


def seen(**changes: Any) -> dict[str, Any]:
    """Return what arrives of a request whose environment is changed."""
    environ = environment(Request("POST", "/x")) | changes
    found: dict[str, Any] = json.loads(run(application(echo), environ).body)
    return found


def test_the_prefix_is_no_part_of_the_path() -> None:
    """An application may be mounted anywhere; addresses can be written with the prefix."""
    found = seen(SCRIPT_NAME="/my api/", PATH_INFO="/entries")
    assert (found["base"], found["path"]) == ("/my%20api", "/entries")


def test_a_body_is_read_as_far_as_it_says() -> None:
    """Content-Length rules; a body that is too long is not touched."""
    untouched = io.BytesIO(b"x" * (MAX_BODY_BYTES + 1))
    length = str(MAX_BODY_BYTES + 1)
    assert seen(**{"wsgi.input": untouched, "CONTENT_LENGTH": length})["body"] is None
    assert untouched.tell() == 0
    for length, expected in (("3", 3), ("0", 0), ("", 0), ("x", 0), ("-1", 0), ("9" * 5000, None)):
        found = seen(**{"wsgi.input": io.BytesIO(b"12345"), "CONTENT_LENGTH": length})
        assert found["body"] == expected


def test_a_body_without_length_is_read_up_to_the_limit() -> None:
    """Where the server says that the input ends by itself, it is read, but not without end."""
    for size, expected in ((9, 9), (MAX_BODY_BYTES, MAX_BODY_BYTES), (MAX_BODY_BYTES * 4, None)):
        source = io.BytesIO(b"x" * size)
        changes = {"wsgi.input": source, "CONTENT_LENGTH": "", "wsgi.input_terminated": True}
        assert seen(**changes)["body"] == expected
        assert source.tell() <= MAX_BODY_BYTES + 1


def test_a_client_that_goes_away_breaks_nothing() -> None:
    """A body whose reading fails counts as none."""

    class Gone(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise ConnectionResetError

    assert seen(**{"wsgi.input": Gone(), "CONTENT_LENGTH": "5"})["body"] == 0


@given(path=st.binary(max_size=20), query=st.binary(max_size=20))
def test_any_bytes_can_be_asked_for(path: bytes, query: bytes) -> None:
    """Whatever bytes stand in the path or the query, the application gets text."""
    changes = {
        "PATH_INFO": "/" + path.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
    }
    assert run(application(echo), environment(Request("GET", "/")) | changes).status == 200


class TestPathsThatAreNoText(API):
    """What is no UTF-8 in the address."""

    @pytest.mark.parametrize(
        "changes",
        [{"PATH_INFO": "/tags/\xff"}, {"PATH_INFO": "/api-docs/\xff"}, {"QUERY_STRING": "q=\xff"}],
    )
    def test_it_is_malformed(self, dispatch: Dispatch, changes: dict[str, str]) -> None:
        """A path or query that is no UTF-8 is refused, not guessed at."""
        environ = environment(Request("GET", "/entries/search")) | changes
        assert_problem(run(application(dispatch), environ), 400, "malformed_input")


class TestServer(Listening):
    """The API in waitress, over real sockets."""

    @pytest.fixture
    def ask(self, port: int) -> Callable[..., Response]:
        """Ask on a connection of one's own."""

        def asked(method: str, path: str, body: Any = None, **headers: str) -> Response:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            sent = {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"}
            try:
                connection.request(method, path, body, {**sent, **headers})
                answer = connection.getresponse()
                return Response(answer.status, dict(answer.headers), answer.read())
            finally:
                connection.close()

        return asked

    def test_an_entry_makes_the_round_trip(self, ask: Callable[..., Response]) -> None:
        """What is written is read back, and HEAD sends no body."""
        created = ask("POST", "/entries", b'{"content": "We swam.", "tags": ["a/b"]}')
        assert created.status == 201
        path = created.headers["Location"]
        assert ask("GET", path).body == created.body
        head = ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(created.body))
        assert ask("DELETE", path).status == 204

    @pytest.mark.parametrize("tag", ["a%2Fb", "a/b", "%D0%B4"])
    def test_a_tag_is_decoded_once(self, ask: Callable[..., Response], tag: str) -> None:
        """A tag in the path may be escaped or not."""
        assert ask("PUT", f"/tags/{tag}", b'{"name": "x"}').status in (202, 404)

    def test_a_big_body_is_refused(self, ask: Callable[..., Response]) -> None:
        """More than 256 KiB is too large, with a length or in chunks."""
        big = b'{"content": "' + b"x" * MAX_BODY_BYTES + b'"}'
        assert_problem(ask("POST", "/entries", big), 413, "too_large")
        chunks = iter([big[: len(big) // 2], big[len(big) // 2 :]])
        assert_problem(ask("POST", "/entries", chunks), 413, "too_large")

    def test_a_body_may_come_in_chunks(self, ask: Callable[..., Response]) -> None:
        """Chunks are put together."""
        assert ask("POST", "/entries", iter([b'{"conte', b'nt": "x"}'])).status == 201

    def test_broken_json_is_malformed(self, ask: Callable[..., Response]) -> None:
        """The server goes on after a broken body."""
        assert_problem(ask("POST", "/entries", b'{"content": '), 400, "malformed_input")
        assert ask("GET", "/entries").status == 200

    def test_writers_at_once_do_not_mix(self, ask: Callable[..., Response]) -> None:
        """Everybody gets the answer to their own request."""

        def write(n: int) -> tuple[int, str]:
            response = ask("POST", "/entries", json.dumps({"content": f"entry {n}"}).encode())
            return n, json.loads(response.body)["content"]

        with ThreadPoolExecutor(8) as pool:
            for n, content in pool.map(write, range(60)):
                assert content == f"entry {n}"

    def test_a_slow_client_holds_nobody_up(self, port: int, ask: Callable[..., Response]) -> None:
        """Half a header from some does not keep others waiting."""
        slow = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(8)]
        try:
            for connection in slow:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Sl")
            assert ask("GET", "/health").status == 200
            slow[0].sendall(b"ow: 1\r\n\r\n")
            assert slow[0].recv(100).startswith(b"HTTP/1.1 200")
        finally:
            for connection in slow:
                connection.close()
