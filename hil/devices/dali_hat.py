"""The ATX LED DALI HAT's serial protocol, spoken by the interface itself (AL-DALI-HAT and DALI-Pi, one to four buses).

19200 8N1, ASCII lines. A line counts as received when its last character would have come over the wire, and what the
HAT says is delivered when its last character would have gone out.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum

from hil.devices.dali_bus import ANSWER_WINDOW_S, DaliBus, Outcome, Result

CHARACTER_S = 10 / 19200
LONGEST_LINE = 32
"""More than this without a line feed is no command: it is thrown away up to the next line feed."""
WAITING_COMMANDS = 8
"""Commands of one bus that the HAT can hold while another runs; further ones are lost."""
THINKING_S = 0.0002
"""What the HAT takes for an answer of its own (version, supply)."""
TURNAROUND_LIMIT_S = 0.05
"""A host that is silent for longer was not waiting to send."""

COMMAND = re.compile(rb"([123]?)(?:([htlj])([0-9A-Fa-f]+)|m([0-9A-Fa-f]{7,8})|([dvpuq]))")
DIGITS = {b"h": 4, b"t": 4, b"l": 6, b"j": 2}


class WithoutVoltage(Enum):
    """What a frame is answered with while its bus has no voltage; the vendor does not say."""

    STATUS = "the bus status, D01"
    DONE = "N, as if it had been sent"
    NOTHING = "nothing at all"


class _Channel:
    """One bus of the HAT: its prefix, and the commands that wait for it."""

    def __init__(self, hat: DaliHat, bus: DaliBus, number: int) -> None:
        self.hat = hat
        self.bus = bus
        self.prefix = b"" if number == 0 else b"%d" % number
        self.waiting: deque[tuple[bytes, int, int, float]] = deque()
        self.busy = False
        bus.voltage_changed.append(lambda: hat.say(self, self.status()))
        bus.stray_answer.append(lambda value: hat.say(self, b"J%02X" % value))
        bus.foreign_frame.append(lambda value: hat.say(self, b"H%04X" % value))
        bus.event_message.append(lambda value: hat.say(self, b"L%06X" % value))

    def status(self) -> bytes:
        if self.bus.shorted:
            return b"D11"
        return b"D21" if self.bus.voltage else b"D01"

    def command(self, letter: bytes, bits: int, value: int, received: float) -> None:
        if self.busy:
            if len(self.waiting) < WAITING_COMMANDS:
                self.waiting.append((letter, bits, value, received))
            return
        self.busy = True
        if letter == b"t":
            self.bus.transmit(bits, value, lambda first: self._again(bits, value, first), not_before=received)
        else:
            self.bus.transmit(bits, value, self._done, not_before=received)

    def _again(self, bits: int, value: int, first: Outcome) -> None:
        if first.result in (Result.NO_VOLTAGE, Result.COLLISION):
            self._done(first)
            return
        if self.hat.two_replies_to_twice:
            self.hat.say(self, *self._reply(first))
        self.bus.transmit(bits, value, self._done, settle=True)

    def _done(self, outcome: Outcome) -> None:
        line, ready = self._reply(outcome)
        if line:
            self.hat.say(self, line, ready, outcome)
        self.busy = False
        if self.waiting:
            letter, bits, value, received = self.waiting.popleft()
            self.command(letter, bits, value, max(received, ready))

    def _reply(self, outcome: Outcome) -> tuple[bytes, float]:
        if outcome.result is Result.ANSWER:
            return b"J%02X" % outcome.value, outcome.free
        if outcome.result is Result.SILENCE:
            return b"N", outcome.ended + ANSWER_WINDOW_S
        if outcome.result is Result.GARBLED:
            return b"X", outcome.free
        if outcome.result is Result.COLLISION:
            return b"Z", outcome.free
        if self.hat.without_voltage is WithoutVoltage.DONE:
            return b"N", outcome.ended + ANSWER_WINDOW_S
        return (self.status() if self.hat.without_voltage is WithoutVoltage.STATUS else b""), outcome.ended


class DaliHat:
    """The HAT between a serial line and its buses. Bytes in by `receive`; lines out by `send`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.loop = loop
        self.two_replies_to_twice = False
        self.without_voltage = WithoutVoltage.STATUS
        self.turnarounds: deque[tuple[float, bytes]] = deque(maxlen=200_000)
        """Seconds from the last byte of an answer to the first byte of the host's next command, where within 50 ms, and
        that command."""
        self.unparsed_lines = 0
        self.powered = True
        """Without power the HAT neither hears nor speaks."""
        self._send = send
        self._channels: list[_Channel] = []
        self._buffer = b""
        self._overflow = False
        self._received_until = self._sent_until = 0.0
        self._answered_at: float | None = None
        self._own: dict[bytes, Callable[[_Channel], bytes]] = {
            b"d": lambda channel: channel.status(),
            b"v": lambda _channel: b"V0708%02X" % len(self._channels),
            b"p": lambda _channel: b"P1610000",
            # The form of these two replies is not known outside the vendor; they exist so that asking does no harm.
            b"u": lambda _channel: b"U0450",
            b"q": lambda channel: b"Q%08X" % (channel.bus.statistics.forward_frames & 0xFFFFFFFF),
        }
        for bus in buses:
            self.add_bus(bus)

    def add_bus(self, bus: DaliBus) -> None:
        """The next bus, 1 to 4. Raises ValueError for a fifth."""
        if len(self._channels) == 4:
            raise ValueError("the HAT drives at most 4 buses: put the fifth on another HAT")
        self._channels.append(_Channel(self, bus, len(self._channels)))

    def receive(self, content: bytes) -> None:
        """Bytes from the host, whatever they are."""
        if not self.powered:
            return
        now = self.loop.time()
        if self._answered_at is not None:
            turnaround_s = now - self._answered_at
            if turnaround_s <= TURNAROUND_LIMIT_S:
                self.turnarounds.append((turnaround_s, content.rstrip()))
            self._answered_at = None
        begins = max(now, self._received_until)
        self._received_until = begins + len(content) * CHARACTER_S
        text = self._buffer + content
        place = -len(self._buffer)
        *lines, self._buffer = text.split(b"\n")
        for line in lines:
            place += len(line) + 1
            if self._overflow:
                self._overflow = False
            else:
                self._line(line, begins + place * CHARACTER_S)
        if len(self._buffer) > LONGEST_LINE:
            self._buffer = b""
            self._overflow = True

    def say(self, channel: _Channel, line: bytes, ready: float = 0.0, outcome: Outcome | None = None) -> None:
        """Sends a line with the bus's prefix, not before `ready`; an answer whose bus lost its voltage is N."""
        text = channel.prefix + line + b"\n"
        self._sent_until = max(self.loop.time(), ready, self._sent_until) + len(text) * CHARACTER_S
        self.loop.call_at(self._sent_until, self._said, channel, text, outcome)

    def _said(self, channel: _Channel, text: bytes, outcome: Outcome | None) -> None:
        if outcome is not None:
            if outcome.result is Result.ANSWER and not channel.bus.still_valid(outcome):
                text = channel.prefix + b"N\n"
            self._answered_at = self.loop.time()
        if self.powered:
            self._send(text)

    def _line(self, line: bytes, received: float) -> None:
        match = COMMAND.fullmatch(line.rstrip(b"\r"))
        if match is None:
            self.unparsed_lines += bool(line)
            return
        digit, letter, content, long_content, own = match.groups()
        number = int(digit or b"0")
        if number >= len(self._channels):
            return
        channel = self._channels[number]
        if own is not None:
            self.say(channel, self._own[own](channel), received + THINKING_S)
        elif long_content is not None:
            channel.command(b"m", 25, int(long_content, 16), received)
        elif len(content) == DIGITS[letter]:
            channel.command(letter, 4 * len(content), int(content, 16), received)
        else:
            self.unparsed_lines += 1
