"""`lichtmast emulate BOARD --links DIR`: the board's devices, emulated, as serial ports in real time, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from pathlib import Path

from agent.config.board import load_board
from agent.interfaces import Clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="the board file whose devices are emulated")
    parser.add_argument("--links", type=Path, required=True, metavar="DIR", help="the folder of the ports: a link each")
    parser.add_argument("--seed", type=int, default=1, help="of the emulated lamps; default 1")
    parser.add_argument("--report", type=Path, metavar="FILE", help="at the end, write what the devices saw, as JSON")


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    from hil.emulated_board import EmulatedBoard

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    arguments.links.mkdir(parents=True, exist_ok=True)
    emulated = EmulatedBoard(load_board(arguments.board), links=arguments.links, seed=arguments.seed)
    began = clock.wall()
    try:
        for port, link in emulated.links.items():
            print(f"{port} is emulated at {link}", flush=True)
        print("Ctrl-C ends it", flush=True)
        await stop.wait()
        if arguments.report:
            arguments.report.write_text(json.dumps(emulated.report(began), indent=2), encoding="utf-8")
    finally:
        emulated.close()
    return 0
