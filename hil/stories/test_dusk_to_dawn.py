"""From dusk to dawn: the lamps follow the program through a night, and the record is what the lamps drew."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.stories.benches import DARK, FULL, HALF, SEVENTY, Bench, live, local
from hil.stories.boards import Site
from hil.stories.real_bench import RealBench, live_on_a_real_bench

# The program has no fades and goes by the clock alone, so that a real bench needs only a few seconds for each step. It
# lights the lamps whenever it is dark outside, all year round, because a board accepts no other program.
STEPS = """
[program]
format = 1
name = "story-steps"
on = "16:00"
off = "09:00"

[[step]]
at = "16:00"
percent = 100

[[step]]
at = "20:00"
percent = 70

[[step]]
at = "23:00"
percent = 50
"""


async def _steps_are_followed(bench: Bench | RealBench) -> None:
    await bench.start_agent()
    for moment, level in (("16:00:03", FULL), ("20:00:03", SEVENTY), ("23:00:03", HALF), ("09:00:03", DARK)):
        await bench.until(moment)
        assert await bench.levels() == bench.all_at(level), moment
    await bench.stop_agent()
    if isinstance(bench, RealBench):
        assert await bench.asked_levels() == bench.all_at(DARK)


def test_the_lamps_follow_a_program_from_dusk_to_dawn(real_board: Path | None, tmp_path: Path) -> None:
    """This story runs on either bench."""
    begins = "2025-12-15 15:30"
    if real_board is None:
        live(_steps_are_followed, tmp_path, begins=begins, site=Site(program=STEPS))
    else:
        live_on_a_real_bench(_steps_are_followed, real_board, tmp_path, begins=local(begins), program=STEPS)


def test_a_winter_night_of_d60(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        # Sunset in Eindhoven on this day is about 16:29, sunrise about 08:39.
        for moment, level in (
            ("12:01", DARK), ("16:25", DARK), ("16:34", FULL), ("19:59:50", FULL), ("20:01:15", SEVENTY),
            ("21:59:50", SEVENTY), ("22:01:15", HALF), ("04:59:50", HALF), ("05:00:15", FULL), ("08:34", FULL),
            ("08:44", DARK), ("12:02", DARK),
        ):  # fmt: skip
            await bench.until(moment)
            assert await bench.levels() == bench.all_at(level), moment
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 12:00"), local("2025-12-16 12:00"))
        quarters = bench.store.intervals("L02")
        assert {quarter.quality for quarter in quarters} == {"metered"}
        night_h = 16 + 10 / 60
        assert sum(quarter.baseline_wh for quarter in quarters) == pytest.approx(
            night_h * bench.street.full_power_w(1), rel=0.01
        )

    live(story, emulated, begins="2025-12-15 12:00", site=Site(lamps=4))


@pytest.mark.system  # among the quick tests, test_festival has a night of each clock change
@pytest.mark.parametrize(
    ("evening", "morning", "hours"), [("2026-03-28", "2026-03-29", 23), ("2026-10-24", "2026-10-25", 25)]
)
def test_a_night_in_which_the_clocks_change(emulated: Path, evening: str, morning: str, hours: int) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        for moment, level in (("22:01:15", HALF), ("04:59:50", HALF), ("05:00:15", FULL), ("12:02", DARK)):
            await bench.until(moment)
            assert await bench.levels() == bench.all_at(level), moment
        await bench.delivered()
        bench.judge_energy(local(f"{evening} 12:00"), local(f"{morning} 12:00"))
        assert len(bench.store.intervals("L01")) == 4 * hours

    live(story, emulated, begins=f"{evening} 12:00", site=Site(lamps=2))
