"""`reflekt serve`: the whole API on one machine."""

import os
import secrets
import signal
import socket
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

import click

from reflekt_core.app import Reflekt, utc_now
from reflekt_core.cli.demo import fill
from reflekt_core.cli.folder import DEFAULT_FOLDER, configured
from reflekt_core.cli.logs import log_to
from reflekt_core.cli.options import Command, assistants_of, helplines_of
from reflekt_core.cli.server import http_server
from reflekt_core.cli.token import issuer
from reflekt_core.config import Config
from reflekt_core.rest.dispatch import Dispatch
from reflekt_core.rest.wsgi import application
from reflekt_core.security.keys import KeySet
from reflekt_core.security.tokens import TokenVerifier
from reflekt_core.stores import open_store

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["build", "serve"]

_LOGS: Final = "logs/services"
_TOKEN_LIFETIME: Final = timedelta(days=1)
_USER: Final = "me"
_THIS_MACHINE: Final = ("127.", "::1")


def build(config: Config) -> "tuple[Reflekt, WSGIApplication]":
    """
    Return the journal that *config* describes, and the WSGI application that serves it.

    Whoever asks starts the worker, and closes the journal in the end.

    Raises:
        ConfigurationError: The parts do not go together.
        StoreError: The store cannot be opened.
    """
    verifier = _verifier(config)
    reflekt = Reflekt.on(
        open_store(config.store),
        user=_USER,
        assistant=assistants_of(config),
        trash_days=config.trash_for.days,
        crisis_resources=helplines_of(config),
    )
    dispatch = Dispatch(
        reflekt,
        verifier,
        cursor_secret=config.cursor_secret or secrets.token_bytes(32),
        cors_origins=config.cors_origins,
    )
    return reflekt, application(dispatch)


def _verifier(config: Config) -> TokenVerifier:
    return TokenVerifier(
        secret=config.jwt_secret,
        previous_secret=config.jwt_secret_previous,
        keys=KeySet(config.jwt_jwks_url) if config.jwt_jwks_url else None,
        issuer=config.jwt_issuer,
        audience=config.jwt_audience,
        role_claim=config.jwt_role_claim,
        scope_claim=config.jwt_scope_claim,
        leeway=config.jwt_leeway,
        max_lifetime=config.jwt_max_lifetime,
    )


@click.command(
    cls=Command,
    examples=(
        "reflekt serve --demo",
        "reflekt serve --data ~/journal --port 8080 --logs",
        "REFLEKT_CORS_ORIGINS=https://app.example.org reflekt serve",
    ),
)
@click.option("--host", default="127.0.0.1", help="Where to listen.", show_default=True)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    help="Where to listen; 0 takes any free port.",
    show_default=True,
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"Folder of the journal and its token secret; goes before REFLEKT_STORE.  [default: {DEFAULT_FOLDER}]",
)
@click.option("--demo", is_flag=True, help="Fill in a sample journal, once.")
@click.option(
    "--logs",
    "--log-dir",
    is_flag=False,
    flag_value=_LOGS,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="[DIR]",
    help=f"Write the log to files in DIR, too; without DIR, in {_LOGS}.",
)
def serve(host: str, port: int, data: Path | None, logs: Path | None, *, demo: bool) -> None:
    """
    Serve the whole API, on SQLite and the offline assistant.

    Prints the address, the documentation page, and a curl to paste, with a token for the user "me"
    that is good for a day. Makes DIR and in it a secret for tokens at the first start, unless
    JWT_SECRET or JWT_JWKS_URL is set. The log goes to stderr: a line of JSON for each request,
    without texts and tokens. Ctrl-C or SIGTERM ends it.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        config = configured(os.environ, data, new=True)
        with _listening(host, port) as listener, log_to(config, logs, _port(listener)):
            _serve(config, listener, demo=demo)
    except KeyboardInterrupt:
        return  # asked to end, by Ctrl-C or SIGTERM: all is closed


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _listening(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen()  # not bound alone: another could bind it, too
        except OSError:
            listener.close()
            raise
    except OSError as error:
        said = f"cannot listen on {host}, port {port}: {error.strerror}"
        advice = "choose another with --port, or 0 for any that is free"
        raise click.ClickException(f"{said}; {advice}") from None
    return listener


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _serve(config: Config, listener: socket.socket, *, demo: bool) -> None:
    reflekt, app = build(config)
    with closing(reflekt):
        if demo:
            fill(reflekt)
        server = http_server(app, listener)
        reflekt.start_worker()
        for line in _greeting(config, listener):
            click.echo(line)
        server.run()


def _greeting(config: Config, listener: socket.socket) -> list[str]:
    host, port = listener.getsockname()[:2]
    lines = []
    if not host.startswith(_THIS_MACHINE):
        lines.append("Other machines may connect, and what they send is not encrypted.")
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - said to be open
    address = f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"
    tokens = issuer(config)
    lifetime = min(_TOKEN_LIFETIME, config.jwt_max_lifetime or _TOKEN_LIFETIME)
    token = tokens.issue(_USER, expires_in=lifetime, now=utc_now()) if tokens else "$TOKEN"
    return [
        *lines,
        f"Reflekt is at {address}",
        f"Documentation: {address}/api-docs",
        f'curl -H "Authorization: Bearer {token}" "{address}/entries?limit=3"',
    ]
