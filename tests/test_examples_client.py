"""`examples/client_script.py`, against a service on this machine."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from reflekt_core.app import TimeOrderedIds
from reflekt_core.security.tokens import TokenIssuer

from .example_programs import EXAMPLES, Program, ran, running

if TYPE_CHECKING:
    import subprocess

SCRIPT = EXAMPLES / "client_script.py"
SECRET = "dB8zQe1nUw5rXk3vTj7mYp2sLc9hGf4a"
NOTES = {
    "2026-11-20 By the sea.txt": "We swam until the sun set. It was wonderful!\n",
    "2026-11-21.txt": "Work was awful today.",
    "Bread.txt": "Ana and I baked bread – and ate it all.",
    "notes.md": "This is no note.",
}


@attrs.frozen
class Place:
    """A folder of notes, and a service for a user of its own."""

    folder: Path
    service: Program
    token: str

    def run(self, *args: object, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run the script on the folder."""
        where = ("--url", self.service.url, "--token-file", "token")
        return ran(SCRIPT, "diary", *where, *args, cwd=self.folder, **settings)

    def entries(self) -> list[dict[str, Any]]:
        """Return what the service has, by time of writing."""
        headers = {"Authorization": f"Bearer {self.token}"}
        found = self.service.send("GET", "/entries?limit=100&order=asc", None, headers).json
        return sorted(found["items"], key=lambda entry: str(entry["title"]))

    def send(self, method: str, path: str) -> int:
        """Send a request of the user's, and return the status."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.service.send(method, path, None, headers).status


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A service."""
    folder = tmp_path_factory.mktemp("service")
    serve = ("-m", "reflekt_core", "serve", "--port", 0, "--data", folder)
    with running(*serve, cwd=folder, JWT_SECRET=SECRET) as program:
        yield program


@pytest.fixture
def place(service: Program, tmp_path: Path) -> Place:
    """A folder with notes and a token."""
    token = TokenIssuer(secret=SECRET, ids=TimeOrderedIds()).issue(
        tmp_path.name, now=datetime.now(UTC)
    )
    (tmp_path / "token").write_text(f"{token}\n")
    (tmp_path / "diary").mkdir()
    for name, text in NOTES.items():
        (tmp_path / "diary" / name).write_text(text, "utf-8")
    return Place(tmp_path, service, token)


@pytest.mark.parametrize("how", [(), ("--at-once",)])
def test_each_note_becomes_one_entry_however_often_it_runs(
    place: Place, how: tuple[str, ...]
) -> None:
    """Day, title and text arrive; running again writes nothing, and shows what was understood."""
    first = place.run(*how)
    assert (first.returncode, first.stderr) == (0, "")
    entries = place.entries()
    assert [(entry["title"], entry["content"]) for entry in entries] == [
        ("", "Work was awful today."),
        ("Bread", "Ana and I baked bread – and ate it all."),
        ("By the sea", "We swam until the sun set. It was wonderful!"),
    ]
    assert [entry["local_date"] for entry in entries[::2]] == ["2026-11-21", "2026-11-20"]
    again = place.run()
    assert (again.returncode, again.stderr) == (0, "")
    assert place.entries() == entries


def test_what_was_understood_is_printed(place: Place) -> None:
    """Sentiment and topics, once the service has them."""
    lines = place.run().stdout.splitlines()
    while any(line.endswith("pending") for line in lines):
        lines = place.run().stdout.splitlines()
    assert len(lines) == len(NOTES) - 1
    assert ": positive; " in lines[0]
    assert ": negative; work" in lines[1]


def test_a_note_that_was_edited_is_a_new_entry(place: Place) -> None:
    """The old one stays."""
    place.run()
    (place.folder / "diary" / "Bread.txt").write_text("We ate it.", "utf-8")
    assert place.run().returncode == 0
    assert len(place.entries()) == 4


def test_what_was_deleted_there_is_not_written_again(place: Place) -> None:
    """One in the trash is told as such; one that is gone for good is a failure, and others go on."""
    place.run("--at-once")
    bread, sea = (entry["id"] for entry in place.entries()[1:])
    assert place.send("DELETE", f"/entries/{bread}") == 204
    assert place.send("DELETE", f"/entries/{sea}?permanent=true") == 204
    for how in ((), ("--at-once",)):
        done = place.run(*how)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1].endswith("Bread.txt: in the trash there")
        assert done.stderr.startswith("2026-11-20 By the sea.txt: ")
        assert done.stderr.count("\n") == 1
    assert len(place.entries()) == 1


@pytest.mark.parametrize("how", [(), ("--at-once",)])
def test_one_bad_note_does_not_keep_the_others(place: Place, how: tuple[str, ...]) -> None:
    """What cannot be read, is empty, too long or of no day is named, and the rest is written."""
    (place.folder / "diary" / "2026-13-41.txt").write_text("When?")
    (place.folder / "diary" / "empty.txt").write_text(" \n")
    (place.folder / "diary" / "folder.txt").mkdir()
    (place.folder / "diary" / "gone.txt").symlink_to("nowhere")
    (place.folder / "diary" / "latin.txt").write_bytes(b"caf\xe9")
    (place.folder / "diary" / "long.txt").write_text("海" * 99_000, "utf-8")
    done = place.run(*how)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == [
        "2026-13-41.txt",
        "folder.txt",
        "gone.txt",
        "latin.txt",
        "empty.txt",
        "long.txt",
    ]
    assert len(place.entries()) == 3
    assert "caf" not in done.stderr


@pytest.mark.skipif(sys.platform == "darwin", reason="its files have names in UTF-8 alone")
def test_a_note_may_have_any_name(place: Place) -> None:
    """One over two lines is written; one that is not UTF-8 is told."""
    (place.folder / "diary" / "2026-11-22 two\nlines.txt").write_text("Odd.")
    Path(os.fsdecode(bytes(place.folder / "diary") + b"/na\xefve.txt")).write_text("Odd.")
    done = place.run()
    assert (done.returncode, done.stderr) == (1, "na\\udcefve.txt: it or its name is not UTF-8\n")
    assert place.entries()[-1]["title"] == "two\nlines"


def test_a_mark_at_the_beginning_of_a_note_is_no_text(place: Place) -> None:
    """Some editors write one, and nobody sees it."""
    (place.folder / "diary" / "Bread.txt").write_text("Bread.", "utf-8-sig")
    assert place.run().returncode == 0
    assert [entry["content"] for entry in place.entries()[1:2]] == ["Bread."]


@pytest.mark.parametrize("how", [(), ("--at-once",)])
def test_what_stops_it_is_told_in_a_line(place: Place, how: tuple[str, ...]) -> None:
    """No token, one that is refused, nobody there, an address that is not this machine's."""
    (place.folder / "bad").write_text("no.token.at-all")
    (place.folder / "strange").write_bytes(b"\xff\xfe")
    for args, said in (
        (("--token-file", "nowhere"), "No such file"),
        (("--token-file", "bad"), "token"),
        (("--token-file", "strange"), "token"),
        (("--url", "http://127.0.0.1:1"), "cannot be reached"),
        (("--url", "http://example.org"), "https"),
    ):
        done = place.run(*how, *args)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
        assert said in done.stderr
    assert place.entries() == []
    nowhere = ran(SCRIPT, "nowhere", "--url", "x", "--token-file", "y", cwd=place.folder)
    assert nowhere.returncode == 2
    assert "nowhere is no folder" in nowhere.stderr
