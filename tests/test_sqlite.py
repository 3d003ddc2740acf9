"""What the embedded store promises beyond the contract of every store."""

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import attrs
import pytest

from reflekt_core.errors import (
    ConfigurationError,
    StoreError,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model import paging
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import (
    Entry,
    EntryDraft,
    EntryFilter,
    Order,
    Tombstone,
    new_entry,
    trashed,
)
from reflekt_core.model.events import Event, EventKind, Retry
from reflekt_core.model.feelings import Sentiment, SentimentLabel
from reflekt_core.model.insights import Analysis, Insight, Provenance, Topic
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.search import Match, parse
from reflekt_core.ports import Cipher, PlainText
from reflekt_core.stores.sqlite import SQLiteStore, database, search
from reflekt_core.stores.sqlite.schema import MIGRATIONS

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
ME = Account("me")
SPACE = UUID("6ba7b812-9dad-11d1-80b4-00c04fd430c8")


def entry(number: int, content: str = "We swam until the sun set.", **fields: Any) -> Entry:
    """Return the entry *number*, one an hour."""
    return new_entry(
        EntryDraft(content, **fields),
        id=uuid5(SPACE, str(number)),
        time_zone="UTC",
        day_start_hour=0,
        now=NOW - timedelta(hours=number),
    )


def open_at(path: Path, cipher: Cipher | None = None, *, timeout: float = 5) -> SQLiteStore:
    """Return the store at *path*."""
    return SQLiteStore(f"sqlite:///{path}?timeout={timeout}", cipher or PlainText())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "journal.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    """An empty journal."""
    with closing(open_at(path)) as opened:
        yield opened


def write(store: SQLiteStore, count: int, account: Account = ME, **fields: Any) -> list[Entry]:
    """Store *count* entries, the newest first, and return them."""
    written = [entry(number, **fields) for number in range(count)]
    for one in written:
        store.entries.put(account, one, replaces=None)
    return written


@contextmanager
def connection(store: SQLiteStore) -> Iterator[sqlite3.Connection]:
    """The one connection of a store that one thread uses."""
    with store._database.reading() as lent:
        yield lent


# Where a journal lies.


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:journal.db",
        "sqlite:///journal.db?timeout=soon",
        "sqlite:///journal.db?timeout=-1",
        "sqlite:///journal.db?timeout=nan",
        "sqlite:///journal.db?cache=shared",
    ],
)
def test_wrong_url(url: str) -> None:
    """A URL that names no file says how one is written."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///journal\.db"):
        SQLiteStore(url, PlainText())


def test_relative_and_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes begin a relative path, four an absolute one."""
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///here.db", f"sqlite:///{tmp_path}/there.db"):
        SQLiteStore(url, PlainText()).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["here.db", "there.db"]


def test_folder_must_exist(tmp_path: Path) -> None:
    """A missing folder is named, not made."""
    with pytest.raises(StoreError, match=r"folder .*nowhere does not exist"):
        open_at(tmp_path / "nowhere" / "journal.db")


def test_files_are_private(store: SQLiteStore, path: Path) -> None:
    """Only its owner may read a journal, its log and its copies."""
    write(store, 1)
    store.backup(str(path.with_name("copy.db")))
    modes = {p.name: p.stat().st_mode & 0o777 for p in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ["copy.db", "journal.db", "journal.db-shm", "journal.db-wal"], 0o600
    )


# The schema.


def test_migrations_go_forward(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal of an older schema is brought up to date when opened, with all it holds."""
    with closing(open_at(path)) as store:
        written = write(store, 3)
    more = ("CREATE TABLE later (x)", "INSERT INTO later VALUES (1)")
    monkeypatch.setattr(database, "MIGRATIONS", (*MIGRATIONS, more))
    for _ in range(2):
        with closing(open_at(path)) as store, connection(store) as c:
            assert c.execute("SELECT x FROM later").fetchall() == [(1,)]
            assert c.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS) + 1,)
            assert store.entries.list("me", EntryFilter()).items == tuple(written)


def test_migrations_are_applied_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that another process makes first is not made again."""
    open_at(path).close()
    monkeypatch.setattr(database.Database, "_version", lambda *_: 0)  # as it was just before
    with closing(open_at(path)) as store:
        write(store, 1)


def test_failed_migration(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails midway leaves the journal as it was."""
    with closing(open_at(path)) as store:
        written = write(store, 1)
    with monkeypatch.context() as patched:
        broken = ("CREATE TABLE later (x)", "no SQL")
        patched.setattr(database, "MIGRATIONS", (*MIGRATIONS, broken))
        with pytest.raises(StoreError):
            open_at(path)
    with closing(open_at(path)) as store, connection(store) as c:
        assert store.entries.list("me", EntryFilter()).items == tuple(written)
        tables = c.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'later'").fetchone()
        assert tables == (0,)


def test_newer_journal_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal written by a newer Reflekt is refused in clear words, and left as it is."""
    with monkeypatch.context() as patched:
        patched.setattr(database, "MIGRATIONS", (*MIGRATIONS, ("CREATE TABLE later (x)",)))
        open_at(path).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer Reflekt"):
        open_at(path)
    assert path.read_bytes() == before


def test_foreign_files_are_refused(path: Path) -> None:
    """A file that is something else is refused, and left as it is."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (x)")
    text = path.with_name("notes.txt")
    text.write_text("Dear diary, " * 1000)
    for foreign in (path, text):
        before = foreign.read_bytes()
        with pytest.raises(StoreError, match="not a Reflekt journal"):
            open_at(foreign)
        assert foreign.read_bytes() == before
        assert sorted(path.parent.iterdir()) == [path, text]


def test_durable(store: SQLiteStore) -> None:
    """Every connection flushes each commit to the disk, and overwrites what it deletes."""
    with connection(store), connection(store) as second:
        for pragma, value in {
            "journal_mode": "wal",
            "synchronous": 2,
            "fullfsync": 1,
            "secure_delete": 1,
            "temp_store": 2,
        }.items():
            assert second.execute(f"PRAGMA {pragma}").fetchone() == (value,), pragma


# When the disk or somebody else is in the way.


def test_locked(store: SQLiteStore, path: Path) -> None:
    """While another program holds the lock a write is put off, and reading goes on."""
    (written,) = write(store, 1)
    with (
        closing(open_at(path, timeout=0.01)) as late,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="try again"):
            late.entries.put(ME, entry(1), replaces=None)
        assert late.entries.get("me", written.id) == written
        other.execute("ROLLBACK")
        late.entries.put(ME, entry(1), replaces=None)
    assert store.entries.counts("me") == Counts(2)


def test_busy_writers(path: Path) -> None:
    """A thread that waits too long for another one's write is told to try again."""
    with closing(open_at(path, timeout=0.01)) as store:
        with store._database.writing(), pytest.raises(Unavailable, match="try again"):
            store.entries.put(ME, entry(1), replaces=None)
        store.entries.put(ME, entry(1), replaces=None)


def test_refused_write(store: SQLiteStore) -> None:
    """A refused write leaves nothing behind, not even an open transaction."""
    write(store, 1)
    with pytest.raises(VersionConflict):
        store.entries.put(ME, entry(0), replaces=None)
    write(store, 1, Account("you"))
    assert store.entries.counts("me") == store.entries.counts("you") == Counts(1)


def test_full_disk(path: Path) -> None:
    """A full disk is said so; what was there stays, and writing goes on when there is room."""
    with closing(open_at(path)) as store:
        written = write(store, 3)
        with connection(store) as c:
            (pages,) = c.execute("PRAGMA page_count").fetchone()
            c.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="disk is full"):
            store.entries.put(ME, entry(3, "long " * 10_000), replaces=None)
        assert store.entries.list("me", EntryFilter()).items == tuple(written)
        assert store.entries.counts("me") == Counts(3)
        assert len(store.outbox.pending(NOW)) == 3
        with connection(store) as c:
            c.execute("PRAGMA max_page_count = 1000000")
        store.entries.put(ME, entry(3, "long " * 10_000), replaces=None)
        assert len(store.search.search("me", parse("long"), EntryFilter())) == 1


READ_ONLY = """
    import os, sys
    from reflekt_core.errors import StoreError
    from reflekt_core.model.accounts import Account
    from reflekt_core.model.entries import Tombstone
    from reflekt_core.ports import PlainText
    from reflekt_core.stores.sqlite import SQLiteStore
    from datetime import UTC, datetime
    from uuid import UUID

    if os.geteuid() == 0:  # for root, nothing is read-only
        os.seteuid(65534)
    try:
        store = SQLiteStore("sqlite:///journal.db", PlainText())
        store.entries.put(
            Account("me"), Tombstone(UUID(int=1), 1, datetime.now(UTC)), replaces=None
        )
    except StoreError as error:
        print(error)
"""


@pytest.mark.parametrize(("file", "folder"), [(0o444, 0o777), (0o444, 0o555), (0o000, 0o555)])
def test_read_only(path: Path, file: int, folder: int) -> None:
    """A file or folder that may not be written to is said so in one clear error."""
    with closing(open_at(path)) as store:
        write(store, 1)
    before = path.read_bytes()
    path.chmod(file)
    path.parent.chmod(folder)
    # The folder is entered before root's rights are given up, for those above it are private.
    done = run(READ_ONLY, cwd=path.parent)
    path.parent.chmod(0o777)
    path.chmod(0o600)
    assert done.startswith("the journal's file"), done
    assert path.read_bytes() == before


def test_deleted_file(path: Path) -> None:
    """What would be written to a file that is gone is refused; once it is back, writing goes on."""
    aside = path.with_suffix(".aside")
    with closing(open_at(path)) as store:
        (written,) = write(store, 1)
        path.rename(aside)
        with pytest.raises(StoreError, match="deleted, moved or replaced"):
            store.entries.put(ME, entry(1), replaces=None)
        path.touch()
        with pytest.raises(StoreError, match="deleted, moved or replaced"):
            store.entries.put(ME, entry(1), replaces=None)
        aside.replace(path)
        assert store.entries.list("me", EntryFilter()).items == (written,)
        store.entries.put(ME, entry(1), replaces=None)
        assert store.entries.counts("me") == Counts(2)


def test_no_second_file(path: Path) -> None:
    """In the place of a file that is gone no empty one is made, however many ask at once."""
    with closing(open_at(path)) as store:
        write(store, 1)
        path.unlink()
        with store._database.reading(), pytest.raises(StoreError, match="cannot be opened"):
            store.entries.get("me", UUID(int=1))
        assert not path.exists()


@pytest.mark.parametrize("name", ["a b.db", "50%25.db", "#1.db", "день.db"])
def test_any_file_name(tmp_path: Path, name: str) -> None:
    """The file lies where its name says, whatever that means in a URL."""
    with closing(open_at(tmp_path / name)) as store:
        (written,) = write(store, 1)
    with closing(open_at(tmp_path / name)) as store:
        assert store.entries.get("me", written.id) == written
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_damaged_file(path: Path) -> None:
    """A damaged file is said to be one, without a word of what it holds."""
    with closing(open_at(path)) as store:
        write(store, 200)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreError, match="damaged") as caught, closing(open_at(path)) as store:
        store.entries.list("me", EntryFilter())
    assert caught.value.__cause__ is None


def test_closed(path: Path) -> None:
    """A closed store says so, and may be closed again."""
    store = open_at(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.entries.get("me", UUID(int=1))


def test_closed_in_use(store: SQLiteStore, path: Path) -> None:
    """A store that is closed while a thread uses it lets go of the file when that is done."""
    write(store, 1)
    with connection(store) as c:
        store.close()
        assert c.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_opening_waits(path: Path) -> None:
    """Opening a new journal waits for another process that is just making it."""
    path.touch()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            open_at(path, timeout=0.01)
        timer = threading.Timer(0.05, other.execute, ["ROLLBACK"])
        timer.start()
        open_at(path).close()
        timer.join()


# Many at once.


WRITER = """
import sys
from contextlib import closing
from uuid import UUID

from reflekt_core.errors import ReflektError
from reflekt_core.model.accounts import Account
from reflekt_core.model.categories import Category
from reflekt_core.stores import open_store
from reflekt_core.testing import an_entry

path, start = sys.argv[1], int(sys.argv[2])
me, space = Account("me"), UUID(int=7)
with closing(open_store(f"sqlite:///{path}?timeout=60")) as store:
    shared = store.records(Category)
    for number in range(start, start + 25):
        store.entries.put(me, an_entry(id=UUID(int=number), tags=("sea",)), replaces=None)
        while True:
            before = shared.get("me", "shared")
            after = Category(space, "Shared", None, None, before.version + 1 if before else 1)
            try:
                shared.put(me, "shared", after, replaces=before.version if before else None)
            except ReflektError:
                continue
            break
"""


def test_processes(path: Path) -> None:
    """Several processes make and use one journal at once, and nothing is lost."""
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(start)])
        for start in (0, 25, 50)
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with closing(open_at(path)) as store:
        assert store.entries.counts("me") == Counts(75)
        assert [c.sequence for c in store.entries.changes("me", limit=100)] == [*range(1, 76)]
        assert [tag.count for tag in store.entries.tags("me")] == [75]
        shared = store.records(Category).get("me", "shared")
        assert shared is not None
        assert shared.version == 75
        assert len(store.outbox.pending(NOW)) == 75


def test_threads_and_their_connections(path: Path) -> None:
    """Threads share a store; closing it lets go of the file, also where threads have ended."""
    store = open_at(path)

    def work(start: int) -> None:
        for number in range(start, start + 10):
            store.entries.put(ME, entry(number), replaces=None)
            assert store.entries.get("me", entry(number).id) is not None

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 60, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [c.sequence for c in store.entries.changes("me", limit=100)] == [*range(1, 61)]
    assert len(store._database._pool.idle) <= len(threads)
    store.close()
    assert [p.name for p in path.parent.iterdir()] == [path.name]


FORK = """
    import os, sys
    from contextlib import closing
    from datetime import UTC, datetime
    from uuid import UUID
    from reflekt_core.model.accounts import Account
    from reflekt_core.model.entries import Tombstone
    from reflekt_core.ports import PlainText
    from reflekt_core.stores.sqlite import SQLiteStore

    store = SQLiteStore("sqlite:///journal.db", PlainText())

    def write(number):
        gone = Tombstone(UUID(int=number), 1, datetime.now(UTC))
        store.entries.put(Account("me"), gone, replaces=None)

    write(1)
    inherited = list(store._database._pool.idle)
    child = os.fork()
    if child == 0:
        write(2)
        ours = store._database._pool.idle
        os._exit(any(c in inherited for c in ours))
    assert os.waitpid(child, 0)[1] == 0
    write(3)
    print(len(store.entries.changes("me")))
    store.close()
"""


def test_fork(tmp_path: Path) -> None:
    """A forked process opens the journal anew and leaves its parent's connections alone."""
    assert run(FORK, cwd=tmp_path) == "3"


def run(script: str, cwd: Path) -> str:
    """Return what *script* prints in a process of its own, which must not warn."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(script)]
    source = {"PYTHONPATH": os.pathsep.join(str(Path(p).absolute()) for p in sys.path if p)}
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | source, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.strip()


# Copies.


def test_backup_while_writing(store: SQLiteStore, path: Path) -> None:
    """A copy made while others write is whole: a moment between two writes."""
    write(store, 20)
    copy = path.with_name("copy.db")
    stop = threading.Event()

    def go_on() -> None:
        number = 20
        while not stop.is_set():
            store.entries.put(ME, entry(number), replaces=None)
            number += 1

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        store.backup(str(copy))
    finally:
        stop.set()
        thread.join()
    with closing(open_at(copy)) as copied, connection(copied) as c:
        assert c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count = copied.entries.counts("me").entries
        assert count >= 20
        assert c.execute("SELECT count(*) FROM entry").fetchone() == (count,)
        assert c.execute("SELECT sequence FROM head").fetchone() == (count,)


def test_backup_needs_a_new_file(store: SQLiteStore, path: Path) -> None:
    """A backup never writes over a file, and leaves nothing behind when it fails."""
    copy = path.with_name("copy.db")
    copy.write_text("precious")
    with pytest.raises(StoreError, match="exists already"):
        store.backup(str(copy))
    assert copy.read_text() == "precious"
    with pytest.raises(StoreError, match="does not exist"):
        store.backup(str(path.parent / "nowhere" / "copy.db"))
    copy.unlink()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.backup(str(copy))
    assert not copy.exists()


# What is deleted is gone.


CANARY = "zanzibarquagga"


def files_hold(path: Path, word: str) -> bool:
    """Tell whether *word* is anywhere in the journal's files."""
    return any(word.encode() in p.read_bytes() for p in path.parent.iterdir())


def test_deleted_text_leaves_the_files(store: SQLiteStore, path: Path) -> None:
    """After an entry is deleted for good and the journal tidied, no file holds its words."""
    write(store, 30)
    secret = entry(30, f"I saw a {CANARY} by the road.", title=CANARY, tags=(CANARY,))
    store.entries.put(ME, secret, replaces=None)
    write(store, 30, Account("you"))
    store.entries.put(ME, trashed(secret, NOW), replaces=1)
    assert files_hold(path, CANARY)
    store.entries.put(ME, Tombstone(secret.id, 3, NOW), replaces=2)
    assert store.purge_expired(NOW) == 0
    assert not files_hold(path, CANARY)
    assert len(store.search.search("me", parse("swam"), EntryFilter(), limit=50)) == 30


def fill(store: SQLiteStore, account: Account) -> Job:
    """Put one of everything under *account*; return the job that would erase it."""
    secret = entry(99, f"A {CANARY}, {'and another ' * 300}", title=CANARY, tags=(CANARY, "sea"))
    store.entries.put(account, secret, replaces=None)
    store.entries.put(account, Tombstone(UUID(int=5), 1, NOW), replaces=None)
    store.insights.put(account, insight(secret))
    store.aggregates.apply(account, secret.id, 1, entry_facts(secret))
    category = Category(SPACE, CANARY, None, None, 1)
    store.records(Category).put(account, "one", category, replaces=None)
    last = store.outbox.pending(NOW)[-1]
    store.outbox.settle(last, [Retry("insights", 9, None, "broken")])
    return Job(SPACE, JobKind.ERASE_ACCOUNT, JobState.RUNNING, 0, None, NOW, NOW)


def insight(of: Entry) -> Insight:
    """Return an insight that speaks of the canary."""
    analysis = Analysis(
        sentiment=Sentiment(SentimentLabel.POSITIVE, 0.5, 0.9),
        emotions=(),
        topics=(Topic(CANARY, 1.0),),
        summary=f"About a {CANARY}.",
        questions=(),
        observations=(),
    )
    provenance = Provenance("local", "m", "1", NOW)
    return Insight(of.id, of.version, of.content_version, analysis, provenance)


def test_erased_accounts_leave_the_files(store: SQLiteStore, path: Path) -> None:
    """After an erasure no file holds a word of the account, and others' journals are whole."""
    kept = write(store, 40, Account("you"), tags=("sea",))
    job = fill(store, ME)
    event = Event(EventKind.JOB_REQUESTED, "me", str(job.id), 1, NOW)
    erasing = store.accounts.begin_erasure(ME, job, event, NOW)
    assert erasing == Account("me", 1, NOW, erasing=True) == store.accounts.get("me")
    steps = 0
    while store.accounts.erase_some(erasing, 2, keep=job.id):
        steps += 1
    assert steps > 4
    store.accounts.end_erasure(erasing)
    assert not files_hold(path, CANARY)
    with connection(store) as c:
        tables = ["entry", "entry_tag", "tag", "insight", "contribution", "day", "run"]
        left = {t: c.execute(f"SELECT count(*) FROM {t} WHERE user = 2").fetchone() for t in tables}  # noqa: S608
        assert left == dict.fromkeys(tables, (0,))
    assert store.records(Job).get("me", str(job.id)) == job
    assert [d.event for d in store.outbox.pending(NOW) if d.event.user_id == "me"] == [event]
    assert store.outbox.parked().items == ()
    assert len(store.search.search("you", parse("swam"), EntryFilter(), limit=50)) == len(kept)
    assert [t.count for t in store.entries.tags("you")] == [len(kept)]


# What a call reads.


@contextmanager
def statements(store: SQLiteStore) -> Iterator[list[str]]:
    """Collect the statements that the store runs."""
    seen: list[str] = []
    with connection(store) as c:
        c.set_trace_callback(seen.append)
    yield seen
    with connection(store) as c:
        c.set_trace_callback(None)


READS: dict[str, Callable[[SQLiteStore], Any]] = {
    "get": lambda s: s.entries.get("me", entry(1).id),
    "list": lambda s: s.entries.list("me", EntryFilter()),
    "list on": lambda s: s.entries.list(
        "me", EntryFilter(), order=Order.ASC, after=s.entries.list("me", EntryFilter()).next
    ),
    "list dates": lambda s: s.entries.list(
        "me", EntryFilter(from_=date(2026, 11, 20), to=date(2026, 11, 21))
    ),
    "list on from": lambda s: s.entries.list(
        "me",
        EntryFilter(from_=NOW - timedelta(hours=40)),
        after=s.entries.list("me", EntryFilter()).next,
    ),
    "list far on": lambda s: s.entries.list("me", EntryFilter(to=NOW), after=(0, str(SPACE))),
    "list far on up": lambda s: s.entries.list(
        "me", EntryFilter(from_=date(2026, 1, 1)), order=Order.ASC, after=(2 * 10**15, str(SPACE))
    ),
    "list tag": lambda s: s.entries.list("me", EntryFilter(tag=("Rare", "sea"))),
    "list tag dates": lambda s: s.entries.list(
        "me", EntryFilter(tag=("sea",), to=date(2026, 11, 22))
    ),
    "list trash": lambda s: s.entries.list("me", EntryFilter(trashed=True)),
    "changes": lambda s: s.entries.changes("me", since=10),
    "on_day": lambda s: s.entries.on_day("me", 11, 22),
    "tags": lambda s: s.entries.tags("me"),
    "counts": lambda s: s.entries.counts("me"),
    "trashed_before": lambda s: s.entries.trashed_before(NOW),
    "search": lambda s: s.search.search("me", parse("only -else"), EntryFilter()),
    "insight": lambda s: s.insights.get("me", SPACE),
    "insights": lambda s: s.insights.list("me"),
    "days": lambda s: s.aggregates.days("me", date(2026, 8, 1), date(2026, 11, 22)),
    "run_at": lambda s: s.aggregates.run_at("me", date(2026, 11, 21)),
    "longest_run": lambda s: s.aggregates.longest_run("me"),
    "record": lambda s: s.records(Category).get("me", "one"),
    "records": lambda s: s.records(Category).list("me"),
    "pending": lambda s: s.outbox.pending(NOW, limit=10),
    "parked": lambda s: s.outbox.parked(),
    "purge": lambda s: s.purge_expired(NOW),
    "settle": lambda s: s.outbox.settle(s.outbox.pending(NOW, limit=1)[0]),
    "apply": lambda s: s.aggregates.apply(ME, SPACE, 9, entry_facts(entry(30))),
    "clear": lambda s: s.aggregates.clear_some(ME, 5),
    "reindex": lambda s: s.search.reindex(ME, after=None, limit=5),
    "put": lambda s: s.entries.put(
        ME, attrs.evolve(entry(1, tags=("sea",)), version=2), replaces=1
    ),
}


def prepared(store: SQLiteStore, count: int) -> SQLiteStore:
    """Fill *store* with *count* ordinary entries and a fixed number of everything else."""
    write(store, count, tags=("sea",))
    rare = entry(count, "The only one.", tags=("sea", "rare"))
    store.entries.put(ME, rare, replaces=None)
    store.entries.put(ME, trashed(entry(0, tags=("sea",)), NOW), replaces=1)
    for number in range(30):
        store.aggregates.apply(ME, entry(number).id, 3, entry_facts(entry(number * 24)))
    for parked in store.outbox.pending(NOW, limit=3):
        store.outbox.settle(parked, [Retry("insights", 1, NOW, "x"), Retry("search", 9, None, "x")])
    return store


@pytest.mark.parametrize("name", READS)
def test_indexes_are_used(store: SQLiteStore, name: str) -> None:
    """Every statement finds its rows by an index; none goes through a whole table."""
    prepared(store, 25)
    with statements(store) as seen:
        READS[name](store)
    with connection(store) as c:
        for statement in seen:
            if statement.startswith(("--", "BEGIN", "COMMIT", "ROLLBACK", "INSERT INTO text")):
                continue
            plan = [row[3] for row in c.execute(f"EXPLAIN QUERY PLAN {statement}")]
            scans = [s for s in plan if "SCAN" in s and not harmless(s)]
            assert not scans, (statement, plan)
            sorts = [s for s in plan if "TEMP B-TREE" in s and "+rank" not in statement]
            assert not sorts, (statement, plan)


def harmless(step: str) -> bool:
    """Tell whether a step of a query plan is fine although it scans."""
    # The full-text index looks words up in its own way; `tidying` has one row; partial indexes hold
    # only what is asked for.
    return (
        "VIRTUAL TABLE INDEX" in step
        or step in {"SCAN tidying", "SCAN json_each VIRTUAL TABLE INDEX 1:"}
        or "USING COVERING INDEX outbox_parked" in step
    )


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SQLiteStore, SQLiteStore]]:
    """A journal, and one four times as long."""
    folder = tmp_path_factory.mktemp("journals")
    with closing(open_at(folder / "few.db")) as few, closing(open_at(folder / "many.db")) as many:
        for store, count in ((few, 150), (many, 600)):
            with connection(store) as c:
                c.execute("PRAGMA synchronous = OFF")
            prepared(store, count)
        yield few, many


@pytest.mark.parametrize(
    "name", [n for n in READS if n not in {"apply", "clear", "reindex", "put"}]
)
def test_work_does_not_grow_with_the_journal(
    journals: tuple[SQLiteStore, SQLiteStore], name: str
) -> None:
    """What a call costs depends on what it returns, not on how much there is."""
    few, many = (steps(store, READS[name]) for store in journals)
    assert many <= few * 1.2 + 50


def test_a_day_does_not_cost_more_for_its_like_in_other_years(store: SQLiteStore) -> None:
    """What the entries of a day contribute is found without those of the same day of each year."""

    def of_day(store: SQLiteStore) -> Any:
        return store.aggregates.contributions("me", [NOW.date()])

    for years in range(30):
        one = entry(years, occurred_at=NOW.replace(year=NOW.year - years))
        store.entries.put(ME, one, replaces=None)
        store.aggregates.apply(ME, one.id, 1, entry_facts(one))
        if not years:
            alone = steps(store, of_day)
    assert len(of_day(store)) == 1
    assert steps(store, of_day) <= alone + 5


def steps(store: SQLiteStore, read: Callable[[SQLiteStore], Any]) -> int:
    """Count the steps of SQLite's virtual machine that *read* takes."""
    taken = [0]

    def one_more() -> int:
        taken[0] += 1
        return 0

    with connection(store) as c:
        c.set_progress_handler(one_more, 1)
    read(store)
    with connection(store) as c:
        c.set_progress_handler(None, 1)
    return taken[0]


def test_bounded_pages(store: SQLiteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that would examine too many rows, or hold too much, ends early and says where to go on."""
    monkeypatch.setattr(paging, "MOST_EXAMINED", 10)
    monkeypatch.setattr(search, "MOST_EXAMINED", 10)
    written = write(store, 25)
    starred = entry(25, starred=True)
    store.entries.put(ME, starred, replaces=None)
    wanted = EntryFilter(starred=True)

    pages = [store.entries.list("me", wanted)]
    while pages[-1].next:
        pages.append(store.entries.list("me", wanted, after=pages[-1].next))
    assert [len(p) for p in pages] == [0, 0, 1]

    hits = [store.search.search("me", parse("swam"), wanted)]
    while hits[-1].next:
        (offset,) = hits[-1].next
        hits.append(store.search.search("me", parse("swam"), wanted, offset=int(offset or 0)))
    assert [len(p) for p in hits] == [0, 0, 1]

    monkeypatch.setattr(paging, "MOST_EXAMINED", 1000)
    monkeypatch.setattr(paging, "_PAGE_BYTES", 1500)
    first = store.entries.list("me", EntryFilter())
    assert 1 < len(first) < 10
    second = store.entries.list("me", EntryFilter(), after=first.next)
    assert (first.items + second.items) == tuple(written[: len(first) + len(second)])


# Search.


@pytest.mark.parametrize("many", [3, 1000])
def test_equal_hits_come_newest_first(
    store: SQLiteStore, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Of equally good hits the newest comes first, on every page and however many there are."""
    monkeypatch.setattr(search, "_MANY", many)
    monkeypatch.setattr(search, "_SPARE", 2)
    for number in (7, 3, 11, 0, 9, 1, 10, 4, 6, 2, 8, 5):
        text = "sea sea sea" if number % 4 == 3 else "sea and sun"
        store.entries.put(ME, entry(number, text), replaces=None)
    query = parse("sea")
    whole = store.search.search("me", query, EntryFilter(), limit=100)
    best = [entry(n).id for n in (3, 7, 11)]
    rest = [entry(n).id for n in range(12) if n % 4 != 3]
    assert [match.entry.id for match in whole] == best + rest
    for limit in (1, 2, 5):
        found: list[Match] = []
        offset = 0
        while True:
            page = store.search.search("me", query, EntryFilter(), offset=offset, limit=limit)
            found += page.items
            if page.next is None:
                break
            offset = int(page.next[0] or 0)
        assert tuple(found) == whole.items


def test_users_do_not_share_words(store: SQLiteStore) -> None:
    """Nobody finds, with any prefix, what another user wrote."""
    accounts = [Account(f"user {number}") for number in range(12)]
    for number, account in enumerate(accounts):
        store.entries.put(account, entry(number, f"xsea sea 1xsea {number}"), replaces=None)
    for number, account in enumerate(accounts):
        for q in ("sea", "se*", "x*", "1*" if number in {1, 10, 11} else "xsea", "1xsea"):
            found = store.search.search(account.user_id, parse(q), EntryFilter())
            assert [match.entry.id for match in found] == [entry(number).id], q


def test_longest_query(store: SQLiteStore) -> None:
    """A query of as many terms as are allowed, some of them long, is answered."""
    words = [f"w{number}" for number in range(16)]
    store.entries.put(ME, entry(1, " ".join(words)), replaces=None)
    terms = [f'"{words[0]} {words[1]}"', *words[2:], *(f"-z{number}*" for number in range(16))]
    found = store.search.search("me", parse(" ".join(terms)), EntryFilter())
    assert len(found) == 1
    assert found.items[0].score > 0


# The seam for encryption.


class Bound(Cipher):
    """Mirrors the bits, and notices a body in another place than the one it was sealed for."""

    def seal(self, user_id: str, record: str, plain: bytes) -> bytes:
        """Return the place and the mirrored text."""
        return f"{user_id}|{record}\n".encode() + bytes(255 - byte for byte in plain)

    def open(self, user_id: str, record: str, sealed: bytes) -> bytes:
        """Return the text, if this is its place."""
        place, _, body = sealed.partition(b"\n")
        assert place.decode() == f"{user_id}|{record}"
        return bytes(255 - byte for byte in body)


def test_bodies_are_sealed(path: Path) -> None:
    """Whatever a body holds goes through the cipher, bound to its user and place."""
    with closing(open_at(path, Bound())) as store:
        job = fill(store, ME)
        secret = store.entries.get("me", entry(99).id)
        assert isinstance(secret, Entry)
        assert store.entries.list("me", EntryFilter(tag=("sea",))).items == (secret,)
        assert len(store.entries.changes("me")) == 2
        assert store.entries.on_day("me", secret.local_date.month, secret.local_date.day)
        assert store.search.search("me", parse(CANARY), EntryFilter()).items[0].entry == secret
        assert store.search.reindex(ME, after=None, limit=10) is None
        assert store.insights.list("me").items == (insight(secret),)
        (day,) = store.aggregates.days("me", secret.local_date, secret.local_date)
        assert day.topics == {CANARY: 1}
        assert store.records(Category).list("me").items == (
            store.records(Category).get("me", "one"),
        )
        store.insights.delete(ME, secret.id)
        event = Event(EventKind.JOB_REQUESTED, "me", str(job.id), 1, NOW)
        store.accounts.begin_erasure(ME, job, event, NOW)
        assert store.records(Job).get("me", str(job.id)) == job
        with connection(store) as c:
            for table in ("entry", "insight", "contribution", "day", "record"):
                for (body,) in c.execute(f"SELECT body FROM {table}"):  # noqa: S608
                    assert b"{" not in body
