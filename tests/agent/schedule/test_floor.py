"""The installer's floor: while the sun is 6 degrees below the horizon, at least that much light comes out, at any place
on earth and with any clock, program, override and output."""

from __future__ import annotations

from itertools import pairwise

import pytest

from agent.almanac import ZoneAlmanac
from agent.schedule.calendars import Calendar
from agent.schedule.course import changes
from agent.schedule.inputs import Reading, no_inputs, observe
from agent.schedule.output import Output
from agent.schedule.override import Override
from agent.schedule.place import Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire
from agent.schedule.program import Photocell, Program, Step, parse_mark
from agent.schedule.sun import elevation_deg
from agent.schedule.target import target_of

NEW_YEAR = 1767225600.0  # 2026-01-01 00:00 UTC
DAY_S = 86400
FLOOR = Floor(night_percent=12, longest_override_s=400 * DAY_S)
EVENING = Program("p", parse_mark("20:00"), parse_mark("21:00"), (Step(parse_mark("20:00"), 18, 0),), 0)
# An hour of the evening at 18 % of half the lamp: what comes out of it by itself is 9 %.
HALVED = Plan([PlannedLuminaire("A", Calendar("c", EVENING), output=Output(50))], FLOOR)

PLACES = [
    ("Eindhoven", "Europe/Amsterdam", 51.44, 5.47),
    ("Tromso, where the night can hold for a day", "Europe/Oslo", 69.65, 18.96),
    ("Longyearbyen", "Arctic/Longyearbyen", 78.22, 15.65),
    ("Eindhoven by Fiji's clock", "Pacific/Fiji", 51.44, 5.47),
    ("Eindhoven by Denver's clock", "America/Denver", 51.44, 5.47),
    ("Tromso by Fiji's clock", "Pacific/Fiji", 69.65, 18.96),
    ("the pole", "UTC", 90.0, 0.0),
]


@pytest.mark.parametrize(("zone", "north", "east"), [each[1:] for each in PLACES], ids=[each[0] for each in PLACES])
def test_no_night_anywhere_goes_below_the_floor(zone: str, north: float, east: float) -> None:
    """The sun's height alone is the judge, at moments of a year that never have one hour twice in a row."""
    place = Place(ZoneAlmanac(zone), north, east)
    known = no_inputs(NEW_YEAR - DAY_S)
    off = HALVED.with_overrides((Override(0, NEW_YEAR, NEW_YEAR + 400 * DAY_S),))
    dark = lit = 0
    for step in range(365 * 9):
        unix = NEW_YEAR + 9731.0 * step
        found = target_of(off if step % 2 else HALVED, "A", place, known, unix).percent
        if elevation_deg(north, east, unix) < -6.01:
            assert found >= 12, unix
            dark += 1
        elif step % 2 and elevation_deg(north, east, unix) > -5.99:
            assert found == 0, unix
            lit += 1
    assert dark > 300
    assert lit > 300


@pytest.mark.parametrize(("zone", "north", "east"), [each[1:] for each in PLACES], ids=[each[0] for each in PLACES])
def test_the_course_of_a_night_is_the_target(zone: str, north: float, east: float) -> None:
    place = Place(ZoneAlmanac(zone), north, east)
    known = no_inputs(NEW_YEAR - DAY_S)
    for day in (20, 318, 322, 327):  # where the polar night begins and ends
        start = NEW_YEAR + day * DAY_S
        course = changes(HALVED, "A", place, start, start + 2 * DAY_S)
        assert course[0].unix == start
        for one, following in pairwise(course):
            for unix in (one.unix + 0.01, following.unix - 0.01):
                if one.unix < unix < following.unix:
                    assert target_of(HALVED, "A", place, known, unix).percent == one.percent
    assert {12, 9} <= {change.percent for change in changes(HALVED, "A", place, NEW_YEAR, NEW_YEAR + 150 * DAY_S)}


def lamp(night_percent: float, output: Output, percent: float, override: float | None = None) -> tuple[float, str]:
    """Returns a lamp's level and the reason for it, at 23:00 in January, by a program of this percent and an
    override."""
    program = Program("p", parse_mark("sunset"), parse_mark("sunrise"), (Step(parse_mark("sunset"), percent, 0),), 0)
    overrides = () if override is None else (Override(override, NEW_YEAR),)
    plan = Plan([PlannedLuminaire("A", Calendar("c", program), output=output)], Floor(night_percent), overrides)
    place = Place(ZoneAlmanac("Europe/Amsterdam"), 51.44, 5.47)
    return target_of(plan, "A", place, no_inputs(NEW_YEAR - DAY_S), NEW_YEAR + 300.0)[::2]


def test_the_floor_is_of_the_light_that_comes_out() -> None:
    half, worn = Output(50), Output(100, ((0.0, 60.0), (50000.0, 60.0)))
    assert lamp(10, half, 100) == (50, "program")
    assert lamp(10, half, 20) == (10, "program")
    assert lamp(10, half, 16) == (10, "floor")
    assert lamp(10, half, 4) == (10, "floor")
    assert lamp(10, worn, 15) == (10, "floor")
    assert lamp(10, half, 100, 30) == (15, "override")
    assert lamp(10, half, 100, 15) == (10, "floor")
    assert lamp(10, half, 100, 0) == (10, "floor")
    # Without a floor only darkness is too little.
    assert lamp(0, half, 1) == (0.5, "program")
    assert lamp(0, half, 1, 0) == (1, "floor")
    # The lamp's own minimum is above it.
    assert lamp(10, Output(50, (), 25), 4)[0] == 25


def test_dark_that_is_agreed_on_stays_dark_behind_any_output() -> None:
    steps = (Step(parse_mark("22:00"), 0, 0),)
    dark = Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, 0, dark=True)
    plan = Plan([PlannedLuminaire("A", Calendar("c", dark), output=Output(50, (), 20))], Floor(15, dark_allowed=True))
    place = Place(ZoneAlmanac("Europe/Amsterdam"), 51.44, 5.47)
    assert target_of(plan, "A", place, no_inputs(NEW_YEAR - DAY_S), NEW_YEAR)[:3] == (0, 0, "program")


@pytest.mark.parametrize(("percent", "wanted"), [(0, 0), (0.5, 10), (1, 10), (9.9, 10), (10, 10), (10.1, 10.1)])
def test_dark_that_is_agreed_on_is_dark_and_not_dim(percent: float, wanted: float) -> None:
    steps = (Step(parse_mark("sunset"), percent, 0),)
    dark = Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, 0, dark=True)
    assert Floor(10, dark_allowed=True).lifted(percent, dark) == wanted


def test_the_floor_holds_for_lamps_with_a_photocell_too() -> None:
    program = Program(
        "p",
        parse_mark("sunset"),
        parse_mark("sunrise"),
        (Step(parse_mark("sunset"), 20, 0),),
        0,
        Photocell("photocell", 10, 15),
    )
    plan = Plan([PlannedLuminaire("A", Calendar("c", program), output=Output(30))], FLOOR)
    place = Place(ZoneAlmanac("Europe/Amsterdam"), 51.44, 5.47)
    state = no_inputs(NEW_YEAR - 9 * 3600)
    for minute in range(-540, 30, 30):
        state = observe(plan, state, Reading("E", "photocell", 1, ""), NEW_YEAR + 60 * minute)
    assert target_of(plan, "A", place, state, NEW_YEAR)[::2] == (12, "floor")
