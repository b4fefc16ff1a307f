"""The undisturbed course of a luminaire's level over a stretch of time: what a preview shows."""

from collections import namedtuple

from agent.schedule.evaluate import Change, append_change
from agent.schedule.night import Night

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.calendars import Calendar
    from agent.schedule.place import Place
    from agent.schedule.plan import Floor, Plan, PlannedLuminaire


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
