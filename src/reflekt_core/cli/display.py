"""Journals at a terminal: lists, entries, prompts and figures. Nothing is coloured or cut when piped."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from reflekt_core.model import entries as model
from reflekt_core.model.categories import Category
from reflekt_core.model.listing import Hit
from reflekt_core.model.prompts import Prompt

if TYPE_CHECKING:  # listing entries needs none of it
    from reflekt_core.evaluation import Evaluation

__all__ = [
    "bar",
    "clean",
    "console",
    "day",
    "entries",
    "entry",
    "evaluation",
    "heading",
    "hits",
    "in_line",
    "paragraph",
    "prompts",
    "waiting",
]

ID_CHARACTERS: Final = 13
"""Enough to tell ids apart: those made by Reflekt begin with the millisecond."""

_CONTROLS: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_WIDEST: Final = 100
_WIDEST_TEXT: Final = 80
_NARROWEST: Final = 20
_NARROW: Final = 60
_BAR: Final = "▏▎▍▌▋▊▉█"
_SHADES: Final = " ░▒▓█"
_CELLS: Final = 66
"""How wide the cells of a confusion may be together, beside the labels, for 80 columns."""


def console(widest: int = _WIDEST_TEXT) -> Console:
    """Return where to print, at most *widest* columns: what is printed is text, never markup."""
    made = Console(markup=False, highlight=False, emoji=False)
    made.width = max(_NARROWEST, min(made.width, widest))
    return made


@contextmanager
def waiting(what: str) -> Iterator[Callable[[int], None]]:
    """Say on stderr, if that is a terminal, what takes its time; lend what tells how many there are."""
    with Console(stderr=True).status(f"{what} …") as status:
        yield lambda count: status.update(f"{what}: {count:,} records …")


def clean(text: str) -> str:
    """Return *text* without what would move the cursor, or the reading direction, of a terminal."""
    return _CONTROLS.sub("\ufffd", text.replace("\r\n", "\n"))


def in_line(text: str) -> str:
    """Return *text*, clean, in one line."""
    return " ".join(clean(text).split())


def heading(out: Console, title: str, detail: str = "") -> None:
    """Print an empty line and a heading; *detail* says what its figures are."""
    out.print()
    out.print(Text.assemble((title, "bold"), f"  {detail}" if detail else ""))


def paragraph(out: Console, text: str, begin: str = "  ", style: str = "") -> None:
    """Print *text* after *begin*, in lines that fit, all of which start below the first."""
    indent = " " * len(begin)
    for line in Text(clean(text), style=style).wrap(out, out.width - len(begin)):
        line.rstrip()
        out.print(Text(begin) + line)
        begin = indent


def day(at: date) -> str:
    """Return a day as ``Sun 22 Nov 2026``."""
    return f"{at:%a} {at.day} {at:%b %Y}"


def bar(share: float, width: int) -> str:
    """Return a bar as long as *share* (0 to 1) of *width*; never nothing for more than 0."""
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    return "█" * (eighths // 8) + (_BAR[eighths % 8 - 1] if eighths % 8 else "")


def entries(found: Sequence[model.Entry], *, more: bool) -> None:
    """Print one line for each entry; two where a terminal is narrow."""
    out = console(_WIDEST)
    for one in found:
        _line(out, one)
    _ending(out, found, more=more)


def hits(found: Sequence[Hit], *, more: bool) -> None:
    """Print for each hit its line, and below it where the words are."""
    out = console(_WIDEST)
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
    facts = Text.assemble(
        (str(one.id)[:ID_CHARACTERS], "dim"),
        f"  {one.local_date:%a} {one.local_date}  ",
        (_dots(one.mood), "cyan"),
        (" ★ " if one.starred else "   ", "yellow"),
    )
    words = _beginning(one)
    for tag in one.tags:
        words.append(f" #{in_line(tag)}", style="green")
    if not out.is_terminal:
        out.print(facts + words, soft_wrap=True)
        return
    narrow = out.width < _NARROW
    for line in (facts, Text("  ") + words) if narrow else (facts + words,):
        line.truncate(out.width, overflow="ellipsis")
        out.print(line)


def _beginning(one: model.Entry) -> Text:
    text = in_line(one.content[:200])
    if not one.title:
        return Text(_cut(text, 60))
    title = in_line(one.title)
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
    whole = not out.is_terminal
    if one.title:
        out.print(Text(in_line(one.title), style="bold"), soft_wrap=whole)
    out.print(Text(" · ".join(_facts(one, category)), style="dim"), soft_wrap=whole)
    if one.tags:
        tags = " ".join(f"#{in_line(tag)}" for tag in one.tags)
        out.print(Text(tags, style="green"), soft_wrap=whole)
    out.print()
    out.print(clean(one.content), soft_wrap=whole)


def _facts(one: model.Entry, category: Category | None) -> Iterable[str]:
    yield f"{day(one.occurred_at)} {one.occurred_at:%H:%M} ({one.time_zone})"
    if one.occurred_at.date() != one.local_date:
        yield f"counts for {day(one.local_date)}"
    if one.mood is not None:
        yield f"mood {one.mood}/5"
    if one.starred:
        yield "★"
    if category:
        yield in_line(category.name)
    yield str(one.id)


def prompts(found: Sequence[Prompt]) -> None:
    """Print each prompt as a paragraph; as a line when piped."""
    out = console()
    for one in found:
        if out.is_terminal:
            paragraph(out, one.text, "• " if len(found) > 1 else "")
        else:
            out.print(in_line(one.text), soft_wrap=True)


def evaluation(found: "Evaluation") -> None:
    """Print the figures, the coverage curve, and the confusion as a picture."""
    out = console()
    out.print(Text(clean(found.title()), style="bold"))
    for name, figure in found.figures().items():
        out.print(Text.assemble((f"  {name:<19}", "dim"), clean(figure)), soft_wrap=True)
    heading(out, "Coverage", "accuracy of the most confident, and how confident they are at least")
    for point in found.coverage:
        out.print(
            Text.assemble(
                f"  {point.share:>4.0%}  {point.accuracy:.3f}  ",
                (f"{bar(point.accuracy, 40):<40}", "cyan"),
                (f"  {point.confidence:.2f}", "dim"),
            )
        )
    heading(out, "Confusion", "a row for each label, a column for each prediction")
    _confusion(out, found.confusion)


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
