"""The host's settling for an interface that takes no priority: never too short, and not longer than it must be."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from drivers.dali.bus import LEVELS
from drivers.dali.settling import SETTLE_S, WITHIN_TRANSACTION
from hil.contract.bench import Bench, on_bench
from protocols.dali import addresses, energy_register, gear_commands, sequences
from protocols.dali.frames import Reply

FRAME_S = 17 / 1200
ANSWER_S = 9 / 1200
WITH_HOST_S = 0.0005
"""The excess that a gap may have over the shortest of its band: HAT lines and the host's own steps."""


def gaps(bench: Bench) -> list[float]:
    """Returns the times (s) from each forward frame's last edge to the next one's first."""
    ends = [frame.time for frame in bench.street.bus.trace]
    return [after - FRAME_S - before for before, after in itertools.pairwise(ends)]


@pytest.mark.parametrize("priority", [1, 2, 3, 4, 5])
def test_levels_settle_for_their_priority_and_no_longer(priority: int) -> None:
    async def story(bench: Bench) -> None:
        for number in range(50):
            await bench.bus.send(gear_commands.level(addresses.short(number % 5), 200), priority)
        # The HAT says N 12.4 ms after the frame; that takes 1 ms on the line, and the next command takes 3 ms.
        expected = max(SETTLE_S[priority], 0.0124 + 8 * 10 / 19200)
        assert min(gaps(bench)) >= SETTLE_S[priority] - 1e-6
        assert max(gaps(bench)) <= expected + WITH_HOST_S
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)


@pytest.mark.parametrize("priority", [2, 3, 4, 5])
def test_queries_settle_from_the_answers_last_edge(priority: int) -> None:
    async def story(bench: Bench) -> None:
        for number in range(50):
            question = sequences.query(addresses.short(number % 5), "QUERY ACTUAL LEVEL")
            assert (await bench.bus.run(question, priority)).kind == Reply.VALUE
        # An answer begins 5.5 to 10.5 ms after the question.
        assert min(gaps(bench)) >= SETTLE_S[priority] + 0.0055 + ANSWER_S - 1e-6
        assert max(gaps(bench)) <= SETTLE_S[priority] + 0.0105 + ANSWER_S + WITH_HOST_S
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)


def test_a_transactions_further_frames_settle_for_the_highest_priority() -> None:
    async def story(bench: Bench) -> None:
        await bench.bus.run(sequences.read_bank(addresses.short(1), 202, 4, 6), 5)
        longest = SETTLE_S[WITHIN_TRANSACTION] + 0.0105 + ANSWER_S + WITH_HOST_S
        assert max(gaps(bench)[1:]) <= longest
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)


def test_29_level_frames_a_second_and_more() -> None:
    async def story(bench: Bench) -> None:
        began = bench.clock.monotonic()
        for number in range(600):
            await bench.bus.send(gear_commands.level(addresses.short(number % 5), 200), LEVELS)
        assert 600 / (bench.clock.monotonic() - began) >= 29
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)


def test_a_level_called_in_the_middle_of_a_reading_is_out_within_95_ms() -> None:
    async def story(bench: Bench) -> None:
        worst = 0.0
        for number in range(60):
            reading = asyncio.create_task(bench.bus.run(energy_register.read_whole(addresses.short(number % 5)), 4))
            await bench.clock.sleep(0.004 * number)
            called = bench.clock.monotonic()
            await bench.bus.send(gear_commands.level(addresses.short(2), 100))
            sent = max(frame.time for frame in bench.street.bus.trace if frame.value == 0x0464)
            worst = max(worst, sent - called)
            await reading
        assert worst <= 0.095
        assert bench.street.statistics.settling_violations == 0

    on_bench("atx_hat", story)
