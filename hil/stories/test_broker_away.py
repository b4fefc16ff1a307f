"""The broker is away for a night, or for good: nothing is lost, nothing comes twice, and it is said once."""

from __future__ import annotations

from pathlib import Path

from hil.stories.benches import FULL, HALF, Bench, live, local
from hil.stories.boards import Site


def test_a_night_without_the_broker_is_delivered_in_the_morning(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("17:10")
        await bench.delivered()
        before = len(bench.store.intervals("L01"))
        await bench.broker_away()
        for moment, level in (("22:02", HALF), ("04:59", HALF), ("05:01", FULL)):
            await bench.until(moment)
            assert await bench.levels() == bench.all_at(level), moment
        await bench.until("08:01")
        assert len(bench.store.intervals("L01")) == before
        await bench.broker_back()
        await bench.until("09:31")
        await bench.delivered()

        bench.judge_energy(local("2025-12-15 16:00"), local("2025-12-16 09:30"))
        (numbers,) = bench.store.sequences().values()
        assert numbers == list(range(1, bench.journal.last + 1))
        assert [event.active for event in bench.store.events("brokerAway")] == [True, False]

    live(story, emulated, begins="2025-12-15 16:00", site=Site(lamps=4))


def test_a_broker_that_comes_and_goes(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        # The line is cut at each quarter, while the agent sends, and is back for a few minutes only.
        for number in range(12):
            await bench.until(f"{16 + number // 4}:{15 * (number % 4):02}:0{number % 4}" if number else "16:00:02")
            await bench.gateway_line.cut() if number % 3 else await bench.broker_away()
            await bench.wait_s(400.0)
            if not number % 3:
                await bench.broker_back()
        await bench.until("19:31")
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 16:00"), local("2025-12-15 19:30"))
        (numbers,) = bench.store.sequences().values()
        assert numbers == list(range(1, bench.journal.last + 1))

    live(story, emulated, begins="2025-12-15 16:00", site=Site(lamps=2))


def test_a_broker_that_was_never_there_is_said_once(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.broker_away()
        await bench.start_agent()
        await bench.until("22:02")
        assert await bench.levels() == bench.all_at(HALF)
        (said,) = bench.journal.events("brokerAway")
        assert said.active
        assert f"127.0.0.1:{bench.gateway_line.port}" in said.text
        assert len(bench.journal.bodies("interval")) == 3 * 4 * 8

    live(story, emulated, begins="2025-12-15 14:00")
