"""Integrated bus supplies: read, switched, and their sum; on a table and on an emulated street."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali import supply
from protocols.dali.frames import COLLISION
from protocols.dali.gear_errors import LastSupply
from protocols.dali.supply import Finding, Supply, check_supplies
from protocols.errors import SeveralAnswered
from tests.rigs.gear_on_a_table import GEAR, LoneGear

D4I = (6, 49, 50, 51, 52)


def of(name: str, maximum_ma: int | None = 60, *, active: bool | None = True, guaranteed_ma: int | None = 52) -> Supply:
    return Supply(name, True, active, guaranteed_ma, maximum_ma)


def test_a_supply_is_read_and_switched() -> None:
    table = LoneGear(profile=GearProfile(device_types=D4I, supply_ma=(50, 61)))
    mine = table.run(supply.read_supply(GEAR, "L1"))
    assert mine == Supply("L1", True, True, 50, 61)
    table.run(supply.switch_supply(GEAR, False, [mine, of("L2")], "L1"))
    assert table.run(supply.read_supply(GEAR, "L1")) == Supply("L1", True, False, 50, 61)
    table.run(supply.switch_supply(GEAR, True, [mine, of("L2")], "L1"))
    assert table.gear.feeds_bus(table.now)
    # The seven queries for five device types cannot be cut.
    assert table.slowest_piece_s <= 0.33


def test_gear_without_a_supply() -> None:
    assert LoneGear().run(supply.read_supply(GEAR, "L1")) == Supply("L1", False, False, 0, 0)


def test_a_supply_bank_that_is_not_as_known() -> None:
    """The layout of the bank is a guess and the query is not: it tells in any case whether the supply feeds the bus."""
    other = LoneGear(profile=GearProfile(device_types=D4I, bank_version=3))
    assert other.run(supply.read_supply(GEAR, "L1")) == Supply("L1", True, True, None, None)
    table = LoneGear(profile=GearProfile(device_types=D4I))
    del table.gear.banks._banks[201]
    assert table.run(supply.read_supply(GEAR, "L1")) == Supply("L1", True, False, None, None)


def test_types_that_are_known_are_not_asked_for_again() -> None:
    table = LoneGear(profile=GearProfile(device_types=D4I))
    assert table.run(supply.read_supply(GEAR, "L1", D4I)).active
    assert (table.frames[0].frame.value, table.frames[1].frame.value) == (0xC131, 0x0BFE)
    assert LoneGear().run(supply.read_supply(GEAR, "L1", (6,))) == Supply("L1", False, False, 0, 0)


def test_whether_a_supply_feeds_the_bus_is_what_it_says() -> None:
    """IEC 62386-250: the gear answers yes or is silent; wb-mqtt-dali has type 49 and opcode FE too."""
    table = LoneGear(profile=GearProfile(device_types=D4I))
    assert table.talk(supply.query_active(GEAR)).value == 0xFF
    table.gear.set_mains(False, table.now)
    assert not table.talk(supply.query_active(GEAR)).is_heard
    assert not LoneGear().talk(supply.query_active(GEAR)).is_heard


def test_two_that_answer_are_not_one_supply() -> None:
    table = LoneGear(
        profile=GearProfile(device_types=D4I),
        spoil=lambda _number, sent, _reply: COLLISION if sent.frame.value == 0x0BFE else None,
    )
    with pytest.raises(SeveralAnswered, match="QUERY ACTIVE POWER SUPPLY as short 5"):
        table.run(supply.read_supply(GEAR, "L1"))


def test_the_last_supply_stays_on() -> None:
    table = LoneGear(profile=GearProfile(device_types=D4I))
    for others in ([], [of("L2", active=False)], [of("L2", active=None)]):
        with pytest.raises(LastSupply, match="L1 feeds this bus alone"):
            table.run(supply.switch_supply(GEAR, False, [of("L1"), *others], "L1"))
    assert not table.frames


def test_the_sum_of_supplies() -> None:
    assert check_supplies([of("L1"), of("L2"), of("L3"), of("L4")], 8) == ()
    (finding,) = check_supplies([of(f"L{n}") for n in range(1, 7)], 12)
    assert finding == Finding(
        "tooManySupplies",
        ("L5", "L6"),
        "the integrated supplies give up to 360 mA, and a bus bears 250 mA: switch off that of L5, L6",
    )
    assert check_supplies([of(f"L{n}", 50) for n in range(5)], 0) == ()
    assert [one.name for one in check_supplies([of(f"L{n}", 50) for n in range(5)] + [of("L6", 1)], 0)] == [
        "tooManySupplies"
    ]
    assert check_supplies([of("L1"), *[of(f"M{n}", active=False) for n in range(9)]], 12) == ()
    (weak,) = check_supplies([of("L1")], 60)
    assert (weak.name, weak.subjects) == ("tooLittleSupply", ("L1",))
    assert "guarantee 52 mA, and 60 mA are drawn" in weak.text
    (unknown,) = check_supplies([of("L1"), of("L2", None)], 10)
    assert (unknown.name, unknown.subjects) == ("supplyUnknown", ("L2",))
    assert check_supplies([], 100) == ()
    assert check_supplies([Supply("L1", False, False, 0, 0)], 100) == ()


@given(
    st.lists(
        st.builds(
            Supply,
            st.text(),
            st.booleans(),
            st.none() | st.booleans(),
            st.none() | st.integers(0, 250),
            st.none() | st.integers(0, 250),
        ),
        max_size=64,
    ),
    st.floats(0, 500),
)
def test_what_is_kept_is_always_allowed(supplies: list[Supply], consumption_ma: float) -> None:
    check_supplies(supplies, consumption_ma)
    named = [one._replace(name=str(place)) for place, one in enumerate(supplies)]
    kept = supply.supplies_to_keep(named)
    assert sum(one.maximum_ma or 0 for one in named if one.name in kept) <= supply.MOST_BUS_CURRENT_MA


def test_a_street_lives_on_the_supplies_of_its_gear() -> None:
    async def whole(clock: VirtualClock) -> None:
        street = Street([Lamp(0, 25.0), Lamp(1, 25.0)], bus_supply="gear", traffic=clock)
        try:
            await story(street)
        finally:
            street.close()

    async def story(street: Street) -> None:
        async def switch(gear: int, active: bool) -> None:
            for frame in (0x81, 0x81):
                await send(street, gear << 9 | 0x100 | frame)
            for frame in (0xC300 | supply.SUPPLY_BANK, 0xA302, 0xC755, 0xA300 | supply.ACTIVE, 0xC700 | active):
                await send(street, frame)
            await asyncio.sleep(0.1)

        assert street.bus.alive
        await switch(0, False)
        assert street.bus.alive
        await switch(1, False)
        assert not street.bus.alive
        # No gear can be reached any more; all keep their supplies' state over a loss of mains.
        street.mains(False)
        street.mains(True)
        assert not street.bus.alive

    async def send(street: Street, value: int) -> None:
        sent = asyncio.Event()
        street.bus.transmit(16, value, lambda _outcome: sent.set(), settle=True)
        await sent.wait()

    run_virtual(whole, 1_768_500_000.0)
