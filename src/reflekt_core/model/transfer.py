"""What an export holds, and what erasing asks for."""

from enum import StrEnum
from typing import Annotated, Any

import attrs

from reflekt_core.model.fields import Text, check

__all__ = ["Erasure", "ExportKind", "ExportRecord"]


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

    Entries come with what an import brought along in `extra`, and with `trashed_at`.
    """

    kind: ExportKind
    value: dict[str, Any]


@attrs.frozen
class Erasure:
    """The confirmation that erasing an account asks for: one's own user id."""

    confirm: Annotated[str, Text(255, min_length=1, example="me")]

    def __attrs_post_init__(self) -> None:
        check(self)
