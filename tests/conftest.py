"""What many tests start from."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from reflekt_core import Reflekt
from reflekt_core.stores import open_store
from reflekt_core.testing import FakeClock

from .dynamodb_emulator import dynamodb

__all__ = ["clock", "dynamodb", "reflekt"]

settings.register_profile(
    "reflekt",
    deadline=None,  # machines that run tests are busy
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("reflekt")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Take off again what a test, or an app that it makes, hangs on the product's logger."""
    log = logging.getLogger("reflekt")
    handlers, level, propagates = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.level, log.propagate = handlers, level, propagates


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands at an evening in November until it is told to go on."""
    return FakeClock(datetime(2026, 11, 22, 18, 40, tzinfo=UTC))


@pytest.fixture(params=["memory", "sqlite"])
def reflekt(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Reflekt]:
    """The journal of the user "me", in each kind of store."""
    urls = {"memory": "memory://", "sqlite": f"sqlite:///{tmp_path}/journal.db"}
    with Reflekt.on(open_store(urls[request.param]), clock=clock) as opened:
        yield opened
