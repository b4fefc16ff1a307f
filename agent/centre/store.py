"""The collector's SQLite store: every record as it came, and intervals and events as typed rows beside them.

`records` is keyed (gateway, epoch, seq): what arrives twice is stored once. `intervals` is keyed by what an interval
is about, (gateway, luminaire, start): of two records about the same quarter (an agent that lost its journal) the first
one counts, both stay in `records`, and the second is reported as doubled; so is a whole day of which a quarter counts
already, and the other way round; an event that comes again under another epoch likewise. What comes under a key that
holds another record (a gateway's card was restored from an image, or two run with one journal) is a conflict: it is
kept in `conflicts`, and not acknowledged, so that its gateway sends it again under an epoch of its own. A record of
kind "void" takes quarters that a wrong clock wrote out of `intervals` and `control`, no matter which comes first; they
stay in `records`. Blocking; all calls from one thread.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from agent.records.journal import Record
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
    """CREATE TABLE IF NOT EXISTS voids (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        luminaire TEXT, start INTEGER NOT NULL, until INTEGER NOT NULL,
        PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS events (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL, name TEXT NOT NULL,
        subject TEXT NOT NULL, active INTEGER NOT NULL, text TEXT NOT NULL,
        since REAL, count INTEGER, notice INTEGER,
        PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS events_by_time ON events (gateway, at)",
    """CREATE TABLE IF NOT EXISTS conflicts (
        gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
        clock_valid INTEGER NOT NULL, received REAL NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (gateway, epoch, seq, kind, clock_valid, body)) WITHOUT ROWID""",
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

LONGEST_INTERVAL_S = 86_400
"""A whole day (agent/savings/intervals.py)."""

# Of events: what not each of them has (agent/records/alarms.py). A store of before there were such has them added.
_MORE_OF_EVENTS = {"since": "REAL", "count": "INTEGER", "notice": "INTEGER"}


class StoreError(Exception):
    """The store cannot be opened or written; the text is one sentence with the file and what to do."""


class Stored(NamedTuple):
    """What became of one batch."""

    new: int
    repeated: int  # stored before: the same record under the same (gateway, epoch, seq)
    doubled: int  # new, but about a quarter that another record is about, or an event that another epoch told
    conflicts: tuple[int, ...] = ()  # numbers that hold another record: kept apart, not to be acknowledged
    new_conflicts: int = 0  # of these, how many came for the first time


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
            there = {row[1] for row in self._connection.execute("PRAGMA table_info(events)")}
            for name, kind in _MORE_OF_EVENTS.items():
                if name not in there:
                    self._connection.execute(f"ALTER TABLE events ADD COLUMN {name} {kind}")
        except sqlite3.Error as error:
            self._connection.close()
            raise StoreError(f"{path}: is no store of ours ({error}): name another file, or move this one.") from error

    def write(self, gateway: str, epoch: str, records: Sequence[Record], received: float) -> Stored:
        """One transaction; afterwards all of these records are in the store, however often they came: those whose
        number holds another record in `conflicts`."""
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
                    doubled += not self._write_typed(gateway, epoch, record)
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
        """Whether what is stored under this key is this record."""
        query = "SELECT kind, clock_valid, body FROM records WHERE gateway = ? AND epoch = ? AND seq = ?"
        kind, clock_valid, body = self._connection.execute(query, (gateway, epoch, record.seq)).fetchone()
        # The order of a body's keys says nothing.
        return (kind, bool(clock_valid), json.loads(body)) == (record.kind, record.clock_valid, record.body)

    def _write_typed(self, gateway: str, epoch: str, record: Record) -> bool:
        """False where another record is about the same thing."""
        if record.kind == "void":
            self._make_void(gateway, epoch, record)
            return True
        if record.kind not in _TYPED or not senml.fits(record.kind, record.body):
            return True
        if not record.clock_valid and record.kind != "event":
            return True
        if self._is_void(gateway, epoch, record):
            return True
        if record.kind == "interval" and self._is_counted(gateway, record):
            return False
        table, columns = _TYPED[record.kind]
        if record.kind == "event" and self._is_told(gateway, epoch, record):
            return False
        if record.kind == "event":
            columns = (*columns, *(name for name in _MORE_OF_EVENTS if _is_small_number(record.body.get(name))))
        names = ("gateway", "epoch", "seq", *columns)
        marks = ", ".join("?" * len(names))
        inserted = self._connection.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608 - names from _TYPED
            (gateway, epoch, record.seq, *(record.body[column] for column in columns)),
        )
        return bool(inserted.rowcount)

    def _is_counted(self, gateway: str, record: Record) -> bool:
        """Whether an interval that counts is about this span, or about a part of it."""
        start, duration_s = (_number(record.body[column]) for column in ("start", "duration_s"))
        query = (
            "SELECT 1 FROM intervals WHERE gateway = ? AND luminaire = ? AND start > ? AND start < ?"
            " AND start + duration_s > ?"
        )
        span = (start - LONGEST_INTERVAL_S, start + duration_s, start)
        return self._connection.execute(query, (gateway, record.body["luminaire"], *span)).fetchone() is not None

    def _is_told(self, gateway: str, epoch: str, record: Record) -> bool:
        """Whether another epoch has told this event: a journal that was repaired sends again what it cannot know to
        have arrived."""
        query = (
            "SELECT 1 FROM events WHERE gateway = ? AND at = ? AND name = ? AND subject = ? AND active = ? AND text = ?"
            " AND epoch != ?"
        )
        body = [record.body[column] for column in ("at", "name", "subject", "active", "text")]
        return self._connection.execute(query, (gateway, *body, epoch)).fetchone() is not None

    def _is_void(self, gateway: str, epoch: str, record: Record) -> bool:
        """Whether a later record of this epoch has revoked this one, and came before it."""
        found = self._connection.execute(
            "SELECT 1 FROM voids WHERE gateway = ? AND epoch = ? AND seq > ? AND kind = ? AND luminaire IS ?"
            " AND start <= ? AND until > ?",
            (gateway, epoch, record.seq, record.kind, record.body.get("luminaire"), *[record.body.get("start")] * 2),
        )
        return found.fetchone() is not None

    def _make_void(self, gateway: str, epoch: str, record: Record) -> None:
        """What this epoch recorded before it counts no longer; what counts in its place may have come already."""
        body = record.body
        kind, luminaire = body.get("of"), body.get("luminaire")
        span = (body.get("start"), body.get("until"))
        named = isinstance(luminaire, str) if kind == "interval" else luminaire is None
        whole = all(isinstance(end, int) and 0 <= end <= senml.LARGEST_INTEGER for end in span)
        if kind not in ("interval", "control") or not named or not whole:
            return
        table, _ = _TYPED[str(kind)]
        connection = self._connection
        row = (gateway, epoch, record.seq, kind, luminaire, *span)
        connection.execute("INSERT OR IGNORE INTO voids VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        which = "" if luminaire is None else " AND luminaire = ?"
        gone = connection.execute(
            # What another epoch recorded, and came before, the gateway has forgotten and means as well.
            f"DELETE FROM {table} WHERE gateway = ? AND start >= ? AND start < ? AND (epoch != ? OR seq < ?){which}",  # noqa: S608 - names from _TYPED
            (gateway, *span, epoch, record.seq, *([] if luminaire is None else [luminaire])),
        )
        if not gone.rowcount:
            return
        later = connection.execute(
            "SELECT seq, kind, body, clock_valid FROM records"
            " WHERE gateway = ? AND epoch = ? AND seq > ? AND kind = ? ORDER BY seq",
            (gateway, epoch, record.seq, kind),
        )
        for seq, kind, text, clock_valid in later.fetchall():
            self._write_typed(gateway, epoch, Record(seq, kind, json.loads(text), bool(clock_valid)))

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def _number(value: object) -> int | float:
    assert isinstance(value, int | float)  # it fits its kind's shape
    return value


def _is_small_number(value: object) -> bool:
    # SQLite takes no list, and no integer of more than 64 bits.
    return isinstance(value, int | float) and abs(value) <= senml.LARGEST_INTEGER
