"""The composition root on AWS: from environment variables to what answers requests."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Final

import attrs

from reflekt_chalice.functions import FUNCTIONS, checked, operations_of
from reflekt_chalice.logs import log_to_stdout
from reflekt_chalice.secrets import Fetch, Secrets, ssm_parameter
from reflekt_core.config import Config
from reflekt_core.model.accounts import Actor
from reflekt_core.security.tokens import TokenVerifier

if TYPE_CHECKING:
    from reflekt_chalice.accounts import Answering
    from reflekt_core.app import Reflekt
    from reflekt_core.model.safety import CrisisResources
    from reflekt_core.ports import Store
    from reflekt_core.providers import AnyAssistant
    from reflekt_core.services.assistance import Gate

__all__ = ["Background", "Service", "opened_from", "service_from"]

_DYNAMODB: Final = "dynamodb:"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@attrs.frozen
class Service:
    """
    What answers, opened when it is first asked for.

    `dispatch` returns what answers requests; `verifier` what accepts tokens. Either may raise
    `ReflektError`, which is then the answer.
    """

    dispatch: "Callable[[], Answering]"
    verifier: Callable[[], TokenVerifier]
    clock: Callable[[], datetime] = _utc_now


@attrs.frozen
class Background:
    """
    What functions work with that answer events, opened when it is first asked for.

    Each may raise `ReflektError`. `trash_days`: how long an entry stays in the trash.
    """

    store: "Callable[[], Store]"
    gate: "Callable[[], Gate]"
    trash_days: Callable[[], int]
    clock: Callable[[], datetime] = _utc_now


def service_from(
    environ: Mapping[str, str],
    functions: Iterable[str] | None = None,
    *,
    fetch: Fetch | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Service:
    """
    Return the service that *environ* describes, for the operations of *functions* alone.

    Nothing is opened and no secret is read before the first request. A variable such as
    ``JWT_SECRET_PARAMETER`` names the parameter of Systems Manager that holds the secret.

    Args:
        environ: Such as `os.environ`.
        functions: Whose operations to answer, of `FUNCTIONS`; those of all, if left out.
        fetch: Reads a parameter; from Systems Manager, if left out.
        monotonic: Tells seconds that never run back.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    return opened_from(environ, functions, fetch=fetch, monotonic=monotonic)[0]


def opened_from(
    environ: Mapping[str, str],
    functions: Iterable[str] | None = None,
    *,
    fetch: Fetch | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[Service, Background]:
    """
    Return what answers requests and what answers events, as `service_from` does: on one store.

    Raises:
        ConfigurationError: There is no function of that name.
    """
    opener = _Opener(environ, checked(functions), fetch or ssm_parameter(), monotonic)
    service = Service(opener.dispatch, opener.verifier)
    return service, Background(opener.store, opener.gate, opener.trash_days)


class _Opener:
    """Opens the parts, and opens anew what depends on a secret that has changed."""

    def __init__(
        self,
        environ: Mapping[str, str],
        functions: tuple[str, ...],
        fetch: Fetch,
        monotonic: Callable[[], float],
    ) -> None:
        self._environ = environ
        self._functions = functions
        self._fetch = fetch
        self._monotonic = monotonic
        self._secrets: Secrets | None = None
        self._seen: dict[str, str] | None = None
        self._config = Config()
        self._store: Store | None = None
        self._dispatch: Answering | None = None
        self._verifier: TokenVerifier | None = None
        self._gate: Gate | None = None
        self._assistants = _assistants(self._config)
        self._random = os.urandom(32)

    def dispatch(self) -> "Answering":
        """Return what answers requests."""
        config = self._current()
        if self._dispatch is None:
            store = self._store_of(config)
            # Who sends text on looks at the account before each attempt: it must not look at the past.
            sends = any(FUNCTIONS[name].ai_key for name in self._functions)
            if config.store.startswith(_DYNAMODB) and not sends:
                # Loaded for who answers requests: the authorizer does not.
                from reflekt_chalice.accounts import LookingAgain, RememberedAccounts  # noqa: PLC0415

                store = copy(store)  # what follows events on the same store remembers nothing
                store.accounts = accounts = RememberedAccounts(store.accounts, self._monotonic)
                self._dispatch = LookingAgain(self._answering(config, store), accounts)
            else:
                self._dispatch = self._answering(config, store)
        return self._dispatch

    def _answering(self, config: Config, store: "Store") -> "Answering":
        from reflekt_core.rest.dispatch import Dispatch  # noqa: PLC0415 - the same

        return Dispatch(
            self._opened(config, store),
            _Verifier(self.verifier),
            cursor_secret=config.cursor_secret or self._random,
            cors_origins=config.cors_origins,
            operations=operations_of(self._functions),
        )

    def verifier(self) -> TokenVerifier:
        """Return what accepts tokens."""
        config = self._current()
        if self._verifier is None:
            self._verifier = _verifier(config)
        return self._verifier

    def store(self) -> "Store":
        """Return the store."""
        return self._store_of(self._current())

    def gate(self) -> "Gate":
        """Return the way to the assistants."""
        config = self._current()
        if self._gate is None:
            # Loaded for who asks assistants.
            from reflekt_core.providers import local_assistant  # noqa: PLC0415
            from reflekt_core.services.assistance import Gate  # noqa: PLC0415

            store = self._store_of(config)
            self._gate = Gate(store, _utc_now, self._assistants, cache(local_assistant))
        return self._gate

    def trash_days(self) -> int:
        """Return how long an entry stays in the trash."""
        return self._current().trash_for.days

    def _store_of(self, config: Config) -> "Store":
        if self._store is None:
            from reflekt_core.stores import open_store  # noqa: PLC0415 - for who has a store

            self._store = open_store(config.store)
        return self._store

    def _current(self) -> Config:
        if self._secrets is None:
            self._secrets = Secrets(self._environ, self._fetch, self._monotonic)
        values = self._secrets()
        if values != self._seen:
            self._config = Config.from_env(values)
            self._seen, self._dispatch, self._verifier, self._gate = values, None, None, None
            self._assistants = cache(_assistants(self._config))
            log_to_stdout("reflekt", self._config.log_level)
        return self._config

    def _opened(self, config: Config, store: "Store") -> "Reflekt":
        from reflekt_core.app import Reflekt  # noqa: PLC0415 - the same

        return Reflekt.on(
            store,
            assistant=self._assistants,
            trash_days=config.trash_for.days,
            crisis_resources=_helplines(config),
            # The stream of a table tells the functions that do what follows from a write.
            settles=not config.store.startswith(_DYNAMODB),
        )


@attrs.frozen
class _Verifier:
    """Verifies with what is good at the moment. A function behind the authorizer needs none."""

    current: Callable[[], TokenVerifier]

    def verify(self, token: str, now: datetime) -> Actor:
        return self.current().verify(token, now)


def _verifier(config: Config) -> TokenVerifier:
    keys = None
    if config.jwt_jwks_url:
        # Loads cryptography, which costs more than all the rest.
        from reflekt_core.security.keys import KeySet  # noqa: PLC0415

        keys = KeySet(config.jwt_jwks_url)
    return TokenVerifier(
        secret=config.jwt_secret,
        previous_secret=config.jwt_secret_previous,
        keys=keys,
        issuer=config.jwt_issuer,
        audience=config.jwt_audience,
        role_claim=config.jwt_role_claim,
        scope_claim=config.jwt_scope_claim,
        leeway=config.jwt_leeway,
        max_lifetime=config.jwt_max_lifetime,
    )


def _assistants(config: Config) -> "Callable[[], tuple[AnyAssistant, ...]]":
    def opened() -> "tuple[AnyAssistant, ...]":
        from reflekt_core.providers import open_assistants  # noqa: PLC0415 - for who asks them

        return open_assistants(config.ai_providers, config.ai_access, config.ai_prices)

    return opened


def _helplines(config: Config) -> "CrisisResources | None":
    if not config.crisis_resources:
        return None
    from reflekt_core.model.safety import crisis_resources  # noqa: PLC0415 - only if some are added

    return crisis_resources().extended(config.crisis_resources)
