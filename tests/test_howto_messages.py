"""The messages that how-to pages quote are those of the program."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from .howto_pages import DOCS

SOURCES: Final = Path(__file__).parent.parent / "src"
PAGES: Final = (
    "how-to/back-up.md",
    "how-to/export-and-erase.md",
    "how-to/identity-provider.md",
    "how-to/rotate-secrets.md",
    "how-to/troubleshooting.md",
)
COMMANDS: Final = re.compile(
    r"(?:reflekt|aws|curl|cut|openssl|printf|pip|pyenv|uv) |(?:GET|POST|DELETE) /|--|-p "
)
OF_OTHERS: Final = {
    "Runtime exited with error: signal: illegal instruction",  # AWS Lambda
    "cannot open shared object file: No such file or directory",  # the dynamic linker
}
LEAST_SPACES: Final = 3
LEAST_FIXED: Final = 12
"""How many characters of a message must be fixed, so that not everything is one."""


def quoted(text: str) -> Iterator[str]:
    """Yield what *text* quotes as code and is a sentence, not a command or a name."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        said = " ".join(code.split())
        if said.count(" ") >= LEAST_SPACES and not COMMANDS.match(said) and "{" not in said:
            yield said


@cache
def patterns() -> tuple[re.Pattern[str], ...]:
    """Return what every text in the sources may read like, once it is filled in."""
    trees = (ast.parse(path.read_text("utf-8")) for path in SOURCES.rglob("*.py"))
    found = {pattern(node) for tree in trees for node in ast.walk(tree)}
    return tuple(re.compile(one) for one in found if one)


def pattern(node: ast.AST) -> str:
    """Return the pattern of a text; empty if it is none, or says next to nothing."""
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        parts = [node.value]
    else:
        return ""
    fixed = [piece for part in parts for piece in _pieces(part)]
    if sum(len(piece) for piece in fixed if piece) < LEAST_FIXED:
        return ""
    return "".join(".+" if piece is None else re.escape(piece) for piece in fixed)


def _pieces(part: object) -> Iterator[str | None]:
    """Yield what of a part is fixed, and None for each place that is filled in."""
    if part is None:
        yield None
        return
    pieces = re.split(r"\{\w+\}|%s", str(part))
    yield pieces[0]
    for piece in pieces[1:]:
        yield None
        yield piece


def is_ours(said: str) -> bool:
    """
    Whether the program can say this.

    What stands in brackets at the end, or before a colon, may be put around the message by who shows it.
    """
    shown = {said, f"reflekt: {said}", re.sub(r" \([^()]+\)$", "", said), *_ends(said)}
    return any(one.fullmatch(text) for text in shown for one in patterns())


def _ends(said: str) -> Iterator[str]:
    """Yield what follows each of the first colons, as in ``line 3: is not JSON``."""
    parts = said.split(": ")
    yield from (": ".join(parts[count:]) for count in range(1, min(3, len(parts))))


@pytest.mark.parametrize("page", PAGES)
def test_every_quoted_message_is_one_of_ours(page: str) -> None:
    """A message that is reworded in the program must be reworded on the page."""
    said = set(quoted((DOCS / page).read_text("utf-8"))) - OF_OTHERS
    assert said
    assert sorted(one for one in said if not is_ours(one)) == []


def test_a_message_that_was_never_said_is_noticed() -> None:
    """Neither another wording nor a beginning is taken for one of ours."""
    assert is_ours("the token has expired")
    assert is_ours("it is at version 3 now")
    assert not is_ours("the token is expired")
    assert not is_ours("the token has")
    assert not is_ours("it is not at any version")
