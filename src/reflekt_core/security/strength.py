"""
Which secrets are good enough to sign with.

The digests of secrets that everybody knows lie beside this module, with their origin.
"""

import hashlib
from bisect import bisect_left
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

from reflekt_core.errors import ConfigurationError

__all__ = ["checked_secret"]

_LEAST_BYTES: Final = 32  # RFC 7518, section 3.2: as many as the hash has
_LEAST_DISTINCT_BYTES: Final = 8
_LEAST_DISTINCT_RUNS: Final = 24  # of three bytes each; 32 random digits have 30, give or take one
_DIGEST_BYTES: Final = 8


def checked_secret(secret: str, variable: str) -> bytes:
    """
    Return *secret* as the bytes to sign with; *variable* says where it comes from.

    Spaces around it count for nothing when it is judged.

    Raises:
        ConfigurationError: It is too short, too regular, a public key, or publicly known. The
            message names the variable, never the secret.
    """
    try:
        exact = secret.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(f"{variable} must be text in UTF-8") from None
    core = exact.strip()
    fault = _fault(core)
    if fault:
        raise ConfigurationError(f"{variable} {fault}; {_ADVICE}")
    return exact


_ADVICE: Final = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(48))'"


def _fault(secret: bytes) -> str | None:
    if len(secret) < _LEAST_BYTES:
        return f"must have at least {_LEAST_BYTES} bytes"
    if secret.startswith((b"-----BEGIN ", b"ssh-", b"ecdsa-")):
        return "must be a secret, not a key file"
    if _is_regular(secret):
        return "must be random, not a pattern"
    if _is_known(secret):
        return "must be your own: this one is publicly known"
    return None


def _is_regular(secret: bytes) -> bool:
    """Tell few different bytes, repetition, and sequences such as abcdef… or 97531…."""
    runs = {secret[i : i + 3] for i in range(len(secret) - 2)}
    steps = Counter((b - a) % 256 for a, b in pairwise(secret))
    return (
        len(set(secret)) < _LEAST_DISTINCT_BYTES
        or len(runs) < _LEAST_DISTINCT_RUNS
        or max(steps.values()) * 2 > len(secret)
    )


def _is_known(secret: bytes) -> bool:
    digests = Path(__file__).with_name("known_secrets.digests").read_bytes()
    wanted = hashlib.sha256(secret).digest()[:_DIGEST_BYTES]
    size = len(digests) // _DIGEST_BYTES

    def digest(i: int) -> bytes:
        return digests[i * _DIGEST_BYTES : (i + 1) * _DIGEST_BYTES]

    found = bisect_left(range(size), wanted, key=digest)
    return digest(found) == wanted
