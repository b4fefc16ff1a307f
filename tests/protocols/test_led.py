"""Part 207 against python-dali's dali.gear.led, by hand, and against the emulated gear."""

from __future__ import annotations

import inspect
import re

import pytest
from dali import address as their_address
from dali.gear import led as their_led
from hypothesis import given
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from protocols.dali import addresses, led
from protocols.dali.frames import NO_ANSWER, Reply, Transmission, answered
from protocols.dali.gear_errors import WriteNotTaken
from protocols.errors import SeveralAnswered, ValueOutOfRange
from tests.rigs.gear_on_a_table import GEAR, LoneGear

SPELLED_OTHERWISE = {"SET FAST FADE TIME": "storedtrasfastfadetime"}
THEIRS = {
    name.lower(): one
    for name, one in vars(their_led).items()
    if inspect.isclass(one) and getattr(one, "_cmdval", None) is not None and one.__module__ == their_led.__name__
}


def _theirs(name: str) -> type:
    found: type = THEIRS[SPELLED_OTHERWISE.get(name, re.sub(r"[^a-z0-9]", "", name.lower()))]
    return found


@pytest.mark.parametrize("name", sorted(led.COMMANDS))
@given(number=st.integers(0, 63))
def test_commands_are_theirs(name: str, number: int) -> None:
    their_command = _theirs(name)(their_address.GearShort(number))
    ours = led.command(addresses.short(number), name)
    assert ours.frame.to_bytes() == their_command.frame.pack
    assert ours.twice == their_command.sendtwice
    assert ours.answer == (their_command.response is not None)
    assert their_command.devicetype == 6


def test_every_command_that_they_know_is_ours_too() -> None:
    assert {_theirs(name) for name in led.COMMANDS} == set(THEIRS.values())


def test_their_bits_stand_where_ours_do() -> None:
    for ours, theirs in (
        (led.FAILURES, their_led.LEDFailureStatusResponse),
        (led.FEATURES, their_led.LEDFeaturesResponse),
        (led.GEAR_TYPES, their_led.LEDGearTypeResponse),
        (led.OPERATING_MODES, their_led.LEDOperatingModeResponse),
    ):
        assert len(ours) == len(theirs.bits)
    for place, words in enumerate(
        ("short", "open", "decrease", "increase", "protector", "shut", "overload", "reference")
    ):
        assert words in led.FAILURES[place]
        assert words in their_led.LEDFailureStatusResponse.bits[place].lower()


def test_failures_by_name() -> None:
    assert led.failures(0) == ()
    assert led.failures(0x02) == ("open circuit",)
    assert led.failures(0xA1) == ("short circuit", "thermal shutdown", "reference measurement failed")
    assert led.named_bits(0x81, led.GEAR_TYPES) == ("supply integrated", "bit 7")
    assert len(led.failures(0xFF)) == 8


def test_enable_device_type_stands_directly_before_each_command() -> None:
    table = LoneGear()
    table.run(led.read_state(GEAR))
    frames = [(frame.frame.value, frame.bond) for frame in table.frames]
    assert len(frames) == 16
    assert all(frame == (0xC106, Transmission.TIED) for frame in frames[::2])
    assert [frame for frame, _ in frames[1::2]] == [
        0x0B00 | op for op in (0xED, 0xF0, 0xEF, 0xFC, 0xF1, 0xEE, 0xFD, 0xFE)
    ]
    assert table.slowest_piece_s <= 0.305


def test_the_emulated_gear() -> None:
    table = LoneGear()
    state = table.run(led.read_state(GEAR))
    assert state == led.LedState(
        ("supply integrated",), ("open circuit",), ("amplitude",), ("amplitude",), (), False, 0, 1
    )
    assert table.talk(led.read_failures(GEAR)) == ()
    assert not table.talk(led.send(GEAR, "QUERY OPEN CIRCUIT")).is_yes
    table.gear.set_lamp_failed(True, table.now)
    assert table.talk(led.read_failures(GEAR)) == ("open circuit",)
    assert table.talk(led.send(GEAR, "QUERY OPEN CIRCUIT")).is_yes
    assert not table.talk(led.send(GEAR, "QUERY SHORT CIRCUIT")).is_yes


def test_fast_fade_and_curve_are_set_and_read_back() -> None:
    table = LoneGear()
    table.talk(led.write_fast_fade(GEAR, 4))
    assert [frame.frame.value for frame in table.frames] == [0xA304, 0xC106, 0x0BE4, 0xC106, 0x0BFD]
    table.talk(led.write_dimming_curve(GEAR, led.LINEAR))
    assert table.gear.variables.linear_curve
    state = table.run(led.read_state(GEAR))
    assert (state.fast_fade_code, state.linear) == (4, True)
    assert state.modes == ("amplitude", "other than logarithmic curve")
    table.talk(led.write_dimming_curve(GEAR, led.LOGARITHMIC))
    assert table.run(led.read_state(GEAR)).linear is False
    assert table.slowest_piece_s <= 0.305


def test_what_is_not_taken() -> None:
    other = LoneGear(profile=GearProfile(device_types=(50, 51, 52)))
    with pytest.raises(WriteNotTaken, match=r"short 5 does not take 4 by SET FAST FADE TIME \(no answer\)"):
        other.talk(led.write_fast_fade(GEAR, 4))
    assert other.talk(led.read_failures(GEAR)) is None
    assert other.run(led.read_state(GEAR)) == led.LedState(*[None] * 8)
    for code in (-1, 28, 255):
        with pytest.raises(ValueOutOfRange):
            LoneGear().talk(led.write_fast_fade(GEAR, code))
    with pytest.raises(ValueOutOfRange):
        LoneGear().talk(led.write_dimming_curve(GEAR, 2))
    assert [led.fast_fade_s(code) for code in (0, 1, 27)] == [0.0, 0.025, 0.675]


@given(st.lists(st.none() | st.just(-1) | st.integers(0, 255), min_size=1, max_size=20))
def test_any_answers_end_in_a_state_or_in_our_error(answers: list[int | None]) -> None:
    collision = Reply(Reply.COLLISION, None)
    replies = [NO_ANSWER if one is None else collision if one < 0 else answered(one) for one in answers]
    table = LoneGear(spoil=lambda number, _t, _r: replies[(number - 1) % len(replies)])
    outcome = table.outcome(led.read_state(GEAR))
    assert isinstance(outcome, (led.LedState, SeveralAnswered))
