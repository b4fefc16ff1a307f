"""`lichtmast emulate BOARD --links DIR`: emulates the board's devices as serial ports, in real time.

It runs until Ctrl-C or SIGTERM, and then ends with exit code 0.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path

from agent.config.board import load_board
from agent.hardware.files import require_writable, write_or_report
from agent.interfaces import Clock

MOST = 64
"""The most control gear, and the most control devices, on one bus (IEC 62386-101)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="the board file whose devices are emulated")
    parser.add_argument(
        "--links", type=Path, required=True, metavar="DIR", help="the folder in which each port gets a link"
    )
    parser.add_argument(
        "--faults",
        type=Path,
        metavar="FILE",
        help="a script of what goes wrong, and when (TOML; see hil/faults/README.md)",
    )
    gear = parser.add_mutually_exclusive_group()
    gear.add_argument(
        "--gear",
        type=_count(1),
        metavar="N",
        help="put N new gear without addresses on each bus, in place of the board's",
    )
    gear.add_argument("--unaddressed", action="store_true", help="leave the board's gear without short addresses")
    parser.add_argument(
        "--devices",
        type=_count(0),
        default=0,
        metavar="N",
        help="add N sensors of presence and light to each bus, at control device addresses 0 to N-1",
    )
    parser.add_argument("--seed", type=int, default=1, help="draws the emulated lamps (default: 1)")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="at the end, write to this file what the devices saw, as JSON"
    )


def _count(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if not text.isascii() or not text.isdigit() or len(text) > 3 or not least <= int(text) <= MOST:
            raise argparse.ArgumentTypeError(f"write a whole number from {least} to {MOST}: a bus carries no more")
        return int(text)

    return count


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    from hil.emulated_board import EmulatedBoard, lamps_of
    from hil.faults.script import FaultRun, load_fault_script

    board = load_board(arguments.board)
    lamps = lamps_of(board, gear=arguments.gear, unaddressed=arguments.unaddressed)
    script = load_fault_script(arguments.faults, lamps, arguments.devices) if arguments.faults else []
    if arguments.report:
        require_writable(arguments.report, "--report")
    arguments.links.mkdir(parents=True, exist_ok=True)
    emulated = EmulatedBoard(board, links=arguments.links, seed=arguments.seed, lamps=lamps, devices=arguments.devices)
    began = clock.wall()
    faults = FaultRun(script, emulated, _say)
    try:
        for port, link in emulated.links.items():
            _say(f"{port} is emulated at {link}")
        _say("Ctrl-C ends it")
        faults.start()
        with contextlib.suppress(asyncio.CancelledError):  # it runs until it is stopped: that is no failure
            await asyncio.get_running_loop().create_future()
        if arguments.report:
            report = json.dumps(emulated.report(began), indent=2)
            return 0 if write_or_report(arguments.report, report) else 1
    finally:
        faults.stop()
        emulated.close()
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
