"""The first example runs, as a reader would run it, and no example goes untested."""

from pathlib import Path

from .example_programs import EXAMPLES, ran


def test_the_first_steps_run_in_an_empty_folder(tmp_path: Path) -> None:
    """They end well and say something."""
    done = ran(EXAMPLES / "first_steps.py", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "found:" in done.stdout


def test_the_first_steps_say_what_is_missing(tmp_path: Path) -> None:
    """A folder that is not there is a line, not a traceback."""
    done = ran(EXAMPLES / "first_steps.py", "nowhere/journal.db", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "nowhere does not exist" in done.stderr


def test_every_example_is_tested() -> None:
    """The name of each stands in a test."""
    tests = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    names = {path.name for path in EXAMPLES.iterdir()} - {"__pycache__"}
    assert {name for name in names if f'"{name}"' not in tests} == set()
