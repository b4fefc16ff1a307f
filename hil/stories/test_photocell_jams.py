"""A photocell switches the lamps until it jams or flickers. Then an event says so, and the lamps burn, clock or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.stories.benches import DARK, FULL, Bench, live, local
from hil.stories.boards import Site

EVENT = "photocellContradictsSun"
BY_PHOTOCELL = """
[program]
format = 1
name = "by-photocell"

[[step]]
at = "sunset"
percent = 100

[photocell]
on_lux = 10
off_lux = 15
"""
CELL = """
[[sensor]]
name = "sky"
bus = "street"
device = 0
instance = 1
kind = "lux"
full_scale_lux = 1000
"""
TEN_PERCENT = 170
DAY, DUSK = 0.8, 0.005
SITE = Site(program=BY_PHOTOCELL, tables=CELL)
TURNS_AN_HOUR = 1140
HOUR_S = 3600.0
TAKES_S = {DUSK: 8.0, DAY: 303.0}
"""Seconds from the light to the lamps: dark must last 5 s and light 5 min; sensor dead time and frames add to it."""


async def _a_good_night(bench: Bench) -> None:
    """Lives a day from noon to noon, with dark and light as in the sky: sunset is about 16:29, sunrise about 08:39."""
    for moment, light, level in (("16:40", DUSK, FULL), ("08:20", DAY, DARK)):
        await bench.until(moment)
        before = DARK if level == FULL else FULL
        assert await bench.levels() == bench.all_at(before), moment
        bench.illuminance("sky", light)
        await bench.wait_s(TAKES_S[light] - 8.0)
        assert await bench.levels() == bench.all_at(before), moment
        await bench.wait_s(8.0)
        assert await bench.levels() == bench.all_at(level), moment
    await bench.until("12:00")
    assert await bench.levels() == bench.all_at(DARK)


@pytest.mark.parametrize(
    ("jams_at", "stuck", "noticed"),
    [
        # Lit by a lamp, the photocell sees day all evening; covered by a leaf, it sees night all morning.
        ("16:00", DAY, "2025-12-16 17:29"),
        pytest.param("05:00", DUSK, "2025-12-17 09:39", marks=pytest.mark.system),
    ],
)
def test_a_photocell_that_jams(emulated: Path, jams_at: str, stuck: float, noticed: str) -> None:
    async def story(bench: Bench) -> None:
        bench.illuminance("sky", DAY)
        await bench.start_agent()
        await _a_good_night(bench)
        if stuck == DUSK:
            await bench.until("16:40")
            bench.illuminance("sky", DUSK)
        await bench.until(jams_at)
        assert bench.journal.events(EVENT) == []
        await bench.wait_s(local(noticed) - bench.clock.wall() - 120.0)
        # The agent believes the photocell for an hour, as clouds and street trees do as much. The night floor holds.
        assert await bench.levels() == bench.all_at(TEN_PERCENT if stuck == DAY else FULL)
        assert bench.journal.events(EVENT) == []
        await bench.wait_s(300.0)
        assert await bench.levels() == bench.all_at(FULL)
        (event,) = bench.journal.events(EVENT)
        assert event.active
        assert "contradicts the sun by more than an hour" in event.text
        await bench.wait_s(3600.0)
        assert await bench.levels() == bench.all_at(FULL)
        right = DUSK if stuck == DAY else DAY
        bench.illuminance("sky", right)
        await bench.wait_s(TAKES_S[right])
        assert await bench.levels() == bench.all_at(FULL if stuck == DAY else DARK)
        await bench.wait_s(20.0)  # a control cycle, which writes the event
        await bench.delivered()
        assert [each.active for each in bench.store.events(EVENT)] == [True, False]

    live(story, emulated, begins="2025-12-15 12:00", site=SITE)


def test_a_photocell_that_falls_silent_leaves_the_street_to_the_sun(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.illuminance("sky", DAY)
        await bench.start_agent()
        await _a_good_night(bench)
        street, number = bench.emulated.sensor("sky")
        street.devices[number].set_bus_voltage(False, bench.clock.monotonic())
        await bench.until("16:20")
        assert await bench.levels() == bench.all_at(DARK)
        await bench.until("16:35")
        assert await bench.levels() == bench.all_at(FULL)
        await bench.delivered()
        assert [each.active for each in bench.store.events("photocellSilent")] == [True]
        assert [each.active for each in bench.store.events("controlDeviceCommFailure", "sky")] == [True]
        street.devices[number].set_bus_voltage(True, bench.clock.monotonic())
        bench.illuminance("sky", DUSK)
        await bench.wait_s(120.0)
        await bench.delivered()
        assert [each.active for each in bench.store.events("photocellSilent")] == [True, False]
        assert [each.active for each in bench.store.events("controlDeviceCommFailure", "sky")] == [True, False]

    live(story, emulated, begins="2025-12-15 12:00", site=SITE)


def test_a_nervous_photocell_switches_nothing_and_is_named(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.illuminance("sky", DAY)
        await bench.start_agent()
        await bench.until("12:30")
        seen = []
        for turn in range(TURNS_AN_HOUR // 3):
            bench.illuminance("sky", DAY if turn % 2 else DUSK)
            await bench.wait_s(3600.0 / TURNS_AN_HOUR)
            seen.append(await bench.levels())
        # The street is lit before a minute is over, and stays lit.
        lit_from = seen.index(bench.all_at(FULL))
        assert lit_from < TURNS_AN_HOUR / 60
        assert seen == [bench.all_at(DARK)] * lit_from + [bench.all_at(FULL)] * (len(seen) - lit_from)
        (event,) = bench.journal.events("photocellFlickers")
        assert (event.subject, event.active) == ("sky", True)
        await bench.wait_s(TAKES_S[DAY])
        assert await bench.levels() == bench.all_at(DARK)
        await bench.wait_s(20.0)
        assert [each.active for each in bench.journal.events("photocellFlickers")] == [True, False]

    live(story, emulated, begins="2025-12-15 12:20", site=SITE)


def test_without_a_clock_a_photocell_that_jams_leaves_the_street_dark_for_eight_hours_at_most(emulated: Path) -> None:
    """A restarted agent goes on counting. After a restart of the machine, which loses the count, the street is lit."""

    async def story(bench: Bench) -> None:
        bench.illuminance("sky", DAY)
        await bench.start_agent()
        await bench.wait_s(1000.0)
        # The photocell has not reported dark yet, so it may be jammed.
        assert await bench.levels() == bench.all_at(FULL)
        bench.illuminance("sky", DUSK)
        await bench.wait_s(2 * HOUR_S)
        bench.illuminance("sky", DAY)  # it jams at light for good
        await bench.wait_s(TAKES_S[DAY] + 10.0)
        for hours in (2, 3, 2.8):
            assert await bench.levels() == bench.all_at(DARK)
            await bench.stop_agent()
            await bench.wait_s(60.0)
            bench.clock.set_wall(bench.clock.wall() - 5000.0, valid=False)
            await bench.start_agent()
            await bench.wait_s(hours * HOUR_S)
        assert await bench.levels() == bench.all_at(DARK)
        await bench.wait_s(0.2 * HOUR_S)
        assert await bench.levels() == bench.all_at(FULL)
        await bench.stop_agent()
        await bench.start_agent()
        await bench.wait_s(1000.0)
        assert await bench.levels() == bench.all_at(FULL)
        await bench.crash_agent()
        await bench.start_agent()
        await bench.wait_s(1000.0)
        assert await bench.levels() == bench.all_at(FULL)

    live(story, emulated, begins="2025-12-15 12:00", site=SITE, clock_valid=False)
