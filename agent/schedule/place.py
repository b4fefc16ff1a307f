"""A place on earth with its civil time and its sun, and a cache of its days from noon to noon."""

from agent.schedule.civil import date_of_day
from agent.schedule.marks import CIVIL_DEG, DAY_S, MIDPOINT, NOON_S, TIME, Mark, seconds_after_noon
from agent.schedule.sun import HORIZON_DEG, SunNight, night_around

TYPE_CHECKING = False

if TYPE_CHECKING:
    from agent.interfaces import Almanac


class Day:
    """A local day from noon (`start`) to noon (`end`), in Unix seconds, with the sun's night in it."""

    def __init__(self, place: "Place", number: int, start: float, end: float) -> None:
        self.number = number
        self.start = start
        self.end = end
        self._place = place
        self._suns = []  # type: list[tuple[float, SunNight]]

    @property
    def horizon(self) -> "SunNight":
        """The night of the sun in which its upper limb passes the horizon."""
        return self.passing(HORIZON_DEG)

    def passing(self, angle_deg: float) -> "SunNight":
        """Returns the night of the sun in which its centre passes this angle, in degrees above the horizon."""
        for known, night in self._suns:
            if known == angle_deg:
                return night
        place = self._place
        found = night_around(place.latitude, place.longitude, (self.start + self.end) / 2.0, angle_deg)
        self._suns.append((angle_deg, found))
        return found

    def nights(self) -> "list[tuple[float, float]]":
        """Returns the spans of this day in which it is night for the installer's floor: the sun is below -6 degrees.
        They are in order and do not overlap."""
        found = []  # type: list[tuple[float, float]]
        for night in self._civil_nights():
            if night.white:
                continue
            # If the sun does not pass -6 degrees on a side of the night, it is dark up to the sun's highest point.
            begin = night.midnight - _HALF_SUN_DAY_S if night.sunset is None else night.sunset
            end = night.midnight + _HALF_SUN_DAY_S if night.sunrise is None else night.sunrise
            begin = max(begin, self.start)
            end = min(end, self.end)
            if found and begin <= found[-1][1]:
                found[-1] = (found[-1][0], max(end, found[-1][1]))
            elif begin < end:
                found.append((begin, end))
        return found

    def _civil_nights(self) -> "list[SunNight]":
        """Returns the nights of the sun that may reach into this day."""
        own = self.passing(CIVIL_DEG)
        begin, end = self.start + _BROAD_DAYLIGHT_S, self.end - _BROAD_DAYLIGHT_S
        if own.sunset is not None and own.sunrise is not None and begin <= own.sunset and own.sunrise <= end:
            return [own]
        # Near the poles, and by the clock of another place, the nights before and after may reach into it.
        place = self._place
        before = night_around(place.latitude, place.longitude, self.start, CIVIL_DEG)
        after = night_around(place.latitude, place.longitude, self.end, CIVIL_DEG)
        return [before, own, after]


# Seconds; a little more than the time from the sun's lowest point to its highest, which is at most half a day and half
# a minute.
_HALF_SUN_DAY_S = 43260.0
# If a night leaves this many seconds of light at both ends of the day, its neighbours do not reach into the day.
_BROAD_DAYLIGHT_S = 10800.0


class Place:
    """A place, with a cache of its days and of the values worked out for them. The cache only saves time: it never
    changes an answer."""

    # The days in the cache: an evaluation touches four.
    _KEPT_DAYS = 16
    # The nights of programs and calendars in the cache: a street has a few of each.
    _KEPT_NIGHTS = 64

    def __init__(self, almanac: "Almanac", latitude: float, longitude: float) -> None:
        """Takes the latitude, -90..90 degrees north, and the longitude, -180..180 degrees east."""
        self.almanac = almanac
        self.latitude = latitude
        self.longitude = longitude
        self._days = []  # type: list[Day]
        self._kept = {}  # type: dict[object, object]
        self._order = []  # type: list[object]

    def recall(self, key: object) -> "object | None":
        """Returns the value kept under this key, or None if there is none."""
        return self._kept.get(key)

    def keep(self, key: object, found: object) -> None:
        """Keeps a value under a key. If the cache is full, the oldest value is dropped."""
        if len(self._order) >= self._KEPT_NIGHTS:
            del self._kept[self._order.pop(0)]
        self._order.append(key)
        self._kept[key] = found

    def day_at(self, unix: float) -> "Day":
        """Returns the day from noon to noon that holds this instant."""
        for day in self._days:
            if day.start <= unix < day.end:
                return day
        local = unix + self.almanac.utc_offset_s(unix)
        return self.day(int((local - NOON_S) // DAY_S))

    def day(self, number: int) -> "Day":
        """Returns the day that begins at noon of the local date `number` days after 1970-01-01."""
        for day in self._days:
            if day.number == number:
                return day
        day = Day(self, number, self.clock_time(number, NOON_S), self.clock_time(number + 1, NOON_S))
        if len(self._days) >= self._KEPT_DAYS:
            del self._days[0]
        self._days.append(day)
        return day

    def clock_time(self, number: int, second_of_day: int) -> float:
        """Returns the instant at which local clocks show this second of the local date `number` days after
        1970-01-01."""
        year, month, day = date_of_day(number)
        return self.almanac.local_to_unix(year, month, day, second_of_day)

    def instant(
        self, mark: "Mark", day: "Day", when_missing: float, shift_missing: bool, noon_is_end: bool = False
    ) -> float:
        """Returns the instant of a mark in this day.

        An event of the sun that does not happen counts as `when_missing`; the mark's offset is added to that only if
        `shift_missing` says so. A mark at noon is the start of the day, or its end if `noon_is_end` says so.
        """
        if mark.kind == TIME:
            after_noon = seconds_after_noon(mark)
            if after_noon == 0:
                return day.end if noon_is_end else day.start
            return self.clock_time(day.number if mark.offset_s > NOON_S else day.number + 1, mark.offset_s)
        passing = passing_of(mark, day)
        if mark.kind == MIDPOINT:
            # If sunset or sunrise is missing, the sun's lowest point is the middle.
            if passing.sunset is None or passing.sunrise is None:
                return passing.midnight + mark.offset_s
            return (passing.sunset + passing.sunrise) / 2.0 + mark.offset_s
        event = passing.sunset if mark.evening else passing.sunrise
        if event is not None:
            return event + mark.offset_s
        return when_missing + mark.offset_s if shift_missing else when_missing


def passing_of(mark: "Mark", day: "Day") -> "SunNight":
    """Returns the night of the sun for a mark by the sun: that of its angle, or of the horizon if it has no angle."""
    return day.horizon if mark.angle_deg is None else day.passing(mark.angle_deg)


class Cache:
    """A cache of the places that were asked for last. It only saves time: it never changes an answer."""

    _KEPT = 4

    def __init__(self) -> None:
        self._places = []  # type: list[Place]

    def place(self, almanac: "Almanac", latitude: float, longitude: float) -> "Place":
        """Returns this place, with its cache if it was asked for recently."""
        for place in self._places:
            if place.almanac is almanac and place.latitude == latitude and place.longitude == longitude:
                return place
        place = Place(almanac, latitude, longitude)
        if len(self._places) >= self._KEPT:
            del self._places[0]
        self._places.append(place)
        return place
