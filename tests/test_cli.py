"""The commands that work on a journal without a server."""

import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from reflekt_core import Reflekt
from reflekt_core.cli import main
from reflekt_core.errors import Unauthenticated
from reflekt_core.model.accounts import Permission
from reflekt_core.model.events import Retry
from reflekt_core.security.tokens import TokenVerifier

JOURNAL = Path("reflekt-data/journal.db")
SECRET = "Jm4vY9wQe2Zt7uKx0aRb5cPd8fGh3iLn6oSq1TyUz_W"


@attrs.frozen
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, with nothing set in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("REFLEKT_", "JWT_")) or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)

    def run(*args: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main(args)
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


@pytest.fixture
def written(run: Run) -> Sequence[Any]:
    """Three entries, oldest first, in the journal of the default folder."""
    return [
        run("write", *args.split("|"), "--json").json
        for args in (
            "We swam until the sun set.|--mood|5|--tag|sea|--category|Travel|--at|2026-03-01",
            "Bread and rain.|--title|Slow Sunday|--mood|4|--starred|--at|2026-03-02",
            "A long day at work.|--mood|2|--tag|work|--category|Work|--at|2026-03-03",
        )
    ]


def failed(result: Result, code: int, *words: str) -> bool:
    """Tell whether *result* failed with one line that says all *words*."""
    assert (result.code, result.out) == (code, ""), result
    assert result.err.startswith("reflekt: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    return all(word in result.err for word in words)


def test_what_is_written_is_listed_and_shown(run: Run) -> None:
    """An entry written in a terminal is there, with everything said of it."""
    result = run("write", "Slow", "Sunday.", "--title", "Rest", "--mood", "4", "--tag", "home")
    id = result.out.split()[0]
    assert result.code == 0
    (entry,) = run("list", "--json").json["items"]
    assert (entry["id"], entry["content"], entry["title"]) == (id, "Slow Sunday.", "Rest")
    assert (entry["mood"], entry["tags"]) == (4, ["home"])
    assert run("show", id[:13], "--json").json == entry
    shown = run("show", id).out
    assert "Rest" in shown
    assert shown.endswith("\n\nSlow Sunday.\n")


def test_text_on_stdin_is_kept_as_it_is(run: Run) -> None:
    """Piped text keeps every character but the line break at its end."""
    text = "Ein Wort,  zwei\n\n— e\u0301 🌊 שלום\t."
    for args in (["write", "--json"], ["write", "-", "--json"]):
        assert run(*args, stdin=f"{text}\n".encode()).json["content"] == text


def test_bytes_that_are_no_text_are_refused(run: Run) -> None:
    """What is not UTF-8 fails in one line, and makes nothing."""
    assert failed(run("write", stdin=b"\xff\xfe"), 1, "UTF-8")
    assert not JOURNAL.parent.exists()


def test_an_editor_opens_at_a_terminal(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a text, what the editor saves is the entry; nothing saved is nothing written."""
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "From the editor." > "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr("reflekt_core.cli.write.sys", Terminal())
    assert run("write", "--json").json["content"] == "From the editor."
    monkeypatch.setenv("EDITOR", "true")
    assert failed(run("write"), 1, "nothing was written")


class Terminal:
    """Stands for `sys` where somebody sits at a keyboard."""

    stdin: Any

    def __init__(self) -> None:
        self.stdin = self

    def isatty(self) -> bool:
        """Say yes."""
        return True


def test_a_bad_field_is_named_and_nothing_is_made(run: Run) -> None:
    """What is not allowed is said with what is; no folder is left behind."""
    long = "x" * 201
    assert failed(run("write", "", "--title", long), 2, "content: must have 1 to", "title: must")
    assert failed(run("write", "Hi", "--zone", "Mars/Base"), 2, "time_zone", "Africa/Nairobi")
    assert failed(run("write", "Hi", "--mood", "6"), 2, "--mood", "1<=x<=5", "write --help")
    assert not JOURNAL.parent.exists()


def test_a_mistyped_command_is_a_usage_error(run: Run) -> None:
    """Unknown commands and options fail with code 2 and one line."""
    assert failed(run("wirte"), 2, "wirte", "reflekt --help")
    assert failed(run("list", "--colour"), 2, "--colour", "list --help")
    assert failed(run("rebuild", "house"), 2, "'index', 'analytics'")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_says_what_it_keeps_from(tmp_path: Path) -> None:
    """The entry is written; what cannot be said of it is not taken for a failure to write it."""
    command = [sys.executable, "-m", "reflekt_core", "write", "Rain.", "--store", "sqlite:///j.db"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    said = "reflekt: what there is to say cannot be printed: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_reading_in_the_wrong_folder_makes_nothing(run: Run) -> None:
    """A journal that is not there is said to be missing, not made empty."""
    for args in (["list"], ["show", "0193"], ["search", "x"], ["insights"], ["trends"]):
        assert failed(run(*args), 1, str(JOURNAL), "reflekt write")
    assert not JOURNAL.parent.exists()


def test_a_store_may_be_named_by_url(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """--store wins over REFLEKT_STORE, which wins over the default folder."""
    run("write", "Default.")
    run("write", "Named.", "--store", "sqlite:///named.db?timeout=1")
    monkeypatch.setenv("REFLEKT_STORE", "sqlite:///named.db")
    assert [e["content"] for e in run("list", "--json").json["items"]] == ["Named."]
    default = run("list", "--json", "--store", f"sqlite:///{JOURNAL}").json
    assert [e["content"] for e in default["items"]] == ["Default."]
    assert failed(run("list", "--store", "redis://x"), 1, "sqlite://")


def test_each_user_has_a_journal(run: Run) -> None:
    """What one user writes, another does not see."""
    run("write", "Mine.")
    assert run("list", "--user", "ana", "--json").json == {"items": [], "has_more": False}
    result = run("list", "--user", "ana")
    assert (result.out, result.err) == ("", "No entries.\n")


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--tag", "SEA"], "We swam until the sun set."),
        (["--category", "work"], "A long day at work."),
        (["--starred"], "Bread and rain."),
        (["--mood-max", "3"], "A long day at work."),
        (["--to", "2026-03-01"], "We swam until the sun set."),
        (["--from", "2026-03-03T00:00:00Z"], "A long day at work."),
        (["--limit", "1", "--oldest"], "We swam until the sun set."),
    ],
)
def test_lists_are_filtered(
    run: Run, written: Sequence[Any], args: list[str], expected: str
) -> None:
    """Each filter leaves the entries it is about."""
    found = run("list", *args, "--json").json
    assert [entry["content"] for entry in found["items"]] == [expected]
    assert found["has_more"] is ("--limit" in args)


def test_a_long_list_takes_several_pages(run: Run) -> None:
    """A limit beyond one page is kept to."""
    with Reflekt.open("sqlite:///journal.db") as reflekt:
        for number in range(103):
            reflekt.entries.create(f"No. {number}")
    found = run("list", "--limit", "102", "--store", "sqlite:///journal.db", "--json").json
    assert (len({entry["id"] for entry in found["items"]}), found["has_more"]) == (102, True)


def test_search_finds_and_shows_where(run: Run, written: Sequence[Any]) -> None:
    """A hit comes with its text around the words, as text and not as HTML."""
    run("write", "Rain & <b>more</b> rain.")
    found = run("search", "rain", "-bread", "--limit", "5")
    assert found.code == 2  # -b… looks like an option
    found = run("search", "rain", "--", "-bread")
    assert found.out.count("Rain & <b>more</b> rain.") == 2
    assert "Bread" not in found.out
    (hit,) = run("search", '"the sun" swa*', "--json").json["items"]
    assert hit["entry"] == written[0]
    assert "<mark>swam</mark>" in hit["snippet"]


def test_a_category_is_made_once_by_its_name(run: Run, written: Sequence[Any]) -> None:
    """Writing to a category of that name takes the one there is, whatever the case."""
    entry = run("write", "Again.", "--category", "TRAVEL", "--json").json
    assert entry["category_id"] == written[0]["category_id"]
    assert "Travel" in run("show", entry["id"]).out
    # Also if two make it at once: its id comes from its name.
    elsewhere = run("write", "Hi", "--category", "TRAVEL", "--store", "sqlite:///b.db", "--json")
    assert elsewhere.json["category_id"] == entry["category_id"]
    result = run("list", "--category", "Trvel")
    assert failed(result, 2, "no such category", "Travel, Work")


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2026-03-01", "Africa/Nairobi", "2026-03-01T12:00:00+03:00"),
        ("2026-03-01T21:40", "Africa/Nairobi", "2026-03-01T21:40:00+03:00"),
        ("2026-03-01 21:40", None, "2026-03-01T21:40:00Z"),
        ("2026-03-01T21:40-05:00", None, "2026-03-02T02:40:00Z"),
    ],
)
def test_an_entry_may_be_of_another_time(
    run: Run, at: str, zone: str | None, expected: str
) -> None:
    """--at takes a date, meant at noon, or a time, in the zone given or that of the settings."""
    place = ["--zone", zone] if zone else []
    entry = run("write", "Then.", "--at", at, *place, "--json").json
    assert entry["occurred_at"].replace("+00:00", "Z") == expected


def test_a_time_alone_is_the_latest_such_time(run: Run) -> None:
    """--at 21:40 is today, or yesterday if that has not come yet."""
    entry = run("write", "Then.", "--at", "23:59", "--json").json
    at = datetime.fromisoformat(entry["occurred_at"])
    assert (at.hour, at.minute) == (23, 59)
    assert at <= datetime.now(UTC)
    assert failed(run("write", "Then.", "--at", "25:00"), 2, "--at", "21:40")


def test_an_id_may_be_shortened_while_it_is_clear(run: Run, written: Sequence[Any]) -> None:
    """A beginning that fits several entries, or none, is refused."""
    first, second = (entry["id"] for entry in written[:2])
    assert first[:6] == second[:6]  # made within the same hours
    assert failed(run("show", first[:6]), 2, "several", "more")
    assert failed(run("show", "ffffffff"), 1, "no entry")
    assert failed(run("show", "../x"), 2, "id")
    assert run("show", first.upper(), "--json").json["id"] == first


def test_insights_are_worked_out_when_asked_for(run: Run, written: Sequence[Any]) -> None:
    """Without an id they are those of the latest entry."""
    latest = run("insights", "--json").json
    assert (latest["status"], latest["entry_id"]) == ("ready", written[2]["id"])
    again = run("insights", written[0]["id"], "--again", "--json").json
    assert again["entry_id"] == written[0]["id"]
    shown = run("insights", written[0]["id"]).out
    assert again["sentiment"]["label"] in shown
    assert "We swam until the sun set." in shown


def test_help_comes_first_where_a_text_asks_for_it(run: Run) -> None:
    """An entry that speaks of a crisis is shown with resources above everything else."""
    run("write", "I want to kill myself.")
    shown = run("insights")
    (resource, *_) = run("insights", "--json").json["safety"]["resources"]
    flat = " ".join(shown.out.split())
    assert flat.index(" ".join(resource.split())) < flat.index("confidence")


def test_no_entries_have_no_insights(run: Run) -> None:
    """An empty journal has no latest entry."""
    run("prompt")
    assert failed(run("insights"), 1, "no entries")


def test_the_daily_prompt_stays_and_others_are_made(run: Run) -> None:
    """The prompt of the day is the same again; options ask for new ones."""
    daily = run("prompt").out
    assert daily == run("prompt").out
    assert run("prompt", "--json").json["text"] in daily
    wished = run("prompt", "--category", "gratitude", "--count", "3", "--json").json["items"]
    assert [prompt["category"] for prompt in wished] == ["gratitude"] * 3
    assert len({prompt["text"] for prompt in wished}) == 3
    assert failed(run("prompt", "--mood", "5"), 2, "calm")


def test_trends_fit_80_columns_without_colour_when_piped(run: Run, written: Sequence[Any]) -> None:
    """The charts are plain text of at most 80 columns."""
    shown = run("trends", "--from", "2026-01-01", "--to", "2026-03-31").out
    assert "3 entries on 3 of 90 days" in shown
    assert "3 days at the longest" in shown
    for heading in ("Mood", "Tone", "When you write"):
        assert heading in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


def test_trends_as_json_are_those_of_the_api(run: Run, written: Sequence[Any]) -> None:
    """--json prints what the API answers."""
    found = run(
        "trends", "--from", "2026-03-01", "--to", "2026-03-07", "--bucket", "week", "--json"
    )
    assert found.json["totals"]["entries"] == 3
    assert found.json["bucket"] == "week"
    assert failed(run("trends", "--from", "yesterday"), 2, "2026-11-22")
    assert failed(run("trends", "--from", "2026-03-02", "--to", "2026-03-01"), 2, "to")


def test_trends_of_nothing_are_a_few_words(run: Run) -> None:
    """A period without entries is said to be empty, without charts."""
    run("prompt")
    assert "no entries yet" in run("trends").out
    assert "Mood" not in run("trends").out


def test_a_terminal_gets_colour_and_lines_that_fit(
    run: Run, written: Sequence[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a terminal lists are cut to its width; NO_COLOR takes the colours out."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "50")
    shown = run("list").out
    assert "\x1b[36m" in shown
    plain = re.sub("\x1b\\[[0-9;]*m", "", shown)
    assert max(map(len, plain.splitlines())) <= 50
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in run("list").out


def test_no_text_can_steer_the_terminal(run: Run) -> None:
    """Escape sequences, bells and direction marks in an entry are shown as what they are not."""
    evil = "\x1b[2J\x07\u202eevil\x9b1m"
    run("write", f"Words {evil}", "--title", evil, "--tag", evil)
    id = run("list").out.split()[0]
    for args in (["list"], ["show", id], ["search", "words"], ["insights"], ["trends"]):
        shown = run(*args)
        assert shown.code == 0
        assert not set("\x1b\x07\u202e\x9b") & set(shown.out)
    assert "\x1b" not in run("show", id, "--json").out
    assert run("show", id, "--json").json["content"] == f"Words {evil}"


def test_markup_in_an_entry_is_only_text(run: Run) -> None:
    """Square brackets and colons are printed as they were written."""
    text = "[bold]not bold[/bold] :smile: [/]"
    id = run("write", text).out.split()[0]
    assert text in run("list").out
    assert text in run("show", id).out


def test_a_backup_is_restored(run: Run, written: Sequence[Any]) -> None:
    """What was backed up comes back, into an empty place or over what is there."""
    assert "copy.db" in run("backup", "copy.db").out
    assert failed(run("backup", "copy.db"), 1, "copy.db")
    run("write", "Too late.")
    assert failed(run("restore", "copy.db"), 1, str(JOURNAL), "--force")
    assert len(run("list", "--json").json["items"]) == 4
    for args in (["--force"], ["--store", "sqlite:///other.db"]):
        assert run("restore", "copy.db", *args).code == 0
        found = run("list", *args[-2:] * (len(args) == 2), "--json").json
        assert [entry["id"] for entry in found["items"]] == [e["id"] for e in reversed(written)]
    assert Path("other.db").stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in Path().iterdir()) == ["copy.db", "other.db", "reflekt-data"]


def test_a_restore_reaches_those_who_have_the_journal_open(
    run: Run, written: Sequence[Any]
) -> None:
    """Who has the journal open sees the restored one, and writes to it."""
    run("backup", "copy.db")
    with Reflekt.open(f"sqlite:///{JOURNAL}") as reflekt:
        reflekt.entries.create("Too late.")
        assert run("restore", "copy.db", "--force").code == 0
        assert len(reflekt.entries.list()) == 3
        kept = reflekt.entries.create("After.")
    assert run("list", "--json").json["items"][0]["id"] == str(kept.id)
    assert len(run("list", "--json").json["items"]) == 4


def test_a_busy_journal_is_not_replaced(run: Run, written: Sequence[Any]) -> None:
    """While somebody else writes, a restore fails and changes nothing."""
    run("backup", "copy.db")
    run("write", "Kept.")
    connection = sqlite3.connect(JOURNAL, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        assert failed(run("restore", "copy.db", "--force"), 1, "try again")
    finally:
        connection.close()
    assert len(run("list", "--json").json["items"]) == 4


def foreign(path: Path) -> None:
    """Make a SQLite file of another program."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def newer(path: Path) -> None:
    """Make a backup of a newer Reflekt."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()


def damaged(path: Path) -> None:
    """Overwrite the middle of a file."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(os.urandom(8192))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (Path.unlink, "no file"),
        (lambda path: (path.unlink(), foreign(path)), "not a backup"),
        (lambda path: path.write_bytes(b"Dear diary, " * 999), "not a backup"),
        (newer, "newer"),
        (damaged, "damaged"),
        (lambda path: Path(f"{path}-wal").write_bytes(b"x"), "in use"),
    ],
)
def test_what_is_no_good_backup_replaces_nothing(
    run: Run, written: Sequence[Any], spoil: Callable[[Path], object], said: str
) -> None:
    """A file that is missing, foreign, newer or damaged is refused before anything is touched."""
    run("backup", "copy.db")
    spoil(Path("copy.db"))
    before = JOURNAL.read_bytes()
    assert failed(run("restore", "copy.db", "--force"), 1, "copy.db", said)
    assert JOURNAL.read_bytes() == before
    assert [p.name for p in JOURNAL.parent.iterdir()] == [JOURNAL.name]


def test_a_journal_is_not_restored_from_itself(run: Run, written: Sequence[Any]) -> None:
    """The journal's own file is no backup of it; and only SQLite can be restored."""
    assert failed(run("restore", str(JOURNAL), "--force"), 1, "itself")
    assert failed(run("restore", str(JOURNAL), "--store", "memory://"), 2, "SQLite")


def test_what_is_no_journal_is_never_overwritten(run: Run, written: Sequence[Any]) -> None:
    """Another program's database is left as it is, whatever is forced."""
    run("backup", "copy.db")
    foreign(Path("theirs.db"))
    before = Path("theirs.db").read_bytes()
    result = run("restore", "copy.db", "--force", "--store", "sqlite:///theirs.db")
    assert failed(result, 1, "theirs.db", "not a Reflekt journal")
    assert Path("theirs.db").read_bytes() == before


def test_a_damaged_journal_is_kept_beside_the_restored_one(
    run: Run, written: Sequence[Any]
) -> None:
    """A restore over ruins moves them aside, with the log that lay beside them."""
    run("backup", "copy.db")
    JOURNAL.write_bytes(b"ruin" * 5000)
    JOURNAL.with_name("journal.db-wal").write_bytes(b"old log")
    kept = Path(run("restore", "copy.db", "--force", "--json").json["kept"])
    assert kept.read_bytes() == b"ruin" * 5000
    assert Path(f"{kept}-wal").read_bytes() == b"old log"
    assert len(run("list", "--json").json["items"]) == 3


def test_an_old_log_is_not_played_into_a_restored_journal(run: Run, written: Sequence[Any]) -> None:
    """What a lost journal left beside it does not get into the restored one."""
    run("backup", "copy.db")
    with Reflekt.open(f"sqlite:///{JOURNAL}") as reflekt:
        reflekt.entries.create("Only in the log.")
        log = Path(f"{JOURNAL}-wal").read_bytes()
    JOURNAL.unlink()
    Path(f"{JOURNAL}-wal").write_bytes(log)
    assert run("restore", "copy.db").code == 0
    assert len(run("list", "--json").json["items"]) == 3


@pytest.mark.parametrize("what", ["index", "analytics"])
def test_what_is_derived_is_built_anew(run: Run, written: Sequence[Any], what: str) -> None:
    """A rebuild ends, and leaves search and trends as they were."""
    assert run("rebuild", what, "--json").json["state"] == "done"
    assert run("rebuild", what).out == f"{what}: built anew\n"
    assert len(run("search", "bread", "--json").json["items"]) == 1
    found = run("trends", "--from", "2026-03-01", "--to", "2026-03-03", "--json").json
    assert found["totals"]["entries"] == 3


def test_what_was_set_aside_is_listed_and_tried_again(run: Run, written: Sequence[Any]) -> None:
    """A parked event is shown with its consumer and error, and gone once it is done."""
    with Reflekt.open(f"sqlite:///{JOURNAL}") as reflekt:
        reflekt.drain()
        reflekt.entries.create("Poison.")
        (delivery,) = reflekt.store.outbox.pending(datetime.now(UTC))
        reflekt.store.outbox.settle(delivery, [Retry("insights", 5, None, "assistant_error")])
    shown = run("events", "list")
    assert "insights: assistant_error, 5 tries" in shown.out
    found = run("events", "list", "--json").json
    assert [item["consumer"] for item in found["items"]] == ["insights"]
    assert run("events", "redrive", "--json").json == {"redriven": 1, "backlog": 0}
    assert run("events", "list", "--json").json["items"] == []


def test_a_token_is_printed_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is for that user, role and scope, and for nobody after it expired."""
    monkeypatch.setenv("JWT_SECRET", SECRET)
    scopes = ["--scope", "entries:*", "--scope", "settings:read"]
    args = ["--user", "ana", "--role", "reader", *scopes, "--expires", "30m"]
    (token,) = run("token", *args).out.splitlines()
    now = datetime.now(UTC)
    actor = TokenVerifier(secret=SECRET).verify(token, now)
    granted = {Permission.ENTRIES_READ, Permission.SETTINGS_READ}
    assert (actor.user_id, actor.permissions) == ("ana", granted)
    with pytest.raises(Unauthenticated):
        TokenVerifier(secret=SECRET).verify(token, now.replace(year=now.year + 1))


def test_a_token_needs_a_secret_and_sense(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service's secret there is no token; what cannot be granted is named."""
    assert failed(run("token"), 1, "reflekt-data", "reflekt serve", "--data")
    assert not JOURNAL.parent.exists()
    monkeypatch.setenv("JWT_SECRET", SECRET)
    assert failed(run("token", "--expires", "forever"), 2, "1h")
    assert failed(run("token", "--scope", "everything"), 2, "scope", "entries:read")
    assert failed(run("token", "--role", "king"), 2, "'user', 'reader', 'admin'")
    monkeypatch.setenv("JWT_MAX_LIFETIME_SECONDS", "600")
    assert failed(run("token"), 2, "--expires", "600s")


def test_a_secret_that_others_may_read_is_refused(run: Run) -> None:
    """A secret file that is not its owner's alone is not used."""
    path = Path("mine/jwt-secret")
    path.parent.mkdir()
    path.write_text(SECRET)
    path.chmod(0o640)
    assert failed(run("token", "--data", "mine"), 1, str(path), "chmod 600")
    path.chmod(0o600)
    assert run("token", "--data", "mine").code == 0


def test_a_wrong_setting_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that cannot be understood stops every command with its name."""
    monkeypatch.setenv("REFLEKT_TRASH_DAYS", "many")
    assert failed(run("write", "Hi"), 1, "REFLEKT_TRASH_DAYS", "3650")


COMMANDS = (
    "serve",
    "token",
    "write",
    "list",
    "show",
    "search",
    "insights",
    "prompt",
    "trends",
    "providers check",
    "providers evaluate",
    "backup",
    "restore",
    "rebuild",
    "events list",
    "events redrive",
    "completion",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    """--help of each command says what it does and gives examples; the overview names it."""
    result = run(*command.split(), "--help")
    assert result.code == 0
    assert "Examples:" in result.out
    assert f"\n  reflekt {command}" in result.out
    assert f"\n  {command.split(maxsplit=1)[0]} " in run("--help").out


def test_without_a_command_there_is_help(run: Run) -> None:
    """Bare `reflekt` prints what there is; a bare group is a usage error."""
    result = run()
    assert (result.code, result.out) == (0, run("--help").out)
    assert failed(run("events"), 2, "Missing command", "events --help")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_get_a_completion_script(run: Run, shell: str) -> None:
    """The script calls reflekt back for what can be completed."""
    script = run("completion", shell).out
    assert "_REFLEKT_COMPLETE" in script
    assert f"{shell}_complete" in script


def process(*args: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run Python with *args*."""
    return subprocess.run(
        [sys.executable, *args], check=False, capture_output=True, text=True, **settings
    )


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    """What was typed is completed to commands and options."""
    for words, expected in (("reflekt wr", "plain,write"), ("reflekt write --mo", "plain,--mood")):
        env = {
            **os.environ,
            "_REFLEKT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(words.count(" ")),
        }
        done = process("-m", "reflekt_core", env=env, cwd=tmp_path)
        assert expected in done.stdout.splitlines()


def test_a_start_loads_only_what_it_needs(tmp_path: Path) -> None:
    """Help and writing load neither rich, nor the HTTP part, nor the assistant."""
    for args, unwanted in (
        (["--help"], "rich waitress cattrs sqlite3 reflekt_core.app reflekt_core.rest"),
        (
            ["write", "Hi"],
            "rich waitress reflekt_core.rest reflekt_core.providers.local cryptography",
        ),
    ):
        code = (
            f"import sys; from reflekt_core.cli import main; main({args}); "
            f"sys.exit(', '.join(set({unwanted.split()}) & set(sys.modules)))"
        )
        done = process("-c", code, cwd=tmp_path)
        assert done.stderr.strip() == ""


def test_the_module_runs_and_says_its_version(tmp_path: Path) -> None:
    """`python -m reflekt_core` is reflekt, and exits as it does."""
    done = process("-m", "reflekt_core", "--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("reflekt, version ")
    assert process("-m", "reflekt_core", "list", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("missing", ["click", "rich", "waitress"])
def test_a_missing_extra_is_one_clear_line(tmp_path: Path, missing: str) -> None:
    """Without what the extra brings, every command says how to get it."""
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from reflekt_core.cli import main; "
        "sys.exit(main(['serve' if sys.argv[1] == 'waitress' else 'list']))"
    )
    done = process("-c", code, missing, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pip install 'reflekt-journal[serve]'" in line


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install a distribution that adds commands."""
    site = tmp_path / "site"
    info = site / "reflekt_fake-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reflekt-fake\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[reflekt.commands]\nfake = reflekt_fake:fake\nlist = reflekt_fake:fake\n"
        "gone = reflekt_gone:gone\nodd = reflekt_fake:odd\nfails = reflekt_fake:fails\n"
    )
    (site / "reflekt_fake.py").write_text(
        "import click\nodd = 7\n"
        "@click.command()\ndef fake():\n    click.echo('from outside')\n"
        "@click.command()\ndef fails():\n    raise ValueError('Dear diary')\n"
    )
    monkeypatch.syspath_prepend(site)
    from reflekt_core.cli.commands import root  # noqa: PLC0415 - not without click

    root.__dict__.pop("_plugins", None)
    yield
    root.__dict__.pop("_plugins", None)
    sys.modules.pop("reflekt_fake", None)


@pytest.mark.usefixtures("plugin")
def test_other_packages_add_commands(run: Run) -> None:
    """An entry point is a command; it takes none of ours away, and may be broken."""
    assert run("fake").out == "from outside\n"
    assert "From reflekt-fake." in run("--help").out
    assert failed(run("list"), 1, "no journal")
    assert failed(run("gone"), 1, "reflekt_gone", "ModuleNotFoundError")
    assert failed(run("odd"), 1, "not a click command")


@pytest.mark.usefixtures("plugin")
def test_an_unexpected_failure_is_one_line_without_text(run: Run) -> None:
    """A bug is told by its kind and place, never by its message, which may quote the journal."""
    result = run("fails")
    assert failed(result, 1, "ValueError", "reflekt_fake.py")
    assert "diary" not in result.err
