"""The state of accounts, remembered for some seconds by functions that answer requests."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

import attrs

from reflekt_core.ports import Accounts

if TYPE_CHECKING:
    from reflekt_core.model.accounts import Account
    from reflekt_core.model.events import Event
    from reflekt_core.model.jobs import Job
    from reflekt_core.rest.dispatch import Identify
    from reflekt_core.rest.messages import Request, Response

    Answering = Callable[[Request, Identify | None], Response]

__all__ = ["LookingAgain", "RememberedAccounts"]

_MOST: Final = 1000
_CONFLICT: Final = 409


class RememberedAccounts(Accounts):
    """
    *accounts*, each asked for at most once in some seconds.

    Erasing an account is noticed here at once, if it is begun here, and otherwise with that delay:
    until then, reading goes on. Writing does not, for stores check the account in each write; who
    is refused calls `forget`, since it may be the erasure's end that was not noticed.

    Args:
        accounts: Where they are.
        monotonic: Tells seconds that never run back.
        seconds: How long to remember.
    """

    def __init__(
        self, accounts: Accounts, monotonic: Callable[[], float], *, seconds: float = 10
    ) -> None:
        self._accounts = accounts
        self._monotonic = monotonic
        self._seconds = seconds
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, Account]] = {}

    def get(self, user_id: str) -> "Account":
        """See `Accounts`."""
        now = self._monotonic()
        with self._lock:
            until, kept = self._kept.get(user_id, (now, None))
        if kept is not None and now < until:
            return kept
        found = self._accounts.get(user_id)
        with self._lock:
            if len(self._kept) >= _MOST:
                self._kept.clear()
            if not found.erasing:  # which soon comes to an end
                self._kept[user_id] = (now + self._seconds, found)
        return found

    def forget(self) -> None:
        """Look again at the next request."""
        with self._lock:
            self._kept.clear()

    def begin_erasure(
        self, account: "Account", job: "Job", event: "Event", at: datetime
    ) -> "Account":
        """See `Accounts`."""
        try:
            return self._accounts.begin_erasure(account, job, event, at)
        finally:
            self.forget()

    def erase_some(self, account: "Account", limit: int, keep: UUID) -> int:
        """See `Accounts`."""
        return self._accounts.erase_some(account, limit, keep)

    def end_erasure(self, account: "Account") -> None:
        """See `Accounts`."""
        try:
            self._accounts.end_erasure(account)
        finally:
            self.forget()


@attrs.frozen
class LookingAgain:
    """Answers as *answering*, and looks *accounts* up anew after a conflict, which may rest on them."""

    answering: "Answering"
    accounts: RememberedAccounts

    def __call__(self, request: "Request", identify: "Identify | None" = None) -> "Response":
        """Return the response to *request*."""
        response = self.answering(request, identify)
        if response.status == _CONFLICT:
            self.accounts.forget()
        return response
