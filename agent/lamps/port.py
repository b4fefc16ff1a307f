"""The DALI lines behind one serial port: each hears what their interface reports of its bus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agent.config.board import Bus
from agent.interfaces import Clock
from agent.lamps.line import Line
from agent.parts.dali_interface import interface_on
from protocols.dali.frames import ForwardFrame


class Port:
    """One interface with up to four lines. `buses` are the board's buses on this port, at least one."""

    def __init__(self, buses: Sequence[Bus], clock: Clock) -> None:
        self.path = buses[0].port
        self._lines: dict[int, Line] = {}
        channels = [bus.channel for bus in buses]
        self.interface = interface_on(
            self.path, buses[0].interface, channels, clock, self._hear, self._hear_foreign_frame
        )

    def add(self, channel: int, line: Line) -> None:
        """Tells this line from now on what the interface reports of its bus number `channel` (1-4)."""
        self._lines[channel] = line

    def _hear(self, condition: str, channel: int, text: str) -> None:
        """Tells a condition to the line on this channel, or to all lines if no line has it (0: the whole interface)."""
        for line in [self._lines[channel]] if channel in self._lines else self._lines.values():
            line.hear(condition, text)

    def _hear_foreign_frame(self, channel: int, frame: ForwardFrame) -> None:
        if channel in self._lines:
            self._lines[channel].hear_foreign_frame(frame)


def ports_of(buses: Iterable[Bus], clock: Clock) -> list[tuple[Port, Sequence[Bus]]]:
    """Returns each port of these buses with its own buses; both are in the order of the board."""
    by_path: dict[str, list[Bus]] = {}
    for bus in buses:
        by_path.setdefault(bus.port, []).append(bus)
    return [(Port(on_port, clock), on_port) for on_port in by_path.values()]
