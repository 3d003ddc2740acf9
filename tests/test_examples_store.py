"""The store in `examples/custom_store` is one: it passes the contract, and keeps what it was given."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import ConfigurationError, StoreError, Unavailable
from reflekt_core.model.entries import EntryFilter
from reflekt_core.ports import Cipher, PlainText, Store
from reflekt_core.stores import STORES, open_store
from reflekt_core.testing import StoreContract, an_entry

from .example_programs import EXAMPLES, imported, ran

EXAMPLE = EXAMPLES / "custom_store"


@pytest.fixture
def module() -> Iterator[Any]:
    """The module of the store."""
    with imported(EXAMPLE / "store.py") as module:
        yield module


@pytest.fixture
def url(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a journal, whose scheme is known."""
    assert module
    monkeypatch.setitem(STORES, "documents", "store:DocumentStore")
    return f"documents:///{tmp_path}/journal.db"


class TestDocumentStore(StoreContract):
    """The contract."""

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        """Give an empty store."""
        opened = open_store(url)
        yield opened
        opened.close()


class Reversing(Cipher):
    """Seals by turning around: enough to see whether it is asked."""

    def seal(self, user_id: str, record: str, plain: bytes) -> bytes:
        """Return *plain* turned around."""
        return plain[::-1]

    def open(self, user_id: str, record: str, sealed: bytes) -> bytes:
        """Turn it around again."""
        return sealed[::-1]


def test_what_was_written_is_there_after_opening_again(url: str) -> None:
    """Also for another store on the same file at the same time, as in another process."""
    entry = an_entry("Kept.")
    with closing(open_store(url)) as one, closing(open_store(url)) as other:
        one.entries.put(one.accounts.get("me"), entry, replaces=None)
        assert other.entries.get("me", entry.id) == entry
    with closing(open_store(url)) as again:
        assert list(again.entries.list("me", EntryFilter())) == [entry]


def test_the_file_is_its_owners_alone(url: str, tmp_path: Path) -> None:
    """Nobody else on the machine may read it, nor a backup."""
    with closing(open_store(url)) as store:
        store.backup(str(tmp_path / "copy.db"))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_backup_is_a_journal_and_replaces_nothing(url: str, tmp_path: Path) -> None:
    """The copy opens with what was there; a file that exists is left as it is."""
    entry = an_entry("Kept.")
    copy = tmp_path / "copy.db"
    with closing(open_store(url)) as store:
        store.entries.put(store.accounts.get("me"), entry, replaces=None)
        store.backup(str(copy))
        before = copy.read_bytes()
        with pytest.raises(StoreError, match="File exists"):
            store.backup(str(copy))
        assert copy.read_bytes() == before
    with closing(open_store(f"documents:///{copy}")) as kept:
        assert kept.entries.get("me", entry.id) == entry


def test_what_is_kept_is_sealed(url: str, tmp_path: Path) -> None:
    """A cipher sees every document, and without it nothing can be read."""
    with Reflekt.open(url, cipher=Reversing()) as reflekt:
        id = reflekt.entries.create("A kanarienvogel.").id
        assert reflekt.entries.get(id).content == "A kanarienvogel."
    assert b"kanarienvogel" not in (tmp_path / "journal.db").read_bytes()
    with closing(open_store(url)) as store, pytest.raises(StoreError, match="damaged"):
        store.entries.get("me", id)


def test_a_file_that_somebody_holds_is_busy(url: str, module: Any, tmp_path: Path) -> None:
    """Whoever waits too long is told to try again, and nothing was written."""
    with closing(open_store(url)) as store:
        assert isinstance(store, module.DocumentStore)
        store._documents._connection.execute("PRAGMA busy_timeout = 0")
        with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable):
                store.accounts.get("me")
        assert store.entries.counts("me").entries == 0


@pytest.mark.parametrize(
    "wrong", ["documents://", "documents:///", "documents://journal.db", "documents:journal.db"]
)
def test_an_address_without_a_file_is_refused(url: str, wrong: str) -> None:
    """Nothing is kept where nobody would find it again; the error says what an address is like."""
    with pytest.raises(ConfigurationError, match="documents://"):
        open_store(wrong)


def test_no_name_stands_for_memory(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What SQLite would keep in memory is a file, also as a backup."""
    monkeypatch.chdir(tmp_path)
    entry = an_entry("Kept.")
    with closing(open_store(url)) as store:
        store.entries.put(store.accounts.get("me"), entry, replaces=None)
        store.backup(":memory:")
    with closing(open_store("documents:///:memory:")) as kept:
        assert kept.entries.get("me", entry.id) == entry


@pytest.mark.parametrize("place", ["nowhere/journal.db", "."])
def test_a_place_that_cannot_be_used_is_named(url: str, tmp_path: Path, place: str) -> None:
    """The error says where, and nothing of what is kept."""
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(f"documents:///{tmp_path}/{place}")


def test_what_is_no_journal_is_refused(url: str, tmp_path: Path) -> None:
    """A file of another kind stays as it is."""
    (tmp_path / "journal.db").write_bytes(b"not a database at all" * 99)
    with pytest.raises(StoreError, match="cannot be used"):
        open_store(url)
    assert (tmp_path / "journal.db").read_bytes() == b"not a database at all" * 99


def test_a_program_cut_off_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    """A process that is killed in the midst of writing loses nothing that was told to be written."""
    done = ran("-c", WRITES_AND_DIES, EXAMPLE, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL
    with imported(EXAMPLE / "store.py") as module:
        store = module.DocumentStore(f"documents:///{tmp_path}/journal.db", PlainText())
        with closing(store):
            assert f"{store.entries.counts('me').entries}" == done.stdout.split()[-1] == "20"
            assert store.outbox.backlog() == 20


WRITES_AND_DIES = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from store import DocumentStore
from reflekt_core.ports import PlainText
from reflekt_core.testing import an_entry
store = DocumentStore("documents:///journal.db", PlainText())
for number in range(20):
    store.entries.put(store.accounts.get("me"), an_entry(f"{number}"), replaces=None)
print(number + 1, flush=True)
with store._documents.transaction() as transaction:
    transaction.keep("me", "half", an_entry("half"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    """It finds what it wrote; a place that cannot be used is told in a line."""
    done = ran(EXAMPLE, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "found: Swam to the <mark>buoy</mark>" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["journal.db"]
    done = ran(EXAMPLE, "nowhere/journal.db", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "journal" in ran(EXAMPLE, "--help", cwd=tmp_path).stdout
