"""
Trains the linear model of the offline provider, to the same bytes every time.

    python -m reflekt_core.providers.local.training --data DIR --out FILE

DIR holds the files named in `CHECKSUMS`; `MODEL_CARD.md` says where they come from and under which
licences. GoEmotions has lines of ``text<TAB>label ids<TAB>id``, the UCI sentences of
``label<TAB>text``. Takes about two minutes, and prints the quality on the texts held out.

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
from itertools import chain
from pathlib import Path

import attrs

from reflekt_core.providers.local.features import features
from reflekt_core.providers.local.linear import EMOTIONS, LEVELS, SENTIMENTS, ZERO, Linear

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
_CLASSES = (*EMOTIONS, *SENTIMENTS)
_HEADS = (range(len(EMOTIONS)), range(len(EMOTIONS), len(_CLASSES)))

_SEEN_AT_LEAST = 6
_FEATURES = 13_000
_EPOCHS = 5
_RATE = 0.3
_DECAY = 2e-4
_BALANCE = 0.4
_HELD_OUT = 5  # every fifth UCI sentence judges
_TINY = 1e-9
_SEED = 7

Target = Mapping[int, float]


@attrs.frozen
class Example:
    """A text's features, and each head's classes with their shares; an empty head is unknown."""

    features: tuple[str, ...]
    targets: tuple[Target, Target]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the quality on held-out texts, and write the model."""
    parser = argparse.ArgumentParser(description="Train the offline provider's model.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(arguments)
    for name in _changed(options.data):
        print(f"note: {name} is not the file the shipped model was trained on", file=sys.stderr)  # noqa: T201 - a command
    sentences = _sentences(options.data)
    held = [e for i, e in enumerate(sentences) if i % _HELD_OUT == 0]
    taught = [e for i, e in enumerate(sentences) if i % _HELD_OUT]
    model = train([*_comments(options.data, "goemotions/train.tsv"), *taught])
    options.out.write_text(model.format(), "utf-8", newline="\n")
    for line in _report(model, _comments(options.data, "goemotions/dev.tsv"), held):
        print(line)  # noqa: T201 - what the command is asked for
    return 0


def train(examples: Sequence[Example]) -> Linear:
    """Return the model: trained on all features, then again on those that turned out to count."""
    counts = Counter(chain.from_iterable(example.features for example in examples))
    common = sorted(name for name, times in counts.items() if times >= _SEEN_AT_LEAST)
    weights, _ = _fit(examples, common)
    kept = _strongest(common, weights)
    return _quantised(kept, *_fit(examples, kept))


def _changed(folder: Path) -> list[str]:
    return [
        name
        for name, digest in CHECKSUMS.items()
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def _rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in path.read_text("utf-8").split("\n") if line]


def _comments(folder: Path, name: str) -> list[Example]:
    labels = [row[0] for row in _rows(folder / "goemotions/labels.txt")]
    coarse = {fine: group for group, listed in _EKMAN.items() for fine in listed.split()}
    examples = []
    for text, ids, _ in _rows(folder / name):
        groups = sorted({coarse[labels[int(i)]] for i in ids.split(",")})
        felt = sorted({_SENTIMENT[group] for group in groups if group in _SENTIMENT})
        emotions = {EMOTIONS.index(group): 1.0 / len(groups) for group in groups}
        sentiment = _only(felt) if len(felt) == 1 else {}
        examples.append(Example(tuple(sorted(features(text))), (emotions, sentiment)))
    return examples


def _sentences(folder: Path) -> list[Example]:
    rows = _rows(folder / "uci_sentences/train.tsv")
    return [Example(tuple(sorted(features(text))), ({}, _only([label]))) for label, text in rows]


def _only(labels: Sequence[str]) -> Target:
    return {len(EMOTIONS) + SENTIMENTS.index(labels[0]): 1.0}


def _worth(examples: Iterable[Example]) -> list[float]:
    """Return how much an example of each class counts: rare classes more, but not all the way."""
    seen = [0.0] * len(_CLASSES)
    for example in examples:
        for target in example.targets:
            for label, share in target.items():
                seen[label] += share
    worth = [1.0] * len(_CLASSES)
    for head in _HEADS:
        total = _added(seen[label] for label in head)
        for label in head:
            worth[label] = (total / len(head) / max(seen[label], 1.0)) ** _BALANCE
    return worth


def _fit(
    examples: Sequence[Example], vocabulary: Sequence[str]
) -> tuple[list[list[float]], list[float]]:
    """Return weights and biases of two softmax heads over shared features, fitted by AdaGrad."""
    index = {name: number for number, name in enumerate(vocabulary)}
    rows = [[index[name] for name in example.features if name in index] for example in examples]
    weights = [[0.0] * len(_CLASSES) for _ in vocabulary]
    squares = [[0.01] * len(_CLASSES) for _ in vocabulary]
    bias = [0.0] * len(_CLASSES)
    worth = _worth(examples)
    order = [number for number, row in enumerate(rows) if row]
    shuffle = random.Random(_SEED).shuffle  # noqa: S311 - the same order every time is the point
    for epoch in range(_EPOCHS):
        shuffle(order)
        rate = _RATE * (1.0 - epoch / _EPOCHS)
        for number in order:
            row = rows[number]
            value = 1.0 / math.sqrt(len(row))
            for label, slope in _slopes(row, value, examples[number], weights, bias, worth):
                bias[label] -= 0.02 * rate * slope
                _step(row, label, slope * value, rate, weights, squares)
    return weights, bias


def _slopes(  # noqa: PLR0913, PLR0917 - the inner loop; an object to hold them would slow it
    row: Sequence[int],
    value: float,
    example: Example,
    weights: Sequence[Sequence[float]],
    bias: Sequence[float],
    worth: Sequence[float],
) -> list[tuple[int, float]]:
    logits = list(bias)
    for feature in row:
        for label, weight in enumerate(weights[feature]):
            logits[label] += weight * value
    slopes = []
    for head, target in zip(_HEADS, example.targets, strict=True):
        if target:
            powers = [_exp(logits[label]) for label in head]
            total = _added(powers)
            importance = _added(share * worth[label] for label, share in target.items())
            slopes += [
                (label, importance * (power / total - target.get(label, 0.0)))
                for label, power in zip(head, powers, strict=True)
            ]
    return slopes


def _step(  # noqa: PLR0913, PLR0917 - the inner loop; an object to hold them would slow it
    row: Sequence[int],
    label: int,
    slope: float,
    rate: float,
    weights: list[list[float]],
    squares: list[list[float]],
) -> None:
    square = slope * slope
    if square < _TINY:
        return
    for feature in row:
        seen = squares[feature]
        seen[label] += square
        mine = weights[feature]
        mine[label] -= rate * (slope + _DECAY * mine[label]) / math.sqrt(seen[label])


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


def _strongest(vocabulary: Sequence[str], weights: Sequence[Sequence[float]]) -> list[str]:
    strength = {
        name: _added(weight * weight for weight in mine)
        for name, mine in zip(vocabulary, weights, strict=True)
    }
    return sorted(sorted(vocabulary, key=lambda name: (-strength[name], name))[:_FEATURES])


def _quantised(
    vocabulary: Sequence[str], weights: Sequence[Sequence[float]], bias: Sequence[float]
) -> Linear:
    sizes = sorted(abs(weight) for mine in weights for weight in mine)
    scale = round(sizes[int(len(sizes) * 0.9995)] / LEVELS, 6)
    codes = {
        name: "".join(
            chr(ZERO + max(-LEVELS, min(LEVELS, round(weight / scale)))) for weight in mine
        )
        for name, mine in zip(vocabulary, weights, strict=True)
    }
    return Linear(scale, tuple(round(b, 5) for b in bias), codes)


def _report(model: Linear, comments: Iterable[Example], sentences: Iterable[Example]) -> list[str]:
    pairs = _judged(model, comments, 0)
    lines = [f"emotions (GoEmotions dev, one Ekman group): n={len(pairs)} {_quality(pairs)}"]
    lines += [f"  {EMOTIONS[label]}: F1 {_f1(pairs, label):.3f}" for label in _HEADS[0]]
    pairs = _judged(model, sentences, 1)
    lines.append(f"sentiment (held-out UCI sentences): n={len(pairs)} {_quality(pairs)}")
    return lines


def _judged(model: Linear, examples: Iterable[Example], head: int) -> list[tuple[int, int]]:
    """Return the right and the given class of each example that has one right class."""
    pairs = []
    for example in examples:
        target = example.targets[head]
        if len(target) == 1:
            logits = model.logits(example.features)
            choices = _HEADS[0] if head == 0 else _HEADS[1][:2]
            pairs.append((next(iter(target)), max(choices, key=lambda label: logits[label])))
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
