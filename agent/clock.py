"""The machine's clock: wall time, the evidence for and against it, monotonic time, and waiting."""

from __future__ import annotations

import asyncio
import ctypes
import secrets
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from agent.hardware.clock_belief import Belief, Moment

T = TypeVar("T")

_STA_UNSYNC = 0x0040
"""adjtimex(2): the clock is not synchronised."""
_STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)
"""Bytes before `int status` in struct timex: modes (padded to a long), offset, freq, maxerror and esterror."""
_TIMEX_SIZE = 512
"""Bytes of the buffer for struct timex; more than the struct takes on any Linux."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
"""The kernel puts a new random id here at each start of the machine (random(4))."""
BATTERY_CLOCKS = Path("/sys/class/rtc")
"""The folder of the battery clocks that the kernel knows: rtc0 and so on. They keep UTC."""


def kernel_is_synchronised() -> bool:
    """Returns whether the kernel's clock follows a reference (adjtimex(2)); False if the kernel cannot tell."""
    buffer = ctypes.create_string_buffer(_TIMEX_SIZE)
    try:
        state: int = ctypes.CDLL(None).adjtimex(buffer)
    except (AttributeError, OSError):
        return False
    status = ctypes.c_int.from_buffer(buffer, _STATUS_OFFSET).value
    return state >= 0 and not status & _STA_UNSYNC


def boot_id() -> str:
    """Returns the id of this start of the machine. If the kernel gives none, returns an id that was never used."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return secrets.token_hex(8)


def since_boot_s() -> float:
    """Returns the seconds since the machine started, time asleep included. All processes agree on it, and nothing sets
    it."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def battery_clock_shows() -> float | None:
    """Returns the Unix seconds that the battery clock shows, or None if the kernel knows no battery clock.

    Returns NaN if the clock has lost the time: its driver then refuses to read it.
    """
    try:
        found = sorted(BATTERY_CLOCKS.glob("rtc*"))
    except OSError:
        return None
    if not found:
        return None
    try:
        return float((found[0] / "since_epoch").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return float("nan")


class MachineClock:
    """The Clock (agent/interfaces.py) of this machine. Belief (clock_belief.py) decides when its wall time is valid."""

    def __init__(self) -> None:
        self._belief = Belief(boot_id(), battery_clock_shows)

    def begin(self, *, battery: bool, memory: object) -> None:
        self._belief.begin(battery=battery, memory=memory)

    def memory(self) -> object:
        return self._belief.memory()

    def mains_was_lost(self) -> None:
        self._belief.mains_was_lost(since_boot_s())

    def not_before(self, wall: float) -> None:
        self._belief.not_before(wall)

    def wall(self) -> float:
        return time.time()

    def synchronised(self) -> bool:
        return kernel_is_synchronised()

    def valid(self) -> bool:
        return self._belief.holds(Moment(time.time(), since_boot_s(), kernel_is_synchronised()))

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        async with asyncio.timeout(seconds):
            return await awaitable
