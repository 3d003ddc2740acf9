"""The sample journal that `reflekt serve --demo` fills in."""

import tomllib
from datetime import datetime, time, timedelta
from importlib.resources import files
from typing import Any, Final
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from reflekt_core.app import Reflekt
from reflekt_core.model.categories import Category

__all__ = ["fill"]

_OURS: Final = UUID("0f3b6e0c-55a4-5c7e-9d4e-3c1b8a7f2d60")
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def fill(reflekt: Reflekt) -> int:
    """
    Write what of the sample journal was never there, and return how many entries that was.

    Their times count back from now. What the user has changed or deleted since stays so.
    """
    sample = tomllib.loads(files("reflekt_core.cli").joinpath("demo.toml").read_text("utf-8"))
    user_id = reflekt.actor.user_id
    missing = [
        entry
        for entry in sample["entries"]
        if reflekt.store.entries.get(user_id, _id(entry["when"])) is None
    ]
    for name in {entry["category"] for entry in missing}:
        _make_category(reflekt, name, sample["categories"][name])
    for entry in missing:
        _write(reflekt, entry)
    reflekt.drain()
    return len(missing)


def _id(name: str) -> UUID:
    return uuid5(_OURS, name)


def _make_category(reflekt: Reflekt, name: str, look: dict[str, str]) -> None:
    categories = reflekt.store.records(Category)
    if categories.get(reflekt.actor.user_id, str(_id(name))) is None:
        reflekt.categories.put(_id(name), name, color=look["color"], icon=look["icon"])


def _write(reflekt: Reflekt, entry: dict[str, Any]) -> None:
    zone = entry.get("zone", reflekt.settings.get().preferences.time_zone)
    reflekt.entries.put(
        _id(entry["when"]),
        entry["content"].strip(),
        title=entry.get("title", ""),
        mood=entry["mood"],
        category_id=_id(entry["category"]),
        tags=entry["tags"],
        starred=entry.get("starred", False),
        occurred_at=_moment(entry["when"], reflekt.clock(), zone),
        time_zone=zone,
    )


def _moment(when: str, now: datetime, zone: str) -> datetime:
    """Return the moment of ``2 20:15``, so many days ago, or ``sun 3 20:15``, so many weeks ago."""
    *days, at = when.split()
    today = now.astimezone(ZoneInfo(zone)).date()
    if len(days) == 1:
        day = today - timedelta(days=int(days[0]))
    else:
        weekday, weeks = days
        # Whole weeks, all before the last three days, so that the story stays in order.
        recent = today - timedelta(days=3)
        day = recent - timedelta(days=recent.weekday() - _WEEKDAYS.index(weekday), weeks=int(weeks))
    return datetime.combine(day, time.fromisoformat(at), ZoneInfo(zone))
