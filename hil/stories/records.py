"""What a story judges by: the collector's store and the agent's journal, both read from their SQLite files."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class StoredInterval(NamedTuple):
    """A quarter of one luminaire, as the centre has it."""

    start: int
    actual_wh: float
    baseline_wh: float
    quality: str
    available_s: float


class StoredEvent(NamedTuple):
    """An event, as the centre has it (or the journal, where nothing has come to the centre)."""

    at: float
    name: str
    subject: str
    active: bool
    text: str


class Store:
    """The collector's SQLite file, while the collector runs or afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def intervals(self, luminaire: str) -> list[StoredInterval]:
        """In order of time, from the table that figures are taken from."""
        columns = ", ".join(StoredInterval._fields)
        query = f"SELECT {columns} FROM intervals WHERE luminaire = ? ORDER BY start"  # noqa: S608 - names of ours
        rows = _rows(self.path, query, luminaire)
        return [StoredInterval(*row) for row in rows]

    def events(self, name: str, subject: str | None = None) -> list[StoredEvent]:
        """All of this name (and subject), in the order in which the agent wrote them."""
        query = "SELECT at, name, subject, active, text FROM events WHERE name = ? AND ? IN (subject, '*') ORDER BY seq"
        rows = _rows(self.path, query, name, subject or "*")
        return [StoredEvent(at, name, subject, bool(active), text) for at, name, subject, active, text in rows]

    def sequences(self) -> dict[str, list[int]]:
        """The sequence numbers of all records by epoch, each in order."""
        found: dict[str, list[int]] = {}
        for epoch, seq in _rows(self.path, "SELECT epoch, seq FROM records ORDER BY epoch, seq"):
            found.setdefault(epoch, []).append(seq)
        return found

    def doubled_intervals(self) -> list[tuple[str, int]]:
        """(luminaire, start) of the quarters that more than one record is about, whatever their sequence numbers."""
        seen: set[tuple[str, int]] = set()
        doubled = []
        for (text,) in _rows(self.path, "SELECT body FROM records WHERE kind = 'interval'"):
            body = json.loads(text)
            key = (body["luminaire"], body["start"])
            if key in seen:
                doubled.append(key)
            seen.add(key)
        return doubled


class JournalOnDisk:
    """The agent's journal file as another process sees it, while the agent runs or after it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def last(self) -> int:
        """The newest sequence number; 0 where there is no journal yet."""
        numbers = self.sequence()
        return numbers[-1] if numbers else 0

    @property
    def epoch(self) -> str:
        return str(next(_rows(self.path, "SELECT epoch FROM identity"))[0])

    def sequence(self) -> list[int]:
        """All sequence numbers that are in the file."""
        if not self.path.exists():
            return []
        try:
            return [seq for (seq,) in _rows(self.path, "SELECT seq FROM record ORDER BY seq")]
        except sqlite3.OperationalError:
            return []  # its tables are not made yet

    def bodies(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        """The records of a kind after a sequence number."""
        if not self.sequence():
            return []
        rows = _rows(self.path, "SELECT body FROM record WHERE kind = ? AND seq > ? ORDER BY seq", kind, after)
        return [json.loads(text) for (text,) in rows]

    def events(self, name: str) -> list[StoredEvent]:
        """All events of this name."""
        found = (body for body in self.bodies("event") if body["name"] == name)
        return [StoredEvent(*(body[field] for field in StoredEvent._fields)) for body in found]

    def is_sound(self) -> bool:
        """What SQLite says of the file's pages and indices."""
        return list(_rows(self.path, "PRAGMA integrity_check")) == [("ok",)]


def _rows(path: Path, query: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as database:
        yield from database.execute(query, parameters).fetchall()
