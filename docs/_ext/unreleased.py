"""The changes that no release has yet, on top of the page of changes: `changelog.d`, by towncrier."""

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

__all__ = ["setup"]

PAGE: Final = "changelog"
MARK: Final = "<!-- towncrier release notes start -->"


def _fill(app: "Sphinx", name: str, source: list[str]) -> None:
    if name == PAGE:
        source[0] = source[0].replace(MARK, _draft(Path(app.srcdir).parent))


def _draft(project: Path) -> str:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--dir", str(project)]
    words = ["--version", "Next", "--date", "not released yet"]
    ran = subprocess.run([*command, *words], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    return ran.stdout


def setup(app: "Sphinx") -> dict[str, bool]:
    """Fill the page of changes."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True}
