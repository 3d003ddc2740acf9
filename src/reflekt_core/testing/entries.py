"""What every store must do with entries, tags and the sequence of changes."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflekt_core.errors import VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.entries import (
    Entry,
    EntryFilter,
    Order,
    TagCount,
    Tombstone,
    fold_tag,
    restored,
    trashed,
)
from reflekt_core.model.events import EventKind
from reflekt_core.model.paging import through
from reflekt_core.ports import Store
from reflekt_core.testing.fakes import NOW, an_entry

__all__ = ["EntriesContract", "entries", "filters", "put_all"]

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    # One store serves all examples: each works for a user of its own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FEW = 3

_TAGS = ("sea", "Sea", "SUN", "ß", "ss", "日本")
_ZONES = ("UTC", "Africa/Nairobi", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago")
_CATEGORIES = tuple(UUID(int=n) for n in range(1, 4))


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Make entries around a few days, with few enough values that filters find some."""
    entry = an_entry(
        draw(
            st.sampled_from(["A day.", "Rain 日本語", "sun and sea", "e\u0301\u202e\t\U0001f30a"])
        ),
        title=draw(st.sampled_from(["", "Title"])),
        mood=draw(st.none() | st.integers(1, 5)),
        tags=tuple(draw(st.lists(st.sampled_from(_TAGS), max_size=3))),
        starred=draw(st.booleans()),
        category_id=draw(st.none() | st.sampled_from(_CATEGORIES)),
        occurred_at=NOW + timedelta(hours=draw(st.integers(-60, 60))),
        time_zone=draw(st.sampled_from(_ZONES)),
    )
    return attrs.evolve(entry, trashed_at=draw(st.sampled_from([None, None, NOW])))


@st.composite
def filters(draw: st.DrawFn) -> EntryFilter:
    """Make filters that some of `entries` pass."""
    moments = st.none() | st.integers(-60, 60).map(lambda hours: NOW + timedelta(hours=hours))
    days = moments.map(lambda at: at and at.date())
    return EntryFilter(
        from_=draw(moments | days),
        to=draw(moments | days),
        category_id=draw(st.none() | st.sampled_from(_CATEGORIES)),
        tag=tuple(draw(st.lists(st.sampled_from(_TAGS), max_size=2))),
        mood_min=draw(st.none() | st.integers(1, 5)),
        mood_max=draw(st.none() | st.integers(1, 5)),
        starred=draw(st.none() | st.booleans()),
        trashed=draw(st.booleans()),
    )


def put_all(store: Store, made: list[Entry], user_id: str) -> Account:
    """Store *made* as new entries of the user, and return the account."""
    account = store.accounts.get(user_id)
    for entry in made:
        store.entries.put(account, entry, replaces=None)
    return account


def fresh_user() -> str:
    """Return a user that no example has used before: one store serves many examples."""
    return f"user-{uuid4()}"


def by_time(entry: Entry) -> Any:
    """Return what a list by time is sorted by."""
    return entry.occurred_at, str(entry.id)


def listed(store: Store, user_id: str, wanted: EntryFilter, **how: Any) -> list[Entry]:
    """Return everything that a list comes to, page by page."""
    return list(through(lambda after: store.entries.list(user_id, wanted, after=after, **how)))


class EntriesContract:
    """Entries, tags, counts, the trash, changes, and the events of writes."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """Give the empty store to test, and close it afterwards."""
        raise NotImplementedError("a subclass says which store")

    @pytest.fixture
    def me(self, store: Store) -> Account:
        """Give the account of a user who has nothing yet."""
        return store.accounts.get("me")

    def test_what_was_put_is_what_is_got(self, store: Store, me: Account) -> None:
        """An entry comes back equal, byte for byte, with every field."""
        text = (
            "e\u0301 \u202bשלום\u202c \U0001f469\u200d\U0001f4bb \x07\x1b\r\n\t \ufeff ﷽ \U0010ffff"
        )
        entry = an_entry(
            text, title="ﬁ", tags=("Ä", "b c"), extra={"x": [1, 2.5, None]}, fingerprint="f"
        )
        store.entries.put(me, entry, replaces=None)
        got = store.entries.get("me", entry.id)
        assert got == entry
        assert isinstance(got, Entry)
        assert got.content.encode() == text.encode()
        assert got.occurred_at.utcoffset() == entry.occurred_at.utcoffset()

    def test_what_was_never_put_is_none(self, store: Store) -> None:
        """An id that nobody used gives None, and so does everything of a new user."""
        assert store.entries.get("me", uuid4()) is None
        assert store.entries.list("me", EntryFilter()).items == ()
        assert store.entries.changes("me").items == ()
        assert store.entries.tags("me").items == ()
        assert store.entries.counts("me") == Counts()

    def test_users_do_not_see_each_other(self, store: Store) -> None:
        """The same id may be used by two users; each has their own entry."""
        mine, theirs = an_entry("mine", tags=("t",)), an_entry("theirs", tags=("t",))
        theirs = attrs.evolve(theirs, id=mine.id)
        put_all(store, [mine], "me")
        put_all(store, [theirs], "them")
        assert store.entries.get("me", mine.id) == mine
        assert store.entries.get("them", mine.id) == theirs
        assert store.entries.list("me", EntryFilter()).items == (mine,)
        assert store.entries.tags("me").items == (TagCount("t", 1),)

    @pytest.mark.parametrize("replaces", [None, 0, 2])
    def test_a_write_must_name_the_stored_version(
        self, store: Store, me: Account, replaces: int | None
    ) -> None:
        """Whoever names another version is refused, and nothing at all is changed."""
        entry = an_entry("first", tags=("a",))
        store.entries.put(me, entry, replaces=None)
        before = (store.entries.changes("me"), store.entries.tags("me"), store.outbox.backlog())
        other = attrs.evolve(entry, content="other", tags=("b",), version=2)
        with pytest.raises(VersionConflict):
            store.entries.put(me, other, replaces=replaces)
        assert store.entries.get("me", entry.id) == entry
        after = (store.entries.changes("me"), store.entries.tags("me"), store.outbox.backlog())
        assert after == before

    def test_what_does_not_exist_cannot_be_replaced(self, store: Store, me: Account) -> None:
        """A write that names a version of nothing is refused."""
        with pytest.raises(VersionConflict):
            store.entries.put(me, an_entry(), replaces=1)
        assert store.entries.counts("me") == Counts()

    def test_a_tombstone_keeps_its_version(self, store: Store, me: Account) -> None:
        """After deletion for good the version goes on; nobody can create as if nothing had been."""
        entry = an_entry(tags=("a",))
        store.entries.put(me, entry, replaces=None)
        tombstone = Tombstone(entry.id, 2, NOW)
        store.entries.put(me, tombstone, replaces=1)
        assert store.entries.get("me", entry.id) == tombstone
        assert store.entries.counts("me") == Counts()
        assert store.entries.tags("me").items == ()
        with pytest.raises(VersionConflict):
            store.entries.put(me, entry, replaces=None)
        again = attrs.evolve(entry, version=3)
        store.entries.put(me, again, replaces=2)
        assert store.entries.get("me", entry.id) == again

    def test_each_write_puts_one_event_beside_it(self, store: Store, me: Account) -> None:
        """Created, updated, deleted and restored entries are told, in order, by id and version."""
        entry = an_entry()
        writes: list[Entry | Tombstone] = [entry, attrs.evolve(entry, version=2, starred=True)]
        writes.append(attrs.evolve(trashed(entry, NOW), version=3))
        writes.append(attrs.evolve(restored(entry, NOW), version=4))
        writes.append(Tombstone(entry.id, 5, NOW))
        for number, write in enumerate(writes):
            store.entries.put(me, write, replaces=number or None)
        events = [delivery.event for delivery in store.outbox.pending(NOW)]
        assert [(event.kind, event.version) for event in events] == [
            (EventKind.ENTRY_CREATED, 1),
            (EventKind.ENTRY_UPDATED, 2),
            (EventKind.ENTRY_DELETED, 3),
            (EventKind.ENTRY_CREATED, 4),
            (EventKind.ENTRY_DELETED, 5),
        ]
        assert {(event.user_id, event.subject_id) for event in events} == {("me", str(entry.id))}

    @EXAMPLES
    @given(data=st.data())
    def test_a_list_is_what_its_filter_accepts(self, store: Store, data: st.DataObject) -> None:
        """Whatever the filter and direction: all that it accepts, once, sorted, page by page."""
        made = data.draw(st.lists(entries(), max_size=12))
        user_id = fresh_user()
        put_all(store, made, user_id)
        wanted, order = data.draw(filters()), data.draw(st.sampled_from(Order))
        limit = data.draw(st.integers(1, 5))
        expected = sorted(filter(wanted.accepts, made), key=by_time, reverse=order is Order.DESC)
        assert listed(store, user_id, wanted, order=order, limit=limit) == expected

    def test_entries_of_one_instant_are_listed_once_each(self, store: Store) -> None:
        """Ties in time do not lose or repeat entries at the border of pages."""
        made = [an_entry(f"{n}", occurred_at=NOW) for n in range(7)]
        put_all(store, made, "me")
        for order in Order:
            found = listed(store, "me", EntryFilter(), order=order, limit=2)
            assert found == sorted(made, key=by_time, reverse=order is Order.DESC)

    @EXAMPLES
    @given(data=st.data())
    def test_tags_and_counts_follow_every_write(self, store: Store, data: st.DataObject) -> None:
        """After any edits the counts are those of the entries outside the trash."""
        user_id = fresh_user()
        account = store.accounts.get(user_id)
        present: dict[UUID, Entry | Tombstone] = {}
        for entry in data.draw(st.lists(entries(), max_size=10)):
            old = data.draw(st.sampled_from([None, *present.values()]))
            version = old.version if old else None
            new = attrs.evolve(entry, id=old.id if old else entry.id, version=(version or 0) + 1)
            write: Entry | Tombstone = new
            if old and data.draw(st.integers(0, 4)) == 0:
                write = Tombstone(new.id, new.version, NOW)
            store.entries.put(account, write, replaces=version)
            present[new.id] = write
        live = [e for e in present.values() if isinstance(e, Entry) and e.trashed_at is None]
        in_trash = [e for e in present.values() if isinstance(e, Entry) and e.trashed_at]
        found = through(lambda after: store.entries.tags(user_id, after=after, limit=2))
        expected = Counter(tag for e in live for tag in {fold_tag(t) for t in e.tags})
        pairs = [(fold_tag(tag.name), tag.count) for tag in found]
        assert pairs == sorted(expected.items())
        assert store.entries.counts(user_id) == Counts(len(live), len(in_trash))

    def test_a_tag_is_spelled_as_in_its_latest_write(self, store: Store, me: Account) -> None:
        """Of two spellings the later one is shown."""
        entry = an_entry(tags=("sea",))
        store.entries.put(me, entry, replaces=None)
        store.entries.put(me, attrs.evolve(entry, tags=("Sea",), version=2), replaces=1)
        assert store.entries.tags("me").items == (TagCount("Sea", 1),)

    def test_changes_come_once_in_the_order_of_writing(self, store: Store, me: Account) -> None:
        """The latest change of each entry, at its own place; a page says where to go on."""
        first, second, third = (an_entry(f"{n}") for n in range(3))
        put_all(store, [first, second, third], "me")
        changed = attrs.evolve(first, version=2, starred=True)
        store.entries.put(me, changed, replaces=1)
        store.entries.put(me, Tombstone(second.id, 2, NOW), replaces=1)
        page = store.entries.changes("me", limit=2)
        assert [change.entry for change in page] == [third, changed]
        assert page.next == (page.items[-1].sequence,)
        rest = store.entries.changes("me", since=page.items[-1].sequence)
        assert [change.entry for change in rest] == [Tombstone(second.id, 2, NOW)]
        assert rest.next is None
        numbers = [change.sequence for change in (*page, *rest)]
        assert numbers == sorted(set(numbers))

    def test_on_day_finds_the_month_and_day_of_every_year(self, store: Store, me: Account) -> None:
        """By local date, newest first, without the trash."""
        leap = an_entry("leap", occurred_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
        here = an_entry("here", occurred_at=datetime(2025, 11, 22, 5, tzinfo=UTC))
        there = an_entry(
            "there",
            occurred_at=datetime(2024, 11, 21, 22, tzinfo=UTC),
            time_zone="Africa/Nairobi",
        )
        gone = attrs.evolve(an_entry("gone", occurred_at=here.occurred_at), trashed_at=NOW)
        put_all(store, [leap, there, here, gone], "me")
        assert there.local_date == date(2024, 11, 22)
        assert store.entries.on_day("me", 11, 22) == (here, there)
        assert store.entries.on_day("me", 11, 22, limit=1) == (here,)
        assert store.entries.on_day("me", 2, 29) == (leap,)

    def test_the_trash_is_found_by_age_for_all_users(self, store: Store) -> None:
        """What went to the trash before a time is named, and nothing else."""
        old = attrs.evolve(an_entry(), trashed_at=NOW - timedelta(days=31))
        new = attrs.evolve(an_entry(), trashed_at=NOW)
        put_all(store, [old, new, an_entry()], "me")
        put_all(store, [attrs.evolve(old, id=uuid4())], "them")
        found = store.entries.trashed_before(NOW - timedelta(days=30))
        assert {user_id for user_id, _ in found} == {"me", "them"}
        assert ("me", old.id) in found
        assert len(found) == 2
        assert len(store.entries.trashed_before(NOW - timedelta(days=30), limit=1)) == 1

    def test_of_many_writers_one_wins_each_round(self, store: Store, me: Account) -> None:
        """Eight threads write the same next version: one is kept, seven are told, none is lost."""
        entry = an_entry("0")
        store.entries.put(me, entry, replaces=None)

        def write(text: str, version: int) -> str | None:
            try:
                new = attrs.evolve(entry, content=text, version=version)
                store.entries.put(me, new, replaces=version - 1)
            except VersionConflict:
                return None
            return text

        with ThreadPoolExecutor(8) as pool:
            for version in range(2, 2 + FEW):
                texts = [f"{version}-{n}" for n in range(8)]
                won = [t for t in pool.map(write, texts, [version] * 8) if t]
                stored = store.entries.get("me", entry.id)
                assert isinstance(stored, Entry)
                assert won == [stored.content]
        assert store.outbox.backlog() == 1 + FEW

    def test_writers_of_different_entries_all_get_through(self, store: Store, me: Account) -> None:
        """Writes from eight threads have eight different places in the sequence, without a gap."""
        made = [an_entry(f"{n}", tags=("t",)) for n in range(40)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda entry: store.entries.put(me, entry, replaces=None), made))
        changes = list(store.entries.changes("me", limit=100))
        first = changes[0].sequence
        assert [c.sequence for c in changes] == list(range(first, first + 40))
        assert {c.entry.id for c in changes} == {entry.id for entry in made}
        assert store.entries.tags("me").items == (TagCount("t", 40),)
        assert store.entries.counts("me") == Counts(40, 0)
