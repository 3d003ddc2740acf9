"""A user's settings."""

import attrs

from reflekt_core.model.accounts import Permission
from reflekt_core.model.fields import UNSET, Unset
from reflekt_core.model.settings import Settings
from reflekt_core.model.settings_patch import (
    AISettingsPatch,
    DisplayPatch,
    NotificationsPatch,
    PreferencesPatch,
    ProfilePatch,
    SettingsPatch,
    merged,
)
from reflekt_core.services.context import SETTINGS_KEY, Context, check_version, insist

__all__ = ["SettingsService"]


@attrs.frozen
class SettingsService:
    """The settings of one user."""

    context: Context

    def get(self) -> Settings:
        """Return the settings; the defaults, at version 0, until something was changed."""
        self.context.authorise(Permission.SETTINGS_READ)
        return self.context.settings()

    def update(  # noqa: PLR0913 - one for each group of settings
        self,
        *,
        profile: ProfilePatch | Unset = UNSET,
        preferences: PreferencesPatch | Unset = UNSET,
        notifications: NotificationsPatch | Unset = UNSET,
        display: DisplayPatch | Unset = UNSET,
        ai: AISettingsPatch | Unset = UNSET,
        if_version: int | None = None,
    ) -> Settings:
        """
        Change what the patches mention, and return the settings.

        Raises:
            InvalidInput: A field is not allowed.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.SETTINGS_WRITE)
        patch = SettingsPatch(profile, preferences, notifications, display, ai)

        def change() -> Settings:
            before = self.context.settings()
            check_version(before, if_version)
            after = merged(before, patch)
            if after is not before:
                records = self.context.store.records(Settings)
                records.put(account, SETTINGS_KEY, after, replaces=before.version or None)
            return after

        return insist(change, if_version)
