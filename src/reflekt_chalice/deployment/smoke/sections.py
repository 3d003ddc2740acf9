"""Which part of a smoke test asks for which operations."""

from collections.abc import Callable, Mapping
from typing import Final

from reflekt_chalice.deployment.smoke import steps
from reflekt_chalice.functions import FUNCTIONS
from reflekt_core.operations import OPERATIONS, Operation

__all__ = ["ALWAYS", "SECTIONS", "operations_in", "section_of"]

SECTIONS: Final[Mapping[str, Callable[[steps.Visitor], None]]] = {
    "service": steps.service,
    "entries": steps.entries,
    "settings": steps.settings,
    "analytics": steps.analytics,
    "ai": steps.ai,
    "prompts": steps.prompts,
    "account": steps.account,
}
"""In this order; the last one may erase the account."""

ALWAYS: Final = "service"
"""What is asked first, whichever sections are chosen: it brings the OpenAPI document."""

_BY_NOUN: Final = {"health": ALWAYS, "docs": ALWAYS, "prompts": "prompts"}
_DOCUMENTATION: Final = frozenset({"docs.openapi", "docs.page"})


def section_of(operation: Operation) -> str:
    """Return the section that asks for *operation*: that of its function, with few exceptions."""
    if operation.tag in _BY_NOUN:
        return _BY_NOUN[operation.tag]
    return next(name for name, f in FUNCTIONS.items() if operation.id in f.operations)


def operations_in(section: str) -> frozenset[str]:
    """Return the ids of the operations that *section* must ask for."""
    found = {operation.id for operation in OPERATIONS if section_of(operation) == section}
    return frozenset(found | _DOCUMENTATION if section == ALWAYS else found)
