"""The way of a lamp to its target: the fade is that of the latest event, a step, a sensor or an override. Also the
values that a plan, an output and a place keep."""

from __future__ import annotations

import pytest

from agent.schedule.calendars import Calendar
from agent.schedule.course import changes
from agent.schedule.inputs import InputState, Reading, no_inputs, observe
from agent.schedule.output import Output
from agent.schedule.override import Override
from agent.schedule.paths import Path
from agent.schedule.place import Place
from agent.schedule.plan import Floor, Plan, PlannedLuminaire
from agent.schedule.program import Dynamic, Program, Step, parse_mark
from agent.schedule.target import Target, target_of
from tests.agent.schedule.test_target import NL, local

PLACE = Place(NL, 51.44, 5.47)
TEN = local("2026-01-15 22:00")
KNOWN = no_inputs(TEN - 86400)
SWITCHED_S, STEP_S, UP_S, DOWN_S = 8, 64, 2, 9


def evening(*dynamics: Dynamic) -> Program:
    """Returns a program of 100 % from sunset and 50 % from 22:00, with slow fades."""
    steps = (Step(parse_mark("sunset"), 100, 3), Step(parse_mark("22:00"), 50, STEP_S))
    return Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, SWITCHED_S, dynamics=dynamics)


def plan_of(program: Program, *names: str, **more: object) -> Plan:
    calendar = Calendar("c", program)
    return Plan([PlannedLuminaire(name, calendar) for name in names or ("A",)], **more)  # type: ignore[arg-type]


def at(plan: Plan, after_ten_s: float, state: InputState = KNOWN, name: str = "A") -> Target:
    return target_of(plan, name, PLACE, state, TEN + after_ten_s)


def seen(plan: Plan, *passings: tuple[float, str]) -> InputState:
    """Returns the state after a passer-by at each of these places, so many seconds after ten."""
    state = KNOWN
    for after_s, where in passings:
        for value in (1, 0):
            state = observe(plan, state, Reading(f"S{where}", "presence", value, where), TEN + after_s)
    return state


@pytest.mark.parametrize(
    ("begins", "ends", "wanted"),
    [
        # It ended after the step: back by the fade of switching.
        (-600, 60, {59: (10, 5, "override"), 60: (50, SWITCHED_S, "program"), 3600: (50, SWITCHED_S, "program")}),
        # It ended before it: the step's own fade.
        (-600, -1, {-2: (10, 5, "override"), -1: (100, SWITCHED_S, "program"), 0: (50, STEP_S, "program")}),
        # In the same moment, too.
        (-600, 0, {-1: (10, 5, "override"), 0: (50, STEP_S, "program")}),
    ],
)
def test_after_an_override_comes_the_fade_of_the_latest_event(
    begins: float, ends: float, wanted: dict[float, tuple[float, float, str]]
) -> None:
    plan = plan_of(evening(), overrides=(Override(10, TEN + begins, TEN + ends, fade_s=5),))
    for after_s, found in wanted.items():
        assert at(plan, after_s)[:3] == found, after_s


def test_a_step_that_comes_while_a_sensor_holds_the_level_does_not_make_its_end_slow() -> None:
    plan = plan_of(evening(Dynamic("presence", "set", 80, 60, UP_S, DOWN_S)))
    state = seen(plan, (-30, ""))
    assert at(plan, -30, state)[:3] == (80, DOWN_S, "sensor")  # to less than the program asks for
    assert at(plan, -1, state)[:3] == (80, DOWN_S, "sensor")
    assert at(plan, 0, state)[:3] == (80, STEP_S, "sensor")
    assert at(plan, 29, state)[:3] == (80, STEP_S, "sensor")
    assert at(plan, 30, state)[:3] == (50, DOWN_S, "program")
    later = seen(plan, (600, ""))
    assert at(plan, 600, later)[:3] == (80, UP_S, "sensor")
    assert at(plan, 659, later)[:3] == (80, UP_S, "sensor")
    assert at(plan, 660, later)[:3] == (50, DOWN_S, "program")


def test_of_several_places_the_first_says_since_when_and_the_last_when_it_is_over() -> None:
    plan = plan_of(evening(Dynamic("presence", "set", 80, 60, UP_S, DOWN_S)))
    for order in (((-10, ""), (30, "A")), ((-10, "A"), (30, ""))):
        state = seen(plan, *order)
        # Active since before the step: what led to this level is the step.
        assert [at(plan, after_s, state)[:2] for after_s in (40, 49)] == [(80, STEP_S)] * 2, order
        assert at(plan, 89, state).percent == 80
        assert at(plan, 90, state)[:2] == (50, DOWN_S)
    # Apart from each other: each begins and ends.
    state = seen(plan, (100, ""))
    assert [at(plan, after_s, state)[:2] for after_s in (159, 160, 299)] == [(80, UP_S), (50, DOWN_S), (50, DOWN_S)]
    state = seen(plan, (100, ""), (300, "A"))
    assert [at(plan, after_s, state)[:2] for after_s in (300, 359, 360)] == [(80, UP_S), (80, UP_S), (50, DOWN_S)]


def test_paths_have_fades_of_their_own_and_never_dim() -> None:
    path = Path("way", ("A", "B", "C"), ahead=1, behind=0, percent=80, hold_s=20, ramp_up_s=1, ramp_down_s=7)
    plan = plan_of(evening(), "A", "B", "C", paths=(path,))
    state = seen(plan, (100, "A"))
    assert [at(plan, 100, state, name)[:3] for name in "ABC"] == [
        (80, 1, "sensor"),
        (80, 1, "sensor"),
        (50, STEP_S, "program"),
    ]
    assert at(plan, 119, state, "B")[:3] == (80, 1, "sensor")
    assert at(plan, 120, state, "B")[:3] == (50, 7, "program")
    before = seen(plan, (-60, "A"))
    assert at(plan, -60, before, "B")[:3] == (100, SWITCHED_S, "program")  # at full light there is nothing to raise
    assert at(plan, 0, before, "B")[:3] == (50, STEP_S, "program")


def test_a_source_with_an_unknown_past_counts_as_active_for_as_long_as_it_is_held() -> None:
    for hold_s, until in ((300, 300), (5, 60)):  # a minute at least: so often is a presence said again
        plan = plan_of(evening(Dynamic("presence", "set", 80, hold_s, UP_S, DOWN_S)))
        lost = no_inputs(TEN + 100)
        assert [at(plan, 100 + after_s, lost)[:2] for after_s in (0, until - 1, until)] == [
            (80, UP_S),
            (80, UP_S),
            (50, STEP_S),
        ]
    dimming = plan_of(evening(Dynamic("presence", "set", 20, 300)))
    assert at(dimming, 100, no_inputs(TEN + 100)).percent == 50  # but only where that gives more light


def test_inputs_of_a_clock_that_was_ahead_count_as_unknown() -> None:
    plan = plan_of(evening(Dynamic("presence", "set", 80, 60, UP_S, DOWN_S)))
    state = seen(plan, (500, ""))
    # A minute back is what clocks do when they are set right.
    assert at(plan, 440, state)[:3] == (80, UP_S, "sensor")
    assert at(plan, 439, state).percent == 80
    assert at(plan_of(evening(Dynamic("presence", "set", 20, 60))), 439, state).percent == 50


def test_a_clock_counts_from_2020_on() -> None:
    plan = plan_of(evening(), safe_percent=70)
    assert target_of(plan, "A", PLACE, KNOWN, 1577836799.0)[:1] == (70,)
    assert target_of(plan, "A", PLACE, KNOWN, 1577836799.0).conditions == ("clockInvalid",)
    assert target_of(plan, "A", PLACE, KNOWN, 1577836800.0)[::3] == (50, ())


def test_a_new_override_changes_nothing_else_of_a_plan() -> None:
    path = Path("way", ("A", "B"), percent=80)
    plan = plan_of(evening(), "B", "A", floor=Floor(30, True, 7200), paths=(path,), safe_percent=70)
    found = plan.with_overrides((Override(10, TEN),))
    assert (found.names, found.floor, found.paths, found.safe_percent) == (["B", "A"], plan.floor, (path,), 70)
    assert found.luminaires == plan.luminaires
    assert found.longest_hold_s == 30
    assert plan.overrides == ()
    assert target_of(found, "A", PLACE, KNOWN, TEN, clock_valid=False).percent == 70
    assert at(found, 0)[::2] == (30, "floor")


def test_a_plan_without_sensors_holds_nothing() -> None:
    assert plan_of(evening()).longest_hold_s == 0.0
    # Of controls of one condition, the longest hold.
    short, long = (Dynamic("presence", "set", 80, hold_s) for hold_s in (60, 600))
    for order in ((short, long), (long, short)):
        plan = plan_of(evening(*order))
        assert (len(plan.dynamics), plan.longest_hold_s) == (1, 600)


@pytest.mark.parametrize(
    ("curve", "levels"),
    [
        (((1000.0, 80.0), (3000.0, 100.0)), {0: 80, 999: 80, 1000: 80, 2000: 90, 3000: 100, 9000: 100}),
        (((0.0, 80.0), (1000.0, 80.0), (1000.0, 100.0)), {0: 80, 999.9: 80, 1000: 100, 2000: 100}),
        (((0.0, 100.0), (1000.0, 60.0)), {500: 80, 5000: 60}),
    ],
)
def test_constant_light_output_between_and_beyond_its_points(
    curve: tuple[tuple[float, float], ...], levels: dict[float, float]
) -> None:
    output = Output(curve=curve)
    for hours, percent in levels.items():
        assert output.of(100, hours) == pytest.approx(percent), hours
        assert output.of(50, hours) == pytest.approx(percent / 2), hours
    # Of hours that are not known, what gives the most light.
    assert output.of(100, None) == max(percent for _, percent in curve)


def test_an_output_stays_within_its_limits() -> None:
    assert Output(min_percent=15).of(10, None) == 15
    assert Output(min_percent=15).of(16, None) == 16
    assert Output(min_percent=15).of(0, None) == 0
    assert Output(min_percent=15).of(-1, None) == 0
    assert Output(100, ((0.0, 150.0),)).of(100, 0) == 100
    assert Output(50).of(100, None) == 50


def test_a_course_is_of_its_own_stretch_and_hours() -> None:
    """The place caches courses, and never returns one for another span or other hours."""
    curve = ((0.0, 50.0), (1000.0, 100.0))
    aged = PlannedLuminaire("A", Calendar("c", evening()), output=Output(curve=curve))
    plan = Plan([aged, PlannedLuminaire("B", aged.calendar)], Floor(0))
    place = Place(NL, 51.44, 5.47)
    courses = [
        [change.percent for change in changes(plan, name, place, start, end, hours)]
        for name, start, end, hours in (
            ("A", TEN - 60, TEN + 60, 0),
            ("A", TEN - 60, TEN + 60, 1000),
            ("A", TEN - 60, TEN, 1000),
            ("A", TEN, TEN + 60, 1000),
            ("B", TEN - 60, TEN + 60, 0),
        )
    ]
    assert courses == [[50, 25], [100, 50], [100], [50], [100, 50]]
    first, second = changes(plan, "B", place, TEN - 60, TEN + 60)
    assert (first.unix, first.fade_s, second.unix, second.fade_s) == (TEN - 60, SWITCHED_S, TEN, STEP_S)


def test_where_the_floor_lifts_a_level_its_fade_is_kept() -> None:
    steps = (Step(parse_mark("sunset"), 100, 3), Step(parse_mark("22:00"), 5, STEP_S))
    low = Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, SWITCHED_S)
    plan = plan_of(low, floor=Floor(30))
    assert at(plan, 0)[:3] == (30, STEP_S, "program")
    assert [(change.percent, change.fade_s) for change in changes(plan, "A", PLACE, TEN - 60, TEN + 43200)] == [
        (100, SWITCHED_S),
        (30, STEP_S),
        (5, STEP_S),  # from civil dawn to sunrise the floor does not hold
        (0, SWITCHED_S),
    ]


def test_the_cache_of_a_place_has_a_bound_and_the_oldest_goes() -> None:
    place = Place(NL, 51.44, 5.47)
    for number in range(200):
        place.keep(number, str(number))
    kept = [number for number in range(200) if place.recall(number) is not None]
    assert kept == list(range(200 - 64, 200))
    assert place.recall(199) == "199"
