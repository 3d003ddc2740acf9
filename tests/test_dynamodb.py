"""What is the DynamoDB store's own; that it keeps the contract is tested with the other stores."""

import logging
import random
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zlib import crc32

import attrs
import pytest

import reflekt_core.stores.dynamodb as package
from reflekt_core.errors import (
    ConfigurationError,
    ReflektError,
    StoreError,
    TooLarge,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.accounts import Counts
from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import (
    Entry,
    EntryFilter,
    TagCount,
    Tombstone,
    restored,
    trashed,
)
from reflekt_core.model.events import event_of
from reflekt_core.model.jobs import Job
from reflekt_core.model.paging import through
from reflekt_core.model.usage import Receipt
from reflekt_core.ports import PlainText
from reflekt_core.stores import open_store
from reflekt_core.stores.dynamodb import DynamoDBStore, create_tables, events_from_images
from reflekt_core.stores.dynamodb.heads import Heads
from reflekt_core.stores.dynamodb.tables import (
    MAX_ITEM_BYTES,
    TABLES,
    Codec,
    binary,
    instant,
    microseconds,
    number,
    size,
    string,
    time_key,
)
from reflekt_core.stores.dynamodb.transport import (
    BotocoreTransport,
    Caller,
    CallFailed,
    Cancelled,
    Transport,
)
from reflekt_core.testing import NOW, an_entry, an_insight
from reflekt_core.testing.entries import put_all
from reflekt_core.testing.racing import at_once
from reflekt_core.testing.records import (
    CATEGORY,
    EVENT,
    JOB,
    begin,
    erase,
    furnished,
    state,
    writes,
)

from .dynamodb_emulator import Emulator, Observing, patient

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY = "canary-7f3a"


class Scripted:
    """A transport that fails as it is told, and then answers."""

    def __init__(self, *failures: CallFailed, answer: dict[str, Any] | None = None) -> None:
        self.failures = list(failures)
        self.answer = answer or {}
        self.payloads: list[Any] = []

    def call(self, operation: str, payload: Any) -> dict[str, Any]:
        """Fail, or answer."""
        self.payloads.append(payload)
        if self.failures:
            raise self.failures.pop(0)
        return self.answer


class Stopwatch:
    """A clock that goes on only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.waits.append(seconds)
        self.now += seconds

    def caller(self, transport: Any, jitter: float = 1.0) -> Caller:
        """Return a caller by this clock that waits the longest it may."""
        return Caller(transport, lambda: self.now, self.sleep, lambda: jitter)


def scripted(*failures: CallFailed) -> tuple[DynamoDBStore, Scripted]:
    """Return a store whose requests fail as told."""
    transport = Scripted(*failures)
    return DynamoDBStore(
        "dynamodb://t", PlainText(), caller=Stopwatch().caller(transport)
    ), transport


def noise(length: int) -> str:
    """Return a text that cannot be compressed much."""
    chosen = random.Random(length)  # noqa: S311 - the same in every run
    return chosen.randbytes(length // 2).hex()


# Which requests are made.


def test_nothing_is_scanned_and_each_query_names_one_partition(dynamodb: Emulator) -> None:
    """Whatever is asked of a store, it reads items by key or a range of one partition."""
    observed = Observing(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    for user in ("me", "them"):
        with pytest.raises(StopIteration):  # at what it does with an outbox
            furnished(store, user)
    state(store, "me")
    me = store.accounts.get("me")
    for write in writes(store, me):
        write()
    store.entries.trashed_before(NOW)
    store.purge_expired(NOW)
    operations = {operation for operation, _ in observed.calls}
    assert operations == {"GetItem", "BatchGetItem", "Query", "TransactWriteItems"}
    for operation, payload in observed.calls:
        if operation == "Query":
            assert re.match(r"#(u = :u|d = :d)( AND |$)", payload["KeyConditionExpression"])
            assert "FilterExpression" not in payload


def test_reads_see_the_last_write(dynamodb: Emulator) -> None:
    """Only sums, which lag behind anyway, the search index and that across users may be older."""
    observed = Observing(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    me = put_all(store, [an_entry(tags=("t",))], "me")
    store.entries.list("me", EntryFilter(tag=("t",)))
    state(store, "me")
    store.purge_expired(NOW)
    store.insights.put(me, an_insight(an_entry()))
    lagging = set()
    for operation, payload in observed.calls:
        if operation == "BatchGetItem":
            ((_, asked),) = payload["RequestItems"].items()
            assert asked["ConsistentRead"] is True
        elif operation != "TransactWriteItems" and payload["ConsistentRead"] is not True:
            values = payload["ExpressionAttributeValues"]
            kind = values.get(":first", {"S": payload.get("IndexName")})["S"][:2]
            lagging.add((payload["TableName"].rpartition("-")[2], kind))
    due = {(table, "du") for table in ("settings", "categories", "jobs", "analytics")}
    sums = {("analytics", kind) for kind in ("y#", "r#", "le")}
    assert lagging == sums | due | {("search", kind) for kind in ("he", "p3", "p8")}


def test_no_source_speaks_of_scans() -> None:
    """The operation's name stands nowhere in the store."""
    sources = list(Path(package.__file__).parent.glob("*.py"))
    assert len(sources) > 5
    for source in sources:
        assert not re.search(r"\bScan\b|\bscan\(", source.read_text())


def test_a_table_is_enough_for_who_works_with_it(dynamodb: Emulator) -> None:
    """With accounts looked up there, categories are kept with access to their table alone."""
    observed = Observing(dynamodb.transport)
    url = f"{dynamodb.url()}&account=categories"
    store = DynamoDBStore(url, PlainText(), caller=patient(observed))
    records = store.records(Category)
    records.put(store.accounts.get("me"), "a", CATEGORY, replaces=None)
    assert records.list("me").items == (CATEGORY,)
    tables = re.findall(r"'TableName': '[^']*-(\w+)'", repr(observed.calls))
    assert set(tables) == {"categories"}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_knows_of_an_erasure(dynamodb: Emulator, table: str) -> None:
    """All copies of an account's state move at once, so each tells it."""
    url = dynamodb.url()
    store, other = dynamodb.opened(url), dynamodb.opened(f"{url}&account={table}")
    erasing = begin(store, other.accounts.get("me"))
    assert other.accounts.get("me") == erasing
    store.accounts.end_erasure(erasing)
    assert other.accounts.get("me") == attrs.evolve(erasing, erasing=False)
    erase(store, other.accounts.get("me"))
    assert other.accounts.get("me").epoch == 2


def test_a_warm_write_and_a_read_are_one_request_each(dynamodb: Emulator) -> None:
    """Looking up the account tells the number the first write rests on; then all is at hand."""
    observed = Observing(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    me = store.accounts.get("me")
    del observed.calls[:]
    entry = an_entry(tags=("sea",))
    store.entries.put(me, entry, replaces=None)
    store.entries.get("me", entry.id)
    store.entries.list("me", EntryFilter())
    assert [operation for operation, _ in observed.calls] == [
        "TransactWriteItems",
        "GetItem",
        "Query",
    ]


# Processes beside each other.


def test_what_another_process_wrote_is_no_conflict(dynamodb: Emulator) -> None:
    """Two processes write in turn, each with an outdated number in mind: all writes get through."""
    url = dynamodb.url()
    stores = [DynamoDBStore(url, PlainText(), caller=patient(dynamodb.transport)) for _ in range(2)]
    made = [an_entry(f"{n}") for n in range(6)]
    accounts = [store.accounts.get("me") for store in stores]
    for n, entry in enumerate(made):
        stores[n % 2].entries.put(accounts[n % 2], entry, replaces=None)
    assert [change.entry for change in stores[0].entries.changes("me")] == made
    with pytest.raises(VersionConflict):
        stores[0].entries.put(accounts[0], made[1], replaces=None)


def test_what_is_kept_in_mind_is_bounded() -> None:
    """However many users a process serves, it remembers the numbers of a thousand at most."""
    heads = Heads()
    for n in range(2500):
        assert heads.set(f"user {n}", n) == n
    assert heads.get("user 2499") == 2499
    assert heads.get("user 0") is None
    assert len(heads._seen) <= 1000


def test_writers_in_several_processes_lose_nothing(dynamodb: Emulator) -> None:
    """Six writers with a store each: every entry has its number, tags and counts are right."""
    url = dynamodb.url()
    made = [[an_entry(f"{n}", tags=("t",)) for n in range(8)] for _ in range(6)]

    def write(some: list[Entry]) -> None:
        store = DynamoDBStore(url, PlainText(), caller=patient(dynamodb.transport))
        put_all(store, some, "me")

    at_once([partial(write, some) for some in made])
    store = DynamoDBStore(url, PlainText(), caller=patient(dynamodb.transport))
    changes = store.entries.changes("me", limit=100).items
    assert [change.sequence for change in changes] == list(range(1, 49))
    assert store.entries.tags("me").items == (TagCount("t", 48),)
    assert store.entries.counts("me") == Counts(48)


class Meanwhile:
    """A transport on which something happens before a request of a kind, after *skip* others."""

    def __init__(self, below: Transport) -> None:
        self.below = below
        self.awaited = ""
        self.skip = 0
        self.happens: Callable[[], None] = lambda: None

    def call(self, operation: str, payload: Any) -> dict[str, Any]:
        """Send the request."""
        if operation == self.awaited:
            self.skip -= 1
            if self.skip < 0:
                self.awaited = ""
                self.happens()
        return self.below.call(operation, payload)


def test_a_change_that_moves_on_while_it_is_read_is_told_at_its_new_number(
    dynamodb: Emulator,
) -> None:
    """It is left out where it was, and following does not end before it."""
    between = Meanwhile(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(between))
    first, second = an_entry("first"), an_entry("second")
    me = put_all(store, [first, second], "me")
    new = attrs.evolve(second, starred=True, version=2)
    between.happens = lambda: store.entries.put(me, new, replaces=1)
    between.awaited = "BatchGetItem"
    page = store.entries.changes("me")
    assert [change.entry for change in page] == [first]
    assert page.next == (2,)
    rest = store.entries.changes("me", since=2)
    assert [(change.sequence, change.entry) for change in rest] == [(3, new)]


def test_a_long_text_that_changes_while_it_is_read_is_read_anew(dynamodb: Emulator) -> None:
    """Never one version's facts with another's text."""
    between = Meanwhile(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(between))
    entry = an_entry(noise(99_000), extra={"x": noise(230_000)})
    me = put_all(store, [entry], "me")
    new = attrs.evolve(entry, title="new", version=2)
    between.happens = lambda: store.entries.put(me, new, replaces=1)
    # The entry's own item comes from the index, what stands beside it by key.
    between.awaited = "GetItem"
    assert store.entries.list("me", EntryFilter()).items == (new,)


# What is large.


def test_a_text_of_the_longest_kind_is_kept(dynamodb: Emulator) -> None:
    """200 KB that no compression makes smaller come back, are listed, changed and deleted."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    entry = an_entry(noise(99_000), extra={"x": noise(230_000)}, tags=("t",))
    assert size({"b": binary(Codec(PlainText()).pack("me", "x", entry))}) > 150 * 1024
    store.entries.put(me, entry, replaces=None)
    assert store.entries.get("me", entry.id) == entry
    assert store.entries.list("me", EntryFilter()).items == (entry,)
    assert store.entries.list("me", EntryFilter(tag=("t",))).items == (entry,)
    assert [change.entry for change in store.entries.changes("me")] == [entry]
    other = attrs.evolve(entry, content="short", extra={}, version=2)
    store.entries.put(me, other, replaces=1)
    assert store.entries.get("me", entry.id) == other
    store.entries.put(me, attrs.evolve(entry, version=3), replaces=2)
    store.entries.put(me, Tombstone(entry.id, 4, NOW), replaces=3)
    assert store.entries.get("me", entry.id) == Tombstone(entry.id, 4, NOW)
    keys = store._database.page_of_keys("entries", "me", 100)
    assert not [key for key in keys if key.startswith("x#")]


def test_what_is_larger_than_an_item_is_refused_before_it_is_sent() -> None:
    """The error says so, and no request was made."""
    store, transport = scripted()
    entry = an_entry(noise(99_000), extra={"x": noise(800_000)})
    with pytest.raises(TooLarge, match="400 KB"):
        store.entries.put(store.accounts.get("me"), entry, replaces=None)
    assert all("TransactItems" not in payload for payload in transport.payloads)
    big = attrs.evolve(CATEGORY, name=noise(900_000))
    with pytest.raises(TooLarge, match="category"):
        store.records(Category).put(store.accounts.get("me"), "k", big, replaces=None)


def test_the_largest_item_that_is_sent_is_taken(dynamodb: Emulator) -> None:
    """The store's measure of an item is not smaller than DynamoDB's."""
    store = dynamodb.store()
    item = {"u": string("me"), "k": string("é")}
    rest = MAX_ITEM_BYTES - size(item) - len("b")
    database = store._database
    database.transact([database.put("jobs", item | {"b": binary(b"x" * rest)}, "it")])
    with pytest.raises(TooLarge):
        database.put("jobs", item | {"b": binary(b"x" * (rest + 1))}, "it")


def test_more_than_a_transaction_takes_is_refused_before_it_is_sent() -> None:
    """The error says so, and no request was made."""
    store, transport = scripted()
    item = {"u": string("me"), "b": binary(b"x" * 390_000)}
    writes = [store._database.put("jobs", item | {"k": string(f"{n}")}, "it") for n in range(11)]
    for too_many in (writes, [store._database.delete("jobs", "me", "k")] * 101):
        with pytest.raises(TooLarge, match="one step"):
            store._database.transact(too_many)
    assert transport.payloads == []


def test_pages_that_end_at_a_megabyte_go_on(dynamodb: Emulator) -> None:
    """Entries of 3 MB are all listed, whatever DynamoDB gives at once."""
    store = dynamodb.store()
    made = [
        an_entry(noise(90_000 + n), extra={"x": noise(150_000)}, occurred_at=NOW - timedelta(n))
        for n in range(24)
    ]
    put_all(store, made, "me")
    found = list(
        through(lambda after: store.entries.list("me", EntryFilter(), after=after, limit=100))
    )
    assert found == made


def test_fifty_tags_give_way_to_fifty_others(dynamodb: Emulator) -> None:
    """More than one transaction holds; counts and lists are those of the new tags alone."""
    observed = Observing(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    me = store.accounts.get("me")
    entry = an_entry(tags=tuple(f"old {n}" for n in range(50)))
    store.entries.put(me, entry, replaces=None)
    new = attrs.evolve(entry, tags=tuple(f"new {n}" for n in range(50)), version=2)
    store.entries.put(me, new, replaces=1)
    sizes = [len(p["TransactItems"]) for op, p in observed.calls if op == "TransactWriteItems"]
    assert max(sizes) <= 100
    assert {tag.name for tag in store.entries.tags("me", limit=100)} == set(new.tags)
    for tag in new.tags:
        assert store.entries.list("me", EntryFilter(tag=(tag,))).items == (new,)
    assert store.entries.list("me", EntryFilter(tag=("old 7",))).items == ()
    keys = store._database.page_of_keys("entries", "me", 300)
    assert len([key for key in keys if key.startswith("t#")]) == 50


def test_an_entry_with_fifty_tags_moves_to_another_time(dynamodb: Emulator) -> None:
    """It is found at its new time by each tag, and what led to the old one is gone."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    entry = an_entry(tags=tuple(f"tag {n}" for n in range(50)))
    store.entries.put(me, entry, replaces=None)
    new = attrs.evolve(entry, occurred_at=NOW - timedelta(days=1), version=2)
    store.entries.put(me, new, replaces=1)
    for tag in new.tags:
        assert store.entries.list("me", EntryFilter(tag=(tag,))).items == (new,)
    keys = store._database.page_of_keys("entries", "me", 300)
    assert len([key for key in keys if key.startswith("t#")]) == 50


def test_what_could_not_be_tidied_is_passed_over(dynamodb: Emulator) -> None:
    """The write has succeeded, says so, and the entry is listed once, at its new time."""
    between = Meanwhile(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(between))
    me = store.accounts.get("me")
    entry = an_entry(tags=tuple(f"tag {n}" for n in range(50)))
    store.entries.put(me, entry, replaces=None)

    def fail() -> None:
        raise failed("AccessDeniedException")

    between.awaited, between.skip, between.happens = "TransactWriteItems", 1, fail
    new = attrs.evolve(entry, occurred_at=NOW - timedelta(days=1), version=2)
    store.entries.put(me, new, replaces=1)
    assert between.awaited == ""
    keys = store._database.page_of_keys("entries", "me", 300)
    assert len([key for key in keys if key.startswith("t#")]) == 100
    for tag in new.tags:
        assert store.entries.list("me", EntryFilter(tag=(tag,))).items == (new,)


def test_tidying_late_leaves_what_came_back(dynamodb: Emulator) -> None:
    """Old tags that somebody gives the entry again before they are tidied away still lead to it."""
    between = Meanwhile(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(between))
    me = store.accounts.get("me")
    entry = an_entry(tags=tuple(f"old {n}" for n in range(50)))
    store.entries.put(me, entry, replaces=None)
    back = attrs.evolve(entry, version=3)

    # The first transaction stores the entry, the second tidies.
    between.awaited, between.skip = "TransactWriteItems", 1
    between.happens = lambda: store.entries.put(me, back, replaces=2)
    new = attrs.evolve(entry, tags=tuple(f"new {n}" for n in range(50)), version=2)
    store.entries.put(me, new, replaces=1)
    assert store.entries.get("me", entry.id) == back
    for tag in back.tags:
        assert store.entries.list("me", EntryFilter(tag=(tag,))).items == (back,)


def test_a_tag_that_nobody_uses_leaves_nothing(dynamodb: Emulator) -> None:
    """Neither its name nor its count is kept."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    entry = an_entry(tags=(CANARY, "sea"))
    store.entries.put(me, entry, replaces=None)
    store.entries.put(me, attrs.evolve(entry, tags=("sea",), version=2), replaces=1)
    kept = store._database.query(
        "entries", "#u = :u AND begins_with(#k, :k)", {":u": string("me"), ":k": string("g#")}
    )
    assert CANARY not in repr(list(kept))


def test_sums_are_forgotten_in_steps_that_fit_into_a_transaction(dynamodb: Emulator) -> None:
    """However many are asked for at once, and however many runs they tear."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    for n in range(40):
        entry = an_entry(occurred_at=NOW + timedelta(days=2 * n))
        store.aggregates.apply(me, entry.id, 1, entry_facts(entry))
    forgotten = 0
    while some := store.aggregates.clear_some(me, 1000):
        forgotten += some
    assert forgotten == 40
    assert store._database.page_of_keys("analytics", "me", 100) == ["head"]


# Events.


def test_images_of_entries_tell_what_happened(dynamodb: Emulator) -> None:
    """Of each write its event, as `event_of` says; of the items beside it nothing."""
    observed = Observing(dynamodb.transport)
    images: list[Any] = []
    observed.images = lambda old, new: images.append((old, new))
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    me = store.accounts.get("me")
    entry = an_entry(tags=("sea",))
    bin_ = attrs.evolve(trashed(entry, NOW), version=2)
    back = attrs.evolve(restored(entry, NOW), version=3)
    edited = attrs.evolve(back, content="other", version=4)
    versions: list[Entry | Tombstone] = [entry, bin_, back, edited, Tombstone(entry.id, 5, NOW)]
    before: Entry | Tombstone | None = None
    for version in versions:
        del images[:]
        store.entries.put(me, version, replaces=before.version if before else None)
        told = [event for old, new in images for event in events_from_images(old, new)]
        assert told == [event_of("me", before, version)]
        assert len(images) > 1
        before = version
    (stored,) = [new for _, new in images if new and new["k"]["S"].startswith("e#")]
    assert events_from_images(None, stored) == events_from_images({}, stored) != ()
    assert events_from_images(stored, None) == events_from_images(stored, stored) == ()
    assert events_from_images(stored, stored | {"other": number(1)}) == ()
    assert events_from_images(None, {name: stored[name] for name in ("u", "k", "v")}) == ()


def test_a_record_put_with_the_same_event_tells_it_again(dynamodb: Emulator) -> None:
    """Each version of a record has its own event, even if the events are equal."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    store.records(Job).put(me, "j", JOB, replaces=None, event=EVENT)
    again = attrs.evolve(JOB, version=2)
    store.records(Job).put(me, "j", again, replaces=1, event=EVENT)
    assert [delivery.event for delivery in store.outbox.pending(NOW)] == [EVENT, EVENT]


def test_what_was_put_off_meanwhile_is_not_purged(dynamodb: Emulator) -> None:
    """The index that names what expired may lag behind the records."""
    between = Meanwhile(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(between))
    me = store.accounts.get("me")
    records = store.records(Receipt)
    records.put(me, "r", Receipt("f", NOW), replaces=None, expires_at=NOW)
    later = Receipt("g", NOW, version=2)
    between.happens = lambda: records.put(
        me, "r", later, replaces=1, expires_at=NOW + timedelta(days=1)
    )
    between.awaited = "TransactWriteItems"
    assert store.purge_expired(NOW) == 0
    assert records.get("me", "r") == later


def test_events_hold_no_text(dynamodb: Emulator) -> None:
    """What an item says of its event are ids, numbers and times."""
    observed = Observing(dynamodb.transport)
    told: list[str] = []
    observed.images = lambda _, new: told.append(new["ev"]["S"]) if new and "ev" in new else None
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    entry = an_entry(CANARY, title=CANARY, tags=(CANARY,))
    store.entries.put(store.accounts.get("me"), entry, replaces=None)
    assert len(told) == 1
    assert CANARY not in told[0]


def test_a_process_of_its_own_drains_nothing(dynamodb: Emulator) -> None:
    """The streams are for the publisher: here the outbox is empty, and stays so."""
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(dynamodb.transport))
    store.entries.put(store.accounts.get("me"), an_entry(), replaces=None)
    assert store.outbox.pending(NOW) == store.outbox.parked().items == ()
    assert store.outbox.backlog() == store.outbox.redrive() == 0


# Failures.


def failed(code: str, status: int = 400, *reasons: str) -> CallFailed:
    """Return the failure that DynamoDB calls *code*."""
    return CallFailed(code, status=status, reasons=tuple((reason, None) for reason in reasons))


@pytest.mark.parametrize(
    "failure",
    [
        failed("ConnectionError", 0),
        failed("ThrottlingException"),
        failed("ProvisionedThroughputExceededException"),
        failed("RequestLimitExceeded"),
        failed("TransactionInProgressException"),
        failed("Whatever", 503),
        failed("TransactionCanceledException", 400, "None", "TransactionConflict"),
        failed("TransactionCanceledException", 400, "ThrottlingError", "None"),
    ],
    ids=lambda failure: failure.code,
)
def test_what_may_pass_is_tried_again_under_the_same_token(failure: CallFailed) -> None:
    """DynamoDB then knows that it is the same write, should the first one have come through."""
    store, transport = scripted(*[failure] * 3)
    database = store._database
    database.transact([database.delete("jobs", "me", "k")])
    assert len(transport.payloads) == 4
    assert len({payload["ClientRequestToken"] for payload in transport.payloads}) == 1
    database.transact([database.delete("jobs", "me", "k")])
    assert len({payload["ClientRequestToken"] for payload in transport.payloads}) == 2


@pytest.mark.parametrize(
    ("failure", "error", "said"),
    [
        (failed("ResourceNotFoundException"), StoreError, "create the tables"),
        (failed("UnrecognizedClientException"), StoreError, "credentials"),
        (failed("NoCredentials"), StoreError, "credentials"),
        (failed("AccessDeniedException"), StoreError, "credentials"),
        (failed("ValidationException"), StoreError, "refused GetItem on t-entries"),
        (
            failed("TransactionCanceledException", 400, "ItemCollectionSizeLimitExceeded"),
            TooLarge,
            "10 GB",
        ),
        (failed("TransactionCanceledException", 400, "ValidationError"), TooLarge, "larger"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_what_stays_is_said_at_once(
    failure: CallFailed, error: type[ReflektError], said: str
) -> None:
    """In one line, with the table and the operation; nothing is tried twice."""
    store, transport = scripted(failure)
    with pytest.raises(error, match=said) as caught:
        store.accounts.get("me")
    assert "GetItem on t-entries" in caught.value.message
    assert "\n" not in caught.value.message
    assert len(transport.payloads) == 1


def test_pauses_grow_and_end_with_the_deadline() -> None:
    """25, 50, 100 … milliseconds, at most a second; after 8 seconds one is told to come again."""
    watch = Stopwatch()
    transport = Scripted(*[failed("ConnectionError", 0)] * 99)
    with pytest.raises(Unavailable, match="GetItem on t-x") as caught:
        watch.caller(transport).call("GetItem", {"TableName": "t-x"})
    assert watch.waits[:6] == [0.025, 0.05, 0.1, 0.2, 0.4, 0.8]
    assert set(watch.waits[6:]) == {1.0}
    assert 7 < watch.now < 8
    assert caught.value.retry_after_seconds > 0


def test_pauses_are_of_any_length_up_to_that() -> None:
    """Full jitter: many who were refused at once do not come back at once."""
    watch = Stopwatch()
    watch.caller(Scripted(*[failed("Throttling")] * 3), jitter=0.5).call("GetItem", {})
    assert watch.waits == [0.0125, 0.025, 0.05]


def test_a_failed_condition_is_not_tried_again() -> None:
    """Nor when another item was in use at the same time."""
    failure = failed(
        "TransactionCanceledException", 400, "TransactionConflict", "ConditionalCheckFailed"
    )
    transport = Scripted(failure)
    with pytest.raises(Cancelled) as caught:
        Stopwatch().caller(transport).call("TransactWriteItems", {})
    assert caught.value.failed == ((False, None), (True, None))
    assert len(transport.payloads) == 1


def test_a_lost_race_is_given_up_in_time() -> None:
    """Whoever always comes too late is told to come again, and nothing was written."""
    head = {"u": string("me"), "k": string("head"), "n": number(5)}
    failure = CallFailed(
        "TransactionCanceledException",
        status=400,
        reasons=(("ConditionalCheckFailed", head), ("None", None)),
    )
    store, transport = scripted()
    me = store.accounts.get("me")
    transport.failures = [failure] * 500
    with pytest.raises(Unavailable):
        store.entries.put(me, an_entry(), replaces=None)


def test_what_cannot_be_reached_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint where nobody listens, and credentials that nobody gave."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    url = "dynamodb://t?region=eu-west-1&endpoint=http://127.0.0.1:9&timeout=0.1"
    with pytest.raises(Unavailable, match="GetItem on t-entries"):
        open_store(url).accounts.get("me")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match="credentials"):
        open_store(url).accounts.get("me")


def test_without_a_region_one_is_told_how_to_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ConfigurationError, match="region=eu-west-1"):
        open_store("dynamodb://t").accounts.get("me")


def test_a_missing_table_is_named(dynamodb: Emulator) -> None:
    """With what to do."""
    store = open_store(dynamodb.url().replace("dynamodb://t", "dynamodb://u"))
    with pytest.raises(StoreError, match=r"create the tables first|a table is missing"):
        store.accounts.get("me")
    store.close()


@pytest.mark.parametrize(
    "url",
    [
        "dynamodb://",
        "dynamodb:t",
        "dynamodb://a b",
        "dynamodb://é",
        f"dynamodb://{'a' * 201}",
        "dynamodb://t?region",
        "dynamodb://t?colour=red",
        "dynamodb://t?region=a&region=b",
        "dynamodb://t?timeout=0",
        "dynamodb://t?timeout=301",
        "dynamodb://t?timeout=nan",
        "dynamodb://t?timeout=soon",
        "dynamodb://t?endpoint=localhost:8000",
        "dynamodb://t?endpoint=ftp://localhost",
        "dynamodb://t?endpoint=http://",
        "dynamodb://t?account=users",
    ],
)
def test_a_url_that_is_none_says_what_one_looks_like(url: str) -> None:
    """Prefix, options and their values are looked at before anything is sent."""
    with pytest.raises(ConfigurationError, match=r"dynamodb://prefix\?region=eu-west-1"):
        DynamoDBStore(url, PlainText())


def test_it_is_backed_up_by_aws(tmp_path: Path) -> None:
    """No file is written, and the error says what to do."""
    with pytest.raises(StoreError, match="point-in-time"):
        open_store("dynamodb://t").backup(str(tmp_path / "b"))
    assert list(tmp_path.iterdir()) == []


def test_tables_are_made_once(dynamodb: Emulator) -> None:
    """Making them again leaves those that are there as they are."""
    store = dynamodb.store()
    entry = an_entry()
    store.entries.put(store.accounts.get("me"), entry, replaces=None)
    create_tables(dynamodb.botocore._client(), store._database.prefix)
    assert store.entries.get("me", entry.id) == entry


def test_no_text_is_logged_or_told(dynamodb: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever level others set: botocore would log whole requests."""
    url = dynamodb.url()  # makes tables, which the emulator's own client may log
    for logger in (None, "botocore"):
        caplog.set_level(logging.DEBUG, logger)
    store = open_store(url)
    entry = an_entry(CANARY, title=CANARY, tags=(CANARY,))
    me = store.accounts.get("me")
    store.entries.put(me, entry, replaces=None)
    assert store.entries.get("me", entry.id) == entry
    with pytest.raises(VersionConflict) as caught:
        store.entries.put(me, entry, replaces=None)
    assert CANARY not in repr(caught.getrepr(style="native"))
    assert CANARY not in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("botocore")]
    store.close()


def test_a_damaged_item_is_an_error(dynamodb: Emulator) -> None:
    """A long text whose other half is missing is not taken for another version."""
    store = dynamodb.store()
    me = store.accounts.get("me")
    entry = an_entry(noise(99_000), extra={"x": noise(230_000)})
    store.entries.put(me, entry, replaces=None)
    database = store._database
    database.transact([database.delete("entries", "me", f"x#{entry.id}")])
    with pytest.raises(StoreError, match="damaged"):
        store.entries.get("me", entry.id)


class Cut(BaseHTTPRequestHandler):
    """Answers with what looks like an item, but less of it, or other bytes, than announced."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"Item": {"u": {"S": "me"}, "k": {"S": "head"}}}'
        length, checksum, sent = self.path_says(body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(length))
        if checksum is not None:
            self.send_header("x-amz-crc32", str(checksum))
        self.end_headers()
        self.wfile.write(sent)

    def path_says(self, body: bytes) -> tuple[int, int | None, bytes]:
        """Return the length and checksum to announce, and what to send."""
        return self.server.answers.pop(0)(body)  # type: ignore[attr-defined, no-any-return]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing."""


def test_an_answer_that_is_not_whole_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again: an item whose end is missing is not taken for one that is not there."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    with HTTPServer(("127.0.0.1", 0), Cut) as server:
        server.answers = [  # type: ignore[attr-defined]
            lambda body: (len(body), None, body[:20]),
            lambda body: (len(body), crc32(body), body.replace(b"me", b"my")),
            lambda body: (len(body), crc32(body), body),
        ]
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        transport = BotocoreTransport(region="eu-west-1", endpoint=endpoint)
        store = DynamoDBStore("dynamodb://t", PlainText(), caller=patient(transport))
        item = store._database.get("entries", "me", "head")
        server.shutdown()
        transport.close()
    assert item == {"u": string("me"), "k": string("head")}
    assert server.answers == []  # type: ignore[attr-defined]


# Values.


def test_times_sort_as_text_from_the_first_year_to_the_last() -> None:
    """Also before 1970, to the microsecond."""
    times = [datetime(year, 1, 2, 3, 4, 5, 6, UTC) for year in (1000, 1969, 1970, 2026, 9000)]
    keys = [time_key(microseconds(at)) for at in times]
    assert keys == sorted(keys)
    assert {len(key) for key in keys} == {16}
    assert [instant(microseconds(at)) for at in times] == times


def test_large_numbers_stay_exact(dynamodb: Emulator) -> None:
    """Of 38 digits none is lost on the way."""
    store = dynamodb.store()
    big = 10**37 + 1
    database = store._database
    item = {"u": string("me"), "k": string("n"), "v": number(big)}
    database.transact([database.put("jobs", item, "it")])
    assert database.get("jobs", "me", "n") == item


def test_botocore_is_loaded_when_it_is_used() -> None:
    """Opening a store makes no client."""
    transport = BotocoreTransport(region="eu-west-1")
    assert transport._made is None
    transport.close()


def test_many_items_are_read_at_once(dynamodb: Emulator) -> None:
    """More than one request may name are read in several."""
    store = dynamodb.store()
    database = store._database
    keys = [f"key-{uuid4()}" for _ in range(130)]
    for start in (0, 100):
        database.transact(
            [
                database.put("jobs", {"u": string("me"), "k": string(key)}, "it")
                for key in keys[start : start + 100]
            ]
        )
    assert set(database.get_many("jobs", "me", [*keys, *keys[:5], "none"])) == set(keys)
