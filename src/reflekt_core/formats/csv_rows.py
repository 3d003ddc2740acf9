"""Rows of CSV files with a header, whoever wrote them, and whatever stands between the fields."""

import csv
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, TextIO

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.sources import NOT_UTF_8, text_of
from reflekt_core.ports import Source, SourceFile

__all__ = ["NOT_CSV", "NO_DATE", "OF_DAYLIO", "OF_TABLES", "columns_needed", "header_of", "rows"]

NOT_CSV: Final = "is not CSV: a quotation mark is missing, or is not doubled"
NO_DATE: Final = "must be such as 2026-11-22; for another way to write dates give a date format, such as %m/%d/%Y"

OF_TABLES: Final = frozenset({"date", "content"})
"""The columns that a table must have."""

OF_DAYLIO: Final = frozenset({"full_date", "time", "mood", "activities", "note"})
"""The columns that Daylio's export has, whatever its version."""

_NAMES: Final = (".csv", ".tsv")
_BETWEEN: Final = ",;\t"
_LONGEST_HEADER: Final = 10_000
_LONGEST_FIELD: Final = 1_000_000
_LONGEST_LINE: Final = 4 * _LONGEST_FIELD
_TOO_LONG: Final = "field larger than field limit"


def header_of(source: Source) -> Sequence[str]:
    """Return the names of the columns in the one file of *source*; none if it has no header."""
    return _columns(source.files[0]) if len(source.files) == 1 else ()


def columns_needed(file: SourceFile) -> str | None:
    """Return which columns *file* must have; None if it is no table, or lacks none."""
    names = set(_columns(file))
    is_table = file.name.lower().endswith(_NAMES) or (len(names) > 1 and names & OF_TABLES)
    if not is_table or names >= OF_TABLES:
        return None
    return (
        f"is a table without the columns that are needed: {_said(OF_TABLES)} (or all of Daylio's: "
        f"{_said(OF_DAYLIO)}); it lacks {_said(OF_TABLES - names)}. Name them so in its first line"
    )


def _said(names: AbstractSet[str]) -> str:
    *others, last = sorted(names)
    return f"{', '.join(others)} and {last}" if others else last


def _columns(file: SourceFile) -> Sequence[str]:
    try:
        with text_of(file) as lines:
            return _header(lines)[0]
    except (UnicodeDecodeError, csv.Error):
        return ()


def rows(file: SourceFile, needed: AbstractSet[str]) -> Iterator[tuple[int, dict[str, str] | None]]:
    """
    Yield the rows below the header by column, each with the number of the line where it begins.

    None stands for a row that is no CSV.

    Raises:
        MalformedInput: It is not in UTF-8, lacks a column that is *needed*, or has a field of more
            than a million characters.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    line = 1
    with text_of(file) as lines:
        try:
            names, between, above = _header(lines)
            if lacking := needed - set(names):
                said = ", ".join(sorted(lacking))
                raise MalformedInput(f"{file.name} must have columns with these names: {said}")
            reader = csv.reader(_bounded(lines), delimiter=between, strict=True)
            while True:
                line = above + reader.line_num + 1
                row = _next(reader)
                if row is None:
                    yield line, None
                elif any(row):
                    yield line, dict(zip(names, row, strict=False))
        except StopIteration:
            return
        except csv.Error:
            raise MalformedInput(
                f"{file.name}, line {line}: a field has more than {_LONGEST_FIELD:,} characters"
            ) from None
        except UnicodeDecodeError:
            raise MalformedInput(f"{file.name} {NOT_UTF_8}") from None


def _header(lines: TextIO) -> tuple[Sequence[str], str, int]:
    """Return the names of the columns, what stands between them, and how many lines that took."""
    for number, line in enumerate(iter(lambda: lines.readline(_LONGEST_HEADER), ""), 1):
        # Spreadsheets may say in a line of their own what stands between the fields.
        if line.strip() and not line.lower().startswith("sep="):
            between = max(_BETWEEN, key=line.count)
            names = next(csv.reader([line], delimiter=between), [])
            return [name.strip().lower() for name in names], between, number
    return (), ",", 0


def _next(reader: Iterator[list[str]]) -> list[str] | None:
    """Return the next row; None if it is no CSV. The one after it begins on the next line."""
    try:
        return next(reader)
    except csv.Error as error:
        if str(error).startswith(_TOO_LONG):
            raise
        return None


def _bounded(lines: TextIO) -> Iterator[str]:
    while line := lines.readline(_LONGEST_LINE):
        if len(line) >= _LONGEST_LINE:
            raise csv.Error(_TOO_LONG)
        yield line
