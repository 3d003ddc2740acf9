"""The smoke and the load test, against a real `reflekt serve` on loopback, and against broken services."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree.ElementTree import fromstring

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_chalice.deployment import histogram
from reflekt_chalice.deployment.connection import Connection, wait_until_healthy
from reflekt_chalice.deployment.failures import DeploymentError, Unreachable
from reflekt_chalice.deployment.load import MIX, Load, Result, Sample, figures, load
from reflekt_chalice.deployment.smoke import SECTIONS, Exchange, Outcome, Plan, section_of, smoke
from reflekt_chalice.deployment.smoke.contract import Contract
from reflekt_chalice.deployment.smoke.masking import masked_body, masked_headers, masked_query
from reflekt_chalice.deployment.smoke.sections import operations_in
from reflekt_core.model.accounts import PERMISSIONS, Role
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.openapi import document

REFLEKT = [sys.executable, "-m", "reflekt_core"]
CANARY = "kanarienvogel"
SETTINGS = re.compile("REFLEKT_|JWT_|AI_PROVIDER|LOG_LEVEL|DEBUG|STAGE")


@attrs.frozen
class Service:
    """A service that runs in a folder, and its address."""

    url: str
    folder: Path

    def token(self, user: str, role: str = "admin") -> str:
        """Return a token of *user*."""
        words = ["token", "--data", str(self.folder), "--user", user, "--role", role]
        done = subprocess.run(
            [*REFLEKT, *words], check=True, capture_output=True, text=True, env=environment()
        )
        return done.stdout.strip()

    def plan(self, folder: Path, user: str = "somebody", **changes: Any) -> Plan:
        """Return a plan to smoke it as *user*."""
        role = changes.pop("role", Role.ADMIN)
        wanted = {"throwaway": True, "patience_seconds": 30, **changes}
        token = self.token(user, role)
        wanted.setdefault("permissions", PERMISSIONS[role])
        return Plan(url=self.url, token=token, user=user, folder=folder, **wanted)


def environment() -> dict[str, str]:
    """Return this process's environment with nothing of ours."""
    return {name: value for name, value in os.environ.items() if not SETTINGS.match(name)}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run `reflekt serve` as a process of its own."""
    folder = tmp_path_factory.mktemp("serve")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*REFLEKT, "serve", "--port", "0", "--data", str(folder)],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment(),
        )
    try:
        assert process.stdout
        yield Service(process.stdout.readline().split()[-1], folder)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_every_operation_belongs_to_a_part() -> None:
    """No operation is left out: each stands in one section, and each section has some."""
    found = [operation for name in SECTIONS for operation in operations_in(name)]
    assert sorted(found) == sorted(
        [*(operation.id for operation in OPERATIONS), "docs.openapi", "docs.page"]
    )
    assert {section_of(operation) for operation in OPERATIONS} == set(SECTIONS)


def test_every_operation_is_asked_for_and_is_as_it_should_be(
    service: Service, tmp_path: Path
) -> None:
    """Against a service that works everything is green, and no operation is missing."""
    told: list[Exchange] = []
    found = smoke(service.plan(tmp_path, "a-smoke"), tell=told.append)
    assert [one for one in found if not one.ok] == []
    asked = {one.operation for one in told}
    assert asked == {operation.id for operation in OPERATIONS} | {"docs.openapi", "docs.page"}
    for operation in asked:
        for kind in ("request", "response"):
            assert json.loads((tmp_path / f"{operation}-{kind}.json").read_text())


def test_what_was_asked_is_written_down_without_text_or_token(
    service: Service, tmp_path: Path
) -> None:
    """Neither what others wrote, nor a token, nor what is searched for is in any file."""
    plan = service.plan(tmp_path, "b-smoke", throwaway=False)
    with Connection(plan.url) as connection:
        sent = {"Authorization": f"Bearer {plan.token}", "Content-Type": "application/json"}
        body = {"content": f"{CANARY} speaks", "title": CANARY, "tags": [CANARY]}
        for path, more in (("/entries", body), ("/categories", {"name": CANARY})):
            data = json.dumps(more).encode()
            assert connection.send("POST", path, headers=sent, body=data).status == 201
        found = smoke(plan)
        assert all(one.ok for one in found)
        left = json.loads(connection.send("GET", "/entries?limit=100", headers=sent).body)
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert CANARY not in written
    assert plan.token not in written
    assert "harbour" not in written
    assert '"mood": 4' in written
    # Of somebody's account only what the test itself wrote is deleted.
    assert [entry["title"] for entry in left["items"]] == [CANARY]


def test_a_part_alone_is_asked_for(service: Service, tmp_path: Path) -> None:
    """With a section chosen, that one and the service's own are tried."""
    found = smoke(service.plan(tmp_path, "c-smoke", sections=("prompts",)))
    assert {one.operation for one in found} == operations_in("prompts") | operations_in("service")
    assert all(one.ok for one in found)


def test_a_token_that_may_not_write_fails_with_the_operation(
    service: Service, tmp_path: Path
) -> None:
    """What is refused is told by operation and code; what could not be reached is told, too."""
    plan = service.plan(tmp_path, "d-smoke", role=Role.READER, throwaway=False)
    found = {one.operation: one for one in smoke(plan)}
    assert found["categories.create"].problem == "answered 403 (forbidden), not 201"
    assert "was not reached" in found["entries.search"].problem
    assert found["health.check"].ok


def test_who_is_no_administrator_is_refused_and_that_is_right(
    service: Service, tmp_path: Path
) -> None:
    """For a plain user the administrator's operation must be forbidden."""
    plan = service.plan(tmp_path, "e-smoke", role=Role.USER)
    found = {one.operation: one for one in smoke(plan)}
    assert found["admin.usage"].ok
    assert found["admin.usage"].statuses == (403,)


@attrs.define
class Broken:
    """A service that answers what it is told to: by path, a status, a type and a body."""

    url: str = ""
    answers: dict[str, tuple[int, str, bytes]] = attrs.field(factory=dict)


@contextmanager
def broken(**answers: tuple[int, str, bytes]) -> Iterator[Broken]:
    """Run a service that is not what it should be."""
    found = Broken()

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def answer(self) -> None:
            status, kind, body = found.answers.get(self.path, (500, "text/plain", b"no"))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - as they are called

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def plan_for(url: str, folder: Path) -> Plan:
    """Return a plan for a service that needs no real token."""
    return Plan(
        url=url,
        token="t",
        user="u",
        permissions=PERMISSIONS[Role.USER],
        throwaway=False,
        folder=folder,
        patience_seconds=0.01,
    )


def test_a_service_that_breaks_its_own_document_is_found_out(tmp_path: Path) -> None:
    """An answer of another shape fails, told by place and rule and never by its value."""
    health = {"status": "ok", "version": 7, "extra": CANARY}
    with broken() as service:
        service.answers = {
            "/openapi.json": (200, "application/json", json.dumps(document()).encode()),
            "/health": (200, "application/json", json.dumps(health).encode()),
        }
        found = {one.operation: one for one in smoke(plan_for(service.url, tmp_path))}
    assert "version breaks the schema (type)" in found["health.check"].problem
    assert "(additionalProperties)" in found["health.check"].problem
    assert found["entries.create"].problem
    assert all(CANARY not in one.problem for one in found.values())
    assert not any(one.ok for one in found.values() if one.section != "service")


def test_an_operation_that_nobody_asks_for_fails(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part that forgets an operation is no green part."""
    monkeypatch.setitem(SECTIONS, "prompts", lambda _: None)  # type: ignore[arg-type]
    found = smoke(service.plan(tmp_path, "f-smoke", sections=("prompts",)))
    assert [one.problem for one in found if one.section == "prompts"] == [
        "is not part of the smoke test"
    ] * len(operations_in("prompts"))


def test_what_is_no_reflekt_is_told_in_a_line(tmp_path: Path) -> None:
    """Another web server, or nobody, is one clear line."""
    with broken() as other:
        other.answers = {"/openapi.json": (200, "text/html", b"<html>hello</html>")}
        with pytest.raises(DeploymentError, match="what answers there is not Reflekt"):
            smoke(plan_for(other.url, tmp_path))
    with pytest.raises(Unreachable, match="does not answer"):
        smoke(plan_for(other.url, tmp_path))
    with pytest.raises(DeploymentError, match="must begin with https://"):
        smoke(plan_for("api.example.org", tmp_path))


def test_health_is_waited_for() -> None:
    """It asks until the service is up, and says what was answered if it never is."""
    with broken() as service:
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                service.answers["/health"] = (200, "application/json", b"{}")

        wait_until_healthy(service.url, patience_seconds=60, pause=pause)
        assert len(pauses) == 2
        service.answers.clear()
        with pytest.raises(DeploymentError, match="/health answers 500"):
            wait_until_healthy(service.url, patience_seconds=0, pause=pauses.append)
    with pytest.raises(DeploymentError, match="does not answer"):
        wait_until_healthy(service.url, patience_seconds=0, pause=pauses.append)


@attrs.define
class Message:
    """A request on its way to a service that works."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def without(self, *names: str) -> None:
        """Leave out parameters and headers of these names."""
        self.query = [pair for pair in self.query if pair[0] not in names]
        self.headers = {name: one for name, one in self.headers.items() if name not in names}


@contextmanager
def tampered(target: str, change: Callable[[Message], bytes | None]) -> Iterator[str]:
    """Stand before *target*: what `change` does to a request, or answers itself, is the fault."""
    place = urlsplit(target)

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            headers.pop("content-length", None)  # the body may become another
            sent = Message(self.command, parts.path, parse_qsl(parts.query), headers, body)
            own = change(sent)
            connection = HTTPConnection(place.netloc, timeout=30)
            query = f"?{urlencode(sent.query)}" if sent.query else ""
            connection.request(sent.method, sent.path + query, sent.body or None, sent.headers)
            got = connection.getresponse()
            content = got.read() if own is None else own
            connection.close()
            self.send_response(got.status)
            for name, value in got.getheaders():
                if name.lower() not in ("content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            if got.status not in (204, 304):
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer  # noqa: N815 - as they are called

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def ignoring(*names: str) -> Callable[[Message], bytes | None]:
    """Return a fault: parameters and headers of these names are not heeded."""

    def change(sent: Message) -> None:
        if not sent.path.startswith("/account"):
            sent.without(*names)

    return change


def searching_for_less(sent: Message) -> None:
    """Heed only the first word of a query."""
    sent.query = [(n, v.split()[-1] if n == "q" else v) for n, v in sent.query]


def writing_nothing(verb: str, path: str) -> Callable[[Message], bytes | None]:
    """Return a fault: requests of this kind read instead."""

    def change(sent: Message) -> bytes | None:
        if sent.method == verb and sent.path.startswith(path):
            sent.body = b"{}"
        return None

    return change


def lists_are_empty(path: str) -> Callable[[Message], bytes | None]:
    """Return a fault: a list is always empty."""

    def change(sent: Message) -> bytes | None:
        empty = b'{"items": [], "next_cursor": null}'
        return empty if (sent.method, sent.path) == ("GET", path) else None

    return change


FAULTS: dict[str, tuple[Callable[[Message], bytes | None], str, str]] = {
    **{
        f"the filter {name}": (ignoring(name), "entries", "entries.list")
        for name in (
            "from",
            "to",
            "category_id",
            "mood_min",
            "mood_max",
            "starred",
            "trashed",
            "order",
        )
    },
    "the key of a repeated request": (ignoring("idempotency-key"), "entries", "entries.create"),
    "If-Match": (ignoring("if-match"), "entries", "entries.update"),
    "If-None-Match": (ignoring("if-none-match"), "entries", "entries.get"),
    "deleting for good": (ignoring("permanent"), "entries", "entries.delete"),
    "words of a query": (searching_for_less, "entries", "entries.search"),
    "changes": (writing_nothing("PATCH", "/entries"), "entries", "entries.update"),
    "tags": (lists_are_empty("/tags"), "entries", "tags.list"),
    "earlier years": (lists_are_empty("/entries/on-this-day"), "entries", "entries.on_this_day"),
    "settings": (writing_nothing("PATCH", "/settings"), "settings", "settings.update"),
    "categories": (lists_are_empty("/categories"), "settings", "categories.list"),
    "suggestions": (
        lambda m: b'{"items": [], "provenance": {}}' if m.path == "/suggestions" else None,
        "ai",
        "suggestions.create",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_service_that_does_not_do_what_it_says_is_found_out(
    service: Service, tmp_path: Path, fault: str
) -> None:
    """Whatever a service ignores, the operation that should have heeded it fails."""
    change, part, operation = FAULTS[fault]
    plan = service.plan(
        tmp_path, f"fault {fault}", sections=(part,), throwaway=False, patience_seconds=2
    )
    with tampered(service.url, change) as url:
        found = {one.operation: one for one in smoke(attrs.evolve(plan, url=url))}
    assert found[operation].problem, [one for one in found.values() if not one.ok]
    assert "was not reached" not in found[operation].problem


CONTRACT = Contract(document())


def test_a_contract_tells_what_is_wrong() -> None:
    """Status, type, JSON, headers of a body and requests are held against the document."""
    json_type = {"content-type": "application/json"}
    cases: list[tuple[int, dict[str, str], bytes, str]] = [
        (418, json_type, b"{}", "status 418"),
        (200, {"content-type": "text/html"}, b"{}", "of the type text/html"),
        (200, json_type, b"{", "not JSON"),
        (200, json_type, b"{}", "(required)"),
    ]
    for status, headers, body, said in cases:
        (problem, *_) = CONTRACT.problems("health.check", status, headers, body)
        assert said in problem
    assert CONTRACT.problems("entries.delete", 204, {}, b"x") == [
        "the answer has a body, and should have none"
    ]
    assert CONTRACT.request_problems("entries.create", {"content": 7})
    assert CONTRACT.request_problems("health.check", {})
    assert CONTRACT.request_problems("entries.create", {"content": "x"}) == []


TEXTS = st.text(min_size=1).filter(lambda text: not text.isdigit())


@given(
    st.recursive(
        st.just(CANARY) | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["x", "content", "extra"]), inner)
        ),
    )
)
def test_no_text_survives_masking(value: object) -> None:
    """Wherever a text stands in a body, it is not in what is written down."""
    body = json.dumps(value).encode()
    for kind in ("application/json", "application/x-ndjson", "text/html"):
        assert CANARY not in json.dumps(masked_body(body, kind))


@given(TEXTS)
def test_a_text_under_a_harmless_name_is_masked(text: str) -> None:
    """Even where an id or a word of ours belongs, what looks like neither is not shown."""
    odd = f"{text} {CANARY}"
    assert CANARY not in json.dumps(
        masked_body(json.dumps({"id": odd}).encode(), "application/json")
    )
    assert CANARY not in json.dumps(masked_query([("q", odd), ("tag", odd), ("cursor", odd)]))
    assert CANARY not in json.dumps(masked_headers({"Authorization": odd, "Set-Cookie": odd}))


def test_what_helps_to_find_a_fault_is_written_down() -> None:
    """Ids, times, numbers and our own words stay."""
    body = {
        "id": "01a2059a-adb9-745c-9a53-36f6737bc4ea",
        "mood": 4,
        "created_at": "2026-11-22T23:32:32Z",
    }
    assert masked_body(json.dumps(body).encode(), "application/json") == body
    assert masked_headers({"content-type": "application/json"}) == {
        "content-type": "application/json"
    }
    assert masked_query([("from", "2026-11-22")]) == [["from", "2026-11-22"]]


def test_a_load_is_sent_and_put_away(service: Service, tmp_path: Path) -> None:
    """All requests are sent, reads and writes mixed, and nothing of them stays."""
    token = service.token("a-load")
    plan = Load(
        url=service.url, token=token, user="a-load", throwaway=True, requests=40, concurrency=4
    )
    told: list[Sample] = []
    result = load(plan, tell=told.append)
    assert len(result.samples) == len(told) == 40
    assert {sample.kind for sample in result.samples} == set(MIX)
    assert result.failed_share == 0
    assert set(result.statuses) == {200, 201}
    with Connection(service.url) as connection:
        sent = {"Authorization": f"Bearer {token}"}
        assert connection.send("GET", "/entries", headers=sent).status == 401


def test_a_load_as_somebody_deletes_only_what_it_wrote(service: Service) -> None:
    """An account that is somebody's is not erased."""
    token = service.token("b-load")
    plan = Load(
        url=service.url, token=token, user="b-load", throwaway=False, requests=10, concurrency=2
    )
    load(plan)
    with Connection(service.url) as connection:
        sent = {"Authorization": f"Bearer {token}"}
        reply = connection.send("GET", "/entries", headers=sent)
        assert json.loads(reply.body)["items"] == []
        trash = connection.send("GET", "/entries", query=[("trashed", "true")], headers=sent)
        assert json.loads(trash.body)["items"] == []


def test_a_load_without_a_good_token_is_one_line(service: Service) -> None:
    """It says so before it sends anything more."""
    plan = Load(url=service.url, token="x", user="u", throwaway=True, requests=9, concurrency=1)
    with pytest.raises(DeploymentError, match=r"cannot be written \(401\)"):
        load(plan)


def results(**more: Any) -> st.SearchStrategy[Result]:
    """Return results of load tests."""
    sample = st.builds(
        Sample,
        st.sampled_from(["get", "create"]),
        st.sampled_from([200, 201, 429, 503, 0]),
        st.floats(1e-6, 1e3),
    )
    return st.builds(
        Result, st.lists(sample, **more).map(tuple), st.floats(0.001, 1e4), st.integers(1, 500)
    )


@given(results(), st.integers(1, 100))
def test_a_percentile_is_a_time_that_was_measured(result: Result, percent: int) -> None:
    """At least that share of the good answers took no longer, and one took just as long."""
    found = result.percentile(percent)
    if not result.good:
        assert found is None
    else:
        assert found in result.good
        assert sum(time <= found for time in result.good) >= len(result.good) * percent / 100
        shorter = sum(time < found for time in result.good)
        assert shorter < len(result.good) * percent / 100


@given(results())
def test_every_request_is_counted_once(result: Result) -> None:
    """Statuses add up to all requests, and bins to the good answers, each in its place."""
    assert sum(result.statuses.values()) == len(result.samples)
    found = histogram.bins(result.good)
    assert sum(one.count for one in found) == len(result.good)
    assert len(found) <= 40
    for one in found:
        inside = sum(one.low * (1 - 1e-9) <= time < one.high * (1 + 1e-9) for time in result.good)
        assert inside >= one.count
    assert len(histogram.text(result)) == len(found)
    assert figures(result)["requests"] == len(result.samples)


@given(results())
def test_the_picture_is_an_svg_with_a_bar_for_each_bin(result: Result) -> None:
    """It is well-formed, says how many failed, and draws within its frame."""
    svg = fromstring(histogram.picture(result, "A <title> & more"))  # noqa: S314 - ours
    name = "{http://www.w3.org/2000/svg}"
    bars = [one for one in svg.iter(f"{name}rect") if one.get("rx")]
    assert len(bars) == sum(one.count > 0 for one in histogram.bins(result.good))
    failed = len(result.samples) - len(result.good)
    assert any(f"{failed} failed" in (text.text or "") for text in svg.iter(f"{name}text"))
    for bar in bars:
        left, width = float(bar.get("x", "")), float(bar.get("width", ""))
        assert left >= 0
        assert left + width <= 900
        assert 0 <= float(bar.get("y", "")) <= 480


def test_an_outcome_is_good_without_a_problem() -> None:
    """What has a problem is not good."""
    assert Outcome("x", "y", (200,), 0.1, "").ok
    assert not Outcome("x", "y", (200,), 0.1, "broken").ok
