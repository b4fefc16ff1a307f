"""Emulated LUBA interfaces of Lunatone: the interface's end of the line, RS232 38400 8N1.

    59 command length payload... check      both ways; the check is the exclusive or of command to payload

The interface holds frames in a buffer, settles the bus for the priority of each (IEC 62386-101 clause 8), and repeats
a frame that collided. It reports each frame that it has sent or received, with the tick of its own clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.devices.serial_interface import STOP_S, FrameQueue, SerialInterface, exclusive_or

START = 0x59
BUFFER = 16
"""Frames that the buffer holds; the interface refuses a further one."""
SETTLE_S = {1: 0.0135, 2: 0.0149, 3: 0.0163, 4: 0.0179, 5: 0.0195}
PAIR_LIMIT_S = 0.094
"""Longest time between the ends of both frames of a pair; beyond that, the interface sends the pair again."""
EDGE_S = 1e-6
VOLTAGE_ERROR, BUFFER_FULL, NO_SUCH_LINE, SYNTAX = 1, 4, 5, 6
FRAMING_ERROR = 63


class _Entry(NamedTuple):
    number: int
    bits: int
    value: int
    priority: int
    twice: bool


class _Line:
    """One bus of the interface, and the frames that wait for it."""

    def __init__(self, luba: Luba, bus: DaliBus, number: int) -> None:
        self.luba = luba
        self.bus = bus
        self.number = number
        self.queue: FrameQueue[_Entry] = FrameQueue(BUFFER - 1, self._begin)
        self._first_ended: float | None = None

    def _begin(self, entry: _Entry) -> None:
        """Sends the entry once the bus has been idle for the settling time of its priority."""
        priority = 1 if self._first_ended is not None else entry.priority
        ready = self.bus.last_edge + SETTLE_S[priority]
        if ready > self.luba.loop.time() + EDGE_S:
            self.luba.loop.call_at(ready, self._begin, entry)
        else:
            self.bus.transmit(entry.bits, entry.value, partial(self._ended, entry))

    def _ended(self, entry: _Entry, outcome: Outcome) -> None:
        if outcome.result is Result.NO_VOLTAGE:
            self._first_ended = None
            self.queue.forget_waiting()
            self.queue.end()
            return
        if outcome.result is Result.COLLISION:
            self.received(0, 0, outcome.free)
            self._begin(entry)
            return
        content = entry.value.to_bytes(entry.bits // 8, "big")
        self.luba.event(outcome.ended + STOP_S, self.number, entry.bits, bytes([entry.number]) + content)
        if outcome.result is not Result.SILENCE:
            bits = 8 if outcome.result is Result.ANSWER else 0
            self.received(bits, outcome.value if bits else 0, outcome.free, partial(self.bus.still_valid, outcome))
        if entry.twice and (self._first_ended is None or outcome.ended - self._first_ended > PAIR_LIMIT_S):
            self._first_ended = outcome.ended
            self._begin(entry)
        else:
            self._first_ended = None
            # The frame counts as waiting until its event is out.
            self.luba.loop.call_at(outcome.ended + STOP_S, self.queue.end)

    def received(self, bits: int, value: int, ended: float, valid: Callable[[], bool] | None = None) -> None:
        """Reports a received frame of `bits` bits, 0 if it broke the bit timing, at the loop time `ended`."""
        status = 0x80 | (bits or FRAMING_ERROR)
        self.luba.event(ended, self.number, status, value.to_bytes(bits // 8, "big"), valid)


class Luba(SerialInterface):
    """The interface between a serial port and its DALI lines."""

    NAME = "a LUBA interface"
    BAUD = 38400
    MOST_BUSES = 4

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.has_supply = False
        self.settings = bytes(3)
        self.refuse_next = 0
        """Number of coming frames that the interface refuses with "buffer full"."""
        self._lines: list[_Line] = []
        self._number = 0
        self._commands: dict[int, Callable[[bytes], None]] = {
            0x20: self._device_info,
            0x28: self._descriptor,
            0x2A: self._set_up,
            0x2C: self._status,
            0x32: self._add_frame,
        }
        super().__init__(loop, send, buses)

    def add_bus(self, bus: DaliBus) -> None:
        super().add_bus(bus)
        self._lines.append(_Line(self, bus, len(self._lines)))

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        self._lines[number].received(bits, value, ended)

    def event(self, at: float, line: int, status: int, content: bytes, valid: Callable[[], bool] | None = None) -> None:
        """Reports an event at the loop time `at`, unless the host has switched such events off."""
        if at > self.loop.time():
            self.loop.call_at(at, self.event, at, line, status, content, valid)
        elif (valid is None or valid()) and not self.settings[1] & (0x80 | (0x20 if status & 0x80 else 0x40)):
            self._say(0x31, self._tick() + bytes([line, status]) + content)

    def is_whole(self, begun: bytearray) -> bool:
        while begun and begun[0] != START:
            del begun[0]
        return len(begun) >= 3 and len(begun) >= 4 + begun[2]

    def obey(self, message: bytes) -> None:
        act = self._commands.get(message[1])
        if act is not None and exclusive_or(message[1:]) == 0:
            act(message[3:-1])

    def _device_info(self, payload: bytes) -> None:
        info = bytes.fromhex("090C0D0E0F10") + bytes(7) + b"\x2a" + bytes(2) + (24166096).to_bytes(4, "big")
        self._say(0x21, info if payload[:1] in (b"", b"\0") else bytes(18))

    def _descriptor(self, _payload: bytes) -> None:
        self._say(0x29, bytes(18) + bytes([0x80 if self.has_supply else 0]))

    def _set_up(self, payload: bytes) -> None:
        if len(payload) == 3:
            self.settings = payload
        self._say(0x2B, self.settings[:2])

    def _status(self, payload: bytes) -> None:
        line = self._line_named(payload)
        if line is None:
            self._say(0x2D, payload[:1])
            return
        status = bytes([line.number]) + self._tick() + bytes([self._number, len(line.queue)])
        self._say(0x2D, status + bytes([0 if line.bus.alive else 0x80]))

    def _add_frame(self, payload: bytes) -> None:
        line = self._line_named(payload)
        if len(payload) != 7 or payload[1] not in (16, 24) or payload[2] & 0x7F not in SETTLE_S:
            self._say(0x33, bytes([SYNTAX]))
        elif line is None:
            self._say(0x33, bytes([NO_SUCH_LINE]))
        elif not line.bus.alive:
            self._say(0x33, bytes([VOLTAGE_ERROR]))
        elif self.refuse_next or len(line.queue) >= BUFFER:
            self.refuse_next = max(0, self.refuse_next - 1)
            self._say(0x33, bytes([BUFFER_FULL]))
        else:
            self._number = (self._number + 1) & 0xFF
            self._say(0x33, bytes([self._number, 0]))
            bits, mode = payload[1], payload[2]
            value = int.from_bytes(payload[3 : 3 + bits // 8], "big")
            line.queue.add(_Entry(self._number, bits, value, mode & 0x7F, bool(mode & 0x80)))

    def _line_named(self, payload: bytes) -> _Line | None:
        return self._lines[payload[0]] if payload and payload[0] < len(self._lines) else None

    def _tick(self) -> bytes:
        return (int(self.loop.time() * 1000) & 0xFFFF).to_bytes(2, "big")

    def _say(self, command: int, payload: bytes) -> None:
        content = bytes([command, len(payload)]) + payload
        self.say(bytes([START]) + content + bytes([exclusive_or(content)]))
