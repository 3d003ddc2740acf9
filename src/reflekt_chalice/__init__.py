"""
Reflekt on AWS: the journal's API as a Chalice app, or as a Blueprint in an app of your own.

    >>> from reflekt_chalice import create_app
    >>> app = create_app()
    >>> sorted(app.routes["/entries"])
    ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reflekt_chalice.adapter import create_app, journal_blueprint
    from reflekt_chalice.authorizer import create_authorizer
    from reflekt_chalice.functions import FUNCTIONS
    from reflekt_chalice.service import Service, service_from

__all__ = [
    "FUNCTIONS",
    "Service",
    "create_app",
    "create_authorizer",
    "journal_blueprint",
    "service_from",
]

_HOMES = {
    "FUNCTIONS": "functions",
    "Service": "service",
    "create_app": "adapter",
    "create_authorizer": "authorizer",
    "journal_blueprint": "adapter",
    "service_from": "service",
}


def __getattr__(name: str) -> Any:
    # Loaded at first use: the authorizer needs neither Chalice nor the operations.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
