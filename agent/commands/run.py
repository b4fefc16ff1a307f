"""`lichtmast run BOARD`: runs the agent until SIGTERM or Ctrl-C; then commits its journal and leaves the lamps alone.

Being stopped is its normal end: exit code 0. Exit code 1 if another agent has its state folder, a port or its name.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from agent.app import running
from agent.commands import add_state_folder
from agent.config.last_good import LastGood
from agent.hardware.locks import AlreadyRuns, Claims
from agent.inputs.input_state import FOLDER, runtime_folder
from agent.interfaces import Clock

log = logging.getLogger("lichtmast")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="the board file of this gateway")
    add_state_folder(parser, "the folder for the journal and the last good board")
    parser.add_argument(
        "--runtime",
        type=Path,
        metavar="DIR",
        help="the folder for what sensors said, which the machine's next start may forget (default: $RUNTIME_DIRECTORY,"
        f" or {FOLDER} if it exists, or memory only)",
    )
    parser.add_argument("--program", help="run this program instead of the board's: a ready program's name, or a file")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    try:
        await run_until(stop, arguments, clock, only_of_its_name=True)
    except AlreadyRuns as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(signal_number)
    return 0


async def run_until(
    stop: asyncio.Event, arguments: argparse.Namespace, clock: Clock, *, only_of_its_name: bool = False
) -> None:
    """Runs the agent until `stop` is set. Before it touches anything, it raises ConfigError if neither the board nor a
    last good one can be used, and AlreadyRuns if another agent has its state folder or a port (or, on request, its
    gateway's name)."""
    last_good = LastGood(arguments.state)
    # A thread loads the files, because a disk that hangs must not hold up the loop.
    config = await asyncio.to_thread(last_good.load, arguments.board, arguments.program)
    with Claims() as claims:
        if only_of_its_name:
            upstream = config.board.upstream
            claims.gateway(config.board.gateway, f"{upstream.host}:{upstream.port}" if upstream else "")
        for port in dict.fromkeys(bus.port for bus in config.board.buses):
            claims.port(port)
        claims.state_folder(arguments.state)
        await asyncio.to_thread(last_good.keep)
        runtime = runtime_folder(arguments.runtime)
        async with running(config.board, config.plan, arguments.state, clock, config.content_hash, runtime) as agent:
            if config.refused:
                agent.events.begin("invalidConfig", "gateway", config.refused)
            count = len(config.board.luminaires)
            plural = "" if count == 1 else "s"
            log.info("%s: %d luminaire%s, program %s", config.board.gateway, count, plural, config.program.name)
            await stop.wait()
