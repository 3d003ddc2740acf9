"""The documentation page, as a browser sees it."""

import hashlib
import html
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from reflekt_core.operations import OPERATIONS
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.docs import CONTENT_SECURITY_POLICY, pages
from reflekt_core.rest.messages import Request

from .http_contract import API, Listening

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


class TestPages(API):
    """The files, without a browser."""

    def test_everything_the_page_names_is_there(self, dispatch: Dispatch) -> None:
        """The page and what it loads come from here, by relative addresses, typed and policed."""
        page = dispatch(Request("GET", "/api-docs"))
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"
        text = page.body.decode()
        named = re.findall(r'(?:src|href)="([^"]+)"', text)
        assert len(named) == 6
        for address in named:
            assert re.fullmatch(r"[a-z][\w./-]*", address)
            answer = dispatch(Request("GET", f"/{address}"))
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "<script>" not in text
        assert "style=" not in text

    def test_pages_are_sent_once(self, dispatch: Dispatch) -> None:
        """A page that the browser has is not sent again."""
        for path in pages():
            tag = dispatch(Request("GET", path)).headers.get("ETag")
            if tag is not None:
                again = dispatch(Request("GET", path, "", {"If-None-Match": tag}))
                assert (again.status, again.body) == (304, b"")
        head = dispatch(Request("HEAD", "/api-docs"))
        assert (head.status, head.body) == (200, b"")

    def test_the_address_with_a_slash_leads_there(self, dispatch: Dispatch) -> None:
        """What many type by habit is answered with the right address."""
        answer = dispatch(Request("GET", "/api-docs/"))
        assert (answer.status, answer.headers["Location"]) == (308, "../api-docs")

    @pytest.mark.parametrize(
        "path",
        ["/api-docs/../docs.py", "/api-docs//etc/passwd", "/api-docs/origin.json", "/api-docs/x"],
    )
    def test_nothing_else_is_served(self, dispatch: Dispatch, path: str) -> None:
        """Only what stands in the table can be read."""
        assert dispatch(Request("GET", path)).status == 404

    def test_the_packed_files_are_the_published_ones(self) -> None:
        """Each packed file is as its publisher's archive has it, and its licence lies beside."""
        packed = files("reflekt_core.rest") / "swagger"
        origin = json.loads((packed / "origin.json").read_text())
        assert origin["version"].startswith("5.")
        assert {"LICENSE", "NOTICE"} <= set(origin["sha256"])
        for name, digest in origin["sha256"].items():
            assert hashlib.sha256((packed / name).read_bytes()).hexdigest() == digest


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
class TestBrowser(Listening):
    """The page in Chromium, which can reach nothing but the server under test."""

    def test_the_page_shows_every_operation_without_complaint(
        self, port: int, tmp_path: Path
    ) -> None:
        """Every operation is shown; nothing breaks the policy, and nothing is called elsewhere."""
        command = [
            str(BROWSER),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={tmp_path}",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            "--dump-dom",
            f"http://127.0.0.1:{port}/api-docs",
        ]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert [line for line in seen.stderr.splitlines() if "CONSOLE" in line] == []
        shown = html.unescape(seen.stdout).replace("\u200b", "")
        for operation in OPERATIONS:
            assert re.search(rf">{re.escape(operation.id)}<", shown), operation.id
