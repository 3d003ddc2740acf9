"""Writing, reading, changing and deleting entries, as a program does it."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import (
    ConfigurationError,
    Conflict,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from reflekt_core.model.accounts import Actor
from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.model.settings_patch import PreferencesPatch
from reflekt_core.testing import FakeClock


def test_an_entry_is_returned_as_it_is_stored(reflekt: Reflekt) -> None:
    """What create returns is what get finds."""
    entry = reflekt.entries.create("Rain.", title="Monday", mood=3, tags=["rain", "Rain"])
    assert reflekt.entries.get(entry.id) == entry
    assert entry.tags == ("rain",)
    assert (entry.version, entry.content_version) == (1, 1)


def test_time_and_zone_come_from_the_clock_and_the_settings(reflekt: Reflekt) -> None:
    """What the writer leaves out is now, where their settings say they are."""
    reflekt.settings.update(preferences=PreferencesPatch(time_zone="Asia/Tokyo", day_start_hour=4))
    entry = reflekt.entries.create("Late.")
    assert entry.occurred_at.isoformat() == "2026-11-23T03:40:00+09:00"
    assert entry.local_date == date(2026, 11, 22)


def test_every_bad_field_is_named_at_once(reflekt: Reflekt) -> None:
    """A draft with three bad fields is refused with three problems, and nothing is stored."""
    with pytest.raises(InvalidInput) as caught:
        reflekt.entries.create("", mood=6, time_zone="Mars/Base")
    assert {p.path for p in caught.value.problems} == {"content", "mood", "time_zone"}
    assert len(reflekt.entries.list()) == 0


def test_the_order_of_a_list_is_one_that_there_is(reflekt: Reflekt) -> None:
    """The order may be said in a word; another word is refused with those that are allowed."""
    first, second = reflekt.entries.create("First."), reflekt.entries.create("Second.")
    assert [e.id for e in reflekt.entries.list(order="asc")] == [first.id, second.id]  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="order: must be one of 'asc', 'desc'"):
        reflekt.entries.list(order="sideways")  # type: ignore[arg-type]


@pytest.mark.parametrize("tags", ["sea", None, 7])
def test_tags_are_a_list(reflekt: Reflekt, tags: Any) -> None:
    """One text is not taken for the list of its letters, and nothing is stored."""
    entry = reflekt.entries.create("We swam.", tags=["sea"])
    writes = (
        lambda: reflekt.entries.create("Rain.", tags=tags),
        lambda: reflekt.entries.put(uuid4(), "Rain.", tags=tags),
        lambda: reflekt.entries.update(entry.id, tags=tags),
    )
    for write in writes:
        with pytest.raises(InvalidInput, match="tags: must be a list"):
            write()
    assert list(reflekt.entries.list()) == [entry]


def test_a_list_may_be_of_one_tag(reflekt: Reflekt) -> None:
    """Which need not stand in a list of its own; what is neither is refused."""
    entry = reflekt.entries.create("We swam.", tags=["sea"])
    assert list(reflekt.entries.list(tag="sea")) == [entry]
    with pytest.raises(InvalidInput, match="tag: must be a list"):
        reflekt.entries.list(tag=7)  # type: ignore[arg-type]


def test_an_id_is_a_uuid(reflekt: Reflekt) -> None:
    """Its text is refused with what is allowed, in the same words by every store."""
    entry = reflekt.entries.create("Rain.")
    id: Any = str(entry.id)
    uses = (
        lambda: reflekt.entries.get(id),
        lambda: reflekt.entries.put(id, "Sun."),
        lambda: reflekt.entries.update(id, title="Monday"),
        lambda: reflekt.entries.delete(id),
        lambda: reflekt.entries.restore(id),
        lambda: reflekt.entries.insights(id),
        lambda: reflekt.entries.analyse(id),
    )
    for use in uses:
        with pytest.raises(InvalidInput, match="id: must be a UUID"):
            use()
    assert list(reflekt.entries.list()) == [entry]


@pytest.mark.parametrize("nobody", ["", None, 7])
def test_a_journal_is_somebodys(reflekt: Reflekt, nobody: Any) -> None:
    """Those of whom a program knows nothing do not share a journal."""
    with pytest.raises(InvalidInput, match="user_id: must be a string that is not empty"):
        reflekt.acting_as(Actor(nobody))


def test_a_journal_is_opened_by_a_url() -> None:
    """A path is none: what begins a URL is named."""
    path: Any = Path("journal.db")
    with pytest.raises(ConfigurationError, match="sqlite://"):
        Reflekt.open(path)


def test_a_category_must_be_ones_own(reflekt: Reflekt) -> None:
    """An entry cannot lie in a category that is missing or somebody else's."""
    theirs = reflekt.acting_as(Actor("ana")).categories.create("Theirs")
    for category_id in (uuid4(), theirs.id):
        with pytest.raises(InvalidInput, match="category_id"):
            reflekt.entries.create("Mine.", category_id=category_id)


def test_the_same_key_writes_once(reflekt: Reflekt, clock: FakeClock) -> None:
    """A request sent again under its key returns the entry as it is now."""
    first = reflekt.entries.create("Once.", idempotency_key="k1")
    changed = reflekt.entries.update(first.id, starred=True)
    clock.advance(hours=1)
    assert reflekt.entries.create("Once.", idempotency_key="k1") == changed
    assert len(reflekt.entries.list()) == 1


def test_a_key_belongs_to_one_request_of_one_user(reflekt: Reflekt) -> None:
    """Another body under a used key is refused; another user's key is another key."""
    reflekt.entries.create("Once.", idempotency_key="k1")
    with pytest.raises(InvalidInput, match="Idempotency-Key"):
        reflekt.entries.create("Twice.", idempotency_key="k1")
    reflekt.acting_as(Actor("ana")).entries.create("Twice.", idempotency_key="k1")
    assert len(reflekt.entries.list()) == 1


def test_a_retry_finds_its_entry_after_the_category_is_gone(reflekt: Reflekt) -> None:
    """A request sent again is answered although its category was deleted since; a new one is not."""
    work = reflekt.categories.create("Work")
    entry = reflekt.entries.create("x", category_id=work.id, idempotency_key="k")
    reflekt.categories.delete(work.id)
    again = reflekt.entries.create("x", category_id=work.id, idempotency_key="k")
    assert (again.id, again.category_id) == (entry.id, None)
    with pytest.raises(InvalidInput, match="category_id"):
        reflekt.entries.create("x", category_id=work.id, idempotency_key="other")


def test_a_deleted_entry_does_not_come_back_by_a_late_retry(reflekt: Reflekt) -> None:
    """A retry under the key of an entry that was deleted for good is a conflict."""
    entry = reflekt.entries.create("Once.", idempotency_key="k1")
    reflekt.entries.delete(entry.id, permanent=True)
    with pytest.raises(Conflict):
        reflekt.entries.create("Once.", idempotency_key="k1")


def test_only_the_writer_who_saw_the_latest_version_wins(reflekt: Reflekt) -> None:
    """An update that names an old version is refused and changes nothing."""
    entry = reflekt.entries.create("Draft.")
    newer = reflekt.entries.update(entry.id, content="Better.", if_version=1)
    for write in (
        lambda: reflekt.entries.update(entry.id, content="Mine!", if_version=1),
        lambda: reflekt.entries.put(entry.id, "Mine!", if_version=1),
        lambda: reflekt.entries.delete(entry.id, if_version=1),
    ):
        with pytest.raises(VersionConflict):
            write()
    assert reflekt.entries.get(entry.id) == newer


def test_a_change_that_changes_nothing_is_no_new_version(reflekt: Reflekt) -> None:
    """Sending what is already there leaves the entry as it is."""
    entry = reflekt.entries.create("Same.", mood=2)
    assert reflekt.entries.update(entry.id, mood=2) == entry
    assert reflekt.entries.put(entry.id, "Same.", mood=2) == entry


def test_put_creates_replaces_and_brings_back(reflekt: Reflekt, clock: FakeClock) -> None:
    """An entry under an id of one's own keeps its history of versions."""
    id = uuid4()
    assert reflekt.entries.put(id, "One.").version == 1
    clock.advance(minutes=5)
    second = reflekt.entries.put(id, "Two.", mood=4)
    assert (second.version, second.content_version, second.mood) == (2, 2, 4)
    reflekt.entries.delete(id)
    assert reflekt.entries.put(id, "Three.").version == 4
    reflekt.entries.delete(id, permanent=True)
    again = reflekt.entries.put(id, "Four.")
    assert again.version == 6
    assert again.content_version > 3


def test_put_with_a_version_needs_an_entry(reflekt: Reflekt) -> None:
    """If-Match on an entry that does not exist, or lies in the trash, fails."""
    id = uuid4()
    with pytest.raises(VersionConflict):
        reflekt.entries.put(id, "New.", if_version=1)
    reflekt.entries.put(id, "New.")
    reflekt.entries.delete(id)
    with pytest.raises(VersionConflict):
        reflekt.entries.put(id, "New.", if_version=2)


def test_the_trash_hides_and_gives_back(reflekt: Reflekt) -> None:
    """An entry in the trash is gone for readers, and whole again when restored."""
    entry = reflekt.entries.create("Oops.")
    reflekt.entries.delete(entry.id)
    reflekt.entries.delete(entry.id)
    for read in (reflekt.entries.get, reflekt.entries.insights, reflekt.entries.analyse):
        with pytest.raises(NotFound):
            read(entry.id)
    with pytest.raises(NotFound):
        reflekt.entries.update(entry.id, mood=1)
    assert [e.id for e in reflekt.entries.list(trashed=True)] == [entry.id]
    assert len(reflekt.entries.search("oops")) == 0
    back = reflekt.entries.restore(entry.id)
    assert (back.content, back.version, back.trashed_at) == ("Oops.", 3, None)
    assert reflekt.entries.restore(entry.id) == back
    assert len(reflekt.entries.search("oops")) == 1


def test_the_trash_is_emptied_after_thirty_days(reflekt: Reflekt, clock: FakeClock) -> None:
    """What lay in the trash for longer than that is deleted for good; not a day before."""
    entry = reflekt.entries.create("Old.")
    reflekt.entries.delete(entry.id)
    clock.advance(days=29, hours=23)
    reflekt.drain()
    assert len(reflekt.entries.list(trashed=True)) == 1
    clock.advance(hours=2)
    reflekt.drain()
    assert len(reflekt.entries.list(trashed=True)) == 0
    assert isinstance(reflekt.store.entries.get("me", entry.id), Tombstone)


def test_another_users_entry_looks_like_none(reflekt: Reflekt) -> None:
    """Reading, changing and deleting somebody else's entry fails like a missing one."""
    theirs = reflekt.acting_as(Actor("ana")).entries.create("Secret.")
    said = set()
    for id in (theirs.id, UUID(int=7)):
        for use in (
            reflekt.entries.get,
            reflekt.entries.delete,
            reflekt.entries.restore,
            reflekt.entries.insights,
        ):
            with pytest.raises(NotFound) as caught:
                use(id)
            said.add(caught.value.message)
    assert said == {"there is no such entry"}


def test_following_changes_tells_every_entry(reflekt: Reflekt) -> None:
    """Whoever follows the cursor ends with what is there, tombstones included."""
    kept = reflekt.entries.create("Kept.")
    gone = reflekt.entries.create("Gone.")
    seen: dict[UUID, Entry | Tombstone] = {}
    changes = reflekt.entries.changes(limit=1)
    assert changes.has_more
    while True:
        seen |= {change.entry.id: change.entry for change in changes.items}
        if not changes.has_more:
            break
        changes = reflekt.entries.changes(since=changes.cursor, limit=1)
    assert set(seen) == {kept.id, gone.id}
    reflekt.entries.delete(gone.id, permanent=True)
    later = reflekt.entries.changes(since=changes.cursor)
    assert [type(change.entry) for change in later.items] == [Tombstone]
    assert reflekt.entries.changes(since=later.cursor).items == ()


def test_on_this_day_looks_back_and_not_ahead(reflekt: Reflekt, clock: FakeClock) -> None:
    """Entries of earlier years come newest first; today's and later ones do not."""
    for year in (2020, 2024, 2025, 2026, 2030):
        reflekt.entries.create(str(year), occurred_at=datetime(year, 11, 22, 12, tzinfo=UTC))
    reflekt.entries.create("other day", occurred_at=datetime(2025, 11, 21, 12, tzinfo=UTC))
    assert [e.content for e in reflekt.entries.on_this_day()] == ["2025", "2024", "2020"]


def test_many_entries_of_today_hide_none_of_earlier_years(
    reflekt: Reflekt, clock: FakeClock
) -> None:
    """However much was written on this day since, looking back finds what was before."""
    old = reflekt.entries.create("old", occurred_at=clock() - timedelta(days=365))
    for number in range(100):
        reflekt.entries.create(f"{number}")
    assert reflekt.entries.on_this_day().items == (old,)


def test_nobody_is_reminded_of_a_crisis(reflekt: Reflekt, clock: FakeClock) -> None:
    """An entry that speaks of a crisis is not brought back by the day; it can still be read."""
    a_year_ago = clock() - timedelta(days=365)
    kept = reflekt.entries.create("We swam.", occurred_at=a_year_ago)
    left = reflekt.entries.create("I want to die.", occurred_at=a_year_ago)
    reflekt.entries.create("Nothing.", title="I want to die", occurred_at=a_year_ago)
    assert reflekt.entries.on_this_day().items == (kept,)
    assert reflekt.entries.get(left.id) == left


def test_a_leap_day_is_remembered_every_year(reflekt: Reflekt) -> None:
    """In a year without 29 February, its entries come back on the 28th."""
    reflekt.entries.create("leap", occurred_at=datetime(2024, 2, 29, 12, tzinfo=UTC))
    assert len(reflekt.entries.on_this_day(date=date(2027, 2, 28))) == 1
    assert len(reflekt.entries.on_this_day(date=date(2028, 2, 28))) == 0
    assert len(reflekt.entries.on_this_day(date=date(2028, 2, 29))) == 1


def test_moving_an_entry_in_time_moves_its_day(reflekt: Reflekt) -> None:
    """The day-start hour in force at the change decides the new day, and only then."""
    entry = reflekt.entries.create("Night.", occurred_at=datetime(2026, 5, 2, 2, tzinfo=UTC))
    reflekt.settings.update(preferences=PreferencesPatch(day_start_hour=5))
    assert reflekt.entries.update(entry.id, mood=3).local_date == date(2026, 5, 2)
    moved = reflekt.entries.update(entry.id, occurred_at=entry.occurred_at + timedelta(days=1))
    assert moved.local_date == date(2026, 5, 2)


def test_a_page_is_at_most_a_hundred(reflekt: Reflekt) -> None:
    """A limit outside 1 to 100 is refused."""
    for limit in (0, 101):
        with pytest.raises(InvalidInput, match="limit"):
            reflekt.entries.list(limit=limit)
