"""Luminaire control that is woken: it tells levels at once, before all else, with fades that are ready, in the fewest
frames."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator

from agent.lamps.questions import CYCLE_S
from agent.lamps.targets import LampTarget
from drivers.dali.bus import DISCOVERY
from protocols.dali import sequences
from tests.rigs.lamp_bus import FULL, HALF, OFF, LampBus, on_the_bus, running

SET_FADE_TIME = 0x2E
CODE_OF_1_S, CODE_OF_64_S = 2, 14


def ready(bus: LampBus, percent: float, fade_s: float, *names: str) -> None:
    """Returns a target of lamps that sensors may raise by a fade of 1 s."""
    for name in names or bus.targets:
        bus.targets[name] = LampTarget(percent, fade_s, 1.0)


@contextlib.asynccontextmanager
async def controlled(bus: LampBus) -> AsyncIterator[None]:
    """Runs the control, and yields between two cycles, when the bus has come to rest."""
    async with running(bus.control.run(lambda: None)):
        await bus.clock.sleep(12 * CYCLE_S - bus.clock.wall() % CYCLE_S + 5.0)
        bus.forget_frames()
        yield


def fades_set(bus: LampBus) -> list[int]:
    """Returns the address bytes of each SET FADE TIME that went out (twice)."""
    found = [value >> 8 for value in bus.sent() if value & 0x100 and value & 0xFF == SET_FADE_TIME]
    return found[::2]


def test_a_wake_sends_levels_at_once_and_nothing_else() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 50.0, 64.0)
        async with controlled(bus):
            ready(bus, 100.0, 1.0, "L0", "L1")
            began = bus.clock.monotonic()
            bus.control.wake()
            await bus.clock.sleep(0.2)
            assert bus.sent() == [FULL, 0x0200 | FULL]
            assert bus.street.bus.trace[0].time - began < 0.04
            await bus.clock.sleep(1.5)
            assert bus.levels() == [FULL, FULL, HALF]

    on_the_bus(story)


def test_the_fade_that_sensors_need_is_left_in_the_gear_after_each_other_fade() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 100.0, 64.0)
        async with controlled(bus):
            ready(bus, 50.0, 64.0)
            bus.control.wake()
            await bus.clock.sleep(20.0)
            # One broadcast before the level, one after: and the long fade, which has begun, goes on as it began.
            assert fades_set(bus) == [0xFF, 0xFF]
            assert [gear.variables.fade_time for gear in bus.street.gear] == [CODE_OF_1_S] * 3
            assert all(HALF < level < FULL for level in bus.levels())
            await bus.clock.sleep(46.0)
            assert bus.levels() == [HALF] * 3
            bus.forget_frames()
            ready(bus, 100.0, 1.0, "L2")
            bus.control.wake()
            await bus.clock.sleep(1.5)
            assert fades_set(bus) == []
            assert bus.levels() == [HALF, HALF, FULL]

    on_the_bus(story)


def test_gear_that_no_sensor_raises_keeps_the_fade_of_its_last_step() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0, 64.0)
        async with controlled(bus):
            bus.ask_for(50.0, 64.0)
            bus.control.wake()
            await bus.clock.sleep(70.0)
            assert fades_set(bus) == [0xFF]
            assert [gear.variables.fade_time for gear in bus.street.gear] == [CODE_OF_64_S] * 3

    on_the_bus(story)


def test_a_lamp_that_is_raised_goes_before_one_that_is_let_go() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 50.0, 8.0)
        async with controlled(bus):
            ready(bus, 100.0, 1.0, "L0")
            bus.control.wake()
            await bus.clock.sleep(3.0)
            bus.forget_frames()
            ready(bus, 50.0, 8.0, "L0")
            ready(bus, 100.0, 1.0, "L2")
            bus.control.wake()
            await bus.clock.sleep(1.0)
            assert bus.level_frames() == [(4, FULL), (0, HALF)]
            assert bus.sent()[0] == 0x0400 | FULL

    on_the_bus(story)


def test_news_in_the_middle_of_many_frames_goes_before_the_rest() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 100.0, 1.0)
        async with controlled(bus):
            for number, name in enumerate(bus.targets):
                ready(bus, 20.0 + number, 1.0, name)
            bus.control.wake()
            await bus.clock.sleep(0.1)
            already = len(bus.level_frames())
            assert already < 6
            ready(bus, 100.0, 1.0, "L31")
            ready(bus, 20.0, 1.0, "L30")
            bus.control.wake()
            await bus.clock.sleep(3.0)
            told = bus.level_frames()
            # The lamp that shall stay as it is hears nothing; the other hears only its last target.
            assert [level for address, level in told if address == 62] == []
            assert len([level for address, level in told if address == 60]) == 1
            assert len(told) == 31

    on_the_bus(story, lamps=32)


def test_a_wake_on_a_bus_that_is_away_is_made_up_for() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 50.0, 1.0)
        async with controlled(bus):
            bus.street.bus_power(False)
            await bus.clock.sleep(1.0)
            ready(bus, 100.0, 1.0)
            bus.control.wake()
            await bus.clock.sleep(1.0)
            bus.street.bus_power(True)
            await bus.clock.sleep(2 * CYCLE_S)
            assert bus.levels() == [FULL] * 3

    on_the_bus(story)


def test_levels_change_when_a_hold_is_over_and_not_at_the_next_cycle() -> None:
    async def story(bus: LampBus) -> None:
        over_at = bus.clock.monotonic() + 33.3

        def until_over_s() -> float | None:
            left_s = over_at - bus.clock.monotonic()
            if left_s > 0:
                return left_s
            bus.ask_for(0.0)
            return None

        bus.until_change_s = until_over_s
        bus.ask_for(100.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(over_at - bus.clock.monotonic() - 0.1)
            assert bus.levels() == [FULL] * 3
            # The control asks once more after the time has come, and nothing wakes it.
            bus.ask_for(0.0)
            await bus.clock.sleep(0.3)
            assert bus.levels() == [OFF] * 3

    on_the_bus(story)


def test_a_lamp_that_moves_while_it_waits_to_be_asked_is_no_mismatch() -> None:
    """Readings keep the bus busy, so that a question waits and a level overtakes it."""

    async def story(bus: LampBus) -> None:
        async def read_for_ever() -> None:
            while True:
                await bus.dali.run(sequences.read_bank(bus.lamps[0].address, 0, 3, 10), DISCOVERY)

        async def ask_for_ever() -> None:
            while True:
                await bus.control.health.read_level(bus.lamps[1])
                await bus.clock.sleep(0.3)

        ready(bus, 50.0, 1.0)
        async with controlled(bus), running(read_for_ever(), ask_for_ever()):
            chance = random.Random(1)
            for step in range(120):
                bus.forget_frames()
                ready(bus, 50.0 if step % 2 else 100.0, 1.0, "L1")
                bus.control.wake()
                await bus.clock.sleep(chance.uniform(2.2, 12.0))
                assert bus.level_frames() == [(2, HALF if step % 2 else FULL)]
            assert bus.told() == []

    on_the_bus(story)


def test_a_level_that_did_not_go_out_is_tried_again_at_once() -> None:
    async def story(bus: LampBus) -> None:
        ready(bus, 50.0, 1.0)
        async with controlled(bus):
            # Another master talks into each of the driver's tries.
            bus.street.transmit_collisions(4)
            ready(bus, 100.0, 1.0, "L1")
            bus.control.wake()
            await bus.clock.sleep(2.0)
            assert bus.levels() == [HALF, FULL, HALF]

    on_the_bus(story)
