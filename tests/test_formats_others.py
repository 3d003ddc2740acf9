"""Journals of other programs: what survives, and what comes back."""

import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.model.entries import Entry
from reflekt_core.model.settings_patch import PreferencesPatch
from reflekt_core.model.transfer import ImportReport, ReadOptions

Imported = Callable[..., tuple[ImportReport, list[Entry]]]


@pytest.fixture
def imported(tmp_path: Path) -> Iterator[Imported]:
    """Import a file of this content into a journal in Nairobi; return the report and the entries."""
    with Reflekt.open("memory://") as reflekt:
        reflekt.settings.update(preferences=PreferencesPatch(time_zone="Africa/Nairobi"))

        def read(content: str | bytes | Path, **how: Any) -> tuple[ImportReport, list[Entry]]:
            path = tmp_path / "file"
            if isinstance(content, Path):
                path = content
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
            options = ReadOptions(**{k: how.pop(k) for k in ("moods", "date_format") if k in how})
            report = reflekt.import_file(path, options=options, **how)
            return report, sorted(reflekt.entries.list(), key=lambda e: e.occurred_at)

        yield read


def exported(entries: Sequence[Entry], name: str, path: Path) -> Path:
    """Export *entries* from a journal that holds nothing else."""
    with Reflekt.open("memory://") as reflekt:
        reflekt.store.entries.add(reflekt.store.accounts.get("me"), list(entries))
        reflekt.export_file(path, format=name)
    return path


def problems(report: ImportReport) -> list[tuple[str, str]]:
    """Return where and what is broken."""
    return [(problem.place, problem.message) for problem in report.problems]


# Day One

DAY_ONE: dict[str, Any] = {
    "metadata": {"version": "1.0"},
    "entries": [
        {
            "uuid": "5B1F3C1E9C3F4F6FA1E0A1B2C3D4E5F6",
            "creationDate": "2024-05-06T18:30:00Z",
            "modifiedDate": "2024-05-07T08:00:00Z",
            "timeZone": "America\\/New_York",
            "text": "# A day by the sea\n\nWe swam\\. Then it rained \\- a lot\\!\n\n![](dayone-moment://AB12)",
            "richText": '{"contents":[]}',
            "tags": ["sea", "Ana"],
            "starred": True,
            "isPinned": False,
            "isAllDay": False,
            "duration": 0.0,
            "location": {"placeName": "Coney Island", "latitude": 40.57, "longitude": -73.97},
            "weather": {"temperatureCelsius": 21},
            "photos": [{"identifier": "AB12", "md5": "d41d8cd9", "type": "jpeg"}],
        },
        {
            "uuid": "0" * 32,
            "creationDate": "2024-05-08T06:00:00Z",
            "timeZone": "Europe/Berlin",
            "photos": [{"md5": "a"}, {"md5": "b"}],
            "pdfAttachments": [{"md5": "c"}],
        },
        {"uuid": "1" * 32, "creationDate": "2024-05-09T06:00:00Z"},
        {"uuid": "2" * 32, "creationDate": "yesterday", "text": "x"},
        {"uuid": "3" * 32, "creationDate": "2024-05-10T06:00:00Z", "text": 7},
        {"creationDate": "2024-05-11T06:00:00Z", "text": "Without an id.", "tags": None},
        "no entry",
    ],
}


def day_one(path: Path) -> Path:
    """Make an archive as Day One does."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Journal.json", json.dumps(DAY_ONE))
        archive.writestr("photos/d41d8cd9.jpeg", b"\xff\xd8")
    return path


def test_day_one(imported: Imported, tmp_path: Path) -> None:
    """Dates, zones, stars, tags and ids survive; escapes go; the rest is kept in `extra`."""
    report, (first, media, bare) = imported(day_one(tmp_path / "export.zip"))
    assert (report.format, report.added, report.broken) == ("dayone", 3, 4)
    assert str(first.id) == "5b1f3c1e-9c3f-4f6f-a1e0-a1b2c3d4e5f6"
    assert (first.title, first.tags, first.starred) == ("A day by the sea", ("sea", "Ana"), True)
    assert first.content == "We swam. Then it rained - a lot!\n\n![](dayone-moment://AB12)"
    assert first.occurred_at.isoformat() == "2024-05-06T14:30:00-04:00"
    assert first.time_zone == "America/New_York"
    assert first.updated_at.isoformat() == "2024-05-07T08:00:00+00:00"
    extra = first.extra["dayone"]
    assert extra["photos"] == DAY_ONE["entries"][0]["photos"]
    assert (extra["isPinned"], extra["weather"]) == (False, {"temperatureCelsius": 21})
    assert "richText" not in extra
    assert media.content == "(2 photos, 1 PDF)"
    assert (bare.content, bare.tags, bare.time_zone) == ("Without an id.", (), "Africa/Nairobi")
    assert problems(report) == [
        ("Journal.json, entry 3", "has neither text nor media"),
        (
            "Journal.json, entry 4",
            "creationDate and modifiedDate must be such as 2026-11-22T21:40:00Z",
        ),
        ("Journal.json, entry 5", "text must be a string"),
        ("Journal.json, entry 7", "must be an object"),
    ]


def test_day_one_without_an_archive(imported: Imported) -> None:
    """The JSON alone is as good."""
    report, entries = imported(json.dumps(DAY_ONE))
    assert (report.format, len(entries)) == ("dayone", 3)


def test_day_one_comes_back(imported: Imported, tmp_path: Path) -> None:
    """What was exported is what is imported, with everything that came from Day One."""
    _, entries = imported(day_one(tmp_path / "export.zip"))
    back = exported(entries, "dayone", tmp_path / "back.zip")
    with zipfile.ZipFile(back) as archive:
        shown = json.loads(archive.read("Journal.json"))["entries"]
    for key in ("location", "weather", "photos", "uuid", "creationDate", "tags", "starred"):
        assert shown[0][key] == DAY_ONE["entries"][0][key]
    with Reflekt.open("memory://") as other:
        assert other.import_file(back).added == 3
        again = sorted(other.entries.list(), key=lambda e: e.occurred_at)
    keep = ("id", "title", "content", "tags", "starred", "occurred_at", "time_zone", "extra")
    assert [[getattr(e, k) for k in keep] for e in again] == [
        [getattr(e, k) for k in keep] for e in entries
    ]


# jrnl

JRNL = """\
[2024-05-06 21:40] A day by the sea. *
We swam with @ana.

It rained, then.

[2024-05-07 07:00] Only one line about @work/mails and me@example.org
2024-05-08 09:15 As older versions wrote
it.
[not a date] goes on
"""


def test_jrnl(imported: Imported) -> None:
    """Times are those of the wall, stars and tags are found, and a bracket alone begins nothing."""
    report, (first, second, third) = imported(JRNL)
    assert (report.format, report.added, report.broken) == ("jrnl", 3, 0)
    assert (first.title, first.starred, first.tags) == ("A day by the sea.", True, ("ana",))
    assert first.content == "We swam with @ana.\n\nIt rained, then."
    assert first.occurred_at.isoformat() == "2024-05-06T21:40:00+03:00"
    assert second.title == ""
    assert second.content == "Only one line about @work/mails and me@example.org"
    assert second.tags == ("work/mails",)
    assert third.content == "it.\n[not a date] goes on"


def test_jrnl_in_other_dates(imported: Imported) -> None:
    """How dates are written can be said."""
    text = "[06/05/24 9h30] We swam.\n"
    with pytest.raises(MalformedInput, match="no format"):
        imported(text)
    report, (entry,) = imported(text, format="jrnl", date_format="%d/%m/%y %Hh%M")
    assert report.added == 1
    assert entry.occurred_at.isoformat() == "2024-05-06T09:30:00+03:00"
    with pytest.raises(InvalidInput, match="date_format"):
        imported(text, format="jrnl", date_format="%Q")


def test_jrnl_that_begins_with_something_else(imported: Imported) -> None:
    """Every line before the first date is named, and nothing else is lost."""
    report, (entry,) = imported("hello\n\n[2024-05-06 21:40] We swam.\n", format="jrnl")
    assert problems(report) == [("line 1", "stands before the first entry's date")]
    assert entry.content == "We swam."


def test_jrnl_comes_back(imported: Imported, tmp_path: Path) -> None:
    """Text, tags and stars do; what jrnl would take for another entry is moved in."""
    _, entries = imported(JRNL + "[2024-05-09 10:00] T\n [2024-01-01 10:00] not an entry\n")
    back = exported(entries, "jrnl", tmp_path / "back.txt")
    with Reflekt.open("memory://") as other:
        assert other.import_file(back).added == 4
        again = sorted(other.entries.list(), key=lambda e: e.occurred_at)
    assert [(e.title, e.content, e.tags, e.starred) for e in again] == [
        (e.title, e.content, e.tags, e.starred) for e in entries
    ]


def test_tags_that_no_word_names_follow_the_text(tmp_path: Path) -> None:
    """For jrnl knows no others."""
    with Reflekt.open("memory://") as reflekt:
        reflekt.entries.create("We swam with @ana.", tags=["ana", "sea", "two words"])
        reflekt.export_file(tmp_path / "out.txt", format="jrnl")
    text = (tmp_path / "out.txt").read_text("utf-8")
    assert text.endswith("We swam with @ana.\n@sea\n\n")


def test_jrnl_json(imported: Imported, tmp_path: Path) -> None:
    """The JSON export holds the same, and comes back with what it brought along."""
    entry = {
        "title": "A day by the sea.",
        "body": "We swam with @ana.",
        "date": "2024-05-06",
        "time": "21:40",
        "tags": ["@ana"],
        "starred": True,
        "mood_ring": "green",
    }
    bad = [{"date": "2024-05-06", "time": "21:40"}, {"title": "x", "date": "soon"}, 7]
    report, (first,) = imported(json.dumps({"tags": {"@ana": 1}, "entries": [entry, *bad]}))
    assert (report.format, report.added) == ("jrnl-json", 1)
    assert (first.title, first.tags, first.starred) == (entry["title"], ("ana",), True)
    assert first.occurred_at.isoformat() == "2024-05-06T21:40:00+03:00"
    assert problems(report) == [
        ("entry 2", "has no text"),
        ("entry 3", "date and time must be such as 2026-11-22 and 21:40"),
        ("entry 4", "must be an object"),
    ]
    back = exported([first], "jrnl-json", tmp_path / "back.json")
    shown = json.loads(back.read_text("utf-8"))["entries"][0]
    assert {key: shown[key] for key in entry} == entry


@pytest.mark.parametrize("text", ["[2024-05-06 21:40] caf\xe9".encode("latin-1"), b"\xff\xfe[\0"])
def test_another_encoding_is_refused(text: bytes, imported: Imported) -> None:
    """One line says that it must be UTF-8."""
    with pytest.raises(MalformedInput, match=r"UTF-8|no format"):
        imported(text)
    with pytest.raises(MalformedInput, match="UTF-8"):
        imported(text, format="jrnl")
