"""An override by hand: it starts within a cycle, outlives a restart and a power cut, expires, and keeps the floor."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hil.stories.benches import DARK, EIGHTY, FULL, HALF, Bench, live
from hil.stories.boards import Site

CYCLE_S = 10.0
FADE_S = 1.0
TEN_PERCENT = 170


def test_an_override_outlives_restarts_and_expires(emulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:00:03")
        assert await bench.levels() == bench.all_at(HALF)
        assert bench.command("override", "--state", str(bench.state), "--percent", "80", "--luminaire", "L02") == 0
        assert capsys.readouterr().out == "L02: 80 % until 2025-12-16 01:00 (Europe/Amsterdam)\n"
        await bench.wait_s(CYCLE_S + FADE_S)
        assert await bench.levels() == [HALF, EIGHTY, HALF]
        # The agent restarts, and then the gateway loses its power.
        await bench.stop_agent()
        await bench.start_agent()
        await bench.wait_s(CYCLE_S)
        assert await bench.levels() == [HALF, EIGHTY, HALF]
        await bench.until("00:10")
        await bench.crash_agent()
        await bench.until("00:30")
        await bench.start_agent()
        await bench.until("00:59:50")
        assert await bench.levels() == [HALF, EIGHTY, HALF]
        await bench.until("01:00:25")
        assert await bench.levels() == bench.all_at(HALF)
        # The override also expires while the gateway is down.
        assert bench.command("override", "--state", str(bench.state), "--percent", "100", "--all") == 0
        await bench.wait_s(CYCLE_S + FADE_S)
        assert await bench.levels() == bench.all_at(FULL)
        await bench.stop_agent()
        await bench.until("03:30")
        await bench.start_agent()
        await bench.wait_s(CYCLE_S)
        assert await bench.levels() == bench.all_at(HALF)

    live(story, emulated, begins="2025-12-15 22:30")


def test_resume_and_the_floor(emulated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:00:03")
        state = str(bench.state)
        assert bench.command("override", "--state", state, "--percent", "0", "--all", "--for", "20:00") == 0
        assert capsys.readouterr().out == (
            "all luminaires of story: 0 % until 2025-12-16 09:00 (Europe/Amsterdam)\n"
            "not longer: this board lets no override last more than 10:00\n"
            "at night not below 10 %, the floor of this board\n"
        )
        await bench.wait_s(CYCLE_S + FADE_S)
        assert await bench.levels() == bench.all_at(TEN_PERCENT)
        await bench.until("08:50")
        # By day the lamps may be dark: the floor holds at night only.
        assert await bench.levels() == bench.all_at(DARK)
        await bench.until("18:00")
        assert await bench.levels() == bench.all_at(FULL)
        assert bench.command("override", "--state", state, "--percent", "80", "--all") == 0
        await bench.wait_s(CYCLE_S + FADE_S)
        assert await bench.levels() == bench.all_at(EIGHTY)
        assert bench.command("override", "--state", state, "--resume", "--all") == 0
        await bench.wait_s(2 * CYCLE_S)
        assert await bench.levels() == bench.all_at(FULL)

    live(story, emulated, begins="2025-12-15 22:30", site=Site(board='longest_override = "10:00"'))


def test_an_override_given_while_the_clock_was_wrong_lasts_as_long_as_was_said(
    emulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The clock is two hours ahead, or three hours behind, and is set right half an hour later."""

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("22:30:05")
        for wrong_s in (2 * 3600.0, -3 * 3600.0):
            right_s = bench.clock.wall() - bench.clock.monotonic()
            bench.clock.set_wall(bench.clock.wall() + wrong_s)
            await bench.wait_s(CYCLE_S)
            words = ["--percent", "80", "--luminaire", "L02", "--for", "01:00"]
            assert bench.command("override", "--state", str(bench.state), *words) == 0
            await bench.wait_s(CYCLE_S + FADE_S)
            assert bench.level("L02") == EIGHTY
            await bench.wait_s(1800.0)
            bench.clock.set_wall(bench.clock.monotonic() + right_s)
            await bench.wait_s(CYCLE_S + FADE_S)
            assert bench.level("L02") == EIGHTY
            await bench.wait_s(1800.0 - 2 * (CYCLE_S + FADE_S) - 5.0)
            assert bench.level("L02") == EIGHTY
            await bench.wait_s(5.0 + CYCLE_S + 64.0)  # the program's own fade
            assert await bench.levels() == bench.all_at(HALF)
        capsys.readouterr()

    live(story, emulated, begins="2025-12-15 22:00")


@pytest.mark.parametrize("what", ["pipe", "device", "100 MB"])
def test_what_stands_in_the_place_of_the_overrides_holds_up_no_lamp(emulated: Path, what: str) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("21:50")
        file = bench.state / "overrides.json"
        if what == "pipe":
            os.mkfifo(file)
        elif what == "device":
            file.symlink_to("/dev/zero")
        else:
            with file.open("wb") as large:
                large.truncate(100_000_000)
        await bench.until("22:02")
        assert await bench.levels() == bench.all_at(HALF)
        (said,) = bench.journal.events("overrideUnreadable")
        assert said.active
        assert "give the override again; until then nothing changes" in said.text
        assert bench.command("override", "--state", str(bench.state), "--percent", "80", "--all") == 0
        await bench.wait_s(CYCLE_S + FADE_S)
        assert await bench.levels() == bench.all_at(EIGHTY)
        assert [event.active for event in bench.journal.events("overrideUnreadable")] == [True, False]

    live(story, emulated, begins="2025-12-15 21:30")


def test_an_override_is_taken_up_at_once_and_before_anything_else_at_a_start(
    emulated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("23:00:03")
        words = ("override", "--state", str(bench.state), "--percent", "80", "--all")
        assert bench.command(*words) == 0
        await bench.wait_s(0.5 + FADE_S)
        assert await bench.levels() == bench.all_at(EIGHTY)
        await bench.stop_agent()
        bench.street.bus.trace.clear()
        await bench.start_agent()
        await bench.wait_s(CYCLE_S)
        frames = [frame.value for frame in bench.street.bus.trace if frame.bits == 16]
        levels = {value & 0xFF for value in frames if (not value & 0x100 and value >> 8 < 0xA0) or value >> 8 == 0xFE}
        assert levels == {EIGHTY}  # never the program's level, which would be seen as a flash
        capsys.readouterr()

    live(story, emulated, begins="2025-12-15 22:30")
