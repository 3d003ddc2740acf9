"""The wheels that a lock names, fetched by pip and checked against the lock's hashes."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import attrs

from reflekt_chalice.deployment.bundle.failures import BundleError
from reflekt_chalice.deployment.bundle.target import PLATFORMS, PYTHON

__all__ = ["Locked", "Wheel", "canonical", "fetch", "lock_text", "parse_lock", "unpack"]

Files = dict[str, bytes]

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)
_ADDRESS: Final = re.compile(r"[a-z+]+://\S+")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@attrs.frozen
class Locked:
    """One row of a lock: a version, and the hashes of its wheels."""

    name: str
    version: str
    hashes: frozenset[str]


@attrs.frozen
class Wheel:
    """A wheel as it was fetched, and what it puts into a folder of packages."""

    name: str
    version: str
    file: str
    sha256: str
    files: Files = attrs.field(repr=False)


def canonical(name: str) -> str:
    """Return the one spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lock_text(artefact: str) -> str:
    """Return the lock of *artefact*, ``base`` or ``ai``."""
    return (_locks() / f"{artefact}.txt").read_text("utf-8")


def parse_lock(text: str) -> dict[str, Locked]:
    """Return the rows of a lock by the names of the distributions."""
    starts = [*_PIN.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    rows = (
        Locked(canonical(start[1]), start[2], frozenset(_HASH.findall(text[start.start() : end])))
        for start, end in zip(starts, ends, strict=True)
    )
    return {row.name: row for row in rows}


def fetch(artefact: str, folder: Path, *, fresh: bool = False) -> tuple[Wheel, ...]:
    """
    Return the wheels that the lock of *artefact* names, fetched into *folder*, sorted by name.

    pip fetches them from wherever it is set up to fetch from. `fresh` leaves its cache out.

    Raises:
        BundleError: One cannot be had, or is not what the lock says.
    """
    lock = folder / f"{artefact}.txt"
    lock.write_text(lock_text(artefact), "utf-8")
    _run_pip(lock, folder, fresh=fresh)
    locked = parse_lock(lock.read_text("utf-8"))
    wheels = tuple(sorted(map(_read, folder.glob("*.whl")), key=lambda wheel: wheel.name))
    for wheel in wheels:
        if wheel.sha256 not in locked[wheel.name].hashes:
            raise BundleError(_mismatch(wheel.name))
    missing = sorted(locked.keys() - {wheel.name for wheel in wheels})
    if missing:
        raise BundleError(f"pip did not fetch {', '.join(missing)}")
    return wheels


def unpack(wheel: Path) -> Files:
    """Return what *wheel* puts into a folder of packages. Scripts and headers are left out."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        placed = ((_installed(name), name) for name in names)
        return {path: archive.read(name) for path, name in placed if path}


def _locks() -> Path:
    return Path(str(files("reflekt_chalice.deployment") / "locks"))


def _installed(name: str) -> str | None:
    """Return where a wheel's file goes; None if to no folder of packages."""
    found = re.match(r"[^/]+\.data/([^/]+)/(.+)", name)
    if found is None:
        return name
    return found[2] if found[1] in {"purelib", "platlib"} else None


def _read(path: Path) -> Wheel:
    name, version = path.name.split("-")[:2]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Wheel(canonical(name), version, path.name, digest, unpack(path))


def _run_pip(lock: Path, folder: Path, *, fresh: bool) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download"),
        *("--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
        *("--implementation", "cp", "--python-version", PYTHON),
        *(part for platform in PLATFORMS for part in ("--platform", platform)),
        *(("--no-cache-dir",) if fresh else ()),
        *("--dest", str(folder), "--requirement", str(lock)),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and nothing of a user's in it
            command,
            check=False,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "LC_ALL": "C", "PIP_NO_COLOR": "1"},
        )
    except OSError as error:
        raise BundleError(f"pip cannot be started: {error.strerror}") from None
    if done.returncode:
        raise BundleError(_pip_problem((done.stderr + done.stdout).splitlines()))


def _pip_problem(lines: Iterable[str]) -> str:
    """Return in one line what pip says in many, without addresses, which may hold a password."""
    said = [line.strip() for line in lines]
    text = "\n".join(said)
    if "No module named pip" in text:
        return "pip is missing: run `python -m ensurepip`, or install 'reflekt-journal[aws]' anew"
    if "DO NOT MATCH THE HASHES" in text:
        return _mismatch(next(_pinned(said), "a package"))
    if any(sign in text for sign in _OFFLINE):
        return "the package index cannot be reached: check the network and pip's settings"
    if "No matching distribution" in text or "no matching distribution" in text.lower():
        wanted = next(_pinned(line for line in said if "atching distribution" in line), "a package")
        return f"the package index has no wheel of {wanted} for Python {PYTHON} on ARM64"
    if "No space left" in text:
        return "the disk is full"
    last = next((line for line in reversed(said) if line.startswith("ERROR:")), "no reason given")
    return f"pip failed: {_ADDRESS.sub('an address', last.removeprefix('ERROR:').strip())}"


_OFFLINE: Final = (
    "NewConnectionError",
    "Failed to establish a new connection",
    "ConnectTimeoutError",
    "Connection refused",
    "NameResolutionError",
    "ProxyError",
    "ReadTimeoutError",
    "SSLError",
    "SSL: CERTIFICATE_VERIFY_FAILED",
)


def _pinned(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        found = re.search(r"([A-Za-z0-9._-]+==[A-Za-z0-9.+!]+)", line)
        if found:
            yield found[1]


def _mismatch(name: str) -> str:
    return f"{name} is not what the lock says: its hash differs, so nothing was built"
