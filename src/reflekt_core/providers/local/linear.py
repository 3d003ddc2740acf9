"""The linear models: how they are written down, and what they say of a text."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files

import attrs

from reflekt_core.providers.local.features import area_features, features, graded, tokens
from reflekt_core.providers.local.lexicon import AREAS

__all__ = [
    "EMOTIONS",
    "HEADS",
    "LEVELS",
    "NO_AREA",
    "SENTIMENTS",
    "ZERO",
    "Linear",
    "Reading",
    "area_shares",
    "format_models",
    "models",
    "parse_models",
    "read",
    "softmax",
]

EMOTIONS = ("joy", "sadness", "anger", "fear", "surprise", "disgust", "neutral")
SENTIMENTS = ("positive", "negative", "neutral")
NO_AREA = "-"
HEADS = {"emotions": EMOTIONS, "sentiments": SENTIMENTS, "areas": (*AREAS, NO_AREA)}
"""The models, by name, with their classes."""

LEVELS = 46
"""A weight is the square of a whole number from -46 to 46, written as one ASCII character."""

ZERO = ord("!") + LEVELS
_WORTH = tuple((code - ZERO) * abs(code - ZERO) for code in range(128))


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

    def logits(self, found: Iterable[str]) -> list[float]:
        """Return what speaks for each class, given the features *found*."""
        known = [code for code in map(self.codes.get, found) if code]
        if not known:
            return list(self.bias)
        scale = self.scale / math.sqrt(len(known))
        # Whole numbers are added up: their order, which a set does not keep, makes no difference.
        sums = map(sum, zip(*map(_weights, known), strict=True))
        return [b + scale * s for b, s in zip(self.bias, sums, strict=True)]


@cache
def _weights(code: str) -> tuple[int, ...]:
    return tuple(_WORTH[char] for char in code.encode("ascii"))


def read(sentence: str) -> Reading:
    """Return what the models make of *sentence*."""
    words = tokens(sentence)
    found = features(words)
    emotions = models()["emotions"].logits(found)
    sentiment = models()["sentiments"].logits(found | graded(words))
    return Reading(softmax(emotions), softmax(sentiment))


def area_shares(found: Sequence[str]) -> dict[str, float]:
    """Return how likely a text of the words *found* speaks of each area of life, or `NO_AREA`."""
    logits = models()["areas"].logits(area_features(found))
    return dict(zip(HEADS["areas"], softmax(logits), strict=True))


def softmax(logits: Iterable[float]) -> tuple[float, ...]:
    """Return *logits* as probabilities."""
    logits = tuple(logits)
    highest = max(logits)
    powers = [math.exp(x - highest) for x in logits]
    total = math.fsum(powers)
    return tuple(power / total for power in powers)


def format_models(found: Mapping[str, Linear]) -> str:
    """Return the text that `parse_models` reads: of each a line of JSON, then its features."""
    rows = []
    for name, model in found.items():
        head = {"name": name, "scale": model.scale, "bias": model.bias, "rows": len(model.codes)}
        rows.append(json.dumps(head))
        rows += [f"{feature}\t{code}" for feature, code in model.codes.items()]
    return "\n".join([*rows, ""])


def parse_models(text: str) -> dict[str, Linear]:
    """Return the models written in *text*."""
    lines = text.split("\n")
    found, position = {}, 0
    while lines[position]:
        head = json.loads(lines[position])
        end = position + 1 + head["rows"]
        codes = dict(line.split("\t") for line in lines[position + 1 : end])
        found[head["name"]] = Linear(head["scale"], tuple(head["bias"]), codes)
        position = end
    return found


@cache
def models() -> dict[str, Linear]:
    """Return the models that ship with Reflekt, read on first use."""
    return parse_models(files(__package__).joinpath("model.txt").read_text("utf-8"))
