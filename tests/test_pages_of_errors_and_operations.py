"""What the documentation says of errors, and of the operations, is what there is."""

import re
import runpy
from pathlib import Path

import pytest

from reflekt_core import errors
from reflekt_core.client import failures
from reflekt_core.errors import AssistantError, ReflektError
from reflekt_core.operations import OPERATIONS
from reflekt_core.rest import problems
from reflekt_core.rest.openapi import document

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")


def kinds(module: object) -> list[type[ReflektError]]:
    """Return the errors that *module* defines and speaks of."""
    names = module.__all__  # type: ignore[attr-defined]
    found = [vars(module)[name] for name in names]
    return [one for one in found if isinstance(one, type) and issubclass(one, ReflektError)]


def rows() -> dict[str, list[str]]:
    """Return the cells of every row, by code."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {code: cells for cells in lines for code in re.findall("`(.*?)`", cells[0])}


ALL = [*kinds(errors), *kinds(problems), *kinds(failures)]


def test_the_page_lists_every_code_and_no_other() -> None:
    """A program may meet the codes that the page has."""
    assert set(rows()) == {kind.code for kind in ALL}


@pytest.mark.parametrize("kind", [*kinds(errors), *kinds(problems)], ids=lambda kind: kind.__name__)
def test_the_page_says_the_status(kind: type[ReflektError]) -> None:
    """An error has the HTTP status that the page says; those of AI providers have 503."""
    status = str(int(problems.status_of_class(kind)))
    if issubclass(kind, AssistantError):
        assert status == "503"
    else:
        assert status in rows()[kind.code][1].split(", ")


@pytest.mark.parametrize("kind", [*kinds(errors), *kinds(failures)], ids=lambda kind: kind.__name__)
def test_the_page_names_the_exception(kind: type[ReflektError]) -> None:
    """What one catches in Python stands beside the code."""
    assert f"`{kind.__name__}`" in rows()[kind.code]


@pytest.mark.parametrize(
    "kind",
    [kind for kind in kinds(errors) if issubclass(kind, AssistantError)],
    ids=lambda kind: kind.__name__,
)
def test_the_page_says_what_is_tried_again(kind: type[AssistantError]) -> None:
    """The last column is what the chain of providers does."""
    assert rows()[kind.code][-1] == ("yes" if kind.may_be_retried else "no")


@pytest.fixture(scope="module")
def page() -> str:
    """Return the page of operations, as Sphinx gets it."""
    made = runpy.run_path(str(ROOT / "docs" / "_ext" / "operations.py"))
    return str(made["operations"](document()))


def test_the_page_of_operations_has_them_all(page: str) -> None:
    """Every operation has a heading, an anchor by its name in Python, and its permission."""
    for operation in OPERATIONS:
        _, told = page.split(f"({operation.id})=\n### {operation.method} {operation.path}\n")
        free = "Needs no token" if operation.public else "Needs a token"
        needs = f"`{operation.permission.value}`" if operation.permission else free
        assert needs in told.split("\n(")[0]


def test_the_page_of_operations_links_to_values_that_it_has(page: str) -> None:
    """Every link to a value leads to its table."""
    links = set(re.findall(r"\(#(value-[a-z]+)\)", page))
    assert len(links) > 50
    assert links <= set(re.findall(r"^\((value-[a-z]+)\)=$", page, re.MULTILINE))
