"""The errors of a journal's file, and the meaning of an SQLite error for it.

JournalError            the disk or the folder refuses; the file is sound
  DamagedJournal        the file cannot be read, and is to be set aside
  MovedJournal          the file is no longer where it was opened
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

# Errors that say nothing about the file: no room, no permission, no answer from the disk, another process.
_NO_DAMAGE = {
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
}


class JournalError(Exception):
    """The journal cannot do what was asked; the text is one sentence with the file and what to do."""


class DamagedJournal(JournalError):
    """The file is not a journal that this version can read, and is to be set aside. `ours` is True if it may still
    hold records of this gateway."""

    def __init__(self, text: str, *, ours: bool = True) -> None:
        super().__init__(text)
        self.ours = ours


class MovedJournal(JournalError):
    """The open file is no longer at its path: it was deleted or renamed, or another file has taken its place."""


def explained(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
    """Returns the error to raise: DamagedJournal if the file is to blame, else JournalError with what to do."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # the low byte is the primary code
    if code not in _NO_DAMAGE:
        return DamagedJournal(f"{path}: is damaged ({error}).")
    if code == sqlite3.SQLITE_FULL:
        return JournalError(f"{path}: cannot be written, the disk is full: make room on it.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return JournalError(f"{path}: cannot be written ({error}): check permissions and the mount.")
    return JournalError(f"{path}: cannot be read or written ({error}): check the disk or card.")
