"""Our conversations with gear and devices that python-dali's authors wrote: addressed, dimmed, set, read, written.

Their gear never answers QUERY SHORT ADDRESS: commissioning finds it the long way.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from dali import address as their_address
from dali.memory import diagnostics, energy, info, maintenance, oem
from dali.memory.location import FlagValue, MemoryBank, MemoryValue
from dali.tests import fakes

from protocols.dali import (
    addresses,
    bank_inquiries,
    device_addresses,
    device_sequences,
    energy_register,
    gear_commands,
    gear_data,
    levels,
    light_source,
    memory_banks,
    sequences,
    survey,
)
from protocols.dali.bank_access import PRESENT
from protocols.dali.commissioning import ALL, WITHOUT_ADDRESS, commission, only
from protocols.dali.energy_register import EnergyRegister
from protocols.dali.gear_errors import WriteNotTaken
from protocols.dali.short_addresses import AddressPlan
from tests.protocols.their_fakes import D4I_BANKS, TheirBus

LAMP = addresses.short(5)
THEIR_BANKS: dict[int, MemoryBank] = {
    0: info.BANK_0,
    1: oem.BANK_1,
    202: energy.BANK_202,
    205: diagnostics.BANK_205,
    206: diagnostics.BANK_206,
    207: maintenance.BANK_207,
}


@pytest.fixture(autouse=True)
def _the_same_each_time() -> None:
    random.seed(7)


def lamp(short_address: int = 5, **more: Any) -> Any:
    return fakes.Gear(shortaddr=short_address, devicetypes=[6, 50, 51, 52], memory_banks=D4I_BANKS, **more)


def theirs(gear: Any, sequence: Any) -> Any:
    """Runs one of python-dali's sequences and returns its result."""
    return fakes.Bus([gear]).run_sequence(sequence)


@pytest.mark.parametrize("count", [1, 2, 7, 16])
def test_new_gear_is_addressed(count: int) -> None:
    bus = TheirBus(*[fakes.Gear() for _ in range(count)])
    outcome = bus.run(commission(AddressPlan(), ALL))
    assert sorted(gear.shortaddr for gear in bus.units) == list(range(count))
    assert not outcome.troubles
    assert all(not gear.initialising for gear in bus.units)


def test_gear_that_has_an_address_keeps_it() -> None:
    bus = TheirBus(fakes.Gear(shortaddr=3), fakes.Gear(), fakes.Gear(shortaddr=9))
    there = bus.run(survey.survey())
    assert (there.present, there.any_without, there.several, there.nonsense) == ((3, 9), True, (), ())
    plan = AddressPlan(wanted=(12,), taken=there.present, taken_is_complete=True)
    bus.run(commission(plan, WITHOUT_ADDRESS))
    assert [gear.shortaddr for gear in bus.units] == [3, 12, 9]


def test_two_at_one_address_are_told_apart() -> None:
    bus = TheirBus(fakes.Gear(shortaddr=3), fakes.Gear(shortaddr=3), fakes.Gear(shortaddr=4))
    assert bus.run(survey.shared((3, 4))) == (3,)
    plan = AddressPlan(taken=(3, 4), taken_is_complete=True)
    bus.run(commission(plan, only(3)))
    assert len({gear.shortaddr for gear in bus.units}) == 3
    assert bus.units[2].shortaddr == 4


def test_two_that_draw_one_random_address_draw_again() -> None:
    # python-dali's gear draws twice for a pair of RANDOMISE.
    drawn = [[0x111111, 0x123456, 0x111111, number] for number in (0x200000, 0x300000)]
    bus = TheirBus(*[fakes.Gear(random_preload=mine) for mine in drawn])
    assert not bus.run(commission(AddressPlan(), ALL)).troubles
    # Address 0 was given and taken back; it is not given twice in one run.
    assert [gear.shortaddr for gear in bus.units] == [1, 2]


@pytest.mark.parametrize(("percent", "level"), [(100.0, 254), (50.0, 229), (10.0, 170), (0.0, 0)])
def test_gear_is_dimmed(percent: float, level: int) -> None:
    gear, other = lamp(), fakes.Gear(shortaddr=6)
    bus = TheirBus(gear, other)
    bus.talk(sequences.dim(LAMP, levels.level_of(percent)))
    assert (gear.level, other.level) == (level, 0)
    assert bus.talk(sequences.query_value(LAMP, "QUERY ACTUAL LEVEL")) == level
    bus.talk(sequences.dim(addresses.BROADCAST, 254))
    assert (gear.level, other.level) == (254, 254)


def test_groups_scenes_and_limits_are_kept() -> None:
    gear = lamp(groups={0, 9})
    bus = TheirBus(gear)
    assert bus.talk(gear_data.read_groups(LAMP)) == (0, 9)
    bus.run(gear_data.write_groups(LAMP, (2, 9, 15)))
    assert gear.groups == {2, 9, 15}
    bus.talk(gear_data.write_scene(LAMP, 4, 170))
    assert gear.scenes[4] == 170
    assert bus.run(gear_data.read_scenes(LAMP))[3:6] == (255, 170, 255)
    bus.talk(gear_data.write_parameter(LAMP, "max level", 200))
    bus.talk(gear_data.write_parameter(LAMP, "min level", 100))
    assert (gear.level_min, gear.level_max) == (100, 200)
    with pytest.raises(WriteNotTaken, match="keeps max level at 100 and does not take 90"):
        bus.talk(gear_data.write_parameter(LAMP, "max level", 90))
    bus.talk(sequences.dim(addresses.group(15), 254))
    assert gear.level == gear.level_max

    def scene() -> Any:
        yield gear_commands.command(LAMP, "GO TO SCENE", 4)

    gear.level_max = 254
    bus.talk(scene())
    assert gear.level == 170


def test_types_and_version() -> None:
    bus = TheirBus(lamp(), fakes.Gear(shortaddr=6, devicetypes=[1]), fakes.Gear(shortaddr=7))
    for number, types in ((5, (6, 50, 51, 52)), (6, (1,)), (7, ())):
        address = addresses.short(number)
        assert bus.talk(gear_data.version(address)) == (2, 0)
        assert bus.run(gear_data.read_device_types(address, (2, 0))) == types
    assert bus.talk(gear_data.is_present(addresses.short(7)))
    assert not bus.talk(gear_data.is_present(addresses.short(8)))


@pytest.mark.parametrize(
    "bank", [bank for bank in memory_banks.BANKS if bank.number in THEIR_BANKS], ids=lambda bank: str(bank.number)
)
def test_banks_read_as_their_authors_read_them(bank: memory_banks.Bank) -> None:
    gear = lamp()
    reading = TheirBus(gear).run(bank_inquiries.read_values(LAMP, bank))
    assert reading.state == PRESENT
    told: dict[type[MemoryValue], Any] = theirs(gear, THEIR_BANKS[bank.number].read_all(5, use_latch=False))
    by_place = {one.locations[0].address: content for one, content in told.items()}
    known = 0
    for field, value in zip(bank.fields, reading.values, strict=True):
        their_value = by_place[field.offset if field.scale_offset is None else field.scale_offset]
        if isinstance(their_value, FlagValue):
            assert not value.is_known
        elif value.amount is not None and not isinstance(their_value, str):
            assert value.amount == pytest.approx(float(their_value))
            known += 1
    assert known >= {1: 0, 207: 3}.get(bank.number, 2)
    assert not gear.enableWriteMemory


def test_energy_reads_as_their_authors_read_it() -> None:
    gear = lamp()
    for latch in (False, True):
        register = TheirBus(gear).talk(energy_register.read_whole(LAMP, latch))
        assert register is not None
        assert register.energy_wh == float(theirs(gear, energy.ActiveEnergy.read(5))) == 12_345.6
    assert gear.memory_banks[202].contents[2] == memory_banks.RELEASE


def test_one_load_of_the_dtrs_does_for_several_of_their_gear() -> None:
    gear = [lamp(number) for number in (5, 6, 7)]
    bus = TheirBus(*gear)
    known = [(addresses.short(number), EnergyRegister(123_400 + number, -1)) for number in (5, 6, 7)]
    assert bus.talk(energy_register.read_on(known)) == [EnergyRegister(123_456, -1)] * 3
    assert [one.dtr0 for one in gear] == [0x0B] * 3


def test_what_we_write_their_authors_read() -> None:
    gear = lamp()
    bus = TheirBus(gear)
    bus.run(bank_inquiries.write_value(LAMP, memory_banks.BANK_207, "rated useful life", 80))
    bus.run(bank_inquiries.write_value(LAMP, memory_banks.BANK_1, "luminaire identification", "Mast 12"))
    bus.run(bank_inquiries.write_value(LAMP, memory_banks.BANK_1, "nominal power", 31))
    assert theirs(gear, maintenance.RatedMedianUsefulLifeOfLuminaire.read(5)) == 80_000
    assert theirs(gear, oem.LuminaireIdentification.read(5)) == "Mast 12"
    assert theirs(gear, oem.InputPowerNominal.read(5)) == 31
    for number in (1, 207):
        assert gear.memory_banks[number].contents[2] == memory_banks.RELEASE


def test_an_exchanged_lamp_begins_anew_as_their_authors_read_it() -> None:
    gear = lamp()
    assert theirs(gear, diagnostics.LightSourceStartCounterResettable.read(5)) == 1000
    assert TheirBus(gear).run(light_source.begin_anew(LAMP)) == (1000, 3_600_000)
    assert theirs(gear, diagnostics.LightSourceStartCounterResettable.read(5)) == 0
    assert theirs(gear, diagnostics.LightSourceOnTimeResettable.read(5)) == 0
    assert theirs(gear, diagnostics.LightSourceStartCounter.read(5)) == 2000
    assert theirs(gear, diagnostics.LightSourceOnTime.read(5)) == 7_200_000


def test_control_devices_are_found_addressed_and_set() -> None:
    known = fakes.Device(shortaddr=their_address.DeviceShort(4))
    bus = TheirBus(known, fakes.Device(), fakes.Device())
    assert bus.talk(device_sequences.find_devices(range(8))) == ([4], [])
    assert bus.talk(device_sequences.quietly(device_sequences.give_addresses([1, 2, 3]))) == [1, 2]
    assert sorted(unit.shortaddr.address for unit in bus.units) == [1, 2, 4]
    assert not any(unit.quiescent or unit.initialising for unit in bus.units)
    to, instance = device_addresses.short(4), device_addresses.instance(2)
    assert bus.talk(device_sequences.query_value(to, "QUERY NUMBER OF INSTANCES")) == 4
    assert bus.talk(device_sequences.query_instance(to, instance, "QUERY INSTANCE TYPE")) == 1
    bus.talk(device_sequences.forget_address(to))
    assert known.shortaddr is None
