"""Metering: hears what the lamps were told, has their energy registers read each quarter of an hour, keeps the record.

Each reading carries its own time; the ledger (agent/savings/) shares them out over UTC quarters. Where the clock is
set, what this process was told moves with it (agent/energy/record_time.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from agent.energy.closing import Closing
from agent.energy.level_memory import LevelMemory
from agent.energy.metered import Metered
from agent.energy.record_time import RecordTime
from agent.energy.register_sweep import RegisterSweep
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from agent.records.recorder import Recorder
from agent.savings.control import ControlLedger
from agent.savings.intervals import QUARTER_S, quarter_start
from protocols.dali.energy_register import EnergyRegister

log = logging.getLogger("lichtmast")

LOOKS_AT_CLOCK_S = 60.0
"""A clock that is set is noticed within this time."""


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
        self.metered: Mapping[str, Metered] = {entry.name: entry for entry in metered}
        self._recorder = recorder
        self._clock = clock
        self._events = events
        self._memory = memory
        newest = max((entry.ledger.newest_at or 0.0 for entry in metered), default=0.0)
        self._time = RecordTime(clock, newest or None)
        self._control = ControlLedger(control_power_w, control_from, self._time.now())
        self._closing = Closing((entry.ledger for entry in metered), self._control, recorder, self._time)
        self._remember_levels()
        recorder.add_state(self.state)

    def state(self) -> Mapping[str, object]:
        """What a new process needs to go on, by name. While the clock was never believed, that is what it found."""
        if not self._time.believed:
            return {}
        self._closing.append_voids()
        states: dict[str, object] = {
            f"ledger:{name}": entry.ledger.to_state(levels=not self._is_private(entry))
            for name, entry in self.metered.items()
        }
        states["control_from"] = self._control.open_start
        return states

    def level(self, name: str, level: int, fade_s: float) -> None:
        """The lamp was told this level, now."""
        entry = self.metered[name]
        entry.ledger.level(self._time.now(), level, fade_s)
        entry.moved = True
        if entry.luminaire.by_sensors:
            entry.sensed_at = self._clock.monotonic()
        else:
            self._recorder.changed()

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool) -> None:
        """The lamp can burn, or cannot, since that monotonic time (None: it was never seen otherwise)."""
        entry = self.metered[name]
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
        self.metered[name].ledger.outage(since, self._time.now())
        self._recorder.changed()

    async def run(self) -> None:
        """A sweep as soon as a bus is there, then one at the beginning of each quarter, for ever, bus beside bus."""
        by_bus: dict[str, list[Metered]] = {}
        for entry in self.metered.values():
            by_bus.setdefault(entry.health.name, []).append(entry)
        sweeps = [
            asyncio.ensure_future(
                self._run_bus(entries, RegisterSweep(entries, self._clock, self._time, self._events, self._take))
            )
            for entries in by_bus.values()
        ]
        try:
            await asyncio.gather(*sweeps)
        finally:
            for sweep in sweeps:  # where one bus's failed, the others' must not run beside those of the restart
                sweep.cancel()
            self._keep_levels()

    async def _run_bus(self, entries: Sequence[Metered], sweep: RegisterSweep) -> None:
        while True:
            self._follow_clock()
            boundary = quarter_start(self._time.now())
            await sweep.read_all(boundary + QUARTER_S)
            self._follow_clock()
            await self._closing.close([entry.ledger for entry in entries])
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
        for entry in self.metered.values():
            entry.ledger.clock_moved(moved_s)
        self._control.clock_moved(moved_s, self._time.now())
        if self._closing.append_voids():
            way = "ahead" if moved_s > 0 else "back"
            text = f"the clock was set {way} by {abs(moved_s):.0f} s: what it had put to wrong times is recorded anew"
            self._events.note("clockWasSet", "gateway", text)

    def _take(self, entry: Metered, register: EnergyRegister) -> None:
        """A register was read just now: the ledger counts on, and the reading goes on record."""
        at, luminaire = self._time.now(), entry.luminaire
        for anomaly in entry.ledger.reading(at, register.energy_wh, register.resolution_wh):
            self._events.note(anomaly.name, luminaire.name, anomaly.text)
        if self._time.is_certain:
            # Where sensors drive the level, it says who is passing now: the register alone is told.
            tells = not luminaire.by_sensors
            self._recorder.append(
                "reading",
                {
                    "luminaire": luminaire.name,
                    "at": at,
                    "energy_wh": register.energy_wh,
                    "resolution_wh": register.resolution_wh,
                    "level": entry.level if tells else None,
                    "status": luminaire.condition.status if tells else None,
                },
            )

    def _is_private(self, entry: Metered) -> bool:
        """Whether its level steps say what sensors saw."""
        if entry.luminaire.by_sensors or entry.sensed_at is None:
            return entry.luminaire.by_sensors
        steps = entry.ledger.levels
        return bool(steps) and steps[0].at <= self._time.at(entry.sensed_at)

    def _keep_levels(self) -> None:
        if self._time.believed:
            private = {name: entry.ledger.levels for name, entry in self.metered.items() if self._is_private(entry)}
            self._memory.keep(private)

    def _remember_levels(self) -> None:
        for name, steps in self._memory.load().items():
            entry = self.metered.get(name)
            if entry is None or entry.ledger.levels:
                continue
            try:
                entry.ledger.restore_levels(steps)
            except (ValueError, TypeError, OverflowError) as error:
                log.warning("the course of the levels of %s cannot be read: %s", name, error)
            else:
                entry.sensed_at = self._clock.monotonic()
