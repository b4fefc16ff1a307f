"""A real bench: lamps on a desk, real time, and a clock with a wall time that the story sets.

The levels of the lamps are taken from the agent's journal, and at the end from the gear, asked over its interface.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from agent.buses.monitor import SOCKET
from agent.clock import MachineClock
from agent.commands.run import run_until
from agent.config.board import Board, load_board
from agent.hardware.serial_port import port_opener
from agent.main import parser_for
from agent.parts.interfaces import driver_of
from agent.savings.intervals import QUARTER_S
from drivers.dali.bus import TELEMETRY, DaliBus
from hil.observed import Course, Frame, Observation, described, tell, watch_frames
from hil.stories.benches import next_local
from hil.stories.processes import PATIENCE_S
from hil.stories.records import JournalOnDisk
from protocols.dali import addresses, sequences
from protocols.dali.frames import Reply

T = TypeVar("T")

SETTLES_WITHIN_S = 1.5
LOOK_S = 0.3
FRAMES_KEPT = 2000
LAMP_ON = 0x04
"""QUERY STATUS (IEC 62386-102, 11.5.2): the lamp gives light."""


class StoryClock(MachineClock):
    """The machine's clock with another wall time. When the story sets it, every wait of more than a second ends early,
    so that the caller looks at the clock again. A story then needs no real quarters of an hour."""

    LOOKS_AGAIN_AFTER_S = 1.0

    def __init__(self, wall: float) -> None:
        super().__init__()
        self._ahead_s = wall - super().wall()
        self._set = asyncio.Event()

    def wall(self) -> float:
        return super().wall() + self._ahead_s

    def valid(self) -> bool:
        return True

    def synchronised(self) -> bool:
        return False

    def set_wall(self, wall: float) -> None:
        """Sets the wall clock to this time, and ends each wait of more than a second."""
        self._ahead_s += wall - self.wall()
        self._set.set()
        self._set = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds <= self.LOOKS_AGAIN_AFTER_S:
            await super().sleep(seconds)
            return
        with contextlib.suppress(TimeoutError):
            await super().wait_for(self._set.wait(), seconds)

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        if seconds <= self.LOOKS_AGAIN_AFTER_S:
            return await super().wait_for(awaitable, seconds)
        waited = asyncio.ensure_future(awaitable)
        looking = asyncio.ensure_future(self._set.wait())
        try:
            await asyncio.wait([waited, looking], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waited.done():
                return waited.result()
            raise TimeoutError
        finally:
            waited.cancel()
            looking.cancel()


class RealBench:
    """The lamps of one board. Its broker hears nothing of a story, because the figures would not be real ones."""

    def __init__(self, board_path: Path, folder: Path, begins: float, program: str) -> None:
        self.clock = StoryClock(begins)
        self._program = folder / "story-program.toml"
        self._program.write_text(program, encoding="utf-8")
        self._board_path = folder / "story-board.toml"
        text = _without_upstream_and_program(board_path.read_text(encoding="utf-8"))
        self._board_path.write_text(text, encoding="utf-8")
        self.board: Board = load_board(self._board_path)
        self._state = folder / "state"
        self.journal = JournalOnDisk(self._state / f"{self.board.gateway}.journal")
        self._stop = asyncio.Event()
        self._agent: asyncio.Task[None] | None = None
        self._began = begins
        self._frames: deque[Frame] = deque(maxlen=FRAMES_KEPT)
        self._watching: asyncio.Task[None] | None = None

    async def start_agent(self) -> None:
        """Starts `lichtmast run BOARD --program PROGRAM --state DIR`."""
        line = ["run", str(self._board_path), "--program", str(self._program), "--state", str(self._state)]
        self._agent = asyncio.create_task(run_until(self._stop, parser_for(line).parse_args(line), self.clock))
        self._watching = asyncio.create_task(watch_frames(self._state / SOCKET, self._frames.append))

    async def stop_agent(self) -> None:
        """Stops the agent as SIGTERM does. Returns when the agent has ended."""
        assert self._agent is not None
        self._stop.set()
        await self._agent

    async def until(self, moment: str) -> None:
        """Sets the wall clock to this moment, and gives the agent the time to notice."""
        self.clock.set_wall(next_local(moment, self.clock.wall(), ZoneInfo(self.board.timezone)))
        for _ in range(int(SETTLES_WITHIN_S / LOOK_S)):
            await asyncio.sleep(LOOK_S)
            self.clock.set_wall(self.clock.wall())

    async def levels(self) -> list[int]:
        """Returns the levels that the next quarter's sweep writes into the journal, in the board's order.

        It sets the clock to that quarter. Raises AssertionError if the status of a gear says "dark" and its level does
        not, or the other way round.
        """
        asked_at = (self.clock.wall() // QUARTER_S + 1) * QUARTER_S
        self.clock.set_wall(asked_at)
        found: dict[str, dict[str, Any]] = {}
        async with asyncio.timeout(PATIENCE_S + 2.0 * len(self.board.luminaires)):
            while len(found) < len(self.board.luminaires):
                self.clock.set_wall(self.clock.wall())
                await asyncio.sleep(LOOK_S)
                assert self._agent is not None
                if self._agent.done():
                    self._agent.result()
                fresh = [body for body in self.journal.bodies("reading") if body["at"] >= asked_at]
                found = {body["luminaire"]: body for body in fresh}
        for body in found.values():
            assert bool(body["status"] & LAMP_ON) == (body["level"] > 0), (
                f"{body['luminaire']}: status and level differ"
            )
        return [found[luminaire.name]["level"] for luminaire in self.board.luminaires]

    def all_at(self, level: int) -> list[int]:
        """Returns the list that `levels` returns when every lamp is at this level."""
        return [level] * len(self.board.luminaires)

    async def asked_levels(self) -> list[int]:
        """Returns the answer of each gear to QUERY ACTUAL LEVEL, in the board's order. No agent may hold the ports."""
        found: dict[str, int] = {}
        for port in dict.fromkeys(bus.port for bus in self.board.buses):
            buses = {bus.name: bus for bus in self.board.buses if bus.port == port}
            channels = tuple(bus.channel for bus in buses.values())
            driver = driver_of(next(iter(buses.values())).interface)
            interface = driver(port_opener(port, self.clock), self.clock, lambda *said: None, channels, None)
            keeping = asyncio.create_task(interface.run())
            try:
                async with asyncio.timeout(PATIENCE_S + len(self.board.luminaires)):
                    for luminaire in self.board.luminaires:
                        if luminaire.bus in buses:
                            bus = DaliBus(interface, buses[luminaire.bus].channel)
                            await bus.wait_usable()
                            query = sequences.query(addresses.short(luminaire.short_address), "QUERY ACTUAL LEVEL")
                            reply = await bus.run(query, TELEMETRY)
                            assert reply.kind == Reply.VALUE, f"{luminaire.name} does not answer"
                            found[luminaire.name] = reply.value
            finally:
                keeping.cancel()
                await asyncio.gather(keeping, return_exceptions=True)
        return [found[luminaire.name] for luminaire in self.board.luminaires]

    def seen(self, *, failed: bool) -> Observation:
        """Returns the observation of the story until now: levels that gear answered, frames that the agent reported."""
        readings = [body for body in self.journal.bodies("reading") if body["level"] is not None]
        courses = [
            Course(lamp.name, tuple((body["at"], body["level"]) for body in readings if body["luminaire"] == lamp.name))
            for lamp in self.board.luminaires
        ]
        return Observation(
            board=described(self.board),
            timezone=self.board.timezone,
            began=self._began,
            ended=self.clock.wall(),
            true_levels=False,
            clock_set=False,
            failed=failed,
            courses=tuple(courses),
            frames=tuple(self._frames),
        )

    async def end(self) -> None:
        """Ends the tasks that the story has left running."""
        running = [task for task in (self._agent, self._watching) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def live_on_a_real_bench(
    story: Callable[[RealBench], Awaitable[None]], board_path: Path, folder: Path, *, begins: float, program: str
) -> None:
    """Lives a story in real time. The lamps stay as the story leaves them."""

    async def whole() -> None:
        bench = RealBench(board_path, folder, begins, program)
        failed = True
        try:
            await story(bench)
            failed = False
        finally:
            tell(lambda: bench.seen(failed=failed))
            await bench.end()

    asyncio.run(whole())


def _without_upstream_and_program(text: str) -> str:
    """Returns the board's text without its [upstream] table, and without its `program`, whose file is not beside the
    copy."""
    kept, table = [], ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line
        if not table.startswith("[upstream]") and not line.startswith("program"):
            kept.append(line)
    return "\n".join(kept) + "\n"
