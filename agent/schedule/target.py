"""Works out the target level of a luminaire at an instant.

An override goes before dynamic controls, these before the calendar's program, and the program before the default level.
The luminaire's output follows. At night the level never falls below the installer's floor. The functions are pure: the
answer depends only on the time, the plan, the place and the input state.
- If the clock cannot be believed, the lamp is lit, or follows a photocell of its programs that speaks and has seen a
  night. The photocell's light then counts for eight hours at most.
- If a photocell is silent, the lamp is lit for an hour; then the program's `on` and `off` switch it. If a photocell
  says light although the sun has been down for more than an hour and will be for another, the lamp is lit. A
  contradiction that has lasted for more than an hour is a condition.
- A source with an unknown past (the state was lost) counts as active if that gives more light. It does so for as long
  as it is held, and for a minute at least.
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

# The reasons for a target level (the names of TALQ 2.7.1, and the floor).
DEFAULT = "default"
OVERRIDE = "override"
SENSOR = "sensor"
PROGRAM = "program"
FLOOR = "floor"

# The beginning of 2020. No gateway of this kind is older, so an earlier time comes from a clock that was never set.
_EARLIEST_UNIX = 1577836800.0


class Target(namedtuple("Target", ("percent", "fade_s", "reason", "conditions"))):
    """The target level in percent of the lamp's light (0-100, after its output), the fade in seconds that leads to it,
    the reason for it, and the names of the conditions that hold (agent/schedule/conditions.py)."""

    percent: float
    fade_s: float
    reason: str
    conditions: "tuple[str, ...]"


def target_of(
    plan: "Plan", luminaire: str, place: "Place", inputs: "InputState", unix: float, clock_valid: bool = True
) -> "Target":
    """Returns the target of this luminaire at this instant (Unix seconds). The caller should keep the `place`: its
    cache makes this quick."""
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
    # Sensors count within the active period, even during a step of 0 %.
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
        # The floor is about the light that comes out, so it is applied after the output.
        lifted = plan.floor.lifted(percent, program)
        if lifted != percent:
            percent, reason = lifted, FLOOR
    return Target(percent, fade_s, reason, conditions)


def _without_clock(plan: "Plan", planned: "PlannedLuminaire", inputs: "InputState", unix: float) -> "Target":
    """Returns the target without a clock: the safe level, or dark if the luminaire's programs have photocells and all
    of these can be believed to say light."""
    cells = [program.photocell for program in planned.calendar.programs() if program.photocell]
    light = [photocells.says_light(cell, inputs, unix) for cell in cells]
    percent = 0.0 if light and False not in light else plan.safe_percent
    return Target(percent, 0.0, DEFAULT, (CLOCK_UNKNOWN,))


def _by_photocell(night: "Night", inputs: "InputState", unix: float) -> "tuple[float, float, float, tuple[str, ...]]":
    """Returns the level, its fade, since when it holds, and the conditions, if a photocell decides the active
    period."""
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
    """Returns the level after the paths and the program's dynamic controls, its fade, and since when it holds.

    The fade is that of the latest event: a step of the program, or a control that began or ended.
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
    """Returns whether one of these inputs is active (its hold included), and since when. If none is, returns when the
    last one ended. If that is not known, returns _UNKNOWN and the time since which the past is known."""
    since = unix
    ended = NEVER
    state = _OVER
    # Nothing is known of the time just before the state began.
    recent = unix < inputs.begun + max(hold_s, REPEATS_S)
    for key in keys:
        entry = inputs.active.get(key)
        if entry is None:
            if recent and state == _OVER:
                state = _UNKNOWN
        elif entry[0] > unix + BACKWARD_S:
            # The entry lies in the future: the clock was set back since.
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
