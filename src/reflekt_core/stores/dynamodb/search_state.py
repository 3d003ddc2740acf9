"""
What the search index of a user consists of, and how it is read.

Items of the table `search`::

    head        what there is: segments, and up to which change of the entries they tell
    i#segment   the segment's entries, by chunk; of a small segment everything
    p2^bits#part#segment    a part of its words
    c#chunk     up to 128 entries with their ids and times

What a write adds has a name of its own, and counts once the head tells of it. So whoever reads sees
the index as it was or as it is, and of what was left half done nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.stores.dynamodb.database import (
    Database,
    Write,
    changed,
    fence_parts,
    guarded,
    refused,
)
from reflekt_core.stores.dynamodb.postings import Doc, unpack, unpack_docs
from reflekt_core.stores.dynamodb.tables import HEAD, Codec, Item, binary, number, string, whole
from reflekt_core.stores.dynamodb.transport import Cancelled

__all__ = [
    "TABLE",
    "Directory",
    "Index",
    "Info",
    "Limits",
    "Seen",
    "Segment",
    "State",
    "Torn",
    "alive",
    "chunk_key",
    "info_key",
    "part_key",
    "part_start",
    "together",
]

T = TypeVar("T")

TABLE: Final = "search"
_MOST_AT_ONCE: Final = 16


@attrs.frozen
class Limits:
    """
    When segments are made, and of which form. The sizes are in bytes.

    With another size of chunks, or number of bits, an index that is there must be built anew.
    """

    pending: int = 8
    """How many changes wait to be told by the index; until then they are looked at one by one."""
    batch: int = 128
    """How many are taken in at once, at most."""
    chunk: int = 128
    whole: int = 16 * 1024
    """Up to which size a segment is one item."""
    small: int = 40 * 1024
    """The size of all segments that are one item, from which on they are merged."""
    large: int = 256 * 1024
    """The size of all segments in few parts, from which on they are merged."""
    largest: int = 320 * 1024
    """The size that no merged segment has, so that even one in a single part fits into an item."""
    segments: int = 16
    """How many of a form there are before they are merged, whatever their size."""
    few_bits: int = 3
    many_bits: int = 8


@attrs.frozen
class Segment:
    """
    A part of the index, about some entries.

    `dead` counts those of its entries that are gone or told of elsewhere by now, `cleared` those whose
    words it holds no longer, and `owed` those that must not stay.
    """

    number: int
    bits: int
    size: int
    docs: int
    dead: int = 0
    cleared: int = 0
    owed: int = 0


@attrs.frozen
class Directory:
    """The segments that together tell of all changes up to the number `upto`."""

    upto: int = 0
    fresh: int = 0
    """Changes up to this number were there before the index; they are told by none of its segments."""
    segments: tuple[Segment, ...] = ()


@attrs.frozen
class State:
    """What the head tells: the index, the one that is being built anew, and what is to be deleted."""

    live: Directory = Directory()
    rebuilt: Directory | None = None
    next: int = 1
    """The next number of a segment or chunk."""
    begun: tuple[Segment, ...] = ()
    """Segments of which items may have been written, but that do not count yet, or never will."""
    garbage: tuple[Segment, ...] = ()

    def directory(self, *, live: bool) -> Directory:
        """Return the live index, or the one that is being built anew."""
        return self.live if live else self.rebuilt or Directory()

    def replaced(self, directory: Directory, *, live: bool) -> "State":
        """Return this with one of both replaced."""
        if live:
            return attrs.evolve(self, live=directory)
        return attrs.evolve(self, rebuilt=directory)


@attrs.frozen
class Info:
    """
    The entries of one segment, in chunks.

    A number of an entry is the place of its chunk times the size of chunks, and its place there.
    `oldest` and `newest` are the times of each chunk's entries, in seconds, rounded outwards.
    """

    chunks: tuple[int, ...] = ()
    docs: tuple[int, ...] = ()
    oldest: tuple[int, ...] = ()
    newest: tuple[int, ...] = ()
    dead: tuple[int, ...] = ()


@attrs.frozen
class Seen:
    """The head as it was read: its version, how often segments were replaced, and what it tells."""

    version: int
    merges: int
    state: State


def alive(info: Info, chunk: int) -> list[int]:
    """Return the numbers of a segment's entries that are not gone, cut into chunks of this size."""
    dead = frozenset(info.dead)
    return [
        number
        for place, docs in enumerate(info.docs)
        for number in range(place * chunk, place * chunk + docs)
        if number not in dead
    ]


class Torn(Exception):
    """What was read does not belong together: it changed meanwhile, or something is missing."""


def info_key(segment: int) -> str:
    """Return the key of what is known of a segment."""
    return f"i#{segment:08x}"


def chunk_key(chunk: int) -> str:
    """Return the key of a chunk."""
    return f"c#{chunk:08x}"


def part_key(bits: int, part: int, segment: int) -> str:
    """Return the key of a segment's part."""
    return f"{part_start(bits, part)}{segment:08x}"


def part_start(bits: int, part: int) -> str:
    """Return what the keys of this part begin with, whatever the segment."""
    return f"p{bits}#{part:03x}#"


def together(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Return what *calls* return, which are made at the same time."""
    if len(calls) <= 1:
        return [call() for call in calls]
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - for those who need it

    with ThreadPoolExecutor(min(len(calls), _MOST_AT_ONCE)) as pool:
        return list(pool.map(lambda call: call(), calls))


@attrs.frozen
class Index:
    """Reads and writes the items of the index."""

    database: Database
    codec: Codec

    # Reading.

    def look(self, user_id: str) -> tuple[Item | None, Seen]:
        """Return the head, and what it tells."""
        head = self.database.get(TABLE, user_id, HEAD)
        return head, self.seen(user_id, head)

    def seen(self, user_id: str, head: Item | None) -> Seen:
        """Return what a head tells."""
        state = State()
        if head and "b" in head:
            state = self.codec.unpack(user_id, "search", head["b"]["B"], State)
        return Seen(whole(head, "n"), whole(head, "m"), state)

    def overview(self, user_id: str, *, consistent: bool) -> dict[str, Item]:
        """Return the head and what is known of each segment, by key, in one request."""
        items = self.database.query(
            TABLE,
            "#u = :u AND #k BETWEEN :first AND :last",
            {":u": string(user_id), ":first": string(HEAD), ":last": string("i$")},
            consistent=consistent,
        )
        return {item["k"]["S"]: item for item in items}

    def part(self, user_id: str, bits: int, part: int, *, consistent: bool) -> dict[str, Item]:
        """Return a part of every segment that has so many, by key."""
        start = part_start(bits, part)
        items = self.database.query(
            TABLE,
            "#u = :u AND #k BETWEEN :first AND :last",
            {":u": string(user_id), ":first": string(start), ":last": string(f"{start}~")},
            consistent=consistent,
        )
        return {item["k"]["S"]: item for item in items}

    def info(self, user_id: str, items: Mapping[str, Item], segment: Segment) -> Info:
        """Return what is known of *segment*, from the items read."""
        item = _present(items, info_key(segment.number))
        info = self.codec.unpack(user_id, item["k"]["S"], item["b"]["B"], Info)
        if len(info.dead) < segment.dead:  # it is older than the head: what is gone would come back
            raise Torn
        return info

    def words(self, user_id: str, items: Mapping[str, Item], key: str) -> dict[str, bytes]:
        """Return the words in a part, from the items read."""
        return unpack(self._opened(user_id, _present(items, key), "p"))

    def docs(self, user_id: str, items: Mapping[str, Item], key: str) -> tuple[Doc, ...]:
        """Return the entries of a chunk, or of a segment that is one item, from the items read."""
        return unpack_docs(self._opened(user_id, _present(items, key), "c"))

    def _opened(self, user_id: str, item: Item, name: str) -> bytes:
        return self.codec.cipher.open(user_id, f"{item['k']['S']}/{name}", item[name]["B"])

    # Writing.

    def item(self, user_id: str, key: str, info: Info | None = None, **bodies: bytes) -> Item:
        """Return an item of the index: what is known of a segment, words (`p`), entries (`c`)."""
        sealed = {
            name: binary(self.codec.cipher.seal(user_id, f"{key}/{name}", body))
            for name, body in bodies.items()
        }
        item: Item = {"u": string(user_id), "k": string(key), **sealed}
        if info:
            item["b"] = binary(self.codec.pack(user_id, key, info))
        return item

    def put(self, item: Item) -> Write:
        """Return the write of an item."""
        return self.database.put(TABLE, item, "search index")

    def delete(self, user_id: str, key: str) -> Write:
        """Return the deletion of an item."""
        return self.database.delete(TABLE, user_id, key)

    def store(
        self,
        account: Account,
        seen: Seen,
        state: State,
        writes: Iterable[Write] = (),
        *,
        merges: int = 0,
    ) -> bool:
        """
        Let the head tell *state* instead of what was seen, with *writes*, in one step.

        Returns:
            Whether it was; False if somebody else was faster.
        """
        user_id = account.user_id
        condition, values = fence_parts(account)
        if seen.version:
            condition += " AND #n = :seen"
            values = values | {":seen": number(seen.version)}
        else:
            condition += " AND attribute_not_exists(#n)"
        update = changed(
            "SET #n = :next, #m = :merges, #b = :b",
            condition,
            values
            | {
                ":next": number(seen.version + 1),
                ":merges": number(seen.merges + merges),
                ":b": binary(self.codec.pack(user_id, "search", state)),
            },
        )
        return self._done(account, [self.database.update(TABLE, user_id, HEAD, **update), *writes])

    def add(self, account: Account, writes: Sequence[Write], **unchanged: int) -> bool:
        """
        Do *writes* while the head's numbers are *unchanged*: `n` its version, `m` its merges.

        Returns:
            Whether it was done; False if they have changed.
        """
        condition, values = fence_parts(account)
        for name, seen in unchanged.items():
            condition += f" AND #{name} = :{name}"
            values = values | {f":{name}": number(seen)}
        check = self.database.check(
            TABLE, account.user_id, HEAD, **guarded(condition, values or None)
        )
        return self._done(account, [check, *writes])

    def _done(self, account: Account, writes: list[Write]) -> bool:
        try:
            self.database.transact(writes)
        except Cancelled as cancelled:
            refused(account, cancelled)
            return False
        return True


def _present(items: Mapping[str, Item], key: str) -> Item:
    if key not in items:
        raise Torn
    return items[key]
