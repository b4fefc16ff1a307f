"""A control program as a value: when the lamp burns, at which level from when, and what sensors do to it (names as in
TALQ 2.7.1)."""

from collections import namedtuple

from agent.schedule.marks import (
    DAY_S,
    MIDPOINT,
    NOON_S,
    SUN_ABOVE,
    SUN_BELOW,
    SUNRISE,
    SUNSET,
    TIME,
    Mark,
    MarkError,
    mark_text,
    parse_mark,
    seconds_after_noon,
)
from agent.schedule.value import Value

__all__ = (
    "ADD",
    "DAY_S",
    "LUX",
    "MAX",
    "MIDPOINT",
    "MIN",
    "MUL",
    "NOON_S",
    "OPERATIONS",
    "PHOTOCELL",
    "PRESENCE",
    "SET",
    "SUB",
    "SUNRISE",
    "SUNSET",
    "SUN_ABOVE",
    "SUN_BELOW",
    "TIME",
    "TRAFFIC",
    "Dynamic",
    "Mark",
    "MarkError",
    "Photocell",
    "Program",
    "Step",
    "mark_text",
    "parse_mark",
    "seconds_after_noon",
)

# What a dynamic control does to the level: x becomes ...
SET = "set"  # percent
MAX = "max"  # the larger of x and percent
MIN = "min"  # the smaller of x and percent
ADD = "add"  # x + percent
SUB = "sub"  # x - percent
MUL = "mul"  # x * percent / 100
OPERATIONS = (SET, MAX, MIN, ADD, SUB, MUL)

# The kinds of a reading that a dynamic control may name as its source, beside a sensor's own name.
PRESENCE = "presence"
TRAFFIC = "traffic"
LUX = "lux"
# A sensor that itself says dark or light.
PHOTOCELL = "photocell"


class Step(namedtuple("Step", ("at", "percent", "fade_s"))):
    """From this mark on: the level in percent (0..100), reached by a fade of so many seconds."""

    at: "Mark"
    percent: float
    fade_s: float


class Photocell(Value):
    """The active period by a photocell: dark below `on_lux`, light from `off_lux` (>= on_lux) on.

    With a window (`before_s` + `after_s` > 0) it decides only that near to the program's `on` and `off`: a signal
    before the window switches at its start, one inside at the signal, none at its end. Without, it decides all day.
    `source`: "photocell" (any photocell or lux sensor) or a sensor's name.
    """

    FIELDS = ("source", "on_lux", "off_lux", "before_s", "after_s")

    def __init__(self, source: str, on_lux: float, off_lux: float, before_s: float = 0, after_s: float = 0) -> None:
        self.source = source
        self.on_lux = on_lux
        self.off_lux = off_lux
        self.before_s = before_s
        self.after_s = after_s
        # Under which this photocell's state is kept.
        self.key = "%s:%g:%g" % (source, on_lux, off_lux)

    @property
    def windowed(self) -> bool:
        """Whether the sun has the last word."""
        return self.before_s + self.after_s > 0


class Dynamic(Value):
    """A dynamic control: while its source is active, and `hold_s` longer, the level is changed by the operation.

    Active is a presence; a traffic count above `above`; a lux reading below `below` (None: that side does not count).
    `ramp_up_s` and `ramp_down_s` are the fades to the changed level and back.
    """

    FIELDS = ("source", "operation", "percent", "hold_s", "ramp_up_s", "ramp_down_s", "above", "below")

    def __init__(
        self,
        source: str,
        operation: str,
        percent: float,
        hold_s: float,
        ramp_up_s: float = 0,
        ramp_down_s: float = 0,
        above: "float | None" = None,
        below: "float | None" = None,
    ) -> None:
        self.source = source
        self.operation = operation
        self.percent = percent
        self.hold_s = hold_s
        self.ramp_up_s = ramp_up_s
        self.ramp_down_s = ramp_down_s
        self.above = above
        self.below = below
        key = source
        if above is not None:
            key += ">%g" % above
        if below is not None:
            key += "<%g" % below
        # Under which this control's condition is kept: controls of one condition share it.
        self.key = key

    def applied(self, percent: float) -> float:
        """What this control, active, makes of a level; within 0..100."""
        operation = self.operation
        if operation == MAX:
            return max(percent, self.percent)
        if operation == MIN:
            return min(percent, self.percent)
        if operation == ADD:
            return min(100.0, percent + self.percent)
        if operation == SUB:
            return max(0.0, percent - self.percent)
        if operation == MUL:
            return min(100.0, percent * self.percent / 100.0)
        return self.percent

    def holds(self, value: float) -> bool:
        """Whether a reading of this value meets the condition."""
        if self.above is None and self.below is None:
            return value > 0
        if self.above is not None and not value > self.above:
            return False
        return self.below is None or value < self.below


class Program(Value):
    """Lit from `on` to `off` at the level of the latest step; dark otherwise.

    Before the night's first step the last one of the night holds (a fixed time holds until the next and wraps round
    the day, which runs from noon to noon). `fade_s`: the fade of switching on and off. `dark`: the operator knows that
    it leaves the street dark at times. `min_burning_s`: once on, a lamp burns that long. `trim_on_s`, `trim_off_s`: it
    is switched on that much later, off that much earlier. `dynamics`: the first has the last word.
    """

    FIELDS = (
        "name",
        "on",
        "off",
        "steps",
        "fade_s",
        "photocell",
        "dynamics",
        "dark",
        "min_burning_s",
        "trim_on_s",
        "trim_off_s",
    )

    def __init__(
        self,
        name: str,
        on: "Mark",
        off: "Mark",
        steps: "tuple[Step, ...]",
        fade_s: float,
        photocell: "Photocell | None" = None,
        dynamics: "tuple[Dynamic, ...]" = (),
        dark: bool = False,
        min_burning_s: float = 0,
        trim_on_s: float = 0,
        trim_off_s: float = 0,
    ) -> None:
        self.name = name
        self.on = on
        self.off = off
        self.steps = steps
        self.fade_s = fade_s
        self.photocell = photocell
        self.dynamics = dynamics
        self.dark = dark
        self.min_burning_s = min_burning_s
        self.trim_on_s = trim_on_s
        self.trim_off_s = trim_off_s
