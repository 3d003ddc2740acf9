"""
What a query means.

Under construction.
"""

import attrs

from reflekt_core.model.entries import Entry

__all__ = ["Match", "Query"]


@attrs.frozen
class Query:
    """A parsed query."""


@attrs.frozen
class Match:
    """An entry that a query matches, and how well."""

    entry: Entry
    score: float
