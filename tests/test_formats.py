"""Where imports come from, and which format they are."""

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.formats import FORMATS, json_stream, open_format, recognised, sources
from reflekt_core.formats.json_stream import elements, member, outline
from reflekt_core.formats.sources import opened
from reflekt_core.ports import Format


@attrs.frozen
class InMemory:
    """A file of bytes that are read a few at a time."""

    data: bytes
    name: str = "file.json"

    def open(self) -> Any:
        """Return the bytes."""
        return io.BytesIO(self.data)


def names(path: Path) -> list[str]:
    """Return what lies at *path*."""
    with opened(path) as source:
        return [file.name for file in source.files]


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    """Make an archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_is_a_format(name: str) -> None:
    """Each format has the name of its row."""
    found = open_format(name)
    assert isinstance(found, Format)
    assert found.name == name
    assert found.suffix.startswith(".")


def test_an_unknown_format_is_refused() -> None:
    """The message says which there are."""
    with pytest.raises(InvalidInput, match=r"must be one of .*ndjson"):
        open_format("word")


@pytest.mark.parametrize(
    "data", [b" ", b"hello", b"\x00\xff", b"{}", b"[]", b'{"a": 1}', b"<html>"]
)
def test_what_is_of_no_format_is_refused(data: bytes, tmp_path: Path) -> None:
    """The message says which there are, and holds nothing of the content."""
    (tmp_path / "file").write_bytes(data)
    with opened(tmp_path / "file") as source, pytest.raises(MalformedInput, match="no format"):
        recognised(source)


def test_what_is_not_there_cannot_be_imported(tmp_path: Path) -> None:
    """One line says so."""
    with (
        Reflekt.open("memory://") as reflekt,
        pytest.raises(MalformedInput, match="cannot be read: No such file"),
    ):
        reflekt.import_file(tmp_path / "nothing")


# Folders and archives


def test_a_folder_is_read_by_name(tmp_path: Path) -> None:
    """With all below it, without what is hidden."""
    for name in ("b.md", "a/c.md", ".git/config", "a/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    assert names(tmp_path) == ["a/c.md", "b.md"]


def test_no_link_leads_out_of_a_folder(tmp_path: Path) -> None:
    """What lies elsewhere is not part of it, and no link leads round in it."""
    (tmp_path / "secret").write_text("x")
    folder = tmp_path / "vault"
    (folder / "a").mkdir(parents=True)
    (folder / "out.md").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    (folder / "a" / "round").symlink_to(folder)
    (folder / "a" / "itself").symlink_to(folder / "a" / "itself")
    (folder / "inside.md").write_text("x")
    assert names(folder) == ["inside.md"]


def linked(name: str) -> zipfile.ZipInfo:
    """Return a member that is a link."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../out.md", "outside"),
        ("a/../../out.md", "outside"),
        ("/etc/out.md", "outside"),
        ("C:/out.md", "outside"),
        (".", "outside"),
        (zipfile.ZipInfo(""), "outside"),
        (linked("../out.md"), "outside"),
    ],
)
def test_no_archive_leads_out_of_itself(
    name: str | zipfile.ZipInfo, said: str, tmp_path: Path
) -> None:
    """Names that point elsewhere refuse the archive, of links too."""
    archive = zipped(tmp_path / "a.zip", ("good.md", b"x"), (name, b"x"))
    with pytest.raises(MalformedInput, match=f"not safe.*{said}"):
        names(archive)


def test_an_archive_of_too_many_files_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says how many may be."""
    monkeypatch.setattr(sources, "MOST_FILES", 2)
    archive = zipped(tmp_path / "a.zip", *((f"{n}.md", b"x") for n in range(3)))
    with pytest.raises(MalformedInput, match="more than 2 files"):
        names(archive)
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "folder")
    with pytest.raises(MalformedInput, match="more than 2 files"):
        names(tmp_path / "folder")


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Nobody could say which is meant."""
    with pytest.warns(UserWarning, match="Duplicate"):
        archive = zipped(tmp_path / "a.zip", ("a.md", b"x"), ("a.md", b"y"))
    with pytest.raises(MalformedInput, match="one name"):
        names(archive)


@pytest.mark.parametrize("at", [40, -30])
def test_a_damaged_archive_is_refused(at: int, tmp_path: Path) -> None:
    """In its content or in its directory: an error in one line."""
    archive = zipped(tmp_path / "a.zip", ("a.json", json.dumps(list(range(999))).encode()))
    data = bytearray(archive.read_bytes())
    data[at : at + 8] = b"\xff" * 8
    archive.write_bytes(data)
    with pytest.raises(MalformedInput), opened(archive) as source:
        source.files[0].open().read()


# Long JSON

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(found=st.lists(VALUES, max_size=6), beside=VALUES, indent=st.sampled_from([None, 2]))
def test_elements_are_what_json_says(found: list[Any], beside: Any, indent: int | None) -> None:
    """Whatever stands beside and inside, the elements come as from the whole document."""
    document = {"a": beside, "entries": found, "b": [beside]}
    data = json.dumps(document, indent=indent).encode()
    assert list(elements(InMemory(data), "entries")) == found
    assert list(elements(InMemory(json.dumps(found).encode()))) == found


def test_elements_may_lie_across_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little is read at a time, numbers and letters are whole."""
    found = [12345, -1.5e10, '日本語\U0001f30a\\"', {"a": [True, None]}, 7]
    data = b"\xef\xbb\xbf" + json.dumps({"entries": found}, ensure_ascii=False).encode()
    for size in (1, 2, 3, 5):
        monkeypatch.setattr(json_stream, "_CHUNK", size)
        assert list(elements(InMemory(data), "entries")) == found


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b'{"entries": [1, 2',
        b'{"entries": [1 2]}',
        b'{"entries": [1]} x',
        b'{"entries": [\xff]}',
        b"{7: [1]}",
        b"[" * 100_000,
        b'{"entries": ' + b"[" * 100_000,
    ],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Broken, cut off, too deep, or in another encoding: an error in one line."""
    with pytest.raises(MalformedInput, match=r"file\.json is not JSON in UTF-8"):
        list(elements(InMemory(data), "entries"))


def test_a_huge_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read to its end."""
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    data = b'{"entries": ["' + b"x" * 100_000 + b'"]}'
    with pytest.raises(MalformedInput, match="more than 1,000 characters"):
        list(elements(InMemory(data), "entries"))


def test_an_outline_tells_what_a_document_is() -> None:
    """Keys, and an element of the array that is asked for; nothing beyond it is read."""
    begins = b'{"metadata": {"version": "1.0"}, "entries": [null, {}, {"a": 1}, '
    assert outline(InMemory(begins), "entries") == (("metadata", "entries"), {"a": 1})
    for data in (b"[1]", b"", b"hello", b"\xff"):
        assert outline(InMemory(data), "entries") == ((), {})
    many = json.dumps({str(n): n for n in range(99)}).encode()
    assert len(outline(InMemory(many), "entries")[0]) == 20


@given(before=VALUES, after=VALUES, found=st.lists(st.dictionaries(st.text(), VALUES, min_size=1)))
def test_the_order_of_keys_says_nothing(before: Any, after: Any, found: list[Any]) -> None:
    """What stands beside an array may come before or after it."""
    data = json.dumps({"a": [before], "entries": found, "b": after}).encode()
    names, element = outline(InMemory(data), "entries")
    assert (names, element) == (
        (("a", "entries"), found[0]) if found else (("a", "entries", "b"), {})
    )
    assert member(InMemory(data), "b") == after
    assert member(InMemory(data), "c") is None


def test_what_is_passed_over_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array beside may be longer than a value may be."""
    monkeypatch.setattr(json_stream, "MOST_CHARACTERS", 1000)
    monkeypatch.setattr(json_stream, "_CHUNK", 100)
    data = json.dumps({"b": [["x"] * 50] * 50, "entries": [{"a": 1}]}).encode()
    assert list(elements(InMemory(data), "entries")) == [{"a": 1}]
    assert outline(InMemory(data), "entries")[1] == {"a": 1}
