"""
The packed form of the search index: which entries have which words, and how often.

A segment of the index is about some entries, numbered from 0. For each of their words there is a
list of the numbers of the entries that have it, with how often it stands in title and content. A
segment is cut into parts by the first letters of words, so that one part answers for a word, and
for all words with a beginning of three letters or more. For shorter beginnings there are lists of
their own, such as ``se*``; what most entries have is listed as common.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from struct import Struct
from typing import Final
from uuid import UUID

import attrs

from reflekt_core.model.entries import Entry
from reflekt_core.model.folding import fold
from reflekt_core.stores.dynamodb.tables import microseconds

__all__ = [
    "CUT",
    "GROUP",
    "Counts",
    "Doc",
    "Lists",
    "beginning",
    "code",
    "counts_of",
    "doc_of",
    "id_word",
    "listed",
    "lists_of",
    "merged",
    "pack",
    "pack_docs",
    "part_of",
    "parts_of",
    "times",
    "unpack",
    "unpack_docs",
]

CUT: Final = 16
"""Characters of a word that are kept: what is longer is found by its beginning, and then looked at."""

GROUP: Final = 3
"""Words that share so many first letters stand in the same part."""

_MOST_TIMES: Final = 63
_COMMON_IN: Final = 4
"""A beginning of one or two letters is common if more than one in so many entries has it."""

Counts = dict[str, int]
"""Of each word how often an entry has it, as a `code`."""

Lists = dict[str, dict[int, int] | None]
"""Of each word its entries, by number, with the `code`; None if it is common."""

_DOC: Final = Struct(">16sq6s")


@attrs.frozen
class Doc:
    """An entry in the index: its id, its time in microseconds, and a fingerprint of what it said."""

    id: UUID
    at: int
    print: bytes


def doc_of(entry: Entry) -> Doc:
    """Return what the index keeps of *entry* beside its words."""
    at = microseconds(entry.occurred_at)
    said = f"{at}\n{entry.title}\n{entry.content}".encode()
    return Doc(entry.id, at, sha256(said).digest()[:6])


def pack_docs(docs: Iterable[Doc]) -> bytes:
    """Return *docs* as bytes, 30 each."""
    return b"".join(_DOC.pack(doc.id.bytes, doc.at, doc.print) for doc in docs)


def unpack_docs(data: bytes) -> tuple[Doc, ...]:
    """Return the docs that `pack_docs` packed."""
    return tuple(Doc(UUID(bytes=id), at, print_) for id, at, print_ in _DOC.iter_unpack(data))


# Words and lists.


def counts_of(entry: Entry) -> Counts:
    """Return the words of *entry*, and a word by which it is found by its id."""
    found: Counts = {}
    for text, one in ((entry.content, 1), (entry.title, _MOST_TIMES + 1)):
        for token in fold(text):
            word = token[:CUT]
            found[word] = _plus(found.get(word, 0), one)
    found[id_word(entry.id)] = 1
    return found


def id_word(id: UUID) -> str:
    """Return the word by which an entry is found by its id; no text has it."""
    return f"#{id.hex[-8:]}"


def code(title: int, content: int) -> int:
    """Return how often a word stands in title and content as one number."""
    return min(title, _MOST_TIMES) << 6 | min(content, _MOST_TIMES)


def times(code: int) -> tuple[int, int]:
    """Return how often a word stands in title and content."""
    return code >> 6, code & _MOST_TIMES


def _plus(one: int, other: int) -> int:
    return code((one >> 6) + (other >> 6), (one & _MOST_TIMES) + (other & _MOST_TIMES))


def lists_of(counts: Iterable[Counts]) -> Lists:
    """Return the lists of entries with these words, numbered as they come."""
    return merged((one, {0: number}) for number, one in enumerate(map(_alone, counts)))


def _alone(counts: Counts) -> Lists:
    return {word: {0: code} for word, code in counts.items()}


def merged(sources: Iterable[tuple[Lists, Mapping[int, int]]]) -> Lists:
    """
    Return several lists as one, without what is said of beginnings.

    Args:
        sources: Lists, and the new numbers of the entries in them; those without are left out.
    """
    found: dict[str, dict[int, int]] = {}
    for lists, renumbered in sources:
        for word, numbers in lists.items():
            if numbers is None or word[-1] == "*":
                continue
            kept = {renumbered[n]: code for n, code in numbers.items() if n in renumbered}
            if kept:
                found.setdefault(word, {}).update(kept)
    return dict(found)


def parts_of(lists: Lists, bits: int, entries: int) -> list[Lists]:
    """Return *lists*, of so many *entries*, cut into 2 ** *bits* parts, with lists of beginnings."""
    if not bits:
        return [lists]
    parts: list[Lists] = [{} for _ in range(1 << bits)]
    for word, numbers in (lists | _beginnings(lists, entries // _COMMON_IN)).items():
        parts[part_of(word, bits)][word] = numbers
    return parts


def _beginnings(lists: Lists, most: int) -> Lists:
    found: Lists = {}
    needed = set()
    for word, numbers in lists.items():
        for length in range(1, GROUP):
            if len(word) < length or word[0] == "#":
                break
            begun = beginning(word[:length])
            if len(word) > length:
                needed.add(begun)
            together = found.setdefault(begun, {})
            if together is None or numbers is None:
                continue
            for number, code in numbers.items():
                together[number] = _plus(together.get(number, 0), code)
            if len(together) > most:
                found[begun] = None
    return {begun: numbers for begun, numbers in found.items() if begun in needed}


def beginning(letters: str) -> str:
    """Return the word that stands for every word with these one or two first letters."""
    return f"{letters}*"


@lru_cache(maxsize=4096)
def part_of(word: str, bits: int) -> int:
    """Return in which of 2 ** *bits* parts *word* is listed."""
    group = word if word[0] == "#" else word.removesuffix("*")[:GROUP]
    return int.from_bytes(sha256(group.encode()).digest()[:2]) >> (16 - bits)


# Bytes.


def pack(lists: Lists) -> bytes:
    """Return *lists* as bytes: each word by what differs from the one before, and its list."""
    made = bytearray()
    before = b""
    for word, numbers in sorted((word.encode(), numbers) for word, numbers in lists.items()):
        shared = _shared(before, word)
        packed = b"" if numbers is None else _packed(numbers)
        made += bytes((shared, len(word) - shared))  # a word of 16 characters has 64 bytes at most
        _write(made, len(packed))
        made += word[shared:] + packed
        before = word
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    return deflate.compress(bytes(made)) + deflate.flush()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the words in what `pack` packed, each with its list as bytes, for `listed`."""
    data = zlib.decompress(data, -15)
    found: dict[str, bytes] = {}
    at, word = 0, b""
    while at < len(data):
        start, more = data[at], data[at + 1]
        length, at = _read(data, at + 2)
        word = word[:start] + data[at : at + more]
        at += more
        found[word.decode()] = data[at : at + length]
        at += length
    return found


def listed(packed: bytes) -> dict[int, int] | None:
    """Return a list of entries, with the codes; None if the word is common."""
    return dict(_numbers(packed)) if packed else None


def _packed(numbers: Mapping[int, int]) -> bytes:
    # Most words stand once in the content: for those, the step from the entry before is enough.
    made = bytearray()
    before = 0
    for number, code in sorted(numbers.items()):
        _write(made, (number - before) << 1 | (code != 1))
        if code != 1:
            _write(made, code)
        before = number
    return bytes(made)


def _numbers(packed: bytes) -> Iterator[tuple[int, int]]:
    at, number = 0, 0
    while at < len(packed):
        step, at = _read(packed, at)
        code = 1
        if step & 1:
            code, at = _read(packed, at)
        number += step >> 1
        yield number, code


def _shared(one: bytes, other: bytes) -> int:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _write(made: bytearray, number: int) -> None:
    """Append *number*, seven bits a byte, those of least weight first."""
    while number > 127:  # noqa: PLR2004 - what fits into seven bits
        made.append(number & 127 | 128)
        number >>= 7
    made.append(number)


def _read(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at a place, and the place after it."""
    if data[at] < 128:  # noqa: PLR2004 - as most are
        return data[at], at + 1
    number, shift = data[at] & 127, 7
    while data[at] > 127:  # noqa: PLR2004
        at += 1
        number |= (data[at] & 127) << shift
        shift += 7
    return number, at + 1
