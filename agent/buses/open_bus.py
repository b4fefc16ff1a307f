"""Opens the buses of a board for a tool that works without the agent: `monitor`, `dali`, `commission`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from agent.config.board import Board, Bus
from agent.config.problems import did_you_mean
from agent.errors import WrongUse
from agent.hardware.locks import agent_at_port
from agent.interfaces import Clock
from agent.parts.dali_interface import interface_on
from drivers.dali import conditions
from drivers.dali.bus import DaliBus
from drivers.errors import InterfaceSilent, PortUnavailable
from drivers.interfaces import DaliInterface
from protocols.dali.frames import ForwardFrame

USABLE_WITHIN_S = 15.0

ForeignOnBus = Callable[[Bus, ForwardFrame], None]
"""Hears each frame that another master sends, with the bus that it was seen on."""


def chosen(board: Board, name: str | None) -> Bus:
    """Returns the bus of this name, or the board's only bus if `name` is None. Raises WrongUse if there is no such
    bus."""
    names = [bus.name for bus in board.buses]
    if name is None:
        if len(names) > 1:
            raise WrongUse(f"{board.path} has {len(names)} buses: choose one with --bus, of {', '.join(names)}")
        return board.buses[0]
    if name not in names:
        raise WrongUse(f"{board.path} has no bus {name}: {did_you_mean(name, names)}")
    return board.buses[names.index(name)]


class OpenBus:
    """A bus with its driver, `dali`. Made by `open_buses`."""

    def __init__(self, config: Bus, dali: DaliBus, clock: Clock) -> None:
        self.config = config
        self.dali = dali
        self._clock = clock
        self._heard: list[tuple[str, str]] = []
        self._connected_or_lost = asyncio.Event()

    def hear(self, condition: str, text: str) -> None:
        """Takes in a condition of this bus from the interface: one of drivers.dali.conditions, and its `text` for
        people."""
        self._heard.append((condition, text))
        if condition in (conditions.CONNECTED, conditions.LOST):
            self._connected_or_lost.set()

    async def wait_connected(self) -> None:
        """Returns once the interface answers. Raises PortUnavailable, in the interface's own words, if the port
        cannot be opened or nothing answers on it."""
        await self._connected_or_lost.wait()
        first = next(each for each in self._heard if each[0] in (conditions.CONNECTED, conditions.LOST))
        if first[0] == conditions.LOST:
            raise PortUnavailable(first[1])

    async def wait_usable(self) -> None:
        """Returns once frames can go out. Raises InterfaceSilent, in the interface's own words, after 15 s."""
        try:
            await self._clock.wait_for(self.dali.wait_usable(), USABLE_WITHIN_S)
        except TimeoutError:
            silent = f"the DALI interface on {self.config.port} does not answer"
            why = self._heard[-1][1] if self._heard else silent
            raise InterfaceSilent(f"bus {self.config.name} cannot be used: {why}") from None


@asynccontextmanager
async def open_buses(
    buses: Sequence[Bus], clock: Clock, foreign: ForeignOnBus = lambda _bus, _frame: None
) -> AsyncIterator[list[OpenBus]]:
    """Opens these buses, yields them in this order, and closes their ports at the end. No other part of the agent runs.

    Raises PortUnavailable if an agent has one of the ports. A port that fails later shows in the errors of its buses.
    """
    ports = list(dict.fromkeys(bus.port for bus in buses))
    for port in ports:
        taken = agent_at_port(port)
        if taken:
            raise PortUnavailable(taken)
    opened: dict[str, OpenBus] = {}
    running = []
    for port in ports:
        interface = _interface_of([bus for bus in buses if bus.port == port], opened, clock, foreign)
        running.append(asyncio.create_task(interface.run(), name=f"DALI interface on {port}"))
    try:
        yield [opened[bus.name] for bus in buses]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _interface_of(
    buses: Sequence[Bus], opened: dict[str, OpenBus], clock: Clock, foreign: ForeignOnBus
) -> DaliInterface:
    """Makes the interface of these buses, which are all on one port. Adds each bus to `opened`, by its name."""
    by_channel: dict[int, OpenBus] = {}

    def hears(condition: str, channel: int, text: str) -> None:
        for one in [by_channel[channel]] if channel in by_channel else by_channel.values():
            one.hear(condition, text)

    def hears_foreign(channel: int, frame: ForwardFrame) -> None:
        if channel in by_channel:
            by_channel[channel].dali.note_foreign(frame)
            foreign(by_channel[channel].config, frame)

    port, product = buses[0].port, buses[0].interface
    interface = interface_on(port, product, [bus.channel for bus in buses], clock, hears, hears_foreign)
    for bus in buses:
        opened[bus.name] = by_channel[bus.channel] = OpenBus(bus, DaliBus(interface, bus.channel, clock), clock)
    return interface
