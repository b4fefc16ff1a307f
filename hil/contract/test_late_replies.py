"""The contract on a serial line that is late by 0 to 1.2 s, in steps of 5 ms: no query gets the answer of another gear.

An interface owes the host replies of several kinds, and all of them are equally late: those to frames, and those to the
questions by which a driver finds out that the interface owes nothing more.
"""

from __future__ import annotations

import contextlib
import functools
import random

import pytest

from drivers.dali.bus import LEVELS as LEVEL_PRIORITY
from drivers.errors import DriverError
from hil.contract.bench import LEVELS, QUIETEN_S, Bench, all_right, ask, on_bench
from protocols.dali import addresses, sequences
from protocols.dali.frames import Reply

LATEST_MS = 1200
STEP_MS = 5
IN_TIME_MS = 25
"""The delay that USB and a busy host may add: up to here every query gets its answer."""


def test_no_delay_of_the_line_brings_another_gears_answer(product: str) -> None:
    async def story(bench: Bench) -> None:
        wrong = []
        for delay_ms in range(0, LATEST_MS + STEP_MS, STEP_MS):
            bench.port.delay_s = delay_ms / 1000
            for gear in (0, 1, 2, 3):
                try:
                    reply = await ask(bench, gear)
                except DriverError:
                    assert delay_ms > IN_TIME_MS, delay_ms
                else:
                    if reply != Reply(Reply.VALUE, LEVELS[gear]):
                        wrong.append((delay_ms, gear, reply))
            bench.port.delay_s = 0.0
            await bench.clock.sleep(QUIETEN_S)
        assert wrong == []
        await all_right(bench)

    on_bench(product, story)


def test_a_line_that_falls_behind_in_the_middle_of_a_query_brings_no_other_gears_answer(product: str) -> None:
    async def story(bench: Bench) -> None:
        rng = random.Random(5)
        right = 0
        for _ in range(150):
            fall_behind = functools.partial(setattr, bench.port, "delay_s", rng.uniform(0.02, 0.7))
            bench.later(rng.uniform(0, 0.15), fall_behind)
            for gear in (0, 1, 2, 3):
                try:
                    reply = await ask(bench, gear)
                except DriverError:
                    continue
                assert reply == Reply(Reply.VALUE, LEVELS[gear])
                right += 1
            await bench.clock.sleep(0.15)
            bench.port.delay_s = 0.0
            await bench.clock.sleep(rng.choice((0.0, 0.1, 2.0)))
        assert right > 100
        await bench.clock.sleep(QUIETEN_S)
        await all_right(bench)

    on_bench(product, story)


@pytest.mark.parametrize("delay_s", [0.15, 0.3, 0.52, 0.8])
def test_levels_still_reach_the_lamps_however_late_the_line_is(product: str, delay_s: float) -> None:
    """A level that is reported late looks like a lost one, so it raises an error; but it has gone out."""

    async def story(bench: Bench) -> None:
        bench.port.delay_s = delay_s
        for level in (254, 90, 200):
            for gear in range(5):
                with contextlib.suppress(DriverError):
                    await bench.bus.run(sequences.dim(addresses.short(gear), level), LEVEL_PRIORITY)
                await bench.clock.sleep(0.05)  # a frame that was only handed over has gone out after this
                assert bench.street.level(gear) == level

    on_bench(product, story)
