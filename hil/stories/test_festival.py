"""Calendars: a Friday festival that lasts until three, and the nights in which the clocks change."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.stories.benches import DARK, FULL, HALF, SEVENTY, Bench, live
from hil.stories.boards import Site

CENTRE = """
[calendar]
format = 1
name = "centre"
program = "d60"

[[rule]]
program = "festival"
weekdays = ["friday"]
"""

# A luminaire that keeps D60 while the others celebrate.
QUIET = """
[[group]]
name = "quiet"
program = "d60"

[[luminaire]]
name = "Q01"
bus = "street"
short_address = 20
power_w = 25.0
groups = ["quiet"]
"""


def test_a_friday_festival(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        for moment, level, quiet in (
            # Thursday, 15 October 2026
            ("19:05", FULL, FULL), ("22:01:15", HALF, HALF), ("04:00", HALF, HALF), ("05:00:15", FULL, FULL),
            ("12:01", DARK, DARK),
            # Friday: a single night, though most of it is on Saturday
            ("20:01:15", FULL, SEVENTY), ("22:01:15", FULL, HALF), ("00:01:15", FULL, HALF), ("02:59:50", FULL, HALF),
            ("03:01:15", SEVENTY, HALF),
            ("04:59", SEVENTY, HALF), ("07:00", FULL, FULL), ("12:01", DARK, DARK),
            # Saturday
            ("20:01:15", SEVENTY, SEVENTY), ("22:01:15", HALF, HALF),
        ):  # fmt: skip
            await bench.until(moment)
            assert (await bench.levels(), bench.level("Q01")) == (bench.all_at(level), quiet), moment

    site = Site(calendar=CENTRE, tables=QUIET)
    live(story, emulated, begins="2026-10-15 15:00", site=site)


# This program has a step at a time that March skips and October has twice.
HALF_PAST_TWO = """
[program]
format = 1
name = "half-past-two"
on = "sunset"
off = "sunrise"

[[step]]
at = "sunset"
percent = 100

[[step]]
at = "02:30"
percent = 50
"""
CHANGING = """
[calendar]
format = 1
name = "changing"
program = "always-full"

[[rule]]
program = "half-past-two.toml"
dates = ["2026-03-28", "2026-10-24"]
"""


@pytest.mark.parametrize(
    ("evening", "halves", "hours_at_half"), [("2026-03-28", "03:00:15", 4.4), ("2026-10-24", "02:30:15", 5.9)]
)
def test_the_night_in_which_the_clocks_change(emulated: Path, evening: str, halves: str, hours_at_half: float) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:00:15")
        assert await bench.levels() == bench.all_at(FULL)
        await bench.until(halves)
        began = bench.clock.wall()
        assert await bench.levels() == bench.all_at(HALF)
        # The level does not toggle: it is one level at every look until the morning.
        while await bench.levels() == bench.all_at(HALF):
            await bench.wait_s(300.0)
        assert await bench.levels() == bench.all_at(DARK)
        assert (bench.clock.wall() - began) / 3600 == pytest.approx(hours_at_half, abs=0.1)
        await bench.until("12:01")
        # The next night has the calendar's own program.
        await bench.until("23:00")
        assert await bench.levels() == bench.all_at(FULL)

    site = Site(calendar=CHANGING, files=(("half-past-two.toml", HALF_PAST_TWO),))
    live(story, emulated, begins=f"{evening} 19:30", site=site)
