"""The emulated bench: agent, street, broker and collector in one process, on one virtual clock.

A story starts the agent as a user does (command line and board file) and is judged by what the emulated lamps
themselves know, and by what reached the collector.
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
"""Of the emulated gear's energy registers."""
DELIVERED_WITHIN_S = 1800.0

# DALI levels of the logarithmic dimming curve (IEC 62386-102, 9.3), from the standard's table and not from the agent.
DARK, HALF, SEVENTY, EIGHTY, FULL = 0, 229, 241, 246, 254


def local(text: str, zone: ZoneInfo = ZONE) -> float:
    """Unix seconds of a local date and time such as "2025-12-15 20:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def next_local(moment: str, after: float, zone: ZoneInfo = ZONE) -> float:
    """Unix seconds at which local clocks next show this ("20:00" or "20:00:05")."""
    day = datetime.fromtimestamp(after, zone).date()
    there = datetime.combine(day, time.fromisoformat(moment), zone)
    return (there if there.timestamp() > after else there + timedelta(days=1)).timestamp()


class Bench:
    """One street with its gateway and centre. Made by `live`."""

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
        """The street, its port and the board file; the centre comes with `collecting`."""
        await self.gateway_line.up()
        await self.centre_line.up()
        self.board = self.site.write(self._folder, self._folder / "port", self.gateway_line.port)
        self.emulated = EmulatedBoard(load_board(self.board), seed=seed, traffic=self.clock)
        self.street = self.emulated.streets["street"]

    @contextlib.asynccontextmanager
    async def collecting(self) -> AsyncIterator[None]:
        """The collector is there while inside."""
        collector = asyncio.create_task(collect("127.0.0.1", self.centre_line.port, self.store.path, self.clock))
        try:
            yield
        finally:
            collector.cancel()
            await asyncio.gather(collector, return_exceptions=True)

    # The gateway

    async def start_agent(self) -> None:
        """`lichtmast run BOARD --state DIR --runtime DIR`."""
        line = ["run", str(self.board), "--state", str(self.state), "--runtime", str(self.runtime)]
        self._stop = asyncio.Event()
        self._agent = asyncio.create_task(run_until(self._stop, parser_for(line).parse_args(line), self.clock))

    async def stop_agent(self) -> None:
        """What SIGTERM does; returns when the agent has ended."""
        assert self._agent is not None
        self._stop.set()
        await self._agent
        self._agent = None

    def forget_agent(self) -> None:
        """The agent ended by itself, as it should have."""
        self._agent = None

    async def crash_agent(self) -> None:
        """The gateway's power is cut: what is on the disk at this instant is all that the next agent finds.

        The old one is left nothing to act upon: its folder is no longer read by anyone, its broker line is cut.
        """
        assert self._agent is not None
        # A thread may be half way through a transaction, which a power cut may interrupt but a copy of files may not.
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
        """`lichtmast WORDS` on the gateway, in the story's time; returns its exit code."""
        arguments = parser_for(words).parse_args(words)
        code: int = verb_module(arguments.verb).run(arguments, self.clock)
        return code

    @property
    def journal(self) -> JournalOnDisk:
        """The agent's journal file."""
        return JournalOnDisk(self.state / f"{GATEWAY}.journal")

    async def broker_away(self) -> None:
        """Neither the gateway nor the centre reaches the broker."""
        await self.gateway_line.down()
        await self.centre_line.down()

    async def broker_back(self) -> None:
        await self.centre_line.up()
        await self.gateway_line.up()

    # What the sensors sense

    def presence(self, sensor: str, somebody: bool) -> None:
        """Somebody moves in front of this sensor of the board, or nobody any more."""
        street, number = self.emulated.sensor(sensor)
        street.presence(number, somebody)

    def illuminance(self, sensor: str, share: float) -> None:
        """The light at this sensor of the board, as a share (0-1) of its range."""
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
        """What the broker tells a newcomer of the gateway: "online" or "offline"."""
        return await retained_state(self.broker_port, self.clock)

    # Truths

    @property
    def _loop(self) -> VirtualLoop:
        return cast(VirtualLoop, asyncio.get_running_loop())

    async def levels(self) -> list[int]:
        """The level of each lamp, in the order of the street."""
        return [self.street.level(number) for number in range(self.site.lamps)]

    def level(self, luminaire: str) -> int:
        """The level of one lamp."""
        street, number = self.emulated.place(luminaire)
        return street.level(number)

    def all_at(self, level: int) -> list[int]:
        """What `levels` gives when every lamp is at this level."""
        return [level] * self.site.lamps

    def true_wh(self, luminaire: str, start: float, end: float) -> float:
        """The lamp's own integral of its power between two wall times."""
        street, number = self.emulated.place(luminaire)
        zero = self.clock.wall() - self._loop.time()
        return street.energy_wh_at(number, end - zero) - street.energy_wh_at(number, start - zero)

    def judge_energy(self, start: float, end: float) -> None:
        """Each quarter from `start` to `end` (whole quarters) is in the store once for each lamp, none beside them, and
        energy agrees with the lamps: within two register steps for each, one a lamp for the street."""
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
    """Lives a story that begins at this local date and time, with the street, broker and collector in place and no
    agent yet. `clock_valid` says whether the clock can be believed at first."""

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
