"""The composition root: makes every part of the agent from a board and a plan, wires them, and keeps them running.

Data flows one way: config -> schedule -> luminaires -> bus -> journal -> upstream. None of it passes through here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from agent.almanac import ZoneAlmanac
from agent.buses.monitor import SOCKET, Monitor
from agent.config.board import Board
from agent.energy.ledgers import Ledgers
from agent.energy.level_memory import LevelMemory
from agent.energy.metered import Metered
from agent.energy.metering import Metering
from agent.inputs.input_state import Inputs
from agent.inputs.overrides import Overrides
from agent.interfaces import Clock
from agent.lamps.line import Line
from agent.lamps.mains import state_name
from agent.lamps.port import Port, ports_of
from agent.lamps.targets import Targets
from agent.local.socket import SOCKET as LOCAL_SOCKET
from agent.local.socket import LocalSocket
from agent.local.status import Status
from agent.records import alarms
from agent.records.alarms import EventLog
from agent.records.journal import Journal
from agent.records.journal_place import journal_in
from agent.records.recorder import Recorder
from agent.schedule.plan import Plan
from agent.supervise import keep_running
from agent.upstream.reporter import MqttReporter
from agent.version import __version__
from agent.wire.mqtt import Broker
from drivers.dali.bus import DaliBus


class Folders(NamedTuple):
    """The folders of a gateway: `state` outlives a restart of the machine, `runtime` (None: memory only) does not."""

    state: Path
    runtime: Path | None


class Agent:
    """The agent of one gateway. `running(...)` makes it, and ends it cleanly."""

    def __init__(
        self, board: Board, plan: Plan, journal: Journal, clock: Clock, board_hash: str, folders: Folders
    ) -> None:
        self._board = board
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self.journal = journal
        clock.begin(battery=board.battery_clock, memory=journal.state("clock"))
        self.recorder = Recorder(journal)
        self.recorder.add_state(lambda: {"clock": clock.memory()})
        self.events = EventLog(self.recorder.append, clock.wall, clock.monotonic)
        self.events.restore(journal.state(alarms.STATE))
        self.recorder.add_state(self.events.state)
        self.recorder.before_commit(self.events.settle)
        self.monitor = Monitor(clock.wall)
        almanac = ZoneAlmanac(board.timezone)
        inputs = Inputs(plan, folders.runtime, board.gateway, clock)
        self.overrides = Overrides(folders.state, self.events, clock, inputs.tell_listeners)
        names = [luminaire.name for luminaire in board.luminaires]
        place = (board.latitude, board.longitude)
        targets = Targets(names, plan, almanac, place, clock, self.events, inputs, self.overrides)
        self._ports: list[Port] = []
        self.lines: list[Line] = []
        self._make_lines(plan, targets, inputs)
        self.metering = self._make_metering(
            Ledgers(board, almanac, journal, self.events), LevelMemory(folders.runtime, board.gateway)
        )
        self.reporter = self._make_reporter(board_hash)
        status = Status(board, self.lines, targets, self.overrides, self.events, journal, self.reporter, clock)
        self.local = LocalSocket({"status": status.now}, clock)

    async def start(self) -> None:
        """Starts every part, each under supervision."""
        await self.overrides.first_look()
        self._supervise("overrides", self.overrides.run)
        for port in self._ports:
            self._supervise(f"DALI interface on {port.path}", port.interface.run)
        for line in self.lines:
            for part in line.parts(self.recorder.commit):
                self._supervise(part.name, part.run)
        self._supervise("metering", self.metering.run)
        if self.reporter:
            self._supervise("upstream", self.reporter.run)

    async def stop(self) -> None:
        """Stops cleanly: tells upstream that the gateway goes offline, commits the journal, and leaves the lamps as
        they are."""
        if self.reporter:
            await self.reporter.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.recorder.changed()
        await self.recorder.commit()

    def _supervise(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(asyncio.create_task(keep_running(name, part, self._clock, self.events), name=name))

    def _make_lines(self, plan: Plan, targets: Targets, inputs: Inputs) -> None:
        for port, buses in ports_of(self._board.buses, self._clock):
            self._ports.append(port)
            for bus in buses:
                dali = DaliBus(port.interface, bus.channel, self._clock, bus.telemetry_percent / 100)
                dali.observer = self.monitor.observer(bus.name)
                known_marked = self.journal.state(state_name(bus.name))
                line = Line(bus, self._board, plan, dali, targets, inputs, self._clock, self.events, known_marked)
                port.add(bus.channel, line)
                self.recorder.add_state(line.state)
                self.lines.append(line)

    def _make_metering(self, ledgers: Ledgers, memory: LevelMemory) -> Metering:
        board = self._board
        metered = [
            Metered(luminaire, line.health, ledgers.of(luminaire.name), place)
            for line in self.lines
            for place, luminaire in enumerate(line.luminaires)
        ]
        control_from = self.journal.state("control_from")
        metering = Metering(
            metered,
            board.gateway_power_w + sum(bus.supply_power_w for bus in board.buses),
            control_from if isinstance(control_from, int) else None,
            self.recorder,
            self._clock,
            self.events,
            memory,
        )
        for line in self.lines:
            line.report_to(metering)
        return metering

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
    board: Board, plan: Plan, state: Path, clock: Clock, board_hash: str, runtime: Path | None = None
) -> AsyncIterator[Agent]:
    """Yields the agent, started, and stops it cleanly at the end. `state` is the folder of its journal and overrides,
    `runtime` that of the sensors' state (None: memory only)."""
    async with journal_in(state, board.gateway, clock, sends=board.upstream is not None) as journal:
        agent = Agent(board, plan, journal, clock, board_hash, Folders(state, runtime))
        await agent.start()
        try:
            await agent.monitor.open(state / SOCKET)
            await agent.local.open(state / LOCAL_SOCKET)
            yield agent
        finally:
            agent.local.close()
            agent.monitor.close()
            await agent.stop()
