"""How a text feels: its sentiment and its emotions, from the readings of its sentences."""

import math
from collections.abc import Sequence

import attrs

from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.providers.local.features import tokens
from reflekt_core.providers.local.lexicon import valences
from reflekt_core.providers.local.linear import EMOTIONS, Reading, model

__all__ = ["Mood", "emotions", "mood", "sentiment"]

MOST_SENTENCES = 400
_LONGEST_SENTENCE = 2000

_WEAK_EMOTION = 0.05
_CLEAR = 0.5
_BALANCED = 0.45
_MOSTLY_NEUTRAL = 0.62
_LEANING = 0.16
_MOURNING = 0.4
_TRUST_IN_WORDS = 2.0
_GUESS = 0.1


@attrs.frozen
class Mood:
    """How each sentence reads, with the weight it has in the whole."""

    readings: tuple[Reading, ...]
    weights: tuple[float, ...]

    @property
    def scores(self) -> tuple[float, ...]:
        """Return how positive (1) or negative (-1) each sentence is."""
        return tuple(r.sentiment[0] - r.sentiment[1] for r in self.readings)

    def mean(self, values: Sequence[float]) -> float:
        """Return the weighted mean of one value a sentence."""
        total = math.fsum(self.weights)
        return math.fsum(v * w for v, w in zip(values, self.weights, strict=True)) / total


def mood(sentences: Sequence[str]) -> Mood:
    """Return the readings of *sentences*; of very many, of 400 spread evenly."""
    if len(sentences) > MOST_SENTENCES:
        step = len(sentences) / MOST_SENTENCES
        sentences = [sentences[int(i * step)] for i in range(MOST_SENTENCES)]
    readings = tuple(_read(sentence[:_LONGEST_SENTENCE]) for sentence in sentences)
    weights = tuple(
        math.sqrt(1 + sentence.count(" ")) * (1.15 - reading.sentiment[2])
        for sentence, reading in zip(sentences, readings, strict=True)
    )
    return Mood(readings, weights)


def _read(sentence: str) -> Reading:
    """Return what the model makes of *sentence*, moved by what its words say by themselves."""
    reading = model().read(sentence)
    shift = _TRUST_IN_WORDS * _valence(sentence)
    good, bad, neutral = reading.sentiment
    good, bad = good * math.exp(shift), bad * math.exp(-shift)
    total = good + bad + neutral
    return attrs.evolve(reading, sentiment=(good / total, bad / total, neutral / total))


def _valence(sentence: str) -> float:
    """Return how good or bad the words are, from about -2 to 2; a negation turns them round."""
    table = valences()
    values = [
        -0.6 * table[token] if negated else table[token]
        for token, negated in tokens(sentence)
        if token in table
    ]
    return math.fsum(values) / math.sqrt(1 + len(values)) if values else 0.0


def sentiment(found: Mood, *, mourns: bool = False) -> Sentiment:
    """
    Return the overall feeling; without a reading neutral, and not to be relied on.

    A text that *mourns* weighs more than its words, which are often quiet ones.
    """
    if not found.readings:
        return Sentiment(SentimentLabel.NEUTRAL, 0.0, _GUESS)
    score = max(-1.0, found.mean(found.scores) - _MOURNING * mourns)
    neutral = found.mean([r.sentiment[2] for r in found.readings])
    label = _label(found, score, neutral)
    return Sentiment(label, round(score, 3), round(_confidence(label, score, neutral), 3))


def emotions(found: Mood) -> tuple[Emotion, ...]:
    """Return the emotions that show, the strongest first."""
    if not found.readings:
        return ()
    shares = [found.mean([r.emotions[i] for r in found.readings]) for i in range(len(EMOTIONS))]
    named = [
        Emotion(EmotionName(name), round(share, 3))
        for name, share in zip(EMOTIONS, shares, strict=True)
        if share >= _WEAK_EMOTION
    ]
    return tuple(sorted(named, key=lambda emotion: (-emotion.score, emotion.name)))


def _label(found: Mood, score: float, neutral: float) -> SentimentLabel:
    if _is_mixed(found):
        return SentimentLabel.MIXED
    if abs(score) < _LEANING or (neutral > _MOSTLY_NEUTRAL and abs(score) < 2 * _LEANING):
        return SentimentLabel.NEUTRAL
    return SentimentLabel.POSITIVE if score > 0 else SentimentLabel.NEGATIVE


def _is_mixed(found: Mood) -> bool:
    """Whether there is clearly good and clearly bad, and neither outweighs the other."""
    good = math.fsum(w * max(0.0, s) for s, w in zip(found.scores, found.weights, strict=True))
    bad = math.fsum(w * max(0.0, -s) for s, w in zip(found.scores, found.weights, strict=True))
    extremes = max(found.scores) > _CLEAR and min(found.scores) < -_CLEAR
    return extremes and min(good, bad) > _BALANCED * max(good, bad)


def _confidence(label: SentimentLabel, score: float, neutral: float) -> float:
    if label is SentimentLabel.NEUTRAL:
        return min(0.9, 0.3 + 0.6 * max(0.0, neutral - abs(score)))
    if label is SentimentLabel.MIXED:
        return 0.5
    return min(0.95, 0.4 + 0.6 * abs(score))
