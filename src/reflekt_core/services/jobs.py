"""Work that may take longer than a request: done in bounded steps, taken up again after a crash."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import attrs

from reflekt_core.errors import AccountErased, NotFound, VersionConflict
from reflekt_core.model.accounts import Account
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry, EntryFilter, fold_tag
from reflekt_core.model.entry_patch import EntryPatch, revised
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.paging import Position
from reflekt_core.ports import Clock, Store
from reflekt_core.services.analytics import rebuild_some
from reflekt_core.services.context import Context, insist

__all__ = ["Jobs", "job_event", "new_job", "run_job", "start_job"]

STEP = 100
"""How many entries one step may touch."""

KEEP_FOR = timedelta(days=7)
"""How long a job can be looked at."""

Edit = Callable[[Entry], Entry]


@attrs.frozen
class Jobs:
    """The jobs of one user."""

    context: Context

    def get(self, id: UUID) -> Job:
        """
        Return the job as it is now.

        Raises:
            NotFound: It is missing, over for a week, or somebody else's.
        """
        account = self.context.authorise(None)
        job = self.context.store.records(Job).get(account.user_id, str(id))
        if job is None:
            raise NotFound("there is no such job")
        return job


def new_job(context: Context, kind: JobKind, parameters: dict[str, str]) -> Job:
    """Return a job that has not begun."""
    now = context.clock()
    return Job(context.ids(), kind, JobState.RUNNING, 0, None, now, now, parameters=parameters)


def job_event(account: Account, job: Job) -> Event:
    """Return the event that asks for *job* to be done."""
    return Event(EventKind.JOB_REQUESTED, account.user_id, str(job.id), job.version, job.created_at)


def start_job(context: Context, account: Account, kind: JobKind, parameters: dict[str, str]) -> Job:
    """Store a new job together with the event that asks for it, and return it as it is now."""
    job = new_job(context, kind, parameters)
    jobs = context.store.records(Job)
    jobs.put(
        account,
        str(job.id),
        job,
        replaces=None,
        expires_at=job.created_at + KEEP_FOR,
        event=job_event(account, job),
    )
    context.wake()
    context.settle()
    return jobs.get(account.user_id, str(job.id)) or job


@attrs.frozen
class _Step:
    """What one step did: `done` more items; where to go on, or None at the end."""

    done: int
    next: Position | None


def run_job(store: Store, clock: Clock, event: Event) -> None:
    """
    Do the job that *event* asks for, from where it stands to its end.

    Doing it again, or from two places at once, changes nothing.
    """
    if event.kind is not EventKind.JOB_REQUESTED:
        return
    account = store.accounts.get(event.user_id)
    job = store.records(Job).get(event.user_id, event.subject_id)
    if job is None or job.state is not JobState.RUNNING:
        return
    try:
        if job.kind is JobKind.ERASE_ACCOUNT:
            _erase(store, clock, account, job)
        else:
            _run(store, clock, account, job)
    except (AccountErased, VersionConflict):
        # The account is gone, or another worker carries on with this job.
        return


def _run(store: Store, clock: Clock, account: Account, job: Job) -> None:
    step = _STEPS[job.kind]
    while job.state is JobState.RUNNING:
        did = step(store, clock, account, job)
        done = job.done + did.done
        if did.next is None:
            after = attrs.evolve(job, state=JobState.DONE, done=done, total=done, position=None)
        else:
            after = attrs.evolve(job, done=done, position=did.next)
        job = _save(store, clock, account, after)


def _save(store: Store, clock: Clock, account: Account, job: Job) -> Job:
    after = attrs.evolve(job, version=job.version + 1, updated_at=clock())
    store.records(Job).put(
        account,
        str(job.id),
        after,
        replaces=job.version,
        expires_at=job.created_at + KEEP_FOR,
    )
    return after


def _rename_tag(store: Store, clock: Clock, account: Account, job: Job) -> _Step:
    old, new = job.parameters["tag"], job.parameters["name"]
    folded = fold_tag(old)

    def rename(entry: Entry) -> Entry:
        tags = tuple(new if fold_tag(tag) == folded else tag for tag in entry.tags)
        return revised(entry, EntryPatch(tags=tags), day_start_hour=0, now=clock())

    return _edit_page(store, account, job, EntryFilter(tag=(old,)), rename)


def _delete_category(store: Store, clock: Clock, account: Account, job: Job) -> _Step:
    category_id = UUID(job.parameters["category_id"])
    store.records(Category).delete(account, str(category_id))

    def clear(entry: Entry) -> Entry:
        if entry.category_id != category_id:
            return entry
        return revised(entry, EntryPatch(category_id=None), day_start_hour=0, now=clock())

    return _edit_page(store, account, job, EntryFilter(category_id=category_id), clear)


def _edit_page(store: Store, account: Account, job: Job, wanted: EntryFilter, edit: Edit) -> _Step:
    """
    Edit one page of the entries that are *wanted*: first those outside the trash, then those in it.

    Passes are repeated until one finds nothing to do, for entries may move while we look.
    """
    drawer, edited_before, *after = job.position or ("live", 0)
    page = store.entries.list(
        account.user_id,
        attrs.evolve(wanted, trashed=drawer == "trash"),
        after=tuple(after) or None,
        limit=STEP,
    )
    done = sum(_edit(store, account, entry, edit) for entry in page)
    edited = int(edited_before or 0) + done
    if page.next is not None:
        return _Step(done, (drawer, edited, *page.next))
    if drawer == "live":
        return _Step(done, ("trash", edited))
    return _Step(done, ("live", 0) if edited else None)


def _edit(store: Store, account: Account, seen: Entry, edit: Edit) -> bool:
    def apply() -> bool:
        before = store.entries.get(account.user_id, seen.id)
        if not isinstance(before, Entry):
            return False
        after = edit(before)
        if after is before:
            return False
        store.entries.put(account, after, replaces=before.version)
        return True

    return insist(apply, None)


def _rebuild_index(store: Store, _: Clock, account: Account, job: Job) -> _Step:
    return _Step(0, store.search.reindex(account, after=job.position, limit=STEP))


def _rebuild_analytics(store: Store, _: Clock, account: Account, job: Job) -> _Step:
    """Forget everything, then count the entries anew, those in the trash as well: they are nothing."""
    phase, *after = job.position or ("forget",)
    if phase == "forget":
        forgotten = store.aggregates.clear_some(account, STEP)
        return _Step(0, ("forget",) if forgotten else ("count",))
    position = rebuild_some(store, account, tuple(after) or None, STEP)
    return _Step(0, position and ("count", *position))


def _erase(store: Store, clock: Clock, account: Account, job: Job) -> None:
    while account.erasing and store.accounts.erase_some(account, STEP, keep=job.id):
        pass
    store.accounts.end_erasure(account)
    account = store.accounts.get(account.user_id)
    _save(store, clock, account, attrs.evolve(job, state=JobState.DONE))


_STEPS = {
    JobKind.RENAME_TAG: _rename_tag,
    JobKind.DELETE_CATEGORY: _delete_category,
    JobKind.REBUILD_INDEX: _rebuild_index,
    JobKind.REBUILD_ANALYTICS: _rebuild_analytics,
}
