"""`examples/custom_provider.py` is a provider: it passes the contract, and has its place in a chain."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.model.insights import AnalyseEntry, InsightView
from reflekt_core.model.settings_patch import PreferencesPatch
from reflekt_core.ports import Assistant
from reflekt_core.providers import PROVIDERS
from reflekt_core.testing import AssistantContract

from .example_programs import EXAMPLES, imported, ran

SCRIPT = EXAMPLES / "custom_provider.py"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The example, and the table of providers as it was before."""
    monkeypatch.setitem(PROVIDERS, "rules", "")  # so that it is taken out again
    with imported(SCRIPT) as module:
        yield module


class TestRules(AssistantContract):
    """The contract."""

    @pytest.fixture
    def assistant(self, module: Any) -> Assistant:
        """Give the rules."""
        assistant: Assistant = module.RulesAssistant()
        return assistant


@pytest.mark.parametrize(
    ("text", "label", "topics"),
    [
        ("Lovely. I laughed!", "positive", []),
        ("An awful day at the office.", "negative", ["work"]),
        ("Glad, and worried about school.", "mixed", ["learning"]),
        ("Bread.", "neutral", []),
    ],
)
def test_the_rules_say_what_they_say(module: Any, text: str, label: str, topics: list[str]) -> None:
    """Words that are felt make the label, others the topics; without any it is neutral and unsure."""
    found = module.RulesAssistant().answer(AnalyseEntry("", text)).result
    assert found.sentiment.label == label
    assert (found.sentiment.confidence == 0) == (label == "neutral")
    assert [topic.name for topic in found.topics] == topics


def test_another_language_is_left_to_the_next(module: Any) -> None:
    """Under its name, before the assistant on this machine, which answers who writes German."""
    assert module.RulesAssistant
    with Reflekt.open("memory://", assistant="rules,local") as reflekt:
        english = reflekt.entries.insights(reflekt.entries.create("A calm day.").id)
        reflekt.settings.update(preferences=PreferencesPatch(language="de"))
        german = reflekt.entries.insights(reflekt.entries.create("Ein ruhiger Tag.").id)
    assert isinstance(english, InsightView)
    assert english.provenance.provider == "rules"
    assert isinstance(german, InsightView)
    assert german.provenance.provider == "local"
    (passed,) = german.provenance.passed_over
    assert (passed.provider, passed.reason) == ("RulesAssistant", "ai_unsupported")


def test_a_crisis_is_not_left_to_rules(module: Any) -> None:
    """The assistant that comes with Reflekt answers then, whoever else is there."""
    with Reflekt.open("memory://", assistant=module.RulesAssistant()) as reflekt:
        entry = reflekt.entries.create("I want to kill myself.")
        insight = reflekt.entries.insights(entry.id)
    assert isinstance(insight, InsightView)
    assert insight.provenance.provider == "local"


def test_it_runs_as_a_program(tmp_path: Path) -> None:
    """It prints what it understood; bad input is told in a line."""
    done = ran(SCRIPT, "A calm walk by the sea with Tom. I worry about the exam.", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("rules says: mixed\ntopics: learning, outdoors, people\n")
    done = ran(SCRIPT, "", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "content" in done.stderr
    assert "text" in ran(SCRIPT, "--help", cwd=tmp_path).stdout
