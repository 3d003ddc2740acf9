"""`examples/fastapi_app.py`, served by uvicorn."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from reflekt_core import Reflekt

from .example_programs import EXAMPLES, Program, ran, running

APP = EXAMPLES / "fastapi_app.py"
CANARY = "kanarienvogel"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app, in an empty folder."""
    with running(APP, "--port", 0, cwd=tmp_path_factory.mktemp("diary")) as program:
        yield program


def key_of(app: Program) -> dict[str, str]:
    """Return the header with the key that it printed."""
    (line,) = [line for line in app.lines if line.startswith("the key of ada: ")]
    return {"Authorization": f"Bearer {line.split()[-1]}"}


@pytest.fixture
def key(app: Program) -> dict[str, str]:
    """The header with the key."""
    return key_of(app)


def test_both_ways_lead_to_the_same_journal(app: Program, key: dict[str, str]) -> None:
    """What a route of the app writes, the API shows, and the other way round; insights come."""
    written = app.send("POST", "/diary", {"text": "Swam. It was lovely!", "mood": 5}, key)
    assert written.status == 201
    assert app.send("GET", f"/api/entries/{written.json['id']}", None, key).json == written.json
    more = app.send("POST", "/api/entries", {"content": "Rain."}, key)
    assert more.status == 201
    assert app.send("GET", "/diary", None, key).json[:2] == [more.json, written.json]
    assert app.send("GET", "/diary?q=swam", None, key).json == [written.json]
    insight = app.send("GET", f"/diary/{written.json['id']}/insight", None, key)
    assert insight.json["status"] in {"pending", "ready"}


def test_the_routes_of_the_app_go_on_working(app: Program) -> None:
    """Its own pages and documentation are where they were, the API's are below /api."""
    assert app.send("GET", "/").json["diary"] == "/diary"
    assert app.send("GET", "/nowhere").json == {"detail": "Not Found"}
    assert "/diary" in app.send("GET", "/openapi.json").json["paths"]
    assert app.send("GET", "/api/health").status == 200
    assert "/entries" in app.send("GET", "/api/openapi.json").json["paths"]
    assert app.send("GET", "/api/api-docs").status == 200
    assert app.send("GET", "/entries").status == 404


def test_without_a_key_nobody_comes_in(app: Program) -> None:
    """A missing, wrong or strange key is 401, as a problem document."""
    for header in ("", "Bearer", "Bearer x", "Basic YTpi", "Bearer ü", "Bearer " + "x" * 9999):
        headers = {"Authorization": header} if header else {}
        for path in ("/diary", "/api/entries"):
            refused = app.send("GET", path, None, headers)
            assert (refused.status, refused.json["code"]) == (401, "unauthenticated")


def test_bad_input_is_told_and_not_shown(app: Program, key: dict[str, str]) -> None:
    """What the library refuses has its status, and neither answers nor the log hold any text."""
    wrong = app.send("POST", "/diary", {"text": CANARY, "mood": 6}, key)
    assert (wrong.status, wrong.headers["content-type"]) == (422, "application/problem+json")
    assert wrong.json["errors"] == [{"path": "mood", "message": "must be from 1 to 5"}]
    assert app.send("GET", f"/diary/{uuid4()}/insight", None, key).json["code"] == "not_found"
    assert app.send("GET", "/diary?q=", None, key).status == 422
    assert app.send("POST", "/diary", b"{", key).status == 422
    assert app.send("GET", f"/diary?q={CANARY}", None, key).status == 200
    assert CANARY not in f"{wrong.body!r}{app.lines}"


def test_what_fastapi_refuses_is_told_in_the_same_form(app: Program, key: dict[str, str]) -> None:
    """The bad field is named, and what was sent is not repeated, even if it is not JSON at all."""
    as_json = {**key, "Content-Type": "application/json"}
    for sent, path in (
        (b'{"mood": 3}', "text"),
        (b'{"text": "kanarienvogel", "mood": NaN}', "mood"),
        (b'{"text": "kanarienvogel", "mood": 1e400}', "mood"),
        (b'{"text": {"kanarienvogel": 1}}', "text"),
        (b'["kanarienvogel"]', ""),
        (b'{"text": "x", "mood": "4"}', "mood"),
        (b'{"text": "x", "moood": 4}', "moood"),
        (b"{", "1"),
    ):
        refused = app.send("POST", "/diary", sent, as_json)
        assert (refused.status, refused.json["code"]) == (422, "invalid_input")
        assert [error["path"] for error in refused.json["errors"]] == [path]
        assert CANARY not in f"{refused.body!r}"
    assert (
        app.send("GET", "/diary/kanarienvogel/insight", None, key).json["errors"][0]["path"] == "id"
    )
    assert "Traceback" not in "".join(app.lines)


def test_many_may_write_at_once_and_all_is_there_in_the_end(tmp_path: Path) -> None:
    """From eight threads, both ways; the journal is closed when the app ends."""
    with running(APP, "--port", 0, cwd=tmp_path) as app, ThreadPoolExecutor(8) as pool:
        key = key_of(app)

        def write(number: int) -> int:
            if number % 2:
                return app.send("POST", "/diary", {"text": f"{number}"}, key).status
            return app.send("POST", "/api/entries", {"content": f"{number}"}, key).status

        assert set(pool.map(write, range(40))) == {201}
        _, said = app.end()
    assert "Application shutdown complete." in said
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["diary.db"]  # no log of SQLite's is left
    with Reflekt.open(f"sqlite:///{tmp_path}/diary.db", user="ada") as reflekt:
        assert {entry.content for entry in reflekt.entries.list(limit=100)} == set(
            map(str, range(40))
        )


def test_what_stops_the_start_is_told_in_a_line(tmp_path: Path) -> None:
    """A folder that does not exist, a short secret, no port; --help says what there is."""
    done = ran(APP, "--journal", "nowhere/diary.db", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nowhere does not exist" in done.stderr
    done = ran(APP, cwd=tmp_path, REFLEKT_CURSOR_SECRET="short")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "32 bytes" in done.stderr
    for port in ("-1", "65536", "http"):
        done = ran(APP, "--port", port, cwd=tmp_path)
        assert (done.returncode, f"invalid port value: '{port}'" in done.stderr) == (2, True)
    assert "--journal" in ran(APP, "--help", cwd=tmp_path).stdout
