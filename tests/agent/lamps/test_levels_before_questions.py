"""No query delays a level that is due: each query of the code's table is tried, failing in each way."""

from __future__ import annotations

import pytest

from hil.bench.levels_first import FAILURES, MOST_DELAY_MS, QUERIES, with_one_failing


@pytest.mark.parametrize("query", QUERIES)
def test_a_level_leaves_within_60_ms_of_its_cycles_begin_with_this_query_failing(query: str) -> None:
    for failure in FAILURES:
        outcome = with_one_failing(query, failure)
        assert outcome.delay_ms <= MOST_DELAY_MS, failure
        assert outcome.all_told, failure
        if failure == "no answer":
            # Gear that does not know a question is still there.
            assert "controlGearCommFailure" not in outcome.events


def test_the_control_asks_what_it_is_said_to_ask() -> None:
    outcome = with_one_failing("", "no answer")
    assert outcome.events == ()
    assert outcome.asked >= {
        "QUERY POWER FAILURE",
        "QUERY STATUS",
        "QUERY ACTUAL LEVEL",
        "QUERY POWER ON LEVEL",
        "QUERY SYSTEM FAILURE LEVEL",
        "QUERY EXTENDED FADE TIME",
        "QUERY MAX LEVEL",
        "QUERY GROUPS 0-7",
    }
