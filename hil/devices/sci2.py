"""An emulated DALI SCI2 RS232 interface, from the datasheet: five bytes each way, 38400 8N1.

    control high middle low check  -->        control: 80 monitor, 40 identify, 20 echo, 10 twice (newer), 0F mode
    <--  status high middle low check         status: 60 OK, 61 NO, 62 8 bits, 63 16 bits, 64 or 68 24 bits, 67 error

The interface sends a frame as soon as the stop condition of the last one is over: settling is the host's task. It takes
no other frame while one is on its way. If the host asks for the echo, the interface says OK when the frame has gone
out, and the host may then send the next one; an answer reaches the host like any other frame on the bus.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from hil.devices.dali_bus import DaliBus, Outcome, Result
from hil.devices.serial_interface import SerialInterface, answer_began, exclusive_or

NO_AFTER_S = 0.010
"""The interface says NO if no backward frame has begun this long after the forward frame."""
MONITOR, IDENTIFY, ECHO, TWICE = 0x80, 0x40, 0x20, 0x10
OK, NO, BITS_8, BITS_16, BITS_24, ERROR, BITS_24_NEWER = 0x60, 0x61, 0x62, 0x63, 0x64, 0x67, 0x68
CHECK_ERROR, BUS_SHORT, RECEIVE_ERROR, UNKNOWN_COMMAND, COLLISION = 1, 2, 3, 4, 5


class Sci2(SerialInterface):
    """The interface between a serial line and its bus, in the model of the datasheet."""

    NAME = "a DALI SCI2"
    BAUD = 38400
    newer = False
    """True for the newer models: a flag sends twice, mode 8 is 24 bits, frames are left-aligned, more error codes."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, send: Callable[[bytes], None], buses: Sequence[DaliBus] = ()
    ) -> None:
        super().__init__(loop, send, buses)
        self.ignored_commands = 0
        """Number of frames that came while another one was on its way, and were ignored."""
        self._monitor = False
        self._busy = False

    def is_whole(self, begun: bytearray) -> bool:
        return len(begun) == 5

    def obey(self, message: bytes) -> None:
        control = message[0]
        if exclusive_or(message):
            self._say(ERROR, CHECK_ERROR)
            return
        self._monitor = bool(control & MONITOR)
        if control & IDENTIFY:
            self._say(OK)
            return
        bits, value = self._frame(*message[:4])
        if bits == 0 or not self.buses:
            if self.newer:
                self._say(ERROR, UNKNOWN_COMMAND)
        elif self._busy:
            self.ignored_commands += 1
        elif not self.buses[0].alive:
            self._say(ERROR, BUS_SHORT)
        else:
            self._busy = True
            self._transmit(control, bits, value, again=self.newer and bool(control & TWICE))

    def _frame(self, control: int, high: int, middle: int, low: int) -> tuple[int, int]:
        if self.newer:
            modes = {3: (16, high << 8 | middle), 8: (24, high << 16 | middle << 8 | low)}
            return modes.get(control & 0x0F, (0, 0))
        return (16, middle << 8 | low) if control & 0x1F == 3 else (0, 0)

    def _transmit(self, control: int, bits: int, value: int, *, again: bool, settle: bool = False) -> None:
        def ended(outcome: Outcome) -> None:
            if again and outcome.result is Result.SILENCE:
                self._transmit(control, bits, value, again=False, settle=True)
            else:
                self._ended(outcome, bool(control & ECHO))

        self.buses[0].transmit(bits, value, ended, settle=settle)

    def _ended(self, outcome: Outcome, echo: bool) -> None:
        if echo and outcome.result not in (Result.NO_VOLTAGE, Result.COLLISION):
            # The command is done and the host may send the next one; an answer is reported as traffic on the bus.
            self._busy = False
            self._say(OK)
            self._hear_answer(outcome)
            return
        status, low, ready = self._reply(outcome)
        self.loop.call_at(ready, self._report, outcome, status, low)
        if answer_began(outcome) - outcome.ended > NO_AFTER_S:
            self._hear_answer(outcome)  # the answer began after the interface had said NO

    def _hear_answer(self, outcome: Outcome) -> None:
        if outcome.result is Result.ANSWER:
            self.loop.call_at(outcome.free, self._monitored, BITS_8, outcome.value, outcome)
        elif outcome.result is Result.GARBLED:
            self.loop.call_at(outcome.free, self._monitored, ERROR, RECEIVE_ERROR, outcome)

    def _reply(self, outcome: Outcome) -> tuple[int, int, float]:
        """Returns the status, the low byte, and the loop time at which they are ready."""
        if outcome.result is Result.NO_VOLTAGE:
            return ERROR, BUS_SHORT, outcome.ended
        if outcome.result is Result.COLLISION:
            return ERROR, COLLISION if self.newer else RECEIVE_ERROR, outcome.free
        if outcome.result is Result.SILENCE or answer_began(outcome) - outcome.ended > NO_AFTER_S:
            return NO, 0, outcome.ended + NO_AFTER_S
        if outcome.result is Result.ANSWER:
            return BITS_8, outcome.value, outcome.free
        return ERROR, RECEIVE_ERROR, outcome.free

    def _report(self, outcome: Outcome, status: int, low: int) -> None:
        self._busy = False
        if status == BITS_8 and not self.buses[0].still_valid(outcome):
            status, low = NO, 0
        self._say(status, low)

    def seen(self, number: int, bits: int, value: int, ended: float) -> None:
        status = {8: BITS_8, 16: BITS_16, 24: BITS_24_NEWER if self.newer else BITS_24}[bits]
        if self._monitor:
            self._say(status, value, ended)

    def _monitored(self, status: int, value: int, outcome: Outcome) -> None:
        if self._monitor and self.buses[0].still_valid(outcome):
            self._say(status, value)

    def _say(self, status: int, value: int = 0, ready: float = 0.0) -> None:
        content = bytes([status]) + value.to_bytes(3, "big")
        self.say(content + bytes([exclusive_or(content)]), ready)


class Sci2Newer(Sci2):
    """The newer models."""

    newer = True
