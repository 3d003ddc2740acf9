"""What every store must find."""

from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, restored, trashed
from reflekt_core.model.search import Match, parse
from reflekt_core.ports import Store
from reflekt_core.services.search import index_entry
from reflekt_core.testing.entries import (
    EXAMPLES,
    changed,
    entries,
    filters,
    fresh_user,
    paged,
    put_all,
)
from reflekt_core.testing.fakes import NOW, an_entry

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["SearchContract"]

_WORDS = (
    "sea",
    "Seaside",
    "séa",
    "swim",
    "don't",
    "日本語",
    "日",
    "東京",
    "สวัสดี",
    "🌊",
    "x-ray",
    "Straße",
    "2026",
)
_TEXTS = st.lists(st.sampled_from(_WORDS), max_size=6).map(" ".join)
_QUERIES = st.lists(
    st.sampled_from(_WORDS)
    | st.sampled_from(_WORDS).map(lambda word: f"{word[:3]}*")
    | st.sampled_from(_WORDS).map(lambda word: f"-{word}")
    | st.lists(st.sampled_from(_WORDS), min_size=2, max_size=2).map(lambda ws: f'"{" ".join(ws)}"'),
    min_size=1,
    max_size=3,
).map(
    lambda terms: (
        f"{' '.join(terms)} {_WORDS[0]}*" if all(t[0] == "-" for t in terms) else " ".join(terms)
    )
)


def settle(store: Store, user_id: str) -> None:
    """
    Tell the search index of everything that the outbox holds of a user, the latest first.

    It may have been told already: what stays in the outbox is told again. A store whose own writes
    keep its index does nothing here.
    """
    for delivery in reversed(store.outbox.pending(NOW, limit=100_000)):
        if delivery.event.user_id == user_id:
            index_entry(store, delivery.event)


def found(store: Store, user_id: str, query: str, wanted: EntryFilter | None = None) -> list[Entry]:
    """Return every entry that a search comes to, page by page."""
    return [match.entry for match in matches(store, user_id, query, wanted)]


def matches(
    store: Store, user_id: str, query: str, wanted: EntryFilter | None = None, limit: int = 2
) -> list[Match]:
    """Return everything that a search comes to, page by page, once the index is up to date."""
    settle(store, user_id)
    sought = wanted or EntryFilter()
    return paged(
        lambda after: store.search.search(
            user_id,
            parse(query),
            sought,
            offset=int(after[0] or 0) if after else 0,
            limit=limit,
        ),
        limit,
        short=sought != EntryFilter(),
    )


class SearchContract:
    """Search means what `reflekt_core.model.search` says."""

    @EXAMPLES
    @given(data=st.data())
    def test_a_search_finds_what_the_query_means(self, store: Store, data: st.DataObject) -> None:
        """Exactly the entries that match as they are now, each once, best first."""
        user_id = fresh_user()
        account = store.accounts.get(user_id)
        made = data.draw(st.lists(entries(), max_size=6))
        present: dict[UUID, Entry] = {}
        for entry in made:
            title, content = data.draw(st.tuples(_TEXTS, _TEXTS))
            new = attrs.evolve(entry, title=title, content=content or "-")
            put_all(store, [new], user_id)
            match data.draw(st.sampled_from(["keep", "keep", "edit", "trash", "delete"])):
                case "edit":
                    new = changed(store, user_id, new, content=data.draw(_TEXTS) or "-")
                case "trash":
                    new = changed(store, user_id, new, trashed_at=NOW)
                case "delete":
                    store.entries.put(account, Tombstone(new.id, 2, NOW), replaces=1)
                    continue
            present[new.id] = new
        query = data.draw(_QUERIES)
        wanted = data.draw(st.just(EntryFilter()) | filters())
        meant = {
            entry.id: entry
            for entry in present.values()
            if entry.trashed_at is None and wanted.accepts(entry) and parse(query).matches(entry)
        }
        found = matches(store, user_id, query, wanted)
        assert {match.entry.id: match.entry for match in found} == meant
        assert len(found) == len(meant)
        ranked = [(match.score, match.entry.occurred_at) for match in found]
        assert ranked == sorted(ranked, reverse=True)
        assert all(match.score > 0 for match in found)

    def test_the_index_follows_every_write(self, store: Store) -> None:
        """Edited, trashed, restored and deleted entries are found by what they say now."""
        entry = an_entry("apple")
        me = put_all(store, [entry], "me")
        pear = attrs.evolve(entry, content="pear", version=2)
        store.entries.put(me, pear, replaces=1)
        assert found(store, "me", "apple") == []
        assert found(store, "me", "pear") == [pear]
        store.entries.put(me, trashed(pear, NOW), replaces=2)
        assert found(store, "me", "pear") == []
        assert found(store, "me", "pear", EntryFilter(trashed=True)) == []
        back = attrs.evolve(restored(pear, NOW), version=4)
        store.entries.put(me, back, replaces=3)
        assert found(store, "me", "pear") == [back]
        store.entries.put(me, Tombstone(entry.id, 5, NOW), replaces=4)
        assert found(store, "me", "pear") == []

    def test_users_find_their_own_alone(self, store: Store) -> None:
        """Another user's entries are not found, and do not change the order of one's own."""
        made = [an_entry("the sea the sea"), an_entry("the sea, once, in a longer text of its own")]
        put_all(store, made, "me")
        order = [m.entry.id for m in matches(store, "me", "sea")]
        put_all(store, [an_entry("sea " * 3) for _ in range(20)], "them")
        assert [m.entry.id for m in matches(store, "me", "sea")] == order
        assert len(found(store, "them", "sea")) == 20

    def test_better_hits_come_first(self, store: Store) -> None:
        """More often, and in the title, is better; scores fall, and are above 0."""
        once = an_entry("a walk by the sea with words and words and words around it")
        often = an_entry("sea and sea and sea and again the sea, and words around it")
        titled = an_entry("sea and sea and sea and again the sea, and words around it", title="Sea")
        made = [often, titled, once]
        # The worse, the newer, so that nothing but the score can put them in order.
        made = [
            attrs.evolve(entry, occurred_at=NOW + timedelta(hours=n))
            for n, entry in enumerate(made)
        ]
        often, titled, once = made
        put_all(store, made, "me")
        ranked = matches(store, "me", "sea", limit=10)
        assert [m.entry for m in ranked] == [titled, often, once]
        scores = [m.score for m in ranked]
        assert scores == sorted(scores, reverse=True)
        assert min(scores) > 0

    def test_of_equal_hits_the_newest_comes_first(self, store: Store) -> None:
        """Entries of the same words are sorted by time, across pages."""
        made = [an_entry("sea", occurred_at=NOW.replace(day=n)) for n in (3, 1, 5, 2, 4)]
        put_all(store, made, "me")
        assert [e.occurred_at.day for e in found(store, "me", "sea")] == [5, 4, 3, 2, 1]

    def test_indexing_anew_changes_nothing(self, store: Store) -> None:
        """After reindexing, step by step, the same is found as before, and nothing from the trash."""
        made = [an_entry(f"sea {n}") for n in range(7)]
        me = put_all(store, made, "me")
        changed(store, "me", made[0], content="rain")
        changed(store, "me", made[1], trashed_at=NOW)
        store.entries.put(me, Tombstone(made[2].id, 2, NOW), replaces=1)
        put_all(store, [an_entry("sea")], "them")
        settle(store, "them")
        before = matches(store, "me", "sea")
        assert len(before) == 4
        after = store.search.reindex(me, after=None, limit=2)
        steps = 1
        while after is not None:
            after = store.search.reindex(me, after=after, limit=2)
            steps += 1
            assert steps < 10
        assert matches(store, "me", "sea") == before
        assert len(found(store, "them", "sea")) == 1

    def test_nobody_can_write_query_language(self, store: Store, me: Account) -> None:
        """Operators of whatever searches below are just words."""
        put_all(store, [an_entry("near the sea")], "me")
        for query in (
            "sea OR rain",
            "sea AND NOT",
            'title : "sea"',
            "NEAR(sea near)",
            "sea^2",
            "{sea}",
        ):
            expected = parse(query).matches(an_entry("near the sea"))
            assert (len(found(store, "me", query)) == 1) is expected
