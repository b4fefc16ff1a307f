"""The contract on a serial line that is late by 0 to 1.2 s, in steps of 5 ms: never an answer of another gear.

Each interface owes the host replies of several kinds, and each of them is late alike: the frames', and those to the
questions by which a driver finds out that nothing is owed any more.
"""

from __future__ import annotations

import pytest

from drivers.errors import DriverError
from protocols.dali.frames import Reply
from tests.contracts.benches import LEVELS, Bench, on_bench
from tests.contracts.test_dali_interface import DALI_INTERFACES, QUIETEN_S, all_right, ask

LATEST_MS = 1200
STEP_MS = 5
IN_TIME_MS = 25
"""What USB and a busy host may add: up to here every query gets its answer."""


@pytest.mark.parametrize("product", DALI_INTERFACES)
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
