"""Withdrawing consent: what a vendor's model made of the journal goes."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from itertools import dropwhile, islice
from typing import Final, TypeVar

from reflekt_core.model.accounts import Account
from reflekt_core.model.paging import Page, Position
from reflekt_core.model.prompts import DailyPrompt
from reflekt_core.model.settings import Vendor
from reflekt_core.model.usage import CachedAnswer, Receipt
from reflekt_core.services.assistance import Gate
from reflekt_core.services.insights import understand_here

__all__ = ["forget_some"]

T = TypeVar("T")

Progress = tuple[int, Position | None]
"""How many things were forgotten, and where to go on; None at the end."""


def forget_some(
    gate: Gate,
    account: Account,
    vendors: AbstractSet[Vendor],
    position: Position | None,
    limit: int,
) -> Progress:
    """
    Go through up to *limit* stored things from *position* on, and forget those of *vendors*.

    Entries are understood anew on this machine.
    """
    kind, *after = position or ("answers",)
    forgotten, following = _KINDS[str(kind)](gate, account, vendors, tuple(after) or None, limit)
    if following is not None:
        return forgotten, (kind, *following)
    later = dropwhile(lambda name: name != kind, _KINDS)
    return forgotten, next(((name,) for name in islice(later, 1, None)), None)


def _answers(
    gate: Gate, account: Account, vendors: AbstractSet[Vendor], after: Position | None, limit: int
) -> Progress:
    records = gate.store.records(CachedAnswer)
    return _forget(
        records.list(account.user_id, after=after, limit=limit),
        lambda kept: kept.vendor in vendors,
        lambda kept: records.delete(account, kept.key),
    )


def _receipts(
    gate: Gate, account: Account, vendors: AbstractSet[Vendor], after: Position | None, limit: int
) -> Progress:
    """
    Suggestions and summaries are kept for a day under their idempotency keys.

    Those still under way go, too: without its receipt an answer is not kept.
    """
    records = gate.store.records(Receipt)
    # As it stands in the answer's JSON; in a text the quotation marks would be escaped.
    marks = [f'"provider":"{vendor.value}"' for vendor in vendors]
    return _forget(
        records.list(account.user_id, after=after, limit=limit),
        lambda receipt: receipt.answer is None or any(mark in receipt.answer for mark in marks),
        lambda receipt: records.delete(account, receipt.key),
    )


def _prompts(
    gate: Gate, account: Account, vendors: AbstractSet[Vendor], after: Position | None, limit: int
) -> Progress:
    records = gate.store.records(DailyPrompt)
    return _forget(
        records.list(account.user_id, after=after, limit=limit),
        lambda daily: daily.vendor in vendors,
        lambda daily: records.delete(account, daily.date.isoformat()),
    )


def _insights(
    gate: Gate, account: Account, vendors: AbstractSet[Vendor], after: Position | None, limit: int
) -> Progress:
    return _forget(
        gate.store.insights.list(account.user_id, after=after, limit=limit),
        lambda insight: insight.vendor in vendors,
        lambda insight: understand_here(gate, account, insight.entry_id),
    )


_KINDS: Final = {
    "answers": _answers,
    "receipts": _receipts,
    "prompts": _prompts,
    "insights": _insights,
}


def _forget(page: Page[T], theirs: Callable[[T], bool], forget: Callable[[T], None]) -> Progress:
    found = [item for item in page if theirs(item)]
    for item in found:
        forget(item)
    return len(found), page.next
