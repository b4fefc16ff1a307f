"""SevenLab's interface: its records from any bytes, and its driver on the emulated interface and bus."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dali import conditions
from drivers.dali.bus import LEVELS as LEVEL_PRIORITY
from drivers.dali.bus import TELEMETRY
from drivers.dali.sevenlab import SevenLab as Driver
from drivers.errors import BusBusy, BusUnpowered, InterfaceSilent
from hil.contract.bench import LEVELS, Bench, on_bench
from hil.devices.sevenlab import SevenLab
from protocols.dali import addresses, device_addresses, device_commands, gear_commands, sequences
from protocols.dali.frames import NO_ANSWER, ForwardFrame, Reply, Transmission
from protocols.dali_interfaces import sevenlab as wire
from protocols.dali_interfaces.sevenlab import Report

KINDS = {value for name, value in vars(Report).items() if name.isupper()}
PIECES = [
    b"{0000012c",
    b":10 0000fe01}",
    b">18 00012345}",
    b":81 00000000}",
    b"\r\n",
    b"Version 3.5.1 \r\n",
    b"{",
    b"}",
]


def ask(gear: int) -> Transmission:
    return gear_commands.command(addresses.short(gear), "QUERY ACTUAL LEVEL")


def emulated(bench: Bench) -> SevenLab:
    assert isinstance(bench.street.interface, SevenLab)
    return bench.street.interface


def driver(bench: Bench) -> Driver:
    assert isinstance(bench.interface, Driver)
    return bench.interface


# The wire format


@given(st.lists(st.one_of(st.binary(max_size=80), st.sampled_from(PIECES)), max_size=30), st.binary(max_size=300))
def test_any_bytes_are_reports_or_noise_and_the_next_record_is_whole(pieces: list[bytes], more: bytes) -> None:
    reader = wire.ReportReader()
    for piece in [*pieces, more]:
        for report in reader.feed(piece):
            assert report.kind in KINDS
            assert 0 <= report.at_ms < 1 << 32
    assert reader.feed(b"{0000012c:10 0000fe01}")[-1] == Report(Report.FRAME, 300, False, ForwardFrame(16, 0xFE01))


@given(st.lists(st.one_of(st.binary(max_size=40), st.sampled_from(PIECES)), max_size=12), st.integers(1, 7))
def test_bytes_mean_the_same_in_whatever_pieces_they_come(pieces: list[bytes], size: int) -> None:
    content = b"".join(pieces)
    reader = wire.ReportReader()
    split = [content[start : start + size] for start in range(0, len(content), size)]
    assert [report for piece in split for report in reader.feed(piece)] == wire.ReportReader().feed(content)


@given(st.integers(0, (1 << 24) - 1), st.sampled_from((16, 24)), st.integers(1, 5), st.booleans(), st.booleans())
def test_what_is_encoded_is_what_the_interface_sends(
    value: int, bits: int, priority: int, twice: bool, answer: bool
) -> None:
    frame = ForwardFrame(bits, value & ((1 << bits) - 1))
    command = wire.encode(Transmission(frame, twice and not answer, answer, Transmission.LOOSE), priority)
    assert len(command) <= 20, "the interface's own buffer"
    letter, rest = chr(command[0]), command[1:].decode()
    assert letter == ("Q" if answer else "S")
    first, second = rest.replace("+", " + ").split(" ", 1)
    assert int(first) == priority
    assert int(second.split()[0], 16) == bits
    assert int(second.split()[-1], 16) == frame.value
    assert ("+" in rest) == (twice and not answer)


@given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from(PIECES)), max_size=15), st.integers(0, 1000))
def test_no_bytes_from_the_interface_make_another_gears_answer_or_an_exception(noise: list[bytes], seed: int) -> None:
    async def story(bench: Bench) -> None:
        rng = random.Random(seed)
        asking = asyncio.create_task(bench.interface.transmit(1, ask(1), 2))
        for piece in noise:
            driver(bench).received(piece)
            await bench.clock.sleep(rng.uniform(0, 0.01))
        await asyncio.wait([asking])
        assert isinstance(asking.exception(), InterfaceSilent | BusUnpowered | BusBusy | None)
        await bench.clock.sleep(3)
        assert await bench.interface.transmit(1, ask(2), 2) == Reply(Reply.VALUE, LEVELS[2])

    on_bench("sevenlab", story)


# The driver on the bench


@pytest.mark.parametrize("priority", [1, 2, 3, 4, 5])
def test_the_interface_settles_the_bus_by_the_priority_of_its_command(priority: int) -> None:
    settling_s = (0.0, 0.0135, 0.0149, 0.0163, 0.0179, 0.0195)[priority]

    async def story(bench: Bench) -> None:
        for _ in range(20):
            await bench.bus.send(gear_commands.level(addresses.short(1), 100), priority)
        ends = [frame.time for frame in bench.street.bus.trace][-20:]
        gaps = [after - before - 17 / 1200 for before, after in itertools.pairwise(ends)]
        assert min(gaps) >= settling_s - 1e-6
        assert max(gaps) <= settling_s + 1e-6, "the interface has the next frame before the bus has settled"

    on_bench("sevenlab", story)


def test_95_percent_of_the_bus_limit_at_priority_2() -> None:
    async def story(bench: Bench) -> None:
        began = bench.clock.monotonic()
        for number in range(1000):
            await bench.bus.send(gear_commands.level(addresses.short(number % 5), 200), LEVEL_PRIORITY)
        assert 1000 / (bench.clock.monotonic() - began) >= 0.95 * 34.4
        assert bench.street.statistics.settling_violations == 0

    on_bench("sevenlab", story)


def test_a_reading_leaves_a_level_command_its_gap_and_loses_no_time() -> None:
    async def story(bench: Bench) -> None:
        reading = asyncio.create_task(bench.bus.run(sequences.read_bank(addresses.short(1), 202, 4, 12), TELEMETRY))
        longest = 0.0
        for number in range(5):
            await bench.clock.sleep(0.053 + 0.003 * number)
            began = bench.clock.monotonic()
            await bench.bus.send(gear_commands.level(addresses.short(0), 50 + number))
            longest = max(longest, bench.clock.monotonic() - began)
        assert longest < 0.075
        await reading
        began = bench.clock.monotonic()
        await bench.bus.run(sequences.read_bank(addresses.short(1), 202, 4, 12), TELEMETRY)
        # 14 frames at priority 1, 12 of them answered after 5.5 to 10.5 ms.
        assert bench.clock.monotonic() - began < 14 * (17 / 1200 + 0.0135) + 12 * (0.0105 + 9 / 1200) + 0.02

    on_bench("sevenlab", story)


@pytest.mark.parametrize("code", [0x82, 0x83, 0x84, 0x85, 0x86, 0x87])
def test_each_code_of_a_frame_that_met_another_sends_it_again(code: int) -> None:
    async def story(bench: Bench) -> None:
        emulated(bench).collision_code = code
        bench.street.transmit_collisions(2)
        assert await bench.interface.transmit(1, ask(1), 1) == Reply(Reply.VALUE, LEVELS[1])
        bench.street.transmit_collisions(3)
        await bench.interface.transmit(1, gear_commands.level(addresses.short(4), 0), 2)
        assert bench.frames_of(0x0800) == 1
        bench.street.transmit_collisions(10)
        with pytest.raises(BusBusy):
            await bench.interface.transmit(1, ask(1), 1)

    on_bench("sevenlab", story)


@pytest.mark.parametrize("code", [0xA0, 0xA1, 0xA2, 0xA3, 0xA4])
def test_a_command_that_was_not_carried_out_is_given_again_and_then_refused_with_its_code(code: int) -> None:
    async def story(bench: Bench) -> None:
        emulated(bench).refusals.extend([code] * 3)
        assert await bench.interface.transmit(1, ask(1), 1) == Reply(Reply.VALUE, LEVELS[1])
        emulated(bench).refusals.extend([code] * 4)
        with pytest.raises(InterfaceSilent, match=f"{code:02X}"):
            await bench.interface.transmit(1, ask(1), 1)
        assert await bench.interface.transmit(1, ask(1), 1) == Reply(Reply.VALUE, LEVELS[1])

    on_bench("sevenlab", story)


def test_a_queue_that_is_full_says_so_and_the_driver_waits() -> None:
    async def story(bench: Bench) -> None:
        for _ in range(6):
            emulated(bench).receive(b"S1 10 FF00\r")
        assert await bench.interface.transmit(1, ask(0), 2) == Reply(Reply.VALUE, 0)
        assert bench.frames_of(0xFF00) == 5, "one under way, four in the queue; the sixth was refused"

    on_bench("sevenlab", story)


def test_what_others_send_is_heard_with_their_bits() -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus.other_controller(0x01FE)
        await bench.clock.sleep(0.1)
        for listener in bench.street.bus.event_message:
            listener(0x0102FE)
        await bench.clock.sleep(0.1)
        await bench.interface.transmit(1, ask(0), 2)
        assert bench.foreign == [(1, ForwardFrame(16, 0x01FE)), (1, ForwardFrame(24, 0x0102FE))]

    on_bench("sevenlab", story)


def test_a_24_bit_query_goes_out_and_here_nobody_answers() -> None:
    async def story(bench: Bench) -> None:
        question = device_commands.device(device_addresses.short(63), "QUERY VERSION NUMBER")
        assert await bench.interface.transmit(1, question, 2) == NO_ANSWER
        assert bench.street.bus.trace[-1].bits == 24

    on_bench("sevenlab", story)


@pytest.mark.parametrize("gap_s", [0.0295, 0.030])
def test_another_masters_frame_in_place_of_an_answer_is_no_answer(gap_s: float) -> None:
    async def story(bench: Bench) -> None:
        asking = asyncio.create_task(bench.interface.transmit(1, ask(60), 1))
        await bench.clock.sleep(0.016)
        bench.street.bus.other_controller(0x3F90)  # settled, it begins before the interface says that nobody answers
        assert await asking == NO_ANSWER
        assert bench.street.bus.trace[-1].value == 0x3F90
        await bench.clock.sleep(gap_s)
        assert await bench.interface.transmit(1, ask(1), 1) == Reply(Reply.VALUE, LEVELS[1])

    on_bench("sevenlab", story)


def test_a_pair_that_another_master_parts_is_sent_again() -> None:
    async def story(bench: Bench) -> None:
        bench.street.gear[2].variables.scenes[3] = 77
        pair = gear_commands.command(addresses.short(2), "REMOVE FROM SCENE", 3)
        reader = driver(bench).reader

        class AnotherInBetween:
            parted = False

            def feed(self, content: bytes) -> list[Report]:
                reports = reader.feed(content)
                if b">10 00000553" in content and not self.parted:
                    self.parted = True
                    reports += reader.feed(b"{00000200:10 0000fe01}\r\n")
                return reports

            def drop_rest(self) -> object:
                return reader.drop_rest()

        driver(bench).reader = AnotherInBetween()
        await bench.interface.transmit(1, pair, 3)
        assert bench.frames_of(0x0553) == 4
        assert bench.street.gear[2].variables.scenes[3] == 255

    on_bench("sevenlab", story)


def test_the_interface_started_anew_in_the_middle_harms_nobody() -> None:
    async def story(bench: Bench) -> None:
        for number in range(30):
            asking = asyncio.create_task(bench.interface.transmit(1, ask(number % 5), 1))
            await bench.clock.sleep(0.0013 * number)
            emulated(bench).restart()
            await asyncio.wait([asking])
            if asking.exception() is None:
                assert asking.result() in (NO_ANSWER, Reply(Reply.VALUE, LEVELS[number % 5]))
            gear = (number + 1) % 5
            assert await bench.interface.transmit(1, ask(gear), 1) == Reply(Reply.VALUE, LEVELS[gear])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("sevenlab", story)


def test_a_short_dip_of_the_voltage_is_no_loss() -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus_power(False)
        await bench.clock.sleep(0.2)
        bench.street.bus_power(True)
        await bench.clock.sleep(0.1)
        assert await bench.interface.transmit(1, gear_commands.level(addresses.short(0), 90), 2) == NO_ANSWER
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("sevenlab", story)


def test_the_loss_of_voltage_is_told_while_nobody_sends() -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus_power(False)
        await bench.clock.sleep(0.6)
        assert bench.heard[1:] == [(conditions.UNPOWERED, 1)]
        bench.street.bus_power(True)
        await bench.clock.sleep(0.05)
        assert bench.heard[2:] == [(conditions.POWERED, 1)]

    on_bench("sevenlab", story)


def test_a_timeout_of_which_a_bit_was_changed_on_the_line_is_no_loss_of_voltage() -> None:
    async def story(bench: Bench) -> None:
        reader = driver(bench).reader

        class OneBitChanged:
            def feed(self, content: bytes) -> list[Report]:
                return reader.feed(content.replace(b":81 ", b":91 "))

            def drop_rest(self) -> object:
                return reader.drop_rest()

        driver(bench).reader = OneBitChanged()
        with pytest.raises(InterfaceSilent):
            await bench.interface.transmit(1, ask(60), 2)
        driver(bench).reader = reader
        assert await bench.interface.transmit(1, ask(60), 2) == NO_ANSWER
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("sevenlab", story)


def test_a_lost_command_is_no_loss_of_voltage() -> None:
    async def story(bench: Bench) -> None:
        receive = bench.street.interface.receive
        swallowed: list[bytes] = []

        def deaf_once(content: bytes) -> None:
            if swallowed:
                receive(content)
            else:
                swallowed.append(content)

        bench.port._received = deaf_once
        with pytest.raises(InterfaceSilent):
            await bench.interface.transmit(1, ask(1), 2)
        assert await bench.interface.transmit(1, ask(1), 2) == Reply(Reply.VALUE, LEVELS[1])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("sevenlab", story)


def test_answers_that_come_a_second_late_over_the_line_are_still_their_own() -> None:
    """The interface's clock binds them; only the patience of the driver ends."""

    async def story(bench: Bench) -> None:
        bench.port.delay_s = 0.2
        for gear in (0, 1, 2, 3, 4) * 3:
            assert await bench.interface.transmit(1, ask(gear), 2) == Reply(Reply.VALUE, LEVELS[gear])
        bench.port.delay_s = 0.4
        for gear in (0, 1, 2, 3, 4) * 3:
            assert await bench.interface.transmit(1, ask(gear), 2) == Reply(Reply.VALUE, LEVELS[gear])
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench("sevenlab", story)
