"""`reflekt providers`: whether providers answer, how good they are, and who agrees to what is sent."""

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import attrs
import pytest

from reflekt_core.cli import main
from reflekt_core.errors import AnswerTimeout, AssistantError, KeyRefused
from reflekt_core.evaluation import LABELS, EvaluationTask
from reflekt_core.model.assistance import Access, Capabilities, Reply, Schema
from reflekt_core.model.insights import Usage
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Completion
from reflekt_core.providers import PROVIDERS
from reflekt_core.providers.local import LocalAssistant

ASK = ("evaluate", "--task", "sentiment", "--provider", "openai", "--data")
MOODS = "positive\tA happy, wonderful day!\nnegative\tAn awful, sad, horrible day.\n"


@attrs.frozen
class Result:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder, with nothing typed and no AI provider set."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        ours = name.startswith(("AI_", "OPENAI_", "ANTHROPIC_", "REFLEKT_", "JWT_"))
        if ours or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)

    def run(*args: str, stdin: str = "", at_terminal: bool = False) -> Result:
        keyboard = Keyboard(io.BytesIO(stdin.encode()), encoding="utf-8")
        keyboard.is_terminal = at_terminal
        monkeypatch.setattr("sys.stdin", keyboard)
        code = main(["providers", *args])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run


class Keyboard(io.TextIOWrapper):
    """Standard input, which may be a terminal."""

    is_terminal = False

    def isatty(self) -> bool:
        """Say whether somebody sits there."""
        return self.is_terminal


@pytest.fixture
def moods(tmp_path: Path) -> str:
    """A file with two labelled texts."""
    path = tmp_path / "moods.tsv"
    path.write_text(MOODS)
    return str(path)


class Model(Completion):
    """Stands for a vendor's model; notes what it is sent and answers that all is well."""

    provider = "openai"
    vendor = Vendor.OPENAI
    capabilities = Capabilities()
    sent: ClassVar[list[str]] = []
    error: ClassVar[AssistantError | None] = None
    reply: ClassVar[dict[str, Any]] = {
        "sentiment": {"label": "positive", "score": 0.8, "confidence": 0.9},
        "emotions": [{"name": "joy", "score": 0.7}],
        "topics": [{"name": "work", "score": 0.5}],
        "summary": "A day went by.",
        "questions": ["What was good?", "What comes next?"],
        "observations": [],
    }

    def __init__(self, access: Access) -> None:
        """Need no key."""
        self.model = access.model or "gpt-6-luna"

    def complete(
        self,
        instructions: str,
        text: str,
        schema: Schema,
        *,
        max_output_tokens: int,
        timeout_seconds: float,
    ) -> Reply:
        """Return the same for every text."""
        self.sent.append(text)
        if self.error:
            raise self.error
        return Reply(json.dumps(self.reply), Usage(1000, 200), "req-1")


class OnThisMachine(Model):
    """A model behind a server on this machine."""

    vendor = None  # type: ignore[assignment]


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> type[Model]:
    """The models above in the place of the vendors', with nothing sent yet."""
    monkeypatch.setitem(sys.modules, "models_under_test", sys.modules[__name__])
    monkeypatch.setitem(PROVIDERS, "openai", "models_under_test:Model")
    monkeypatch.setattr(Model, "sent", [])
    return Model


def failed(result: Result, code: int, *words: str) -> bool:
    """Tell whether the last line says in one line all *words*, and why it failed."""
    assert result.code == code, result
    last = result.err.splitlines()[-1].removeprefix("Send? [y/N]: ")
    assert last.startswith("reflekt: ")
    assert "Traceback" not in result.err
    return all(word in last for word in words)


# check


def test_the_configured_provider_is_asked_for_an_insight(run: Run) -> None:
    """Check shows what the offline provider makes of the built-in text, for nothing."""
    result = run("check")
    assert result.code == 0
    assert result.out.startswith("local ")
    assert "joy" in result.out
    assert "0 tokens in, 0 out, $0.000000, " in result.out


def test_check_prints_json(run: Run) -> None:
    """As JSON it is a list, with the analysis, the usage and the time of each provider."""
    (item,) = run("check", "--provider", "rustbert", "--json").json["items"]
    assert (item["provider"], item["usage"]["cost_usd"]) == ("local", "0.000000")
    assert item["ms"] > 0
    assert len(item["analysis"]["questions"]) >= 2


def test_a_vendor_is_checked_with_its_cost(run: Run, vendor: type[Model]) -> None:
    """A vendor gets the built-in text, once and without being asked, and what it costs is told."""
    result = run("check", "--provider", "openai")
    assert result.code == 0, result
    assert result.out.startswith("openai gpt-6-luna\n")
    assert "1000 tokens in, 200 out, $0.000200, " in result.out
    (sent,) = vendor.sent
    assert "walked to the market" in sent


def test_all_configured_providers_are_checked(
    run: Run, vendor: type[Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AI_PROVIDER may name several; one that fails does not hide the others."""
    monkeypatch.setenv("AI_PROVIDER", "openai,local")
    monkeypatch.setenv("OPENAI_API_KEY", "made-up")
    assert "\n\nlocal " in run("check").out
    error = KeyRefused("the key is not accepted", provider="openai", request_id="req-7")
    monkeypatch.setattr(vendor, "error", error)
    result = run("check")
    assert result.out.startswith("local ")
    assert failed(result, 1, "openai", "ai_key_refused", "the key is not accepted", "req-7")
    assert result.err.count("\n") == 1
    broken, fine = run("check", "--json").json["items"]
    assert broken["error"] == {
        "code": "ai_key_refused",
        "message": "the key is not accepted",
        "model": "",
        "request_id": "req-7",
        "retryable": False,
    }
    assert fine["provider"] == "local"


@pytest.mark.usefixtures("vendor")
def test_an_unknown_price_is_not_made_up(
    run: Run, moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody knows what a model costs, this is said before and after, and is null in JSON."""
    monkeypatch.setenv("OPENAI_MODEL", "custom-1")
    shown = run("check", "--provider", "openai").out
    assert shown.startswith("openai custom-1\n")
    assert "cost not known" in shown
    (item,) = run("check", "--provider", "openai", "--json").json["items"]
    assert item["usage"]["cost_usd"] is None
    result = run(*ASK, moods, "--yes", "--json")
    assert "What that costs is not known." in result.err
    assert result.json["cost_usd"] is None
    assert "not known" in run(*ASK, moods, "--yes").out
    monkeypatch.setenv("REFLEKT_AI_PRICES", '{"custom-1": {"input": "1", "output": "10"}}')
    assert run(*ASK, moods, "--yes", "--json").json["cost_usd"] == "0.006000"


@pytest.mark.parametrize("command", ["check", "evaluate"])
def test_help_says_what_is_sent(run: Run, command: str) -> None:
    """The help of both commands says whose text a vendor gets to see."""
    told = " ".join(run(command, "--help").out.split())
    assert {"check": "nobody's journal", "evaluate": "you are asked before"}[command] in told


# evaluate


def test_evaluation_prints_figures_and_pictures(run: Run, moods: str) -> None:
    """The figures, the coverage curve and the confusion are shown, within 80 columns."""
    result = run("evaluate", "--data", moods, "--task", "sentiment")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("sentiment by local ")
    for line in (
        "  accuracy           1.000 (95 % interval 0.342 to 1.000)",
        "  failures           none",
        "  100%  1.000  " + "█" * 40,
        "           negative  positive",
        "  negative        1█        ·",
        "  positive        ·         1█",
    ):
        assert f"\n{line}" in result.out
    assert max(map(len, result.out.splitlines())) <= 80


class Watched(LocalAssistant):
    """The offline provider, noting what it is asked about."""

    asked: ClassVar[list[str]] = []

    def answer(self, task: Any) -> Any:
        """Answer as always."""
        self.asked.append(task.content)
        return super().answer(task)


def test_what_a_provider_reads_once_is_not_timed(
    run: Run, moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The offline provider is asked about a text of ours before the first one of the file."""
    monkeypatch.setitem(sys.modules, "models_under_test", sys.modules[__name__])
    monkeypatch.setitem(PROVIDERS, "local", "models_under_test:Watched")
    monkeypatch.setattr(Watched, "asked", [])
    assert run("evaluate", "--data", moods, "--task", "sentiment", "--json").json["n"] == 2
    ours, *theirs = Watched.asked
    assert ours not in MOODS
    assert theirs == [line.partition("\t")[2] for line in MOODS.splitlines()]


def test_evaluation_prints_json(run: Run, moods: str) -> None:
    """Every figure has a name of its own in the JSON."""
    found = run("evaluate", "--data", moods, "--task", "sentiment", "--json").json
    assert found["ms_per_entry"] > 0
    assert found["cpu_ms_per_entry"] > 0
    assert 0 <= found["calibration_error"] <= 1
    assert found["accuracy_interval"][0] == pytest.approx(0.342, abs=0.001)
    assert [point["share"] for point in found["coverage"]] == [n / 10 for n in range(10, 0, -1)]
    assert found["coverage"][0].keys() == {"share", "accuracy", "confidence"}
    expected = {
        "task": "sentiment",
        "provider": "local",
        "n": 2,
        "accuracy": 1.0,
        "balanced_accuracy": 1.0,
        "macro_f1": 1.0,
        "confusion": {
            "negative": {"negative": 1, "positive": 0},
            "positive": {"negative": 0, "positive": 1},
        },
        "failures": {},
        "cost_usd": "0.000000",
    }
    assert {key: found[key] for key in expected} == expected
    assert "model" in found


def test_many_labels_fit_the_screen(run: Run) -> None:
    """With the eleven areas of the usual sets the names of the columns are cut, not the picture."""
    areas = [*LABELS[EvaluationTask.TOPICS][:10], "god"]
    data = "".join(f"{area}\tI ran to the office and ate.\n" for area in areas)
    result = run("evaluate", "--data", "-", "--task", "topics", stdin=data)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    head, *rows = result.out.partition("Confusion")[2].splitlines()[1:]
    assert head.split()[:3] == ["exer", "fami", "food"]
    assert [row.split()[0] for row in rows] == sorted([*areas[:-1], "spirituality"])


def test_what_is_right_is_green(run: Run, moods: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the shades of the diagonal are green and the others red."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    shown = run("evaluate", "--data", moods, "--task", "sentiment").out
    assert shown.count("\x1b[32m█") == 2
    data = "positive\tAn awful, sad day.\nnegative\tWhat a happy, wonderful day!\n"
    shown = run("evaluate", "--data", "-", "--task", "sentiment", stdin=data).out
    assert shown.count("\x1b[31m█") == 2


def test_a_part_of_the_file_is_spread_over_it(run: Run, vendor: type[Model]) -> None:
    """Files are often in order of labels; a limit takes texts from everywhere."""
    data = "".join(f"{label}\tText {label}.\n" * 10 for label in ("positive", "negative"))
    args = ("evaluate", "--data", "-", "--task", "sentiment", "--provider", "openai", "--yes")
    found = run(*args, "--limit", "4", "--json", stdin=data).json
    assert found["confusion"] == {
        "negative": {"negative": 0, "positive": 2},
        "positive": {"negative": 0, "positive": 2},
    }
    assert len(vendor.sent) == 4
    assert run(*args, "--limit", "50", "--json", stdin=data).json["n"] == 20


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("happy\tDear diary", ("line 1: its label must be one of positive, negative",)),
        ("positive\tfine\nDear diary", ("line 2: must be a label, a tab and a text",)),
        ("\n", ("there are none",)),
    ],
)
def test_a_bad_file_is_a_usage_error(run: Run, data: str, words: tuple[str, ...]) -> None:
    """The line is named, what is allowed is said, and nothing of the text is."""
    result = run("evaluate", "--data", "-", "--task", "sentiment", stdin=data)
    assert failed(result, 2, *words)
    assert "diary" not in result.err
    assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "args",
    [
        ("--task", "sentiment"),
        ("--data", "missing.tsv", "--task", "sentiment"),
        ("--data", "-"),
        ("--data", "-", "--task", "mood"),
        ("--data", "-", "--task", "topics", "--provider", "nobody"),
        ("--data", "-", "--task", "topics", "--limit", "0"),
    ],
)
def test_wrong_options_are_usage_errors(run: Run, args: tuple[str, ...]) -> None:
    """A missing file, a task, provider or limit that cannot be: one line, exit 2."""
    assert failed(run("evaluate", *args, stdin=MOODS), 2, "see reflekt providers evaluate --help")


# What leaves the machine


def test_nothing_is_sent_unless_somebody_agrees(run: Run, vendor: type[Model], moods: str) -> None:
    """Without a terminal --yes is needed, with one a yes; who is to see what is said first."""
    result = run(*ASK, moods)
    assert failed(result, 2, "--yes")
    assert result.err.startswith("2 texts leave this machine: to openai, for its model gpt-6-luna.")
    result = run(*ASK, moods, stdin="n\n", at_terminal=True)
    assert failed(result, 1, "nothing was sent")
    result = run(*ASK, moods, stdin="\n", at_terminal=True)
    assert failed(result, 1, "nothing was sent")
    assert result.out == ""
    result = run(*ASK, moods, "--limit", "1")
    assert result.err.startswith("1 text leaves this machine")
    assert vendor.sent == []
    result = run(*ASK, moods, "--json", stdin="y\n", at_terminal=True)
    assert (result.code, result.json["accuracy"]) == (0, 0.5)
    assert len(vendor.sent) == 2


def test_yes_on_the_command_line_is_enough(run: Run, vendor: type[Model], moods: str) -> None:
    """With --yes the line is still printed, with the most it can cost; then what it did cost."""
    result = run(*ASK, moods, "--yes", "--json")
    assert "It costs at most $0.0" in result.err
    assert result.json["cost_usd"] == "0.000400"
    assert (result.json["provider"], result.json["model"]) == ("openai", "gpt-6-luna")
    assert len(vendor.sent) == 2


def test_a_server_on_this_machine_needs_no_yes(
    run: Run, vendor: type[Model], moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not leave the machine is not asked about."""
    monkeypatch.setitem(PROVIDERS, "openai", "models_under_test:OnThisMachine")
    result = run(*ASK, moods)
    assert (result.code, result.err) == (0, "")
    assert len(vendor.sent) == 2


def test_texts_are_redacted_before_they_leave(run: Run, vendor: type[Model]) -> None:
    """Addresses are replaced, as they are in entries."""
    data = "positive\tI wrote to ana.tree@example.org today.\n"
    assert run(*ASK, "-", "--yes", stdin=data).code == 0
    (sent,) = vendor.sent
    assert "example.org" not in sent
    assert "today" in sent


def test_a_provider_that_always_fails_has_no_figures(
    run: Run, vendor: type[Model], moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If nothing was answered, the code says why and the exit code is 1; JSON is printed still."""
    error = KeyRefused("the key is not accepted", provider="openai", model="gpt-6-luna")
    monkeypatch.setattr(vendor, "error", error)
    result = run(*ASK, moods, "--yes")
    assert failed(result, 1, "no text was answered", "ai_key_refused")
    assert result.out == ""
    result = run(*ASK, moods, "--yes", "--json")
    assert (result.code, result.json["failures"]) == (1, {"ai_key_refused": 2})


def test_a_text_that_is_too_long_is_not_sent(
    run: Run, vendor: type[Model], moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit into the model fails by itself and costs nothing."""
    monkeypatch.setattr(vendor, "capabilities", Capabilities(max_input_tokens=10))
    result = run(*ASK, moods, "--yes", "--json")
    assert "It costs at most $0.00." in result.err
    assert result.json["failures"] == {"ai_input_too_long": 2}
    assert vendor.sent == []


def test_what_failed_attempts_may_have_cost_counts(
    run: Run, vendor: type[Model], moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timed-out call may have been paid for, so its worst case is part of the cost."""
    error = AnswerTimeout("no answer", provider="openai", retryable=False)
    monkeypatch.setattr(vendor, "error", error)
    found = run(*ASK, moods, "--yes", "--json").json
    assert found["failures"] == {"ai_timeout": 2}
    assert float(found["cost_usd"]) > 0


def test_progress_is_shown_at_a_terminal_only(
    run: Run, moods: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who watches sees on stderr how far it is; the output is the same."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    result = run("evaluate", "--data", moods, "--task", "sentiment", "--json")
    assert "100%" in result.err
    assert result.json["n"] == 2
