"""Changes to an entry: what is not mentioned stays."""

from datetime import UTC, datetime
from uuid import UUID

import attrs

from reflekt_core.model.entries import (
    Content,
    Entry,
    Instant,
    Mood,
    Tags,
    Title,
    ZoneName,
    count_words,
    in_zone,
    local_date,
    unique_tags,
)
from reflekt_core.model.fields import UNSET, Unset, check, given

__all__ = ["EntryPatch", "revised"]


@attrs.frozen
class EntryPatch:
    """Changes to an entry, as a merge patch: what is not mentioned stays (RFC 7396)."""

    content: Content | Unset = UNSET
    title: Title | Unset = UNSET
    mood: Mood | Unset | None = UNSET
    category_id: UUID | Unset | None = UNSET
    tags: Tags | Unset = UNSET
    starred: bool | Unset = UNSET
    occurred_at: Instant | Unset = UNSET
    time_zone: ZoneName | Unset = UNSET
    prompt_id: UUID | Unset | None = UNSET

    def __attrs_post_init__(self) -> None:
        check(self)


def revised(entry: Entry, patch: EntryPatch, *, day_start_hour: int, now: datetime) -> Entry:
    """Return *entry* with *patch* applied, as its next version; *entry* itself if nothing differs."""
    wanted = given(patch)
    if "tags" in wanted:
        wanted["tags"] = unique_tags(tuple(wanted["tags"]))
    zone = wanted.get("time_zone", entry.time_zone)
    at = in_zone(wanted.pop("occurred_at", entry.occurred_at), zone)
    changes = {name: new for name, new in wanted.items() if new != getattr(entry, name)}
    if (at, zone) != (entry.occurred_at, entry.time_zone):
        changes |= {"occurred_at": at, "local_date": local_date(at, zone, day_start_hour)}
    if not changes:
        return entry
    if "title" in changes or "content" in changes:
        changes["content_version"] = entry.content_version + 1
    if "content" in changes:
        changes["word_count"] = count_words(changes["content"])
    return attrs.evolve(entry, **changes, version=entry.version + 1, updated_at=now.astimezone(UTC))
