"""`reflekt import` and `export`."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from .test_cli import JOURNAL, Run, failed, run, written

__all__ = ["run", "written"]  # fixtures

OTHER = "sqlite:///other.db"


def test_a_journal_is_taken_along(run: Run, written: Sequence[Any]) -> None:
    """What is exported from one file and imported into another is there, once."""
    said = run("export", "mine.ndjson", "--json").json
    assert said["format"] == "ndjson"
    assert said["records"] == Path("mine.ndjson").read_text("utf-8").count("\n")
    first = run("import", "mine.ndjson", "--store", OTHER)
    again = run("import", "mine.ndjson", "--store", OTHER)
    assert first.out == f"ndjson: {said['records']} added, 0 there already, 0 broken\n"
    assert again.out == f"ndjson: 0 added, {said['records']} there already, 0 broken\n"
    listed = run("list", "--store", OTHER, "--json").json["items"]
    assert sorted(e["id"] for e in listed) == sorted(e["id"] for e in written)


def test_the_name_of_a_file_says_its_format(run: Run, written: Sequence[Any]) -> None:
    """Unless --format does."""
    assert run("export", "mine.json", "--json").json["format"] == "json"
    assert run("export", "mine.JRNL", "--json").json["format"] == "jrnl"
    assert run("export", "mine", "--json").json["format"] == "ndjson"
    assert run("export", "my.dat", "--format", "json", "--json").json["format"] == "json"
    assert json.loads(Path("my.dat").read_text("utf-8"))["reflekt"] == 1


def test_what_was_written_is_said(run: Run, written: Sequence[Any]) -> None:
    """Entries, where the format has no place for more."""
    assert run("export", "mine.csv").out.startswith(f"{len(written)} entries in mine.csv (csv)")
    lines = run("export", "mine.ndjson").out.split(" ")
    assert lines[:2] == [str(Path("mine.ndjson").read_text("utf-8").count("\n")), "records"]


def test_a_dry_run_leaves_nothing_behind(run: Run, written: Sequence[Any]) -> None:
    """It counts, and makes not even a journal."""
    run("export", "mine.ndjson")
    size = JOURNAL.stat().st_size
    foretold = run("import", "mine.ndjson", "--dry-run", "--store", OTHER)
    assert "would be added" in foretold.out
    assert not Path("other.db").exists()
    assert "0 would be added" in run("import", "mine.ndjson", "--dry-run").out
    assert JOURNAL.stat().st_size == size


def test_what_is_broken_is_named(run: Run, written: Sequence[Any]) -> None:
    """With its place, on stderr, and exit code 1; the rest is taken over."""
    run("export", "mine.ndjson")
    text = Path("mine.ndjson").read_text("utf-8")
    Path("worse.ndjson").write_text(text + '{"kind": "entry"}\n\x1b[31m\n', "utf-8")
    result = run("import", "worse.ndjson", "--store", OTHER)
    lines = text.count("\n")
    assert result.code == 1
    assert f"line {lines + 1}: must be an object" in result.err
    assert f"line {lines + 2}: is not JSON" in result.err
    assert "2 broken" in result.out
    assert len(run("list", "--store", OTHER, "--json").json["items"]) == len(written)


def test_strict_stops(run: Run) -> None:
    """At the first broken record, in one line."""
    Path("worse.ndjson").write_text('{"kind": "entry"}\n', "utf-8")
    result = run("import", "--strict", "--format", "ndjson", "worse.ndjson")
    assert failed(result, 2, "line 1", "must be an object")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["import", "nothing.zip"], 2, ["does not exist"]),
        (["import", "text.txt"], 2, ["no format known here", "ndjson"]),
        (["import", "text.txt", "--format", "word"], 2, ["ndjson"]),
        (["import", "text.txt", "--mood", "rad=6"], 2, ["--mood", "1 to 5"]),
        (["import", "text.txt", "--mood", "rad"], 2, ["--mood", "1 to 5"]),
        (["import", os.devnull], 2, ["save it first"]),
        (["export", "text.ndjson"], 1, ["no journal"]),
        (["export", "diary.zip"], 2, [".zip", "--format dayone or --format markdown"]),
        (["export", "diary.txt"], 2, [".txt", "--format jrnl"]),
        (["export", "diary.bak"], 2, [".bak", "--format ndjson"]),
        (["export", "--", "-"], 2, ["FILE", "must be a file"]),
    ],
)
def test_bad_input_is_one_line(
    args: Sequence[str], code: int, words: Sequence[str], run: Run
) -> None:
    """It says what is wrong and what may be."""
    Path("text.txt").write_text("hello", "utf-8")
    assert failed(run(*args), code, *words)


def test_an_export_replaces_no_file(run: Run, written: Sequence[Any]) -> None:
    """What is there stays."""
    Path("mine.ndjson").write_text("precious", "utf-8")
    assert failed(run("export", "mine.ndjson"), 1, "exists already")
    assert Path("mine.ndjson").read_text("utf-8") == "precious"


DAYLIO = "full_date,date,weekday,time,mood,activities,note\n2024-05-06,,,21:40,fuzzy,sea,We swam.\n"


def test_moods_can_be_said_beforehand(run: Run) -> None:
    """Without a terminal to ask at, the message names what is not known."""
    Path("daylio.csv").write_text(DAYLIO, "utf-8")
    assert failed(run("import", "daylio.csv"), 2, "moods.fuzzy", "1 to 5", "--mood fuzzy=3")
    assert run("import", "daylio.csv", "--mood", "fuzzy=4").out.startswith("daylio: 1 added")
    (entry,) = run("list", "--json").json["items"]
    assert entry["mood"] == 4


def typed(answers: bytes, *args: str) -> tuple[str, str]:
    """Return what `reflekt` says on stdout and stderr to who types *answers* at a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "reflekt_core", *args],
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        os.write(master, answers)
        out, err = process.communicate(timeout=60)
    os.close(slave)
    os.close(master)
    return out.decode(), err.decode()


def test_moods_are_asked_for_at_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One question each, until the answer is a number from 1 to 5."""
    monkeypatch.chdir(tmp_path)
    Path("daylio.csv").write_text(DAYLIO, "utf-8")
    out, err = typed(b"9\n4\n", "import", "daylio.csv")
    assert out.startswith("daylio: 1 added"), err
    assert "How good is 'fuzzy'" in err


def test_moods_of_several_files_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may have names of its own; no other error is taken for a question."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    for name in ("fuzzy", "blue"):
        Path("in", f"moods.{name}").write_text(DAYLIO.replace("fuzzy", name), "utf-8")
    out, err = typed(b"2\n4\n", "import", "in")
    assert out.startswith("daylio: 2 added"), err
    Path("in", "2024-05-06.md").write_text("We swam.", "utf-8")
    out, err = typed(b"", "import", "--strict", "in")
    assert err.startswith("reflekt: moods.blue: holds a journal"), err


def test_what_is_left_is_named(run: Run) -> None:
    """On stderr, the first few, with the reason; it is no failure, unless --strict says so."""
    Path("in").mkdir()
    Path("in", "2024-05-06.md").write_text("We swam.", "utf-8")
    for number in range(6):
        Path("in", f"\x1b{number}.csv").write_text(DAYLIO, "utf-8")
    result = run("import", "in")
    assert result.code == 0
    assert result.out == "markdown: 1 added, 0 there already, 0 broken\nleft: 6 beside\n"
    assert result.err.count("holds a journal of the format daylio: import it by itself") == 5
    assert "  and 1 more\n" in result.err
    assert "\x1b" not in result.err
    assert run("import", "in", "--json").json["left"] == 6
    assert failed(run("import", "in", "--strict"), 2, "0.csv", "daylio")
