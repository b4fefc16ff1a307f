"""Verifies that each lamp shows the level that it was told. A lamp that does not is told again, and reported in the
end."""

from __future__ import annotations

from collections.abc import Sequence

from agent.interfaces import Clock
from agent.lamps.gear_health import GearHealth
from agent.lamps.level_limits import LevelLimits
from agent.lamps.luminaire import LuminaireState
from agent.lamps.turns import each_in_turn
from agent.records.alarms import EventLog
from drivers.errors import DriverError
from protocols.dali.frames import Reply
from protocols.errors import ConversationFailed

MISMATCHES_TO_REPORT = 3


class Verification:
    """Compares levels on one bus."""

    def __init__(self, health: GearHealth, limits: LevelLimits, clock: Clock, events: EventLog) -> None:
        self._health = health
        self._limits = limits
        self._clock = clock
        self._events = events
        health.check_level = self.compare

    async def verify_all(self, luminaires: Sequence[LuminaireState]) -> None:
        """Verifies each luminaire that was told a level and has had the time to reach it. Raises DriverError or
        ConversationFailed once all of them have had their turn."""
        now = self._clock.monotonic()
        due = [each for each in luminaires if each.told.verify_at is not None and each.told.verify_at <= now]
        await each_in_turn(due, self._verify)

    async def _verify(self, luminaire: LuminaireState) -> None:
        verify_at = luminaire.told.verify_at
        if verify_at is None or verify_at > self._clock.monotonic() or luminaire.told.target_level is None:
            return
        reply = await self._health.ask(luminaire, "QUERY ACTUAL LEVEL")
        # A lamp that was told another level meanwhile is verified once it has had the time to reach that level.
        if reply.kind == Reply.VALUE and luminaire.told.verify_at == verify_at:
            luminaire.told.verify_at = None
            await self.compare(luminaire, reply.value)

    async def compare(self, luminaire: LuminaireState, actual_level: int) -> None:
        """Compares the actual level (0-254) with the target level, and has a lamp that differs told again. Raises
        DriverError or ConversationFailed."""
        luminaire.condition.actual_level = actual_level
        try:
            failed = luminaire.condition.lamp_failed
            obeys = failed or actual_level == await self._limits.reachable(luminaire, actual_level)
        except (DriverError, ConversationFailed):
            self._tell_again(luminaire)  # its limits can wait: no question may delay a level
            raise
        if obeys:
            luminaire.condition.mismatches = 0
            self._events.end("dimmingFailure", luminaire.name, f"{luminaire.name} shows its level again")
            return
        if luminaire.told.target_level is None:
            return  # its level became unknown while its limits were asked for
        luminaire.condition.mismatches += 1
        if luminaire.condition.mismatches >= MISMATCHES_TO_REPORT:
            shown = f"level {actual_level} instead of {luminaire.told.target_level}"
            self._events.begin("dimmingFailure", luminaire.name, f"{luminaire.name} shows {shown}: check its limits")
        self._tell_again(luminaire)

    def _tell_again(self, luminaire: LuminaireState) -> None:
        luminaire.told.target_level = None
        luminaire.stored.level_limits = None  # their reading may have been disturbed
        self._health.needs_level()
