"""Decides whether a gateway's wall time can be believed. It is pure: it is given what the clock shows, and returns its
own memory to be kept.

A clock without a battery stands still while the power is off. It starts again from the time that was saved last: hours
behind, and quite plausible. So a plausible time is no reason to switch a street off. A time is believed if

1. a reference (NTP, GNSS) confirms it now; or
2. a reference confirmed it earlier since the machine started, and the time still agrees with that; or
3. the board declares a battery clock (`rtc = true`), and the time is not behind the newest one that was believed,
agrees
   with the clock's chip if the kernel knows the chip, and has visibly gone on through a cut that the gear tells of.

Any other time is in doubt, and in doubt the lamps are lit.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import NamedTuple

from agent.version import RELEASED

RELEASED_UNIX = datetime.datetime.fromisoformat(RELEASED).replace(tzinfo=datetime.UTC).timestamp()
"""A clock that shows an earlier time is wrong, because this version did not exist then. Unix seconds."""
TOLERANCE_S = 120.0
"""A clock may be off by this much: from the time of a reference or of its chip, or behind the newest record."""
YOUNG_BOOT_S = 3600.0
"""A cut that gear tells of within this time of the machine's start has hit the machine too. A later cut has hit only
the lamps: the machine has run through it, and so has its clock."""
GEAR_TELLS_WITHIN_S = 120.0
"""This long after an agent has begun, all gear that was without mains has told so."""
GONE_ON_S = 1200.0
"""Believed times reach the journal each quarter of an hour, and a clock is saved no later than the power fails. A clock
that starts further ahead of the newest believed time than this has gone on meanwhile. Any other clock may have stood
still for any time."""
ASK_CHIP_EVERY_S = 60.0
"""A chip that disagreed is asked no more often than this: reading it on a slow bus takes a millisecond or more."""
STEP_S = 1.0
"""Wall time that moves this far against the time since the machine's start was set."""


class Moment(NamedTuple):
    """A reading of the clock: Unix seconds, seconds since the machine started, and whether a reference confirms it
    now."""

    wall: float
    since_boot_s: float
    synchronised: bool


class Belief:
    """One agent's belief in its clock. `boot` names this start of the machine. `chip` returns the battery clock's Unix
    seconds: NaN if the clock has lost the time, None if there is no chip to ask. A clock that shows a time before
    `earliest` is wrong.

    Until `begin` is called a plausible time is enough: a person who types a command can see the time.
    """

    def __init__(self, boot: str, chip: Callable[[], float | None], earliest: float = RELEASED_UNIX) -> None:
        self._not_before = earliest
        self._boot = boot
        self._chip = chip
        self._begun = False
        self._battery = False
        self._cut = False
        self._begun_s = math.inf  # seconds since the machine started when this agent first asked
        self._confirmed: float | None = None  # the machine's start (Unix seconds) by a reference
        self._newest: float | None = None  # the newest time that was believed
        self._newest_before: float | None = None  # the newest one of earlier starts of the machine
        self._asked_chip: tuple[float, float, bool] | None = None

    def begin(self, *, battery: bool, memory: object) -> None:
        """Begins the belief of an agent; `battery` tells that its board declares a battery clock. `memory` is the
        result of `memory()` in the agent before. Anything else is ignored."""
        self._begun, self._battery = True, battery
        if not isinstance(memory, dict):
            return
        self._newest = _number(memory.get("newest"))
        self._newest_before = self._newest
        if memory.get("boot") == self._boot:
            self._confirmed = _number(memory.get("confirmed"))
            self._newest_before = _number(memory.get("newest_before"))
            self._cut = memory.get("cut") is True

    def memory(self) -> dict[str, object]:
        """Returns the memory that the next agent needs, in JSON's own types. Times are whole seconds, so that it seldom
        changes."""
        return {
            "boot": self._boot,
            "confirmed": _whole(self._confirmed),
            "cut": self._cut,
            "newest": _whole(self._newest),
            "newest_before": _whole(self._newest_before),
        }

    def not_before(self, wall: float) -> None:
        """Takes in the time of the newest record that a synchronised clock wrote."""
        self._not_before = max(self._not_before, wall - TOLERANCE_S)

    def mains_was_lost(self, since_boot_s: float) -> None:
        """Takes in that gear has told of a loss of its mains, `since_boot_s` seconds after the machine started."""
        self._cut = self._cut or since_boot_s < YOUNG_BOOT_S

    def holds(self, now: Moment) -> bool:
        """Returns whether the time of this moment is believed, and remembers it if so."""
        started = now.wall - now.since_boot_s
        if self._begun:
            self._begun_s = min(self._begun_s, now.since_boot_s)
        if now.synchronised:
            if self._confirmed is None or abs(started - self._confirmed) > STEP_S:
                self._confirmed = started
            # This holds even for an earlier time: then the older belief was wrong.
            self._newest = now.wall
            return True
        believed = self._holds_alone(now, started)
        if believed and self._begun:
            self._newest = now.wall if self._newest is None else max(self._newest, now.wall)
        return believed

    def _holds_alone(self, now: Moment, started: float) -> bool:
        """Returns whether the time of this moment is believed without a reference that confirms it now."""
        if now.wall < self._not_before:
            return False
        if not self._begun:
            return True
        if self._confirmed is not None:
            return abs(started - self._confirmed) <= TOLERANCE_S
        return self._battery and self._went_on(now, started) and self._agrees_with_chip(now, started)

    def _went_on(self, now: Moment, started: float) -> bool:
        """Returns whether the battery clock has not stood still, as far as that is known."""
        if self._newest is not None and now.wall < self._newest - TOLERANCE_S:
            return False
        if not self._cut and not self._gear_may_tell(now):
            return True
        # A chip with a flat battery may go on where it stopped, and agrees with the clock that was set by it. Only
        # time that has passed shows that it did not stop. After a cut of minutes too little time has passed, so the
        # lamps stay lit until a reference comes or the machine starts again without a cut.
        return self._newest_before is not None and started > self._newest_before + GONE_ON_S

    def _gear_may_tell(self, now: Moment) -> bool:
        """Returns whether gear may still tell of a cut in which this machine was off too. Levels go out before gear is
        asked, and a street that burns must not be switched off meanwhile."""
        if self._newest_before is None or now.since_boot_s >= YOUNG_BOOT_S:
            return False
        return now.since_boot_s - self._begun_s < GEAR_TELLS_WITHIN_S

    def _agrees_with_chip(self, now: Moment, started: float) -> bool:
        """Returns whether the chip shows this time too. If there is no chip to ask, the board's declaration is
        enough."""
        if self._asked_chip is not None:
            asked_s, then, agreed = self._asked_chip
            fresh = agreed or now.since_boot_s - asked_s < ASK_CHIP_EVERY_S
            if fresh and abs(started - then) <= STEP_S:
                return agreed
        shows = self._chip()
        agrees = shows is None or abs(shows - now.wall) <= TOLERANCE_S
        self._asked_chip = (now.since_boot_s, started, agrees)
        return agrees


def _number(value: object) -> float | None:
    """Returns a time that was kept in memory; None if the value is no time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e11:
        return None
    return float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
