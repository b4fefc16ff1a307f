"""Levels, light and fades against the figures of IEC 62386-102, and against each other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import levels
from protocols.errors import ValueOutOfRange

FADE_TIMES_S = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 11.3, 16.0, 22.6, 32.0, 45.3, 64.0, 90.5)


@pytest.mark.parametrize(
    ("percent", "level"),
    [(0, 0), (0.1, 1), (0.05, 1), (1, 85), (3, 126), (10, 170), (25, 203), (50, 229), (75, 243), (90, 250), (100, 254)],
)
def test_the_logarithmic_curve(percent: float, level: int) -> None:
    assert levels.level_of(percent) == level


@pytest.mark.parametrize(("percent", "level"), [(0, 0), (0.1, 1), (10, 25), (50, 127), (100, 254)])
def test_the_linear_curve(percent: float, level: int) -> None:
    assert levels.level_of(percent, linear=True) == level


@pytest.mark.parametrize("linear", [False, True])
def test_each_level_is_the_level_of_its_light(linear: bool) -> None:
    shown = [levels.percent_of(level, linear) for level in range(255)]
    assert shown == sorted(shown)
    assert shown[0] == 0.0
    assert shown[254] == pytest.approx(100.0)
    assert [levels.level_of(min(percent, 100.0), linear) for percent in shown] == list(range(255))


def test_neighbours_on_the_logarithmic_curve_are_2_77_percent_apart() -> None:
    ratios = [levels.percent_of(level + 1) / levels.percent_of(level) for level in range(1, 254)]
    assert ratios == pytest.approx([1.0277] * 253, abs=1e-4)


@given(percent=st.floats(0.1, 100.0), linear=st.booleans())
def test_the_nearest_level_is_taken(percent: float, linear: bool) -> None:
    level = levels.level_of(percent, linear)
    found = levels.percent_of(level, linear)
    if linear:
        # Level 1 is the least light.
        assert abs(found - max(percent, 100 / 254)) <= 50 / 254 + 1e-9
    else:
        assert abs(math.log10(found / percent)) <= 0.5 * 3 / 253 + 1e-9


@given(percent=st.floats(0.0, 100.0, exclude_min=True), linear=st.booleans())
def test_light_that_is_asked_for_is_never_dark(percent: float, linear: bool) -> None:
    assert 1 <= levels.level_of(percent, linear) <= 254


@pytest.mark.parametrize("percent", [-0.1, 100.1, math.nan, math.inf])
def test_no_such_light(percent: float) -> None:
    with pytest.raises(ValueOutOfRange):
        levels.level_of(percent)


@pytest.mark.parametrize("level", [-1, 255])
def test_no_such_level(level: int) -> None:
    with pytest.raises(ValueOutOfRange):
        levels.percent_of(level)


def test_fade_times() -> None:
    assert [round(levels.fade_time_s(code), 1) for code in range(1, 16)] == list(FADE_TIMES_S)
    assert levels.fade_time_s(0) == 0.0
    for code in (-1, 16):
        with pytest.raises(ValueOutOfRange):
            levels.fade_time_s(code)


def test_each_fade_time_has_its_own_code() -> None:
    assert [levels.fade_code(seconds) for seconds in FADE_TIMES_S] == list(range(1, 16))
    assert [levels.fade_code(seconds) for seconds in (0, 0.49, 0.5, 0.83, 0.85, 60, 3600)] == [0, 0, 1, 1, 2, 14, 15]
