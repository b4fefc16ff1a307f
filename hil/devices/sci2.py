"""The DALI SCI2 RS232 interface, spoken by the interface itself: five bytes each way, 38400 8N1, from the datasheet.

It sends what it is told as soon as the last frame's stop condition is over: settling is the host's task. While a frame
is on its way it takes no other one. A host that asks for the echo is told OK when its frame has gone out, and may send
the next one then; an answer reaches it like any other frame on the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.devices.uart import Uart

BAUD = 38400
PIECE_LIMIT_S = 0.05
"""A command that stops for longer than this in its middle is thrown away."""
STOP_S = 0.00245
NO_AFTER_S = 0.010
"""With no backward frame begun this long after the forward frame, the interface says NO."""
SETTLING_S = 0.0135
MONITOR, IDENTIFY, ECHO, TWICE = 0x80, 0x40, 0x20, 0x10
OK, NO, BITS_8, BITS_16, BITS_24, ERROR = 0x60, 0x61, 0x62, 0x63, 0x64, 0x67
CHECK_ERROR, BUS_SHORT, RECEIVE_ERROR, UNKNOWN_COMMAND, COLLISION = 1, 2, 3, 4, 5


class Sci2:
    """The interface between a serial line and its bus. Bytes in by `receive`; messages out by `send`."""

    newer = False
    """The newer models: send-twice by a flag, 24-bit frames (mode 8), frames left-aligned, more errors."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.loop = loop
        self.uart = Uart(loop, send, self._heard, BAUD)
        self.turnarounds = self.uart.turnarounds
        self.broken_messages = 0
        self.ignored_commands = 0
        """Frames that came while another one was on its way."""
        self._bus: DaliBus | None = None
        self._monitor = False
        self._busy = False
        self._buffer = bytearray()
        self._last_byte_at = 0.0
        for bus in buses:
            self.add_bus(bus)

    def add_bus(self, bus: DaliBus) -> None:
        """The bus. Raises ValueError for a second one."""
        if self._bus is not None:
            raise ValueError("a DALI SCI2 has one bus: put the second one on another interface")
        self._bus = bus
        bus.stray_answer.append(lambda value: self._monitored(BITS_8, value, 0.0))
        bus.foreign_frame.append(lambda value: self._monitored(BITS_16, value, STOP_S))
        bus.event_message.append(lambda value: self._monitored(0x68 if self.newer else BITS_24, value, STOP_S))

    def receive(self, content: bytes) -> None:
        """Bytes from the host, whatever they are."""
        self.uart.receive(content)

    @property
    def powered(self) -> bool:
        return self.uart.powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self.uart.powered = on

    def _heard(self, byte: int, at: float) -> None:
        if self._buffer and at - self._last_byte_at > PIECE_LIMIT_S:
            self._buffer.clear()
        self._last_byte_at = at
        self._buffer.append(byte)
        if len(self._buffer) < 5:
            return
        command = bytes(self._buffer)
        self._buffer.clear()
        self.loop.call_at(at, self._obey, command)

    def _obey(self, command: bytes) -> None:
        control, high, middle, low, check = command
        if check != control ^ high ^ middle ^ low:
            self.broken_messages += 1
            self._say(ERROR, CHECK_ERROR)
            return
        self._monitor = bool(control & MONITOR)
        if control & IDENTIFY:
            self._say(OK)
            return
        bits, value = self._frame(control, high, middle, low)
        if bits == 0 or self._bus is None:
            if self.newer:
                self._say(ERROR, UNKNOWN_COMMAND)
        elif self._busy:
            self.ignored_commands += 1
        elif not self._bus.alive:
            self._say(ERROR, BUS_SHORT)
        else:
            self._busy = True
            twice = self.newer and bool(control & TWICE)
            self._bus.transmit(bits, value, lambda outcome: self._ended(outcome, control, bits, value, twice))

    def _frame(self, control: int, high: int, middle: int, low: int) -> tuple[int, int]:
        if self.newer:
            modes = {3: (16, high << 8 | middle), 8: (24, high << 16 | middle << 8 | low)}
            return modes.get(control & 0x0F, (0, 0))
        return (16, middle << 8 | low) if control & 0x1F == 3 else (0, 0)

    def _ended(self, outcome: Outcome, control: int, bits: int, value: int, again: bool) -> None:
        assert self._bus is not None
        if again and outcome.result is Result.SILENCE:
            self._bus.transmit(
                bits, value, lambda second: self._ended(second, control, bits, value, again=False), settle=True
            )
            return
        if control & ECHO and outcome.result not in (Result.NO_VOLTAGE, Result.COLLISION):
            # The command is done and the next one may come; an answer is something that the bus says.
            self._busy = False
            self._say(OK)
            self._hear_answer(outcome)
            return
        status, low, ready = self._reply(outcome)
        self.loop.call_at(ready, self._report, outcome, status, low)
        if outcome.free - STOP_S - 9 / 1200 - outcome.ended > NO_AFTER_S:
            self._hear_answer(outcome)  # it began when NO was already said

    def _hear_answer(self, outcome: Outcome) -> None:
        if outcome.result is Result.ANSWER:
            self.loop.call_at(outcome.free, self._monitored, BITS_8, outcome.value, 0.0, outcome)
        elif outcome.result is Result.GARBLED:
            self.loop.call_at(outcome.free, self._monitored, ERROR, RECEIVE_ERROR, 0.0, outcome)

    def _reply(self, outcome: Outcome) -> tuple[int, int, float]:
        """Status, low byte, and when they are ready."""
        if outcome.result is Result.NO_VOLTAGE:
            return ERROR, BUS_SHORT, outcome.ended
        if outcome.result is Result.COLLISION:
            return ERROR, COLLISION if self.newer else RECEIVE_ERROR, outcome.free
        began = outcome.free - STOP_S - 9 / 1200 - outcome.ended
        if outcome.result is Result.SILENCE or began > NO_AFTER_S:
            return NO, 0, outcome.ended + NO_AFTER_S
        if outcome.result is Result.ANSWER:
            return BITS_8, outcome.value, outcome.free
        return ERROR, RECEIVE_ERROR, outcome.free

    def _report(self, outcome: Outcome, status: int, low: int) -> None:
        self._busy = False
        assert self._bus is not None
        if status == BITS_8 and not self._bus.still_valid(outcome):
            status, low = NO, 0
        self._say(status, low)

    def _monitored(self, status: int, value: int, after_s: float, outcome: Outcome | None = None) -> None:
        assert self._bus is not None
        if self._monitor and (outcome is None or self._bus.still_valid(outcome)):
            self._say(status, value, self.loop.time() + after_s)

    def _say(self, status: int, value: int = 0, ready: float = 0.0) -> None:
        content = bytes([status]) + value.to_bytes(3, "big")
        self.uart.say(content + bytes([content[0] ^ content[1] ^ content[2] ^ content[3]]), ready)


class Sci2Newer(Sci2):
    """The newer models."""

    newer = True
