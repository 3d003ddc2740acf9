"""Which part of the offline provider answers which task."""

from typing import Any

import attrs

from reflekt_core.model.assistance import Task
from reflekt_core.model.insights import AnalyseEntry, SuggestWays, Summarise
from reflekt_core.model.prompts import WritePrompts
from reflekt_core.providers.local.analysis import analyse, suggest
from reflekt_core.providers.local.prompts import write_prompts
from reflekt_core.providers.local.summary import summarise

__all__ = ["answer"]


def answer(task: Task) -> Any:
    """Return the result of *task*."""
    match task:
        case AnalyseEntry():
            return analyse(task)
        case SuggestWays():
            return suggest(task)
        case Summarise():
            return attrs.evolve(summarise(task), observations=task.observations)
        case WritePrompts():
            return write_prompts(task)
