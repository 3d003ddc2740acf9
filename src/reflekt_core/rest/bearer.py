"""How a request carries a token. Loads nothing else, for an authorizer that does no more."""

import re
from collections.abc import Mapping
from typing import Final

from reflekt_core.errors import Unauthenticated

__all__ = ["bearer_token"]

_TOKEN: Final = re.compile(r"[Bb][Ee][Aa][Rr][Ee][Rr] +([A-Za-z0-9._~+/-]+=*)")


def bearer_token(headers: Mapping[str, str]) -> str:
    """
    Return the token of an ``Authorization`` header (RFC 6750, section 2.1).

    Raises:
        Unauthenticated: There is none, or several, or one of another kind.
    """
    given_header = headers.get("authorization")
    if given_header is None:
        raise Unauthenticated("a token is needed: Authorization: Bearer …")
    match = _TOKEN.fullmatch(given_header)
    if match is None:
        raise Unauthenticated("the Authorization header must be 'Bearer' and one token")
    return match[1]
