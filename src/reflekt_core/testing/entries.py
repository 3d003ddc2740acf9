"""What every store must do with entries, tags and the sequence of changes."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any, TypeVar
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflekt_core.errors import VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.entries import (
    Change,
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
from reflekt_core.model.paging import Page, Position
from reflekt_core.ports import Store
from reflekt_core.testing.fakes import NOW, an_entry
from reflekt_core.testing.racing import at_once

__all__ = ["EntriesContract", "entries", "filters", "paged", "put_all"]

T = TypeVar("T")

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    # One store serves all examples: each works for a user of its own. Several stores may be held to
    # one contract.
    suppress_health_check=[
        HealthCheck.differing_executors,
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
    ],
)
FEW = 3

_TAGS = ("sea", "Sea", "SUN", "ß", "ss", "日本")
_ZONES = ("UTC", "Africa/Nairobi", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago")
_LETTERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)
_HOURS = st.just(0) | st.integers(-60, 60)
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
        occurred_at=NOW + timedelta(hours=draw(_HOURS), microseconds=draw(st.integers(0, 2))),
        time_zone=draw(st.sampled_from(_ZONES)),
    )
    return attrs.evolve(entry, trashed_at=draw(st.sampled_from([None, None, NOW])))


@st.composite
def filters(draw: st.DrawFn) -> EntryFilter:
    """Make filters that some of `entries` pass: of all that can be asked for, at most two."""
    moments = st.integers(-60, 60).map(lambda hours: NOW + timedelta(hours=hours))
    moods = st.integers(1, 5)
    fields: dict[str, st.SearchStrategy[Any]] = {
        "from_": moments | moments.map(datetime.date),
        "to": moments | moments.map(datetime.date),
        "category_id": st.sampled_from(_CATEGORIES),
        "tag": st.lists(st.sampled_from(_TAGS), min_size=1, max_size=2).map(tuple),
        "mood_min": moods,
        "mood_max": moods,
        "starred": st.booleans(),
        "trashed": st.just(True),  # noqa: FBT003 - the value of a filter, not a flag
    }
    names = draw(st.lists(st.sampled_from(sorted(fields)), unique=True, max_size=2))
    return EntryFilter(**{name: draw(fields[name]) for name in names})


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
    limit = how.setdefault("limit", 20)
    return paged(
        lambda after: store.entries.list(user_id, wanted, after=after, **how),
        limit,
        short=wanted != EntryFilter(),
    )


def paged(
    read: Callable[[Position | None], Page[T]], limit: int, *, short: bool = False
) -> list[T]:
    """
    Return the items of every page that *read* comes to, having looked at each page.

    None holds more than *limit*. Unless pages may be *short*, as filtered ones are, all but the
    last are full, and the last is not empty.
    """
    found: list[T] = []
    after: Position | None = None
    while True:
        page = read(after)
        assert len(page) <= limit
        if not short:
            assert page.next is None or len(page) == limit
            assert after is None or page.items
        found += page
        if page.next is None:
            return found
        assert page.next != after
        after = page.next


def changed(store: Store, user_id: str, entry: Entry, **fields: Any) -> Entry:
    """Store a next version of *entry*, with *fields* changed, and return it."""
    new = attrs.evolve(entry, version=entry.version + 1, **fields)
    store.entries.put(store.accounts.get(user_id), new, replaces=entry.version)
    return new


def told(store: Store, user_id: str) -> tuple[list[Change], list[TagCount], Counts, int]:
    """Return what a write of the user moves beside the entry: changes, tags, counts and events."""
    changes, tags = store.entries.changes(user_id), store.entries.tags(user_id)
    return list(changes), list(tags), store.entries.counts(user_id), store.outbox.backlog()


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

    @EXAMPLES
    @given(
        user_id=_LETTERS,
        title=_LETTERS,
        content=_LETTERS,
        at=st.datetimes(
            datetime(1000, 1, 1),  # noqa: DTZ001 - the zone is drawn beside it
            datetime(9000, 12, 31),  # noqa: DTZ001
            timezones=st.integers(-900, 900).map(lambda m: timezone(timedelta(minutes=m))),
        ),
    )
    def test_any_text_and_time_comes_back(
        self, store: Store, user_id: str, title: str, content: str, at: datetime
    ) -> None:
        """Whatever the letters, also of the user's name, and to the microsecond, with the offset."""
        user_id = f"{user_id}{fresh_user()}"
        entry = attrs.evolve(an_entry(), title=title, content=content, occurred_at=at)
        put_all(store, [entry], user_id)
        (listed,) = store.entries.list(user_id, EntryFilter())
        assert store.entries.get(user_id, entry.id) == listed == entry
        assert listed.occurred_at.isoformat() == at.isoformat()
        assert (listed.title.encode(), listed.content.encode()) == (
            title.encode(),
            content.encode(),
        )

    def test_what_was_never_put_is_none(self, store: Store) -> None:
        """An id that nobody used gives None, and so does everything of a new user."""
        assert store.entries.get("me", uuid4()) is None
        assert store.entries.list("me", EntryFilter()).items == ()
        assert store.entries.changes("me").items == ()
        assert store.entries.tags("me").items == ()
        assert store.entries.counts("me") == Counts()

    def test_an_id_may_be_used_by_two_users(self, store: Store) -> None:
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
        before = told(store, "me")
        other = attrs.evolve(entry, content="other", tags=("A", "b"), version=2, trashed_at=NOW)
        for write in (other, attrs.evolve(other, trashed_at=None), Tombstone(entry.id, 2, NOW)):
            with pytest.raises(VersionConflict):
                store.entries.put(me, write, replaces=replaces)
        assert store.entries.get("me", entry.id) == entry
        assert told(store, "me") == before
        changed(store, "me", entry, starred=True)
        (change,) = store.entries.changes("me")
        assert change.sequence == before[0][0].sequence + 1

    def test_what_does_not_exist_cannot_be_replaced(self, store: Store, me: Account) -> None:
        """A write that names a version of nothing is refused."""
        with pytest.raises(VersionConflict):
            store.entries.put(me, an_entry(tags=("t",)), replaces=1)
        assert told(store, "me") == ([], [], Counts(), 0)

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

    def test_adding_stores_what_is_new(self, store: Store, me: Account) -> None:
        """Of many entries those are stored whose ids were never used; the others stay as they are."""
        there, gone, *new = (an_entry(f"Day {n}.", tags=("sea",)) for n in range(5))
        put_all(store, [there, gone], me.user_id)
        store.entries.put(me, Tombstone(gone.id, 2, NOW), replaces=1)
        changed = attrs.evolve(there, content="Another day.")
        added = store.entries.add(me, [changed, new[0], gone, *new[1:], new[0]])
        assert added == (False, True, False, True, True, False)
        assert store.entries.get(me.user_id, there.id) == there
        assert isinstance(store.entries.get(me.user_id, gone.id), Tombstone)
        assert [store.entries.get(me.user_id, entry.id) for entry in new] == new
        followed = store.entries.changes(me.user_id, since=3, limit=10)
        assert [change.entry for change in followed] == new
        assert store.entries.counts(me.user_id) == Counts(4)
        assert [tag.count for tag in store.entries.tags(me.user_id)] == [4]

    def test_what_is_added_keeps_its_versions(self, store: Store, me: Account) -> None:
        """An entry from a backup comes with its version, and goes on from there."""
        old = attrs.evolve(an_entry("A day."), version=7, content_version=3)
        assert store.entries.add(me, [old]) == (True,)
        later = attrs.evolve(old, version=8, starred=True)
        store.entries.put(me, later, replaces=7)
        assert store.entries.get(me.user_id, old.id) == later

    def test_adding_tells_of_each(self, store: Store, me: Account) -> None:
        """Each entry that was added has its event; one that was there already has none."""
        made = [an_entry(f"Day {n}.") for n in range(3)]
        put_all(store, made[:1], me.user_id)
        store.entries.add(me, made)
        told = [d.event for d in store.outbox.pending(NOW, limit=10)]
        assert Counter(event.subject_id for event in told) == Counter(str(e.id) for e in made)
        assert {event.kind for event in told} == {EventKind.ENTRY_CREATED}

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

    def test_writes_between_pages_do_not_shift_them(self, store: Store) -> None:
        """What is written while somebody turns pages neither repeats nor hides what was there."""
        made = [an_entry(f"{n}", occurred_at=NOW - timedelta(hours=n)) for n in range(6)]
        me = put_all(store, made, "me")
        first = store.entries.list("me", EntryFilter(), limit=3)
        store.entries.put(me, an_entry("new", occurred_at=NOW + timedelta(hours=1)), replaces=None)
        store.entries.put(me, Tombstone(made[2].id, 2, NOW), replaces=1)
        rest = store.entries.list("me", EntryFilter(), after=first.next, limit=3)
        assert [*first, *rest] == made

    @EXAMPLES
    @given(data=st.data())
    def test_tags_and_counts_follow_every_write(self, store: Store, data: st.DataObject) -> None:
        """After any edits they are those of the entries outside the trash, as last spelled there."""
        user_id = fresh_user()
        account = store.accounts.get(user_id)
        present: dict[UUID, Entry | Tombstone] = {}
        spelled: dict[str, str] = {}
        for entry in data.draw(st.lists(entries(), max_size=10)):
            old = data.draw(st.sampled_from([None, *present.values()]))
            version = old.version if old else None
            new = attrs.evolve(entry, id=old.id if old else entry.id, version=(version or 0) + 1)
            write: Entry | Tombstone = new
            if old and data.draw(st.integers(0, 4)) == 0:
                write = Tombstone(new.id, new.version, NOW)
            store.entries.put(account, write, replaces=version)
            present[new.id] = write
            if isinstance(write, Entry) and write.trashed_at is None:
                spelled |= {fold_tag(tag): tag for tag in write.tags}
        live = [e for e in present.values() if isinstance(e, Entry) and e.trashed_at is None]
        in_trash = [e for e in present.values() if isinstance(e, Entry) and e.trashed_at]
        found = paged(lambda after: store.entries.tags(user_id, after=after, limit=2), 2)
        expected = Counter(tag for e in live for tag in {fold_tag(t) for t in e.tags})
        assert found == [TagCount(spelled[tag], count) for tag, count in sorted(expected.items())]
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
        night = an_entry("night", occurred_at=datetime(2023, 11, 23, 2, tzinfo=UTC))
        night = attrs.evolve(night, local_date=date(2023, 11, 22))  # the day begins at four
        put_all(store, [leap, there, here, gone, night], "me")
        assert there.local_date == date(2024, 11, 22)
        assert store.entries.on_day("me", 11, 22) == (here, there, night)
        assert store.entries.on_day("me", 11, 23) == store.entries.on_day("them", 11, 22) == ()
        assert store.entries.on_day("me", 11, 22, limit=1) == (here,)
        assert store.entries.on_day("me", 2, 29) == (leap,)

    def test_the_trash_is_found_by_age_for_all_users(self, store: Store) -> None:
        """What went to the trash before a time is named, and nothing else."""
        old = attrs.evolve(an_entry(), trashed_at=NOW - timedelta(days=31))
        edge = attrs.evolve(an_entry(), trashed_at=NOW - timedelta(days=30))
        me = put_all(store, [old, edge, an_entry()], "me")
        gone = attrs.evolve(old, id=uuid4())
        put_all(store, [gone], "me")
        store.entries.put(me, Tombstone(gone.id, 2, NOW), replaces=1)
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

        for version in range(2, 2 + FEW):
            texts = at_once([partial(write, f"{version}-{n}", version) for n in range(8)])
            stored = store.entries.get("me", entry.id)
            assert isinstance(stored, Entry)
            assert [text for text in texts if text] == [stored.content]
        assert store.outbox.backlog() == 1 + FEW

    def test_writers_of_different_entries_all_get_through(self, store: Store) -> None:
        """Writes from eight threads have places of their own in the sequence, without a gap."""
        made = [[an_entry(f"{n}", tags=("t",)) for n in range(20)] for _ in range(8)]
        at_once([partial(put_all, store, some, "me") for some in made])
        changes = list(store.entries.changes("me", limit=1000))
        first = changes[0].sequence
        assert [c.sequence for c in changes] == list(range(first, first + 160))
        assert {c.entry.id for c in changes} == {entry.id for some in made for entry in some}
        assert store.entries.tags("me").items == (TagCount("t", 160),)
        assert store.entries.counts("me") == Counts(160, 0)
        assert store.outbox.backlog() == 160

    def test_whoever_follows_while_others_write_misses_nothing(self, store: Store) -> None:
        """A change never appears behind one that was already told."""
        made = [[an_entry(f"{n}") for n in range(8)] for _ in range(4)]
        busy = set(range(len(made)))

        def write(number: int) -> list[UUID]:
            try:
                put_all(store, made[number], "me")
            finally:
                busy.discard(number)
            return []

        def follow() -> list[UUID]:
            told: list[UUID] = []
            since, page = 0, None
            while busy or page is None or page.items:
                page = store.entries.changes("me", since=since, limit=3)
                for change in page:
                    assert change.sequence > since
                    since = change.sequence
                    told.append(change.entry.id)
            last = store.entries.changes("me", since=since, limit=100)
            return told + [change.entry.id for change in last]

        actions: list[Callable[[], list[UUID]]] = [follow]
        told = at_once(actions + [partial(write, number) for number in busy])[0]
        assert len(told) == len(set(told))
        assert set(told) == {entry.id for some in made for entry in some}
