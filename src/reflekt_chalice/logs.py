"""Where the log goes on AWS: to stdout, from which Lambda takes it, as lines of JSON."""

import logging
import sys
from typing import TextIO

from reflekt_core.rest.logs import JSONFormatter

__all__ = ["log_to_stdout"]


class _Stdout(logging.StreamHandler[TextIO]):
    """Writes to what is stdout at the moment."""

    def __init__(self) -> None:
        super().__init__(sys.stdout)
        self.setFormatter(JSONFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def log_to_stdout(name: str, level: str) -> None:
    """Write what the logger called *name* gets from *level* on, without the text of exceptions."""
    log = logging.getLogger(name)
    log.setLevel(level)
    if not any(isinstance(handler, _Stdout) for handler in log.handlers):
        log.addHandler(_Stdout())
    # The handler that Lambda gives the root would write each line again, and exceptions in full.
    log.propagate = False
