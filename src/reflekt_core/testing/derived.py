"""What every store must do with insights and sums by day."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import attrs
from hypothesis import given
from hypothesis import strategies as st

from reflekt_core.model.accounts import Account
from reflekt_core.model.analytics import (
    Contribution,
    aggregate,
    entry_facts,
    insight_facts,
    runs,
)
from reflekt_core.model.entries import Entry, local_date
from reflekt_core.ports import Store
from reflekt_core.testing.entries import EXAMPLES, entries, fresh_user, paged, put_all
from reflekt_core.testing.fakes import NOW, an_entry, an_insight

if TYPE_CHECKING:
    from reflekt_core.model.insights import Insight

__all__ = ["DerivedContract"]

FIRST, LAST = NOW.date() - timedelta(days=30), NOW.date() + timedelta(days=30)


def on_day(number: int, **fields: Any) -> Entry:
    """Return an entry *number* days from now."""
    return an_entry(occurred_at=NOW + timedelta(days=number), **fields)


def apply(store: Store, account: Account, entry: Entry) -> None:
    """Count *entry* as it is."""
    store.aggregates.apply(account, entry.id, entry.version, entry_facts(entry))


class DerivedContract:
    """Insights, and aggregates that equal what is computed from scratch."""

    @EXAMPLES
    @given(data=st.data())
    def test_sums_are_those_computed_from_scratch(self, store: Store, data: st.DataObject) -> None:
        """After edits, moves, trash, new and stale insights, told in any order and repeatedly."""
        user_id = fresh_user()
        account = store.accounts.get(user_id)
        ids = [uuid4() for _ in range(data.draw(st.integers(1, 4)))]
        versions: dict[UUID, list[Entry]] = {id: [] for id in ids}
        insights: dict[UUID, Insight] = {}
        for _ in range(data.draw(st.integers(1, 14))):
            id = data.draw(st.sampled_from(ids))
            history = versions[id]
            if not history or data.draw(st.booleans()):
                number = len(history) + 1
                content_version = data.draw(st.integers(max(1, number - 1), number))
                new = attrs.evolve(
                    data.draw(entries()), id=id, version=number, content_version=content_version
                )
                history.append(new)
                apply(store, account, new)
            elif data.draw(st.booleans()):
                apply(store, account, data.draw(st.sampled_from(history)))
            else:
                score = data.draw(st.sampled_from([-0.5, 0.25, 0.001]))
                topics = tuple(data.draw(st.sets(st.sampled_from(["sea", "sun"]))))
                of = data.draw(st.sampled_from(history))
                insight = an_insight(of, score=score, topics=topics)
                if data.draw(st.integers(0, 4)) == 0:
                    store.insights.delete(account, id)
                    insights.pop(id, None)
                else:
                    store.insights.put(account, insight)
                    before = insights.get(id)
                    if before is None or before.content_version <= insight.content_version:
                        insights[id] = insight
        expected = aggregate(
            Contribution(id, entry.version, entry_facts(entry), insight_facts(insights.get(id)))
            for id, history in versions.items()
            for entry in history[-1:]
        )
        assert store.aggregates.days(user_id, FIRST, LAST) == tuple(expected.values())
        wanted = runs(expected)
        assert store.aggregates.longest_run(user_id) == max(
            wanted, key=lambda run: (run.days, run.last), default=None
        )
        for run in wanted:
            assert store.aggregates.run_at(user_id, run.first) == run
            assert store.aggregates.run_at(user_id, run.last) == run
            assert store.aggregates.run_at(user_id, run.last + timedelta(days=1)) is None

    @EXAMPLES
    @given(steps=st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=25))
    def test_runs_grow_join_shrink_and_split(
        self, store: Store, steps: list[tuple[int, bool]]
    ) -> None:
        """Whatever the order in which days come and go."""
        user_id = fresh_user()
        account = store.accounts.get(user_id)
        present: dict[int, Entry] = {}
        last = {number: on_day(number) for number in range(10)}
        for number, comes in steps:
            entry = attrs.evolve(last[number], version=last[number].version + 1)
            last[number] = entry
            facts = entry_facts(entry) if comes else None
            store.aggregates.apply(account, entry.id, entry.version, facts)
            if comes:
                present[number] = entry
            else:
                present.pop(number, None)
            expected = runs(e.local_date for e in present.values())
            found = {store.aggregates.run_at(user_id, e.local_date) for e in present.values()}
            assert found == set(expected)

    def test_an_old_version_changes_nothing(self, store: Store) -> None:
        """Events may come late and twice: only a later version counts."""
        first = an_entry(mood=1)
        me = put_all(store, [first], "me")
        second = attrs.evolve(first, mood=5, version=2)
        apply(store, me, second)
        apply(store, me, first)
        store.aggregates.apply(me, first.id, 1, None)
        store.aggregates.apply(me, first.id, 2, None)
        (day,) = store.aggregates.days("me", FIRST, LAST)
        assert (day.entries, day.moods) == (1, {5: 1})

    def test_only_the_days_asked_for_are_told(self, store: Store) -> None:
        """Both ends are included; days without entries are left out."""
        made = [on_day(number) for number in (-3, -1, 0, 2)]
        me = put_all(store, made, "me")
        for entry in made:
            apply(store, me, entry)
        today = local_date(NOW, "UTC")
        days = store.aggregates.days("me", today - timedelta(days=1), today + timedelta(days=2))
        assert [(day.date - today).days for day in days] == [-1, 0, 2]
        assert store.aggregates.days("them", FIRST, LAST) == ()

    def test_a_period_is_told_at_once(self, store: Store) -> None:
        """Its days, the run that goes on today or yesterday, and the longest."""
        made = [on_day(number) for number in (-9, -8, -7, -2, -1)]
        me = put_all(store, made, "me")
        for entry in made:
            apply(store, me, entry)
        today = local_date(NOW, "UTC")
        longest = store.aggregates.longest_run("me")
        current = store.aggregates.run_at("me", today - timedelta(days=1))
        assert longest != current
        for now, expected in ((today, current), (today + timedelta(days=1), None)):
            found = store.aggregates.period("me", today - timedelta(days=8), today, now)
            days = store.aggregates.days("me", today - timedelta(days=8), today)
            assert found == (days, expected, longest)
        assert store.aggregates.period("them", FIRST, LAST, today) == ((), None, None)

    def test_contributions_are_those_of_the_days(self, store: Store) -> None:
        """As they were last counted, with the insight; what is in the trash contributes nothing."""
        made = [on_day(number, mood=3) for number in (-3, -2, -1, -1, 0)]
        me = put_all(store, made, "me")
        for entry in made:
            apply(store, me, entry)
        insight = an_insight(made[1])
        store.insights.put(me, insight)
        store.aggregates.apply(me, made[2].id, 2, None)
        today = local_date(NOW, "UTC")
        wanted = {today - timedelta(days=2), today - timedelta(days=1)}
        found = {one.entry_id: one for one in store.aggregates.contributions("me", wanted)}
        assert found == {
            made[1].id: Contribution(made[1].id, 1, entry_facts(made[1]), insight_facts(insight)),
            made[3].id: Contribution(made[3].id, 1, entry_facts(made[3])),
        }
        assert store.aggregates.contributions("them", wanted) == ()
        assert store.aggregates.contributions("me", {today + timedelta(days=9)}) == ()

    def test_of_equal_runs_the_latest_is_the_longest(self, store: Store) -> None:
        """Two runs of two days: the later one is named."""
        made = [on_day(number) for number in (-9, -8, -3, -2)]
        me = put_all(store, made, "me")
        for entry in made:
            apply(store, me, entry)
        run = store.aggregates.longest_run("me")
        assert run is not None
        assert (run.first - NOW.date()).days == -3

    def test_forgetting_is_bounded_and_then_counts_anew(self, store: Store) -> None:
        """Sums forgotten in steps are the same once every entry is counted again."""
        made = [on_day(number, mood=3) for number in range(6)]
        me = put_all(store, made, "me")
        for entry in made:
            apply(store, me, entry)
        store.insights.put(me, an_insight(made[0]))
        before = store.aggregates.days("me", FIRST, LAST)
        steps = 0
        while store.aggregates.clear_some(me, 2):
            steps += 1
            assert steps < 50
        assert steps > 1
        assert store.aggregates.days("me", FIRST, LAST) == ()
        assert store.aggregates.longest_run("me") is None
        for entry in made:
            apply(store, me, entry)
        assert store.aggregates.days("me", FIRST, LAST) == before

    def test_an_insight_is_replaced_by_a_later_one_only(self, store: Store) -> None:
        """An insight into an older text does not replace that into a newer one."""
        old = an_entry()
        new = attrs.evolve(old, version=2, content_version=2)
        me = put_all(store, [old], "me")
        store.insights.put(me, an_insight(new, summary="new"))
        store.insights.put(me, an_insight(old, summary="old"))
        found = store.insights.get("me", old.id)
        assert found is not None
        assert found.analysis.summary == "new"
        again = an_insight(new, summary="again")
        store.insights.put(me, again)
        assert store.insights.get("me", old.id) == again

    def test_an_insight_counts_while_it_is_there(self, store: Store) -> None:
        """Storing, replacing and deleting one moves the sums of its entry's day at once."""
        entry = an_entry()
        me = put_all(store, [entry], "me")
        apply(store, me, entry)

        def scores() -> list[tuple[int, dict[str, int]]]:
            return [(d.score_milli, d.topics) for d in store.aggregates.days("me", FIRST, LAST)]

        store.insights.put(me, an_insight(entry, score=0.5))
        assert scores() == [(500, {"sea": 1})]
        store.insights.put(me, an_insight(entry, score=-0.25, topics=("sun",)))
        assert scores() == [(-250, {"sun": 1})]
        store.insights.delete(me, entry.id)
        assert scores() == [(0, {})]

    def test_insights_are_listed_and_deleted(self, store: Store) -> None:
        """A list goes through all of a user's, page by page; deleting twice is fine."""
        made = [an_entry() for _ in range(5)]
        me = put_all(store, made, "me")
        insights = {entry.id: an_insight(entry) for entry in made}
        for insight in insights.values():
            store.insights.put(me, insight)
        listed = paged(lambda after: store.insights.list("me", after=after, limit=2), 2)
        assert [one.entry_id for one in listed] == sorted(insights, key=str)
        assert {one.entry_id: one for one in listed} == insights
        for _ in range(2):
            store.insights.delete(me, made[0].id)
        assert store.insights.get("me", made[0].id) is None
        assert store.insights.get("them", made[1].id) is None
