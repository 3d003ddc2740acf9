"""What the environment may say, and how a mistake in it is reported."""

from datetime import timedelta
from decimal import Decimal

import attrs
import pytest

from reflekt_core.config import Config
from reflekt_core.errors import ConfigurationError
from reflekt_core.model.assistance import Access
from reflekt_core.model.prices import PRICES, Price

SECRET = "hV7#q2Lx9-made-up-for-these-tests-zR4w"
OTHER = "another-0ne-made-up-for-these-tests-Kp8Y"


def test_nothing_is_needed() -> None:
    """Without any variable there is a store in the working directory and the offline provider."""
    config = Config.from_env({"PATH": "/usr/bin"})
    assert config == Config()
    assert config.store == "sqlite:///journal.db"
    assert config.ai_providers == ("local",)
    assert config.cursor_secret is None


def test_every_variable_is_read() -> None:
    """Each variable ends in the field of its name."""
    config = Config.from_env(
        {
            "REFLEKT_STORE": "memory://",
            "AI_PROVIDER": "anthropic, openai, rustbert",
            "ANTHROPIC_API_KEY": "sk-ant",
            "ANTHROPIC_MODEL": "claude-sonnet-5-5",
            "OPENAI_BASE_URL": "http://127.0.0.1:11434/v1",
            "REFLEKT_AI_PRICES": '{"m": {"input": "1.5", "output": 2, "cached": "0.1"}}',
            "REFLEKT_CRISIS_RESOURCES": '{"GB": ["Samaritans: 116 123"]}',
            "JWT_SECRET": SECRET,
            "JWT_SECRET_PREVIOUS": OTHER,
            "JWT_JWKS_URL": "https://id.example.org/jwks",
            "JWT_ISSUER": "https://id.example.org/",
            "JWT_AUDIENCE": "reflekt",
            "JWT_ROLE_CLAIM": "cognito:groups",
            "JWT_SCOPE_CLAIM": "permissions",
            "JWT_LEEWAY_SECONDS": "5",
            "JWT_MAX_LIFETIME_SECONDS": "86400",
            "REFLEKT_CURSOR_SECRET": OTHER,
            "REFLEKT_CORS_ORIGINS": "https://app.example.org, http://localhost:3000",
            "REFLEKT_TRASH_DAYS": "7",
            "LOG_LEVEL": "debug",
            "DEBUG": "Yes",
            "STAGE": "prod",
        }
    )
    assert config == Config(
        store="memory://",
        ai_providers=("anthropic", "openai", "local"),
        ai_access={
            "openai": Access(base_url="http://127.0.0.1:11434/v1"),
            "anthropic": Access("sk-ant", "claude-sonnet-5-5"),
        },
        ai_prices={**PRICES, "m": Price(Decimal("1.5"), Decimal(2), Decimal("0.1"))},
        crisis_resources={"GB": ("Samaritans: 116 123",)},
        jwt_secret=SECRET,
        jwt_secret_previous=OTHER,
        jwt_jwks_url="https://id.example.org/jwks",
        jwt_issuer="https://id.example.org/",
        jwt_audience="reflekt",
        jwt_role_claim="cognito:groups",
        jwt_scope_claim="permissions",
        jwt_leeway=timedelta(seconds=5),
        jwt_max_lifetime=timedelta(days=1),
        own_cursor_secret=OTHER,
        cors_origins=("https://app.example.org", "http://localhost:3000"),
        trash_for=timedelta(days=7),
        log_level="DEBUG",
        debug=True,
        stage="prod",
    )
    unread = [f.name for f in attrs.fields(Config) if getattr(config, f.name) == f.default]
    assert unread == []
    assert "sk-ant" not in repr(config)


def test_an_empty_variable_counts_as_not_set() -> None:
    """Compose files and CI set variables to nothing when they mean none."""
    assert Config.from_env({"REFLEKT_STORE": "", "JWT_SECRET": " ", "DEBUG": ""}) == Config()


def test_a_secret_is_taken_exactly() -> None:
    """Whoever signs elsewhere with the same secret signs with its spaces, too."""
    assert Config.from_env({"JWT_SECRET": f" {SECRET}\n"}).jwt_secret == f" {SECRET}\n"


@pytest.mark.parametrize("value", ["1", "true", "TRUE", " on ", "yes"])
def test_debug_can_be_said_in_several_ways(value: str) -> None:
    """The usual words for true are understood."""
    assert Config.from_env({"DEBUG": value}).debug is True


def test_a_provider_is_named_once() -> None:
    """The name rustbert is another one of the local provider, which is then not tried twice."""
    assert Config.from_env({"AI_PROVIDER": "local, RustBert"}).ai_providers == ("local",)


JWKS = {
    "JWT_JWKS_URL": "https://id.example.org/jwks",
    "JWT_ISSUER": "https://id.example.org/",
    "JWT_AUDIENCE": "reflekt",
}


@pytest.mark.parametrize(
    ("environ", "variable", "hint"),
    [
        ({"REFLEKT_STORE": "journal.db"}, "REFLEKT_STORE", "sqlite:///"),
        ({"REFLEKT_TRASH_DAYS": "0"}, "REFLEKT_TRASH_DAYS", "1 to 3650"),
        ({"REFLEKT_TRASH_DAYS": "3651"}, "REFLEKT_TRASH_DAYS", "1 to 3650"),
        ({"REFLEKT_TRASH_DAYS": "a week"}, "REFLEKT_TRASH_DAYS", "whole number"),
        ({"REFLEKT_TRASH_DAYS": "٣"}, "REFLEKT_TRASH_DAYS", "whole number"),
        ({"JWT_LEEWAY_SECONDS": "61"}, "JWT_LEEWAY_SECONDS", "0 to 60"),
        ({"JWT_LEEWAY_SECONDS": "-1"}, "JWT_LEEWAY_SECONDS", "0 to 60"),
        ({"JWT_MAX_LIFETIME_SECONDS": "59"}, "JWT_MAX_LIFETIME_SECONDS", "60 to"),
        ({"JWT_MAX_LIFETIME_SECONDS": "9" * 5000}, "JWT_MAX_LIFETIME_SECONDS", "60 to"),
        ({"JWT_ROLE_CLAIM": "sub"}, "JWT_ROLE_CLAIM", "role"),
        ({"JWT_ROLE_CLAIM": "scope"}, "JWT_ROLE_CLAIM", "role"),
        ({"JWT_SCOPE_CLAIM": "aud"}, "JWT_SCOPE_CLAIM", "permissions"),
        ({"JWT_SECRET": "too-short"}, "JWT_SECRET", "32 bytes"),
        ({"JWT_SECRET": SECRET + "\udcff"}, "JWT_SECRET", "UTF-8"),
        ({"REFLEKT_CURSOR_SECRET": "too-short"}, "REFLEKT_CURSOR_SECRET", "32 bytes"),
        ({"JWT_SECRET_PREVIOUS": OTHER}, "JWT_SECRET", "JWT_SECRET_PREVIOUS"),
        ({"JWT_JWKS_URL": "https://id.example.org/jwks"}, "JWT_ISSUER", "JWT_JWKS_URL"),
        ({k: v for k, v in JWKS.items() if k != "JWT_AUDIENCE"}, "JWT_AUDIENCE", "JWT_JWKS_URL"),
        (JWKS, "REFLEKT_CURSOR_SECRET", "32 bytes"),
        ({"JWT_SECRET_PARAMETER": "/prod/jwt"}, "JWT_SECRET_PARAMETER", "aws"),
        ({"OPENAI_API_KEY_PARAMETER": "/prod/ai"}, "OPENAI_API_KEY_PARAMETER", "aws"),
        ({"REFLEKT_CURSOR_SECRET_PARAMETER": "/x"}, "REFLEKT_CURSOR_SECRET_PARAMETER", "aws"),
        ({"AI_PROVIDER": "openai"}, "OPENAI_API_KEY", "your key"),
        ({"AI_PROVIDER": "anthropic,local"}, "ANTHROPIC_API_KEY", "your key"),
        ({"AI_PROVIDER": "local,anthropic"}, "AI_PROVIDER", "nothing may come after local"),
        ({"OPENAI_BASE_URL": "localhost:11434"}, "OPENAI_BASE_URL", "http://"),
        ({"ANTHROPIC_BASE_URL": "http://me:secret@h"}, "ANTHROPIC_BASE_URL", "http://"),
        (
            {"REFLEKT_AI_PRICES": '{"m": {"input": "1e99999", "output": 1}}'},
            "REFLEKT_AI_PRICES",
            "per million",
        ),
        ({"REFLEKT_CRISIS_RESOURCES": "GB"}, "REFLEKT_CRISIS_RESOURCES", "each region"),
        ({"REFLEKT_CRISIS_RESOURCES": '{"GB": "116 123"}'}, "REFLEKT_CRISIS_RESOURCES", "each"),
        ({"REFLEKT_CRISIS_RESOURCES": '{"gb": ["116 123"]}'}, "REFLEKT_CRISIS_RESOURCES", "each"),
        ({"REFLEKT_CRISIS_RESOURCES": '{"GB": []}'}, "REFLEKT_CRISIS_RESOURCES", "each region"),
        ({"REFLEKT_AI_PRICES": "0.1"}, "REFLEKT_AI_PRICES", "per million"),
        ({"REFLEKT_AI_PRICES": '{"m": {"input": "0.1"}}'}, "REFLEKT_AI_PRICES", "per million"),
        (
            {"REFLEKT_AI_PRICES": '{"m": {"input": "x", "output": 1}}'},
            "REFLEKT_AI_PRICES",
            "per million",
        ),
        (
            {"REFLEKT_AI_PRICES": '{"m": {"input": -1, "output": 1}}'},
            "REFLEKT_AI_PRICES",
            "per million",
        ),
        ({"AI_PROVIDER": "gpt"}, "AI_PROVIDER", "local"),
        ({"AI_PROVIDER": "local,"}, "AI_PROVIDER", "local"),
        ({"REFLEKT_CORS_ORIGINS": "https://a.org/"}, "REFLEKT_CORS_ORIGINS", "https://"),
        ({"REFLEKT_CORS_ORIGINS": "a.org"}, "REFLEKT_CORS_ORIGINS", "https://"),
        ({"REFLEKT_CORS_ORIGINS": "https://A.org"}, "REFLEKT_CORS_ORIGINS", "https://"),
        ({"REFLEKT_CORS_ORIGINS": "https://*.a.org"}, "REFLEKT_CORS_ORIGINS", "* alone"),
        ({"REFLEKT_CORS_ORIGINS": "*,https://a.org"}, "REFLEKT_CORS_ORIGINS", "* alone"),
        ({"REFLEKT_CORS_ORIGINS": "https://a.org,"}, "REFLEKT_CORS_ORIGINS", "commas"),
        ({"LOG_LEVEL": "chatty"}, "LOG_LEVEL", "WARNING"),
        ({"DEBUG": "maybe"}, "DEBUG", "true"),
        ({"STAGE": "my stage"}, "STAGE", "letters"),
        ({"REFLEKT_STROE": "memory://"}, "REFLEKT_STROE", "did you mean REFLEKT_STORE?"),
        ({"REFLEKT_STORE_URL": "memory://"}, "REFLEKT_STORE_URL", "REFLEKT_STORE?"),
    ],
)
def test_a_mistake_stops_the_start_with_one_line(
    environ: dict[str, str], variable: str, hint: str
) -> None:
    """The line names the variable and what it may be."""
    with pytest.raises(ConfigurationError) as caught:
        Config.from_env(environ)
    assert variable in caught.value.message
    assert hint in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "REFLEKT_CURSOR_SECRET"])
def test_a_bad_secret_is_not_repeated(name: str) -> None:
    """An error message may end in a log; a secret must not."""
    with pytest.raises(ConfigurationError) as caught:
        Config.from_env({"JWT_SECRET": SECRET, name: "hunter2-hunter2"})
    assert "hunter2" not in str(caught.value)


def test_secrets_stay_out_of_the_repr() -> None:
    """Printing a configuration gives no secret away."""
    config = Config(jwt_secret=SECRET, jwt_secret_previous=OTHER, own_cursor_secret=OTHER)
    assert SECRET not in repr(config)
    assert OTHER not in repr(config)


def test_names_of_others_are_left_alone() -> None:
    """A program around this one may have REFLEKT_ variables that look like none of ours."""
    assert Config.from_env({"REFLEKT_USER": "ada", "REFLEKT_URL": "http://localhost"}) == Config()


def test_any_origin_can_be_let_in() -> None:
    """A star alone stands for every origin."""
    assert Config.from_env({"REFLEKT_CORS_ORIGINS": "*"}).cors_origins == ("*",)


def test_cursors_have_a_secret_of_their_own() -> None:
    """It follows from the JWT secret, differs from it, and can be given instead."""
    derived = Config(jwt_secret=SECRET).cursor_secret
    assert derived is not None
    assert derived == Config(jwt_secret=SECRET).cursor_secret
    assert derived not in {SECRET.encode(), Config(jwt_secret=OTHER).cursor_secret}
    assert len(derived) == 32
    assert Config(jwt_secret=SECRET, own_cursor_secret=OTHER).cursor_secret == OTHER.encode()
