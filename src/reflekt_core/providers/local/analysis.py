"""One entry or draft, read once, and all that is said about it."""

from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    SafetyLevel,
    Sentiment,
    SentimentLabel,
    Suggestions,
    SuggestWays,
)
from reflekt_core.model.safety import screen
from reflekt_core.providers.local.questions import Reader, observations, questions, ways_on
from reflekt_core.providers.local.sentiment import emotions, mood, sentiment
from reflekt_core.providers.local.summary import telling
from reflekt_core.providers.local.text import english_share, sentences
from reflekt_core.providers.local.topics import keyphrases, topics

__all__ = ["analyse", "suggest"]

_ENGLISH_ENOUGH = 0.5


def analyse(task: AnalyseEntry) -> Analysis:
    """Return what can be said of the entry."""
    found = tuple(sentences(task.content))
    english = _english(f"{task.title}\n{task.content}", task.language)
    felt = mood(found if found else (task.title,))
    feeling = sentiment(felt, english)
    reader = _read(task.title, task.content, found, feeling, task.tone, english)
    return Analysis(
        sentiment=feeling,
        emotions=emotions(felt, english),
        topics=topics(task.title, task.content) if reader.is_english else (),
        summary=telling(task.title, found) or task.title.strip(),
        questions=questions(reader),
        observations=observations(reader, felt),
    )


def suggest(task: SuggestWays) -> Suggestions:
    """Return ways to go on with the draft."""
    found = tuple(sentences(task.content))
    english = _english(task.content, task.language)
    neutral = Sentiment(SentimentLabel.NEUTRAL, 0.0, 0.0)
    return Suggestions(ways_on(_read("", task.content, found, neutral, task.tone, english)))


def _read(
    title: str,
    content: str,
    found: tuple[str, ...],
    feeling: Sentiment,
    tone: str,
    english: float,
) -> Reader:
    phrases = tuple(topic.name for topic in keyphrases(title, content))
    return Reader(
        text=content,
        sentences=found,
        phrases=phrases,
        label=feeling.label,
        tone=tone,
        is_english=english >= _ENGLISH_ENOUGH,
        is_crisis=screen(f"{title}\n{content}").level is not SafetyLevel.NONE,
    )


def _english(text: str, language: str) -> float:
    """Return how English the text is; a text said to be in another language is not."""
    return english_share(text) if language.partition("-")[0] == "en" else 0.0
