"""Lunatone's LUBA interfaces, spoken by the interface itself: `59 command length payload check`, RS232 38400 8N1.

It holds frames in a buffer, settles the bus for the priority of each (IEC 62386-101 clause 8), and tries a frame that
collided again by itself. It tells each frame that it has sent or received, with the tick of its own clock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.devices.uart import Uart

BAUD = 38400
START = 0x59
STOP_S = 0.00245
PIECE_LIMIT_S = 0.05
"""A message that stops for longer than this in its middle is thrown away."""
BUFFER = 16
"""Frames that wait; one more is refused."""
SETTLE_S = {1: 0.0135, 2: 0.0149, 3: 0.0163, 4: 0.0179, 5: 0.0195}
PAIR_LIMIT_S = 0.094
"""Both frames of a pair end within this, or the pair begins again."""
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
        self.waiting: deque[_Entry] = deque()
        self.first_ended: float | None = None
        bus.stray_answer.append(lambda value: self.received(8, value, luba.loop.time()))
        bus.foreign_frame.append(lambda value: self.received(16, value, luba.loop.time() + STOP_S))
        bus.event_message.append(lambda value: self.received(24, value, luba.loop.time() + STOP_S))

    def add(self, entry: _Entry) -> None:
        self.waiting.append(entry)
        if len(self.waiting) == 1:
            self.first_ended = None
            self._begin()

    def _begin(self) -> None:
        """Sends the first frame that waits once the bus has been idle for long enough, as it then is."""
        entry = self.waiting[0]
        priority = 1 if self.first_ended is not None else entry.priority
        ready = self.bus.last_edge + SETTLE_S[priority]
        if ready > self.luba.loop.time() + EDGE_S:
            self.luba.loop.call_at(ready, self._begin)
        else:
            self.bus.transmit(entry.bits, entry.value, self._ended)

    def _ended(self, outcome: Outcome) -> None:
        entry = self.waiting[0]
        if outcome.result is Result.NO_VOLTAGE:
            self.waiting.clear()
            return
        if outcome.result is Result.COLLISION:
            self.received(0, 0, outcome.free)
            self._begin()
            return
        content = entry.value.to_bytes(entry.bits // 8, "big")
        self.luba.event(outcome.ended + STOP_S, self.number, entry.bits, bytes([entry.number]) + content)
        if outcome.result is Result.ANSWER:
            self.received(8, outcome.value, outcome.free, outcome)
        elif outcome.result is Result.GARBLED:
            self.received(0, 0, outcome.free, outcome)
        if entry.twice and (self.first_ended is None or outcome.ended - self.first_ended > PAIR_LIMIT_S):
            self.first_ended = outcome.ended
        else:
            self.first_ended = None
            # It counts as waiting until its event is out.
            self.luba.loop.call_at(outcome.ended + STOP_S, self._done)
            return
        self._begin()

    def _done(self) -> None:
        self.waiting.popleft()
        if self.waiting:
            self._begin()

    def received(self, bits: int, value: int, ended: float, outcome: Outcome | None = None) -> None:
        """Tells of a frame of so many bits, 0 for one that breaks the bit timing, once it has ended."""
        info = bits or FRAMING_ERROR
        self.luba.event(ended, self.number, 0x80 | info, value.to_bytes(bits // 8, "big"), self._valid(outcome))

    def _valid(self, outcome: Outcome | None) -> Callable[[], bool]:
        return lambda: outcome is None or self.bus.still_valid(outcome)


class Luba:
    """The interface between a serial line and its buses. Bytes in by `receive`; messages out by `send`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.loop = loop
        self.uart = Uart(loop, send, self._heard, BAUD)
        self.turnarounds = self.uart.turnarounds
        self.has_supply = False
        self.settings = bytes(3)
        self.refuse_next = 0
        """So many frames are refused because the buffer is full."""
        self.broken_messages = 0
        self._lines: list[_Line] = []
        self._buffer = bytearray()
        self._last_byte_at = 0.0
        self._number = 0
        self._commands: dict[int, Callable[[bytes], None]] = {
            0x20: self._device_info,
            0x28: self._descriptor,
            0x2A: self._set_up,
            0x2C: self._status,
            0x32: self._add,
        }
        for bus in buses:
            self.add_bus(bus)

    def add_bus(self, bus: DaliBus) -> None:
        """The next line, 1 to 4. Raises ValueError for a fifth."""
        if len(self._lines) == 4:
            raise ValueError("a LUBA interface drives at most 4 lines: put the fifth bus on another one")
        self._lines.append(_Line(self, bus, len(self._lines)))

    def receive(self, content: bytes) -> None:
        """Bytes from the host, whatever they are."""
        self.uart.receive(content)

    @property
    def powered(self) -> bool:
        return self.uart.powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self.uart.powered = on

    def event(
        self, at: float, line: int, status: int, content: bytes, valid: Callable[[], bool] = lambda: True
    ) -> None:
        """Tells what happened at this loop time, if the host has not switched such events off."""
        if at > self.loop.time():
            self.loop.call_at(at, self.event, at, line, status, content, valid)
        elif valid() and not self.settings[1] & (0x80 | (0x20 if status & 0x80 else 0x40)):
            self._say(0x31, self._tick() + bytes([line, status]) + content)

    def _heard(self, byte: int, at: float) -> None:
        if self._buffer and at - self._last_byte_at > PIECE_LIMIT_S:
            self._buffer.clear()
        self._last_byte_at = at
        self._buffer.append(byte)
        while self._buffer and self._buffer[0] != START:
            del self._buffer[0]
        if len(self._buffer) < 3 or len(self._buffer) < 4 + self._buffer[2]:
            return
        command, payload, check = self._buffer[1], bytes(self._buffer[3:-1]), self._buffer[-1]
        if check == _check(self._buffer[1:-1]):
            self.loop.call_at(at, partial(self._obey, command, payload))
        else:
            self.broken_messages += 1
        self._buffer.clear()

    def _obey(self, command: int, payload: bytes) -> None:
        act = self._commands.get(command)
        if act is not None:
            act(payload)

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
        line = self._line(payload)
        if line is None:
            self._say(0x2D, payload[:1])
            return
        status = bytes([line.number]) + self._tick() + bytes([self._number, len(line.waiting)])
        self._say(0x2D, status + bytes([0 if line.bus.alive else 0x80]))

    def _add(self, payload: bytes) -> None:
        line = self._line(payload)
        if len(payload) != 7 or payload[1] not in (16, 24) or payload[2] & 0x7F not in SETTLE_S:
            self._say(0x33, bytes([SYNTAX]))
        elif line is None:
            self._say(0x33, bytes([NO_SUCH_LINE]))
        elif not line.bus.alive:
            self._say(0x33, bytes([VOLTAGE_ERROR]))
        elif self.refuse_next or len(line.waiting) >= BUFFER:
            self.refuse_next = max(0, self.refuse_next - 1)
            self._say(0x33, bytes([BUFFER_FULL]))
        else:
            self._number = (self._number + 1) & 0xFF
            self._say(0x33, bytes([self._number, 0]))
            bits, mode = payload[1], payload[2]
            value = int.from_bytes(payload[3 : 3 + bits // 8], "big")
            line.add(_Entry(self._number, bits, value, mode & 0x7F, bool(mode & 0x80)))

    def _line(self, payload: bytes) -> _Line | None:
        return self._lines[payload[0]] if payload and payload[0] < len(self._lines) else None

    def _tick(self) -> bytes:
        return (int(self.loop.time() * 1000) & 0xFFFF).to_bytes(2, "big")

    def _say(self, command: int, payload: bytes) -> None:
        content = bytes([command, len(payload)]) + payload
        self.uart.say(bytes([START]) + content + bytes([_check(content)]))


def _check(content: bytes | bytearray) -> int:
    check = 0
    for byte in content:
        check ^= byte
    return check
