"""The commands by name, what happens when one fails, and how others are added."""

import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem

from reflekt_core.cli.plain import show_what_can_be_shown
from reflekt_core.errors import InvalidInput, MalformedInput, ReflektError
from reflekt_core.services.health import installed_version

__all__ = ["COMMANDS", "PLUGINS", "root", "run"]

PLUGINS: Final = "reflekt.commands"
"""The entry point group by which other packages add commands."""

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {
    "serve": ("serve:serve", "Serve the whole API from one folder."),
    "token": ("token:token", "Print a token for the service."),
    "write": ("write:write", "Write an entry."),
    "list": ("read:list_", "List entries, newest first."),
    "show": ("read:show", "Show an entry."),
    "search": ("read:search", "Find entries by their words."),
    "insights": ("insights:insights", "Show what was understood of an entry."),
    "prompt": ("insights:prompt", "Get something to write about."),
    "trends": ("trends:trends", "See how writing, mood and topics move."),
    "providers": ("providers:providers", "Try the AI providers, and measure how good they are."),
    "import": ("transfer:import_", "Take over a journal from another program."),
    "export": ("transfer:export", "Write everything to a file."),
    "backup": ("backup:backup", "Copy the journal to a file, while it is in use."),
    "restore": ("backup:restore", "Put a backup in the place of the journal."),
    "rebuild": ("upkeep:rebuild", "Build the search index or the analytics anew."),
    "events": ("upkeep:events", "See and retry what could not be done after a write."),
    "completion": ("completion:completion", "Print the completion script for a shell."),
}
"""Each command: where it is, and what it does. Only the one that runs is imported."""


_OTHERS: Final = {"aws": "Deploy to AWS, and look after what is deployed."}
"""What commands of ours do that stand outside of the core."""


class _Root(click.Group):
    """Finds commands in the table, then among those of other packages."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return every name, ours first."""
        return list(self._lines)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command, imported just now."""
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(f"reflekt_core.cli.{module}"), name)
            return command
        point = self._plugins.get(cmd_name)
        return _loaded(point) if point else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lines.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin with what was typed, without importing any."""
        names = [
            CompletionItem(name, help=line)
            for name, line in self._lines.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=PLUGINS)}

    @property
    def _lines(self) -> dict[str, str]:
        others = {
            name: _OTHERS.get(name) or (f"From {point.dist.name}." if point.dist else "")
            for name, point in sorted(self._plugins.items())
        }
        return {**others, **{name: line for name, (_, line) in COMMANDS.items()}}


def _loaded(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
        said = type(error).__name__
        raise click.ClickException(f"{point.name} of {point.value} does not load: {said}") from None
    if not isinstance(command, click.Command):
        raise click.ClickException(f"{point.name}: {point.value} is not a click command")
    return command


@click.group(
    cls=_Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A journal lies in ./reflekt-data unless --store or REFLEKT_STORE names another.",
)
@click.version_option(installed_version(), prog_name="reflekt")
@click.pass_context
def root(ctx: click.Context) -> None:
    """Keep a journal, understand it, and look back on it."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(args: Sequence[str] | None) -> int:
    """
    Run the command that *args* name, and return the exit code: 0, 1 (failed) or 2 (usage).

    What goes wrong is told in one line on stderr, never as a traceback.
    """
    show_what_can_be_shown()
    try:
        result = root.main(args, prog_name="reflekt", standalone_mode=False)
    except ModuleNotFoundError:
        raise
    except Exception as error:  # noqa: BLE001 - a traceback helps nobody at a terminal
        click.echo(f"reflekt: {' '.join(_told(error).split())}", err=True)
        if isinstance(error, OSError) and not error.filename:
            with suppress(OSError):
                sys.stdout.close()  # or Python tries again at the end, and exits with a code of its own
        return _exit_code(error)
    return result if isinstance(result, int) else 0


def _exit_code(error: Exception) -> int:
    if isinstance(error, click.ClickException):
        return error.exit_code
    wrong = isinstance(error, InvalidInput | MalformedInput)
    return click.UsageError.exit_code if wrong else 1


def _told(error: Exception) -> str:
    match error:
        case click.UsageError(ctx=click.Context() as ctx):
            return f"{error.format_message().rstrip('.')} (see {ctx.command_path} --help)"
        case click.ClickException():
            return error.format_message()
        case click.Abort():
            return "stopped"
        case ReflektError():
            return error.message
        case OSError(strerror=str(said)):
            # Without a name it is what the command prints that finds no place: its work is done.
            place = error.filename or "what there is to say cannot be printed"
            return f"{place}: {said}"
    # Never the message: it may quote the journal. Where it happened is enough to look into it.
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}, line {frame.lineno}"
    return f"something went wrong that should not have: {type(error).__name__} in {place}"
