"""
Who asks: a Lambda authorizer, and what the functions behind it make of its answer.

The answer depends on the token alone, never on the route: API Gateway keeps it for a while and uses
it for every route. It says who the bearer is; what they may do is checked where it is done.
"""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from reflekt_chalice.service import Service, service_from
from reflekt_core.errors import Unauthenticated
from reflekt_core.model.accounts import Actor, Permission, permissions_of
from reflekt_core.rest.bearer import bearer_token
from reflekt_core.rest.logs import log_failure
from reflekt_core.security.encoding import decode_base64url, parse_object
from reflekt_core.security.tokens import TokenVerifier, strongest_role

if TYPE_CHECKING:
    from reflekt_core.ports import Clock

__all__ = ["DENIED", "Authorizer", "AuthorizerFailed", "Refused", "actor_in", "create_authorizer"]

Event = Mapping[str, Any]

_CONTEXT: Final = ("user_id", "role", "scope", "iat", "exp")
_HEADER: Final = "authorization"
_SAFE: Final = "@|:+,;=!$&'()*/ "


def create_authorizer(service: Service | None = None) -> "Authorizer":
    """
    Return the handler of the authorizer's function.

    Args:
        service: What accepts tokens; what environment variables describe, if left out.
    """
    service = service or service_from(os.environ, ("authorizer",))
    return Authorizer(service.verifier, service.clock)


class Refused(Exception):
    """The token is not accepted. API Gateway answers 401 to this message and no other."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class AuthorizerFailed(Exception):
    """It cannot be said who asks; the log says why."""

    def __init__(self) -> None:
        super().__init__("the authorizer failed; see its log")


class Authorizer:
    """
    Answers the events of a TOKEN or REQUEST authorizer.

    Args:
        verifier: Returns what accepts tokens at the moment.
        clock: Tells the time that tokens are checked against.
    """

    def __init__(self, verifier: Callable[[], TokenVerifier], clock: "Clock") -> None:
        self._verifier = verifier
        self._clock = clock

    def __call__(self, event: Event, _: Any = None) -> dict[str, Any]:
        """
        Return the policy that lets the bearer call the API, with who that is.

        Raises:
            Refused: The token is not accepted.
            AuthorizerFailed: Something else went wrong.
        """
        try:
            context = self._context(bearer_token(_headers(event)))
            return _policy(context, event["methodArn"])
        except Unauthenticated:
            raise Refused from None
        except Exception as error:  # noqa: BLE001 - what Lambda would log of it may hold the token
            log_failure(error)
            raise AuthorizerFailed from None

    def _context(self, token: str) -> dict[str, str]:
        verifier = self._verifier()
        actor = verifier.verify(token, self._clock())
        # The token was accepted as a whole, so its claims can be read again.
        claims: dict[str, Any] = parse_object(decode_base64url(token.split(".")[1].encode()))
        return {
            # What a gateway does to other characters on the way is nowhere written down.
            "user_id": quote(actor.user_id, safe=_SAFE),
            "role": strongest_role(claims.get(verifier.role_claim)) or "",
            "scope": " ".join(sorted(actor.permissions)),
            "iat": repr(claims["iat"]),
            "exp": repr(claims["exp"] + verifier.leeway.total_seconds()),
        }


def actor_in(event: Event) -> Callable[[datetime], Actor] | None:
    """
    Return what tells who asks, from what the authorizer said; None if it said nothing.

    Only `requestContext.authorizer` counts, which no client can write. What is returned raises
    `Unauthenticated` once the token has expired, since API Gateway keeps answers longer than that.
    """
    context = event["requestContext"].get("authorizer") or {}
    if not any(name in context for name in _CONTEXT):
        return None
    return lambda now: _actor(context, now)


def _actor(context: Mapping[str, Any], now: datetime) -> Actor:
    said = [context.get(name) for name in _CONTEXT]
    if not all(isinstance(value, str) and value.isascii() for value in said) or not said[0]:
        raise Unauthenticated("the authorizer did not say who asks")
    user_id, role, scope, iat, exp = map(str, said)
    try:
        permissions = permissions_of(role, map(Permission, scope.split()))
        actor = Actor(
            unquote(user_id, errors="strict"), permissions, datetime.fromtimestamp(float(iat), UTC)
        )
        good = now.timestamp() < float(exp)
    except (ValueError, OverflowError, OSError):
        raise Unauthenticated("the authorizer did not say who asks") from None
    if not good:
        raise Unauthenticated("the token has expired")
    return actor


def _headers(event: Event) -> dict[str, str]:
    """Return the header with the token, in lower case, if there is one."""
    if event["type"] == "TOKEN":
        return {_HEADER: str(event["authorizationToken"])}
    several: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    found = [one for name, all_ in several.items() for one in all_ if name.lower() == _HEADER]
    return {_HEADER: ", ".join(found)} if found else {}


def _document(effect: str, resource: str) -> dict[str, Any]:
    # A list, since `chalice local` reads nothing else.
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [resource]}
    return {"Version": "2012-10-17", "Statement": [statement]}


DENIED: Final = {"principalId": "nobody", "policyDocument": _document("Deny", "*"), "context": {}}
"""The policy that lets nobody in, for where an exception is no answer."""


def _policy(context: dict[str, str], method_arn: str) -> dict[str, Any]:
    # arn:aws:execute-api:region:account:api/stage/METHOD/path
    api, stage, *_ = method_arn.split("/")
    return {
        "principalId": context["user_id"],
        "policyDocument": _document("Allow", f"{api}/{stage}/*"),
        "context": context,
    }
