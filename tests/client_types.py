"""What type checkers know of both clients: mypy checks this, and nothing runs it."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type
from uuid import UUID

from pandas import DataFrame

from reflekt_core import AsyncClient, Client, Reflekt
from reflekt_core.model.entries import Entry, TagCount
from reflekt_core.model.insights import InsightFailure, InsightState, InsightView
from reflekt_core.model.jobs import Job
from reflekt_core.model.listing import Changes, Hit
from reflekt_core.model.paging import Page
from reflekt_core.model.settings import Settings
from reflekt_core.model.transfer import ExportRecord
from reflekt_core.model.trends import Trends
from reflekt_core.model.usage import Health

View = InsightView | InsightFailure | InsightState
ID = UUID(int=1)


def sync_verbs_return_their_result(client: Client) -> None:
    """Each verb has the types of the service's method."""
    assert_type(client.entries.create("x", mood=4, tags=["sea"]), Entry)
    assert_type(client.entries.list(limit=1), Page[Entry])
    assert_type(client.entries.search("x"), Page[Hit])
    assert_type(client.entries.changes(), Changes)
    assert_type(client.entries.insights(ID), View)
    assert_type(client.tags.rename("a", "b"), Job)
    assert_type(client.analytics.trends(), Trends)
    assert_type(client.settings.get(), Settings)
    assert_type(client.health.check(), Health)
    client.entries.delete(ID, permanent=True)


async def async_verbs_are_awaited(client: AsyncClient) -> None:
    """The same types, once awaited."""
    assert_type(await client.entries.create("x", mood=4, tags=["sea"]), Entry)
    assert_type(await client.entries.list(limit=1), Page[Entry])
    assert_type(await client.entries.search("x"), Page[Hit])
    assert_type(await client.entries.insights(ID), View)
    assert_type(await client.analytics.trends(), Trends)
    assert_type(await client.health.check(), Health)
    client.health.check()  # type: ignore[unused-coroutine]
    await client.entries.delete(ID, permanent=True)


def pages_are_gone_through(client: Client, later: AsyncClient) -> None:
    """An iterator has the type of the page's items, and takes what the verb takes."""
    assert_type(client.each(client.entries.list, tag=["sea"]), Iterator[Entry])
    assert_type(client.each(client.tags.list), Iterator[TagCount])
    assert_type(later.each(later.entries.search, "x"), AsyncIterator[Hit])
    assert_type(later.each(later.account.export), AsyncIterator[ExportRecord])
    client.each(client.entries.list, tags=["sea"])  # type: ignore[call-arg]
    client.each(client.entries.get, ID)  # type: ignore[arg-type]
    later.each(later.entries.search)  # type: ignore[call-arg]


def what_is_not_allowed_is_refused(client: Client, later: AsyncClient) -> None:
    """Unknown, missing and wrong arguments are told, for both."""
    client.entries.create(5)  # type: ignore[arg-type]
    client.entries.create("x", "title")  # type: ignore[call-arg]
    client.entries.create("x", feeling=4)  # type: ignore[call-arg]
    client.entries.get()  # type: ignore[call-arg]
    client.entries.shout("x")  # type: ignore[attr-defined]
    later.entries.create(5)  # type: ignore[arg-type, unused-coroutine]
    later.entries.create("x", feeling=4)  # type: ignore[call-arg, unused-coroutine]


def journals_become_dataframes(client: Client, later: AsyncClient) -> None:
    """The filters are those of the library; what has to be awaited has no such verb."""
    assert_type(client.entries.to_dataframe(insights=True, mood_min=3), DataFrame)
    assert_type(client.analytics.mood().to_dataframe(), DataFrame)
    client.entries.to_dataframe(colour="red")  # type: ignore[call-arg]
    later.entries.to_dataframe()  # type: ignore[arg-type]


def either_will_do(journal: Reflekt | Client) -> None:
    """A program can be written for a journal here or there."""
    assert_type(journal.entries.create("x"), Entry)
    assert_type(journal.analytics.trends(), Trends)
    assert_type(journal.entries.list(tag=["sea"]).items, tuple[Entry, ...])
