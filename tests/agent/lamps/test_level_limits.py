"""A gear's own MIN LEVEL and MAX LEVEL keep a lamp from its target: the agent reports them, and raises one that is
below the floor."""

from __future__ import annotations

import pytest

from hil.devices.gear_configuration import CONFIGURATION
from hil.devices.gear_profiles import MAX_LEVEL_ONLY_FALLS
from hil.devices.gear_variables import GearProfile
from protocols.dali.frames import ForwardFrame
from tests.rigs.lamp_bus import FULL, HALF, ONE_PERCENT, SEVENTY, LampBus, on_the_bus

FLOOR = 170
"""10 %, which is the floor where an installer states none."""
SET_MAX_LEVEL = 0x2A
RESET_L1 = 0x0320
LIMITED = "levelLimited"


def test_a_max_level_below_the_target_is_said_with_its_end() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.max_level = SEVENTY
        bus.ask_for(100.0)
        await bus.cycles(6)
        assert bus.levels() == [FULL, SEVENTY, FULL]
        assert bus.told() == [(LIMITED, "L1", True)]
        assert bus.texts() == [
            "L1 gives no more than 70.1 % (level 241) where 100 % (level 254) is asked for: raise the MAX LEVEL of its "
            "gear, or ask for less"
        ]
        bus.ask_for(50.0)
        await bus.cycles(2)
        assert bus.levels() == [HALF] * 3
        assert bus.told() == [(LIMITED, "L1", True), (LIMITED, "L1", False)]
        assert bus.street.gear[1].variables.max_level == SEVENTY  # an installer may have wanted that

    on_the_bus(story, floor_level=FLOOR)


@pytest.mark.parametrize("lowered", ["before", "while it burns"])
def test_a_max_level_below_the_floor_is_raised(lowered: str) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        if lowered == "while it burns":
            await bus.cycles(3)
        bus.street.gear[1].variables.max_level = ONE_PERCENT
        bus.drift(1, ONE_PERCENT)
        bus.ask_for(70.0)
        await bus.cycles(3)
        assert bus.levels() == [SEVENTY] * 3
        assert bus.street.gear[1].variables.max_level == FULL
        assert bus.told() == [("maxLevelRaised", "L1", True)]
        assert "0.991 % (level 85), below the least light at night" in bus.texts()[0]
        assert bus.lamps[1].stored.level_limits is None  # they are read anew when they matter

    on_the_bus(story, floor_level=FLOOR)


def test_a_max_level_at_the_floor_is_left() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.max_level = FLOOR
        bus.ask_for(50.0)
        await bus.cycles(3)
        assert bus.street.gear[1].variables.max_level == FLOOR
        assert bus.told() == [(LIMITED, "L1", True)]

    on_the_bus(story, floor_level=FLOOR)


def test_gear_that_does_not_take_a_higher_max_level_is_an_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIGURATION, SET_MAX_LEVEL, lambda gear, now: None)

    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.max_level = ONE_PERCENT
        bus.ask_for(50.0)
        await bus.cycles(6)
        assert bus.told() == [(LIMITED, "L1", True)]
        assert "does not take a higher MAX LEVEL: replace its gear" in bus.texts()[0]
        assert bus.levels() == [HALF, ONE_PERCENT, HALF]
        assert not bus.lamps[1].stored.fail_safe_checked

    on_the_bus(story, floor_level=FLOOR)


def test_gear_whose_max_level_only_falls_is_named_as_that() -> None:
    """Published firmware for AVR controllers takes a level above its MAX LEVEL for its MIN LEVEL."""

    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.max_level = ONE_PERCENT + 10
        bus.ask_for(50.0)
        await bus.cycles(6)
        assert bus.told() == [(LIMITED, "L1", True)]
        assert bus.texts() == [
            "L1 takes a MAX LEVEL above 1.3 % (level 95) for its lowest one: send RESET to its gear, commission it, or "
            "replace it"
        ]
        assert not bus.lamps[1].stored.fail_safe_checked  # it is looked at until it gives the least light
        bus.street.gear[1].reset(bus.clock.monotonic())
        bus.control.note_foreign(ForwardFrame(16, RESET_L1))
        await bus.cycles(6)
        assert bus.levels() == [HALF] * 3
        assert bus.told()[-1] == (LIMITED, "L1", False)

    on_the_bus(story, floor_level=FLOOR, profile=MAX_LEVEL_ONLY_FALLS)


def test_a_min_level_above_the_target_is_said_but_not_what_gear_cannot_do() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.gear[1].variables.min_level = HALF
        bus.ask_for(1.0)
        await bus.cycles(4)
        assert bus.levels() == [FLOOR, HALF, FLOOR]
        assert bus.told() == [(LIMITED, "L1", True)]
        assert "gives no less than 50.5 % (level 229) where 0.991 % (level 85) is asked for: lower" in bus.texts()[0]
        bus.ask_for(100.0)
        await bus.cycles(3)
        assert bus.told() == [(LIMITED, "L1", True), (LIMITED, "L1", False)]

    on_the_bus(story, profile=GearProfile(physical_min_level=FLOOR))


def test_limits_that_were_read_wrong_do_not_stick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer has a flipped bit; the lamp is told its level again, and the limits are read again."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0)
        await bus.cycles(3)
        bus.lamps[1].stored.level_limits = (1, 126)
        bus.drift(1, HALF)
        await bus.control.health.read_level(bus.lamps[1])
        assert bus.lamps[1].stored.level_limits is None
        await bus.cycles(3)
        assert bus.levels() == [FULL] * 3
        assert bus.told() == []

    on_the_bus(story)
