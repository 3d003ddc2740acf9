"""Writing, reading, finding and deleting entries."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date as Date  # noqa: N812 - `date` is a parameter here
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import attrs

from reflekt_core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    VersionConflict,
)
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.entries import (
    Entry,
    EntryDraft,
    EntryFilter,
    Moment,
    Order,
    Tombstone,
    new_entry,
    restored,
    trashed,
)
from reflekt_core.model.fields import UNSET, Unset, explain
from reflekt_core.model.paging import Page, PageSize, Position
from reflekt_core.services.context import Context, check_version, insist
from reflekt_core.views import journal_as_dataframe

if TYPE_CHECKING:
    from pandas import DataFrame

    from reflekt_core.model.insights import InsightFailure, InsightState, InsightView
    from reflekt_core.model.listing import Changes, Hit

__all__ = ["Entries", "live_entry"]

FEBRUARY, LEAP_DAY = 2, 29


@attrs.frozen
class Entries:
    """The entries of one user."""

    context: Context

    def create(  # noqa: PLR0913 - the fields of an entry
        self,
        content: str,
        *,
        title: str = "",
        mood: int | None = None,
        category_id: UUID | None = None,
        tags: Sequence[str] = (),
        starred: bool = False,
        occurred_at: datetime | None = None,
        time_zone: str | None = None,
        prompt_id: UUID | None = None,
        idempotency_key: str | None = None,
    ) -> Entry:
        """
        Write an entry and return it.

        With an *idempotency_key*, doing so again returns the entry as it is now.

        Raises:
            InvalidInput: A field is not allowed, the category does not exist, or the key was used
                for another entry.
            Conflict: The entry written under the key was deleted since.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)
        draft = EntryDraft(
            content=content,
            title=title,
            mood=mood,
            category_id=category_id,
            tags=_listed(tags),
            starred=starred,
            occurred_at=occurred_at,
            time_zone=time_zone,
            prompt_id=prompt_id,
        )
        if idempotency_key is None:
            self._check_category(category_id)
            entry = self._drafted(draft, self.context.ids(), None)
            return self._put(account, entry, replaces=None)
        fingerprint = _fingerprint(draft)
        id = self.context.keyed_id("entry", idempotency_key)
        try:
            self._check_category(category_id)
            entry = self._drafted(draft, id, None, fingerprint)
            return self._put(account, entry, replaces=None)
        except VersionConflict:
            return self._replayed(id, fingerprint)
        except InvalidInput:
            if self.context.store.entries.get(account.user_id, id) is None:
                raise
            return self._replayed(id, fingerprint)  # its category was deleted since

    def list(  # noqa: PLR0913 - the filters of a list
        self,
        *,
        from_: Moment | None = None,
        to: Moment | None = None,
        category_id: UUID | None = None,
        tag: Sequence[str] = (),
        mood_min: int | None = None,
        mood_max: int | None = None,
        starred: bool | None = None,
        trashed: bool = False,
        order: Order = Order.DESC,
        after: Position | None = None,
        limit: int = 20,
    ) -> Page[Entry]:
        """
        Return a page of entries by time, newest first.

        *from_* and *to* are included: a date means the entry's local date, a time its instant.
        """
        account = self.context.authorise(Permission.ENTRIES_READ)
        wanted = EntryFilter(from_, to, category_id, tag, mood_min, mood_max, starred, trashed)
        return self.context.store.entries.list(
            account.user_id,
            wanted,
            order=_order(order),
            after=after,
            limit=PageSize(limit).limit,
        )

    def search(  # noqa: PLR0913 - the filters of a list, and the query
        self,
        q: str,
        *,
        from_: Moment | None = None,
        to: Moment | None = None,
        category_id: UUID | None = None,
        tag: Sequence[str] = (),
        mood_min: int | None = None,
        mood_max: int | None = None,
        starred: bool | None = None,
        trashed: bool = False,
        after: Position | None = None,
        limit: int = 20,
    ) -> "Page[Hit]":
        """
        Return a page of the entries that match *q*, best first, each with a snippet.

        *q* may hold words, "phrases", prefixes* and -exclusions; see `reflekt_core.model.search`.

        Raises:
            InvalidInput: There is nothing to look for, or a filter is not allowed.
        """
        from reflekt_core.model.listing import EntrySearch, Hit  # noqa: PLC0415 - for searchers
        from reflekt_core.model.search import parse, snippet  # noqa: PLC0415 - for searchers

        account = self.context.authorise(Permission.ENTRIES_READ)
        wanted = EntryFilter(from_, to, category_id, tag, mood_min, mood_max, starred, trashed)
        query = parse(EntrySearch(q=q).q)
        offset = after[0] if after else 0
        found = self.context.store.search.search(
            account.user_id,
            query,
            wanted,
            offset=offset if isinstance(offset, int) else 0,
            limit=PageSize(limit).limit,
        )
        return Page(
            tuple(Hit(m.entry, round(m.score, 6), snippet(query, m.entry)) for m in found),
            found.next,
        )

    def changes(self, *, since: Position | None = None, limit: int = 20) -> "Changes":
        """
        Return what changed since the cursor *since*: every entry and tombstone at least once.

        Start with None, and go on from the `cursor` of the answer.
        """
        from reflekt_core.model.listing import Changes  # noqa: PLC0415 - for followers

        account = self.context.authorise(Permission.ENTRIES_READ)
        number = since[0] if since else 0
        start = number if isinstance(number, int) else 0
        page = self.context.store.entries.changes(
            account.user_id, since=start, limit=PageSize(limit).limit
        )
        last = page.items[-1].sequence if page.items else start
        return Changes(page.items, (last,), has_more=page.next is not None)

    def on_this_day(self, *, date: Date | None = None) -> Page[Entry]:
        """
        Return the entries of earlier years on the month and day of *date* (today), newest first.

        Those that speak of a crisis stay where they are: nobody is reminded of them unasked. In a
        year without 29 February, the 28th looks back at both.
        """
        from calendar import isleap  # noqa: PLC0415 - for who looks back

        from reflekt_core.model.listing import Anniversary  # noqa: PLC0415 - for who looks back
        from reflekt_core.model.safety import speaks_of_crisis  # noqa: PLC0415 - for who looks back

        account = self.context.authorise(Permission.ENTRIES_READ)
        day = Anniversary(date).date or self.context.today()
        entries = self.context.store.entries
        found = list(entries.on_day(account.user_id, day.month, day.day, before=day))
        if (day.month, day.day) == (FEBRUARY, LEAP_DAY - 1) and not isleap(day.year):
            found += entries.on_day(account.user_id, FEBRUARY, LEAP_DAY, before=day)
        found = [e for e in found if not speaks_of_crisis(f"{e.title}\n{e.content}")]
        found.sort(key=lambda entry: entry.occurred_at, reverse=True)
        return Page(tuple(found))

    def get(self, id: UUID) -> Entry:
        """
        Return an entry outside the trash.

        Raises:
            NotFound: It is missing, in the trash, or somebody else's.
        """
        account = self.context.authorise(Permission.ENTRIES_READ)
        return live_entry(self.context, account, id)

    def put(  # noqa: PLR0913 - the fields of an entry
        self,
        id: UUID,
        content: str,
        *,
        title: str = "",
        mood: int | None = None,
        category_id: UUID | None = None,
        tags: Sequence[str] = (),
        starred: bool = False,
        occurred_at: datetime | None = None,
        time_zone: str | None = None,
        prompt_id: UUID | None = None,
        if_version: int | None = None,
    ) -> Entry:
        """
        Create or replace the entry under an id of your own, and return it.

        What is left out takes its default, but the time and zone of an entry that exists stay. One
        in the trash comes back.

        Raises:
            InvalidInput: A field is not allowed, or the category does not exist.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)
        draft = EntryDraft(
            content=content,
            title=title,
            mood=mood,
            category_id=category_id,
            tags=_listed(tags),
            starred=starred,
            occurred_at=occurred_at,
            time_zone=time_zone,
            prompt_id=prompt_id,
        )
        self._check_category(category_id)

        def replace() -> Entry:
            before = stored_entry(self.context, account, id)
            live = before if isinstance(before, Entry) and before.trashed_at is None else None
            check_version(live, if_version)
            after = self._drafted(draft, id, before)
            if isinstance(before, Entry) and _same(before, after):
                return before
            return self._put(account, after, replaces=before.version if before else None)

        return insist(replace, if_version)

    def update(  # noqa: PLR0913 - the fields of an entry
        self,
        id: UUID,
        *,
        content: str | Unset = UNSET,
        title: str | Unset = UNSET,
        mood: int | Unset | None = UNSET,
        category_id: UUID | Unset | None = UNSET,
        tags: Sequence[str] | Unset = UNSET,
        starred: bool | Unset = UNSET,
        occurred_at: datetime | Unset = UNSET,
        time_zone: str | Unset = UNSET,
        prompt_id: UUID | Unset | None = UNSET,
        if_version: int | None = None,
    ) -> Entry:
        """
        Change the fields that are given, and return the entry.

        Without *if_version* the change is applied to whatever others wrote meanwhile.

        Raises:
            InvalidInput: A field is not allowed, or the category does not exist.
            NotFound: The entry is missing, in the trash, or somebody else's.
            VersionConflict: *if_version* is not the stored version.
        """
        from reflekt_core.model.entry_patch import EntryPatch, revised  # noqa: PLC0415 - for editors

        account = self.context.authorise(Permission.ENTRIES_WRITE)
        patch = EntryPatch(
            content=content,
            title=title,
            mood=mood,
            category_id=category_id,
            tags=tags if isinstance(tags, Unset) else _listed(tags),
            starred=starred,
            occurred_at=occurred_at,
            time_zone=time_zone,
            prompt_id=prompt_id,
        )
        if isinstance(category_id, UUID):
            self._check_category(category_id)
        moved = patch.occurred_at is not UNSET or patch.time_zone is not UNSET
        day_start_hour = self.context.settings().preferences.day_start_hour if moved else 0
        return self._change(
            account,
            id,
            lambda entry: revised(
                entry, patch, day_start_hour=day_start_hour, now=self.context.clock()
            ),
            if_version,
        )

    def delete(self, id: UUID, *, permanent: bool = False, if_version: int | None = None) -> None:
        """
        Move the entry to the trash, or delete it for good.

        An entry in the trash can be deleted for good; moving it there again does nothing.

        Raises:
            NotFound: It is missing or somebody else's.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)

        def remove() -> None:
            entry = stored_entry(self.context, account, id)
            if not isinstance(entry, Entry):
                raise NotFound("there is no such entry")
            check_version(entry, if_version)
            now = self.context.clock()
            after: Entry | Tombstone
            if permanent:
                after = Tombstone(id, entry.version + 1, now)
            elif entry.trashed_at is None:
                after = trashed(entry, now)
            else:
                return
            self.context.store.entries.put(account, after, replaces=entry.version)
            self.context.wake()

        insist(remove, if_version)

    def restore(self, id: UUID) -> Entry:
        """
        Take the entry out of the trash and return it; one that is not there stays as it is.

        Raises:
            NotFound: It is missing or somebody else's.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)

        def take_out() -> Entry:
            entry = stored_entry(self.context, account, id)
            if not isinstance(entry, Entry):
                raise NotFound("there is no such entry")
            if entry.trashed_at is None:
                return entry
            after = restored(entry, self.context.clock())
            return self._put(account, after, replaces=entry.version)

        return insist(take_out, None)

    def insights(self, id: UUID) -> "InsightView | InsightFailure | InsightState":
        """
        Return what was understood of the entry, or why there is nothing.

        Raises:
            NotFound: The entry is missing, in the trash, or somebody else's.
        """
        from reflekt_core.services.insights import read_insight  # noqa: PLC0415 - loads the AI part

        return read_insight(self.context, id)

    def analyse(
        self, id: UUID, *, idempotency_key: str | None = None
    ) -> "InsightView | InsightFailure | InsightState":
        """
        Understand the entry now, again if it was before, and return the insight.

        Raises:
            NotFound: The entry is missing, in the trash, or somebody else's.
            InProgress: The same request is being worked on.
        """
        from reflekt_core.services.insights import analyse  # noqa: PLC0415 - loads the AI part

        return analyse(self.context, id, idempotency_key)

    def to_dataframe(  # noqa: PLR0913 - the filters of a list
        self,
        *,
        from_: Moment | None = None,
        to: Moment | None = None,
        category_id: UUID | None = None,
        tag: Sequence[str] = (),
        mood_min: int | None = None,
        mood_max: int | None = None,
        starred: bool | None = None,
        trashed: bool = False,
        insights: bool = False,
    ) -> "DataFrame":
        """
        Return every entry that `list` would, oldest first, as a DataFrame of pandas.

        `reflekt_core.notebook.to_dataframe` says which columns it has. With *insights* there is what
        was understood of each entry, too; that is asked for entry by entry.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        from reflekt_core.services.categories import Categories  # noqa: PLC0415 - for notebooks

        return journal_as_dataframe(
            self.list,
            Categories(self.context).list,
            insights=self.insights if insights else None,
            from_=from_,
            to=to,
            category_id=category_id,
            tag=tag,
            mood_min=mood_min,
            mood_max=mood_max,
            starred=starred,
            trashed=trashed,
        )

    def _drafted(
        self,
        draft: EntryDraft,
        id: UUID,
        before: Entry | Tombstone | None,
        fingerprint: str | None = None,
    ) -> Entry:
        preferences = self.context.settings().preferences
        return new_entry(
            draft,
            id=id,
            time_zone=preferences.time_zone,
            day_start_hour=preferences.day_start_hour,
            now=self.context.clock(),
            replaces=before,
            fingerprint=fingerprint,
        )

    def _put(self, account: Account, entry: Entry, *, replaces: int | None) -> Entry:
        self.context.store.entries.put(account, entry, replaces=replaces)
        self.context.wake()
        return entry

    def _replayed(self, id: UUID, fingerprint: str) -> Entry:
        stored = self.context.store.entries.get(self.context.actor.user_id, id)
        if not isinstance(stored, Entry):
            raise Conflict("the entry that was written under this idempotency key was deleted")
        if stored.fingerprint != fingerprint:
            raise InvalidInput.field(
                "Idempotency-Key", "was used for another entry; take a new key for a new entry"
            )
        return stored

    def _change(
        self,
        account: Account,
        id: UUID,
        change: Callable[[Entry], Entry],
        if_version: int | None,
    ) -> Entry:
        def apply() -> Entry:
            before = live_entry(self.context, account, id)
            check_version(before, if_version)
            after = change(before)
            if after is before:
                return before
            return self._put(account, after, replaces=before.version)

        return insist(apply, if_version)

    def _check_category(self, category_id: UUID | None) -> None:
        if category_id is None:
            return
        from reflekt_core.model.categories import Category  # noqa: PLC0415 - for who has some

        categories = self.context.store.records(Category)
        if categories.get(self.context.actor.user_id, str(category_id)) is None:
            raise InvalidInput.field("category_id", "there is no such category")


def live_entry(context: Context, account: Account, id: UUID) -> Entry:
    """
    Return the entry outside the trash.

    Raises:
        NotFound: It is missing, in the trash, or somebody else's.
    """
    entry = stored_entry(context, account, id)
    if not isinstance(entry, Entry) or entry.trashed_at is not None:
        raise NotFound("there is no such entry")
    return entry


def stored_entry(context: Context, account: Account, id: UUID) -> Entry | Tombstone | None:
    """
    Return what is stored under *id*.

    Raises:
        InvalidInput: It is no `UUID`.
    """
    if not isinstance(id, UUID):
        raise InvalidInput.field("id", explain(UUID))
    return context.store.entries.get(account.user_id, id)


def _order(value: Order | str) -> Order:
    try:
        return Order(value)
    except ValueError:
        raise InvalidInput.field("order", explain(Order)) from None


def _listed(tags: Sequence[str]) -> tuple[str, ...]:
    # A text is a sequence, too: of its letters, which nobody means.
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidInput.field("tags", "must be a list")
    return tuple(tags)


def _same(before: Entry, after: Entry) -> bool:
    # One in the trash differs by `trashed_at`, which a draft never has.
    return before == attrs.evolve(after, version=before.version, updated_at=before.updated_at)


def _fingerprint(draft: EntryDraft) -> str:
    from hashlib import sha256  # noqa: PLC0415 - for requests with a key

    return sha256(repr(draft).encode()).hexdigest()
