"""
A journal in a notebook: DataFrames, plots, and a sample journal to try them on.

    >>> from reflekt_core.notebook import sample
    >>> reflekt = sample()
    >>> reflekt.analytics.trends().totals.days_with_entries
    22

DataFrames and plots need pandas and matplotlib: ``pip install 'reflekt-journal[notebook]'``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reflekt_core.notebook import plots
    from reflekt_core.notebook.frames import hours_frame, moods_frame, to_dataframe, topics_frame
    from reflekt_core.notebook.sample import sample

__all__ = ["hours_frame", "moods_frame", "plots", "sample", "to_dataframe", "topics_frame"]

_HOMES = {
    "hours_frame": "reflekt_core.notebook.frames",
    "moods_frame": "reflekt_core.notebook.frames",
    "sample": "reflekt_core.notebook.sample",
    "to_dataframe": "reflekt_core.notebook.frames",
    "topics_frame": "reflekt_core.notebook.frames",
}


def __getattr__(name: str) -> Any:
    # Loaded at first use: the sample journal needs neither pandas nor matplotlib.
    if name == "plots":
        return import_module("reflekt_core.notebook.plots")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Kept, for a module of the same name would take its place once it is loaded.
    globals()[name] = found = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
