"""The time until a full street has its levels after its mains are back, by bus supply and telemetry share."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from hil.bench.table import Row
from hil.devices.dali_bus import Result
from hil.stories.benches import HALF, Bench, live
from hil.stories.boards import Site

LAMPS = 64
MOST_S = 1.0
LOOKS_S = 0.02
LONGEST_S = 120.0
ALL_GEAR_QUERY_POWER_FAILURE = 0xFF9B
FOUND_WITHIN_S = 50.0


class Return(NamedTuple):
    """The times after the return of the mains, in s.

    `found_s` is the time until the agent can know of it: because the bus is usable again, or because gear says so when
    it is asked. `told_s` is the time from then until every lamp shows its level. `reported` holds the luminaires whose
    loss of mains was reported.
    """

    found_s: float
    told_s: float
    reported: frozenset[str]


def mains_return(folder: Path, bus_supply: str, telemetry_percent: int) -> Return:
    """Takes the mains away for three seconds by night. The street burns at half; its safe level is a different one."""
    seen: list[Return] = []

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:03:04")
        assert set(await bench.levels()) == {HALF}
        street = bench.street
        street.mains(False)
        await bench.wait_s(3.0)
        street.bus.trace.clear()
        street.mains(True)
        back_at = bench.clock.monotonic()
        await bench.wait_s(LOOKS_S)
        while set(await bench.levels()) != {HALF} and bench.clock.monotonic() - back_at < LONGEST_S:
            await bench.wait_s(LOOKS_S)
        told_at = bench.clock.monotonic()
        found_at = back_at if bus_supply == "gear" else _first_yes(bench, told_at)
        await bench.wait_s(FOUND_WITHIN_S)
        await bench.delivered()
        reported = frozenset(event.subject for event in bench.store.events("supplyLoss")) & set(bench.names)
        seen.append(Return(found_at - back_at, told_at - found_at, reported))

    site = Site(lamps=LAMPS, safe_percent=80, bus_supply=bus_supply, bus=f"telemetry_percent = {telemetry_percent}")
    live(story, folder, begins="2025-12-15 21:58", site=site)
    return seen[0]


def _first_yes(bench: Bench, otherwise: float) -> float:
    """Returns the loop time at which gear first said that it had lost its mains, or `otherwise` if it never did."""
    for frame in bench.street.bus.trace:
        if frame.value == ALL_GEAR_QUERY_POWER_FAILURE and frame.outcome in (Result.ANSWER, Result.GARBLED):
            return frame.time
    return otherwise


def rows() -> Iterator[Row]:
    """Yields the time for a street whose gear feeds its bus, and for one whose bus has a separate supply.

    Each is measured with a telemetry share of 50 % and of 5 %.
    """
    for bus_supply, since in (("gear", "the bus is usable"), ("separate", "gear said so")):
        for percent in (50, 5):
            with tempfile.TemporaryDirectory(prefix="lichtmast-bench-") as folder:
                outcome = mains_return(Path(folder), bus_supply, percent)
            yield Row(
                f"mains back, bus supply {bus_supply}, telemetry {percent} %: {LAMPS} lamps told after {since}",
                outcome.told_s,
                "s",
                "virtual",
                MOST_S,
                note=f"{since} {outcome.found_s:.2f} s after the mains were back",
            )
