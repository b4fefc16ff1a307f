"""The record of a lamp without mains: dark time is no saving, and no energy is invented for it."""

from __future__ import annotations

import pytest

from agent.savings.intervals import Interval
from agent.savings.ledger import LuminaireLedger
from agent.savings.power_model import PowerModel

START = 1_768_392_000
QUARTER = 900
MODEL = PowerModel(full_power_w=25.0, min_power_w=2.5, standby_w=0.4)


def lit(read_at: float | None = None) -> LuminaireLedger:
    """Returns the ledger of a lamp at full power, with a first reading of 100 Wh at this instant."""
    ledger = LuminaireLedger("lamp", MODEL, lambda start, end: [(start, end)])
    ledger.level(START, 254)
    if read_at is not None:
        assert ledger.reading(read_at, 100.0, 0.1) == []
    return ledger


def closed(ledger: LuminaireLedger, at: float, energy_wh: float) -> list[Interval]:
    assert ledger.reading(at, energy_wh, 0.1) == []
    return ledger.close(at)


def test_quarters_before_the_first_reading_are_modelled_at_standby_where_mains_was_lost() -> None:
    """It is known neither since when the lamp was dark, nor that its gear drew no power."""
    ledger = lit()
    ledger.outage(None, START + 2 * QUARTER + 300)
    intervals = closed(ledger, START + 2 * QUARTER + 305, 500.0) + closed(ledger, START + 3 * QUARTER, 504.1)
    assert [one.actual_wh for one in intervals[:2]] == [0.1, 0.1]  # 0.4 W
    assert intervals[2].actual_wh == pytest.approx(0.4 * 300 / 3600 + 25.0 * 600 / 3600, abs=0.1)
    assert [one.quality for one in intervals] == ["modelled"] * 3
    assert [one.available_s for one in intervals] == [0.0, 0.0, 600.0]
    assert [one.baseline_wh for one in intervals] == [0.0, 0.0, pytest.approx(25.0 * 600 / 3600, abs=0.001)]


def test_an_outage_of_which_only_the_end_is_known_began_at_the_last_reading() -> None:
    ledger = lit(START + 2)
    ledger.outage(None, START + QUARTER + 450)
    intervals = closed(ledger, START + 2 * QUARTER + 2, 100.0 + 25.0 * 452 / 3600)
    assert [one.available_s for one in intervals] == [2.0, 450.0]
    # Without mains the gear draws nothing: what the register counted lies behind it.
    assert [one.actual_wh for one in intervals] == [
        pytest.approx(25.0 * 2 / 3600, abs=0.02),
        pytest.approx(3.1, abs=0.1),
    ]


def test_an_outage_between_two_known_instants_is_dark_in_between() -> None:
    ledger = lit(START + 2)
    ledger.outage(START + 300, START + 600)
    (interval,) = closed(ledger, START + QUARTER + 2, 100.0 + 25.0 * 602 / 3600)
    assert interval.available_s == 600.0
    assert interval.actual_wh == pytest.approx(25.0 * 600 / 3600, abs=0.1)
    # Once it is over, the lamp burns as it did.
    (interval,) = closed(ledger, START + 2 * QUARTER + 2, 100.0 + 25.0 * 1502 / 3600)
    assert (interval.available_s, interval.baseline_wh) == (900.0, 6.25)


@pytest.mark.parametrize("until", [START + 300, START + 299])
def test_an_outage_of_no_length_is_none(until: float) -> None:
    ledger = lit(START + 2)
    ledger.outage(START + 300, until)
    (interval,) = closed(ledger, START + QUARTER + 2, 106.2)
    assert (interval.available_s, interval.baseline_wh) == (900.0, 6.25)


def test_an_outage_that_began_in_a_quarter_on_record_counts_from_the_open_one() -> None:
    ledger = lit(START + 2)
    (first,) = closed(ledger, START + QUARTER + 2, 106.2)
    ledger.outage(START + 100, START + QUARTER + 300)
    (second,) = closed(ledger, START + 2 * QUARTER + 2, 106.2 + 25.0 * 602 / 3600)
    assert (first.available_s, second.available_s) == (900.0, 600.0)
