"""DALI SCI2 messages out of any bytes: from any bytes in any pieces, the reader gives only messages."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from protocols.dali.frames import NO_ANSWER, ForwardFrame, answered
from protocols.dali_interfaces.sci2 import SIZE, Message, MessageReader

GOOD = (
    (bytes.fromhex("620000fe9c"), Message(Message.REPLY, answered(254))),
    (bytes.fromhex("6100000061"), Message(Message.REPLY, NO_ANSWER)),
    (bytes.fromhex("630003a0c0"), Message(Message.FOREIGN, ForwardFrame(16, 0x03A0))),
    (bytes.fromhex("6700000265"), Message(Message.NO_VOLTAGE, None)),
)
NUMBERS = st.lists(st.integers(0, len(GOOD) - 1), min_size=1, max_size=12)


def read(pieces: list[bytes]) -> list[Message]:
    reader = MessageReader()
    return [one for piece in pieces for one in reader.feed(piece)]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=20))
def test_any_bytes_in_any_pieces_give_the_same_messages(content: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(place % (len(content) + 1) for place in cuts), len(content)]
    assert read([content[begin:end] for begin, end in pairwise(edges)]) == read([content])


@given(st.lists(st.sampled_from([b"\x60", b"\x61", b"\x62", b"\x67", b"\x00", GOOD[0][0], GOOD[3][0]]), max_size=60))
def test_what_looks_like_messages_is_read_alike(parts: list[bytes]) -> None:
    content = b"".join(parts)
    assert read([content]) == read([bytes([byte]) for byte in content])


@given(NUMBERS)
def test_whole_messages_are_all_read(numbers: list[int]) -> None:
    assert read([GOOD[number][0] for number in numbers]) == [GOOD[number][1] for number in numbers]


@given(NUMBERS, st.data())
def test_after_a_lost_byte_the_reader_finds_its_place_again(numbers: list[int], data: st.DataObject) -> None:
    hit = data.draw(st.integers(0, len(numbers) - 1))
    place = data.draw(st.integers(0, SIZE - 1))
    broken = GOOD[numbers[hit]][0]
    reader = MessageReader()
    reader.feed(broken[:place] + broken[place + 1 :])
    # A driver does this before it sends the next command.
    reader.drop_rest()
    for number in numbers:
        assert reader.feed(GOOD[number][0]) == [GOOD[number][1]]


@given(st.sampled_from([one[0] for one in GOOD]), st.integers(0, 8 * SIZE - 1))
def test_one_flipped_bit_is_no_message(content: bytes, bit: int) -> None:
    broken = bytearray(content)
    broken[bit // 8] ^= 1 << bit % 8
    assert read([bytes(broken)]) == []


def test_what_was_passed_over_is_counted() -> None:
    reader = MessageReader()
    reader.feed(b"\x00\x01" + GOOD[0][0] + b"\x61\x00")
    assert reader.noise_bytes == 2
    reader.drop_rest()
    assert reader.noise_bytes == 4
