"""How a text feels: its sentiment and its emotions, from the readings of its sentences."""

import math
from collections.abc import Sequence

import attrs

from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.providers.local.linear import EMOTIONS, Reading, read

__all__ = ["Mood", "emotions", "mood", "sentiment"]

MOST_SENTENCES = 400
_LONGEST_SENTENCE = 2000

_LONGEST_WHOLE = 20_000

_WEAK_EMOTION = 0.05
_CLEAR = 0.5
_BALANCED = 0.45
_MOSTLY_NEUTRAL = 0.62
_LEANING = 0.2
_MOURNING = 2.0
_STEEPNESS, _BRIGHTNESS = 0.6, 0.0  # settled on the development half of the tests' entries
_NEUTRAL_DAMPS = 0.5
_LEAST = 0.001
_UNDECIDED = 0.6
_GUESS = 0.1


@attrs.frozen
class Mood:
    """How each sentence reads, with the weight it has, and how all of them together read."""

    readings: tuple[Reading, ...]
    weights: tuple[float, ...]
    whole: Reading | None

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
    readings = tuple(read(sentence[:_LONGEST_SENTENCE]) for sentence in sentences)
    weights = tuple(
        math.sqrt(1 + sentence.count(" ")) * (1.15 - reading.sentiment[2])
        for sentence, reading in zip(sentences, readings, strict=True)
    )
    whole = read(" ".join(sentences)[:_LONGEST_WHOLE]) if readings else None
    return Mood(readings, weights, whole)


def sentiment(found: Mood, *, mourns: bool = False) -> Sentiment:
    """
    Return the overall feeling; without a reading neutral, and not to be relied on.

    A text that *mourns* weighs more than its words, which are often quiet ones.
    """
    if found.whole is None:
        return Sentiment(SentimentLabel.NEUTRAL, 0.0, _GUESS)
    bright = _brightness(found, found.whole, mourns=mourns)
    neutral = found.mean([r.sentiment[2] for r in found.readings])
    score = (2 * bright - 1) * (1 - _NEUTRAL_DAMPS * neutral)
    score = math.copysign(max(_LEAST, round(abs(score), 3)), score)  # a guess has a side, too
    label = _label(found, score, neutral)
    sure = max(bright, 1 - bright)
    if label in {SentimentLabel.NEUTRAL, SentimentLabel.MIXED}:
        sure = min(sure, _UNDECIDED)
    return Sentiment(label, score, round(sure, 3))


def _brightness(found: Mood, whole: Reading, *, mourns: bool) -> float:
    """Return how likely the feeling is a good one: from the sentences, and from all together."""
    leaning = _odds(whole) + found.mean([_odds(reading) for reading in found.readings])
    leaning = _STEEPNESS * leaning + _BRIGHTNESS - _MOURNING * mourns
    return 1 / (1 + math.exp(-leaning))


def _odds(reading: Reading) -> float:
    good, bad, _ = reading.sentiment
    return math.log(good / bad)


def emotions(found: Mood) -> tuple[Emotion, ...]:
    """Return the emotions that show, the strongest first; sentences and the whole count alike."""
    if found.whole is None:
        return ()
    shares = [
        (found.mean([reading.emotions[i] for reading in found.readings]) + share) / 2
        for i, share in enumerate(found.whole.emotions)
    ]
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
