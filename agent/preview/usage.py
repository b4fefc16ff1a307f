"""Sums the hours and the light of a course of levels, with DALI's levels (IEC 62386-102 clause 9.3) and fades (9.5).

The power of LED gear is affine in light, so three sums of a course give the energy of every lamp that follows it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from agent.savings.level_history import LevelHistory
from agent.savings.power_model import USUAL_MIN_LEVEL, PowerModel
from agent.schedule.evaluate import Change
from protocols.dali import levels

# Power models that serve as counters: the energy of the first is lit time, that of the second is light in percent.
_LIT = PowerModel(1.0, 1.0, 0.0)
_LIGHT = PowerModel(100.0, 1.0, 0.0)


class Usage(NamedTuple):
    """The use of a lamp in a span of time, in hours.

    `burning_h` counts from switching on to switching off. `lit_h` adds the fade to off. `light_h` is lit time weighted
    by the light, which is 1 at 100 %. `span_h` is the whole span, dark time included.
    """

    burning_h: float
    lit_h: float
    light_h: float
    span_h: float

    def energy_wh(self, power: PowerModel) -> float:
        """Returns the Wh that a lamp of this power uses in the span."""
        above_min_h = (100 * self.light_h - self.lit_h) / 99
        lit_wh = power.min_power_w * self.lit_h + (power.full_power_w - power.min_power_w) * above_min_h
        return lit_wh + power.standby_w * (self.span_h - self.lit_h)


def usages(changes: Sequence[Change], boundaries: Sequence[float]) -> list[Usage]:
    """Returns the usage between each two neighbouring boundaries (Unix seconds, in order).

    The first change must stand at the first boundary. Each change holds until the next.
    """
    history = LevelHistory(USUAL_MIN_LEVEL)
    sums: list[list[Usage]] = [[] for _ in boundaries[1:]]
    ends = [change.unix for change in changes[1:]] + [boundaries[-1]]
    part = 0
    for change, end in zip(changes, ends, strict=True):
        fade_s = levels.fade_time_s(levels.fade_code(change.fade_s))
        history.add_level(change.unix, levels.level_of(change.percent), fade_s)
        history.forget_before(change.unix)
        at = change.unix
        while at < end:
            while boundaries[part + 1] <= at:
                part += 1
            until = min(end, boundaries[part + 1])
            sums[part].append(_usage(history, at, until, burning=change.percent > 0))
            at = until
    return [Usage(*(math.fsum(column) for column in zip(*each, strict=True))) for each in sums]


def _usage(history: LevelHistory, start: float, end: float, *, burning: bool) -> Usage:
    span_h = (end - start) / 3600
    lit_h = history.energy_wh(_LIT, start, end)
    light_h = history.energy_wh(_LIGHT, start, end) / 100
    return Usage(span_h if burning else 0.0, lit_h, light_h, span_h)


def level_points(changes: Sequence[Change], end: float) -> list[tuple[float, int]]:
    """Returns the points (Unix seconds, DALI level) at the ends of each fade and step up to `end`. The level moves in
    straight lines between them."""
    points: list[tuple[float, int]] = []
    for index, change in enumerate(changes):
        level = levels.level_of(change.percent)
        until = changes[index + 1].unix if index + 1 < len(changes) else end
        if not points:
            points.append((change.unix, level))
        else:
            before = points[-1][1]
            faded = change.unix + levels.fade_time_s(levels.fade_code(change.fade_s))
            points += [(change.unix, before), (min(faded, until), level)]
        points.append((until, level))
    return points
