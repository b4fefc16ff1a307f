"""`lichtmast commission --lamp-exchanged`: the gear's counters begin anew, and constant light output with them."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import pytest

from agent.commands import commission
from agent.config.problems import ConfigError
from agent.config.program import load_program
from agent.errors import WrongUse
from agent.schedule.calendars import Calendar
from agent.schedule.output import Output
from agent.schedule.plan import Plan, PlannedLuminaire
from hil.devices.gear_profiles import DTR_CLOSES_WRITING, EDITION_1
from hil.devices.gear_variables import GearProfile
from hil.devices.street import Lamp, Street
from tests.rigs.commission_bench import Bench
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway
from tests.rigs.lamp_bus import FULL

STARTS, STARTS_EVER, LIT_S, LIT_S_EVER = (0x04, 3), (0x07, 3), (0x0A, 4), (0x0E, 4)


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def counter(street: Street, number: int, place: tuple[int, int]) -> int:
    """Returns a number of bank 206 from the memory of this gear."""
    first, size = place
    read = street.gear[number].banks.read
    return int.from_bytes(bytes(read(206, first + at, street.loop.time()) or 0 for at in range(size)), "big")


def switch_often(street: Street) -> None:
    """Switches these lamps on for the third time, so that they burn."""
    for gear in street.gear:
        for level in (0, 254, 0, 254):
            gear.receive(0xFE, level, 1, street.loop.time())


def test_the_counters_of_one_gear_begin_anew_and_that_is_recorded(bench: Bench) -> None:
    lamps = [Lamp(number, 25.0, level=FULL) for number in range(3)]
    aged: list[int] = []

    def age(street: Street) -> None:
        switch_often(street)
        aged.extend(counter(street, 1, place) for place in (STARTS, LIT_S))

    ended = bench.run(lamps, "--lamp-exchanged", "s02", "--json", prepare=age)
    assert ended.code == 0
    street = ended.street
    assert aged[0] == 3
    assert aged[1] > 3600
    assert counter(street, 1, STARTS) == 0
    assert counter(street, 1, LIT_S) < 10
    for number in (0, 2):
        assert counter(street, number, STARTS) == counter(street, number, STARTS_EVER) == 3
        assert counter(street, number, LIT_S) == counter(street, number, LIT_S_EVER) > 3600
    assert counter(street, 1, STARTS_EVER) == 3
    assert counter(street, 1, LIT_S_EVER) >= aged[1]
    (finding,) = ended.bus()["findings"]
    assert (finding["name"], finding["kind"], finding["subject"]) == ("lampExchanged", "note", "s02")
    assert (finding["starts"], finding["hours"], finding["address"]) == (3, aged[1] // 3600, 1)
    hours = aged[1] // 3600
    assert finding["sentence"].endswith(f"the counters of its gear begin anew (before: {hours} h, switched on 3 x)")
    assert ended.bus()["frames"] == {"light source": len(street.bus.trace)}
    assert 1.0 < ended.bus()["took_s"] < 10.0
    (record,) = (bench.folder / "records").glob("*.json")
    assert json.loads(record.read_text()) == json.loads(ended.out)
    assert list((bench.folder / "records").glob("*-s.html"))


def test_counters_count_on_after_a_cut_of_mains(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 25.0, level=FULL)], "--lamp-exchanged", "0", luminaires=1)
    assert ended.code == 0
    assert "s01: new light source" in ended.out
    gear, now = ended.street.gear[0], ended.clock_s
    gear.set_mains(False, now)
    gear.set_mains(True, now + 100)
    gear.run(now + 200)
    assert int.from_bytes(bytes(gear.banks.read(206, 4 + at, now + 200) or 0 for at in range(3)), "big") == 1
    assert 99 <= (gear.banks.read(206, 0x0D, now + 200) or 0) <= 110


def test_gear_whose_writing_any_dtr_closes(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 25.0, level=FULL, profile=DTR_CLOSES_WRITING)], "--lamp-exchanged", "s01", luminaires=1)
    assert ended.code == 0
    assert counter(ended.street, 0, LIT_S) < 10


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (EDITION_1, "short 0 has no memory bank 206"),
        (GearProfile(bank_version=2), "memory bank 206 of short 0 states version 2"),
    ],
)
def test_gear_that_counts_nothing_is_named(bench: Bench, profile: GearProfile, said: str) -> None:
    ended = bench.run([Lamp(0, 25.0, profile=profile)], "--lamp-exchanged", "s01", "--json", luminaires=1)
    assert ended.code == 1
    (finding,) = ended.bus()["findings"]
    assert (finding["name"], finding["subject"], finding["address"]) == ("gearTrouble", "s01", 0)
    assert said in finding["text"]


def test_counters_that_are_not_reset_are_named(bench: Bench) -> None:
    def stuck(street: Street) -> None:
        street.gear[0].banks.write = lambda *_where: None  # type: ignore[method-assign]

    ended = bench.run([Lamp(0, 25.0, level=FULL)], "--lamp-exchanged", "s01", "--json", luminaires=1, prepare=stuck)
    assert ended.code == 1
    assert "does not take operating time since reset" in ended.bus()["findings"][0]["text"]


def test_a_cable_that_is_pulled_is_named(bench: Bench) -> None:
    ended = bench.run(
        [Lamp(0, 25.0)], "--lamp-exchanged", "s01", "--json", luminaires=1, prepare=lambda street: street.unplug()
    )
    assert ended.code == 1
    assert ended.findings("trouble") == [("busLost", "s")]


def test_what_cannot_be_meant_opens_nothing(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="no luminaire is called L99"):
        bench.run([Lamp(0, 25.0)], "--lamp-exchanged", "L99")
    with pytest.raises(WrongUse, match="leave out --dry-run"):
        bench.run([Lamp(0, 25.0)], "--lamp-exchanged", "s01", "--dry-run")


def test_constant_light_output_begins_anew_with_the_next_run(tmp_path: Path) -> None:
    """A new light source is driven at 50 %, one of 2,000 hours at 100 %, and the old one had burnt for longer."""
    half = round(1 + 253 / 3 * (math.log10(50.0) + 1))

    async def story(gateway: Gateway) -> None:
        calendar = Calendar("always-full", load_program("always-full"))
        output = Output(curve=((0.0, 50.0), (2000.0, 100.0)))
        gateway.plan = Plan([PlannedLuminaire(name, calendar, (), output) for name in gateway.names])
        async with gateway.agent():
            await gateway.until(60.0)
            assert gateway.levels() == [FULL] * 3
        parser = argparse.ArgumentParser()
        commission.add_arguments(parser)
        words = [str(gateway.board.path), "--record", str(tmp_path / "records"), "--lamp-exchanged", "L02"]
        assert await commission.run(parser.parse_args(words), gateway.clock) == 0
        began = gateway.clock.wall() - gateway.began
        async with gateway.agent():
            await gateway.until(began + 15.0)
            assert gateway.levels() == [FULL, half, FULL]

    at_a_gateway(story, tmp_path, buses=(BusOf("L"),))
