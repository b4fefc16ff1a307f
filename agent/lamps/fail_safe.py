"""Sets what gear does when it acts by itself, so that the street stays lit: its fail-safe levels, its stored fade and
its MAX LEVEL."""

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
"""The pause between further tries with gear that has refused so often: each try may write to its flash memory, which
wears."""
NO_EXTENDED_FADE = 0
FAIL_SAFE_LEVELS = {"POWER ON LEVEL", "SYSTEM FAILURE LEVEL"}


class FailSafe:
    """Checks each gear of one bus once, and again after any trouble. `safe_level` is 1-254."""

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
        self._last_checks: dict[str, float] = {}

    async def check_some(self, luminaires: Sequence[LuminaireState]) -> None:
        """Checks some of the luminaires that were not checked yet, at most CHECKS_A_CYCLE, and corrects their settings.
        Raises DriverError or ConversationFailed once all of those have had their turn."""
        due = [
            each
            for each in luminaires
            if not each.stored.fail_safe_checked and each.condition.answers and not self._has_refused(each)
        ]
        # Gear that waits longest comes first: gear that never takes its level must not keep the others from theirs.
        due.sort(key=self._checked_at)
        await each_in_turn(due[:CHECKS_A_CYCLE], self._check)

    def _has_refused(self, luminaire: LuminaireState) -> bool:
        """Returns whether gear has refused its levels often and lately, and nothing has happened to it since."""
        shaken, times = self._refused.get(luminaire.name, (luminaire.told.shaken, 0))
        if shaken != luminaire.told.shaken or times < REFUSALS_IN_A_ROW:
            return False
        return self._clock.monotonic() - self._checked_at(luminaire) < REFUSED_AGAIN_S

    def _checked_at(self, luminaire: LuminaireState) -> float:
        """Returns when the gear was last checked, in monotonic seconds."""
        return self._last_checks.get(luminaire.name, float("-inf"))

    async def _check(self, luminaire: LuminaireState) -> None:
        self._last_checks[luminaire.name] = self._clock.monotonic()
        seen = luminaire.told.shaken
        shaken, times = self._refused.pop(luminaire.name, (seen, 0))
        checks = (
            self._ensure_power_on_level,
            self._ensure_system_failure_level,
            self._ensure_no_stored_fade,
            self._limits.ensure_least_light,
        )
        right: list[bool] = []

        async def check(which: Callable[[LuminaireState], Awaitable[bool]]) -> None:
            right.append(await which(luminaire))

        # Each check has its own turn: a value that gear does not take or tell must not keep it from the other checks.
        await each_in_turn(checks, check)
        if all(right):
            luminaire.stored.fail_safe_checked = luminaire.told.shaken == seen
            self._events.end("failSafeWrong", luminaire.name, f"{luminaire.name} has its safe levels again")
        elif self._events.holds("failSafeWrong", luminaire.name):
            self._refused[luminaire.name] = (seen, times + 1 if shaken == seen else 1)

    async def _ensure_power_on_level(self, luminaire: LuminaireState) -> bool:
        return await self._ensure_level(luminaire, "POWER ON LEVEL")

    async def _ensure_system_failure_level(self, luminaire: LuminaireState) -> bool:
        return await self._ensure_level(luminaire, "SYSTEM FAILURE LEVEL")

    async def _ensure_level(self, luminaire: LuminaireState, parameter: str) -> bool:
        """Sets a fail-safe level of the gear to the safe level if it differs. Returns whether it is right in the
        end."""
        (other,) = FAIL_SAFE_LEVELS - {parameter}
        # Some firmware takes each of the two commands for the other.
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

    async def _ensure_no_stored_fade(self, luminaire: LuminaireState) -> bool:
        """Clears a stored EXTENDED FADE TIME, which is up to 16 minutes and which gear uses when its fade time is 0.
        Returns whether it is clear in the end."""
        for attempt in ("read", "read back"):
            question = sequences.query(luminaire.address, "QUERY EXTENDED FADE TIME")
            reply = await self._bus.run(question, priorities.TELEMETRY)
            # Gear of edition 1 does not have it and does not answer, so its silence must not count as gear that is
            # gone.
            if reply.kind != Reply.VALUE or reply.value == NO_EXTENDED_FADE:
                return True
            if attempt == "read":
                await self._set(luminaire, "EXTENDED FADE TIME", NO_EXTENDED_FADE)
                luminaire.told.target_level = None  # it may still be fading to its last level
                self._health.needs_level()
        text = f"{luminaire.name} keeps its EXTENDED FADE TIME: it takes up to 16 minutes to be lit; replace its gear"
        self._events.begin("failSafeWrong", luminaire.name, text)
        return False

    async def _set(self, luminaire: LuminaireState, parameter: str, value: int) -> None:
        setting = sequences.set_parameter(luminaire.address, f"SET {parameter}", value)
        await self._bus.run(setting, priorities.CONFIGURATION)
