"""
The operations of Reflekt, one row each: the heart of the API.

`entries.create` names the route, the OpenAPI operation and the method `reflekt.entries.create`.
The fields of `query` and `body` are the method's parameters of the same names. A row names its
types, as ``module:Name`` below `reflekt_core.model`, so that a program loads those it deals with.
"""

from enum import StrEnum
from importlib import import_module
from typing import Any, Final
from uuid import UUID

import attrs

from reflekt_core.model.accounts import Permission
from reflekt_core.model.entries import Tag

__all__ = ["OPERATIONS", "PATH_PARAMETERS", "Operation", "Shape"]


class Shape(StrEnum):
    """How the result is sent."""

    ONE = "one"
    """As an object."""
    PAGE = "page"
    """As ``{"items", "next_cursor"}``; asked for with `limit` and `cursor`."""
    LIST = "list"
    """As ``{"items", "next_cursor": null}``, always whole."""
    LINES = "lines"
    """As a page of NDJSON, the next cursor in a `Link` header; asked for with `limit` and `cursor`."""
    CHANGES = "changes"
    """As ``{"items", "cursor", "has_more"}``; asked for with `limit` and `since`."""
    NOTHING = "nothing"
    """Not at all: 204."""


@attrs.frozen
class Operation:
    """
    One thing the API can do.

    `result` is the type of the value, of a page its items'. `precondition`: takes If-Match, handed
    to the method as ``if_version``. `repeatable`: takes Idempotency-Key, handed over as
    ``idempotency_key``. `creates`: 201 if the result has version 1. `waits`: 202 while the result
    is on its way.
    """

    id: str
    method: str
    path: str
    permission: Permission | None
    summary: str
    _result: str | None = None
    _query: str | None = None
    _body: str | None = None
    status: int = 200
    shape: Shape = Shape.ONE
    cursor: str | None = None
    """The parameter that says where to go on, of a page."""
    precondition: bool = False
    repeatable: bool = False
    merge_patch: bool = False
    creates: bool = False
    waits: bool = False
    public: bool = False
    """Answers without a token."""

    @property
    def tag(self) -> str:
        """The noun: ``entries`` of ``entries.create``."""
        return self.id.partition(".")[0]

    @property
    def verb(self) -> str:
        """The verb: ``create`` of ``entries.create``."""
        return self.id.partition(".")[2]

    @property
    def result(self) -> Any:
        """The type of the result."""
        return _type(self._result)

    @property
    def query(self) -> type[attrs.AttrsInstance] | None:
        """What the query string says, as a class."""
        found: type[attrs.AttrsInstance] | None = _type(self._query)
        return found

    @property
    def body(self) -> type[attrs.AttrsInstance] | None:
        """What the body says, as a class."""
        found: type[attrs.AttrsInstance] | None = _type(self._body)
        return found


def _type(name: str | None) -> Any:
    if name is None:
        return None
    module, _, attribute = name.partition(":")
    return getattr(import_module(f"reflekt_core.model.{module}"), attribute)


PATH_PARAMETERS: Final[dict[str, Any]] = {"id": UUID, "tag": Tag}
"""The type of each parameter that a path can have."""

_P = Permission
_page: dict[str, Any] = {"shape": Shape.PAGE, "cursor": "cursor"}

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        "health.check",
        "GET",
        "/health",
        None,
        "Tell whether the service is up",
        "usage:Health",
        public=True,
    ),
    Operation(
        "entries.create",
        "POST",
        "/entries",
        _P.ENTRIES_WRITE,
        "Write an entry",
        "entries:Entry",
        body="entries:EntryDraft",
        status=201,
        repeatable=True,
    ),
    Operation(
        "entries.list",
        "GET",
        "/entries",
        _P.ENTRIES_READ,
        "List entries by time",
        "entries:Entry",
        query="listing:EntryListing",
        **_page,
    ),
    Operation(
        "entries.search",
        "GET",
        "/entries/search",
        _P.ENTRIES_READ,
        "Search entries, best first",
        "listing:Hit",
        query="listing:EntrySearch",
        **_page,
    ),
    Operation(
        "entries.changes",
        "GET",
        "/entries/changes",
        _P.ENTRIES_READ,
        "Follow what changed since a cursor",
        "listing:Changes",
        shape=Shape.CHANGES,
        cursor="since",
    ),
    Operation(
        "entries.on_this_day",
        "GET",
        "/entries/on-this-day",
        _P.ENTRIES_READ,
        "Look back at this day in earlier years",
        "entries:Entry",
        query="listing:Anniversary",
        shape=Shape.LIST,
    ),
    Operation(
        "entries.get", "GET", "/entries/{id}", _P.ENTRIES_READ, "Read an entry", "entries:Entry"
    ),
    Operation(
        "entries.put",
        "PUT",
        "/entries/{id}",
        _P.ENTRIES_WRITE,
        "Create or replace an entry under an id of your own",
        "entries:Entry",
        body="entries:EntryDraft",
        precondition=True,
        creates=True,
    ),
    Operation(
        "entries.update",
        "PATCH",
        "/entries/{id}",
        _P.ENTRIES_WRITE,
        "Change parts of an entry",
        "entries:Entry",
        body="entry_patch:EntryPatch",
        precondition=True,
        merge_patch=True,
    ),
    Operation(
        "entries.delete",
        "DELETE",
        "/entries/{id}",
        _P.ENTRIES_WRITE,
        "Move an entry to the trash, or delete it for good",
        query="listing:EntryDeletion",
        status=204,
        shape=Shape.NOTHING,
        precondition=True,
    ),
    Operation(
        "entries.restore",
        "POST",
        "/entries/{id}/restore",
        _P.ENTRIES_WRITE,
        "Take an entry out of the trash",
        "entries:Entry",
    ),
    Operation(
        "entries.insights",
        "GET",
        "/entries/{id}/insights",
        _P.INSIGHTS_READ,
        "Read what was understood of an entry",
        "insights:AnyInsight",
        waits=True,
    ),
    Operation(
        "entries.analyse",
        "POST",
        "/entries/{id}/insights",
        _P.INSIGHTS_WRITE,
        "Understand an entry now, or again",
        "insights:AnyInsight",
        repeatable=True,
        waits=True,
    ),
    Operation(
        "tags.list",
        "GET",
        "/tags",
        _P.ENTRIES_READ,
        "List tags with counts",
        "entries:TagCount",
        **_page,
    ),
    Operation(
        "tags.rename",
        "PUT",
        "/tags/{tag}",
        _P.ENTRIES_WRITE,
        "Rename a tag, or merge it into another",
        "jobs:Job",
        body="listing:TagName",
        status=202,
    ),
    Operation(
        "categories.list",
        "GET",
        "/categories",
        _P.CATEGORIES_READ,
        "List categories",
        "categories:Category",
        **_page,
    ),
    Operation(
        "categories.create",
        "POST",
        "/categories",
        _P.CATEGORIES_WRITE,
        "Make a category",
        "categories:Category",
        body="categories:CategoryDraft",
        status=201,
        repeatable=True,
    ),
    Operation(
        "categories.put",
        "PUT",
        "/categories/{id}",
        _P.CATEGORIES_WRITE,
        "Create or replace a category under an id of your own",
        "categories:Category",
        body="categories:CategoryDraft",
        precondition=True,
        creates=True,
    ),
    Operation(
        "categories.delete",
        "DELETE",
        "/categories/{id}",
        _P.CATEGORIES_WRITE,
        "Delete a category; its entries stay",
        "jobs:Job",
        status=202,
        precondition=True,
    ),
    Operation(
        "prompts.generate",
        "POST",
        "/prompts/generate",
        _P.PROMPTS_READ,
        "Get prompts to write from",
        "prompts:Prompts",
        body="prompts:PromptRequest",
        repeatable=True,
    ),
    Operation(
        "prompts.daily",
        "GET",
        "/prompts/daily",
        _P.PROMPTS_READ,
        "Get the prompt of the day",
        "prompts:Prompt",
    ),
    Operation(
        "suggestions.create",
        "POST",
        "/suggestions",
        _P.INSIGHTS_WRITE,
        "Get ways to continue a draft",
        "insights:SuggestionsView",
        body="insights:Draft",
        repeatable=True,
    ),
    Operation(
        "summaries.create",
        "POST",
        "/summaries",
        _P.INSIGHTS_WRITE,
        "Sum up a period",
        "insights:SummaryView",
        body="insights:Period",
        repeatable=True,
    ),
    Operation(
        "analytics.trends",
        "GET",
        "/analytics/trends",
        _P.ANALYTICS_READ,
        "See how writing, mood and topics move",
        "trends:Trends",
        query="trends:TrendsQuery",
    ),
    Operation(
        "analytics.mood",
        "GET",
        "/analytics/mood",
        _P.ANALYTICS_READ,
        "See mood over time",
        "trends:MoodTrend",
        query="trends:TrendsQuery",
    ),
    Operation(
        "analytics.frequency",
        "GET",
        "/analytics/frequency",
        _P.ANALYTICS_READ,
        "See how often and when entries are written",
        "trends:Frequency",
        query="trends:TrendsQuery",
    ),
    Operation(
        "analytics.topics",
        "GET",
        "/analytics/topics",
        _P.ANALYTICS_READ,
        "See which topics rise and fall",
        "trends:TopicTrends",
        query="trends:TrendsQuery",
    ),
    Operation(
        "analytics.sentiment",
        "GET",
        "/analytics/sentiment",
        _P.ANALYTICS_READ,
        "See sentiment over time",
        "trends:SentimentTrend",
        query="trends:TrendsQuery",
    ),
    Operation(
        "settings.get",
        "GET",
        "/settings",
        _P.SETTINGS_READ,
        "Read your settings",
        "settings:Settings",
    ),
    Operation(
        "settings.update",
        "PATCH",
        "/settings",
        _P.SETTINGS_WRITE,
        "Change your settings",
        "settings:Settings",
        body="settings_patch:SettingsPatch",
        precondition=True,
        merge_patch=True,
    ),
    Operation("jobs.get", "GET", "/jobs/{id}", None, "See how far a job is", "jobs:Job"),
    Operation(
        "account.export",
        "GET",
        "/account/export",
        _P.ACCOUNT_READ,
        "Take out everything you have here",
        "transfer:ExportRecord",
        shape=Shape.LINES,
        cursor="cursor",
    ),
    Operation(
        "account.delete",
        "DELETE",
        "/account",
        _P.ACCOUNT_WRITE,
        "Erase the account and everything in it",
        "jobs:Job",
        body="transfer:Erasure",
        status=202,
    ),
    Operation(
        "admin.usage",
        "GET",
        "/admin/usage",
        _P.ADMIN_READ,
        "See what a user keeps and spends, never content",
        "usage:UserUsage",
        query="usage:UsageQuery",
    ),
)
"""Every operation on the journal. What documents the API itself (`/openapi.json`, `/api-docs`) is `rest`'s own."""
