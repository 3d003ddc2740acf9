"""`reflekt insights` and `prompt`: the assistant at a terminal."""

import click

from reflekt_core.cli import display, understood
from reflekt_core.cli.journals import Journal, Place, of_journal
from reflekt_core.cli.options import Command, emit, entry_named, one_of
from reflekt_core.errors import NotFound
from reflekt_core.model.entries import Entry
from reflekt_core.model.insights import InsightFailure, InsightState, InsightStatus
from reflekt_core.model.prompts import Prompt, PromptCategory, PromptMood, Prompts

__all__ = ["insights", "prompt"]


@click.command(
    cls=Command,
    examples=("reflekt insights", "reflekt insights 0193e1a2 --again", "reflekt insights --json"),
)
@click.argument("id", required=False)
@click.option("--again", is_flag=True, help="Work it out anew.")
@of_journal
def insights(id: str | None, place: Place, *, again: bool, as_json: bool) -> None:
    """Show what was understood of the entry whose ID this is or begins so; without ID, the latest."""
    with place.opened() as journal:
        entry = entry_named(journal, id) if id else _latest(journal)
        with display.waiting("Understanding"):
            ask = journal.entries.analyse if again else journal.entries.insights
            found = ask(entry.id)
    if as_json:
        emit(found)
    elif isinstance(found, InsightState):
        off = "analysis is switched off in the settings"
        click.echo(off if found.status is InsightStatus.OFF else "it is being worked out")
    elif not isinstance(found, InsightFailure):
        understood.insight(entry, found)
    if isinstance(found, InsightFailure):
        raise click.ClickException(f"it could not be understood ({found.code}); try --again")


def _latest(journal: Journal) -> Entry:
    page = journal.entries.list(limit=1)
    if not page.items:
        raise NotFound("there are no entries yet")
    return page.items[0]


@click.command(
    cls=Command,
    examples=(
        "reflekt prompt",
        "reflekt prompt --category gratitude --mood tired",
        "reflekt prompt --theme 'the sea' --count 3",
    ),
)
@click.option("--category", type=one_of(PromptCategory), help="What kind of writing.")
@click.option("--theme", "themes", multiple=True, help="What to write about; may be repeated.")
@click.option("--mood", type=one_of(PromptMood), help="How you feel.")
@click.option("--count", type=click.IntRange(1, 10), help="How many.")
@of_journal
def prompt(  # noqa: PLR0913 - what a prompt may be like
    *,
    category: str | None,
    themes: tuple[str, ...],
    mood: str | None,
    count: int | None,
    place: Place,
    as_json: bool,
) -> None:
    """Get the prompt of the day; or, with any option about prompts, new ones."""
    made: Prompt | Prompts
    with place.opened(new=True) as journal:
        if category or themes or mood or count:
            made = journal.prompts.generate(
                category=PromptCategory(category) if category else None,
                themes=themes,
                mood=PromptMood(mood) if mood else None,
                count=count or 1,
            )
        else:
            made = journal.prompts.daily()
    if as_json:
        emit(made)
    else:
        display.prompts(made.items if isinstance(made, Prompts) else (made,))
