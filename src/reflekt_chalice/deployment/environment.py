"""Where a deployment is, for other programs: as exports, and in files such as ``.env``."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from reflekt_chalice.deployment.failures import DeploymentError

__all__ = ["FRONT_END_KEYS", "exports", "variables", "written"]

FRONT_END_KEYS: Final = ("NEXT_PUBLIC_API_URL", "VITE_API_URL")
"""What Next.js, and Vite, hand on to the browser."""

_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=?&-]*")


def variables(stage: str, region: str, outputs: Mapping[str, str], url: str) -> dict[str, str]:
    """
    Return what a program needs to know of a deployment; nothing of it is secret.

    With ``REFLEKT_STORE`` commands such as ``reflekt list`` work on the deployed tables.
    """
    return {
        "API_URL": url,
        "AWS_REGION": region,
        "REFLEKT_STORE": f"dynamodb://{outputs['TablePrefix']}?region={region}",
        "STAGE": stage,
    }


def exports(values: Mapping[str, str]) -> str:
    """Return *values* as lines for a shell to read."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def written(path: Path, values: Mapping[str, str]) -> None:
    """
    Set *values* in the file at *path*, which only its owner may read; every other line stays.

    Raises:
        DeploymentError: It cannot be read or written.
    """
    try:
        before = path.read_text("utf-8") if path.exists() else ""
        _replace(path.resolve(), _merged(before, values))
    except OSError as error:
        raise DeploymentError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DeploymentError(f"{path} is not UTF-8: put it right, or move it away") from None


def _merged(text: str, values: Mapping[str, str]) -> str:
    lines: list[str] = []
    missing = dict(values)
    for line in text.splitlines():
        match = _LINE.match(line)
        name = match[1] if match else None
        if match is None or name not in values:
            lines.append(line)
        elif name in missing:  # of several lines for one name, one is left
            lines.append(line[: match.end()] + _quoted(missing.pop(name)))
    lines += [f"{name}={_quoted(value)}" for name, value in missing.items()]
    return "".join(f"{line}\n" for line in lines)


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else f'"{value}"'


def _replace(path: Path, text: str) -> None:
    """Write *text* in one step, so that nobody ever finds half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
