"""The peculiarities of the DALI HAT: several buses, firmware that differs, and noise on a line without a check sum.

The promises that every interface keeps are tested in hil/contract/.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.hardware.serial_port import port_opener
from drivers.dali import conditions
from drivers.dali.atx_hat import AtxHat
from drivers.dali.bus import LEVELS, TELEMETRY, DaliBus
from drivers.errors import BusUnpowered, DriverError
from hil.contract.bench import LEVELS as SHOWN
from hil.contract.bench import Bench, on_bench
from hil.devices.dali_hat import WithoutVoltage
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import ForwardFrame, Reply


async def ask(bus: DaliBus, gear: int) -> Reply:
    return await bus.run(sequences.query(addresses.short(gear), "QUERY ACTUAL LEVEL"), TELEMETRY)


class TwoBuses:
    """A HAT with two buses, three lamps on each, and the driver on it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.streets = [Street([Lamp(address, 25.0, level=200 + address) for address in range(3)], traffic=clock)]
        hat = self.streets[0].hat
        self.streets.append(Street([Lamp(address, 25.0, level=100 + address) for address in range(3)], hat=hat, seed=2))
        assert self.streets[0].port is not None
        self.heard: list[tuple[str, int]] = []
        self.foreign: list[tuple[int, ForwardFrame]] = []
        self.driver = AtxHat(
            port_opener(self.streets[0].port.path, clock),
            clock,
            lambda condition, channel, _sentence: self.heard.append((condition, channel)),
            (1, 2),
            lambda channel, frame: self.foreign.append((channel, frame)),
        )
        self.buses = [DaliBus(self.driver, 1), DaliBus(self.driver, 2)]


def on_two_buses(story: Callable[[TwoBuses], Awaitable[None]]) -> None:
    async def whole(clock: VirtualClock) -> None:
        two = TwoBuses(clock)
        running = asyncio.create_task(two.driver.run())
        try:
            await two.buses[1].wait_usable()
            await story(two)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            two.streets[0].close()

    run_virtual(whole, 1_768_500_000.0)


def test_answers_of_two_buses_stay_apart() -> None:
    async def story(two: TwoBuses) -> None:
        async def sweep(bus: int) -> None:
            for gear in (0, 1, 2) * 10:
                assert await ask(two.buses[bus], gear) == Reply(Reply.VALUE, (200, 100)[bus] + gear)

        await asyncio.gather(sweep(0), sweep(1))
        assert [street.statistics.settling_violations for street in two.streets] == [0, 0]

    on_two_buses(story)


def test_a_late_answer_of_one_bus_is_none_of_the_others() -> None:
    async def story(two: TwoBuses) -> None:
        two.streets[1].late_answer(0, 30)
        for _ in range(20):
            assert await ask(two.buses[1], 0) == Reply(Reply.NO_ANSWER, None)
            assert await ask(two.buses[0], 0) == Reply(Reply.VALUE, 200)

    on_two_buses(story)


def test_one_bus_without_voltage_leaves_the_other() -> None:
    async def story(two: TwoBuses) -> None:
        two.streets[1].bus_power(False)
        await two.clock.sleep(0.1)
        assert two.heard == [(conditions.CONNECTED, 0), (conditions.UNPOWERED, 2)]
        with pytest.raises(BusUnpowered):
            await ask(two.buses[1], 0)
        for _ in range(100):
            assert await ask(two.buses[0], 0) == Reply(Reply.VALUE, 200)

    on_two_buses(story)


def test_another_masters_frames_are_told_with_their_bus() -> None:
    async def story(two: TwoBuses) -> None:
        two.streets[1].bus.other_controller(0xA307)
        await two.clock.sleep(0.1)
        two.streets[0].bus.other_controller(0x0180)
        await two.clock.sleep(0.1)
        assert two.foreign == [(2, ForwardFrame(16, 0xA307)), (1, ForwardFrame(16, 0x0180))]

    on_two_buses(story)


@pytest.mark.parametrize("two_replies", [False, True])
def test_firmware_may_say_one_line_or_two_for_a_pair(two_replies: bool) -> None:
    async def story(bench: Bench) -> None:
        bench.street.hat.two_replies_to_twice = two_replies
        for gear in range(5):
            await bench.bus.run(sequences.set_parameter(addresses.short(gear), "SET FADE TIME", gear), LEVELS)
            assert await ask(bench.bus, gear) == Reply(Reply.VALUE, SHOWN[gear])
            assert bench.street.gear[gear].variables.fade_time == gear
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)


@pytest.mark.parametrize("lost_pairs", [1, 2])
def test_a_second_line_that_is_lost_does_not_make_the_next_ones_answers(lost_pairs: int) -> None:
    """The first pairs after connecting show how often the firmware says N: one broken line must not decide that."""

    async def story(bench: Bench) -> None:
        bench.street.hat.two_replies_to_twice = True
        for pair in range(8):
            gear = pair % 5
            setting = gear_commands.command(addresses.short(gear), "REMOVE FROM SCENE", 3)
            sending = asyncio.create_task(bench.interface.transmit(1, setting, 1))
            if pair < lost_pairs:
                while bench.frames_of((gear << 9 | 0x0100) + 0x53) < 2:
                    await bench.clock.sleep(0.001)
                bench.port.lose(1)
            await sending
            assert await ask(bench.bus, gear) == Reply(Reply.VALUE, SHOWN[gear]), pair

    on_bench("atx_hat", story)


def test_a_firmware_with_one_line_for_a_pair_is_soon_known() -> None:
    async def story(bench: Bench) -> None:
        took = []
        for _ in range(6):
            began = bench.clock.monotonic()
            await bench.interface.transmit(1, gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3), 1)
            took.append(bench.clock.monotonic() - began)
        assert all(seconds > 0.1 for seconds in took[:3])
        assert all(seconds < 0.07 for seconds in took[3:])

    on_bench("atx_hat", story)


def test_a_line_for_a_second_frame_that_comes_after_all_is_waited_for_from_then_on() -> None:
    async def story(bench: Bench) -> None:
        setting = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        for _ in range(4):
            await bench.interface.transmit(1, setting, 1)
        bench.street.hat.two_replies_to_twice = True
        await bench.interface.transmit(1, setting, 1)
        await bench.clock.sleep(0.1)
        for gear in range(5):
            await bench.interface.transmit(1, gear_commands.command(addresses.short(gear), "REMOVE FROM SCENE", 3), 1)
            assert await ask(bench.bus, gear) == Reply(Reply.VALUE, SHOWN[gear])

    on_bench("atx_hat", story)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02, 0.03, 0.04])
def test_a_pair_whose_second_frame_collided_after_its_first_was_answered(after_s: float) -> None:
    async def story(bench: Bench) -> None:
        bench.street.hat.two_replies_to_twice = True
        bench.street.gear[2].variables.scenes[3] = 77
        pair = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        sending = asyncio.create_task(bench.interface.transmit(1, pair, LEVELS))
        await bench.clock.sleep(after_s)
        bench.street.transmit_collisions(1)
        await sending
        assert bench.street.gear[2].variables.scenes[3] == 255

    on_bench("atx_hat", story)


@pytest.mark.parametrize("what", list(WithoutVoltage))
def test_a_hat_without_voltage_may_say_different_lines_in_place_of_a_reply(what: WithoutVoltage) -> None:
    async def story(bench: Bench) -> None:
        bench.street.hat.without_voltage = what
        asking = asyncio.create_task(ask(bench.bus, 0))
        await bench.clock.sleep(0.001)
        bench.street.bus_power(False)
        with pytest.raises(BusUnpowered):
            await asking
        with pytest.raises(BusUnpowered):
            await ask(bench.bus, 0)
        assert bench.heard == [(conditions.CONNECTED, 0), (conditions.UNPOWERED, 1)]

    on_bench("atx_hat", story)


def test_a_lost_line_end_costs_one_answer_and_not_the_connection() -> None:
    async def story(bench: Bench) -> None:
        bench.port.write(b"J1")
        with contextlib.suppress(DriverError):
            await ask(bench.bus, 0)
        for gear in range(5):
            assert await ask(bench.bus, gear) == Reply(Reply.VALUE, SHOWN[gear])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("atx_hat", story)


@pytest.mark.parametrize("line", [b"1J11\n", b"2N\n", b"3X\n"])
@pytest.mark.parametrize("after_s", [0.001, 0.02, 0.028])
def test_a_line_of_another_bus_is_no_answer(line: bytes, after_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(ask(bench.bus, 0))
        await bench.clock.sleep(after_s)
        bench.port.write(line)
        assert await asking == Reply(Reply.VALUE, SHOWN[0])

    on_bench("atx_hat", story)


@pytest.mark.parametrize("line", [b"J11\n", b"N\n", b"X\n"])
@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.02])
def test_a_line_before_the_frame_can_have_been_answered_is_no_answer(line: bytes, after_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(ask(bench.bus, 0))
        await bench.clock.sleep(after_s)
        bench.port.write(line)
        assert await asking == Reply(Reply.VALUE, SHOWN[0])

    on_bench("atx_hat", story)


def test_a_status_of_a_bus_that_the_board_does_not_name_is_ignored() -> None:
    async def story(bench: Bench) -> None:
        bench.port.write(b"2D01\n")
        await bench.clock.sleep(0.1)
        assert await ask(bench.bus, 0) == Reply(Reply.VALUE, SHOWN[0])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("atx_hat", story)


def test_a_port_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        heard: list[str] = []
        driver = AtxHat(
            port_opener(str(tmp_path / "port"), clock), clock, lambda condition, _channel, text: heard.append(text)
        )
        running = asyncio.create_task(driver.run())
        await clock.sleep(600)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(heard) == 1
        assert "does not exist" in heard[0]

    run_virtual(story, 1_768_500_000.0)


HAT_LINES = st.sampled_from(
    [
        b"N\n",
        b"X\n",
        b"Z\n",
        b"J00\n",
        b"JFE\n",
        b"H01A0\n",
        b"D21\n",
        b"D01\n",
        b"1D01\n",
        b"V0708\n",
        b"J",
        b"D",
        b"\n",
    ]
)
NOISE = st.lists(st.tuples(st.integers(0, 60), st.one_of(st.binary(min_size=1, max_size=24), HAT_LINES)), max_size=12)


@settings(max_examples=120, deadline=None)
@given(noise=NOISE)
@example(noise=[(0, b"2D01\n")])
@example(noise=[(1, b"D01\n"), (1, b"D21\n"), (1, b"J")])
@example(noise=[(20, b"N\n"), (20, b"J00\n"), (1, b"N\n")])
@example(noise=[(0, b"\x00"), (36, b"N\n"), (0, b"\x00")])
def test_noise_at_any_moment_raises_nothing_but_driver_errors_and_ends_with_itself(
    noise: list[tuple[int, bytes]],
) -> None:
    async def story(bench: Bench) -> None:
        failed: list[BaseException | None] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failed.append(context.get("exception")))

        async def talk() -> None:
            while True:
                for gear in range(5):
                    with contextlib.suppress(DriverError):
                        await ask(bench.bus, gear)
                    await bench.clock.sleep(0.001)

        talking = asyncio.create_task(talk())
        for pause_ms, content in noise:
            await bench.clock.sleep(pause_ms / 1000)
            bench.port.write(content)
        await bench.clock.sleep(0.02)
        talking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await talking
        assert failed == []
        # If the noise looked like a bus without voltage, the bus is asked again within a second; if it hid the HAT, the
        # driver finds the HAT again within two.
        await bench.clock.sleep(3.5)
        for gear in range(5):
            assert await ask(bench.bus, gear) == Reply(Reply.VALUE, SHOWN[gear])

    on_bench("atx_hat", story)
