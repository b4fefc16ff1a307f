"""The control program: when a lamp burns, the steps of its level, and the effects of sensors (names of TALQ 2.7.1)."""

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

# The operations of a dynamic control: the level x becomes ...
SET = "set"  # percent
MAX = "max"  # the larger of x and percent
MIN = "min"  # the smaller of x and percent
ADD = "add"  # x + percent
SUB = "sub"  # x - percent
MUL = "mul"  # x * percent / 100
OPERATIONS = (SET, MAX, MIN, ADD, SUB, MUL)

# The kinds of reading that a dynamic control may name as its source. It may also name a sensor.
PRESENCE = "presence"
TRAFFIC = "traffic"
LUX = "lux"
# A sensor that itself says dark or light.
PHOTOCELL = "photocell"


class Step(namedtuple("Step", ("at", "percent", "fade_s"))):
    """A step: from the mark `at` on, the level is `percent` (0..100), reached by a fade of `fade_s` seconds."""

    at: "Mark"
    percent: float
    fade_s: float


class Photocell(Value):
    """A photocell that decides the active period: it is dark below `on_lux`, and light from `off_lux` (>= on_lux) on.

    With a window (`before_s` + `after_s` > 0) it decides only that near to the program's `on` and `off`. A signal
    before the window switches at its start, and a signal within it at once; without a signal, the lamp is switched at
    its end. Without a window, the photocell decides all day. `source` is "photocell" (any photocell or lux sensor) or
    a sensor's name.
    """

    FIELDS = ("source", "on_lux", "off_lux", "before_s", "after_s")

    def __init__(self, source: str, on_lux: float, off_lux: float, before_s: float = 0, after_s: float = 0) -> None:
        self.source = source
        self.on_lux = on_lux
        self.off_lux = off_lux
        self.before_s = before_s
        self.after_s = after_s
        # The key of this photocell in the input state.
        self.key = "%s:%g:%g" % (source, on_lux, off_lux)

    @property
    def windowed(self) -> bool:
        """True if the photocell decides only within a window, so that the program's marks have the last word."""
        return self.before_s + self.after_s > 0


class Dynamic(Value):
    """A dynamic control: its operation changes the level while its source is active, and for `hold_s` longer.

    A source is active during a presence, or while its reading (a traffic count, lux) is above `above` and below `below`
    (None: there is no such bound). `ramp_up_s` is the fade to a higher level, and `ramp_down_s` to a lower one.
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
        # The key of this control's condition in the input state: controls with one condition share it.
        self.key = key

    def applied(self, percent: float) -> float:
        """Returns the level (0..100) that this control makes of a level while it is active."""
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
        """Returns whether a reading of this value meets the condition."""
        if self.above is None and self.below is None:
            return value > 0
        if self.above is not None and not value > self.above:
            return False
        return self.below is None or value < self.below


class Program(Value):
    """A control program: the lamp is lit from `on` to `off` at the level of the latest step, and dark otherwise.

    Before the night's first step its last step holds (a step holds until the next, and wraps round the day, which runs
    from noon to noon). `fade_s` is the fade of switching on and off. `dark` says that the operator means it if the
    program leaves the street dark at times. Once on, a lamp burns for `min_burning_s`. It is switched on `trim_on_s`
    later and off `trim_off_s` earlier. Of the `dynamics`, the first has the last word.
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
