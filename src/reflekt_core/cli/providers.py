"""`reflekt providers`: whether the AI providers answer, and how good they are."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import IO, Any, Final

import attrs
import click

from reflekt_core.app import utc_now
from reflekt_core.cli import display, understood
from reflekt_core.cli.options import Command, emit, one_of
from reflekt_core.config import Config
from reflekt_core.errors import InputTooLong, ReflektError
from reflekt_core.evaluation import Ask, EvaluationTask, Example, evaluate, read_examples
from reflekt_core.model.assistance import Answer, map_words
from reflekt_core.model.insights import AnalyseEntry, Analysis, Usage
from reflekt_core.ports import Assistant
from reflekt_core.providers import PROVIDERS, AnyAssistant, open_assistant
from reflekt_core.serialization import wire

__all__ = ["providers"]

_TEXT: Final = (
    "The rain stopped at noon and I walked to the market with my sister. We laughed until we cried"
    " about the day she fell into the pond. The report for work is late again and I worry about"
    " Monday. Tonight there is soup, and I'd love to go to bed early for once."
)


@click.group(no_args_is_help=False)
def providers() -> None:
    """Try the AI providers, and measure how good they are."""


_named: Final = click.option(
    "--provider", "name", type=click.Choice(list(PROVIDERS)), help="Which.  [default: AI_PROVIDER]"
)
_as_json: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@providers.command(
    cls=Command,
    examples=("reflekt providers check", "reflekt providers check --provider openai --json"),
)
@_named
@_as_json
def check(name: str | None, *, as_json: bool) -> None:
    """
    Ask each AI provider that AI_PROVIDER names for one insight, and show what it costs.

    The text comes with Reflekt: it is nobody's journal, so nothing of yours is sent.
    """
    config = Config.from_env(os.environ)
    tried = [_tried(config, each) for each in _names(config, name)]
    if as_json:
        emit({"items": [one.plain() for one in tried]})
    between = ""
    for one in tried:
        if one.answer and not as_json:
            click.echo(between, nl=False)
            understood.answer(one.answer, one.ms, is_price_known=one.is_price_known)
            between = "\n"
    failed = "; ".join(one.told() for one in tried if one.error)
    if failed:
        raise click.ClickException(failed)


@attrs.frozen
class _Tried:
    """What came of asking a provider once."""

    name: str
    answer: Answer[Analysis] | None
    error: ReflektError | None
    ms: float
    is_price_known: bool = True

    def told(self) -> str:
        """Return what failed, in one line."""
        if not self.error:
            return ""
        request = getattr(self.error, "request_id", "")
        said = f"{self.name} failed ({self.error.code}): {self.error.message}"
        return f"{said} (request {display.clean(request)})" if request else said

    def plain(self) -> dict[str, Any]:
        """Return it for JSON."""
        if self.answer:
            answer = self.answer
            unknown = {} if self.is_price_known else {"cost_usd": None}
            return {
                "provider": answer.provider,
                "model": answer.model,
                "prompt_version": answer.prompt_version,
                "usage": {**wire(answer.usage), **unknown},
                "ms": self.ms,
                "analysis": wire(answer.result),
            }
        details = ("code", "message", "model", "request_id", "retryable")
        error = {key: getattr(self.error, key) for key in details if hasattr(self.error, key)}
        return {"provider": self.name, "ms": self.ms, "error": error}


def _tried(config: Config, name: str) -> _Tried:
    answer: Answer[Analysis] | None = None
    failure: ReflektError | None = None
    is_price_known = True
    began = time.perf_counter()
    try:
        assistant = _opened(config, name)
        is_price_known = _most(assistant, [_TEXT]) is not None
        answer = _asking(assistant)(AnalyseEntry("", _TEXT))
    except ReflektError as error:
        failure = error
    return _Tried(name, answer, failure, 1000 * (time.perf_counter() - began), is_price_known)


@providers.command(
    "evaluate",
    cls=Command,
    examples=(
        "reflekt providers evaluate --data moods.tsv --task sentiment",
        "reflekt providers evaluate --data areas.tsv --task topics --provider openai --limit 50",
        "reflekt providers evaluate --data moods.tsv --task emotions --json | jq .macro_f1",
    ),
)
@click.option(
    "--data",
    type=click.File("rb"),
    required=True,
    metavar="FILE",
    help="Lines of a label, a tab and a text, in UTF-8; - is stdin.",
)
@click.option("--task", type=one_of(EvaluationTask), required=True, help="What the labels are.")
@_named
@click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Take only N texts, evenly spread."
)
@click.option("--yes", is_flag=True, help="Agree to sending the texts to the provider's vendor.")
@_as_json
def evaluate_(  # noqa: PLR0913 - what to ask whom, and how to print
    *,
    data: IO[bytes],
    task: str,
    name: str | None,
    limit: int | None,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Measure how well an AI provider (the first of AI_PROVIDER) answers texts that have labels.

    A vendor gets to see the texts, redacted as those of entries are: you are asked before. The
    coverage curve is the accuracy if only the most confident share is answered.
    """
    examples = _spread(read_examples(data, task), limit)
    config = Config.from_env(os.environ)
    assistant = _opened(config, _names(config, name)[0])
    most = _most(assistant, [one.text for one in examples])
    _agree(assistant, len(examples), most, yes=yes)
    spent: list[Usage] = []
    asked = assistant if isinstance(assistant, Assistant) else _asking(assistant, spent.append)
    found = evaluate(asked, _watched(examples), task)
    if spent:  # on failed attempts as well, which no answer tells of
        cost = None if most is None else sum(spent, Usage()).cost_usd
        found = attrs.evolve(found, cost_usd=cost)
    nothing = sum(found.failures.values()) == found.n
    if as_json:
        emit(found)
    elif not nothing:
        display.evaluation(found)
    if nothing:
        raise click.ClickException(f"no text was answered ({', '.join(found.failures)})")


def _names(config: Config, name: str | None) -> Sequence[str]:
    """Return which providers are meant: the one named, or those that are set up, in order."""
    return (name,) if name else config.ai_providers


def _opened(config: Config, name: str) -> AnyAssistant:
    return open_assistant(name, config.ai_access.get(name), config.ai_prices)


def _spread(examples: Sequence[Example], limit: int | None) -> Sequence[Example]:
    """Return at most *limit* examples from all over the file, which may be in order of labels."""
    count = min(limit or len(examples), len(examples))
    return [examples[i * len(examples) // count] for i in range(count)]


def _asking(assistant: AnyAssistant, charge: Callable[[Usage], None] = lambda _: None) -> Ask:
    """Return a function that asks *assistant*: a vendor for texts that this person may send it."""
    if isinstance(assistant, Assistant):
        return assistant.answer
    # Only who asks a vendor needs these.
    from reflekt_core.model.redaction import redact  # noqa: PLC0415
    from reflekt_core.services.assistance import stamped_by_hand  # noqa: PLC0415

    def ask(task: AnalyseEntry) -> Answer[Analysis]:
        sent = map_words(task, lambda text: redact(text).text)
        request = stamped_by_hand(sent, assistant.vendor, utc_now(), charge)
        return assistant.answer(request)

    return ask


def _most(assistant: AnyAssistant, texts: Iterable[str]) -> Decimal | None:
    """Return the most that asking about *texts* can cost; None if the price is not known."""
    total = Decimal(0)
    if isinstance(assistant, Assistant):
        return total
    for text in texts:
        with suppress(InputTooLong):  # it will not be sent
            cost = assistant.worst_case(AnalyseEntry("", text)).cost_usd
            if cost is None:
                return None
            total += cost
    return total


def _agree(assistant: AnyAssistant, count: int, most: Decimal | None, *, yes: bool) -> None:
    """
    Return if *count* texts may go where *assistant* is; on this machine they may.

    Raises:
        click.UsageError: Nobody is there to ask, and --yes was not given.
        click.ClickException: The answer is no.
    """
    if isinstance(assistant, Assistant) or assistant.vendor is None:
        return
    cost = "What that costs is not known" if most is None else f"It costs at most ${most:.2f}"
    texts = "1 text leaves" if count == 1 else f"{count} texts leave"
    to = f"{assistant.vendor.value}, for its model {display.clean(assistant.model)}"
    click.echo(f"{texts} this machine: to {to}. {cost}.", err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("texts leave this machine only if you agree: add --yes")
    if not click.confirm("Send?", err=True):
        raise click.ClickException("nothing was sent")


def _watched(examples: Sequence[Example]) -> Iterator[Example]:
    """Yield *examples*, and show how far it is to whoever sits at a terminal."""
    if not sys.stderr.isatty():
        yield from examples
        return
    with click.progressbar(examples, file=sys.stderr) as shown:
        yield from shown
