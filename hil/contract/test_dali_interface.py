"""The contract of drivers.interfaces.DaliInterface, which every DALI interface keeps on its own bench.

One promise stands behind all tests: `transmit` returns the answer to that very frame or raises an error, and never
returns the answer to another frame.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from drivers.dali import conditions
from drivers.dali.bus import CONFIGURATION, TELEMETRY
from drivers.dali.bus import LEVELS as LEVEL_PRIORITY
from drivers.errors import BusBusy, BusUnpowered, DriverError, InterfaceSilent, PortUnavailable
from hil.contract.bench import LEVELS, QUIETEN_S, Bench, all_right, ask, on_bench
from protocols.dali import addresses, device_addresses, device_sequences, gear_commands, sequences
from protocols.dali.frames import Reply
from protocols.dali.occupancy import COMMANDS as OCCUPANCY
from protocols.dali.occupancy import HOLD_TIMER
from protocols.errors import ValueOutOfRange


def test_an_answer_and_no_answer(product: str) -> None:
    async def story(bench: Bench) -> None:
        await all_right(bench)
        assert await ask(bench, 63) == Reply(Reply.NO_ANSWER, None)
        await all_right(bench)
        assert await ask(bench, 0, "QUERY LAMP FAILURE") == Reply(Reply.NO_ANSWER, None)
        assert bench.heard == [(conditions.CONNECTED, 0)]
        assert bench.street.statistics.settling_violations == 0

    on_bench(product, story)


def test_several_answers_are_a_result_and_no_error(product: str) -> None:
    async def story(bench: Bench) -> None:
        everybody = sequences.query(addresses.BROADCAST, "QUERY ACTUAL LEVEL")
        assert await bench.bus.run(everybody, TELEMETRY) == Reply(Reply.COLLISION, None)
        bench.street.framing_error(1)
        assert await ask(bench, 1) == Reply(Reply.COLLISION, None)
        assert await ask(bench, 2) == Reply(Reply.VALUE, LEVELS[2])

    on_bench(product, story)


@pytest.mark.parametrize("late_ms", [26, 33, 40])
def test_an_answer_late_on_the_bus_reaches_no_other_query(product: str, late_ms: int) -> None:
    async def story(bench: Bench) -> None:
        bench.street.late_answer(1, late_ms)
        for gear in (0, 1, 2, 1, 1, 3, 1, 0):
            expected = Reply(Reply.NO_ANSWER, None) if gear == 1 else Reply(Reply.VALUE, LEVELS[gear])
            assert await ask(bench, gear) == expected, gear
        bench.street.late_answer(1, 0)
        await all_right(bench)

    on_bench(product, story)


@pytest.mark.parametrize("delay_s", [0.026, 0.09, 0.15, 0.35, 0.8])
def test_answers_late_on_the_serial_line_reach_no_other_query(product: str, delay_s: float) -> None:
    async def story(bench: Bench) -> None:
        bench.port.delay_s = delay_s
        for gear in (0, 1, 2, 3, 4) * 6:
            try:
                reply = await ask(bench, gear)
            except DriverError:
                assert delay_s > 0.05, "26 ms more is an answer in time"
            else:
                assert reply == Reply(Reply.VALUE, LEVELS[gear])
        bench.port.delay_s = 0.0
        if delay_s > 0.05:
            await bench.clock.sleep(QUIETEN_S)
        await all_right(bench)

    on_bench(product, story)


def test_a_send_twice_frame_goes_out_twice(product: str) -> None:
    async def story(bench: Bench) -> None:
        await bench.bus.run(sequences.set_parameter(addresses.short(2), "SET FADE TIME", 5), LEVEL_PRIORITY)
        assert bench.frames_of(0x052E) == 2
        two = [frame.time for frame in bench.street.bus.trace if frame.value == 0x052E]
        assert two[1] - two[0] < 0.1
        assert bench.street.gear[2].variables.fade_time == 5
        await all_right(bench)
        assert bench.street.statistics.settling_violations == 0

    on_bench(product, story)


@pytest.mark.parametrize("collisions", [1, 2, 3])
def test_a_frame_that_met_another_masters_is_sent_again(product: str, collisions: int) -> None:
    async def story(bench: Bench) -> None:
        bench.street.transmit_collisions(collisions)
        assert await ask(bench, 3) == Reply(Reply.VALUE, LEVELS[3])
        assert bench.street.statistics.collisions == collisions
        bench.street.transmit_collisions(collisions)
        await bench.bus.run(sequences.dim(addresses.short(4), 0), LEVEL_PRIORITY)
        assert bench.frames_of(0x0800) == 1
        assert bench.street.statistics.settling_violations == 0

    on_bench(product, story)


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.04])
def test_a_pair_of_which_one_frame_collided_is_sent_again_as_a_pair(product: str, after_s: float) -> None:
    async def story(bench: Bench) -> None:
        await bench.bus.run(sequences.dim(addresses.short(4), 254), LEVEL_PRIORITY)
        pair = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        sending = asyncio.create_task(bench.interface.transmit(1, pair, 1))
        await bench.clock.sleep(after_s)
        bench.street.transmit_collisions(1)
        bench.street.gear[2].variables.scenes[3] = 77
        await sending
        assert bench.street.gear[2].variables.scenes[3] == 255

    on_bench(product, story)


def test_a_bus_on_which_every_frame_collides_is_busy(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.transmit_collisions(100)
        with pytest.raises(BusBusy):
            await ask(bench, 0)
        bench.street.transmit_collisions(0)
        await all_right(bench)

    on_bench(product, story)


def test_garbled_lines_cost_at_most_their_own_answers(product: str) -> None:
    async def story(bench: Bench) -> None:
        for gear in range(5):
            bench.street.garbled_lines(1)
            # A flipped bit may make another answer: if the product has no check sum, no driver can tell.
            await asyncio.gather(ask(bench, gear), return_exceptions=True)
            bench.street.garbled_lines(0)
            await asyncio.gather(ask(bench, gear), return_exceptions=True)
            assert bench.heard == [(conditions.CONNECTED, 0)], "a flipped bit is no lost cable"
            await all_right(bench)

    on_bench(product, story)


def test_lost_bytes_never_make_another_answer(product: str) -> None:
    async def story(bench: Bench) -> None:
        for _ in range(12):
            for gear in range(5):
                bench.port.lose(1)
                with contextlib.suppress(InterfaceSilent):
                    assert await ask(bench, gear) == Reply(Reply.VALUE, LEVELS[gear])
                bench.port.lose(0)
                assert await ask(bench, gear) == Reply(Reply.VALUE, LEVELS[gear])
        assert bench.heard == [(conditions.CONNECTED, 0)], "a lost byte is no lost cable"
        await all_right(bench)

    on_bench(product, story)


def test_lines_that_come_in_pieces_are_lines(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.port.split(1000)
        for _ in range(10):
            await all_right(bench)

    on_bench(product, story)


def test_unasked_lines_are_no_answers(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(40):
            asking = asyncio.create_task(ask(bench, number % 5))
            await bench.clock.sleep(0.001 * number)
            bench.port.write(bench.product.chatter[number % len(bench.product.chatter)])
            assert await asking == Reply(Reply.VALUE, LEVELS[number % 5])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench(product, story)


def test_another_masters_frames_are_no_answers(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(20):
            asking = asyncio.create_task(ask(bench, number % 5))
            await bench.clock.sleep(0.002 * number)
            bench.street.bus.other_controller(0x3F90)
            assert await asking == Reply(Reply.VALUE, LEVELS[number % 5])

    on_bench(product, story)


def test_a_bus_without_voltage_and_back(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus_power(False)
        await bench.clock.sleep(0.05)
        for _ in range(3):
            with pytest.raises(BusUnpowered):
                await ask(bench, 0)
        waiting = asyncio.create_task(bench.bus.wait_usable())
        await bench.clock.sleep(5)
        assert bench.heard == [(conditions.CONNECTED, 0), (conditions.UNPOWERED, 1)]
        assert not waiting.done()
        bench.street.bus_power(True)
        await bench.clock.sleep(QUIETEN_S)
        assert bench.heard[2:] == [(conditions.POWERED, 1)]
        assert waiting.done()
        await bench.bus.run(sequences.dim(addresses.short(0), LEVELS[0]), LEVEL_PRIORITY)
        assert await ask(bench, 0) == Reply(Reply.VALUE, LEVELS[0])

    on_bench(product, story)


@pytest.mark.parametrize("into_s", [0.001, 0.01, 0.02, 0.03])
def test_voltage_that_goes_under_a_frame(product: str, into_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(ask(bench, 0))
        await bench.clock.sleep(into_s)
        bench.street.bus_power(False)
        with contextlib.suppress(BusUnpowered):
            assert await asking == Reply(Reply.NO_ANSWER, None), "the interface said N before it said why"
        await bench.clock.sleep(0.005)
        with pytest.raises(BusUnpowered):
            await ask(bench, 0)

    on_bench(product, story)


def test_a_short_circuit_is_a_bus_without_voltage(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus_short()
        await bench.clock.sleep(0.05)
        with pytest.raises(BusUnpowered):
            await ask(bench, 0)
        bench.street.bus_short(False)
        await bench.clock.sleep(QUIETEN_S)
        assert bench.heard[1:] == [(conditions.UNPOWERED, 1), (conditions.POWERED, 1)]

    on_bench(product, story)


@pytest.mark.parametrize("into_s", [0.0, 0.005, 0.02, 0.028, 5.0])
def test_the_cable_pulled_and_put_back(product: str, into_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(ask(bench, 0))
        await bench.clock.sleep(into_s)
        bench.street.unplug()
        if into_s < 1:
            with pytest.raises(PortUnavailable):
                await asking
        await bench.clock.sleep(30)
        for _ in range(3):
            with pytest.raises(PortUnavailable):
                await ask(bench, 0)
        assert bench.heard == [(conditions.CONNECTED, 0), (conditions.LOST, 0)]
        waiting = asyncio.create_task(bench.bus.wait_usable())
        bench.street.plug()
        await bench.clock.wait_for(waiting, QUIETEN_S)
        assert bench.heard[2:] == [(conditions.CONNECTED, 0)]
        await all_right(bench)

    on_bench(product, story)


def test_voltage_that_comes_back_while_the_cable_is_out_is_told(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus_power(False)
        await bench.clock.sleep(2)
        bench.street.unplug()
        await bench.clock.sleep(5)
        with pytest.raises(PortUnavailable):
            await ask(bench, 0)
        bench.street.bus_power(True)
        bench.street.plug()
        await bench.clock.sleep(QUIETEN_S)
        assert [condition for condition, _ in bench.heard].count(conditions.POWERED) == 1
        assert bench.heard[-1] == (conditions.CONNECTED, 0)
        assert await ask(bench, 63) == Reply(Reply.NO_ANSWER, None)

    on_bench(product, story)


def test_voltage_that_went_while_the_cable_was_out_is_told(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.unplug()
        await bench.clock.sleep(5)
        bench.street.bus_power(False)
        bench.street.plug()
        await bench.clock.sleep(QUIETEN_S)
        assert (conditions.UNPOWERED, 1) in bench.heard
        with pytest.raises(BusUnpowered):
            await ask(bench, 0)

    on_bench(product, story)


def test_an_interface_that_falls_silent_is_lost_and_found(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.port.mute = True
        for _ in range(4):
            with pytest.raises((InterfaceSilent, PortUnavailable)):
                await ask(bench, 0)
        await bench.clock.sleep(60)
        assert bench.heard == [(conditions.CONNECTED, 0), (conditions.LOST, 0)]
        bench.port.mute = False
        await bench.clock.sleep(QUIETEN_S)
        assert bench.heard[2:] == [(conditions.CONNECTED, 0)]
        await all_right(bench)

    on_bench(product, story)


def test_a_caller_who_gives_up_at_any_moment_harms_no_other(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(120):
            given_up = asyncio.create_task(ask(bench, number % 5))
            await bench.clock.sleep(0.0007 * number)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            following = (number + 1) % 5
            assert await ask(bench, following) == Reply(Reply.VALUE, LEVELS[following]), number
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench(product, story)


def test_a_caller_who_gives_up_before_a_late_answer_harms_no_other(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.late_answer(1, 28)
        for number in range(120):
            given_up = asyncio.create_task(ask(bench, 1))
            await bench.clock.sleep(0.0007 * number)
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            assert await ask(bench, 2) == Reply(Reply.VALUE, LEVELS[2]), number

    on_bench(product, story)


@pytest.mark.parametrize("seed", range(8))
def test_many_queries_under_random_faults_get_no_answer_of_another_gear(product: str, seed: int) -> None:
    async def story(bench: Bench) -> None:
        rng = random.Random(seed)
        bench.port.delay_s = rng.choice((0.0, 0.026))
        right = 0
        for number in range(250):
            gear = rng.randrange(5)
            _something_goes_wrong(bench, rng)
            asking = asyncio.create_task(ask(bench, gear))
            if rng.random() < 0.1:
                await bench.clock.sleep(rng.uniform(0, 0.08))
                bench.port.write(rng.choice(bench.product.chatter))
            if rng.random() < 0.1:
                await bench.clock.sleep(rng.uniform(0, 0.08))
                asking.cancel()
            try:
                reply = await asking
            except (DriverError, asyncio.CancelledError):
                await bench.clock.sleep(rng.choice((0.0, 0.0, 0.5)))
                continue
            if reply.kind == Reply.VALUE:
                assert reply.value == LEVELS[gear], number
                right += 1
        assert right > 50, "with faults like these most of the queries get no answer: they show nothing"
        _all_well(bench)
        bench.port.delay_s = 0.0
        await bench.clock.sleep(QUIETEN_S)
        await all_right(bench)

    on_bench(product, story)


def _something_goes_wrong(bench: Bench, rng: random.Random) -> None:
    street, gear = bench.street, rng.randrange(5)
    fault = rng.randrange(20)
    if fault == 0:
        street.no_answer(gear, rng.random() < 0.5)
    elif fault == 1:
        street.late_answer(gear, rng.choice((0, 0, 26, 30, 35, 40)))
    elif fault == 2:
        street.framing_error(gear, rng.random() < 0.3)
    elif fault == 3:
        street.transmit_collisions(rng.randrange(6))
    elif fault == 4:
        bench.port.lose(rng.randrange(3))
    elif fault == 5:
        bench.port.split(rng.randrange(5))
    elif fault == 6:
        street.bus.other_controller(0x3F90)
    elif fault == 7 and rng.random() < 0.3:
        street.unplug()
        bench.later(0.1, street.plug)
    elif fault > 15:
        _all_well(bench)


def _all_well(bench: Bench) -> None:
    for gear in range(5):
        bench.street.no_answer(gear, False)
        bench.street.late_answer(gear, 0)
        bench.street.framing_error(gear, False)
    bench.street.transmit_collisions(0)
    bench.port.lose(0)
    bench.port.split(0)


def test_a_control_device_is_set_and_asked_in_24_bits(product: str) -> None:
    async def story(bench: Bench) -> None:
        device, sensor = device_addresses.short(5), device_addresses.instance(0)
        for hold_s in (30.0, 120.0):  # the setting goes out twice; the device reads it back to us
            setting = device_sequences.write_setting(device, sensor, HOLD_TIMER, hold_s, OCCUPANCY)
            if not bench.product.sends_24_bits:  # then the driver says so
                with pytest.raises(ValueOutOfRange, match="24 bits"):
                    await bench.bus.run(setting, CONFIGURATION)
                return
            await bench.bus.run(setting, CONFIGURATION)
            read = device_sequences.read_setting(device, sensor, HOLD_TIMER, OCCUPANCY)
            assert await bench.bus.run(read, TELEMETRY) == hold_s
        await all_right(bench)
        assert bench.street.statistics.settling_violations == 0

    on_bench(product, story)
