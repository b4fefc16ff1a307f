"""`lichtmast commission` against emulated streets, on the virtual clock: the lamps' state and settings afterwards."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import pytest

from agent.commands import commission
from agent.config.problems import ConfigError
from hil.devices.gear_variables import GearProfile, Variables
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.commission_bench import Bench, fresh
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.lamp_bus import NIGHT

FULL = 254


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def test_a_new_bus_is_addressed_set_read_and_recorded(bench: Bench) -> None:
    ended = bench.run(fresh(3), "--json", "--fade", "1.4", "--group", "2=s01,s03", "--group", "5=s03")
    assert ended.code == 0
    assert sorted(ended.addresses) == [0, 1, 2]  # type: ignore[type-var]  # none is None any more
    for gear in ended.street.gear:
        variables = gear.variables
        assert (variables.power_on_level, variables.system_failure_level, variables.fade_time) == (FULL, FULL, 3)
        assert variables.groups == {0: 0b100, 1: 0, 2: 0b100100}[variables.short_address]
    bus = ended.bus()
    assert [gear["luminaire"] for gear in bus["gear"]] == ["s01", "s02", "s03"]
    assert [gear["groups"] for gear in bus["gear"]] == [[2], [], [2, 5]]
    serials = {gear["banks"]["gear"]["serial number"] for gear in bus["gear"]}
    assert len(serials) == 3
    assert all(gear["banks"]["luminaire"]["nominal power"] == "25 W" for gear in bus["gear"])
    assert all(gear["banks"]["gear"]["GTIN"] == "8719990000017" for gear in bus["gear"])
    assert ended.findings("difference", "trouble") == []
    names = [name for name, _ in ended.findings("note")]
    assert sorted(names) == ["addressGiven"] * 3 + ["failSafeWritten", "whichLamp"]
    assert bus["right"] is True
    assert bus["frames"]["fail-safe"] == 6
    assert bus["frames"]["survey"] == 65
    (record,) = (bench.folder / "records").glob("*.json")
    assert json.loads(record.read_text()) == json.loads(ended.out)
    (page,) = (bench.folder / "records").glob("*-s.html")
    assert all(serial in page.read_text() for serial in serials)


def test_fail_safe_levels_go_out_before_anything_else(bench: Bench) -> None:
    first: list[int] = []
    ended = bench.run(fresh(1), luminaires=1)
    first = [frame.value for frame in ended.street.bus.trace][:6]
    assert first == [0xA3FE, 0xFF2D, 0xFF2D, 0xA3FE, 0xFF2C, 0xFF2C]


def test_a_dry_run_writes_nothing(bench: Bench) -> None:
    def differ(street: Street) -> None:
        street.gear[0].variables.power_on_level = 10

    ended = bench.run([Lamp(0, 25.0), Lamp(None, 25.0)], "--dry-run", "--json", luminaires=2, prepare=differ)
    assert ended.code == 1
    assert ended.addresses == [0, None]
    assert ended.street.gear[0].variables.power_on_level == 10
    assert ended.findings("difference") == [("settingDiffers", "s01"), ("gearMissing", "s02")]
    assert ("unaddressed", "s") in ended.findings("note")
    configuration = range(0x20, 0x82)
    for frame in ended.street.bus.trace:
        first, second = frame.value >> 8, frame.value & 0xFF
        assert first in (0xA3, 0xC3) or (first & 1 and first < 0xA0 and second not in configuration) or first == 0xFF


def test_one_replaced_gear_takes_the_address_of_the_failed_one(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 25.0), Lamp(None, 25.0), Lamp(2, 25.0)], "--json")
    assert ended.code == 0
    assert ended.addresses == [0, 1, 2]
    assert [gear["is_new"] for gear in ended.bus()["gear"]] == [False, True, False]


def test_the_one_named_takes_it_where_several_are_missing(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 25.0), Lamp(None, 25.0)], "--json", "--replaced", "s03")
    assert ended.addresses == [0, 2]
    assert ended.findings("difference") == [("gearMissing", "s02")]
    unnamed = bench.run([Lamp(0, 25.0), Lamp(None, 25.0)], "--json")
    assert ended.code == unnamed.code == 1
    assert ("whichReplaced", "s") in unnamed.findings("difference")


def test_two_with_one_address_are_told_apart_though_they_answer_as_one(bench: Bench) -> None:
    def as_one(street: Street) -> None:
        street.bus.identical_answers_come_clean = True

    ended = bench.run([Lamp(1, 25.0), Lamp(1, 25.0), Lamp(2, 25.0)], "--json", prepare=as_one)
    assert ended.code == 0
    assert sorted(ended.addresses[:2]) == [0, 1]  # type: ignore[type-var]
    assert ended.addresses[2] == 2


def test_what_differs_from_the_board_is_named(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 40.0), Lamp(7, 25.0)], "--json", luminaires=2)
    assert ended.code == 1
    assert ended.findings("difference") == [
        ("nominalPowerDiffers", "s01"),
        ("gearMissing", "s02"),
        ("gearUnknown", "7"),
    ]


def test_fewer_new_lamps_than_the_board_names_are_missing_ones(bench: Bench) -> None:
    ended = bench.run(fresh(2), "--json")
    assert ended.findings("difference") == [("gearMissing", "s03")]
    assert ("whichLamp", "s") in ended.findings("note")


def test_a_gear_that_is_heard_only_after_the_survey_keeps_its_address(bench: Bench) -> None:
    def shy(street: Street) -> None:
        gear = street.gear[0]
        gear.no_answer = True
        initialise = gear.commissioning.initialise

        def initialised(whom: int, now: float) -> None:
            gear.no_answer = False
            initialise(whom, now)

        gear.commissioning.initialise = initialised  # type: ignore[method-assign]

    ended = bench.run([Lamp(0, 25.0), Lamp(None, 25.0), Lamp(None, 25.0)], "--json", prepare=shy)
    assert ended.addresses[0] == 0
    assert sorted(ended.addresses) == [0, 1, 2]  # type: ignore[type-var]


class Stuck(Variables):
    """The variables of gear that takes no POWER ON LEVEL."""

    def __setattr__(self, name: str, value: object) -> None:
        if name != "power_on_level":
            super().__setattr__(name, value)


def test_a_level_that_is_not_taken_is_named(bench: Bench) -> None:
    def stuck(street: Street) -> None:
        street.gear[1].variables.power_on_level = 99
        street.gear[1].variables.__class__ = Stuck

    ended = bench.run([Lamp(0, 25.0), Lamp(1, 25.0)], "--json", luminaires=2, prepare=stuck)
    assert ended.code == 1
    assert ended.findings("difference") == [("settingDiffers", "s02")]
    assert ended.bus()["gear"][1]["settings"]["power_on_level"] == 99


def test_gear_without_energy_reporting_is_named(bench: Bench) -> None:
    ended = bench.run([Lamp(0, 25.0)], "--json", luminaires=1, profile=GearProfile(device_types=(6,)))
    assert ended.code == 0
    assert ("noEnergyReport", "s01") in ended.findings("note")


@pytest.mark.parametrize(("lamps", "named"), [(3, []), (6, [("tooManySupplies", "s")])])
def test_the_supplies_of_all_gear_together_are_checked(bench: Bench, lamps: int, named: list[tuple[str, str]]) -> None:
    """Each gives 52 to 60 mA, and a bus bears 250 mA."""
    there = [Lamp(number, 25.0) for number in range(lamps)]
    ended = bench.run(there, "--json", luminaires=lamps, bus_supply="gear")
    assert ended.findings("trouble") == named
    assert ended.code == (1 if named else 0)
    assert all(gear["supply"]["present"] for gear in ended.bus()["gear"])


def test_gear_that_answers_nonsense_is_named_and_the_others_are_done(bench: Bench) -> None:
    def broken(street: Street) -> None:
        street.gear[1].profile = GearProfile(answers_nonsense=True)

    ended = bench.run([Lamp(0, 25.0), Lamp(1, 25.0), Lamp(2, 25.0)], "--json", prepare=broken)
    assert ended.code == 1
    assert {subject for _, subject in ended.findings("trouble")} == {"s02"}
    assert ended.addresses == [0, 1, 2]


def test_the_bus_without_power_is_said_and_the_next_run_ends_right(bench: Bench) -> None:
    cut = bench.run(fresh(3), "--json", during=lambda street: street.bus_power(False), at_s=6.0)
    assert cut.code == 1
    ((name, subject),) = cut.findings("trouble")
    assert (name, subject) == ("busLost", "s")
    given = cut.addresses
    again = bench.run([Lamp(one, 25.0) for one in given], "--json")
    assert again.code == 0
    assert sorted(again.addresses) == [0, 1, 2]  # type: ignore[type-var]
    assert all(was is None or was == now for was, now in zip(given, again.addresses, strict=True))


def test_no_interface_is_said(bench: Bench) -> None:
    ended = bench.run(fresh(1), "--json", luminaires=1, prepare=lambda street: street.unplug())
    assert ended.code == 1
    (finding,) = ended.bus()["findings"]
    assert finding["name"] == "busLost"
    assert "does not exist" in finding["text"]


@pytest.mark.parametrize("at_s", [1.0, 3.0, 4.0, 6.0, 9.0, 15.0])
def test_a_pulled_cable_is_said_and_hangs_nothing(bench: Bench, at_s: float) -> None:
    ended = bench.run(fresh(3), "--json", during=lambda street: street.unplug(), at_s=at_s)
    assert ended.code == 1
    assert [name for name, _ in ended.findings("trouble")] == ["busLost"]
    assert ended.clock_s < 60


def test_lines_for_people_in_both_languages(bench: Bench) -> None:
    english = bench.run([Lamp(0, 25.0)], luminaires=2).out
    dutch = bench.run([Lamp(0, 25.0)], "--lang", "nl", luminaires=2).out
    assert "no gear answers there" in english
    assert "daar antwoordt niets" in dutch
    pages = [path.read_text() for path in (bench.folder / "records").glob("*.html")]
    assert any('lang="nl"' in page and "Inbedrijfstellingsrapport" in page for page in pages)


def test_identify_blinks_one_lamp_and_addresses_nothing(bench: Bench) -> None:
    lit: list[bool] = []

    def look(street: Street) -> None:
        lit.extend(one.identifying(street.loop.time()) for one in street.gear)

    ended = bench.run([Lamp(0, 25.0), Lamp(1, 25.0), Lamp(None, 25.0)], "--identify", "s02", during=look, at_s=5.0)
    assert ended.code == 0
    assert lit == [False, True, False]
    assert ended.addresses == [0, 1, None]
    assert not list(bench.folder.glob("records/*"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bus", "nowhere"), "no bus is called nowhere; there are: s"),
        (("--identify", "L99"), "no luminaire is called L99"),
        (("--replaced", "L99"), "no luminaire is called L99"),
        (("--group", "1=L99"), "no luminaire is called L99"),
    ],
)
def test_wrong_names_open_nothing(bench: Bench, options: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        bench.run(fresh(1), *options)


def test_a_group_out_of_range_is_refused(bench: Bench) -> None:
    with pytest.raises(SystemExit):
        bench.run(fresh(1), "--group", "16=s01")


def test_killed_in_the_middle_it_ends_right_the_next_time(bench: Bench) -> None:
    """A killed run tells the gear nothing more, so the next run meets the gear as it was at that moment."""
    board = bench.folder / "board.toml"
    board.write_text(board_text(bench.folder, [BusOf("s", 3)]), encoding="utf-8")
    parser = argparse.ArgumentParser()
    commission.add_arguments(parser)
    arguments = parser.parse_args([str(board), "--record", str(bench.folder), "--json"])

    async def story(clock: VirtualClock) -> None:
        for killed_at_s in range(3, 13, 2):
            street = Street(
                [Lamp(None, 25.0), Lamp(1, 25.0), Lamp(None, 25.0)], link=bench.folder / "port", traffic=clock
            )
            running = asyncio.create_task(commission.run(arguments, clock))
            await clock.sleep(killed_at_s)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert await commission.run(arguments, clock) == 0
            assert sorted(one.variables.short_address for one in street.gear) == [0, 1, 2]
            assert street.gear[1].variables.short_address == 1
            street.close()

    run_virtual(story, NIGHT)
