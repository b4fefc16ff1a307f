"""Energy as a growing sum: the values between knots, the time that the register covers, the boundaries on record."""

from __future__ import annotations

import pytest

from agent.savings.energy_curve import EnergyCurve, Knot


def late(start: float, end: float) -> float:
    """Returns the energy of a lamp that is lit from the instant 50 on, with 2 Wh a second."""
    return 2.0 * (max(end, 50.0) - max(start, 50.0))


def dark(_start: float, _end: float) -> float:
    return 0.0


CURVE = [Knot(0.0, 10.0, metered=False), Knot(100.0, 40.0, metered=True), Knot(200.0, 60.0, metered=False)]


@pytest.mark.parametrize(
    ("at", "expected"),
    [(-5.0, 10.0), (0.0, 10.0), (50.0, 10.0), (75.0, 25.0), (100.0, 40.0), (150.0, 50.0), (200.0, 60.0), (210.0, 80.0)],
)
def test_between_two_knots_the_model_has_the_shape_and_the_register_the_amount(at: float, expected: float) -> None:
    assert EnergyCurve(CURVE).sum_wh(at, late) == pytest.approx(expected)


def test_energy_of_a_lamp_that_should_have_drawn_none_is_shared_out_evenly() -> None:
    assert [EnergyCurve(CURVE).sum_wh(at, dark) for at in (25.0, 150.0, 300.0)] == [17.5, 50.0, 60.0]


def test_at_a_jump_of_the_sum_the_instant_has_the_sum_before_it() -> None:
    curve = EnergyCurve([*CURVE, Knot(200.0, 90.0, metered=True), Knot(300.0, 95.0, metered=True)])
    assert curve.sum_wh(200.0, dark) == 60.0
    assert curve.sum_wh(250.0, dark) == pytest.approx(92.5)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 100, 100), (20, 30, 10), (50, 150, 50), (100, 200, 0), (-50, 500, 100), (150, 160, 0)],
)
def test_the_seconds_that_the_register_covers(start: float, end: float, expected: float) -> None:
    assert EnergyCurve(CURVE).metered_s(start, end) == expected


def test_seconds_of_several_spans_add_up() -> None:
    curve = EnergyCurve([Knot(float(at), float(at), metered=at != 300) for at in range(0, 600, 100)])
    assert curve.metered_s(50.0, 450.0) == 300.0


def test_a_boundary_on_record_does_not_move_with_later_readings() -> None:
    curve = EnergyCurve(CURVE)
    assert curve.report(50.0, 12.0) == 1
    assert curve.report(150.0, 50.0) == 3
    assert curve.report(300.0, 70.0) == 5
    assert [(knot.at, knot.sum_wh, knot.metered) for knot in curve.knots if knot.reported] == [
        (50.0, 12.0, True),
        (150.0, 50.0, False),
        (300.0, 70.0, False),
    ]
    assert curve.sum_wh(50.0, dark) == 12.0
    assert curve.metered_s(0.0, 100.0) == 100.0
    found = [curve.reported_before(at) for at in (49.0, 50.0, 149.0, 150.0, 1000.0)]
    assert [knot and knot.at for knot in found] == [None, 50.0, 50.0, 150.0, 300.0]


@pytest.mark.parametrize(
    ("at", "dropped"), [(-10.0, 0), (0.0, 0), (50.0, 0), (100.0, 1), (150.0, 1), (200.0, 2), (201.0, 2), (999.0, 2)]
)
def test_knots_that_no_later_instant_needs_are_forgotten(at: float, dropped: int) -> None:
    curve = EnergyCurve(CURVE)
    assert curve.since(at) == CURVE[dropped:]
    before = [curve.sum_wh(later, late) for later in (max(at, 0.0), 1000.0)]
    assert curve.forget_before(at) == dropped
    assert curve.knots == CURVE[dropped:]
    assert [curve.sum_wh(later, late) for later in (max(at, 0.0), 1000.0)] == before
