"""The records of energy: a lamp's interval of a quarter of an hour (UTC), void intervals, and anomalies of readings.

The quarter is the imbalance settlement period of the European grid (Regulation (EU) 2017/2195, article 53).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

QUARTER_S = 900

Quality = Literal["metered", "interpolated", "modelled"]
FullPowerSource = Literal["declared", "measured"]

# Returns the spans between two instants (Unix seconds) in which the lamps burn by the switching convention of the
# baseline. They are in order and do not overlap.
BurningSpans = Callable[[float, float], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Interval:
    """A luminaire's quarter: the body of a journal record of kind "interval".

    `start` is in Unix seconds, a multiple of 900. `duration_s` is 900. After more than a week without a reading, it is
    86,400 for whole UTC days, of whose quarters nothing is known. `actual_wh` is the energy that the luminaire used,
    and `baseline_wh` the energy that it would have used at full power in the burning hours in which it was available.
    `coverage` (0-1) is the share of the span that lies between two good readings. `available_s` (0-duration_s) is the
    time in which the lamp could burn.
    """

    luminaire: str
    start: int
    duration_s: int
    actual_wh: float
    baseline_wh: float
    quality: Quality
    coverage: float
    available_s: float
    full_power_w: float
    full_power_source: FullPowerSource


@dataclass(frozen=True)
class VoidIntervals:
    """Intervals that were recorded while the clock was wrong: the body of a journal record of kind "void".

    Earlier records of this gateway with a `start` in [start, until) no longer count; later ones do. `of` is the kind of
    these records. `luminaire` is None for the kind "control".
    """

    of: Literal["interval", "control"]
    luminaire: str | None
    start: int
    until: int


@dataclass(frozen=True)
class Anomaly:
    """An oddity of a reading, in the form of an event.

    `name` is registerReplaced (the register ran backward: it is that of another gear, or was reset), registerJumped (it
    rose by more than the lamp can have drawn), declaredPowerWrong (the lamp always draws more than the board's power
    allows) or modelledTooHigh (quarters that were closed without readings hold more than the register counted).
    """

    at: float
    name: Literal["registerReplaced", "registerJumped", "declaredPowerWrong", "modelledTooHigh"]
    text: str


def quarter_start(at: float) -> int:
    """Returns the start, in Unix seconds, of the quarter that holds the instant `at`."""
    return int(at // QUARTER_S) * QUARTER_S


def overlap_s(start: float, end: float, other_start: float, other_end: float) -> float:
    """Returns the seconds that two spans have in common, or 0 if they do not meet."""
    return max(0.0, min(end, other_end) - max(start, other_start))
