"""What was understood of a text, at a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from reflekt_core.cli.display import bar, console, day, heading, in_line, paragraph
from reflekt_core.model.assistance import Answer
from reflekt_core.model.entries import Entry
from reflekt_core.model.feelings import Emotion, Sentiment, SentimentLabel
from reflekt_core.model.insights import Analysis, InsightView, SafetyLevel

__all__ = ["answer", "insight"]

_SLIGHTLY: Final = 0.25
_VERY: Final = 0.6
_SCALE: Final = 10
"""How many columns the scale of feeling has on each side of its middle."""

_BAR: Final = 20


def insight(entry: Entry, found: InsightView) -> None:
    """Print what was understood of an entry. Help comes first, where the text asks for it."""
    out = console()
    if found.safety.level is not SafetyLevel.NONE:
        for resource in found.safety.resources:
            paragraph(out, resource, "", "bold")
        out.print()
    title = in_line(entry.title) or in_line(entry.content[:200])
    name = Text(title, style="bold")
    name.truncate(min(out.width, 60), overflow="ellipsis")
    out.print(name)
    out.print(Text(day(entry.local_date), style="dim"))
    out.print()
    _understood(out, found)
    out.print()
    for line in _origin(found):
        out.print(Text(line, style="dim"))


def answer(found: Answer[Analysis], ms: float, *, is_price_known: bool) -> None:
    """Print what a provider understood of a text, what it cost, and the *ms* it took."""
    out = console()
    out.print(Text(in_line(f"{found.provider} {found.model}"), style="bold"))
    out.print()
    _understood(out, found.result)
    usage = found.usage
    cost = f"${usage.cost_usd:f}" if is_price_known else "cost not known"
    out.print()
    out.print(f"{usage.input_tokens} tokens in, {usage.output_tokens} out, {cost}, {ms:.0f} ms")


def _understood(out: Console, found: Analysis | InsightView) -> None:
    _feeling(out, found.sentiment)
    _emotions(out, found.emotions)
    _part(out, "Topics", [", ".join(in_line(topic.name) for topic in found.topics)])
    _part(out, "In short", [found.summary])
    _part(out, "Observations", found.observations, "• ")
    _part(out, "To think about", found.questions, "• ")


def _feeling(out: Console, feeling: Sentiment) -> None:
    out.print(
        Text.assemble(
            (_in_words(feeling), "bold"),
            f"  {feeling.score:+.2f} (confidence {feeling.confidence:.0%})",
        )
    )
    at = round(feeling.score * _SCALE) + _SCALE
    scale = "─" * _SCALE + "┼" + "─" * _SCALE
    out.print(
        Text.assemble(
            ("  -1 " + scale[:at], "dim"), ("◆", "cyan"), (scale[at + 1 :] + " +1", "dim")
        )
    )


def _in_words(feeling: Sentiment) -> str:
    """Return such as ``slightly negative``; what is neutral or mixed is so without degrees."""
    label = feeling.label.value
    if feeling.label in {SentimentLabel.NEUTRAL, SentimentLabel.MIXED}:
        return label
    if abs(feeling.score) >= _VERY:
        return f"very {label}"
    return f"slightly {label}" if abs(feeling.score) < _SLIGHTLY else label


def _emotions(out: Console, emotions: Sequence[Emotion]) -> None:
    if not emotions:
        return
    heading(out, "Emotions", "how strongly each shows, up to 100%")
    for emotion in sorted(emotions, key=lambda e: -e.score):
        said = f"  {emotion.name.value:<9}{emotion.score:>4.0%}  "
        out.print(Text.assemble(said, (bar(emotion.score, _BAR), "cyan")))


def _part(out: Console, title: str, texts: Iterable[str], mark: str = "") -> None:
    said = [text for text in texts if text.strip()]
    if said:
        heading(out, title)
    for text in said:
        paragraph(out, text, f"  {mark}")


def _origin(found: InsightView) -> Iterable[str]:
    made = found.provenance
    cost = f", ${made.cost_usd:f}" if made.cost_usd > Decimal(0) else ""
    yield in_line(f"by {made.provider} {made.model}, {_minute(made.created_at)}{cost}")
    for passed in made.passed_over:
        yield in_line(f"in the place of {passed.provider}: {passed.reason}")
    if made.input_cut:
        yield "only the beginning was read: the entry is longer than the model takes"
    if found.stale:
        yield "the entry has changed since: see --again"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} {at.tzname()}"
