"""Taking a journal over, from another Reflekt or from another program."""

import errno
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, StoreError
from reflekt_core.formats.own import NDJSONFormat
from reflekt_core.formats.targets import written
from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.model.jobs import JobKind
from reflekt_core.model.paging import through
from reflekt_core.model.settings import Vendor
from reflekt_core.model.settings_patch import AISettingsPatch, PreferencesPatch, ProfilePatch
from reflekt_core.model.transfer import Arrival, Broken, ExportKind, ExportRecord, ImportReport
from reflekt_core.services.importing import ImportService
from reflekt_core.testing.entries import entries

OWN = ("ndjson", "json")


@pytest.fixture
def journal() -> Iterator[Reflekt]:
    """An empty journal."""
    with Reflekt.open("memory://") as reflekt:
        yield reflekt


def everything(reflekt: Reflekt) -> list[ExportRecord]:
    """Return all that the user has."""
    return list(through(lambda after: reflekt.account.export(after=after, limit=100)))


def add(reflekt: Reflekt, *records: Arrival | ExportRecord | Broken, **how: Any) -> ImportReport:
    """Import *records* as if another program had kept them."""
    return ImportService(reflekt._context).add(records, format="other", **how)


def furnished(reflekt: Reflekt) -> Reflekt:
    """Give the journal something of every kind."""
    travel = reflekt.categories.create("Travel", color="#2a9d8f", icon="⛵")
    reflekt.settings.update(profile=ProfilePatch(display_name="Zoë"))
    for number in range(3):
        reflekt.entries.create(f"We swam {number} times.", category_id=travel.id, tags=["Sea"])
    trashed, changed, _ = reflekt.entries.list()
    reflekt.entries.delete(trashed.id)
    reflekt.entries.update(changed.id, starred=True, content="Rain. \U0001f327 \u202eabc")
    reflekt.prompts.daily()
    reflekt.drain()
    return reflekt


# From another Reflekt


@pytest.mark.parametrize("name", OWN)
def test_an_export_comes_back_whole(name: str, journal: Reflekt, tmp_path: Path) -> None:
    """Everything a user has is there again, to the last field, also for another user."""
    file = tmp_path / "export"
    written = furnished(journal).export_file(file, format=name)
    with Reflekt.open("memory://", user="you") as other:
        report = other.import_file(file)
        assert (report.format, report.read, report.added, report.broken) == (
            name,
            written,
            written,
            0,
        )
        assert everything(other) == everything(journal)
        assert {record.kind for record in everything(other)} >= {"entry", "insight", "settings"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made=st.lists(entries(), max_size=5), extra=st.dictionaries(st.text(), st.text()))
@pytest.mark.parametrize("name", OWN)
def test_any_entries_come_back(
    name: str, made: list[Entry], extra: dict[str, str], tmp_path: Path
) -> None:
    """Export, then import, is the identity on entries."""
    (tmp_path / "export").unlink(missing_ok=True)
    with Reflekt.open("memory://") as one, Reflekt.open("memory://") as other:
        account = one.store.accounts.get("me")
        one.store.entries.add(account, [attrs.evolve(entry, extra=extra) for entry in made])
        one.export_file(tmp_path / "export", format=name)
        assert other.import_file(tmp_path / "export", format=name).broken == 0
        kept = [r for r in everything(one) if r.kind == "entry"]
        assert [r for r in everything(other) if r.kind == "entry"] == kept


def test_an_export_replaces_no_file(journal: Reflekt, tmp_path: Path) -> None:
    """What is there stays, and the new file is its owner's alone."""
    file = tmp_path / "export.ndjson"
    journal.export_file(file)
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="exists already"):
        journal.export_file(file)


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    """A file is there whole, or not at all."""

    def breaking() -> Iterator[ExportRecord]:
        yield ExportRecord(ExportKind.SETTINGS, {})
        raise StoreError("the disk is gone")

    with pytest.raises(StoreError, match="the disk is gone"):
        written(tmp_path / "export", NDJSONFormat(), breaking())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("linking", [True, False])
def test_an_export_has_its_name_when_it_is_whole(
    linking: bool,  # noqa: FBT001 - a parameter of a test
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever looks while it is written finds none; what came to be there meanwhile stays."""
    file = tmp_path / "export"

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links on this disk")

    def looking(found: list[bool], *, disturbing: bool) -> Iterator[ExportRecord]:
        yield ExportRecord(ExportKind.SETTINGS, {})
        found.append(file.exists())
        if disturbing:
            file.write_text("precious", "utf-8")

    if not linking:
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    found: list[bool] = []
    assert written(file, NDJSONFormat(), looking(found, disturbing=False)) == 1
    assert (found, list(tmp_path.iterdir())) == ([False], [file])
    file.unlink()
    with pytest.raises(StoreError, match="exists already"):
        written(file, NDJSONFormat(), looking(found, disturbing=True))
    assert file.read_text("utf-8") == "precious"
    assert list(tmp_path.iterdir()) == [file]


def test_no_link_is_followed_out_of_a_folder(journal: Reflekt, tmp_path: Path) -> None:
    """A link that leads nowhere is there already."""
    (tmp_path / "export").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="exists already"):
        journal.export_file(tmp_path / "export")
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_file_holds_is_counted(journal: Reflekt, tmp_path: Path) -> None:
    """Not what it has no place for."""
    furnished(journal)
    assert journal.export_file(tmp_path / "out.ndjson") == len(everything(journal))
    heard: list[int] = []
    assert journal.export_file(tmp_path / "out.csv", format="csv", told=heard.append) == 2
    assert heard == []


def test_an_export_needs_its_folder(journal: Reflekt, tmp_path: Path) -> None:
    """Where a file cannot be, that is said in one line."""
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        journal.export_file(tmp_path / "nowhere" / "export")


def test_consent_is_not_taken_over(journal: Reflekt, tmp_path: Path) -> None:
    """A file cannot agree to send text away; it says so."""
    journal.settings.update(ai=AISettingsPatch(consent=(Vendor.OPENAI,)))
    journal.export_file(tmp_path / "export")
    with Reflekt.open("memory://") as other:
        report = other.import_file(tmp_path / "export")
        assert other.settings.get().ai.consent == ()
        assert any("consent" in note for note in report.notes)
        assert journal.settings.get().ai.consent == (Vendor.OPENAI,)


def test_settings_that_were_set_stay(journal: Reflekt, tmp_path: Path) -> None:
    """An import changes nobody's settings."""
    furnished(journal).export_file(tmp_path / "export")
    with Reflekt.open("memory://") as other:
        other.settings.update(profile=ProfilePatch(display_name="Ada"))
        report = other.import_file(tmp_path / "export")
        assert other.settings.get().profile.display_name == "Ada"
        assert report.present == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content": ""}, "content"),
        ({"mood": 9}, "mood"),
        ({"tags": ["x" * 51]}, "tags"),
        ({"local_date": "1999-01-01"}, "local_date"),
        ({"content_version": 7}, "content_version"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"unheard_of": 1}, "unheard_of"),
        ({"id": "7"}, "id"),
    ],
)
def test_an_entry_that_was_tampered_with_is_refused(
    change: dict[str, Any], said: str, journal: Reflekt, tmp_path: Path
) -> None:
    """What could not have been written is not taken over; the message names it, the rest goes on."""
    journal.entries.create("We swam.")
    journal.entries.create("It rained.")
    journal.export_file(tmp_path / "export")
    first, *rest = (tmp_path / "export").read_text("utf-8").splitlines()
    record = json.loads(first)
    record["value"] |= change
    (tmp_path / "changed").write_text("\n".join([json.dumps(record), *rest]), "utf-8")
    with Reflekt.open("memory://") as other:
        report = other.import_file(tmp_path / "changed")
        assert report.problems[0].place == "line 1, entry"
        assert said in report.problems[0].message
        (entry,) = other.entries.list()
        assert entry.content == "It rained."


# From other programs

SWAM = Arrival(place="entry 1", key="1", content="We swam.")


def test_importing_twice_changes_nothing(journal: Reflekt) -> None:
    """The same record is the same entry, whatever became of it since."""
    records = [SWAM, attrs.evolve(SWAM, key="2"), attrs.evolve(SWAM, key="3")]
    assert add(journal, *records).added == 3
    first, second, third = journal.entries.list()
    journal.entries.update(first.id, content="Changed since.")
    journal.entries.delete(second.id)
    journal.entries.delete(third.id, permanent=True)
    before = everything(journal)
    report = add(journal, *records)
    assert (report.added, report.present) == (0, 3)
    assert everything(journal) == before
    assert isinstance(journal.store.entries.get("me", third.id), Tombstone)


@pytest.mark.parametrize("dry_run", [False, True])
def test_one_id_with_two_texts_is_reported(journal: Reflekt, *, dry_run: bool) -> None:
    """The first is taken over and the other named, wherever they stand; the same text is no news."""
    other = attrs.evolve(SWAM, place="entry 2000", content="We ran.")
    many = (attrs.evolve(SWAM, place="between", key=f"b{number}") for number in range(2500))
    report = add(journal, SWAM, SWAM, other, *many, other, dry_run=dry_run)
    assert (report.added, report.present, report.broken) == (2501, 1, 2)
    assert report.problems[0].place == "entry 2000"
    assert "same id and another text" in report.problems[0].message
    assert "We ran." not in [entry.content for entry in journal.entries.list()]


def test_an_import_that_was_cut_short_goes_on(journal: Reflekt) -> None:
    """Done again, it adds what is missing, and nothing twice."""

    def cut_short() -> Iterator[Arrival]:
        for number in range(2700):
            yield attrs.evolve(SWAM, key=str(number))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ImportService(journal._context).add(cut_short(), format="other")
    there = journal.store.entries.counts("me").entries
    report = add(journal, *(attrs.evolve(SWAM, key=str(number)) for number in range(2800)))
    assert 0 < there == report.present
    assert journal.store.entries.counts("me").entries == 2800


def test_a_dry_run_says_what_would_be(journal: Reflekt) -> None:
    """It counts as the import then does, and writes nothing."""
    add(journal, SWAM)
    before = everything(journal)
    records = [SWAM, attrs.evolve(SWAM, key="2", category="Trips"), attrs.evolve(SWAM, key="2")]
    foretold = add(journal, *records, dry_run=True)
    assert everything(journal) == before
    done = add(journal, *records)
    assert (foretold.added, foretold.present) == (done.added, done.present) == (1, 2)


def test_a_broken_record_stops_nothing(journal: Reflekt) -> None:
    """It is reported with its place, and the rest goes on."""
    records = [
        Broken("line 7", "has no date"),
        attrs.evolve(SWAM, key="2", content=""),
        attrs.evolve(SWAM, key="3", time_zone="Mars/Olympus", occurred_at=datetime(2026, 1, 1)),  # noqa: DTZ001 - as another program had it
        SWAM,
    ]
    report = add(journal, *records)
    assert (report.added, report.broken) == (1, 3)
    assert [problem.place for problem in report.problems] == ["line 7", "entry 1", "entry 1"]


def test_strict_stops_at_what_is_broken(journal: Reflekt) -> None:
    """What came before it is there, what came after it is not."""
    records = [SWAM, Broken("line 7", "has no date"), attrs.evolve(SWAM, key="2")]
    with pytest.raises(InvalidInput, match="has no date"):
        add(journal, *records, strict=True)
    assert journal.store.entries.counts("me").entries == 1


def test_many_problems_are_counted(journal: Reflekt) -> None:
    """A report names the first hundred."""
    report = add(journal, *[Broken("line", "has no date")] * 150)
    assert (report.broken, len(report.problems)) == (150, 100)


def test_times_and_zones_survive(journal: Reflekt) -> None:
    """A time without offset is that of the record's zone, else the user's."""
    journal.settings.update(preferences=PreferencesPatch(time_zone="Africa/Nairobi"))
    naive = datetime(2024, 5, 6, 7, 8)  # noqa: DTZ001 - as another program had it
    add(
        journal,
        attrs.evolve(SWAM, key="1", occurred_at=naive),
        attrs.evolve(SWAM, key="2", occurred_at=naive, time_zone="America/New_York"),
        attrs.evolve(SWAM, key="3", occurred_at=naive.replace(tzinfo=UTC)),
    )
    shown = {entry.occurred_at.isoformat() for entry in journal.entries.list()}
    assert shown == {
        "2024-05-06T07:08:00+03:00",
        "2024-05-06T07:08:00-04:00",
        "2024-05-06T10:08:00+03:00",
    }


def test_what_does_not_fit_is_kept_elsewhere(journal: Reflekt) -> None:
    """A long title stands in the content as well; tags too long or too many are kept in `extra`."""
    tags = ("x" * 51, " two\nwords ", *(f"t{number}" for number in range(60)))
    add(journal, attrs.evolve(SWAM, title="T" * 300, tags=tags, extra={"weather": {"c": 21}}))
    (entry,) = journal.entries.list()
    assert entry.title == "T" * 199 + "…"
    assert entry.content == "T" * 300 + "\n\nWe swam."
    assert entry.tags[0] == "two words"
    assert len(entry.tags) == 50
    assert entry.extra["other"]["weather"] == {"c": 21}
    assert len(entry.extra["other"]["tags"]) == 12


@pytest.mark.parametrize("extra", [{"a": "x" * 200_000}, {"a": "\ud800"}, {"a": object()}])
def test_other_fields_that_cannot_be_kept_are_counted(
    extra: dict[str, Any], journal: Reflekt
) -> None:
    """The entry is taken over all the same."""
    report = add(journal, attrs.evolve(SWAM, extra=extra))
    assert (report.added, len(report.notes)) == (1, 1)
    (entry,) = journal.entries.list()
    assert entry.extra == {}


def test_categories_are_made_by_name(journal: Reflekt) -> None:
    """Once each, however they are spelled; one that is there is taken."""
    there = journal.categories.create("Travel")
    names = ("travel", "Work", "WORK", "日本")
    add(journal, *(attrs.evolve(SWAM, key=name, category=name) for name in names))
    made = {category.name: category.id for category in journal.categories.list()}
    assert set(made) == {"Travel", "Work", "日本"}
    assert {entry.category_id for entry in journal.entries.list()} == set(made.values())
    assert made["Travel"] == there.id


def test_progress_is_told(journal: Reflekt) -> None:
    """Whoever watches hears how many there are so far."""
    heard: list[int] = []
    records = [attrs.evolve(SWAM, key=str(number)) for number in range(4100)]
    add(journal, *records, told=lambda report: heard.append(report.read))
    assert heard == [2000, 4000, 4100]
    heard.clear()
    long = attrs.evolve(SWAM, content="x" * 90_000)
    add(journal, *[long] * 50, told=lambda report: heard.append(report.read))
    assert heard == [45, 50]  # what is long is stored sooner


def test_what_was_imported_is_counted_and_found(journal: Reflekt) -> None:
    """Imported entries are entries: search, trends and insights know them."""
    add(journal, attrs.evolve(SWAM, mood=4))
    journal.drain()
    assert journal.rebuild(JobKind.REBUILD_ANALYTICS)
    (hit,) = journal.entries.search("swam")
    assert journal.entries.insights(hit.entry.id)
    assert journal.analytics.trends().totals.entries == 1
