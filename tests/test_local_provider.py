"""The offline provider."""

import subprocess
import sys
import time
from datetime import date
from itertools import chain
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflekt_core.errors import ConfigurationError
from reflekt_core.model.feelings import EmotionName, SentimentLabel
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    Passage,
    SuggestWays,
    Summarise,
    Usage,
)
from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, WritePrompts
from reflekt_core.ports import Assistant
from reflekt_core.providers import open_assistant
from reflekt_core.providers.local import LocalAssistant
from reflekt_core.testing.assistants import ENTRY, AssistantContract, quotes, texts

PIECES = st.sampled_from(
    """I want to call my sister|I feel so tired|but I can't face it|We went to the beach with Tom|
Why do I always freeze?|“I hate you”, she said|Dr. Lewis asked me (again) why|I should rest|\n\n|\n- |
My mother died last week|I miss the sea {and} you|😀🎉|今天很好。|شعرت بالسعادة|i keep putting off my taxes|
I've decided that it's enough|the dog|... |!!! |3.5 hours|she said: "go home"|I love it here|\x00\x07|
I was proud and nervous|I don't want to die|I want to die|Coffee|so|I noticed that I|’twas|""".replace(
        "\n", ""
    )
    .replace("\\n", "\n")
    .split("|")
)
ENTRIES = st.one_of(
    st.lists(st.tuples(PIECES, st.sampled_from([". ", ", ", " ", "! ", "\n"])), max_size=12).map(
        lambda pieces: "".join(text + end for text, end in pieces)
    ),
    st.text(max_size=200),
)


def analysed(content: str, **more: str) -> Analysis:
    """Return the offline provider's analysis of an entry."""
    return LocalAssistant().answer(AnalyseEntry(more.pop("title", ""), content, **more)).result


def one_line(text: str) -> str:
    """Return *text* as summaries show it: on one line, without control characters."""
    return " ".join("".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text).split())


class TestContract(AssistantContract):
    """The offline provider does what every assistant must."""

    @pytest.fixture(params=["local", "rustbert"])
    def assistant(self, request: pytest.FixtureRequest) -> Assistant:
        """Each row of the table of providers."""
        return open_assistant(request.param)


def test_an_unknown_provider_is_refused() -> None:
    """A name that is not in the table stops the start and says which names there are."""
    with pytest.raises(ConfigurationError, match="local"):
        open_assistant("gpt-9")


def test_it_names_itself_and_costs_nothing() -> None:
    """The answer's origin is the local model, free of charge."""
    answer = LocalAssistant().answer(SuggestWays("Today"))
    assert (answer.provider, answer.model, answer.prompt_version) == (
        "local",
        "reflekt-local-2",
        "1",
    )
    assert answer.usage == Usage()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I'm so happy! The best day in years, and I am grateful for all of it.", "positive"),
        ("Walked by the river with Tom. The light was lovely and I feel calm.", "positive"),
        ("I feel miserable. Nothing works and I cried all evening.", "negative"),
        ("I hate how my boss shouted at me. I was furious all day.", "negative"),
        ("I wasn't happy with it. It was not good at all.", "negative"),
        ("I love my new flat. But I am terribly lonely and sad here.", "mixed"),
    ],
)
def test_plain_feelings_are_read_right(text: str, label: str) -> None:
    """What is said outright gets the right label, and a score on the right side."""
    sentiment = analysed(text).sentiment
    assert sentiment.label == SentimentLabel(label)
    assert label == "mixed" or (sentiment.score > 0) == (label == "positive")


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I am so happy and excited, what a wonderful day!", EmotionName.JOY),
        ("I feel so sad and lonely since she left. I cried.", EmotionName.SADNESS),
        ("I am furious. It makes me so angry that he lied.", EmotionName.ANGER),
        ("I'm terrified of tomorrow. I am so scared and nervous.", EmotionName.FEAR),
        ("Wow, I was so surprised! I never expected that.", EmotionName.SURPRISE),
        ("It was disgusting, gross, I felt sick.", EmotionName.DISGUST),
    ],
)
def test_each_emotion_is_found_where_it_is_named(text: str, emotion: EmotionName) -> None:
    """The emotion that a text names comes first."""
    assert analysed(text).emotions[0].name is emotion


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("The deadline moved and my boss called three meetings.", "work"),
        ("My mother and my brother came for lunch with the kids.", "family"),
        ("I prayed before church and the sermon gave me hope.", "spirituality"),
        ("We can't pay the rent; the bills and the debt pile up.", "money"),
        ("Insomnia again, awake until four, no sleep.", "sleep"),
        ("The professor moved the exam and I have not studied.", "school"),
    ],
)
def test_life_areas_are_found(text: str, area: str) -> None:
    """The area of life an entry is about is its first topic."""
    assert analysed(text).topics[0].name == area


def test_words_of_the_text_become_topics() -> None:
    """What stands out in the text's own words is a topic, but no everyday word."""
    names = {t.name for t in analysed("The piano lesson was hard. I love the piano lesson.").topics}
    assert "piano lesson" in names
    assert not names & {"the", "was", "hard"}


def test_questions_take_up_what_is_said() -> None:
    """Wishes, people and questions of the entry come back in what is asked."""
    asked = " ".join(analysed("I want to learn to say no. Why do I always give in?").questions)
    assert "learn to say no" in asked
    assert "“Why do I always give in?”" in asked
    assert "your sister" in " ".join(analysed("Long day with my sister at the fair.").questions)


def test_what_others_said_is_not_taken_for_the_writers_words() -> None:
    """A quotation in the entry is not quoted back as the writer's own."""
    asked = analysed("He shouted “I want to leave this house” and left. It was raining.").questions
    assert not any("I want to leave" in question for question in asked)


def test_mourning_is_met_gently() -> None:
    """After a death nobody is asked what the dead may think, nor for titles and pictures."""
    result = analysed("My grandmother died on Monday. She taught me to bake. I miss her voice.")
    assert any("your grandmother" in question for question in result.questions)
    assert not any("tell the same story" in question for question in result.questions)
    assert not any("title" in question for question in result.questions)
    quiet = "Our old dog Biscuit was put to sleep this afternoon. The house is so quiet."
    assert analysed(quiet).sentiment.score < 0


def test_a_dead_battery_is_not_mourned() -> None:
    """Things that stop working are no loss of somebody."""
    asked = " ".join(analysed("My phone died on the train and I was so annoyed by it.").questions)
    assert "carry this" not in asked
    assert "annoyed by it" in asked


def test_the_tone_shows() -> None:
    """A playful tone asks lighter questions of an entry that is not sad; other tones do not."""
    light = "We had a picnic in the park with friends and it was lovely and so much fun."
    asked = {tone: analysed(light, tone=tone).questions for tone in ("gentle", "playful")}
    assert asked["gentle"] != asked["playful"]
    sad = "I feel miserable. Nothing works and I cried all evening, alone in my room."
    assert analysed(sad, tone="gentle").questions == analysed(sad, tone="playful").questions
    assert {p.category.value for p in prompts(tone="playful")} <= {"play", "creativity"}


def test_a_crisis_is_met_with_care_alone() -> None:
    """Where a text speaks of a crisis, only who and what may help is asked, nothing observed."""
    content = "I want to die. I should call my mother. Dan and I laughed at the party!"
    result = analysed(content)
    assert all("next few hours" in q or "helped you" in q for q in result.questions)
    assert result.observations == ()
    ways = LocalAssistant().answer(SuggestWays(content)).result.items
    assert any("call" in way for way in ways)


def test_observations_can_be_checked_in_the_text() -> None:
    """Feelings named and words repeated are noticed; an even text gets no remark."""
    seen = analysed("I feel guilty and relieved. Piano, piano, piano and piano again.").observations
    assert "You name more than one feeling: “guilty” and “relieved”." in seen
    assert any(text.endswith("comes up four times.") for text in seen)
    assert analysed("We bought milk and walked home.").observations == ()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Lewis called at 5 p.m. on Monday. It cost 3.50 in total.", 2),
        ("“Why?” she asked. I had no answer...", 2),
        ("I waited… and waited. Then home!", 2),
        ("今天很好。我很开心！真的？", 3),
        ("no full stop at all", 1),
        ("- milk\n- bread\n- letters", 3),
        ("a long line that the editor has wrapped somewhere\nin the middle of it. New one.", 2),
    ],
)
def test_sentences_are_cut_where_they_end(text: str, sentences: int) -> None:
    """Abbreviations, numbers, quotations, dots and wrapped lines do not end a sentence."""
    from reflekt_core.providers.local.text import sentences as cut  # noqa: PLC0415 - only here

    assert len(cut(text)) == sentences


@given(ENTRIES, ENTRIES)
@settings(max_examples=150)
def test_answers_hold_only_what_the_entry_says(title: str, content: str) -> None:
    """Quotes are in the entry, marks are paired, templates are filled, figures are in range."""
    result = analysed(content, title=title)
    everything = [*texts(result), *LocalAssistant().answer(SuggestWays(content)).result.items]
    for text in everything:
        assert text.count("“") == text.count("”")
        assert not set("{}") & set(text)
        own = (one_line(title), one_line(content))
        assert all(any(quote in part for part in own) for quote in quotes(text))
    assert 2 <= len(set(result.questions)) == len(result.questions) <= 4
    assert all(question.endswith("?") for question in result.questions)
    assert -1 <= result.sentiment.score <= 1
    assert 0 <= result.sentiment.confidence <= 1
    both = f"{title}\n{content}".lower().replace("’", "'")
    areas = {"work", "family", "friends", "love", "health", "sleep", "food", "exercise"}
    areas |= {"recreation", "school", "spirituality", "money", "home", "travel", "nature", "self"}
    assert all(t.name in areas or t.name in one_line(both) for t in result.topics)
    assert len(result.topics) <= 8


@given(ENTRIES)
@settings(max_examples=100)
def test_a_summary_is_made_of_whole_sentences_in_order(content: str) -> None:
    """Every sentence of a summary stands in the entry, in the same order."""
    from reflekt_core.providers.local.text import sentences as cut  # noqa: PLC0415 - only here

    whole = one_line(content)
    position = 0
    for sentence in chain.from_iterable(map(cut, analysed(content).summary.split(" · "))):
        position = whole.index(sentence, position) + len(sentence)


@given(ENTRIES)
@settings(max_examples=25)
def test_the_same_entry_gets_the_same_answer(content: str) -> None:
    """Nothing depends on chance or on the object that answers."""
    assert analysed(content) == analysed(content)


def test_the_answer_does_not_depend_on_the_process() -> None:
    """Neither hash randomisation nor the order of imports changes a word."""
    program = (
        "from reflekt_core.model.insights import *;from reflekt_core.model.prompts import *;"
        "from reflekt_core.providers import open_assistant as o;a=o('local').answer;"
        f"t={ENTRY!r};print(a(AnalyseEntry('x',t)),a(SuggestWays(t)),"
        "a(WritePrompts(5,'s',themes=('my cat',))))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


def test_importing_the_provider_reads_no_data() -> None:
    """Only the first answer loads the model and the modules that use it."""
    program = (
        "import sys, reflekt_core.providers.local;"
        "print([m for m in sys.modules if m.startswith('reflekt_core.providers.local.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "text",
    [
        "Heute war ein schöner Tag, wir sind an den See gefahren und haben gegrillt.",
        "Aujourd'hui je suis allé au marché avec ma sœur et nous avons bien ri.",
        "Hoy me siento triste. No tengo ganas de hacer nada y echo de menos a mi familia.",
        "Vandaag was een mooie dag en ik heb met mijn zus in het park gewandeld.",
        "今天和妈妈一起去了公园。天气很好。",
        "شعرت اليوم بالسعادة مع عائلتي",
        "😀😀🎉",
        "   ",
        "\x00\x01\x02",
        "",
    ],
)
def test_it_does_not_pretend_to_understand_other_languages(text: str) -> None:
    """Without English words the confidence is low, and the questions are general."""
    result = analysed(text)
    assert result.sentiment.confidence < 0.3
    assert result.sentiment.label is SentimentLabel.NEUTRAL
    assert not any("“" in question for question in result.questions)


def test_a_text_said_to_be_in_another_language_is_not_read_as_english() -> None:
    """The language that the task names counts, too."""
    assert analysed("I am so happy today!", language="sv").sentiment.confidence < 0.3
    assert analysed("I am so happy today!", language="en-GB").sentiment.confidence > 0.5


@pytest.mark.parametrize(
    "text",
    [
        ENTRY * 300,
        "word " * 20_000,
        "a" * 100_000,
        "今天很好。" * 20_000,
        "?!" * 50_000,
        "“" * 100_000,
        "I feel so " * 10_000,
        "I want to " * 10_000,
        "my little " * 10_000,
        "a.b." * 25_000,
        "\n" * 100_000,
        "I, " * 33_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_very_long_texts_take_a_moment(text: str) -> None:
    """A hundred thousand characters of anything are analysed within bounded time."""
    LocalAssistant().answer(AnalyseEntry("", "I load the data."))
    start = time.process_time()
    result = analysed(text[:100_000])
    assert time.process_time() - start < 2  # about 0.2 on an idle machine
    assert len(result.summary) < 1000


def test_a_giant_word_is_the_one_thing_that_is_cut() -> None:
    """What has neither sentence, clause nor word to end at is cut, and says so."""
    assert analysed("a" * 5000).summary.endswith("…")


def test_a_period_rests_on_entries_of_all_of_it() -> None:
    """At most six entries, spread over the period, are told with their dates, in order."""
    passages = tuple(
        Passage(UUID(int=n), date(2026, 3, n), "", f"On day {n} we planted {n} trees. I was glad.")
        for n in range(1, 31)
    )
    summary = LocalAssistant().answer(Summarise(passages)).result
    assert len(summary.entry_ids) == 6
    assert min(summary.entry_ids).int <= 5
    assert max(summary.entry_ids).int >= 26
    assert list(summary.entry_ids) == sorted(summary.entry_ids)
    assert all(f"On {i.int} March: " in summary.text for i in summary.entry_ids)
    chosen = [p.content for p in passages if p.entry_id in summary.entry_ids]
    assert all(any(s in summary.text for s in c.split(". ")) for c in chosen)


def test_an_empty_period_has_an_empty_summary() -> None:
    """No entries, or entries without words, rest on nothing and say nothing."""
    nothing = Passage(UUID(int=1), date(2026, 3, 1), "", "…")
    for passages in ((), (nothing,)):
        summary = LocalAssistant().answer(Summarise(passages)).result
        assert (summary.text, summary.entry_ids) == ("", ())


def prompts(**wishes: object) -> tuple[Prompt, ...]:
    """Return prompts for these wishes."""
    task = WritePrompts(**{"count": 5, "seed": "seed", **wishes})  # type: ignore[arg-type]
    return LocalAssistant().answer(task).result


def test_the_seed_decides() -> None:
    """The same seed gives the same prompts; another gives others."""
    assert prompts() == prompts()
    assert prompts() != prompts(seed="other")


@pytest.mark.parametrize("category", list(PromptCategory))
@pytest.mark.parametrize("mood", list(PromptMood))
def test_prompts_fit_category_and_mood(category: PromptCategory, mood: PromptMood) -> None:
    """The first prompt is of the category and for the mood; all are of the category."""
    found = prompts(category=category, mood=mood)
    assert found[0].mood is mood
    assert {prompt.category for prompt in found} == {category}
    assert {prompt.mood for prompt in prompts(category=category, mood=mood, count=3)} <= {
        mood,
        None,
    }


@given(st.lists(st.text(min_size=1, max_size=50), max_size=10), st.integers(1, 10))
@settings(max_examples=50)
def test_any_theme_is_taken_up_safely(themes: list[str], count: int) -> None:
    """Whatever the words of a theme, prompts are complete, different and as many as asked for."""
    found = prompts(themes=tuple(themes), count=count)
    assert len({prompt.text for prompt in found}) == count
    for prompt in found:
        assert prompt.text.count("“") == prompt.text.count("”")
        assert not set("{}") & set(prompt.text)


def test_themes_appear_in_the_prompts() -> None:
    """A theme that no prompt knows is taken up word for word."""
    assert all("my old cello" in prompt.text for prompt in prompts(themes=("my old cello",)))


def test_prompts_do_not_repeat_for_a_long_time() -> None:
    """By avoiding what was given, at least 120 different prompts come, then the first return."""
    seen: set[UUID] = set()
    for _ in range(12):
        seen |= {prompt.id for prompt in prompts(count=10, avoid=frozenset(seen))}
    assert len(seen) == 120
    everything = frozenset(p.id for _ in range(1) for p in prompts(count=1000))
    assert len(prompts(avoid=everything)) == 5


def test_a_prompt_keeps_its_id() -> None:
    """The id follows from the text, so that it can be given with an entry years later."""
    ids = {prompt.text: prompt.id for prompt in prompts(count=10)}
    assert all(ids.get(p.text, p.id) == p.id for p in prompts(count=10, mood=PromptMood.CALM))
    first = LocalAssistant().answer(WritePrompts(1, "fixed")).result[0]
    assert first.id.version == 5


def test_the_model_is_small_and_has_its_card() -> None:
    """The model's data stay below 1 MB, with a card that names data and licences."""
    import reflekt_core.providers.local as package  # noqa: PLC0415 - only here

    folder = Path(package.__file__).parent
    assert (folder / "model.txt").stat().st_size < 1_000_000
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    assert "GoEmotions" in card
    assert "CC BY 4.0" in card
