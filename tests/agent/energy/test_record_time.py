"""The time of the record: the wall clock's, counted on by the monotonic one, which is never set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from agent.energy.record_time import RecordTime
from hil.virtual_time import VirtualClock, run_virtual

NOW = 1_763_800_200.0


def lived(story: Callable[[VirtualClock], Awaitable[None]], *, valid: bool = True) -> None:
    run_virtual(story, NOW, valid=valid)


def test_it_is_the_wall_clock_s_and_goes_on_as_it_does() -> None:
    async def story(clock: VirtualClock) -> None:
        time, began = RecordTime(clock, None), clock.monotonic()
        await clock.sleep(100.0)
        assert (time.now(), time.at(began), time.at(began - 7.0)) == (NOW + 100.0, NOW, NOW - 7.0)
        assert (time.believed, time.is_certain, time.follow()) == (True, True, 0.0)

    lived(story)


@pytest.mark.parametrize("set_by_s", [-3600.0, -5.0, 5.0, 3600.0])
def test_a_clock_that_is_set_moves_all_that_was_told(set_by_s: float) -> None:
    async def story(clock: VirtualClock) -> None:
        time = RecordTime(clock, None)
        await clock.sleep(100.0)
        clock.set_wall(clock.wall() + set_by_s)
        assert time.now() == NOW + 100.0  # not before it is looked at
        assert time.follow() == pytest.approx(set_by_s)
        assert time.now() == pytest.approx(NOW + 100.0 + set_by_s)
        assert time.follow() == 0.0  # once

    lived(story)


@pytest.mark.parametrize("kept_right_by_s", [-4.9, 4.9])
def test_a_clock_that_is_kept_right_moves_nothing_that_was_told(kept_right_by_s: float) -> None:
    async def story(clock: VirtualClock) -> None:
        time = RecordTime(clock, None)
        clock.set_wall(clock.wall() + kept_right_by_s)
        assert time.follow() == 0.0
        assert time.now() == pytest.approx(NOW + kept_right_by_s)

    lived(story)


@pytest.mark.parametrize("right_by_s", [0.5, 86_400.0])
def test_the_first_time_that_is_believed_moves_all_by_however_little(right_by_s: float) -> None:
    async def story(clock: VirtualClock) -> None:
        time = RecordTime(clock, None)
        assert (time.believed, time.is_certain, time.follow()) == (False, False, 0.0)
        clock.set_wall(NOW + right_by_s)
        assert not time.is_certain  # nothing is closed before all has moved
        assert time.follow() == pytest.approx(right_by_s)
        assert time.is_certain

    lived(story, valid=False)


def test_a_clock_that_is_believed_no_more_is_not_followed_and_closes_nothing() -> None:
    async def story(clock: VirtualClock) -> None:
        time = RecordTime(clock, None)
        clock.set_wall(NOW + 5000.0, valid=False)
        await clock.sleep(10.0)
        assert (time.follow(), time.now(), time.is_certain, time.believed) == (0.0, NOW + 10.0, False, True)
        clock.set_wall(NOW + 20.0)
        assert (time.follow(), time.is_certain) == (10.0, True)

    lived(story)


def test_without_a_clock_it_goes_on_from_the_record_of_the_process_before() -> None:
    async def story(clock: VirtualClock) -> None:
        await clock.sleep(3.0)  # the machine was up before the agent was
        time = RecordTime(clock, NOW + 7000.0)
        await clock.sleep(10.0)
        assert time.now() == NOW + 7010.0
        assert RecordTime(clock, None).now() == clock.wall()

    lived(story, valid=False)


def test_a_clock_that_is_believed_needs_no_record() -> None:
    async def story(clock: VirtualClock) -> None:
        assert RecordTime(clock, NOW + 7000.0).now() == NOW

    lived(story)
