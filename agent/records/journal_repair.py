"""Reads what is left of a damaged journal file: mends the header, replaces the page of tables, reads row by row.

A journal's first page holds SQLite's header (SQLite file format, section 1.3) and the list of tables. All journals have
their tables at the same pages, so that this page can be taken from a new one. Below it, a damaged page costs the rows
on it and no others; the checksum of each other row says whether it is what was written.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

PAGE_BYTES = 4096
MAGIC = b"SQLite format 3\0"
# By the offset in the header, the bytes that every journal has there: page size, WAL for writing and reading, no
# reserved bytes, the three fractions that SQLite fixes; schema format 4; no automatic vacuum; UTF-8; no incremental
# vacuum.
_CONSTANTS = {
    0: MAGIC + b"\x10\x00\x02\x02\x00\x40\x20\x20",
    44: b"\x00\x00\x00\x04",
    52: b"\x00\x00\x00\x00\x00\x00\x00\x01",
    64: b"\x00\x00\x00\x00",
}
_VERSION_AT = 60
FILE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""The errors of reading a damaged file. UnicodeDecodeError: SQLite's sentence may quote bytes that are not text."""

_MENDED_BITS = 2
"""A header with more wrong bits is not a journal's, or more is lost than the header."""

_SELECT = "SELECT seq, kind, at, clock_valid, body, checksum FROM record"

_LOOKED_UP = 256
"""How many numbers are looked up one by one if a search through the tree fails."""


def checksum(*values: object) -> int:
    """Returns the CRC-32 of a row's values: SQLite finds a damaged tree, but not a flipped digit. It is taken of ASCII
    alone, because which other characters `repr` escapes depends on Python's version."""
    return zlib.crc32("\x1f".join(map(ascii, values)).encode("ascii"))


def text_of(raw: bytes) -> str:
    """Returns a column's text, even if its bytes are damaged; the row's checksum tells that they are."""
    return raw.decode("utf-8", "replace")


def mend_header(path: Path, versions: Sequence[int]) -> bool:
    """Puts right a header with a flipped bit or two, in place. Returns True if there was anything to put right.

    `versions` are the values of `user_version` that a journal of this major version may have, the newest last. One of
    them is right as it stands, although an older one may be a single bit away. Raises OSError.
    """
    try:
        with path.open("rb") as file:
            header = bytearray(file.read(100))
    except FileNotFoundError:
        return False
    if len(header) < 100 or not any(header[44:48] + header[_VERSION_AT : _VERSION_AT + 4]):
        return False  # no table was ever made in it
    mended = bytearray(header)
    for at, constant in _CONSTANTS.items():
        mended[at : at + len(constant)] = constant
    version, newest = header[_VERSION_AT : _VERSION_AT + 4], versions[-1].to_bytes(4, "big")
    if int.from_bytes(version, "big") not in versions and _bits_off(version, newest) == 1:
        mended[_VERSION_AT : _VERSION_AT + 4] = newest
    if not 1 <= _bits_off(header, mended) <= _MENDED_BITS:
        return False
    with path.open("r+b") as file:
        file.write(mended)
    return True


def _bits_off(one: bytes | bytearray, other: bytes | bytearray) -> int:
    return sum((left ^ right).bit_count() for left, right in zip(one, other, strict=True))


class Kept(NamedTuple):
    """The small tables of a damaged file: the rows that can be read and whose checksums agree."""

    state: dict[str, str]
    marks: dict[str, float]

    @property
    def cursor(self) -> int:
        """The sequence number up to which all is acknowledged; 0: it cannot be read, and all is sent again."""
        return int(self.marks.get("cursor", 0) or self.marks.get("cursor_copy", 0))


class Wreck:
    """A damaged file that was set aside, opened to read what is left of it. Blocking; for one thread."""

    def __init__(self, path: Path, schema: Iterable[str]) -> None:
        """Makes the file readable as far as that goes. Raises FILE_ERRORS and OSError."""
        self._path = path
        pages = path.stat().st_size // PAGE_BYTES
        first = bytearray(_first_page(schema))
        first[28:32] = pages.to_bytes(4, "big")
        first[32:40] = bytes(8)  # no free pages: nothing is written to this file any more
        if not self._take_in_log():
            # With a header that says that there is a write-ahead log.
            self._put(bytes(first[:18]) + b"\x02\x02" + bytes(first[20:]))
            self._take_in_log()
            first[28:32] = (path.stat().st_size // PAGE_BYTES).to_bytes(4, "big")
        self._put(bytes(first))
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.text_factory = text_of

    def _put(self, page: bytes) -> None:
        with self._path.open("r+b") as file:
            file.write(page)

    def _take_in_log(self) -> bool:
        with contextlib.suppress(*FILE_ERRORS), contextlib.closing(sqlite3.connect(self._path)) as connection:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
        return False

    def kept(self) -> Kept:
        """Returns the state and the marks."""
        state, marks = self._rows("state"), self._rows("mark")
        return Kept(
            {str(name): value for name, value in state if isinstance(value, str)},
            {str(name): value for name, value in marks if isinstance(value, float)},
        )

    def last(self) -> int:
        """Returns the highest number of a sound record that can be read; 0: there is none."""
        with contextlib.suppress(*FILE_ERRORS):
            rows = self._connection.execute(f"{_SELECT} ORDER BY seq DESC LIMIT ?", (_LOOKED_UP,))
            for *values, sum_ in rows:
                if sum_ in (None, checksum(*values)):
                    return int(values[0])
        return 0

    def _rows(self, table: str) -> Iterator[tuple[object, object]]:
        try:
            # One row after the other: an error ends the reading, and the rows before it are not lost.
            for name, value, sum_ in self._connection.execute(f"SELECT name, value, checksum FROM {table}"):  # noqa: S608
                if sum_ in (None, checksum(name, value)):
                    yield name, value
        except FILE_ERRORS:
            return

    def records(
        self, after: int, last: int, limit: int, settled: int
    ) -> tuple[list[tuple[object, ...]], list[int], int]:
        """Returns rows (seq, kind, at, clock_valid, body, checksum) after a number, the numbers that cannot be read,
        and the number up to which this is all; from `last` on, there is no more. Beyond `settled` each number was in
        the file, so that one without a row is lost."""
        try:
            rows = self._connection.execute(
                f"{_SELECT} WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, limit),
            ).fetchall()
        except FILE_ERRORS:
            pass
        else:
            numbers = [row[0] for row in rows]
            until = numbers[-1] if len(rows) == limit else last
            # A number out of order, beyond the last or missing: a damaged tree that SQLite has not noticed.
            if numbers == sorted(set(numbers)) and all(after < number <= last for number in numbers):
                from_here = max(after, settled)
                if sum(number > from_here for number in numbers) == max(0, until - from_here):
                    return rows, [], until
        until = min(after + _LOOKED_UP, last)
        found, lost = [], []
        for number in range(after + 1, until + 1):
            try:
                row = self._connection.execute(f"{_SELECT} WHERE seq = ?", (number,)).fetchone()
            except FILE_ERRORS:
                row = None
                if number <= settled:
                    lost.append(number)
            if row is not None and row[0] == number:
                found.append(row)
            elif number > settled:
                lost.append(number)
        return found, lost, until

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


def _first_page(schema: Iterable[str]) -> bytes:
    with contextlib.closing(sqlite3.connect(":memory:")) as model:
        model.execute(f"PRAGMA page_size={PAGE_BYTES}")
        for statement in schema:
            model.execute(statement)
        return model.serialize()[:PAGE_BYTES]
