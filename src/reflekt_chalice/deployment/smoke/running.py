"""Running a smoke test: its sections, what came of each operation, and putting everything away."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs

from reflekt_chalice.deployment.connection import Connection
from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.smoke.client import Client, Exchange, Wrong
from reflekt_chalice.deployment.smoke.contract import Contract
from reflekt_chalice.deployment.smoke.sections import ALWAYS, SECTIONS, operations_in
from reflekt_chalice.deployment.smoke.steps import Visitor
from reflekt_core.model.accounts import Permission

__all__ = ["Outcome", "Plan", "smoke"]

_NOT_ASKED: Final = "was not reached, because something before it failed"
_NEVER_ASKED: Final = "is not part of the smoke test"


@attrs.frozen(kw_only=True)
class Plan:
    """
    What to ask, where, and as whom.

    `sections` are names of `SECTIONS`; all, if empty. `throwaway`: the user is nobody, so that the
    account may be erased in the end. `folder` is where requests and answers are written down.
    """

    url: str
    token: str = attrs.field(repr=False)
    user: str
    permissions: frozenset[Permission]
    throwaway: bool
    folder: Path
    sections: tuple[str, ...] = ()
    patience_seconds: float = 60


@attrs.frozen
class Outcome:
    """What came of one operation: how often it was asked for, the slowest answer, and what is wrong."""

    operation: str
    section: str
    statuses: tuple[int, ...]
    slowest_seconds: float
    problem: str

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem


def smoke(
    plan: Plan,
    *,
    tell: Callable[[Exchange], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[Outcome, ...]:
    """
    Return what came of each operation of the sections that *plan* names.

    Raises:
        Unreachable: Nobody answers.
        DeploymentError: What answers is not this service.
    """
    chosen = [n for n in SECTIONS if n == ALWAYS or n in plan.sections or not plan.sections]
    with Connection(plan.url) as connection:
        client = Client(
            connection,
            token=plan.token,
            folder=plan.folder,
            patience_seconds=plan.patience_seconds,
            tell=tell,
            pause=pause,
        )
        client.contract = Contract(_document(client))
        visitor = Visitor(client, plan.user, plan.permissions, plan.throwaway)
        problems: dict[str, dict[str, str]] = {}
        try:
            for name in chosen:
                problems[name] = _problems_in(name, visitor)
        finally:
            asked = tuple(client.exchanges)
            with suppress(DeploymentError):  # told already, or nobody answers any more
                visitor.put_away()
    return tuple(_outcomes(chosen, asked, problems))


def _document(client: Client) -> Mapping[str, Any]:
    document = client.call("docs.openapi", anonymous=True).value
    if not isinstance(document, dict) or "paths" not in document:
        raise DeploymentError("what answers there is not Reflekt: /openapi.json is no API document")
    return document


def _problems_in(section: str, visitor: Visitor) -> dict[str, str]:
    """Return what is wrong, by operation; the section ends with the first thing."""
    try:
        SECTIONS[section](visitor)
    except Wrong as error:
        return {error.operation: error.said}
    except (KeyError, TypeError, IndexError) as error:
        # An answer without what the document promises: told by the operation asked for last.
        last = visitor.client.exchanges[-1].operation
        return {last: f"the answer lacks what is needed ({type(error).__name__})"}
    return {}


def _outcomes(
    chosen: Iterable[str],
    asked: tuple[Exchange, ...],
    problems: Mapping[str, Mapping[str, str]],
) -> Iterable[Outcome]:
    everything = {name: text for found in problems.values() for name, text in found.items()}
    rows = {op: section for section in chosen for op in sorted(operations_in(section))}
    # One section may ask for an operation of another, which must not fail unseen.
    rows |= {op: s for s, found in problems.items() for op in found if op not in rows}
    for operation, section in rows.items():
        mine = [one for one in asked if one.operation == operation]
        problem = everything.get(operation, "")
        if not problem and not mine:
            problem = _NOT_ASKED if problems[section] else _NEVER_ASKED
        yield Outcome(
            operation,
            section,
            tuple(dict.fromkeys(one.status for one in mine)),
            max((one.seconds for one in mine), default=0.0),
            problem,
        )
