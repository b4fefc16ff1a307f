"""Brings the luminaires of one bus to their levels and keeps them there: command, verify, watch, and tell again.

Each cycle compares what is wanted with what was told, so nothing needs to be remembered over trouble: a bus or a gear
that comes back is told its level again within one cycle.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence

from agent.dimming import Dimming
from agent.events import EventLog
from agent.gear_health import GearHealth
from agent.interfaces import Clock
from agent.luminaire import LuminaireState, StatusBit
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.addresses import Address
from protocols.dali.frames import ForwardFrame, Reply
from protocols.errors import ConversationFailed

CYCLE_S = 10.0
STATUS_EVERY_S = 300.0
"""Each gear is asked for its status about this often; a reading asks too."""
FAIL_SAFE_CHECKS_A_CYCLE = 8
MISMATCHES_TO_REPORT = 3
FOREIGN_GONE_AFTER_S = 3600.0
FAILURES_TO_REPORT = 3
"""Cycles in a row: a line that is lost now and then on a noisy wire is made up for in the next one."""
SHORTEST_PAUSE_S = 0.001


class LuminaireControl:
    """The luminaires of one bus. `safe_level` is what their gear shows when mains returns or the bus fails;
    `next_change_s` says in how many seconds what sensors said will change a level (None: it will not)."""

    def __init__(
        self,
        name: str,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        dimming: Dimming,
        health: GearHealth,
        safe_level: int,
        clock: Clock,
        events: EventLog,
        next_change_s: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.name = name
        self.luminaires = luminaires
        self.dimming = dimming
        self.health = health
        self._bus = bus
        self._safe_level = safe_level
        self._clock = clock
        self._events = events
        self._next_change_s = next_change_s
        self._wake = asyncio.Event()
        self._tell_again = asyncio.Event()
        self._cycled = asyncio.Event()
        self._power_cycle_seen_in_vain_at: float | None = None
        self._failed_cycles = 0
        self._foreign_at: float | None = None

    async def run(self, after_cycle: Callable[[], object]) -> None:
        """Cycles for ever, each at a whole multiple of CYCLE_S, and levels at once whenever it is woken.
        After a cycle `after_cycle()` is called, and awaited where it is awaitable; no cycle waits for it."""
        work = (self._cycle_for_ever(), self._react(), self._after_cycles(after_cycle))
        parts = [asyncio.ensure_future(part) for part in work]
        try:
            await asyncio.gather(*parts)
        finally:
            for part in parts:  # where one failed, the other must not run beside those of the restart
                part.cancel()

    async def _cycle_for_ever(self) -> None:
        while True:
            # Nothing can be told to a bus that is not there; its interface has said so, and says when it is back.
            pause = True
            try:
                await self._clock.wait_for(self.wait_usable(), CYCLE_S)
            except TimeoutError:
                pause = False
            else:
                self._tell_again.clear()
                await self.cycle()
            self._cycled.set()
            if not pause:
                continue
            pause_s = CYCLE_S - self._clock.wall() % CYCLE_S
            with contextlib.suppress(TimeoutError):
                await self._clock.wait_for(self._tell_again.wait(), max(pause_s, SHORTEST_PAUSE_S))

    async def _after_cycles(self, after_cycle: Callable[[], object]) -> None:
        """Beside the cycles: a disk that hangs must not keep the lamps waiting."""
        while True:
            await self._cycled.wait()
            self._cycled.clear()
            done = after_cycle()
            if asyncio.iscoroutine(done):
                await done

    async def _react(self) -> None:
        """Levels, and nothing before them, as soon as a sensor has spoken or what it said is over."""
        while True:
            left_s = self._next_change_s()
            if left_s is None:
                await self._wake.wait()
            else:
                with contextlib.suppress(TimeoutError):
                    await self._clock.wait_for(self._wake.wait(), max(left_s, SHORTEST_PAUSE_S))
            self._wake.clear()
            try:
                await self.dimming.command_levels()
            except (DriverError, ConversationFailed):
                self._tell_again.set()  # a whole cycle says what the trouble is

    def wake(self) -> None:
        """What is wanted has changed: levels are told at once."""
        self.dimming.look_again()
        self._wake.set()

    async def wait_usable(self) -> None:
        """Returns once the bus can be talked to."""
        await self._bus.wait_usable()

    def tell_again(self) -> None:
        """After trouble on the bus: every level is told again, at once, and every fail-safe level looked at."""
        for luminaire in self.luminaires:
            luminaire.forget_what_it_shows()
        self._tell_again.set()

    def note_bus_without_voltage(self, *, gear_feeds_bus: bool) -> None:
        """What a dead bus says of the lamps: where their own gear feeds it, they have no mains and cannot burn; else
        they show their SYSTEM FAILURE LEVEL."""
        for luminaire in self.luminaires:
            if gear_feeds_bus:
                self.health.without_mains(luminaire)
            elif self.health.observer:
                self.health.observer.level(luminaire.name, self._safe_level, 0.0)

    def note_foreign(self, frame: ForwardFrame) -> None:
        """Another master's frame was seen. Where it can have moved lamps, they are told their levels in the next cycle:
        there must be only one that dims a street, and it is this one."""
        meaning = gear_commands.meaning(frame)
        if meaning is None or not gear_commands.moves_level(meaning):
            return
        for luminaire in self.luminaires:
            if meaning.address.kind != Address.SHORT or meaning.address == luminaire.address:
                luminaire.commanded = None
        text = (
            f"another master on DALI bus {self.name} sends {meaning.name}: its levels are overruled; find and remove it"
        )
        self._events.begin("foreignMaster", self.name, text)
        self._foreign_at = self._clock.monotonic()

    async def cycle(self) -> None:
        """Once through everything. A bus in trouble ends the cycle; its interface says what the trouble is."""
        try:
            # Before a level command, which makes the gear forget that it had lost its mains. It burns meanwhile: at its
            # POWER ON LEVEL.
            await self._find_power_cycles()
            await self.dimming.command_levels()
            await self._verify()
            await self._check_fail_safe_levels()
            await self._poll_some()
            await self.dimming.learn_stored()
        except (PortUnavailable, BusUnpowered):
            return  # the interface has said so itself
        except (DriverError, ConversationFailed) as error:
            self._failed_cycles += 1
            if self._failed_cycles >= FAILURES_TO_REPORT:
                self._events.begin("busUnusable", self.name, f"{error}; it is tried again every {CYCLE_S:.0f} s")
        else:
            self._failed_cycles = 0
            if self._foreign_at is not None and self._clock.monotonic() - self._foreign_at > FOREIGN_GONE_AFTER_S:
                self._foreign_at = None
                self._events.end("foreignMaster", self.name, f"no other master dims on DALI bus {self.name} any more")
            self._events.end("busUnusable", self.name, f"DALI bus {self.name} can be used again")

    async def _find_power_cycles(self) -> None:
        """One broadcast asks all gear whether mains was lost; only where one says yes are all asked in turn."""
        now = self._clock.monotonic()
        vain = self._power_cycle_seen_in_vain_at
        if vain is not None and now - vain < STATUS_EVERY_S:
            return
        reply = await self._bus.run(sequences.query(addresses.BROADCAST, "QUERY POWER FAILURE"), priorities.TELEMETRY)
        if not reply.is_yes:
            return
        found = False
        for luminaire in self.luminaires:
            await self.health.poll_status(luminaire)
            found = found or bool((luminaire.status or 0) & StatusBit.POWER_CYCLE_SEEN)
        # Gear on this bus that the board does not know says yes for ever: it must not cost a sweep each cycle.
        self._power_cycle_seen_in_vain_at = None if found else now

    async def read_level(self, luminaire: LuminaireState) -> int | None:
        """The level that the gear shows; where it was told another one, it is told again. Raises DriverError."""
        reply = await self.health.ask(luminaire, "QUERY ACTUAL LEVEL")
        if reply.kind != Reply.VALUE:
            return None
        shows: int = reply.value
        if luminaire.commanded is not None and luminaire.verify_at is None:
            await self._compare(luminaire, shows)
        return shows

    async def _verify(self) -> None:
        now = self._clock.monotonic()
        for luminaire in self.luminaires:
            verify_at = luminaire.verify_at
            if verify_at is not None and verify_at <= now and luminaire.commanded is not None:
                reply = await self.health.ask(luminaire, "QUERY ACTUAL LEVEL")
                # A lamp that was told another level meanwhile is looked at once it can be there.
                if reply.kind == Reply.VALUE and luminaire.verify_at == verify_at:
                    luminaire.verify_at = None
                    await self._compare(luminaire, reply.value)

    async def _compare(self, luminaire: LuminaireState, shows: int) -> None:
        """Level shown with level told."""
        if shows == await self._reachable(luminaire, shows) or luminaire.lamp_failed:
            luminaire.mismatches = 0
            self._events.end("dimmingFailure", luminaire.name, f"{luminaire.name} shows its level again")
            return
        luminaire.mismatches += 1
        if luminaire.mismatches >= MISMATCHES_TO_REPORT:
            text = f"{luminaire.name} shows level {shows} instead of {luminaire.commanded}: check its limits"
            self._events.begin("dimmingFailure", luminaire.name, text)
        luminaire.commanded = None

    async def _reachable(self, luminaire: LuminaireState, shows: int) -> int:
        """The level that the gear takes for the commanded one: within its own MIN LEVEL and MAX LEVEL."""
        commanded = luminaire.commanded or 0
        if shows == commanded or commanded == 0:
            return commanded
        if luminaire.level_limits is None:
            lowest = await self.health.ask(luminaire, "QUERY MIN LEVEL")
            highest = await self.health.ask(luminaire, "QUERY MAX LEVEL")
            if lowest.kind != Reply.VALUE or highest.kind != Reply.VALUE:
                return commanded
            luminaire.level_limits = (lowest.value, highest.value)
        lowest_level, highest_level = luminaire.level_limits
        return max(lowest_level, min(commanded, highest_level))

    async def _check_fail_safe_levels(self) -> None:
        """Mains that returns, and a bus that loses its voltage, must give the safe level: set where it is not so."""
        left = FAIL_SAFE_CHECKS_A_CYCLE
        # The longest unseen first: gear that never takes its level must not keep the others from theirs.
        for luminaire in sorted(self.luminaires, key=lambda each: each.fail_safe_seen_at):
            if luminaire.fail_safe_checked or not luminaire.answers or left == 0:
                continue
            left -= 1
            luminaire.fail_safe_seen_at = self._clock.monotonic()
            right = True
            for parameter in ("POWER ON LEVEL", "SYSTEM FAILURE LEVEL"):
                right = right and await self._make_safe(luminaire, parameter)
            luminaire.fail_safe_checked = right
            if right:
                self._events.end("failSafeWrong", luminaire.name, f"{luminaire.name} has its safe levels again")

    async def _make_safe(self, luminaire: LuminaireState, parameter: str) -> bool:
        for attempt in ("read", "read back"):
            reply = await self.health.ask(luminaire, f"QUERY {parameter}")
            if reply.kind != Reply.VALUE:
                return False
            if reply.value == self._safe_level:
                return True
            if attempt == "read":
                setting = sequences.set_parameter(luminaire.address, f"SET {parameter}", self._safe_level)
                await self._bus.run(setting, priorities.CONFIGURATION)
        text = f"{luminaire.name} does not take {parameter} {self._safe_level}: it may be dark after a power cut"
        self._events.begin("failSafeWrong", luminaire.name, text)
        return False

    async def _poll_some(self) -> None:
        """Those that are due, but never so many that a cycle is full of them: they spread out by themselves."""
        old = self._clock.monotonic() - STATUS_EVERY_S
        due = [lamp for lamp in self.luminaires if lamp.status_asked_at is None or lamp.status_asked_at < old]
        for luminaire in due[: math.ceil(len(self.luminaires) * CYCLE_S / STATUS_EVERY_S)]:
            await self.health.poll_status(luminaire)
