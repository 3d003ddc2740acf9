"""Where a bundle runs: Lambda's Python 3.13 on ARM64, which is Amazon Linux 2023. Pure data."""

from collections.abc import Mapping
from typing import Final

__all__ = [
    "AI",
    "ARCHITECTURE",
    "ARTEFACTS",
    "BASE",
    "BYTECODE_MAGIC",
    "CACHE_TAG",
    "NEWEST_SYMBOLS",
    "PLATFORMS",
    "PYTHON",
    "TASK_ROOT",
]

BASE: Final = "base"
AI: Final = "ai"
ARTEFACTS: Final = (BASE, AI)
"""Each has a lock of its name; all of the first's is in the second's."""

PYTHON: Final = "3.13"
CACHE_TAG: Final = "cpython-313"
BYTECODE_MAGIC: Final = (3571).to_bytes(2, "little") + b"\r\n"
"""What bytecode of every release of Python 3.13 begins with."""

ARCHITECTURE: Final = "EM_AARCH64"

NEWEST_SYMBOLS: Final[Mapping[str, tuple[int, ...]]] = {
    "GLIBC": (2, 34),
    "GLIBCXX": (3, 4, 29),
    "CXXABI": (1, 3, 13),
}
"""The newest versions of symbols that Amazon Linux 2023 has, by the names of their families."""

PLATFORMS: Final = (
    *(f"manylinux_2_{minor}_aarch64" for minor in range(34, 16, -1)),
    "manylinux2014_aarch64",
)
"""What wheels for it are called, best first."""

TASK_ROOT: Final = "/var/task"
"""Where Lambda unpacks a zip."""
