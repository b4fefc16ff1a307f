"""A board file with its emulated streets, in one process on the virtual clock.

`at_a_gateway` lives a story with the whole agent, but for a broker. `Bench` runs `lichtmast commission`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.app import Agent, running
from agent.commands import commission
from agent.config.board import load_board
from agent.config.program import load_program
from agent.schedule.plan import plain_plan
from hil.devices.gear_variables import MASK, GearProfile
from hil.devices.street import BusSupply, Lamp, Street
from hil.emulated_board import EmulatedBoard
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.lamp_bus import NIGHT

QUARTER_S = 900
RESOLUTION_WH = 0.1


class BusOf(NamedTuple):
    """A bus of a test's board. `ports` that are equal are one interface."""

    name: str
    lamps: int = 3
    port: str = "port"
    channel: int = 1


def board_text(
    folder: Path,
    buses: Sequence[BusOf],
    program: str = "always-full",
    bus_supply: str = "separate",
    more: str = "",
) -> str:
    """A board file: luminaires NAME01, NAME02 ... on each bus, at short addresses from 0 on; and `more` tables."""
    text = f"""
[board]
format = 1
gateway = "mast"
latitude = 51.44
longitude = 5.47
timezone = "Europe/Amsterdam"
bus_supply = "{bus_supply}"
safe_percent = 100
program = "{program}"
gateway_power_w = 3.0
"""
    for bus in buses:
        text += f"""
[[bus]]
name = "{bus.name}"
interface = "atx_hat"
port = "{folder / bus.port}"
channel = {bus.channel}
supply_power_w = 1.0
"""
        if bus.lamps:
            text += f"""
[[luminaire]]
name = "{bus.name}01"
count = {bus.lamps}
bus = "{bus.name}"
short_address = 0
power_w = 25.0
"""
    return text + more


class Gateway:
    """Streets, board file and state folder. Made by `at_a_gateway`."""

    def __init__(
        self, clock: VirtualClock, folder: Path, buses: Sequence[BusOf], program: str, supply: str, more: str = ""
    ) -> None:
        self.clock = clock
        self.began = clock.wall()
        self.state = folder / "state"
        self.runtime = folder / "runtime"
        self.board_path = folder / "board.toml"
        self.board_path.write_text(board_text(folder, buses, program, supply, more))
        self.board = load_board(self.board_path)
        self.emulated = EmulatedBoard(self.board, seed=1, traffic=clock)
        self.names = [luminaire.name for luminaire in self.board.luminaires]
        self.plan = plain_plan(load_program(self.board.program), self.names, self.board.safe_percent)

    @property
    def street(self) -> Street:
        """The only, or first, bus."""
        return self.emulated.streets[self.board.buses[0].name]

    @contextlib.asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        """The agent runs inside, and is stopped cleanly after."""
        async with running(self.board, self.plan, self.state, self.clock, "hash", self.runtime) as agent:
            yield agent

    async def until(self, seconds: float) -> None:
        """Lets time pass until so long after the beginning of the test."""
        await self.clock.sleep(self.began + seconds - self.clock.wall())

    def true_wh(self, name: str, start: float, end: float) -> float:
        """The lamp's own integral of its power between two wall times."""
        street, number = self.emulated.place(name)
        zero = self.clock.wall() - self.clock.monotonic()
        return street.energy_wh_at(number, end - zero) - street.energy_wh_at(number, start - zero)

    def levels(self) -> list[int]:
        return [street.level(number) for street, number in map(self.emulated.place, self.names)]


async def bodies(agent: Agent, kind: str) -> list[dict[str, Any]]:
    """The bodies of the committed records of a kind."""
    records = await agent.journal.read_after(0, 1_000_000)
    return [record.body for record in records if record.kind == kind]


async def counting(agent: Agent, kind: str) -> list[dict[str, Any]]:
    """The bodies of a kind, interval or control, that no later record has made void, in order of time."""
    found: dict[tuple[str | None, int], dict[str, Any]] = {}
    for record in await agent.journal.read_after(0, 1_000_000):
        body: dict[str, Any] = record.body
        key = (body.get("luminaire"), body.get("start", 0))
        if record.kind == "void" and body["of"] == kind:
            for name, start in list(found):
                if name == body["luminaire"] and body["start"] <= start < body["until"]:
                    del found[name, start]
        elif record.kind == kind:
            assert key not in found, f"{key} is recorded twice"
            found[key] = body
    return [found[key] for key in sorted(found, key=lambda key: key[1])]


async def told(agent: Agent, *names: str) -> list[tuple[str, str, bool]]:
    """The events of these names so far (all without), committed or not: (name, subject, active)."""
    await agent.recorder.commit()
    events = await bodies(agent, "event")
    return [(each["name"], each["subject"], each["active"]) for each in events if not names or each["name"] in names]


def at_a_gateway(
    story: Callable[[Gateway], Awaitable[None]],
    folder: Path,
    *,
    buses: Sequence[BusOf] = (BusOf("L"),),
    program: str = "always-full",
    bus_supply: str = "separate",
    more: str = "",
    start: float = NIGHT,
    valid: bool = True,
) -> None:
    """Lives the story with the streets in place and no agent yet. `more` are further tables of the board file."""

    async def whole(clock: VirtualClock) -> None:
        gateway = Gateway(clock, folder, buses, program, bus_supply, more)
        try:
            await story(gateway)
        finally:
            gateway.emulated.close()

    run_virtual(whole, start, valid=valid)


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
