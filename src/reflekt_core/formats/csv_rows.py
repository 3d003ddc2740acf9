"""Rows of CSV files with a header, whoever wrote them."""

import csv
from collections.abc import Iterator, Sequence
from typing import Final

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.sources import text_of
from reflekt_core.ports import Source, SourceFile

__all__ = ["header_of", "rows"]

_LONGEST_FIELD: Final = 1_000_000


def header_of(source: Source) -> Sequence[str]:
    """Return the names of the columns in the one file of *source*; none if it has no header."""
    if len(source.files) != 1:
        return ()
    try:
        with text_of(source.files[0]) as lines:
            first = lines.readline(10_000)
        return [name.strip().lower() for name in next(csv.reader([first]), [])]
    except (UnicodeDecodeError, csv.Error):
        return ()


def rows(file: SourceFile) -> Iterator[tuple[int, dict[str, str]]]:
    """
    Yield the rows below the header by column, each with the number of the line where it ends.

    Raises:
        MalformedInput: It is no CSV in UTF-8, or a field has more than a million characters.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    with text_of(file) as lines:
        reader = csv.reader(lines, strict=False)
        line = 1
        try:
            names = [name.strip().lower() for name in next(reader, [])]
            for row in reader:
                line = reader.line_num
                if any(row):
                    yield line, dict(zip(names, row, strict=False))
        except csv.Error:
            raise MalformedInput(
                f"{file.name}, after line {line}: is not CSV, or a field has more than "
                f"{_LONGEST_FIELD:,} characters"
            ) from None
        except UnicodeDecodeError:
            raise MalformedInput(f"{file.name} is not text in UTF-8") from None
