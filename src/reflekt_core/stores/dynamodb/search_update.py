"""
Bringing the search index up to date, in steps of which each counts whole or not at all.

Which changes the index lacks is told by the sequence of changes, not by events: an event only says
that it is time to look. So neither order nor repetition of events matters, and none can be lost.

Changes are taken in few at a time, as small segments; these are merged into segments in few parts,
and those into segments in many. Segments are added and replaced, and do not change but for two
things: what is known of them tells which of their entries are gone, or told of elsewhere by now; and
words of such entries are cleared. A number of a segment is never used again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import attrs

from reflekt_core.errors import StoreError, Unavailable
from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, Tombstone
from reflekt_core.stores.dynamodb.database import MAX_WRITES, Write, checked
from reflekt_core.stores.dynamodb.entries import DynamoDBEntries, chunks
from reflekt_core.stores.dynamodb.postings import (
    Doc,
    Lists,
    counts_of,
    doc_of,
    id_word,
    listed,
    lists_of,
    merged,
    pack,
    pack_docs,
    part_of,
    parts_of,
)
from reflekt_core.stores.dynamodb.search_state import (
    TABLE,
    Directory,
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
from reflekt_core.stores.dynamodb.tables import Item

__all__ = ["DAMAGED", "Updater"]

T = TypeVar("T")

DAMAGED: Final = "the search index is damaged: rebuild it"

_ROUNDS: Final = 64
_TEXT_AT_ONCE: Final = 200_000
_STALE: Final = 4
"""Of one in so many entries the words may stay in a segment after they are gone."""

_Change = tuple[int, UUID]
_Places = list[tuple[Segment, int, Doc, bool]]
"""Where an entry is told of: the segment, its number there, what is kept of it, whether it is dead."""


@attrs.define
class _Batch:
    """What becomes of some changes: entries to tell of, and numbers in segments that are gone."""

    new: list[Entry] = attrs.field(factory=list)
    gone: dict[int, set[int]] = attrs.field(factory=dict)
    owed: set[int] = attrs.field(factory=set)

    def add(self, entry: Entry | Tombstone | None, places: _Places) -> None:
        """Take in that the entry is as it is now, and was told of at *places*."""
        findable = entry if isinstance(entry, Entry) and not entry.trashed_at else None
        known = findable and doc_of(findable)
        for segment, number, doc, dead in places:
            if isinstance(entry, Tombstone):
                self.owed.add(segment.number)
            if dead:
                continue
            if doc == known:
                return
            self.gone.setdefault(segment.number, set()).add(number)
        if findable:
            self.new.append(findable)


@attrs.frozen
class Updater:
    """Keeps the index of each user."""

    index: Index
    entries: DynamoDBEntries
    limits: Limits

    def update(self, account: Account, entry_id: UUID) -> None:
        """
        Take in what has changed if it is much, or if *entry_id* was deleted for good.

        Raises:
            StoreError: The index is damaged.
            Unavailable: There is too much to do at once to be done with what was deleted for good.
        """
        done = self._until(lambda: self._updated(account, entry_id) or None)
        if not done and self._is_gone(account.user_id, entry_id):
            raise Unavailable("the search index is far behind; try again")

    def _until(self, step: Callable[[], T | None]) -> T | None:
        """Do *step* until it returns something; None if there was too much to do at once."""
        torn = 0
        for _ in range(_ROUNDS):
            try:
                if (done := step()) is not None:
                    return done
            except Torn:
                torn += 1
        if torn == _ROUNDS:
            raise StoreError(DAMAGED)
        return None

    def _updated(self, account: Account, entry_id: UUID) -> bool:
        """Do one step; return whether nothing is left to do."""
        seen = self._look(account)
        if self._tidied(account, seen, live=True):
            return False
        upto = seen.state.live.upto
        changes = self.entries.numbered(account.user_id, upto, self.limits.batch)
        if not self._is_due(account.user_id, changes, entry_id):
            return not self._forgets_beside(account, seen, entry_id)
        self._take_in(account, seen, changes, live=True)
        return False

    def rebuild(self, account: Account, after: int | None, limit: int) -> int | None:
        """
        Take up to *limit* changes into an index beside the live one, which it replaces at the end.

        Args:
            account: Whose index.
            after: What the step before returned; None begins anew.
            limit: How many.

        Returns:
            Up to which change it may tell now; None at the end.

        Raises:
            StoreError: The index is damaged.
        """
        done = self._until(lambda: self._rebuilt(account, after, limit))
        return after if done is None else done[0]

    def _rebuilt(self, account: Account, after: int | None, limit: int) -> tuple[int | None] | None:
        """Do one step; return what `rebuild` returns, in a tuple, or None if it must be repeated."""
        seen = self._look(account)
        building = seen.state.rebuilt
        if after is None:
            if not seen.version and not self.entries.numbered(account.user_id, 0, 1):
                return (None,)
            return (0,) if self._begin(account, seen) else None
        if self._tidied(account, seen, live=building is None):
            return None
        if building is None:
            return (None,)
        changes = self.entries.numbered(account.user_id, building.upto, limit)
        if len(changes) < limit and len(changes) <= self.limits.pending:
            self._end(account, seen)
            return None
        self._take_in(account, seen, changes, live=False)
        return (changes[-1][0],)

    def _look(self, account: Account) -> Seen:
        head, seen = self.index.look(account.user_id)
        checked(account, head)
        return seen

    def _begin(self, account: Account, seen: Seen) -> bool:
        """Begin an index beside the live one."""
        state = seen.state
        fresh = Directory(fresh=self._latest(account.user_id))
        old = state.rebuilt.segments if state.rebuilt else ()
        new = attrs.evolve(state, rebuilt=fresh, garbage=(*state.garbage, *old))
        return self.index.store(account, seen, new, merges=1)

    def _end(self, account: Account, seen: Seen) -> bool:
        """Put the index that was built beside the live one in its place."""
        state = seen.state
        garbage = (*state.garbage, *state.live.segments)
        new = attrs.evolve(state, live=state.directory(live=False), rebuilt=None, garbage=garbage)
        return self.index.store(account, seen, new, merges=1)

    def _latest(self, user_id: str) -> int:
        """Return the number of the last change."""
        found = self.entries.numbered(user_id, 0, 1, latest=True)
        return found[0][0] if found else 0

    def _is_due(self, user_id: str, changes: Sequence[_Change], entry_id: UUID) -> bool:
        if len(changes) > self.limits.pending:
            return True
        return entry_id in {id for _, id in changes} and self._is_gone(user_id, entry_id)

    def _is_gone(self, user_id: str, entry_id: UUID) -> bool:
        """Tell whether an entry was deleted for good."""
        found = self.entries.many(user_id, [entry_id])
        return entry_id in found and isinstance(found[entry_id][0], Tombstone)

    def _forgets_beside(self, account: Account, seen: Seen, entry_id: UUID) -> bool:
        """
        Do one step to forget what is gone for good in an index that is being built anew, too.

        Whoever builds it may never come back. Returns whether there was anything to do.
        """
        building, user_id = seen.state.rebuilt, account.user_id
        if building is None or not building.segments or not self._is_gone(user_id, entry_id):
            return False
        if any(map(self._is_unclean, building.segments)):
            return self._tidied(account, seen, live=False)
        (entry, _) = self.entries.many(user_id, [entry_id])[entry_id]
        change = (building.fresh + 1, entry_id)
        places = self._places(user_id, building, [change], {entry_id: entry}).get(entry_id, [])
        batch = _Batch()
        batch.add(entry, [one for one in places if not one[3] or one[0].cleared < one[0].dead])
        if not batch.owed:
            return False
        marked, writes = self._marked(user_id, building.segments, batch)
        after = attrs.evolve(building, segments=tuple(marked))
        self.index.store(account, seen, seen.state.replaced(after, live=False), writes)
        return True

    # Taking in changes.

    def _take_in(
        self, account: Account, seen: Seen, changes: Sequence[_Change], *, live: bool
    ) -> None:
        """Tell of the first of *changes*."""
        user_id = account.user_id
        directory = seen.state.directory(live=live)
        if not directory.upto and not directory.fresh:
            directory = attrs.evolve(directory, fresh=self._latest(user_id))
            # Looked at after that number: what was written in between stands beyond it by now.
            changes = self.entries.numbered(user_id, 0, len(changes))
        found = self.entries.many(user_id, (id for _, id in changes))
        now = {id: found[id][0] if id in found else None for _, id in changes}
        changes = changes[: _fitting([now[id] for _, id in changes])]
        places = self._places(user_id, directory, changes, now)
        batch = _Batch()
        for _, id in changes:
            batch.add(now[id], places.get(id, []))
        marked, writes = self._marked(user_id, directory.segments, batch)
        added, items, next_ = self._segment(user_id, seen.state.next, batch.new)
        writes += map(self.index.put, items)
        if len(writes) >= MAX_WRITES:
            self._take_in(account, seen, changes[: len(changes) // 2], live=live)
            return
        after = attrs.evolve(directory, upto=changes[-1][0], segments=(*marked, *added))
        state = attrs.evolve(seen.state.replaced(after, live=live), next=next_)
        self.index.store(account, seen, state, writes)

    def _segment(
        self, user_id: str, number: int, new: Sequence[Entry]
    ) -> tuple[list[Segment], list[Item], int]:
        """Return a segment of *new* entries if there are any, its items, and the next number."""
        if not new:
            return [], [], number
        in_order = sorted(new, key=lambda entry: (entry.occurred_at, entry.id))
        lists = lists_of(map(counts_of, in_order))
        segment, items, next_ = self._built(user_id, number, list(map(doc_of, in_order)), lists)
        return [segment], items, next_

    def _built(
        self, user_id: str, number: int, docs: Sequence[Doc], lists: Lists
    ) -> tuple[Segment, list[Item], int]:
        """Return a segment of *docs*, which are in order of time, its items, and the next number."""
        item, form = self.index.item, self.limits
        packed = pack(lists)
        if len(packed) <= form.whole and len(docs) <= form.chunk:
            info = _info((number,), [docs])
            one = item(user_id, info_key(number), info, p=packed, c=pack_docs(docs))
            return Segment(number, 0, len(packed), len(docs)), [one], number + 1
        cut = list(chunks(docs, form.chunk))
        numbers = tuple(range(number, number + len(cut)))
        items = [item(user_id, info_key(number), _info(numbers, cut))]
        items += [
            item(user_id, chunk_key(chunk), c=pack_docs(some))
            for chunk, some in zip(numbers, cut, strict=True)
        ]
        parts = self._parts(
            user_id, number, form.few_bits, parts_of(lists, form.few_bits, len(docs))
        )
        segment = Segment(number, form.few_bits, sum(map(_words_size, parts)), len(docs))
        return segment, items + parts, number + len(cut)

    def _parts(self, user_id: str, number: int, bits: int, parts: Iterable[Lists]) -> list[Item]:
        return [
            self.index.item(user_id, part_key(bits, place, number), p=pack(part))
            for place, part in enumerate(parts)
        ]

    def _places(
        self,
        user_id: str,
        directory: Directory,
        changes: Sequence[_Change],
        now: Mapping[UUID, Entry | Tombstone | None],
    ) -> dict[UUID, _Places]:
        """Return where those of the entries changed that may be told of already are."""
        # A first version was not there before, nor was what the index has not come to until now.
        wanted = {
            id
            for number, id in changes
            if number > directory.fresh and (entry := now[id]) and entry.version > 1
        }
        found: dict[UUID, _Places] = {}
        if not wanted or not directory.segments:
            return found
        items = self.index.overview(user_id, consistent=True)
        items |= self._parts_with(user_id, directory, wanted)
        for segment in directory.segments:
            info = self.index.info(user_id, items, segment)
            for number, doc in self._told_of(user_id, items, segment, info, wanted):
                if doc.id in wanted:
                    place = (segment, number, doc, number in info.dead)
                    found.setdefault(doc.id, []).append(place)
        return found

    def _parts_with(
        self, user_id: str, directory: Directory, ids: Iterable[UUID]
    ) -> dict[str, Item]:
        """Return the parts that tell of entries by their *ids*."""
        forms = {segment.bits for segment in directory.segments} - {0}
        places = {(bits, part_of(id_word(id), bits)) for bits in forms for id in ids}
        return self._read([partial(self.index.part, user_id, *place) for place in sorted(places)])

    def _told_of(
        self,
        user_id: str,
        items: Mapping[str, Item],
        segment: Segment,
        info: Info,
        wanted: Iterable[UUID],
    ) -> Iterator[tuple[int, Doc]]:
        """Yield the entries of a segment that may be those *wanted*, with their numbers."""
        if not segment.bits:
            yield from enumerate(self.index.docs(user_id, items, info_key(segment.number)))
            return
        numbers: set[int] = set()
        for word in map(id_word, wanted):
            key = part_key(segment.bits, part_of(word, segment.bits), segment.number)
            packed = self.index.words(user_id, items, key).get(word)
            numbers |= ((listed(packed) if packed else None) or {}).keys()
        size = self.limits.chunk
        keys = {n // size: chunk_key(info.chunks[n // size]) for n in numbers}
        read = self.index.database.get_many(TABLE, user_id, keys.values())
        docs = {place: self.index.docs(user_id, read, key) for place, key in keys.items()}
        yield from ((n, docs[n // size][n % size]) for n in numbers)

    def _marked(
        self, user_id: str, segments: Iterable[Segment], batch: _Batch
    ) -> tuple[list[Segment], list[Write]]:
        """Return *segments* with what is gone marked dead, and the writes that mark it."""
        items = self.index.database.get_many(TABLE, user_id, map(info_key, batch.gone))
        marked: list[Segment] = []
        writes: list[Write] = []
        for segment in segments:
            key, many = info_key(segment.number), segment.dead
            if gone := batch.gone.get(segment.number):
                info = self.index.info(user_id, items, segment)
                dead = tuple(sorted(gone.union(info.dead)))
                many = len(dead)
                written = self.index.item(user_id, key, attrs.evolve(info, dead=dead))
                writes.append(self.index.put(items[key] | written))
            owed = many if segment.number in batch.owed else segment.owed
            marked.append(attrs.evolve(segment, dead=many, owed=owed))
        return marked, writes

    # Tidying.

    def _tidied(self, account: Account, seen: Seen, *, live: bool) -> bool:
        """Do one thing that is left to do; return whether there was any."""
        if seen.state.garbage:
            self._sweep(account, seen)
            return True
        directory = seen.state.directory(live=live)
        for segment in directory.segments:
            if segment.dead == segment.docs:
                self._replace(account, seen, [segment], [], live=live)
                return True
            if self._is_unclean(segment):
                self._clear(account, seen, segment, live=live)
                return True
        some = self._mergeable(directory)
        if some and some[0].bits:
            self._join(account, seen, some, live=live)
        elif some:
            self._merge(account, seen, some, live=live)
        elif seen.state.begun:
            self._abandon(account, seen)
        else:
            return False
        return True

    def _abandon(self, account: Account, seen: Seen) -> None:
        """Give up segments that somebody began to write, and with which nobody will go on."""
        garbage = (*seen.state.garbage, *seen.state.begun)
        state = attrs.evolve(seen.state, begun=(), garbage=garbage)
        self.index.store(account, seen, state, merges=1)

    def _is_unclean(self, segment: Segment) -> bool:
        """Tell whether words must be cleared: of what is gone for good at once, else when many are."""
        stale = (segment.dead - segment.cleared) * _STALE > segment.docs
        return segment.owed > segment.cleared or (stale and segment.bits == self.limits.many_bits)

    def _mergeable(self, directory: Directory) -> list[Segment]:
        limits = self.limits
        for bits, enough in ((0, limits.small), (limits.few_bits, limits.large)):
            found = [segment for segment in directory.segments if segment.bits == bits]
            if len(found) >= limits.segments or sum(s.size for s in found) >= enough:
                some = _fitting_segments(found, limits.largest)
                if len(some) > 1:
                    return some
                if bits:  # all are so large that each is better alone in many parts
                    return [max(found, key=lambda segment: segment.size)]
        return []

    def _merge(self, account: Account, seen: Seen, some: Sequence[Segment], *, live: bool) -> None:
        """Replace small segments by one that tells what they tell, without what is gone."""
        user_id = account.user_id
        items = self.index.database.get_many(TABLE, user_id, (info_key(s.number) for s in some))
        kept: list[tuple[Doc, int, int]] = []
        for place, segment in enumerate(some):
            info = self.index.info(user_id, items, segment)
            docs = self.index.docs(user_id, items, info_key(segment.number))
            kept += [(docs[n], place, n) for n in alive(info, self.limits.chunk)]
        kept.sort(key=lambda one: (one[0].at, one[0].id))
        renumbered: list[dict[int, int]] = [{} for _ in some]
        for new, (_, place, old) in enumerate(kept):
            renumbered[place][old] = new
        lists = merged(
            (_lists(self.index.words(user_id, items, info_key(segment.number))), numbers)
            for segment, numbers in zip(some, renumbered, strict=True)
        )
        number = seen.state.next
        one, made, next_ = self._built(user_id, number, [doc for doc, _, _ in kept], lists)
        state = attrs.evolve(seen.state, next=next_)
        self._replace(account, attrs.evolve(seen, state=state), some, [one], made, live=live)

    def _join(self, account: Account, seen: Seen, some: Sequence[Segment], *, live: bool) -> None:
        """Replace segments in parts by one; their chunks stay, one after the other."""
        user_id, number = account.user_id, seen.state.next
        total = sum(segment.size for segment in some)
        form = self.limits
        bits = form.many_bits if total * 2 >= form.large or len(some) == 1 else form.few_bits
        infos = self._infos(user_id, some)
        lists = self._joined_lists(user_id, some, infos)
        entries = sum(
            segment.docs - len(info.dead) for segment, info in zip(some, infos, strict=True)
        )
        parts = self._parts(user_id, number, bits, parts_of(lists, bits, entries))
        begun = Segment(number, bits, sum(map(_words_size, parts)), sum(s.docs for s in some))
        state = attrs.evolve(seen.state, next=number + 1, begun=(*seen.state.begun, begun))
        if not self.index.store(account, seen, state):
            return
        for writes in chunks(map(self.index.put, parts), MAX_WRITES - 1):
            if not self.index.add(account, writes, m=seen.merges):
                return
        cleared = begun.docs - entries
        for _ in range(_ROUNDS):
            seen, before = self._look(account), seen
            if seen.merges != before.merges:
                return  # somebody else has replaced segments: what was written here is garbage
            now = {s.number: s for s in seen.state.directory(live=live).segments}
            if self._count(account, seen, [now[s.number] for s in some], begun, cleared, live=live):
                return

    def _count(  # noqa: PLR0913 - what is replaced where, and by what
        self,
        account: Account,
        seen: Seen,
        some: Sequence[Segment],
        begun: Segment,
        cleared: int,
        *,
        live: bool,
    ) -> bool:
        """Let the segment that was written count instead of *some*."""
        user_id = account.user_id
        info = _concatenated(self._infos(user_id, some), self.limits.chunk)
        one = attrs.evolve(
            begun,
            dead=len(info.dead),
            cleared=cleared,
            owed=len(info.dead) if any(segment.owed for segment in some) else 0,
        )
        state = seen.state
        left = tuple(s for s in state.begun if s.number != begun.number)
        state = attrs.evolve(state, begun=(), garbage=(*state.garbage, *left))
        item = self.index.item(user_id, info_key(begun.number), info)
        return self._replace(
            account, attrs.evolve(seen, state=state), some, [one], [item], live=live
        )

    def _infos(self, user_id: str, some: Sequence[Segment]) -> list[Info]:
        items = self.index.database.get_many(TABLE, user_id, (info_key(s.number) for s in some))
        return [self.index.info(user_id, items, segment) for segment in some]

    def _joined_lists(self, user_id: str, some: Sequence[Segment], infos: Sequence[Info]) -> Lists:
        """Return the lists of segments in few parts as one, without what is gone."""
        bits = self.limits.few_bits
        items = self._read([partial(self.index.part, user_id, bits, p) for p in range(1 << bits)])
        renumbered = _renumbered(infos, self.limits.chunk)
        found: Lists = {}
        for part in range(1 << bits):
            keys = [part_key(bits, part, segment.number) for segment in some]
            found |= merged(
                (_lists(self.index.words(user_id, items, key)), numbers)
                for key, numbers in zip(keys, renumbered, strict=True)
            )
        return found

    def _clear(self, account: Account, seen: Seen, segment: Segment, *, live: bool) -> None:
        """Take the words of entries that are gone out of a segment."""
        user_id = account.user_id
        (info,) = self._infos(user_id, [segment])
        (kept,) = _renumbered([info], self.limits.chunk)
        keys = _part_keys(segment) or [info_key(segment.number)]
        items = self.index.database.get_many(TABLE, user_id, keys)
        writes = []
        for key in keys:
            lists = _lists(self.index.words(user_id, items, key))
            if any(numbers and numbers.keys() - kept.keys() for numbers in lists.values()):
                cleared = self.index.item(user_id, key, p=pack(_cleared(lists, kept)))
                writes.append(self.index.put(items[key] | cleared))
        for some in chunks(writes, MAX_WRITES - 1):
            if not self.index.add(account, some, n=seen.version):
                return
        after = attrs.evolve(segment, cleared=len(info.dead))
        directory = seen.state.directory(live=live)
        segments = tuple(after if s == segment else s for s in directory.segments)
        changed = attrs.evolve(directory, segments=segments)
        self.index.store(account, seen, seen.state.replaced(changed, live=live))

    def _replace(  # noqa: PLR0913 - what is replaced where, and by what
        self,
        account: Account,
        seen: Seen,
        some: Sequence[Segment],
        by: Sequence[Segment],
        items: Sequence[Item] = (),
        *,
        live: bool,
    ) -> bool:
        """Let the segment *by* count instead of *some*, with its *items*; by none, drop them."""
        user_id = account.user_id
        directory = seen.state.directory(live=live)
        segments = [s for s in directory.segments if s not in some]
        place = directory.segments.index(some[0])
        segments[place:place] = by
        changed = attrs.evolve(directory, segments=tuple(segments))
        garbage = [s for s in some if s.bits or not by]
        state = attrs.evolve(
            seen.state.replaced(changed, live=live), garbage=(*seen.state.garbage, *garbage)
        )
        writes = [*map(self.index.put, items)]
        if by:  # else what is known of them tells which chunks are to be deleted
            writes += [self.index.delete(user_id, info_key(s.number)) for s in some]
        return self.index.store(account, seen, state, writes, merges=1)

    def _sweep(self, account: Account, seen: Seen) -> None:
        """Delete the items of segments that no longer count."""
        user_id = account.user_id
        garbage = seen.state.garbage
        infos = self.index.database.get_many(TABLE, user_id, (info_key(s.number) for s in garbage))
        for segment in garbage:
            keys = _part_keys(segment)
            if (key := info_key(segment.number)) in infos:
                info = self.index.info(user_id, infos, segment)
                keys += [chunk_key(chunk) for chunk in info.chunks if segment.bits] + [key]
            deletions = (self.index.delete(user_id, key) for key in keys)
            for some in chunks(deletions, MAX_WRITES - 1):
                self.index.add(account, some)
        self.index.store(account, seen, attrs.evolve(seen.state, garbage=()))

    def _read(self, calls: Sequence[partial[dict[str, Item]]]) -> dict[str, Item]:
        """Return the items that *calls* return, as the last writes left them."""
        found: dict[str, Item] = {}
        for items in together([partial(call, consistent=True) for call in calls]):
            found |= items
        return found


def _fitting(entries: Sequence[Entry | Tombstone | None]) -> int:
    """Return how many of *entries* to take in at once, so that their words fit: at least one."""
    size = 0
    for place, entry in enumerate(entries):
        size += len(entry.content.encode()) if isinstance(entry, Entry) else 0
        if place and size > _TEXT_AT_ONCE:
            return place
    return len(entries)


def _info(numbers: tuple[int, ...], cut: Sequence[Sequence[Doc]]) -> Info:
    return Info(
        numbers,
        tuple(map(len, cut)),
        tuple(docs[0].at // 1_000_000 for docs in cut),
        tuple(-(-docs[-1].at // 1_000_000) for docs in cut),
    )


def _concatenated(infos: Sequence[Info], size: int) -> Info:
    start = 0
    dead: list[int] = []
    for info in infos:
        dead += [start + n for n in info.dead]
        start += size * len(info.chunks)
    return Info(
        tuple(chunk for info in infos for chunk in info.chunks),
        tuple(docs for info in infos for docs in info.docs),
        tuple(at for info in infos for at in info.oldest),
        tuple(at for info in infos for at in info.newest),
        tuple(dead),
    )


def _renumbered(infos: Sequence[Info], size: int) -> list[dict[int, int]]:
    """Return, for each of several segments that become one, the new numbers of those not dead."""
    found, start = [], 0
    for info in infos:
        found.append({n: start + n for n in alive(info, size)})
        start += size * len(info.chunks)
    return found


def _lists(words: Mapping[str, bytes]) -> Lists:
    return {word: listed(packed) for word, packed in words.items()}


def _cleared(lists: Lists, kept: Mapping[int, int]) -> Lists:
    left: Lists = {
        word: None if numbers is None else {n: c for n, c in numbers.items() if n in kept}
        for word, numbers in lists.items()
    }
    return {word: numbers for word, numbers in left.items() if numbers is None or numbers}


def _words_size(item: Item) -> int:
    return len(item["p"]["B"])


def _part_keys(segment: Segment) -> list[str]:
    if not segment.bits:
        return []
    return [part_key(segment.bits, part, segment.number) for part in range(1 << segment.bits)]


def _fitting_segments(found: Iterable[Segment], most: int) -> list[Segment]:
    """Return the first of the segments *found* that come to no more than *most*."""
    some, size = [], 0
    for segment in found:
        if size + segment.size <= most:
            some.append(segment)
            size += segment.size
    return some
