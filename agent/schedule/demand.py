"""What is demanded of a luminaire at an instant: override, else dynamic control, else the calendar's program, else the
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
from agent.schedule.evaluate import Change, ProgramNight, append_change, program_night
from agent.schedule.inputs import BACKWARD_S, REPEATS_S, InputState
from agent.schedule.override import NEVER, in_force
from agent.schedule.place import Day, Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.calendars import Calendar
    from agent.schedule.program import Program

# Why a level is demanded (names as in TALQ 2.7.1, and the floor).
DEFAULT = "default"
OVERRIDE = "override"
SENSOR = "sensor"
PROGRAM = "program"
FLOOR = "floor"

# What is not as it should be; the agent makes events of them.
CLOCK_UNKNOWN = "clockInvalid"
UNKNOWN_LUMINAIRE = "luminaireNotPlanned"
WHITE_NIGHT = "sunDoesNotSet"
POLAR_NIGHT = "sunDoesNotRise"
CONDITIONS = {
    CLOCK_UNKNOWN: "the clock cannot be believed: the lamps burn at the safe level, or by the photocell, until a"
    " network tells the time",
    UNKNOWN_LUMINAIRE: "no plan knows this luminaire: it burns at the safe level",
    WHITE_NIGHT: "the sun does not set in this night: lamps that are switched by the sun stay off",
    POLAR_NIGHT: "the sun does not rise or set on this day: lamps that are switched by the sun burn through it",
    photocells.CONTRADICTS: "the photocell contradicts the sun by more than an hour: the lamps burn; test it",
    photocells.FLICKERS: "the photocell flickers: it counts as dark until it has been steady for five minutes; test it",
    photocells.SILENT: "the photocell is silent: the lamps are switched by the program's on and off instead",
}

# No gateway of this kind was there before 2020: an earlier time is a clock that was never set.
_EARLIEST_UNIX = 1577836800.0


class Demand(namedtuple("Demand", ("percent", "fade_s", "reason", "conditions"))):
    """The lamp's level (0..100, after its output), the fade that leads to it, why, and names of CONDITIONS."""

    percent: float
    fade_s: float
    reason: str
    conditions: "tuple[str, ...]"


class Night:
    """A calendar's night: its program, the undisturbed changes of level with the floor in them, and the sun's say."""

    def __init__(self, place: "Place", calendar: "Calendar", floor: "Floor", day: "Day") -> None:
        # Both stay with their ids.
        self.calendar = calendar
        self.floor = floor
        self.start = day.start
        self.end = day.end
        self.program = calendar.program_of(day.number)
        self.marks = program_night(place, self.program, day)
        self.dark = day.nights()
        self.changes = self.floored(self.marks.changes)
        self.conditions = _sun_conditions(self.marks)
        # When the sun came up before this day's noon: long before where it did not set, else then at the latest.
        before = place.day(day.number - 1).horizon
        self.up_since = NEVER if before.white else day.start
        if before.sunrise is not None:
            self.up_since = min(day.start, before.sunrise)

    def floored(self, before: "list[Change]") -> "list[Change]":
        """These changes, of this night, with the installer's floor where it is dark."""
        found = []  # type: list[Change]
        for index, change in enumerate(before):
            until = before[index + 1].unix if index + 1 < len(before) else self.end
            append_change(found, change)
            lifted = self.floor.lifted(change.percent, self.program)
            for dark_from, dark_until in self.dark:
                begin = max(change.unix, dark_from)
                end = min(until, dark_until)
                if lifted != change.percent and begin < end:
                    append_change(found, Change(begin, lifted, change.fade_s))
                    if end < until:
                        append_change(found, Change(end, change.percent, change.fade_s))
        return found

    def is_dark(self, unix: float) -> bool:
        """Whether the installer's floor holds at this instant."""
        return any(begin <= unix < end for begin, end in self.dark)

    def change_at(self, unix: float) -> "Change":
        """The undisturbed level at an instant of this night."""
        current = self.changes[0]
        for change in self.changes:
            if change.unix > unix:
                break
            current = change
        return current


def night_of(place: "Place", calendar: "Calendar", floor: "Floor", unix: float) -> "Night":
    """The calendar's night that holds this instant, from the place's memory where it is there."""
    day = place.day_at(unix)
    key = (id(calendar), id(floor), day.number)
    found = place.recall(key)
    if found is None:
        found = Night(place, calendar, floor, day)
        before = Night(place, calendar, floor, place.day(day.number - 1)).changes[-1]
        if before.percent == found.changes[0].percent:
            # What held before noon holds on: it is as old as it is.
            found.changes[0] = before
        place.keep(key, found)
    assert isinstance(found, Night)
    return found


def demand(
    plan: "Plan", luminaire: str, place: "Place", inputs: "InputState", unix: float, clock_valid: bool = True
) -> "Demand":
    """What this luminaire is to show at this instant. Keep the `place`: what it remembers makes this quick."""
    planned = plan.luminaires.get(luminaire)
    if planned is None:
        return Demand(plan.safe_percent, 0.0, DEFAULT, (UNKNOWN_LUMINAIRE,))
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
    return Demand(percent, fade_s, reason, conditions)


def changes(
    plan: "Plan",
    luminaire: str,
    place: "Place",
    start: float,
    end: float,
    operating_hours: "float | None" = None,
) -> "list[Change]":
    """The undisturbed levels of a luminaire (no sensor, no override; photocells switch at the program's marks) within
    [start, end): the first stands at `start`, each holds until the next. Luminaires that are equal get the same list,
    worked out once for the same `place`; do not change it."""
    planned = plan.luminaires[luminaire]
    key = (id(planned.calendar), planned.output, id(plan.floor), start, end, operating_hours)
    found = place.recall(key)
    if found is None:
        found = Course(planned.calendar, plan.floor, _course(place, planned, plan.floor, start, end, operating_hours))
        place.keep(key, found)
    assert isinstance(found, Course)
    return found.changes


class Course(namedtuple("Course", ("calendar", "floor", "changes"))):
    """A stretch of undisturbed levels, kept with those whose ids are its key."""

    calendar: "Calendar"
    floor: "Floor"
    changes: "list[Change]"


def _course(
    place: "Place",
    planned: "PlannedLuminaire",
    floor: "Floor",
    start: float,
    end: float,
    operating_hours: "float | None",
) -> "list[Change]":
    found = []  # type: list[Change]
    at = start
    while at < end:
        day = place.day_at(at)
        night = Night(place, planned.calendar, floor, day)
        lamp = []  # type: list[Change]
        for change in night.changes:
            append_change(lamp, Change(change.unix, planned.output.of(change.percent, operating_hours), change.fade_s))
        for change in night.floored(lamp):
            if change.unix >= end:
                break
            # Whatever came before the start stands at the start.
            append_change(found, Change(max(change.unix, start), change.percent, change.fade_s))
        # An instant that belongs to no later day than its own would never end: step over it.
        at = max(day.end, at + 1.0)
    return found


def _without_clock(plan: "Plan", planned: "PlannedLuminaire", inputs: "InputState", unix: float) -> "Demand":
    """Lit at the safe level, unless every photocell of the luminaire's programs that speaks says light."""
    cells = [program.photocell for program in planned.calendar.programs() if program.photocell]
    light = [photocells.says_light(cell, inputs, unix) for cell in cells]
    percent = 0.0 if light and False not in light else plan.safe_percent
    return Demand(percent, 0.0, DEFAULT, (CLOCK_UNKNOWN,))


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


def _sun_conditions(marks: "ProgramNight") -> "tuple[str, ...]":
    sun = marks.day.horizon
    if sun.white:
        return (WHITE_NIGHT,)
    return (POLAR_NIGHT,) if sun.sunset is None or sun.sunrise is None else ()
