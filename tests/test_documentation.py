"""
Code in the README and in docs runs, and what its pages point at exists.

Whether the pages build is asked by ``nox -s docs``, which takes its time.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path, PurePosixPath

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
OTHERS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "examples").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return what a page is called in reports."""
    return page.relative_to(ROOT).as_posix()


@cache
def prose(page: Path) -> str:
    """Return the page without its blocks and bits of code."""
    text = re.sub(
        r"^ *(`{3,}).*?^ *\1$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", lambda code: code[0].strip("`"), text)


def targets(page: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor that each relative link and picture of a page is about."""
    found = re.findall(r"\]\(<?([^)\s>]+)|\b(?:src|srcset|href)=\"([^\"\s]+)", prose(page))
    for target in map("".join, found):
        if not re.match(r"[a-z]+:", target):
            file, _, anchor = target.partition("#")
            yield (page.parent / file).resolve() if file else page, anchor


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return what can be linked to in a page, as code hosts name it: its headings."""
    seen: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(page), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = seen[slug] = seen.get(slug, -1) + 1
        if number:
            seen[f"{slug}-{number}"] = 0
    return frozenset(seen)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_python_code_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Python block of a page runs, from top to bottom, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    sybil = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()], path=str(page.parent))
    document = sybil.parse(page)
    document.namespace["__name__"] = "__main__"  # as where a reader pastes it
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_a_page_points_at_what_exists(page: Path) -> None:
    """Every relative link and picture of a page leads to a file, and to a heading that it has."""
    for file, anchor in targets(page):
        assert file.exists(), f"there is no {file}"
        assert file.is_relative_to(ROOT), f"{file} is not ours"
        if anchor:
            assert anchor in anchors(file), f"{name_of(file)} has no heading #{anchor}"


def test_every_page_has_one_place_in_the_navigation() -> None:
    """Each page of docs stands in exactly one table of contents, and each row there is a page."""
    listed = [
        (page.parent.relative_to(DOCS) / re.sub(r".*<(.*)>", r"\1", row)).as_posix()
        for page in sorted(DOCS.rglob("*.md"))
        for block in re.findall(
            r"^```\{toctree\}\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
        for row in block.splitlines()
        if row and not row.startswith(":")
    ]
    pages = {
        PurePosixPath(page.relative_to(DOCS)).with_suffix("").as_posix(): page for page in PAGES[1:]
    }
    fragments = {name for name in pages if name.startswith("changelog.d/")}
    assert sorted(listed) == sorted(pages.keys() - fragments - {"index"})


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_no_paragraph_is_taken_for_something_else(page: Path) -> None:
    """A paragraph after a table is no row of it, and a sentence that ends in a number begins no list."""
    lines = [line.strip() for line in prose(page).splitlines()]
    for before, line in pairwise(lines):
        if before.startswith("|"):
            assert not line or line.startswith("|"), f"another row of the table: {line}"
        if re.match(r"1[.)] ", line):
            assert not before, f"a list in the middle of a paragraph: {line}"
