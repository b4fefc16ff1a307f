"""The luminaire's ledger against an independent integral of a lamp's power."""

from __future__ import annotations

import json
import math
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.records.kinds import body_of
from agent.savings.intervals import Interval
from agent.savings.ledger import LuminaireLedger
from agent.savings.ledger_state import StateUnreadable
from agent.savings.power_model import PowerModel
from tests.rigs.true_lamp import Command, TrueLamp, real_curve

# A UTC quarter in January; no test asks which day it is.
START = 1_768_392_000
QUARTER = 900
MODEL = PowerModel(full_power_w=25.0, min_power_w=2.5, standby_w=0.4)


def always_burning(start: float, end: float) -> list[tuple[float, float]]:
    return [(start, end)]


def run(
    lamp: TrueLamp,
    commands: list[Command],
    reading_times: list[float],
    ledger: LuminaireLedger,
) -> list[Interval]:
    """Tells the ledger all facts in order of time, and closes quarters after each reading."""
    intervals: list[Interval] = []
    things: list[tuple[float, Command | None]] = [(float(one.at), one) for one in commands]
    things += [(at, None) for at in reading_times]
    for at, command in sorted(things, key=lambda thing: thing[0]):
        if command is not None:
            ledger.level(at, command.level, command.fade_s)
        else:
            assert ledger.reading(at, lamp.register_wh(at), lamp.resolution_wh) == []
            intervals += ledger.close(at)
    return intervals


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[Command], list[float], float, float, float]:
    """Draws commands, reading times, the resolution and start of the register, and the bend of the power curve."""
    quarters = draw(st.integers(4, 16))
    gaps = draw(st.lists(st.integers(1, 4000), max_size=8))
    commands = [Command(START, draw(st.integers(0, 254)), 0)]
    for gap in gaps:
        at = commands[-1].at + gap
        if at < START + quarters * QUARTER:
            commands.append(Command(at, draw(st.integers(0, 254)), draw(st.sampled_from([0, 1, 8, 32, 90, 300]))))
    offsets = draw(st.lists(st.floats(0.5, 30.0), min_size=quarters + 1, max_size=quarters + 1))
    readings = [START + index * QUARTER + offset for index, offset in enumerate(offsets)]
    resolution_wh = draw(st.sampled_from([0.1, 1.0]))
    return commands, readings, resolution_wh, draw(st.floats(0, 5000)), draw(st.floats(-0.05, 0.05))


def worst_span_error_wh(intervals: list[Interval], lamp: TrueLamp) -> float:
    """Returns the largest difference between reported and true energy over any run of quarters."""
    errors = [0.0]
    for interval in intervals:
        true_wh = lamp.energy_wh(interval.start + QUARTER) - lamp.energy_wh(interval.start)
        errors.append(errors[-1] + interval.actual_wh - true_wh)
    return max(errors) - min(errors)


@given(nights())
@settings(max_examples=120, deadline=None)
def test_any_run_of_quarters_agrees_with_the_true_integral(
    night: tuple[list[Command], list[float], float, float, float],
) -> None:
    commands, readings, resolution_wh, offset_wh, bend = night
    end = int(readings[-1]) + 2
    lamp = TrueLamp(commands, real_curve(26.0, 2.0, 0.35, bend), START, end, resolution_wh, offset_wh)
    intervals = run(lamp, commands, readings, LuminaireLedger("lamp", MODEL, always_burning))

    assert [one.start for one in intervals] == [START + index * QUARTER for index in range(len(readings) - 1)]
    assert all(one.quality == "metered" for one in intervals)
    assert all(one.actual_wh >= 0 for one in intervals)
    assert worst_span_error_wh(intervals, lamp) <= 2 * resolution_wh


@given(nights(), st.data())
@settings(max_examples=80, deadline=None)
def test_missed_reads_widen_and_nothing_is_lost(
    night: tuple[list[Command], list[float], float, float, float], data: st.DataObject
) -> None:
    commands, readings, resolution_wh, offset_wh, bend = night
    missed = data.draw(st.sets(st.integers(1, len(readings) - 2), min_size=1))
    kept = [at for index, at in enumerate(readings) if index not in missed]
    lamp = TrueLamp(commands, real_curve(26.0, 2.0, 0.35, bend), START, int(readings[-1]) + 2, resolution_wh, offset_wh)
    intervals = run(lamp, commands, kept, LuminaireLedger("lamp", MODEL, always_burning))

    # Each quarter comes once, and the total still agrees: the model decides only the shares within a gap.
    assert [one.start for one in intervals] == [START + index * QUARTER for index in range(len(readings) - 1)]
    true_wh = lamp.energy_wh(START + len(intervals) * QUARTER) - lamp.energy_wh(START)
    assert abs(sum(one.actual_wh for one in intervals) - true_wh) <= 2 * resolution_wh
    for index, one in enumerate(intervals):
        assert one.quality == ("interpolated" if {index, index + 1} & missed else "metered")
        assert one.coverage >= 0.96


@given(nights(), st.floats(0, 899))
@settings(max_examples=60, deadline=None)
def test_readings_anywhere_in_the_quarter(
    night: tuple[list[Command], list[float], float, float, float], shift_s: float
) -> None:
    """If readings lie far from a boundary, the model shares out more energy. With the lamp's own curve it is exact."""
    commands, readings, resolution_wh, offset_wh, _ = night
    shifted = [START, *(at + shift_s for at in readings)]
    lamp = TrueLamp(commands, real_curve(25.0, 2.5, 0.4, 0.0), START, int(shifted[-1]) + 2, resolution_wh, offset_wh)
    intervals = run(lamp, commands, shifted, LuminaireLedger("lamp", MODEL, always_burning))
    assert worst_span_error_wh(intervals, lamp) <= 2 * resolution_wh


def test_the_sum_over_lamps_stays_within_one_step_each() -> None:
    chance = random.Random(7)
    error_wh = 0.0
    for lamp_number in range(64):
        commands = [Command(START, 0, 0), Command(START + 1000, 254, 60), Command(START + 9000, 229, 60)]
        curve = real_curve(chance.uniform(22, 28), 2.5, 0.4, chance.uniform(-0.05, 0.05))
        # All registers begin at zero, so that all floors lean the same way.
        lamp = TrueLamp(commands, curve, START, START + 17 * QUARTER, 0.1, 0.0)
        readings = [START + index * QUARTER + 1 + 0.4 * lamp_number for index in range(17)]
        intervals = run(lamp, commands, readings, LuminaireLedger("lamp", MODEL, always_burning))
        true_wh = lamp.energy_wh(START + 16 * QUARTER) - lamp.energy_wh(START)
        error_wh += sum(one.actual_wh for one in intervals) - true_wh
    assert abs(error_wh) <= 64 * 0.1


@given(nights(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_crash_at_any_moment_changes_nothing(
    night: tuple[list[Command], list[float], float, float, float], data: st.DataObject
) -> None:
    commands, readings, resolution_wh, offset_wh, bend = night
    lamp = TrueLamp(commands, real_curve(26.0, 2.0, 0.35, bend), START, int(readings[-1]) + 2, resolution_wh, offset_wh)
    whole = run(lamp, commands, readings, LuminaireLedger("lamp", MODEL, always_burning))

    cut = data.draw(st.floats(START, readings[-1]))
    first = LuminaireLedger("lamp", MODEL, always_burning)
    before = run(lamp, [one for one in commands if one.at <= cut], [at for at in readings if at <= cut], first)
    state = json.loads(json.dumps(first.to_state()))
    second = LuminaireLedger.from_state(state, "lamp", MODEL, always_burning)
    after = run(lamp, [one for one in commands if one.at > cut], [at for at in readings if at > cut], second)
    assert before + after == whole


def steady_lamp(hours: int = 24) -> tuple[TrueLamp, list[Command]]:
    commands = [Command(START, 254, 0)]
    return TrueLamp(commands, real_curve(25.0, 2.5, 0.4, 0.0), START, START + hours * 3600, 0.1, 17.3), commands


def read(ledger: LuminaireLedger, lamp: TrueLamp, at: float) -> list[Interval]:
    assert ledger.reading(at, lamp.register_wh(at), lamp.resolution_wh) == []
    return ledger.close(at)


def test_a_gateway_that_was_dead_for_hours_finds_the_energy_in_the_register() -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals = read(ledger, lamp, START + 2) + read(ledger, lamp, START + 902)
    ledger = LuminaireLedger.from_state(json.loads(json.dumps(ledger.to_state())), "lamp", MODEL, always_burning)
    intervals += read(ledger, lamp, START + 20 * QUARTER + 5)

    assert [one.start for one in intervals] == [START + index * QUARTER for index in range(20)]
    assert [one.quality for one in intervals] == ["metered"] + ["interpolated"] * 19
    assert worst_span_error_wh(intervals, lamp) <= 0.2


def test_without_a_reading_for_six_hours_the_model_closes_and_the_register_has_the_last_word() -> None:
    # The board says 25 W, but the lamp draws 26 W: the next reading adds the energy that the model left out.
    lamp = TrueLamp([Command(START, 254, 0)], real_curve(26.0, 2.5, 0.4, 0.0), START, START + 90_000, 0.1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals = read(ledger, lamp, START + 2)
    assert ledger.close(START + 6 * 3600 + 899) == []
    intervals += ledger.close(START + 7 * 3600)
    assert [(one.quality, one.actual_wh) for one in intervals] == [("modelled", 6.25)] * 4
    assert [one.coverage for one in intervals] == [0.0] * 4
    intervals += read(ledger, lamp, START + 8 * 3600 + 2)
    assert len(intervals) == 32
    assert {one.quality for one in intervals[4:]} == {"interpolated"}
    true_wh = lamp.energy_wh(START + 8 * 3600) - lamp.energy_wh(START)
    assert sum(one.actual_wh for one in intervals) == pytest.approx(true_wh, abs=0.2)


def test_quarters_modelled_too_high_are_said_and_never_turn_negative() -> None:
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    assert ledger.reading(START + 2, 100.0, 0.1) == []
    assert len(ledger.close(START + 7 * 3600)) == 4
    anomalies = ledger.reading(START + 8 * 3600 + 2, 101.0, 0.1)  # the mains were off: it drew nearly nothing
    assert [(one.name, one.at) for one in anomalies] == [("modelledTooHigh", START + 8 * 3600 + 2)]
    # The hour is on record with 25 Wh, but the register counted 1 Wh.
    assert anomalies[0].text == "lamp: quarters without readings were closed with 24.0 Wh too much."
    assert all(one.actual_wh == 0 for one in ledger.close(START + 8 * 3600 + 3))


def test_a_new_register_goes_on_from_the_old_sum() -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals: list[Interval] = []
    for index in range(4):
        intervals += read(ledger, lamp, START + index * QUARTER + 3)
    at = START + 4 * QUARTER + 3
    assert not ledger.is_plausible(at, 0.2, 0.1)
    anomalies = ledger.reading(at, 0.2, 0.1)
    assert [one.name for one in anomalies] == ["registerReplaced"]
    intervals += ledger.close(at)
    for index in range(5, 8):
        at = START + index * QUARTER + 3
        assert ledger.reading(at, 0.2 + 25 * (index - 4) / 4, 0.1) == []
        intervals += ledger.close(at)
    assert [one.quality for one in intervals] == ["metered"] * 3 + ["modelled"] + ["metered"] * 3
    assert intervals[3].coverage < 0.01
    assert all(one.actual_wh == pytest.approx(6.25, abs=0.2) for one in intervals)


def test_a_reading_that_was_disturbed_costs_nothing() -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    read(ledger, lamp, START + 3)
    at = START + QUARTER + 3
    torn_wh = lamp.register_wh(at) + 25.6  # one bit
    assert not ledger.is_plausible(at, torn_wh, 0.1)
    assert ledger.is_plausible(at, lamp.register_wh(at), 0.1)
    assert ledger.reading(at, torn_wh, 0.1) == []
    assert ledger.close(at) == []  # the next reading tells what it was
    intervals = read(ledger, lamp, START + 2 * QUARTER + 3)
    assert [one.quality for one in intervals] == ["interpolated"] * 2
    assert worst_span_error_wh(intervals, lamp) <= 0.2


@pytest.mark.parametrize("step_wh", [25.6, 200.0, 400_000.0])
def test_a_register_that_jumped_and_goes_on_as_before_is_another(step_wh: float) -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals = read(ledger, lamp, START + 3)
    odd = []
    for index in range(1, 5):
        at = START + index * QUARTER + 3
        odd += ledger.reading(at, lamp.register_wh(at) + step_wh, 0.1)
        intervals += ledger.close(at)
    assert [one.name for one in odd] == ["registerJumped"]
    assert f"rose by {step_wh + 6.2:.1f}"[:-2] in odd[0].text
    assert [one.quality for one in intervals] == ["modelled"] + ["metered"] * 3
    assert worst_span_error_wh(intervals, lamp) <= 0.2


@pytest.mark.parametrize("true_w", [60.0, 75.0, 200.0])
@pytest.mark.parametrize("levels", [(254, 254, 254), (254, 229, 254), (229, 254, 229)])
def test_a_power_that_was_declared_too_low_is_said_once_and_the_register_is_right(
    true_w: float, levels: tuple[int, ...]
) -> None:
    commands = [Command(START + 5 * QUARTER * index, level, 0) for index, level in enumerate(levels)]
    lamp = TrueLamp(commands, real_curve(true_w, true_w / 10, 0.4, 0.0), START, START + 16 * QUARTER, 0.1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    odd, intervals = [], []
    for index in range(16):
        at = START + index * QUARTER + 3
        if index % 5 == 0 and index < 15:
            ledger.level(START + index * QUARTER, levels[index // 5])
        odd += ledger.reading(at, lamp.register_wh(at), 0.1)
        intervals += ledger.close(at)
        if index == 9:  # a new process keeps the finding, and does not report it again
            state = json.loads(json.dumps(ledger.to_state()))
            ledger = LuminaireLedger.from_state(state, "lamp", MODEL, always_burning)
    assert [one.name for one in odd] == ["declaredPowerWrong"]
    assert "declares 25 W" in odd[0].text
    assert [one.start for one in intervals] == [START + index * QUARTER for index in range(15)]
    assert worst_span_error_wh(intervals, lamp) <= 0.5  # the model's curve is not the lamp's


def test_the_measured_power_of_the_lamp_is_named() -> None:
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    texts = [
        anomaly.text
        for index in range(5)
        for anomaly in ledger.reading(START + index * QUARTER, 1000.0 + 15.0 * index, 0.1)
    ]
    assert texts == [
        "lamp: it was measured to draw 60 W where the board declares 25 W: correct its power_w; "
        "what the register says is recorded."
    ]


@pytest.mark.parametrize("back_s", [0.0, 0.5, 3600.0])
def test_a_reading_of_before_the_newest_one_gives_no_negative_interval(back_s: float) -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    read(ledger, lamp, START + 3)
    intervals = read(ledger, lamp, START + QUARTER + 3)
    at = START + QUARTER + 3
    ledger.reading(at - back_s, lamp.register_wh(at), 0.1)
    intervals += ledger.close(at) + read(ledger, lamp, START + 2 * QUARTER + 3)
    assert len(intervals) == 2
    assert worst_span_error_wh(intervals, lamp) <= 0.2


def test_full_power_is_the_boards_until_half_an_hour_was_metered() -> None:
    lamp = TrueLamp([Command(START, 254, 0)], real_curve(28.0, 2.5, 0.4, 0.0), START, START + 7200, 0.1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals = [one for index in range(6) for one in read(ledger, lamp, START + index * QUARTER + 3)]
    assert [one.full_power_source for one in intervals] == ["declared"] + ["measured"] * 4
    assert intervals[0].baseline_wh == 6.25
    assert intervals[-1].full_power_w == pytest.approx(28.0, rel=0.01)
    assert intervals[-1].baseline_wh == pytest.approx(7.0, rel=0.01)


def test_a_board_that_declares_its_baseline_keeps_it() -> None:
    lamp = TrueLamp([Command(START, 254, 0)], real_curve(28.0, 2.5, 0.4, 0.0), START, START + 7200, 0.1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning, baseline_power="declared")
    ledger.level(START, 254)
    intervals = [one for index in range(6) for one in read(ledger, lamp, START + index * QUARTER + 3)]
    assert {(one.full_power_source, one.full_power_w, one.baseline_wh) for one in intervals} == {
        ("declared", 25.0, 6.25)
    }


def test_full_power_is_not_learnt_from_a_coarse_register_a_fade_or_a_failed_lamp() -> None:
    for resolution_wh, commands, dead in [
        (1.0, [Command(START, 254, 0)], False),  # 30 Wh in steps of 1 Wh: too coarse
        (0.1, [Command(START, 254, 0), Command(START + 400, 253, 0), Command(START + 1700, 254, 90)], False),
        (0.1, [Command(START, 254, 0)], True),
    ]:
        lamp = TrueLamp(commands, real_curve(28.0, 2.5, 0.4, 0.0), START, START + 7200, resolution_wh)
        ledger = LuminaireLedger("lamp", MODEL, always_burning)
        ledger.available(START, not dead)
        run(lamp, commands, [START + index * QUARTER + 3.0 for index in range(4)], ledger)
        assert ledger.full_power_w == 25.0


def test_a_failed_lamp_is_not_a_saving() -> None:
    failed_at = START + 2 * QUARTER + 300
    commands = [Command(START, 254, 0)]
    lamp = TrueLamp(commands, real_curve(25.0, 2.5, 0.4, 0.0), START, START + 9000, 0.1, dead=(failed_at, START + 9000))
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals: list[Interval] = []
    for index in range(8):
        at = START + index * QUARTER + 3
        if index == 3:  # first seen at this reading; the last proof of light is the reading before
            ledger.available(START + 2 * QUARTER + 3, False, power_w=0.0)
        intervals += read(ledger, lamp, at)
    assert [one.available_s for one in intervals] == [900, 900, 3, 0, 0, 0, 0]
    for one in intervals[2:]:
        # The energy that the lamp drew counts, and not the energy that it would have drawn.
        assert one.baseline_wh <= one.actual_wh + 0.1
    assert intervals[2].actual_wh == pytest.approx(25 * 300 / 3600, abs=0.2)


@pytest.mark.parametrize(("power_w", "used_wh"), [(1.2, 0.3), (0.0, 0.0), (None, 6.25)])
def test_a_lamp_that_cannot_burn_uses_its_known_power(power_w: float | None, used_wh: float) -> None:
    """There is no register in this test, because it would count the energy itself."""
    ledger = LuminaireLedger("lamp", MODEL, always_burning, longest_wait_s=0.0)
    ledger.level(START, 254)
    ledger.available(START, False, power_w)
    (interval,) = ledger.close(START + QUARTER)
    assert interval.actual_wh == pytest.approx(used_wh)
    assert interval.quality == "modelled"


def test_a_lamp_that_comes_back_counts_from_then_on() -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    ledger.available(START, False)
    ledger.available(START + 450, True)
    read(ledger, lamp, START + 3)
    (interval,) = read(ledger, lamp, START + 903)
    assert (interval.available_s, interval.baseline_wh) == (450, 3.125)


def test_the_baseline_is_the_meeting_of_convention_and_availability() -> None:
    def burning(start: float, end: float) -> list[tuple[float, float]]:
        return [(max(start, START + 300.0), min(end, START + 700.0))]

    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, burning)
    ledger.level(START, 254)
    ledger.available(START + 600, False)
    read(ledger, lamp, START + 3)
    (interval,) = read(ledger, lamp, START + 903)
    assert interval.available_s == 600
    assert interval.baseline_wh == pytest.approx(25 * 300 / 3600, abs=1e-3)


def test_the_first_quarter_is_one_that_was_seen_from_its_start() -> None:
    for late_s, first in [(3, 0), (119, 0), (121, 1), (899, 1)]:
        lamp, _ = steady_lamp()
        ledger = LuminaireLedger("lamp", MODEL, always_burning)
        ledger.level(START + late_s, 254)
        intervals = [
            one for at in (late_s + 1, 905, 1805, 2705) if at > late_s for one in read(ledger, lamp, START + at)
        ]
        assert intervals[0].start == START + first * QUARTER
        assert {one.quality for one in intervals} == {"metered"}
        assert worst_span_error_wh(intervals, lamp) <= 0.2


def test_a_lamp_that_was_told_but_not_read_is_modelled_until_it_is() -> None:
    lamp, _ = steady_lamp()
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    intervals = read(ledger, lamp, START + 2 * QUARTER + 450)
    intervals += read(ledger, lamp, START + 3 * QUARTER + 3)
    assert [(one.quality, one.coverage) for one in intervals] == [("modelled", 0), ("modelled", 0), ("modelled", 0.5)]
    assert sum(one.actual_wh for one in intervals) == pytest.approx(18.75, abs=0.2)


@pytest.mark.parametrize(("level", "fade_s"), [(255, 0.0), (-1, 0.0), (254, -1.0)])
def test_an_impossible_level_is_refused(level: int, fade_s: float) -> None:
    with pytest.raises(ValueError, match="0-254"):
        LuminaireLedger("lamp", MODEL, always_burning).level(START, level, fade_s)


def test_the_state_stays_small_through_a_night_of_changes() -> None:
    commands = [Command(START + 7 * index, index % 255, 5) for index in range(3000)]
    lamp = TrueLamp(commands, real_curve(25.0, 2.5, 0.4, 0.0), START, START + 26 * QUARTER, 0.1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    run(lamp, commands, [START + index * QUARTER + 3.0 for index in range(26)], ledger)
    assert len(json.dumps(ledger.to_state())) < 1000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(LuminaireLedger("lamp", MODEL, always_burning).to_state())), json_values, st.booleans())
def test_a_damaged_state_is_said_so(key: str, value: object, removed: bool) -> None:
    lamp, _ = steady_lamp(1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    read(ledger, lamp, START + 3)
    state = ledger.to_state()
    if removed:
        del state[key]
    else:
        state[key] = value
    with suppress(StateUnreadable):  # no state may raise another exception
        LuminaireLedger.from_state(state, "lamp", MODEL, always_burning)


def test_a_record_names_its_lamp_its_quarter_and_the_known_power() -> None:
    lamp, _ = steady_lamp(1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    (interval,) = read(ledger, lamp, START) + read(ledger, lamp, START + QUARTER)
    assert interval.actual_wh == pytest.approx(6.25, abs=0.1)
    assert body_of("interval", interval) == {
        "luminaire": "lamp",
        "start": START,
        "duration_s": QUARTER,
        "actual_wh": interval.actual_wh,
        "baseline_wh": 6.25,
        "quality": "metered",
        "coverage": 1.0,
        "available_s": 900.0,
        "full_power_w": 25.0,
        "full_power_source": "declared",
    }
    ledger.clock_moved(QUARTER)
    (void,) = ledger.voids()
    assert body_of("void", void) == {"of": "interval", "luminaire": "lamp", "start": START, "until": START + QUARTER}


def state_of_two_quarters() -> dict[str, Any]:
    lamp, _ = steady_lamp(1)
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    for index in range(3):
        read(ledger, lamp, START + index * QUARTER + 3)
    state: dict[str, Any] = json.loads(json.dumps(ledger.to_state()))
    return state


@pytest.mark.parametrize(
    "damage",
    [
        {"open_start": None},
        {"open_start": START},
        {"open_start": START + 4 * QUARTER},
        {"knots": []},
        {"knots": [[START + 1800, 12.5, True], [START + 1790, 12.6, True]]},
        {"knots": [[START + 1800, 12.5, True], [math.nan, 12.6, True]]},
        {"knots": [[START + 1800, 12.5]]},
        {"reading_times": [START + 1800, START + 900]},
        {"reading_times": [math.inf]},
        {"levels": [[START + 900, 0.0, 254, 0.0], [START, 0.0, 254, 0.0]]},
        {"levels": [[math.nan, 0.0, 254, 0.0]]},
        {"register": [START]},
        {"bases": []},
        {"bases": [[math.nan, 0.0]]},
        {"full_power": [0.0]},
    ],
)
def test_a_state_that_would_spoil_the_record_is_refused(damage: dict[str, Any]) -> None:
    state = state_of_two_quarters()
    LuminaireLedger.from_state(state, "lamp", MODEL, always_burning)
    with pytest.raises(StateUnreadable, match="lamp: the stored energy ledger cannot be read"):
        LuminaireLedger.from_state({**state, **damage}, "lamp", MODEL, always_burning)


def test_a_state_without_a_course_of_levels_takes_one_back() -> None:
    state = state_of_two_quarters()
    ledger = LuminaireLedger.from_state({**state, "levels": []}, "lamp", MODEL, always_burning)
    assert ledger.levels == []
    ledger.restore_levels([[START, 0.0, 200, 1.5]])
    assert [(step.at, step.start_level, step.level, step.fade_s) for step in ledger.levels] == [(START, 0.0, 200, 1.5)]
    assert ledger.to_state(levels=False)["levels"] == []
    for wrong in ([[START]], [[START, 0.0, 200, 1.5], [START - 1, 0.0, 200, 1.5]], 7):
        with pytest.raises((ValueError, TypeError)):
            ledger.restore_levels(wrong)


def test_the_knots_that_wait_for_a_clock_are_bounded_and_their_energy_stays() -> None:
    """No quarter may be closed for a month, with a reading in each quarter."""
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    for index in range(3000):
        assert ledger.reading(START + index * QUARTER, 6.25 * index, 0.1) == []
    knots = ledger.to_state()["knots"]
    assert isinstance(knots, list)
    assert len(knots) <= 1001
    assert [knots[0][:2], knots[-1][:2]] == [[START, 0.0], [START + 2999 * QUARTER, 6.25 * 2999]]
    intervals = ledger.close(START + 2999 * QUARTER)
    assert sum(one.actual_wh for one in intervals) == pytest.approx(6.25 * 2999, abs=0.01)


def test_so_long_a_time_without_a_reading_is_closed_by_the_day() -> None:
    """A fortnight without a reading is closed in whole days; less than a week is interpolated in quarters."""
    day = 96 * QUARTER
    midnight = START // day * day
    for days, by_the_day in ((6, 0), (14, 7)):
        ledger = LuminaireLedger("lamp", MODEL, always_burning)
        ledger.level(midnight, 254)
        ledger.reading(midnight + 3, 0.0, 0.1)
        ledger.reading(midnight + days * day + 3, 600.0 * days, 0.1)
        intervals = ledger.close(midnight + days * day + 3)
        assert [one.duration_s for one in intervals].count(day) == by_the_day
        assert [one.start for one in intervals[:1]] == [midnight]
        assert sum(one.duration_s for one in intervals) == days * day
        assert sum(one.actual_wh for one in intervals) == pytest.approx(600.0 * days, abs=0.1)


def test_a_state_of_another_version_is_refused() -> None:
    state = LuminaireLedger("lamp", MODEL, always_burning).to_state()
    with pytest.raises(StateUnreadable, match="version 2"):
        LuminaireLedger.from_state({**state, "version": 2}, "lamp", MODEL, always_burning)


def test_a_fade_is_its_exact_integral() -> None:
    for start_level, end_level in [(254.0, 229.0), (85.0, 254.0), (200.0, 200.0), (200.0, 200.0 + 1e-5)]:
        steps = 20_000
        levels = [start_level + (end_level - start_level) * (index + 0.5) / steps for index in range(steps)]
        summed_wh = sum(MODEL.power_w(level) for level in levels) / steps * 300 / 3600
        assert MODEL.fade_energy_wh(start_level, end_level, 300) == pytest.approx(summed_wh, rel=1e-7)


def test_the_curve_meets_its_named_points() -> None:
    model = replace(MODEL)
    assert model.power_w(0) == 0.4
    assert model.power_w(254) == pytest.approx(25.0)
    assert model.power_w(1 + 253 / 3) == pytest.approx(2.5)  # 1 % of light
    assert model.power_w(229) == pytest.approx(2.5 + 22.5 * 49.4 / 99, abs=0.2)  # about 50 % (IEC 62386-102 clause 9.3)


@given(
    level=st.integers(0, 254),
    elapsed_s=st.floats(1.0, 10_000.0),
    first_wh=st.floats(0.0, 1e6),
    rise_wh=st.floats(-20.0, 200.0),
)
def test_a_reading_is_expected_where_the_levels_explain_it(
    level: int, elapsed_s: float, first_wh: float, rise_wh: float
) -> None:
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    assert ledger.is_expected(START, first_wh, 0.1), "the first reading has nothing to compare it with"
    ledger.level(START, level)
    ledger.reading(START + 1.0, first_wh, 0.1)
    at, energy_wh = START + 1.0 + elapsed_s, first_wh + rise_wh
    model_wh = MODEL.power_w(level) * elapsed_s / 3600
    expected = ledger.is_expected(at, energy_wh, 0.1)
    if rise_wh < -1e-9 or not 0.45 * model_wh - 0.5 < rise_wh < 1.55 * model_wh + 0.5:
        assert not expected
    if rise_wh >= 0 and 0.55 * model_wh < rise_wh < 1.45 * model_wh:
        assert expected
    if expected:
        assert ledger.is_plausible(at, energy_wh, 0.1)


def test_the_state_is_made_anew_only_where_something_was_told() -> None:
    ledger = LuminaireLedger("lamp", MODEL, always_burning)
    ledger.level(START, 254)
    for happens in (
        lambda: ledger.level(START + 10.0, 85),
        lambda: ledger.available(START + 20.0, False, 0.0),
        lambda: ledger.outage(START + 30.0, START + 40.0),
        lambda: ledger.reading(START + 50.0, 10.0, 0.1),
        lambda: ledger.reading(START + QUARTER + 50.0, 12.0, 0.1),
        lambda: ledger.close(START + QUARTER + 60.0),
        lambda: ledger.clock_moved(3600.0),
        lambda: ledger.restore_levels([[START, 254.0, 254, 0.0]]),
    ):
        before = ledger.to_state()
        ledger.voids()
        assert ledger.to_state() is before
        assert ledger.to_state(levels=False)["levels"] == []
        before = ledger.to_state()
        happens()
        assert ledger.to_state() != before
