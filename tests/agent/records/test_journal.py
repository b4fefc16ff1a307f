"""The journal loses nothing and doubles nothing, even if its file is garbage, full or newer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records import waiting
from agent.records.journal import Journal, JournalError, Limit
from agent.records.journal_file import JournalFile
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.disk import Disk, disk

__all__ = ["disk"]

NOW = 1_763_800_200.0
DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def lived(story: Callable[[VirtualClock], Awaitable[None]]) -> None:
    run_virtual(story, NOW)


def changed(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            file.execute(statement)


def test_records_and_state_come_back(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        body = {"luminaire": "L01", "wh": 0.1}
        journal.append("reading", body)
        body["wh"] = 99  # the journal has its own copy
        journal.append("event", {"text": "ë"})
        assert (journal.last, await journal.read_after(0, 10)) == (0, [])  # not before the commit
        await journal.commit({"ledger": {"L01": 7}})
        epoch = journal.epoch
        await journal.close()
        journal = await Journal.open(path, "gw-1", clock)
        assert (journal.epoch, len(epoch), journal.damage) == (epoch, 16, None)
        assert await journal.read_after(0, 10) == [
            (1, "reading", {"luminaire": "L01", "wh": 0.1}, True),
            (2, "event", {"text": "ë"}, True),
        ]
        assert (await journal.read_after(1, 10))[0].seq == 2
        assert len(await journal.read_after(0, 1)) == 1
        assert journal.state("ledger") == {"L01": 7}
        assert journal.state("other") is None
        assert (journal.last, journal.cursor, journal.depth) == (2, 0, 2)
        await journal.close()

    lived(story)


def test_what_is_written_has_no_blanks(path: Path) -> None:
    """A card bears a limited number of writes, and each byte on a metered link costs."""

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {"luminaire": "L01", "wh": [0.1, 2]})
        await journal.commit({"ledger": {"L01": [7, 8]}})
        await journal.close()

    lived(story)
    with contextlib.closing(sqlite3.connect(path)) as file:
        assert file.execute("SELECT body FROM record").fetchall() == [('{"luminaire":"L01","wh":[0.1,2]}',)]
        assert file.execute("SELECT value FROM state").fetchall() == [('{"L01":[7,8]}',)]


def test_what_json_cannot_hold_is_refused_at_once(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        with pytest.raises(ValueError):
            journal.append("reading", {"wh": float("nan")})
        with pytest.raises(TypeError):
            journal.append("reading", {"wh": b"1"})
        await journal.close()

    lived(story)


def test_a_commit_with_nothing_new_writes_nothing(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        await journal.commit({"ledger": 1})
        size = Path(f"{path}-wal").stat().st_size
        assert size > 0
        for _ in range(50):
            await journal.commit({"ledger": 1})
        assert Path(f"{path}-wal").stat().st_size == size
        await journal.commit({"ledger": 2})
        assert Path(f"{path}-wal").stat().st_size > size
        await journal.close()

    lived(story)


def test_the_file_is_durable_and_small_in_memory(path: Path, disk: Disk) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        pragmas = disk.pragmas(path, "synchronous", "cache_size", "journal_mode")
        assert pragmas == {"synchronous": 2, "cache_size": -512, "journal_mode": "wal"}
        await journal.close()

    lived(story)


def test_the_cursor_moves_over_the_contiguous_prefix_only(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        for number in range(10):
            journal.append("reading", {"number": number})
        await journal.commit()
        await journal.acknowledge([(1, 10)], "f" * 16)
        assert journal.cursor == 0
        await journal.acknowledge([(6, 7), (2, 3), (9, 99), (0, 5), (8, 2)], journal.epoch)
        assert journal.cursor == 0
        assert [journal.acknowledged_through(seq) for seq in (1, 2, 4, 6, 9)] == [None, 3, None, 7, 10]
        await journal.acknowledge([(1, 1)], journal.epoch)
        assert (journal.cursor, journal.depth) == (3, 7)
        await journal.acknowledge([(4, 5)], journal.epoch)
        assert journal.cursor == 7
        await journal.close()
        # What lay beyond the hole was in memory: it is sent again, not lost.
        journal = await Journal.open(path, "gw-1", clock)
        assert (journal.cursor, journal.depth) == (7, 3)
        await journal.acknowledge([(8, 10)], journal.epoch)
        assert (journal.cursor, journal.depth) == (10, 0)
        await journal.close()
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        await journal.commit()
        assert journal.last == 11
        await journal.close()

    lived(story)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(-2, 25), st.integers(-2, 25)), max_size=3), max_size=6))
def test_the_cursor_is_the_contiguous_prefix_of_what_was_acknowledged(
    acknowledged: list[list[tuple[int, int]]],
) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(":memory:", "gw-1", clock)
        for _ in range(20):
            journal.append("reading", {})
        await journal.commit()
        covered: set[int] = set()
        for ranges in acknowledged:
            await journal.acknowledge(ranges, journal.epoch)
            covered |= {n for first, last in ranges if first >= 1 for n in range(first, last + 1)}
            assert journal.cursor == next(n for n in range(20 + 1) if n + 1 not in covered or n == 20)
        await journal.close()

    lived(story)


def test_readings_make_room_first_and_the_loss_is_a_record(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        limits = {"reading": Limit(20_000, 14 * DAY_S), "interval": Limit(10_000_000, 400 * DAY_S)}
        journal = await Journal.open(path, "gw-1", clock, limits=limits)
        for _ in range(100):
            journal.append("reading", {"filling": "x" * 300})
            journal.append("interval", {"filling": "x" * 300})
            await journal.commit()
        records = await journal.read_after(0, 1000)
        kinds = [record.kind for record in records]
        assert kinds.count("interval") == 100
        assert 40 <= kinds.count("reading") <= 60
        losses = [record.body for record in records if record.kind == "event"]
        assert {loss["name"] for loss in losses} == {"recordsDropped"}
        told = sum(int(str(loss["text"]).split()[0]) for loss in losses)
        assert told == 100 - kinds.count("reading")
        # The cursor passes over the numbers that are no more.
        await journal.acknowledge([(record.seq, record.seq) for record in records], journal.epoch)
        assert (journal.cursor, journal.depth) == (journal.last, 0)
        # What is acknowledged makes room without a word.
        for _ in range(100):
            journal.append("reading", {"filling": "x" * 300})
            await journal.commit()
            await journal.acknowledge([(1, journal.last)], journal.epoch)
        after = await journal.read_after(records[-1].seq, 1000)
        assert "event" not in [record.kind for record in after]
        await journal.close()
        # The volumes survive a restart.
        with contextlib.closing(sqlite3.connect(path)) as file:
            said = dict(file.execute("SELECT kind, bytes FROM volume").fetchall())
            real = dict(file.execute("SELECT kind, sum(length(body) + 48) FROM record GROUP BY kind").fetchall())
        assert said == real

    lived(story)


def test_age_takes_readings_before_energy_and_only_while_the_clock_is_right(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        journal.append("interval", {})
        await journal.commit()
        await clock.sleep(15 * DAY_S)
        clock.set_wall(clock.wall() + 900 * DAY_S, valid=False)
        journal.append("interval", {})
        await journal.commit()
        assert [record.kind for record in await journal.read_after(0, 9)] == ["reading", "interval", "interval"]
        clock.set_wall(NOW + 15 * DAY_S)
        journal.append("interval", {})
        await journal.commit()
        kinds = [record.kind for record in await journal.read_after(0, 9)]
        assert kinds == ["interval", "interval", "interval", "event"]
        await journal.close()

    lived(story)


def test_acknowledged_records_stay_for_the_reports_of_a_month(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        for _ in range(60):
            journal.append("interval", {})
            await journal.commit()
            await journal.acknowledge([(1, journal.last)], journal.epoch)
            await clock.sleep(DAY_S)
        records = await journal.read_after(0, 1000)
        assert 34 <= len(records) <= 37
        assert {record.kind for record in records} == {"interval"}
        # A year later the file is empty, but no number is given twice.
        await clock.sleep(365 * DAY_S)
        await journal.commit({"ledger": 1})
        assert await journal.read_after(0, 1000) == []
        await journal.close()
        changed(path, "UPDATE mark SET value = 0 WHERE name = 'cursor'")
        journal = await Journal.open(path, "gw-1", clock)
        assert journal.last == 60
        await journal.close()

    lived(story)


@pytest.mark.parametrize("garbage", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 5000, b"x"])
def test_garbage_is_set_aside_and_told(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        aside = path.with_name(f"{path.name}.damaged-{int(NOW)}")
        assert aside.read_bytes() == garbage
        assert journal.damage is not None
        assert str(aside) in str(journal.damage["text"])
        await journal.commit()
        assert [record.body for record in await journal.read_after(0, 9)] == [journal.damage]
        await journal.close()

    lived(story)


def test_damage_found_while_open_costs_nothing_that_waits(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        for number in range(500):
            journal.append("interval", {"number": number, "filling": "x" * 300})
        await journal.commit({"ledger": 500})
        await journal.close()
        content = bytearray(path.read_bytes())
        content[4096 * 10 : 4096 * 20] = b"\xff" * (4096 * 10)
        path.write_bytes(content)
        journal = await Journal.open(path, "gw-1", clock)
        epoch = journal.epoch
        assert journal.damage is None  # opening a large file reads little of it
        journal.append("interval", {"number": 500})
        await journal.read_after(0, 1000)
        await journal.commit()
        assert journal.epoch != epoch
        assert journal.damage is not None
        assert journal.state("ledger") == 500
        assert await journal.read_after(0, 1000) == []  # not before the rest is taken over: it would be passed over
        while journal.salvaging:
            await clock.sleep(1.0)
        await journal.commit()
        records = await journal.read_after(0, 1000)
        numbers = [record.body["number"] for record in records if record.kind == "interval"]
        assert numbers == sorted(numbers)
        assert 390 < len(numbers) < 420  # ten pages of ten records are gone
        assert numbers[-1] == 500
        events = {record.body["name"]: str(record.body["text"]) for record in records if record.kind == "event"}
        assert events.keys() == {"journalDamaged", "journalRepaired"}
        said = re.search(
            r"(\d+) records of .* were taken over; these numbers could not be read: (.*)\.", events["journalRepaired"]
        )
        assert said is not None
        runs = [run.split(" to ") for run in said[2].split(", ")]
        lost = {number for run in runs for number in range(int(run[0]), int(run[-1]) + 1)}
        assert int(said[1]) == len(numbers) - 1
        assert lost == set(range(1, 501)) - {int(str(number)) + 1 for number in numbers}
        await journal.close()

    lived(story)


def test_another_gateway_s_journal_is_set_aside(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        await journal.close()
        journal = await Journal.open(path, "gw-2", clock)
        assert journal.damage is not None
        assert "gw-1" in str(journal.damage["text"])
        await journal.close()

    lived(story)


def test_a_newer_minor_version_opens_a_newer_major_is_set_aside(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        await journal.close()
        changed(path, "PRAGMA user_version=107", "CREATE TABLE daily (day TEXT)", "ALTER TABLE state ADD COLUMN more")
        changed(path, "ALTER TABLE record ADD COLUMN seal BLOB", "ALTER TABLE volume ADD COLUMN rows INTEGER")
        changed(path, "ALTER TABLE mark ADD COLUMN more")
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {"number": 2})
        await journal.commit({"ledger": 1})
        await journal.acknowledge([(1, 1)], journal.epoch)
        assert (journal.damage, journal.last, journal.cursor) == (None, 2, 1)
        await journal.close()
        changed(path, "PRAGMA user_version=200")
        journal = await Journal.open(path, "gw-1", clock)
        assert (journal.damage is not None, journal.last) == (True, 0)
        await journal.close()

    lived(story)


def test_a_full_disk_keeps_the_records_for_later(path: Path, disk: Disk) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        await journal.commit({"ledger": 0})
        disk.fill(path)
        for number in range(1, 41):
            journal.append("interval", {"number": number, "filling": "x" * 300})
        with pytest.raises(JournalError, match="disk is full"):
            await journal.commit({"ledger": 40})
        assert (journal.last, journal.state("ledger")) == (0, 0)
        journal.append("interval", {"number": 41})
        with pytest.raises(JournalError, match="disk is full"):
            await journal.commit({"ledger": 41})
        disk.free(path)
        # Whoever commits next writes both, though it brings neither.
        await journal.commit()
        assert [record.body["number"] for record in await journal.read_after(0, 99)] == list(range(1, 42))
        assert journal.state("ledger") == 41
        await journal.close()

    lived(story)


def test_a_read_only_file_says_what_to_check(path: Path, disk: Disk) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("interval", {"number": 1})
        disk.protect(path)
        with pytest.raises(JournalError, match="check permissions and the mount"):
            await journal.commit()
        disk.free(path)
        await journal.commit()
        assert journal.last == 1
        await journal.close()

    lived(story)


def test_what_waits_in_memory_is_bounded_and_readings_go_first(
    path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "BUFFER_BYTES", 20_000)

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        disk.fill(path)
        for number in range(60):
            journal.append("reading", {"number": number, "filling": "x" * 450})
            if number < 20:
                journal.append("interval", {"number": number})
            with contextlib.suppress(JournalError):
                await journal.commit()
        disk.free(path)
        await journal.commit()
        records = await journal.read_after(0, 999)
        kinds = [record.kind for record in records]
        assert kinds.count("interval") == 20
        lost = [str(record.body["text"]) for record in records if record.kind == "event"]
        assert sum(int(text.split()[0]) for text in lost) == 60 - kinds.count("reading") > 0
        await journal.close()

    lived(story)


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        with pytest.raises(JournalError, match="cannot be opened"):
            await Journal.open(tmp_path / "missing" / "journal.sqlite", "gw-1", clock)

    lived(story)


def test_commits_side_by_side_keep_records_and_state_together(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)

        async def part(name: str) -> None:
            for number in range(1, 31):
                journal.append("reading", {"part": name, "number": number})
                await journal.commit({name: number})

        parts = [asyncio.create_task(part(name)) for name in "abc"]
        await parts[0]
        for task in parts[1:]:  # wherever they are
            task.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        await journal.close()
        journal = await Journal.open(path, "gw-1", clock)
        records = await journal.read_after(0, 999)
        for name in "abc":
            numbers = [record.body["number"] for record in records if record.body["part"] == name]
            assert numbers == list(range(1, len(numbers) + 1))
            assert journal.state(name) == len(numbers)
        await journal.close()

    lived(story)


def test_a_commit_cancelled_while_the_thread_writes_does_not_double(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        write, writing, go_on = JournalFile.write, threading.Event(), threading.Event()

        def slow_write(*arguments: Any, **options: Any) -> None:
            writing.set()
            go_on.wait(10)
            write(*arguments, **options)

        monkeypatch.setattr(JournalFile, "write", slow_write)
        journal.append("reading", {"number": 0})
        task = asyncio.create_task(journal.commit())
        while not writing.is_set():
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        go_on.set()
        journal.append("reading", {"number": 1})
        await journal.commit()
        assert [record.body["number"] for record in await journal.read_after(0, 99)] == [0, 1]
        await journal.close()

    lived(story)


def test_the_newest_synchronised_time_reaches_the_clock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock) -> None:
        told: list[float] = []
        monkeypatch.setattr(clock, "not_before", told.append)
        journal = await Journal.open(path, "gw-1", clock)
        assert journal.newest_synchronised_wall is None
        journal.append("reading", {})
        await journal.commit()
        clock.set_wall(NOW + 5000, valid=False)
        journal.append("reading", {})
        await journal.commit()
        assert journal.newest_synchronised_wall == NOW
        assert [record.clock_valid for record in await journal.read_after(0, 9)] == [True, False]
        await journal.close()
        assert told == []
        await (await Journal.open(path, "gw-1", clock)).close()
        assert told == [NOW]

    lived(story)


def test_new_records_and_acknowledgements_are_news(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {})
        assert not journal.news.is_set()
        await journal.commit()
        assert journal.news.is_set()
        journal.news.clear()
        await journal.commit({"ledger": 1})
        assert not journal.news.is_set()
        await journal.acknowledge([(1, 1)], journal.epoch)
        assert journal.news.is_set()
        await journal.close()

    lived(story)


@pytest.fixture
def killed_writers(path: Path) -> list[int]:
    """Runs ten writers, one after the other, each killed at a moment of its own. Returns the commits that each was told
    of."""
    chance = random.Random(2)
    told = [0]
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.journal_writer", str(path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        ) as writer:
            assert writer.stdout is not None
            # Killed after some commits, and a random moment into the next one.
            told += [int(writer.stdout.readline()) for _ in range(chance.randrange(1, 12))]
            for _ in range(chance.randrange(20_000)):
                pass
            writer.send_signal(signal.SIGKILL)
            told += [int(line) for line in writer.stdout.read().split()]
    return told


@pytest.mark.system
def test_killed_at_any_moment_nothing_is_lost_or_doubled(path: Path, killed_writers: list[int]) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        assert journal.damage is None
        records = await journal.read_after(0, 100_000)
        counts = [record.body["count"] for record in records]
        assert counts == list(range(1, len(counts) + 1))
        assert [record.seq for record in records] == counts
        assert journal.state("count") == len(counts)
        assert killed_writers == sorted(killed_writers)
        assert len(counts) >= killed_writers[-1] > 0  # all that was told, perhaps one commit more
        await journal.close()

    lived(story)


def test_an_unreadable_body_does_not_stop_the_others(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {"number": 1})
        journal.append("reading", {"number": 2})
        await journal.close()
        changed(path, "UPDATE record SET body = '{\"numb' WHERE seq = 1")
        journal = await Journal.open(path, "gw-1", clock)
        bodies = [record.body for record in await journal.read_after(0, 9)]
        assert bodies == [{"unreadable": '{"numb'}, {"number": 2}]
        assert json.dumps(bodies)
        await journal.close()

    lived(story)


def test_a_state_that_the_disk_has_spoilt_is_none(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        await journal.commit({"ledger": {"L01": 7}, "control_from": 900})
        await journal.close()
        changed(path, "UPDATE state SET value = '{\"L01\":7' WHERE name = 'ledger'")
        journal = await Journal.open(path, "gw-1", clock)
        assert [journal.state("ledger"), journal.state("control_from")] == [None, 900]
        await journal.close()

    lived(story)


def test_what_was_written_no_longer_counts_as_waiting(path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten times the bound, in commits that each succeed, and then half of it in one that fails: nothing is given up."""
    monkeypatch.setattr(waiting, "BUFFER_BYTES", 10_000)

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        for number in range(100):
            journal.append("reading", {"number": number, "filling": "x" * 950})
            await journal.commit()
        disk.protect(path)
        for number in range(100, 105):
            journal.append("reading", {"number": number, "filling": "x" * 950})
            with pytest.raises(JournalError):
                await journal.commit()
        journal.append("reading", {"number": 105})
        disk.free(path)
        await journal.commit()
        records = await journal.read_after(0, 1000)
        assert [record.body.get("number") for record in records] == list(range(106))
        await journal.close()

    lived(story)


def test_each_commit_s_state_is_kept_when_the_one_before_has_failed(path: Path, disk: Disk) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        disk.protect(path)
        with pytest.raises(JournalError):
            await journal.commit({"a": 1, "b": 1})
        with pytest.raises(JournalError):
            await journal.commit({"b": 2})
        disk.free(path)
        await journal.commit({"c": 3})
        await journal.commit({"d": 4})
        assert [journal.state(name) for name in "abcd"] == [1, 2, 3, 4]
        await journal.close()
        journal = await Journal.open(path, "gw-1", clock)
        assert [journal.state(name) for name in "abcd"] == [1, 2, 3, 4]
        await journal.close()

    lived(story)


def test_state_that_comes_during_a_write_is_written_by_the_next(path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        first = asyncio.ensure_future(journal.commit({"a": 1}))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(journal.commit({"a": 2, "b": 2}))
        await asyncio.gather(first, second)
        assert [journal.state(name) for name in "ab"] == [2, 2]
        await journal.close()
        journal = await Journal.open(path, "gw-1", clock)
        assert [journal.state(name) for name in "ab"] == [2, 2]
        await journal.close()

    lived(story)


def test_a_write_that_fails_half_way_leaves_nothing_behind(path: Path, disk: Disk) -> None:
    """The records are in, and then the state cannot be written: numbers, volumes and bounds are as before."""

    async def story(clock: VirtualClock) -> None:
        journal = await Journal.open(path, "gw-1", clock)
        journal.append("reading", {"number": 1})
        await journal.commit({"a": 1})
        before = (journal.last, journal.cursor, journal.epoch, journal.state("a"))
        journal.append("reading", {"number": 2})
        disk.fails_on("INTO mark")
        for _ in range(2):
            with pytest.raises(JournalError, match="check the disk or card"):
                await journal.commit({"a": 2})
            assert not disk.in_transaction(path)
            assert (journal.last, journal.cursor, journal.epoch, journal.state("a")) == before
        disk.fails_on(None)
        await journal.commit()
        assert [record.body["number"] for record in await journal.read_after(0, 9)] == [1, 2]
        assert journal.state("a") == 2
        await journal.close()

    lived(story)
