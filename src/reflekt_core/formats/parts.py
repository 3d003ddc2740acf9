"""
Which files of what is imported hold the journal, and which are left.

A folder or an archive may hold the journals of several programs. One format is taken at a time; what
is left is named, so that nobody takes a part for the whole.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from reflekt_core.errors import MalformedInput
from reflekt_core.formats import FORMATS, format_of, open_format, unknown
from reflekt_core.formats.sources import Opened
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, ImportReport, ReadOptions
from reflekt_core.ports import Format, Source, SourceFile

__all__ = ["MOST_LEFT", "MOST_LOOKED_AT", "Parts", "parts_of"]

MOST_LEFT: Final = 5
"""How many of the files that are left a report names."""

MOST_LOOKED_AT: Final = 1_000
"""How many files are looked at for the sake of telling what they hold."""

_BEGINNING: Final = 1_024
_ZIP: Final = b"PK\x03\x04"
_ARCHIVE: Final = ".zip"
_PASSED_OVER: Final = "files beside that hold no journal, passed over"
_NOT_LOOKED_AT: Final = "more files beside, passed over without a look"


@attrs.frozen
class Parts:
    """
    The journals in what is imported, all of one format.

    `left` are files that could be taken over, but not together with those, each with the reason.
    `passed_over` counts the others, by what they are.
    """

    format: Format
    sources: tuple[Source, ...]
    left: tuple[Broken, ...]
    passed_over: dict[str, int]

    def read(
        self, options: ReadOptions, *, strict: bool = False
    ) -> Iterator[Arrival | ExportRecord | Broken]:
        """Yield all records; if *strict*, what is left comes first, as what is broken."""
        if strict:
            yield from self.left
        for source in self.sources:
            for record in self.format.read(source, options):
                if len(self.sources) > 1:
                    yield attrs.evolve(record, place=f"{source.name}, {record.place}")
                else:
                    yield record

    def told(self, report: ImportReport) -> ImportReport:
        """Return *report* with what was left."""
        return attrs.evolve(
            report,
            left=len(self.left),
            left_files=self.left[:MOST_LEFT],
            notes={**report.notes, **self.passed_over},
        )


@attrs.frozen
class _Alone:
    """One file of several, as if it were all there is."""

    file: SourceFile

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def files(self) -> Sequence[SourceFile]:
        return (self.file,)


def parts_of(source: Opened, name: str = "auto") -> Parts:
    """
    Return the journals in *source* that are of the format called *name*, or that fits best.

    Raises:
        InvalidInput: There is no format of that name.
        MalformedInput: It is of none that is known.
    """
    whole = format_of(source) if name == "auto" else open_format(name)
    taken = {file.name for file in whole.takes(source)} if whole else set[str]()
    rest = [file for file in source.files if file.name not in taken]
    with source.looked_at():
        held = {file.name: _held(file) for file in rest[:MOST_LOOKED_AT]}
    sources: tuple[Source, ...] = (source,)
    if whole is None:
        whole = next((open_format(name) for name in FORMATS if name in held.values()), None)
        if whole is None:
            raise unknown(source)
        sources = tuple(_Alone(file) for file in rest if held.get(file.name) == whole.name)
        held = {name: what for name, what in held.items() if what != whole.name}
    left = [Broken(name, _why(what)) for name, what in held.items() if what]
    left += [Broken(name, "is a link, and none is followed") for name in source.links]
    passed = {
        _PASSED_OVER: sum(what is None for what in held.values()),
        _NOT_LOOKED_AT: len(rest[MOST_LOOKED_AT:]),
    }
    return Parts(
        whole, sources, tuple(left), {what: count for what, count in passed.items() if count}
    )


def _held(file: SourceFile) -> str | None:
    """Return the format of what *file* holds by itself, or how archives are called; else None."""
    try:
        with file.open() as data:
            begins = data.read(_BEGINNING)
        if begins.startswith(_ZIP) and file.name.lower().endswith(_ARCHIVE):
            return _ARCHIVE
        found = None if b"\0" in begins else format_of(_Alone(file))
    except MalformedInput:
        return None
    return found.name if found else None


def _why(what: str) -> str:
    if what == _ARCHIVE:
        return "is an archive: import it by itself"
    return f"holds a journal of the format {what}: import it by itself"
