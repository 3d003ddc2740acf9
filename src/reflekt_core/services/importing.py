"""
Taking over what other programs have kept, or another Reflekt.

Each record has an id that follows from where it came from. So importing twice changes nothing, an
import that was cut short goes on where it was, and what was deleted since does not come back.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from reflekt_core.errors import InvalidInput, TooLarge, VersionConflict
from reflekt_core.model.accounts import Account, Permission
from reflekt_core.model.categories import Category, CategoryDraft
from reflekt_core.model.entries import (
    Entry,
    EntryDraft,
    Tombstone,
    Zone,
    count_words,
    local_date,
    new_entry,
)
from reflekt_core.model.folding import fold
from reflekt_core.model.insights import Insight
from reflekt_core.model.paging import through
from reflekt_core.model.prompts import DailyPrompt
from reflekt_core.model.settings import Settings
from reflekt_core.model.transfer import (
    Arrival,
    Broken,
    ExportKind,
    ExportRecord,
    ImportReport,
    size,
)
from reflekt_core.serialization import read_whole
from reflekt_core.services.context import SETTINGS_KEY, Context

__all__ = ["MOST_PROBLEMS", "ImportService", "Told"]

Told = Callable[[ImportReport], object]
"""Hears how far an import is."""

MOST_PROBLEMS: Final = 100
"""How many broken records a report names."""

_BATCH: Final = 2000
_HEAVY: Final = 4_000_000
_MOST_EXTRA_BYTES: Final = 100 * 1024
_LONGEST_TITLE: Final = 200
_LONGEST_TAG: Final = 50
_MOST_TAGS: Final = 50

_Record = Arrival | ExportRecord | Broken


@attrs.frozen
class ImportService:
    """What one user brings along."""

    context: Context

    def add(
        self,
        records: Iterable[_Record],
        *,
        format: str,  # noqa: A002 - the word for it
        dry_run: bool = False,
        strict: bool = False,
        told: Told = lambda _: None,
    ) -> ImportReport:
        """
        Take *records* over, and return what came of them.

        What is there already stays as it is, and so do settings that were set. Consent to AI vendors
        is not taken over: a file cannot agree to anything.

        Args:
            records: What a `Format` reads.
            format: Its name, which is part of the ids of what it brings.
            dry_run: Only look.
            strict: Stop at the first record that is broken.
            told: Hears the report so far, now and then.

        Raises:
            InvalidInput: A record is broken, and *strict* is set. What came before it is taken over.
        """
        account = self.context.authorise(Permission.ENTRIES_WRITE)
        taking = _Import(self.context, account, format, dry_run=dry_run)
        for batch in _batches(records):
            broken = taking.add(batch, strict=strict)
            told(taking.report())
            if broken:
                raise InvalidInput.field(broken.place, broken.message)
        self.context.wake()
        return taking.report()


def _batches(records: Iterable[_Record]) -> Iterator[list[_Record]]:
    """Yield *records* in batches that are long, since each is one commit, but not heavy."""
    batch: list[_Record] = []
    weight = 0
    for record in records:
        batch.append(record)
        weight += _weight(record)
        if len(batch) >= _BATCH or weight >= _HEAVY:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _weight(record: _Record) -> int:
    if isinstance(record, Arrival):
        return len(record.content)
    return len(str(record.value.get("content"))) if isinstance(record, ExportRecord) else 0


class _Import:
    """One import under way."""

    def __init__(self, context: Context, account: Account, name: str, *, dry_run: bool) -> None:
        self._context = context
        self._account = account
        self._format = name
        self._dry_run = dry_run
        self._settings = context.settings()
        self._now = context.clock()
        self._categories: dict[tuple[str, ...], UUID] | None = None
        self._entries: list[Entry] = []
        self._texts: dict[UUID, int] = {}  # by the ids of entries seen, a hash of each
        self._count: Counter[str] = Counter()
        self._notes: Counter[str] = Counter()
        self._problems: list[Broken] = []

    def report(self) -> ImportReport:
        """Return what was done so far."""
        return ImportReport(
            format=self._format,
            read=self._count.total(),
            added=self._count["added"],
            present=self._count["present"],
            broken=self._count["broken"],
            problems=tuple(self._problems),
            notes=dict(self._notes),
            dry_run=self._dry_run,
        )

    def add(self, records: Iterable[_Record], *, strict: bool) -> Broken | None:
        """Take *records* over; if *strict*, up to the first that is broken, and return that one."""
        found = None
        for record in records:
            broken = record if isinstance(record, Broken) else self._take(record)
            if broken:
                self._count["broken"] += 1
                self._problems += [broken] if len(self._problems) < MOST_PROBLEMS else []
            if broken and strict:
                found = broken
                break
        self._store_entries()
        return found

    def _take(self, record: Arrival | ExportRecord) -> Broken | None:
        """Take one record over, an entry at the end of its batch; return what is wrong with it."""
        place = record.place if isinstance(record, Arrival) else f"{record.place}, {record.kind}"
        try:
            if isinstance(record, Arrival):
                self._collect(self._arrived(record))
            else:
                self._return(record)
        except InvalidInput as error:
            said = "; ".join(
                f"{p.path}: {p.message}" if p.path else p.message for p in error.problems
            )
            return Broken(place, said)
        except TooLarge as error:
            return Broken(place, error.message)
        return None

    # From other programs.

    def _arrived(self, arrival: Arrival) -> Entry:
        preferences = self._settings.preferences
        zone = arrival.time_zone or preferences.time_zone
        title, content = _fitted(arrival.title, arrival.content)
        tags, left = _tags(arrival.tags)
        draft = EntryDraft(
            content=content,
            title=title,
            mood=arrival.mood,
            category_id=self._category(arrival.category) if arrival.category else None,
            tags=tags,
            starred=arrival.starred,
            occurred_at=_at(arrival.occurred_at, zone) or self._now,
            time_zone=arrival.time_zone,
        )
        created = _at(arrival.created_at, zone) or self._now
        updated = _at(arrival.updated_at, zone) or created
        return new_entry(
            draft,
            id=arrival.id
            or self._context.keyed_id("imported entry", f"{self._format}\x00{arrival.key}"),
            time_zone=preferences.time_zone,
            day_start_hour=preferences.day_start_hour,
            now=updated,
            created_at=min(created, updated),
            extra=self._kept({**arrival.extra, **({"tags": left} if left else {})}),
        )

    def _kept(self, extra: dict[str, Any]) -> dict[str, Any]:
        """Return what an entry keeps of what Reflekt does not understand."""
        if not extra:
            return {}
        try:
            if size(extra) <= _MOST_EXTRA_BYTES:
                return {self._format: extra}
        except ValueError:
            pass  # which of them, shows one by one
        kept = self._fitting(extra)
        return {self._format: kept} if kept else {}

    def _fitting(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields that can be kept, as many as fit, and note how many are left out."""
        sizes: dict[str, int] = {}
        for name, value in extra.items():
            try:
                sizes[name] = size({name: value})
            except ValueError:
                self._notes["other fields that could not be exported, left out"] += 1
        room = _MOST_EXTRA_BYTES
        kept = set[str]()
        # The small ones first: a long text takes no photo's name with it.
        for name in sorted(sizes, key=lambda name: sizes[name]):
            room -= sizes[name]
            if room >= 0:
                kept.add(name)
            else:
                self._notes["other fields of more than 100 KB, left out"] += 1
        return {name: value for name, value in extra.items() if name in kept}

    def _category(self, name: str) -> UUID:
        """Return the id of the category called *name*, made if there is none."""
        name = " ".join(name.split())
        draft = CategoryDraft(name)
        if self._categories is None:
            self._categories = {tuple(fold(c.name)): c.id for c in self._all_categories()}
        key = tuple(fold(name)) or (name,)
        if key not in self._categories:
            id = self._context.keyed_id("imported category", name)
            self._categories[key] = id
            self._put(Category, str(id), Category(id, draft.name, None, None, 1))
        return self._categories[key]

    def _all_categories(self) -> Iterator[Category]:
        records, user_id = self._context.store.records(Category), self._account.user_id
        return through(lambda after: records.list(user_id, after=after, limit=100))

    # From another Reflekt.

    def _return(self, record: ExportRecord) -> None:
        match record.kind:
            case ExportKind.ENTRY:
                self._collect(_entry(record))
            case ExportKind.INSIGHT:
                self._store_entries()
                self._return_insight(read_whole(record.value, Insight))
            case ExportKind.SETTINGS:
                self._return_settings(read_whole(record.value, Settings))
            case ExportKind.CATEGORY:
                category = read_whole(record.value, Category)
                CategoryDraft(category.name, category.color, category.icon)
                self._tally(new=self._put(Category, str(category.id), category))
            case ExportKind.DAILY_PROMPT:
                prompt = read_whole(record.value, DailyPrompt)
                self._tally(new=self._put(DailyPrompt, prompt.date.isoformat(), prompt))

    def _return_settings(self, settings: Settings) -> None:
        if settings.ai.consent:
            self._notes["consent to AI vendors, not taken over: agree anew in the settings"] += 1
        ai = attrs.evolve(settings.ai, consent=())
        self._tally(new=self._put(Settings, SETTINGS_KEY, attrs.evolve(settings, ai=ai)))

    def _return_insight(self, insight: Insight) -> None:
        store, user_id, id = self._context.store, self._account.user_id, insight.entry_id
        entry = store.entries.get(user_id, id)
        if entry is None and id not in self._texts:
            raise InvalidInput.field("entry_id", "there is no such entry")
        new = not isinstance(entry, Tombstone) and store.insights.get(user_id, id) is None
        if new and not self._dry_run:
            store.insights.put(self._account, insight)
        self._tally(new=new)

    def _put(self, kind: type[Any], key: str, value: Any) -> bool:
        """Store the value of *kind* if there is none under *key*; tell whether it is new."""
        records = self._context.store.records(kind)
        if records.get(self._account.user_id, key) is not None:
            return False
        if not self._dry_run:
            try:
                records.put(self._account, key, value, replaces=None)
            except VersionConflict:
                return False  # another import of the same was faster
        return True

    # Both.

    def _collect(self, entry: Entry) -> None:
        """Keep *entry* for the end of the batch, unless it was among the records already."""
        text = hash((entry.title, entry.content))
        before = self._texts.get(entry.id)
        if before is None:
            self._texts[entry.id] = text
            self._entries.append(entry)
        elif before == text:
            self._tally(new=False)
        else:
            raise InvalidInput.field("id", "an earlier record has the same id and another text")

    def _store_entries(self) -> None:
        entries, self._entries = self._entries, []
        store = self._context.store.entries
        if self._dry_run:
            fresh = tuple(map(self._would_be_new, entries))
        else:
            fresh = store.add(self._account, entries)
        for new in fresh:
            self._tally(new=new)

    def _would_be_new(self, entry: Entry) -> bool:
        return self._context.store.entries.get(self._account.user_id, entry.id) is None

    def _tally(self, *, new: bool) -> None:
        self._count["added" if new else "present"] += 1


def _at(at: datetime | None, zone: str) -> datetime | None:
    """Return *at*, as the clock of *zone* shows it if it says no offset."""
    if at is None or at.tzinfo is not None:
        return at
    if problem := Zone().problem(zone):
        raise InvalidInput.field("time_zone", problem)
    return at.replace(tzinfo=ZoneInfo(zone))


def _fitted(title: str, content: str) -> tuple[str, str]:
    """Return title and content, so that a title that is too long stands in the content as well."""
    if len(title) <= _LONGEST_TITLE:
        return title, content
    return f"{title[: _LONGEST_TITLE - 1]}…", f"{title}\n\n{content}"


def _tags(tags: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the tags that an entry may carry, and those that it may not."""
    cleaned = [" ".join(tag.splitlines()).strip() for tag in tags]
    short = [tag for tag in cleaned if 0 < len(tag) <= _LONGEST_TAG]
    long = [tag for tag in cleaned if len(tag) > _LONGEST_TAG]
    return tuple(short[:_MOST_TAGS]), short[_MOST_TAGS:] + long


def _entry(record: ExportRecord) -> Entry:
    """Return the entry of an export, checked as if it were written anew."""
    entry = read_whole(record.value, Entry)
    draft = EntryDraft(
        content=entry.content,
        title=entry.title,
        mood=entry.mood,
        tags=entry.tags,
        occurred_at=entry.occurred_at,
        time_zone=entry.time_zone,
    )
    wall = local_date(entry.occurred_at, entry.time_zone)
    if entry.local_date not in {wall, wall - timedelta(days=1)}:
        raise InvalidInput.field("local_date", f"must be {wall} or the day before")
    if not 1 <= entry.content_version <= entry.version:
        raise InvalidInput.field("content_version", "must be from 1 to version")
    return attrs.evolve(entry, tags=draft.tags, word_count=count_words(entry.content))
