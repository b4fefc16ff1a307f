"""A disk that fills, refuses or fails below the SQLite files of the code that is tested.

It stands between that code and SQLite: `sqlite3.connect` is replaced, and every connection is remembered by its path.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

_FREE_PAGES = 100_000


class Disk:
    """Acts on the open connections to a path; `fails_on` on every one."""

    def __init__(self) -> None:
        self._connections: dict[Path, list[Connection]] = {}
        self._fails_on: str | None = None

    def note(self, connection: Connection, database: Any) -> None:
        """A connection was opened."""
        self._connections.setdefault(Path(database), []).append(connection)

    def fill(self, path: Path) -> None:
        """No page more fits into the file."""
        for connection in self._open(path):
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count={pages}")

    def protect(self, path: Path) -> None:
        """The file can be read only."""
        for connection in self._open(path):
            connection.execute("PRAGMA query_only=1")

    def free(self, path: Path) -> None:
        """The file can be written again."""
        for connection in self._open(path):
            connection.execute(f"PRAGMA max_page_count={_FREE_PAGES}")
            connection.execute("PRAGMA query_only=0")

    def fails_on(self, words: str | None) -> None:
        """From now on each statement with these words is an input/output error; None: it is over."""
        self._fails_on = words

    def refuse(self, statement: str) -> None:
        """Raises what `fails_on` asked for."""
        if self._fails_on is not None and self._fails_on in statement:
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise error

    def pragmas(self, path: Path, *names: str) -> dict[str, object]:
        """What the newest connection says of these PRAGMAs."""
        connection = self._open(path)[-1]
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

    def in_transaction(self, path: Path) -> bool:
        """Whether a connection has left a transaction open."""
        return any(connection.in_transaction for connection in self._open(path))

    def _open(self, path: Path) -> list[Connection]:
        return [connection for connection in self._connections[Path(path)] if not connection.is_closed]


class Connection(sqlite3.Connection):
    """A connection that asks the disk before each statement."""

    is_closed = False
    disk: Disk

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        self.disk.refuse(sql)
        return super().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Any]) -> sqlite3.Cursor:
        self.disk.refuse(sql)
        return super().executemany(sql, parameters)

    def close(self) -> None:
        super().close()
        self.is_closed = True


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    """The disk of one test."""
    here, connect = Disk(), sqlite3.connect

    def connected(database: Any, **options: Any) -> Connection:
        connection: Connection = connect(database, factory=Connection, **options)
        connection.disk = here
        here.note(connection, database)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
    return here
