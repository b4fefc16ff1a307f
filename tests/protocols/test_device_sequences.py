"""Conversations with control devices, against the emulated ones (written apart, from the standard)."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Generator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import LightSensor, OccupancySensor
from protocols.dali import device_addresses, device_commands, device_events, device_sequences, light_sensor, occupancy
from protocols.dali.device_sequences import Device, Instance, Present, SettingRefused, Status
from protocols.dali.frames import COLLISION, NO_ANSWER, Reply, Transmission, answered
from protocols.errors import ConversationFailed, NotAnswered, ProtocolError, SeveralAnswered
from tests.rigs.street_host import DeviceBench, with_devices

SEVEN = device_addresses.short(7)
OCCUPANCY, LIGHT = device_addresses.instance(0), device_addresses.instance(1)


def sensor(short_address: int | None = 7, seed: int = 1) -> ControlDevice:
    return ControlDevice([OccupancySensor(), LightSensor()], short_address=short_address, seed=seed)


def test_who_is_there_and_what_it_is() -> None:
    async def story(bench: DeviceBench) -> None:
        assert await bench.run(device_sequences.find_devices()) == Present([7, 20], [63])
        assert await bench.run(device_sequences.find_devices(range(8))) == Present([7], [])
        expected = (Instance(0, occupancy.INSTANCE_TYPE, 2, True), Instance(1, light_sensor.INSTANCE_TYPE, 10, False))
        await bench.run(device_sequences.enable_instance(SEVEN, LIGHT, False))
        assert await bench.run(device_sequences.read_device(SEVEN)) == Device(0, 0b10, expected)
        bench.bus.set_voltage(False)
        bench.bus.set_voltage(True)
        bench.loop.time()
        await bench.run(device_sequences.find_devices(range(5)))
        found = await bench.run(device_sequences.read_device(SEVEN))
        assert found is not None
        assert found.status == Status.POWER_CYCLE_SEEN

    with_devices([sensor(), sensor(20, 2), sensor(63, 3), sensor(63, 4)], story)


@pytest.mark.parametrize(
    ("instance", "setting", "commands", "value", "kept"),
    [
        (OCCUPANCY, occupancy.HOLD_TIMER, occupancy.COMMANDS, 120.0, 120.0),
        (OCCUPANCY, occupancy.REPORT_TIMER, occupancy.COMMANDS, 45.0, 45.0),
        (OCCUPANCY, occupancy.DEADTIME_TIMER, occupancy.COMMANDS, 0.52, 0.5),
        (LIGHT, light_sensor.REPORT_TIMER, light_sensor.COMMANDS, 0.0, 0.0),
        (LIGHT, light_sensor.DEADTIME_TIMER, light_sensor.COMMANDS, 12.75, 12.75),
        (LIGHT, light_sensor.HYSTERESIS, light_sensor.COMMANDS, 20, 20),
        (LIGHT, light_sensor.HYSTERESIS_MIN, light_sensor.COMMANDS, 3, 3),
        (LIGHT, device_commands.EVENT_PRIORITY, None, 2, 2),
        (LIGHT, device_commands.EVENT_SCHEME, None, device_events.Scheme.DEVICE_INSTANCE, 2),
        (OCCUPANCY, device_commands.PRIMARY_INSTANCE_GROUP, None, 17, 17),
    ],
)
def test_settings_are_written_and_read_back(
    instance: device_addresses.Instances,
    setting: device_commands.Setting,
    commands: dict[str, device_commands.Command] | None,
    value: float,
    kept: float,
) -> None:
    async def story(bench: DeviceBench) -> None:
        await bench.run(device_sequences.write_setting(SEVEN, instance, setting, value, commands))
        found = await bench.run(device_sequences.read_setting(SEVEN, instance, setting, commands))
        assert found == pytest.approx(kept)

    with_devices([sensor()], story)


def test_filter_group_enabling_and_notice() -> None:
    async def story(bench: DeviceBench) -> None:
        everything = 0x1F
        await bench.run(device_sequences.write_event_filter(SEVEN, OCCUPANCY, everything))
        assert bench.devices[0].instances[0].event_filter & 0xFF == everything
        await bench.run(device_sequences.write_event_filter(SEVEN, OCCUPANCY, 0x123456, width=3))
        assert bench.devices[0].instances[0].event_filter == 0x123456
        for group in (0, 9, 16, 31):
            await bench.run(device_sequences.join_device_group(SEVEN, group))
        assert bench.devices[0].groups == 1 << 0 | 1 << 9 | 1 << 16 | 1 << 31
        await bench.run(device_sequences.enable_instance(SEVEN, LIGHT, False))
        assert not bench.devices[0].instances[1].enabled
        await bench.run(device_sequences.enable_instance(SEVEN, LIGHT, True))
        assert bench.devices[0].instances[1].enabled
        await bench.run(device_sequences.notify_power_cycles(SEVEN, True))
        assert bench.devices[0].power_cycle_notification
        await bench.run(device_sequences.notify_power_cycles(SEVEN, False))
        assert not bench.devices[0].power_cycle_notification

    with_devices([sensor()], story)


@given(value=st.integers(0, 1023))
@settings(max_examples=20, deadline=None)
def test_input_values(value: int) -> None:
    async def story(bench: DeviceBench) -> None:
        bench.devices[0].illuminance(value)
        assert await bench.run(device_sequences.read_input_value(SEVEN, LIGHT, 10)) == value
        bench.devices[0].presence(True)
        found = await bench.run(device_sequences.read_input_value(SEVEN, OCCUPANCY, 2))
        assert found is not None
        assert occupancy.from_input_value(found) == (True, True)

    with_devices([sensor()], story)


def test_an_event_from_sensor_to_meaning() -> None:
    async def story(bench: DeviceBench) -> None:
        scheme = device_events.Scheme.DEVICE_INSTANCE
        for instance in (OCCUPANCY, LIGHT):
            await bench.run(device_sequences.write_setting(SEVEN, instance, device_commands.EVENT_SCHEME, scheme))
        found = await bench.run(device_sequences.read_device(SEVEN))
        assert found is not None
        types = {(7, one.number): one.type for one in found.instances}
        bench.events.clear()
        bench.devices[0].presence(True)
        bench.devices[0].illuminance(700)
        await asyncio.sleep(2.0)
        events = {}
        for frame in bench.events:
            event = device_events.decode(frame, types)
            assert isinstance(event, device_events.Event)
            events[event.short_address, event.instance_type] = event.info
        # The clocks of the two decide which finds its gap first.
        assert set(events) == {(7, 3), (7, 4)}
        assert occupancy.decode(events[7, 3]) == occupancy.Occupancy(True, True, False, True)
        assert events[7, 4] == 700

    with_devices([sensor()], story)


@pytest.mark.parametrize("count", [0, 1, 2, 9])
def test_addresses_are_given_and_kept(count: int) -> None:
    async def story(bench: DeviceBench) -> None:
        free = [address for address in range(64) if address != 7]
        conversation = device_sequences.quietly(device_sequences.give_addresses(free))
        assert await bench.run(conversation) == free[:count]
        numbers = [one.addressing.short_address for one in bench.devices]
        assert numbers[0] == 7
        assert sorted(numbers[1:]) == free[:count]
        assert not any(one.quiescent(bench.loop.time()) for one in bench.devices)
        assert bench.frames <= 14 + 60 * count
        assert not bench.bus.statistics.settling_violations

    with_devices([sensor(), *(sensor(None, seed) for seed in range(10, 10 + count))], story)


def test_devices_of_one_random_address_draw_again() -> None:
    class Alike(random.Random):
        """A source of random numbers whose first draw is equal for all devices."""

        def __init__(self, own: int) -> None:
            super().__init__(own)
            self.drawn = 0

        def randrange(self, *_bounds: int) -> int:  # type: ignore[override]  # one use of it is all there is
            self.drawn += 1
            return 0x123456 if self.drawn == 1 else super().randrange(0xFFFFFF)

    devices = [sensor(None, seed) for seed in range(3)]
    for number, one in enumerate(devices):
        one.addressing._rng = Alike(number)

    async def story(bench: DeviceBench) -> None:
        assert await bench.run(device_sequences.give_addresses([3, 4, 5, 6])) == [3, 4, 5]
        assert sorted(one.addressing.short_address for one in devices) == [3, 4, 5]

    with_devices(devices, story)


def test_always_the_same_random_address() -> None:
    class Stuck(random.Random):
        def randrange(self, *_bounds: int) -> int:  # type: ignore[override]  # one use of it is all there is
            return 0x14D1D4

    devices = [sensor(None, seed) for seed in range(2)]
    for one in devices:
        one.addressing._rng = Stuck()

    async def story(bench: DeviceBench) -> None:
        with pytest.raises(ConversationFailed, match="again and again"):
            await bench.run(device_sequences.quietly(device_sequences.give_addresses(range(64))))
        assert [one.addressing.short_address for one in devices] == [255, 255]
        assert not any(one.quiescent(bench.loop.time()) for one in devices)
        assert bench.names[-2].frame == device_commands.special("TERMINATE").frame

    with_devices(devices, story)


def test_too_few_addresses() -> None:
    async def story(bench: DeviceBench) -> None:
        with pytest.raises(ConversationFailed, match="no short address is left"):
            await bench.run(device_sequences.quietly(device_sequences.give_addresses([9])))
        assert sorted(one.addressing.short_address for one in bench.devices) == [9, 255]
        assert not any(one.quiescent(bench.loop.time()) for one in bench.devices)

    with_devices([sensor(None, 1), sensor(None, 2)], story)


@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 150))
def test_cut_anywhere_and_run_again(cut: int) -> None:
    async def story(bench: DeviceBench) -> None:
        everybody = range(64)
        await bench.run(device_sequences.quietly(device_sequences.give_addresses(everybody)), cut_after=cut)
        present = await bench.run(device_sequences.find_devices())
        assert present is not None
        assert present.several == []
        free = [address for address in everybody if address not in present.single]
        await bench.run(device_sequences.quietly(device_sequences.give_addresses(free)))
        assert len({one.addressing.short_address for one in bench.devices} - {255}) == 3

    with_devices([sensor(None, seed) for seed in range(3)], story)


def test_a_short_address_given_twice_is_taken_back() -> None:
    async def story(bench: DeviceBench) -> None:
        with pytest.raises(SeveralAnswered, match="control device 7"):
            await bench.run(device_sequences.read_device(SEVEN))
        await bench.run(device_sequences.forget_address(SEVEN))
        assert await bench.run(device_sequences.give_addresses([7, 8])) == [7, 8]
        assert await bench.run(device_sequences.find_devices(range(10))) == Present([7, 8], [])

    with_devices([sensor(7, 1), sensor(7, 2)], story)


def test_trouble_is_named() -> None:
    async def story(bench: DeviceBench) -> None:
        with pytest.raises(NotAnswered, match="control device 8 does not answer QUERY DEVICE STATUS"):
            await bench.run(device_sequences.read_device(device_addresses.short(8)))
        with pytest.raises(NotAnswered, match="QUERY HOLD TIMER"):
            await bench.run(device_sequences.read_setting(SEVEN, LIGHT, occupancy.HOLD_TIMER, occupancy.COMMANDS))
        bench.devices[0].no_answer = True
        with pytest.raises(NotAnswered):
            await bench.run(device_sequences.write_event_filter(SEVEN, LIGHT, 1))
        with pytest.raises(SettingRefused, match="ENABLE INSTANCE"):
            await bench.run(device_sequences.enable_instance(SEVEN, LIGHT, True))

    with_devices([sensor()], story)


def _answers(replies: list[Reply], conversation: Generator[Transmission, Reply, object]) -> object:
    """Returns the conversation's outcome if the bus answers with these replies, over and over."""
    turn = 0
    try:
        next(conversation)
        while True:
            turn += 1
            assert turn < 20_000, "it does not end"
            conversation.send(replies[turn % len(replies)])
    except StopIteration as ended:
        return ended.value


REPLIES = st.lists(
    st.one_of(st.just(NO_ANSWER), st.just(COLLISION), st.integers(0, 255).map(answered)), min_size=1, max_size=40
)


@settings(deadline=None)
@given(replies=REPLIES)
def test_nonsense_ends_in_an_error_of_ours(replies: list[Reply]) -> None:
    for conversation in (
        device_sequences.quietly(device_sequences.give_addresses(range(64))),
        device_sequences.find_devices(),
        device_sequences.read_device(SEVEN),
        device_sequences.write_event_filter(SEVEN, LIGHT, 5, width=3),
        device_sequences.join_device_group(SEVEN, 20),
        device_sequences.read_input_value(SEVEN, LIGHT, 10),
    ):
        with contextlib.suppress(ProtocolError):
            _answers(replies, conversation)


def test_a_device_that_says_nonsense() -> None:
    with pytest.raises(ConversationFailed, match="255 instances"):
        _answers([answered(255)], device_sequences.read_device(SEVEN))
    conversation = device_sequences.write_setting(SEVEN, LIGHT, device_commands.EVENT_SCHEME, 1)
    with pytest.raises(SettingRefused, match="keeps 9 after SET EVENT SCHEME with 1"):
        _answers([answered(9)], conversation)
    with pytest.raises(ConversationFailed, match="64 control devices"):
        _answers([answered(255)], device_sequences.give_addresses(range(64)))
