"""
The formats of journals: a table from name to ``module:Class``.

A new format is one module and one row.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from reflekt_core.errors import InvalidInput, MalformedInput
from reflekt_core.formats.csv_rows import columns_needed
from reflekt_core.formats.sources import unreadable

if TYPE_CHECKING:
    from reflekt_core.ports import Format, Source

__all__ = ["FORMATS", "format_of", "open_format", "recognised", "unknown"]

# In the order in which they are tried: those that are surest to recognise their own come first.
FORMATS: Final = {
    "json": "reflekt_core.formats.own:JSONFormat",
    "ndjson": "reflekt_core.formats.own:NDJSONFormat",
    "dayone": "reflekt_core.formats.dayone:DayOneFormat",
    "jrnl-json": "reflekt_core.formats.jrnl:JrnlJSONFormat",
    "daylio": "reflekt_core.formats.daylio:DaylioFormat",
    "csv": "reflekt_core.formats.spreadsheet:CSVFormat",
    "markdown": "reflekt_core.formats.markdown:MarkdownFormat",
    "jrnl": "reflekt_core.formats.jrnl:JrnlFormat",
}


def open_format(name: str) -> "Format":
    """
    Return the format called *name*.

    Raises:
        InvalidInput: There is none of that name.
    """
    if name not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise InvalidInput.field("format", f"must be one of {known}, or auto")
    module, _, cls = FORMATS[name].partition(":")
    found: Format = getattr(import_module(module), cls)()
    return found


def format_of(source: "Source") -> "Format | None":
    """Return the format of *source* as a whole, by its content; None if it is of none that is known."""
    return next(filter(lambda one: one.recognises(source), map(open_format, FORMATS)), None)


def recognised(source: "Source") -> "Format":
    """
    Return the format of *source*, by its content.

    Raises:
        MalformedInput: It is of none that is known.
    """
    if (found := format_of(source)) is None:
        raise unknown(source)
    return found


def unknown(source: "Source") -> MalformedInput:
    """Return the error that says that *source* is of no format known here, and what it would take."""
    if not source.files:
        return MalformedInput(f"{source.name} holds no files")
    if len(source.files) == 1:
        if problem := unreadable(source.files[0]):
            return MalformedInput(f"{source.files[0].name} {problem}")
        if needed := columns_needed(source.files[0]):
            return MalformedInput(f"{source.files[0].name} {needed}")
    known = ", ".join(sorted(FORMATS))
    return MalformedInput(f"{source.name} is of no format known here; known: {known}")
