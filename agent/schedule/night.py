"""A night of a calendar: its program's level from noon to noon, lifted to the installer's floor while it is dark."""

from agent.schedule.conditions import POLAR_NIGHT, WHITE_NIGHT
from agent.schedule.evaluate import Change, ProgramNight, append_change, program_night
from agent.schedule.override import NEVER

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.schedule.calendars import Calendar
    from agent.schedule.place import Day, Place
    from agent.schedule.plan import Floor


class Night:
    """A night of a calendar: its program, the undisturbed changes of its level, lifted to the floor, and the sun."""

    def __init__(self, place: "Place", calendar: "Calendar", floor: "Floor", day: "Day") -> None:
        # Kept alive, because their ids are part of the key under which the place keeps this night.
        self.calendar = calendar
        self.floor = floor
        self.start = day.start
        self.end = day.end
        self.program = calendar.program_of(day.number)
        self.marks = program_night(place, self.program, day)
        self.dark = day.nights()
        self.changes = self.floored(self.marks.changes)
        self.conditions = _sun_conditions(self.marks)
        # The time of the sunrise before this day's noon: NEVER if the sun did not set, and at the latest that noon.
        before = place.day(day.number - 1).horizon
        self.up_since = NEVER if before.white else day.start
        if before.sunrise is not None:
            self.up_since = min(day.start, before.sunrise)

    def floored(self, before: "list[Change]") -> "list[Change]":
        """Returns these changes of this night, lifted to the installer's floor while it is dark."""
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
        """Returns whether it is dark at this instant, so that the installer's floor holds."""
        return any(begin <= unix < end for begin, end in self.dark)

    def change_at(self, unix: float) -> "Change":
        """Returns the change that gives the undisturbed level at an instant of this night."""
        current = self.changes[0]
        for change in self.changes:
            if change.unix > unix:
                break
            current = change
        return current


def night_of(place: "Place", calendar: "Calendar", floor: "Floor", unix: float) -> "Night":
    """Returns the calendar's night that holds this instant, from the place's cache if it is there."""
    day = place.day_at(unix)
    key = (id(calendar), id(floor), day.number)
    found = place.recall(key)
    if found is None:
        found = Night(place, calendar, floor, day)
        before = Night(place, calendar, floor, place.day(day.number - 1)).changes[-1]
        if before.percent == found.changes[0].percent:
            # The level before noon goes on, so it has held since before this night.
            found.changes[0] = before
        place.keep(key, found)
    assert isinstance(found, Night)
    return found


def _sun_conditions(marks: "ProgramNight") -> "tuple[str, ...]":
    sun = marks.day.horizon
    if sun.white:
        return (WHITE_NIGHT,)
    return (POLAR_NIGHT,) if sun.sunset is None or sun.sunrise is None else ()
