"""What was last seen of users' heads, so that a write need not read one first."""

import threading
from typing import Final

from reflekt_core.stores.dynamodb.tables import Item, whole

__all__ = ["Heads"]

_MOST: Final = 1000


class Heads:
    """
    The last number, `n`, that was seen of each user in one table.

    Only a guess: a write names the number it rests on, and is refused if that has moved on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def get(self, user_id: str) -> int | None:
        """Return the number last seen of a user; None if it is not known."""
        with self._lock:
            return self._seen.get(user_id)

    def remember(self, user_id: str, head: Item | None) -> int:
        """Keep the number in *head* in mind, and return it."""
        return self.set(user_id, whole(head, "n"))

    def set(self, user_id: str, number: int) -> int:
        """Keep *number* in mind, and return it."""
        with self._lock:
            if len(self._seen) >= _MOST:
                self._seen.clear()
            self._seen[user_id] = number
        return number
