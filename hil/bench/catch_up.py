"""`lichtmast bench catch_up`: the real time in which a gateway, back after 400 days, puts these days on record."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from agent.app import Agent, running
from agent.commands.demo import DEMO_BOARD, DEMO_NIGHT
from agent.config.board import Board, load_board
from agent.config.program import load_program
from agent.savings.intervals import QUARTER_S
from agent.schedule.plan import plain_plan
from hil.bench.table import Row
from hil.emulated_board import EmulatedBoard
from hil.night import with_luminaires
from hil.virtual_time import VirtualClock, VirtualLoop, run_virtual

DAY_S = 86_400.0
LUMINAIRES = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=float, default=399.9, help="how long the gateway was away")


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yields each figure as soon as it is known."""
    board = with_luminaires(load_board(DEMO_BOARD), LUMINAIRES)
    with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as name:
        folder = Path(name)
        buses = tuple(replace(bus, port=str(folder / Path(bus.port).name)) for bus in board.buses)
        board = replace(board, buses=buses, upstream=None)
        begins = DEMO_NIGHT.toordinal() * DAY_S - 719_163 * DAY_S
        took_s, pause_s, missing = run_virtual(lambda clock: _away(board, folder, clock, arguments.days), begins)
    # The journal keeps records that are not acknowledged for 400 days. With a little less, no record is too old.
    what = f"{arguments.days:g} days without an agent, {LUMINAIRES} luminaires"
    yield Row(f"{what}: put on record in", took_s, "s", "real", 20.0)
    yield Row(f"{what}: longest pause of the loop meanwhile", 1000 * pause_s, "ms", "real", 50.0)
    yield Row(f"{what}: quarters missing or doubled", missing, "", "virtual", 0)


async def _away(board: Board, folder: Path, clock: VirtualClock, days: float) -> tuple[float, float, int]:
    plan = plain_plan(load_program(board.program), [each.name for each in board.luminaires], board.safe_percent)
    emulated = EmulatedBoard(board, seed=1, traffic=clock)
    began = clock.wall()
    async with running(board, plan, folder, clock, "bench"):
        await clock.sleep(1.5 * QUARTER_S)
    await clock.sleep(days * DAY_S)
    until = clock.wall() // QUARTER_S * QUARTER_S
    async with running(board, plan, folder, clock, "bench") as agent:
        closing = _Closing(agent, from_=began + days * DAY_S / 100, until=until)
        agent.recorder.add_state(closing.at_a_commit)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.turns_timed(closing.turn_took):
            await closing.ended
            await agent.journal.commit()  # waits for the one that is being written
        took_s, pause_s = closing.took_s(), closing.pause_s
        missing = await _missing(agent, began, until)
    emulated.close()
    return took_s, pause_s, missing


class _Closing:
    """Times the closing of all quarters, from the first commit that holds one. It looks at commits only, because a task
    that polls beside them would take the interpreter from the journal's thread."""

    def __init__(self, agent: Agent, from_: float, until: float) -> None:
        self._agent, self._from, self._until = agent, from_, until
        self._began: float | None = None
        self.pause_s = 0.0
        """The longest turn of the loop since the closing began, in s."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Set when the last quarter goes to the disk."""

    def at_a_commit(self) -> dict[str, object]:
        # The readings of the first sweep take time on the bus; the closing begins with the first quarter closed.
        state = self._agent.metering.state()
        closed_until = [float(str(one["open_start"])) for one in state.values() if isinstance(one, dict)]
        if self._began is None and max(closed_until) > self._from:
            self._began = time.perf_counter()
        closed = min(*closed_until, float(str(state["control_from"]))) >= self._until
        if self._began is not None and closed and not self.ended.done():
            self.ended.set_result(None)
        return {}

    def turn_took(self, seconds: float) -> None:
        if self._began is not None:
            self.pause_s = max(self.pause_s, seconds)

    def took_s(self) -> float:
        """Returns the real seconds since the closing began."""
        assert self._began is not None
        return time.perf_counter() - self._began


async def _missing(agent: Agent, began: float, until: float) -> int:
    seconds: defaultdict[str, float] = defaultdict(float)
    seen: set[tuple[str, int]] = set()
    doubled, after = 0, 0
    await agent.recorder.commit()
    while records := await agent.journal.read_after(after, 5000):
        after = records[-1].seq
        for record in records:
            if record.kind == "interval":
                name, start = str(record.body["luminaire"]), int(str(record.body["start"]))
                doubled += (name, start) in seen
                seen.add((name, start))
                seconds[name] += float(str(record.body["duration_s"]))
    return doubled + sum(abs(until - began - each) > 1 for each in seconds.values()) + LUMINAIRES - len(seconds)
