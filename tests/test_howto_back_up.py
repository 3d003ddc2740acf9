"""What the page on backups promises, with a process that goes on writing."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
from botocore.session import Session

from reflekt_core import Reflekt
from reflekt_core.model.paging import through
from reflekt_core.stores.dynamodb.tables import TABLES

from .dynamodb_emulator import Emulator
from .howto_pages import DOCS
from .test_cli import JOURNAL, Run, failed, run, written

__all__ = ["run", "written"]  # fixtures

PAGE = (DOCS / "how-to/back-up.md").read_text("utf-8")
STORE = f"sqlite:///{JOURNAL}"
WRITER = """
from itertools import count
from reflekt_core import Reflekt
with Reflekt.open("%s") as journal:
    for number in count():
        print(journal.entries.create(f"Entry {number}, written meanwhile.").id, flush=True)
"""


@attrs.frozen
class Writer:
    """A process that writes entries, and says the id of each once it is acknowledged."""

    process: "subprocess.Popen[str]"

    def acknowledged(self, count: int) -> list[str]:
        """Return the ids of the next *count* entries."""
        assert self.process.stdout
        return [self.process.stdout.readline().strip() for _ in range(count)]


@pytest.fixture
def writer(run: Run, written: Sequence[Any]) -> Iterator[Writer]:
    """Go on writing to the journal of the default folder."""
    code = WRITER % STORE
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    yield Writer(process)
    process.kill()
    process.communicate()


def ids_in(path: str) -> set[str]:
    """Return the ids of all entries in a journal."""
    with Reflekt.open(f"sqlite:///{path}") as journal:
        pages = through(lambda after: journal.entries.list(after=after, limit=100))
        return {str(entry.id) for entry in pages}


def test_a_backup_holds_every_write_that_was_acknowledged_before(run: Run, writer: Writer) -> None:
    """It is whole, restores to a journal that can be searched, and others wrote meanwhile."""
    before = writer.acknowledged(40)
    assert run("backup", "copy.db").code == 0
    later = writer.acknowledged(40)[-1]
    assert later in ids_in(str(JOURNAL))
    assert later not in ids_in("copy.db")
    assert set(before) <= ids_in("copy.db")
    with closing(sqlite3.connect("copy.db")) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert run("restore", "copy.db", "--store", "sqlite:///try-out.db").code == 0
    found = run("search", "meanwhile", "--store", "sqlite:///try-out.db", "--limit", "10", "--json")
    assert len(found.json["items"]) == 10


def test_a_copy_of_the_file_alone_lacks_what_was_written_last(
    run: Run, written: Sequence[Any]
) -> None:
    """This is why the page says not to: what is new is in the log beside the file."""
    with Reflekt.open(STORE) as journal:
        new = journal.entries.create("The last one.")
        shutil.copy(JOURNAL, "copied.db")
        assert run("backup", "copy.db").code == 0
    assert str(new.id) in ids_in("copy.db")
    assert str(new.id) not in ids_in("copied.db")


def test_what_was_erased_since_comes_back_with_a_backup(run: Run, written: Sequence[Any]) -> None:
    """Restoring undoes erasures, and says so by what is there; erasing again works."""
    run("backup", "copy.db")
    with Reflekt.open(STORE) as journal:
        assert journal.account.delete(confirm="me").state == "done"
        assert len(journal.entries.list()) == 0
        assert run("restore", "copy.db", "--force").code == 0
        assert len(journal.entries.list()) == len(written)
        journal.account.delete(confirm="me")
        assert len(journal.entries.list()) == 0


def test_a_secret_for_tokens_is_not_in_a_backup(run: Run, written: Sequence[Any]) -> None:
    """Whoever has a backup cannot make tokens."""
    secret = Path("reflekt-data/jwt-secret")
    secret.write_text("Jm4vY9wQe2Zt7uKx0aRb5cPd8fGh3iLn6oSq1TyUz_W\n")
    secret.chmod(0o600)
    run("backup", "copy.db")
    assert secret.read_bytes().strip() not in Path("copy.db").read_bytes()
    assert f"`{secret}`" in PAGE


def test_an_import_turns_nothing_back(run: Run, written: Sequence[Any]) -> None:
    """What was changed stays changed, and what was deleted for good stays deleted."""
    run("export", "me.ndjson")
    with Reflekt.open(STORE) as journal:
        kept, gone, _ = journal.entries.list()
        journal.entries.update(kept.id, content="Changed since.")
        journal.entries.delete(gone.id, permanent=True)
        assert run("import", "me.ndjson", "--json").json["added"] == 0
        assert journal.entries.get(kept.id).content == "Changed since."
        assert str(gone.id) not in ids_in(str(JOURNAL))


def test_an_export_after_erasure_comes_back_whole(run: Run, written: Sequence[Any]) -> None:
    """That is how one user's journal is turned back: erased, then imported."""
    run("export", "me.ndjson")
    before = ids_in(str(JOURNAL))
    with Reflekt.open(STORE) as journal:
        journal.entries.delete(journal.entries.list().items[0].id, permanent=True)
        journal.account.delete(confirm="me")
        journal.drain()
    assert run("import", "me.ndjson").code == 0
    assert ids_in(str(JOURNAL)) == before


def test_restored_tables_can_be_read_and_taken_out(run: Run, dynamodb: Emulator) -> None:
    """Tables under another prefix answer; without functions on them, a rebuild is left lying."""
    live, restored = dynamodb.url(), dynamodb.url()
    for number in range(3):
        assert run("write", f"We swam {number}.", "--store", live, "--user", "ana").code == 0
    copy_tables(dynamodb.endpoint, prefix(live), prefix(restored))
    there = ("--store", restored, "--user", "ana")
    assert len(run("list", *there, "--json").json["items"]) == 3
    assert len(run("search", "swam", *there, "--json").json["items"]) == 3
    assert run("export", "ana.ndjson", *there, "--json").json["records"] == 3
    assert (
        run("import", "ana.ndjson", "--store", live, "--user", "ana", "--json").json["added"] == 0
    )
    said = run("rebuild", "index", *there).out.strip()
    assert f"`{said}`" in PAGE
    assert failed(run("backup", "x.db", "--store", live), 1, "point-in-time recovery")
    said = run("backup", "x.db", "--store", live).err.removeprefix("reflekt: ").strip()
    assert said in " ".join(PAGE.split())


def prefix(url: str) -> str:
    """Return the prefix of a store's tables."""
    return urlsplit(url).netloc


def copy_tables(endpoint: str, source: str, target: str) -> None:
    """Do what a restore does: the same items, in tables of other names."""
    client = Session().create_client("dynamodb", "eu-west-1", endpoint_url=endpoint)
    for table in TABLES:
        for item in client.scan(TableName=f"{source}-{table}")["Items"]:
            client.put_item(TableName=f"{target}-{table}", Item=item)
    client.close()
