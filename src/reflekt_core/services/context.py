"""What every use case is given: who acts, and the ports."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID, uuid5

import attrs

from reflekt_core.errors import (
    AccountErased,
    Forbidden,
    Unauthenticated,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.accounts import Account, Actor, Permission
from reflekt_core.model.entries import local_date
from reflekt_core.ports import Clock, Ids, Store

if TYPE_CHECKING:
    from reflekt_core.model.safety import CrisisResources
    from reflekt_core.model.settings import Settings
    from reflekt_core.services.assistance import Gate

__all__ = [
    "ANY_VERSION",
    "ATTEMPTS",
    "SETTINGS_KEY",
    "Context",
    "check_version",
    "insist",
]

T = TypeVar("T")


class Versioned(Protocol):
    """Something with a version."""

    @property
    def version(self) -> int:
        """How often it was written."""


class _Missing(VersionConflict):
    """There is nothing that could be at the version asked for."""


ANY_VERSION = -1
"""As `if_version`: the thing must exist, in whichever version (``If-Match: *``)."""

ATTEMPTS = 50
"""How often a change without `if_version` is applied anew to what others wrote meanwhile."""

SETTINGS_KEY = "settings"

_KEYED = UUID("6f0d7c52-0b1e-5d0c-9a53-6d2f5a0c9b11")


@attrs.frozen
class Context:
    """
    Who acts, and everything from outside.

    `settles` says whether what follows from writes is done when it is asked for, as nobody does so
    in the background; `settle` does all of it then, and nothing otherwise. `wake` tells whoever works in the background that there is something to do.
    `crisis_resources` are shown to those who speak of a crisis; None stands for those that come
    with Reflekt.
    """

    actor: Actor
    store: Store
    clock: Clock
    ids: Ids
    open_gate: "Callable[[], Gate]"
    settles: Callable[[], bool]
    settle: Callable[[], object]
    wake: Callable[[], object]
    crisis_resources: "CrisisResources | None" = None

    @property
    def gate(self) -> "Gate":
        """The way to the assistants."""
        return self.open_gate()

    def authorise(self, permission: Permission | None) -> Account:
        """
        Return the actor's account, if the actor may do this.

        Raises:
            Forbidden: The permission is lacking.
            Unauthenticated: The account was erased after the actor's token was issued.
            AccountErased: The account is being erased right now.
        """
        if permission is not None and permission not in self.actor.permissions:
            raise Forbidden(f"this needs the permission {permission.value}")
        account = self.store.accounts.get(self.actor.user_id)
        issued_at = self.actor.issued_at
        if account.erased_at and issued_at is not None and issued_at <= account.erased_at:
            raise Unauthenticated("the account was erased after this token was issued")
        if account.erasing and permission is not None:
            raise AccountErased("the account is being erased; try again when that is done")
        return account

    def settings(self) -> "Settings":
        """Return the actor's settings, or the defaults."""
        from reflekt_core.model.settings import Settings  # noqa: PLC0415 - a reader needs none

        return self.store.records(Settings).get(self.actor.user_id, SETTINGS_KEY) or Settings()

    def keyed_id(self, noun: str, key: str) -> UUID:
        """Return the id that a new *noun* has under the idempotency key *key*."""
        return uuid5(_KEYED, f"{noun}\x00{self.actor.user_id}\x00{key}")

    def today(self) -> date:
        """Return the actor's present day, by their zone and day-start hour."""
        preferences = self.settings().preferences
        return local_date(self.clock(), preferences.time_zone, preferences.day_start_hour)


def check_version(stored: Versioned | None, if_version: int | None) -> None:
    """
    Let pass what the caller last saw.

    Raises:
        VersionConflict: *stored* is missing, or not at the version *if_version*.
    """
    if if_version is None:
        return
    if stored is None:
        raise _Missing("it does not exist")
    if if_version not in (ANY_VERSION, stored.version):
        raise VersionConflict(f"it is at version {stored.version} now")


def insist(write: Callable[[], T], if_version: int | None) -> T:
    """
    Return the result of *write*, done again for as long as others write first.

    Raises:
        VersionConflict: Somebody else wrote first, and the caller named a version.
        Unavailable: Others wrote first every time.
    """
    for _ in range(ATTEMPTS):
        try:
            return write()
        except _Missing:
            raise
        except VersionConflict:
            if if_version not in {None, ANY_VERSION}:
                raise
    raise Unavailable("many writers are changing this at once; try again")
