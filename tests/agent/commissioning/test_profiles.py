"""`lichtmast commission` on firmware met in the field: each profile, all of them in one street, and each query
unanswered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hil.devices.dali_gear import Gear
from hil.devices.gear_profiles import EDITION_1, PROFILES
from hil.devices.gear_variables import GearProfile
from hil.devices.street import Lamp, Street
from tests.rigs.commission_bench import Bench

FULL = 254
BROADCAST_FRAMES = 6
"""In which the fail-safe levels go out to all gear."""
WRONG_POWER_ON, WRONG_SYSTEM_FAILURE = 11, 22
SET_SYSTEM_FAILURE_LEVEL, SET_POWER_ON_LEVEL = 0x2C, 0x2D
QUERY_POWER_ON_LEVEL, QUERY_SYSTEM_FAILURE_LEVEL = 0xA3, 0xA4


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    return Bench(tmp_path, capsys)


def unsafe(street: Street) -> None:
    """Gives each gear one dim level for the time after a power cut, and another for a bus that fails."""
    for gear in street.gear:
        gear.variables.power_on_level = WRONG_POWER_ON
        gear.variables.system_failure_level = WRONG_SYSTEM_FAILURE


def misses_the_broadcast(street: Street) -> None:
    """Gives each gear dim fail-safe levels, and makes it deaf until the broadcast of the safe levels is over."""
    unsafe(street)
    for gear in street.gear:
        gear.receive, gear.load_dtr = late_ears(street, gear)  # type: ignore[method-assign]


def late_ears(street: Street, gear: Gear) -> tuple[Any, Any]:
    """Takes the place of the gear's `receive` and `load_dtr`: it is deaf until that broadcast is over."""
    hear, load = gear.receive, gear.load_dtr

    def receive(address: int, opcode: int, sequence: int, now: float) -> int | None:
        return hear(address, opcode, sequence, now) if len(street.bus.trace) >= BROADCAST_FRAMES else None

    def load_dtr(address: int, content: int, now: float) -> None:
        if len(street.bus.trace) >= BROADCAST_FRAMES:
            load(address, content, now)

    return receive, load_dtr


def safe_levels(street: Street) -> list[tuple[int, int]]:
    return [(gear.variables.power_on_level, gear.variables.system_failure_level) for gear in street.gear]


@pytest.mark.parametrize("prepare", [unsafe, misses_the_broadcast])
@pytest.mark.parametrize("name", sorted(PROFILES))
def test_gear_of_each_profile_is_addressed_and_safe(bench: Bench, name: str, prepare: Callable[[Street], None]) -> None:
    lamps = [Lamp(None, 25.0), Lamp(None, 25.0, profile=PROFILES[name]), Lamp(2, 25.0)]
    ended = bench.run(lamps, "--json", "--fade", "1.4", prepare=prepare)
    assert ended.findings("difference", "trouble") == []
    assert ended.code == 0
    assert sorted(ended.addresses[:2]) == [0, 1]  # type: ignore[type-var]  # none is None any more
    assert ended.addresses[2] == 2
    assert safe_levels(ended.street) == [(FULL, FULL)] * 3
    assert [gear.variables.fade_time for gear in ended.street.gear] == [3] * 3
    assert len(ended.bus()["gear"]) == 3


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_gear_of_each_profile_alone_on_its_bus(bench: Bench, name: str) -> None:
    ended = bench.run([Lamp(None, 25.0, profile=PROFILES[name])], "--json", luminaires=1, prepare=unsafe)
    assert ended.findings("difference", "trouble") == []
    assert (ended.code, ended.addresses, safe_levels(ended.street)) == (0, [0], [(FULL, FULL)])


def test_a_street_of_all_profiles(bench: Bench) -> None:
    lamps = [Lamp(None, 25.0, profile=profile) for profile in PROFILES.values()]
    ended = bench.run(lamps, "--json", luminaires=len(lamps), prepare=misses_the_broadcast)
    assert ended.findings("difference", "trouble") == []
    assert sorted(ended.addresses) == list(range(len(lamps)))  # type: ignore[type-var]
    assert safe_levels(ended.street) == [(FULL, FULL)] * len(lamps)


def test_gear_that_says_no_with_a_frame_disturbs_no_search_once_it_has_its_address(bench: Bench) -> None:
    lamps = [Lamp(number, 25.0, profile=PROFILES["no-is-frame"]) for number in (0, 1, 2)] + [Lamp(None, 25.0)] * 2
    ended = bench.run(lamps, "--json", luminaires=5, prepare=unsafe)
    assert ended.findings("difference", "trouble") == []
    assert ended.addresses[:3] == [0, 1, 2]
    assert sorted(ended.addresses[3:]) == [3, 4]  # type: ignore[type-var]
    again = bench.run([Lamp(number, 25.0, profile=PROFILES["no-is-frame"]) for number in range(3)], "--json")
    assert (again.code, again.addresses) == (0, [0, 1, 2])


def test_a_street_of_edition_1_is_read_as_far_as_it_goes(bench: Bench) -> None:
    ended = bench.run([Lamp(None, 25.0, profile=EDITION_1)] * 3, "--json", prepare=unsafe)
    assert ended.code == 0
    for gear in ended.bus()["gear"]:
        assert gear["version"] == [1, 0]
        assert gear["device_types"] == [6]
        assert gear["settings"]["extended_fade_time"] is None
        assert gear["settings"]["max_level"] == FULL
        assert int(gear["banks"]["gear"]["serial number"]) < 1 << 32
        assert gear["banks"].keys() == {"gear"}
    assert len({gear["banks"]["gear"]["serial number"] for gear in ended.bus()["gear"]}) == 3


def test_edition_1_gear_of_several_types_tells_them_one_by_one(bench: Bench) -> None:
    several = replace(EDITION_1, device_types=(1, 6))
    ended = bench.run([Lamp(0, 25.0, profile=several)], "--json", luminaires=1)
    assert ended.findings("difference", "trouble") == []
    assert ended.bus()["gear"][0]["device_types"] == [1, 6]


PRESENT = 0x91
"""QUERY CONTROL GEAR PRESENT: gear that does not answer it is not there."""


def test_no_question_that_fails_stands_before_the_fail_safe_levels(bench: Bench) -> None:
    """Each gear misses the broadcast, and leaves another one of commissioning's queries unanswered."""
    ordinary = bench.run([Lamp(0, 25.0)], luminaires=1).street.bus.trace
    asked = {frame.value & 0xFF for frame in ordinary if frame.value >> 8 == 1 and frame.value & 0xFF >= 0x90}
    questions = sorted(asked - {QUERY_POWER_ON_LEVEL, QUERY_SYSTEM_FAILURE_LEVEL, PRESENT})
    assert len(questions) > 10
    mute = [GearProfile(unknown_commands=frozenset({opcode})) for opcode in questions]
    lamps = [Lamp(number, 25.0, profile=profile) for number, profile in enumerate(mute)]
    ended = bench.run(lamps, "--json", luminaires=len(lamps), prepare=misses_the_broadcast)
    unsafe_still = [questions[number] for number, kept in enumerate(safe_levels(ended.street)) if kept != (FULL, FULL)]
    assert unsafe_still == []
    assert ended.addresses == list(range(len(lamps)))
    assert {name for name, _ in ended.findings("trouble")} == {"gearTrouble"}


@pytest.mark.parametrize(
    ("unheard", "kept", "named"),
    [
        (SET_POWER_ON_LEVEL, (WRONG_POWER_ON, FULL), "power on level"),
        (SET_SYSTEM_FAILURE_LEVEL, (FULL, WRONG_SYSTEM_FAILURE), "system failure level"),
    ],
)
def test_a_level_that_does_not_read_back_is_named(
    bench: Bench, unheard: int, kept: tuple[int, int], named: str
) -> None:
    stubborn = GearProfile(unknown_commands=frozenset({unheard}))
    ended = bench.run([Lamp(0, 25.0, profile=stubborn)], "--json", luminaires=1, prepare=unsafe)
    assert ended.code == 1
    assert safe_levels(ended.street) == [kept]
    (difference,) = [one for one in ended.bus()["findings"] if one["kind"] == "difference"]
    assert (difference["name"], difference["setting"], difference["wanted"]) == ("settingDiffers", named, FULL)
    assert difference["found"] in kept


@pytest.mark.parametrize("query", [QUERY_POWER_ON_LEVEL, QUERY_SYSTEM_FAILURE_LEVEL])
def test_levels_that_cannot_be_read_back_are_trouble_and_the_rest_is_read(bench: Bench, query: int) -> None:
    mute = GearProfile(unknown_commands=frozenset({query}))
    ended = bench.run([Lamp(0, 25.0, profile=mute)], "--json", luminaires=1, prepare=unsafe)
    assert ended.findings("trouble") == [("gearTrouble", "s01")]
    assert safe_levels(ended.street) == [(FULL, FULL)]
    (gear,) = ended.bus()["gear"]
    assert gear["banks"]["gear"]["GTIN"] == "8719990000017"
    assert gear["device_types"] == [6, 50, 51, 52]


def test_a_max_level_below_the_safe_level_is_named(bench: Bench) -> None:
    def limited(street: Street) -> None:
        street.gear[0].variables.max_level = 170

    ended = bench.run([Lamp(0, 25.0)], "--json", luminaires=1, prepare=limited)
    (note,) = [one for one in ended.bus()["findings"] if one["name"] == "lightLimited"]
    assert (note["subject"], note["found"], note["wanted"], note["kind"]) == ("s01", 170, FULL, "note")
    assert ended.code == 0
    assert ended.street.gear[0].variables.max_level == 170
