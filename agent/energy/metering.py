"""Reads each gear's energy register every quarter of an hour, and turns the readings into the record of what was saved.

Each reading carries its own time; the ledger (agent/savings/) shares them out over UTC quarters. Where the clock is
set, what this process was told moves with it (agent/energy/record_time.py).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.energy.level_memory import LevelMemory
from agent.energy.record_time import RecordTime
from agent.interfaces import Clock
from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.records.alarms import EventLog
from agent.records.recorder import Recorder
from agent.savings.control import ControlLedger
from agent.savings.intervals import QUARTER_S, VoidIntervals, quarter_start
from agent.savings.ledger import LuminaireLedger
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import memory_banks, sequences
from protocols.errors import ConversationFailed

log = logging.getLogger("lichtmast")

READING_TAKES_S = 1.0
"""More than six bytes take to be read, with whatever may pass in between."""
MOST_POWER_W = 1000.0
"""More than any luminaire draws: what bounds how far a register can count during one reading."""
LOOKS_AT_CLOCK_S = 60.0
"""A clock that is set is noticed within this time."""
TRIES = 2
"""Of a reading, at each quarter."""
TRIED_AGAIN_AFTER_S = 10.0
"""What disturbed a reading may be over by then; it is still near to the quarter's boundary."""
BUS_TRIED_AGAIN_AFTER_S = 1.0
CLOSED_AT_ONCE = 48
"""Quarters of one luminaire that are closed in one go: the lamps go first."""
WRITTEN_AT_ONCE = 500
"""Quarters that wait in memory for a commit, after a long time without power."""


class Reading(NamedTuple):
    """A register as read: Wh, its resolution in Wh, and when (Unix seconds)."""

    at: float
    energy_wh: float
    resolution_wh: float


@dataclass
class Metered:
    """A luminaire with the health of its bus's gear, and its ledger. `sensed_at`: when sensors last moved its level, in
    monotonic seconds; None: never, as far as its ledger knows."""

    health: GearHealth
    luminaire: LuminaireState
    ledger: LuminaireLedger
    sensed_at: float | None = None


class Metering:
    """The readings of all buses. Hears from the control what the lamps were told (LuminaireObserver).

    `control_power_w` is what gateway and bus supplies draw; `control_from` the first quarter (Unix seconds) that is not
    yet recorded of it, from the state of the process before. `memory` keeps what the journal must not know.
    """

    def __init__(
        self,
        metered: Sequence[Metered],
        control_power_w: float,
        control_from: int | None,
        recorder: Recorder,
        clock: Clock,
        events: EventLog,
        memory: LevelMemory,
    ) -> None:
        self._metered = {entry.luminaire.name: entry for entry in metered}
        self._recorder = recorder
        self._clock = clock
        self._events = events
        self._memory = memory
        newest = max((entry.ledger.newest_at or 0.0 for entry in metered), default=0.0)
        self._time = RecordTime(clock, newest or None)
        self._control = ControlLedger(control_power_w, control_from, self._time.now())
        self._remember_levels()
        recorder.add_state(self.state)

    def state(self) -> Mapping[str, object]:
        """What a new process needs to go on, by name. While the clock was never believed, that is what it found."""
        if not self._time.believed:
            return {}
        self._append_voids()
        states: dict[str, object] = {
            f"ledger:{name}": entry.ledger.to_state(levels=not self._is_private(entry))
            for name, entry in self._metered.items()
        }
        states["control_from"] = self._control.open_start
        return states

    def level(self, name: str, level: int, fade_s: float) -> None:
        """The lamp was told this level, now."""
        entry = self._metered[name]
        entry.ledger.level(self._time.now(), level, fade_s)
        if entry.luminaire.by_sensors:
            entry.sensed_at = self._clock.monotonic()
        else:
            self._recorder.changed()

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool) -> None:
        """The lamp can burn, or cannot, since that monotonic time (None: it was never seen otherwise)."""
        entry = self._metered[name]
        power_w = None  # it is not known what silent gear draws
        if without_mains:
            power_w = 0.0
        elif entry.luminaire.condition.answers and not available:
            power_w = entry.ledger.model.standby_w  # the gear of a failed lamp goes on
        at = self._time.now() if since is None else self._time.at(since)
        entry.ledger.available(at, available, power_w)
        self._recorder.changed()

    def outage(self, name: str, since: float | None) -> None:
        """The lamp was without mains from that monotonic time (None: the last reading) until now: dark, which is no
        saving."""
        since = None if since is None else self._time.at(since)
        self._metered[name].ledger.outage(since, self._time.now())
        self._recorder.changed()

    async def run(self) -> None:
        """A sweep as soon as a bus is there, then one at the beginning of each quarter, for ever, bus beside bus."""
        by_bus: dict[str, list[Metered]] = {}
        for entry in self._metered.values():
            by_bus.setdefault(entry.health.bus_name, []).append(entry)
        sweeps = [asyncio.ensure_future(self._run_bus(entries)) for entries in by_bus.values()]
        try:
            await asyncio.gather(*sweeps)
        finally:
            for sweep in sweeps:  # where one bus's failed, the others' must not run beside those of the restart
                sweep.cancel()
            self._keep_levels()

    async def _run_bus(self, entries: Sequence[Metered]) -> None:
        while True:
            self._follow_clock()
            boundary = quarter_start(self._time.now())
            await self._read_all(entries, boundary + QUARTER_S)
            self._follow_clock()
            await self._close_quarters(entries)
            await self._recorder.commit()
            # A sweep may have taken until past the next boundary, which is then read at once.
            while (left_s := boundary + QUARTER_S - self._time.now()) > 0:
                await self._clock.sleep(min(left_s, LOOKS_AT_CLOCK_S))
                self._follow_clock()
                self._keep_levels()
                if self._time.now() < boundary:
                    break  # the clock was set back

    def _follow_clock(self) -> None:
        """Where the clock was set, all that was told since moves, and what it had spoilt on record is void."""
        moved_s = self._time.follow()
        if not moved_s:
            return
        for entry in self._metered.values():
            entry.ledger.clock_moved(moved_s)
        self._control.clock_moved(moved_s, self._time.now())
        if self._append_voids():
            way = "ahead" if moved_s > 0 else "back"
            text = f"the clock was set {way} by {abs(moved_s):.0f} s: what it had put to wrong times is recorded anew"
            self._events.note("clockWasSet", "gateway", text)

    def _append_voids(self) -> bool:
        """Puts on record what counts no longer; returns whether there was any."""
        voids: list[VoidIntervals] = self._control.voids()
        for entry in self._metered.values():
            voids += entry.ledger.voids()
        for void in voids:
            self._recorder.append("void", void)
        return bool(voids)

    async def _read_all(self, entries: Sequence[Metered], until: float) -> None:
        """Reads every luminaire of a bus, as soon as the bus allows it before `until`, and once more what failed."""
        health = entries[0].health
        due, usable = list(entries), True
        for last_try in [False] * (TRIES - 1) + [True]:
            failed: list[Metered] = []
            while due:
                try:
                    await self._clock.wait_for(health.wait_usable(), until - self._time.now())
                except TimeoutError:
                    usable = False  # its interface has said why
                    break
                due = await self._sweep(due, failed, last_try=last_try)
                if due:
                    await self._clock.sleep(BUS_TRIED_AGAIN_AFTER_S)
            due += failed
            if not due or self._time.now() + TRIED_AGAIN_AFTER_S >= until:
                break
            if not last_try:
                await self._clock.sleep(TRIED_AGAIN_AFTER_S)
        if usable:
            self._report_missed(
                health.bus_name, len(entries), [entry for entry in due if entry.luminaire.condition.answers]
            )

    def _report_missed(self, bus: str, luminaires: int, missed: Sequence[Metered]) -> None:
        if 2 * len(missed) > luminaires:
            text = f"{len(missed)} of {luminaires} energy registers on {bus} were not read: find what disturbs the bus"
            self._events.begin("readingsMissed", bus, text)
        else:
            self._events.end("readingsMissed", bus, f"the energy registers on {bus} can be read again")

    async def _sweep(self, due: Sequence[Metered], failed: list[Metered], *, last_try: bool) -> list[Metered]:
        """Reads these luminaires once. Adds to `failed`; returns those that a bus in trouble left unread."""
        for number, entry in enumerate(due):
            try:
                await entry.health.poll_status(entry.luminaire)
                read = False
                if entry.luminaire.condition.answers:
                    read = await self._read(entry, await entry.health.read_level(entry.luminaire), last_try=last_try)
            except (PortUnavailable, BusUnpowered) as error:
                log.debug("readings of %s end: %s", entry.health.bus_name, error)
                return list(due[number:])
            except DriverError as error:
                log.debug("reading of %s: %s", entry.luminaire.name, error)
                read = False
            if not read:
                failed.append(entry)
        return []

    async def _read(self, entry: Metered, level: int | None, *, last_try: bool) -> bool:
        """False where it is worth another try."""
        name = entry.luminaire.name
        exponent = await self._read_exponent(entry, last_try=last_try)
        if exponent is None:
            return self._events.holds("noEnergyRegister", name)
        reading = await self._read_register(entry, exponent)
        if reading is None:
            return False
        if not entry.ledger.is_plausible(*reading):
            # A reading that was disturbed on the bus looks like this too; a new register says the same twice, and may
            # be another gear's, with a scale of its own.
            entry.luminaire.stored.energy_exponent = None
            exponent = await self._read_exponent(entry, last_try=last_try)
            again = None if exponent is None else await self._read_register(entry, exponent)
            reading = again or reading
        for anomaly in entry.ledger.reading(*reading):
            self._events.note(anomaly.name, name, anomaly.text)
        if self._time.is_certain:
            # Where sensors drive the level, it says who is passing now: the register alone is told.
            tells = not entry.luminaire.by_sensors
            self._recorder.append(
                "reading",
                {
                    "luminaire": name,
                    "at": reading.at,
                    "energy_wh": reading.energy_wh,
                    "resolution_wh": reading.resolution_wh,
                    "level": level if tells else None,
                    "status": entry.luminaire.condition.status if tells else None,
                },
            )
        return True

    async def _read_exponent(self, entry: Metered, *, last_try: bool) -> int | None:
        luminaire = entry.luminaire
        if luminaire.stored.energy_exponent is None:
            offset = memory_banks.ACTIVE_ENERGY.scale_offset
            found = await entry.health.converse(luminaire, sequences.read_exponent(luminaire.address, offset))
            if isinstance(found, ConversationFailed) and not last_try:
                return None
            if not isinstance(found, int):
                why = str(found) if isinstance(found, ConversationFailed) else "its scale byte is not valid"
                text = f"{luminaire.name} has no energy register that can be read ({why}): its figures are modelled"
                self._events.begin("noEnergyRegister", luminaire.name, text)
                return None
            self._events.end("noEnergyRegister", luminaire.name, f"{luminaire.name} reports its energy")
            luminaire.stored.energy_exponent = found
        return luminaire.stored.energy_exponent

    async def _read_register(self, entry: Metered, exponent: int) -> Reading | None:
        resolution_wh = 10.0**exponent
        most_counts = math.ceil(MOST_POWER_W * READING_TAKES_S / 3600.0 / resolution_wh)
        conversation = sequences.read_energy(entry.luminaire.address, most_counts)
        register = await entry.health.converse(entry.luminaire, conversation)
        if isinstance(register, ConversationFailed) or register.count is None:
            return None
        # The counted value is exact; rounding keeps what 0.1 cannot say out of the record.
        energy_wh = round(register.count * resolution_wh, max(0, -exponent))
        return Reading(self._time.now(), energy_wh, resolution_wh)

    async def _close_quarters(self, entries: Sequence[Metered]) -> None:
        """Closes what has ended, piece by piece: each with the state that belongs to it, and no more before a piece is
        written, so that nothing is given up that was never tried to be written."""
        waiting = 0
        for entry in entries:
            while self._time.is_certain:
                self._append_voids()
                piece = entry.ledger.close(self._time.now(), CLOSED_AT_ONCE)
                for interval in piece:
                    self._recorder.append("interval", interval)
                await asyncio.sleep(0)
                waiting += len(piece)
                if waiting >= WRITTEN_AT_ONCE:
                    waiting = 0
                    if not await self._recorder.commit():
                        return
                if len(piece) < CLOSED_AT_ONCE:
                    break
        while self._time.is_certain:
            used = self._control.close(self._time.now(), WRITTEN_AT_ONCE)
            self._append_voids()
            for one in used:
                self._recorder.append("control", one)
            if len(used) < WRITTEN_AT_ONCE or not await self._recorder.commit():
                return

    def _is_private(self, entry: Metered) -> bool:
        """Whether its level steps say what sensors saw."""
        if entry.luminaire.by_sensors:
            return True
        steps = entry.ledger.levels
        return entry.sensed_at is not None and bool(steps) and steps[0].at <= self._time.at(entry.sensed_at)

    def _keep_levels(self) -> None:
        if self._time.believed:
            private = {name: entry.ledger.levels for name, entry in self._metered.items() if self._is_private(entry)}
            self._memory.keep(private)

    def _remember_levels(self) -> None:
        for name, steps in self._memory.load().items():
            entry = self._metered.get(name)
            if entry is None or entry.ledger.levels:
                continue
            try:
                entry.ledger.restore_levels(steps)
            except (ValueError, TypeError, OverflowError) as error:
                log.warning("the course of the levels of %s cannot be read: %s", name, error)
            else:
                entry.sensed_at = self._clock.monotonic()
