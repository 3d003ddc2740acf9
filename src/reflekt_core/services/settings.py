"""A user's settings."""

import attrs

from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.fields import UNSET, Unset
from reflekt_core.model.jobs import Job, JobKind
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
from reflekt_core.services.jobs import KEEP_FOR, job_event, new_job, seen_to

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

        Withdrawing consent deletes what that vendor's model made of the journal; its entries are
        understood anew.

        Raises:
            InvalidInput: A field is not allowed.
            VersionConflict: *if_version* is not the stored version.
        """
        account = self.context.authorise(Permission.SETTINGS_WRITE)
        patch = SettingsPatch(profile, preferences, notifications, display, ai)

        def change() -> tuple[Settings, Job | None]:
            before = self.context.settings()
            check_version(before, if_version)
            after = merged(before, patch)
            job = _withdrawal(self.context, account, before, after)
            if after is not before:
                self.context.store.records(Settings).put(
                    account,
                    SETTINGS_KEY,
                    after,
                    replaces=before.version or None,
                    event=job_event(account, job) if job else None,
                )
            return after, job

        after, job = insist(change, if_version)
        if job is not None:
            seen_to(self.context, account, job)
        return after


def _withdrawal(
    context: Context, account: Account, before: Settings, after: Settings
) -> Job | None:
    """Store the job that forgets what vendors made, if consent is withdrawn; nobody does it yet."""
    withdrawn = sorted(set(before.ai.consent).difference(after.ai.consent))
    if not withdrawn:
        return None
    job = new_job(context, JobKind.WITHDRAW_CONSENT, {"vendors": " ".join(withdrawn)})
    expires_at = job.created_at + KEEP_FOR
    context.store.records(Job).put(account, str(job.id), job, replaces=None, expires_at=expires_at)
    return job
