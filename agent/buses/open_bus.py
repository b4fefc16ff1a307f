"""One serial port of a board, opened for a tool that works without the agent: `monitor`, `dali`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from agent.config.board import Board, Bus
from agent.config.problems import did_you_mean
from agent.errors import WrongUse
from agent.hardware.locks import agent_at_port
from agent.hardware.serial_port import port_opener
from agent.interfaces import Clock
from agent.parts.interfaces import driver_of
from drivers.dali import conditions
from drivers.errors import PortUnavailable
from drivers.interfaces import DaliInterface, Foreign


def chosen(board: Board, name: str | None) -> Bus:
    """The bus of this name; without one, the board's only bus. Raises WrongUse."""
    names = [bus.name for bus in board.buses]
    if name is None:
        if len(names) > 1:
            raise WrongUse(f"{board.path} has {len(names)} buses: choose one with --bus, of {', '.join(names)}")
        return board.buses[0]
    if name not in names:
        raise WrongUse(f"{board.path} has no bus {name}: {did_you_mean(name, names)}")
    return board.buses[names.index(name)]


@contextlib.asynccontextmanager
async def opened(buses: Sequence[Bus], clock: Clock, foreign: Foreign | None = None) -> AsyncIterator[DaliInterface]:
    """The interface behind these buses (all on one port), connected; closed at the end.

    Raises PortUnavailable where the port cannot be had, or nothing answers on it. What becomes of a connection later,
    its interface says in its own errors.
    """
    taken = agent_at_port(buses[0].port)
    if taken:
        raise PortUnavailable(taken)
    connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hears(condition: str, channel: int, sentence: str) -> None:
        if connected.done():
            return
        if condition == conditions.CONNECTED:
            connected.set_result(None)
        elif condition == conditions.LOST:
            connected.set_exception(PortUnavailable(sentence))

    driver = driver_of(buses[0].interface)
    channels = tuple(bus.channel for bus in buses)
    interface = driver(port_opener(buses[0].port, clock), clock, hears, channels, foreign)
    running = asyncio.create_task(interface.run())
    try:
        await connected
        yield interface
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
