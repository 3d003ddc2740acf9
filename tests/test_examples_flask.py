"""`examples/flask_app.py`, served by waitress."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from reflekt_core import Reflekt

from .example_programs import EXAMPLES, Answer, Program, ran, running

APP = ("-W", "ignore::ResourceWarning", EXAMPLES / "flask_app.py")  # waitress leaves some open
CANARY = "kanarienvogel"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app, in an empty folder."""
    with running(*APP, "--port", 0, cwd=tmp_path_factory.mktemp("diary")) as program:
        yield program


def log_in(app: Program, user: str = "ada", password: str | None = None) -> Answer:
    """Send the form, by default with the password that was printed."""
    (line,) = [line for line in app.lines if line.startswith("the password of ada: ")]
    form = urlencode({"user": user, "password": password or line.split()[-1]})
    return app.send("POST", "/login", form.encode(), FORM)


def session_at(app: Program) -> dict[str, str]:
    """Return the header of who has logged in."""
    return {"Cookie": log_in(app).headers["Set-Cookie"].partition(";")[0]}


@pytest.fixture
def session(app: Program) -> dict[str, str]:
    """The header of who has logged in."""
    return session_at(app)


def test_both_ways_lead_to_the_same_journal(app: Program, session: dict[str, str]) -> None:
    """Who is logged in writes by session, and by the token that the app gives for the API."""
    sent = {"content": "Swam. It was lovely!", "mood": 5, "tags": ["sea"]}
    written = app.send("POST", "/diary", sent, session)
    assert written.status == 201
    token = app.send("POST", "/token", b"", session).json["token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert app.send("GET", f"/api/entries/{written.json['id']}", None, bearer).json == written.json
    more = app.send("POST", "/api/entries", {"content": "Rain."}, bearer)
    assert app.send("GET", "/diary", None, session).json[:2] == [more.json, written.json]
    assert app.send("GET", "/diary?q=swam", None, session).json == [written.json]
    insight = app.send("GET", f"/diary/{written.json['id']}/insight", None, session)
    assert insight.json["status"] in {"pending", "ready"}


def test_the_routes_of_the_app_go_on_working(app: Program) -> None:
    """Its own pages are where they were, the API's are below /api."""
    assert app.send("GET", "/").json["diary"] == "/diary"
    assert app.send("GET", "/nowhere").json["title"] == "Not Found"  # Flask's, not the API's
    assert app.send("GET", "/api/health").status == 200
    assert app.send("GET", "/api/api-docs").status == 200
    assert app.send("GET", "/entries").status == 404


def test_a_session_is_kept_from_other_sites(app: Program) -> None:
    """Its cookie is not sent along from there, and scripts cannot read it."""
    cookie = log_in(app).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))


def test_without_a_session_nobody_comes_in(app: Program, session: dict[str, str]) -> None:
    """Neither with a wrong password or cookie, nor with the session at the API."""
    assert log_in(app, password="wrong").json["code"] == "unauthenticated"
    assert log_in(app, "bob").status == 401
    assert app.send("POST", "/login", b"", FORM).status == 401
    tampered = {"Cookie": f"{session['Cookie'][:-3]}abc"}
    for headers in ({}, tampered):
        for method, path in (("GET", "/diary"), ("POST", "/diary"), ("POST", "/token")):
            assert app.send(method, path, None, headers).json["code"] == "unauthenticated"
    assert app.send("GET", "/api/entries", None, session).status == 401


def test_bad_input_is_told_and_not_shown(app: Program, session: dict[str, str]) -> None:
    """Every bad field is named, and neither answers nor the log hold any text."""
    wrong = app.send("POST", "/diary", {"content": CANARY, "mood": 6, "x": 1}, session)
    assert (wrong.status, wrong.headers["Content-Type"]) == (422, "application/problem+json")
    assert [error["path"] for error in wrong.json["errors"]] == ["mood", "x"]
    assert app.send("GET", f"/diary/{uuid4()}/insight", None, session).json["code"] == "not_found"
    assert app.send("GET", "/diary?q=", None, session).status == 422
    assert app.send("POST", "/diary", ["content"], session).status == 422
    as_json = {**session, "Content-Type": "application/json"}
    for broken in (b"{", b'{"content": NaN}', b'{"content": ' + b"[" * 20_000, b"\xff", b""):
        refused = app.send("POST", "/diary", broken, as_json)
        assert (refused.status, refused.json["code"]) == (400, "malformed_input")
    for refused, status in (
        (app.send("POST", "/diary", b"1" * 300_000, as_json), 413),
        (app.send("PUT", "/diary", {}, session), 405),
        (app.send("GET", "/elsewhere", None, session), 404),
    ):
        assert (refused.status, refused.json["status"]) == (status, status)
        assert refused.headers["Content-Type"] == "application/problem+json"
    assert "POST" in app.send("PUT", "/diary", {}, session).headers["Allow"]
    assert app.send("POST", "/diary", b"content=x", {**session, **FORM}).status == 415
    assert app.send("GET", f"/diary?q={CANARY}", None, session).status == 200
    assert CANARY not in f"{wrong.body!r}{app.lines}"
    assert "Traceback" not in "".join(app.lines)


def test_many_may_write_at_once_and_all_is_there_in_the_end(tmp_path: Path) -> None:
    """From eight threads; the journal is closed when the app ends."""
    with running(*APP, "--port", 0, cwd=tmp_path) as app, ThreadPoolExecutor(8) as pool:
        session = session_at(app)

        def write(number: int) -> int:
            return app.send("POST", "/diary", {"content": f"{number}"}, session).status

        assert set(pool.map(write, range(40))) == {201}
        code, said = app.end()
    assert code == 0
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["diary.db"]  # no log of SQLite's is left
    with Reflekt.open(f"sqlite:///{tmp_path}/diary.db", user="ada") as reflekt:
        assert {entry.content for entry in reflekt.entries.list(limit=100)} == set(
            map(str, range(40))
        )


def test_what_stops_the_start_is_told_in_a_line(app: Program, tmp_path: Path) -> None:
    """A folder that does not exist, a short secret, a port in use, no port; --help says what there is."""
    for args, settings, said in (
        (["--journal", "nowhere/diary.db"], {}, "nowhere does not exist"),
        ([], {"JWT_SECRET": "short"}, "32 bytes"),
        (["--port", app.port], {}, "Address already in use"),
    ):
        done = ran(*APP, *args, cwd=tmp_path, **settings)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert said in done.stderr
    for port in ("-1", "65536", "http"):
        done = ran(*APP, "--port", port, cwd=tmp_path)
        assert (done.returncode, f"invalid port value: '{port}'" in done.stderr) == (2, True)
    assert "--journal" in ran(*APP, "--help", cwd=tmp_path).stdout
