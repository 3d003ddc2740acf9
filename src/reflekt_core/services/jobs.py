"""Work that may take longer than a request: done in bounded steps, taken up again after a crash."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import attrs

from reflekt_core.errors import (
    AccountErased,
    NotFound,
    ReflektError,
    Unavailable,
    VersionConflict,
)
from reflekt_core.model.accounts import Account
from reflekt_core.model.categories import Category
from reflekt_core.model.entries import Entry, EntryFilter, fold_tag
from reflekt_core.model.entry_patch import EntryPatch, revised
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.paging import Position
from reflekt_core.model.settings import Vendor
from reflekt_core.ports import Clock, Store
from reflekt_core.services.analytics import rebuild_some
from reflekt_core.services.assistance import Gate
from reflekt_core.services.context import Context, insist
from reflekt_core.services.withdrawal import forget_some

__all__ = [
    "KEEP_FOR",
    "Jobs",
    "ask_for",
    "job_event",
    "new_job",
    "note_deleted",
    "run_job",
    "seen_to",
    "start_job",
]

STEP = 100
"""How many entries one step may touch."""

KEEP_FOR = timedelta(days=7)
"""How long a job can be looked at."""

Edit = Callable[[Entry], Entry]
Stopping = Callable[[], bool]


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
    return seen_to(context, account, ask_for(context, account, kind, parameters))


def ask_for(context: Context, account: Account, kind: JobKind, parameters: dict[str, str]) -> Job:
    """Store a new job together with the event that asks for it, and return it."""
    job = new_job(context, kind, parameters)
    context.store.records(Job).put(
        account,
        str(job.id),
        job,
        replaces=None,
        expires_at=job.created_at + KEEP_FOR,
        event=job_event(account, job),
    )
    return job


def seen_to(context: Context, account: Account, job: Job) -> Job:
    """Have *job* done, here or in the background, and return it as it is now."""
    context.wake()
    context.settle()
    return context.store.records(Job).get(account.user_id, str(job.id)) or job


@attrs.frozen
class _Step:
    """What one step did: `done` more items; where to go on, or None at the end."""

    done: int
    next: Position | None


def run_job(gate: Gate, event: Event, stopping: Stopping = lambda: False) -> bool:
    """
    Do the job that *event* asks for, from where it stands to its end; return whether it is over.

    It is not if, after at least one step, *stopping* says so. Doing it again, or from two places at
    once, changes nothing.
    """
    if event.kind is not EventKind.JOB_REQUESTED:
        return True
    store = gate.store
    account = store.accounts.get(event.user_id)
    # Another worker may be at the same job and save first. Then this one goes on from there: it
    # takes the event out of the outbox, so it has to see the job end, should the other one die.
    while job := _running(store, event):
        work = _erase if job.kind is JobKind.ERASE_ACCOUNT else _run
        try:
            if not work(gate, account, job, stopping):
                return False
        except AccountErased:
            return True
        except VersionConflict:
            continue
    return True


def _running(store: Store, event: Event) -> Job | None:
    job = store.records(Job).get(event.user_id, event.subject_id)
    return job if job and job.state is JobState.RUNNING else None


def _run(gate: Gate, account: Account, job: Job, stopping: Stopping) -> bool:
    while job.state is JobState.RUNNING:
        job = _save(gate.store, gate.clock, account, _stepped(gate, account, job))
        if stopping():
            break
    return job.state is not JobState.RUNNING


def _stepped(gate: Gate, account: Account, job: Job) -> Job:
    """Return *job* as it is after its next step."""
    try:
        did = _STEPS[job.kind](gate, account, job)
    except (AccountErased, Unavailable):
        raise
    except ReflektError as error:
        return attrs.evolve(job, state=JobState.FAILED, error=error.code)
    done = job.done + did.done
    if did.next is None:
        return attrs.evolve(job, state=JobState.DONE, done=done, total=done, position=None)
    return attrs.evolve(job, done=done, position=did.next)


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


def _rename_tag(gate: Gate, account: Account, job: Job) -> _Step:
    old, new = job.parameters["tag"], job.parameters["name"]
    folded = fold_tag(old)

    def rename(entry: Entry) -> Entry:
        tags = tuple(new if fold_tag(tag) == folded else tag for tag in entry.tags)
        return revised(entry, EntryPatch(tags=tags), day_start_hour=0, now=gate.clock())

    return _edit_page(gate.store, account, job, EntryFilter(tag=(old,)), rename)


def _delete_category(gate: Gate, account: Account, job: Job) -> _Step:
    category_id = UUID(job.parameters["category_id"])
    categories = gate.store.records(Category)
    if job.position is None:
        with suppress(VersionConflict):
            version = int(job.parameters["version"])
            categories.delete(account, str(category_id), replaces=version)
    if categories.get(account.user_id, str(category_id)) is not None:
        return _Step(0, None)  # it was changed or made anew after the request: it stays

    def clear(entry: Entry) -> Entry:
        if entry.category_id != category_id:
            return entry
        return revised(entry, EntryPatch(category_id=None), day_start_hour=0, now=gate.clock())

    return _edit_page(gate.store, account, job, EntryFilter(category_id=category_id), clear)


def note_deleted(context: Context, account: Account, job: Job) -> None:
    """Note in *job* that its category is deleted, so that one made anew under the id stays."""
    with suppress(VersionConflict):  # it has begun already
        _save(context.store, context.clock, account, attrs.evolve(job, position=("live", 0)))


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


def _rebuild_index(gate: Gate, account: Account, job: Job) -> _Step:
    return _Step(0, gate.store.search.reindex(account, after=job.position, limit=STEP))


def _rebuild_analytics(gate: Gate, account: Account, job: Job) -> _Step:
    """Forget everything, then count the entries anew, those in the trash as well: they are nothing."""
    store = gate.store
    phase, *after = job.position or ("forget",)
    if phase == "forget":
        forgotten = store.aggregates.clear_some(account, STEP)
        _mend(store, account, job)
        return _Step(0, ("forget",) if forgotten else ("count",))
    position = rebuild_some(store, account, tuple(after) or None, STEP)
    return _Step(0, position and ("count", *position))


def _mend(store: Store, account: Account, job: Job) -> None:
    """Count everything, if another worker did so already: what was forgotten here may be of that."""
    now = store.records(Job).get(account.user_id, str(job.id))
    if now is None or (
        now.state is JobState.RUNNING and (now.position or ("forget",))[0] != "count"
    ):
        return
    position = rebuild_some(store, account, None, STEP)
    while position:
        position = rebuild_some(store, account, position, STEP)


def _withdraw_consent(gate: Gate, account: Account, job: Job) -> _Step:
    vendors = {Vendor(name) for name in job.parameters["vendors"].split()}
    withdrawn = vendors.difference(gate.settings(account).ai.consent)  # it may be given again
    return _Step(*forget_some(gate, account, withdrawn, job.position, STEP))


def _erase(gate: Gate, account: Account, job: Job, stopping: Stopping) -> bool:
    store = gate.store
    while account.erasing and store.accounts.erase_some(account, STEP, keep=job.id):
        if stopping():
            return False
    store.accounts.end_erasure(account)
    account = store.accounts.get(account.user_id)
    _save(store, gate.clock, account, attrs.evolve(job, state=JobState.DONE))
    return True


_STEPS = {
    JobKind.RENAME_TAG: _rename_tag,
    JobKind.DELETE_CATEGORY: _delete_category,
    JobKind.REBUILD_INDEX: _rebuild_index,
    JobKind.REBUILD_ANALYTICS: _rebuild_analytics,
    JobKind.WITHDRAW_CONSENT: _withdraw_consent,
}
