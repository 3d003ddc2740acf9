"""Whatever goes wrong on the way to DynamoDB: nothing is lost, doubled, or reported wrongly."""

from collections.abc import Iterator
from functools import partial

import attrs
import pytest

from reflekt_core.model.accounts import Counts
from reflekt_core.model.entries import Entry, TagCount
from reflekt_core.model.usage import Receipt
from reflekt_core.ports import PlainText, Store
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.transport import BotocoreTransport, Transport
from reflekt_core.testing import NOW, StoreContract, an_entry
from reflekt_core.testing.racing import at_once

from .dynamodb_emulator import Emulator, patient
from .dynamodb_faults import WIRE_KINDS, Faulty, proxied


class TestFaulty(StoreContract):
    """The contract, while every third request goes wrong."""

    @pytest.fixture
    def store(self, dynamodb: Emulator) -> Iterator[Store]:
        """Give an empty store on a bad line."""
        opened = dynamodb.store(Faulty)
        yield opened
        opened.close()


def write_all(store: Store, made: list[Entry]) -> None:
    """Write each entry, and then change it."""
    me = store.accounts.get("me")
    for entry in made:
        store.entries.put(me, entry, replaces=None)
        store.entries.put(me, attrs.evolve(entry, starred=True, version=2), replaces=1)


def test_every_kind_of_fault_happens(dynamodb: Emulator) -> None:
    """Else the contract on a bad line would prove nothing."""
    faults: list[Faulty] = []

    def wrap(below: Transport) -> Transport:
        faults.append(Faulty(below))
        return faults[0]

    store = dynamodb.store(wrap)
    write_all(store, [an_entry(f"{n}", tags=("t",)) for n in range(40)])
    for _ in range(9):
        assert len(store.entries.changes("me", limit=100)) == 40
    assert set(faults[0].happened) == {
        "lost before",
        "lost after",
        "throttled",
        "broken",
        "broken after",
        "contended",
        "short page",
        "unprocessed",
    }


def test_writers_behind_a_bad_network_lose_and_double_nothing(dynamodb: Emulator) -> None:
    """Connections are reset before and after the commit, answers late, cut or refusals."""
    made = [[an_entry(f"{n}", tags=("t",)) for n in range(12)] for _ in range(4)]
    with proxied(dynamodb.endpoint, late_seconds=1.0) as proxy:
        transport = BotocoreTransport(region="eu-west-1", endpoint=proxy.url, read_seconds=0.5)
        store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(transport))
        at_once([partial(write_all, store, some) for some in made])
        changes = store.entries.changes("me", limit=100).items
        counts, tags = store.entries.counts("me"), store.entries.tags("me").items
        transport.close()
    assert set(WIRE_KINDS) <= set(proxy.happened)
    assert {change.entry.id for change in changes} == {e.id for some in made for e in some}
    assert {change.entry.version for change in changes} == {2}
    # Each write took one number: a commit done twice, or a lost one, would show as a gap.
    assert changes[-1].sequence == 96
    assert (counts, tags) == (Counts(48), (TagCount("t", 48),))


def test_a_purge_whose_answer_is_lost_counts_what_it_deleted(dynamodb: Emulator) -> None:
    """Deleting again what is deleted already is not taken for somebody else's work."""
    store = dynamodb.store(Faulty)
    me = store.accounts.get("me")
    for n in range(9):
        record = Receipt("f", NOW)
        store.records(Receipt).put(me, f"{n}", record, replaces=None, expires_at=NOW)
    assert store.purge_expired(NOW) == 9
