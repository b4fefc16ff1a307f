"""The records by which a story judges: the collector's store and the agent's journal, during a run or after it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from agent.centre.reading import StoreView
from agent.records.kinds import EVENT, INTERVAL
from agent.records.reading import JournalView, NotReadable


class StoredInterval(NamedTuple):
    """The energy record of one luminaire's quarter, as the centre has it."""

    start: int
    actual_wh: float
    baseline_wh: float
    quality: str
    available_s: float


class StoredEvent(NamedTuple):
    """An event as the centre or the journal has it."""

    at: float
    name: str
    subject: str
    active: bool
    text: str


class Store:
    """The collector's store, while the collector runs or afterwards."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._view = StoreView(path)

    def intervals(self, luminaire: str) -> list[StoredInterval]:
        """Returns the luminaire's intervals in order of time, from the table that serves the reports."""
        rows = self._view.rows(INTERVAL.name, ("luminaire", *StoredInterval._fields))
        return sorted(StoredInterval(*row) for name, *row in rows if name == luminaire)

    def events(self, name: str, subject: str | None = None) -> list[StoredEvent]:
        """Returns all events of this name (and subject), in the order in which the agent wrote them."""
        found = [
            StoredEvent(at, told, about, bool(active), text)
            for at, told, about, active, text in self._view.rows(EVENT.name, StoredEvent._fields)
        ]
        return [event for event in found if event.name == name and subject in (None, event.subject)]

    def sequences(self) -> dict[str, list[int]]:
        """Returns the sequence numbers of all records by epoch, in order."""
        return self._view.sequences()

    def doubled_intervals(self) -> list[tuple[str, int]]:
        """Returns (luminaire, start) of each quarter that has more than one record."""
        seen: set[tuple[str, int]] = set()
        doubled = []
        for body in self._view.bodies(INTERVAL.name):
            key = (body["luminaire"], body["start"])
            if key in seen:
                doubled.append(key)
            seen.add(key)
        return doubled


class JournalOnDisk:
    """The agent's journal file as another process sees it: before it exists, while the agent runs, or after that."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._view = JournalView(path)

    @property
    def last(self) -> int:
        """The newest sequence number; 0 if there is no journal yet."""
        numbers = self.sequence()
        return numbers[-1] if numbers else 0

    @property
    def epoch(self) -> str:
        return self._view.epoch

    def sequence(self) -> list[int]:
        """Returns all sequence numbers that are in the file."""
        if not self.path.exists():
            return []
        try:
            return self._view.sequence()
        except NotReadable as error:
            if not isinstance(error.__cause__, sqlite3.OperationalError):
                raise
            return []  # the agent has not made the tables yet

    def bodies(self, kind: str, after: int = 0) -> list[dict[str, Any]]:
        """Returns the records of a kind after a sequence number."""
        return list(self._view.bodies(kind, after)) if self.sequence() else []

    def events(self, name: str) -> list[StoredEvent]:
        """Returns all events of this name."""
        found = (body for body in self.bodies(EVENT.name) if body["name"] == name)
        return [StoredEvent(*(body[field] for field in StoredEvent._fields)) for body in found]

    def is_sound(self) -> bool:
        """Returns True if SQLite finds the file's pages and indices sound."""
        return self._view.is_sound()
