"""Words of a text, without addresses and pictures."""

from datetime import date
from pathlib import Path
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.model.entries import count_words
from reflekt_core.model.insights import InsightView
from reflekt_core.model.prose import prose

TARGETS = (
    "dayone-moment://DEADBEEF",
    "dayone-moment:/video/DEADBEEF",
    "file.jpg",
    "https://sea.example/a_(b)?c=d#e",
    "<a sea.jpg>",
    'sea.jpg "Its title :)"',
    "sea.jpg 'Its title'",
    "",
)
ADDRESSES = (
    "dayone-moment:/audio/DEADBEEF",
    "dayone-moment://DEADBEEF",
    "<https://sea.example>",
    "HTTPS://sea.example/a_(b)",
    "obsidian://open?vault=sea",
)
SAID = st.text(st.sampled_from("ab c.,é海\n*"), max_size=8)
SIGNS = st.sampled_from(
    [*'![]()<>"\\| \na.:/', "](", "![", "[[", "]]", "https://", "dayone-moment:", ' "', "x.y"]
)


@pytest.mark.parametrize("target", TARGETS)
def test_a_link_is_what_it_shows(target: str) -> None:
    """Also around a picture, and beside another link; of a picture what describes it stays."""
    assert prose(f"See [the sea]({target}).") == "See the sea."
    assert prose(f"We ![our boat]({target}) swam.") == "We our boat swam."
    assert prose(f"[![]({target})]({target}) We swam.").split() == ["We", "swam."]
    assert prose(f"[a]({target})[b]({target})") == "ab"
    assert prose(f"![We [swam]({target})]({target}).") == "We swam."


def test_a_target_is_not_looked_into() -> None:
    """Its brackets are its own."""
    assert prose("[We](sea[1]) [swam]([a](b)).") == "We swam."


@pytest.mark.parametrize("alt", ["", " ", "IMG_2034.JPG", "sea.jpeg"])
def test_a_picture_without_words_is_nothing(alt: str) -> None:
    """Names of files are no words; what stands on both sides stays apart."""
    assert prose(f"We![{alt}](DEADBEEF.jpg)swam.") == "We swam."


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_no_word(address: str) -> None:
    """Marks after it stay."""
    assert prose(f"We swam: {address}.") == "We swam: ."
    assert prose(f"(so, {address}) we swam.") == "(so, ) we swam."
    assert count_words(f"We swam {address}") == 2
    assert prose(f"We swam.{address}") == "We swam."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("![[sea.jpg]] We swam.", "  We swam."),
        ("With [[Ana]] by [[Places/Sea|the sea]].", "With Ana by the sea."),
        ("[[1]](https://sea.example)", "[1]"),
    ],
)
def test_links_of_a_vault(text: str, words: str) -> None:
    """They show the note's name, or what they say instead; pictures vanish."""
    assert prose(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "- [ ] tea (green) - [x] [sic] (so)",
        "[we](swam far)",
        r"\[we](swam)",
        "we](swam)",
        "[we](swam",
        "[we](sw\nam)",
        "dayone-moments: two; either/or: 10:30",
        "[[we\nswam]]",
    ],
)
def test_brackets_alone_are_words(text: str) -> None:
    """What is no link stays to the last sign."""
    assert prose(text) == text


@given(SAID, SAID, st.sampled_from(TARGETS), SAID)
def test_only_addresses_go(before: str, shown: str, target: str, after: str) -> None:
    """Whatever stands around a link and in it is read as if there were none."""
    assert prose(f"{before}[{shown}]({target}){after}") == f"{before}{shown}{after}"


@given(st.text())
def test_a_text_without_links_stays(text: str) -> None:
    """Without brackets and colons there are none."""
    plain = text.replace("[", "").replace(":", "")
    assert prose(plain) == plain


@given(st.lists(SIGNS).map("".join))
def test_no_word_is_made(text: str) -> None:
    """Whatever signs meet, what stays is no more than what was there, in its order."""
    left = iter(text)
    assert all(c in left for c in prose(text) if not c.isspace())


@pytest.mark.parametrize(
    "signs",
    [
        *("[", "![", "](", "[](", "[](a", "[a](", "[](<", '[](x "', "![a.b](", "[[", "[[a", "[[|"),
        *("(", "(a ", '("', "<", "(<", "\\[", "https://", "https://(", "a://b(c", "a+b", "x.y"),
        *("dayone-moment:", " '", "[]( ", "[](a)"),
    ],
)
@pytest.mark.parametrize("ends", ["", " b", ")", "]()", "](x)", " b)"])
def test_hostile_texts_take_no_time(signs: str, ends: str) -> None:
    """A text of 200,000 signs is read once, however it is made to be read again."""
    text = signs * (100_000 // len(signs)) + (ends and ends * (100_000 // len(ends)))
    began = perf_counter()
    prose(text)
    assert perf_counter() - began < 3  # in fact, less than 0.3


PHOTO = "We swam in the cold lake.\n\n![](dayone-moment://DEADBEEF)\n\nThe lake was [calm](https://deadbeef.example)."


def test_photos_are_no_topic(reflekt: Reflekt) -> None:
    """Neither counted nor summed up; the text stays as it is, and can be found by it."""
    entry = reflekt.entries.create(PHOTO, title="![](dayone-moment://DEADBEEF)")
    insight = reflekt.entries.insights(entry.id)
    assert isinstance(insight, InsightView)
    told = [*(topic.name for topic in insight.topics), insight.summary, *insight.questions]
    day = entry.local_date
    told.append(reflekt.summaries.create(day, day).summary)
    assert not [said for said in told if "deadbeef" in said.lower() or "dayone" in said]
    assert entry.word_count == 10
    assert reflekt.entries.get(entry.id).content == PHOTO
    assert [hit.entry.id for hit in reflekt.entries.search("deadbeef")] == [entry.id]


def test_changes_are_counted_alike(reflekt: Reflekt) -> None:
    """However an entry came by its text."""
    entry = reflekt.entries.create("Rain.")
    assert reflekt.entries.update(entry.id, content=PHOTO).word_count == 10
    assert reflekt.entries.put(entry.id, PHOTO).version == 2


def test_what_is_brought_along_is_counted_alike(reflekt: Reflekt, tmp_path: Path) -> None:
    """Importing again changes nothing, and an export with another count is counted anew."""
    (tmp_path / "in.md").write_text(f"---\ndate: 2024-05-06\n---\n{PHOTO}", "utf-8")
    assert reflekt.import_file(tmp_path / "in.md").added == 1
    (entry,) = reflekt.entries.list()
    assert (entry.word_count, entry.content) == (10, PHOTO)
    assert reflekt.import_file(tmp_path / "in.md").present == 1
    reflekt.export_file(tmp_path / "out.ndjson")
    text = (tmp_path / "out.ndjson").read_text("utf-8")
    (tmp_path / "old").write_text(text.replace('"word_count":10', '"word_count":17'), "utf-8")
    with Reflekt.open("memory://") as other:
        other.import_file(tmp_path / "old")
        assert [(e.word_count, e.version) for e in other.entries.list()] == [(10, entry.version)]
        other.import_file(tmp_path / "out.ndjson")
        assert [e.version for e in other.entries.list()] == [entry.version]


def test_a_photo_alone_has_no_topic(reflekt: Reflekt) -> None:
    """Nothing is said of it, and nothing breaks."""
    entry = reflekt.entries.create("![](dayone-moment://DEADBEEF)")
    insight = reflekt.entries.insights(entry.id)
    assert isinstance(insight, InsightView)
    assert (entry.word_count, insight.topics, insight.summary) == (0, (), "")
    assert reflekt.summaries.create(date(2026, 1, 1), date(2026, 12, 31)).entry_ids == ()


@pytest.mark.parametrize(
    "text", ["I want to [kill](https://sea.example) myself.", "![](I-want-to-kill-myself)"]
)
def test_a_link_hides_no_crisis(text: str, reflekt: Reflekt) -> None:
    """Neither around words, nor in what is not read."""
    insight = reflekt.entries.insights(reflekt.entries.create(text).id)
    assert isinstance(insight, InsightView)
    assert insight.safety.level == "concern"
    assert reflekt.suggestions.create(text).safety.level == "concern"
