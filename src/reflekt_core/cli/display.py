"""Journals at a terminal: lists, entries and insights. Nothing is coloured or cut when piped."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from reflekt_core.model import entries as model
from reflekt_core.model.assistance import Answer
from reflekt_core.model.categories import Category
from reflekt_core.model.insights import Analysis, InsightView, SafetyLevel
from reflekt_core.model.listing import Hit
from reflekt_core.model.prompts import Prompt

if TYPE_CHECKING:  # listing entries needs none of it
    from reflekt_core.evaluation import Evaluation

__all__ = [
    "answer",
    "bar",
    "clean",
    "console",
    "day",
    "entries",
    "entry",
    "evaluation",
    "hits",
    "insight",
    "paragraph",
    "prompts",
]

ID_CHARACTERS: Final = 13
"""Enough to tell ids apart: those made by Reflekt begin with the millisecond."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDEST: Final = 100
_BAR: Final = "▏▎▍▌▋▊▉█"
_SHADES: Final = " ░▒▓█"
_CELLS: Final = 66
"""How wide the cells of a confusion may be together, beside the labels, for 80 columns."""


def console() -> Console:
    """Return where to print: what is printed is text, never markup."""
    made = Console(markup=False, highlight=False, emoji=False)
    if made.is_terminal and made.width > _WIDEST:
        made.width = _WIDEST
    return made


def clean(text: str) -> str:
    """Return *text* without what would move the cursor, or the reading direction, of a terminal."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def day(at: date) -> str:
    """Return a day as ``Sun 22 Nov 2026``."""
    return f"{at:%a} {at.day} {at:%b %Y}"


def bar(share: float, width: int) -> str:
    """Return a bar as long as *share* (0 to 1) of *width*; never nothing for more than 0."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + (_BAR[eighths % 8 - 1] if eighths % 8 else "")


def entries(found: Sequence[model.Entry], *, more: bool) -> None:
    """Print one line for each entry."""
    out = console()
    for one in found:
        _line(out, one)
    _ending(out, found, more=more)


def hits(found: Sequence[Hit], *, more: bool) -> None:
    """Print for each hit its line, and below it where the words are."""
    out = console()
    for hit in found:
        _line(out, hit.entry)
        snippet = _snippet(hit.snippet)
        if out.is_terminal:
            snippet.truncate(out.width - 4, overflow="ellipsis")
        out.print(Text("    ") + snippet, soft_wrap=True)
    _ending(out, found, more=more)


def _ending(out: Console, found: Sequence[object], *, more: bool) -> None:
    if not found:
        Console(stderr=True).print("No entries.")
    elif more and out.is_terminal:
        out.print(Text("… and more: see --limit", style="dim"))


def _line(out: Console, one: model.Entry) -> None:
    line = Text.assemble(
        (str(one.id)[:ID_CHARACTERS], "dim"),
        f"  {one.local_date:%a} {one.local_date}  ",
        (_dots(one.mood), "cyan"),
        (" ★ " if one.starred else "   ", "yellow"),
        _beginning(one),
    )
    for tag in one.tags:
        line.append(f" #{clean(tag)}", style="green")
    if out.is_terminal:
        line.truncate(out.width, overflow="ellipsis")
    out.print(line, soft_wrap=True)


def _beginning(one: model.Entry) -> Text:
    text = " ".join(clean(one.content[:200]).split())
    if not one.title:
        return Text(_cut(text, 60))
    title = " ".join(clean(one.title).split())
    return Text.assemble((title, "bold"), " · ", _cut(text, max(20, 57 - len(title))))


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _dots(mood: int | None) -> str:
    return "     " if mood is None else "●" * mood + "○" * (5 - mood)


def _snippet(text: str) -> Text:
    shown = Text()
    for part in re.split("(<mark>.*?</mark>)", " ".join(text.split())):
        hit = part.startswith("<mark>")
        plain = part.removeprefix("<mark>").removesuffix("</mark>") if hit else part
        shown.append(clean(html.unescape(plain)), style="bold yellow" if hit else "")
    return shown


def entry(one: model.Entry, category: Category | None) -> None:
    """Print the whole entry, its text as it is."""
    out = console()
    wraps = not out.is_terminal
    if one.title:
        out.print(Text(clean(one.title), style="bold"), soft_wrap=wraps)
    out.print(Text(" · ".join(_facts(one, category)), style="dim"), soft_wrap=wraps)
    if one.tags:
        out.print(Text(" ".join(f"#{clean(tag)}" for tag in one.tags), style="green"))
    out.print()
    out.print(clean(one.content), soft_wrap=wraps)


def _facts(one: model.Entry, category: Category | None) -> Iterable[str]:
    yield f"{day(one.occurred_at)} {one.occurred_at:%H:%M} ({one.time_zone})"
    if one.occurred_at.date() != one.local_date:
        yield f"counts for {day(one.local_date)}"
    if one.mood is not None:
        yield f"mood {one.mood}/5"
    if one.starred:
        yield "★"
    if category:
        yield clean(category.name)
    yield str(one.id)


def insight(one: model.Entry, found: InsightView) -> None:
    """Print what was understood of an entry. Help comes first, where the text asks for it."""
    out = console()
    title = clean(one.title) or _cut(" ".join(clean(one.content[:200]).split()), 60)
    out.print(Text.assemble((title, "bold"), (f"  {day(one.local_date)}", "dim")))
    if found.safety.level is not SafetyLevel.NONE:
        out.print()
        for resource in found.safety.resources:
            out.print(clean(resource))
    out.print()
    _understood(out, found)
    out.print()
    out.print(Text(_origin(found), style="dim"))


def _understood(out: Console, found: Analysis | InsightView) -> None:
    feeling = found.sentiment
    out.print(f"{feeling.label.value}, {feeling.score:+.2f} (confidence {feeling.confidence:.0%})")
    for emotion in sorted(found.emotions, key=lambda e: -e.score):
        out.print(Text.assemble(f"  {emotion.name.value:<9} ", (bar(emotion.score, 20), "cyan")))
    if found.topics:
        out.print(Text("about " + ", ".join(clean(topic.name) for topic in found.topics)))
    if found.summary:
        _paragraphs(out, "In short", [found.summary])
    _paragraphs(out, "Observations", found.observations)
    _paragraphs(out, "To think about", found.questions)


def _paragraphs(out: Console, heading: str, texts: Iterable[str]) -> None:
    lines = list(texts)
    if lines:
        out.print()
        out.print(Text(heading, style="bold"))
    for text in lines:
        paragraph(out, text)


def paragraph(out: Console, text: str) -> None:
    """Print *text*, indented, in lines that fit."""
    for line in Text(clean(text)).wrap(out, out.width - 2):
        line.rstrip()
        out.print(Text("  ") + line)


def _origin(found: InsightView) -> str:
    made = found.provenance
    stale = "; the entry has changed since: see --again" if found.stale else ""
    return f"{made.provider} {made.model}, {_minute(made.created_at)}{stale}"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} {at.tzname()}"


def prompts(found: Sequence[Prompt]) -> None:
    """Print each prompt as a paragraph."""
    out = console()
    for one in found:
        out.print(clean(one.text), soft_wrap=not out.is_terminal)


def answer(found: Answer[Analysis], ms: float, *, is_price_known: bool) -> None:
    """Print what a provider understood of a text, what it cost, and the *ms* it took."""
    out = console()
    out.print(Text(clean(f"{found.provider} {found.model}"), style="bold"))
    out.print()
    _understood(out, found.result)
    usage = found.usage
    cost = f"${usage.cost_usd:f}" if is_price_known else "cost not known"
    out.print()
    out.print(f"{usage.input_tokens} tokens in, {usage.output_tokens} out, {cost}, {ms:.0f} ms")


def evaluation(found: "Evaluation") -> None:
    """Print the figures, the coverage curve, and the confusion as a picture."""
    out = console()
    out.print(Text(clean(found.title()), style="bold"))
    for name, figure in found.figures().items():
        out.print(Text.assemble((f"  {name:<19}", "dim"), clean(figure)), soft_wrap=True)
    _title(out, "Coverage", "accuracy of the most confident, and how confident they are at least")
    for point in found.coverage:
        out.print(
            Text.assemble(
                f"  {point.share:>4.0%}  {point.accuracy:.3f}  ",
                (f"{bar(point.accuracy, 40):<40}", "cyan"),
                (f"  {point.confidence:.2f}", "dim"),
            )
        )
    _title(out, "Confusion", "a row for each label, a column for each prediction")
    _confusion(out, found.confusion)


def _title(out: Console, name: str, detail: str) -> None:
    out.print()
    out.print(Text.assemble((name, "bold"), f"  {detail}"))


def _confusion(out: Console, rows: Mapping[str, Mapping[str, int]]) -> None:
    columns = list(next(iter(rows.values())))
    widest = max(len(name) for name in (*rows, *columns))
    counts = [n for row in rows.values() for n in row.values()]
    # A column has a space, its name or count, and a shade. Names are cut if all do not fit.
    width = min(widest, max(len(str(max(counts))), _CELLS // len(columns) - 2))
    heads = "".join(f" {name[:width]:>{width}} " for name in columns)
    out.print(Text(f"  {'':<{widest}}{heads}".rstrip(), style="dim"), soft_wrap=True)
    for label, row in rows.items():
        line = Text(f"  {label:<{widest}}")
        total = sum(row.values())
        for name, count in row.items():
            shade = _SHADES[-(-count * (len(_SHADES) - 1) // total)]
            line.append(f" {count or '·':>{width}}", style="" if count else "dim")
            line.append(shade, style="green" if name == label else "red")
        line.rstrip()
        out.print(line, soft_wrap=True)
