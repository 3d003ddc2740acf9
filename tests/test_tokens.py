"""Which tokens are accepted, what they grant, and which secrets may sign them."""

import base64
import hashlib
import hmac
import importlib.resources
import json
import random
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from reflekt_core.errors import ConfigurationError, InvalidInput, Unauthenticated
from reflekt_core.model.accounts import PERMISSIONS, Actor, Permission, Role
from reflekt_core.security.keys import KeySet
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier

SECRET = "hV7#q2Lx9-made-up-for-these-tests-zR4w"
OTHER = "another-0ne-made-up-for-these-tests-Kp8Y"
NOW = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)
IAT = int(NOW.timestamp())
EXP = IAT + 3600
HEADER = b'{"alg":"HS256","typ":"JWT"}'
CLAIMS = b'{"sub":"mira","role":"user","iat":%d,"exp":%d}' % (IAT, EXP)
BODY = CLAIMS[:-1]
"""The claims without their closing brace, to be gone on with."""

VERIFIER = TokenVerifier(secret=SECRET)
ISSUER = TokenIssuer(secret=SECRET, ids=uuid4)


def b64(data: bytes) -> str:
    """Encode as tokens do."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def seal(signed: str, secret: str = SECRET) -> str:
    """Put a right HS256 signature under anything at all."""
    digest = hmac.digest(secret.encode(), signed.encode("utf-8", "surrogatepass"), "sha256")
    return f"{signed}.{b64(digest)}"


def raw(header: bytes, claims: bytes = CLAIMS, signature: bytes = b"") -> str:
    """Make a token of any three parts."""
    return f"{b64(header)}.{b64(claims)}.{b64(signature)}"


def made(header: bytes = HEADER, claims: bytes = CLAIMS, secret: str = SECRET) -> str:
    """Make a token of any bytes, signed as it should be."""
    return seal(f"{b64(header)}.{b64(claims)}", secret)


def claiming(**claims: Any) -> str:
    """Make a token with these claims added to, or put in place of, the good ones."""
    return made(claims=json.dumps(json.loads(CLAIMS) | claims).encode())


def without(name: str) -> str:
    """Make a token that lacks a claim."""
    claims = json.loads(CLAIMS)
    del claims[name]
    return made(claims=json.dumps(claims).encode())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key pair for RS256."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key pair for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    """Return a key pair for EdDSA."""
    return ed25519.Ed25519PrivateKey.generate()


KEYS: dict[str, Callable[[], Any]] = {"RS256": rsa_key, "ES256": ec_key, "EdDSA": ed_key}
PARTIES = {"iss": "https://id.example.org/", "aud": "reflekt"}


@cache
def jwks() -> bytes:
    """Return the document with the three public keys; each key's id is its algorithm."""
    public = {
        "RS256": RSAAlgorithm.to_jwk(rsa_key().public_key(), as_dict=True),
        "ES256": ECAlgorithm.to_jwk(ec_key().public_key(), as_dict=True),
        "EdDSA": OKPAlgorithm.to_jwk(ed_key().public_key(), as_dict=True),
    }
    keys = [
        {name: value for name, value in jwk.items() if name != "key_ops"} | {"kid": algorithm}
        for algorithm, jwk in public.items()
    ]
    return json.dumps({"keys": keys}).encode()


def fetch(url: str, *, timeout_seconds: float) -> bytes:
    """Be the identity provider."""
    return jwks()


@cache
def federated(*, with_secret: bool = False) -> TokenVerifier:
    """Return a verifier that trusts the identity provider."""
    return TokenVerifier(
        secret=SECRET if with_secret else None,
        keys=KeySet("https://id.example.org/jwks", fetch=fetch),
        issuer=PARTIES["iss"],
        audience=PARTIES["aud"],
    )


def provided(algorithm: str, *, key: Any = None, **header: Any) -> str:
    """Make a token as the identity provider does."""
    return jwt.encode(
        json.loads(CLAIMS) | PARTIES,
        KEYS[algorithm]() if key is None else key,
        algorithm=algorithm,
        headers={"kid": algorithm} | header,
    )


def refused(verifier: TokenVerifier, token: str) -> str:
    """Return why *verifier* refuses *token*."""
    with pytest.raises(Unauthenticated) as caught:
        verifier.verify(token, NOW)
    return caught.value.message


# What is accepted


def test_a_good_token_names_its_bearer() -> None:
    """The actor has the subject's id, the role's permissions and the time of issue."""
    assert VERIFIER.verify(made(), NOW) == Actor("mira", PERMISSIONS[Role.USER], NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("with_secret", [False, True])
def test_a_providers_token_is_accepted(algorithm: str, with_secret: bool) -> None:  # noqa: FBT001
    """Each kind of key verifies its algorithm, also beside a secret."""
    verifier = federated(with_secret=with_secret)
    assert verifier.verify(provided(algorithm), NOW).user_id == "mira"


def test_a_secret_and_a_provider_work_side_by_side() -> None:
    """HS256 tokens are accepted too, if a secret is configured as well."""
    token = made(claims=BODY + b',"iss":"https://id.example.org/","aud":["reflekt","other"]}')
    assert federated(with_secret=True).verify(token, NOW).user_id == "mira"
    assert refused(federated(), token) == "the token's algorithm is not accepted"


def test_pyjwt_and_we_understand_each_other() -> None:
    """Tokens of the most used library are read, and ours are read by it."""
    theirs = jwt.encode(json.loads(CLAIMS), SECRET, algorithm="HS256")
    assert VERIFIER.verify(theirs, NOW).user_id == "mira"
    ours = ISSUER.issue("mira", now=NOW)
    options: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(ours, SECRET, algorithms=["HS256"], options=options)["sub"] == "mira"


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"HS256"}',
        b'{"typ":"jwt","alg":"HS256"}',
        b'{"typ":"at+jwt","alg":"HS256","kid":"any"}',
        b' { "alg" : "HS256" , "x5t": "unused" } ',
    ],
)
def test_harmless_headers_are_accepted(header: bytes) -> None:
    """An access token (RFC 9068) is a token, and a name we have no use for is no fault."""
    assert VERIFIER.verify(made(header), NOW).user_id == "mira"


def test_times_may_have_fractions() -> None:
    """A NumericDate need not be whole (RFC 7519, section 2)."""
    actor = VERIFIER.verify(claiming(iat=IAT - 0.5, exp=EXP + 0.25), NOW)
    assert actor.issued_at == NOW - timedelta(seconds=0.5)


@pytest.mark.parametrize("subject", ["a", "a" * 255, "auth0|5f7c", "Ада", "a b", "日記"])
def test_subjects_of_any_script_are_accepted(subject: str) -> None:
    """A user id is 1 to 255 visible characters."""
    assert VERIFIER.verify(claiming(sub=subject), NOW).user_id == subject


# What is refused

HMAC_OF_PUBLIC_KEY = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
WRONG_TIMES: list[Any] = [
    *(str(EXP), None, True, False, [EXP], {}),
    *(10**400, -1, 253402300801, -(10**400)),
]
WRONG_SUBJECTS: list[Any] = [
    *("", " ", "\t", "mira\n", "mi\x00ra", "a\x7f", " mira", "mira ", "\ud800", "a" * 256),
    *("mi\u200bra", "\u202emira", "mi\u00a0ra", "mi\u2028ra", "\ufeffmira"),
    *(1, None, True, ["mira"], {"id": "mira"}),
]
WRONG_ROLES: list[Any] = [1, True, {"admin": True}, ["user", 1], [["admin"]], [None]]
WRONG_SCOPES: list[Any] = [None, 1, True, {}, ["entries:read", 1], [["entries:read"]]]
ATTACKS: Mapping[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "dots": lambda: "..",
    "one part": lambda: b64(HEADER),
    "two parts": lambda: f"{b64(HEADER)}.{b64(CLAIMS)}",
    "four parts": lambda: made() + ".AAAA",
    "five parts, encrypted": lambda: raw(b'{"alg":"dir","enc":"A256GCM"}', b"", b"") + "..",
    "no signature": lambda: f"{b64(HEADER)}.{b64(CLAIMS)}.",
    "half a signature": lambda: made()[:-21],
    "another secret": lambda: made(secret=OTHER),
    "signature of another token": lambda: (
        f"{b64(HEADER)}.{b64(CLAIMS)}.{claiming(sub='eve').rpartition('.')[2]}"
    ),
    "too long": lambda: claiming(padding="x" * 8192),
    "bearer in front": lambda: "Bearer " + made(),
    "space before": lambda: " " + made(),
    "newline after": lambda: made() + "\n",
    "not ASCII": lambda: made() + "é",
    "lone surrogate": lambda: made() + "\ud800",
    "NUL": lambda: made() + "\x00",
    "padding after the signature": lambda: made() + "=",
    "padding after the header": lambda: seal(f"{b64(HEADER)}=.{b64(CLAIMS)}"),
    "padding after the claims": lambda: seal(f"{b64(HEADER)}.{b64(CLAIMS + b' ')}="),
    "standard alphabet": lambda: seal(
        raw(HEADER, BODY + b',"x":"???>>>"}').rpartition(".")[0].replace("_", "/")
    ),
    "newline inside": lambda: seal(f"{b64(HEADER)}.{b64(CLAIMS)[:8]}\n{b64(CLAIMS)[8:]}"),
    "stray bits in the claims": lambda: seal(f"{b64(HEADER)}.{b64(BODY + b'}  ')[:-1]}B"),
    "a quarter of a byte": lambda: seal(
        f"{b64(HEADER)}.{b64(CLAIMS + b' ' * (-len(CLAIMS) % 3))}A"
    ),
    **{
        f"alg {name!r}": partial(made, b'{"alg":"%s"}' % name)
        for name in (
            b"none",
            b"None",
            b"NONE",
            b"",
            b"HS512",
            b"hs256",
            b"HS256 ",
            b"RS256",
            b"dir",
        )
    },
    "alg none without signature": lambda: raw(b'{"alg":"none"}'),
    "alg missing": lambda: made(b'{"typ":"JWT"}'),
    "alg null": lambda: made(b'{"alg":null}'),
    "alg list": lambda: made(b'{"alg":["HS256"]}'),
    "alg twice": lambda: made(b'{"alg":"none","alg":"HS256"}'),
    "alg twice, escaped": lambda: made(b'{"al\\u0067":"none","alg":"HS256"}'),
    "kid number": lambda: made(b'{"alg":"HS256","kid":1}'),
    "kid list": lambda: made(b'{"alg":"HS256","kid":["a"]}'),
    "typ other": lambda: made(b'{"alg":"HS256","typ":"dpop+jwt"}'),
    "typ empty": lambda: made(b'{"alg":"HS256","typ":""}'),
    "typ null": lambda: made(b'{"alg":"HS256","typ":null}'),
    "typ list": lambda: made(b'{"alg":"HS256","typ":["JWT"]}'),
    **{
        f"header {name}": partial(made, b'{"alg":"HS256","%s":%s}' % name)
        for name in (
            (b"crit", b'["exp"]'),
            (b"crit", b"[]"),
            (b"b64", b"false"),
            (b"b64", b"true"),
            (b"zip", b'"DEF"'),
            (b"enc", b'"A256GCM"'),
            (b"cty", b'"JWT"'),
            (b"jwk", b'{"kty":"oct","k":"AAAA"}'),
            (b"jku", b'"https://evil.example/jwks"'),
            (b"x5u", b'"https://evil.example/cert"'),
            (b"x5c", b'["AAAA"]'),
        )
    },
    "header with BOM": lambda: made(b"\xef\xbb\xbf" + HEADER),
    "header in UTF-16": lambda: made(HEADER.decode().encode("utf-16")),
    "header in UTF-16 without BOM": lambda: made(HEADER.decode().encode("utf-16-le")),
    "header a list": lambda: made(b'["alg","HS256"]'),
    "header empty": lambda: made(b""),
    "header with more behind": lambda: made(HEADER + b"{}"),
    "claims with BOM": lambda: made(claims=b"\xef\xbb\xbf" + CLAIMS),
    "claims in UTF-16": lambda: made(claims=CLAIMS.decode().encode("utf-16")),
    "claims in Latin-1": lambda: made(claims=BODY + b',"name":"\xe9"}'),
    "claims overlong UTF-8": lambda: made(claims=BODY + b',"name":"\xc0\xaf"}'),
    "claims surrogate in UTF-8": lambda: made(claims=BODY + b',"name":"\xed\xa0\x80"}'),
    "claims a list": lambda: made(claims=b"[" + CLAIMS + b"]"),
    "claims a string": lambda: made(claims=b'"mira"'),
    "claims null": lambda: made(claims=b"null"),
    "claims empty": lambda: made(claims=b""),
    "claims not JSON": lambda: made(claims=b"sub=mira"),
    "claims with comment": lambda: made(claims=CLAIMS + b"//"),
    "claims with NaN": lambda: made(claims=BODY + b',"x":NaN}'),
    "claims with Infinity": lambda: made(claims=BODY + b',"x":-Infinity}'),
    "claims nested deeply": lambda: made(claims=BODY + b',"x":' + b"[" * 2000 + b"]" * 2000 + b"}"),
    "claims nested in objects": lambda: made(
        claims=BODY + b',"x":' + b'{"":' * 700 + b"1" + b"}" * 700 + b"}"
    ),
    "claims with a huge number": lambda: made(claims=BODY + b',"x":' + b"9" * 5000 + b"}"),
    "sub twice": lambda: made(claims=BODY + b',"sub":"eve"}'),
    "sub twice, escaped": lambda: made(claims=BODY + b',"s\\u0075b":"eve"}'),
    "exp twice": lambda: made(claims=BODY + b',"exp":%d}' % (EXP + 1)),
    "members twice, deeper": lambda: made(claims=BODY + b',"x":{"y":1,"y":2}}'),
    **{f"no {name}": partial(without, name) for name in ("exp", "iat", "sub")},
    **{
        f"{name} {value!r:.20}": partial(claiming, **{name: value})
        for name in ("exp", "iat", "nbf")
        for value in WRONG_TIMES
    },
    "exp 1e999": lambda: made(claims=BODY.replace(b"%d" % EXP, b"1e999") + b"}"),
    "exp NaN": lambda: made(claims=BODY.replace(b"%d" % EXP, b"NaN") + b"}"),
    "exp in milliseconds": lambda: claiming(exp=EXP * 1000),
    "exp before iat": lambda: claiming(iat=IAT + 20, exp=IAT + 10),
    "exp equal to iat": lambda: claiming(exp=IAT),
    "expired": lambda: claiming(iat=IAT - 7200, exp=IAT - 3600),
    "issued in the future": lambda: claiming(iat=IAT + 31),
    "not valid yet": lambda: claiming(nbf=IAT + 31),
    **{f"sub {value!r:.20}": partial(claiming, sub=value) for value in WRONG_SUBJECTS},
    "aud of others": lambda: claiming(aud="another-service"),
    "aud list of others": lambda: claiming(aud=["another-service"]),
    "aud null": lambda: claiming(aud=None),
    **{f"role {value!r:.20}": partial(claiming, role=value) for value in WRONG_ROLES},
    **{f"scope {value!r:.20}": partial(claiming, scope=value) for value in WRONG_SCOPES},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(attack: str) -> None:
    """Whatever is wrong with a token, its bearer stays unknown and hears nothing of it back."""
    token = ATTACKS[attack]()
    message = refused(VERIFIER, token)
    assert message.startswith("the token")
    assert len(message) < 80
    assert not any(part in message for part in ("mira", "eve", "evil", str(EXP)))


def public_pem(key: Any) -> bytes:
    """Return a public key as anybody can have it."""
    pem: bytes = key.public_key().public_bytes(*HMAC_OF_PUBLIC_KEY)
    return pem


@pytest.mark.parametrize("with_secret", [False, True])
@pytest.mark.parametrize(
    "token",
    [
        lambda: made(b'{"alg":"HS256","kid":"RS256"}', secret=public_pem(rsa_key()).decode()),
        lambda: made(b'{"alg":"HS256","kid":"ES256"}', secret=public_pem(ec_key()).decode()),
        lambda: made(b'{"alg":"HS256","kid":"RS256"}', secret=json.loads(jwks())["keys"][0]["n"]),
        lambda: made(b'{"alg":"HS256"}', secret=jwks().decode()),
        lambda: provided("RS256", kid="ES256"),
        lambda: provided("ES256", kid="RS256"),
        lambda: provided("EdDSA", kid="ES256"),
        lambda: provided("RS256", kid="unknown"),
        lambda: jwt.encode(json.loads(CLAIMS) | PARTIES, rsa_key(), algorithm="RS256"),
        lambda: jwt.encode(
            json.loads(CLAIMS) | PARTIES, rsa_key(), algorithm="PS256", headers={"kid": "RS256"}
        ),
        lambda: jwt.encode(
            json.loads(CLAIMS) | PARTIES, rsa_key(), algorithm="RS512", headers={"kid": "RS256"}
        ),
        lambda: provided("ES256", key=ec.generate_private_key(ec.SECP256R1())),
        lambda: provided("EdDSA", key=ed25519.Ed25519PrivateKey.generate()),
        lambda: raw(b'{"alg":"ES256","kid":"ES256"}', CLAIMS, bytes(64)),
        lambda: raw(b'{"alg":"ES256","kid":"ES256"}', CLAIMS, bytes(70)),
        lambda: raw(b'{"alg":"RS256","kid":"RS256"}', CLAIMS, bytes(256)),
        lambda: raw(b'{"alg":"EdDSA","kid":"EdDSA"}'),
    ],
)
def test_a_key_serves_its_own_algorithm_alone(
    token: Callable[[], str],
    with_secret: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """No public key is taken for a secret, and no key for one of another kind."""
    refused(federated(with_secret=with_secret), token())


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_secret_alone_verifies_nothing_else(algorithm: str) -> None:
    """Without a key set, a provider's algorithms are not accepted at all."""
    assert refused(VERIFIER, provided(algorithm)) == "the token's algorithm is not accepted"


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA", "HS256", "none"])
def test_the_header_must_name_the_keys_algorithm(algorithm: str) -> None:
    """A right signature of the key does not make up for a wrong name."""
    header = json.dumps({"alg": algorithm, "kid": "ES256"}).encode()
    claims = json.dumps(json.loads(CLAIMS) | PARTIES).encode()
    signed = raw(header, claims).rpartition(".")[0]
    signature = ECAlgorithm(ECAlgorithm.SHA256).sign(signed.encode(), ec_key())
    refused(federated(with_secret=True), f"{signed}.{b64(signature)}")


MARKS = "".join(chr(c) for c in range(128)) + "é\ud800"


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(made()) - 1), mark=st.sampled_from(MARKS))
def test_a_changed_character_is_noticed(place: int, mark: str) -> None:
    """A token with any one character changed is refused."""
    token = made()
    changed = token[:place] + mark + token[place + 1 :]
    if changed != token:
        refused(VERIFIER, changed)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_character_of_a_providers_token_is_noticed(
    algorithm: str, data: st.DataObject
) -> None:
    """The same holds for every algorithm."""
    token = federated_token(algorithm)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + data.draw(st.sampled_from(MARKS)) + token[place + 1 :]
    if changed != token:
        refused(federated(), changed)


@cache
def federated_token(algorithm: str) -> str:
    """Make a provider's token once."""
    return provided(algorithm)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["sub", "exp", "iat", "nbf", "aud", "iss", "role", "scope", "jti", "x"])


@settings(max_examples=200, deadline=None)
@given(
    st.text()
    | st.text(alphabet="eyJhbGciOiJIUzI1NiJ9._-=", max_size=80)
    | st.builds(made, st.binary(), st.binary())
    | st.builds(lambda claims: made(claims=claims), st.binary())
)
def test_a_stranger_never_breaks_the_verifier(token: str) -> None:
    """Any text is refused as a token, and in no other way."""
    refused(VERIFIER, token)
    refused(federated(with_secret=True), token)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(names, json_values, max_size=4))
def test_signed_nonsense_never_breaks_the_verifier(claims: dict[str, Any]) -> None:
    """Claims of any type give an actor who may do what a role allows, or are refused."""
    try:
        actor = VERIFIER.verify(claiming(**claims), NOW)
    except Unauthenticated:
        return
    assert actor.permissions <= PERMISSIONS[Role.USER]
    assert 1 <= len(actor.user_id) <= 255


# Time


@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        ({"iat": IAT - 60, "exp": IAT - 29}, True),
        ({"iat": IAT - 60, "exp": IAT - 30}, False),
        ({"iat": IAT + 30}, True),
        ({"iat": IAT + 31}, False),
        ({"nbf": IAT + 30}, True),
        ({"nbf": IAT + 31}, False),
        ({"nbf": IAT - 5}, True),
        ({"exp": IAT + 1}, True),
    ],
)
def test_clocks_may_differ_by_the_leeway(claims: dict[str, int], accepted: bool) -> None:  # noqa: FBT001
    """Half a minute is forgiven, both ways, and not a second more."""
    if accepted:
        assert VERIFIER.verify(claiming(**claims), NOW).user_id == "mira"
    else:
        refused(VERIFIER, claiming(**claims))


def test_the_leeway_can_be_set() -> None:
    """From nothing to a minute."""
    strict = TokenVerifier(secret=SECRET, leeway=timedelta(0))
    assert refused(strict, claiming(iat=IAT - 60, exp=IAT)) == "the token has expired"
    mild = TokenVerifier(secret=SECRET, leeway=timedelta(seconds=60))
    assert mild.verify(claiming(iat=IAT - 90, exp=IAT - 59), NOW).user_id == "mira"
    for seconds in (-1, 61):
        with pytest.raises(ConfigurationError, match="0 to 60"):
            TokenVerifier(secret=SECRET, leeway=timedelta(seconds=seconds))


def test_a_token_ends() -> None:
    """What was accepted once is refused as soon as its time is over."""
    token = made()
    assert VERIFIER.verify(token, NOW).user_id == "mira"
    with pytest.raises(Unauthenticated, match="expired"):
        VERIFIER.verify(token, NOW + timedelta(hours=2))


def test_a_lifetime_can_be_bounded() -> None:
    """A token that would live longer than allowed is refused from the start."""
    verifier = TokenVerifier(secret=SECRET, max_lifetime=timedelta(hours=1))
    assert verifier.verify(made(), NOW).user_id == "mira"
    assert "lifetime" in refused(verifier, claiming(exp=EXP + 1))


# Parties


@pytest.mark.parametrize(
    ("claims", "accepted"),
    [
        (PARTIES, True),
        (PARTIES | {"aud": ["x", "reflekt"]}, True),
        (PARTIES | {"iss": "https://id.example.org"}, False),
        (PARTIES | {"iss": ["https://id.example.org/"]}, False),
        (PARTIES | {"iss": None}, False),
        (PARTIES | {"aud": "Reflekt"}, False),
        (PARTIES | {"aud": ["x"]}, False),
        (PARTIES | {"aud": []}, False),
        (PARTIES | {"aud": [["reflekt"]]}, False),
        (PARTIES | {"aud": {"reflekt": 1}}, False),
        ({"iss": PARTIES["iss"]}, False),
        ({"aud": PARTIES["aud"]}, False),
        ({}, False),
    ],
)
def test_issuer_and_audience_are_checked(claims: dict[str, Any], accepted: bool) -> None:  # noqa: FBT001
    """Once configured both must be right, with a shared secret, too."""
    verifier = TokenVerifier(secret=SECRET, issuer=PARTIES["iss"], audience=PARTIES["aud"])
    if accepted:
        assert verifier.verify(claiming(**claims), NOW).user_id == "mira"
    else:
        refused(verifier, claiming(**claims))


# Permissions

READ = PERMISSIONS[Role.READER]


@pytest.mark.parametrize(
    ("claims", "permissions"),
    [
        ({"role": "user"}, PERMISSIONS[Role.USER]),
        ({"role": "reader"}, READ),
        ({"role": "admin"}, frozenset(Permission)),
        ({"role": "Admin"}, frozenset()),
        ({"role": "root"}, frozenset()),
        ({"role": ""}, frozenset()),
        ({"role": None}, frozenset()),
        ({"role": []}, frozenset()),
        ({"role": ["reader", "staff"]}, READ),
        ({"role": ["reader", "user"]}, PERMISSIONS[Role.USER]),
        ({"role": ["user", "admin", "reader"]}, frozenset(Permission)),
        ({"role": "user", "scope": ""}, frozenset()),
        ({"role": "user", "scope": []}, frozenset()),
        ({"role": "user", "scope": "entries:read"}, {Permission.ENTRIES_READ}),
        ({"role": "user", "scope": ["entries:read"]}, {Permission.ENTRIES_READ}),
        ({"role": "reader", "scope": "entries:*"}, {Permission.ENTRIES_READ}),
        ({"role": "user", "scope": "openid admin:read admin:*"}, frozenset()),
        ({"role": "reader", "scope": "entries:write"}, frozenset()),
        ({"role": "user", "scope": "*"}, frozenset()),
    ],
)
def test_the_role_grants_and_the_scope_narrows(
    claims: dict[str, Any], permissions: frozenset[Permission]
) -> None:
    """Permissions come from the role's row of the table, less what the scope leaves out."""
    assert VERIFIER.verify(claiming(**claims), NOW).permissions == permissions


def test_no_role_grants_nothing() -> None:
    """A token without a role is good, and good for nothing."""
    assert VERIFIER.verify(without("role"), NOW).permissions == frozenset()


scopes = st.lists(st.sampled_from([*Permission, "admin:*", "entries:*", "*", "x"]) | st.text())


@settings(max_examples=100, deadline=None)
@given(role=st.sampled_from(Role), scope=scopes | scopes.map(" ".join))
def test_a_scope_never_widens_a_role(role: Role, scope: Any) -> None:
    """Whatever a scope asks for, the role has the last word."""
    actor = VERIFIER.verify(claiming(role=role, scope=scope), NOW)
    assert actor.permissions <= PERMISSIONS[role]


def test_the_roles_claim_can_have_another_name() -> None:
    """Identity providers have names of their own for it; then `role` itself means nothing."""
    verifier = TokenVerifier(secret=SECRET, role_claim="cognito:groups")
    token = claiming(role="admin", **{"cognito:groups": ["reader"]})
    assert verifier.verify(token, NOW).permissions == READ


def test_the_scopes_claim_can_have_another_name() -> None:
    """Where providers write `openid` into `scope`, another claim narrows the role, or none."""
    verifier = TokenVerifier(secret=SECRET, scope_claim="permissions")
    assert verifier.verify(claiming(scope="openid"), NOW).permissions == PERMISSIONS[Role.USER]
    token = claiming(scope="openid entries:*", permissions=["entries:read"])
    assert verifier.verify(token, NOW).permissions == {Permission.ENTRIES_READ}
    refused(verifier, claiming(permissions=7))


# Secrets


def test_two_secrets_are_good_while_they_change() -> None:
    """Tokens of the previous secret are accepted until it is taken away; a third's never."""
    rotating = TokenVerifier(secret=OTHER, previous_secret=SECRET)
    assert rotating.verify(made(secret=OTHER), NOW).user_id == "mira"
    assert rotating.verify(made(secret=SECRET), NOW).user_id == "mira"
    refused(rotating, made(secret="a-th1rd-one-made-up-for-these-tests-Qw3z"))
    refused(TokenVerifier(secret=OTHER), made(secret=SECRET))


WEAK = {
    "short": "hV7#q2Lx9-made-up-for-31-bytes!",
    "short without its spaces": "   hV7#q2Lx9-made-up-31-bytes!     ",
    "one letter": "x" * 64,
    "few letters": "ecfcgfgffeagdgbfabacdgbdeaebafbdcbggdbggabeedbbagabgbbgbccbeffbb",
    "repeated": "k3J9v0Qm" * 6,
    "repeated after a beginning": "Reflekt-" + "journal-secret-" * 4,
    "alphabet": "abcdefghijklmnopqrstuvwxyz0123456789",
    "alphabet backwards": "9876543210zyxwvutsrqponmlkjihgfedcba",
    "every second": "".join(chr(c) for c in range(33, 125, 2)),
    "a public key": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
    "a public ssh key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGmQ0x7kq9v2Jr4 me@host",
    "known": "!ChangeThisMercureHubJWTSecretKey!",
    "known, a placeholder": "CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET",
    "known, for production": "my-secret-token-to-change-in-production",
    "known, with spaces": "This is a secret to change later to a file",
    "known, with a space before": " ad5b102595dc54d979a07579c4615c8778f9077d8cd443ab9d91abb80c75c0e1",
    "known, that space gone": "ad5b102595dc54d979a07579c4615c8778f9077d8cd443ab9d91abb80c75c0e1",
    "known, with a newline": "change_this_super_secret_random_string\n",
    "known, first of the digests": "%C*F-JaNdRgUkXp2s5v8y/B?E(G+KbPeShVmYq3t6w9z$C&J@McQfTjWnZr4u7x!",
}


@pytest.mark.parametrize("weak", WEAK)
@pytest.mark.parametrize("variable", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
def test_a_weak_secret_stops_the_start(weak: str, variable: str) -> None:
    """The message names the variable and says how to do better, without the secret."""
    secret = WEAK[weak]
    name = {"JWT_SECRET": "secret", "JWT_SECRET_PREVIOUS": "previous_secret"}[variable]
    arguments: dict[str, Any] = {"secret": SECRET, name: secret}
    with pytest.raises(ConfigurationError, match=f"^{variable} must") as caught:
        TokenVerifier(**arguments)
    assert secret.strip() not in caught.value.message
    assert "\n" not in caught.value.message


def test_an_issuer_wants_a_strong_secret_too() -> None:
    """Nobody signs with what nobody should accept."""
    with pytest.raises(ConfigurationError, match=r"^JWT_SECRET must"):
        TokenIssuer(secret=WEAK["known"], ids=uuid4)


def test_a_secret_that_is_no_text_stops_the_start() -> None:
    """Bytes of the environment that are no UTF-8 arrive as lone surrogates."""
    with pytest.raises(ConfigurationError, match="UTF-8"):
        TokenVerifier(secret=SECRET + "\udcff")


def test_the_digests_of_known_secrets_are_all_there() -> None:
    """They are sorted, so that one can be found without reading them all."""
    folder = importlib.resources.files("reflekt_core.security")
    data = folder.joinpath("known_secrets.digests").read_bytes()
    digests = [data[i : i + 8] for i in range(0, len(data), 8)]
    assert len(digests) == 1829
    assert digests == sorted(set(digests))
    for weak in ("known", "known, a placeholder", "known, for production"):
        assert hashlib.sha256(WEAK[weak].encode()).digest()[:8] in digests
    assert "MIT" in folder.joinpath("known_secrets.md").read_text("utf-8")


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64))
def test_random_secrets_are_accepted(seed: int) -> None:
    """What a generator makes is good, in hexadecimal, base64 or digits."""
    dice = random.Random(seed)  # noqa: S311 - made up for a test, and repeatable
    key = dice.randbytes(24)
    for secret in (key[:16].hex(), b64(key), str(dice.randrange(10**39, 10**40)), key.hex() * 2):
        TokenVerifier(secret=secret)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "JWT_SECRET or JWT_JWKS_URL must be set"),
        ({"previous_secret": SECRET}, "JWT_SECRET_PREVIOUS needs JWT_SECRET"),
        ({"keys": KeySet("https://id.example.org/jwks", fetch=fetch)}, "needs JWT_ISSUER"),
        (
            {"keys": KeySet("https://id.example.org/jwks", fetch=fetch), "issuer": "x"},
            "needs JWT_ISSUER and JWT_AUDIENCE",
        ),
    ],
)
def test_half_a_configuration_stops_the_start(arguments: dict[str, Any], message: str) -> None:
    """The message says what is missing."""
    with pytest.raises(ConfigurationError, match=message):
        TokenVerifier(**arguments)


def test_secrets_stay_out_of_the_repr() -> None:
    """Printing a verifier or an issuer gives no secret away."""
    for thing in (TokenVerifier(secret=SECRET, previous_secret=OTHER), ISSUER):
        assert SECRET not in repr(thing)
        assert OTHER not in repr(thing)


# The issuer


def test_an_issued_token_is_accepted() -> None:
    """Issuer and verifier of one configuration understand each other."""
    parties: Any = {"issuer": "https://me.example", "audience": "reflekt", "role_claim": "groups"}
    parties |= {"scope_claim": "permissions"}
    jti = UUID("0193e1a2-7c5b-7d3e-8f00-1a2b3c4d5e6f")
    issuer = TokenIssuer(secret=SECRET, ids=lambda: jti, **parties)
    verifier = TokenVerifier(secret=SECRET, **parties)
    token = issuer.issue("Ада", role="admin", scope="entries:read admin:*", now=NOW)
    wanted = frozenset({Permission.ENTRIES_READ, Permission.ADMIN_READ})
    assert verifier.verify(token, NOW) == Actor("Ада", wanted, NOW)
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["jti"] == str(jti)
    assert claims["exp"] - claims["iat"] == 3600


def test_an_issued_token_grants_a_user_by_default() -> None:
    """Without more ado a token is a user's, for an hour."""
    assert VERIFIER.verify(ISSUER.issue("mira", now=NOW), NOW).permissions == PERMISSIONS[Role.USER]
    with pytest.raises(Unauthenticated, match="expired"):
        VERIFIER.verify(ISSUER.issue("mira", now=NOW), NOW + timedelta(minutes=61))


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": "a\nb"}, "user_id"),
        ({"user_id": "a" * 256}, "user_id"),
        ({"role": "root"}, "role"),
        ({"scope": "entries:raed"}, "scope"),
        ({"scope": "*"}, "scope"),
        ({"expires_in": timedelta(0)}, "expires_in"),
        ({"expires_in": timedelta(days=-1)}, "expires_in"),
        ({"expires_in": timedelta(days=999_999_999)}, "expires_in"),
    ],
)
def test_a_token_nobody_would_accept_is_not_issued(arguments: dict[str, Any], path: str) -> None:
    """A mistyped role or scope is told at once, by name."""
    grant: dict[str, Any] = {"user_id": "mira", "now": NOW} | arguments
    with pytest.raises(InvalidInput) as caught:
        ISSUER.issue(**grant)
    assert [problem.path for problem in caught.value.problems] == [path]


# The start


def test_a_shared_secret_needs_no_cryptography() -> None:
    """Issuing and verifying HS256 tokens loads neither PyJWT, nor cryptography, nor a HTTP client."""
    program = f"""
import sys, uuid
from datetime import UTC, datetime
from reflekt_core.security.tokens import TokenIssuer, TokenVerifier
now = datetime.now(UTC)
token = TokenIssuer(secret={SECRET!r}, ids=uuid.uuid4).issue("mira", now=now)
assert TokenVerifier(secret={SECRET!r}).verify(token, now).user_id == "mira"
print(sorted({{"jwt", "cryptography", "urllib.request", "http.client"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
