"""Building both zips: all of it in a temporary folder, moved to their places at the end."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import attrs

from reflekt_chalice.deployment.bundle.archive import with_record, write_zip
from reflekt_chalice.deployment.bundle.bytecode import bytecode_path, compiled, find_python
from reflekt_chalice.deployment.bundle.failures import BundleError
from reflekt_chalice.deployment.bundle.own import DISTRIBUTION, own_files
from reflekt_chalice.deployment.bundle.pruning import kept
from reflekt_chalice.deployment.bundle.report import Report, reported
from reflekt_chalice.deployment.bundle.target import AI, ARTEFACTS, BASE, PYTHON
from reflekt_chalice.deployment.bundle.verification import MANIFEST, problems_of
from reflekt_chalice.deployment.bundle.wheels import Wheel, fetch, lock_text, parse_lock

__all__ = ["Bundle", "build"]

Files = dict[str, bytes]
_SHOWN: Final = 3


@attrs.frozen(kw_only=True)
class Bundle:
    """Two zips, and how large what is in them is."""

    base: Path
    ai: Path
    report: Report


def build(out: Path, *, clean: bool = False, say: Callable[[str], None]) -> Bundle:
    """
    Return the zips, made in the folder *out*.

    Nothing of them is left there if one cannot be made; those of an earlier build stay.

    Args:
        out: Made if it does not exist.
        clean: Fetch everything again, and take nothing from pip's cache.
        say: Told, in a line each, what is being done.

    Raises:
        BundleError: There is no Python 3.13, a wheel cannot be had or is not what the lock says, or
            what would be in a zip cannot run there.
    """
    python, own = find_python(), own_files()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".bundle-", dir=out) as folder:
            work = Path(folder)
            say("fetching what the locks name")
            wheels = fetch(AI, work, fresh=clean)
            say(f"compiling for Python {PYTHON}")
            contents = _contents(wheels, own, python)
            for artefact, parts in contents.items():
                say(f"packing and checking {artefact}.zip")
                files = _files(artefact, parts, wheels)
                _refuse(artefact, problems_of(files, own))
                write_zip(work / f"{artefact}.zip", files)
            say("looking at what each function loads")
            report = reported(contents, {name: work / f"{name}.zip" for name in contents})
            for artefact in contents:
                os.replace(work / f"{artefact}.zip", out / f"{artefact}.zip")  # noqa: PTH105 - over an earlier one
    except OSError as error:
        reason = error.strerror or "cannot be used"
        raise BundleError(f"{error.filename or out}: {reason}") from None
    return Bundle(base=out / f"{BASE}.zip", ai=out / f"{AI}.zip", report=report)


def _contents(
    wheels: tuple[Wheel, ...], own: Files, python: str
) -> Mapping[str, Mapping[str, Files]]:
    """Return, for each artefact, what is left of each distribution, with bytecode and a record."""
    parts = {wheel.name: kept(wheel.name, wheel.files) for wheel in wheels}
    parts[DISTRIBUTION] = kept(DISTRIBUTION, own)
    sources = {
        path: content
        for part in parts.values()
        for path, content in part.items()
        if path.endswith(".py")
    }
    bytecode = compiled(sources, python)
    whole = {name: with_record(_runnable(part, bytecode)) for name, part in parts.items()}
    return {
        artefact: {name: whole[name] for name in (*parse_lock(lock_text(artefact)), DISTRIBUTION)}
        for artefact in ARTEFACTS
    }


def _runnable(part: Files, bytecode: Mapping[str, bytes]) -> Files:
    """Return *part* with bytecode in place of sources."""
    places = {path: bytecode_path(path) for path in part if path.endswith(".py")}
    rest = {path: content for path, content in part.items() if path not in places}
    return {**rest, **{path: bytecode[path] for path in places.values()}}


def _files(
    artefact: str, parts: Mapping[str, Files], wheels: tuple[Wheel, ...]
) -> dict[str, bytes]:
    """Return all files of an artefact, and what it says of itself."""
    said = {
        "artefact": artefact,
        "lock": hashlib.sha256(lock_text(artefact).encode()).hexdigest(),
        "python": PYTHON,
        "wheels": {wheel.file: wheel.sha256 for wheel in wheels if wheel.name in parts},
    }
    files = {path: content for part in parts.values() for path, content in part.items()}
    return {**files, MANIFEST: json.dumps(said, indent=1, sort_keys=True).encode() + b"\n"}


def _refuse(artefact: str, problems: tuple[str, ...]) -> None:
    if problems:
        more = len(problems) - _SHOWN
        shown = "; ".join(problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BundleError(f"{artefact}.zip cannot be used: {shown}")
