"""The time of the energy record: the wall clock's time, counted on by the monotonic clock.

When a wall clock is set, all events of this process turn out to have happened at other times. The distance between two
instants of one process is counted in monotonic seconds, so setting the wall clock does not change it.
"""

from __future__ import annotations

from agent.interfaces import Clock

SET_S = 5.0
"""A wall clock that moves this far against the monotonic one was set; smaller moves are its usual corrections."""


class RecordTime:
    """Unix seconds for the record of one process. Until the wall clock is believed for the first time, only their
    distances mean anything. `not_before` is the newest time that the process before put on record."""

    def __init__(self, clock: Clock, not_before: float | None) -> None:
        self._clock = clock
        self._ahead_s = clock.wall() - clock.monotonic()
        self.believed = clock.valid()
        if not self.believed and not_before is not None:
            self._ahead_s = not_before - clock.monotonic()

    def now(self) -> float:
        """Returns the present time in Unix seconds."""
        return self.at(self._clock.monotonic())

    def at(self, monotonic: float) -> float:
        """Returns the Unix time of an instant that is given in monotonic seconds of this process."""
        return monotonic + self._ahead_s

    @property
    def is_certain(self) -> bool:
        """True if a quarter may be closed: the wall clock is believed now, and has been followed since it first was."""
        return self.believed and self._clock.valid()

    def follow(self) -> float:
        """Follows the wall clock, if it is believed. Returns by how many seconds all times so far move; 0 if the clock
        was not set."""
        if not self._clock.valid():
            return 0.0
        ahead_s = self._clock.wall() - self._clock.monotonic()
        moved_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        first, self.believed = not self.believed, True
        return moved_s if first or abs(moved_s) >= SET_S else 0.0
