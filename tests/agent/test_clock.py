"""The machine's clock: when its time can be believed."""

from __future__ import annotations

import asyncio
import ctypes
import datetime
import time
from collections.abc import Callable

import pytest

from agent import clock
from agent.clock import BEHIND_NEWEST_RECORD_S, MachineClock, kernel_is_synchronised
from agent.version import RELEASED

RELEASE = datetime.datetime.fromisoformat(RELEASED).replace(tzinfo=datetime.UTC).timestamp()


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets what the machine's clock shows, and whether the kernel calls it synchronised."""

    def shows(wall: float, *, synchronised: bool = False) -> None:
        monkeypatch.setattr(time, "time", lambda: wall)
        monkeypatch.setattr(clock, "kernel_is_synchronised", lambda: synchronised)

    return shows


def test_before_the_release_no_clock_is_honest(show: Callable[..., None]) -> None:
    machine = MachineClock()
    show(RELEASE - 1)
    assert not machine.valid()
    show(RELEASE)
    assert machine.valid()
    show(0.0, synchronised=True)
    assert machine.valid()


def test_behind_the_newest_record_it_has_lost_the_time(show: Callable[..., None]) -> None:
    machine = MachineClock()
    newest = RELEASE + 1e6
    machine.not_before(newest)
    for behind_s, valid in ((0.0, True), (BEHIND_NEWEST_RECORD_S, True), (BEHIND_NEWEST_RECORD_S + 1, False)):
        show(newest - behind_s)
        assert machine.valid() is valid
    show(newest - 1e5, synchronised=True)
    assert machine.valid()


def test_an_older_record_takes_nothing_back(show: Callable[..., None]) -> None:
    machine = MachineClock()
    machine.not_before(RELEASE + 1e6)
    machine.not_before(RELEASE - 1e6)
    show(RELEASE + 1)
    assert not machine.valid()
    fresh = MachineClock()
    fresh.not_before(0.0)
    show(RELEASE - 1)
    assert not fresh.valid()


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
    assert kernel_is_synchronised() in (True, False)  # the real one, whatever it says here


def test_waiting() -> None:
    async def story() -> None:
        machine = MachineClock()
        before = machine.monotonic()
        await machine.sleep(-5.0)
        await machine.sleep(0.0)
        with pytest.raises(TimeoutError):
            await machine.wait_for(asyncio.Event().wait(), 0.001)
        assert await machine.wait_for(asyncio.sleep(0, "done"), 60.0) == "done"
        with machine.waiting_for_the_world("a broker"):
            pass
        machine.bytes_written("port", 1)
        machine.bytes_read("port", 1)
        machine.port_closed("port")
        assert machine.monotonic() >= before

    asyncio.run(story())
