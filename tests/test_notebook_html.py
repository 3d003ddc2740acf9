"""What values look like in a notebook: HTML that nobody's words can break out of."""

import subprocess
import sys
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.insights import (
    InsightFailure,
    InsightState,
    InsightStatus,
    InsightView,
    Provenance,
    Safety,
    SafetyLevel,
    Topic,
)
from reflekt_core.model.listing import Hit
from reflekt_core.model.paging import Page
from reflekt_core.model.search import parse, snippet
from reflekt_core.model.trends import TopicTrend, Trends
from reflekt_core.notebook.html import _el, to_html
from reflekt_core.testing.fakes import an_entry

ELEMENTS = {"div", "strong", "span", "p", "ul", "li", "table", "tbody", "tr", "td"}
DRAWN = {"svg", "rect", "title", "text"}
ATTRIBUTES = {
    "aria-label",
    "dir",
    "fill",
    "font-size",
    "height",
    "opacity",
    "preserveaspectratio",  # the parser lowers names
    "role",
    "style",
    "text-anchor",
    "viewbox",
    "width",
    "x",
    "y",
}
TURNING = "\u202e"
"""From here on letters go from right to left, until the element ends."""

NASTY = (
    "<script>alert(1)</script>",
    "</div><img src=x onerror=alert(1)>",
    '" onload="x',
    "' style='position:fixed",
    "&lt;b&gt; &amp; &#60;",
    "<!-- -->",
    "]]><svg/onload=x>",
    "<mark>a</mark>",
    "</style></title>",
    "\u202eabc",
    "\u2066x",
    "日本 🌊",
)
words = st.lists(st.sampled_from(NASTY) | st.text(max_size=12), max_size=4).map("".join)
"""What people, importers and language models may write."""


@attrs.frozen
class Seen:
    """What a browser would make of HTML."""

    text: str
    styles: tuple[str, ...]


def seen(html: str | None) -> Seen:
    """Read *html*; every element and attribute in it has to be one of ours, and closed."""
    assert html is not None
    reader = _Reader(convert_charrefs=True)
    reader.feed(html)
    reader.close()
    assert not reader.open
    return Seen("".join(reader.texts), tuple(reader.styles))


class _Reader(HTMLParser):
    def __init__(self, *, convert_charrefs: bool) -> None:
        super().__init__(convert_charrefs=convert_charrefs)
        self.open: list[str] = []
        self.apart: list[bool] = []
        self.texts: list[str] = []
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS | DRAWN
        assert {name for name, _ in attrs} <= ATTRIBUTES
        self.styles += [value or "" for name, value in attrs if name == "style"]
        self.open.append(tag)
        self.apart.append(("dir", "auto") in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.apart.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        assert TURNING not in data or self.apart[-1]

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")

    def handle_decl(self, decl: str) -> None:
        raise AssertionError("a declaration")

    def handle_pi(self, data: str) -> None:
        raise AssertionError("an instruction")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError("a declaration")


def as_text(words: str) -> str:
    """Return *words* as they can be shown: what is no text is a sign that something was there."""
    lines = words.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        letter
        if letter in "\t\n" or not (ord(letter) < 32 or 127 <= ord(letter) < 160)
        else "\ufffd"
        for letter in lines
    )


def insight(text: str, **fields: Any) -> InsightView:
    """Return an insight in which every word is *text*."""
    made = InsightView(
        entry_id=UUID(int=1),
        entry_version=1,
        stale=False,
        sentiment=Sentiment(SentimentLabel.MIXED, -0.25, 0.5),
        emotions=(Emotion(EmotionName.JOY, 0.25), Emotion(EmotionName.FEAR, 0.75)),
        topics=(Topic(text, 0.5),),
        summary=text,
        questions=(text,),
        observations=(text,),
        safety=Safety(SafetyLevel.CONCERN, (text,)),
        provenance=Provenance(text, text, "1", datetime(2026, 1, 2, tzinfo=UTC)),
    )
    return attrs.evolve(made, **fields)


def trends(**fields: Any) -> Trends:
    """Return the trends of a small journal."""
    with Reflekt.open("memory://") as reflekt:
        for number in range(5):
            reflekt.entries.create("We swam.", mood=1 + number)
        return attrs.evolve(reflekt.analytics.trends(), **fields)


@given(words, words, st.lists(words, max_size=3))
def test_what_is_written_is_shown_and_is_never_html(title: str, text: str, tags: list[str]) -> None:
    """Title, text and tags of an entry come out letter by letter, and as nothing but text."""
    entry = attrs.evolve(an_entry("x"), title=title, content=text, tags=tuple(tags))
    shown = seen(entry._repr_html_()).text
    for one in (title, text, *tags):
        assert as_text(one) in shown


@given(words, words)
def test_rows_of_a_page_are_text(title: str, text: str) -> None:
    """An entry in a list begins with its title, and with its text as one line."""
    entry = attrs.evolve(an_entry("x"), title=title, content=text, tags=(title,))
    shown = seen(Page((entry,))._repr_html_()).text
    assert as_text(title) in shown
    assert as_text(" ".join(text.split())[:40]) in shown


@given(words)
def test_an_insight_is_text(text: str) -> None:
    """What a language model says is no HTML, wherever it says it."""
    shown = seen(insight(text)._repr_html_()).text
    assert shown.count(as_text(text)) >= 7 or not text


@given(words)
def test_topics_are_text(name: str) -> None:
    """A topic's name is nothing but text."""
    shown = seen(trends(topics=(TopicTrend(name, 2, 1, 1),))._repr_html_()).text
    assert as_text(name) in shown


@given(words)
def test_what_was_found_is_marked_and_nothing_else_is_html(text: str) -> None:
    """A snippet keeps the marks of the search; a text that looks like marks stays text."""
    entry = attrs.evolve(an_entry("x"), content=f"sea {text}")
    hit = Hit(entry, 1.0, snippet(parse("sea"), entry))
    shown = to_html(hit)
    assert shown is not None
    assert "<strong>sea</strong>" in shown
    seen(shown)
    seen(to_html(Page((hit,))))


@given(words)
def test_a_snippet_of_a_stranger_is_text(text: str) -> None:
    """What an untrue service sends as a snippet is not believed to be HTML."""
    seen(to_html(Hit(an_entry("x"), 1.0, text)))


def test_attributes_are_escaped() -> None:
    """Whatever is put into an attribute stays in it."""
    shown = _el("div", title='" onload="x')
    assert shown == '<div title="&quot; onload=&quot;x"></div>'


def test_nothing_is_loaded_and_nothing_stands_over_the_page() -> None:
    """Styles name no address, and take nothing out of the flow of the page."""
    for value in (an_entry("x"), insight("x"), trends(), Page((an_entry("x"),))):
        for style in seen(to_html(value)).styles:
            assert "url(" not in style
            assert "position" not in style


def test_an_entry_says_when_it_was_and_how() -> None:
    """Time, zone, the day it counts for if that is another one, mood and star are there."""
    entry = attrs.evolve(
        an_entry("x"),
        occurred_at=datetime(2026, 3, 1, 2, 5, tzinfo=UTC),
        time_zone="UTC",
        local_date=date(2026, 2, 28),
        mood=4,
        starred=True,
    )
    shown = seen(to_html(entry)).text
    assert "Sun 1 Mar 2026 02:05 (UTC)" in shown
    assert "counts for Sat 28 Feb 2026" in shown
    assert "mood 4 of 5" in shown
    assert "★" in shown
    plain = seen(to_html(attrs.evolve(entry, local_date=date(2026, 3, 1), mood=None))).text
    assert "counts for" not in plain
    assert "mood" not in plain


@pytest.mark.parametrize("year", [1000, 9000])
def test_far_years_are_shown(year: int) -> None:
    """Years need no more than four digits, and have no fewer."""
    entry = attrs.evolve(an_entry("x"), occurred_at=datetime(year, 5, 1, tzinfo=UTC))
    assert f"1 May {year}" in seen(to_html(entry)).text


def test_long_texts_are_cut_in_lists_alone() -> None:
    """A row has at most 160 characters of the text; the entry has them all."""
    entry = an_entry("word " * 1000)
    assert len(seen(to_html(Page((entry,)))).text) < 300
    assert seen(to_html(entry)).text.count("word") == 1000


def test_a_page_says_whether_there_is_more() -> None:
    """An empty page and one that goes on say so; a page of something else has no look."""
    assert "Nothing here" in seen(to_html(Page(()))).text
    assert "page.next" in seen(to_html(Page((an_entry("x"),), next=(1,)))).text
    assert "page.next" not in seen(to_html(Page((an_entry("x"),)))).text
    assert Page((1, 2))._repr_html_() is None


def test_an_insight_leads_with_what_helps() -> None:
    """Where a text speaks of a crisis, help comes first; where it does not, there is none."""
    view = insight("x", safety=Safety(SafetyLevel.CONCERN, ("Call a line",)))
    assert seen(to_html(view)).text.startswith("Call a line")
    assert "Call a line" not in seen(to_html(attrs.evolve(view, safety=Safety()))).text


def test_an_insight_of_an_older_text_says_so() -> None:
    """A stale insight is told from a present one; the strongest emotion comes first."""
    assert "changed since" not in seen(to_html(insight("x"))).text
    shown = seen(to_html(insight("x", stale=True))).text
    assert "changed since" in shown
    assert shown.index("fear") < shown.index("joy")


def test_why_there_is_no_insight() -> None:
    """A failure gives its code; what is pending or switched off says that."""
    assert "ai_timeout" in seen(to_html(InsightFailure("ai_timeout"))).text
    assert "worked out" in seen(to_html(InsightState(InsightStatus.PENDING))).text
    assert "switched off" in seen(to_html(InsightState(InsightStatus.OFF))).text


def test_trends_show_totals_mood_topics_and_hours() -> None:
    """Every kind of trends has its look, from a journal with entries and from an empty one."""
    with Reflekt.open("memory://") as reflekt:
        ways = [
            reflekt.analytics.trends,
            reflekt.analytics.mood,
            reflekt.analytics.frequency,
            reflekt.analytics.topics,
            reflekt.analytics.sentiment,
        ]
        empty = [seen(way()._repr_html_()).text for way in ways]
        assert "0 entries on 0 of 30 days" in empty[0]
        assert all("No entry has a mood" in text for text in empty[:2])
        reflekt.entries.create("We swam in the sea.", mood=4)
        found = [seen(way()._repr_html_()).text for way in ways]
    assert "1 entries" not in found[0]
    assert "1 entry on 1 of 30 days, 5 words" in found[0]
    assert "4.0 of 5 on average" in found[1]
    assert "21:00" in found[2]


def test_bars_are_as_long_as_their_share() -> None:
    """The most frequent topic has the longest bar, of 12 em; half of it has half."""
    found = trends(topics=(TopicTrend("a", 8, 0, 8), TopicTrend("b", 4, 6, -2)))
    styles = " ".join(seen(to_html(found)).styles)
    assert "width: 12.00em" in styles
    assert "width: 6.00em" in styles
    shown = seen(to_html(found)).text
    assert "8 (+8)" in shown
    assert "4 (-2)" in shown


def test_what_has_no_look_is_left_to_python() -> None:
    """Other values have no HTML, so that notebooks show their repr."""
    assert to_html(object()) is None


def test_html_needs_no_extra() -> None:
    """Entries show themselves where pandas and matplotlib are not installed."""
    code = (
        "import sys; sys.modules.update(pandas=None, numpy=None, matplotlib=None)\n"
        "from reflekt_core import Reflekt\n"
        "print(Reflekt.open('memory://').entries.create('We swam.')._repr_html_())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "We swam." in seen(done.stdout).text


def test_a_journal_loads_none_of_it() -> None:
    """Whoever writes an entry outside a notebook loads neither the notebook nor pandas."""
    code = (
        "import sys; from reflekt_core import Reflekt\n"
        "r = Reflekt.open('memory://'); r.entries.create('x'); r.analytics.trends()\n"
        "heavy = {'pandas', 'numpy', 'matplotlib', 'html.parser', 'reflekt_core.notebook'}\n"
        "print(*(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
