"""What is said while something is deployed: to people on stderr, and to a file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from reflekt_chalice.deployment.failures import DeploymentError
from reflekt_chalice.deployment.stack import Say
from reflekt_core.errors import ReflektError
from reflekt_core.rest.logs import described

__all__ = ["logged"]

_LOG: Final = logging.getLogger("reflekt.deployment")


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "for_the_file", False):
            click.echo(record.getMessage(), err=True)


@contextmanager
def logged(folder: Path, name: str, *, debug: bool) -> Iterator[Say]:
    """
    Lend what says lines: on stderr, and in a new file of *folder* that begins with *name*.

    Args:
        folder: Made if it does not exist.
        name: Such as ``deploy``.
        debug: Say in detail which calls are made. No body, text, token or secret is ever said.

    Raises:
        DeploymentError: The file cannot be written.
    """
    path = folder / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise DeploymentError(f"{error.filename}: {error.strerror}") from None
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handlers: tuple[logging.Handler, ...] = (file, _Stderr())
    for handler in handlers:
        _LOG.addHandler(handler)
    propagated, level = _LOG.propagate, _LOG.level
    # Other handlers of this process may write where others read.
    _LOG.propagate = False
    _LOG.setLevel(logging.DEBUG if debug else logging.INFO)
    try:
        yield _LOG.info
    except BaseException as error:
        # The command line itself tells people.
        told = error.message if isinstance(error, ReflektError) else type(error).__name__
        _LOG.error(told, extra={"for_the_file": True})
        _LOG.debug("raised in %s", described(error)["frames"])
        raise
    finally:
        _LOG.propagate = propagated
        _LOG.setLevel(level)
        for handler in handlers:
            _LOG.removeHandler(handler)
            handler.close()
