"""
The tables of a journal in SQLite, and how older ones become today's.

Users are known by a small number (`head.number`), times are whole microseconds since 1970 (UTC),
days are ordinals (`date.toordinal`), and a `body` is a value sealed by the store's cipher.
"""

from typing import Final

__all__ = ["APPLICATION_ID", "MIGRATIONS"]

APPLICATION_ID: Final = 0x52464B54
"""Tells a journal from other SQLite files: "RFKT" in the file's header."""

_FIRST: Final = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    # One row a user, never deleted: its number and epoch must not come back as somebody else's.
    """
    CREATE TABLE head (
        number INTEGER PRIMARY KEY,
        user_id TEXT NOT NULL UNIQUE,
        sequence INTEGER NOT NULL DEFAULT 0,
        epoch INTEGER NOT NULL DEFAULT 0,
        erasing INTEGER NOT NULL DEFAULT 0,
        erased INTEGER,
        entries INTEGER NOT NULL DEFAULT 0,
        trashed INTEGER NOT NULL DEFAULT 0
    )
    """,
    # `occurred` and `local_date` are null for a tombstone.
    """
    CREATE TABLE entry (
        key INTEGER PRIMARY KEY,
        user INTEGER NOT NULL,
        id BLOB NOT NULL,
        version INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        occurred INTEGER,
        local_date TEXT,
        trashed INTEGER,
        body BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX entry_id ON entry (user, id)",
    "CREATE UNIQUE INDEX entry_sequence ON entry (user, sequence)",
    """
    CREATE INDEX entry_time ON entry (user, occurred, id)
    WHERE occurred IS NOT NULL AND trashed IS NULL
    """,
    """
    CREATE INDEX entry_day ON entry (user, substr(local_date, 6), occurred, id)
    WHERE occurred IS NOT NULL AND trashed IS NULL
    """,
    "CREATE INDEX entry_trash ON entry (user, occurred, id) WHERE trashed IS NOT NULL",
    "CREATE INDEX entry_trashed ON entry (trashed) WHERE trashed IS NOT NULL",
    # Tags of entries outside the trash: which entries carry one, and how many do.
    """
    CREATE TABLE entry_tag (
        user INTEGER NOT NULL,
        tag TEXT NOT NULL,
        occurred INTEGER NOT NULL,
        id BLOB NOT NULL,
        key INTEGER NOT NULL,
        PRIMARY KEY (user, tag, occurred, id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE tag (
        user INTEGER NOT NULL,
        tag TEXT NOT NULL,
        name TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (user, tag)
    ) WITHOUT ROWID
    """,
    # Its rowid is `entry.key`. With this tokenizer every character beyond ASCII belongs to a word:
    # the words are ours, made by `model.search`, and only have to be told apart at the spaces.
    "CREATE VIRTUAL TABLE text USING fts5 (title, content, tokenize = 'ascii')",
    "INSERT INTO text (text, rank) VALUES ('rank', 'bm25(4.0, 1.0)')",
    # Whether words of deleted entries are still to be cleared out of the index: see `search.tidy`.
    "CREATE TABLE tidying (stage INTEGER NOT NULL)",
    "INSERT INTO tidying VALUES (0)",
    """
    CREATE TABLE insight (
        key INTEGER PRIMARY KEY,
        user INTEGER NOT NULL,
        id BLOB NOT NULL,
        content_version INTEGER NOT NULL,
        body BLOB NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX insight_id ON insight (user, id)",
    """
    CREATE TABLE contribution (
        user INTEGER NOT NULL,
        id BLOB NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (user, id)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE day (
        user INTEGER NOT NULL,
        day INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (user, day)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE run (
        user INTEGER NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        PRIMARY KEY (user, first)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX run_length ON run (user, last - first, last)",
    """
    CREATE TABLE record (
        user INTEGER NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        version INTEGER NOT NULL,
        expires INTEGER,
        body BLOB NOT NULL,
        PRIMARY KEY (user, kind, key)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX record_expires ON record (expires) WHERE expires IS NOT NULL",
    # `due` is null for what is due at once.
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user INTEGER NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        version INTEGER NOT NULL,
        occurred INTEGER NOT NULL,
        consumer TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        due INTEGER,
        parked INTEGER NOT NULL DEFAULT 0,
        error TEXT
    )
    """,
    "CREATE INDEX outbox_due ON outbox (due, id) WHERE parked = 0",
    "CREATE INDEX outbox_parked ON outbox (id) WHERE parked = 1",
    "CREATE INDEX outbox_user ON outbox (user)",
)

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (_FIRST,)
"""The statements that lead from each version of the schema to the next; the first makes version 1."""
