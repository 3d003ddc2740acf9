"""What every store must find."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter, Tombstone, restored, trashed
from reflekt_core.model.paging import through
from reflekt_core.model.search import Match, parse
from reflekt_core.ports import Store
from reflekt_core.testing.entries import EXAMPLES, filters, fresh_user, put_all
from reflekt_core.testing.fakes import NOW, an_entry

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


def found(store: Store, user_id: str, query: str, wanted: EntryFilter | None = None) -> list[Entry]:
    """Return every entry that a search comes to, page by page."""
    return [match.entry for match in matches(store, user_id, query, wanted)]


def matches(
    store: Store, user_id: str, query: str, wanted: EntryFilter | None = None, limit: int = 2
) -> list[Match]:
    """Return everything that a search comes to, page by page."""
    return list(
        through(
            lambda after: store.search.search(
                user_id,
                parse(query),
                wanted or EntryFilter(),
                offset=int(after[0] or 0) if after else 0,
                limit=limit,
            )
        )
    )


class SearchContract:
    """Search means what `reflekt_core.model.search` says."""

    @EXAMPLES
    @given(data=st.data())
    def test_a_search_finds_what_the_query_means(self, store: Store, data: st.DataObject) -> None:
        """Exactly the entries that match, each once, whatever the scripts, operators and filters."""
        user_id = fresh_user()
        texts = data.draw(st.lists(st.tuples(_TEXTS, _TEXTS), max_size=6))
        made = [
            an_entry(content or "-", title=title, mood=n % 5 + 1, starred=n % 2 == 0, tags=("sea",))
            for n, (title, content) in enumerate(texts)
        ]
        put_all(store, made, user_id)
        query = data.draw(_QUERIES)
        wanted = data.draw(st.just(EntryFilter()) | filters())
        expected = {e.id for e in made if parse(query).matches(e) and wanted.accepts(e)}
        hits = [entry.id for entry in found(store, user_id, query, wanted)]
        assert len(hits) == len(set(hits))
        assert set(hits) == expected

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
        """Another user's entries are not found, and do not move one's scores."""
        made = [an_entry("the sea the sea"), an_entry("the sea, once, in a longer text of its own")]
        put_all(store, made, "me")
        before = [(m.entry.id, m.score) for m in matches(store, "me", "sea")]
        order = [id for id, _ in before]
        put_all(store, [an_entry("sea " * 3) for _ in range(20)], "them")
        assert [m.entry.id for m in matches(store, "me", "sea")] == order
        assert len(found(store, "them", "sea")) == 20

    def test_better_hits_come_first(self, store: Store) -> None:
        """More often, and in the title, is better; scores fall, and are above 0."""
        once = an_entry("a walk by the sea with words and words and words around it")
        often = an_entry("sea and sea and sea and again the sea, and words around it")
        titled = an_entry("sea and sea and sea and again the sea, and words around it", title="Sea")
        put_all(store, [once, titled, often], "me")
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
        """After reindexing, step by step, the same is found as before."""
        me = put_all(store, [an_entry(f"sea {n}") for n in range(5)], "me")
        before = matches(store, "me", "sea")
        after = store.search.reindex(me, after=None, limit=2)
        steps = 1
        while after is not None:
            after = store.search.reindex(me, after=after, limit=2)
            steps += 1
            assert steps < 10
        assert matches(store, "me", "sea") == before

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
