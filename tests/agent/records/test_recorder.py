"""The recorder: one transaction a cycle, and a disk that refuses costs nothing but a sentence."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.records.journal import Journal, JournalError
from agent.records.recorder import Recorder
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.lamp_bus import NIGHT


class Disk:
    """Stands before the journal's commit: counts, and refuses as long as it is full."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = False
        self.commits = 0
        self._commit = journal.commit
        monkeypatch.setattr(journal, "commit", self.commit)

    async def commit(self, state: dict[str, object] | None = None) -> None:
        self.commits += 1
        if self.full:
            raise JournalError("the journal cannot be written: the disk is full")
        await self._commit(state)


def lived(
    story: Callable[[Journal, Recorder, Disk], Awaitable[None]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def whole(clock: VirtualClock) -> None:
        journal = await Journal.open(folder / "gw.journal", "gw", clock)
        disk = Disk(journal, monkeypatch)
        await story(journal, Recorder(journal), disk)
        monkeypatch.undo()
        await journal.close()

    run_virtual(whole, NIGHT)


async def numbers(journal: Journal) -> list[object]:
    return [record.body["number"] for record in await journal.read_after(0, 100)]


def test_nothing_new_is_no_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(journal: Journal, recorder: Recorder, disk: Disk) -> None:
        await recorder.commit()
        assert disk.commits == 0
        recorder.append("event", {"number": 1})
        await recorder.commit()
        await recorder.commit()
        assert disk.commits == 1
        assert await numbers(journal) == [1]

    lived(story, tmp_path, monkeypatch)


def test_each_parts_state_goes_with_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(journal: Journal, recorder: Recorder, disk: Disk) -> None:
        cursor = 0
        recorder.add_state(lambda: {"a": cursor})
        recorder.add_state(lambda: {"b": [cursor]})
        cursor = 7
        recorder.changed()
        await recorder.commit()
        assert (journal.state("a"), journal.state("b"), journal.last) == (7, [7], 0)
        cursor = 8
        await recorder.commit()  # no part has asked for one
        assert journal.state("a") == 7
        recorder.append("event", {"number": 1})
        await recorder.commit()
        assert (journal.state("a"), journal.state("b"), journal.last) == (8, [8], 1)

    lived(story, tmp_path, monkeypatch)


def test_a_disk_that_refuses_is_said_once_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(journal: Journal, recorder: Recorder, disk: Disk) -> None:
        count = 0
        recorder.add_state(lambda: {"count": count})
        for _ in range(2):
            caplog.clear()
            disk.full = True
            for _ in range(3):
                count += 1
                recorder.append("event", {"number": count})
                assert not await recorder.commit()
            assert not await recorder.commit()  # tried again without anything new
            said = [record for record in caplog.records if record.levelno >= logging.ERROR]
            assert [record.getMessage() for record in said] == ["the journal cannot be written: the disk is full"]
            disk.full = False
            assert await recorder.commit()
            assert await recorder.commit()  # nothing is left to write
            assert await numbers(journal) == list(range(1, count + 1))
            assert journal.state("count") == count

    lived(story, tmp_path, monkeypatch)


def test_what_comes_during_a_write_is_written_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(journal: Journal, recorder: Recorder, disk: Disk) -> None:
        slow = journal.commit

        async def commit(state: dict[str, object] | None = None) -> None:
            recorder.append("event", {"number": 2})
            await slow(state)

        recorder.append("event", {"number": 1})
        monkeypatch.setattr(journal, "commit", commit)
        await recorder.commit()
        monkeypatch.setattr(journal, "commit", slow)
        await recorder.commit()
        assert disk.commits == 2
        assert await numbers(journal) == [1, 2]

    lived(story, tmp_path, monkeypatch)


def test_what_only_time_tells_is_looked_at_before_each_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(journal: Journal, recorder: Recorder, disk: Disk) -> None:
        due = [False, True, False]

        def look() -> None:
            if due.pop():
                recorder.append("event", {"number": 1})

        recorder.before_commit(look)
        await recorder.commit()
        assert disk.commits == 0
        await recorder.commit()
        assert await numbers(journal) == [1]
        await recorder.commit()
        assert disk.commits == 1

    lived(story, tmp_path, monkeypatch)
