"""
The bundle for this machine's processor: the same zip, with its compiled files exchanged.

The emulator runs functions as processes of this machine, where ARM64 code cannot run. All else in the
zip, such as bytecode and what was left out, stays as it would be deployed.
"""

import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from reflekt_chalice.deployment.bundle.archive import read_record, write_zip
from reflekt_chalice.deployment.bundle.target import PLATFORMS, PYTHON
from reflekt_chalice.deployment.bundle.wheels import canonical, lock_text, parse_lock, unpack

_ELF = b"\x7fELF"


def exchange(artefact: str, built: Path, out: Path) -> tuple[str, ...]:
    """
    Write *built* to *out* with the compiled files of this processor; return whose they are.

    The wheels are those of the lock: of the same versions, checked by its hashes.
    """
    with zipfile.ZipFile(built) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    compiled = {name for name, content in files.items() if content.startswith(_ELF)}
    owners = sorted({_owner(name, files) for name in compiled})
    kept = {name: content for name, content in files.items() if name not in compiled}
    write_zip(out, kept | _compiled_here(artefact, owners))
    return tuple(owners)


def _owner(compiled: str, files: dict[str, bytes]) -> str:
    """Return the distribution whose record names the file *compiled*."""
    records = (name for name in files if name.endswith(".dist-info/RECORD"))
    (record,) = (name for name in records if compiled in read_record(files[name]))
    return canonical(record.split("-")[0])


def _compiled_here(artefact: str, names: Iterable[str]) -> dict[str, bytes]:
    locked = parse_lock(lock_text(artefact))
    rows = (
        f"{name}=={locked[name].version} "
        + " ".join(f"--hash=sha256:{one}" for one in sorted(locked[name].hashes))
        for name in names
    )
    platforms = (one.replace("aarch64", platform.machine()) for one in PLATFORMS)
    with TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text("\n".join(rows))
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
                *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
                *("--implementation", "cp", "--python-version", PYTHON),
                *(part for one in platforms for part in ("--platform", one)),
                *("--dest", folder, "--requirement", str(requirements)),
            ],
            check=True,
            capture_output=True,
        )
        unpacked = [unpack(wheel) for wheel in Path(folder).glob("*.whl")]
    return {
        name: content
        for files in unpacked
        for name, content in files.items()
        if content.startswith(_ELF)
    }
