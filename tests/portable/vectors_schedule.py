"""The schedule's vectors: the same file runs under CPython and under MicroPython, and prints how many it checked.

Sun events are those of NREL's SPA (as pvlib has it); switching times follow from them and from the clock.
"""

from agent.schedule import sun
from agent.schedule.civil import date_of_day
from agent.schedule.evaluate import burning_seconds
from agent.schedule.place import Cache
from agent.schedule.program import Mark, MarkError, Program, Step, mark_text, parse_mark
from tests.portable.program_nights import changes_of_night, held

# latitude, longitude, sunset and the sunrise after it.
SUN_NIGHTS = (
    (51.44, 5.47, 1768492720, 1768548954),
    (51.44, 5.47, 1782071928, 1782098478),
    (53.22, 6.57, 1901124307, 1901164196),
    (50.85, 5.69, 2235053889, 2235104684),
    (0.0, 0.0, 1709230542, 1709273333),
    (60.0, 10.0, 2081859246, 2081924533),
)

DATES = ((0, (1970, 1, 1)), (-1, (1969, 12, 31)), (11016, (2000, 2, 29)), (11017, (2000, 3, 1)), (20468, (2026, 1, 15)))

MARKS = (("00:00", "time", 0), ("23:59", "time", 86340), ("sunset", "sunset", 0), ("sunrise-01:30", "sunrise", -5400))
NO_MARKS = (
    "",
    "24:00",
    "25:00",
    "7:00",
    "12:60",
    "sunset+",
    "sunset 01:00",
    "sunrise+13:00",
    "moonrise",
    "20:00:00",
    "2O:00",
)

# The changes of summer time in the Netherlands in 2026: 29 March and 25 October, 01:00 UTC.
SPRING_2026 = 1774746000
AUTUMN_2026 = 1792890000

D60 = Program(
    "d60",
    Mark("sunset", 0),
    Mark("sunrise", 0),
    (Step(Mark("time", 18000), 100, 8), Step(Mark("time", 72000), 70, 64), Step(Mark("time", 79200), 50, 64)),
    8,
)

# Unix time within the night, then its changes: (Unix time, percent, fade).
D60_NIGHTS = (
    # 15 January: the morning's 100 % holds at dusk, for the program wraps round the day.
    (
        1768510800,
        ((1768492720, 100, 8), (1768503600, 70, 64), (1768510800, 50, 64), (1768536000, 100, 8), (1768548954, 0, 8)),
    ),
    # 21 June: 70 % for a minute, for the sun sets just before 22:00.
    (1782090000, ((1782071928, 70, 8), (1782072000, 50, 64), (1782097200, 100, 8), (1782098478, 0, 8))),
)


class Netherlands:
    """The civil time of the Netherlands in 2026, as an Almanac."""

    def utc_offset_s(self, unix: float) -> int:
        return 7200 if SPRING_2026 <= unix < AUTUMN_2026 else 3600

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        # 2026 begins at 1767222000 local midnight; the year is not a leap year, and neither is 2025.
        before = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)[month - 1]
        standard = 1767222000 + (year - 2026) * 31536000 + (before + day - 1) * 86400 + second_of_day
        if standard - 3600 < SPRING_2026 <= standard:
            return SPRING_2026
        return standard - 3600 if SPRING_2026 <= standard - 3600 < AUTUMN_2026 else standard


def near(found: "float | None", seconds: float) -> bool:
    """Returns True if two times agree within 2 s; the sun's arithmetic agrees within 1 s."""
    return found is not None and abs(found - seconds) < 2


def run() -> int:
    """Checks every vector and returns the number of checks. Raises AssertionError with the wrong result."""
    checks = 0
    for latitude, longitude, sunset, sunrise in SUN_NIGHTS:
        found = sun.night_around(latitude, longitude, (sunset + sunrise) / 2)
        assert near(found.sunset, sunset), (latitude, sunset, found)
        assert near(found.sunrise, sunrise), (latitude, sunrise, found)
        checks += 1
    for day, date in DATES:
        assert date_of_day(day) == date, (day, date_of_day(day))
        checks += 1
    for text, kind, offset_s in MARKS:
        assert parse_mark(text) == Mark(kind, offset_s), text
        assert mark_text(parse_mark(text)) == text, text
        checks += 1
    for text in NO_MARKS:
        try:
            found_mark = parse_mark(text)
        except MarkError:
            checks += 1
        else:
            raise AssertionError((text, found_mark))
    return checks + nights()


def nights() -> int:
    """Checks whole nights change by change, and the level step by step through them."""
    checks = 0
    almanac = Netherlands()
    cache = Cache()
    for unix, expected in D60_NIGHTS:
        changes = changes_of_night(D60, almanac, 51.44, 5.47, unix)
        assert len(changes) == len(expected), changes
        for index, (at, percent, fade_s) in enumerate(expected):
            assert near(changes[index].unix, at), changes[index]
            assert tuple(changes[index])[1:] == (percent, fade_s), changes[index]
        start = expected[0][0] - 3600
        for step in range(120):
            at = start + step * 600 + 5
            level = 0
            for when, percent, _ in expected:
                if when <= at:
                    level = percent
            for given in (None, cache):
                level_held = held(D60, almanac, 51.44, 5.47, at, given)
                assert level_held.percent == level, (at, level, level_held)
                assert level_held.since_unix <= at, (at, level_held)
            checks += 1
    # A night without a sunset (white) and one without a sunrise (polar).
    assert changes_of_night(D60, almanac, 70.0, 20.0, 1782090000) == []
    assert held(D60, almanac, 70.0, 20.0, 1766314800).percent == 100
    burning = burning_seconds(D60.on, D60.off, almanac, 51.44, 5.47, 1768492720 - 900, 1768492720 + 900)
    assert near(burning, 900), burning
    return checks + 3


print(run())
