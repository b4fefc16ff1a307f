"""A lamp's history of levels and availability, compared second by second with the meaning of the commands."""

from __future__ import annotations

import contextlib

import pytest

from agent.savings.full_power import FullPower
from agent.savings.ledger import LuminaireLedger
from agent.savings.level_history import AvailabilityStep, LevelHistory
from agent.savings.power_model import PowerModel
from tests.rigs.true_lamp import Command, TrueLamp, real_curve

MODEL = PowerModel(full_power_w=25.0, min_power_w=2.5, standby_w=0.4)
START = 1_768_392_000


@pytest.mark.parametrize(
    "commands",
    [
        [Command(0, 0, 0), Command(100, 254, 60)],  # from off: begins at the lowest level
        [Command(0, 254, 0), Command(100, 0, 60)],  # to off: fades to the lowest level, then off
        [Command(0, 254, 0), Command(100, 0, 300), Command(200, 254, 300)],  # turned round on the way
        [Command(0, 85, 0), Command(100, 254, 90), Command(150, 254, 90)],  # the same level again starts a new fade
        [Command(0, 229, 0), Command(100, 229, 90)],  # the same level when there: nothing moves
        [Command(0, 0, 0), Command(100, 0, 90)],
    ],
)
def test_fades_run_as_the_standard_says(commands: list[Command]) -> None:
    history = LevelHistory(MODEL.min_level)
    for one in commands:
        history.add_level(one.at, one.level, one.fade_s)
    lamp = TrueLamp(commands, real_curve(25.0, 2.5, 0.4, 0.0), 0, 600, 0.1)
    for end in range(50, 600, 50):
        # The oracle looks at the middle of each second, which costs half a second of a fade.
        assert history.energy_wh(MODEL, 0, end) == pytest.approx(lamp.energy_wh(end), abs=0.005)


def test_an_earlier_time_counts_as_the_newest_commands() -> None:
    history = LevelHistory(85)
    history.add_level(100, 254, 0)
    history.add_level(200, 0, 0)
    history.add_level(150, 229, 0)  # the clock was set back; the later command still wins, and the past stays
    assert history.energy_wh(MODEL, 100, 200) == pytest.approx(25 / 36)
    assert history.steady_level(200, 300) == 229


def test_a_level_is_steady_only_past_its_fade_and_without_a_change() -> None:
    history = LevelHistory(85)
    assert history.steady_level(0, 100) is None
    history.add_level(0, 0, 0)
    history.add_level(100, 254, 60)
    assert [history.steady_level(start, 400) for start in (50, 100, 159, 160)] == [None, None, None, 254]
    history.add_availability(300, False, None)
    assert history.steady_level(160, 300) == 254
    assert history.steady_level(160, 301) is None
    history.add_availability(350, True, None)
    assert history.steady_level(350, 400) == 254


def test_only_past_steps_are_forgotten() -> None:
    history = LevelHistory(85)
    for at in range(0, 1000, 100):
        history.add_level(at, at // 4, 30)
        history.add_availability(at + 10, bool(at // 100 % 2), None)
    before = [history.energy_wh(MODEL, 510, at) for at in range(510, 1200, 30)], history.available_spans(510, 1200)
    history.forget_before(510)
    after = [history.energy_wh(MODEL, 510, at) for at in range(510, 1200, 30)], history.available_spans(510, 1200)
    assert after == before
    assert (len(history.levels), len(history.availability)) == (5, 5)
    history.forget_before(5000)
    assert history.availability == []  # a lamp is available until the ledger is told otherwise


def test_availability_given_back_in_time_holds_from_there() -> None:
    history = LevelHistory(85)
    history.add_level(0, 254, 0)
    history.add_availability(500, True, None)
    assert history.availability == []  # nothing new
    history.add_availability(300, False, 0.0)
    assert history.availability == [AvailabilityStep(300, False, 0.0)]
    assert history.energy_wh(MODEL, 200, 400) == pytest.approx(25 * 100 / 3600)
    history.add_availability(250, True, None)
    assert history.available_spans(0, 600) == [(0, 600)]


def test_a_closed_quarter_stays_when_a_failure_turns_out_to_be_older() -> None:
    ledger = LuminaireLedger("lamp", MODEL, lambda start, end: [(start, end)])
    ledger.level(START, 254)
    for index in range(3):
        assert ledger.reading(START + 900 * index + 3, 6.25 * index, 0.1) == []
        ledger.close(START + 900 * index + 3)
    ledger.available(START + 100, False)
    assert ledger.to_state()["availability"] == [[START + 1800, False, None]]
    assert ledger.reading(START + 2703, 18.75, 0.1) == []
    (interval,) = ledger.close(START + 2703)
    assert (interval.available_s, interval.baseline_wh) == (0, 0)


def test_full_power_is_not_learnt_across_quarters_that_the_model_closed() -> None:
    ledger = LuminaireLedger("lamp", MODEL, lambda start, end: [(start, end)])
    ledger.level(START, 254)
    assert ledger.reading(START + 3, 0.0, 0.1) == []
    ledger.available(START + 1000, False, 0.0)
    ledger.available(START + 4000, True)
    assert len(ledger.close(START + 9 * 3600)) == 12
    assert ledger.reading(START + 9 * 3600, 25.0 * 8, 0.1) == []
    assert ledger.full_power_w == 25.0


def test_full_power_follows_a_lamp_that_ages() -> None:
    full_power = FullPower(25.0)
    for hours, watt in ((200, 25.0), (400, 24.0)):
        for _ in range(hours):
            full_power.add(watt, 3600, 0.1)
    assert full_power.source == "measured"
    assert full_power.power_w == pytest.approx(24.0, abs=0.05)
    assert FullPower(25.0, full_power.sums).power_w == full_power.power_w


def test_steps_of_a_clock_ahead_count_as_told_by_now() -> None:
    history = LevelHistory(85)
    for at in (100, 200, 300):
        history.add_level(at, at // 2, 5)
        history.add_availability(at + 10, at != 200, 1.5)
    now = history.not_after(205)
    assert [(step.at, step.level, step.fade_s) for step in now.levels] == [(100, 50, 0.0), (200, 100, 5), (205, 150, 5)]
    assert [(step.at, step.available) for step in now.availability] == [(110, True), (205, False), (205, True)]
    assert now.min_level == 85
    assert [step.at for step in history.levels] == [100, 200, 300]


@pytest.mark.parametrize(
    ("delta_s", "not_before", "expected"),
    [
        (1000.0, 0.0, [100, 1200, 1300]),
        (-50.0, 0.0, [100, 150, 250]),
        (-150.0, 0.0, [50, 150]),  # an earlier step would now be later than this one
        (-150.0, 120.0, [100, 120, 150]),
    ],
)
def test_the_steps_of_one_process_move_and_earlier_steps_stay(
    delta_s: float, not_before: float, expected: list[int]
) -> None:
    history = LevelHistory(85)
    for at in (100, 200, 300):
        history.add_level(at, at // 2, 5)
        history.add_availability(at, at != 200, None)
    history.availability.insert(0, AvailabilityStep(100, True, 2.0))
    moved = history.moved(200, delta_s, not_before)
    assert [step.at for step in moved.levels] == expected
    assert [step.at for step in moved.availability] == expected
    assert [step.level for step in moved.levels][-2:] == [100, 150]
    assert moved.min_level == 85


def test_a_sensor_that_moves_a_lamp_without_end_keeps_the_newest_of_its_course() -> None:
    history = LevelHistory(85)
    for number in range(5001):
        history.add_level(number, 100 + number % 2, 0)
        history.add_availability(number, bool(number % 2), None)
    for steps in (history.levels, history.availability):
        assert 1000 <= len(steps) <= 2000
        assert steps[-1].at == 5000
    assert history.energy_wh(MODEL, 4990, 5000) == pytest.approx(5 * (MODEL.power_w(100) + MODEL.power_w(101)) / 3600)


@pytest.mark.parametrize(
    ("level", "fade_s", "fits"),
    [(0, 0.0, True), (254, 0.0, True), (255, 0.0, False), (-1, 0.0, False), (9, -0.1, False)],
)
def test_levels_are_of_0_to_254_and_fades_do_not_run_backward(level: int, fade_s: float, fits: bool) -> None:
    history = LevelHistory(85)
    with contextlib.nullcontext() if fits else pytest.raises(ValueError, match="0-254"):
        history.add_level(0, level, fade_s)
    assert len(history.levels) == int(fits)
