"""The collector's SQLite store: every record as it came, and a typed row of each record that counts.

`records` is keyed (gateway, epoch, seq): a record that arrives twice is stored once. The typed tables
(agent/centre/typed_tables.py) are the source of all figures: of two records about one quarter (an agent that lost
its journal) the first one counts, both stay in `records`, and the second is reported as doubled. A record under a key
that holds another one (a gateway's card was restored from an image, or two run with one journal) is a conflict: it
is kept in `conflicts`, and not acknowledged, so that its gateway sends it again under an epoch of its own. Blocking;
all calls from one thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.centre.typed_tables import TypedTables
from agent.records.record import Record

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS records (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS conflicts (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (gateway, epoch, seq, kind, clock_valid, body)) WITHOUT ROWID""",
)


class StoreError(Exception):
    """The store cannot be opened or written; the text is one sentence with the file and what to do."""


class Stored(NamedTuple):
    """The outcome of one batch: how many records were new, how many were stored before, how many are new but about
    something that another record is about, which numbers hold another record and are not to be acknowledged, and how
    many of these came for the first time."""

    new: int
    repeated: int
    doubled: int
    conflicts: tuple[int, ...] = ()
    new_conflicts: int = 0


class Store:
    """One open store."""

    def __init__(self, path: Path) -> None:
        """Opens the store, or makes it. Raises StoreError."""
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except sqlite3.Error as error:
            raise StoreError(f"{path}: cannot be opened ({error}): check the folder and its permissions.") from error
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            # An acknowledged record has left the gateway's outbox, so it must outlive a power cut here.
            self._connection.execute("PRAGMA synchronous=FULL")
            for statement in _SCHEMA:
                self._connection.execute(statement)
            self._typed = TypedTables(self._connection)
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreError(f"{path}: is no store of ours ({error}): name another file, or move this one.") from error

    def write(self, gateway: str, epoch: str, records: Sequence[Record], received: float) -> Stored:
        """Stores these records in one transaction, however often they come. `received` is Unix time in seconds. A
        record whose number holds another record goes into `conflicts`. Raises StoreError, and then has stored
        nothing."""
        new = doubled = new_conflicts = 0
        conflicts: list[int] = []
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for record in records:
                row = (gateway, epoch, record.seq, record.kind, record.clock_valid, received, json.dumps(record.body))
                inserted = connection.execute("INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                if inserted.rowcount:
                    new += 1
                    doubled += not self._typed.write(gateway, epoch, record)
                elif not self._holds(gateway, epoch, record):
                    conflicts.append(record.seq)
                    kept = connection.execute("INSERT OR IGNORE INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                    new_conflicts += kept.rowcount
            connection.execute("COMMIT")
        except (sqlite3.Error, OverflowError) as error:  # an integer of more than 64 bits
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise StoreError(f"{self._path}: cannot be written ({error}): check the disk.") from error
        repeated = len(records) - new - len(conflicts)
        return Stored(new, repeated, doubled, tuple(conflicts), new_conflicts)

    def _holds(self, gateway: str, epoch: str, record: Record) -> bool:
        """Returns True if the record that is stored under this key is this one."""
        query = "SELECT kind, clock_valid, body FROM records WHERE gateway = ? AND epoch = ? AND seq = ?"
        kind, clock_valid, body = self._connection.execute(query, (gateway, epoch, record.seq)).fetchone()
        # The order of a body's keys means nothing.
        return (kind, bool(clock_valid), json.loads(body)) == (record.kind, record.clock_valid, record.body)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()
