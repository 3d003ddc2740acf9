"""Measuring how good a provider is."""

import math
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core.errors import AnswerTimeout, InvalidInput, Refused
from reflekt_core.evaluation import (
    FAILED,
    LABELS,
    NONE,
    Ask,
    Evaluation,
    EvaluationTask,
    Example,
    Outcome,
    accuracy,
    balanced_accuracy,
    calibration_error,
    confusion,
    coverage,
    evaluate,
    macro_f1,
    read_examples,
    wilson_interval,
)
from reflekt_core.model.assistance import Answer, Task
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.insights import AnalyseEntry, Analysis, Topic, Usage
from reflekt_core.ports import Assistant, ExternalAssistant
from reflekt_core.providers.local import LocalAssistant

NEUTRAL = Sentiment(SentimentLabel.NEUTRAL, 0.0, 0.5)


def answered(
    feeling: Sentiment = NEUTRAL,
    emotions: tuple[Emotion, ...] = (),
    topics: tuple[Topic, ...] = (),
    cost: str = "0",
) -> Answer[Analysis]:
    """Return an answer that says this."""
    result = Analysis(feeling, emotions, topics, "", (), ())
    return Answer(result, "fake", "fake-1", "1", Usage(10, 5, Decimal(cost)))


def felt(label: str, score: float, confidence: float = 0.9) -> Answer[Analysis]:
    """Return an answer with this sentiment."""
    return answered(Sentiment(SentimentLabel(label), score, confidence))


def knowing(answers: Mapping[str, Answer[Analysis] | Exception]) -> Ask:
    """Return a function that answers each text as given."""

    def ask(task: AnalyseEntry) -> Answer[Analysis]:
        found = answers[task.content]
        if isinstance(found, Exception):
            raise found
        return found

    return ask


def judged(task: str, *cases: tuple[str, Answer[Analysis] | Exception]) -> Evaluation:
    """Evaluate an assistant that gives one answer to the example of each label in *cases*."""
    examples = [Example(label, str(number)) for number, (label, _) in enumerate(cases)]
    return evaluate(knowing({str(n): case[1] for n, case in enumerate(cases)}), examples, task)


def seen(found: Evaluation) -> dict[str, dict[str, int]]:
    """Return what was predicted for each label, without what was not."""
    return {
        label: {name: n for name, n in row.items() if n} for label, row in found.confusion.items()
    }


# The metrics


@st.composite
def predictions(draw: st.DrawFn) -> Outcome:
    """An outcome with three labels, a confidence in hundredths, and sometimes no prediction."""
    gold = draw(st.sampled_from("abc"))
    predicted = draw(st.sampled_from(["a", "b", "c", "z", NONE, FAILED]))
    hundredths = draw(st.integers(0, 100))
    return Outcome(gold, predicted, None if predicted in {NONE, FAILED} else hundredths / 100)


SOME = st.lists(predictions(), min_size=1, max_size=60)


@given(SOME)
def test_accuracies_are_shares_of_what_is_right(outcomes: list[Outcome]) -> None:
    """Accuracy is over all examples, balanced accuracy the mean of that of each label."""
    right = [o.gold == o.predicted for o in outcomes]
    assert accuracy(outcomes) == pytest.approx(sum(right) / len(right))
    recalls = []
    for label in {o.gold for o in outcomes}:
        mine = [r for o, r in zip(outcomes, right, strict=True) if o.gold == label]
        recalls.append(sum(mine) / len(mine))
    assert balanced_accuracy(outcomes) == pytest.approx(sum(recalls) / len(recalls))


@given(SOME)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(outcomes: list[Outcome]) -> None:
    """Macro-F1 is the mean over the labels that occur; one never rightly predicted counts 0."""
    scores = []
    for label in {o.gold for o in outcomes}:
        hits = sum(o.gold == o.predicted == label for o in outcomes)
        if not hits:
            scores.append(Fraction(0))
            continue
        precision = Fraction(hits, sum(o.predicted == label for o in outcomes))
        recall = Fraction(hits, sum(o.gold == label for o in outcomes))
        scores.append(2 / (1 / precision + 1 / recall))
    assert macro_f1(outcomes) == pytest.approx(float(sum(scores) / len(scores)))


@given(SOME)
def test_coverage_is_the_accuracy_expected_of_the_most_confident(outcomes: list[Outcome]) -> None:
    """Each share counts who is surely in it, and in part those who tie for its last places."""
    levels = sorted((o.confidence or 0.0 for o in outcomes), reverse=True)
    points = coverage(outcomes)
    assert [round(10 * point.share) for point in points] == [*range(10, 0, -1)]
    for point in points:
        size = math.ceil(Fraction(round(10 * point.share), 10) * len(outcomes))
        lowest = levels[size - 1]
        surely = sum(level > lowest for level in levels)
        chance = Fraction(size - surely, levels.count(lowest))
        expected = sum(
            (1 if (o.confidence or 0.0) > lowest else chance)
            for o in outcomes
            if o.gold == o.predicted and (o.confidence or 0.0) >= lowest
        )
        assert point.confidence == lowest
        assert point.accuracy == pytest.approx(float(expected / size))
    assert points[0].accuracy == pytest.approx(accuracy(outcomes))


@given(SOME)
def test_the_calibration_error_is_the_gap_in_each_tenth(outcomes: list[Outcome]) -> None:
    """It is the mean gap of confidence and accuracy by bin; what was not predicted stays out."""
    known = [(round(100 * o.confidence), o) for o in outcomes if o.confidence is not None]
    total = Fraction(0)
    for tenth in range(10):
        mine = [(k, o) for k, o in known if k // 10 == tenth or (tenth == 9 and k == 100)]
        if mine:
            right = Fraction(sum(o.gold == o.predicted for _, o in mine), len(mine))
            claimed = Fraction(sum(k for k, _ in mine), 100 * len(mine))
            total += abs(right - claimed) * len(mine)
    error = calibration_error(outcomes)
    assert error == (pytest.approx(float(total / len(known))) if known else None)


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_perfect_predictions_get_perfect_figures(labels: list[str]) -> None:
    """All right and all sure: every score is 1 and no confidence is wrong."""
    outcomes = [Outcome(label, label, 1.0) for label in labels]
    assert {accuracy(outcomes), balanced_accuracy(outcomes), macro_f1(outcomes)} == {1.0}
    assert {point.accuracy for point in coverage(outcomes)} == {1.0}
    assert calibration_error(outcomes) == 0


def test_confidence_that_comes_true_is_calibrated() -> None:
    """Of ten predictions with 70 % each seven are right, and so on: the error is nothing."""
    outcomes = [
        Outcome("a", "a" if number < tenths else "b", tenths / 10)
        for tenths in range(11)
        for number in range(10)
    ]
    assert calibration_error(outcomes) == pytest.approx(0)
    assert calibration_error([Outcome("a", "b", 1.0)]) == 1


def test_full_confidence_is_in_the_last_tenth() -> None:
    """One right at 90 % and one wrong at 100 % share a bin: together 45 % right too few."""
    outcomes = [Outcome("a", "a", 0.9), Outcome("a", "b", 1.0)]
    assert calibration_error(outcomes) == pytest.approx(0.45)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(case: tuple[int, int]) -> None:
    """Its ends are the shares from which the one seen is just 1.96 standard errors away."""
    right, n = case
    low, high = wilson_interval(right, n)
    assert -1e-9 <= low <= right / n + 1e-9
    assert right / n - 1e-9 <= high <= 1 + 1e-9
    for end in (low, high):
        error = math.sqrt(max(0.0, end * (1 - end) / n))
        assert abs(right / n - end) == pytest.approx(1.959964 * error, rel=1e-4, abs=1e-7)


def test_the_interval_of_a_textbook_example() -> None:
    """81 of 263 gives .2553 to .3662 (Newcombe, 1998)."""
    low, high = wilson_interval(81, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@given(SOME)
def test_the_confusion_counts_every_outcome_once(outcomes: list[Outcome]) -> None:
    """Rows are the labels, columns all that was predicted or could have been; failures come last."""
    found = confusion(outcomes)
    assert list(found) == sorted({o.gold for o in outcomes})
    names = {o.gold for o in outcomes} | {o.predicted for o in outcomes}
    last = [name for name in (FAILED, NONE) if name in names]
    for gold, row in found.items():
        assert list(row) == sorted(names - {NONE, FAILED}) + last
        for name, n in row.items():
            assert n == sum((o.gold, o.predicted) == (gold, name) for o in outcomes)


# What counts as right


@given(st.data(), st.lists(predictions(), min_size=1, max_size=12))
@settings(max_examples=50)
def test_the_order_of_the_examples_makes_no_difference(
    data: st.DataObject, outcomes: list[Outcome]
) -> None:
    """The same examples in another order give the same evaluation, but for the time it took."""
    labels = {"a": "positive", "b": "negative", "c": "mixed", "z": "neutral"}

    def answer(one: Outcome) -> Answer[Analysis] | Exception:
        if one.confidence is None:
            return Refused("no", provider="fake") if one.predicted == NONE else ValueError()
        return felt(labels[one.predicted], 0.5, one.confidence)

    def run(order: list[int]) -> tuple[Evaluation, str]:
        answers = {str(number): answer(one) for number, one in enumerate(outcomes)}
        examples = [Example(labels[outcomes[n].gold], str(n)) for n in order]
        found = evaluate(knowing(answers), examples, "sentiment")
        found = attrs.evolve(found, ms_per_entry=0.0, cpu_ms_per_entry=0.0)
        return found, repr(found)

    order = list(range(len(outcomes)))
    assert run(data.draw(st.permutations(order))) == run(order)


def test_sums_of_shares_are_exact() -> None:
    """Thirds and halves, added up in any order, give the same figure to the last bit."""
    pairs = (("c", "d"), ("a", "b"), ("a", "a"), ("a", "c"), ("b", "b"), ("d", "d"))
    outcomes = [Outcome(gold, predicted, 0.5) for gold, predicted in pairs]
    for metric in (balanced_accuracy, macro_f1):
        assert len({metric(order) for order in permutations(outcomes)}) == 1


def test_sentiment_is_compared_by_its_label() -> None:
    """With all labels in use, neutral and mixed are answers like the others."""
    found = judged(
        "sentiment",
        ("positive", felt("positive", 0.9)),
        ("negative", felt("neutral", -0.2)),
        ("neutral", felt("neutral", 0.1)),
        ("mixed", felt("mixed", 0.1)),
    )
    assert found.accuracy == 0.75
    assert seen(found)["negative"] == {"neutral": 1}
    assert found.coverage[0].confidence == 0.9


def test_among_positive_and_negative_the_sign_counts() -> None:
    """If only these two occur, a neutral or mixed answer counts by its sign, and 0 is wrong."""
    found = judged(
        "sentiment",
        ("positive", felt("neutral", 0.1)),
        ("negative", felt("mixed", -0.4)),
        ("negative", felt("neutral", 0.2)),
        ("positive", felt("mixed", 0.0)),
        ("negative", felt("positive", -0.5)),
    )
    assert seen(found) == {
        "negative": {"negative": 1, "positive": 2},
        "positive": {"mixed": 1, "positive": 1},
    }
    assert found.accuracy == 0.4


@pytest.mark.parametrize(
    ("score", "confidence", "expected"),
    [(0.2, 0.9, 0.6), (-0.2, 0.9, 0.6), (0.0, 0.9, 0.5), (0.8, 0.3, 0.3)],
)
def test_a_sign_is_as_sure_as_its_score(score: float, confidence: float, expected: float) -> None:
    """Being sure that a text is neutral is not being sure of its sign."""
    found = judged("sentiment", ("positive", felt("neutral", score, confidence)))
    assert found.coverage[0].confidence == pytest.approx(expected)


def test_of_emotions_the_strongest_counts() -> None:
    """The strongest emotion is the prediction, wherever it stands; without any there is none."""
    weak, strong = Emotion(EmotionName.JOY, 0.3), Emotion(EmotionName.FEAR, 0.6)
    found = judged(
        "emotions",
        ("fear", answered(emotions=(weak, strong))),
        ("joy", answered(emotions=(strong, weak))),
        ("neutral", answered()),
    )
    assert seen(found) == {"fear": {"fear": 1}, "joy": {"fear": 1}, "neutral": {NONE: 1}}
    assert [point.confidence for point in found.coverage] == [0.0] * 4 + [0.6] * 6
    assert found.calibration_error == pytest.approx(0.1)
    assert found.failures == {}


def test_of_topics_the_best_of_the_labels_in_use_counts() -> None:
    """Life areas that no example is labelled with, and keyphrases, are passed over."""
    said = answered(topics=(Topic("bread", 0.9), Topic("sleep", 0.7), Topic("food", 0.5)))
    found = judged("topics", ("food", said), ("work", said), ("work", answered()))
    assert seen(found) == {"food": {"food": 1}, "work": {"food": 1, NONE: 1}}
    assert found.coverage[-1].confidence == 0.5
    weaker = answered(topics=(Topic("work", 0.2), Topic("food", 0.5)))
    found = judged("topics", ("food", weaker), ("work", said))
    assert seen(found) == {"food": {"food": 1}, "work": {"food": 1}}
    both = judged("topics", ("food", said), ("sleep", said))
    assert seen(both) == {"food": {"sleep": 1}, "sleep": {"sleep": 1}}


def test_god_is_another_name_of_spirituality() -> None:
    """It makes no difference which of the two stands in the file, or in the answer."""
    examples = read_examples(["god\tWe prayed.", "spirituality\tWe sang."], "topics")
    answers = {
        "We prayed.": answered(topics=(Topic("spirituality", 0.6),)),
        "We sang.": answered(topics=(Topic("god", 0.6),)),
    }
    assert evaluate(knowing(answers), examples, "topics").accuracy == 1


def test_failures_are_wrong_and_counted_by_their_code() -> None:
    """What a provider fails on, in whatever way, is told by code, or by the kind of a bug."""
    found = judged(
        "sentiment",
        ("positive", felt("positive", 0.9)),
        ("negative", AnswerTimeout("too late", provider="fake", model="fake-1")),
        ("negative", AnswerTimeout("too late", provider="fake", model="fake-1")),
        ("mixed", KeyError("Dear diary")),
    )
    assert found.failures == {"KeyError": 1, "ai_timeout": 2}
    assert found.accuracy == 0.25
    assert seen(found)["negative"] == {FAILED: 2}
    assert found.calibration_error == pytest.approx(0.1)
    assert (found.provider, found.model) == ("fake", "fake-1")
    assert "diary" not in repr(found)


@pytest.mark.parametrize("confidence", [1.1, -0.1, math.nan])
def test_a_confidence_that_is_none_is_a_failure(confidence: float) -> None:
    """A confidence outside 0 to 1 makes the answer invalid."""
    found = judged("sentiment", ("positive", felt("positive", 0.9, confidence)))
    assert found.failures == {"ai_invalid_output": 1}
    assert found.accuracy == 0


def test_who_failed_is_named_where_nobody_answered() -> None:
    """Without any answer the errors tell provider and model; there is no calibration error."""
    late = AnswerTimeout("late", provider="fake", model="fake-2")
    found = judged("emotions", ("joy", late), ("joy", KeyError()))
    assert (found.provider, found.model) == ("fake", "fake-2")
    assert found.calibration_error is None
    assert "calibration error: –" in repr(found)


def test_all_who_answered_are_named() -> None:
    """A function may ask now this provider and now that one."""
    names = ("c", "a", "b", "e", "d")
    answers = [attrs.evolve(answered(), provider=name, model=f"{name}-1") for name in names]
    found = judged("emotions", *(("joy", answer) for answer in answers))
    assert (found.provider, found.model) == ("a, b, c, d, e", "a-1, b-1, c-1, d-1, e-1")


def test_costs_are_added_up_to_the_millionth() -> None:
    """The cost is that of all answers, never rounded down."""
    cases = [("joy", answered(cost=cost)) for cost in ("0.0000101", "0.25", "0.000002")]
    found = judged("emotions", *cases)
    assert str(found.cost_usd) == "0.250013"
    assert str(judged("emotions", ("joy", answered())).cost_usd) == "0.000000"


def test_time_is_that_of_the_answers() -> None:
    """Both times are means over the examples; reading the examples is not counted."""

    def spin(seconds: float) -> None:
        begun = time.process_time(), time.perf_counter()
        while time.process_time() < begun[0] + seconds or time.perf_counter() < begun[1] + seconds:
            pass

    def ask(_: AnalyseEntry) -> Answer[Analysis]:
        spin(0.01)
        return answered()

    def slowly() -> list[Example]:
        spin(0.05)
        return [Example("joy", "x"), Example("joy", "y")]

    begun = time.perf_counter()
    found = evaluate(ask, slowly(), "emotions")
    took = 1000 * (time.perf_counter() - begun)
    assert 10 <= found.cpu_ms_per_entry <= (took - 50) / 2
    assert 10 <= found.ms_per_entry <= (took - 50) / 2


class SlowToLoad(Assistant):
    """Reads its data when it is first asked, which takes a while, and fails if it has none."""

    def __init__(self, *, has_data: bool) -> None:
        self.has_data = has_data
        self.is_ready = False

    def answer(self, task: Task) -> Answer[Any]:
        """Return always the same."""
        begun = time.process_time()
        while not self.is_ready and time.process_time() < begun + 0.05:
            pass
        self.is_ready = True
        if not self.has_data:
            raise Refused("no data", provider="slow")
        return answered()


@pytest.mark.parametrize("has_data", [True, False])
def test_loading_an_assistant_is_no_part_of_the_time(has_data: bool) -> None:  # noqa: FBT001 - a case
    """What an assistant reads once does not count, however few the examples are."""
    found = evaluate(SlowToLoad(has_data=has_data), [Example("joy", "x")], "emotions")
    assert found.n == 1
    assert found.failures == ({} if has_data else {"ai_refused": 1})
    assert found.cpu_ms_per_entry < 25


def test_examples_must_fit_the_task() -> None:
    """No example, a label of another task, or a task that does not exist is refused."""
    asked: list[AnalyseEntry] = []

    def ask(task: AnalyseEntry) -> Answer[Analysis]:
        asked.append(task)
        return answered()

    with pytest.raises(InvalidInput, match="must not be empty"):
        evaluate(ask, [], "sentiment")
    with pytest.raises(InvalidInput, match="example 1: its label must be one of joy"):
        evaluate(ask, [Example("happy", "Dear diary")], "emotions")
    with pytest.raises(InvalidInput, match="sentiment, emotions, topics"):
        evaluate(ask, [Example("joy", "x")], "mood")
    assert not asked


class Outside(ExternalAssistant):
    """Would send texts to a vendor."""

    prompt_version = worst_case = answer = None  # type: ignore[assignment]


def test_an_external_assistant_is_not_asked_without_consent() -> None:
    """What leaves the machine needs consent, which is not asked for here."""
    with pytest.raises(TypeError, match="agreed"):
        evaluate(Outside(), [Example("joy", "x")], "emotions")  # type: ignore[arg-type]


def test_an_assistant_is_evaluated_in_two_lines() -> None:
    """The offline provider gets clear words right; the value shows its figures."""
    examples = read_examples(
        [
            "positive\tI am so happy, what a wonderful day!",
            "negative\tI hate this awful, sad mess.",
        ],
        "sentiment",
    )
    found = evaluate(LocalAssistant(), examples, "sentiment")
    assert (found.n, found.accuracy, found.provider) == (2, 1.0, "local")
    assert found.accuracy_interval == wilson_interval(2, 2)
    assert repr(found).startswith("<Evaluation of sentiment by local ")
    assert "accuracy: 1.000 (95 % interval 0.342 to 1.000)" in repr(found)


def test_a_notebook_shows_tables_that_hold_no_markup_of_others() -> None:
    """Names that a provider gives itself are escaped, and every count is in a cell."""
    answer = attrs.evolve(felt("positive", 0.9), model="<script>x</script>")
    found = judged("sentiment", ("positive", answer), ("negative", answer))
    shown = found._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert shown.count("<table>") == shown.count("</table>") == 3
    assert '<th>negative</th><td style="background: rgba(46, 160, 67, 0.00)">0</td>' in shown
    assert 'rgba(218, 54, 51, 1.00)">1</td>' in shown
    assert "<td>50%</td><td>0.500</td><td>0.90</td>" in shown


# Files


def test_a_file_may_have_any_ends_of_lines(tmp_path: Path) -> None:
    """A byte order mark, CRLF, blank lines and spaces around labels are no part of anything."""
    path = tmp_path / "moods.tsv"
    path.write_bytes(
        "\ufeffpositive\tA day.\r\n\r\n \t \nNegative \tA\ttab, a \u2028 line.\nmixed\tFin".encode()
    )
    expected = (
        Example("positive", "A day."),
        Example("negative", "A\ttab, a \u2028 line."),
        Example("mixed", "Fin"),
    )
    assert read_examples(path, "sentiment") == expected
    assert read_examples(str(path), "sentiment") == expected
    with path.open("rb") as lines:
        assert read_examples(lines, "sentiment") == expected
    with path.open(encoding="utf-8", newline="\n") as lines:
        assert read_examples(lines, "sentiment") == expected


@pytest.mark.parametrize("task", EvaluationTask)
def test_every_label_may_stand_in_a_file(task: EvaluationTask) -> None:
    """What is listed as allowed is allowed, and so is `god` among the life areas."""
    lines = [f"{label}\tx" for label in LABELS[task]]
    assert [one.label for one in read_examples(lines, task)] == [*LABELS[task]]
    areas = "work family friends love health sleep food exercise recreation school god"
    more = "money home travel nature self"
    assert len(read_examples([f"{area}\tx" for area in f"{areas} {more}".split()], "topics")) == 16


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("positive Dear diary", "must be a label, a tab and a text"),
        ("positive\t ", "must be a label, a tab and a text"),
        (
            "happy\tDear diary",
            "its label must be one of positive, negative, neutral, mixed",
        ),
        (b"positive\tDear diary \xff", "must be text in UTF-8"),
    ],
)
def test_a_bad_line_is_named_by_its_number_alone(line: str | bytes, said: str) -> None:
    """The error tells the line and what is allowed, and nothing of the text."""
    with pytest.raises(InvalidInput) as caught:
        read_examples(["positive\tfine", "", line], "sentiment")
    assert caught.value.message == f"line 3: {said}"
    assert [problem.path for problem in caught.value.problems] == ["line 3"]
    assert "diary" not in str(caught.value)


def test_many_bad_lines_are_one_sentence() -> None:
    """Lines with the same fault are told together, the first five by number."""
    with pytest.raises(InvalidInput) as caught:
        read_examples([*["joy\tx"] * 7, "no tab"], "sentiment")
    assert caught.value.message == (
        "lines 1, 2, 3, 4, 5 and 2 more: its label must be one of positive, negative, neutral, "
        "mixed; line 8: must be a label, a tab and a text"
    )


@pytest.mark.parametrize("lines", [[], ["", " \r\n"], [b"\xef\xbb\xbf"]])
def test_a_file_without_examples_is_refused(lines: list[str | bytes]) -> None:
    """An empty file says what belongs into it."""
    with pytest.raises(InvalidInput, match="there are none"):
        read_examples(lines, "topics")


READERS: list[Callable[[str], object]] = [
    lambda task: read_examples(["joy\tx"], task),
    lambda task: evaluate(LocalAssistant(), [], task),
]


@pytest.mark.parametrize("reader", READERS)
def test_a_task_must_exist(reader: Callable[[str], object]) -> None:
    """An unknown task is refused with the names of those there are."""
    with pytest.raises(InvalidInput, match="task: must be one of sentiment, emotions, topics"):
        reader("mood")
