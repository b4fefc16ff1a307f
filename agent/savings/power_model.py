"""The power of a luminaire at a DALI level: the logarithmic dimming curve of IEC 62386-102 clause 9.3, for LED gear,
which has a power that is affine in light.

The model shares out the energy between two readings; the register says how much energy there was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# IEC 62386-102, clause 9.3: 253 steps cover three decades of light, 0.1 % (level 1) to 100 % (level 254).
MAX_LEVEL = 254
STEPS_PER_DECADE = 253 / 3
# The lowest level of most LED gear, 1 % of light; fades to and from "off" end and begin there (clause 9.7).
USUAL_MIN_LEVEL = 85


def light_percent(level: float) -> float:
    """Returns the light, in % of full light, at a level of 0-254 (which may have a fraction within a fade). Below level
    1 it is 0."""
    if level < 1:
        return 0.0
    return float(10 ** ((level - 1) / STEPS_PER_DECADE - 1))


@dataclass(frozen=True)
class PowerModel:
    """The power of a luminaire: `full_power_w` at 100 % of light, `min_power_w` at 1 %, a straight line between them,
    and `standby_w` when off."""

    full_power_w: float
    min_power_w: float
    standby_w: float
    min_level: int = USUAL_MIN_LEVEL

    def power_w(self, level: float) -> float:
        """Returns the power in W at a level of 0-254."""
        if level < 1:
            return self.standby_w
        return self.min_power_w + self._watt_per_percent * (light_percent(level) - 1)

    def fade_energy_wh(self, start_level: float, end_level: float, duration_s: float) -> float:
        """Returns the energy in Wh of a fade of `duration_s`, in which the gear moves evenly in level steps between two
        lit levels (1-254).

        The result is exact: the integral of an exponential is its difference divided by its rate.
        """
        decades = (end_level - start_level) / STEPS_PER_DECADE
        if abs(decades) < 1e-6:  # the quotient would lose its digits; the middle of so short a fade is exact enough
            return self.power_w((start_level + end_level) / 2) * duration_s / 3600
        mean_percent = (light_percent(end_level) - light_percent(start_level)) / (decades * math.log(10))
        mean_w = self.min_power_w + self._watt_per_percent * (mean_percent - 1)
        return mean_w * duration_s / 3600

    @property
    def _watt_per_percent(self) -> float:
        return (self.full_power_w - self.min_power_w) / 99
