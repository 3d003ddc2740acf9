"""
How values show themselves in a notebook: as HTML, and as DataFrames of pandas.

What makes them stands above the values, in `reflekt_core.notebook`. It is named here and not
imported, so that a value knows nothing of it, and who is in no notebook loads nothing.
"""

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["as_dataframe", "as_html", "journal_as_dataframe"]

_HTML: Final = "reflekt_core.notebook.html"
_FRAMES: Final = "reflekt_core.notebook.frames"


def as_html(value: Any) -> str | None:
    """Return *value* as HTML with everything escaped; None if it has no look of its own."""
    made: str | None = import_module(_HTML).to_html(value)
    return made


def as_dataframe(value: Any) -> "DataFrame":
    """
    Return *value* as a DataFrame; see `reflekt_core.notebook.to_dataframe`.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    made: DataFrame = import_module(_FRAMES).to_dataframe(value)
    return made


def journal_as_dataframe(
    entries: Callable[..., Any], categories: Callable[..., Any], **wanted: Any
) -> "DataFrame":
    """
    Return the entries that the lists of a journal hold as a DataFrame.

    Raises:
        ConfigurationError: pandas is not installed.
    """
    made: DataFrame = import_module(_FRAMES).journal(entries, categories, **wanted)
    return made
