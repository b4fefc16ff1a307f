"""Supervision: a part that fails is started again and reported once; the others do not notice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agent.records.alarms import EventLog
from agent.supervise import keep_running
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.lamp_bus import NIGHT, running

RESTART_AFTER_S = 5.0
STEADY_AFTER_S = 300.0
"""Back within seconds, and well again after five minutes."""


class Supervised:
    """What the parts of a test have, and what was told of them."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.told: list[tuple[object, ...]] = []
        self.texts: list[str] = []
        self.events = EventLog(self._append, clock.wall)

    def _append(self, _kind: str, body: object) -> None:
        assert isinstance(body, dict)
        self.told.append((body["at"] - NIGHT, body["name"], body["subject"], body["active"]))
        self.texts.append(body["text"])

    def keep(self, name: str, part: Callable[[], Awaitable[None]]) -> Awaitable[None]:
        return keep_running(name, part, self.clock, self.events)


def lived(story: Callable[[Supervised], Awaitable[None]]) -> None:
    run_virtual(lambda clock: story(Supervised(clock)), NIGHT)


def test_one_part_fails_and_the_other_goes_on() -> None:
    async def story(these: Supervised) -> None:
        starts: list[float] = []
        ticks = 0

        async def fails() -> None:
            starts.append(these.clock.wall() - NIGHT)
            await these.clock.sleep(1.0)
            raise ValueError("a wire came loose")

        async def works() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await these.clock.sleep(1.0)

        async with running(these.keep("metering", fails), these.keep("control", works)):
            await these.clock.sleep(20.5)
        assert ticks == 21
        assert starts == pytest.approx([0.0, 1 + RESTART_AFTER_S, 2 * (1 + RESTART_AFTER_S), 3 * (1 + RESTART_AFTER_S)])
        # Four failures, but one event: it holds until the part runs steadily.
        assert these.told == [(1.0, "partFailed", "metering", True)]
        assert these.texts == ["the part metering failed (ValueError: a wire came loose); it is started again"]

    lived(story)


def test_a_part_that_runs_steadily_is_well_again_and_may_fail_anew() -> None:
    async def story(these: Supervised) -> None:
        lives = iter([1.0, 2 * STEADY_AFTER_S, 1.0])

        async def part() -> None:
            await these.clock.sleep(next(lives, 1e9))
            raise OSError("gone")

        async with running(these.keep("upstream", part)):
            await these.clock.sleep(1000.0)
        again = 1.0 + RESTART_AFTER_S
        failed_anew = again + 2 * STEADY_AFTER_S
        steady_anew = failed_anew + RESTART_AFTER_S + 1.0 + RESTART_AFTER_S + STEADY_AFTER_S
        assert these.told == [
            (1.0, "partFailed", "upstream", True),
            (again + STEADY_AFTER_S, "partFailed", "upstream", False),
            (failed_anew, "partFailed", "upstream", True),
            (steady_anew, "partFailed", "upstream", False),
        ]

    lived(story)


def test_a_part_that_returns_was_stopped_on_purpose() -> None:
    async def story(these: Supervised) -> None:
        async def part() -> None:
            await these.clock.sleep(1.0)

        await these.clock.wait_for(these.keep("short", part), 100.0)
        assert these.clock.wall() - NIGHT == 1.0
        assert these.told == []
        await these.clock.sleep(0.0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    lived(story)


def test_cancelling_ends_the_part_and_leaves_nothing_behind() -> None:
    async def story(these: Supervised) -> None:
        ended: list[str] = []

        async def part() -> None:
            try:
                await these.clock.sleep(1e9)
            finally:
                ended.append("part")

        task = asyncio.ensure_future(these.keep("control", part))
        await these.clock.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await these.clock.sleep(0.0)
        assert ended == ["part"]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await these.clock.sleep(2 * STEADY_AFTER_S)
        assert these.told == []

    lived(story)


def test_cancelling_during_the_pause_before_a_restart() -> None:
    async def story(these: Supervised) -> None:
        starts = 0

        async def part() -> None:
            nonlocal starts
            starts += 1
            raise ValueError("at once")

        task = asyncio.ensure_future(these.keep("control", part))
        await these.clock.sleep(RESTART_AFTER_S / 2)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert starts == 1

    lived(story)
