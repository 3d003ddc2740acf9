"""
What reads and writes of a journal on DynamoDB cost, at 1,000 and at 100,000 entries of 150 words.

    PYTHONPATH=src:. python benchmarks/bench_dynamodb_capacity.py [entries ...]

Needs the emulator of the tests (`npm ci --prefix tests/emulators`). Words are invented, and as common
as those of a language. The last 1,000 entries are told to the search index and the analytics one by
one, as on AWS; the others are loaded in bulk, and their index is built by `reindex`. Requests are those
one after another; those made at the same time count once. "index" is what a search reads without the
entries themselves.
"""

import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from tests.dynamodb_emulator import Emulator, patient, running
from tests.test_dynamodb_capacity import Cost, Metering
from tests.zipf import words, zipf_entry

from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.entries import Entry, EntryFilter
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.search import parse
from reflekt_core.ports import PlainText
from reflekt_core.services.search import index_entry
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.tables import HEAD, number
from reflekt_core.testing import NOW

TOLD = 1_000
AT_ONCE = 90
STEP = 1_000
DAYS = 90


class TableMetering(Metering):
    """Counts by table what is read, too."""

    def reset(self) -> None:
        """Begin to count anew."""
        super().reset()
        self.index = 0.0

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        response = super().call(operation, payload)
        consumed = response["ConsumedCapacity"]
        for one in consumed if isinstance(consumed, list) else [consumed]:
            if operation != "TransactWriteItems" and one["TableName"].endswith("-search"):
                self.index += one["CapacityUnits"]
        return response


class Journal:
    """A journal of so many entries, the last 1,000 of them told one by one."""

    def __init__(self, emulator: Emulator, entries: int) -> None:
        self.metering = TableMetering(emulator.transport)
        self.store = DynamoDBStore(emulator.url(), PlainText(), caller=patient(self.metering))
        self.entries = entries
        self.built = self.told = 0.0
        started = time.perf_counter()
        self._load(entries - TOLD)
        loaded = time.perf_counter()
        self.me = self.store.accounts.get("me")
        self.built = self.cost(self._rebuild).written
        rebuilt = time.perf_counter()
        for place in range(entries - TOLD, entries):
            self._write(zipf_entry(place, tags=("sea", f"tag {place % 30}"), mood=3))
        print(
            f"\n{entries:,} entries: {entries - TOLD:,} loaded in {loaded - started:.0f} s, their "
            f"index built in {rebuilt - loaded:.0f} s, {self.built / max(1, entries - TOLD):.2f} "
            f"write units for each; {TOLD:,} written and told one by one in "
            f"{time.perf_counter() - rebuilt:.0f} s, {self.told / TOLD:.2f} write units of the "
            "index for each"
        )

    def _load(self, entries: int) -> None:
        """Store entries many at a time, as no program would."""
        database = self.store._database  # noqa: SLF001 - no program loads like this
        for start in range(0, entries, AT_ONCE):
            made = [zipf_entry(place) for place in range(start, min(start + AT_ONCE, entries))]
            writes = [
                database.put("entries", item | {"q": number(start + n + 1)}, "entry")
                for n, item in enumerate(map(self._item, made))
            ]
            database.transact(writes)
        count = {":n": number(entries), ":z": number(0)}
        head = database.update(
            "entries",
            "me",
            HEAD,
            UpdateExpression="SET #n = :n, #e = :n, #t = :z",
            ExpressionAttributeNames={"#n": "n", "#e": "entries", "#t": "trashed"},
            ExpressionAttributeValues=count,
        )
        if entries:  # else there is no head yet
            database.transact([head])

    def _item(self, entry: Entry) -> dict[str, Any]:
        entries, codec = self.store._entries, self.store._codec  # noqa: SLF001
        return entries._item("me", entry, codec.pack("me", f"entry/{entry.id}", entry))  # noqa: SLF001

    def _rebuild(self) -> None:
        after = self.store.search.reindex(self.me, after=None, limit=STEP)
        while after is not None:
            after = self.store.search.reindex(self.me, after=after, limit=STEP)

    def _write(self, entry: Entry) -> None:
        self.store.entries.put(self.me, entry, replaces=None)
        self.store.aggregates.apply(self.me, entry.id, 1, entry_facts(entry))
        event = Event(EventKind.ENTRY_CREATED, "me", str(entry.id), 1, NOW)
        self.told += self.cost(lambda: index_entry(self.store, event)).written

    def cost(self, operation: Callable[[], object]) -> Cost:
        """Return what *operation* costs."""
        self.metering.reset()
        operation()
        return self.metering.cost

    def operations(self) -> Mapping[str, Callable[[], object]]:
        """Return what is measured, by name."""
        store, today = self.store, NOW.date()
        new = zipf_entry(self.entries + 7, tags=("sea",))
        last = today - timedelta(days=DAYS - 1)
        mid, other, rare = (words()[rank] for rank in (50, 20, 9_001))

        def find(q: str) -> Any:
            return lambda: store.search.search("me", parse(q), EntryFilter(), limit=20)

        return {
            "search, a rare word": find(rare),
            "search, a word of a third of the entries": find(mid),
            "search, the most common word": find(words()[0]),
            "search, two words": find(f"{mid} {other}"),
            "search, a phrase of the most common words": find(f'"{words()[0]} {words()[1]}"'),
            "search, a beginning of three letters": find(f"{mid[:3]}*"),
            "search, a beginning of two letters": find(f"{mid[:2]}*"),
            "tags": lambda: store.entries.tags("me"),
            "get": lambda: store.entries.get("me", zipf_entry(5).id),
            "list, 20": lambda: store.entries.list("me", EntryFilter()),
            "create": lambda: store.entries.put(self.me, new, replaces=None),
            "trends of 90 days": lambda: (
                store.aggregates.days("me", last, today),
                store.aggregates.run_at("me", today),
                store.aggregates.longest_run("me"),
            ),
        }


def main(sizes: list[int]) -> None:
    """Print a table for each size."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for size in sizes:
        with running() as endpoint:
            emulator = Emulator(endpoint)
            measured(Journal(emulator, size))
            emulator.transport.close()


def measured(journal: Journal) -> None:
    """Print what operations cost."""
    print(f"{'':44} {'requests':>8} {'read':>7} {'index':>7} {'written':>8} {'ms':>7}")
    for name, operation in journal.operations().items():
        started = time.perf_counter()
        cost = journal.cost(operation)
        milliseconds = (time.perf_counter() - started) * 1e3
        index = journal.metering.index
        print(
            f"{name:44} {cost.requests:8} {cost.read:7.1f} {index:7.1f} {cost.written:8.1f} "
            f"{milliseconds:7.1f}"
        )


if __name__ == "__main__":
    main([int(size.replace(",", "")) for size in sys.argv[1:]] or [1_000, 100_000])
