"""What a journal looks like at a terminal, and in a pipe."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from reflekt_core.cli import display, understood
from reflekt_core.cli.plain import show_what_can_be_shown
from reflekt_core.cli.trends import shown
from reflekt_core.model.analytics import DayAggregate, Run
from reflekt_core.model.entries import Entry
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.insights import (
    InsightView,
    PassedOver,
    Provenance,
    Safety,
    SafetyLevel,
    Topic,
)
from reflekt_core.model.listing import Hit
from reflekt_core.model.observations import Observation, ObservationKind
from reflekt_core.model.prompts import Prompt, PromptCategory
from reflekt_core.model.trends import Bucket, Span, Trends, streaks, trends
from reflekt_core.testing.entries import entries

from .test_cli import Run as Command
from .test_cli import run, written

__all__ = ["run", "written"]  # fixtures

NOW = datetime(2026, 11, 22, 21, 40, tzinfo=UTC)
TODAY = NOW.date()
BROKEN_BAR = re.compile("^[█▓░]{2}|^·", re.MULTILINE)
COLOURS = re.compile("\x1b\\[[0-9;]*m")
STEERING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

TRICKY = st.sampled_from(
    [
        "日本語の日記を毎日書いています。",
        "👩‍👩‍👧‍👦🏳️‍🌈👍🏽e\u0301",
        "שלום, היה יום ארוך ",
        "\x1b[2J\x1b]0;title\x07",
        "\x9b31m\u202egnihton\u2066",
        "one\ttwo\r\nthree\u2028four\x85five\x0csix",
        "[bold]not bold[/bold] :smile:",
        "w" * 130,
        "https://example.org/" + "a" * 90,
        " and then we swam until the sun set",
    ]
)
TEXTS = st.lists(TRICKY | st.text(max_size=40), max_size=6).map("".join)
NAMES = TEXTS.filter(str.strip)
MANY = st.lists(NAMES, max_size=4).map(tuple)
SCORES = st.floats(0, 1)


@attrs.frozen
class Screen:
    """Where something is printed: so wide, and at a terminal or in a pipe."""

    columns: int = 80
    is_terminal: bool = True
    term: str = "xterm-256color"
    no_color: bool = False

    def after(self, show: Callable[[], object]) -> str:
        """Return what stands there after *show*."""
        said = _Said(is_terminal=self.is_terminal)
        with pytest.MonkeyPatch.context() as patched, redirect_stdout(said):
            for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
                patched.delenv(name, raising=False)
            patched.setenv("COLUMNS", str(self.columns))
            patched.setenv("TERM", self.term)
            if self.no_color:
                patched.setenv("NO_COLOR", "1")
            show()
        return said.getvalue()

    def fits(self, printed: str, most: int = 80) -> bool:
        """Tell whether *printed* keeps to the width, and steers no terminal."""
        plain = COLOURS.sub("", printed) if self.is_terminal else printed
        widest = max(map(cell_len, plain.split("\n")))
        return widest <= min(self.columns, most) and not STEERING.search(plain)


class _Said(io.StringIO):
    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


PIPE = Screen(is_terminal=False)
SCREENS = st.builds(Screen, st.sampled_from([40, 41, 60, 63, 80, 200]), st.booleans())
TERMINALS = st.builds(Screen, st.sampled_from([40, 59, 60, 80, 100]))


@st.composite
def written_entries(draw: st.DrawFn) -> Entry:
    """Return an entry with whatever text."""
    texts = {"content": draw(NAMES), "title": draw(TEXTS), "tags": draw(MANY)}
    return attrs.evolve(draw(entries()), **texts)


PROVENANCE = st.builds(
    Provenance,
    provider=NAMES,
    model=NAMES,
    prompt_version=st.just("1"),
    created_at=st.just(NOW),
    cost_usd=st.sampled_from([Decimal("0.000000"), Decimal("0.000213")]),
    passed_over=st.lists(st.builds(PassedOver, NAMES, NAMES), max_size=2).map(tuple),
    input_cut=st.booleans(),
)
INSIGHTS = st.builds(
    InsightView,
    entry_id=st.just(UUID(int=1)),
    entry_version=st.just(1),
    stale=st.booleans(),
    sentiment=st.builds(Sentiment, st.sampled_from(SentimentLabel), st.floats(-1, 1), SCORES),
    emotions=st.lists(st.builds(Emotion, st.sampled_from(EmotionName), SCORES), max_size=7).map(
        tuple
    ),
    topics=st.lists(st.builds(Topic, NAMES, SCORES), max_size=8).map(tuple),
    summary=TEXTS,
    questions=MANY,
    observations=MANY,
    safety=st.builds(Safety, st.sampled_from(SafetyLevel), MANY),
    provenance=PROVENANCE,
)


@st.composite
def aggregates(draw: st.DrawFn, day: date) -> DayAggregate:
    """Return the sum of a day with 1 to 40 entries."""
    count = draw(st.integers(1, 40))
    mood, label = draw(st.integers(1, 5)), draw(st.sampled_from(SentimentLabel))
    return DayAggregate(
        date=day,
        entries=count,
        words=draw(st.integers(0, 100_000)),
        moods={mood: count} if draw(st.booleans()) else {},
        sentiments={label: count} if draw(st.booleans()) else {},
        score_milli=draw(st.integers(-1000, 1000)) * count,
        topics=draw(st.dictionaries(NAMES, st.integers(1, 500), max_size=4)),
        hours={f"{day.weekday()}-{draw(st.integers(0, 23))}": count},
    )


@st.composite
def looks_back(draw: st.DrawFn) -> Trends:
    """Return the trends of a period of up to ten years."""
    length = draw(st.sampled_from([1, 2, 7, 30, 77, 79, 365, 3660]))
    asked = Span(TODAY - timedelta(days=length - 1), TODAY, draw(st.sampled_from(Bucket)))

    def days(first: date) -> list[DayAggregate]:
        offsets = draw(st.lists(st.integers(0, length - 1), max_size=4, unique=True))
        return [draw(aggregates(first + timedelta(days=n))) for n in sorted(offsets)]

    runs = streaks(None, draw(st.none() | st.just(Run(TODAY - timedelta(days=9), TODAY))))
    said = [Observation(ObservationKind.MOOD_TREND, None, text, (), ()) for text in draw(MANY)]
    return trends(asked, days(asked.first), days(asked.before[0]), runs, tuple(said))


# The law: nothing is wider than the screen, and no text steers it


@given(found=looks_back(), screen=SCREENS)
def test_trends_fit(found: Trends, screen: Screen) -> None:
    """Whatever was written and however long ago, charts are at most 80 columns wide."""
    printed = screen.after(lambda: shown(found))
    assert screen.fits(printed)
    assert printed.count("\n") >= 2
    assert not BROKEN_BAR.search(COLOURS.sub("", printed))


@given(entry=written_entries(), found=INSIGHTS, screen=SCREENS)
def test_insights_fit(entry: Entry, found: InsightView, screen: Screen) -> None:
    """Whatever was understood of whatever text, lines are at most 80 columns wide."""
    printed = screen.after(lambda: understood.insight(entry, found))
    assert screen.fits(printed)
    assert f"{found.sentiment.score:+.2f}" in printed


@given(found=st.lists(written_entries(), max_size=3), snippet=TEXTS, screen=TERMINALS)
def test_lists_fit_a_terminal(found: list[Entry], snippet: str, screen: Screen) -> None:
    """Entries and hits are cut to its width."""
    listed = screen.after(lambda: display.entries(found, more=True))
    assert screen.fits(listed, 100)
    hits = [Hit(entry, 1.0, f"<mark>{snippet}</mark> &lt;") for entry in found]
    assert screen.fits(screen.after(lambda: display.hits(hits, more=False)), 100)
    lines = 2 if screen.columns < 60 else 1
    assert listed.count("\n") == lines * len(found) + bool(found)


@given(entry=written_entries(), texts=MANY, screen=TERMINALS)
def test_entries_and_prompts_fit_a_terminal(
    entry: Entry, texts: tuple[str, ...], screen: Screen
) -> None:
    """Their lines are broken between words, or within one that is too long."""
    assert screen.fits(screen.after(lambda: display.entry(entry, None)))
    made = [Prompt(UUID(int=1), text, PromptCategory.GRATITUDE, (), None) for text in texts]
    assert screen.fits(screen.after(lambda: display.prompts(made)))


@given(entry=written_entries())
def test_a_pipe_gets_every_word_and_no_colour(entry: Entry) -> None:
    """Text is not broken or cut where another program reads it; a list has a line an entry."""
    printed = PIPE.after(lambda: display.entry(entry, None))
    assert "\x1b" not in printed
    assert (
        printed.endswith(f"\n\n{display.clean(entry.content).expandtabs(8)}\n")
        or "\t" in entry.content
    )
    assert PIPE.after(lambda: display.entries([entry, entry], more=True)).count("\n") == 2


def test_a_screen_may_be_absurdly_narrow() -> None:
    """Then it is taken for one of 20 columns."""
    day = trends_of(on(TODAY, moods={3: 1}), length=1)
    for show in (lambda: understood.insight(ENTRY, INSIGHT), lambda: shown(day)):
        assert Screen(20).fits(Screen(1).after(show))


# Colours


@pytest.mark.parametrize(
    ("screen", "expected"),
    [
        (Screen(), {"36", "32", "1", "2"}),
        (Screen(no_color=True), {"1", "2"}),
        (Screen(term="dumb"), set()),
        (PIPE, set()),
    ],
)
def test_colours_are_for_those_who_want_them(screen: Screen, expected: set[str]) -> None:
    """NO_COLOR leaves bold and faint; a dumb terminal and a pipe get neither."""
    day = DayAggregate(
        TODAY, 1, 10, {4: 1}, {SentimentLabel.POSITIVE: 1}, 500, {"sea": 1}, {"6-21": 1}
    )
    found = trends(Span(TODAY, TODAY), [day], [], streaks(None, None), ())
    printed = screen.after(lambda: shown(found))
    assert set(re.findall("\x1b\\[([1-9][0-9]*)m", printed)) == expected


# What stands there


def trends_of(*days: DayAggregate, before: Sequence[DayAggregate] = (), length: int = 30) -> Trends:
    """Return the trends of the last days."""
    asked = Span(TODAY - timedelta(days=length - 1), TODAY)
    longest = Run(days[0].date, days[-1].date) if days else None
    return trends(asked, days, before, streaks(None, longest), ())


def _trends(asked: Span, *days: DayAggregate) -> Trends:
    return trends(asked, days, [], streaks(None, None), ())


def lines(printed: str) -> list[str]:
    """Return the lines that are not empty."""
    return [line.rstrip() for line in printed.splitlines() if line.strip()]


def on(day: date, **sums: Any) -> DayAggregate:
    """Return the sum of a day with one entry in the evening."""
    return DayAggregate(date=day, entries=1, hours={f"{day.weekday()}-21": 1}, **sums)


def test_a_mood_is_a_column_as_high_as_it_is() -> None:
    """Against a scale from 1 to 5, with a dot where nothing was written, and dates below."""
    days = [on(date(2026, 11, 20), moods={5: 1}), on(date(2026, 11, 21), moods={2: 1})]
    found = lines(PIPE.after(lambda: shown(trends_of(*days, length=4))))
    at = found.index("Mood  3.5 of 5 on average, by day")
    assert found[at + 1 : at + 7] == [
        "5     ███",
        "4     ███",
        "3     ███",
        "2     ███ ███",
        "1 ·   ███ ███ ·",
        "  19 Nov",
    ]


def test_columns_are_named_where_there_is_room() -> None:
    """By the month that the period is in, and never beyond the edge."""
    asked = Span(date(2025, 10, 1), date(2026, 1, 31), Bucket.WEEK)
    found = lines(PIPE.after(lambda: shown(_trends(asked, on(date(2026, 1, 1), moods={3: 1})))))
    assert found.count(f"  Oct{'Nov':>20}{'Dec':>16}{'2026':>21}") == 2
    asked = Span(date(2026, 10, 17), date(2026, 11, 23))
    screen = Screen(40, is_terminal=False)
    found = lines(screen.after(lambda: shown(_trends(asked, on(TODAY, moods={3: 1})))))
    assert found.count("  17 Oct   26 Oct 2 Nov  9 Nov  16 Nov") == 2
    assert "23 Nov" not in found


def test_the_least_is_seen() -> None:
    """A day of one word beside one of thousands is no day without."""
    days = [on(TODAY - timedelta(days=1), words=1), on(TODAY, words=9000)]
    found = lines(PIPE.after(lambda: shown(trends_of(*days, length=3))))
    assert found[found.index("Words  up to 9,000 a day") + 1] == "  ·   ▁▁▁ ███"


def test_weekdays_and_hours_are_counted() -> None:
    """A row for each weekday, a column for three hours."""
    days = [on(TODAY - timedelta(days=7)), on(TODAY)]
    found = lines(PIPE.after(lambda: shown(trends_of(*days))))
    (head,) = [line for line in found if line.startswith("    0-3")]
    (sunday,) = [line for line in found if line.startswith("Sun ") and "·" in line]
    assert head.index("21-24") == sunday.index("██ 2")


def test_topics_show_what_came_and_what_went() -> None:
    """Beside what stayed; and one that is gone is still there, empty."""
    before = [on(TODAY - timedelta(days=31), topics={"work": 4, "sea": 1, "rain": 3})]
    day = on(TODAY, topics={"work": 2, "sea": 4})
    found = lines(PIPE.after(lambda: shown(trends_of(day, before=before))))
    at = found.index("Topics  entries; ▓ more, ░ fewer than on the 30 days before")
    assert found[at + 1 : at + 4] == [
        f"  sea     4    +3  {'█' * 10}{'▓' * 30}",
        f"  work    2    -2  {'█' * 20}{'░' * 20}",
        f"  rain    0    -3  {'░' * 30}",
    ]


def test_nothing_is_compared_with_a_time_before_the_journal() -> None:
    """Without topics before, no topic is said to rise."""
    found = lines(PIPE.after(lambda: shown(trends_of(on(TODAY, topics={"sea": 4})))))
    assert found[found.index("Topics  entries") + 1] == f"  sea    4  {'█' * 40}"


def test_many_topics_with_long_names_are_cut() -> None:
    """Eight are shown, with what fits of their names."""
    names = {f"{n}{'日' * 20}": 20 - n for n in range(10)}
    found = lines(PIPE.after(lambda: shown(trends_of(on(TODAY, topics=names)))))
    topics = found[found.index("Topics  entries") + 1 : found.index("What stands out")]
    assert len(topics) == 8
    assert topics[0] == f"  0{'日' * 11}    20  {'█' * 40}"


def test_little_is_said_to_be_little() -> None:
    """Where patterns could be chance, the number of days it takes is named."""
    printed = PIPE.after(lambda: shown(trends_of(on(TODAY))))
    assert "too little to go by: 1 day with entries, of the 14 it takes" in printed
    days = [on(TODAY - timedelta(days=n)) for n in range(14, -1, -1)]
    assert "nothing that chance alone" in PIPE.after(lambda: shown(trends_of(*days)))


def test_what_does_not_fit_is_said_to_be_missing() -> None:
    """A day a column has an end at the edge of the screen."""
    found = trends_of(on(TODAY, moods={3: 1}), length=365)
    assert "by day, the last 78 of 365" in PIPE.after(lambda: shown(found))


def test_an_empty_journal_says_how_to_begin(run: Command, written: Sequence[Any]) -> None:
    """And an empty period where entries are."""
    run("prompt", "--store", "sqlite:///empty.db")
    assert "reflekt write" in run("trends", "--store", "sqlite:///empty.db").out
    said = run("trends", "--from", "2026-06-01", "--to", "2026-06-30").out
    assert "No entries in 30 days." in said
    assert "There are some of 2026-03-03: try --from 2026-03-01" in said


@pytest.mark.parametrize(
    ("label", "score", "words"),
    [
        (SentimentLabel.POSITIVE, 0.8, "very positive  +0.80 (confidence 90%)"),
        (SentimentLabel.NEGATIVE, -0.4, "negative  -0.40 (confidence 90%)"),
        (SentimentLabel.NEGATIVE, -0.1, "slightly negative  -0.10 (confidence 90%)"),
        (SentimentLabel.MIXED, 0.7, "mixed  +0.70 (confidence 90%)"),
    ],
)
def test_a_feeling_is_put_into_words(label: SentimentLabel, score: float, words: str) -> None:
    """With its score, and where that lies between -1 and +1."""
    found = attrs.evolve(INSIGHT, sentiment=Sentiment(label, score, 0.9))
    printed = lines(PIPE.after(lambda: understood.insight(ENTRY, found)))
    scale = printed[printed.index(words) + 1]
    assert scale.index("◆") - len("  -1 ") == round(score * 10) + 10
    assert scale.count("─") + scale.count("┼") == 20


def test_an_insight_reads_from_help_to_origin() -> None:
    """Help comes before everything, where a text asks for it; where it comes from, last."""
    found = attrs.evolve(INSIGHT, safety=Safety(SafetyLevel.CONCERN, ("Call 123.",)))
    assert lines(PIPE.after(lambda: understood.insight(ENTRY, found))) == [
        "Call 123.",
        "By the sea",
        "Sun 22 Nov 2026",
        "positive  +0.40 (confidence 90%)",
        "  -1 ──────────┼───◆────── +1",
        "Emotions  how strongly each shows, up to 100%",
        "  joy       50%  ██████████",
        "  fear      10%  ██",
        "Topics",
        "  sea, sun",
        "In short",
        "  We swam.",
        "Observations",
        "  • You were by the sea.",
        "To think about",
        "  • Who was there?",
        "by openai gpt, 2026-11-22 21:40 UTC, $0.000213",
        "in the place of local: ai_timeout",
        "only the beginning was read: the entry is longer than the model takes",
        "the entry has changed since: see --again",
    ]


ENTRY = Entry(
    id=UUID(int=1),
    content="We swam until the sun set.",
    title="By the sea",
    mood=5,
    category_id=None,
    tags=(),
    starred=False,
    occurred_at=NOW,
    time_zone="UTC",
    local_date=TODAY,
    word_count=6,
    created_at=NOW,
    updated_at=NOW,
    version=1,
    content_version=1,
    prompt_id=None,
)
INSIGHT = InsightView(
    entry_id=ENTRY.id,
    entry_version=1,
    stale=True,
    sentiment=Sentiment(SentimentLabel.POSITIVE, 0.4, 0.9),
    emotions=(Emotion(EmotionName.FEAR, 0.1), Emotion(EmotionName.JOY, 0.5)),
    topics=(Topic("sea", 0.9), Topic("sun", 0.5)),
    summary="We swam.",
    questions=("Who was there?",),
    observations=("You were by the sea.",),
    safety=Safety(),
    provenance=Provenance(
        "openai",
        "gpt",
        "1",
        NOW,
        cost_usd=Decimal("0.000213"),
        passed_over=(PassedOver("local", "ai_timeout"),),
        input_cut=True,
    ),
)


# Few letters


@pytest.mark.parametrize(
    "setting",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_other_encodings_show_what_they_can(run: Command, setting: dict[str, str]) -> None:
    """Signs that cannot be shown have others in their place; nothing fails."""
    run("write", "Ein schöner Tag ☀ 日本", "--mood", "4", "--tag", "meer")
    environment = {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LC_ALL"}} | setting
    for command in ("list", "trends", "insights", "prompt", "search meer", "import none.zip"):
        done = subprocess.run(
            [sys.executable, "-m", "reflekt_core", *command.split()],
            env=environment,
            capture_output=True,
            cwd=Path.cwd(),
            check=False,
        )
        assert done.returncode == (2 if "import" in command else 0), done.stderr
        assert b"Traceback" not in done.stderr
        assert not {0x1B, 0x8F} & set(done.stdout)


def test_what_is_drawn_has_something_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the signs of charts, each level has another."""
    bytes_ = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(bytes_, "ascii"))
    show_what_can_be_shown()
    print("░▒▓█ ●○ ★ … 日", flush=True)  # noqa: T201 - what is tested
    assert bytes_.getvalue() == b":=+# #o * . ?\n"
