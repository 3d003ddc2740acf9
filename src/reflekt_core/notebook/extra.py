"""What an error says where the extra `notebook` is not installed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from reflekt_core.errors import ConfigurationError

__all__ = ["needing_extra"]

_PARTS: Final = frozenset({"matplotlib", "numpy", "pandas"})


@contextmanager
def needing_extra() -> Iterator[None]:
    """
    Say how to get what is imported here, where it is missing.

    Raises:
        ConfigurationError: It is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _PARTS:
            raise
        raise ConfigurationError(
            f"{error.name} is not installed; get it with: pip install 'reflekt-journal[notebook]'"
        ) from None
