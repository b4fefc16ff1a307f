"""A stored EXTENDED FADE TIME of 16 minutes: it holds where FADE TIME is 0, and must not defeat 'at once'."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent import safe_level
from hil.devices.gear_configuration import CONFIGURATION
from hil.devices.gear_queries import QUERIES
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.agent.test_safe_level import Wire, told
from tests.rigs.gateway import BusOf, board_text
from tests.rigs.lamp_bus import FULL, HALF, NIGHT, OFF, LampBus, on_the_bus

SIXTEEN_MINUTES = 0x4F
QUERY_EXTENDED_FADE_TIME, SET_EXTENDED_FADE_TIME = 0xA8, 0x30


def test_the_first_level_comes_at_once_all_the_same() -> None:
    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.extended_fade_time = SIXTEEN_MINUTES
        bus.ask_for(100.0)
        began = bus.clock.monotonic()
        await bus.cycle()
        first = next(frame.time for frame in bus.street.bus.trace if frame.value == 0xFE00 | FULL)
        assert first - began < 0.3
        assert bus.levels() == [FULL] * 3
        assert [gear.variables.extended_fade_time for gear in bus.street.gear] == [0] * 3
        bus.ask_for(50.0)
        bus.forget_frames()
        await bus.cycles()
        # It is cleared once, and not with each level.
        assert bus.sent().count(0xFF00 | SET_EXTENDED_FADE_TIME) == 0
        assert bus.levels() == [HALF] * 3
        assert bus.told() == []

    on_the_bus(story)


def test_one_that_is_found_later_is_cleared_and_the_lamp_told_again() -> None:
    """The frame that clears it for all did not reach this gear."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0)
        await bus.cycles()
        bus.street.gear[1].variables.extended_fade_time = SIXTEEN_MINUTES
        bus.lamps[1].stored.fail_safe_checked = False
        bus.ask_for(50.0)
        await bus.cycles(2)
        assert bus.street.gear[1].variables.extended_fade_time == 0
        assert bus.levels() == [HALF] * 3
        assert bus.told() == []

    on_the_bus(story)


def test_gear_that_keeps_it_is_reported_until_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    takes = CONFIGURATION[SET_EXTENDED_FADE_TIME]

    async def story(bus: LampBus) -> None:
        bus.street.gear[2].variables.extended_fade_time = SIXTEEN_MINUTES
        monkeypatch.setitem(CONFIGURATION, SET_EXTENDED_FADE_TIME, lambda gear, now: None)
        await bus.cycles(3)
        assert bus.told() == [("failSafeWrong", "L2", True)]
        assert "EXTENDED FADE TIME" in bus.texts()[0]
        monkeypatch.setitem(CONFIGURATION, SET_EXTENDED_FADE_TIME, takes)
        await bus.cycles()
        assert bus.told() == [("failSafeWrong", "L2", True), ("failSafeWrong", "L2", False)]

    on_the_bus(story)


def test_gear_of_edition_1_has_none_and_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is silent at the question, and ignores the command."""
    monkeypatch.setitem(QUERIES, QUERY_EXTENDED_FADE_TIME, lambda gear, now: None)
    monkeypatch.setitem(CONFIGURATION, SET_EXTENDED_FADE_TIME, lambda gear, now: None)

    async def story(bus: LampBus) -> None:
        bus.ask_for(100.0)
        await bus.cycles(3)
        assert bus.levels() == [FULL] * 3
        assert all(lamp.stored.fail_safe_checked and lamp.condition.answers for lamp in bus.lamps)
        # Asked once each: it is not gear that does not answer.
        assert sorted(bus.queries(QUERY_EXTENDED_FADE_TIME)) == [1, 3, 5]
        assert bus.told() == []

    on_the_bus(story)


def test_what_the_safe_level_program_sends_lights_such_a_street_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe_level, "SENT_WITHIN_S", 0.005)  # there is no bus behind the wire
    wire = Wire(tmp_path)
    (tmp_path / "board.toml").write_text(board_text(tmp_path, [BusOf("A", 1, "wire")]))
    assert told(tmp_path / "board.toml") == []
    said = wire.lines()
    wire.close()

    async def replayed(clock: VirtualClock) -> None:
        street = Street([Lamp(0, 25.0), Lamp(1, 25.0)], traffic=clock)
        for gear in street.gear:
            gear.variables.extended_fade_time = SIXTEEN_MINUTES
        assert [street.level(number) for number in range(2)] == [OFF] * 2
        for line in said:
            street.interface.receive(line + b"\n")
            await clock.sleep(0.08)
        assert [street.level(number) for number in range(2)] == [FULL] * 2
        street.close()

    run_virtual(replayed, NIGHT)
