"""One entry or draft, read once, and all that is said about it."""

from attrs import evolve

from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    SafetyLevel,
    Suggestions,
    SuggestWays,
)
from reflekt_core.model.safety import screen
from reflekt_core.providers.local.finds import speaks_of_loss
from reflekt_core.providers.local.questions import Reader, observations, questions, ways_on
from reflekt_core.providers.local.sentiment import emotions, mood, sentiment
from reflekt_core.providers.local.summary import telling
from reflekt_core.providers.local.text import english_share, sentences, squeeze
from reflekt_core.providers.local.topics import keyphrases, topics

__all__ = ["analyse", "suggest"]

_ENGLISH_ENOUGH = 0.5
_LONGEST_SCRAP = 200
_CLEAR = 0.25


def analyse(task: AnalyseEntry) -> Analysis:
    """Return what can be said of the entry."""
    reader = _read(task, task.title)
    found = reader.sentences
    felt = mood((found or (task.title,)) if reader.is_english else ())
    feeling = sentiment(felt, mourns=speaks_of_loss(task.content))
    if abs(feeling.score) >= _CLEAR or feeling.label is SentimentLabel.MIXED:
        reader = evolve(reader, label=feeling.label)  # no questions for a feeling only guessed at
    scrap = squeeze(task.title or task.content)[:_LONGEST_SCRAP]
    return Analysis(
        sentiment=feeling,
        emotions=emotions(felt),
        topics=topics(task.title, task.content, reader.phrases) if reader.is_english else (),
        summary=telling(found, reader.phrases) or scrap,
        questions=questions(reader),
        observations=observations(reader, felt),
    )


def suggest(task: SuggestWays) -> Suggestions:
    """Return ways to go on with the draft."""
    return Suggestions(ways_on(_read(task)))


def _read(task: AnalyseEntry | SuggestWays, title: str = "") -> Reader:
    text = f"{title}\n{task.content}"
    return Reader(
        text=task.content,
        sentences=tuple(sentences(task.content)),
        phrases=tuple(keyphrases(title, task.content)),
        tone=task.tone,
        is_english=_is_english(text, task.language),
        is_crisis=screen(text).level is not SafetyLevel.NONE,
    )


def _is_english(text: str, language: str) -> bool:
    """Whether the text can be understood; one said to be in another language is not tried."""
    return language.partition("-")[0] == "en" and english_share(text) >= _ENGLISH_ENOUGH
