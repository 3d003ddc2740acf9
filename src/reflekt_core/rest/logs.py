"""
Log lines as JSON: one per request, one per write or administrator's look, and one per failure.

They name routes, statuses and hashed user ids; never a path, a query, a body, a token, or the
message of an unexpected exception, which may quote any of them.
"""

import hmac
import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final

from reflekt_core.errors import ConfigurationError, ReflektError, StoreError, Unavailable

__all__ = ["ACCESS", "AUDIT", "FAILURES", "JSONFormatter", "described", "hashed", "log_failure"]

ACCESS: Final = logging.getLogger("reflekt.access")
"""One line per request."""

AUDIT: Final = logging.getLogger("reflekt.audit")
"""One line per write, and per look at others by an administrator, whatever the level elsewhere."""

AUDIT.setLevel(logging.INFO)

FAILURES: Final = logging.getLogger("reflekt.failures")
"""One line per failure that is not the asker's."""

_MOST_FRAMES: Final = 30


class JSONFormatter(logging.Formatter):
    """
    Writes a record as one line of JSON.

    Fields given as ``extra={"fields": {...}}`` stand beside time, level, logger and message. Of an
    exception only its classes and code locations are written.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return *record* as a line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= described(record.exc_info[1])
        # In ASCII, so that no text can end the line or confuse a terminal.
        return json.dumps(line, default=str)


def described(error: BaseException) -> dict[str, Any]:
    """Return which exceptions *error* is a chain of, and where in the code each was raised."""
    names: list[str] = []
    frames: list[str] = []
    link: BaseException | None = error
    while link is not None and len(names) < _MOST_FRAMES:
        names.append(f"{type(link).__module__}.{type(link).__qualname__}")
        stack = traceback.extract_tb(link.__traceback__)
        frames += [f"{frame.filename}:{frame.lineno}" for frame in stack]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return {"exceptions": names, "frames": frames[-_MOST_FRAMES:]}


def log_failure(error: BaseException, **fields: Any) -> None:
    """Log what *error* is and, unless it was raised on purpose, where."""
    found = described(error)
    if isinstance(error, ReflektError):
        found = {"code": error.code, "exceptions": found["exceptions"]}
        if isinstance(error, StoreError | ConfigurationError | Unavailable):
            found["reason"] = error.message  # of a disk, a setting, a network: never of a text
        FAILURES.error("foreseen failure", extra={"fields": fields | found})
    else:
        FAILURES.error("unexpected exception", extra={"fields": fields | found})


def hashed(secret: bytes, user_id: str) -> str:
    """Return what stands for *user_id* in logs: always the same, and nobody's name without *secret*."""
    return hmac.digest(secret, b"reflekt user 1" + user_id.encode(), "sha256")[:8].hex()
