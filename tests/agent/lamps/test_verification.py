"""Each lamp's level is compared with its target, one lamp after the other, and no failure delays a level."""

from __future__ import annotations

import pytest

from agent.lamps.level_limits import LevelLimits
from agent.lamps.luminaire import LuminaireState
from agent.lamps.turns import each_in_turn
from agent.lamps.verification import Verification
from drivers.errors import BusBusy, DriverError, InterfaceSilent, PortUnavailable
from hil.virtual_time import VirtualClock, run_virtual
from protocols.dali.frames import Reply
from tests.rigs.lamp_bus import FULL, HALF, NIGHT, LampBus, on_the_bus


def verification(bus: LampBus) -> Verification:
    health = bus.control.health
    return Verification(health, LevelLimits(bus.dali, health, 1, bus.events), bus.clock, bus.events)


def test_a_lamp_that_is_told_another_level_while_it_is_asked_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        lamp = bus.lamps[0]
        lamp.told.target_level, lamp.told.verify_at = HALF, bus.clock.monotonic()
        later = lamp.told.verify_at + 5.0

        async def told_meanwhile(luminaire: LuminaireState, name: str) -> Reply:
            luminaire.told.target_level, luminaire.told.verify_at = FULL, later
            return Reply(Reply.VALUE, HALF)

        monkeypatch.setattr(bus.control.health, "ask", told_meanwhile)
        await verification(bus).verify_all([lamp])
        assert (lamp.told.target_level, lamp.told.verify_at, lamp.condition.mismatches) == (FULL, later, 0)

    on_the_bus(story)


def test_a_lamp_whose_limits_cannot_be_asked_is_told_again_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        lamp = bus.lamps[0]
        lamp.told.target_level = FULL

        async def silent(luminaire: LuminaireState, name: str) -> Reply:
            raise InterfaceSilent("no word")

        monkeypatch.setattr(bus.control.health, "ask", silent)
        with pytest.raises(InterfaceSilent):
            await verification(bus).compare(lamp, HALF)
        assert lamp.told.target_level is None

    on_the_bus(story)


@pytest.mark.parametrize(
    ("failing", "raised", "had_their_turn"),
    [
        ({1: BusBusy, 2: InterfaceSilent}, BusBusy, [0, 1, 2, 3]),
        ({1: BusBusy, 2: PortUnavailable}, PortUnavailable, [0, 1, 2]),
    ],
)
def test_the_first_failure_is_raised_once_all_had_their_turn(
    failing: dict[int, type[DriverError]], raised: type[DriverError], had_their_turn: list[int]
) -> None:
    async def story(_clock: VirtualClock) -> None:
        had: list[int] = []

        async def work(number: int) -> None:
            had.append(number)
            if number in failing:
                raise failing[number]("for a test")

        with pytest.raises(raised):
            await each_in_turn(range(4), work)
        assert had == had_their_turn

    run_virtual(story, NIGHT)
