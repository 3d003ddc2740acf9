"""Entries of Day One whose text is there as rich text alone."""

import json
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core import Reflekt
from reflekt_core.formats.rich_text import markdown_of

from .test_formats import VALUES
from .test_formats_others import Imported, exported, imported, problems

__all__ = ["imported"]  # a fixture

Node = dict[str, Any]


def run(text: str, line: Node | None = None, **look: Any) -> Node:
    """Return a run of text."""
    return {"text": text, "attributes": {**look, **({"line": line} if line else {})}}


def embedded(*found: Node) -> Node:
    """Return what stands in the text."""
    return {"embeddedObjects": list(found)}


def rich(*nodes: Node) -> str:
    """Return the JSON of a rich text."""
    return json.dumps({"contents": nodes, "meta": {"version": 1, "small-lines-removed": True}})


def journal(*entries: Node) -> str:
    """Return the JSON of a journal."""
    dated = [
        {"creationDate": f"2024-05-06T18:3{number}:00Z", "uuid": f"{number:032X}", **entry}
        for number, entry in enumerate(entries)
    ]
    return json.dumps({"metadata": {"version": "1.0"}, "entries": dated})


PHOTO = embedded({"type": "photo", "identifier": "76F9"})
# A text as Day One writes it on a telephone, and what its plain text says.
WALK = rich(
    run("A walk. \n", {"header": 1, "identifier": "932E"}),
    PHOTO,
    {"text": "To the sea... 5 * 2 km!"},
)


def test_a_text_is_made_of_rich_text(imported: Imported) -> None:
    """Title and photos stand as in the plain text that other entries have."""
    said = "# A walk\\. \n\n![](dayone-moment://76F9)\n\nTo the sea\\.\\.\\. 5 \\* 2 km\\!"
    _, (plain, made, empty) = imported(
        journal(
            {"text": said, "richText": WALK},
            {"richText": WALK, "photos": [{"identifier": "76F9", "md5": "ef43"}]},
            {"text": " \n", "richText": WALK},
        )
    )
    assert (
        (made.title, made.content)
        == (plain.title, plain.content)
        == (
            "A walk.",
            "![](dayone-moment://76F9)\n\nTo the sea... 5 * 2 km!",
        )
    )
    assert (empty.title, empty.content) == (plain.title, plain.content)
    assert plain.extra == {}
    assert made.extra["dayone"]["richText"] == empty.extra["dayone"]["richText"] == WALK


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([run("Small", {"header": 2}), {"text": "one\ntwo"}], "## Small\n\none\ntwo"),
        ([run("Small\n", {"header": 3.0}), run("a", {"header": 0})], "### Small\n\na"),
        ([run("Deep", {"header": 9})], "###### Deep"),
        ([run("We "), run("swam", bold=True), run(" far ", italic=True)], "We **swam** *far* "),
        ([run("both", bold=True, italic=True), run(" ", bold=True)], "***both*** "),
        ([run("no", strikethrough=True), run(" x()", inlineCode=True)], "~~no~~ `x()`"),
        ([run("Bold heading\n", {"header": 1}, bold=True)], "# Bold heading"),
        ([run("site", linkURL="https://a.example")], "[site](https://a.example)"),
        ([run("https://a.example", linkURL="https://a.example")], "https://a.example"),
        (
            [
                run("a\n", {"listStyle": "bulleted", "indentLevel": 1}),
                run("b\n", {"listStyle": "bulleted", "indentLevel": 2}),
                run("c\n", {"listStyle": "numbered", "listIndex": 3, "indentLevel": 1}),
            ],
            "- a\n  - b\n3. c",
        ),
        (
            [
                run("done\n", {"checked": True, "indentLevel": 1}),
                run("open\n", {"listStyle": "checkbox"}),
            ],
            "- [x] done\n- [ ] open",
        ),
        ([run("bold", bold=True), run(" item\n", {"listStyle": "bulleted"})], "- **bold** item"),
        ([run("she said\n", {"quote": True}), run("I say")], "> she said\nI say"),
        (
            [run("a * b\n", {"codeBlock": True}, bold=True), run("c\n", {"codeBlock": True})],
            "```\na * b\nc\n```",
        ),
        ([run("a\n\n\n\n\nb")], "a\n\nb"),
        (
            [{"text": "Sea"}, PHOTO, {"text": "\ufffcSun"}],
            "Sea\n\n![](dayone-moment://76F9)\n\nSun",
        ),
        (
            [
                embedded(
                    {"type": "video", "identifier": "1"},
                    {"type": "audio", "identifier": "2"},
                    {"type": "pdfAttachment", "identifier": "3"},
                )
            ],
            "\n\n".join(
                f"![](dayone-moment:/{it})" for it in ("video/1", "audio/2", "pdfAttachment/3")
            ),
        ),
        (
            [
                embedded({"type": "horizontalRuleLine"}),
                embedded({"type": "renderableCodeBlock", "contents": "x = 1\n"}),
                embedded({"type": "preview", "url": "https://a.example"}),
                embedded({"type": "dayOneEntry", "entryID": "4"}),
            ],
            "---\n\n```\nx = 1\n```\n\nhttps://a.example",
        ),
    ],
)
def test_looks_become_marks(nodes: list[Node], said: str) -> None:
    """Headings, lists, quotes, code, bold and italic, and what stands between."""
    assert markdown_of(rich(*nodes)) == said


@given(
    contents=VALUES
    | st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "text": st.text() | VALUES,
                "attributes": VALUES
                | st.dictionaries(
                    st.sampled_from(["bold", "linkURL", "line"]),
                    VALUES
                    | st.dictionaries(
                        st.sampled_from(["header", "indentLevel", "listStyle", "listIndex"]), VALUES
                    ),
                ),
                "embeddedObjects": VALUES
                | st.lists(st.dictionaries(st.sampled_from(["type", "identifier", "url"]), VALUES)),
            },
        )
    )
)
def test_any_shape_is_read_or_refused(contents: Any) -> None:
    """Nothing else happens."""
    with suppress(ValueError):
        assert isinstance(markdown_of(json.dumps({"contents": contents})), str)


@pytest.mark.parametrize(
    "odd",
    ["no JSON", "[]", "{}", '{"contents": 7}', '{"contents": [{"text": 7}]}', "[" * 99_999, 7, {}],
)
def test_what_is_no_rich_text_costs_no_other_entry(odd: Any, imported: Imported) -> None:
    """It is named by its place."""
    report, entries = imported(journal({"richText": odd}, {"text": "Swam."}))
    assert [entry.content for entry in entries] == ["Swam."]
    ((place, said),) = problems(report)
    assert place == "file, entry 1"
    assert said == ("richText is not as Day One writes" if odd else "has neither text nor media")


def test_rich_text_without_text(imported: Imported) -> None:
    """Media count as ever."""
    media = {"photos": [{"md5": "a"}]}
    report, (entry,) = imported(journal({"richText": rich(), **media}, {"richText": rich()}))
    assert entry.content == "(1 photo)"
    assert problems(report) == [("file, entry 2", "has neither text nor media")]


def test_rich_text_comes_back(imported: Imported, tmp_path: Path) -> None:
    """As it came, as long as the entry says the same; then as the text that was written."""
    _, entries = imported(journal({"richText": WALK, "duration": 7}))
    back = exported(entries, "dayone", tmp_path / "back.zip")
    with Reflekt.open("memory://") as reflekt:
        reflekt.import_file(back)
        (again,) = reflekt.entries.list()
        assert (again.content, again.extra) == (entries[0].content, entries[0].extra)
        reflekt.entries.update(UUID(int=0), content="We stayed.")
        reflekt.export_file(tmp_path / "new.zip", format="dayone")
    with zipfile.ZipFile(tmp_path / "new.zip") as archive:
        assert b"richText" not in archive.read("Journal.json")
    with Reflekt.open("memory://") as other:
        other.import_file(tmp_path / "new.zip")
        (new,) = other.entries.list()
    assert (new.title, new.content) == ("A walk.", "We stayed.")
    assert new.extra["dayone"] == {"duration": 7}


def test_entries_without_id_are_known_by_their_rich_text(imported: Imported) -> None:
    """Whatever stands before them."""
    one, two = ({"uuid": None, "richText": rich(run(text))} for text in ("Swam.", "Rain."))
    at = {"creationDate": "2024-05-06T18:30:00Z"}
    assert imported(journal(one | at))[0].added == 1
    report, entries = imported(journal(two | at, one | at))
    assert (report.added, report.present) == (1, 1)
    assert sorted(entry.content for entry in entries) == ["Rain.", "Swam."]
