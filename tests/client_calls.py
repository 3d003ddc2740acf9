"""Both clients, called alike; and a call of every operation."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import attrs

from reflekt_core import AsyncClient, Client, Reflekt
from reflekt_core.client.nouns import Noun
from reflekt_core.model.entries import Order
from reflekt_core.model.prompts import PromptCategory
from reflekt_core.model.settings_patch import AISettingsPatch, PreferencesPatch
from reflekt_core.model.trends import Bucket
from reflekt_core.operations import Operation

CLIENTS = ("sync", "async")
NEW = UUID(int=0xFEED)


class Waiting:
    """An `AsyncClient` whose verbs are awaited on the spot."""

    def __init__(self, runner: asyncio.Runner, client: AsyncClient) -> None:
        self._runner = runner
        self._client = client

    def __getattr__(self, name: str) -> Any:
        noun = getattr(self._client, name)
        return _WaitingNoun(self._runner, noun) if isinstance(noun, Noun) else noun

    def each(self, read: Any, *args: Any, **kwargs: Any) -> list[Any]:
        """Go through every page at once."""

        async def gather() -> list[Any]:
            return [item async for item in self._client.each(read.later, *args, **kwargs)]

        return self._runner.run(gather())


class _WaitingNoun:
    def __init__(self, runner: asyncio.Runner, noun: Any) -> None:
        self._runner = runner
        self._noun = noun

    def __getattr__(self, name: str) -> Any:
        later = getattr(self._noun, name)

        def now(*args: Any, **kwargs: Any) -> Any:
            return self._runner.run(later(*args, **kwargs))

        now.later = later  # type: ignore[attr-defined]  # for `each`
        return now


@contextmanager
def connected(kind: str, url: str, token: Any, **settings: Any) -> Iterator[Any]:
    """Lend a client of *kind*, which draws and pauses are told to by *settings*."""
    if kind == "sync":
        with Client(url, token, **settings) as client:
            yield client
        return
    if sleep := settings.pop("sleep", None):

        async def settled(seconds: float) -> None:
            sleep(seconds)

        settings["sleep"] = settled
    with asyncio.Runner() as runner:
        client = AsyncClient(url, token, **settings)
        assert runner.run(client.__aenter__()) is client
        try:
            yield Waiting(runner, client)
        finally:
            runner.run(client.__aexit__())


@attrs.frozen
class Kept:
    """What there is to ask for."""

    entry: UUID
    category: UUID
    job: UUID
    gone: UUID


def fill(reflekt: Reflekt) -> Kept:
    """Write a journal in which every operation finds something."""
    category = reflekt.categories.create("Sea", color="#2a9d8f")
    for year in (2024, 2025):
        reflekt.entries.create(
            "We swam until the sun set.\u2028 Home.",
            occurred_at=_evening(year),
            tags=["sea", "a/b c?"],
        )
    entry = reflekt.entries.create(
        "Bread, rain — und Ana’s 🌊 line.", mood=4, tags=["Sea"], category_id=category.id
    )
    gone = reflekt.entries.create("Away with it.")
    reflekt.entries.delete(gone.id)
    erased = reflekt.entries.create("For good.")
    reflekt.entries.delete(erased.id, permanent=True)
    job = reflekt.tags.rename("a/b c?", "a/b")
    reflekt.prompts.daily()
    return Kept(entry.id, category.id, job.id, gone.id)


def _evening(year: int) -> datetime:
    return datetime(year, 11, 22, 18, 0, tzinfo=UTC)


ARGUMENTS: dict[str, Callable[[Kept], Mapping[str, Any]]] = {
    "entries.create": lambda kept: {
        "content": "Neu 🌊",
        "mood": 5,
        "tags": ["sea", "sun"],
        "category_id": kept.category,
        "occurred_at": _evening(2026),
        "time_zone": "Africa/Nairobi",
    },
    "entries.list": lambda _: {
        "tag": ["sea", "a/b"],
        "from_": date(2024, 1, 1),
        "to": _evening(2026),
        "starred": False,
        "order": Order.ASC,
        "limit": 1,
    },
    "entries.search": lambda _: {"q": '"until the sun" swa*', "limit": 1},
    "entries.changes": lambda _: {"limit": 100},
    "entries.on_this_day": lambda _: {"date": date(2026, 11, 22)},
    "entries.get": lambda kept: {"id": kept.entry},
    "entries.put": lambda _: {"id": NEW, "content": "Mine.", "starred": True},
    "entries.update": lambda kept: {"id": kept.entry, "mood": None, "tags": [], "if_version": 1},
    "entries.delete": lambda kept: {"id": kept.entry, "permanent": True, "if_version": 1},
    "entries.restore": lambda kept: {"id": kept.gone},
    "entries.insights": lambda kept: {"id": kept.entry},
    "entries.analyse": lambda kept: {"id": kept.entry},
    "tags.list": lambda _: {"limit": 1},
    "tags.rename": lambda _: {"tag": "a/b", "name": ".."},
    "categories.list": lambda _: {"limit": 1},
    "categories.create": lambda _: {"name": "Work", "icon": "🛠"},
    "categories.put": lambda _: {"id": NEW, "name": "Home"},
    "categories.delete": lambda kept: {"id": kept.category},
    "prompts.generate": lambda _: {
        "category": PromptCategory.GRATITUDE,
        "themes": ["the sea"],
        "count": 2,
    },
    "suggestions.create": lambda _: {"content": "I woke up and"},
    "summaries.create": lambda _: {"from_": date(2026, 11, 1), "to": date(2026, 11, 30)},
    "analytics.trends": lambda _: {"from_": date(2026, 11, 1), "bucket": Bucket.WEEK},
    "settings.update": lambda _: {
        "preferences": PreferencesPatch(time_zone="Africa/Nairobi", favourite_themes=("sea",)),
        "ai": AISettingsPatch(consent=()),
    },
    "jobs.get": lambda kept: {"id": kept.job},
    "account.export": lambda _: {"limit": 3},
    "account.delete": lambda _: {"confirm": "ada"},
    "admin.usage": lambda _: {"user_id": "ada"},
}


def arguments(operation: Operation, kept: Kept) -> Mapping[str, Any]:
    """Return arguments that *operation* takes, and does something with."""
    make = ARGUMENTS.get(operation.id)
    return make(kept) if make else {}


def method_of(journal: Any, operation: Operation) -> Any:
    """Return the method that an operation names."""
    return getattr(getattr(journal, operation.tag), operation.verb)
