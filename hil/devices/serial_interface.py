"""The emulation of a DALI interface product: its serial line, its buses, and the frames that wait for them.

    host --bytes--> receive --> heard (each byte as it arrives) --> the product's commands
                                                                       |  FrameQueue, one for each bus
                                                                       v
    host <--bytes-- say <--------- the product's report <-- Outcome -- bus.transmit
                     ^---- seen (other masters, events, late answers), voltage_changed

This room imports nothing of the agent, so that a wrong codec cannot agree with itself.

A product fills in BAUD, NAME, MOST_BUSES, `heard` (or `is_whole` and `obey`), `seen` and `voltage_changed`, and sends
frames by `bus.transmit`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

from hil.devices.dali_bus import DaliBus, Outcome

Command = TypeVar("Command")

STOP_S = 0.00245
"""Stop condition: an interface knows that a forward frame has ended only this long after its last edge."""
PIECE_LIMIT_S = 0.05
"""The interface discards a binary message that pauses for longer than this in its middle."""
TURNAROUND_LIMIT_S = 0.05
"""A host that is silent for longer was not waiting to send."""


class FrameQueue(Generic[Command]):
    """The commands for one bus: one is under way and up to `room` wait. The queue calls `begin` to send a command."""

    def __init__(self, room: int, begin: Callable[[Command], None]) -> None:
        self._room = room
        self._begin = begin
        self._waiting: deque[Command] = deque()
        self.under_way: Command | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self.under_way is not None)

    def add(self, command: Command) -> bool:
        """Takes a command, and begins it if none is under way. Returns False if there is no room."""
        if self.under_way is not None and len(self._waiting) >= self._room:
            return False
        self._waiting.append(command)
        if self.under_way is None:
            self.end()
        return True

    def end(self) -> None:
        """Ends the command that was under way, and begins the next one."""
        self.under_way = self._waiting.popleft() if self._waiting else None
        if self.under_way is not None:
            self._begin(self.under_way)

    def forget_waiting(self) -> None:
        """Forgets the commands that wait; the one that is under way goes on."""
        self._waiting.clear()


class SerialInterface:
    """An interface between its buses and a serial line, 8N1, on which each byte takes its time both ways."""

    NAME = "this interface"
    BAUD = 9600
    MOST_BUSES = 1

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        self.loop = loop
        self.powered = True
        """Without power the interface neither hears nor speaks."""
        self.turnarounds: deque[tuple[float, bytes]] = deque(maxlen=200_000)
        """Pairs of a turnaround and the host's command: seconds from the last byte that the interface said to the first
        byte of the command, if at most 50 ms."""
        self.buses: list[DaliBus] = []
        self._send = send
        self._character_s = 10 / self.BAUD
        self._begun = bytearray()
        self._last_byte_at = self._received_until = self._sent_until = 0.0
        self._said_at: float | None = None
        for bus in buses:
            self.add_bus(bus)

    def add_bus(self, bus: DaliBus) -> None:
        """Connects the next bus. Raises ValueError if the product already has its most buses."""
        number = len(self.buses)
        if number == self.MOST_BUSES:
            most = "one bus" if number == 1 else f"at most {number} buses"
            raise ValueError(f"{self.NAME} drives {most}: put the next bus on another interface")
        self.buses.append(bus)
        bus.voltage_changed.append(partial(self.voltage_changed, number))
        bus.stray_answer.append(lambda value: self.seen(number, 8, value, self.loop.time()))
        bus.foreign_frame.append(lambda value: self.seen(number, 16, value, self.loop.time() + STOP_S))
        bus.event_message.append(lambda value: self.seen(number, 24, value, self.loop.time() + STOP_S))

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        """Hears a frame that was not sent for the host, on the bus of this number (from 0).

        `ended` is the loop time at which its stop condition is over.
        """

    def voltage_changed(self, number: int) -> None:
        """Hears that the bus of this number (from 0) has lost its voltage, or has it back."""

    def receive(self, content: bytes) -> None:
        """Takes bytes from the host, which need not be a whole message."""
        if not self.powered:
            return
        now = self.loop.time()
        if self._said_at is not None and now - self._said_at <= TURNAROUND_LIMIT_S:
            self.turnarounds.append((now - self._said_at, content.rstrip()))
        self._said_at = None
        self._received_until = max(now, self._received_until)
        for byte in content:
            self._received_until += self._character_s
            self.heard(byte, self._received_until)

    def heard(self, byte: int, at: float) -> None:
        """Takes one byte that is complete at the loop time `at`. By default it collects bytes until `is_whole`."""
        if self._begun and at - self._last_byte_at > PIECE_LIMIT_S:
            self._begun.clear()
        self._last_byte_at = at
        self._begun.append(byte)
        if self.is_whole(self._begun):
            message = bytes(self._begun)
            self._begun.clear()
            self.loop.call_at(at, self.obey, message)

    def is_whole(self, begun: bytearray) -> bool:
        """Returns True if these bytes are a whole message of the host. Removes bytes that cannot begin a message."""
        raise NotImplementedError

    def obey(self, message: bytes) -> None:
        """Obeys a whole message of the host."""
        raise NotImplementedError

    def say(
        self, content: bytes, ready: float = 0.0, valid: Callable[[], bool] | None = None, instead: bytes = b""
    ) -> None:
        """Sends these bytes after all that were said before, and the first of them not before `ready`.

        If `valid` returns False at the time when the last byte would be out, `instead` is sent.
        """
        self._sent_until = max(self.loop.time(), ready, self._sent_until) + len(content) * self._character_s
        self.loop.call_at(self._sent_until, self._said, content, valid, instead)

    def _said(self, content: bytes, valid: Callable[[], bool] | None, instead: bytes) -> None:
        if valid is not None and not valid():
            content = instead
        if self.powered and content:
            self._said_at = self.loop.time()
            self._send(content)


def exclusive_or(content: bytes | bytearray) -> int:
    """Returns the check byte of Lunatone's and Tridonic's messages: the exclusive or of all bytes."""
    check = 0
    for byte in content:
        check ^= byte
    return check


def answer_began(outcome: Outcome) -> float:
    """Returns the loop time at which the backward frame of this outcome began."""
    return outcome.free - STOP_S - 9 / 1200
