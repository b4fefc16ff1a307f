"""The journal's SQLite file (SQLite 3, WAL mode, synchronous=FULL): the blocking half, for one worker thread.

Table `record` is append-only; `state` holds small named values; `mark` the cursor, the last sequence number and the
newest synchronised time; `volume` how many bytes each kind takes, so that opening a large file reads none of it.
`user_version` is 100 x major + minor: within a major version changes only add, and an older agent opens a newer file.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

MAJOR, MINOR = 1, 0

# What a row costs beside its body: its header, its share of the page and of the tree above it.
ROW_BYTES = 48
# A bound that is passed is enforced down to this share of it, so that one full bound is one event and not one a commit.
TRIMMED_TO = 0.9

_DAY_S = 86_400.0
_HEADER = b"SQLite format 3\0"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS identity (gateway TEXT NOT NULL, epoch TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, clock_valid INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS volume (kind TEXT PRIMARY KEY, bytes INTEGER NOT NULL) WITHOUT ROWID;
"""


class JournalError(Exception):
    """The journal cannot do what was asked; the text is one sentence with the file and what to do."""


class DamagedJournal(JournalError):
    """The file is no journal that this version can read: it is to be set aside."""


class Limit(NamedTuple):
    """How much of one kind is kept while nobody acknowledges it."""

    max_bytes: int
    max_age_s: float


# Energy and events outlive readings. 64 luminaires make about 2 MB of intervals and 1 MB of readings a day.
LIMITS: Mapping[str, Limit] = {
    "interval": Limit(256_000_000, 400 * _DAY_S),
    "control": Limit(16_000_000, 400 * _DAY_S),
    "event": Limit(16_000_000, 400 * _DAY_S),
    "reading": Limit(32_000_000, 14 * _DAY_S),
}
# Of a kind that the table does not name.
OTHER_LIMIT = Limit(16_000_000, 90 * _DAY_S)


class Entry(NamedTuple):
    """A record on its way into the file; it gets its sequence number there."""

    kind: str
    at: float
    clock_valid: bool
    body: str


class Row(NamedTuple):
    """A record in the file."""

    seq: int
    kind: str
    clock_valid: bool
    body: str


class JournalFile:
    """One open journal file. Blocking; all calls from one thread. Errors: JournalError, DamagedJournal."""

    def __init__(self, path: Path, gateway: str, limits: Mapping[str, Limit], keep_acknowledged_s: float) -> None:
        self.path = path
        self._limits = limits
        self._keep_acknowledged_s = keep_acknowledged_s
        self._aged_at = float("-inf")
        try:
            # SQLite would take a file too short for a header for an empty one, and write over it.
            with path.open("rb") as file:
                header = file.read(len(_HEADER))
        except OSError:
            header = b""  # there is none yet, or it cannot be read: SQLite will say so
        if header not in (b"", _HEADER):
            raise DamagedJournal(f"{path}: is not an SQLite file.")
        try:
            # Autocommit: the transactions are written out below. The one worker thread may end and be replaced.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be opened ({error}): check the folder and its permissions.") from error
        try:
            self._prepare(gateway)
        except sqlite3.Error as error:
            self._connection.close()
            raise self._explained(error) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, gateway: str) -> None:
        connection = self._connection
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512", "wal_autocheckpoint=250"):
            connection.execute(f"PRAGMA {pragma}")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO identity (gateway, epoch) VALUES (?, ?)", (gateway, secrets.token_hex(8)))
            connection.execute(f"PRAGMA user_version={100 * MAJOR + MINOR}")
            connection.execute("COMMIT")
        elif version // 100 != MAJOR:
            raise DamagedJournal(f"{self.path}: is no journal of major version {MAJOR} (it says {version}).")
        owner, epoch = connection.execute("SELECT gateway, epoch FROM identity").fetchone() or ("nobody", "")
        self.epoch = str(epoch)
        if owner != gateway:
            raise DamagedJournal(f"{self.path}: is the journal of gateway {owner}, not of {gateway}.")
        marks = dict(connection.execute("SELECT name, value FROM mark").fetchall())
        self.cursor = int(marks.get("cursor") or 0)
        newest: float | None = marks.get("newest_synchronised_wall")
        self.newest_synchronised_wall = newest
        stored_last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM record").fetchone()[0]
        self.last = max(int(marks.get("last") or 0), stored_last, self.cursor)
        self._volume: dict[str, int] = dict(connection.execute("SELECT kind, bytes FROM volume").fetchall())
        self.state: dict[str, str] = dict(connection.execute("SELECT name, value FROM state").fetchall())

    def write(
        self,
        entries: Iterable[Entry],
        state: Mapping[str, str],
        cursor: int,
        now: float,
        *,
        clock_valid: bool,
        synchronised: bool,
        epoch: str | None = None,
    ) -> None:
        """One transaction: all of it is in the file afterwards, or (JournalError) none of it. With `epoch`, this one
        from now on, for what is not acknowledged too."""
        connection, before = self._connection, (self.last, dict(self._volume), self._aged_at)
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._insert(entries)
            for text in self._trim(cursor, now, clock_valid=clock_valid):
                body = {"at": now, "name": "recordsDropped", "subject": "gateway", "active": True, "text": text}
                self._insert([Entry("event", now, clock_valid, json.dumps(body))])
            connection.executemany("INSERT OR REPLACE INTO state (name, value) VALUES (?, ?)", state.items())
            connection.executemany("INSERT OR REPLACE INTO volume (kind, bytes) VALUES (?, ?)", self._volume.items())
            marks: list[tuple[str, float]] = [("cursor", cursor), ("last", self.last)]
            if synchronised:
                marks.append(("newest_synchronised_wall", now))
            connection.executemany("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", marks)
            if epoch is not None:
                connection.execute("UPDATE identity SET epoch = ?", (epoch,))
            connection.execute("COMMIT")
        except BaseException as error:
            self.last, self._volume, self._aged_at = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._explained(error) from error
            raise
        self.cursor = cursor
        self.epoch = epoch or self.epoch
        self.state.update(state)
        if synchronised:
            self.newest_synchronised_wall = now

    def _insert(self, entries: Iterable[Entry]) -> None:
        for kind, at, clock_valid, body in entries:
            self.last += 1
            self._connection.execute(
                "INSERT INTO record (seq, kind, at, clock_valid, body) VALUES (?, ?, ?, ?, ?)",
                (self.last, kind, at, clock_valid, body),
            )
            self._volume[kind] = self._volume.get(kind, 0) + len(body) + ROW_BYTES

    def _trim(self, cursor: int, now: float, *, clock_valid: bool) -> list[str]:
        """Enforces the bounds; returns a sentence for each loss of unacknowledged records."""
        losses: list[str] = []
        for kind, volume in sorted(self._volume.items()):
            limit = self._limits.get(kind, OTHER_LIMIT)
            if volume > limit.max_bytes:
                until = self._oldest(kind, volume - int(TRIMMED_TO * limit.max_bytes))
                lost = self._delete("kind = ? AND seq <= ?", (kind, until), cursor)
                if lost:
                    losses.append(
                        f"{lost} unacknowledged {kind} records passed {limit.max_bytes} bytes and were dropped."
                    )
        # Ages mean something only while the time does; once a day is enough for bounds of days.
        if clock_valid and not 0 <= now - self._aged_at < _DAY_S:
            self._aged_at = now
            settled = self._first_after(now - self._keep_acknowledged_s)
            self._delete("seq <= ? AND seq < ?", (cursor, settled), cursor)
            for kind in sorted(self._volume):
                limit = self._limits.get(kind, OTHER_LIMIT)
                until = self._first_after(now - limit.max_age_s)
                where = "clock_valid AND kind = ? AND seq > ? AND seq < ?"
                lost = self._delete(where, (kind, cursor, until), cursor)
                if lost:
                    days = limit.max_age_s / _DAY_S
                    losses.append(
                        f"{lost} unacknowledged {kind} records were older than {days:g} days and were dropped."
                    )
        return losses

    def _oldest(self, kind: str, excess: int) -> int:
        """The sequence number up to which the oldest rows of this kind make up `excess` bytes."""
        until = 0
        rows = self._connection.execute("SELECT seq, length(body) FROM record WHERE kind = ? ORDER BY seq", (kind,))
        for seq, length in rows:
            until = seq
            excess -= length + ROW_BYTES
            if excess <= 0:
                break
        rows.close()
        return until

    def _first_after(self, wall: float) -> int:
        """The sequence number of the first record with a valid time from `wall` on. Reads only what is older."""
        rows = self._connection.execute("SELECT seq, at, clock_valid FROM record ORDER BY seq")
        found = next((seq for seq, at, clock_valid in rows if clock_valid and at >= wall), self.last + 1)
        rows.close()
        return int(found)

    def _delete(self, where: str, parameters: tuple[str | int, ...], cursor: int) -> int:
        """Deletes the rows; returns how many of them nobody had acknowledged."""
        lost = 0
        query = f"SELECT kind, sum(length(body) + {ROW_BYTES}), sum(seq > ?) FROM record WHERE {where} GROUP BY kind"  # noqa: S608 - `where` is one of the literals above
        for kind, size, unacknowledged in self._connection.execute(query, (cursor, *parameters)).fetchall():
            self._volume[kind] -= size
            lost += unacknowledged
        self._connection.execute(f"DELETE FROM record WHERE {where}", parameters)  # noqa: S608 - as above
        return lost

    def read_after(self, seq: int, limit: int) -> list[Row]:
        """Up to `limit` records after this sequence number, in order."""
        try:
            rows = self._connection.execute(
                "SELECT seq, kind, clock_valid, body FROM record WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)
            ).fetchall()
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return [Row(number, kind, bool(valid), body) for number, kind, valid, body in rows]

    def first_after(self, seq: int) -> int | None:
        """The first sequence number after this one that is still in the file."""
        try:
            found = self._connection.execute("SELECT min(seq) FROM record WHERE seq > ?", (seq,)).fetchone()[0]
        except sqlite3.Error as error:
            raise self._explained(error) from error
        return None if found is None else int(found)

    def close(self) -> None:
        """Closes the file; SQLite moves the write-ahead log into it."""
        self._connection.close()

    def _explained(self, error: sqlite3.Error) -> JournalError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary code
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error):
            return DamagedJournal(f"{self.path}: is damaged ({error}).")
        if code == sqlite3.SQLITE_FULL:
            return JournalError(f"{self.path}: cannot be written, the disk is full: make room on it.")
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return JournalError(f"{self.path}: cannot be written ({error}): check permissions and the mount.")
        return JournalError(f"{self.path}: cannot be read or written ({error}): check the disk or card.")


def set_aside(path: Path, now: float) -> Path:
    """Renames a damaged journal, its write-ahead log with it, and returns the new name. Errors: JournalError."""
    stem = f"{path.name}.damaged-{int(now)}"
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
        raise JournalError(f"{path}: is damaged and cannot be set aside ({error}): move it by hand.") from error
    return aside
