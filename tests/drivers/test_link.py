"""The link of every interface's driver: it tells each loss of the port, and each only once."""

from __future__ import annotations

import pytest

from agent.parts.interfaces import INTERFACES
from drivers.dali import conditions
from hil.contract.bench import Bench, on_bench


@pytest.mark.parametrize("product", [product.name for product in INTERFACES.own()])
def test_each_loss_is_told_once(product: str) -> None:
    async def story(bench: Bench) -> None:
        for _ in range(3):
            bench.street.unplug()
            await bench.clock.sleep(20)
            bench.street.plug()
            await bench.clock.sleep(3)
        assert bench.heard[1:] == [(conditions.LOST, 0), (conditions.CONNECTED, 0)] * 3

    on_bench(product, story)
