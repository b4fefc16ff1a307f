"""A lamp fails, a gear dies or falls silent, a line is disturbed: the stories show the events, and the other lamps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from hil.stories.benches import FULL, HALF, QUARTER_S, SEVENTY, Bench, live, local
from hil.stories.records import StoredInterval

TWO_READINGS_S = 2 * QUARTER_S


def _quarters(bench: Bench, luminaire: str, first: str, end: str) -> list[StoredInterval]:
    """Returns the stored quarters of a luminaire between two local times."""
    return [one for one in bench.store.intervals(luminaire) if local(first) <= one.start < local(end)]


def test_a_failed_lamp_is_reported_and_counts_as_no_saving(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("20:07")
        bench.street.lamp_failed(1)
        failed_at = bench.clock.wall()
        await bench.until("23:07")
        bench.street.lamp_failed(1, False)
        repaired_at = bench.clock.wall()
        await bench.until("02:01")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()

        began, ended = bench.store.events("lampFailure")
        assert (began.subject, began.active, ended.subject, ended.active) == ("L02", True, "L02", False)
        assert failed_at < began.at <= failed_at + TWO_READINGS_S
        assert repaired_at < ended.at <= repaired_at + TWO_READINGS_S

        # A dark lamp is no saving: its baseline is zero. Its neighbours go on.
        dark = _quarters(bench, "L02", "2025-12-15 20:15", "2025-12-15 23:00")
        assert {(quarter.baseline_wh, quarter.available_s) for quarter in dark} == {(0.0, 0.0)}
        for name in ("L01", "L03"):
            lit = _quarters(bench, name, "2025-12-15 20:15", "2025-12-15 23:00")
            assert {quarter.available_s for quarter in lit} == {QUARTER_S}
            assert all(quarter.baseline_wh == pytest.approx(25.0 / 4, rel=0.04) for quarter in lit)
        again = _quarters(bench, "L02", "2025-12-15 23:45", "2025-12-16 02:00")
        assert {quarter.available_s for quarter in again} == {QUARTER_S}
        assert all(quarter.baseline_wh > 6.0 for quarter in again)
        bench.judge_energy(local("2025-12-15 17:00"), local("2025-12-16 02:00"))

    live(story, emulated, begins="2025-12-15 17:00")


def test_a_dead_gear_is_reported_and_told_its_level_when_it_is_back(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("19:50")
        bench.street.gear_dead(0)
        died_at = bench.clock.wall()
        await bench.until("20:01:15")
        assert await bench.levels() == [0, SEVENTY, SEVENTY]
        await bench.until("20:50")
        bench.street.gear_dead(0, False)
        await bench.wait_s(2.0)
        assert await bench.levels() == [FULL, SEVENTY, SEVENTY]  # POWER ON LEVEL
        await bench.wait_s(10.0)
        assert await bench.levels() == bench.all_at(SEVENTY)
        await bench.until("22:31")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()

        began, ended = bench.store.events("controlGearCommFailure")
        assert (began.subject, began.active, ended.subject, ended.active) == ("L01", True, "L01", False)
        assert died_at < began.at <= died_at + TWO_READINGS_S
        assert ended.at <= local("2025-12-15 20:50") + TWO_READINGS_S
        dead = _quarters(bench, "L01", "2025-12-15 20:00", "2025-12-15 20:45")
        assert {(quarter.baseline_wh, quarter.available_s) for quarter in dead} == {(0.0, 0.0)}
        for name in ("L02", "L03"):
            assert all(quarter.available_s == QUARTER_S for quarter in bench.store.intervals(name))
            assert all(quarter.quality == "metered" for quarter in bench.store.intervals(name))
        bench.judge_energy(local("2025-12-15 18:00"), local("2025-12-15 22:30"))

    live(story, emulated, begins="2025-12-15 18:00")


def test_a_gear_that_never_answers_still_follows_with_the_others(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("19:50")
        bench.street.no_answer(2)
        await bench.until("20:01:15")
        assert await bench.levels() == bench.all_at(SEVENTY)
        await bench.until("22:01:15")
        assert await bench.levels() == bench.all_at(HALF)
        bench.street.no_answer(2, False)
        await bench.until("23:01")
        await bench.delivered()
        assert [(one.subject, one.active) for one in bench.store.events("controlGearCommFailure")] == [
            ("L03", True),
            ("L03", False),
        ]
        assert bench.store.events("lampFailure") == []
        # The register went on counting while it could not be read.
        bench.judge_energy(local("2025-12-15 18:00"), local("2025-12-15 23:00"))

    live(story, emulated, begins="2025-12-15 18:00")


async def _answers_come_late(bench: Bench) -> None:
    bench.street.late_answer(0, 30)
    await bench.wait_s(3600.0)
    bench.street.late_answer(0, 0)


async def _answers_break_their_bit_timing(bench: Bench) -> None:
    for _ in range(60):
        bench.street.framing_error(1, True)
        await bench.wait_s(2.0)
        bench.street.framing_error(1, False)
        await bench.wait_s(58.0)


async def _lines_are_garbled(bench: Bench) -> None:
    # The first line of every control cycle is garbled, and a longer run of lines in each sweep of the registers.
    for cycle in range(360):
        bench.street.garbled_lines(30 if cycle % 90 == 0 else 1)
        await bench.wait_s(10.0)
    bench.street.garbled_lines(0)


@pytest.mark.parametrize("disturb", [_answers_come_late, _answers_break_their_bit_timing, _lines_are_garbled])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_disturbed_hour_makes_no_false_failures(
    emulated: Path, disturb: Callable[[Bench], Awaitable[None]], seed: int
) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("19:29:55")
        await disturb(bench)
        await bench.until("22:46")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()
        false_failures = [*bench.store.events("lampFailure"), *bench.store.events("controlGearFailure")]
        assert [event.text for event in false_failures] == []
        bench.judge_energy(local("2025-12-15 19:00"), local("2025-12-15 22:45"))

    live(story, emulated, begins="2025-12-15 19:00", seed=seed)
