"""The gear's own MIN LEVEL and MAX LEVEL: gear clamps every level command to them, and does not report it."""

from __future__ import annotations

from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.records.alarms import EventLog
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from protocols.dali import levels, sequences
from protocols.dali.frames import Reply

EVENT = "levelLimited"


class LevelLimits:
    """Finds the level limits that keep lamps of one bus from their targets. Raises each MAX LEVEL that is below
    `floor_level` (1-254), the installer's least light at night."""

    def __init__(self, bus: DaliBus, health: GearHealth, floor_level: int, events: EventLog) -> None:
        self._bus = bus
        self._health = health
        self._floor_level = floor_level
        self._events = events

    async def reachable(self, luminaire: LuminaireState, actual_level: int) -> int:
        """Returns the level that the gear goes to for its target level, which its limits may change. Limits that keep
        it from the target are an event. Raises DriverError."""
        target_level = luminaire.told.target_level or 0
        if actual_level == target_level:
            self._events.end(EVENT, luminaire.name, f"{luminaire.name} is back at the level that is asked for")
            return target_level
        if target_level == levels.OFF:
            return target_level
        if luminaire.stored.level_limits is None:
            lowest = await self._health.ask(luminaire, "QUERY MIN LEVEL")
            highest = await self._health.ask(luminaire, "QUERY MAX LEVEL")
            if lowest.kind != Reply.VALUE or highest.kind != Reply.VALUE:
                return target_level
            luminaire.stored.level_limits = (lowest.value, highest.value)
        lowest_level, highest_level = luminaire.stored.level_limits
        if actual_level == highest_level < target_level:
            await self._limited_from_above(luminaire, target_level, actual_level)
        elif actual_level == lowest_level > target_level:
            await self._limited_from_below(luminaire, target_level, actual_level)
        return max(lowest_level, min(target_level, highest_level))

    async def ensure_least_light(self, luminaire: LuminaireState) -> bool:
        """Raises the gear's MAX LEVEL if it is below the least light. Returns whether the lamp can give the least light
        in the end. Raises DriverError."""
        reply = await self._health.ask(luminaire, "QUERY MAX LEVEL")
        if reply.kind != Reply.VALUE:
            return False
        return bool(reply.value >= self._floor_level) or await self._raise(luminaire, reply.value)

    async def _limited_from_above(self, luminaire: LuminaireState, target_level: int, actual_level: int) -> None:
        if actual_level < self._floor_level and await self._raise(luminaire, actual_level):
            return
        text = f"{luminaire.name} gives no more than {_light(actual_level)} where {_light(target_level)} is asked for"
        self._events.begin(EVENT, luminaire.name, f"{text}: raise the MAX LEVEL of its gear, or ask for less")

    async def _limited_from_below(self, luminaire: LuminaireState, target_level: int, actual_level: int) -> None:
        physical = await self._health.ask(luminaire, "QUERY PHYSICAL MINIMUM")
        # Otherwise the limit is the gear's own, and no setting can lower it.
        if physical.kind == Reply.VALUE and physical.value < actual_level:
            text = (
                f"{luminaire.name} gives no less than {_light(actual_level)} where {_light(target_level)} is asked for"
            )
            self._events.begin(EVENT, luminaire.name, f"{text}: lower the MIN LEVEL of its gear, or ask for more")

    async def _raise(self, luminaire: LuminaireState, found: int) -> bool:
        """Raises MAX LEVEL to full light: a limit below the least light cannot be meant. Returns whether that worked.

        The standard's clamp is to MIN LEVEL from below only (IEC 62386-102; python-dali's fake gear agrees). Some
        firmware takes a level above its MAX LEVEL as MIN LEVEL. Only RESET raises it then; a person must send that,
        because the gear loses its groups and scenes too.
        """
        setting = sequences.set_parameter(luminaire.address, "SET MAX LEVEL", levels.MAX_LEVEL)
        await self._bus.run(setting, priorities.CONFIGURATION)
        luminaire.stored.level_limits = None
        reply = await self._health.ask(luminaire, "QUERY MAX LEVEL")
        if reply.kind == Reply.VALUE and reply.value < found:
            text = f"{luminaire.name} takes a MAX LEVEL above {_light(found)} for its lowest one"
            self._events.begin(EVENT, luminaire.name, f"{text}: send RESET to its gear, commission it, or replace it")
            return False
        if reply.kind != Reply.VALUE or reply.value < self._floor_level:
            text = f"{luminaire.name} gives no more than {_light(found)} and does not take a higher MAX LEVEL"
            self._events.begin(EVENT, luminaire.name, f"{text}: replace its gear")
            return False
        text = f"{luminaire.name} had a MAX LEVEL of {_light(found)}, below the least light at night: it was raised"
        self._events.note("maxLevelRaised", luminaire.name, text)
        luminaire.told.target_level = None
        self._health.needs_level()
        return True


def _light(level: int) -> str:
    return f"{levels.percent_of(min(level, levels.MAX_LEVEL)):.3g} % (level {level})"
