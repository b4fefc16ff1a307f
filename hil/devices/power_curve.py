"""The power of a luminaire at each DALI level: a curve that is not affine, with closed-form integrals over fades.

The logarithmic dimming curve is IEC 62386-102's, the linear one (dimming curve 1) IEC 62386-207's.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

LOG_STEP = 3.0 * math.log(10.0) / 253.0
"""Natural logarithm of one level's step in light: 2.77 % more light a level, 0.1 % at level 1 to 100 % at level 254."""

LIGHT_AT_P1 = 0.01
"""Share of full light at which `min_power_w` is given: 1 %."""

RIPPLE_TERMS = ((1.0, 0.5), (-1.0, 1.5), (-0.7, 2.0), (0.7, 3.0))
"""(weight, exponent of light): the terms add up to zero in the dark and at full light, so the ends stay in place."""


def light_fraction(level: float, *, linear: bool = False) -> float:
    """Returns the share of full light, 0..1, at a level that may be fractional during a fade; 0 when off."""
    if level <= 0:
        return 0.0
    return level / 254.0 if linear else math.exp(LOG_STEP * (level - 254.0))


@dataclass(frozen=True)
class PowerCurve:
    """P(light) = floor + sum of weight x light^exponent, in W, while the lamp is lit; `standby_w` while it is not."""

    standby_w: float
    floor_w: float
    terms: tuple[tuple[float, float], ...]

    @classmethod
    def of_lamp(
        cls, power_w: float, standby_w: float, min_power_w: float, *, gamma: float = 1.0, ripple: float = 0.0
    ) -> PowerCurve:
        """Returns a curve through `power_w` at full light and `min_power_w` at 1 % of light.

        `gamma` bends the curve; `ripple` adds waves, given as a share of the span (such as 0.01).
        """
        span_w = (power_w - min_power_w) / (1.0 - math.pow(LIGHT_AT_P1, gamma))
        ripple_w = ripple * (power_w - min_power_w)
        terms = [(span_w, gamma), *((ripple_w * weight, exponent) for weight, exponent in RIPPLE_TERMS)]
        return cls(standby_w, power_w - span_w, tuple(terms))

    @classmethod
    def seeded(cls, rng: random.Random, power_w: float, standby_w: float, min_power_w: float) -> PowerCurve:
        """Returns the curve of one specimen of a type: full power within 3 %, with a bend (0.9..1.12) and a ripple of
        its own."""
        factor = rng.uniform(0.97, 1.03)
        return cls.of_lamp(
            power_w * factor,
            standby_w * rng.uniform(0.95, 1.05),
            min_power_w * factor,
            gamma=rng.uniform(0.9, 1.12),
            ripple=rng.uniform(-0.02, 0.02),
        )

    def power_w(self, level: float, *, linear: bool = False) -> float:
        """Returns the power in W while the lamp burns steadily at `level`; level 0 is standby."""
        if level <= 0:
            return self.standby_w
        light = light_fraction(level, linear=linear)
        return self.floor_w + sum(weight * math.pow(light, exponent) for weight, exponent in self.terms)

    def ramp_wh(self, start_level: float, end_level: float, duration_s: float, *, linear: bool = False) -> float:
        """Returns the energy in Wh of a fade that moves evenly along the levels, exact but for floating point."""
        steps = end_level - start_level
        if duration_s <= 0:
            return 0.0
        if abs(steps) < 1e-9:
            return self.power_w(start_level, linear=linear) * duration_s / 3600.0
        mean_w = self.floor_w
        first = light_fraction(start_level, linear=linear)
        last = light_fraction(end_level, linear=linear)
        for weight, exponent in self.terms:
            if linear:
                power = exponent + 1.0
                mean_w += weight * (math.pow(last, power) - math.pow(first, power)) / (power * (last - first))
            else:
                bend = exponent * LOG_STEP * steps
                mean_w += weight * math.pow(first, exponent) * math.expm1(bend) / bend
        return mean_w * duration_s / 3600.0
