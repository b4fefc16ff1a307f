"""Luminaire control, shown by the emulated lamps: levels, verification, and how few frames all of it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from agent.lamps.questions import CYCLE_S, STATUS_EVERY_S
from hil.devices.gear_variables import GearProfile
from hil.virtual_time import VirtualClock
from protocols.dali import sequences
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from protocols.errors import ConversationFailed
from tests.rigs.lamp_bus import (
    BROADCAST_LEVEL,
    FULL,
    HALF,
    NIGHT,
    OFF,
    ONE_PERCENT,
    QUERY_ACTUAL_LEVEL,
    QUERY_POWER_FAILURE,
    QUERY_STATUS,
    SEVENTY,
    LampBus,
    on_the_bus,
    running,
)

DTR0 = 0xA3


def test_one_broadcast_where_all_agree() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles()
        assert bus.level_frames() == [(BROADCAST_LEVEL, HALF)]
        assert bus.levels() == [HALF] * 3
        await bus.cycles(3)
        assert bus.level_frames() == [(BROADCAST_LEVEL, HALF)]

    on_the_bus(story)


def test_single_frames_where_they_differ_and_only_to_those_that_change() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(70.0)
        bus.ask_for(50.0, 0.0, "L1")
        await bus.cycles()
        assert bus.level_frames() == [(0, SEVENTY), (2, HALF), (4, SEVENTY)]
        assert bus.levels() == [SEVENTY, HALF, SEVENTY]
        bus.forget_frames()
        bus.ask_for(100.0, 0.0, "L2")
        await bus.cycles()
        assert bus.level_frames() == [(4, FULL)]
        assert bus.levels() == [SEVENTY, HALF, FULL]

    on_the_bus(story)


def test_a_bus_with_one_luminaire_is_addressed_singly() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles()
        assert bus.level_frames() == [(0, HALF)]
        assert bus.levels() == [HALF, OFF]

    on_the_bus(story, lamps=1, unknown_lamps=1)


def test_the_first_level_comes_at_once_and_later_ones_fade() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0, 64.0)
        await bus.cycles()
        assert bus.levels() == [FULL] * 3
        bus.ask_for(50.0, 64.0)
        await bus.cycles(3)
        assert all(HALF < level < FULL for level in bus.levels())
        await bus.cycles(5)
        assert bus.levels() == [HALF] * 3
        # The fade time is set once for all, by one broadcast, and stays.
        assert [gear.variables.fade_time for gear in bus.street.gear] == [14, 14, 14]
        assert bus.observed.levels == [
            *((f"L{number}", FULL, 0.0) for number in range(3)),
            *((f"L{number}", HALF, 64.0) for number in range(3)),
        ]
        bus.forget_frames()
        bus.ask_for(100.0, 64.0)
        await bus.cycles()
        assert bus.sent().count(0xFF2E) == 0

    on_the_bus(story)


def test_off_is_told_as_off() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0)
        await bus.cycles()
        bus.ask_for(0.0)
        await bus.cycles(2)
        assert bus.levels() == [OFF] * 3
        assert bus.told() == []

    on_the_bus(story)


def test_levels_outside_the_gears_own_limits_are_not_told_again_and_again() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.max_level = 230
        bus.ask_for(1.0)
        await bus.cycles(3)
        assert bus.levels() == [170] * 3
        bus.forget_frames()
        await bus.cycles(10)
        assert bus.level_frames() == []
        bus.ask_for(100.0)
        await bus.cycles(3)
        assert bus.levels() == [FULL, 230, FULL]
        bus.forget_frames()
        await bus.cycles(10)
        assert bus.level_frames() == []
        assert bus.told() == [("levelLimited", "L1", True)]

    on_the_bus(story, profile=GearProfile(physical_min_level=170))


def test_a_level_that_is_not_the_told_one_is_corrected_at_once() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0, 64.0)
        await bus.cycles()
        bus.drift(1, ONE_PERCENT)
        assert bus.levels() == [HALF, ONE_PERCENT, HALF]
        bus.forget_frames()
        await bus.cycles(2)
        assert bus.levels() == [HALF] * 3
        assert bus.level_frames() == [(2, HALF)]
        assert bus.observed.levels[-1] == ("L1", HALF, 0.0)
        assert bus.told() == []

    on_the_bus(story)


def test_a_lamp_that_will_not_show_its_level_is_reported_at_the_third_time() -> None:
    async def changed_by_another(bus: LampBus) -> None:
        await bus.cycles()
        bus.drift(1, ONE_PERCENT)
        await bus.cycles()

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await changed_by_another(bus)
        await changed_by_another(bus)
        assert bus.told() == []
        for _ in range(3):
            await changed_by_another(bus)
            assert bus.told() == [("dimmingFailure", "L1", True)]
        assert "L1 shows level 85 instead of 229" in bus.texts()[0]
        await bus.cycles(2)
        assert bus.levels() == [HALF] * 3
        assert bus.told() == [("dimmingFailure", "L1", True), ("dimmingFailure", "L1", False)]

    on_the_bus(story)


def test_status_polls_spread_over_five_minutes() -> None:
    async def story(bus: LampBus) -> None:
        polled: list[int] = []
        for _ in range(3 * int(STATUS_EVERY_S / CYCLE_S)):
            bus.forget_frames()
            await bus.cycles()
            asked = bus.queries(QUERY_STATUS)
            assert len(asked) <= 3
            polled += asked
        # Each gear is asked at least twice in 15 minutes, and none more often than every 5 minutes.
        assert {polled.count(2 * number + 1) for number in range(64)} <= {2, 3}

    on_the_bus(story, lamps=64)


def test_a_quiet_cycle_is_one_frame_and_a_few_polls() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.forget_frames()
        await bus.cycles(60)
        assert len(bus.queries(QUERY_POWER_FAILURE)) == 60
        polls = bus.queries(QUERY_STATUS)
        assert set(polls) == {1, 3, 5}
        assert len(polls) <= 6
        assert bus.queries(QUERY_ACTUAL_LEVEL) == []
        assert len(bus.sent()) == 60 + len(polls)

    on_the_bus(story)


def test_run_cycles_at_whole_multiples_and_waits_for_what_comes_after() -> None:
    async def story(bus: LampBus) -> None:
        ended: list[float] = []

        async def after_cycle() -> None:
            await bus.clock.sleep(1.0)
            ended.append(bus.clock.wall())

        bus.ask_for(50.0)
        async with running(bus.control.run(after_cycle)):
            await bus.clock.sleep(65.0)
        assert len(ended) == 7
        assert all(1.0 <= wall % CYCLE_S < 3.0 for wall in ended[1:])

    on_the_bus(story, start=NIGHT + 3.7)


def test_run_goes_on_where_nothing_comes_after_a_cycle_and_wakes_to_tell_again() -> None:
    async def story(bus: LampBus) -> None:
        cycles: list[float] = []
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: cycles.append(bus.clock.wall()))):
            await bus.clock.sleep(12.0)
            for number in range(3):
                bus.drift(number, ONE_PERCENT)
            assert bus.levels() == [ONE_PERCENT] * 3
            before = len(cycles)
            bus.control.tell_again()
            await bus.clock.sleep(1.5)
            assert len(cycles) == before + 1
            assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_levels_are_looked_at_once_a_cycle_though_a_timer_fires_a_moment_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event loop may call a timer early, by up to the resolution of its clock: here by a ten-millionth of the
    wait."""
    looked_at: list[float] = []
    wait_for = VirtualClock.wait_for

    async def early(clock: VirtualClock, awaitable: Awaitable[object], seconds: float) -> object:
        return await wait_for(clock, awaitable, seconds * (1 - 1e-7))

    async def story(bus: LampBus) -> None:
        monkeypatch.setattr(VirtualClock, "wait_for", early)
        tell_levels = bus.control.dimming.tell_levels

        async def counted() -> None:
            looked_at.append(bus.clock.wall())
            await tell_levels()

        monkeypatch.setattr(bus.control.dimming, "tell_levels", counted)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(100 * CYCLE_S + 1.0)
        monkeypatch.undo()

    on_the_bus(story, start=NIGHT)
    assert len(looked_at) == 101


def test_run_waits_for_a_bus_that_is_not_there() -> None:
    async def story(bus: LampBus) -> None:
        chances_to_record: list[float] = []
        bus.ask_for(50.0)
        bus.street.bus_power(False)
        async with running(bus.control.run(lambda: chances_to_record.append(bus.clock.wall()))):
            await bus.clock.sleep(5.0)
            bus.forget_frames()
            await bus.clock.sleep(95.0)
            assert bus.sent() == []
            assert len(chances_to_record) >= 9  # what happened meanwhile must not wait for the bus to be written down
            bus.street.bus_power(True)
            await bus.clock.sleep(15.0)
            assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_a_conversation_that_fails_is_returned_and_leaves_the_bus_free() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.no_answer(0)
        failed = await bus.control.health.converse(
            bus.lamps[0], sequences.query_value(bus.lamps[0].address, "QUERY STATUS")
        )
        assert isinstance(failed, ConversationFailed)
        found = await bus.control.health.converse(
            bus.lamps[1], sequences.query_value(bus.lamps[1].address, "QUERY STATUS")
        )
        assert isinstance(found, int)
        assert bus.lamps[1].condition.last_answer_at == pytest.approx(bus.clock.monotonic(), abs=0.01)

    on_the_bus(story)


def test_a_staggered_switch_on_lights_one_lamp_after_the_other() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(0.0)
        await bus.cycles()
        bus.ask_for(100.0)
        bus.forget_frames()
        switching = asyncio.ensure_future(bus.cycles())
        lit = []
        for _ in range(4):
            await bus.clock.sleep(0.5)
            lit.append(sum(level == FULL for level in bus.levels()))
        assert lit == [1, 1, 2, 2]
        await switching
        assert bus.levels() == [FULL] * 3
        assert bus.level_frames() == [(0, FULL), (2, FULL), (4, FULL)]
        bus.ask_for(50.0)  # from lit to lit there is no inrush
        bus.forget_frames()
        await bus.cycles()
        assert bus.level_frames() == [(BROADCAST_LEVEL, HALF)]

    on_the_bus(story, stagger_s=1.0)


def test_groups_that_the_gear_have_stored_spare_frames() -> None:
    async def story(bus: LampBus) -> None:
        for number in (0, 1, 2):
            bus.street.gear[number].variables.groups = 1 << 9
        bus.street.gear[3].variables.groups = 1 << 2
        await bus.cycles(6)  # in which the gear is asked, one at a cycle
        bus.forget_frames()
        bus.ask_for(50.0, 0.0, "L0", "L1", "L2")
        await bus.cycles()
        assert bus.levels() == [HALF, HALF, HALF, OFF]
        assert bus.level_frames() == [(0x80 | 9 << 1, HALF)]

    on_the_bus(story, lamps=4)


def test_a_group_that_silent_gear_may_be_in_is_not_used() -> None:
    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.groups = 1 << 9
        bus.street.no_answer(3)
        await bus.cycles(6)
        bus.ask_for(50.0, 0.0, "L0", "L1", "L2")
        await bus.cycles()
        assert bus.levels() == [HALF, HALF, HALF, OFF]

    on_the_bus(story, lamps=4)


def test_what_comes_after_a_cycle_may_hang_and_the_lamps_still_get_their_levels() -> None:
    async def story(bus: LampBus) -> None:
        hangs = asyncio.get_running_loop().create_future()

        async def commit() -> None:
            await hangs  # a disk that takes nothing any more

        async with running(bus.control.run(commit)):
            await bus.clock.sleep(CYCLE_S)
            for percent, level in ((50.0, HALF), (100.0, FULL)):
                bus.ask_for(percent)
                await bus.clock.sleep(2 * CYCLE_S)
                assert bus.levels() == [level] * 3

    on_the_bus(story)


@pytest.mark.parametrize("disturbed", [1, 1000], ids=["once", "always"])
def test_another_masters_dtr0_before_our_fade_time_does_not_end_the_control(
    disturbed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles()
        transmit, left = bus.interface.transmit, disturbed

        async def disturbing(channel: int, transmission: Transmission, priority: int) -> Reply:
            nonlocal left
            reply = await transmit(channel, transmission, priority)
            if transmission.frame.value >> 8 == DTR0 and left:
                left -= 1
                bus.dali.note_foreign(ForwardFrame(16, DTR0 << 8 | 5))
            return reply

        monkeypatch.setattr(bus.interface, "transmit", disturbing)
        bus.ask_for(100.0, 1.0)
        await bus.cycles(3)
        # If the fade cannot be set, the level goes out without it.
        assert bus.levels() == [FULL] * 3
        assert bus.told() == []

    on_the_bus(story)
