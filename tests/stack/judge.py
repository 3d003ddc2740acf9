"""A plugin of pytest's that puts ministack's DynamoDB in the place of the tests' emulator."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import ministack
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for the Python that has ministack."""
    parser.addoption("--ministack", required=True)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Let the fixtures start ministack: they ask for `running` when the first test needs it."""
    python = session.config.getoption("--ministack")

    @contextmanager
    def running() -> Iterator[str]:
        with (
            TemporaryDirectory() as folder,
            # The fixtures' credentials are nobody's.
            ministack.running(python, Path(folder), auth=False) as emulator,
        ):
            yield emulator.url

    (module,) = (
        module for name, module in sys.modules.items() if name.endswith(".dynamodb_emulator")
    )
    module.running = running  # type: ignore[attr-defined]
