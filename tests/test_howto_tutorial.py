"""What the tutorial shows is what its reader sees, in the order in which it is read."""

import doctest
import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from .howto_pages import DOCS
from .test_cli import Run, run
from .test_serve import Server, Start, start

__all__ = ["run", "start"]  # fixtures

PAGE = (DOCS / "tutorial.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
LEAST_COMPARED = 20
DIFFERS = (  # ids and days, which are others each time
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}(?:-[0-9a-f]{4}){2}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}\b"), "SHORT"),
    (re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d\b"), "DAY"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"(?<=reflekt, version )\S+"), "VERSION"),
)


@attrs.frozen
class Block:
    """A block of the page: its language, and what is in it."""

    language: str
    text: str

    def commands(self) -> Iterator[tuple[str, str]]:
        """Yield each command of a terminal, and what the page says that it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.replace("\\\n", "").partition("\n")
            yield command, output

    def statements(self) -> Iterator[tuple[str, str]]:
        """Yield what is typed into Python, and what the page says that it answers."""
        for example in doctest.DocTestParser().get_examples(self.text):
            yield example.source, example.want


BLOCKS = [
    Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
]


def same(seen: str, shown: str) -> bool:
    """Whether *seen* is what the page shows, where … stands for anything."""
    for pattern, word in DIFFERS:
        seen, shown = pattern.sub(word, seen), pattern.sub(word, shown)
    if "…}" in shown:
        shown, _, _ = shown.partition("…}")
        return seen.startswith(shown)
    return seen.rstrip() == shown.rstrip()


class Reader:
    """Somebody who types what the page says, and compares."""

    def __init__(self, run: Run, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = run
        self._start = start
        self._monkeypatch = monkeypatch
        self._names: dict[str, Any] = {}
        self._server: Server | None = None
        self.compared = 0

    def read(self, block: Block) -> None:
        """Do what *block* says."""
        if block.language == "sh" and block.text == "reflekt serve\n":
            self._server = self._start(REFLEKT_STORE=os.environ["REFLEKT_STORE"])
        if block.language == "console":
            for command, shown in block.commands():
                self._compare(command, self._answer(shlex.split(command)), shown)
        if block.language == "python":
            for source, shown in block.statements():
                self._compare(source, self._typed(source), shown)

    def _compare(self, typed: str, seen: str, shown: str) -> None:
        assert same(seen, shown), (typed, seen)
        self.compared += bool(shown)

    def _answer(self, words: list[str]) -> str:
        if words[0] == "export":
            self._monkeypatch.setenv(*words[1].split("="))
        elif words[0] == "curl":
            path = urlsplit(words[-1]).path
            return self._service.send(
                "POST", path, json.loads(words[words.index("-d") + 1])
            ).body.decode()
        elif words[0] == "reflekt":
            command, _, file = " ".join(map(shlex.quote, words[1:])).partition(" '>' ")
            printed = self._run(*shlex.split(command)).out
            if not file:
                return printed
            Path(file).write_text(printed)
        return ""

    def _typed(self, source: str) -> str:
        there = source.replace(ADDRESS, f"http://{self._service.place}") if self._server else source
        with redirect_stdout(io.StringIO()) as out:
            exec(compile(there, "tutorial", "single"), self._names)  # noqa: S102 - our own page
        return out.getvalue()

    @property
    def _service(self) -> Server:
        assert self._server, "the page has not started it yet"
        return self._server


def test_a_reader_sees_what_the_tutorial_shows(
    run: Run, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python, the terminal, curl and the client, from top to bottom in one folder."""
    reader = Reader(run, start, monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    for block in BLOCKS:
        reader.read(block)
    assert reader.compared > LEAST_COMPARED


def test_the_service_says_what_the_tutorial_shows(start: Start) -> None:
    """The three lines of `reflekt serve`, but for the port and the token."""
    (shown,) = (block.text for block in BLOCKS if block.language == "text")
    lines = start().lines
    said = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", "\n".join(lines))
    assert re.sub(r"Bearer [^\"]+", "Bearer …", said) == re.sub(
        r"Bearer [^\"]+", "Bearer …", shown.strip()
    )
