"""What requests for entries and tags say, and the lists they get."""

from typing import Annotated

import attrs

from reflekt_core.model.entries import Change, Day, Entry, EntryFilter, Order, Tag
from reflekt_core.model.fields import Text, check
from reflekt_core.model.paging import Position
from reflekt_core.views import as_html

__all__ = [
    "Anniversary",
    "Changes",
    "EntryDeletion",
    "EntryListing",
    "EntrySearch",
    "Hit",
    "TagName",
]


@attrs.frozen
class TagName:
    """The new name of a tag."""

    name: Tag

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class EntryListing(EntryFilter):
    """Which entries to list, and in which direction of time."""

    order: Order = Order.DESC
    """By time: the newest first, or the oldest."""


@attrs.frozen(kw_only=True)
class EntrySearch(EntryFilter):
    """What to search for, and among which entries."""

    q: Annotated[str, Text(500, min_length=1, example='"by the sea" swim* -rain')]
    """Words that must all be there; `"a phrase"`, `begin*` and `-without` are understood."""


@attrs.frozen
class EntryDeletion:
    """Whether to delete for good rather than to the trash."""

    permanent: bool = False
    """For good, rather than to the trash."""


@attrs.frozen
class Anniversary:
    """A day, whose month and day are looked for in earlier years; today, if left out."""

    date: Day | None = None
    """The day; today, if left out."""

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class Hit:
    """
    An entry that a search found.

    `score` orders the hits of one search. `snippet` is HTML: a part of the text, escaped, with the
    hits in ``<mark>``.
    """

    entry: Entry
    score: float
    snippet: str

    _repr_html_ = as_html


@attrs.frozen
class Changes:
    """
    Changes since a cursor: what entries are now, or that they are gone.

    `cursor` is where to go on, now if `has_more`, else whenever something may have changed.
    """

    items: tuple[Change, ...]
    cursor: Position
    has_more: bool
