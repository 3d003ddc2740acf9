"""
The offline provider: understands English journal entries without a language model.

Deterministic, in plain Python, without network or download. `MODEL_CARD.md` says what it was
trained on and how good it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

from reflekt_core.ports import Assistant

if TYPE_CHECKING:
    from reflekt_core.model.assistance import Answer, Task
    from reflekt_core.model.insights import (
        AnalyseEntry,
        Analysis,
        Suggestions,
        SuggestWays,
        Summarise,
        Summary,
    )
    from reflekt_core.model.prompts import Prompt, WritePrompts

__all__ = ["MODEL", "LocalAssistant"]

MODEL = "reflekt-local-2"
PROMPT_VERSION = "1"


class LocalAssistant(Assistant):
    """
    Answers every task by itself, the same way every time.

    It understands English. Of a text in another language it says so by a confidence below 0.3, asks
    general questions, and still sums up by sentences. Its questions and prompts are English. Where
    a text speaks of a crisis, it asks only who and what may help.
    """

    @overload
    def answer(self, task: AnalyseEntry) -> Answer[Analysis]: ...
    @overload
    def answer(self, task: SuggestWays) -> Answer[Suggestions]: ...
    @overload
    def answer(self, task: Summarise) -> Answer[Summary]: ...
    @overload
    def answer(self, task: WritePrompts) -> Answer[tuple[Prompt, ...]]: ...
    def answer(self, task: Task) -> Answer[Any]:
        """Return the answer to *task*; never fails and costs nothing."""
        # The parts are loaded when first used, so that importing the provider stays cheap.
        from reflekt_core.model.assistance import Answer  # noqa: PLC0415
        from reflekt_core.providers.local import answering  # noqa: PLC0415

        return Answer(answering.answer(task), "local", MODEL, PROMPT_VERSION)
