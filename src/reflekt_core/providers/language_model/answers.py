"""What a language model is to answer: its form, and what of it is fit to be shown."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints
from uuid import UUID, uuid5

import attrs

from reflekt_core.errors import InvalidInput, Problem
from reflekt_core.model.assistance import Schema
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.fields import Items, Text
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    Suggestions,
    Summarise,
    Summary,
    Topic,
)
from reflekt_core.model.prompts import Prompt, PromptCategory, WritePrompts
from reflekt_core.providers.language_model.cleaning import borrows, plain, quotes_only, shorten
from reflekt_core.serialization import read

__all__ = [
    "AnalysisForm",
    "PromptsForm",
    "Sources",
    "SuggestionsForm",
    "SummaryForm",
    "analysis",
    "listed",
    "parsed",
    "prompts",
    "schema",
    "suggestions",
    "summary",
]

_LONGEST_REPLY = 100_000
_LONGEST_TEXT = 4000
_MOST_ITEMS = 60

_SHORT = 300
_SUMMARY = 1200
_PERIOD_SUMMARY = 2000
_TOPIC = 60
_THEME = 50
_MOST_TOPICS = 8
_MOST_OBSERVATIONS = 4
_MOST_THEMES = 3
_QUESTIONS = (2, 4)
_SUGGESTIONS = (3, 5)

_PROMPT_IDS: Final = UUID("b1f0a5c2-3c55-5e0b-8a1d-7d9f5f6f0c1e")
_QUESTION_MARKS = ("?", "？", "؟", "⸮")
_GREEK_QUESTION_MARKS = (*_QUESTION_MARKS, ";")
_NAME: Final = re.compile(r"[^.\[\]]*[^.\[\]\d][^.\[\]]*")
_NUMBER: Final = re.compile(r"\d+(?:[.,٫٬]\d+)*")

_USABLE = "in plain sentences, with no words in quotation marks but exact ones of the text"


@attrs.frozen
class _Between:
    """A number from *low* to *high*, both included."""

    low: int
    high: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        if not self.low <= value <= self.high:  # so NaN is none, too
            return f"must be a number from {self.low} to {self.high}"
        return None

    def schema(self) -> dict[str, Any]:
        """Return nothing: the vendors' strict modes know no bounds."""
        return {}


# The forms as they come: every text is still raw, so bounds here only keep nonsense out.

_Share = Annotated[float, _Between(0, 1)]
_Raw = Annotated[str, Text(_LONGEST_TEXT)]
_Raws = Annotated[tuple[_Raw, ...], Items(_MOST_ITEMS)]


@attrs.frozen
class SentimentForm:
    """The feeling of an entry."""

    label: SentimentLabel
    score: Annotated[float, _Between(-1, 1)]
    confidence: _Share


@attrs.frozen
class EmotionForm:
    """An emotion that shows."""

    name: EmotionName
    score: _Share


@attrs.frozen
class TopicForm:
    """Something that an entry is about."""

    name: _Raw
    score: _Share


@attrs.frozen
class AnalysisForm:
    """The answer to `AnalyseEntry`."""

    sentiment: SentimentForm
    emotions: Annotated[tuple[EmotionForm, ...], Items(_MOST_ITEMS)]
    topics: Annotated[tuple[TopicForm, ...], Items(_MOST_ITEMS)]
    summary: _Raw
    questions: _Raws
    observations: _Raws


@attrs.frozen
class SuggestionsForm:
    """The answer to `SuggestWays`."""

    suggestions: _Raws


@attrs.frozen
class ObservationForm:
    """A given observation, said again."""

    number: int
    text: _Raw


@attrs.frozen
class SummaryForm:
    """The answer to `Summarise`; entries and observations go by the numbers they were given."""

    summary: _Raw
    entries: Annotated[tuple[int, ...], Items(10_000)]
    observations: Annotated[tuple[ObservationForm, ...], Items(_MOST_ITEMS)]


@attrs.frozen
class PromptForm:
    """A prompt."""

    text: _Raw
    category: PromptCategory
    themes: _Raws


@attrs.frozen
class PromptsForm:
    """The answer to `WritePrompts`."""

    prompts: Annotated[tuple[PromptForm, ...], Items(_MOST_ITEMS)]


def schema(form: type) -> Schema:
    """
    Return the JSON schema of *form*, closed and complete, as its ``title`` says.

    It uses only words that the strict modes of OpenAI and Anthropic both take: type, properties,
    required, additionalProperties, items, enum. Neither takes all of the others.
    """
    title = re.sub(r"(?<!^)(?=[A-Z])", "_", form.__name__.removesuffix("Form")).lower()
    return {"title": title, **_schema(form)}


def _schema(tp: Any) -> dict[str, Any]:
    if get_origin(tp) is Annotated:
        return _schema(get_args(tp)[0])
    if get_origin(tp) is tuple:
        return {"type": "array", "items": _schema(get_args(tp)[0])}
    if attrs.has(tp):
        hints = get_type_hints(tp, include_extras=True)
        return {
            "type": "object",
            "properties": {name: _schema(hint) for name, hint in hints.items()},
            "required": list(hints),
            "additionalProperties": False,
        }
    if issubclass(tp, StrEnum):
        return {"type": "string", "enum": [member.value for member in tp]}
    return {"type": {str: "string", float: "number", int: "integer"}[tp]}


def parsed(reply: str) -> Any:
    """
    Return the JSON that *reply* is, or that stands in it between words or in a Markdown fence.

    Raises:
        InvalidInput: There is none, there are several, or a key is named twice.
    """
    if len(reply) > _LONGEST_REPLY:
        raise InvalidInput.field("", "must be much shorter")
    start, end = reply.find("{"), reply.rfind("}")
    try:
        return _DECODER.decode(reply[start : end + 1])
    except (ValueError, RecursionError):
        raise InvalidInput.field("", "must be one JSON object of the form asked for") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is named twice")
    return found


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique)


def listed(problems: InvalidInput, form: type) -> str:
    """Return *problems* by path and rule, one a line; of names that the model made up, none."""
    known = set(_names(schema(form)))
    paths = [(p.path if set(_NAME.findall(p.path)) <= known else "", p) for p in problems.problems]
    return "".join(dict.fromkeys(f"\n- {path or 'answer'}: {p.message}" for path, p in paths))


def _names(part: Mapping[str, Any]) -> Iterator[str]:
    for name, inner in part.get("properties", {}).items():
        yield name
        yield from _names(inner)
    yield from _names(part["items"]) if "items" in part else ()


@attrs.frozen
class Sources:
    """What an answer may quote (None: anything), and the instructions it may not repeat."""

    instructions: str
    words: str | None = None

    def usable(self, raw: str, most: int) -> str:
        """Return *raw* as it may be shown, in at most *most* characters, or an empty text."""
        text = shorten(plain(raw), most)
        if not any(char.isalnum() for char in text):
            return ""
        if self.words is not None and not quotes_only(text, self.words):
            return ""
        return "" if borrows(text, self.instructions) else text

    def several(self, raws: Iterable[str], most: int = _SHORT) -> list[str]:
        """Return those of *raws* that may be shown, each once."""
        found: dict[str, str] = {}
        for raw in raws:
            if text := self.usable(raw, most):
                found.setdefault(text.casefold(), text)
        return [*found.values()]


def analysis(data: Any, sources: Sources, task: AnalyseEntry) -> Analysis:
    """
    Return what *data* says of the entry.

    Raises:
        InvalidInput: It is not of the form, or too little of it can be shown. So with all below.
    """
    form = read(data, AnalysisForm)
    told = sources.usable(form.summary, _SUMMARY)
    marks = _GREEK_QUESTION_MARKS if task.language.startswith("el") else _QUESTION_MARKS
    asked = [text for text in sources.several(form.questions) if text.endswith(marks)]
    _insist(
        (_agrees(form.sentiment), "sentiment.score", "must be of the sign that the label says"),
        (told, "summary", f"must have 1 to {_SUMMARY} characters, {_USABLE}"),
        (
            len(asked) >= _QUESTIONS[0],
            "questions",
            f"must be {_QUESTIONS[0]} to {_QUESTIONS[1]} different ones of at most {_SHORT} characters that end in a question mark, {_USABLE}",
        ),
    )
    return Analysis(
        sentiment=Sentiment(**attrs.asdict(form.sentiment, recurse=False)),
        emotions=_emotions(form.emotions),
        topics=_topics(form.topics, sources),
        summary=told,
        questions=tuple(asked[: _QUESTIONS[1]]),
        observations=tuple(sources.several(form.observations)[:_MOST_OBSERVATIONS]),
    )


def _agrees(sentiment: SentimentForm) -> bool:
    match sentiment.label:
        case SentimentLabel.POSITIVE:
            return sentiment.score >= 0
        case SentimentLabel.NEGATIVE:
            return sentiment.score <= 0
        case _:
            return True


def _emotions(forms: Sequence[EmotionForm]) -> tuple[Emotion, ...]:
    """Return the emotions, each once, the strongest first."""
    strongest: dict[EmotionName, float] = {}
    for form in sorted(forms, key=lambda form: -form.score):
        strongest.setdefault(form.name, form.score)
    return tuple(Emotion(name, score) for name, score in strongest.items())


def _topics(forms: Sequence[TopicForm], sources: Sources) -> tuple[Topic, ...]:
    found: dict[str, float] = {}
    for form in forms:
        if name := sources.usable(form.name, _TOPIC).strip(" .,;:!?").lower():
            found.setdefault(name, form.score)
    return tuple(Topic(name, score) for name, score in [*found.items()][:_MOST_TOPICS])


def suggestions(data: Any, sources: Sources) -> Suggestions:
    """Return the ways to go on with a draft that *data* names."""
    items = sources.several(read(data, SuggestionsForm).suggestions)
    least, most = _SUGGESTIONS
    _insist(
        (
            len(items) >= least,
            "suggestions",
            f"must be {least} to {most} different ones of at most {_SHORT} characters, {_USABLE}",
        ),
    )
    return Suggestions(tuple(items[:most]))


def summary(data: Any, sources: Sources, task: Summarise) -> Summary:
    """Return the summary of a period that *data* is."""
    form = read(data, SummaryForm)
    told = sources.usable(form.summary, _PERIOD_SUMMARY)
    named = {number for number in form.entries if 1 <= number <= len(task.passages)}
    _insist(
        (told, "summary", f"must have 1 to {_PERIOD_SUMMARY} characters, {_USABLE}"),
        (named, "entries", "must name at least one of the given numbers"),
    )
    ids = tuple(task.passages[number - 1].entry_id for number in sorted(named))
    return Summary(told, ids, _said_again(form.observations, task.observations, sources))


def _said_again(
    forms: Sequence[ObservationForm], given: Sequence[str], sources: Sources
) -> tuple[str, ...]:
    """Return the observations in the words of the model, where these hold no other figures."""
    said = {form.number: sources.usable(form.text, _SHORT) for form in forms}
    texts = [said.get(number, "") for number in range(1, len(given) + 1)]
    return tuple(
        text if text and _figures(text) <= _figures(fact) else fact
        for text, fact in zip(texts, given, strict=True)
    )


def _figures(text: str) -> set[str]:
    """Return the numbers in *text*, in whatever digits, with a point for a decimal comma."""
    found = (match[0] for match in _NUMBER.finditer(text))
    spelt = ("".join(str(int(c)) if c.isdecimal() else "." for c in number) for number in found)
    return {number.lstrip("0") or "0" for number in spelt}


def prompts(data: Any, sources: Sources, task: WritePrompts) -> tuple[Prompt, ...]:
    """Return as many prompts of *data* as *task* asks for, none of them one to avoid."""
    found: dict[str, Prompt] = {}
    for form in read(data, PromptsForm).prompts:
        text = sources.usable(form.text, _SHORT)
        prompt = Prompt(
            id=uuid5(_PROMPT_IDS, text),
            text=text,
            category=task.category or form.category,
            themes=_themes(form.themes, sources, task),
            mood=task.mood,
        )
        if text and prompt.id not in task.avoid:
            found.setdefault(text.casefold(), prompt)
    _insist(
        (
            len(found) >= task.count,
            "prompts",
            f"must be {task.count} new ones or more, all different, of at most {_SHORT} characters; only {len(found)} could be used",
        ),
    )
    return tuple(found.values())[: task.count]


def _themes(raws: Iterable[str], sources: Sources, task: WritePrompts) -> tuple[str, ...]:
    spelt = {theme.casefold(): theme for theme in task.themes}
    texts = sources.several(raws, _THEME)
    return tuple(spelt.get(text.casefold(), text) for text in texts)[:_MOST_THEMES]


def _insist(*rules: tuple[object, str, str]) -> None:
    problems = [Problem(path, message) for is_kept, path, message in rules if not is_kept]
    if problems:
        raise InvalidInput(problems)
