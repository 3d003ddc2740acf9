"""
Day One: its JSON export, as a zip archive or bare.

An entry's text is Markdown in which signs are escaped with backslashes; a first line ``# …`` is the
title. Where it is missing, it is made of the rich text beside it. Photos and other media are named in
the entry's other fields, by which they are found in the archive.
"""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final
from uuid import UUID

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.json_stream import elements, outline
from reflekt_core.formats.records import Keys, entries_in
from reflekt_core.formats.rich_text import markdown_of
from reflekt_core.model.entries import Entry, Zone
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, Medium, ReadOptions
from reflekt_core.ports import MediaFormat, Source, SourceFile

__all__ = ["DayOneFormat"]

_MEDIA: Final = {
    "photos": ("photos", "photo"),
    "videos": ("videos", "video"),
    "audios": ("audios", "audio"),
    "pdfAttachments": ("pdfs", "PDF"),
}
"""Under each name: the folder in the archive, and what one is called."""
_FOLDERS: Final = frozenset(folder for folder, _ in _MEDIA.values())
_UNDERSTOOD: Final = frozenset(
    {
        "uuid",
        "creationDate",
        "modifiedDate",
        "timeZone",
        "text",
        "richText",  # the same text once more, unless that is missing
        "tags",
        "starred",
    }
)
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")
_TO_ESCAPE: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_HEADING: Final = re.compile(r"\A#{1,6}[ \t]+(\S[^\n]*)(?:\n+|\Z)")
_OFFSET: Final = re.compile(r"(?:GMT|UTC)([+-])(\d\d):?(\d\d)")


class DayOneFormat(MediaFormat):
    """Day One."""

    name = "dayone"
    suffix = ".zip"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        return any(True for _ in _journals(source))

    def takes(self, source: Source) -> Sequence[SourceFile]:
        """See `Format`."""
        media = (file for file in source.files if PurePosixPath(file.name).parent.name in _FOLDERS)
        return [*_journals(source), *media]

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:  # noqa: ARG002 - nothing is left open
        """See `Format`."""
        made = Keys()
        journals = list(_journals(source))
        if not journals:
            raise MalformedInput(f"{source.name} holds no journal of Day One")
        for file in journals:
            for number, value in enumerate(elements(file, "entries"), 1):
                yield _arrival(f"{file.name}, entry {number}", value, made)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("Journal.json", "w", force_zip64=True) as file,
        ):
            file.write(b'{"metadata":{"version":"1.0"},"entries":[')
            for number, (entry, _) in enumerate(entries_in(records)):
                shown = json.dumps(_shown(entry), ensure_ascii=False)
                file.write(f"{',' if number else ''}\n{shown}".encode())
            file.write(b"\n]}\n")

    def media(self, extra: Mapping[str, Any]) -> Iterator[Medium]:
        """See `MediaFormat`."""
        for key, (folder, _) in _MEDIA.items():
            for named in _listed(extra.get(key)):
                if isinstance(named, dict) and (names := _strings(named, "md5", "identifier")):
                    type_ = _strings(named, "type", "format")
                    yield Medium(folder, names, type_[0] if type_ else "")


def _journals(source: Source) -> Iterator[SourceFile]:
    for file in source.files:
        named = file.name.lower().endswith(".json") or len(source.files) == 1
        if named and _is_journal(file):
            yield file


def _is_journal(file: SourceFile) -> bool:
    names, entry = outline(file, "entries")
    return {"metadata", "entries"} <= set(names) or "creationDate" in entry


def _arrival(place: str, value: Any, made: Keys) -> Arrival | Broken:
    if not isinstance(value, dict):
        return Broken(place, "must be an object")
    try:
        text = _text(value)
        rich = None if text else value.get("richText")
        title, content = _split(markdown_of(rich)) if rich else map(_unescaped, _split(text))
        id = _id(value.get("uuid"))
        return Arrival(
            place=place,
            key="" if id else made(value.get("creationDate"), text or rich),
            id=id,
            content=content or _only_media(value),
            title=title,
            tags=tuple(tag for tag in _listed(value.get("tags")) if isinstance(tag, str)),
            starred=value.get("starred") == 1,  # or 1.0, or true
            occurred_at=_there(value.get("creationDate")),
            time_zone=_zone(value.get("timeZone")),
            created_at=_time(value.get("creationDate")),
            updated_at=_time(value.get("modifiedDate")),
            extra={name: held for name, held in value.items() if name not in _UNDERSTOOD}
            | ({"richText": rich} if rich else {}),
        )
    except (ValueError, TypeError) as error:
        return Broken(
            place, str(error) if type(error) is ValueError else "is not as Day One writes"
        )


def _text(value: Mapping[str, Any]) -> str:
    text = value.get("text") or ""
    if not isinstance(text, str):
        raise ValueError("text must be a string")  # noqa: TRY004 - told as all that is wrong with a record
    return text.replace("\r\n", "\n") if text.strip() else ""


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _split(text: str) -> tuple[str, str]:
    """Return the title and the content."""
    heading = _HEADING.match(text)
    if not heading:
        return "", text
    rest = text[heading.end() :]
    title = heading[1].rstrip()
    return (title, rest) if rest.strip() else ("", title)


def _only_media(value: Mapping[str, Any]) -> str:
    """Return what stands for the text of an entry that has none."""
    found = [
        f"{len(media)} {kind}{'s' if len(media) > 1 else ''}"
        for name, (_, kind) in _MEDIA.items()
        if (media := _listed(value.get(name)))
    ]
    if not found:
        raise ValueError("has neither text nor media")
    return f"({', '.join(found)})"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(value: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(said for name in names if isinstance(said := value.get(name), str) and said)


def _id(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError(
            "creationDate and modifiedDate must be such as 2026-11-22T21:40:00Z"
        ) from None
    return found


def _there(value: Any) -> datetime:
    at = _time(value)
    if at is None:
        raise ValueError("creationDate is missing")
    # It is in UTC, also where it does not say so.
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _zone(value: Any) -> str | None:
    """Return the name of the zone *value*; None for what is no name of one: the time is in UTC."""
    name = value.replace("\\/", "/") if isinstance(value, str) else ""
    if offset := _OFFSET.fullmatch(name):
        # Under this name the sign is the other way round.
        sign = {"+": "-", "-": "+"}[offset[1]]
        name = f"Etc/GMT{sign}{int(offset[2])}" if offset[3] == "00" else ""
    return None if Zone().problem(name) else name


def _shown(entry: Entry) -> dict[str, Any]:
    """Return the entry as Day One has it, with what it brought along from there."""
    heading = f"# {entry.title}\n\n" if entry.title else ""
    text = _TO_ESCAPE.sub(r"\\\\", f"{heading}{entry.content}")
    kept = dict(entry.extra.get("dayone", {}))
    rich = kept.pop("richText", None)
    return {
        **kept,
        "uuid": entry.id.hex.upper(),
        "creationDate": _utc(entry.occurred_at),
        "modifiedDate": _utc(entry.updated_at),
        "timeZone": entry.time_zone,
        **({"richText": rich} if _says(rich, entry) else {"text": text}),
        "tags": list(entry.tags),
        "starred": entry.starred,
    }


def _says(rich: Any, entry: Entry) -> bool:
    """Tell whether *rich*, which was all the text there was, still is what the entry says."""
    try:
        return bool(rich) and _split(markdown_of(rich)) == (entry.title, entry.content)
    except ValueError:
        return False


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
