"""Bytecode for the functions' Python, compiled by a Python of the same version on this machine."""

import _imp
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from reflekt_chalice.deployment.bundle.failures import BundleError
from reflekt_chalice.deployment.bundle.target import BYTECODE_MAGIC, CACHE_TAG, PYTHON, TASK_ROOT

__all__ = ["bytecode_path", "bytecode_problem", "compiled", "find_python"]

_UNCHECKED_HASH: Final = (1).to_bytes(4, "little")
_HEADER: Final = 16
_ASK: Final = (
    "import sys, importlib.util as u;"
    "print(sys.implementation.cache_tag, u.MAGIC_NUMBER.hex(), sys.executable)"
)


def find_python(environ: Mapping[str, str] = os.environ) -> str:
    """
    Return the path of a Python 3.13 on this machine.

    This one is looked at first, then the PATH, those of pyenv, and those of uv.

    Raises:
        BundleError: There is none.
    """
    for candidate in _candidates(environ):
        found = _asked(candidate)
        if found:
            return found
    raise BundleError(
        f"no Python {PYTHON} on this machine, which compiles for the functions; "
        f"get one, such as by `uv python install {PYTHON}` or `pyenv install {PYTHON}`"
    )


def compiled(sources: Mapping[str, bytes], python: str) -> dict[str, bytes]:
    """
    Return the bytecode of *sources*, by paths at which Python looks for it when there is no source.

    Sources are left out: nobody reads them there, and they are a sixth of all. Were they there,
    bytecode would not be compared with them (an "unchecked hash", PEP 552): times in the zip mean nothing, and
    Lambda could not write it anew.

    Raises:
        BundleError: One cannot be compiled.
    """
    with TemporaryDirectory(prefix="reflekt-bytecode-") as folder:
        root = Path(folder)
        for path, source in sources.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(source)
        _compile(root, python)
        made = {bytecode_path(path) for path in sources}
        missing = sorted(path for path in made if not (root / path).exists())
        if missing:
            raise BundleError(f"{missing[0]} was not compiled")
        return {path: (root / path).read_bytes() for path in made}


def bytecode_path(source: str) -> str:
    """Return where the bytecode of the module at *source* is: in its place."""
    return f"{source}c"


def bytecode_problem(bytecode: bytes, source: bytes | None = None) -> str | None:
    """Return why *bytecode* cannot be used, or is not that of *source*; None if it is good."""
    if bytecode[:4] != BYTECODE_MAGIC:
        return f"is not for Python {PYTHON}"
    if bytecode[4:8] != _UNCHECKED_HASH:
        return "would be compared with its source at every start"
    key = int.from_bytes(BYTECODE_MAGIC, "little")
    if source is not None and bytecode[8:_HEADER] != _imp.source_hash(key, source):
        return "is not of the source that is installed here"
    return None


def _candidates(environ: Mapping[str, str]) -> Iterator[str]:
    name = f"python{PYTHON}"
    yield sys.executable
    for place in filter(None, environ.get("PATH", "").split(os.pathsep)):
        yield str(Path(place) / name)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or os.devnull)
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv")
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    for folder in (
        *sorted((pyenv / "versions").glob(f"{PYTHON}*"), reverse=True),
        *sorted(uv.glob(f"cpython-{PYTHON}*"), reverse=True),
    ):
        yield str(folder / "bin" / name)


def _asked(candidate: str) -> str | None:
    """Return the path of the Python behind *candidate*, if its bytecode is the functions'."""
    if not Path(candidate).is_file():
        return None
    try:
        done = subprocess.run(  # noqa: S603 - no shell; the program is a Python that was looked for
            [candidate, "-I", "-S", "-c", _ASK],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stdout.strip().split(" ", 2)
    # An early release of 3.13 has the tag, but other bytecode.
    matches = done.returncode == 0 and said[:2] == [CACHE_TAG, BYTECODE_MAGIC.hex()]
    return said[2] if matches else None


def _compile(root: Path, python: str) -> None:
    command = [
        *(python, "-s", "-P", "-m", "compileall", "-q", "-b"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", str(root), "-p", TASK_ROOT, str(root)),
    ]
    # Without variables of Python's own, such as one that leaves out docstrings.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    done = subprocess.run(  # noqa: S603 - no shell; the program was asked what it is
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=root,
        env=kept,
    )
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.startswith("***")]
        where = said[0].strip("* \n").replace(str(root), "") if said else "compileall failed"
        raise BundleError(f"bytecode cannot be made: {where}")
