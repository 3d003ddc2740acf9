"""Is a zip what it should be? Each thing that is not, in a line."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from reflekt_chalice.deployment.bundle.archive import digest, distributions, read_record
from reflekt_chalice.deployment.bundle.bytecode import bytecode_path, bytecode_problem
from reflekt_chalice.deployment.bundle.elf import is_native, native_problem
from reflekt_chalice.deployment.bundle.own import DISTRIBUTION, own_files
from reflekt_chalice.deployment.bundle.pruning import kept
from reflekt_chalice.deployment.bundle.target import ARTEFACTS, PYTHON
from reflekt_chalice.deployment.bundle.wheels import Locked, canonical, lock_text, parse_lock

__all__ = ["MANIFEST", "problems_of", "verify"]

Files = Mapping[str, bytes]

MANIFEST: Final = "reflekt-bundle.json"

_MOST_BYTES: Final = 262_144_000
"""What Lambda unpacks at most."""


def verify(path: Path) -> tuple[str, ...]:
    """
    Return what is wrong with the zip at *path*, in a line each; nothing, if it may be deployed.

    It is held against the package and the locks that are installed here: every wheel against its
    hash in the lock, every file against the record of its distribution, native code against the
    functions' machine, and our own code against what is installed. That a record itself is the wheel's cannot be seen
    without the wheel; `build` sees to it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > _MOST_BYTES:
                return (f"{path.name} is larger than Lambda takes",)
            twice = len(entries) != len({entry.filename for entry in entries})
            files = {entry.filename: archive.read(entry) for entry in entries}
    except OSError as error:
        return (f"{path}: {error.strerror or 'cannot be read'}",)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        return (f"{path.name} is no zip, or a damaged one",)
    return (
        *((f"{path.name} holds a name twice",) if twice else ()),
        *problems_of(files, own_files()),
    )


def problems_of(files: Files, own: Files) -> tuple[str, ...]:
    """Return what is wrong with *files*, which a zip holds; *own* are those of the package here."""
    return tuple(
        sorted(
            {
                *_made_of(files, own),
                *_recorded(files),
                *_native(files),
                *_compiled(files),
                *_own(files, own),
            }
        )
    )


def _native(files: Files) -> Iterator[str]:
    for path, content in files.items():
        problem = native_problem(content) if is_native(path, content) else None
        if problem:
            yield f"{path} {problem}"


def _compiled(files: Files) -> Iterator[str]:
    for path, content in files.items():
        if path.endswith(".py"):
            yield f"{path} is source, which Python would compile at every start"
        problem = bytecode_problem(content) if path.endswith(".pyc") else None
        if problem:
            yield f"{path} {problem}"


def _own(files: Files, own: Files) -> Iterator[str]:
    """Hold our own code against what is installed here."""
    for path, content in kept(DISTRIBUTION, own).items():
        place = bytecode_path(path) if path.endswith(".py") else path
        inside = files.get(place)
        if inside is None:
            yield f"{place} is missing"
        elif place != path:
            problem = bytecode_problem(inside, content)
            if problem:
                yield f"{place} {problem}"
        elif inside != content:
            yield f"{place} is not what is installed here"


def _recorded(files: Files) -> Iterator[str]:
    """Hold every file against the records of all distributions."""
    records = [path for path in files if path.endswith(".dist-info/RECORD")]
    known = {name: sum_ for path in records for name, sum_ in read_record(files[path]).items()}
    for path, content in files.items():
        if path == MANIFEST:
            continue
        if path not in known:
            yield f"{path} belongs to no package"
        elif path not in records and digest(content) != known[path]:
            yield f"{path} is not what its package's record says"
    for path in known.keys() - files.keys():
        yield f"{path} is missing"


def _made_of(files: Files, own: Files) -> Iterator[str]:
    """Hold what the zip says of itself against the locks and the package here."""
    said = _manifest(files)
    if said is None or said.get("artefact") not in ARTEFACTS:
        yield f"{MANIFEST} is missing or damaged: no build of ours"
        return
    lock = lock_text(said["artefact"])
    locked = parse_lock(lock)
    if said.get("lock") != hashlib.sha256(lock.encode()).hexdigest():
        yield "it was built from other locks than those of this version"
    if said.get("python") != PYTHON:
        yield f"it was built for another Python than {PYTHON}"
    wanted = {**{row.name: row.version for row in locked.values()}, **distributions(own)}
    inside = distributions(files)
    for name in sorted(inside.keys() | wanted.keys()):
        if inside.get(name) != wanted.get(name):
            yield _difference(name, inside.get(name), wanted.get(name))
    yield from _wheels(said.get("wheels"), locked)


def _wheels(said: object, locked: Mapping[str, Locked]) -> Iterator[str]:
    wheels = said.items() if isinstance(said, dict) else ()
    there = {canonical(str(file).split("-")[0]): (file, sum_) for file, sum_ in wheels}
    for name, row in locked.items():
        file, sum_ = there.get(name, (name, ""))
        if sum_ not in row.hashes:
            yield f"{file} is not the wheel that the lock names"


def _difference(name: str, inside: str | None, wanted: str | None) -> str:
    if inside is None:
        return f"{name} {wanted} is missing"
    if wanted is None:
        return f"{name} {inside} does not belong there"
    return f"{name} is {inside}, not {wanted}"


def _manifest(files: Files) -> dict[str, Any] | None:
    try:
        said = json.loads(files[MANIFEST])
    except (KeyError, ValueError):
        return None
    return said if isinstance(said, dict) else None
