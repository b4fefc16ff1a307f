"""SevenLab's open DALI USB interface (dali_usb_lpc1114), spoken by the interface itself, as its firmware 3.5 does.

500000 8N1, ASCII. It settles the bus by the priority of each command, reports all that it sees on the bus, and knows
nothing of the bus's voltage but that the line is low (after half a second) or high again. The commands with which a
host plays gear or makes pulses of its own (Y, I, W, N, X) are not emulated.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hil.devices.dali_bus import BACKWARD_S, STOP_S, DaliBus, Outcome, Result, frame_s

CHARACTER_S = 10 / 500_000
COMMAND_LETTERS = b"SQRYIWNX"
BUFFER = 19
"""Characters of one command that the interface keeps; further ones overwrite the last."""
WAITING_COMMANDS = 4
THINKING_S = 0.0001
SETTLING_S = {1: 0.0135, 2: 0.0149, 3: 0.0163, 4: 0.0179, 5: 0.0195, 6: STOP_S}
NO_ANSWER_AFTER_S = STOP_S + 0.0134
"""From a query's last edge until it is reported as unanswered, where nothing has begun on the bus meanwhile."""
FAILURE_AFTER_S = 0.5
TURNAROUND_LIMIT_S = 0.05
"""A host that is silent for longer was not waiting to send."""
INFORMATION = b"DALI USB interface - SevenLab 2024\r\nVersion 3.5.1 \r\n\r\n"

TIMEOUT, DATA_TIMING, FAILURE, RECOVERED, QUEUE_FULL, BAD_COMMAND = 0x81, 0x83, 0x91, 0x92, 0xA2, 0xA3
BROKEN_BIT = 1250 << 8 | 3
"""1250 microseconds in the third bit: what a collision's timing error may look like."""

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


class SevenLab:
    """The interface between a serial line and its one bus. Bytes in by `receive`; records out by `send`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None]) -> None:
        self.loop = loop
        self.powered = True
        """Without power the interface neither hears nor speaks."""
        self.collision_code = DATA_TIMING
        """What a frame of ours that met another one is reported with: 0x82 to 0x87, by firmware."""
        self.refusals: deque[int] = deque()
        """Codes (0xA0 to 0xA4) with which the next commands are refused."""
        self.turnarounds: deque[tuple[float, bytes]] = deque(maxlen=200_000)
        """Seconds from the last byte of a report to the first byte of the host's next command, where within 50 ms."""
        self._send = send
        self._bus: DaliBus | None = None
        self._waiting: deque[_Command] = deque()
        self._busy = False
        self._held: _Command | None = None
        self._text = b""
        self._booted = loop.time()
        self._received_until = self._sent_until = 0.0
        self._reported_at: float | None = None
        self._low_since = 0.0
        self._failed = False

    @property
    def bus(self) -> DaliBus:
        assert self._bus is not None
        return self._bus

    def add_bus(self, bus: DaliBus) -> None:
        """Its only bus. Raises ValueError for a second one."""
        if self._bus is not None:
            raise ValueError("this interface drives one bus: put the second on another port")
        self._bus = bus
        bus.voltage_changed.append(self._voltage_changed)
        bus.stray_answer.append(lambda value: self._seen(8, value, BACKWARD_S))
        bus.foreign_frame.append(lambda value: self._foreign(16, value))
        bus.event_message.append(lambda value: self._foreign(24, value))

    def restart(self) -> None:
        """As when its cable was pulled: what waits is forgotten, its clock begins anew, and it says what it is."""
        self._waiting.clear()
        self._held = None
        self._text = b""
        self._booted = self.loop.time()
        self._failed = not self.bus.alive
        self._say(INFORMATION)

    def receive(self, content: bytes) -> None:
        """Bytes from the host, whatever they are."""
        if not self.powered:
            return
        now = self.loop.time()
        if self._reported_at is not None:
            if now - self._reported_at <= TURNAROUND_LIMIT_S:
                self.turnarounds.append((now - self._reported_at, content.rstrip()))
            self._reported_at = None
        begins = max(now, self._received_until)
        self._received_until = begins + len(content) * CHARACTER_S
        for place in range(len(content)):
            self._character(content[place : place + 1], begins + (place + 1) * CHARACTER_S)

    def _character(self, character: bytes, received: float) -> None:
        if character == b"?":
            self._text = b""
            self._say(INFORMATION, received + THINKING_S)
        elif character == b"\r":
            text, self._text = self._text, b""
            self._line(text, received + THINKING_S)
        elif character in COMMAND_LETTERS:
            self._text = character
        else:
            self._text = self._text[:BUFFER] + character

    def _line(self, text: bytes, received: float) -> None:
        if not text or text[:1] not in b"SQR":
            return
        command = _parsed(text, received)
        if self.refusals:
            self._report(self.refusals.popleft(), 0, received)
        elif command is None:
            self._report(BAD_COMMAND, 0, received)
        elif self._busy and len(self._waiting) == WAITING_COMMANDS:
            self._report(QUEUE_FULL, 0, received)
        else:
            self._waiting.append(command)
            self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        command = self._waiting.popleft()
        self._held = None
        if self.bus.alive:
            self._busy = True
            self._transmit(command)
        else:
            self._held = command  # says nothing; goes out after the next frame, unless another command comes first
            self._next()

    def _transmit(self, command: _Command) -> None:
        settled = self.bus.last_edge + SETTLING_S[command.priority]
        self.bus.transmit(
            command.bits,
            command.value,
            lambda outcome: self._ended(command, outcome),
            not_before=max(command.received, settled),
        )

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
        self.loop.call_at(reported, self._idle)

    def _answered(self, command: _Command, outcome: Outcome) -> None:
        began = outcome.free - STOP_S - BACKWARD_S
        if outcome.result is Result.ANSWER:
            self._report(8, outcome.value, began, outcome.free, answer=outcome)
        elif outcome.result is Result.GARBLED:
            self._report(DATA_TIMING, BROKEN_BIT, began, outcome.free, answer=outcome)
        elif command.query:
            self.loop.call_at(outcome.ended + NO_ANSWER_AFTER_S, self._unanswered, outcome.ended)

    def _unanswered(self, ended: float) -> None:
        now = self.loop.time()
        if self.bus.last_edge > ended and self.bus.last_edge - frame_s(16) < now:
            return  # something else has begun meanwhile, and that stops the wait
        if self.bus.alive:
            self._report(TIMEOUT, 0, now)

    def _idle(self) -> None:
        self._busy = False
        self._next()

    def _seen(self, bits: int, value: int, length_s: float) -> None:
        """A frame of somebody else's, whose last edge is over by a stop condition at the earliest."""
        now = self.loop.time()
        self._report(bits, value, self.bus.last_edge - length_s, max(now, self.bus.last_edge + STOP_S))

    def _foreign(self, bits: int, value: int) -> None:
        self._seen(bits, value, frame_s(bits))
        if self._held is not None and not self._busy:
            self._waiting.append(self._held)
            self._next()

    def _voltage_changed(self) -> None:
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
        answer: Outcome | None = None,
    ) -> None:
        milliseconds = int((at - self._booted) * 1000) & 0xFFFFFFFF
        mark = b">" if own else b":"
        self._say(b"{%08x%s%02x %08x}\r\n" % (milliseconds, mark, length, value), ready, answer)

    def _say(self, text: bytes, ready: float = 0.0, answer: Outcome | None = None) -> None:
        self._sent_until = max(self.loop.time(), ready, self._sent_until) + len(text) * CHARACTER_S
        self.loop.call_at(self._sent_until, self._said, text, answer)

    def _said(self, text: bytes, answer: Outcome | None) -> None:
        if answer is not None and not self.bus.still_valid(answer):
            return  # the line went low in the middle of it
        self._reported_at = self.loop.time()
        if self.powered:
            self._send(text)


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
