"""Archives that are not what they seem, and archives that only look odd."""

import json
import os
import struct
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import MalformedInput
from reflekt_core.formats.sources import MOST_TIMES_SMALLER, opened
from reflekt_core.model.transfer import MediaReport
from reflekt_core.ports import SourceFile


def journal_json(*texts: str, **more: Any) -> str:
    """Return a journal as Day One writes it."""
    entries = [
        {
            "uuid": f"{number:032X}",
            "creationDate": "2026-11-22T18:40:00Z",
            "text": text,
            **more,
        }
        for number, text in enumerate(texts, 1)
    ]
    return json.dumps({"metadata": {"version": "1.0"}, "entries": entries})


def packed(
    path: Path, members: Mapping[str, bytes | str], packing: int = zipfile.ZIP_DEFLATED
) -> Path:
    """Make an archive."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.fixture
def journal() -> Iterator[Reflekt]:
    """An empty journal."""
    with Reflekt.open("memory://") as reflekt:
        yield reflekt


# How much larger it is than it is packed


def test_a_blank_picture_costs_no_entry(journal: Reflekt, tmp_path: Path) -> None:
    """What is not read may be packed as small as it likes."""
    media = {"photos/ab.bmp": bytes(50_000_000), "audios/cd.wav": bytes(90_000_000)}
    path = packed(tmp_path / "a.zip", {"Journal.json": journal_json("Swam."), **media})
    report = journal.import_file(path)
    assert (report.format, report.added, report.broken) == ("dayone", 1, 0)


def test_a_blank_picture_is_refused_by_itself(journal: Reflekt, tmp_path: Path) -> None:
    """It is named with what to do; nothing of it is left, and the other media are kept."""
    members = {
        "Journal.json": journal_json("Swam.", photos=[{"md5": "ab"}, {"md5": "cd"}]),
        "photos/ab.bmp": bytes(50_000_000),
        "photos/cd.jpeg": os.urandom(10_000_000),
    }
    path = packed(tmp_path / "a.zip", members)
    report = journal.import_file(path, media=tmp_path / "m")
    assert report.added == 1
    assert isinstance(report.media, MediaReport)
    assert (report.media.kept, report.media.refused) == (1, 1)
    (problem,) = report.media.problems
    assert problem.place == "photos/ab.bmp"
    assert problem.message.startswith("is more than 200 times as large as it is packed")
    assert "unpack it, and import the folder" in problem.message
    assert [path.name for path in (tmp_path / "m" / "photos").iterdir()] == ["cd.jpeg"]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    again = journal.import_file(tmp_path / "folder", media=tmp_path / "m")
    assert again.media == MediaReport(kept=1, present=1)


def test_a_bomb_is_refused(journal: Reflekt, tmp_path: Path) -> None:
    """A text that is packed much smaller than text can be is not read to its end."""
    bomb = journal_json("Swam.", weather="0" * 30_000_000)
    path = packed(tmp_path / "a.zip", {"Journal.json": bomb})
    with pytest.raises(MalformedInput, match=r"^Journal\.json is more than 200 times as large"):
        journal.import_file(path)
    with opened(path) as source:
        assert refused(source.files[0])
        assert source.read < MOST_TIMES_SMALLER * path.stat().st_size + 100_000


def refused(file: SourceFile) -> bool:
    """Read *file*, and tell whether it was found to be a bomb."""
    try:
        with file.open() as data:
            while data.read(100_000):
                pass
    except MalformedInput:
        return True
    return False


def test_many_small_bombs_are_one(tmp_path: Path) -> None:
    """Together they are packed no smaller than text can be; reading one again counts once."""
    path = packed(tmp_path / "a.zip", {f"{n:03}.md": bytes(1_000_000) for n in range(120)})
    with opened(path) as source:
        assert not any(refused(source.files[0]) for _ in range(120))
        assert [refused(file) for file in source.files] == [False] * 100 + [True] * 20


def overlapping(path: Path, count: int) -> Path:
    """Make an archive of *count* notes that are all the same few bytes."""
    data = packed(path, {"2024-05-06 0000.md": "Swam."}).read_bytes()
    at, ends = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = b"".join(
        data[at:ends].replace(b"0000.md", b"%04d.md" % number) for number in range(count)
    )
    numbers = struct.pack("<HHII", count, count, len(entries), at)
    path.write_bytes(data[:at] + entries + data[ends : ends + 8] + numbers + data[ends + 20 :])
    return path


def quoting(path: Path, count: int) -> Path:
    """Make an archive of *count* notes, each of which goes on over those after it."""
    names = [f"2024-05-06 {number:04}.md" for number in range(count)]
    data = bytearray(packed(path, dict.fromkeys(names, "Swam.")).read_bytes())
    directory = data.index(b"PK\x01\x02")
    at = directory
    for _ in range(count - 1):
        (offset,) = struct.unpack_from("<I", data, at + 42)
        struct.pack_into("<I", data, at + 20, directory - offset - 30)
        at = data.index(b"PK\x01\x02", at + 1)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("made", [overlapping, quoting])
def test_files_that_share_their_bytes_are_refused(
    made: Any, tmp_path: Path, journal: Reflekt
) -> None:
    """For so a small archive holds as much as it likes, none of it packed too small."""
    path = made(tmp_path / "a.zip", 50)
    report = journal.import_file(path)
    said = [problem.message for problem in report.problems]
    assert said.count("shares its bytes with other files of the archive") == 49
    assert report.added <= 1


def test_an_archive_in_an_archive_stays_packed(journal: Reflekt, tmp_path: Path) -> None:
    """What it holds is not looked at."""
    inner = packed(tmp_path / "inner.zip", {"Journal.json": journal_json("Swam.")}).read_bytes()
    for others, said in (({}, "^inner.zip is an archive"), ({"a.txt": b"x"}, "no format known")):
        path = packed(tmp_path / "a.zip", {"inner.zip": inner, **others})
        with pytest.raises(MalformedInput, match=said):
            journal.import_file(path)


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_unpacks_bit_by_bit_is_read(
    packing: int, journal: Reflekt, tmp_path: Path
) -> None:
    """The other ways to pack make gigabytes of a few bytes at once."""
    members = {"a.md": "x", "b.md": "Swam." * 1_999_999}
    path = packed(tmp_path / "a.zip", members, packing)
    tracemalloc.start()
    report = journal.import_file(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.broken == 2
    assert report.problems[0].message == (
        "is packed in a way that is not read here: unpack the archive, and import the folder"
    )
    assert most < 5_000_000


# What only looks odd


def test_what_the_finder_packs(journal: Reflekt, tmp_path: Path) -> None:
    """Its own files beside are no part of the journal."""
    rubbish = b"\x00\x05\x16\x07" + bytes(100)
    members: dict[str, bytes | str] = {
        "Export/.DS_Store": rubbish,
        "Export/Journal.json": journal_json("Swam."),
        "Export/photos/ab.jpeg": b"\xff\xd8",
        "__MACOSX/Export/._Journal.json": rubbish,
        "__MACOSX/._Export": rubbish,
        "._Journal.json": rubbish,
    }
    report = journal.import_file(packed(tmp_path / "a.zip", members))
    assert (report.format, report.added, report.broken) == ("dayone", 1, 0)


def test_several_journals_in_one_archive(journal: Reflekt, tmp_path: Path) -> None:
    """Each of their entries is taken over, and named by its journal where it is broken."""
    travel = json.loads(journal_json("", "Rain."))
    travel["entries"][1]["uuid"] = "A" * 32
    members = {"Journal.json": journal_json("Swam."), "Travel.json": json.dumps(travel)}
    report = journal.import_file(packed(tmp_path / "a.zip", members))
    assert (report.added, report.broken) == (2, 1)
    assert report.problems[0].place == "Travel.json, entry 1"


def test_large_headers_are_read(journal: Reflekt, tmp_path: Path) -> None:
    """Archives that could be larger than 4 GB have others."""
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w") as archive,
        archive.open("Journal.json", "w", force_zip64=True) as file,
    ):
        file.write(journal_json("Swam.").encode())
    assert journal.import_file(tmp_path / "a.zip").added == 1


def test_a_password_is_said(journal: Reflekt, tmp_path: Path) -> None:
    """With what to do."""
    path = packed(tmp_path / "a.zip", {"Journal.json": journal_json("Swam.")})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(MalformedInput, match="has a password: unpack it first"):
        journal.import_file(path)


def test_a_colon_in_a_name_is_no_drive(journal: Reflekt, tmp_path: Path) -> None:
    """Notes are called such things."""
    path = packed(tmp_path / "a.zip", {"2024-05-06 Rome: a walk.md": "Swam."})
    assert journal.import_file(path).added == 1


# What cannot be read

FORBIDDEN = """
import os, sys
from reflekt_core import Reflekt
from reflekt_core.errors import ReflektError

other, *paths = sys.argv[1:]
with Reflekt.open("memory://") as reflekt:
    reflekt.import_file(other)  # loads what it needs, which nobody else may
    os.getuid() or os.seteuid(65534)
    for path in paths:
        try:
            report = reflekt.import_file(path)
        except ReflektError as error:
            print(error)
        else:
            print(report.added, *(problem.message for problem in report.problems))
    os.seteuid(os.getuid())
"""


def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    """A note stops no other; a folder, of which nobody knows what it holds, stops all."""
    tmp_path.chmod(0o755)
    other = packed(tmp_path / "other.zip", {"2024-05-08.md": "Swam."})
    one, two = tmp_path / "one", tmp_path / "two"
    for vault in (one, two):
        vault.mkdir()
        (vault / "2024-05-06.md").write_text("Swam.", "utf-8")
    note, closed = one / "2024-05-07.md", two / "closed"
    note.touch(mode=0)
    closed.mkdir(mode=0)
    # By relative names: the folders above are somebody else's.
    names = [str(path.relative_to(tmp_path)) for path in (other, one, note, two)]
    ran = [sys.executable, "-c", FORBIDDEN, *names]
    said = subprocess.run(ran, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        "1 cannot be read: Permission denied",
        "one/2024-05-07.md cannot be read: Permission denied",
        "two/closed cannot be read: Permission denied",
    ]
