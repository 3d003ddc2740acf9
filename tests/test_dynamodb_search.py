"""The search index on DynamoDB: its packed form, its upkeep, and what both cost."""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, cast
from uuid import UUID

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core.errors import AccountErased, StoreError
from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, restored, trashed
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.search import parse
from reflekt_core.ports import PlainText, Store
from reflekt_core.services.search import index_entry
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.postings import (
    Doc,
    Lists,
    counts_of,
    doc_of,
    id_word,
    listed,
    lists_of,
    merged,
    pack,
    pack_docs,
    part_of,
    parts_of,
    unpack,
    unpack_docs,
)
from reflekt_core.stores.dynamodb.search import DynamoDBSearch
from reflekt_core.stores.dynamodb.search_matching import Words, is_exact, looked_up, scores
from reflekt_core.stores.dynamodb.search_state import (
    Index,
    Limits,
    State,
    alive,
    chunk_key,
    info_key,
    part_key,
)
from reflekt_core.stores.dynamodb.tables import MAX_ITEM_BYTES, Item, size, string
from reflekt_core.stores.dynamodb.transport import Transport
from reflekt_core.testing import NOW, an_entry
from reflekt_core.testing.entries import EXAMPLES, changed, fresh_user, put_all
from reflekt_core.testing.racing import at_once
from reflekt_core.testing.records import begin
from reflekt_core.testing.searching import SearchContract, found, matches, settle

from .dynamodb_emulator import Emulator, Observing, patient
from .test_dynamodb_capacity import Metering
from .zipf import words, zipf_entry

TINY = Limits(
    pending=0,
    batch=3,
    chunk=2,
    whole=150,
    small=200,
    large=600,
    largest=4000,
    segments=3,
    few_bits=1,
    many_bits=2,
)
"""With which a handful of entries makes segments of every form."""
WIDE = attrs.evolve(TINY, many_bits=7)
"""With more parts than one transaction writes."""


def with_limits(store: DynamoDBStore, limits: Limits = TINY) -> DynamoDBStore:
    """Cut the index of *store* by *limits*."""
    store.search = DynamoDBSearch(store._database, store._codec, store._entries, limits)
    return store


class TestTinySegments(SearchContract):
    """The contract, with an index that is merged all the time."""

    @pytest.fixture
    def store(self, dynamodb: Emulator) -> Iterator[Store]:
        """Give an empty store."""
        opened = with_limits(dynamodb.store())
        yield opened
        opened.close()

    @pytest.fixture
    def me(self, store: Store) -> Account:
        """Give the account of a user who has nothing yet."""
        return store.accounts.get("me")


# What the index tells, read item by item.


def items_of(store: DynamoDBStore, user_id: str = "me") -> dict[str, Item]:
    """Return all that a user has in the table."""
    found = store._database.query("search", "#u = :u", {":u": string(user_id)})
    return {item["k"]["S"]: item for item in found}


def index_of(store: DynamoDBStore) -> Index:
    """Return what reads the index."""
    return Index(store._database, store._codec)


def state_of(store: DynamoDBStore, user_id: str = "me") -> State:
    """Return what the head tells."""
    return index_of(store).look(user_id)[1].state


def told(store: DynamoDBStore, limits: Limits, user_id: str = "me") -> dict[UUID, Any]:
    """Return what the index tells of each entry: its fingerprint and words; of each once."""
    items, index = items_of(store, user_id), index_of(store)
    found: dict[UUID, Any] = {}
    for segment in state_of(store, user_id).live.segments:
        info = index.info(user_id, items, segment)
        assert (len(info.dead), sum(info.docs)) == (segment.dead, segment.docs)
        docs, words = {}, {}
        if segment.bits:
            for place, chunk in enumerate(info.chunks):
                some = index.docs(user_id, items, chunk_key(chunk))
                assert len(some) == info.docs[place]
                docs |= {place * limits.chunk + n: doc for n, doc in enumerate(some)}
                for doc in some:
                    assert info.oldest[place] <= doc.at / 1e6 <= info.newest[place]
            for part in range(1 << segment.bits):
                some_words = index.words(
                    user_id, items, part_key(segment.bits, part, segment.number)
                )
                assert {part_of(word, segment.bits) for word in some_words} <= {part}
                words |= some_words
        else:
            key = info_key(segment.number)
            docs = dict(enumerate(index.docs(user_id, items, key)))
            words = index.words(user_id, items, key)
        for number in alive(info, limits.chunk):
            assert docs[number].id not in found
            found[docs[number].id] = (docs[number].print, {})
        for word, packed in words.items():
            for number, code in (listed(packed) or {}).items():
                if number not in info.dead and word[-1] != "*":
                    found[docs[number].id][1][word] = code
    return found


def meant(store: DynamoDBStore, user_id: str = "me") -> dict[UUID, Any]:
    """Return what an index that tells of everything has to tell."""
    page = store.entries.list(user_id, EntryFilter(), limit=1000)
    return {entry.id: (doc_of(entry).print, counts_of(entry)) for entry in page}


def left_over(store: DynamoDBStore, user_id: str = "me") -> set[str]:
    """Return the keys of what belongs to nothing that counts."""
    items, index, state = items_of(store, user_id), index_of(store), state_of(store, user_id)
    keys = set(items) - {"head"}
    for directory in filter(None, (state.live, state.rebuilt)):
        for segment in directory.segments:
            info = index.info(user_id, items, segment)
            keys -= {info_key(segment.number), *(map(chunk_key, info.chunks))}
            keys -= {
                part_key(segment.bits, part, segment.number) for part in range(1 << segment.bits)
            }
    return keys


def event_of(entry_id: UUID, user_id: str = "me") -> Event:
    """Return an event about an entry."""
    return Event(EventKind.ENTRY_UPDATED, user_id, str(entry_id), 1, NOW)


# The packed form.

WORDS = st.text(st.sampled_from("abcé日本x0"), min_size=1, max_size=9)
CODES = st.integers(1, 4095)
LISTS = st.dictionaries(
    WORDS, st.dictionaries(st.integers(0, 300), CODES, min_size=1, max_size=9), max_size=20
)


@given(LISTS)
def test_lists_come_back_as_they_were_packed(lists: Lists) -> None:
    """Every word with every entry and how often, and what is common as such."""
    assert {word: listed(packed) for word, packed in unpack(pack(lists)).items()} == lists
    common: Lists = dict.fromkeys(lists)
    assert {word: listed(packed) for word, packed in unpack(pack(common)).items()} == common


@given(LISTS, st.sampled_from([0, 1, 3, 8]), st.integers(1, 300))
def test_parts_hold_every_word_once(lists: Lists, bits: int, entries: int) -> None:
    """In the part that its beginning says, and beside them only lists of beginnings."""
    parts = parts_of(lists, bits, entries)
    assert len(parts) == 1 << bits
    gathered: dict[str, Any] = {}
    for place, part in enumerate(parts):
        assert all(part_of(word, bits) == place for word in part)
        gathered |= {word: numbers for word, numbers in part.items() if word[-1] != "*"}
    assert gathered == lists


@given(LISTS, st.sampled_from([0, 1, 3, 8]), st.integers(1, 300), WORDS)
def test_words_and_beginnings_are_found_in_any_number_of_parts(
    lists: Lists, bits: int, entries: int, word: str
) -> None:
    """The same entries as in one part, but for beginnings of a letter or two that are common."""
    parts = [unpack(pack(part)) for part in parts_of(lists, bits, entries)]
    words, whole = Words(bits, parts.__getitem__), Words(0, lambda _: unpack(pack(lists)))
    assert words.of(word) == whole.of(word)
    begun, expected = words.beginning_with(word), whole.beginning_with(word)
    if begun is None:
        assert len(word) < 3
        assert len(expected or ()) * 4 > entries - 4
    else:
        assert begun == expected


@given(LISTS, LISTS, st.sets(st.integers(0, 300)))
def test_merged_lists_tell_what_each_told(one: Lists, other: Lists, gone: set[int]) -> None:
    """Under new numbers, without those that are gone, and without words that only they had."""
    kept = {n: n for n in range(301) if n not in gone}
    shifted = {n: n + 301 for n in range(301)}
    both = merged([(one, kept), (other, shifted)])
    for word in {*one, *other}:
        expected = {n: c for n, c in (one.get(word) or {}).items() if n in kept}
        expected |= {n + 301: c for n, c in (other.get(word) or {}).items()}
        assert both.get(word, {}) == expected
    assert all(both.values())


@given(
    st.lists(st.tuples(st.uuids(), st.integers(-(2**60), 2**60), st.binary(min_size=6, max_size=6)))
)
def test_docs_come_back_as_they_were_packed(made: list[tuple[UUID, int, bytes]]) -> None:
    """Ids, times and fingerprints."""
    docs = tuple(Doc(*one) for one in made)
    assert unpack_docs(pack_docs(docs)) == docs


TEXTS = st.lists(
    st.sampled_from(
        [
            *("sea", "seaside", "se", "s", "a", "swim", "don't", "x-ray", "Straße"),
            *("日本語", "日", "東京", "สวัสดี", "🌊"),
            *("incomprehensibilities", "incomprehensibility"),
        ]
    ),
    max_size=8,
).map(" ".join)
TERMS = TEXTS.map(lambda text: f'"{text}"') | st.tuples(
    st.sampled_from(["", "", "-"]),
    TEXTS.map(lambda text: text.split(" ")[0]),
    st.sampled_from(["", "*"]),
).map("".join)


@given(
    st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6),
    st.lists(TERMS, min_size=1, max_size=4).map(" ".join),
    st.sampled_from([0, 1, 8]),
)
def test_no_entry_that_is_meant_is_missed(
    texts: list[tuple[str, str]], asked: str, bits: int
) -> None:
    """Whatever is looked for; where the index is exact, nobody else is found, and scores are right."""
    query = parse(f"{asked} s*")
    made = [an_entry(content or "-", title=title) for title, content in texts]
    parts = parts_of(lists_of(map(counts_of, made)), bits, len(made))
    packed = [unpack(pack(part)) for part in parts]
    found = scores(query, Words(bits, packed.__getitem__), range(len(made)))
    matching = {n: query.score(entry) for n, entry in enumerate(made) if query.matches(entry)}
    assert matching.keys() <= found.keys()
    assert all(score > 0 for score in found.values())
    if is_exact(query):
        assert found == pytest.approx(matching)


def test_of_many_words_the_longest_are_looked_up() -> None:
    """So that a long phrase costs no more than eight words, and is looked at more closely then."""
    query = parse('"a few words that are more than can be looked up at once in an index"')
    assert len(looked_up(query)) == 8
    assert {"looked", "index", "words"} <= looked_up(query)
    assert not is_exact(query)


# Upkeep.


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, int, str]]:
    """Make what happens: writes of a few entries, and events about any of them at any time."""
    kinds = st.sampled_from(
        ["put", "put", "edit", "star", "move", "trash", "delete", "tell", "tell"]
    )
    return draw(st.lists(st.tuples(kinds, st.integers(0, 9), TEXTS), min_size=5, max_size=30))


class Journal:
    """Entries that are written by number."""

    def __init__(self, store: DynamoDBStore, user_id: str) -> None:
        self.store = store
        self.user_id = user_id
        self.account = store.accounts.get(user_id)
        self.ids = [UUID(int=n + 1) for n in range(10)]

    def do(self, kind: str, number: int, text: str) -> None:
        """Let something happen."""
        id = self.ids[number]
        if kind == "tell":
            index_entry(self.store, event_of(id, self.user_id))
            return
        now = self.store.entries.get(self.user_id, id)
        at = NOW + timedelta(minutes=number)
        if now is None or isinstance(now, Tombstone):
            made = an_entry(text or "-", id=id, occurred_at=at)
            version = now.version if now else None
            new: Entry | Tombstone = attrs.evolve(made, version=(version or 0) + 1)
            self.store.entries.put(self.account, new, replaces=version)
            return
        if kind == "delete":
            new = Tombstone(id, now.version + 1, NOW)
        elif now.trashed_at:
            new = attrs.evolve(restored(now, NOW), version=now.version + 1)
        elif kind == "trash":
            new = attrs.evolve(trashed(now, NOW), version=now.version + 1)
        elif kind == "star":
            new = attrs.evolve(now, starred=not now.starred, version=now.version + 1)
        elif kind == "move":
            moved = now.occurred_at - timedelta(days=number)
            new = attrs.evolve(now, occurred_at=moved, version=now.version + 1)
        else:
            new = attrs.evolve(now, content=text or "-", version=now.version + 1)
        self.store.entries.put(self.account, new, replaces=now.version)


@pytest.fixture(scope="module")
def tiny(dynamodb: Emulator) -> DynamoDBStore:
    """Give a store for many users."""
    return with_limits(dynamodb.store())


@settings(EXAMPLES, max_examples=25)
@given(history=histories(), last=st.permutations(range(10)))
def test_the_index_equals_one_made_from_scratch(
    tiny: DynamoDBStore, history: list[tuple[str, int, str]], last: list[int]
) -> None:
    """Whatever was written, and in whatever order, how often and how late it was told."""
    journal = Journal(tiny, fresh_user())
    for what in history:
        journal.do(*what)
    for number in last:
        journal.do("tell", number, "")
    assert told(tiny, TINY, journal.user_id) == meant(tiny, journal.user_id)
    assert left_over(tiny, journal.user_id) == set()
    assert state_of(tiny, journal.user_id).garbage == ()


def written(store: DynamoDBStore, count: int, start: int = 0) -> list[Entry]:
    """Write so many entries of few words."""
    made = [
        an_entry(f"sea number{n} {'common ' * (n % 3)}", occurred_at=NOW - timedelta(hours=n))
        for n in range(start, start + count)
    ]
    put_all(store, made, "me")
    return made


def test_an_index_comes_to_have_segments_of_every_form(dynamodb: Emulator) -> None:
    """Else nothing here would prove much; chunks stay where they are when segments are joined."""
    store = with_limits(dynamodb.store())
    forms = set()
    for n in range(40):
        (entry,) = written(store, 1, n)
        index_entry(store, event_of(entry.id))
        forms |= {segment.bits for segment in state_of(store).live.segments}
    assert forms == {0, TINY.few_bits, TINY.many_bits}
    assert len(found(store, "me", "sea")) == 40


def test_few_changes_wait_and_are_found_all_the_same(dynamodb: Emulator) -> None:
    """Until there are more than eight, an event writes nothing, and a search sees each change."""
    store = dynamodb.store()
    made = written(store, 8)
    settle(store, "me")
    assert items_of(store) == {}
    assert found(store, "me", "sea") == made
    made += written(store, 1, 8)
    settle(store, "me")
    assert [segment.docs for segment in state_of(store).live.segments] == [9]
    edited = changed(store, "me", made[0], content="rain")
    assert found(store, "me", "rain") == [edited]
    assert found(store, "me", "sea") == made[1:]


def test_what_changes_no_word_is_not_told_again(dynamodb: Emulator) -> None:
    """A star is taken note of, and the index stays as it is."""
    store = with_limits(dynamodb.store())
    made = written(store, 4)
    settle(store, "me")
    before = state_of(store)
    changed(store, "me", made[0], starred=True)
    settle(store, "me")
    after = state_of(store)
    assert after.live.upto > before.live.upto
    assert (after.next, after.live.segments) == (before.next, before.live.segments)


def test_what_was_there_before_the_index_is_not_looked_for_in_it(dynamodb: Emulator) -> None:
    """A journal of edited entries is taken in without a search for each."""
    observed = Observing(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(observed))
    with_limits(store)
    for entry in written(store, 9):
        changed(store, "me", entry, content="edited")
    del observed.calls[:]
    index_entry(store, event_of(UUID(int=1)))
    assert len(found_by(store, "edited")) == 9
    assert sum(is_overview(payload) for _, payload in observed.calls) == 1  # the search's own


def is_overview(payload: Mapping[str, Any]) -> bool:
    """Tell whether a request reads what there is of an index."""
    values = payload.get("ExpressionAttributeValues", {})
    return bool(values.get(":first") == {"S": "head"})


def test_consumers_at_once_lose_and_double_nothing(dynamodb: Emulator) -> None:
    """Four of them, while entries are written, edited and deleted, in one transaction or more."""
    for limits in (TINY, WIDE):
        url = dynamodb.url()
        stores = [with_limits(dynamodb.opened(url), limits) for _ in range(4)]
        made = written(stores[0], 12)

        def tell(store: DynamoDBStore, made: list[Entry] = made) -> None:
            for entry in made:
                index_entry(store, event_of(entry.id))

        def write(store: DynamoDBStore = stores[0], made: list[Entry] = made) -> None:
            for n, entry in enumerate(made):
                if n % 3:
                    changed(store, "me", entry, content=f"rain {n}")
                elif n % 2:
                    me = store.accounts.get("me")
                    store.entries.put(me, Tombstone(entry.id, 2, NOW), replaces=1)

        at_once([write, *(partial(tell, store) for store in stores)])
        tell(stores[0])
        assert told(stores[0], limits) == meant(stores[0])
        assert left_over(stores[0]) == set()


def test_who_is_overtaken_writes_nothing_stale(dynamodb: Emulator) -> None:
    """Whenever another consumer goes ahead, the parts and words that it deleted do not come back."""
    for steps in range(9):
        url = dynamodb.url()
        store = with_limits(dynamodb.opened(url), WIDE)
        made = [an_entry(f"sea canary{n:02}") for n in range(16)]
        put_all(store, made[:9], "me")
        tell = partial(index_entry, store, event_of(made[8].id))
        tell()

        def delete(number: int, store: DynamoDBStore = store, made: list[Entry] = made) -> None:
            gone = Tombstone(made[number].id, 2, NOW)
            store.entries.put(store.accounts.get("me"), gone, replaces=1)

        def overtake(
            delete: Callable[[int], None] = delete, tell: Callable[[], None] = tell
        ) -> None:
            delete(1)
            delete(5)
            tell()

        delete(0)
        put_all(store, made[9:], "me")
        late = DynamoDBStore(
            url, PlainText(), caller=patient(Fencing(dynamodb.transport, steps, overtake))
        )
        index_entry(with_limits(late, WIDE), event_of(made[-1].id))
        tell()
        words = set(every_word(store))
        gone = [entry for entry in made if entry.id not in meant(store)]
        assert words & {entry.content[4:] for entry in gone} == set()
        assert told(store, WIDE) == meant(store)
        assert left_over(store) == set()


class Crash(BaseException):
    """The process dies here."""


class Dying:
    """A transport that dies at a write: before it, or after it was done."""

    def __init__(self, below: Transport) -> None:
        self._below = below
        self.writes = 0
        self.dies_at: int | None = None
        self.after = False

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request, or not."""
        if operation != "TransactWriteItems":
            return self._below.call(operation, payload)
        self.writes += 1
        if self.writes == self.dies_at and not self.after:
            raise Crash
        response = self._below.call(operation, payload)
        if self.writes == self.dies_at:
            raise Crash
        return response

    def close(self) -> None:
        """Let go of nothing."""


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("limits", [TINY, WIDE])
def test_a_crash_at_any_write_loses_nothing(
    dynamodb: Emulator, limits: Limits, *, after: bool
) -> None:
    """Whoever comes next goes on; nothing is told twice, and nothing stays lying about."""
    dying = Dying(dynamodb.transport)
    store = with_limits(DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(dying)), limits)
    dying.after = after
    random_ = random.Random(3)  # noqa: S311 - the same in every run
    made = []
    crashes = 0
    for n in range(24):
        made += written(store, 1, n)
        if n % 5 == 4:
            old = made.pop(random_.randrange(len(made)))
            store.entries.put(store.accounts.get("me"), Tombstone(old.id, 2, NOW), replaces=1)
            made.append(old)
            made = [entry for entry in made if entry.id != old.id]
        dying.writes, dying.dies_at = 0, random_.randrange(1, 6)
        try:
            index_entry(store, event_of(made[-1].id))
        except Crash:
            crashes += 1
        dying.dies_at = None
        assert len(found_by(store, "sea")) == len(made)
    assert crashes > 8
    index_entry(store, event_of(made[-1].id))
    assert told(store, limits) == meant(store)
    assert left_over(store) == set()


def found_by(store: DynamoDBStore, query: str) -> list[Entry]:
    """Return what a search finds, with nobody told."""
    page = store.search.search("me", parse(query), EntryFilter(), limit=100)
    return [match.entry for match in page]


def test_words_of_what_is_deleted_for_good_are_gone(dynamodb: Emulator) -> None:
    """At the event, from segments of every form; what is in the trash is not found, but may come back."""
    store = with_limits(dynamodb.store(), attrs.evolve(TINY, pending=5, batch=9))
    me = store.accounts.get("me")
    made = []
    for n in range(30):
        new = an_entry(f"sea canary{n:04}", occurred_at=NOW + timedelta(hours=n))
        put_all(store, [new], "me")
        made.append(new)
        index_entry(store, event_of(new.id))
    edited = changed(store, "me", made[3], content="sea again")
    settle(store, "me")
    for entry in (made[0], edited, made[12], made[29]):
        store.entries.put(me, Tombstone(entry.id, entry.version + 1, NOW), replaces=entry.version)
        index_entry(store, event_of(entry.id))
    words = set(every_word(store))
    assert {"canary0000", "canary0003", "canary0012", "canary0029"} & words == set()
    assert {id_word(entry.id) for entry in (made[0], edited, made[12], made[29])} & words == set()
    assert "canary0001" in words
    assert len(found(store, "me", "sea")) == 26


def every_word(store: DynamoDBStore) -> Iterator[str]:
    """Yield every word in every item, whether it counts or not."""
    index, items = index_of(store), items_of(store)
    for key, item in items.items():
        if "p" in item:
            yield from index.words("me", items, key)


def test_a_segment_of_which_all_is_gone_goes(dynamodb: Emulator) -> None:
    """Its chunks and parts as well."""
    store = with_limits(dynamodb.store())
    made = written(store, 12)
    settle(store, "me")
    me = store.accounts.get("me")
    for entry in made:
        store.entries.put(me, trashed(attrs.evolve(entry, version=2), NOW), replaces=1)
    settle(store, "me")
    assert state_of(store).live.segments == ()
    assert set(items_of(store)) == {"head"}


def test_the_table_spells_no_words_in_keys(dynamodb: Emulator) -> None:
    """Keys are numbers; bodies go through the cipher, bound to the user and the item."""
    sealed: list[tuple[str, str]] = []

    class Noting(PlainText):
        """Notes what is sealed."""

        def seal(self, user_id: str, record: str, plain: bytes) -> bytes:
            """Return it shifted."""
            sealed.append((user_id, record))
            return bytes(byte ^ 90 for byte in plain)

        def open(self, user_id: str, record: str, sealed: bytes) -> bytes:
            """Return it as it was."""
            assert (user_id, record) in opened_names
            return bytes(byte ^ 90 for byte in sealed)

    opened_names: Any = sealed
    store = DynamoDBStore(dynamodb.url(), Noting(), caller=patient(dynamodb.transport))
    with_limits(store)
    for entry in written(store, 20):
        index_entry(store, event_of(entry.id))
    assert len(found_by(store, "sea")) == 20
    items = items_of(store)
    assert len(items) > 10
    for key, item in items.items():
        assert not re.search("sea|number", key)
        assert set(item) <= {"u", "k", "n", "m", "b", "p", "c"}
        names = {f"{key}/{name}" for name in ("p", "c") if name in item}
        names |= {"search" if key == "head" else key} if "b" in item else set()
        assert {("me", name) for name in names} <= set(sealed)


# Accounts.


def test_a_late_event_after_an_erasure_writes_nothing(dynamodb: Emulator) -> None:
    """An account from before it is refused; a consumer that looks it up anew finds nothing to do."""
    store = with_limits(dynamodb.store())
    made = written(store, 9)
    settle(store, "me")
    me = store.accounts.get("me")
    assert len(items_of(store)) > 3
    erasing = begin(store, me)
    for account in (me, erasing):
        with pytest.raises(AccountErased):
            store.search.update(account, made[0].id)
        with pytest.raises(AccountErased):
            store.search.reindex(account, after=None, limit=5)
    index_entry(store, event_of(made[0].id))
    assert found_by(store, "sea") == made
    while store.accounts.erase_some(erasing, 100, keep=UUID(int=1)):
        index_entry(store, event_of(made[0].id))
        assert {entry.id for entry in found_by(store, "sea")} <= {entry.id for entry in made}
    store.accounts.end_erasure(erasing)
    with pytest.raises(AccountErased):
        store.search.update(me, made[0].id)
    for entry in made:
        index_entry(store, event_of(entry.id))
    assert {key: set(item) for key, item in items_of(store).items()} == {
        "head": {"u", "k", "n", "m", "epoch", "erased"}
    }
    again = written(store, 5)
    settle(store, "me")
    assert found(store, "me", "sea") == again


def test_no_write_of_the_index_passes_a_fence_that_comes_in_between(dynamodb: Emulator) -> None:
    """An erasure that begins after the account was looked up refuses each of the index's writes."""
    for steps in range(30):
        dying = Dying(dynamodb.transport)
        store = with_limits(DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(dying)))
        made = written(store, 18)
        for entry in made[:2]:
            store.entries.put(store.accounts.get("me"), Tombstone(entry.id, 2, NOW), replaces=1)
        me = store.accounts.get("me")
        fencing = Fencing(dying, steps, partial(begin, store, me))
        late = DynamoDBStore(
            f"dynamodb://{store._database.prefix}", PlainText(), caller=patient(fencing)
        )
        with_limits(late)
        try:
            late.search.update(me, made[0].id)
        except AccountErased:
            assert fencing.after == 0
        else:  # it needed no more writes than that
            assert not fencing.has_begun
            break
    assert steps > 5


class Fencing:
    """A transport before which an erasure begins after so many writes."""

    def __init__(self, below: Transport, writes: int, begin: Callable[[], object]) -> None:
        self._below = below
        self._left = writes
        self._begin = begin
        self.has_begun = False
        self.after = 0

    def call(self, operation: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Send the request."""
        if operation != "TransactWriteItems":
            return self._below.call(operation, payload)
        if self._left == 0:
            self._begin()
            self.has_begun = True
        self._left -= 1
        response = self._below.call(operation, payload)
        self.after += self.has_begun
        return response

    def close(self) -> None:
        """Let go of nothing."""


# Building anew.


def rebuilt(store: DynamoDBStore, limit: int = 3) -> int:
    """Build the index anew; return in how many steps."""
    me = store.accounts.get("me")
    after = store.search.reindex(me, after=None, limit=limit)
    steps = 1
    while after is not None:
        after = store.search.reindex(me, after=after, limit=limit)
        steps += 1
        assert steps < 100
    return steps


def test_a_damaged_index_is_said_and_can_be_rebuilt(dynamodb: Emulator) -> None:
    """A search, and a consumer that cannot go on, name what to do; after it all is as it was."""
    store = with_limits(dynamodb.store())
    made = written(store, 14)
    settle(store, "me")
    for key in items_of(store):
        if key[0] in "pc":
            store._database.transact([store._database.delete("search", "me", key)])
    with pytest.raises(StoreError, match="rebuild it"):
        found_by(store, "sea")
    changed(store, "me", made[0], content="rain")
    with pytest.raises(StoreError, match="rebuild it"):
        index_entry(store, event_of(made[0].id))
    rebuilt(store)
    assert found_by(store, "sea") == made[1:]
    assert told(store, TINY) == meant(store)
    assert left_over(store) == set()


def test_searches_find_everything_while_the_index_is_built_anew(dynamodb: Emulator) -> None:
    """They look into the old one, which is kept up to date, until the new one tells as much."""
    store = with_limits(dynamodb.store())
    made = written(store, 14)
    settle(store, "me")
    me = store.accounts.get("me")
    after = store.search.reindex(me, after=None, limit=3)
    while after is not None:
        if len(made) < 30:
            made += written(store, 1, len(made))
            index_entry(store, event_of(made[-1].id))
        assert len(found_by(store, "sea")) == len(made)
        after = store.search.reindex(me, after=after, limit=3)
    assert told(store, TINY) == meant(store)
    assert left_over(store) == set()


def test_two_who_build_anew_at_once_end_with_one_index(dynamodb: Emulator) -> None:
    """Each may throw away what the other had begun; what counts in the end is whole."""
    url = dynamodb.url()
    stores = [with_limits(dynamodb.opened(url)) for _ in range(2)]
    written(stores[0], 14)
    at_once([partial(rebuilt, store) for store in stores])
    rebuilt(stores[0])
    assert told(stores[0], TINY) == meant(stores[0])
    assert left_over(stores[0]) == set()


def test_building_anew_writes_nothing_where_there_is_nothing(dynamodb: Emulator) -> None:
    """A user who never wrote has no index."""
    store = dynamodb.store()
    assert rebuilt(store) == 1
    assert items_of(store) == {}


# Pages.


def test_pages_are_in_exact_order_wherever_entries_stand(dynamodb: Emulator) -> None:
    """By score, then time, across segments whose times overlap: each once, whatever the page size."""
    store = with_limits(dynamodb.store())
    hours = list(range(40))
    random.Random(5).shuffle(hours)  # noqa: S311 - the same in every run
    made = [
        an_entry("sea " * (1 + n % 3), occurred_at=NOW - timedelta(hours=hour))
        for n, hour in enumerate(hours)
    ]
    for entry in made:
        put_all(store, [entry], "me")
        index_entry(store, event_of(entry.id))
    expected = sorted(made, key=lambda e: (len(e.content), e.occurred_at), reverse=True)
    for limit in (1, 3, 7, 100):
        assert [m.entry for m in matches(store, "me", "sea", limit=limit)] == expected


def test_more_changes_than_are_listed_at_once_are_found(dynamodb: Emulator) -> None:
    """With nobody to keep an index, each entry is looked at."""
    store = dynamodb.store()
    written(store, 40)
    assert len(found_by(store, "sea")) == 40
    assert len(found_by(store, "number7")) == 1


def test_what_is_of_another_time_is_not_read(dynamodb: Emulator) -> None:
    """The index tells about when an entry is from."""
    store = with_limits(dynamodb.store(), attrs.evolve(TINY, whole=10))
    made = [an_entry("sea", occurred_at=NOW - timedelta(days=9 * n)) for n in range(30)]
    put_all(store, made, "me")
    settle(store, "me")
    read: list[int] = []
    many = store._entries.many
    wanted = EntryFilter(from_=(NOW - timedelta(days=27)).date(), to=NOW - timedelta(days=9))

    class Counting:
        """Counts the entries that are read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store._entries, name)

        def many(self, user_id: str, ids: Any) -> Any:
            """Read them."""
            rows = many(user_id, ids)
            read.append(len(rows))
            return rows

    store.search = DynamoDBSearch(store._database, store._codec, Counting(), TINY)  # type: ignore[arg-type]
    page = store.search.search("me", parse("sea"), wanted)
    assert [match.entry for match in page] == made[1:4]
    assert sum(read) < 12


# Sizes.

CJK = "".join(chr(0x4E00 + n) for n in range(20_000))
LIGATURES = "".join(chr(c) for c in range(0xFC00, 0xFD3E))


def long_texts() -> Iterator[str]:
    """Yield texts of 200 KiB that make an index as large as can be."""
    yield " ".join(f"{n:x}" for n in range(36_000))
    yield " ".join(f"aaa{n:x}" for n in range(13_000))
    yield CJK * 3
    yield " ".join(f"{n:05}" * 2 for n in range(18_000))
    yield " ".join("".join(random.Random(n).choices(LIGATURES, k=9)) for n in range(7_000))  # noqa: S311
    yield "x" * 100_000


def test_items_stay_within_bounds_whatever_is_written(dynamodb: Emulator) -> None:
    """Texts of 200 KiB of different words, of one beginning, without spaces, of one word."""
    limits = attrs.evolve(Limits(), pending=0)
    store = with_limits(dynamodb.store(), limits)
    made = [an_entry(text[:100_000]) for text in long_texts() for _ in range(2)]
    assert max(len(entry.content.encode()) for entry in made) > 150 * 1024
    for entry in made:
        put_all(store, [entry], "me")
    index_entry(store, event_of(made[-1].id))
    assert state_of(store).live.upto > 0
    rebuilt(store, 100)
    largest = max(map(size, items_of(store).values()))
    assert largest < MAX_ITEM_BYTES
    assert told(store, limits) == meant(store)
    assert len(found_by(store, "2bcd")) == 2
    assert len(found_by(store, "aaa2*")) == 2
    assert len(found_by(store, CJK[700:703])) == 2


# What it costs. The entries are kept in memory, so that what is measured is the index alone.


class Shelf:
    """Entries in memory, with their numbers, as the index reads them."""

    def __init__(self) -> None:
        self.kept: list[Entry] = []
        self.places: dict[UUID, int] = {}

    def add(self, entry: Entry) -> None:
        """Keep a new entry."""
        self.kept.append(entry)
        self.places[entry.id] = len(self.kept)

    def numbered(
        self, _user: str, since: int, limit: int, *, latest: bool = False
    ) -> list[tuple[int, UUID]]:
        """See `DynamoDBEntries`."""
        numbers = range(since + 1, len(self.kept) + 1)
        wanted = numbers[::-1][:limit] if latest else numbers[:limit]
        return [(n, self.kept[n - 1].id) for n in wanted]

    def many(self, _user: str, ids: Iterable[UUID]) -> dict[UUID, tuple[Entry, int]]:
        """See `DynamoDBEntries`."""
        return {id: (self.kept[self.places[id] - 1], 900) for id in ids}


MOST_READ = 30
MOST_WRITTEN = 5
COMMON, NEXT, THIRD, MID, RARE = (words()[rank] for rank in (0, 1, 20, 50, 9_001))
QUERIES = (
    *(COMMON, MID, RARE, f"{MID} {THIRD}", f'"{COMMON} {NEXT}"', f"{MID} -{THIRD}"),
    *(f"{MID[:3]}*", f"{MID[:2]}*", f"{MID[:1]}*", "nowhere"),
)


def index_units(search: DynamoDBSearch, metering: Metering, query: str) -> float:
    """Return what a search reads of the index, in two rounds of requests at most."""
    before = metering.cost
    search.search("me", parse(query), EntryFilter())
    assert metering.cost.requests - before.requests <= 2
    return metering.cost.read - before.read


def test_what_the_index_costs(dynamodb: Emulator) -> None:
    """Told one by one, 1,000 entries, and built anew of 10,000: each within what is promised."""
    metering, shelf = Metering(dynamodb.transport), Shelf()
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(metering))
    search = DynamoDBSearch(store._database, store._codec, cast("Any", shelf))
    me = store.accounts.get("me")
    most = 0.0
    for n in range(1_000):
        shelf.add(zipf_entry(n))
        search.update(me, shelf.kept[-1].id)
        if n % 9 == 8:  # as full as it gets before a merge, sometimes
            most = max(most, index_units(search, metering, QUERIES[n // 9 % len(QUERIES)]))
    assert metering.cost.written / 1_000 <= MOST_WRITTEN
    for n in range(1_000, 10_000):
        shelf.add(zipf_entry(n))
    after = search.reindex(me, after=None, limit=1_000)
    while after is not None:
        after = search.reindex(me, after=after, limit=1_000)
    assert metering.cost.written / 11_000 <= MOST_WRITTEN
    assert max(most, *(index_units(search, metering, query) for query in QUERIES)) <= MOST_READ
