"""What the page on export and erasure promises, over HTTP and in the file."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.logs import AUDIT, hashed
from reflekt_core.rest.wsgi import application
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
from reflekt_core.stores import open_store

from .howto_pages import DOCS
from .http_contract import CURSOR_SECRET, SECRET

PAGE = (DOCS / "how-to/export-and-erase.md").read_text("utf-8")
CANARY = "kanarienvogel"
LATER = timedelta(seconds=2)


class Service:
    """A service whose jobs are done only when it is told to, so that one can look meanwhile."""

    def __init__(self, file: Path) -> None:
        self.reflekt = Reflekt.on(open_store(f"sqlite:///{file}"), settles=False)
        dispatch = Dispatch(self.reflekt, TokenVerifier(secret=SECRET), cursor_secret=CURSOR_SECRET)
        transport = httpx2.WSGITransport(app=application(dispatch))
        self._client = httpx2.Client(transport=transport, base_url="http://localhost")

    def ask(self, method: str, path: str, token: str, **more: Any) -> Any:
        """Return the answer."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._client.request(method, path, headers=headers, **more)

    def close(self) -> None:
        """Stop."""
        self._client.close()
        self.reflekt.close()


def token(user: str, role: str = "user", now: datetime | None = None) -> str:
    """Return a token made at *now*."""
    issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
    return issuer.issue(user, role=role, now=now or datetime.now(UTC))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def service(file: Path) -> Iterator[Service]:
    """A service in which two users have written, one of them about everything."""
    made = Service(file)
    mine = token("ana", now=utc_now() - LATER)
    category = made.ask("POST", "/categories", mine, json={"name": CANARY}).json()
    for title in ("Morning", "Evening"):
        entry = {"title": title, "content": f"The {CANARY} sang.", "tags": [CANARY], "mood": 4}
        entry["category_id"] = category["id"]
        made.ask("POST", "/entries", mine, json=entry)
    made.ask("POST", "/entries", token("bo"), json={"content": "Bo stays."})
    made.reflekt.drain()
    yield made
    made.close()


def erase(service: Service) -> Any:
    """Erase the account with a token from before, and return the answer."""
    old = token("ana", now=utc_now() - LATER)
    return service.ask("DELETE", "/account", old, json={"confirm": "ana"})


def test_an_export_holds_everything(service: Service) -> None:
    """Lines of NDJSON, with a link to the next page where there is one."""
    answer = service.ask("GET", "/account/export?limit=2", token("ana"))
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert 'rel="next"' in answer.headers["link"]
    whole = service.ask("GET", "/account/export?limit=100", token("ana"))
    assert "link" not in whole.headers
    kinds = [line.partition('"kind":"')[2].partition('"')[0] for line in whole.text.splitlines()]
    assert sorted(kinds) == ["category", "entry", "entry", "insight", "insight"]


def test_erasure_is_at_once_for_everybody(service: Service) -> None:
    """Old tokens are refused, newer ones while the job is not done; then the account is empty."""
    old, new = token("ana", now=utc_now() - LATER), token("ana", now=utc_now() + LATER)
    answer = erase(service)
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{answer.json()['id']}")
    refused = service.ask("GET", "/entries", old)
    assert refused.status_code == 401
    assert f"`{refused.json()['detail']}`" in PAGE
    meanwhile = service.ask("GET", "/entries", new)
    assert meanwhile.status_code == 409
    assert meanwhile.json()["detail"] in " ".join(PAGE.split())
    service.reflekt.drain()
    assert service.ask("GET", "/entries", new).json()["items"] == []
    assert service.ask("GET", answer.headers["location"], new).json()["state"] == "done"
    assert service.ask("POST", "/entries", new, json={"content": "Anew."}).status_code == 201


def test_nothing_of_the_text_is_left_in_the_file(service: Service, file: Path) -> None:
    """Not in the journal, not in its log, not in the search index; others keep theirs."""
    assert CANARY.encode() in file.read_bytes() + file.with_name("journal.db-wal").read_bytes()
    erase(service)
    service.reflekt.drain()
    for path in file.parent.iterdir():
        assert CANARY.encode() not in path.read_bytes().lower(), path.name
    assert len(service.ask("GET", "/entries", token("bo")).json()["items"]) == 1


def test_what_stays_is_what_the_page_says(service: Service, file: Path) -> None:
    """The user id, the number of erasures and the time of the last; and the job."""
    erase(service)
    service.reflekt.drain()
    with closing(sqlite3.connect(file)) as journal:
        names = journal.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        (number,) = journal.execute("SELECT number FROM head WHERE user_id = 'ana'").fetchone()
        owned = {name for (name,) in names if "user" in columns(journal, name)}
        asked = "SELECT count(*) FROM {} WHERE user = ?"
        counts = {n: journal.execute(asked.format(n), (number,)).fetchone()[0] for n in owned}
    left = {name: count for name, count in counts.items() if count}
    assert left == {"record": 1}


def columns(journal: sqlite3.Connection, table: str) -> set[str]:
    """Return the names of a table's columns."""
    return {row[1] for row in journal.execute(f"PRAGMA table_info({table})")}


def test_an_administrator_sees_zeros(service: Service) -> None:
    """Counts before, none after; and never content."""
    root = token("root", "admin")
    before = service.ask("GET", "/admin/usage?user_id=ana", root)
    assert before.json()["entries"] == 2
    assert CANARY not in before.text
    erase(service)
    service.reflekt.drain()
    after = service.ask("GET", "/admin/usage?user_id=ana", root).json()
    assert [after[name] for name in ("entries", "trashed", "categories")] == [0, 0, 0]
    assert service.ask("GET", "/admin/usage?user_id=bo", token("ana")).status_code == 403


def test_the_log_says_who_asked_for_it(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    """By a pseudonym that whoever has the secret can compute, at every level."""
    with caplog.at_level(logging.INFO, AUDIT.name):
        erase(service)
    (line,) = [r.fields for r in caplog.records if r.name == AUDIT.name]
    assert (line["operation"], line["status"]) == ("account.delete", 202)
    assert line["user"] == hashed(CURSOR_SECRET, "ana")
