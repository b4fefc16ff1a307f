"""An emulated DALI interface text_line: the interface's end, between a serial line and its bus."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from hil.devices.dali_bus import ANSWER_WINDOW_S, STOP_S, DaliBus, Outcome, Result
from hil.devices.uart import Uart

BAUD = 115200
PIECE_LIMIT_S = 0.05
"""The interface discards a command that pauses for longer than this in its middle."""

(
    IDENTITY,
    ANSWER,
    NO_ANSWER,
    BROKEN_ANSWER,
    COLLISION,
    NO_VOLTAGE,
    NOT_UNDERSTOOD,
    FRAME_16,
    FRAME_24,
) = range(9)
"""The messages of the interface."""


class Command(NamedTuple):
    """A frame of `bits` bits to send; 0 bits ask the interface to identify itself."""

    bits: int
    value: int
    twice: bool


LETTERS = "IJNXZPEHL"
COMMAND = re.compile(rb"([stlm?])([0-9A-F]{6})([0-9A-F]{2})\n")


def is_whole(pending: bytes) -> bool:
    """Returns True if these bytes end in a line end."""
    return pending.endswith(b"\n")


def meaning(command: bytes) -> Command | None:
    """Returns the command in a line, or None if its check is wrong."""
    found = COMMAND.fullmatch(command)
    if not found or sum(command[:7]) & 0xFF != int(found[3], 16):
        return None
    bits = {b"s": 16, b"t": 16, b"l": 24, b"m": 24, b"?": 0}[found[1]]
    return Command(bits, int(found[2], 16), found[1] in b"tm")


def report(kind: int, value: int) -> bytes:
    """Returns the line for a message of the interface."""
    text = f"{LETTERS[kind]}{value:06X}".encode()
    return b"%s%02X\n" % (text, sum(text) & 0xFF)


class TextLine:
    """The interface between a serial line and its bus. It takes bytes by `receive`, and sends messages by `send`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.loop = loop
        self.uart = Uart(loop, send, self._heard, BAUD)
        self.turnarounds = self.uart.turnarounds
        self._bus: DaliBus | None = None
        self._busy = False
        self._buffer = b""
        self._last_byte_at = 0.0
        for bus in buses:
            self.add_bus(bus)

    def add_bus(self, bus: DaliBus) -> None:
        """Connects the bus. Raises ValueError for a second one."""
        if self._bus is not None:
            raise ValueError("this interface has one bus: put the second one on another interface")
        self._bus = bus
        bus.voltage_changed.append(self._voltage_changed)
        bus.stray_answer.append(lambda value: self._say(ANSWER, value))
        bus.foreign_frame.append(lambda value: self._say(FRAME_16, value, self.loop.time() + STOP_S))
        bus.event_message.append(lambda value: self._say(FRAME_24, value, self.loop.time() + STOP_S))

    def receive(self, content: bytes) -> None:
        """Takes bytes from the host, which need not be a whole command."""
        self.uart.receive(content)

    @property
    def powered(self) -> bool:
        """True while the interface has power. Without power it neither hears nor speaks."""
        return self.uart.powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self.uart.powered = on

    def _heard(self, byte: int, at: float) -> None:
        """Takes one byte that is complete at the loop time `at`."""
        if at - self._last_byte_at > PIECE_LIMIT_S:
            self._buffer = b""
        self._last_byte_at = at
        self._buffer += bytes([byte])
        if is_whole(self._buffer):
            command, self._buffer = self._buffer, b""
            self.loop.call_at(at, self._obey, command)

    def _obey(self, content: bytes) -> None:
        command = meaning(content)
        if command is None or self._bus is None:
            self._say(NOT_UNDERSTOOD)
        elif command.bits == 0:
            self._say(IDENTITY)
        elif not self._bus.alive:
            self._say(NO_VOLTAGE)
        elif not self._busy:  # a command that comes while a frame is on its way is lost
            self._busy = True
            self._bus.transmit(command.bits, command.value, lambda outcome: self._ended(outcome, command))

    def _ended(self, outcome: Outcome, command: Command) -> None:
        assert self._bus is not None
        if command.twice and outcome.result is Result.SILENCE:
            again = command._replace(twice=False)
            self._bus.transmit(command.bits, command.value, lambda second: self._ended(second, again), settle=True)
            return
        if outcome.result is Result.SILENCE:
            self.loop.call_at(outcome.ended + ANSWER_WINDOW_S, self._done, outcome, NO_ANSWER)
        elif outcome.result is Result.ANSWER:
            self.loop.call_at(outcome.free, self._done, outcome, ANSWER)
        elif outcome.result is Result.GARBLED:
            self.loop.call_at(outcome.free, self._done, outcome, BROKEN_ANSWER)
        elif outcome.result is Result.COLLISION:
            self.loop.call_at(outcome.free, self._done, outcome, COLLISION)
        else:
            self._done(outcome, NO_VOLTAGE)

    def _done(self, outcome: Outcome, kind: int) -> None:
        assert self._bus is not None
        self._busy = False
        if kind == ANSWER and not self._bus.still_valid(outcome):
            kind = NO_ANSWER  # the bus lost its voltage in the middle of the answer
        self._say(kind, outcome.value)

    def _voltage_changed(self) -> None:
        if self._bus is not None and not self._bus.alive:
            self._say(NO_VOLTAGE)

    def _say(self, kind: int, value: int = 0, ready: float = 0.0) -> None:
        """Sends a message, not before the loop time `ready`."""
        self.uart.say(report(kind, value), ready)
