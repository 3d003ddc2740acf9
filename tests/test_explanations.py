"""What the explanations and the page on cost say and draw is what the code says."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from reflekt_chalice.deployment.template.permissions import secrets_of
from reflekt_chalice.functions import FUNCTIONS
from reflekt_core import Reflekt
from reflekt_core.model.entries import Entry
from reflekt_core.model.events import Event, EventKind
from reflekt_core.ports import PlainText
from reflekt_core.services.analytics import count_entry
from reflekt_core.services.insights import understand
from reflekt_core.stores.dynamodb import DynamoDBStore
from reflekt_core.stores.dynamodb.tables import STREAMED, TABLES
from reflekt_core.testing import NOW, FakeClock, FakeIds

from .dynamodb_emulator import Emulator, patient
from .test_dynamodb_capacity import Cost, Metering, text

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "explanation"
COST = ROOT / "docs" / "reference" / "cost.md"
SVG = "{http://www.w3.org/2000/svg}"
PICTURES = sorted(PAGES.glob("*.svg"))


def _drawn(name: str) -> Iterator[tuple[float, str]]:
    """Yield the texts of a picture, each with its height."""
    for element in ET.parse(PAGES / name).iter(f"{SVG}text"):  # noqa: S314 - our own
        if "transform" not in element.attrib:
            yield float(element.attrib["y"]), element.text or ""


def _rows(page: Path, heading: str) -> Iterator[list[str]]:
    """Yield the cells of the rows of the first table below *heading*."""
    table = page.read_text().split(f"\n{heading}\n")[1].split("\n| --- |")[1].split("\n\n")[0]
    for row in table.splitlines()[1:]:
        yield [cell.strip() for cell in row.strip("|").split("|")]


def test_the_layers_drawn_are_those_that_imports_keep_to() -> None:
    """Each row of the picture is a layer of the contract, in order, below the service on AWS."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [contract["layers"] for contract in settings["contracts"] if "layers" in contract]
    inside = next(found for found in layers if "services" in found)
    above = next(found for found in layers if "reflekt_chalice" in found)
    drawn: dict[float, list[str]] = {}
    for height, name in _drawn("layers.svg"):
        drawn.setdefault(height, []).append(name)
    expected = [above[:1], *(layer.split(" | ") for layer in inside)]
    assert [sorted(drawn[height]) for height in sorted(drawn)] == [*map(sorted, expected)]
    assert above[1:] == ["reflekt_core"]


def test_the_parts_listed_are_those_drawn() -> None:
    """The table below the picture leaves out none of them."""
    listed = re.findall(
        r"`(\w+)`", " ".join(r[0] for r in _rows(PAGES / "architecture.md", "## The parts"))
    )
    assert sorted(listed) == sorted(name for _, name in _drawn("layers.svg"))


def test_the_functions_drawn_are_those_deployed() -> None:
    """Every function and every table is in the picture, and no other."""
    words = {name for _, name in _drawn("functions.svg")}
    tables = {name for name in words if " · " in name}
    assert sorted(" · ".join(tables).split(" · ")) == sorted(TABLES)
    others = {"API Gateway", "bus", "clock, hourly", "tables", "a queue for what failed, one each"}
    others |= {f"streams of {' and '.join(sorted(STREAMED))}"}
    assert words - tables == {*FUNCTIONS, *others}
    follow = {name for name, function in FUNCTIONS.items() if function.events}
    bottom = max(height for height, name in _drawn("functions.svg") if name == "jobs")
    assert {name for height, name in _drawn("functions.svg") if height == bottom} == follow
    assert [name for name, one in FUNCTIONS.items() if one.every_minutes == 60] == ["jobs"]


def test_who_follows_a_write_is_drawn() -> None:
    """On one machine and on AWS."""
    words = [name for _, name in _drawn("writes.svg")]
    local = set(Reflekt.open("memory://")._parts._subscriptions())
    assert local == {"analytics", "insights", "jobs"}
    assert all(words.count(name) == 2 for name in local)
    follow = [name for name, function in FUNCTIONS.items() if function.events]
    assert len(follow) == len(local) + 1  # search: elsewhere it is part of the write
    assert words.count("search") == 1


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_needs_nothing_else_and_fits_a_phone(picture: Path) -> None:
    """No script, no font, no address elsewhere; at most 370 wide, in letters of 12 at least."""
    source = picture.read_text()
    assert not re.search(r"<script|@import|url\((?!#)|href|foreignObject", source)
    root = ET.fromstring(source)  # noqa: S314 - our own
    assert root.find(f"{SVG}title") is not None
    assert float(root.attrib["width"]) <= 370
    assert min(map(int, re.findall(r"font[^;}]*?(\d+)px", source))) >= 12
    assert f"]({picture.name})" in (PAGES / "architecture.md").read_text()


def test_who_can_read_what_on_aws_is_what_roles_allow() -> None:
    """Function by function: tables, streams, and secrets."""
    rows = {
        name.strip("`"): (content, secrets)
        for name, content, secrets in _rows(
            PAGES / "security.md", "### On AWS, function by function"
        )
    }
    assert list(rows) == list(FUNCTIONS)
    for name, function in FUNCTIONS.items():
        content, secrets = rows[name]
        told = set(re.findall(r"\w+", content)) & set(TABLES)
        assert told == {*function.tables, *function.streams}
        assert ("streams" in content) == bool(function.streams)
        assert ("due of all users" in content) == (function.every_minutes is not None)
        kept = secrets_of(name)
        assert ("cursor" in secrets) == ("CursorSecretParameter" in kept)
        assert ("AI keys" in secrets) == ("OpenAiApiKeyParameter" in kept)
        assert ("JWT secret" in secrets) == ("JwtSecretParameter" in kept)
        assert (secrets == "none") == (not kept)


@pytest.fixture(scope="module")
def used(dynamodb: Emulator) -> dict[str, Cost]:
    """What a day of a journal of 60 entries uses, from the request to what follows from it."""
    metering = Metering(dynamodb.transport)
    store = DynamoDBStore(dynamodb.url(), PlainText(), caller=patient(metering))
    clock = FakeClock(NOW - timedelta(days=60))
    journal = Reflekt.on(store, clock=clock, ids=FakeIds(), settles=False)
    gate = journal._parts.gate
    found: dict[str, Cost] = {}

    def measured(name: str, do: Callable[[], object]) -> None:
        metering.reset()
        do()
        found[name] = metering.cost

    def write(number: int) -> Entry:
        return journal.entries.create(text(number), mood=3, tags=["sea", "sun"])

    for number in range(60):
        clock.advance(days=1)
        made: list[Entry] = []
        measured("write", lambda n=number, made=made: made.append(write(n)))  # type: ignore[misc]
        event = Event(EventKind.ENTRY_CREATED, "me", str(made[0].id), 1, NOW)
        measured("count", lambda event=event: count_entry(store, event))  # type: ignore[misc]
        measured("understand", lambda event=event: understand(gate, event))  # type: ignore[misc]
    entry = made[0]
    measured("get", lambda: journal.entries.get(entry.id))
    measured("list", journal.entries.list)
    measured("insight", lambda: journal.entries.insights(entry.id))
    measured("trends", journal.analytics.trends)
    return found


def test_units_are_what_the_page_on_cost_says(used: dict[str, Cost]) -> None:
    """A write, what follows from it, and what is read; search stands in the capacity table."""
    told = {
        row[0].partition(":")[0]: (float(row[2]), float(row[3]))
        for row in _rows(COST, "## Units of DynamoDB")
    }
    measured = {name: (cost.read, cost.written) for name, cost in used.items()}
    assert {name: units for name, units in told.items() if name in measured} == measured
    assert set(told) == {*measured, "index", "search"}
    code = COST.read_text()
    for name, (read, written) in told.items():
        assert f'"{name}": ({read:g}, {written:g})' in code
