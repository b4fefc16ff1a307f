"""An emulated DALI interface text_line: the interface's end, between a serial line and its bus."""

from __future__ import annotations

import re
from typing import NamedTuple

from hil.devices.dali_bus import ANSWER_WINDOW_S, Outcome, Result
from hil.devices.serial_interface import SerialInterface

BAUD = 115200

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


class TextLine(SerialInterface):
    """The interface between a serial line and its bus."""

    NAME = "text_line"
    BAUD = BAUD
    MOST_BUSES = 1
    _busy = False

    def is_whole(self, begun: bytearray) -> bool:
        return is_whole(bytes(begun))

    def obey(self, message: bytes) -> None:
        command = meaning(message)
        if command is None or not self.buses:
            self._report(NOT_UNDERSTOOD)
        elif command.bits == 0:
            self._report(IDENTITY)
        elif not self.buses[0].alive:
            self._report(NO_VOLTAGE)
        elif not self._busy:  # a command that comes while a frame is on its way is lost
            self._busy = True
            self.buses[0].transmit(command.bits, command.value, lambda outcome: self._ended(outcome, command))

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        self._report({8: ANSWER, 16: FRAME_16, 24: FRAME_24}[bits], value, ended)

    def voltage_changed(self, number: int) -> None:
        if not self.buses[number].alive:
            self._report(NO_VOLTAGE)

    def _ended(self, outcome: Outcome, command: Command) -> None:
        if command.twice and outcome.result is Result.SILENCE:
            again = command._replace(twice=False)
            self.buses[0].transmit(command.bits, command.value, lambda second: self._ended(second, again), settle=True)
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
        self._busy = False
        if kind == ANSWER and not self.buses[0].still_valid(outcome):
            kind = NO_ANSWER  # the bus lost its voltage in the middle of the answer
        self._report(kind, outcome.value)

    def _report(self, kind: int, value: int = 0, ready: float = 0.0) -> None:
        """Sends a message to the host, not before the loop time `ready`."""
        self.say(report(kind, value), ready)
