"""Luminaire control in trouble: mains, gear, lamps, addresses and buses fail, and each failure is reported once."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.lamps.fail_safe import CHECKS_A_CYCLE as FAIL_SAFE_CHECKS_A_CYCLE
from agent.lamps.luminaire import LuminaireState
from agent.lamps.questions import CYCLE_S, STATUS_EVERY_S
from agent.records import alarms as events
from hil.devices.dali_gear import Gear
from hil.devices.gear_configuration import CONFIGURATION
from hil.devices.gear_variables import MASK, GearProfile
from protocols.dali.frames import Reply
from tests.rigs.lamp_bus import (
    BROADCAST_LEVEL,
    FULL,
    HALF,
    NIGHT,
    OFF,
    ONE_PERCENT,
    QUERY_POWER_FAILURE,
    QUERY_STATUS,
    SEVENTY,
    LampBus,
    on_the_bus,
    running,
)

SET_SYSTEM_FAILURE_LEVEL, SET_POWER_ON_LEVEL = 0x2C, 0x2D


@pytest.mark.parametrize(
    ("frame", "corrections"),
    [(0x0200 | ONE_PERCENT, [(2, HALF)]), (0xFE00 | OFF, [(BROADCAST_LEVEL, HALF)])],
    ids=["one lamp", "all"],
)
def test_another_master_is_overruled_in_the_next_cycle_and_reported_once(
    frame: int, corrections: list[tuple[int, int]]
) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        for _ in range(2):
            bus.street.bus.other_controller(frame)
            await bus.clock.sleep(0.1)
            assert bus.levels()[1] == frame & 0xFF
            bus.forget_frames()
            await bus.cycle()
            assert bus.levels() == [HALF] * 3
            assert bus.level_frames() == corrections
        assert bus.told() == [("foreignMaster", "street", True)]

    on_the_bus(story)


@pytest.mark.parametrize("bus_is_dead", [True, False])
def test_a_lamp_failure_from_before_a_restart_is_not_over_while_its_gear_cannot_be_asked(
    bus_is_dead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By day there may be no mains, and that does not mend a failed lamp."""
    monkeypatch.setattr(events, "UNSEEN_AFTER_S", 1.3 * STATUS_EVERY_S)

    async def story(bus: LampBus) -> None:
        bus.events.begin("lampFailure", "L1", "L1 reports a lamp failure")
        bus.events.restore(bus.events.state()[events.STATE])
        if bus_is_dead:
            bus.street.bus_power(False)
        else:
            bus.street.mains(False, 1)
        async with running(bus.control.run(bus.events.settle)):
            await bus.clock.sleep(3 * STATUS_EVERY_S)
            assert bus.told("lampFailure") == [("lampFailure", "L1", True)]
            bus.street.lamp_failed(1)
            bus.street.mains(True, 1)
            bus.street.bus_power(True)
            await bus.clock.sleep(1.2 * STATUS_EVERY_S)
            assert bus.told("lampFailure") == [("lampFailure", "L1", True)]
            bus.street.lamp_failed(1, False)
            await bus.clock.sleep(1.2 * STATUS_EVERY_S)
            assert bus.told("lampFailure") == [("lampFailure", "L1", True), ("lampFailure", "L1", False)]

    on_the_bus(story)


def test_a_bus_that_got_its_voltage_back_during_a_restart_is_told_of() -> None:
    async def story(bus: LampBus) -> None:
        bus.events.begin("supplyLoss", "street", "no voltage")
        bus.events.restore(bus.events.state()[events.STATE])
        bus.street.bus_power(False)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(5 * CYCLE_S)
            assert bus.told() == [("supplyLoss", "street", True)]
            bus.street.bus_power(True)
            await bus.clock.sleep(5 * CYCLE_S)
            assert bus.told("supplyLoss") == [("supplyLoss", "street", True), ("supplyLoss", "street", False)]

    on_the_bus(story)


def test_mains_that_was_lost_is_found_by_one_broadcast_and_the_level_told_in_the_same_cycle() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0, 64.0)
        await bus.cycles(3)
        bus.forget_frames()
        await bus.cycle()
        assert bus.queries(QUERY_POWER_FAILURE) == [0xFF]
        await bus.clock.sleep(5.0)
        bus.street.mains(False, 1)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 1)
        await bus.clock.sleep(2.0)
        assert bus.levels() == [HALF, FULL, HALF]
        bus.forget_frames()
        await bus.cycle()
        assert bus.levels() == [HALF] * 3
        assert bus.level_frames() == [(BROADCAST_LEVEL, HALF)]
        assert bus.queries(QUERY_POWER_FAILURE) == [0xFF]
        assert bus.told() == [("supplyLoss", "L1", True)]
        # It is told without a fade, because it must not stay dark, or bright, for a minute.
        assert bus.observed.levels[-3:] == [(f"L{number}", HALF, 0.0) for number in range(3)]
        bus.forget_frames()
        await bus.cycles(4)
        # Once it is known which gear it was, all its settings are checked again.
        assert bus.level_frames() == [(2, HALF)]
        assert bus.told() == [("supplyLoss", "L1", True)]

    on_the_bus(story)


def test_mains_of_the_whole_street_is_answered_by_one_broadcast() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.mains(False)
        await bus.clock.sleep(3.0)
        bus.street.mains(True)
        await bus.clock.sleep(2.0)
        bus.forget_frames()
        await bus.cycle()
        assert bus.levels() == [HALF] * 3
        assert bus.level_frames() == [(BROADCAST_LEVEL, HALF)]
        assert sorted(bus.told()) == [("supplyLoss", f"L{number}", True) for number in range(3)]

    on_the_bus(story)


def test_unknown_gear_that_lost_its_mains_does_not_cost_a_sweep_each_cycle() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0, 0.0)
        bus.ask_for(70.0, 0.0, "L1")  # single frames, so nothing tells the unknown one a level
        await bus.cycles(3)
        bus.street.mains(False, 3)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 3)
        await bus.clock.sleep(1.0)
        bus.forget_frames()
        await bus.cycles()
        assert sorted(bus.queries(QUERY_STATUS))[:3] == [1, 3, 5]
        await bus.cycles(2)
        bus.forget_frames()
        await bus.cycles(20)
        assert bus.queries(QUERY_POWER_FAILURE) == []
        assert bus.level_frames() == []
        assert len(bus.queries(QUERY_STATUS)) <= 3
        # Known gear is still found, if later: by its own status poll or by the broadcast.
        bus.street.mains(False, 0)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 0)
        await bus.cycles(int(STATUS_EVERY_S / CYCLE_S) + 1)
        assert bus.levels()[:3] == [HALF, SEVENTY, HALF]
        assert bus.told() == [("supplyLoss", "L0", True)]

    on_the_bus(story, unknown_lamps=1)


def test_fail_safe_levels_are_set_and_read_back() -> None:
    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.power_on_level = 0
            gear.variables.system_failure_level = MASK
        bus.ask_for(50.0)
        await bus.cycles()
        for gear in bus.street.gear:
            assert (gear.variables.power_on_level, gear.variables.system_failure_level) == (SEVENTY, SEVENTY)
        assert bus.told() == []
        # They are looked at again only after trouble.
        bus.street.gear[0].variables.power_on_level = 0
        await bus.cycles(3)
        assert bus.street.gear[0].variables.power_on_level == 0
        bus.control.tell_again()
        await bus.cycles()
        assert bus.street.gear[0].variables.power_on_level == SEVENTY

    on_the_bus(story, safe_level=SEVENTY)


def test_gear_that_is_shaken_during_its_check_is_checked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        ask = bus.control.health.ask

        async def reset_meanwhile(luminaire: LuminaireState, name: str) -> Reply:
            if name == "QUERY MAX LEVEL" and luminaire is bus.lamps[1] and not luminaire.told.shaken:
                bus.street.gear[1].variables.power_on_level = 0
                luminaire.forget()
            return await ask(luminaire, name)

        monkeypatch.setattr(bus.control.health, "ask", reset_meanwhile)
        await bus.cycles()
        assert [lamp.stored.fail_safe_checked for lamp in bus.lamps] == [True, False, True]
        await bus.cycles()
        assert bus.lamps[1].stored.fail_safe_checked
        assert bus.street.gear[1].variables.power_on_level == SEVENTY

    on_the_bus(story, safe_level=SEVENTY)


def test_fail_safe_levels_that_are_right_are_not_written() -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles()
        opcodes = {value & 0xFF for value in bus.sent() if value & 0x100 and value >> 8 != 0xA3}
        assert not opcodes & {SET_SYSTEM_FAILURE_LEVEL, SET_POWER_ON_LEVEL}

    on_the_bus(story)


def test_gear_that_refuses_for_good_does_not_wear_out_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent tries for a minute, then once an hour, and at once after a power cut."""
    asked: list[float] = []

    async def story(bus: LampBus) -> None:
        def refuses(gear: Gear, now: float) -> None:
            if gear is bus.street.gear[2]:
                asked.append(bus.clock.monotonic())

        bus.street.gear[2].variables.power_on_level = 0
        monkeypatch.setitem(CONFIGURATION, SET_POWER_ON_LEVEL, refuses)
        await bus.cycles(30)
        in_five_minutes = len(asked)
        assert 6 <= in_five_minutes <= 18
        await bus.cycles(2 * 360)
        assert in_five_minutes < len(asked) <= in_five_minutes + 6
        assert bus.told() == [("failSafeWrong", "L2", True)]
        before = len(asked)
        bus.control.tell_again()
        await bus.cycles()
        assert len(asked) > before

    on_the_bus(story)


@pytest.mark.parametrize("opcode", [SET_SYSTEM_FAILURE_LEVEL, SET_POWER_ON_LEVEL])
def test_gear_that_refuses_a_fail_safe_level_is_reported_until_it_takes_it(
    opcode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = CONFIGURATION[opcode]

    async def story(bus: LampBus) -> None:
        bus.street.gear[2].variables.power_on_level = 0
        bus.street.gear[2].variables.system_failure_level = 0
        monkeypatch.setitem(CONFIGURATION, opcode, lambda gear, now: None)
        await bus.cycles(3)
        assert bus.told() == [("failSafeWrong", "L2", True)]
        assert "it may be dark after a power cut" in bus.texts()[0]
        monkeypatch.setitem(CONFIGURATION, opcode, takes)
        await bus.cycles()
        assert bus.told() == [("failSafeWrong", "L2", True), ("failSafeWrong", "L2", False)]
        assert bus.street.gear[2].variables.power_on_level == FULL
        assert bus.street.gear[2].variables.system_failure_level == FULL

    on_the_bus(story)


def test_a_full_bus_takes_its_fail_safe_levels_in_turn() -> None:
    async def story(bus: LampBus) -> None:
        for gear in bus.street.gear:
            gear.variables.power_on_level = 0
        for done in (FAIL_SAFE_CHECKS_A_CYCLE, 2 * FAIL_SAFE_CHECKS_A_CYCLE, 20):
            await bus.cycles()
            assert [gear.variables.power_on_level for gear in bus.street.gear] == [FULL] * done + [0] * (20 - done)

    on_the_bus(story, lamps=20)


def test_gear_that_is_gone_is_reported_once_and_told_its_level_when_it_is_back() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        assert bus.observed.availability[-1][2]
        bus.street.gear_dead(1)
        await bus.cycles(3 * int(STATUS_EVERY_S / CYCLE_S))
        assert bus.told() == [("controlGearCommFailure", "L1", True)]
        assert "short address 1 on street" in bus.texts()[0]
        (name, since, available) = bus.observed.availability[-1]
        assert (name, available) == ("L1", False)
        assert since is not None
        assert since <= NIGHT + 3 * CYCLE_S  # it was last heard before it died
        bus.street.gear_dead(1, False)
        await bus.cycles(int(STATUS_EVERY_S / CYCLE_S) + 2)
        assert bus.levels() == [HALF] * 3
        assert bus.told("controlGearCommFailure") == [
            ("controlGearCommFailure", "L1", True),
            ("controlGearCommFailure", "L1", False),
        ]
        assert bus.observed.availability[-1][::2] == ("L1", True)

    on_the_bus(story)


def test_one_lost_answer_is_no_failure() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(2)
        bus.street.no_answer(0)
        bus.forget_frames()
        asked = 0

        def after_two(*_frame: object) -> None:
            nonlocal asked
            asked += 1
            if asked == 2:
                bus.street.no_answer(0, False)

        gear = bus.street.gear[0]
        receive = gear.receive

        def counting(address: int, opcode: int, sequence: int, now: float) -> int | None:
            answer = receive(address, opcode, sequence, now)
            if opcode == QUERY_STATUS and address == 0x01:
                after_two()
            return answer

        gear.receive = counting  # type: ignore[method-assign]
        await bus.control.health.poll_status(bus.lamps[0])
        assert bus.told() == []
        assert bus.lamps[0].condition.answers

    on_the_bus(story)


def test_a_lamp_failure_begins_and_ends_once() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        well_at = bus.lamps[2].condition.last_well_at
        bus.street.lamp_failed(2)
        await bus.cycles(3 * int(STATUS_EVERY_S / CYCLE_S))
        assert bus.told() == [("lampFailure", "L2", True)]
        assert bus.observed.availability[-1] == ("L2", well_at, False)
        bus.ask_for(70.0)
        await bus.cycles(4)
        assert bus.told() == [("lampFailure", "L2", True)]
        bus.street.lamp_failed(2, False)
        await bus.cycles(2 * int(STATUS_EVERY_S / CYCLE_S))
        assert bus.told() == [("lampFailure", "L2", True), ("lampFailure", "L2", False)]
        assert bus.observed.availability[-1][::2] == ("L2", True)

    on_the_bus(story)


def test_gear_that_shows_no_level_because_its_lamp_failed_is_no_dimming_failure() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.lamp_failed(0)
        bus.ask_for(50.0)
        await bus.cycles(8)
        bus.ask_for(70.0)
        await bus.cycles(8)
        assert bus.told() == [("lampFailure", "L0", True)]

    on_the_bus(story, profile=GearProfile(failed_lamp_reads_mask=True))


def test_two_gear_at_one_short_address() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(5)
        assert bus.told("addressConflict") == [("addressConflict", "L1", True)]
        assert any("several gear answer to short address 1 on street" in text for text in bus.texts())
        assert bus.levels() == [HALF] * 3  # lit all the same

    on_the_bus(story, lamps=2, addresses=[0, 1, 1])


def test_a_bus_that_cannot_be_used_is_reported_until_it_can() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        for cycle in range(4):
            bus.street.transmit_collisions(8)  # another master, each time that fade and level are tried
            await bus.cycles()
            # Now and then a cycle fails on a noisy line: that is no event yet.
            assert bus.told() == ([("busUnusable", "street", True)] if cycle >= 2 else [])
        assert bus.levels() == [OFF] * 3
        await bus.cycles()
        assert bus.told() == [("busUnusable", "street", True), ("busUnusable", "street", False)]
        assert bus.levels() == [HALF] * 3

    on_the_bus(story)


@pytest.mark.parametrize("trouble", ["cable", "bus power"])
def test_trouble_that_the_interface_says_itself_is_not_said_twice(trouble: str, tmp_path: Path) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles()
        if trouble == "cable":
            bus.street.unplug()
        else:
            bus.street.bus_power(False)
        await bus.clock.sleep(0.1)
        await bus.cycles(2)
        assert bus.told() == []

    on_the_bus(story, link=tmp_path / "port")


def test_gear_that_never_takes_its_fail_safe_level_does_not_keep_others_from_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    takes = CONFIGURATION[SET_POWER_ON_LEVEL]

    async def story(bus: LampBus) -> None:
        stubborn = [gear.variables for gear in bus.street.gear[:FAIL_SAFE_CHECKS_A_CYCLE]]
        for gear in bus.street.gear:
            gear.variables.power_on_level = 0
        monkeypatch.setitem(
            CONFIGURATION,
            SET_POWER_ON_LEVEL,
            lambda gear, now: None if gear.variables in stubborn else takes(gear, now),
        )
        await bus.cycles(2)
        assert [gear.variables.power_on_level for gear in bus.street.gear] == [0] * len(stubborn) + [FULL] * 2

    on_the_bus(story, lamps=FAIL_SAFE_CHECKS_A_CYCLE + 2)


def test_gear_that_does_not_come_back_with_its_mains_is_reported() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.control.note_bus_without_voltage(gear_feeds_bus=True)
        bus.street.gear_dead(1)
        bus.control.tell_again()
        await bus.cycles(2 * int(STATUS_EVERY_S / CYCLE_S))
        assert bus.told() == [("controlGearCommFailure", "L1", True)]
        bus.street.gear_dead(1, False)
        await bus.cycles(int(STATUS_EVERY_S / CYCLE_S) + 2)
        assert bus.told("controlGearCommFailure")[1:] == [("controlGearCommFailure", "L1", False)]
        assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_a_power_cut_that_a_reading_finds_first_is_told_once() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        for _ in range(2):
            bus.street.mains(False, 1)
            await bus.clock.sleep(1.0)
            bus.street.mains(True, 1)
            await bus.clock.sleep(1.0)
            bus.records.clear()
            bus.observed.outages.clear()
            await bus.control.health.poll_status(bus.lamps[1])
            await bus.cycles(2)
            assert bus.told() == [("supplyLoss", "L1", True)]
            assert len(bus.observed.outages) == 1
            assert bus.levels() == [HALF] * 3

    on_the_bus(story)
