"""Every task that an assistant may be given, and what comes with its answers."""

from typing import Generic, TypeVar

import attrs

from reflekt_core.model.insights import AnalyseEntry, SuggestWays, Summarise, Usage
from reflekt_core.model.prompts import WritePrompts

__all__ = ["Answer", "Task"]

T = TypeVar("T")

Task = AnalyseEntry | SuggestWays | Summarise | WritePrompts
"""What an assistant may be asked."""


@attrs.frozen
class Answer(Generic[T]):
    """The result of a task, who gave it, and what it cost."""

    result: T
    provider: str
    model: str
    prompt_version: str
    usage: Usage = attrs.field(factory=Usage)
