"""What every assistant must do, as tests: subclass `AssistantContract` and give the fixture."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest

from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    Passage,
    Suggestions,
    SuggestWays,
    Summarise,
    Summary,
)
from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, WritePrompts
from reflekt_core.ports import Assistant

__all__ = ["ENTRY", "AssistantContract", "quotes", "texts"]

ENTRY = (
    "We walked along the river with Tom this morning. The light on the water was lovely, and a"
    " heron stood there like a statue. I feel calm for the first time in weeks. Work was awful on"
    " Friday and I keep putting off the talk with my boss. I'd love to come here every Sunday."
)
PASSAGES = tuple(
    Passage(UUID(int=number), date(2026, 11, number), "", f"{ENTRY} Day {number} ended late.")
    for number in range(1, 4)
)


class AssistantContract:
    """Tests of `Assistant.answer`; a subclass provides the fixture `assistant`."""

    @pytest.fixture
    def assistant(self) -> Iterator[Assistant]:
        """Give the assistant under test."""
        raise NotImplementedError("a subclass says which assistant")

    def test_an_entry_is_analysed_within_the_ranges(self, assistant: Assistant) -> None:
        """Every figure of an analysis lies within its range and every word is said once."""
        result = assistant.answer(AnalyseEntry("Sunday", ENTRY)).result
        assert isinstance(result, Analysis)
        assert -1 <= result.sentiment.score <= 1
        assert 0 <= result.sentiment.confidence <= 1
        assert all(0 <= emotion.score <= 1 for emotion in result.emotions)
        assert all(0 <= topic.score <= 1 for topic in result.topics)
        names = [topic.name for topic in result.topics]
        assert names == [name.lower() for name in dict.fromkeys(names)]
        assert len({emotion.name for emotion in result.emotions}) == len(result.emotions)

    def test_questions_are_questions(self, assistant: Assistant) -> None:
        """Two to four different questions come back, and whatever they quote is in the entry."""
        result = assistant.answer(AnalyseEntry("Sunday", ENTRY)).result
        assert 2 <= len(set(result.questions)) == len(result.questions) <= 4
        assert all(question.endswith("?") for question in result.questions)
        assert all(quote in ENTRY for text in texts(result) for quote in quotes(text))

    def test_a_summary_is_shorter_than_a_long_entry(self, assistant: Assistant) -> None:
        """The summary of a long entry is there and is shorter than the entry."""
        result = assistant.answer(AnalyseEntry("", ENTRY * 4)).result
        assert 0 < len(result.summary) < len(ENTRY * 4)

    def test_a_draft_gets_ways_to_go_on(self, assistant: Assistant) -> None:
        """Three to five different suggestions continue a draft."""
        result = assistant.answer(SuggestWays(ENTRY)).result
        assert isinstance(result, Suggestions)
        assert 3 <= len(set(result.items)) == len(result.items) <= 5

    def test_a_period_is_summed_up_from_its_entries(self, assistant: Assistant) -> None:
        """The summary of a period names only entries of the period, each once and in order."""
        result = assistant.answer(Summarise(PASSAGES)).result
        assert isinstance(result, Summary)
        assert result.text
        assert result.entry_ids
        ids = [passage.entry_id for passage in PASSAGES]
        assert [i for i in ids if i in result.entry_ids] == list(result.entry_ids)

    @pytest.mark.parametrize("category", [None, *PromptCategory])
    @pytest.mark.parametrize("mood", [None, PromptMood.LOW])
    def test_as_many_prompts_as_asked_for(
        self, assistant: Assistant, category: PromptCategory | None, mood: PromptMood | None
    ) -> None:
        """Each request gets its number of different prompts, however narrow it is."""
        task = WritePrompts(10, "seed", category, ("the sea",), mood)
        result = assistant.answer(task).result
        assert len(result) == 10
        assert all(isinstance(prompt, Prompt) for prompt in result)
        assert len({prompt.id for prompt in result}) == 10
        assert len({prompt.text for prompt in result}) == 10

    def test_prompts_to_avoid_stay_away(self, assistant: Assistant) -> None:
        """What the user saw lately does not come back while others are left."""
        first = assistant.answer(WritePrompts(5, "seed")).result
        task = WritePrompts(5, "seed", avoid=frozenset(prompt.id for prompt in first))
        assert not {p.id for p in assistant.answer(task).result} & {p.id for p in first}

    def test_the_answer_says_where_it_comes_from(self, assistant: Assistant) -> None:
        """Every answer names its provider, model and prompt version, and costs nothing negative."""
        answer = assistant.answer(SuggestWays(ENTRY))
        assert answer.provider
        assert answer.model
        assert answer.prompt_version
        assert answer.usage.cost_usd >= 0


def texts(result: Analysis) -> list[str]:
    """Return everything in *result* that was written rather than measured."""
    return [*result.questions, *result.observations]


def quotes(text: str) -> list[str]:
    """Return what *text* puts in quotation marks."""
    return [part.split("”")[0] for part in text.split("“")[1:]]
