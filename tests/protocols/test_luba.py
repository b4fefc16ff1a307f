"""LUBA messages out of any bytes: from any bytes in any pieces, the reader gives only messages."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.dali_interfaces import luba
from protocols.dali_interfaces.luba import Accepted, MessageReader, Received, Sent, Status, message

GOOD = (
    (message(0x33, b"\x07\x00"), Accepted(7)),
    (message(0x31, b"\x12\x34\x00\x10\x07\x03\xa0"), Sent(0x1234, 1, 7, b"\x03\xa0")),
    (message(0x31, b"\x12\x3a\x00\x88\xfe"), Received(0x123A, 1, 8, 0xFE)),
    (message(0x2D, b"\x00\x00\x59\x07\x00\x00"), Status(0x59, 1, 0, True)),
)
NUMBERS = st.lists(st.integers(0, len(GOOD) - 1), min_size=1, max_size=12)


def cut(content: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(content) + 1) for place in cuts), len(content)]
    return [content[begin:end] for begin, end in pairwise(edges)]


def read(pieces: list[bytes]) -> list[object]:
    reader = MessageReader()
    return [one for piece in pieces for one in reader.feed(piece)] + reader.drop_rest()


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=20))
def test_any_bytes_in_any_pieces_give_the_same_messages(content: bytes, cuts: list[int]) -> None:
    assert read(cut(content, cuts)) == read([content])


@given(
    st.lists(st.sampled_from([b"\x59", b"\x31", b"\x33", b"\x2d", b"\x05", b"\x02", b"\x00", GOOD[0][0]]), max_size=60)
)
def test_what_looks_like_messages_ends_and_is_read_alike(parts: list[bytes]) -> None:
    content = b"".join(parts)
    assert read([content]) == read([bytes([byte]) for byte in content])


@given(NUMBERS, st.lists(st.integers(0, 300), max_size=20))
def test_whole_messages_are_all_read(numbers: list[int], cuts: list[int]) -> None:
    content = b"".join(GOOD[number][0] for number in numbers)
    assert read(cut(content, cuts)) == [GOOD[number][1] for number in numbers]


@given(NUMBERS, st.data())
def test_a_lost_or_broken_byte_costs_its_own_message_only(numbers: list[int], data: st.DataObject) -> None:
    contents = [GOOD[number][0] for number in numbers]
    hit = data.draw(st.integers(0, len(contents) - 1))
    place = data.draw(st.integers(0, len(contents[hit]) - 1))
    broken = data.draw(st.sampled_from([b""] + [bytes([contents[hit][place] ^ 1 << bit]) for bit in range(8)]))
    assume(broken or place == 0 or contents[hit][place] != luba.START)  # the one loss that the reader cannot see
    contents[hit] = contents[hit][:place] + broken + contents[hit][place + 1 :]
    expected = [GOOD[number][1] for number in numbers]
    del expected[hit]
    assert read([b"".join(contents)]) == expected


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_the_tick_counts_on_over_its_end(earlier: int, ticks: int) -> None:
    assert luba.ticks_between(earlier, (earlier + ticks) & 0xFFFF) == ticks


def test_what_was_passed_over_is_counted() -> None:
    reader = MessageReader()
    reader.feed(b"\x00\x01" + GOOD[0][0] + b"\x59\x31\x09")
    assert reader.noise_bytes == 2
    assert reader.drop_rest() == []
    assert reader.noise_bytes == 5
