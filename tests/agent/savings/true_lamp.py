"""The oracle of the ledger's tests: a lamp whose power follows a curve of its own, summed up second by second.

Written without the ledger's code: it knows only what a gear does (IEC 62386-102: fades are even in level steps).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat


@dataclass(frozen=True)
class Command:
    """A level sent at a second, with its fade."""

    at: int
    level: int
    fade_s: int


class TrueLamp:
    """Power and energy of a lamp that obeys `commands`, on from `start`; its register floors to `resolution_wh`."""

    def __init__(
        self,
        commands: Sequence[Command],
        power_w: Callable[[float], float],
        start: int,
        end: int,
        resolution_wh: float,
        offset_wh: float = 0.0,
        dead: tuple[int, int] | None = None,
    ) -> None:
        self.start, self.resolution_wh = start, resolution_wh
        self.sums_wh = [offset_wh]
        level, moving_from, command = 0.0, 0.0, Command(start - 10_000, 0, 0)
        times = [one.at for one in commands]
        # Between these instants nothing changes but by a fade.
        turns = sorted({*times, *(dead or ()), end})
        second = start
        while second < end:
            newest = bisect_right(times, second)
            if newest and commands[newest - 1] is not command:
                command = commands[newest - 1]
                moving_from = level if level >= 1 else (85.0 if command.level and command.fade_s else level)
            # The middle of this second, which is exact to far below a register step.
            gone_s = second + 0.5 - command.at
            until = second + 1
            if gone_s >= command.fade_s:
                level = float(command.level)
                until = min(end, turns[bisect_right(turns, second)])
            elif moving_from >= 1:
                level = moving_from + ((command.level or 85) - moving_from) * gone_s / command.fade_s
            watt = power_w(level) if dead is None or not dead[0] <= second < dead[1] else 0.0
            self.sums_wh += list(accumulate(repeat(watt / 3600, until - second), initial=self.sums_wh[-1]))[1:]
            second = until

    def energy_wh(self, at: float) -> float:
        """The true integral up to an instant."""
        whole = int(at - self.start)
        rest = at - self.start - whole
        if not rest:
            return self.sums_wh[whole]
        return self.sums_wh[whole] * (1 - rest) + self.sums_wh[whole + 1] * rest

    def register_wh(self, at: float) -> float:
        """What the gear's register shows."""
        return math.floor(self.energy_wh(at) / self.resolution_wh + 1e-9) * self.resolution_wh


def real_curve(full_w: float, min_w: float, standby_w: float, bend: float) -> Callable[[float], float]:
    """A curve that is not affine: `bend` lifts the middle of the range by that share of full power."""

    def power_w(level: float) -> float:
        if level < 1:
            return standby_w
        light = 10 ** ((level - 254) * 3 / 253)
        return min_w + (full_w - min_w) * (light - 0.01) / 0.99 + bend * full_w * 4 * light * (1 - light)

    return power_w
