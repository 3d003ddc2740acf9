"""
Requests through dispatch on SQLite, against the bare statements they stand for.

Each floor works on a file of the same schema and pragmas in the same folder, with the values made beforehand.
"""

import argparse
import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

from measuring import compare, verdict

from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.model.accounts import Actor
from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.entries import EntryFilter
from reflekt_core.model.paging import through
from reflekt_core.model.search import fold, parse
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.messages import Request
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier

SECRET = "benchmarks-only-0Kq7vTz3nB8xLw5mYd2s"  # noqa: S105 - of this benchmark alone
SYLLABLES = [a + b for a, b in product("bdfgklmnprstvz", "aeiou")]
WORDS = Random(0).sample(["".join(pair) for pair in product(SYLLABLES, repeat=2)], k=4900)  # noqa: S311 - the same words each run
WEIGHTS = [1 / (rank + 3) for rank in range(len(WORDS))]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PER_DAY = 10


class Trusting:
    """A verifier that looks at nothing: the floor for requests without token verification."""

    def verify(self, token: str, now: datetime) -> Actor:  # noqa: ARG002 - the port's
        """Return the actor of the benchmark."""
        return Actor("me")


def text(random: Random, shortest: int = 100, longest: int = 200) -> str:
    """Return an entry's worth of words, 150 on average, some common, most rare."""
    return " ".join(random.choices(WORDS, weights=WEIGHTS, k=random.randint(shortest, longest)))


def headers(token: str) -> dict[str, str]:
    """Return the headers of a request with a JSON body."""
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def served(reflekt: Reflekt, verifier: object = None) -> Dispatch:
    """Return a dispatch over *reflekt*."""
    return Dispatch(reflekt, verifier or Trusting(), cursor_secret=SECRET.encode())


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection with the pragmas of the store."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def bare_write(path: Path, body: dict[str, object]) -> Callable[[], None]:
    """Return the bare transaction of a POST: every row it writes, and nothing else."""
    connection = connect(path)
    content = str(body["content"])
    tokens = " ".join(f"1x{token}" for token in fold(content))
    stored = json.dumps(
        body | {"id": "0" * 36, "local_date": "2026-11-22", "word_count": 150}
    ).encode()
    serial = iter(range(10**6, 10**9))

    def write() -> None:
        number = next(serial)
        id = number.to_bytes(16, "big")
        run = connection.execute
        run("BEGIN IMMEDIATE")
        run("UPDATE head SET sequence = ?, entries = entries + 1 WHERE number = 1", (number,))
        key = run(
            "INSERT INTO entry VALUES (NULL, 1, ?, 1, ?, ?, '2026-11-22', NULL, ?)",
            (id, number, number, stored),
        ).lastrowid
        run("INSERT INTO text (rowid, title, content) VALUES (?, '', ?)", (key, tokens))
        for tag in body["tags"]:  # type: ignore[attr-defined]
            run("INSERT INTO entry_tag VALUES (1, ?, ?, ?, ?)", (tag, number, id, key))
            run(
                "INSERT INTO tag VALUES (1, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
                (tag, tag),
            )
        run(
            "INSERT INTO outbox (user, kind, subject, version, occurred)"
            " VALUES (1, 'EntryCreated', ?, 1, ?)",
            (id.hex(), number),
        )
        run("COMMIT")

    return write


def bench_single(folder: Path) -> list[bool]:
    """One entry: POST against its transaction, GET against a select and json.dumps."""
    random = Random(1)  # noqa: S311 - the same words each run
    reflekt = Reflekt.open(f"sqlite:///{folder}/single.db")
    floor = folder / "single-floor.db"
    Reflekt.open(f"sqlite:///{floor}").entries.create("first", tags=["sea", "sun"])
    dispatch = served(reflekt)
    body = {"content": text(random), "mood": 4, "tags": ["sea", "sun"]}
    payload = json.dumps(body).encode()
    post = Request("POST", "/entries", "", headers("x"), payload)
    created = dispatch(post)
    assert created.status == 201, created.body
    ours, bare, ratio = compare(lambda: dispatch(post), bare_write(floor, body), calls=200)
    results = [verdict("POST /entries", ratio, 2, f"{ours:.0f} us against {bare:.0f} us")]

    get = Request("GET", f"/entries/{json.loads(created.body)['id']}", "", headers("x"), b"")
    assert dispatch(get).status == 200
    read = bare_read(folder / "single.db")
    ours, bare, ratio = compare(lambda: dispatch(get), read, calls=2000)
    results.append(
        verdict("GET /entries/{id} without token", ratio, 5, f"{ours:.1f} us against {bare:.1f} us")
    )
    token = TokenIssuer(secret=SECRET, ids=TimeOrderedIds()).issue(
        "me", now=datetime.now(UTC), expires_in=timedelta(hours=1)
    )
    verified = served(reflekt, TokenVerifier(secret=SECRET))
    signed = Request("GET", get.path, "", headers(token), b"")
    assert verified(signed).status == 200
    ours, bare, ratio = compare(lambda: verified(signed), read, calls=2000)
    results.append(
        verdict("GET /entries/{id} with token", ratio, 10, f"{ours:.1f} us against {bare:.1f} us")
    )
    return results


def bare_read(path: Path) -> Callable[[], str]:
    """Return the select of one entry's row by its key, and json.dumps of what it says."""
    connection = connect(path)
    (id, body) = connection.execute("SELECT id, body FROM entry LIMIT 1").fetchone()
    plain = json.loads(body)

    def read() -> str:
        connection.execute("SELECT body FROM entry WHERE user = ? AND id = ?", (1, id)).fetchone()
        return json.dumps(plain, ensure_ascii=False)

    return read


def filled(folder: Path, entries: int) -> Reflekt:
    """Return a journal with *entries*, ten a day up to now, and analytics up to date."""
    random = Random(2)  # noqa: S311 - the same words each run
    path = folder / f"{entries}.db"
    if not path.exists():
        fill(path, entries, random)
    return Reflekt.open(f"sqlite:///{path}")


def fill(path: Path, entries: int, random: Random) -> None:
    """Write the journal, without waiting for the disk at each entry."""
    reflekt = Reflekt.open(f"sqlite:///{path}")
    impatient(reflekt)
    for number in range(entries):
        at = NOW - timedelta(days=(entries - 1 - number) // PER_DAY, minutes=number % PER_DAY)
        reflekt.entries.create(
            text(random), mood=random.randint(1, 5), tags=[random.choice(WORDS)], occurred_at=at
        )
        if number % 10_000 == 9_999:
            print(f"  {number + 1} entries written", file=sys.stderr)
    store = reflekt.store
    account = store.accounts.get("me")
    for entry in through(
        lambda after: store.entries.list("me", EntryFilter(), after=after, limit=100)
    ):
        store.aggregates.apply(account, entry.id, entry.version, entry_facts(entry))
    while batch := store.outbox.pending(datetime.now(UTC), limit=1000):
        for delivery in batch:
            store.outbox.settle(delivery)
    reflekt.close()


def impatient(reflekt: Reflekt) -> None:
    """Switch off waiting for the disk, while a journal is filled for a benchmark."""
    with reflekt.store.entries._database.reading() as connection:  # noqa: SLF001 - of this benchmark
        connection.execute("PRAGMA synchronous = OFF")


def bench_size(folder: Path, small: int, large: int) -> list[bool]:
    """Lists, trends and search in a short and a long history."""
    results = []
    views = {n: served(filled(folder, n)) for n in (small, large)}
    to = NOW.date().isoformat()
    start = (NOW.date() - timedelta(days=89)).isoformat()
    for path, query, calls in (
        ("/entries", "", 100),
        ("/entries", f"from={start}&to={to}", 100),
        ("/analytics/trends", f"from={start}&to={to}", 10),
    ):
        request = Request("GET", path, query, headers("x"), b"")
        assert views[large](request).status == 200, views[large](request).body
        ours, bare, ratio = compare(
            lambda r=request: views[large](r), lambda r=request: views[small](r), calls=calls
        )
        name = f"GET {path}?{query} at {large} entries against {small}"
        results.append(verdict(name, ratio, 1.5, f"{ours:.0f} us against {bare:.0f} us"))
    for rank in (30, 300, 2000):
        word = WORDS[rank]
        search = Request("GET", "/entries/search", f"q={word}", headers("x"), b"")
        floor = bare_search(folder / f"{large}.db", word)
        answer = views[large](search)
        assert answer.status == 200, answer.body
        find = searching(folder, large, word)
        ours, bare, ratio = compare(find, floor, calls=5, rounds=9)
        detail = f"{ours:.0f} us against {bare:.0f} us"
        results.append(verdict(f"search for the word of rank {rank}", ratio, 2, detail))
        whole, bare, ratio = compare(lambda r=search: views[large](r), floor, calls=5, rounds=9)
        print(f"     the whole request, with 20 snippets: {ratio:.2f} x {whole:.0f} us")
    return results


def searching(folder: Path, entries: int, word: str) -> Callable[[], object]:
    """Return the store's ranked search for *word*, with the entries of the best 20."""
    store, query = filled(folder, entries).store, parse(word)
    return lambda: store.search.search("me", query, EntryFilter())


def bare_search(path: Path, word: str) -> Callable[[], object]:
    """Return the bare ranked FTS5 query, with the bodies of the best 20."""
    connection = connect(path)
    query = (
        "SELECT e.body, t.rank FROM (SELECT rowid, rank FROM text WHERE text MATCH ?"
        " ORDER BY rank LIMIT 20) t JOIN entry e ON e.key = t.rowid"
    )
    return lambda: connection.execute(query, (f'"1x{word}"',)).fetchall()


def main() -> bool:
    """Run what is asked for, and tell whether all kept to their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", type=int, default=100_000, help="entries of the long history")
    parser.add_argument("--keep", type=Path, help="a folder to keep the filled journals in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        results = bench_single(Path(temporary)) + bench_size(folder, 1000, options.large)
    return all(results)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
