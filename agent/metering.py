"""Reads each gear's energy register every quarter of an hour, and turns the readings into the record of what was saved.

Each reading carries its own time; the ledger (agent/savings/) shares them out over UTC quarters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agent.events import EventLog
from agent.interfaces import Clock
from agent.luminaire import LuminaireState
from agent.luminaire_control import LuminaireControl
from agent.recorder import Recorder
from agent.savings.control import control_intervals
from agent.savings.intervals import QUARTER_S, quarter_start
from agent.savings.ledger import LuminaireLedger
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import memory_banks, sequences
from protocols.errors import ConversationFailed

log = logging.getLogger("lichtmast")

READING_TAKES_S = 1.0
"""More than six bytes take to be read, with whatever may pass in between."""
MOST_POWER_W = 1000.0
"""More than any luminaire draws: what bounds how far a register can count during one reading."""


WRONG_CLOCK_S = 3600.0
"""A record that is further ahead of a synchronised clock was written while the clock was wrong."""


class Reading(NamedTuple):
    """A register as read: Wh, its resolution in Wh, and when (Unix seconds)."""

    at: float
    energy_wh: float
    resolution_wh: float


@dataclass
class Metered:
    """A luminaire with its place and its ledger."""

    control: LuminaireControl
    luminaire: LuminaireState
    ledger: LuminaireLedger


class Metering:
    """The readings of all buses. Hears from the control what the lamps were told (LuminaireObserver).

    `control_power_w` is what gateway and bus supplies draw; `control_from` the first quarter (Unix seconds) that is not
    yet recorded of it, from the state of the process before.
    """

    def __init__(
        self,
        metered: Sequence[Metered],
        control_power_w: float,
        control_from: int | None,
        recorder: Recorder,
        clock: Clock,
        events: EventLog,
    ) -> None:
        self._metered = {entry.luminaire.name: entry for entry in metered}
        self._control_power_w = control_power_w
        self._control_from = control_from
        self._recorder = recorder
        self._clock = clock
        self._events = events
        self._exponents: dict[str, int] = {}
        self._untold: dict[str, tuple[int, float]] = {}
        recorder.add_state(self.state)

    def state(self) -> Mapping[str, object]:
        """What a new process needs to go on, by name."""
        states: dict[str, object] = {f"ledger:{name}": entry.ledger.to_state() for name, entry in self._metered.items()}
        states["control_from"] = self._control_from
        return states

    def level(self, name: str, level: int, fade_s: float) -> None:
        """The lamp was told this level, now. While the clock cannot be believed there is no time to write it to."""
        if self._clock.valid():
            self._metered[name].ledger.level(self._clock.wall(), level, fade_s)
            self._recorder.changed()
        else:
            self._untold[name] = (level, fade_s)

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool) -> None:
        """The lamp can burn, or cannot, since that time (None: it was never seen otherwise)."""
        if self._clock.valid():
            entry = self._metered[name]
            power_w = None  # what silent gear draws nobody knows
            if without_mains:
                power_w = 0.0
            elif entry.luminaire.answers and not available:
                power_w = entry.ledger.model.standby_w  # the gear of a failed lamp goes on
            entry.ledger.available(self._clock.wall() if since is None else since, available, power_w)
            self._recorder.changed()

    def outage(self, name: str, since: float | None) -> None:
        """The lamp was without mains from then (None: the last reading) until now: dark, which is no saving."""
        if self._clock.valid():
            self._metered[name].ledger.outage(since, self._clock.wall())
            self._recorder.changed()

    async def run(self) -> None:
        """A sweep as soon as a bus is there, then one at the beginning of each quarter, for ever, bus beside bus."""
        by_bus: dict[str, list[Metered]] = {}
        for entry in self._metered.values():
            by_bus.setdefault(entry.control.name, []).append(entry)
        sweeps = [asyncio.ensure_future(self._run_bus(entries)) for entries in by_bus.values()]
        try:
            await asyncio.gather(*sweeps)
        finally:
            for sweep in sweeps:  # where one bus's failed, the others' must not run beside those of the restart
                sweep.cancel()

    async def _run_bus(self, entries: Sequence[Metered]) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await self._clock.wait_for(entries[0].control.wait_usable(), self._until_next_quarter_s())
                await self._sweep(entries)
            await self._close_quarters(entries)
            await self._recorder.commit()
            await self._clock.sleep(self._until_next_quarter_s())

    def _until_next_quarter_s(self) -> float:
        return QUARTER_S - self._clock.wall() % QUARTER_S

    async def _sweep(self, entries: Sequence[Metered]) -> None:
        """Reads every luminaire of a bus once."""
        if not self._clock.valid():
            return
        self._leave_a_wrong_clock_behind(entries)
        for entry in entries:
            name = entry.luminaire.name
            if name in self._untold:
                entry.ledger.level(self._clock.wall(), *self._untold.pop(name))
                if not entry.luminaire.can_burn:
                    entry.ledger.available(self._clock.wall(), False)
        for entry in entries:
            try:
                await entry.control.health.poll_status(entry.luminaire)
                if entry.luminaire.answers:
                    await self._read(entry, await entry.control.read_level(entry.luminaire))
            except (PortUnavailable, BusUnpowered) as error:
                log.debug("readings of %s end: %s", entry.control.name, error)
                return
            except DriverError as error:
                log.debug("reading of %s: %s", entry.luminaire.name, error)

    def _leave_a_wrong_clock_behind(self, entries: Sequence[Metered]) -> None:
        """A clock that was once ahead has written quarters that are still to come: until they do, nothing could be
        recorded. Where a reference now says so, the record begins anew."""
        if not self._clock.synchronised():
            return
        latest = self._clock.wall() + WRONG_CLOCK_S
        for entry in entries:
            newest = entry.ledger.newest_at
            if newest is not None and newest > latest:
                name = entry.luminaire.name
                entry.ledger = entry.ledger.anew()
                entry.ledger.level(self._clock.wall(), entry.luminaire.commanded or 0)
                text = f"the record of {name} was ahead of the time, for the clock had been wrong: it begins anew"
                self._events.note("clockWasAhead", name, text)
        if self._control_from is not None and self._control_from > latest:
            self._control_from = None

    async def _read(self, entry: Metered, level: int | None) -> None:
        name = entry.luminaire.name
        reading = await self._read_register(entry)
        if reading is None:
            return
        if not entry.ledger.is_plausible(*reading):
            # A reading that was disturbed on the bus looks like this too; a new register says the same twice, and may
            # be another gear's, with a scale of its own.
            del self._exponents[name]
            reading = await self._read_register(entry) or reading
        for anomaly in entry.ledger.reading(*reading):
            self._events.note(anomaly.name, name, anomaly.text)
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
                "status": entry.luminaire.status if tells else None,
            },
        )

    async def _read_register(self, entry: Metered) -> Reading | None:
        luminaire = entry.luminaire
        exponent = self._exponents.get(luminaire.name)
        if exponent is None:
            offset = memory_banks.ACTIVE_ENERGY.scale_offset
            found = await entry.control.health.converse(luminaire, sequences.read_exponent(luminaire.address, offset))
            if not isinstance(found, int):
                why = str(found) if isinstance(found, ConversationFailed) else "its scale byte is not valid"
                text = f"{luminaire.name} has no energy register that can be read ({why}): its figures are modelled"
                self._events.begin("noEnergyRegister", luminaire.name, text)
                return None
            self._events.end("noEnergyRegister", luminaire.name, f"{luminaire.name} reports its energy")
            exponent = self._exponents[luminaire.name] = found
        resolution_wh = 10.0**exponent
        most_counts = math.ceil(MOST_POWER_W * READING_TAKES_S / 3600.0 / resolution_wh)
        register = await entry.control.health.converse(luminaire, sequences.read_energy(luminaire.address, most_counts))
        if isinstance(register, ConversationFailed) or register.count is None:
            return None
        # The counted value is exact; rounding keeps what 0.1 cannot say out of the record.
        energy_wh = round(register.count * resolution_wh, max(0, -exponent))
        return Reading(self._clock.wall(), energy_wh, resolution_wh)

    async def _close_quarters(self, entries: Sequence[Metered]) -> None:
        if not self._clock.valid():
            return
        now = self._clock.wall()
        for entry in entries:
            for interval in entry.ledger.close(now):
                self._recorder.append("interval", interval.body())
            await asyncio.sleep(0)  # after months without power there is much to close: the lamps go first
        if self._control_from is None:
            self._control_from = quarter_start(now)
        for used in control_intervals(self._control_power_w, self._control_from, now):
            self._recorder.append("control", used.body())
            self._control_from = used.start + used.duration_s
