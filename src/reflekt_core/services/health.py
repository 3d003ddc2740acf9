"""Whether Reflekt is up."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from reflekt_core.model.usage import Health

__all__ = ["HealthService", "installed_version"]


@cache
def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("reflekt-journal")
    except PackageNotFoundError:  # run from a source tree
        return "0"


class HealthService:
    """For whoever watches over the service. Needs no permission and reads nothing."""

    def check(self) -> Health:
        """Return that it is up, and in which version."""
        return Health("ok", installed_version())
