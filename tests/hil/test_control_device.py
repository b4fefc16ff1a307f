"""Emulated control devices: python-dali's commands frame by frame, their events on the bus and on the HAT's line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from dali.address import DeviceBroadcast, DeviceShort, InstanceNumber
from dali.command import Command, from_frame
from dali.device import general, light, occupancy
from dali.device.sequences import Commissioning
from dali.frame import BackwardFrame, BackwardFrameError, ForwardFrame
from dali.sequences import progress as their_progress
from dali.sequences import sleep as their_sleep
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.control_device import ControlDevice
from hil.devices.dali_bus import SEEN_AFTER_S, DaliBus, Outcome, Result
from hil.devices.device_instances import Instance, LightSensor, OccupancySensor
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.street_host import NIGHT, Host, on_a_street

T = TypeVar("T")
SHORT, OCCUPANCY, LIGHT = DeviceShort(7), InstanceNumber(0), InstanceNumber(1)


class Bench:
    """A bus with control devices. `heard` holds (loop time, value) of the events that came through."""

    def __init__(self, *devices: ControlDevice) -> None:
        self.loop = asyncio.get_running_loop()
        self.bus = DaliBus((), self.loop, devices=devices)
        self.device = devices[0]
        self.heard: list[tuple[float, int]] = []
        self.bus.event_message.append(lambda value: self.heard.append((self.loop.time(), value)))

    async def frame(self, value: int, *, settle_s: float = 0.0) -> Outcome:
        done: asyncio.Future[Outcome] = self.loop.create_future()
        self.bus.transmit(24, value, done.set_result, settle=True)
        outcome = await done
        await asyncio.sleep(max(0.0, outcome.free - self.loop.time()) + settle_s)
        return outcome

    async def send(self, command: Command) -> Outcome:
        """Sends a command of python-dali, twice if its class says so."""
        if command.sendtwice:
            await self.frame(command.frame.as_integer)
        return await self.frame(command.frame.as_integer)

    async def ask(self, command: Command) -> int | None:
        outcome = await self.send(command)
        assert outcome.result in (Result.ANSWER, Result.SILENCE)
        return outcome.value if outcome.result is Result.ANSWER else None

    async def configure(self, command: Command, dtr0: int) -> None:
        await self.send(general.DTR0(dtr0))
        await self.send(command)

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def said(self) -> list[int]:
        found = [value for _, value in self.heard]
        self.heard.clear()
        return found


def on_a_bench(*devices: ControlDevice, story: Callable[[Bench], Awaitable[T]]) -> T:
    async def whole(_clock: VirtualClock) -> T:
        return await story(Bench(*devices))

    return run_virtual(whole, NIGHT)


def sensor(short_address: int | None = 7, seed: int = 1, **further: bool) -> ControlDevice:
    return ControlDevice([OccupancySensor(), LightSensor()], short_address=short_address, seed=seed, **further)


def presence_sensor() -> ControlDevice:
    """Returns a device without a light sensor, which would send events of its own now and then."""
    return ControlDevice([OccupancySensor()], short_address=7)


def test_what_it_is() -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ask(general.QueryDeviceStatus(SHORT)) == 0
        assert await bench.ask(general.QueryDeviceCapabilities(SHORT)) == 0b010
        assert await bench.ask(general.QueryNumberOfInstances(SHORT)) == 2
        assert await bench.ask(general.QueryInstanceType(SHORT, OCCUPANCY)) == 3
        assert await bench.ask(general.QueryInstanceType(SHORT, LIGHT)) == 4
        assert await bench.ask(general.QueryResolution(SHORT, LIGHT)) == 10
        assert await bench.ask(general.QueryInstanceStatus(SHORT, LIGHT)) == 0b10
        assert await bench.ask(general.QueryInstanceType(SHORT, InstanceNumber(2))) is None
        assert await bench.ask(general.QueryDeviceStatus(DeviceShort(8))) is None
        await bench.send(general.DTR0(3))
        assert await bench.ask(general.QueryExtendedVersionNumber(SHORT)) == 8
        await bench.send(general.DTR1DTR0(0, 3))
        gtin = [await bench.ask(general.ReadMemoryLocation(SHORT)) for _ in range(6)]
        assert bytes(byte or 0 for byte in gtin) == (8_719_990_000_031).to_bytes(6, "big")

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize("twice", [True, False])
def test_a_setting_needs_its_frame_twice(twice: bool) -> None:
    async def story(bench: Bench) -> None:
        await bench.send(general.DTR0(12))
        command = occupancy.SetHoldTimer(SHORT, OCCUPANCY).frame.as_integer
        await bench.frame(command)
        if twice:
            await bench.frame(command)
        assert await bench.ask(occupancy.QueryHoldTimer(SHORT, OCCUPANCY)) == (12 if twice else 90)

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize(("pause_s", "between"), [(0.2, None), (0.0, 0xC13005)])
def test_a_pair_that_is_none(pause_s: float, between: int | None) -> None:
    async def story(bench: Bench) -> None:
        await bench.send(general.DTR0(12))
        command = occupancy.SetHoldTimer(SHORT, OCCUPANCY).frame.as_integer
        await bench.frame(command, settle_s=pause_s)
        if between is not None:
            await bench.frame(between)
        await bench.frame(command)
        assert await bench.ask(occupancy.QueryHoldTimer(SHORT, OCCUPANCY)) == 90

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize(
    ("set_it", "query", "instance", "good", "bad", "after_a_reset"),
    [
        # The last value is that after a reset: IEC 62386-303 and -304, table of variables; -103, 9.16.
        (occupancy.SetHoldTimer, occupancy.QueryHoldTimer, OCCUPANCY, 254, 255, 90),
        (occupancy.SetReportTimer, occupancy.QueryReportTimer, OCCUPANCY, 255, None, 20),
        (occupancy.SetDeadtimeTimer, occupancy.QueryDeadtimeTimer, OCCUPANCY, 7, None, 2),
        (light.SetReportTimer, light.QueryReportTimer, LIGHT, 60, None, 30),
        (light.SetHysteresis, light.QueryHysteresis, LIGHT, 25, 26, 5),
        (light.SetHysteresisMin, light.QueryHysteresisMin, LIGHT, 200, None, 10),
        (light.SetDeadtimeTimer, light.QueryDeadtimeTimer, LIGHT, 4, None, 30),
        (general.SetEventPriority, general.QueryEventPriority, LIGHT, 5, 6, 4),
        (general.SetEventScheme, general.QueryEventScheme, LIGHT, 4, 5, 0),
        (general.SetPrimaryInstanceGroup, general.QueryPrimaryInstanceGroup, LIGHT, 31, 32, 255),
        (general.SetInstanceGroup1, general.QueryInstanceGroup1, LIGHT, 0, 99, 255),
        (general.SetInstanceGroup2, general.QueryInstanceGroup2, LIGHT, 31, 254, 255),
    ],
)
def test_each_setting(
    set_it: type[Command],
    query: type[Command],
    instance: InstanceNumber,
    good: int,
    bad: int | None,
    after_a_reset: int,
) -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(set_it(SHORT, instance), good)
        assert await bench.ask(query(SHORT, instance)) == good
        if bad is not None:
            await bench.configure(set_it(SHORT, instance), bad)
            assert await bench.ask(query(SHORT, instance)) == good
        await bench.send(general.Reset(SHORT))
        await bench.wait(0.4)
        assert await bench.ask(general.QueryResetState(SHORT)) == 0xFF
        assert await bench.ask(query(SHORT, instance)) == after_a_reset

    on_a_bench(sensor(), story=story)


def test_presence_and_the_hold_time() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(occupancy.SetHoldTimer(SHORT, OCCUPANCY), 3)
        await bench.configure(general.SetEventScheme(SHORT, OCCUPANCY), 1)
        bench.device.presence(True)
        await bench.wait(1.0)
        (value,) = bench.said()
        event = from_frame(ForwardFrame(24, value))
        assert isinstance(event, occupancy.OccupancyEvent)
        assert (event.short_address, event.movement, event.occupied, event.repeat) == (SHORT, True, True, False)
        assert event.sensor_type == "movement"
        bench.device.presence(False)
        bench.device.presence(False)
        assert await bench.ask(general.QueryInputValue(SHORT, OCCUPANCY)) == 0xAA
        await bench.wait(29.5)
        assert bench.said() == []
        await bench.wait(1.0)
        (value,) = bench.said()
        event = from_frame(ForwardFrame(24, value))
        assert (event.movement, event.occupied) == (False, False)
        assert await bench.ask(general.QueryInputValue(SHORT, OCCUPANCY)) == 0
        bench.device.presence(True)
        assert await bench.ask(general.QueryInputValue(SHORT, OCCUPANCY)) == 0xFF

    on_a_bench(presence_sensor(), story=story)


def test_movement_again_keeps_it_occupied_and_cancel_ends_it() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(occupancy.SetHoldTimer(SHORT, OCCUPANCY), 1)
        for _ in range(3):
            bench.device.presence(True)
            await bench.wait(1.0)
            bench.device.presence(False)
            await bench.wait(9.0)
        assert len(bench.said()) == 1
        await bench.send(occupancy.CancelHoldTimer(SHORT, OCCUPANCY))
        await bench.wait(0.2)
        (value,) = bench.said()
        assert not from_frame(ForwardFrame(24, value)).occupied

    on_a_bench(presence_sensor(), story=story)


def test_the_filter_says_what_is_told() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(occupancy.SetHoldTimer(SHORT, OCCUPANCY), 0)
        shown = []
        for wanted in (0b00000, 0b01000, 0b10000, 0b00010, 0b00001):
            await bench.configure(general.SetEventFilter(SHORT, OCCUPANCY), wanted)
            assert await bench.ask(general.QueryEventFilterL(SHORT, OCCUPANCY)) == wanted
            bench.said()
            bench.device.presence(True)
            await bench.wait(1.0)
            bench.device.presence(False)
            await bench.wait(3.0)
            shown.append([value & 0b11 for value in bench.said()])
        assert shown == [[], [0b11], [0b10], [0b00], [0b11]]

    on_a_bench(sensor(), story=story)


def test_repeats_and_deadtime() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(general.SetEventFilter(SHORT, OCCUPANCY), 0b11111)
        await bench.configure(occupancy.SetReportTimer(SHORT, OCCUPANCY), 5)
        await bench.configure(occupancy.SetDeadtimeTimer(SHORT, OCCUPANCY), 40)
        while not bench.heard:
            await bench.wait(0.1)
        await bench.wait(2.1)
        assert [value & 0xF for value in bench.said()] == [0b1100]
        bench.device.presence(True)
        await bench.wait(2.5)
        assert [value & 0xF for value in bench.said()] == [0b1011]
        bench.device.presence(False)
        await bench.wait(0.5)
        assert [value & 0xF for value in bench.said()] == [0b1010]
        bench.device.presence(True)
        bench.device.presence(False)
        await bench.wait(1.4)
        assert bench.said() == []
        await bench.wait(0.3)
        assert [value & 0xF for value in bench.said()] == [0b1010]
        await bench.wait(10.5)
        assert [value & 0xF for value in bench.said()] == [0b1110, 0b1110]

    on_a_bench(presence_sensor(), story=story)


def test_a_movement_is_caught_once() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(general.SetEventFilter(SHORT, OCCUPANCY), 0)
        await bench.send(occupancy.CatchMovement(SHORT, OCCUPANCY))
        assert await bench.ask(occupancy.QueryCatching(SHORT, OCCUPANCY)) == 0xFF
        for expected in (1, 0):
            bench.said()
            bench.device.presence(True)
            await bench.wait(1.0)
            bench.device.presence(False)
            await bench.wait(1.0)
            assert len(bench.said()) == expected
        assert await bench.ask(occupancy.QueryCatching(SHORT, OCCUPANCY)) is None

    on_a_bench(sensor(), story=story)


def test_light_is_told_beyond_its_hysteresis_and_at_its_pace() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(general.SetEventScheme(SHORT, LIGHT), 2)
        await bench.configure(light.SetReportTimer(SHORT, LIGHT), 0)
        await bench.wait(2.0)
        bench.said()
        shown = []
        for value in (600, 620, 631, 600, 599, 12, 0):
            bench.device.illuminance(value)
            await bench.wait(2.0)
            shown.append([said & 0x3FF for said in bench.said()])
        assert shown == [[600], [], [631], [], [599], [12], [0]]
        bench.device.illuminance(800)
        await bench.wait(0.2)
        assert bench.said() == [7 << 17 | 1 << 15 | 1 << 10 | 800]
        bench.device.illuminance(300)
        bench.device.illuminance(100)
        await bench.wait(1.0)
        assert bench.said() == []
        await bench.wait(0.6)
        assert [said & 0x3FF for said in bench.said()] == [100]
        assert await bench.ask(general.QueryInputValue(SHORT, LIGHT)) == 100 >> 2
        assert await bench.ask(general.QueryInputValueLatch(SHORT, LIGHT)) == (100 & 3) << 6 | 100 >> 4
        assert await bench.ask(general.QueryInputValueLatch(SHORT, LIGHT)) is None

    on_a_bench(sensor(), story=story)


def test_a_change_while_the_event_is_under_way_is_told_too() -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(light.SetDeadtimeTimer(SHORT, LIGHT), 0)
        await bench.wait(1.0)
        bench.said()
        bench.device.illuminance(500)
        await bench.wait(0.03 - 0.012)
        assert bench.bus.last_edge > bench.loop.time()
        bench.device.illuminance(900)
        await bench.wait(0.5)
        assert [said & 0x3FF for said in bench.said()] == [500, 900]

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        (0, {"instance_number": 1}),
        (1, {"short_address": SHORT}),
        (2, {"short_address": SHORT, "instance_number": 1}),
        (3, {"device_group": 18}),
        (4, {"instance_group": 9}),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_who_speaks(scheme: int, expected: dict[str, object], named: bool) -> None:
    async def story(bench: Bench) -> None:
        everyone = DeviceBroadcast()
        await bench.configure(general.SetEventScheme(everyone, LIGHT), scheme)
        if named:
            await bench.send(general.DTR2DTR1(0, 0b100))
            await bench.send(general.AddToDeviceGroupsSixteenToThirtyOne(everyone))
            await bench.configure(general.SetPrimaryInstanceGroup(everyone, LIGHT), 9)
            assert await bench.ask(general.QueryDeviceGroupsSixteenToTwentyThree(everyone)) == 0b100
        bench.said()
        bench.device.illuminance(444)
        await bench.wait(2.0)
        (value,) = bench.said()
        event = from_frame(ForwardFrame(24, value), dev_inst_map=_Types())
        assert isinstance(event, light.LightEvent)
        assert event.illuminance == 444
        shown = {
            name: getattr(event, name)
            for name in ("short_address", "instance_number", "device_group", "instance_group")
            if getattr(event, name) is not None
        }
        assert shown == (expected if named else {"instance_number": 1})

    on_a_bench(sensor(7 if named else None), story=story)


class _Types:
    def get_type(self, *, short_address: object, instance_number: int) -> int:
        return 4 if instance_number == 1 else 3


def test_quiescent_devices_are_quiet_and_speak_again() -> None:
    async def story(bench: Bench) -> None:
        await bench.send(general.StartQuiescentMode(DeviceBroadcast()))
        assert await bench.ask(general.QueryQuiescentMode(SHORT)) == 0xFF
        assert await bench.ask(general.QueryDeviceStatus(SHORT)) == 0b10
        bench.device.presence(True)
        bench.device.illuminance(1000)
        await bench.wait(600.0)
        assert bench.said() == []
        await bench.send(general.StopQuiescentMode(DeviceBroadcast()))
        assert bench.said() == []
        bench.device.illuminance(10)
        await bench.wait(2.0)
        assert [value & 0x3FF for value in bench.said()] == [10]
        await bench.send(general.StartQuiescentMode(DeviceBroadcast()))
        await bench.wait(899.0)
        assert bench.said() == []
        await bench.wait(31.0)
        assert bench.said() != []

    on_a_bench(sensor(), story=story)


def test_an_event_that_waits_is_not_sent_once_quiet_is_asked() -> None:
    async def story(bench: Bench) -> None:
        quiet = general.StartQuiescentMode(DeviceBroadcast()).frame.as_integer
        await bench.frame(quiet)
        bench.device.presence(True)
        await bench.frame(quiet)
        await bench.wait(1.0)
        assert bench.said() == []

    on_a_bench(sensor(), story=story)


def test_a_disabled_instance_says_nothing() -> None:
    async def story(bench: Bench) -> None:
        await bench.send(general.DisableInstance(SHORT, LIGHT))
        assert await bench.ask(general.QueryInstanceEnabled(SHORT, LIGHT)) is None
        bench.device.illuminance(1000)
        await bench.wait(60.0)
        assert bench.said() == []
        await bench.send(general.EnableInstance(SHORT, LIGHT))
        assert await bench.ask(general.QueryInstanceEnabled(SHORT, LIGHT)) == 0xFF
        await bench.wait(31.0)
        assert [value & 0x3FF for value in bench.said()] == [1000]

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize("instances", ["type", "group", "all"])
def test_instances_in_the_plural(instances: str) -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(general.SetInstanceGroup2(SHORT, LIGHT), 4)
        byte = {"type": 0xC4, "group": 0x84, "all": 0xFF}[instances]
        await bench.frame(0x0F0063 | byte << 8)
        await bench.frame(0x0F0063 | byte << 8)
        assert [one.enabled for one in bench.device.instances] == [instances != "all", False]

    on_a_bench(sensor(), story=story)


def test_power_lost_and_back() -> None:
    async def story(bench: Bench) -> None:
        await bench.send(general.EnablePowerCycleNotification(SHORT))
        await bench.send(general.DTR2DTR1(0, 0b1000))
        await bench.send(general.AddToDeviceGroupsZeroToFifteen(SHORT))
        bench.device.presence(True)
        bench.bus.set_voltage(False)
        await bench.wait(1.0)
        assert (await bench.send(general.QueryDeviceStatus(SHORT))).result is Result.NO_VOLTAGE
        bench.bus.set_voltage(True)
        back = bench.loop.time()
        await bench.wait(0.2)
        assert await bench.ask(general.QueryDeviceStatus(SHORT)) == 0b100000
        bench.said()
        await bench.wait(6.0)
        ((at, value),) = bench.heard
        assert value == 0xFEE000 | 1 << 12 | 3 << 7 | 1 << 6 | 7
        assert 1.3 < at - back < 5.1
        await bench.send(general.ResetPowerCycleSeen(SHORT))
        assert await bench.ask(general.QueryDeviceStatus(SHORT)) == 0

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize("before_s", [-0.9 * SEEN_AFTER_S, 0.0, 0.9 * SEEN_AFTER_S])
def test_two_that_begin_together_collide_and_the_event_comes_again(before_s: float) -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(1.0)
        bench.device.presence(True)
        begins = bench.loop.time()  # the event starts at once, because the bus has long been idle
        assert bench.bus.last_edge > begins
        outcomes: list[Outcome] = []
        query = general.QueryDeviceStatus(SHORT).frame.as_integer
        bench.bus.transmit(24, query, outcomes.append, not_before=begins + before_s)
        await bench.wait(1.0)
        assert [outcome.result for outcome in outcomes] == [Result.COLLISION]
        assert bench.bus.statistics.collisions == 2
        assert len(bench.said()) == 1
        assert await bench.ask(general.QueryDeviceStatus(SHORT)) == 0

    on_a_bench(sensor(), story=story)


def test_a_frame_just_begun_is_not_seen_either() -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(1.0)
        outcomes: list[Outcome] = []
        bench.bus.transmit(24, 0x0FFE30, outcomes.append)
        await bench.wait(0.5 * SEEN_AFTER_S)
        bench.device.presence(True)
        await bench.wait(1.0)
        assert [outcome.result for outcome in outcomes] == [Result.COLLISION]
        assert len(bench.said()) == 1

    on_a_bench(sensor(), story=story)


def test_an_event_waits_for_the_bus_and_a_frame_for_the_event() -> None:
    async def story(bench: Bench) -> None:
        await bench.wait(1.0)
        outcomes: list[Outcome] = []
        bench.bus.transmit(24, 0x0FFE30, outcomes.append)
        await bench.wait(2 * SEEN_AFTER_S)
        bench.device.presence(True)
        await bench.wait(0.06)
        assert [outcome.result for outcome in outcomes] == [Result.ANSWER]
        assert bench.bus.last_edge > bench.loop.time()
        bench.bus.transmit(24, 0x0FFE30, outcomes.append)
        await bench.wait(1.0)
        assert [outcome.result for outcome in outcomes] == [Result.ANSWER] * 2
        assert len(bench.said()) == 1
        assert bench.bus.statistics.collisions == 0

    on_a_bench(sensor(), story=story)


@pytest.mark.parametrize("priority", [2, 3, 4, 5])
def test_the_priority_is_the_gap(priority: int) -> None:
    async def story(bench: Bench) -> None:
        await bench.configure(general.SetEventPriority(SHORT, OCCUPANCY), priority)
        outcome = await bench.send(general.DTR0(0))
        bench.device.presence(True)
        await bench.wait(1.0)
        gap = bench.heard[0][0] - 25 / 1200 - outcome.ended
        low, high = {2: (14.9, 16.1), 3: (16.3, 17.7), 4: (17.9, 19.3), 5: (19.5, 21.2)}[priority]
        assert low <= 1000 * gap <= high

    on_a_bench(sensor(), story=story)


def test_python_dali_addresses_them() -> None:
    async def story(bench: Bench) -> None:
        sequence = Commissioning()
        answer: object = None
        while True:
            try:
                step = sequence.send(answer)
            except StopIteration as ended:
                found = ended.value
                break
            answer = None
            if isinstance(step, their_sleep):
                await bench.wait(step.delay)
            elif not isinstance(step, their_progress):
                outcome = await bench.send(step)
                if step.response is not None:
                    answer = step.response(_their_answer(outcome))
        assert sorted(address.address for address in found) == [0, 1, 2, 7]
        assert sorted(one.addressing.short_address for one in bench.bus.devices) == [0, 1, 2, 7]

    on_a_bench(sensor(7), sensor(None, 2), sensor(None, 3), sensor(None, 4), story=story)


def _their_answer(outcome: Outcome) -> BackwardFrame | None:
    if outcome.result is Result.ANSWER:
        return BackwardFrame(outcome.value)
    return BackwardFrameError(0xFF) if outcome.result is Result.GARBLED else None


def test_addressing_needs_initialise_and_a_selection() -> None:
    async def story(bench: Bench) -> None:
        assert await bench.ask(general.Compare()) is None
        await bench.send(general.Initialise(7))
        assert await bench.ask(general.Compare()) == 0xFF
        assert await bench.ask(general.VerifyShortAddress(7)) == 0xFF
        assert await bench.ask(general.QueryShortAddress()) == 7
        await bench.send(general.Randomise())
        await bench.wait(0.1)
        assert await bench.ask(general.QueryShortAddress()) is None
        address = [
            await bench.ask(query(SHORT))
            for query in (general.QueryRandomAddressH, general.QueryRandomAddressM, general.QueryRandomAddressL)
        ]
        for command, byte in zip((general.SearchAddrH, general.SearchAddrM, general.SearchAddrL), address, strict=True):
            assert byte is not None
            await bench.send(command(byte))
        await bench.send(general.ProgramShortAddress(99))
        assert await bench.ask(general.QueryShortAddress()) == 7
        await bench.send(general.ProgramShortAddress(12))
        assert await bench.ask(general.QueryShortAddress()) == 12
        await bench.send(general.Withdraw())
        assert await bench.ask(general.Compare()) is None
        await bench.send(general.Terminate())
        assert await bench.ask(general.QueryShortAddress()) is None
        await bench.send(general.Initialise(0x7F))
        assert await bench.ask(general.Compare()) is None
        await bench.configure(general.SetShortAddress(DeviceShort(12)), 255)
        await bench.send(general.Initialise(0x7F))
        assert await bench.ask(general.Compare()) == 0xFF

    on_a_bench(sensor(), story=story)


def test_faults_of_answers() -> None:
    async def story(bench: Bench) -> None:
        query = general.QueryDeviceStatus(SHORT)
        bench.device.garbled_answer = True
        assert (await bench.send(query)).result is Result.GARBLED
        bench.device.garbled_answer, bench.device.no_answer = False, True
        assert (await bench.send(query)).result is Result.SILENCE
        bench.device.no_answer, bench.device.late_s = False, 0.03
        stray: list[int] = []
        bench.bus.stray_answer.append(stray.append)
        assert (await bench.send(query)).result is Result.SILENCE
        await bench.wait(0.1)
        assert stray == [0]

    on_a_bench(sensor(), story=story)


def test_several_at_one_address_answer_at_once() -> None:
    async def story(bench: Bench) -> None:
        assert (await bench.send(general.QueryNumberOfInstances(SHORT))).result is Result.GARBLED

    on_a_bench(sensor(7, 1), sensor(7, 2), story=story)


@settings(max_examples=50, deadline=None)
@given(frames=st.lists(st.integers(0, 0xFFFFFF), max_size=30))
def test_any_frames_at_all(frames: list[int]) -> None:
    async def story(bench: Bench) -> None:
        for value in frames:
            await bench.frame(value)
            await bench.frame(value)
        bench.device.presence(True)
        bench.device.illuminance(1000)
        await bench.wait(2.0)
        assert 0 <= bench.device.status(bench.loop.time()) <= 0xFF

    on_a_bench(sensor(), story=story)


def test_what_a_device_has_not() -> None:
    with pytest.raises(ValueError, match="LightSensor"):
        ControlDevice([OccupancySensor()]).illuminance(5)
    with pytest.raises(ValueError, match="0 to 1023"):
        sensor().illuminance(1024)
    with pytest.raises(NotImplementedError):
        Instance().input_value()


def street_with_sensors(clock: VirtualClock) -> Street:
    return Street(
        [Lamp(7, 25.0, level=254)],
        traffic=clock,
        devices=[ControlDevice([OccupancySensor()], short_address=7), ControlDevice([LightSensor()], seed=2)],
    )


def test_on_the_hats_line() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        assert await host.ask(b"l0FFE35") == b"J01"
        assert await host.ask(b"h0FA0") == b"JFE"  # the control gear at address 7 is not the control device at 7
        street.presence(0, True)
        assert await host.next_line() == b"L86800B"
        street.illuminance(1, 0x2A5)
        assert await host.next_line() == b"L8882A5"
        for _ in range(2):
            assert await host.ask(b"lFFFE1D") == b"N"
        street.illuminance(1, 0)
        assert await host.next_line(60.0) is None

    on_a_street(street_with_sensors, story)


def test_an_event_comes_between_a_command_and_its_answer() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        await host.ask(b"v")
        street.presence(0, True)
        assert await host.ask(b"h0FA0") == b"L86800B"
        assert await host.next_line() == b"JFE"

    on_a_street(street_with_sensors, story)
