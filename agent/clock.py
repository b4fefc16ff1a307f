"""The machine's clock: wall time with its validity, monotonic time, and waiting."""

from __future__ import annotations

import asyncio
import ctypes
import datetime
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from agent.version import RELEASED

T = TypeVar("T")

_STA_UNSYNC = 0x0040
"""adjtimex(2): the clock is not synchronised."""
_STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)
"""struct timex begins modes (padded to a long), offset, freq, maxerror, esterror, and then comes int status."""
_TIMEX_SIZE = 512
"""More than struct timex has on any Linux."""

BEHIND_NEWEST_RECORD_S = 120.0
"""A clock further than this behind the newest record of a synchronised clock has lost the time."""


def kernel_is_synchronised() -> bool:
    """Whether the kernel says that its clock follows a reference (adjtimex(2)); False where it cannot tell."""
    buffer = ctypes.create_string_buffer(_TIMEX_SIZE)
    try:
        state: int = ctypes.CDLL(None).adjtimex(buffer)
    except (AttributeError, OSError):
        return False
    status = ctypes.c_int.from_buffer(buffer, _STATUS_OFFSET).value
    return state >= 0 and not status & _STA_UNSYNC


class MachineClock:
    """The Clock of agent/interfaces.py on this machine.

    Its wall time is invalid before the release date, or more than 2 minutes before the newest record that was written
    while it was synchronised, until the kernel reports synchronisation.
    """

    def __init__(self) -> None:
        released = datetime.datetime.fromisoformat(RELEASED).replace(tzinfo=datetime.UTC)
        self._not_before = released.timestamp()

    def not_before(self, wall: float) -> None:
        self._not_before = max(self._not_before, wall - BEHIND_NEWEST_RECORD_S)

    def wall(self) -> float:
        return time.time()

    def synchronised(self) -> bool:
        return kernel_is_synchronised()

    def valid(self) -> bool:
        return time.time() >= self._not_before or kernel_is_synchronised()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        async with asyncio.timeout(seconds):
            return await awaitable

    @contextmanager
    def waiting_for_the_world(self, what: str) -> Iterator[None]:
        yield

    def bytes_written(self, port: str, count: int) -> None:
        pass

    def bytes_read(self, port: str, count: int) -> None:
        pass

    def port_closed(self, port: str) -> None:
        pass
