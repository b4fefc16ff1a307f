"""Which readings of a register are believed, and what the others mean: figures of a 25 W lamp, worked out by hand."""

from __future__ import annotations

import pytest

from agent.savings.intervals import Anomaly
from agent.savings.register import Register, Stand, Step

HOUR = 3600.0
RESOLUTION = 0.25


def model_wh(start: float, end: float) -> float:
    return 25.0 * (end - start) / HOUR


def read(register: Register, at: float, energy_wh: float, resolution_wh: float = RESOLUTION) -> list[bool]:
    """Returns, for each stand that is believed now, whether it counts. Fails on any anomaly."""
    steps, odd = register.read(Stand(at, energy_wh), 25.0, resolution_wh, model_wh)
    assert odd == []
    return [step.counts for step in steps]


def odd_of(register: Register, at: float, energy_wh: float) -> tuple[list[Step], Anomaly]:
    steps, (anomaly,) = register.read(Stand(at, energy_wh), 25.0, RESOLUTION, model_wh)
    return steps, anomaly


def begun() -> Register:
    register = Register("L01", 25.0)
    assert read(register, 0.0, 1000.0) == [False]  # there is nothing before it
    return register


# Twice its power for an hour, and the register's two floors.
@pytest.mark.parametrize(
    ("rise_wh", "plausible"), [(0.0, True), (25.0, True), (50.5, True), (50.75, False), (-0.25, False)]
)
def test_a_lamp_draws_between_nothing_and_twice_its_power(rise_wh: float, plausible: bool) -> None:
    register = begun()
    assert register.is_plausible(Stand(HOUR, 1000.0 + rise_wh), 25.0, RESOLUTION) == plausible
    assert register.believed == Stand(0.0, 1000.0)  # asking changes nothing
    assert read(begun(), HOUR, 1025.0) == [True]


def test_a_rise_is_judged_by_the_declared_measured_or_found_power() -> None:
    register = begun()
    assert not register.is_plausible(Stand(HOUR, 1080.0), 25.0, RESOLUTION)
    assert register.is_plausible(Stand(HOUR, 1080.0), 40.0, RESOLUTION)
    assert Register("L01", 40.0).is_plausible(Stand(HOUR, 1080.0), 25.0, RESOLUTION)
    register.most_w = 40.0
    assert register.is_plausible(Stand(HOUR, 1080.0), 25.0, RESOLUTION)
    assert register.is_plausible(Stand(HOUR, 1080.0), 10.0, RESOLUTION)


def test_a_clock_of_another_process_may_have_been_behind_by_its_slack() -> None:
    register = begun()
    register.slack_s = HOUR
    assert register.is_plausible(Stand(HOUR, 1100.5), 25.0, RESOLUTION)
    assert not register.is_plausible(Stand(HOUR, 1100.75), 25.0, RESOLUTION)
    assert register.is_plausible(Stand(-HOUR, 1050.5), 25.0, RESOLUTION)
    read(register, HOUR, 1090.0)
    assert register.slack_s == 0.0
    assert not register.is_plausible(Stand(2 * HOUR, 1180.0), 25.0, RESOLUTION)


def test_a_register_that_fell_is_another_and_the_next_rise_counts() -> None:
    register = begun()
    steps, odd = odd_of(register, HOUR, 990.0)
    assert steps == [Step(Stand(HOUR, 990.0), counts=False)]
    assert odd == Anomaly(
        HOUR, "registerReplaced", "L01: its energy register fell by 10.0 Wh; was the gear replaced or reset?"
    )
    assert read(register, 2 * HOUR, 1015.0) == [True]


def test_a_register_that_no_lamp_can_have_moved_is_another_at_once() -> None:
    register = begun()
    steps, odd = odd_of(register, HOUR, 2000.75)  # 1000 W for an hour, and two floors
    assert steps == [Step(Stand(HOUR, 2000.75), counts=False)]
    assert (odd.at, odd.name) == (HOUR, "registerJumped")
    assert "rose by 1000.8 Wh in 3600 s, which it cannot have drawn" in odd.text
    assert read(begun(), HOUR, 2000.5) == []  # that much waits for the next reading


def test_a_reading_that_was_disturbed_is_as_if_it_had_not_been() -> None:
    register = begun()
    assert read(register, HOUR, 1300.0) == []
    assert register.believed == Stand(0.0, 1000.0)
    assert read(register, 2 * HOUR, 1050.0) == [True]
    assert (register.believed, register.doubtful, register.most_w) == (Stand(2 * HOUR, 1050.0), None, 0.0)


def test_a_rise_that_goes_on_is_the_lamp_s_and_the_board_is_wrong() -> None:
    register = begun()
    assert read(register, HOUR, 1060.0) == []
    steps, odd = odd_of(register, 2 * HOUR, 1130.0)
    assert steps == [Step(Stand(HOUR, 1060.0), counts=True), Step(Stand(2 * HOUR, 1130.0), counts=True)]
    assert (odd.at, odd.name, register.most_w) == (2 * HOUR, "declaredPowerWrong", 70.0)
    assert "measured to draw 70 W where the board declares 25 W" in odd.text
    assert read(register, 3 * HOUR, 1260.0) == [True]  # 130 W is below twice as much


# After 70 W in the doubtful hour: a lamp that draws two thirds of that, just less, and what it was to draw.
@pytest.mark.parametrize(
    ("watt", "name"), [(47.0, "declaredPowerWrong"), (46.5, "registerJumped"), (31.0, "registerJumped")]
)
def test_a_jump_after_which_it_goes_on_otherwise_was_another_register(watt: float, name: str) -> None:
    register = begun()
    read(register, HOUR, 1070.0)
    steps, odd = odd_of(register, 2 * HOUR, 1070.0 + watt)
    assert odd.name == name
    # Its rise since counts in any case; the jump itself only where it was the lamp's.
    assert steps == [
        Step(Stand(HOUR, 1070.0), counts=name == "declaredPowerWrong"),
        Step(Stand(2 * HOUR, 1070.0 + watt), counts=True),
    ]
    assert odd.at == (2 * HOUR if steps[0].counts else HOUR)


def test_two_readings_that_make_no_sense_together_begin_anew() -> None:
    register = begun()
    read(register, HOUR, 1060.0)
    steps, odd = odd_of(register, 2 * HOUR, 9000.0)
    assert steps == [Step(Stand(2 * HOUR, 9000.0), counts=False)]
    assert (odd.at, odd.name) == (2 * HOUR, "registerJumped")
    assert "rose by 8000.0 Wh in 7200 s" in odd.text
    assert register.doubtful is None


def test_a_clock_that_is_set_moves_the_readings_of_this_process() -> None:
    register = begun()
    read(register, HOUR, 1060.0)
    register.moved(-500.0, -9e9)
    assert (register.believed, register.doubtful) == (Stand(-500.0, 1000.0), Stand(HOUR - 500.0, 1060.0))


def test_readings_of_the_process_before_move_only_if_they_lie_in_the_future() -> None:
    register = begun()
    register.slack_s = HOUR
    register.moved(700.0, 100.0)
    assert (register.believed, register.slack_s) == (Stand(0.0, 1000.0), HOUR)
    register.moved(700.0, -100.0)
    assert register.believed == Stand(-100.0, 1000.0)
    assert register.slack_s == 400 * 86_400.0
    Register("L01", 25.0).moved(700.0, 0.0)  # nothing was read yet
