"""Day One as it really is, and what every import keeps or names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import MalformedInput
from reflekt_core.testing.fakes import an_entry

from .test_formats_others import Imported, imported, problems

__all__ = ["imported"]  # a fixture

SWAM = {"uuid": "A" * 32, "creationDate": "2024-05-06T21:40:00Z", "text": "Swam."}


def day_one(*entries: dict[str, Any]) -> str:
    """Return a journal of these entries."""
    return json.dumps({"metadata": {"version": "1.0"}, "entries": entries})


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("GMT+0200", "2024-05-06T23:40:00+02:00"),
        ("GMT-05:00", "2024-05-06T16:40:00-05:00"),
        ("UTC+0000", "2024-05-06T21:40:00+00:00"),
        ("US\\/Pacific", "2024-05-06T14:40:00-07:00"),
        ("GMT-0330", "2024-05-07T00:40:00+03:00"),
        ("Mars/Olympus", "2024-05-07T00:40:00+03:00"),
        ("../UTC", "2024-05-07T00:40:00+03:00"),
        (5, "2024-05-07T00:40:00+03:00"),
    ],
)
def test_zones_of_telephones(zone: Any, time: str, imported: Imported) -> None:
    """Offsets have names, and an entry from nowhere is in the user's own zone: none is lost."""
    _, (entry,) = imported(day_one({**SWAM, "timeZone": zone}))
    assert entry.occurred_at.isoformat() == time


def test_times_without_offset_are_in_utc(imported: Imported) -> None:
    """As all of Day One's are; an entry that has none is named, not given the time of its import."""
    bare = {**SWAM, "creationDate": "2024-05-06T21:40:00", "timeZone": "Europe/Berlin"}
    report, (entry,) = imported(day_one(bare, {"uuid": "B" * 32, "text": "x"}))
    assert entry.occurred_at.isoformat() == "2024-05-06T23:40:00+02:00"
    assert problems(report) == [("file, entry 2", "creationDate is missing")]


@pytest.mark.parametrize(
    ("starred", "is_starred"), [(1.0, True), (1, True), (0.0, False), ([], False)]
)
def test_numbers_for_truth(starred: Any, is_starred: bool, imported: Imported) -> None:  # noqa: FBT001 - a parameter of a test
    """Stars survive, however they are written."""
    _, (entry,) = imported(day_one({**SWAM, "starred": starred}))
    assert entry.starred is is_starred


def test_no_journal(imported: Imported) -> None:
    """Nothing taken over is said, not shown as success."""
    with pytest.raises(MalformedInput, match="no journal of Day One"):
        imported(day_one().encode("utf-16"), format="dayone")


def test_a_heading_of_spaces_takes_no_time(imported: Imported) -> None:
    """A long line is read once."""
    text = f"# {' ' * 90_000}\nSwam."
    _, (entry,) = imported(day_one({**SWAM, "text": text}))
    assert entry.content == text


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Reflekt]:
    """An empty journal, in memory or in a file."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/journal.db"
    with Reflekt.open(url) as reflekt:
        yield reflekt


@pytest.mark.parametrize("value", ["1e999", "NaN", "[" * 900 + "]" * 900])
def test_what_could_not_be_exported_is_left_out(
    value: str, journal: Reflekt, tmp_path: Path
) -> None:
    """The entry is taken over, and everything can be exported as before."""
    text = day_one({**SWAM, "weather": "?"}).replace('"?"', value)
    (tmp_path / "in.json").write_text(text, "utf-8")
    report = journal.import_file(tmp_path / "in.json")
    assert report.added == 1
    assert report.notes == {"other fields that could not be exported, left out": 1}
    for name in ("ndjson", "json", "dayone", "markdown"):
        assert journal.export_file(tmp_path / f"out.{name}", format=name)


@pytest.mark.parametrize("name", ["ndjson", "json"])
def test_a_record_that_cannot_be_taken_back_has_a_place(name: str, imported: Imported) -> None:
    """Where to look for it in the file."""
    with Reflekt.open("memory://") as reflekt:
        reflekt.store.entries.add(reflekt.store.accounts.get("me"), [an_entry("Swam.")])
        value = reflekt.account.export().items[0].value
    records = [{"kind": "entry", "value": {**value, "mood": mood}} for mood in (3, 9)]
    lines = "\n".join(map(json.dumps, records))
    whole = json.dumps({"reflekt": 1, "records": records})
    report, _ = imported(lines if name == "ndjson" else whole)
    place = {"ndjson": "line 2, entry", "json": "record 2, entry"}[name]
    assert problems(report) == [(place, "mood: must be from 1 to 5")]
