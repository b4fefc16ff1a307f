"""Addressing: the answers of one emulated gear to a searching controller."""

from __future__ import annotations

import pytest

from hil.devices.gear_variables import GearProfile
from tests.rigs.lone_gear import LoneGear

YES = 0xFF


def initialised(whom: int = 0x00) -> tuple[LoneGear, int]:
    """Returns a gear that takes part in the search, with a fresh random address, and that address."""
    lone = LoneGear()
    lone.twice(0xA500 | whom)
    lone.twice(0xA700)
    lone.wait(0.1)
    high, middle, low = (lone.send(0x0B00 | query) for query in (0xC2, 0xC3, 0xC4))
    assert high is not None
    assert middle is not None
    assert low is not None
    return lone, high << 16 | middle << 8 | low


def search(lone: LoneGear, address: int) -> None:
    lone.send(0xB100 | address >> 16)
    lone.send(0xB300 | address >> 8 & 0xFF)
    lone.send(0xB500 | address & 0xFF)


def test_compare_says_yes_up_to_the_random_address_and_silence_below() -> None:
    lone, random_address = initialised()
    assert random_address != 0xFFFFFF
    for wanted, answer in ((0xFFFFFF, YES), (random_address, YES), (random_address - 1, None), (0, None)):
        search(lone, wanted)
        assert lone.send(0xA900) == answer


def test_two_specimens_draw_different_addresses() -> None:
    drawn = set()
    for seed in range(8):
        lone = LoneGear(seed=seed)
        lone.twice(0xA500)
        lone.twice(0xA700)
        lone.wait(0.2)
        drawn.add(lone.gear.commissioning.random_address(lone.now))
    assert len(drawn) == 8


def test_randomise_takes_its_time() -> None:
    lone = LoneGear()
    lone.twice(0xA500)
    lone.twice(0xA700)
    assert lone.send(0x0BC2) == 0xFF
    lone.wait(0.1)
    assert lone.gear.commissioning.random_address(lone.now) != 0xFFFFFF


def test_a_gear_may_ignore_randomise() -> None:
    lone = LoneGear(profile=GearProfile(ignores_randomise=True))
    lone.twice(0xA500)
    lone.twice(0xA700)
    lone.wait(0.2)
    assert lone.gear.commissioning.random_address(lone.now) == 0xFFFFFF


def test_program_verify_query_and_withdraw() -> None:
    lone, random_address = initialised()
    search(lone, random_address)
    assert lone.send(0xBB00) == 0x0B
    lone.send(0xB700 | (9 << 1 | 1))
    assert lone.send(0xB900 | (9 << 1 | 1)) == YES
    assert lone.send(0xB900 | 0x0B) is None
    assert lone.send(0xBB00) == 9 << 1 | 1
    assert lone.send(0x13A0) == 254
    lone.send(0xAB00)
    assert lone.send(0xA900) is None
    assert lone.send(0xB900 | (9 << 1 | 1)) == YES
    lone.send(0xB7FF)
    assert lone.send(0xBB00) == 0xFF
    assert lone.send(0x13A0) is None
    assert lone.send(0xFDA0) == 254


def test_only_the_selected_gear_is_programmed() -> None:
    lone, random_address = initialised()
    search(lone, random_address - 1)
    lone.send(0xB713)
    lone.send(0xAB00)
    assert lone.send(0xBB00) is None
    assert lone.gear.variables.short_address == 5
    search(lone, 0xFFFFFF)
    assert lone.send(0xA900) == YES


@pytest.mark.parametrize(
    ("whom", "takes_part"), [(0x00, True), (0x0B, True), (0x0D, False), (0xFF, False), (0x0A, False)]
)
def test_initialise_names_all_one_or_those_without_an_address(whom: int, takes_part: bool) -> None:
    lone = LoneGear()
    lone.twice(0xA500 | whom)
    assert lone.send(0xA900) == (YES if takes_part else None)


def test_initialise_for_those_without_an_address() -> None:
    lone = LoneGear()
    lone.gear.commissioning.assign(0xFF)
    lone.twice(0xA5FF)
    assert lone.send(0xA900) == YES


def test_without_initialise_or_with_it_once_nothing_happens() -> None:
    lone = LoneGear()
    assert lone.send(0xA900) is None
    lone.send(0xA500)
    assert lone.send(0xA900) is None
    lone.send(0xA500)
    assert lone.send(0xA900) is None
    assert lone.send(0xB90B) is None


def test_it_ends_after_a_quarter_of_an_hour_or_by_terminate_or_with_the_power() -> None:
    for end in ("time", "terminate", "power"):
        lone, _ = initialised()
        lone.wait(890)
        assert lone.send(0xA900) == YES
        if end == "time":
            lone.wait(11)
        elif end == "terminate":
            lone.send(0xA100)
        else:
            lone.gear.set_mains(False, lone.now)
            lone.gear.set_mains(True, lone.now)
            lone.wait(1)
        assert lone.send(0xA900) is None


def test_a_frame_with_content_where_zero_belongs_is_not_the_command() -> None:
    lone, _ = initialised()
    assert lone.send(0xA901) is None
    lone.send(0xA101)
    assert lone.send(0xA900) == YES


def test_set_short_address_by_dtr0() -> None:
    lone = LoneGear()
    lone.configure(0x0B80, 0x15)
    assert lone.send(0x15A0) == 254
    lone.configure(0x1580, 0x14)  # not an address in the form 0AAAAAA1
    assert lone.send(0x15A0) == 254
