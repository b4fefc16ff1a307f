"""Each trouble of commissioning, met by `lichtmast commission` on a street: a sentence names it, and the rest is
done."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.commissioning.findings import KINDS, Finding
from agent.commissioning.texts import LANGUAGES, sentence
from hil.devices.dali_gear import Gear
from hil.devices.gear_profiles import NO_IS_FRAME
from hil.devices.gear_variables import GearProfile
from hil.devices.street import BusSupply, Lamp, Street
from tests.rigs.commission_bench import Bench, Ended

NEW = Lamp(None, 25.0)
RANDOM_ADDRESS = 0x14D1D4


def of_first(change: Callable[[Gear, Street], None]) -> Callable[[Street], None]:
    return lambda street: change(street.gear[0], street)


def dies_when_programmed(gear: Gear, street: Street) -> None:
    gear.commissioning.program = lambda wanted, now: gear.set_dead(True, now)  # type: ignore[method-assign]


def takes_no_address(gear: Gear, _street: Street) -> None:
    gear.commissioning.program = lambda *_wanted: None  # type: ignore[method-assign]


def says_an_address_that_is_none(gear: Gear, _street: Street) -> None:
    says = gear.commissioning.short_address

    def short_address(now: float) -> int | None:
        return None if says(now) is None else 0x90

    gear.commissioning.short_address = short_address  # type: ignore[method-assign]


def compares_by_chance(gear: Gear, _street: Street) -> None:
    chance = random.Random(3)

    def compare(now: float) -> int | None:
        return 0xFF if chance.random() < 0.5 else None

    gear.commissioning.compare = compare  # type: ignore[method-assign]


def draw_alike(street: Street) -> None:
    for gear in street.gear[:2]:
        gear.variables.random_address = RANDOM_ADDRESS


@dataclass(frozen=True)
class Case:
    """A street in trouble: the subject of the trouble, the facts that must be told, and the lamps that must still be
    right (by their number in the street)."""

    lamps: Sequence[Lamp]
    subject: str
    facts: dict[str, object]
    right: Sequence[int] = ()
    prepare: Callable[[Street], None] = lambda _street: None
    options: Sequence[str] = ()
    supply: BusSupply = "separate"
    profile: GearProfile | None = None
    also: frozenset[str] = frozenset()
    """Other troubles that come with it."""


ALIKE = "several gear on this bus say no with a frame, so that no search can tell gear apart: connect them one by one"
SAME = GearProfile(ignores_randomise=True)
CASES = {
    "addressShared": Case([Lamp(0, 25.0), Lamp(0, 25.0), Lamp(1, 25.0)], "s01", {"address": 0}, options=["--dry-run"]),
    "gearTrouble": Case(
        [Lamp(0, 25.0, profile=GearProfile(unknown_commands=frozenset({0x97}))), Lamp(1, 25.0), Lamp(2, 25.0)],
        "s01",
        {"address": 0, "text": "short 0 does not answer QUERY VERSION NUMBER"},
        right=[0, 1, 2],
    ),
    "nonsenseAnswered": Case(
        [Lamp(0, 25.0), Lamp(1, 25.0, profile=GearProfile(answers_nonsense=True)), Lamp(2, 25.0)],
        "s02",
        {"address": 1},
        right=[0, 2],
        also=frozenset({"gearTrouble"}),
    ),
    "gearVanished": Case(
        [NEW, Lamp(1, 25.0), Lamp(2, 25.0)], "s01", {"address": 0}, [1, 2], of_first(dies_when_programmed)
    ),
    "nonsenseAddress": Case([NEW, NEW, NEW], "s", {"address": None}, [0, 1, 2], of_first(says_an_address_that_is_none)),
    "addressNotTaken": Case(
        [NEW, Lamp(1, 25.0), Lamp(2, 25.0)], "s01", {"address": 0}, [1, 2], of_first(takes_no_address)
    ),
    "sameRandomAddress": Case(
        [Lamp(None, 25.0, profile=SAME), Lamp(None, 25.0, profile=SAME), NEW],
        "s",
        {"address": None, "random_address": "14D1D4"},
        [2],
        draw_alike,
    ),
    "answersContradict": Case(
        [NEW, NEW, NEW],
        "s",
        {"address": None},
        prepare=of_first(compares_by_chance),
        also=frozenset({"gearVanished", "addressNotTaken"}),
    ),
    "noIsFrame": Case(
        [Lamp(None, 25.0, profile=NO_IS_FRAME), Lamp(None, 25.0, profile=NO_IS_FRAME), Lamp(2, 25.0)],
        "s",
        {"address": None, "text": f"{ALIKE}, and run this for each"},
        [2],
    ),
    "tooLittleSupply": Case(
        [Lamp(0, 25.0), Lamp(1, 25.0), Lamp(2, 25.0)],
        "s",
        {"lamps": "s01, s02, s03"},
        [0, 1, 2],
        supply="gear",
        profile=GearProfile(supply_ma=(1, 2)),
    ),
    "tooManySupplies": Case(
        [Lamp(number, 25.0) for number in range(3)],
        "s",
        {"lamps": "s02, s03"},
        [0, 1, 2],
        supply="gear",
        profile=GearProfile(supply_ma=(120, 150)),
    ),
}


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def check_sentences(finding: dict[str, Any]) -> None:
    facts = {key: value for key, value in finding.items() if key not in ("name", "kind", "subject", "sentence")}
    told = [sentence(Finding(finding["name"], finding["subject"], facts), language) for language in LANGUAGES]
    assert told[0] == finding["sentence"]
    assert told[0] != told[1]
    assert all(len(each) > 20 and "{" not in each for each in told)


def check_right(ended: Ended, numbers: Sequence[int]) -> None:
    for number in numbers:
        variables = ended.street.gear[number].variables
        assert (variables.power_on_level, variables.system_failure_level) == (254, 254)
    given = [ended.addresses[number] for number in numbers]
    assert None not in given
    assert len(set(given)) == len(given)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_trouble_is_named_and_the_rest_is_done(bench: Bench, name: str) -> None:
    case = CASES[name]
    ended = bench.run(
        case.lamps, "--json", *case.options, prepare=case.prepare, bus_supply=case.supply, profile=case.profile
    )
    assert ended.code == 1
    troubles = [one for one in ended.bus()["findings"] if one["kind"] == "trouble"]
    assert {one["name"] for one in troubles} <= {name} | case.also
    first = next(one for one in troubles if one["name"] == name)
    assert first["subject"] == case.subject
    assert troubles.count(first) == 1
    assert {key: first[key] for key in case.facts} == case.facts
    for finding in ended.bus()["findings"]:
        check_sentences(finding)
    check_right(ended, case.right)


def test_each_kind_of_trouble_is_met() -> None:
    elsewhere = {"busLost", "tooManyGear"}
    assert set(CASES) | elsewhere == {name for name, kind in KINDS.items() if kind == "trouble"}


def test_a_bus_that_is_full_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulated bus carries 64 gear, so the 65th is one that finds no address left."""
    monkeypatch.setattr("protocols.dali.short_addresses.SHORT_ADDRESSES", 2)
    ended = bench.run([NEW, NEW, Lamp(0, 25.0)], "--json", luminaires=1)
    assert ended.code == 1
    (trouble,) = [one for one in ended.bus()["findings"] if one["kind"] == "trouble"]
    assert (trouble["name"], trouble["subject"], trouble["address"]) == ("tooManyGear", "s", None)
    assert len(trouble["random_address"]) == 6
    check_sentences(trouble)
    assert sorted(one for one in ended.addresses if one is not None) == [0, 1]
    assert not any(gear.commissioning.state(ended.clock_s).name == "ENABLED" for gear in ended.street.gear)


def test_a_supply_that_does_not_tell_is_noted(bench: Bench) -> None:
    lamps = [Lamp(0, 25.0, profile=GearProfile(bank_version=3))]
    ended = bench.run(lamps, "--json", luminaires=1, bus_supply="gear")
    assert ended.findings("trouble") == []
    (note,) = [one for one in ended.bus()["findings"] if one["name"] == "supplyUnknown"]
    assert (note["kind"], note["lamps"]) == ("note", "s01")
    check_sentences(note)
    assert ended.bus()["gear"][0]["supply"]["active"] is True


@pytest.mark.parametrize("stage", ["survey", "addresses", "gear"])
def test_a_bus_that_is_lost_at_any_stage_is_named(bench: Bench, stage: str) -> None:
    at_s = {"survey": 2.0, "addresses": 7.0, "gear": 14.0}[stage]
    ended = bench.run([NEW] * 3, "--json", during=lambda street: street.bus_power(False), at_s=at_s)
    assert ended.code == 1
    assert ended.findings("trouble") == [("busLost", "s")]
    assert stage in ended.bus()["frames"]
    check_sentences(ended.bus()["findings"][-1])
    assert ended.bus()["findings"][0]["name"] == "failSafeWritten"


def test_gear_that_leaves_while_it_is_read_is_named_once(bench: Bench) -> None:
    def leaves(street: Street) -> None:
        street.gear[1].set_dead(True, street.loop.time())

    lamps = [Lamp(0, 25.0), Lamp(1, 25.0), Lamp(2, 25.0)]
    whole = bench.run(lamps, "--json")
    ended = bench.run(lamps, "--json", during=leaves, at_s=whole.clock_s / 2)
    assert ended.findings("trouble") == [("gearTrouble", "s02")]
    assert [gear["luminaire"] for gear in ended.bus()["gear"]] == ["s01", "s02", "s03"]
    assert ended.bus()["gear"][2]["device_types"] == [6, 50, 51, 52]
