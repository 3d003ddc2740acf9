"""
Full-text search in a compact index of each user.

The index tells which entries may be meant; the entry as it is stored decides. What the index does
not tell of yet is looked at as well, so that a search sees every write before it, unless more than a
thousand changes wait.

A search takes three rounds of requests, however large the journal: what there is and the parts of
the index with the words looked for; the entries' ids; and the entries.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from heapq import nlargest
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import attrs

from reflekt_core.errors import StoreError
from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone
from reflekt_core.model.paging import MOST_EXAMINED, Page, Position, filled
from reflekt_core.model.search import Match, Query
from reflekt_core.ports import Search
from reflekt_core.stores.dynamodb.database import Database
from reflekt_core.stores.dynamodb.entries import DynamoDBEntries
from reflekt_core.stores.dynamodb.postings import (
    Doc,
    counts_of,
    doc_of,
    lists_of,
    pack,
    part_of,
    unpack,
)
from reflekt_core.stores.dynamodb.search_matching import Words, is_exact, looked_up, scores
from reflekt_core.stores.dynamodb.search_state import (
    TABLE,
    Index,
    Info,
    Limits,
    Seen,
    Segment,
    Torn,
    alive,
    chunk_key,
    info_key,
    part_key,
    together,
)
from reflekt_core.stores.dynamodb.search_update import DAMAGED, Updater
from reflekt_core.stores.dynamodb.tables import HEAD, Codec, Item, microseconds

__all__ = ["DynamoDBSearch"]

_FILTERED_AT_ONCE: Final = 100
_CHANGES_AT_ONCE: Final = 32
_ATTEMPTS: Final = 5
# How far the instant of an entry may lie from its local date, at 0 h UTC, in seconds.
_MARGIN: Final = timedelta(days=3).total_seconds()

_Rows = dict[UUID, tuple[Entry | Tombstone, int]]


@attrs.frozen
class DynamoDBSearch(Search):
    """Search in the index that `update` keeps, and among the entries that it does not tell of yet."""

    _database: Database
    _codec: Codec
    _entries: DynamoDBEntries
    _limits: Limits = attrs.field(factory=Limits)

    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """See `Search`. Hits that *wanted* leaves out count in the offset, too."""
        if wanted.trashed:
            return Page(())
        index = Index(self._database, self._codec)
        for attempt in range(_ATTEMPTS):
            reader = _Reader(index, self._limits, user_id, consistent=attempt > 0)
            try:
                return _Looking(reader, self._entries, query, wanted).page(offset, limit)
            except Torn:  # the index changed while it was read
                continue
        if "erasing" in (self._database.get(TABLE, user_id, HEAD) or {}):
            return Page(())  # what there was is being deleted
        raise StoreError(DAMAGED)

    def update(self, account: Account, entry_id: UUID) -> None:
        """See `Search`."""
        self._updater().update(account, entry_id)

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> Position | None:
        """See `Search`. Until it is done, searches look into the index that was there before."""
        start = int(after[0] or 0) if after else None
        upto = self._updater().rebuild(account, start, limit)
        return None if upto is None else (upto,)

    def _updater(self) -> Updater:
        return Updater(Index(self._database, self._codec), self._entries, self._limits)


class _Candidate(NamedTuple):
    """
    An entry that may be meant: how well, and when it is from, in seconds.

    One in a chunk is known by its place there, and about its time; of others all is known.
    """

    score: float
    oldest: float
    newest: float
    chunk: str = ""
    place: int = 0
    doc: Doc | None = None


@attrs.frozen
class _Reader:
    """Reads the index of one user."""

    index: Index
    limits: Limits
    user_id: str
    consistent: bool
    docs: dict[str, tuple[Doc, ...]] = attrs.field(factory=dict)
    """Those of the chunks read so far."""

    def calls(self, words: Iterable[str]) -> list[Callable[[], dict[str, Item]]]:
        """Return what reads all that tells of *words*, and what there is."""
        forms = (self.limits.few_bits, self.limits.many_bits)
        places = {(bits, part_of(word, bits)) for word in words for bits in forms}
        read = partial(self.index.part, self.user_id, consistent=self.consistent)
        overview = partial(self.index.overview, self.user_id, consistent=self.consistent)
        return [overview, *(partial(read, *place) for place in sorted(places))]

    def candidates(
        self, items: Mapping[str, Item], segment: Segment, query: Query, changed: AbstractSet[UUID]
    ) -> list[_Candidate]:
        """Return what a segment tells may be meant, but for entries that *changed* since."""
        info = self.index.info(self.user_id, items, segment)
        key = info_key(segment.number)

        def part(place: int) -> dict[str, bytes]:
            name = part_key(segment.bits, place, segment.number) if segment.bits else key
            return self.index.words(self.user_id, items, name)

        found = scores(query, Words(segment.bits, part), alive(info, self.limits.chunk))
        if segment.bits:
            return [self._in_chunk(info, number, score) for number, score in found.items()]
        docs = self.index.docs(self.user_id, items, key)
        return [_known(docs[n], found[n]) for n in found if docs[n].id not in changed]

    def _in_chunk(self, info: Info, number: int, score: float) -> _Candidate:
        chunk, place = divmod(number, self.limits.chunk)
        oldest, newest = info.oldest[chunk], info.newest[chunk]
        return _Candidate(score, oldest, newest, chunk_key(info.chunks[chunk]), place)

    def read_chunks(self, candidates: Iterable[_Candidate]) -> None:
        """Read the chunks in which *candidates* stand."""
        keys = {one.chunk for one in candidates if one.chunk} - self.docs.keys()
        found = self.index.database.get_many(
            TABLE, self.user_id, sorted(keys), consistent=self.consistent
        )
        for key in keys:
            self.docs[key] = self.index.docs(self.user_id, found, key)

    def doc(self, candidate: _Candidate) -> Doc:
        """Return all that is known of it, its chunk having been read."""
        return candidate.doc or self.docs[candidate.chunk][candidate.place]


class _Looking:
    """One search."""

    def __init__(
        self, reader: _Reader, entries: DynamoDBEntries, query: Query, wanted: EntryFilter
    ) -> None:
        self._reader = reader
        self._entries = entries
        self._query = query
        self._wanted = wanted

    def page(self, offset: int, limit: int) -> Page[Match]:
        """Return a page of what is found."""
        seen, items, changed = self._overview()
        told = [
            candidate
            for segment in seen.state.live.segments
            for candidate in self._reader.candidates(items, segment, self._query, changed)
            if self._is_timely(candidate)
        ]
        is_all = self._wanted == EntryFilter() and is_exact(self._query)
        at_once = limit + 1 if is_all else min(3 * limit, _FILTERED_AT_ONCE)
        # What changed since the index was written moves what it tells by so many places at most.
        first, _ = _possible(told, max(0, offset - len(changed)), offset + at_once)
        rows = self._first_rows(first, changed)
        found = [*told, *filter(self._is_timely, self._untold(rows))]
        return filled(self._examined(found, rows, changed, offset, at_once), limit)

    def _overview(self) -> tuple[Seen, dict[str, Item], set[UUID]]:
        """Return the index as far as it matters, and the entries changed since it was written."""
        user_id, index = self._reader.user_id, self._reader.index
        latest = partial(self._entries.numbered, user_id, 0, _CHANGES_AT_ONCE, latest=True)
        calls: list[Callable[[], Any]] = [latest, *self._reader.calls(looked_up(self._query))]
        changes, *read = together(calls)
        items: dict[str, Item] = {}
        for some in read:
            items |= some
        seen = index.seen(user_id, items.get(HEAD))
        upto = seen.state.live.upto
        if len(changes) == _CHANGES_AT_ONCE and changes[-1][0] > upto:
            changes = self._entries.numbered(user_id, upto, MOST_EXAMINED, latest=True)
        return seen, items, {id for number, id in changes if number > upto}

    def _first_rows(self, first: Sequence[_Candidate], changed: AbstractSet[UUID]) -> _Rows:
        """Read the first chunks, and return the entries that changed."""
        rows: _Rows = {}
        calls: list[Callable[[], object]] = []
        if first:
            calls.append(partial(self._reader.read_chunks, first))
        if changed:
            calls.append(lambda: rows.update(self._entries.many(self._reader.user_id, changed)))
        together(calls)
        return rows

    def _untold(self, rows: _Rows) -> list[_Candidate]:
        """Return those of the entries changed that may be meant, scored as the index scores."""
        entries = [
            entry
            for entry, _ in rows.values()
            if isinstance(entry, Entry) and entry.trashed_at is None
        ]
        words = unpack(pack(lists_of(map(counts_of, entries))))
        found = scores(self._query, Words(0, lambda _: words), range(len(entries)))
        return [_known(doc_of(entries[n]), score) for n, score in found.items()]

    def _is_timely(self, candidate: _Candidate) -> bool:
        """Tell whether it may be of the time that is wanted."""
        from_, to = self._wanted.from_, self._wanted.to
        return (from_ is None or candidate.newest >= _seconds(from_, -_MARGIN)) and (
            to is None or candidate.oldest <= _seconds(to, _MARGIN)
        )

    # Page by page.

    def _examined(
        self,
        candidates: Sequence[_Candidate],
        rows: _Rows,
        changed: AbstractSet[UUID],
        offset: int,
        at_once: int,
    ) -> Iterator[tuple[Position, int, Match | None]]:
        """Yield what stands from *offset* on, best first: where to go on, its size, and the hit."""
        for start in range(offset, len(candidates), at_once):
            some = self._sorted(candidates, start, start + at_once)
            ids = [self._reader.doc(one).id for one in some]
            new = [id for id in ids if id not in rows and id not in changed]
            rows = rows | self._entries.many(self._reader.user_id, new)
            for place, (one, id) in enumerate(zip(some, ids, strict=True), start + 1):
                entry, size = rows.get(id, (None, 0))
                is_told_elsewhere = bool(one.chunk) and id in changed
                hit = None if is_told_elsewhere else self._match(entry, one.score)
                yield (place,), size, hit

    def _sorted(self, candidates: Sequence[_Candidate], start: int, end: int) -> list[_Candidate]:
        """Return what stands from place *start* to *end*: best first, of equal ones the newest."""
        some, before = _possible(candidates, start, end)
        self._reader.read_chunks(some)

        def order(one: _Candidate) -> tuple[float, int, UUID]:
            doc = self._reader.doc(one)
            return one.score, doc.at, doc.id

        return sorted(some, key=order, reverse=True)[start - before : end - before]

    def _match(self, entry: Entry | Tombstone | None, score: float) -> Match | None:
        if isinstance(entry, Entry) and self._wanted.accepts(entry) and self._query.matches(entry):
            return Match(entry, score)
        return None


def _known(doc: Doc, score: float) -> _Candidate:
    at = doc.at / 1_000_000
    return _Candidate(score, at, at, doc=doc)


def _seconds(moment: date, margin: float) -> float:
    """Return a time in seconds; of a date, with a margin."""
    if isinstance(moment, datetime):
        return microseconds(moment) / 1_000_000
    return microseconds(datetime.combine(moment, time(), UTC)) / 1_000_000 + margin


def _possible(
    candidates: Sequence[_Candidate], start: int, end: int
) -> tuple[list[_Candidate], int]:
    """
    Return those that may stand from place *start* to *end*, and how many surely stand before them.

    Times are known roughly, so that the order is.
    """
    at_least, at_most = itemgetter(0, 1), itemgetter(0, 2)
    some = list(candidates)
    if len(some) > end:
        last = nlargest(end, map(at_least, some))[-1] if end else None
        some = [one for one in some if last and at_most(one) >= last]
    if not start or len(candidates) <= start:
        return some, 0
    first = nlargest(start + 1, map(at_most, candidates))[-1]
    left = [one for one in some if at_least(one) <= first]
    return left, len(some) - len(left)
