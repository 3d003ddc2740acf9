"""What an export holds, what an import brings, and what erasing asks for."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from json import JSONEncoder
from typing import Annotated, Any, Final
from uuid import UUID

import attrs

from reflekt_core.model.entries import PRIVATE
from reflekt_core.model.fields import Text, check

__all__ = [
    "MOOD_NEEDED",
    "Arrival",
    "Broken",
    "Erasure",
    "ExportKind",
    "ExportRecord",
    "ImportReport",
    "MediaReport",
    "Medium",
    "ReadOptions",
    "size",
    "unfit",
]

MOOD_NEEDED: Final = "must be a number from 1 to 5: say which this mood means"
"""What is wrong with options that lack a mood."""

_MOST_LEVELS: Final = 64
_encode: Final = JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class ExportKind(StrEnum):
    """What a line of an export is."""

    SETTINGS = "settings"
    CATEGORY = "category"
    ENTRY = "entry"
    INSIGHT = "insight"
    DAILY_PROMPT = "daily_prompt"


@attrs.frozen
class ExportRecord:
    """
    One line of an export: what it is, and the value with every field, as plain data.

    Entries come with what an import brought along in `extra`, and with `trashed_at`. `place` says where
    it stands in a file, for a person.
    """

    kind: ExportKind
    value: dict[str, Any]
    place: str = attrs.field(default="", eq=False, metadata=PRIVATE)


@attrs.frozen(kw_only=True)
class Arrival:
    """
    An entry as another program kept it, not yet checked.

    `place` says where it stands, for a person (``entry 12``, ``line 40``, ``2024/may.md``). `key` tells
    it from every other one of its source, the same at each import; `id` does so everywhere, if it
    has one. `occurred_at` without offset is what the clock showed in `time_zone`, or in the user's
    zone. `category` is a name. `extra` is what Reflekt does not understand: it is kept, and comes
    back on export to the same format.
    """

    place: str
    key: str = ""
    id: UUID | None = None
    content: str
    title: str = ""
    mood: int | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    starred: bool = False
    occurred_at: datetime | None = None
    time_zone: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    extra: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class Broken:
    """A record that cannot be taken over: where it stands, and what is wrong with it."""

    place: str
    message: str


@attrs.frozen(kw_only=True)
class ReadOptions:
    """
    What a format cannot know of itself.

    `moods`: which mood, 1 to 5, each of the other program's names means. `date_format`: how dates
    are written, as `datetime.strptime` has it, if not as usual.
    """

    moods: Mapping[str, int] = attrs.field(factory=dict)
    date_format: str | None = None


@attrs.frozen
class Medium:
    """
    A file that an entry names: a photo, a recording.

    `folder` is where its kind lies in an archive. Its file has one of `names`, with whatever suffix;
    `type` is most likely that.
    """

    folder: str
    names: tuple[str, ...]
    type: str = ""


@attrs.frozen(kw_only=True)
class MediaReport:
    """
    What came of the files that entries name.

    `kept` are new beside the journal (or in an export), `present` were there already, `missing` are
    not where the entries come from, and `refused` cannot be taken; `problems` are the first of those.
    """

    kept: int = 0
    present: int = 0
    missing: int = 0
    refused: int = 0
    problems: tuple[Broken, ...] = ()


@attrs.frozen(kw_only=True)
class ImportReport:
    """
    What an import did, or would do if `dry_run`.

    Of `read` records, `added` are new, `present` were there already (or were deleted since), and
    `broken` cannot be taken over; `problems` are the first of those. `notes` count what was taken
    over differently than it was, by what it is.
    """

    format: str
    read: int = 0
    added: int = 0
    present: int = 0
    broken: int = 0
    problems: tuple[Broken, ...] = ()
    notes: Mapping[str, int] = attrs.field(factory=dict)
    dry_run: bool = False
    media: MediaReport | None = None
    """What came of media, if they were asked for."""
    left: int = 0
    """How many files beside hold something that was not taken over with the rest."""
    left_files: tuple[Broken, ...] = ()
    """The first of those, each with the reason."""


@attrs.frozen
class Erasure:
    """The confirmation that erasing an account asks for: one's own user id."""

    confirm: Annotated[str, Text(255, min_length=1, example="me")]

    def __attrs_post_init__(self) -> None:
        check(self)


def unfit(value: Any) -> str | None:
    """Return why plain data cannot be kept and exported again, if it cannot."""
    try:
        size(value)
    except ValueError as error:
        return str(error)
    return None


def size(value: Any) -> int:
    """
    Return how many bytes plain data take as JSON.

    Raises:
        ValueError: It cannot be kept and exported again; the message says why.
    """
    level: Iterable[Any] = (value,)
    for _ in range(_MOST_LEVELS):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            break
    else:
        raise ValueError(f"is nested deeper than {_MOST_LEVELS} levels")
    try:
        return len(_encode(value).encode())
    except (ValueError, TypeError):
        raise ValueError("holds numbers or signs that JSON in UTF-8 cannot have") from None


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list | tuple) else ()
