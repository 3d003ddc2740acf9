"""Reflekt's own code and metadata, from wherever it is installed."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from reflekt_chalice.deployment.bundle.failures import BundleError

__all__ = ["DISTRIBUTION", "own_files"]

DISTRIBUTION: Final = "reflekt-journal"

_PACKAGES: Final = ("reflekt_core", "reflekt_chalice")
_METADATA: Final = ("METADATA", "entry_points.txt")


def own_files() -> dict[str, bytes]:
    """
    Return the files of the installed package, by their places in a folder of packages.

    One that is installed in place, from its sources, gives the same.

    Raises:
        BundleError: It is not installed; the code runs from elsewhere.
    """
    installed = _installed()
    about = f"{DISTRIBUTION.replace('-', '_')}-{installed.version}.dist-info"
    texts = ((name, installed.read_text(name)) for name in _METADATA)
    metadata = {f"{about}/{name}": text.encode() for name, text in texts if text}
    return {**metadata, **{k: v for name in _PACKAGES for k, v in _package(name).items()}}


def _installed() -> Distribution:
    try:
        return distribution(DISTRIBUTION)
    except PackageNotFoundError:
        raise BundleError(
            f"{DISTRIBUTION} is not installed here, so its version is unknown: "
            "run `pip install -e .` in its folder first"
        ) from None


def _package(name: str) -> dict[str, bytes]:
    spec = find_spec(name)
    folders = (spec and spec.submodule_search_locations) or ()
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for folder in map(Path, folders)
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
