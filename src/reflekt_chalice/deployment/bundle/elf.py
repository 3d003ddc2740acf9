"""Native code: is it for the functions' machine, and not too new for its libraries?"""

import io
import re
from typing import Final

from reflekt_chalice.deployment.bundle.target import ARCHITECTURE, NEWEST_SYMBOLS

__all__ = ["is_native", "native_problem"]

_ELF: Final = b"\x7fELF"
_NAMED_NATIVE: Final = re.compile(r"\.(so(\.\d+)*|pyd|dll|dylib|exe)$")
_SYMBOL: Final = re.compile(r"([A-Z]+)_([\d.]+|PRIVATE)")


def is_native(path: str, content: bytes) -> bool:
    """Tell whether a file is a machine's code, by its content or by its name."""
    return content.startswith(_ELF) or _NAMED_NATIVE.search(path) is not None


def native_problem(content: bytes) -> str | None:
    """
    Return what keeps native code from running there; None if nothing does.

    It has to be an ELF file for ARM64, and to ask for no newer symbol than the libraries have.
    """
    # Loaded for who builds or verifies.
    from elftools.elf.elffile import ELFFile  # noqa: PLC0415

    if not content.startswith(_ELF):
        return "is no code for Linux"
    try:
        file = ELFFile(io.BytesIO(content))
        if file["e_machine"] != ARCHITECTURE:
            return f"is for {str(file['e_machine']).removeprefix('EM_').lower()}, not for aarch64"
        return _symbol_problem(file)
    except Exception:  # noqa: BLE001 - on what is no whole file, the library fails in many ways
        return "is damaged"


def _symbol_problem(file: object) -> str | None:
    from elftools.elf.gnuversions import GNUVerNeedSection  # noqa: PLC0415

    for section in file.iter_sections():  # type: ignore[attr-defined]
        if isinstance(section, GNUVerNeedSection):
            for _, needed in section.iter_versions():
                for one in needed:
                    if _is_too_new(one.name):
                        return f"needs {one.name}, which the runtime does not have"
    return None


def _is_too_new(symbol: str) -> bool:
    found = _SYMBOL.fullmatch(symbol)
    if found is None or found[1] not in NEWEST_SYMBOLS:
        return False
    if found[2] == "PRIVATE":  # good for one build of the library alone
        return True
    return tuple(map(int, found[2].split("."))) > NEWEST_SYMBOLS[found[1]]
