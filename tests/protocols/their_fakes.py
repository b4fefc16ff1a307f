"""python-dali's own fakes (dali.tests.fakes) on our table: each frame of ours is decoded by their code, and obeyed."""

from __future__ import annotations

from typing import Any

from dali import gear as their_gear
from dali.command import from_frame
from dali.frame import ForwardFrame as TheirFrame
from dali.memory import diagnostics, energy, maintenance
from dali.tests import fakes

from protocols.dali.frames import COLLISION, NO_ANSWER, Reply, answered
from tests.rigs.gear_on_a_table import Table


class Bank202(fakes.FakeMemoryBank):  # type: ignore[misc]  # python-dali has no types
    """12,345.6 Wh and 25.1 W."""

    bank = energy.BANK_202
    initial_contents = [0x0F, None, 0xFF, 1, 0xFF, 0, 0, 0, 1, 0xE2, 0x40, 0xFF, 0, 0, 0, 0xFB]


class Bank205(fakes.FakeMemoryBank):  # type: ignore[misc]
    """Some hours, 230.4 V, 50 Hz, no condition, 25 °C, 80 %."""

    bank = diagnostics.BANK_205
    initial_contents = [
        *[0x1C, None, 0xFF, 1, 0, 0x12, 0x34, 0x56, 0, 1, 2, 0x09, 0x00, 50, 97],
        *[0] * 12,
        *[85, 80],
    ]


class Bank206(fakes.FakeMemoryBank):  # type: ignore[misc]
    """A light source of 1,000 starts and 3,600,000 s since it was exchanged, of more before; 48 V, 0.47 A, 40 °C."""

    bank = diagnostics.BANK_206
    initial_contents = [
        *[0x20, None, 0xFF, 1, 0, 0x03, 0xE8, 0, 0x07, 0xD0, 0x00, 0x36, 0xEE, 0x80, 0x00, 0x6D, 0xDD, 0x00],
        *[0x01, 0xE0, 0x01, 0xD6],
        *[0] * 10,
        100,
    ]


class Bank207(fakes.FakeMemoryBank):  # type: ignore[misc]
    """100,000 h at 65 °C, 20,000 starts."""

    bank = maintenance.BANK_207
    initial_contents = [7, None, 0xFF, 1, 100, 125, 0, 200]


D4I_BANKS = (fakes.FakeBank0, fakes.FakeBank1, Bank202, Bank205, Bank206, Bank207)


class TheirBus(Table):
    """Their gear and devices on one bus, to which our conversations speak. A pair goes out twice, as on the wires."""

    def __init__(self, *units: Any) -> None:
        super().__init__([])
        self.units = units
        self._device_type = 0

    def reply_to_frame(self, value: int) -> Reply:
        command = from_frame(TheirFrame(24 if value > 0xFFFF else 16, value), devicetype=self._device_type)
        is_type = isinstance(command, their_gear.general.EnableDeviceType)
        self._device_type = command.param if is_type else 0
        answers = [answer for answer in (unit.send(command) for unit in self.units) if answer is not None]
        if not answers:
            return NO_ANSWER
        return answered(answers[0]) if len(answers) == 1 else COLLISION
