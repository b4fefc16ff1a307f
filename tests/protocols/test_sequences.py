"""Conversations, played against gear on paper: what they send, what they make of the answers, and when they fail."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import addresses, memory_banks, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, Transmission, answered
from protocols.dali.memory_banks import MASKED, TEMPORARILY_MASKED
from protocols.dali.sequences import EnergyRegister
from protocols.errors import Interrupted, NotAnswered, SeveralAnswered
from tests.rigs.gear_on_paper import GearOnPaper

LAMP = addresses.short(1)


def test_a_reading_sends_six_reads_after_two_loads() -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6)
    assert gear.talk(sequences.read_energy(LAMP, 1)) == EnergyRegister(0x0102030405F6, None)
    assert gear.frames == [0xC3CA, 0xA305] + [0x03C5] * 6


@pytest.mark.parametrize("before", [0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF, 0xFFFFFFFFFF, 0x12FFFFFFFF])
@pytest.mark.parametrize("torn_at", range(12))
def test_a_reading_that_a_carry_tears_is_not_believed(before: int, torn_at: int) -> None:
    gear = GearOnPaper(lambda reads: before + (reads >= torn_at))
    found = gear.talk(sequences.read_energy(LAMP, 1))
    assert found.count in (before, before + 1)


@given(start=st.integers(0, 2**48 - 2000), at=st.lists(st.integers(0, 13), max_size=4), most=st.integers(4, 127))
def test_no_reading_is_ever_torn(start: int, at: list[int], most: int) -> None:
    gear = GearOnPaper(lambda reads: start + sum(reads >= moment for moment in at))
    found = gear.talk(sequences.read_energy(LAMP, most))
    assert start <= found.count <= start + len(at)


@given(start=st.integers(0, 2**32), rate=st.integers(1, 21))
def test_no_reading_of_a_fast_register_is_torn(start: int, rate: int) -> None:
    gear = GearOnPaper(lambda reads: start + rate * reads)
    found = gear.talk(sequences.read_energy(LAMP, 6 * rate))
    assert start <= found.count <= start + 11 * rate


def test_a_register_that_is_too_fine_is_latched_and_read_once() -> None:
    gear = GearOnPaper(lambda reads: 0xFFFF + 40 * reads)
    assert gear.talk(sequences.read_energy(LAMP, 240)) == EnergyRegister(0xFFFF, None)
    assert gear.frames == [
        *[0xC3CA, 0xA302, 0x0381, 0xC9AA],  # latched
        *[0xC3CA, 0xA305] + [0x03C5] * 6,  # read
        *[0xC3CA, 0xA302, 0x0381, 0xC9FF],  # released: a forgotten latch would give this value for ever
        0x0396,  # and closed
    ]
    assert gear.reads == 6


@pytest.mark.parametrize(("content", "mask"), [(b"\xff" * 6, MASKED), (b"\xff" * 5 + b"\xfe", TEMPORARILY_MASKED)])
def test_masks_are_results(content: bytes, mask: str) -> None:
    gear = GearOnPaper(lambda reads: int.from_bytes(content, "big"))
    assert gear.talk(sequences.read_energy(LAMP, 1)) == EnergyRegister(None, mask)


@pytest.mark.parametrize("silent_at", range(6))
@pytest.mark.parametrize("most_counts", [1, 200])
def test_a_gear_that_falls_silent_in_the_middle(silent_at: int, most_counts: int) -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6)
    gear.replies[silent_at] = NO_ANSWER
    with pytest.raises(NotAnswered, match="short 1"):
        gear.talk(sequences.read_energy(LAMP, most_counts))


@pytest.mark.parametrize("collides_at", range(6))
def test_two_gear_at_one_address(collides_at: int) -> None:
    gear = GearOnPaper(lambda reads: 0x0102030405F6)
    gear.replies[collides_at] = COLLISION
    with pytest.raises(SeveralAnswered, match="short 1"):
        gear.talk(sequences.read_energy(LAMP, 1))


def test_locations_that_are_not_implemented_are_none() -> None:
    gear = GearOnPaper(lambda reads: 0x010203, offset=5, size=3)
    assert gear.talk(sequences.read_bank(LAMP, 202, 4, 6)) == [None, 1, 2, 3, None, None]
    assert gear.talk(sequences.read_bank(LAMP, 203, 5, 2)) == [None, None]


def _always(count: int) -> Callable[[int], int]:
    return lambda reads: count


def test_exponents() -> None:
    for byte, expected in ((0xFF, -1), (0, 0), (6, 6), (0x7F, None)):
        gear = GearOnPaper(_always(byte), offset=4, size=1)
        assert gear.talk(sequences.read_exponent(LAMP, 4)) == expected
    with pytest.raises(NotAnswered, match="bank 202"):
        GearOnPaper(lambda reads: 0).talk(sequences.read_exponent(LAMP, memory_banks.ACTIVE_POWER.offset))


def test_query_value_takes_one_answer_and_no_other() -> None:
    conversation = sequences.query_value(LAMP, "QUERY STATUS")
    assert next(conversation).frame.value == 0x0390
    with pytest.raises(StopIteration) as ended:
        conversation.send(answered(0))
    assert ended.value.value == 0
    for reply, error in ((NO_ANSWER, NotAnswered), (COLLISION, SeveralAnswered)):
        conversation = sequences.query_value(LAMP, "QUERY STATUS")
        next(conversation)
        with pytest.raises(error, match="QUERY STATUS"):
            conversation.send(reply)


def test_query_leaves_the_reply_as_it_is() -> None:
    for reply in (NO_ANSWER, COLLISION, answered(7)):
        conversation = sequences.query(LAMP, "QUERY SCENE LEVEL", 3)
        assert next(conversation).frame.value == 0x03B3
        with pytest.raises(StopIteration) as ended:
            conversation.send(reply)
        assert ended.value.value == reply


def test_parameters_go_through_dtr0() -> None:
    gear = GearOnPaper(lambda reads: 0)
    gear.talk(sequences.set_parameter(LAMP, "SET POWER ON LEVEL", 229))
    gear.talk(sequences.dim(addresses.BROADCAST, 0))
    assert gear.frames == [0xA3E5, 0x032D, 0xFE00]


def test_no_fade_is_neither_a_fade_time_nor_an_extended_one() -> None:
    sent = list(sequences.set_no_fade(addresses.BROADCAST))
    assert [(each.frame.value, each.twice) for each in sent] == [(0xA300, False), (0xFF2E, True), (0xFF30, True)]


def test_a_dtr_of_all_gear_is_loaded() -> None:
    assert [sent.frame.value for number in range(3) for sent in sequences.load_dtr(number, 0xA5)] == [
        0xA3A5,
        0xC3A5,
        0xC5A5,
    ]


def test_what_others_keep_interrupting_fails_in_the_end() -> None:
    for conversation in (
        sequences.read_bank(LAMP, 202, 4, 1),
        sequences.write_bank(LAMP, 1, 9, (5,)),
        sequences.set_parameter(LAMP, "SET FADE TIME", 5),
        sequences.set_no_fade(LAMP),
    ):
        next(conversation)
        for _ in range(sequences.TRIES - 1):
            conversation.throw(Interrupted("something came in between"))
        with pytest.raises(Interrupted, match="short 1"):
            conversation.throw(Interrupted("something came in between"))


def test_a_write_is_open_to_levels_but_not_done_until_its_last_byte() -> None:
    bonds = [(sent.frame.value, sent.bond) for sent in sequences.write_bank(LAMP, 1, 9, (5, 6))]
    loading = [(value, Transmission.LOOSE) for value in (0xC301, 0xA309)]
    writing = [(value, Transmission.WRITING) for value in (0x0381, 0xC905)]
    assert bonds == [*loading, *writing, (0xC906, Transmission.LOOSE)]
