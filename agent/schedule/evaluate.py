"""Evaluates a program's level over a night, and when a lamp burns, by pure functions of time, program and place.

A night is a day from noon to noon of the local clock, so that it belongs to one date: that of its evening.
- In a white night (the sun never passes below the horizon), a period that depends on the sun alone is empty.
- In the polar night the lamps are lit. A missing sunset counts as the noon at which the day begins, a missing sunrise
  as the noon at which it ends.
- If the sun sets but does not reach the angle of a mark, the mark counts as the sun's lowest point. A period with both
  ends missing in this way is empty.
- A period with its end before its beginning is empty that night: a morning switch-on after sunrise never burns all day.
Photocells, dynamic controls and overrides are applied afterwards, in agent/schedule/target.py.
"""

from collections import namedtuple

from agent.schedule.marks import TIME, Mark, seconds_after_noon
from agent.schedule.place import Place, passing_of
from agent.schedule.program import Program

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.interfaces import Almanac
    from agent.schedule.place import Cache, Day
    from agent.schedule.program import Step


class Change(namedtuple("Change", ("unix", "percent", "fade_s"))):
    """A change of level: from `unix` on (Unix seconds) the level is `percent`, reached by a fade of `fade_s`."""

    unix: float
    percent: float
    fade_s: float


class ProgramNight:
    """A program in a day: its steps and lit periods in order of time, and the changes of level that follow from them.

    `steps` are (instant, step) and `periods` are (begin, end), in Unix seconds. The first change stands at the noon at
    which the day begins.
    """

    def __init__(self, place: "Place", program: "Program", day: "Day") -> None:
        self.program = program
        self.day = day
        self.steps = _ordered_steps(place, program, day)
        self.periods = _periods(place, program, day)
        self.changes = self._changes()

    def holding(self, unix: float) -> "tuple[float, Step]":
        """Returns the instant since which a step holds (the day's noon at the earliest), and the step that holds at
        `unix`, whether or not the lamp is lit."""
        since, holding = self.day.start, self.steps[-1][1]
        for instant, step in self.steps:
            if instant > unix:
                break
            since, holding = instant, step
        return since, holding

    def lit(self, unix: float) -> bool:
        """Returns whether this instant lies within a lit period."""
        return any(begin <= unix < finish for begin, finish in self.periods)

    def _changes(self) -> "list[Change]":
        fade_s = self.program.fade_s
        changes = [Change(self.day.start, 0, fade_s)]
        for begin, finish in self.periods:
            append_change(changes, Change(begin, self.holding(begin)[1].percent, fade_s))
            for instant, step in self.steps:
                if begin < instant < finish:
                    append_change(changes, Change(instant, step.percent, step.fade_s))
            if finish < self.day.end:
                append_change(changes, Change(finish, 0, fade_s))
        return changes


def program_night(place: "Place", program: "Program", day: "Day") -> "ProgramNight":
    """Returns the program in this day, from the place's cache if it is there."""
    key = (id(program), day.number)
    found = place.recall(key)
    if found is None:
        found = ProgramNight(place, program, day)
        # The value keeps the program alive, so that no other program can get its id while this key is in the cache.
        place.keep(key, found)
    assert isinstance(found, ProgramNight)
    return found


def append_change(changes: "list[Change]", change: "Change") -> None:
    """Adds a change of level. It replaces an earlier change at its instant, and is left out if the level stays."""
    if changes and changes[-1].unix == change.unix:
        changes.pop()
    if not changes or changes[-1].percent != change.percent:
        changes.append(change)


def burning_spans(
    on: "Mark",
    off: "Mark",
    almanac: "Almanac",
    latitude: float,
    longitude: float,
    start: float,
    end: float,
    cache: "Cache | None" = None,
) -> "list[tuple[float, float]]":
    """Returns the spans within [start, end) (Unix seconds) in which a lamp burns that is switched at `on` and `off`.
    They are in order and do not overlap."""
    place = _place(cache, almanac, latitude, longitude)
    convention = Program("", on, off, (), 0)
    spans: "list[tuple[float, float]]" = []
    while start < end:
        day = place.day_at(start)
        until = min(end, day.end)
        for begin, finish in _periods(place, convention, day):
            if max(begin, start) < min(finish, until):
                spans.append((max(begin, start), min(finish, until)))
        # If a clock change leaves `start` at the end of its own day, step over it: the loop must not stand still.
        start = max(until, start + 1.0)
    return spans


def burning_seconds(
    on: "Mark",
    off: "Mark",
    almanac: "Almanac",
    latitude: float,
    longitude: float,
    start: float,
    end: float,
    cache: "Cache | None" = None,
) -> float:
    """Returns the seconds within [start, end) (Unix seconds) in which a lamp burns that is switched at `on` and
    `off`."""
    spans = burning_spans(on, off, almanac, latitude, longitude, start, end, cache)
    return sum([finish - begin for begin, finish in spans])


def _place(cache: "Cache | None", almanac: "Almanac", latitude: float, longitude: float) -> "Place":
    return cache.place(almanac, latitude, longitude) if cache else Place(almanac, latitude, longitude)


def _periods(place: "Place", program: "Program", day: "Day") -> "list[tuple[float, float]]":
    """Returns the lit periods within this day. They are in order and do not overlap.

    Near the poles an offset can carry a switching past noon, so the days before and after count too.
    """
    found = []  # type: list[tuple[float, float]]
    for number in (day.number - 1, day.number, day.number + 1):
        begin, finish = _period(place, program, place.day(number))
        begin = max(begin, day.start)
        finish = min(finish, day.end)
        if found and begin <= found[-1][1] and finish > begin:
            found[-1] = (found[-1][0], max(finish, found[-1][1]))
        elif begin < finish:
            found.append((begin, finish))
    return found


def _period(place: "Place", program: "Program", day: "Day") -> "tuple[float, float]":
    """Returns the beginning and the end of this night's lit period. It is empty if the end is not the later one."""
    on, off = program.on, program.off
    white = [passing_of(mark, day).white for mark in (on, off) if mark.kind != TIME]
    if white and False not in white:
        return day.start, day.start
    begin_missing, end_missing = day.start, day.end
    if True in white:
        begin_missing = end_missing = day.horizon.midnight
    begin = place.instant(on, day, begin_missing, False) + program.trim_on_s
    end = place.instant(off, day, end_missing, False, True) - program.trim_off_s
    return begin, max(end, begin + program.min_burning_s) if begin < end else end


def _ordered_steps(place: "Place", program: "Program", day: "Day") -> "list[tuple[float, Step]]":
    steps = []
    for index, step in enumerate(program.steps):
        # A clock change can put two times at one instant: they keep their order on the clock, and the later one holds.
        order = seconds_after_noon(step.at) if step.at.kind == TIME else -1
        steps.append((_step_instant(place, step.at, day), order, index, step))
    steps.sort(key=_order)
    return [(entry[0], entry[3]) for entry in steps]


def _step_instant(place: "Place", mark: "Mark", day: "Day") -> float:
    """Returns the instant of a step, which always lies within its day.

    In a white night, sunset and sunrise count as the sun's lowest point. In the polar night, a missing sunset counts as
    the noon at which the day begins, and a missing sunrise as the noon at which it ends.
    """
    missing = day.start
    if mark.kind != TIME:
        missing = day.horizon.midnight if passing_of(mark, day).white else day.end if mark.morning else day.start
    return max(day.start, min(day.end, place.instant(mark, day, missing, True)))


def _order(entry: "tuple[float, int, int, object]") -> "tuple[float, int, int]":
    return entry[:3]
