"""Active periods by a photocell: hysteresis, the window around the sun's switching, a photocell that jams or falls
silent, minimum burning time and trimming."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.almanac import ZoneAlmanac
from agent.schedule.calendars import Calendar, Rule
from agent.schedule.cells import CellState
from agent.schedule.inputs import InputState, Reading, no_inputs, observe
from agent.schedule.night import night_of
from agent.schedule.photocells import active, flickering, heard
from agent.schedule.place import Place
from agent.schedule.plan import Plan, PlannedLuminaire, plain_plan
from agent.schedule.program import Photocell, Program, Step, parse_mark
from agent.schedule.target import Target, target_of

NL = ZoneAlmanac("Europe/Amsterdam")
PLACE = Place(NL, 51.44, 5.47)
# 15 January 2026: sunset at 16:58:40, sunrise at 08:35:54 of the 16th.
SUNSET = 1768492720.0
SUNRISE = 1768548954.0
BY_CELL = Photocell("photocell", 10, 15)
IN_WINDOW = Photocell("photocell", 10, 15, 1800, 1800)


def plan_of(photocell: Photocell, **more: float) -> Plan:
    steps = (Step(parse_mark("sunset"), 100, 0),)
    made = Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, 0, photocell, **more)  # type: ignore[arg-type]
    return plain_plan(made, ["A"])


def local(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return NL.local_to_unix(moment.year, moment.month, moment.day, moment.hour * 3600 + moment.minute * 60)


class Cell:
    """A photocell that speaks every ten minutes, and at each change."""

    def __init__(self, plan: Plan, begun: float) -> None:
        self.plan = plan
        self.now = begun
        self.lux = 1000.0
        self.state = no_inputs(begun)
        self.speaks = True
        self.observe()

    def observe(self) -> None:
        self.state = observe(self.plan, self.state, Reading("E1", "lux", self.lux, ""), self.now)

    def until(self, unix: float) -> Cell:
        while self.now + 600 < unix:
            self.now += 600
            if self.speaks:
                self.observe()
        self.now = unix
        if self.speaks:
            self.observe()
        return self

    def turns(self, lux: float) -> Cell:
        """Turns the photocell just long enough ago for it to count now: 5 seconds for dark, 5 minutes for light."""
        self.lux = lux
        begun = self.now - (5 if lux < 10 else 300)
        cells = {key: cell._replace(seen=min(cell.seen, begun)) for key, cell in self.state.cells.items()}
        self.state = self.state._replace(cells=cells)
        self.state = observe(self.plan, self.state, Reading("E1", "lux", lux, ""), begun)
        self.observe()
        return self

    def ask(self) -> Target:
        return target_of(self.plan, "A", PLACE, self.state, self.now)

    @property
    def percent(self) -> float:
        return self.ask().percent


def test_hysteresis() -> None:
    plan = plan_of(BY_CELL)
    state = observe(plan, no_inputs(SUNSET - 72000), Reading("E1", "lux", 100, ""), SUNSET - 7200)
    seen = []
    for step, lux in enumerate([12, 10, 9.9, 12, 14.9, 15, 12, 9]):
        at = SUNSET - 6900 + 301 * step
        state = observe(plan, state, Reading("E1", "lux", lux, ""), at)
        seen.append(target_of(plan, "A", PLACE, state, at + 300.5).percent)
    assert seen == [0, 0, 100, 100, 100, 0, 0, 100]


def test_a_photocell_that_says_itself_what_it_sees() -> None:
    plan = plan_of(BY_CELL)
    state = observe(plan, no_inputs(SUNSET - 7200), Reading("E1", "photocell", 0, ""), SUNSET - 600)
    assert target_of(plan, "A", PLACE, state, SUNSET - 301).percent == 100
    assert target_of(plan, "A", PLACE, state, SUNSET - 300).percent == 0
    state = observe(plan, state, Reading("E1", "photocell", 1, ""), SUNSET + 600)
    assert target_of(plan, "A", PLACE, state, SUNSET + 604).percent == 0
    assert target_of(plan, "A", PLACE, state, SUNSET + 605).percent == 100


class Loose:
    """Two photocells of a plan, which speak every second."""

    def __init__(self, photocell: Photocell = BY_CELL) -> None:
        self.plan = plan_of(photocell)
        self.state = no_inputs(SUNSET - 86400)

    def says(self, dark: bool, at: float, sensor: str = "E1") -> Loose:
        self.state = observe(self.plan, self.state, Reading(sensor, "photocell", float(dark), ""), SUNSET + at)
        return self

    def percent(self, at: float) -> float:
        return target_of(self.plan, "A", PLACE, self.state, SUNSET + at).percent


def test_light_lasts_five_minutes_and_dark_five_seconds_before_it_counts() -> None:
    cell = Loose().says(False, -7200)
    assert [cell.percent(at) for at in (-7200, -6901, -6900)] == [100, 100, 0]
    # A cloud for four seconds, and one for five.
    cell.says(False, -4000).says(True, -3600)
    assert cell.percent(-3596) == 0
    cell.says(False, -3596).says(True, -3000)
    assert [cell.percent(at) for at in (-2996, -2995)] == [0, 100]
    cell.says(False, -2990)
    assert [cell.percent(at) for at in (-2989, -2691, -2690)] == [100, 100, 0]
    # Headlights in the evening.
    cell.says(True, 0).says(False, 600).says(True, 899)
    assert [cell.percent(at) for at in (600, 880, 899, 1300)] == [100, 100, 100, 100]


def test_a_photocell_that_flickers_counts_as_dark_until_it_is_steady() -> None:
    """A loose contact turns the photocell every second and a half."""
    cell = Loose().says(False, -7200)
    percents = []
    for turn in range(40):
        at = -6000 + 1.5 * turn
        assert flickering(cell.state, SUNSET + at) == (["E1"] if turn >= 10 else [])
        cell.says(turn % 2 == 0, at)
        percents.append(cell.percent(at))
    assert percents == [0] * 9 + [100] * 31
    assert cell.percent(-5900) == 100
    for at in (-5900.0, -5700.0, -5642.0):
        cell.says(False, at)
        assert (cell.percent(at), flickering(cell.state, SUNSET + at)) == (100, ["E1"])
    assert (cell.percent(-5641.4), flickering(cell.state, SUNSET - 5641.4)) == (0, [])
    # It starts anew: nine turns are none too many.
    for turn in range(9):
        cell.says(turn % 2 == 0, -5000 + turn)
    assert flickering(cell.state, SUNSET - 4990) == []


def test_a_state_of_no_sensor_flickers_without_a_name() -> None:
    """A file in the runtime folder may have any content."""
    cell = Loose()
    broken = cell.state._replace(cells={"no sensor": CellState(True, SUNSET, None, SUNSET, True, SUNSET, 99)})
    assert flickering(broken, SUNSET) == [""]


def test_a_flickering_one_is_dark_since_it_flickers_and_was_light_before() -> None:
    cell = Loose().says(False, -7200)
    for turn in range(10):
        cell.says(turn % 2 == 0, -6000 + turn)
    state = heard(BY_CELL, cell.state, SUNSET - 5900)
    assert state is not None
    assert (state.dark, state.since, state.other_since) == (True, SUNSET - 5991, SUNSET - 6900)


def test_levels_that_begin_alike_are_two_photocells() -> None:
    one, other = Photocell("photocell", 10, 15), Photocell("photocell", 10, 150)
    plan = Clockless(one, other).plan
    state = no_inputs(SUNSET - 9000)
    for at in (-8000, -7000):
        state = observe(plan, state, Reading("E1", "lux", 100, ""), SUNSET + at)
    found = [heard(cell, state, SUNSET - 6000) for cell in (one, other)]
    assert [cell is not None and cell.dark for cell in found] == [False, True]


def test_a_state_of_the_future_is_not_believed() -> None:
    """A file may have any content, and a clock may have been set back."""
    plan = plan_of(BY_CELL)
    noon = SUNSET - 14400
    light = CellState(False, noon - 7200, noon - 30000, noon, False, noon - 7500, 1)
    for cell, percent in (
        (light, 0),
        (light._replace(seen=noon + 59), 0),
        (light._replace(seen=noon + 61), 100),
        (light._replace(seen=noon + 1e9), 100),
    ):
        state = no_inputs(noon - 60)._replace(cells={"photocell:10:15@E1": cell})
        assert target_of(plan, "A", PLACE, state, noon).percent == percent
        assert target_of(plan, "A", PLACE, state, noon, clock_valid=False).percent == percent
    ahead = no_inputs(noon)._replace(cells={"photocell:10:15@E1": light._replace(since=noon + 1e9)})
    assert target_of(plan, "A", PLACE, ahead, noon, clock_valid=False).percent == 100


def test_a_silent_one_leaves_the_marks_and_since_when_they_hold() -> None:
    plan = plan_of(BY_CELL)
    state = no_inputs(SUNSET - 90000)
    for unix, wanted in (
        (SUNSET - 60, (False, local("2026-01-15 12:00"))),
        (SUNSET + 60, (True, SUNSET)),
        (SUNRISE - 60, (True, SUNSET)),
        (SUNRISE + 60, (False, SUNRISE)),
    ):
        night = night_of(PLACE, plan.luminaires["A"].calendar, plan.floor, unix)
        lit, since, conditions = active(night.marks, night.up_since, state, unix)
        assert (lit, conditions) == (wanted[0], ("photocellSilent",))
        assert since == pytest.approx(wanted[1], abs=2)


def test_deep_in_the_night_no_trimming_makes_dark_again() -> None:
    cell = Cell(plan_of(BY_CELL, trim_on_s=1800), local("2026-01-15 12:00")).until(SUNSET + 7200)
    assert cell.percent == 100
    assert cell.turns(5).percent == 100
    assert cell.until(SUNSET + 7300).percent == 100
    # In the evening it is trimmed.
    early = Cell(plan_of(BY_CELL, trim_on_s=1800), local("2026-01-15 12:00")).until(SUNSET - 600).turns(5)
    assert [early.until(SUNSET - 600 + after).percent for after in (1790, 1810)] == [0, 100]


def test_turns_that_are_minutes_apart_are_weather() -> None:
    cell = Loose().says(False, -86000)
    for turn in range(60):
        cell.says(turn % 2 == 0, -80000 + 301 * turn)
        assert flickering(cell.state, SUNSET - 80000 + 301 * turn) == []
    for turn in range(60, 80):
        cell.says(turn % 2 == 0, -80000 + 301 * 60 + 299 * (turn - 60))
    assert flickering(cell.state, SUNSET - 80000 + 301 * 60 + 299 * 20 - 1) == ["E1"]


def test_of_several_photocells_each_may_say_dark() -> None:
    for darker, lighter in (("E1", "E2"), ("E2", "E1")):
        cell = Loose().says(False, -7200, darker).says(False, -7200, lighter)
        cell.says(False, -4000, darker).says(False, -4000, lighter)
        assert cell.percent(-4000) == 0
        cell.says(True, -3700, darker).says(False, -3690, lighter)
        assert cell.percent(-3690) == 100
        # It falls silent: the other one speaks for it.
        cell.says(False, -1000, lighter)
        assert [cell.percent(at) for at in (-101, -99)] == [100, 0]
    named = Loose(Photocell("E2", 10, 15)).says(False, -7200, "E2").says(False, -6000, "E2").says(True, -6000, "E1")
    assert named.percent(-5900) == 0


def test_of_two_dark_ones_the_first_tells_since_when_and_of_two_light_ones_the_last() -> None:
    for first, last in (("E1", "E2"), ("E2", "E1")):
        cell = Loose().says(False, -7200, first).says(False, -7200, last)
        cell.says(True, -5000, first).says(True, -4500, last)
        state = heard(BY_CELL, cell.state, SUNSET - 4000)
        assert state is not None
        assert state.since == SUNSET - 4995
        cell.says(False, -3900, first).says(False, -3800, last)
        state = heard(BY_CELL, cell.state, SUNSET - 3000)
        assert state is not None
        assert (state.dark, state.since) == (False, SUNSET - 3500)


def test_after_an_hour_of_silence_light_must_last_again() -> None:
    cell = Loose().says(False, -20000).says(False, -19000)
    assert cell.percent(-19000) == 0
    cell.says(False, -15401)
    assert cell.percent(-15401) == 0
    cell.says(False, -11801)
    assert [cell.percent(at) for at in (-11801, -11502, -11501)] == [100, 100, 0]


def test_a_dark_afternoon_is_lit_and_a_long_one_is_a_condition() -> None:
    cell = Cell(plan_of(BY_CELL), local("2026-01-15 10:00")).until(local("2026-01-15 13:00")).turns(5)
    assert cell.ask()[::3] == (100, ())
    cell.until(local("2026-01-15 13:59"))
    assert cell.ask()[::3] == (100, ())
    cell.until(local("2026-01-15 14:01"))
    assert cell.ask()[::3] == (100, ("photocellContradictsSun",))
    cell.turns(100)
    assert cell.ask()[::3] == (0, ())


def test_a_photocell_that_was_dark_all_night_contradicts_only_an_hour_after_sunrise() -> None:
    cell = Cell(plan_of(BY_CELL), SUNSET - 15000).until(SUNSET).turns(1).until(SUNRISE - 60)
    found = []
    for unix in (SUNRISE - 60, SUNRISE + 600, SUNRISE + 3500, SUNRISE + 3700):
        asked = cell.until(unix).ask()
        found.append((asked.percent, asked.conditions))
    assert found == [(100, ())] * 3 + [(100, (CONTRADICTS,))]


@pytest.mark.parametrize(("turns", "flickers"), [(9, []), (10, ["E1"])])
def test_a_photocell_flickers_from_its_tenth_turn_on(turns: int, flickers: list[str]) -> None:
    cell = Cell(plan_of(BY_CELL), SUNSET - 15000)  # its first reading is no turn
    for number in range(turns):
        cell.lux = 1000.0 if number % 2 else 1.0
        cell.until(cell.now + 20)
    assert flickering(cell.state, cell.now) == flickers


def test_a_photocell_that_jams_at_light_cannot_keep_the_street_dark() -> None:
    cell = Cell(plan_of(BY_CELL), local("2026-01-15 12:00")).until(SUNSET + 3599)
    # Until an hour after sunset it may be right; then it lies; the floor holds from -6 degrees on anyway.
    assert cell.ask()[::3] == (10, ())
    cell.until(SUNSET + 3602)
    assert cell.ask()[::3] == (100, ("photocellContradictsSun",))
    for after in range(4000, int(SUNRISE - SUNSET), 1800):
        assert cell.until(SUNSET + after).ask()[::3] == (100, ("photocellContradictsSun",))
    assert cell.until(SUNRISE + 10).ask()[::3] == (0, ())


def test_a_flash_in_the_small_hours_changes_nothing() -> None:
    cell = Cell(plan_of(BY_CELL), local("2026-01-15 12:00")).until(SUNSET + 600).turns(5).until(SUNSET + 20000)
    cell.turns(500)
    assert cell.ask()[::3] == (100, ())
    cell.until(SUNSET + 20005).turns(5)
    assert cell.ask()[::3] == (100, ())


def test_a_silent_photocell_means_light_and_then_the_sun() -> None:
    plan = plan_of(BY_CELL)
    noon = local("2026-01-15 12:00")
    lost = no_inputs(noon)
    assert target_of(plan, "A", PLACE, lost, noon + 3599)[::3] == (100, ())
    assert target_of(plan, "A", PLACE, lost, noon + 3600)[::3] == (0, ("photocellSilent",))
    assert target_of(plan, "A", PLACE, lost, SUNSET + 1)[::3] == (100, ("photocellSilent",))
    spoke = Cell(plan, noon).until(SUNSET - 3000)
    spoke.speaks = False
    spoke.until(SUNSET + 500)
    assert spoke.percent == 0
    spoke.until(SUNSET + 601)
    assert spoke.ask()[::3] == (100, ("photocellSilent",))


@pytest.mark.parametrize(
    ("dark_at", "lit_from"), [(-7200, -1800), (-1801, -1800), (-600, -600), (0, 0), (1500, 1500), (None, 1800)]
)
def test_the_window_in_the_evening(dark_at: float | None, lit_from: float) -> None:
    """A signal before the window switches at its start, a signal within it at once; without a signal, its end does."""
    cell = Cell(plan_of(IN_WINDOW), local("2026-01-15 12:00"))
    if dark_at is not None:
        cell.until(SUNSET + dark_at).turns(5)
        if dark_at == -600:
            # Once on, a brighter moment in the window does not switch it off.
            cell.until(SUNSET - 300).turns(50)
            assert cell.percent == 100
            assert cell.until(SUNSET + 900).percent == 100
    for at in (lit_from - 2, lit_from + 2):
        if SUNSET + at > cell.now:
            assert (cell.until(SUNSET + at).percent > 0) == (at > lit_from)


@pytest.mark.parametrize(("light_at", "lit_until"), [(-7200, -1800), (-900, -900), (0, 0), (1700, 1700), (None, 1800)])
def test_the_window_in_the_morning(light_at: float | None, lit_until: float) -> None:
    cell = Cell(plan_of(IN_WINDOW), local("2026-01-15 12:00")).until(SUNSET).turns(5)
    if light_at is not None:
        cell.until(SUNRISE + light_at).turns(50)
        if light_at == -900:
            assert cell.percent == 0 or cell.ask().reason == "floor"
            cell.until(SUNRISE - 800).turns(5)  # a cloud: the night is over all the same
            assert cell.ask()[:2] == (0, 0)
            assert cell.until(SUNRISE + 900).ask()[:2] == (0, 0)
    for at in (lit_until - 2, lit_until + 2):
        if SUNRISE + at > cell.now:
            assert (cell.until(SUNRISE + at).ask()[::2] == (100, "program")) == (at < lit_until)


def test_a_windowed_photocell_does_not_burn_by_day() -> None:
    cell = Cell(plan_of(IN_WINDOW), local("2026-01-15 09:30")).turns(5).until(local("2026-01-15 13:00"))
    assert cell.ask()[::3] == (0, ("photocellContradictsSun",))


@pytest.mark.parametrize(
    ("cell", "at", "found"),
    [
        # (dark, since); when; lit, since when. The window is half an hour before and after each switching.
        ((True, SUNSET - 600), SUNSET, (True, SUNSET - 600)),
        ((True, SUNSET - 9000), SUNSET, (True, SUNSET - 1800)),
        ((True, SUNSET + 600), SUNSET + 700, (True, SUNSET + 600)),
        ((True, SUNSET + 600), SUNSET + 3000, (True, SUNSET + 600)),
        ((True, SUNRISE - 9000), SUNRISE - 1700, (True, SUNSET + 1800)),
        ((True, SUNRISE - 9000), SUNRISE + 1799, (True, SUNSET + 1800)),
        ((True, SUNRISE - 9000), SUNRISE + 1801, (False, SUNRISE + 1800)),
        ((False, SUNRISE - 600), SUNRISE, (False, SUNRISE - 600)),
        ((False, SUNRISE - 9000), SUNRISE, (False, SUNRISE - 1800)),
        ((False, SUNRISE - 600), SUNRISE + 2000, (False, SUNRISE + 1800)),
        ((False, SUNSET - 9000), SUNSET - 2000, (False, None)),
        ((False, SUNSET - 9000), SUNSET + 1000, (False, None)),
    ],
)
def test_since_when_a_windowed_photocell_has_switched(
    cell: tuple[bool, float], at: float, found: tuple[bool, float | None]
) -> None:
    plan = plan_of(IN_WINDOW)
    dark, since = cell
    key = plan.photocells[0].key + "@E1"
    state = no_inputs(SUNSET - 86400)._replace(cells={key: CellState(dark, since, None, at, dark, since, 0)})
    night = night_of(PLACE, plan.luminaires["A"].calendar, plan.floor, at)
    lit, switched, _ = active(night.marks, night.up_since, state, at)
    assert (lit, round(switched)) == (found[0], round(night.start if found[1] is None else found[1]))


def test_minimum_burning_time_and_trimming() -> None:
    plan = plan_of(BY_CELL, min_burning_s=1800, trim_on_s=300)
    cell = Cell(plan, local("2026-01-15 10:00")).until(local("2026-01-15 13:00")).turns(5)
    assert [cell.until(local("2026-01-15 13:00") + after).percent for after in (0, 299, 300, 600)] == [0, 0, 100, 100]
    cell.turns(100)
    begun = local("2026-01-15 13:00")
    assert [cell.until(begun + after).percent for after in (601, 1799, 1800)] == [100, 100, 0]
    steps = (Step(parse_mark("sunset"), 100, 0),)
    trimmed = Program("p", parse_mark("sunset"), parse_mark("sunrise"), steps, 0, trim_on_s=600, trim_off_s=300)
    clock = plain_plan(trimmed, ["A"])
    known = no_inputs(SUNSET - 86400)
    at = [SUNSET + 598, SUNSET + 602, SUNRISE - 302, SUNRISE - 298]
    assert [target_of(clock, "A", PLACE, known, unix).percent for unix in at] == [0, 100, 100, 0]
    # A period that is shorter than the least burning time is made as long; an empty one stays empty.
    for off, wanted in (("17:10", 1), ("16:50", 0)):
        short = Program("p", parse_mark("sunset"), parse_mark(off), steps, 0, min_burning_s=1800)
        assert (target_of(plain_plan(short, ["A"]), "A", PLACE, known, SUNSET + 1790).percent == 100) == bool(wanted)


HOUR = 3600


class Clockless:
    """A photocell that speaks each minute, on a gateway without a clock."""

    def __init__(self, *photocells: Photocell) -> None:
        programs = [plan_of(photocell).programs[0] for photocell in photocells]
        rules = tuple(Rule(one, weekdays=(day,)) for day, one in enumerate(programs[1:], 1))
        self.plan = Plan([PlannedLuminaire("A", Calendar("c", programs[0], rules))], safe_percent=70)
        self.state = no_inputs(0.0)
        self.now = 0.0

    def passes(self, hours: float, **says: bool) -> list[float]:
        """Lets these sensors say dark (or light) for this long, and returns the target of each minute."""
        found = []
        for _ in range(round(hours * 60)):
            for sensor, dark in says.items():
                self.state = observe(self.plan, self.state, Reading(sensor, "photocell", float(dark), ""), self.now)
            self.now += 60
            found.append(target_of(self.plan, "A", PLACE, self.state, self.now, clock_valid=False).percent)
        return found


def test_without_a_clock_the_photocell_decides_once_it_has_seen_a_night() -> None:
    cell = Clockless(BY_CELL)
    assert cell.passes(1.0) == [70] * 60
    # At first, by day, it is not known whether the photocell can say dark at all.
    assert cell.passes(5, E1=False) == [70] * 300
    assert cell.passes(8, E1=True) == [70] * 480
    # Its light counts after 5 minutes, for 8 hours; then it may be jammed.
    assert cell.passes(10, E1=False) == [70] * 4 + [0] * 480 + [70] * 116
    assert cell.passes(30, E1=False) == [70] * 1800
    # A night of an hour, and one that is too short: a cloud, or a glitch of a jammed one.
    assert cell.passes(1.1, E1=True) == [70] * 66
    assert cell.passes(2, E1=False) == [70] * 4 + [0] * 116
    assert cell.passes(0.5, E1=True) == [70] * 30
    assert cell.passes(2, E1=False) == [70] * 120
    # It falls silent: for an hour it is believed.
    cell.passes(2, E1=True)
    cell.passes(1, E1=False)
    assert cell.passes(2) == [0] * 58 + [70] * 62


def test_without_a_clock_light_in_the_past_or_the_future_is_none() -> None:
    cell = Clockless(BY_CELL)
    cell.passes(3, E1=True)
    assert cell.passes(1, E1=False)[-1] == 0
    for wrong in (cell.now - 2 * HOUR, cell.now - 7 * HOUR, cell.now + 2 * HOUR, -1e6):
        assert target_of(cell.plan, "A", PLACE, cell.state, wrong, clock_valid=False).percent == 70
    assert target_of(cell.plan, "A", PLACE, cell.state, cell.now - 59, clock_valid=False)[::3] == (0, ("clockInvalid",))


def test_one_of_several_photocells_cannot_darken_a_street_without_a_clock() -> None:
    both = Clockless(Photocell("E1", 10, 15), Photocell("E2", 10, 15))
    both.passes(8, E1=True, E2=True)
    assert both.passes(1, E1=False, E2=True) == [70] * 60
    assert both.passes(1, E1=True, E2=False) == [70] * 60
    both.passes(8, E1=True, E2=True)
    assert both.passes(1, E1=False, E2=False)[5:] == [0] * 55
    # One of them falls silent.
    assert both.passes(2, E1=False) == [0] * 58 + [70] * 62
    either = Clockless(BY_CELL)
    either.passes(8, E1=True, E2=True)
    assert either.passes(1, E1=False, E2=True) == [70] * 60
    assert either.passes(1, E1=False, E2=False)[5:] == [0] * 55


OSLO = ZoneAlmanac("Europe/Oslo")
NORTH = Place(OSLO, 70.0, 20.0)
CONTRADICTS, WHITE, POLAR = "photocellContradictsSun", "sunDoesNotSet", "sunDoesNotRise"


def in_the_north(first: tuple[int, int, int, int], hours: list[bool]) -> list[tuple[float, tuple[str, ...]]]:
    """Returns the target at each half hour, and the conditions, at 70 north from this (year, month, day, hour) on. The
    photocell says dark or light hour by hour."""
    plan = plan_of(BY_CELL)
    begin = OSLO.local_to_unix(*first[:3], first[3] * 3600)
    state = no_inputs(begin - 86400)
    found = []
    for hour, dark in enumerate(hours):
        for minute in range(0, 60, 10):
            at = begin + 3600 * hour + 60 * minute
            state = observe(plan, state, Reading("E1", "photocell", float(dark), ""), at)
            if minute == 30:
                found.append(target_of(plan, "A", NORTH, state, at)[::3])
    return found


def test_a_photocell_in_a_white_night() -> None:
    """The sun shines all day: a photocell may say light, and it may say dark for no more than an hour."""
    light = (0, (WHITE,))
    assert in_the_north((2026, 6, 20, 8), [False] * 30) == [light] * 30
    # Dark from 8 on, over noon and midnight: from 9 on it contradicts, and does not cease to.
    dark = [True] * 30
    assert in_the_north((2026, 6, 20, 8), dark) == [(100, (WHITE,))] + [(100, (WHITE, CONTRADICTS))] * 29
    # It is mended at 14.
    assert in_the_north((2026, 6, 20, 12), [True, True, False]) == [(100, (WHITE,)), (100, (WHITE, CONTRADICTS)), light]


def test_a_photocell_in_the_polar_night() -> None:
    """The sun does not rise: the lamps burn all day, even at a bright noon. Light for more than an hour is a
    condition."""
    assert in_the_north((2026, 12, 20, 6), [True] * 30) == [(100, (POLAR,))] * 30
    bright = [True, True, True, False, False, False, False, True]
    assert in_the_north((2026, 12, 20, 8), bright) == (
        [(100, (POLAR,))] * 4 + [(100, (POLAR, CONTRADICTS))] * 3 + [(100, (POLAR,))]
    )


def test_a_photocell_where_the_polar_night_begins() -> None:
    """At 70 north, 20 east the last sunrise of the year is about 25 November: an earlier sunrise still switches off."""
    found = in_the_north((2026, 11, 21, 6), [True] * 4 + [False] * 3 + [True] * 3)
    assert found[5] == (0, ())
    assert [percent for percent, _ in found[:4] + found[7:]] == [100] * 7


def test_a_dark_afternoon_that_began_in_the_morning_is_one_condition() -> None:
    cell = Cell(plan_of(BY_CELL), local("2026-01-15 09:30")).until(local("2026-01-15 10:30")).turns(5)
    seen = [cell.until(local("2026-01-15 10:30") + 600 * step).ask().conditions for step in range(1, 20)]
    # From an hour after it turned dark, over noon, to the end.
    assert seen == [()] * 6 + [(CONTRADICTS,)] * 13


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 5000), st.sampled_from([1.0, 12.0, 500.0])), min_size=1, max_size=30),
    st.sampled_from([BY_CELL, IN_WINDOW]),
    st.floats(0, 80000),
)
def test_deep_night_is_lit_against_any_word_of_the_photocell(
    said: list[tuple[float, float]], photocell: Photocell, begin: float
) -> None:
    plan = plan_of(photocell)
    at = local("2026-01-15 08:00") + begin
    state: InputState = no_inputs(at)
    for pause, lux in said:
        at += pause
        state = observe(plan, state, Reading("E1", "lux", lux, ""), at)
        for unix in (at, at + 900, at + 8000):
            found = target_of(plan, "A", PLACE, state, unix)
            if SUNSET + 3600 < unix < SUNRISE - 3600:
                assert found.percent == 100
            elif photocell is IN_WINDOW and SUNRISE + 1800 < unix < SUNRISE + 20000:
                assert found.percent == 0
