"""What stops a bundle."""

from typing import ClassVar

from reflekt_core.errors import ReflektError

__all__ = ["BundleError"]


class BundleError(ReflektError):
    """A bundle cannot be made; the message says what is in the way."""

    code: ClassVar[str] = "bundle_error"
