"""The contract on a serial line that damages the host's commands: if another frame goes out, that is no success.

The line flips a bit or loses a byte. If a product's commands have no check sum and the product does not report the
frames that it sends, a flipped bit makes another command, and no driver can know. Every product, or its driver, notices
a lost byte.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from agent.parts.interfaces import INTERFACES
from drivers.dali import conditions
from drivers.dali.bus import LEVELS as LEVEL_PRIORITY
from drivers.errors import DriverError
from hil.contract.bench import LEVELS, Bench, all_right, ask, on_bench
from protocols.dali import addresses, sequences
from protocols.dali.frames import Reply


def _lose(bench: Bench, pieces: int) -> None:
    bench.port.lose_of_commands(pieces)


def _garble(bench: Bench, pieces: int) -> None:
    bench.port.garble_commands(pieces)


every_damage = pytest.mark.parametrize("damage", [_lose, _garble])


async def ask_rightly(bench: Bench, gear: int) -> int:
    """Returns 1 if an answer came, which must be the gear's own, and 0 if an error did."""
    try:
        reply = await ask(bench, gear)
    except DriverError:
        return 0
    # A damaged command may have dimmed the gear without the product's knowledge: the answer is then the new level.
    assert reply == Reply(Reply.VALUE, bench.street.level(gear)), gear
    return 1


@every_damage
def test_a_damaged_query_never_brings_another_gears_answer(product: str, damage: Callable[[Bench, int], None]) -> None:
    if damage is _garble and not INTERFACES.find(product).checks_commands:
        return  # the descriptor says that a flipped bit goes unnoticed

    async def story(bench: Bench) -> None:
        after = 0
        for number in range(60):
            gear = number % 5
            damage(bench, 1 + number % 2)
            await ask_rightly(bench, gear)
            damage(bench, 0)
            after += await ask_rightly(bench, gear)
            for dimmed in range(5):
                if bench.street.level(dimmed) != LEVELS[dimmed]:
                    await bench.bus.run(sequences.dim(addresses.short(dimmed), LEVELS[dimmed]), LEVEL_PRIORITY)
        assert bench.port.damaged_commands >= 60
        assert after == 60, "a damaged command costs no other's answer"
        assert bench.heard == [(conditions.CONNECTED, 0)], "a damaged command is no lost cable"
        await all_right(bench)

    on_bench(product, story)


def test_a_flipped_bit_of_a_command_costs_its_own_answer_only(product: str) -> None:
    async def story(bench: Bench) -> None:
        for number in range(60):
            gear = number % 5
            _garble(bench, 1)
            with contextlib.suppress(DriverError):
                await ask(bench, gear)
            _garble(bench, 0)
            await bench.bus.run(sequences.dim(addresses.short(gear), LEVELS[gear]), LEVEL_PRIORITY)
            assert await ask(bench, gear) == Reply(Reply.VALUE, LEVELS[gear]), number
        assert bench.heard == [(conditions.CONNECTED, 0)]

    on_bench(product, story)


@every_damage
def test_a_level_that_is_said_to_have_gone_out_has(product: str, damage: Callable[[Bench, int], None]) -> None:
    if damage is _garble and not INTERFACES.find(product).checks_commands:
        return  # the descriptor says that a flipped bit goes unnoticed

    async def story(bench: Bench) -> None:
        for number in range(60):
            gear, level = number % 5, 100 + number
            damage(bench, 1)
            with contextlib.suppress(DriverError):
                await bench.bus.run(sequences.dim(addresses.short(gear), level), LEVEL_PRIORITY)
                assert bench.street.level(gear) == level, number
            damage(bench, 0)
            await bench.bus.run(sequences.dim(addresses.short(gear), level), LEVEL_PRIORITY)
            assert bench.street.level(gear) == level, number
        assert bench.port.damaged_commands >= 60

    on_bench(product, story)
