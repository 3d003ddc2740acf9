"""`reflekt token`: tokens for the service of one machine."""

import os
from datetime import timedelta
from pathlib import Path

import click

from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.cli.folder import DEFAULT_FOLDER, configured
from reflekt_core.cli.options import Command, duration, one_of
from reflekt_core.config import Config
from reflekt_core.model.accounts import Role
from reflekt_core.security.tokens import TokenIssuer

__all__ = ["issuer", "token"]


def issuer(config: Config) -> TokenIssuer | None:
    """Return who makes the tokens that `build` accepts; None if an identity provider does."""
    if config.jwt_secret is None:
        return None
    return TokenIssuer(
        secret=config.jwt_secret,
        ids=TimeOrderedIds(),
        issuer=config.jwt_issuer,
        audience=config.jwt_audience,
        role_claim=config.jwt_role_claim,
        scope_claim=config.jwt_scope_claim,
    )


@click.command(
    cls=Command,
    examples=(
        "reflekt token",
        "reflekt token --user ana --expires 30d",
        "reflekt token --role reader --scope 'entries:read analytics:*'",
    ),
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help=f"Folder of the service.  [default: {DEFAULT_FOLDER}]",
)
@click.option("--user", default="me", metavar="ID", help="Whose token.", show_default=True)
@click.option(
    "--role", type=one_of(Role), default=Role.USER.value, help="What for.", show_default=True
)
@click.option(
    "--scope",
    metavar="TEXT",
    multiple=True,
    help="What of the role alone, with spaces between, or given again.",
)
@click.option(
    "--expires",
    type=duration,
    default="1h",
    metavar="TIME",
    help="How long it is good: a number and s, m, h, d or w.",
    show_default=True,
)
def token(
    data: Path | None, user: str, role: str, scope: tuple[str, ...], expires: timedelta
) -> None:
    """
    Print a token for the service that runs on DIR, and nothing else.

    It is signed with the secret in DIR, or with JWT_SECRET if that is set.
    """
    config = configured(os.environ, data, new=False)
    tokens = issuer(config)
    if tokens is None:
        raise click.ClickException(
            "JWT_JWKS_URL is set: tokens come from your identity provider, not from here"
        )
    longest = config.jwt_max_lifetime
    if longest is not None and expires > longest:
        raise click.BadParameter(
            f"must be at most {int(longest.total_seconds())}s (JWT_MAX_LIFETIME_SECONDS)",
            param_hint="'--expires'",
        )
    wanted = " ".join(scope) if scope else None
    click.echo(tokens.issue(user, role=role, scope=wanted, expires_in=expires, now=utc_now()))
