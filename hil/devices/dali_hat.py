"""An emulated ATX LED DALI HAT: the interface's end of its serial protocol (AL-DALI-HAT and DALI-Pi, 1 to 4 buses).

    [1-3] h0123 t0123 l012345 j01 m0123456 LF   -->  a frame of 16 bits, twice 16, 24, 8, 25; the digit: bus 2 to 4
    [1-3] d v p u q LF                          -->  status, version, supply ...
                  <--  [1-3] J01 N X Z LF            answer, no answer, garbled answer; collision
                  <--  [1-3] H0123 L012345 D21 LF    unasked: frames of other senders, the bus's voltage

19200 8N1, ASCII lines. A line counts as received when its last character would have come over the wire, and what the
HAT says is delivered when its last character would have gone out.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

from hil.devices.dali_bus import ANSWER_WINDOW_S, DaliBus, Outcome, Result
from hil.devices.serial_interface import FrameQueue, SerialInterface

LONGEST_LINE = 32
"""Characters. The HAT discards a longer line up to the next line feed."""
WAITING_COMMANDS = 8
"""Commands for one bus that the HAT holds while another one runs; it loses any further ones."""
THINKING_S = 0.0002
"""The time that the HAT needs to answer for itself (version, supply)."""

COMMAND = re.compile(rb"([123]?)(?:([htljm])([0-9A-Fa-f]+)|([dvpuq]))")
DIGITS = {b"h": (4,), b"t": (4,), b"l": (6,), b"j": (2,), b"m": (7, 8)}
BITS = {b"h": 16, b"t": 16, b"l": 24, b"j": 8, b"m": 25}


class WithoutVoltage(Enum):
    """The HAT's reply to a frame while the bus has no voltage. The vendor does not document it."""

    STATUS = "the bus status, D01"
    DONE = "N, as if it had been sent"
    NOTHING = "nothing at all"


class _Command(NamedTuple):
    letter: bytes
    value: int
    received: float


class _Channel:
    """One bus of the HAT: its prefix, and the commands that wait for it."""

    def __init__(self, hat: DaliHat, bus: DaliBus, number: int) -> None:
        self.hat = hat
        self.bus = bus
        self.prefix = b"" if number == 0 else b"%d" % number
        self.queue: FrameQueue[_Command] = FrameQueue(WAITING_COMMANDS, self._begin)
        self._free_at = 0.0

    def status(self) -> bytes:
        if self.bus.shorted:
            return b"D11"
        return b"D21" if self.bus.voltage else b"D01"

    def say(self, line: bytes, ready: float = 0.0) -> None:
        self.hat.say(self.prefix + line + b"\n", ready)

    def _begin(self, command: _Command) -> None:
        ended = partial(self._first_of_two_ended, command) if command.letter == b"t" else self._done
        not_before = max(command.received, self._free_at)
        self.bus.transmit(BITS[command.letter], command.value, ended, not_before=not_before)

    def _first_of_two_ended(self, command: _Command, first: Outcome) -> None:
        if first.result in (Result.NO_VOLTAGE, Result.COLLISION):
            self._done(first)
            return
        if self.hat.two_replies_to_twice:
            self.say(*self._reply(first))
        self.bus.transmit(BITS[command.letter], command.value, self._done, settle=True)

    def _done(self, outcome: Outcome) -> None:
        line, self._free_at = self._reply(outcome)
        if outcome.result is Result.ANSWER:
            none = self.prefix + b"N\n"  # sent if the bus loses its voltage in the middle of the answer
            valid = partial(self.bus.still_valid, outcome)
            self.hat.say(self.prefix + line + b"\n", self._free_at, valid, none)
        elif line:
            self.say(line, self._free_at)
        self.queue.end()

    def _reply(self, outcome: Outcome) -> tuple[bytes, float]:
        """Returns the line that reports the outcome, and the loop time at which it is ready."""
        if outcome.result is Result.ANSWER:
            return b"J%02X" % outcome.value, outcome.free
        if outcome.result is Result.GARBLED:
            return b"X", outcome.free
        if outcome.result is Result.COLLISION:
            return b"Z", outcome.free
        if outcome.result is Result.SILENCE or self.hat.without_voltage is WithoutVoltage.DONE:
            return b"N", outcome.ended + ANSWER_WINDOW_S
        return (self.status() if self.hat.without_voltage is WithoutVoltage.STATUS else b""), outcome.ended


class DaliHat(SerialInterface):
    """The HAT between a serial line and its buses."""

    NAME = "the HAT"
    BAUD = 19200
    MOST_BUSES = 4

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.two_replies_to_twice = False
        self.without_voltage = WithoutVoltage.STATUS
        self.unparsed_lines = 0
        self._channels: list[_Channel] = []
        self._line = bytearray()
        self._own_replies: dict[bytes, Callable[[_Channel], bytes]] = {
            b"d": lambda channel: channel.status(),
            b"v": lambda _channel: b"V0708%02X" % len(self._channels),
            b"p": lambda _channel: b"P1610000",
            # The vendor does not publish the form of these two replies; they exist so that asking does no harm.
            b"u": lambda _channel: b"U0450",
            b"q": lambda channel: b"Q%08X" % (channel.bus.statistics.forward_frames & 0xFFFFFFFF),
        }
        super().__init__(loop, send, buses)

    def add_bus(self, bus: DaliBus) -> None:
        super().add_bus(bus)
        self._channels.append(_Channel(self, bus, len(self._channels)))

    def voltage_changed(self, number: int) -> None:
        self._channels[number].say(self._channels[number].status())

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        form = {8: b"J%02X", 16: b"H%04X", 24: b"L%06X"}[bits]
        self._channels[number].say(form % value)

    def heard(self, byte: int, at: float) -> None:
        if byte != 0x0A:
            if len(self._line) <= LONGEST_LINE:
                self._line.append(byte)
            return
        line = bytes(self._line)
        self._line.clear()
        if len(line) <= LONGEST_LINE:
            self._obey_line(line, at)

    def _obey_line(self, line: bytes, received: float) -> None:
        match = COMMAND.fullmatch(line.rstrip(b"\r"))
        if match is None:
            self.unparsed_lines += bool(line)
            return
        digit, letter, content, own = match.groups()
        number = int(digit or b"0")
        if number >= len(self._channels):
            return
        channel = self._channels[number]
        if own is not None:
            channel.say(self._own_replies[own](channel), received + THINKING_S)
        elif len(content) in DIGITS[letter]:
            channel.queue.add(_Command(letter, int(content, 16), received))
        else:
            self.unparsed_lines += 1
