"""The agent on firmware met in the field: each profile burns, gets its fail-safe levels, and raises no alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hil.devices.gear_profiles import PROFILES
from hil.devices.gear_variables import GearProfile
from hil.emulated_board import EmulatedBoard, lamps_of
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway, told
from tests.rigs.lamp_bus import FULL

WRONG_POWER_ON, WRONG_SYSTEM_FAILURE = 11, 22


def give_profiles(gateway: Gateway, *profiles: GearProfile) -> None:
    """Gives the gear of the street these profiles in turn, and levels that would leave it dim."""
    gateway.emulated.close()
    ordinary = lamps_of(gateway.board)
    lamps = {
        bus: {
            name: replace(lamp, profile=profiles[place % len(profiles)])
            for place, (name, lamp) in enumerate(found.items())
        }
        for bus, found in ordinary.items()
    }
    gateway.emulated = EmulatedBoard(gateway.board, seed=1, lamps=lamps, traffic=gateway.clock)
    for gear in gateway.street.gear:
        gear.variables.power_on_level = WRONG_POWER_ON
        gear.variables.system_failure_level = WRONG_SYSTEM_FAILURE


async def burns_without_an_alarm(gateway: Gateway) -> None:
    async with gateway.agent() as agent:
        await gateway.until(300.0)
        assert gateway.levels() == [FULL] * len(gateway.names)
        for gear in gateway.street.gear:
            assert (gear.variables.power_on_level, gear.variables.system_failure_level) == (FULL, FULL)
        gateway.street.mains(False)
        await gateway.until(360.0)
        gateway.street.mains(True)
        await gateway.until(600.0)
        assert gateway.levels() == [FULL] * len(gateway.names)
        # These events come from the cut, and from gear of edition 1, which has no register.
        expected = {"controlGearCommFailure", "supplyLoss", "noEnergyRegister"}
        assert {name for name, _, _ in await told(agent)} <= expected


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_gear_of_each_profile_burns_and_is_safe(tmp_path: Path, name: str) -> None:
    async def story(gateway: Gateway) -> None:
        give_profiles(gateway, PROFILES[name])
        await burns_without_an_alarm(gateway)

    at_a_gateway(story, tmp_path, buses=(BusOf("L", 2),))


def test_a_street_of_all_profiles(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        give_profiles(gateway, *PROFILES.values())
        await burns_without_an_alarm(gateway)

    at_a_gateway(story, tmp_path, buses=(BusOf("L", len(PROFILES)),))
