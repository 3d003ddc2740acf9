"""What the pages on a store, a provider and a model server of one's own say is so."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reflekt_core import Reflekt
from reflekt_core.app import TimeOrderedIds
from reflekt_core.model.insights import InsightState, InsightView
from reflekt_core.model.settings import Provider
from reflekt_core.model.settings_patch import AISettingsPatch
from reflekt_core.security.tokens import TokenIssuer
from reflekt_core.testing.vendor_server import FakeVendor
from reflekt_core.testing.wires import ChatWire

from .example_programs import EXAMPLES, ran, running
from .howto_pages import DOCS, fenced

SECRET = "dB8zQe1nUw5rXk3vTj7mYp2sLc9hGf4a"
TEXT = "We swam. Write to tom@example.org about the boat."
ANSWER = {
    "sentiment": {"label": "positive", "score": 0.8, "confidence": 0.9},
    "emotions": [{"name": "joy", "score": 0.7}],
    "topics": [{"name": "sea", "score": 0.5}],
    "summary": "A swim.",
    "questions": ["What was good?", "What comes next?"],
    "observations": [],
}


def page(name: str) -> str:
    """Return the page."""
    return (DOCS / "how-to" / name).read_text("utf-8")


def block(name: str, word: str) -> str:
    """Return the one block of Python on the page that has *word*."""
    (found,) = [code for code in fenced(page(name), "python") if word in code]
    return found


def has_command(name: str, command: str) -> bool:
    """Tell whether the page has the command, as a line of its own."""
    lines = [line.strip() for line in page(name).splitlines()]
    return command in lines


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A copy of the example, as the page has it made."""
    assert has_command("own-store.md", "cp -r examples/custom_store mystore")
    copy = tmp_path / "mystore"
    shutil.copytree(EXAMPLES / "custom_store", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_a_copied_store_runs_and_is_tested_as_shown(store: Path) -> None:
    """The program beside it, and the contract: all of it is found, and some of it is run."""
    assert has_command("own-store.md", "python mystore journal.db")
    assert "found:" in ran("mystore", "journal.db", cwd=store.parent).stdout
    (store / "test_store.py").write_text(block("own-store.md", "StoreContract"))
    pytest_ = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    found = ran(*pytest_, "--collect-only", cwd=store)
    assert found.stdout.count("test_store.py::TestDocumentStore::") > 60
    done = ran(*pytest_, "-k", "what_was_put or closing_twice", cwd=store)
    assert (done.returncode, " passed" in done.stdout) == (0, True), done.stdout


def test_a_store_is_handed_over_as_shown(store: Path) -> None:
    """It writes into the file that its URL names."""
    code = block("own-store.md", "Reflekt.on(")
    done = ran("-c", f"{code}\nreflekt.entries.create('x')\nreflekt.close()", cwd=store)
    assert (done.returncode, done.stderr) == (0, "")
    assert (store / "journal.db").exists()


def test_commands_know_the_scheme_of_a_store_as_shown(store: Path) -> None:
    """The service keeps what it is sent in it, and the commands read it from there."""
    (store / "journal.py").write_text(block("own-store.md", "STORES["))
    serve = "REFLEKT_STORE=documents:///journal.db python journal.py serve"
    listed = "python journal.py list --store documents:///journal.db"
    assert has_command("own-store.md", serve)
    assert has_command("own-store.md", listed)
    settings = {"REFLEKT_STORE": "documents:///journal.db", "JWT_SECRET": SECRET}
    token = TokenIssuer(secret=SECRET, ids=TimeOrderedIds()).issue("me", now=datetime.now(UTC))
    with running("journal.py", "serve", "--port", 0, cwd=store, **settings) as service:
        bearer = {"Authorization": f"Bearer {token}"}
        assert service.send("POST", "/entries", {"content": "Served."}, bearer).status == 201
        assert service.end()[0] == 0
    done = ran(*listed.split()[1:], cwd=store)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Served." in done.stdout


@pytest.fixture
def provider(tmp_path: Path) -> Path:
    """A folder with the example and the page's `journal.py`."""
    shutil.copy(EXAMPLES / "custom_provider.py", tmp_path)
    (tmp_path / "journal.py").write_text(block("own-provider.md", "PROVIDERS["))
    return tmp_path


def test_commands_know_the_name_of_a_provider_as_shown(provider: Path) -> None:
    """It is checked, and measured, by its name."""
    check = "python journal.py providers check --provider rules"
    assert has_command("own-provider.md", check)
    done = ran(*check.split()[1:], cwd=provider)
    assert (done.returncode, done.stderr) == (0, "")
    assert "rules-1" in done.stdout
    refused = ran("journal.py", "providers", "check", cwd=provider, AI_PROVIDER="rule")
    assert refused.stderr.startswith("reflekt: AI_PROVIDER must be one of local,")
    assert ", rules, or several" in refused.stderr
    (provider / "moods.tsv").write_text("positive\tA lovely day.\nnegative\tI cried.\n")
    evaluate = "providers evaluate --provider rules --task sentiment --data moods.tsv"
    assert f"`python journal.py {evaluate}`" in page("own-provider.md")
    done = ran("journal.py", *evaluate.split(), "--json", cwd=provider)
    assert json.loads(done.stdout)["accuracy"] == 1


def test_the_service_asks_a_provider_as_shown(provider: Path) -> None:
    """It understands what the service is sent, if it is named in AI_PROVIDER."""
    assert has_command("own-provider.md", "AI_PROVIDER=rules,local python journal.py serve")
    settings = {"AI_PROVIDER": "rules,local", "JWT_SECRET": SECRET}
    token = TokenIssuer(secret=SECRET, ids=TimeOrderedIds()).issue("me", now=datetime.now(UTC))
    with running("journal.py", "serve", "--port", 0, cwd=provider, **settings) as service:
        bearer = {"Authorization": f"Bearer {token}"}
        entry = service.send("POST", "/entries", {"content": "Calm."}, bearer).json
        insight = service.send("GET", f"/entries/{entry['id']}/insights", None, bearer)
        while insight.status == 202:
            insight = service.send("GET", f"/entries/{entry['id']}/insights", None, bearer)
        assert insight.json["provenance"]["provider"] == "rules"


def test_a_provider_is_handed_over_and_tested_as_shown(provider: Path) -> None:
    """The chain answers, and the contract passes."""
    code = block("own-provider.md", "assistant=(RulesAssistant(), LocalAssistant())")
    ask = "print(reflekt.entries.insights(reflekt.entries.create('Calm.').id).provenance.provider)"
    done = ran("-c", f"{code}\n{ask}\nreflekt.close()", cwd=provider)
    assert (done.returncode, done.stdout, done.stderr) == (0, "rules\n", "")
    (provider / "test_rules.py").write_text(block("own-provider.md", "AssistantContract"))
    done = ran("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=provider)
    assert (done.returncode, " passed" in done.stdout) == (0, True), done.stdout


@pytest.fixture
def ollama() -> Iterator[FakeVendor]:
    """A server on this machine that speaks chat completions, as Ollama does."""
    with FakeVendor() as server:
        server.will(ChatWire().writes(json.dumps(ANSWER)))
        yield server


def settings_for(url: str) -> dict[str, str]:
    """Return the variables of the page, with another address for Ollama."""
    found = dict(re.findall(r"^ *export (\w+)=(\S+)$", page("ollama.md"), re.MULTILINE))
    assert found["OPENAI_BASE_URL"] == "http://127.0.0.1:11434/v1"
    return {**found, "OPENAI_BASE_URL": f"{url}/v1"}


def test_ollama_needs_settings_alone(ollama: FakeVendor, tmp_path: Path) -> None:
    """With the variables of the page its model is asked, by a schema and without a key."""
    check = "reflekt providers check --provider openai"
    assert has_command("ollama.md", check)
    settings = settings_for(ollama.url)
    done = ran("-m", "reflekt_core", *check.split()[1:], cwd=tmp_path, **settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gemma3:4b" in done.stdout
    (received,) = ollama.received
    assert received.line == "POST /v1/chat/completions HTTP/1.1"
    assert received.json["model"] == "gemma3:4b"
    assert received.json["response_format"]["json_schema"]["strict"] is True
    assert "authorization" not in received.headers


@pytest.fixture
def journal(ollama: FakeVendor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reflekt]:
    """A journal of somebody who agreed to nothing, with the variables of the page."""
    for name in ("OPENAI_API_KEY", "REFLEKT_FORBID_AI_CALLS"):
        monkeypatch.delenv(name, raising=False)
    settings = settings_for(ollama.url)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with Reflekt.open("memory://", assistant=settings["AI_PROVIDER"]) as reflekt:
        yield reflekt


def understood(journal: Reflekt, text: str = TEXT) -> Any:
    """Return the insight into a new entry."""
    return journal.entries.insights(journal.entries.create(text).id)


def test_ollama_on_this_machine_needs_no_consent(journal: Reflekt, ollama: FakeVendor) -> None:
    """The text goes there as it is, and costs nothing; so it does for who wants `local`."""
    journal.settings.update(ai=AISettingsPatch(daily_budget_usd=None, daily_token_budget=0))
    for provider in (Provider.AUTO, Provider.LOCAL):
        journal.settings.update(ai=AISettingsPatch(provider=provider))
        insight = understood(journal, f"{TEXT} {provider}")
        assert isinstance(insight, InsightView)
        assert (insight.provenance.provider, insight.provenance.passed_over) == ("openai", ())
        assert insight.provenance.cost_usd == 0
        assert "tom@example.org" in str(ollama.received[-1].json)


def test_what_is_switched_off_or_of_a_crisis_is_not_sent(
    journal: Reflekt, ollama: FakeVendor
) -> None:
    """Neither gets to Ollama."""
    crisis = understood(journal, "I want to kill myself.")
    assert isinstance(crisis, InsightView)
    assert crisis.provenance.provider == "local"
    journal.settings.update(ai=AISettingsPatch(enabled=False))
    assert isinstance(understood(journal), InsightState)
    assert ollama.received == []


def test_while_ollama_is_away_this_machine_answers(journal: Reflekt, ollama: FakeVendor) -> None:
    """With `local` behind it, as the page sets it."""
    ollama.will(ChatWire().fails(404))
    insight = understood(journal)
    assert isinstance(insight, InsightView)
    assert insight.provenance.provider == "local"
    assert [one.reason for one in insight.provenance.passed_over] == ["ai_model_unavailable"]


@pytest.mark.parametrize("host", ["192.168.1.7", "host.docker.internal", "ollama"])
def test_ollama_elsewhere_is_not_asked_in_the_clear(host: str, tmp_path: Path) -> None:
    """The address is refused before anything is sent, in the words of the page."""
    settings = settings_for(f"http://{host}:11434")
    done = ran("-m", "reflekt_core", "providers", "check", cwd=tmp_path, **settings)
    (shown,) = fenced(page("ollama.md"), "text")
    assert done.returncode == 1
    assert " ".join(shown.split()) in " ".join(done.stderr.split())


def test_ollama_elsewhere_is_a_vendor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the user's consent nothing is sent to an https:// address."""
    for name, value in settings_for("https://ollama.example.org").items():
        monkeypatch.setenv(name, value)
    with Reflekt.open("memory://", assistant="openai,local") as reflekt:
        insight = understood(reflekt)
    assert isinstance(insight, InsightView)
    assert insight.provenance.provider == "local"
    assert [one.reason for one in insight.provenance.passed_over] == ["ai_consent_missing"]
