"""What each luminaire should show now: the control program where time can be believed, else the safe level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agent.events import EventLog
from agent.interfaces import Almanac, Clock
from agent.schedule.evaluate import Cache, target
from agent.schedule.program import Program


class Wanted(NamedTuple):
    """Light in percent (0-100), and the fade in seconds that leads to it."""

    percent: float
    fade_s: float


class Targets:
    """Asks the schedule; whatever fails on the way, the answer is lit."""

    def __init__(
        self,
        names: Sequence[str],
        program: Program,
        almanac: Almanac,
        place: tuple[float, float],
        safe_percent: float,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._names = names
        self._program = program
        self._almanac = almanac
        self._latitude, self._longitude = place
        self._safe = Wanted(safe_percent, 0.0)
        self._clock = clock
        self._events = events
        self._cache = Cache()

    def now(self) -> dict[str, Wanted]:
        """The wanted light of each luminaire at this moment."""
        wanted = self._wanted()
        return dict.fromkeys(self._names, wanted)

    def _wanted(self) -> Wanted:
        if not self._clock.valid():
            self._events.begin(
                "clockInvalid", "gateway", "the clock cannot be believed: the lamps burn at the safe level until it can"
            )
            return self._safe
        self._events.end("clockInvalid", "gateway", "the clock can be believed again: the program goes on")
        try:
            asked = target(
                self._program, self._almanac, self._latitude, self._longitude, self._clock.wall(), self._cache
            )
        except Exception as error:  # noqa: BLE001 - no fault in a program may darken a street: safe level, and an event
            self._events.begin(
                "invalidProgram", "gateway", f"program {self._program.name} failed ({error}): the lamps burn safely"
            )
            return self._safe
        self._events.end("invalidProgram", "gateway", f"program {self._program.name} works again")
        return Wanted(asked.percent, asked.fade_s)
