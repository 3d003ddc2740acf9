"""Reflekt's own formats: everything a user has, to the last field. One record a line, or one document."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Final

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.json_stream import elements, member, outline
from reflekt_core.model.transfer import Broken, ExportKind, ExportRecord, ReadOptions, unfit
from reflekt_core.ports import Format, Source, SourceFile

__all__ = ["JSONFormat", "NDJSONFormat"]

_VERSION: Final = 1
_MOST_BYTES: Final = 16_000_000
_KINDS: Final = frozenset(ExportKind)
_VERSIONS: Final = ("version", "content_version", "entry_version")
_LAST_VERSION: Final = 2**53 - 1
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class NDJSONFormat(Format):
    """A record a line, as ``GET /account/export`` answers."""

    name = "ndjson"
    suffix = ".ndjson"
    holds_all = True

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        if len(source.files) != 1:
            return False
        with source.files[0].open() as lines:
            line = lines.readline(_MOST_BYTES)
        return isinstance(_record("", line), ExportRecord)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ExportRecord | Broken]:  # noqa: ARG002 - nothing is left open
        """See `Format`."""
        with _only(source).open() as lines:
            number = 0
            while line := lines.readline(_MOST_BYTES):
                number += 1
                if line.strip():
                    yield _record(f"line {number}", line)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        target.writelines(f"{_line(record)}\n".encode() for record in records)


class JSONFormat(Format):
    """One document with all records."""

    name = "json"
    suffix = ".json"
    holds_all = True

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        if len(source.files) != 1:
            return False
        names, record = outline(source.files[0], "records")
        return "reflekt" in names or isinstance(_checked("", record), ExportRecord)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ExportRecord | Broken]:  # noqa: ARG002 - nothing is left open
        """See `Format`."""
        file = _only(source)
        if (version := member(file, "reflekt")) is not None and version != _VERSION:
            raise MalformedInput(f"{source.name} was written by a newer Reflekt: import it there")
        for number, value in enumerate(elements(file, "records"), 1):
            yield _checked(f"record {number}", value)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        target.write(f'{{"reflekt":{_VERSION},"records":['.encode())
        target.writelines(
            f"{',' if number else ''}\n{_line(record)}".encode()
            for number, record in enumerate(records)
        )
        target.write(b"\n]}\n")


def _only(source: Source) -> SourceFile:
    if len(source.files) != 1:
        raise MalformedInput(f"{source.name} must be one file")
    return source.files[0]


def _line(record: ExportRecord) -> str:
    return _encode({"kind": record.kind.value, "value": record.value})


def _record(place: str, line: bytes) -> ExportRecord | Broken:
    try:
        value = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Broken(place, "is not JSON in UTF-8")
    return _checked(place, value)


def _checked(place: str, value: Any) -> ExportRecord | Broken:
    if not isinstance(value, dict) or set(value) != {"kind", "value"}:
        return Broken(place, 'must be an object with "kind" and "value"')
    kind, held = value["kind"], value["value"]
    if not isinstance(kind, str) or kind not in _KINDS or not isinstance(held, dict):
        return Broken(place, f"kind must be one of {', '.join(sorted(_KINDS))}, value an object")
    if problem := unfit(held) or _numbered(held):
        return Broken(place, problem)
    return ExportRecord(ExportKind(kind), held, place)


def _numbered(held: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the versions of a record."""
    for name in _VERSIONS:
        version = held.get(name)
        if isinstance(version, int) and not 1 <= version <= _LAST_VERSION:
            return f"{name} must be from 1 to {_LAST_VERSION}"
    return None
