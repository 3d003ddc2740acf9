"""What the offline provider writes: prompts, and its answers to fifty entries read by eye."""

import re
from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from uuid import UUID

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reflekt_core.model.feelings import SentimentLabel
from reflekt_core.model.insights import AnalyseEntry, Passage, SuggestWays, Summarise
from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, WritePrompts
from reflekt_core.model.settings import Tone
from reflekt_core.providers.local import LocalAssistant
from reflekt_core.providers.local.questions import Reader
from reflekt_core.providers.local.text import sentences, words
from reflekt_core.providers.local.wording import addressed
from reflekt_core.testing.assistants import quotes


@attrs.frozen
class Entry:
    """One of the entries of `entries_to_read.txt`."""

    name: str
    title: str
    content: str


def entries() -> list[Entry]:
    """Return the entries of `entries_to_read.txt`."""
    found = []
    text = Path(__file__).with_name("entries_to_read.txt").read_text("utf-8")
    for part in text.split("\n=== ")[1:]:
        name, _, content = part.partition("\n")
        title = ""
        if content.startswith("# "):
            title, _, content = content.removeprefix("# ").partition("\n")
        found.append(Entry(name, title, content.strip("\n")))
    return found


ENTRIES = entries()
MOURNING = {
    "grief for a father",
    "dog put to sleep",
    "miscarriage",
    "anniversary of a death",
}
NAMES = [
    "Priya",
    "Theo",
    "Carol",
    "Martin",
    "Denise",
    "Leo",
    "Jonas",
    "Sam",
    "Daniel",
    "Alex",
    "Karen",
    "Jess",
    "Ben",
    "Lily",
    "Kofi",
    "Ruth",
    "Gwen",
    "Pete",
    "Biscuit",
    "Mark",
    "Maya",
    "Noah",
    "Ravi",
    "Anna",
    "Jo",
    "Elias",
    "Lena",
    "Bernard",
    "Margaret",
    "Kyoto",
    "Hana",
    "Sophie",
    "Peter",
    "Tom",
    "Leeds",
    "Chris",
    "Ellie",
]


def asked(content: str, title: str = "", tone: str = "gentle") -> tuple[str, ...]:
    """Return the questions about an entry."""
    return LocalAssistant().answer(AnalyseEntry(title, content, tone=tone)).result.questions


def suggested(content: str, tone: str = "gentle") -> tuple[str, ...]:
    """Return the ways to go on with a draft."""
    return LocalAssistant().answer(SuggestWays(content, tone=tone)).result.items


def written(entry: Entry, tone: str) -> list[str]:
    """Return all that is written about an entry, apart from its summary."""
    result = LocalAssistant().answer(AnalyseEntry(entry.title, entry.content, tone=tone)).result
    return [*result.questions, *result.observations, *suggested(entry.content, tone)]


def unquoted(text: str) -> str:
    """Return *text* with an ellipsis in place of each quotation."""
    return re.sub("“[^”]*”", "…", text)


def test_there_are_fifty_entries_of_many_sorts() -> None:
    """The entries to read are fifty, from one word to more than six hundred."""
    lengths = sorted(len(words(entry.content)) for entry in ENTRIES)
    assert len(ENTRIES) == len({entry.content for entry in ENTRIES}) == 50
    assert lengths[0] == 1
    assert lengths[-1] > 600
    assert {entry.name for entry in ENTRIES} >= MOURNING


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_what_is_written_about_an_entry_is_sound(entry: Entry, tone: Tone) -> None:
    """Quotes occur, nothing is said twice or left open, and no word of the form is out of place."""
    content = " ".join(entry.content.split())
    result = LocalAssistant().answer(AnalyseEntry(entry.title, entry.content, tone=tone)).result
    assert 2 <= len(result.questions) == len(set(result.questions)) <= 4
    assert all(question.endswith("?") for question in result.questions)
    texts = written(entry, tone)
    assert len(set(texts)) == len(texts)
    for text in texts:
        assert all(quote in content for quote in quotes(text))
        assert_well_formed(text)
    openings = [unquoted(q).split()[:2] for q in result.questions if not q.startswith(("You", "“"))]
    assert len({tuple(o) for o in openings}) == len(openings)


def assert_well_formed(text: str) -> None:
    """Check a sentence for what templates get wrong."""
    plain = unquoted(text)
    assert re.match("[A-Z“]", text)
    assert not re.search(r"[{}<>_]|\s\s|\s[,.;:?!]|[,;:][,.;:?]|\.\.", plain)
    assert not re.search(r"\b(\w+) \1\b", plain.replace("and then … ", ""), re.IGNORECASE)
    assert not re.search(r"\b(?:a [aeio]\w+|an [^aeiouhm\W]\w+|you (?:am|was)|are I)\b", plain)
    assert text.endswith((".", "?", "…", "”"))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_questions_speak_to_the_writer(entry: Entry) -> None:
    """Outside quotation marks nothing is left in the writer's first person."""
    for question in asked(entry.content, entry.title):
        assert not re.search(r"\b(?:I|i|I'm|me|my|mine|myself)\b", unquoted(question))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_names_keep_their_capitals(entry: Entry) -> None:
    """People and places are written as the entry writes them."""
    for text in written(entry, "gentle"):
        for name in filter(entry.content.__contains__, NAMES):
            found = re.findall(rf"\b{name}\b", text, re.IGNORECASE)
            assert all(form in entry.content for form in found)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_summary_holds_whole_sentences_of_the_entry(entry: Entry) -> None:
    """A summary is put together from the entry's sentences or lines, in their order, none cut."""
    bullet = re.compile(r"^[-*•]\s+")
    own = [bullet.sub("", sentence) for sentence in sentences(entry.content)]
    summary = LocalAssistant().answer(AnalyseEntry(entry.title, entry.content)).result.summary
    position = 0
    for sentence in own:
        if summary.startswith(sentence, position):
            position += len(sentence)
            position += len(summary[position:]) - len(summary[position:].lstrip(" ·"))
    assert summary
    assert position == len(summary)


@pytest.mark.parametrize("name", sorted(MOURNING))
def test_mourning_sounds_the_same_in_every_tone(name: str) -> None:
    """Whoever grieves is met quietly, whatever tone was wished for on other days."""
    (entry,) = (entry for entry in ENTRIES if entry.name == name)
    assert len({tuple(written(entry, tone)) for tone in Tone}) == 1
    everything = " ".join(written(entry, "playful"))
    assert not re.search("title|film|soundtrack|headline|cake|comes up|stars", everything)


def test_a_stranger_s_loss_is_not_the_writers() -> None:
    """One sentence about somebody else's bereavement does not turn a long cheerful text into mourning."""
    long = "We built a kite out of newspaper and it flew, and we shouted like children. " * 14
    assert "ordinary day" not in " ".join(asked(f"{long}His wife died two winters ago."))
    assert not any("company, quiet" in q for q in asked(f"{long}His wife died two winters ago."))


def test_a_lost_pregnancy_is_not_asked_for_memories() -> None:
    """Nobody is asked what they did with a child that was never born."""
    found = " ".join(asked("We lost our baby in the ninth week. I feel empty. I haven't told mum."))
    assert "your baby" not in found
    assert "ordinary day" not in found


@pytest.mark.parametrize(
    ("content", "taken_up"),
    [
        ("I keep putting off calling mum.", "calling your mum"),
        ("I've been avoiding the dentist for months.", "the dentist"),
        ("I want to learn the cello before I'm fifty.", "learn the cello"),
        ("I can't bring myself to open the letter.", "open the letter"),
        ("I'm so afraid of the operation on Monday.", "the operation"),
        ("I miss the smell of the old workshop.", "the smell of the old workshop"),
        ("I should have thanked her.", "should have thanked her"),
        ("I haven't told Anna yet.", "haven't told Anna yet"),
        ("I finally finished my thesis today!", "finally finished your thesis"),
        ("Today I decided to stop drinking.", "decided to stop drinking"),
        ("I keep thinking about our old house.", "your old house"),
        ("I was so proud of him.", "so proud of him"),
        ("Went to the sea with the boys.", "went to the sea with the boys"),
        ("Long walk with my sister Anna.", "your sister Anna"),
        ("Had tea with Priya this afternoon.", "Priya"),
        ("I can't do this much longer.", "can't do this much longer"),
        ("Is that normal?", "“Is that normal?”"),
        ("I think I'd leave Paul.", "you think you'd leave Paul"),
        ("I don't know whether to stop.", "don't know whether to stop"),
        ("I told no one. It was Friday.", "you told no one"),
        ("The scan was clear. The scan was clear.", "“The scan was clear”"),
        ("I want to be more patient with him.", "be more patient with him"),
    ],
)
def test_what_matters_in_a_sentence_is_taken_up(content: str, taken_up: str) -> None:
    """Wishes, worries, people and deeds come back as one would say them to the writer."""
    everything = " ".join((*asked(content), *suggested(content)))
    assert taken_up.lower() in everything.lower()


@pytest.mark.parametrize(
    ("content", "not_said"),
    [
        ("Lena says I should play it cool. It was a nice day.", "play it cool"),
        ("Lena said that I should play it cool. It was a nice day.", "play it cool"),
        ("I never want to go home. The sea was so blue.", "to go home"),
        ("I hate my body. I hate it so much.", "without"),
        ("It was the happiest day I went through with it.", "When you went"),
        ("I want to hate him. He just left.", "first small step"),
        ("There are things I need to get off my chest.", "need to get off your chest"),
        ("I GOT THE JOB!!! Can you believe it?", "You GOT"),
        ("I dreamt I was late. Tom said it was fine. We were at the lake.", "Tom"),
        ("Oh great, another meeting. Just what I needed. I love the long ones.", "does you good"),
        ("Oh great, another meeting. Just what I needed. It is so good.", "It is so good"),
        ("I need to write this down. What a day it was.", "write this down. W"),
    ],
)
def test_what_would_be_wrong_is_not_taken_up(content: str, not_said: str) -> None:
    """Words of others, refusals and half sentences are not turned into the writer's wishes."""
    everything = " ".join((*asked(content), *suggested(content), *asked(content, tone="direct")))
    assert not_said not in everything


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("I keep avoiding my sister", "you keep avoiding your sister"),
        ("I was ashamed of myself", "you were ashamed of yourself"),
        ("I wasn’t sure that I was right", "you weren't sure that you were right"),
        ("I'm afraid mum will know I've failed", "you're afraid your mum will know you've failed"),
        ("i miss our flat", "you miss your flat"),
        ("why am I here", "why are you here"),
        ("I wish you were here", ""),
        ("I want us to talk", ""),
    ],
)
def test_the_writers_words_are_turned_to_the_second_person(own: str, said: str) -> None:
    """What the writer says of themselves is said to them; where that goes wrong, it is not."""
    assert addressed(own) == said


@pytest.mark.parametrize("tone", list(Tone))
@pytest.mark.parametrize(
    "content",
    [
        "Had a row with Jo about money. We laughed later and it was lovely and good and so much fun!",
        "So much fun today, wonderful, lovely! But I can't bring myself to walk in there alone.",
        "What a great, wonderful, lovely day. I feel so useless and ashamed, tired and sad.",
    ],
)
def test_nobody_is_cheered_over_their_own_words(content: str, tone: Tone) -> None:
    """However good a text may sound: where it tells of something heavy, nothing cheerful is asked."""
    everything = " ".join((*asked(content, tone=tone), *suggested(content, tone)))
    assert not re.search(
        r"make this possible|film|soundtrack|stranger ask|in a year|same way again|how many stars"
        r"|medal|newspaper|weather report|mug|best of it|more of this|went well",
        everything,
    )


@pytest.mark.parametrize(
    ("text", "light"),
    [
        ("We flew the new kite on the hill.", True),
        ("We laughed. Apart from that: tears, misery, worry.", False),
        ("We laughed, and then we had a row about the kite.", False),
        ("We laughed, but I haven't told Anna yet.", False),
        ("We laughed at the grave of my grandma.", False),
        ("Oh great, another kite. Just what I needed.", False),
    ],
)
def test_what_speaks_against_a_joke(text: str, *, light: bool) -> None:
    """Even if a text sounds good: feelings named, quarrels, secrets, deaths and irony forbid a joke."""
    reader = Reader(text, tuple(sentences(text)), (), label=SentimentLabel.POSITIVE)
    assert reader.is_light is light


def test_a_parting_is_not_asked_about_twice() -> None:
    """What is asked of a separation in particular is not asked once more in general."""
    for number in range(40):
        found = asked(f"We broke up after {number} months. The flat is quiet and I feel numb.")
        assert len(set(found)) == len(found)


def test_a_list_is_read_as_a_list() -> None:
    """A shopping list, in whatever language, is asked about as a list."""
    for content in ("milk\neggs\nonions\ncat food", "- Milch\n- Eier\n- Zwiebeln\n- Brot"):
        found = " ".join((*asked(content), *suggested(content)))
        assert re.search("list|line|these things|ticked", found)
        assert "“" not in found


def test_verse_is_read_as_verse() -> None:
    """A poem is asked about its lines, not about the day."""
    poem = "The light comes late,\ngrey on the tiles.\nI count the cups: one.\nNo key."
    assert all(re.search("line|said|looking at|between", question) for question in asked(poem))


def test_a_summary_says_what_weighs_most() -> None:
    """A death is told in the summary; a remark about writing itself is left out."""
    dog = next(entry for entry in ENTRIES if entry.name == "dog put to sleep")
    rant = next(entry for entry in ENTRIES if entry.name == "long work rant")
    result = LocalAssistant().answer(AnalyseEntry("", dog.content)).result
    assert "put to sleep" in result.summary
    result = LocalAssistant().answer(AnalyseEntry("", rant.content)).result
    assert "write this down" not in result.summary


def test_entries_alike_are_not_asked_alike() -> None:
    """Over many entries about the same thing no question takes more than its share."""
    found = Counter(
        asked(f"I keep putting off my tax return. Day {n} of it.")[0] for n in range(80)
    )
    assert len(found) >= 5
    assert max(found.values()) <= 30


def test_no_general_question_is_everywhere() -> None:
    """Among the fifty entries no question comes back often."""
    found = Counter(q for entry in ENTRIES for q in asked(entry.content, entry.title))
    assert max(found.values()) <= 6


def test_every_tone_has_its_sound() -> None:
    """The same entry gets other questions and suggestions in each tone."""
    content = (
        "I want to learn the cello. Mia laughed. We had a lovely day at the lake, I was happy."
    )
    assert len({asked(content, tone=tone) for tone in Tone}) == 4


CLAUSES = st.sampled_from(
    """I keep putting off |I want to |I'd love to |I miss |I haven't told |I feel so sad about |I finally finished |
I should |i regret |I'm scared of |Went to |My brother |my mum died |I was proud |We lost the baby |Tom said |
I need |I can't do this |I dreamt of |Dear God, help |oh great, another |- |I hate |I wonder why |because |and then |
calling mum|my body|you and me|the sea {x}|“no”, she said|it|him|the committee?|it...|a a|my my job""".replace(
        "\n", ""
    ).split("|")
)


@given(st.lists(CLAUSES, min_size=1, max_size=9), st.sampled_from(list(Tone)))
@example(["I hate ", "my body"], Tone.PLAYFUL)
@settings(max_examples=150)
def test_whatever_is_written_is_answered_soundly(parts: list[str], tone: Tone) -> None:
    """Questions end in a question mark, quote only what occurs, and leave no gap of a form open."""
    content = ". ".join(parts) if len(parts) % 2 else "".join(parts)
    line = " ".join(content.split())
    for text in (*asked(content, tone=tone), *suggested(content, tone)):
        assert text.endswith((".", "?", "…", "”"))
        assert all(quote in line for quote in quotes(text))
        assert not re.search(r"[{}]|\s\s|\s[,.;:?!]", unquoted(text))
    found = asked(content, tone=tone)
    assert 2 <= len(found) == len(set(found)) <= 4
    assert all(question.endswith("?") for question in found)


@given(st.text(max_size=300), st.sampled_from(list(Tone)))
@settings(max_examples=60)
def test_any_text_at_all_is_answered(content: str, tone: Tone) -> None:
    """No text is so strange that there are no questions and ways to go on."""
    assert 2 <= len(set(asked(content, tone=tone))) <= 4
    assert 3 <= len(set(suggested(content, tone))) <= 5


DAYS = st.lists(st.integers(0, 40), min_size=1, max_size=30).map(sorted)


@given(DAYS)
@settings(max_examples=80)
def test_a_period_is_covered_from_begin_to_end(days: list[int]) -> None:
    """The summary names entries of the first and last part, of different days as far as there are."""
    start = date(2026, 3, 1)
    passages = tuple(
        Passage(UUID(int=n), start + timedelta(day), "", f"On that day number {n} went well.")
        for n, day in enumerate(days)
    )
    summary = LocalAssistant().answer(Summarise(passages)).result
    told = [days[i.int] for i in summary.entry_ids]
    span = days[-1] - days[0] + 1
    assert len(told) == min(6, max(len(set(days)), min(3, len(days))))
    assert (told[0] - days[0]) * 6 < span
    assert (days[-1] - told[-1]) * 6 <= span
    assert len(set(told)) == min(6, len(set(days)))
    assert all(f"number {i.int} went" in summary.text for i in summary.entry_ids)


def prompts(**wishes: object) -> tuple[Prompt, ...]:
    """Return prompts for these wishes."""
    return LocalAssistant().answer(WritePrompts(**{"count": 10, "seed": "s", **wishes})).result  # type: ignore[arg-type]


EVERY_PROMPT = prompts(count=10_000)


def test_there_are_more_than_three_hundred_prompts() -> None:
    """There are at least 300, 20 a category, and 12 a mood in at least eight categories."""
    assert len(EVERY_PROMPT) >= 300
    categories = Counter(prompt.category for prompt in EVERY_PROMPT)
    assert min(categories[category] for category in PromptCategory) >= 20
    for mood in PromptMood:
        fitting = [prompt.category for prompt in EVERY_PROMPT if prompt.mood is mood]
        assert len(fitting) >= 12
        assert len(set(fitting)) >= 8
    assert all(prompt.themes for prompt in EVERY_PROMPT)


COMMON = {
    "what",
    "that",
    "with",
    "have",
    "which",
    "when",
    "about",
    "your",
    "would",
    "write",
    "describe",
    "tell",
    "where",
    "from",
    "they",
    "them",
    "there",
    "this",
    "does",
    "were",
    "whom",
    "down",
    "will",
    "only",
    "than",
    "into",
    "some",
    "then",
    "like",
    "else",
    "could",
    "while",
    "after",
    "before",
    "since",
    "name",
}


def gist(text: str) -> frozenset[str]:
    """Return the words that a prompt is about."""
    return frozenset(word for word in words(text) if len(word) > 3 and word not in COMMON)


def test_no_two_prompts_say_the_same() -> None:
    """No two share most of their words, and only a few begin alike."""
    pairs = combinations([gist(prompt.text) for prompt in EVERY_PROMPT], 2)
    assert max(len(a & b) / len(a | b) for a, b in pairs) < 0.45
    openings = Counter(tuple(words(prompt.text)[:3]) for prompt in EVERY_PROMPT)
    assert max(openings.values()) <= 4


def test_prompts_are_plain() -> None:
    """None is long, none is made of the phrases of the trade."""
    trade = (
        "journey|inner child|safe space|self-care|authentic|embrace|mindful|toxic|triggers?|closure"
        "|comfort zone|bucket list|best self|manifest|affirmation|heal yourself|hold space|sit with"
    )
    for prompt in EVERY_PROMPT:
        assert 20 <= len(prompt.text) <= 140
        assert_well_formed(prompt.text)
        assert not re.search(rf"\b(?:{trade})\b", prompt.text, re.IGNORECASE)


@given(
    st.text(max_size=8),
    st.sampled_from([PromptMood.LOW, PromptMood.ANXIOUS, PromptMood.LONELY]),
    st.sampled_from([None, *PromptCategory]),
    st.sampled_from(list(Tone)),
    st.sampled_from([(), ("the sea",), ("laughter",), ("joy", "my cat")]),
)
@settings(max_examples=60)
def test_a_heavy_heart_gets_no_cheerful_prompt(
    seed: str,
    mood: PromptMood,
    category: PromptCategory | None,
    tone: Tone,
    themes: tuple[str, ...],
) -> None:
    """Low, anxious or lonely people get what is written for them or for anybody, and no games."""
    found = prompts(seed=seed, mood=mood, category=category, tone=tone, themes=themes)
    assert len(found) == 10
    assert not {PromptMood.HAPPY, PromptMood.GRATEFUL} & {prompt.mood for prompt in found}
    assert not any("Invent a game" in prompt.text for prompt in found)
    if not themes:
        assert found[0].mood is mood


def test_without_a_mood_nobody_is_thought_to_be_sad() -> None:
    """A request without a mood brings no prompt for people who are low, anxious, lonely or angry."""
    heavy = {PromptMood.LOW, PromptMood.ANXIOUS, PromptMood.LONELY, PromptMood.ANGRY}
    found = [prompt for n in range(20) for prompt in prompts(seed=str(n))]
    assert not heavy & {prompt.mood for prompt in found}


def test_a_heavy_theme_is_no_game() -> None:
    """Around a death or an illness there is nothing to play, sell or rhyme."""
    found = prompts(themes=("my mother's death",), count=15)
    assert all("my mother's death" in prompt.text for prompt in found)
    assert not re.search("game|slogan|voice|landscape|five things", " ".join(p.text for p in found))


def test_the_tone_of_prompts() -> None:
    """Direct prompts are short, playful ones play, plain ones do not."""
    light = {PromptCategory.PLAY, PromptCategory.CREATIVITY}
    assert max(len(prompt.text) for prompt in prompts(tone="direct")) <= 80
    assert {prompt.category for prompt in prompts(tone="playful")} <= light
    assert not {prompt.category for prompt in prompts(tone="plain")} & light
