"""Where a smoke or load test goes, and as whom: a deployment's stack, or an address and a token."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Final

import attrs

from reflekt_chalice.deployment.account import connected
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.stack import Say, Stack
from reflekt_chalice.deployment.target import Target
from reflekt_chalice.deployment.tokens import bearer_of, issuer_of, throwaway_user, tokens_for
from reflekt_core.model.accounts import PERMISSIONS, Permission, Role

__all__ = ["Trial", "trial_of"]

_LIFETIME: Final = timedelta(hours=1)


@attrs.frozen(kw_only=True)
class Trial:
    """An address, and who asks there. `throwaway`: nobody, so that the account may be erased."""

    url: str
    token: str = attrs.field(repr=False)
    user: str
    permissions: frozenset[Permission]
    throwaway: bool


def trial_of(  # noqa: PLR0913 - what can be said about it
    purpose: str,
    target: Target,
    region: str | None,
    *,
    url: str | None,
    token: str | None,
    token_file: Path | None,
    throwaway: bool,
    say: Say,
) -> Trial:
    """
    Return where to go and as whom.

    With an address and a token, AWS is not asked for anything: JWT_ROLE_CLAIM and JWT_SCOPE_CLAIM
    say where the token has its role and scope. Without a token, one is made for a user whom nobody
    is, with the secret of the deployment.

    Raises:
        DeploymentError: There is no such deployment, or the token cannot be read or made.
    """
    if token and token_file:
        raise DeploymentError("give either --token or --token-file, not both")
    given = _read(token_file) if token_file else token
    if given and url:
        claims = (os.environ.get("JWT_ROLE_CLAIM"), os.environ.get("JWT_SCOPE_CLAIM"))
        return _trial_as(given, url, *claims, throwaway=throwaway)
    account = connected(region)
    stack = Stack(account, target.stack, say)
    found = url or stack.outputs()["ApiUrl"]
    parameters = stack.parameters()
    if given:
        claims = (parameters.get("JwtRoleClaim"), parameters.get("JwtScopeClaim"))
        return _trial_as(given, found, *claims, throwaway=throwaway)
    user = throwaway_user(purpose)
    issuer = issuer_of(account, parameters)
    made = tokens_for(issuer, {user: Role.ADMIN}, _LIFETIME)[user]
    may = PERMISSIONS[Role.ADMIN]
    return Trial(url=found, token=made, user=user, permissions=may, throwaway=True)


def _trial_as(
    token: str, url: str, role_claim: str | None, scope_claim: str | None, *, throwaway: bool
) -> Trial:
    user, may = bearer_of(token, role_claim, scope_claim)
    return Trial(url=url, token=token, user=user, permissions=may, throwaway=throwaway)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeploymentError(f"{path} holds no token") from None
