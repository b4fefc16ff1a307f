"""The time that the record of energy goes by: the wall clock's, counted on by the monotonic one.

A wall clock can be set, and then everything that this process was told happened at other times than was thought.
The distance between two instants of one process is in monotonic seconds, so the wall clock cannot change it.
"""

from __future__ import annotations

from agent.interfaces import Clock

SET_S = 5.0
"""A wall clock that moves so far against the monotonic one was set; less is its way of being kept right."""


class RecordTime:
    """Unix seconds for the record of one process. Until the wall clock is believed for the first time they mean nothing
    but their distances; `not_before` is the newest time on record of the process before."""

    def __init__(self, clock: Clock, not_before: float | None) -> None:
        self._clock = clock
        self._ahead_s = clock.wall() - clock.monotonic()
        self.believed = clock.valid()
        if not self.believed and not_before is not None:
            self._ahead_s = not_before - clock.monotonic()

    def now(self) -> float:
        return self.at(self._clock.monotonic())

    def at(self, monotonic: float) -> float:
        """The time of an instant of this process."""
        return monotonic + self._ahead_s

    @property
    def is_certain(self) -> bool:
        """Whether a quarter may be closed: the wall clock is believed, and was at the last `follow`."""
        return self.believed and self._clock.valid()

    def follow(self) -> float:
        """Looks at the wall clock. Returns by how many seconds everything moves that was told so far; 0: the clock was
        not set. While it cannot be believed it is not followed."""
        if not self._clock.valid():
            return 0.0
        ahead_s = self._clock.wall() - self._clock.monotonic()
        moved_s, self._ahead_s = ahead_s - self._ahead_s, ahead_s
        first, self.believed = not self.believed, True
        return moved_s if first or abs(moved_s) >= SET_S else 0.0
