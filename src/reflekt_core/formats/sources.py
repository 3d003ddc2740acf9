"""
Where imports come from: a file, a folder, or an archive, read without trusting it.

An archive may claim small sizes and hold large ones, or name files outside of itself; a folder may
hold links that lead out of it. None of that is followed.
"""

import codecs
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, BinaryIO, Final

import attrs

from reflekt_core.errors import MalformedInput
from reflekt_core.ports import Source, SourceFile

__all__ = [
    "MOST_FILES",
    "MOST_TIMES_SMALLER",
    "Opened",
    "is_in_another_encoding",
    "opened",
    "text_of",
]

MOST_FILES: Final = 200_000
"""How many files a folder or an archive may have."""

MOST_TIMES_SMALLER: Final = 200
"""How much smaller a file may be packed than it is; text comes to some 20."""

_SMALL: Final = 1_000_000
_LARGE: Final = 100_000_000
_CHUNK: Final = 64 * 1024
_LINK: Final = 0o120000
_KIND: Final = 0o170000
_ENCRYPTED: Final = 0x1
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
            yield Opened(path.resolve().name, _files_below(path))
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = [_Member(archive, info) for info in _safe(archive)]
                yield Opened(path.name, members, path.stat().st_size)
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


def is_in_another_encoding(file: SourceFile) -> bool:
    """Tell whether *file* seems to be text, but not UTF-8."""
    with file.open() as raw:
        begins = raw.read(_CHUNK)
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(begins)
    except UnicodeDecodeError:
        return b"\0" not in begins
    return False


class Opened(Source):
    """What is imported, and how much of it was read."""

    def __init__(
        self, name: str, found: "Sequence[_Plain | _Member]", packed: int | None = None
    ) -> None:
        self._name = name
        self._files = [_Metered(file, self) for file in found]
        self._bytes = sum(file.size for file in found)
        self.packed = self._bytes if packed is None else packed
        self.read = 0

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

    @property
    def name(self) -> str:
        return self.info.filename

    @property
    def size(self) -> int:
        return self.info.file_size

    def open(self) -> IO[bytes]:
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
            return io.BufferedReader(_Reading(self.file.open(), self.name, self.meter), _CHUNK)
        except _BROKEN:
            raise MalformedInput(f"{self.name} cannot be read; it is damaged") from None


class _Reading(io.RawIOBase):
    """A file that is being read. Errors are told in our words."""

    def __init__(self, file: IO[bytes], name: str, meter: Opened) -> None:
        self._file = file
        self._name = name
        self._meter = meter

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer*, and return how far."""
        try:
            found = self._file.read(len(buffer))
        except _BROKEN:
            raise MalformedInput(f"{self._name} cannot be read; it is damaged") from None
        buffer[: len(found)] = found
        self._meter.read += len(found)
        return len(found)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
        super().close()


def _files_below(folder: Path) -> list[_Plain]:
    """Return the files below *folder* by name; hidden ones and links are left out."""
    root = folder.resolve()
    found: list[_Plain] = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if _is_hidden(name) or path.is_symlink() or not path.is_file():
            continue
        if not path.resolve().is_relative_to(root):
            continue
        if len(found) >= MOST_FILES:
            raise MalformedInput(f"{folder.name} has more than {MOST_FILES:,} files")
        found.append(_Plain(name.as_posix(), path))
    return found


def _safe(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files in *archive* by name without hidden ones, if none of them is a trap."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_FILES:
        raise MalformedInput(f"the archive has more than {MOST_FILES:,} files")
    for info in infos:
        if problem := _problem(info):
            raise MalformedInput(f"the archive is not safe: {problem}")
    if len({info.filename for info in infos}) < len(infos):
        raise MalformedInput("the archive is not safe: two files have one name")
    packed = sum(info.compress_size for info in infos)
    if sum(info.file_size for info in infos) > max(MOST_TIMES_SMALLER * packed, _LARGE):
        raise MalformedInput("the archive is not safe: it is packed much smaller than text can be")
    shown = (info for info in infos if not _is_hidden(PurePosixPath(info.filename)))
    return sorted(shown, key=lambda info: info.filename)


def _is_hidden(name: PurePath) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.parts)


def _problem(info: zipfile.ZipInfo) -> str | None:
    name = PurePosixPath(info.filename)
    if name.is_absolute() or ".." in name.parts or "\\" in info.filename or ":" in name.parts[0]:
        return "a file is named so that it would lie outside of it"
    if (info.external_attr >> 16) & _KIND == _LINK:
        return "it holds a link"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack it first"
    if info.file_size > _SMALL and info.file_size > MOST_TIMES_SMALLER * info.compress_size:
        return "a file in it is packed much smaller than text can be"
    return None
