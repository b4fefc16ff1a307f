"""The buses of a board, opened for the time of a piece of work; nothing else of the agent runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from agent.config.board import Board, Bus
from agent.hardware.locks import agent_at_port
from agent.hardware.serial_port import port_opener
from agent.interfaces import Clock
from agent.parts.interfaces import driver_of
from drivers.dali.bus import DaliBus
from drivers.errors import InterfaceSilent, PortUnavailable
from drivers.interfaces import DaliInterface
from protocols.dali.frames import ForwardFrame

USABLE_WITHIN_S = 15.0


@dataclass
class OpenBus:
    """A bus with its driver; `heard` is what the interface said of it, the newest last."""

    config: Bus
    dali: DaliBus
    heard: list[str] = field(default_factory=list)

    async def wait_usable(self, clock: Clock) -> None:
        """Returns once frames can go out. Raises InterfaceSilent, with the interface's own words, after 15 s."""
        try:
            await clock.wait_for(self.dali.wait_usable(), USABLE_WITHIN_S)
        except TimeoutError:
            why = self.heard[-1] if self.heard else f"the DALI interface on {self.config.port} does not answer"
            raise InterfaceSilent(f"bus {self.config.name} cannot be used: {why}") from None


@asynccontextmanager
async def open_buses(board: Board, buses: Sequence[Bus], clock: Clock) -> AsyncIterator[list[OpenBus]]:
    """These buses, in this order. Their ports are closed at the end. Raises PortUnavailable where an agent has one."""
    opened: dict[str, OpenBus] = {}
    running = []
    ports = list(dict.fromkeys(bus.port for bus in buses))
    for port in ports:
        taken = agent_at_port(port)
        if taken:
            raise PortUnavailable(taken)
    for port in ports:
        interface = _interface(port, [bus for bus in buses if bus.port == port], opened, clock)
        running.append(asyncio.create_task(interface.run(), name=f"DALI interface on {port}"))
    try:
        yield [opened[bus.name] for bus in buses]
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _interface(port: str, buses: Sequence[Bus], opened: dict[str, OpenBus], clock: Clock) -> DaliInterface:
    by_channel: dict[int, OpenBus] = {}

    def hears(_condition: str, channel: int, text: str) -> None:
        for one in [by_channel[channel]] if channel in by_channel else by_channel.values():
            one.heard.append(text)

    def foreign(channel: int, frame: ForwardFrame) -> None:
        if channel in by_channel:
            by_channel[channel].dali.note_foreign(frame)

    driver = driver_of(buses[0].interface)
    channels = tuple(bus.channel for bus in buses)
    interface = driver(port_opener(port, clock), clock, hears, channels, foreign)
    for bus in buses:
        by_channel[bus.channel] = opened[bus.name] = OpenBus(bus, DaliBus(interface, bus.channel, clock))
    return interface
