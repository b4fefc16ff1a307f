"""What control itself uses, quarter by quarter: the gateway and the bus supplies, declared W, 24 hours a day.

IPMVP counts it within the measurement boundary: it exists only for the saving, so it is taken off the saving.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from agent.savings.intervals import QUARTER_S, quarter_start


@dataclass(frozen=True)
class ControlInterval:
    """The body of a journal record of kind "control". `start` is Unix seconds, a multiple of 900."""

    start: int
    duration_s: int
    control_wh: float

    def body(self) -> dict[str, object]:
        """The journal record's body: JSON-able."""
        return asdict(self)


def control_intervals(power_w: float, open_start: int, upto: float) -> list[ControlInterval]:
    """The quarters from `open_start` that ended by `upto`, each with `power_w` (gateway plus bus supplies) all through.

    A quarter without the agent counts as well: a gateway that is down may still draw its power, and the figure errs to
    the disadvantage of the saving. Begin with the quarter in which the agent
    began (`quarter_start`); the next `open_start` is the last one's `start + duration_s`.
    """
    wh = round(power_w * QUARTER_S / 3600, 4)
    return [ControlInterval(start, QUARTER_S, wh) for start in range(open_start, quarter_start(upto), QUARTER_S)]
