"""Reads a journal's file from another process: read-only, while the agent runs or after it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.records.journal_errors import JournalError


class NotReadable(JournalError):
    """The file cannot be read; the text is one sentence with the file and what to do."""


class JournalView:
    """Reads one journal file. A running agent goes on writing; the view makes and changes nothing, and each call sees
    what is committed at that moment. Raises NotReadable if there is no file, or no journal in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def gateway(self) -> str | None:
        """The gateway that the journal belongs to; None: it does not say."""
        found = self._rows("SELECT gateway FROM identity")
        return str(found[0][0]) if found else None

    @property
    def epoch(self) -> str:
        """The epoch under which its records are numbered: 16 hexadecimal digits."""
        return str(self._rows("SELECT epoch FROM identity")[0][0])

    @property
    def last(self) -> int:
        """The newest sequence number that is in the file; 0: there is no record."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM record")[0][0])

    def sequence(self) -> list[int]:
        """Returns all sequence numbers that are in the file, in order."""
        return [seq for (seq,) in self._rows("SELECT seq FROM record ORDER BY seq")]

    def bodies(self, kind: str, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yields the bodies of the records of this kind after a sequence number, in order."""
        query = "SELECT body FROM record WHERE kind = ? AND seq > ? ORDER BY seq"
        for (text,) in self._rows(query, kind, after):
            yield json.loads(text)

    def states(self, prefix: str) -> dict[str, str]:
        """Returns the named values with names that begin with `prefix`, by the rest of the name: JSON text, as in the
        file."""
        rows = self._rows("SELECT name, value FROM state WHERE substr(name, 1, ?) = ?", len(prefix), prefix)
        return {str(name).removeprefix(prefix): str(value) for name, value in rows}

    def is_sound(self) -> bool:
        """Returns True if SQLite finds nothing wrong with the file's pages and indices."""
        return self._rows("PRAGMA integrity_check") == [("ok",)]

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            return read_only(self.path, query, *parameters)
        except sqlite3.Error as error:
            raise NotReadable(f"{self.path}: cannot be read ({error}): check the file and its permissions") from error


def read_only(path: Path, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Returns the rows of one query, and leaves the file as it is. Raises sqlite3.Error if that cannot be done."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        return connection.execute(query, parameters).fetchall()
