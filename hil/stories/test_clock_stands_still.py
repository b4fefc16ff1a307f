"""The gateway loses its power, and no network tells it the time. A clock that stood still must not darken a street."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.stories.benches import DARK, EIGHTY, FULL, HALF, SEVENTY, Bench, live, local
from hil.stories.boards import Site

SITE = Site(safe_percent=80)
WITH_RTC = Site(safe_percent=80, board="rtc = true")
AT_14, AT_20 = local("2025-12-15 14:00"), local("2025-12-15 20:00")


async def _cut(bench: Bench, seconds: float) -> None:
    """Takes the power from the mast, with its gateway and lamps, for this many seconds."""
    await bench.crash_agent()
    bench.street.mains(False)
    await bench.wait_s(seconds)
    bench.street.mains(True)
    await bench.wait_s(5.0)


@pytest.mark.parametrize(
    ("site", "shows", "chip", "level"),
    [
        # A saved clock resumes where it stood.
        (SITE, AT_14, None, EIGHTY),
        # A battery clock has gone on; or its battery is flat, and the clock resumes where it stopped.
        (WITH_RTC, AT_20, AT_20, SEVENTY),
        (WITH_RTC, AT_14, AT_14, EIGHTY),
    ],
)
def test_power_back_after_six_hours_without_a_network(
    emulated: Path, site: Site, shows: float, chip: float | None, level: int
) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("14:00")
        assert await bench.levels() == bench.all_at(DARK)
        await _cut(bench, 6 * 3600.0)
        bench.clock.machine_starts(shows, chip)
        await bench.start_agent()
        # It is 20:00 and night, but the clock may show another time. The street is not dark for a moment.
        for _ in range(50):
            await bench.wait_s(0.1)
            assert min(await bench.levels()) >= SEVENTY
        for pause_s in (15.0, 3600.0, 3000.0):
            await bench.wait_s(pause_s)
            assert await bench.levels() == bench.all_at(level)
        # A second agent on this machine knows no more than the first.
        await bench.stop_agent()
        await bench.start_agent()
        await bench.wait_s(15.0)
        assert await bench.levels() == bench.all_at(level)
        assert len(bench.journal.events("clockInvalid")) == (0 if level == SEVENTY else 1)
        # A network comes, and the program goes on.
        bench.clock.reference(local("2025-12-15 22:30"))
        await bench.wait_s(80.0)
        assert await bench.levels() == bench.all_at(HALF)

    live(story, emulated, begins="2025-12-15 13:30", site=site)


def test_the_network_is_away_for_days(emulated: Path) -> None:
    """The kernel calls its clock unsynchronised after half a day. The clock was right, so the program goes on."""

    async def story(bench: Bench) -> None:
        bench.clock.machine_starts(AT_14)
        await bench.start_agent()
        await bench.wait_s(15.0)
        assert await bench.levels() == bench.all_at(EIGHTY)
        bench.clock.reference(AT_14)
        await bench.wait_s(1800.0)
        bench.clock.reference(None)
        for moment, level in (("16:00", DARK), ("17:00", FULL), ("20:02", SEVENTY)):
            await bench.until(moment)
            assert await bench.levels() == bench.all_at(level), moment
        await bench.stop_agent()
        await bench.start_agent()
        await bench.until("22:02")
        assert await bench.levels() == bench.all_at(HALF)
        # A clock that is set by hand against the network's time is in doubt, so the street is lit. When it is set right
        # by hand, the program is back.
        bench.clock.set_by_hand(local("2025-12-15 12:00"))
        await bench.wait_s(15.0)
        assert await bench.levels() == bench.all_at(EIGHTY)
        bench.clock.set_by_hand(local("2025-12-15 22:04"))
        await bench.wait_s(80.0)
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()
        assert [each.active for each in bench.store.events("clockInvalid")] == [True, False, True, False]

    live(story, emulated, begins="2025-12-15 14:00", site=SITE)


def test_a_machine_that_is_started_again_while_the_lamps_keep_their_mains(emulated: Path) -> None:
    """After an update by day, with a battery clock, the lamps burn until gear would have told of a mains cut. Then the
    program goes on."""

    async def story(bench: Bench) -> None:
        bench.clock.machine_starts(AT_14, AT_14)
        await bench.start_agent()
        await bench.wait_s(60.0)
        assert await bench.levels() == bench.all_at(DARK)
        for cut, then in ((False, DARK), (True, EIGHTY), (False, DARK)):
            if cut:  # the agent cannot know whether it was a minute, or the time for which its clock stood still
                await _cut(bench, 60.0)
            else:
                await bench.stop_agent()
            bench.clock.machine_starts(bench.clock.wall() + 40.0, bench.clock.wall() + 40.0)
            await bench.start_agent()
            await bench.wait_s(60.0)
            assert await bench.levels() == bench.all_at(EIGHTY)
            await bench.wait_s(80.0)
            assert await bench.levels() == bench.all_at(then)
        said = [each.active for each in bench.journal.events("clockInvalid")]
        assert said == [True, False, True, False]

    live(story, emulated, begins="2025-12-15 14:00", site=WITH_RTC)
