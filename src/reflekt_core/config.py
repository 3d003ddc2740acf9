"""
What the environment may say, in one place.

Everything has a default: inside another program Reflekt needs no environment at all. A variable that
is set to nothing counts as not set.
"""

import hmac
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from reflekt_core.errors import ConfigurationError
from reflekt_core.model.prices import PRICES, Price

if TYPE_CHECKING:
    from reflekt_core.model.assistance import Access

__all__ = ["Config"]

_LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_VENDORS: Final = ("openai", "anthropic")
_ALIASES: Final = {"rustbert": "local"}
_ACCESS: Final = ("API_KEY", "MODEL", "BASE_URL")
_TRUTH: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_SECRETS: Final = (
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS",
    "REFLEKT_CURSOR_SECRET",
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
)
_OWN_PREFIX: Final = "REFLEKT_"
_OWN: Final = (
    "STORE",
    "CURSOR_SECRET",
    "CORS_ORIGINS",
    "TRASH_DAYS",
    "AI_PRICES",
    "CRISIS_RESOURCES",
    "FORBID_AI_CALLS",
)
_LEAST_SECRET_BYTES: Final = 32
_MOST_PRICE: Final = 1_000_000
_STORE: Final = re.compile(r"[a-z][a-z0-9+.-]*://.*")
_STAGE: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
# As browsers write it (RFC 6454, section 6.2): lower case, no path, not even a slash at the end.
_ORIGIN: Final = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::[0-9]{1,5})?"
)
_OTHER_CLAIMS: Final = frozenset({"sub", "iss", "aud", "exp", "iat", "nbf", "jti", "scope"})


@attrs.frozen(kw_only=True)
class Config:
    """
    How this Reflekt is set up.

    Secrets are kept out of its repr. How good they are is for those to judge who sign with them.
    """

    store: str = "sqlite:///journal.db"
    """REFLEKT_STORE: URL of the store; a file in the working directory by default."""
    ai_providers: tuple[str, ...] = ("local",)
    """AI_PROVIDER: names, in the order in which they are tried; rustbert is local."""
    ai_access: "Mapping[str, Access]" = attrs.field(factory=dict, repr=False)
    """OPENAI_API_KEY, OPENAI_MODEL, OPENAI_BASE_URL, and the same with ANTHROPIC: by vendor."""
    ai_prices: Mapping[str, Price] = PRICES
    """REFLEKT_AI_PRICES: prices of models, besides those that are known."""
    crisis_resources: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """REFLEKT_CRISIS_RESOURCES: where help is, by region, besides what comes with Reflekt."""
    jwt_secret: str | None = attrs.field(default=None, repr=False)
    """JWT_SECRET: signs and verifies HS256 tokens."""
    jwt_secret_previous: str | None = attrs.field(default=None, repr=False)
    """JWT_SECRET_PREVIOUS: still verifies, while a new secret takes over."""
    jwt_jwks_url: str | None = None
    """JWT_JWKS_URL: where an identity provider publishes its keys."""
    jwt_issuer: str | None = None
    """JWT_ISSUER: what `iss` must be."""
    jwt_audience: str | None = None
    """JWT_AUDIENCE: what `aud` must name."""
    jwt_role_claim: str = "role"
    """JWT_ROLE_CLAIM: the claim with the role, such as ``cognito:groups``."""
    jwt_scope_claim: str = "scope"
    """JWT_SCOPE_CLAIM: the claim that narrows the role, such as ``permissions``."""
    jwt_leeway: timedelta = timedelta(seconds=30)
    """JWT_LEEWAY_SECONDS: how far clocks may differ, 0 to 60."""
    jwt_max_lifetime: timedelta | None = None
    """JWT_MAX_LIFETIME_SECONDS: longest time from `iat` to `exp`; no limit by default."""
    own_cursor_secret: str | None = attrs.field(default=None, repr=False)
    """REFLEKT_CURSOR_SECRET: see `cursor_secret`."""
    cors_origins: tuple[str, ...] = ()
    """REFLEKT_CORS_ORIGINS: web pages from there may call; ``("*",)`` is any."""
    trash_for: timedelta = timedelta(days=30)
    """REFLEKT_TRASH_DAYS: how long an entry stays in the trash, 1 to 3650 days."""
    log_level: str = "INFO"
    """LOG_LEVEL"""
    debug: bool = False
    """DEBUG: true or false."""
    stage: str = "local"
    """STAGE: which deployment this is."""

    @property
    def cursor_secret(self) -> bytes | None:
        """
        The secret for cursors: the one given, or one derived from the JWT secret.

        None if there is neither: cursors then need a secret made at random, and end with the
        process.
        """
        if self.own_cursor_secret is not None:
            return self.own_cursor_secret.encode()
        if self.jwt_secret is None:
            return None
        # HMAC is a pseudorandom function: who learns the result learns nothing of the key.
        return hmac.digest(self.jwt_secret.encode(), b"reflekt: secret for cursors, 1", "sha256")

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """
        Return what *environ*, such as `os.environ`, asks for.

        Raises:
            ConfigurationError: One line that names the variable and what it may be.
        """
        env = {name: value for name, value in environ.items() if value.strip()}
        _refuse_misspelt(env)
        _refuse_parameters(env)
        _check_jwt(env)
        return cls(
            store=_matching(
                env, "REFLEKT_STORE", cls().store, _STORE, "a URL such as sqlite:///journal.db"
            ),
            ai_providers=_ai_providers(env),
            ai_access=_ai_access(env),
            ai_prices=_ai_prices(env),
            crisis_resources=_crisis_resources(env),
            jwt_secret=_secret(env, "JWT_SECRET"),
            jwt_secret_previous=_secret(env, "JWT_SECRET_PREVIOUS"),
            jwt_jwks_url=_word(env, "JWT_JWKS_URL"),
            jwt_issuer=_word(env, "JWT_ISSUER"),
            jwt_audience=_word(env, "JWT_AUDIENCE"),
            jwt_role_claim=_claim(env, "JWT_ROLE_CLAIM", "role"),
            jwt_scope_claim=_claim(env, "JWT_SCOPE_CLAIM", "scope"),
            jwt_leeway=timedelta(seconds=_number(env, "JWT_LEEWAY_SECONDS", 30, range(61))),
            jwt_max_lifetime=_max_lifetime(env),
            own_cursor_secret=_secret(env, "REFLEKT_CURSOR_SECRET"),
            cors_origins=_cors_origins(env),
            trash_for=timedelta(days=_number(env, "REFLEKT_TRASH_DAYS", 30, range(1, 3651))),
            log_level=_choice(env, "LOG_LEVEL", "INFO", _LOG_LEVELS, fold=str.upper),
            debug=_TRUTH[_choice(env, "DEBUG", "false", tuple(_TRUTH), fold=str.lower)],
            stage=_matching(env, "STAGE", "local", _STAGE, "1 to 128 letters, digits, - and _"),
        )


def _word(env: Mapping[str, str], name: str) -> str | None:
    value = env.get(name)
    return None if value is None else value.strip()


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """Return the secret exactly as it is; who signs judges how good it is."""
    secret = env.get(name)
    try:
        long_enough = secret is None or len(secret.encode()) >= _LEAST_SECRET_BYTES
    except UnicodeEncodeError:  # bytes that are no UTF-8 arrive as lone surrogates
        long_enough = False
    if not long_enough:
        raise _wrong(name, f"text in UTF-8 of at least {_LEAST_SECRET_BYTES} bytes")
    return secret


def _wrong(name: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{name} must be {allowed}")


def _matching(
    env: Mapping[str, str], name: str, default: str, pattern: re.Pattern[str], allowed: str
) -> str:
    value = _word(env, name) or default
    if not pattern.fullmatch(value):
        raise _wrong(name, allowed)
    return value


def _choice(
    env: Mapping[str, str],
    name: str,
    default: str,
    choices: tuple[str, ...],
    *,
    fold: Callable[[str], str],
) -> str:
    value = fold(_word(env, name) or default)
    if value not in choices:
        raise _wrong(name, "one of " + ", ".join(choices))
    return value


def _number(env: Mapping[str, str], name: str, default: int, allowed: range) -> int:
    value = _word(env, name) or str(default)
    if not re.fullmatch("[0-9]{1,9}", value) or int(value) not in allowed:
        raise _wrong(name, f"a whole number from {allowed[0]} to {allowed[-1]}")
    return int(value)


def _max_lifetime(env: Mapping[str, str]) -> timedelta | None:
    name = "JWT_MAX_LIFETIME_SECONDS"
    a_year = 366 * 24 * 3600
    return timedelta(seconds=_number(env, name, 0, range(60, a_year + 1))) if name in env else None


def _ai_providers(env: Mapping[str, str]) -> tuple[str, ...]:
    said = _word(env, "AI_PROVIDER")
    if said is None:
        return ("local",)
    from reflekt_core.providers import PROVIDERS  # noqa: PLC0415 - only for who names one

    known = {name.lower(): name for name in PROVIDERS}
    names = [name.strip().lower() for name in said.split(",")]
    if not set(names) <= set(known):
        raise _wrong("AI_PROVIDER", "one of " + ", ".join(PROVIDERS) + ", or several with commas")
    providers = tuple(dict.fromkeys(_ALIASES.get(name, known[name]) for name in names))
    if "local" in providers[:-1]:
        raise ConfigurationError("AI_PROVIDER: nothing may come after local, which always answers")
    for vendor in (name.upper() for name in providers if name in _VENDORS):
        if not env.keys() & {f"{vendor}_API_KEY", f"{vendor}_BASE_URL"}:
            raise ConfigurationError(
                f"{vendor}_API_KEY must be set to your key when AI_PROVIDER names {vendor.lower()}"
            )
    return providers


def _ai_access(env: Mapping[str, str]) -> "Mapping[str, Access]":
    named = (v for v in _VENDORS if env.keys() & {f"{v.upper()}_{what}" for what in _ACCESS})
    return {vendor: _access(env, vendor.upper()) for vendor in named}


def _access(env: Mapping[str, str], prefix: str) -> "Access":
    from reflekt_core.model.assistance import Access  # noqa: PLC0415 - only for who has a vendor

    base_url = _word(env, f"{prefix}_BASE_URL")
    if base_url and not re.fullmatch(r"https?://[^\s/@]+(?:/[^\s?#]*)?", base_url):
        raise _wrong(f"{prefix}_BASE_URL", "a URL such as http://127.0.0.1:11434/v1")
    return Access(_word(env, f"{prefix}_API_KEY"), _word(env, f"{prefix}_MODEL"), base_url)


def _ai_prices(env: Mapping[str, str]) -> Mapping[str, Price]:
    value = _word(env, "REFLEKT_AI_PRICES")
    if value is None:
        return PRICES
    import json  # noqa: PLC0415 - only for who extends the table

    try:
        given = json.loads(value)
        mine = {str(model): _price(price) for model, price in given.items()}
    except (ValueError, TypeError, AttributeError, ArithmeticError, KeyError):
        raise _wrong(
            "REFLEKT_AI_PRICES",
            'US dollars per million tokens, as in {"my-model": {"input": "0.10", "output": "0.50"}}',
        ) from None
    return {**PRICES, **mine}


def _price(given: Mapping[str, str]) -> Price:
    amounts = {name: Decimal(str(amount)) for name, amount in given.items()}
    if not {"input", "output"} <= amounts.keys() <= {"input", "output", "cached"}:
        raise ValueError
    if not all(amount.is_finite() and 0 <= amount <= _MOST_PRICE for amount in amounts.values()):
        raise ValueError
    return Price(amounts["input"], amounts["output"], amounts.get("cached"))


def _crisis_resources(env: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    value = _word(env, "REFLEKT_CRISIS_RESOURCES")
    if value is None:
        return {}
    import json  # noqa: PLC0415 - only for who extends the table

    try:
        given = {str(region): tuple(lines) for region, lines in json.loads(value).items()}
        if all(_is_helpline(region, lines) for region, lines in given.items()):
            return given
    except (ValueError, TypeError, AttributeError):
        pass
    raise _wrong(
        "REFLEKT_CRISIS_RESOURCES",
        'lines to show for each region, as in {"GB": ["Samaritans: call 116 123"]}',
    )


def _is_helpline(region: str, lines: tuple[Any, ...]) -> bool:
    named = re.fullmatch("[A-Z]{2}", region)
    return bool(named and lines and all(isinstance(line, str) and len(line) > 1 for line in lines))


def _claim(env: Mapping[str, str], name: str, default: str) -> str:
    claim = _word(env, name) or default
    if claim in _OTHER_CLAIMS - {default}:
        raise _wrong(name, "a claim of its own, such as role, permissions or cognito:groups")
    return claim


def _cors_origins(env: Mapping[str, str]) -> tuple[str, ...]:
    value = _word(env, "REFLEKT_CORS_ORIGINS")
    if value is None or value == "*":
        return () if value is None else ("*",)
    origins = tuple(origin.strip() for origin in value.split(","))
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise _wrong(
            "REFLEKT_CORS_ORIGINS",
            "origins such as https://app.example.org, with commas between, or * alone",
        )
    return origins


def _check_jwt(env: Mapping[str, str]) -> None:
    """Refuse what does not go together."""
    if "JWT_SECRET_PREVIOUS" in env and "JWT_SECRET" not in env:
        raise ConfigurationError("JWT_SECRET_PREVIOUS needs JWT_SECRET, the present one")
    if "JWT_JWKS_URL" not in env:
        return
    for name in ("JWT_ISSUER", "JWT_AUDIENCE"):
        if name not in env:
            raise ConfigurationError(
                f"JWT_JWKS_URL needs {name}: the provider signs for others, too"
            )
    if not env.keys() & {"JWT_SECRET", "REFLEKT_CURSOR_SECRET"}:
        raise ConfigurationError(
            "REFLEKT_CURSOR_SECRET must be set, to at least 32 bytes, when JWT_SECRET is not"
        )


def _refuse_parameters(env: Mapping[str, str]) -> None:
    for secret in _SECRETS:
        if f"{secret}_PARAMETER" in env:
            raise ConfigurationError(
                f"{secret}_PARAMETER is read by apps of the aws extra alone; set {secret}"
            )


def _refuse_misspelt(env: Mapping[str, str]) -> None:
    """
    Refuse names that nearly are ours: a journal in the wrong file is noticed too late.

    Other names may belong to a program around this one.
    """
    known = {*_OWN, *(f"{name}_PARAMETER" for name in _OWN)}
    own = (n.removeprefix(_OWN_PREFIX) for n in env if n.startswith(_OWN_PREFIX))
    for name in (n for n in own if n not in known):
        from difflib import get_close_matches  # noqa: PLC0415 - only for who mistypes

        near = get_close_matches(name, _OWN, n=1, cutoff=0.7)
        if near:
            raise ConfigurationError(
                f"{_OWN_PREFIX}{name} is not known; did you mean {_OWN_PREFIX}{near[0]}?"
            )
