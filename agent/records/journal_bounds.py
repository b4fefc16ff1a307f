"""The bounds of a journal's file in bytes and in age, kind by kind: records beyond them are dropped.

The bounds of each kind stand in agent/records/kinds.py. Blocking; for the journal's worker thread.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from agent.records import journal_tables
from agent.records.journal_tables import ROW_BYTES
from agent.records.kinds import OTHER_LIMIT, Limit

TRIMMED_TO = 0.9
"""A bound that is passed is enforced down to this share of it, so that one full bound is one event and not one a
commit."""

_DAY_S = 86_400.0


class Counted(NamedTuple):
    """The counts of `Bounds` at one moment; see `Bounds.counted`."""

    volume: dict[str, int]
    aged_at: float


class Bounds:
    """Counts the bytes of each kind, and drops the oldest records of a kind that passes its bound.

    `keep_acknowledged_s` is for how many seconds records stay that are acknowledged. All changes happen inside the
    caller's transaction; if that is rolled back, the caller sets `counted` to its value from before.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        limits: Mapping[str, Limit],
        keep_acknowledged_s: float,
        findings: list[str],
    ) -> None:
        self._connection = connection
        self._limits = limits
        self._keep_acknowledged_s = keep_acknowledged_s
        self._aged_at = float("-inf")
        rows, complete = journal_tables.sound_rows(connection, "volume", (int,), findings, key="kind", value="bytes")
        self._volume: dict[str, int] = rows if complete else self._counted_anew()

    def _counted_anew(self) -> dict[str, int]:
        self._connection.execute("DELETE FROM volume")
        query = f"SELECT kind, sum(length(body) + {ROW_BYTES}) FROM record GROUP BY kind"  # noqa: S608 - a number
        return {str(kind): int(size or 0) for kind, size in self._connection.execute(query).fetchall()}

    @property
    def counted(self) -> Counted:
        """The present counts. Set them to earlier ones to take back the changes of a transaction that failed."""
        return Counted(dict(self._volume), self._aged_at)

    @counted.setter
    def counted(self, before: Counted) -> None:
        self._volume, self._aged_at = dict(before.volume), before.aged_at

    def add(self, kind: str, body: str) -> None:
        """Counts one row more."""
        self._volume[kind] = self._volume.get(kind, 0) + len(body) + ROW_BYTES

    def put(self) -> None:
        """Writes the counts into the file."""
        journal_tables.put(self._connection, "volume", self._volume, key="kind", value="bytes")

    def trim(self, cursor: int, last: int, now: float, *, clock_valid: bool) -> list[str]:
        """Enforces the bounds. Returns a sentence for each loss of unacknowledged records. `now` is Unix time in
        seconds, `cursor` the number up to which all is acknowledged, `last` the newest number."""
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
            settled = self._first_after(now - self._keep_acknowledged_s, last)
            self._delete("seq <= ? AND seq < ?", (cursor, settled), cursor)
            for kind in sorted(self._volume):
                limit = self._limits.get(kind, OTHER_LIMIT)
                until = self._first_after(now - limit.max_age_s, last)
                where = "clock_valid AND kind = ? AND seq > ? AND seq < ?"
                lost = self._delete(where, (kind, cursor, until), cursor)
                if lost:
                    days = limit.max_age_s / _DAY_S
                    losses.append(
                        f"{lost} unacknowledged {kind} records were older than {days:g} days and were dropped."
                    )
        return losses

    def _oldest(self, kind: str, excess: int) -> int:
        """Returns the sequence number up to which the oldest rows of this kind make up `excess` bytes."""
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

    def _first_after(self, wall: float, last: int) -> int:
        """Returns the sequence number of the first record with a valid time from `wall` on. Reads only what is
        older."""
        rows = self._connection.execute("SELECT seq, at, clock_valid FROM record ORDER BY seq")
        found = next((seq for seq, at, valid in rows if valid and isinstance(at, float) and at >= wall), last + 1)
        rows.close()
        return int(found)

    def _delete(self, where: str, parameters: tuple[str | int, ...], cursor: int) -> int:
        """Deletes the rows; returns how many of them were not acknowledged."""
        lost = 0
        sums = f"coalesce(sum(length(body) + {ROW_BYTES}), 0), sum(seq > ?)"
        query = f"SELECT kind, {sums} FROM record WHERE {where} GROUP BY kind"  # noqa: S608 - `where` is one of the literals above
        for kind, size, unacknowledged in self._connection.execute(query, (cursor, *parameters)).fetchall():
            if kind in self._volume:  # else the kind is damaged
                self._volume[kind] -= size
            lost += unacknowledged
        self._connection.execute(f"DELETE FROM record WHERE {where}", parameters)  # noqa: S608 - as above
        return lost
