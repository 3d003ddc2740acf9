"""
Trains the linear models of the offline provider, to the same bytes every time.

    python -m reflekt_core.providers.local.training --data DIR --out FILE

DIR holds the files named in `CHECKSUMS`; `MODEL_CARD.md` says where they come from and under which
licences. GoEmotions has lines of ``text<TAB>label ids<TAB>id``, the UCI sentences of
``label<TAB>text``. The sentences of `made.txt` and the word lists come with this package. Takes a
few minutes, and prints the quality on the texts held out.

It needs the standard library alone, and uses nothing whose last bit differs between machines or
versions of Python: no ``math.exp``, no ``sum`` of floats, no order of hashes.
"""

import argparse
import hashlib
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, pairwise
from pathlib import Path

import attrs

from reflekt_core.providers.local.features import area_features, features, graded, tokens
from reflekt_core.providers.local.lexicon import lines
from reflekt_core.providers.local.linear import (
    EMOTIONS,
    HEADS,
    LEVELS,
    NO_AREA,
    SENTIMENTS,
    ZERO,
    Linear,
    format_models,
)
from reflekt_core.providers.local.text import words

__all__ = ["CHECKSUMS", "main"]

CHECKSUMS = {
    "goemotions/labels.txt": "45c3ef86782d2a4d7fedcd6d8c111aa0d0e94720689bd164fac94fefb4495a89",
    "goemotions/train.tsv": "1c254a142be5c00e80d819b9ae1bbd36d94b2eeb8f4b1271846508d57e57d9c5",
    "goemotions/dev.tsv": "575489c079c9de1097062a01738f998590d6b7ead66dd1c9fd1d2ba01fd8bc62",
    "uci_sentences/train.tsv": "e69141f8d43f2ec4530c7f171efac82f4bc631eabb4b7a2ae18a966581c37387",
}
"""SHA-256 of the data that the shipped model was trained on."""

# The grouping of the 28 fine labels is that of the GoEmotions paper (Demszky et al., 2020).
_EKMAN = {
    "anger": "anger annoyance disapproval",
    "disgust": "disgust",
    "fear": "fear nervousness",
    "joy": "joy amusement approval excitement gratitude love optimism relief pride admiration"
    " desire caring",
    "sadness": "sadness disappointment embarrassment grief remorse",
    "surprise": "surprise realization confusion curiosity",
    "neutral": "neutral",
}
_SENTIMENT = {
    "joy": "positive",
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "sadness": "negative",
    "neutral": "neutral",
}  # surprise may be either: nothing is learnt from it here
_HELD_OUT = 5  # every fifth UCI sentence judges
_SEED = 7
_OF_SENTENCES, _OF_MADE = 3.0, 6.0


@attrs.frozen
class Example:
    """A text's features, its classes with their shares, and how much it counts."""

    features: tuple[str, ...]
    target: Mapping[int, float]
    worth: float = 1.0


@attrs.frozen
class Plan:
    """How a model is fitted: `looseness` is the inverse of the strength of regularisation."""

    seen_at_least: int
    features: int
    epochs: int
    looseness: float
    balance: float
    """How far rare classes count more: 0 not at all, 1 as much as common ones."""


_PLANS = {
    "emotions": Plan(6, 17_000, 6, 2.0, 0.6),
    "sentiments": Plan(3, 13_000, 6, 4.0, 0.3),
    "areas": Plan(2, 6_000, 30, 5.0, 0.7),
}
_FIRST_STEP = 2.0
_BIAS_STEP = 0.05
_FINEST = 1e-9
_SETTLING = 1  # the first epochs, of whose weights no mean is taken


@attrs.frozen
class Made:
    """A sentence of `made.txt`."""

    area: str
    sentiment: str
    text: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the quality on held-out texts, and write the models."""
    parser = argparse.ArgumentParser(description="Train the offline provider's models.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    for name in _changed(options.data):
        print(f"note: {name} is not the file the shipped model was trained on", file=sys.stderr)  # noqa: T201 - a command
    sentences = _sentences(options.data)
    examples = {
        "emotions": _emotions(options.data, "goemotions/train.tsv"),
        "sentiments": [
            *_felt(options.data, "goemotions/train.tsv"),
            *(e for i, e in enumerate(sentences) if i % _HELD_OUT),
            *_made_felt(),
        ],
        "areas": _made_areas(),
    }
    models = {name: train(examples[name], name) for name in HEADS}
    options.out.write_text(format_models(models), "utf-8", newline="\n")
    held = [e for i, e in enumerate(sentences) if i % _HELD_OUT == 0]
    for line in _report(models, _emotions(options.data, "goemotions/dev.tsv"), held):
        print(line)  # noqa: T201 - what the command is asked for
    return 0


def train(examples: Sequence[Example], name: str) -> Linear:
    """Return the model: trained on all features, then again on those that turned out to count."""
    plan, classes = _PLANS[name], len(HEADS[name])
    counts = Counter(chain.from_iterable(example.features for example in examples))
    common = sorted(f for f, times in counts.items() if times >= plan.seen_at_least)
    weights, _ = _fit(examples, common, classes, plan)
    kept = _strongest(common, weights, plan.features)
    return _quantised(kept, *_fit(examples, kept, classes, plan))


def _changed(folder: Path) -> list[str]:
    return [
        name
        for name, digest in CHECKSUMS.items()
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text("utf-8").split("\n") if line]


def _comments(folder: Path, name: str) -> list[tuple[str, list[str]]]:
    """Return comments with the groups of their labels."""
    labels = [row[0] for row in _rows(folder / "goemotions/labels.txt")]
    coarse = {fine: group for group, listed in _EKMAN.items() for fine in listed.split()}
    return [
        (text, sorted({coarse[labels[int(i)]] for i in ids.split(",")}))
        for text, ids, _ in _rows(folder / name)
    ]


def _emotions(folder: Path, name: str) -> list[Example]:
    return [
        Example(
            tuple(sorted(features(tokens(text)))),
            {EMOTIONS.index(group): 1.0 / len(groups) for group in groups},
        )
        for text, groups in _comments(folder, name)
    ]


def _felt(folder: Path, name: str) -> list[Example]:
    found = []
    for text, groups in _comments(folder, name):
        sides = {_SENTIMENT[group] for group in groups if group in _SENTIMENT}
        if len(sides) == 1:
            found.append(_sentiment(text, sides.pop(), 1.0))
    return found


def _sentences(folder: Path) -> list[Example]:
    rows = _rows(folder / "uci_sentences/train.tsv")
    return [_sentiment(text, label, _OF_SENTENCES) for label, text in rows]


def _sentiment(text: str, label: str, worth: float) -> Example:
    words = tokens(text)
    found = features(words) | graded(words)
    return Example(tuple(sorted(found)), {SENTIMENTS.index(label): 1.0}, worth)


def _made() -> list[Made]:
    found = []
    for line in lines("made.txt"):
        head, _, listed = line.partition(": ")
        area, sentiment = head.split()
        found += [Made(area, sentiment, text) for text in listed.split(" | ")]
    return found


def _made_felt() -> list[Example]:
    return [_sentiment(made.text, made.sentiment, _OF_MADE) for made in _made()]


def _made_areas() -> list[Example]:
    """Return the made sentences, and each with one more that speaks of no area or of the same."""
    found = _made()
    without: dict[str, list[str]] = {}
    for made in found:
        if made.area == NO_AREA:
            without.setdefault(made.sentiment, []).append(made.text)
    examples = [_area(made.text, made.area) for made in found]
    for number, (made, following) in enumerate(pairwise(found)):
        if made.area != NO_AREA:
            more = without.get(made.sentiment, without["positive"])
            examples.append(_area(f"{more[number % len(more)]} {made.text}", made.area))
            if following.area == made.area:
                examples.append(_area(f"{made.text} {following.text}", made.area))
    return examples


def _area(text: str, area: str) -> Example:
    return Example(tuple(sorted(area_features(words(text)))), {HEADS["areas"].index(area): 1.0})


def _weighed(examples: Sequence[Example], classes: int, balance: float) -> list[float]:
    """Return how much each example counts: rare classes more, but not all the way."""
    seen = [0.0] * classes
    for example in examples:
        for label, share in example.target.items():
            seen[label] += share * example.worth
    total = _added(seen)
    worth = [(total / classes / max(count, 1.0)) ** balance for count in seen]
    return [
        example.worth * _added(share * worth[label] for label, share in example.target.items())
        for example in examples
    ]


def _fit(
    examples: Sequence[Example], vocabulary: Sequence[str], classes: int, plan: Plan
) -> tuple[list[list[float]], list[float]]:
    """
    Return weights and biases of a softmax regression: the means of those after each epoch.

    Stochastic gradient descent (Bottou, "Stochastic Gradient Descent Tricks", 2012): the weights
    are kept divided by `shrunk`, so that regularising all of them is one multiplication.
    """
    index = {name: number for number, name in enumerate(vocabulary)}
    rows = [[index[name] for name in example.features if name in index] for example in examples]
    worth = _weighed(examples, classes, plan.balance)
    weights = [[0.0] * classes for _ in vocabulary]
    means = [[0.0] * classes for _ in vocabulary]
    bias, mean_bias = [0.0] * classes, [0.0] * classes
    strength = 1.0 / (plan.looseness * len(examples))
    order = [number for number, row in enumerate(rows) if row]
    shuffle = random.Random(_SEED).shuffle  # noqa: S311 - the same order every time is the point
    shrunk, steps = 1.0, 0
    for epoch in range(plan.epochs):
        shuffle(order)
        for number in order:
            row, example = rows[number], examples[number]
            rate = _FIRST_STEP / (1.0 + strength * _FIRST_STEP * steps)
            steps += 1
            value = 1.0 / math.sqrt(len(row))
            slopes = _slopes(row, shrunk * value, example.target, weights, bias)
            shrunk *= 1.0 - rate * strength
            size = rate * worth[number]
            for label, slope in enumerate(slopes):
                bias[label] -= _BIAS_STEP * size * slope
            _step(row, [size * value / shrunk * slope for slope in slopes], weights)
        if epoch >= _SETTLING:
            share = 1.0 / (plan.epochs - _SETTLING)
            mean_bias = [m + share * b for m, b in zip(mean_bias, bias, strict=True)]
            for mean, mine in zip(means, weights, strict=True):
                for label, weight in enumerate(mine):
                    mean[label] += share * shrunk * weight
    return means, mean_bias


def _slopes(
    row: Sequence[int],
    value: float,
    target: Mapping[int, float],
    weights: Sequence[Sequence[float]],
    bias: Sequence[float],
) -> list[float]:
    """Return the derivative of the loss by each class's logit."""
    sums = [0.0] * len(bias)
    for feature in row:
        for label, weight in enumerate(weights[feature]):
            sums[label] += weight
    logits = [b + value * s for b, s in zip(bias, sums, strict=True)]
    highest = max(logits)
    powers = [_exp(x - highest) for x in logits]
    total = _added(powers)
    return [power / total - target.get(label, 0.0) for label, power in enumerate(powers)]


def _step(row: Sequence[int], change: Sequence[float], weights: Sequence[list[float]]) -> None:
    for feature in row:
        mine = weights[feature]
        for label, by in enumerate(change):
            mine[label] -= by


def _exp(x: float) -> float:
    """Return e to the power of *x* from basic arithmetic, which is the same everywhere."""
    x = max(-30.0, min(30.0, x))
    whole = math.floor(x * 1.4426950408889634 + 0.5)
    rest = x - whole * 0.6931471805599453
    series = 1.0
    for divisor in (7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0):
        series = 1.0 + rest / divisor * series
    return math.ldexp(series, whole)


def _added(numbers: Iterable[float]) -> float:
    """Return the plain sum from left to right; `sum` rounds differently since Python 3.12."""
    total = 0.0
    for number in numbers:
        total += number
    return total


def _strongest(
    vocabulary: Sequence[str], weights: Sequence[Sequence[float]], most: int
) -> list[str]:
    strength = {
        name: _added(weight * weight for weight in mine)
        for name, mine in zip(vocabulary, weights, strict=True)
    }
    return sorted(sorted(vocabulary, key=lambda name: (-strength[name], name))[:most])


def _quantised(
    vocabulary: Sequence[str], weights: Sequence[Sequence[float]], bias: Sequence[float]
) -> Linear:
    sizes = sorted(abs(weight) for mine in weights for weight in mine)
    scale = max(round(sizes[int(len(sizes) * 0.9998)] / LEVELS**2, 9), _FINEST)
    codes = {
        name: "".join(_code(weight / scale) for weight in mine)
        for name, mine in zip(vocabulary, weights, strict=True)
    }
    return Linear(scale, tuple(round(b, 5) for b in bias), codes)


def _code(weight: float) -> str:
    root = min(LEVELS, round(math.sqrt(abs(weight))))
    return chr(ZERO + (root if weight > 0 else -root))


def _report(
    models: Mapping[str, Linear], comments: Iterable[Example], sentences: Iterable[Example]
) -> list[str]:
    pairs = _judged(models["emotions"], comments, len(EMOTIONS))
    lines = [f"emotions (GoEmotions dev, one Ekman group): n={len(pairs)} {_quality(pairs)}"]
    lines += [f"  {name}: F1 {_f1(pairs, label):.3f}" for label, name in enumerate(EMOTIONS)]
    pairs = _judged(models["sentiments"], sentences, 2)  # positive or negative, never neutral
    lines.append(f"sentiment (held-out UCI sentences): n={len(pairs)} {_quality(pairs)}")
    return lines


def _judged(model: Linear, examples: Iterable[Example], choices: int) -> list[tuple[int, int]]:
    """Return the right and the given class of each example that has one right class."""
    pairs = []
    for example in examples:
        if len(example.target) == 1:
            logits = model.logits(example.features)[:choices]
            pairs.append((next(iter(example.target)), logits.index(max(logits))))
    return pairs


def _quality(pairs: Sequence[tuple[int, int]]) -> str:
    labels = sorted({right for right, _ in pairs})
    macro = _added(_f1(pairs, label) for label in labels) / len(labels)
    accuracy = sum(right == given for right, given in pairs) / len(pairs)
    return f"accuracy {accuracy:.3f}, macro-F1 {macro:.3f}"


def _f1(pairs: Sequence[tuple[int, int]], label: int) -> float:
    hits = sum(right == given == label for right, given in pairs)
    named = sum(right == label for right, _ in pairs) + sum(given == label for _, given in pairs)
    return 2 * hits / named if named else 0.0


if __name__ == "__main__":
    sys.exit(main())
