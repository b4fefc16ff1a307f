"""Watches whether a journal's open file is still at its path, and moves a file out of the way."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from agent.records.journal_errors import DamagedJournal, JournalError, MovedJournal, explained
from agent.records.journal_repair import FILE_ERRORS


class Place:
    """Watches one path. `keep` remembers the file that stands there, and `refuse_another` compares."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = self._look()

    def _look(self) -> tuple[int, ...] | None:
        """Returns the marks by which any other file, or a change by another process, is noticed; None: it is gone."""
        try:
            status, log = self._path.stat(), self._path.with_name(self._path.name + "-wal").stat()
        except OSError:
            return None
        return (status.st_dev, status.st_ino, log.st_ino, status.st_size, status.st_mtime_ns)

    def keep(self) -> None:
        """Takes the present file at the path for the journal's own work."""
        self._kept = self._look() or self._kept

    def refuse_another(self) -> None:
        """Raises MovedJournal where another file or none is at the path, DamagedJournal where something else wrote to
        the file."""
        seen = self._look()
        if seen == self._kept:
            return
        if seen is None or self._kept is None or seen[:3] != self._kept[:3]:
            what = "is gone, or its log is" if seen is None else "is another file than the one that was opened"
            raise MovedJournal(f"{self._path}: {what}.")
        raise DamagedJournal(f"{self._path}: was written by something else.")


def put_back(path: Path, connection: sqlite3.Connection) -> None:
    """Writes all that the open file holds to its path again, where no file may stand now, and closes the connection.
    Errors: JournalError, DamagedJournal."""
    rescued = path.with_name(path.name + ".rescued")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rescued.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(rescued)) as copy:
            connection.backup(copy)
        # This takes away the log that belongs to the file that is gone, by its name: before the new one has one.
        connection.close()
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        rescued.rename(path)
    except FILE_ERRORS as error:
        raise explained(path, error) from error
    except OSError as error:
        raise JournalError(f"{path}: cannot be written ({error}): check the folder.") from error


def set_aside(path: Path, now: float, why: str = "damaged") -> Path:
    """Renames a journal's file, and its write-ahead log with it, and returns the new name. Errors: JournalError."""
    stem = f"{path.name}.{why}-{int(now)}"
    aside, number = path.with_name(stem), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{stem}-{number}")
    try:
        # The log first: a log beside a new file of the same name would be played into it.
        for ending in ("-wal", "-shm", ""):
            part = path.with_name(path.name + ending)
            if part.exists():
                part.rename(aside.with_name(aside.name + ending))
    except OSError as error:
        raise JournalError(f"{path}: is {why} and cannot be set aside ({error}): move it by hand.") from error
    return aside
