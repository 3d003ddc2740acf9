"""Who acts, and what they may do."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import attrs

from reflekt_core.errors import InvalidInput

__all__ = [
    "PERMISSIONS",
    "Account",
    "Actor",
    "Counts",
    "Permission",
    "Role",
    "permissions_of",
]


class Permission(StrEnum):
    """What an operation may ask for."""

    ENTRIES_READ = "entries:read"
    ENTRIES_WRITE = "entries:write"
    CATEGORIES_READ = "categories:read"
    CATEGORIES_WRITE = "categories:write"
    INSIGHTS_READ = "insights:read"
    INSIGHTS_WRITE = "insights:write"
    PROMPTS_READ = "prompts:read"
    ANALYTICS_READ = "analytics:read"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"
    ACCOUNT_READ = "account:read"
    ACCOUNT_WRITE = "account:write"
    ADMIN_READ = "admin:read"


class Role(StrEnum):
    """What a token says its bearer is."""

    USER = "user"
    READER = "reader"
    ADMIN = "admin"


_ADMIN = frozenset({Permission.ADMIN_READ})
_OWN = frozenset(Permission) - _ADMIN
PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.USER: _OWN,
    Role.READER: frozenset(p for p in _OWN if p.endswith(":read")),
    Role.ADMIN: _OWN | _ADMIN,
}
"""The one table of what each role may do. All of it concerns one's own things, but ``admin:*``."""


def permissions_of(role: str | None, scope: Iterable[str] | None = None) -> frozenset[Permission]:
    """
    Return what a token with this *role* and *scope* allows.

    An unknown role allows nothing. A scope narrows the role and never widens it; None means that
    the token carries no scope at all. ``entries:*`` stands for every permission on entries.
    """
    granted = PERMISSIONS.get(Role(role), frozenset()) if role in set(Role) else frozenset()
    if scope is None:
        return granted
    wanted = set(scope)
    return frozenset(p for p in granted if p in wanted or f"{p.split(':')[0]}:*" in wanted)


@attrs.frozen
class Actor:
    """
    Somebody who acts: a user, with the permissions that the token or the program grants.

    `issued_at` is when the token was made; None for a program that acts for its own user.

    Raises:
        InvalidInput: There is no `user_id`.
    """

    user_id: str
    permissions: frozenset[Permission] = PERMISSIONS[Role.USER]
    issued_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        # Whoever is nobody, such as None, would share one journal with all who are.
        if not isinstance(self.user_id, str) or not self.user_id:
            raise InvalidInput.field("user_id", "must be a string that is not empty")


@attrs.frozen
class Account:
    """
    The state of a user's account that a piece of work rests on.

    Every write names the account it saw. Erasing the account raises `epoch`, which refuses all
    work that began before: writes, jobs and late events alike.
    """

    user_id: str
    epoch: int = 0
    erased_at: datetime | None = None
    erasing: bool = False


@attrs.frozen
class Counts:
    """How many entries a user has, outside and inside the trash."""

    entries: int = 0
    trashed: int = 0
