"""The pages of the documentation, as tests read them."""

import re
from pathlib import Path
from typing import Final

__all__ = ["DOCS", "fenced", "section", "variables"]

DOCS: Final = Path(__file__).parent.parent / "docs"


def section(page: str, heading: str) -> str:
    """Return what stands below *heading* in docs/*page*, up to the next of its kind."""
    _, found, below = (DOCS / page).read_text("utf-8").partition(f"\n## {heading}\n")
    assert found, f"{page} has no section {heading}"
    return below.partition("\n## ")[0]


def fenced(text: str, language: str) -> list[str]:
    """Return the blocks of *language* in *text*."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def variables(text: str) -> dict[str, str]:
    """Return what the shell blocks in *text* export."""
    lines = [line for block in fenced(text, "sh") for line in block.splitlines()]
    return dict(re.findall(r"^export (\w+)=(\S+)$", "\n".join(lines), re.MULTILINE))
