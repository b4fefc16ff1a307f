"""The data of one gear, read and set: IEC 62386-102, against the emulated gear and by scripted answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.devices.gear_variables import GearProfile
from protocols.dali import gear_data
from protocols.dali.extended_fade import HIGHEST_CODE, extended_fade_code, extended_fade_s
from protocols.dali.frames import NO_ANSWER, Reply, Transmission, answered
from protocols.dali.gear_data import Settings
from protocols.dali.gear_errors import NonsenseAnswered, WriteNotTaken
from protocols.errors import ConversationFailed, NotAnswered, ProtocolError, SeveralAnswered, ValueOutOfRange
from tests.rigs.gear_on_a_table import GEAR, LoneGear

T = TypeVar("T")
COLLISION = Reply(Reply.COLLISION, None)


def scripted(conversation: Generator[Transmission, Reply, T], answers: Sequence[int | None]) -> tuple[T, list[int]]:
    """Returns the result if queries are answered in this order, and the frames that were sent."""
    left = list(answers)
    frames = []
    try:
        transmission = next(conversation)
        while True:
            frames.append(transmission.frame.value)
            value = left.pop(0) if transmission.answer else None
            transmission = conversation.send(NO_ANSWER if value is None else answered(value))
    except StopIteration as end:
        assert not left
        result: T = end.value
        return result, frames


# Device types


@pytest.mark.parametrize(
    ("answers", "types"),
    [
        ([0xFE], ()),
        ([6], (6,)),
        ([0], (0,)),
        ([253], (253,)),
        ([0xFF, 6, 50, 51, 52, 0xFE], (6, 50, 51, 52)),
        ([0xFF, 0, 6, 0xFE], (0, 6)),
        ([0xFF, 6, 0xFE], (6,)),
    ],
)
def test_device_types(answers: list[int], types: tuple[int, ...]) -> None:
    found, frames = scripted(gear_data.device_types(GEAR), answers)
    assert found == types
    assert frames == [0x0B99] + [0x0BA7] * (len(answers) - 1)


@pytest.mark.parametrize(
    "answers",
    [[0xFF, 0xFE], [0xFF, 0xFF], [0xFF, 6, 6], [0xFF, 50, 6], [0xFF, 6, 0xFF], [0xFF, *range(17)]],
)
def test_a_nonsensical_list_of_device_types_names_the_gear(answers: list[int]) -> None:
    with pytest.raises(
        NonsenseAnswered, match=r"short 5 lists its device types .* switch its mains off and on"
    ) as raised:
        scripted(gear_data.device_types(GEAR), answers)
    assert isinstance(raised.value, ConversationFailed)
    assert raised.value.address == GEAR


def test_silence_among_device_types() -> None:
    for answers in ([None], [0xFF, 6, None]):
        with pytest.raises(NotAnswered, match="short 5"):
            scripted(gear_data.device_types(GEAR), answers)


@pytest.mark.parametrize("types", [(6,), (6, 50, 51, 52), (6, 49, 50, 51, 52), ()])
def test_device_types_of_emulated_gear(types: tuple[int, ...]) -> None:
    table = LoneGear(profile=GearProfile(device_types=types))
    assert table.talk(gear_data.device_types(GEAR)) == types
    # No other frame may come between these, so they must not take long.
    assert all(frame.bond == Transmission.TIED for frame in table.frames)


def test_emulated_gear_with_device_types_out_of_order() -> None:
    with pytest.raises(NonsenseAnswered):
        LoneGear(profile=GearProfile(device_types=(50, 6, 51))).talk(gear_data.device_types(GEAR))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.none() | st.just(-1) | st.integers(0, 255), min_size=1, max_size=20))
def test_any_answers_end_in_ascending_types_or_in_our_error(answers: list[int | None]) -> None:
    replies = [NO_ANSWER if one is None else COLLISION if one < 0 else answered(one) for one in answers]
    table = LoneGear(spoil=lambda number, _t, _r: replies[(number - 1) % len(replies)])
    try:
        types = table.talk(gear_data.device_types(GEAR))
    except ConversationFailed:
        types = ()
    assert list(types) == sorted(set(types))
    assert len(table.frames) <= 18


# Versions


def test_versions() -> None:
    assert LoneGear().talk(gear_data.version(GEAR)) == (2, 0)
    assert scripted(gear_data.version(GEAR), [1])[0] == (1, 0)
    assert scripted(gear_data.version(GEAR), [0x0D])[0] == (3, 1)
    assert LoneGear().talk(gear_data.part_version(GEAR, 6)) == (2, 0)
    assert LoneGear().talk(gear_data.part_version(GEAR, 51)) == (1, 1)
    assert LoneGear().talk(gear_data.part_version(GEAR, 8)) is None
    found, frames = scripted(gear_data.part_version(GEAR, 6), [1])
    assert (found, frames) == ((1, 0), [0xC106, 0x0BFF])


# Parameters


@pytest.mark.parametrize(
    ("name", "value", "frames"),
    [
        ("power on level", 170, [0xA3AA, 0x0B2D, 0x0BA3]),
        ("system failure level", 255, [0xA3FF, 0x0B2C, 0x0BA4]),
        ("min level", 100, [0xA364, 0x0B2B, 0x0BA2]),
        ("max level", 229, [0xA3E5, 0x0B2A, 0x0BA1]),
        ("fade time", 7, [0xA307, 0x0B2E, 0x0BA5]),
        ("fade rate", 3, [0xA303, 0x0B2F, 0x0BA5]),
        ("extended fade time", 0x26, [0xA326, 0x0B30, 0x0BA8]),
    ],
)
def test_a_parameter_is_set_and_read_back(name: str, value: int, frames: list[int]) -> None:
    table = LoneGear()
    table.talk(gear_data.write_parameter(GEAR, name, value))
    assert [frame.frame.value for frame in table.frames] == frames
    assert table.talk(gear_data.read_parameter(GEAR, name)) == value
    assert name in gear_data.PARAMETERS


def test_what_the_gear_does_not_take() -> None:
    with pytest.raises(WriteNotTaken, match="short 5 keeps min level at 85 and does not take 10") as raised:
        LoneGear().talk(gear_data.write_parameter(GEAR, "min level", 10))
    assert raised.value.found == 85
    for name, value in (
        ("max level", 255),
        ("min level", 0),
        ("fade time", 16),
        ("fade rate", 0),
        ("power on level", 256),
    ):
        with pytest.raises(ValueOutOfRange, match=name):
            LoneGear().talk(gear_data.write_parameter(GEAR, name, value))


def test_the_settings_of_a_gear_after_reset() -> None:
    table = LoneGear()
    table.twice(0x0B20)
    table.wait(0.4)
    assert table.run(gear_data.read_settings(GEAR)) == Settings(85, 85, 254, 254, 254, 0, 7, 0)
    table.talk(gear_data.write_parameter(GEAR, "fade time", 9))
    table.talk(gear_data.write_parameter(GEAR, "extended fade time", 0x31))
    found = table.run(gear_data.read_settings(GEAR))
    assert (found.fade_time, found.fade_rate, found.extended_fade_time) == (9, 7, 0x31)
    assert table.slowest_piece_s <= 0.305


# Groups and scenes


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sets(st.integers(0, 15)), min_size=1, max_size=3))
def test_groups(wishes: list[set[int]]) -> None:
    table = LoneGear()
    before: set[int] = set()
    for wish in wishes:
        table.frames.clear()
        table.run(gear_data.write_groups(GEAR, sorted(wish)))
        assert set(table.talk(gear_data.read_groups(GEAR))) == wish
        changes = sum(frame.twice for frame in table.frames)
        assert changes == len(wish ^ before)
        before = wish
    assert table.slowest_piece_s <= 0.305


def test_groups_that_are_not_taken() -> None:
    table = LoneGear(spoil=lambda _n, frame, _r: answered(0x81) if frame.frame.value == 0x0BC0 else None)
    with pytest.raises(WriteNotTaken, match=r"short 5 is in the groups \[0, 7\] and not in \[3\]"):
        table.run(gear_data.write_groups(GEAR, [3]))
    with pytest.raises(ValueOutOfRange):
        table.run(gear_data.write_groups(GEAR, [16]))


def test_scenes() -> None:
    table = LoneGear()
    assert table.run(gear_data.read_scenes(GEAR)) == (255,) * 16
    table.talk(gear_data.write_scene(GEAR, 0, 0))
    table.talk(gear_data.write_scene(GEAR, 7, 200))
    table.talk(gear_data.write_scene(GEAR, 15, 254))
    assert table.run(gear_data.read_scenes(GEAR)) == (0, *(255,) * 6, 200, *(255,) * 7, 254)
    table.talk(gear_data.write_scene(GEAR, 7, 255))
    assert table.run(gear_data.read_scenes(GEAR))[7] == 255
    assert table.slowest_piece_s <= 0.305
    for number, level in ((16, 1), (0, 256), (0, -1)):
        with pytest.raises(ValueOutOfRange):
            table.talk(gear_data.write_scene(GEAR, number, level))
    deaf = LoneGear(spoil=lambda _n, frame, _r: answered(9) if frame.answer else None)
    with pytest.raises(WriteNotTaken, match="short 5 keeps 9 in scene 4 and does not take 200"):
        deaf.talk(gear_data.write_scene(GEAR, 4, 200))


def test_presence() -> None:
    table = LoneGear()
    assert table.talk(gear_data.is_present(GEAR)) is True
    table.gear.set_dead(True, table.now)
    assert table.talk(gear_data.is_present(GEAR)) is False


def test_several_gear_at_one_address() -> None:
    table = LoneGear(spoil=lambda _n, frame, _r: COLLISION if frame.answer else None)
    for conversation in (
        gear_data.device_types(GEAR),
        gear_data.version(GEAR),
        gear_data.part_version(GEAR, 6),
        gear_data.read_groups(GEAR),
        gear_data.write_parameter(GEAR, "fade time", 1),
    ):
        with pytest.raises(SeveralAnswered, match="short 5"):
            table.talk(conversation)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.just(-1) | st.integers(0, 255), min_size=1, max_size=40))
def test_any_answers_end_in_a_result_or_in_our_error(answers: list[int | None]) -> None:
    replies = [NO_ANSWER if one is None else COLLISION if one < 0 else answered(one) for one in answers]
    table = LoneGear(spoil=lambda number, _t, _r: replies[(number - 1) % len(replies)])
    for inquiry in (
        gear_data.read_settings(GEAR),
        gear_data.read_scenes(GEAR),
        gear_data.write_groups(GEAR, [1, 2, 9]),
    ):
        outcome: object = table.outcome(inquiry)
        assert not isinstance(outcome, ProtocolError) or "short 5" in str(outcome)
    assert len(table.frames) < 60


# Extended fade


@pytest.mark.parametrize(
    ("code", "seconds"),
    [(0x00, 0.0), (0x0F, 0.0), (0x10, 0.1), (0x1F, 1.6), (0x26, 7.0), (0x3F, 160.0), (0x40, 60.0), (0x4F, 960.0)],
)
def test_extended_fade(code: int, seconds: float) -> None:
    assert extended_fade_s(code) == seconds
    assert extended_fade_s(extended_fade_code(seconds)) == seconds


@given(st.floats(0, 1e6))
def test_no_extended_fade_is_nearer(seconds: float) -> None:
    best = min(abs(extended_fade_s(code) - seconds) for code in range(HIGHEST_CODE + 1))
    assert abs(extended_fade_s(extended_fade_code(seconds)) - seconds) == best


def test_extended_fades_that_are_none() -> None:
    for code in (-1, 0x50, 255):
        with pytest.raises(ValueOutOfRange):
            extended_fade_s(code)
    for seconds in (-0.1, float("nan")):
        with pytest.raises(ValueOutOfRange):
            extended_fade_code(seconds)


@pytest.mark.parametrize("swaps", [False, True])
@pytest.mark.parametrize("before", [(11, 254), (254, 22), (11, 22), (254, 254)])
def test_fail_safe_levels_are_set_also_where_the_commands_are_swapped(before: tuple[int, int], swaps: bool) -> None:
    table = LoneGear(profile=GearProfile(swaps_fail_safe_levels=swaps))
    variables = table.gear.variables
    variables.power_on_level, variables.system_failure_level = before
    assert table.run(gear_data.write_fail_safe_levels(GEAR, 254)) == (254, 254)
    assert (variables.power_on_level, variables.system_failure_level) == (254, 254)
    if before == (254, 254):
        assert [sent.frame.value for sent in table.frames] == [0x0BA3, 0x0BA4]


def test_fail_safe_levels_that_are_not_taken_or_told() -> None:
    stubborn = LoneGear(profile=GearProfile(unknown_commands=frozenset({0x2D})))
    stubborn.gear.variables.power_on_level = 11
    assert stubborn.run(gear_data.write_fail_safe_levels(GEAR, 254)) == (11, 254)
    mute = LoneGear(profile=GearProfile(unknown_commands=frozenset({0xA3})))
    mute.gear.variables.power_on_level = 11
    assert mute.run(gear_data.write_fail_safe_levels(GEAR, 254)) == (None, 254)
    assert mute.gear.variables.power_on_level == 254
