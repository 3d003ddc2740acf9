"""
Where imports come from: a file, a folder, or an archive, read without trusting it.

An archive may claim small sizes and hold large ones, have files that share their bytes, or name files
outside of itself; a folder may hold links that lead out of it. None of that is followed. How much
larger files are than they are packed counts for those that are read.
"""

import codecs
import io
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, BinaryIO, Final

import attrs

from reflekt_core.errors import MalformedInput
from reflekt_core.ports import Source, SourceFile

__all__ = [
    "MOST_FILES",
    "MOST_TIMES_SMALLER",
    "NOT_UTF_8",
    "Opened",
    "opened",
    "text_of",
    "unreadable",
]

MOST_FILES: Final = 200_000
"""How many files a folder or an archive may have."""

MOST_TIMES_SMALLER: Final = 200
"""How much smaller a file that is read may be packed than it is; text comes to some 20."""

NOT_UTF_8: Final = "is not text in UTF-8: save it as UTF-8"

_SMALL: Final = 1_000_000
_LARGE: Final = 100_000_000
_CHUNK: Final = 64 * 1024
_LINK: Final = 0o120000
_KIND: Final = 0o170000
_ENCRYPTED: Final = 0x1
_PACKED: Final = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!", b"\x1f\x8b", b"BZh", b"\xfd7zXZ")
"""How archives begin, also those that are not read here."""
_HEADER: Final = 30  # and more, before what is packed (APPNOTE.TXT, section 4.3.7)
_DRIVE: Final = re.compile(r"[A-Za-z]:")
# zipfile unpacks these bit by bit; of the others, whatever a bit of the archive comes to at once.
_PACKINGS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_TOO_SMALL: Final = (
    f"is more than {MOST_TIMES_SMALLER} times as large as it is packed, as no text is: if you trust "
    "the archive, unpack it, and import the folder"
)
_BROKEN: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    zlib.error,
)


@contextmanager
def opened(path: Path) -> Iterator["Opened"]:
    """
    Lend what lies at *path*: a file, a folder with all below it, or a zip archive.

    Raises:
        MalformedInput: There is nothing, it cannot be read, or it is an archive that is not safe.
    """
    try:
        if path.exists() and not (path.is_dir() or path.is_file()):
            # It could be read once, and finding out what it is takes more than that.
            raise MalformedInput(f"{path} is no file that can be read twice: save it first")
        if path.is_dir():
            yield Opened(path.resolve().name, *_files_below(path))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                yield Opened(path.name, *_members(archive), path.stat().st_size)
        else:
            with path.open("rb"):
                yield Opened(path.name, [_Plain(path.name, path)])
    except (zipfile.BadZipFile, UnicodeError, NotImplementedError, struct.error):
        raise MalformedInput(f"{path.name} is a damaged archive") from None
    except OSError as error:
        raise MalformedInput(f"{path} cannot be read: {error.strerror}") from None


def text_of(file: SourceFile) -> io.TextIOWrapper:
    """Return the text of *file*, which must be UTF-8, with or without a byte order mark."""
    return io.TextIOWrapper(file.open(), encoding="utf-8-sig", newline="")


def unreadable(file: SourceFile) -> str | None:
    """Return why nothing can be made of *file*, and what to do, where that shows at its beginning."""
    with file.open() as raw:
        begins = raw.read(_CHUNK)
    if not begins:
        return "is empty"
    if begins.startswith(_PACKED):
        return (
            "is an archive that is not whole, or not read here: unpack it, and import what it holds"
        )
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return NOT_UTF_8
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begins)
    except UnicodeDecodeError:
        return None if b"\0" in begins else NOT_UTF_8
    return None


class Opened(Source):
    """What is imported, and how much of it was read."""

    def __init__(
        self,
        name: str,
        found: "Sequence[_Plain | _Member]",
        links: Sequence[str] = (),
        packed: int | None = None,
    ) -> None:
        self._name = name
        self.links = links
        """The names of links, none of which is followed."""
        self._files = [_Metered(file, self) for file in found]
        self._bytes = sum(file.size for file in found)
        self.packed = self._bytes if packed is None else packed
        self._room = max(MOST_TIMES_SMALLER * self.packed, _LARGE)
        self._unpacked = Counter[str]()
        self.read = 0

    def took(self, file: "_Plain | _Member", size: int, at: int) -> None:
        """
        Count that *size* more bytes of *file* were read, up to *at*.

        Raises:
            MalformedInput: They are more than an honest archive of this size holds.
        """
        self.read += size
        if not isinstance(file, _Member):
            return
        self._room -= max(0, at - self._unpacked[file.name])
        self._unpacked[file.name] = max(at, self._unpacked[file.name])
        if at > file.most or self._room < 0:
            raise MalformedInput(f"{file.name} {_TOO_SMALL}")

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Take what is read meanwhile for not read: it is only looked at."""
        before = self.read, self._room, self._unpacked.copy()
        try:
            yield
        finally:
            self.read, self._room, self._unpacked = before

    @property
    def name(self) -> str:
        """See `Source`."""
        return self._name

    @property
    def files(self) -> Sequence[SourceFile]:
        """See `Source`."""
        return self._files

    @property
    def fraction(self) -> float:
        """How much was read, from 0 to 1."""
        return min(1.0, self.read / self._bytes) if self._bytes else 1.0


@attrs.frozen
class _Plain:
    name: str
    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> IO[bytes]:
        return self.path.open("rb", buffering=0)


@attrs.frozen
class _Member:
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo
    overlaps: bool

    @property
    def name(self) -> str:
        return self.info.filename

    @property
    def size(self) -> int:
        return self.info.file_size

    @property
    def most(self) -> int:
        return max(_SMALL, MOST_TIMES_SMALLER * self.info.compress_size)

    def open(self) -> IO[bytes]:
        if self.overlaps:
            raise MalformedInput(f"{self.name} shares its bytes with other files of the archive")
        if self.info.compress_type not in _PACKINGS:
            raise MalformedInput(
                f"{self.name} is packed in a way that is not read here: unpack the archive, and "
                "import the folder"
            )
        # It ends where the directory says, whatever is packed.
        return self.archive.open(self.info)


@attrs.frozen
class _Metered:
    file: _Plain | _Member
    meter: Opened

    @property
    def name(self) -> str:
        return self.file.name

    def open(self) -> BinaryIO:
        try:
            data = self.file.open()
        except _BROKEN as error:
            raise _failed(self.name, error) from None
        return io.BufferedReader(_Reading(self.file, data, self.meter), _CHUNK)


class _Reading(io.RawIOBase):
    """A file that is being read. Errors are told in our words."""

    def __init__(self, file: _Plain | _Member, data: IO[bytes], meter: Opened) -> None:
        self._file = file
        self._data = data
        self._at = 0
        self._meter = meter

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer*, and return how far."""
        try:
            found = self._data.read(len(buffer))
        except _BROKEN as error:
            raise _failed(self._file.name, error) from None
        buffer[: len(found)] = found
        self._at += len(found)
        self._meter.took(self._file, len(found), self._at)
        return len(found)

    def close(self) -> None:
        """Let go of the file."""
        self._data.close()
        super().close()


def _failed(name: str, error: Exception) -> MalformedInput:
    """Return the error that says so: of a file on the disk with the system's reason."""
    reason = error.strerror if isinstance(error, OSError) else None
    return MalformedInput(f"{name} cannot be read{f': {reason}' if reason else '; it is damaged'}")


def _files_below(folder: Path) -> tuple[list[_Plain], list[str]]:
    """Return the files below *folder* by name, and the names of links; hidden ones are left out."""

    def refuse(error: OSError) -> None:
        raise MalformedInput(f"{error.filename} cannot be read: {error.strerror}") from None

    found: list[Path] = []
    links: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not _is_hidden(PurePath(name))]
        paths = [Path(place, n) for n in [*folders, *names] if not _is_hidden(PurePath(n))]
        links += (path for path in paths if path.is_symlink())
        found += (path for path in paths if not path.is_symlink() and path.is_file())
        if len(found) + len(links) > MOST_FILES:
            raise MalformedInput(f"{folder.name} has more than {MOST_FILES:,} files")
    return (
        [_Plain(path.relative_to(folder).as_posix(), path) for path in sorted(found)],
        [path.relative_to(folder).as_posix() for path in sorted(links)],
    )


def _members(archive: zipfile.ZipFile) -> tuple[list[_Member], list[str]]:
    """
    Return the files in *archive* by name, and the names of links; hidden ones are left out.

    Raises:
        MalformedInput: One is named so that it leads elsewhere.
    """
    infos = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if len(infos) > MOST_FILES:
        raise MalformedInput(f"the archive has more than {MOST_FILES:,} files")
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise MalformedInput("the archive has a password: unpack it first, and import the folder")
    for info in infos:
        if problem := _problem(info):
            raise MalformedInput(f"the archive is not safe: {problem}")
    if len({info.filename for info in infos}) < len(infos):
        raise MalformedInput("the archive is not safe: two files have one name")
    overlapping = _overlapping(infos)
    shown = [
        info
        for info in sorted(infos, key=lambda info: info.filename)
        if not _is_hidden(PurePosixPath(info.filename))
    ]
    return (
        [
            _Member(archive, info, overlaps=info.filename in overlapping)
            for info in shown
            if not _is_link(info)
        ],
        [info.filename for info in shown if _is_link(info)],
    )


def _overlapping(infos: Sequence[zipfile.ZipInfo]) -> AbstractSet[str]:
    """Return the names of the files that end after the next one begins: of few bytes, many are made."""
    by_place = sorted(infos, key=lambda info: info.header_offset)
    return {
        one.filename
        for one, next_ in pairwise(by_place)
        if one.header_offset + _HEADER + one.compress_size > next_.header_offset
    }


def _is_hidden(name: PurePath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _problem(info: zipfile.ZipInfo) -> str | None:
    name = PurePosixPath(info.filename)
    if not name.parts or name.is_absolute() or ".." in name.parts or "\\" in info.filename:
        return "a file is named so that it would lie outside of it"
    if _DRIVE.match(info.filename):
        return "a file is named so that it would lie outside of it"
    return None


def _is_link(info: zipfile.ZipInfo) -> bool:
    return (info.external_attr >> 16) & _KIND == _LINK
