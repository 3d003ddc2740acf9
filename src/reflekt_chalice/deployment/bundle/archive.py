"""Zips whose bytes depend on their files alone, and the records of what is in them."""

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from reflekt_chalice.deployment.bundle.wheels import canonical

__all__ = ["digest", "distributions", "read_record", "record", "with_record", "write_zip"]

Files = Mapping[str, bytes]

_TIME: Final = (1980, 1, 1, 0, 0, 0)
_MODE: Final = 0o100644  # a file that all may read: Lambda runs it as a user of its own
_UNIX: Final = 3


def write_zip(path: Path, files: Files) -> None:
    """Write *files* to a zip at *path*. Their order, times and modes are always the same."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=9)


def with_record(files: Files) -> dict[str, bytes]:
    """Return the *files* of one distribution with the record of them in its metadata."""
    about = next(path.split("/")[0] for path in files if path.endswith(".dist-info/METADATA"))
    path = f"{about}/RECORD"
    return {**files, path: record(files, path)}


def record(files: Files, path: str) -> bytes:
    """Return the record of *files*, as wheels have it, that stands at *path*."""
    rows = [(name, f"sha256={digest(files[name])}", len(files[name])) for name in sorted(files)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([*rows, (path, "", "")])
    return text.getvalue().encode()


def read_record(content: bytes) -> dict[str, str]:
    """Return the digests that a record gives, by the files' names; its own is empty."""
    rows = csv.reader(content.decode("utf-8", "replace").splitlines())
    return {row[0]: row[1].removeprefix("sha256=") for row in rows if len(row) > 1}


def digest(content: bytes) -> str:
    """Return the digest of *content*, as records spell it."""
    found = hashlib.sha256(content).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode()


def distributions(paths: Iterable[str]) -> dict[str, str]:
    """Return the versions of the distributions whose metadata stand at *paths*, by their names."""
    folders = {path.split("/")[0] for path in paths if ".dist-info/" in path}
    parts = (folder.removesuffix(".dist-info").partition("-") for folder in folders)
    return {canonical(name): version for name, _, version in parts}
