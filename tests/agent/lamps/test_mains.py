"""The agent finds out which gear lost its mains after the lamps have their levels: by a mark that such gear forgets."""

from __future__ import annotations

import pytest

from agent.lamps.mains import CUTS_IN_A_ROW, MARK, UNKNOWN_GEAR_IGNORED_S, Mains
from agent.lamps.questions import CYCLE_S
from hil.devices.gear_variables import GearProfile
from protocols.dali.frames import ForwardFrame
from tests.rigs.lamp_bus import (
    FULL,
    HALF,
    OFF,
    QUERY_POWER_FAILURE,
    QUERY_STATUS,
    LampBus,
    on_the_bus,
    running,
)

QUERY_CONTENT_DTR2 = 0x9D


async def cut(bus: LampBus, *numbers: int, seconds: float = 1.0) -> None:
    """Cuts the mains of these lamps for this many seconds, and returns a second after they are back."""
    for number in numbers:
        bus.street.mains(False, number)
    await bus.clock.sleep(seconds)
    for number in numbers:
        bus.street.mains(True, number)
    await bus.clock.sleep(1.0)


def test_the_mark_is_left_once_and_not_again() -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(5)
        assert [gear.dtr2 for gear in bus.street.gear] == [MARK] * 3
        assert bus.sent().count(0xC500 | MARK) == 1
        assert bus.queries(QUERY_CONTENT_DTR2) == []

    on_the_bus(story)


@pytest.mark.parametrize("lost", [(1,), (0, 2), (0, 1, 2)])
def test_those_that_lost_their_mains_are_told_of_once_each(lost: tuple[int, ...]) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        well_at = [lamp.condition.last_well_at for lamp in bus.lamps]
        for _ in range(2):
            bus.records.clear()
            bus.observed.outages.clear()
            await cut(bus, *lost)
            await bus.cycle()
            assert bus.levels() == [HALF] * 3
            await bus.cycles(4)
            assert bus.told() == [("supplyLoss", f"L{number}", True) for number in lost]
            assert [name for name, _ in bus.observed.outages] == [f"L{number}" for number in lost]
            if well_at:
                # It counts as dark since it was last known to be well, not since it was asked for its mark.
                assert [since for _, since in bus.observed.outages] == [well_at[number] for number in lost]
            well_at = []
        assert all(lamp.mark.is_left for lamp in bus.lamps)

    on_the_bus(story)


@pytest.mark.parametrize("another_masters", [True, False])
def test_a_level_before_the_question_hides_no_power_cut(another_masters: bool) -> None:
    """A step of the program, or another master's level and the agent's answer to it, makes gear forget the cut."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(35)  # each was marked, and asked for its status after that
        well_at = bus.lamps[1].condition.last_well_at
        await cut(bus, 1)
        if another_masters:
            bus.street.bus.other_controller(0xFF05)  # RECALL MAX LEVEL
        else:
            bus.ask_for(70.0)
        await bus.clock.sleep(1.0)
        await bus.control.dimming.tell_levels()
        await bus.cycles(35)
        assert bus.told("supplyLoss") == [("supplyLoss", "L1", True)]
        assert bus.observed.outages == [("L1", well_at)]

    on_the_bus(story)


@pytest.mark.parametrize("silent", [(), (0,), (0, 1)])
@pytest.mark.parametrize("level", [50.0, 70.0])
def test_the_mark_that_one_lamp_needs_again_hides_no_power_cut_of_others(silent: tuple[int, ...], level: float) -> None:
    """One gear is found by its own status before the question to all. The mark is a broadcast, and so may a level
    be."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(35)
        for number in range(3):
            bus.street.mains(False, number)
        for number in silent:
            await bus.control.health.poll_status(bus.lamps[number])
        for number in range(3):
            bus.street.mains(True, number)
        await bus.clock.sleep(1.0)
        await bus.control.health.poll_status(bus.lamps[2])
        assert bus.told("supplyLoss") == [("supplyLoss", "L2", True)]
        await bus.control.mains.mark()
        bus.ask_for(level)
        await bus.control.dimming.tell_levels()
        await bus.cycles(3)
        assert sorted(bus.told("supplyLoss")) == [("supplyLoss", f"L{number}", True) for number in range(3)]
        assert [gear.dtr2 for gear in bus.street.gear] == [MARK] * 3

    on_the_bus(story)


def test_gear_that_was_silent_without_its_mains_is_told_of_when_a_level_comes_before_the_question() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.mains(False, 1)
        await bus.control.health.poll_status(bus.lamps[1])
        assert not bus.lamps[1].condition.answers
        bus.street.mains(True, 1)
        await bus.clock.sleep(1.0)
        bus.ask_for(70.0)
        await bus.cycles(3)
        assert bus.told("supplyLoss") == [("supplyLoss", "L1", True)]

    on_the_bus(story)


def test_the_levels_come_before_the_question_who_it_was() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        await cut(bus, 1)
        bus.forget_frames()
        await bus.cycle()
        kinds = ["level" if not value & 0x100 else value & 0xFF for value in bus.sent()]
        assert kinds[:2] == [QUERY_POWER_FAILURE, "level"]
        assert kinds.index("level") < kinds.index(QUERY_CONTENT_DTR2)

    on_the_bus(story)


@pytest.mark.parametrize("known", [["L0", "L1", "L2"], None])
def test_a_new_process_asks_for_the_marks_of_the_one_before(known: list[str] | None) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        kept = bus.control.mains.state()
        assert kept == {"marked:street": ["L0", "L1", "L2"]}
        await cut(bus, 2)
        for lamp in bus.lamps:
            lamp.forget()
            lamp.mark.is_left = False
        bus.control.mains = Mains("street", bus.dali, bus.lamps, bus.clock, known)
        await bus.cycles(2)
        assert bus.told() == ([("supplyLoss", "L2", True)] if known else [])
        assert [name for name, _ in bus.observed.outages] == (["L2"] if known else [])

    on_the_bus(story)


def test_another_masters_dtr2_is_no_power_cut() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.bus.other_controller(0xC500)
        await bus.clock.sleep(0.1)
        bus.control.tell_again()
        await bus.cycles(3)
        assert bus.told() == []
        assert [gear.dtr2 for gear in bus.street.gear] == [MARK] * 3

    on_the_bus(story)


def test_a_mark_of_anything_but_0_is_no_power_cut() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.gear[1].dtr2 = 7
        bus.control.tell_again()
        await bus.cycles(3)
        assert bus.told() == []

    on_the_bus(story)


@pytest.mark.parametrize(("boot_s", "brightest"), [(0.02, HALF), (0.25, HALF), (0.45, FULL), (1.2, FULL)])
def test_gear_that_hears_nothing_for_a_while_after_its_mains_is_told_all_the_same(
    boot_s: float, brightest: int
) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            bus.street.mains(False)
            await bus.clock.sleep(1.0)
            bus.street.mains(True)
            bus.control.tell_again()
            began = bus.clock.monotonic()
            await bus.clock.sleep(0.9 if boot_s < 0.5 else 1.9)
            assert bus.levels() == [HALF] * 3
            # Gear that is there soon never comes to its POWER ON LEVEL.
            assert max(point.level for point in bus.street.curve(0) if began < point.time) == brightest

    on_the_bus(story, profile=GearProfile(boot_s=boot_s))


def test_a_power_cut_is_asked_for_late_in_each_cycle() -> None:
    """The question comes just before levels fall due, because a level makes gear forget that it lost its mains."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(3 * CYCLE_S)
            began = bus.clock.wall() - bus.clock.monotonic()
            times = [
                (began + frame.time) % CYCLE_S
                for frame in bus.street.bus.trace
                if frame.value == 0xFF00 | QUERY_POWER_FAILURE
            ]
            assert len(times) >= 2
            assert all(9.0 <= at < 9.1 for at in times)

    on_the_bus(story)


def test_a_lamp_told_off_by_day_is_told_so_again_without_a_flash() -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(3)
        await cut(bus, 1)
        assert bus.levels() == [OFF, FULL, OFF]
        await bus.cycle()
        assert bus.levels() == [OFF] * 3
        bus.control.note_foreign(ForwardFrame(24, 0))

    on_the_bus(story)


def test_a_level_between_the_two_questions_for_the_status_hides_no_power_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer tells of a power cycle; the second, after the level, does not."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        await cut(bus, 1)
        bus.control.tell_again()
        gear = bus.street.gear[1]
        receive = gear.receive

        def told_meanwhile(address: int, opcode: int, sequence: int, now: float) -> int | None:
            answer = receive(address, opcode, sequence, now)
            if opcode == QUERY_STATUS and address & 1:
                gear.level_changed(now)
            return answer

        monkeypatch.setattr(gear, "receive", told_meanwhile)
        await bus.control.health.poll_status(bus.lamps[1])
        assert bus.told() == [("supplyLoss", "L1", True)]
        assert [name for name, _ in bus.observed.outages] == ["L1"]

    on_the_bus(story)


@pytest.mark.parametrize("gear_feeds_bus", [False, True])
def test_a_dead_bus_says_what_the_lamps_show(gear_feeds_bus: bool) -> None:
    """The lamps show their SYSTEM FAILURE LEVEL at once, or nothing if their own gear feeds the bus and has no
    mains."""

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.observed.levels.clear()
        bus.observed.availability.clear()
        bus.control.note_bus_without_voltage(gear_feeds_bus=gear_feeds_bus)
        levels = [(f"L{number}", FULL, 0.0) for number in range(3)]
        assert bus.observed.levels == ([] if gear_feeds_bus else levels)
        assert [available for _, _, available in bus.observed.availability] == ([False] * 3 if gear_feeds_bus else [])

    on_the_bus(story)


def test_no_mark_is_left_while_one_is_still_to_be_asked_for() -> None:
    """A new mark would hide that the old one was lost."""

    async def story(bus: LampBus) -> None:
        await bus.cycles(3)
        bus.lamps[0].mark.is_left = False
        bus.lamps[1].mark.mains_unsure = True
        bus.forget_frames()
        await bus.control.mains.mark()
        assert bus.sent() == []
        for lamp in bus.lamps:
            lamp.mark.mains_unsure = False
        await bus.clock.sleep(1.0)
        await bus.control.mains.mark()
        assert bus.sent() == []  # nor before all were asked whether they lost theirs
        assert not await bus.control.mains.lost_by_any()
        bus.forget_frames()
        await bus.control.mains.mark()
        assert bus.sent() == [0xC500 | MARK]
        assert bus.lamps[0].mark.is_left

    on_the_bus(story)


def test_silent_gear_is_not_taken_for_marked() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.mains(False, 1)
        await bus.cycles(6)
        assert bus.control.mains.state() == {"marked:street": ["L0", "L2"]}
        assert bus.sent().count(0xC500 | MARK) <= 2  # it is not left anew for the silent one in each cycle
        bus.street.mains(True, 1)
        await bus.clock.sleep(60.0)
        await bus.cycles(6)
        assert bus.control.mains.state() == {"marked:street": ["L0", "L1", "L2"]}

    on_the_bus(story)


def test_more_cuts_in_a_row_are_the_word_of_unknown_gear() -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(2)
        mains = bus.control.mains
        for _ in range(3):
            await cut(bus, 1)
            assert [await mains.lost_by_any() for _ in range(CUTS_IN_A_ROW)] == [True] * CUTS_IN_A_ROW
            bus.street.gear[1].level_changed(bus.clock.monotonic())
            assert not await mains.lost_by_any()
        await cut(bus, 1)
        assert [await mains.lost_by_any() for _ in range(CUTS_IN_A_ROW + 2)] == [True] * CUTS_IN_A_ROW + [False] * 2
        bus.forget_frames()
        await bus.clock.sleep(UNKNOWN_GEAR_IGNORED_S - 1.0)
        assert not await mains.lost_by_any()
        assert bus.queries(QUERY_POWER_FAILURE) == []
        await bus.clock.sleep(1.0)
        assert await mains.lost_by_any()

    on_the_bus(story)


def test_gear_that_is_not_on_the_board_is_answered_twice_and_then_left_for_five_minutes() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        bus.ask_for(70.0, 0.0, "L1")  # single frames, so nothing tells the unknown one a level
        await bus.cycles(3)
        await cut(bus, 3)
        for _ in range(2):
            told = []
            for _ in range(4):
                bus.forget_frames()
                await bus.cycles()
                told.append(len(bus.level_frames()))
            assert told == [3, 3, 0, 0]
            bus.forget_frames()
            await bus.cycles(int(UNKNOWN_GEAR_IGNORED_S / CYCLE_S) - 4)
            assert bus.level_frames() == []
            await bus.clock.sleep(3 * CYCLE_S)

    on_the_bus(story, unknown_lamps=1)
