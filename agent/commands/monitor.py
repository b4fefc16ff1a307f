"""`lichtmast monitor BOARD`: shows each frame on the buses as it passes, from the running agent or from the ports.

It runs until Ctrl-C or SIGTERM, and then ends with exit code 0.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable

from agent.almanac import ZoneAlmanac
from agent.buses.monitor import BACKLOG_BYTES, SOCKET, Row, row
from agent.buses.open_bus import chosen, open_buses
from agent.commands import add_state_folder
from agent.config.board import Board, Bus, load_board
from agent.interfaces import Clock
from drivers.errors import DriverError
from protocols.dali import naming
from protocols.dali.frames import ForwardFrame, Transmission


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="the board whose buses to watch")
    parser.add_argument("--bus", metavar="NAME", help="watch this bus only")
    parser.add_argument(
        "--filter", metavar="TEXT", help="show only lines that contain this text, in upper or lower case"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object for each frame")
    add_state_folder(parser)


async def run(arguments: argparse.Namespace, clock: Clock) -> int:
    try:
        return await watch(arguments, clock)
    except asyncio.CancelledError:
        return 0  # it runs until it is stopped: that is no failure


async def watch(arguments: argparse.Namespace, clock: Clock) -> int:
    """Shows frames until it is cancelled. If their source is lost, it says so and returns 1."""
    board = load_board(arguments.board)
    buses = board.buses if arguments.bus is None else (chosen(board, arguments.bus),)
    show = _shower(arguments, board, {bus.name for bus in buses})
    path = arguments.state / SOCKET
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=BACKLOG_BYTES)
    except (FileNotFoundError, ConnectionRefusedError):
        return await _from_the_ports(buses, clock, show)
    except OSError as error:
        sys.stderr.write(f"the agent's socket {path} cannot be opened: {error}; run this as the agent's user\n")
        return 1
    try:
        async for line in reader:
            show(json.loads(line))
    finally:
        writer.close()
    sys.stderr.write("the agent has ended, or this monitor was too slow to follow it: start the monitor again\n")
    return 1


async def _from_the_ports(buses: tuple[Bus, ...], clock: Clock, show: Callable[[Row], None]) -> int:
    """Listens at the interfaces themselves: no agent runs, so their ports are free."""
    namers = {bus.name: naming.Namer() for bus in buses}

    def foreign(bus: Bus, frame: ForwardFrame) -> None:
        seen = Transmission(frame, False, False, Transmission.LOOSE)
        show(row(clock.wall(), bus.name, namers[bus.name], seen, None))

    try:
        async with open_buses(buses, clock, foreign) as opened:
            for one in opened:
                await one.wait_connected()
            ports = ", ".join(dict.fromkeys(bus.port for bus in buses))
            sys.stderr.write(f"no agent runs on this state folder: listening on {ports} to what others send\n")
            await asyncio.get_running_loop().create_future()
    except DriverError as error:
        sys.stderr.write(f"{error}\n")
    return 1


def _shower(arguments: argparse.Namespace, board: Board, buses: set[str]) -> Callable[[Row], None]:
    almanac = ZoneAlmanac(board.timezone)
    with_bus = len(buses) > 1
    wanted = (arguments.filter or "").lower()

    def show(seen: Row) -> None:
        if seen["bus"] not in buses:
            return
        line = json.dumps(seen) if arguments.json else as_text(seen, almanac, with_bus=with_bus)
        if wanted in line.lower():
            print(line, flush=True)

    return show


def as_text(seen: Row, almanac: ZoneAlmanac, *, with_bus: bool) -> str:
    """Returns one frame as a line: local time, bus, sender, bits, address, command, answer."""
    at = seen["at"]
    assert isinstance(at, float | int)
    local = at + almanac.utc_offset_s(at)
    clock_time = f"{time.strftime('%H:%M:%S', time.gmtime(local))}.{int(local % 1 * 1000):03d}"
    bus = f"{seen['bus']}  " if with_bus else ""
    command = seen["command"] if seen["number"] is None else f"{seen['command']} {seen['number']}"
    twice = " (twice)" if seen["twice"] else ""
    answer = "" if seen["meaning"] is None else f"  -> {seen['meaning']}"
    return f"{clock_time}  {bus}{seen['by']:<14}  {seen['frame']:<6}  {seen['address']:>4}  {command}{twice}{answer}"
