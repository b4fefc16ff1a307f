"""What a program asks of a lamp at an instant: a pure function of time, program, almanac and place.

A night is a day from noon to noon of the local clock, so that it belongs to one date: that of its evening.
- White night (the sun never passes below the horizon): off, as at noon, where the period hangs on the sun.
- Polar night: lit. A missing sunset counts as the noon at which the day begins, a missing sunrise as that at its end.
- A period whose end comes before its beginning is empty that night: a morning switch-on after sunrise never burns all
  day.
"""

from collections import namedtuple

from agent.schedule import sun
from agent.schedule.civil import date_of_day
from agent.schedule.program import DAY_S, NOON_S, SUNRISE, SUNSET, TIME, seconds_after_noon

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.interfaces import Almanac
    from agent.schedule.program import Mark, Program


class Target(namedtuple("Target", ("percent", "fade_s", "since_unix"))):
    """The level that is asked for, the fade that leads to it, and since when it is asked for.

    `since_unix` looks back at most to the noon before last: a level that is older than that is dated so.
    """

    percent: float
    fade_s: float
    since_unix: float


class Change(namedtuple("Change", ("unix", "percent", "fade_s"))):
    """From `unix` on the level is `percent`, reached by a fade of `fade_s`."""

    unix: float
    percent: float
    fade_s: float


class Day(namedtuple("Day", ("number", "start", "end", "sun"))):
    """One local day from noon (`start`) to noon (`end`), Unix times, with the sun's night in it."""

    number: int
    start: float
    end: float
    sun: "sun.SunNight"


class Resolved(namedtuple("Resolved", ("program", "start", "end", "changes"))):
    """One day's changes; the first stands at `start`, or earlier where the level was there before."""

    program: "Program"
    start: float
    end: float
    changes: "list[Change]"


class Place:
    """A place on earth with its civil time, which remembers the days that it worked out last."""

    # Days and resolved programs that are kept: an evaluation touches four days, and a street has a few programs.
    _KEPT = 16

    def __init__(self, almanac: "Almanac", latitude: float, longitude: float) -> None:
        """Latitude -90..90 north, longitude -180..180 east, in degrees."""
        self.almanac = almanac
        self.latitude = latitude
        self.longitude = longitude
        self._days = []  # type: list[Day]
        self._resolved = []  # type: list[Resolved]

    def day_at(self, unix: float) -> "Day":
        """The day from noon to noon that holds this instant."""
        for day in self._days:
            if day.start <= unix < day.end:
                return day
        local = unix + self.almanac.utc_offset_s(unix)
        return self.day(int((local - NOON_S) // DAY_S))

    def day(self, number: int) -> "Day":
        """The day whose noon lies in day `number` since 1970-01-01, by the local calendar."""
        for day in self._days:
            if day.number == number:
                return day
        start = self.clock_time(number, NOON_S)
        end = self.clock_time(number + 1, NOON_S)
        day = Day(number, start, end, sun.night_around(self.latitude, self.longitude, (start + end) / 2.0))
        if len(self._days) >= self._KEPT:
            del self._days[0]
        self._days.append(day)
        return day

    def clock_time(self, number: int, second_of_day: int) -> float:
        """The instant at which local clocks show this second of the day with this number."""
        year, month, day = date_of_day(number)
        return self.almanac.local_to_unix(year, month, day, second_of_day)

    def resolved(self, program: "Program", unix: float) -> "Resolved":
        """The changes of the day that holds this instant."""
        for kept in self._resolved:
            if kept.start <= unix < kept.end and kept.program == program:
                return kept
        day = self.day_at(unix)
        changes = _changes(self, program, day)
        before = _changes(self, program, self.day(day.number - 1))
        if before[-1].percent == changes[0].percent:
            changes[0] = before[-1]
        resolved = Resolved(program, day.start, day.end, changes)
        if len(self._resolved) >= self._KEPT:
            del self._resolved[0]
        self._resolved.append(resolved)
        return resolved


class Cache:
    """The places that were asked about last. It only saves time: answers are the same with it and without it."""

    _KEPT = 4

    def __init__(self) -> None:
        self._places = []  # type: list[Place]

    def place(self, almanac: "Almanac", latitude: float, longitude: float) -> "Place":
        """This place, with what is remembered of it."""
        for place in self._places:
            if place.almanac is almanac and place.latitude == latitude and place.longitude == longitude:
                return place
        place = Place(almanac, latitude, longitude)
        if len(self._places) >= self._KEPT:
            del self._places[0]
        self._places.append(place)
        return place


def target(
    program: "Program", almanac: "Almanac", latitude: float, longitude: float, unix: float, cache: "Cache | None" = None
) -> "Target":
    """What the program asks for at this instant. Give the same `cache` each time to make repeated
    questions cheap."""
    found = _place(cache, almanac, latitude, longitude).resolved(program, unix).changes
    current = found[0]
    for change in found:
        if change.unix > unix:
            break
        current = change
    return Target(current.percent, current.fade_s, current.unix)


def night(
    program: "Program", almanac: "Almanac", latitude: float, longitude: float, unix: float, cache: "Cache | None" = None
) -> "list[Change]":
    """Every change of level in the noon-to-noon day that holds this instant, in order of time.

    The first one is at that noon only where the program is lit there; an empty list is a night without light.
    """
    place = _place(cache, almanac, latitude, longitude)
    changes = _changes(place, program, place.day_at(unix))
    return changes if changes[0].percent > 0 else changes[1:]


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
    """When, within [start, end), a lamp burns that is switched at `on` and `off`: spans in order, apart."""
    place = _place(cache, almanac, latitude, longitude)
    spans: "list[tuple[float, float]]" = []
    while start < end:
        day = place.day_at(start)
        until = min(end, day.end)
        for begin, finish in _periods(place, on, off, day):
            if max(begin, start) < min(finish, until):
                spans.append((max(begin, start), min(finish, until)))
        # An instant that belongs to no later day than its own would never end: step over it.
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
    """How long a lamp that is switched at `on` and `off` burns within [start, end), in seconds."""
    spans = burning_spans(on, off, almanac, latitude, longitude, start, end, cache)
    return sum([finish - begin for begin, finish in spans])


def _place(cache: "Cache | None", almanac: "Almanac", latitude: float, longitude: float) -> "Place":
    return cache.place(almanac, latitude, longitude) if cache else Place(almanac, latitude, longitude)


def _periods(place: "Place", on: "Mark", off: "Mark", day: "Day") -> "list[tuple[float, float]]":
    """The lit periods within this day, in order, apart from each other.

    Near the poles an offset can carry a switching past noon; so the days before and after are asked too.
    """
    found = []  # type: list[tuple[float, float]]
    for number in (day.number - 1, day.number, day.number + 1):
        begin, finish = _period(place, on, off, place.day(number))
        begin = max(begin, day.start)
        finish = min(finish, day.end)
        if found and begin <= found[-1][1] and finish > begin:
            found[-1] = (found[-1][0], max(finish, found[-1][1]))
        elif begin < finish:
            found.append((begin, finish))
    return found


def _period(place: "Place", on: "Mark", off: "Mark", day: "Day") -> "tuple[float, float]":
    """When this night's lit period begins and ends; empty where the end is not after the beginning."""
    if day.sun.white and (on.kind != TIME or off.kind != TIME):
        return day.start, day.start
    return _instant(place, on, day, day.start, False), _instant(place, off, day, day.end, False, noon_is_end=True)


def _instant(
    place: "Place", mark: "Mark", day: "Day", when_missing: float, shift_missing: bool, noon_is_end: bool = False
) -> float:
    """When a mark comes in this day. A sun event that does not happen counts as `when_missing`, offset or not."""
    if mark.kind == TIME:
        after_noon = seconds_after_noon(mark)
        if after_noon == 0:
            return day.end if noon_is_end else day.start
        return place.clock_time(day.number if mark.offset_s > NOON_S else day.number + 1, mark.offset_s)
    event = day.sun.sunset if mark.kind == SUNSET else day.sun.sunrise
    if event is not None:
        return event + mark.offset_s
    return when_missing + mark.offset_s if shift_missing else when_missing


def _step_instant(place: "Place", mark: "Mark", day: "Day") -> float:
    """When a step comes; always inside its day.

    In a white night both sunset and sunrise count as the sun's lowest point; in the polar night as noons (see above).
    """
    missing = day.sun.midnight if day.sun.white else day.end if mark.kind == SUNRISE else day.start
    return max(day.start, min(day.end, _instant(place, mark, day, missing, True)))


def _changes(place: "Place", program: "Program", day: "Day") -> "list[Change]":
    """Every change of level in this day, beginning with what holds at its first noon."""
    steps = []
    for index, step in enumerate(program.steps):
        # Two times that a clock change makes one instant keep their order of the clock, and the later one holds.
        order = seconds_after_noon(step.at) if step.at.kind == TIME else -1
        steps.append((_step_instant(place, step.at, day), order, index, step))
    steps.sort(key=_order)
    changes = [Change(day.start, 0, program.fade_s)]
    for begin, finish in _periods(place, program.on, program.off, day):
        holding = steps[-1][3]
        for instant, _, _, step in steps:
            if instant <= begin:
                holding = step
        _append(changes, Change(begin, holding.percent, program.fade_s))
        for instant, _, _, step in steps:
            if begin < instant < finish:
                _append(changes, Change(instant, step.percent, step.fade_s))
        if finish < day.end:
            _append(changes, Change(finish, 0, program.fade_s))
    return changes


def _order(entry: "tuple[float, int, int, object]") -> "tuple[float, int, int]":
    return entry[:3]


def _append(changes: "list[Change]", change: "Change") -> None:
    """Adds a change of level. One at the same instant replaces what stood there; one to the same level is none."""
    if changes[-1].unix == change.unix:
        changes.pop()
    if not changes or changes[-1].percent != change.percent:
        changes.append(change)
