"""
The public keys of an identity provider, fetched from its JWKS address (RFC 7517).

A key is used for the one algorithm that its kind stands for, and only if the provider says nothing
against verifying with it.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import attrs

from reflekt_core.errors import Unavailable
from reflekt_core.security.encoding import decode_base64url, parse_object
from reflekt_core.security.fetching import Fetch, checked_url, fetch

__all__ = ["KeySet", "PublicKey", "read_keys"]

_log: Final = logging.getLogger("reflekt.keys")


@attrs.frozen
class PublicKey:
    """A key to verify with: ``verify(message, signature)`` says whether the signature is right."""

    kid: str | None
    algorithm: str
    verify: Callable[[bytes, bytes], bool] = attrs.field(repr=False)


class KeySet:
    """
    The keys at *url*, kept up to date.

    They are fetched when first needed, again when *max_age* has passed, and when a token names a
    key that is not among them: that is how a provider changes keys. One thread fetches at a time,
    and no attempt follows another within *cooldown*, so that made-up tokens cost the provider
    nothing. While the provider is away, the last keys serve on for *stale_for*.

    Args:
        url: An https address, or http on this machine.
        fetch: How to get the document there.
        timeout_seconds: What one attempt may take.

    Raises:
        ConfigurationError: *url* is neither.
    """

    def __init__(  # noqa: PLR0913 - all but the first have defaults
        self,
        url: str,
        *,
        fetch: Fetch = fetch,
        max_age: timedelta = timedelta(minutes=10),
        stale_for: timedelta = timedelta(hours=24),
        cooldown: timedelta = timedelta(seconds=10),
        timeout_seconds: float = 2.0,
    ) -> None:
        self._url = checked_url(url, "JWT_JWKS_URL")
        self._fetch = fetch
        self._max_age = max_age
        self._stale_for = stale_for
        self._cooldown = cooldown
        self._timeout_seconds = timeout_seconds
        self._lock = threading.Lock()
        self._tried_at: datetime | None = None
        self._held: _Held | None = None

    def find(self, kid: str | None, algorithm: str, now: datetime) -> PublicKey | None:
        """
        Return the key of that id for *algorithm*, or None if the provider has none.

        Without *kid* it is the only key of the set; None if there are several.

        Raises:
            Unavailable: There are no keys to look in: the provider is away, and was for long.
        """
        held = self._usable(now)
        key = held.find(kid, algorithm) if held else None
        if held and key and _within(self._max_age, held.fetched_at, now):
            return key
        self._refresh(now, wait=key is None)
        held = self._usable(now)
        if held is None:
            raise Unavailable(
                "the keys that tokens are checked with cannot be fetched; try again",
                retry_after_seconds=max(1, int(self._cooldown.total_seconds())),
            )
        return held.find(kid, algorithm)

    def _usable(self, now: datetime) -> "_Held | None":
        held = self._held
        return held if held and _within(self._stale_for, held.fetched_at, now) else None

    def _refresh(self, now: datetime, *, wait: bool) -> None:
        """Fetch the keys, unless that was tried just now or, without *wait*, is being tried."""
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._tried_at and _within(self._cooldown, self._tried_at, now):
                return
            self._tried_at = now
            document = self._fetch(self._url, timeout_seconds=self._timeout_seconds)
            self._held = _Held(read_keys(document), now)
        except (OSError, ValueError) as error:
            _log.warning("the key set could not be fetched: %s", type(error).__name__)
        finally:
            self._lock.release()


@attrs.frozen
class _Held:
    keys: tuple[PublicKey, ...]
    fetched_at: datetime

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        named = self.keys if kid is None else [k for k in self.keys if k.kid == kid]
        return named[0] if len(named) == 1 and named[0].algorithm == algorithm else None


def _within(span: timedelta, since: datetime, now: datetime) -> bool:
    # Both ways, so that a clock set back does not keep old keys for ever.
    return abs(now - since) < span


def read_keys(document: bytes) -> tuple[PublicKey, ...]:
    """
    Return the keys of a JWKS document that tokens may be verified with.

    Left out: keys for another use or algorithm, private and symmetric keys, RSA keys that are
    short or that ROCA broke, other curves, and all keys of an id that stands there twice.

    Raises:
        ValueError: It is no JWKS document.
    """
    members = parse_object(document).get("keys")
    if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
        raise ValueError("no JWKS document")
    times = Counter(str(m.get("kid")) for m in members)
    read = (_read_key(m) for m in members if times[str(m.get("kid"))] == 1)
    return tuple(key for key in read if key)


_KINDS: Final = (
    # kty, crv, the parts of a public key, and the algorithm: RFC 7518, section 6, and RFC 8037
    ("RSA", None, ("n", "e"), "RS256"),
    ("EC", "P-256", ("x", "y"), "ES256"),
    ("OKP", "Ed25519", ("x",), "EdDSA"),
)
_SECRET_PARTS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def _read_key(jwk: dict[str, Any]) -> PublicKey | None:
    kid = jwk.get("kid")
    for kty, crv, parts, algorithm in _KINDS:
        if jwk.get("kty") == kty and jwk.get("crv") == crv:
            public = {p: jwk.get(p) for p in ("kty", "crv", *parts)}
            if not _may_verify(jwk, algorithm) or not (kid is None or isinstance(kid, str)):
                return None
            key = _load(public, parts, algorithm)
            return key and PublicKey(kid, algorithm, key)
    return None


def _may_verify(jwk: dict[str, Any], algorithm: str) -> bool:
    return (
        jwk.get("use", "sig") == "sig"
        and jwk.get("key_ops", ["verify"]) == ["verify"]
        and jwk.get("alg", algorithm) == algorithm
        and not _SECRET_PARTS & jwk.keys()
    )


def _load(
    public: dict[str, Any], parts: tuple[str, ...], algorithm: str
) -> Callable[[bytes, bytes], bool] | None:
    # Imported here: a program without a JWKS address never needs them, and they cost 100 ms.
    from jwt.algorithms import get_default_algorithms  # noqa: PLC0415
    from jwt.exceptions import InvalidKeyError  # noqa: PLC0415

    rules: Any = get_default_algorithms()[algorithm]
    try:
        for part in parts:
            decode_base64url(public[part].encode("ascii"))
        key = rules.from_jwk(public)
    except (InvalidKeyError, ValueError, AttributeError):
        return None  # one that cannot be read must not take the others with it
    if algorithm == "RS256" and not _is_strong(key.public_numbers().n):
        return None
    return partial(_verify, rules, key)


def _verify(rules: Any, key: Any, message: bytes, signature: bytes) -> bool:
    return bool(rules.verify(message, key, signature))


_RSA_BITS: Final = range(2048, 8192 + 1)
# Keys of the broken generator are products of primes that are powers of 65537 modulo each of
# these (CVE-2017-15361). A sound key is so by chance once in more than 10^8.
_ROCA_PRIMES: Final = (
    *(3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89),
    *(97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167),
)


def _is_strong(modulus: int) -> bool:
    if modulus % 2 == 0 or modulus.bit_length() not in _RSA_BITS:
        return False
    return not all(modulus % p in {pow(65537, i, p) for i in range(p)} for p in _ROCA_PRIMES)
