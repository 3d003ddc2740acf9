"""The AWS account that is worked in: who asks, in which region, and what its services answer."""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.failures import DeploymentError, Unreachable

__all__ = ["Account", "answered", "code_of", "connected"]

_LOG: Final = logging.getLogger("reflekt.deployment")

_GET_CREDENTIALS: Final = (
    "run 'aws configure' or 'aws sso login', or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
_NO_CREDENTIALS: Final = f"there are no AWS credentials: {_GET_CREDENTIALS}"
_NO_SIGN_ON: Final = f"your sign-on at AWS has ended: {_GET_CREDENTIALS}"
_EXPIRED: Final = f"the AWS credentials have expired: {_GET_CREDENTIALS}"
_REFUSED: Final = f"AWS does not accept the credentials: {_GET_CREDENTIALS}"
_NO_REGION: Final = "the region is none of AWS: name one such as --region eu-west-1"
_KNOWN: Final[Mapping[str, str]] = {
    # botocore's classes, and the services' codes
    "CredentialRetrievalError": _NO_CREDENTIALS,
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "SSOTokenLoadError": _NO_SIGN_ON,
    "TokenRetrievalError": _NO_SIGN_ON,
    "UnauthorizedSSOTokenError": _NO_SIGN_ON,
    "ExpiredToken": _EXPIRED,
    "ExpiredTokenException": _EXPIRED,
    "RequestExpired": _EXPIRED,
    "AuthFailure": _REFUSED,
    "IncompleteSignature": _REFUSED,
    "InvalidAccessKeyId": _REFUSED,
    "InvalidClientTokenId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "UnrecognizedClientException": _REFUSED,
    "InvalidRegionError": _NO_REGION,
    "NoRegionError": _NO_REGION,
    "ProfileNotFound": "AWS_PROFILE names a profile that does not exist",
}
_FORBIDDEN: Final = frozenset(
    {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"}
)
_AWAY: Final = frozenset(
    {"ConnectTimeoutError", "ConnectionClosedError", "EndpointConnectionError", "ReadTimeoutError"}
)


@attrs.frozen
class Account:
    """An account, by its number; who asks, by their ARN; and a session of botocore's for a region."""

    id: str
    caller: str
    region: str
    session: Any = attrs.field(repr=False)
    _clients: dict[str, Any] = attrs.field(factory=dict, init=False, repr=False, eq=False)

    def client(self, service: str) -> Any:
        """Return a client of *service*."""
        from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

        if service not in self._clients:
            limits = Config(connect_timeout=10, read_timeout=60)
            with answered(f"asking for {service}"):
                self._clients[service] = self.session.create_client(service, config=limits)
        return self._clients[service]


def connected(region: str | None) -> Account:
    """
    Return the account that the credentials at hand belong to.

    Args:
        region: The one of the environment or the profile, if left out.

    Raises:
        DeploymentError: There are no credentials, they are not accepted, or no region is named.
    """
    # botocore writes bodies at DEBUG, and with them secrets: never, whatever is set elsewhere.
    for name in ("botocore", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from botocore.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415 - heavy

    with answered("reading the configuration of AWS"):
        session = Session()
        found = region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    if not found:
        raise DeploymentError("no region is set: name one with --region, or set AWS_REGION")
    session.set_config_variable("region", found)
    session.register("after-call", _noted)
    account = Account("", "", found, session)
    with answered("checking the credentials"):
        caller = account.client("sts").get_caller_identity()
    return attrs.evolve(account, id=caller["Account"], caller=caller["Arn"])


def _noted(http_response: Any, model: Any, **_: Any) -> None:
    """Note which call was made and how it ended; nothing of what was said."""
    service = model.service_model.service_name
    _LOG.debug("%s %s: %s", service, model.name, http_response.status_code)


def code_of(error: BaseException) -> str:
    """Return the service's name for *error*; empty if it never answered."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


@contextmanager
def answered(doing: str, *, quote: bool = True) -> Iterator[None]:
    """
    Let AWS be asked while *doing* something; what goes wrong is told in one line.

    Args:
        doing: Such as ``reading the stack``.
        quote: Repeat the service's own words. Not where it may quote a secret.

    Raises:
        DeploymentError: The service declined.
        Unreachable: It did not answer.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith("botocore"):
            raise
        raise _told(error, doing, quote=quote) from None


def _told(error: Exception, doing: str, *, quote: bool) -> DeploymentError:
    name, code = type(error).__name__, code_of(error)
    if known := _KNOWN.get(name) or _KNOWN.get(code):
        return DeploymentError(f"{known} ({code})" if code else known)
    if name in _AWAY:
        return Unreachable(f"{doing}: AWS does not answer ({name}); check the network and --region")
    if code in _FORBIDDEN:
        permission = getattr(error, "operation_name", "") or "this"
        return DeploymentError(f"{doing}: the credentials do not allow {permission} ({code})")
    said = str(getattr(error, "response", {}).get("Error", {}).get("Message", "")) if code else ""
    return DeploymentError(
        f"{doing}: {said} ({code})" if quote and said else f"{doing}: {code or name}"
    )
