"""Journals of other programs: what survives, and what comes back."""

import contextlib
import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput, ReflektError
from reflekt_core.formats import FORMATS, open_format
from reflekt_core.formats.spreadsheet import CSVFormat
from reflekt_core.model.entries import Entry, fold_tag
from reflekt_core.model.settings_patch import PreferencesPatch
from reflekt_core.model.transfer import ExportRecord, ImportReport, ReadOptions
from reflekt_core.testing.entries import entries

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
    ((place, said),) = problems(imported(text)[0])
    assert (place, "say how" in said) == ("line 1", True)
    report, (entry,) = imported(text, date_format="%d/%m/%y %Hh%M")
    assert report.added == 1
    assert entry.occurred_at.isoformat() == "2024-05-06T09:30:00+03:00"
    report, (_, entry) = imported(
        "[2024-05-06 21:40 +0200] Late.\n", date_format="%Y-%m-%d %H:%M %z"
    )
    assert entry.occurred_at.isoformat() == "2024-05-06T22:40:00+03:00"
    for nonsense in ("%Q", "%H:%M", "%d.%m.", "\0", "\ud800"):
        with pytest.raises(InvalidInput, match="date_format"):
            imported(text, date_format=nonsense)


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


# Daylio

DAYLIO = """\
\ufefffull_date,date,weekday,time,mood,activities,scales,note_title,note
2024-05-06,May 6,Monday,21:40,rad,swimming | friends,,A day by the sea,"We swam.<br>Then it <b>rained</b> &amp; stopped.<ul><li>tea</li></ul>"
2024-05-07,May 7,Tuesday,9:15\u202fPM,Meh,work,Sleep: 3,,
2024-05-08,May 8,Wednesday,7:05 am,awful,,,,
2024-05-09,May 9,Thursday,soon,good,,,,
"""


def test_daylio(imported: Imported) -> None:
    """Moods become numbers, activities tags, and HTML text; both clocks are read."""
    report, (first, second, third) = imported(DAYLIO)
    assert (report.format, report.added) == ("daylio", 3)
    assert (first.mood, first.tags) == (5, ("swimming", "friends"))
    assert first.title == "A day by the sea"
    assert first.content == "We swam.\nThen it rained & stopped.\n- tea"
    assert first.occurred_at.isoformat() == "2024-05-06T21:40:00+03:00"
    assert (second.mood, second.content) == (3, "work")
    assert second.occurred_at.isoformat() == "2024-05-07T21:15:00+03:00"
    assert second.extra["daylio"] == {"scales": "Sleep: 3", "mood": "Meh"}
    assert (third.mood, third.content) == (1, "awful")
    assert problems(report) == [("line 5", "time must be such as 21:40 or 9:40 PM")]


def test_unknown_moods_are_asked_for(imported: Imported) -> None:
    """All of them at once, before anything is imported; then they mean what was said."""
    text = DAYLIO.replace("rad", "Fuzzy").replace("awful", "blue")
    with pytest.raises(InvalidInput) as caught:
        imported(text)
    assert [problem.path for problem in caught.value.problems] == ["moods.Fuzzy", "moods.blue"]
    report, entries = imported(text, moods={"fuzzy": 4, "Blue": 2})
    assert report.added == 3
    assert [entry.mood for entry in entries] == [4, 3, 2]


def test_daylio_comes_back(imported: Imported, tmp_path: Path) -> None:
    """Mood names do, too."""
    _, entries = imported(DAYLIO.replace("Meh", "Fuzzy"), moods={"Fuzzy": 3})
    back = exported(entries, "daylio", tmp_path / "back.csv")
    with Reflekt.open("memory://") as other:
        other.import_file(back, options=ReadOptions(moods={"Fuzzy": 3}))
        again = sorted(other.entries.list(), key=lambda e: e.occurred_at)
    kept = ("title", "content", "mood", "tags")
    assert [[getattr(e, k) for k in kept] for e in again] == [
        [getattr(e, k) for k in kept] for e in entries
    ]


# CSV


def test_csv(imported: Imported) -> None:
    """A date and a content are enough; other columns are kept."""
    text = (
        "Date,Content,Mood,Tags,Weather\n"
        '2024-05-06,"We swam,\nthen ate.",4,sea | two words,sun\n'
        "2024-05-07T08:00:00+02:00,Rain.,,,\n"
        "2024-05-08,Bad mood.,9,,\n"
        "2024-05-09,Worse mood.,low,,\n"
        ",No date.,,,\n"
        "06.05.2024,Another date.,,,\n"
        "2024-05-06,,,,\n"
    )
    report, (first, second) = imported(text)
    assert (report.format, report.added, report.broken) == ("csv", 2, 5)
    assert (first.content, first.mood, first.tags) == (
        "We swam,\nthen ate.",
        4,
        ("sea", "two words"),
    )
    assert first.extra["csv"] == {"weather": "sun"}
    assert first.occurred_at.isoformat() == "2024-05-06T12:00:00+03:00"
    assert second.occurred_at.isoformat() == "2024-05-07T09:00:00+03:00"
    assert [place for place, _ in problems(report)] == [f"line {n}" for n in (5, 6, 7, 8, 9)]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("7,2024-05-06,x,,", "id must be a UUID"),
        (",2024-05-06,x,maybe,", "starred must be true or false"),
        (",2024-05-06,x,,nowhere", "time_zone: must be an IANA time zone"),
    ],
)
def test_csv_that_is_wrong(row: str, said: str, imported: Imported) -> None:
    """Each row says what is wrong with it."""
    report, _ = imported(f"id,date,content,starred,time_zone\n{row}\n")
    assert problems(report)[0][0] == "line 2"
    assert problems(report)[0][1].startswith(said)


def test_a_huge_field_is_refused(imported: Imported) -> None:
    """It is not read into an entry; the message says where and how much may be."""
    with pytest.raises(MalformedInput, match=r"line 3.*1,000,000 characters"):
        imported(f"date,content\n2024-05-06,x\n2024-05-07,{'x' * 1_200_000}\n")


# Markdown

NOTE = """\
---
title: A day by the sea
date: 2024-05-06T21:40:00+02:00
tags: [sea, "#Ana"]
mood: 4
category: Travel
starred: true
weather: {sky: clear, at: 2024-05-06}
---

We swam. #summer/2024 and `#code` and http://x.org/#anchor and #7

```
#nothing
```
"""


def test_markdown_with_front_matter(imported: Imported) -> None:
    """A file is an entry; words after # are tags, but not in code, addresses or as numbers."""
    report, (entry,) = imported(NOTE)
    assert (report.format, report.added) == ("markdown", 1)
    assert (entry.title, entry.mood, entry.starred) == ("A day by the sea", 4, True)
    assert entry.tags == ("sea", "Ana", "summer/2024")
    assert entry.category_id is not None
    assert entry.occurred_at.isoformat() == "2024-05-06T22:40:00+03:00"
    assert entry.extra["markdown"] == {"weather": {"sky": "clear", "at": "2024-05-06"}}
    assert entry.content.startswith("We swam. #summer/2024")
    assert entry.content.endswith("#nothing\n```")


def vault(path: Path, **notes: str) -> Path:
    """Make a folder of notes."""
    path.mkdir()
    for name, text in notes.items():
        file = path / name.replace("__", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    return path


def test_a_vault(imported: Imported, tmp_path: Path) -> None:
    """Names say dates and titles, attachments are left alone, and a note without a date is named."""
    folder = vault(
        tmp_path / "vault",
        **{
            "daily__2024-05-06.md": "We swam.",
            "2024-05-07 0815 A walk.md": "Rain.",
            "2024-05-08.md": "# Slow Wednesday\n\nBread.",
            "2024-05-09.md": "---\r\ndate: 2024-05-10 08:00\r\n---\r\nWindows.\r\n",
            "ideas.md": "No date at all.",
            "2024-05-11.md": "---\na: &x [1]\nb: *x\n---\nRefers.",
            "2024-05-12.md": "---\nmood: great\n---\nGreat.",
            "2024-05-13.md": "---\n: : :\n  - [\n---\nNo YAML.",
            "2024-05-14.md": "---\n- 1\n---\nA list.",
            "2024-05-15.md": "",
            "picture.png": "\x00",
        },
    )
    report, entries = imported(folder)
    assert (report.format, report.added, report.broken) == ("markdown", 4, 6)
    assert [(e.title, e.content, f"{e.occurred_at:%m-%d %H:%M}") for e in entries] == [
        ("", "We swam.", "05-06 12:00"),
        ("A walk", "Rain.", "05-07 08:15"),
        ("Slow Wednesday", "Bread.", "05-08 12:00"),
        ("", "Windows.", "05-10 08:00"),
    ]
    said = dict(problems(report))
    assert "no date" in said["ideas.md"]
    assert "references" in said["2024-05-11.md"]
    assert "mood" in said["2024-05-12.md"]
    assert "not YAML" in said["2024-05-13.md"]
    assert "names with values" in said["2024-05-14.md"]
    assert "empty" in said["2024-05-15.md"]
    assert imported(folder)[0].added == 0


# What each format carries

DOCUMENT = Path(__file__).parent.parent / "docs" / "reference" / "formats.md"
CARRIED = {
    "csv": "id title content mood category tags starred time zone created updated",
    "dayone": "id title content tags starred time zone updated extra",
    "daylio": "title content mood tags minute",
    "json": "id title content mood category tags starred time zone created updated extra",
    "jrnl": "text tags starred minute",
    "jrnl-json": "id title content tags starred minute extra",
    "markdown": "id title content mood category tags starred time zone created updated extra",
    "ndjson": "id title content mood category tags starred time zone created updated extra",
}
SHOW: dict[str, Callable[[Entry], Any]] = {
    "id": lambda e: e.id,
    "title": lambda e: e.title,
    "content": lambda e: e.content,
    "text": lambda e: "\n".join(map(str.rstrip, f"{e.title}\n{e.content}".split("\n"))).strip(),
    "mood": lambda e: e.mood,
    "tags": lambda e: {fold_tag(tag) for tag in e.tags},
    "starred": lambda e: e.starred,
    "time": lambda e: e.occurred_at.replace(microsecond=0),
    "minute": lambda e: f"{e.occurred_at:%Y-%m-%d %H:%M}",
    "zone": lambda e: e.time_zone,
    "created": lambda e: e.created_at,
    "updated": lambda e: e.updated_at.replace(microsecond=0),
    "extra": lambda e: e.extra,
}
WORDS = st.text(st.sampled_from("ab #@*-\\|,;\"'`\n.é日🌊[]<>&:"), min_size=1, max_size=30)


def plain(words: str) -> bool:
    """Tell whether *words* say the same with or without the space around them."""
    return bool(words.strip()) and words == words.strip()


@st.composite
def writable(draw: st.DrawFn) -> Entry:
    """Make entries of such signs as files have a meaning for."""
    entry = draw(entries())
    tags = draw(st.lists(st.sampled_from(["sea", "Ana", "日本"]), max_size=2, unique=True))
    return attrs.evolve(
        entry,
        title=draw(st.just("") | WORDS.filter(plain).map(lambda w: " ".join(w.split()))),
        content=draw(WORDS.filter(plain)),
        tags=tuple(tags),
        trashed_at=None,
        category_id=None,
    )


def fits(entry: Entry, name: str) -> bool:
    """Tell whether the format can tell this text from another one."""
    text = f"{entry.title}\n{entry.content}"
    match name:
        case "jrnl":  # every @word is a tag, a star ends a first line, empty lines part nothing
            return not entry.tags and not set("@*") & set(text) and "\n\n" not in text
        case "dayone":  # a first heading is the title
            return not re.match(r"#{1,6}[ \t]", entry.content) and entry.content.strip() != ""
        case "markdown":
            return "#" not in entry.content
        case "daylio":  # names of moods are given
            return entry.mood is not None and "- " not in text
    return True


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(data=st.data())
def test_what_a_format_carries_comes_back(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Export, then import, is the identity on all that the format has a place for."""
    made = data.draw(st.lists(writable().filter(lambda e: fits(e, name)), max_size=3))
    (tmp_path / "out").unlink(missing_ok=True)
    exported(made, name, tmp_path / "out")
    with Reflekt.open("memory://") as other:
        report = other.import_file(tmp_path / "out", format=name)
        assert not report.broken, report
        got = other.entries.list(limit=100)
    carried = [what for what in CARRIED[name].split() if what != "category"]

    def shown(found: Iterable[Entry]) -> list[str]:
        return sorted(repr([SHOW[what](entry) for what in carried]) for entry in found)

    assert shown(got) == shown(made)


def test_categories_come_back(tmp_path: Path) -> None:
    """By name, where the format has a place for them."""
    for name, carried in CARRIED.items():
        with Reflekt.open("memory://") as one, Reflekt.open("memory://") as other:
            travel = one.categories.create("Travel")
            one.entries.create("We swam.", category_id=travel.id, mood=3)
            one.export_file(tmp_path / f"out.{name}", format=name)
            other.import_file(tmp_path / f"out.{name}", format=name)
            found = [category.name for category in other.categories.list()]
            assert found == (["Travel"] if "category" in carried.split() else [])


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_only_what_has_a_place_is_made(name: str, tmp_path: Path) -> None:
    """A format that holds entries alone waits for no insight into them."""
    with Reflekt.open("memory://") as reflekt:
        reflekt.entries.delete(reflekt.entries.create("It rained.").id)
        reflekt.entries.create("We swam.")
        pending = reflekt.store.outbox.backlog()
        reflekt.export_file(tmp_path / "out", format=name)
        left = reflekt.store.outbox.backlog()
        assert pending > 0
        assert left == (0 if open_format(name).holds_all else pending)


class Kinds(CSVFormat):
    """Writes what kinds of records it is given."""

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        target.write(" ".join(record.kind for record in records).encode())


def test_insights_are_not_read_for_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A format that holds entries alone is given none, also where they are there."""
    monkeypatch.setitem(FORMATS, "kinds", f"{__name__}:Kinds")
    with Reflekt.open("memory://") as reflekt:
        reflekt.entries.create("We swam.", category_id=reflekt.categories.create("Sea").id)
        reflekt.drain()
        assert reflekt.export_file(tmp_path / "out", format="kinds") == 1
    assert (tmp_path / "out").read_text("utf-8") == "category entry"


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=60)
@given(data=st.data())
def test_damaged_files_are_refused_in_words(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """Whatever bytes are changed, it is imported, reported, or refused; nothing else happens."""
    with Reflekt.open("memory://") as one:
        one.entries.create("We swam.\n\nIt rained.", title="T", mood=3, tags=["sea"], starred=True)
        (tmp_path / "out").unlink(missing_ok=True)
        one.export_file(tmp_path / "out", format=name)
    damaged = bytearray((tmp_path / "out").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 9999)) * len(damaged) // 10_000
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    (tmp_path / "out").write_bytes(damaged)
    with Reflekt.open("memory://") as other, contextlib.suppress(ReflektError):
        other.import_file(tmp_path / "out", format=name)


def test_the_documentation_says_what_each_format_carries() -> None:
    """Its table is what the laws above hold the formats to."""
    rows = re.findall(r"^\| `([\w-]+)` \|.*\|([^|]+)\|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert {name: carried.strip().replace(",", "") for name, carried in rows} == CARRIED
