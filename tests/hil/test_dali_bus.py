"""The timed bus: frame times, answers that collide, late answers, load, and python-dali's reading of its frames."""

from __future__ import annotations

import asyncio
import random

import pytest
from dali import frame as oracle_frame
from dali.address import GearBroadcast, GearGroup, GearShort
from dali.gear import general as oracle
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.dali_bus import DaliBus, Outcome, Result, frame_s
from hil.devices.dali_gear import Gear
from hil.devices.power_curve import PowerCurve
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.lone_gear import LoneGear
from tests.rigs.street_host import NIGHT


def a_bus(*addresses: int, level: int = 254) -> DaliBus:
    loop = asyncio.get_running_loop()
    curve = PowerCurve.of_lamp(25.0, 0.4, 2.5)
    gear = [
        Gear(curve, loop.time(), rng=random.Random(number), short_address=address, level=level)
        for number, address in enumerate(addresses)
    ]
    return DaliBus(gear, loop)


async def send(bus: DaliBus, value: int, bits: int = 16, *, settle: bool = True) -> Outcome:
    done: asyncio.Future[Outcome] = bus.loop.create_future()
    bus.transmit(bits, value, done.set_result, settle=settle)
    outcome = await done
    await asyncio.sleep(max(0.0, outcome.free - bus.loop.time()))
    return outcome


def test_frames_last_as_long_as_the_standard_says() -> None:
    assert [round(1000 * frame_s(bits), 2) for bits in (8, 16, 24)] == [7.5, 14.17, 20.83]


def test_a_query_and_its_answer_in_time() -> None:
    async def story(_clock: VirtualClock) -> None:
        bus = a_bus(3)
        begin = bus.loop.time()
        outcome = await send(bus, 0x07A0)
        assert (outcome.result, outcome.value) == (Result.ANSWER, 254)
        assert outcome.ended - begin == pytest.approx(17 / 1200)
        assert 0.0055 <= outcome.free - outcome.ended - 9 / 1200 - 0.00245 <= 0.0105
        assert bus.statistics.busy_s == pytest.approx((17 + 9) / 1200)
        assert bus.last_edge == pytest.approx(outcome.free - 0.00245)
        assert (bus.trace[0].value, bus.trace[0].answer) == (0x07A0, 254)

    run_virtual(story, NIGHT)


@pytest.mark.parametrize("pause_ms", [2.0, 12.0, 13.4, 13.5, 20.0])
def test_the_settling_time_is_watched_and_the_stop_condition_kept(pause_ms: float) -> None:
    async def story(_clock: VirtualClock) -> None:
        bus = a_bus(3)
        outcomes: list[Outcome] = []
        bus.transmit(16, 0x06FE, outcomes.append)
        await asyncio.sleep(17 / 1200 + pause_ms / 1000)
        bus.transmit(16, 0x06FE, outcomes.append)
        await asyncio.sleep(1)
        assert bus.statistics.settling_violations == (pause_ms < 13.5)
        apart = outcomes[1].ended - outcomes[0].ended - 17 / 1200
        assert apart == pytest.approx(max(pause_ms / 1000, 0.00245))

    run_virtual(story, NIGHT)


def test_a_gear_that_is_given_another_address_answers_there() -> None:
    async def story(_clock: VirtualClock) -> None:
        bus = a_bus(3)
        assert (await send(bus, 0x07A0)).result is Result.ANSWER
        for frame in (0xA300 | 9 << 1 | 1, 0x0780, 0x0780):
            await send(bus, frame)
        assert (await send(bus, 0x07A0)).result is Result.SILENCE
        assert (await send(bus, 0x13A0)).result is Result.ANSWER

    run_virtual(story, NIGHT)


def test_several_answers_garble_each_other_unless_alike_and_allowed() -> None:
    async def story(_clock: VirtualClock) -> list[Result]:
        bus = a_bus(3, 3, 4)
        results = [(await send(bus, 0x07A0)).result, (await send(bus, 0xFF91)).result]
        bus.identical_answers_come_clean = True
        results += [(await send(bus, 0x07A0)).result, (await send(bus, 0xFF91)).result]
        await send(bus, 0x0864)
        results.append((await send(bus, 0xFFA0)).result)
        assert bus.statistics.garbled_answers == 3
        return results

    garbled, clean = Result.GARBLED, Result.ANSWER
    assert run_virtual(story, NIGHT) == [garbled, garbled, clean, clean, garbled]


def test_a_whole_search_by_compare_finds_each_gear() -> None:
    """COMPARE has three results: silence, one answer, or several. A binary search by them addresses the whole bus."""

    async def story(_clock: VirtualClock) -> None:
        bus = a_bus(*[0xFF] * 6)
        for frame in (0xA500, 0xA500, 0xA700, 0xA700):
            await send(bus, frame)
        await asyncio.sleep(0.1)
        seen = set()

        async def compare(address: int) -> Result:
            for opcode, shift in ((0xB100, 16), (0xB300, 8), (0xB500, 0)):
                await send(bus, opcode | (address >> shift & 0xFF))
            result = (await send(bus, 0xA900)).result
            seen.add(result)
            return result

        for number in range(6):
            low, high = 0, 0xFFFFFF
            while low < high:
                middle = (low + high) // 2
                low, high = (low, middle) if await compare(middle) is not Result.SILENCE else (middle + 1, high)
            assert await compare(low) is Result.ANSWER
            await send(bus, 0xB700 | number << 1 | 1)
            assert (await send(bus, 0xB900 | number << 1 | 1)).value == 0xFF
            await send(bus, 0xAB00)
        assert await compare(0xFFFFFF) is Result.SILENCE
        await send(bus, 0xA100)
        assert seen == {Result.SILENCE, Result.ANSWER, Result.GARBLED}
        assert sorted(gear.variables.short_address for gear in bus.gear) == list(range(6))
        for number in range(6):
            assert (await send(bus, 0x0100 | number << 9 | 0xA0)).result is Result.ANSWER

    run_virtual(story, NIGHT)


def test_a_late_answer_is_taken_for_the_next_query_meets_its_frame_or_strays() -> None:
    async def story(_clock: VirtualClock) -> None:
        for late_s, expected in ((0.030, Result.ANSWER), (0.016, Result.COLLISION), (0.2, Result.SILENCE)):
            bus = a_bus(3, 4, level=200)
            stray: list[int] = []
            bus.stray_answer.append(stray.append)
            bus.gear[0].late_s = late_s
            bus.gear[0].answer_delay_s = 0.008
            assert (await send(bus, 0x07A0)).result is Result.SILENCE
            await asyncio.sleep(0.0135)
            outcome = await send(bus, 0x0B91, settle=False)  # no gear has address 5
            assert outcome.result is expected
            await asyncio.sleep(1)
            assert stray == ([200] if expected is Result.SILENCE else [])

    run_virtual(story, NIGHT)


def test_a_bus_without_voltage_carries_nothing_and_fails_the_system() -> None:
    async def story(_clock: VirtualClock) -> None:
        bus = a_bus(3, level=0)
        for frame in (0xA396, 0x072C, 0x072C):
            await send(bus, frame)
        done: list[Outcome] = []
        bus.transmit(16, 0x06C8, done.append, settle=True)
        await asyncio.sleep(0.02)
        bus.set_voltage(False)
        bus.set_voltage(True)
        await asyncio.sleep(0.02)
        assert done[0].result is Result.NO_VOLTAGE
        assert bus.gear[0].level(bus.loop.time()) == 0
        bus.set_voltage(False)
        assert (await send(bus, 0x0791)).result is Result.NO_VOLTAGE
        await asyncio.sleep(0.6)
        assert bus.gear[0].level(bus.loop.time()) == 0x96
        bus.set_voltage(True)
        assert (await send(bus, 0x0791)).result is Result.ANSWER

    run_virtual(story, NIGHT)


def test_more_than_64_gear_are_refused() -> None:
    async def story(_clock: VirtualClock) -> None:
        with pytest.raises(ValueError, match="at most 64"):
            a_bus(*range(65))

    run_virtual(story, NIGHT)


# python-dali, as an independent reader and writer of these frames.

NO_PARAMETER = [
    oracle.Off, oracle.RecallMaxLevel, oracle.RecallMinLevel, oracle.StepUp, oracle.StepDown, oracle.OnAndStepUp,
    oracle.StepDownAndOff, oracle.GoToLastActiveLevel,
]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (oracle.QueryActualLevel, 254), (oracle.QueryMaxLevel, 254), (oracle.QueryMinLevel, 85),
        (oracle.QueryPhysicalMinimum, 85), (oracle.QueryPowerOnLevel, 254), (oracle.QuerySystemFailureLevel, 254),
        (oracle.QueryVersionNumber, 8), (oracle.QueryContentDTR0, 0), (oracle.QueryLightSourceType, 6),
    ],
)  # fmt: skip
def test_queries_in_another_librarys_words(query: type[oracle.QueryActualLevel], expected: int) -> None:
    lone = LoneGear()
    command = query(GearShort(5))
    answer = lone.send(command.frame.as_integer)
    assert answer is not None
    assert command.response(oracle_frame.BackwardFrame(answer)).value == expected


def test_status_in_another_librarys_words() -> None:
    lone = LoneGear()
    lone.gear.set_lamp_failed(True, lone.now)
    command = oracle.QueryStatus(GearBroadcast())
    answer = lone.send(command.frame.as_integer)
    assert answer is not None
    assert set(command.response(oracle_frame.BackwardFrame(answer)).status) == {"lamp failure"}


def test_configuration_in_another_librarys_words() -> None:
    lone = LoneGear()
    for command in (
        oracle.DTR0(123), oracle.SetPowerOnLevel(GearShort(5)), oracle.SetScene(GearShort(5), 3),
        oracle.DTR0(9), oracle.SetFadeTime(GearBroadcast()), oracle.AddToGroup(GearShort(5), 11),
    ):  # fmt: skip
        for _ in range(2 if command.sendtwice else 1):
            lone.send(command.frame.as_integer)
    variables = lone.gear.variables
    assert (variables.power_on_level, variables.scenes[3], variables.fade_time) == (123, 123, 9)
    assert variables.groups == 1 << 11
    lone.send(oracle.DAPC(GearGroup(11), 99).frame.as_integer)
    assert lone.gear.variables.last_light_level == 99


@settings(max_examples=100, deadline=None)
@given(level=st.integers(0, 255), first=st.integers(0, 254), address=st.integers(0, 63))
def test_dapc_reaches_whom_another_library_addresses(level: int, first: int, address: int) -> None:
    lone = LoneGear(level=0)
    lone.send(0x0A00 | first)
    before = lone.gear.level(lone.now)
    lone.send(oracle.DAPC(GearShort(address), level).frame.as_integer)
    taken = before if level == 255 or address != 5 else level and max(85, level)
    assert lone.gear.level(lone.now) == taken


@settings(max_examples=60, deadline=None)
@given(value=st.integers(0, 0xFFFF))
def test_what_is_answered_another_library_knows_for_a_query(value: int) -> None:
    from dali.command import Command, from_frame  # type: ignore[import-untyped,unused-ignore]

    lone = LoneGear()
    answer = lone.send(value)
    decoded: Command = from_frame(oracle_frame.ForwardFrame(16, value))
    if answer is not None:
        assert decoded.response is not None
