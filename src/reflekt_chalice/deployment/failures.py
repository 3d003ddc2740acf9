"""What stops a deployment, a smoke test or a load test."""

from typing import ClassVar

from reflekt_core.errors import ReflektError

__all__ = ["DeploymentError", "Unreachable"]


class DeploymentError(ReflektError):
    """It cannot go on; the message says what is in the way, and what to do."""

    code: ClassVar[str] = "deployment_error"


class Unreachable(DeploymentError):
    """Nobody answers at an address."""

    code: ClassVar[str] = "unreachable"
