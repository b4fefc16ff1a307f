"""The journal's SQLite file (SQLite 3, WAL mode, synchronous=FULL): the blocking half, for one worker thread.

Its tables: agent/records/journal_tables.py. The bounds of its contents: agent/records/journal_bounds.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from agent.records import alarms, journal_moved, journal_tables
from agent.records.journal_bounds import Bounds
from agent.records.journal_errors import DamagedJournal, JournalError, explained
from agent.records.journal_repair import FILE_ERRORS, MAGIC, Kept, checksum, mend_header, text_of
from agent.records.journal_tables import MAJOR, MINOR
from agent.records.kinds import EVENT, Limit
from agent.records.record import encoded

SALVAGE = "journal.salvage"
"""The name of the state that says which damaged file's records are still being taken over."""


class Entry(NamedTuple):
    """A record on its way into the file, which numbers it. `body` is JSON (agent/records/record.py)."""

    kind: str
    at: float
    clock_valid: bool
    body: str


class Row(NamedTuple):
    """A record in the file. `sound` is False if it differs from the record that was written."""

    seq: int
    kind: str
    clock_valid: bool
    body: str
    sound: bool


class JournalFile:
    """One open journal file. Blocking; all calls from one thread. Errors: JournalError, DamagedJournal; `write` also
    MovedJournal. `findings` are sentences about damage that was found at opening and is dealt with."""

    def __init__(self, path: Path, gateway: str, limits: Mapping[str, Limit], keep_acknowledged_s: float) -> None:
        self.path = path
        self.gateway = gateway
        self.findings: list[str] = []
        try:
            # SQLite would take a file too short for a header for an empty one, and write over it.
            if mend_header(path, range(100 * MAJOR, 100 * MAJOR + MINOR + 1)):
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
            journal_tables.prepare(self._connection, path, gateway)
            self._read_small_tables(limits, keep_acknowledged_s)
            self._place = journal_moved.Place(path)
        except FILE_ERRORS as error:
            self._connection.close()
            raise explained(path, error) from error
        except BaseException:
            self._connection.close()
            raise

    def _read_small_tables(self, limits: Mapping[str, Limit], keep_acknowledged_s: float) -> None:
        connection = self._connection
        self.epoch = journal_tables.read_identity(connection, self.path, self.gateway, self.findings)
        marks, _ = journal_tables.sound_rows(connection, "mark", (int, float, type(None)), self.findings)
        # It is stored twice, because without it all records in the file are sent again.
        self.cursor = int(marks.get("cursor") or marks.get("cursor_copy") or 0)
        newest: float | None = marks.get("newest_synchronised_wall")
        self.newest_synchronised_wall = newest
        stored_last: int = connection.execute("SELECT coalesce(max(seq), 0) FROM record").fetchone()[0]
        self.last = max(int(marks.get("last") or 0), stored_last, self.cursor)
        # Each number beyond the acknowledged and the dropped ones must be there. If one is not, the tree is damaged
        # in a way that SQLite does not see (a page that says that it has fewer rows).
        self.gaps_until = int(marks.get("gaps_until", self.last) or 0)
        self._bounds = Bounds(connection, limits, keep_acknowledged_s, self.findings)
        self.state: dict[str, str]
        self.state, _ = journal_tables.sound_rows(connection, "state", (str,), self.findings)

    @property
    def _settled(self) -> int:
        return max(self.cursor, self.gaps_until)

    def put_back(self) -> None:
        """Writes all that the open file holds to its path again, where no file may stand now, and closes it. Errors:
        JournalError, DamagedJournal."""
        journal_moved.put_back(self.path, self._connection)

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
        """Writes entries, named values and cursor in one transaction: all of it is in the file afterwards, or none if
        an error is raised. `now` is Unix time in seconds. A given `epoch` holds from now on, for what is not
        acknowledged too."""
        connection, before = self._connection, (self.last, self._bounds.counted, self.gaps_until)
        self._place.refuse_another()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._insert(entries)
            losses = self._bounds.trim(cursor, self.last, now, clock_valid=clock_valid)
            if losses:
                self.gaps_until = self.last
            for text in losses:
                body = encoded(alarms.notice(now, "recordsDropped", "gateway", text))
                self._insert([Entry(EVENT.name, now, clock_valid, body)])
            journal_tables.put(connection, "state", state)
            self._bounds.put()
            marks = {"cursor": float(cursor), "cursor_copy": float(cursor), "last": float(self.last)}
            marks["gaps_until"] = float(self.gaps_until)
            if synchronised:
                marks["newest_synchronised_wall"] = float(now)
            journal_tables.put(connection, "mark", marks)
            if epoch is not None:
                journal_tables.identify(connection, self.gateway, epoch)
            connection.execute("COMMIT")
        except BaseException as error:
            self.last, self._bounds.counted, self.gaps_until = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, FILE_ERRORS):
                raise explained(self.path, error) from error
            raise
        finally:
            self._place.keep()
        self.cursor = cursor
        self.epoch = epoch or self.epoch
        self.state.update(state)
        if synchronised:
            self.newest_synchronised_wall = now

    def _insert(self, entries: Iterable[Entry]) -> None:
        for kind, at, clock_valid, body in entries:
            self.last += 1
            row = (self.last, kind, float(at), int(clock_valid), body)
            self._insert_row((*row, checksum(*row)))

    def _insert_row(self, row: tuple[Any, ...]) -> None:
        self._connection.execute(
            "INSERT INTO record (seq, kind, at, clock_valid, body, checksum) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        self._bounds.add(row[1], row[4])

    def read_after(self, seq: int, limit: int, most_bytes: int) -> list[Row]:
        """Returns up to `limit` records after this sequence number, in order; fewer where their bodies pass
        `most_bytes`."""
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
            raise explained(self.path, error) from error
        return found

    def take_over(self, kept: Kept, last: int, salvage: str) -> None:
        """Writes the small tables of a damaged file into this new one; numbers go on after `last`. `salvage` is the
        state that says which records are still to come (`take_over_records`). Errors: JournalError."""
        self.last = max(self.last, last, int(kept.marks.get("last", 0)))
        self.gaps_until = self.last
        cursor = kept.cursor
        newest = kept.marks.get("newest_synchronised_wall")
        state = {**kept.state, SALVAGE: salvage}
        self.write([], state, cursor, newest or 0.0, clock_valid=False, synchronised=newest is not None)

    def take_over_records(self, rows: Iterable[tuple[Any, ...]], salvage: str) -> int:
        """Writes rows of a damaged file as they are, and the state that says how far that has come, in one transaction.
        Returns how many could not be taken. Errors: JournalError."""
        connection, refused = self._connection, 0
        before = self._bounds.counted
        try:
            connection.execute("BEGIN IMMEDIATE")
            for row in rows:
                if not (isinstance(row[1], str) and isinstance(row[4], str)):
                    refused += 1
                    continue
                try:
                    self._insert_row(row)
                except sqlite3.IntegrityError:  # a number occurs twice, or a value is not one of a record
                    refused += 1
            journal_tables.put(connection, "state", {SALVAGE: salvage})
            self._bounds.put()
            connection.execute("COMMIT")
        except FILE_ERRORS as error:
            self._bounds.counted = before
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise explained(self.path, error) from error
        finally:
            self._place.keep()
        self.state[SALVAGE] = salvage
        return refused

    def first_after(self, seq: int) -> int | None:
        """Returns the first sequence number after this one that is still in the file; None: there is none."""
        try:
            found = self._connection.execute("SELECT min(seq) FROM record WHERE seq > ?", (seq,)).fetchone()[0]
        except FILE_ERRORS as error:
            raise explained(self.path, error) from error
        return None if found is None else int(found)

    def close(self) -> None:
        """Closes the file; SQLite moves the write-ahead log into it."""
        self._connection.close()
