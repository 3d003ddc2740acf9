"""
The command line.

`reflekt serve` answers the API; the other commands work on a journal without a server.
"""

import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main"]

_EXTRAS: Final = {
    **dict.fromkeys(("click", "rich", "waitress"), "serve"),
    **dict.fromkeys(("boto3", "botocore", "chalice", "elftools", "jsonschema"), "aws"),
    "httpx2": "client",
}
"""What a module comes with, if it is missing."""


def main(args: Sequence[str] | None = None) -> int:
    """Run the command that *args* (by default those of the process) name; return its exit code."""
    try:
        from reflekt_core.cli.commands import run  # noqa: PLC0415 - click may be missing

        return run(args)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        extra = _EXTRAS.get(missing)
        advice = f"; get it with: pip install 'reflekt-journal[{extra}]'" if extra else ""
        # Not by click, which may be what is missing.
        print(f"reflekt: {missing} is not installed{advice}", file=sys.stderr)  # noqa: T201
        return 1
