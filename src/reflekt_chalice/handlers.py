"""
The handlers of the functions on AWS: ``reflekt_chalice.handlers.entries``, and so on.

Each is made when it is first asked for, and loads what its function needs and nothing else. What
they are set up with stands in environment variables.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from reflekt_chalice.functions import FUNCTIONS

if TYPE_CHECKING:
    from reflekt_chalice.bus import Bus
    from reflekt_chalice.service import Background
    from reflekt_chalice.triggers import Handler

__all__: list[str] = []  # names of functions, which are looked up in `FUNCTIONS`


def __getattr__(name: str) -> "Handler":
    if name not in FUNCTIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    handler = _MADE[name]() if name in _MADE else _answering(name)
    globals()[name] = handler
    return handler


def __dir__() -> Iterable[str]:
    return [*globals(), *FUNCTIONS]


def _answering(name: str) -> "Handler":
    """Return the app, restricted to the operations of the function called *name*."""
    from reflekt_chalice.adapter import create_app  # noqa: PLC0415 - for who answers requests

    return create_app(functions=[name])


def _authorizer() -> "Handler":
    from reflekt_chalice.authorizer import create_authorizer  # noqa: PLC0415 - for itself alone

    return create_authorizer()


def _ai() -> "Handler":
    """Return what answers requests, and events from the bus, on one store."""
    from reflekt_chalice.adapter import create_app  # noqa: PLC0415 - for who answers requests
    from reflekt_chalice.service import opened_from  # noqa: PLC0415 - the same
    from reflekt_chalice.triggers import consumer  # noqa: PLC0415 - for who follows events

    _log_as_json()
    service, background = opened_from(os.environ, ["ai"])
    app = create_app(functions=["ai"], service=service)

    def follow(event: Any) -> None:
        from reflekt_core.services.insights import understand  # noqa: PLC0415 - with the first

        understand(background.gate(), event)

    follower = consumer("ai", follow)

    def answer(event: Mapping[str, Any], context: Any = None) -> Any:
        return (app if "requestContext" in event else follower)(event, context)

    return answer


def _publisher() -> "Handler":
    from reflekt_chalice.triggers import publisher  # noqa: PLC0415 - for who follows events

    _log_as_json()
    return publisher(_bus())


def _analytics_consumer() -> "Handler":
    from reflekt_chalice.triggers import consumer  # noqa: PLC0415 - for who follows events
    from reflekt_core.services.analytics import count_entry  # noqa: PLC0415 - for itself alone

    store = _background("analytics_consumer").store
    return consumer("analytics_consumer", lambda event: count_entry(store(), event))


def _search_consumer() -> "Handler":
    from reflekt_chalice.triggers import consumer  # noqa: PLC0415 - for who follows events
    from reflekt_core.services.search import index_entry  # noqa: PLC0415 - for itself alone

    store = _background("search_consumer").store
    return consumer("search_consumer", lambda event: index_entry(store(), event))


def _jobs() -> "Handler":
    from reflekt_chalice.triggers import job_worker  # noqa: PLC0415 - for who follows events

    return job_worker(_background("jobs"), _bus())


def _background(name: str) -> "Background":
    from reflekt_chalice.service import opened_from  # noqa: PLC0415 - for who has a store

    _log_as_json()
    return opened_from(_without_secrets(os.environ), [name])[1]


def _without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* without what is for those who read tokens and ask vendors; others may not."""
    from reflekt_chalice.secrets import SECRETS  # noqa: PLC0415 - for who has a store

    unread = {name + end for name in SECRETS for end in ("", "_PARAMETER")}
    return {
        name: value
        for name, value in environ.items()
        if name not in unread and not name.startswith("JWT_")
    }


def _bus() -> "Callable[[], Bus]":
    from reflekt_chalice.bus import bus_from  # noqa: PLC0415 - for who puts events on it

    return cache(partial(bus_from, os.environ))


def _log_as_json() -> None:
    from reflekt_chalice.logs import log_to_stdout  # noqa: PLC0415 - for who follows events

    log_to_stdout("reflekt", "INFO")


_MADE: Final[Mapping[str, "Callable[[], Handler]"]] = {
    "ai": _ai,
    "analytics_consumer": _analytics_consumer,
    "authorizer": _authorizer,
    "jobs": _jobs,
    "publisher": _publisher,
    "search_consumer": _search_consumer,
}
