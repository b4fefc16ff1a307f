"""The emulated bench: agent, street, broker and collector in one process, on one virtual clock.

A story starts the agent as a user does, by command line and board file. It judges by the true state of the emulated
lamps, and by the records that reached the collector.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from agent.centre.collect import collect
from agent.commands.run import run_until
from agent.config.board import load_board
from agent.main import parser_for, verb_module
from hil.embedded_broker import embedded_broker
from hil.emulated_board import EmulatedBoard
from hil.observed import emulated_board_seen
from hil.stories.boards import GATEWAY, Site
from hil.stories.broker_line import BrokerLine
from hil.stories.newcomer import retained_state
from hil.stories.records import JournalOnDisk, Store
from hil.virtual_time import VirtualClock, VirtualLoop, run_virtual

ZONE = ZoneInfo("Europe/Amsterdam")
QUARTER_S = 900
RESOLUTION_WH = 0.1
"""The step of the emulated gear's energy registers."""
DELIVERED_WITHIN_S = 1800.0

# DALI levels of the logarithmic dimming curve (IEC 62386-102, 9.3), from the standard's table and not from the agent.
DARK, HALF, SEVENTY, EIGHTY, FULL = 0, 229, 241, 246, 254


def local(text: str, zone: ZoneInfo = ZONE) -> float:
    """Returns the Unix seconds of a local date and time such as "2025-12-15 20:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def next_local(moment: str, after: float, zone: ZoneInfo = ZONE) -> float:
    """Returns the Unix seconds, later than `after`, at which local clocks next show this ("20:00" or "20:00:05")."""
    day = datetime.fromtimestamp(after, zone).date()
    there = datetime.combine(day, time.fromisoformat(moment), zone)
    return (there if there.timestamp() > after else there + timedelta(days=1)).timestamp()


class Bench:
    """One street with its gateway and centre. `live` makes it."""

    def __init__(self, clock: VirtualClock, folder: Path, site: Site, broker_port: int) -> None:
        self.clock = clock
        self.began = clock.wall()
        self.site = site
        self.names = site.names
        self.state = folder / "state"
        self.runtime = folder / "run"
        self.store = Store(folder / "store.sqlite")
        self.broker_port = broker_port
        self.gateway_line = BrokerLine(broker_port)
        self.centre_line = BrokerLine(broker_port)
        self._folder = folder
        self._agent: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._crashes = 0

    async def build(self, seed: int) -> None:
        """Makes the street, its port and the board file. `collecting` adds the centre."""
        await self.gateway_line.up()
        await self.centre_line.up()
        self.board = self.site.write(self._folder, self._folder / "port", self.gateway_line.port)
        self.emulated = EmulatedBoard(load_board(self.board), seed=seed, traffic=self.clock)
        self.street = self.emulated.streets["street"]

    @contextlib.asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """Runs the collector inside the `with`."""
        collector = asyncio.create_task(collect("127.0.0.1", self.centre_line.port, self.store.path, self.clock))
        try:
            yield
        finally:
            collector.cancel()
            await asyncio.gather(collector, return_exceptions=True)

    # The gateway

    async def start_agent(self) -> None:
        """Starts `lichtmast run BOARD --state DIR --runtime DIR`."""
        line = ["run", str(self.board), "--state", str(self.state), "--runtime", str(self.runtime)]
        self._stop = asyncio.Event()
        self._agent = asyncio.create_task(run_until(self._stop, parser_for(line).parse_args(line), self.clock))

    async def stop_agent(self) -> None:
        """Stops the agent as SIGTERM does. Returns when the agent has ended."""
        assert self._agent is not None
        self._stop.set()
        await self._agent
        self._agent = None

    def forget_agent(self) -> None:
        """Forgets an agent that has ended by itself, as the story expects."""
        self._agent = None

    async def crash_agent(self) -> None:
        """Cuts the gateway's power: the next agent finds only the files that are on the disk at this instant.

        The old agent can do nothing any more: its folder is not read again, and its broker line is cut.
        """
        assert self._agent is not None
        # A thread may be in the middle of a transaction. A power cut may interrupt it, but a copy of the files may not.
        while any(what.startswith("a thread") for what in self._loop.jumping.holds):
            await asyncio.sleep(0)
        self._crashes += 1
        left = self._folder / f"state-after-crash-{self._crashes}"
        shutil.copytree(self.state, left, ignore=shutil.ignore_patterns("*.sock"))  # a socket dies with its process
        await self.gateway_line.down()
        self._agent.cancel()
        await asyncio.gather(self._agent, return_exceptions=True)
        self._agent = None
        self.state = left
        shutil.rmtree(self.runtime, ignore_errors=True)
        await self.gateway_line.up()

    def command(self, *words: str) -> int:
        """Runs `lichtmast WORDS` on the gateway, in the story's time. Returns its exit code."""
        arguments = parser_for(words).parse_args(words)
        code: int = verb_module(arguments.verb).run(arguments, self.clock)
        return code

    @property
    def journal(self) -> JournalOnDisk:
        """The journal file of the agent."""
        return JournalOnDisk(self.state / f"{GATEWAY}.journal")

    async def broker_away(self) -> None:
        """Takes the broker away from both the gateway and the centre."""
        await self.gateway_line.down()
        await self.centre_line.down()

    async def broker_back(self) -> None:
        await self.centre_line.up()
        await self.gateway_line.up()

    # Surroundings of the sensors

    def presence(self, sensor: str, moving: bool) -> None:
        """Starts or ends movement in front of this sensor of the board."""
        street, number = self.emulated.sensor(sensor)
        street.presence(number, moving)

    def illuminance(self, sensor: str, share: float) -> None:
        """Sets the light at this sensor of the board, as a share (0-1) of its range."""
        street, number = self.emulated.sensor(sensor)
        street.illuminance(number, round(1023 * share))

    # Time

    async def wait_s(self, seconds: float) -> None:
        """Lets this much time pass. An agent that ended by itself ends the story."""
        await self.clock.sleep(seconds)
        if self._agent is not None and self._agent.done():
            self._agent.result()
            raise AssertionError("the agent ended without being asked to")

    async def until(self, moment: str) -> None:
        """Lets time pass until local clocks show this ("20:00" or "20:00:05") for the next time."""
        await self.wait_s(next_local(moment, self.clock.wall()) - self.clock.wall())

    async def delivered(self) -> None:
        """Waits until the centre has every record that is in the journal."""
        deadline = self.clock.wall() + DELIVERED_WITHIN_S
        while self._undelivered():
            assert self.clock.wall() < deadline, f"{len(self._undelivered())} records do not come to the centre"
            await self.wait_s(1.0)

    def _undelivered(self) -> set[int]:
        journal = self.journal
        return set(journal.sequence()) - set(self.store.sequences().get(journal.epoch, []))

    async def retained_state(self) -> str:
        """Returns the gateway's state that the broker tells a newcomer: "online" or "offline"."""
        return await retained_state(self.broker_port, self.clock)

    # True state

    @property
    def _loop(self) -> VirtualLoop:
        return cast(VirtualLoop, asyncio.get_running_loop())

    async def levels(self) -> list[int]:
        """Returns the level of each lamp, in the order of the street."""
        return [self.street.level(number) for number in range(self.site.lamps)]

    def level(self, luminaire: str) -> int:
        """Returns the level of one lamp."""
        street, number = self.emulated.place(luminaire)
        return street.level(number)

    def all_at(self, level: int) -> list[int]:
        """Returns the list that `levels` returns when every lamp is at this level."""
        return [level] * self.site.lamps

    def true_wh(self, luminaire: str, start: float, end: float) -> float:
        """Returns the lamp's own integral of its power, in Wh, between two wall times."""
        street, number = self.emulated.place(luminaire)
        zero = self.clock.wall() - self._loop.time()
        return street.energy_wh_at(number, end - zero) - street.energy_wh_at(number, start - zero)

    def judge_energy(self, start: float, end: float) -> None:
        """Asserts that the store has each quarter from `start` to `end` (whole quarters) once for each lamp, no other.

        It also asserts that the energy agrees with the lamps: within two register steps for each lamp, and within one
        step a lamp for the street.
        """
        total_error_wh = 0.0
        for name in self.names:
            intervals = self.store.intervals(name)
            starts = [interval.start for interval in intervals]
            assert starts == list(range(int(start), int(end), QUARTER_S)), f"{name}: quarters are missing, or too many"
            recorded_wh = sum(interval.actual_wh for interval in intervals)
            error_wh = recorded_wh - self.true_wh(name, start, end)
            assert abs(error_wh) <= 2 * RESOLUTION_WH, f"{name}: {error_wh:+.3f} Wh of {recorded_wh:.1f} Wh"
            total_error_wh += error_wh
        assert abs(total_error_wh) <= self.site.lamps * RESOLUTION_WH, f"the street: {total_error_wh:+.3f} Wh"
        assert self.store.doubled_intervals() == []


Story = Callable[[Bench], Awaitable[None]]


def live(
    story: Story, folder: Path, *, begins: str, site: Site | None = None, seed: int = 1, clock_valid: bool = True
) -> None:
    """Lives a story that begins at this local date and time, with street, broker and collector, but no agent yet.

    `clock_valid` says whether the agent may believe the clock at first.
    """

    async def whole(clock: VirtualClock) -> None:
        async with embedded_broker() as broker_port:
            bench = Bench(clock, folder, site or Site(), broker_port)
            await bench.build(seed)
            try:
                with emulated_board_seen(load_board(bench.board), bench.emulated, clock.wall):
                    async with bench.collecting():
                        await story(bench)
                        if bench._agent is not None:
                            await bench.stop_agent()
            finally:
                if bench._agent is not None:
                    bench._agent.cancel()
                    await asyncio.gather(bench._agent, return_exceptions=True)
                bench.emulated.close()
                await bench.broker_away()

    run_virtual(whole, local(begins), valid=clock_valid)
