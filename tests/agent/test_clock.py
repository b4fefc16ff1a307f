"""The machine's clock, and when its time can be believed."""

from __future__ import annotations

import asyncio
import ctypes
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import clock
from agent.clock import MachineClock, battery_clock_shows, boot_id, kernel_is_synchronised, since_boot_s

START = 1_800_000_000.0


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Sets the time of the machine's clock, the time since its start, and whether the kernel is synchronised."""
    monkeypatch.setattr(clock, "BOOT_ID", tmp_path / "boot_id")
    monkeypatch.setattr(clock, "BATTERY_CLOCKS", tmp_path / "rtc")
    (tmp_path / "boot_id").write_text("6ff3\n")

    def shows(wall: float, up_s: float = 60.0, *, synchronised: bool = False) -> None:
        monkeypatch.setattr(time, "time", lambda: wall)
        monkeypatch.setattr(time, "clock_gettime", lambda which: up_s if which == time.CLOCK_BOOTTIME else -1.0)
        monkeypatch.setattr(clock, "kernel_is_synchronised", lambda: synchronised)

    return shows


def test_a_machine_that_was_once_synchronised_is_believed_until_it_starts_again(
    show: Callable[..., None], tmp_path: Path
) -> None:
    machine = MachineClock()
    show(START)
    assert machine.valid()  # a command line is content with a plausible time
    machine.begin(battery=False, memory=None)
    assert not machine.valid()
    assert not machine.synchronised()
    show(START, synchronised=True)
    assert machine.valid()
    assert machine.synchronised()
    memory = machine.memory()
    for boot, believed in (("6ff3", True), ("70aa", False)):
        (tmp_path / "boot_id").write_text(f"{boot}\n")
        show(START + 5000, 5060.0)
        restarted = MachineClock()
        restarted.begin(battery=False, memory=memory)
        assert restarted.valid() is believed
        assert restarted.wall() == START + 5000


def test_a_journal_tells_it_the_newest_time_and_the_gear_a_cut(show: Callable[..., None]) -> None:
    show(START, 5.0)
    machine = MachineClock()
    machine.begin(battery=True, memory={"boot": "another", "newest": START})
    assert not machine.valid()
    show(START + 125, 130.0)
    assert machine.valid()
    machine.mains_was_lost()
    assert not machine.valid()
    other = MachineClock()
    other.not_before(START + 125 + 121)
    other.begin(battery=True, memory=None)
    assert not other.valid()


def test_its_battery_clock(show: Callable[..., None], tmp_path: Path) -> None:
    show(START)
    assert battery_clock_shows() is None
    (tmp_path / "rtc" / "rtc0").mkdir(parents=True)
    (tmp_path / "rtc" / "rtc1").mkdir()
    (tmp_path / "rtc" / "rtc1" / "since_epoch").write_text("7\n")
    assert math.isnan(battery_clock_shows() or 0.0)  # its driver refuses to read it
    machine = MachineClock()
    machine.begin(battery=True, memory=None)
    assert not machine.valid()
    (tmp_path / "rtc" / "rtc0" / "since_epoch").write_text(f"{START:.0f}\n")
    assert battery_clock_shows() == START
    again = MachineClock()
    again.begin(battery=True, memory=None)
    assert again.valid()


def test_a_machine_that_does_not_name_its_starts(show: Callable[..., None], tmp_path: Path) -> None:
    assert boot_id() == "6ff3"
    (tmp_path / "boot_id").unlink()
    assert boot_id() != boot_id()


def test_the_real_ones() -> None:
    first = since_boot_s()
    assert 0.0 < first <= since_boot_s()
    assert boot_id() == boot_id() or not clock.BOOT_ID.exists()


@pytest.mark.parametrize(("state", "status", "expected"), [(0, 0x2001, True), (0, 0x40, False), (5, 0x40, False)])
def test_what_the_kernel_says(state: int, status: int, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    offset = 5 * ctypes.sizeof(ctypes.c_long)

    class Library:
        def __init__(self, _name: None) -> None:
            pass

        def adjtimex(self, buffer: ctypes.Array[ctypes.c_char]) -> int:
            assert buffer.raw[:4] == bytes(4)  # modes 0: reads, and changes nothing
            ctypes.c_int.from_buffer(buffer, offset).value = status
            return state

    monkeypatch.setattr(ctypes, "CDLL", Library)
    assert kernel_is_synchronised() is expected
    monkeypatch.setattr(Library, "adjtimex", lambda self, buffer: -1)
    assert kernel_is_synchronised() is False


def test_a_machine_that_cannot_tell_is_not_synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert kernel_is_synchronised() is False
    monkeypatch.undo()
    assert kernel_is_synchronised() in (True, False)  # the real kernel may say either


def test_waiting() -> None:
    async def story() -> None:
        machine = MachineClock()
        before = machine.monotonic()
        await machine.sleep(-5.0)
        await machine.sleep(0.0)
        await machine.sleep(0.02)
        assert machine.monotonic() - before >= 0.02
        with pytest.raises(TimeoutError):
            await machine.wait_for(asyncio.Event().wait(), 0.001)
        assert await machine.wait_for(asyncio.sleep(0, "done"), 60.0) == "done"
        assert machine.monotonic() >= before

    asyncio.run(story())
