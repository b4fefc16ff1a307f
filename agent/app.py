"""The composition root: makes every part of the agent from a board and a program, and keeps them running.

Data flows one way: config -> schedule -> luminaires -> bus -> journal -> upstream.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from agent.almanac import ZoneAlmanac
from agent.buses.monitor import SOCKET, Monitor
from agent.config import board as boards
from agent.energy.level_memory import LevelMemory
from agent.energy.metered import Metered, MeteredBus
from agent.energy.metering import Metering
from agent.hardware.serial_port import port_opener
from agent.inputs.dali_sensors import DaliSensors
from agent.inputs.input_state import Inputs
from agent.inputs.overrides import Overrides
from agent.interfaces import Clock
from agent.lamps import mains
from agent.lamps.control import LuminaireControl
from agent.lamps.dimming import Dimming
from agent.lamps.gear_health import GearHealth
from agent.lamps.luminaire import LuminaireState
from agent.lamps.operating_hours import Aging, OperatingHours
from agent.lamps.targets import Targets
from agent.records import alarms as events
from agent.records.alarms import EventLog
from agent.records.journal import Journal
from agent.records.journal_place import journal_in
from agent.records.recorder import Recorder
from agent.savings.ledger import LuminaireLedger
from agent.savings.ledger_state import StateUnreadable
from agent.savings.power_model import PowerModel
from agent.schedule.evaluate import Cache, burning_spans
from agent.schedule.inputs import Reading
from agent.schedule.plan import LEAST_PERCENT, Plan
from agent.supervise import keep_running
from agent.upstream.reporter import MqttReporter
from agent.version import __version__
from agent.wire.mqtt import Broker
from drivers import catalogue
from drivers.dali import conditions
from drivers.dali.bus import DaliBus
from drivers.interfaces import DaliInterface
from protocols.dali import levels
from protocols.dali.frames import ForwardFrame


class Folders(NamedTuple):
    """Where a gateway keeps things: `state` outlives a restart of the machine, `runtime` (None: memory) does not."""

    state: Path
    runtime: Path | None


class Agent:
    """One gateway's agent. Make it inside `running(...)`, which also ends it cleanly."""

    def __init__(
        self,
        board: boards.Board,
        plan: Plan,
        journal: Journal,
        clock: Clock,
        board_hash: str,
        folders: Folders,
    ) -> None:
        self._board = board
        self._clock = clock
        self._cache = Cache()
        self._almanac = ZoneAlmanac(board.timezone)
        self.journal = journal
        clock.begin(battery=board.battery_clock, memory=journal.state("clock"))
        self.recorder = Recorder(journal)
        self.recorder.add_state(lambda: {"clock": clock.memory()})
        self.events = EventLog(self.recorder.append, clock.wall, clock.monotonic)
        self.events.restore(journal.state(events.STATE))
        self.recorder.add_state(self.events.state)
        self.recorder.before_commit(self.events.settle)
        self.monitor = Monitor(clock.wall)
        self._interfaces: dict[str, DaliInterface] = {}
        self._inputs = Inputs(plan, folders.runtime, board.gateway, clock)
        self._sensors: dict[str, DaliSensors] = {}
        self._aging: list[Aging] = []
        self.overrides = Overrides(folders.state, self.events, clock, self._wake)
        self._controls = self._make_controls(plan)
        self.metering = self._make_metering(LevelMemory(folders.runtime, board.gateway))
        for control in self._controls.values():
            control.dimming.observer = control.health.observer = self.metering
        self.reporter = self._make_reporter(board_hash)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Starts every part, each under supervision."""
        await self.overrides.first_look()
        self._supervise("overrides", self.overrides.run)
        for port, interface in self._interfaces.items():
            self._supervise(f"DALI interface on {port}", interface.run)
        for control in self._controls.values():
            self._supervise(f"control of {control.name}", functools.partial(control.run, self.recorder.commit))
        for bus, sensors in self._sensors.items():
            self._supervise(f"sensors of {bus}", sensors.run)
        if self._aging:
            hours = OperatingHours(self._aging, self._observe, self._clock)
            self._supervise("operating hours", hours.run)
        self._supervise("metering", self.metering.run)
        if self.reporter:
            self._supervise("upstream", self.reporter.run)

    async def stop(self) -> None:
        """A clean stop: offline is said upstream, the journal is committed, and the lamps are left as they are."""
        if self.reporter:
            await self.reporter.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.recorder.changed()
        await self.recorder.commit()

    def _supervise(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_running(name, part, self._clock, self.events), name=name))

    def _make_controls(self, plan: Plan) -> dict[str, LuminaireControl]:
        board = self._board
        place = (board.latitude, board.longitude)
        names = [luminaire.name for luminaire in board.luminaires]
        targets = Targets(names, plan, self._almanac, place, self._clock, self.events, self._inputs, self.overrides)
        by_port: dict[str, list[boards.Bus]] = {}
        for bus in board.buses:
            by_port.setdefault(bus.port, []).append(bus)
        controls = {}
        for port, buses in by_port.items():
            dali: dict[int, DaliBus] = {}
            interface = self._make_interface(port, buses, dali)
            for bus in buses:
                lamps = [
                    LuminaireState(lamp.name, lamp.short_address) for lamp in board.luminaires if lamp.bus == bus.name
                ]
                sensors = [sensor for sensor in board.sensors if sensor.bus == bus.name]
                if not lamps and not sensors:
                    continue
                share = bus.telemetry_percent / 100
                dali[bus.channel] = DaliBus(interface, bus.channel, self._clock, share)
                dali[bus.channel].observer = self.monitor.observer(bus.name)
                if sensors:
                    self._sensors[bus.name] = DaliSensors(
                        sensors, dali[bus.channel], self._observe, self._clock, self.events
                    )
                if not lamps:
                    continue
                aging = [name for name in plan.names if plan.luminaires[name].output.curve]
                self._aging += [Aging(lamp, dali[bus.channel]) for lamp in lamps if lamp.name in aging]
                controls[bus.name] = LuminaireControl(
                    bus.name,
                    dali[bus.channel],
                    lamps,
                    Dimming(dali[bus.channel], lamps, targets.now, self._clock, bus.stagger_s),
                    GearHealth(bus.name, dali[bus.channel], self._clock, self.events),
                    levels.level_of(board.safe_percent),
                    self._clock,
                    self.events,
                    self._until_inputs_end_s,
                    floor_level=levels.level_of(max(plan.floor.night_percent, LEAST_PERCENT)),
                    known_marked=self.journal.state(mains.state_name(bus.name)),
                )
                self.recorder.add_state(controls[bus.name].mains.state)
        return controls

    def _observe(self, reading: Reading) -> None:
        """A sensor's word can change the level of lamps on any bus: all look at once."""
        self._inputs.observe(reading)
        self._wake()

    def _wake(self) -> None:
        for control in self._controls.values():
            control.wake()

    def _until_inputs_end_s(self) -> float | None:
        end = self._inputs.next_end()
        return None if end is None else end - self._clock.wall()

    def _make_interface(self, port: str, buses: Sequence[boards.Bus], dali: Mapping[int, DaliBus]) -> DaliInterface:
        by_channel = {bus.channel: bus.name for bus in buses}

        def hears(condition: str, channel: int, text: str) -> None:
            self._hear(condition, [by_channel[channel]] if channel in by_channel else list(by_channel.values()), text)

        def foreign(channel: int, frame: ForwardFrame) -> None:
            if channel in dali:
                name = by_channel[channel]
                dali[channel].note_foreign(frame)
                if name in self._sensors:
                    self._sensors[name].hear(frame)
                if name in self._controls:
                    self._controls[name].note_foreign(frame)

        driver = catalogue.load(buses[0].interface)
        opener = port_opener(port, self._clock)
        interface: DaliInterface = driver(opener, self._clock, hears, tuple(by_channel), foreign)
        self._interfaces[port] = interface
        return interface

    def _hear(self, condition: str, bus_names: Sequence[str], text: str) -> None:
        """What an interface says of its buses: an event each; and after trouble every lamp is told its level again."""
        for name in bus_names:
            if condition == conditions.LOST:
                self.events.begin("communicationFailure", name, text)
            elif condition == conditions.UNPOWERED:
                self.events.begin("supplyLoss", name, text)
                if name in self._controls:
                    self._controls[name].note_bus_without_voltage(gear_feeds_bus=self._board.bus_supply == "gear")
            elif condition == conditions.CONNECTED:
                self.events.end("communicationFailure", name, text)
            else:
                self.events.end("supplyLoss", name, text)
            if condition in (conditions.CONNECTED, conditions.POWERED) and name in self._controls:
                self._controls[name].tell_again()
            if condition in (conditions.CONNECTED, conditions.POWERED) and name in self._sensors:
                self._sensors[name].set_up_again()

    def _make_metering(self, memory: LevelMemory) -> Metering:
        board = self._board
        control_power_w = board.gateway_power_w + sum(bus.supply_power_w for bus in board.buses)
        declared = {luminaire.name: luminaire for luminaire in board.luminaires}
        metered = [
            Metered(
                luminaire, MeteredBus(control.health, control.read_level), self._ledger(declared[luminaire.name]), place
            )
            for control in self._controls.values()
            for place, luminaire in enumerate(control.luminaires)
        ]
        control_from = self.journal.state("control_from")
        return Metering(
            metered,
            control_power_w,
            control_from if isinstance(control_from, int) else None,
            self.recorder,
            self._clock,
            self.events,
            memory,
        )

    def _ledger(self, declared: boards.Luminaire) -> LuminaireLedger:
        model = PowerModel(declared.power_w, declared.min_power_w, declared.standby_w)
        power = self._board.baseline.power
        state = self.journal.state(f"ledger:{declared.name}")
        if isinstance(state, dict):
            try:
                return LuminaireLedger.from_state(
                    state, declared.name, model, self._burning_spans, baseline_power=power
                )
            except StateUnreadable as error:
                self.events.note("ledgerUnreadable", declared.name, str(error))
        return LuminaireLedger(declared.name, model, self._burning_spans, baseline_power=power)

    def _burning_spans(self, start: float, end: float) -> list[tuple[float, float]]:
        board = self._board
        on, off = board.baseline.on, board.baseline.off
        return burning_spans(on, off, self._almanac, board.latitude, board.longitude, start, end, self._cache)

    def _make_reporter(self, board_hash: str) -> MqttReporter | None:
        board, upstream = self._board, self._board.upstream
        if upstream is None:
            return None

        def on_change(there: bool, text: str) -> None:
            (self.events.end if there else self.events.begin)("brokerAway", "gateway", text)

        def on_twin(there: bool, text: str) -> None:
            (self.events.begin if there else self.events.end)("nameTaken", "gateway", text)

        birth = {
            "version": __version__,
            "board": board_hash,
            "name": board.name,
            "latitude": board.latitude,
            "longitude": board.longitude,
            "luminaires": [luminaire.name for luminaire in board.luminaires],
        }
        broker = Broker(upstream.host, upstream.port, board.gateway, upstream.keepalive_s)
        return MqttReporter(
            self.journal,
            broker,
            board.gateway,
            birth,
            self._clock,
            on_change,
            on_twin=on_twin,
            was_away=self.events.remembers("brokerAway", "gateway"),
        )


@contextlib.asynccontextmanager
async def running(
    board: boards.Board, plan: Plan, state: Path, clock: Clock, board_hash: str, runtime: Path | None = None
) -> AsyncIterator[Agent]:
    """The agent, started; stopped cleanly at the end. `state` is the folder of its journal and of overrides; `runtime`
    that of the sensors' state (None: memory only)."""
    async with journal_in(state, board.gateway, clock, sends=board.upstream is not None) as journal:
        agent = Agent(board, plan, journal, clock, board_hash, Folders(state, runtime))
        await agent.start()
        try:
            await agent.monitor.open(state / SOCKET)
            yield agent
        finally:
            agent.monitor.close()
            await agent.stop()
