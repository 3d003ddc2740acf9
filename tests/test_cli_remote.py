"""The commands of a journal, on a running service."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import Request, Response
from reflekt_core.rest.routes import Routes
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier

from .http_contract import CURSOR_SECRET, SECRET, Listening
from .test_cli import JOURNAL, Run, failed, run, written
from .test_client_parity import REMOTE

__all__ = ["run", "written"]  # fixtures

ROUTES = Routes((operation, operation.id) for operation in OPERATIONS)


def token(user: str = "me") -> str:
    """Return a token that is good now."""
    issuer = TokenIssuer(secret=SECRET, ids=TimeOrderedIds())
    return issuer.issue(user, role="user", now=datetime.now(UTC))


class Recorded:
    """A service that remembers which operations it was asked for."""

    def __init__(self, below: Dispatch) -> None:
        self._below = below
        self.asked: set[str] = set()

    def __call__(self, request: Request) -> Response:
        """Return the response."""
        self.asked.add(ROUTES.find(request.method, request.path)[0])
        return self._below(request)


class TestService(Listening):
    """A service on the very file that commands without --url use."""

    @pytest.fixture
    def reflekt(self, written: Sequence[Any]) -> Iterator[Reflekt]:
        """The journal with three entries."""
        with Reflekt.open(f"sqlite:///{JOURNAL}") as opened:
            yield opened

    @pytest.fixture
    def dispatch(self, reflekt: Reflekt) -> Any:
        """The service on it."""
        verifier = TokenVerifier(secret=SECRET)
        return Recorded(Dispatch(reflekt, verifier, cursor_secret=CURSOR_SECRET))

    @pytest.fixture
    def url(self, port: int, monkeypatch: pytest.MonkeyPatch) -> str:
        """Where the service is; its token is in the environment."""
        monkeypatch.setenv("REFLEKT_TOKEN", token())
        return f"http://127.0.0.1:{port}"

    @pytest.mark.parametrize(
        "command",
        [
            "list",
            "list --json",
            "list --oldest --limit 2 --tag sea",
            "list --category Work --json",
            "list --from 2026-03-02 --mood-min 3",
            "show {id}",
            "show {id} --json",
            "show {short}",
            "search swam",
            "search swam --json",
            "insights {short}",
            "insights --json",
            "prompt",
            "trends --from 2026-03-01 --to 2026-03-31",
            "trends --from 2025-03-01 --to 2026-03-31 --json",
        ],
    )
    def test_a_command_prints_the_same(
        self, run: Run, written: Sequence[Any], url: str, command: str
    ) -> None:
        """On a service and on its store, every character is the same."""
        id = written[0]["id"]
        args = [word.format(id=id, short=id[:13]) for word in command.split()]
        here = run(*args)
        there = run(*args, "--url", url)
        assert here.code == 0, here.err
        assert here.out
        assert there == here

    def test_what_is_written_there_is_there(self, run: Run, url: str, reflekt: Reflekt) -> None:
        """With its category, which is made once, its time, and everything else."""
        words = ["write", "On the ferry.", "--url", url, "--category", "Ferries", "--mood", "3"]
        first = run(*words, "--at", "2026-03-04T08:00", "--zone", "Africa/Nairobi", "--json").json
        second = run(*words, "--at", "2026-03-05", "--json").json
        assert first["occurred_at"] == "2026-03-04T08:00:00+03:00"
        assert first["category_id"] == second["category_id"]
        assert {"Ferries"} == {
            c.name for c in reflekt.categories.list() if str(c.id) == first["category_id"]
        }

    @pytest.mark.parametrize(
        ("command", "lines"),
        [
            ("write", ["write --at 08:00 --category Sea x"]),
            ("list", ["list --category Work"]),
            ("show", ["show {id}", "show {short}"]),
            ("search", ["search --category Work work"]),
            ("insights", ["insights", "insights {id} --again"]),
            ("prompt", ["prompt", "prompt --count 2"]),
            ("trends", ["trends"]),
        ],
    )
    def test_a_command_is_made_of_operations(  # noqa: PLR0913, PLR0917 - fixtures
        self,
        run: Run,
        written: Sequence[Any],
        url: str,
        dispatch: Any,
        command: str,
        lines: list[str],
    ) -> None:
        """Of those that the table of parity names, and of no others."""
        id = written[0]["id"]
        for line in lines:
            args = [word.format(id=id, short=id[:13]) for word in line.split()]
            assert run(*args, "--url", url).code == 0
        assert dispatch.asked == REMOTE[command]

    def test_a_token_may_stand_in_a_file(
        self, run: Run, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It counts before the environment; and what is typed counts before both."""
        monkeypatch.setenv("REFLEKT_TOKEN", "stale")
        file = tmp_path / "token"
        file.write_text(token() + "\n")
        assert run("list", "--url", url, "--token-file", str(file)).code == 0
        assert run("list", "--url", url, "--token", token()).code == 0
        assert failed(run("list", "--url", url), 1, "token")

    def test_another_token_is_another_journal(self, run: Run, url: str) -> None:
        """The token says whose journal it is."""
        shown = run("list", "--url", url, "--token", token("ana"), "--json")
        assert shown.json["items"] == []

    def test_what_the_service_refuses_is_one_line(
        self, run: Run, written: Sequence[Any], url: str
    ) -> None:
        """With the exit code that it has on a store, and no token in it."""
        missing = "0193e1a2-7c5b-7d3e-8f00-1a2b3c4d5e6f"
        assert failed(run("show", missing, "--url", url), 1, "no such entry")
        assert failed(run("write", "x", "--tag", "a\nb", "--url", url), 2, "tags[0]")
        bad = run("list", "--url", url, "--token", "kanarien vogel")
        assert failed(bad, 1, "the token is none")
        assert "kanarien" not in bad.err


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("list --url http://127.0.0.1:1", 2, ["REFLEKT_TOKEN", "--token-file"]),
        ("list --url http://127.0.0.1:1 --token t --store memory://", 2, ["--store", "--url"]),
        ("list --url http://127.0.0.1:1 --token t --user ana", 2, ["--user", "token"]),
        ("list --token t", 2, ["--token", "--url"]),
        ("list --url http://127.0.0.1:1 --token-file nowhere", 2, ["nowhere"]),
        ("list --url http://journal.example.org --token t", 1, ["https://"]),
        ("list --url journal.example.org --token t", 1, ["url", "https://"]),
        ("import --url http://127.0.0.1:1 x", 2, ["--url"]),
    ],
)
def test_what_does_not_fit_together_is_said(
    run: Run, line: str, code: int, words: list[str]
) -> None:
    """In one line, before anything is asked of anybody."""
    assert failed(run(*line.split()), code, *words)


def test_two_tokens_are_too_many(run: Run, tmp_path: Path) -> None:
    """Only one of them can be meant."""
    file = tmp_path / "token"
    file.write_text("t")
    both = ["--token", "t", "--token-file", str(file)]
    assert failed(run("list", "--url", "http://127.0.0.1:1", *both), 2, "two tokens")


def test_the_store_of_the_environment_gives_way(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable is a habit, and an option is a wish; the same holds for a token without --url."""
    monkeypatch.setenv("REFLEKT_STORE", "sqlite:///other.db")
    monkeypatch.setenv("REFLEKT_TOKEN", "t")
    assert failed(run("list", "--url", "http://journal.example.org"), 1, "https://")
    assert failed(run("list"), 1, "no journal at other.db")


def test_without_httpx2_a_command_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands on a store do without."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    monkeypatch.delitem(sys.modules, "reflekt_core.client.sending", raising=False)
    said = run("list", "--url", "http://127.0.0.1:1", "--token", "t")
    assert failed(said, 1, "reflekt-journal[client]")


def test_help_warns_of_the_shells_history(run: Run) -> None:
    """Beside the option that does it."""
    assert "history" in " ".join(run("list", "--help").out.split())
