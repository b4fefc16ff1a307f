"""The interfaces between parts. One stands here only once two parts implement it, or two parts rely on it."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


class Clock(Protocol):
    """Time, given to each part that needs it: the machine's (agent/clock.py) or a virtual one (hil/virtual_time.py)."""

    def wall(self) -> float:
        """Returns Unix seconds (UTC). They may be wrong or jump: ask `valid` before they decide anything."""

    def valid(self) -> bool:
        """Returns whether `wall` can be believed (agent/hardware/clock_belief.py). Until `begin` is called, a plausible
        time is enough."""

    def synchronised(self) -> bool:
        """Returns whether a reference (NTP, GNSS) confirms `wall` at this moment."""

    def begin(self, *, battery: bool, memory: object) -> None:
        """Tells the clock that an agent begins to rely on it: from now on a plausible time is not enough.

        `battery` says whether the board declares a battery clock. `memory` is the value that the method `memory`
        returned to the previous agent, or None if there was no previous agent.
        """

    def memory(self) -> object:
        """Returns the facts about this clock that the next agent needs, made of JSON's own types."""

    def mains_was_lost(self) -> None:
        """Tells the clock that gear was without mains. If the machine has just started, it lost its mains too."""

    def not_before(self, wall: float) -> None:
        """Tells the clock the time (Unix seconds) of the newest record that a synchronised clock wrote. A correct
        clock is not far behind it."""

    def monotonic(self) -> float:
        """Returns the seconds since an arbitrary start; they never run backward."""

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds`, or at once if they are zero or negative."""

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """Returns the result of the awaitable. After `seconds`, cancels it and raises asyncio.TimeoutError."""


@runtime_checkable
class World(Protocol):
    """The notices that a clock that can jump needs, to stand still while the world outside it is busy.

    Only the virtual clock takes them; agent/hardware/world.py passes them on.
    """

    def waiting_for_the_world(self, what: str) -> AbstractContextManager[None]:
        """Returns a context in which the caller waits for something beyond the clock's reach (a broker, a thread). The
        clock stands still inside it. `what` names the awaited thing in an error."""

    def bytes_written(self, port: str, count: int) -> None:
        """Counts bytes that went out on the serial port at this path. The clock never jumps while bytes are in
        flight."""

    def bytes_read(self, port: str, count: int) -> None:
        """Counts bytes that came in from the serial port at this path."""

    def port_closed(self, port: str) -> None:
        """Forgets the bytes in flight on a port that was closed or lost: they will never be read."""


class Almanac(Protocol):
    """The civil time of a place, for the portable schedule (which has no time zones of its own)."""

    def utc_offset_s(self, unix: float) -> int:
        """Returns the seconds by which local time is ahead of UTC at this instant (the Netherlands: 3600 or 7200)."""

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        """Returns the instant (Unix seconds) at which local clocks show this date and time. If the clocks skip it in
        spring, returns the instant of the change; if they show it twice in autumn, returns the first of the two."""
