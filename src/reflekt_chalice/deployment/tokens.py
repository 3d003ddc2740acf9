"""Tokens for trying a deployment, signed with the secret that it reads from the Parameter Store."""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from reflekt_chalice.deployment import stored_secrets
from reflekt_chalice.deployment.account import Account
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_core.app import TimeOrderedIds, utc_now
from reflekt_core.errors import ReflektError
from reflekt_core.model.accounts import Permission, Role
from reflekt_core.security.encoding import decode_base64url
from reflekt_core.security.tokens import TokenIssuer, permissions_in

__all__ = ["TEST_USERS", "bearer_of", "issuer_of", "keep", "throwaway_user", "tokens_for"]

TEST_USERS: Final[Mapping[str, Role]] = {
    "test-user": Role.USER,
    "test-reader": Role.READER,
    "test-admin": Role.ADMIN,
}
"""Who may try a deployment, and in which role."""


def issuer_of(account: Account, parameters: Mapping[str, str]) -> TokenIssuer:
    """
    Return who signs the tokens that a deployment with these *parameters* accepts.

    Raises:
        DeploymentError: An identity provider does, or the secret cannot be read.
    """
    parameter = parameters.get("JwtSecretParameter")
    if not parameter:
        raise DeploymentError(
            "tokens come from your identity provider: get one there, and name it with --token-file"
        )
    return TokenIssuer(
        secret=stored_secrets.read(account, parameter),
        ids=TimeOrderedIds(),
        issuer=parameters.get("JwtIssuer") or None,
        audience=parameters.get("JwtAudience") or None,
        role_claim=parameters.get("JwtRoleClaim") or "role",
        scope_claim=parameters.get("JwtScopeClaim") or "scope",
    )


def bearer_of(
    token: str, role_claim: str | None, scope_claim: str | None
) -> tuple[str, frozenset[Permission]]:
    """
    Return the user that *token* names, and what it grants by these claims.

    The service alone can tell whether it is good.

    Raises:
        DeploymentError: It is no JWT.
    """
    try:
        _, payload, _ = token.split(".")
        claims = json.loads(decode_base64url(payload.encode()))
        user = claims["sub"]
        permissions = permissions_in(claims, role_claim or "role", scope_claim or "scope")
    except (ValueError, LookupError, TypeError, ReflektError):
        raise DeploymentError("the token is not a JWT with a user (sub) in it") from None
    return str(user), permissions


def throwaway_user(purpose: str) -> str:
    """Return the id of a user that nobody is."""
    return f"{purpose}-{secrets.token_hex(6)}"


def tokens_for(
    issuer: TokenIssuer, users: Mapping[str, Role], expires_in: timedelta
) -> dict[str, str]:
    """Return a token for each of *users*, by their ids."""
    now = utc_now()
    return {
        user: issuer.issue(user, role=role, expires_in=expires_in, now=now)
        for user, role in users.items()
    }


def keep(path: Path, tokens: Mapping[str, str]) -> None:
    """
    Write *tokens* to a file that only its owner may read, as JSON by user.

    Raises:
        DeploymentError: It cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            if os.name == "posix":  # one that was there before keeps its mode
                os.fchmod(file.fileno(), 0o600)
            file.write(json.dumps(tokens, indent=1) + "\n")
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None
