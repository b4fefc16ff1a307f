"""The summary, control's own energy and the emission factors: figures worked out by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from agent.records.kinds import body_of
from agent.savings.control import ControlLedger
from agent.savings.emission_factors import factor_for
from agent.savings.intervals import Interval, Quality
from agent.savings.summary import summarise

START = int(datetime(2026, 1, 14, 18, tzinfo=UTC).timestamp())


def body(
    luminaire: str, quarter: int, actual_wh: float, baseline_wh: float, quality: Quality = "metered"
) -> dict[str, object]:
    coverage = 0.0 if quality == "modelled" else 1.0
    interval = Interval(
        luminaire, START + 900 * quarter, 900, actual_wh, baseline_wh, quality, coverage, 900.0, 25.0, "declared"
    )
    return dict(body_of("interval", interval))


def control(quarter: int, wh: float) -> dict[str, object]:
    return {"start": START + 900 * quarter, "duration_s": 900, "control_wh": wh}


def test_a_summary_worked_out_by_hand() -> None:
    intervals = [body(name, quarter, 2.25, 6.25) for name in ("lamp-2", "lamp-10") for quarter in range(4)]
    summary = summarise(intervals, [control(quarter, 1.0) for quarter in range(4)])

    assert (summary.start, summary.end) == (START, START + 3600)
    assert summary.burning_h == pytest.approx(1.0)
    assert summary.baseline_kwh == pytest.approx(0.050)
    assert summary.used_kwh == pytest.approx(0.018)
    assert summary.control_kwh == pytest.approx(0.004)
    assert summary.net_saving_kwh == pytest.approx(0.028)
    assert summary.net_saving_percent == pytest.approx(56.0)
    # One lamp saves 16 Wh, control takes 4 Wh.
    assert summary.break_even_luminaires == 1
    assert summary.co2_kg == pytest.approx(0.028 * 0.268)
    assert [factor.year for factor in summary.emission_factors] == [2025]
    assert [row.luminaire for row in summary.luminaires] == ["lamp-2", "lamp-10"]
    assert summary.luminaires[0].saving_percent == pytest.approx(64.0)
    assert (summary.duplicates, summary.holes, summary.coverage) == (0, 0, 1.0)
    assert summary.measured_full_power_share == 0.0


def test_a_luminaires_row_worked_out_by_hand() -> None:
    """In its newest quarter the full power was measured: 30 W instead of the board's 25 W. One quarter was modelled."""
    first = {**body("a", 1, 2.0, 6.25, "modelled"), "full_power_w": 25.0}
    newest = {**body("a", 2, 3.0, 7.5), "full_power_w": 30.0, "full_power_source": "measured", "coverage": 0.5}
    other = {**body("b", 1, 0.1, 0.0), "full_power_w": 0.0}
    summary = summarise([newest, first, other], [])
    assert vars(summary.luminaires[0]) == {
        "luminaire": "a",
        "quarters": 2,
        "burning_h": pytest.approx(0.5),
        "baseline_kwh": pytest.approx(0.01375),
        "used_kwh": pytest.approx(0.005),
        "saving_kwh": pytest.approx(0.00875),
        "saving_percent": pytest.approx(63.636, abs=0.001),
        "full_power_w": 30.0,
        "full_power_source": "measured",
        "coverage": 0.25,
        "quality_shares": {"metered": 0.5, "interpolated": 0.0, "modelled": 0.5},
    }
    assert summary.luminaires[1].burning_h == 0.0
    assert summary.burning_h == pytest.approx(0.25)
    assert summary.measured_full_power_share == pytest.approx(1 / 3)
    assert summary.holes == 1  # b's second quarter


def test_a_weak_lamp_burns_as_many_hours_as_a_strong_one() -> None:
    weak = {**body("a", 0, 0.1, 0.2), "full_power_w": 0.8}
    assert summarise([weak], []).burning_h == pytest.approx(0.25)


def test_luminaires_stand_by_their_numbers() -> None:
    names = ["10", "b2", "lamp-2-x", "lamp-10-a", "2", "lamp-2-a", "b10", "lamp-", "0b"]
    summary = summarise([body(name, 0, 1.0, 2.0) for name in names], [])
    assert [row.luminaire for row in summary.luminaires] == [
        "0b", "2", "10", "b2", "b10", "lamp-", "lamp-2-a", "lamp-2-x", "lamp-10-a",
    ]  # fmt: skip


def test_a_negative_saving_is_given_as_such_with_its_break_even() -> None:
    summary = summarise([body("lamp", quarter, 5.25, 6.25) for quarter in range(4)], [control(0, 14.0)])
    assert summary.net_saving_kwh == pytest.approx(-0.010)
    assert summary.net_saving_percent == pytest.approx(-40.0)
    assert summary.break_even_luminaires == 4  # 14 Wh against 4 Wh a lamp
    assert summary.co2_kg is not None
    assert summary.co2_kg < 0


def test_an_exact_break_even_needs_no_further_lamp() -> None:
    summary = summarise([body("lamp", quarter, 5.95, 6.25) for quarter in range(4)], [control(0, 3.6)])
    assert summary.break_even_luminaires == 3


def test_lamps_that_save_nothing_never_break_even() -> None:
    by_day = summarise([body("lamp", 0, 0.1, 0.0)], [control(0, 1.0)])
    assert by_day.break_even_luminaires is None
    assert by_day.net_saving_percent is None
    assert by_day.luminaires[0].saving_percent is None
    assert by_day.net_saving_kwh == pytest.approx(-0.0011)
    nothing = summarise([body("lamp", 0, 6.25, 6.25)], [control(0, 1.0)])
    assert nothing.break_even_luminaires is None


def test_one_lamp_of_three_pays_for_control() -> None:
    """Control takes 9 Wh; three lamps save 12 Wh together, so three are needed, and no control at all needs one."""
    lamps = [body(name, 0, 2.25, 6.25) for name in "abc"]
    assert summarise(lamps, [control(0, 9.0)]).break_even_luminaires == 3
    assert summarise(lamps, []).break_even_luminaires == 1


def test_duplicates_count_once_and_holes_are_seen() -> None:
    intervals = [body("a", 0, 2.0, 6.0), body("a", 0, 2.0, 6.0), body("a", 2, 2.0, 6.0), body("b", 0, 2.0, 6.0)]
    summary = summarise(intervals, [control(0, 1.0), control(0, 1.0), control(1, 1.0), control(2, 1.0)])
    assert summary.duplicates == 2
    assert summary.holes == 3  # a's second quarter, b's second and third
    assert summary.used_kwh == pytest.approx(0.006)
    assert summary.control_kwh == pytest.approx(0.003)


DAY = 96


def day(luminaire: str, quarter: int, actual_wh: float, baseline_wh: float) -> dict[str, object]:
    """Returns the interval of a whole day, as it closes a long outage."""
    return {**body(luminaire, quarter, actual_wh, baseline_wh, "interpolated"), "duration_s": 86_400}


def test_a_day_counts_as_its_quarters() -> None:
    """After a week of outage and an hour of quarters, shares go by time, with no hole. Control keeps quarters."""
    days = [day("a", DAY * number, 10.0, 250.0) for number in range(7)]
    intervals = [*days, *(body("a", 7 * DAY + number, 2.0, 6.25, "modelled") for number in range(4))]
    summary = summarise(intervals, [control(quarter, 0.75) for quarter in range(7 * DAY + 4)])
    assert (summary.holes, summary.duplicates) == (0, 0)
    assert summary.luminaires[0].quarters == 7 * DAY + 4
    assert summary.coverage == pytest.approx(672 / 676)
    assert summary.quality_shares == {
        "metered": 0.0, "interpolated": pytest.approx(672 / 676), "modelled": pytest.approx(4 / 676),
    }  # fmt: skip
    assert summary.used_kwh == pytest.approx(0.078)
    assert summary.baseline_kwh == pytest.approx(1.775)
    assert summary.burning_h == pytest.approx(71.0)  # at 25 W
    assert summary.luminaires[0].coverage == summary.coverage


def test_a_hole_between_days_is_seen_in_quarters() -> None:
    assert (
        summarise([day("a", 0, 1.0, 2.0), day("a", 2 * DAY, 1.0, 2.0), body("b", 0, 1.0, 2.0)], []).holes == 4 * DAY - 1
    )


def test_a_day_and_one_of_its_quarters_count_once() -> None:
    """An SD card was exchanged for an older image of it, and back: the record that was made first counts."""
    quarter = body("a", 5, 2.0, 6.0)
    for first, second, used_kwh in (
        (day("a", 0, 50.0, 250.0), quarter, 0.05),
        (quarter, day("a", 0, 50.0, 250.0), 0.002),
    ):
        summary = summarise([first, second, body("a", DAY, 0.0, 6.0)], [])
        assert summary.used_kwh == pytest.approx(used_kwh)
        assert summary.duplicates == 1


def test_control_counts_over_the_luminaires_period_only() -> None:
    summary = summarise([body("a", 1, 2.0, 6.0)], [control(quarter, 1.0) for quarter in range(4)])
    assert summary.control_kwh == pytest.approx(0.001)


def test_shares_per_quality_and_the_mean_coverage() -> None:
    qualities: list[Quality] = ["metered", "metered", "interpolated", "modelled"]
    summary = summarise([body("a", index, 2.0, 6.0, quality) for index, quality in enumerate(qualities)], [])
    assert summary.quality_shares == {"metered": 0.5, "interpolated": 0.25, "modelled": 0.25}
    assert summary.coverage == 0.75


def test_each_year_has_its_own_factor() -> None:
    new_year = int(datetime(2025, 1, 1, tzinfo=UTC).timestamp())
    intervals = [
        {**body("a", 0, 0.0, 1000.0), "start": new_year - 900},
        {**body("a", 0, 0.0, 2000.0), "start": new_year},
    ]
    summary = summarise(intervals, [])
    assert summary.co2_kg == pytest.approx(0.328 + 2 * 0.268)
    assert [factor.year for factor in summary.emission_factors] == [2024, 2025]
    assert summarise(intervals, [], country="BE").co2_kg is None
    assert summarise(intervals, [], country="BE").emission_factors == ()


def test_a_year_is_one_of_universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the machine's time zone is an hour ahead, 23:45 UTC on New Year's Eve belongs to the old year."""
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    time.tzset()
    try:
        eve = {**body("a", 0, 0.0, 1000.0), "start": int(datetime(2024, 12, 31, 23, 45, tzinfo=UTC).timestamp())}
        assert [factor.year for factor in summarise([eve], []).emission_factors] == [2024]
    finally:
        monkeypatch.undo()
        time.tzset()


def test_no_interval_is_said_so() -> None:
    with pytest.raises(ValueError, match="first quarter"):
        summarise([], [])


@pytest.mark.parametrize(
    ("year", "kg_per_kwh"), [(2022, None), (2023, 0.337), (2024, 0.328), (2025, 0.268), (2031, 0.268)]
)
def test_a_factor_holds_from_its_year_on(year: int, kg_per_kwh: float | None) -> None:
    factor = factor_for(year)
    if kg_per_kwh is None:
        assert factor is None
    else:
        assert factor is not None
        assert factor.kg_per_kwh == kg_per_kwh
        assert "co2emissiefactoren.nl" in factor.source


def test_control_counts_each_quarter_that_ended_once() -> None:
    ledger = ControlLedger(6.0, None, START + 17.0)
    first = ledger.close(START + 2700.5, 1000)
    assert [one.start for one in first] == [START, START + 900, START + 1800]
    assert {one.control_wh for one in first} == {1.5}
    assert ledger.close(START + 3599, 1000) == []
    assert [one.start for one in ledger.close(START + 3600, 1000)] == [START + 2700]
    # A new process goes on where that one stood, in pieces: 3 W around the clock are 26 kWh a year.
    ledger = ControlLedger(3.0, START, START + 365 * 86_400)
    pieces = [ledger.close(START + 365 * 86_400, 1000) for _ in range(40)]
    assert {len(piece) for piece in pieces[:35]} == {1000}
    year = [one for piece in pieces for one in piece]
    assert [one.start for one in year] == list(range(START, START + 365 * 86_400, 900))
    assert sum(one.control_wh for one in year) / 1000 == pytest.approx(26.28)
