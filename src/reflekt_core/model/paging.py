"""Pages of a longer list."""

from collections.abc import Callable, Iterator
from typing import Annotated, Generic, TypeVar

import attrs

from reflekt_core.model.fields import Range, check

__all__ = ["Limit", "Page", "PageSize", "Position", "through"]

T = TypeVar("T")

Position = tuple[str | int | None, ...]
"""Where a list goes on, as plain values. Only the HTTP layer turns it into a signed cursor."""

Limit = Annotated[int, Range(1, 100)]
"""How many items a page may hold."""


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


def through(read: Callable[[Position | None], Page[T]]) -> Iterator[T]:
    """Go through the items of every page; *read* returns the page at a position."""
    page = read(None)
    yield from page
    while page.next is not None:
        page = read(page.next)
        yield from page
