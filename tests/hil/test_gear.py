"""Part 102 behaviour of one emulated gear, frame by frame; the expected values come from the standard's tables."""

from __future__ import annotations

import pytest

from hil.devices.gear_variables import GearProfile
from tests.rigs.lone_gear import FRAME_GAP_S, LoneGear

LAMP_FAILURE, LAMP_ON, LIMIT_ERROR, FADING, RESET_STATE, POWER_CYCLE = 0x02, 0x04, 0x08, 0x10, 0x20, 0x80


def test_a_level_within_the_limits_is_taken_at_once_without_a_fade_time() -> None:
    lone = LoneGear(level=0)
    lone.send(0x0AC8)
    assert lone.level() == 200
    assert lone.status() == LAMP_ON


@pytest.mark.parametrize(("asked", "taken"), [(20, 85), (254, 230)])
def test_a_level_outside_the_limits_is_clamped_and_a_limit_error(asked: int, taken: int) -> None:
    lone = LoneGear()
    lone.configure(0x0B2A, 230)
    lone.send(0x0A00 | asked)
    assert lone.level() == taken
    assert lone.status() & LIMIT_ERROR
    lone.send(0x0AC8)
    assert not lone.status() & LIMIT_ERROR


def test_another_address_another_group_and_other_directions_are_not_heard() -> None:
    lone = LoneGear()
    for frame in (0x0C64, 0x8264, 0xFC64, 0xA064, 0xE064):
        lone.send(frame)
    assert lone.level() == 254
    assert lone.send(0x0DA0) is None


def test_group_and_broadcast_reach_it() -> None:
    lone = LoneGear()
    lone.twice(0x0B63)  # ADD TO GROUP 3
    lone.send(0x8664)
    assert lone.level() == 100
    assert lone.send(0x0BC0) == 0x08
    lone.twice(0x0B73)
    lone.send(0x86C8)
    assert lone.level() == 100
    lone.send(0xFEC8)
    assert lone.level() == 200


@pytest.mark.parametrize(("code", "seconds"), [(1, 0.7), (5, 2.8), (7, 5.7), (12, 32.0), (15, 90.5)])
def test_a_fade_moves_evenly_along_the_levels(code: int, seconds: float) -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B2E, code)
    lone.send(0x0A9A)  # 154: a hundred levels down
    begin = lone.now
    lone.now = begin + seconds / 2 - FRAME_GAP_S
    assert lone.level() == pytest.approx(204, abs=1)
    assert lone.status() & FADING
    lone.now = begin + seconds * 1.02
    assert lone.level() == 154
    assert not lone.status() & FADING


def test_extended_fade_time_rules_when_fade_time_is_zero() -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B30, 0x26)  # seven times a second
    lone.send(0x0AB8)
    lone.wait(3.5)
    assert lone.level() == pytest.approx(219, abs=1)
    lone.configure(0x0B30, 0x50)
    assert lone.send(0x0BA8) == 0


def test_a_fade_to_off_ends_at_minimum_and_then_goes_out() -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B2E, 5)
    lone.send(0x0A00)
    lone.wait(2.7 - FRAME_GAP_S)
    assert 85 <= lone.level() < 100
    assert lone.status() & (LAMP_ON | FADING) == LAMP_ON | FADING
    lone.wait(0.2)
    assert lone.level() == 0
    assert lone.status() & (LAMP_ON | FADING) == 0


def test_a_fade_from_off_begins_at_minimum() -> None:
    lone = LoneGear(level=0)
    lone.configure(0x0B2E, 5)
    lone.send(0x0AFE)
    assert lone.level() == pytest.approx(86, abs=2)


def test_mask_stops_a_fade_where_it_is() -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B2E, 7)
    lone.send(0x0A9A)
    lone.wait(2.8)
    lone.send(0x0AFF)
    stopped = lone.level()
    assert 200 < stopped < 210
    lone.wait(10)
    assert lone.level() == stopped


def test_steps_stop_at_the_limits_and_never_light_a_dark_lamp() -> None:
    lone = LoneGear(level=254)
    lone.send(0x0B03)
    assert lone.status() & LIMIT_ERROR
    lone.send(0x0B04)
    assert lone.level() == 253
    lone.send(0x0B00)
    lone.send(0x0B03)
    lone.send(0x0B01)
    assert lone.level() == 0
    lone.send(0x0B08)  # ON AND STEP UP
    assert lone.level() == 85
    lone.send(0x0B08)
    assert lone.level() == 86
    lone.send(0x0B04)
    lone.send(0x0B04)
    assert lone.level() == 85
    lone.send(0x0B07)  # STEP DOWN AND OFF
    assert lone.level() == 0


def test_down_runs_for_200_ms_at_the_fade_rate() -> None:
    lone = LoneGear(level=254)
    lone.send(0x0B02)
    lone.wait(1)
    assert lone.level() == 254 - 9  # 44.7 levels a second
    lone.send(0x0B02)
    lone.wait(0.1 - FRAME_GAP_S)
    lone.send(0x0B02)
    lone.wait(1)
    assert lone.level() == pytest.approx(245 - 13, abs=1)


def test_recall_and_last_active_level() -> None:
    lone = LoneGear(level=0)
    lone.send(0x0AC8)
    lone.send(0x0B00)
    lone.send(0x0B0A)
    assert lone.level() == 200
    lone.send(0x0B06)
    assert lone.level() == 85
    lone.send(0x0B05)
    assert lone.level() == 254


def test_scenes_are_kept_recalled_and_removed() -> None:
    lone = LoneGear()
    lone.configure(0x0B47, 150)
    assert lone.send(0x0BB7) == 150
    lone.send(0x0B17)
    assert lone.level() == 150
    lone.send(0x0B18)  # a scene that was never stored
    assert lone.level() == 150
    lone.twice(0x0B57)
    assert lone.send(0x0BB7) == 255


def test_a_dapc_sequence_fades_for_200_ms_while_it_is_kept_up() -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B2E, 12)
    lone.send(0x0B09)
    lone.wait(0.1)
    lone.send(0x0AC8)
    lone.wait(0.15)
    lone.send(0x0AA0)
    lone.wait(0.15)
    lone.send(0x0AC8)
    lone.wait(0.21)
    assert lone.level() == 200
    lone.wait(1)
    lone.send(0x0AFE)  # the sequence is over: 32 s
    lone.wait(16 - FRAME_GAP_S)
    assert lone.level() == pytest.approx(227, abs=1)


@pytest.mark.parametrize(
    ("gap_s", "between", "taken"),
    [(0.0135, None, True), (0.099, None, True), (0.11, None, False), (0.0135, 0x0DA0, False), (0.0135, 0xA355, False)],
)
def test_configuration_must_come_twice_soon_with_nothing_between(
    gap_s: float, between: int | None, taken: bool
) -> None:
    lone = LoneGear()
    lone.send(0xA300 | 77)
    lone.send(0x0B2D)
    if between is not None:
        lone.send(between)
    lone.now += gap_s + 17 / 1200 - FRAME_GAP_S
    lone.send(0x0B2D)
    assert lone.send(0x0BA3) == (77 if taken else 254)


def test_three_times_is_one_pair_and_a_half() -> None:
    lone = LoneGear()
    lone.configure(0x0B2D, 77)
    lone.send(0xA300 | 78)
    lone.send(0x0B2D)
    assert lone.send(0x0BA3) == 77


def test_limits_move_a_burning_lamp() -> None:
    lone = LoneGear(level=254)
    lone.configure(0x0B2A, 200)
    assert lone.level() == 200
    assert lone.status() & LIMIT_ERROR
    lone.configure(0x0B2B, 250)
    assert lone.send(0x0BA2) == 200
    lone.configure(0x0B2B, 3)
    assert lone.send(0x0BA2) == 85
    lone.configure(0x0B2A, 255)
    assert lone.send(0x0BA1) == 254


def test_reset_gives_reset_values_keeps_the_address_and_is_deaf_for_a_while() -> None:
    lone = LoneGear(level=0)
    for frame, value in ((0x0B2D, 3), (0x0B2C, 4), (0x0B2E, 5), (0x0B2F, 6), (0x0B30, 0x21), (0x0B41, 99), (0x0B64, 0)):
        lone.configure(frame, value)
    lone.twice(0x0B20)
    assert lone.send(0x0BA0) is None
    lone.wait(0.3)
    assert lone.level() == 254
    asked = (0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA8, 0xC0, 0xB1, 0xC2, 0xC3, 0xC4)
    assert [lone.send(0x0B00 | query) for query in asked] == [254, 85, 254, 254, 7, 0, 0, 255, 255, 255, 255]
    assert lone.send(0x0B95) == 0xFF
    lone.send(0x0AC8)
    assert lone.send(0x0B95) is None


def test_mains_return_waits_for_a_command_then_takes_the_power_on_level() -> None:
    lone = LoneGear(level=200)
    lone.configure(0x0B2D, 180)
    lone.gear.set_mains(False, lone.now)
    lone.wait(50)
    assert lone.send(0x0BA0) is None
    assert lone.gear.power_w(lone.now) == 0.0
    before_wh = lone.gear.energy_wh_true(lone.now)
    lone.gear.set_mains(True, lone.now)
    lone.wait(0.4)
    assert lone.level() == 0
    lone.wait(0.3)
    assert lone.level() == 180
    assert lone.status() & POWER_CYCLE
    assert lone.send(0x0B9B) == 0xFF
    lone.send(0x0A64)
    assert not lone.status() & POWER_CYCLE
    assert lone.gear.energy_wh_true(lone.now) > before_wh


def test_a_command_after_mains_return_replaces_the_power_on_level() -> None:
    lone = LoneGear(level=200)
    lone.gear.set_mains(False, lone.now)
    lone.wait(5)
    lone.gear.set_mains(True, lone.now)
    lone.wait(0.3)
    lone.send(0x0A78)
    lone.wait(2)
    assert lone.level() == 120


def test_power_on_level_mask_takes_the_last_light_level_even_when_it_was_off() -> None:
    for last, expected in ((150, 150), (0, 0)):
        lone = LoneGear()
        lone.configure(0x0B2D, 255)
        lone.send(0x0A00 | last)
        lone.gear.set_mains(False, lone.now)
        lone.gear.set_mains(True, lone.now + 1)
        lone.wait(3)
        assert lone.level() == expected


@pytest.mark.parametrize(
    ("low_s", "level", "expected"), [(0.45, 150, 0), (0.55, 150, 150), (60, 150, 150), (60, 255, 0)]
)
def test_system_failure_level_after_half_a_second_without_bus_voltage(low_s: float, level: int, expected: int) -> None:
    lone = LoneGear(level=0)
    lone.configure(0x0B2C, level)
    lone.gear.set_bus_voltage(False, lone.now)
    lone.gear.set_bus_voltage(True, lone.now + low_s)
    lone.wait(low_s)
    assert lone.level() == expected


def test_power_return_on_a_dead_bus_ends_at_the_system_failure_level() -> None:
    lone = LoneGear(level=0)
    lone.configure(0x0B2C, 150)
    lone.configure(0x0B2D, 200)
    lone.gear.set_mains(False, lone.now)
    lone.gear.set_bus_voltage(False, lone.now + 1)
    lone.gear.set_mains(True, lone.now + 5)
    assert lone.gear.level(lone.now + 8) == 150


@pytest.mark.parametrize("reads_mask", [False, True])
def test_a_failed_lamp_keeps_its_level_gives_no_light_and_says_so(reads_mask: bool) -> None:
    lone = LoneGear(profile=GearProfile(failed_lamp_reads_mask=reads_mask))
    lone.gear.set_lamp_failed(True, lone.now)
    assert lone.level() == (255 if reads_mask else 254)
    assert lone.status() == LAMP_FAILURE
    assert (lone.send(0x0B92), lone.send(0x0B93)) == (0xFF, None)
    assert lone.gear.light(lone.now) == 0.0
    assert lone.gear.power_w(lone.now) == lone.gear.history.curve.standby_w
    lone.gear.set_lamp_failed(False, lone.now)
    assert lone.gear.light(lone.now) == 1.0


def test_a_dead_gear_is_silent_dark_and_draws_nothing() -> None:
    lone = LoneGear()
    lone.gear.set_dead(True, lone.now)
    assert lone.send(0x0B91) is None
    assert (lone.gear.light(lone.now), lone.gear.power_w(lone.now)) == (0.0, 0.0)


def test_device_types_are_listed_one_after_another() -> None:
    lone = LoneGear()
    assert lone.send(0x0B99) == 0xFF
    assert [lone.send(0x0BA7) for _ in range(6)] == [6, 50, 51, 52, 254, 254]
    lone.send(0x0B99)
    lone.send(0xA300)
    assert lone.send(0x0BA7) is None


def test_an_extended_command_needs_its_device_type_directly_before() -> None:
    lone = LoneGear()
    assert lone.send(0x0BEE) is None
    lone.send(0xC106)
    assert lone.send(0x0BEE) == 0
    assert lone.send(0x0BEE) is None
    lone.send(0xC106)
    lone.send(0xA301)
    assert lone.send(0x0BEE) is None
    assert lone.send(0x0BEE) is None
    for device_type, version in ((6, 8), (51, 5), (7, None)):
        lone.send(0xC100 | device_type)
        assert lone.send(0x0BFF) == version


def test_the_linear_curve_is_selected_and_changes_light_and_power() -> None:
    lone = LoneGear()
    lone.send(0x0A7F)
    on_the_log_curve_w = lone.gear.power_w(lone.now)
    lone.send(0xA301)
    lone.send(0xC106)
    lone.twice(0x0BE3)
    lone.send(0xC106)
    assert lone.send(0x0BEE) == 1
    assert lone.gear.light(lone.now) == 0.5
    assert lone.gear.power_w(lone.now) > on_the_log_curve_w + 5


def test_identify_flashes_for_ten_seconds_and_leaves_the_level() -> None:
    lone = LoneGear(level=200)
    lone.twice(0x0B25)
    begin = lone.now
    seen = {round(lone.gear.lit_level(begin + 0.25 + 0.5 * step)) for step in range(19)}
    assert seen == {254, 85}
    assert lone.gear.lit_level(begin + 10.01) == 200
    lone.now = begin + 10.1
    assert lone.level() == 200


def test_a_level_command_ends_the_identification() -> None:
    lone = LoneGear(level=200)
    lone.twice(0x0B25)
    lone.send(0x0A96)
    assert not lone.gear.identifying(lone.now)
    assert lone.gear.lit_level(lone.now) == 150


@pytest.mark.parametrize(
    ("frame", "answer"),
    [(0x91, 0xFF), (0x96, None), (0x97, 8), (0x9A, 85), (0x9E, 0), (0x9F, 6), (0xA6, None), (0xAA, None), (0x94, None)],
)
def test_what_never_changes(frame: int, answer: int | None) -> None:
    assert LoneGear().send(0x0B00 | frame) == answer


def test_no_frame_at_all_upsets_it() -> None:
    lone = LoneGear()
    for frame in range(0, 0x10000, 7):
        lone.send(frame)
        lone.send(frame)
    lone.wait(1)
    lone.gear.commissioning.assign(0x0B)
    assert lone.send(0x0B91) == 0xFF


@pytest.mark.parametrize(
    ("frames", "seen"),
    [
        ([0x0B09], True),  # ENABLE DAPC SEQUENCE is no level
        ([0x0B25, 0x0B25], True),  # IDENTIFY DEVICE
        ([0xA3F0, 0x0B2A, 0x0B2A], True),  # SET MAX LEVEL
        ([0x0AFF], False),  # DAPC MASK
        ([0x0B13], False),  # GO TO SCENE, though the gear is in none
        ([0x0B0A], False),  # GO TO LAST ACTIVE LEVEL
        ([0x0B20, 0x0B20], False),  # RESET
    ],
)
def test_what_makes_gear_forget_that_it_lost_its_mains(frames: list[int], seen: bool) -> None:
    """Two implementations by other people do it too: Atmel's gear for AVR, and dali2rust's."""
    desk = LoneGear()
    desk.gear.set_mains(False, desk.now)
    desk.wait(1.0)
    desk.gear.set_mains(True, desk.now)
    desk.wait(0.2)
    for frame in frames:
        desk.send(frame)
    desk.wait(0.35)
    assert desk.send(0x0B9B) == (0xFF if seen else None)
