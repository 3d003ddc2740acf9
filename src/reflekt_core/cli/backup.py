"""`reflekt backup` and `restore`."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final
from urllib.parse import quote

import click

from reflekt_core.cli.folder import DEFAULT_FOLDER, journal_url, made
from reflekt_core.cli.options import Command, emit, file_of, on_journal, opened
from reflekt_core.stores.sqlite.schema import APPLICATION_ID, MIGRATIONS

__all__ = ["backup", "restore"]

_BESIDE: Final = ("-wal", "-shm")
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_MAGIC: Final = b"SQLite format 3\0"


@click.command(cls=Command, examples=("reflekt backup journal-2026-11-22.db",))
@click.argument("file", type=click.Path(path_type=Path))
@on_journal
def backup(file: Path, store: str | None, user: str, *, as_json: bool) -> None:
    """Copy the whole journal, of all users, to the new FILE; others may go on writing meanwhile."""
    with opened(store, user) as reflekt:
        reflekt.store.backup(str(file))
    size = file.stat().st_size
    if as_json:
        emit({"file": str(file), "bytes": size})
    else:
        click.echo(f"{file}  {size:,} bytes")


@click.command(
    cls=Command,
    examples=(
        "reflekt restore journal-2026-11-22.db",
        "reflekt restore journal-2026-11-22.db --force --store sqlite:///journal.db",
    ),
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the journal that is there.")
@on_journal
def restore(file: Path, store: str | None, user: str, *, force: bool, as_json: bool) -> None:  # noqa: ARG001 - a backup holds all users
    """
    Put the backup FILE in the place of the journal, of all users.

    FILE is checked from end to end first. The journal is replaced in one step, or stays as it is.
    """
    target = file_of(store or journal_url(DEFAULT_FOLDER))
    if target is None:
        raise click.BadParameter("only a journal in SQLite is restored", param_hint="'--store'")
    with _checked(file, target) as source:
        if target.exists() and not force:
            raise click.ClickException(f"{target} exists: --force replaces it; back it up first")
        if not store:
            made(DEFAULT_FOLDER)
        kept = _replace(source, target)
    if as_json:
        emit({"file": str(target), "kept": kept and str(kept)})
    else:
        aside = f"; the damaged one is kept as {kept}" if kept else ""
        click.echo(f"{target} is restored from {file}{aside}")


@contextmanager
def _checked(file: Path, target: Path) -> Iterator[sqlite3.Connection]:
    """Lend a connection to the backup *file*, which is one of ours and whole."""
    if not file.exists():
        raise click.ClickException(f"there is no file {file}")
    if target.exists() and file.samefile(target):
        raise click.ClickException(f"{file} is the journal itself, not a backup of it")
    if any(_beside(file, "-wal")):
        raise click.ClickException(f"{file} is a journal in use; make a backup of it first")
    # Nobody writes to a backup: nothing is locked, and nothing made beside it.
    url = f"file:{quote(str(file.absolute()))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(url, uri=True, isolation_level=None)) as source:
        fault = _fault(source)
        if fault:
            raise click.ClickException(f"{file} {fault}; nothing was changed")
        yield source


def _fault(source: sqlite3.Connection) -> str | None:
    try:
        (ours,) = source.execute("PRAGMA application_id").fetchone()
        (version,) = source.execute("PRAGMA user_version").fetchone()
        if ours != APPLICATION_ID:
            return "is not a backup of a Reflekt journal"
        if version > len(MIGRATIONS):
            return "was written by a newer Reflekt: use that"
        (found,) = source.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        ours_still = getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB
        return "is damaged" if ours_still else "is not a backup of a Reflekt journal"
    return None if found == "ok" else "is damaged"


def _replace(source: sqlite3.Connection, target: Path) -> Path | None:
    """Put *source* in the place of *target*; return where a damaged one was moved."""
    # Looked at before SQLite does, which would throw away the log of what it cannot read.
    if _begins_as_sqlite(target):
        try:
            _overwrite(source, target)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_CORRUPT:
                name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
                raise click.ClickException(f"{target} was left as it is ({name})") from None
        else:
            return None
    aside = _set_aside(target)
    _place(source, target)
    return aside


def _begins_as_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except FileNotFoundError:
        return False


def _overwrite(source: sqlite3.Connection, target: Path) -> None:
    # As one transaction of SQLite's own: whoever has the journal open sees the one or the other.
    with closing(sqlite3.connect(target, isolation_level=None, timeout=1)) as journal:
        journal.execute("PRAGMA synchronous = FULL")
        if journal.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
            raise click.ClickException(f"{target} is not a Reflekt journal; it was left as it is")
        source.backup(journal, progress=_give_up_if_busy)


def _give_up_if_busy(status: int, _: int, __: int) -> None:
    # Left to itself it would try again for ever.
    if status in _BUSY:
        raise click.ClickException("the journal is being written to: try again")


def _place(source: sqlite3.Connection, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{token_hex(8)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
            source.backup(copy)
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    finally:
        for file in (draft, *_beside(draft, *_BESIDE)):
            file.unlink(missing_ok=True)


def _set_aside(target: Path) -> Path | None:
    """Move a damaged journal away, or what one that is gone left beside it: it is not the new one's."""
    aside = target.with_name(f"{target.name}.damaged-{token_hex(4)}")
    moved = False
    for suffix in (*_BESIDE, ""):
        with suppress(FileNotFoundError):
            target.with_name(target.name + suffix).rename(aside.with_name(aside.name + suffix))
            moved = True
    return aside if moved else None


def _beside(file: Path, *suffixes: str) -> Iterator[Path]:
    for suffix in suffixes:
        path = file.with_name(file.name + suffix)
        if path.exists() and path.stat().st_size:
            yield path


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
