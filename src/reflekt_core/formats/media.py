"""
Media beside a journal: the files that entries name, in a folder of their own.

An archive may claim to hold more than it does, or much more than it seems to. A file gets its name
only once it is whole and on the disk, and never takes that of another.
"""

import os
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import Any, BinaryIO, Final, TypeVar

from reflekt_core.errors import InvalidInput, MalformedInput, StoreError
from reflekt_core.formats.sources import Opened, opened
from reflekt_core.formats.targets import fresh
from reflekt_core.model.transfer import (
    Arrival,
    Broken,
    ExportKind,
    ExportRecord,
    MediaReport,
    Medium,
)
from reflekt_core.ports import Format, MediaFormat, Source, SourceFile

__all__ = ["MOST_BYTES", "MOST_PROBLEMS", "MOST_TIMES_SMALLER", "MediaFolder"]

MOST_BYTES: Final = 4_000_000_000
"""How large a file may be."""

MOST_TIMES_SMALLER: Final = 20
"""How much smaller an archive may be than the media taken from it; they are packed already."""

MOST_PROBLEMS: Final = 100
"""How many files that were refused a report names."""

T = TypeVar("T")

_CHUNK: Final = 64 * 1024
_SMALL: Final = 1_000_000
_SAFE_NAME: Final = re.compile(r"[0-9A-Za-z-]{1,64}\.[0-9A-Za-z]{1,10}")


class MediaFolder:
    """
    The folder at *path*, for the media of journals in *format*; if *dry_run*, only looked at.

    Raises:
        InvalidInput: The format has no media, or there is something that is no folder.
    """

    def __init__(self, path: Path, format: Format, *, dry_run: bool = False) -> None:  # noqa: A002 - the word for it
        if not isinstance(format, MediaFormat):
            raise InvalidInput.field("media", f"{format.name} has none beside its entries")
        if path.exists() and not path.is_dir():
            raise InvalidInput.field("media", "must be a folder")
        self._path = path
        self._format = format
        self._dry_run = dry_run
        self._room = 0
        self._named: set[Medium] = set()
        self._count: Counter[str] = Counter()
        self._problems: list[Broken] = []

    @property
    def report(self) -> MediaReport:
        """What came of the media so far."""
        return MediaReport(
            kept=self._count["kept"],
            present=self._count["present"],
            missing=self._count["missing"],
            refused=self._count["refused"],
            problems=tuple(self._problems),
        )

    def kept(
        self,
        source: Opened,
        records: Iterable[T],
        told: Callable[[], object] = lambda: None,
    ) -> Iterator[T]:
        """
        Yield *records*, which were read from *source*, each once what it names is in the folder.

        *told* hears of each file.

        Raises:
            StoreError: The folder cannot be written.
        """
        files = _by_name(source)
        self._room = MOST_TIMES_SMALLER * source.packed + _SMALL
        for record in records:
            if isinstance(record, Arrival):
                for medium in self._new(record.extra):
                    self._keep(medium, _file(files, medium))
                    told()
            yield record
        if not self._dry_run:
            self._settle()

    def noted(self, records: Iterable[ExportRecord]) -> Iterator[ExportRecord]:
        """Yield *records*, whose media `pack` takes along."""
        for record in records:
            if record.kind is ExportKind.ENTRY and record.value["trashed_at"] is None:
                extra = record.value["extra"].get(self._format.name)
                self._named.update(self._format.media(extra) if isinstance(extra, dict) else ())
            yield record

    def pack(self, target: BinaryIO) -> None:
        """
        Add the media of all records that were noted to the archive in *target*.

        Raises:
            MalformedInput: One cannot be read.
        """
        with opened(self._path) as source:
            files = _by_name(source)
        wanted: dict[str, SourceFile] = {}  # several entries may name one file in several ways
        for medium in self._named:
            if file := _file(files, medium):
                wanted[f"{medium.folder}/{PurePosixPath(file.name).name}"] = file
            else:
                self._count["missing"] += 1
        self._count["kept"] = len(wanted)
        with zipfile.ZipFile(target, "a") as archive:
            for name, file in sorted(wanted.items()):
                with file.open() as data, archive.open(name, "w", force_zip64=True) as member:
                    copyfileobj(data, member, _CHUNK)

    def _new(self, extra: Mapping[str, Any]) -> Iterator[Medium]:
        for medium in self._format.media(extra):
            if medium not in self._named:
                self._named.add(medium)
                yield medium

    def _keep(self, medium: Medium, file: SourceFile | None) -> None:
        if file is None:
            self._count["missing"] += 1
            return
        try:
            new = self._take(file, medium.folder)
        except (_Refused, MalformedInput) as error:
            self._count["refused"] += 1
            said = str(error).removeprefix(f"{file.name} ")
            self._problems += [Broken(file.name, said)][: MOST_PROBLEMS - len(self._problems)]
        except OSError as error:
            raise StoreError(f"{self._path} cannot be written: {error.strerror}") from None
        else:
            self._count["kept" if new else "present"] += 1

    def _take(self, file: SourceFile, folder: str) -> bool:
        """Put *file* into the folder, and return whether it is new there."""
        name = PurePosixPath(file.name).name
        path = self._path / folder / name
        if not _SAFE_NAME.fullmatch(name):
            raise _Refused("has a name that media do not have")
        if os.path.lexists(path):
            self._compare(file, path)
            return False
        if self._dry_run:
            for _ in self._chunks(file):
                pass
            return True
        self._path.mkdir(0o700, parents=True, exist_ok=True)
        path.parent.mkdir(0o700, exist_ok=True)
        try:
            with fresh(path) as target:
                target.writelines(self._chunks(file))
        except FileExistsError:  # somebody was faster
            self._compare(file, path)
            return False
        return True

    def _compare(self, file: SourceFile, path: Path) -> None:
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as there:
                same = all(chunk == there.read(len(chunk)) for chunk in self._chunks(file))
                if same and not there.read(1):
                    return
        raise _Refused("another file of this name is there already")

    def _chunks(self, file: SourceFile) -> Iterator[bytes]:
        size = 0
        with file.open() as data:
            while chunk := data.read(_CHUNK):
                size += len(chunk)
                self._room -= len(chunk)
                if size > MOST_BYTES:
                    raise _Refused(f"has more than {MOST_BYTES:,} bytes")
                if self._room < 0:
                    raise _Refused("is packed much smaller than media can be, with the others")
                yield chunk

    def _settle(self) -> None:
        """See to it that the names are on the disk, too."""
        for folder in {self._path / medium.folder for medium in self._named}:
            with suppress(OSError):  # not there, or a system that has no such thing
                handle = os.open(folder, os.O_RDONLY)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)


class _Refused(Exception):
    """A file is not taken."""


def _by_name(source: Source) -> Mapping[str, list[SourceFile]]:
    """Return the files of *source* that may be media, by their names without suffix."""
    found: defaultdict[str, list[SourceFile]] = defaultdict(list)
    for file in source.files:
        path = PurePosixPath(file.name)
        if path.suffix.lower() != ".json":
            found[path.stem.lower()].append(file)
    return found


def _file(files: Mapping[str, list[SourceFile]], medium: Medium) -> SourceFile | None:
    """Return the file that is *medium*: of several, that in its folder, and of its type."""

    def distance(file: SourceFile) -> tuple[bool, bool, str]:
        path = PurePosixPath(file.name)
        elsewhere = path.parent.name.lower() != medium.folder.lower()
        return elsewhere, path.suffix[1:].lower() != medium.type.lower(), file.name

    found = [file for name in medium.names for file in files.get(name.lower(), ())]
    return min(found, key=distance, default=None)
