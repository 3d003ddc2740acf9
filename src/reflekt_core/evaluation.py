"""
How good a provider is: its answers to labelled texts, compared with the labels.

    evaluate(LocalAssistant(), read_examples("entries.tsv", "sentiment"), "sentiment")

The metrics are functions of their own, over `Outcome` values. None depends on the order of the
examples.
"""

import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from html import escape
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Final

import attrs

from reflekt_core.errors import AssistantError, InvalidInput, InvalidOutput, Problem
from reflekt_core.model.assistance import Answer
from reflekt_core.model.feelings import EmotionName, SentimentLabel
from reflekt_core.model.insights import AnalyseEntry, Analysis
from reflekt_core.ports import Assistant, ExternalAssistant

__all__ = [
    "FAILED",
    "LABELS",
    "NONE",
    "CoveragePoint",
    "Evaluation",
    "EvaluationTask",
    "Example",
    "Outcome",
    "accuracy",
    "balanced_accuracy",
    "calibration_error",
    "confusion",
    "coverage",
    "evaluate",
    "macro_f1",
    "read_examples",
    "wilson_interval",
]

Ask = Callable[[AnalyseEntry], Answer[Analysis]]

NONE: Final = "none"
"""What is predicted where the answer names nothing that could be right or wrong."""

FAILED: Final = "failed"
"""What is predicted where there was no usable answer."""


class EvaluationTask(StrEnum):
    """What of an analysis is compared with the labels."""

    SENTIMENT = "sentiment"
    EMOTIONS = "emotions"
    TOPICS = "topics"


_AREAS: Final = (
    *("work", "family", "friends", "love", "health", "sleep", "food", "exercise", "recreation"),
    *("school", "spirituality", "money", "home", "travel", "nature", "self"),
)
_OTHER_NAMES: Final = {"god": "spirituality"}
_POLAR: Final = frozenset({SentimentLabel.POSITIVE, SentimentLabel.NEGATIVE})

LABELS: Final[Mapping[EvaluationTask, tuple[str, ...]]] = {
    EvaluationTask.SENTIMENT: tuple(label.value for label in SentimentLabel),
    EvaluationTask.EMOTIONS: tuple(name.value for name in EmotionName),
    EvaluationTask.TOPICS: _AREAS,
}
"""The labels that the examples of a task may have."""


@attrs.frozen
class Example:
    """A text, and the label that it should get."""

    label: str
    text: str = attrs.field(repr=False)


@attrs.frozen
class Outcome:
    """
    What an example should have got (`gold`) and what it got.

    `confidence`, from 0 to 1, is None where nothing was predicted; `failure` then is the code of
    the error, if there was one.
    """

    gold: str
    predicted: str
    confidence: float | None
    failure: str = ""

    @property
    def is_right(self) -> bool:
        """Whether the prediction is the label."""
        return self.gold == self.predicted


@attrs.frozen
class CoveragePoint:
    """
    Accuracy if only the most confident `share` of the examples is answered.

    Those are the ones with at least this `confidence`.
    """

    share: float
    accuracy: float
    confidence: float


@attrs.frozen(repr=False)
class Evaluation:
    """
    The figures of one provider on one set of examples.

    `accuracy_interval` is Wilson's, of 95 %. `calibration_error` is None if nothing was predicted.
    `confusion` counts predictions by label, then prediction; `failures` by code. `cost_usd` is that
    of the answers; None if the price is not known. The times are means: `ms_per_entry` by the clock
    on the wall, `cpu_ms_per_entry` of the processor.
    """

    task: EvaluationTask
    provider: str
    model: str
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float
    macro_f1: float
    coverage: tuple[CoveragePoint, ...]
    calibration_error: float | None
    confusion: Mapping[str, Mapping[str, int]]
    failures: Mapping[str, int]
    cost_usd: Decimal | None
    ms_per_entry: float
    cpu_ms_per_entry: float

    def figures(self) -> dict[str, str]:
        """Return the single figures as people read them, by their names."""
        low, high = self.accuracy_interval
        error = self.calibration_error
        return {
            "accuracy": f"{self.accuracy:.3f} (95 % interval {low:.3f} to {high:.3f})",
            "balanced accuracy": f"{self.balanced_accuracy:.3f}",
            "macro-F1": f"{self.macro_f1:.3f}",
            "calibration error": "–" if error is None else f"{error:.3f}",
            "cost": "not known" if self.cost_usd is None else f"${self.cost_usd:f}",
            "time an entry": f"{self.ms_per_entry:.2f} ms (CPU {self.cpu_ms_per_entry:.2f} ms)",
            "failures": ", ".join(f"{code} {n}" for code, n in self.failures.items()) or "none",
        }

    def title(self) -> str:
        """Return what was evaluated, in a few words."""
        whose = f" by {self.provider} {self.model}" if self.provider else ""
        return f"{self.task.value}{whose}, n = {self.n}"

    def __repr__(self) -> str:
        lines = (f"{name}: {figure}" for name, figure in self.figures().items())
        return f"<Evaluation of {self.title()}; {'; '.join(lines)}>"

    def _repr_html_(self) -> str:
        """Return the figures, the coverage curve and the confusion as tables, for a notebook."""
        curve = [
            (f"{p.share:.0%}", f"{p.accuracy:.3f}", f"{p.confidence:.2f}") for p in self.coverage
        ]
        return "".join(
            (
                f"<h4>{escape(self.title())}</h4>",
                _html_table((), self.figures().items()),
                _html_table(("most confident", "accuracy", "confidence"), curve),
                _html_confusion(self.confusion),
            )
        )


def read_examples(
    source: str | PathLike[str] | Iterable[str | bytes], task: str
) -> tuple[Example, ...]:
    """
    Return the examples in *source*: the path of a file in UTF-8, or its lines.

    A line is a label, a tab and a text. Blank lines are skipped. ``god`` is another name of
    ``spirituality``.

    Raises:
        InvalidInput: Names the lines that are wrong, and what is allowed; or there is no example.
    """
    kind = _task(task)
    if isinstance(source, str | PathLike):
        source = Path(source).read_bytes().split(b"\n")
    examples: list[Example] = []
    problems: dict[int, str] = {}
    for number, line in enumerate(source, start=1):
        found = _parsed(line, kind, is_first=number == 1)
        if isinstance(found, Example):
            examples.append(found)
        elif found:
            problems[number] = found
    if problems:
        each = (Problem(f"line {number}", said) for number, said in problems.items())
        raise InvalidInput(each, _summed_up(problems))
    if not examples:
        raise InvalidInput.field("examples", "there are none: each is a line 'label<TAB>text'")
    return tuple(examples)


def _parsed(line: str | bytes, kind: EvaluationTask, *, is_first: bool) -> Example | str:
    """Return the example, or what is wrong with the line; nothing is wrong with a blank one."""
    if isinstance(line, bytes):
        try:
            line = line.decode()
        except UnicodeDecodeError:
            return "must be text in UTF-8"
    line = (line.removeprefix("\ufeff") if is_first else line).rstrip("\r\n")
    if not line.strip():
        return ""
    label, tab, text = line.partition("\t")
    if not (tab and text.strip()):
        return "must be a label, a tab and a text"
    name = label.strip().lower()
    name = _OTHER_NAMES.get(name, name)
    return Example(name, text) if name in LABELS[kind] else f"its label must be {_allowed(kind)}"


def _allowed(kind: EvaluationTask) -> str:
    return f"one of {', '.join(LABELS[kind])}"


def _summed_up(problems: Mapping[int, str], most: int = 5) -> str:
    """Return one sentence for all lines that are wrong in the same way."""
    by_message: dict[str, list[str]] = {}
    for number, message in problems.items():
        by_message.setdefault(message, []).append(str(number))
    return "; ".join(
        f"{'line' if len(numbers) == 1 else 'lines'} {', '.join(numbers[:most])}"
        + (f" and {len(numbers) - most} more" if len(numbers) > most else "")
        + f": {message}"
        for message, numbers in by_message.items()
    )


def _task(name: str) -> EvaluationTask:
    try:
        return EvaluationTask(name)
    except ValueError:
        allowed = ", ".join(EvaluationTask)
        raise InvalidInput.field("task", f"must be one of {allowed}") from None


_FIRST: Final = AnalyseEntry("", "I walked to the sea with my sister, and we were happy.")


@attrs.frozen
class _Trial:
    """What came of asking about an example, and how long it took, in seconds."""

    gold: str
    answer: Answer[Analysis] | None
    error: Exception | None
    wall: float
    cpu: float


def evaluate(assistant: Assistant | Ask, examples: Iterable[Example], task: str) -> Evaluation:
    """
    Return how well *assistant* answers *examples*: an `Assistant`, or a function that asks one.

    An `Assistant` is asked about a text of ours first, so that no time counts the data it reads
    once. An example that it fails on counts as wrong. What else counts as right:

    - sentiment: the label. If the examples are all positive or negative, a neutral or mixed answer
      counts by the sign of its score, and is wrong if that is 0; its confidence is then at most
      (1 + abs(score)) / 2.
    - emotions: the strongest emotion; its score is the confidence.
    - topics: of the life areas that occur as labels of the examples, the one with the best score;
      its score is the confidence.

    Raises:
        InvalidInput: There are no examples, or one has a label that the task does not know.
    """
    kind, ask = _task(task), _ready(assistant)
    trials = [_tried(ask, example) for example in _checked(examples, kind)]
    if not trials:
        raise InvalidInput.field("examples", "must not be empty")
    labels = frozenset(trial.gold for trial in trials)
    outcomes = [_judged(trial, kind, labels) for trial in trials]
    failures = Counter(sorted(one.failure for one in outcomes if one.failure))
    return Evaluation(
        task=kind,
        provider=_names(trials, "provider"),
        model=_names(trials, "model"),
        n=len(outcomes),
        accuracy=accuracy(outcomes),
        accuracy_interval=wilson_interval(sum(o.is_right for o in outcomes), len(outcomes)),
        balanced_accuracy=balanced_accuracy(outcomes),
        macro_f1=macro_f1(outcomes),
        coverage=coverage(outcomes),
        calibration_error=calibration_error(outcomes),
        confusion=confusion(outcomes),
        failures=MappingProxyType(dict(failures)),
        cost_usd=_cost(trials),
        ms_per_entry=1000 * math.fsum(trial.wall for trial in trials) / len(trials),
        cpu_ms_per_entry=1000 * math.fsum(trial.cpu for trial in trials) / len(trials),
    )


def _ready(assistant: Assistant | Ask) -> Ask:
    if isinstance(assistant, ExternalAssistant):
        raise TypeError(
            "an ExternalAssistant takes only what its user agreed to send: give a function that "
            "asks it, or use 'reflekt providers evaluate'"
        )
    if not isinstance(assistant, Assistant):
        return assistant
    with suppress(Exception):  # the examples will tell what fails
        assistant.answer(_FIRST)
    return assistant.answer


def _checked(examples: Iterable[Example], kind: EvaluationTask) -> Iterator[Example]:
    for number, example in enumerate(examples, start=1):
        if example.label not in LABELS[kind]:
            raise InvalidInput.field(f"example {number}", f"its label must be {_allowed(kind)}")
        yield example


def _tried(ask: Ask, example: Example) -> _Trial:
    answer: Answer[Analysis] | None = None
    failure: Exception | None = None
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        answer = ask(AnalyseEntry("", example.text))
    except Exception as error:  # noqa: BLE001 - what was paid for so far is worth more than a traceback
        failure = error
    return _Trial(
        example.label,
        answer,
        failure,
        time.perf_counter() - wall,
        time.process_time() - cpu,
    )


def _judged(trial: _Trial, kind: EvaluationTask, labels: frozenset[str]) -> Outcome:
    if trial.answer is None:
        error = trial.error
        code = error.code if isinstance(error, AssistantError) else type(error).__name__
        return Outcome(trial.gold, FAILED, None, code)
    predicted, confidence = _PREDICTIONS[kind](trial.answer.result, labels)
    if confidence is not None and not 0 <= confidence <= 1:
        return Outcome(trial.gold, FAILED, None, InvalidOutput.code)
    return Outcome(trial.gold, predicted, confidence)


def _sentiment(found: Analysis, labels: frozenset[str]) -> tuple[str, float | None]:
    feeling = found.sentiment
    if feeling.label in _POLAR or not labels <= _POLAR:
        return feeling.label.value, feeling.confidence
    # Its confidence is in "neutral" or "mixed". For the sign there is the score: taken as the
    # difference of the two probabilities, it makes the likelier one (1 + |score|) / 2.
    confidence = min((1 + abs(feeling.score)) / 2, feeling.confidence)
    if feeling.score == 0:
        return feeling.label.value, confidence
    sign = SentimentLabel.POSITIVE if feeling.score > 0 else SentimentLabel.NEGATIVE
    return sign.value, confidence


def _emotion(found: Analysis, labels: frozenset[str]) -> tuple[str, float | None]:  # noqa: ARG001 - as its siblings
    strongest = max(found.emotions, key=lambda emotion: emotion.score, default=None)
    return (strongest.name.value, strongest.score) if strongest else (NONE, None)


def _topic(found: Analysis, labels: frozenset[str]) -> tuple[str, float | None]:
    scored = [(_OTHER_NAMES.get(topic.name, topic.name), topic.score) for topic in found.topics]
    known = [(name, score) for name, score in scored if name in labels]
    return max(known, key=lambda topic: topic[1], default=(NONE, None))


_PREDICTIONS: Final = {
    EvaluationTask.SENTIMENT: _sentiment,
    EvaluationTask.EMOTIONS: _emotion,
    EvaluationTask.TOPICS: _topic,
}


def _names(trials: Iterable[_Trial], field: str) -> str:
    """Return who answered; where nobody did, who failed."""
    answered = {getattr(trial.answer, field) for trial in trials if trial.answer}
    failed = {getattr(trial.error, field, "") for trial in trials if trial.error}
    return ", ".join(sorted(answered or failed - {""}))


def _cost(trials: Iterable[_Trial]) -> Decimal:
    total = sum((t.answer.usage.cost_usd for t in trials if t.answer), Decimal(0))
    return total.quantize(Decimal("0.000001"), ROUND_UP)


# The metrics. Sums of fractions are `math.fsum`, which is exact: the order does not matter.


def accuracy(outcomes: Collection[Outcome]) -> float:
    """Return the share that is right."""
    return sum(one.is_right for one in outcomes) / len(outcomes)


def balanced_accuracy(outcomes: Collection[Outcome]) -> float:
    """Return the mean, over the labels that occur, of the share of a label's examples that is right."""
    of_label = Counter(one.gold for one in outcomes)
    right = Counter(one.gold for one in outcomes if one.is_right)
    return math.fsum(right[label] / n for label, n in of_label.items()) / len(of_label)


def macro_f1(outcomes: Collection[Outcome]) -> float:
    """Return the mean of F1, the harmonic mean of precision and recall, over the labels that occur."""
    of_label = Counter(one.gold for one in outcomes)
    said = Counter(one.predicted for one in outcomes)
    right = Counter(one.gold for one in outcomes if one.is_right)
    scores = (2 * right[label] / (n + said[label]) for label, n in of_label.items())
    return math.fsum(scores) / len(of_label)


_Z: Final = 1.959963984540054  # the normal distribution has 2.5 % beyond it


def wilson_interval(right: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which *right* out of *n* were seen (Wilson, 1927)."""
    share, spread = right / n, _Z * _Z / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / n / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def coverage(outcomes: Collection[Outcome]) -> tuple[CoveragePoint, ...]:
    """
    Return the accuracy among the most confident 100 %, 90 %, … 10 %.

    A share is rounded up to whole examples. Of examples that are equally confident and do not all
    belong to it, each counts in part. What was not predicted has the confidence 0.
    """
    of_confidence = Counter(one.confidence or 0.0 for one in outcomes)
    right = Counter(one.confidence or 0.0 for one in outcomes if one.is_right)
    groups = [(level, n, right[level]) for level, n in sorted(of_confidence.items(), reverse=True)]
    return tuple(
        CoveragePoint(percent / 100, *_among_first(-(-len(outcomes) * percent // 100), groups))
        for percent in range(100, 0, -10)
    )


def _among_first(wanted: int, groups: Iterable[tuple[float, int, int]]) -> tuple[float, float]:
    """Return the accuracy of the first *wanted*, and the confidence of the last of them."""
    left, right, lowest = wanted, 0.0, 0.0
    for level, n, right_there in groups:
        if not left:
            break
        taken = min(left, n)
        right += right_there * taken / n
        left -= taken
        lowest = level
    return right / wanted, lowest


def calibration_error(outcomes: Collection[Outcome], *, bins: int = 10) -> float | None:
    """
    Return by how much confidence differs from accuracy, over what was predicted; else None.

    It is the expected calibration error: the mean difference in *bins* of equal width, weighted by
    their sizes (Guo et al., 2017).
    """
    known = [(one.confidence, one.is_right) for one in outcomes if one.confidence is not None]
    binned: dict[int, list[float]] = {}
    for confidence, is_right in known:
        binned.setdefault(min(int(confidence * bins), bins - 1), []).append(is_right - confidence)
    gaps = (abs(math.fsum(differences)) for differences in binned.values())
    return math.fsum(gaps) / len(known) if known else None


def confusion(outcomes: Collection[Outcome]) -> Mapping[str, Mapping[str, int]]:
    """Return for each label how often each prediction was made, also those made never."""
    counts = Counter((one.gold, one.predicted) for one in outcomes)
    rows = sorted({gold for gold, _ in counts})
    columns = sorted(
        {label for pair in counts for label in pair}, key=lambda c: (c in {NONE, FAILED}, c)
    )
    return MappingProxyType(
        {row: MappingProxyType({c: counts[row, c] for c in columns}) for row in rows}
    )


def _html_table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    titles = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{f'<tr>{titles}</tr>' if head else ''}{body}</table>"


def _html_confusion(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table of the labels, a row each, and what was predicted; the darker, the more often."""
    columns = next(iter(counts.values()))
    titles = "".join(f"<th>{escape(column)}</th>" for column in columns)
    rows = (
        f"<tr><th>{escape(label)}</th>"
        + "".join(_html_cell(n, sum(row.values()), right=label == c) for c, n in row.items())
        + "</tr>"
        for label, row in counts.items()
    )
    return f"<table><tr><th>label → predicted</th>{titles}</tr>{''.join(rows)}</table>"


def _html_cell(count: int, total: int, *, right: bool) -> str:
    colour = "46, 160, 67" if right else "218, 54, 51"
    return f'<td style="background: rgba({colour}, {count / total:.2f})">{count}</td>'
