"""
Send a folder of text files to a Reflekt service, each once, and print what was understood of them.

    pip install 'reflekt-journal[client]'
    python client_script.py diary --url http://127.0.0.1:8000 --token-file token

Every `.txt` becomes an entry; a name such as `2026-11-22 By the sea.txt` gives its day and title.
Run it as often as you like, also after it was cut off: what is there is not written again. A file
that was edited or renamed is a new entry. What is `pending` is understood a moment later.
"""

import argparse
import asyncio
import re
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import attrs

from reflekt_core import AsyncClient, Client, ReflektError
from reflekt_core.errors import Conflict, InvalidInput, MalformedInput, TooLarge
from reflekt_core.model.entries import Entry
from reflekt_core.model.insights import InsightView

NAME = re.compile(r"(\d{4}-\d\d-\d\d)?[ _-]*(.*)", re.DOTALL)

REFUSED = (Conflict, InvalidInput, TooLarge)
"""One note cannot be written; the others can."""


@attrs.frozen
class Note:
    """A file of the folder."""

    file: str
    text: str
    title: str
    day: str | None

    @property
    def sent(self) -> dict[str, Any]:
        """What is sent of it. The key says which entry it is: the same file is the same entry."""
        key = sha256(f"{self.file}\0{self.text}".encode()).hexdigest()
        at = datetime.fromisoformat(f"{self.day}T12:00").replace(tzinfo=UTC) if self.day else None
        return {"title": self.title, "occurred_at": at, "idempotency_key": key}


def read_note(path: Path) -> Note:
    """
    Return the note in a file.

    Raises:
        MalformedInput: It is none.
    """
    day, title = NAME.fullmatch(path.stem).groups()  # type: ignore[union-attr]  # it always fits
    try:
        path.name.encode()
        if day:
            datetime.fromisoformat(day)
        return Note(path.name, path.read_text("utf-8-sig").strip(), title, day)
    except OSError as error:
        raise MalformedInput(f"cannot be read: {error.strerror}") from None
    except UnicodeError:
        raise MalformedInput("it or its name is not UTF-8") from None
    except ValueError:
        raise MalformedInput("there is no such day") from None


def write(client: Client, notes: list[Note]) -> list[Entry | ReflektError]:
    """Return the entry of each note, or why there is none, one after the other."""
    written: list[Entry | ReflektError] = []
    for note in notes:
        try:
            written.append(client.entries.create(note.text, **note.sent))
        except REFUSED as error:
            written.append(error)
    return written


async def write_at_once(client: AsyncClient, notes: list[Note]) -> list[Entry | ReflektError]:
    """Do the same, for eight notes at a time."""
    places = asyncio.Semaphore(8)

    async def write_one(note: Note) -> Entry | ReflektError:
        try:
            async with places:
                return await client.entries.create(note.text, **note.sent)
        except REFUSED as error:
            return error

    async with client:
        return list(await asyncio.gather(*map(write_one, notes)))


def understood(client: Client, entry: Entry) -> str:
    """Return in a line what was understood of the entry, or that it was not yet."""
    if entry.trashed_at is not None:
        return "in the trash there"
    insight = client.entries.insights(entry.id)
    if not isinstance(insight, InsightView):
        return insight.status
    topics = ", ".join(topic.name for topic in insight.topics)
    return f"{insight.sentiment.label}; {topics or 'no topics'}"


def arguments() -> argparse.Namespace:
    """Return what is wanted."""
    parser = argparse.ArgumentParser(description="Send a folder of text files to Reflekt.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", required=True, help="where the service is")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the token")
    parser.add_argument("--at-once", action="store_true", help="send eight at a time")
    wanted = parser.parse_args()
    if not wanted.folder.is_dir():
        parser.error(f"{wanted.folder} is no folder")
    return wanted


def main() -> int:
    """Send the notes; return 0 if there is an entry for each."""
    wanted = arguments()

    def token() -> str:
        # Called again if the service accepts it no longer: whoever renews it writes the file anew.
        text: str = wanted.token_file.read_text("utf-8", errors="replace")
        return text.strip()

    notes, failed = [], []
    try:
        for path in sorted(wanted.folder.glob("*.txt")):
            try:
                notes.append(read_note(path))
            except MalformedInput as error:
                failed.append(f"{path.name}: {error}")
        with Client(wanted.url, token) as client:
            if wanted.at_once:
                written = asyncio.run(write_at_once(AsyncClient(wanted.url, token), notes))
            else:
                written = write(client, notes)
            for note, entry in zip(notes, written, strict=True):
                if isinstance(entry, Entry):
                    print(f"{entry.local_date}  {note.file}: {understood(client, entry)}")
                else:
                    failed.append(f"{note.file}: {entry}")
    except (ReflektError, OSError) as error:  # no service, no token, no permission
        sys.exit(f"client_script.py: {error}")
    for line in failed:
        print(line, file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
