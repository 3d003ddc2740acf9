"""Full-text search by looking at every entry."""

from typing import Final

import attrs

from reflekt_core.model.accounts import Account
from reflekt_core.model.entries import Entry, EntryFilter
from reflekt_core.model.paging import Page, Position, through
from reflekt_core.model.search import Match, Query
from reflekt_core.ports import Entries, Search
from reflekt_core.stores.dynamodb.database import Database, checked
from reflekt_core.stores.dynamodb.tables import HEAD

__all__ = ["DynamoDBSearch"]

_AT_ONCE: Final = 100


@attrs.frozen
class DynamoDBSearch(Search):
    """
    Search without an index: reads all entries and asks `reflekt_core.model.search` about each.

    What it finds is right at once. What it costs grows with the journal.
    """

    _database: Database
    _entries: Entries

    def search(
        self,
        user_id: str,
        query: Query,
        wanted: EntryFilter,
        *,
        offset: int = 0,
        limit: int = 20,
    ) -> Page[Match]:
        """See `Search`."""
        if wanted.trashed:
            return Page(())
        found = [
            Match(entry, query.score(entry))
            for entry in self._all(user_id, wanted)
            if query.matches(entry)
        ]
        found.sort(key=lambda match: match.score, reverse=True)
        end = offset + limit
        return Page(tuple(found[offset:end]), (end,) if len(found) > end else None)

    def reindex(self, account: Account, *, after: Position | None, limit: int) -> None:  # noqa: ARG002 - there is no index
        """See `Search`."""
        checked(account, self._database.get("entries", account.user_id, HEAD))

    def _all(self, user_id: str, wanted: EntryFilter) -> list[Entry]:
        """Return the entries outside the trash that *wanted* accepts, newest first."""
        return list(
            through(lambda after: self._entries.list(user_id, wanted, after=after, limit=_AT_ONCE))
        )
