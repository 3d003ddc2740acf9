"""Where exports go: a new file that is there whole, or not at all."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from reflekt_core.errors import StoreError
from reflekt_core.model.transfer import ExportRecord
from reflekt_core.ports import Format

__all__ = ["written"]

_NOW_AND_THEN: Final = 100


def written(
    path: Path,
    format: Format,  # noqa: A002 - the word for it
    records: Iterable[ExportRecord],
    told: Callable[[int], object] = lambda _: None,
) -> int:
    """
    Write *records* to the new file *path*, and return how many there were; *told* hears it on the way.

    Raises:
        StoreError: The file exists, or cannot be written.
    """
    counted = _Counted(records, told)
    try:
        with open(path, "xb", opener=_for_its_owner) as target:
            try:
                format.write(counted, target)
            except BaseException:
                with suppress(OSError):
                    path.unlink()
                raise
    except FileExistsError:
        raise StoreError(f"{path} exists already; name another file") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from None
    return counted.count


def _for_its_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Counted:
    """Records, counted as they go by."""

    def __init__(self, records: Iterable[ExportRecord], told: Callable[[int], object]) -> None:
        self._records = records
        self._told = told
        self.count = 0

    def __iter__(self) -> Iterator[ExportRecord]:
        for record in self._records:
            self.count += 1
            if not self.count % _NOW_AND_THEN:
                self._told(self.count)
            yield record
