"""The record of a lamp-post: the quarter of an hour (UTC), a lamp's interval, and what was odd about a reading.

The quarter is the imbalance settlement period of the European grid (Regulation (EU) 2017/2195, article 53).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

QUARTER_S = 900

Quality = Literal["metered", "interpolated", "modelled"]
FullPowerSource = Literal["declared", "measured"]

# Unix seconds (start, end) -> the spans inside, in order and without overlap, in which the stated switching
# convention has the lamps burning.
BurningSpans = Callable[[float, float], Sequence[tuple[float, float]]]


@dataclass(frozen=True)
class Interval:
    """One luminaire's quarter: the body of a journal record of kind "interval".

    `start` is Unix seconds, a multiple of 900. `duration_s` is 900; where more than a week passed without a reading,
    also whole UTC days of 86,400: nothing is known of their quarters. `actual_wh` is what the luminaire used,
    `baseline_wh` what it would have used at full power over the burning hours in which it was available. `coverage`
    (0-1) is the share of the span that lies between two good readings, `available_s` (0-duration_s) the time in which
    the lamp could burn.
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
    """Intervals that turned out to have been written while the clock was wrong: the body of a record of kind "void".

    What this gateway recorded before with a `start` in [start, until) counts no longer; what comes after it does.
    `of` is the kind of those records; `luminaire` is None where it is "control".
    """

    of: Literal["interval", "control"]
    luminaire: str | None
    start: int
    until: int


@dataclass(frozen=True)
class Anomaly:
    """What was odd about a reading, as an event would say it.

    `name` is registerReplaced (the register ran backward: another gear, or a reset), registerJumped (more than the lamp
    can have drawn), declaredPowerWrong (it draws so much all the time: what the board declares is wrong) or
    modelledTooHigh (quarters closed without readings hold more than the register counted afterwards).
    """

    at: float
    name: Literal["registerReplaced", "registerJumped", "declaredPowerWrong", "modelledTooHigh"]
    text: str


def quarter_start(at: float) -> int:
    """The start, in Unix seconds, of the quarter that holds the instant `at`."""
    return int(at // QUARTER_S) * QUARTER_S


def overlap_s(start: float, end: float, other_start: float, other_end: float) -> float:
    """Seconds that two spans have in common; 0 where they do not meet."""
    return max(0.0, min(end, other_end) - max(start, other_start))
