"""Where the log of the service goes."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

from reflekt_core.cli.folder import made
from reflekt_core.config import Config
from reflekt_core.rest.logs import JSONFormatter

__all__ = ["log_to"]

_MOST_BYTES: Final = 10_000_000
_KEPT_FILES: Final = 5


@contextmanager
def log_to(config: Config, folder: Path | None, port: int) -> Iterator[None]:
    """
    Write lines of JSON to stderr for the time being, and to files in *folder* if there is one.

    A file belongs to one *port*, because two processes cannot take turns in one.
    """
    log = logging.getLogger("reflekt")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if folder:
        handlers.append(
            RotatingFileHandler(
                made(folder) / f"serve-{port}.log",
                maxBytes=_MOST_BYTES,
                backupCount=_KEPT_FILES,
                encoding="utf-8",
            )
        )
    for handler in handlers:
        handler.setFormatter(JSONFormatter())
        log.addHandler(handler)
    log.setLevel(config.log_level)
    try:
        yield
    finally:
        for handler in handlers:
            log.removeHandler(handler)
            handler.close()
