"""What every store must do with records, events and accounts."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import attrs
import pytest

from reflekt_core.errors import AccountErased, VersionConflict
from reflekt_core.model.accounts import Account, Counts
from reflekt_core.model.analytics import entry_facts
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import EntryFilter, Tombstone
from reflekt_core.model.events import Event, EventKind, Retry
from reflekt_core.model.insights import Failure
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.prompts import DailyPrompt, Prompt, PromptCategory
from reflekt_core.model.search import parse
from reflekt_core.model.settings import Settings, Vendor
from reflekt_core.model.usage import CachedAnswer, DayUsage, Hold, Receipt
from reflekt_core.ports import Store
from reflekt_core.testing.entries import paged, put_all
from reflekt_core.testing.fakes import NOW, an_entry, an_insight
from reflekt_core.testing.racing import at_once

__all__ = ["RecordsContract"]

ID = UUID(int=1)
CATEGORY = Category(ID, "Travel", "#2a9d8f", "⛵", 1)
EVENT = Event(EventKind.JOB_REQUESTED, "me", str(ID), 1, NOW)
JOB = Job(ID, JobKind.ERASE_ACCOUNT, JobState.RUNNING, 0, None, NOW, NOW, position=("a", 1, None))
PROMPT = Prompt(ID, "What did you hear today?", PromptCategory.NATURE, ("sea",), None)
VALUES = (
    Settings(version=1),
    CATEGORY,
    JOB,
    DailyPrompt(NOW.date(), PROMPT),
    Failure(1, "assistant_error", NOW),
    Receipt("f", NOW),
    DayUsage(NOW.date(), 1, 2, 3, holds=(Hold("q", NOW, 5, Decimal("0.1")),)),
    CachedAnswer("k", Vendor.OPENAI, "{}", input_cut=True),
)


class RecordsContract:
    """Records, the outbox, and erasing an account."""

    @pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
    def test_a_record_of_each_kind_comes_back_equal(self, store: Store, value: object) -> None:
        """What was put is what is got, under its key and for its user alone."""
        records = store.records(type(value))
        records.put(store.accounts.get("me"), "key", value, replaces=None)
        assert records.get("me", "key") == value
        assert records.get("me", "other") is None
        assert records.get("them", "key") is None

    def test_a_record_is_replaced_by_who_saw_it(self, store: Store, me: Account) -> None:
        """The version names what is replaced; another one is refused and changes nothing."""
        records = store.records(Category)
        records.put(me, "a", CATEGORY, replaces=None)
        second = attrs.evolve(CATEGORY, name="Work", version=2)
        for replaces in (None, 2):
            with pytest.raises(VersionConflict):
                records.put(me, "a", second, replaces=replaces, event=EVENT)
        assert store.outbox.backlog() == 0
        records.put(me, "a", second, replaces=1)
        assert records.get("me", "a") == second
        with pytest.raises(VersionConflict):
            records.put(me, "b", CATEGORY, replaces=1)

    def test_a_record_is_deleted_by_version_or_anyhow(self, store: Store, me: Account) -> None:
        """A version guards the deletion; without one, deleting nothing is fine."""
        records = store.records(Category)
        records.put(me, "a", CATEGORY, replaces=None)
        with pytest.raises(VersionConflict):
            records.delete(me, "a", replaces=2)
        records.delete(me, "a", replaces=1)
        records.delete(me, "a")
        assert records.get("me", "a") is None
        with pytest.raises(VersionConflict):
            records.delete(me, "a", replaces=1)
        records.put(me, "a", CATEGORY, replaces=None)

    def test_records_are_listed_by_key(self, store: Store, me: Account) -> None:
        """Each once, page by page, of one kind and user."""
        records = store.records(Category)
        made = {key: attrs.evolve(CATEGORY, name=key) for key in ("b", "a", "é", "10", "9")}
        for key, value in made.items():
            records.put(me, key, value, replaces=None)
        store.records(Settings).put(me, "c", Settings(version=1), replaces=None)
        listed = paged(lambda after: records.list("me", after=after, limit=2), 2)
        assert [one.name for one in listed] == sorted(made)
        assert [one.name for one in records.list("me", after=("a",))] == ["b", "é"]

    def test_a_record_and_its_event_come_together(self, store: Store, me: Account) -> None:
        """An event given with a record waits in the outbox."""
        store.records(Job).put(me, "j", JOB, replaces=None, event=EVENT)
        (delivery,) = store.outbox.pending(NOW)
        assert (delivery.event, delivery.consumer, delivery.attempts) == (EVENT, None, 0)

    def test_what_expired_is_purged(self, store: Store, me: Account) -> None:
        """Of all users, in bounded steps, what is past its time; the rest stays."""
        records = store.records(Receipt)
        them = store.accounts.get("them")
        for account in (me, them):
            for number in range(3):
                key, at = f"{number}", NOW + timedelta(hours=number)
                records.put(account, key, Receipt("f", NOW), replaces=None, expires_at=at)
        records.put(me, "kept", Receipt("f", NOW), replaces=None)
        records.put(me, "put off", Receipt("f", NOW), replaces=None, expires_at=NOW)
        records.put(me, "put off", Receipt("g", NOW, version=2), replaces=1)
        now = NOW + timedelta(hours=1)
        assert records.get("me", "0") is not None
        assert store.purge_expired(now, limit=3) == 3
        assert store.purge_expired(now, limit=3) == 1
        assert store.purge_expired(now) == 0
        assert len(records.list("me")) == 3
        assert len(records.list("them")) == 1

    def test_of_many_who_create_one_does(self, store: Store, me: Account) -> None:
        """Eight threads put the same new key: one succeeds."""
        records = store.records(Category)

        def create(number: int) -> bool:
            try:
                records.put(me, "a", attrs.evolve(CATEGORY, name=f"{number}"), replaces=None)
            except VersionConflict:
                return False
            return True

        assert sum(at_once([partial(create, number) for number in range(8)])) == 1

    def test_no_update_is_lost(self, store: Store, me: Account) -> None:
        """What eight threads add to one record, each trying until it is through, is all there."""
        records = store.records(DayUsage)
        records.put(me, "day", DayUsage(NOW.date()), replaces=None)

        def add() -> None:
            for _ in range(3):
                while True:
                    seen = records.get("me", "day")
                    assert seen is not None
                    more = attrs.evolve(seen, calls=seen.calls + 1, version=seen.version + 1)
                    with suppress(VersionConflict):
                        records.put(me, "day", more, replaces=seen.version)
                        break

        at_once([add] * 8)
        assert records.get("me", "day") == DayUsage(NOW.date(), calls=24, version=25)

    def test_deliveries_come_in_order_until_settled(self, store: Store) -> None:
        """Looking does not take them away; settling does, and doing so twice is fine."""
        made = [an_entry() for _ in range(3)]
        put_all(store, made, "me")
        pending = store.outbox.pending(NOW)
        assert [d.event.subject_id for d in pending] == [str(entry.id) for entry in made]
        assert store.outbox.pending(NOW) == pending
        assert store.outbox.pending(NOW, limit=2) == pending[:2]
        store.outbox.settle(pending[0])
        store.outbox.settle(pending[0], [Retry("a", 1, NOW, "code")])
        assert store.outbox.pending(NOW) == pending[1:]
        assert store.outbox.backlog() == 2

    def test_a_retry_comes_when_it_is_due(self, store: Store) -> None:
        """For its consumer alone, with the tries counted; then it may fail again."""
        put_all(store, [an_entry()], "me")
        (delivery,) = store.outbox.pending(NOW)
        later = NOW + timedelta(seconds=4)
        store.outbox.settle(delivery, [Retry("a", 1, later, "code"), Retry("b", 2, NOW, "other")])
        (b,) = store.outbox.pending(NOW)
        assert (b.consumer, b.attempts, b.event) == ("b", 2, delivery.event)
        store.outbox.settle(b)
        assert store.outbox.pending(later - timedelta(seconds=1)) == ()
        (a,) = store.outbox.pending(later)
        assert (a.consumer, a.attempts, a.parked) == ("a", 1, False)
        assert store.outbox.backlog() == 1

    def test_what_was_set_aside_can_be_looked_at_and_tried_again(self, store: Store) -> None:
        """A parked delivery is not pending until it is driven again, with no tries counted."""
        put_all(store, [an_entry() for _ in range(3)], "me")
        for delivery in store.outbox.pending(NOW):
            store.outbox.settle(delivery, [Retry("a", 5, None, "code")])
        assert store.outbox.pending(NOW + timedelta(days=9)) == ()
        assert store.outbox.backlog() == 0
        parked = paged(lambda after: store.outbox.parked(after=after, limit=2), 2)
        assert [(d.consumer, d.attempts, d.error, d.parked) for d in parked] == [
            ("a", 5, "code", True)
        ] * 3
        assert store.outbox.redrive() == 3
        assert store.outbox.parked().items == ()
        again = [attrs.evolve(d, parked=False, attempts=0, error=None) for d in parked]
        assert list(store.outbox.pending(NOW)) == again
        assert store.outbox.backlog() == 3
        assert store.outbox.redrive() == 0

    def test_an_erased_account_refuses_what_began_before(self, store: Store, me: Account) -> None:
        """Every way of writing that rests on the old state is turned away, during and after."""
        entry = an_entry()
        put_all(store, [entry], "me")
        erasing = store.accounts.begin_erasure(me, JOB, EVENT, NOW)
        assert erasing == Account("me", 1, NOW, erasing=True)
        assert store.accounts.get("me") == erasing
        before = (state(store, "me"), store.outbox.backlog())
        for account in (me, erasing):
            for write in refused(store, account):
                with pytest.raises(AccountErased):
                    write()
            assert (state(store, "me"), store.outbox.backlog()) == before
        while store.accounts.erase_some(erasing, 100, keep=ID):
            pass
        store.accounts.end_erasure(erasing)
        fresh = store.accounts.get("me")
        assert fresh == Account("me", 1, NOW)
        for write in refused(store, me):
            with pytest.raises(AccountErased):
                write()
        assert state(store, "me") == NOTHING
        for write in writes(store, fresh):
            write()

    def test_an_erased_account_begins_anew(self, store: Store) -> None:
        """After its erasure the same ids can be used as if they had never been."""
        erase(store, furnished(store, "me"))
        assert state(store, "me") == NOTHING
        furnished(store, "me")
        furnished(store, "them")
        assert state(store, "me") == state(store, "them")

    def test_of_many_who_erase_one_does(self, store: Store, me: Account) -> None:
        """Eight threads begin at once: one is let, and the account moves on by one epoch."""

        def let() -> bool:
            try:
                begin(store, me)
            except AccountErased:
                return False
            return True

        assert sum(at_once([let] * 8)) == 1
        assert store.accounts.get("me").epoch == 1
        assert store.outbox.backlog() == 1

    def test_no_write_slips_past_the_fence(self, store: Store, me: Account) -> None:
        """Once erasing has begun, nothing comes in of writers who were at it."""

        def write() -> object:
            for _ in range(1000):
                try:
                    store.entries.put(me, an_entry(), replaces=None)
                except AccountErased:
                    return None
            raise AssertionError("the account was not fenced")

        def fence() -> object:
            while store.entries.counts("me").entries < len(VALUES):
                pass
            begin(store, me)
            return store.entries.counts("me"), store.outbox.backlog()

        seen = at_once([fence, *[write] * 3])[0]
        assert seen == (store.entries.counts("me"), store.outbox.backlog())

    def test_erasing_is_bounded_and_complete(self, store: Store) -> None:
        """In steps, everything goes but the job and its event; other users keep theirs."""
        me = furnished(store, "me")
        furnished(store, "them")
        kept = state(store, "them")
        assert store.accounts.erase_some(me, 100, keep=ID) == 0
        erasing = begin(store, me)
        assert store.accounts.erase_some(me, 100, keep=ID) == 0
        store.accounts.end_erasure(me)
        assert store.accounts.get("me") == erasing
        steps = 0
        while store.accounts.erase_some(erasing, 5, keep=ID):
            steps += 1
            assert steps < 200
        assert steps > 3
        assert list(store.records(Job).list("me")) == [JOB]
        pending = [d.event for d in store.outbox.pending(NOW) if d.event.user_id == "me"]
        assert pending == [EVENT]
        store.accounts.end_erasure(erasing)
        store.accounts.end_erasure(erasing)
        assert state(store, "me") == NOTHING
        assert state(store, "them") == kept
        assert store.accounts.erase_some(erasing, 100, keep=ID) == 0
        parked = {delivery.event.user_id for delivery in store.outbox.parked()}
        assert parked == {"them"}

    def test_users_do_not_see_each_other(self, store: Store) -> None:
        """Of all that one user keeps, another sees nothing."""
        furnished(store, "me")
        for user_id in ("them", "m", "me2", "ME", "%"):
            assert state(store, user_id) == NOTHING
            assert store.accounts.get(user_id) == Account(user_id)

    def test_closing_twice_is_fine(self, store: Store) -> None:
        """A store can be closed whatever its state."""
        put_all(store, [an_entry()], "me")
        store.close()
        store.close()


def begin(store: Store, account: Account) -> Account:
    """Begin to erase *account*."""
    return store.accounts.begin_erasure(account, JOB, EVENT, NOW)


def erase(store: Store, account: Account) -> None:
    """Erase *account* to the end."""
    erasing = begin(store, account)
    while store.accounts.erase_some(erasing, 100, keep=ID):
        pass
    store.accounts.end_erasure(erasing)


def furnished(store: Store, user_id: str) -> Account:
    """Store some of everything for the user, and return the account."""
    made = [an_entry(f"sea {n}", id=UUID(int=n + 2), tags=("t",)) for n in range(7)]
    account = put_all(store, made, user_id)
    store.entries.put(account, Tombstone(made[0].id, 2, NOW), replaces=1)
    for entry in made[1:]:
        store.insights.put(account, an_insight(entry))
        store.aggregates.apply(account, entry.id, 1, entry_facts(entry))
    # Under the key of the job that erases, or of its kind, but not that job.
    store.records(Category).put(account, str(ID), CATEGORY, replaces=None)
    store.records(Job).put(account, "other", JOB, replaces=None)
    store.records(Receipt).put(account, "r", Receipt("f", NOW), replaces=None)
    first = next(d for d in store.outbox.pending(NOW) if d.event.user_id == user_id)
    store.outbox.settle(first, [Retry("a", 5, None, "code")])
    return account


def refused(store: Store, account: Account) -> list[Callable[[], object]]:
    """Return every way of writing that an account from before its erasure has no right to."""
    return [*writes(store, account), partial(begin, store, account)]


def writes(store: Store, account: Account) -> list[Callable[[], object]]:
    """Return every way of writing that leaves the account in use, resting on *account*."""
    entry = an_entry()
    return [
        lambda: store.entries.put(account, entry, replaces=None),
        lambda: store.insights.put(account, an_insight(entry)),
        lambda: store.insights.delete(account, entry.id),
        lambda: store.aggregates.apply(account, entry.id, 1, entry_facts(entry)),
        lambda: store.aggregates.clear_some(account, 1),
        lambda: store.entries.add(account, [an_entry()]),
        lambda: store.search.reindex(account, after=None, limit=1),
        lambda: store.records(Category).put(account, str(uuid4()), CATEGORY, replaces=None),
        lambda: store.records(Category).delete(account, "x"),
    ]


NOTHING: tuple[object, ...] = ([], [], [], Counts(), (), [], [], [], (), None, None, [])


def state(store: Store, user_id: str) -> tuple[object, ...]:
    """Return what can be seen of a user, but for the job that erases and where changes stand."""
    today = NOW.date()
    return (
        list(store.entries.list(user_id, EntryFilter())),
        [change.entry for change in store.entries.changes(user_id)],
        list(store.entries.tags(user_id)),
        store.entries.counts(user_id),
        store.entries.on_day(user_id, today.month, today.day),
        list(store.insights.list(user_id)),
        list(store.records(Category).list(user_id)),
        list(store.records(Receipt).list(user_id)),
        store.aggregates.days(user_id, today - timedelta(9), today + timedelta(9)),
        store.aggregates.run_at(user_id, today),
        store.aggregates.longest_run(user_id),
        [match.entry for match in store.search.search(user_id, parse("sea"), EntryFilter())],
    )
