"""The energy of control itself: each ended quarter is recorded once, over restarts and clocks that are set."""

from __future__ import annotations

import pytest

from agent.records.kinds import body_of
from agent.savings.control import ControlLedger

START = 1_768_392_000
QUARTER = 900
DAY = 86_400


def starts(ledger: ControlLedger, upto: float, most: int = 10_000) -> list[int]:
    """Returns the starts of the quarters that are closed now, counted from START."""
    return [(one.start - START) // QUARTER for one in ledger.close(upto, most)]


def voids(ledger: ControlLedger) -> list[tuple[int, int]]:
    for void in (found := ledger.voids()):
        assert (void.of, void.luminaire) == ("control", None)
    return [((void.start - START) // QUARTER, (void.until - START) // QUARTER) for void in found]


def test_a_quarter_is_the_declared_power_all_through() -> None:
    (one,) = ControlLedger(3.7, None, START).close(START + QUARTER, 10)
    assert body_of("control", one) == {"start": START, "duration_s": QUARTER, "control_wh": 0.925}
    (one,) = ControlLedger(1.23456, None, START).close(START + QUARTER, 10)
    assert one.control_wh == 0.3086  # to a tenth of a mWh


def test_quarters_that_have_ended_once_each_and_no_more_than_asked_for() -> None:
    ledger = ControlLedger(4.0, None, START + 450.0)
    assert starts(ledger, START + QUARTER - 0.1) == []
    assert starts(ledger, START + QUARTER) == [0]
    assert starts(ledger, START + QUARTER) == []
    assert starts(ledger, START + 7.5 * QUARTER, 4) == [1, 2, 3, 4]
    assert starts(ledger, START + 7.5 * QUARTER, 4) == [5, 6]
    assert ledger.open_start == START + 7 * QUARTER
    assert voids(ledger) == []


def test_the_time_without_an_agent_counts_up_to_the_longest() -> None:
    ledger = ControlLedger(4.0, START, START + 10 * QUARTER)
    assert starts(ledger, START + 12 * QUARTER) == list(range(12))
    away = 401 * DAY
    ledger = ControlLedger(4.0, START, START + away)
    found = starts(ledger, START + away, 1_000_000)
    assert (found[0] * QUARTER, len(found)) == (DAY, 400 * 96)  # no gateway was away for longer


def test_a_clock_that_was_behind_opens_the_time_before_again() -> None:
    ledger = ControlLedger(4.0, None, START)
    assert starts(ledger, START + 4 * QUARTER) == [0, 1, 2, 3]
    ledger.clock_moved(10 * QUARTER, START + 14.5 * QUARTER)
    assert voids(ledger) == [(0, 4)]
    assert starts(ledger, START + 14.5 * QUARTER) == [10, 11, 12, 13]
    assert voids(ledger) == []


def test_a_clock_that_was_ahead_opens_the_time_that_is_still_to_come_again() -> None:
    ledger = ControlLedger(4.0, None, START + 10 * QUARTER)
    assert starts(ledger, START + 14 * QUARTER) == [10, 11, 12, 13]
    ledger.clock_moved(-10 * QUARTER, START + 4.5 * QUARTER)
    assert voids(ledger) == [(10, 14)]
    assert starts(ledger, START + 4.5 * QUARTER) == [0, 1, 2, 3]


def test_the_record_of_the_process_before_stands() -> None:
    ledger = ControlLedger(4.0, START + 5 * QUARTER, START + 6 * QUARTER)
    assert starts(ledger, START + 8 * QUARTER) == [5, 6, 7]
    ledger.clock_moved(2 * QUARTER, START + 10 * QUARTER)
    assert voids(ledger) == [(5, 8)]
    assert starts(ledger, START + 10 * QUARTER) == [5, 6, 7, 8, 9]


def test_a_record_of_a_clock_far_ahead_is_void_and_one_that_drifted_stands() -> None:
    ledger = ControlLedger(4.0, START + 30 * DAY, START)
    assert starts(ledger, START + 2 * QUARTER) == [0, 1]
    assert voids(ledger) == [(0, 30 * 96)]
    ledger = ControlLedger(4.0, START + 3 * QUARTER, START)
    assert starts(ledger, START + 2 * QUARTER) == []
    assert starts(ledger, START + 5 * QUARTER) == [3, 4]
    assert voids(ledger) == []


@pytest.mark.parametrize("process_before", [None, START - 5 * QUARTER])
def test_quarters_of_more_than_a_day_ago_are_not_opened_again(process_before: int | None) -> None:
    ledger = ControlLedger(4.0, process_before, START)
    assert len(starts(ledger, START + 2 * DAY)) == 2 * 96 + (0 if process_before is None else 5)
    ledger.clock_moved(-7200.0, START + 2 * DAY - 7200.0)
    assert voids(ledger) == [(96, 192)]
    assert starts(ledger, START + 2 * DAY - 7200.0) == list(range(96, 192 - 8))


def test_before_anything_was_closed_nothing_is_void() -> None:
    ledger = ControlLedger(4.0, None, START)
    ledger.clock_moved(365 * DAY, START + 365 * DAY)
    assert voids(ledger) == []
    assert starts(ledger, START + 365 * DAY + QUARTER) == [365 * 96]
