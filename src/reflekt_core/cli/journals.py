"""The journal that a command is about: in a store, or behind a running service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import click
from click.core import ParameterSource

from reflekt_core.app import Reflekt
from reflekt_core.cli import options
from reflekt_core.client import Client

__all__ = ["Journal", "Place", "of_journal"]

F = TypeVar("F", bound=Callable[..., Any])

Journal = Reflekt | Client
"""Both have the same nouns and verbs."""

_MOST_BYTES: Final = 64 * 1024


@attrs.frozen
class Place:
    """Where a journal is: of *user* in *store*; or, if there is a *url*, there."""

    store: str | None
    user: str
    url: str | None = None
    token: str | Callable[[], str] | None = attrs.field(default=None, repr=False)

    @contextmanager
    def opened(self, *, new: bool = False) -> Iterator[Journal]:
        """Lend the journal; one that is in no store yet is made only if *new*."""
        if self.url is None:
            with options.opened(self.store, self.user, new=new) as reflekt:
                yield reflekt
        else:
            with Client(self.url, self.token) as client:
                yield client


def of_journal(function: F) -> F:
    """Add the options that say which journal is meant, and hand it over as a `Place`."""

    @options.on_journal
    @click.option("--url", metavar="URL", help="Where a running service is, instead of a store.")
    @click.option(
        "--token",
        envvar="REFLEKT_TOKEN",
        metavar="TOKEN",
        help="The token for the service. What is typed here stays in the shell's history: rather"
        " use the variable, or a file.",
        show_envvar=True,
    )
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A file with the token for the service.",
    )
    @wraps(function)
    def command(
        store: str | None,
        user: str,
        url: str | None,
        token: str | None,
        token_file: Path | None,
        **others: Any,
    ) -> Any:
        ctx = click.get_current_context()
        said = {name for name in ctx.params if _is_typed(ctx, name)}
        if url is None:
            _refuse(said, {"token", "token_file"}, "is for a service: name it with --url")
            return function(place=Place(store, user), **others)
        _refuse(said, {"store"}, "and --url are two places: name one")
        _refuse(said, {"user"}, "is for a store: on a service, the token says whose journal it is")
        known = _token(token if "token" in said or not token_file else None, token_file)
        return function(place=Place(None, user, url, known), **others)

    return command  # type: ignore[return-value]  # click calls it, with the options by name


def _is_typed(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def _refuse(said: set[str], names: set[str], why: str) -> None:
    for name in sorted(said & names):
        raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def _token(token: str | None, file: Path | None) -> str | Callable[[], str]:
    if token and file:
        raise click.UsageError("--token and --token-file are two tokens: give one")
    if file:
        return lambda: _read(file)
    if not token:
        raise click.UsageError(
            "the service asks for a token: set REFLEKT_TOKEN, or name a file with --token-file;"
            " 'reflekt token' prints one"
        )
    return token


def _read(file: Path) -> str:
    """Return the token in *file*, read anew each time: others may have renewed it."""
    with file.open("rb") as opened:
        return opened.read(_MOST_BYTES).decode("ascii", "replace").strip()
