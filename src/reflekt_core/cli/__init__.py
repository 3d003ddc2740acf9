"""
The command line.

`reflekt serve` answers the API; the other commands work on a journal without a server.
"""

import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main"]

_EXTRA: Final = frozenset({"click", "rich", "waitress"})


def main(args: Sequence[str] | None = None) -> int:
    """Run the command that *args* (by default those of the process) name; return its exit code."""
    try:
        from reflekt_core.cli.commands import run  # noqa: PLC0415 - click may be missing

        return run(args)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        advice = "; get it with: pip install 'reflekt-journal[serve]'" if missing in _EXTRA else ""
        # Not by click, which may be what is missing.
        print(f"reflekt: {missing} is not installed{advice}", file=sys.stderr)  # noqa: T201
        return 1
