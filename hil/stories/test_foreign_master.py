"""Another master on the street's bus: the agent answers its commands at once, and an alarm names and counts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.stories.benches import EIGHTY, FULL, HALF, Bench, live
from hil.stories.boards import Site

ALL_OFF, ALL_LEVEL_1, SECOND_LAMP_OFF, ALL_RESET = 0xFF00, 0xFE01, 0x0300, 0xFF20
FRAMES = 60


def share_at_level(bench: Bench, number: int, level: int, began: float) -> float:
    """Returns the share of the time since the loop time `began` in which the lamp was at this level, or brighter."""
    now = bench.clock.monotonic()
    points = [point for point in bench.street.curve(number) if point.time > began]
    before = [point for point in bench.street.curve(number) if point.time <= began][-1]
    level_before, since, there_s = before.level, began, 0.0
    for point in points:
        there_s += (point.time - since) * (level_before >= level and point.level >= level)
        if point.time == since:
            level_before = point.level
            continue
        level_before, since = point.level, point.time
    there_s += (now - since) * (level_before >= level)
    return there_s / (now - began)


@pytest.mark.parametrize(
    ("frame", "after_cycle_s"), [(ALL_OFF, 0.3), (SECOND_LAMP_OFF, 5.0), (ALL_LEVEL_1, 0.02)], ids=["off", "one", "dim"]
)
def test_a_period_as_nasty_as_can_be_leaves_the_street_lit(emulated: Path, frame: int, after_cycle_s: float) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:05")
        began = bench.clock.monotonic()
        for _ in range(FRAMES):
            await bench.wait_s(10.0 - bench.clock.wall() % 10.0 + after_cycle_s)
            bench.street.bus.other_controller(frame)
        await bench.wait_s(1.0)
        for number in range(3):
            assert share_at_level(bench, number, HALF, began) > 0.99
        assert await bench.levels() == bench.all_at(HALF)
        await bench.until("23:20")
        await bench.delivered()
        names = ("foreignMaster", "levelsContested")
        told = {name: [event.active for event in bench.store.events(name)] for name in names}
        assert told == {name: [True, False] for name in names}
        what = {ALL_OFF: "OFF to all", SECOND_LAMP_OFF: "OFF to 1", ALL_LEVEL_1: "LEVEL 1 to all"}[frame]
        assert f"sends {what} about every 10 s" in bench.store.events("levelsContested")[0].text

    live(story, emulated, begins="2025-12-15 22:00")


def test_a_storm_of_frames_does_not_take_the_bus(emulated: Path) -> None:
    """The agent answers no more often than its limit allows. When the storm is over, the street is lit at once."""

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:05:02")
        bench.street.bus.trace.clear()
        for _ in range(100):
            bench.street.bus.other_controller(ALL_OFF)
            await bench.wait_s(0.3)
        ours = [frame for frame in bench.street.bus.trace if frame.value == 0xFE00 | HALF]
        assert 20 <= len(ours) <= 45
        await bench.wait_s(11.0)
        assert await bench.levels() == bench.all_at(HALF)

    live(story, emulated, begins="2025-12-15 22:00")


def test_what_another_master_sets_is_set_back(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        gear = bench.street.gear[1]
        await bench.start_agent()
        await bench.until("22:05:02")
        # RESET gives full light and another power-on level, and makes gear deaf for a while. Then come limits and fades
        # that darken.
        bench.street.bus.other_controller(ALL_RESET)
        bench.street.bus.other_controller(ALL_RESET)
        await bench.wait_s(1.2)
        assert await bench.levels() == bench.all_at(HALF)
        await bench.wait_s(10.0)
        assert gear.variables.power_on_level == EIGHTY
        for dtr0, command in ((1, 0x2D), (90, 0x2A), (0x4F, 0x30)):  # SET POWER ON LEVEL, MAX LEVEL, EXTENDED FADE TIME
            bench.street.bus.other_controller(0xA300 | dtr0)
            bench.street.bus.other_controller(0x0300 | command)
            bench.street.bus.other_controller(0x0300 | command)
            await bench.wait_s(0.2)
        assert (gear.variables.power_on_level, gear.variables.max_level) == (1, 90)
        await bench.wait_s(12.0)
        assert gear.variables.power_on_level == EIGHTY
        assert (gear.variables.max_level, gear.variables.extended_fade_time) == (FULL, 0)
        assert await bench.levels() == bench.all_at(HALF)

    live(story, emulated, begins="2025-12-15 22:00", site=Site(safe_percent=80))


def test_a_lamp_put_out_while_its_own_level_is_on_its_way_is_told_again(emulated: Path) -> None:
    """At a step of the program, the foreign frame comes at any moment around the agent's frame."""

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        for minute in range(40):
            await bench.until(f"22:{minute + 10:02d}:01")
            bench.street.bus.other_controller(ALL_OFF)
            # The agent's answer is under way now, or about to be.
            await bench.wait_s(0.002 * minute)
            bench.street.bus.other_controller(ALL_OFF)
            await bench.wait_s(0.7)
            assert await bench.levels() == bench.all_at(HALF), minute

    live(story, emulated, begins="2025-12-15 22:00")
