"""Sensors on the DALI bus are set up as they must be and heard at once; those that are gone are reported."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.sensors import Kind, Sensor
from agent.inputs.dali_sensors import DaliSensors
from agent.interfaces import Clock
from agent.records.alarms import EventLog
from agent.schedule.inputs import Reading
from drivers.dali.bus import DaliBus
from hil.devices.device_instances import Instance
from protocols.dali.device_events import Event, Scheme, encode
from protocols.dali.frames import ForwardFrame
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway, bodies, told

SENSORS = """
[[sensor]]
name = "P1"
bus = "L"
device = 3
kind = "presence"
at = "L02"

[[sensor]]
name = "C1"
bus = "L"
device = 9
instance = 1
kind = "lux"
full_scale_lux = 2000
"""


def instance_of(gateway: Gateway, sensor: str, number: int) -> Instance:
    street, device = gateway.emulated.sensor(sensor)
    return street.devices[device].instances[number]


def set_up(gateway: Gateway) -> list[tuple[object, ...]]:
    presence, light = instance_of(gateway, "P1", 0), instance_of(gateway, "C1", 1)
    return [
        tuple(presence.values[key] for key in ("scheme", "priority", "hold", "report")),
        (presence.event_filter, presence.enabled),
        tuple(light.values[key] for key in ("scheme", "priority", "report")),
        (light.event_filter, light.enabled),
    ]


RIGHT = [(2, 3, 0, 60), (7, True), (2, 3, 60), (1, True)]


def writes(gateway: Gateway) -> int:
    """Returns the settings that went over the bus to control devices: configuration commands, which go out twice."""
    frames = [frame.value for frame in gateway.street.bus.trace if frame.bits == 24 and frame.value & 0x10000]
    return sum(1 for one, other in itertools.pairwise(frames) if one == other)


def test_sensors_are_set_up_at_the_start_and_after_trouble_and_only_where_they_must_be(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        instance_of(gateway, "P1", 0).enabled = False
        async with gateway.agent() as agent:
            await gateway.until(30.0)
            assert set_up(gateway) == RIGHT
            # A sensor that was exchanged, or has lost its memory, comes back with the bus voltage, at any time. It is
            # set up at once.
            for at in (40.0, 57.0):
                await gateway.until(at)
                gateway.street.bus_power(False)
                for one in (instance_of(gateway, "P1", 0), instance_of(gateway, "C1", 1)):
                    one.reset()
                for device in gateway.street.devices:
                    device.power_cycle_notification = False
                await gateway.until(at + 1.0)
                gateway.street.bus_power(True)
                await gateway.until(at + 8.0)
                assert set_up(gateway) == RIGHT
            assert await told(agent, "controlDeviceCommFailure") == []
        gateway.street.bus.trace.clear()
        async with gateway.agent():
            await gateway.clock.sleep(30.0)
            assert set_up(gateway) == RIGHT
            assert writes(gateway) == 0

    at_a_gateway(story, tmp_path, more=SENSORS)


def test_a_sensor_that_starts_again_by_itself_is_set_up_again(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        async with gateway.agent():
            await gateway.until(30.0)
            street, number = gateway.emulated.sensor("P1")
            device = street.devices[number]
            device.set_bus_voltage(False, gateway.clock.monotonic())
            instance_of(gateway, "P1", 0).reset()
            device.set_bus_voltage(True, gateway.clock.monotonic())
            # Its notice of a power cycle comes within 5 s.
            await gateway.until(40.0)
            assert set_up(gateway) == RIGHT

    at_a_gateway(story, tmp_path, more=SENSORS)


def test_a_sensor_that_is_gone_or_another_one_is_told_by_name(tmp_path: Path) -> None:
    wrong = SENSORS + '[[sensor]]\nname = "P7"\nbus = "L"\ndevice = 3\ninstance = 1\nkind = "presence"\n'

    async def story(gateway: Gateway) -> None:
        gateway.street.devices[1].no_answer = True
        # The board says presence, and the device has a light sensor there.
        gateway.street.devices[0].instances[1].type = 4
        async with gateway.agent() as agent:
            await gateway.until(60.0)
            failures = await told(agent, "controlDeviceCommFailure")
            assert sorted(failures) == [("controlDeviceCommFailure", name, True) for name in ("C1", "P7")]
            texts = {body["subject"]: body["text"] for body in await bodies(agent, "event")}
            assert "control device 9, instance 1, on L" in texts["C1"]
            assert "it is of instance type 4, and a presence sensor is of type 3" in texts["P7"]
            # The other one works.
            assert set_up(gateway)[:2] == RIGHT[:2]
            gateway.street.devices[1].no_answer = False
            await gateway.until(120.0)
            assert ("controlDeviceCommFailure", "C1", False) in await told(agent)

    at_a_gateway(story, tmp_path, more=wrong)


def test_presence_that_was_there_before_the_agent_is_asked_for(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        street, number = gateway.emulated.sensor("P1")
        street.presence(number, True)
        async with gateway.agent():
            await gateway.until(30.0)
            assert '"presence@L02"' in (gateway.runtime / "mast.inputs.json").read_text()

    at_a_gateway(story, tmp_path, more=SENSORS)


def test_sensors_on_a_bus_without_luminaires(tmp_path: Path) -> None:
    more = '[[sensor]]\nname = "P1"\nbus = "S"\ndevice = 0\nkind = "presence"\nat = "L01"\n'

    async def story(gateway: Gateway) -> None:
        async with gateway.agent() as agent:
            await gateway.until(30.0)
            street, number = gateway.emulated.sensor("P1")
            street.presence(number, True)
            await gateway.until(31.0)
            assert '"presence@L01"' in (gateway.runtime / "mast.inputs.json").read_text()
            assert await told(agent) == []

    at_a_gateway(story, tmp_path, buses=(BusOf("L"), BusOf("S", lamps=0, channel=2)), more=more)


def test_a_passage_is_heard_while_other_sensors_are_set_up(tmp_path: Path) -> None:
    """A set-up without gaps would swallow passages that are shorter than the set-up."""
    more = "".join(
        f'[[sensor]]\nname = "P{number}"\nbus = "L"\ndevice = {number}\nkind = "presence"\nat = "L{number + 1:02d}"\n'
        for number in range(10)
    )

    async def story(gateway: Gateway) -> None:
        state = gateway.runtime / "mast.inputs.json"
        async with gateway.agent() as agent:
            await gateway.until(120.0)
            sensors = agent.lines[0].sensors
            for passage in range(20):
                number = passage % 10
                assert sensors is not None
                sensors.set_up_again()
                await gateway.clock.sleep(0.3 + 0.05 * passage)
                began = gateway.clock.wall()
                gateway.street.presence(number, True)
                await gateway.clock.sleep(0.6)
                gateway.street.presence(number, False)
                await gateway.clock.sleep(0.3)
                since, _ = json.loads(state.read_text())["active"][f"presence@L{number + 1:02d}"]
                assert since >= began, number
                await gateway.clock.sleep(30.0)

    at_a_gateway(story, tmp_path, buses=(BusOf("L", 10),), more=more)


# What events say, without a bus.


def sensor(kind: Kind, name: str = "S1", device: int = 3) -> Sensor:
    return Sensor(name, "L", device, 0, kind, "L02", 2000.0, 2.0, 4.0)


class Still:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0


def hearing(*sensors: Sensor) -> tuple[Callable[[ForwardFrame], None], list[Reading]]:
    heard: list[Reading] = []
    events = EventLog(lambda kind, body: None, lambda: 0.0)
    return DaliSensors(sensors, cast(DaliBus, None), heard.append, cast(Clock, Still()), events).hear, heard


def event(info: int, device: int = 3, instance: int = 0) -> ForwardFrame:
    return encode(Event(Scheme.DEVICE_INSTANCE, device, instance, None, None, None, info))


def test_presence_is_what_the_area_is_and_not_what_moves() -> None:
    hear, heard = hearing(sensor("presence"))
    for info in (0b1011, 0b1010, 0b1000, 0b1110):
        hear(event(info))
    assert heard == [Reading("S1", "presence", value, "L02") for value in (1.0, 1.0, 0.0, 1.0)]
    # A reserved bit, another device, another instance, a command: none of it is this sensor's.
    for frame in (event(0b10000), event(2, device=4), event(2, instance=1), ForwardFrame(16, 0x0390)):
        hear(frame)
    assert len(heard) == 4


def test_light_is_a_share_of_the_sensors_range() -> None:
    hear, heard = hearing(sensor("lux"))
    hear(event(1023))
    hear(event(0))
    assert heard == [Reading("S1", "lux", 2000.0, "L02"), Reading("S1", "lux", 0.0, "L02")]


def test_a_photocell_keeps_its_word_between_its_two_levels() -> None:
    hear, heard = hearing(sensor("photocell"))
    for percent in (3, 5, 3, 1, 3, 4.1):
        hear(event(round(10.23 * percent)))
    # A photocell starts as dark, and stays so until it was light.
    assert [reading.value for reading in heard] == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    assert {reading.kind for reading in heard} == {"photocell"}


@given(st.sampled_from([8, 16, 24, 25]), st.integers(0, (1 << 25) - 1))
def test_any_frame_is_a_reading_of_a_known_sensor_or_nothing(bits: int, value: int) -> None:
    hear, heard = hearing(sensor("presence"), sensor("lux", "S2", 4), sensor("photocell", "S3", 5))
    hear(ForwardFrame(bits, value & (1 << bits) - 1))
    assert [reading.sensor for reading in heard] in ([], ["S1"], ["S2"], ["S3"])
    assert all(0.0 <= reading.value <= 2000.0 for reading in heard)


@given(st.integers(0, 3), st.integers(0, 1023))
def test_any_event_of_a_known_sensor_is_in_its_range(which: int, info: int) -> None:
    hear, heard = hearing(sensor("presence"), sensor("lux", "S2", 4), sensor("photocell", "S3", 5))
    hear(event(info, device=3 + which))
    assert len(heard) <= 1
    if which:
        assert len(heard) == (which < 3)


@pytest.mark.parametrize("kind", ["presence", "lux", "photocell"])
def test_frames_of_other_schemes_are_not_guessed_at(kind: Kind) -> None:
    hear, heard = hearing(sensor(kind))
    hear(encode(Event(Scheme.DEVICE, 3, None, None, None, 3, 2)))
    assert heard == []
