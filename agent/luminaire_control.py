"""Brings the luminaires of one bus to their levels and keeps them there: command, verify, watch, and tell again.

Each cycle compares what is wanted with what was told, so nothing needs to be remembered over trouble: a bus or a gear
that comes back is told its level again within one cycle.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from agent.dimming import Dimming
from agent.events import EventLog
from agent.interfaces import Clock
from agent.luminaire import SILENT_AFTER, LuminaireState, StatusBit
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.addresses import Address
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from protocols.errors import ConversationFailed

T = TypeVar("T")

CYCLE_S = 10.0
STATUS_EVERY_S = 300.0
"""Each gear is asked for its status about this often; a reading asks too."""
FAIL_SAFE_CHECKS_A_CYCLE = 8
MISMATCHES_TO_REPORT = 3


class LuminaireControl:
    """The luminaires of one bus. `safe_level` is what their gear shows when mains returns or the bus fails."""

    def __init__(
        self,
        name: str,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        dimming: Dimming,
        safe_level: int,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self.name = name
        self.luminaires = luminaires
        self.dimming = dimming
        self._bus = bus
        self._safe_level = safe_level
        self._clock = clock
        self._events = events
        self._wake = asyncio.Event()
        self._power_cycle_seen_in_vain_at: float | None = None

    async def run(self, after_cycle: Callable[[], object]) -> None:
        """Cycles for ever, each at a whole multiple of CYCLE_S; `after_cycle()` is awaited where it is awaitable."""
        while True:
            # Nothing can be told to a bus that is not there; its interface has said so, and says when it is back.
            await self.wait_usable()
            self._wake.clear()
            await self.cycle()
            done = after_cycle()
            if asyncio.iscoroutine(done):
                await done
            pause_s = CYCLE_S - self._clock.wall() % CYCLE_S
            with contextlib.suppress(TimeoutError):
                await self._clock.wait_for(self._wake.wait(), max(pause_s, 0.001))

    async def wait_usable(self) -> None:
        """Returns once the bus can be talked to."""
        await self._bus.wait_usable()

    def tell_again(self) -> None:
        """After trouble on the bus: every level is told again, at once, and every fail-safe level looked at."""
        for luminaire in self.luminaires:
            luminaire.forget_what_it_shows()
        self._wake.set()

    def note_bus_without_voltage(self, *, gear_feeds_bus: bool) -> None:
        """What a dead bus says of the lamps: where their own gear feeds it, they have no mains and cannot burn; else
        they show their SYSTEM FAILURE LEVEL."""
        for luminaire in self.luminaires:
            if gear_feeds_bus and luminaire.answers:
                luminaire.answers = False
                self._tell_availability(luminaire, luminaire.last_answer_at, without_mains=True)
            elif not gear_feeds_bus and self.dimming.observer:
                self.dimming.observer.level(luminaire.name, self._safe_level, 0.0)

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

    async def cycle(self) -> None:
        """Once through everything. A bus in trouble ends the cycle; its interface says what the trouble is."""
        try:
            await self.dimming.command_levels()
            if await self._find_power_cycles():
                await self.dimming.command_levels()
            await self._verify()
            await self._check_fail_safe_levels()
            await self._poll_some()
            await self.dimming.learn_stored()
        except (PortUnavailable, BusUnpowered):
            return  # the interface has said so itself
        except DriverError as error:
            self._events.begin("busUnusable", self.name, f"{error}; it is tried again every {CYCLE_S:.0f} s")
        else:
            self._events.end("busUnusable", self.name, f"DALI bus {self.name} can be used again")

    async def poll_status(self, luminaire: LuminaireState) -> None:
        """Asks one gear for its status byte and draws the conclusions. Raises DriverError."""
        luminaire.status_asked_at = self._clock.monotonic()
        reply = await self._ask(luminaire, "QUERY STATUS")
        if reply.kind == Reply.VALUE and ((luminaire.status or 0) ^ reply.value) & StatusBit.WORTH_ASKING_TWICE:
            # A bit that flipped on the serial line must not raise an alarm, nor end one.
            confirmed = await self._ask(luminaire, "QUERY STATUS")
            if confirmed != reply:
                return
        if reply.kind == Reply.VALUE:
            self._note_status(luminaire, reply.value)

    async def converse(
        self, luminaire: LuminaireState, conversation: Generator[Transmission, Reply, T]
    ) -> T | ConversationFailed:
        """Runs a telemetry conversation with one gear; a failed one is returned. Raises DriverError."""
        try:
            result = await self._bus.run(conversation, priorities.TELEMETRY)
        except ConversationFailed as failure:
            return failure
        self._answered(luminaire)
        return result

    async def _find_power_cycles(self) -> bool:
        """One broadcast asks all gear whether mains was lost; only where one says yes are all asked in turn."""
        now = self._clock.monotonic()
        vain = self._power_cycle_seen_in_vain_at
        if vain is not None and now - vain < STATUS_EVERY_S:
            return False
        reply = await self._bus.run(sequences.query(addresses.BROADCAST, "QUERY POWER FAILURE"), priorities.TELEMETRY)
        if not reply.is_yes:
            return False
        for luminaire in self.luminaires:
            if luminaire.commanded is not None:
                await self.poll_status(luminaire)
        found = any(luminaire.commanded is None for luminaire in self.luminaires)
        # Gear on this bus that the board does not know says yes for ever: it must not cost a sweep each cycle.
        self._power_cycle_seen_in_vain_at = None if found else now
        return found

    async def _verify(self) -> None:
        now = self._clock.monotonic()
        for luminaire in self.luminaires:
            if luminaire.verify_at is None or luminaire.verify_at > now or luminaire.commanded is None:
                continue
            reply = await self._ask(luminaire, "QUERY ACTUAL LEVEL")
            if reply.kind != Reply.VALUE:
                continue
            shows: int = reply.value
            luminaire.verify_at = None
            if shows == await self._reachable(luminaire, shows) or luminaire.lamp_failed:
                luminaire.mismatches = 0
                self._events.end("dimmingFailure", luminaire.name, f"{luminaire.name} shows its level again")
                continue
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
            lowest = await self._ask(luminaire, "QUERY MIN LEVEL")
            highest = await self._ask(luminaire, "QUERY MAX LEVEL")
            if lowest.kind != Reply.VALUE or highest.kind != Reply.VALUE:
                return commanded
            luminaire.level_limits = (lowest.value, highest.value)
        lowest_level, highest_level = luminaire.level_limits
        return max(lowest_level, min(commanded, highest_level))

    async def _check_fail_safe_levels(self) -> None:
        """Mains that returns, and a bus that loses its voltage, must give the safe level: set where it is not so."""
        left = FAIL_SAFE_CHECKS_A_CYCLE
        for luminaire in self.luminaires:
            if luminaire.fail_safe_checked or not luminaire.answers or left == 0:
                continue
            left -= 1
            right = True
            for parameter in ("POWER ON LEVEL", "SYSTEM FAILURE LEVEL"):
                right = right and await self._make_safe(luminaire, parameter)
            luminaire.fail_safe_checked = right
            if right:
                self._events.end("failSafeWrong", luminaire.name, f"{luminaire.name} has its safe levels again")

    async def _make_safe(self, luminaire: LuminaireState, parameter: str) -> bool:
        for attempt in ("read", "read back"):
            reply = await self._ask(luminaire, f"QUERY {parameter}")
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
            await self.poll_status(luminaire)

    async def _ask(self, luminaire: LuminaireState, name: str) -> Reply:
        """A query to one gear, asked again where it is silent (queries change nothing), with the account of who answers
        kept."""
        reply = await self._bus.run(sequences.query(luminaire.address, name), priorities.TELEMETRY)
        tries = 1
        while reply.kind == Reply.NO_ANSWER and luminaire.answers and tries < SILENT_AFTER:
            tries += 1
            reply = await self._bus.run(sequences.query(luminaire.address, name), priorities.TELEMETRY)
        if reply.kind == Reply.VALUE:
            self._answered(luminaire)
        elif reply.kind == Reply.COLLISION:
            text = f"several gear answer to short address {luminaire.short_address} on {self.name}: commission it again"
            self._events.begin("addressConflict", luminaire.name, text)
        else:
            self._is_gone(luminaire)
        return reply

    def _answered(self, luminaire: LuminaireState) -> None:
        luminaire.last_answer_at = self._clock.wall()
        if not luminaire.answers:
            luminaire.answers = True
            self._events.end("controlGearCommFailure", luminaire.name, f"{luminaire.name} answers again")
            luminaire.forget_what_it_shows()
            self._tell_availability(luminaire, luminaire.last_answer_at)

    def _is_gone(self, luminaire: LuminaireState) -> None:
        if luminaire.answers:
            luminaire.answers = False
            where = f"{luminaire.name} (short address {luminaire.short_address} on {self.name})"
            self._events.begin("controlGearCommFailure", luminaire.name, f"{where} does not answer: check it")
            self._tell_availability(luminaire, luminaire.last_answer_at)

    def _note_status(self, luminaire: LuminaireState, status: int) -> None:
        could_burn, previous, was_well_at = luminaire.can_burn, luminaire.status, luminaire.last_well_at
        luminaire.status = status
        luminaire.lamp_failed = bool(status & StatusBit.LAMP_FAILURE)
        for bit, event, what in (
            (StatusBit.LAMP_FAILURE, "lampFailure", "a lamp failure: replace its light source"),
            (StatusBit.GEAR_FAILURE, "controlGearFailure", "a control gear failure: replace its driver"),
        ):
            if status & bit:
                self._events.begin(event, luminaire.name, f"{luminaire.name} reports {what}")
            else:
                self._events.end(event, luminaire.name, f"{luminaire.name} no longer reports {what}")
        if luminaire.can_burn:
            luminaire.last_well_at = self._clock.wall()
        if previous is None or could_burn != luminaire.can_burn:
            self._tell_availability(luminaire, luminaire.last_answer_at if luminaire.can_burn else was_well_at)
        if status & StatusBit.POWER_CYCLE_SEEN:
            self._events.note("supplyLoss", luminaire.name, f"{luminaire.name} has lost its mains and is back")
            luminaire.forget_what_it_shows()

    def _tell_availability(
        self, luminaire: LuminaireState, since: float | None, *, without_mains: bool = False
    ) -> None:
        if self.dimming.observer:
            self.dimming.observer.available(
                luminaire.name, since, available=luminaire.can_burn, without_mains=without_mains
            )
