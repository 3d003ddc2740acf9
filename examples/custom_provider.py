"""
An AI provider of your own: a list of rules that answers everything an assistant is asked.

    pip install reflekt-journal
    python custom_provider.py "A calm walk by the sea with Tom. I worry about the exam on Monday."

It answers on this machine, so no user has to agree to anything. What it cannot do it says with an
error of `reflekt_core.errors`, and the next provider is asked.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from statistics import fmean
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs

from reflekt_core import Reflekt, ReflektError
from reflekt_core.errors import UnsupportedCapability
from reflekt_core.model.assistance import Answer, Task
from reflekt_core.model.feelings import Emotion, EmotionName, Sentiment, SentimentLabel
from reflekt_core.model.insights import (
    AnalyseEntry,
    Analysis,
    InsightView,
    Suggestions,
    SuggestWays,
    Summarise,
    Summary,
    Topic,
)
from reflekt_core.model.prompts import Prompt, PromptCategory, WritePrompts
from reflekt_core.ports import Assistant
from reflekt_core.providers import PROVIDERS
from reflekt_core.providers.local import LocalAssistant

__all__ = ["RulesAssistant"]


@attrs.frozen
class Feeling:
    """What words such as these say: a score from -1 to 1, and an emotion."""

    words: frozenset[str]
    score: float
    emotion: EmotionName


@attrs.frozen
class Subject:
    """What words such as these are about, and what to ask then."""

    words: frozenset[str]
    name: str
    question: str


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z']+", text.lower()))


FEELINGS: Final = (
    Feeling(_words("calm glad good happy laughed lovely proud relieved"), 0.7, EmotionName.JOY),
    Feeling(_words("alone cried lost miss sad tired"), -0.6, EmotionName.SADNESS),
    Feeling(_words("afraid nervous scared worried worry"), -0.6, EmotionName.FEAR),
    Feeling(_words("angry awful furious hate unfair"), -0.8, EmotionName.ANGER),
)
SUBJECTS: Final = (
    Subject(_words("boss desk job office work"), "work", "What would you change at work first?"),
    Subject(_words("exam learn lesson school"), "learning", "What do you know already?"),
    Subject(_words("river sea walk walked wood"), "outdoors", "What did you see there?"),
    Subject(_words("friend mum sister tom"), "people", "What would you like to tell them?"),
)
QUESTIONS: Final = ("What mattered most in this?", "What comes next?")
WAYS: Final = ("What I have not said yet is …", "It began when …", "Tomorrow I would like to …")
INVITATIONS: Final = (
    "Write down the first thing that comes to mind about {}.",
    "When did {} last surprise you?",
    "What would a child ask about {}?",
    "Describe {} without naming it.",
    "What do you no longer believe about {}?",
    "Who taught you something about {}?",
    "What does {} sound like?",
    "Write a letter to {}.",
    "What would you miss about {}?",
    "What is the smallest step towards {}?",
)
"""Ten, since ten prompts may be asked for."""


class RulesAssistant(Assistant):
    """Knows a few words of English, and gives the same answer every time."""

    def answer(self, task: Task) -> Answer[Any]:
        """
        Return the answer to *task*.

        Raises:
            UnsupportedCapability: The user's language is not English.
        """
        if task.language.partition("-")[0] != "en":
            raise UnsupportedCapability("the rules are in English", provider="rules")
        return Answer(_result(task), provider="rules", model="rules-1", prompt_version="1")


def _result(task: Task) -> Analysis | Suggestions | Summary | tuple[Prompt, ...]:
    match task:
        case AnalyseEntry(title, content):
            return _analysis(f"{title} {content}".strip(), content)
        case SuggestWays():
            return Suggestions(WAYS)
        case Summarise(passages):
            text = " ".join(_first_sentence(passage.content) for passage in passages)
            ids = tuple(passage.entry_id for passage in passages)
            return Summary(text, ids, task.observations)
        case WritePrompts():
            return tuple(_prompts(task))


def _analysis(text: str, content: str) -> Analysis:
    words = _words(text)
    felt = [feeling for feeling in FEELINGS if words & feeling.words]
    about = [subject for subject in SUBJECTS if words & subject.words]
    questions = (*(subject.question for subject in about[:2]), *QUESTIONS)
    return Analysis(
        _sentiment(felt),
        tuple(Emotion(feeling.emotion, abs(feeling.score)) for feeling in felt),
        tuple(Topic(subject.name, 1.0) for subject in about),
        summary=_first_sentence(content),
        questions=questions,
        observations=(),
    )


def _sentiment(felt: list[Feeling]) -> Sentiment:
    if not felt:
        return Sentiment(SentimentLabel.NEUTRAL, score=0.0, confidence=0.0)
    score = fmean(feeling.score for feeling in felt)
    signs = {feeling.score > 0 for feeling in felt}
    label = SentimentLabel.POSITIVE if score > 0 else SentimentLabel.NEGATIVE
    return Sentiment(label if len(signs) == 1 else SentimentLabel.MIXED, score, confidence=0.5)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0][:200]


def _prompts(task: WritePrompts) -> Iterator[Prompt]:
    """Yield as many prompts as are asked for: the same for the same seed, the new ones first."""
    category = task.category or PromptCategory.REFLECTION
    known = [
        Prompt(_id(text), text, category, themes=(theme,), mood=task.mood)
        for theme in task.themes or (category.value,)
        for text in (invitation.format(theme) for invitation in INVITATIONS)
    ]
    known.sort(key=lambda prompt: sha256(f"{task.seed} {prompt.id}".encode()).digest())
    known.sort(key=lambda prompt: prompt.id in task.avoid)
    yield from known[: task.count]


def _id(text: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"urn:example:rules:{text}")


# From here on, the provider has a name: for `assistant="rules,local"` and AI_PROVIDER.
PROVIDERS["rules"] = "custom_provider:RulesAssistant"


def main() -> None:
    """Have a text understood: by the rules or, if they cannot, by the assistant on this machine."""
    parser = argparse.ArgumentParser(description="An AI provider of rules.")
    parser.add_argument("text", help="what to understand")
    text = parser.parse_args().text
    with Reflekt.open("memory://", assistant=(RulesAssistant(), LocalAssistant())) as reflekt:
        try:
            insight = reflekt.entries.insights(reflekt.entries.create(text).id)
        except ReflektError as error:
            sys.exit(f"custom_provider.py: {error}")
    if isinstance(insight, InsightView):
        print(insight.provenance.provider, "says:", insight.sentiment.label)
        print("topics:", ", ".join(topic.name for topic in insight.topics))
        print(*insight.questions, sep="\n")


if __name__ == "__main__":
    main()
