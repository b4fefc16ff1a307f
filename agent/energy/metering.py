"""Metering: hears the lamps' levels, has their energy registers read each quarter of an hour, and keeps the record.

Each reading carries its own time; the ledger (agent/savings/) shares out the energy over UTC quarters. If the clock is
set, the times of this process move with it (agent/energy/record_time.py).
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
    """Meters the lamps of all buses. It hears their levels from the control, as a LuminaireObserver.

    `control_power_w` is the power of gateway and bus supplies. `control_from` is its first quarter (Unix seconds) that
    is not on record, from the state of the process before. `memory` keeps the levels that the journal must not know.
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
        """Returns the state that a new process needs to go on, by its name in the journal. Until the clock is believed
        it is empty, so that the state before stays."""
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
        """Notes that the lamp was told this level (0-254) just now, with a fade of `fade_s` seconds."""
        entry = self.metered[name]
        entry.ledger.level(self._time.now(), level, fade_s)
        entry.moved = True
        if entry.luminaire.by_sensors:
            entry.sensed_at = self._clock.monotonic()
        else:
            self._recorder.changed()

    def available(self, name: str, since: float | None, *, available: bool, without_mains: bool) -> None:
        """Notes that the lamp can burn, or cannot, since that monotonic time (None: it was never seen otherwise)."""
        entry = self.metered[name]
        power_w = None  # the power of silent gear is unknown
        if without_mains:
            power_w = 0.0
        elif entry.luminaire.condition.answers and not available:
            power_w = entry.ledger.model.standby_w  # the gear of a failed lamp goes on
        at = self._time.now() if since is None else self._time.at(since)
        entry.ledger.available(at, available, power_w)
        self._recorder.changed()

    def outage(self, name: str, since: float | None) -> None:
        """Notes that the lamp was without mains from that monotonic time (None: the last reading) until now. Its dark
        time is no saving."""
        since = None if since is None else self._time.at(since)
        self.metered[name].ledger.outage(since, self._time.now())
        self._recorder.changed()

    async def run(self) -> None:
        """Reads each bus as soon as it can be used, then at the beginning of each quarter, for ever. All buses are read
        at the same time."""
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
            for sweep in sweeps:  # if one failed, the others must not run beside those of the restart
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
            # If a sweep ended after the next boundary, that boundary's sweep begins at once.
            while (left_s := boundary + QUARTER_S - self._time.now()) > 0:
                await self._clock.sleep(min(left_s, LOOKS_AT_CLOCK_S))
                self._follow_clock()
                self._keep_levels()
                if self._time.now() < boundary:
                    break  # the clock was set back

    def _follow_clock(self) -> None:
        """If the clock was set, moves the times of this process with it, and voids the intervals at wrong times."""
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
        """Takes in a register that was read just now: the ledger counts on, and the reading goes on record."""
        at, luminaire = self._time.now(), entry.luminaire
        for anomaly in entry.ledger.reading(at, register.energy_wh, register.resolution_wh):
            self._events.note(anomaly.name, luminaire.name, anomaly.text)
        if self._time.is_certain:
            # If sensors drive the level, it says that someone is passing: only the register is recorded.
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
        """Returns whether the luminaire's level steps show what sensors saw."""
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
