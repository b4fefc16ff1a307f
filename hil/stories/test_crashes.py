"""The gateway crashes at a random moment: no interval is lost or doubled, energy is right, and the lamps stay lit."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from hil.stories.benches import FULL, HALF, Bench, live, local

SEEDS = range(40 if os.environ.get("LICHTMAST_SOAK") else 5)


@pytest.mark.parametrize("seed", [*SEEDS[:2], *(pytest.param(seed, marks=pytest.mark.system) for seed in SEEDS[2:])])
def test_crashes_at_random_moments(emulated: Path, seed: int) -> None:
    """Every other crash falls into the seconds around a quarter, where registers are read and records committed."""
    chance = random.Random(seed)

    async def story(bench: Bench) -> None:
        await bench.start_agent()
        epochs = set()
        for crash in range(6):
            await bench.wait_s(chance.uniform(60.0, 2400.0))
            if crash % 2:
                to_the_quarter_s = 900.0 - bench.clock.wall() % 900.0
                await bench.wait_s(to_the_quarter_s + chance.uniform(-0.2, 4.0))
            epochs.add(bench.journal.epoch)
            await bench.crash_agent()
            await bench.wait_s(chance.choice([1.0, 20.0, 120.0, 1300.0]))
            # The bus has a separate supply, so the lamps keep their level or finish their fade.
            assert min(await bench.levels()) >= HALF
            await bench.start_agent()
        await bench.until("00:31")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.delivered()

        assert epochs == {bench.journal.epoch}
        (numbers,) = bench.store.sequences().values()
        assert numbers == list(range(1, bench.journal.last + 1))
        bench.judge_energy(local("2025-12-15 17:00"), local("2025-12-16 00:30"))

    live(story, emulated, begins="2025-12-15 17:00", seed=seed)


def test_a_step_that_passed_while_the_gateway_was_down(emulated: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.start_agent()
        await bench.until("21:50")
        await bench.crash_agent()
        await bench.until("22:10")
        await bench.start_agent()
        await bench.wait_s(10.0)
        assert await bench.levels() == bench.all_at(HALF)
        await bench.until("04:50")
        await bench.crash_agent()
        await bench.until("05:10")
        assert await bench.levels() == bench.all_at(HALF)
        await bench.start_agent()
        await bench.wait_s(10.0)
        assert await bench.levels() == bench.all_at(FULL)
        await bench.until("05:31")
        await bench.delivered()
        bench.judge_energy(local("2025-12-15 21:00"), local("2025-12-16 05:30"))

    live(story, emulated, begins="2025-12-15 21:00")
