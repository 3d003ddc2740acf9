"""
Trains the linear model of the offline provider, to the same bytes every time.

    python -m reflekt_core.providers.local.training --data DIR --out FILE

DIR holds ``goemotions/train.tsv`` and ``goemotions/dev.tsv`` (``text<TAB>label ids<TAB>id``),
``goemotions/labels.txt`` and ``uci_sentences/train.tsv`` (``label<TAB>text``). `MODEL_CARD.md` says
where they come from, their licences and checksums.

Standard library only, so that anyone can run it. It uses nothing whose last bit may differ between
machines or versions of Python: no ``math.exp``, no ``sum`` of floats, no hash order.
"""

import argparse
import hashlib
import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import attrs

from reflekt_core.providers.local.features import features
from reflekt_core.providers.local.linear import EMOTIONS, LEVELS, SENTIMENTS, Linear

__all__ = ["main"]

CHECKSUMS = {
    "goemotions/train.tsv": "",
    "goemotions/dev.tsv": "",
    "goemotions/labels.txt": "",
    "uci_sentences/train.tsv": "",
}
EKMAN = {
    "anger": "anger annoyance disapproval",
    "disgust": "disgust",
    "fear": "fear nervousness",
    "joy": "joy amusement approval excitement gratitude love optimism relief pride admiration"
    " desire caring",
    "sadness": "sadness disappointment embarrassment grief remorse",
    "surprise": "surprise realization confusion curiosity",
    "neutral": "neutral",
}
_FEELING = {
    "joy": "positive",
    "anger": "negative",
    "disgust": "negative",
    "fear": "negative",
    "sadness": "negative",
    "neutral": "neutral",
}
_CLASSES = (*EMOTIONS, *SENTIMENTS)
_HEADS = (range(len(EMOTIONS)), range(len(EMOTIONS), len(_CLASSES)))


@attrs.frozen
class Example:
    """A text's features, and the share each class of a head has in it; a head may be unknown."""

    features: tuple[str, ...]
    targets: tuple[dict[int, float], dict[int, float]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print the quality on held-out texts, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--features", type=int, default=16_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rate", type=float, default=0.3)
    parser.add_argument("--decay", type=float, default=2e-6)
    parser.add_argument("--balance", type=float, default=0.4)
    options = parser.parse_args(arguments)
    opt = options
    judged = _emotion_examples(options.data, "goemotions/dev.tsv")
    sentences = _uci_examples(options.data)
    held = sentences[::5]
    taught = _emotion_examples(options.data, "goemotions/train.tsv")
    taught += [e for i, e in enumerate(sentences) if i % 5] * 3
    balance = _balance(taught, opt.balance)
    vocabulary = _vocabulary(taught)
    first = _train(taught, vocabulary, balance, opt.epochs, opt.rate, opt.decay)
    print(len(vocabulary), "full")
    quant = _quantise(vocabulary, *first)
    report(quant, judged, held)
    kept = _strongest(vocabulary, first[0], opt.features)
    weights, bias = _train(taught, kept, balance, opt.epochs, opt.rate, opt.decay)
    quant = _quantise(kept, weights, bias)
    report(quant, judged, held)
    options.out.write_bytes(quant)
    print(len(quant))
    return 0


def report(data, judged, held):
    m = Linear.parse(data.decode())
    conf = Counter()
    for e in judged:
        if len(e.targets[0]) != 1:
            continue
        sc = m.logits(e.features)
        k = max(_HEADS[0], key=lambda c: sc[c])
        conf[next(iter(e.targets[0])), k] += 1
    f1s = []
    for c in _HEADS[0]:
        tp = conf[c, c]
        p = sum(v for (g, k), v in conf.items() if k == c)
        g_ = sum(v for (g, k), v in conf.items() if g == c)
        f1s.append(2 * tp / (p + g_))
    n = sum(conf.values())
    print(
        "emotion n",
        n,
        "acc",
        sum(conf[c, c] for c in _HEADS[0]) / n,
        "macro",
        sum(f1s) / 7,
        [f"{_CLASSES[c]} {f:.3f}" for c, f in enumerate(f1s)],
    )

    def bin(es, name):
        ok = Counter()
        tot = Counter()
        for e in es:
            t = [c for c in e.targets[1]]
            if len(t) != 1 or _CLASSES[t[0]] == "neutral":
                continue
            sc = m.logits(e.features)
            k = max((7, 8), key=lambda c: sc[c])
            ok[t[0]] += k == t[0]
            tot[t[0]] += 1
        print(
            name,
            sum(tot.values()),
            "acc",
            sum(ok.values()) / sum(tot.values()),
            {k: ok[k] / tot[k] for k in tot},
        )

    bin(held, "uci")
    bin(judged, "goemo")


def _lines(path):
    return path.read_text("utf-8").split("\n")


def _emotion_examples(folder: Path, name: str) -> list[Example]:
    names = _lines(folder / "goemotions/labels.txt")
    ekman = {
        fine: EMOTIONS.index(coarse) for coarse, all_ in EKMAN.items() for fine in all_.split()
    }
    found = []
    for line in filter(None, _lines(folder / name)):
        text, ids, _ = line.split("\t")
        classes = {ekman[names[int(i)]] for i in ids.split(",")}
        feelings = {_FEELING.get(EMOTIONS[c]) for c in classes} - {None}
        sentiment = {}
        if len(feelings) == 1:
            sentiment = {len(EMOTIONS) + SENTIMENTS.index(feelings.pop()): 1.0}
        found.append(
            Example(
                tuple(sorted(features(text))),
                (dict.fromkeys(sorted(classes), 1.0 / len(classes)), sentiment),
            )
        )
    return found


def _uci_examples(folder):
    found = []
    for line in filter(None, _lines(folder / "uci_sentences/train.tsv")):
        label, text = line.split("\t", 1)
        found.append(
            Example(
                tuple(sorted(features(text))), ({}, {len(EMOTIONS) + SENTIMENTS.index(label): 1.0})
            )
        )
    return found


def _balance(examples, power):
    counts = Counter()
    for e in examples:
        for head in e.targets:
            for c, s in head.items():
                counts[c] += s
    out = [1.0] * len(_CLASSES)
    for head in _HEADS:
        total = 0.0
        for c in head:
            total += counts[c]
        for c in head:
            out[c] = (total / len(head) / counts[c]) ** power
    return out


def _vocabulary(examples):
    counts = Counter(f for e in examples for f in e.features)
    return sorted(f for f, n in counts.items() if n >= (3 if " " in f else 2))


def _exp(x: float) -> float:
    x = max(-30.0, min(30.0, x))
    n = math.floor(x * 1.4426950408889634 + 0.5)
    r = x - n * 0.6931471805599453
    t = 1.0 + r * (1.0 + r * (0.5 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120 + r * (1 / 720))))))
    return math.ldexp(t, n)


def _train(examples, vocabulary, balance, epochs, rate, decay):
    index = {f: i for i, f in enumerate(vocabulary)}
    k = len(_CLASSES)
    rows = [[index[f] for f in e.features if f in index] for e in examples]
    weights = [[0.0] * k for _ in vocabulary]
    squares = [[1e-2] * k for _ in vocabulary]
    bias = [0.0] * k
    total = None
    order = list(range(len(examples)))
    rng = random.Random(7)
    for epoch in range(epochs):
        rng.shuffle(order)
        step = rate * (1.0 - epoch / epochs)
        for n in order:
            row = rows[n]
            if not row:
                continue
            value = 1.0 / math.sqrt(len(row))
            z = list(bias)
            for i in row:
                w = weights[i]
                for c in range(k):
                    z[c] += w[c] * value
            for head, target in zip(_HEADS, examples[n].targets):
                if not target:
                    continue
                exps = [_exp(z[c]) for c in head]
                s = 0.0
                for x in exps:
                    s += x
                imp = 0.0
                for c, share in target.items():
                    imp += share * balance[c]
                for c, x in zip(head, exps):
                    g = imp * (x / s - target.get(c, 0.0))
                    bias[c] -= 0.02 * step * g
                    g *= value
                    gg = g * g
                    if gg < 1e-9:
                        continue
                    for i in row:
                        q = squares[i]
                        q[c] += gg
                        w = weights[i]
                        w[c] -= step * (g + decay * w[c]) / math.sqrt(q[c])
    return weights, bias


def _strongest(vocabulary, weights, n):
    size = []
    for f, w in zip(vocabulary, weights):
        t = 0.0
        for x in w:
            t += x * x
        size.append((-t, f))
    return sorted(f for _, f in sorted(size)[:n])


def _quantise(vocabulary, weights, bias):
    mags = sorted(abs(x) for w in weights for x in w)
    scale = mags[int(len(mags) * 0.9995)] / LEVELS
    lines = []
    for f, w in zip(vocabulary, weights):
        codes = "".join(chr(33 + LEVELS + max(-LEVELS, min(LEVELS, round(x / scale)))) for x in w)
        lines.append(f"{f}\t{codes}")
    head = json.dumps({"scale": round(scale, 6), "bias": [round(b, 5) for b in bias]})
    return ("\n".join([head, *lines]) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main())
