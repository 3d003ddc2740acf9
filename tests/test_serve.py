"""`reflekt serve`, as a process of its own: what it prints, what it keeps, and how it ends."""

import http.client
import json
import os
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

import attrs
import pytest

from reflekt_core import Reflekt
from reflekt_core.cli.folder import configured

REFLEKT = [sys.executable, "-m", "reflekt_core"]
CANARY = "kanarienvogel"
SETTINGS = re.compile("REFLEKT_|JWT_|AI_PROVIDER|LOG_LEVEL|DEBUG|STAGE")


@attrs.frozen
class Answer:
    """What a server answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@attrs.frozen
class Server:
    """A server that runs, the lines it printed, and where its log is."""

    process: subprocess.Popen[str]
    lines: list[str]
    log: Path

    @property
    def place(self) -> str:
        """Host and port."""
        return urlsplit(self.lines[-3].split()[-1]).netloc

    @property
    def token(self) -> str:
        """The token it printed."""
        (token,) = re.findall('Bearer ([^"]+)', self.lines[-1])
        return token

    def send(self, method: str, path: str, data: Any = None, token: str | None = None) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection(self.place, timeout=30)
        headers = {"Authorization": f"Bearer {token or self.token}"}
        body = None if data is None else json.dumps(data)
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=30)


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with nothing of ours but *settings*."""
    kept = {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}
    return {**kept, "COLUMNS": "80", **settings}


Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers in an empty folder, on any free port."""
    processes: list[subprocess.Popen[str]] = []

    def start(*args: str, before: tuple[str, ...] = (), **settings: str) -> Server:
        log = tmp_path / f"log-{len(processes)}"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*before, *REFLEKT, "serve", "--port", "0", *args],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=tmp_path,
                env=environment(**settings),
            )
        processes.append(process)
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("curl"):
                return Server(process, lines, log)
        raise AssertionError(log.read_text())

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_it_says_where_it_is_and_a_pasted_curl_works(start: Start, tmp_path: Path) -> None:
    """Three lines are printed, none wrapped: the address, the documentation, and a good curl."""
    if not shutil.which("curl") or not shutil.which("bash"):
        pytest.skip("there is no curl or no bash")
    server = start("--demo")
    at, docs, curl = server.lines
    assert at.endswith(f"http://{server.place}")
    assert docs.endswith(f"http://{server.place}/api-docs")
    pasted = subprocess.run(
        ["bash", "-c", f"{curl} --silent --show-error --fail"],  # noqa: S607 - as a user does it
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert len(json.loads(pasted.stdout)["items"]) == 3
    assert server.send("GET", "/api-docs").status == 200


def test_it_warns_before_others_may_connect(start: Start) -> None:
    """On every interface it says so, and prints an address that works on this machine."""
    server = start("--host", "0.0.0.0")  # noqa: S104 - what the test is about
    assert "Other machines may connect" in server.lines[0]
    assert server.place.startswith("127.0.0.1:")
    assert server.send("GET", "/health").status == 200
    assert "Other machines" not in start().lines[0]


def test_a_demo_journal_is_believable_and_filled_in_once(start: Start, tmp_path: Path) -> None:
    """The sample is varied, understood, and in the past; changes made to it stay."""
    server = start("--demo")
    items = server.send("GET", "/entries?limit=100").json["items"]
    assert len(items) >= 50
    assert len({entry["content"] for entry in items}) == len(items)
    assert len({entry["mood"] for entry in items}) == 5
    assert len({entry["category_id"] for entry in items}) >= 5
    trends = server.send("GET", "/analytics/trends").json
    assert trends["totals"]["entries"] >= 10
    assert trends["streaks"]["current"]["days"] == 3
    assert trends["sentiment"]["entries"] == trends["totals"]["entries"]
    first, second, third, *_ = (f"/entries/{entry['id']}" for entry in items)
    assert server.send("PATCH", first, {"title": "Mine"}).status == 200
    assert server.send("DELETE", second).status == 204
    assert server.send("DELETE", f"{third}?permanent=true").status == 204
    categories = server.send("GET", "/categories").json["items"]
    assert server.end() == 0
    again = start("--demo")
    left = again.send("GET", "/entries?limit=100").json["items"]
    assert {entry["id"] for entry in left} == {entry["id"] for entry in items[3:] + items[:1]}
    assert again.send("GET", first).json["title"] == "Mine"
    assert again.send("GET", "/categories").json["items"] == categories


def test_the_commands_see_what_is_served(start: Start, tmp_path: Path) -> None:
    """In the folder where `serve` was started, `write` and `list` are about the same journal."""
    server = start()
    command = subprocess.run(
        [*REFLEKT, "write", "From the terminal.", "--json"],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert server.send("GET", "/entries").json["items"] == [json.loads(command.stdout)]
    token = subprocess.run(
        [*REFLEKT, "token", "--role", "reader"],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
    ).stdout.strip()
    assert server.send("GET", "/entries", token=token).status == 200
    assert server.send("POST", "/entries", {"content": "No."}, token).status == 403


def test_a_secret_is_made_for_its_owner_alone(start: Start, tmp_path: Path) -> None:
    """The first start makes a folder and a secret that nobody else may read."""
    start("--data", "mine")
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "mine/jwt-secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "mine/journal.db").stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "mine/jwt-secret").read_text()) > 60


def test_a_secret_in_the_environment_is_used(start: Start, tmp_path: Path) -> None:
    """With JWT_SECRET none is made; with REFLEKT_STORE the journal is elsewhere."""
    secret = "Jm4vY9wQe2Zt7uKx0aRb5cPd8fGh3iLn6oSq1TyUz_W"
    server = start(JWT_SECRET=secret, REFLEKT_STORE="sqlite:///elsewhere.db")
    assert server.send("GET", "/entries").status == 200
    assert (tmp_path / "elsewhere.db").exists()
    assert not (tmp_path / "reflekt-data").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(start: Start, tmp_path: Path, how: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end it with 0; the journal is closed, and nothing is left to do."""
    server = start()
    assert server.send("POST", "/entries", {"content": "Last words."}).status == 201
    assert server.end(how) == 0
    assert "Traceback" not in server.log.read_text()
    names = {path.name for path in (tmp_path / "reflekt-data").iterdir()}
    assert names == {"journal.db", "jwt-secret"}


def test_a_port_in_use_is_one_line(start: Start, tmp_path: Path) -> None:
    """A second server on a port says so and fails, before it touches anything."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [*REFLEKT, "serve", "--port", port, "--data", "mine"],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(),
        )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert port in line
    assert "--port" in line
    assert not (tmp_path / "mine/journal.db").exists()


def test_a_port_is_taken_from_the_first_moment() -> None:
    """Of two that start on one port, the second is refused before it opens the journal."""
    serve = pytest.importorskip("reflekt_core.cli.serve")
    with serve._listening("127.0.0.1", 0) as first:
        port = serve._port(first)
        with pytest.raises(Exception, match=f"port {port}"):
            serve._listening("127.0.0.1", port)


def test_what_cannot_be_served_is_one_line(tmp_path: Path) -> None:
    """A folder that is a file, a journal that is none, a weak secret: each stops the start."""
    (tmp_path / "file").write_text("Dear diary")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/journal.db").write_text("Dear diary, " * 999)
    for args, settings, said in (
        (["--data", "file"], {}, "file"),
        (["--data", "odd"], {}, "not a Reflekt journal"),
        (["--host", "not.a.host.invalid"], {}, "not.a.host.invalid"),
        ([], {"JWT_SECRET": "a" * 64}, "JWT_SECRET"),
    ):
        done = subprocess.run(
            [*REFLEKT, "serve", "--port", "0", *args],
            check=False,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(**settings),
        )
        assert done.returncode in (1, 2)
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert said in line


def test_logs_hold_neither_text_nor_tokens(start: Start, tmp_path: Path) -> None:
    """There is a line of JSON for each request, on stderr and in the file asked for, and no more."""
    server = start("--logs")
    id = server.send("POST", "/entries", {"content": CANARY, "tags": [CANARY]}).json["id"]
    server.send("GET", f"/entries/search?q={CANARY}")
    server.send("GET", f"/tags/{quote(CANARY)}")
    server.send("POST", "/entries", {CANARY: CANARY})
    server.send("GET", f"/entries/{id}")
    server.send("GET", "/entries", token=CANARY)
    raw(server, f"GET /entries?q={CANARY}{'x' * 70_000} HTTP/1.1\r\n\r\n")
    assert server.end() == 0
    (file,) = (tmp_path / "logs/services").iterdir()
    log = server.log.read_text()
    assert file.read_text() == log
    for secret in (CANARY, server.token, server.token.split(".")[2], "Traceback"):
        assert secret not in log
    lines = [json.loads(line) for line in log.splitlines()]
    seen = [(one["operation"], one["status"]) for one in lines if one["message"] == "request"]
    assert seen == [
        ("entries.create", 201),
        ("entries.search", 200),
        (None, 405),
        ("entries.create", 422),
        ("entries.get", 200),
        ("entries.list", 401),
    ]


def test_a_crowd_leaves_only_json_in_the_log(start: Start) -> None:
    """More requests at once than there are threads are all answered, and logged as always."""
    server = start()
    host, _, port = server.place.partition(":")
    request = f"GET /entries HTTP/1.1\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            for _ in range(60)
        ]
        for connection in crowd:
            connection.sendall(request * 3)
        for connection in crowd:
            assert connection.recv(20).startswith(b"HTTP/1.1 200 OK")
    assert server.end() == 0
    for line in server.log.read_text().splitlines():
        assert json.loads(line)["status"] == 200


def test_what_follows_from_a_write_is_done_in_the_background(start: Start, tmp_path: Path) -> None:
    """An entry is counted and understood soon after it was written, without being asked for."""
    server = start()
    id = server.send("POST", "/entries", {"content": "We swam. I am happy."}).json["id"]
    late = monotonic() + 30
    with Reflekt.open(f"sqlite:///{tmp_path}/reflekt-data/journal.db") as reflekt:
        while reflekt.store.insights.get("me", UUID(id)) is None:
            assert monotonic() < late


def test_its_port_is_free_again_at_once(start: Start, tmp_path: Path) -> None:
    """Ended with a client still connected, it starts again on the same port."""
    server = start()
    host, _, port = server.place.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        assert client.recv(20).startswith(b"HTTP/1.1 200 OK")
        assert server.end() == 0
    assert start("--port", port).place == server.place


def raw(server: Server, request: str) -> Answer:
    """Send bytes that no HTTP client would, and return the answer."""
    host, _, port = server.place.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        with suppress(ConnectionError):
            connection.sendall(request.encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(response.status, dict(response.headers), response.read())


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET / HTTP/1.1\r\nBad Header\r\n\r\n", 400),
        (f"GET /{'x' * 70_000} HTTP/1.1\r\n\r\n", 413),
        ("POST /entries HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", 413),
        ("POST /entries HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        ("POST /entries HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_a_problem_too(start: Start, request_: str, status: int) -> None:
    """Bytes that the API never sees are answered in its words."""
    answer = raw(start(), request_)
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert answer.json["status"] == status
    assert "Server" not in answer.headers


def test_two_servers_share_a_journal(start: Start) -> None:
    """What one writes, the other reads; each takes the other's tokens."""
    one, other = start("--data", "shared"), start("--data", "shared")
    for here, there in ((one, other), (other, one)):
        written = here.send("POST", "/entries", {"content": "Shared."}, there.token)
        assert written.status == 201
        assert there.send("GET", f"/entries/{written.json['id']}").json == written.json


def test_servers_that_start_together_make_one_secret(tmp_path: Path) -> None:
    """Of several first starts in one folder, all end up with the same secret, and no half of one."""
    for number in range(20):
        folder = tmp_path / str(number)
        made: queue.Queue[str | None] = queue.Queue()
        together = threading.Barrier(4)

        def begin(folder: Path = folder, together: threading.Barrier = together) -> None:
            together.wait()
            made.put(configured({}, folder, new=True).jwt_secret)  # noqa: B023 - joined below

        with running([threading.Thread(target=begin) for _ in range(4)]):
            pass
        (secret,) = {made.get_nowait() for _ in range(4)}
        assert [path.name for path in folder.iterdir()] == ["jwt-secret"]
        assert secret == (folder / "jwt-secret").read_text().strip()


@contextmanager
def running(threads: list[threading.Thread]) -> Iterator[None]:
    """Run *threads* meanwhile, and wait for their end."""
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()


def test_what_was_acknowledged_survives_a_kill(start: Start, tmp_path: Path) -> None:
    """However often the server is killed while it writes, every 201 was true, and counts once."""
    moments = random.Random(20261122)  # noqa: S311 - only to vary when
    acknowledged: set[str] = set()
    sent: set[str] = set()
    for number in range(5):
        server = start()
        acknowledged |= killed_while_writing(server, number, moments.randint(1, 60), sent)
    server = start()
    found = contents(server)
    assert len(found) == len(set(found))
    assert acknowledged <= set(found) <= sent
    assert server.end() == 0
    with Reflekt.open(f"sqlite:///{tmp_path}/reflekt-data/journal.db") as reflekt:
        assert reflekt.analytics.trends().totals.entries == len(found)
        assert reflekt.store.outbox.backlog() == 0


def killed_while_writing(server: Server, number: int, count: int, sent: set[str]) -> set[str]:
    """Kill *server* after *count* acknowledged writes of several threads; return all of them."""
    heard: queue.Queue[str] = queue.Queue()

    def write(name: str) -> None:
        with suppress(OSError, http.client.HTTPException):  # the server is gone
            for step in range(1000):
                text = f"{number} {name} {step}"
                sent.add(text)
                if server.send("POST", "/entries", {"content": text}).status == 201:
                    heard.put(text)

    with running([threading.Thread(target=write, args=(name,)) for name in "abcd"]):
        first = {heard.get(timeout=30) for _ in range(count)}
        server.process.kill()
    server.process.wait(timeout=30)
    return first | {heard.get_nowait() for _ in range(heard.qsize())}


def contents(server: Server) -> list[str]:
    """Return the content of every entry."""
    found, cursor = [], ""
    while cursor is not None:
        page = server.send("GET", f"/entries?limit=100{cursor and f'&cursor={cursor}'}").json
        found += [entry["content"] for entry in page["items"]]
        cursor = page["next_cursor"]
    return found


def test_a_write_is_on_the_disk_before_it_is_acknowledged(start: Start, tmp_path: Path) -> None:
    """Between the request and its 201, the journal's log was flushed to the disk."""
    strace = shutil.which("strace")
    if not strace or subprocess.run([strace, "-o", "/dev/null", "true"], check=False).returncode:
        pytest.skip("there is no strace, or it may not be used here")
    trace = tmp_path / "trace"
    calls = "trace=recvfrom,sendto,fsync,fdatasync"
    server = start(before=(strace, "-D", "-f", "-y", "-s", "40", "-e", calls, "-o", str(trace)))
    assert server.send("POST", "/entries", {"content": "Durable."}).status == 201
    assert server.end() == 0
    lines = trace.read_text().splitlines()
    asked = position(lines, r'recvfrom\(.*"POST /entries')
    answered = position(lines, r'sendto\(.*"HTTP/1.1 201')
    between = lines[asked:answered]
    flush = position(between, r"f(data)?sync\(\d+<[^>]*journal\.db-wal>")
    thread = between[flush].split()[0]
    ended = rf"^{thread} .*sync.*\)\s+= 0$"
    assert any(re.search(ended, line) for line in between[flush:])


def position(lines: list[str], pattern: str) -> int:
    """Return where the first line is that *pattern* is found in."""
    return next(n for n, line in enumerate(lines) if re.search(pattern, line))
