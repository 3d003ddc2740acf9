"""Pages of a longer list."""

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, Generic, TypeVar

import attrs

from reflekt_core.model.fields import Range, check
from reflekt_core.views import as_html

__all__ = ["MOST_EXAMINED", "Limit", "Page", "PageSize", "Position", "filled", "through"]

T = TypeVar("T")

Position = tuple[str | int | None, ...]
"""Where a list goes on, as plain values. Only the HTTP layer turns it into a signed cursor."""

Limit = Annotated[int, Range(1, 100)]
"""How many items a page may hold."""

MOST_EXAMINED: Final = 1000
"""How many stored items one call looks at, at most."""

_PAGE_BYTES: Final = 4_000_000


@attrs.frozen
class PageSize:
    """A limit that was checked."""

    limit: Limit = 20

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Page(Generic[T]):
    """
    Some items of a list, in its order.

    `next` is where the list goes on; None when this is the end. A filtered page may be short, even
    empty, and still have one.
    """

    items: tuple[T, ...]
    next: Position | None = None

    def __iter__(self) -> Iterator[T]:
        """Go through the items of this page."""
        return iter(self.items)

    def __len__(self) -> int:
        """Count the items of this page."""
        return len(self.items)

    _repr_html_ = as_html


def through(read: Callable[[Position | None], Page[T]]) -> Iterator[T]:
    """Go through the items of every page; *read* returns the page at a position."""
    page = read(None)
    yield from page
    while page.next is not None:
        page = read(page.next)
        yield from page


def filled(found: Iterable[tuple[Position, int, T | None]], limit: int) -> Page[T]:
    """
    Return a page of up to *limit* values and about 4 MB.

    Args:
        found: Of each stored item where to go on after it, the size of its body, and its value; None
            if it was examined but is not asked for.
        limit: How many values the page may hold.
    """
    items: list[T] = []
    size = 0
    after: Position | None = None
    for examined, (position, more, value) in enumerate(found):
        full = len(items) >= limit and value is not None
        if full or examined >= MOST_EXAMINED or (after and size + more > _PAGE_BYTES):
            return Page(tuple(items), after)
        if value is not None:
            items.append(value)
        size += more
        after = position
    return Page(tuple(items))
