"""The cable is pulled, or the bus, the street or the gateway loses its power. The stories show which lamps burn then,
and how soon the program is back."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.main import main
from hil.stories.benches import DARK, EIGHTY, FULL, HALF, SEVENTY, Bench, live, local
from hil.stories.boards import Site

CYCLE_S = 10.0
"""The control cycle. hil/stories/README.md promises that the program is back within it."""


def test_a_cable_pulled_for_ten_minutes(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("19:55")
        bench.street.unplug()
        await bench.until("20:01")
        # The agent cannot see this: a lamp loses its mains, and comes back at its POWER ON LEVEL.
        bench.street.mains(False, 1)
        await bench.wait_s(3.0)
        bench.street.mains(True, 1)
        await bench.until("20:05")
        assert await bench.levels() == bench.all_at(FULL)  # the step of 20:00 has passed, and reached no lamp
        bench.street.plug()
        await bench.wait_s(CYCLE_S)
        assert await bench.levels() == bench.all_at(SEVENTY)
        await bench.until("22:46")
        await bench.delivered()
        assert [event.active for event in bench.store.events("communicationFailure", "street")] == [True, False]
        bench.judge_energy(local("2025-12-15 19:00"), local("2025-12-15 22:45"))

    live(story, emulated, begins="2025-12-15 19:00")


def test_a_cable_that_is_pulled_again_and_again(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:10")
        for pause_s in (0.2, 1.0, 3.3, 17.0, 0.05, 61.0):
            bench.street.unplug()
            bench.street.mains(False)
            await bench.wait_s(0.1)
            bench.street.mains(True)
            await bench.wait_s(pause_s)
            bench.street.plug()
            await bench.wait_s(CYCLE_S)
            assert await bench.levels() == bench.all_at(HALF), f"after {pause_s} s"
        await bench.until("22:31")
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 22:00"), local("2025-12-15 22:30"))

    live(story, emulated, begins="2025-12-15 22:00")


def test_bus_power_lost_gives_the_system_failure_level(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("13:00")
        assert await bench.levels() == bench.all_at(DARK)
        for back_at, level in (("14:00", DARK), ("22:30", HALF)):
            bench.street.bus_power(False)
            await bench.wait_s(2.0)
            assert await bench.levels() == bench.all_at(EIGHTY)  # by day too: lit, never dark
            await bench.until(back_at)
            assert await bench.levels() == bench.all_at(EIGHTY)
            bench.street.bus_power(True)
            await bench.wait_s(CYCLE_S)
            assert await bench.levels() == bench.all_at(level)
            await bench.until("21:50" if level == DARK else "23:01")
        await bench.delivered()
        assert [event.active for event in bench.store.events("supplyLoss", "street")] == [True, False] * 2
        bench.judge_energy(local("2025-12-15 12:00"), local("2025-12-15 23:00"))

    live(story, emulated, begins="2025-12-15 12:00", site=Site(safe_percent=80))


@pytest.mark.parametrize("bus_supply", ["separate", "gear"])
def test_mains_lost_and_back_while_the_gateway_lives(emulated: Path, bus_supply: str) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:15:03")
        bench.street.mains(False)
        await bench.wait_s(1.0)
        assert [bench.street.light(number) for number in range(3)] == [0.0] * 3
        await bench.until("22:40:02")
        bench.street.mains(True)
        await bench.wait_s(0.8)  # the POWER ON LEVEL comes after 0.6 s, unless a command comes before
        first_levels = set(await bench.levels())
        await bench.wait_s(CYCLE_S)
        assert await bench.levels() == bench.all_at(HALF)
        # If the gear feeds the bus, the bus voltage tells the agent at once that the mains are back.
        assert first_levels == ({HALF} if bus_supply == "gear" else {EIGHTY})
        await bench.until("23:16")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()
        assert bench.store.events("lampFailure") == []
        bench.judge_energy(local("2025-12-15 22:00"), local("2025-12-15 23:15"))

    live(story, emulated, begins="2025-12-15 22:00", site=Site(safe_percent=80, bus_supply=bus_supply))


@pytest.mark.parametrize("bus_supply", ["separate", "gear"])
def test_a_street_without_mains_saves_nothing(emulated: Path, bus_supply: str) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:15:03")
        bench.street.mains(False)
        await bench.until("22:40:02")
        bench.street.mains(True)
        await bench.until("23:16")
        await bench.delivered()
        for name in bench.names:
            dark = [one for one in bench.store.intervals(name) if one.start == local("2025-12-15 22:15")]
            assert [quarter.baseline_wh for quarter in dark] == [pytest.approx(0.0, abs=0.6)]

    live(story, emulated, begins="2025-12-15 22:00", site=Site(bus_supply=bus_supply))


def test_a_street_that_was_dark_together_with_its_gateway_saves_nothing(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:17:03")
        bench.street.mains(False)
        bench.street.gateway_power(False)
        await bench.crash_agent()
        await bench.until("23:40:02")
        bench.street.mains(True)
        bench.street.gateway_power(True)
        await bench.wait_s(25.0)
        await bench.start_agent()
        await bench.until("00:16")
        await bench.delivered()
        # Each gear says that it lost its mains, and no register counted. The agent must not take that for dimming.
        for name in bench.names:
            dark = [
                one
                for one in bench.store.intervals(name)
                if local("2025-12-15 22:30") <= one.start < local("2025-12-15 23:30")
            ]
            assert len(dark) == 4
            assert sum(quarter.baseline_wh for quarter in dark) == pytest.approx(0.0, abs=0.6)

    live(story, emulated, begins="2025-12-15 22:00")


def test_mains_lost_and_back_together_with_the_gateway(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:17:03")
        bench.street.mains(False)
        bench.street.gateway_power(False)
        await bench.crash_agent()
        await bench.until("22:40:02")
        bench.street.mains(True)
        bench.street.gateway_power(True)
        await bench.wait_s(25.0)  # the gateway boots
        assert await bench.levels() == bench.all_at(EIGHTY)
        await bench.start_agent()
        await bench.wait_s(CYCLE_S)
        assert await bench.levels() == bench.all_at(HALF)
        await bench.until("23:16")
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 22:00"), local("2025-12-15 23:15"))

    live(story, emulated, begins="2025-12-15 22:00", site=Site(safe_percent=80))


@pytest.mark.parametrize(("bus_supply", "level_at_night"), [("gateway", EIGHTY), ("separate", DARK), ("gear", DARK)])
def test_a_gateway_that_dies_by_day(
    emulated: Path, capsys: pytest.CaptureFixture[str], bus_supply: str, level_at_night: int
) -> None:
    """The gateway loses its power at 14:00. At 22:00 the lamps burn as `lichtmast check` says for this board."""

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("14:00")
        assert await bench.levels() == bench.all_at(DARK)
        bench.street.gateway_power(False)
        await bench.crash_agent()
        await bench.until("22:00")
        assert await bench.levels() == bench.all_at(level_at_night)
        lit = [bench.street.light(number) > 0 for number in range(3)]
        assert lit == [level_at_night != DARK] * 3
        boards.append(bench.board)

    boards: list[Path] = []
    live(story, emulated, begins="2025-12-15 12:00", site=Site(safe_percent=80, bus_supply=bus_supply))
    capsys.readouterr()
    assert main(["check", str(boards[0])]) == 0
    said = capsys.readouterr().out
    assert ("stays dark at night" in said) == (level_at_night == DARK)
    assert ("SYSTEM FAILURE LEVEL, even by day" in said) == (level_at_night != DARK)
