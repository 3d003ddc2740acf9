"""Changes to a user's settings: what is not mentioned stays."""

import attrs

from reflekt_core.model.entries import ZoneName
from reflekt_core.model.fields import UNSET, Unset, check, given
from reflekt_core.model.settings import (
    Bio,
    Consent,
    DailyMoney,
    DailyTokens,
    DisplayName,
    FontSize,
    Hour,
    Language,
    PrivateNames,
    Provider,
    Region,
    Settings,
    Theme,
    ThemeWords,
    TimeOfDay,
    Tone,
    Weekday,
)

__all__ = [
    "AISettingsPatch",
    "DisplayPatch",
    "NotificationsPatch",
    "PreferencesPatch",
    "ProfilePatch",
    "SettingsPatch",
    "merged",
]


@attrs.frozen
class ProfilePatch:
    """Changes to the profile."""

    display_name: DisplayName | Unset = UNSET
    bio: Bio | Unset = UNSET
    region: Region | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class PreferencesPatch:
    """Changes to the preferences."""

    time_zone: ZoneName | Unset = UNSET
    day_start_hour: Hour | Unset = UNSET
    week_start: Weekday | Unset = UNSET
    language: Language | Unset = UNSET
    tone: Tone | Unset = UNSET
    favourite_themes: ThemeWords | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class NotificationsPatch:
    """Changes to the notifications."""

    daily_reminder: bool | Unset = UNSET
    reminder_time: TimeOfDay | Unset = UNSET
    weekly_summary: bool | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class DisplayPatch:
    """Changes to the display."""

    theme: Theme | Unset = UNSET
    font_size: FontSize | Unset = UNSET
    show_word_count: bool | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class AISettingsPatch:
    """Changes to what AI may do."""

    enabled: bool | Unset = UNSET
    provider: Provider | Unset = UNSET
    consent: Consent | Unset = UNSET
    daily_budget_usd: DailyMoney | Unset | None = UNSET
    daily_token_budget: DailyTokens | Unset | None = UNSET
    redact: bool | Unset = UNSET
    private_names: PrivateNames | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


@attrs.frozen
class SettingsPatch:
    """Changes to settings, as a merge patch: what is not mentioned stays (RFC 7396)."""

    profile: ProfilePatch | Unset = UNSET
    preferences: PreferencesPatch | Unset = UNSET
    notifications: NotificationsPatch | Unset = UNSET
    display: DisplayPatch | Unset = UNSET
    ai: AISettingsPatch | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


def merged(settings: Settings, patch: SettingsPatch) -> Settings:
    """Return *settings* with *patch* applied, as their next version; themselves if nothing differs."""
    groups = {
        group: attrs.evolve(getattr(settings, group), **given(changes))
        for group, changes in given(patch).items()
    }
    after = attrs.evolve(settings, **groups)
    return settings if after == settings else attrs.evolve(after, version=settings.version + 1)
