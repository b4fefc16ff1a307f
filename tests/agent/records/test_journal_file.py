"""The journal's file by itself: its bounds to the byte and to the second, and its response to errors of the disk."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from agent.records import journal_bounds
from agent.records.journal_errors import DamagedJournal, JournalError, explained
from agent.records.journal_file import Entry, JournalFile
from agent.records.journal_moved import set_aside
from agent.records.journal_repair import PAGE_BYTES, checksum
from agent.records.kinds import Limit
from tests.rigs.disk import Disk, disk

__all__ = ["disk"]

NOW = 1_763_800_200.0
DAY_S = 86_400.0
BODY = "x" * 52
"""With what a row costs beside it: 100 bytes."""
LIMITS = {
    "reading": Limit(1000, 10 * DAY_S),
    "interval": Limit(10_000, 400 * DAY_S),
    "event": Limit(10_000, 400 * DAY_S),
}


class Opened:
    """A journal file, written at a given time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.cursor = 0
        self.file = self._open()

    def _open(self) -> JournalFile:
        return JournalFile(self.path, "gw-1", LIMITS, 35 * DAY_S)

    def reopen(self) -> None:
        self.file.close()
        self.file = self._open()

    def write(self, *kinds: str, clock_valid: bool = True, **options: Any) -> list[str]:
        """Writes these kinds in one transaction. Returns a sentence for each loss."""
        before = self.file.last
        entries = [Entry(kind, self.now, clock_valid, BODY) for kind in kinds]
        self.file.write(entries, {}, self.cursor, self.now, clock_valid=clock_valid, synchronised=False, **options)
        rows = self.file.read_after(before, 1000, 1 << 40)
        return [json.loads(row.body)["text"] for row in rows if row.kind == "event"]

    def volumes(self) -> dict[str, int]:
        """Returns the bytes of each kind, as the file counts them."""
        with contextlib.closing(sqlite3.connect(self.path)) as file:
            return dict(file.execute("SELECT kind, bytes FROM volume"))

    def numbers(self, kind: str) -> list[int]:
        with contextlib.closing(sqlite3.connect(self.path)) as file:
            return [seq for (seq,) in file.execute("SELECT seq FROM record WHERE kind = ? ORDER BY seq", (kind,))]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    here = Opened(tmp_path / "gw.journal")
    yield here
    here.file.close()


def test_a_bound_of_bytes_is_kept_to_the_byte_and_trimmed_to_nine_tenths(opened: Opened) -> None:
    assert opened.write(*["reading"] * 10) == []
    assert opened.write("interval") == []
    assert opened.numbers("reading") == list(range(1, 11)), "a bound that is reached is not passed"
    assert opened.write("reading") == ["2 unacknowledged reading records passed 1000 bytes and were dropped."]
    assert opened.numbers("reading") == [*range(3, 11), 12]
    assert opened.numbers("interval") == [11]
    # The next one fits: one full bound is one event.
    assert opened.write("reading") == []


def test_what_is_acknowledged_makes_room_without_a_word(opened: Opened) -> None:
    opened.write(*["reading"] * 10)
    opened.cursor = 1
    assert opened.write("reading") == ["1 unacknowledged reading records passed 1000 bytes and were dropped."]
    opened.cursor = opened.file.last
    assert opened.write(*["reading"] * 3) == []
    assert len(opened.numbers("reading")) == 9


def test_a_loss_is_a_notice_of_the_gateway(opened: Opened) -> None:
    opened.write(*["reading"] * 11)
    body = json.loads(opened.file.read_after(11, 10, 1 << 40)[0].body)
    assert body.pop("text").startswith("2 unacknowledged")
    assert body == {"at": NOW, "name": "recordsDropped", "subject": "gateway", "active": True, "notice": True}


def test_a_kind_that_the_table_does_not_name_is_bounded_too(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_bounds, "OTHER_LIMIT", Limit(500, 5 * DAY_S))
    assert opened.write(*["void"] * 6) == ["2 unacknowledged void records passed 500 bytes and were dropped."]
    opened.now += 5 * DAY_S + 1.0
    assert opened.write() == ["4 unacknowledged void records were older than 5 days and were dropped."]


def test_a_bound_of_age_is_kept_to_the_second(opened: Opened) -> None:
    opened.write("reading", "interval")
    opened.now += 1.0
    opened.write("reading")
    opened.reopen()
    opened.now = NOW + 10 * DAY_S
    assert opened.write() == []
    opened.reopen()
    opened.now += 1.0
    assert opened.write() == ["1 unacknowledged reading records were older than 10 days and were dropped."]
    assert (opened.numbers("reading"), opened.numbers("interval")) == ([3], [2])


def test_ages_are_looked_at_once_a_day(opened: Opened) -> None:
    opened.write("reading")
    opened.now += 9.5 * DAY_S
    opened.write("interval")  # looked at
    opened.now += DAY_S - 1.0
    assert opened.write("interval") == []
    opened.now += 1.0
    assert len(opened.write("interval")) == 1


def test_a_clock_that_was_a_year_ahead_does_not_put_off_the_bounds_of_age(opened: Opened) -> None:
    opened.now += 365 * DAY_S
    opened.write()
    opened.now = NOW
    opened.write("reading")
    opened.now += 10 * DAY_S + 1.0
    assert len(opened.write()) == 1


@pytest.mark.parametrize("valid_then", [False, True])
@pytest.mark.parametrize("valid_now", [False, True])
def test_ages_mean_something_only_where_both_times_do(opened: Opened, valid_then: bool, valid_now: bool) -> None:
    opened.write("reading", clock_valid=valid_then)
    opened.write("interval")  # a time that means something, before which the age is looked for
    opened.reopen()
    opened.now += 11 * DAY_S
    assert len(opened.write("interval", clock_valid=valid_now)) == int(valid_then and valid_now)


def test_acknowledged_records_stay_for_their_time_to_the_second(opened: Opened) -> None:
    opened.write("interval", "interval")
    opened.cursor = 1
    for seconds, kept in ((35 * DAY_S, [1, 2]), (35 * DAY_S + 1.0, [2])):
        opened.reopen()
        opened.now = NOW + seconds
        assert opened.write() == []
        assert opened.numbers("interval") == kept  # and what is not acknowledged stays


def test_after_all_is_dropped_no_number_is_given_twice(opened: Opened) -> None:
    opened.write(*["interval"] * 5)
    opened.cursor = 5
    opened.now += 36 * DAY_S
    opened.write()
    assert opened.numbers("interval") == []
    opened.reopen()
    assert (opened.file.last, opened.file.cursor, opened.file.first_after(0)) == (5, 5, None)
    opened.write("interval")
    assert (opened.file.first_after(0), opened.file.first_after(5), opened.file.first_after(6)) == (6, 6, None)


@pytest.mark.parametrize(("most_bytes", "expected"), [(0, 1), (1, 1), (52, 1), (53, 2), (104, 2), (105, 3), (999, 5)])
def test_a_batch_ends_where_its_bodies_reach_the_bound(opened: Opened, most_bytes: int, expected: int) -> None:
    opened.write(*["interval"] * 5)
    rows = opened.file.read_after(0, 100, most_bytes)
    assert [row.seq for row in rows] == list(range(1, expected + 1))
    assert len(opened.file.read_after(0, 2, 999)) == 2


def test_the_file_s_pages_and_log_stay_small(disk: Disk, opened: Opened) -> None:
    names = ("page_size", "wal_autocheckpoint", "journal_mode", "synchronous", "cache_size")
    assert disk.pragmas(opened.path, *names) == {
        "page_size": PAGE_BYTES,
        "wal_autocheckpoint": 250,
        "journal_mode": "wal",
        "synchronous": 2,
        "cache_size": -512,
    }


def test_a_new_epoch_and_the_newest_certain_time_are_written(opened: Opened) -> None:
    opened.write("interval", epoch="e" * 16)
    assert (opened.file.epoch, opened.file.newest_synchronised_wall) == ("e" * 16, None)
    opened.file.write([], {}, 0, NOW + 7.0, clock_valid=True, synchronised=True)
    opened.write("interval")
    opened.reopen()
    assert (opened.file.epoch, opened.file.newest_synchronised_wall) == ("e" * 16, NOW + 7.0)
    assert opened.file.findings == []


def test_a_write_that_fails_half_way_is_made_up_for_by_the_next(disk: Disk, opened: Opened) -> None:
    """The next write also makes up for the look at the ages, which is taken once a day."""
    opened.write(*["reading"] * 9, "interval")
    opened.now += 11 * DAY_S
    file = opened.file
    before = (file.last, file.gaps_until, file.cursor, file.epoch, dict(file.state))
    disk.fails_on("INTO mark")
    for _ in range(2):
        with pytest.raises(JournalError, match="check the disk or card"):
            opened.write("reading", "event", epoch="e" * 16)
        assert not disk.in_transaction(opened.path)
        assert (file.last, file.gaps_until, file.cursor, file.epoch, dict(file.state)) == before
    disk.fails_on(None)
    assert opened.write("reading") == ["9 unacknowledged reading records were older than 10 days and were dropped."]
    assert (opened.numbers("reading"), opened.numbers("interval")) == ([11], [10])
    assert opened.volumes() == {"reading": 100, "interval": 100, "event": ANY}


def test_what_cannot_be_taken_over_is_counted_and_the_rest_is_there(opened: Opened) -> None:
    def row(seq: object, kind: object, body: object, at: object = NOW) -> tuple[object, ...]:
        return (seq, kind, at, 1, body, checksum(seq, kind, at, 1, body))

    opened.write("interval")
    rows = [
        row(5, "interval", BODY),
        row(6, b"interval", BODY),
        row(7, "interval", b"{}"),
        row(8, "interval", None),
        row(1, "interval", BODY),  # a number twice
        row(9, "reading", BODY, None),
        row(10, "reading", BODY),
    ]
    assert opened.file.take_over_records(rows, '["more"]') == 5
    assert (opened.numbers("interval"), opened.numbers("reading")) == ([1, 5], [10])
    assert opened.volumes() == {"interval": 200, "reading": 100}
    opened.reopen()
    assert opened.file.state == {"journal.salvage": '["more"]'}
    opened.write("interval")
    assert opened.volumes() == {"interval": 300, "reading": 100}


def test_taking_over_that_fails_half_way_leaves_nothing_behind(disk: Disk, opened: Opened) -> None:
    opened.write("interval")
    disk.fails_on("INTO state")
    with pytest.raises(JournalError, match="check the disk or card"):
        opened.file.take_over_records([(5, "interval", NOW, 1, BODY, None)], "[1]")
    disk.fails_on(None)
    assert opened.file.state == {}
    assert opened.numbers("interval") == [1]
    opened.write("interval")  # no transaction is left open
    assert opened.numbers("interval") == [1, 2]
    assert opened.volumes() == {"interval": 200}


def an_error(code: int | None) -> sqlite3.Error:
    error = sqlite3.OperationalError("said by SQLite")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full: make room"),
        (sqlite3.SQLITE_READONLY, "check permissions and the mount"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "check permissions and the mount"),
        (sqlite3.SQLITE_CANTOPEN, "check permissions and the mount"),
        (sqlite3.SQLITE_PERM, "check the disk or card"),
        (sqlite3.SQLITE_BUSY, "check the disk or card"),
        (sqlite3.SQLITE_LOCKED, "check the disk or card"),
        (sqlite3.SQLITE_NOMEM, "check the disk or card"),
        (sqlite3.SQLITE_INTERRUPT, "check the disk or card"),
        (sqlite3.SQLITE_IOERR_READ, "check the disk or card"),
        (sqlite3.SQLITE_IOERR_FSYNC, "check the disk or card"),
        (sqlite3.SQLITE_PROTOCOL, "check the disk or card"),
    ],
)
def test_a_disk_that_refuses_is_no_damage(tmp_path: Path, code: int, advice: str) -> None:
    """Otherwise a full disk would have a sound journal set aside."""
    error = explained(tmp_path, an_error(code))
    assert type(error) is JournalError
    assert advice in str(error)
    assert str(tmp_path) in str(error)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, None])
def test_what_sqlite_cannot_make_out_is_damage(tmp_path: Path, code: int | None) -> None:
    error = explained(tmp_path, an_error(code))
    assert isinstance(error, DamagedJournal)
    assert error.ours


def test_each_file_that_is_set_aside_has_a_name_of_its_own_and_takes_its_log_along(tmp_path: Path) -> None:
    path = tmp_path / "gw.journal"
    names = []
    for number in range(3):
        for ending in ("", "-wal", "-shm"):
            Path(f"{path}{ending}").write_text(f"{number}{ending}")
        aside = set_aside(path, 7.9)
        names.append(aside.name)
        assert not list(tmp_path.glob("gw.journal")) + list(tmp_path.glob("gw.journal-*"))
        for ending in ("", "-wal", "-shm"):
            assert Path(f"{aside}{ending}").read_text() == f"{number}{ending}"
    assert names == ["gw.journal.damaged-7", "gw.journal.damaged-7-2", "gw.journal.damaged-7-3"]
    path.write_text("alone")
    assert set_aside(path, 7.0, "replaced").name == "gw.journal.replaced-7"


def test_a_file_that_cannot_be_set_aside_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise PermissionError("not yours")

    (tmp_path / "gw.journal").touch()
    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(JournalError, match=r"is damaged and cannot be set aside \(not yours\): move it by hand"):
        set_aside(tmp_path / "gw.journal", 7.0)
