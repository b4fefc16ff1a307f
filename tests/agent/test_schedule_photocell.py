"""Active periods by a photocell: hysteresis, the window around the sun's switching, a photocell that jams or falls
silent, minimum burning time and trimming."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.almanac import ZoneAlmanac
from agent.schedule.demand import Demand, demand
from agent.schedule.inputs import InputState, Reading, no_inputs, observe
from agent.schedule.place import Place
from agent.schedule.plan import Plan, plain_plan
from agent.schedule.program import Photocell, Program, Step, parse_mark

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
    """A photocell that speaks every ten minutes, and when it changes."""

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
        self.lux = lux
        self.observe()
        return self

    def ask(self) -> Demand:
        return demand(self.plan, "A", PLACE, self.state, self.now)

    @property
    def percent(self) -> float:
        return self.ask().percent


def test_hysteresis() -> None:
    plan = plan_of(BY_CELL)
    state = observe(plan, no_inputs(SUNSET - 7200), Reading("E1", "lux", 100, ""), SUNSET - 7200)
    seen = []
    for second, lux in enumerate([12, 10, 9.9, 12, 14.9, 15, 12, 9]):
        state = observe(plan, state, Reading("E1", "lux", lux, ""), SUNSET + second)
        seen.append(demand(plan, "A", PLACE, state, SUNSET + second).percent)
    assert seen == [0, 0, 100, 100, 100, 0, 0, 100]


def test_a_photocell_that_says_itself_what_it_sees() -> None:
    plan = plan_of(BY_CELL)
    state = observe(plan, no_inputs(SUNSET - 7200), Reading("E1", "photocell", 0, ""), SUNSET)
    assert demand(plan, "A", PLACE, state, SUNSET + 60).percent == 0
    state = observe(plan, state, Reading("E1", "photocell", 1, ""), SUNSET + 600)
    assert demand(plan, "A", PLACE, state, SUNSET + 600).percent == 100


def test_a_dark_afternoon_is_lit_and_a_long_one_is_a_condition() -> None:
    cell = Cell(plan_of(BY_CELL), local("2026-01-15 10:00")).until(local("2026-01-15 13:00")).turns(5)
    assert cell.ask()[::3] == (100, ())
    cell.until(local("2026-01-15 13:59"))
    assert cell.ask()[::3] == (100, ())
    cell.until(local("2026-01-15 14:01"))
    assert cell.ask()[::3] == (100, ("photocellContradictsSun",))
    cell.turns(100)
    assert cell.ask()[::3] == (0, ())


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
    assert demand(plan, "A", PLACE, lost, noon + 3599)[::3] == (100, ())
    assert demand(plan, "A", PLACE, lost, noon + 3600)[::3] == (0, ("photocellSilent",))
    assert demand(plan, "A", PLACE, lost, SUNSET + 1)[::3] == (100, ("photocellSilent",))
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
    """A signal before the window switches at its start, one inside at the signal, none at its end."""
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
    assert [demand(clock, "A", PLACE, known, unix).percent for unix in at] == [0, 100, 100, 0]
    # A period that is shorter than the least burning time is made as long; an empty one stays empty.
    for off, wanted in (("17:10", 1), ("16:50", 0)):
        short = Program("p", parse_mark("sunset"), parse_mark(off), steps, 0, min_burning_s=1800)
        assert (demand(plain_plan(short, ["A"]), "A", PLACE, known, SUNSET + 1790).percent == 100) == bool(wanted)


def test_without_a_clock_the_photocell_decides() -> None:
    plan = plan_of(BY_CELL)
    state = no_inputs(100.0)

    def ask(unix: float) -> tuple[object, ...]:
        return demand(plan, "A", PLACE, state, unix, clock_valid=False)[::3]

    assert ask(200.0) == (100, ("clockInvalid",))
    state = observe(plan, state, Reading("E1", "lux", 500, ""), 300.0)
    assert ask(400.0) == (0, ("clockInvalid",))
    # It fell silent, or the clock jumped: nobody knows.
    assert ask(300.0 + 3601)[0] == 100
    assert ask(-1e6)[0] == 100
    for hour in range(1, 21):
        state = observe(plan, state, Reading("E1", "lux", 500, ""), 300.0 + hour * 3600)
    # No day is that long: it is jammed.
    assert ask(300.0 + 20 * 3600 - 1)[0] == 0
    assert ask(300.0 + 20 * 3600)[0] == 100


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 5000), st.sampled_from([1.0, 12.0, 500.0])), min_size=1, max_size=30),
    st.sampled_from([BY_CELL, IN_WINDOW]),
    st.floats(0, 80000),
)
def test_whatever_the_photocell_says_deep_night_is_lit(
    said: list[tuple[float, float]], photocell: Photocell, begin: float
) -> None:
    plan = plan_of(photocell)
    at = local("2026-01-15 08:00") + begin
    state: InputState = no_inputs(at)
    for pause, lux in said:
        at += pause
        state = observe(plan, state, Reading("E1", "lux", lux, ""), at)
        for unix in (at, at + 900, at + 8000):
            found = demand(plan, "A", PLACE, state, unix)
            if SUNSET + 3600 < unix < SUNRISE - 3600:
                assert found.percent == 100
            elif photocell is IN_WINDOW and SUNRISE + 1800 < unix < SUNRISE + 20000:
                assert found.percent == 0
