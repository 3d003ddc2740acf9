"""Doing a thing once, however often the same request arrives."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from typing import TypeVar

import attrs

from reflekt_core.errors import InProgress, InvalidInput, VersionConflict
from reflekt_core.model.accounts import Account
from reflekt_core.model.usage import Receipt
from reflekt_core.serialization import dump, load
from reflekt_core.services.context import Context, insist

__all__ = ["once"]

T = TypeVar("T")

LEASE = timedelta(seconds=60)
LIFETIME = timedelta(hours=24)


def once(  # noqa: PLR0913, PLR0917 - what the request is, what to do, and what comes out
    context: Context,
    account: Account,
    operation: str,
    key: str | None,
    request: object,
    do: Callable[[], T],
    kind: type[T],
) -> T:
    """
    Return what *do* returns; for the same *key* within 24 hours, what it returned then.

    A request that was begun and never ended may be begun again after a minute.

    Raises:
        InProgress: The same request is being worked on.
        InvalidInput: The key was used for another *request*.
    """
    if key is None:
        return do()
    fingerprint = sha256(repr(request).encode()).hexdigest()
    name = f"{operation}-{sha256(key.encode()).hexdigest()}"
    receipts = context.store.records(Receipt)

    def begin() -> Receipt:
        now = context.clock()
        before = receipts.get(account.user_id, name)
        if before and now < before.leased_until - LEASE + LIFETIME:
            if before.fingerprint != fingerprint:
                raise InvalidInput.field("Idempotency-Key", "was used for another request")
            if before.answer is not None:
                return before
            if now < before.leased_until:
                raise InProgress("the same request is being worked on; try again in a moment")
        version = before.version + 1 if before else 1
        begun = Receipt(fingerprint, now + LEASE, version=version, key=name)
        receipts.put(
            account,
            name,
            begun,
            replaces=before.version if before else None,
            expires_at=now + LIFETIME,
        )
        return begun

    receipt = insist(begin, None)
    if receipt.answer is not None:
        return load(receipt.answer.encode(), kind)
    try:
        result = do()
    except Exception:
        with suppress(VersionConflict):  # somebody else began anew: the receipt is theirs
            receipts.delete(account, name, replaces=receipt.version)
        raise
    ended = attrs.evolve(receipt, answer=dump(result).decode(), version=receipt.version + 1)
    # It may have taken longer than the lease, and somebody else begun anew: both answers are good.
    with suppress(VersionConflict):
        receipts.put(
            account,
            name,
            ended,
            replaces=receipt.version,
            expires_at=receipt.leased_until - LEASE + LIFETIME,
        )
    return result
