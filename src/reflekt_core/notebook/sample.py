"""The sample journal: a year of somebody who does not exist."""

import tomllib
from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from reflekt_core.app import Reflekt, utc_now
from reflekt_core.model.settings_patch import PreferencesPatch
from reflekt_core.stores import open_store

if TYPE_CHECKING:
    from reflekt_core.app import AssistantChoice

__all__ = ["sample"]

_OURS: Final = UUID("7c1d2b9e-5f0a-5b43-9a57-2f6c0e8d41b3")
_LAST_EVENING: Final = datetime(2025, 12, 31, 19, tzinfo=ZoneInfo("Europe/Berlin"))


def sample(assistant: "AssistantChoice" = "local") -> Reflekt:
    """
    Return a new journal in memory, with a year of entries by one invented person.

    Its clock starts on the evening of the last day, 31 December 2025, so that "the last 30 days"
    and "today" mean something. Ids and times of the entries are the same each time.

    Args:
        assistant: Who understands the entries, as for `Reflekt.open`.
    """
    told = tomllib.loads(files("reflekt_core.notebook").joinpath("sample.toml").read_text("utf-8"))
    zone = told["zone"]
    reflekt = Reflekt.on(open_store("memory://"), assistant=assistant, clock=_clock(_LAST_EVENING))
    reflekt.settings.update(preferences=PreferencesPatch(time_zone=zone))
    for name, look in told["categories"].items():
        reflekt.categories.put(uuid5(_OURS, name), name, color=look["color"], icon=look["icon"])
    for entry in told["entries"]:
        _write(reflekt, entry, zone)
    return reflekt


def _clock(start: datetime) -> Callable[[], datetime]:
    behind = utc_now() - start
    return lambda: utc_now() - behind


def _write(reflekt: Reflekt, entry: dict[str, Any], home: str) -> None:
    zone = entry.get("zone", home)
    category = entry.get("category")
    reflekt.entries.put(
        uuid5(_OURS, entry["at"].isoformat()),
        entry["content"],
        title=entry.get("title", ""),
        mood=entry.get("mood"),
        category_id=uuid5(_OURS, category) if category else None,
        tags=entry.get("tags", ()),
        starred=entry.get("starred", False),
        occurred_at=entry["at"].replace(tzinfo=ZoneInfo(zone)),
        time_zone=zone,
    )
