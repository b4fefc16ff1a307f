"""The tables of a journal's file (SQLite 3): how they are made, brought up to this version, and read.

Table `record` is append-only; `state` holds small named values; `mark` the cursor, the last sequence number and the
newest synchronised time; `volume` how many bytes each kind takes, so that opening a large file reads none of it. Each
row has a checksum: SQLite notices a damaged tree and no flipped digit. `user_version` is 100 x major + minor: within a
major version changes only add, and an older agent opens a newer file (a row that it writes has no checksum).
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.records.journal_errors import DamagedJournal
from agent.records.journal_repair import PAGE_BYTES, checksum

MAJOR, MINOR = 1, 1

ROW_BYTES = 48
"""The bytes of a row beside its body: its header, its share of the page and of the tree above it."""

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


def prepare(connection: sqlite3.Connection, path: Path, gateway: str) -> None:
    """Sets SQLite up as the journal needs it, and makes the tables if there are none, or adds what an older version
    lacks. Raises DamagedJournal for another major version, and sqlite3.Error."""
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-512", "wal_autocheckpoint=250"):
        connection.execute(f"PRAGMA {pragma}")
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if version == 0 and tables == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA:
            connection.execute(statement)
        identify(connection, gateway, secrets.token_hex(8))
        connection.execute(f"PRAGMA user_version={100 * MAJOR + MINOR}")
        connection.execute("COMMIT")
    elif version // 100 != MAJOR:
        raise DamagedJournal(f"{path}: is no journal of major version {MAJOR} (it says {version}).", ours=version < 100)
    elif version < 100 * MAJOR + 1:
        _add_checksums(connection)


def _add_checksums(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        if "checksum" not in columns:  # a flipped bit makes this version look like the older one
            connection.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
    connection.execute(f"PRAGMA user_version={100 * MAJOR + 1}")
    connection.execute("COMMIT")


def identify(connection: sqlite3.Connection, gateway: str, epoch: str) -> None:
    """Writes the gateway and the epoch of the journal; inside the caller's transaction."""
    connection.execute("DELETE FROM identity")
    row = (gateway, epoch, checksum(gateway, epoch))
    connection.execute("INSERT INTO identity (gateway, epoch, checksum) VALUES (?, ?, ?)", row)


def read_identity(connection: sqlite3.Connection, path: Path, gateway: str, findings: list[str]) -> str:
    """Returns the epoch. Where its row is damaged the journal gets a new epoch, which `findings` hears. Raises
    DamagedJournal if the journal is another gateway's."""
    found = connection.execute("SELECT gateway, epoch, checksum FROM identity").fetchone()
    owner, epoch, sum_ = found or (None, None, 0)
    if sum_ is not None and sum_ != checksum(owner, epoch):
        epoch = secrets.token_hex(8)
        connection.execute("BEGIN IMMEDIATE")
        identify(connection, gateway, epoch)
        connection.execute("COMMIT")
        findings.append("Its epoch could not be read, and it has a new one.")
    elif owner != gateway:
        raise DamagedJournal(f"{path}: is the journal of gateway {owner}, not of {gateway}.", ours=False)
    return str(epoch)


def put(
    connection: sqlite3.Connection, table: str, values: Mapping[str, object], key: str = "name", value: str = "value"
) -> None:
    """Writes named values into one of the small tables, over what they had."""
    connection.executemany(
        f"INSERT OR REPLACE INTO {table} ({key}, {value}, checksum) VALUES (?, ?, ?)",  # noqa: S608 - names from the code
        [(name, content, checksum(name, content)) for name, content in values.items()],
    )


def sound_rows(
    connection: sqlite3.Connection,
    table: str,
    types: tuple[type, ...],
    findings: list[str],
    key: str = "name",
    value: str = "value",
) -> tuple[dict[str, Any], bool]:
    """Returns the small table's rows whose checksums agree, and whether these are all. `findings` hears of the
    others."""
    sound: dict[str, Any] = {}
    spoilt: list[str] = []
    rows = connection.execute(f"SELECT {key}, {value}, checksum FROM {table}")  # noqa: S608 - names from the code
    for name, content, sum_ in rows.fetchall():
        if isinstance(name, str) and isinstance(content, types) and sum_ in (None, checksum(name, content)):
            sound[name] = content
        else:
            spoilt.append(str(name))
    if spoilt:
        findings.append(f"Of its table {table} these rows could not be read: {', '.join(spoilt)}.")
    return sound, not spoilt
