"""What Chalice itself makes of the app: its own ``chalice package``, run on a project of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from reflekt_core.errors import ConfigurationError

__all__ = ["packaged"]

_APP: Final = """\
from reflekt_chalice import create_app, create_authorizer

app = create_app()
authorise = create_authorizer()
"""

_CONFIG: Final[dict[str, Any]] = {
    "version": "2.0",
    "app_name": "reflekt-journal",
    "lambda_architecture": "arm64",
    "api_gateway_endpoint_type": "REGIONAL",
    # Each function gets a role of its own; a shared one is never made.
    "manage_iam_role": False,
    "iam_role_arn": "arn:aws:iam::123456789012:role/replaced",
    "stages": {"dev": {"api_gateway_stage": "api"}},
}

_MAIN: Final = "from chalice.cli import main; raise SystemExit(main())"
_LONGEST_SECONDS: Final = 120


def packaged() -> dict[str, Any]:
    """
    Return the template that Chalice makes for the app.

    Raises:
        ConfigurationError: Chalice failed.
    """
    with TemporaryDirectory(prefix="reflekt-template-") as folder:
        project = Path(folder)
        (project / "app.py").write_text(_APP)
        (project / ".chalice").mkdir()
        (project / ".chalice" / "config.json").write_text(json.dumps(_CONFIG))
        _run(project)
        found: dict[str, Any] = json.loads((project / "out" / "sam.json").read_text())
        return found


def _run(project: Path) -> None:
    command = [sys.executable, "-c", _MAIN, "package", "--template-format", "json", "out"]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter, with words of our own
            command,
            cwd=project,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"chalice package did not end within {_LONGEST_SECONDS} seconds"
        ) from None
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it said nothing"]
        raise ConfigurationError(f"chalice package failed: {lines[-1]}")


def _environment() -> dict[str, str]:
    """Return an environment in which Chalice asks nobody for a region or credentials."""
    kept = {
        name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ
    }
    return kept | {
        # The template does not depend on it; Chalice asks for one all the same.
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
