"""The vectors of target levels: the same file runs under CPython and under MicroPython, and prints how many it checked.

A whole night of ten luminaires with a presence wave, a photocell, an override and a calendar, asked minute by
minute; the sums follow from its hours.
"""

import json

from agent.schedule.calendars import LAST, Calendar, Rule, SpecialDay
from agent.schedule.civil import day_of_date, easter, weekday
from agent.schedule.course import changes
from agent.schedule.inputs import Reading, from_json, no_inputs, observe, to_json
from agent.schedule.marks import MarkError, mark_text, parse_mark
from agent.schedule.output import Output
from agent.schedule.override import Override
from agent.schedule.override import from_json as override_from_json
from agent.schedule.paths import Path, raised
from agent.schedule.place import Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire
from agent.schedule.program import Dynamic, Photocell, Program, Step
from agent.schedule.target import target_of

MARKS = (
    ("dusk", "dusk"),
    ("dawn-00:10", "dawn-00:10"),
    ("sun below -6", "dusk"),
    ("sun below -3", "sun below -3"),
    ("sun above -0.5+01:00", "sun above -0.5+01:00"),
    ("midpoint-02:00", "midpoint-02:00"),
)
NO_MARKS = ("midpoint 2", "sun below", "sun below -19", "sun above 11", "sun below x", "dusk+", "sun below -3+13:00")

EASTERS = ((2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25))

# Noon of 15 January 2026 in the Netherlands, and sunset and sunrise at Eindhoven.
NOON = 1768474800
SUNSET = 1768492720
SUNRISE = 1768548954
NIGHT_DAY = 20468

NAMES = [f"L{number:02d}" for number in range(1, 11)]


class Winter:
    """The civil time of the Netherlands in winter, as an Almanac."""

    def utc_offset_s(self, unix: float) -> int:
        return 3600

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        return day_of_date(year, month, day) * 86400.0 + second_of_day - 3600


def step(at: str, percent: float, fade_s: float = 0) -> "Step":
    return Step(parse_mark(at), percent, fade_s)


D60 = Program(
    "d60",
    parse_mark("sunset"),
    parse_mark("sunrise"),
    (step("05:00", 100, 8), step("20:00", 70, 64), step("22:00", 50, 64)),
    8,
    dynamics=(Dynamic("presence", "max", 90, 60, 2, 8),),
)
DARK = Program(
    "dark",
    parse_mark("dusk"),
    parse_mark("dawn"),
    (step("sunset", 60), step("midpoint-02:00", 0), step("midpoint+03:00", 60)),
    0,
    dark=True,
)
BY_CELL = Program(
    "cell",
    parse_mark("sunset"),
    parse_mark("sunrise"),
    (step("sunset", 80),),
    4,
    Photocell("photocell", 10, 15, 1800, 1800),
)


def street() -> "Plan":
    """Returns seven luminaires of D60 with a path, one that is dark in the small hours, and two with a photocell."""
    d60 = Calendar("d60", D60, (Rule(DARK, dates=((0, 12, 24),)),))
    dark = Calendar("dark", DARK)
    cell = Calendar("cell", BY_CELL)
    lamps = [PlannedLuminaire(name, d60, ("main",)) for name in NAMES[:7]]
    lamps.append(PlannedLuminaire(NAMES[7], dark))
    lamps.append(PlannedLuminaire(NAMES[8], cell, (), Output(90, ((0, 80), (1000, 100)), 20)))
    lamps.append(PlannedLuminaire(NAMES[9], cell))
    override = Override(25, NOON + 9 * 3600, NOON + 10 * 3600, ("L02",), ("other",), 5)
    paths = (Path("way", tuple(NAMES[:7]), 2, 1, 100, 30, 1, 8),)
    return Plan(lamps, Floor(10, True), (override,), paths, 100)


# Minute of the night (from noon) and the reading at that minute.
READINGS = (
    (0, Reading("E1", "lux", 900, "")),
    (290, Reading("E1", "lux", 8, "")),
    (320, Reading("", "operating_hours", 500, "L09")),
    (600, Reading("P", "presence", 1, "L01")),
    (601, Reading("P", "presence", 0, "L01")),
    (602, Reading("P", "presence", 1, "L03")),
    (603, Reading("P", "presence", 0, "L03")),
    (900, Reading("E1", "lux", 8, "")),
    (1220, Reading("E1", "lux", 8, "")),
    (1230, Reading("E1", "lux", 20, "")),
)

# The sum over the night's 1440 minutes of each luminaire's percent, and of its fade.
SUMS = (
    (69200, 24946),
    (66600, 21392),
    (69300, 24932),
    (69200, 25058),
    (69200, 25058),
    # D60 by hand: 181 minutes at 100 %, 120 at 70, 420 at 50, 216 at 100. The others differ by what passes.
    (69100, 41760),
    (69100, 41760),
    (33600, 0),
    # 30 minutes at 80 % x 0.9, then 915 at 80 % x 0.9 x 0.9, when its hours are known.
    (61452, 5556),
    # 16:50 to 08:35, the photocell's own times, when it has been light for five minutes.
    (75600, 5556),
)


def night(warm: bool) -> "list[tuple[float, float]]":
    """Returns each luminaire's sums over the night, minute by minute.

    Unless `warm`, each question gets a fresh memory, and the input state goes through JSON.
    """
    plan = street()
    place = Place(Winter(), 51.44, 5.47)
    state = no_inputs(NOON - 86400.0)
    sums = [(0.0, 0.0) for _ in NAMES]
    readings = list(READINGS)
    for minute in range(1440):
        at = NOON + 60.0 * minute
        while readings and readings[0][0] <= minute:
            state = observe(plan, state, readings.pop(0)[1], at)
        if not warm and minute % 60 == 0:
            place = Place(Winter(), 51.44, 5.47)
            state = from_json(json.loads(json.dumps(to_json(state))), at)
        for index, name in enumerate(NAMES):
            found = target_of(plan, name, place, state, at)
            sums[index] = (sums[index][0] + found.percent, sums[index][1] + found.fade_s)
    return sums


def check() -> int:
    """Checks every vector and returns their number. Raises AssertionError for a wrong one."""
    count = 0
    for text, written in MARKS:
        assert mark_text(parse_mark(text)) == written, text
        count += 1
    for text in NO_MARKS:
        try:
            parse_mark(text)
        except MarkError:
            count += 1
        else:
            raise AssertionError(text)
    for year, month, day in EASTERS:
        assert easter(year) == day_of_date(year, month, day), year
        count += 1
    return count + check_rules() + check_targets() + check_night()


def check_rules() -> int:
    assert weekday(NIGHT_DAY) == 4
    special = (SpecialDay("kermis", ((2026, 1, 15),)),)
    holds = (
        (Rule(D60, weekdays=(4,), occurrence=3), True),
        (Rule(D60, weekdays=(4,), occurrence=LAST), False),
        (Rule(D60, dates=((0, 1, 15),)), True),
        (Rule(D60, first=(0, 12, 15), last=(0, 1, 15)), True),
        (Rule(D60, first=(0, 12, 15), last=(0, 1, 14)), False),
        (Rule(D60, days=("kermis",)), True),
        (Rule(D60, days=("koningsdag", "pasen")), False),
    )
    for index, (rule, wanted) in enumerate(holds):
        assert rule.holds(NIGHT_DAY, special) == wanted, index
    assert Rule(D60, days=("koningsdag",)).holds(day_of_date(2025, 4, 26))
    return len(holds) + 1


def check_targets() -> int:
    plan = street()
    place = Place(Winter(), 51.44, 5.47)
    known = no_inputs(NOON - 86400.0)
    small_hours = NOON + 14 * 3600
    seen = observe(plan, known, Reading("P", "presence", 1, "L03"), small_hours)
    expected = (
        ("L01", known, small_hours, True, (50, 64, "program", ())),
        ("L03", seen, small_hours + 5, True, (100, 1, "sensor", ())),
        ("L04", seen, small_hours + 5, True, (100, 1, "sensor", ())),
        ("L06", seen, small_hours + 5, True, (50, 64, "program", ())),
        ("L02", known, NOON + 9 * 3600, True, (25, 5, "override", ())),
        ("L08", known, SUNSET + 6 * 3600, True, (0, 0, "program", ())),
        ("L10", known, small_hours, True, (80, 4, "program", ("photocellSilent",))),
        ("L01", known, small_hours, False, (100, 0, "default", ("clockInvalid",))),
        ("L01", known, 5.0, True, (100, 0, "default", ("clockInvalid",))),
        ("nobody", known, small_hours, True, (100, 0, "default", ("luminaireNotPlanned",))),
    )
    for index, (name, state, unix, valid, wanted) in enumerate(expected):
        found = target_of(plan, name, place, state, unix, valid)
        assert tuple(found) == wanted, (index, found)
    assert raised(plan.paths, "L03") == ["L02", "L03", "L04", "L05"]
    lost = from_json({"begun": "x"}, small_hours)
    assert target_of(plan, "L01", place, lost, small_hours).percent == 100
    override = plan.overrides[0]
    assert override_from_json(json.loads(json.dumps(override.as_json()))) == override
    course = changes(plan, "L01", place, NOON, NOON + 86400)
    assert [change.percent for change in course] == [0, 100, 70, 50, 100, 0], course
    assert abs(course[1].unix - SUNSET) < 2
    return len(expected) + 5


def check_night() -> int:
    warm, cold = night(True), night(False)
    assert warm == cold, (warm, cold)
    for index, (percent, fade_s) in enumerate(SUMS):
        assert abs(warm[index][0] - percent) < 0.01, (NAMES[index], warm[index])
        assert abs(warm[index][1] - fade_s) < 0.01, (NAMES[index], warm[index])
    assert len(SUMS) == len(NAMES), warm
    return 2 * 1440 * len(NAMES)


if __name__ == "__main__":
    print(check())
