"""`reflekt rebuild` and `events`: looking after a journal."""

import click

from reflekt_core.cli.display import waiting
from reflekt_core.cli.options import Command, emit, first, on_journal, opened
from reflekt_core.model.jobs import JobKind, JobState
from reflekt_core.serialization import wire

__all__ = ["events", "rebuild"]


@click.command(cls=Command, examples=("reflekt rebuild index", "reflekt rebuild analytics"))
@click.argument("what", type=click.Choice(["index", "analytics"]))
@on_journal
def rebuild(what: str, store: str | None, user: str, *, as_json: bool) -> None:
    """Build the search index or the analytics of a user anew from the entries."""
    with opened(store, user) as reflekt, waiting("Building; what is new is understood first"):
        job = reflekt.rebuild(JobKind(f"rebuild_{what}"))
    if as_json:
        emit(job)
    elif job.state is JobState.RUNNING:
        click.echo(f"{what}: another process is at it")
    elif job.state is JobState.DONE:
        click.echo(f"{what}: built anew")
    if job.state is JobState.FAILED:
        raise click.ClickException(f"{what} could not be built anew ({job.error})")


@click.group(no_args_is_help=False)
def events() -> None:
    """See and retry what could not be done after a write."""


@events.command("list", cls=Command, examples=("reflekt events list", "reflekt events list --json"))
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@on_journal
def list_(limit: int, store: str | None, user: str, *, as_json: bool) -> None:
    """List the events of all users that were set aside after several tries, oldest first."""
    with opened(store, user) as reflekt:
        outbox = reflekt.store.outbox
        parked, more = first(outbox.parked, limit)
        backlog = outbox.backlog()
    if as_json:
        emit({"items": [wire(one) for one in parked], "has_more": more, "backlog": backlog})
        return
    for one in parked:
        click.echo(
            f"{one.event.occurred_at:%Y-%m-%d %H:%M}  {one.event.kind}  {one.event.subject_id}  "
            f"{one.consumer}: {one.error}, {one.attempts} tries"
        )
    click.echo(f"{len(parked)}{'+' if more else ''} set aside, {backlog} waiting", err=True)


@events.command(cls=Command, examples=("reflekt events redrive",))
@on_journal
def redrive(store: str | None, user: str, *, as_json: bool) -> None:
    """Try what was set aside once more, for all users."""
    with opened(store, user) as reflekt:
        due = reflekt.store.outbox.redrive()
        reflekt.drain()
        backlog = reflekt.store.outbox.backlog()
    if as_json:
        emit({"redriven": due, "backlog": backlog})
    else:
        click.echo(f"{due} tried again, {backlog} still waiting")
