"""Conversations with gear on paper: the frames that they send, the results of the answers, and the failures."""

import pytest

from protocols.dali import addresses, sequences
from protocols.dali.frames import COLLISION, NO_ANSWER, Transmission, answered
from protocols.errors import Interrupted, NotAnswered, SeveralAnswered
from tests.rigs.gear_on_a_table import GearOnPaper

LAMP = addresses.short(1)


def test_locations_that_are_not_implemented_are_none() -> None:
    gear = GearOnPaper(lambda reads: 0x010203, offset=5, size=3, scale=None)
    assert gear.talk(sequences.read_bank(LAMP, 202, 4, 6)) == [None, 1, 2, 3, None, None]
    assert gear.talk(sequences.read_bank(LAMP, 203, 5, 2)) == [None, None]


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
