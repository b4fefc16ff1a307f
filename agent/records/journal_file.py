"""The journal's SQLite file (SQLite 3, WAL mode, synchronous=FULL): the blocking half, for one worker thread.

Table `record` is append-only; `state` holds small named values; `mark` the cursor, the last sequence number and the
newest synchronised time; `volume` how many bytes each kind takes, so that opening a large file reads none of it. Each
row has a checksum: SQLite notices a damaged tree and no flipped digit. `user_version` is 100 x major + minor: within a
major version changes only add, and an older agent opens a newer file (a row that it writes has no checksum).
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.records.journal_repair import FILE_ERRORS, MAGIC, PAGE_BYTES, Kept, checksum, mend_header, text_of

MAJOR, MINOR = 1, 1

# What a row costs beside its body: its header, its share of the page and of the tree above it.
ROW_BYTES = 48
# A bound that is passed is enforced down to this share of it, so that one full bound is one event and not one a commit.
TRIMMED_TO = 0.9

SALVAGE = "journal.salvage"
"""The name of the state that says which damaged file's records are still being taken over."""

_DAY_S = 86_400.0
TABLES = ("identity", "record", "state", "mark", "volume")
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS identity (gateway TEXT NOT NULL, epoch TEXT NOT NULL, checksum INTEGER)",
    """CREATE TABLE IF NOT EXISTS record (
        seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, clock_valid INTEGER NOT NULL,
        body TEXT NOT NULL, checksum INTEGER)""",
    "CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS mark (name TEXT PRIMARY KEY, value REAL, checksum INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS volume (kind TEXT PRIMARY KEY, bytes INTEGER NOT NULL, checksum INTEGER) WITHOUT ROWID",
)
"""In this order, always: each table's first page is then the same in each journal (agent/records/journal_repair.py)."""

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
    """The file is no journal that this version can read: it is to be set aside. `ours` where it may still hold
    records of this gateway."""

    def __init__(self, text: str, *, ours: bool = True) -> None:
        super().__init__(text)
        self.ours = ours


class MovedJournal(JournalError):
    """The open file is no longer at its path: it was deleted, renamed, or another one stands there."""


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
    sound: bool  # whether it is what was written


class JournalFile:
    """One open journal file. Blocking; all calls from one thread. Errors: JournalError, DamagedJournal; `write` also
    MovedJournal. `findings` are sentences about damage that was found at opening and is dealt with."""

    def __init__(self, path: Path, gateway: str, limits: Mapping[str, Limit], keep_acknowledged_s: float) -> None:
        self.path = path
        self.gateway = gateway
        self._limits = limits
        self._keep_acknowledged_s = keep_acknowledged_s
        self._aged_at = float("-inf")
        self.findings: list[str] = []
        try:
            # SQLite would take a file too short for a header for an empty one, and write over it.
            if mend_header(path, 100 * MAJOR + MINOR):
                self.findings.append("Its header was damaged, and is mended.")
            with path.open("rb") as file:
                header = file.read(len(MAGIC))
        except OSError:
            header = b""  # there is none yet, or it cannot be read: SQLite will say so
        if header not in (b"", MAGIC):
            raise DamagedJournal(f"{path}: is not an SQLite file.")
        try:
            # Autocommit: the transactions are written out below. The one worker thread may end and be replaced.
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
            self._connection.text_factory = text_of
        except sqlite3.Error as error:
            raise JournalError(f"{path}: cannot be opened ({error}): check the folder and its permissions.") from error
        try:
            self._prepare(gateway)
            self._place = self._look()
        except FILE_ERRORS as error:
            self._connection.close()
            raise self._explained(error) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, gateway: str) -> None:
        connection = self._connection
        connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512", "wal_autocheckpoint=250"):
            connection.execute(f"PRAGMA {pragma}")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version == 0 and tables == 0:
            connection.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA:
                connection.execute(statement)
            self._identify(gateway, secrets.token_hex(8))
            connection.execute(f"PRAGMA user_version={100 * MAJOR + MINOR}")
            connection.execute("COMMIT")
        elif version // 100 != MAJOR:
            raise DamagedJournal(
                f"{self.path}: is no journal of major version {MAJOR} (it says {version}).", ours=version < 100
            )
        elif version < 100 * MAJOR + 1:
            self._add_checksums()
        self._read_identity(gateway)
        marks = self._sound_rows("mark", (int, float, type(None)))
        # Twice, because without it all that is in the file is sent again.
        self.cursor = int(marks.get("cursor") or marks.get("cursor_copy") or 0)
        newest: float | None = marks.get("newest_synchronised_wall")
        self.newest_synchronised_wall = newest
        stored_last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM record").fetchone()[0]
        self.last = max(int(marks.get("last") or 0), stored_last, self.cursor)
        # Beyond what is acknowledged and what was dropped, each number is there; where one is not, the tree is damaged
        # in a way that SQLite does not see (a page that says that it has fewer rows).
        self.gaps_until = int(marks.get("gaps_until", self.last) or 0)
        self._volume: dict[str, int] = self._sound_rows("volume", (int,), key="kind", value="bytes", all_or_none=True)
        self.state: dict[str, str] = self._sound_rows("state", (str,))

    def _add_checksums(self) -> None:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
        connection.execute(f"PRAGMA user_version={100 * MAJOR + 1}")
        connection.execute("COMMIT")

    @property
    def _settled(self) -> int:
        return max(self.cursor, self.gaps_until)

    def _identify(self, gateway: str, epoch: str) -> None:
        self._connection.execute("DELETE FROM identity")
        row = (gateway, epoch, checksum(gateway, epoch))
        self._connection.execute("INSERT INTO identity (gateway, epoch, checksum) VALUES (?, ?, ?)", row)

    def _read_identity(self, gateway: str) -> None:
        owner, epoch, sum_ = self._connection.execute("SELECT gateway, epoch, checksum FROM identity").fetchone() or (
            None,
            None,
            0,
        )
        if sum_ is not None and sum_ != checksum(owner, epoch):
            epoch = secrets.token_hex(8)
            self._connection.execute("BEGIN IMMEDIATE")
            self._identify(gateway, epoch)
            self._connection.execute("COMMIT")
            self.findings.append("Its epoch could not be read, and it has a new one.")
        elif owner != gateway:
            raise DamagedJournal(f"{self.path}: is the journal of gateway {owner}, not of {gateway}.", ours=False)
        self.epoch = str(epoch)

    def _sound_rows(
        self,
        table: str,
        types: tuple[type, ...],
        key: str = "name",
        value: str = "value",
        *,
        all_or_none: bool = False,
    ) -> dict[str, Any]:
        """The small table's rows whose checksums agree. Those of `volume` can be worked out again."""
        sound: dict[str, Any] = {}
        spoilt: list[str] = []
        rows = self._connection.execute(f"SELECT {key}, {value}, checksum FROM {table}")  # noqa: S608 - names of ours
        for name, content, sum_ in rows.fetchall():
            if isinstance(name, str) and isinstance(content, types) and sum_ in (None, checksum(name, content)):
                sound[name] = content
            else:
                spoilt.append(str(name))
        if spoilt and all_or_none:
            self._connection.execute("DELETE FROM volume")
            query = f"SELECT kind, sum(length(body) + {ROW_BYTES}) FROM record GROUP BY kind"  # noqa: S608 - a number
            sound = {str(kind): int(size or 0) for kind, size in self._connection.execute(query).fetchall()}
        if spoilt:
            self.findings.append(f"Of its table {table} these rows could not be read: {', '.join(spoilt)}.")
        return sound

    def _look(self) -> tuple[int, ...] | None:
        """What tells the file at the path from any other, and from what another process makes of it; None = there is
        none."""
        try:
            status, log = self.path.stat(), self.path.with_name(self.path.name + "-wal").stat()
        except OSError:
            return None
        return (status.st_dev, status.st_ino, log.st_ino, status.st_size, status.st_mtime_ns)

    def _refuse_another_file(self) -> None:
        seen = self._look()
        if seen == self._place:
            return
        if seen is None or self._place is None or seen[:3] != self._place[:3]:
            what = "is gone, or its log is" if seen is None else "is another file than the one that was opened"
            raise MovedJournal(f"{self.path}: {what}.")
        raise DamagedJournal(f"{self.path}: was written by something else.")

    def put_back(self) -> None:
        """Writes all that the open file holds to its path again, where none may stand now, and closes it. Errors:
        JournalError, DamagedJournal."""
        rescued = self.path.with_name(self.path.name + ".rescued")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            rescued.unlink(missing_ok=True)
            with contextlib.closing(sqlite3.connect(rescued)) as copy:
                self._connection.backup(copy)
            # This takes away the log that belongs to the file that is gone, by its name: before the new one has one.
            self._connection.close()
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
            rescued.rename(self.path)
        except FILE_ERRORS as error:
            raise self._explained(error) from error
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be written ({error}): check the folder.") from error

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
        """One transaction: all of it is in the file afterwards, or (an error) none of it. With `epoch`, this one
        from now on, for what is not acknowledged too."""
        connection, before = self._connection, (self.last, dict(self._volume), self._aged_at, self.gaps_until)
        self._refuse_another_file()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._insert(entries)
            for text in self._trim(cursor, now, clock_valid=clock_valid):
                body = {
                    "at": now,
                    "name": "recordsDropped",
                    "subject": "gateway",
                    "active": True,
                    "text": text,
                    "notice": True,
                }
                self._insert([Entry("event", now, clock_valid, json.dumps(body))])
            self._put("state", state)
            self._put("volume", self._volume, key="kind", value="bytes")
            marks = {"cursor": float(cursor), "cursor_copy": float(cursor), "last": float(self.last)}
            marks["gaps_until"] = float(self.gaps_until)
            if synchronised:
                marks["newest_synchronised_wall"] = float(now)
            self._put("mark", marks)
            if epoch is not None:
                self._identify(self.gateway, epoch)
            connection.execute("COMMIT")
        except BaseException as error:
            self.last, self._volume, self._aged_at, self.gaps_until = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, FILE_ERRORS):
                raise self._explained(error) from error
            raise
        finally:
            self._place = self._look() or self._place
        self.cursor = cursor
        self.epoch = epoch or self.epoch
        self.state.update(state)
        if synchronised:
            self.newest_synchronised_wall = now

    def _put(self, table: str, values: Mapping[str, object], key: str = "name", value: str = "value") -> None:
        self._connection.executemany(
            f"INSERT OR REPLACE INTO {table} ({key}, {value}, checksum) VALUES (?, ?, ?)",  # noqa: S608 - names of ours
            [(name, content, checksum(name, content)) for name, content in values.items()],
        )

    def _insert(self, entries: Iterable[Entry]) -> None:
        for kind, at, clock_valid, body in entries:
            self.last += 1
            row = (self.last, kind, float(at), int(clock_valid), body)
            self._insert_row((*row, checksum(*row)))

    def _insert_row(self, row: tuple[Any, ...]) -> None:
        self._connection.execute(
            "INSERT INTO record (seq, kind, at, clock_valid, body, checksum) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        kind, body = row[1], row[4]
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
        if losses:
            self.gaps_until = self.last
        return losses

    def _oldest(self, kind: str, excess: int) -> int:
        """The sequence number up to which the oldest rows of this kind make up `excess` bytes."""
        until = 0
        query = "SELECT seq, coalesce(length(body), 0) FROM record WHERE kind = ? ORDER BY seq"
        rows = self._connection.execute(query, (kind,))
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
        found = next((seq for seq, at, valid in rows if valid and isinstance(at, float) and at >= wall), self.last + 1)
        rows.close()
        return int(found)

    def _delete(self, where: str, parameters: tuple[str | int, ...], cursor: int) -> int:
        """Deletes the rows; returns how many of them nobody had acknowledged."""
        lost = 0
        sums = f"coalesce(sum(length(body) + {ROW_BYTES}), 0), sum(seq > ?)"
        query = f"SELECT kind, {sums} FROM record WHERE {where} GROUP BY kind"  # noqa: S608 - `where` is one of the literals above
        for kind, size, unacknowledged in self._connection.execute(query, (cursor, *parameters)).fetchall():
            if kind in self._volume:  # else the kind is damaged
                self._volume[kind] -= size
            lost += unacknowledged
        self._connection.execute(f"DELETE FROM record WHERE {where}", parameters)  # noqa: S608 - as above
        return lost

    def read_after(self, seq: int, limit: int, most_bytes: int) -> list[Row]:
        """Up to `limit` records after this sequence number, in order; fewer where their bodies pass `most_bytes`."""
        found: list[Row] = []
        try:
            rows = self._connection.execute(
                "SELECT seq, kind, at, clock_valid, body, checksum FROM record WHERE seq > ? ORDER BY seq LIMIT ?",
                (seq, limit),
            )
            for *values, sum_ in rows:
                number, kind, _, clock_valid, body = values
                if not seq < number <= self.last or number - 1 > max(seq, self._settled):
                    raise DamagedJournal(f"{self.path}: is damaged (the record {number} comes after {seq}).")
                seq = number
                typed = isinstance(kind, str) and isinstance(body, str)
                sound = typed and sum_ in (None, checksum(*values))
                found.append(Row(number, str(kind), bool(clock_valid), str(body), sound))
                most_bytes -= len(str(body))
                if most_bytes <= 0 or len(found) == limit:
                    break
            else:
                if self.last > max(seq, self._settled):
                    raise DamagedJournal(f"{self.path}: is damaged (no record comes after {seq}).")
            rows.close()
        except FILE_ERRORS as error:
            raise self._explained(error) from error
        return found

    def take_over(self, kept: Kept, last: int, salvage: str) -> None:
        """The small tables of a damaged file, into this new one; numbers go on after `last`. `salvage` is the state
        that says which records are still to come (`take_over_records`). Errors: JournalError."""
        self.last = max(self.last, last, int(kept.marks.get("last", 0)))
        self.gaps_until = self.last
        cursor = kept.cursor
        newest = kept.marks.get("newest_synchronised_wall")
        state = {**kept.state, SALVAGE: salvage}
        self.write([], state, cursor, newest or 0.0, clock_valid=False, synchronised=newest is not None)

    def take_over_records(self, rows: Iterable[tuple[Any, ...]], salvage: str) -> int:
        """Rows of a damaged file, as they are, and the state that says how far that has come; one transaction. Returns
        how many could not be taken. Errors: JournalError."""
        connection, refused = self._connection, 0
        before = dict(self._volume)
        try:
            connection.execute("BEGIN IMMEDIATE")
            for row in rows:
                if not (isinstance(row[1], str) and isinstance(row[4], str)):
                    refused += 1
                    continue
                try:
                    self._insert_row(row)
                except sqlite3.IntegrityError:  # a number twice, or a value that no record of ours has
                    refused += 1
            self._put("state", {SALVAGE: salvage})
            self._put("volume", self._volume, key="kind", value="bytes")
            connection.execute("COMMIT")
        except FILE_ERRORS as error:
            self._volume = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise self._explained(error) from error
        finally:
            self._place = self._look() or self._place
        self.state[SALVAGE] = salvage
        return refused

    def first_after(self, seq: int) -> int | None:
        """The first sequence number after this one that is still in the file."""
        try:
            found = self._connection.execute("SELECT min(seq) FROM record WHERE seq > ?", (seq,)).fetchone()[0]
        except FILE_ERRORS as error:
            raise self._explained(error) from error
        return None if found is None else int(found)

    def close(self) -> None:
        """Closes the file; SQLite moves the write-ahead log into it."""
        self._connection.close()

    def _explained(self, error: sqlite3.Error | UnicodeDecodeError) -> JournalError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF  # the low byte is the primary code
        if code not in _NO_DAMAGE:
            return DamagedJournal(f"{self.path}: is damaged ({error}).")
        if code == sqlite3.SQLITE_FULL:
            return JournalError(f"{self.path}: cannot be written, the disk is full: make room on it.")
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            return JournalError(f"{self.path}: cannot be written ({error}): check permissions and the mount.")
        return JournalError(f"{self.path}: cannot be read or written ({error}): check the disk or card.")


def set_aside(path: Path, now: float, why: str = "damaged") -> Path:
    """Renames a journal file, its write-ahead log with it, and returns the new name. Errors: JournalError."""
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
