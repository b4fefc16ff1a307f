"""One gear on a table, without bus or loop: frames go in by hand and time is a number."""

from __future__ import annotations

import random

from hil.devices.dali_gear import Gear
from hil.devices.gear_variables import GearProfile
from hil.devices.power_curve import PowerCurve

FRAME_GAP_S = 0.0277


class LoneGear:
    """The gear at short address 5, and a clock that moves with each frame."""

    def __init__(self, *, level: int = 254, profile: GearProfile | None = None, seed: int = 1) -> None:
        self.now = 100.0
        self.sequence = 0
        rng = random.Random(seed)
        curve = PowerCurve.seeded(rng, 25.0, 0.4, 2.5)
        self.gear = Gear(curve, self.now, rng=rng, profile=profile, short_address=5, level=level, energy_wh=1234.5678)

    def send(self, frame: int) -> int | None:
        """One frame, complete one frame time and settling later."""
        self.now += FRAME_GAP_S
        self.sequence += 1
        return self.gear.receive(frame >> 8, frame & 0xFF, self.sequence, self.now)

    def twice(self, frame: int) -> None:
        assert self.send(frame) is None
        assert self.send(frame) is None

    def configure(self, frame: int, dtr0: int) -> None:
        self.send(0xA300 | dtr0)
        self.twice(frame)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def level(self) -> int:
        answer = self.send(0x0BA0)
        assert answer is not None
        return answer

    def status(self) -> int:
        answer = self.send(0x0B90)
        assert answer is not None
        return answer

    def read(self, bank: int, location: int) -> int | None:
        self.send(0xC300 | bank)
        self.send(0xA300 | location)
        return self.send(0x0BC5)
