"""The contract seen from the bus: the driver tells other masters' frames, and each frame settles for its priority."""

from __future__ import annotations

import pytest

from drivers.dali.bus import LEVELS as LEVEL_PRIORITY
from hil.contract.bench import LEVELS, Bench, all_right, ask, on_bench
from protocols.dali import addresses, gear_commands, sequences
from protocols.dali.frames import ForwardFrame, Reply

BANDS_MS = {1: (13.5, 14.7), 2: (14.9, 16.1), 3: (16.3, 17.7), 4: (17.9, 19.3), 5: (19.5, 21.1)}
"""The time from the last edge of a frame to the first edge of a forward frame, shortest and longest, by the priority of
the latter (IEC 62386-101 clause 8)."""
FRAME_S = 17 / 1200


@pytest.mark.parametrize("value", [0x0190, 0xA307, 0xFEFE, 0x0000])
def test_another_masters_16_bit_frames_are_told(product: str, value: int) -> None:
    async def story(bench: Bench) -> None:
        bench.street.bus.other_controller(value)
        await bench.clock.sleep(0.1)
        assert bench.foreign == [(1, ForwardFrame(16, value))]

    on_bench(product, story)


def test_a_sensors_24_bit_events_are_told(product: str) -> None:
    async def story(bench: Bench) -> None:
        bench.street.presence(0, True)
        await bench.clock.sleep(0.5)
        told = [(frame.bits, frame.value) for frame in bench.street.bus.trace if frame.bits == 24]
        assert len(told) >= 1
        assert bench.foreign == [(1, ForwardFrame(*frame)) for frame in told]

    on_bench(product, story)


def test_what_others_send_between_our_frames_is_told_in_its_order_and_ours_is_not(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(10):
            bench.street.bus.other_controller(0x7F90 + number)
            assert await ask(bench, number % 5) == Reply(Reply.VALUE, LEVELS[number % 5])
            bench.street.presence(0, number % 2 == 0)
            await bench.bus.run(sequences.dim(addresses.short(0), LEVELS[0]), LEVEL_PRIORITY)
            await bench.clock.sleep(0.1)
        masters = [frame.value for _, frame in bench.foreign if frame.bits == 16]
        sensors = [frame.value for _, frame in bench.foreign if frame.bits == 24]
        assert masters == [0x7F90 + number for number in range(10)]
        through = [frame.value for frame in bench.street.bus.trace if frame.bits == 24]
        assert sensors == through != []
        await all_right(bench)

    on_bench(product, story)


@pytest.mark.parametrize("priority", sorted(BANDS_MS))
def test_a_frame_settles_for_its_own_priority(product: str, priority: int) -> None:
    async def story(bench: Bench) -> None:
        shortest_ms, longest_ms = BANDS_MS[priority]
        for gear in range(5):
            await ask(bench, gear)
            edge = bench.street.bus.last_edge
            await bench.bus.send(gear_commands.level(addresses.short(gear), LEVELS[gear]), priority)
            gap_ms = 1000 * (bench.street.bus.trace[-1].time - FRAME_S - edge)
            assert shortest_ms - 0.001 <= gap_ms <= longest_ms
        assert bench.street.statistics.settling_violations == 0

    on_bench(product, story)


def test_after_no_answer_the_bus_is_left_quiet_for_late_gear_and_no_longer(product: str) -> None:
    """Gear that answer 40 ms too late have finished 62 ms after a query; the next query waits for them."""

    async def story(bench: Bench) -> None:
        for number in range(5):
            await ask(bench, 63)
            ended = bench.street.bus.trace[-1].time
            assert await ask(bench, number) == Reply(Reply.VALUE, LEVELS[number])
            assert 0.0605 <= bench.street.bus.trace[-1].time - FRAME_S - ended <= 0.0745

    on_bench(product, story)


def test_a_search_does_not_wait_for_late_gear(product: str) -> None:
    """Commissioning sends COMPARE a hundred times, and most answers are no."""

    async def story(bench: Bench) -> None:
        compare = gear_commands.special("COMPARE")
        for _ in range(5):
            assert await bench.interface.transmit(1, compare, 1) == Reply(Reply.NO_ANSWER, None)
            ended = bench.street.bus.trace[-1].time
            await bench.interface.transmit(1, compare, 1)
            assert bench.street.bus.trace[-1].time - FRAME_S - ended <= 0.031

    on_bench(product, story)
