"""`lichtmast bench night`: the accelerated night, and `run` beside `emulate` in real time."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import date
from pathlib import Path

from agent.centre.collect import collect
from agent.clock import MachineClock
from agent.commands.demo import DEMO_BOARD, DEMO_NIGHT
from agent.config.board import load_board
from agent.config.program import load_program
from agent.hardware.stopping import run_until_stopped
from agent.savings.intervals import QUARTER_S
from hil.bench.processes import cpu_s, end, lichtmast, memory_mib
from hil.bench.table import Row, percentile
from hil.embedded_broker import embedded_broker
from hil.night import NightResult, live_a_night, with_luminaires

QUIET_AFTER_QUARTER_S = 90.0
"""Time after which the sweep of a quarter, its records and their acknowledgements are over."""
MOST_WAIT_S = 30.0
MOST_FRAMES_A_READING = 3.5
MOST_BUS_LOAD_PERCENT = 1.0
REPORT = "report.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="length of the quiet stretch whose CPU is measured; at most 13"
    )


def rows(arguments: argparse.Namespace) -> Iterator[Row]:
    """Yields each figure as soon as it is known."""
    yield from _virtual(10, 5.0)
    yield from _virtual(64, 15.0)
    yield from run_until_stopped(_real(min(13.0, arguments.minutes)))
    yield from run_until_stopped(_real_on_four_buses())


def _virtual(luminaires: int, bound_s: float) -> Iterator[Row]:
    result = _night(luminaires, DEMO_NIGHT)
    worst = max(abs(lamp.error_wh) for lamp in result.lamps)
    traffic = result.traffic
    what = f"{luminaires} luminaires"
    yield Row(f"a night of {what} takes", result.took_s, "s", "real", bound_s)
    yield Row(f"{what}: largest error of a lamp's energy", worst, "Wh", "virtual", result.lamps[0].bound_wh)
    yield Row(f"{what}: error of their sum", abs(result.total_error_wh), "Wh", "virtual", result.total_bound_wh)
    yield Row(f"{what}: records lost", traffic.records_lost, "", "virtual", 0)
    yield Row(f"{what}: records doubled", result.summary.duplicates, "", "virtual", 0)
    yield Row(f"{what}: settling violations on the bus", traffic.settling_violations, "", "virtual", 0)
    yield Row(f"{what}: frames a reading", traffic.frames_a_reading, "", "virtual", MOST_FRAMES_A_READING)
    yield Row(f"{what}: bus load", 100 * traffic.bus_load, "%", "virtual", MOST_BUS_LOAD_PERCENT)


def _night(luminaires: int, night: date) -> NightResult:
    board = load_board(DEMO_BOARD)
    with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as folder:
        return live_a_night(with_luminaires(board, luminaires), load_program(board.program), night, Path(folder))


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs `work` beside the body of the `with`, and cancels it at the end, even if the body fails."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _emulated(board_text: Callable[[int, Path], str], folder: Path) -> AsyncIterator[list[str]]:
    """Yields the words of `run` for this board, while a broker, a collector and `emulate` run beside it.

    `board_text` returns the board for a broker's port and a folder of serial ports. After the `with`, `emulate` has
    ended, and its report is in the folder.
    """
    async with embedded_broker() as port, _beside(collect("127.0.0.1", port, folder / "store.sqlite", MachineClock())):
        board = folder / "board.toml"
        board.write_text(board_text(port, folder / "ports"), encoding="utf-8")
        emulate = ["emulate", str(board), "--links", str(folder / "ports"), "--report", str(folder / REPORT)]
        with lichtmast(emulate, folder / "emulate.log"):
            while "Ctrl-C" not in (folder / "emulate.log").read_text(encoding="utf-8"):
                await asyncio.sleep(0.05)
            yield ["run", str(board), "--state", str(folder / "state"), "--program", "always-full"]


async def _real(minutes: float) -> list[Row]:
    """Measures `run` beside `emulate`, with broker and collector, over a stretch without a program step or a sweep."""
    with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as name:
        folder = Path(name)
        async with _emulated(_board_on, folder) as run:
            # The stretch must not cross a quarter: the only sweep is the first, which comes at the start.
            left_s = QUARTER_S - time.time() % QUARTER_S
            if left_s < QUIET_AFTER_QUARTER_S + minutes * 60 + MOST_WAIT_S:
                await asyncio.sleep(left_s)
            started = time.time()
            with lichtmast(run, folder / "run.log") as agent:
                await asyncio.sleep(QUIET_AFTER_QUARTER_S)
                used_s, began = cpu_s(agent.pid), time.monotonic()
                await asyncio.sleep(minutes * 60)
                cpu_percent = 100 * (cpu_s(agent.pid) - used_s) / (time.monotonic() - began)
                rss_mib, peak_mib = memory_mib(agent.pid)
                end(agent)
        seen = json.loads((folder / REPORT).read_text(encoding="utf-8"))["street"]
    return [
        Row("RSS of run", rss_mib, "MiB", "real", 40.0),
        Row("peak RSS of run", peak_mib, "MiB", "real", 60.0),
        Row("CPU of run, no step, no sweep", cpu_percent, "% of a core", "real", 2.0, note=f"over {minutes:g} min"),
        Row("start of run to the first lamp commanded", seen["first_level_at"] - started, "s", "real", 1.0),
        *_turnarounds(seen["turnarounds"]),
        Row("settling violations on the bus", seen["settling_violations"], "", "real", 0),
    ]


async def _real_on_four_buses() -> list[Row]:
    """Measures the memory of `run` with 64 luminaires on four buses, after it has read them all."""
    with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as name:
        folder = Path(name)
        async with _emulated(_four_buses_on, folder) as run:
            with lichtmast(run, folder / "run.log") as agent:
                await asyncio.sleep(QUIET_AFTER_QUARTER_S)
                rss_mib, _ = memory_mib(agent.pid)
    return [Row("RSS of run, 64 luminaires on four buses", rss_mib, "MiB", "real", 34.0)]


READ_MEMORY_LOCATION = re.compile("h[0-9A-F]{2}C5")


def _turnarounds(pairs: list[tuple[float, str]]) -> list[Row]:
    """Returns the host's turnaround inside transactions, and for all frames.

    Frames of a transaction wait only for the host and for the 13.5 ms of priority 1. By the standard, the first frame
    of a transaction also waits for the settling time of its own priority (17.9 ms for telemetry).
    """
    inside = [1000 * seconds for seconds, command in pairs if READ_MEMORY_LOCATION.fullmatch(command)]
    every = [1000 * seconds for seconds, _ in pairs]
    name = "host turnaround p99 at the emulator"
    return [
        Row(name, percentile(inside, 99), "ms", "real", 8.0, note=f"{len(inside)} frames inside transactions"),
        Row(f"{name}, all frames", percentile(every, 99), "ms", "real", note="with the settling of priority 4"),
    ]


def _board_on(broker_port: int, ports: Path) -> str:
    """Returns the text of the demo board with this broker, and with its serial port in this folder."""
    text = DEMO_BOARD.read_text(encoding="utf-8")
    text = re.sub(r'broker = ".*"', f'broker = "mqtt://127.0.0.1:{broker_port}"', text)
    return text.replace('"ports/', f'"{ports}/')


def _four_buses_on(broker_port: int, ports: Path) -> str:
    """Returns the text of the demo board with this broker, and with four buses of 16 luminaires instead of its own."""
    head, rest = _board_on(broker_port, ports).split("[[bus]]")
    tail = rest[rest.index("[baseline]") :]
    return "\n".join([head, *(_bus_of_16(channel, ports) for channel in range(1, 5)), tail])


def _bus_of_16(channel: int, ports: Path) -> str:
    return f"""
[[bus]]
name = "bus{channel}"
interface = "atx_hat"
port = "{ports}/street"
channel = {channel}
supply_power_w = 1.5

[[luminaire]]
name = "B{channel}L01"
count = 16
bus = "bus{channel}"
short_address = 0
power_w = 25.0
"""
