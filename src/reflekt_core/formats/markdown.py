"""
Markdown with YAML front matter: a file, a folder, or a vault of Obsidian.

A file is an entry. Its front matter may say `title`, `date`, `tags`, `mood`, `category`, `starred`,
`time_zone` and `id`. Without a date there, the name of the file has it (``2026-11-22 A walk.md``);
without a title there, the first heading or the name of the file is the title. Words such as ``#sea``
are tags.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final
from uuid import UUID

from reflekt_core.errors import MalformedInput
from reflekt_core.formats.records import Keys, entries_in
from reflekt_core.model.entries import Entry
from reflekt_core.model.transfer import Arrival, Broken, ExportRecord, ReadOptions
from reflekt_core.ports import Format, Source, SourceFile

__all__ = ["MarkdownFormat"]

_SUFFIXES: Final = (".md", ".markdown")
_MOST_BYTES: Final = 1_000_000
_LONGEST_MATTER: Final = 64 * 1024
_MATTER: Final = re.compile(
    r"\A---[ \t]*(\r?\n)(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE
)
_DATED: Final = re.compile(
    r"(?P<year>\d{4})(?P<between>[-_.]?)(?P<month>\d\d)(?P=between)(?P<day>\d\d)"
    r"(?:[T _-]*(?P<hour>[01]\d|2[0-3])[:.h-]?(?P<minute>[0-5]\d)(?:[:.]?(?P<second>[0-5]\d))?(?!\d))?"
    r"[\s_,-]*(?P<rest>.*)",
    re.DOTALL,
)
_HEADING: Final = re.compile(r"\A\s*#[ \t]+(\S[^\n]*)(?:\n+|\Z)")
_CODE: Final = re.compile(
    r"^[ \t]*(`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^[ \t]*\1|\Z)|`[^`\n]*`", re.DOTALL | re.MULTILINE
)
_TAG: Final = re.compile(r"(?<!\S)#([\w/-]*[^\W\d_][\w/-]*)")
_UNDERSTOOD: Final = frozenset(
    {
        "id",
        "title",
        "date",
        "created",
        "updated",
        "tags",
        "mood",
        "category",
        "starred",
        "time_zone",
    }
)
_UNSAFE: Final = re.compile(r"[^\w -]+")
_NO_VALUE: Final = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError)
"""What PyYAML raises besides its own of values that are not what their marks say."""


class MarkdownFormat(Format):
    """Markdown files with front matter."""

    name = "markdown"
    suffix = ".zip"

    def recognises(self, source: Source) -> bool:
        """See `Format`."""
        if len(source.files) == 1 and not _is_markdown(source.files[0]):
            return _text(source.files[0]).startswith(("---\n", "---\r\n"))
        return any(map(_is_markdown, source.files))

    def takes(self, source: Source) -> Sequence[SourceFile]:
        """See `Format`."""
        return source.files if len(source.files) == 1 else [*filter(_is_markdown, source.files)]

    def read(self, source: Source, options: ReadOptions) -> Iterator[Arrival | Broken]:  # noqa: ARG002 - nothing is left open
        """See `Format`."""
        made = Keys()
        notes = self.takes(source)
        if source.files and not notes:
            raise MalformedInput(f"{source.name} holds no Markdown: no name ends in .md")
        for file in notes:
            yield _arrival(file, made)

    def write(self, records: Iterable[ExportRecord], target: BinaryIO) -> None:
        """See `Format`."""
        names: set[str] = set()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry, category in entries_in(records):
                name = _name(entry)
                name = name if name not in names else f"{name} {entry.id}"
                names.add(name)
                archive.writestr(f"{entry.local_date.year:04}/{name}.md", _file(entry, category))


def _is_markdown(file: SourceFile) -> bool:
    return file.name.lower().endswith(_SUFFIXES)


def _text(file: SourceFile) -> str:
    """Return the text of *file*; nothing if it is too long, or no text."""
    with file.open() as raw:
        data = raw.read(_MOST_BYTES + 1)
    try:
        return "" if len(data) > _MOST_BYTES else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _arrival(file: SourceFile, made: Keys) -> Arrival | Broken:
    try:
        text = _text(file)
    except MalformedInput as error:
        return Broken(file.name, str(error).removeprefix(f"{file.name} "))
    if not text.strip():
        return Broken(
            file.name, f"is empty, is no text in UTF-8, or has more than {_MOST_BYTES:,} bytes"
        )
    try:
        matter, body = _parted(text)
        stem = PurePosixPath(file.name).stem
        named_at, named = _named(stem)
        title, body = _titled(matter, body, named)
        at = _at(matter.get("date") or matter.get("created")) or _there(named_at)
        return Arrival(
            place=file.name,
            # Not by the name of the file, which another vault may have as well.
            key=made(at, title, body),
            id=_id(matter.get("id")),
            content=body,
            title=title,
            mood=_mood(matter.get("mood")),
            category=_string("category", matter),
            tags=_tags(matter.get("tags"), body),
            starred=matter.get("starred") in {True, "true"},
            occurred_at=at,
            time_zone=_string("time_zone", matter),
            created_at=_at(matter.get("created")),
            updated_at=_at(matter.get("updated")),
            extra={str(k): _data(v) for k, v in matter.items() if k not in _UNDERSTOOD},
        )
    except ValueError as error:
        return Broken(file.name, str(error))


def _parted(text: str) -> tuple[Mapping[str, Any], str]:
    """Return the front matter and the body."""
    found = _MATTER.match(text)
    if not found:
        return {}, text
    if found[1] == "\r\n":
        return _parted(text.replace("\r\n", "\n"))
    if len(found[2]) > _LONGEST_MATTER:
        raise ValueError(f"the front matter has more than {_LONGEST_MATTER:,} characters")
    return _loaded(found[2]), text[found.end() :].removeprefix("\n").removesuffix("\n")


def _loaded(matter: str) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - for who reads Markdown

    try:
        found = yaml.load(matter, _loader())  # noqa: S506 - it is a safe one
    except _Reference:
        raise ValueError("the front matter must not use references (*name)") from None
    except RecursionError:
        raise ValueError("the front matter is nested too deeply") from None
    except (yaml.YAMLError, *_NO_VALUE):
        raise ValueError("the front matter is not YAML") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("the front matter must be names with values")  # noqa: TRY004 - told as all that is wrong with a record
    return found


class _Reference(Exception):
    """The front matter refers to a part of itself."""


@cache
def _loader() -> type[Any]:
    import yaml  # noqa: PLC0415 - for who reads Markdown

    class Loader(yaml.SafeLoader):
        """Refuses references, with which a few lines can say more than fits into memory."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise _Reference
            return super().compose_node(parent, index)

    return Loader


def _named(stem: str) -> tuple[datetime | None, str]:
    """Return the time and the title that the name of a file says."""
    found = _DATED.fullmatch(stem)
    if not found:
        return None, stem
    said = found.groupdict()
    try:
        day = date(*(int(said[part]) for part in ("year", "month", "day")))
    except ValueError:
        return None, stem
    clock = time(int(said["hour"] or 12), int(said["minute"] or 0), int(said["second"] or 0))
    return datetime.combine(day, clock), said["rest"]


def _titled(matter: Mapping[str, Any], body: str, named: str) -> tuple[str, str]:
    """Return title and content."""
    if "title" in matter:
        return str(matter["title"] or ""), body
    heading = _HEADING.match(body)
    if heading and body[heading.end() :].strip():
        return heading[1].rstrip(), body[heading.end() :]
    return named, body


def _there(at: datetime | None) -> datetime:
    if at is None:
        raise ValueError("has no date, neither in its front matter nor in its name")
    return at


def _at(value: Any) -> datetime | None:
    if isinstance(value, str):
        try:
            value = _read_date(value.strip())
        except ValueError:
            raise ValueError(
                "dates must be such as 2026-11-22 or 2026-11-22T21:40:00+03:00"
            ) from None
    if isinstance(value, datetime) or value is None:
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(12))
    raise ValueError("dates must be such as 2026-11-22 or 2026-11-22T21:40:00+03:00")


def _read_date(text: str) -> date:
    return (date if len(text) <= len("2026-11-22") else datetime).fromisoformat(text)


def _mood(value: Any) -> int | None:
    if value is None:
        return None
    if str(value).strip() in {"1", "2", "3", "4", "5"}:
        return int(value)
    raise ValueError("mood must be a number from 1 to 5")


def _string(name: str, matter: Mapping[str, Any]) -> str | None:
    value = matter.get(name)
    return str(value) if value else None


def _id(value: Any) -> UUID | None:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        return None


def _tags(given: Any, body: str) -> tuple[str, ...]:
    listed = re.split(r"[,\s]+", given) if isinstance(given, str) else given
    said = [
        str(tag).removeprefix("#")
        for tag in (listed if isinstance(listed, list) else [])
        if isinstance(tag, str | int | float)
    ]
    return tuple(dict.fromkeys(filter(None, [*said, *_TAG.findall(_CODE.sub(" ", body))])))


def _data(value: Any) -> Any:
    """Return *value* as plain data."""
    if isinstance(value, dict):
        return {str(k): _data(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set):
        return [_data(v) for v in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _name(entry: Entry) -> str:
    title = " ".join(_UNSAFE.sub(" ", entry.title).split())[:60].strip()
    return f"{entry.occurred_at:%Y-%m-%d %H%M} {title}".strip()


def _file(entry: Entry, category: str | None) -> str:
    import yaml  # noqa: PLC0415 - for who writes Markdown

    matter = {
        **entry.extra.get("markdown", {}),
        "id": str(entry.id),
        "date": entry.occurred_at.isoformat(),
        "time_zone": entry.time_zone,
        "title": entry.title,
        # One such sign in front is taken off again.
        "tags": [f"#{tag}" if tag.startswith("#") else tag for tag in entry.tags],
        "mood": entry.mood,
        "category": category,
        "starred": entry.starred,
        "created": entry.created_at.isoformat(),
        "updated": entry.updated_at.isoformat(),
    }
    shown = yaml.safe_dump(
        {name: value for name, value in matter.items() if value not in (None, [])},
        allow_unicode=True,
        sort_keys=False,
    )
    return f"---\n{shown}---\n\n{entry.content}\n"
