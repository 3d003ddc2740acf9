"""For tests of Reflekt and of what is built on it."""

from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]


class FakeClock:
    """A clock that stands until it is told to go on."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 18, 40, tzinfo=UTC)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time it stands at."""
        return self.now

    def advance(self, **by: float) -> None:
        """Go on: ``advance(hours=1)``."""
        self.now += timedelta(**by)
