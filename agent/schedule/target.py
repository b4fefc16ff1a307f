"""The target level of a luminaire at an instant: override, else dynamic control, else the calendar's program, else the
default level; then its output; at night never below the installer's floor.

Pure: the answer depends on the time, the plan, the place and the input state alone.
- A clock that cannot be believed: lit, or by the photocell where the program has one that speaks and has seen a night;
  its light counts for eight hours at most.
- A photocell that is silent: lit for an hour, then the program's `on` and `off` hold. One that says light while the
  sun has been down for more than an hour, and will be for another: lit. A contradiction that has lasted for more than
  an hour is a condition.
- A source of which the past is not known (the state was lost) counts as active where that gives more light, for as
  long as it is held, and for a minute at least.
"""

from collections import namedtuple

from agent.schedule import photocells
from agent.schedule.conditions import CLOCK_UNKNOWN, UNKNOWN_LUMINAIRE
from agent.schedule.inputs import BACKWARD_S, REPEATS_S, InputState
from agent.schedule.night import night_of
from agent.schedule.override import NEVER, in_force

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.night import Night
    from agent.schedule.place import Place
    from agent.schedule.plan import Plan, PlannedLuminaire
    from agent.schedule.program import Program

# Why a level is the target (names as in TALQ 2.7.1, and the floor).
DEFAULT = "default"
OVERRIDE = "override"
SENSOR = "sensor"
PROGRAM = "program"
FLOOR = "floor"

# No gateway of this kind was there before 2020: an earlier time is a clock that was never set.
_EARLIEST_UNIX = 1577836800.0


class Target(namedtuple("Target", ("percent", "fade_s", "reason", "conditions"))):
    """The target level in percent of the lamp's light (0-100, after its output), the fade in seconds that leads to it,
    why, and the names of the conditions (agent/schedule/conditions.py) that hold."""

    percent: float
    fade_s: float
    reason: str
    conditions: "tuple[str, ...]"


def target_of(
    plan: "Plan", luminaire: str, place: "Place", inputs: "InputState", unix: float, clock_valid: bool = True
) -> "Target":
    """Returns the target of this luminaire at this instant (Unix seconds). Keep the `place`: what it remembers makes
    this quick."""
    planned = plan.luminaires.get(luminaire)
    if planned is None:
        return Target(plan.safe_percent, 0.0, DEFAULT, (UNKNOWN_LUMINAIRE,))
    if not clock_valid or unix < _EARLIEST_UNIX:
        return _without_clock(plan, planned, inputs, unix)
    night = night_of(place, planned.calendar, plan.floor, unix)
    program = night.program
    conditions = night.conditions
    change = night.change_at(unix)
    percent, fade_s, since = change.percent, change.fade_s, change.unix
    reason = PROGRAM
    if program.photocell is not None:
        percent, fade_s, since, more = _by_photocell(night, inputs, unix)
        conditions += more
    # Sensors count within the active period, be its step 0 %.
    if (program.dynamics or planned.listens) and (percent > 0 or night.marks.lit(unix)):
        changed = _with_dynamics(planned, program, inputs, unix, percent, fade_s, since)
        if changed[0] != percent:
            reason = SENSOR
        percent, fade_s, since = changed
    if plan.overrides:
        override, ended = in_force(plan.overrides, luminaire, planned.groups, unix, plan.floor.longest_override_s)
        if override is not None and override.percent is not None:
            percent, fade_s, reason = override.percent, override.fade_s, OVERRIDE
        elif ended > since:
            fade_s = program.fade_s
    percent = planned.output.of(percent, inputs.operating_hours.get(luminaire))
    if night.is_dark(unix):
        # The floor is of the light that comes out: no output takes any of it away.
        lifted = plan.floor.lifted(percent, program)
        if lifted != percent:
            percent, reason = lifted, FLOOR
    return Target(percent, fade_s, reason, conditions)


def _without_clock(plan: "Plan", planned: "PlannedLuminaire", inputs: "InputState", unix: float) -> "Target":
    """Lit at the safe level, unless every photocell of the luminaire's programs that speaks says light."""
    cells = [program.photocell for program in planned.calendar.programs() if program.photocell]
    light = [photocells.says_light(cell, inputs, unix) for cell in cells]
    percent = 0.0 if light and False not in light else plan.safe_percent
    return Target(percent, 0.0, DEFAULT, (CLOCK_UNKNOWN,))


def _by_photocell(night: "Night", inputs: "InputState", unix: float) -> "tuple[float, float, float, tuple[str, ...]]":
    """The level, its fade, since when, and conditions, where the active period is a photocell's."""
    program = night.program
    lit, since, conditions = photocells.active(night.marks, night.up_since, inputs, unix)
    if not lit:
        return 0.0, program.fade_s, since, conditions
    stepped, step = night.marks.holding(unix)
    return step.percent, step.fade_s if stepped > since else program.fade_s, max(stepped, since), conditions


def _with_dynamics(
    planned: "PlannedLuminaire",
    program: "Program",
    inputs: "InputState",
    unix: float,
    percent: float,
    fade_s: float,
    since: float,
) -> "tuple[float, float, float]":
    """The level after the paths and the program's dynamic controls, its fade, and since when.

    The fade is that of the latest thing that happened: a step of the program, a control that began or one that ended.
    """
    for key, path in planned.listens:
        state, at = _activity((key,), path.hold_s, inputs, unix)
        changed = max(percent, path.percent)
        if changed != percent and at >= since:
            since, fade_s = at, path.ramp_up_s if state != _OVER else path.ramp_down_s
        if state != _OVER:
            percent = changed
    for dynamic, keys in planned.watched(program):
        state, at = _activity(keys, dynamic.hold_s, inputs, unix)
        changed = dynamic.applied(percent)
        if state == _UNKNOWN:
            changed = max(percent, changed)
        if changed != percent and at >= since:
            brighter = (changed > percent) == (state != _OVER)
            since, fade_s = at, dynamic.ramp_up_s if brighter else dynamic.ramp_down_s
        if state != _OVER:
            percent = changed
    return percent, fade_s, since


_ACTIVE, _OVER, _UNKNOWN = 1, 0, -1


def _activity(
    keys: "list[str] | tuple[str, ...]", hold_s: float, inputs: "InputState", unix: float
) -> "tuple[int, float]":
    """Whether one of these inputs is active with its hold, and since when; or when the last one ended."""
    since = unix
    ended = NEVER
    state = _OVER
    # Nobody knows what was just before the state began.
    recent = unix < inputs.begun + max(hold_s, REPEATS_S)
    for key in keys:
        entry = inputs.active.get(key)
        if entry is None:
            if recent and state == _OVER:
                state = _UNKNOWN
        elif entry[0] > unix + BACKWARD_S:
            # It comes from a future that a clock set back has taken away.
            if state == _OVER:
                state = _UNKNOWN
        elif unix < entry[1] + hold_s:
            if state != _ACTIVE:
                state, since = _ACTIVE, entry[0]
            since = min(since, entry[0])
        else:
            ended = max(ended, entry[1] + hold_s)
    if state == _ACTIVE:
        return state, since
    if state == _UNKNOWN:
        return state, inputs.begun
    return state, ended
