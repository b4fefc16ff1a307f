"""Asks the gear of one bus its questions in each cycle. A question that fails does not keep the others from being
asked."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence

from agent.interfaces import Clock
from agent.lamps.attempts import Attempts
from agent.lamps.dimming import Dimming
from agent.lamps.fail_safe import FailSafe
from agent.lamps.gear_health import GearHealth
from agent.lamps.level_limits import LevelLimits
from agent.lamps.luminaire import LuminaireState
from agent.lamps.mains import Mains
from agent.lamps.turns import each_in_turn
from agent.lamps.verification import Verification
from agent.records.alarms import EventLog
from drivers.dali.bus import DaliBus
from protocols.dali import levels

CYCLE_S = 10.0
STATUS_EVERY_S = 300.0
"""Each gear is asked for its status about this often."""
STATUS_OF_DARK_EVERY_S = 900.0
METERED_WITHIN_S = 960.0
"""A lamp that is told to be off has no light that could fail. While its energy register is read at least this often,
which shows that its gear is there, it is asked for its status less often."""


class Questions:
    """The questions to the gear of one bus. `safe_level` (1-254) is what gear shows when its mains return or the bus
    fails, `floor_level` (1-254) the least light at night."""

    def __init__(
        self,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        health: GearHealth,
        mains: Mains,
        dimming: Dimming,
        attempts: Attempts,
        safe_level: int,
        floor_level: int,
        clock: Clock,
        events: EventLog,
    ) -> None:
        limits = LevelLimits(bus, health, floor_level, events)
        self._verification = Verification(health, limits, clock, events)
        self._fail_safe = FailSafe(bus, health, limits, safe_level, clock, events)
        self._luminaires = luminaires
        self._health = health
        self._mains = mains
        self._dimming = dimming
        self._attempts = attempts
        self._clock = clock
        self._events = events

    async def ask_all(self) -> None:
        """Asks everything that is due but for the mains. A question that fails is left for the next cycle."""
        parts: tuple[tuple[str, Callable[[], Awaitable[None]]], ...] = (
            ("verification", lambda: self._verification.verify_all(self._luminaires)),
            ("fail-safe levels", lambda: self._fail_safe.check_some(self._luminaires)),
            ("status", self._poll_some),
            ("marks", self._mains.mark),
            ("stored levels", self._dimming.learn_stored),
        )
        for part, ask in parts:
            await self._attempts.succeeds(part, ask)

    async def mains_were_lost(self) -> bool:
        """Asks all gear by one broadcast whether any has lost its mains. Returns False also if that is not known."""
        lost = False

        async def ask() -> None:
            nonlocal lost
            lost = await self._mains.lost_by_any()
            name = self._health.name
            if self._events.remembers("supplyLoss", name):  # the interface reports only changes since its start
                self._events.end("supplyLoss", name, f"DALI bus {name} has voltage again")

        await self._attempts.succeeds("mains", ask)
        return lost

    async def _poll_some(self) -> None:
        """Asks all gear that may have lost its mains for its status, and some of the gear that is due: few enough not
        to fill a cycle, so that the questions spread out over the cycles."""
        now = self._clock.monotonic()
        unsure = [each for each in self._luminaires if each.mark.mains_unsure]
        due = [each for each in self._luminaires if _status_due_at(each, now) < now]
        polled = [*unsure, *due[: math.ceil(len(self._luminaires) * CYCLE_S / STATUS_EVERY_S)]]
        once = {each.name: each for each in polled}
        await each_in_turn(once.values(), self._health.poll_status)


def _status_due_at(luminaire: LuminaireState, now: float) -> float:
    """Returns when (monotonic seconds) a gear is to be asked for its status again."""
    condition = luminaire.condition
    if condition.status_asked_at is None:
        return -math.inf
    spared = luminaire.told.target_level == levels.OFF and condition.metered_at >= now - METERED_WITHIN_S
    return condition.status_asked_at + (STATUS_OF_DARK_EVERY_S if spared else STATUS_EVERY_S)
