"""Works out the undisturbed course of a luminaire's level over a span of time, for previews."""

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
    """Returns the undisturbed levels of a luminaire within [start, end) (Unix seconds): the first change stands at
    `start`, and each holds until the next.

    Undisturbed means that there is no sensor and no override, and that photocells switch at the program's marks. Like
    luminaires share one list, which is worked out once for a `place`: the caller must not change it.
    """
    planned = plan.luminaires[luminaire]
    key = (id(planned.calendar), planned.output, id(plan.floor), start, end, operating_hours)
    found = place.recall(key)
    if found is None:
        found = Course(planned.calendar, plan.floor, _course(place, planned, plan.floor, start, end, operating_hours))
        place.keep(key, found)
    assert isinstance(found, Course)
    return found.changes


class Course(namedtuple("Course", ("calendar", "floor", "changes"))):
    """The undisturbed levels in a span of time. The calendar and the floor are kept with them, because their ids are
    part of the key in the place's cache."""

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
            # A change from before the start stands at the start.
            append_change(found, Change(max(change.unix, start), change.percent, change.fade_s))
        # If a clock change leaves `at` at the end of its own day, step over it: the loop must not stand still.
        at = max(day.end, at + 1.0)
    return found
