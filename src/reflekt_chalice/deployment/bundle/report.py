"""How large a bundle is, what of it each function loads, and what weighs most."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import attrs

from reflekt_chalice.deployment.bundle.bytecode import bytecode_path
from reflekt_chalice.deployment.bundle.target import AI, BASE
from reflekt_chalice.functions import FUNCTIONS

__all__ = ["Artefact", "Loaded", "Report", "reported"]

Sizes = Mapping[str, int]
"""Bytes, by distribution."""
Contents = Mapping[str, Mapping[str, bytes]]
"""The files of each distribution."""

_SHOWN: Final = 5
_SDKS: Final = ("openai", "anthropic")
_PROBE: Final = "reflekt_chalice.deployment.bundle.probe"


@attrs.frozen(kw_only=True)
class Artefact:
    """A zip: its own size, and what is in it, unpacked."""

    name: str
    zipped: int
    sizes: Sizes

    @property
    def unzipped(self) -> int:
        """All of it, unpacked."""
        return sum(self.sizes.values())


@attrs.frozen(kw_only=True)
class Loaded:
    """
    What one function loads until its first request is answered.

    `path` is the function, and with a vendor's SDK its name. `sizes` are of bytecode and native code.
    If it cannot be told here, there are none, and `unknown` says why.
    """

    path: str
    artefact: str
    sizes: Sizes
    unknown: str = ""


@attrs.frozen
class Report:
    """Sizes in bytes."""

    artefacts: tuple[Artefact, ...]
    functions: tuple[Loaded, ...]

    def lines(self) -> tuple[str, ...]:
        """Return the report as a table, for people."""
        packed = (
            _row(f"{one.name}.zip", one.unzipped, one.sizes, f"{_megabytes(one.zipped)} zipped")
            for one in self.artefacts
        )
        loaded = (
            f"{one.path:<20} {'?':>8}  {one.unknown}"
            if one.unknown
            else _row(one.path, sum(one.sizes.values()), one.sizes)
            for one in self.functions
        )
        return (
            "unpacked, in MB",
            *packed,
            "",
            "loaded until the first answer: bytecode and native code, in MB",
            *loaded,
        )


def reported(contents: Mapping[str, Contents], zips: Mapping[str, Path]) -> Report:
    """
    Return the report on artefacts with these *contents*, which stand in *zips*.

    What a function loads is found by running its handler once, with the packages installed here.
    """
    artefacts = tuple(
        Artefact(name=name, zipped=zips[name].stat().st_size, sizes=_sizes(parts))
        for name, parts in contents.items()
    )
    paths = tuple(_paths())
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(lambda row: _modules(*row[1:]), paths)
        functions = tuple(
            Loaded(
                path=path,
                artefact=AI if FUNCTIONS[name].ai_key else BASE,
                sizes=_loaded(modules, contents[AI]),
                unknown=why,
            )
            for (path, name, _), (modules, why) in zip(paths, found, strict=True)
        )
    return Report(artefacts, functions)


def _paths() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for name, function in FUNCTIONS.items():
        yield name, name, ()
        if function.ai_key:
            yield from ((f"{name} with {sdk}", name, (sdk,)) for sdk in _SDKS)


def _modules(name: str, sdks: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Return the modules that a function loads, or why that cannot be told here."""
    absent = [sdk for sdk in sdks if not find_spec(sdk)]
    if absent:
        return (), f"{absent[0]} is not installed here: pip install 'reflekt-journal[{absent[0]}]'"
    kept = {key: os.environ[key] for key in _NEEDED if key in os.environ}
    done = subprocess.run(  # noqa: S603 - no shell; this Python and our own module
        [sys.executable, "-m", _PROBE, name, *sdks],
        check=False,
        capture_output=True,
        text=True,
        env=kept,
    )
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2].partition(":")[0]
        return (), f"its handler cannot be loaded here: {last or 'it ended'}"
    return tuple(json.loads(done.stdout.splitlines()[-1])), ""


_NEEDED: Final = ("PATH", "PYTHONPATH", "SYSTEMROOT", "VIRTUAL_ENV")


def _sizes(parts: Contents) -> Sizes:
    return {name: sum(map(len, files.values())) for name, files in parts.items()}


def _loaded(modules: Iterable[str], parts: Contents) -> Sizes:
    native = {_module_of(path): path for files in parts.values() for path in files}
    wanted = {path for name in modules for path in _files_of(name)}
    wanted |= {native[name] for name in modules if name in native}
    sizes = {
        name: sum(len(files[path]) for path in files.keys() & wanted)
        for name, files in parts.items()
    }
    return {name: size for name, size in sizes.items() if size}


def _files_of(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return bytecode_path(f"{path}.py"), bytecode_path(f"{path}/__init__.py")


def _module_of(path: str) -> str:
    """Return the module whose native code is at *path*; of other files, nothing that is one."""
    return path.partition(".")[0].replace("/", ".") if path.endswith(".so") else path


def _row(name: str, total: int, sizes: Sizes, note: str = "") -> str:
    heaviest = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
    parts = ", ".join(f"{part} {_megabytes(size)}" for part, size in heaviest)
    return f"{name:<20} {_megabytes(total):>8}  {f'{note}; ' if note else ''}{parts}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.2f}"
