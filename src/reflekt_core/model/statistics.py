"""
Is a difference more than chance? Tests for short, noisy series of days that depend on each other.

Days close together resemble each other: a bad week is not seven independent bad days. Each test
therefore counts a series of days for as few independent ones as it is worth (Bartlett's effective
sample size), and takes no series to be surer than its scale of whole points allows.
"""

from collections.abc import Sequence
from math import erfc, exp, lgamma, log, sqrt

import attrs

__all__ = ["Comparison", "Slope", "compare", "compare_shares", "holm", "lower_share", "slope"]

Numbers = Sequence[float]

_ROUNDING = 1 / 12
"""Variance that rounding to whole numbers brings along; no sample is taken to vary less."""


@attrs.frozen
class Comparison:
    """Two groups of days: size and mean of each, and how likely chance alone differs as much."""

    inside: int
    outside: int
    mean_inside: float
    mean_outside: float
    p: float

    @property
    def difference(self) -> float:
        """Mean inside less mean outside."""
        return self.mean_inside - self.mean_outside


@attrs.frozen
class Slope:
    """A straight line through a series: its rise per unit, standard error, and chance level."""

    rise: float
    error: float
    p: float


def compare(values: Numbers, inside: Sequence[bool]) -> Comparison:
    """
    Return how *values*, in order of time, differ between the days *inside* and the others.

    Welch's t test, or Student's if that is less sure (where moods are mostly one and the same, a
    small group varies less by mere luck), widened for days that resemble their neighbours. Each
    group needs two values at least.
    """
    groups = [
        [v for v, i in zip(values, inside, strict=True) if i is side] for side in (True, False)
    ]
    (n, m), (a, b) = map(len, groups), map(_mean, groups)
    residuals = [v - (a if i else b) for v, i in zip(values, inside, strict=True)]
    widening = _widening([float(i) for i in inside], residuals)
    u, w = (_variance(group) / len(group) for group in groups)
    freedom = (u + w) ** 2 / (u**2 / (n - 1) + w**2 / (m - 1)) / widening
    pooled = _variance(residuals) * (1 / n + 1 / m)
    error = sqrt(max(u + w, pooled) * widening)
    return Comparison(n, m, a, b, _two_sided((a - b) / error, freedom))


def slope(xs: Numbers, ys: Numbers) -> Slope:
    """
    Return the line of least squares through *ys* at *xs*, in order of time.

    Its standard error is widened for days that resemble their neighbours. It takes three points
    at least, at two different *xs*.
    """
    n, x0, y0 = len(xs), _mean(xs), _mean(ys)
    spread = sum((x - x0) ** 2 for x in xs)
    rise = sum((x - x0) * (y - y0) for x, y in zip(xs, ys, strict=True)) / spread
    residuals = [y - y0 - rise * (x - x0) for x, y in zip(xs, ys, strict=True)]
    widening = _widening(xs, residuals)
    variance = max(_ROUNDING, sum(r * r for r in residuals) / (n - 2))
    error = sqrt(variance * widening / spread)
    return Slope(rise, error, _two_sided(rise / error, n / widening - 2))


def compare_shares(before: Sequence[bool], after: Sequence[bool]) -> Comparison:
    """
    Return how the share of true values differs between the days *after* and those *before*.

    Fisher's exact test, on the counts that remain when days that resemble their neighbours are
    taken for fewer.
    """
    a, b = _mean(after), _mean(before)
    residuals = [v - b for v in before] + [v - a for v in after]
    widening = _widening([0.0] * len(before) + [1.0] * len(after), residuals)
    counts = [round(x / widening) for x in (sum(after), len(after), sum(before), len(before))]
    return Comparison(len(after), len(before), a, b, _fisher(*counts))


def lower_share(successes: int, of: int, sample: int) -> float:
    """
    Return the share that *successes* out of *of* show at least, with 99.5 % confidence.

    Wilson's score bound, as if only *sample* of them were independent.
    """
    z, share = 2.576, successes / of
    middle = share + z * z / (2 * sample)
    margin = z * sqrt(share * (1 - share) / sample + z * z / (4 * sample * sample))
    return (middle - margin) / (1 + z * z / sample)


def holm(ps: Sequence[float], level: float) -> list[bool]:
    """
    Return which of the tests hold if all of them are allowed one false alarm with chance *level*.

    Holm's step-down procedure (1979).
    """
    kept = [False] * len(ps)
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        if ps[i] > level / (len(ps) - rank):
            break
        kept[i] = True
    return kept


def _mean(values: Numbers) -> float:
    return sum(values) / len(values)


def _variance(values: Numbers) -> float:
    mean = _mean(values)
    return max(_ROUNDING, sum((v - mean) ** 2 for v in values) / (len(values) - 1))


def _widening(xs: Numbers, residuals: Numbers) -> float:
    """
    Return by how much dependence between neighbours widens a variance, 1 or more.

    For two series that each fade by a constant factor a day (Bartlett 1935).
    """
    both = _likeness(xs) * _likeness(residuals)
    return (1 + both) / (1 - both)


def _likeness(values: Numbers) -> float:
    """
    Return how alike neighbours are, from 0 to 0.95: by which factor likeness fades a day.

    It is the autocorrelation at lag 1. Where that is beyond doubt but the fading to lag 2 is slower,
    noise hides a part of the likeness, and the fading tells it.
    """
    first, second = _autocorrelation(values, 1), _autocorrelation(values, 2)
    beyond_doubt = first > 2 / sqrt(len(values))
    return min(0.95, max(0.0, first, second / first if beyond_doubt else 0.0))


def _autocorrelation(values: Numbers, lag: int) -> float:
    n, mean = len(values), _mean(values)
    around = [v - mean for v in values]
    spread = sum(v * v for v in around)
    if not spread:
        return 0.0
    found = sum(a * b for a, b in zip(around, around[lag:], strict=False)) / spread
    # Short series show too little of it (Kendall 1954).
    return found + (1 + 4 * found) / n


def _two_sided(t: float, freedom: float) -> float:
    """Return how often chance alone gives a t as large, by Wallace's approximation (1959)."""
    if freedom < 1:
        return 1.0
    z = (8 * freedom + 1) / (8 * freedom + 3) * sqrt(freedom * log(1 + t * t / freedom))
    return erfc(z / sqrt(2))


def _fisher(a: int, n: int, b: int, m: int) -> float:
    """Return how often chance alone makes *a* of *n* and *b* of *m* as uneven or more so."""
    total = a + b

    def chance(k: int) -> float:
        return exp(_log_choose(n, k) + _log_choose(m, total - k) - _log_choose(n + m, total))

    seen = chance(a) * (1 + 1e-7)
    possible = map(chance, range(max(0, total - m), min(n, total) + 1))
    return min(1.0, sum(p for p in possible if p <= seen))


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
