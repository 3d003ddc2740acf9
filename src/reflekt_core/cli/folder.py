"""The folder that a journal of one machine lies in: the journal's file and the secret of its tokens."""

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import attrs

from reflekt_core.config import Config
from reflekt_core.errors import ConfigurationError

__all__ = ["DEFAULT_FOLDER", "configured", "journal_url", "made"]

DEFAULT_FOLDER: Final = Path("reflekt-data")
"""In the working directory."""

_JOURNAL: Final = "journal.db"
_SECRET: Final = "jwt-secret"  # noqa: S105 - the name of the file that holds it
_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def journal_url(folder: Path) -> str:
    """Return the URL of the store in *folder*."""
    return f"sqlite:///{folder / _JOURNAL}"


def made(folder: Path) -> Path:
    """Return *folder*, made for its owner alone if it does not exist."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def configured(environ: Mapping[str, str], folder: Path | None, *, new: bool) -> Config:
    """
    Return the configuration in *environ*, completed with the journal and the secret of *folder*.

    Args:
        environ: Its REFLEKT_STORE stands unless a *folder* is given; its JWT_SECRET or JWT_JWKS_URL
            always do.
        folder: `DEFAULT_FOLDER`, if left out.
        new: Make what is missing.

    Raises:
        ConfigurationError: Something is wrong, or there is no secret and none may be made.
    """
    config = Config.from_env(environ)
    place = folder or DEFAULT_FOLDER
    if folder or not environ.get("REFLEKT_STORE", "").strip():
        config = attrs.evolve(config, store=journal_url(place))
        if new:
            made(place)
    if config.jwt_secret is None and config.jwt_jwks_url is None:
        config = attrs.evolve(config, jwt_secret=_secret(place, new=new))
    return config


def _secret(folder: Path, *, new: bool) -> str:
    path = folder / _SECRET
    if new and not path.exists():
        _make_secret(made(folder), path)
    try:
        with path.open(encoding="ascii") as file:
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _FOR_OTHERS:
                raise ConfigurationError(f"others may read {path}: chmod 600 it, or delete it")
            return file.read().strip()
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no secret in {folder} yet: start 'reflekt serve' there first, or name "
            "its folder with --data"
        ) from None


def _make_secret(folder: Path, path: Path) -> None:
    # Linked into place when it is whole: of several servers that start at once, all read the
    # same secret, and none reads half of one.
    draft = folder / f".{_SECRET}.{secrets.token_hex(8)}"
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
