"""An emulated open DALI USB interface of SevenLab (dali_usb_lpc1114), as its firmware 3.5 behaves.

    S2 10 01FE CR          -->  priority 2, 16 bits (hexadecimal); Q: a query, + for the blank: twice; R: repeats; ?
    {0000012c>10 000001fe} <--  millisecond of the start, > own or : others', bits or code, content; CR LF

500000 8N1, ASCII. The interface settles the bus by the priority of each command and reports every frame on the bus. Of
the bus's voltage it knows only that the line is low (after half a second) or high again. The commands with which a
host plays gear or makes pulses of its own (Y, I, W, N, X) are not emulated.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from hil.devices.dali_bus import BACKWARD_S, DaliBus, Outcome, Result, frame_s
from hil.devices.serial_interface import STOP_S, FrameQueue, SerialInterface, answer_began

COMMAND_LETTERS = b"SQRYIWNX"
BUFFER = 19
"""Characters of one command that the interface keeps; a further character overwrites the last one."""
WAITING_COMMANDS = 4
THINKING_S = 0.0001
SETTLING_S = {1: 0.0135, 2: 0.0149, 3: 0.0163, 4: 0.0179, 5: 0.0195, 6: STOP_S}
NO_ANSWER_AFTER_S = STOP_S + 0.0134
"""Time from a query's last edge to the report that it is unanswered, if no frame has begun on the bus meanwhile."""
FAILURE_AFTER_S = 0.5
INFORMATION = b"DALI USB interface - SevenLab 2024\r\nVersion 3.5.1 \r\n\r\n"

TIMEOUT, DATA_TIMING, FAILURE, RECOVERED, QUEUE_FULL, BAD_COMMAND = 0x81, 0x83, 0x91, 0x92, 0xA2, 0xA3
BROKEN_BIT = 1250 << 8 | 3
"""1250 microseconds in the third bit: a timing error that a collision may cause."""

SEND = re.compile(rb"([QS])([0-9A-Fa-f]+) ([0-9A-Fa-f]+)([ +])([0-9A-Fa-f]+)")
REPEAT = re.compile(rb"(R)([0-9A-Fa-f]+) ([0-9A-Fa-f]+) ([0-9A-Fa-f]+) ([0-9A-Fa-f]+)")


@dataclass
class _Command:
    query: bool
    priority: int
    bits: int
    value: int
    repeats: int
    received: float


class SevenLab(SerialInterface):
    """The interface between a serial line and its one bus."""

    NAME = "a SevenLab interface"
    BAUD = 500_000

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        super().__init__(loop, send, buses)
        self.collision_code = DATA_TIMING
        """The code that reports a collision of the interface's own frame: 0x82 to 0x87, by firmware."""
        self.refusals: deque[int] = deque()
        """Codes (0xA0 to 0xA4) with which the next commands are refused."""
        self._queue: FrameQueue[_Command] = FrameQueue(WAITING_COMMANDS, self._begin)
        self._held: _Command | None = None
        self._text = b""
        self._booted = loop.time()
        self._low_since = 0.0
        self._failed = False

    @property
    def bus(self) -> DaliBus:
        return self.buses[0]

    def restart(self) -> None:
        """Restarts the interface, as a pulled cable does: it forgets waiting commands, starts its clock again, and says
        its name and version."""
        self._queue.forget_waiting()
        self._held = None
        self._text = b""
        self._booted = self.loop.time()
        self._failed = not self.bus.alive
        self.say(INFORMATION)

    def heard(self, byte: int, at: float) -> None:
        character = bytes([byte])
        if character == b"?":
            self._text = b""
            self.say(INFORMATION, at + THINKING_S)
        elif character == b"\r":
            text, self._text = self._text, b""
            self._take_line(text, at + THINKING_S)
        elif character in COMMAND_LETTERS:
            self._text = character
        else:
            self._text = self._text[:BUFFER] + character

    def _take_line(self, text: bytes, received: float) -> None:
        if not text or text[:1] not in b"SQR":
            return
        command = _parsed(text, received)
        if self.refusals:
            self._report(self.refusals.popleft(), 0, received)
        elif command is None:
            self._report(BAD_COMMAND, 0, received)
        elif not self._queue.add(command):
            self._report(QUEUE_FULL, 0, received)

    def _begin(self, command: _Command) -> None:
        self._held = None
        if self.bus.alive:
            self._transmit(command)
        else:
            self._held = command  # not reported; it goes out after the next frame, unless another command comes first
            self._queue.end()

    def _transmit(self, command: _Command) -> None:
        not_before = max(command.received, self.bus.last_edge + SETTLING_S[command.priority])
        self.bus.transmit(command.bits, command.value, partial(self._ended, command), not_before=not_before)

    def _ended(self, command: _Command, outcome: Outcome) -> None:
        began, reported = outcome.ended - frame_s(command.bits), outcome.ended + STOP_S
        if outcome.result is not Result.NO_VOLTAGE:
            if outcome.result is Result.COLLISION:
                broken = BROKEN_BIT if self.collision_code in (0x82, DATA_TIMING) else 0
                self._report(self.collision_code, broken, began, reported, own=True)
            else:
                self._report(command.bits, command.value, began, reported, own=True)
            if command.repeats:
                command.repeats -= 1
                self._transmit(command)
                return
            self._answered(command, outcome)
        self.loop.call_at(reported, self._queue.end)

    def _answered(self, command: _Command, outcome: Outcome) -> None:
        valid = partial(self.bus.still_valid, outcome)
        if outcome.result is Result.ANSWER:
            self._report(8, outcome.value, answer_began(outcome), outcome.free, valid=valid)
        elif outcome.result is Result.GARBLED:
            self._report(DATA_TIMING, BROKEN_BIT, answer_began(outcome), outcome.free, valid=valid)
        elif command.query:
            self.loop.call_at(outcome.ended + NO_ANSWER_AFTER_S, self._unanswered, outcome.ended)

    def _unanswered(self, ended: float) -> None:
        now = self.loop.time()
        if self.bus.last_edge > ended and self.bus.last_edge - frame_s(16) < now:
            return  # another frame has begun meanwhile, which stops the wait
        if self.bus.alive:
            self._report(TIMEOUT, 0, now)

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        length_s = BACKWARD_S if bits == 8 else frame_s(bits)
        ready = max(self.loop.time(), self.bus.last_edge + STOP_S)
        self._report(bits, value, self.bus.last_edge - length_s, ready)
        if bits != 8 and self._held is not None and self._queue.under_way is None:
            self._queue.add(self._held)

    def voltage_changed(self, number: int) -> None:
        now = self.loop.time()
        if not self.bus.alive:
            self._low_since = now
            self.loop.call_at(now + FAILURE_AFTER_S, self._still_low, now)
            return
        low_us = round((now - self._low_since) * 1e6) & 0xFFFFFF
        self._report(RECOVERED if self._failed else DATA_TIMING, low_us << 8, now)
        self._failed = False

    def _still_low(self, since: float) -> None:
        if not self.bus.alive and self._low_since == since:
            self._failed = True
            self._report(FAILURE, 0, since)

    def _report(
        self,
        length: int,
        value: int,
        at: float,
        ready: float = 0.0,
        *,
        own: bool = False,
        valid: Callable[[], bool] | None = None,
    ) -> None:
        milliseconds = int((at - self._booted) * 1000) & 0xFFFFFFFF
        mark = b">" if own else b":"
        self.say(b"{%08x%s%02x %08x}\r\n" % (milliseconds, mark, length, value), ready, valid)


def _parsed(text: bytes, received: float) -> _Command | None:
    match = SEND.fullmatch(text)
    if match:
        letter, priority, bits, sign, value = match.groups()
        repeats = int(sign == b"+")
    else:
        match = REPEAT.fullmatch(text)
        if not match:
            return None
        letter, priority, count, bits, value = match.groups()
        repeats = int(count, 16)
    command = _Command(letter == b"Q", int(priority, 16), int(bits, 16), int(value, 16), repeats, received)
    fits = command.priority in SETTLING_S and command.bits <= 32 and command.value < 1 << command.bits
    return command if fits else None
