"""What gear does by itself must leave the street lit: fail-safe levels, no stored fade of minutes, a MAX LEVEL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from agent.interfaces import Clock
from agent.lamps.gear_health import GearHealth
from agent.lamps.level_limits import LevelLimits
from agent.lamps.luminaire import LuminaireState
from agent.lamps.turns import each_in_turn
from agent.records.alarms import EventLog
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from protocols.dali import sequences
from protocols.dali.frames import Reply

CHECKS_A_CYCLE = 8
REFUSALS_IN_A_ROW = 6
REFUSED_AGAIN_S = 3600.0
"""Gear that refused so many times is set again this often: each time it may write to its flash memory, which wears."""
NO_EXTENDED_FADE = 0
FAIL_SAFE_LEVELS = {"POWER ON LEVEL", "SYSTEM FAILURE LEVEL"}


class FailSafe:
    """The checks of one bus: each gear once, and again after any trouble. `safe_level` is 1-254."""

    def __init__(
        self, bus: DaliBus, health: GearHealth, limits: LevelLimits, safe_level: int, clock: Clock, events: EventLog
    ) -> None:
        self._bus = bus
        self._health = health
        self._limits = limits
        self._safe_level = safe_level
        self._clock = clock
        self._events = events
        self._refused: dict[str, tuple[int, int]] = {}
        self._seen: dict[str, float] = {}

    async def check_some(self, luminaires: Sequence[LuminaireState]) -> None:
        """Looks at some that were not looked at yet, and sets what is not as it should be. Raises DriverError, once all
        of them have had their turn."""
        due = [
            each
            for each in luminaires
            if not each.stored.fail_safe_checked and each.condition.answers and not self._has_refused(each)
        ]
        # The longest unseen first: gear that never takes its level must not keep the others from theirs.
        due.sort(key=self._seen_at)
        await each_in_turn(due[:CHECKS_A_CYCLE], self._check)

    def _has_refused(self, luminaire: LuminaireState) -> bool:
        """Whether it did so again and again, lately, and nothing has happened to it since."""
        shaken, times = self._refused.get(luminaire.name, (luminaire.told.shaken, 0))
        if shaken != luminaire.told.shaken or times < REFUSALS_IN_A_ROW:
            return False
        return self._clock.monotonic() - self._seen_at(luminaire) < REFUSED_AGAIN_S

    def _seen_at(self, luminaire: LuminaireState) -> float:
        """When it was looked at last, in monotonic seconds."""
        return self._seen.get(luminaire.name, float("-inf"))

    async def _check(self, luminaire: LuminaireState) -> None:
        self._seen[luminaire.name] = self._clock.monotonic()
        seen = luminaire.told.shaken
        shaken, times = self._refused.pop(luminaire.name, (seen, 0))
        checks = (
            self._has_power_on_level,
            self._has_system_failure_level,
            self._fades_at_once,
            self._limits.leave_the_floor,
        )
        right: list[bool] = []

        async def check(which: Callable[[LuminaireState], Awaitable[bool]]) -> None:
            right.append(await which(luminaire))

        # Each by itself: what gear does not take or tell must not keep it from the rest.
        await each_in_turn(checks, check)
        if all(right):
            luminaire.stored.fail_safe_checked = luminaire.told.shaken == seen
            self._events.end("failSafeWrong", luminaire.name, f"{luminaire.name} has its safe levels again")
        elif self._events.holds("failSafeWrong", luminaire.name):
            self._refused[luminaire.name] = (seen, times + 1 if shaken == seen else 1)

    async def _has_power_on_level(self, luminaire: LuminaireState) -> bool:
        return await self._has_level(luminaire, "POWER ON LEVEL")

    async def _has_system_failure_level(self, luminaire: LuminaireState) -> bool:
        return await self._has_level(luminaire, "SYSTEM FAILURE LEVEL")

    async def _has_level(self, luminaire: LuminaireState, parameter: str) -> bool:
        """Mains that returns, and a bus that loses its voltage, must give the safe level: set where it is not so."""
        (other,) = FAIL_SAFE_LEVELS - {parameter}
        # There is firmware that takes each of the two commands for the other.
        for setting in (parameter, other, None):
            reply = await self._health.ask(luminaire, f"QUERY {parameter}")
            if reply.kind != Reply.VALUE:
                return False
            if reply.value == self._safe_level:
                return True
            if setting is not None:
                await self._set(luminaire, setting, self._safe_level)
        text = f"{luminaire.name} does not take {parameter} {self._safe_level}: it may be dark after a power cut"
        self._events.begin("failSafeWrong", luminaire.name, text)
        return False

    async def _fades_at_once(self, luminaire: LuminaireState) -> bool:
        """A stored EXTENDED FADE TIME, of up to 16 minutes, is what a fade time of 0 means to gear."""
        for attempt in ("read", "read back"):
            question = sequences.query(luminaire.address, "QUERY EXTENDED FADE TIME")
            reply = await self._bus.run(question, priorities.TELEMETRY)
            # Gear of edition 1 has none, and does not answer: so it is not asked as one that must.
            if reply.kind != Reply.VALUE or reply.value == NO_EXTENDED_FADE:
                return True
            if attempt == "read":
                await self._set(luminaire, "EXTENDED FADE TIME", NO_EXTENDED_FADE)
                luminaire.told.target_level = None  # what it was told last it may still be fading to
                self._health.needs_level()
        text = f"{luminaire.name} keeps its EXTENDED FADE TIME: it takes up to 16 minutes to be lit; replace its gear"
        self._events.begin("failSafeWrong", luminaire.name, text)
        return False

    async def _set(self, luminaire: LuminaireState, parameter: str, value: int) -> None:
        setting = sequences.set_parameter(luminaire.address, f"SET {parameter}", value)
        await self._bus.run(setting, priorities.CONFIGURATION)
