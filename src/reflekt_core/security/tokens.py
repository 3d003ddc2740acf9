"""
Tokens: who calls, and what they may do.

A strict reading of RFC 7519 and RFC 8725. Whatever a library would let pass is refused here: an
algorithm that does not belong to the key, a name that stands twice, a token without an end.
HS256 needs nothing but the standard library's HMAC; RS256, ES256 and EdDSA are PyJWT's, which is
loaded with the first key set, because it costs more than everything else at the start.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import attrs

from reflekt_core.errors import ConfigurationError, InvalidInput, Unauthenticated
from reflekt_core.model.accounts import PERMISSIONS, Actor, Permission, Role, permissions_of
from reflekt_core.security.encoding import decode_base64url, encode_base64url, parse_object
from reflekt_core.security.strength import checked_secret

if TYPE_CHECKING:
    from reflekt_core.ports import Ids
    from reflekt_core.security.keys import KeySet

__all__ = ["TokenIssuer", "TokenVerifier", "permissions_in", "strongest_role"]

_MOST_CHARACTERS: Final = 8192
_MOST_SUBJECT_CHARACTERS: Final = 255
_MOST_LEEWAY: Final = timedelta(seconds=60)
_END_OF_TIME: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_HMAC: Final = "HS256"
_TYPES: Final = frozenset({"jwt", "at+jwt"})  # RFC 7519, section 5.1, and RFC 9068
# Compressed, encrypted or nested tokens, extensions we must understand, and keys that a token
# brings along or points to: never trusted, so never silently ignored either.
_UNWANTED: Final = frozenset({"crit", "zip", "b64", "enc", "cty", "jwk", "jku", "x5u", "x5c"})


@attrs.frozen(kw_only=True)
class TokenVerifier:
    """
    Says who a token's bearer is.

    Args:
        secret: For HS256 tokens (`JWT_SECRET`).
        previous_secret: Still good for tokens signed before the secret changed.
        keys: For RS256, ES256 and EdDSA tokens; needs *issuer* and *audience*, since a provider
            signs for others, too.
        issuer: What `iss` must be.
        audience: What `aud` must be or hold. A token for an audience is refused if none is given.
        role_claim: The claim that holds the role, or a list of roles of which the strongest counts.
        scope_claim: The claim that narrows the role. Providers put into `scope` what is no
            permission of ours, which grants nothing.
        leeway: How far clocks may differ, at most 60 s.
        max_lifetime: The longest time from `iat` to `exp`.

    Raises:
        ConfigurationError: These do not go together, or a secret is too weak.
    """

    secret: str | None = attrs.field(default=None, repr=False)
    previous_secret: str | None = attrs.field(default=None, repr=False)
    keys: "KeySet | None" = None
    issuer: str | None = None
    audience: str | None = None
    role_claim: str = "role"
    scope_claim: str = "scope"
    leeway: timedelta = timedelta(seconds=30)
    max_lifetime: timedelta | None = None
    _secrets: tuple[bytes, ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.previous_secret is not None and self.secret is None:
            raise ConfigurationError("JWT_SECRET_PREVIOUS needs JWT_SECRET, the present one")
        if self.secret is None and self.keys is None:
            raise ConfigurationError("JWT_SECRET or JWT_JWKS_URL must be set")
        if self.keys and not (self.issuer and self.audience):
            raise ConfigurationError("JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE")
        if not timedelta(0) <= self.leeway <= _MOST_LEEWAY:
            raise ConfigurationError("JWT_LEEWAY_SECONDS must be from 0 to 60")
        given = ((self.secret, "JWT_SECRET"), (self.previous_secret, "JWT_SECRET_PREVIOUS"))
        secrets = tuple(checked_secret(s, name) for s, name in given if s is not None)
        object.__setattr__(self, "_secrets", secrets)

    def verify(self, token: str, now: datetime) -> Actor:
        """
        Return the bearer of *token* with the permissions it grants at *now*.

        No role grants nothing; a scope, a string or a list, narrows the role.

        Raises:
            Unauthenticated: The token is not accepted. The message says why and repeats nothing.
            Unavailable: The keys to check it with cannot be had at the moment.
        """
        header, claims, signed, signature = _split(token)
        if not self._is_signed(_read_header(header), signed, signature, now):
            raise Unauthenticated("the token's signature is not valid")
        return self._actor(_read(claims), now.timestamp())

    def _is_signed(self, header: "_Header", signed: bytes, signature: bytes, now: datetime) -> bool:
        # The algorithm picks among our keys; it never says what kind of key one is.
        if header.algorithm == _HMAC and self._secrets:
            made = [hmac.digest(secret, signed, "sha256") for secret in self._secrets]
            return any(hmac.compare_digest(one, signature) for one in made)
        if header.algorithm in {"RS256", "ES256", "EdDSA"} and self.keys:
            key = self.keys.find(header.kid, header.algorithm, now)
            return key is not None and key.verify(signed, signature)
        raise Unauthenticated("the token's algorithm is not accepted")

    def _actor(self, claims: dict[str, object], now: float) -> Actor:
        issued_at = self._check_times(claims, now)
        self._check_parties(claims)
        permissions = permissions_in(claims, self.role_claim, self.scope_claim)
        return Actor(_subject(claims), permissions, datetime.fromtimestamp(issued_at, UTC))

    def _check_times(self, claims: dict[str, object], now: float) -> float:
        leeway = self.leeway.total_seconds()
        expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
        if now >= expires + leeway:
            raise Unauthenticated("the token has expired")
        if now < issued - leeway or ("nbf" in claims and now < _instant(claims, "nbf") - leeway):
            raise Unauthenticated("the token is not valid yet")
        longest = self.max_lifetime.total_seconds() if self.max_lifetime else _END_OF_TIME
        if not 0 < expires - issued <= longest:
            raise Unauthenticated("the token's lifetime is not accepted")
        return issued

    def _check_parties(self, claims: dict[str, object]) -> None:
        if self.issuer is not None and claims.get("iss") != self.issuer:
            raise Unauthenticated("the token is from another issuer")
        # RFC 7519, section 4.1.3: who is not named among the audience must refuse the token.
        audience = claims.get("aud")
        named = audience if isinstance(audience, list) else [audience]
        if ("aud" in claims) if self.audience is None else (self.audience not in named):
            raise Unauthenticated("the token is for another audience")


@attrs.frozen(kw_only=True)
class TokenIssuer:
    """
    Makes HS256 tokens, for development and small deployments.

    Args:
        secret: What `TokenVerifier` has as its secret; the same goes for the other names.
        ids: Makes each token's `jti`.

    Raises:
        ConfigurationError: The secret is too weak.
    """

    secret: str = attrs.field(repr=False)
    ids: "Ids"
    issuer: str | None = None
    audience: str | None = None
    role_claim: str = "role"
    scope_claim: str = "scope"
    _secret: bytes = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_secret", checked_secret(self.secret, "JWT_SECRET"))

    def issue(
        self,
        user_id: str,
        *,
        role: str = Role.USER,
        scope: str | None = None,
        expires_in: timedelta = timedelta(hours=1),
        now: datetime,
    ) -> str:
        """
        Return a token for *user_id*.

        *scope* is what of the role to grant, such as ``entries:read insights:*``; None for all.

        Raises:
            InvalidInput: Names the bad argument.
        """
        _check_grant(user_id, role, scope)
        issued = int(now.timestamp())
        expires = issued + int(expires_in.total_seconds())
        if not issued < expires <= _END_OF_TIME:
            raise InvalidInput.field("expires_in", "must be at least a second, and end before 9999")
        claims = {
            "sub": user_id,
            self.role_claim: role,
            self.scope_claim: scope,
            "iss": self.issuer,
            "aud": self.audience,
            "iat": issued,
            "exp": expires,
            "jti": str(self.ids()),
        }
        return self._sign({name: value for name, value in claims.items() if value is not None})

    def _sign(self, claims: dict[str, object]) -> str:
        header = {"alg": _HMAC, "typ": "JWT"}
        signed = b".".join(
            encode_base64url(json.dumps(part, separators=(",", ":")).encode())
            for part in (header, claims)
        )
        signature = hmac.digest(self._secret, signed, "sha256")
        return (signed + b"." + encode_base64url(signature)).decode()


@attrs.frozen
class _Header:
    algorithm: str
    kid: str | None


def _split(token: str) -> tuple[bytes, bytes, bytes, bytes]:
    """Return the encoded header, the encoded claims, what was signed, and the signature."""
    if not token.isascii() or len(token) > _MOST_CHARACTERS:
        raise _unreadable()
    signed, _, signature = token.encode().rpartition(b".")
    header, _, claims = signed.partition(b".")
    try:
        return header, claims, signed, decode_base64url(signature)
    except ValueError:
        raise _unreadable() from None


def _read(part: bytes) -> dict[str, object]:
    try:
        return parse_object(decode_base64url(part))
    except ValueError:
        raise _unreadable() from None


def _unreadable() -> Unauthenticated:
    return Unauthenticated("the token is not a readable JWT")


@lru_cache(maxsize=32)  # an issuer writes the same few headers over and over
def _read_header(part: bytes) -> _Header:
    header = _read(part)
    algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if not isinstance(algorithm, str) or not (kid is None or isinstance(kid, str)):
        raise _unreadable()
    if _UNWANTED & header.keys():
        raise Unauthenticated("the token's header asks for what is not accepted")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise Unauthenticated("the token's type is not accepted")
    return _Header(algorithm, kid)


def _instant(claims: dict[str, object], name: str) -> float:
    """Return a NumericDate: seconds since 1970, a fraction allowed, before the year 9999 ends."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unauthenticated(f"the token's {name} is missing or not a time")
    if not 0 <= value <= _END_OF_TIME:
        raise Unauthenticated(f"the token's {name} is out of range")
    return value


def _subject(claims: dict[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _is_user_id(subject):
        raise Unauthenticated("the token's sub is missing or not a user id")
    return subject


def _is_user_id(text: str) -> bool:
    # Nothing invisible: such ids would look alike, and break log lines.
    return 0 < len(text) <= _MOST_SUBJECT_CHARACTERS and text.isprintable() and text == text.strip()


def permissions_in(
    claims: Mapping[str, object], role_claim: str, scope_claim: str
) -> frozenset[Permission]:
    """
    Return what the role in *role_claim* may do, narrowed by *scope_claim* if it is there.

    Raises:
        Unauthenticated: One of them is neither a text nor a list of texts.
    """
    return permissions_of(strongest_role(claims.get(role_claim)), _scope(claims, scope_claim))


def strongest_role(value: object) -> str | None:
    """
    Return the role that a claim names, of several the one that may do most.

    None if it names none that is known.

    Raises:
        Unauthenticated: It is neither a text nor a list of texts.
    """
    if value is None:
        return None
    names = value if isinstance(value, list) else [value]
    if not all(isinstance(n, str) for n in names):
        raise Unauthenticated("the token's role is not a text or a list of texts")
    return max((r for r in Role if r in names), key=lambda r: len(PERMISSIONS[r]), default=None)


def _scope(claims: Mapping[str, object], name: str) -> Sequence[str] | None:
    """Return the permissions asked for; None if the token does not narrow its role."""
    if name not in claims:
        return None
    value = claims[name]
    names = value.split(" ") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise Unauthenticated("the token's scope is not a text or a list of texts")
    return names


def _check_grant(user_id: str, role: str, scope: str | None) -> None:
    if not _is_user_id(user_id):
        raise InvalidInput.field(
            "user_id", f"must be 1 to {_MOST_SUBJECT_CHARACTERS} visible characters"
        )
    if role not in set(Role):
        raise InvalidInput.field("role", "must be one of " + ", ".join(Role))
    areas = {f"{p.partition(':')[0]}:*" for p in Permission}
    if scope is not None and not set(scope.split(" ")) <= areas | set(Permission):
        raise InvalidInput.field(
            "scope", "must be permissions such as entries:read or entries:*, with spaces between"
        )
