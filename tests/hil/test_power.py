"""Power curves and the log of energy, compared with numerical sums instead of closed forms."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.power_curve import PowerCurve, light_fraction
from hil.devices.power_history import Feed, PowerHistory
from tests.rigs.lone_gear import LoneGear

LEVELS = st.floats(1.0, 254.0)


def curve(seed: int) -> PowerCurve:
    return PowerCurve.seeded(random.Random(seed), 25.0, 0.4, 2.5)


def midpoint_wh(
    lamp: PowerCurve, start: float, end: float, seconds: float, *, linear: bool, parts: int = 20_000
) -> float:
    step = seconds / parts
    levels = (start + (end - start) * (part + 0.5) / parts for part in range(parts))
    return math.fsum(lamp.power_w(level, linear=linear) * step for level in levels) / 3600.0


@pytest.mark.parametrize(("level", "percent"), [(1, 0.1), (85, 0.99), (170, 10.1), (229, 50.5), (254, 100.0)])
def test_light_follows_the_logarithmic_curve(level: int, percent: float) -> None:
    assert 100 * light_fraction(level) == pytest.approx(percent, rel=5e-3)


def test_light_is_dark_at_zero_and_proportional_on_the_linear_curve() -> None:
    assert light_fraction(0) == light_fraction(0, linear=True) == 0.0
    assert light_fraction(127, linear=True) == 0.5


def test_a_lamp_draws_its_nominal_power_at_full_light_and_its_least_at_one_percent() -> None:
    lamp = PowerCurve.of_lamp(25.0, 0.4, 2.5, gamma=1.05, ripple=0.02)
    one_percent = 1 + 253 / 3
    assert lamp.power_w(254) == pytest.approx(25.0)
    assert lamp.power_w(one_percent) == pytest.approx(2.5, abs=0.06)
    assert lamp.power_w(0) == 0.4


def test_lamps_differ_and_power_rises_with_each_level() -> None:
    full = {round(curve(seed).power_w(254), 6) for seed in range(30)}
    assert len(full) == 30
    assert min(full) >= 25 * 0.97
    assert max(full) <= 25 * 1.03
    for seed in range(30):
        powers = [curve(seed).power_w(level) for level in range(85, 255)]
        assert powers == sorted(powers)


def test_a_curve_is_not_affine_in_light() -> None:
    lamp = curve(3)
    middle = 1 + 253 / 3 * (math.log10(50.5) + 1)
    chord = (lamp.power_w(254) + lamp.power_w(1 + 253 / 3)) / 2
    assert abs(lamp.power_w(middle) - chord) > 0.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99), start=LEVELS, end=LEVELS, seconds=st.floats(0.2, 960.0), linear=st.booleans())
def test_the_energy_of_a_fade_is_a_fine_sum(seed: int, start: float, end: float, seconds: float, linear: bool) -> None:
    lamp = curve(seed)
    exact = lamp.ramp_wh(start, end, seconds, linear=linear)
    assert exact == pytest.approx(midpoint_wh(lamp, start, end, seconds, linear=linear), abs=1e-6)


def test_a_whole_evening_of_one_gear_agrees_with_a_sum_of_its_power() -> None:
    lone = LoneGear(level=0)
    gear, begin = lone.gear, lone.now
    lone.configure(0x0B2E, 7)  # fades of 5.7 s
    moments = [
        (10, 0x0AFE),
        (3, 0x0AC8),
        (60, 0x0B02),
        (0.1, 0x0B02),
        (20, 0x0A55),
        (30, 0x0A00),
        (9, 0x0AFF),
        (9, 0x0AFE),
    ]
    for pause, frame in moments:
        lone.wait(pause)
        lone.send(frame)
    lone.wait(20)
    gear.run(lone.now)
    step = 0.0005
    parts = int((lone.now - begin) / step)
    total_wh = math.fsum(gear.history.power_w(begin + (part + 0.5) * step) for part in range(parts)) * step / 3600.0
    counted_wh = gear.history.energy_wh(begin + parts * step) - gear.history.energy_wh(begin)
    assert counted_wh == pytest.approx(total_wh, abs=2e-5)
    assert counted_wh > 0.2


def test_energy_at_a_past_instant_stays_what_it_was() -> None:
    lone = LoneGear()
    seen = []
    for frame in (0x0AC8, 0x0B00, 0x0AFE, 0x0A64):
        lone.send(frame)
        lone.wait(100)
        seen.append((lone.now, lone.gear.energy_wh_true(lone.now)))
    for at, energy_wh in seen:
        assert lone.gear.history.energy_wh(at) == pytest.approx(energy_wh, abs=1e-12)
    with pytest.raises(ValueError, match="remembers nothing before"):
        lone.gear.history.energy_wh(1.0)


def test_a_repeated_command_is_not_a_change() -> None:
    lone = LoneGear()
    for _ in range(100):
        lone.send(0x0AFE)
    assert len(lone.gear.points(lone.now)) <= 4


def test_nothing_is_drawn_without_mains_and_little_in_standby() -> None:
    history = PowerHistory(curve(1), 0.0, first_energy_wh=10.0, powered_s=0.0, lit_s=0.0)
    history.record(3600.0, Feed.STANDBY, 0, 0, 3600.0)
    history.record(7200.0, Feed.LIT, 254, 254, 7200.0)
    history.record(10800.0, Feed.NONE, 0, 0, 10800.0)
    standby_wh, full_wh = curve(1).standby_w, curve(1).power_w(254)
    assert history.energy_wh(3600.0) == 10.0
    assert history.energy_wh(7200.0) == pytest.approx(10.0 + standby_wh)
    assert history.energy_wh(20_000.0) == pytest.approx(10.0 + standby_wh + full_wh)
    assert (history.lit_s(20_000.0), history.powered_s(20_000.0), history.lamp_starts) == (3600.0, 7200.0, 1)
