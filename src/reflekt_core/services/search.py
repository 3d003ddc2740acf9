"""Keeping the search index, where the writes of entries do not."""

from contextlib import suppress
from uuid import UUID

from reflekt_core.errors import AccountErased
from reflekt_core.model.events import Event, EventKind
from reflekt_core.ports import Store

__all__ = ["index_entry"]


def index_entry(store: Store, event: Event) -> None:
    """
    Follow from *event*: let the search index tell of the entry as it is now.

    Doing it again, or late, changes nothing. An account that was erased meanwhile is left alone.
    """
    if event.kind is EventKind.JOB_REQUESTED:
        return
    # The account first: whoever erases it in between refuses what was read after it.
    account = store.accounts.get(event.user_id)
    with suppress(AccountErased):
        store.search.update(account, UUID(event.subject_id))
