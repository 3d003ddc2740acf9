"""
The functions on AWS: which operations each answers, and what each may touch. Pure data.

A function is given its own tables, memory and time, and nothing else. A path belongs to one
function with all its methods, because API Gateway sends whole paths there.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import attrs

from reflekt_core.errors import ConfigurationError
from reflekt_core.model.events import EventKind

if TYPE_CHECKING:
    from reflekt_core.operations import Operation

__all__ = ["FUNCTIONS", "Access", "Function", "checked", "operations_of"]


class Access(StrEnum):
    """What a function does with a table."""

    READ = "read"
    WRITE = "write"
    """Reads it, too."""


@attrs.frozen(kw_only=True)
class Function:
    """
    One function of the service.

    `tables` are names without the prefix; `home` is the one in which it looks accounts up, the
    option ``account`` of a store's URL. `ai_key`: it alone is told the keys of AI providers.
    `documentation`: it shows `/openapi.json` and `/api-docs`, and says what is not there.

    `streams` are the tables whose streams it reads; `publishes`: it puts events on the bus; `events`
    are the kinds that the bus hands to it; `every_minutes`: it is called that often, by the clock.
    """

    operations: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    events: tuple[EventKind, ...] = ()
    publishes: bool = False
    every_minutes: int | None = None
    tables: Mapping[str, Access] = attrs.field(factory=dict)
    home: str = "entries"
    memory_mb: int
    timeout_seconds: int
    ai_key: bool = False
    documentation: bool = False


_R, _W = Access.READ, Access.WRITE
_ENTRY_EVENTS: Final = (
    EventKind.ENTRY_CREATED,
    EventKind.ENTRY_UPDATED,
    EventKind.ENTRY_DELETED,
)
_EVERY_TABLE: Final[Mapping[str, Access]] = {
    "entries": _W,
    "settings": _W,
    "categories": _W,
    "analytics": _W,
    "search": _W,
    "jobs": _W,
}

# API Gateway gives up after 29 s: no function that only answers it works longer than that.
FUNCTIONS: Final[Mapping[str, Function]] = {
    "entries": Function(
        operations=(
            "entries.create",
            "entries.list",
            "entries.search",
            "entries.changes",
            "entries.on_this_day",
            "entries.get",
            "entries.put",
            "entries.update",
            "entries.delete",
            "entries.restore",
            "tags.list",
            "tags.rename",
        ),
        tables={"entries": _W, "categories": _R, "settings": _R, "search": _R, "jobs": _W},
        memory_mb=512,
        timeout_seconds=15,
    ),
    "analytics": Function(
        operations=(
            "analytics.trends",
            "analytics.mood",
            "analytics.frequency",
            "analytics.topics",
            "analytics.sentiment",
        ),
        tables={"settings": _R, "analytics": _R},
        home="analytics",
        memory_mb=512,
        timeout_seconds=15,
    ),
    "ai": Function(
        operations=(
            "entries.insights",
            "entries.analyse",
            "prompts.generate",
            "prompts.daily",
            "suggestions.create",
            "summaries.create",
        ),
        events=_ENTRY_EVENTS,
        tables={"entries": _R, "settings": _R, "analytics": _W, "jobs": _W},
        home="analytics",
        memory_mb=1024,
        timeout_seconds=60,  # for an event two vendors may be asked, each for 20 s
        ai_key=True,
    ),
    "settings": Function(
        operations=(
            "health.check",
            "settings.get",
            "settings.update",
            "categories.list",
            "categories.create",
            "categories.put",
            "categories.delete",
            "jobs.get",
        ),
        tables={"settings": _W, "categories": _W, "jobs": _W},
        home="settings",
        memory_mb=512,
        timeout_seconds=15,
        documentation=True,
    ),
    "account": Function(
        operations=("account.export", "account.delete", "admin.usage"),
        tables=_EVERY_TABLE,
        memory_mb=512,
        timeout_seconds=29,
    ),
    "authorizer": Function(memory_mb=256, timeout_seconds=10),
    "publisher": Function(
        streams=("entries", "jobs"), publishes=True, memory_mb=256, timeout_seconds=30
    ),
    "analytics_consumer": Function(
        events=_ENTRY_EVENTS,
        tables={"entries": _R, "analytics": _W},
        home="analytics",
        memory_mb=256,
        timeout_seconds=30,
    ),
    "search_consumer": Function(
        events=_ENTRY_EVENTS,
        tables={"entries": _R, "search": _W},
        home="search",
        memory_mb=256,
        timeout_seconds=60,
    ),
    "jobs": Function(
        events=(EventKind.JOB_REQUESTED,),
        publishes=True,
        every_minutes=60,
        tables=_EVERY_TABLE,
        home="jobs",
        memory_mb=512,
        timeout_seconds=900,
    ),
}
"""Function × operation or event × table."""


def operations_of(names: Iterable[str] | None) -> "tuple[Operation, ...]":
    """
    Return the operations of the functions called *names*; of all, if None.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    # Loaded for who answers operations: the authorizer does not.
    from reflekt_core.operations import OPERATIONS  # noqa: PLC0415

    wanted = {one for name in checked(names) for one in FUNCTIONS[name].operations}
    return tuple(operation for operation in OPERATIONS if operation.id in wanted)


def checked(names: Iterable[str] | None) -> tuple[str, ...]:
    """
    Return *names* if there are functions of those names; all there are, if None.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    found = tuple(FUNCTIONS if names is None else names)
    for name in found:
        if name not in FUNCTIONS:
            raise ConfigurationError(
                f"there is no function {name!r}; known: {', '.join(sorted(FUNCTIONS))}"
            )
    return found
