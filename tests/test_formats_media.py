"""Media beside a journal: photos and other files that entries name."""

import json
import os
import stat
import struct
import subprocess
import sys
import threading
import tracemalloc
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import md5
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput, StoreError
from reflekt_core.formats import media as media_module
from reflekt_core.formats.dayone import DayOneFormat
from reflekt_core.formats.media import MediaFolder
from reflekt_core.model.transfer import Broken, MediaReport

PHOTO = b"\xff\xd8 a photo" * 1000
VIDEO = b"\x00\x00 a video" * 5000
SOUND = b"a recording"
PAPER = b"%PDF-1.7 a paper"


SHAPES = (
    st.text()
    | st.dictionaries(st.sampled_from(["type", "x"]), st.text())
    | st.dictionaries(
        st.sampled_from(["md5", "identifier"]), st.none() | st.integers() | st.just("")
    )
)


def name_of(data: bytes) -> str:
    """Return the name that Day One gives to *data*."""
    return md5(data, usedforsecurity=False).hexdigest()


FILES = {
    f"photos/{name_of(PHOTO)}.jpeg": PHOTO,
    f"videos/{name_of(VIDEO)}.mov": VIDEO,
    f"audios/{name_of(SOUND)}.m4a": SOUND,
    f"pdfs/{name_of(PAPER)}.pdf": PAPER,
}
NAMED = {
    "photos": [{"md5": name_of(PHOTO), "identifier": "AB12", "type": "jpeg"}],
    "videos": [{"md5": name_of(VIDEO), "type": "mov"}],
    "audios": [{"md5": name_of(SOUND), "format": "aac"}],
    "pdfAttachments": [{"md5": name_of(PAPER), "type": "pdf"}],
}


def archive(
    path: Path,
    files: Mapping[str, bytes] = FILES,
    *named: Mapping[str, Any],
    packing: int = zipfile.ZIP_STORED,
) -> Path:
    """Make an export of Day One with an entry for each of *named*; with one for all, if left out."""
    entries = [
        {
            "uuid": f"{number:032X}",
            "creationDate": "2026-11-22T18:40:00Z",
            "text": "We swam.",
            **one,
        }
        for number, one in enumerate(named or (NAMED,), 1)
    ]
    with zipfile.ZipFile(path, "w", packing) as made:
        made.writestr("Journal.json", json.dumps({"metadata": {}, "entries": entries}))
        for name, data in files.items():
            made.writestr(name, data)
    return path


def below(folder: Path) -> dict[str, bytes]:
    """Return what lies in *folder*, hidden files too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def journal() -> Iterator[Reflekt]:
    """An empty journal."""
    with Reflekt.open("memory://") as reflekt:
        yield reflekt


def kept(reflekt: Reflekt, path: Path, folder: Path, **how: Any) -> MediaReport:
    """Import *path* and return what came of its media."""
    report = reflekt.import_file(path, media=folder, **how)
    assert report.media
    return report.media


# Importing


def test_media_are_kept_by_kind(journal: Reflekt, tmp_path: Path) -> None:
    """Under their names in the archive, for their owner alone; the entry names them still."""
    folder = tmp_path / "of mine" / "media"
    report = kept(journal, archive(tmp_path / "a.zip"), folder)
    assert report == MediaReport(kept=4)
    assert below(folder) == FILES
    (entry,) = journal.entries.list()
    assert entry.extra["dayone"]["photos"] == NAMED["photos"]
    for path in (folder, *folder.rglob("*")):
        assert not path.stat().st_mode & 0o077


def test_without_a_folder_nothing_is_kept(journal: Reflekt, tmp_path: Path) -> None:
    """The report says nothing of media then."""
    assert journal.import_file(archive(tmp_path / "a.zip")).media is None
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_importing_twice_changes_nothing(journal: Reflekt, tmp_path: Path) -> None:
    """What is there already is told as that, and not written again."""
    folder = tmp_path / "media"
    kept(journal, archive(tmp_path / "a.zip"), folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert kept(journal, tmp_path / "a.zip", folder) == MediaReport(present=4)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_dry_run_writes_no_media(journal: Reflekt, tmp_path: Path) -> None:
    """It reads them, and tells what would come of them."""
    path = archive(tmp_path / "a.zip", {**FILES, f"photos/{name_of(PHOTO)}.jpeg": b""})
    data = bytearray(path.read_bytes())
    data[data.index(VIDEO) + 10] ^= 1
    path.write_bytes(data)
    report = kept(journal, path, tmp_path / "media", dry_run=True)
    assert (report.kept, report.refused) == (3, 1)
    assert not (tmp_path / "media").exists()
    (tmp_path / "media" / "audios").mkdir(parents=True)
    (tmp_path / "media" / "audios" / f"{name_of(SOUND)}.m4a").write_bytes(SOUND)
    assert kept(journal, path, tmp_path / "media", dry_run=True).present == 1


def test_an_unpacked_export_has_media_too(journal: Reflekt, tmp_path: Path) -> None:
    """A folder is read as an archive is."""
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as packed:
        packed.extractall(tmp_path / "export")
    assert kept(journal, tmp_path / "export", tmp_path / "media").kept == 4
    assert below(tmp_path / "media") == FILES


def test_media_are_found_by_either_name_and_whatever_type(journal: Reflekt, tmp_path: Path) -> None:
    """By md5 or identifier, in any case; the folder of the kind comes first, then the type."""
    files = {
        "photos/AB12.png": b"png",
        "photos/AB12.jpeg": b"jpeg",
        "icons/AB12.png": b"icon",
        "export/videos/CD34.MOV": b"video",
        "ab12.json": b"no medium",
    }
    named = {
        "photos": [
            {"md5": "ffff", "identifier": "ab12", "type": "PNG"},
            {"md5": "Journal"},
            "no object",
            {"type": "x"},
        ],
        "videos": [{"md5": "cd34"}],
    }
    report = kept(journal, archive(tmp_path / "a.zip", files, named), tmp_path / "m")
    assert report == MediaReport(kept=2, missing=1)
    assert below(tmp_path / "m") == {"photos/AB12.png": b"png", "videos/CD34.MOV": b"video"}


def test_what_several_entries_name_is_kept_once(journal: Reflekt, tmp_path: Path) -> None:
    """And counted once; so is what is missing."""
    lost = {**NAMED, "photos": [{"md5": "00ff"}]}
    report = kept(journal, archive(tmp_path / "a.zip", FILES, NAMED, lost, lost), tmp_path / "m")
    assert report == MediaReport(kept=4, missing=1)


def test_only_what_is_named_is_kept(journal: Reflekt, tmp_path: Path) -> None:
    """Other files of the archive stay there."""
    path = archive(tmp_path / "a.zip", {**FILES, "photos/other.jpeg": b"x", "setup.exe": b"x"})
    kept(journal, path, tmp_path / "m")
    assert below(tmp_path / "m") == FILES


def test_progress_is_told_file_by_file(journal: Reflekt, tmp_path: Path) -> None:
    """An archive is mostly media: how much of it was read moves with them."""
    path = archive(tmp_path / "a.zip")
    told: list[float] = []
    kept(journal, path, tmp_path / "m", told=lambda _, fraction: told.append(fraction))
    assert len(told) == 5
    assert told == sorted(told)
    assert (told[0] < 0.5, told[-1]) == (True, 1.0)


# What cannot be trusted


def test_another_file_of_the_name_stays(journal: Reflekt, tmp_path: Path) -> None:
    """Whether it is shorter, longer, different, a folder or a link."""
    folder = tmp_path / "m"
    names = sorted(FILES)
    others = {names[0]: SOUND[:-1], names[1]: PAPER + b"x", names[2]: PHOTO[:-1] + b"?"}
    for name, data in others.items():
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(data)
    (tmp_path / "secret").write_bytes(VIDEO)
    (folder / "videos").mkdir()
    (folder / names[3]).symlink_to(tmp_path / "secret")
    report = kept(journal, archive(tmp_path / "a.zip"), folder)
    assert (report.kept, report.refused) == (0, 4)
    assert {p.message for p in report.problems} == {"another file of this name is there already"}
    assert below(folder) == {**others, names[3]: VIDEO}
    (folder / names[0]).unlink()
    (folder / names[0]).mkdir()
    assert kept(journal, tmp_path / "a.zip", folder).refused == 4


@pytest.mark.parametrize(
    "name", ["photos/AB12.jpeg\n", "photos/AB12.j\x1b[31m", "photos/AB12", "photos/CON aux.jpeg"]
)
def test_odd_names_are_refused(name: str, journal: Reflekt, tmp_path: Path) -> None:
    """Only letters, digits and hyphens, with a suffix, become a name on the disk."""
    identifier = Path(name).stem
    path = archive(tmp_path / "a.zip", {name: b"x"}, {"photos": [{"identifier": identifier}]})
    report = kept(journal, path, tmp_path / "m")
    assert (report.refused, report.problems[0].message) == (1, "has a name that media do not have")
    assert not (tmp_path / "m").exists()


@given(
    named=st.lists(
        st.fixed_dictionaries({}, optional={"md5": st.text() | st.none(), "type": st.text()})
        | st.sampled_from(
            [{"md5": "../../secret"}, {"md5": "/etc/passwd"}, {"identifier": ".."}, {"md5": ""}]
        ),
        max_size=4,
    )
)
def test_no_reference_leads_anywhere(
    named: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever an entry names, nothing is read or written but what lies in archive and folder."""
    place = tmp_path_factory.mktemp("place")
    (place / "secret.jpeg").write_bytes(b"secret")
    path = archive(place / "a.zip", FILES, {"photos": named})
    with Reflekt.open("memory://") as reflekt:
        report = kept(reflekt, path, place / "m" / "m")
    assert report.kept == report.refused == 0
    assert sorted(below(place)) == ["a.zip", "secret.jpeg"]


@pytest.mark.parametrize(
    "member", ["../AB12.jpeg", "/AB12.jpeg", "photos/../../AB12.jpeg", "C:/AB12.jpeg"]
)
def test_an_archive_that_leads_out_of_itself_is_refused(
    member: str, journal: Reflekt, tmp_path: Path
) -> None:
    """Absolute and climbing names refuse it whole."""
    path = archive(tmp_path / "a.zip", {}, {"photos": [{"md5": "AB12"}]})
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(member, "/etc/passwd")
    with pytest.raises(MalformedInput, match="not safe"):
        kept(journal, path, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_link_in_an_archive_is_no_photo(journal: Reflekt, tmp_path: Path) -> None:
    """What it leads to is not taken; the entry is there, and the link is named."""
    path = archive(tmp_path / "a.zip", {}, {"photos": [{"md5": "AB12"}]})
    link = zipfile.ZipInfo("photos/AB12.jpeg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as made:
        made.writestr(link, "/etc/passwd")
    report = journal.import_file(path, media=tmp_path / "m")
    assert report.left_files == (Broken("photos/AB12.jpeg", "is a link, and none is followed"),)
    assert report.media == MediaReport(missing=1)
    assert below(tmp_path / "m") == {}


def test_two_members_of_one_name_are_refused(journal: Reflekt, tmp_path: Path) -> None:
    """Nobody could say which is meant."""
    path = archive(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr(next(iter(FILES)), b"another")
    with pytest.raises(MalformedInput, match="one name"):
        kept(journal, path, tmp_path / "m")


def test_a_damaged_medium_is_refused_and_the_rest_goes_on(journal: Reflekt, tmp_path: Path) -> None:
    """It is named; nothing of it is left, and the entry is there."""
    path = archive(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.index(VIDEO) + len(VIDEO) // 2] ^= 0xFF
    path.write_bytes(data)
    report = kept(journal, path, tmp_path / "m")
    assert (report.kept, report.refused) == (3, 1)
    assert report.problems[0].place == f"videos/{name_of(VIDEO)}.mov"
    assert "damaged" in report.problems[0].message
    assert below(tmp_path / "m") == {k: v for k, v in FILES.items() if "video" not in k}
    assert len(journal.entries.list()) == 1


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(share: float, journal: Reflekt, tmp_path: Path) -> None:
    """An archive without its end says nothing that can be relied on."""
    path = archive(tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(MalformedInput):
        kept(journal, path, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_huge_size_that_is_only_claimed_is_found_out(journal: Reflekt, tmp_path: Path) -> None:
    """Of a member that says it has 4 GB, no more is read than there is; the rest goes on."""
    path = archive(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    name = f"videos/{name_of(VIDEO)}.mov".encode()
    for sign, at in ((b"PK\x03\x04", 18), (b"PK\x01\x02", 20)):
        begins = data.rindex(sign, 0, data.index(name) if at == 18 else data.rindex(name))
        data[begins + at : begins + at + 8] = struct.pack("<II", 4_000_000_000, 4_000_000_000)
    path.write_bytes(data)
    report = kept(journal, path, tmp_path / "m")
    assert (report.kept, report.refused) == (3, 1)
    assert sorted(below(tmp_path / "m")) == sorted(k for k in FILES if "video" not in k)


def test_a_medium_that_is_too_large_is_refused(
    journal: Reflekt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is said; nothing of it is left."""
    monkeypatch.setattr(media_module, "MOST_BYTES", len(PHOTO))
    report = kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    assert (report.kept, report.refused) == (3, 1)
    assert report.problems[0].message == f"has more than {len(PHOTO):,} bytes"
    assert len(below(tmp_path / "m")) == 3


def test_media_do_not_fill_the_disk_from_a_small_archive(journal: Reflekt, tmp_path: Path) -> None:
    """Together they may be 20 times as large as the archive, which no real one is."""
    files = {f"photos/{number:08x}.jpeg": bytes(900_000) for number in range(40)}
    named = {"photos": [{"md5": f"{number:08x}"} for number in range(40)]}
    path = archive(tmp_path / "a.zip", files, named, packing=zipfile.ZIP_DEFLATED)
    report = kept(journal, path, tmp_path / "m")
    assert report.refused
    assert "packed much smaller" in report.problems[0].message
    size = sum(map(len, below(tmp_path / "m").values()))
    assert size <= 20 * path.stat().st_size + 1_000_000


def test_a_report_names_some_of_many_problems(
    journal: Reflekt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are counted."""
    monkeypatch.setattr(media_module, "MOST_PROBLEMS", 2)
    monkeypatch.setattr(media_module, "MOST_BYTES", 0)
    report = kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    assert (report.refused, len(report.problems)) == (4, 2)


def test_a_format_without_media_says_so(journal: Reflekt, tmp_path: Path) -> None:
    """On import and export, before anything is done."""
    (tmp_path / "my.jrnl").write_text("[2026-11-22 21:40] We swam.\n")
    for act in (
        lambda: journal.import_file(tmp_path / "my.jrnl", media=tmp_path / "m"),
        lambda: journal.export_file(tmp_path / "my.csv", format="csv", media=tmp_path),
    ):
        with pytest.raises(InvalidInput, match=r"media: .* has none"):
            act()
    assert len(journal.entries.list()) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["my.jrnl"]


def test_the_folder_must_be_one(journal: Reflekt, tmp_path: Path) -> None:
    """A file in its place is refused before anything is imported."""
    (tmp_path / "m").write_text("x")
    with pytest.raises(InvalidInput, match="media: must be a folder"):
        kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    assert len(journal.entries.list()) == 0


# Disks and memory


def test_a_folder_that_cannot_be_written_is_said(journal: Reflekt, tmp_path: Path) -> None:
    """In one line with its name; nothing is left of the file under way."""
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "photos").write_text("in the way")
    with pytest.raises(StoreError, match=r"m cannot be written: File exists"):
        kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    (tmp_path / "m" / "photos").unlink()
    assert kept(journal, tmp_path / "a.zip", tmp_path / "m").kept == 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_said(journal: Reflekt, tmp_path: Path) -> None:
    """Without permission nothing is kept."""
    (tmp_path / "m").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="m cannot be written: Permission denied"):
        kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for 64 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = [str(which("mount")), "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run([str(which("umount")), str(place)], check=True)


def test_a_full_disk_stops_the_import(journal: Reflekt, tmp_path: Path, small_disk: Path) -> None:
    """What fits is whole; nothing of the others is there, and a larger disk goes on."""
    path = archive(tmp_path / "a.zip", {**FILES, f"videos/{name_of(VIDEO)}.mov": VIDEO * 4})
    with pytest.raises(StoreError, match="m cannot be written: No space left"):
        kept(journal, path, small_disk / "m")
    there = below(small_disk / "m")
    assert there.items() <= FILES.items()
    assert kept(journal, path, tmp_path / "m").kept == 4


def test_an_interrupted_copy_leaves_nothing(
    journal: Reflekt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key pressed in the middle of a video leaves what was whole; the next import goes on."""
    size = media_module._CHUNK

    def interrupted(self: MediaFolder, file: Any) -> Iterator[bytes]:
        for number, chunk in enumerate(whole(self, file)):
            if number and "videos" in file.name:
                raise KeyboardInterrupt
            yield chunk

    whole = MediaFolder._chunks
    monkeypatch.setattr(media_module, "_CHUNK", size // 4)
    archive(tmp_path / "a.zip")
    with monkeypatch.context() as patched:
        patched.setattr(MediaFolder, "_chunks", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kept(journal, tmp_path / "a.zip", tmp_path / "m")
    assert sorted(below(tmp_path / "m")) == [f"photos/{name_of(PHOTO)}.jpeg"]
    assert kept(journal, tmp_path / "a.zip", tmp_path / "m") == MediaReport(kept=3, present=1)


def test_a_killed_import_leaves_no_half_file(tmp_path: Path) -> None:
    """Without a chance to tidy up, no name has a file that is not whole; the next import goes on."""
    video = bytes(60_000_000)
    files = {f"videos/{n:08x}.mov": video for n in range(4)}
    path = archive(tmp_path / "a.zip", files, {"videos": [{"md5": f"{n:08x}"} for n in range(4)]})
    command = [sys.executable, "-c", KILLED, str(path), str(tmp_path / "m")]
    done = subprocess.run(command, check=False, capture_output=True, timeout=120)
    assert done.returncode == -9, done.stderr
    left = list((tmp_path / "m").rglob("*.*"))
    assert left
    for file in left:
        assert file.name.startswith(".") or file.stat().st_size == len(video)
    with Reflekt.open("memory://") as reflekt:
        report = kept(reflekt, path, tmp_path / "m")
    assert report.kept + report.present == 4
    assert report.kept


KILLED = """
import os, signal, sys
from reflekt_core import Reflekt
from reflekt_core.formats.media import MediaFolder
whole, seen = MediaFolder._chunks, []
def killed(self, file):
    seen.append(file)
    for number, chunk in enumerate(whole(self, file)):
        if len(seen) == 2 and number == 300:
            os.kill(os.getpid(), signal.SIGKILL)
        yield chunk
MediaFolder._chunks = killed
Reflekt.open("memory://").import_file(sys.argv[1], media=sys.argv[2])
"""


def test_a_large_video_takes_little_memory(journal: Reflekt, tmp_path: Path) -> None:
    """200 MB go from the archive to the disk, are compared, and go back, within 5 MB."""
    path = tmp_path / "a.zip"
    archive(path, {}, {"videos": [{"md5": "ab12"}]})
    with zipfile.ZipFile(path, "a") as made, made.open("videos/ab12.mov", "w") as member:
        for _ in range(200):
            member.write(bytes(1_000_000))
    tracemalloc.start()
    try:
        assert kept(journal, path, tmp_path / "m").kept == 1
        assert kept(journal, path, tmp_path / "m").present == 1
        journal.export_file(tmp_path / "b.zip", format="dayone", media=tmp_path / "m")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert (tmp_path / "m" / "videos" / "ab12.mov").stat().st_size == 200_000_000
    with zipfile.ZipFile(tmp_path / "b.zip") as back:
        assert back.getinfo("videos/ab12.mov").file_size == 200_000_000


def test_two_imports_at_once_keep_each_file_once(tmp_path: Path) -> None:
    """Whoever is second finds it there."""
    path = archive(tmp_path / "a.zip")
    reports: list[MediaReport] = []
    both = threading.Barrier(2)

    def take() -> None:
        with Reflekt.open("memory://") as reflekt:
            both.wait()
            reports.append(kept(reflekt, path, tmp_path / "m"))

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.kept for report in reports) == 4
    assert sum(report.present for report in reports) == 4
    assert below(tmp_path / "m") == FILES


# Exporting


def test_media_come_back(journal: Reflekt, tmp_path: Path) -> None:
    """Import, export and import again: the same files, and the same entries that name them."""
    kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    told: list[MediaReport] = []
    count = journal.export_file(
        tmp_path / "b.zip", format="dayone", media=tmp_path / "m", told_of_media=told.append
    )
    assert (count, told) == (1, [MediaReport(kept=4)])
    with zipfile.ZipFile(tmp_path / "b.zip") as back:
        assert back.testzip() is None
        assert {n: back.read(n) for n in back.namelist() if n != "Journal.json"} == FILES
        (entry,) = json.loads(back.read("Journal.json"))["entries"]
    assert {key: entry[key] for key in NAMED} == NAMED
    with Reflekt.open("memory://") as other:
        assert kept(other, tmp_path / "b.zip", tmp_path / "n") == MediaReport(kept=4)
    assert below(tmp_path / "n") == FILES


def test_what_is_named_in_several_ways_is_exported_once(journal: Reflekt, tmp_path: Path) -> None:
    """By md5 here and by identifier there: one member, so that the archive can be read again."""
    files = {"photos/AB12.jpeg": PHOTO}
    ways = [{"photos": [{"identifier": "AB12"}]}, {"photos": [{"md5": "ab12", "type": "jpeg"}]}]
    kept(journal, archive(tmp_path / "a.zip", files, *ways), tmp_path / "m")
    told: list[MediaReport] = []
    journal.export_file(
        tmp_path / "b.zip", format="dayone", media=tmp_path / "m", told_of_media=told.append
    )
    assert told == [MediaReport(kept=1)]
    with zipfile.ZipFile(tmp_path / "b.zip") as back:
        assert sorted(back.namelist()) == ["Journal.json", "photos/AB12.jpeg"]
    with Reflekt.open("memory://") as other:
        assert other.import_file(tmp_path / "b.zip").added == 2


def test_what_is_missing_or_trashed_is_not_exported(journal: Reflekt, tmp_path: Path) -> None:
    """The one is counted, the other is not the reader's any more."""
    lost = {"uuid": f"{9:032X}", "photos": [{"md5": name_of(PHOTO)}]}
    kept(journal, archive(tmp_path / "a.zip", FILES, NAMED, lost), tmp_path / "m")
    for entry in journal.entries.list():
        if len(entry.extra["dayone"]) > 1:
            journal.entries.delete(entry.id)
    next((tmp_path / "m" / "photos").iterdir()).rename(tmp_path / "m" / "elsewhere.jpeg")
    told: list[MediaReport] = []
    journal.export_file(
        tmp_path / "b.zip", format="dayone", media=tmp_path / "m", told_of_media=told.append
    )
    assert told == [MediaReport(missing=1)]
    with zipfile.ZipFile(tmp_path / "b.zip") as back:
        assert back.namelist() == ["Journal.json"]


def test_no_link_in_the_folder_is_followed_on_export(journal: Reflekt, tmp_path: Path) -> None:
    """What lies elsewhere is not taken along."""
    kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    (tmp_path / "secret").write_text("secret")
    (photo,) = (tmp_path / "m" / "photos").iterdir()
    photo.unlink()
    photo.symlink_to(tmp_path / "secret")
    journal.export_file(tmp_path / "b.zip", format="dayone", media=tmp_path / "m")
    assert b"secret" not in (tmp_path / "b.zip").read_bytes()


def test_an_export_without_its_media_folder_fails_whole(journal: Reflekt, tmp_path: Path) -> None:
    """There is no archive then."""
    journal.entries.create("We swam.")
    with pytest.raises(MalformedInput, match="nowhere cannot be read"):
        journal.export_file(tmp_path / "b.zip", format="dayone", media=tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_what_is_kept_is_on_the_disk(
    journal: Reflekt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file before it gets its name, and the folders with the names at the end."""
    synced: list[int] = []
    sync = os.fsync

    def watched(handle: int) -> None:
        found = os.fstat(handle)
        synced.append(-1 if stat.S_ISDIR(found.st_mode) else found.st_size)
        sync(handle)

    monkeypatch.setattr(os, "fsync", watched)
    kept(journal, archive(tmp_path / "a.zip"), tmp_path / "m")
    assert synced == [*map(len, FILES.values()), -1, -1, -1, -1]


@given(
    extra=st.dictionaries(st.sampled_from([*NAMED, "x"]), st.none() | st.text() | st.lists(SHAPES))
)
def test_references_of_any_shape_are_read(extra: dict[str, Any]) -> None:
    """What is no list of objects names nothing."""
    assert list(DayOneFormat().media(extra)) == []
