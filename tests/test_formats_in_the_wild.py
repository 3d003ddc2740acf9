"""Journals as they really are: from spreadsheets, telephones and vaults, in part broken."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import unfit
from reflekt_core.testing.fakes import an_entry

from .test_formats_others import Imported, exported, imported, problems

__all__ = ["imported"]  # a fixture

DAYLIO = "full_date,date,weekday,time,mood,activities,note_title,note\n"
ROW = '2024-05-06,May 6,Monday,21:40,good,"sea | sun",T,Swam\n'


def through(made: Sequence[Entry], name: str, path: Path) -> list[Entry]:
    """Return what comes of *made*, exported and imported again."""
    exported(made, name, path)
    with Reflekt.open("memory://") as reflekt:
        assert not reflekt.import_file(path, format=name).broken
        return list(reflekt.entries.list(limit=100))


# Tables


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["", "\n", "sep=;\r\n\n"])
def test_what_stands_between_fields_is_found(between: str, above: str, imported: Imported) -> None:
    """Spreadsheets write what their country is used to, and may announce it."""
    report, (entry,) = imported(f"{above}date,content\n2024-05-06,Swam\n".replace(",", between))
    assert (report.format, entry.content) == ("csv", "Swam")
    report, _ = imported(f"{above}{DAYLIO}{ROW}".replace(",", between))
    assert (report.format, report.added) == ("daylio", 1)
    report, _ = imported(f"{above}date,content\nbad,Swam\n".replace(",", between))
    assert problems(report)[0][0] == f"line {above.count(chr(10)) + 2}"


def test_a_broken_row_costs_no_other(imported: Imported) -> None:
    """It is named by the line where it begins, and the next one is read."""
    lines = ["date,content", '2024-05-06,"a', "b", 'c"', '2024-05-07,"x"y', "2024-05-08,d", "bad,e"]
    report, entries = imported("\n".join([*lines, '2024-05-09,"f', "2024-05-10,g"]))
    assert [entry.content for entry in entries] == ["a\nb\nc", "d"]
    places = [(place, said.split(" must")[0]) for place, said in problems(report)]
    broken = "is not CSV: a quotation mark is missing, or is not doubled"
    assert places == [("line 5", broken), ("line 7", "date"), ("line 8", broken)]
    report, _ = imported(f'{DAYLIO}{ROW}2024-05-06,,,21:40,good,,,"open\n')
    assert problems(report) == [("line 3", broken)]


@pytest.mark.parametrize("name", ["csv", "daylio"])
def test_a_table_needs_its_columns(name: str, imported: Imported) -> None:
    """Whoever names the format hears which are missing."""
    with pytest.raises(MalformedInput, match=r"must have columns.*: .*(content|full_date)"):
        imported("Date,Entry\n2024-05-06,Swam\n", format=name)


@pytest.mark.parametrize(
    ("day", "how", "at"),
    [
        ("06.05.2024", "%d.%m.%Y", "12:00"),
        ("5/6/2024", "%m/%d/%Y", "12:00"),
        ("5/6/24 9:40 PM", "%m/%d/%y %I:%M %p", "21:40"),
        ("5/6/2024 0:00", "%m/%d/%Y %H:%M", "00:00"),
    ],
)
def test_dates_as_spreadsheets_leave_them(day: str, how: str, at: str, imported: Imported) -> None:
    """Whoever saved the table in one says how they are written; else the message asks for that."""
    table = f"date,content\n{day},Swam\n"
    _, (entry,) = imported(table, date_format=how)
    assert f"{entry.occurred_at:%Y-%m-%d %H:%M}" == f"2024-05-06 {at}"
    _, (_, entry) = imported(f"{DAYLIO}{ROW}".replace("2024-05-06", day), date_format=how)
    assert f"{entry.occurred_at:%Y-%m-%d %H:%M}" == "2024-05-06 21:40"
    for text in (table, f"{DAYLIO}{ROW}".replace("2024-05-06", day)):
        report, _ = imported(text)
        assert "give a date format, such as %m/%d/%Y" in problems(report)[0][1]
    with pytest.raises(InvalidInput, match="date_format"):
        imported(table, date_format="%d.%m.")


def test_a_row_may_end_early(imported: Imported) -> None:
    """What it lacks is named."""
    report, _ = imported("content,date\nSwam\n")
    assert problems(report) == [("line 2", "date is missing")]


def test_a_line_without_end_is_not_read(imported: Imported) -> None:
    """Not even to find where it ends."""
    with pytest.raises(MalformedInput, match=r"line 2.*1,000,000 characters"):
        imported("date,content\n" + "x," * 3_000_000)


def test_tags_may_hold_what_parts_them(tmp_path: Path) -> None:
    """A table keeps every tag as it is."""
    entry = an_entry("Swam.", tags=("a | b", "c|d", "|", "e\\", "f\\|g", "h"))
    assert through([entry], "csv", tmp_path / "out")[0].tags == entry.tags


def test_moods_of_tables_with_gaps(imported: Imported) -> None:
    """A column with gaps is one of fractions to many a program."""
    report, entries = imported(
        "date,content,mood\n2024-05-06,a,3.0\n2024-05-07,b,\n2024-05-08,c,3.5\n"
    )
    assert [entry.mood for entry in entries] == [3, None]
    assert problems(report) == [("line 4", "mood must be a number from 1 to 5")]


# Daylio


@pytest.mark.parametrize(
    ("clock", "hour"),
    [
        ("21:40", 21),
        ("21.40", 21),
        ("09:40 p. m.", 21),
        ("9:40\u202fPM", 21),
        ("12:40 AM", 0),
        ("12:40pm", 12),
        ("下午9:40", 21),
        ("오전 9:40", 9),
    ],
)
def test_the_clocks_of_telephones(clock: str, hour: int, imported: Imported) -> None:
    """Of twelve hours and of twenty-four, with points and colons."""
    _, (entry,) = imported(DAYLIO + ROW.replace("21:40", clock))
    assert (entry.occurred_at.hour, entry.occurred_at.minute) == (hour, 40)


@pytest.mark.parametrize("clock", ["", "24:40", "0:40 PM", "13:40 PM", "9:60", "evening"])
def test_no_clock(clock: str, imported: Imported) -> None:
    """What no clock shows is no time."""
    report, _ = imported(DAYLIO + ROW.replace("21:40", clock))
    assert problems(report)[0][1].startswith("time must be such as")


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ("a<div>b</div><div>c</div>", "a\nb\nc"),
        ("a<div><br></div><div>b</div>", "a\n\nb"),
        ("<p>a</p><p>b</p>", "a\nb"),
        ("a<ul><li>b</li><li>c</li></ul>d", "a\n- b\n- c\nd"),
        ("a<br><br/>b &lt;3 <b>c</b>", "a\n\nb <3 c"),
    ],
)
def test_notes_are_html(note: str, text: str, imported: Imported) -> None:
    """Lines stay lines: no words grow together."""
    _, (entry,) = imported(f'{DAYLIO}2024-05-06,,,21:40,good,,,"{note}"\n')
    assert entry.content == text


# Markdown


def note(matter: str, text: str = "Swam.") -> str:
    """Return a note with front matter."""
    return f"---\n{matter}\n---\n{text}\n"


@pytest.mark.parametrize(
    "value",
    [
        "!!timestamp sea",
        "!!bool sea",
        "!!int ''",
        "!!int sea",
        "!!float sea",
        "2024-99-99",
        "9" * 5000,
    ],
)
def test_values_that_are_not_what_they_say(value: str, imported: Imported) -> None:
    """One note is broken, and the message quotes nothing of it."""
    report, _ = imported(note(f"date: 2024-05-06\na: {value}"))
    assert [said for _, said in problems(report)] == ["the front matter is not YAML"]


def test_front_matter_in_layers(imported: Imported) -> None:
    """More than a reader can follow is refused, one note at a time."""
    report, _ = imported(note(f"date: 2024-05-06\na: {'[' * 9000}{']' * 9000}"))
    assert [said for _, said in problems(report)] == ["the front matter is nested too deeply"]


@pytest.mark.parametrize("day", ["2024-05-06", "'2024-05-06'"])
def test_a_day_is_its_noon(day: str, imported: Imported) -> None:
    """Whether it stands in quotation marks or not."""
    _, (entry,) = imported(
        note(f"date: {day}\nmood: '4'\nstarred: 'true'\ntags: [1, a, null, [b]]")
    )
    assert entry.occurred_at.isoformat() == "2024-05-06T12:00:00+03:00"
    assert (entry.mood, entry.starred, entry.tags) == (4, True, ("1", "a"))


@pytest.mark.parametrize(
    ("name", "time", "title"),
    [
        ("2024_05_06", "12:00:00", ""),
        ("2024.05.06 Sea", "12:00:00", "Sea"),
        ("20240506214005", "21:40:05", ""),
        ("202405062140 Sea", "21:40:00", "Sea"),
        ("2024-05-06, Monday", "12:00:00", "Monday"),
        ("2024-05-06 2500 words", "12:00:00", "2500 words"),
    ],
)
def test_names_of_notes(
    name: str, time: str, title: str, imported: Imported, tmp_path: Path
) -> None:
    """Days, and times, as the programs that make such notes write them."""
    (tmp_path / f"{name}.md").write_text("Swam.", "utf-8")
    _, (entry,) = imported(tmp_path / f"{name}.md")
    assert entry.occurred_at.isoformat() == f"2024-05-06T{time}+03:00"
    assert entry.title == title


def test_two_vaults_have_notes_of_one_name(imported: Imported, tmp_path: Path) -> None:
    """Both are taken over, once: also as an archive, and from another place."""
    for vault in ("home", "work"):
        (tmp_path / vault / "daily").mkdir(parents=True)
        (tmp_path / vault / "daily" / "2024-05-06.md").write_text(f"Swam at {vault}.", "utf-8")
        (tmp_path / vault / "2024-05-07.md").write_text("Nothing.", "utf-8")
    assert imported(tmp_path / "home")[0].added == 2
    assert imported(tmp_path / "work")[0].added == 1
    with zipfile.ZipFile(tmp_path / "home.zip", "w") as archive:
        archive.write(tmp_path / "home" / "daily" / "2024-05-06.md", "home/daily/2024-05-06.md")
        archive.writestr("home/.trash/2024-05-08.md", "Thrown away.")
        archive.writestr("__MACOSX/home/2024-05-09.md", "\0")
    report, entries = imported(tmp_path / "home.zip")
    assert (report.read, report.present, len(entries)) == (1, 1, 3)


def test_a_link_in_a_vault_is_no_second_note(imported: Imported, tmp_path: Path) -> None:
    """What it leads to is read where it is."""
    (tmp_path / "vault").mkdir()
    (tmp_path / "vault" / "2024-05-06.md").write_text("Swam.", "utf-8")
    (tmp_path / "vault" / "2024-05-07.md").symlink_to("2024-05-06.md")
    assert imported(tmp_path / "vault")[0].added == 1


def test_code_has_no_tags(imported: Imported) -> None:
    """However it is fenced, and if the fence is never closed."""
    text = "- a\n  ```c\n  #in\n  ```\n````\n```\n#in\n```\n````\n#out\n\n~~~\n#in"
    _, (entry,) = imported(note("date: 2024-05-06", text))
    assert entry.tags == ("out",)


def test_tags_that_begin_with_their_sign(tmp_path: Path) -> None:
    """They come back with it."""
    entry = an_entry("Swam.", tags=("#sea", "##", "sun"))
    assert through([entry], "markdown", tmp_path / "out")[0].tags == entry.tags


def test_a_heading_of_spaces_takes_no_time(imported: Imported) -> None:
    """A long line is read once."""
    text = f"# {' ' * 90_000}\nSwam."
    _, (entry,) = imported(note("date: 2024-05-06", text))
    assert entry.content == text


def test_a_folder_without_notes(imported: Imported, tmp_path: Path) -> None:
    """Nothing taken over is said, not shown as success."""
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "folder" / name).write_text("Swam.", "utf-8")
    with pytest.raises(MalformedInput, match="no Markdown"):
        imported(tmp_path / "folder", format="markdown")


# jrnl


def test_an_entry_without_end_is_not_cut(imported: Imported) -> None:
    """It is broken as a whole; a line of it that was cut begins none."""
    head = "[2024-05-06 21:40]"
    report, (entry,) = imported(
        f"{head} Long.\n{'x' * 1_000_001}{head} Not one.\n\n[2024-05-07 21:40] Swam.\n"
    )
    assert entry.content == "Swam."
    assert problems(report) == [("line 1", "has more than 1,000,000 characters")]


@pytest.mark.parametrize("field", ["title", "body"])
def test_texts_that_are_none(field: str, imported: Imported) -> None:
    """Lists and numbers are no text."""
    entry = {"title": "T", "body": "b", "date": "2024-05-06", "tags": ["@sea", None, 7]}
    report, (got,) = imported(json.dumps({"tags": {}, "entries": [entry, entry | {field: ["x"]}]}))
    assert got.tags == ("sea",)
    assert problems(report) == [("entry 2", "title and body must be strings")]


# Reflekt's own


def record(**fields: Any) -> dict[str, Any]:
    """Return a record of an export with *fields* changed."""
    entry = an_entry("Swam.")
    with Reflekt.open("memory://") as reflekt:
        reflekt.store.entries.add(reflekt.store.accounts.get("me"), [entry])
        value = reflekt.account.export().items[0].value
    return {"kind": "entry", "value": {**value, **fields}}


@pytest.mark.parametrize(
    "fields",
    [
        {"extra": {"a": float("nan")}},
        {"extra": {"a": [float("inf")]}},
        {"extra": {"a": "\ud83d"}},
        {"extra": {"\ud83d": 1}},
        {"fingerprint": "\ud83d"},
        {"extra": json.loads("[" * 70 + "]" * 70)},
        {"version": 2**63},
        {"version": 0},
        {"content_version": -1},
    ],
)
def test_what_could_not_be_exported_is_not_imported(
    fields: dict[str, Any], imported: Imported
) -> None:
    """One record is broken, with its place; those beside it are not."""
    lines = [record(), record(**{**fields, "id": str(UUID(int=7))})]
    report, (_,) = imported("\n".join(map(json.dumps, lines)))
    assert (report.added, problems(report)[0][0]) == (1, "line 2")
    report, _ = imported(json.dumps({"reflekt": 1, "records": lines}))
    assert (report.present, problems(report)[0][0]) == (1, "record 2")


def test_what_can_be_kept() -> None:
    """Plain data in JSON, up to 64 levels."""
    deep: Any = "x"
    for _ in range(63):
        deep = [deep]
    assert unfit(deep) is None
    assert unfit([deep]) == "is nested deeper than 64 levels"
    assert unfit({"a": (1, 2.5, None, "é")}) is None
    assert unfit({"a": object()}) is not None


def test_a_newer_version_is_refused(imported: Imported) -> None:
    """Rather than half understood."""
    with pytest.raises(MalformedInput, match="newer Reflekt"):
        imported(json.dumps({"reflekt": 2, "records": [record()]}))


@pytest.mark.parametrize("count", [0, 3])
@pytest.mark.parametrize("name", ["dayone", "jrnl-json", "json"])
def test_keys_come_in_any_order(name: str, count: int, imported: Imported, tmp_path: Path) -> None:
    """A program that sorts them changes nothing: entries come first, what names the format last."""
    made = [an_entry(f"Swam {number}.") for number in range(count)]
    path = exported(made, name, tmp_path / "out")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            path.write_bytes(archive.read("Journal.json"))
    text = json.dumps(json.loads(path.read_bytes()), sort_keys=True)
    assert text.startswith(('{"entries"', '{"records"'))
    report, entries = imported(text)
    assert (report.format, report.broken) == (name, 0)
    assert sorted(e.content for e in entries) == [e.content for e in made]


@pytest.mark.parametrize("text", ['{"records": [], "reflekt": 2}', '{"reflekt": [], "x": 1}'])
def test_a_newer_version_is_known_wherever_it_stands(text: str, imported: Imported) -> None:
    """Nothing of it is taken over."""
    with pytest.raises(MalformedInput, match="newer Reflekt"):
        imported(text)


@pytest.mark.parametrize("name", ["json", "jrnl-json"])
@pytest.mark.parametrize("content", ["{}", '{"a": []}', '{"records": {}, "entries": null}'])
def test_a_document_without_its_list(name: str, content: str, imported: Imported) -> None:
    """Nothing taken over is said, not shown as success."""
    with pytest.raises(MalformedInput, match="has no list called"):
        imported(content, format=name)


# Files


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "latin-1"])
def test_another_encoding_is_named(encoding: str, imported: Imported) -> None:
    """Rather than an unknown format."""
    text = f"\ufeff{ROW}" if encoding == "utf-16-be" else "[2024-05-06 21:40] Café.\n"
    with pytest.raises(MalformedInput, match="save it as UTF-8"):
        imported(text.encode(encoding))


def test_another_encoding_is_named_wherever_it_shows(imported: Imported) -> None:
    """Names and notes of long tables may be plain for thousands of rows."""
    for begins, line in (("date,content\n", "2024-05-06,{}\n"), ("", "[2024-05-06 21:40] {}\n")):
        text = begins + line.format("x") * 9_999 + line.format("Café")
        with pytest.raises(MalformedInput, match="save it as UTF-8"):
            imported(text.encode("cp1252"))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"7z\xbc\xaf\x27\x1c", "unpack it"),
        (b"Rar!\x1a\x07", "unpack it"),
        (b"\x1f\x8b\x08\0", "unpack it"),
        (b"PK\x03\x04 and no end", "unpack it"),
    ],
)
def test_what_cannot_be_a_journal_is_said(data: bytes, said: str, imported: Imported) -> None:
    """Rather than which formats there are."""
    with pytest.raises(MalformedInput, match=f"^file .*{said}"):
        imported(data)


def test_a_folder_may_hold_nothing(imported: Imported, tmp_path: Path) -> None:
    """Whatever it is called."""
    (tmp_path / "Journal.json").mkdir()
    with pytest.raises(MalformedInput, match=r"Journal\.json holds no files"):
        imported(tmp_path / "Journal.json")


def test_what_can_be_read_once_is_refused() -> None:
    """For finding out what it is takes reading it."""
    with Reflekt.open("memory://") as reflekt, pytest.raises(MalformedInput, match="save it first"):
        reflekt.import_file("/dev/zero")
