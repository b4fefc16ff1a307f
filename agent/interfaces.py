"""The promises between parts. An interface stands here only once two parts keep it, or two parts rely on it."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


class Clock(Protocol):
    """Time, given to each part that needs it: the machine's (agent/clock.py) or a virtual one (hil/virtual_time.py)."""

    def wall(self) -> float:
        """Unix seconds (UTC). May be wrong or jump: ask `valid` before it decides anything."""

    def valid(self) -> bool:
        """Whether `wall` can be believed (agent/hardware/clock_belief.py); before `begin`, whether it is plausible."""

    def synchronised(self) -> bool:
        """Whether a reference (NTP, GNSS) confirms `wall` at this moment."""

    def begin(self, *, battery: bool, memory: object) -> None:
        """An agent begins on this clock: from now on a plausible time is not enough. `battery`: the board declares a
        battery clock. `memory`: what `memory` gave the agent before this one; None: there was none."""

    def memory(self) -> object:
        """What the next agent must know of this clock, of JSON's own types."""

    def mains_was_lost(self) -> None:
        """Gear tells that it was without mains. Where the machine has just started, the machine was too."""

    def not_before(self, wall: float) -> None:
        """The newest record that a synchronised clock wrote is of `wall`: an honest clock is not far behind it."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never runs backward."""

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds` (at once where they are zero or negative)."""

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """The awaitable's result; raises asyncio.TimeoutError, and cancels it, after `seconds`."""


@runtime_checkable
class World(Protocol):
    """What a clock that can jump must hear of, so that it stands still while the world outside of it is busy.

    Only the virtual clock keeps this promise; agent/hardware/world.py says who tells it.
    """

    def waiting_for_the_world(self, what: str) -> AbstractContextManager[None]:
        """Inside, the caller waits for something outside of the clock's reach (a broker, a thread): the clock stands
        still meanwhile. `what` names it in an error."""

    def bytes_written(self, port: str, count: int) -> None:
        """`count` bytes went out on the serial port at this path. The clock never jumps while bytes are in flight."""

    def bytes_read(self, port: str, count: int) -> None:
        """`count` bytes came in from the serial port at this path."""

    def port_closed(self, port: str) -> None:
        """The port was closed, or lost: bytes that are still in flight on it will never be read."""


class Almanac(Protocol):
    """Civil time of a place, for the portable schedule (which has no time zones of its own)."""

    def utc_offset_s(self, unix: float) -> int:
        """Seconds that local time is ahead of UTC at this instant (the Netherlands: 3600 or 7200)."""

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        """The instant at which local clocks show this. A time that the clocks skip in spring is the instant of the
        change; one that they show twice in autumn is the first."""
