"""Prompts: questions and invitations to write."""

from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import attrs

from reflekt_core.model.entries import PRIVATE
from reflekt_core.model.fields import WORDS, Items, Range, Text, check
from reflekt_core.model.insights import Provenance
from reflekt_core.model.settings import Vendor

__all__ = [
    "DailyPrompt",
    "Prompt",
    "PromptCategory",
    "PromptMood",
    "PromptRequest",
    "Prompts",
    "WritePrompts",
]


class PromptCategory(StrEnum):
    """What kind of writing a prompt invites to."""

    GRATITUDE = "gratitude"
    REFLECTION = "reflection"
    RELATIONSHIPS = "relationships"
    WORK = "work"
    HEALTH = "health"
    CREATIVITY = "creativity"
    GROWTH = "growth"
    MEMORY = "memory"
    FUTURE = "future"
    NATURE = "nature"
    FEELINGS = "feelings"
    PLAY = "play"


class PromptMood(StrEnum):
    """How the person who wants to write feels."""

    CALM = "calm"
    HAPPY = "happy"
    GRATEFUL = "grateful"
    HOPEFUL = "hopeful"
    LOW = "low"
    ANXIOUS = "anxious"
    ANGRY = "angry"
    TIRED = "tired"
    LONELY = "lonely"
    CURIOUS = "curious"


@attrs.frozen
class PromptRequest:
    """What prompts should be like. What is left out comes from the settings, or is left open."""

    category: PromptCategory | None = None
    themes: Annotated[
        tuple[Annotated[str, Text(50, min_length=1, example="the sea")], ...], Items(10)
    ] = ()
    mood: PromptMood | None = None
    count: Annotated[int, Range(1, 10)] = 3

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class WritePrompts:
    """
    The task of writing `count` different prompts.

    The same `seed` gives the same prompts; none of `avoid` (prompt ids) comes back while others
    are left.
    """

    count: int
    seed: str
    category: PromptCategory | None = None
    themes: tuple[str, ...] = attrs.field(default=(), metadata=WORDS)
    mood: PromptMood | None = None
    language: str = "en"
    tone: str = "gentle"
    avoid: frozenset[UUID] = frozenset()


@attrs.frozen
class Prompt:
    """An invitation to write. Its `id` may be given as the `prompt_id` of an entry."""

    id: UUID
    text: str
    category: PromptCategory
    themes: tuple[str, ...]
    mood: PromptMood | None


@attrs.frozen
class Prompts:
    """Some prompts, and where they come from."""

    items: tuple[Prompt, ...]
    provenance: Provenance


@attrs.frozen
class DailyPrompt:
    """The prompt of a user's day."""

    date: date
    prompt: Prompt
    version: int = attrs.field(default=1, metadata=PRIVATE)
    vendor: Vendor | None = attrs.field(default=None, metadata=PRIVATE)
    """Whose model wrote it; None if it was written on this machine."""
