"""A failure for one lamp keeps no other lamp from its level, and a setting that fails keeps no lamp from its level."""

from __future__ import annotations

import pytest

from drivers.errors import BusBusy, PortUnavailable
from hil.devices.gear_configuration import CONFIGURATION
from protocols.dali.frames import Reply, Transmission
from tests.rigs.lamp_bus import FULL, HALF, OFF, LampBus, on_the_bus, running

SET_POWER_ON_LEVEL, SET_SYSTEM_FAILURE_LEVEL = 0x2D, 0x2C


def failing(bus: LampBus, patch: pytest.MonkeyPatch, *values: int, error: Exception | None = None) -> None:
    """Makes these frames fail to go out."""
    transmit = bus.interface.transmit

    async def refused(channel: int, transmission: Transmission, priority: int) -> Reply:
        if transmission.frame.value in values:
            raise error or BusBusy("another master collides with every frame")
        return await transmit(channel, transmission, priority)

    patch.setattr(bus.interface, "transmit", refused)


@pytest.mark.parametrize("stagger_s", [0.0, 0.1])
def test_one_level_frame_that_fails_stops_no_other(stagger_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(2)
        for number, name in enumerate(bus.targets):
            bus.ask_for(20.0 + number, 0.0, name)
        failing(bus, monkeypatch, *(0x0000 | level for level in range(255)))
        await bus.cycles()
        levels = bus.levels()
        assert levels[0] == OFF
        assert all(levels[1:])

    on_the_bus(story, lamps=12, stagger_s=stagger_s)


def test_a_fade_that_cannot_be_set_keeps_no_lamp_from_its_level(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(2)
        failing(bus, monkeypatch, 0xFF2E, 0x012E, 0x032E, 0x052E)
        bus.ask_for(100.0, 8.0)
        await bus.cycles()
        assert bus.levels() == [FULL] * 3
        # Nor is it tried for each frame of a round.
        tried = len([value for value in bus.sent() if value >> 8 == 0xA3])
        assert tried <= 10

    on_the_bus(story)


def test_a_lost_port_ends_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(2)
        for number, name in enumerate(bus.targets):
            bus.ask_for(20.0 + number, 0.0, name)
        failing(bus, monkeypatch, *(0x0000 | level for level in range(255)), error=PortUnavailable("pulled"))
        bus.forget_frames()
        assert not await bus.control.tell_levels()
        assert len(bus.level_frames()) <= 3  # those that were waiting beside it
        assert bus.told() == []

    on_the_bus(story, lamps=12)


def test_gear_that_refuses_one_fail_safe_level_has_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONFIGURATION, SET_POWER_ON_LEVEL, lambda gear, now: None)

    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.power_on_level = gear.variables.system_failure_level = 0
        await bus.cycles()
        assert [gear.variables.system_failure_level for gear in bus.street.gear] == [FULL] * 3
        assert all(not lamp.stored.fail_safe_checked for lamp in bus.lamps)

    on_the_bus(story)


@pytest.mark.parametrize("query", [0x01A3, 0x01A4, 0x01A8, 0x01A1])
def test_a_question_of_the_fail_safe_levels_that_fails_stops_no_other(
    query: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.power_on_level = gear.variables.system_failure_level = 0
        failing(bus, monkeypatch, query)
        await bus.cycles(4)
        set_levels = [(each.variables.power_on_level, each.variables.system_failure_level) for each in bus.street.gear]
        first = {0x01A3: (0, FULL), 0x01A4: (FULL, 0)}.get(query, (FULL, FULL))
        assert set_levels == [first, (FULL, FULL), (FULL, FULL)]
        assert [lamp.stored.fail_safe_checked for lamp in bus.lamps] == [False, True, True]
        assert bus.told() == [("busUnusable", "street", True)]

    on_the_bus(story)


def test_a_failed_level_is_tried_again_soon_and_then_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            tried: list[float] = []
            transmit = bus.interface.transmit

            async def refused(channel: int, transmission: Transmission, priority: int) -> Reply:
                if not transmission.frame.value & 0x100:
                    tried.append(bus.clock.monotonic())
                    raise BusBusy("another master collides with every frame")
                return await transmit(channel, transmission, priority)

            monkeypatch.setattr(bus.interface, "transmit", refused)
            bus.ask_for(100.0)
            bus.control.wake()
            began = bus.clock.monotonic()
            await bus.clock.sleep(7.0)
            assert [round(at - began, 1) for at in tried] == [0.0, 0.2, 0.6, 1.4, 3.0, 6.2]
            assert bus.levels() == [HALF] * 3
            monkeypatch.setattr(bus.interface, "transmit", transmit)
            await bus.clock.sleep(6.0)
            assert bus.levels() == [FULL] * 3

    on_the_bus(story)
