"""One entry or draft, read once, and all that is said about it."""

from reflekt_core.model.feelings import Sentiment, SentimentLabel
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    SafetyLevel,
    Suggestions,
    SuggestWays,
)
from reflekt_core.model.safety import screen
from reflekt_core.providers.local.features import known_share
from reflekt_core.providers.local.observing import observations
from reflekt_core.providers.local.people import speaks_of_loss
from reflekt_core.providers.local.questions import Reader, questions, ways_on
from reflekt_core.providers.local.sentiment import Mood, emotions, mood, sentiment
from reflekt_core.providers.local.summary import telling
from reflekt_core.providers.local.text import english_share, sentences, squeeze, words
from reflekt_core.providers.local.topics import keyphrases, topics

__all__ = ["analyse", "suggest"]

_ENGLISH_ENOUGH = 0.5
_KNOWN_ENOUGH = 0.6
_SAMPLE = 6000
_LONGEST_SCRAP = 200
_CLEAR = 0.25


def analyse(task: AnalyseEntry) -> Analysis:
    """Return what can be said of the entry."""
    reader, felt, feeling = _read(task, task.title)
    scrap = squeeze(task.title or task.content)[:_LONGEST_SCRAP]
    return Analysis(
        sentiment=feeling,
        emotions=emotions(felt),
        topics=topics(task.title, task.content, reader.phrases) if reader.is_english else (),
        summary=telling(reader.sentences, reader.phrases) or scrap,
        questions=questions(reader),
        observations=observations(reader),
    )


def suggest(task: SuggestWays) -> Suggestions:
    """Return ways to go on with the draft."""
    reader, _, _ = _read(task)
    return Suggestions(ways_on(reader))


def _read(task: AnalyseEntry | SuggestWays, title: str = "") -> tuple[Reader, Mood, Sentiment]:
    text = f"{title}\n{task.content}"
    found = sentences(task.content)
    is_english = _is_english(text, task.language)
    felt = mood((found or [title]) if is_english else ())
    feeling = sentiment(felt, mourns=speaks_of_loss(task.content))
    reader = Reader(
        text=task.content,
        sentences=tuple(found),
        phrases=tuple(keyphrases(title, task.content)),
        label=_sure(feeling),
        scores=felt.scores if len(felt.scores) == len(found) else (),
        tone=task.tone,
        is_english=is_english,
        is_crisis=screen(text).level is not SafetyLevel.NONE,
    )
    return reader, felt, feeling


def _sure(feeling: Sentiment) -> SentimentLabel:
    """Return the label, neutral if it is only guessed at: nobody is asked about such a feeling."""
    if abs(feeling.score) >= _CLEAR or feeling.label is SentimentLabel.MIXED:
        return feeling.label
    return SentimentLabel.NEUTRAL


def _is_english(text: str, language: str) -> bool:
    """Whether the text can be understood; one said to be in another language is not tried."""
    if language.partition("-")[0] != "en":
        return False
    # Notes such as "Tried a new Thai place. Amazing curry." have few of the everyday words.
    return (
        english_share(text) >= _ENGLISH_ENOUGH
        or known_share(words(text[:_SAMPLE])) >= _KNOWN_ENOUGH
    )
