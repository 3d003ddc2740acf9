"""What an entry is, how it changes, and which day it belongs to."""

import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reflekt_core.errors import InvalidInput
from reflekt_core.model import entries
from reflekt_core.model.entries import (
    Entry,
    EntryDraft,
    EntryFilter,
    Tombstone,
    count_words,
    fold_tag,
    in_zone,
    local_date,
    new_entry,
    restored,
    trashed,
    unique_tags,
)
from reflekt_core.model.entry_patch import EntryPatch, revised

NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ID = UUID(int=7)

ZONES = st.sampled_from(sorted(z for z in available_timezones() if z[0].isupper()))
INSTANTS = st.datetimes(datetime(1880, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware by timezones
TAGS = st.lists(
    st.sampled_from(["sea", "Sea", "SEA", "caf\u00e9", "cafe\u0301", "x", "\u00df", "ss"])
)


def utc(text: str) -> datetime:
    """Return the time in UTC that *text* says."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def entry_of(draft: EntryDraft | None = None, **made: object) -> Entry:
    """Return a new entry, written in UTC at `NOW` unless *made* says otherwise."""
    facts = {"id": ID, "time_zone": "UTC", "day_start_hour": 0, "now": NOW, **made}
    return new_entry(draft or EntryDraft(content="We swam."), **facts)  # type: ignore[arg-type]


def revise(entry: Entry, **changes: object) -> Entry:
    """Return *entry* with *changes*, made an hour later."""
    patch = EntryPatch(**changes)  # type: ignore[arg-type]
    return revised(entry, patch, day_start_hour=0, now=LATER)


class TestDays:
    """The day that a time belongs to."""

    @pytest.mark.parametrize(
        ("zone", "instant", "day"),
        [
            ("Africa/Nairobi", "2026-11-22T20:59:59", "2026-11-22"),
            ("Africa/Nairobi", "2026-11-22T21:00:00", "2026-11-23"),
            # No midnight: after 23:59:59 comes 01:00.
            ("America/Sao_Paulo", "2018-11-04T02:59:59", "2018-11-03"),
            ("America/Sao_Paulo", "2018-11-04T03:00:00", "2018-11-04"),
            ("Africa/Cairo", "2023-04-27T21:59:59", "2023-04-27"),
            ("Africa/Cairo", "2023-04-27T22:00:00", "2023-04-28"),
            ("Asia/Beirut", "2022-03-26T22:00:00", "2022-03-27"),
            # The hour before midnight comes twice.
            ("Africa/Cairo", "2023-10-26T20:59:59", "2023-10-26"),
            ("Africa/Cairo", "2023-10-26T21:00:00", "2023-10-26"),
            ("Africa/Cairo", "2023-10-26T22:00:00", "2023-10-27"),
            ("Asia/Beirut", "2022-10-29T21:30:00", "2022-10-29"),
            # Midnight comes twice: 00:59 is followed by 00:00.
            ("America/Havana", "2026-11-01T04:30:00", "2026-11-01"),
            ("America/Havana", "2026-11-01T05:30:00", "2026-11-01"),
            # A day is left out.
            ("Pacific/Apia", "2011-12-30T09:59:59", "2011-12-29"),
            ("Pacific/Apia", "2011-12-30T10:00:00", "2011-12-31"),
            # Leap days.
            ("Pacific/Kiritimati", "2028-02-28T10:00:00", "2028-02-29"),
            ("Pacific/Pago_Pago", "2028-03-01T10:59:59", "2028-02-29"),
            ("Asia/Kathmandu", "2026-12-31T18:15:00", "2027-01-01"),
        ],
    )
    def test_is_what_the_wall_shows(self, zone: str, instant: str, day: str) -> None:
        """Days without midnight, doubled hours and leap days are as the zone's clocks show them."""
        assert local_date(utc(instant), zone) == date.fromisoformat(day)

    @pytest.mark.parametrize(
        ("instant", "hour", "day"),
        [
            ("2026-11-22T03:59:59", 4, "2026-11-21"),
            ("2026-11-22T04:00:00", 4, "2026-11-22"),
            ("2026-11-22T22:59:59", 23, "2026-11-21"),
            ("2028-03-01T00:30:00", 1, "2028-02-29"),
            ("2027-03-01T00:30:00", 1, "2027-02-28"),
            ("2027-01-01T00:00:00", 1, "2026-12-31"),
        ],
    )
    def test_begins_when_the_writer_says(self, instant: str, hour: int, day: str) -> None:
        """Before the day-start hour it is still the day before."""
        assert local_date(utc(instant), "UTC", hour) == date.fromisoformat(day)

    @given(INSTANTS, ZONES, st.integers(0, 23))
    @example(utc("2018-11-04T03:00:00"), "America/Sao_Paulo", 0)
    @example(utc("2011-12-30T10:00:00"), "Pacific/Apia", 0)
    def test_is_the_date_of_the_shown_time_less_the_hours(
        self, at: datetime, zone: str, hour: int
    ) -> None:
        """In every zone, the day is the shown date once the night's hours are taken off."""
        entry = entry_of(EntryDraft("x", occurred_at=at, time_zone=zone), day_start_hour=hour)
        wall = entry.occurred_at.replace(tzinfo=None)
        assert entry.local_date == (wall - timedelta(hours=hour)).date()
        assert entry.local_date == local_date(at, zone, hour)

    @given(INSTANTS, ZONES)
    def test_is_shown_as_the_zone_does(self, at: datetime, zone: str) -> None:
        """A time keeps its instant and gets the zone's offset, in whole minutes."""
        shown = in_zone(at, zone)
        exact = at.astimezone(ZoneInfo(zone)).utcoffset()
        offset = shown.utcoffset()
        assert shown == at
        assert offset is not None
        assert exact is not None
        assert offset % timedelta(minutes=1) == timedelta()
        assert abs(offset - exact) <= timedelta(seconds=30)

    def test_keeps_the_halves_of_a_doubled_hour_apart(self) -> None:
        """02:30 before and after the clocks go back are two times, an hour apart."""
        first, second = (
            entry_of(EntryDraft("x", occurred_at=utc(at), time_zone="Europe/Berlin")).occurred_at
            for at in ("2026-10-25T00:30:00", "2026-10-25T01:30:00")
        )
        assert first.replace(tzinfo=None) == second.replace(tzinfo=None)
        assert first < second
        assert second - first == timedelta(hours=1)


class TestNewEntries:
    """What becomes of a draft."""

    def test_begin_at_version_1(self) -> None:
        """A new entry happens now, in the writer's zone, and is counted from 1."""
        entry = entry_of(
            EntryDraft("Two words", title="T", tags=("a", "A")), time_zone="Asia/Tokyo"
        )
        assert (entry.version, entry.content_version, entry.word_count) == (1, 1, 2)
        assert (entry.created_at, entry.updated_at, entry.occurred_at) == (NOW, NOW, NOW)
        assert (entry.time_zone, entry.local_date) == ("Asia/Tokyo", date(2026, 11, 23))
        assert (entry.tags, entry.trashed_at, entry.extra) == (("a",), None, {})

    def test_are_where_the_draft_says(self) -> None:
        """The draft's own zone and time win over the settings and the clock."""
        then = datetime(2020, 2, 29, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
        entry = entry_of(EntryDraft("x", occurred_at=then, time_zone="Europe/Paris"))
        assert entry.occurred_at.isoformat() == "2020-03-01T05:30:00+01:00"
        assert entry.local_date == date(2020, 3, 1)

    def test_go_on_from_what_they_replace(self) -> None:
        """Replacing keeps creation, imported fields and the day; versions go on."""
        first = attrs.evolve(entry_of(), extra={"k": 1}, fingerprint="f")
        draft = EntryDraft(first.content, occurred_at=first.occurred_at, starred=True)
        after = entry_of(draft, replaces=first, now=LATER, day_start_hour=23)
        assert (after.version, after.content_version) == (2, 1)
        assert (after.created_at, after.updated_at) == (first.created_at, LATER)
        assert (after.extra, after.fingerprint) == ({"k": 1}, "f")
        assert after.local_date == first.local_date
        changed = entry_of(EntryDraft("Other."), replaces=after, now=LATER)
        assert (changed.version, changed.content_version) == (3, 2)

    def test_go_on_from_a_tombstone(self) -> None:
        """An id that is used again never repeats a version of either kind."""
        entry = entry_of(replaces=Tombstone(ID, 8, NOW), now=LATER, fingerprint="new")
        assert (entry.version, entry.content_version) == (9, 9)
        assert (entry.created_at, entry.fingerprint) == (LATER, "new")


class TestRevisions:
    """What becomes of an entry that is changed."""

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "title": st.sampled_from(["", "T"]),
                "content": st.sampled_from(["We swam.", "We ran far."]),
                "mood": st.sampled_from([None, 3]),
                "tags": TAGS.map(tuple),
                "starred": st.booleans(),
                "occurred_at": st.sampled_from([NOW, LATER]),
                "time_zone": st.sampled_from(["UTC", "Asia/Tokyo"]),
            },
        )
    )
    def test_are_counted_if_anything_differs(self, changes: dict[str, object]) -> None:
        """A change makes one version; title and content alone a content version; nothing, none."""
        entry = entry_of()
        after = revise(entry, **changes)
        if after is entry:
            for name, value in changes.items():
                assert getattr(entry, name) == value
            return
        counted = {"version", "content_version", "updated_at", "word_count"}
        differs = {a.name for a in attrs.fields(Entry)} - counted
        assert any(getattr(after, name) != getattr(entry, name) for name in differs)
        text_differs = (after.title, after.content) != (entry.title, entry.content)
        assert after.version == 2
        assert after.content_version == 1 + text_differs
        assert after.updated_at == LATER
        assert after.word_count == count_words(after.content)
        assert after == revise(entry, **changes)
        assert revise(after, **changes) is after

    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"title": "", "content": "We swam.", "mood": None, "tags": (), "starred": False},
            {"occurred_at": NOW.astimezone(timezone(timedelta(hours=3)))},
            {"time_zone": "UTC"},
        ],
    )
    def test_without_a_difference_are_none(self, changes: dict[str, object]) -> None:
        """A patch that changes nothing gives the entry itself, also for the same time elsewhere."""
        entry = entry_of()
        assert revise(entry, **changes) is entry

    def test_of_stars_and_tags_leave_the_text_version(self) -> None:
        """What does not change the text costs no new analysis."""
        after = revise(entry_of(), starred=True, tags=("Sea", "sea"), mood=5)
        assert (after.version, after.content_version, after.tags) == (2, 1, ("Sea",))

    def test_of_the_zone_move_the_day_but_not_the_instant(self) -> None:
        """The same instant is another time of day elsewhere, and may be another day."""
        after = revise(entry_of(), time_zone="Asia/Tokyo")
        assert after.occurred_at == NOW
        assert after.occurred_at.isoformat() == "2026-11-23T03:40:00+09:00"
        assert (after.local_date, after.content_version) == (date(2026, 11, 23), 1)

    def test_keep_the_day_unless_the_time_changes(self) -> None:
        """A new day-start hour counts for what is written or moved from then on."""
        entry = entry_of(EntryDraft("x", occurred_at=utc("2026-11-22T02:00:00")))
        starred = revised(entry, EntryPatch(starred=True), day_start_hour=4, now=LATER)
        moved = revised(
            entry, EntryPatch(occurred_at=utc("2026-11-22T03:00:00")), day_start_hour=4, now=LATER
        )
        assert (starred.local_date, moved.local_date) == (date(2026, 11, 22), date(2026, 11, 21))

    def test_of_the_time_tell_halves_of_a_doubled_hour_apart(self) -> None:
        """The same wall time with another offset is a change."""
        draft = EntryDraft("x", occurred_at=utc("2026-10-25T00:30:00"), time_zone="Europe/Berlin")
        entry = entry_of(draft)
        after = revise(entry, occurred_at=utc("2026-10-25T01:30:00"))
        assert after.version == 2
        assert after.occurred_at - entry.occurred_at == timedelta(hours=1)

    def test_by_trash_and_back_are_versions_too(self) -> None:
        """Going to the trash and coming back are changes that leave the text version."""
        entry = entry_of()
        gone = trashed(entry, LATER)
        back = restored(gone, LATER)
        assert (gone.version, gone.trashed_at, gone.updated_at) == (2, LATER, LATER)
        assert (back.version, back.trashed_at, back.content_version) == (3, None, 1)


class TestFilters:
    """Which entries a filter accepts."""

    ENTRY = entry_of(
        EntryDraft(
            "x",
            mood=3,
            tags=("Sea", "caf\u00e9"),
            category_id=UUID(int=1),
            starred=True,
            occurred_at=utc("2026-11-22T21:30:00"),
            time_zone="Africa/Nairobi",
        )
    )

    @pytest.mark.parametrize(
        "wanted",
        [
            EntryFilter(),
            EntryFilter(from_=date(2026, 11, 23), to=date(2026, 11, 23)),
            EntryFilter(from_=utc("2026-11-22T21:30:00"), to=utc("2026-11-22T21:30:00")),
            EntryFilter(category_id=UUID(int=1)),
            EntryFilter(tag=("SEA",)),
            EntryFilter(tag=("cafe\u0301", "sea")),
            EntryFilter(mood_min=3, mood_max=3),
            EntryFilter(starred=True),
        ],
    )
    def test_accept(self, wanted: EntryFilter) -> None:
        """Bounds are included; dates mean the local date, times the instant; tags are folded."""
        assert wanted.accepts(self.ENTRY)
        assert not wanted.accepts(trashed(self.ENTRY, LATER))
        assert attrs.evolve(wanted, trashed=True).accepts(trashed(self.ENTRY, LATER))

    @pytest.mark.parametrize(
        "wanted",
        [
            EntryFilter(from_=date(2026, 11, 24)),
            EntryFilter(to=date(2026, 11, 22)),
            EntryFilter(from_=utc("2026-11-22T21:30:01")),
            EntryFilter(to=utc("2026-11-22T21:29:59")),
            EntryFilter(category_id=UUID(int=2)),
            EntryFilter(tag=("sea", "rain")),
            EntryFilter(mood_min=4),
            EntryFilter(mood_max=2),
            EntryFilter(starred=False),
            EntryFilter(trashed=True),
        ],
    )
    def test_refuse(self, wanted: EntryFilter) -> None:
        """One condition that is not met is enough."""
        assert not wanted.accepts(self.ENTRY)

    def test_on_moods_leave_out_entries_without(self) -> None:
        """Who asks for moods gets entries that have one."""
        assert not EntryFilter(mood_min=1).accepts(entry_of())
        assert not EntryFilter(mood_max=5).accepts(entry_of())


class TestTags:
    """How tags are compared."""

    @given(TAGS | st.lists(st.text(max_size=5)))
    def test_are_kept_once_in_order(self, tags: list[str]) -> None:
        """Each tag stays once, where and as it was first spelled."""
        unique = unique_tags(tuple(tags))
        folded = [fold_tag(tag) for tag in tags]
        assert [fold_tag(tag) for tag in unique] == list(dict.fromkeys(folded))
        assert all(tags[folded.index(fold_tag(tag))] == tag for tag in unique)
        assert unique_tags(unique) == unique

    @given(st.text())
    def test_are_the_same_in_any_case_and_composition(self, tag: str) -> None:
        """Folding is stable, and composition makes no difference."""
        assert fold_tag(fold_tag(tag)) == fold_tag(tag)
        assert fold_tag(unicodedata.normalize("NFD", tag)) == fold_tag(tag)

    def test_keep_their_accents(self) -> None:
        """Two words are two tags, other than in a search."""
        assert fold_tag("P\u00e9rou") != fold_tag("Perou")
        assert fold_tag("STRASSE") == fold_tag("Stra\u00dfe")


class TestWords:
    """How words are counted."""

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", 0),
            (" - ' ... ", 0),
            ("We swam.", 2),
            ("don't well-known rock-n-roll", 3),
            ("snake_case a--b -x- 'quoted'", 5),
            ("don\u2019t", 1),
            ("\u6d77\u8fb9 2026", 3),
            ("caf\u00e9 na\u00efve", 2),
            (f"{'word ' * 1000}", 1000),
        ],
    )
    def test_are_counted(self, text: str, words: int) -> None:
        """Hyphens and apostrophes inside a word do not part it; Chinese counts characters."""
        assert count_words(text) == words

    @given(st.text(st.characters(max_codepoint=127)))
    def test_are_the_same_however_they_are_counted(self, text: str) -> None:
        """Text of ASCII alone, counted by other means, is counted as among other text."""
        assert count_words(f"{text} \u00e9") == count_words(text) + 1


class TestDrafts:
    """What a draft may hold."""

    @pytest.mark.parametrize(
        ("fields", "paths"),
        [
            ({"content": ""}, ["content"]),
            ({"content": "x" * 100_001}, ["content"]),
            ({"content": "\u6d77" * 70_000}, ["content"]),
            ({"content": "a\x00b"}, ["content"]),
            ({"content": "\ud800"}, ["content"]),
            ({"content": 5}, ["content"]),
            ({"title": "x" * 201}, ["title"]),
            ({"mood": 0}, ["mood"]),
            ({"mood": 6}, ["mood"]),
            ({"mood": True}, ["mood"]),
            ({"tags": ("ok", "", " x", "y\nz", "x" * 51)}, [f"tags[{i}]" for i in range(1, 5)]),
            ({"tags": tuple(map(str, range(51)))}, ["tags"]),
            ({"tags": "sea"}, ["tags"]),
            ({"occurred_at": datetime(2026, 1, 1)}, ["occurred_at"]),  # noqa: DTZ001 - that is what is wrong
            ({"occurred_at": utc("0999-12-31T00:00:00")}, ["occurred_at"]),
            ({"time_zone": "Mars/Olympus"}, ["time_zone"]),
            ({"time_zone": "localtime"}, ["time_zone"]),
            ({"time_zone": "../etc/passwd"}, ["time_zone"]),
            ({"time_zone": "Africa"}, ["time_zone"]),
            ({"time_zone": "A" * 300}, ["time_zone"]),
            ({"starred": 1}, ["starred"]),
            ({"category_id": str(ID)}, ["category_id"]),
            ({"content": "", "mood": 9, "starred": None}, ["content", "mood", "starred"]),
        ],
    )
    def test_names_every_bad_field(self, fields: dict[str, object], paths: list[str]) -> None:
        """Each bad field is named, and in a list each bad item."""
        with pytest.raises(InvalidInput) as caught:
            EntryDraft(**{"content": "x", **fields})  # type: ignore[arg-type]
        assert [problem.path for problem in caught.value.problems] == paths

    def test_may_go_to_the_limits(self) -> None:
        """The longest content and title, and the most tags, are fine."""
        EntryDraft("x" * 100_000, title="\u6d77" * 200, tags=tuple(map(str, range(50))), mood=5)
        EntryDraft("\u00e9" * 100_000)

    def test_keep_no_long_text_as_a_zone(self) -> None:
        """What is too long for the name of a zone is not even remembered as wrong."""
        before = entries._is_zone.cache_info().misses
        with pytest.raises(InvalidInput):
            EntryDraft("x", time_zone="A" * 65)
        assert entries._is_zone.cache_info().misses == before

    @pytest.mark.parametrize(
        "zone", sorted(z for z in available_timezones() if z[0].isupper())[::40]
    )
    def test_may_be_in_any_zone(self, zone: str) -> None:
        """The names of the IANA database are time zones."""
        assert EntryDraft("x", time_zone=zone).time_zone == zone
