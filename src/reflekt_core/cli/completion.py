"""`reflekt completion`."""

import click
from click.shell_completion import get_completion_class

from reflekt_core.cli.options import Command

__all__ = ["completion"]


@click.command(
    cls=Command,
    examples=(
        "reflekt completion bash >> ~/.bashrc",
        "reflekt completion zsh >> ~/.zshrc",
        "reflekt completion fish > ~/.config/fish/completions/reflekt.fish",
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete what you type after reflekt."""
    found = get_completion_class(shell)
    if found is not None:
        script = found(ctx.find_root().command, {}, "reflekt", "_REFLEKT_COMPLETE")
        click.echo(script.source_template % script.source_vars())
