"""What the search index on DynamoDB must not do: keep words of what is gone, or tell twice."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import pytest

from reflekt_core.errors import Unavailable
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, trashed
from reflekt_core.model.search import parse
from reflekt_core.ports import PlainText
from reflekt_core.services.search import index_entry
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.search_state import Limits
from reflekt_core.stores.dynamodb.transport import Transport
from reflekt_core.testing import NOW, an_entry
from reflekt_core.testing.entries import changed, put_all
from reflekt_core.testing.searching import settle

from .dynamodb_emulator import Emulator, patient
from .test_dynamodb_search import (
    TINY,
    WIDE,
    Crash,
    Dying,
    event_of,
    every_word,
    found_by,
    items_of,
    left_over,
    meant,
    rebuilt,
    state_of,
    told,
    with_limits,
    written,
)


def delete(store: DynamoDBStore, entry: Entry) -> None:
    """Delete an entry for good, and tell of it."""
    me = store.accounts.get("me")
    store.entries.put(me, Tombstone(entry.id, entry.version + 1, NOW), replaces=entry.version)
    index_entry(store, event_of(entry.id))


def marked(number: int) -> Entry:
    """Return an entry with a word of its own."""
    return an_entry(f"sea canary{number:02}")


class Between:
    """A transport that does something after the first request of a kind."""

    def __init__(self, below: Transport, kind: Callable[[Mapping[str, Any]], bool]) -> None:
        self._below = below
        self._kind = kind
        self.do: Callable[[], object] | None = None

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        response = self._below.call(operation, payload)
        if self._kind(payload) and self.do:
            do, self.do = self.do, None
            do()
        return response


def test_an_edit_while_an_index_begins_is_told_once(dynamodb: Emulator) -> None:
    """Whatever is written between the look at the changes and the look at their entries."""
    url = dynamodb.url()
    between = Between(dynamodb.transport, lambda asked: asked.get("IndexName") == "sequence")
    store = with_limits(DynamoDBStore(url, PlainText(), caller=patient(between)))
    other = with_limits(dynamodb.opened(url))
    made = written(other, 3)
    between.do = lambda: changed(other, "me", made[0], content="rain")
    index_entry(store, event_of(made[0].id))
    settle(other, "me")
    assert told(other, TINY) == meant(other)


def test_an_index_built_anew_forgets_what_was_deleted_meanwhile(dynamodb: Emulator) -> None:
    """Though whoever followed from the deletion saw to the old index alone."""
    store = with_limits(dynamodb.store(), attrs.evolve(TINY, pending=8, batch=9))
    made = [marked(n) for n in range(14)]
    put_all(store, made, "me")
    settle(store, "me")
    me = store.accounts.get("me")
    after = store.search.reindex(me, after=None, limit=20)
    after = store.search.reindex(me, after=after, limit=20)
    delete(store, made[0])
    while after is not None:
        after = store.search.reindex(me, after=after, limit=20)
    assert state_of(store).rebuilt is None
    words = set(every_word(store))
    assert "canary01" in words
    assert "canary00" not in words


@pytest.mark.parametrize("deleted", [(0,), (0, 5, 13), tuple(range(14))])
def test_an_index_that_is_never_finished_keeps_no_words(
    dynamodb: Emulator, deleted: tuple[int, ...]
) -> None:
    """Who was to build it anew may never come back; what is deleted for good is gone from there, too."""
    store = with_limits(dynamodb.store(), attrs.evolve(TINY, pending=8, batch=9))
    made = [marked(n) for n in range(14)]
    put_all(store, made, "me")
    settle(store, "me")
    me = store.accounts.get("me")
    after = store.search.reindex(me, after=None, limit=20)
    store.search.reindex(me, after=after, limit=9)
    for number in deleted:
        delete(store, made[number])
    words = {word for word in every_word(store) if word.startswith("canary")}
    assert words == {f"canary{n:02}" for n in range(14) if n not in deleted}
    rebuilt(store)
    assert left_over(store) == set()


@pytest.mark.parametrize("chunk", [2, 128], ids=["in parts", "whole"])
def test_what_came_from_the_trash_is_gone_from_an_unfinished_index(
    dynamodb: Emulator, chunk: int
) -> None:
    """That it was dead there already is not enough."""
    limits = attrs.evolve(TINY, batch=9, chunk=chunk, whole=9_999, small=9_999, large=9_999)
    store = with_limits(dynamodb.store(), limits)
    made = [marked(n) for n in range(14)]
    put_all(store, made, "me")
    settle(store, "me")
    me = store.accounts.get("me")
    after = store.search.reindex(me, after=None, limit=9)
    after = store.search.reindex(me, after=after, limit=9)
    moved = attrs.evolve(trashed(made[0], NOW), version=2)
    store.entries.put(me, moved, replaces=1)
    store.search.reindex(me, after=after, limit=9)
    building = state_of(store).rebuilt
    assert building
    assert [segment.dead for segment in building.segments] == [1, 0]
    assert "canary00" in set(every_word(store))
    delete(store, moved)
    assert "canary00" not in set(every_word(store))
    before = items_of(store)
    index_entry(store, event_of(moved.id))
    assert items_of(store) == before


def test_what_a_crash_left_half_written_is_not_kept(dynamodb: Emulator) -> None:
    """Also where the index was built anew, so that nobody goes on with it."""
    dies_at = left = 0
    crashed = True
    while crashed:
        dies_at += 1
        dying = Dying(dynamodb.transport)
        store = with_limits(DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(dying)), WIDE)
        made = [marked(n) for n in range(18)]
        put_all(store, made, "me")
        dying.writes, dying.dies_at = 0, dies_at
        crashed = False
        try:
            index_entry(store, event_of(made[0].id))
        except Crash:
            crashed = True
        dying.dies_at = None
        left += bool(state_of(store).begun)
        me = store.accounts.get("me")
        for entry in made[1:]:
            store.entries.put(me, Tombstone(entry.id, 2, NOW), replaces=1)
        rebuilt(store)
        for entry in made[1:]:
            index_entry(store, event_of(entry.id))
        assert {word for word in every_word(store) if word.startswith("canary")} == {"canary00"}
        assert left_over(store) == set()
    assert left


def test_a_deletion_is_not_done_before_its_words_are_gone(dynamodb: Emulator) -> None:
    """Where too much waits for one call, the event has to come again."""
    store = with_limits(dynamodb.store())
    (entry,) = made = [marked(0)]
    put_all(store, made, "me")
    settle(store, "me")
    written(store, 150)
    with pytest.raises(Unavailable):
        delete(store, entry)
    tries = 1
    while "canary00" in set(every_word(store)):
        with suppress(Unavailable):
            index_entry(store, event_of(entry.id))
        tries += 1
    assert tries < 9
    assert "canary00" not in set(every_word(store))


class Stale:
    """A transport whose eventually consistent reads of what is known of segments are old."""

    def __init__(self, below: Transport) -> None:
        self._below = below
        self.old: dict[str, Any] | None = None

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        response = self._below.call(operation, payload)
        if operation == "Query" and payload["ConsistentRead"] is False and self.old:
            items = response["Items"]
            response["Items"] = [
                self.old.get(one["k"]["S"], one) if one["k"]["S"] != "head" else one
                for one in items
            ]
        return response


def test_a_search_that_reads_old_parts_tells_nothing_twice(dynamodb: Emulator) -> None:
    """The head may be newer than what is read beside it."""
    stale = Stale(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(stale))
    with_limits(store, Limits(pending=0))
    made = written(store, 4)
    index_entry(store, event_of(made[0].id))
    old = items_of(store)
    edited = changed(store, "me", made[0], content="sea again")
    index_entry(store, event_of(made[0].id))
    stale.old = old
    page = store.search.search("me", parse("sea"), EntryFilter(), limit=100)
    assert sorted(match.entry.id for match in page) == sorted(
        entry.id for entry in (edited, *made[1:])
    )
    assert len(found_by(store, "sea")) == 4
