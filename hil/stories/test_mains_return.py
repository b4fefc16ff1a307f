"""The mains of a full street are back: the agent tells all lamps at once, and then finds out which lamps were off."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.bench.mains_return import LAMPS, MOST_S, mains_return


@pytest.mark.parametrize("telemetry_percent", [50, 5])
@pytest.mark.parametrize("bus_supply", ["gear", "separate"])
def test_64_lamps_are_told_within_a_second(emulated: Path, bus_supply: str, telemetry_percent: int) -> None:
    outcome = mains_return(emulated, bus_supply, telemetry_percent)
    assert outcome.told_s <= MOST_S
    assert outcome.found_s <= 10.0
    if telemetry_percent == 50:  # with less, it takes longer to find out
        assert len(outcome.reported) == LAMPS
