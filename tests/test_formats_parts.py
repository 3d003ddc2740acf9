"""Folders and archives that hold more than one journal."""

import json
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.formats import parts
from reflekt_core.formats.csv_rows import columns_needed
from reflekt_core.formats.parts import MOST_LEFT
from reflekt_core.formats.sources import opened
from reflekt_core.model.transfer import Broken, ReadOptions

from .test_formats_archives import journal_json

DAYLIO = "full_date,date,weekday,time,mood,activities,note\n2024-05-06,,,21:40,{mood},sea,{note}\n"
NOTE = "---\ndate: 2024-05-06\n---\n\nWe swam.\n"
FILES: dict[str, str | bytes] = {
    "moods.csv": DAYLIO.format(mood="rad", note="We swam."),
    "table.csv": "date,content\n2024-05-06,Rain.\n",
    "diary.txt": "[2024-05-06 21:40] A day.\n",
    "photo.png": b"\x89PNG\r\n\0\0",
    "words.txt": "Nothing but words.\n",
    "old.zip": b"PK\x03\x04 and more",
    "text.docx": b"PK\x03\x04 and more",
    "front": NOTE,
    "bytes": b"---\n\0",
}
ALONE = "holds a journal of the format {}: import it by itself"
BESIDE = "files beside that hold no journal, passed over"


@pytest.fixture
def journal() -> Iterator[Reflekt]:
    """An empty journal."""
    with Reflekt.open("memory://") as reflekt:
        yield reflekt


@pytest.fixture(params=["folder", "archive"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Make a folder, or an archive, of these files."""

    def make(files: dict[str, Any]) -> Path:
        if request.param == "folder":
            for name, content in files.items():
                path = tmp_path / "in" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())
            return tmp_path / "in"
        with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return tmp_path / "in.zip"

    return make


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("dayone", {"Journal.json": journal_json("Swam."), "photos/AB.png": b"\x89PNG\0"}),
        ("markdown", {"2024/2024-05-06.md": "Swam."}),
    ],
)
def test_what_is_left_is_named(
    name: str, files: dict[str, Any], journal: Reflekt, made: Any
) -> None:
    """With the reason; files that hold no journal are counted, media of the journal are not."""
    path = made({**files, **FILES})
    report = journal.import_file(path)
    assert (report.format, report.added, report.broken) == (name, 1, 0)
    assert report.left == 5
    assert report.left_files == (
        Broken("diary.txt", ALONE.format("jrnl")),
        Broken("front", ALONE.format("markdown")),
        Broken("moods.csv", ALONE.format("daylio")),
        Broken("old.zip", "is an archive: import it by itself"),
        Broken("table.csv", ALONE.format("csv")),
    )
    assert report.notes == {BESIDE: 4}
    assert journal.import_file(path, dry_run=True).left == 5
    assert journal.import_file(path, format=name).left == 5


def test_strict_leaves_nothing(journal: Reflekt, made: Any) -> None:
    """It stops before anything is taken over; files that hold no journal do not matter."""
    files = {"2024-05-06.md": "Swam.", "photo.png": FILES["photo.png"]}
    with pytest.raises(InvalidInput) as caught:
        journal.import_file(made({**files, "moods.csv": FILES["moods.csv"]}), strict=True)
    assert [problem.path for problem in caught.value.problems] == ["moods.csv"]
    assert list(journal.entries.list()) == []


def test_strict_does_not_mind_what_is_no_journal(journal: Reflekt, made: Any) -> None:
    """A vault has pictures."""
    path = made({"2024-05-06.md": "Swam.", "photo.png": FILES["photo.png"]})
    assert journal.import_file(path, strict=True).added == 1


def test_only_a_few_are_named(journal: Reflekt, made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that were looked at are counted, and the others are said not to have been."""
    monkeypatch.setattr(parts, "MOST_LOOKED_AT", 7)
    files = {f"{number}.txt": FILES["diary.txt"] for number in range(9)}
    report = journal.import_file(made({"2024-05-06.md": "Swam.", **files}))
    assert (report.left, len(report.left_files)) == (7, MOST_LEFT)
    assert report.notes == {"more files beside, passed over without a look": 2}


SEVERAL = {
    "csv": ["date,content\n2024-05-06,Swam.\n", "date,content\n2024-05-07,Rain.\nsoon,Sun.\n"],
    "daylio": [
        DAYLIO.format(mood="rad", note="Swam."),
        DAYLIO.format(mood="meh", note="Rain.") + "soon,,,21:40,bad,,\n",
    ],
    "jrnl": ["[2024-05-06 21:40] Swam.\n", "[2024-05-07 21:40] Rain.\n[2024-05-08 21:40] \n"],
}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_exports_are_one_journal(name: str, journal: Reflekt, made: Any) -> None:
    """All of one format are taken over, once, and a broken record is named with its file."""
    one, two = SEVERAL[name]
    path = made({"a.dat": one, "again.dat": one, "b.dat": two, "words.txt": "Words."})
    report = journal.import_file(path)
    assert (report.format, report.added, report.present, report.broken) == (name, 2, 1, 1)
    (problem,) = report.problems
    assert problem.place.startswith("b.dat, line ")
    assert (report.left, report.notes) == (0, {BESIDE: 1})
    again = journal.import_file(path)
    assert (again.added, again.present) == (0, 3)


def test_several_exports_of_reflekt(journal: Reflekt, made: Any, tmp_path: Path) -> None:
    """One format is taken, the surest; the others are left."""
    with Reflekt.open("memory://") as other:
        other.entries.create("Swam.")
        for name in ("ndjson", "json", "csv"):
            other.export_file(tmp_path / name, format=name)
    files = {name: (tmp_path / name).read_bytes() for name in ("ndjson", "json", "csv")}
    report = journal.import_file(made(files))
    assert (report.format, report.added, report.left) == ("json", 2, 2)
    assert report.left_files[0] == Broken("csv", ALONE.format("csv"))


@pytest.mark.parametrize("name", ["csv", "daylio", "jrnl"])
def test_overlapping_exports_are_one(name: str, journal: Reflekt, made: Any) -> None:
    """Also if their format is said: what both hold is one entry."""
    one, _ = SEVERAL[name]
    report = journal.import_file(made({"a.dat": one, "b.dat": one}), format=name)
    assert (report.added, report.present) == (1, 1)


def test_nothing_that_is_known(journal: Reflekt, made: Any) -> None:
    """It is refused as a whole."""
    with pytest.raises(MalformedInput, match="no format known here"):
        journal.import_file(made({"a.txt": "Words.", "b.png": FILES["photo.png"]}))


def test_what_is_only_looked_at_costs_nothing(journal: Reflekt, tmp_path: Path) -> None:
    """However small it is packed: the journal beside is read as if it were alone."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("Journal.json", journal_json("Swam."))
        for number in range(200):
            archive.writestr(f"{number}.json", b"[" + b" " * 1_100_000 + b"]")
    report = journal.import_file(tmp_path / "a.zip")
    assert (report.added, report.notes) == (1, {BESIDE: 200})


def link(name: str) -> zipfile.ZipInfo:
    """Return a member that is a link."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def test_links_are_left_and_named(journal: Reflekt, tmp_path: Path) -> None:
    """In an archive and in a folder; hidden ones are not even named."""
    (tmp_path / "secret.md").write_text("Elsewhere.", "utf-8")
    folder = tmp_path / "vault"
    folder.mkdir()
    (folder / "2024-05-06.md").write_text("Swam.", "utf-8")
    (folder / "a.md").symlink_to(tmp_path / "secret.md")
    (folder / "b").symlink_to(tmp_path)
    (folder / ".c").symlink_to(tmp_path)
    with zipfile.ZipFile(tmp_path / "vault.zip", "w") as archive:
        archive.writestr("2024-05-06.md", "Swam.")
        for name in ("a.md", "b", ".c"):
            archive.writestr(link(name), "../secret.md")
    for path, present in ((folder, 0), (tmp_path / "vault.zip", 1)):
        report = journal.import_file(path)
        assert (report.added, report.present, report.broken) == (1 - present, present, 0)
        assert report.left_files == tuple(
            Broken(name, "is a link, and none is followed") for name in ("a.md", "b")
        )
        with pytest.raises(InvalidInput, match="link"):
            journal.import_file(path, strict=True)


@pytest.mark.parametrize(
    ("name", "header", "lacks"),
    [
        ("a.csv", "Day,Text", "content and date"),
        ("a.tsv", "Date\tText", "content"),
        ("a.csv", "Journal", "content and date"),
        ("table", "content;mood", "date"),
    ],
)
def test_a_table_without_its_columns(
    name: str, header: str, lacks: str, journal: Reflekt, tmp_path: Path
) -> None:
    """It is said which it needs, and which it lacks, but not what it has."""
    (tmp_path / name).write_text(f"{header}\n1,2\n", "utf-8")
    with pytest.raises(MalformedInput) as caught:
        journal.import_file(tmp_path / name)
    said = str(caught.value)
    assert (
        "content and date (or all of Daylio's: activities, full_date, mood, note and time)" in said
    )
    assert f"it lacks {lacks}." in said
    assert "Text" not in said


def test_a_table_with_its_columns_needs_none(tmp_path: Path) -> None:
    """Nothing is said of it."""
    (tmp_path / "a.csv").write_text("content,date\n", "utf-8")
    with opened(tmp_path / "a.csv") as source:
        assert columns_needed(source.files[0]) is None


@pytest.mark.parametrize("text", ["Dear diary, today, content.\n", "date\n", ""])
def test_a_text_is_no_table(text: str, journal: Reflekt, tmp_path: Path) -> None:
    """Commas alone make none."""
    (tmp_path / "a.txt").write_text(text, "utf-8")
    with pytest.raises(MalformedInput, match=r"no format known|is empty"):
        journal.import_file(tmp_path / "a.txt")


# What a format cannot know


FUZZY = DAYLIO.format(mood="fuzzy", note="Swam.")


def there_and_back(journal: Reflekt, tmp_path: Path, name: str = "back.csv") -> tuple[Any, ...]:
    """Return the moods of *journal* after its export to Daylio was taken over elsewhere."""
    journal.export_file(tmp_path / name, format="daylio")
    with Reflekt.open("memory://") as other:
        other.import_file(tmp_path / name)
        return tuple(entry.mood for entry in other.entries.list())


def test_an_export_says_what_moods_mean(journal: Reflekt, tmp_path: Path) -> None:
    """Names of one's own come back without being asked for."""
    (tmp_path / "in.csv").write_text(FUZZY, "utf-8")
    journal.import_file(tmp_path / "in.csv", options=ReadOptions(moods={"Fuzzy": 4}))
    assert there_and_back(journal, tmp_path) == (4,)
    assert ",fuzzy,sea,,Swam.,4" in (tmp_path / "back.csv").read_text("utf-8")


@pytest.mark.parametrize(("mood", "name"), [(2, "bad"), (None, "")])
@pytest.mark.parametrize("was", ["fuzzy", "rad"])
def test_a_mood_that_was_changed_since(
    was: str, mood: int | None, name: str, journal: Reflekt, tmp_path: Path
) -> None:
    """It is exported as it is now, under the name of that."""
    (tmp_path / "in.csv").write_text(DAYLIO.format(mood=was, note="Swam."), "utf-8")
    journal.import_file(tmp_path / "in.csv", options=ReadOptions(moods={"fuzzy": 4}))
    (entry,) = journal.entries.list()
    journal.entries.update(entry.id, mood=mood)
    assert there_and_back(journal, tmp_path) == (mood,)
    assert f",{name},sea,,Swam.,{mood or ''}\n" in (tmp_path / "back.csv").read_text("utf-8")


@pytest.mark.parametrize("value", ["0", "6", "4.0", "four"])
def test_a_mood_that_is_none(value: str, journal: Reflekt, tmp_path: Path) -> None:
    """The row is broken, not the file."""
    rows = FUZZY.replace("note\n", "note,mood_value\n").replace("Swam.", f"Swam.,{value}")
    (tmp_path / "in.csv").write_text(rows, "utf-8")
    report = journal.import_file(tmp_path / "in.csv")
    assert report.problems == (Broken("line 2", "mood_value must be a number from 1 to 5"),)


def test_a_long_field_takes_no_other_with_it(journal: Reflekt, tmp_path: Path) -> None:
    """Of fields that no entry can keep, the names of photos stay, and all that fits; each is counted."""
    rich = {"contents": [{"text": "Swam. ", "attributes": {"odd": "x" * 200}}] * 600}
    more = {
        "photos": [{"md5": "AB"}],
        "weather": ["y" * 90_000],
        "odd": "z" * 20_000,
        "duration": 7,
    }
    (tmp_path / "in.json").write_text(journal_json("", richText=json.dumps(rich), **more), "utf-8")
    report = journal.import_file(tmp_path / "in.json")
    (entry,) = journal.entries.list()
    assert entry.content.startswith("Swam. Swam.")
    assert list(entry.extra["dayone"]) == ["photos", "odd", "duration"]
    assert report.notes == {"other fields of more than 100 KB, left out": 2}
