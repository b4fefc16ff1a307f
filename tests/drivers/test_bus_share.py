"""The telemetry share holds for the whole bus, however many callers ask; and no caller's end leaves the bus taken."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from drivers.dali.bus import CONFIGURATION, DISCOVERY, LEVELS, TELEMETRY, DaliBus
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from tests.drivers.test_bus import Conversation, frames
from tests.rigs.fake_interface import FRAME_S, FakeInterface

Story = Callable[[VirtualClock, FakeInterface, DaliBus], Awaitable[None]]
LEVEL = gear_commands.level(addresses.short(1), 100)
SHARE = 0.2
READING_S = 10 * (FRAME_S + 0.001) + 0.003
"""The time of a reading of ten frames: the first one settles for 4 ms, each further one for 1 ms."""


def with_share(story: Story, share: float = SHARE) -> None:
    async def whole(clock: VirtualClock) -> None:
        interface = FakeInterface(clock)
        await clock.wait_for(story(clock, interface, DaliBus(interface, 1, clock, share)), 3600)

    run_virtual(whole, 1_768_500_000.0)


def reading(value: int) -> Conversation:
    return frames(*([value] * 10))


@pytest.mark.parametrize("askers", [1, 2, 4, 64])
def test_the_share_is_kept_however_many_ask(askers: int) -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        async def keep_asking(number: int) -> None:
            while clock.monotonic() < 600:
                await bus.run(reading(number), TELEMETRY if number % 2 else DISCOVERY)

        await asyncio.gather(*(keep_asking(number) for number in range(askers)))
        share = len(interface.sent) / 10 * READING_S / clock.monotonic()
        assert 0.95 * SHARE < share < 1.03 * SHARE

    with_share(story)


def test_a_reading_after_a_pause_begins_at_once_and_only_one_does() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        for _ in range(3):
            await clock.sleep(60)
            began = clock.monotonic()
            await asyncio.gather(*(bus.run(reading(number), TELEMETRY) for number in range(3)))
            # Two of the readings each waited for the time that the one before had used up.
            assert clock.monotonic() - began == pytest.approx(2 * READING_S / SHARE + READING_S, abs=0.01)

    with_share(story)


def test_levels_and_settings_never_wait_for_the_share() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        readings = [asyncio.create_task(bus.run(reading(number), TELEMETRY)) for number in range(20)]
        await clock.sleep(READING_S + 0.01)
        for _ in range(5):
            for act in (bus.send(LEVEL), bus.run(frames(7), LEVELS), bus.run(frames(8), CONFIGURATION)):
                called = clock.monotonic()
                await act
                assert clock.monotonic() - called < 2 * FRAME_S
                await clock.sleep(0.05)
        assert sum(task.done() for task in readings) == 1
        await asyncio.gather(*readings)

    with_share(story)


def test_those_who_wait_for_the_share_go_by_urgency_then_in_their_order() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        queue = [(1, DISCOVERY), (2, DISCOVERY), (3, TELEMETRY), (4, DISCOVERY), (5, TELEMETRY)]
        tasks = []
        for value, priority in queue:
            tasks.append(asyncio.create_task(bus.run(frames(value), priority)))
            await clock.sleep(0.001)
        await asyncio.gather(*tasks)
        assert interface.values == [1, 3, 5, 2, 4]

    with_share(story)


def test_discovery_has_its_turn_however_many_ask_for_telemetry() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        async def keep_asking(number: int) -> None:
            while True:
                await bus.run(reading(number), TELEMETRY)

        asking = [asyncio.create_task(keep_asking(number)) for number in range(5)]
        await clock.sleep(60)
        for _ in range(5):
            called = clock.monotonic()
            await bus.run(frames(99), DISCOVERY)
            # The caller queues with five others: it has its turn after at most eight, one of which may have just begun.
            assert clock.monotonic() - called < 9 * READING_S / SHARE
        served = [interface.values.count(number) for number in range(5)]
        assert max(served) - min(served) <= 20
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    with_share(story)


def test_what_passes_a_reading_is_not_held_against_the_readings() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        first = asyncio.create_task(bus.run(frames(1, 2), TELEMETRY))
        await asyncio.gather(*(bus.send(LEVEL) for _ in range(20)))
        await first
        ended = clock.monotonic()
        assert ended > 20 * FRAME_S
        await bus.run(frames(3), TELEMETRY)
        # Only the reading's own two frames count for the share, with the settling of the first.
        own_s = 2 * FRAME_S + 0.005
        assert clock.monotonic() - ended == pytest.approx(own_s * (1 / SHARE - 1) + FRAME_S + 0.004, abs=0.005)

    with_share(story)


@pytest.mark.parametrize("seed", range(10))
def test_a_caller_who_gives_up_while_waiting_for_the_share_holds_up_no_other(seed: int) -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        rng = random.Random(seed)
        waiting = [
            asyncio.create_task(bus.run(reading(number), rng.choice((TELEMETRY, DISCOVERY)))) for number in range(30)
        ]
        given_up = rng.sample(range(30), 20)
        for number in given_up:
            # One of these moments is the very one in which the share allows the next reading.
            await clock.sleep(rng.choice((0.0, 0.1, READING_S, READING_S / SHARE - READING_S, READING_S / SHARE)))
            waiting[number].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert {number for number, result in enumerate(results) if result is None} >= set(range(30)) - set(given_up)
        began = clock.monotonic()
        await bus.run(frames(99), TELEMETRY)
        assert clock.monotonic() - began < READING_S / SHARE + 0.1
        assert interface.values[-1] == 99

    with_share(story)


def test_without_a_share_readings_follow_each_other_at_once() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        await asyncio.gather(*(bus.run(reading(number), TELEMETRY) for number in range(10)))
        assert clock.monotonic() == pytest.approx(10 * READING_S, abs=0.001)

    with_share(story, 1.0)


@pytest.mark.parametrize("handed_over_first", [True, False])
@pytest.mark.parametrize("how", ["run", "send"])
def test_a_caller_who_is_cancelled_in_the_moment_in_which_it_gets_the_bus_passes_it_on(
    how: str, handed_over_first: bool
) -> None:
    """Otherwise the bus is dead: the caller that has it is gone, and the next one never gets it."""

    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        waiting: list[asyncio.Task[object]] = []

        def last_frame() -> Conversation:
            yield Transmission(ForwardFrame(16, 1), False, False, Transmission.TIED)
            if not handed_over_first:
                waiting[0].cancel()
            # Here the conversation ends: the bus goes to the first waiting caller in this iteration of the loop.
            if handed_over_first:
                asyncio.get_running_loop().call_soon(waiting[0].cancel)

        first = asyncio.create_task(bus.run(last_frame(), LEVELS))
        await clock.sleep(FRAME_S / 2)
        waiting.append(asyncio.create_task(bus.run(frames(2), LEVELS) if how == "run" else _send(bus)))
        waiting.append(asyncio.create_task(bus.run(frames(3), LEVELS)))
        await first
        await clock.wait_for(waiting[1], 1)
        assert waiting[0].cancelled()
        await clock.wait_for(bus.run(frames(4), LEVELS), 1)
        assert interface.values == [1, 3, 4]

    with_share(story)


async def _send(bus: DaliBus) -> Reply:
    return await bus.send(LEVEL)
