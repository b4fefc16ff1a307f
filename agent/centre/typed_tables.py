"""The typed tables of the collector's store: a row for each record that counts, one table a kind.

The tables and their columns follow from the kinds (agent/records/kinds.py). A table of spans (a quarter of an hour, a
day) has the key (gateway, subject, time). If the spans of two records overlap, the first record counts. A table of
moments has the key of the records, (gateway, epoch, seq); an event that comes again under another epoch is left out.

A record of kind "void" takes the rows of spans that a wrong clock wrote out of their table, whichever comes first;
table `voids` remembers it. Blocking; inside the store's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from agent.records.kinds import KINDS, VOID, Field, Kind, Table
from agent.records.record import Record
from protocols import senml

LONGEST_SPAN_S = 86_400
"""A whole day (agent/savings/intervals.py)."""

_VOIDS = """CREATE TABLE IF NOT EXISTS voids (
    gateway TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL,
    luminaire TEXT, start INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch, seq)) WITHOUT ROWID"""


class TypedTables:
    """The typed tables of one open store. Raises sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Makes the tables that are not there, and adds the columns that a store of an earlier version lacks."""
        self._connection = connection
        connection.execute(_VOIDS)
        for kind in KINDS.values():
            if kind.table is not None:
                for statement in _statements(kind, kind.table):
                    connection.execute(statement)
                there = {row[1] for row in connection.execute(f"PRAGMA table_info({kind.table.name})")}
                for column in kind.columns:
                    if column.key not in there:
                        connection.execute(
                            f"ALTER TABLE {kind.table.name} ADD COLUMN {column.key} {column.type.column}"
                        )

    def write(self, gateway: str, epoch: str, record: Record) -> bool:
        """Writes the record's row, if it gets one. Returns False where another record is about the same thing."""
        if record.kind == VOID.name:
            self._make_void(gateway, epoch, record)
            return True
        kind = KINDS.get(record.kind)
        if kind is None or kind.table is None or not senml.fits(kind.complete, record.body):
            return True
        if kind.table.duration_key is not None:
            if not record.clock_valid or self._is_void(gateway, epoch, kind, record):
                return True
            if self._is_counted(gateway, kind, record):
                return False
        elif self._is_told(gateway, epoch, kind, record):
            return False
        names = ["gateway", "epoch", "seq", *(column.key for column in kind.columns if _has(record, column))]
        # The body goes into the row as it was decoded: its keys are the columns' names.
        inserted = self._connection.execute(
            f"INSERT OR IGNORE INTO {kind.table.name} ({', '.join(names)}) VALUES (:{', :'.join(names)})",  # noqa: S608 - names from the code
            {**record.body, "gateway": gateway, "epoch": epoch, "seq": record.seq},
        )
        return bool(inserted.rowcount)

    def _is_counted(self, gateway: str, kind: Kind, record: Record) -> bool:
        """Returns True if a row is about this span, or about a part of it."""
        assert kind.table is not None
        time, duration = kind.time.key, kind.table.duration_key
        start, duration_s = (_number(record.body[str(key)]) for key in (time, duration))
        subject, of_subject = _subject(kind, record)
        query = (
            f"SELECT 1 FROM {kind.table.name} WHERE gateway = ?{of_subject}"  # noqa: S608 - names from the code
            f" AND {time} > ? AND {time} < ? AND {time} + {duration} > ?"
        )
        span = (start - LONGEST_SPAN_S, start + duration_s, start)
        return self._connection.execute(query, (gateway, *subject, *span)).fetchone() is not None

    def _is_told(self, gateway: str, epoch: str, kind: Kind, record: Record) -> bool:
        """Returns True if another epoch has told of this moment: a journal that was repaired sends again what it cannot
        know to have arrived."""
        assert kind.table is not None
        keys = [column.key for column in kind.columns if not column.optional]
        alike = "".join(f" AND {key} IS ?" for key in keys)
        query = f"SELECT 1 FROM {kind.table.name} WHERE gateway = ?{alike} AND epoch != ?"  # noqa: S608 - names from the code
        values = [record.body[key] for key in keys]
        return self._connection.execute(query, (gateway, *values, epoch)).fetchone() is not None

    def _is_void(self, gateway: str, epoch: str, kind: Kind, record: Record) -> bool:
        """Returns True if a later record of this epoch has revoked this one, and came before it."""
        start = record.body[kind.time.key]
        subject = None if kind.subject is None else record.body[kind.subject.key]
        found = self._connection.execute(
            "SELECT 1 FROM voids WHERE gateway = ? AND epoch = ? AND seq > ? AND kind = ? AND luminaire IS ?"
            " AND start <= ? AND until > ?",
            (gateway, epoch, record.seq, kind.name, subject, start, start),
        )
        return found.fetchone() is not None

    def _make_void(self, gateway: str, epoch: str, record: Record) -> None:
        """Takes out what this epoch recorded before. What counts in its place may have come already, and is written
        then."""
        body = record.body
        kind, subject = KINDS.get(str(body.get("of"))), body.get("luminaire")
        span = (body.get("start"), body.get("until"))
        whole = all(isinstance(end, int) and 0 <= end <= senml.LARGEST_INTEGER for end in span)
        if kind is None or kind.table is None or kind.table.duration_key is None or not whole:
            return
        if not (subject is None if kind.subject is None else isinstance(subject, str)):
            return
        connection = self._connection
        row = (gateway, epoch, record.seq, kind.name, subject, *span)
        connection.execute("INSERT OR IGNORE INTO voids VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        which = "" if kind.subject is None else f" AND {kind.subject.key} = ?"
        time = kind.time.key
        gone = connection.execute(
            # Rows of another epoch that came before go too: the gateway has forgotten that it wrote them.
            f"DELETE FROM {kind.table.name} WHERE gateway = ? AND {time} >= ? AND {time} < ?"  # noqa: S608 - names from the code
            f" AND (epoch != ? OR seq < ?){which}",
            (gateway, *span, epoch, record.seq, *([] if kind.subject is None else [subject])),
        )
        if not gone.rowcount:
            return
        later = connection.execute(
            "SELECT seq, kind, body, clock_valid FROM records"
            " WHERE gateway = ? AND epoch = ? AND seq > ? AND kind = ? ORDER BY seq",
            (gateway, epoch, record.seq, kind.name),
        )
        for seq, name, text, clock_valid in later.fetchall():
            self.write(gateway, epoch, Record(seq, name, json.loads(text), bool(clock_valid)))


def _statements(kind: Kind, table: Table) -> Iterator[str]:
    columns = [f"{column.key} {column.type.column}{_not_null(column)}" for column in kind.columns]
    key = ["epoch", "seq"]
    if table.duration_key is not None:
        key = [column.key for column in (kind.subject, kind.time) if column is not None]
    yield (
        f"CREATE TABLE IF NOT EXISTS {table.name} (gateway TEXT NOT NULL, {', '.join(columns)},"
        f" epoch TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (gateway, {', '.join(key)})) WITHOUT ROWID"
    )
    if table.duration_key is None:
        yield f"CREATE INDEX IF NOT EXISTS {table.name}_by_time ON {table.name} (gateway, {kind.time.key})"


def _not_null(column: Field) -> str:
    return "" if column.optional or column.type.wire == senml.NUMBER_OR_NONE else " NOT NULL"


def _has(record: Record, column: Field) -> bool:
    """Returns False for an optional value that the record lacks, or has of another type."""
    return not column.optional or senml.is_of(record.body.get(column.key), column.type.wire)


def _subject(kind: Kind, record: Record) -> tuple[list[object], str]:
    """Returns the value, if the kind has a subject, and the condition for it."""
    if kind.subject is None:
        return [], ""
    return [record.body[kind.subject.key]], f" AND {kind.subject.key} = ?"


def _number(value: object) -> int | float:
    assert isinstance(value, int | float)  # the record fits its kind
    return value
