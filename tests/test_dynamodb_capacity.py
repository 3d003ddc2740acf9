"""What each operation costs on DynamoDB is what the documentation's table says."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import attrs
import pytest

from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, trashed
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.paging import Page
from reflekt_core.model.search import parse
from reflekt_core.ports import PlainText, Store
from reflekt_core.services.search import index_entry
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.transport import Transport
from reflekt_core.testing import NOW, an_entry, an_insight
from reflekt_core.testing.records import CATEGORY, EVENT, JOB

from .dynamodb_emulator import Emulator, patient
from .zipf import words, zipf_entry

TABLE = Path(__file__).parent.parent / "docs" / "reference" / "dynamodb.md"
WORDS = (Path(__file__).parent / "entries_to_read.txt").read_text().split()


class Cost(NamedTuple):
    """Requests one after another (those at the same time are one), and the units they read and wrote."""

    requests: int
    read: float
    written: float


class Metering:
    """Has each request tell what it consumed."""

    def __init__(self, below: Transport) -> None:
        self._below = below
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Begin to count anew."""
        self.cost = Cost(0, 0, 0)
        self._pools: set[str] = set()

    def close(self) -> None:
        """Leave the emulator's connections open."""

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        asked = {**payload, "ReturnConsumedCapacity": "TOTAL"}
        response = self._below.call(operation, asked)
        consumed = response["ConsumedCapacity"]
        every = consumed if isinstance(consumed, list) else [consumed]
        units = sum(one["CapacityUnits"] for one in every)
        writes = operation == "TransactWriteItems"
        with self._lock:
            self.cost = Cost(
                self.cost.requests + self._is_later(),
                self.cost.read + (0 if writes else units),
                self.cost.written + (units if writes else 0),
            )
        return response

    def _is_later(self) -> bool:
        """Tell whether this request waited for the one before: those of a pool of threads do not."""
        pool, _, number = threading.current_thread().name.rpartition("_")
        if not pool.startswith("ThreadPoolExecutor") or not number.isdigit():
            return True
        is_new = pool not in self._pools
        self._pools.add(pool)
        return is_new


def text(number: int) -> str:
    """Return 150 words, other ones for each number."""
    start = number * 37 % (len(WORDS) - 150)
    return " ".join(WORDS[start : start + 150])


def entry_of(number: int, **fields: Any) -> Entry:
    """Return an entry of 150 words, a day for each."""
    at = NOW - timedelta(days=number)
    return an_entry(text(number), id=UUID(int=number + 1), occurred_at=at, mood=3, **fields)


class Journal:
    """A journal of so many entries with two tags each, all counted and half of them understood."""

    def __init__(self, emulator: Emulator, entries: int) -> None:
        self.metering = Metering(emulator.transport)
        caller = patient(self.metering)
        self.store: Store = DynamoDBStore(emulator.url(), PlainText(), caller=caller)
        self.me = self.store.accounts.get("me")
        self.made = [entry_of(n, tags=("sea", f"tag {n % 10}")) for n in range(entries)]
        for n, entry in enumerate(self.made):
            self.store.entries.put(self.me, entry, replaces=None)
            self.store.aggregates.apply(self.me, entry.id, 1, entry_facts(entry))
            if n % 2:
                self.store.insights.put(self.me, an_insight(entry))
        self.store.records(Category).put(self.me, "a", CATEGORY, replaces=None)

    def cost(self, operation: Callable[["Journal"], object]) -> Cost:
        """Return what *operation* costs."""
        self.metering.reset()
        operation(self)
        return self.metering.cost

    def page(self, **wanted: Any) -> Page[Entry]:
        """List the newest 20."""
        return self.store.entries.list("me", EntryFilter(**wanted))

    def put(self, entry: Entry | Tombstone, replaces: int | None = None) -> None:
        """Store the entry."""
        self.store.entries.put(self.me, entry, replaces=replaces)

    def changed(self, number: int, **fields: Any) -> Entry:
        """Store a second version of an entry."""
        entry = attrs.evolve(self.made[number], version=2, **fields)
        self.put(entry, 1)
        return entry

    def count(self, entry: Entry, version: int) -> None:
        """Count the entry."""
        self.store.aggregates.apply(self.me, entry.id, version, entry_facts(entry))

    def erase_some(self, limit: int) -> int:
        """Begin to erase everything."""
        erasing = self.store.accounts.get("me")
        return self.store.accounts.erase_some(erasing, limit, keep=UUID(int=1))


TODAY = NOW.date()
OPERATIONS: dict[str, Callable[[Journal], object]] = {
    "accounts.get": lambda j: j.store.accounts.get("me"),
    "entries.get": lambda j: j.store.entries.get("me", j.made[5].id),
    "entries.put, new, no tag": lambda j: j.put(entry_of(900)),
    "entries.put, new, two tags": lambda j: j.put(entry_of(901, tags=("sea", "tag 1"))),
    "entries.put, starred": lambda j: j.changed(1, starred=True),
    "entries.put, another text": lambda j: j.changed(2, content=text(77), content_version=2),
    "entries.put, another time": lambda j: j.changed(
        3, occurred_at=NOW - timedelta(hours=1), local_date=TODAY
    ),
    "entries.put, one tag less": lambda j: j.changed(4, tags=("sea",)),
    "entries.put, to the trash": lambda j: j.put(trashed(j.made[6], NOW), 1),
    "entries.put, gone for good": lambda j: j.put(Tombstone(j.made[7].id, 2, NOW), 1),
    "entries.list, 20": lambda j: j.page(),
    "entries.list, 20 of a month": lambda j: j.page(from_=TODAY - timedelta(30), to=TODAY),
    "entries.list, 20 of a tag": lambda j: j.page(tag=("sea",)),
    "entries.list, the trash": lambda j: j.page(trashed=True),
    "entries.changes, 20": lambda j: j.store.entries.changes("me"),
    "entries.on_day, one": lambda j: j.store.entries.on_day("me", TODAY.month, TODAY.day),
    "entries.tags": lambda j: j.store.entries.tags("me"),
    "entries.counts": lambda j: j.store.entries.counts("me"),
    "entries.trashed_before": lambda j: j.store.entries.trashed_before(NOW + timedelta(1)),
    "insights.get": lambda j: j.store.insights.get("me", j.made[1].id),
    "insights.put, counted": lambda j: j.store.insights.put(j.me, an_insight(j.made[8])),
    "insights.delete, counted": lambda j: j.store.insights.delete(j.me, j.made[9].id),
    "insights.list, 20": lambda j: j.store.insights.list("me"),
    "aggregates.apply, a new day": lambda j: j.count(entry_of(950), 1),
    "aggregates.apply, a day that is there": lambda j: j.count(
        attrs.evolve(entry_of(951), local_date=j.made[20].local_date), 1
    ),
    "aggregates.apply, seen before": lambda j: j.count(j.made[11], 1),
    "aggregates.days, 90": lambda j: j.store.aggregates.days("me", TODAY - timedelta(89), TODAY),
    "aggregates.run_at": lambda j: j.store.aggregates.run_at("me", TODAY),
    "aggregates.longest_run": lambda j: j.store.aggregates.longest_run("me"),
    "records.get": lambda j: j.store.records(Category).get("me", "a"),
    "records.put, new": lambda j: j.store.records(Category).put(j.me, "b", CATEGORY, replaces=None),
    "records.list, 20": lambda j: j.store.records(Category).list("me"),
    "records.delete": lambda j: j.store.records(Category).delete(j.me, "b"),
    "purge_expired, nothing": lambda j: j.store.purge_expired(NOW),
    "accounts.begin_erasure": lambda j: j.store.accounts.begin_erasure(j.me, JOB, EVENT, NOW),
    "accounts.erase_some, 99 items": lambda j: j.erase_some(99),
    "accounts.end_erasure": lambda j: j.store.accounts.end_erasure(j.store.accounts.get("me")),
}


@pytest.fixture(scope="module")
def costs(dynamodb: Emulator) -> dict[str, Cost]:
    """Measure every operation on a journal of 100 entries, one after the other."""
    journal = Journal(dynamodb, 100)
    return {name: journal.cost(operation) for name, operation in OPERATIONS.items()}


def rows() -> Iterator[tuple[str, Cost]]:
    """Yield the rows of the documentation's table."""
    row = re.compile(r"^\| `([\w.]+)`(, [^|]+)? \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)
    for name, what, requests, read, written in row.findall(TABLE.read_text()):
        yield f"{name}{what}", Cost(int(requests), float(read), float(written))


def test_the_table_says_what_each_operation_costs(costs: dict[str, Cost]) -> None:
    """Requests one after another, read units and write units, as DynamoDB returns them."""
    assert {name: cost for name, cost in rows() if not name.startswith("search.")} == costs


def test_few_requests_follow_one_another(costs: dict[str, Cost]) -> None:
    """One for an entry or a list of entries, one for a new entry, two for any change of one."""
    assert costs["entries.get"].requests == costs["entries.list, 20"].requests == 1
    assert costs["entries.put, new, two tags"].requests == 1
    changes = [cost for name, cost in costs.items() if name.startswith("entries.put, ")]
    assert max(cost.requests for cost in changes) <= 4
    trends = [costs[f"aggregates.{name}"] for name in ("days, 90", "run_at", "longest_run")]
    assert sum(cost.requests for cost in trends) == 3
    assert sum(cost.read for cost in trends) <= 10


def test_costs_do_not_grow_with_the_journal(dynamodb: Emulator, costs: dict[str, Cost]) -> None:
    """With three times the entries, each operation costs what it did."""
    journal = Journal(dynamodb, 300)
    larger = {name: journal.cost(operation) for name, operation in OPERATIONS.items()}
    assert larger == costs


class Settled(Journal):
    """A journal of so many entries of invented words, each told to the search index as it is written."""

    def __init__(self, emulator: Emulator, entries: int) -> None:
        super().__init__(emulator, 0)
        self.written = 0.0
        for number in range(entries):
            self.written += self.cost(lambda j, n=number: j.tell([zipf_entry(n)])).written

    def tell(self, made: list[Entry]) -> None:
        """Store entries, tell the search index of the last, and count that alone."""
        for entry in made:
            self.put(entry)
        self.metering.reset()
        index_entry(self.store, Event(EventKind.ENTRY_CREATED, "me", str(made[-1].id), 1, NOW))

    def find(self, q: str) -> Page[Any]:
        """Search for *q*."""
        page = self.store.search.search("me", parse(q), EntryFilter(), limit=20)
        assert page.items
        return page


ENTRIES = 300
THE, OF, WORD, OTHER, RARE = (words()[rank] for rank in (0, 1, 50, 20, 9_001))
SEARCHES: dict[str, Callable[[Settled], object]] = {
    "search.search, a rare word": lambda j: j.find(RARE),
    "search.search, a word": lambda j: j.find(WORD),
    "search.search, the most common word": lambda j: j.find(THE),
    "search.search, two words": lambda j: j.find(f"{WORD} {OTHER}"),
    "search.search, a phrase": lambda j: j.find(f'"{THE} {OF}"'),
    "search.search, a beginning": lambda j: j.find(f"{WORD[:3]}*"),
    "search.update, one that waits": lambda j: j.tell([zipf_entry(901)]),
    "search.update, nine taken in": lambda j: j.tell([zipf_entry(910 + n) for n in range(9)]),
}


@pytest.fixture(scope="module")
def settled(dynamodb: Emulator) -> Settled:
    """Give a journal of which the search index tells."""
    return Settled(dynamodb, ENTRIES)


def test_a_search_costs_what_the_table_says(settled: Settled) -> None:
    """Three rounds of requests, and the units for the index and for the entries found."""
    costs = {name: settled.cost(operation) for name, operation in SEARCHES.items()}
    assert {name: cost for name, cost in rows() if name in SEARCHES} == costs
    searches = [cost for name, cost in costs.items() if name.startswith("search.search")]
    assert {cost.requests for cost in searches} == {3}


def test_an_entry_takes_few_units_to_be_found(settled: Settled) -> None:
    """Five at most, all that is merged included."""
    assert settled.written / ENTRIES <= 5
