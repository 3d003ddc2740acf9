"""Tags, categories, erasure, rebuilding: work done in steps."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from reflekt_core import Reflekt
from reflekt_core.errors import (
    AccountErased,
    InvalidInput,
    NotFound,
    Unauthenticated,
    VersionConflict,
)
from reflekt_core.model.accounts import Actor
from reflekt_core.model.events import Event, EventKind
from reflekt_core.model.jobs import Job, JobKind, JobState
from reflekt_core.model.paging import Page, through
from reflekt_core.model.transfer import ExportRecord
from reflekt_core.services.jobs import run_job
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock


def test_renaming_a_tag_reaches_every_entry(reflekt: Reflekt) -> None:
    """Entries in and outside the trash, over several steps, lose the old name and keep the rest."""
    for number in range(230):
        reflekt.entries.create(f"n{number}", tags=["x", "Sea"] if number % 2 else ["sea", "y"])
    trashed = reflekt.entries.create("trash", tags=["sea"])
    reflekt.entries.delete(trashed.id)
    job = reflekt.tags.rename("SEA", "ocean")
    assert (job.state, job.done, job.total) == (JobState.DONE, 231, 231)
    counts = {tag.name: tag.count for tag in reflekt.tags.list()}
    assert counts == {"ocean": 230, "x": 115, "y": 115}
    assert reflekt.entries.restore(trashed.id).tags == ("ocean",)


def test_renaming_to_a_tag_that_exists_merges(reflekt: Reflekt) -> None:
    """An entry that carries both keeps one, and its text's version does not change."""
    entry = reflekt.entries.create("both", tags=["sea", "ocean"])
    reflekt.tags.rename("sea", "ocean")
    after = reflekt.entries.get(entry.id)
    assert (after.tags, after.version, after.content_version) == (("ocean",), 2, 1)


def test_a_tag_may_change_its_spelling_alone(reflekt: Reflekt) -> None:
    """Renaming to the same word in another case ends, and shows the new spelling."""
    reflekt.entries.create("one", tags=["sea"])
    assert reflekt.tags.rename("sea", "Sea").state is JobState.DONE
    assert [tag.name for tag in reflekt.tags.list()] == ["Sea"]


def test_a_bad_tag_name_is_refused(reflekt: Reflekt) -> None:
    """Both names are checked before anything is done."""
    with pytest.raises(InvalidInput, match="name"):
        reflekt.tags.rename("sea", " ")
    with pytest.raises(InvalidInput, match="tag"):
        reflekt.tags.rename("x" * 51, "sea")


def test_deleting_a_category_leaves_its_entries(reflekt: Reflekt) -> None:
    """Entries live on without it; its list is empty at once."""
    work = reflekt.categories.create("Work")
    entries = [reflekt.entries.create(f"{n}", category_id=work.id) for n in range(120)]
    job = reflekt.categories.delete(work.id, if_version=1)
    assert reflekt.jobs.get(job.id).state is JobState.DONE
    assert reflekt.entries.get(entries[0].id).category_id is None
    assert len(reflekt.entries.list(category_id=work.id)) == 0
    with pytest.raises(NotFound):
        reflekt.categories.delete(work.id)


def test_categories_have_versions(reflekt: Reflekt) -> None:
    """A category is made, replaced, and guarded by its version."""
    made = reflekt.categories.create("Work", color="#2a9d8f", idempotency_key="a")
    assert reflekt.categories.create("Work", color="#2a9d8f", idempotency_key="a") == made
    changed = reflekt.categories.put(made.id, "Job", if_version=1)
    assert (changed.name, changed.color, changed.version) == ("Job", None, 2)
    with pytest.raises(VersionConflict):
        reflekt.categories.put(made.id, "Work", if_version=1)
    assert reflekt.categories.put(uuid4(), "New").version == 1
    assert len(reflekt.categories.list()) == 2


@pytest.mark.parametrize("letter", ["ж", "\x01"])
def test_a_page_of_an_export_ends_at_four_megabytes(
    tmp_path: Path, clock: FakeClock, letter: str
) -> None:
    """However many bytes a letter takes; and from the entries to the trash nothing is left out."""
    with Reflekt.on(open_store(f"sqlite:///{tmp_path}/journal.db"), clock=clock) as reflekt:
        written = [reflekt.entries.create(letter * 99_000) for _ in range(24)]
        for entry in written[15:]:
            reflekt.entries.delete(entry.id)
        pages = [reflekt.account.export(limit=100)]
        while pages[-1].next:
            pages.append(reflekt.account.export(after=pages[-1].next, limit=100))
    assert max(_size(page) for page in pages) < 4_010_000  # the envelopes come on top
    told = [record.value["id"] for page in pages for record in page if record.kind == "entry"]
    assert sorted(told) == sorted(str(entry.id) for entry in written)


def _size(page: Page[ExportRecord]) -> int:
    return sum(len(json.dumps(record.value, ensure_ascii=False).encode()) for record in page)


def test_an_erased_account_is_empty_and_can_begin_anew(reflekt: Reflekt, clock: FakeClock) -> None:
    """Nothing of the user is left, nothing of others is touched, and writing works again."""
    work = reflekt.categories.create("Work")
    entry = reflekt.entries.create("Gone.", tags=["t"], category_id=work.id, idempotency_key="k")
    reflekt.entries.insights(entry.id)
    reflekt.prompts.daily()
    ana = reflekt.acting_as(Actor("ana"))
    kept = ana.entries.create("Kept.")
    with pytest.raises(InvalidInput, match="confirm"):
        reflekt.account.delete(confirm="ana")
    job = reflekt.account.delete(confirm="me")
    assert job.state is JobState.DONE
    assert list(through(lambda after: reflekt.account.export(after=after))) == []
    assert reflekt.entries.changes().items == ()
    assert len(reflekt.tags.list()) == 0
    assert reflekt.analytics.trends().totals.entries == 0
    assert reflekt.entries.create("New.", idempotency_key="k").version == 1
    assert ana.entries.get(kept.id) == kept


def test_tokens_from_before_an_erasure_are_refused(reflekt: Reflekt, clock: FakeClock) -> None:
    """An actor whose token was issued until then is turned away; a newer one is not."""
    before = reflekt.acting_as(Actor("me", issued_at=clock()))
    before.entries.create("x")
    reflekt.account.delete(confirm="me")
    with pytest.raises(Unauthenticated):
        before.entries.list()
    clock.advance(seconds=1)
    after = reflekt.acting_as(Actor("me", issued_at=clock()))
    assert len(after.entries.list()) == 0


def test_an_erasure_cut_short_is_taken_up_again(reflekt: Reflekt, clock: FakeClock) -> None:
    """Between the fence and the end nobody can read or write; then the job goes on to its end."""
    for number in range(150):
        reflekt.entries.create(f"{number}")
    reflekt.drain()
    worker = reflekt.start_worker()
    worker.stop()  # there is a worker, so nothing is done in the request; but it has ended
    job = reflekt.account.delete(confirm="me")
    assert job.state is JobState.RUNNING
    for use in (reflekt.entries.list, lambda: reflekt.entries.create("x"), reflekt.settings.get):
        with pytest.raises(AccountErased):
            use()
    assert reflekt.jobs.get(job.id).state is JobState.RUNNING
    account = reflekt.store.accounts.get("me")
    assert reflekt.store.accounts.erase_some(account, 20, keep=job.id) > 0
    reflekt.drain()
    assert reflekt.jobs.get(job.id).state is JobState.DONE
    assert len(reflekt.entries.list()) == 0


def test_rebuilding_changes_nothing_that_was_right(reflekt: Reflekt) -> None:
    """Index and aggregates built anew answer as before."""
    for number in range(130):
        reflekt.entries.create(f"sea {number}", mood=number % 5 + 1)
    trashed = reflekt.entries.create("sea trash")
    reflekt.entries.delete(trashed.id)
    before = (reflekt.analytics.trends(), reflekt.entries.search("sea", limit=100).items)
    assert reflekt.rebuild(JobKind.REBUILD_ANALYTICS).state is JobState.DONE
    assert reflekt.rebuild(JobKind.REBUILD_INDEX).state is JobState.DONE
    assert (reflekt.analytics.trends(), reflekt.entries.search("sea", limit=100).items) == before


def test_somebody_elses_job_is_not_found(reflekt: Reflekt) -> None:
    """A job is its owner's alone."""
    job = reflekt.tags.rename("a", "b")
    with pytest.raises(NotFound):
        reflekt.acting_as(Actor("ana")).jobs.get(job.id)


def _waiting(reflekt: Reflekt, start: Callable[[], Job]) -> Event:
    """Return the event of a job that waits for somebody to do it."""
    reflekt.drain()
    reflekt.start_worker().stop()  # there is a worker, so nothing is done in the request
    job = start()
    return Event(EventKind.JOB_REQUESTED, "me", str(job.id), 1, job.created_at)


def test_a_job_stops_between_steps_when_told_to(reflekt: Reflekt) -> None:
    """After one step at least, so that each call gets on; the next goes on from there, to the end."""
    for number in range(101):
        reflekt.entries.create(f"{number}", tags=["sea"])
    event = _waiting(reflekt, lambda: reflekt.tags.rename("sea", "ocean"))
    gate = reflekt._context.gate
    assert run_job(gate, event, lambda: True) is False
    assert {tag.name: tag.count for tag in reflekt.tags.list()} == {"ocean": 100, "sea": 1}
    calls = 1
    while not run_job(gate, event, lambda: True):
        calls += 1
    assert calls == 4  # the page that is left, the trash; and the first page again
    assert {tag.name: tag.count for tag in reflekt.tags.list()} == {"ocean": 101}
    assert run_job(gate, event, lambda: True) is True


def test_an_erasure_stops_between_steps_when_told_to(reflekt: Reflekt) -> None:
    """The account stays shut until the last step is done."""
    for number in range(101):
        reflekt.entries.create(f"{number}")
    event = _waiting(reflekt, lambda: reflekt.account.delete(confirm="me"))
    gate = reflekt._context.gate
    assert run_job(gate, event, lambda: True) is False
    assert reflekt.store.accounts.get("me").erasing
    while not run_job(gate, event, lambda: True):
        assert reflekt.store.accounts.get("me").erasing
    assert not reflekt.store.accounts.get("me").erasing
    assert len(reflekt.entries.list()) == 0
