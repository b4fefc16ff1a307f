"""DaliBus: which caller goes first, which frames may pass, and that the bus is free after every caller's end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Generator

import pytest

from drivers.dali.bus import CONFIGURATION, DISCOVERY, LEVELS, TELEMETRY, DaliBus
from drivers.dali.settling import WITHIN_TRANSACTION
from drivers.errors import DriverError, InterfaceSilent
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import NO_ANSWER, ForwardFrame, Reply, Transmission, answered, bonded, forward16
from protocols.errors import ConversationFailed, Interrupted, NotAnswered
from tests.rigs.fake_interface import FRAME_S, FakeInterface

Conversation = Generator[Transmission, Reply, None]
Story = Callable[[VirtualClock, FakeInterface, DaliBus], Awaitable[None]]
LEVEL = gear_commands.level(addresses.short(1), 100)


def on_a_bus(story: Story, reply: Callable[[int], Reply | Exception] = lambda value: NO_ANSWER) -> None:
    async def whole(clock: VirtualClock) -> None:
        interface = FakeInterface(clock, reply)
        await clock.wait_for(story(clock, interface, DaliBus(interface)), 600)

    run_virtual(whole, 1_768_500_000.0)


def frames(*values: int, bond: int = Transmission.LOOSE) -> Conversation:
    """Holds a conversation of these 16-bit frames, all without an answer."""
    for value in values:
        yield Transmission(ForwardFrame(16, value), False, False, bond)


def test_the_most_urgent_goes_first_and_equals_in_their_order() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        first = asyncio.create_task(bus.run(frames(0), DISCOVERY))
        await clock.sleep(FRAME_S / 2)
        queue = [(1, TELEMETRY), (2, LEVELS), (3, TELEMETRY), (4, DISCOVERY), (5, CONFIGURATION), (6, LEVELS)]
        await asyncio.gather(first, *(bus.run(frames(value), priority) for value, priority in queue))
        assert interface.sent == [(0, 5), (2, 2), (6, 2), (5, 3), (1, 4), (3, 4), (4, 5)]

    on_a_bus(story)


def test_a_conversation_begins_with_its_priority_and_goes_on_with_the_highest() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        for priority in (LEVELS, CONFIGURATION, TELEMETRY, DISCOVERY):
            await bus.run(frames(1, 2, 3), priority)
            assert [sent for _, sent in interface.sent[-3:]] == [priority, WITHIN_TRANSACTION, WITHIN_TRANSACTION]

    on_a_bus(story)


def test_no_conversation_comes_between_the_frames_of_another() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        rng = random.Random(4)

        async def talk(number: int) -> None:
            await clock.sleep(rng.uniform(0, 1))
            await bus.run(frames(*([number] * rng.randint(1, 6))), rng.choice((LEVELS, TELEMETRY, DISCOVERY)))

        await asyncio.gather(*(talk(number) for number in range(40)))
        changes = sum(before != after for before, after in zip(interface.values, interface.values[1:], strict=False))
        assert changes == 39

    on_a_bus(story)


def test_a_level_passes_a_reading_between_two_frames() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        reading = asyncio.create_task(bus.run(frames(*range(20)), TELEMETRY))
        await clock.sleep(5.5 * FRAME_S)
        called = clock.monotonic()
        assert await bus.send(LEVEL) == NO_ANSWER
        assert clock.monotonic() - called < 3 * FRAME_S
        await reading
        assert [value for value in interface.values if value != LEVEL.frame.value] == list(range(20))

    on_a_bus(story)


def test_levels_that_pass_keep_their_order() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        reading = asyncio.create_task(bus.run(frames(*range(20)), TELEMETRY))
        await clock.sleep(5.5 * FRAME_S)
        levels = [gear_commands.level(addresses.short(7), level) for level in (254, 100, 0)]
        await asyncio.gather(*(bus.send(level) for level in levels))
        await reading
        assert [value for value in interface.values if value >> 8 == 0x0E] == [0x0EFE, 0x0E64, 0x0E00]

    on_a_bus(story)


def test_nothing_passes_what_is_tied_to_its_next_frame() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        tied = asyncio.create_task(bus.run(frames(*range(10), bond=Transmission.TIED), TELEMETRY))
        await clock.sleep(2.5 * FRAME_S)
        await bus.send(LEVEL)
        await tied
        assert interface.values == [*range(10), LEVEL.frame.value]

    on_a_bus(story)


def test_a_write_that_a_level_has_passed_begins_again() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        writing = asyncio.create_task(bus.run(sequences.write_bank(addresses.short(3), 1, 9, (7, 8)), CONFIGURATION))
        await clock.sleep(3.5 * FRAME_S)
        await bus.send(LEVEL)
        await writing
        whole = [0xC301, 0xA309, 0x0781, 0xC907, 0xC908]
        passed = interface.values.index(LEVEL.frame.value)
        assert interface.values[:passed] == whole[:passed]
        assert interface.values[passed + 1 :] == whole

    on_a_bus(story)


def test_another_masters_dtr_makes_a_reading_begin_again() -> None:
    """At any moment: after the change, the answer to a read would be another location's."""
    for after_frames in range(1, 9):

        async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus, late: int = after_frames) -> None:
            reading = asyncio.create_task(bus.run(sequences.read_bank(addresses.short(3), 202, 4, 6), TELEMETRY))
            while len(interface.sent) < late:
                await clock.sleep(0.001)
            await clock.sleep(FRAME_S / 2)
            bus.note_foreign(forward16(0xA3, 0))
            assert await reading == [None] * 6
            last_load = max(place for place, value in enumerate(interface.values) if value == 0xA304)
            assert interface.values[last_load + 1 :] == [0x07C5] * 6
            assert last_load >= late, "read on after the DTR had changed"

        on_a_bus(story)


def test_another_masters_other_frames_disturb_nothing() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        reading = asyncio.create_task(bus.run(sequences.read_bank(addresses.short(3), 202, 4, 2), TELEMETRY))
        await clock.sleep(2.5 * FRAME_S)
        bus.note_foreign(forward16(0xFE, 100))
        bus.note_foreign(ForwardFrame(24, 0xA30000))
        await reading
        assert interface.values == [0xC3CA, 0xA304, 0x07C5, 0x07C5]

    on_a_bus(story)


def test_errors_end_their_own_conversation_and_no_other() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        closed = []

        def tidy() -> Conversation:
            try:
                yield from frames(1, 66, 3)
            finally:
                closed.append(True)

        following = asyncio.create_task(clock.sleep(0))
        with pytest.raises(InterfaceSilent):
            await bus.run(tidy(), TELEMETRY)
        assert closed == [True]
        with pytest.raises(NotAnswered):
            await bus.run(sequences.query_value(addresses.short(1), "QUERY STATUS"), TELEMETRY)
        with pytest.raises(InterfaceSilent):
            await bus.send(Transmission(ForwardFrame(16, 66), False, False, Transmission.LOOSE))
        await bus.run(frames(4), TELEMETRY)
        await following
        assert interface.values == [1, 66, 0x0390, 66, 4]

    on_a_bus(story, lambda value: InterfaceSilent("silent") if value == 66 else NO_ANSWER)


def test_a_level_that_fails_while_it_passes_fails_for_its_own_caller() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        reading = asyncio.create_task(bus.run(frames(*range(10)), TELEMETRY))
        await clock.sleep(2.5 * FRAME_S)
        with pytest.raises(InterfaceSilent):
            await bus.send(LEVEL)
        await reading
        assert len(interface.sent) == 11

    on_a_bus(story, lambda value: InterfaceSilent("silent") if value == LEVEL.frame.value else NO_ANSWER)


def test_an_interrupted_conversation_that_cannot_begin_again_fails_by_name() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        async def another_master() -> None:
            while True:
                await clock.sleep(FRAME_S)
                bus.note_foreign(forward16(0xA3, 0))

        other = asyncio.create_task(another_master())
        with pytest.raises(Interrupted):
            await bus.run(sequences.read_bank(addresses.short(3), 202, 4, 6), TELEMETRY)
        other.cancel()
        await bus.run(frames(4), TELEMETRY)

    on_a_bus(story)


@pytest.mark.parametrize("seed", range(20))
def test_callers_may_give_up_at_any_moment(seed: int) -> None:
    """Callers give up alone or together; the bus serves those that are left, and is free at the end."""

    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        rng = random.Random(seed)
        results: list[object] = []

        async def talk(number: int) -> None:
            await clock.sleep(rng.uniform(0, 3))
            if number % 3:
                await bus.run(frames(*([number] * rng.randint(1, 6)), bond=rng.randrange(2)), rng.randint(2, 5))
            else:
                await bus.send(LEVEL)
            results.append(number)

        callers = [asyncio.create_task(talk(number)) for number in range(60)]
        patient = [number for number in range(60) if rng.random() < 0.5]
        for _ in range(30):
            await clock.sleep(rng.uniform(0, 0.1))
            for number in rng.sample(range(60), rng.choice((1, 1, 2, 5))):
                if number not in patient:
                    callers[number].cancel()
        await asyncio.gather(*callers, return_exceptions=True)
        assert set(patient) <= set(results)
        await bus.run(frames(99), LEVELS)
        assert interface.values[-1] == 99

    on_a_bus(story)


def test_a_level_and_the_reading_that_lets_it_pass_are_given_up_together() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        reading = asyncio.create_task(bus.run(frames(*range(10)), TELEMETRY))
        await clock.sleep(1.5 * FRAME_S)
        level = asyncio.create_task(bus.send(LEVEL))
        while LEVEL.frame.value not in interface.values:
            await clock.sleep(0.001)
        level.cancel()
        reading.cancel()
        await asyncio.gather(level, reading, return_exceptions=True)
        await bus.run(frames(99), LEVELS)
        assert interface.values[-1] == 99

    on_a_bus(story)


def test_a_conversation_gets_each_answer_to_its_own_frame() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        async def ask(number: int) -> None:
            await clock.sleep(0.01 * (number % 7))
            value = await bus.run(sequences.query_value(addresses.short(number), "QUERY ACTUAL LEVEL"), TELEMETRY)
            assert value == 2 * number + 1

        await asyncio.gather(*(ask(number) for number in range(64)))

    on_a_bus(story, lambda value: answered(value >> 8))


def test_frames_are_counted_as_the_bus_sees_them() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        await bus.run(sequences.set_parameter(addresses.short(1), "SET FADE TIME", 3), CONFIGURATION)
        await bus.send(LEVEL)
        assert bus.frames_sent == 4

    on_a_bus(story)


def test_a_bond_is_given_without_touching_the_frame() -> None:
    assert bonded(LEVEL, Transmission.TIED) == Transmission(LEVEL.frame, False, False, Transmission.TIED)
    assert issubclass(Interrupted, ConversationFailed)
    assert not issubclass(Interrupted, DriverError)


def test_a_level_that_passes_hears_of_its_own_error() -> None:
    async def story(clock: VirtualClock, interface: FakeInterface, bus: DaliBus) -> None:
        def observer(transmission: Transmission, reply: Reply | None) -> None:
            if transmission is LEVEL:
                raise ZeroDivisionError

        bus.observer = observer
        reading = asyncio.create_task(bus.run(frames(1, 2, 3), TELEMETRY))
        await clock.sleep(FRAME_S / 2)
        with pytest.raises(ZeroDivisionError):
            await clock.wait_for(bus.send(LEVEL), 10)
        await reading
        assert interface.values == [1, LEVEL.frame.value, 2, 3]

    on_a_bus(story)
