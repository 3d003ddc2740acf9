"""Categories: drawers that entries may lie in."""

from typing import Annotated
from uuid import UUID

import attrs

from reflekt_core.model.fields import Text, check

__all__ = ["Category", "CategoryDraft", "Color", "Icon", "Name"]

Name = Annotated[
    str,
    Text(
        100,
        min_length=1,
        pattern=r"\S(?:.*\S)?",
        what="one line of text, without spaces at the ends",
        example="Travel",
    ),
]
Color = Annotated[
    str, Text(7, pattern=r"#[0-9a-fA-F]{6}", what="a colour such as '#2a9d8f'", example="#2a9d8f")
]
Icon = Annotated[str, Text(32, min_length=1, example="⛵")]


@attrs.frozen
class CategoryDraft:
    """A category as a person describes it."""

    name: Name
    color: Color | None = None
    icon: Icon | None = None

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Category:
    """A category as stored."""

    id: UUID
    name: str
    color: str | None
    icon: str | None
    version: int
