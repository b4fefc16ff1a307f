"""`lichtmast bench catch_up`: a gateway that comes back after 400 days puts them on record, in real time."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
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
from hil.virtual_time import VirtualClock, run_virtual

DAY_S = 86_400.0
LUMINAIRES = 64
LOOKS_EVERY_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=float, default=399.9, help="how long the gateway was away")


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """The figures, one by one as they are known."""
    board = with_luminaires(load_board(DEMO_BOARD), LUMINAIRES)
    with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as name:
        folder = Path(name)
        buses = tuple(replace(bus, port=str(folder / Path(bus.port).name)) for bus in board.buses)
        board = replace(board, buses=buses, upstream=None)
        begins = DEMO_NIGHT.toordinal() * DAY_S - 719_163 * DAY_S
        took_s, pause_s, missing = run_virtual(lambda clock: _away(board, folder, clock, arguments.days), begins)
    # The journal keeps what is not acknowledged for 400 days: a little less, and nothing of it is too old.
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
        measured = asyncio.get_running_loop().create_future()
        closing: list[asyncio.Task[None]] = []

        def at_a_commit() -> dict[str, object]:
            # The readings of the first sweep take time on the bus; with the first piece that is closed it begins.
            if not closing and _closed_until(agent) > began + days * DAY_S / 100:
                task = asyncio.create_task(_measure(agent, until, measured))
                task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # Ctrl-C may end it
                closing.append(task)
            return {}

        agent.recorder.add_state(at_a_commit)
        took_s, pause_s = await measured
        missing = await _missing(agent, began, until)
    emulated.close()
    return took_s, pause_s, missing


def _closed_until(agent: Agent, of: Callable[[Iterable[float]], float] = max) -> float:
    state = agent.metering.state()
    return of(float(str(one["open_start"])) for one in state.values() if isinstance(one, dict))


async def _measure(agent: Agent, until: float, measured: asyncio.Future[tuple[float, float]]) -> None:
    """How long it takes until all is closed, and the longest time in which nothing else could run: of the loop's own
    thread, for what other processes take is not the agent's."""
    began = looked = time.perf_counter()
    before = time.thread_time()
    pause_s = 0.0
    while True:
        await asyncio.sleep(0)
        pause_s = max(pause_s, time.thread_time() - before)
        now = time.perf_counter()
        if now - looked >= LOOKS_EVERY_S:
            looked = now
            if min(_closed_until(agent, min), float(str(agent.metering.state()["control_from"]))) >= until:
                measured.set_result((now - began, pause_s))
                return
        before = time.thread_time()


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
