"""A board file, its emulated street, and `lichtmast commission` on them: on the virtual clock."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.commands import commission
from hil.devices.gear_variables import MASK, GearProfile
from hil.devices.street import BusSupply, Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.lamp_bus import NIGHT


@dataclass
class Ended:
    """What a run came to."""

    code: int
    out: str
    street: Street
    addresses: list[int | None]
    clock_s: float

    def bus(self) -> dict[str, Any]:
        (bus,) = json.loads(self.out)["buses"]
        assert isinstance(bus, dict)
        return bus

    def findings(self, *kinds: str) -> list[tuple[str, str]]:
        return [(one["name"], one["subject"]) for one in self.bus()["findings"] if one["kind"] in kinds]


class Bench:
    """A board file with one bus "s" of luminaires s01, s02 ... at addresses 0, 1 ..., and its street."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def run(
        self,
        lamps: Sequence[Lamp],
        *options: str,
        luminaires: int = 3,
        prepare: Callable[[Street], object] = lambda _street: None,
        during: Callable[[Street], object] = lambda _street: None,
        at_s: float = 0.0,
        profile: GearProfile | None = None,
        bus_supply: BusSupply = "separate",
    ) -> Ended:
        board = self.folder / "board.toml"
        board.write_text(board_text(self.folder, [BusOf("s", luminaires)]), encoding="utf-8")
        parser = argparse.ArgumentParser()
        commission.add_arguments(parser)
        arguments = parser.parse_args([str(board), "--record", str(self.folder / "records"), "--lang", "en", *options])

        async def story(clock: VirtualClock) -> Ended:
            street = Street(
                lamps, link=self.folder / "port", traffic=clock, profile=profile, seed=5, bus_supply=bus_supply
            )
            prepare(street)
            street.loop.call_later(at_s, during, street)
            try:
                code = await commission.run(arguments, clock)
                given = [one.variables.short_address for one in street.gear]
                addresses = [None if one == MASK else one for one in given]
                return Ended(code, self.capsys.readouterr().out, street, addresses, clock.monotonic())
            finally:
                street.close()

        return run_virtual(story, NIGHT)


def fresh(count: int) -> list[Lamp]:
    return [Lamp(None, 25.0) for _ in range(count)]
