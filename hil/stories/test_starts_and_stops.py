"""The agent stops cleanly. It also starts with a clock that lacks the time, a broken board, a damaged journal, or a
port that does not exist yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.problems import ConfigError
from hil.stories.benches import DARK, EIGHTY, FULL, HALF, SEVENTY, Bench, live, local
from hil.stories.boards import Site


def test_a_clean_stop_commits_says_offline_and_leaves_the_lamps(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:15:00.700")  # in the middle of a sweep: some registers are read, but not committed
        committed = bench.journal.last
        assert await bench.retained_state() == "online"
        frames = bench.street.statistics.forward_frames
        await bench.stop_agent()
        assert await bench.retained_state() == "offline"
        await bench.until("05:10")
        assert bench.street.statistics.forward_frames == frames
        assert await bench.levels() == bench.all_at(HALF)
        assert bench.journal.is_sound()
        assert bench.journal.bodies("reading", after=committed)
        await bench.start_agent()
        await bench.until("05:31")
        assert await bench.levels() == bench.all_at(FULL)
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 21:00"), local("2025-12-16 05:30"))

    live(story, emulated, begins="2025-12-15 21:00", site=Site(lamps=8))


def test_a_crash_is_told_by_the_broker(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.wait_s(60.0)
        await bench.crash_agent()
        assert await bench.retained_state() == "offline"

    live(story, emulated, begins="2025-12-15 21:00")


def test_a_clock_without_the_time_burns_by_day_too(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.wait_s(10.0)
        assert await bench.levels() == bench.all_at(EIGHTY)
        await bench.wait_s(5000.0)
        assert await bench.levels() == bench.all_at(EIGHTY)
        bench.clock.set_wall(local("2025-12-15 13:07"))
        await bench.wait_s(20.0)  # a control cycle and the fade
        assert await bench.levels() == bench.all_at(DARK)
        await bench.until("20:01:15")
        assert await bench.levels() == bench.all_at(SEVENTY)
        await bench.until("20:31")
        await bench.delivered()
        assert [event.active for event in bench.store.events("clockInvalid")] == [True, False]
        # The agent had started 5,010 s before the clock was set. The energy since then has its time now.
        started, until = local("2025-12-15 13:07") - 5010.0, local("2025-12-15 20:30")
        for name in bench.names:
            intervals = bench.store.intervals(name)
            assert [each.start for each in intervals] == list(range(int(local("2025-12-15 11:30")), int(until), 900))
            recorded_wh = sum(each.actual_wh for each in intervals)
            assert recorded_wh == pytest.approx(bench.true_wh(name, started, until), abs=0.2)
        assert bench.store.doubled_intervals() == []

    live(story, emulated, begins="2000-01-01 00:07", site=Site(safe_percent=80), clock_valid=False)


def test_a_journal_of_garbage_is_set_aside(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.state.mkdir()
        garbage = bytes(range(256)) * 64
        bench.journal.path.write_bytes(garbage)
        await bench.start_agent()
        await bench.until("22:31")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()
        (said,) = bench.store.events("journalDamaged")
        (aside,) = bench.state.glob("*.damaged-*")
        assert aside.read_bytes() == garbage
        assert aside.name in said.text
        bench.judge_energy(local("2025-12-15 21:00"), local("2025-12-15 22:30"))

    live(story, emulated, begins="2025-12-15 21:00")


def test_a_board_broken_at_a_restart_leaves_the_last_good_one(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("21:05")
        await bench.stop_agent()
        good = bench.board.read_text(encoding="utf-8")
        bench.board.write_text(good.replace("short_address = 0", "short_address = 640"), encoding="utf-8")
        await bench.start_agent()
        await bench.until("22:16")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()
        (said,) = bench.store.events("invalidConfig")
        assert said.active
        assert "640" in said.text
        bench.judge_energy(local("2025-12-15 21:00"), local("2025-12-15 22:15"))

    live(story, emulated, begins="2025-12-15 21:00")


def test_a_broken_board_at_the_first_start_ends_it(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        good = bench.board.read_text(encoding="utf-8")
        bench.board.write_text(good.replace("latitude = 51.44", "latitude = 5.47"), encoding="utf-8")
        await bench.start_agent()
        with pytest.raises(ConfigError, match=r"board\.toml:5: .*latitude"):
            await bench.wait_s(1.0)
        assert bench.street.statistics.forward_frames == 0
        bench.forget_agent()

    live(story, emulated, begins="2025-12-15 21:00")


def test_a_port_that_is_not_there_yet(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.street.unplug()
        await bench.start_agent()
        await bench.until("22:10")
        (said,) = bench.journal.events("communicationFailure")
        assert "does not exist; the ports of this machine are: " in said.text
        bench.street.plug()
        await bench.wait_s(10.0)
        assert await bench.levels() == bench.all_at(HALF)
        await bench.until("22:46")
        await bench.delivered()
        assert [event.active for event in bench.store.events("communicationFailure")] == [True, False]
        first = bench.store.intervals("L01")[0].start
        bench.judge_energy(first, local("2025-12-15 22:45"))

    live(story, emulated, begins="2025-12-15 21:00")
