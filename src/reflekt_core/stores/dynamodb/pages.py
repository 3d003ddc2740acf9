"""Pages of what a query finds."""

from collections.abc import Iterable
from typing import Final, TypeVar

from reflekt_core.model.paging import Page, Position

__all__ = ["PAGE_ITEMS", "filled"]

T = TypeVar("T")

PAGE_ITEMS: Final = 1000
"""How many items one call examines at most."""

_PAGE_BYTES: Final = 4_000_000


def filled(found: Iterable[tuple[Position, int, T | None]], limit: int) -> Page[T]:
    """
    Return a page of up to *limit* values.

    Args:
        found: Of each item where to go on after it, the size of its body, and its value; None if
            it was examined but is not asked for.
        limit: How many values the page may hold.
    """
    items: list[T] = []
    size = 0
    after: Position | None = None
    for examined, (position, more, value) in enumerate(found):
        full = len(items) >= limit and value is not None
        if full or examined >= PAGE_ITEMS or (after and size + more > _PAGE_BYTES):
            return Page(tuple(items), after)
        if value is not None:
            items.append(value)
        size += more
        after = position
    return Page(tuple(items))
