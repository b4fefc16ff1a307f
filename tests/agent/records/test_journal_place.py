"""The place of a gateway's journal: the lamps burn with anything in that place, and no record is dropped in silence."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.records import journal_place
from agent.records.journal import Journal, JournalError
from agent.records.journal_place import journal_in
from hil.stories.records import JournalOnDisk
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.gateway import Gateway, at_a_gateway
from tests.rigs.lamp_bus import FULL, NIGHT


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns the machine's folder for temporary files, and the one in memory."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setattr(journal_place, "MEMORY", tmp_path / "memory")
    return folder


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR]


def kept(state: Path, *, sends: bool, acknowledged: int = 0, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Keeps a journal of three records, of which the centre has acknowledged some; a spare journal adds a record about
    itself."""

    async def story(clock: VirtualClock) -> None:
        async with journal_in(state, "mast", clock, sends=sends) as journal:
            for number in range(3):
                journal.append("event", {"name": f"{number}"})
            await journal.commit()
            if acknowledged:
                await journal.acknowledge([(1, acknowledged)], journal.epoch)
            meanwhile()

    run_virtual(story, NIGHT)


def test_in_the_state_folder_nothing_is_spare(tmp_path: Path, temporary: Path) -> None:
    kept(tmp_path / "var" / "state", sends=True)
    assert len(JournalOnDisk(tmp_path / "var" / "state" / "mast.journal").sequence()) == 3
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("sends", "acknowledged"), [(False, 0), (True, 4)])
def test_a_spare_journal_of_which_nothing_is_left_to_send_is_cleared_away(
    sends: bool, acknowledged: int, tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").touch()
    seen: list[list[Path]] = []
    kept(
        tmp_path / "state",
        sends=sends,
        acknowledged=acknowledged,
        meanwhile=lambda: seen.append(list(temporary.glob("lichtmast-*/mast.journal"))),
    )
    (there,) = seen[0]
    (said,) = errors(caplog)
    assert said.endswith(f"; records are kept in {there.parent} until the agent is started again.")
    assert list(temporary.iterdir()) == []


def test_what_the_centre_does_not_have_goes_to_the_state_folder_once_it_is_there(
    tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.touch()

    def mended() -> None:
        state.unlink()
        state.mkdir()

    kept(state, sends=True, acknowledged=1, meanwhile=mended)
    (aside,) = state.iterdir()
    assert aside.name.startswith("mast.journal.spare-")
    assert len(JournalOnDisk(aside).sequence()) == 4
    assert errors(caplog)[1] == f"3 records that the centre has not acknowledged are left in {aside}"
    assert list(temporary.iterdir()) == []


def test_or_stays_and_is_said(tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").touch()
    kept(tmp_path / "state", sends=True)
    (spare,) = temporary.iterdir()
    assert errors(caplog)[1] == f"4 records that the centre has not acknowledged are left in {spare}"
    assert len(JournalOnDisk(spare / "mast.journal").sequence()) == 4


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_in_the_journals_place_keeps_no_lamp_dark(
    make: Callable[[Path], object], tmp_path: Path, temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(here: Gateway) -> None:
        here.state.mkdir()
        make(here.state / "mast.journal")
        async with here.agent():
            await here.clock.sleep(30.0)
            assert here.levels() == [FULL] * 3

    at_a_gateway(story, tmp_path)
    assert errors(caplog)[0].startswith(
        f"{tmp_path}/state/mast.journal: this is not a file: remove it; records are kept in"
    )
    assert list(temporary.iterdir()) == []


def test_a_disk_that_hangs_keeps_no_lamp_dark(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = Journal.open

    async def hangs(path: Path, gateway: str, clock: VirtualClock) -> Journal:
        if not path.is_relative_to(temporary):
            await asyncio.Event().wait()
        return await whole(path, gateway, clock)

    async def story(here: Gateway) -> None:
        began = here.clock.monotonic()
        async with here.agent():
            assert here.clock.monotonic() - began == pytest.approx(30.0)
            await here.clock.sleep(30.0)
            assert here.levels() == [FULL] * 3

    monkeypatch.setattr(Journal, "open", hangs)
    at_a_gateway(story, tmp_path)
    said = f"{tmp_path}/state/mast.journal: it does not open within 30 s: look at its disk; records are kept in"
    assert errors(caplog)[0].startswith(said)


def test_memory_is_the_last_resort(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").touch()
    (tmp_path / "memory").mkdir()
    temporary.rmdir()
    kept(tmp_path / "state", sends=False)
    assert f"records are kept in {tmp_path / 'memory'}/lichtmast-" in errors(caplog)[1]
    # The disk takes a folder, but no journal.
    temporary.mkdir()
    whole = Journal.open

    async def refused(path: Path, *more: object) -> Journal:
        if path.is_relative_to(temporary):
            raise JournalError("the disk is full")
        return await whole(path, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(Journal, "open", refused)
    caplog.clear()
    kept(tmp_path / "state", sends=False)
    assert errors(caplog)[0] == "the disk is full"
    assert list(temporary.iterdir()) == list((tmp_path / "memory").iterdir()) == []


def test_where_there_is_no_place_at_all_it_is_said(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "state").touch()
    temporary.rmdir()
    with pytest.raises(JournalError, match="and there is no other place for records: free some space"):
        kept(tmp_path / "state", sends=False)
