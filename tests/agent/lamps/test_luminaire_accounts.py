"""Conclusions about a lamp, as others hear them: since when it cannot burn, whether it had mains, which events tell of
it once, and how few frames gear that is gone still costs."""

from __future__ import annotations

import pytest

from agent.lamps.control import TOGETHER_S
from agent.lamps.luminaire import LuminaireState, StatusBit
from agent.lamps.questions import CYCLE_S, STATUS_EVERY_S
from drivers.errors import BusBusy
from protocols.dali import sequences
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from protocols.errors import Interrupted
from tests.agent.lamps.test_disturbed_answers import disturb_next
from tests.agent.lamps.test_one_fails import failing
from tests.rigs.lamp_bus import FULL, HALF, OFF, ONE_PERCENT, QUERY_STATUS, SEVENTY, LampBus, on_the_bus, running

POLLED = int(STATUS_EVERY_S / CYCLE_S) + 1
"""Cycles in which each gear is asked for its status."""
QUERY_PRESENT, QUERY_ACTUAL_LEVEL = 0x91, 0xA0


def test_a_lamp_that_burns_again_does_so_since_it_said_so() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.lamp_failed(2)
        await bus.cycles(POLLED)
        bus.street.lamp_failed(2, False)
        await bus.clock.sleep(1000.0)
        await bus.control.health.poll_status(bus.lamps[2])
        name, since, available = bus.observed.availability[-1]
        assert (name, available) == ("L2", True)
        assert since == pytest.approx(bus.clock.monotonic(), abs=0.1)
        assert bus.observed.without_mains == []

    on_the_bus(story)


def test_gear_that_answers_again_is_there_since_that_answer() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.gear_dead(1)
        await bus.control.health.poll_status(bus.lamps[1])
        await bus.clock.sleep(1000.0)
        bus.street.gear_dead(1, False)
        await bus.clock.sleep(1.0)
        await bus.control.health.ask(bus.lamps[1], "QUERY ACTUAL LEVEL")
        name, since, available = bus.observed.availability[-1]
        assert (name, available) == ("L1", True)
        assert since == pytest.approx(bus.clock.monotonic(), abs=0.1)
        assert bus.observed.without_mains == []

    on_the_bus(story)


def test_a_lamp_that_could_not_burn_anyway_loses_no_light_with_its_mains() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        bus.street.lamp_failed(1)
        await bus.cycles(4)
        for number in (0, 1):
            bus.street.mains(False, number)
        await bus.clock.sleep(1.0)
        for number in (0, 1):
            bus.street.mains(True, number)
        await bus.cycles(4)
        assert [subject for _, subject, _ in bus.told("supplyLoss")] == ["L0", "L1"]
        assert [name for name, _ in bus.observed.outages] == ["L0"]

    on_the_bus(story)


def test_all_of_it_goes_on_where_no_ledger_listens() -> None:
    async def story(bus: LampBus) -> None:
        bus.control.health.observer = bus.control.dimming.observer = None
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.mains(False, 1)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 1)
        await bus.cycles(3)
        for feeds in (False, True):
            bus.control.note_bus_without_voltage(gear_feeds_bus=feeds)
        await bus.cycles(POLLED)
        assert bus.told("supplyLoss", "controlGearCommFailure")[0] == ("supplyLoss", "L1", True)
        assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_a_dead_bus_that_the_gear_feeds_means_no_mains_and_another_one_the_safe_level() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        heard_at = [lamp.condition.last_answer_at for lamp in bus.lamps]
        bus.observed.availability.clear()
        bus.observed.levels.clear()
        bus.control.note_bus_without_voltage(gear_feeds_bus=False)
        assert bus.observed.levels == [(f"L{number}", SEVENTY, 0.0) for number in range(3)]
        assert bus.observed.availability == []
        bus.observed.levels.clear()
        for _ in range(2):  # said once, and of the time at which each was last heard
            bus.control.note_bus_without_voltage(gear_feeds_bus=True)
            assert bus.observed.availability == [(f"L{number}", heard_at[number], False) for number in range(3)]
        assert bus.observed.without_mains == ["L0", "L1", "L2"]
        assert bus.observed.levels == []

    on_the_bus(story, safe_level=SEVENTY)


def test_gear_that_is_silent_is_not_said_to_have_no_mains() -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(3)
        bus.street.gear_dead(1)
        await bus.cycles(POLLED)
        assert bus.observed.availability[-1][::2] == ("L1", False)
        assert bus.observed.without_mains == []

    on_the_bus(story)


def test_gear_that_is_known_to_be_gone_is_asked_once_and_not_four_times() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.gear_dead(1)
        bus.forget_frames()
        await bus.control.health.poll_status(bus.lamps[1])
        assert (bus.queries(QUERY_STATUS), bus.queries(QUERY_PRESENT)) == ([3, 3, 3], [3])
        bus.forget_frames()
        await bus.control.health.poll_status(bus.lamps[1])
        assert (bus.queries(QUERY_STATUS), bus.queries(QUERY_PRESENT)) == ([3], [])

    on_the_bus(story)


def test_an_address_conflict_begins_with_the_second_collision_in_a_row_and_ends_with_one_answer() -> None:
    conflict = "addressConflict"

    async def story(bus: LampBus) -> None:
        async def asked(*framing_errors: bool) -> None:
            for wrong in framing_errors:
                bus.street.framing_error(1, wrong)
                await bus.control.health.ask(bus.lamps[1], "QUERY ACTUAL LEVEL")

        await asked(True, False, True, False)
        assert bus.told() == []
        await asked(True, True)
        assert bus.told() == [(conflict, "L1", True)]
        await asked(False)
        assert bus.told() == [(conflict, "L1", True), (conflict, "L1", False)]
        assert bus.lamps[1].condition.answers

    on_the_bus(story)


def test_a_conversation_that_comes_through_shows_that_gear_is_back() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.gear_dead(1)
        await bus.control.health.poll_status(bus.lamps[1])
        bus.street.gear_dead(1, False)
        await bus.clock.sleep(1.0)
        found = await bus.control.health.converse(
            bus.lamps[1], sequences.query_value(bus.lamps[1].address, "QUERY ACTUAL LEVEL")
        )
        assert isinstance(found, int)
        assert bus.told() == [("controlGearCommFailure", "L1", True), ("controlGearCommFailure", "L1", False)]

    on_the_bus(story)


def test_a_gear_failure_is_an_alarm_of_its_own_and_the_lamp_counts_as_burning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        for _ in range(2):  # it is asked twice
            disturb_next(monkeypatch, bus, 1, QUERY_STATUS, lambda status: status | StatusBit.GEAR_FAILURE)
        await bus.control.health.poll_status(bus.lamps[1])
        assert bus.told() == [("controlGearFailure", "L1", True)]
        assert "a control gear failure: replace its driver" in bus.texts()[0]
        assert bus.lamps[1].condition.can_burn

    on_the_bus(story)


def test_another_answer_the_second_time_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """If two answers differ in a bit that would raise an alarm, the next poll decides."""

    async def story(bus: LampBus) -> None:
        await bus.cycles(3)
        before = bus.lamps[1].condition.status
        disturb_next(monkeypatch, bus, 1, QUERY_STATUS, lambda status: status ^ 0x42)
        await bus.control.health.poll_status(bus.lamps[1])
        assert (bus.lamps[1].condition.status, bus.told()) == (before, [])
        assert bus.lamps[1].condition.status_asked_at == pytest.approx(bus.clock.monotonic(), abs=0.3)

    on_the_bus(story)


def test_a_scene_that_all_gear_has_stored_is_one_frame() -> None:
    async def story(bus: LampBus) -> None:
        for gear, level in zip(bus.street.gear, (HALF, SEVENTY, FULL), strict=True):
            gear.variables.scenes[3] = level
        for name, percent in zip(bus.targets, (20.0, 30.0, 40.0), strict=True):
            bus.ask_for(percent, 0.0, name)
        await bus.cycles(8)  # in which the gear is asked for its groups, then for its scenes
        for name, percent in zip(bus.targets, (50.0, 70.0, 100.0), strict=True):
            bus.ask_for(percent, 0.0, name)
        bus.forget_frames()
        await bus.cycles()
        assert bus.levels() == [HALF, SEVENTY, FULL]
        assert (bus.level_frames(), bus.sent().count(0xFF13)) == ([], 1)

    on_the_bus(story)


def test_a_scene_that_one_gear_was_not_asked_for_is_not_used() -> None:
    async def story(bus: LampBus) -> None:
        for gear, level in zip(bus.street.gear, (HALF, SEVENTY, FULL), strict=True):
            gear.variables.scenes[3] = level
        for name, percent in zip(bus.targets, (20.0, 30.0, 40.0), strict=True):
            bus.ask_for(percent, 0.0, name)
        await bus.cycles(5)
        assert [lamp.stored.scenes is None for lamp in bus.lamps] == [False, False, True]
        bus.lamps[2].condition.answers = False
        for name, percent in zip(bus.targets, (50.0, 70.0, 40.0), strict=True):
            bus.ask_for(percent, 0.0, name)
        bus.forget_frames()
        await bus.control.tell_levels()
        assert bus.level_frames() == [(0, HALF), (2, SEVENTY)]

    on_the_bus(story)


def test_scenes_are_not_read_where_all_lamps_are_always_alike() -> None:
    async def story(bus: LampBus) -> None:
        for percent in (50.0, 100.0, 0.0):
            bus.ask_for(percent)
            await bus.cycles(4)
        assert all(lamp.stored.groups is not None and lamp.stored.scenes is None for lamp in bus.lamps)

    on_the_bus(story)


def test_a_part_that_fails_ends_all_others_with_it() -> None:
    """The supervisor starts all parts anew: two parts that tell levels would contradict each other."""

    async def story(bus: LampBus) -> None:
        def fails() -> None:
            raise ZeroDivisionError

        bus.ask_for(50.0)
        with pytest.raises(ZeroDivisionError):
            await bus.control.run(fails)
        await bus.clock.sleep(1.0)
        bus.forget_frames()
        await bus.clock.sleep(3 * CYCLE_S)
        assert bus.sent() == []

    on_the_bus(story)


def test_after_trouble_levels_are_told_at_once_and_again_for_gear_that_could_not_hear() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            began = bus.clock.monotonic()
            bus.forget_frames()
            bus.control.tell_again()
            await bus.clock.sleep(3.0)
            told = [frame.time - began for frame in bus.street.bus.trace if frame.value == 0xFE00 | HALF]
            # The fade and the EXTENDED FADE TIME are cleared first, each time: 0.2 s.
            assert told == [pytest.approx(after + 0.22, abs=0.05) for after in (0.0, 0.17, 0.5, 1.5)]

    on_the_bus(story)


def test_a_reading_finds_a_lamp_that_has_drifted_and_says_what_it_shows() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.drift(1, ONE_PERCENT)
        assert await bus.control.health.read_level(bus.lamps[1]) == ONE_PERCENT
        assert [lamp.told.target_level for lamp in bus.lamps] == [HALF, None, HALF]
        # A lamp that has only just been told its level may still be fading to it.
        bus.ask_for(100.0, 8.0)
        await bus.control.tell_levels()
        assert await bus.control.health.read_level(bus.lamps[0]) != FULL
        assert bus.lamps[0].told.target_level == FULL
        bus.street.gear_dead(0)
        assert await bus.control.health.read_level(bus.lamps[0]) is None

    on_the_bus(story)


def test_a_bus_is_unusable_only_after_three_cycles_of_the_same_part_in_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        transmit = bus.interface.transmit
        fails: set[int] = set()

        async def refused(channel: int, transmission: Transmission, priority: int) -> Reply:
            if transmission.frame.value in fails:
                raise BusBusy("another master collides with every frame")
            return await transmit(channel, transmission, priority)

        monkeypatch.setattr(bus.interface, "transmit", refused)
        for wrong in (True, True, False, True, True, False):
            fails = {0xFF9B} if wrong else set()
            await bus.cycles()
        assert bus.told() == []
        fails = {0xFF9B}
        await bus.cycles(4)
        # Another part of the cycle succeeds meanwhile, but not the part that was in trouble.
        assert bus.told() == [("busUnusable", "street", True)]
        assert bus.texts() == ["another master collides with every frame; it is tried again every 10 s"]
        fails = set()
        await bus.cycles()
        assert bus.told() == [("busUnusable", "street", True), ("busUnusable", "street", False)]
        assert bus.levels() == [OFF] * 3

    on_the_bus(story)


def test_mismatches_count_in_a_row_only() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(2)
        for _ in range(3):
            bus.drift(1, ONE_PERCENT)
            await bus.control.health.read_level(bus.lamps[1])
            await bus.cycles()  # told anew
            bus.drift(1, ONE_PERCENT)
            await bus.cycles()  # looked at, and found wrong for the second time
            await bus.cycles(2)  # told anew, and found right
            assert await bus.control.health.read_level(bus.lamps[1]) == HALF
        assert bus.told() == []

    on_the_bus(story)


def test_a_power_cut_of_a_lamp_that_is_to_be_told_its_level_anyway_is_still_one() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.street.mains(False, 1)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 1)
        await bus.clock.sleep(1.0)
        bus.lamps[1].moved_by_another()
        for _ in range(2):  # the gear says it until it is told a level: it is one cut
            await bus.control.health.poll_status(bus.lamps[1])
            assert bus.told() == [("supplyLoss", "L1", True)]
        assert [name for name, _ in bus.observed.outages] == ["L1"]
        await bus.cycle()
        bus.street.mains(False, 1)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 1)
        await bus.clock.sleep(1.0)
        await bus.control.health.poll_status(bus.lamps[1])
        assert bus.told() == [("supplyLoss", "L1", True)] * 2

    on_the_bus(story)


@pytest.mark.parametrize(("told", "drifted"), [(50.0, OFF), (0.0, HALF)])
def test_a_lamp_whose_status_contradicts_its_level_is_asked_and_told_again(told: float, drifted: int) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(told)
        await bus.cycles(3)
        expected = bus.levels()
        bus.drift(1, drifted)
        await bus.cycles(POLLED + 2)
        assert bus.levels() == expected
        assert bus.told() == []

    on_the_bus(story)


def test_a_drift_that_a_reading_finds_is_corrected_within_seconds() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            bus.drift(1, ONE_PERCENT)
            await bus.control.health.read_level(bus.lamps[1])
            await bus.clock.sleep(TOGETHER_S + 0.5)
            assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_limits_that_cannot_be_read_keep_no_lamp_from_being_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.drift(1, ONE_PERCENT)
        failing(bus, monkeypatch, 0x03A1, 0x03A2)
        with pytest.raises(BusBusy):
            await bus.control.health.read_level(bus.lamps[1])
        await bus.cycles()
        assert bus.levels() == [HALF] * 3

    on_the_bus(story)


def test_a_comparison_that_fails_costs_no_reading() -> None:
    """Another master may interrupt the questions that a comparison leads to; the level itself is known by then."""

    async def interrupted(_luminaire: LuminaireState, _actual_level: int) -> None:
        raise Interrupted("another master keeps changing the DTRs")

    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        bus.control.health.check_level = interrupted
        assert await bus.control.health.read_level(bus.lamps[1]) == HALF

    on_the_bus(story)


def test_a_power_cut_of_a_lamp_is_told_to_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway hangs on the same mains: its own clock may have stood still."""

    async def story(bus: LampBus) -> None:
        told: list[str] = []
        monkeypatch.setattr(bus.clock, "mains_was_lost", lambda: told.append("lost"))
        bus.ask_for(50.0)
        await bus.cycles(3)
        assert told == []
        bus.street.mains(False, 1)
        await bus.clock.sleep(1.0)
        bus.street.mains(True, 1)
        await bus.cycles(3)
        assert told == ["lost"]

    on_the_bus(story)


def test_groups_of_both_halves_are_read() -> None:
    async def story(bus: LampBus) -> None:
        bus.street.gear[0].variables.groups = 1 << 1 | 1 << 7 | 1 << 8 | 1 << 15
        await bus.cycles(2)
        assert bus.lamps[0].stored.groups == frozenset({1, 7, 8, 15})

    on_the_bus(story)


@pytest.mark.parametrize(("every_s", "contested"), [(160.0, False), (140.0, True)])
def test_like_frames_are_a_pattern_where_five_come_within_ten_minutes(every_s: float, contested: bool) -> None:
    async def story(bus: LampBus) -> None:
        await bus.clock.sleep(5000.0)
        for _ in range(8):
            bus.control.note_foreign(ForwardFrame(16, 0xFF00))
            await bus.clock.sleep(every_s)
        assert bool(bus.told("levelsContested")) == contested

    on_the_bus(story)


@pytest.mark.parametrize(("percent", "least", "most"), [(100.0, 8, 10), (0.0, 2, 4)], ids=["lit", "off"])
def test_a_metered_lamp_is_asked_less_often_for_its_status_while_it_is_off(
    percent: float, least: int, most: int
) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(percent)
        await bus.cycles(2 * POLLED)
        bus.forget_frames()
        for _ in range(90):  # a quarter of an hour
            for lamp in bus.lamps:
                lamp.condition.metered_at = bus.clock.monotonic()
            await bus.cycles()
        assert least <= len(bus.queries(QUERY_STATUS)) <= most

    on_the_bus(story)
