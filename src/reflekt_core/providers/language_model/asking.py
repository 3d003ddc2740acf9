"""What a language model is asked: instructions, the user's words as data, and how to read it."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import attrs

from reflekt_core.errors import InputTooLong
from reflekt_core.model.assistance import Purpose, Schema, Task
from reflekt_core.model.insights import AnalyseEntry, Passage, SuggestWays, Summarise, Summary
from reflekt_core.model.prompts import WritePrompts
from reflekt_core.model.settings import Tone
from reflekt_core.ports import Completion
from reflekt_core.providers.language_model import answers
from reflekt_core.providers.language_model.answers import Sources
from reflekt_core.providers.language_model.cutting import as_json, end_of, shares, size, start_of

__all__ = ["CORRECTION_BYTES", "FRAMING_TOKENS", "Inquiry", "inquiry", "version"]

CORRECTION_BYTES: Final = 1500
"""The most that is added to the instructions when an answer has to be repaired."""

FRAMING_TOKENS: Final = 500
"""What vendors put around instructions, text and schema, estimated amply."""

_BYTES_PER_TOKEN: Final = 3
"""
How much text fits into a model, estimated: English has about 4 bytes a token, most scripts about 3.

Only for cutting: what is set aside from a budget counts every byte as a token.
"""

_VERSIONS: Final = {
    Purpose.ANALYSE: "analyse-1",
    Purpose.SUGGEST: "suggest-1",
    Purpose.SUMMARISE: "summarise-1",
    Purpose.PROMPTS: "prompts-1",
}
"""The instructions for each purpose. Whoever changes their words gives them a new version."""

_SPARE_PROMPTS: Final = 2
_ANGLES: Final = (
    "a place",
    "a person",
    "an object close by",
    "a sound or a smell",
    "a small decision",
    "something unfinished",
    "a conversation",
    "a habit",
    "the body",
    "the weather",
    "a photograph",
    "a letter never sent",
    "something learnt by accident",
    "a door, a road or a window",
    "food",
    "a stranger",
    "a first time",
    "a last time",
    "something only you noticed",
    "what you would tell a friend",
)
# Language, script and region of a tag (BCP 47); what else it may hold could be made to say things.
_TAG: Final = re.compile(r"([a-z]{2,3})(-[A-Z][a-z]{3})?(-(?:[A-Z]{2}|\d{3}))?(?![^-])")


@attrs.frozen
class Inquiry:
    """
    A task as a language model is asked it.

    `text` is JSON, so that nothing in it can pretend to be its end. `read` turns the JSON of an
    answer into the result, or raises `InvalidInput`.
    """

    version: str
    instructions: str
    text: str
    form: type
    read: Callable[[Any], Any]
    was_cut: bool = False

    @property
    def schema(self) -> Schema:
        """Return the JSON schema of the answer."""
        return answers.schema(self.form)

    @property
    def most_input_tokens(self) -> int:
        """Return more tokens than any attempt can have: every byte counts as one."""
        sent = (self.instructions, self.text, as_json(self.schema))
        return sum(len(part.encode()) for part in sent) + CORRECTION_BYTES + FRAMING_TOKENS


def version(task: Task) -> str:
    """Return the version of the instructions for *task*."""
    return _VERSIONS[Purpose.of(task)]


def inquiry(task: Task, completion: Completion) -> Inquiry:
    """
    Return *task* as *completion* is asked it, its text cut if the model cannot take it whole.

    Raises:
        InputTooLong: Not even the beginnings of the texts fit.
    """
    match task:
        case AnalyseEntry():
            return _analyse(task, _frame(task, answers.AnalysisForm, completion))
        case SuggestWays():
            return _suggest(task, _frame(task, answers.SuggestionsForm, completion))
        case Summarise():
            return _summarise(task, _frame(task, answers.SummaryForm, completion))
        case WritePrompts():
            return _write_prompts(task, _frame(task, answers.PromptsForm, completion))


@attrs.frozen
class _Frame:
    """What is the same for all texts; `room` is the bytes of JSON that the model has left."""

    version: str
    instructions: str
    form: type
    room: int
    completion: Completion

    def filled(self, data: Any, read: Callable[[Any], Any], *, was_cut: bool = False) -> Inquiry:
        """Return the inquiry about *data*."""
        return Inquiry(self.version, self.instructions, as_json(data), self.form, read, was_cut)

    def room_beside(self, data: Any) -> int:
        """Return how many bytes are left beside *data*."""
        return self.room - len(as_json(data).encode())

    def check(self, text: str, whole: str) -> None:
        """Refuse a *text* of which nothing is left of the *whole*."""
        if whole and not text:
            raise InputTooLong(
                f"the text is longer than {self.completion.model} takes",
                provider=self.completion.provider,
                model=self.completion.model,
            )


def _frame(task: Task, form: type, completion: Completion) -> _Frame:
    told = _instructions(version(task))
    told = told.replace("{language}", _language(task.language)).replace("{tone}", _tone(task.tone))
    closed = as_json(answers.schema(form))
    if not completion.capabilities.structured_output:
        told = f"{told}\nThe JSON schema of your answer, which holds nothing else:\n{closed}\n"
    sent = len(told.encode()) + len(closed.encode()) + CORRECTION_BYTES
    room = completion.capabilities.max_input_tokens * _BYTES_PER_TOKEN - sent
    return _Frame(version(task), told, form, room, completion)


@cache
def _instructions(name: str) -> str:
    return files(__package__).joinpath("instructions", f"{name}.md").read_text("utf-8")


def _language(tag: str) -> str:
    found = _TAG.match(tag)
    return found[0] if found else "en"


def _tone(word: str) -> str:
    return word if word in set(Tone) else Tone.GENTLE.value


def _analyse(task: AnalyseEntry, frame: _Frame) -> Inquiry:
    room = frame.room_beside({"title": task.title, "entry": ""})
    entry = start_of(task.content, room)
    frame.check(entry, task.content)
    sources = Sources(frame.instructions, f"{task.title}\n{task.content}")
    return frame.filled(
        {"title": task.title, "entry": entry},
        lambda data: answers.analysis(data, sources, task),
        was_cut=entry != task.content,
    )


def _suggest(task: SuggestWays, frame: _Frame) -> Inquiry:
    draft = end_of(task.content, frame.room_beside({"draft": ""}))
    frame.check(draft, task.content)
    sources = Sources(frame.instructions, task.content)
    return frame.filled(
        {"draft": draft},
        lambda data: answers.suggestions(data, sources),
        was_cut=draft != task.content,
    )


def _summarise(task: Summarise, frame: _Frame) -> Inquiry:
    # The observations are English: what need not be said again is not sent.
    given = () if _language(task.language).partition("-")[0] == "en" else task.observations
    texts = [passage.content for passage in task.passages]
    room = frame.room_beside(_period(task.passages, [""] * len(texts), given))
    cut = [
        start_of(text, share)
        for text, share in zip(texts, shares([*map(size, texts)], room), strict=True)
    ]
    for text, whole in zip(cut, texts, strict=True):
        frame.check(text, whole)
    words = [word for p in task.passages for word in (p.title, p.content)]
    sources = Sources(frame.instructions, "\n".join([*words, *task.observations]))

    def read(data: Any) -> Summary:
        found = answers.summary(data, sources, task)
        return found if given else attrs.evolve(found, observations=task.observations)

    return frame.filled(_period(task.passages, cut, given), read, was_cut=cut != texts)


def _period(
    passages: Sequence[Passage], texts: Sequence[str], observations: Sequence[str]
) -> dict[str, Any]:
    return {
        "entries": [
            {"number": number, "date": p.local_date.isoformat(), "title": p.title, "text": text}
            for number, (p, text) in enumerate(zip(passages, texts, strict=True), 1)
        ],
        "observations": [
            {"number": number, "text": text} for number, text in enumerate(observations, 1)
        ],
    }


def _write_prompts(task: WritePrompts, frame: _Frame) -> Inquiry:
    count = task.count + _SPARE_PROMPTS  # a few may not be usable, or be among those to avoid
    data = {
        "count": count,
        "category": task.category,
        "themes": task.themes,
        "mood": task.mood,
        "angles": _angles(task.seed)[:count],
    }
    sources = Sources(frame.instructions)
    return frame.filled(data, lambda found: answers.prompts(found, sources, task))


def _angles(seed: str) -> list[str]:
    """Return all angles, in an order that *seed* decides; the seed itself is not sent."""
    return sorted(
        _ANGLES, key=lambda angle: sha256(f"{seed}\0{angle}".encode(errors="replace")).digest()
    )
