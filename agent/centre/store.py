"""The collector's SQLite store: every record as it came, and intervals and events as typed rows beside them.

`records` is keyed (gateway, epoch, seq): what arrives twice is stored once. `intervals` is keyed by what an interval
is about, (gateway, luminaire, start): of two records about the same quarter (an agent that lost its journal) the first
one counts, both stay in `records`, and the second is reported as doubled. Blocking; all calls from one thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.journal import Record
from protocols import senml

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS records (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS intervals (
        gateway TEXT NOT NULL, luminaire TEXT NOT NULL, start INTEGER NOT NULL, duration_s REAL NOT NULL,
        actual_wh REAL NOT NULL, baseline_wh REAL NOT NULL, quality TEXT NOT NULL, coverage REAL NOT NULL,
        available_s REAL NOT NULL, full_power_w REAL NOT NULL, full_power_source TEXT NOT NULL,
        epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, luminaire, start)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS control (
        gateway TEXT NOT NULL, start INTEGER NOT NULL, duration_s REAL NOT NULL, control_wh REAL NOT NULL,
        epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, start)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS events (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, name TEXT NOT NULL,
        subject TEXT NOT NULL, active INTEGER NOT NULL, text TEXT NOT NULL,
        PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID""",
)

# kind -> (table, columns that come from the body). An event of a clock that nobody believed still happened; an
# interval of one belongs to no quarter, and stays in `records` alone.
_TYPED = {
    "interval": (
        "intervals",
        (
            "luminaire",
            "start",
            "duration_s",
            "actual_wh",
            "baseline_wh",
            "quality",
            "coverage",
            "available_s",
            "full_power_w",
            "full_power_source",
        ),
    ),
    "control": ("control", ("start", "duration_s", "control_wh")),
    "event": ("events", ("at", "name", "subject", "active", "text")),
}


class StoreError(Exception):
    """The store cannot be opened or written; the text is one sentence with the file and what to do."""


class Stored(NamedTuple):
    """What became of one batch."""

    new: int
    repeated: int  # stored before: the same (gateway, epoch, seq)
    doubled: int  # new, but about a quarter that another record is about


class Store:
    """One open store. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be opened ({error}): check the folder and its permissions.") from error
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            # What is acknowledged has left the gateway's outbox: it must outlive a power cut here.
            self._connection.execute("PRAGMA synchronous=FULL")
            for statement in _SCHEMA:
                self._connection.execute(statement)
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreError(f"{path}: is no store of ours ({error}): name another file, or move this one.") from error

    def write(self, gateway: str, epoch: str, records: Sequence[Record], received: float) -> Stored:
        """One transaction; afterwards all of these records are in the store, however often they came."""
        new = doubled = 0
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for record in records:
                row = (gateway, epoch, record.seq, record.kind, record.clock_valid, received, json.dumps(record.body))
                inserted = connection.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                if inserted.rowcount:
                    new += 1
                    doubled += not self._write_typed(gateway, epoch, record)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreError(f"{self._path}: cannot be written ({error}): check the disk.") from error
        return Stored(new, len(records) - new, doubled)

    def _write_typed(self, gateway: str, epoch: str, record: Record) -> bool:
        """False where another record is about the same thing."""
        if record.kind not in _TYPED or not senml.fits(record.kind, record.body):
            return True
        if not record.clock_valid and record.kind != "event":
            return True
        table, columns = _TYPED[record.kind]
        names = ("gateway", "epoch", "seq", *columns)
        marks = ", ".join("?" * len(names))
        inserted = self._connection.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - names from _TYPED
            (gateway, epoch, record.seq, *(record.body[column] for column in columns)),
        )
        return bool(inserted.rowcount)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
