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


def test_the_page_of_operations_begins_with_a_table_of_them(page: str) -> None:
    """One finds an operation in a table that leads to it, in the order of the document."""
    table, _ = page.split("\n## ", 1)
    links = re.findall(r"^\| \[(\w+) (\S+)\]\(#(\S+)\) \| `(\S+)` \| .+ \|$", table, re.MULTILINE)
    assert {(method, path, name, name) for method, path, name, _ in links} == set(links)
    names = [name for *_, name in links]
    assert sorted(names) == sorted([*(one.id for one in OPERATIONS), "docs.openapi", "docs.page"])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 5}, "integer, 1 to 5"),
        ({"type": "integer", "minimum": 0, "maximum": 2**53}, "integer, at least 0"),
        ({"type": "integer", "minimum": -(2**53), "maximum": 2**53}, "integer"),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "string, 2 characters"),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 9},
            "array of string, at most 9 items",
        ),
        (
            {"type": "array", "items": {"type": "string", "maxLength": 50}},
            "array of (string, at most 50 characters)",
        ),
        ({"type": ["string", "null"], "format": "uuid"}, "string or null (uuid)"),
        ({"type": "string", "pattern": "^#", "examples": ["#2a9d8f"]}, "string, such as `#2a9d8f`"),
        ({"type": "boolean", "default": False}, "boolean, `false` if left out"),
        ({"type": "string", "description": "One\nline."}, "string. One line."),
        ({"enum": ["a", "b"]}, "one of `a`, `b`"),
        ({"anyOf": [{"$ref": "#/x/Day"}, {"type": "null"}]}, "[Day](#value-day) or null"),
    ],
)
def test_a_field_says_what_it_allows(schema: dict[str, object], words: str) -> None:
    """Limits stand in words, each once; one that JSON itself has is not told."""
    made = runpy.run_path(str(ROOT / "docs" / "_ext" / "operations.py"))
    value = {"type": "object", "properties": {"field": schema}, "required": ["field"]}
    shown = made["operations"]({"paths": {}, "tags": [], "components": {"schemas": {"One": value}}})
    assert f"| `field` | {words} |" in shown


def test_a_body_says_its_fields_and_an_answer_folds_its_example(page: str) -> None:
    """Who writes a request reads its fields beside it, and need not scroll past what comes back."""
    _, told = page.split("(entries.create)=")
    create = told.split("\n(")[0]
    body, answer = create.split("**Answer 201**")
    assert "| `content` (needed) | string, 1 to 100000 characters |" in body
    assert "<details>" not in body
    assert "<details><summary>Example</summary>\n\n```json" in answer
