"""
The nouns of the API as both clients have them.

Which verbs there are, and what they take, is said in the table of operations; their types are those
of the services' own methods. So nothing is written a second time, be it for HTTP or for ``await``.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

from reflekt_core.client.asking import signature
from reflekt_core.operations import OPERATIONS, Operation
from reflekt_core.views import journal_as_dataframe

if TYPE_CHECKING:
    from reflekt_core.services import analytics as analytics_service
    from reflekt_core.services import categories as categories_service
    from reflekt_core.services import entries as entries_service
    from reflekt_core.services import health as health_service
    from reflekt_core.services import insights as insights_service
    from reflekt_core.services import jobs as jobs_service
    from reflekt_core.services import prompts as prompts_service
    from reflekt_core.services import settings as settings_service
    from reflekt_core.services import transfer as transfer_service

__all__ = [
    "Account",
    "Admin",
    "Analytics",
    "Async",
    "Categories",
    "Entries",
    "HealthCheck",
    "Jobs",
    "Noun",
    "Nouns",
    "Prompts",
    "Settings",
    "Suggestions",
    "Summaries",
    "Sync",
    "Tags",
    "Verb",
]

P = ParamSpec("P")
R = TypeVar("R")


class Sync:
    """Marks nouns whose verbs return their result."""


class Async:
    """Marks nouns whose verbs are awaited."""


How = TypeVar("How", Sync, Async)

Call = Callable[[Operation, Mapping[str, Any]], Any]


class Noun(Generic[How]):
    """Something that the API deals with; its verbs are the operations on it."""

    def __init__(self, call: Call) -> None:
        self._call = call


class Verb(Generic[P, R]):
    """One operation: as a method that returns its result, or that is awaited."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    @overload
    def __get__(self, noun: Noun[Sync], owner: object = None) -> Callable[P, R]: ...
    @overload
    def __get__(
        self, noun: Noun[Async], owner: object = None
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __get__(self, noun: None, owner: object = None) -> "Verb[P, R]": ...
    def __get__(self, noun: Any, owner: object = None) -> Any:
        """Return the method, which the noun keeps from now on."""
        if noun is None:
            return self
        method = _method(self.operation, noun._call)  # noqa: SLF001 - a verb is part of its noun
        noun.__dict__[self.operation.verb] = method
        return method


def _method(operation: Operation, call: Call) -> Any:
    takes = signature(operation)

    def method(*args: Any, **kwargs: Any) -> Any:
        return call(operation, takes.bind(*args, **kwargs).arguments)

    method.__name__ = operation.verb
    method.__qualname__ = operation.id
    method.__doc__ = f"{operation.summary}, as `Reflekt.{operation.id}` does."
    method.__signature__ = takes  # type: ignore[attr-defined]  # for help() and notebooks
    return method


if TYPE_CHECKING:

    def _as(method: Callable[Concatenate[Any, P], R]) -> Verb[P, R]:
        """Return the verb that takes and returns what *method* of a service does."""

    class SyncVerb(Generic[P, R]):
        """What is made of several operations, and cannot be awaited."""

        def __get__(self, noun: Noun[Sync], owner: object = None) -> Callable[P, R]: ...

    def _as_sync(method: Callable[Concatenate[Any, P], R]) -> SyncVerb[P, R]:
        """Return the same for those whose verbs return their result."""


class Entries(Noun[How]):
    """Writing, reading, finding and deleting entries."""

    if TYPE_CHECKING:
        create = _as(entries_service.Entries.create)
        list = _as(entries_service.Entries.list)
        search = _as(entries_service.Entries.search)
        changes = _as(entries_service.Entries.changes)
        on_this_day = _as(entries_service.Entries.on_this_day)
        get = _as(entries_service.Entries.get)
        put = _as(entries_service.Entries.put)
        update = _as(entries_service.Entries.update)
        delete = _as(entries_service.Entries.delete)
        restore = _as(entries_service.Entries.restore)
        insights = _as(entries_service.Entries.insights)
        analyse = _as(entries_service.Entries.analyse)
        to_dataframe = _as_sync(entries_service.Entries.to_dataframe)
    else:

        def to_dataframe(self, *, insights: bool = False, **filters: Any) -> Any:
            """
            Return every entry that `list` would, as `Reflekt.entries.to_dataframe` does.

            Raises:
                ConfigurationError: pandas is not installed, or the verbs have to be awaited.
            """
            return journal_as_dataframe(
                self.list,
                Categories(self._call).list,
                insights=self.insights if insights else None,
                **filters,
            )


class Tags(Noun[How]):
    """Tags with counts, and renaming them."""

    if TYPE_CHECKING:
        list = _as(categories_service.Tags.list)
        rename = _as(categories_service.Tags.rename)


class Categories(Noun[How]):
    """Categories."""

    if TYPE_CHECKING:
        list = _as(categories_service.Categories.list)
        create = _as(categories_service.Categories.create)
        put = _as(categories_service.Categories.put)
        delete = _as(categories_service.Categories.delete)


class Prompts(Noun[How]):
    """Prompts to write from."""

    if TYPE_CHECKING:
        generate = _as(prompts_service.PromptService.generate)
        daily = _as(prompts_service.PromptService.daily)


class Suggestions(Noun[How]):
    """Ways to continue a draft."""

    if TYPE_CHECKING:
        create = _as(insights_service.SuggestionService.create)


class Summaries(Noun[How]):
    """Summaries of periods."""

    if TYPE_CHECKING:
        create = _as(insights_service.SummaryService.create)


class Analytics(Noun[How]):
    """Trends, mood, frequency, topics and sentiment."""

    if TYPE_CHECKING:
        trends = _as(analytics_service.Analytics.trends)
        mood = _as(analytics_service.Analytics.mood)
        frequency = _as(analytics_service.Analytics.frequency)
        topics = _as(analytics_service.Analytics.topics)
        sentiment = _as(analytics_service.Analytics.sentiment)


class Settings(Noun[How]):
    """The user's settings."""

    if TYPE_CHECKING:
        get = _as(settings_service.SettingsService.get)
        update = _as(settings_service.SettingsService.update)


class Jobs(Noun[How]):
    """Work that takes longer."""

    if TYPE_CHECKING:
        get = _as(jobs_service.Jobs.get)


class Account(Noun[How]):
    """Export and erasure."""

    if TYPE_CHECKING:
        export = _as(transfer_service.AccountService.export)
        delete = _as(transfer_service.AccountService.delete)


class Admin(Noun[How]):
    """What an administrator may know."""

    if TYPE_CHECKING:
        usage = _as(transfer_service.AdminService.usage)


class HealthCheck(Noun[How]):
    """Whether the service is up."""

    if TYPE_CHECKING:
        check = _as(health_service.HealthService.check)


class Nouns(Generic[How]):
    """Every noun of the API, as an attribute."""

    entries: Entries[How]
    tags: Tags[How]
    categories: Categories[How]
    prompts: Prompts[How]
    suggestions: Suggestions[How]
    summaries: Summaries[How]
    analytics: Analytics[How]
    settings: Settings[How]
    jobs: Jobs[How]
    account: Account[How]
    admin: Admin[How]
    health: HealthCheck[How]

    def __init__(self, call: Call) -> None:
        for name, noun in _NOUNS.items():
            setattr(self, name, noun(call))


_NOUNS: Final[dict[str, type[Noun[Any]]]] = {
    "entries": Entries,
    "tags": Tags,
    "categories": Categories,
    "prompts": Prompts,
    "suggestions": Suggestions,
    "summaries": Summaries,
    "analytics": Analytics,
    "settings": Settings,
    "jobs": Jobs,
    "account": Account,
    "admin": Admin,
    "health": HealthCheck,
}

for _operation in OPERATIONS:
    setattr(_NOUNS[_operation.tag], _operation.verb, Verb(_operation))
