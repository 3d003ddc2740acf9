"""Where exports go: a new file that is there whole, or not at all."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

from reflekt_core.errors import StoreError
from reflekt_core.model.transfer import ExportKind, ExportRecord
from reflekt_core.ports import Format

__all__ = ["fresh", "written"]

_NOW_AND_THEN: Final = 100
_LONGEST_NAME: Final = 50


def written(
    path: Path,
    format: Format,  # noqa: A002 - the word for it
    records: Iterable[ExportRecord],
    told: Callable[[int], object] = lambda _: None,
    finish: Callable[[BinaryIO], object] = lambda _: None,
) -> int:
    """
    Write *records* to the new file *path*, and return how many it holds; *told* hears it on the way.

    *finish* gets what was written, and may add to it.

    Raises:
        StoreError: The file exists, or cannot be written.
    """
    counted = _Counted(records, told, everything=format.holds_all)
    try:
        with fresh(path) as target:
            format.write(counted, target)
            finish(target)
    except FileExistsError:
        raise StoreError(f"{path} exists already; name another file") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    return counted.count


@contextmanager
def fresh(path: Path) -> Iterator[BinaryIO]:
    """
    Lend the new file *path*, for its owner alone.

    It lies beside under another name until it is whole and on the disk.

    Raises:
        FileExistsError: There is something of that name.
    """
    _look(path)
    draft = path.with_name(f".{path.name[:_LONGEST_NAME]}.{token_hex(8)}")
    try:
        with open(draft, "x+b", opener=_for_its_owner) as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        _publish(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _publish(draft: Path, path: Path) -> None:
    """Give *draft* its name, if that is still free."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:  # there are none on this disk
        _look(path)
        draft.rename(path)


def _look(path: Path) -> None:
    if os.path.lexists(path):
        raise FileExistsError


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Counted:
    """Records, counted as they go by."""

    def __init__(
        self,
        records: Iterable[ExportRecord],
        told: Callable[[int], object],
        *,
        everything: bool,
    ) -> None:
        self._records = records
        self._told = told
        self._everything = everything
        self.count = 0

    def __iter__(self) -> Iterator[ExportRecord]:
        for record in self._records:
            if self._everything or _is_shown(record):
                self.count += 1
                if not self.count % _NOW_AND_THEN:
                    self._told(self.count)
            yield record


def _is_shown(record: ExportRecord) -> bool:
    return record.kind is ExportKind.ENTRY and record.value["trashed_at"] is None
