"""What a query means, in many scripts; and which part of an entry is shown for it."""

import html
import re
from datetime import UTC, datetime
from itertools import accumulate
from uuid import UUID

import pytest
import regex  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reflekt_core.errors import InvalidInput
from reflekt_core.model import folding, search
from reflekt_core.model.entries import Entry, EntryDraft, new_entry
from reflekt_core.model.search import MAX_TERMS, Query, Term, fold, parse, snippet, tokens

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
"""Two women and a girl, joined to one emoji."""
THUMB = "\U0001f44d"
BROWN_THUMB = "\U0001f44d\U0001f3fd"
GERMANY, FRANCE = "\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7"

# What is hard: marks that stand off, jamo, letters that fold to several, joiners, flags, operators.
HARD_CHARACTERS = (
    "aAeEinNtT 019'\u2019-*\"<>&_.\n\r\t"
    "\u0301\u0308\u0327\u00e9\u00df\ufb01\u0130\u0131\u00bd\u2122\u24b6\u2474\ufdfa\u00ad\u200b"
    "\u1100\u1161\u11a8\ud55c\u3131\u314f\u304b\u3099\uff76\uff9e\u65e5\u6c34\u30fc\u3002"
    "\u0e01\u0e33\u0e31\u0e49\u0e19\u0eb3\u1000\u1039\u102d\u1780\u17d2\u17b6"
    "\u0915\u093c\u093f\u094d\u0958\u0633\u064e\u0640\u200c\u200f\u202e\u0600\u05d0\u05b8"
    "\u03b1\u0345\u03c2\u03a3\u1fb3\U0001f469\u200d\U0001f467\U0001f44d\U0001f3fd\u2764\ufe0f\u20e3"
    "\U0001f1e9\U0001f1ea\U0001f1eb\U000e0067\ue000\u0378"
)
HARD_SEQUENCES = [
    "n't",
    "n\u2019t",
    "e\u0301",
    "\u1112\u1161\u11ab",
    "\u1100\u1161",
    "\u1100\u00ad\u1161",
    "\u304b\u0301\u3099",
    "\uff76\uff9e",
    "\u0e19\u0e49\u0e33",
    "\u1780\u17d2\u178f",
    "\u0915\u094d\u0937",
    FAMILY,
    BROWN_THUMB,
    GERMANY + FRANCE,
]
HARD = st.lists(st.sampled_from([*HARD_CHARACTERS, *HARD_SEQUENCES]), max_size=40).map("".join)
TEXTS = HARD | st.text(max_size=60)
WORDS = st.sampled_from(
    ["sea", "Sea,", "swim", "swimming", "don't", "caf\u00e9", "\u6d77\u8fb9", "a", "<b>", THUMB]
)
PROSE = st.lists(WORDS | HARD.filter(str.strip), min_size=1, max_size=60).map(" ".join)


def entry_of(content: str, title: str = "") -> Entry:
    """Return an entry with this text."""
    return new_entry(
        EntryDraft(content=content, title=title),
        id=UUID(int=1),
        time_zone="UTC",
        day_start_hour=0,
        now=datetime(2026, 11, 22, tzinfo=UTC),
    )


def finds(q: str, text: str) -> bool:
    """Tell whether the query *q* finds an entry with this text."""
    return parse(q).matches(entry_of(text))


def shown(text: str) -> str:
    """Return *text* with blanks as a snippet shows them."""
    blanks = r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+"
    return re.sub(blanks, " ", text)


def unmarked(snippet_html: str) -> str:
    """Return the text of a snippet."""
    return html.unescape(re.sub("</?mark>", "", snippet_html))


class TestFolding:
    """What is the same to a search."""

    @pytest.mark.parametrize(
        ("text", "folded"),
        [
            ("The SEA, the sea!", ["the", "sea", "the", "sea"]),
            ("snake_case well-known 3.14", ["snake", "case", "well", "known", "3", "14"]),
            ("Caf\u00e9 cafe\u0301 \u0141\u00f3d\u017a", ["cafe", "cafe", "lodz"]),
            ("Stra\u00dfe STRASSE \u1e9e", ["strasse", "strasse", "ss"]),
            ("\u0130stanbul I\u015eIK \u0131\u015f\u0131k", ["istanbul", "isik", "isik"]),
            ("\ufb01nd \ufb03 \u00c6r\u00f8", ["find", "ffi", "aero"]),
            ("\uff26\uff55\uff4c\uff4c \uff12\uff10", ["full", "20"]),
            ("\u0661\u0662 \u0967\u0968", ["12", "12"]),
            ("\u039f\u0394\u039f\u03a3 \u03bf\u03b4\u03cc\u03c2", ["οδοσ", "οδοσ"]),
            ("Nguy\u1ec5n \u0110\u1ea1i", ["nguyen", "dai"]),
            ("\u6d77\u8fb9\u30022026\u5e74", ["\u6d77", "\u8fb9", "2026", "\u5e74"]),
            ("\u65e5\u8a18\u3092\u66f8\u304f", ["日", "記", "を", "書", "く"]),
            ("\uff76\uff9e\u304c\u304b\u3099", ["ガ", "が", "が"]),
            ("\u0e17\u0e35\u0e48\u0e19\u0e31\u0e48\u0e19", ["ที่", "นั่", "น"]),
            ("\ud55c\uad6d\uc5b4 \u1112\u1161\u11ab", ["한국어", "한"]),
            ("\u0633\u064e\u0644\u0640\u0640\u0627\u0645", ["سلام"]),
            ("\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", ["שלום"]),
            ("\u0939\u093f\u0928\u094d\u0926\u0940", ["हिन्दी"]),
            ("jour\u00adnal", ["journal"]),
            ("s\u0336e\u0336a\u0336", ["sea"]),
            ("a\u200bb", ["a", "b"]),
            ("Reflekt\u2122 x\u00b2 \u00bd", ["reflekt", "x2", "1", "2"]),
            (f"{FAMILY}{BROWN_THUMB}", ["\U0001f469", "\U0001f469", "\U0001f467", THUMB]),
            (f"hi{GERMANY}{FRANCE}", ["hi", GERMANY, FRANCE]),
            ("1\ufe0f\u20e3 \u2764\ufe0f", ["1", "\u2764"]),
            ("Don't DON\u2019T dont", ["dont", "dont", "dont"]),
            ("Anna's l\u2019amour n'tx", ["anna", "s", "l", "amour", "n", "tx"]),
            ("", []),
            (" .,-'\u2026\n", []),
        ],
    )
    def test_says_what_the_tokens_of_a_text_are(self, text: str, folded: list[str]) -> None:
        """Case, diacritics and compatibility forms go; vowel signs and tone marks stay."""
        assert fold(text) == folded

    def test_leaves_every_character_as_simple_tokenizers_want_it(self) -> None:
        """No character folds to a token with a space or an ASCII sign, and folding twice is folding once."""
        for code in (*range(0x32000), *range(0xE0000, 0xE0200)):  # the rest is unassigned
            found = fold(chr(code))
            assert fold(" ".join(found)) == found
            for token in found:
                assert token
                assert all(c.isalnum() for c in token if c.isascii())
                assert not re.search(r"[\sA-Z]", token)
        assert len(folding._FOLDS) <= folding._MOST_FOLDS

    @given(TEXTS)
    def test_is_stable(self, text: str) -> None:
        """Folding what is folded changes nothing."""
        assert fold(" ".join(fold(text))) == fold(text)

    @given(TEXTS, TEXTS)
    def test_takes_texts_apart_at_spaces(self, one: str, other: str) -> None:
        """What stands beyond a space does not change a token."""
        assert fold(f"{one} {other}") == fold(one) + fold(other)


class TestTokens:
    """Where tokens stand."""

    @given(TEXTS)
    def test_are_those_that_folding_finds(self, text: str) -> None:
        """With and without places, the tokens are the same."""
        assert [token.text for token in tokens(text)] == fold(text)

    @given(TEXTS)
    def test_stand_where_they_say(self, text: str) -> None:
        """The part of the text that a token names folds to that token, and tokens are in order."""
        found = tokens(text)
        for token in found:
            assert token.text in fold(text[token.start : token.end])
        assert [(t.start, t.end) for t in found] == sorted((t.start, t.end) for t in found)

    def test_know_their_places_where_folding_changes_lengths(self) -> None:
        """A place counts the characters of the original, with the marks that belong to them."""
        text = "Stra\u00dfe cafe\u0301s \u1112\u1161\u11ab\u0130"
        assert [text[t.start : t.end] for t in tokens(text)] == text.split()


class TestParsing:
    """How a query is read."""

    @pytest.mark.parametrize(
        ("q", "terms"),
        [
            ("Sea", [Term(("sea",))]),
            ("sea swim", [Term(("sea",)), Term(("swim",))]),
            ('"By the  sea"', [Term(("by", "the", "sea"))]),
            ("\u201cby the sea\u201d", [Term(("by", "the", "sea"))]),
            ("swim*", [Term(("swim",), prefix=True)]),
            ("swim\uff0a", [Term(("swim",), prefix=True)]),
            ("sea -rain", [Term(("sea",)), Term(("rain",), excluded=True)]),
            ('sea -"heavy rain"', [Term(("sea",)), Term(("heavy", "rain"), excluded=True)]),
            ("sea -rain*", [Term(("sea",)), Term(("rain",), prefix=True, excluded=True)]),
            ("well-known", [Term(("well", "known"))]),
            ("well-know*", [Term(("well", "know"), prefix=True)]),
            ("a*b", [Term(("a", "b"))]),
            ('"swim*"', [Term(("swim",))]),
            ("\u6d77\u8fb9", [Term(("\u6d77", "\u8fb9"))]),
            ('sea "the open', [Term(("sea",)), Term(("the", "open"))]),
            ('sea"the open"end', [Term(("sea",)), Term(("the", "open")), Term(("end",))]),
            ("sea sea SEA", [Term(("sea",))]),
            ('"the sea"-side', [Term(("the", "sea")), Term(("side",))]),
            ('sea - * -* ... ""', [Term(("sea",))]),
            ("--rain sea", [Term(("rain",), excluded=True), Term(("sea",))]),
            ("don't", [Term(("dont",))]),
            (FAMILY, [Term(("\U0001f469", "\U0001f469", "\U0001f467"))]),
        ],
    )
    def test_reads_words_phrases_prefixes_and_exclusions(self, q: str, terms: list[Term]) -> None:
        """Operators count at the ends of words; a quote that is not closed ends with the query."""
        assert parse(q) == Query(tuple(terms))

    @pytest.mark.parametrize(
        ("q", "says"),
        [
            ("", "at least one word"),
            (" ", "at least one word"),
            ('"', "at least one word"),
            ("?! - * \u2026", "at least one word"),
            ("-rain", "not only what to leave out"),
            ('-rain -"by the sea"', "not only what to leave out"),
            (" ".join(f"w{i}" for i in range(MAX_TERMS + 1)), "at most 32"),
        ],
    )
    def test_says_what_a_query_lacks(self, q: str, says: str) -> None:
        """Nothing to look for, and too much, are refused with what would be right."""
        with pytest.raises(InvalidInput, match=says) as caught:
            parse(q)
        assert [problem.path for problem in caught.value.problems] == ["q"]

    def test_takes_as_many_terms_as_it_says(self) -> None:
        """The limit itself is allowed."""
        assert len(parse(" ".join(f"w{i}" for i in range(MAX_TERMS))).terms) == MAX_TERMS

    @given(st.text(max_size=500) | HARD)
    def test_refuses_politely_or_gives_a_query(self, q: str) -> None:
        """Whatever is typed gives a query with something to look for, or `InvalidInput`."""
        try:
            query = parse(q)
        except InvalidInput:
            return
        assert any(not term.excluded for term in query.terms)
        assert all(token for term in query.terms for token in term.tokens)


class TestMatching:
    """Which entries a query finds."""

    @pytest.mark.parametrize(
        ("q", "text"),
        [
            ("sea", "By the Sea."),
            ("the sea", "Sea and the sky"),
            ('"the sea"', "by the\n   sea"),
            ("well-known", "a well known place"),
            ("swim*", "we were swimming"),
            ('"by the" se*', "by the seaside"),
            ("sea -rain", "sea and rainbow"),
            ("sea -rain*", "sea and sun"),
            ('sea -"heavy rain"', "sea, rain, heavy"),
            ("cafe", "Caf\u00e9"),
            ("CAF\u00c9", "cafe\u0301"),
            ("strasse", "Stra\u00dfe"),
            ("stra\u00df*", "STRASSEN"),
            ("istanbul", "\u0130STANBUL"),
            ("find", "\ufb01nd"),
            ("\u6d77\u8fb9", "\u6211\u4eec\u53bb\u4e86\u6d77\u8fb9\u3002"),
            ("\u30ab\u30e1\u30e9", "\uff76\uff92\uff97\u3092\u8cb7\u3063\u305f"),
            ("\u0e1a\u0e49\u0e32\u0e19", "\u0e01\u0e25\u0e31\u0e1a\u0e1a\u0e49\u0e32\u0e19"),
            ("\ud55c\uad6d*", "\ud55c\uad6d\uc5b4"),
            ("\u0633\u0644\u0627\u0645", "\u0633\u064e\u0644\u0640\u0627\u0645"),
            (
                "\u0939\u093f\u0928\u094d\u0926\u0940",
                "\u092e\u0947\u0930\u0940 \u0939\u093f\u0928\u094d\u0926\u0940",
            ),
            ("dont", "I don't"),
            ("don\u2019t", "I dont"),
            ("anna", "Anna's"),
            ("amour", "l'amour"),
            (THUMB, f"good{BROWN_THUMB}"),
            ("\U0001f467", FAMILY),
            (GERMANY, f"{FRANCE}{GERMANY}"),
        ],
    )
    def test_finds(self, q: str, text: str) -> None:
        """An entry is found that has every term, as it is written or folded."""
        assert finds(q, text)

    @pytest.mark.parametrize(
        ("q", "text"),
        [
            ("sea", "season"),
            ("sea rain", "sea"),
            ('"the sea"', "the open sea"),
            ('"sea the"', "the sea"),
            ("swim*", "he could not outswim"),
            ("sea -rain", "rain on the sea"),
            ('sea -"the rain"', "sea: the rain"),
            ("sea -rain*", "sea and rainbow"),
            ("\u8fb9\u6d77", "\u6d77\u8fb9"),
            ("\u304b\u304d", "\u304c\u304e"),
            ("\u0e44\u0e01\u0e25", "\u0e43\u0e01\u0e25\u0e49"),
            (GERMANY, "\U0001f1eb\U0001f1e9\U0001f1ea\U0001f1f7"),
            ("ann s", "anna"),
        ],
    )
    def test_does_not_find(self, q: str, text: str) -> None:
        """A word is not a part of another, a phrase stands in order, and exclusions exclude."""
        assert not finds(q, text)

    def test_looks_at_title_and_content_each_for_itself(self) -> None:
        """A phrase does not begin in the title and end in the content; two words may."""
        entry = entry_of("sea was calm", "By the")
        assert parse("the sea").matches(entry)
        assert not parse('"the sea"').matches(entry)
        assert not parse("calm -by").matches(entry)

    @given(PROSE, st.data())
    def test_finds_any_piece_of_an_entry_as_a_phrase(self, text: str, data: st.DataObject) -> None:
        """A query of consecutive words, quoted, finds the entry they are from."""
        words = [word.replace('"', "") for word in text.split()]
        start = data.draw(st.integers(0, len(words) - 1))
        end = data.draw(st.integers(start + 1, len(words)))
        phrase = " ".join(words[start:end])
        assume(fold(phrase))
        assume(not set(phrase) & set("\u201c\u201d\u201e\u201f\u00ab\u00bb\uff02"))
        assert finds(f'"{phrase}"', " ".join(words))

    @given(PROSE, st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, max_size=2))
    def test_scores_exactly_what_matches(
        self, text: str, wanted: list[str], unwanted: list[str]
    ) -> None:
        """The score is greater than 0 for what matches, else 0."""
        query = parse(" ".join([*wanted, *(f"-{word}" for word in unwanted)]))
        entry = entry_of(text)
        assert (query.score(entry) > 0) == query.matches(entry)

    def test_ranks_titles_first_and_saturates(self) -> None:
        """A title weighs more than repetition; each further hit adds less."""
        query = parse("sea")
        once, twice, often = (query.score(entry_of("sea " * n)) for n in (1, 2, 1000))
        assert once < twice < often < query.score(entry_of("x", "The sea"))
        assert twice - once < once
        assert query.score(entry_of("sea sea")) == query.score(entry_of("sea. Sea!"))


class TestSnippets:
    """Which part of an entry is shown."""

    def test_marks_hits_and_escapes_the_rest(self) -> None:
        """HTML in an entry is text; the hits are marked, as phrases or words."""
        entry = entry_of("We <b>swam</b> by the\nsea & 'home'.")
        assert snippet(parse('swam "by the sea" ho*'), entry) == (
            "We &lt;b&gt;<mark>swam</mark>&lt;/b&gt; <mark>by the sea</mark> &amp; "
            "&#x27;<mark>home</mark>&#x27;."
        )

    def test_joins_hits_that_overlap(self) -> None:
        """Hits that share words are one mark, and blanks around the text go."""
        entry = entry_of("\n By the sea side.\n")
        assert snippet(parse('"by the sea" "sea side"'), entry) == "<mark>By the sea side</mark>."

    def test_shows_the_place_with_the_most_terms(self) -> None:
        """A place with two different terms is better than one with the same term twice."""
        text = "sea sea " + "and so on " * 500 + "the sea was cold " + "and so on " * 500
        assert "<mark>sea</mark> was <mark>cold</mark>" in snippet(
            parse("sea cold"), entry_of(text)
        )

    def test_cuts_between_words(self) -> None:
        """Cut words are left out whole, and an ellipsis says that something is."""
        words = [f"word{i:03}" for i in range(100)]
        found = snippet(parse("word050"), entry_of(" ".join(words)), width=60)
        assert found.startswith("…word0")
        assert found.endswith("…")
        assert set(unmarked(found).strip("…").split()) <= set(words)
        assert 40 < len(unmarked(found)) <= 62

    def test_shows_the_title_if_only_that_has_hits(self) -> None:
        """The content is shown unless only the title has hits."""
        assert snippet(parse("sea"), entry_of("Quiet.", "The sea")) == "The <mark>sea</mark>"
        assert snippet(parse("quiet sea"), entry_of("Quiet.", "The sea")) == "<mark>Quiet</mark>."

    def test_shows_the_beginning_without_hits(self) -> None:
        """An entry that does not match is shown from its beginning."""
        found = snippet(parse("rain"), entry_of("The sea. " * 5), width=20)
        assert found == "The sea. The sea…"

    def test_marks_what_a_reader_sees_as_one_character(self) -> None:
        """A mark takes in the whole of an emoji, a syllable or a letter with accents."""
        assert (
            snippet(parse("\U0001f467"), entry_of(f"my {FAMILY}!")) == f"my <mark>{FAMILY}</mark>!"
        )
        assert snippet(parse(THUMB), entry_of(BROWN_THUMB)) == f"<mark>{BROWN_THUMB}</mark>"
        assert snippet(parse("cafe"), entry_of("cafe\u0301")) == "<mark>cafe\u0301</mark>"
        assert snippet(parse("\u0e19"), entry_of("\u0e19.")) == "<mark>\u0e19</mark>."

    def test_cuts_a_hit_that_is_too_long(self) -> None:
        """A snippet does not grow with its hits."""
        assert unmarked(snippet(parse("a*"), entry_of("a" * 9000))) == "a" * 160 + "…"
        assert len(unmarked(snippet(parse("a*"), entry_of("\u00e4" * 9000)))) == 161

    @pytest.mark.parametrize("before", range(search._REGION // 4 - 8, search._REGION // 4 + 2))
    def test_finds_a_phrase_wherever_it_stands(self, before: int) -> None:
        """A phrase of a long text is marked as one, wherever the text is taken apart."""
        entry = entry_of("x " * before + "by the sea" + " y" * 2000)
        assert "<mark>by the sea</mark>" in snippet(parse('"by the sea"'), entry)

    def test_shows_at_least_one_character(self) -> None:
        """However little is asked for, what a reader sees as one character is shown whole."""
        entry = entry_of(f"{FAMILY} and more")
        assert snippet(parse("\U0001f467"), entry, width=1) == f"<mark>{FAMILY}</mark>…"

    def test_makes_control_characters_harmless(self) -> None:
        """Control characters, and those that turn the direction of text, are blanks."""
        entry = entry_of("sea\x1b[31m\u202ered\u2066\r\n\x07end")
        assert snippet(parse("sea"), entry) == "<mark>sea</mark> [31m red end"

    @pytest.mark.parametrize("unit", [FAMILY, "\u1780\u17d2\u178f"])
    @pytest.mark.parametrize("before", range(10))
    def test_cuts_no_character_of_a_long_text(self, unit: str, before: int) -> None:
        """Where a long text is looked through piece by piece, the pieces begin between graphemes."""
        many = search._REGION // 2 // len(unit) + 2
        text = "x" * before + unit * many + " one " + unit * (many * 3 // 2) + " two"
        found = snippet(parse("one two"), entry_of(text))
        assert "<mark>one</mark>" in found
        assert is_cut_of([unmarked(found).strip("…")], shown(text))

    @settings(max_examples=200)
    @given(PROSE, st.lists(WORDS | HARD, min_size=1, max_size=4), st.integers(1, 80), st.booleans())
    def test_shows_a_piece_of_the_text(
        self,
        text: str,
        words: list[str],
        width: int,
        long: bool,  # noqa: FBT001 - drawn
    ) -> None:
        """A snippet is a piece of the text in whole graphemes, and so are its marks."""
        try:
            query = parse(" ".join(words))
        except InvalidInput:
            return
        text = text + " lorem ipsum\u3002" * 400 + text if long else text
        entry = entry_of(text)
        found = snippet(query, entry, width)
        inner = found.removeprefix("…") if not text.startswith("…") else found
        inner = inner.removesuffix("…") if not text.rstrip().endswith("…") else inner
        assert re.fullmatch(r"(?:[^<>]|<mark>[^<>]+</mark>)*", found)
        pieces = [html.unescape(piece) for piece in re.split("</?mark>", inner)]
        whole = shown(text)
        assert is_cut_of(pieces, whole)
        if query.matches(entry):
            assert "<mark>" in found

    @given(
        st.text(st.sampled_from("ab \u00e4\u6d77.\U0001f44d\u0301"), min_size=3000, max_size=3001)
    )
    @settings(max_examples=10)
    def test_finds_the_hit_in_a_long_text(self, text: str) -> None:
        """However long the text is, the only hit is shown and marked."""
        entry = entry_of(f"{text} needle {text} {text}")
        assert "<mark>needle</mark>" in snippet(parse("needle"), entry)


def is_cut_of(pieces: list[str], whole: str) -> bool:
    """Tell whether *pieces*, in a row, stand somewhere in *whole*, all their ends between graphemes."""
    # What is shown as a blank may have been a control character, which no mark joins.
    borders = {0, *(m.end() for m in regex.finditer(r"\X", whole.replace(" ", "\n")))}
    joined = "".join(pieces)
    return any(
        all(end in borders for end in accumulate(map(len, pieces), initial=place.start()))
        for place in re.finditer(f"(?={re.escape(joined)})", whole)
    )
