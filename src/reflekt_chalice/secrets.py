"""Secrets that are kept in the Parameter Store of AWS Systems Manager."""

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from reflekt_core.errors import ConfigurationError, ReflektError, Unavailable
from reflekt_core.rest.logs import log_failure

if TYPE_CHECKING:
    from reflekt_core.amazon import Access

__all__ = ["KEPT_SECONDS", "SECRETS", "Fetch", "Secret", "Secrets", "ssm_parameter"]

Fetch = Callable[[str], str]
"""
Returns the value of the parameter of that name.

Raises:
    ConfigurationError: There is none, or it may not be read.
    Unavailable: It cannot be had at the moment.
"""

SECRETS: Final = (
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "REFLEKT_CURSOR_SECRET",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
)
"""The variables in whose place ``…_PARAMETER`` may name a parameter."""

KEPT_SECONDS: Final = 300.0
_RETRY_SECONDS: Final = 10
_AWAY: Final = frozenset(
    {"InternalServerError", "ServiceUnavailable", "ThrottlingException", "TooManyUpdates"}
)
_INCOMPLETE: Final = frozenset(
    {"ModuleNotFoundError", "NoCredentialsError", "NoRegionError", "PartialCredentialsError"}
)


class Secret:
    """
    A secret, read at its first use and kept for five minutes.

    Args:
        parameter: Where it is.
        fetch: Reads it.
        monotonic: Tells seconds that never run back.
    """

    def __init__(self, parameter: str, fetch: Fetch, monotonic: Callable[[], float]) -> None:
        self._parameter = parameter
        self._fetch = fetch
        self._monotonic = monotonic
        self._kept: str | None = None
        self._until = 0.0

    def __call__(self) -> str:
        """
        Return the secret. While it cannot be read anew, the old one stays.

        Raises:
            ConfigurationError: There is none, or it may not be read.
            Unavailable: It cannot be had at the moment, and never was.
        """
        now = self._monotonic()
        if self._kept is None or now >= self._until:
            try:
                self._kept = self._fetch(self._parameter)
                self._until = now + KEPT_SECONDS
            except ReflektError as error:
                if self._kept is None:
                    raise
                log_failure(error)
                self._until = now + _RETRY_SECONDS
        return self._kept


class Secrets:
    """
    The environment, with secrets in place of the parameters that name them.

    Args:
        environ: Such as `os.environ`.
        fetch: Reads a parameter.
        monotonic: Tells seconds that never run back.

    Raises:
        ConfigurationError: A secret is given twice.
    """

    def __init__(
        self, environ: Mapping[str, str], fetch: Fetch, monotonic: Callable[[], float]
    ) -> None:
        named = {name: environ.get(f"{name}_PARAMETER", "").strip() for name in SECRETS}
        for name in (name for name, parameter in named.items() if parameter):
            if environ.get(name, "").strip():
                raise ConfigurationError(f"set {name} or {name}_PARAMETER, not both")
        parameters = {f"{name}_PARAMETER" for name in SECRETS}
        self._plain = {n: value for n, value in environ.items() if n not in parameters}
        self._secrets = {
            name: Secret(parameter, fetch, monotonic)
            for name, parameter in named.items()
            if parameter
        }

    def __call__(self) -> dict[str, str]:
        """
        Return what `Config.from_env` reads.

        Raises:
            ConfigurationError: A parameter does not exist, or may not be read.
            Unavailable: One cannot be had at the moment.
        """
        return {**self._plain, **{name: secret() for name, secret in self._secrets.items()}}


def ssm_parameter(client: Callable[[], Any] | None = None) -> Fetch:
    """
    Return what reads parameters.

    Args:
        client: Returns a client of Systems Manager, such as botocore's; one with the credentials
            and the region of the environment, if left out.
    """
    opened = cache(client or _ssm)

    def fetch(parameter: str) -> str:
        try:
            found = opened().get_parameter(Name=parameter, WithDecryption=True)
        except Exception as error:  # noqa: BLE001 - botocore's classes are made at run time
            raise _told(error) from None
        value: str = found["Parameter"]["Value"]
        return value

    return fetch


class _SignedClient:
    """Asks Systems Manager without botocore, which costs more to load than all the rest."""

    def __init__(self, access: "Access") -> None:
        from reflekt_core.amazon import JSONService  # noqa: PLC0415 - for who keeps secrets there

        self._service = JSONService(
            "ssm", "AmazonSSM", "1.1", access, connect_seconds=2, read_seconds=2
        )

    def get_parameter(self, **asked: Any) -> dict[str, Any]:
        """Return a parameter; asks a second time where the first answer is none, or may pass."""
        try:
            return self._asked(asked)
        except Exception as error:
            if isinstance(_told(error), ConfigurationError):
                raise
            return self._asked(asked)

    def _asked(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._service.call("GetParameter", asked)
        if not answer.ok:
            raise _Declined(answer.code)
        return answer.body


class _Declined(Exception):
    """Systems Manager named a reason, told as botocore would."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def _ssm() -> Any:
    from reflekt_core.amazon import access_from  # noqa: PLC0415 - for who keeps secrets there

    access = access_from(os.environ, "ssm")
    return _botocore() if access is None else _SignedClient(access)


def _botocore() -> Any:
    from botocore.config import Config  # type: ignore[import-untyped]  # noqa: PLC0415
    from botocore.session import Session  # type: ignore[import-untyped]  # noqa: PLC0415

    log = logging.getLogger("botocore")  # at DEBUG it writes responses, secrets and all
    log.setLevel(max(log.getEffectiveLevel(), logging.WARNING))
    limits = Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 2})
    return Session().create_client("ssm", config=limits)


def _told(error: Exception) -> ReflektError:
    # Where a connection failed, botocore's errors have a response, and it is None.
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    name = type(error).__name__
    code = response.get("Error", {}).get("Code") or (name if name in _INCOMPLETE else "")
    if code and code not in _AWAY:
        return ConfigurationError(f"a secret cannot be read from Systems Manager: {code}")
    return Unavailable(
        "Systems Manager cannot be reached for a secret", retry_after_seconds=_RETRY_SECONDS
    )
