"""How good the offline provider's models are, and that they can be made again."""

import math
import time
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.insights import AnalyseEntry, Analysis
from reflekt_core.providers.local import LocalAssistant, training
from reflekt_core.providers.local.features import graded, tokens
from reflekt_core.providers.local.lexicon import AREAS, graded_words
from reflekt_core.providers.local.linear import (
    HEADS,
    LEVELS,
    ZERO,
    Linear,
    format_models,
    models,
    parse_models,
)

ELEVEN = AREAS[:11]
DATA = Path(__file__).parent


def labelled(name: str) -> list[tuple[str, str]]:
    """Return the lines of a file of labelled entries."""
    rows = (DATA / name).read_text("utf-8").splitlines()
    return [(label, text) for label, _, text in (row.partition("\t") for row in rows)]


@cache
def analysed(text: str) -> Analysis:
    """Return the offline provider's analysis of an entry."""
    return LocalAssistant().answer(AnalyseEntry("", text)).result


def share(right: list[bool]) -> float:
    """Return how many of them are right."""
    return sum(right) / len(right)


# The test half is every second entry, from the second on: it settled nothing about the models.
HALVES = pytest.mark.parametrize("half", [0, 1], ids=["development", "test"])


@HALVES
def test_the_side_of_a_feeling_is_mostly_right(half: int) -> None:
    """Of entries that seldom name their feeling, the score's sign is right, on either side."""
    entries = labelled("entries_sentiment.tsv")[half::2]
    right: dict[str, list[bool]] = {"positive": [], "negative": []}
    for label, text in entries:
        score = analysed(text).sentiment.score
        assert score != 0
        right[label].append((score > 0) == (label == "positive"))
    assert (share(right["positive"]) + share(right["negative"])) / 2 >= FLOORS["sentiment"][half]
    assert min(map(share, right.values())) >= FLOORS["weaker side"][half]


@HALVES
def test_confidence_means_something(half: int) -> None:
    """The surer half is right more often than the rest, and as often as it claims, nearly."""
    judged = []
    for label, text in labelled("entries_sentiment.tsv")[half::2]:
        feeling = analysed(text).sentiment
        judged.append((feeling.confidence, (feeling.score > 0) == (label == "positive")))
    judged.sort(key=lambda pair: -pair[0])
    middle = len(judged) // 2
    surer, rest = judged[:middle], judged[middle:]
    assert share([right for _, right in surer]) > share([right for _, right in rest])
    claimed = math.fsum(confidence for confidence, _ in judged) / len(judged)
    assert abs(claimed - share([right for _, right in judged])) < 0.1


@HALVES
def test_the_first_life_area_is_mostly_right(half: int) -> None:
    """Among the eleven areas, the one with the highest score is what the entry is about."""
    texts = {text for _, text in labelled("entries_sentiment.tsv")[half::2]}
    entries = [
        (area, text)
        for area, text in labelled("entries_topics.tsv")
        if area in ELEVEN and text in texts
    ]
    right = [
        next((topic.name for topic in analysed(text).topics if topic.name in ELEVEN), "") == area
        for area, text in entries
    ]
    assert share(right) >= FLOORS["areas"][half]


def test_the_other_areas_are_recognised() -> None:
    """Money, home, travel, nature and oneself are named where the entry is about them."""
    entries = [(area, text) for area, text in labelled("entries_topics.tsv") if area not in ELEVEN]
    right = [area in {topic.name for topic in analysed(text).topics} for area, text in entries]
    assert share(right) >= FLOORS["other areas"][0]


FLOORS = {
    "sentiment": (0.84, 0.78),
    "weaker side": (0.82, 0.76),
    "areas": (0.85, 0.80),
    "other areas": (0.8, 0.8),
}


def test_every_everyday_text_has_a_life_area() -> None:
    """One of the eleven areas is always named, even where it is only a guess."""
    for _, text in labelled("entries_sentiment.tsv"):
        assert any(topic.name in ELEVEN for topic in analysed(text).topics)


def test_a_text_that_says_nothing_has_low_confidence() -> None:
    """Where no word leans to a side, the score is next to nothing, and the provider says so."""
    feeling = analysed("We were there for the other one and then it was Tuesday.").sentiment
    assert feeling.label is SentimentLabel.NEUTRAL
    assert feeling.confidence <= 0.6


def test_a_negation_turns_what_words_say_round() -> None:
    """What is not good is not counted as good, and after "but" words count more."""
    assert not any(f.startswith("=good") for f in graded(tokens("It was not good")))
    assert any(f.startswith("=bad") for f in graded(tokens("It was not good")))
    assert any(f.startswith("=up") for f in graded(tokens("It was bad, but the end was good")))
    assert any(f.startswith("=down") for f in graded(tokens("It was good, but the end was bad")))
    assert graded(tokens("It was very good")) >= graded(tokens("It was good"))


def test_the_data_is_small() -> None:
    """All that the offline provider reads is less than a megabyte."""
    folder = files("reflekt_core.providers.local")
    sizes = [len(f.read_bytes()) for f in folder.iterdir() if f.name.endswith(".txt")]
    assert sum(sizes) < 1_000_000


def test_an_entry_takes_less_than_two_milliseconds() -> None:
    """Sentiment, emotions and topics of an entry cost little, once the data is read."""
    from reflekt_core.providers.local.sentiment import emotions, mood, sentiment  # noqa: PLC0415
    from reflekt_core.providers.local.text import sentences  # noqa: PLC0415
    from reflekt_core.providers.local.topics import keyphrases, topics  # noqa: PLC0415

    def understood(text: str) -> None:
        found = mood(sentences(text))
        sentiment(found)
        emotions(found)
        topics("", text, keyphrases("", text))

    entries = [text for _, text in labelled("entries_sentiment.tsv")]
    understood(entries[0])
    start = time.process_time()
    for text in entries:
        understood(text)
    assert (time.process_time() - start) / len(entries) < 0.002


def test_the_shipped_models_are_complete() -> None:
    """Each model has a weight for every class and feature, in the characters that stand for them."""
    assert set(models()) == set(HEADS)
    for name, model in models().items():
        assert len(model.bias) == len(HEADS[name])
        for code in model.codes.values():
            assert len(code) == len(HEADS[name])
            assert all(abs(ord(char) - ZERO) <= LEVELS for char in code)


@given(
    st.dictionaries(
        st.sampled_from(list(HEADS)),
        st.builds(
            Linear,
            st.floats(0.001, 1),
            st.lists(st.floats(-1, 1), min_size=2, max_size=2).map(tuple),
            st.dictionaries(st.text("ab #~'", min_size=1), st.text("!}O", min_size=2, max_size=2)),
        ),
    )
)
def test_models_are_read_as_they_were_written(found: dict[str, Linear]) -> None:
    """Nothing is lost between format and parse."""
    again = parse_models(format_models(found))
    assert {n: (m.scale, m.bias, m.codes) for n, m in again.items()} == {
        n: (m.scale, m.bias, m.codes) for n, m in found.items()
    }


def test_graded_words_are_in_range() -> None:
    """Every word has one line, a value, and known areas."""
    for value, areas in graded_words().values():
        assert -1.5 <= value <= 1.5
        assert all(area in AREAS and sure in {1, 2, 3} for area, sure in areas)
    assert graded_words()["wonderful"][0] > 0.5
    assert graded_words()["gym"][1][0] == ("exercise", 3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder of very little data, in the form that the trainer reads."""
    for folder in ("goemotions", "uci_sentences"):
        (tmp_path / folder).mkdir()
    comments = "".join(
        f"I {verb} this {thing} so much{mark}\t{label}\tid\n"
        for verb, label in (("love", 0), ("hate", 1), ("saw", 2))
        for thing in ("dog", "house", "film")
        for mark in (".", "!", "…")
    )
    (tmp_path / "goemotions/labels.txt").write_text("love\nanger\nneutral\n", "utf-8")
    (tmp_path / "goemotions/train.tsv").write_text(comments, "utf-8")
    (tmp_path / "goemotions/dev.tsv").write_text(comments, "utf-8")
    rows = "positive\tA fine film.\nnegative\tA dull film.\n" * 6
    (tmp_path / "uci_sentences/train.tsv").write_text(rows, "utf-8")
    return tmp_path


def test_training_gives_the_same_bytes_every_time(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The trainer says what it judged, warns of other data, and repeats itself to the byte."""
    outputs = []
    for name in ("one", "two"):
        assert training.main(["--data", str(data), "--out", str(tmp_path / name)]) == 0
        outputs.append((tmp_path / name).read_bytes())
    assert outputs[0] == outputs[1]
    learnt = parse_models(outputs[0].decode())
    assert set(learnt) == set(HEADS)
    logits = learnt["emotions"].logits(["love"])
    assert logits.index(max(logits)) == HEADS["emotions"].index("joy")
    printed = capsys.readouterr()
    assert "emotions (GoEmotions dev, one Ekman group): n=27" in printed.out
    assert "goemotions/train.tsv is not the file" in printed.err


def test_the_models_exponential_is_right() -> None:
    """It agrees with the usual one to nine digits."""
    for number in range(-300, 301):
        assert training._exp(number / 10) == pytest.approx(math.exp(number / 10), rel=1e-6)
