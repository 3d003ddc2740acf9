"""The linear model: how it is written down, and what it says of a sentence."""

import json
import math
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import attrs

from reflekt_core.providers.local.features import features

__all__ = ["EMOTIONS", "LEVELS", "SENTIMENTS", "ZERO", "Linear", "Reading", "model", "softmax"]

EMOTIONS = ("joy", "sadness", "anger", "fear", "surprise", "disgust", "neutral")
SENTIMENTS = ("positive", "negative", "neutral")
LEVELS = 46
"""A weight is a whole number from -46 to 46, written as one printable ASCII character."""

ZERO = ord("!") + LEVELS


@attrs.frozen
class Reading:
    """Probabilities of one sentence: of the seven emotions, and positive, negative, neutral."""

    emotions: tuple[float, ...]
    sentiment: tuple[float, ...]


@attrs.frozen(eq=False)
class Linear:
    """A weight of every class for every feature; each class's sum is what speaks for it."""

    scale: float
    bias: tuple[float, ...]
    codes: dict[str, str]

    @classmethod
    def parse(cls, text: str) -> "Linear":
        """Return the model written in *text*: a line of JSON, then ``feature<TAB>codes`` lines."""
        head, *rows = text.split("\n")
        numbers = json.loads(head)
        codes = dict(row.split("\t") for row in rows if row)
        return cls(numbers["scale"], tuple(numbers["bias"]), codes)

    def format(self) -> str:
        """Return the text that `parse` reads."""
        head = json.dumps({"scale": self.scale, "bias": self.bias})
        return "\n".join([head, *(f"{name}\t{code}" for name, code in self.codes.items()), ""])

    def logits(self, found: Iterable[str]) -> list[float]:
        """Return what speaks for each emotion, then for each sentiment, given these features."""
        known = [self.codes[name] for name in found if name in self.codes]
        if not known:
            return list(self.bias)
        scale = self.scale / math.sqrt(len(known))
        # Whole numbers are added up: their order, which a set does not keep, makes no difference.
        sums = map(sum, zip(*(code.encode("ascii") for code in known), strict=True))
        zero = ZERO * len(known)
        return [b + scale * (s - zero) for b, s in zip(self.bias, sums, strict=True)]

    def read(self, sentence: str) -> Reading:
        """Return what the model makes of *sentence*."""
        logits = self.logits(features(sentence))
        split = len(EMOTIONS)
        return Reading(softmax(logits[:split]), softmax(logits[split:]))


def softmax(logits: list[float]) -> tuple[float, ...]:
    """Return *logits* as probabilities."""
    highest = max(logits)
    powers = [math.exp(x - highest) for x in logits]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


@cache
def model() -> Linear:
    """Return the model that ships with Reflekt, read on first use."""
    return Linear.parse(files(__package__).joinpath("model.txt").read_text("utf-8"))
