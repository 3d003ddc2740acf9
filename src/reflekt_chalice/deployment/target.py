"""Which deployment is meant, and what things of it are called."""

import re
from typing import Final

import attrs

from reflekt_chalice.deployment.failures import DeploymentError

__all__ = ["DEFAULT_NAME", "STAGES", "Target"]

DEFAULT_NAME: Final = "reflekt-journal"
STAGES: Final = ("dev", "staging", "prod")

# A function's name has at most 64 characters, and ends with the likes of -staging-analytics-consumer.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,36}")
# Parameter Store keeps names that begin so for AWS itself.
_TAKEN: Final = ("aws", "ssm")


@attrs.frozen
class Target:
    """
    A deployment, by its *name* and its *stage*.

    Raises:
        DeploymentError: The name cannot be a stack's.
    """

    name: str = DEFAULT_NAME
    stage: str = STAGES[0]

    def __attrs_post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DeploymentError(
                "the stack's name must be a letter and at most 36 more letters, digits and hyphens"
            )
        if self.name.lower().startswith(_TAKEN):
            raise DeploymentError(
                "the stack's name must not begin with aws or ssm: its secrets could not be named so"
            )

    @property
    def stack(self) -> str:
        """The stack of the service."""
        return f"{self.name}-{self.stage}"

    @property
    def artifacts_stack(self) -> str:
        """The stack of the bucket for code, which all stages share."""
        return f"{self.name}-artifacts"

    @property
    def siblings(self) -> tuple[str, ...]:
        """The stacks of the other stages."""
        return tuple(f"{self.name}-{stage}" for stage in STAGES if stage != self.stage)

    @property
    def jwt_parameter(self) -> str:
        """Where the secret that signs tokens is kept, unless another place is named."""
        return f"/{self.stack}/jwt-secret"

    @property
    def cursor_parameter(self) -> str:
        """Where the secret that signs cursors is kept, unless another place is named."""
        return f"/{self.stack}/cursor-secret"
