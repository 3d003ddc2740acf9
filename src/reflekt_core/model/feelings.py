"""What a text may feel like."""

from enum import StrEnum

import attrs

__all__ = ["Emotion", "EmotionName", "Sentiment", "SentimentLabel"]


class SentimentLabel(StrEnum):
    """The overall feeling of a text."""

    POSITIVE = "positive"
    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    MIXED = "mixed"


@attrs.frozen
class Sentiment:
    """Feeling of a text: `score` from -1 to 1, `confidence` from 0 to 1."""

    label: SentimentLabel
    score: float
    confidence: float


class EmotionName(StrEnum):
    """Ekman's six, and none of them."""

    JOY = "joy"
    SADNESS = "sadness"
    ANGER = "anger"
    FEAR = "fear"
    SURPRISE = "surprise"
    DISGUST = "disgust"
    NEUTRAL = "neutral"


@attrs.frozen
class Emotion:
    """How strongly an emotion shows, from 0 to 1."""

    name: EmotionName
    score: float
