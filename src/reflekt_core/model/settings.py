"""A user's settings."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import attrs

from reflekt_core.model.entries import ZoneName
from reflekt_core.model.fields import Items, Range, Text

__all__ = [
    "AISettings",
    "Bio",
    "Consent",
    "DailyMoney",
    "DailyTokens",
    "Display",
    "DisplayName",
    "FontSize",
    "Hour",
    "Language",
    "Notifications",
    "Preferences",
    "PrivateNames",
    "Profile",
    "Provider",
    "Region",
    "Settings",
    "Theme",
    "ThemeWords",
    "TimeOfDay",
    "Tone",
    "Vendor",
    "Weekday",
    "region_of",
]


class Theme(StrEnum):
    """Colours of a front end."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class FontSize(StrEnum):
    """Size of text in a front end."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class Tone(StrEnum):
    """How prompts and questions sound."""

    GENTLE = "gentle"
    PLAIN = "plain"
    PLAYFUL = "playful"
    DIRECT = "direct"


class Provider(StrEnum):
    """
    Who understands entries: `local` never sends anything anywhere.

    `auto` takes the order that the service is set up with, as far as consent goes.
    """

    AUTO = "auto"
    LOCAL = "local"
    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Vendor(StrEnum):
    """An AI provider outside this machine, which needs the user's consent."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class Weekday(StrEnum):
    """The first day of a week."""

    MONDAY = "monday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


@attrs.frozen
class Money:
    """An amount of US dollars from 0 to *high*, with at most six decimals; a string in JSON."""

    high: int

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with *value*, or None."""
        wrong = f"must be an amount such as '0.25', from 0 to {self.high}, with at most 6 decimals"
        if not isinstance(value, Decimal) or not value.is_finite():
            return wrong
        exponent = value.as_tuple().exponent
        if not 0 <= value <= self.high or not isinstance(exponent, int) or exponent < -6:  # noqa: PLR2004
            return wrong
        return None

    def schema(self) -> dict[str, Any]:
        """Return the rule as JSON Schema keywords."""
        return {"pattern": r"^\d{1,7}(\.\d{1,6})?$", "examples": ["0.25"]}


DisplayName = Annotated[str, Text(100, example="Ada")]
Bio = Annotated[str, Text(1000, example="Sailor, baker, beginner at the cello.")]
Hour = Annotated[int, Range(0, 23)]
Language = Annotated[
    str,
    Text(
        35,
        pattern=r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*",
        what="a language tag such as 'en' or 'pt-BR' (BCP 47)",
        example="en",
    ),
]
TimeOfDay = Annotated[
    str,
    Text(5, pattern=r"(?:[01]\d|2[0-3]):[0-5]\d", what="a time such as '21:30'", example="21:30"),
]
Region = Annotated[
    str,
    Text(
        2,
        pattern=r"(?:[A-Z]{2})?",
        what="empty or two capital letters such as 'GB' (ISO 3166-1)",
        example="GB",
    ),
]
ThemeWord = Annotated[str, Text(50, min_length=1, example="gratitude")]
ThemeWords = Annotated[tuple[ThemeWord, ...], Items(20)]
DailyTokens = Annotated[int, Range(0, 100_000_000)]
DailyMoney = Annotated[Decimal, Money(1000)]
PrivateName = Annotated[str, Text(100, min_length=1, example="Ada")]
PrivateNames = Annotated[tuple[PrivateName, ...], Items(50)]
Consent = Annotated[tuple[Vendor, ...], Items(len(Vendor))]


@attrs.frozen
class Profile:
    """Who the user says they are."""

    display_name: DisplayName = ""
    bio: Bio = ""
    region: Region = ""
    """Where the user lives, for helplines; empty means what `language` says ("en-GB")."""


@attrs.frozen
class Preferences:
    """How the journal reckons and speaks."""

    time_zone: ZoneName = "UTC"
    day_start_hour: Hour = 0
    """Before this hour it is still the day before; counts for what is written from then on."""
    week_start: Weekday = Weekday.MONDAY
    language: Language = "en"
    tone: Tone = Tone.GENTLE
    favourite_themes: ThemeWords = ()


@attrs.frozen
class Notifications:
    """What a front end may remind the user of. Reflekt stores the wish; it sends nothing."""

    daily_reminder: bool = False
    reminder_time: TimeOfDay = "20:00"
    weekly_summary: bool = False


@attrs.frozen
class Display:
    """How a front end looks."""

    theme: Theme = Theme.SYSTEM
    font_size: FontSize = FontSize.MEDIUM
    show_word_count: bool = True


@attrs.frozen
class AISettings:
    """
    What AI may do with the journal.

    A text is sent to a vendor only if `consent` lists it, and `provider` is ``auto`` or names it.
    With `enabled` off nothing is analysed by itself, and nothing is sent. Once a day's budget (of
    UTC) is spent, this machine answers; null is no limit.
    """

    enabled: bool = True
    provider: Provider = Provider.AUTO
    consent: Consent = ()
    daily_budget_usd: DailyMoney | None = Decimal("0.25")
    daily_token_budget: DailyTokens | None = 1_000_000
    redact: bool = True
    """Replace addresses, numbers and `private_names` in what is sent to a vendor."""
    private_names: PrivateNames = ()
    """Names that are never sent to a vendor, unless `redact` is off."""


@attrs.frozen
class Settings:
    """Everything a user can set. `version` is 0 until the first change."""

    profile: Profile = Profile()
    preferences: Preferences = Preferences()
    notifications: Notifications = Notifications()
    display: Display = Display()
    ai: AISettings = AISettings()
    version: int = 0


def region_of(settings: Settings) -> str:
    """Return the user's region, else the one their language tag names ("zh-Hant-TW"), else ''."""
    if settings.profile.region:
        return settings.profile.region
    for subtag in settings.preferences.language.split("-")[1:]:
        if len(subtag) == 1:  # what follows is private or an extension (BCP 47)
            break
        if len(subtag) == 2 and subtag.isalpha():  # noqa: PLR2004 - only regions have two letters
            return subtag.upper()
    return ""
