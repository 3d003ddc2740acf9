"""
A journaling backend: entries, insights, analytics and settings, in a notebook or as a service.

    >>> from reflekt_core import Reflekt
    >>> reflekt = Reflekt.open("memory://")
    >>> reflekt.entries.create("Slow Sunday. Bread, rain, and a long call with Ana.").version
    1
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reflekt_core.app import Reflekt
    from reflekt_core.client import AsyncClient, Client
    from reflekt_core.errors import ReflektError

__all__ = ["AsyncClient", "Client", "Reflekt", "ReflektError"]

_HOMES = {
    "AsyncClient": "reflekt_core.client",
    "Client": "reflekt_core.client",
    "Reflekt": "reflekt_core.app",
    "ReflektError": "reflekt_core.errors",
}


def __getattr__(name: str) -> Any:
    # Loaded at first use, so that importing the package costs next to nothing.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
