"""What the page on identity providers promises, with tokens of the form that each gives out."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import attrs
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from reflekt_chalice.deployment.account import Account
from reflekt_chalice.deployment.tokens import issuer_of
from reflekt_chalice.service import service_from
from reflekt_core.cli.serve import build
from reflekt_core.cli.token import issuer
from reflekt_core.client import Client
from reflekt_core.config import Config
from reflekt_core.errors import Forbidden, ReflektError, Unauthenticated
from reflekt_core.model.accounts import Permission
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier

from .howto_pages import fenced, section, variables

PAGE = "how-to/identity-provider.md"
CURSORS = "made-up-for-these-tests-0Kq7vTz3nB8xLw5mYd2s"
USER = "8a6c1f2e-5d3b-4c7a-9e21-0f6b7d8c9a10"

Claims = dict[str, Any]


@cache
def key() -> rsa.RSAPrivateKey:
    """Return the key that the provider signs with."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def published(**more: Any) -> Claims:
    """Return the provider's public key as it publishes it."""
    public = RSAAlgorithm.to_jwk(key().public_key(), as_dict=True)
    return {name: public[name] for name in ("kty", "n", "e")} | {"kid": "k1", "use": "sig"} | more


COGNITO_KEYS = (published(alg="RS256"), published(alg="RS256", kid="k2"))
AUTH0_KEYS = (published(alg="RS256", x5t="made-up", x5c=["made-up"]),)
KEYCLOAK_KEYS = (published(alg="RS256"), published(alg="RSA-OAEP", kid="k3", use="enc"))

COGNITO_ID: Claims = {
    "sub": USER,
    "cognito:groups": ["beta-testers", "user"],
    "email_verified": True,
    "cognito:username": "mira",
    "origin_jti": "made-up",
    "event_id": "made-up",
    "token_use": "id",
    "email": "mira@example.org",
}
COGNITO_ACCESS: Claims = {
    "sub": USER,
    "cognito:groups": ["user"],
    "version": 2,
    "client_id": "3n4b5urk1ft4fl3mg5e62d9ado",
    "token_use": "access",
    "scope": "openid email aws.cognito.signin.user.admin",
    "username": "mira",
}
AUTH0_ACCESS: Claims = {
    "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
    "aud": ["https://journal.example.org", "https://example.eu.auth0.com/userinfo"],
    "azp": "made-up",
    "scope": "openid profile email",
    "https://journal.example.org/role": ["user"],
}
KEYCLOAK_ACCESS: Claims = {
    "sub": USER,
    "aud": ["journal", "account"],
    "typ": "Bearer",
    "azp": "app",
    "acr": "1",
    "realm_access": {"roles": ["offline_access", "user"]},
    "role": ["default-roles-example", "offline_access", "user"],
    "scope": "openid email profile",
    "preferred_username": "mira",
}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Publish the files in *folder*, and lend their address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@attrs.frozen
class Provider:
    """A provider on this machine, in the place of the one in a section of the page."""

    settings: dict[str, str]

    def token(self, claims: Claims) -> str:
        """Return a token with *claims*."""
        now = int(datetime.now(UTC).timestamp())
        times = {"iat": now, "exp": now + 3600, "auth_time": now, "jti": "made-up"}
        parties = {"iss": self.settings["JWT_ISSUER"]}
        return jwt.encode(times | parties | claims, key(), "RS256", headers={"kid": "k1"})

    def client(self, claims: Claims, **settings: str) -> Client:
        """Return a client that asks a service, set up as the page says, with such a token."""
        _, app = build(Config.from_env(self.settings | settings))
        transport = httpx2.WSGITransport(app=app)
        return Client("http://localhost", self.token(claims), transport=transport, tries=1)

    def refused(self, claims: Claims, **settings: str) -> ReflektError:
        """Return why such a token may not even list entries."""
        with (
            self.client(claims, **settings) as client,
            pytest.raises((Unauthenticated, Forbidden)) as caught,
        ):
            client.entries.list()
        return caught.value


Provide = Callable[..., Provider]


@pytest.fixture
def provide(tmp_path: Path) -> Iterator[Provide]:
    """Publish keys, and set up the service with the variables of a section."""
    with serving(tmp_path) as address:

        def provide(vendor: str, keys: tuple[Claims, ...]) -> Provider:
            (tmp_path / "jwks.json").write_text(json.dumps({"keys": keys}))
            shown = variables(section(PAGE, vendor))
            assert shown["JWT_JWKS_URL"].startswith("https://")
            here = {
                "JWT_JWKS_URL": f"{address}/jwks.json",
                "REFLEKT_CURSOR_SECRET": CURSORS,
                "REFLEKT_STORE": "memory://",
            }
            return Provider(shown | here)

        yield provide


@pytest.mark.parametrize(
    ("vendor", "keys", "claims"),
    [
        (
            "Cognito",
            COGNITO_KEYS,
            COGNITO_ID | {"aud": "3n4b5urk1ft4fl3mg5e62d9ado"},
        ),
        ("Auth0", AUTH0_KEYS, AUTH0_ACCESS),
        ("Keycloak", KEYCLOAK_KEYS, KEYCLOAK_ACCESS),
    ],
)
def test_the_variables_on_the_page_let_the_providers_users_in(
    provide: Provide, vendor: str, keys: tuple[Claims, ...], claims: Claims
) -> None:
    """With them a user reads and writes a journal of their own, and may not look at others."""
    with provide(vendor, keys).client(claims) as client:
        entry = client.entries.create("Slow Sunday.")
        assert client.entries.list().items == (entry,)
        with pytest.raises(Forbidden):
            client.admin.usage("somebody")


def test_a_cognito_access_token_is_refused_as_the_page_says(provide: Provide) -> None:
    """It names a client, and no audience; a trigger that adds one makes it good."""
    provider = provide("Cognito", COGNITO_KEYS)
    said = provider.refused(COGNITO_ACCESS).message
    assert f"`{said}`" in section(PAGE, "Cognito")
    with_audience = COGNITO_ACCESS | {"aud": COGNITO_ACCESS["client_id"]}
    assert isinstance(provider.refused(with_audience), Forbidden)
    with provider.client(with_audience, JWT_SCOPE_CLAIM="permissions") as client:
        assert client.entries.list().items == ()


@pytest.mark.parametrize(
    ("vendor", "claims"), [("Auth0", AUTH0_ACCESS), ("Keycloak", KEYCLOAK_ACCESS)]
)
def test_scopes_of_openid_leave_nothing_over(provide: Provide, vendor: str, claims: Claims) -> None:
    """Where `scope` narrows, an app that asks for `openid` alone may do nothing."""
    refusal = provide(vendor, AUTH0_KEYS).refused(claims, JWT_SCOPE_CLAIM="scope")
    assert isinstance(refusal, Forbidden)


def test_auth0_permissions_narrow_the_role(provide: Provide) -> None:
    """Who was granted nothing may do nothing; who was granted reading may read."""
    provider = provide("Auth0", AUTH0_KEYS)
    assert isinstance(provider.refused(AUTH0_ACCESS | {"permissions": []}), Forbidden)
    reads = AUTH0_ACCESS | {"permissions": ["entries:read"]}
    with provider.client(reads) as client:
        assert client.entries.list().items == ()
        with pytest.raises(Forbidden):
            client.entries.create("Not mine to write.")


def test_keycloak_without_the_mappers_is_refused(provide: Provide) -> None:
    """Neither roles inside of another claim nor the audience `account` are enough."""
    provider = provide("Keycloak", KEYCLOAK_KEYS)
    nested = {name: value for name, value in KEYCLOAK_ACCESS.items() if name != "role"}
    assert isinstance(provider.refused(nested), Forbidden)
    assert isinstance(provider.refused(KEYCLOAK_ACCESS | {"aud": "account"}), Unauthenticated)


def test_the_try_out_on_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its script writes is what the service accepts, with the variables shown there."""
    text = section(PAGE, "Try it without a provider")
    (script,) = fenced(text, "python")
    monkeypatch.chdir(tmp_path)
    with serving(tmp_path) as address:
        exec(script.replace("http://127.0.0.1:9000", address), {})  # noqa: S102 - our own page
        settings = {
            "JWT_JWKS_URL": f"{address}/jwks.json",
            "JWT_ISSUER": address,
            "JWT_AUDIENCE": "journal",
            "JWT_ROLE_CLAIM": "cognito:groups",
            "REFLEKT_CURSOR_SECRET": CURSORS,
            "REFLEKT_STORE": "memory://",
        }
        (shell,) = fenced(text, "sh")
        assert {name for name in settings if name not in shell} == {"REFLEKT_STORE"}
        _, app = build(Config.from_env(settings))
        transport = httpx2.WSGITransport(app=app)
        with httpx2.Client(transport=transport, base_url="http://localhost") as client:
            token = Path("token").read_text("ascii")
            answer = client.get("/entries", headers={"Authorization": f"Bearer {token}"})
    assert f"`{answer.text}`" in text


CLAIMS = {"JWT_ROLE_CLAIM": "cognito:groups", "JWT_SCOPE_CLAIM": "permissions"}


def narrowed(issuer: TokenIssuer | None) -> str:
    """Return a token that may read entries and nothing else."""
    assert issuer
    return issuer.issue("mira", scope="entries:read", now=datetime.now(UTC))


def test_own_tokens_name_role_and_scope_as_those_of_the_provider() -> None:
    """What `reflekt token` makes is narrowed where the service, here or on AWS, looks for it."""
    environ = {"JWT_SECRET": CURSORS, **CLAIMS}
    token = narrowed(issuer(Config.from_env(environ)))
    verifier = service_from(environ, ("authorizer",)).verifier()
    assert verifier.verify(token, datetime.now(UTC)).permissions == {Permission.ENTRIES_READ}


def test_a_deployments_test_users_have_its_claims() -> None:
    """Their tokens are made with the parameters that it was deployed with."""

    class Store:
        def create_client(self, *_: Any, **__: Any) -> "Store":
            return self

        def get_parameter(self, **_: Any) -> Any:
            return {"Parameter": {"Value": CURSORS, "Type": "SecureString"}}

    parameters = {
        "JwtSecretParameter": "/jwt-secret",
        "JwtRoleClaim": CLAIMS["JWT_ROLE_CLAIM"],
        "JwtScopeClaim": CLAIMS["JWT_SCOPE_CLAIM"],
    }
    there = Account("1", "arn", "eu-west-1", Store())
    token = narrowed(issuer_of(there, parameters))
    verifier = TokenVerifier(secret=CURSORS, role_claim="cognito:groups", scope_claim="permissions")
    assert verifier.verify(token, datetime.now(UTC)).permissions == {Permission.ENTRIES_READ}
