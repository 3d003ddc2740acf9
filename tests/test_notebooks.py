"""The notebooks of `examples/notebooks` run as they are handed out, and are handed out clean."""

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Looks for fonts when it is first imported on a machine; in a kernel it would say so on stderr.
import matplotlib.font_manager  # noqa: F401
import nbformat
import pytest
from nbclient import NotebookClient

import reflekt_core
from reflekt_core.testing.vendor_server import FakeVendor
from reflekt_core.testing.wires import ChatWire

FOLDER = Path(__file__).parent.parent / "examples" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
BY_NAME = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
NO_NETWORK = "import pytest_socket; pytest_socket.socket_allow_hosts(['127.0.0.1'])"

Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Run a notebook in an empty folder; return the outputs of its code cells by their ids."""
    for name in list(os.environ):
        if name.startswith(("AI_", "OPENAI_", "ANTHROPIC_", "REFLEKT_", "JUPYTER", "MPL")):
            monkeypatch.delenv(name)
    jupyter = tmp_path_factory.mktemp("jupyter")
    _offer_this_python(jupyter)
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter))
    monkeypatch.setenv("JUPYTER_NO_CONFIG", "1")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(jupyter / name.lower()))
    monkeypatch.setenv("PYTHONPATH", str(Path(reflekt_core.__file__).parent.parent))

    def run(path: Path, **replaced: str) -> dict[str, Any]:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            cell.source = replaced.get(cell.id, cell.source)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(NO_NETWORK, id="no-network"))
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
        return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}

    return run


def _offer_this_python(folder: Path) -> None:
    kernel = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "The Python of the tests",
        "language": "python",
    }
    (folder / "kernels" / "python3").mkdir(parents=True)
    (folder / "kernels" / "python3" / "kernel.json").write_text(json.dumps(kernel))


def text_of(cell: Any) -> str:
    """Return what a cell shows, as plain text."""
    shown = (out.get("text") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)
    return "\n".join(shown)


def quiet(cells: dict[str, Any]) -> bool:
    """Tell whether no cell wrote to stderr, and each that draws a plot shows one picture."""
    for name, cell in cells.items():
        loud = [out.text for out in cell.outputs if out.get("name") == "stderr"]
        assert not loud, f"{name}: {loud}"
        pictures = sum("image/png" in out.get("data", {}) for out in cell.outputs)
        assert pictures == len(
            re.findall(r"^(?:plots\.|figure, axes =)", cell.source, re.MULTILINE)
        ), name
    return True


def test_there_are_three() -> None:
    """No notebook is left out."""
    assert [path.stem for path in NOTEBOOKS] == [
        "comparing_providers",
        "first_steps",
        "your_own_journal",
    ]


@BY_NAME
def test_a_notebook_is_stored_without_what_it_showed(path: Path) -> None:
    """No output and no execution count: what a reader's own notebook shows is private."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None), cell.id


@BY_NAME
def test_a_notebook_links_to_files_that_exist(path: Path) -> None:
    """Every relative link in its text leads somewhere."""
    for cell in nbformat.read(path, as_version=4).cells:
        for target in re.findall(r"\]\(([^)#:]+)\)", cell.source):
            assert (path.parent / target).exists(), target


SHOWN = {
    "comparing_providers": {
        "who": r"local +local +60",
        "agreement": r"always positive +40 +50% \(35% to 65%\) +100% +0%",
    },
    "first_steps": {"change": r"\(5, 2\)", "groups": r"Nature +4\.\d+ +\d\d"},
    "your_own_journal": {
        "dry-run": r"dayone: 2\d\d read, 2\d\d new, 0 broken",
        "unknown-moods": "'glowing'",
        "known-moods": r"2\d\d moods are new",
        "shuffle": r"by chance alone: 0\.\d%",
    },
}


@BY_NAME
def test_a_notebook_runs_in_an_empty_folder(path: Path, run: Run, tmp_path: Path) -> None:
    """No cell fails or complains, what it shows is what its text says, and no file is left behind."""
    cells = run(path)
    assert quiet(cells)
    for name, pattern in SHOWN[path.stem].items():
        assert re.search(pattern, text_of(cells[name])), (name, text_of(cells[name]))
    assert not list(tmp_path.iterdir())


def test_a_journal_of_jrnl_without_moods(
    run: Run, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Somebody's own short file runs through to the end; where moods are missing, it says so."""
    diary = tmp_path_factory.mktemp("mine") / "diary.txt"
    diary.write_text(
        "[2026-11-20 21:40] By the sea. *\nWe swam with @ana until the sun set.\n\n"
        "[2026-11-22 07:10] Rain.\nStayed in and read. Sad about @ana leaving.\n"
    )
    mine = f"TEXTS = {str(diary)!r}\nMOODS = None\nJOURNAL = 'memory://'"
    cells = run(FOLDER / "your_own_journal.ipynb", settings=mine)
    assert quiet(cells)
    assert "jrnl: 2 read, 2 new, 0 broken" in text_of(cells["dry-run"])
    assert "2 entries are new" in text_of(cells["import"])
    assert "No two kinds of days" in text_of(cells["shuffle"])
    assert not list(tmp_path.iterdir())


ANSWERS = [
    {
        "sentiment": {"label": label, "score": score, "confidence": 0.9},
        "emotions": [],
        "topics": [],
        "summary": "A day.",
        "questions": ["What was good?", "What comes next?"],
        "observations": [],
    }
    for label, score in (("positive", 0.7), ("negative", -0.6), ("positive", 0.4))
]


def test_a_language_model_is_compared_with_the_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One on this machine is asked about every entry; a vendor without consent is not, and it says so."""
    with FakeVendor() as server:
        server.will(*(ChatWire().writes(json.dumps(ANSWERS[n % 3])) for n in range(60)))
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        monkeypatch.setenv("OPENAI_MODEL", "gemma-4")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-made-up")
        cells = run(FOLDER / "comparing_providers.ipynb")
    assert quiet(cells)
    assert len(server.received) == 60
    who = text_of(cells["who"])
    assert re.search(r"openai +openai +60", who)
    assert re.search(r"anthropic +local +anthropic: ai_consent_missing +60", who)
    agreement = text_of(cells["agreement"])
    assert re.search(r"^openai ", agreement, re.MULTILINE)
    assert "anthropic" not in agreement
