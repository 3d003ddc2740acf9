"""What an export holds."""

from enum import StrEnum
from typing import Any

import attrs

__all__ = ["ExportKind", "ExportRecord"]


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
