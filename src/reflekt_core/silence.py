"""Silence about calls: SDKs log whole requests, HTTP clients log addresses and headers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["silence"]

_LOGGERS: Final = frozenset({"openai", "anthropic", "httpx2", "httpcore2"})

_in_call: ContextVar[bool] = ContextVar("_in_call", default=False)


@contextmanager
def silence() -> Iterator[None]:
    """
    Let the vendors' SDKs and HTTP clients log nothing of what they do within.

    What other parts of the program do with them at the same time is logged as ever.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if name.partition(".")[0] in _LOGGERS and isinstance(logger, logging.Logger):
            logger.addFilter(_outside_calls)
    token = _in_call.set(True)
    try:
        yield
    finally:
        _in_call.reset(token)


def _outside_calls(_: logging.LogRecord) -> bool:
    return not _in_call.get()
