"""Whether a gateway's wall time can be believed. Pure: what a clock shows comes in, and what must be kept comes out.

A clock without a battery stands still while the power is off: it starts again where it was saved last, hours behind and
quite plausible. So a plausible time is no reason to switch a street off. What counts is

1. a reference (NTP, GNSS) that confirms the time now; or
2. one that confirmed it earlier since the machine started, while the time still agrees with that; or
3. a battery clock, where the board declares one (`rtc = true`): not behind the newest time that was believed, not
   against its chip where the kernel knows it, and visibly gone on through a cut that the gear tells of.

All else is in doubt, and doubt is lit.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import NamedTuple

from agent.version import RELEASED

RELEASED_UNIX = datetime.datetime.fromisoformat(RELEASED).replace(tzinfo=datetime.UTC).timestamp()
"""No clock of this version is honest before this time: the version did not exist yet."""
TOLERANCE_S = 120.0
"""So far a clock may be off: from what a reference confirmed, from its chip, behind the newest record."""
YOUNG_BOOT_S = 3600.0
"""A cut that gear tells of so soon after the machine started is the machine's own. A later one is the lamps' alone: the
machine has run through it, and its clock too."""
GEAR_TELLS_WITHIN_S = 120.0
"""So long after an agent has begun, gear that was without mains has said so."""
GONE_ON_S = 1200.0
"""Believed times reach the journal each quarter of an hour, and a clock is saved no later than the power fails. One
that starts further ahead than this has gone on meanwhile; one that does not may have stood still, however long."""
ASK_CHIP_EVERY_S = 60.0
"""Reading a chip on a slow bus takes a millisecond or more: in doubt it is asked no more often."""
STEP_S = 1.0
"""Wall time that moves so far against the time since the start was set."""


class Moment(NamedTuple):
    """What a clock shows: Unix seconds, seconds since the machine started, and whether a reference confirms it now."""

    wall: float
    since_boot_s: float
    synchronised: bool


class Belief:
    """One agent's belief in its clock. `boot` names this start of the machine. `chip` gives the battery clock's Unix
    seconds; NaN where it has lost the time, None where there is none to ask. No honest clock is before `earliest`.

    Until an agent begins on it, a plausible time is enough: who types a command sees the time himself.
    """

    def __init__(self, boot: str, chip: Callable[[], float | None], earliest: float = RELEASED_UNIX) -> None:
        self._not_before = earliest
        self._boot = boot
        self._chip = chip
        self._begun = False
        self._battery = False
        self._cut = False
        self._begun_s = math.inf  # since the machine started, when this agent was first asked
        self._confirmed: float | None = None  # when, by a reference, the machine started
        self._newest: float | None = None  # the newest time that was believed
        self._newest_before: float | None = None  # in earlier starts of the machine
        self._asked_chip: tuple[float, float, bool] | None = None

    def begin(self, *, battery: bool, memory: object) -> None:
        """An agent begins, on a board that declares a battery clock or none. `memory` is what `memory()` gave the one
        before; anything else means nothing."""
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
        """What the next agent must know, of JSON's own types. Times in whole seconds, so that it seldom changes."""
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
        """Takes in that gear was without mains: it said so this long after the machine started."""
        self._cut = self._cut or since_boot_s < YOUNG_BOOT_S

    def holds(self, now: Moment) -> bool:
        """Whether this time is believed."""
        started = now.wall - now.since_boot_s
        if self._begun:
            self._begun_s = min(self._begun_s, now.since_boot_s)
        if now.synchronised:
            if self._confirmed is None or abs(started - self._confirmed) > STEP_S:
                self._confirmed = started
            # Also where that is earlier: an older belief was wrong then.
            self._newest = now.wall
            return True
        believed = self._holds_alone(now, started)
        if believed and self._begun:
            self._newest = now.wall if self._newest is None else max(self._newest, now.wall)
        return believed

    def _holds_alone(self, now: Moment, started: float) -> bool:
        """Whether this time is believed without a reference."""
        if now.wall < self._not_before:
            return False
        if not self._begun:
            return True
        if self._confirmed is not None:
            return abs(started - self._confirmed) <= TOLERANCE_S
        return self._battery and self._went_on(now, started) and self._agrees_with_chip(now, started)

    def _went_on(self, now: Moment, started: float) -> bool:
        """Whether the battery clock has not stood still, as far as is known."""
        if self._newest is not None and now.wall < self._newest - TOLERANCE_S:
            return False
        if not self._cut and not self._gear_may_tell(now):
            return True
        # A chip with a flat battery may go on where it stopped, and then agrees with the clock that was set by it.
        # Only time that has passed shows that it did not stop. After a cut of minutes this cannot be told: lit, then,
        # until a reference comes or the machine is started again with the mains there.
        return self._newest_before is not None and started > self._newest_before + GONE_ON_S

    def _gear_may_tell(self, now: Moment) -> bool:
        """Whether gear may be about to tell of a cut, in which this machine was off too. Levels go out before it is
        asked: a street that burns must not be switched off meanwhile."""
        if self._newest_before is None or now.since_boot_s >= YOUNG_BOOT_S:
            return False
        return now.since_boot_s - self._begun_s < GEAR_TELLS_WITHIN_S

    def _agrees_with_chip(self, now: Moment, started: float) -> bool:
        """Whether the chip shows this time too; where there is none to ask, the board's word counts."""
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
    """A time out of memory; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e11:
        return None
    return float(value)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
