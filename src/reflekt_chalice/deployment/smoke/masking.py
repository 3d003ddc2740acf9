"""Requests and answers as they may be written down: without texts, tokens and secrets."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["masked_body", "masked_headers", "masked_query"]

# What is not listed is masked: a field that is new may hold a text.
_SHOWN_FIELDS: Final = frozenset(
    {
        *("id", "entry_id", "category_id", "prompt_id", "status", "code", "kind", "state", "level"),
        *("type", "version", "entry_version", "model", "provider", "prompt_version", "reason"),
        *("created_at", "updated_at", "occurred_at", "trashed_at", "deleted_at", "local_date"),
        *("date", "start", "first", "last", "from", "to", "before_from", "before_to", "bucket"),
        *("label", "category", "week_start", "theme", "font_size", "tone", "path", "method"),
        *("cost_usd", "daily_budget_usd", "error", "request_id", "request_ids", "order", "openapi"),
    }
)
_SHOWN_HEADERS: Final = frozenset(
    {
        *("allow", "cache-control", "content-length", "content-type", "date", "etag", "if-match"),
        *("location", "retry-after", "x-amzn-requestid", "x-request-id", "if-none-match"),
    }
)
_SHOWN_PARAMETERS: Final = frozenset(
    {
        *("from", "to", "category_id", "mood_min", "mood_max", "starred", "trashed", "order"),
        *("limit", "permanent", "date", "bucket"),
    }
)
# Even under such a name: only what looks like an id, a time, a number or a word of ours.
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.:+*/\"-]{0,80}")


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return *headers*, with what may be secret replaced by its length."""
    return {
        name: value if name.lower() in _SHOWN_HEADERS else _covered(value)
        for name, value in headers.items()
    }


def masked_query(query: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Return the parameters of a query string, with what is searched for replaced by its length."""
    return [
        [name, value if name in _SHOWN_PARAMETERS else _covered(value)] for name, value in query
    ]


def masked_body(body: bytes | None, content_type: str) -> Any:
    """Return what a body says, with every text replaced by its length."""
    if not body:
        return None
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind.endswith("ndjson"):
            return [_masked(json.loads(line), "") for line in body.splitlines()]
        if kind.endswith("json"):
            return _masked(json.loads(body), "")
    except ValueError:
        pass
    return f"<{len(body)} bytes>"


def _masked(value: Any, field: str) -> Any:
    if field == "extra":  # what an import brought along: even its names are somebody's
        return _covered(json.dumps(value))
    if isinstance(value, Mapping):
        return {name: _masked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one, field) for one in value]
    if isinstance(value, str):
        shown = field in _SHOWN_FIELDS and _HARMLESS.fullmatch(value)
        return value if shown else _covered(value)
    return value


def _covered(value: str) -> str:
    return f"<{len(value)} characters>"
